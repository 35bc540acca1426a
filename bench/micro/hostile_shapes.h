/* SPDX-License-Identifier: BSD-3-Clause
 * hostile_shapes.h - mails that are made to be slow, of any size
 *
 * Why     Each shape repeats what one stage finds hard: boundaries, fields, broken base64, entities, URLs, matches, CSS, numbers.
 * Owner   What hostile_make() returns is the caller's, malloc'ed.
 * Thread  Any.
 */
#pragma once
#include "base/base.h"

struct hostile_shape {
	const char *name;
	size_t bytes;     /* of the smaller mail */
	const char *head; /* fields and what comes before the first unit */
	/* Writes unit number i, at most HOSTILE_UNIT bytes; returns how many. */
	size_t (*unit)(char *out, size_t i);
};

#define HOSTILE_UNIT 256

/* Ends with a row without a name. */
extern const struct hostile_shape hostile_shapes[];

/* The head and units until there are `bytes`. */
struct span hostile_make(const struct hostile_shape *s, size_t bytes);
