/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_timer.c - one wheel timer a connection, four due times: retransmission (or persist, or FIN-WAIT-2), delayed ACK,
 *             keep-alive (tcp_keep.c) and the rest of a flight (tcp_pace.c)
 *
 * Why     Due times move with nearly every segment; the wheel's timer is only armed when it must fire earlier, and when it
 *         fires early it is armed for the rest.
 * RFC     8985 (probe and reordering timers), 6298 (RTO = SRTT + max(200 ms, 4 RTTVAR), as Linux), 9293 3.8.3 (user timeout), 3.8.6.1 (probes).
 */
#include "dataplane/tcp/tcp_conn.h"

#define RETRIES_MAX 20 /* back-off is at its ceiling long before */

uint32_t
tcp_rto_ms(const struct tcp_conn *c)
{
	const struct tcp_config *cfg = &c->stack->cfg;
	uint64_t rto = TCP_RTO_FIRST_MS;

	if (c->srtt_us)
		rto = c->srtt_us / 1000 + MAX(cfg->rto_min_ms, c->rttvar_us / 250);
	else if (c->flags & F_SYN_AGAIN && is_synchronised(c))
		rto = 3 * TCP_RTO_FIRST_MS; /* RFC 6298 5.7 */
	return (uint32_t)MIN(rto << MIN(c->retries, RETRIES_MAX), (uint64_t)cfg->rto_max_ms);
}

void
tcp_rtt_sample(struct tcp_conn *c, uint32_t us)
{
	us = MAX(us, 1u);
	if (!c->srtt_us) {
		c->srtt_us = us;
		c->rttvar_us = us / 2;
	} else {
		uint32_t diff = us > c->srtt_us ? us - c->srtt_us : c->srtt_us - us;

		c->rttvar_us += diff / 4 - c->rttvar_us / 4;
		c->srtt_us = MAX(c->srtt_us - c->srtt_us / 8 + us / 8, 1u);
	}
}

static bool
is_due(const struct tcp_conn *c, uint32_t due)
{
	return due != 0 && (int32_t)(c->stack->now_ms - due) >= 0;
}

/* Milliseconds from now to `due`. */
static uint64_t
ahead(const struct tcp_conn *c, uint32_t due)
{
	int32_t d = (int32_t)(due - c->stack->now_ms);

	return d > 0 ? (uint64_t)d : 0;
}

void
tcp_timer_arm(struct tcp_conn *c)
{
	uint64_t in_ms = UINT64_MAX;
	struct tcp_stack *s = c->stack;

	if (c->state == TCP_CLOSED)
		return;
	if (c->rexmit_due)
		in_ms = ahead(c, c->rexmit_due);
	if (c->delack_due)
		in_ms = MIN(in_ms, ahead(c, c->delack_due));
	if (c->tx && c->tx->pace_due)
		in_ms = MIN(in_ms, ahead(c, c->tx->pace_due));
	if (c->flags & F_KEEP)
		in_ms = MIN(in_ms, tcp_keep_ms(c));
	if (in_ms == UINT64_MAX)
		return;
	if (wheel_is_armed(&c->timer) &&
	    (int32_t)(c->timer.due_ms - (uint32_t)(s->now_ms + in_ms)) <= 0)
		return; /* fires early enough */
	wheel_arm(s->wheel, &c->timer, s->now_us + in_ms * 1000);
}

void
tcp_timer_set(struct tcp_conn *c, uint32_t *due, uint32_t in_ms)
{
	uint32_t at = c->stack->now_ms + in_ms;

	*due = at ? at : 1;
	tcp_timer_arm(c);
}

/* Of the user timeout. */
static uint32_t
left_ms(const struct tcp_conn *c)
{
	uint32_t limit = tcp_user_timeout(c), passed = c->stack->now_ms - c->progress_ms;

	return limit > passed ? limit - passed : 1;
}

/* rexmit_due has one meaning at a time. Never later than the user timeout. */
static void
set_kind(struct tcp_conn *c, uint32_t kind, uint32_t in_ms)
{
	c->flags = (c->flags & ~(uint32_t)(F_PTO | F_REO)) | kind;
	tcp_timer_set(c, &c->rexmit_due, MIN(in_ms, left_ms(c)));
}

void
tcp_timer_limit(struct tcp_conn *c)
{
	if (c->rexmit_due && c->state != TCP_FIN_WAIT_2 && ahead(c, c->rexmit_due) > left_ms(c))
		tcp_timer_set(c, &c->rexmit_due, left_ms(c));
}

/* For whatever is outstanding: a tail loss probe where one may be sent, else the RTO. */
void
tcp_timer_set_rexmit(struct tcp_conn *c)
{
	uint32_t pto_ms = c->flags & F_PERSIST || !is_synchronised(c) ? 0 : tcp_tlp_ms(c);

	set_kind(c, pto_ms ? F_PTO : 0, pto_ms ? pto_ms : tcp_rto_ms(c));
}

void
tcp_timer_set_reo(struct tcp_conn *c, uint32_t in_ms)
{
	set_kind(c, F_REO, in_ms);
}

void
tcp_timer_set_rto_of_head(struct tcp_conn *c)
{
	uint32_t age_ms = 0, rto_ms = tcp_rto_ms(c);

	if (c->tx && c->tx->flight.cnt)
		age_ms = (now_us32(c) - tcp_flight_at(&c->tx->flight, 0)->xmit_us) / 1000;
	set_kind(c, 0, rto_ms > age_ms ? rto_ms - age_ms : 1);
}

