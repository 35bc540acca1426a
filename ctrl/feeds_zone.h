/* SPDX-License-Identifier: BSD-3-Clause
 * feeds_zone.h - rbldnsd's zone files and rspamd's maps as lines of our lists
 *
 * Why     DNS black lists come as the zone files of rbldnsd(8): entries with ranges and exceptions, each with the address that a query
 *         would get (its return code) and a text. A line becomes one line of ours, so that line numbers stay, with code and text as
 *         its comment: `weirctl lookup` shows them.
 *         A feed may take some codes only: `codes` ("2, 4-7", last octets of 127.0.0.x) or `bits` ("8, 64": SURBL and URIBL, where the last
 *         octet is a mask of lists).
 * Limit   Codes that say "no answer for you" are never an entry, whatever was asked for: 127.255.255.x (Spamhaus), 127.0.0.255 (DNSWL),
 *         127.0.0.1 and, with `bits`, an odd last octet (SURBL, URIBL), and all outside 127.0.0.0/8 (RFC 5782 2.1).
 * Errors  A line that is none comes out as its first word, which the engine does not take: it skips, counts and names it.
 */
#pragma once
#include "base/base.h"

enum zone_kind {
	ZONE_IP4, /* ip4set, ip4trie: addresses, prefixes, ranges, with octets left out */
	ZONE_IP6, /* ip6trie: prefixes, with groups left out at the end or by "::" */
	ZONE_DNS, /* dnset: name, .name, *.name */
};

struct zone_codes {
	bool is_any;       /* neither codes nor bits were given */
	uint8_t bits;      /* 0: by code */
	uint64_t octet[4]; /* bit n: last octet n is asked for */
};

/* Both texts as in the configuration, "" for none; false when they are neither or both. */
bool zone_codes_parse(struct span codes, struct span bits, struct zone_codes *out);

/* Is an entry of this return code (host order) listed? */
bool zone_code_is_listed(const struct zone_codes *c, uint32_t code);

/* Bytes that zone_read() and map_read() need for this text. */
size_t zone_room(struct span in);

/* The text as lines of a list; returns its length. *has_others: there are entries whose codes were not asked for. */
size_t zone_read(enum zone_kind kind, const struct zone_codes *codes, struct span in, char *out,
                 bool *has_others);

/* rspamd's map of domains: the first word of each line. */
size_t map_read(struct span in, char *out);
