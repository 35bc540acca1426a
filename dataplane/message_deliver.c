/* SPDX-License-Identifier: BSD-3-Clause
 * message_deliver.c - to the customer's server: the envelope again, the body, its answer as ours
 *
 * A mail that is held whole may go to another server as long as our dot was not sent; after the dot never, since the server may
 * have taken it. A streamed one has one chance. The dot of a streamed one waits for the verdict on its end.
 *
 * Over 500 lines: one dialogue, its order is what there is to read.
 */
#include "dataplane/message_internal.h"

static const struct upstream_user deliver_user;

/* ---- what is put on top ---- */

/* The Received field, fields of the verdict, a subject if the mail has none to tag. False: no chunk. */
static bool
make_prefix(struct message *m)
{
	struct worker *w = m->w;
	struct trace_line line = { span(m->helo, m->helo_len),
		                   m->client,
		                   span_z(w->cfg.hostname),
		                   m->esmtp,
		                   m->smtputf8,
		                   m->id,
		                   span("", 0),
		                   w->wall_us };
	char text[128];
	size_t n;

	m->prefix = chunk_new(&w->small_chunks);
	if (!m->prefix)
		return false;
	if (m->rcpts.cnt == 1)
		line.rcpt = m->rcpts.item[0];
	static_assert(TRACE_LINE_MAX + ENGINE_HEADERS_MAX + 20 + 100 <= SMALL_CHUNK_BYTES, "fits");
	n = trace_received(&line, (char *)m->prefix->data);
	memcpy(m->prefix->data + n, m->verdict.headers, m->verdict.headers_len);
	n += m->verdict.headers_len;
	m->prefix->len = (uint32_t)n;
	if (m->verdict.action != ACTION_TAG)
		return true;
	n = trace_tag(span(m->verdict.tag_text,
	                   strnlen(m->verdict.tag_text, sizeof(m->verdict.tag_text))),
	              text);
	if (m->trace.subject_tight)
		text[n++] = ' '; /* an encoded word ends at a blank (RFC 2047 5) */
	if (m->trace.subject_at == 0) {
		struct chunk *p = m->prefix;
		bool may_come = !m->whole && !m->trace.done; /* two subjects are one too many */

		counter_add(&w->n_message.tag_beside, may_come);
		p->len +=
		        (uint32_t)snprintf((char *)p->data + p->len, p->cap - p->len, "%s:%.*s\r\n",
		                           may_come ? "X-Weir-Tag" : "Subject", (int)n, text);
		return true;
	}
	m->tag = chunk_new(&w->small_chunks);
	if (!m->tag)
		return false;
	memcpy(m->tag->data, text, n);
	m->tag->len = (uint32_t)n;
	m->tag_at = m->trace.subject_at;
	return true;
}

static uint64_t
total_bytes(const struct message *m)
{
	return m->prefix->len + (m->tag ? m->tag->len : 0) + m->body_bytes;
}

static bool
is_forwarded(const struct message *m)
{
	return m->verdict.action == ACTION_FORWARD && !m->no_forward;
}

/* Instead of all that would get it: the profile's address, whose form was checked when it was read. */
static bool
choose_forward(struct message *m)
{
	size_t len = strlen(m->verdict.forward_to);
	struct message_rcpt *r = message_text(m, sizeof(*r) + len);

	if (!r)
		return false;
	memset(r, 0, sizeof(*r));
	r->path_len = (uint16_t)len;
	memcpy(r->text, m->verdict.forward_to, len);
	return rcpt_list_push(m, &m->asked, rcpt_path(r));
}

/* Those that get it, in order. With PRDR some may not. */
static bool
choose_rcpts(struct message *m)
{
	rcpt_list_reset(&m->asked);
	if (is_forwarded(m))
		return choose_forward(m);
	for (unsigned i = 0; i < m->rcpts.cnt; i++)
		if (rcpt_of(m->rcpts.item[i])->group == m->deliver_group &&
		    !rcpt_list_push(m, &m->asked, m->rcpts.item[i]))
			return false;
	return true;
}

void
message_deliver(struct message *m)
{
	struct worker *w = m->w;
	struct session *s = m->s;

	if (m->whole)
		m->state = MSG_DELIVER;
	if (!choose_rcpts(m) || !make_prefix(m)) {
		message_answer_own(m, SMTP_R_LOCAL_ERROR, 0);
		return;
	}
	if (!m->whole) {
		m->streaming = true;
		m->stream_mark = 0;
		message_arm(m, w->now_us + STREAM_SERVER_US);
		counter_inc(&w->n_message.streamed);
	}
	m->req.origin = &m->origin;
	upstream_want(w->upstream, &m->req, m->route, &deliver_user, m);
	/* m may be gone; a streamed one's sender goes on either way */
	if (s && s->msg && s->msg == m && !m->whole)
		session_resume(s);
}

