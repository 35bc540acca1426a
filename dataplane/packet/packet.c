/* SPDX-License-Identifier: BSD-3-Clause
 * packet.c - one worker's end of a port: the receive turn, steering, the transmit burst, timers, questions
 */
#include "dataplane/packet/packet_priv.h"
#include <rte_prefetch.h>

#define ANNOUNCE_STEPS 3

static void
init_gateways(struct packet *p)
{
	if (p->port->has_gateway4)
		neigh_pin(p, &p->port->c.gateway4);
	if (p->port->has_gateway6)
		neigh_pin(p, &p->port->c.gateway6);
}

struct packet *
packet_new(struct packet_port *port, unsigned worker, const struct packet_dev *dev,
           struct rte_mempool *pool, const struct packet_up *up)
{
	struct packet *p = aligned_alloc(64, (sizeof(*p) + 63) & ~(size_t)63);
	const struct packet_port_config *c = &port->c;

	BUG_ON(worker >= c->worker_cnt);
	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	if (neigh_init(&p->neigh, c->neighbours_max, c->seed ^ worker)) {
		free(p);
		return NULL;
	}
	p->port = port;
	p->dev = *dev;
	p->pool = pool;
	p->worker = worker;
	p->caps = c->caps;
	p->mtu = c->mtu;
	p->ip_id = (uint16_t)c->seed;
	memcpy(p->mac, c->mac, 6);
	if (up)
		p->up = *up;
	bucket_init(&p->echo, c->echo_per_s, MAX(c->echo_per_s / 4, 1u));
	bucket_init(&p->solicit, NEIGH_SOLICIT_PER_S, NEIGH_SOLICIT_PER_S / 4);
	bucket_init(&p->copy, NEIGH_COPY_PER_S, NEIGH_COPY_PER_S / 4);
	bucket_init(&p->reply, NEIGH_REPLY_PER_S, NEIGH_REPLY_PER_S / 4);
	bucket_init(&p->reply_confirmed, NEIGH_CONFIRMED_REPLY_PER_S,
	            NEIGH_CONFIRMED_REPLY_PER_S / 4);
	p->announce_us = worker == 0 && !c->no_announce ? 0 : UINT64_MAX;
	p->due_us = p->announce_us;
	mld_init(p);
	init_gateways(p);
	return p;
}

void
packet_free(struct packet *p)
{
	if (!p)
		return;
	rte_pktmbuf_free_bulk(p->tx, p->tx_cnt);
	neigh_fini(p);
	frag_fini(p);
	free(p);
}

/* ---- addresses */

struct local_addr *
local_find(const struct packet *p, const struct addr *a)
{
	struct packet_port *port = p->port;

	for (unsigned i = 0; i < port->local_cnt; i++)
		if (addr_eq(&port->local[i].addr, a) &&
		    local_state(&port->local[i]) != LOCAL_DUPLICATE)
			return &port->local[i];
	return NULL;
}

struct local_addr *
local_on_link(const struct packet *p, const struct addr *a)
{
	struct packet_port *port = p->port;
	bool v4 = addr_is_v4(a);

	for (unsigned i = 0; i < port->local_cnt; i++)
		if (port->local[i].v4 == v4 && addr_in_prefix(a, &port->local[i].prefix))
			return &port->local[i];
	return NULL;
}

void
local_set_duplicate(struct packet *p, struct local_addr *l)
{
	__atomic_store_n(&l->state, LOCAL_DUPLICATE, __ATOMIC_RELAXED);
	packet_count(p, C_address_conflicts);
}

bool
packet_is_local(const struct packet *p, const struct addr *a)
{
	return local_find(p, a) != NULL;
}

static unsigned
common_bits(const struct addr *a, const struct addr *b)
{
	for (unsigned i = 0; i < 16; i++)
		if (a->b[i] != b->b[i])
			return i * 8 + (unsigned)__builtin_clz((unsigned)(a->b[i] ^ b->b[i])) - 24;
	return 128;
}

