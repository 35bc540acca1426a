/* SPDX-License-Identifier: BSD-3-Clause
 * upstream_conn.c - one connection to a customer's server: from connect to the server's FIN
 *
 * A callback may do anything to the connection it is called for. So what runs a connection holds c->in_loop, and a connection
 * that dies meanwhile is freed by that loop.
 *
 * Over 500 lines: one connection's states and what each event does in them are read together.
 */
#include "dataplane/upstream/upstream_internal.h"
#include "dataplane/smtp/proxy_v2.h"

static void on_open(struct tcp_conn *t, void *user);
static void on_bytes(struct tcp_conn *t, void *user);
static void on_room(struct tcp_conn *t, void *user);
static void on_close(struct tcp_conn *t, void *user, int err);

static const struct tcp_ops conn_ops = { on_open, on_bytes, on_room, on_close };

void
conn_arm(struct upstream_conn *c, uint64_t for_us)
{
	c->due_us = c->u->now_us + for_us;
	if (!wheel_is_armed(&c->timer) ||
	    (int32_t)(c->timer.due_ms - c->u->env.wheel->now_ms) > (int64_t)(for_us / 1000 + 1))
		wheel_arm(c->u->env.wheel, &c->timer, c->due_us);
}

/* ---- life ---- */

static void
count(struct upstream_conn *c, int n)
{
	c->counted = n > 0;
	upstream_health_conn_add(c->route->health[c->server], n);
	c->route->conn_cnt += (uint32_t)n;
}

bool
conn_open(struct upstream *u, struct upstream_route *r, unsigned server, const struct addr *src,
          struct upstream_req *req)
{
	const struct upstream_server *s = &r->cfg.servers[server];
	struct upstream_conn *c;

	c = pool_get(&u->conns);
	if (!c)
		return false;
	c->tcp = tcp_connect(u->env.tcp, src, &s->addr, s->port, &conn_ops, c, u->now_us);
	if (!c->tcp) {
		pool_put(&u->conns, c);
		return false;
	}
	list_init(&c->link);
	list_init(&c->idle);
	list_add_tail(&u->all, &c->all);
	c->u = u;
	c->route = r;
	c->req = req;
	c->server = (uint8_t)server;
	c->state = CONN_OPENING;
	c->in_loop = c->warm = c->replied = c->early = c->tcp_gone = c->mute = c->evicted = false;
	c->ccfg = (struct smtp_client_config){ u->cfg.hostname, false, r->cfg.xclient,
		                               r->cfg.xforward };
	smtp_client_init(&c->client, &c->ccfg);
	wheel_timer_init(&c->timer, u->cfg.wheel_kind);
	conn_arm(c, u->cfg.greet_us);
	count(c, 1);
	counter_inc(&u->env.counters->open);
	req->server = (uint8_t)server;
	req->conn = c;
	req->state = REQ_OPENING;
	return true;
}

static void
conn_free(struct upstream_conn *c)
{
	list_del(&c->all);
	pool_put(&c->u->conns, c);
}

static void
leave_idle(struct upstream_conn *c)
{
	if (c->state == CONN_IDLE)
		counter_sub(&c->u->env.counters->idle, 1);
	list_del(&c->link);
	list_del(&c->idle);
}

/* The limits of route and server have room again. */
static void
uncount(struct upstream_conn *c)
{
	if (!c->counted)
		return;
	count(c, -1);
	upstream_health_conn_add(c->route->own, -1);
	route_conn_is_gone(c->u, c->route);
}

/* No TCP under it any more; freed here or by the loop that runs it. */
static void
conn_died(struct upstream_conn *c)
{
	struct upstream *u = c->u;

	leave_idle(c);
	wheel_cancel(u->env.wheel, &c->timer);
	c->route->closing_cnt -= c->state == CONN_CLOSING;
	uncount(c);
	u->evicting_cnt -= c->evicted;
	counter_sub(&u->env.counters->open, 1);
	c->state = CONN_DEAD;
	if (!c->in_loop)
		conn_free(c);
}

void
conn_cut(struct upstream_conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	if (!c->tcp_gone)
		tcp_abort(c->tcp);
	conn_died(c);
}

