/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_in.c - SEGMENT ARRIVES: the eight steps of RFC 9293 3.10.7.4, one function each, and header prediction before them
 *
 * Why     Steps 1 to 6 return false when the segment goes no further; each has then given its answer.
 * RFC     9293 3.10.7.4, 5961 3-5 (RST, SYN, ACK out of place), 7323 5 (PAWS). What an ACK says of our segments is in
 *         tcp_ack.c.
 */
#include "dataplane/tcp/tcp_conn.h"

/* --- first: sequence number --- */

/* RFC 7323 5.3 R1-R3. True: too old. */
static bool
is_paws_old(struct tcp_conn *c, const struct tcp_seg *g)
{
	if (!seq_lt(g->opt.tsval, c->ts_recent))
		return false;
	return (uint16_t)((uint16_t)(c->stack->now_ms >> 16) - c->ts_age_65s) < TCP_PAWS_IDLE_65S;
}

static void
note_timestamp(struct tcp_conn *c, const struct tcp_seg *g)
{
	if (seq_leq(g->seq, c->last_ack_sent) &&
	    (seq_geq(g->opt.tsval, c->ts_recent) || !is_paws_old(c, g))) {
		c->ts_recent = g->opt.tsval;
		c->ts_age_65s = (uint16_t)(c->stack->now_ms >> 16);
	}
}

/* The four cases of the RFC's table, with SYN and FIN counted. */
static bool
is_acceptable(const struct tcp_conn *c, const struct tcp_seg *g)
{
	uint32_t len = seg_len(g), wnd = rcv_wnd(c);
	uint32_t first = g->seq - c->rcv_nxt, last = first + len - 1;

	if (len == 0)
		return wnd == 0 ? first == 0 : first < wnd;
	return wnd != 0 && (first < wnd || last < wnd);
}

/* With a window of zero: valid ACKs are taken all the same (RFC 9293 3.10.7.4 first). */
static bool
is_shut_out(const struct tcp_conn *c, const struct tcp_seg *g)
{
	return rcv_wnd(c) == 0 && g->seq == c->rcv_nxt &&
	       (g->flags & (TCP_ACK | TCP_SYN | TCP_RST)) == TCP_ACK;
}

static void
trim_to_window(struct tcp_conn *c, struct tcp_seg *g)
{
	uint32_t room;

	if (seq_lt(g->seq, c->rcv_nxt)) {
		tcp_dsack_below(c, g);
		tcp_seg_trim_front(g, c->rcv_nxt - g->seq);
		g->seq = c->rcv_nxt;
	}
	room = c->rcv_adv - g->seq;
	if (g->len + !!(g->flags & TCP_FIN) > room) {
		counter_inc(&c->stack->cnt->drop_past_window);
		if (g->len >= room || g->flags & TCP_FIN)
			g->flags &= (uint8_t)~TCP_FIN;
		tcp_seg_trim_back(g, room);
		g->is_cut = true;
	}
}

/*
 * An ACK for what is too old or lies outside of the window. Without data at most two a second, since two peers that are out
 * of step would answer each other for ever (Linux does the same); a SYN is challenged wherever it stands (RFC 5961 4.2).
 */
static void
answer_stray(struct tcp_conn *c, const struct tcp_seg *g)
{
	if (g->flags & TCP_SYN) {
		tcp_out_challenge(c);
		return;
	}
	tcp_dsack_below(c, g);
	if (!tcp_may_loop(g) || tcp_stray_take(c->stack, &c->challenge_16ms))
		tcp_out_ack(c);
}

static bool
step1_sequence(struct tcp_conn *c, struct tcp_seg *g)
{
	struct tcp_counters *n = c->stack->cnt;

	if (c->flags & F_TS && !(g->flags & TCP_RST)) {
		if (!g->opt.has_ts) { /* RFC 7323 3.2: dropped in silence */
			counter_inc(&n->drop_paws);
			return false;
		}
		if (is_paws_old(c, g)) {
			counter_inc(&n->drop_paws);
			answer_stray(c, g);
			return false;
		}
	}
	if (!is_acceptable(c, g) && !is_shut_out(c, g)) {
		counter_inc(&n->drop_out_of_window);
		if (!(g->flags & TCP_RST))
			answer_stray(c, g);
		return false;
	}
	if (c->flags & F_TS && g->opt.has_ts)
		note_timestamp(c, g);
	if (!(g->flags & TCP_RST))
		trim_to_window(c, g);
	return true;
}

