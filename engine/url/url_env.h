/* SPDX-License-Identifier: BSD-3-Clause
 * url_env.h - starter lists inside engine/url; the suffix list is in url.h
 *
 * Thread  Any; constants and pure functions.
 */
#pragma once
#include "engine/url/url.h"

bool url_is_shortener(struct span registrable);
bool url_is_redirector(struct span registrable);

/* For tables in memory: fast, not against an attacker who counts collisions; those tables are bounded. */
uint32_t url_hash(struct span s);
