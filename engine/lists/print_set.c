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

static uint64_t
print_of(const struct siphash_key *k, struct span key)
{
	uint64_t h = siphash(k, key.p, key.len);

	return h ? h : 1;
}

/* The upper bits choose the slot, so that any number of slots will do (Lemire, "Fast random integer generation in an interval"). */
static size_t
home(const struct print_set *s, uint64_t print)
{
	return (size_t)(((unsigned __int128)print * s->slot_cnt) >> 64);
}

void
print_set_add(struct print_set_builder *b, struct span key)
{
	if (b->room == 0)
		BUG_ON(getrandom(&b->key, sizeof(b->key), 0) != sizeof(b->key));
	if (b->cnt == b->room) {
		b->room = b->room ? b->room * 2 : 64;
		b->prints = realloc(b->prints, b->room * sizeof(*b->prints));
		BUG_ON(!b->prints);
	}
	b->prints[b->cnt++] = print_of(&b->key, key);
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

#define AHEAD 16 /* slots are on their way so many inserts before they are needed */

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

bool
print_set_has_either(const struct print_set *s, struct span a, struct span b)
{
	uint64_t pa, pb;

	if (print_set_cnt(s) == 0)
		return false;
	pa = print_of(&s->key, a);
	__builtin_prefetch(&s->slot[home(s, pa)]);
	pb = print_of(&s->key, b);
	__builtin_prefetch(&s->slot[home(s, pb)]);
	return s->slot[probe(s, pa)] == pa || s->slot[probe(s, pb)] == pb;
}
