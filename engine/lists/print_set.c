/* SPDX-License-Identifier: BSD-3-Clause
 * print_set.c - open addressing with linear probes over fingerprints; 0 is a free slot
 */
#include "engine/lists/print_set.h"
#include "base/large.h"
#include <sys/random.h>

struct print_set {
	struct siphash_key key;
	size_t cnt, slot_cnt;
	uint64_t *slot;
};

/* Of all owners' texts alike in how they spread: the hash is random, and the factor (2^64 divided by the golden ratio: Knuth, "The Art
 * of Computer Programming" 3, 6.4) moves each owner elsewhere. */
static uint64_t
print_of(uint32_t owner, uint64_t hash)
{
	uint64_t print = hash ^ owner * 0x9e3779b97f4a7c15ull;

	return print ? print : 1;
}

/* The upper bits choose the slot, so that any number of slots will do (Lemire, "Fast random integer generation in an interval"). */
static size_t
home(const struct print_set *s, uint64_t print)
{
	return (size_t)(((unsigned __int128)print * s->slot_cnt) >> 64);
}

void
print_set_add(struct print_set_builder *b, uint32_t owner, struct span text)
{
	if (!b->key.k0 && !b->key.k1)
		BUG_ON(getrandom(&b->key, sizeof(b->key), 0) != sizeof(b->key));
	if (b->cnt == b->room) {
		b->room = b->room ? b->room * 2 : 64;
		b->prints = realloc(b->prints, b->room * sizeof(*b->prints));
		BUG_ON(!b->prints);
	}
	b->prints[b->cnt++] = print_of(owner, siphash(&b->key, text.p, text.len));
}

void
print_set_builder_fini(struct print_set_builder *b)
{
	free(b->prints);
	*b = (struct print_set_builder){ 0 };
}

/* The slot that holds print, or the free one where it belongs. */
static size_t
probe(const struct print_set *s, uint64_t print)
{
	size_t i = home(s, print);

	while (s->slot[i] && s->slot[i] != print)
		i = i + 1 == s->slot_cnt ? 0 : i + 1;
	return i;
}

#define PROBES 8  /* of a key that is not there, in the mean, when 3/4 are full (Knuth, 6.4) */
#define AHEAD  16 /* slots are on their way so many inserts before they are needed */

struct print_set *
print_set_build(struct print_set_builder *b)
{
	struct print_set *s = calloc(1, sizeof(*s));

	BUG_ON(!s);
	s->key = b->key;
	s->slot_cnt = b->cnt * 4 / 3 + 4;
	s->slot = large_alloc(s->slot_cnt * sizeof(*s->slot));
	for (size_t n = 0; n < b->cnt; n++) {
		size_t i = probe(s, b->prints[n]);

		if (n + AHEAD < b->cnt)
			__builtin_prefetch(&s->slot[home(s, b->prints[n + AHEAD])], 1);
		s->cnt += s->slot[i] == 0;
		s->slot[i] = b->prints[n];
	}
	print_set_builder_fini(b);
	return s;
}

void
print_set_free(struct print_set *s)
{
	if (!s)
		return;
	free(s->slot);
	free(s);
}

size_t
print_set_cnt(const struct print_set *s)
{
	return s ? s->cnt : 0;
}

size_t
print_set_bytes(const struct print_set *s)
{
	return s ? sizeof(*s) + s->slot_cnt * sizeof(*s->slot) : 0;
}

uint64_t
print_set_hash(const struct print_set *s, struct span text)
{
	return siphash(&s->key, text.p, text.len);
}

void
print_set_fetch(const struct print_set *s, uint32_t owner, uint64_t hash)
{
	const uint64_t *slot = &s->slot[home(s, print_of(owner, hash))];

	__builtin_prefetch(slot);
	__builtin_prefetch(slot + PROBES); /* on the next line, mostly; past the end does no harm */
}

bool
print_set_has(const struct print_set *s, uint32_t owner, uint64_t hash)
{
	uint64_t print = print_of(owner, hash);

	return s->slot[probe(s, print)] == print;
}
