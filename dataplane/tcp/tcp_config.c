/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_config.c - what a stack is made of: defaults, bounds, and what may change later
 */
#include "dataplane/tcp/tcp_conn.h"

void
tcp_config_defaults(struct tcp_config *cfg)
{
	*cfg = (struct tcp_config){
		.conn_cnt = 65536,
		.syn_cnt = 16384,
		.cookie_ring_cnt = 65536,
		.timewait_cnt = 262144,
		.pmtu_cnt = 4096,
		.orphan_cnt = 16384,
		.slice_cnt = 131072,
		.small_chunk_cnt = 32768,
		.ooo_cnt = 4096,
		.tx_cnt = 16384,
		.big_cnt = 1024,
		.mbuf_budget = 65536,
		.rcv_buf_bytes = 64 * 1024, /* as Linux: all that a SYN-ACK can name */
		.rcv_buf_max_bytes = 4 * 1024 * 1024,
		.snd_buf_bytes = 64 * 1024,
		.snd_buf_max_bytes = 4 * 1024 * 1024, /* as Linux's tcp_wmem */
		.snd_budget_bytes = 64 * 1024 * 1024,
		.mss_max = 1460,
		.rcv_wscale = 8,
		.ecn = TCP_ECN_PASSIVE,
		.timestamps = true,
		.sack = true,
		.port_first = 32768,
		.port_last = 60999,
		.rto_min_ms = 200,
		.rto_max_ms = 60000,
		.delack_ms = 40,
		.connect_timeout_ms = 30000,
		.user_timeout_ms = 300000,
		.persist_max_ms = 600000,
		.keep_idle_ms = 7200000,
		.keep_interval_ms = 75000,
		.keep_cnt = 9,
		.fin_wait_2_ms = 60000,
		.time_wait_ms = 60000,
		.challenge_per_s = 1000,
		.rst_per_s = 10000,
		.cookie_fails_per_s = 10000,
	};
}

bool
tcp_config_is_valid(const struct tcp_config *c)
{
	return c->conn_cnt > 0 && c->conn_cnt < 1u << 26 && c->syn_cnt > 0 && c->syn_cnt <= 65535 &&
	       c->cookie_ring_cnt > 0 && c->cookie_ring_cnt < 1u << 26 && c->timewait_cnt > 0 &&
	       c->timewait_cnt < 1u << 26 && c->pmtu_cnt > 0 && c->pmtu_cnt < 1u << 24 &&
	       c->slice_cnt > 0 && c->small_chunk_cnt > 0 && c->ooo_cnt > 0 && c->tx_cnt > 0 &&
	       c->big_cnt > 0 && c->mbuf_budget > 0 && c->rcv_buf_bytes >= 2048 &&
	       c->rcv_buf_bytes <= c->rcv_buf_max_bytes && c->rcv_buf_max_bytes <= 1u << 30 &&
	       c->snd_buf_bytes >= 64 && c->snd_buf_bytes <= c->snd_buf_max_bytes &&
	       c->snd_buf_max_bytes <= TCP_UNACKED_MAX && c->rcv_wscale <= TCP_WSCALE_MAX &&
	       c->ecn <= TCP_ECN_ACTIVE && c->mss_max >= TCP_MSS_DEFAULT4 && c->port_first > 0 &&
	       c->port_first <= c->port_last && c->rto_min_ms > 0 &&
	       c->rto_min_ms <= c->rto_max_ms && c->delack_ms > 0 && c->keep_interval_ms > 0 &&
	       c->keep_cnt > 0 && c->keep_cnt <= TCP_KEEP_CNT_MAX &&
	       c->keep_idle_ms <= TCP_TIME_MAX_MS && c->keep_interval_ms <= TCP_TIME_MAX_MS &&
	       c->wheel_kind + TCP_WHEEL_KINDS <= WHEEL_KINDS_MAX;
}

bool
tcp_tune(struct tcp_stack *s, const struct tcp_tunables *t)
{
	struct tcp_config c = s->cfg;

	c.syn_per_prefix = t->syn_per_prefix;
	c.ecn = t->ecn;
	c.keep_idle_ms = t->keep_idle_ms;
	c.keep_interval_ms = t->keep_interval_ms;
	c.keep_cnt = t->keep_cnt;
	if (!tcp_config_is_valid(&c))
		return false;
	s->cfg = c;
	return true;
}
