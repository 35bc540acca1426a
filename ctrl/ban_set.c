/* SPDX-License-Identifier: BSD-3-Clause
 * ban_set.c - the set that workers ask: merged ranges, found by a static B+ tree
 *
 * Why     Which prefix bans somebody does not matter here, so prefixes become disjoint ranges, and an address is banned when the
 *         number of borders (a first address, or one behind a last) at or below it is odd. Borders lie in nodes of eight, a cache
 *         line: a search compares a line at a time without a branch, so that look-ups of a batch overlap, and its cost does not grow
 *         with the number of prefix lengths. 65,536 prefixes are six lines deep, the upper four of which stay in the first-level
 *         cache. Source: P. Khuong, P.-M. Morin, "Array layouts for comparison-based searching"; S+ trees of en.algorithmica.org.
 *         Keys are IPv4 addresses, and the upper 64 bits of IPv6 ones. What is longer than /64 stands in a hash table by those bits.
 * Limit   Memory for BANS_MAX prefixes: 1.2 MB up to /64 (two borders of 8 bytes each, and an eighth for the upper levels); longer
 *         ones 24 bytes a range and 64 to 128 a slot, at most 6 MB.
 */
#include "ctrl/bans.h"
#include "ctrl/ctrl.h"
#include "base/rng.h"

#define FAN        8 /* keys of a node: a cache line */
#define LEVELS_MAX 8 /* 9^8 nodes of 8 */

struct range {
	uint64_t hi, first, last; /* hi: 0 but for what is longer than /64 */
};

struct ranges {
	struct range *item;
	size_t cnt;
};

/* level[0] is the root; the last level holds all borders in order, filled up with UINT64_MAX. */
struct tree {
	uint64_t *level[LEVELS_MAX];
	unsigned level_cnt;
	size_t border_cnt;
	size_t bytes;
	void *mem;
};

struct inner {
	uint64_t hi, first, last; /* of the first range; nearly always it is the only one */
	uint32_t at, cnt;         /* of struct ban_set's ranges; cnt 0: a free slot */
};

struct ban_set {
	struct tree v4, v6;
	struct ranges inside; /* a /64 */
	struct inner *inner;
	size_t mask;
	uint64_t seed;
};

static uint64_t
load_be64(const uint8_t *p)
{
	return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

static uint64_t
low_bits(unsigned n) /* n of 64 */
{
	return n == 0 ? 0 : ~0ull >> (64 - n);
}

/* ---- ranges ---- */

static int
compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->hi != y->hi)
		return x->hi < y->hi ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

/* Sorted, disjoint, none touching the next. */
static void
merge(struct ranges *r)
{
	size_t n = 0;

	qsort(r->item, r->cnt, sizeof(*r->item), compare);
	for (size_t i = 0; i < r->cnt; i++) {
		struct range *top = n ? &r->item[n - 1] : NULL, x = r->item[i];

		if (top && top->hi == x.hi && (top->last == UINT64_MAX || x.first <= top->last + 1))
			top->last = MAX(top->last, x.last);
		else
			r->item[n++] = x;
	}
	r->cnt = n;
}

/* Each prefix to where it is asked for. */
static void
sort_out(const struct ban_list *l, struct ranges *v4, struct ranges *v6, struct ranges *inside)
{
	for (size_t i = 0; i < l->cnt; i++) {
		const struct addr_prefix *p = &l->item[i].prefix;
		uint64_t hi = load_be64(p->addr.b), lo = load_be64(p->addr.b + 8);
		uint64_t v = addr_v4_of(&p->addr);

		if (addr_is_v4(&p->addr))
			v4->item[v4->cnt++] = (struct range){ 0, v, v | low_bits(128u - p->bits) };
		else if (p->bits <= 64)
			v6->item[v6->cnt++] = (struct range){ 0, hi, hi | low_bits(64u - p->bits) };
		else
			inside->item[inside->cnt++] =
			        (struct range){ hi, lo, lo | low_bits(128u - p->bits) };
	}
}

/* ---- the tree ---- */

static void
tree_build(struct tree *t, const struct ranges *r)
{
	size_t nodes[LEVELS_MAX], total = 0, at = 0;
	unsigned n = 0;
	uint64_t *mem;

	nodes[0] = (2 * r->cnt + FAN - 1) / FAN; /* from the leaves up */
	if (nodes[0] == 0)
		return;
	while (nodes[n] > 1) {
		nodes[n + 1] = (nodes[n] + FAN) / (FAN + 1);
		n++;
	}
	t->level_cnt = n + 1;
	for (unsigned i = 0; i <= n; i++)
		total += nodes[i] * FAN;
	t->bytes = total * sizeof(*mem);
	t->mem = mem = aligned_alloc(64, t->bytes);
	BUG_ON(!mem); /* slow path: out of memory ends the process */
	memset(mem, 0xff, t->bytes);
	for (unsigned i = 0; i <= n; i++) {
		t->level[i] = mem + at;
		at += nodes[n - i] * FAN;
	}
	for (size_t i = 0; i < r->cnt; i++) {
		t->level[n][t->border_cnt++] = r->item[i].first;
		if (r->item[i].last < UINT64_MAX)
			t->level[n][t->border_cnt++] = r->item[i].last + 1;
	}
	/* Key k of a node is the first border below its child k + 1. */
	for (unsigned up = 1; up <= n; up++) {
		size_t span = FAN; /* borders below one child */

		for (unsigned i = 1; i < up; i++)
			span *= FAN + 1;
		for (size_t i = 0; i < nodes[up] * FAN; i++) {
			size_t border = (i / FAN * (FAN + 1) + i % FAN + 1) * span;

			if (border < t->border_cnt)
				t->level[n - up][i] = t->level[n][border];
		}
	}
}

