/* SPDX-License-Identifier: BSD-3-Clause
 * limits.c - counts per source in windows of a minute, shared by all cores
 */
#include "dataplane/limits.h"
#include <sys/mman.h>

#define SHARED 2 /* entries of a set: all addresses that found no place, all prefixes */

#define LOAD(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

struct limits_source {
	uint64_t key;               /* 0: never used */
	int32_t refs;               /* open connections, and who looks at it; -1: being filled */
	uint32_t seen;              /* the minute of its last event */
	uint64_t cnt[LIMITS_KINDS]; /* the minute << 32 | how many in it */
};
static_assert(sizeof(struct limits_source) == 32, "two a line");

struct limits_table {
	struct siphash_key key;
	uint64_t set_cnt; /* a power of two */
	uint32_t *claims; /* of each set: 1 while an entry is made in it */
	struct limits_source *sources;
	struct limits_source
	        *shared; /* of each set: those who found no place in it, two: addresses,
	                               * prefixes; never filled */
	size_t bytes;
};

struct limits_table *
limits_table_new(uint64_t entries, const struct siphash_key *key)
{
	struct limits_table *t = calloc(1, sizeof(*t));
	void *p;

	if (!t)
		return NULL;
	t->key = *key;
	t->set_cnt = 1;
	while (t->set_cnt * LIMITS_WAYS < entries && t->set_cnt < 1u << 24)
		t->set_cnt *= 2;
	t->bytes = t->set_cnt * ((LIMITS_WAYS + SHARED) * sizeof(*t->sources) + sizeof(*t->claims));
	p = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		free(t);
		return NULL;
	}
	t->sources = p;
	t->shared = t->sources + t->set_cnt * LIMITS_WAYS;
	t->claims = (uint32_t *)(void *)(t->shared + t->set_cnt * SHARED);
	return t;
}

void
limits_table_free(struct limits_table *t)
{
	if (!t)
		return;
	munmap(t->sources, t->bytes);
	free(t);
}

/* Bits of the address that tell sources, and their prefixes, apart. */
static uint8_t
source_bits(const struct addr *a)
{
	return addr_is_v4(a) ? 128 : 64;
}

static uint8_t
prefix_bits(const struct addr *a)
{
	return addr_is_v4(a) ? 96 + 24 : 48;
}

static uint64_t
key_of(const struct limits_table *t, const struct addr *a, uint8_t bits)
{
	struct addr net = addr_mask(a, bits);
	uint8_t in[sizeof(net.b) + 1];

	memcpy(in, net.b, sizeof(net.b));
	in[sizeof(net.b)] = bits; /* a network is not its first address */
	return siphash(&t->key, in, sizeof(in)) | (uint64_t)1 << 63; /* never 0 */
}

static uint32_t
window_of(uint64_t now_us)
{
	return (uint32_t)(now_us / LIMITS_WINDOW_US) + 1;
}

static void
put(struct limits_source *s, uint64_t now_us)
{
	STORE(&s->seen, window_of(now_us));
	__atomic_fetch_sub(&s->refs, 1, __ATOMIC_RELEASE);
}

/* Take a reference if the entry still is `key`. */
static bool
try_ref(struct limits_source *s, uint64_t key)
{
	int32_t refs = LOAD(&s->refs);

	while (refs >= 0) {
		if (!__atomic_compare_exchange_n(&s->refs, &refs, refs + 1, false, __ATOMIC_ACQUIRE,
		                                 __ATOMIC_RELAXED))
			continue;
		if (LOAD(&s->key) == key)
			return true;
		__atomic_fetch_sub(&s->refs, 1, __ATOMIC_RELEASE);
		return false;
	}
	return false;
}

static struct limits_source *
find(struct limits_source *set, uint64_t key)
{
	for (unsigned i = 0; i < LIMITS_WAYS; i++)
		if (LOAD(&set[i].key) == key && try_ref(&set[i], key))
			return &set[i];
	return NULL;
}

