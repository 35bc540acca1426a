/* SPDX-License-Identifier: BSD-3-Clause
 * seg_link.c - segments from and to values
 */
#include "tests/sim/seg_link.h"
#include <rte_mbuf.h>

static struct rte_mbuf *
link_alloc(void *ctx)
{
	struct seg_link *l = ctx;

	return rte_pktmbuf_alloc(l->pool);
}

static void
link_send(void *ctx, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
          uint8_t tos, uint64_t now_us)
{
	struct seg_link *l = ctx;
	const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t head = (uint32_t)(h[12] >> 4) * 4;
	struct seg_value v = { .src = *src,
		               .dst = *dst,
		               .sport = load_be16(h),
		               .dport = load_be16(h + 2),
		               .seq = load_be32(h + 4),
		               .ack = load_be32(h + 8),
		               .flags = h[13],
		               .wnd = load_be16(h + 14),
		               .tos = tos,
		               .data = h + head };

	BUG_ON(head < TCP_HEADER_BYTES || head > m->pkt_len || m->data_len != m->pkt_len);
	BUG_ON(m->pkt_len > l->mtu - (addr_is_v4(dst) ? 20 : 40));
	v.len = m->pkt_len - head;
	v.opts_len = (uint8_t)(head - TCP_HEADER_BYTES);
	memcpy(v.opts, h + TCP_HEADER_BYTES, v.opts_len);
	l->out(&v, now_us);
	rte_pktmbuf_free(m);
}

static unsigned
link_mtu(void *ctx, const struct addr *dst)
{
	struct seg_link *l = ctx;

	(void)dst;
	return l->mtu;
}

static bool
link_is_mine(void *ctx, const struct addr *src, uint16_t sport, const struct addr *dst,
             uint16_t dport)
{
	(void)ctx;
	(void)src;
	(void)sport;
	(void)dst;
	(void)dport;
	return true;
}

static bool
link_is_banned(void *ctx, const struct addr *src)
{
	(void)ctx;
	return src->b[15] == 66;
}

struct tcp_link
seg_link_tcp(struct seg_link *l)
{
	return (struct tcp_link){ .ctx = l,
		                  .alloc = link_alloc,
		                  .send = link_send,
		                  .mtu = link_mtu,
		                  .is_mine = link_is_mine,
		                  .is_banned = link_is_banned };
}

void
seg_link_config(struct tcp_config *cfg)
{
	tcp_config_defaults(cfg);
	cfg->conn_cnt = 16;
	cfg->syn_cnt = 4;
	cfg->timewait_cnt = 4;
	cfg->ooo_cnt = 4;
	cfg->table_key = (struct siphash_key){ 1, 2 };
	cfg->isn_key = (struct siphash_key){ 3, 4 };
}

struct packet_in
seg_link_in_raw(struct seg_link *l, const struct addr *src, const struct addr *dst,
                const uint8_t *p, size_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(l->pool);
	char *to;

	BUG_ON(!m);
	to = rte_pktmbuf_append(m, (uint16_t)n);
	BUG_ON(!to);
	memcpy(to, p, n);
	return (struct packet_in){ .m = m,
		                   .src = *src,
		                   .dst = *dst,
		                   .l4_len = (uint16_t)n,
		                   .v6 = !addr_is_v4(src),
		                   .csum_ok = true };
}

struct packet_in
seg_link_in(struct seg_link *l, const struct seg_value *v)
{
	uint8_t h[RTE_MBUF_DEFAULT_DATAROOM] = { 0 };
	uint32_t head = TCP_HEADER_BYTES + v->opts_len, all = head + v->len;
	struct packet_in in;

	BUG_ON(all > sizeof(h));
	store_be16(h, v->sport);
	store_be16(h + 2, v->dport);
	store_be32(h + 4, v->seq);
	store_be32(h + 8, v->ack);
	h[12] = (uint8_t)((v->off ? v->off : head / 4) << 4);
	h[13] = v->flags;
	store_be16(h + 14, v->wnd);
	store_be16(h + 18, v->urg);
	memcpy(h + TCP_HEADER_BYTES, v->opts, v->opts_len);
	if (v->data)
		memcpy(h + head, v->data, v->len);
	in = seg_link_in_raw(l, &v->src, &v->dst, h, v->cut ? MIN(v->cut, all) : all);
	in.l4_len = v->cut ? v->cut : (uint16_t)all;
	in.tos = v->tos;
	in.csum_ok = !v->is_sum_bad;
	return in;
}
