/* SPDX-License-Identifier: BSD-3-Clause
 * key_set.c - open addressing with linear probes over 96 bits of hash, each beside its value
 */
#include "engine/lists/key_set.h"
#include "base/large.h"
#include <sys/random.h>

struct slot {
	uint64_t low; /* 0: free */
	uint32_t high, value;
};
static_assert(sizeof(struct slot) == 16, "four a line");

struct key_set {
	struct siphash_key key;
	uint64_t
	        lengths; /* bit min(n, 63): a key of n bytes is there; half of a domain's suffixes end here */
	size_t cnt, slot_cnt;
	struct slot *slot;
};

#define PROBES 2 /* of a key that is not there, in the mean, when half are full (Knuth, 6.4) */

#define RECORD_ALIGN 4
#define RECORD_HEAD  (sizeof(uint32_t) + sizeof(uint16_t))

static size_t
record_bytes(size_t len)
{
	return (RECORD_HEAD + len + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

bool
key_set_add(struct key_set_builder *b, struct span key, uint32_t value)
{
	uint16_t len = (uint16_t)key.len;
	size_t n = record_bytes(key.len);

	if (key.len > KEY_SET_KEY_MAX)
		return false;
	while (b->used + n > b->room) {
		b->room = b->room ? b->room * 2 : 1024;
		b->keys = realloc(b->keys, b->room);
		BUG_ON(!b->keys);
	}
	memcpy(b->keys + b->used, &value, sizeof(value));
	memcpy(b->keys + b->used + sizeof(value), &len, sizeof(len));
	if (key.len)
		memcpy(b->keys + b->used + RECORD_HEAD, key.p, key.len);
	b->used += n;
	b->cnt++;
	return true;
}

void
key_set_builder_fini(struct key_set_builder *b)
{
	free(b->keys);
	*b = (struct key_set_builder){ 0 };
}

bool
key_set_builder_next(const struct key_set_builder *b, size_t *at, struct span *key, uint32_t *value)
{
	const char *record;
	uint16_t len;

	if (*at >= b->used) /* of none, too: then there are no keys to count from */
		return false;
	record = b->keys + *at;
	memcpy(value, record, sizeof(*value));
	memcpy(&len, record + sizeof(*value), sizeof(len));
	*key = span(record + RECORD_HEAD, len);
	*at += record_bytes(len);
	return true;
}

static uint64_t
length_bit(size_t len)
{
	return 1ull << MIN(len, (size_t)63);
}

/* The upper bits choose the slot, so that any number of slots will do (Lemire, "Fast random integer generation in an interval"). */
static size_t
home(const struct key_set *s, const struct key_hash *h)
{
	return (size_t)(((unsigned __int128)h->low * s->slot_cnt) >> 64);
}

/* The slot that has this hash, or the free one where it belongs. Half of the slots are free: the next one is near. */
static struct slot *
probe(const struct key_set *s, const struct key_hash *h)
{
	size_t i = home(s, h);

	while (s->slot[i].low && (s->slot[i].low != h->low || s->slot[i].high != h->high))
		i = i + 1 == s->slot_cnt ? 0 : i + 1;
	return &s->slot[i];
}

struct key_hash
key_set_hash(const struct key_set *s, struct span key)
{
	uint64_t h[2];

	siphash128(&s->key, key.p, key.len, h);
	return (struct key_hash){ h[0] ? h[0] : 1, (uint32_t)h[1] };
}

void
key_set_fetch(const struct key_set *s, const struct key_hash *h)
{
	const struct slot *slot = &s->slot[home(s, h)];

	__builtin_prefetch(slot);
	__builtin_prefetch(slot + PROBES); /* past the end does no harm */
}

bool
key_set_find_hash(const struct key_set *s, const struct key_hash *h, uint32_t *value)
{
	const struct slot *o = probe(s, h);

	if (!o->low)
		return false;
	*value = o->value;
	return true;
}

static void
insert(struct key_set *s, const struct key_set_builder *b, struct span key, uint32_t value,
       const struct key_hash *h)
{
	struct slot *o = probe(s, h);

	if (!o->low) {
		*o = (struct slot){ h->low, h->high, value };
		s->cnt++;
		s->lengths |= length_bit(key.len);
	} else if (b->on_twice) {
		o->value = b->on_twice(b->ctx, key, o->value, value);
	}
}

/* In groups whose slots are on their way before the first is looked at. */
static void
insert_all(struct key_set *s, const struct key_set_builder *b)
{
	struct span key[KEY_SET_BATCH];
	struct key_hash hash[KEY_SET_BATCH];
	uint32_t value[KEY_SET_BATCH];
	size_t next = 0, n;

	do {
		for (n = 0; n < KEY_SET_BATCH && key_set_builder_next(b, &next, &key[n], &value[n]);
		     n++) {
			hash[n] = key_set_hash(s, key[n]);
			__builtin_prefetch(&s->slot[home(s, &hash[n])], 1);
		}
		for (size_t i = 0; i < n; i++)
			insert(s, b, key[i], value[i], &hash[i]);
	} while (n > 0);
}

struct key_set *
key_set_build(struct key_set_builder *b)
{
	struct key_set *s = calloc(1, sizeof(*s));

	BUG_ON(!s);
	s->key = b->key;
	/* A key that outsiders do not know: senders choose what is looked up. */
	if (!s->key.k0 && !s->key.k1)
		BUG_ON(getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key));
	s->slot_cnt = b->cnt * 2 + 4;
	s->slot = large_alloc(s->slot_cnt * sizeof(*s->slot));
	insert_all(s, b);
	key_set_builder_fini(b);
	return s;
}

void
key_set_free(struct key_set *s)
{
	if (!s)
		return;
	free(s->slot);
	free(s);
}

size_t
key_set_cnt(const struct key_set *s)
{
	return s ? s->cnt : 0;
}

size_t
key_set_bytes(const struct key_set *s)
{
	return s ? sizeof(*s) + s->slot_cnt * sizeof(*s->slot) : 0;
}

bool
key_set_find(const struct key_set *s, struct span key, uint32_t *value)
{
	struct key_hash h;

	if (!s || !(s->lengths & length_bit(key.len)))
		return false;
	h = key_set_hash(s, key);
	return key_set_find_hash(s, &h, value);
}

uint32_t
key_set_find_batch(const struct key_set *s, const struct span *keys, size_t cnt, uint32_t *values)
{
	struct key_hash hash[KEY_SET_BATCH];
	uint32_t asked = 0, found = 0;

	BUG_ON(cnt > KEY_SET_BATCH);
	for (size_t i = 0; s && i < cnt; i++) {
		if (!(s->lengths & length_bit(keys[i].len)))
			continue;
		hash[i] = key_set_hash(s, keys[i]);
		key_set_fetch(s, &hash[i]);
		asked |= 1u << i;
	}
	for (; asked; asked &= asked - 1) {
		unsigned i = (unsigned)__builtin_ctz(asked);

		found |= (uint32_t)key_set_find_hash(s, &hash[i], &values[i]) << i;
	}
	return found;
}
