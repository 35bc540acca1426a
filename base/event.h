/* SPDX-License-Identifier: BSD-3-Clause
 * event.h - fixed-size records from a worker to the log thread, through a ring of one producer and one consumer
 *
 * Why     Workers never log (architecture): they push a record and go on; full means dropped and counted.
 * Owner   The ring owns its slots; a record is copied in and copied out.
 * Thread  event_push(): the worker. event_pop(): the log thread. head and tail pair by release and acquire.
 * Limit   Texts share EVENT_TEXT_BYTES and are cut to what fits.
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"

#define EVENT_NUMS       6
#define EVENT_TEXTS      6
#define EVENT_TEXT_BYTES 896

enum event_kind {
#define EVENT(name, log, nums, texts) EVENT_##name,
#include "base/events.def"
#undef EVENT
	EVENT_KINDS
};

struct event {
	uint64_t wall_us;
	uint64_t id;        /* message or session id (msgid.h); 0: none */
	struct addr client; /* all zero: none */
	uint64_t num[EVENT_NUMS];
	uint16_t text_len[EVENT_TEXTS];
	uint16_t kind;
	uint16_t worker;
	char text[EVENT_TEXT_BYTES]; /* texts one after the other, no NUL */
};

struct event_desc {
	const char *log_name;
	const char *num_names[EVENT_NUMS + 1];   /* NULL ends */
	const char *text_names[EVENT_TEXTS + 1]; /* NULL ends */
};

extern const struct event_desc event_descs[EVENT_KINDS];

struct event_ring {
	struct event *slots;
	uint32_t cnt;               /* a power of two */
	_Alignas(64) uint32_t head; /* next to write; the producer's */
	uint64_t dropped_cnt;
	_Alignas(64) uint32_t tail; /* next to read; the consumer's */
};

/* 0 or -ENOMEM; cnt is a power of two. */
int event_ring_init(struct event_ring *r, uint32_t cnt);
void event_ring_fini(struct event_ring *r);

/* A slot to fill in place, or NULL when full (counted). Fill it, then event_commit(). */
struct event *event_begin(struct event_ring *r, enum event_kind kind, uint64_t id,
                          uint64_t wall_us);
void event_commit(struct event_ring *r);

/* Append text number i (in order, each at most once); cut to the room left. */
void event_text(struct event *e, unsigned i, struct span s);
struct span event_text_of(const struct event *e, unsigned i);

/* Copies the oldest record; false when empty. */
bool event_pop(struct event_ring *r, struct event *out);
