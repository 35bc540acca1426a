/* SPDX-License-Identifier: BSD-3-Clause
 * memo.h - a bounded table of things to remember for a while, keyed by a keyed 64-bit hash
 *
 * Why     RCPT answers, live asks, split transactions and counts per source are all "remember this until then"; one
 *         table does them, so that one place shows that outsiders cannot make it grow.
 * Owner   memo_init() to memo_fini(); a value returned is valid until the next memo_put().
 * Thread  The worker.
 * Limit   Entries given at memo_init(), in sets of 8: what expires first gives way, a pinned entry never does.
 *         Keys are SipHash of the real key: two of them collide once in 2^64 pairs, which is accepted.
 */
#pragma once
#include "base/base.h"
#include "base/siphash.h"

#define MEMO_WAYS   8
#define MEMO_PINNED UINT64_MAX /* as expires_us: stays until memo_expire() or memo_drop() */

struct memo {
	uint8_t *memory;
	uint32_t set_cnt; /* a power of two */
	uint32_t entry_bytes, value_bytes;
	uint64_t evicted_cnt; /* went before their time */
	uint64_t full_cnt;    /* memo_put() that found all ways pinned */
};

/* At least `entries` (rounded up to a power of two), values of `value_bytes`. 0 or -ENOMEM. */
int memo_init(struct memo *m, uint32_t entries, uint32_t value_bytes);
void memo_fini(struct memo *m);

/* The value of `key` if it has not expired at now_us, else NULL. A value of 0 bytes still has an address. */
void *memo_find(struct memo *m, uint64_t key, uint64_t now_us);

/* The value of `key` until expires_us: zeroed when new, kept when it was there. NULL: all ways pinned (counted). */
void *memo_put(struct memo *m, uint64_t key, uint64_t expires_us, uint64_t now_us);

/* Change when a value goes; `value` comes from memo_find() or memo_put(). */
void memo_expire(struct memo *m, void *value, uint64_t expires_us);

/* False when it was not there. */
bool memo_drop(struct memo *m, uint64_t key);
/* Returns how many entries there were, expired ones included. */
size_t memo_clear(struct memo *m);

/* Hash of spans in order, each with its length, so that ("ab", "c") is not ("a", "bc"). At most 1,024 bytes in all count. */
uint64_t memo_key(const struct siphash_key *k, uint64_t salt, const struct span *parts,
                  unsigned part_cnt);
