/* SPDX-License-Identifier: BSD-3-Clause
 * message.c - ONE MAIL END TO END. Read this file first
 *
 *   MAIL      message_mail()      a struct message from the pool; its id is in every reply from here on
 *   RCPT      message_rcpt()      engine: whose is it? A list, a fresh cached answer or the customer's server says whether it is
 *                                 known (message_rcpt.c); the server's connection goes back to its pool
 *   DATA      message_data()      room is reserved in the hold budget, or 452
 *   body      message_body()      into chunks (message_body.c); over hold_bytes it is judged by its window and streamed
 *   the end   message_end()       scan job -> verdict of each recipient (message_scan.c)
 *   verdict   blocked: 550, and the customer's line never sees the mail
 *             else message_deliver(): the envelope again, pipelined, then the body, our final reply is the server's
 *   reply     message_finish()    the one place where a mail ends: counted once, logged, freed
 *
 * What may go wrong, and its answer: no server 451 4.4.1; server silent after our dot 451 4.4.2; a recipient refused that was
 * answered 250 451 4.2.0; recipients that end differently 451 4.7.1 once; sender gone before our dot: upstream is cut; after
 * it: the server's answer is waited for, since a mail that was taken is delivered whoever hears of it.
 *
 * Over 500 lines: the story of a mail stays in one file, its steps are in the others.
 */
#include "dataplane/message_internal.h"
#include "base/msgid.h"

static void
count_end(struct message *m, enum mail_result how, unsigned ref)
{
	struct message_counters *n = &m->w->n_message;
	uint64_t *const by_result[] = { &n->delivered, &n->refused, &n->deferred, &n->given_up };

	counter_inc(by_result[how]);
	counter_sub(&n->in_flight, 1);
	if (how == MAIL_REFUSED) {
		static_assert(REF_KINDS == FILTERS + 3, "a counter for each");
		BUG_ON(ref >= REF_KINDS);
		counter_inc(&n->ref_none + ref); /* rows of message_counters.def in this order */
	}
	if (m->end_us)
		hist_add(&m->w->hists[HIST_MAIL_US], m->w->now_us - m->end_us);
}

static void
log_end(struct message *m, enum mail_result how, unsigned code)
{
	static const char *const names[] = { "delivered", "refused", "deferred", "given_up" };
	struct worker *w = m->w;
	struct event *e = event_begin(w->env.events, EVENT_MAIL, m->id, w->wall_us);
	char address[ADDR_TEXT_MAX];

	if (!e)
		return;
	e->worker = (uint16_t)w->cfg.worker;
	e->client = m->client;
	e->num[0] = code;
	e->num[1] = m->body_bytes;
	e->num[2] = m->rcpts.cnt;
	e->num[3] = m->end_us ? (w->now_us - m->end_us) / 1000 : 0;
	e->num[4] = m->verdict.generation;
	e->num[5] = m->req.route ? upstream_server(&m->req)->port : 0;
	event_text(e, 0, span_z(names[how]));
	event_text(e, 1, m->sender);
	event_text(e, 2, m->rcpts.cnt ? m->rcpts.item[0] : span("", 0));
	event_text(e, 3, upstream_reply_text(&m->reply));
	event_text(e, 4,
	           m->req.route
	                   ? span(address, addr_format(&upstream_server(&m->req)->addr, address))
	                   : span("", 0));
	event_text(e, 5, span_z(m->customer));
	event_commit(w->env.events);
}

void
message_count(struct message *m)
{
	if (m->counted)
		return;
	m->counted = true;
	counter_inc(&m->w->n_message.sent);
	counter_inc(&m->w->n_message.in_flight);
}

static void
message_free(struct message *m)
{
	struct worker *w = m->w;

	if (m->s && m->s->msg == m)
		m->s->msg = NULL;
	message_scan_cancel(m);
	if (upstream_is_active(&m->req))
		upstream_release(w->upstream, &m->req);
	if (m->route)
		upstream_route_put(w->upstream, m->route);
	message_free_body(m);
	if (m->prefix)
		chunk_put(m->prefix);
	if (m->tag)
		chunk_put(m->tag);
	rcpt_list_fini(&m->rcpts);
	rcpt_list_fini(&m->asked);
	while (m->text) {
		struct chunk *c = m->text;

		m->text = c->next;
		chunk_put(c);
	}
	wheel_cancel(&w->wheel, &m->timer);
	list_del(&m->all);
	list_del(&m->body_link);
	pool_put(&w->messages, m);
}

