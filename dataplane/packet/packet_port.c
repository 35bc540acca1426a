/* SPDX-License-Identifier: BSD-3-Clause
 * packet_port.c - what the workers of a port share: addresses, key, steering rings
 */
#include "dataplane/packet/packet_priv.h"
#include "base/rng.h"
#include "dataplane/packet/capture.h"

bool
packet_addr_parse(struct span text, struct packet_addr *out)
{
	const char *slash = memchr(text.p, '/', text.len);
	struct span head = slash ? span(text.p, (size_t)(slash - text.p)) : text;
	struct addr_prefix prefix;
	struct packet_addr a;
	static const struct addr zero, loopback6 = { { [15] = 1 } };

	if (!addr_parse(head, &a.addr) || !addr_parse_prefix(text, true, &prefix))
		return false;
	if (addr_is_v4(&a.addr) != (memchr(head.p, ':', head.len) == NULL))
		return false; /* ::ffff:a.b.c.d */
	a.bits = prefix.bits;
	if (addr_is_v4(&a.addr)) {
		uint32_t net = addr_v4_of(&a.addr) >> 24;

		if (net == 0 || net == 127 || net >= 224)
			return false;
	} else if (a.addr.b[0] == 0xff || addr_eq(&a.addr, &zero) || addr_eq(&a.addr, &loopback6)) {
		return false;
	}
	*out = a;
	return true;
}

struct packet_key
packet_key_from(uint64_t seed)
{
	struct packet_key k;
	struct rng r;

	rng_seed(&r, seed);
	for (unsigned i = 0; i < PACKET_KEY_BYTES; i += 8) {
		uint64_t v = rng_next(&r);

		memcpy(k.b + i, &v, 8);
	}
	return k;
}

static void
add_local(struct packet_port *port, const struct addr *a, uint8_t bits)
{
	struct local_addr *l = &port->local[port->local_cnt++];

	l->addr = *a;
	l->prefix = (struct addr_prefix){ addr_mask(a, bits), bits };
	l->v4 = addr_is_v4(a);
	l->state = l->v4 || port->c.no_announce ? LOCAL_PREFERRED : LOCAL_TENTATIVE;
}

/* fe80:: and the MAC as EUI-64 (RFC 4291 appendix A). */
static void
add_link_local(struct packet_port *port)
{
	const uint8_t *mac = port->c.mac;
	struct addr a = { { 0xfe, 0x80, [11] = 0xff, [12] = 0xfe } };

	a.b[8] = mac[0] ^ 2;
	a.b[9] = mac[1];
	a.b[10] = mac[2];
	memcpy(a.b + 13, mac + 3, 3);
	add_local(port, &a, 64);
}

static bool
is_zero(const struct addr *a)
{
	static const struct addr zero;

	return addr_eq(a, &zero);
}

static bool
on_link(const struct packet_port *port, const struct addr *a)
{
	for (unsigned i = 0; i < port->local_cnt; i++)
		if (port->local[i].v4 == addr_is_v4(a) && addr_in_prefix(a, &port->local[i].prefix))
			return true;
	return false;
}

static const char *
check_gateway(const struct packet_port *port, const struct addr *g, bool v4)
{
	if (is_zero(g))
		return NULL;
	if (addr_is_v4(g) != v4)
		return v4 ? "gateway4 is not an IPv4 address" : "gateway6 is not an IPv6 address";
	if (on_link(port, g) || (!v4 && addr_is_link_local(g)))
		return NULL;
	return v4 ? "gateway4 is in no network of this port's addresses"
	          : "gateway6 is in no network of this port's addresses";
}

static const char *
set_addresses(struct packet_port *port)
{
	const struct packet_port_config *c = &port->c;
	bool v6 = false;
	const char *wrong;

	if (c->address_cnt == 0 || c->address_cnt > PACKET_ADDRS_MAX)
		return "a port needs 1 to 32 addresses";
	for (unsigned i = 0; i < c->address_cnt; i++) {
		add_local(port, &c->addresses[i].addr, c->addresses[i].bits);
		v6 |= !addr_is_v4(&c->addresses[i].addr);
	}
	if (v6)
		add_link_local(port);
	wrong = check_gateway(port, &c->gateway4, true);
	if (!wrong)
		wrong = check_gateway(port, &c->gateway6, false);
	port->has_gateway4 = !is_zero(&c->gateway4);
	port->has_gateway6 = !is_zero(&c->gateway6);
	return wrong;
}

