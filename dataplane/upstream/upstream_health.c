/* SPDX-License-Identifier: BSD-3-Clause
 * upstream_health.c - the shared table and its back-off
 */
#include "dataplane/upstream/upstream_health.h"
#include "base/siphash.h"

#define WAYS           8
#define REFUSED_MAX_US 800000u   /* a host that says no at once is asked again within a second */
#define REFUSED_SHARE  10u       /* of retry_min: the back-off after the first refusal */
#define PROBE_AGE_US   60000000u /* longer than any connect time-out */

#define LOAD(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

struct upstream_health_table *
upstream_health_new(void)
{
	return calloc(1, sizeof(struct upstream_health_table));
}

void
upstream_health_free(struct upstream_health_table *t)
{
	free(t);
}

static uint64_t
key_of(const struct addr *addr, uint16_t port)
{
	/* Keys come from the operator's routes, not from outsiders: a fixed key does. */
	static const struct siphash_key fixed = { 0x7765697220686561ull, 0x6c74680000000000ull };
	uint8_t buf[18];

	memcpy(buf, addr->b, 16);
	memcpy(buf + 16, &port, 2);
	return siphash(&fixed, buf, sizeof(buf)) | 1;
}

/* Take a reference if the entry still is `key`. */
static bool
try_ref(struct upstream_health *h, uint64_t key)
{
	int32_t refs = LOAD(&h->refs);

	while (refs >= 0) {
		if (!__atomic_compare_exchange_n(&h->refs, &refs, refs + 1, false, __ATOMIC_ACQUIRE,
		                                 __ATOMIC_RELAXED))
			continue;
		if (LOAD(&h->key) == key)
			return true;
		__atomic_fetch_sub(&h->refs, 1, __ATOMIC_RELEASE);
		return false;
	}
	return false;
}

static bool
try_fill(struct upstream_health *h, uint64_t key)
{
	int32_t none = 0;

	if (!__atomic_compare_exchange_n(&h->refs, &none, -1, false, __ATOMIC_ACQUIRE,
	                                 __ATOMIC_RELAXED))
		return false;
	STORE(&h->key, key);
	STORE(&h->conn_cnt, 0u);
	STORE(&h->fail_cnt, 0u);
	STORE(&h->probing, 0u);
	STORE(&h->down_until_us, 0ull);
	__atomic_store_n(&h->refs, 1, __ATOMIC_RELEASE);
	return true;
}

struct upstream_health *
upstream_health_get(struct upstream_health_table *t, const struct addr *addr, uint16_t port)
{
	uint64_t key = key_of(addr, port);
	struct upstream_health *set =
	        &t->entries[(key >> 1) % (UPSTREAM_SERVERS_MAX / WAYS) * WAYS];

	for (unsigned i = 0; i < WAYS; i++)
		if (LOAD(&set[i].key) == key && try_ref(&set[i], key))
			return &set[i];
	for (unsigned i = 0; i < WAYS; i++)
		if (LOAD(&set[i].refs) == 0 && try_fill(&set[i], key))
			return &set[i];
	return &t->overflow;
}

void
upstream_health_put(struct upstream_health_table *t, struct upstream_health *h)
{
	if (h != &t->overflow)
		__atomic_fetch_sub(&h->refs, 1, __ATOMIC_RELEASE);
}

bool
upstream_health_is_up(const struct upstream_health *h)
{
	return LOAD(&h->down_until_us) == 0;
}

uint64_t
upstream_health_wait_us(const struct upstream_health *h, uint64_t now_us)
{
	uint64_t until = LOAD(&h->down_until_us);

	return until > now_us ? until - now_us : 0;
}

bool
upstream_health_may_try(struct upstream_health *h, uint64_t now_us)
{
	uint32_t none = 0;

	if (upstream_health_is_up(h))
		return true;
	if (upstream_health_wait_us(h, now_us) > 0)
		return false;
	if (now_us - LOAD(&h->probe_since_us) > PROBE_AGE_US)
		STORE(&h->probing, 0u);
	if (!__atomic_compare_exchange_n(&h->probing, &none, 1u, false, __ATOMIC_RELAXED,
	                                 __ATOMIC_RELAXED))
		return false;
	STORE(&h->probe_since_us, now_us);
	return true;
}

void
upstream_health_not_tried(struct upstream_health *h)
{
	if (!upstream_health_is_up(h))
		STORE(&h->probing, 0u);
}

void
upstream_health_good(struct upstream_health *h)
{
	STORE(&h->fail_cnt, 0u);
	STORE(&h->down_until_us, 0ull);
	STORE(&h->probing, 0u);
}

void
upstream_health_bad(struct upstream_health *h, bool refused, uint64_t retry_min_us,
                    uint64_t retry_max_us, uint64_t jitter, uint64_t now_us)
{
	uint32_t fails = LOAD(&h->fail_cnt);
	uint64_t back;

	if (LOAD(&h->key) == 0) /* the overflow entry stands for many servers */
		return;
	back = refused ? retry_min_us / REFUSED_SHARE : retry_min_us;
	back <<= MIN(fails, 10u);
	back = MIN(back, retry_max_us);
	if (refused)
		back = MIN(back, REFUSED_MAX_US);
	back -= back / 4 * (jitter & 0xffff) / 0x10000;
	STORE(&h->fail_cnt, fails + 1);
	STORE(&h->down_until_us, now_us + MAX(back, 1u));
	STORE(&h->probing, 0u);
}

bool
upstream_health_try_conn(struct upstream_health *h, uint32_t max)
{
	if (__atomic_fetch_add(&h->conn_cnt, 1, __ATOMIC_RELAXED) < max || LOAD(&h->key) == 0)
		return true;
	upstream_health_conn_add(h, -1);
	return false;
}

void
upstream_health_want(struct upstream_health_table *t, uint64_t route, uint32_t conn_cnt)
{
	STORE(&t->wanted_route, route);
	STORE(&t->wanted_conn_cnt, conn_cnt);
	/* Release: who sees the number sees the wish. Pairs with upstream_health_is_wanted(). */
	__atomic_fetch_add(&t->wanted_seq, 1, __ATOMIC_RELEASE);
}

bool
upstream_health_is_wanted(const struct upstream_health_table *t, uint32_t *seen, uint64_t *route,
                          uint32_t *conn_cnt)
{
	uint32_t seq = __atomic_load_n(&t->wanted_seq, __ATOMIC_ACQUIRE);

	if (seq == *seen)
		return false;
	*seen = seq;
	*route = LOAD(&t->wanted_route);
	*conn_cnt = LOAD(&t->wanted_conn_cnt);
	return true;
}
