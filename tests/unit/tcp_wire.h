/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_wire.h - one stack, a wire that a test writes on and reads from, a clock that a test turns
 *
 * Why     inject() and expect() on exact segments: what a script would say, in C.
 * Owner   One wire a process; wire_start() and wire_end() around each case.
 * Thread  One.
 */
#pragma once
#include "tests/check.h"
#include "tests/sim/seg_link.h"
#include "tests/sim/sim_eal.h"
#include <rte_mbuf.h>

#define WIRE_MAX 4096

struct wire_seg {
	uint32_t seq, ack, len;
	uint8_t flags, tos;
	uint16_t wnd, sport, dport;
	uint64_t at_us;
	struct tcp_options opt;
	uint8_t data[2048];
};

static struct wire {
	struct rte_mempool *pool;
	struct tcp_stack *stack;
	struct tcp_config cfg;
	struct tcp_counters n;
	struct wheel wheel;
	struct rng rng;
	uint64_t now_us;
	struct addr us, peer;
	uint16_t our_port, peer_port;
	struct wire_seg out[WIRE_MAX];
	unsigned out_cnt, read; /* segments that left; how many of them the test has looked at */
	/* what the users of connections saw */
	struct tcp_conn *c;
	unsigned opened, bytes, room, closed;
	int err;
	size_t unacked;       /* when it closed */
	bool hold;            /* on_bytes() does not read */
	uint8_t got[1 << 20]; /* what was read */
	size_t got_len;
	bool eof;
	uint32_t tsval; /* the peer's next timestamp; 0: without */
	uint32_t tsecr;
	uint8_t tos;      /* of the peer's segments */
	bool is_mine_odd; /* is_mine() holds for odd source ports alone */
} w;

/* What tests send. */
__attribute__((unused)) static uint8_t body[65536];
/* clang-format off */
__attribute__((unused)) static const uint8_t mss_sack[8] = { 2, 4, 1460 >> 8, 1460 & 255, 1, 1, 4, 2 };
/* clang-format on */

/* Once a process. */
static void
wire_init(void)
{
	sim_eal_init();
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7 + (i >> 8));
}

static void
wire_out(const struct seg_value *v, uint64_t now_us)
{
	struct wire_seg *s = &w.out[w.out_cnt];

	BUG_ON(w.out_cnt == WIRE_MAX);
	w.out_cnt++;
	s->sport = v->sport;
	s->dport = v->dport;
	s->seq = v->seq;
	s->ack = v->ack;
	s->flags = v->flags;
	s->tos = v->tos;
	s->wnd = v->wnd;
	s->len = v->len;
	s->at_us = now_us;
	tcp_opt_parse(v->opts, v->opts_len, s->flags & TCP_SYN, &s->opt);
	memcpy(s->data, v->data, v->len);
}

static struct seg_link wire_link = { .mtu = 1500, .out = wire_out };

static bool
wire_is_mine(void *ctx, const struct addr *src, uint16_t sport, const struct addr *dst,
             uint16_t dport)
{
	(void)ctx;
	(void)src;
	(void)dst;
	(void)dport;
	return !w.is_mine_odd || sport % 2;
}

static void
wire_read_all(struct tcp_conn *c)
{
	struct span in;

	while (tcp_peek(c, &in)) {
		memcpy(w.got + w.got_len, in.p, in.len);
		w.got_len += in.len;
		tcp_consume(c, in.len);
	}
	w.eof |= tcp_at_eof(c);
}

static void
wire_on_open(struct tcp_conn *c, void *user)
{
	(void)user;
	w.c = c;
	w.opened++;
}

static void
wire_on_bytes(struct tcp_conn *c, void *user)
{
	(void)user;
	w.bytes++;
	if (!w.hold)
		wire_read_all(c);
}

static void
wire_on_room(struct tcp_conn *c, void *user)
{
	(void)c;
	(void)user;
	w.room++;
}

static void
wire_on_close(struct tcp_conn *c, void *user, int err)
{
	(void)user;
	w.unacked = tcp_unacked(c);
	w.closed++;
	w.err = err;
	w.c = NULL;
}

static const struct tcp_ops wire_ops = { wire_on_open, wire_on_bytes, wire_on_room, wire_on_close };

static void
wire_turn(void)
{
	tcp_ready(w.stack, w.now_us);
	tcp_flush(w.stack, w.now_us);
}

/* Let time pass, a millisecond at a time. */
__attribute__((unused)) static void
wire_pass_ms(uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i++) {
		w.now_us += 1000;
		wheel_turn(&w.wheel, w.now_us, 0);
		wire_turn();
	}
}

