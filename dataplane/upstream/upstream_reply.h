/* SPDX-License-Identifier: BSD-3-Clause
 * upstream_reply.h - what a customer's server answered, as far as a sender is told
 *
 * Why     One shape for answers that pass through, that are cached and that we make up in the server's place.
 * Owner   A plain value. Text is clean already: no control characters, no private names (smtp_reply.h).
 * Limit   UPSTREAM_TEXT_MAX bytes of text: with code and our id it fits a reply line of SMTP_REPLY_MAX.
 */
#pragma once
#include "base/base.h"

#define UPSTREAM_TEXT_MAX 400

struct upstream_reply {
	uint16_t code;
	uint16_t text_len;
	uint8_t enhanced_len;         /* 0: the server gave none */
	char enhanced[11];            /* "5.1.1" without a space */
	char text[UPSTREAM_TEXT_MAX]; /* lines joined by a space */
};

static inline struct span
upstream_reply_enhanced(const struct upstream_reply *r)
{
	return span(r->enhanced, r->enhanced_len);
}

static inline struct span
upstream_reply_text(const struct upstream_reply *r)
{
	return span(r->text, r->text_len);
}

/* An answer of our own making. */
static inline void
upstream_reply_set(struct upstream_reply *r, unsigned code, const char *enhanced, const char *text)
{
	size_t e = MIN(strlen(enhanced), sizeof(r->enhanced)),
	       t = MIN(strlen(text), sizeof(r->text));

	r->code = (uint16_t)code;
	r->enhanced_len = (uint8_t)e;
	r->text_len = (uint16_t)t;
	memcpy(r->enhanced, enhanced, e);
	memcpy(r->text, text, t);
}
