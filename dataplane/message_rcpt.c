/* SPDX-License-Identifier: BSD-3-Clause
 * message_rcpt.c - RCPT: whose is it, is it known, may it share this transaction; else ask the customer's server
 *
 * The server is asked while the sender waits, at most rcpt_deadline. Its connection is kept for more recipients of this mail,
 * 2 s at most, then RSET and back to the pool: a slow sender never holds a customer's connection (decisions 2).
 */
#include "dataplane/message_internal.h"

/* ---- lists of recipients ---- */

bool
rcpt_list_push(struct message *m, struct rcpt_list *l, struct span path)
{
	if (l->cnt == l->cap) {
		struct chunk *c = l->spill ? NULL : chunk_new(&m->w->chunks);

		if (!c)
			return false;
		memcpy(c->data, l->item, l->cnt * sizeof(*l->item));
		l->spill = c;
		l->item = (struct span *)(void *)c->data;
		l->cap = (unsigned)(c->cap / sizeof(*l->item));
	}
	l->item[l->cnt++] = path;
	return true;
}

void
rcpt_list_reset(struct rcpt_list *l)
{
	l->cnt = 0;
}

void
rcpt_list_fini(struct rcpt_list *l)
{
	if (l->spill)
		chunk_put(l->spill);
	l->spill = NULL;
	l->cnt = l->cap = 0;
}

/* ---- answers ---- */

static void
log_refusal(struct message *m, const struct smtp_answer *a, struct span rcpt)
{
	struct worker *w = m->w;
	struct event *e = event_begin(w->env.events, EVENT_REJECT, m->id, w->wall_us);

	if (!e)
		return;
	e->worker = (uint16_t)w->cfg.worker;
	e->client = m->client;
	e->num[0] = a->code;
	event_text(e, 0, span_z("rcpt"));
	event_text(e, 1, span(m->helo, m->helo_len));
	event_text(e, 2, m->sender);
	event_text(e, 3, rcpt);
	event_text(e, 4, a->text);
	event_commit(w->env.events);
}

/* Refuse the recipient at hand. `ref` is what it is counted under if every recipient of the mail is refused. */
void
rcpt_refuse(struct message *m, const struct smtp_answer *a, struct span rcpt, unsigned ref)
{
	struct worker *w = m->w;

	log_refusal(m, a, rcpt);
	m->last_code = a->code;
	m->last_ref = (uint8_t)ref;
	if (m->pending) /* refused ones take no room, however many there are */
		message_text_back(m, m->pending);
	m->pending = NULL;
	hist_add(&w->hists[HIST_RCPT_US], w->now_us - m->rcpt_began_us);
	if (m->rcpts.cnt == 0 && m->route && m->rcpt_is_new_route && !upstream_is_active(&m->req)) {
		upstream_route_put(w->upstream,
		                   m->route); /* the next recipient may have another one */
		m->route = NULL;
	}
	session_answer(m->s, a);
}

void
rcpt_refuse_own(struct message *m, enum smtp_reply_id id, struct span rcpt, unsigned ref)
{
	struct smtp_answer a = smtp_answer_own(id);

	rcpt_refuse(m, &a, rcpt, ref);
}

/* An unknown mailbox: counted against its source, and answered late when there is a tarpit. */
void
rcpt_refuse_unknown(struct message *m, const struct upstream_reply *r, struct span rcpt,
                    unsigned ref)
{
	struct worker *w = m->w;
	struct session *s = m->s;
	uint64_t step = w->cfg.tunables.tarpit_us;
	struct smtp_answer a;

	counter_inc(&w->n_message.rcpt_unknown);
	s->unknown_cnt = (uint16_t)MIN(s->unknown_cnt + 1, UINT16_MAX);
	if (!limits_count(&w->limits, &s->client, &s->source, LIMITS_FAILED_RCPTS, w->now_us)) {
		m->last_code = r->code;
		m->last_ref = (uint8_t)ref;
		m->pending = NULL;
		session_end(s, SMTP_R_RATE, &w->n_session.end_limit);
		return;
	}
	m->reply = *r;
	m->last_ref = (uint8_t)ref;
	if (step > 0) {
		message_ask_over(m); /* who waits here must not keep a customer's connection busy */
		m->tarpitted = true;
		message_arm(m, MIN(w->now_us + step * MIN(s->unknown_cnt, TARPIT_UNKNOWN_MAX),
		                   m->rcpt_began_us + w->cfg.tunables.rcpt_deadline_us));
		return;
	}
	a = message_reply_of(&m->reply, "5.1.1");
	rcpt_refuse(m, &a, rcpt, ref);
}

