/* SPDX-License-Identifier: BSD-3-Clause
 * arp.c - ARP for IPv4 over Ethernet
 *
 * RFC     826; 5227 for announcements and the defence of an address.
 */
#include "dataplane/packet/packet_priv.h"

#define ARP_LEN 28

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp {
	uint16_t op;
	uint8_t sha[6];
	struct addr spa, tpa;
};

static enum packet_counter
parse(const struct frame *f, struct arp *a)
{
	static const uint8_t head[6] = { 0, 1, 8, 0, 6, 4 }; /* Ethernet, IPv4, 6 and 4 bytes */
	const uint8_t *d = f->d + f->l3_off;

	if (f->len < f->l3_off + ARP_LEN || memcmp(d, head, sizeof(head)))
		return C_drop_arp_bad;
	a->op = load_be16(d + 6);
	memcpy(a->sha, d + 8, 6);
	a->spa = addr_v4(load_be32(d + 14));
	a->tpa = addr_v4(load_be32(d + 24));
	if ((a->op != ARP_REQUEST && a->op != ARP_REPLY) || (a->sha[0] & 1))
		return C_drop_arp_bad;
	return PASS;
}

static void
send_arp(struct packet *p, uint16_t op, const uint8_t dst[6], const struct addr *spa,
         const uint8_t tha[6], const struct addr *tpa)
{
	struct rte_mbuf *m = packet_alloc(p);
	uint8_t *d;

	if (!m)
		return;
	d = (uint8_t *)rte_pktmbuf_append(m, ARP_LEN);
	memcpy(d, "\0\1\10\0\6\4", 6);
	store_be16(d + 6, op);
	memcpy(d + 8, p->mac, 6);
	memcpy(d + 14, spa->b + 12, 4);
	memcpy(d + 18, tha, 6);
	memcpy(d + 24, tpa->b + 12, 4);
	packet_count(p, op == ARP_REQUEST ? C_arp_requests_out : C_arp_replies_out);
	eth_send(p, m, dst, ETH_TYPE_ARP);
}

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t nobody[6];

void
arp_solicit(struct packet *p, const struct neigh *n, bool unicast)
{
	struct addr src;

	if (packet_source_for(p, &n->addr, &src))
		send_arp(p, ARP_REQUEST, unicast ? n->mac : broadcast, &src,
		         unicast ? n->mac : nobody, &n->addr);
}

void
arp_announce(struct packet *p, const struct local_addr *l)
{
	send_arp(p, ARP_REQUEST, broadcast, &l->addr, nobody, &l->addr);
}

/* Somebody else uses our address: say once in a while that it is ours (RFC 5227 2.4 (b)). */
static void
defend(struct packet *p, const struct local_addr *l)
{
	packet_count(p, C_address_conflicts);
	if (bucket_take(&p->reply, p->now_us))
		arp_announce(p, l);
}

static bool
is_neighbour(const struct packet *p, const struct addr *a)
{
	const struct local_addr *l = local_on_link(p, a);

	return l && !local_find(p, a) && addr_v4_of(a) != 0;
}

/* PASS: the frame is used up. */
static enum packet_counter
act(struct packet *p, const struct frame *f, const struct arp *a)
{
	struct local_addr *mine = local_find(p, &a->spa), *target = local_find(p, &a->tpa);
	struct neigh *n;

	if (mine) {
		if (!memcmp(a->sha, p->mac, 6))
			return C_drop_arp_not_ours; /* our own broadcast came back */
		if (!f->is_steered)
			defend(p, mine);
		return PASS;
	}
	if (!is_neighbour(p, &a->spa) && addr_v4_of(&a->spa) != 0)
		return C_drop_arp_not_ours;
	n = neigh_find(p, &a->spa);
	if (n)
		neigh_answer(p, n, a->sha, a->op == ARP_REPLY && target && !f->is_multicast, true);
	if (a->op == ARP_REPLY || f->is_steered || !target)
		return n ? PASS : C_drop_arp_not_ours;
	if (!neigh_may_reply(p, n))
		return C_drop_neighbour_limit;
	if (!n && addr_v4_of(&a->spa) != 0) /* an RFC 5227 probe has sender 0.0.0.0 */
		neigh_learn(p, &a->spa, a->sha);
	send_arp(p, ARP_REPLY, a->sha, &target->addr, a->sha, &a->spa);
	return PASS;
}

void
arp_input(struct packet *p, struct frame *f)
{
	struct arp a;
	enum packet_counter why = parse(f, &a);

	if (why == PASS) {
		packet_count(p, a.op == ARP_REQUEST ? C_arp_requests_in : C_arp_replies_in);
		if (!f->is_steered && a.op == ARP_REPLY)
			steer_copies(p, f->m);
		why = act(p, f, &a);
	}
	if (why == PASS)
		rte_pktmbuf_free(f->m);
	else
		frame_drop(p, f, why);
}
