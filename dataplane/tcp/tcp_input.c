/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_input.c - from a received frame to the one who takes it: connection, TIME-WAIT, SYN queue, listener, nobody
 *
 * Limit   A burst is worked off in pieces of BURST, each look-up prefetched while the others are parsed.
 * RFC     9293 3.1 (header), 3.10.7 (who takes it), 3.9.2.3 and 1122 4.2.3.10 (addresses that are never answered).
 */
#include "dataplane/tcp/tcp_conn.h"
#include <rte_prefetch.h>

#define BURST 32

/* Sources that no TCP peer can have: an answer would go to many, or to ourselves. */
static bool
is_bad_source(const struct addr *src, const struct addr *dst)
{
	static const struct addr unspecified;

	if (addr_eq(src, dst))
		return true;
	if (addr_is_v4(src)) {
		uint32_t a = addr_v4_of(src), d = addr_v4_of(dst);

		return a >> 28 >= 14 || a >> 24 == 0 || a == 0xffffffff || d >> 28 >= 14;
	}
	return src->b[0] == 0xff || dst->b[0] == 0xff || addr_eq(src, &unspecified);
}

/* The header's place and length, if it lies within the frame's first mbuf and the frame is as long as it says. */
static const uint8_t *
find_header(const struct packet_in *in, uint32_t *bytes)
{
	const struct rte_mbuf *m = in->m;
	const uint8_t *h;

	if (in->l4_len < TCP_HEADER_BYTES || m->data_len < in->l4_off + TCP_HEADER_BYTES ||
	    m->pkt_len < (uint32_t)in->l4_off + in->l4_len)
		return NULL;
	h = rte_pktmbuf_mtod_offset(m, const uint8_t *, in->l4_off);
	*bytes = (uint32_t)(h[12] >> 4) * 4;
	if (*bytes < TCP_HEADER_BYTES || *bytes > in->l4_len || m->data_len < in->l4_off + *bytes)
		return NULL;
	return h;
}

/* False: dropped and counted; the mbuf is g's in any case. */
static bool
parse(struct tcp_stack *s, const struct packet_in *in, struct tcp_seg *g)
{
	uint32_t head, seq;
	const uint8_t *h = find_header(in, &head);

	counter_inc(&s->cnt->segs_in);
	g->m = in->m;
	g->len = in->m->pkt_len;
	if (!h || !in->csum_ok || is_bad_source(&in->src, &in->dst)) {
		counter_inc(!h             ? &s->cnt->drop_short
		            : !in->csum_ok ? &s->cnt->drop_checksum
		                           : &s->cnt->drop_address);
		return false;
	}
	g->sport = load_be16(h);
	g->dport = load_be16(h + 2);
	seq = load_be32(h + 4);
	g->ack = load_be32(h + 8);
	g->flags = h[13];
	g->wnd = load_be16(h + 14);
	g->v6 = in->v6;
	g->is_cut = false;
	g->tos = in->tos;
	g->src = &in->src;
	g->dst = &in->dst;
	tcp_opt_parse(h + TCP_HEADER_BYTES, head - TCP_HEADER_BYTES, g->flags & TCP_SYN, &g->opt);
	if (g->opt.is_bad)
		counter_inc(&s->cnt->bad_options);
	tcp_seg_trim_back(g, (uint32_t)in->l4_off + in->l4_len); /* link padding */
	tcp_seg_trim_front(g, in->l4_off + head);
	g->seq = seq;
	return true;
}

static void
deliver(struct tcp_stack *s, struct tcp_seg *g)
{
	struct tcp_conn *c = tcp_table_find(s, g->hash, g->src, g->sport, g->dst, g->dport);

	if (c) {
		tcp_in(c, g);
		return;
	}
	if (tcp_timewait_in(s, g) || tcp_syn_in(s, g)) {
		/* taken */
	} else if (tcp_listener_find(s, g->dst, g->dport)) {
		tcp_listen_in(s, g, NULL);
	} else {
		counter_inc(&s->cnt->drop_no_conn);
		tcp_reset_stray(s, g);
	}
	tcp_seg_free(g);
}

static void
input_some(struct tcp_stack *s, const struct packet_in *in, unsigned cnt)
{
	struct tcp_seg g[BURST];
	bool ok[BURST];

	for (unsigned i = 0; i < cnt; i++) {
		ok[i] = parse(s, &in[i], &g[i]);
		if (!ok[i])
			continue;
		g[i].hash = tcp_hash(s, g[i].src, g[i].sport, g[i].dst, g[i].dport);
		rte_prefetch0(heads_of(&s->table, g[i].hash));
	}
	for (unsigned i = 0; i < cnt && cnt > 1; i++)
		if (ok[i] && *heads_of(&s->table, g[i].hash) != TCP_NONE) {
			const uint8_t *c = (uint8_t *)conn_at(s, *heads_of(&s->table, g[i].hash));

			for (size_t line = 0; line < sizeof(struct tcp_conn); line += 64)
				rte_prefetch0(c + line);
		}
	for (unsigned i = 0; i < cnt; i++) {
		if (ok[i])
			deliver(s, &g[i]);
		else
			tcp_seg_free(&g[i]);
	}
}

void
tcp_input(struct tcp_stack *s, struct packet_in *in, uint64_t now_us)
{
	tcp_set_now(s, now_us);
	input_some(s, in, 1);
}

void
tcp_input_burst(struct tcp_stack *s, struct packet_in *in, unsigned cnt, uint64_t now_us)
{
	tcp_set_now(s, now_us);
	for (unsigned at = 0; at < cnt; at += BURST)
		input_some(s, in + at, MIN(cnt - at, BURST));
}
