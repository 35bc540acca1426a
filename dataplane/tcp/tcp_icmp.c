/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_icmp.c - ICMP errors about our segments: hints, checked against what is in flight
 *
 * RFC     5927 4 and 5 (the sequence number must be of a segment in flight; errors are soft once established),
 *         1191 and 8201 (path MTU, with floors of 552 and 1280), 1122 4.2.3.9.
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

/* Smaller segments from here on, and those in flight again: they will not arrive. */
static void
lower_mtu(struct tcp_conn *c, uint32_t mtu)
{
	bool v6 = conn_is_v6(c);
	uint32_t floor = v6 ? TCP_PMTU_FLOOR6 : TCP_PMTU_FLOOR4;
	uint32_t mss = MAX(mtu, floor) - header_bytes(v6);

	if (mss >= c->snd_mss || !is_synchronised(c)) {
		counter_inc(&c->stack->cnt->icmp_soft);
		return;
	}
	counter_inc(&c->stack->cnt->icmp_pmtu);
	counter_inc(&c->stack->cnt->retransmit_pmtu);
	c->snd_mss = (uint16_t)mss;
	if (c->tx && c->tx->flight.cnt)
		tcp_recovery_resend(c);
	else if (c->snd_nxt != c->snd_una)
		c->flags |= F_REXMT_HEAD;
	tcp_mark_dirty(c);
}

static void
hit(struct tcp_conn *c, const struct packet_icmp_error *e)
{
	struct tcp_counters *n = c->stack->cnt;

	switch (kind_of(e)) {
	case TOO_BIG:
		lower_mtu(c, e->mtu);
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
