/* SPDX-License-Identifier: BSD-3-Clause
 * stack.c - the stack that a case drives
 */
#include "tests/packet/stack.h"
#include "tests/sim/sim_eal.h"
#include "base/wheel.h"
#include <rte_mbuf.h>

struct stack st;

static struct wheel wheel;
static struct rng rng;
static struct rte_mempool *pool;

/* --- the link --- */

static struct rte_mbuf *
link_alloc(void *ctx)
{
	(void)ctx;
	return rte_pktmbuf_alloc(pool);
}

/* Data byte i of ours has number iss + 1 + i. */
static bool
is_ours(uint32_t seq, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (p[i] != stack_byte(seq - st.iss - 1 + i))
			return false;
	return true;
}

/* The first TSval that we send is number zero of our timestamps, our SYN that of our sequence. */
static void
note_zero(const struct stack_out *o)
{
	if (o->flags & TCP_SYN && !st.knows_iss) {
		st.iss = o->seq;
		st.knows_iss = true;
	}
	for (unsigned i = 0; i + 10 <= o->opts_len && !st.knows_ts;) {
		if (o->opts[i] == 8) {
			st.our_ts0 = load_be32(o->opts + i + 2);
			st.knows_ts = true;
		}
		i += o->opts[i] <= 1 || o->opts[i + 1] < 2 ? 1u : o->opts[i + 1];
	}
}

static void
link_send(void *ctx, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
          uint8_t tos, uint64_t now_us)
{
	const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
	struct stack_out *o = &st.out[st.out_cnt];
	unsigned head = (unsigned)(h[12] >> 4) * 4;

	(void)ctx;
	BUG_ON(st.out_cnt == STACK_OUT_MAX);
	st.out_cnt++;
	*o = (struct stack_out){ .sport = load_be16(h),
		                 .dport = load_be16(h + 2),
		                 .seq = load_be32(h + 4),
		                 .ack = load_be32(h + 8),
		                 .flags = h[13],
		                 .wnd = load_be16(h + 14),
		                 .len = m->pkt_len - head,
		                 .opts_len = (uint8_t)(head - TCP_HEADER_BYTES),
		                 .ecn = tos & 3,
		                 .at_ms = now_us / 1000,
		                 .src = *src,
		                 .dst = *dst };
	memcpy(o->opts, h + TCP_HEADER_BYTES, o->opts_len);
	note_zero(o);
	o->is_payload_wrong =
	        st.knows_iss && o->dport == st.peer_port && !is_ours(o->seq, h + head, o->len);
	rte_pktmbuf_free(m);
}

