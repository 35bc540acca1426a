/* SPDX-License-Identifier: BSD-3-Clause
 * words_class.h - what the bytes of folded text are, and which runs of them are hosts
 *
 * Thread  Any.
 */
#pragma once
#include "base/base.h"

enum class {
	C_LETTER = 1u << 0,
	C_DIGIT = 1u << 1,
	C_HIGH = 1u << 2, /* of a character that is not ASCII */
	C_SIGN = 1u << 3, /* a word by itself */
	C_DOT = 1u << 4,
	C_AT = 1u << 5,
	C_COLON = 1u << 6,
	C_LINE = 1u << 7, /* what lines across a page are made of */
	C_OTHER = 1u << 8,
};
#define C_WORD (C_LETTER | C_DIGIT | C_HIGH)

extern const uint16_t words_class_of[256]; /* enum class */

/* "http://…", "www.x.example", "x.example.com/y": no words in it. classes: of its bytes, or-ed. */
bool words_is_host(struct span s, unsigned classes);