/* The one without connections that was unseen for longest becomes `key`; its set is claimed. NULL: all have some. */
static struct limits_source *
fill(struct limits_source *set, uint64_t key)
{
	struct limits_source *best = NULL;
	int32_t none = 0;

	for (unsigned i = 0; i < LIMITS_WAYS; i++)
		if (LOAD(&set[i].refs) == 0 && (!best || LOAD(&set[i].seen) < LOAD(&best->seen)))
			best = &set[i];
	/* It may just have been found by its own source: then this one goes without. */
	if (!best || !__atomic_compare_exchange_n(&best->refs, &none, -1, false, __ATOMIC_ACQUIRE,
	                                          __ATOMIC_RELAXED))
		return NULL;
	STORE(&best->key, key);
	for (unsigned i = 0; i < LIMITS_KINDS; i++)
		STORE(&best->cnt[i], (uint64_t)0);
	__atomic_store_n(&best->refs, 1, __ATOMIC_RELEASE);
	return best;
}

/* The entry of the address, or of its prefix, with a reference; the shared one of its set and kind when there is no place (counted). */
static struct limits_source *
hold(struct limits *l, const struct addr *a, bool is_prefix)
{
	uint64_t key = key_of(l->table, a, is_prefix ? prefix_bits(a) : source_bits(a)),
	         at = key & (l->table->set_cnt - 1);
	struct limits_source *set = &l->table->sources[at * LIMITS_WAYS], *s = find(set, key);
	uint32_t *claim = &l->table->claims[at];

	for (unsigned i = 0; !s && i < LIMITS_CLAIM_TRIES; i++) {
		if (LOAD(claim) || __atomic_exchange_n(claim, 1, __ATOMIC_ACQUIRE)) {
			__builtin_ia32_pause();
			continue;
		}
		s = find(set, key); /* another core may have been faster */
		if (!s)
			s = fill(set, key);
		__atomic_store_n(claim, 0, __ATOMIC_RELEASE);
		break;
	}
	if (s)
		return s;
	l->full_cnt++;
	s = &l->table->shared[at * SHARED + is_prefix];
	__atomic_fetch_add(&s->refs, 1, __ATOMIC_ACQUIRE);
	return s;
}

bool
limits_is_shared(const struct limits *l, const struct limits_source *s)
{
	return s >= l->table->shared;
}

/* A shared entry has room for as many as a set has entries. */
static uint64_t
room(const struct limits *l, const struct limits_source *s, uint32_t max)
{
	return limits_is_shared(l, s) ? (uint64_t)max * LIMITS_WAYS : max;
}

static bool
count_in(struct limits *l, const struct addr *a, bool is_prefix, uint32_t max, uint64_t now_us,
         struct limits_source **held)
{
	struct limits_source *s = l->cfg.enabled ? hold(l, a, is_prefix) : NULL;

	*held = NULL;
	/* Our own reference is in it: two that come at once to the last place cannot both see room. */
	if (s && max && LOAD(&s->refs) > (int64_t)room(l, s, max)) {
		put(s, now_us);
		return false;
	}
	*held = s;
	return true;
}

bool
limits_connect(struct limits *l, const struct addr *a, uint64_t now_us, struct limits_source **held)
{
	return count_in(l, a, false, l->cfg.connections, now_us, held);
}

bool
limits_connect_prefix(struct limits *l, const struct addr *a, uint64_t now_us,
                      struct limits_source **held)
{
	return count_in(l, a, true, l->cfg.connections_per_prefix, now_us, held);
}

void
limits_disconnect(struct limits_source *held, uint64_t now_us)
{
	if (held)
		put(held, now_us);
}

uint64_t
limits_held(const struct limits_table *t)
{
	uint64_t cnt = 0;

	for (uint64_t i = 0; i < t->set_cnt * (LIMITS_WAYS + SHARED);
	     i++) /* the shared ones are last */
		cnt += (uint64_t)MAX(LOAD(&t->sources[i].refs), 0);
	return cnt;
}

bool
limits_count(struct limits *l, const struct addr *a, struct limits_source **held,
             enum limits_what what, uint64_t now_us)
{
	uint32_t max = l->cfg.per_minute[what], window = window_of(now_us);
	uint64_t old, next;

	if (!l->cfg.enabled || max == 0)
		return true;
	if (!*held)
		*held = hold(l, a, false);
	old = LOAD(&(*held)->cnt[what]);
	do {
		if (old >> 32 < window) /* another core's turn may be in the next minute already */
			next = (uint64_t)window << 32 | 1;
		else if ((uint32_t)old >= room(l, *held, max))
			return false;
		else
			next = old + 1;
	} while (!__atomic_compare_exchange_n(&(*held)->cnt[what], &old, next, false,
	                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}
