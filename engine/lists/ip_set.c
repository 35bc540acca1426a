/* SPDX-License-Identifier: BSD-3-Clause
 * ip_set.c - nested prefixes to disjoint ranges by one sweep with a stack
 */
#include "engine/lists/ip_set.h"
#include "base/large.h"
#include "engine/lists/rank_tree.h"

typedef unsigned __int128 u128; /* the one typedef: C has no name of its own for it */

/* value[i] is of the range that starts at key i and ends before key i + 1. */
struct ip_set {
	size_t cnt4, cnt6;
	uint32_t *value4, *key4, *value6;
	uint32_t *index;       /* 65,537 positions of key4, or NULL */
	struct rank_tree high; /* upper halves of the IPv6 keys */
	uint64_t *low6;        /* lower halves */
};

static u128
key_of(const struct addr *a)
{
	uint64_t half[2];

	memcpy(half, a->b, sizeof(half));
	return (u128)__builtin_bswap64(half[0]) << 64 | __builtin_bswap64(half[1]);
}

static u128
last_of(const struct addr_prefix *p)
{
	u128 ones = ~(u128)0;

	return key_of(&p->addr) | (p->bits ? p->bits == 128 ? 0 : ones >> p->bits : ones);
}

struct sort_key {
	u128 first;
	size_t at; /* order of entry, for stability */
	uint8_t bits;
	uint32_t value;
	u128 last;
};

static int
compare(const void *x, const void *y)
{
	const struct sort_key *a = x, *b = y;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	if ((a->value == IP_SET_NONE) != (b->value == IP_SET_NONE))
		return a->value == IP_SET_NONE ? -1 : 1;
	return a->at < b->at ? -1 : 1;
}

/* Ranges of all addresses; starts[i] belongs to values[i]. */
struct ranges {
	u128 *start;
	uint32_t *value;
	size_t cnt;
};

static void
emit(struct ranges *r, u128 start, uint32_t value)
{
	if (r->cnt > 0 && r->start[r->cnt - 1] == start) {
		r->value[r->cnt - 1] =
		        value; /* an inner prefix with the same start, or an end there */
		return;
	}
	r->start[r->cnt] = start;
	r->value[r->cnt++] = value;
}

/* Prefixes nest or are disjoint: a stack of the open ones, the innermost on top, gives each point its value. */
static void
sweep(const struct sort_key *k, size_t cnt, struct ranges *r)
{
	size_t stack[130], depth = 0;

	emit(r, 0, IP_SET_NONE);
	for (size_t i = 0; i <= cnt; i++) {
		while (depth > 0 && (i == cnt || k[stack[depth - 1]].last < k[i].first)) {
			u128 end = k[stack[--depth]].last;

			if (end != ~(u128)0)
				emit(r, end + 1, depth ? k[stack[depth - 1]].value : IP_SET_NONE);
		}
		if (i == cnt || (depth > 0 && k[stack[depth - 1]].first == k[i].first &&
		                 k[stack[depth - 1]].bits == k[i].bits))
			continue; /* given twice: the first stays */
		stack[depth++] = i;
		emit(r, k[i].first, k[i].value);
	}
}

static const u128 v4_first = (u128)0xffff << 32;

/* The ranges of ::ffff:0:0/96; a key is the offset in it. */
static void
cut4(struct ip_set *s, const struct ranges *r)
{
	u128 lo = v4_first, hi = v4_first | 0xffffffffu;

	s->value4 = large_alloc(r->cnt * sizeof(*s->value4));
	s->key4 = large_alloc(r->cnt * sizeof(*s->key4));
	for (size_t i = 0; i < r->cnt; i++) {
		bool is_last = i + 1 == r->cnt;

		if (r->start[i] > hi || (!is_last && r->start[i + 1] <= lo))
			continue;
		s->key4[s->cnt4] = r->start[i] < lo ? 0 : (uint32_t)(r->start[i] - lo);
		s->value4[s->cnt4++] = r->value[i];
	}
}

