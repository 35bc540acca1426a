/* SPDX-License-Identifier: BSD-3-Clause
 * message_scan.c - from a held mail to what is done about it: jobs, verdicts, recipients that end differently
 *
 * Two jobs run at a time on a worker; the others wait in two queues, small mails first, each first come first served. A turn of
 * the loop spends a budget of cycles here. A running job pins its snapshot; the verdict names that generation. A streamed mail
 * keeps its window's pin until its end was judged, so that one generation decides about all of it. When control wants that
 * generation back, the pin goes at once: what was sent on cannot be judged again, so the end alone is judged, by the current one.
 */
#include "dataplane/message_internal.h"
#include "base/clock.h"

enum { GROUP_DEFER, GROUP_BLOCK, GROUP_DELIVER }; /* or more: delivered with these changes */

static void scan_is_done(struct message *m);

/* ---- queues ---- */

static bool
is_tail(const struct message *m)
{
	return m->scan == SCAN_TAIL_WAITING || m->scan == SCAN_TAIL_RUNNING;
}

static void
enqueue(struct message *m, bool at_head)
{
	struct worker *w = m->w;
	struct list *q =
	        m->body_bytes > ENGINE_SMALL_MAX && !is_tail(m) ? &w->scan_large : &w->scan_small;

	if (at_head)
		list_add_head(q, &m->link);
	else
		list_add_tail(q, &m->link);
}

void
message_scan_queue(struct message *m, bool tail)
{
	BUG_ON(tail ? m->scan != SCAN_DONE : m->scan != SCAN_NONE);
	m->scan = tail ? SCAN_TAIL_WAITING : SCAN_WAITING;
	enqueue(m, false);
}

/* The window of a mail was judged and there is more to come. */
static void
keep_generation(struct message *m)
{
	m->kept = engine_job_keep(m->job);
	list_add_tail(&m->w->scan_kept, &m->kept_link);
}

static void
let_generation_go(struct message *m)
{
	if (!m->kept)
		return;
	engine_keep_put(m->w->env.engine, m->kept);
	m->kept = NULL;
	list_del(&m->kept_link);
}

static void
end_job(struct message *m)
{
	list_del(&m->link);
	if (m->job)
		engine_job_put(m->job);
	m->job = NULL;
}

void
message_scan_cancel(struct message *m)
{
	end_job(m);
	let_generation_go(m);
}

/* At most GENERATIONS_LIVE_MAX of them: the oldest has to go, however long a sender still takes. */
static void
let_evicted_go(struct worker *w)
{
	list_for_each_safe(it, tmp, &w->scan_kept)
	{
		struct message *m = list_entry(it, struct message, kept_link);

		if (!engine_keep_is_evicted(w->env.engine, m->kept))
			continue;
		counter_inc(&w->n_message.tails_moved);
		let_generation_go(m);
	}
}

bool
message_scan_is_waiting(const struct worker *w)
{
	return !list_is_empty(&w->scan_small) || !list_is_empty(&w->scan_large) ||
	       !list_is_empty(&w->scan_running);
}

/* ---- one job ---- */

/* Point the reader at byte `at` of the chunks that are there. */
static void
seek(struct message *m, uint64_t at)
{
	m->scan_chunk = m->head;
	while (m->scan_chunk && at >= m->scan_chunk->len && m->scan_chunk->next) {
		at -= m->scan_chunk->len;
		m->scan_chunk = m->scan_chunk->next;
	}
	m->scan_off = (uint32_t)at;
}

static uint64_t
held_bytes(const struct message *m)
{
	uint64_t n = 0;

	for (const struct chunk *c = m->head; c; c = c->next)
		n += c->len;
	return n;
}

