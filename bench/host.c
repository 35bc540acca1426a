/* SPDX-License-Identifier: BSD-3-Clause
 * host.c - the loop of a host
 */
#include "bench/host.h"

static struct rte_mbuf *
link_alloc(void *ctx)
{
	return packet_alloc(((struct host *)ctx)->packet);
}

static void
link_send(void *ctx, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
          uint8_t tos, uint64_t now_us)
{
	packet_send(((struct host *)ctx)->packet, m, src, dst, tos, now_us);
}

static unsigned
link_mtu(void *ctx, const struct addr *dst)
{
	return packet_mtu(((struct host *)ctx)->packet, dst);
}

static bool
link_is_mine(void *ctx, const struct addr *src, uint16_t sport, const struct addr *dst,
             uint16_t dport)
{
	(void)ctx; /* a host has one worker */
	(void)src;
	(void)sport;
	(void)dst;
	(void)dport;
	return true;
}

static struct packet_port *
make_port(const struct host_config *c)
{
	struct packet_port_config pc = { .name = c->name, .worker_cnt = 1, .no_announce = true };
	char err[PACKET_ERROR_TEXT];
	struct packet_port *port;

	for (unsigned i = 0; i < c->address_cnt; i++)
		BUG_ON(!packet_addr_parse(span_z(c->addresses[i]), &pc.addresses[i]));
	pc.address_cnt = c->address_cnt;
	if (c->gateway4)
		BUG_ON(!addr_parse(span_z(c->gateway4), &pc.gateway4));
	memcpy(pc.mac, c->mac, sizeof(pc.mac));
	pc.key = packet_key_from(c->seed);
	pc.seed = c->seed;
	port = packet_port_new(&pc, err);
	if (!port)
		fprintf(stderr, "%s: %s\n", c->name, err);
	return port;
}

int
host_init(struct host *h, const struct host_config *c)
{
	const struct packet_up up = { 0 };
	struct tcp_link link = { h, link_alloc, link_send, link_mtu, link_is_mine, NULL };
	struct tcp_config tc;

	memset(h, 0, sizeof(*h));
	rng_seed(&h->rng, c->seed);
	wheel_init(&h->wheel, c->now_us);
	if (!c->port) {
		h->port = make_port(c);
		if (!h->port)
			return -EINVAL;
	}
	h->packet = packet_new(c->port ? c->port : h->port, 0, &c->dev, c->pool, &up);
	if (!h->packet)
		goto err;
	tcp_config_defaults(&tc);
	tc.conn_cnt = c->conn_cnt;
	tc.timewait_cnt = c->timewait_cnt;
	tc.wheel_kind = 0;
	tc.newreno = c->newreno;
	tc.table_key = (struct siphash_key){ rng_next(&h->rng), rng_next(&h->rng) };
	tc.isn_key = (struct siphash_key){ rng_next(&h->rng), rng_next(&h->rng) };
	if (c->time_wait_ms)
		tc.time_wait_ms = c->time_wait_ms;
	h->tcp = tcp_stack_new(&tc, &link, &h->wheel, &h->rng, &h->counters);
	if (h->tcp)
		return 0;
err:
	fprintf(stderr, "%s: no memory for a host\n", c->name);
	host_fini(h);
	return -ENOMEM;
}

void
host_turn(struct host *h, uint64_t now_us)
{
	struct packet_in in[PACKET_IN_MAX];
	bool frames = false;
	unsigned n = packet_rx(h->packet, now_us, in, PACKET_IN_MAX, &frames), served;

	tcp_input_burst(h->tcp, in, n, now_us);
	served = tcp_ready(h->tcp, now_us);
	wheel_turn(&h->wheel, now_us, 0);
	tcp_flush(h->tcp, now_us);
	packet_flush(h->packet);
	h->busy = frames || served > 0;
}

uint64_t
host_next_us(const struct host *h, uint64_t now_us, uint64_t max_us)
{
	uint64_t timer = now_us + wheel_next_us(&h->wheel, now_us, max_us);

	return MIN(timer, packet_next_us(h->packet));
}

void
host_fini(struct host *h)
{
	tcp_stack_free(h->tcp);
	if (h->packet)
		packet_free(h->packet);
	if (h->port)
		packet_port_free(h->port);
	memset(h, 0, sizeof(*h));
}
