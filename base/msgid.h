/* SPDX-License-Identifier: BSD-3-Clause
 * msgid.h - 13 characters that name a mail or a session: sortable by time, unique over nodes and cores
 *
 * Shape   64 bits: 32 seconds since 1970, 8 node, 6 core, 18 sequence; text is Crockford's base32, most significant first.
 * Limit   262,144 ids a second and core before one could repeat.
 * Thread  Any; pure functions.
 */
#pragma once
#include "base/base.h"

#define MSGID_CHARS 13

static inline uint64_t
msgid_make(uint64_t wall_us, unsigned node, unsigned core, uint32_t seq)
{
	return (uint64_t)(uint32_t)(wall_us / 1000000u) << 32 | (uint64_t)(node & 0xff) << 24 |
	       (uint64_t)(core & 0x3f) << 18 | (seq & 0x3ffff);
}

/* 13 characters and a NUL. */
void msgid_format(uint64_t id, char out[MSGID_CHARS + 1]);

/* Accepts lower case; false on any other length or character. */
bool msgid_parse(struct span text, uint64_t *out);
