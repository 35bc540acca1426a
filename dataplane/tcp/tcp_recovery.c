/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_recovery.c - what an ACK, or the lack of one, says about losses: detection, fast recovery, timeouts
 *
 * Why     One place decides what is lost and how much may be out meanwhile; tcp_out.c sends what is marked.
 * RFC     8985 (with SACK), 6582 (without), 6937 (PRR, with the conservative bound unless snd_una moves without news of a
 *         loss), 5681 3.1 (timeout), 5682 3.1 (F-RTO with SACK), 2018 8 (a peer that reneges). `recover` is the number behind the
 *         last one sent, one more than RFC 6582's.
 */
#include "dataplane/tcp/tcp_conn.h"

/* --- without SACK (RFC 6582) --- */

static void
count_duplicate(struct tcp_conn *c, struct tcp_delivery *d)
{
	struct tcp_tx *t = c->tx;
	uint32_t mss = eff_mss(c), flight = c->snd_nxt - c->snd_una, known;

	if (d->acked) { /* the segments that the duplicates spoke of are among them, but for the repaired one */
		known = MIN(t->reno_bytes, d->acked > mss ? d->acked - mss : 0);
		t->reno_bytes -= known;
		d->delivered = d->acked - known;
		if (!(c->flags & F_RECOVERY))
			t->reno_bytes = 0;
		return;
	}
	if (!d->is_dup || c->flags & F_LOSS)
		return;
	d->delivered = mss; /* a duplicate ACK says that one segment arrived */
	t->reno_bytes = MIN(t->reno_bytes + mss, c->flags & F_RECOVERY ? flight - MIN(flight, mss)
	                                                               : TCP_DUP_THRESH * mss);
	/* Duplicates right behind a recovery may be of what it sent twice (3.2 1). */
	if (c->dupacks == TCP_DUP_THRESH && !(c->flags & (F_RECOVERY | F_LOSS)) &&
	    seq_gt(c->snd_una, t->recover))
		tcp_flight_set_lost(&c->tx->flight, 0);
}

/* A partial ACK: the segment behind it is lost too. */
static void
detect_without_sack(struct tcp_conn *c, struct tcp_delivery *d)
{
	count_duplicate(c, d);
	if (c->flags & F_RECOVERY && d->acked && seq_lt(c->snd_una, c->tx->recover) &&
	    !tcp_flight_has(&c->tx->flight, 0, MARK_LOST)) {
		tcp_flight_set_lost(&c->tx->flight, 0);
		counter_inc(&c->stack->cnt->retransmit_partial);
	}
}

/* Milliseconds after which to look again. */
static uint32_t
detect(struct tcp_conn *c, struct tcp_delivery *d)
{
	if (c->flags & F_SACK)
		return tcp_rack_detect(c);
	detect_without_sack(c, d);
	return 0;
}

/* --- fast recovery, and the window that a mark lowers --- */

/* ssthresh is lowered, and from here on PRR leads cwnd there. */
static void
begin_reduction(struct tcp_conn *c, const struct tcp_delivery *d)
{
	struct tcp_tx *t = c->tx;
	uint32_t arrived = t->flight.bytes[MARK_SACKED] + t->reno_bytes;
	uint32_t flight = c->snd_nxt - c->snd_una + d->delivered;

	tcp_cc_congested(c);
	t->prr_flight = flight > arrived ? MAX(flight - arrived, eff_mss(c)) : eff_mss(c);
	t->prr_delivered = t->prr_out = 0;
}

/* True: a mark lowered ssthresh within this round trip. A loss does not do so again, and an undo must not raise it. */
static bool
end_cwr(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;
	bool was = t->tx_flags & F_TX_CWR;

	t->tx_flags &= (uint16_t)~F_TX_CWR;
	if (was)
		c->cwnd = MIN(c->cwnd, c->ssthresh);
	return was;
}

static void
begin(struct tcp_conn *c, const struct tcp_delivery *d)
{
	struct tcp_tx *t = c->tx;
	bool marked = end_cwr(c);

	tcp_undo_begin(c);
	if (!marked)
		begin_reduction(c, d);
	/*
	 * A probe found the losses: nothing has moved for a round trip, so what may leave after a silence (RFC 5681 4.1) may leave
	 * now, and a lost tail goes again in one round trip. RFC 6937 alone would send one segment, then two ...
	 */
	if (t->tx_flags & F_TX_TLP)
		t->prr_delivered = MIN(c->ssthresh, tcp_cc_initial_window(c));
	t->recover = c->snd_nxt;
	t->tx_flags &= (uint16_t) ~(F_TX_TLP | F_TX_TLP_AGAIN);
	c->flags |= F_RECOVERY;
	counter_inc(&c->stack->cnt->retransmit_fast);
}

static void
end(struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)(F_RECOVERY | F_LOSS);
	c->dupacks = 0;
	c->tx->reno_bytes = 0;
	c->tx->tx_flags &= (uint16_t)~F_TX_FRTO;
	tcp_rack_recovered(c);
}

