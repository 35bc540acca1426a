/* SPDX-License-Identifier: BSD-3-Clause
 * key_set.h - an immutable hash from byte strings to a 32-bit value
 *
 * Why     One million domains: a hash answers in one cache miss where a pattern matcher needs gigabytes (engine.md,
 *         finding 7). All exact lists (domains, mailboxes, senders, phones, hashes) are this.
 *         96 bits of a keyed hash stand for a key, beside its value: the key's own text would be a second miss, behind the first. A
 *         key that is not in the set is taken for one that is with probability cnt / 2^96 (a million keys, a million look-ups a second:
 *         once in 10^9 years), and who would search for such a key does not know ours.
 * Owner   A builder is the caller's and is consumed by key_set_build(); a set is freed by key_set_free().
 * Thread  Building: one. Looking up: any number.
 * Limit   Keys up to KEY_SET_KEY_MAX bytes; 32 bytes a key, whatever its length: slots of 16, at most half of them full.
 *         KEY_SET_BATCH keys in a batch.
 * Errors  Memory: the builder ends the process (slow path, as arena.h).
 */
#pragma once
#include "base/base.h"
#include "base/siphash.h"

#define KEY_SET_KEY_MAX 4096
#define KEY_SET_BATCH   32

struct key_set;

struct key_set_builder {
	char *keys; /* one after the other: value, 16-bit length, bytes; each begins at a multiple of 4 */
	size_t used, room;
	size_t cnt;
	/* Called by the build for a key that was given before; returns the value to keep. NULL: the first stays. */
	uint32_t (*on_twice)(void *ctx, struct span key, uint32_t first, uint32_t again);
	void *ctx;
	struct siphash_key
	        key; /* of the hash; zero: one of the set's own. Sets that share it share their keys' hashes */
};

/* All zero is ready. A key given twice keeps the first value (see key_set_build). False: key too long. */
bool key_set_add(struct key_set_builder *b, struct span key, uint32_t value);
void key_set_builder_fini(struct key_set_builder *b);
/* What was added, in order: *at is 0 at first. False past the last. The span dies with the next add. */
bool key_set_builder_next(const struct key_set_builder *b, size_t *at, struct span *key,
                          uint32_t *value);

/* Takes what was added; the builder is empty after it. */
struct key_set *key_set_build(struct key_set_builder *b);
void key_set_free(struct key_set *s);

size_t key_set_cnt(const struct key_set *s); /* distinct keys; NULL: 0 */
size_t key_set_bytes(const struct key_set *s);

/* The value, false when absent. s may be NULL (empty). */
bool key_set_find(const struct key_set *s, struct span key, uint32_t *value);

/* As key_set_find() for up to KEY_SET_BATCH keys; the memory of all is on its way before any is looked at. Bit i of the
 * result: keys[i] is there and values[i] was written. */
uint32_t key_set_find_batch(const struct key_set *s, const struct span *keys, size_t cnt,
                            uint32_t *values);

/* key_set_find() in steps, for a caller that has other work while the memory is on its way, or several sets with the same
 * siphash_key. s is not NULL. */
struct key_hash {
	uint64_t low;
	uint32_t high;
};

struct key_hash key_set_hash(const struct key_set *s, struct span key);
void key_set_fetch(const struct key_set *s, const struct key_hash *h);
bool key_set_find_hash(const struct key_set *s, const struct key_hash *h, uint32_t *value);
