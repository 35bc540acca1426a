/* SPDX-License-Identifier: BSD-3-Clause
 * upstream_health.h - what all cores know of a customer's server: up or down, how many connections
 *
 * Why     Limits to a server hold per node and a dead server is found dead once (decisions 2 and 7), so this small
 *         table is the one thing about upstream that workers share. A worker that finds a route at its limit asks the
 *         others here to give a connection up.
 * Owner   The node (one table, made at start). A worker holds a reference to an entry while a route of its own names it.
 * Thread  Any worker. Relaxed atomics: figures may be a turn old; a route's limit is exact, since its count is taken and then compared.
 *         `refs` is taken by compare-and-swap (acquire, pairs with the release that fills an entry).
 * Limit   UPSTREAM_SERVERS_MAX addresses; beyond, servers share one entry of their own worker's (counted).
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"

#define UPSTREAM_SERVERS_MAX 16384

struct upstream_health {
	uint64_t key; /* hash of address and port; 0: never used */
	int32_t refs; /* -1: being filled */
	uint32_t conn_cnt;
	uint32_t fail_cnt;       /* in a row */
	uint32_t probing;        /* 1: one worker tries it */
	uint64_t down_until_us;  /* 0: up */
	uint64_t probe_since_us; /* a probe whose worker forgot it ends by age */
};

struct upstream_health_table {
	struct upstream_health entries[UPSTREAM_SERVERS_MAX];
	struct upstream_health overflow; /* never down, never counted against a limit */
	uint32_t wanted_seq;             /* wishes so far: a worker that saw another number looks */
	uint32_t wanted_conn_cnt;        /* of the last wish: what that worker has, */
	uint64_t wanted_route; /* and of which route; a wish that is overwritten comes again */
};

/* All zero is ready to use (calloc); 1 MB. NULL without memory. */
struct upstream_health_table *upstream_health_new(void);
void upstream_health_free(struct upstream_health_table *t);

/* Never NULL: the overflow entry when the table is full. Put it back once. */
struct upstream_health *upstream_health_get(struct upstream_health_table *t,
                                            const struct addr *addr, uint16_t port);
void upstream_health_put(struct upstream_health_table *t, struct upstream_health *h);

/* May a connection be opened at now_us? True when up; when down, once the back-off is over and no one else probes. */
bool upstream_health_may_try(struct upstream_health *h, uint64_t now_us);
/* It was picked by may_try() and then nothing was tried: the next one may. */
void upstream_health_not_tried(struct upstream_health *h);
bool upstream_health_is_up(const struct upstream_health *h);

/* Microseconds until a try makes sense; 0 when it does now. */
uint64_t upstream_health_wait_us(const struct upstream_health *h, uint64_t now_us);

/* A session was greeted and may carry mail. */
void upstream_health_good(struct upstream_health *h);

/* No connection, or no dialogue. `refused`: the host answered at once that nobody listens, so asking again is cheap and
 * the back-off stays short. `jitter` is any random number. */
void upstream_health_bad(struct upstream_health *h, bool refused, uint64_t retry_min_us,
                         uint64_t retry_max_us, uint64_t jitter, uint64_t now_us);

/* One more connection, if there are fewer than max on all workers. */
bool upstream_health_try_conn(struct upstream_health *h, uint32_t max);

/* A worker that has conn_cnt connections to this route wants one more, and the route is at its limit. Its own wish comes back to it as well. */
void upstream_health_want(struct upstream_health_table *t, uint64_t route, uint32_t conn_cnt);
/* Was there a wish since *seen? Then it is taken down in *seen, and what it was in the other two. */
bool upstream_health_is_wanted(const struct upstream_health_table *t, uint32_t *seen,
                               uint64_t *route, uint32_t *conn_cnt);

static inline void
upstream_health_conn_add(struct upstream_health *h, int n)
{
	__atomic_fetch_add(&h->conn_cnt, (uint32_t)n, __ATOMIC_RELAXED);
}

static inline uint32_t
upstream_health_conns(const struct upstream_health *h)
{
	if (__atomic_load_n(&h->key, __ATOMIC_RELAXED) == 0)
		return 0;
	return __atomic_load_n(&h->conn_cnt, __ATOMIC_RELAXED);
}
