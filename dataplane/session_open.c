/* SPDX-License-Identifier: BSD-3-Clause
 * session_open.c - a session from its SYN to the banner: PROXY header, limits, early talk
 */
#include "dataplane/session_internal.h"
#include "dataplane/smtp/proxy_v2.h"

/* What weir_smtp_sessions_total says of it; session_free() counts those that left before there was an answer. */
static void
count_result(struct session *s, uint64_t *counter)
{
	s->has_result = true;
	counter_inc(counter);
}

void
session_banner(struct session *s)
{
	struct worker *w = s->w;

	s->state = SESSION_OPEN;
	if (tcp_unread(s->tcp) > 0) {
		count_result(s, &w->n_session.early_talk);
		smtp_server_early_talk(&s->smtp, &w->out);
		session_log_own(s, "connect", SMTP_R_EARLY_TALK);
		session_flush(s);
		session_leave(s);
		return;
	}
	count_result(s, &w->n_session.accepted);
	smtp_server_banner(&s->smtp, &w->out);
	session_flush(s);
	s->last_us = s->line_us = w->now_us;
	session_arm(s, session_next_due(s));
}

static void
wait_or_greet(struct session *s)
{
	uint64_t delay = s->w->cfg.tunables.banner_delay_us;

	if (delay == 0) {
		session_banner(s);
		return;
	}
	s->state = SESSION_BANNER;
	session_arm(s, s->w->now_us + delay);
}

/* 421 (or what the row says) and close; true so that callers can return it. */
static void
turn_away(struct session *s, enum smtp_reply_id id, uint64_t *counter)
{
	s->has_result = true;
	session_count_end(s, counter);
	session_log_own(s, "connect", id);
	smtp_server_close(&s->smtp, id, &s->w->out);
	session_flush(s);
	session_leave(s);
}

static void
log_connect(struct session *s)
{
	struct worker *w = s->w;
	struct event *e = event_begin(w->env.events, EVENT_CONNECT, s->smtp.id, w->wall_us);
	char relay[ADDR_TEXT_MAX];

	if (!e)
		return;
	e->worker = (uint16_t)w->cfg.worker;
	e->client = s->client;
	e->num[0] = s->client_port;
	event_text(e, 0, span(relay, addr_format(&s->local, relay)));
	event_commit(w->env.events);
}

/* Whoever it is, now that we know the address. */
static void
admit(struct session *s)
{
	struct worker *w = s->w;

	log_connect(s);
	if (w->draining) {
		turn_away(s, SMTP_R_SHUTDOWN, &w->n_session.refused_drain);
		return;
	}
	if (!limits_connect(&w->limits, &s->client, w->now_us, &s->source)) {
		turn_away(s, SMTP_R_CONNECTIONS, &w->n_session.refused_limit);
		return;
	}
	if (!limits_connect_prefix(&w->limits, &s->client, w->now_us, &s->prefix)) {
		turn_away(s, SMTP_R_NET_CONNECTIONS, &w->n_session.refused_prefix);
		return;
	}
	if (w->snapshot)
		engine_country(w->snapshot, &s->client, s->country);
	wait_or_greet(s);
}

static bool
is_trusted_proxy(const struct worker *w, const struct addr *a)
{
	const struct worker_tunables *t = &w->cfg.tunables;

	for (uint32_t i = 0; i < t->proxy_cnt; i++)
		if (addr_in_prefix(a, &t->proxies[i]))
			return true;
	return false;
}

/* Its SYN was the proxy's: what a banned sender of our own would not have got past (tcp_syn.c). */
static bool
is_banned(const struct worker *w, const struct addr *a)
{
	return w->env.is_banned && w->env.is_banned(w->env.ban_ctx, a);
}

static void
cut(struct session *s, uint64_t *counter)
{
	count_result(s, counter);
	tcp_abort(s->tcp);
	s->tcp = NULL;
	s->over = true;
}

void
session_read_proxy(struct session *s)
{
	char buf[PROXY_V2_MAX];
	struct proxy_v2 p;
	size_t n = 0, len;
	struct span piece;
	enum proxy_v2_status st;

	while (n < sizeof(buf) && tcp_peek_at(s->tcp, n, &piece)) {
		size_t k = MIN(piece.len, sizeof(buf) - n);

		memcpy(buf + n, piece.p, k);
		n += k;
	}
	st = proxy_v2_decode(span(buf, n), &p, &len);
	if (st == PROXY_V2_MORE && !tcp_at_eof(s->tcp) && n < sizeof(buf))
		return;
	if (st != PROXY_V2_OK) {
		cut(s, &s->w->n_session.bad_proxy);
		return;
	}
	tcp_consume(s->tcp, len);
	if (!p.local) {
		s->client = p.src;
		s->client_port = p.src_port;
		s->local = p.dst;
		s->local_port = p.dst_port;
	}
	if (!p.local && is_banned(s->w, &s->client))
		cut(s, &s->w->n_session.refused_banned);
	else
		admit(s);
}

static void
refuse_without_session(struct worker *w, struct tcp_conn *t)
{
	counter_inc(&w->n_session.refused_busy);
	tcp_send(t, span_z("421 4.3.2 busy, try again later\r\n"));
	tcp_detach(t);
}

void
session_on_open(struct tcp_conn *t, void *user)
{
	struct worker *w = user;
	struct session *s = pool_get(&w->sessions);

	if (!s) {
		refuse_without_session(w, t);
		return;
	}
	memset(s, 0, offsetof(struct session, helo));
	s->w = w;
	s->tcp = t;
	list_init(&s->link);
	list_add_tail(&w->session_list, &s->link);
	counter_inc(&w->n_session.open);
	wheel_timer_init(&s->timer, WHEEL_SESSION);
	s->opened_us = s->last_us = s->line_us = w->now_us;
	s->client = *tcp_remote_addr(t);
	s->client_port = tcp_remote_port(t);
	s->local = *tcp_local_addr(t);
	s->local_port = tcp_local_port(t);
	smtp_server_init(&s->smtp, &w->smtp, worker_next_id(w));
	tcp_set_user(t, s);
	tcp_set_keepalive(t, true);
	s->in_loop = true;
	if (is_trusted_proxy(w, &s->client)) {
		s->state = SESSION_PROXY;
		session_arm(s, w->now_us + 10000000);
	} else {
		admit(s);
	}
	s->in_loop = false;
	if (s->over)
		session_over(s);
}