bool
packet_source_for(const struct packet *p, const struct addr *dst, struct addr *src)
{
	const struct packet_port *port = p->port;
	const struct local_addr *best = NULL;
	bool v4 = addr_is_v4(dst);
	unsigned most = 0;

	if (!local_on_link(p, dst) && !(v4 ? port->has_gateway4 : port->has_gateway6))
		return false;
	for (unsigned i = 0; i < port->local_cnt; i++) {
		const struct local_addr *l = &port->local[i];
		unsigned bits = common_bits(&l->addr, dst);

		if (l->v4 != v4 || local_state(l) == LOCAL_DUPLICATE ||
		    (!v4 && addr_is_link_local(&l->addr) != addr_is_link_local(dst)))
			continue;
		if (!best || bits > most) {
			best = l;
			most = bits;
		}
	}
	if (!best)
		return false;
	*src = best->addr;
	return true;
}

/* ---- steering */

void
steer(struct packet *p, struct rte_mbuf *m, unsigned worker)
{
	if (rte_ring_mp_enqueue(p->port->steer[worker], m)) {
		mbuf_drop(p, m, C_drop_steer_full);
		return;
	}
	packet_count(p, C_steered_out);
}

void
steer_copies(struct packet *p, const struct rte_mbuf *m)
{
	for (unsigned i = 0; i < p->port->c.worker_cnt; i++) {
		struct rte_mbuf *copy;

		if (i == p->worker)
			continue;
		if (!bucket_take(&p->copy, p->now_us)) {
			packet_count(p, C_drop_neighbour_limit);
			return;
		}
		copy = rte_pktmbuf_copy(m, p->pool, 0, UINT32_MAX);
		if (copy)
			steer(p, copy, i);
		else
			packet_count(p, C_drop_no_mbuf);
	}
}

uint32_t
packet_hash(const struct packet *p, const struct addr *src, uint16_t sport, const struct addr *dst,
            uint16_t dport)
{
	return toeplitz_flow(&p->port->toeplitz, src, sport, dst, dport);
}

unsigned
packet_owner(const struct packet *p, const struct addr *src, uint16_t sport, const struct addr *dst,
             uint16_t dport)
{
	return p->port->owner[packet_hash(p, src, sport, dst, dport) & 127];
}

unsigned
packet_worker(const struct packet *p)
{
	return p->worker;
}

/* ---- transmit */

struct rte_mbuf *
packet_alloc(struct packet *p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->pool);

	if (unlikely(!m))
		packet_count(p, C_drop_no_mbuf);
	return m;
}

void
packet_flush(struct packet *p)
{
	uint64_t bytes = 0;
	uint16_t sent;

	if (p->tx_cnt == 0)
		return;
	for (unsigned i = 0; i < p->tx_cnt; i++)
		bytes += p->tx[i]->pkt_len; /* before they are the device's */
	sent = p->dev.ops->tx(p->dev.dev, p->tx, p->tx_cnt);
	p->tx_cnt = (uint16_t)(p->tx_cnt - sent);
	if (p->tx_cnt > 0)
		memmove(p->tx, p->tx + sent, sizeof(p->tx[0]) * p->tx_cnt);
	for (unsigned i = 0; i < p->tx_cnt; i++)
		bytes -= p->tx[i]->pkt_len;
	counter_add(&p->counters.tx_frames, sent);
	counter_add(&p->counters.tx_bytes, bytes);
}

void
tx_put(struct packet *p, struct rte_mbuf *m)
{
	if (m->nb_segs > 1 && !(p->caps & PACKET_CAP_MULTI_SEG) && rte_pktmbuf_linearize(m)) {
		mbuf_drop(p, m, C_drop_tx_big);
		return;
	}
	if (p->tx_cnt == TX_BURST_MAX)
		packet_flush(p);
	if (p->tx_cnt == TX_BURST_MAX) {
		mbuf_drop(p, m, C_drop_tx_full);
		return;
	}
	if (unlikely(p->capture_on))
		capture_see(p, m, true);
	p->tx[p->tx_cnt++] = m;
}

/* ---- timers */