/* ---- the body ---- */

static void
rewind_body(struct message *m)
{
	m->send_chunk = NULL;
	m->send_off = m->prefix_off = m->tag_off = 0;
	m->sent_bytes = 0;
	m->bdat_left = 0;
	m->stuff = (struct smtp_stuff){ 0 };
	m->going = m->last_announced = m->end_sent = m->have_final = false;
}

/* The next bytes in order: prefix, body up to the tag's place, tag, body. False when what is there is sent. */
static bool
next_piece(struct message *m, struct chunk **c, uint32_t *off, uint32_t *len)
{
	bool tag_left = m->tag && m->tag_off < m->tag->len;

	if (m->prefix_off < m->prefix->len) {
		*c = m->prefix;
		*off = m->prefix_off;
		*len = m->prefix->len - m->prefix_off;
		return true;
	}
	if (tag_left && m->sent_bytes == m->tag_at) {
		*c = m->tag;
		*off = m->tag_off;
		*len = m->tag->len - m->tag_off;
		return true;
	}
	if (!m->send_chunk)
		m->send_chunk = m->head;
	/* An empty chunk behind is a spare: the one at hand is still being filled. */
	while (m->send_chunk && m->send_off == m->send_chunk->len && m->send_chunk->next &&
	       m->send_chunk->next->len > 0) {
		m->send_chunk = m->send_chunk->next;
		m->send_off = 0;
	}
	if (!m->send_chunk || m->send_off == m->send_chunk->len)
		return false;
	*c = m->send_chunk;
	*off = m->send_off;
	*len = m->send_chunk->len - m->send_off;
	if (tag_left && m->tag_at - m->sent_bytes < *len)
		*len = (uint32_t)(m->tag_at - m->sent_bytes);
	return true;
}

static void
advance(struct message *m, const struct chunk *c, uint32_t n)
{
	if (c == m->prefix) {
		m->prefix_off += n;
	} else if (c == m->tag) {
		m->tag_off += n;
	} else {
		m->send_off += n;
		m->sent_bytes += n;
	}
}

/* One piece by DATA: runs between dots, and the dots. False: TCP is full for now. */
static bool
send_stuffed(struct message *m, struct chunk *c, uint32_t off, uint32_t len)
{
	struct span in = span(c->data + off, len), run;

	while (in.len > 0) {
		struct smtp_stuff before = m->stuff;
		bool dot;

		if (upstream_room(&m->req) == 0 || !smtp_stuff_next(&m->stuff, &in, &run, &dot))
			return false;
		if (dot && !m->dot_sent && !upstream_send(&m->req, m->w->dot, 0, 1)) {
			m->stuff = before;
			return false;
		}
		m->dot_sent = dot;
		if (!upstream_send(&m->req, c, (uint32_t)((const uint8_t *)run.p - c->data),
		                   (uint32_t)run.len)) {
			m->stuff = before;
			return false;
		}
		m->dot_sent = false;
		advance(m, c, (uint32_t)run.len);
	}
	return true;
}

static bool
send_chunked(struct message *m, struct chunk *c, uint32_t off, uint32_t len)
{
	uint32_t n = (uint32_t)MIN(len, m->bdat_left);

	if (upstream_room(&m->req) == 0 || !upstream_send(&m->req, c, off, n))
		return false;
	advance(m, c, n);
	m->bdat_left -= n;
	upstream_sent(&m->req, n);
	return true;
}

/* All that came is sent, all has come, and a streamed mail's end was judged. */
static bool
may_end(const struct message *m)
{
	return m->whole && (!m->streaming || m->scan == SCAN_TAIL_DONE);
}

static void
ended(struct message *m)
{
	m->end_sent = true;
	message_free_body(
	        m); /* TCP has its own references; after the dot no other server gets it */
}

/* Announce what is there as the next chunk; a chunk that is not the last waits until it is worth it. False: not now. */
static bool
announce(struct message *m)
{
	uint64_t ready = total_bytes(m) - m->prefix_off - m->tag_off - m->sent_bytes;
	uint64_t worth =
	        MIN(CHUNK_BYTES, m->w->cfg.hold_bytes / 4); /* less than has_room() lets in */
	bool last = may_end(m);

	if (m->last_announced || (!last && ready < worth))
		return false;
	if (!upstream_chunk(m->w->upstream, &m->req, ready, last))
		return false;
	m->bdat_left = ready;
	m->last_announced = last;
	return true;
}