static unsigned
link_mtu(void *ctx, const struct addr *dst)
{
	(void)ctx;
	(void)dst;
	return st.mtu;
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

/* Hosts whose last byte is 66. */
static bool
link_is_banned(void *ctx, const struct addr *src)
{
	(void)ctx;
	return src->b[15] == 66;
}

/* --- the user of the connections --- */

void
stack_read(uint32_t n)
{
	struct span in;

	while (n > 0 && st.c && tcp_peek(st.c, &in)) {
		size_t take = MIN(in.len, n);

		for (size_t i = 0; i < take; i++)
			st.app.is_payload_wrong |= (uint8_t)in.p[i] != stack_byte(st.app.read + i);
		st.app.read += take;
		n -= (uint32_t)take;
		tcp_consume(st.c, take);
	}
	if (st.c)
		st.app.eof |= tcp_at_eof(st.c);
}

static void
on_open(struct tcp_conn *c, void *user)
{
	(void)user;
	if (c != st.c)
		st.app.read = st.app.written = 0;
	st.c = st.last = c;
	st.app.opened++;
}

static void
on_bytes(struct tcp_conn *c, void *user)
{
	(void)user;
	if (c == st.c && !st.app.hold)
		stack_read(UINT32_MAX);
}

static void
on_room(struct tcp_conn *c, void *user)
{
	(void)c;
	(void)user;
	st.app.room++;
}

static void
on_close(struct tcp_conn *c, void *user, int err)
{
	(void)user;
	if (c != st.c)
		return;
	st.app.closed++;
	st.app.err = err;
	st.c = NULL;
}

static const struct tcp_ops ops = { on_open, on_bytes, on_room, on_close };

/* --- a case --- */

void
stack_init(void)
{
	sim_eal_init();
	pool = sim_eal_pool("packet scripts", 8191);
}

void
stack_begin(void)
{
	memset(&st, 0, offsetof(struct stack, out));
	st.out_cnt = st.read = 0;
	st.mtu = 1500;
	st.now_ms = 100000;
	st.us = addr_v4(0x0a4d0002);
	st.peer = addr_v4(0x0a4d0001);
	st.our_port = 25;
	st.peer_port = 40000;
	st.peer_isn = 5000;
	tcp_config_defaults(&st.cfg);
	st.cfg.conn_cnt = 16;
	st.cfg.syn_cnt = 4;
	st.cfg.timewait_cnt = 4;
	st.cfg.orphan_cnt = 4;
	st.cfg.slice_cnt = 512;
	st.cfg.small_chunk_cnt = 512;
	st.cfg.ooo_cnt = 4;
	st.cfg.tx_cnt = 4;
	st.cfg.big_cnt = 2;
	st.cfg.mbuf_budget = 4096;
	st.cfg.table_key = (struct siphash_key){ 1, 2 };
	st.cfg.isn_key = (struct siphash_key){ 3, 4 };
}

void
stack_start(void)
{
	struct tcp_link link = { .alloc = link_alloc,
		                 .send = link_send,
		                 .mtu = link_mtu,
		                 .is_mine = link_is_mine,
		                 .is_banned = link_is_banned };

	if (st.tcp)
		return;
	wheel_init(&wheel, st.now_ms * 1000);
	rng_seed(&rng, 7);
	st.tcp = tcp_stack_new(&st.cfg, &link, &wheel, &rng, &st.n);
	BUG_ON(!st.tcp);
}

const char *
stack_end(void)
{
	const char *why = NULL;

	tcp_stack_free(st.tcp);
	st.tcp = NULL;
	if (rte_mempool_in_use_count(pool) != 0)
		why = "mbufs were not given back";
	else if (wheel.armed_cnt != 0)
		why = "timers are still armed";
	return why;
}

void
stack_turn(void)
{
	tcp_ready(st.tcp, st.now_ms * 1000);
	tcp_flush(st.tcp, st.now_ms * 1000);
}

void
stack_tick(void)
{
	st.now_ms++;
	wheel_turn(&wheel, st.now_ms * 1000, 0);
	stack_turn();
}

void
stack_input(const struct stack_in *in)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint16_t head = (uint16_t)(TCP_HEADER_BYTES + in->opts_len);
	uint16_t all = (uint16_t)(head + in->len);
	uint8_t *h = (uint8_t *)rte_pktmbuf_append(m, all);
	struct packet_in p = { .m = m,
		               .src = st.peer,
		               .dst = st.us,
		               .l4_len = in->cut ? in->cut : all,
		               .tos = in->ecn,
		               .v6 = !addr_is_v4(&st.peer),
		               .csum_ok = !in->badsum };

	BUG_ON(!h);
	memset(h, 0, head);
	store_be16(h, st.peer_port);
	store_be16(h + 2, st.our_port);
	store_be32(h + 4, in->seq);
	store_be32(h + 8, in->ack);
	h[12] = (uint8_t)((in->off ? in->off : head / 4) << 4);
	h[13] = in->flags;
	store_be16(h + 14, in->wnd);
	store_be16(h + 18, in->urg);
	memcpy(h + TCP_HEADER_BYTES, in->opts, in->opts_len);
	for (uint32_t i = 0; i < in->len; i++)
		h[head + i] = stack_byte(in->seq + !!(in->flags & TCP_SYN) - st.peer_isn - 1 + i);
	if (in->cut && in->cut < all)
		rte_pktmbuf_trim(m, (uint16_t)(all - in->cut));
	tcp_input(st.tcp, &p, st.now_ms * 1000);
}

void
stack_listen(void)
{
	struct addr any = { 0 };

	tcp_listen(st.tcp, &any, 25, &ops, NULL);
}

void
stack_connect(uint16_t port)
{
	st.c = tcp_connect(st.tcp, &st.us, &st.peer, port, &ops, NULL, st.now_ms * 1000);
	if (st.c)
		st.our_port = tcp_local_port(st.c);
	st.last = st.c;
	st.app.read = st.app.written = 0;
	st.peer_port = port;
}

bool
stack_send(uint32_t n)
{
	uint8_t buf[1000];

	while (n > 0) {
		uint32_t len = MIN(n, (uint32_t)sizeof(buf));

		for (uint32_t i = 0; i < len; i++)
			buf[i] = stack_byte(st.app.written + i);
		if (!st.c || !tcp_send(st.c, span((const char *)buf, len)))
			return false;
		st.app.written += len;
		n -= len;
	}
	return true;
}