void
message_finish(struct message *m, enum mail_result how, unsigned code, unsigned ref)
{
	if (m->counted) {
		count_end(m, how, ref);
		log_end(m, how, code);
	}
	message_free(m);
}

void
message_drop(struct message *m)
{
	if (m->s)
		m->s->msg = NULL;
	if (m->counted)
		count_end(m, MAIL_GIVEN_UP, 0);
	message_free(m);
}

void
message_drop_all(struct worker *w)
{
	list_for_each_safe(it, tmp, &w->message_list)
	        message_drop(list_entry(it, struct message, all));
}

static enum mail_result
result_of(unsigned code)
{
	return code < 300 ? MAIL_DELIVERED : code < 500 ? MAIL_DEFERRED : MAIL_REFUSED;
}

struct smtp_answer
message_reply_of(const struct upstream_reply *r, const char *enhanced_default)
{
	static const char *const classes[] = { "2.0.0", "", "4.0.0", "5.0.0" };
	struct smtp_answer a = { r->code, upstream_reply_enhanced(r), upstream_reply_text(r) };

	if (r->enhanced_len == 0)
		a.enhanced = span_z(enhanced_default ? enhanced_default
		                                     : classes[MIN(MAX(r->code / 100, 2) - 2, 3)]);
	return a;
}

/* PRDR: an answer for each accepted recipient, in order. Returns the final one: the one that all have, or 250 if anybody has, or 4xx
 * if anybody may come again. */
static struct smtp_answer
answer_each(struct message *m, const struct smtp_answer *delivered)
{
	struct smtp_answer none = smtp_answer_own(SMTP_R_PRDR_NONE);
	bool any = false;

	counter_inc(&m->w->n_message.prdr);
	for (unsigned i = 0; i < m->rcpts.cnt; i++) {
		const struct message_rcpt *r = rcpt_of(m->rcpts.item[i]);
		char buf[SMTP_REPLY_MAX];
		struct smtp_answer a = smtp_answer_own(SMTP_R_SPLIT);

		if (r->group == m->deliver_group)
			a = *delivered;
		else if (r->action == ACTION_BLOCK)
			a = smtp_answer_arg(
			        SMTP_R_BLOCKED,
			        span_z(policy_filter_name((enum policy_filter)r->filter)), buf,
			        sizeof(buf));
		any = any || a.code < 300;
		if (a.code / 100 == 4)
			none = a; /* never in buf: its row is a 5xx */
		session_answer_rcpt(m->s, &a);
	}
	if (any)
		return smtp_answer_own(SMTP_R_PRDR_DONE);
	return m->mixed ? none : *delivered;
}

/* The mail goes first, so that the answer finds a session that may begin the next one. */
static void
end_with(struct message *m, const struct smtp_answer *given, unsigned ref)
{
	struct session *s = m->s;
	struct smtp_answer a = *given;

	if (!s && a.code < 300)
		counter_inc(&m->w->n_message.late_2xx);
	if (!s && a.code >= 300) {
		message_finish(m, MAIL_GIVEN_UP, 0, ref);
		return;
	}
	if (s && m->prdr && m->whole)
		a = answer_each(m, given);
	message_finish(m, result_of(a.code), a.code, ref);
	if (s)
		session_answer(s, &a);
}

static void
set_reply(struct message *m, const struct smtp_answer *a)
{
	struct upstream_reply *r = &m->reply;

	if (a->text.p == r->text)
		return;
	r->code = a->code;
	r->enhanced_len = (uint8_t)MIN(a->enhanced.len, sizeof(r->enhanced));
	r->text_len = (uint16_t)MIN(a->text.len, sizeof(r->text));
	memcpy(r->enhanced, a->enhanced.p, r->enhanced_len);
	memcpy(r->text, a->text.p, r->text_len);
}

/* Its answer is known. Given now, or at the end of data when the sender is still in the middle of it. */
static void
end_or_discard(struct message *m, const struct smtp_answer *a, unsigned ref)
{
	struct upstream_reply kept;
	struct smtp_answer b;

	set_reply(m, a);
	if (m->state == MSG_BODY && !m->whole) {
		m->discard = true;
		m->streaming = false;
		m->last_ref = (uint8_t)ref;
		if (upstream_is_active(&m->req))
			upstream_cut(m->w->upstream, &m->req);
		message_scan_cancel(m);
		message_free_body(m);
		if (m->s)
			session_resume(m->s);
		return;
	}
	kept = m->reply; /* the mail is freed before its answer is written */
	b = message_reply_of(&kept, NULL);
	end_with(m, &b, ref);
}