/* RFC 6937 3: how much may be out after this ACK. RFC 9937 6.2: what had arrived before it began is not RecoverFS's. */
static void
reduce(struct tcp_conn *c, const struct tcp_delivery *d)
{
	struct tcp_tx *t = c->tx;
	uint32_t pipe = tcp_pipe(c), mss = eff_mss(c), send;
	bool news = t->flight.bytes[MARK_LOST] > d->prior_lost;

	t->prr_delivered += d->delivered;
	if (pipe > c->ssthresh) {
		uint64_t share = ((uint64_t)t->prr_delivered * c->ssthresh + t->prr_flight - 1) /
		                 t->prr_flight;

		send = share > t->prr_out
		               ? (uint32_t)MIN(share - t->prr_out, (uint64_t)TCP_CWND_MAX)
		               : 0;
	} else {
		send = MAX(t->prr_delivered > t->prr_out ? t->prr_delivered - t->prr_out : 0,
		           d->delivered);
		if (d->acked && !news)
			send += mss;
		send = MIN(c->ssthresh - pipe, send);
	}
	/* The fast retransmit; and without SACK the one that a partial ACK asks for (RFC 6582 3.2 3). */
	if (t->prr_out == 0 || (d->acked && !(c->flags & F_SACK)))
		send = MAX(send, mss);
	c->cwnd = MIN(pipe + send, TCP_CWND_MAX);
}

static void
in_recovery(struct tcp_conn *c, const struct tcp_delivery *d)
{
	if (tcp_undo_try(c, d))
		return;
	if (d->acked && seq_geq(c->snd_una, c->tx->recover)) {
		c->cwnd = c->ssthresh;
		end(c);
		return;
	}
	reduce(c, d);
}

/* The peer saw a mark (RFC 3168 6.1.2). */
static void
begin_cwr(struct tcp_conn *c, const struct tcp_delivery *d)
{
	struct tcp_tx *t = c->tx;

	begin_reduction(c, d);
	t->recover = c->snd_nxt;
	t->tx_flags &= (uint16_t)~F_TX_UNDO;
	t->tx_flags |= F_TX_CWR;
	counter_inc(&c->stack->cnt->ecn_congested);
}

/* Over once something is acknowledged that left with or after our CWR: what the peer says from there on is news. */
static void
in_cwr(struct tcp_conn *c, const struct tcp_delivery *d)
{
	if (seq_leq(c->snd_una, c->tx->recover)) {
		reduce(c, d);
		return;
	}
	c->tx->tx_flags &= (uint16_t)~F_TX_CWR;
	c->cwnd = c->ssthresh;
}

/* --- after a timeout --- */

/* RFC 5682 3.1, as Linux reads it: true, nothing else is to be done with this ACK. */
static bool
is_spurious(struct tcp_conn *c, const struct tcp_delivery *d)
{
	struct tcp_tx *t = c->tx;

	if (tcp_undo_try(c, d))
		return true;
	if (!(t->tx_flags & F_TX_FRTO))
		return false;
	if (d->has_original && (c->flags & F_SACK || seq_gt(c->snd_nxt, t->recover))) { /* 3b */
		counter_inc(&c->stack->cnt->frto_spurious);
		tcp_undo(c);
		return true;
	}
	if (seq_gt(c->snd_nxt, t->recover)) {
		if (d->sacked || d->is_dup || d->acked) /* 3a, and whatever else is no original */
			t->tx_flags &= (uint16_t)~F_TX_FRTO;
	} else if (d->acked && seq_lt(c->snd_una, t->recover)) { /* 2b: new data tells */
		t->recover = c->snd_nxt;
		if (!tcp_out_new(c))
			t->tx_flags &= (uint16_t)~F_TX_FRTO;
		else
			tcp_out_new(c);
		return true;
	}
	return false;
}

static void
in_loss(struct tcp_conn *c, const struct tcp_delivery *d)
{
	if (is_spurious(c, d))
		return;
	if (d->acked && seq_geq(c->snd_una, c->tx->recover))
		end(c);
}

/* What is marked lost goes again, and cwnd stays as it is. */
static void
resend(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;

	end_cwr(c);
	t->tx_flags &= (uint16_t) ~(F_TX_UNDO | F_TX_FRTO | F_TX_TLP | F_TX_TLP_AGAIN);
	t->recover = c->snd_nxt;
	t->reno_bytes = 0;
	c->dupacks = 0;
	c->flags = (c->flags & ~(uint32_t)F_RECOVERY) | F_LOSS;
}

/* Something was found to be lost, outside of a recovery. False: it was no congestion. */
static bool
begin_if_congested(struct tcp_conn *c, const struct tcp_delivery *d)
{
	if (tcp_pmtu_probe_lost(c)) {
		resend(c);
		return false;
	}
	begin(c, d);
	return true;
}

/* --- from outside --- */

