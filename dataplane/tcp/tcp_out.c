/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_out.c - what leaves: SYNs, data within both windows, FINs, ACKs, probes, RSTs
 *
 * Why     A connection is put on the dirty list by whatever gives it something to say; tcp_flush() comes here once, after
 *         all callbacks, so an ACK rides on the reply that a segment caused.
 * RFC     9293 3.8.6.2.1 (silly window; Nagle is off: what is queued at the end of a turn is a push), 3.10.7.1 (RSTs).
 */
#include "dataplane/tcp/tcp_conn.h"

static void
write_header(uint8_t *h, uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags,
             uint16_t wnd, size_t opts_len)
{
	store_be16(h, sport);
	store_be16(h + 2, dport);
	store_be32(h + 4, seq);
	store_be32(h + 8, ack);
	h[12] = (uint8_t)((TCP_HEADER_BYTES + opts_len) / 4 << 4);
	h[13] = flags;
	store_be16(h + 14, wnd);
	store_be32(h + 16, 0); /* checksum is the link's, urgent pointer unused */
}

void
tcp_out_bare(struct tcp_stack *s, const struct addr *src, uint16_t sport, const struct addr *dst,
             uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags, uint16_t wnd,
             const uint8_t *opts, size_t opts_len)
{
	struct rte_mbuf *m = s->link.alloc(s->link.ctx);
	uint8_t *h;

	if (!m) {
		counter_inc(&s->cnt->full_mbuf);
		return;
	}
	h = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(TCP_HEADER_BYTES + opts_len));
	BUG_ON(!h);
	write_header(h, sport, dport, seq, ack, flags, wnd, opts_len);
	if (opts_len)
		memcpy(h + TCP_HEADER_BYTES, opts, opts_len);
	counter_inc(&s->cnt->segs_out);
	if (flags & TCP_RST)
		counter_inc(&s->cnt->rst_out);
	s->link.send(s->link.ctx, m, src, dst, 0, s->now_us);
}

uint16_t
tcp_out_mss(const struct tcp_stack *s, const struct addr *dst)
{
	unsigned mtu = s->link.mtu(s->link.ctx, dst);
	unsigned head = header_bytes(!addr_is_v4(dst));

	return (uint16_t)MIN(mtu - head, (unsigned)s->cfg.mss_max);
}

/*
 * The window field, and the edge that it promises. Rounded up, so that scaling takes nothing back of what was promised, as long
 * as the buffer has room for what is added; else down (RFC 7323 2.4 has senders that bear it): a peer who sends less than
 * a unit at a time would gain a little with each ACK, for ever.
 */
static uint16_t
announce(struct tcp_conn *c, bool syn)
{
	unsigned shift = syn ? 0 : c->rcv_wscale;
	uint32_t edge = tcp_recv_edge(c);
	uint32_t wnd = seq_gt(edge, c->rcv_nxt) ? edge - c->rcv_nxt : 0;
	uint32_t w = (wnd + (1u << shift) - 1) >> shift;

	if (seq_gt(c->rcv_nxt + (w << shift), seq_max(tcp_recv_limit(c), c->rcv_adv)))
		w = wnd >> shift;
	w = MIN(w, 65535u);
	c->rcv_adv = seq_max(c->rcv_adv, c->rcv_nxt + (w << shift));
	return (uint16_t)w;
}

static size_t
options(struct tcp_conn *c, uint8_t *p, uint32_t len)
{
	size_t n = 0;

	if (c->flags & F_TS)
		n = tcp_opt_build_ts(p, ts_now(c), c->ts_recent);
	if (c->flags & F_SACK && (has_ooo(c) || c->stack->dsack.is_set)) {
		uint32_t blocks[TCP_SACK_MAX][2];
		size_t room = MIN((size_t)TCP_OPTIONS_MAX, c->snd_mss - MIN(len, c->snd_mss));
		unsigned max = room < n + 12 ? 0 : (unsigned)MIN((room - n - 4) / 8, 4u);
		unsigned cnt = max && tcp_dsack_take(c, blocks[0]);

		cnt += tcp_recv_sack(c, blocks + cnt, max - cnt);
		if (cnt)
			n += tcp_opt_build_sack(p + n, (const uint32_t(*)[2])blocks, cnt);
	}
	return n;
}

