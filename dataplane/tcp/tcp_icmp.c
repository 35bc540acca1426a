/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_icmp.c - ICMP errors about our segments: hints, checked against what is in flight
 *
 * RFC     5927 4 and 5 (the sequence number must be of a segment in flight; errors are soft once established),
 *         1191 and 8201 (path MTU, with floors of 552 and 1280), 1122 4.2.3.9, 6633 (source quench is ignored).
 */
#include "dataplane/tcp/tcp_conn.h"

enum kind {
	SOFT,
	HARD, /* ends a SYN: port or protocol unreachable, administratively prohibited */
	TOO_BIG,
	OTHER,
};

static enum kind
kind_of(const struct packet_icmp_error *e)
{
	if (e->v6) {
		if (e->type == 2)
			return TOO_BIG;
		if (e->type != 1)
			return e->type == 3 ? SOFT : OTHER;
		return e->code == 1 || e->code == 4 ? HARD : SOFT;
	}
	if (e->type == 11)
		return SOFT;
	if (e->type != 3)
		return OTHER;
	if (e->code == 4)
		return TOO_BIG;
	return e->code == 2 || e->code == 3 || e->code == 9 || e->code == 10 || e->code == 13
	               ? HARD
	               : SOFT;
}

/* Bytes of the IP packet that the error quotes, at most: its record's, or what is in flight. */
static uint32_t
quoted_bytes(const struct tcp_conn *c, uint32_t seq)
{
	uint32_t len = c->snd_nxt - c->snd_una, ts = c->flags & F_TS ? 12 : 0;

	if (c->tx && c->tx->flight.cnt) {
		const struct tcp_flight *f = &c->tx->flight;
		uint32_t i = tcp_flight_find(f, seq + 1) - 1;

		len = tcp_flight_bytes(f, i);
	}
	return header_bytes(conn_is_v6(c)) +
	       MIN(len + TCP_OPTIONS_MAX, MAX(len + ts, (uint32_t)c->snd_mss));
}

/* RFC 1191 7.1, for routers that name no size: the next smaller one that is common. */
static uint32_t
plateau(uint32_t bytes)
{
	static const uint16_t common[] = { 4352, 2002, 1492, 1400, 1280, 1006 };

	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (common[i] < bytes)
			return common[i];
	return TCP_PMTU_FLOOR4;
}

/* Smaller segments from here on, and those in flight that are too long again: they will not arrive. */
static void
too_big(struct tcp_conn *c, uint32_t seq, uint32_t mtu)
{
	struct tcp_counters *n = c->stack->cnt;
	uint32_t bytes = quoted_bytes(c, seq);
	bool v6 = conn_is_v6(c);

	if (!v6 && mtu == 0)
		mtu = plateau(bytes);
	/* RFC 5927 7.2: what was sent fits. RFC 8201 4: less than IPv6's minimum is not to be believed. */
	if (mtu >= bytes || (v6 && mtu < TCP_PMTU_FLOOR6)) {
		counter_inc(&n->icmp_bad);
		return;
	}
	if (!is_synchronised(c) || !tcp_pmtu_lower(c, MAX(mtu, (uint32_t)TCP_PMTU_FLOOR4))) {
		counter_inc(&n->icmp_soft);
		return;
	}
	counter_inc(&n->icmp_pmtu);
	counter_inc(&n->retransmit_pmtu);
	if (c->tx && c->tx->flight.cnt)
		tcp_recovery_resend(c);
	else
		c->flags |= F_REXMT_HEAD;
	tcp_mark_dirty(c);
}

static void
hit(struct tcp_conn *c, const struct packet_icmp_error *e)
{
	struct tcp_counters *n = c->stack->cnt;

	switch (kind_of(e)) {
	case TOO_BIG:
		too_big(c, e->seq, e->mtu);
		break;
	case HARD:
		if (c->state == TCP_SYN_SENT) {
			counter_inc(&n->icmp_hard);
			tcp_conn_end(c, ECONNREFUSED);
			break;
		}
		counter_inc(&n->icmp_soft);
		c->flags |= F_SOFT_ERR;
		break;
	case SOFT:
		counter_inc(&n->icmp_soft);
		c->flags |= F_SOFT_ERR;
		break;
	case OTHER:
		counter_inc(&n->icmp_soft);
		break;
	}
}

void
tcp_icmp(struct tcp_stack *s, const struct packet_icmp_error *e, uint64_t now_us)
{
	uint32_t hash = tcp_hash(s, &e->remote, e->rport, &e->local, e->lport);
	struct tcp_conn *c;

	tcp_set_now(s, now_us);
	c = tcp_table_find(s, hash, &e->remote, e->rport, &e->local, e->lport);
	if (!c || !seq_geq(e->seq, c->snd_una) || !seq_lt(e->seq, c->snd_nxt)) {
		counter_inc(&s->cnt->icmp_bad);
		return;
	}
	tcp_conn_hold(c);
	hit(c, e);
	tcp_conn_let_go(c);
}
