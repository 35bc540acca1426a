/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_connect.c - active opens, and what a user may ask about a connection
 *
 * RFC     6056 3.3.1 (random source ports), 6528; a port is only taken if the answers reach this worker.
 */
#include "dataplane/tcp/tcp_syn.h"

static bool
is_port_free(const struct tcp_stack *s, const struct addr *src, uint16_t sport,
             const struct addr *dst, uint16_t dport)
{
	uint32_t hash = tcp_hash(s, dst, dport, src, sport);

	return s->link.is_mine(s->link.ctx, src, sport, dst, dport) &&
	       !tcp_table_find(s, hash, dst, dport, src, sport) &&
	       !tcp_timewait_has(s, dst, dport, src, sport) && !tcp_listener_find(s, src, sport);
}

/* 0: none found. */
static uint16_t
choose_port(struct tcp_stack *s, const struct addr *src, const struct addr *dst, uint16_t dport)
{
	uint64_t cnt = (uint64_t)s->cfg.port_last - s->cfg.port_first + 1;

	for (unsigned i = 0; i < TCP_PORT_TRIES; i++) {
		uint16_t p = (uint16_t)(s->cfg.port_first + rng_below(s->rng, cnt));

		if (is_port_free(s, src, p, dst, dport))
			return p;
	}
	counter_inc(&s->cnt->full_port);
	return 0;
}

struct tcp_conn *
tcp_connect(struct tcp_stack *s, const struct addr *src, const struct addr *dst, uint16_t dport,
            const struct tcp_ops *ops, void *user, uint64_t now_us)
{
	return tcp_connect_from(s, src, 0, dst, dport, ops, user, now_us);
}

struct tcp_conn *
tcp_connect_from(struct tcp_stack *s, const struct addr *src, uint16_t sport,
                 const struct addr *dst, uint16_t dport, const struct tcp_ops *ops, void *user,
                 uint64_t now_us)
{
	struct tcp_conn *c;

	BUG_ON(!ops->on_close);
	tcp_set_now(s, now_us);
	if (sport == 0)
		sport = choose_port(s, src, dst, dport);
	else if (!is_port_free(s, src, sport, dst, dport))
		sport = 0;
	c = sport ? tcp_conn_new(s, src, sport, dst, dport) : NULL;
	if (!c)
		return NULL;
	c->ops = ops;
	c->user = user;
	c->state = TCP_SYN_SENT;
	c->snd_una = c->snd_nxt = tcp_isn(s, src, sport, dst, dport);
	c->snd_mss = c->mss_top = tcp_out_mss(s, dst);
	if (s->cfg.timestamps)
		c->ts_offset = tcp_ts_offset(s, src, dst);
	counter_inc(&s->cnt->open_active);
	tcp_mark_dirty(c);
	return c;
}

void
tcp_set_mss(struct tcp_conn *c, uint16_t mss)
{
	BUG_ON(c->state != TCP_SYN_SENT || mss < TCP_MSS_FLOOR);
	c->snd_mss = c->mss_top = MIN(mss, tcp_out_mss(c->stack, &c->remote));
}

void
tcp_set_user(struct tcp_conn *c, void *user)
{
	c->user = user;
}

void
tcp_set_ops(struct tcp_conn *c, const struct tcp_ops *ops)
{
	c->ops = ops;
}

const struct addr *
tcp_local_addr(const struct tcp_conn *c)
{
	return &c->local;
}

const struct addr *
tcp_remote_addr(const struct tcp_conn *c)
{
	return &c->remote;
}

uint16_t
tcp_local_port(const struct tcp_conn *c)
{
	return c->lport;
}

uint16_t
tcp_remote_port(const struct tcp_conn *c)
{
	return c->rport;
}

const char *
tcp_state_name(enum tcp_state st)
{
	static const char *const names[TCP_STATES] = {
		[TCP_CLOSED] = "CLOSED",
		[TCP_SYN_SENT] = "SYN-SENT",
		[TCP_SYN_RECEIVED] = "SYN-RECEIVED",
		[TCP_ESTABLISHED] = "ESTABLISHED",
		[TCP_FIN_WAIT_1] = "FIN-WAIT-1",
		[TCP_FIN_WAIT_2] = "FIN-WAIT-2",
		[TCP_CLOSE_WAIT] = "CLOSE-WAIT",
		[TCP_CLOSING] = "CLOSING",
		[TCP_LAST_ACK] = "LAST-ACK",
	};

	return (unsigned)st < TCP_STATES ? names[st] : "?";
}

void
tcp_get_info(const struct tcp_conn *c, struct tcp_info *out)
{
	*out = (struct tcp_info){
		.state = c->state,
		.srtt_us = c->srtt_us,
		.rttvar_us = c->rttvar_us,
		.rto_ms = tcp_rto_ms(c),
		.cwnd_bytes = c->cwnd,
		.ssthresh_bytes = c->ssthresh,
		.snd_wnd_bytes = c->snd_wnd,
		.rcv_wnd_bytes = rcv_wnd(c),
		.snd_mss = eff_mss(c),
		.rcv_buf_bytes = c->rcv_buf,
		.unacked_bytes = c->snd_bytes,
		.in_flight_bytes = c->snd_nxt - c->snd_una,
		.unread_bytes = c->rcv_unread,
		.ooo_bytes = tcp_recv_ooo_bytes(c),
		.retransmits = c->retries,
		.timestamps = c->flags & F_TS,
		.sack = c->flags & F_SACK,
		.ecn = c->flags & F_ECN,
		.in_recovery = c->flags & (F_RECOVERY | F_LOSS),
		.keepalive = c->flags & F_KEEP,
		.snd_wscale = c->snd_wscale,
		.rcv_wscale = c->rcv_wscale,
	};
	if (c->tx) {
		out->sacked_bytes = c->tx->flight.bytes[MARK_SACKED] + c->tx->reno_bytes;
		out->lost_bytes = c->tx->flight.bytes[MARK_LOST];
		out->resent_bytes = c->tx->flight.bytes[MARK_REXMIT];
		out->min_rtt_us = c->tx->min_rtt_us;
		out->rexmit_segs = c->tx->rexmit_segs;
	}
}

void
tcp_get_usage(const struct tcp_stack *s, struct tcp_usage *out)
{
	*out = (struct tcp_usage){
		.snd_bytes = s->snd_bytes,
		.conns = s->conns.used_cnt,
		.orphans = s->orphan_cnt,
		.syns = tcp_syn_used(s->syns),
		.cookies = tcp_cookies_used(s->cookies),
		.timewaits = tcp_timewait_used(s->timewaits),
		.pmtus = tcp_pmtu_used(s->pmtu),
		.slices = s->slices.used_cnt,
		.small_chunks = s->smalls.used_cnt,
		.ooos = s->sides.used_cnt,
		.txs = s->txs.used_cnt,
		.bigs = s->bigs.used_cnt,
		.mbufs_held = s->mbufs_held,
	};
}