/* With a user the peer may still be sending, and backing off: it gets as long as for anything else. */
void
tcp_timer_set_fin_wait(struct tcp_conn *c)
{
	const struct tcp_config *cfg = &c->stack->cfg;
	bool orphan = c->flags & F_ORPHAN;

	tcp_timer_set(c, &c->rexmit_due,
	              orphan ? cfg->fin_wait_2_ms : MAX(cfg->fin_wait_2_ms, cfg->user_timeout_ms));
}

static void
back_off(struct tcp_conn *c)
{
	if (c->retries < RETRIES_MAX)
		c->retries++;
}

void
tcp_give_up(struct tcp_conn *c, uint64_t *counter, int err)
{
	counter_inc(counter);
	tcp_conn_kill(c, err);
}

/* What was sent first, or our SYN, has waited for its ACK as long as it may: that is the end. */
static bool
is_given_up(struct tcp_conn *c, uint64_t *counter, int err)
{
	if (c->stack->now_ms - c->progress_ms < tcp_user_timeout(c))
		return false;
	tcp_give_up(c, counter, err);
	return true;
}

static void
syn_again(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	if (is_given_up(c, &s->cnt->timeout_connect,
	                c->flags & F_SOFT_ERR ? EHOSTUNREACH : ETIMEDOUT))
		return;
	counter_inc(&s->cnt->retransmit_syn);
	back_off(c);
	c->flags |= F_SYN_AGAIN;
	c->snd_nxt = c->snd_una;
	tcp_timer_set_rexmit(c);
	tcp_out(c);
}

/* A user timeout of the connection's own bounds this too, as Linux's TCP_USER_TIMEOUT does. */
static uint32_t
persist_max(const struct tcp_conn *c)
{
	uint32_t max = c->stack->cfg.persist_max_ms, own = tcp_user_timeout_explicit(c);

	return own ? MIN(own, max) : max;
}

static void
probe(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	if (is_given_up(c, &s->cnt->timeout_user, ETIMEDOUT))
		return;
	if (s->now_ms - c->heard_ms >= persist_max(c)) {
		tcp_give_up(c, &s->cnt->timeout_persist, ETIMEDOUT);
		return;
	}
	back_off(c);
	tcp_timer_set_rexmit(c);
	if (c->snd_wnd == 0) {
		tcp_out_probe(c, &s->cnt->probes);
		return;
	}
	c->flags |=
	        F_FORCE; /* a window too small for our taste: use it (RFC 9293 3.8.6.2.1, the override) */
	tcp_out(c);
	c->flags &= ~(uint32_t)F_FORCE;
}

static void
again(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	if (is_given_up(c, &s->cnt->timeout_user, ETIMEDOUT))
		return;
	tcp_pmtu_timeout(c);
	if (c->tx)
		tcp_recovery_timeout(c);
	else
		c->flags |= F_REXMT_HEAD;
	back_off(c);
	tcp_timer_set_rexmit(c);
	if (c->snd_wnd == 0) { /* the peer took its window back */
		c->flags |= F_PERSIST;
		c->heard_ms = s->now_ms;
		tcp_out_probe(c, &s->cnt->probes);
		return;
	}
	counter_inc(&s->cnt->retransmit_rto);
	tcp_out(c);
}

static void
probe_tail(struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)F_PTO;
	tcp_tlp_fire(c);
	set_kind(c, 0, tcp_rto_ms(c));
}

static void
reordering_over(struct tcp_conn *c)
{
	uint32_t in_ms = tcp_recovery_reo_timeout(c);

	if (in_ms)
		tcp_timer_set_reo(c, in_ms);
	else
		tcp_timer_set_rto_of_head(c);
	tcp_out(c);
}

/* Nothing came for so long. A reader of ours that keeps the window shut is no reason to give the peer up. */
static void
fin_wait_over(struct tcp_conn *c)
{
	if (c->rcv_unread > 0)
		tcp_timer_set_fin_wait(c);
	else
		tcp_give_up(c, &c->stack->cnt->timeout_fin_wait_2, ETIMEDOUT);
}

static void
on_rexmit(struct tcp_conn *c)
{
	c->rexmit_due = 0;
	if (!is_synchronised(c))
		syn_again(c);
	else if (c->state == TCP_FIN_WAIT_2)
		fin_wait_over(c);
	else if (c->flags & F_PERSIST)
		probe(c);
	else if (c->snd_nxt == c->snd_una)
		return;
	else if (c->flags & F_PTO)
		probe_tail(c);
	else if (c->flags & F_REO)
		reordering_over(c);
	else
		again(c);
}

static void
on_delack(struct tcp_conn *c)
{
	c->delack_due = 0;
	if (!(c->flags & F_DELACK))
		return;
	counter_inc(&c->stack->cnt->acks_delayed);
	tcp_out_ack(c);
}

void
tcp_timer_fire(void *stack, struct wheel_timer *t, uint64_t now_us)
{
	struct tcp_conn *c = container_of(t, struct tcp_conn, timer);

	tcp_set_now(stack, now_us);
	tcp_conn_hold(c);
	if (is_due(c, c->delack_due))
		on_delack(c);
	if (is_due(c, c->rexmit_due))
		on_rexmit(c);
	else if (c->flags & F_KEEP && tcp_keep_ms(c) == 0)
		tcp_keep_fire(c);
	if (c->tx && is_due(c, c->tx->pace_due)) {
		c->tx->pace_due = 0;
		tcp_out(c);
	}
	tcp_timer_arm(c);
	tcp_conn_let_go(c);
}
