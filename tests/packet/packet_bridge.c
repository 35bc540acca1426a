/* SPDX-License-Identifier: BSD-3-Clause
 * packet_bridge.c - frames from one DPDK device to another and back, until SIGTERM
 *
 * packet-bridge DEVICE DEVICE
 * Why     A device without a kernel's end (net_memif) is joined to one that has it (net_tap), so that the kernel can talk through it.
 *         Nothing of a frame is looked at or changed; no address of its own answers, since no packet layer runs on these ports.
 * Prints {"ready": true} when both run, and at the end the frames of each direction and those that found no room.
 */
#include "dataplane/packet/packet_eal.h"
#include "tests/until_signal.h"
#include <rte_mbuf.h>

static const struct packet_dev *side[2];
static uint64_t passed[2], lost;

static unsigned
pass(unsigned from)
{
	const struct packet_dev *in = side[from], *out = side[!from];
	struct rte_mbuf *m[PACKET_BURST];
	uint16_t n = in->ops->rx(in->dev, m, PACKET_BURST), sent;

	for (unsigned i = 0; i < n; i++)
		m[i]->ol_flags = 0; /* what one device said of it is no order to the other */
	sent = n ? out->ops->tx(out->dev, m, n) : 0;
	for (unsigned i = sent; i < n; i++)
		rte_pktmbuf_free(m[i]);
	passed[from] += sent;
	lost += (unsigned)(n - sent);
	return n;
}

static int
run(void *arg)
{
	(void)arg;
	while (!stop)
		if (pass(0) + pass(1) == 0)
			packet_sleep(20);
	return 0;
}

static int
fail(const char *why)
{
	fprintf(stderr, "packet-bridge: %s\n", why);
	return 2;
}

int
main(int argc, char **argv)
{
	struct packet_eal_config ec = { .hugepages = PACKET_HUGEPAGES_NEVER };
	struct packet_eal_port *ports[2];
	struct rte_mempool *pool;
	char err[PACKET_ERROR_TEXT] = "";

	if (argc != 3)
		return fail("two devices");
	ec.devices = (const char *const *)&argv[1];
	ec.device_cnt = 2;
	ec.memory_bytes = 64u << 20;
	if (packet_eal_start(&ec, err) < 0)
		return fail(err);
	pool = packet_pool_new("rx", 8192, 1500);
	if (!pool)
		return fail("no memory for mbufs");
	for (unsigned i = 0; i < 2; i++) {
		struct packet_eal_port_config pc = { .device = argv[1 + i],
			                             .software_checksums = true,
			                             .port.address_cnt = 1 };

		packet_addr_parse(span_z("192.0.2.1"), &pc.port.addresses[0]); /* nobody's */
		ports[i] = packet_eal_open(&pc, 1, &pool, err);
		if (!ports[i])
			return fail(err);
		side[i] = packet_eal_dev(ports[i], 0);
	}
	stop_on_signals();
	if (packet_eal_launch(0, run, NULL))
		return fail("the worker did not start");
	printf("{\"ready\": true}\n");
	fflush(stdout);
	packet_eal_join(0);
	printf("{\"there\": %llu, \"back\": %llu, \"lost\": %llu}\n", (unsigned long long)passed[0],
	       (unsigned long long)passed[1], (unsigned long long)lost);
	packet_eal_close(ports[0]);
	packet_eal_close(ports[1]);
	packet_eal_stop();
	return 0;
}
