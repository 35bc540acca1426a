/* SPDX-License-Identifier: BSD-3-Clause
 * log_recent.h - the last lines of the log that have an id, in a ring of bytes
 *
 * Owner   The log; under its lock.
 * Limit   A fixed number of bytes and lines; the oldest go.
 */
#pragma once
#include "base/base.h"
#include <jansson.h>

struct recent;

/* line_cnt: a power of two. */
struct recent *recent_new(size_t bytes, uint32_t line_cnt);
void recent_free(struct recent *r);
void recent_add(struct recent *r, uint64_t id, struct span line);
/* Appends parsed lines of this id to the array, oldest first. */
void recent_find(const struct recent *r, uint64_t id, json_t *out);
