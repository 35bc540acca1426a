/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_rack.c - RACK: a segment is lost when one that was sent later has arrived, and a little time has passed
 *
 * RFC     8985 6.2, with steps in its order. Where we differ: the minimum RTT is kept for 5 minutes, as Linux does;
 *         reordering is also believed to exist after a recovery was undone.
 */
#include "dataplane/tcp/tcp_conn.h"

#define MIN_RTT_S    300
#define REO_PERSIST  16 /* recoveries that a wider window lasts */
#define REO_MULT_MAX 64

/* RACK_sent_after() */
static bool
is_after(uint32_t xmit1, uint32_t end1, uint32_t xmit2, uint32_t end2)
{
	return seq_gt(xmit1, xmit2) || (xmit1 == xmit2 && seq_gt(end1, end2));
}

/* Step 1 */
static void
note_min_rtt(struct tcp_conn *c, uint32_t rtt_us)
{
	struct tcp_tx *t = c->tx;
	uint32_t now_s = (uint32_t)(c->stack->now_us / 1000000);

	if (t->min_rtt_us && rtt_us > t->min_rtt_us && now_s - t->min_rtt_s < MIN_RTT_S)
		return;
	t->min_rtt_us = rtt_us;
	t->min_rtt_s = now_s;
}

/*
 * An ACK of a segment that was sent twice, of which it is not known which of the two it answers. What a SACK block names
 * is not what the timestamp tells of: a receiver only echoes what snd_una passes (RFC 7323 4.3), so a probe that left a
 * hole would never count.
 */
static bool
is_ambiguous(const struct tcp_conn *c, const struct tcp_delivery *d, uint32_t xmit_us,
             uint32_t rtt_us)
{
	uint32_t xmit_ms = (uint32_t)((c->stack->now_us - (now_us32(c) - xmit_us)) / 1000);

	if (d->has_tsecr && d->acked && seq_lt(d->tsecr, xmit_ms + c->ts_offset))
		return true;
	return rtt_us < c->tx->min_rtt_us;
}

/* Steps 1 to 3 for one segment */
void
tcp_rack_delivered(struct tcp_conn *c, uint32_t i, struct tcp_delivery *d)
{
	struct tcp_tx *t = c->tx;
	const struct tcp_flight *f = &t->flight;
	uint32_t xmit_us = tcp_flight_at(f, i)->xmit_us, end = tcp_flight_end(f, i);
	uint32_t rtt_us = now_us32(c) - xmit_us;
	bool again = tcp_flight_has(f, i, MARK_AGAIN), first = !(t->tx_flags & F_TX_RACK);

	if (!again) {
		d->has_original |= seq_leq(end, t->recover);
		d->rtt_us = MAX(d->rtt_us, MAX(rtt_us, 1u));
		note_min_rtt(c, rtt_us);
		if (seq_lt(end, d->prior_fack)) /* before this ACK: one may speak of many */
			t->tx_flags |= F_TX_REORDER;
	}
	if (first || seq_gt(end, t->rack_fack))
		t->rack_fack = end;
	if (again && is_ambiguous(c, d, xmit_us, rtt_us))
		return;
	if (first || is_after(xmit_us, end, t->rack_xmit_us, t->rack_end)) {
		t->rack_xmit_us = xmit_us;
		t->rack_end = end;
		t->rack_rtt_us = rtt_us;
		t->tx_flags |= F_TX_RACK;
	}
}

/* Step 4: a needless retransmission widens the window, once a round trip. */
void
tcp_rack_dsack(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;

	if (t->tx_flags & F_TX_DSACK && seq_lt(c->snd_una, t->dsack_round))
		return;
	t->tx_flags |= F_TX_DSACK;
	t->dsack_round = c->snd_nxt;
	t->reo_mult = (uint8_t)MIN(t->reo_mult + 1, REO_MULT_MAX);
	t->reo_persist = REO_PERSIST;
}

/* Step 4: and it narrows again. */
void
tcp_rack_recovered(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;

	if (t->reo_persist > 0 && --t->reo_persist == 0)
		t->reo_mult = 1;
}

static bool
has_dup_thresh(const struct tcp_flight *f)
{
	uint32_t n = 0;

	if (!f->bytes[MARK_SACKED])
		return false;
	for (uint32_t i = 0; n < TCP_DUP_THRESH &&
	                     (i = tcp_flight_next(f, i, f->cnt, MARK(MARK_SACKED), 0)) < f->cnt;
	     i++)
		n++;
	return n == TCP_DUP_THRESH;
}

/* Step 4 */
static uint32_t
reordering_window(const struct tcp_conn *c)
{
	const struct tcp_tx *t = c->tx;

	if (!(t->tx_flags & F_TX_REORDER) &&
	    (c->flags & (F_RECOVERY | F_LOSS) || has_dup_thresh(&t->flight)))
		return 0;
	return (uint32_t)MIN((uint64_t)t->reo_mult * (t->min_rtt_us / 4), (uint64_t)c->srtt_us);
}

/* Segment i was sent before the one that arrived: is it lost, or when will it be? `due`: after so long. */
static void
judge(struct tcp_conn *c, uint32_t i, uint32_t due, uint32_t *wait_us)
{
	struct tcp_flight *f = &c->tx->flight;
	uint32_t age = now_us32(c) - tcp_flight_at(f, i)->xmit_us;

	if (age < due) {
		*wait_us = MAX(*wait_us, due - age);
		return;
	}
	tcp_flight_set_lost(f, i);
}

static bool
is_before_rack(const struct tcp_tx *t, uint32_t i)
{
	return is_after(t->rack_xmit_us, t->rack_end, tcp_flight_at(&t->flight, i)->xmit_us,
	                tcp_flight_end(&t->flight, i));
}

/* Step 5. What is known to be lost and waits to be sent again costs nothing. */
uint32_t
tcp_rack_detect(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;
	struct tcp_flight *f = &t->flight;
	uint32_t due, wait_us = 0, i;

	if (!(t->tx_flags & F_TX_RACK) || f->cnt == 0)
		return 0;
	due = t->rack_rtt_us + reordering_window(c);
	for (i = 0;
	     (i = tcp_flight_next(f, i, f->cnt, 0, MARK(MARK_SACKED) | MARK(MARK_LOST))) < f->cnt;
	     i++) {
		if (is_before_rack(t, i))
			judge(c, i, due, &wait_us);
		else if (!tcp_flight_has(f, i, MARK_AGAIN))
			break; /* all that follow were sent later still */
	}
	if (!f->bytes[MARK_REXMIT])
		return wait_us ? wait_us / 1000 + 1 : 0;
	for (i = 0; (i = tcp_flight_next(f, i, f->cnt, MARK(MARK_REXMIT), 0)) < f->cnt; i++)
		if (is_before_rack(t, i))
			judge(c, i, due, &wait_us);
	return wait_us ? wait_us / 1000 + 1 : 0;
}

/* 6.3: what a timeout need not take for lost. */
bool
tcp_rack_is_overdue(const struct tcp_conn *c, uint32_t i)
{
	const struct tcp_tx *t = c->tx;

	return !(t->tx_flags & F_TX_RACK) || now_us32(c) - tcp_flight_at(&t->flight, i)->xmit_us >=
	                                             t->rack_rtt_us + reordering_window(c);
}