static size_t
syn_options(struct tcp_conn *c, uint8_t *p)
{
	const struct tcp_config *cfg = &c->stack->cfg;
	bool answer = c->state == TCP_SYN_RECEIVED;
	bool ts = answer ? c->flags & F_TS : cfg->timestamps;
	bool sack = answer ? c->flags & F_SACK : cfg->sack;

	return tcp_opt_build_syn(p, answer ? tcp_out_mss(c->stack, &c->remote) : c->mss_top,
	                         answer && !c->rcv_wscale ? NULL : &cfg->rcv_wscale, sack, ts,
	                         c->stack->now_ms + c->ts_offset, answer ? c->ts_recent : 0);
}

static void
ack_settled(struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)(F_ACK_NOW | F_DELACK);
	c->delack_due = 0;
	c->last_ack_sent = c->rcv_nxt;
}

/* One segment; false: no mbuf, the connection stays dirty. len bytes from seq on must be queued. */
static bool
send_segment(struct tcp_conn *c, uint32_t seq, uint32_t len, uint8_t flags)
{
	struct tcp_stack *s = c->stack;
	struct rte_mbuf *m = s->link.alloc(s->link.ctx);
	uint8_t opts[TCP_OPTIONS_MAX], tos;
	size_t n;
	uint8_t *h;

	if (!m) {
		counter_inc(&s->cnt->full_mbuf);
		tcp_mark_dirty(c);
		return false;
	}
	n = flags & TCP_SYN ? syn_options(c, opts) : options(c, opts, len);
	h = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(TCP_HEADER_BYTES + n + len));
	BUG_ON(!h);
	tos = tcp_ecn_out(c, len > 0 && seq == c->snd_nxt, &flags);
	write_header(h, c->lport, c->rport, seq, flags & TCP_ACK ? c->rcv_nxt : 0, flags,
	             announce(c, flags & TCP_SYN), n);
	memcpy(h + TCP_HEADER_BYTES, opts, n);
	if (len)
		tcp_sendq_copy(c, seq, h + TCP_HEADER_BYTES + n, len);
	if (flags & TCP_ACK)
		ack_settled(c);
	counter_inc(&s->cnt->segs_out);
	counter_add(&s->cnt->bytes_out, len);
	s->link.send(s->link.ctx, m, &c->local, &c->remote, tos, s->now_us);
	return true;
}

/* Sequence number of segments without data: what was sent last, but within the peer's window (it may have shrunk). */
static uint32_t
ack_seq(const struct tcp_conn *c)
{
	uint32_t edge = c->snd_una + c->snd_wnd;

	if (!is_synchronised(c))
		return c->snd_nxt;
	return seq_lt(edge, c->snd_nxt) && seq_geq(edge, c->snd_una) ? edge : c->snd_nxt;
}

void
tcp_out_ack(struct tcp_conn *c)
{
	if (send_segment(c, ack_seq(c), 0, TCP_ACK))
		counter_inc(&c->stack->cnt->acks_pure_out);
	else
		c->flags |= F_ACK_NOW;
}

/* RFC 5961 7, and at most one per connection and half second. */
void
tcp_out_challenge(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	uint16_t now = now_16ms(s);

	if ((uint16_t)(now - c->challenge_16ms) < TCP_CHALLENGE_16MS ||
	    !tcp_limit_take(s, &s->challenges, s->cfg.challenge_per_s)) {
		counter_inc(&s->cnt->challenge_limited);
		return;
	}
	c->challenge_16ms = now;
	counter_inc(&s->cnt->challenge_acks);
	tcp_out_ack(c);
}

void
tcp_out_rst(struct tcp_conn *c)
{
	tcp_out_bare(c->stack, &c->local, c->lport, &c->remote, c->rport, ack_seq(c), c->rcv_nxt,
	             TCP_RST | TCP_ACK, 0, NULL, 0);
}

/* Left of the window, so the peer must answer with its window (RFC 9293 3.8.6.1, 3.8.4); carries nothing, as Linux's. */
void
tcp_out_probe(struct tcp_conn *c, uint64_t *counter)
{
	if (send_segment(c, c->snd_una - 1, 0, TCP_ACK))
		counter_inc(counter);
}

/* --- data --- */

static uint32_t
usable(const struct tcp_conn *c, uint32_t wnd)
{
	uint32_t edge = c->snd_una + wnd;

	return seq_gt(edge, c->snd_nxt) ? edge - c->snd_nxt : 0;
}

