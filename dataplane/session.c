/* SPDX-License-Identifier: BSD-3-Clause
 * session.c - one sender: bytes between TCP and smtp_server, one mail at a time
 *
 * session_run() is the one loop: it gives input to smtp_server and hands its events to message.c. A call that comes from below
 * it (an answer at once) only writes; one that comes from elsewhere (the customer's server answered) runs the loop again,
 * since pipelined input may wait. A session that ends inside its loop is freed by it.
 */
#include "dataplane/session.h"
#include "dataplane/message.h"
#include "dataplane/smtp/proxy_v2.h"
#include "dataplane/worker_internal.h"

#define STALL_STREAM_US 60000000u /* a streamed mail whose sender says nothing (decisions 11) */
#define BODY_SPAN_MAX                                                                              \
	4096u /* input taken at once in a body; twice that is room for its canonical form */
#define UNREAD_OUT_MAX 65536u /* replies that a sender does not read */

enum session_state {
	SESSION_PROXY,  /* waits for a PROXY v2 header */
	SESSION_BANNER, /* waits for banner_delay */
	SESSION_OPEN,
};

static void session_run(struct session *s);
static void session_free(struct session *s);

/* ---- time ---- */

static void
arm_at(struct session *s, uint64_t due_us)
{
	struct worker *w = s->w;
	uint32_t armed_ms = s->timer.due_ms;

	s->due_us = due_us;
	if (!wheel_is_armed(&s->timer) ||
	    armed_ms > w->wheel.now_ms + (due_us - w->now_us) / 1000 + 1)
		wheel_arm(&w->wheel, &s->timer, due_us);
}

static uint64_t
command_us(const struct worker *w)
{
	const struct worker_tunables *t = &w->cfg.tunables;

	return worker_has_pressure(w) || w->draining ? MIN(t->command_us, t->pressure_us)
	                                             : t->command_us;
}

/* When the state the session is in has lasted too long; it is looked at when the timer fires, not at every byte. */
static uint64_t
next_due(const struct session *s)
{
	const struct worker_tunables *t = &s->w->cfg.tunables;

	if (smtp_server_is_pending(&s->smtp) || s->paused)
		return s->w->now_us + 5000000; /* it is us who are waited for */
	if (smtp_server_in_body(&s->smtp)) {
		uint64_t due = s->window_us + t->rate_window_us;

		if (s->msg && message_is_streaming(s->msg))
			due = MIN(due, s->last_us + STALL_STREAM_US);
		if (s->msg)
			due = MIN(due, message_data_us(s->msg) + t->mail_us);
		return due;
	}
	return s->last_us + command_us(s->w);
}

/* ---- beginning and end ---- */

static void
session_log(struct session *s, const char *stage, unsigned code, struct span reply)
{
	struct worker *w = s->w;
	struct event *e = event_begin(w->env.events, EVENT_REJECT, s->smtp.id, w->wall_us);

	if (!e)
		return;
	e->worker = (uint16_t)w->cfg.worker;
	e->client = s->client;
	e->num[0] = code;
	event_text(e, 0, span_z(stage));
	event_text(e, 1, span(s->helo, s->helo_len));
	event_text(e, 4, reply);
	event_commit(w->env.events);
}

static void
log_own(struct session *s, const char *stage, enum smtp_reply_id id)
{
	struct smtp_answer a = smtp_answer_own(id);

	if (a.code >= 400)
		session_log(s, stage, a.code, a.text);
}

/* Send what was written; what TCP has no room for is kept once, more than that ends the session. */
static void
flush(struct session *s)
{
	struct worker *w = s->w;
	struct span out = span(w->out.p, w->out.len);

	w->out.len = 0;
	if (out.len == 0 || s->over)
		return;
	if (!s->unsent && tcp_send(s->tcp, out))
		return;
	if (!s->unsent)
		s->unsent = chunk_new(&w->small_chunks);
	if (!s->unsent || s->unsent->cap - s->unsent->len < out.len) {
		counter_inc(&w->n_session.end_no_room);
		s->over = true; /* tcp_abort() in session_free() */
		return;
	}
	memcpy(s->unsent->data + s->unsent->len, out.p, out.len);
	s->unsent->len += (uint32_t)out.len;
}

static bool
flush_unsent(struct session *s)
{
	if (!s->unsent)
		return true;
	if (!tcp_send_chunk(s->tcp, s->unsent, 0, s->unsent->len))
		return false;
	chunk_put(s->unsent);
	s->unsent = NULL;
	return true;
}

static void
let_mail_go(struct session *s)
{
	struct message *m = s->msg;

	s->msg = NULL;
	if (m)
		message_sender_gone(m);
}