static void
announce(struct packet *p)
{
	static const uint64_t gap_us[ANNOUNCE_STEPS] = { 1000000, 2000000, 0 };
	struct packet_port *port = p->port;
	unsigned step = p->announce_step++;

	if (step == 0)
		mld_join(
		        p,
		        true); /* before DAD, whose solicitations come to the group (RFC 4862 5.4.2) */
	for (unsigned i = 0; i < port->local_cnt; i++) {
		struct local_addr *l = &port->local[i];
		uint8_t was = LOCAL_TENTATIVE;

		if (local_state(l) == LOCAL_DUPLICATE)
			continue;
		if (step ==
		    1) /* a second without an answer: ours; no other order is needed, hence relaxed */
			__atomic_compare_exchange_n(&l->state, &was, LOCAL_PREFERRED, false,
			                            __ATOMIC_RELAXED, __ATOMIC_RELAXED);
		if (l->v4)
			arp_announce(p, l);
		else if (step == 0)
			nd_detect(p, l);
		else
			nd_announce(p, l);
	}
	if (step == 1)
		mld_join(p, false);
	p->announce_us = step + 1 < ANNOUNCE_STEPS ? p->now_us + gap_us[step] : UINT64_MAX;
}

static void
timers(struct packet *p)
{
	p->due_us = UINT64_MAX;
	if (p->now_us >= p->announce_us)
		announce(p);
	timer_due(p, p->announce_us);
	mld_timers(p);
	neigh_timers(p);
	frag_timers(p);
}

uint64_t
packet_next_us(const struct packet *p)
{
	return p->due_us;
}

/* ---- receive */

static void
input(struct packet *p, struct rte_mbuf *m, bool is_steered)
{
	struct frame f = { .is_steered = is_steered };
	enum packet_counter why;

	/* Rings of queues are sized for whole frames; a chain is rare and made one here. */
	if (unlikely(m->nb_segs > 1) && rte_pktmbuf_linearize(m)) {
		mbuf_drop(p, m, C_drop_segments);
		return;
	}
	f.m = m;
	f.d = rte_pktmbuf_mtod(m, uint8_t *);
	f.len = m->data_len;
	why = eth_parse(p, &f);
	if (why != PASS)
		frame_drop(p, &f, why);
	else if (f.type == ETH_TYPE_ARP)
		arp_input(p, &f);
	else
		ip_input(p, &f);
}

static void
input_burst(struct packet *p, struct rte_mbuf **m, unsigned n, bool is_steered)
{
	for (unsigned i = 0; i < MIN(n, 4u); i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (unsigned i = 0; i < n; i++) {
		if (i + 4 < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + 4], void *));
		input(p, m[i], is_steered);
	}
}

static unsigned
from_ring(struct packet *p, unsigned max)
{
	struct rte_mbuf *m[PACKET_BURST];
	struct rte_ring *r = p->port->steer[p->worker];
	unsigned n;

	if (!r)
		return 0;
	n = rte_ring_sc_dequeue_burst(r, (void **)m, MIN(max, (unsigned)PACKET_BURST), NULL);
	counter_add(&p->counters.steered_in, n);
	input_burst(p, m, n, true);
	return n;
}

static unsigned
from_device(struct packet *p, unsigned max)
{
	struct rte_mbuf *m[PACKET_BURST];
	unsigned n = p->dev.ops->rx(p->dev.dev, m, (uint16_t)MIN(max, (unsigned)PACKET_BURST));
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		bytes += m[i]->pkt_len;
		if (unlikely(p->capture_on))
			capture_see(p, m[i], false);
	}
	counter_add(&p->counters.rx_frames, n);
	counter_add(&p->counters.rx_bytes, bytes);
	input_burst(p, m, n, false);
	return n;
}

unsigned
packet_rx(struct packet *p, uint64_t now_us, struct packet_in *out, unsigned max, bool *busy)
{
	unsigned taken;

	p->now_us = now_us;
	p->out = out;
	p->out_cnt = 0;
	capture_turn(p);
	if (now_us >= p->due_us)
		timers(p);
	taken = from_ring(p, (max + 1) / 2);
	if (taken < max)
		taken += from_device(p, max - taken);
	if (busy && taken > 0)
		*busy = true;
	return p->out_cnt;
}

/* ---- questions */

unsigned
packet_mtu(const struct packet *p, const struct addr *dst)
{
	(void)dst;
	return p->mtu;
}

bool
packet_has(const struct packet *p, enum packet_cap cap)
{
	return (p->caps & cap) != 0;
}

const uint8_t *
packet_mac(const struct packet *p)
{
	return p->mac;
}

const struct packet_counters *
packet_counters(const struct packet *p)
{
	return &p->counters;
}
