/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_send.c - the send queue: slices of chunks, from the oldest unacknowledged byte on
 *
 * Why     A message is queued by reference and copied once, into the mbuf that leaves; a retransmission reads the slices
 *         again, so nothing depends on when the driver frees an mbuf.
 *         The send buffer is two congestion windows, one in flight and one to follow (Linux: tcp_sndbuf_expand()), so that it
 *         never is what holds a sender back, and small where nothing is sent. It is a bound, not memory: nothing is kept for it.
 * Limit   slice_cnt and small_chunk_cnt for all connections; TCP_UNACKED_MAX bytes for one. Beyond snd_buf_bytes a connection may
 *         have a quarter of what snd_budget_bytes has left (Choudhury and Hahne, Dynamic queue length thresholds for
 *         shared-memory packet switches, 1998): n that want more have budget / (n + 4) each, and some is left for who comes.
 *         With the budget used up it is a quarter of snd_buf_bytes.
 */
#include "dataplane/tcp/tcp_conn.h"

static struct tcp_slice *
slice_at(const struct tcp_stack *s, uint32_t i)
{
	return (struct tcp_slice *)(void *)(s->slices.memory + s->slices.object_bytes * i);
}

static uint32_t
slice_index(const struct tcp_stack *s, const struct tcp_slice *p)
{
	return (uint32_t)((size_t)((const uint8_t *)p - s->slices.memory) / s->slices.object_bytes);
}

/* Copy from slice i on, `off` bytes into it; leaves the cursor where the copy ended. */
static void
copy_from(struct tcp_conn *c, uint32_t i, uint32_t first_seq, uint32_t off, uint8_t *out,
          uint32_t len)
{
	const struct tcp_slice *p = slice_at(c->stack, i);

	for (;;) {
		uint32_t n = MIN(len, p->len - off);

		memcpy(out, p->chunk->data + p->off + off, n);
		out += n;
		len -= n;
		if (len == 0)
			break;
		first_seq += p->len;
		i = p->next;
		p = slice_at(c->stack, i);
		off = 0;
	}
	c->sl_cur = i;
	c->sl_cur_seq = first_seq;
}

void
tcp_sendq_copy(struct tcp_conn *c, uint32_t seq, uint8_t *out, uint32_t len)
{
	uint32_t i = c->sl_cur, first = c->sl_cur_seq;

	BUG_ON(seq - c->snd_una + len > c->snd_bytes);
	if (i == TCP_NONE || seq_lt(seq, first)) {
		i = c->sl_head;
		first = c->snd_una;
	}
	while (seq - first >= slice_at(c->stack, i)->len) {
		first += slice_at(c->stack, i)->len;
		i = slice_at(c->stack, i)->next;
	}
	copy_from(c, i, first, seq - first, out, len);
}

static void
drop_head(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	struct tcp_slice *p = slice_at(s, c->sl_head);

	if (c->sl_cur == c->sl_head)
		c->sl_cur = TCP_NONE;
	c->sl_head = p->next;
	if (c->sl_head == TCP_NONE)
		c->sl_tail = TCP_NONE;
	chunk_put(p->chunk);
	pool_put(&s->slices, p);
}

/* Nothing is in flight since an RTO: cwnd is of the past (RFC 5681 4.1). */
static bool
is_idle(const struct tcp_conn *c)
{
	return c->snd_nxt == c->snd_una && c->stack->now_ms - c->progress_ms > tcp_rto_ms(c);
}

static uint32_t
snd_buf(const struct tcp_conn *c)
{
	const struct tcp_stack *s = c->stack;
	const struct tcp_config *cfg = &s->cfg;
	/* What was SACKed behind a hole is in flight here, but not in cwnd. */
	uint64_t flight = MAX(c->snd_nxt - c->snd_una, c->cwnd);
	uint64_t want = is_idle(c) ? 0 : MIN(flight + c->cwnd, cfg->snd_buf_max_bytes);

	if (s->snd_bytes >= cfg->snd_budget_bytes)
		return cfg->snd_buf_bytes / 4;
	want = MIN(want, (cfg->snd_budget_bytes - s->snd_bytes) / 4);
	return (uint32_t)MAX(want, (uint64_t)cfg->snd_buf_bytes);
}

/* on_room() is due below it: half of the buffer; of one that has grown, while half a window is left to be sent. */
static uint32_t
low_mark(const struct tcp_conn *c)
{
	uint32_t buf = snd_buf(c), half = buf / 2;

	if (buf > c->stack->cfg.snd_buf_bytes)
		return MAX(half, buf - MIN(buf, c->cwnd / 2));
	return half;
}

/* The first n bytes are acknowledged. The caller moves snd_una. */
void
tcp_sendq_ack(struct tcp_conn *c, uint32_t n)
{
	BUG_ON(n > c->snd_bytes);
	c->snd_bytes -= n;
	c->stack->snd_bytes -= n;
	while (n > 0) {
		struct tcp_slice *p = slice_at(c->stack, c->sl_head);

		if (n < p->len) {
			p->off += n;
			p->len -= n;
			if (c->sl_cur == c->sl_head)
				c->sl_cur_seq += n;
			break;
		}
		n -= p->len;
		drop_head(c);
	}
	if (c->flags & F_WANT_ROOM && c->snd_bytes < low_mark(c)) {
		c->flags &= ~(uint32_t)F_WANT_ROOM;
		tcp_mark_ready(c, EV_ROOM);
	}
}