/* Did it come by a backup MX though its primary is healthy (S14)? Of listeners that fit, one with an address beats "any". */
static bool
came_by_backup(const struct worker *w, const struct session *s)
{
	static const struct addr any = { { 0 } };
	int best = -1;

	if (!s || !w->env.primaries_up)
		return false;
	for (unsigned i = 0; i < w->cfg.listen_cnt; i++) {
		const struct addr *a = &w->cfg.listen[i].addr;

		if (w->cfg.listen[i].port == s->local_port &&
		    (addr_eq(a, &s->local) || (best < 0 && addr_eq(a, &any))))
			best = (int)i;
	}
	return best >= 0 && w->cfg.listen[best].is_backup &&
	       __atomic_load_n(w->env.primaries_up, __ATOMIC_RELAXED) >> best & 1;
}

static bool
begin(struct message *m)
{
	struct worker *w = m->w;
	struct engine_client client = { m->client, { 0, 0 }, span(m->helo, m->helo_len), false };
	struct engine_mail mail = { .snapshot = m->kept ? m->kept : w->snapshot,
		                    .client = &client,
		                    .sender = m->sender,
		                    .size = m->whole ? m->body_bytes
		                                     : MAX(m->body_bytes, m->declared_size),
		                    .is_tail = is_tail(m) };
	uint64_t held = held_bytes(m);

	client.backup_mx = came_by_backup(w, m->s);
	if (m->s)
		memcpy(client.country, m->s->country, sizeof(client.country));
	if (is_tail(m))
		mail.size = MIN(held, ENGINE_TAIL_BYTES);
	m->job = engine_job_begin(w->env.engine, &mail);
	if (!m->job)
		return false;
	let_generation_go(m); /* the job has a pin of its own */
	/* Nobody's filtering is on: the job is there for the verdict and its generation, and reads nothing. */
	m->scan_left = !m->filtered ? 0 : is_tail(m) ? mail.size : held;
	seek(m, held - m->scan_left);
	m->scan_ending = false;
	m->scan = is_tail(m) ? SCAN_TAIL_RUNNING : SCAN_RUNNING;
	list_del(&m->link);
	list_add_tail(&w->scan_running, &m->link);
	return true;
}

/* Control wants its snapshot back: from the start, on the current one. Of a streamed mail its end alone is still there. */
static void
begin_again(struct message *m)
{
	counter_inc(&m->w->n_message.rescans);
	if (is_tail(m))
		counter_inc(&m->w->n_message.tails_moved);
	end_job(m);
	m->scan = is_tail(m) ? SCAN_TAIL_WAITING : SCAN_WAITING;
	enqueue(m, true);
}

/* Feed until the deadline. True when the evidence is complete. */
static bool
run(struct message *m, uint64_t deadline)
{
	while (m->scan_left > 0) {
		struct chunk *c = m->scan_chunk;
		size_t have = MIN(c->len - m->scan_off, m->scan_left), took;

		if (have == 0) {
			m->scan_chunk = c->next;
			m->scan_off = 0;
			BUG_ON(!m->scan_chunk);
			continue;
		}
		took = engine_job_step(m->job, span(c->data + m->scan_off, have), deadline);
		m->scan_off += (uint32_t)took;
		m->scan_left -= took;
		if (took < have)
			return false;
	}
	return engine_job_end(m->job, deadline);
}

static bool
start_jobs(struct worker *w)
{
	bool any = false;

	if (!w->snapshot)
		return false;
	while (!list_is_empty(&w->scan_small)) {
		if (!begin(list_entry(w->scan_small.next, struct message, link)))
			return any;
		any = true;
	}
	if (!list_is_empty(&w->scan_large) &&
	    begin(list_entry(w->scan_large.next, struct message, link)))
		any = true;
	return any;
}

bool
message_scan_turn(struct worker *w)
{
	uint64_t budget = w->cfg.scan_budget_cycles, now = budget ? clock_cycles() : 0;
	uint64_t share = budget / ENGINE_SLOTS, limit = UINT64_MAX;

	let_evicted_go(w);
	if (!message_scan_is_waiting(w))
		return false;
	do {
		if (!start_jobs(w) && list_is_empty(&w->scan_running))
			return true;
		list_for_each_safe(it, tmp, &w->scan_running)
		{
			struct message *m = list_entry(it, struct message, link);

			if (budget)
				limit = clock_cycles() + share;
			if (engine_job_is_evicted(m->job))
				begin_again(m);
			else if (run(m, limit)) {
				scan_is_done(m);
				break; /* it may have ended others too: look at the list anew */
			}
		}
	} while (budget && clock_cycles() - now < budget && message_scan_is_waiting(w));
	return true;
}