void
message_answer_reply(struct message *m, unsigned ref)
{
	struct smtp_answer a = message_reply_of(&m->reply, NULL);

	end_or_discard(m, &a, ref);
}

void
message_answer_own(struct message *m, enum smtp_reply_id id, unsigned ref)
{
	struct smtp_answer a = smtp_answer_own(id);

	end_or_discard(m, &a, ref);
}

void
message_answer_blocked(struct message *m, unsigned filter)
{
	char buf[SMTP_REPLY_MAX];
	struct smtp_answer a = smtp_answer_arg(
	        SMTP_R_BLOCKED, span_z(policy_filter_name((enum policy_filter)filter)), buf,
	        sizeof(buf));

	end_or_discard(m, &a, filter);
}

/* ---- time ---- */

void
message_arm(struct message *m, uint64_t due_us)
{
	struct wheel *wheel = &m->w->wheel;

	m->due_us = due_us;
	if (due_us == 0)
		wheel_cancel(wheel, &m->timer);
	else
		wheel_arm(wheel, &m->timer, due_us);
}

void
message_on_timer(void *ctx, struct wheel_timer *t, uint64_t now_us)
{
	struct message *m = container_of(t, struct message, timer);

	(void)ctx;
	if (now_us < m->due_us) {
		wheel_arm(&m->w->wheel, &m->timer, m->due_us);
		return;
	}
	if (m->state == MSG_ENVELOPE)
		message_rcpt_timer(m);
	else if (m->whole)
		message_deliver_deadline(m);
	else if (m->streaming)
		message_stream_timer(m);
}

/* ---- text of the envelope ---- */

void *
message_text(struct message *m, size_t n)
{
	size_t need = (n + 7) / 8 * 8;
	struct chunk *c = m->text;
	void *p;

	if (!c && m->text_used + need <= TEXT_SMALL) {
		p = m->text_small + m->text_used;
		m->text_used += (uint32_t)need;
		return p;
	}
	if (!c || c->cap - c->len < need) {
		/* 1,000 recipients of the longest kind are 45 chunks; refused ones give theirs back. */
		struct chunk *fresh = chunk_new(&m->w->chunks);

		if (!fresh)
			return NULL;
		fresh->next = c;
		m->text = c = fresh;
	}
	p = c->data + c->len;
	c->len += (uint32_t)need;
	return p;
}

void
message_text_back(struct message *m, const void *last)
{
	const uint8_t *p = last;
	struct chunk *c = m->text;

	if (!c) {
		m->text_used = (uint32_t)(p - (const uint8_t *)m->text_small);
		return;
	}
	BUG_ON(p < c->data || p >= c->data + c->len);
	c->len = (uint32_t)(p - c->data);
}

/* ---- MAIL ---- */

static struct message *
message_new(struct session *s, struct smtp_server_event *ev)
{
	struct worker *w = s->w;
	struct message *m = pool_get(&w->messages);
	char path[SMTP_PATH_TEXT_MAX];
	char *kept;
	size_t n;

	if (!m)
		return NULL;
	memset(m, 0, sizeof(*m));
	m->w = w;
	m->s = s;
	list_add_tail(&w->message_list, &m->all);
	list_init(&m->link);
	list_init(&m->body_link);
	list_init(&m->kept_link);
	wheel_timer_init(&m->timer, WHEEL_MESSAGE);
	m->id = worker_next_id(w);
	m->esmtp = s->esmtp;
	m->eightbit = ev->eightbit;
	m->smtputf8 = ev->smtputf8;
	m->prdr = ev->prdr;
	m->declared_size = ev->size;
	m->client = s->client;
	m->helo_len = s->helo_len;
	memcpy(m->helo, s->helo, s->helo_len);
	session_origin(s, &m->origin);
	m->origin.helo = span(m->helo, m->helo_len); /* it may outlive the session */
	m->rcpts.item = m->rcpts.few;
	m->asked.item = m->asked.few;
	m->rcpts.cap = m->asked.cap = ARRAY_LEN(m->rcpts.few);
	n = smtp_path_format(&ev->path, path);
	kept = message_text(m, n + 1);
	BUG_ON(!kept); /* the first piece of text_small */
	memcpy(kept, path, n);
	m->sender = span(kept, n);
	return m;
}

