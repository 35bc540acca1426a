/* SPDX-License-Identifier: BSD-3-Clause
 * eth.c - Ethernet II with at most one 802.1Q tag
 */
#include "dataplane/packet/packet_priv.h"

static enum packet_counter
tag(const struct packet *p, struct frame *f)
{
	uint16_t id = 0;

	if (f->type == ETH_TYPE_VLAN) {
		if (f->len < ETH_LEN + VLAN_LEN)
			return C_drop_eth_short;
		id = load_be16(f->d + ETH_LEN) & 0xfff;
		f->type = load_be16(f->d + ETH_LEN + 2);
		f->l3_off = ETH_LEN + VLAN_LEN;
	} else if (f->m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		id = f->m->vlan_tci & 0xfff;
	}
	/* Id 0 is a priority tag: a frame without VLAN (802.1Q 9.6). */
	return id == p->port->c.vlan ? PASS : C_drop_vlan;
}

enum packet_counter
eth_parse(const struct packet *p, struct frame *f)
{
	enum packet_counter why;

	if (f->len < ETH_LEN)
		return C_drop_eth_short;
	f->is_multicast = f->d[0] & 1;
	if (!f->is_multicast && memcmp(f->d, p->mac, 6))
		return C_drop_eth_not_ours;
	f->type = load_be16(f->d + 12);
	f->l3_off = ETH_LEN;
	why = tag(p, f);
	if (why != PASS)
		return why;
	if (f->type != ETH_TYPE_IP4 && f->type != ETH_TYPE_IP6 && f->type != ETH_TYPE_ARP)
		return C_drop_eth_type;
	return PASS;
}

uint16_t
eth_room(const struct packet *p)
{
	return p->port->c.vlan && !(p->caps & PACKET_CAP_VLAN_INSERT) ? ETH_LEN + VLAN_LEN
	                                                              : ETH_LEN;
}

void
eth_send(struct packet *p, struct rte_mbuf *m, const uint8_t dst[6], uint16_t type)
{
	uint16_t room = eth_room(p);
	uint8_t *h = (uint8_t *)rte_pktmbuf_prepend(m, room);

	BUG_ON(!h); /* packet_alloc() leaves room for all of it */
	memcpy(h, dst, 6);
	memcpy(h + 6, p->mac, 6);
	if (room > ETH_LEN) {
		store_be16(h + 12, ETH_TYPE_VLAN);
		store_be16(h + 14, p->port->c.vlan);
	} else if (p->port->c.vlan) {
		m->vlan_tci = p->port->c.vlan;
		m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	}
	store_be16(h + room - 2, type);
	m->l2_len = room > ETH_LEN ? ETH_LEN + VLAN_LEN : ETH_LEN;
	tx_put(p, m);
}