/* ---- verdicts ---- */

static uint32_t
group_of(const struct engine_verdict *v)
{
	uint32_t h = 2166136261u;

	if (v->action == ACTION_BLOCK)
		return GROUP_BLOCK;
	if (v->action == ACTION_DEFER)
		return GROUP_DEFER;
	for (size_t i = 0; i < v->headers_len; i++)
		h = (h ^ (uint8_t)v->headers[i]) * 16777619u;
	for (size_t i = 0; v->action == ACTION_TAG && i < sizeof(v->tag_text) && v->tag_text[i];
	     i++)
		h = (h ^ (uint8_t)v->tag_text[i]) * 16777619u;
	for (const char *to = v->forward_to; *to; to++)
		h = (h ^ (uint8_t)*to) * 16777619u;
	return MAX(h, (uint32_t)GROUP_DELIVER);
}

void
message_log_verdict(struct message *m, const struct message_rcpt *r, const struct engine_verdict *v)
{
	struct worker *w = m->w;
	struct event *e = event_begin(w->env.events, EVENT_VERDICT, m->id, w->wall_us);

	if (!e)
		return;
	e->worker = (uint16_t)w->cfg.worker;
	e->client = m->client;
	e->num[0] = v->generation;
	e->num[1] = (uint64_t)(int64_t)v->score_milli;
	e->num[2] = m->body_bytes;
	e->num[3] = m->end_us ? w->now_us - m->end_us : 0;
	event_text(e, 0, span_z(policy_action_name(v->action)));
	event_text(e, 1,
	           span_z(v->unscanned && v->filter == FILTER_NONE
	                          ? "unscanned"
	                          : policy_filter_name(v->filter)));
	event_text(e, 2, span_z(v->rules));
	event_text(e, 3, span_z(v->excerpt));
	event_text(e, 4, m->sender);
	event_text(e, 5, rcpt_path(r));
	event_commit(w->env.events);
}

/* A verdict for each recipient; the first of those that get the mail is kept whole. Returns the number of different groups (2: two
 * or more). */
static unsigned
judge(struct message *m)
{
	struct engine_verdict v = { 0 };
	unsigned groups = 1;
	bool kept_delivers = false;

	for (unsigned i = 0; i < m->rcpts.cnt; i++) {
		struct message_rcpt *r = rcpt_of(m->rcpts.item[i]);

		if (i == 0 || r->fingerprint != rcpt_of(m->rcpts.item[i - 1])->fingerprint) {
			engine_decide(m->job, rcpt_local(r), rcpt_domain(r), &v);
			message_log_verdict(m, r, &v);
		}
		r->group = group_of(&v);
		r->action = (uint8_t)v.action;
		r->filter = (uint8_t)v.filter;
		if (i == 0 || (!kept_delivers && r->group >= GROUP_DELIVER)) {
			m->verdict = v;
			kept_delivers = r->group >= GROUP_DELIVER;
		}
		if (r->group != rcpt_of(m->rcpts.item[0])->group)
			groups = 2;
	}
	return groups;
}

static void
remember_split(struct message *m)
{
	struct worker *w = m->w;

	counter_inc(&w->n_message.splits);
	for (unsigned i = 0; i < m->rcpts.cnt; i++) {
		uint64_t key = message_split_key(m, m->rcpts.item[i]);
		uint32_t *group = memo_put(&w->splits, key, w->now_us + SPLIT_US, w->now_us);

		if (group)
			*group = rcpt_of(m->rcpts.item[i])->group;
	}
}

