/* SPDX-License-Identifier: BSD-3-Clause
 * print_set.h - is this key in a very large set? 64 bits of a keyed hash stand for each key
 *
 * Why     Ten million mailboxes: their text would be 250 MB, their fingerprints are 107 MB. A key that is not in the set is taken for
 *         one that is with probability cnt / 2^64 (10 million: 5e-13), and who would search for such a key does not know ours.
 *         So use it only where that mistake does no harm: a mailbox too many is asked for at the customer's server.
 * Owner   As key_set.h.
 * Thread  Building: one. Looking up: any number.
 * Limit   8 bytes a slot, at most 3/4 full.
 */
#pragma once
#include "base/base.h"
#include "base/siphash.h"

struct print_set;

struct print_set_builder {
	struct siphash_key key; /* of the set to be; zero: the first add makes one */
	uint64_t *prints;
	size_t cnt, room;
};

/* A key is an owner and a text. All zero is ready. The same key twice is once. */
void print_set_add(struct print_set_builder *b, uint32_t owner, struct span text);
void print_set_builder_fini(struct print_set_builder *b);

/* Takes what was added; the builder is empty after it. */
struct print_set *print_set_build(struct print_set_builder *b);
void print_set_free(struct print_set *s);

size_t print_set_cnt(const struct print_set *s); /* distinct keys; NULL: 0 */
size_t print_set_bytes(const struct print_set *s);

/* Is it in the set? In steps: the text is hashed before the owner is known, and all memory that is needed is on its way before any is
 * looked at. Sets with the same siphash_key share the hash. s is not NULL. */
uint64_t print_set_hash(const struct print_set *s, struct span text);
void print_set_fetch(const struct print_set *s, uint32_t owner, uint64_t hash);
bool print_set_has(const struct print_set *s, uint32_t owner, uint64_t hash);
