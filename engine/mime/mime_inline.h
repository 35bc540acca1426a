/* SPDX-License-Identifier: BSD-3-Clause
 * mime_inline.h - files that were uuencoded into plain text: "begin 644 name", lines, "end"
 *
 * Why     Inside engine/mime only. Before MIME files were sent like that; Outlook and others still show one as an attachment. The
 *         text keeps these lines (other programs show them), so nothing that looks like a file can hide text.
 * Owner   The state is the caller's; it keeps one line.
 * Limit   MIME_INLINE_LINE bytes of a line; a file begins only when a line that is uuencoded follows "begin", so that
 *         a sentence which begins with that word is none.
 */
#pragma once
#include "engine/mime/mime_decode.h"

#define MIME_INLINE_LINE 256

enum mime_inline_state {
	MIME_INLINE_TEXT,
	MIME_INLINE_BEGUN, /* "begin 644 name" was the line before */
	MIME_INLINE_FILE,
};

enum mime_inline_event {
	MIME_INLINE_NOTHING,
	MIME_INLINE_BEGIN, /* mime_inline.name is the file's; data follows */
	MIME_INLINE_DATA,
	MIME_INLINE_END,
};

struct mime_inline {
	enum mime_inline_state state;
	bool is_bol,
	        is_whole; /* whole: line holds a whole line, which mime_inline_line() is to see */
	bool is_long;
	unsigned len;
	size_t name_len;
	char line[MIME_INLINE_LINE], name[MIME_INLINE_LINE];
};

void mime_inline_begin(struct mime_inline *u);

/* Bytes of text up to and with the end of the next line that matters (then is_whole is set), else all of s. */
size_t mime_inline_take(struct mime_inline *u, struct span s);

/* The line that is held. Bytes of the file go to out (MIME_UU_LINE_MAX); *n how many, with BEGIN too. *is_bad: a line between
 * begin and end that is none of uuencode. */
enum mime_inline_event mime_inline_line(struct mime_inline *u, char *out, size_t *n, bool *is_bad);
