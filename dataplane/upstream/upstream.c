/* SPDX-License-Identifier: BSD-3-Clause
 * upstream.c - who gets which connection
 */
#include "dataplane/upstream/upstream_internal.h"

const struct counter_desc upstream_counter_desc[UPSTREAM_COUNTERS] = {
#define COUNTER COUNTER_DESC
#include "dataplane/upstream/upstream_counters.def"
#undef COUNTER
};

static void route_on_timer(void *ctx, struct wheel_timer *t, uint64_t now_us);

struct upstream *
upstream_new(const struct upstream_config *cfg, const struct upstream_env *env)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->cfg = *cfg;
	u->env = *env;
	list_init(&u->all);
	list_init(&u->idle);
	list_init(&u->unused);
	for (unsigned i = 0; i < ROUTE_BUCKETS; i++)
		list_init(&u->buckets[i]);
	u->out = (struct smtp_out){ u->out_bytes, 0, sizeof(u->out_bytes) };
	if (pool_init_mapped(&u->conns, "upstream connections", sizeof(struct upstream_conn),
	                     cfg->conn_cnt) < 0)
		goto no_conns;
	if (pool_init_mapped(&u->routes, "upstream routes", sizeof(struct upstream_route),
	                     cfg->route_cnt) < 0)
		goto no_routes;
	wheel_set_kind(env->wheel, cfg->wheel_kind, conn_on_timer, u);
	wheel_set_kind(env->wheel, cfg->wheel_kind + 1, route_on_timer, u);
	return u;

no_routes:
	pool_fini_mapped(&u->conns);
no_conns:
	free(u);
	return NULL;
}

void
upstream_free(struct upstream *u)
{
	if (!u)
		return;
	list_for_each_safe(it, tmp, &u->all)
	{
		struct upstream_conn *c = list_entry(it, struct upstream_conn, all);

		BUG_ON(c->req);
		conn_cut(c);
	}
	list_for_each_safe(it, tmp, &u->unused)
	        route_free(u, list_entry(it, struct upstream_route, unused));
	pool_fini_mapped(&u->routes);
	pool_fini_mapped(&u->conns);
	free(u);
}

void
upstream_set_time(struct upstream *u, uint64_t now_us, uint64_t wall_us)
{
	u->now_us = now_us;
	u->wall_us = wall_us;
	share_look(u);
}

void
upstream_log(struct upstream *u, const struct upstream_route *r, unsigned server, const char *what,
             unsigned code, struct span text)
{
	char address[ADDR_TEXT_MAX];
	struct event *e;

	if (!u->env.events)
		return;
	e = event_begin(u->env.events, EVENT_UPSTREAM, 0, u->wall_us);
	if (!e)
		return;
	e->worker = u->cfg.worker;
	e->num[0] = r->cfg.servers[server].port;
	e->num[1] = code;
	event_text(e, 0, span_z(what));
	event_text(e, 1, span(address, addr_format(&r->cfg.servers[server].addr, address)));
	event_text(e, 2, text);
	event_commit(u->env.events);
}

/* ---- requests ---- */

static void
route_arm(struct upstream_route *r, uint64_t due_us)
{
	struct upstream *u = r->u;

	if (!wheel_is_armed(&r->timer))
		wheel_arm(u->env.wheel, &r->timer, due_us);
}

static void
req_set_waiting(struct upstream *u, struct upstream_req *req, bool at_head)
{
	struct upstream_route *r = req->route;

	req->state = REQ_WAITING;
	if (at_head)
		list_add_head(&r->waiting, &req->link);
	else
		list_add_tail(&r->waiting, &req->link);
	u->waiting_cnt++;
	counter_set_value(&u->env.counters->waiting, u->waiting_cnt);
}

static void
req_unwait(struct upstream *u, struct upstream_req *req)
{
	BUG_ON(req->state != REQ_WAITING);
	list_del(&req->link);
	req->state = REQ_NONE;
	u->waiting_cnt--;
	counter_set_value(&u->env.counters->waiting, u->waiting_cnt);
}

static struct upstream_conn *
idle_of(struct upstream_route *r, unsigned server)
{
	list_for_each_safe(it, tmp, &r->idle)
	{
		struct upstream_conn *c = list_entry(it, struct upstream_conn, link);

		if (c->server == server)
			return c;
	}
	return NULL;
}

/* One more connection of the route, counted on all workers; on this one where the shared table has no place. */
static bool
try_count(const struct upstream *u, struct upstream_route *r)
{
	uint32_t max = r->cfg.max_connections ? r->cfg.max_connections : u->cfg.max_connections;

	return r->conn_cnt < max && upstream_health_try_conn(r->own, max);
}

