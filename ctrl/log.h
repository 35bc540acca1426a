/* SPDX-License-Identifier: BSD-3-Clause
 * log.h - the log: one JSON object a line, written by one thread that drains the workers' event rings
 *
 * Why     Workers never log; control's own events (reload, ban, drain) take the same way, so the file has one writer. Lines that
 *         carry an id are kept in memory too, so that `weirctl why ID` answers without reading the file.
 * Owner   struct log owns file and memory; the rings are main's.
 * Thread  log_start() makes the thread. log_control(), log_find(), log_reopen() and the figures: any thread.
 * Limit   RECENT_BYTES of recent lines; CONTROL_LINES of waiting control lines. Kinds that a flood of strangers can produce
 *         are cut at LOG_RATE lines a second each (burst LOG_BURST); "mail" and "verdict" never.
 * Errors  What could not be written is counted and said in the next line that can be.
 *
 * Schema  docs/operations.md; rows of base/events.def.
 */
#pragma once
#include "base/event.h"
#include <jansson.h>

#define LOG_RATE     2000
#define LOG_BURST    10000
#define RECENT_BYTES (16u << 20)
#define RECENT_LINES 65536u /* a power of two */

struct log;

struct log_figures {
	uint64_t lines, bytes, write_errors, lost_lines;
	uint64_t suppressed[EVENT_KINDS];
	uint64_t ring_dropped; /* by workers, their rings were full */
};

/* path "": standard error. 0 or -errno. rings[i] may be NULL. */
int log_new(const char *path, struct event_ring *const *rings, size_t ring_cnt, struct log **out);
int log_start(struct log *l);
void log_reopen(struct log *l, const char *path);
/* Writes all that waits, then ends the thread. Producers must have ended. */
void log_stop(struct log *l);
void log_free(struct log *l);

/* A line of control's own: "event" and the members of `fields` (stolen, may be NULL). */
void log_control(struct log *l, const char *event, json_t *fields);

void log_figures(struct log *l, struct log_figures *out);

/* Lines with this id, oldest first, as a JSON array of objects: from memory, and from the file when memory has none. */
json_t *log_find(struct log *l, const char *id);

/* One line with its newline; returns its length, less than cap. Pure. */
#define LOG_LINE_MAX 8192
size_t log_format(const struct event *e, char *out, size_t cap);