static const char *
make_rings(struct packet_port *port)
{
	ssize_t bytes = rte_ring_get_memsize(STEER_RING_FRAMES);

	for (unsigned i = 0; i < port->c.worker_cnt && port->c.worker_cnt > 1; i++) {
		struct rte_ring *r = aligned_alloc(64, ((size_t)bytes + 63) & ~(size_t)63);
		char name[RTE_RING_NAMESIZE];

		if (!r)
			return "out of memory";
		snprintf(name, sizeof(name), "steer%u", i);
		if (rte_ring_init(r, name, STEER_RING_FRAMES, RING_F_SC_DEQ)) {
			free(r);
			return "steering ring refused";
		}
		port->steer[i] = r;
	}
	return NULL;
}

static const char *
set_up(struct packet_port *port)
{
	struct packet_port_config *c = &port->c;
	const char *wrong;

	if (c->worker_cnt == 0 || c->worker_cnt > WORKERS_MAX)
		return "a port needs 1 to 64 workers";
	if (c->vlan > 4094)
		return "vlan is not 0 to 4094";
	if (c->mtu == 0)
		c->mtu = 1500;
	if (c->mtu < 1280 || c->mtu > 9600)
		return "mtu is not 1280 to 9600";
	if (c->neighbours_max == 0)
		c->neighbours_max = NEIGH_DEFAULT;
	c->neighbours_max = MIN(c->neighbours_max, (uint32_t)NEIGH_MAX);
	if (c->echo_per_s == 0)
		c->echo_per_s = ECHO_DEFAULT_PER_S;
	wrong = set_addresses(port);
	if (wrong)
		return wrong;
	toeplitz_init(&port->toeplitz, c->key.b);
	for (unsigned i = 0; i < sizeof(port->owner); i++)
		port->owner[i] = (uint8_t)(i % c->worker_cnt);
	return make_rings(port);
}

struct packet_port *
packet_port_new(const struct packet_port_config *c, char *err)
{
	struct packet_port *port = aligned_alloc(64, (sizeof(*port) + 63) & ~(size_t)63);
	const char *wrong = "out of memory";

	if (port) {
		memset(port, 0, sizeof(*port));
		port->c = *c;
		snprintf(port->name, sizeof(port->name), "%s", c->name ? c->name : "port");
		port->c.name = port->name;
		port->capture = aligned_alloc(64, sizeof(*port->capture));
		if (port->capture) {
			memset(port->capture, 0, sizeof(*port->capture));
			wrong = set_up(port);
		}
	}
	if (!wrong)
		return port;
	snprintf(err, PACKET_ERROR_TEXT, "%s: %s", c->name ? c->name : "port", wrong);
	packet_port_free(port);
	return NULL;
}

void
packet_port_free(struct packet_port *port)
{
	if (!port)
		return;
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		void *m;

		while (port->steer[i] && rte_ring_dequeue(port->steer[i], &m) == 0)
			rte_pktmbuf_free(m);
		free(port->steer[i]);
	}
	capture_fini(port->capture);
	free(port);
}

enum local_state
local_state(const struct local_addr *l)
{
	return __atomic_load_n(&l->state, __ATOMIC_RELAXED);
}

unsigned
packet_port_addresses(const struct packet_port *port, struct packet_address_state *out,
                      unsigned max)
{
	unsigned n = MIN(max, port->local_cnt);

	for (unsigned i = 0; i < n; i++)
		out[i] = (struct packet_address_state){
			port->local[i].addr, local_state(&port->local[i]) == LOCAL_DUPLICATE
		};
	return n;
}

const char *
packet_port_name(const struct packet_port *port)
{
	return port->name;
}
