/* SPDX-License-Identifier: BSD-3-Clause
 * packet_eal_port.c - a DPDK port as configured: queues, offloads, RSS, and its packet_dev
 */
#include "base/clock.h"
#include "dataplane/packet/packet_eal.h"
#include "dataplane/packet/packet_eal_log.h"
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_errno.h>
#include <rte_ring.h>

#define DESCS      512
#define TAP_GAP_US 2 /* an empty poll of a tap is a system call: not more often than this */
/* A frame of AF_XDP, our mbuf's head and the kernel's share one page (packet_eal.c, data_room()). */
#define AF_XDP_MTU_MAX 3392
#define ANY_SOCKET     ((unsigned)SOCKET_ID_ANY)
#define RSS_FUNCTION   (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP)

struct queue {
	uint16_t port, id;
	bool prepare;        /* the driver wants a look at offloaded packets first */
	uint64_t gap_cycles; /* between empty polls */
	uint64_t not_before;
	struct packet_dev dev;
};

struct packet_eal_port {
	uint16_t id;
	struct packet_port *port;
	unsigned queue_cnt;
	struct queue queues[];
};

static uint16_t
rx(void *dev, struct rte_mbuf **m, uint16_t n)
{
	struct queue *q = dev;
	uint16_t got;

	if (q->gap_cycles == 0)
		return rte_eth_rx_burst(q->port, q->id, m, n);
	if (clock_cycles() < q->not_before)
		return 0;
	got = rte_eth_rx_burst(q->port, q->id, m, n);
	if (got == 0)
		q->not_before = clock_cycles() + q->gap_cycles;
	return got;
}

static uint16_t
tx(void *dev, struct rte_mbuf **m, uint16_t n)
{
	struct queue *q = dev;

	if (q->prepare)
		n = rte_eth_tx_prepare(q->port, q->id, m, n);
	return rte_eth_tx_burst(q->port, q->id, m, n);
}

static const struct packet_dev_ops dpdk_ops = { rx, tx };

static struct packet_eal_port *fail(char *err, const char *format, ...) PRINTF(2, 3);

static struct packet_eal_port *
fail(char *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err, PACKET_ERROR_TEXT, format, ap);
	va_end(ap);
	return NULL;
}

/* ---- what the device can */

static const struct {
	uint64_t offload;
	uint32_t cap;
} tx_caps[] = {
	{ RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, PACKET_CAP_TX_IP_CSUM },
	{ RTE_ETH_TX_OFFLOAD_TCP_CKSUM, PACKET_CAP_TX_TCP_CSUM },
	{ RTE_ETH_TX_OFFLOAD_TCP_TSO, PACKET_CAP_TSO },
	{ RTE_ETH_TX_OFFLOAD_MULTI_SEGS, PACKET_CAP_MULTI_SEG },
	{ RTE_ETH_TX_OFFLOAD_VLAN_INSERT, PACKET_CAP_VLAN_INSERT },
};

#define RX_CSUM (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)

/* TSO needs the checksum with it. */
static uint32_t
choose_offloads(const struct rte_eth_dev_info *info, bool software, struct rte_eth_conf *conf)
{
	uint32_t caps = 0;

	for (unsigned i = 0; i < ARRAY_LEN(tx_caps); i++) {
		bool is_csum = tx_caps[i].cap &
		               (PACKET_CAP_TX_IP_CSUM | PACKET_CAP_TX_TCP_CSUM | PACKET_CAP_TSO);

		if (!(info->tx_offload_capa & tx_caps[i].offload) || (software && is_csum))
			continue;
		conf->txmode.offloads |= tx_caps[i].offload;
		caps |= tx_caps[i].cap;
	}
	if (!software && (info->rx_offload_capa & RX_CSUM) == RX_CSUM) {
		conf->rxmode.offloads |= RX_CSUM;
		caps |= PACKET_CAP_RX_CSUM;
	}
	if (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_STRIP)
		conf->rxmode.offloads |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	return caps;
}