/* --- second: RST (RFC 5961 3.2: only the exact number ends a connection) --- */

static bool
step2_reset(struct tcp_conn *c, const struct tcp_seg *g)
{
	if (!(g->flags & TCP_RST))
		return true;
	if (g->seq != c->rcv_nxt) {
		tcp_out_challenge(c);
		return false;
	}
	counter_inc(&c->stack->cnt->rst_in);
	tcp_conn_end(c, c->state == TCP_SYN_RECEIVED ? ECONNREFUSED : ECONNRESET);
	return false;
}

/* --- third: security compartment. IP security options are not used on the Internet; nothing to compare. --- */

static bool
step3_security(struct tcp_conn *c, const struct tcp_seg *g)
{
	(void)c;
	(void)g;
	return true;
}

/* --- fourth: SYN (RFC 5961 4.2) --- */

static bool
step4_syn(struct tcp_conn *c, const struct tcp_seg *g)
{
	if (!(g->flags & TCP_SYN))
		return true;
	tcp_out_challenge(c);
	return false;
}

/* --- fifth: ACK --- */

static bool
is_fin_covered(const struct tcp_conn *c)
{
	return c->snd_bytes == 0 && c->snd_una == c->snd_nxt;
}

/* Our FIN is acknowledged, if one was sent. False: c is over. */
static bool
after_ack(struct tcp_conn *c)
{
	if (!is_fin_covered(c))
		return true;
	switch (c->state) {
	case TCP_FIN_WAIT_1:
		c->state = TCP_FIN_WAIT_2;
		tcp_timer_set_fin_wait(c);
		return true;
	case TCP_CLOSING:
		tcp_conn_time_wait(c);
		return false;
	case TCP_LAST_ACK:
		tcp_conn_end(c, 0);
		return false;
	default:
		return true;
	}
}

static bool
step5_syn_received(struct tcp_conn *c, const struct tcp_seg *g)
{
	if (g->ack == c->snd_una + 1) {
		tcp_conn_established(c, g);
		return true;
	}
	tcp_out_bare(c->stack, &c->local, c->lport, &c->remote, c->rport, g->ack, 0, TCP_RST, 0,
	             NULL, 0);
	return false;
}

static bool
step5_ack(struct tcp_conn *c, const struct tcp_seg *g)
{
	struct tcp_counters *n = c->stack->cnt;

	if (!(g->flags & TCP_ACK)) {
		counter_inc(&n->drop_no_ack);
		return false;
	}
	if (c->state == TCP_SYN_RECEIVED)
		return step5_syn_received(c, g);
	if (seq_gt(g->ack, c->snd_nxt)) { /* of something not yet sent */
		counter_inc(&n->drop_bad_ack);
		tcp_out_challenge(c);
		return false;
	}
	if (seq_lt(g->ack, c->snd_una - c->max_snd_wnd)) { /* RFC 5961 5.2 */
		counter_inc(&n->drop_bad_ack);
		tcp_out_challenge(c);
		return false;
	}
	tcp_ack(c, g);
	heard(c);
	return after_ack(c);
}

/* --- sixth: URG. Urgent data is parsed and ignored: it is read in line (RFC 6093). --- */

static bool
step6_urgent(struct tcp_conn *c, const struct tcp_seg *g)
{
	(void)c;
	(void)g;
	return true;
}

/* --- seventh: segment text --- */

static bool
is_receiving(const struct tcp_conn *c)
{
	return c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 ||
	       c->state == TCP_FIN_WAIT_2;
}

static void
step7_text(struct tcp_conn *c, struct tcp_seg *g)
{
	if (!is_receiving(c))
		return;
	if (g->len > 0)
		tcp_ecn_in(c, g);
	/* It still talks: the wait for its FIN begins again, unless nobody listens. */
	if (g->len > 0 && c->state == TCP_FIN_WAIT_2 && !(c->flags & F_ORPHAN))
		tcp_timer_set_fin_wait(c);
	if (g->is_cut) { /* the peer is told where our window ends */
		c->flags |= F_ACK_NOW;
		tcp_mark_dirty(c);
	}
	if (g->len > 0 || g->flags & TCP_FIN)
		tcp_recv_text(c, g);
}

