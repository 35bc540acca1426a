/* SPDX-License-Identifier: BSD-3-Clause
 * message_ask.c - asking the customer's server for a recipient, while the sender waits
 *
 * Its answer is the sender's, and is kept for minutes (rcpt_cache.h). Its connection is kept for more recipients of this mail, 2 s
 * at most, then RSET and back to the pool: a slow sender never holds a customer's connection (decisions 2).
 */
#include "dataplane/message_internal.h"

void
message_ask_failed(struct message *m)
{
	struct message_rcpt *r = m->pending;

	if (!r)
		return;
	counter_inc(&m->w->n_message.rcpt_outage);
	rcpt_refuse_own(m, SMTP_R_OUTAGE, rcpt_path(r), 0);
}

static void
ask_refused(struct message *m, const struct upstream_reply *reply)
{
	struct message_rcpt *r = m->pending;
	struct smtp_answer a = message_reply_of(reply, NULL);

	if (!r)
		return;
	if (rcpt_cache_names_mailbox(reply)) {
		rcpt_refuse_unknown(m, reply, rcpt_path(r), REF_SERVER);
		return;
	}
	counter_inc(&m->w->n_message.rcpt_server);
	m->reply = *reply;
	a = message_reply_of(&m->reply, NULL);
	rcpt_refuse(m, &a, rcpt_path(r), REF_SERVER);
}

static void
ask_mail_refused(struct message *m, const struct smtp_client_event *ev)
{
	struct upstream_reply reply;
	enum smtp_pass pass = smtp_client_pass(SMTP_STAGE_MAIL, ev->reply->code);

	upstream_take_reply(&m->req, ev->reply, &reply);
	upstream_release(m->w->upstream, &m->req);
	if (pass == SMTP_PASS_ON && m->pending) {
		struct smtp_answer a;

		counter_inc(&m->w->n_message.rcpt_server);
		m->reply = reply;
		a = message_reply_of(&m->reply, NULL);
		rcpt_refuse(m, &a, rcpt_path(m->pending), REF_SERVER);
		return;
	}
	counter_inc(&m->w->n_upstream.fault_reply);
	message_ask_failed(m);
}

static void
ask_answered(struct message *m, const struct smtp_client_event *ev)
{
	struct worker *w = m->w;
	struct message_rcpt *r = m->pending;
	struct upstream_reply reply;

	if (!r ||
	    ev->rcpt + 1 != m->asked.cnt) /* one that was answered before a connection was lost */
		return;
	upstream_take_reply(&m->req, ev->reply, &reply);
	message_arm(m, w->now_us + ASK_HOLD_US);
	if (!ev->ok && smtp_client_pass(SMTP_STAGE_RCPT, reply.code) == SMTP_PASS_FAULT) {
		counter_inc(&w->n_upstream.fault_reply);
		upstream_release(w->upstream, &m->req);
		message_ask_failed(m);
		return;
	}
	rcpt_cache_put(&w->rcpts, m->route_id, rcpt_path(r), &reply, w->now_us);
	if (ev->ok)
		rcpt_accept(m, r);
	else
		ask_refused(m, &reply);
}

static bool
needs_utf8(const struct message *m)
{
	for (size_t i = 0; i < m->sender.len; i++)
		if ((unsigned char)m->sender.p[i] >= 0x80)
			return true;
	return m->pending && m->pending->utf8;
}

static void
ask_on_ready(void *user)
{
	struct message *m = user;

	if (!m->pending) {
		upstream_release(m->w->upstream, &m->req);
		return;
	}
	if (needs_utf8(m) && !(upstream_caps(&m->req) & SMTP_CAP_SMTPUTF8)) {
		upstream_release(m->w->upstream, &m->req);
		counter_inc(&m->w->n_message.rcpt_other);
		rcpt_refuse_own(m, SMTP_R_UTF8_ROUTE, rcpt_path(m->pending), REF_FORMAT);
		return;
	}
	rcpt_list_reset(&m->asked);
	rcpt_list_push(m, &m->asked, rcpt_path(m->pending));
	m->mail = (struct smtp_client_mail){ .sender = m->sender,
		                             .rcpts = m->asked.item,
		                             .rcpt_cnt = 1,
		                             .eightbit = m->eightbit,
		                             .smtputf8 = m->smtputf8,
		                             .size = m->declared_size,
		                             .origin = &m->origin };
	upstream_begin(m->w->upstream, &m->req, &m->mail, false);
}

static void
ask_on_event(void *user, enum smtp_client_event_kind kind, const struct smtp_client_event *ev)
{
	struct message *m = user;

	if (kind == SMTP_CE_MAIL && !ev->ok)
		ask_mail_refused(m, ev);
	else if (kind == SMTP_CE_RCPT)
		ask_answered(m, ev);
	else if (kind == SMTP_CE_ENDED)
		upstream_release(m->w->upstream, &m->req);
}

static void
ask_on_room(void *user)
{
	(void)user;
}

static void
ask_on_lost(void *user, bool may_retry)
{
	struct message *m = user;

	(void)may_retry; /* a question may always be asked again */
	if (m->pending && !m->tarpitted)
		upstream_retry(m->w->upstream, &m->req);
}

static void
ask_on_failed(void *user)
{
	message_ask_failed(user);
}

static const struct upstream_user ask_user = { ask_on_ready, ask_on_event,  ask_on_room,
	                                       ask_on_lost,  ask_on_failed, true };

void
message_ask(struct message *m)
{
	struct worker *w = m->w;

	counter_inc(&w->n_message.asked);
	message_arm(m, w->now_us + w->cfg.tunables.rcpt_deadline_us);
	if (upstream_is_granted(&m->req) && m->asked.cnt < ASKED_MAX &&
	    rcpt_list_push(m, &m->asked, rcpt_path(m->pending))) {
		m->mail.rcpts = m->asked.item; /* it may have moved */
		m->mail.rcpt_cnt = m->asked.cnt;
		upstream_more(w->upstream, &m->req);
		return;
	}
	message_ask_over(m);
	m->req.origin = &m->origin;
	message_arm(m, w->now_us + w->cfg.tunables.rcpt_deadline_us);
	upstream_want(w->upstream, &m->req, m->route, &ask_user, m);
}

void
message_ask_over(struct message *m)
{
	if (upstream_is_active(&m->req))
		upstream_release(m->w->upstream, &m->req);
	message_arm(m, 0);
}