/* RSS by our key and table, where the device has it: then no packet of a flow has to change cores. */
static bool
choose_rss(const struct rte_eth_dev_info *info, unsigned queues, const struct packet_key *key,
           uint8_t *key_room, struct rte_eth_conf *conf)
{
	size_t len = info->hash_key_size;

	if (queues < 2 || len < PACKET_KEY_BYTES || len > 64 || info->reta_size == 0 ||
	    (info->flow_type_rss_offloads & RSS_FUNCTION) != RSS_FUNCTION)
		return false;
	memset(key_room, 0, len);
	memcpy(key_room, key->b, PACKET_KEY_BYTES);
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf = (struct rte_eth_rss_conf){
		.rss_key = key_room,
		.rss_key_len = (uint8_t)len,
		.rss_hf = RSS_FUNCTION,
	};
	return true;
}

/* The table in the device as packet_port's: hash & 127 -> i % queues; longer tables repeat it. */
static bool
set_reta(uint16_t id, const struct rte_eth_dev_info *info, unsigned queues)
{
	struct rte_eth_rss_reta_entry64 reta[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];

	if (info->reta_size % 128 || info->reta_size > RTE_ETH_RSS_RETA_SIZE_512)
		return false;
	for (unsigned i = 0; i < info->reta_size; i++) {
		reta[i / 64].mask = UINT64_MAX;
		reta[i / 64].reta[i % 64] = (uint16_t)(i % 128 % queues);
	}
	return rte_eth_dev_rss_reta_update(id, reta, info->reta_size) == 0;
}

/* ---- opening */

/* A tap's address is that of the kernel's end, and a ring has none: ours differs, so that nobody sees his own address speak. */
static void
choose_mac(uint16_t id, const struct rte_eth_dev_info *info, uint8_t mac[6])
{
	struct rte_ether_addr a = { { 0 } };
	bool is_tap = !strcmp(info->driver_name, "net_tap");

	rte_eth_macaddr_get(id, &a);
	memcpy(mac, a.addr_bytes, 6);
	if (rte_is_zero_ether_addr(&a))
		memcpy(mac, (uint8_t[]){ 2, 'w', 'e', 'i', 'r', (uint8_t)id }, 6);
	else if (is_tap) {
		mac[0] = (uint8_t)((mac[0] | 2) & 0xfe);
		mac[5] ^= 1;
	}
}

static int
start_queues(uint16_t id, unsigned queues, const struct rte_eth_conf *conf, uint16_t mtu,
             struct rte_mempool *const *pools)
{
	uint16_t rxd = DESCS, txd = DESCS, n = (uint16_t)queues;
	int rc = rte_eth_dev_configure(id, n, n, conf);

	if (rc == 0)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(id, &rxd, &txd);
	if (rc == 0 && mtu && mtu != 1500)
		rc = rte_eth_dev_set_mtu(id, mtu);
	for (uint16_t q = 0; q < n && rc == 0; q++) {
		rc = rte_eth_rx_queue_setup(id, q, rxd, ANY_SOCKET, NULL, pools[q]);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(id, q, txd, ANY_SOCKET, NULL);
	}
	if (rc == 0)
		rc = rte_eth_dev_start(id);
	if (rc == 0)
		rte_eth_allmulticast_enable(
		        id); /* solicited-node groups; a device without it gives all anyway */
	return rc;
}

static void
fill_queues(struct packet_eal_port *e, const struct rte_eth_dev_info *info, uint32_t caps)
{
	bool is_tap = !strcmp(info->driver_name, "net_tap");

	for (unsigned i = 0; i < e->queue_cnt; i++) {
		struct queue *q = &e->queues[i];

		q->port = e->id;
		q->id = (uint16_t)i;
		q->prepare = caps & (PACKET_CAP_TX_TCP_CSUM | PACKET_CAP_TX_IP_CSUM);
		q->gap_cycles = is_tap ? clock_cycles_per_second() / 1000000 * TAP_GAP_US : 0;
		q->dev = (struct packet_dev){ &dpdk_ops, q };
	}
}

static int
find_port(const struct packet_eal_port_config *c, uint16_t *id)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	if (!c->device) {
		*id = (uint16_t)c->dpdk_port;
		return rte_eth_dev_is_valid_port(*id) ? 0 : -ENODEV;
	}
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(c->device, ","), c->device);
	return rte_eth_dev_get_port_by_name(name, id);
}

