/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_recv.c - what arrives: the receive queue, and bytes out of order
 *
 * Why     Received mbufs are kept, not copied: one chain in order, and for each run of out-of-order bytes a chain of its
 *         own. Small pieces are copied into the room behind the last mbuf, so that a peer who sends single bytes cannot
 *         pin a 2 KiB mbuf with each.
 * Limit   TCP_RANGES_MAX runs a connection, ooo_cnt connections with any, mbuf_budget mbufs in all.
 * RFC     9293 3.10.7.4 (seventh), 3.8.6.3 (delayed ACK), 2018 4.
 */
#include "dataplane/tcp/tcp_conn.h"

#define COPY_MAX 1024 /* a piece shorter than this is copied where it fits */

/* --- chains of mbufs: only next, data_off and data_len count --- */

static uint32_t
chain_free(struct rte_mbuf *m)
{
	uint32_t cnt = 0;

	while (m) {
		struct rte_mbuf *next = m->next;

		rte_pktmbuf_free_seg(m);
		m = next;
		cnt++;
	}
	return cnt;
}

/* n is at most what the chain holds. Returns the mbufs freed. */
uint32_t
tcp_chain_trim_front(struct rte_mbuf **head, uint32_t n)
{
	uint32_t cnt = 0;

	while (*head && n >= (*head)->data_len) {
		struct rte_mbuf *next = (*head)->next;

		n -= (*head)->data_len;
		rte_pktmbuf_free_seg(*head);
		*head = next;
		cnt++;
	}
	if (n > 0) {
		(*head)->data_off = (uint16_t)((*head)->data_off + n);
		(*head)->data_len = (uint16_t)((*head)->data_len - n);
	}
	return cnt;
}

/* Keep n > 0 bytes. Mbufs without bytes at the front are possible. */
static void
chain_trim_back(struct rte_mbuf *m, uint32_t n)
{
	while (n > m->data_len) {
		n -= m->data_len;
		m = m->next;
	}
	m->data_len = (uint16_t)n;
	chain_free(m->next);
	m->next = NULL;
}