static void
session_free(struct session *s)
{
	struct worker *w = s->w;

	let_mail_go(s);
	if (s->limited)
		limits_disconnect(&w->limits, &s->client, w->now_us);
	if (s->unsent)
		chunk_put(s->unsent);
	smtp_server_fini(&s->smtp);
	wheel_cancel(&w->wheel, &s->timer);
	list_del(&s->link);
	counter_sub(&w->n_session.open, 1);
	pool_put(&w->sessions, s);
}

/* Polite end: what is queued goes out, then FIN. */
static void
leave(struct session *s)
{
	if (s->over)
		return;
	if (flush_unsent(s))
		tcp_detach(s->tcp);
	else
		tcp_abort(s->tcp);
	s->tcp = NULL;
	s->over = true;
}

static void
over(struct session *s)
{
	if (s->tcp) {
		tcp_abort(s->tcp);
		s->tcp = NULL;
	}
	session_free(s);
}

void
session_end(struct session *s, enum smtp_reply_id id, uint64_t *counter)
{
	struct worker *w = s->w;

	counter_inc(counter);
	log_own(s, "session", id);
	let_mail_go(s);
	if (s->state == SESSION_OPEN) {
		smtp_server_close(&s->smtp, id, &w->out);
		flush(s);
	}
	leave(s);
	if (!s->in_loop)
		over(s);
}

void
session_drop(struct session *s)
{
	struct message *m = s->msg;

	s->msg = NULL;
	if (m)
		message_drop(m);
	session_free(s);
}

void
session_drain(struct session *s)
{
	if (!s->msg)
		session_end(s, SMTP_R_SHUTDOWN, &s->w->n_session.end_drain);
	else
		arm_at(s, next_due(s)); /* its sender has less time now */
}

/* ---- answers ---- */

static void
run_again(struct session *s)
{
	if (s->in_loop)
		return;
	s->last_us = s->w->now_us; /* the sender's time begins with our answer */
	session_run(s);
}

static void
check_421(struct session *s, unsigned code)
{
	if (code == 421)
		counter_inc(&s->w->n_session.end_limit);
}

void
session_answer(struct session *s, const struct smtp_answer *a)
{
	BUG_ON(!smtp_server_answer(&s->smtp, a,
	                           &s->w->out)); /* SMTP_OUT_ROOM is free between calls */
	check_421(s, a->code);
	flush(s);
	run_again(s);
}

void
session_answer_own(struct session *s, enum smtp_reply_id id)
{
	BUG_ON(!smtp_server_answer_own(&s->smtp, id, &s->w->out));
	check_421(s, smtp_answer_own(id).code);
	flush(s);
	run_again(s);
}

void
session_answer_arg(struct session *s, enum smtp_reply_id id, struct span arg)
{
	char buf[SMTP_REPLY_MAX];
	struct smtp_answer a = smtp_answer_arg(id, arg, buf, sizeof(buf));

	session_answer(s, &a);
}

void
session_answer_rcpt(struct session *s, const struct smtp_answer *a)
{
	BUG_ON(!smtp_server_answer_rcpt(&s->smtp, a, &s->w->out));
	flush(s);
}

/* ---- the loop ---- */

static void
on_helo(struct session *s, const struct smtp_server_event *ev)
{
	let_mail_go(s);
	s->esmtp = ev->esmtp;
	s->helo_len = (uint8_t)MIN(ev->helo.len, sizeof(s->helo));
	memcpy(s->helo, ev->helo.p, s->helo_len);
}

/* True: go on. */
static bool
on_event(struct session *s, enum smtp_event kind, struct smtp_server_event *ev)
{
	struct session_counters *n = &s->w->n_session;

	switch (kind) {
	case SMTP_EV_MORE:
	case SMTP_EV_WAIT:
		return false;
	case SMTP_EV_ROOM:
		return true;
	case SMTP_EV_REPLIED:
		if (smtp_answer_own(ev->reply).code >= 400) {
			counter_inc(&n->commands_refused);
			log_own(s, "command", ev->reply);
		}
		return true;
	case SMTP_EV_HELO:
		on_helo(s, ev);
		return true;
	case SMTP_EV_MAIL:
		message_mail(s, ev);
		return true;
	case SMTP_EV_RCPT:
		message_rcpt(s, ev);
		return true;
	case SMTP_EV_DATA:
		s->window_us = s->w->now_us;
		s->window_bytes = 0;
		message_data(s, ev);
		return true;
	case SMTP_EV_BODY:
		if (s->msg)
			message_body(s, ev->body);
		return true;
	case SMTP_EV_DROP:
		message_dropped(s, ev->reply);
		return true;
	case SMTP_EV_END:
		message_end(s);
		return true;
	case SMTP_EV_RSET:
		let_mail_go(s);
		return true;
	case SMTP_EV_QUIT:
		counter_inc(&n->end_quit);
		let_mail_go(s);
		leave(s);
		return false;
	case SMTP_EV_CLOSE:
		counter_inc(&n->end_error);
		log_own(s, "session", ev->reply);
		let_mail_go(s);
		leave(s);
		return false;
	}
	return false;
}