struct packet_eal_port *
packet_eal_open(const struct packet_eal_port_config *c, unsigned worker_cnt,
                struct rte_mempool *const *pools, char *err)
{
	const char *name = c->device ? c->device : c->port.name;
	struct packet_port_config pc = c->port;
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	struct packet_eal_port *e;
	uint8_t key[64];
	uint16_t id;
	int rc;

	if (find_port(c, &id) || rte_eth_dev_info_get(id, &info))
		return fail(err, "device %s: not there", name);
	if (worker_cnt > info.max_rx_queues || worker_cnt > info.max_tx_queues)
		return fail(err, "device %s has %u queues, but there are %u cores", name,
		            MIN(info.max_rx_queues, info.max_tx_queues), worker_cnt);
	if (!strcmp(info.driver_name, "net_af_xdp") && pc.mtu > AF_XDP_MTU_MAX)
		return fail(err, "device %s: AF_XDP carries an MTU of at most %d, not %u", name,
		            AF_XDP_MTU_MAX, pc.mtu);
	pc.worker_cnt = worker_cnt;
	pc.caps = choose_offloads(&info, c->software_checksums, &conf);
	if (choose_rss(&info, worker_cnt, &pc.key, key, &conf))
		pc.caps |= PACKET_CAP_RSS;
	choose_mac(id, &info, pc.mac);
	packet_log_hold();
	rc = start_queues(id, worker_cnt, &conf, pc.mtu, pools);
	if (rc)
		fail(err, "device %s did not start: %s", name, rte_strerror(-rc));
	packet_log_release(rc ? err : NULL);
	if (rc)
		return NULL;
	if ((pc.caps & PACKET_CAP_RSS) && !set_reta(id, &info, worker_cnt))
		pc.caps &= ~(uint32_t)PACKET_CAP_RSS;
	e = calloc(1, sizeof(*e) + worker_cnt * sizeof(e->queues[0]));
	if (!e)
		return fail(err, "device %s: out of memory", name);
	e->id = id;
	e->queue_cnt = worker_cnt;
	e->port = packet_port_new(&pc, err);
	if (!e->port) {
		free(e);
		return NULL;
	}
	fill_queues(e, &info, pc.caps);
	return e;
}

struct packet_port *
packet_eal_port(struct packet_eal_port *e)
{
	return e->port;
}

const struct packet_dev *
packet_eal_dev(struct packet_eal_port *e, unsigned worker)
{
	return &e->queues[worker].dev;
}

void
packet_eal_close(struct packet_eal_port *e)
{
	if (!e)
		return;
	rte_eth_dev_stop(e->id);
	rte_eth_dev_close(e->id);
	packet_port_free(e->port);
	free(e);
}

/* ---- rings */

static int
make_rings(const char *name, char side, unsigned queues, unsigned frames, struct rte_ring **out)
{
	for (unsigned q = 0; q < queues; q++) {
		char text[RTE_RING_NAMESIZE];

		snprintf(text, sizeof(text), "%.16s%c%u", name, side, q);
		out[q] =
		        rte_ring_create(text, frames, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (!out[q])
			return -rte_errno;
	}
	return 0;
}

int
packet_ring_pair(const char *name, unsigned queues, unsigned ring_frames, int *a, int *b)
{
	struct rte_ring *there[WORKERS_MAX], *back[WORKERS_MAX];
	char text[RTE_ETH_NAME_MAX_LEN];
	int rc, x, y;

	if (queues == 0 || queues > WORKERS_MAX)
		return -EINVAL;
	rc = make_rings(name, 'a', queues, ring_frames, there);
	if (rc == 0)
		rc = make_rings(name, 'b', queues, ring_frames, back);
	if (rc)
		return rc;
	snprintf(text, sizeof(text), "%.16s_a", name);
	x = rte_eth_from_rings(text, back, queues, there, queues, 0);
	snprintf(text, sizeof(text), "%.16s_b", name);
	y = x < 0 ? x : rte_eth_from_rings(text, there, queues, back, queues, 0);
	if (y < 0)
		return -rte_errno;
	*a = x;
	*b = y;
	return 0;
}