static bool
try_copy(struct rte_mbuf *tail, const struct rte_mbuf *m)
{
	if (m->next || m->data_len >= COPY_MAX || rte_pktmbuf_tailroom(tail) < m->data_len ||
	    !RTE_MBUF_DIRECT(tail) || rte_mbuf_refcnt_read(tail) != 1)
		return false;
	memcpy(rte_pktmbuf_mtod_offset(tail, uint8_t *, tail->data_len),
	       rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	tail->data_len = (uint16_t)(tail->data_len + m->data_len);
	return true;
}

/* Put chain m behind head..tail. `mbufs_held` counts what stays. */
static void
chain_append(struct tcp_stack *s, struct rte_mbuf **head, struct rte_mbuf **tail,
             struct rte_mbuf *m)
{
	if (*head && try_copy(*tail, m)) {
		rte_pktmbuf_free_seg(m);
		return;
	}
	if (*head)
		(*tail)->next = m;
	else
		*head = m;
	for (; m; m = m->next) {
		*tail = m;
		s->mbufs_held++;
	}
}

void
tcp_seg_free(struct tcp_seg *g)
{
	chain_free(g->m);
	g->m = NULL;
	g->len = 0;
}

void
tcp_seg_trim_front(struct tcp_seg *g, uint32_t n)
{
	if (n >= g->len) {
		g->seq += g->len;
		tcp_seg_free(g);
		return;
	}
	tcp_chain_trim_front(&g->m, n);
	g->seq += n;
	g->len -= n;
}

void
tcp_seg_trim_back(struct tcp_seg *g, uint32_t n)
{
	if (n == 0) {
		tcp_seg_free(g);
	} else if (n < g->len) {
		chain_trim_back(g->m, n);
		g->len = n;
	}
}

/* --- runs of out-of-order bytes --- */

/* NULL: all are taken. */
struct tcp_side *
tcp_side_get(struct tcp_conn *c)
{
	struct tcp_side *d = pool_get(&c->stack->sides);

	if (!d)
		return NULL;
	d->cnt = 0;
	d->recent_cnt = 0;
	d->has_fin = false;
	c->side = d;
	return d;
}

void
tcp_side_put_if_empty(struct tcp_conn *c)
{
	if (!c->side || has_ooo(c))
		return;
	pool_put(&c->stack->sides, c->side);
	c->side = NULL;
}

static void
range_remove(struct tcp_side *d, uint32_t i)
{
	memmove(&d->r[i], &d->r[i + 1], sizeof(d->r[0]) * (d->cnt - i - 1));
	d->cnt--;
}

static void
note_recent(struct tcp_side *d, uint32_t seq)
{
	memmove(d->recent + 1, d->recent, sizeof(d->recent) - sizeof(d->recent[0]));
	d->recent[0] = seq;
	if (d->recent_cnt < TCP_RECENT_MAX)
		d->recent_cnt++;
}

/* Run i grew at its end: swallow what it reaches now. */
static void
absorb(struct tcp_stack *s, struct tcp_side *d, uint32_t i)
{
	struct tcp_range *a = &d->r[i];

	while (i + 1 < d->cnt && seq_geq(a->end, d->r[i + 1].start)) {
		struct tcp_range *b = &d->r[i + 1];

		if (seq_geq(a->end, b->end)) {
			s->mbufs_held -= chain_free(b->head);
		} else {
			s->mbufs_held -= tcp_chain_trim_front(&b->head, a->end - b->start);
			a->tail->next = b->head;
			a->tail = b->tail;
			a->end = b->end;
		}
		range_remove(d, i + 1);
	}
}

static bool
insert_run(struct tcp_stack *s, struct tcp_side *d, uint32_t i, struct tcp_seg *g)
{
	if (d->cnt == TCP_RANGES_MAX)
		return false;
	memmove(&d->r[i + 1], &d->r[i], sizeof(d->r[0]) * (d->cnt - i));
	d->r[i] = (struct tcp_range){ .start = g->seq, .end = g->seq + g->len };
	d->cnt++;
	chain_append(s, &d->r[i].head, &d->r[i].tail, g->m);
	g->m = NULL;
	absorb(s, d, i);
	return true;
}

/* What touches run i: trim what is known, then put the rest behind it or before it. */
static void
grow_run(struct tcp_stack *s, struct tcp_conn *c, uint32_t i, struct tcp_seg *g)
{
	struct tcp_range *r = &c->side->r[i];

	if (seq_geq(g->seq, r->start)) {
		tcp_seg_trim_front(g, r->end - g->seq);
		if (g->len == 0) {
			counter_inc(&s->cnt->dup_data_in);
			return;
		}
		r->end = g->seq + g->len;
		chain_append(s, &r->head, &r->tail, g->m);
		g->m = NULL;
		absorb(s, c->side, i);
		return;
	}
	if (seq_leq(g->seq + g->len, r->end)) {
		struct rte_mbuf *head = NULL, *tail = NULL;

		tcp_seg_trim_back(g, r->start - g->seq);
		chain_append(s, &head, &tail, g->m);
		tail->next = r->head;
		r->head = head;
	} else { /* covers all of it */
		s->mbufs_held -= chain_free(r->head);
		r->head = r->tail = NULL;
		chain_append(s, &r->head, &r->tail, g->m);
		r->end = g->seq + g->len;
	}
	r->start = g->seq;
	g->m = NULL;
	absorb(s, c->side, i);
}

/* Keep g's payload aside; what cannot be kept is freed by the caller. */
static bool
keep(struct tcp_conn *c, struct tcp_seg *g)
{
	struct tcp_stack *s = c->stack;
	uint32_t i = 0;

	if (s->mbufs_held >= s->cfg.mbuf_budget / 4 * 3)
		return false;
	if (!c->side && !tcp_side_get(c))
		return false;
	tcp_dsack_held(c, g);
	while (i < c->side->cnt && seq_lt(c->side->r[i].end, g->seq))
		i++;
	if (i < c->side->cnt && seq_geq(g->seq + g->len, c->side->r[i].start)) {
		note_recent(c->side, g->seq);
		grow_run(s, c, i, g);
		return true;
	}
	if (!insert_run(s, c->side, i, g))
		return false;
	note_recent(c->side, c->side->r[i].start);
	return true;
}

static void
take_out_of_order(struct tcp_conn *c, struct tcp_seg *g)
{
	bool fin = g->flags & TCP_FIN;
	uint32_t end = g->seq + g->len;

	if (g->len > 0 && !keep(c, g)) {
		counter_inc(&c->stack->cnt->drop_ooo_full);
	} else if (g->len > 0 || has_ooo(c)) {
		counter_inc(&c->stack->cnt->ooo_in);
		if (fin && has_ooo(c)) {
			c->side->has_fin = true;
			c->side->fin_seq = end;
		}
	}
	tcp_seg_free(g);
	tcp_out_ack(c); /* at once and for each: the peer counts them (RFC 5681 4.2) */
}

/* rcv_nxt moved: take over the run that begins at or before it. True if there was one. */
static bool
pull(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	struct tcp_side *d = c->side;
	bool moved = false;

	while (d->cnt > 0 && seq_leq(d->r[0].start, c->rcv_nxt)) {
		struct tcp_range *r = &d->r[0];
		uint32_t known = c->rcv_nxt - r->start;

		if (seq_leq(r->end, c->rcv_nxt)) {
			s->mbufs_held -= chain_free(r->head);
		} else {
			s->mbufs_held -= tcp_chain_trim_front(&r->head, known);
			if (c->rcv_head)
				c->rcv_tail->next = r->head;
			else
				c->rcv_head = r->head;
			c->rcv_tail = r->tail;
			counter_add(&s->cnt->bytes_in, r->end - c->rcv_nxt);
			c->rcv_unread += r->end - c->rcv_nxt;
			c->rcv_nxt = r->end;
		}
		range_remove(d, 0);
		moved = true;
	}
	if (d->cnt == 0)
		d->recent_cnt = 0;
	tcp_side_put_if_empty(c);
	return moved;
}

/*
 * RFC 9293 3.8.6.3: at once for two full segments, for the first ones, and from a hole that was filled on. A full one is the
 * peer's largest so far, not ours: its path or its link may be narrower.
 */
static void
owe_ack(struct tcp_conn *c, uint32_t len, bool hole_filled)
{
	uint32_t owed = c->rcv_nxt - c->last_ack_sent, mss;

	c->rcv_mss_32 = (uint8_t)MAX(c->rcv_mss_32, MIN(len / 32, (uint32_t)UINT8_MAX));
	mss = c->rcv_mss_32 * 32u;
	if (hole_filled) /* a sender in recovery is short of ACKs */
		c->quick_acks = MAX(c->quick_acks, (uint8_t)TCP_QUICK_LOSS);
	if (c->quick_acks > 0) {
		c->quick_acks--;
		c->flags |= F_ACK_NOW;
	} else if (owed >= 2 * mss) {
		c->flags |= F_ACK_NOW;
	}
	if (owed >= TCP_ACK_SEGS_MAX * mss) {
		tcp_out_ack(c);
	} else if (c->flags & F_ACK_NOW) {
		tcp_mark_dirty(c);
	} else if (!(c->flags & F_DELACK)) {
		c->flags |= F_DELACK;
		tcp_timer_set(c, &c->delack_due, c->stack->cfg.delack_ms);
	}
}

static void
throw_away(struct tcp_conn *c, struct tcp_seg *g)
{
	counter_inc(&c->stack->cnt->drop_orphan);
	c->rcv_nxt += g->len;
	tcp_seg_free(g);
	c->flags |= F_ACK_NOW;
	tcp_mark_dirty(c);
}

void
tcp_recv_text(struct tcp_conn *c, struct tcp_seg *g)
{
	struct tcp_stack *s = c->stack;
	uint32_t len = g->len;
	bool filled = false;

	if (g->seq != c->rcv_nxt && c->flags & F_ORPHAN) {
		tcp_seg_free(g);
		tcp_out_ack(c);
		return;
	}
	if (g->seq != c->rcv_nxt) {
		take_out_of_order(c, g);
		return;
	}
	if (len == 0)
		return;
	if (c->flags & F_ORPHAN) {
		throw_away(c, g);
		return;
	}
	if (s->mbufs_held >= s->cfg.mbuf_budget) {
		counter_inc(&s->cnt->drop_budget);
		tcp_seg_free(g);
		g->flags &= (uint8_t)~TCP_FIN;
		return;
	}
	if (has_ooo(c))
		tcp_dsack_held(c, g);
	chain_append(s, &c->rcv_head, &c->rcv_tail, g->m);
	g->m = NULL;
	c->rcv_nxt += len;
	c->rcv_unread += len;
	counter_add(&s->cnt->bytes_in, len);
	if (has_ooo(c))
		filled = pull(c);
	tcp_mark_ready(c, EV_BYTES);
	owe_ack(c, len, filled || has_ooo(c));
}

void
tcp_recv_purge(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	s->mbufs_held -= chain_free(c->rcv_head);
	c->rcv_head = c->rcv_tail = NULL;
	c->rcv_unread = 0;
	if (!c->side)
		return;
	for (uint32_t i = 0; i < c->side->cnt; i++)
		s->mbufs_held -= chain_free(c->side->r[i].head);
	c->side->cnt = 0;
	c->side->has_fin = false;
	tcp_side_put_if_empty(c);
}

/* Run r, unless it is among out[0..cnt) already. Returns the new cnt. */
static unsigned
add_block(const struct tcp_range *r, uint32_t (*out)[2], unsigned cnt)
{
	for (unsigned k = 0; k < cnt; k++)
		if (out[k][0] == r->start)
			return cnt;
	out[cnt][0] = r->start;
	out[cnt][1] = r->end;
	return cnt + 1;
}

/* Newest first; then others, since as many as fit are told (RFC 2018 4). */
unsigned
tcp_recv_sack(const struct tcp_conn *c, uint32_t (*out)[2], unsigned max)
{
	const struct tcp_side *d = c->side;
	unsigned cnt = 0;

	for (unsigned k = 0; d && k < d->recent_cnt && cnt < max; k++) {
		uint32_t i = 0;

		while (i < d->cnt && seq_leq(d->r[i].end, d->recent[k]))
			i++;
		if (i < d->cnt && seq_leq(d->r[i].start, d->recent[k]))
			cnt = add_block(&d->r[i], out, cnt);
	}
	for (uint32_t i = 0; d && i < d->cnt && cnt < max; i++)
		cnt = add_block(&d->r[i], out, cnt);
	return cnt;
}

uint32_t
tcp_recv_ooo_bytes(const struct tcp_conn *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; c->side && i < c->side->cnt; i++)
		n += c->side->r[i].end - c->side->r[i].start;
	return n;
}
