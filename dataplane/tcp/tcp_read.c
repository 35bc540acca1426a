/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_read.c - what the reader sees and takes, and the window that follows from it
 *
 * RFC     9293 3.8.6.2.2 (silly window); the window grows while the reader keeps up and shrinks while mbufs are short.
 */
#include "dataplane/tcp/tcp_conn.h"

#define PRESSED_BYTES 16384 /* receive window of each connection while mbufs are short */

static bool
is_pressed(const struct tcp_stack *s)
{
	return s->mbufs_held > s->cfg.mbuf_budget / 4 * 3;
}

/* RFC 9293 3.8.6.2.2: the edge moves by a segment or half of the buffer at least, and never back. */
uint32_t
tcp_recv_edge(const struct tcp_conn *c)
{
	uint32_t buf = is_pressed(c->stack) ? MIN(c->rcv_buf, PRESSED_BYTES) : c->rcv_buf;
	uint32_t room = buf > c->rcv_unread ? buf - c->rcv_unread : 0;
	uint32_t edge = c->rcv_nxt + room;

	if (c->flags & F_ORPHAN || seq_leq(edge, c->rcv_adv) ||
	    edge - c->rcv_adv < MIN(c->rcv_buf / 2, c->snd_mss))
		return c->rcv_adv;
	return edge;
}

/* A reader that took more than half of the window within a round trip could use a larger one. */
static void
tune(struct tcp_conn *c)
{
	const struct tcp_config *cfg = &c->stack->cfg;
	uint32_t max = MIN(cfg->rcv_buf_max_bytes, 65535u << c->rcv_wscale);
	uint16_t passed = (uint16_t)(c->stack->now_ms - c->drs_ms);
	uint32_t read = c->rcv_nxt - c->rcv_unread;

	if (c->rcv_is_set || passed < c->srtt_us / 1000)
		return;
	if (read - c->drs_seq > c->rcv_buf / 2 && c->rcv_buf < max && !is_pressed(c->stack))
		c->rcv_buf = MIN(max, c->rcv_buf * 2);
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
