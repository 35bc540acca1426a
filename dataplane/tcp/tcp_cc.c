/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_cc.c - congestion control: slow start, congestion avoidance
 *
 * Why     What may be out: cwnd. What is lost, and how much may be out during a recovery, is tcp_recovery.c's.
 * RFC     5681, 6928 (IW10), 3465 (byte counting, L = 2, 1 after a timeout), 7661 (a window that is not used does not grow).
 */
#include "dataplane/tcp/tcp_conn.h"

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
}

void
tcp_cc_acked(struct tcp_conn *c, uint32_t acked, uint32_t flight_before, uint32_t rtt_us)
{
	uint32_t mss = eff_mss(c), n = MIN(acked, (c->flags & F_LOSS ? 1 : 2) * mss);

	(void)rtt_us;
	if (flight_before + mss <= c->cwnd / 2) /* else the window is not what limits us */
		return;
	if (c->cwnd < c->ssthresh)
		c->cwnd += n;
	else
		c->cwnd += MAX(1u, (uint32_t)((uint64_t)mss * n / c->cwnd));
	c->cwnd = MIN(c->cwnd, TCP_CWND_MAX);
}

void
tcp_cc_congested(struct tcp_conn *c)
{
	c->ssthresh = MAX((c->snd_nxt - c->snd_una) / 2, 2 * eff_mss(c));
}

void
tcp_cc_undone(struct tcp_conn *c)
{
	(void)c;
}

/* RFC 5681 4.1: the ACK clock is gone after a silence of one RTO. */
void
tcp_cc_idle(struct tcp_conn *c)
{
	if (c->stack->now_ms - c->progress_ms > tcp_rto_ms(c))
		c->cwnd = MIN(c->cwnd, tcp_cc_initial_window(c));
}