enum served {
	SERVED, /* granted, or a connection is being opened for it */
	WAIT_CONN,
	WAIT_SERVER, /* in *wait_us */
	FAILED,
};

/* It waits. If the server was picked to be probed, somebody else may. */
static enum served
wait_conn(struct upstream_route *r, int server, uint64_t *wait_us)
{
	upstream_health_not_tried(r->health[server]);
	*wait_us = RETRY_US;
	return WAIT_CONN;
}

/* Nobody can reach it from here: of no family of ours, or none of the route's egress addresses is on this node. */
static void
skip_server(struct upstream *u, struct upstream_req *req, int server)
{
	struct upstream_route *r = req->route;

	counter_inc(&u->env.counters->fail_source);
	upstream_log(u, r, (unsigned)server, "no source address", 0, span("", 0));
	upstream_health_not_tried(r->health[server]);
	req->tried = (uint16_t)(req->tried | 1u << server);
}

static enum served
serve(struct upstream *u, struct upstream_req *req, uint64_t *wait_us)
{
	struct upstream_route *r = req->route;
	int server = route_pick_server(r, req->ops->question, req->tried, wait_us, u->now_us);
	struct upstream_conn *c;
	struct addr src;

	if (server < 0)
		return *wait_us <= PROBE_WAIT_US ? WAIT_SERVER : FAILED;
	c = req->fresh || r->cfg.proxy_v2 ? NULL : idle_of(r, (unsigned)server);
	if (c) {
		/* A warm one is no probe: who needs a new one may find out whether the server is back. */
		upstream_health_not_tried(r->health[server]);
		conn_grant(c, req, true);
		return SERVED;
	}
	if (!route_source_address(u, r, &r->cfg.servers[server].addr, &src)) {
		skip_server(u, req, server);
		return serve(u, req, wait_us); /* as deep as there are servers */
	}
	/* At the limit a warm one of another server of this route gives way: there is room once it is gone. */
	if (!try_count(u, r)) {
		if (!share_evict_of_route(u, r))
			share_ask(u, r);
		return wait_conn(r, server, wait_us);
	}
	if (conn_open(u, r, (unsigned)server, &src, req))
		return SERVED;
	upstream_health_conn_add(r->own, -1);
	counter_inc(&u->env.counters->fail_local);
	share_evict(u);
	return wait_conn(r, server, wait_us);
}

static void
req_fail(struct upstream *u, struct upstream_req *req)
{
	counter_inc(&u->env.counters->no_server);
	req->state = REQ_NONE;
	req->ops->on_failed(req->user);
}

/* Serve one that is in no list; what cannot be served now waits. */
static enum served
req_serve(struct upstream *u, struct upstream_req *req, bool at_head)
{
	uint64_t wait_us;
	enum served s = serve(u, req, &wait_us);

	if (s == FAILED)
		req_fail(u, req);
	if (s == WAIT_CONN || s == WAIT_SERVER) {
		req_set_waiting(u, req, at_head);
		route_arm(req->route, u->now_us + wait_us);
	}
	return s;
}

void
upstream_want(struct upstream *u, struct upstream_req *req, struct upstream_route *r,
              const struct upstream_user *ops, void *user)
{
	BUG_ON(req->state != REQ_NONE);
	list_init(&req->link);
	req->route = r;
	req->ops = ops;
	req->user = user;
	req->conn = NULL;
	req->tried = 0;
	req->fresh = false;
	req->server = 0;
	if (list_is_empty(&r->waiting)) {
		if (req_serve(u, req, false) == WAIT_CONN)
			counter_inc(&u->env.counters->waited);
		return;
	}
	counter_inc(&u->env.counters->waited);
	req_set_waiting(u, req, false); /* behind those who came before */
	route_arm(r, u->now_us + RETRY_US);
}

/* Serve the first few that wait. A request that waits for a server does not hold up the others. */
static void
route_pump(struct upstream *u, struct upstream_route *r)
{
	unsigned looks = 0;

	if (r->pumping)
		return;
	r->pumping = true;
	while (!list_is_empty(&r->waiting) && looks++ < PUMP_LOOK_MAX) {
		struct upstream_req *req = list_entry(r->waiting.next, struct upstream_req, link);
		uint64_t wait_us;
		enum served s;

		req_unwait(u, req);
		s = serve(u, req, &wait_us);
		if (s == FAILED)
			req_fail(u, req);
		if (s == WAIT_CONN || s == WAIT_SERVER) {
			req_set_waiting(u, req, s == WAIT_CONN);
			route_arm(r, u->now_us + wait_us);
		}
		if (s == WAIT_CONN)
			break;
	}
	r->pumping = false;
	if (!list_is_empty(&r->waiting))
		route_arm(r, u->now_us + RETRY_US);
}