void
rcpt_accept(struct message *m, struct message_rcpt *r)
{
	struct worker *w = m->w;

	if (!rcpt_list_push(m, &m->rcpts, rcpt_path(r))) {
		rcpt_refuse_own(m, SMTP_R_NO_ROOM, rcpt_path(r), 0);
		return;
	}
	if (m->rcpts.cnt == 1) {
		m->fingerprint = r->fingerprint;
		m->max_message = m->pending_max_message;
	}
	m->filtered = m->filtered || m->pending_filtered;
	if (m->pending_max_message)
		m->max_message = m->max_message ? MIN(m->max_message, m->pending_max_message)
		                                : m->pending_max_message;
	m->pending = NULL;
	counter_inc(&w->n_message.rcpt_accepted);
	hist_add(&w->hists[HIST_RCPT_US], w->now_us - m->rcpt_began_us);
	session_answer_own(m->s, SMTP_R_RECIPIENT_OK);
}

/* ---- what the engine says ---- */

static struct upstream_route_cfg
route_of(const struct policy_route *p, const struct worker_tunables *t)
{
	struct upstream_route_cfg r = { .id = p->id,
		                        .max_connections = p->max_connections,
		                        .server_cnt = p->server_cnt,
		                        .egress_cnt = p->egress_cnt,
		                        .xclient = p->xclient,
		                        .xforward = p->xforward,
		                        .proxy_v2 = p->proxy_v2 };

	r.reject_eightbit = p->eightbit == EIGHTBIT_REJECT || t->reject_eightbit;
	for (unsigned i = 0; i < p->server_cnt; i++)
		r.servers[i] =
		        (struct upstream_server){ p->servers[i].addr, p->servers[i].port,
			                          p->servers[i].weight, p->servers[i].priority };
	memcpy(r.egress, p->egress, sizeof(r.egress));
	return r;
}

uint64_t
message_split_key(const struct message *m, struct span rcpt)
{
	struct addr net = addr_mask(&m->client, addr_is_v4(&m->client) ? 120 : 64);
	const struct span parts[] = { span(net.b, sizeof(net.b)), m->sender, rcpt };

	return memo_key(&m->w->split_key, 0, parts, 3);
}

/* Did this sender's recipients end differently before? Then only those of the first one's group may come along (decisions 6). */
static bool
is_split_from(struct message *m, struct span rcpt)
{
	struct worker *w = m->w;
	const uint32_t *here, *first;

	here = memo_find(&w->splits, message_split_key(m, rcpt), w->now_us);
	if (!here)
		return false;
	first = memo_find(&w->splits, message_split_key(m, m->rcpts.item[0]), w->now_us);
	return first && *first != *here;
}

/* The recipient as it is kept, made in the mail's text. NULL: no room. */
static struct message_rcpt *
keep(struct message *m, const struct smtp_path *p, struct span path, const struct engine_rcpt *e)
{
	struct message_rcpt *r =
	        message_text(m, sizeof(*r) + path.len + p->local.len + p->domain.len);

	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->fingerprint = e->fingerprint;
	r->path_len = (uint16_t)path.len;
	r->local_len = (uint16_t)p->local.len;
	r->domain_len = (uint16_t)p->domain.len;
	r->utf8 = p->needs_smtputf8;
	memcpy(r->text, path.p, path.len);
	memcpy(r->text + path.len, p->local.p, p->local.len);
	memcpy(r->text + path.len + p->local.len, p->domain.p, p->domain.len);
	return r;
}

/* Answers that need no server. True: given. */
static bool
refused_by_engine(struct message *m, const struct engine_rcpt *e, struct span path)
{
	struct message_counters *n = &m->w->n_message;
	struct smtp_answer a;
	struct upstream_reply unknown;
	char buf[SMTP_REPLY_MAX];

	switch (e->answer) {
	case ENGINE_RCPT_RELAY_DENIED:
		counter_inc(&n->rcpt_relay);
		rcpt_refuse_own(m, SMTP_R_RELAY_DENIED, path, REF_RELAY);
		return true;
	case ENGINE_RCPT_UNKNOWN_MAILBOX:
		upstream_reply_set(&unknown, 550, "5.1.1", "mailbox unknown");
		rcpt_refuse_unknown(m, &unknown, path, FILTER_MAILBOX);
		return true;
	case ENGINE_RCPT_REFUSED:
		counter_inc(&n->rcpt_filter);
		a = smtp_answer_arg(SMTP_R_BLOCKED, span_z(policy_filter_name(e->filter)), buf,
		                    sizeof(buf));
		rcpt_refuse(m, &a, path, e->filter);
		return true;
	case ENGINE_RCPT_TOO_BIG:
		counter_inc(&n->rcpt_other);
		rcpt_refuse_own(m, SMTP_R_TOO_BIG, path, REF_FORMAT);
		return true;
	default:
		return false;
	}
}

/* A mail that fits the one and not the other would bounce for both: only a SIZE that fits both lets them share it. */
static bool
has_other_limit(const struct message *m, const struct engine_rcpt *e)
{
	uint64_t size = m->declared_size;

	if (e->max_message == m->max_message)
		return false;
	return size == 0 || (m->max_message && size > m->max_message) ||
	       (e->max_message && size > e->max_message);
}