static bool
tree_has(const struct tree *t, uint64_t key)
{
	size_t node = 0, below = 0;

	if (key == UINT64_MAX) /* as what levels are filled up with */
		return t->border_cnt & 1;
	for (unsigned i = 0; i < t->level_cnt; i++) {
		const uint64_t *k = t->level[i] + node * FAN;

		below = 0;
		for (unsigned j = 0; j < FAN; j++)
			below += k[j] <= key;
		node = node * (FAN + 1) + below;
	}
	return below & 1; /* nodes hold an even number: only the last one's count tells */
}

/* ---- inside a /64 ---- */

static size_t
slot_of(const struct ban_set *b, uint64_t hi)
{
	uint64_t h = (hi ^ b->seed) * 0x9e3779b97f4a7c15ull;

	return (size_t)(h ^ (h >> 32)) & b->mask;
}

static void
inner_build(struct ban_set *b)
{
	size_t slots = 2;

	while (slots < b->inside.cnt * 2)
		slots *= 2;
	b->inner = calloc(slots, sizeof(*b->inner));
	BUG_ON(!b->inner);
	b->mask = slots - 1;
	b->seed = rng_entropy();
	for (size_t i = 0, end; i < b->inside.cnt; i = end) {
		uint64_t hi = b->inside.item[i].hi;
		size_t s = slot_of(b, hi);

		for (end = i + 1; end < b->inside.cnt && b->inside.item[end].hi == hi;)
			end++;
		while (b->inner[s].cnt > 0)
			s = (s + 1) & b->mask;
		b->inner[s] = (struct inner){ hi, b->inside.item[i].first, b->inside.item[i].last,
			                      (uint32_t)i, (uint32_t)(end - i) };
	}
}

static bool
inner_has(const struct ban_set *b, uint64_t hi, uint64_t lo)
{
	size_t s = slot_of(b, hi);
	const struct range *r;
	size_t cnt;

	while (b->inner[s].cnt > 0 && b->inner[s].hi != hi)
		s = (s + 1) & b->mask;
	cnt = b->inner[s].cnt;
	if (cnt <= 1)
		return cnt == 1 && b->inner[s].first <= lo && lo <= b->inner[s].last;
	r = b->inside.item + b->inner[s].at;
	while (cnt > 1) { /* the last range that begins at or before lo */
		size_t half = cnt / 2;

		r += r[half].first <= lo ? half : 0;
		cnt -= half;
	}
	return r->first <= lo && lo <= r->last;
}

/* ---- the set ---- */

struct ban_set *
ban_set_build(const struct ban_list *l)
{
	struct ranges v4 = { 0 }, v6 = { 0 };
	struct ban_set *b;

	if (l->cnt == 0)
		return NULL;
	b = calloc(1, sizeof(*b));
	v4.item = calloc(l->cnt, sizeof(*v4.item));
	v6.item = calloc(l->cnt, sizeof(*v6.item));
	b->inside.item = calloc(l->cnt, sizeof(*b->inside.item));
	BUG_ON(!b || !v4.item || !v6.item || !b->inside.item);
	sort_out(l, &v4, &v6, &b->inside);
	merge(&v4);
	merge(&v6);
	merge(&b->inside);
	tree_build(&b->v4, &v4);
	tree_build(&b->v6, &v6);
	if (b->inside.cnt > 0)
		inner_build(b);
	b->inside.item = realloc(b->inside.item, (b->inside.cnt + 1) * sizeof(*b->inside.item));
	BUG_ON(!b->inside.item);
	free(v4.item);
	free(v6.item);
	return b;
}

void
ban_set_free(struct ban_set *b)
{
	if (!b)
		return;
	free(b->v4.mem);
	free(b->v6.mem);
	free(b->inside.item);
	free(b->inner);
	free(b);
}

size_t
ban_set_bytes(const struct ban_set *b)
{
	if (!b)
		return 0;
	return sizeof(*b) + b->v4.bytes + b->v6.bytes + b->inside.cnt * sizeof(*b->inside.item) +
	       (b->inner ? (b->mask + 1) * sizeof(*b->inner) : 0);
}

bool
ban_set_has(const struct ban_set *b, const struct addr *a)
{
	uint64_t hi;

	if (!b)
		return false;
	if (addr_is_v4(a))
		return tree_has(&b->v4, addr_v4_of(a));
	hi = load_be64(a->b);
	return tree_has(&b->v6, hi) || (b->inner && inner_has(b, hi, load_be64(a->b + 8)));
}