/* Without losses for long, `recover` would be taken for a number ahead. */
static void
drag_recover(struct tcp_conn *c)
{
	if (seq_gt(c->snd_una, c->tx->recover) && c->snd_una - c->tx->recover > UINT32_MAX / 4)
		c->tx->recover = c->snd_una - 1;
}

/*
 * Until reordering was seen a hole is a loss in the making, and cwnd waits (RFC 3042 3). Afterwards what comes behind a hole
 * counts when it comes, as in Linux, and not in one lump when the hole is filled.
 */
static uint32_t
growth_bytes(const struct tcp_conn *c, const struct tcp_delivery *d)
{
	return c->flags & F_SACK && c->tx->tx_flags & F_TX_REORDER ? d->delivered : d->acked;
}

uint32_t
tcp_recovery_ack(struct tcp_conn *c, struct tcp_delivery *d)
{
	bool was_reducing = c->flags & F_RECOVERY || c->tx->tx_flags & F_TX_CWR;
	uint32_t reo_ms;

	if (!(c->flags & (F_RECOVERY | F_LOSS)))
		drag_recover(c);
	tcp_tlp_ack(c, d);
	reo_ms = detect(c, d);
	if (c->flags & F_LOSS)
		in_loss(c, d);
	else if (c->flags & F_RECOVERY)
		in_recovery(c, d);
	else if (c->tx->tx_flags & F_TX_CWR)
		in_cwr(c, d);
	else if (c->tx->tx_flags & F_TX_UNDO)
		tcp_undo_try(c, d); /* DSACKs come when all is over */
	if (!(c->flags & (F_RECOVERY | F_LOSS)) && c->tx->flight.bytes[MARK_LOST]) {
		if (begin_if_congested(c, d))
			reduce(c, d);
	} else if (d->has_ece && !(c->flags & (F_RECOVERY | F_LOSS)) &&
	           !(c->tx->tx_flags & F_TX_CWR)) {
		begin_cwr(c, d);
		reduce(c, d);
	} else if ((d->acked || d->sacked) && !was_reducing && !d->has_ece) {
		tcp_cc_acked(c, growth_bytes(c, d), d->prior_pipe, d->rtt_us);
	}
	return reo_ms;
}

uint32_t
tcp_recovery_reo_timeout(struct tcp_conn *c)
{
	struct tcp_delivery none = { .prior_una = c->snd_una };
	uint32_t wait_ms = tcp_rack_detect(c);

	if (!(c->flags & (F_RECOVERY | F_LOSS)) && c->tx->flight.bytes[MARK_LOST])
		begin_if_congested(c, &none);
	if (c->flags & F_RECOVERY)
		reduce(c, &none);
	return wait_ms;
}

/* With SACK what left so late that its ACK may still be under way is spared (RFC 8985 6.3). */
static void
mark_overdue_lost(struct tcp_conn *c)
{
	struct tcp_flight *f = &c->tx->flight;

	if (f->cnt &&
	    tcp_flight_has(f, 0,
	                   MARK_SACKED)) /* and yet not acknowledged: the peer threw it away */
		for (uint32_t i = 0; i < f->cnt; i++)
			tcp_flight_clear(f, i, MARK_SACKED);
	for (uint32_t i = 0; (i = tcp_flight_next(f, i, f->cnt, 0, MARK(MARK_SACKED))) < f->cnt;
	     i++)
		if (!(c->flags & F_SACK) || i == 0 || tcp_rack_is_overdue(c, i))
			tcp_flight_set_lost(f, i);
	c->tx->reno_bytes = 0;
	c->dupacks = 0;
}

void
tcp_recovery_timeout(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;
	bool again = c->flags & F_LOSS, same = c->flags & F_RECOVERY || (again && c->retries > 0);
	bool marked = end_cwr(c);

	if (!(c->flags & (F_RECOVERY | F_LOSS)))
		tcp_undo_begin(c);
	c->flags = (c->flags & ~(uint32_t)F_RECOVERY) | F_LOSS;
	if (!same &&
	    !marked) /* RFC 5681 3.1: not again for the same segment, nor for the same window */
		tcp_cc_congested(c);
	t->tx_flags &= (uint16_t) ~(F_TX_TLP | F_TX_TLP_AGAIN | F_TX_FRTO);
	if (!again && seq_geq(c->snd_una, t->recover)) /* RFC 5682 3.1 1 */
		t->tx_flags |= F_TX_FRTO;
	t->recover = c->snd_nxt;
	mark_overdue_lost(c);
	c->cwnd = tcp_pipe(c) + eff_mss(c);
}

void
tcp_recovery_resend(struct tcp_conn *c)
{
	struct tcp_flight *f = &c->tx->flight;

	for (uint32_t i = 0; (i = tcp_flight_next(f, i, f->cnt, 0, MARK(MARK_SACKED))) < f->cnt;
	     i++)
		if (tcp_flight_bytes(f, i) > eff_mss(c))
			tcp_flight_set_lost(f, i);
	if (f->bytes[MARK_LOST])
		resend(c);
}