/* Take the route if it is the first, or refuse one that differs. True: refused. */
static bool
refused_by_route(struct message *m, const struct engine_rcpt *e, struct span path)
{
	struct worker *w = m->w;

	m->rcpt_is_new_route = m->rcpts.cnt == 0;
	if (m->rcpts.cnt > 0 &&
	    (e->route_id != m->route_id || is_split_from(m, path) || has_other_limit(m, e))) {
		counter_inc(&w->n_message.rcpt_route);
		rcpt_refuse_own(m, SMTP_R_OTHER_ROUTE, path, 0);
		return true;
	}
	if (m->rcpts.cnt == 0 && (!m->route || e->route_id != m->route_id)) {
		struct upstream_route_cfg cfg = route_of(e->route, &w->cfg.tunables);

		message_ask_over(m);
		if (m->route)
			upstream_route_put(w->upstream, m->route);
		m->route_id = e->route_id;
		m->route = upstream_route_get(w->upstream, &cfg);
		snprintf(m->customer, sizeof(m->customer), "%s", e->customer);
	}
	if (m->route)
		return false;
	counter_inc(&w->n_message.rcpt_other);
	rcpt_refuse_own(m, SMTP_R_NO_ROOM, path, 0);
	return true;
}

static void
decide(struct message *m, const struct smtp_path *p, struct span path, const struct engine_rcpt *e)
{
	struct worker *w = m->w;
	struct upstream_reply bad;
	enum rcpt_known known = RCPT_NOT_KNOWN;
	struct message_rcpt *r;

	if (refused_by_engine(m, e, path) || refused_by_route(m, e, path))
		return;
	if (!rcpt_cache_is_live(&w->rcpts, e->route_id, m->sender, path, w->now_us)) {
		known = rcpt_cache_get(&w->rcpts, e->route_id, path, w->now_us, &bad);
		if (known == RCPT_NOT_KNOWN && e->answer == ENGINE_RCPT_KNOWN)
			known = RCPT_GOOD;
		else if (known != RCPT_NOT_KNOWN)
			counter_inc(known == RCPT_GOOD ? &w->n_message.cache_good
			                               : &w->n_message.cache_bad);
	}
	if (known == RCPT_BAD) {
		rcpt_refuse_unknown(m, &bad, path, REF_SERVER);
		return;
	}
	r = keep(m, p, path, e);
	if (!r) {
		rcpt_refuse_own(m, SMTP_R_NO_ROOM, path, 0);
		return;
	}
	m->pending_max_message = e->max_message;
	m->pending_filtered = !(e->flags & ENGINE_RCPT_FILTERING_OFF);
	m->pending = r;
	if (known == RCPT_GOOD)
		rcpt_accept(m, r);
	else if (m->silent_route ==
	         e->route_id) /* a deadline for each of 100 in a row would be a sum */
		message_ask_failed(m);
	else
		message_ask(m);
}

/* <postmaster> without a domain stands for the configured mailbox. False: there is none. */
static bool
with_postmaster(const struct worker *w, struct smtp_path *p)
{
	const struct worker_tunables *t = &w->cfg.tunables;

	if (!p->is_postmaster)
		return true;
	if (!t->postmaster_domain[0])
		return false;
	p->local = span_z(t->postmaster_local);
	p->domain = span_z(t->postmaster_domain);
	p->is_postmaster = false;
	return true;
}

void
message_rcpt(struct session *s, struct smtp_server_event *ev)
{
	struct message *m = s->msg;
	struct worker *w = s->w;
	struct engine_client client = session_engine_client(s);
	struct engine_rcpt_query q = { .client = &client };
	struct engine_rcpt e;
	char path[SMTP_PATH_TEXT_MAX];
	struct span text;

	BUG_ON(!m || m->state != MSG_ENVELOPE || m->pending);
	message_count(m);
	m->rcpt_began_us = w->now_us;
	text = span(path, smtp_path_format(&ev->path, path));
	if (!w->snapshot) {
		rcpt_refuse_own(m, SMTP_R_UNREADY, text, 0);
		return;
	}
	if (!with_postmaster(w, &ev->path)) {
		counter_inc(&w->n_message.rcpt_unknown);
		rcpt_refuse_own(m, SMTP_R_POSTMASTER, text, FILTER_MAILBOX);
		return;
	}
	text = span(path, smtp_path_format(&ev->path, path));
	q.sender = m->sender;
	q.size = m->declared_size;
	q.local = ev->path.local;
	q.domain = ev->path.domain;
	engine_rcpt(w->snapshot, &q, &e);
	decide(m, &ev->path, text, &e);
}

/* The tarpit is over, the server was silent for too long, or nobody asked for 2 s. */
void
message_rcpt_timer(struct message *m)
{
	struct worker *w = m->w;

	if (m->tarpitted) {
		struct smtp_answer a = message_reply_of(&m->reply, "5.1.1");

		m->tarpitted = false;
		rcpt_refuse(m, &a, m->pending ? rcpt_path(m->pending) : span("", 0), m->last_ref);
		return;
	}
	if (m->pending) {
		counter_inc(&w->n_message.deadlines);
		upstream_cut(w->upstream, &m->req);
		upstream_release(w->upstream, &m->req);
		m->silent_route = m->route_id;
		message_ask_failed(m);
		return;
	}
	message_ask_over(m);
}