static void
cut6(struct ip_set *s, const struct ranges *r)
{
	uint64_t *high = large_alloc(r->cnt * sizeof(*high));

	s->value6 = large_alloc(r->cnt * sizeof(*s->value6));
	s->low6 = large_alloc(r->cnt * sizeof(*s->low6));
	for (size_t i = 0; i < r->cnt; i++) {
		high[i] = (uint64_t)(r->start[i] >> 64);
		s->low6[i] = (uint64_t)r->start[i];
		s->value6[i] = r->value[i];
	}
	s->cnt6 = r->cnt;
	rank_tree_build(&s->high, high, s->cnt6);
	free(high);
}

static void
make_index(struct ip_set *s)
{
	size_t at = 0;

	if (s->cnt4 < IP_SET_INDEX_MIN)
		return;
	s->index = calloc(65537, sizeof(*s->index));
	BUG_ON(!s->index);
	for (uint32_t top = 0; top < 65536; top++) {
		while (at + 1 < s->cnt4 && s->key4[at + 1] <= top << 16)
			at++;
		s->index[top] = (uint32_t)at;
	}
	s->index[65536] = (uint32_t)s->cnt4 - 1;
}

/* Prefixes of one family to ranges; k has room for all of them, r for two each. */
static void
family(const struct ip_set_entry *e, size_t cnt, bool is_v4, struct sort_key *k, struct ranges *r)
{
	size_t n = 0;

	for (size_t i = 0; i < cnt; i++) {
		const struct addr_prefix *in = &e[i].prefix;
		struct addr_prefix p = { addr_mask(&in->addr, in->bits), in->bits };

		if ((p.bits >= 96 && addr_is_v4(&p.addr)) == is_v4)
			k[n++] = (struct sort_key){ key_of(&p.addr), i, p.bits, e[i].value,
				                    last_of(&p) };
	}
	qsort(k, n, sizeof(*k), compare);
	r->cnt = 0;
	sweep(k, n, r);
}

struct ip_set *
ip_set_build(struct ip_set_entry *e, size_t cnt)
{
	struct ip_set *s = calloc(1, sizeof(*s));
	struct sort_key *k = calloc(cnt + 1, sizeof(*k));
	struct ranges r = { 0 };

	r.start = calloc(2 * cnt + 2, sizeof(*r.start));
	r.value = calloc(2 * cnt + 2, sizeof(*r.value));
	BUG_ON(!s || !k || !r.start || !r.value);
	family(e, cnt, true, k, &r);
	cut4(s, &r);
	family(e, cnt, false, k, &r);
	cut6(s, &r);
	make_index(s);
	free(k);
	free(r.start);
	free(r.value);
	return s;
}

void
ip_set_free(struct ip_set *s)
{
	if (!s)
		return;
	free(s->key4);
	free(s->value4);
	free(s->low6);
	free(s->value6);
	free(s->index);
	rank_tree_fini(&s->high);
	free(s);
}

size_t
ip_set_bytes(const struct ip_set *s)
{
	return s ? sizeof(*s) + s->cnt4 * 8 + s->cnt6 * 12 + s->high.bytes +
	                       (s->index ? 65537 * 4 : 0)
	         : 0;
}

/* Positions of key4 between which the last one at or below the key lies. */
static void
bounds4(const struct ip_set *s, uint32_t key, size_t *lo, size_t *hi)
{
	*lo = s->index ? s->index[key >> 16] : 0;
	*hi = s->index ? s->index[(key >> 16) + 1] : s->cnt4 - 1;
}

/* All of the keys and values that the search may touch, but for more than FETCH4 of them, are on their way at once. */
#define FETCH4 64

static void
fetch4(const struct ip_set *s, size_t lo, size_t hi)
{
	for (size_t k = lo; k <= hi && k < lo + FETCH4; k += 16) {
		__builtin_prefetch(&s->key4[k]);
		__builtin_prefetch(&s->value4[k]);
	}
}

/* Last range that starts at or before the key; the first range starts at 0. Halves without a branch: which half it is cannot
 * be foreseen. */
static size_t
find4(const struct ip_set *s, uint32_t key, size_t lo, size_t hi)
{
	for (size_t n = hi - lo + 1; n > 1;) {
		size_t half = n / 2;

		lo += s->key4[lo + half] <= key ? half : 0;
		n -= half;
	}
	return lo;
}

/* The last range whose upper half is at or below this one; its value and lower half are fetched along. */
static size_t
last6(const struct ip_set *s, uint64_t high)
{
	size_t node = rank_tree_node(&s->high, high);

	__builtin_prefetch(&s->value6[node * RANK_TREE_NODE]);
	__builtin_prefetch(&s->low6[node * RANK_TREE_NODE]);
	return rank_tree_in_node(&s->high, node, high);
}

