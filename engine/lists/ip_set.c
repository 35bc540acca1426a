/* SPDX-License-Identifier: BSD-3-Clause
 * ip_set.c - nested prefixes to disjoint ranges by one sweep with a stack
 */
#include "engine/lists/ip_set.h"

typedef unsigned __int128 u128; /* the one typedef: C has no name of its own for it */

struct family {
	size_t cnt;
	uint32_t *value; /* of the range that starts at key i and ends before key i + 1 */
	uint32_t *key4;
	u128 *key6;
};

struct ip_set {
	struct family v4, v6;
	uint32_t *index; /* 65,537 positions of v4.key4, or NULL */
};

static u128
key_of(const struct addr *a)
{
	u128 k = 0;

	for (size_t i = 0; i < 16; i++)
		k = k << 8 | a->b[i];
	return k;
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

/* Cut the ranges of [lo, hi] out into family f; key is the offset from lo for IPv4. */
static void
cut(struct family *f, const struct ranges *r, bool is_v4)
{
	u128 lo = v4_first, hi = v4_first | 0xffffffffu;
	size_t n = 0;

	f->value = calloc(r->cnt + 1, sizeof(*f->value));
	if (is_v4)
		f->key4 = calloc(r->cnt + 1, sizeof(*f->key4));
	else
		f->key6 = calloc(r->cnt + 1, sizeof(*f->key6));
	BUG_ON(!f->value || (!f->key4 && !f->key6));
	for (size_t i = 0; i < r->cnt; i++) {
		bool is_last = i + 1 == r->cnt;

		if (!is_v4) {
			f->key6[n] = r->start[i];
			f->value[n++] = r->value[i];
		} else if (r->start[i] <= hi && (is_last || r->start[i + 1] > lo)) {
			f->key4[n] = r->start[i] < lo ? 0 : (uint32_t)(r->start[i] - lo);
			f->value[n++] = r->value[i];
		}
	}
	f->cnt = n;
}

static void
make_index(struct ip_set *s)
{
	size_t at = 0;

	if (s->v4.cnt < IP_SET_INDEX_MIN)
		return;
	s->index = calloc(65537, sizeof(*s->index));
	BUG_ON(!s->index);
	for (uint32_t top = 0; top < 65536; top++) {
		while (at + 1 < s->v4.cnt && s->v4.key4[at + 1] <= top << 16)
			at++;
		s->index[top] = (uint32_t)at;
	}
	s->index[65536] = (uint32_t)s->v4.cnt - 1;
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
	for (size_t i = 0; i < cnt; i++) {
		struct addr_prefix p = { addr_mask(&e[i].prefix.addr, e[i].prefix.bits),
			                 e[i].prefix.bits };

		k[i] = (struct sort_key){ key_of(&p.addr), i, p.bits, e[i].value, last_of(&p) };
	}
	qsort(k, cnt, sizeof(*k), compare);
	sweep(k, cnt, &r);
	cut(&s->v4, &r, true);
	cut(&s->v6, &r, false);
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
	free(s->v4.key4);
	free(s->v4.value);
	free(s->v6.key6);
	free(s->v6.value);
	free(s->index);
	free(s);
}

size_t
ip_set_bytes(const struct ip_set *s)
{
	return s ? sizeof(*s) + s->v4.cnt * 8 + s->v6.cnt * 20 + (s->index ? 65537 * 4 : 0) : 0;
}

/* Last range that starts at or before the key; the first range starts at 0. */
static uint32_t
find4(const struct ip_set *s, uint32_t key)
{
	size_t lo = 0, hi = s->v4.cnt - 1;

	if (s->index) {
		lo = s->index[key >> 16];
		hi = s->index[(key >> 16) + 1];
	}
	while (lo < hi) {
		size_t mid = (lo + hi + 1) / 2;

		if (s->v4.key4[mid] <= key)
			lo = mid;
		else
			hi = mid - 1;
	}
	return s->v4.value[lo];
}

static uint32_t
find6(const struct ip_set *s, u128 key)
{
	size_t lo = 0, hi = s->v6.cnt - 1;

	while (lo < hi) {
		size_t mid = (lo + hi + 1) / 2;

		if (s->v6.key6[mid] <= key)
			lo = mid;
		else
			hi = mid - 1;
	}
	return s->v6.value[lo];
}

bool
ip_set_find(const struct ip_set *s, const struct addr *a, uint32_t *value)
{
	uint32_t v;

	if (!s)
		return false;
	v = addr_is_v4(a) ? find4(s, addr_v4_of(a)) : find6(s, key_of(a));
	if (v == IP_SET_NONE)
		return false;
	*value = v;
	return true;
}
