/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_tlp.c - tail loss probe: when the end of a flight is not acknowledged, ask before the RTO does
 *
 * RFC     8985 7. Where we differ, so that a lost tail is repaired within 3.3 round trips:
 *         - the probe's time is reckoned from the last segment's departure, not from the last ACK: an ACK of what left
 *           with it says that its own would have come by now;
 *         - one segment in flight waits a quarter of SRTT more for a delayed ACK, and WCDelAckT (200 ms) only once a DSACK
 *           has shown that this peer delays its ACKs: one needless segment a connection at most.
 */
#include "dataplane/tcp/tcp_conn.h"

#define PTO_MIN_US  10000
#define WCDELACK_US 200000 /* WCDelAckT */

uint32_t
tcp_tlp_ms(const struct tcp_conn *c)
{
	const struct tcp_tx *t = c->tx;
	const struct tcp_flight *f;
	uint32_t slack, age;
	uint64_t pto;

	if (!t || !(c->flags & F_SACK) || c->flags & (F_RECOVERY | F_LOSS) || !c->srtt_us)
		return 0;
	f = &t->flight;
	if (f->cnt == 0 || f->bytes[MARK_SACKED] || f->bytes[MARK_LOST])
		return 0;
	if (t->tx_flags & F_TX_TLP && seq_lt(c->snd_una, t->tlp_end))
		return 0; /* one is out */
	slack = f->cnt > 1 ? 2000 : t->tx_flags & F_TX_SLOW_ACKS ? WCDELACK_US : c->srtt_us / 4;
	pto = MAX(2ull * c->srtt_us + slack, (uint64_t)PTO_MIN_US);
	age = now_us32(c) - tcp_flight_at(f, f->cnt - 1)->xmit_us;
	pto = pto > age ? (pto - age + 999) / 1000 : 1;
	return (uint32_t)MIN(pto, (uint64_t)tcp_rto_ms(c));
}

/* TLP_send_probe(): new data if there is some, else the last segment again. */
void
tcp_tlp_fire(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;
	bool sent = tcp_out_new(c), again = !sent;

	if (again && t->flight.cnt)
		sent = tcp_out_again(c, t->flight.cnt - 1);
	if (!sent)
		return;
	counter_inc(&c->stack->cnt->tail_probes);
	t->tx_flags &= (uint16_t)~F_TX_TLP_AGAIN;
	t->tx_flags |= (uint16_t)(F_TX_TLP | (again ? F_TX_TLP_AGAIN : 0));
	t->tlp_end = c->snd_nxt;
}

bool
tcp_tlp_is_probe(const struct tcp_conn *c, uint32_t end)
{
	const struct tcp_tx *t = c->tx;

	return t->tx_flags & F_TX_TLP && t->tx_flags & F_TX_TLP_AGAIN && end == t->tlp_end;
}

/* TLP_process_ack() */
void
tcp_tlp_ack(struct tcp_conn *c, const struct tcp_delivery *d)
{
	struct tcp_tx *t = c->tx;

	if (!(t->tx_flags & F_TX_TLP) || seq_lt(c->snd_una, t->tlp_end))
		return;
	if (t->tx_flags & F_TX_TLP_AGAIN) {
		if (d->has_dsack && tcp_tlp_is_probe(c, d->dsack_end)) {
			t->tx_flags |= F_TX_SLOW_ACKS;       /* both came */
		} else if (seq_gt(c->snd_una, t->tlp_end)) { /* it repaired a loss */
			tcp_cc_congested(c);
			/* NewReno's FlightSize is nearly gone by now. */
			c->ssthresh = MAX(c->ssthresh, c->cwnd / 2);
			c->cwnd = c->ssthresh;
			counter_inc(&c->stack->cnt->tail_losses);
		} else if (!d->is_dup) {
			return; /* a DSACK may follow */
		}
	}
	t->tx_flags &= (uint16_t) ~(F_TX_TLP | F_TX_TLP_AGAIN);
}