/* RFC 6675's pipe: what was SACKed or lost has left the network, so limited transmit (3042) needs no rule of its own. */
static uint32_t
usable_cwnd(const struct tcp_conn *c)
{
	uint32_t pipe = tcp_pipe(c);

	return c->cwnd > pipe ? c->cwnd - pipe : 0;
}

struct next {
	uint32_t len;
	bool fin, push;
};

/* In FIN-WAIT-2 snd_una has passed our FIN, so snd_data_end() names no place of it any more. */
static bool
is_fin_due(const struct tcp_conn *c)
{
	return c->flags & F_FIN_QUEUED && c->state != TCP_FIN_WAIT_2 &&
	       seq_leq(c->snd_nxt, snd_data_end(c));
}

static uint32_t
unsent_bytes(const struct tcp_conn *c)
{
	uint32_t end = snd_data_end(c);

	return seq_gt(end, c->snd_nxt) ? end - c->snd_nxt : 0;
}

/*
 * cwnd ends behind these n bytes, and after a loss it is small: nothing may leave until they are acknowledged, which a receiver
 * that waits for a second segment would put off by its delayed ACK. Kernels acknowledge a push at once.
 */
static bool
is_last_for_now(const struct tcp_conn *c, uint32_t cwnd, uint32_t n)
{
	return c->ssthresh != TCP_CWND_MAX && cwnd - n < eff_mss(c);
}

/* What may be sent at snd_nxt now, with `cwnd` bytes of room in the network; false: nothing. */
static bool
next_segment(const struct tcp_conn *c, uint32_t cwnd, struct next *out)
{
	uint32_t unsent = unsent_bytes(c);
	uint32_t mss = eff_mss(c);
	uint32_t wnd = usable(c, c->snd_wnd);
	uint32_t n = MIN(MIN(unsent, mss), MIN(wnd, cwnd));

	out->len = n;
	out->push = n > 0 && (n == unsent || is_last_for_now(c, cwnd, n));
	out->fin = is_fin_due(c) && n == unsent && wnd > n;
	if (n == unsent || n == mss) /* all of it, or a full segment */
		return n > 0 || out->fin;
	if (n == 0 || cwnd < wnd)
		return false;
	return n >= c->max_snd_wnd / 2 || c->flags & F_FORCE; /* the window's end cuts it */
}

static void
fin_sent(struct tcp_conn *c)
{
	if (c->state == TCP_ESTABLISHED)
		c->state = TCP_FIN_WAIT_1;
	else if (c->state == TCP_CLOSE_WAIT)
		c->state = TCP_LAST_ACK;
}

static bool
send_next(struct tcp_conn *c, const struct next *n)
{
	uint32_t seq = c->snd_nxt;
	uint8_t flags = (uint8_t)(TCP_ACK | (n->push ? TCP_PSH : 0) | (n->fin ? TCP_FIN : 0));

	if (seq == c->snd_una) {
		tcp_cc_idle(c);
		tcp_pace_start(c);
		c->progress_ms = c->stack->now_ms;
		if (!(c->flags & F_PERSIST))
			c->retries =
			        0; /* unanswered keep-alive probes say nothing of this one's RTO */
	}
	if (!send_segment(c, seq, n->len, flags))
		return false;
	c->snd_nxt = seq + n->len + n->fin;
	tcp_tx_sent(c, seq);
	if (n->fin)
		fin_sent(c);
	return true;
}

/* A segment of full size on a path that is believed to be smaller, with enough behind it that its loss is seen soon. */
static bool
out_mtu_probe(struct tcp_conn *c)
{
	struct next n = { .len = tcp_pmtu_probe_bytes(c) };
	uint32_t with_more = n.len + 2 * eff_mss(c);

	if (!n.len || unsent_bytes(c) < with_more || usable(c, c->snd_wnd) < with_more ||
	    usable_cwnd(c) < with_more || !tcp_tx_ready(c) || !c->tx || !send_next(c, &n))
		return false;
	tcp_pmtu_probe_sent(c);
	return true;
}

static bool
is_held(struct tcp_conn *c, uint32_t len)
{
	return c->tx && c->tx->tx_flags & F_TX_PACED && tcp_pace_holds(c, len);
}

