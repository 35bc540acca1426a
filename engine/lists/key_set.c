/* SPDX-License-Identifier: BSD-3-Clause
 * key_set.c - open addressing with linear probes; the hash's upper half is a check, the key itself decides
 */
#include "engine/lists/key_set.h"
#include "base/large.h"
#include <sys/random.h>

struct slot {
	uint32_t check; /* upper half of the hash, never 0 in a used slot */
	uint32_t at;    /* of the record in keys, in units of RECORD_ALIGN */
};

#define RECORD_ALIGN 4
#define RECORD_HEAD  (sizeof(uint32_t) + sizeof(uint16_t))

struct key_set {
	struct siphash_key key;
	uint64_t mask;
	uint64_t
	        lengths; /* bit min(n, 63): a key of n bytes is there; half of a domain's suffixes end here */
	size_t cnt, key_bytes;
	char *keys;
	struct slot *slot;
};

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

	if (key.len > KEY_SET_KEY_MAX || b->used + n > (size_t)UINT32_MAX * RECORD_ALIGN)
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

static struct span
key_at(const char *keys, size_t at)
{
	uint16_t len;

	memcpy(&len, keys + at + sizeof(uint32_t), sizeof(len));
	return span(keys + at + RECORD_HEAD, len);
}

static uint32_t
value_at(const char *keys, size_t at)
{
	uint32_t v;

	memcpy(&v, keys + at, sizeof(v));
	return v;
}

bool
key_set_builder_next(const struct key_set_builder *b, size_t *at, struct span *key, uint32_t *value)
{
	if (*at >= b->used)
		return false;
	*key = key_at(b->keys, *at);
	*value = value_at(b->keys, *at);
	*at += record_bytes(key->len);
	return true;
}

static size_t
record_of(const struct slot *o)
{
	return (size_t)o->at * RECORD_ALIGN;
}

static uint32_t
check_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static uint64_t
length_bit(size_t len)
{
	return 1ull << MIN(len, (size_t)63);
}

/* From slot i on: the first that is free or whose check says that it may be the one. */
static size_t
candidate(const struct key_set *s, uint32_t check, size_t i)
{
	while (s->slot[i].check && s->slot[i].check != check)
		i = (i + 1) & s->mask;
	return i;
}

/* The slot that holds key, or the free one where it belongs; i: the first candidate. */
static size_t
settle(const struct key_set *s, struct span key, uint32_t check, size_t i)
{
	while (s->slot[i].check && !span_eq(key_at(s->keys, record_of(&s->slot[i])), key))
		i = candidate(s, check, (i + 1) & s->mask);
	return i;
}

static size_t
probe(const struct key_set *s, struct span key, uint64_t hash)
{
	uint32_t check = check_of(hash);

	return settle(s, key, check, candidate(s, check, hash & s->mask));
}

static void
insert(struct key_set *s, const struct key_set_builder *b, size_t at, uint64_t hash)
{
	struct span key = key_at(s->keys, at);
	struct slot *o = &s->slot[probe(s, key, hash)];

	if (!o->check) {
		*o = (struct slot){ check_of(hash), (uint32_t)(at / RECORD_ALIGN) };
		s->cnt++;
		s->lengths |= length_bit(key.len);
	} else if (b->on_twice) {
		size_t first = record_of(o);
		uint32_t keep =
		        b->on_twice(b->ctx, key, value_at(s->keys, first), value_at(s->keys, at));

		memcpy(s->keys + first, &keep, sizeof(keep));
	}
}

/* In groups whose slots are on their way before the first is looked at. */
static void
insert_all(struct key_set *s, const struct key_set_builder *b)
{
	size_t at[KEY_SET_BATCH], next = 0, left = b->cnt;
	uint64_t hash[KEY_SET_BATCH];

	while (left > 0) {
		size_t n = MIN(left, (size_t)KEY_SET_BATCH);

		for (size_t i = 0; i < n; i++) {
			struct span key = key_at(s->keys, next);

			at[i] = next;
			hash[i] = siphash(&s->key, key.p, key.len);
			__builtin_prefetch(&s->slot[hash[i] & s->mask], 1);
			next += record_bytes(key.len);
		}
		for (size_t i = 0; i < n; i++)
			insert(s, b, at[i], hash[i]);
		left -= n;
	}
}

struct key_set *
key_set_build(struct key_set_builder *b)
{
	struct key_set *s = calloc(1, sizeof(*s));
	size_t slots = 8;

	BUG_ON(!s);
	while (slots * 2 < b->cnt * 3)
		slots *= 2;
	s->slot = large_alloc(slots * sizeof(s->slot[0]));
	/* A key that outsiders do not know: senders choose what is looked up. */
	BUG_ON(getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key));
	s->mask = slots - 1;
	s->key_bytes = b->used;
	s->keys = large_alloc(b->used);
	if (b->used)
		memcpy(s->keys, b->keys, b->used);
	insert_all(s, b);
	key_set_builder_fini(b);
	return s;
}

void
key_set_free(struct key_set *s)
{
	if (!s)
		return;
	free(s->keys);
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
	return s ? sizeof(*s) + (s->mask + 1) * sizeof(s->slot[0]) + s->key_bytes : 0;
}

bool
key_set_find(const struct key_set *s, struct span key, uint32_t *value)
{
	const struct slot *o;

	if (!s || !(s->lengths & length_bit(key.len)))
		return false;
	o = &s->slot[probe(s, key, siphash(&s->key, key.p, key.len))];
	if (!o->check)
		return false;
	*value = value_at(s->keys, record_of(o));
	return true;
}

uint32_t
key_set_find_batch(const struct key_set *s, const struct span *keys, size_t cnt, uint32_t *values)
{
	uint64_t hash[KEY_SET_BATCH];
	size_t at[KEY_SET_BATCH];
	uint32_t found = 0;

	BUG_ON(cnt > KEY_SET_BATCH);
	for (size_t i = 0; s && i < cnt; i++) {
		if (!(s->lengths & length_bit(keys[i].len)))
			continue;
		hash[i] = siphash(&s->key, keys[i].p, keys[i].len);
		__builtin_prefetch(&s->slot[hash[i] & s->mask]);
		found |= 1u << i;
	}
	for (uint32_t left = found; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);

		at[i] = candidate(s, check_of(hash[i]), hash[i] & s->mask);
		if (s->slot[at[i]].check)
			__builtin_prefetch(s->keys + record_of(&s->slot[at[i]]));
		else
			found &= ~(1u << i);
	}
	for (uint32_t left = found; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);
		const struct slot *o = &s->slot[settle(s, keys[i], check_of(hash[i]), at[i])];

		if (o->check)
			values[i] = value_at(s->keys, record_of(o));
		else
			found &= ~(1u << i);
	}
	return found;
}
