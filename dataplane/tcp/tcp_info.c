/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_info.c - what a user may ask about a connection and the stack
 */
#include "dataplane/tcp/tcp_syn.h"

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