/* --- eighth: FIN --- */

static void
take_fin(struct tcp_conn *c)
{
	c->rcv_nxt++;
	c->flags |= F_FIN_RCVD | F_ACK_NOW;
	tcp_mark_ready(c, EV_BYTES);
	tcp_mark_dirty(c);
	switch (c->state) {
	case TCP_ESTABLISHED:
		c->state = TCP_CLOSE_WAIT;
		break;
	case TCP_FIN_WAIT_1: /* our FIN's ACK would have made it FIN-WAIT-2 in step five */
		c->state = TCP_CLOSING;
		break;
	case TCP_FIN_WAIT_2:
		tcp_conn_time_wait(c);
		break;
	default:
		BUG_ON(true);
	}
}

/* `end`: number behind g's text, where its FIN stands. */
static void
step8_fin(struct tcp_conn *c, const struct tcp_seg *g, uint32_t end)
{
	bool here = g->flags & TCP_FIN && end == c->rcv_nxt;

	if (!is_receiving(c))
		return;
	if (c->side && c->side->has_fin && c->side->cnt == 0 && c->side->fin_seq == c->rcv_nxt)
		here = true; /* one that came early */
	if (!here)
		return;
	take_fin(c);
}

static void
last_steps(struct tcp_conn *c, struct tcp_seg *g)
{
	uint32_t end = g->seq + g->len;

	if (!step6_urgent(c, g))
		return;
	step7_text(c, g);
	step8_fin(c, g, end);
}

static void
eight_steps(struct tcp_conn *c, struct tcp_seg *g)
{
	if (step1_sequence(c, g) && step2_reset(c, g) && step3_security(c, g) && step4_syn(c, g) &&
	    step5_ack(c, g))
		last_steps(c, g);
}

/* Text and FIN of a SYN-ACK (RFC 9293 3.10.7.3, end of the fourth). */
void
tcp_in_after_syn(struct tcp_conn *c, struct tcp_seg *g)
{
	g->flags &= (uint8_t)~TCP_SYN;
	g->seq++;
	trim_to_window(c, g);
	last_steps(c, g);
}

/*
 * Header prediction: what nearly every segment is. An in-order segment of an established connection without flags, holes,
 * recovery or a new window either acknowledges something or carries something; what is left of the steps is done here.
 */
static bool
try_fast(struct tcp_conn *c, struct tcp_seg *g)
{
	if (c->state != TCP_ESTABLISHED || (g->flags & ~TCP_PSH) != TCP_ACK ||
	    g->seq != c->rcv_nxt || c->side || tcp_ecn_is_ce(c, g) ||
	    c->flags & (F_RECOVERY | F_LOSS | F_PERSIST | F_ORPHAN) || g->len > rcv_wnd(c) ||
	    g->wnd << c->snd_wscale != c->snd_wnd || seq_gt(g->ack, c->snd_nxt) ||
	    seq_lt(g->ack, c->snd_una))
		return false;
	if (c->flags & F_TS) {
		if (!g->opt.has_ts || seq_lt(g->opt.tsval, c->ts_recent))
			return false;
		note_timestamp(c, g);
	}
	if (g->ack == c->snd_una) {
		if (g->len == 0)
			return false; /* may be a duplicate */
	} else {
		tcp_ack_new(c, g);
	}
	c->snd_wl1 = g->seq;
	heard(c);
	counter_inc(&c->stack->cnt->fast_path);
	if (g->len > 0)
		tcp_recv_text(c, g);
	return true;
}

void
tcp_in(struct tcp_conn *c, struct tcp_seg *g)
{
	tcp_conn_hold(c);
	if (c->state == TCP_SYN_SENT)
		tcp_in_syn_sent(c, g);
	else if (!try_fast(c, g))
		eight_steps(c, g);
	tcp_dsack_settle(c);
	tcp_seg_free(g);
	tcp_conn_let_go(c);
}