static unsigned
deliver_group(const struct message *m)
{
	for (unsigned i = 0; i < m->rcpts.cnt; i++)
		if (rcpt_of(m->rcpts.item[i])->group >= GROUP_DELIVER)
			return rcpt_of(m->rcpts.item[i])->group;
	return rcpt_of(m->rcpts.item[0])->group;
}

/* Even PRDR cannot give two forms of a mail to one transaction: those of the other form come again. */
static bool
deliver_differs(const struct message *m)
{
	for (unsigned i = 0; i < m->rcpts.cnt; i++) {
		unsigned group = rcpt_of(m->rcpts.item[i])->group;

		if (group >= GROUP_DELIVER && group != m->deliver_group)
			return true;
	}
	return false;
}

static void
act(struct message *m, unsigned groups)
{
	m->deliver_group = deliver_group(m);
	m->mixed = groups > 1;
	if (m->verdict.unscanned)
		counter_inc(&m->w->n_message.unscanned);
	if (m->mixed && (!m->prdr || deliver_differs(m)))
		remember_split(m);
	if (m->mixed && !m->prdr)
		message_answer_own(m, SMTP_R_SPLIT, 0);
	else if (m->deliver_group == GROUP_BLOCK)
		message_answer_blocked(m, m->verdict.filter);
	else if (m->deliver_group == GROUP_DEFER)
		message_answer_own(m, SMTP_R_LOCAL_ERROR, 0);
	else
		message_deliver(m);
}

/* The retry is split by what is known at the end: those that would get it in another form come apart as well. */
static void
group_by_tail(struct message *m)
{
	struct engine_verdict v;

	for (unsigned i = 0; i < m->rcpts.cnt; i++) {
		struct message_rcpt *r = rcpt_of(m->rcpts.item[i]);

		if (r->group != m->deliver_group)
			continue;
		engine_decide(m->job, rcpt_local(r), rcpt_domain(r), &v);
		r->group = group_of(&v);
	}
}

/* The end of a streamed mail, for those that it is for, whoever it is forwarded to. What was sent cannot be changed any more, but its
 * dot can be kept back. */
static void
act_on_tail(struct message *m)
{
	struct message_counters *n = &m->w->n_message;
	bool blocked = false, passed = false, other = false;
	struct engine_verdict v;

	for (unsigned i = 0; i < m->rcpts.cnt; i++) {
		struct message_rcpt *r = rcpt_of(m->rcpts.item[i]);

		if (r->group != m->deliver_group)
			continue;
		engine_decide(m->job, rcpt_local(r), rcpt_domain(r), &v);
		blocked = blocked || v.action == ACTION_BLOCK;
		passed = passed || v.action != ACTION_BLOCK;
		other = other || v.action == ACTION_TAG || v.action == ACTION_HEADER ||
		        v.action == ACTION_FORWARD;
		if (v.action != ACTION_BLOCK)
			continue;
		message_log_verdict(m, r, &v);
		m->verdict = v;
		r->group = GROUP_BLOCK;
		r->action = (uint8_t)v.action;
		r->filter = (uint8_t)v.filter;
	}
	if (blocked && passed)
		group_by_tail(m);
	m->scan = SCAN_TAIL_DONE;
	message_scan_cancel(m);
	if (other)
		counter_inc(&n->late_other);
	if (!blocked) {
		message_deliver_more(m);
		return;
	}
	counter_inc(&n->late_block);
	if (upstream_is_active(&m->req))
		upstream_cut(m->w->upstream, &m->req);
	if (passed) {
		remember_split(m);
		message_answer_own(m, SMTP_R_SPLIT, 0);
	} else {
		message_answer_blocked(m, m->verdict.filter);
	}
}

static void
scan_is_done(struct message *m)
{
	struct worker *w = m->w;
	unsigned groups;

	if (m->scan == SCAN_TAIL_RUNNING) {
		act_on_tail(m);
		return;
	}
	groups = judge(m);
	m->scan = SCAN_DONE;
	if (!m->whole)
		keep_generation(m);
	end_job(m);
	if (m->whole)
		hist_add(&w->hists[HIST_SCAN_US], w->now_us - m->end_us);
	act(m, groups);
}
