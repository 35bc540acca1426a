/* SPDX-License-Identifier: BSD-3-Clause
 * match.h - segments of a script against those of the stack: to bytes, compared, as text
 *
 * Thread  One.
 */
#pragma once
#include "tests/packet/stack.h"

#define MATCH_TEXT 600

/* The script's segment as the peer sends it. */
void match_build(const struct script_seg *g, struct seg_value *out);

bool match_number(const struct script_num *n, int64_t got);

/* Does what left fit? If not: *col is where in the script's line it does not. */
bool match_out(const struct script_line *l, const struct stack_out *o, int *col);

/* In the script's own words; `out` holds MATCH_TEXT bytes. */
const char *match_text_out(const struct stack_out *o, char *out);