static void
closing(struct upstream_conn *c)
{
	leave_idle(c);
	c->route->closing_cnt += c->state != CONN_CLOSING;
	c->state = CONN_CLOSING; /* counted until it is gone: the server counts it too */
	conn_arm(c, c->u->cfg.reset_us);
}

void
conn_quit(struct upstream_conn *c)
{
	closing(c);
	c->u->out.len = 0;
	smtp_client_quit(&c->client, &c->u->out);
	conn_flush(c);
}

static void
become_idle(struct upstream_conn *c)
{
	const struct upstream_config *cfg = &c->u->cfg;

	c->warm = true;
	if (c->tcp_gone) {
		closing(c);
		return;
	}
	if (c->early) {
		conn_cut(c);
		return;
	}
	if (c->route->cfg.proxy_v2 || c->client.reset_cnt >= cfg->max_idle_resets ||
	    c->client.refusal_cnt >= cfg->max_refusals || c->u->draining) {
		counter_inc(&c->u->env.counters->quit_limit);
		conn_quit(c);
		return;
	}
	if (c->route->owes) {
		c->route->owes = false;
		counter_inc(&c->u->env.counters->quit_room);
		conn_quit(c);
		return;
	}
	c->state = CONN_IDLE;
	list_add_head(&c->route->idle, &c->link);
	list_add_tail(&c->u->idle, &c->idle);
	counter_inc(&c->u->env.counters->idle);
	conn_arm(c, cfg->idle_us);
	route_conn_is_idle(c);
}

void
conn_grant(struct upstream_conn *c, struct upstream_req *req, bool warm)
{
	leave_idle(c);
	c->state = CONN_BUSY;
	c->req = req;
	c->warm = warm;
	c->replied = false;
	if (warm)
		counter_inc(&c->u->env.counters->reused);
	req->conn = c;
	req->server = c->server;
	req->state = REQ_GRANTED;
	req->ops->on_ready(req->user);
}

/* The mail goes with its request, but answers to what was asked for it are still to come. */
static void
leave_mail(struct upstream_conn *c)
{
	if (!c->client.mail)
		return;
	c->left = (struct smtp_client_mail){ .rcpt_cnt = c->client.t.rcpt_sent };
	c->client.mail = &c->left;
}

void
conn_release(struct upstream_conn *c, bool before_data)
{
	if (c->state != CONN_BUSY)
		return;
	if (smtp_client_is_idle(&c->client)) {
		become_idle(c);
		return;
	}
	if (!before_data) {
		counter_inc(&c->u->env.counters->aborted);
		conn_cut(c);
		return;
	}
	c->state = CONN_RESETTING;
	conn_arm(c, c->u->cfg.reset_us);
	counter_inc(&c->u->env.counters->resets);
	c->u->out.len = 0;
	smtp_client_rset(&c->client, &c->u->out);
	leave_mail(c);
	conn_flush(c);
}

/* ---- what goes wrong ---- */

/* It broke, and has no TCP any more or is about to lose it. Tells the request. */
static void
tell_lost(struct upstream_conn *c, enum conn_state was, bool refused, bool may_retry)
{
	struct upstream *u = c->u;
	struct upstream_req *req = c->req;

	c->req = NULL;
	if (was == CONN_OPENING)
		upstream_health_bad(c->route->health[c->server], refused, u->cfg.retry_min_us,
		                    u->cfg.retry_max_us, rng_next(u->env.rng), u->now_us);
	if (!req)
		return;
	req->conn = NULL;
	req->state = REQ_NONE;
	if (was == CONN_OPENING) {
		req_failed_try(u, req);
	} else if (c->warm && !c->replied && may_retry) {
		counter_inc(&u->env.counters->warm_lost);
		req->fresh = true;
		req_serve_again(u, req);
	} else {
		req->ops->on_lost(req->user, may_retry);
	}
}

