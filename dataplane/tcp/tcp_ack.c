/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_ack.c - what an acceptable ACK says: window, round trip, bytes that arrived; then loss recovery and the timer
 *
 * RFC     9293 3.10.7.4 (fifth, ESTABLISHED), 5681 2 (what a duplicate ACK is), 6675 2 (with SACK what counts is that a block
 *         is new), 6298 3 (Karn; with timestamps 7323 4).
 */
#include "dataplane/tcp/tcp_conn.h"

static void
update_window(struct tcp_conn *c, const struct tcp_seg *g)
{
	uint32_t wnd = g->wnd << c->snd_wscale;

	if (!seq_leq(c->snd_wl1, g->seq))
		return;
	if (wnd > c->snd_wnd)
		tcp_mark_dirty(c);
	c->snd_wnd = wnd;
	c->snd_wl1 = g->seq;
	c->max_snd_wnd = MAX(c->max_snd_wnd, wnd);
}

/*
 * The peer answers while its window is shut: it lives; and when it opens, sending goes on. One that is open but too small for our
 * taste waits for its timer, which no other ACK puts off: a peer that says much would stop us for ever.
 */
static void
persist_answered(struct tcp_conn *c, bool was_shut)
{
	c->progress_ms = c->stack->now_ms;
	if (c->snd_wnd == 0)
		return;
	tcp_mark_dirty(c);
	if (!was_shut)
		return;
	c->flags &= ~(uint32_t)F_PERSIST;
	c->rexmit_due = 0;
	c->retries = 0;
	if (c->snd_nxt != c->snd_una)
		tcp_timer_set_rexmit(c);
}

/*
 * The oldest segment that was sent once tells exactly, unless it waited for one that was sent again; the timestamp tells
 * of the others.
 */
static void
measure(struct tcp_conn *c, const struct tcp_delivery *d)
{
	uint32_t ms = ts_now(c) - d->tsecr;

	if (d->rtt_us && !d->has_again)
		tcp_rtt_sample(c, d->rtt_us);
	else if (d->has_tsecr && d->acked && ms < c->stack->cfg.rto_max_ms * 2)
		tcp_rtt_sample(c, ms * 1000);
	else
		return;
	c->retries = 0;
}

/* snd_una < ack <= snd_nxt */
static void
take_ack(struct tcp_conn *c, const struct tcp_seg *g, struct tcp_delivery *d)
{
	d->acked = g->ack - c->snd_una;
	if (c->tx)
		tcp_tx_acked(c, g->ack, d);
	tcp_sendq_ack(c, MIN(d->acked, c->snd_bytes)); /* the rest is our FIN */
	c->snd_una = g->ack;
	c->progress_ms = c->stack->now_ms;
	c->dupacks = 0;
}

static void
set_timer(struct tcp_conn *c, const struct tcp_delivery *d, uint32_t reo_ms)
{
	if (c->snd_una == c->snd_nxt) {
		c->rexmit_due = 0;
		c->retries = 0;
		c->flags &= ~(uint32_t)(F_PERSIST | F_PTO | F_REO |
		                        F_REXMT_HEAD); /* output looks again */
		tcp_tx_idle(c);
	} else if (reo_ms) {
		tcp_timer_set_reo(c, reo_ms);
	} else if (d->acked) {
		tcp_timer_set_rexmit(c);
	} else if (c->flags & F_REO || (c->flags & F_PTO && !tcp_tlp_ms(c))) {
		tcp_timer_set_rto_of_head(c);
	}
}

static struct tcp_delivery
delivery(const struct tcp_conn *c, const struct tcp_seg *g)
{
	return (struct tcp_delivery){
		.prior_una = c->snd_una,
		.prior_pipe = tcp_pipe(c),
		.prior_lost = c->tx ? c->tx->flight.bytes[MARK_LOST] : 0,
		.prior_fack = c->tx && c->tx->tx_flags & F_TX_RACK ? c->tx->rack_fack : c->snd_una,
		.has_tsecr = c->flags & F_TS && g->opt.has_ts && g->opt.tsecr,
		.tsecr = g->opt.tsecr,
	};
}

/* Something may leave: bytes or a FIN that were not sent, or what is marked lost. */
static bool
has_more(const struct tcp_conn *c)
{
	return c->snd_nxt - c->snd_una < c->snd_bytes || c->flags & (F_FIN_QUEUED | F_REXMT_HEAD) ||
	       (c->tx && c->tx->flight.bytes[MARK_LOST]);
}

static void
conclude(struct tcp_conn *c, struct tcp_delivery *d)
{
	uint32_t reo_ms = 0;

	measure(c, d);
	if (c->tx)
		reo_ms = tcp_recovery_ack(c, d);
	set_timer(c, d, reo_ms);
	if (has_more(c))
		tcp_mark_dirty(c);
}

/* Nothing is in flight, but what was tells of itself. */
static void
late_news(struct tcp_conn *c, const struct tcp_delivery *d)
{
	tcp_tlp_ack(c, d);
	tcp_undo_try(c, d);
}

static bool
is_duplicate(const struct tcp_conn *c, const struct tcp_seg *g)
{
	return g->ack == c->snd_una && g->len == 0 && !(g->flags & (TCP_SYN | TCP_FIN)) &&
	       g->wnd << c->snd_wscale == c->snd_wnd;
}

/* snd_una < ack <= snd_nxt, and nothing else is new. */
void
tcp_ack_new(struct tcp_conn *c, const struct tcp_seg *g)
{
	struct tcp_delivery d = delivery(c, g);

	if (c->flags & F_SACK && g->opt.sack_cnt && c->tx)
		tcp_sack_take(c, g, &d);
	take_ack(c, g, &d);
	conclude(c, &d);
}

void
tcp_ack(struct tcp_conn *c, const struct tcp_seg *g)
{
	struct tcp_delivery d = delivery(c, g);
	bool in_flight = c->snd_nxt != c->snd_una, was_shut = c->snd_wnd == 0;

	d.is_dup = is_duplicate(c, g) && !(c->flags & F_PERSIST);
	if (c->flags & F_SACK && g->opt.sack_cnt && c->tx)
		tcp_sack_take(c, g, &d);
	if (seq_geq(g->ack, c->snd_una)) {
		update_window(c, g);
		d.has_ece = c->flags & F_ECN && g->flags & TCP_ECE;
	}
	if (seq_gt(g->ack, c->snd_una))
		take_ack(c, g, &d);
	if (!d.acked && d.is_dup && in_flight) {
		counter_inc(&c->stack->cnt->dup_acks_in);
		c->dupacks = (uint8_t)MIN(c->dupacks + 1, UINT8_MAX);
	}
	if (in_flight && (d.acked || d.sacked || d.is_dup || d.has_dsack || d.has_ece))
		conclude(c, &d);
	else if (c->tx && (d.has_dsack || d.is_dup))
		late_news(c, &d);
	if (c->flags & F_PERSIST)
		persist_answered(c, was_shut);
}