static void
send_bdat(struct message *m)
{
	struct chunk *c;
	uint32_t off, len;

	for (;
	     ;) { /* behind a refused chunk only the one under way is brought to its end (RFC 3030 2) */
		if (m->bdat_left == 0 && (m->have_final || !announce(m)))
			break;
		while (m->bdat_left > 0) {
			BUG_ON(!next_piece(m, &c, &off, &len));
			if (!send_chunked(m, c, off, len))
				return;
		}
	}
	if (m->last_announced && m->bdat_left == 0 && !m->end_sent)
		ended(m);
}

static void
send_data(struct message *m)
{
	struct chunk *c;
	uint32_t off, len;

	while (next_piece(m, &c, &off, &len))
		if (!send_stuffed(m, c, off, len))
			return;
	if (may_end(m) && !m->end_sent &&
	    upstream_end(m->w->upstream, &m->req, smtp_stuff_end(&m->stuff)))
		ended(m);
}

static void
send_body(struct message *m)
{
	uint64_t before = m->sent_bytes;
	struct session *s = m->s;

	if (!m->going || m->end_sent || !upstream_is_granted(&m->req))
		return;
	if (m->by_bdat)
		send_bdat(m);
	else
		send_data(m);
	if (!m->streaming || m->end_sent || m->sent_bytes == before)
		return;
	message_free_sent(m);
	if (s && s->paused && !m->whole)
		session_resume(s);
}

void
message_deliver_more(struct message *m)
{
	send_body(m);
}

/* ---- the dialogue ---- */

static bool
has_eightbit(const struct message *m)
{
	for (const struct chunk *c = m->head; c; c = c->next)
		for (uint32_t i = 0; i < c->len; i++)
			if (c->data[i] >= 0x80)
				return true;
	return m->eightbit;
}

static bool
needs_utf8(const struct message *m)
{
	for (size_t i = 0; i < m->sender.len; i++)
		if ((unsigned char)m->sender.p[i] >= 0x80)
			return true;
	for (unsigned i = 0; i < m->asked.cnt; i++)
		if (rcpt_of(m->asked.item[i])->utf8)
			return true;
	return false;
}

/* What the server cannot take is refused here. True: it was. */
static bool
refused_by_caps(struct message *m)
{
	unsigned caps = upstream_caps(&m->req);
	enum smtp_reply_id id;

	if (needs_utf8(m) && !(caps & SMTP_CAP_SMTPUTF8))
		id = SMTP_R_UTF8_ROUTE;
	else if (!(caps & SMTP_CAP_8BITMIME) && upstream_route_cfg(m->route)->reject_eightbit &&
	         has_eightbit(m))
		id = SMTP_R_EIGHTBIT;
	else
		return false;
	upstream_release(m->w->upstream, &m->req);
	message_answer_own(m, id, REF_SERVER);
	return true;
}

static void
deliver_on_ready(void *user)
{
	struct message *m = user;
	uint64_t size = m->whole ? total_bytes(m) : m->declared_size;

	rewind_body(m);
	m->dot_sent = false;
	if (refused_by_caps(m))
		return;
	m->mail = (struct smtp_client_mail){ .sender = m->sender,
		                             .rcpts = m->asked.item,
		                             .rcpt_cnt = m->asked.cnt,
		                             .eightbit = m->eightbit,
		                             .smtputf8 = m->smtputf8,
		                             .size = size,
		                             .origin = &m->origin };
	upstream_begin(m->w->upstream, &m->req, &m->mail, m->bdat);
}

/* Nobody was promised that address, and a mistake in a profile must not cost mail: its recipients get it, with what was found. */
static void
forward_refused(struct message *m)
{
	struct worker *w = m->w;

	counter_inc(&w->n_message.forward_refused);
	m->no_forward = true;
	upstream_release(w->upstream, &m->req);
	if (choose_rcpts(m))
		upstream_want(w->upstream, &m->req, m->route, &deliver_user, m);
	else
		message_answer_own(m, SMTP_R_LOCAL_ERROR, 0);
}

/* Answered 250 before, refused now: 451 for all, and this one is asked live from now on. What the server only puts off is put off in its
 * own words. */
