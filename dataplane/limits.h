/* SPDX-License-Identifier: BSD-3-Clause
 * limits.h - what one source address may do: connections, mails and failed recipients; and its prefix: connections
 *
 * Why     A single sender must not take what belongs to all (interfaces: limits per address), nor one that has many addresses of
 *         one network; the answer is a 421 that it can come back from, never a silence. Flows of one source land on all cores,
 *         so the counts are the node's. Who comes through a trusted proxy is counted by its own address, the proxy never.
 * Owner   The table: the node, one made at start. A session holds a reference to its source's entry and one to its prefix's:
 *         they are what counts as a connection.
 * Thread  Any worker. An entry's fields are relaxed atomics; `refs` is taken by compare-and-swap (acquire, pairs with the
 *         release that fills an entry), so an entry that is held is never another source's. Entries are made under the
 *         claim of their set (acquire, pairs with the release that ends it), so that a source has one. No one waits for a
 *         claim longer than LIMITS_CLAIM_TRIES.
 * Limit   A bounded table: IPv4 by address and /24, IPv6 by /64 and /48; sets of 8, where the source unseen for longest gives way, one with
 *         connections never. Addresses that find no place, or not the claim, share one entry of their set, prefixes another, with the
 *         limits of LIMITS_WAYS of them together (full_cnt): mail goes on, and who would gain by a crowded set has a bound.
 *         Keys are SipHash of the address: two of them collide once in 2^64 pairs, which is accepted.
 */
#pragma once
#include "base/addr.h"
#include "base/siphash.h"

#define LIMITS_WINDOW_US   (60ull * 1000000)
#define LIMITS_WAYS        8
#define LIMITS_CLAIM_TRIES 256 /* a claim is held for some hundred cycles */

enum limits_what { LIMITS_MAILS, LIMITS_FAILED_RCPTS, LIMITS_KINDS };

/* 0: no limit. */
struct limits_config {
	bool enabled; /* limits.per_address */
	uint32_t connections;
	uint32_t per_minute[LIMITS_KINDS];
	uint32_t half_open_per_prefix; /* a /24 or /48 in a worker's SYN queue */
	uint32_t connections_per_prefix;
};

struct limits_table; /* the node's */
struct limits_source;

/* At least `entries` (rounded up to a power of two), 41 bytes each. NULL without memory. */
struct limits_table *limits_table_new(uint64_t entries, const struct siphash_key *key);
void limits_table_free(struct limits_table *t); /* NULL is harmless */

/* A worker's view of it. */
struct limits {
	struct limits_table *table;
	struct limits_config cfg;
	uint64_t full_cnt; /* times that a source found no place */
};

/* A connection of `a` came: true when it may stay. *held is the entry that it holds, NULL when limits are off. */
bool limits_connect(struct limits *l, const struct addr *a, uint64_t now_us,
                    struct limits_source **held);
/* The same for its /24 or /48, with a reference of its own. */
bool limits_connect_prefix(struct limits *l, const struct addr *a, uint64_t now_us,
                           struct limits_source **held);
/* Does it stand for all that found no place in their set? `s` is not NULL. */
bool limits_is_shared(const struct limits *l, const struct limits_source *s);
/* The connection went; held may be NULL. */
void limits_disconnect(struct limits_source *held, uint64_t now_us);

/* References that are held, of all entries: 0 once every connection went. For tests; no core may be at work. */
uint64_t limits_held(const struct limits_table *t);

/* One more of `what` by the holder of *held, which gets an entry now if it has none (limits were off when it came):
 * false when that is more than a minute may have. */
bool limits_count(struct limits *l, const struct addr *a, struct limits_source **held,
                  enum limits_what what, uint64_t now_us);