/* The connection is no use any more, for a reason that is counted and logged unless nobody used it. */
static void
lost(struct upstream_conn *c, uint64_t *counter, const char *what, bool refused)
{
	enum conn_state was = c->state;
	bool may_retry = smtp_client_may_retry(&c->client), in_loop = c->in_loop;

	if (was == CONN_DEAD)
		return;
	if (was == CONN_OPENING || was == CONN_BUSY) {
		counter_inc(counter);
		upstream_log(c->u, c->route, c->server, what, c->client.reply.code,
		             span(c->client.reply.text, c->client.reply.text_len));
	}
	c->in_loop = true; /* tell_lost() needs it a little longer */
	if (!c->tcp_gone)
		tcp_abort(c->tcp);
	conn_died(c);
	tell_lost(c, was, refused, may_retry);
	if (!in_loop)
		conn_free(c);
}

static void
broken(struct upstream_conn *c, const struct smtp_client_event *ev)
{
	struct upstream_counters *n = c->u->env.counters;

	switch (ev->why) {
	case SMTP_WHY_421:
		lost(c, &n->fail_421, "421", false);
		break;
	case SMTP_WHY_REFUSED:
		lost(c, &n->fail_greeting, "greeting refused", false);
		break;
	default:
		lost(c, &n->fail_protocol, "protocol", false);
		break;
	}
}

/* ---- bytes ---- */

void
conn_flush(struct upstream_conn *c)
{
	struct upstream *u = c->u;

	if (u->out.len > 0 && c->state != CONN_DEAD && !c->tcp_gone &&
	    !tcp_send(c->tcp, span(u->out.p, u->out.len))) {
		c->mute =
		        true; /* a command is lost: the timer ends it, since a caller may not see it die here */
		conn_arm(c, 0);
	}
	u->out.len = 0;
}

static void
greeted(struct upstream_conn *c)
{
	struct upstream_req *req = c->req;

	upstream_health_good(c->route->health[c->server]);
	counter_inc(&c->u->env.counters->opened);
	if (req)
		conn_grant(c, req, false);
	else
		become_idle(c);
}

static void
dispatch(struct upstream_conn *c, enum smtp_client_event_kind kind,
         const struct smtp_client_event *ev)
{
	switch (kind) {
	case SMTP_CE_GREETED:
		greeted(c);
		break;
	case SMTP_CE_BROKEN:
		broken(c, ev);
		break;
	case SMTP_CE_CLOSED:
		break; /* its FIN comes */
	case SMTP_CE_ENDED:
		if (c->state == CONN_RESETTING) {
			become_idle(c);
			break;
		}
		/* fall through */
	default:
		c->replied = true;
		c->early = c->early || (kind == SMTP_CE_FINAL && !ev->ok && !c->tcp_gone &&
		                        tcp_unacked(c->tcp) > 0);
		if (c->state == CONN_BUSY && c->req)
			c->req->ops->on_event(c->req->user, kind, ev);
		break;
	}
}

/*
 * A 2xx for the whole mail, by DATA or BDAT LAST, while bytes of it are not acknowledged: a server that has read them all has
 * acknowledged them with its answer at the latest (RFC 9293 3.10.7.4, fifth step before the seventh).
 */
static bool
is_too_early(const struct upstream_conn *c, const struct smtp_client_event *ev)
{
	return ev->ok && tcp_unacked(c->tcp) > 0;
}

/* One look at the client: false when there is nothing more to do with what is there. */
static bool
step(struct upstream_conn *c)
{
	struct smtp_client_event ev = { 0 };
	enum smtp_client_event_kind kind;
	struct span in = { "", 0 };
	size_t before;

	if (!tcp_peek(c->tcp, &in))
		in = span("", 0);
	before = in.len;
	c->u->out.len = 0;
	kind = smtp_client_next(&c->client, &in, &c->u->out, &ev);
	if (before > in.len)
		tcp_consume(c->tcp, before - in.len);
	conn_flush(c);
	/* What came along with the 354 cannot be an answer to a mail that was not sent: never a 2xx of ours. */
	if (kind == SMTP_CE_DATA_GO && tcp_unread(c->tcp) > 0) {
		kind = SMTP_CE_BROKEN;
		ev.why = SMTP_WHY_UNSOLICITED;
	}
	if (kind == SMTP_CE_FINAL && is_too_early(c, &ev)) {
		kind = SMTP_CE_BROKEN;
		ev.why = SMTP_WHY_UNSOLICITED;
	}
	if (kind == SMTP_CE_MORE)
		return before > in.len && tcp_unread(c->tcp) > 0;
	if (kind != SMTP_CE_ROOM)
		dispatch(c, kind, &ev);
	return c->state != CONN_DEAD && !c->mute && (kind != SMTP_CE_BROKEN);
}

