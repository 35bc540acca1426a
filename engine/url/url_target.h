/* SPDX-License-Identifier: BSD-3-Clause
 * url_target.h - where a URL leads that carries another: inside engine/url only
 *
 * Why     A list cannot have every click counter and every page that sends on; it has the page that they send to.
 * Thread  One for a set.
 */
#pragma once
#include "engine/url/url.h"

/* One URL at depth; url_add() is depth 0. */
struct url *url_add_at(struct url_set *s, struct span raw, uint32_t extra, uint32_t part,
                       unsigned depth);

/* Entry of a canonical form, or NULL. */
struct url *url_of_canonical(struct url_set *s, struct span canonical);

/* Adds the targets in u's path and query (as written); returns the canonical form of the first, len 0 without. Taken:
 *  - http:// and https:// anywhere, percent-coded up to URL_REDIRECTS_MAX times;
 *  - the same in base64, also behind the two characters that one search engine puts before it;
 *  - "//host" and hosts without scheme in parameters that are named for it (url=, redirect=, goto= …), or in any one of a known redirector;
 *  - Proofpoint's own codings (versions 2 and 3). */
struct span url_targets(struct url_set *s, const struct url *u, struct span path, uint32_t extra,
                        uint32_t part, unsigned depth);
