/* SPDX-License-Identifier: BSD-3-Clause
 * key_set.c - open addressing with linear probes; the hash's upper half is a check, the key itself decides
 */
#include "engine/lists/key_set.h"
#include <sys/mman.h>
#include <sys/random.h>

struct slot {
	uint32_t check; /* upper half of the hash, never 0 in a used slot */
	uint32_t value;
	uint64_t key_at; /* offset of length and bytes in keys */
};

struct key_set {
	struct siphash_key key;
	uint64_t mask;
	size_t cnt, key_bytes;
	char *keys;
	struct slot slot[];
};

static void *
grow(void *p, size_t need, size_t *room, size_t item)
{
	size_t n = *room ? *room : 64;

	if (need <= *room)
		return p;
	while (n < need)
		n *= 2;
	p = realloc(p, n * item);
	BUG_ON(!p);
	*room = n;
	return p;
}

bool
key_set_add(struct key_set_builder *b, struct span key, uint32_t value)
{
	uint16_t len = (uint16_t)key.len;

	if (key.len > KEY_SET_KEY_MAX)
		return false;
	b->keys = grow(b->keys, b->used + sizeof(len) + key.len, &b->room, 1);
	b->values = grow(b->values, b->cnt + 1, &b->value_room, sizeof(*b->values));
	memcpy(b->keys + b->used, &len, sizeof(len));
	if (key.len)
		memcpy(b->keys + b->used + sizeof(len), key.p, key.len);
	b->used += sizeof(len) + key.len;
	b->values[b->cnt++] = value;
	return true;
}

void
key_set_builder_fini(struct key_set_builder *b)
{
	free(b->keys);
	free(b->values);
	*b = (struct key_set_builder){ 0 };
}

static struct span
key_at(const char *keys, uint64_t at)
{
	uint16_t len;

	memcpy(&len, keys + at, sizeof(len));
	return span(keys + at + sizeof(len), len);
}

static uint32_t
check_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

/* The slot that holds key, or the free one where it belongs. */
static size_t
probe(const struct key_set *s, struct span key, uint64_t hash)
{
	uint32_t check = check_of(hash);
	size_t i = hash & s->mask;

	for (;; i = (i + 1) & s->mask) {
		const struct slot *o = &s->slot[i];

		if (!o->check || (o->check == check && span_eq(key_at(s->keys, o->key_at), key)))
			return i;
	}
}

/* A million keys lie in a few hundred large pages instead of ten thousand small ones: half the cost of a cold look-up. */
static void
want_large_pages(void *p, size_t n)
{
	uintptr_t from = ((uintptr_t)p + 4095) & ~(uintptr_t)4095;

	if (n > (4u << 20))
		(void)madvise((void *)from, n - 4096, MADV_HUGEPAGE); /* a wish */
}

struct key_set *
key_set_build(struct key_set_builder *b)
{
	size_t slots = 8, at = 0;
	struct key_set *s;

	while (slots * 2 < b->cnt * 3)
		slots *= 2;
	s = calloc(1, sizeof(*s) + slots * sizeof(s->slot[0]));
	BUG_ON(!s);
	want_large_pages(s, slots * sizeof(s->slot[0]));
	/* A key that outsiders do not know: senders choose what is looked up. */
	BUG_ON(getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key));
	s->mask = slots - 1;
	s->keys = b->keys;
	s->key_bytes = b->used;
	for (size_t n = 0; n < b->cnt; n++) {
		struct span key = key_at(s->keys, at);
		uint64_t hash = siphash(&s->key, key.p, key.len);
		struct slot *o = &s->slot[probe(s, key, hash)];

		if (!o->check) {
			*o = (struct slot){ check_of(hash), b->values[n], at };
			s->cnt++;
		} else if (b->on_twice) {
			b->on_twice(b->ctx, key, o->value, b->values[n]);
		}
		at += sizeof(uint16_t) + key.len;
	}
	b->keys = NULL;
	key_set_builder_fini(b);
	return s;
}

void
key_set_free(struct key_set *s)
{
	if (!s)
		return;
	free(s->keys);
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
	return s ? sizeof(*s) + (s->mask + 1) * sizeof(s->slot[0]) + s->key_bytes : 0;
}

bool
key_set_find(const struct key_set *s, struct span key, uint32_t *value)
{
	const struct slot *o;

	if (!s || s->cnt == 0)
		return false;
	o = &s->slot[probe(s, key, siphash(&s->key, key.p, key.len))];
	if (!o->check)
		return false;
	*value = o->value;
	return true;
}