static void
server_closed(struct upstream_conn *c)
{
	switch ((enum conn_state)c->state) {
	case CONN_OPENING:
	case CONN_BUSY:
		lost(c, &c->u->env.counters->fail_lost, "closed", false);
		break;
	case CONN_DEAD:
		break;
	default:
		closing(c);
		tcp_close(c->tcp);
		break;
	}
}

void
conn_run(struct upstream_conn *c)
{
	if (c->in_loop || c->state == CONN_DEAD)
		return;
	c->in_loop = true;
	while (step(c))
		;
	if (c->state != CONN_DEAD && !c->tcp_gone && tcp_at_eof(c->tcp))
		server_closed(c);
	c->in_loop = false;
	if (c->state == CONN_DEAD)
		conn_free(c);
}

/* ---- TCP calls ---- */

static void
on_open(struct tcp_conn *t, void *user)
{
	struct upstream_conn *c = user;
	struct proxy_v2 p = { 0 };
	char header[PROXY_V2_WRITE_MAX];

	tcp_set_keepalive(t, true);
	if (!c->route->cfg.proxy_v2)
		return;
	p.local = true; /* nobody's: the request went away */
	if (c->req && c->req->origin) {
		p.local = false;
		p.src = c->req->origin->addr;
		p.src_port = c->req->origin->port;
		p.dst = c->req->origin->dest;
		p.dst_port = c->req->origin->dest_port;
	}
	if (!tcp_send(t, span(header, proxy_v2_encode(&p, header)))) {
		c->mute = true;
		conn_arm(c, 0);
	}
}

static void
on_bytes(struct tcp_conn *t, void *user)
{
	(void)t;
	conn_run(user);
}

static void
on_room(struct tcp_conn *t, void *user)
{
	struct upstream_conn *c = user;

	(void)t;
	if (c->state == CONN_BUSY && c->req)
		c->req->ops->on_room(c->req->user);
}

static void
on_close(struct tcp_conn *t, void *user, int err)
{
	struct upstream_conn *c = user;
	struct upstream_counters *n = c->u->env.counters;

	(void)t;
	c->tcp_gone = true;
	if (err != 0) { /* a reply may have come before the reset: it counts */
		c->in_loop = true;
		while (step(c))
			;
		c->in_loop = false;
	}
	if (c->state == CONN_DEAD)
		conn_free(c);
	else if (c->state == CONN_CLOSING)
		conn_died(c);
	else if (err == ECONNREFUSED)
		lost(c, &n->fail_refused, "refused", true);
	else if (err == ETIMEDOUT || err == EHOSTUNREACH)
		lost(c, &n->fail_timeout, err == ETIMEDOUT ? "timeout" : "unreachable", false);
	else
		lost(c, &n->fail_lost, "reset", false);
}

void
conn_on_timer(void *ctx, struct wheel_timer *t, uint64_t now_us)
{
	struct upstream_conn *c = container_of(t, struct upstream_conn, timer);
	struct upstream *u = ctx;

	if (now_us < c->due_us) {
		wheel_arm(u->env.wheel, &c->timer, c->due_us);
		return;
	}
	if (c->mute) {
		lost(c, &u->env.counters->fail_local, "no room", false);
		return;
	}
	switch ((enum conn_state)c->state) {
	case CONN_OPENING:
		lost(c, &u->env.counters->fail_timeout, "timeout", false);
		break;
	case CONN_IDLE:
		counter_inc(&u->env.counters->quit_idle);
		conn_quit(c);
		break;
	case CONN_RESETTING:
	case CONN_CLOSING:
		conn_cut(c);
		break;
	case CONN_BUSY: /* its request has a deadline of its own */
	case CONN_DEAD:
		break;
	}
}