static void
route_on_timer(void *ctx, struct wheel_timer *t, uint64_t now_us)
{
	(void)now_us;
	route_pump(ctx, container_of(t, struct upstream_route, timer));
}

void
req_failed_try(struct upstream *u, struct upstream_req *req)
{
	req->state = REQ_NONE;
	req->conn = NULL;
	req->tried = (uint16_t)(req->tried | 1u << req->server);
	if ((unsigned)__builtin_popcount(req->tried) < req->route->cfg.server_cnt)
		counter_inc(&u->env.counters->failover);
	req_serve(u, req, true);
}

void
req_serve_again(struct upstream *u, struct upstream_req *req)
{
	req->state = REQ_NONE;
	req->conn = NULL;
	req_serve(u, req, true);
}

void
upstream_retry(struct upstream *u, struct upstream_req *req)
{
	BUG_ON(req->state != REQ_NONE);
	req_failed_try(u, req);
}

void
route_conn_is_idle(struct upstream_conn *c)
{
	route_pump(c->u, c->route);
}

void
route_conn_is_gone(struct upstream *u, struct upstream_route *r)
{
	if (!list_is_empty(&r->waiting))
		route_arm(
		        r,
		        u->now_us); /* not from here: the caller may be in the middle of something */
	route_maybe_unused(u, r);
}

bool
upstream_is_granted(const struct upstream_req *req)
{
	return req->state == REQ_GRANTED;
}

bool
upstream_is_active(const struct upstream_req *req)
{
	return req->state != REQ_NONE;
}

/* Take a request off whatever serves it; returns the connection that it had. */
static struct upstream_conn *
req_detach(struct upstream *u, struct upstream_req *req)
{
	struct upstream_conn *c = req->conn;

	if (req->state == REQ_WAITING)
		req_unwait(u, req);
	req->state = REQ_NONE;
	req->conn = NULL;
	if (c)
		c->req = NULL;
	return c;
}

static bool
is_before_data(const struct upstream_conn *c)
{
	switch (smtp_client_stage(&c->client)) {
	case SMTP_STAGE_DATA:
	case SMTP_STAGE_BODY:
	case SMTP_STAGE_CHUNK:
	case SMTP_STAGE_FINAL:
		return false;
	default:
		return true;
	}
}

void
upstream_release(struct upstream *u, struct upstream_req *req)
{
	struct upstream_conn *c = req_detach(u, req);

	if (!c || c->state == CONN_OPENING) /* one that opens goes on and becomes warm */
		return;
	conn_release(c, is_before_data(c));
}

void
upstream_cut(struct upstream *u, struct upstream_req *req)
{
	struct upstream_conn *c = req_detach(u, req);

	if (!c || c->state == CONN_OPENING)
		return;
	counter_inc(&u->env.counters->aborted);
	conn_cut(c);
}

void
upstream_drain(struct upstream *u, bool on)
{
	u->draining = on;
	if (!on)
		return;
	list_for_each_safe(it, tmp, &u->all)
	{
		struct upstream_conn *c = list_entry(it, struct upstream_conn, all);

		if (c->state == CONN_IDLE)
			conn_quit(c);
	}
}

void
upstream_tune(struct upstream *u, uint32_t max_connections, uint32_t max_refusals,
              uint32_t max_idle_resets, uint64_t retry_min_us, uint64_t retry_max_us,
              uint64_t idle_us)
{
	u->cfg.max_connections = max_connections;
	u->cfg.max_refusals = max_refusals;
	u->cfg.max_idle_resets = max_idle_resets;
	u->cfg.retry_min_us = retry_min_us;
	u->cfg.retry_max_us = retry_max_us;
	u->cfg.idle_us = idle_us;
}

const struct upstream_server *
upstream_server(const struct upstream_req *req)
{
	return &req->route->cfg.servers[req->server];
}

void
upstream_get_usage(const struct upstream *u, struct upstream_usage *out)
{
	out->conns = u->conns.used_cnt;
	out->idle = (uint32_t)counter_read(&u->env.counters->idle);
	out->waiting = u->waiting_cnt;
	out->routes_held = u->held_cnt;
}
