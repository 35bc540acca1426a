/* SPDX-License-Identifier: BSD-3-Clause
 * upstream_route.c - the table of routes, and which server of one is next
 */
#include "dataplane/upstream/upstream_internal.h"

void
route_free(struct upstream *u, struct upstream_route *r)
{
	BUG_ON(r->user_cnt || r->conn_cnt || !list_is_empty(&r->waiting));
	wheel_cancel(u->env.wheel, &r->timer);
	list_del(&r->hash);
	list_del(&r->unused);
	for (unsigned i = 0; i < r->cfg.server_cnt; i++)
		upstream_health_put(u->env.health, r->health[i]);
	upstream_health_put(u->env.health, r->own);
	pool_put(&u->routes, r);
}

static struct list *
bucket_of(struct upstream *u, uint64_t id)
{
	return &u->buckets[(id ^ id >> 32) % ROUTE_BUCKETS];
}

static struct upstream_route *
route_new(struct upstream *u, const struct upstream_route_cfg *cfg)
{
	struct upstream_route *r = pool_get(&u->routes);
	struct addr id = { { 0 } };

	if (!r && !list_is_empty(&u->unused)) {
		route_free(u, list_entry(u->unused.next, struct upstream_route, unused));
		r = pool_get(&u->routes);
	}
	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->cfg = *cfg;
	r->u = u;
	list_init(&r->unused);
	list_init(&r->idle);
	list_init(&r->waiting);
	wheel_timer_init(&r->timer, u->cfg.wheel_kind + 1);
	for (unsigned i = 0; i < cfg->server_cnt; i++)
		r->health[i] = upstream_health_get(u->env.health, &cfg->servers[i].addr,
		                                   cfg->servers[i].port);
	memcpy(id.b, &cfg->id, sizeof(cfg->id));
	r->own = upstream_health_get(u->env.health, &id, 0); /* no server has port 0 */
	list_add_tail(bucket_of(u, cfg->id), &r->hash);
	return r;
}

struct upstream_route *
route_find(struct upstream *u, uint64_t id)
{
	list_for_each_safe(it, tmp, bucket_of(u, id))
	{
		struct upstream_route *r = list_entry(it, struct upstream_route, hash);

		if (r->cfg.id == id)
			return r;
	}
	return NULL;
}

struct upstream_route *
upstream_route_get(struct upstream *u, const struct upstream_route_cfg *cfg)
{
	struct upstream_route *r = route_find(u, cfg->id);

	BUG_ON(cfg->server_cnt > ROUTE_SERVERS_MAX || cfg->egress_cnt > ROUTE_EGRESS_MAX);
	if (!r)
		r = route_new(u, cfg);
	if (!r) {
		counter_inc(&u->env.counters->route_full);
		return NULL;
	}
	list_del(&r->unused);
	r->user_cnt++;
	u->held_cnt++;
	return r;
}

void
route_maybe_unused(struct upstream *u, struct upstream_route *r)
{
	if (r->user_cnt == 0 && r->conn_cnt == 0 && list_is_empty(&r->unused))
		list_add_tail(&u->unused, &r->unused);
}

void
upstream_route_put(struct upstream *u, struct upstream_route *r)
{
	BUG_ON(r->user_cnt == 0);
	r->user_cnt--;
	u->held_cnt--;
	route_maybe_unused(u, r);
}

const struct upstream_route_cfg *
upstream_route_cfg(const struct upstream_route *r)
{
	return &r->cfg;
}

/* ---- choice of a server ---- */

/* Smooth weighted round robin (as nginx does it) among `mask`. Questions and mails are counted apart: in turn, as they come
 * from one sender, two servers of one weight would get all questions the one and all mails the other. */
static unsigned
pick_by_weight(struct upstream_route *r, bool question, uint32_t mask)
{
	int32_t *share = r->share[question];
	int32_t total = 0;
	int best = -1;

	for (unsigned i = 0; i < r->cfg.server_cnt; i++) {
		if (!(mask & 1u << i))
			continue;
		share[i] += MAX(r->cfg.servers[i].weight, 1);
		total += MAX(r->cfg.servers[i].weight, 1);
		if (best < 0 || share[i] > share[best])
			best = (int)i;
	}
	BUG_ON(best < 0);
	share[best] -= total;
	return (unsigned)best;
}

/* Servers of one priority: those that are up in *up; a dead one whose back-off is over and that is ours to probe is returned. */
static int
look_at_priority(struct upstream_route *r, unsigned priority, unsigned tried, uint32_t *up,
                 uint64_t *wait_us, uint64_t now_us)
{
	for (unsigned i = 0; i < r->cfg.server_cnt; i++) {
		uint64_t wait = upstream_health_wait_us(r->health[i], now_us);

		if (r->cfg.servers[i].priority != priority || tried & 1u << i)
			continue;
		if (upstream_health_is_up(r->health[i]))
			*up |= 1u << i;
		else if (wait == 0 && upstream_health_may_try(r->health[i], now_us))
			return (int)i;
		else
			*wait_us = MIN(*wait_us, MAX(wait, RETRY_US));
	}
	return -1;
}

/* The server to use now, or -1: then *wait_us says when to look again, UINT64_MAX when never. */
int
route_pick_server(struct upstream_route *r, bool question, unsigned tried, uint64_t *wait_us,
                  uint64_t now_us)
{
	int priority = -1;

	*wait_us = UINT64_MAX;
	for (;;) {
		int next = 256, probe;
		uint32_t up = 0;

		for (unsigned i = 0; i < r->cfg.server_cnt; i++)
			if (r->cfg.servers[i].priority > priority &&
			    r->cfg.servers[i].priority < next)
				next = r->cfg.servers[i].priority;
		if (next == 256)
			return -1;
		priority = next;
		probe = look_at_priority(r, (unsigned)priority, tried, &up, wait_us, now_us);
		if (probe >= 0)
			return probe;
		if (up)
			return (int)pick_by_weight(r, question, up);
	}
}

bool
route_source_address(struct upstream *u, struct upstream_route *r, const struct addr *dst,
                     struct addr *src)
{
	bool v4 = addr_is_v4(dst);

	if (r->cfg.egress_cnt == 0)
		return u->env.source_for(u->env.ctx, dst, src);
	/* In turn; customers are the same on all nodes of a cluster, addresses are not. */
	for (unsigned i = 0; i < r->cfg.egress_cnt; i++) {
		const struct addr *a = &r->cfg.egress[r->next_egress++ % r->cfg.egress_cnt];

		if (addr_is_v4(a) == v4 && u->env.is_local(u->env.ctx, a)) {
			*src = *a;
			return true;
		}
	}
	return false;
}