void
message_mail(struct session *s, struct smtp_server_event *ev)
{
	struct worker *w = s->w;

	BUG_ON(s->msg);
	if (w->draining) {
		session_answer_own(s, SMTP_R_SHUTDOWN);
		return;
	}
	if (!w->snapshot) {
		session_answer_own(s, SMTP_R_UNREADY);
		return;
	}
	if (!limits_count(&w->limits, &s->client, &s->source, LIMITS_MAILS, w->now_us)) {
		session_answer_own(s, SMTP_R_RATE);
		return;
	}
	s->msg = message_new(s, ev);
	if (!s->msg) {
		session_answer_own(s, SMTP_R_NO_ROOM);
		return;
	}
	s->mail_cnt++;
	smtp_server_set_id(&s->smtp, s->msg->id);
	session_answer_own(s, SMTP_R_SENDER_OK);
}

/* ---- DATA, the body, its end ---- */

void
message_data(struct session *s, struct smtp_server_event *ev)
{
	struct message *m = s->msg;
	struct worker *w = s->w;

	BUG_ON(!m || m->state != MSG_ENVELOPE || m->rcpts.cnt == 0);
	message_ask_over(m);
	m->bdat = ev->bdat;
	if (!message_reserve(m, ev->bdat && ev->size > m->declared_size ? ev->size
	                                                                : m->declared_size)) {
		counter_inc(&w->n_message.no_hold);
		message_answer_own(m, SMTP_R_NO_ROOM, 0);
		return;
	}
	m->state = MSG_BODY;
	m->data_us = w->now_us;
	trace_scan_init(&m->trace, w->cfg.hostname);
	list_add_tail(&w->in_body, &m->body_link);
	session_answer_own(s, SMTP_R_GO_AHEAD);
}

void
message_end(struct session *s)
{
	struct message *m = s->msg;
	struct worker *w = s->w;

	BUG_ON(!m || m->state != MSG_BODY);
	m->whole = true;
	m->end_us = w->now_us;
	list_del(&m->body_link);
	message_arm(m, m->end_us + w->cfg.tunables.final_deadline_us);
	if (m->discard) { /* the window was blocked while it still came in */
		message_answer_reply(m, m->last_ref);
		return;
	}
	if (trace_is_loop(&m->trace)) {
		counter_inc(&w->n_message.loops);
		message_answer_own(m, SMTP_R_LOOP, REF_FORMAT);
		return;
	}
	m->state = m->streaming ? MSG_DELIVER : MSG_JUDGE;
	if (m->streaming)
		message_scan_queue(m, true);
	else if (m->scan == SCAN_NONE)
		message_scan_queue(m, false);
	/* else its window is being scanned: message_scan.c goes on with the rest of it */
}

void
message_dropped(struct session *s, enum smtp_reply_id id)
{
	struct message *m = s->msg;
	struct smtp_answer a = smtp_answer_own(id);

	if (!m)
		return;
	if (upstream_is_active(&m->req))
		upstream_cut(m->w->upstream, &m->req);
	message_finish(m, result_of(a.code), a.code, REF_FORMAT);
}

void
message_sender_gone(struct message *m)
{
	m->s = NULL;
	if (m->end_sent) /* the server has it: its answer decides */
		return;
	if (upstream_is_active(&m->req) && m->state != MSG_ENVELOPE)
		upstream_cut(m->w->upstream, &m->req);
	/* Every recipient refused and the sender went on: that was its answer. */
	if (m->rcpts.cnt == 0 && m->last_code != 0)
		message_finish(m, result_of(m->last_code), m->last_code, m->last_ref);
	else
		message_finish(m, MAIL_GIVEN_UP, 0, 0);
}

bool
message_is_streaming(const struct message *m)
{
	return m->streaming;
}

bool
message_in_body(const struct message *m)
{
	return m->state == MSG_BODY && !m->whole;
}

uint64_t
message_data_us(const struct message *m)
{
	return m->data_us;
}

size_t
message_bytes(void)
{
	return sizeof(struct message);
}
