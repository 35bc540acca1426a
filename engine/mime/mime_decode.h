/* SPDX-License-Identifier: BSD-3-Clause
 * mime_decode.h - transfer encodings as streams: base64, quoted-printable, uuencode
 *
 * Why     Inside engine/mime only. Lies are tolerated and flagged (MIME_F_BAD_*), as mail programs do.
 * Owner   The state is the caller's.
 * RFC     2045 6.7, 6.8; POSIX uuencode (historical).
 */
#pragma once
#include "engine/mime/mime.h"

#define MIME_UU_LINE_MAX 128
#define MIME_DEC_CAP_MIN 256 /* least room for output */
#define MIME_QP_BLANKS   16  /* blanks between '=' and the line end that still make a soft break */

struct mime_dec {
	enum mime_encoding encoding;
	uint32_t flags;
	uint32_t acc; /* base64: bits of an open group of 4 */
	uint8_t quad; /* base64: characters in it */
	bool has_pad; /* base64: '=' was seen */
	bool in_uu;   /* uuencode: after "begin" */
	uint8_t held_len;
	char held[MIME_UU_LINE_MAX]; /* qp: an escape that is cut; uuencode: a line that is cut */
};

void mime_dec_begin(struct mime_dec *d, enum mime_encoding e);

/* Take from *in, write to out; returns bytes written. Takes all of *in or fills out nearly. */
size_t mime_dec_feed(struct mime_dec *d, struct span *in, char *out, size_t cap);
size_t mime_dec_end(struct mime_dec *d, char *out, size_t cap);

/* Value of a base64 character, or -1. */
int mime_b64_value(unsigned char c);
int mime_hex_value(unsigned char c);
