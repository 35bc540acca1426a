/* SPDX-License-Identifier: BSD-3-Clause
 * dut_node.c - one port, one packet layer, one stack: built and turned as a worker of the relay does (dataplane/worker.c)
 */
#include "tests/dut/dut.h"
#include "base/clock.h"
#include <rte_mbuf.h>

#define EAL_BYTES     (96ull << 20)
#define MTU           1500u
#define TIMERS_A_TURN 4096
#define SOCK_CHUNKS   4096 /* of CHUNK_BYTES, for writes of all sockets */

/* ---- what TCP stands on */

static struct rte_mbuf *
link_alloc(void *ctx)
{
	return packet_alloc(((struct dut *)ctx)->packet);
}

static void
link_send(void *ctx, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
          uint8_t tos, uint64_t now_us)
{
	packet_send(((struct dut *)ctx)->packet, m, src, dst, tos, now_us);
}

static unsigned
link_mtu(void *ctx, const struct addr *dst)
{
	return packet_mtu(((struct dut *)ctx)->packet, dst);
}

static bool
link_is_mine(void *ctx, const struct addr *src, uint16_t sport, const struct addr *dst,
             uint16_t dport)
{
	return packet_owner(((struct dut *)ctx)->packet, dst, dport, src, sport) == 0;
}

static void
on_icmp(void *ctx, const struct packet_icmp_error *e, uint64_t now_us)
{
	tcp_icmp(((struct dut *)ctx)->tcp, e, now_us);
}

/* ---- making it */

static int
open_port(struct dut *d, char *err)
{
	struct packet_eal_port_config pc = { .port = d->opt.port };
	struct packet_eal_config ec = { .memory_bytes = EAL_BYTES,
		                        .device_cnt = 1,
		                        .hugepages = PACKET_HUGEPAGES_NEVER };
	char device[96];
	int ret;

	if (d->opt.is_tap)
		snprintf(device, sizeof(device), "net_tap0,iface=%s,mac=fixed", d->opt.interface);
	else
		snprintf(device, sizeof(device), "net_af_packet0,iface=%s,framecnt=2048",
		         d->opt.interface);
	pc.device = device;
	ec.devices = &pc.device;
	ret = packet_eal_start(&ec, err);
	if (ret < 0)
		return ret;
	d->mbufs = packet_pool_new("dut", packet_pool_size(EAL_BYTES, 1, MTU), MTU);
	if (!d->mbufs) {
		snprintf(err, PACKET_ERROR_TEXT, "no memory for mbufs");
		return -ENOMEM;
	}
	pc.port.name = d->opt.interface;
	pc.port.seed = rng_next(&d->rng);
	pc.port.key = packet_key_from(rng_next(&d->rng));
	pc.port.no_announce = true; /* nothing leaves that the tester did not cause */
	d->port = packet_eal_open(&pc, 1, &d->mbufs, err);
	return d->port ? 0 : -EIO;
}

static void
configure(struct dut *d)
{
	struct tcp_config *t = &d->cfg;

	tcp_config_defaults(t);
	t->conn_cnt = t->syn_cnt = t->orphan_cnt = 4096;
	t->timewait_cnt = 16384;
	t->slice_cnt = 65536;
	t->small_chunk_cnt = t->ooo_cnt = 1024;
	t->tx_cnt = 4096;
	t->big_cnt = 64;
	t->mbuf_budget = d->mbufs->size / 4 * 3;
	t->snd_buf_bytes = t->snd_buf_max_bytes = 4u << 20;
	t->wheel_kind = 0;
	t->isn_still = d->opt.has_seed;
	t->table_key = (struct siphash_key){ rng_next(&d->rng), rng_next(&d->rng) };
	t->isn_key = (struct siphash_key){ rng_next(&d->rng), rng_next(&d->rng) };
}

int
dut_node_open(struct dut *d, char *err)
{
	const struct tcp_link link = { .ctx = d,
		                       .alloc = link_alloc,
		                       .send = link_send,
		                       .mtu = link_mtu,
		                       .is_mine = link_is_mine };
	const struct packet_up up = { d, on_icmp };
	int ret;

	rng_seed(&d->rng, d->opt.has_seed ? d->opt.seed : rng_entropy());
	ret = open_port(d, err);
	if (ret)
		return ret;
	snprintf(err, PACKET_ERROR_TEXT, "no memory");
	d->packet =
	        packet_new(packet_eal_port(d->port), 0, packet_eal_dev(d->port, 0), d->mbufs, &up);
	if (!d->packet ||
	    pool_init_mapped(&d->chunks, "writes", sizeof(struct chunk) + CHUNK_BYTES, SOCK_CHUNKS))
		return -ENOMEM;
	configure(d);
	d->now_us = clock_mono_us();
	wheel_init(&d->wheel, d->now_us);
	d->tcp = tcp_stack_new(&d->cfg, &link, &d->wheel, &d->rng, &d->n_tcp);
	return d->tcp ? 0 : -ENOMEM;
}

void
dut_node_close(struct dut *d)
{
	for (size_t i = 0; i < DUT_SOCKS_MAX; i++)
		if (d->socks[i]) {
			dut_sock_reset(d->socks[i]);
			dut_sock_free(d->socks[i]);
		}
	if (d->tcp)
		dut_node_out(d);
	tcp_stack_free(d->tcp);
	if (d->packet)
		packet_free(d->packet);
	if (d->chunks.memory)
		pool_fini_mapped(&d->chunks);
	packet_eal_close(d->port);
	packet_eal_stop();
}

/* ---- a turn */

bool
dut_node_in(struct dut *d)
{
	struct packet_in in[PACKET_IN_MAX];
	bool busy = false;
	unsigned n;

	d->now_us = clock_mono_us();
	n = packet_rx(d->packet, d->now_us, in, PACKET_IN_MAX, &busy);
	tcp_input_burst(d->tcp, in, n, d->now_us);
	return tcp_ready(d->tcp, d->now_us) > 0 || busy || n > 0;
}

bool
dut_node_out(struct dut *d)
{
	bool fired;

	tcp_flush(d->tcp, d->now_us);
	fired = wheel_turn(&d->wheel, d->now_us, TIMERS_A_TURN) > 0;
	if (fired)
		tcp_flush(d->tcp, d->now_us);
	packet_flush(d->packet);
	return fired;
}

uint64_t
dut_node_next_us(const struct dut *d, uint64_t max_us)
{
	uint64_t next = d->now_us + wheel_next_us(&d->wheel, d->now_us, max_us);

	next = MIN(next, packet_next_us(d->packet));
	return next > d->now_us ? next - d->now_us : 0;
}