/* Before wire_start(): change w.cfg after this. */
static void
wire_defaults(void)
{
	struct rte_mempool *pool = w.pool;

	memset(&w, 0, offsetof(struct wire, out));
	memset((uint8_t *)&w + offsetof(struct wire, out_cnt), 0,
	       offsetof(struct wire, got) - offsetof(struct wire, out_cnt));
	w.got_len = 0;
	w.eof = false;
	w.tsval = w.tsecr = 0;
	w.tos = 0;
	w.is_mine_odd = false;
	w.pool = wire_link.pool = pool ? pool : sim_eal_pool("wire", 8191);
	w.now_us = 10000000;
	w.us = addr_v4(0x0a4d0002);
	w.peer = addr_v4(0x0a4d0001);
	w.our_port = 25;
	w.peer_port = 40000;
	seg_link_config(&w.cfg);
	w.cfg.slice_cnt = 256;
	w.cfg.small_chunk_cnt = 256;
	w.cfg.timestamps = false;
}

/* After wire_defaults(). */
__attribute__((unused)) static void
wire_use_v6(void)
{
	w.us = (struct addr){ { [0] = 0xfd, [15] = 2 } };
	w.peer = (struct addr){ { [0] = 0xfd, [15] = 1 } };
}

static void
wire_start(void)
{
	struct tcp_link link = seg_link_tcp(&wire_link);
	struct addr any = { 0 };

	link.is_mine = wire_is_mine;
	wheel_init(&w.wheel, w.now_us);
	rng_seed(&w.rng, 7);
	w.stack = tcp_stack_new(&w.cfg, &link, &w.wheel, &w.rng, &w.n);
	BUG_ON(!w.stack);
	CHECK(tcp_listen(w.stack, &any, 25, &wire_ops, NULL) == 0);
}

static void
wire_end(void)
{
	tcp_stack_free(w.stack);
	CHECK(rte_mempool_in_use_count(w.pool) == 0);
	CHECK(w.wheel.armed_cnt == 0);
}

/* A segment of the peer; `opts` is raw. No turn follows. */
static void
put_raw(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd, const void *data, uint16_t len,
        const uint8_t *opts, uint8_t opts_len)
{
	struct seg_value v = { .src = w.peer,
		               .dst = w.us,
		               .sport = w.peer_port,
		               .dport = w.our_port,
		               .seq = seq,
		               .ack = ack,
		               .wnd = wnd,
		               .flags = flags,
		               .tos = w.tos,
		               .len = len,
		               .data = data,
		               .opts_len = opts_len };
	struct packet_in in;

	if (opts_len)
		memcpy(v.opts, opts, opts_len);
	in = seg_link_in(&wire_link, &v);
	tcp_input(w.stack, &in, w.now_us);
}

static void
put(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd, const void *data, uint16_t len)
{
	uint8_t ts[12];

	if (w.tsval)
		tcp_opt_build_ts(ts, w.tsval, w.tsecr);
	put_raw(flags, seq, ack, wnd, data, len, ts, w.tsval ? 12 : 0);
}

/* The same, and the turn. */
static void
inject(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd, const void *data, uint16_t len)
{
	put(flags, seq, ack, wnd, data, len);
	wire_turn();
}

__attribute__((unused)) static struct tcp_info
info(void)
{
	struct tcp_info i;

	tcp_get_info(w.c, &i);
	return i;
}

/* The next segment that left; NULL: none. */
__attribute__((unused)) static const struct wire_seg *
next_out(void)
{
	return w.read < w.out_cnt ? &w.out[w.read++] : NULL;
}

__attribute__((unused)) static unsigned
left_out(void)
{
	unsigned n = w.out_cnt - w.read;

	w.read = w.out_cnt;
	return n;
}

#define EXPECT_SEG(f, s, a, n, ...)                                                                \
	do {                                                                                       \
		const struct wire_seg *seg_ = next_out();                                          \
		char what_[100] = "";                                                              \
		snprintf(what_, sizeof(what_), " " __VA_ARGS__);                                   \
		CHECK(seg_ && seg_->flags == (f) && seg_->seq == (uint32_t)(s) &&                  \
		              seg_->ack == (uint32_t)(a) && seg_->len == (n),                      \
		      "%s: got flags %02x seq %u ack %u len %u", what_, seg_ ? seg_->flags : 0u,   \
		      seg_ ? seg_->seq : 0, seg_ ? seg_->ack : 0, seg_ ? seg_->len : 0);           \
	} while (0)

#define EXPECT_SILENCE(...) CHECK(left_out() == 0, __VA_ARGS__)

#define PEER_ISN 5000u

/* Passive open from PEER_ISN with these options; returns our ISN + 1. The peer's window is 65,535. */
__attribute__((unused)) static uint32_t
accept_one(const uint8_t *opts, uint8_t opts_len)
{
	uint32_t iss;

	put_raw(TCP_SYN, PEER_ISN, 0, 65535, NULL, 0, opts, opts_len);
	CHECK(w.out_cnt > w.read && w.out[w.out_cnt - 1].flags == (TCP_SYN | TCP_ACK));
	iss = w.out[w.out_cnt - 1].seq;
	w.tsecr = w.out[w.out_cnt - 1].opt.tsval;
	w.read = w.out_cnt;
	inject(TCP_ACK, PEER_ISN + 1, iss + 1, 65535, NULL, 0);
	CHECK(w.opened == 1 && w.c);
	w.read = w.out_cnt;
	return iss + 1;
}