/* What smtp_server may see now: nothing more than a body has room for. False: nothing. */
static bool
next_input(struct session *s, struct span *in)
{
	if (!tcp_peek(s->tcp, in))
		*in = span("", 0);
	if (s->msg && smtp_server_in_body(&s->smtp)) {
		in->len = MIN(in->len, BODY_SPAN_MAX);
		s->paused = !message_has_room(s->msg, 2 * in->len + 8);
		return !s->paused;
	}
	s->paused = false;
	return true;
}

/* One event; false when nothing more can be done now. */
static bool
step(struct session *s)
{
	struct smtp_server_event ev;
	enum smtp_event kind;
	struct span in;
	size_t before, took;

	if (s->unsent || tcp_unacked(s->tcp) > UNREAD_OUT_MAX || !next_input(s, &in))
		return false;
	before = in.len;
	kind = smtp_server_next(&s->smtp, &in, &s->w->out, &ev);
	took = before - in.len;
	if (took > 0) {
		s->bytes_in += took;
		s->window_bytes += took;
		counter_add(&s->w->n_session.bytes_in, took);
	}
	if (took > 0 && kind != SMTP_EV_BODY) /* ev.body lies in the input */
		tcp_consume(s->tcp, took);
	flush(s);
	if (s->over)
		return false;
	if (!on_event(s, kind, &ev))
		return kind == SMTP_EV_MORE && took > 0 && !s->over && tcp_unread(s->tcp) > 0;
	if (took > 0 && kind == SMTP_EV_BODY && !s->over)
		tcp_consume(s->tcp, took);
	return !s->over;
}

static void
session_run(struct session *s)
{
	if (s->in_loop || s->over || s->state != SESSION_OPEN)
		return;
	s->in_loop = true;
	while (step(s))
		;
	if (!s->over && tcp_at_eof(s->tcp) && !smtp_server_is_pending(&s->smtp)) {
		counter_inc(&s->w->n_session.end_closed);
		let_mail_go(s);
		leave(s);
	}
	s->in_loop = false;
	if (s->over)
		over(s);
	else if (s->w->draining && !s->msg && !smtp_server_is_pending(&s->smtp))
		session_end(s, SMTP_R_SHUTDOWN, &s->w->n_session.end_drain);
	else
		arm_at(s, next_due(s));
}

void
session_resume(struct session *s)
{
	s->window_us = s->w->now_us; /* it did not wait for the sender */
	s->window_bytes = 0;
	s->last_us = s->w->now_us;
	session_run(s);
}

/* ---- opening ---- */

static void
banner(struct session *s)
{
	struct worker *w = s->w;

	s->state = SESSION_OPEN;
	if (tcp_unread(s->tcp) > 0) {
		counter_inc(&w->n_session.early_talk);
		smtp_server_early_talk(&s->smtp, &w->out);
		log_own(s, "connect", SMTP_R_EARLY_TALK);
		flush(s);
		leave(s);
		return;
	}
	smtp_server_banner(&s->smtp, &w->out);
	flush(s);
	s->last_us = w->now_us;
	arm_at(s, next_due(s));
}

static void
wait_or_greet(struct session *s)
{
	uint64_t delay = s->w->cfg.tunables.banner_delay_us;

	if (delay == 0) {
		banner(s);
		return;
	}
	s->state = SESSION_BANNER;
	arm_at(s, s->w->now_us + delay);
}

/* 421 (or what the row says) and close; true so that callers can return it. */
static void
turn_away(struct session *s, enum smtp_reply_id id, uint64_t *counter)
{
	counter_inc(counter);
	log_own(s, "connect", id);
	smtp_server_close(&s->smtp, id, &s->w->out);
	flush(s);
	leave(s);
}

/* Whoever it is, now that we know the address. */
static void
admit(struct session *s)
{
	struct worker *w = s->w;

	if (w->draining) {
		turn_away(s, SMTP_R_SHUTDOWN, &w->n_session.refused_drain);
		return;
	}
	if (!limits_connect(&w->limits, &s->client, w->now_us)) {
		turn_away(s, SMTP_R_CONNECTIONS, &w->n_session.refused_limit);
		return;
	}
	s->limited = true;
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

static void
read_proxy_header(struct session *s)
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
		counter_inc(&s->w->n_session.bad_proxy);
		tcp_abort(s->tcp);
		s->tcp = NULL;
		s->over = true;
		return;
	}
	tcp_consume(s->tcp, len);
	if (!p.local) {
		s->client = p.src;
		s->client_port = p.src_port;
		s->local = p.dst;
		s->local_port = p.dst_port;
	}
	admit(s);
}

