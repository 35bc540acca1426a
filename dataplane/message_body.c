/* SPDX-License-Identifier: BSD-3-Clause
 * message_body.c - the body's bytes into chunks, and the budget of bytes that a worker holds (decisions 5)
 *
 * Reserved: min(SIZE, hold_bytes) at DATA, by growth beyond. A new mail may not touch the last quarter of the budget, nor may one
 * that grows, unless it is half in. When there is nothing for it, a mail's sender is made to wait (its window shuts); and once a second the
 * slowest sender of all has to go, 421, so that a budget full of stuck mails empties itself.
 */
#include "dataplane/message_internal.h"

#define SLOW_AGE_US 2000000 /* a mail younger than this is not judged slow */

static uint64_t
round_up(uint64_t n)
{
	return (MAX(n, 1u) + CHUNK_BYTES - 1) / CHUNK_BYTES * CHUNK_BYTES;
}

static void
set_held(struct message *m, uint64_t held)
{
	struct worker *w = m->w;

	w->hold_used = w->hold_used - m->held + held;
	m->held = held;
	counter_set_value(&w->n_message.hold_bytes, w->hold_used);
}

bool
message_reserve(struct message *m, uint64_t size)
{
	struct worker *w = m->w;
	uint64_t need = round_up(MIN(size, w->cfg.hold_bytes));

	if (w->hold_used + need > w->hold_budget / 4 * 3)
		return false;
	m->expected = size;
	set_held(m, need);
	return true;
}

/* Of what its sender said, or of all that a mail may hold where he said nothing or sent more. */
static bool
is_half_in(const struct message *m)
{
	uint64_t most = m->w->cfg.hold_bytes;

	if (m->expected > 0 && m->body_bytes <= m->expected)
		most = MIN(most, m->expected);
	return m->body_bytes >= most / 2;
}

/* One more chunk at the end; false when budget or pool is spent. */
static bool
add_chunk(struct message *m)
{
	struct worker *w = m->w;
	struct chunk *c;

	if ((m->chunk_cnt + 1ull) * CHUNK_BYTES > m->held) {
		uint64_t most = is_half_in(m) ? w->hold_budget : w->hold_budget / 4 * 3;

		if (w->hold_used + CHUNK_BYTES > most)
			return false;
		set_held(m, m->held + CHUNK_BYTES);
	}
	c = chunk_new(&w->chunks);
	if (!c)
		return false;
	if (m->tail)
		m->tail->next = c;
	else
		m->head = m->fill = c;
	m->tail = c;
	m->chunk_cnt++;
	return true;
}

static void
set_starved(struct message *m, bool on)
{
	if (m->starved == on)
		return;
	m->starved = on;
	m->w->starved_cnt += on ? 1u : UINT32_MAX;
	if (on)
		counter_inc(&m->w->n_message.starved);
}

/* A streamed mail holds what its server has not taken yet, hold_bytes at most. */
static bool
is_streamed_full(const struct message *m, size_t bytes)
{
	return m->streaming && m->body_bytes - m->sent_bytes + bytes > m->w->cfg.hold_bytes;
}

bool
message_has_room(struct message *m, size_t bytes)
{
	uint32_t left = m->tail ? m->tail->cap - m->tail->len : 0;

	if (m->discard)
		return true;
	if (is_streamed_full(m, bytes))
		return false;
	if (!m->streaming && m->scan != SCAN_NONE) /* the window is full: it is judged first */
		return false;
	if (left >= bytes || (m->tail && m->tail->len == 0) || add_chunk(m)) {
		set_starved(m, false);
		return true;
	}
	set_starved(m, true);
	return false;
}

static void
append(struct message *m, struct span in)
{
	struct chunk *c = m->fill;

	while (in.len > 0) {
		size_t n;

		if (c->len == c->cap) /* message_has_room() put a spare one behind it */
			c = c->next;
		BUG_ON(!c);
		n = MIN(in.len, c->cap - c->len);
		memcpy(c->data + c->len, in.p, n);
		c->len += (uint32_t)n;
		in = span_skip(in, n);
	}
	m->fill = c;
}

