/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_in_syn.c - SYN-SENT and CLOSED, and what two SYNs agree on
 *
 * RFC     9293 3.10.7.1 (CLOSED), 3.10.7.3 (SYN-SENT), 3.7.1 (MSS), 7323 2 (window scale), 3 (timestamps).
 */
#include "dataplane/tcp/tcp_conn.h"

uint16_t
tcp_peer_mss(const struct tcp_options *o, bool v6)
{
	if (!o->has_mss)
		return v6 ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT4;
	return MAX(o->mss, TCP_MSS_FLOOR);
}

void
tcp_conn_negotiate(struct tcp_conn *c, const struct tcp_options *o)
{
	const struct tcp_config *cfg = &c->stack->cfg;
	/* Of an active open mss_top is what our SYN said. */
	uint16_t mine = c->mss_top ? c->mss_top : tcp_out_mss(c->stack, &c->remote);

	c->snd_mss = MIN(tcp_peer_mss(o, conn_is_v6(c)), mine);
	tcp_pmtu_start(c);
	if (o->has_wscale) {
		c->snd_wscale = o->wscale;
		c->rcv_wscale = cfg->rcv_wscale;
	}
	c->rcv_buf = MIN(c->rcv_buf, 65535u << c->rcv_wscale);
	if (cfg->timestamps && o->has_ts) {
		c->flags |= F_TS;
		c->ts_recent = o->tsval;
		c->ts_age_65s = (uint16_t)(c->stack->now_ms >> 16);
	}
	if (cfg->sack && o->has_sack_ok)
		c->flags |= F_SACK;
}

/* Our SYN is acknowledged by g. The SYN's own window is never scaled. */
void
tcp_conn_established(struct tcp_conn *c, const struct tcp_seg *g)
{
	struct tcp_stack *s = c->stack;

	c->state = TCP_ESTABLISHED;
	c->snd_una = g->ack;
	c->snd_nxt = seq_max(c->snd_nxt, g->ack);
	c->snd_wnd = g->wnd << (g->flags & TCP_SYN ? 0 : c->snd_wscale);
	c->max_snd_wnd = c->snd_wnd;
	c->snd_wl1 = g->seq;
	c->quick_acks = TCP_QUICK_ACKS;
	c->rcv_mss_32 = (uint8_t)(MIN(c->snd_mss, TCP_RCV_MSS_FIRST) / 32);
	c->rexmit_due = 0;
	c->retries = 0;
	if (!(c->flags & F_SYN_AGAIN))
		tcp_rtt_sample(c, (s->now_ms - c->progress_ms) * 1000);
	c->progress_ms = c->heard_ms = s->now_ms;
	c->drs_ms = (uint16_t)s->now_ms;
	c->drs_seq = c->rcv_nxt;
	c->cwnd = tcp_cc_initial_window(c);
	c->ssthresh = TCP_CWND_MAX;
	tcp_mark_ready(c, EV_OPEN);
	tcp_mark_dirty(c);
}

/* The peer's SYN came without an ACK: both opened at once. */
static void
both_opened(struct tcp_conn *c)
{
	c->state = TCP_SYN_RECEIVED;
	c->snd_nxt = c->snd_una; /* the SYN goes again, with an ACK this time */
	c->flags |= F_SYN_AGAIN;
	tcp_mark_dirty(c);
}

/* --- SYN-SENT: the steps of 3.10.7.3; false: g goes no further, and has had its answer --- */

static bool
sent_step1_ack(struct tcp_conn *c, const struct tcp_seg *g)
{
	bool is_syn_out = c->snd_nxt != c->snd_una || c->flags & F_SYN_AGAIN;

	if (!(g->flags & TCP_ACK) || (is_syn_out && g->ack == c->snd_una + 1))
		return true;
	counter_inc(&c->stack->cnt->drop_bad_syn_ack);
	tcp_reset_stray(c->stack, g);
	return false;
}

/* Without an ACK it may be anybody's. */
static bool
sent_step2_reset(struct tcp_conn *c, const struct tcp_seg *g)
{
	if (!(g->flags & TCP_RST))
		return true;
	if (g->flags & TCP_ACK && !tcp_ecn_try_without(c)) {
		counter_inc(&c->stack->cnt->rst_in);
		tcp_conn_end(c, ECONNREFUSED);
	}
	return false;
}

/* Third, security: as in tcp_in.c there is nothing to compare. Fifth: neither SYN nor RST is dropped. */
static void
sent_step4_syn(struct tcp_conn *c, struct tcp_seg *g)
{
	if (!(g->flags & TCP_SYN)) {
		counter_inc(&c->stack->cnt->drop_bad_syn_ack);
		return;
	}
	c->rcv_nxt = c->last_ack_sent = g->seq + 1;
	tcp_conn_negotiate(c, &g->opt);
	c->rcv_adv = c->rcv_nxt + MIN(c->rcv_buf, 65535u); /* as our SYN promised */
	if (!(g->flags & TCP_ACK)) {
		both_opened(c);
		return;
	}
	tcp_ecn_syn_ack(c, g);
	tcp_conn_established(c, g);
	c->flags |= F_ACK_NOW;
	tcp_in_after_syn(c, g);
}

void
tcp_in_syn_sent(struct tcp_conn *c, struct tcp_seg *g)
{
	if (sent_step1_ack(c, g) && sent_step2_reset(c, g))
		sent_step4_syn(c, g);
}

/* --- CLOSED --- */

void
tcp_reset_stray(struct tcp_stack *s, const struct tcp_seg *g)
{
	if (g->flags & TCP_RST)
		return;
	if (!tcp_limit_take(s, &s->resets, s->cfg.rst_per_s)) {
		counter_inc(&s->cnt->rst_limited);
		return;
	}
	if (g->flags & TCP_ACK)
		tcp_out_bare(s, g->dst, g->dport, g->src, g->sport, g->ack, 0, TCP_RST, 0, NULL, 0);
	else
		tcp_out_bare(s, g->dst, g->dport, g->src, g->sport, 0, g->seq + seg_len(g),
		             TCP_RST | TCP_ACK, 0, NULL, 0);
}
