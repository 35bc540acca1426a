/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_tx.c - the sender's block: taken with the first segment, given back when another connection needs it
 *
 * Limit   tx_cnt blocks, big_cnt long flights. Blocks of senders with nothing in flight are taken from the one that has
 *         been idle longest, so that only flights count, not connections.
 */
#include "dataplane/tcp/tcp_conn.h"

void
tcp_tx_put(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;

	if (!t)
		return;
	list_del(&t->idle);
	if (t->big)
		pool_put(&c->stack->bigs, t->big);
	pool_put(&c->stack->txs, t);
	c->tx = NULL;
}

static bool
get(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;
	struct tcp_tx *t = pool_get(&s->txs);

	if (!t && !list_is_empty(&s->tx_idle)) {
		tcp_tx_put(list_entry(s->tx_idle.next, struct tcp_tx, idle)->conn);
		t = pool_get(&s->txs);
	}
	if (!t) {
		counter_inc(&s->cnt->full_tx);
		return false;
	}
	memset(t, 0, offsetof(struct tcp_tx, small_words));
	list_init(&t->idle);
	list_add_tail(&s->tx_idle, &t->idle); /* until the first segment leaves */
	t->conn = c;
	t->recover = c->snd_una - 1;
	t->reo_mult = 1;
	tcp_flight_init(&t->flight, t->small, t->small_words, TCP_FLIGHT_SMALL);
	c->tx = t;
	tcp_cc_init(c);
	return true;
}

static bool
grow(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;

	if (t->big)
		return false;
	t->big = pool_get(&c->stack->bigs);
	if (!t->big) {
		counter_inc(&c->stack->cnt->full_flight);
		return false;
	}
	tcp_flight_move(&t->flight, t->big->sent, t->big->words, TCP_FLIGHT_BIG);
	return true;
}

bool
tcp_tx_ready(struct tcp_conn *c)
{
	if (!c->tx && (c->snd_nxt != c->snd_una || !get(c)))
		return c->snd_nxt == c->snd_una;
	return !tcp_flight_is_full(&c->tx->flight) || grow(c);
}

void
tcp_tx_sent(struct tcp_conn *c, uint32_t seq)
{
	struct tcp_tx *t = c->tx;

	if (!t)
		return;
	if (t->flight.cnt == 0)
		list_del(&t->idle);
	tcp_flight_push(&t->flight, seq, c->snd_nxt, now_us32(c));
	if (c->flags & F_RECOVERY || t->tx_flags & F_TX_CWR)
		t->prr_out += c->snd_nxt - seq;
}

void
tcp_tx_sent_again(struct tcp_conn *c, uint32_t i)
{
	struct tcp_tx *t = c->tx;
	struct tcp_sent *s = tcp_flight_at(&t->flight, i);

	/* In pieces, so its arrival says nothing of the path any more. */
	if (c->flags & F_PMTU && tcp_flight_bytes(&t->flight, i) > eff_mss(c))
		c->flags &= ~(uint32_t)F_PMTU;
	s->xmit_us = now_us32(c);
	t->rexmit_segs++;
	tcp_flight_set(&t->flight, i, MARK_AGAIN);
	if (tcp_flight_has(&t->flight, i, MARK_LOST))
		tcp_flight_set(&t->flight, i, MARK_REXMIT);
	if (t->tx_flags & F_TX_UNDO) {
		if (t->undo_rexmits < 0) {
			t->undo_rexmits = 0;
			t->rexmit_ts = ts_now(c);
		}
		t->undo_rexmits++;
	}
	if (c->flags & F_RECOVERY)
		t->prr_out += tcp_flight_bytes(&t->flight, i);
}

void
tcp_tx_acked(struct tcp_conn *c, uint32_t ack, struct tcp_delivery *d)
{
	struct tcp_flight *f = &c->tx->flight;

	while (f->cnt && seq_leq(tcp_flight_end(f, 0), ack)) {
		d->has_again |= tcp_flight_has(f, 0, MARK_AGAIN);
		if (!tcp_flight_has(f, 0, MARK_SACKED)) {
			d->delivered += tcp_flight_bytes(f, 0);
			tcp_rack_delivered(c, 0, d);
			if (c->flags & F_PMTU)
				tcp_pmtu_delivered(c, 0);
		}
		tcp_flight_pop(f);
	}
	if (f->cnt && seq_gt(ack, tcp_flight_at(f, 0)->seq)) {
		if (!tcp_flight_has(f, 0, MARK_SACKED))
			d->delivered += ack - tcp_flight_at(f, 0)->seq;
		tcp_flight_cut(f, ack);
	}
}

void
tcp_tx_idle(struct tcp_conn *c)
{
	struct tcp_tx *t = c->tx;

	if (!t)
		return;
	tcp_flight_reset(&t->flight);
	if (t->big) {
		tcp_flight_init(&t->flight, t->small, t->small_words, TCP_FLIGHT_SMALL);
		pool_put(&c->stack->bigs, t->big);
		t->big = NULL;
	}
	t->reno_bytes = 0;
	/* A DSACK may still come for a probe or a recovery. What RACK knows of times is over: they wrap. */
	t->tx_flags &= (uint16_t) ~(F_TX_FRTO | F_TX_RACK);
	list_del(&t->idle);
	list_add_tail(&c->stack->tx_idle, &t->idle);
}
