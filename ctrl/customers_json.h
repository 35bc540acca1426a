/* SPDX-License-Identifier: BSD-3-Clause
 * customers_json.h - how a JSON object is read: a table of keys, a path for messages; shared by customers*.c alone
 *
 * Owner   One struct reader a parse, on its caller's stack.
 * Thread  Slow path.
 */
#pragma once
#include "ctrl/customers.h"

struct reader {
	struct customers *out;
	struct settings_errors *errors;
	char path[512]; /* "FILE: customers[0].route" */
};

/* Reads the value of one key into `into`. */
typedef void (*read_fn)(struct reader *r, const json_t *v, void *into);

struct key {
	const char *name;
	read_fn read;
	size_t at;
};

void json_fail(struct reader *r, const char *fmt, ...) PRINTF(2, 3);

/* Append to the path; returns its old length for json_leave(). */
size_t json_enter(struct reader *r, const char *fmt, ...) PRINTF(2, 3);
void json_leave(struct reader *r, size_t n);

void json_read_object(struct reader *r, const json_t *v, const struct key *keys, size_t key_cnt,
                      void *into);

/* Every element of an array into consecutive structs; returns how many, *out is in the arena. */
size_t json_read_array(struct reader *r, const json_t *v, size_t bytes, read_fn read, void **out);
void json_read_text(struct reader *r, const json_t *v, void *into);  /* struct span */
void json_read_texts(struct reader *r, const json_t *v, void *into); /* struct snapshot_span_list */
void json_read_bool(struct reader *r, const json_t *v, void *into);
bool json_read_integer(struct reader *r, const json_t *v, int64_t lo, int64_t hi, int64_t *out);

/* Index of the word in a list ended by NULL, or -1 with an error. */
int json_read_word(struct reader *r, const json_t *v, const char *const *words);

/* customers_route.c: struct policy_route */
void customers_read_route(struct reader *r, const json_t *v, void *into);
