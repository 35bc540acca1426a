/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_ecn.c - explicit congestion notification: what is agreed on, what a mark says, what the peer says of ours
 *
 * Why     A router that marks instead of dropping costs nobody a retransmission.
 * RFC     3168 6.1.1 (SYNs), 6.1.2 (sender), 6.1.3 (receiver), 6.1.4-6.1.6 (what is never ECN-capable). cwnd falls by PRR, as after
 *         a loss, in tcp_recovery.c.
 *         - Of an active open only the first SYN asks: after a timeout, and after a RST, the next one does not
 *           (6.1.1.1), and an answer to a SYN that was sent twice says nothing.
 *         - A SYN or SYN-ACK that reflects both bits, or arrives ECN-capable, was mangled: no ECN, as Linux.
 *         - Where the receiver's state changes its ACK leaves at once, so that the sender hears of it within a round trip.
 */
#include "dataplane/tcp/tcp_conn.h"

#define ECN_BITS 3 /* of the traffic class */
#define ECT_0    2
#define CE       3

static bool
is_offered(const struct tcp_conn *c)
{
	return c->stack->cfg.ecn == TCP_ECN_ACTIVE && !(c->flags & F_SYN_AGAIN);
}

bool
tcp_ecn_wants(const struct tcp_stack *s, const struct tcp_seg *syn)
{
	return s->cfg.ecn != TCP_ECN_OFF &&
	       (syn->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR) &&
	       (syn->tos & ECN_BITS) == 0;
}

void
tcp_ecn_syn_ack(struct tcp_conn *c, const struct tcp_seg *g)
{
	if (is_offered(c) && (g->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE &&
	    (g->tos & ECN_BITS) == 0)
		c->flags |= F_ECN;
}

bool
tcp_ecn_try_without(struct tcp_conn *c)
{
	if (!is_offered(c))
		return false;
	c->flags |= F_SYN_AGAIN;
	c->snd_nxt = c->snd_una;
	tcp_mark_dirty(c);
	return true;
}

bool
tcp_ecn_is_ce(const struct tcp_conn *c, const struct tcp_seg *g)
{
	return c->flags & F_ECN && (g->tos & ECN_BITS) == CE;
}

void
tcp_ecn_in(struct tcp_conn *c, const struct tcp_seg *g)
{
	uint32_t was = c->flags & F_ECE;

	if (!(c->flags & F_ECN))
		return;
	if (g->flags & TCP_CWR)
		c->flags &= ~(uint32_t)F_ECE;
	if (tcp_ecn_is_ce(c, g)) {
		counter_inc(&c->stack->cnt->ecn_marks_in);
		c->flags |= F_ECE;
	}
	if ((c->flags & F_ECE) != was) {
		c->flags |= F_ACK_NOW;
		tcp_mark_dirty(c);
	}
}

uint8_t
tcp_ecn_out(struct tcp_conn *c, bool is_new, uint8_t *flags)
{
	if (*flags & TCP_SYN) {
		if (c->state == TCP_SYN_SENT && is_offered(c))
			*flags |= TCP_ECE | TCP_CWR;
		return 0;
	}
	if (!(c->flags & F_ECN))
		return 0;
	if (c->flags & F_ECE)
		*flags |= TCP_ECE;
	if (!is_new)
		return 0;
	if (c->tx && c->tx->tx_flags & F_TX_SAY_CWR) {
		c->tx->tx_flags &= (uint16_t)~F_TX_SAY_CWR;
		*flags |= TCP_CWR;
	}
	return ECT_0;
}
