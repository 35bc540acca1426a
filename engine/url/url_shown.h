/* SPDX-License-Identifier: BSD-3-Clause
 * url_shown.h - does a link show another host than the one it leads to?
 *
 * Why     "<a href=https://evil.example/>https://www.bank.example/login</a>": the reader looks at the text.
 * Owner   The caller's storage, one per scan slot; all zero but set is ready to use.
 * Thread  One.
 * Limit   URL_SHOWN_MAX bytes of a link's text; a URL that begins in them counts.
 */
#pragma once
#include "engine/url/url.h"

#define URL_SHOWN_MAX 256

struct url_shown {
	struct url_set *set;
	unsigned link; /* index + 1 of the URL the link leads to; 0: no link is open */
	size_t len;
	char text[URL_SHOWN_MAX];
};

void url_shown_reset(struct url_shown *s, struct url_set *set);

/* A link begins (and ends one that was open); u: what its href gave, NULL when it is none that we take. */
void url_shown_begin(struct url_shown *s, const struct url *u);
void url_shown_feed(struct url_shown *s, struct span text); /* shown text; any cut */

/* The link ends. Its URL gets URL_F_MISMATCH when the text has a URL with scheme, or is one word that begins with "www." or
 * has a path, of a registrable domain (or address; no shortener) that neither the link nor a target inside it has. */
void url_shown_end(struct url_shown *s);
