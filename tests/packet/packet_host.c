/* SPDX-License-Identifier: BSD-3-Clause
 * packet_host.c - the packet layer alone on a device: answers ARP, ND and echo until SIGTERM, then prints its counters
 *
 * packet-host --device DEV [--cores C] [--address A/L]... [--gateway A] [--vlan N] [--software] [--syn A:P]
 * Prints {"ready": true, "mac": "…"} when it listens, and one JSON object of counters at the end. TCP segments are answered with RST,
 * so that both directions of packet_send() are seen by a kernel's connect().
 */
#include "base/clock.h"
#include "base/rng.h"
#include "dataplane/packet/packet_eal.h"
#include "tests/until_signal.h"
#include <getopt.h>
#include <rte_mbuf.h>

static int
usage(const char *why)
{
	fprintf(stderr, "packet-host: %s\n", why);
	return 2;
}

/* A RST to whatever came, as RFC 9293 3.10.7.1 says for a closed port. */
static void
reset(struct packet *p, const struct packet_in *in, uint64_t now_us)
{
	const uint8_t *t = rte_pktmbuf_mtod_offset(in->m, const uint8_t *, in->l4_off);
	struct rte_mbuf *m = packet_alloc(p);
	uint8_t *r;
	uint32_t len =
	        in->l4_len - (t[12] >> 4) * 4u + ((t[13] & 2) ? 1 : 0) + ((t[13] & 1) ? 1 : 0);

	if (!m)
		return;
	if (t[13] & 4) {
		rte_pktmbuf_free(m);
		return;
	}
	r = (uint8_t *)rte_pktmbuf_append(m, 20);
	memset(r, 0, 20);
	memcpy(r, t + 2, 2);
	memcpy(r + 2, t, 2);
	store_be32(r + 8, load_be32(t + 4) + len);
	r[12] = 5 << 4;
	r[13] = 0x14;
	packet_send(p, m, &in->dst, &in->src, 0, now_us);
}

struct worker {
	struct packet *p;
	struct packet_idle idle;
};

static int
run(void *arg)
{
	struct worker *w = arg;
	struct packet_in in[PACKET_IN_MAX];

	while (!stop) {
		uint64_t now = clock_mono_us();
		bool busy = false;
		unsigned n = packet_rx(w->p, now, in, PACKET_IN_MAX, &busy);
		uint32_t us;

		for (unsigned i = 0; i < n; i++) {
			reset(w->p, &in[i], now);
			rte_pktmbuf_free(in[i].m);
		}
		packet_flush(w->p);
		us = packet_idle_us(&w->idle, busy, now, 1000);
		if (us)
			packet_sleep(us);
	}
	return 0;
}

static void
print_counters(struct worker *w, unsigned cnt)
{
	printf("{");
	for (size_t c = 0; c < PACKET_COUNTERS; c++) {
		uint64_t sum = 0;

		for (unsigned i = 0; i < cnt; i++)
			sum += counter_read((const uint64_t *)packet_counters(w[i].p) + c);
		printf("%s\"%s\": %llu", c ? ", " : "", packet_counter_desc[c].field,
		       (unsigned long long)sum);
	}
	printf("}\n");
}

static int
options(int argc, char **argv, struct packet_eal_config *ec, struct packet_eal_port_config *pc)
{
	static const struct option table[] = {
		{ "device", 1, 0, 'd' },    { "cores", 1, 0, 'c' },
		{ "address", 1, 0, 'a' },   { "gateway", 1, 0, 'g' },
		{ "software", 0, 0, 's' },  { "vlan", 1, 0, 'v' },
		{ "hugepages", 0, 0, 'H' }, { 0 },
	};
	struct addr g;
	int o;

	while ((o = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (o == 'd')
			pc->device = optarg;
		else if (o == 'c')
			ec->cores = optarg;
		else if (o == 's')
			pc->software_checksums = true;
		else if (o == 'v')
			pc->port.vlan = (uint16_t)atoi(optarg);
		else if (o == 'H')
			ec->hugepages = PACKET_HUGEPAGES_ALWAYS;
		else if (o == 'a' && pc->port.address_cnt < PACKET_ADDRS_MAX &&
		         packet_addr_parse(span_z(optarg),
		                           &pc->port.addresses[pc->port.address_cnt]))
			pc->port.address_cnt++;
		else if (o == 'g' && addr_parse(span_z(optarg), &g))
			*(addr_is_v4(&g) ? &pc->port.gateway4 : &pc->port.gateway6) = g;
		else
			return -1;
	}
	return pc->device ? 0 : -1;
}

static int
serve(struct packet_eal_port *e, struct rte_mempool **pools, unsigned n)
{
	struct worker w[WORKERS_MAX] = { 0 };
	const uint8_t *mac;

	for (unsigned i = 0; i < n; i++) {
		w[i].p = packet_new(packet_eal_port(e), i, packet_eal_dev(e, i), pools[i], NULL);
		if (!w[i].p || packet_eal_launch(i, run, &w[i]))
			return usage("a worker did not start");
	}
	mac = packet_mac(w[0].p);
	printf("{\"ready\": true, \"mac\": \"%02x:%02x:%02x:%02x:%02x:%02x\"}\n", mac[0], mac[1],
	       mac[2], mac[3], mac[4], mac[5]);
	fflush(stdout);
	for (unsigned i = 0; i < n; i++)
		packet_eal_join(i);
	print_counters(w, n);
	for (unsigned i = 0; i < n; i++)
		packet_free(w[i].p);
	return 0;
}

int
main(int argc, char **argv)
{
	struct packet_eal_config ec = { .hugepages = PACKET_HUGEPAGES_NEVER };
	struct packet_eal_port_config pc = { 0 };
	struct rte_mempool *pools[WORKERS_MAX];
	struct packet_eal_port *e;
	char err[PACKET_ERROR_TEXT] = "";
	int n, rc;

	if (options(argc, argv, &ec, &pc))
		return usage("see the head of tests/packet/packet_host.c");
	pc.port.seed = rng_entropy();
	pc.port.key = packet_key_from(rng_entropy());
	ec.devices = &pc.device;
	ec.device_cnt = 1;
	ec.memory_bytes = 64u << 20;
	n = packet_eal_start(&ec, err);
	if (n < 0)
		return usage(err);
	for (int i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "rx%d", i);
		pools[i] = packet_pool_new(
		        name, packet_pool_size(ec.memory_bytes, (unsigned)n, 1500), 1500);
		if (!pools[i])
			return usage("no memory for mbufs");
	}
	e = packet_eal_open(&pc, (unsigned)n, pools, err);
	if (!e)
		return usage(err);
	stop_on_signals();
	rc = serve(e, pools, (unsigned)n);
	packet_eal_close(e);
	packet_eal_stop();
	return rc;
}
