/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_cc.c - congestion control: slow start, congestion avoidance, NewReno
 *
 * RFC     5681, 6928 (IW10), 3465 (byte counting, L = 2, 1 after a timeout), 6582 (NewReno, "impatient": the timer is set
 *         again by the first partial ACK alone, which tcp_in.c does). `recover` is the number behind the last one sent,
 *         one more than RFC 6582's.
 */
#include "dataplane/tcp/tcp_conn.h"

static uint32_t
initial_window(const struct tcp_conn *c)
{
	uint32_t mss = eff_mss(c);

	if (c->flags & F_SYN_AGAIN) /* RFC 5681 3.1 */
		return mss;
	return MIN(10 * mss, MAX(2 * mss, 14600u));
}

void
tcp_cc_init(struct tcp_conn *c)
{
	c->cwnd = initial_window(c);
	c->ssthresh = TCP_CWND_MAX;
	c->recover = c->snd_una - 1;
}

static uint32_t
half_flight(const struct tcp_conn *c)
{
	return MAX((c->snd_max - c->snd_una) / 2, 2 * eff_mss(c));
}

static void
grow(struct tcp_conn *c, uint32_t acked)
{
	uint32_t mss = eff_mss(c), limit = (seq_lt(c->snd_nxt, c->snd_max) ? 1 : 2) * mss;

	if (c->cwnd < c->ssthresh)
		c->cwnd += MIN(acked, limit);
	else
		c->cwnd += MAX(1u, (uint32_t)((uint64_t)mss * MIN(acked, limit) / c->cwnd));
	c->cwnd = MIN(c->cwnd, TCP_CWND_MAX);
}

/* snd_una has moved by `acked`. */
void
tcp_cc_acked(struct tcp_conn *c, uint32_t acked, uint32_t flight_before)
{
	uint32_t mss = eff_mss(c), flight = c->snd_max - c->snd_una;

	if (!(c->flags & F_RECOVERY)) {
		c->dupacks = 0;
		if (flight_before + mss >
		    c->cwnd / 2) /* else the window is not what limits us (RFC 7661) */
			grow(c, acked);
		return;
	}
	if (seq_geq(c->snd_una, c->recover)) { /* full */
		c->flags &= ~(uint32_t)F_RECOVERY;
		c->dupacks = 0;
		c->cwnd = MIN(c->ssthresh, MAX(flight, mss) + mss);
		return;
	}
	if (has_board(c)) { /* output fills the holes */
		tcp_mark_dirty(c);
		return;
	}
	c->cwnd -= MIN(acked, c->cwnd - mss); /* partial */
	if (acked >= mss)
		c->cwnd += mss;
	c->flags |= F_REXMT_ONE;
	counter_inc(&c->stack->cnt->retransmit_partial);
	tcp_mark_dirty(c);
}

/* With SACK cwnd is what may be in the network (tcp_sack_pipe()): nothing to inflate. */
static void
begin_recovery(struct tcp_conn *c)
{
	c->ssthresh = half_flight(c);
	c->cwnd = c->ssthresh + (has_board(c) ? 0 : 3 * eff_mss(c));
	c->recover = c->snd_max;
	c->flags |= F_RECOVERY | F_REXMT_ONE;
	tcp_sack_begin(c);
	counter_inc(&c->stack->cnt->retransmit_fast);
}

void
tcp_cc_dupack(struct tcp_conn *c)
{
	counter_inc(&c->stack->cnt->dup_acks_in);
	if (c->dupacks < UINT8_MAX)
		c->dupacks++;
	tcp_mark_dirty(c);
	if (c->flags & F_RECOVERY) {
		if (!has_board(c))
			c->cwnd = MIN(c->cwnd + eff_mss(c), TCP_CWND_MAX);
		return;
	}
	/* Without SACK duplicates right behind a recovery may be of what it sent twice (RFC 6582 3.2 1). */
	if (has_board(c) ? seq_lt(c->snd_una, c->recover) : !seq_gt(c->snd_una, c->recover))
		return;
	if (c->dupacks == 3 || tcp_sack_bytes(c) > 2 * eff_mss(c))
		begin_recovery(c);
}

void
tcp_cc_timeout(struct tcp_conn *c)
{
	if (c->retries == 0) /* RFC 5681 3.1: not again for the same segment */
		c->ssthresh = half_flight(c);
	c->cwnd = eff_mss(c);
	c->recover = c->snd_max;
	c->dupacks = 0;
	c->flags &= ~(uint32_t)(F_RECOVERY | F_REXMT_ONE);
	tcp_sack_reset(c);
}

/* RFC 5681 4.1: the ACK clock is gone after a silence of one RTO. */
void
tcp_cc_idle(struct tcp_conn *c)
{
	if (c->stack->now_ms - c->progress_ms > tcp_rto_ms(c))
		c->cwnd = MIN(c->cwnd, initial_window(c));
}
