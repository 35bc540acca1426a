/* SPDX-License-Identifier: BSD-3-Clause
 * show.h - the daemon's JSON as lines for people
 *
 * Why     Pure: JSON in, text out, so that tests need no daemon.
 * Errors  A member that is missing shows as 0 or nothing.
 */
#pragma once
#include "base/base.h"
#include <jansson.h>
#include <time.h>

/* Text from strangers: control characters show as \x1b, so that no mail moves the reader's terminal. */
void show_text(FILE *f, const char *s);
/* An array of texts, a line each. */
void show_lines(FILE *f, const json_t *lines);

void show_status(FILE *f, const json_t *status);
void show_errors(FILE *f, const json_t *counters);
void show_bans(FILE *f, const json_t *bans, time_t now);
/* A log line: time, event, then key=value. */
void show_event(FILE *f, const json_t *event);
void show_customers(FILE *f, const json_t *customers);
/* A line of scan's JSON: one line, or with its reasons. */
void show_scan(FILE *f, const json_t *scan, bool is_explained);

/* "1.5 GiB", "2d 3h". out: 24 bytes. */
void show_bytes(char out[24], uint64_t n);
void show_span(char out[24], uint64_t seconds);
/* "30s", "5m", "1h", "7d", "90" (seconds); false on anything else. */
bool show_parse_span(const char *text, uint64_t *seconds);
