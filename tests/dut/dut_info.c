/* SPDX-License-Identifier: BSD-3-Clause
 * dut_info.c - what the stack tells of a connection, as Linux's struct tcp_info
 */
#include "tests/dut/dut.h"
#include "tests/dut/dut_linux.h"

#define SSTHRESH_NONE (1u << 30) /* the stack: not set yet; Linux says INT_MAX */

static uint8_t
state_of(enum tcp_state s)
{
	static const uint8_t states[TCP_STATES] = {
		[TCP_CLOSED] = LINUX_CLOSE,          [TCP_SYN_SENT] = LINUX_SYN_SENT,
		[TCP_SYN_RECEIVED] = LINUX_SYN_RECV, [TCP_ESTABLISHED] = LINUX_ESTABLISHED,
		[TCP_FIN_WAIT_1] = LINUX_FIN_WAIT1,  [TCP_FIN_WAIT_2] = LINUX_FIN_WAIT2,
		[TCP_CLOSE_WAIT] = LINUX_CLOSE_WAIT, [TCP_CLOSING] = LINUX_CLOSING,
		[TCP_LAST_ACK] = LINUX_LAST_ACK,
	};

	return states[s];
}

static void
of_connection(const struct sock *k, const struct tcp_info *i, struct linux_tcp_info *o)
{
	uint32_t mss = MAX(i->snd_mss, 1u);
	unsigned mtu = packet_mtu(k->dut->packet, &k->peer), head = addr_is_v4(&k->peer) ? 40 : 60;

	o->tcpi_state = state_of(i->state);
	o->tcpi_ca_state =
	        i->in_recovery ? i->retransmits ? TCP_CA_Loss : TCP_CA_Recovery : TCP_CA_Open;
	o->tcpi_retransmits = (uint8_t)i->retransmits;
	o->tcpi_options =
	        (uint8_t)((i->timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
	                  (i->sack ? TCPI_OPT_SACK : 0) | (i->rcv_wscale ? TCPI_OPT_WSCALE : 0) |
	                  (i->ecn ? TCPI_OPT_ECN : 0));
	o->tcpi_snd_wscale = i->snd_wscale & 15u;
	o->tcpi_rcv_wscale = i->rcv_wscale & 15u;
	o->tcpi_rto = i->rto_ms * 1000;
	o->tcpi_ato = k->dut->cfg.delack_ms * 1000;
	o->tcpi_snd_mss = mss;
	o->tcpi_rcv_mss = o->tcpi_advmss = MIN(mtu - head, (unsigned)k->dut->cfg.mss_max);
	o->tcpi_unacked = (i->in_flight_bytes + mss - 1) / mss;
	o->tcpi_sacked = (i->sacked_bytes + mss - 1) / mss;
	o->tcpi_lost = (i->lost_bytes + mss - 1) / mss;
	o->tcpi_retrans = (i->resent_bytes + mss - 1) / mss;
	o->tcpi_total_retrans = MAX(i->rexmit_segs, i->retransmits); /* a SYN's has no block */
	o->tcpi_pmtu = mtu;
	o->tcpi_rtt = i->srtt_us;
	o->tcpi_rttvar = i->rttvar_us;
	o->tcpi_min_rtt = i->min_rtt_us;
	o->tcpi_snd_cwnd = i->cwnd_bytes / mss;
	o->tcpi_snd_ssthresh =
	        i->ssthresh_bytes < SSTHRESH_NONE ? i->ssthresh_bytes / mss : INT32_MAX;
	o->tcpi_rcv_space = i->rcv_buf_bytes;
	o->tcpi_rcv_ssthresh = i->rcv_wnd_bytes;
	o->tcpi_notsent_bytes = i->unacked_bytes - MIN(i->in_flight_bytes, i->unacked_bytes);
	o->tcpi_snd_wnd = i->snd_wnd_bytes;
}

size_t
dut_info(const struct sock *k, void *out, size_t room)
{
	struct linux_tcp_info o = { .tcpi_state = LINUX_CLOSE };
	struct tcp_info i;
	size_t n = MIN(room, sizeof(o));

	if (k->state == SOCK_LISTENING) { /* Linux: the queue and its bound */
		o.tcpi_state = LINUX_LISTEN;
		o.tcpi_unacked = k->queue_cnt;
		o.tcpi_sacked = k->backlog;
	} else if (k->conn) {
		tcp_get_info(k->conn, &i);
		of_connection(k, &i, &o);
	}
	memcpy(out, &o, n);
	return n;
}
