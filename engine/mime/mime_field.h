/* SPDX-License-Identifier: BSD-3-Clause
 * mime_field.h - what is inside one header field: parameters and encoded words
 *
 * Why     Inside engine/mime only. Pure functions over a whole field.
 * RFC     2045 5.1, 2047, 2231. Linear in the field.
 */
#pragma once
#include "engine/mime/mime.h"

#define MIME_SEGMENTS_MAX 32 /* of one RFC 2231 parameter in pieces */

enum mime_param_mode {
	MIME_PARAM_RAW, /* boundary, charset: bytes as they are */
	MIME_PARAM_WORDS, /* names: RFC 2047 words (forbidden there, everywhere used) and charsets to UTF-8 */
};

/* The first token ("text/html", "attachment", "base64"), lower case; bytes written, 0 when there is none. */
size_t mime_token(struct span value, char *out, size_t cap);

/* Parameter want of a field body, plain or in RFC 2231 pieces; bytes written. */
size_t mime_param(struct span value, const char *want, enum mime_param_mode mode, char *out,
                  size_t cap, const struct mime_ops *ops, void *ctx);

bool mime_is_utf8(struct span s);