void
message_body(struct session *s, struct span bytes)
{
	struct message *m = s->msg;
	struct worker *w = s->w;

	m->body_bytes += bytes.len;
	counter_add(&w->n_message.body_bytes, bytes.len);
	if (m->max_message && m->body_bytes > m->max_message) {
		smtp_server_drop(&s->smtp, SMTP_R_TOO_BIG);
		message_dropped(s, SMTP_R_TOO_BIG);
		return;
	}
	if (m->discard)
		return;
	trace_scan_feed(&m->trace, bytes);
	append(m, bytes);
	if (m->streaming)
		message_deliver_more(m);
	else if (m->body_bytes >= w->cfg.hold_bytes && m->scan == SCAN_NONE)
		message_scan_queue(
		        m,
		        false); /* by its window; message_has_room() says no until it is judged */
}

/* Somebody gave room back: whose window is shut may go on. */
static void
feed_starved(struct worker *w)
{
	unsigned budget = 4;

	if (w->starved_cnt == 0)
		return;
	list_for_each_safe(it, tmp, &w->in_body)
	{
		struct message *m = list_entry(it, struct message, body_link);

		if (m->starved && m->s && budget-- > 0)
			session_resume(m->s);
		if (budget == 0 || w->starved_cnt == 0)
			break;
	}
}

void
message_free_body(struct message *m)
{
	set_starved(m, false);
	while (m->head) {
		struct chunk *c = m->head;

		m->head = c->next;
		chunk_put(c);
	}
	m->tail = m->fill = NULL;
	m->chunk_cnt = 0;
	m->send_chunk = NULL;
	m->scan_chunk = NULL;
	set_held(m, 0);
}

/* The last two chunks stay: they have what the tail's scan wants. */
void
message_free_sent(struct message *m)
{
	while (m->head && m->head != m->send_chunk && m->head->next &&
	       m->head->next != m->send_chunk && m->head->next->next &&
	       m->head->next->next != m->tail) {
		struct chunk *c = m->head;

		m->head = c->next;
		m->chunk_cnt--;
		chunk_put(c);
		if (m->held > CHUNK_BYTES)
			set_held(m, m->held - CHUNK_BYTES);
	}
}

/* Its sender waits with a shut window, maybe, and nothing else would end that before the whole mail's time is over. */
void
message_stream_timer(struct message *m)
{
	if (m->sent_bytes < m->body_bytes && m->sent_bytes == m->stream_mark) {
		message_deliver_deadline(m);
		return;
	}
	m->stream_mark = m->sent_bytes;
	message_arm(m, m->w->now_us + STREAM_SERVER_US);
}

/* The slowest sender of those whose body comes in, by bytes a second since DATA. NULL: none is old enough. */
static struct message *
slowest(struct worker *w)
{
	struct message *worst = NULL;
	uint64_t worst_rate = UINT64_MAX;

	list_for_each_safe(it, tmp, &w->in_body)
	{
		struct message *m = list_entry(it, struct message, body_link);
		uint64_t age = w->now_us - m->data_us;
		uint64_t rate = m->body_bytes * 1000000 / MAX(age, 1u);

		if (!m->s || age < SLOW_AGE_US || rate >= worst_rate)
			continue;
		worst = m;
		worst_rate = rate;
	}
	return worst;
}

/* Under pressure all deadlines are pressure_us (interfaces, Time): nothing came for so long, or what came would not have been a held
 * mail in that time. A declared size alone holds room, so a mail that stands at its last byte is one of these. */
static bool
is_too_slow(const struct message *m)
{
	const struct worker *w = m->w;
	uint64_t patience = w->cfg.tunables.pressure_us, age = w->now_us - m->data_us;

	return w->now_us - m->s->last_us > patience ||
	       (age > patience && m->body_bytes < w->cfg.hold_bytes / 1000 * (age / 1000) /
	                                                  MAX(patience / 1000000, 1u));
}

void
message_pressure_turn(struct worker *w)
{
	feed_starved(w);
	/* Who finds no room is under pressure, however small the budget: a quarter of it may be less than a chunk. */
	if (!worker_has_pressure(w) && w->starved_cnt == 0)
		return;
	list_for_each_safe(it, tmp, &w->in_body)
	{
		struct message *m = list_entry(it, struct message, body_link);

		if (!worker_has_pressure(w))
			break;
		if (m->s && !m->starved && is_too_slow(m))
			session_end(m->s, SMTP_R_OVERLOAD, &w->n_session.end_pressure);
	}
	if (w->starved_cnt > 0) {
		struct message *m = slowest(w);

		if (m)
			session_end(m->s, SMTP_R_OVERLOAD, &w->n_session.end_pressure);
	}
}
