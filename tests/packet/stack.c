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
note_zero(const struct seg_value *o)
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
link_out(const struct seg_value *v, uint64_t now_us)
{
	struct stack_out *o = &st.out[st.out_cnt];

	BUG_ON(st.out_cnt == STACK_OUT_MAX);
	st.out_cnt++;
	note_zero(v);
	o->v = *v;
	o->v.data = NULL;
	o->at_ms = now_us / 1000;
	o->is_payload_wrong =
	        st.knows_iss && v->dport == st.peer_port && !is_ours(v->seq, v->data, v->len);
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
	st.link = (struct seg_link){ .pool = pool, .mtu = 1500, .out = link_out };
	st.now_ms = 100000;
	st.us = addr_v4(0x0a4d0002);
	st.peer = addr_v4(0x0a4d0001);
	st.our_port = 25;
	st.peer_port = 40000;
	st.peer_isn = 5000;
	seg_link_config(&st.cfg);
	st.cfg.orphan_cnt = 4;
	st.cfg.slice_cnt = 512;
	st.cfg.small_chunk_cnt = 512;
	st.cfg.tx_cnt = 4;
	st.cfg.big_cnt = 2;
	st.cfg.mbuf_budget = 4096;
}

void
stack_start(void)
{
	struct tcp_link link = seg_link_tcp(&st.link);

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
stack_input(const struct seg_value *what)
{
	static uint8_t data[RTE_MBUF_DEFAULT_DATAROOM];
	struct seg_value v = *what;
	struct packet_in in;

	v.src = st.peer;
	v.dst = st.us;
	v.sport = st.peer_port;
	v.dport = st.our_port;
	v.data = data;
	BUG_ON(v.len > sizeof(data));
	for (uint32_t i = 0; i < v.len; i++)
		data[i] = stack_byte(v.seq + !!(v.flags & TCP_SYN) - st.peer_isn - 1 + i);
	in = seg_link_in(&st.link, &v);
	tcp_input(st.tcp, &in, st.now_ms * 1000);
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
