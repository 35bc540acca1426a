/* SPDX-License-Identifier: BSD-3-Clause
 * packet_cycles.c - cycles of the packet layer for a frame in and a frame out, over net_ring on one core
 *
 * Both ends of the ring pair run here by turns; only the calls of the end under test are timed, the packets of the other end were made
 * and are freed outside. Prints one JSON object: medians over bursts of 32.
 */
#include "base/clock.h"
#include "dataplane/packet/packet_eal.h"
#include "tests/packet/frames.h"

#define BURST  32
#define ROUNDS 20000

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double
median(uint64_t *v)
{
	qsort(v, ROUNDS, sizeof(*v), compare);
	return (double)v[ROUNDS / 2] / BURST;
}

static struct packet_eal_port *
open_end(int id, const char *a4, const char *a6, struct rte_mempool **pool)
{
	struct packet_eal_port_config c = {
		.dpdk_port = id, .port = { .name = "ring", .no_announce = true, .address_cnt = 2 }
	};
	char err[PACKET_ERROR_TEXT];
	struct packet_eal_port *e;

	packet_addr_parse(span_z(a4), &c.port.addresses[0]);
	packet_addr_parse(span_z(a6), &c.port.addresses[1]);
	c.port.key = packet_key_from(1);
	e = packet_eal_open(&c, 1, pool, err);
	if (!e) {
		fprintf(stderr, "%s\n", err);
		exit(1);
	}
	return e;
}

struct ends {
	struct packet *us, *them;
	struct addr ours, theirs;
};

/* A burst of `data` payload bytes from a to b; cycles of packet_send() and packet_flush(). */
static uint64_t
send_burst(struct packet *p, const struct addr *src, const struct addr *dst, size_t data,
           uint64_t now)
{
	struct rte_mbuf *m[BURST];
	uint64_t start;

	for (unsigned i = 0; i < BURST; i++) {
		uint8_t *t;

		m[i] = packet_alloc(p);
		BUG_ON(!m[i]);
		t = (uint8_t *)rte_pktmbuf_append(m[i], (uint16_t)(20 + data));
		memset(t, 0x50, 20 + data);
		store_be16(t, (uint16_t)(1000 + i));
	}
	start = clock_cycles();
	for (unsigned i = 0; i < BURST; i++)
		packet_send(p, m[i], src, dst, 0, now);
	packet_flush(p);
	return clock_cycles() - start;
}

static uint64_t
receive_burst(struct packet *p, unsigned want, uint64_t now)
{
	struct packet_in in[PACKET_IN_MAX];
	uint64_t start = clock_cycles(), cycles;
	unsigned n = packet_rx(p, now, in, PACKET_IN_MAX, NULL);

	cycles = clock_cycles() - start;
	BUG_ON(n != want);
	for (unsigned i = 0; i < n; i++)
		rte_pktmbuf_free(in[i].m);
	return cycles;
}

static void
measure(const struct ends *e, size_t data, const char *name, bool last)
{
	static uint64_t tx[ROUNDS], rx[ROUNDS], idle[ROUNDS];
	uint64_t now = clock_mono_us();

	for (unsigned i = 0; i < ROUNDS; i++) {
		send_burst(e->them, &e->theirs, &e->ours, data, now);
		rx[i] = receive_burst(e->us, BURST, now);
		tx[i] = send_burst(e->us, &e->ours, &e->theirs, data, now);
		receive_burst(e->them, BURST, now);
		idle[i] = receive_burst(e->us, 0, now) * BURST;
	}
	printf("\"%s\": {\"rx\": %.0f, \"tx\": %.0f, \"empty_turn\": %.0f}%s", name, median(rx),
	       median(tx), median(idle), last ? "}\n" : ", ");
}

/* Neighbours learn each other first. */
static void
meet(const struct ends *e)
{
	struct packet_in in[PACKET_IN_MAX];
	uint64_t now = clock_mono_us();
	struct rte_mbuf *m = packet_alloc(e->us);
	unsigned n = 0;

	memset(rte_pktmbuf_append(m, 20), 0x50, 20);
	packet_send(e->us, m, &e->ours, &e->theirs, 0, now);
	for (unsigned i = 0; i < 8; i++) {
		packet_flush(e->us);
		n += packet_rx(e->them, now, in, PACKET_IN_MAX, NULL);
		packet_flush(e->them);
		packet_rx(e->us, now, in, PACKET_IN_MAX, NULL);
	}
	BUG_ON(n != 1);
	rte_pktmbuf_free(in[0].m);
	send_burst(e->them, &e->theirs, &e->ours, 0,
	           now); /* turns the learned entry into a confirmed one */
	for (unsigned i = 0; i < 4; i++) {
		unsigned k = packet_rx(e->us, now, in, PACKET_IN_MAX, NULL);

		while (k > 0)
			rte_pktmbuf_free(in[--k].m);
		packet_flush(e->us);
		packet_rx(e->them, now, in, PACKET_IN_MAX, NULL);
		packet_flush(e->them);
	}
}

int
main(void)
{
	static const struct {
		const char *ours, *theirs, *small, *large;
	} families[] = { { "10.0.0.2", "10.0.0.3", "v4_0", "v4_1460" },
		         { "fd00::2", "fd00::3", "v6_0", "v6_1440" } };
	struct packet_eal_config c = { .hugepages = PACKET_HUGEPAGES_NEVER,
		                       .memory_bytes = 64u << 20 };
	char err[PACKET_ERROR_TEXT];
	struct rte_mempool *pool;
	struct packet_eal_port *a, *b;
	struct ends e;
	int x, y;

	if (packet_eal_start(&c, err) < 0 || packet_ring_pair("r", 1, 1024, &x, &y)) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	pool = packet_pool_new("pool", 8191, 1500);
	a = open_end(x, "10.0.0.2/24", "fd00::2/64", &pool);
	b = open_end(y, "10.0.0.3/24", "fd00::3/64", &pool);
	e.us = packet_new(packet_eal_port(a), 0, packet_eal_dev(a, 0), pool, NULL);
	e.them = packet_new(packet_eal_port(b), 0, packet_eal_dev(b, 0), pool, NULL);
	printf("{");
	for (unsigned i = 0; i < ARRAY_LEN(families); i++) {
		e.ours = A(families[i].ours);
		e.theirs = A(families[i].theirs);
		meet(&e);
		measure(&e, 0, families[i].small, false);
		measure(&e, i ? 1440 : 1460, families[i].large, i == 1);
	}
	packet_free(e.us);
	packet_free(e.them);
	packet_eal_close(a);
	packet_eal_close(b);
	return 0;
}
