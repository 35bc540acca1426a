/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_undo.c - a loss that was none: cwnd and ssthresh as they were
 *
 * RFC     4015 and 3522 (Eifel: the ACK's timestamp is older than our first retransmission), 3708 (every retransmission was
 *         reported as a duplicate by DSACK), 5682 (F-RTO: after a timeout an original is acknowledged, in
 *         tcp_recovery.c).
 */
#include "dataplane/tcp/tcp_conn.h"

/* Before cwnd and ssthresh are lowered. */
void
tcp_undo_begin(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;

	t->tx_flags |= F_TX_UNDO;
	t->undo_una = c->snd_una;
	t->undo_rexmits = -1;
	t->prior_cwnd = c->cwnd;
	t->prior_ssthresh = c->ssthresh;
}

/* A receiver that merges segments names several by one DSACK. */
void
tcp_undo_dsack(struct tcp_conn *c, uint32_t start, uint32_t end)
{
	struct tcp_tx *t = c->tx;
	uint32_t segs = (end - start + eff_mss(c) - 1) / eff_mss(c);

	if (t->tx_flags & F_TX_UNDO && t->undo_rexmits > 0 && seq_geq(start, t->undo_una))
		t->undo_rexmits -= (int32_t)MIN(segs, (uint32_t)t->undo_rexmits);
}

void
tcp_undo(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;
	struct tcp_flight *f = &t->flight;

	counter_inc(&c->stack->cnt->undone);
	c->cwnd = MAX(c->cwnd, t->prior_cwnd);
	c->ssthresh = MAX(c->ssthresh, t->prior_ssthresh);
	for (uint32_t i = 0; (i = tcp_flight_next(f, i, f->cnt, MARK(MARK_LOST), 0)) < f->cnt;
	     i++) {
		tcp_flight_clear_lost(f, i);
	}
	t->tx_flags &= (uint16_t) ~(F_TX_UNDO | F_TX_FRTO | F_TX_SAY_CWR);
	t->tx_flags |= F_TX_REORDER;
	t->reno_bytes = 0;
	c->dupacks = 0;
	c->retries = 0;
	c->flags &= ~(uint32_t)(F_RECOVERY | F_LOSS);
	tcp_cc_undone(c);
	tcp_mark_dirty(c);
}

bool
tcp_undo_try(struct tcp_conn *c, const struct tcp_delivery *d)
{
	const struct tcp_tx *t = c->tx;
	bool original;

	if (!(t->tx_flags & F_TX_UNDO))
		return false;
	if (t->undo_rexmits < 0) /* nothing was sent again, so the oldest came by itself */
		original = d->acked && d->prior_una == t->undo_una;
	else
		original = d->has_tsecr && d->acked && seq_lt(d->tsecr, t->rexmit_ts);
	if (!original && t->undo_rexmits != 0)
		return false;
	tcp_undo(c);
	return true;
}