static void
refuse_without_session(struct worker *w, struct tcp_conn *t)
{
	counter_inc(&w->n_session.refused_busy);
	tcp_send(t, span_z("421 4.3.2 busy, try again later\r\n"));
	tcp_detach(t);
}

static void
on_open(struct tcp_conn *t, void *user)
{
	struct worker *w = user;
	struct session *s = pool_get(&w->sessions);

	counter_inc(&w->n_session.accepted);
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
	s->opened_us = s->last_us = w->now_us;
	s->client = *tcp_remote_addr(t);
	s->client_port = tcp_remote_port(t);
	s->local = *tcp_local_addr(t);
	s->local_port = tcp_local_port(t);
	smtp_server_init(&s->smtp, &w->smtp, worker_next_id(w));
	tcp_set_user(t, s);
	s->in_loop = true;
	if (is_trusted_proxy(w, &s->client)) {
		s->state = SESSION_PROXY;
		arm_at(s, w->now_us + 10000000);
	} else {
		admit(s);
	}
	s->in_loop = false;
	if (s->over)
		over(s);
}

static void
on_bytes(struct tcp_conn *t, void *user)
{
	struct session *s = user;

	(void)t;
	s->last_us = s->w->now_us;
	if (s->state == SESSION_OPEN) {
		session_run(s);
		return;
	}
	s->in_loop = true;
	if (s->state == SESSION_PROXY)
		read_proxy_header(s);
	else
		banner(s); /* before its time: early talk */
	s->in_loop = false;
	if (s->over)
		over(s);
}

static void
on_room(struct tcp_conn *t, void *user)
{
	struct session *s = user;

	(void)t;
	if (flush_unsent(s))
		session_run(s);
}

static void
on_close(struct tcp_conn *t, void *user, int err)
{
	struct session *s = user;

	(void)t;
	s->tcp = NULL;
	s->over = true;
	counter_inc(err == 0 ? &s->w->n_session.end_closed : &s->w->n_session.end_reset);
	session_free(s);
}

const struct tcp_ops session_ops = { on_open, on_bytes, on_room, on_close };

/* ---- time is over ---- */

static void
check_body(struct session *s)
{
	struct worker *w = s->w;
	const struct worker_tunables *t = &w->cfg.tunables;
	uint64_t past = w->now_us - s->window_us;

	if (s->msg && message_is_streaming(s->msg) && w->now_us >= s->last_us + STALL_STREAM_US) {
		session_end(s, SMTP_R_STALLED, &w->n_session.end_slow);
		return;
	}
	if (s->msg && w->now_us >= message_data_us(s->msg) + t->mail_us) {
		session_end(s, SMTP_R_SLOW, &w->n_session.end_slow);
		return;
	}
	if (past >= t->rate_window_us) {
		if (t->min_rate && s->window_bytes < t->min_rate * past / 1000000) {
			session_end(s, SMTP_R_SLOW, &w->n_session.end_slow);
			return;
		}
		s->window_us = w->now_us;
		s->window_bytes = 0;
	}
	arm_at(s, next_due(s));
}

void
session_on_timer(void *ctx, struct wheel_timer *timer, uint64_t now_us)
{
	struct session *s = container_of(timer, struct session, timer);
	struct worker *w = ctx;
	uint64_t due;

	if (now_us < s->due_us) {
		wheel_arm(&w->wheel, &s->timer, s->due_us);
		return;
	}
	if (s->state == SESSION_PROXY) {
		session_end(s, SMTP_R_IDLE, &w->n_session.bad_proxy);
		return;
	}
	if (s->state == SESSION_BANNER) {
		banner(s);
		if (s->over)
			over(s);
		return;
	}
	if (s->paused && s->msg && now_us >= message_data_us(s->msg) + w->cfg.tunables.mail_us) {
		session_end(s, SMTP_R_STALLED, &w->n_session.end_slow);
		return;
	}
	due = next_due(s);
	if (now_us < due)
		arm_at(s, due);
	else if (smtp_server_in_body(&s->smtp) && !s->paused && !smtp_server_is_pending(&s->smtp))
		check_body(s);
	else
		session_end(s, SMTP_R_IDLE, &w->n_session.end_timeout);
}

/* ---- for message ---- */

struct engine_client
session_engine_client(const struct session *s)
{
	struct engine_client c = {
		s->client, { s->country[0], s->country[1] }, span(s->helo, s->helo_len), false
	};

	return c;
}

void
session_origin(const struct session *s, struct smtp_origin *out)
{
	memset(out, 0, sizeof(*out));
	out->addr = s->client;
	out->port = s->client_port;
	out->dest = s->local;
	out->dest_port = s->local_port;
	out->esmtp = s->esmtp;
	out->helo = span(s->helo, s->helo_len);
}
