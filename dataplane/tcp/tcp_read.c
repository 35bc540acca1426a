/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_read.c - what the reader sees and takes, and the window that follows from it
 *
 * RFC     9293 3.8.6.2.2 (silly window), 3.8.6 (the right edge never moves left); the window grows with what is read in a
 *         round trip and shrinks while it is not used or mbufs are short.
 */
#include "dataplane/tcp/tcp_conn.h"

#define RCV_BUF_IDLE (16 * 1024) /* ten segments of a sender that begins again fit */

/* What a connection may announce at most: less once half of all mbufs are held, that of an idle one beyond three quarters. */
static uint32_t
buf_limit(const struct tcp_stack *s)
{
	uint32_t quarter = s->cfg.mbuf_budget / 4;

	if (s->mbufs_held > quarter * 3)
		return RCV_BUF_IDLE;
	return s->mbufs_held > quarter * 2 ? s->cfg.rcv_buf_bytes : s->cfg.rcv_buf_max_bytes;
}

/* How far the buffer goes; an orphan has none. */
uint32_t
tcp_recv_limit(const struct tcp_conn *c)
{
	uint32_t buf = MIN(c->rcv_buf, buf_limit(c->stack));

	if (c->flags & F_ORPHAN)
		return c->rcv_nxt;
	return c->rcv_nxt + (buf > c->rcv_unread ? buf - c->rcv_unread : 0);
}

/* RFC 9293 3.8.6.2.2: the edge moves by a segment or half of the buffer at least, and never back. */
uint32_t
tcp_recv_edge(const struct tcp_conn *c)
{
	uint32_t edge = tcp_recv_limit(c);

	if (seq_leq(edge, c->rcv_adv) || edge - c->rcv_adv < MIN(c->rcv_buf / 2, c->snd_mss))
		return c->rcv_adv;
	return edge;
}

/*
 * Once a round trip: four times what the reader took in one, since slow start doubles in the next and again before we hear
 * of it. A window that is not used halves with each second between two rounds (a silence of 65 s looks like none, the next
 * one is seen). What was announced stays: rcv_adv never goes back, so the window shrinks as bytes arrive.
 */
static void
tune(struct tcp_conn *c)
{
	const struct tcp_config *cfg = &c->stack->cfg;
	uint32_t max = MIN(buf_limit(c->stack), 65535u << c->rcv_wscale);
	uint32_t min = MIN(cfg->rcv_buf_bytes, RCV_BUF_IDLE), rtt_ms = MAX(c->srtt_us / 1000, 1u);
	uint16_t passed = (uint16_t)(c->stack->now_ms - c->drs_ms);
	uint32_t read = c->rcv_nxt - c->rcv_unread;
	uint64_t want;

	if (c->rcv_is_set || passed < rtt_ms)
		return;
	want = 4ull * (read - c->drs_seq) * rtt_ms / passed;
	want = MIN(want, (uint64_t)MAX(max, c->rcv_buf));
	c->rcv_buf = MAX(MAX(c->rcv_buf >> MIN(passed / 1000, 16), min), (uint32_t)want);
	c->drs_ms = (uint16_t)c->stack->now_ms;
	c->drs_seq = read;
}

/* At once when the peer sees less than half of what it may have. */
static void
announce_room(struct tcp_conn *c)
{
	if (2 * rcv_wnd(c) <= c->rcv_buf && tcp_recv_edge(c) != c->rcv_adv) {
		c->flags |= F_ACK_NOW;
		tcp_mark_dirty(c);
	}
}

bool
tcp_peek(struct tcp_conn *c, struct span *out)
{
	if (c->rcv_unread == 0)
		return false;
	*out = span(rte_pktmbuf_mtod(c->rcv_head, const char *), c->rcv_head->data_len);
	return true;
}

bool
tcp_peek_at(struct tcp_conn *c, size_t skip, struct span *out)
{
	const struct rte_mbuf *m = c->rcv_head;

	if (skip >= c->rcv_unread)
		return false;
	for (; skip >= m->data_len; m = m->next)
		skip -= m->data_len;
	*out = span(rte_pktmbuf_mtod_offset(m, const char *, skip), m->data_len - skip);
	return true;
}

size_t
tcp_unread(const struct tcp_conn *c)
{
	return c->rcv_unread;
}

void
tcp_consume(struct tcp_conn *c, size_t n)
{
	BUG_ON(n > c->rcv_unread);
	if (n == 0)
		return;
	c->stack->mbufs_held -= tcp_chain_trim_front(&c->rcv_head, (uint32_t)n);
	c->rcv_unread -= (uint32_t)n;
	if (c->rcv_unread == 0)
		c->rcv_tail = NULL;
	if (c->state == TCP_CLOSED) {
		if (c->rcv_unread == 0 && c->err == 0)
			tcp_mark_ready(c, EV_CLOSE);
		return;
	}
	if (c->flags & F_FIN_RCVD)
		return;
	tune(c);
	announce_room(c);
}

void
tcp_set_rcv_buf(struct tcp_conn *c, uint32_t bytes)
{
	uint32_t max = c->stack->cfg.rcv_buf_max_bytes;

	if (c->state != TCP_SYN_SENT) /* else the answer tells whether it may be scaled */
		max = MIN(max, 65535u << c->rcv_wscale);
	c->rcv_buf = MAX(MIN(bytes, max), TCP_RCV_BUF_MIN);
	c->rcv_is_set = true;
	if (is_synchronised(c) && !(c->flags & F_FIN_RCVD))
		announce_room(c);
}

bool
tcp_at_eof(const struct tcp_conn *c)
{
	return c->flags & F_FIN_RCVD && c->rcv_unread == 0;
}