/* at: the last range whose upper half is at or below the key's; several may share it. */
static size_t
find6(const struct ip_set *s, uint64_t high, uint64_t low, size_t at)
{
	size_t lo;

	if (s->high.level[0][at] != high || s->low6[at] <= low)
		return at;
	/* Prefixes longer than /64: below them, the last range of a smaller upper half. high > 0: the first range is 0, 0. */
	lo = high ? last6(s, high - 1) : 0;
	while (lo < at) {
		size_t mid = (lo + at + 1) / 2;

		if (s->high.level[0][mid] < high || s->low6[mid] <= low)
			lo = mid;
		else
			at = mid - 1;
	}
	return lo;
}

bool
ip_set_find(const struct ip_set *s, const struct addr *a, uint32_t *value)
{
	uint32_t v;

	if (!s)
		return false;
	if (addr_is_v4(a)) {
		uint32_t key = addr_v4_of(a);
		size_t lo, hi;

		bounds4(s, key, &lo, &hi);
		fetch4(s, lo, hi);
		v = s->value4[find4(s, key, lo, hi)];
	} else {
		u128 key = key_of(a);
		uint64_t high = (uint64_t)(key >> 64);

		v = s->value6[find6(s, high, (uint64_t)key, last6(s, high))];
	}
	if (v == IP_SET_NONE)
		return false;
	*value = v;
	return true;
}

/* IPv4 addresses of a batch: key, position; item: which of the batch. */
static void
batch4(const struct ip_set *s, const uint32_t *key, const uint8_t *item, size_t cnt, uint32_t *out)
{
	size_t lo[IP_SET_BATCH], hi[IP_SET_BATCH];

	for (size_t i = 0; i < cnt && s->index; i++)
		__builtin_prefetch(&s->index[key[i] >> 16]);
	for (size_t i = 0; i < cnt; i++) {
		bounds4(s, key[i], &lo[i], &hi[i]);
		fetch4(s, lo[i], hi[i]);
	}
	for (size_t i = 0; i < cnt; i++) {
		lo[i] = find4(s, key[i], lo[i], hi[i]);
		__builtin_prefetch(&s->value4[lo[i]]);
	}
	for (size_t i = 0; i < cnt; i++)
		out[item[i]] = s->value4[lo[i]];
}

static void
batch6(const struct ip_set *s, const uint64_t *high, const uint64_t *low, const uint8_t *item,
       size_t cnt, uint32_t *out)
{
	size_t at[IP_SET_BATCH];

	rank_tree_find_batch(&s->high, high, cnt, at);
	for (size_t i = 0; i < cnt; i++) {
		__builtin_prefetch(&s->value6[at[i]]);
		__builtin_prefetch(&s->low6[at[i]]);
	}
	for (size_t i = 0; i < cnt; i++)
		out[item[i]] = s->value6[find6(s, high[i], low[i], at[i])];
}

uint32_t
ip_set_find_batch(const struct ip_set *s, const struct addr *a, size_t cnt, uint32_t *values)
{
	uint64_t high[IP_SET_BATCH] = { 0 }, low[IP_SET_BATCH];
	uint8_t item4[IP_SET_BATCH], item6[IP_SET_BATCH];
	uint32_t key4[IP_SET_BATCH], v[IP_SET_BATCH], found = 0;
	size_t n4 = 0, n6 = 0;

	BUG_ON(cnt > IP_SET_BATCH);
	if (!s)
		return 0;
	for (size_t i = 0; i < cnt; i++) {
		u128 key = key_of(&a[i]);

		if (addr_is_v4(&a[i])) {
			item4[n4] = (uint8_t)i;
			key4[n4++] = (uint32_t)key;
			continue;
		}
		item6[n6] = (uint8_t)i;
		high[n6] = (uint64_t)(key >> 64);
		low[n6++] = (uint64_t)key;
	}
	batch4(s, key4, item4, n4, v);
	batch6(s, high, low, item6, n6, v);
	for (size_t i = 0; i < cnt; i++)
		if (v[i] != IP_SET_NONE) {
			found |= 1u << i;
			values[i] = v[i];
		}
	return found;
}
