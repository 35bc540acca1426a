/* SPDX-License-Identifier: BSD-3-Clause
 * literal.h - what every match of an expression must contain
 *
 * Why     An expression behind a literal that ordinary mail seldom has costs nothing until the literal is seen (engine.md,
 *         finding 4). The set is an "or": each match contains at least one of its strings, whatever their case.
 * Owner   The caller's struct.
 * Thread  Any.
 * Limit   LITERALS_MAX strings of LITERAL_MAX_BYTES; an expression that is not understood has none, which is always right.
 * Source  Cox, "Regular Expression Matching with a Trigram Index" (2012): exact sets joined over a concatenation, the best kept.
 */
#pragma once
#include "base/base.h"

#define LITERALS_MAX      128
#define LITERAL_MAX_BYTES 16
#define LITERAL_FAR       (1u << 30)

struct literal {
	uint8_t len;
	char text[LITERAL_MAX_BYTES]; /* lower case */
};

struct literal_set {
	unsigned cnt; /* 0: nothing is required */
	double bits; /* how rare the commonest is: -log2 of its chance at a place, of all together */
	unsigned
	        lead; /* bytes between the start of a match and one of them at most; LITERAL_FAR: no bound */
	struct literal item[LITERALS_MAX];
};

/* literal_common.c: has ordinary mail such text anywhere? */
bool literal_is_common(const struct literal *l);

/* Bytes of "[:alpha:]" that s begins with, 0: none. What has no ":]" right behind its name PCRE2 reads byte by byte. */
size_t literal_named_class(struct span s);

/* text: PCRE syntax, a leading "(?x)" counts. */
void literal_require(struct span text, struct literal_set *out);
