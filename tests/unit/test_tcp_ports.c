/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_ports.c - source ports and ISNs of connections that we open: answers reach the core that asked, nobody can guess
 */
#include "dataplane/packet/toeplitz.h"
#include "tests/unit/tcp_wire.h"

#define WORKERS  4
#define CONNECTS 2500 /* each worker */

static struct toeplitz hash;
static unsigned worker; /* whose stack it is now */
static unsigned wrong;

static unsigned
owner(const struct addr *remote, uint16_t rport, const struct addr *local, uint16_t lport)
{
	return toeplitz_flow(&hash, remote, rport, local, lport) % WORKERS;
}

static bool
is_mine(void *ctx, const struct addr *src, uint16_t sport, const struct addr *dst, uint16_t dport)
{
	(void)ctx;
	return owner(dst, dport, src, sport) == worker;
}

/* Every SYN that leaves: does its answer come back to this worker? */
static void
check_out(const struct seg_value *v, uint64_t now_us)
{
	wrong += owner(&v->dst, v->dport, &v->src, v->sport) != worker;
	wire_out(v, now_us);
	w.out_cnt = MIN(w.out_cnt, WIRE_MAX - 1u);
}

static void
start_worker(void)
{
	struct tcp_link link = seg_link_tcp(&wire_link);

	wire_link.out = check_out;
	link.is_mine = is_mine;
	wheel_init(&w.wheel, w.now_us);
	rng_seed(&w.rng, worker + 1);
	w.stack = tcp_stack_new(&w.cfg, &link, &w.wheel, &w.rng, &w.n);
	BUG_ON(!w.stack);
}

static void
test_owner(void)
{
	static uint8_t seen[65536];
	uint8_t key[TOEPLITZ_KEY_BYTES];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 151 + 43);
	toeplitz_init(&hash, key);
	for (worker = 0; worker < WORKERS; worker++) {
		unsigned follow = 0, low = 0, distinct = 0;
		uint16_t last = 0;

		memset(seen, 0, sizeof(seen));
		wire_defaults();
		w.cfg.conn_cnt = CONNECTS;
		start_worker();
		for (unsigned i = 0; i < CONNECTS; i++) {
			struct addr dst = addr_v4(0x0a4d0010 + i % 20);
			struct tcp_conn *c =
			        tcp_connect(w.stack, &w.us, &dst, 25, &wire_ops, NULL, w.now_us);
			uint16_t port = c ? tcp_local_port(c) : 0;

			CHECK(port >= w.cfg.port_first && port <= w.cfg.port_last);
			follow += abs(port - last) < 16;
			low += port < (w.cfg.port_first + w.cfg.port_last) / 2;
			distinct += !seen[port]++;
			last = port;
		}
		wire_turn();
		CHECK(w.n.segs_out == CONNECTS && w.n.full_port == 0);
		/* Uniform: 1,250 +- 25 in the lower half, 1 in 880 within 16 of the last one. */
		CHECK(low > 1125 && low < 1375 && follow < 20 && distinct > 2200,
		      "low %u follow %u distinct %u", low, follow, distinct);
		wire_end();
	}
	CHECK(wrong == 0, "%u answers go to another core", wrong);
}

/* All ports of this core to one destination in use: refused and counted; to another one there are some. */
static void
test_exhausted(void)
{
	struct tcp_conn *c[64], *last = NULL;
	struct addr other = addr_v4(0x0a4d0011);
	unsigned cnt = 0, mine = 0;

	worker = 2;
	wire_defaults();
	w.cfg.conn_cnt = 128;
	w.cfg.port_first = 40000;
	w.cfg.port_last = 40063;
	for (uint16_t p = 40000; p <= 40063; p++)
		mine += owner(&w.peer, 25, &w.us, p) == worker;
	start_worker();
	while (cnt < 64 &&
	       (c[cnt] = tcp_connect(w.stack, &w.us, &w.peer, 25, &wire_ops, NULL, w.now_us)))
		last = c[cnt++];
	CHECK(cnt == mine && mine > 4 && w.n.full_port == 1, "%u of %u", cnt, mine);
	CHECK(tcp_connect(w.stack, &w.us, &other, 25, &wire_ops, NULL, w.now_us));
	wire_turn();
	BUG_ON(!last);
	tcp_abort(last);
	CHECK(tcp_connect(w.stack, &w.us, &w.peer, 25, &wire_ops, NULL, w.now_us));
	wire_end();
}

/* RFC 6528: at one moment, from 10,000 pairs of names, differences that follow no rule. (test_tcp_life has the clock's part.) */
static void
test_isn(void)
{
	unsigned high[16] = { 0 }, low[16] = { 0 }, steps = 0;
	uint32_t last = 0;

	wire_defaults();
	w.cfg.syn_cnt = 64;
	wire_start();
	for (int i = 0; i < 10000; i++) {
		uint32_t d;

		w.peer_port++;
		inject(TCP_SYN, 1, 0, 1000, "", 0);
		d = w.out[0].seq - last;
		high[d >> 28]++;
		low[d & 15]++;
		steps += d < 1u << 20 || -d < 1u << 20;
		last = w.out[0].seq;
		inject(TCP_RST, 2, 0, 0, "", 0); /* so that the queue never answers by cookies */
		w.out_cnt = 0;
	}
	for (int i = 0; i < 16; i++) /* 625 +- 24 */
		CHECK(high[i] > 500 && high[i] < 750 && low[i] > 500 && low[i] < 750, "%d: %u %u",
		      i, high[i], low[i]);
	CHECK(steps < 25, "%u small ones; 5 by chance", steps);
	wire_end();
}

int
main(void)
{
	wire_init();
	test_owner();
	test_exhausted();
	test_isn();
	return check_failed;
}