static void
replay_refused(struct message *m, const struct smtp_client_event *ev)
{
	struct worker *w = m->w;
	struct span rcpt = m->asked.item[ev->rcpt];
	struct upstream_reply reply;

	counter_inc(&w->n_message.replay_refused);
	upstream_take_reply(&m->req, ev->reply, &reply);
	upstream_release(w->upstream, &m->req);
	rcpt_cache_forget(&w->rcpts, m->route_id, rcpt);
	rcpt_cache_put(&w->rcpts, m->route_id, rcpt, &reply, w->now_us);
	if (smtp_client_pass(SMTP_STAGE_RCPT, reply.code) == SMTP_PASS_ON && reply.code < 500) {
		m->reply = reply;
		message_answer_reply(m, REF_SERVER);
		return;
	}
	rcpt_cache_ask_live(&w->rcpts, m->route_id, m->sender, rcpt, w->now_us);
	message_answer_own(m, SMTP_R_REPLAY, 0);
}

/* The server's word on MAIL, DATA or the whole mail is the sender's answer, or a fault between us and it. */
static void
take_final(struct message *m, const struct smtp_client_event *ev)
{
	m->have_final = true;
	upstream_take_reply(&m->req, ev->reply, &m->reply);
	if (smtp_client_pass(ev->stage, ev->reply->code) != SMTP_PASS_FAULT)
		return;
	counter_inc(&m->w->n_upstream.fault_reply);
	m->reply.code = 0;
}

static void
give_final(struct message *m)
{
	upstream_release(m->w->upstream, &m->req);
	counter_add(&m->w->n_message.forwarded, is_forwarded(m) && m->reply.code / 100 == 2);
	if (m->reply.code == 0)
		message_answer_own(m, SMTP_R_OUTAGE, 0);
	else
		message_answer_reply(m, REF_SERVER);
}

static void
rcpt_answered(struct message *m, const struct smtp_client_event *ev)
{
	if (!ev->ok && is_forwarded(m) &&
	    ev->reply->code >= 500) { /* whatever the reason: no retry mends it */
		forward_refused(m);
		return;
	}
	if (!ev->ok) {
		replay_refused(m, ev);
		return;
	}
	if (ev->rcpt + 1 < m->asked.cnt)
		return;
	m->mail.data = true;
	upstream_more(m->w->upstream, &m->req);
}

static void
deliver_on_event(void *user, enum smtp_client_event_kind kind, const struct smtp_client_event *ev)
{
	struct message *m = user;

	switch (kind) {
	case SMTP_CE_MAIL:
		if (ev->ok)
			break;
		take_final(m, ev);
		give_final(m);
		break;
	case SMTP_CE_RCPT:
		rcpt_answered(m, ev);
		break;
	case SMTP_CE_DATA_GO:
		m->going = true;
		m->by_bdat = ev->bdat;
		send_body(m);
		break;
	case SMTP_CE_CHUNK:
		send_body(m);
		break;
	case SMTP_CE_DATA: /* refused: RSET's answer is not waited for */
		take_final(m, ev);
		give_final(m);
		break;
	case SMTP_CE_FINAL:
		take_final(m, ev);
		break;
	case SMTP_CE_ENDED:
		if (m->have_final)
			give_final(m);
		break;
	default:
		break;
	}
}

static void
deliver_on_room(void *user)
{
	send_body(user);
}

static void
deliver_on_lost(void *user, bool may_retry)
{
	struct message *m = user;

	if (m->have_final) /* its answer had come before the connection went */
		give_final(m);
	else if (!may_retry || m->end_sent)
		message_answer_own(m, SMTP_R_NO_FINAL, 0);
	else if (m->streaming && m->sent_bytes > 0)
		message_answer_own(m, SMTP_R_OUTAGE, 0);
	else
		upstream_retry(m->w->upstream, &m->req);
}

static void
deliver_on_failed(void *user)
{
	message_answer_own(user, SMTP_R_OUTAGE, 0);
}

static const struct upstream_user deliver_user = { deliver_on_ready,  deliver_on_event,
	                                           deliver_on_room,   deliver_on_lost,
	                                           deliver_on_failed, false };

/* 9 minutes since the sender's last byte: it will not wait much longer. */
void
message_deliver_deadline(struct message *m)
{
	struct worker *w = m->w;
	bool end_sent = m->end_sent;

	counter_inc(&w->n_message.deadlines);
	if (upstream_is_active(&m->req))
		upstream_cut(w->upstream, &m->req);
	message_answer_own(m, end_sent ? SMTP_R_NO_FINAL : SMTP_R_OUTAGE, 0);
}
