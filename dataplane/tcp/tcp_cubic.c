/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_cubic.c - CUBIC, with HyStart++ and HyStart's ACK trains in the first slow start
 *
 * RFC     9438 4.2-4.8 (names are its own: W_max, K, W_est; in bytes instead of segments), 9406 4.2. Where we differ: a
 *         silence begins a new epoch, so that cwnd does not jump for the time in which nothing was sent (4.9's "cwnd
 *         validation" by tcp_cc_acked()); 9406 has no ACK trains, since ACKs that come in lumps look like a full link. We have them as
 *         kernels do: by delay alone slow start fills a queue of one bandwidth-delay product and loses hundreds of segments.
 * Paper   Ha, Rhee: Taming the elephants: new TCP slow start. Computer Networks 55 (2011), 4.1.
 */
#include "dataplane/tcp/tcp_cc.h"
#include <math.h>

#define C_CUBIC    0.4f /* segments per second cubed (5.1) */
#define BETA_CUBIC 0.7f
#define ALPHA      (3 * (1 - BETA_CUBIC) / (1 + BETA_CUBIC)) /* 4.3 */

/* RFC 9406 4.3 */
#define MIN_RTT_THRESH_US 4000
#define MAX_RTT_THRESH_US 16000
#define N_RTT_SAMPLE      8
#define CSS_DIVISOR       4
#define CSS_ROUNDS        5

/* Ha and Rhee; the figures are Linux's */
#define TRAIN_GAP_US   2000
#define TRAIN_MIN_CWND 16 /* segments */

struct cubic {
	float w_max, prior_w_max;
	float k;     /* seconds until cwnd is W_max again */
	float w_est; /* what NewReno would have */
	float grown; /* bytes below one that cwnd is still owed */
	uint32_t cwnd_prior;
	uint32_t epoch_ms; /* when congestion avoidance began; 0: not yet */
	/* HyStart++ */
	uint32_t window_end;
	uint32_t last_min_us, min_us, css_baseline_us; /* UINT32_MAX: none */
	uint32_t ack_us, train_us; /* when the last ACK came; the length of this round's train */
	uint8_t samples, css_rounds;
	bool is_css;
};

static_assert(sizeof(struct cubic) <= TCP_CC_WORDS * sizeof(uint64_t), "tx->cc");

static struct cubic *
cubic(const struct tcp_conn *c)
{
	return (struct cubic *)c->tx->cc;
}

static void
init(struct tcp_conn *c)
{
	struct cubic *q = cubic(c);

	q->last_min_us = q->min_us = UINT32_MAX;
	q->window_end = c->snd_nxt;
}

/* --- RFC 9406 --- */

static void
begin_round(struct tcp_conn *c, struct cubic *q)
{
	q->ack_us = (uint32_t)c->stack->now_us;
	q->train_us = 0;
	q->last_min_us = q->min_us;
	q->min_us = UINT32_MAX;
	q->samples = 0;
	q->window_end = c->snd_nxt;
	if (q->is_css && ++q->css_rounds >= CSS_ROUNDS)
		c->ssthresh = c->cwnd;
}

static void
look_at_delay(struct cubic *q, uint32_t rtt_us)
{
	uint32_t thresh;

	q->min_us = MIN(q->min_us, rtt_us);
	if (q->samples < N_RTT_SAMPLE && ++q->samples < N_RTT_SAMPLE)
		return;
	if (q->is_css) {
		q->is_css = q->min_us >= q->css_baseline_us;
		return;
	}
	if (q->last_min_us == UINT32_MAX)
		return;
	thresh = MAX(MIN_RTT_THRESH_US, MIN(q->last_min_us / 8, MAX_RTT_THRESH_US));
	if (q->min_us >= q->last_min_us + thresh) {
		q->css_baseline_us = q->min_us;
		q->is_css = true;
		q->css_rounds = 0;
	}
}

/*
 * ACKs of a round follow each other as closely as the link lets segments pass. A train of half a round trip, the way to the peer,
 * is half a flight of what the link holds. Pacing alone makes such a train, so a whole round trip is asked for then, as Linux
 * does. To Linux a gap ends the train; here it is just no part of it, so that one stall of a busy machine does not cost a round.
 */
static void
look_at_train(struct tcp_conn *c, struct cubic *q)
{
	uint32_t now_us = (uint32_t)c->stack->now_us, gap_us = now_us - q->ack_us;
	uint32_t enough_us = c->tx->min_rtt_us;

	q->ack_us = now_us;
	if (gap_us > TRAIN_GAP_US)
		return;
	q->train_us += gap_us;
	if (!(c->tx->tx_flags & F_TX_HELD))
		enough_us /= 2;
	if (q->train_us > enough_us && c->cwnd >= TRAIN_MIN_CWND * eff_mss(c))
		c->ssthresh = c->cwnd;
}

static void
slow_start(struct tcp_conn *c, struct cubic *q, uint32_t acked, uint32_t rtt_us)
{
	uint32_t n = tcp_cc_slow_start_bytes(c, acked);
	bool first = c->ssthresh == TCP_CWND_MAX;

	c->cwnd += q->is_css ? n / CSS_DIVISOR : n;
	if (!first)
		return;
	/* The first ACK of what this round sent; the one before it, of the last round's last segment, came a gap earlier. */
	if (seq_gt(c->snd_una, q->window_end))
		begin_round(c, q);
	if (rtt_us)
		look_at_delay(q, rtt_us);
	look_at_train(c, q);
}

/* --- RFC 9438 --- */

static void
begin_epoch(struct tcp_conn *c, struct cubic *q)
{
	float mss = (float)eff_mss(c), cwnd = (float)c->cwnd;

	q->epoch_ms = MAX(c->stack->now_ms, 1u);
	q->w_est = cwnd;
	q->grown = 0;
	if (q->w_max <= cwnd) {
		q->w_max = cwnd;
		q->k = 0;
	} else {
		q->k = cbrtf((q->w_max - cwnd) / (C_CUBIC * mss)); /* 4.2 */
	}
}

/* Figure 1 */
static float
w_cubic(const struct cubic *q, float mss, float t)
{
	float d = t - q->k;

	return C_CUBIC * mss * d * d * d + q->w_max;
}

static void
avoid(struct tcp_conn *c, struct cubic *q, uint32_t acked)
{
	float mss = (float)eff_mss(c), cwnd = (float)c->cwnd, share = (float)acked / cwnd, t,
	      target;

	if (!q->epoch_ms)
		begin_epoch(c, q);
	t = (float)(c->stack->now_ms - q->epoch_ms) / 1000;
	q->w_est += (q->w_est >= (float)q->cwnd_prior ? 1 : ALPHA) * mss * share; /* 4.3 */
	if (w_cubic(q, mss, t) < q->w_est) {
		q->grown += MAX(q->w_est - cwnd, 0.0f);
	} else {
		target = w_cubic(q, mss, t + (float)c->srtt_us / 1e6f);
		target = MIN(MAX(target, cwnd), 1.5f * cwnd); /* 4.2 */
		q->grown += (target - cwnd) * share;          /* 4.4, 4.5 */
	}
	c->cwnd += (uint32_t)q->grown;
	q->grown -= (float)(uint32_t)q->grown;
}

static void
acked(struct tcp_conn *c, uint32_t bytes, uint32_t rtt_us)
{
	struct cubic *q = cubic(c);

	if (c->cwnd < c->ssthresh)
		slow_start(c, q, bytes, rtt_us);
	else if (bytes)
		avoid(c, q, bytes);
}

/* 4.6, 4.7; after a timeout the next epoch begins with K = 0 (4.8) */
static uint32_t
congested(struct tcp_conn *c)
{
	struct cubic *q = cubic(c);
	float cwnd = (float)c->cwnd;

	q->prior_w_max = q->w_max;
	if (c->flags & F_LOSS)
		q->w_max = 0;
	else
		q->w_max = cwnd < q->w_max ? cwnd * (1 + BETA_CUBIC) / 2 : cwnd;
	q->cwnd_prior = c->cwnd;
	q->epoch_ms = 0;
	return (uint32_t)(cwnd * BETA_CUBIC);
}

/* 4.9.1 */
static void
undone(struct tcp_conn *c)
{
	struct cubic *q = cubic(c);

	q->w_max = q->prior_w_max;
	q->epoch_ms = 0;
}

static void
restarted(struct tcp_conn *c, uint32_t idle_ms)
{
	if (idle_ms > c->srtt_us / 1000)
		cubic(c)->epoch_ms = 0;
}

const struct tcp_cc_ops tcp_cubic = { "cubic", init, acked, congested, undone, restarted };
