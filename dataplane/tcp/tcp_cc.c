/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_cc.c - congestion control: what all controls share, and NewReno
 *
 * RFC     5681, 6928 (IW10), 3465 (byte counting), 7661 (a window that is not used does not grow).
 */
#include "dataplane/tcp/tcp_cc.h"

/* --- NewReno --- */

static void
newreno_acked(struct tcp_conn *c, uint32_t acked, uint32_t rtt_us)
{
	uint32_t mss = eff_mss(c);

	(void)rtt_us;
	if (c->cwnd < c->ssthresh)
		c->cwnd += tcp_cc_slow_start_bytes(c, acked);
	else if (acked)
		c->cwnd += MAX(1u, (uint32_t)((uint64_t)mss * MIN(acked, 2 * mss) / c->cwnd));
}

static uint32_t
newreno_congested(struct tcp_conn *c)
{
	return (c->snd_nxt - c->snd_una) / 2;
}

static void
nothing(struct tcp_conn *c)
{
	(void)c;
}

static void
nothing_restarted(struct tcp_conn *c, uint32_t idle_ms)
{
	(void)c;
	(void)idle_ms;
}

const struct tcp_cc_ops tcp_newreno = { "newreno",         nothing, newreno_acked,
	                                newreno_congested, nothing, nothing_restarted };

/* --- for all --- */

static const struct tcp_cc_ops *
ops(const struct tcp_conn *c)
{
	return c->stack->cfg.newreno ? &tcp_newreno : &tcp_cubic;
}

uint32_t
tcp_cc_initial_window(const struct tcp_conn *c)
{
	uint32_t mss = eff_mss(c);

	if (c->flags & F_SYN_AGAIN) /* RFC 5681 3.1 */
		return mss;
	return MIN(10 * mss, MAX(2 * mss, 14600u));
}

void
tcp_cc_init(struct tcp_conn *c)
{
	memset(c->tx->cc, 0, sizeof(c->tx->cc));
	ops(c)->init(c);
}

void
tcp_cc_acked(struct tcp_conn *c, uint32_t acked, uint32_t flight_before, uint32_t rtt_us)
{
	if (flight_before + eff_mss(c) <= c->cwnd / 2) /* else the window is not what limits us */
		return;
	ops(c)->acked(c, acked, rtt_us);
	c->cwnd = MIN(c->cwnd, TCP_CWND_MAX);
}

void
tcp_cc_congested(struct tcp_conn *c)
{
	uint32_t ssthresh = ops(c)->congested(c), floor = 2 * eff_mss(c);

	c->ssthresh = MAX(ssthresh, floor);
	if (c->flags & F_ECN && c->tx)
		c->tx->tx_flags |= F_TX_SAY_CWR; /* RFC 3168 6.1.2: whatever the reason */
}

void
tcp_cc_undone(struct tcp_conn *c)
{
	ops(c)->undone(c);
}

/* RFC 5681 4.1: the ACK clock is gone after a silence of one RTO. */
void
tcp_cc_idle(struct tcp_conn *c)
{
	uint32_t idle_ms = c->stack->now_ms - c->progress_ms;

	if (c->tx)
		ops(c)->restarted(c, idle_ms);
	if (idle_ms > tcp_rto_ms(c))
		c->cwnd = MIN(c->cwnd, tcp_cc_initial_window(c));
}
