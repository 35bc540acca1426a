/* SPDX-License-Identifier: BSD-3-Clause
 * session.c - one sender: bytes between TCP and smtp_server, one mail at a time
 *
 * session_run() is the one loop: it gives input to smtp_server and hands its events to message.c. A call that comes from below
 * it (an answer at once) only writes; one that comes from elsewhere (the customer's server answered) runs the loop again,
 * since pipelined input may wait. A session that ends inside its loop is freed by it.
 */
#include "dataplane/session.h"
#include "dataplane/message.h"
#include "dataplane/session_internal.h"

#define BODY_SPAN_MAX                                                                              \
	4096u /* input taken at once in a body; twice that is room for its canonical form */
#define UNREAD_OUT_MAX 65536u /* replies that a sender does not read */

static void session_run(struct session *s);
static void session_free(struct session *s);

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

void
session_log_own(struct session *s, const char *stage, enum smtp_reply_id id)
{
	struct smtp_answer a = smtp_answer_own(id);

	if (a.code >= 400)
		session_log(s, stage, a.code, a.text);
}

/* The word of the row: "quit" of why="quit". */
static struct span
why_of(const struct worker *w, const uint64_t *counter)
{
	const char *labels = session_counter_desc[counter - (const uint64_t *)&w->n_session].labels;
	const char *from = strchr(labels, '"'), *to = strrchr(labels, '"');

	return from && to > from ? span(from + 1, (size_t)(to - from - 1)) : span_z(labels);
}

void
session_count_end(struct session *s, uint64_t *counter)
{
	struct worker *w = s->w;
	struct event *e = event_begin(w->env.events, EVENT_DISCONNECT, s->smtp.id, w->wall_us);

	counter_inc(counter);
	if (!e)
		return;
	e->worker = (uint16_t)w->cfg.worker;
	e->client = s->client;
	e->num[0] = s->mail_cnt;
	e->num[1] = (w->now_us - s->opened_us) / 1000000;
	e->num[2] = s->bytes_in;
	event_text(e, 0, why_of(w, counter));
	event_commit(w->env.events);
}

/* Send what was written; what TCP has no room for is kept once, more than that ends the session. */
void
session_flush(struct session *s)
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
		session_count_end(s, &w->n_session.end_no_room);
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
	if (!s->has_result)
		counter_inc(&w->n_session.left);
	limits_disconnect(s->source, w->now_us);
	limits_disconnect(s->prefix, w->now_us);
	if (s->unsent)
		chunk_put(s->unsent);
	smtp_server_fini(&s->smtp);
	wheel_cancel(&w->wheel, &s->timer);
	list_del(&s->link);
	counter_sub(&w->n_session.open, 1);
	pool_put(&w->sessions, s);
}

/* Polite end: what is queued goes out, then FIN. */
void
session_leave(struct session *s)
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

void
session_over(struct session *s)
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

	session_count_end(s, counter);
	session_log_own(s, "session", id);
	let_mail_go(s);
	if (s->state != SESSION_PROXY) { /* 421 may stand for the banner (RFC 5321 3.8) */
		smtp_server_close(&s->smtp, id, &w->out);
		session_flush(s);
	}
	session_leave(s);
	if (!s->in_loop)
		session_over(s);
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
		session_arm(s, session_next_due(s)); /* its sender has less time now */
}

/* ---- answers ---- */

static void
run_again(struct session *s)
{
	if (s->in_loop)
		return;
	s->last_us = s->line_us = s->w->now_us; /* the sender's time begins with our answer */
	session_run(s);
}

static void
check_421(struct session *s, unsigned code)
{
	if (code == 421)
		session_count_end(s, &s->w->n_session.end_limit);
}

void
session_answer(struct session *s, const struct smtp_answer *a)
{
	BUG_ON(!smtp_server_answer(&s->smtp, a,
	                           &s->w->out)); /* SMTP_OUT_ROOM is free between calls */
	check_421(s, a->code);
	session_flush(s);
	run_again(s);
}

void
session_answer_own(struct session *s, enum smtp_reply_id id)
{
	BUG_ON(!smtp_server_answer_own(&s->smtp, id, &s->w->out));
	check_421(s, smtp_answer_own(id).code);
	session_flush(s);
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
	session_flush(s);
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
			session_log_own(s, "command", ev->reply);
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
		session_count_end(s, &n->end_quit);
		let_mail_go(s);
		session_leave(s);
		return false;
	case SMTP_EV_CLOSE:
		session_count_end(s, &n->end_error);
		session_log_own(s, "session", ev->reply);
		let_mail_go(s);
		session_leave(s);
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

	if (tcp_unacked(s->tcp) > UNREAD_OUT_MAX) {
		tcp_want_room(s->tcp);
		return false;
	}
	if (s->unsent || !next_input(s, &in))
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
	session_flush(s);
	if (kind != SMTP_EV_MORE && kind != SMTP_EV_WAIT)
		s->line_us = s->w->now_us;
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
	if (s->in_loop || s->state != SESSION_OPEN)
		return;
	if (s->over) { /* an answer found no room */
		session_over(s);
		return;
	}
	s->in_loop = true;
	while (step(s))
		;
	if (!s->over && tcp_at_eof(s->tcp) && !smtp_server_is_pending(&s->smtp)) {
		session_count_end(s, &s->w->n_session.end_closed);
		let_mail_go(s);
		session_leave(s);
	}
	s->in_loop = false;
	if (s->over)
		session_over(s);
	else if (s->w->draining && !s->msg && !smtp_server_is_pending(&s->smtp))
		session_end(s, SMTP_R_SHUTDOWN, &s->w->n_session.end_drain);
	else
		session_arm(s, session_next_due(s));
}

void
session_resume(struct session *s)
{
	s->window_us = s->w->now_us; /* it did not wait for the sender */
	s->window_bytes = 0;
	s->last_us = s->w->now_us;
	session_run(s);
}

/* ---- TCP calls ---- */

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
		session_read_proxy(s);
	else
		session_banner(s); /* before its time: early talk */
	if (!s->over && s->state == SESSION_OPEN && tcp_at_eof(s->tcp)) {
		session_count_end(s, &s->w->n_session.end_closed);
		session_leave(s);
	}
	s->in_loop = false;
	if (s->over)
		session_over(s);
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
	session_count_end(s, err == 0 ? &s->w->n_session.end_closed : &s->w->n_session.end_reset);
	session_free(s);
}

const struct tcp_ops session_ops = { session_on_open, on_bytes, on_room, on_close };

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