/* snd_bytes stays: on_close() may ask what was never acknowledged. */
void
tcp_sendq_purge(struct tcp_conn *c)
{
	c->stack->snd_bytes -= c->snd_bytes;
	while (c->sl_head != TCP_NONE)
		drop_head(c);
}

static bool
may_queue(const struct tcp_conn *c, size_t len)
{
	return c->state != TCP_CLOSED && !(c->flags & (F_FIN_QUEUED | F_ORPHAN)) &&
	       len <= TCP_UNACKED_MAX - c->snd_bytes;
}

/* A pool is empty: on_room() once it is not. */
static bool
starve(struct tcp_conn *c, uint64_t *counter)
{
	counter_inc(counter);
	c->flags |= F_STARVED;
	tcp_mark_ready(c, 0);
	return false;
}

static void
queued(struct tcp_conn *c, uint32_t len)
{
	c->snd_bytes += len;
	c->stack->snd_bytes += len;
	if (c->snd_bytes >= low_mark(c))
		c->flags |= F_WANT_ROOM;
	tcp_mark_dirty(c);
}

static void
link_slice(struct tcp_conn *c, struct tcp_slice *p, struct chunk *ch, uint32_t off, uint32_t len)
{
	struct tcp_stack *s = c->stack;
	uint32_t i = slice_index(s, p);

	*p = (struct tcp_slice){ .chunk = ch, .off = off, .len = len, .next = TCP_NONE };
	if (c->sl_tail == TCP_NONE)
		c->sl_head = i;
	else
		slice_at(s, c->sl_tail)->next = i;
	c->sl_tail = i;
}

size_t
tcp_room(struct tcp_conn *c)
{
	uint32_t max = snd_buf(c);

	if (!may_queue(c, 0))
		return 0;
	if (c->snd_bytes < max)
		return max - c->snd_bytes;
	c->flags |= F_WANT_ROOM; /* the buffer may have shrunk since something was queued */
	return 0;
}

size_t
tcp_unacked(const struct tcp_conn *c)
{
	return c->snd_bytes;
}

void
tcp_want_room(struct tcp_conn *c)
{
	c->flags |= F_WANT_ROOM;
}

bool
tcp_send_chunk(struct tcp_conn *c, struct chunk *ch, uint32_t off, uint32_t len)
{
	struct tcp_stack *s = c->stack;
	struct tcp_slice *p;

	BUG_ON(off > ch->len || len > ch->len - off);
	if (!may_queue(c, len))
		return false;
	if (len == 0)
		return true;
	p = c->sl_tail == TCP_NONE ? NULL : slice_at(s, c->sl_tail);
	if (p && p->chunk == ch && p->off + p->len == off) { /* goes on where the last one ended */
		p->len += len;
	} else {
		if (!tcp_has_slice(s))
			return starve(c, &s->cnt->full_slice);
		p = pool_get(&s->slices);
		link_slice(c, p, chunk_get(ch), off, len);
	}
	queued(c, len);
	return true;
}

/* Room behind the last slice, if its chunk is one of tcp_send()'s and nobody wrote behind it. */
static struct tcp_slice *
open_tail(struct tcp_conn *c, uint32_t *room)
{
	struct tcp_slice *p = c->sl_tail == TCP_NONE ? NULL : slice_at(c->stack, c->sl_tail);

	*room = 0;
	if (p && p->chunk->home == &c->stack->smalls && p->off + p->len == p->chunk->len)
		*room = p->chunk->cap - p->chunk->len;
	return p;
}

static void
fill(struct tcp_slice *p, struct span *in, uint32_t n)
{
	memcpy(p->chunk->data + p->chunk->len, in->p, n);
	p->chunk->len += n;
	p->len += n;
	*in = span_skip(*in, n);
}

bool
tcp_send(struct tcp_conn *c, struct span in)
{
	struct tcp_stack *s = c->stack;
	uint32_t room, len = (uint32_t)in.len;
	const uint32_t cap = (uint32_t)(TCP_SMALL_CHUNK - sizeof(struct chunk));
	struct tcp_slice *p = open_tail(c, &room);
	uint32_t cnt;

	if (in.len > TCP_SEND_MAX || !may_queue(c, in.len))
		return false;
	cnt = len > room ? (len - room + cap - 1) / cap : 0;
	if (s->slices.cnt - s->slices.used_cnt < cnt)
		return starve(c, &s->cnt->full_slice);
	if (s->smalls.cnt - s->smalls.used_cnt < cnt)
		return starve(c, &s->cnt->full_small_chunk);
	if (room > 0)
		fill(p, &in, MIN(room, len));
	while (in.len > 0) {
		struct chunk *ch = chunk_new(&s->smalls);

		p = pool_get(&s->slices);
		link_slice(c, p, ch, 0, 0);
		fill(p, &in, (uint32_t)MIN((size_t)ch->cap, in.len));
	}
	if (len > 0)
		queued(c, len);
	return true;
}

void
tcp_close(struct tcp_conn *c)
{
	if (c->state == TCP_CLOSED || c->flags & F_FIN_QUEUED)
		return;
	if (c->state == TCP_SYN_SENT) { /* RFC 9293 3.10.4: the TCB goes */
		tcp_conn_end(c, 0);
		return;
	}
	c->flags |= F_FIN_QUEUED;
	tcp_mark_dirty(c);
}