static void
out_data(struct tcp_conn *c)
{
	struct next n;
	bool no_mbuf = false, sent = c->snd_mss < c->mss_top && out_mtu_probe(c);

	while (!no_mbuf && next_segment(c, usable_cwnd(c), &n) && !is_held(c, n.len) &&
	       tcp_tx_ready(c)) {
		no_mbuf = !send_next(c, &n);
		sent |= !no_mbuf;
		c->flags &= ~(uint32_t)F_FORCE;
	}
	if (sent) {
		if (c->flags & (F_PERSIST | F_PTO) || !c->rexmit_due) {
			c->flags &= ~(uint32_t)F_PERSIST;
			tcp_timer_set_rexmit(c);
		}
	} else if (!no_mbuf && c->snd_nxt == c->snd_una && !(c->flags & F_PERSIST) &&
	           (unsent_bytes(c) || is_fin_due(c))) {
		c->flags |= F_PERSIST;
		c->retries = 0;
		c->heard_ms = c->progress_ms = c->stack->now_ms;
		tcp_timer_set_rexmit(c);
	}
}

bool
tcp_out_new(struct tcp_conn *c)
{
	struct next n;

	return next_segment(c, UINT32_MAX, &n) && tcp_tx_ready(c) && send_next(c, &n);
}

/*
 * Bytes from seq on again, up to `end` and the peer's window, in segments of today's size. `end` may stand behind our FIN.
 */
static bool
send_again(struct tcp_conn *c, uint32_t seq, uint32_t end)
{
	uint32_t edge = c->snd_una + c->snd_wnd, data_end = snd_data_end(c);

	if (!seq_lt(seq, edge))
		return false;
	while (seq_lt(seq, end) && seq_lt(seq, edge)) {
		uint32_t to = seq_min(seq_min(seq + eff_mss(c), seq_min(end, data_end)), edge);
		bool fin = to == data_end && seq_gt(end, data_end) && seq_lt(to, edge);

		bool push = to == data_end && to != seq;
		uint8_t flags = (uint8_t)(TCP_ACK | (push ? TCP_PSH : 0) | (fin ? TCP_FIN : 0));

		if (!send_segment(c, seq, to - seq, flags))
			return false;
		counter_inc(&c->stack->cnt->retransmit_segs);
		seq = to + fin;
		if (to == data_end)
			break;
	}
	return true;
}

bool
tcp_out_again(struct tcp_conn *c, uint32_t i)
{
	const struct tcp_flight *f = &c->tx->flight;

	if (!send_again(c, tcp_flight_at(f, i)->seq, tcp_flight_end(f, i)))
		return false;
	tcp_tx_sent_again(c, i);
	return true;
}

/* Without records: the oldest segment. */
static void
out_head(struct tcp_conn *c)
{
	if (c->snd_nxt != c->snd_una && !send_again(c, c->snd_una, c->snd_nxt))
		return;
	c->flags &= ~(uint32_t)F_REXMT_HEAD;
}

/* What is marked lost, oldest first, as far as cwnd allows. */
static void
out_lost(struct tcp_conn *c)
{
	const struct tcp_flight *f = &c->tx->flight;
	uint32_t i = 0;

	/* F-RTO waits for what its new data brings (RFC 5682 3.1, 2b). */
	if (c->tx->tx_flags & F_TX_FRTO && seq_gt(c->snd_nxt, c->tx->recover))
		return;
	while ((i = tcp_flight_next(f, i, f->cnt, MARK(MARK_LOST), MARK(MARK_REXMIT))) < f->cnt) {
		uint32_t len = tcp_flight_bytes(f, i);

		if (usable_cwnd(c) < MIN(len, eff_mss(c)) && tcp_pipe(c) > 0)
			break;
		if (!tcp_out_again(c, i))
			break;
		if (i == 0 && !(c->flags & F_REO))
			tcp_timer_set_rexmit(c);
	}
}

static void
out_syn(struct tcp_conn *c)
{
	uint8_t flags = c->state == TCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK;

	if (c->snd_nxt != c->snd_una)
		return;
	if (!(c->flags & F_SYN_AGAIN))
		c->progress_ms = c->stack->now_ms;
	if (!send_segment(c, c->snd_una, 0, flags))
		return;
	c->snd_nxt = c->snd_una + 1;
	if (!c->rexmit_due)
		tcp_timer_set_rexmit(c);
}

void
tcp_out(struct tcp_conn *c)
{
	if (c->state == TCP_CLOSED)
		return;
	if (!is_synchronised(c)) {
		out_syn(c);
	} else {
		if (c->flags & F_REXMT_HEAD)
			out_head(c);
		else if (c->tx && c->tx->flight.bytes[MARK_LOST])
			out_lost(c);
		out_data(c);
	}
	if (c->flags & F_ACK_NOW)
		tcp_out_ack(c);
}
