/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_pace.c - the first flight after a silence leaves over half a round trip, not at the line's rate
 *
 * Why     With nothing in flight no ACK says when the next segment may go, and a whole cwnd at once overflows a queue that the
 *         same cwnd, clocked by ACKs, does not fill (Visweswaraiah and Heidemann, Improving restart of idle TCP connections,
 *         1997). An initial window leaves at once, the rest at twice cwnd a round trip: what slow start does. Later
 *         segments are clocked by the ACKs of these.
 * RFC     5681 4.1 lowers cwnd to the initial window after an RTO, so this is for shorter silences.
 * Limit   The wheel's ticks of 1 ms: a round trip under PACE_MIN_RTT_US is not paced, and segments of one tick leave together.
 */
#include "dataplane/tcp/tcp_conn.h"

#define PACE_MIN_RTT_US 4000

static uint32_t
half_rtt_us(const struct tcp_conn *c)
{
	return c->srtt_us / 2;
}

void
tcp_pace_start(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;

	if (!t)
		return;
	t->tx_flags &= (uint16_t)~F_TX_PACED;
	if (c->srtt_us < PACE_MIN_RTT_US || c->cwnd <= tcp_cc_initial_window(c))
		return;
	t->tx_flags |= F_TX_PACED;
	t->pace_us = (uint32_t)c->stack->now_us;
	t->pace_seq = c->snd_nxt + tcp_cc_initial_window(c);
}

/* After `age` microseconds up to pace_seq + cwnd * age / half_rtt_us() may have left. */
bool
tcp_pace_holds(struct tcp_conn *c, uint32_t len)
{
	struct tcp_tx *t = c->tx;
	uint32_t age = (uint32_t)c->stack->now_us - t->pace_us, end = c->snd_nxt + len, due;

	if (c->snd_nxt == c->snd_una || seq_leq(end, t->pace_seq))
		return false;
	if (age >= half_rtt_us(c)) {
		t->tx_flags &= (uint16_t)~F_TX_PACED;
		return false;
	}
	due = (uint32_t)((uint64_t)(end - t->pace_seq) * half_rtt_us(c) / c->cwnd);
	if (due <= age)
		return false;
	if (!t->pace_due)
		counter_inc(&c->stack->cnt->paced);
	t->tx_flags |= F_TX_HELD;
	tcp_timer_set(c, &t->pace_due, (due - age + 999) / 1000);
	return true;
}
