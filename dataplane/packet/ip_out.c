/* SPDX-License-Identifier: BSD-3-Clause
 * ip_out.c - a segment down: checksum, IP header, next hop, neighbour
 *
 * RFC     791, 8200, 6864 (DF set, so the identification carries no meaning), 1122 2.3.2.2.
 */
#include "dataplane/packet/csum.h"
#include "dataplane/packet/packet_priv.h"

#define TCP_CSUM_OFF 16
#define DEFAULT_TTL  64

static void
ip4_header(struct packet *p, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
           uint8_t proto, uint8_t tos, uint8_t ttl)
{
	uint16_t len = (uint16_t)(m->pkt_len + IP4_LEN), sum = 0;
	uint8_t *h = (uint8_t *)rte_pktmbuf_prepend(m, IP4_LEN);

	BUG_ON(!h);
	h[0] = 0x45;
	h[1] = tos;
	store_be16(h + 2, len);
	store_be16(h + 4, p->ip_id++);
	store_be16(h + 6, 0x4000);
	h[8] = ttl;
	h[9] = proto;
	memset(h + 10, 0, 2);
	memcpy(h + 12, src->b + 12, 4);
	memcpy(h + 16, dst->b + 12, 4);
	m->l3_len = IP4_LEN;
	m->ol_flags |= RTE_MBUF_F_TX_IPV4;
	if (p->caps & PACKET_CAP_TX_IP_CSUM) {
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
	} else {
		sum = csum_of(h, IP4_LEN, 0);
		memcpy(h + 10, &sum, 2);
	}
}

static void
ip6_header(struct rte_mbuf *m, const struct addr *src, const struct addr *dst, uint8_t proto,
           uint8_t tos, uint8_t ttl)
{
	uint16_t len = (uint16_t)m->pkt_len;
	uint8_t *h = (uint8_t *)rte_pktmbuf_prepend(m, IP6_LEN);

	BUG_ON(!h);
	store_be32(h, 0x60000000u | (uint32_t)tos << 20);
	store_be16(h + 4, len);
	h[6] = proto;
	h[7] = ttl;
	memcpy(h + 8, src->b, 16);
	memcpy(h + 24, dst->b, 16);
	m->l3_len = IP6_LEN;
	m->ol_flags |= RTE_MBUF_F_TX_IPV6;
}

void
ip_prepend(struct packet *p, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
           uint8_t proto, uint8_t tos, uint8_t ttl)
{
	if (addr_is_v4(dst))
		ip4_header(p, m, src, dst, proto, tos, ttl);
	else
		ip6_header(m, src, dst, proto, tos, ttl);
}

static bool
gateway_of(const struct packet *p, const struct addr *dst, struct addr *out)
{
	bool v4 = addr_is_v4(dst);

	if (v4 ? !p->port->has_gateway4 : !p->port->has_gateway6)
		return false;
	*out = v4 ? p->port->c.gateway4 : p->port->c.gateway6;
	return true;
}

/* What a memo may answer: its MAC is in use and its confirmation is fresh. */
static bool
is_fresh(const struct packet *p, const struct neigh *n)
{
	return n->state == NEIGH_REACHABLE && p->now_us - n->confirmed_us <= NEIGH_REACHABLE_US;
}

struct neigh *
ip_next_hop(struct packet *p, const struct addr *dst, enum packet_counter *why)
{
	struct addr hop = *dst;
	struct neigh *n;

	if (p->memo && addr_eq(&p->memo_dst, dst) && is_fresh(p, p->memo)) {
		p->memo->used_us = p->now_us;
		return p->memo;
	}
	*why = C_drop_no_route;
	if (local_find(p, dst) || (!local_on_link(p, dst) && !gateway_of(p, dst, &hop)))
		return NULL;
	*why = C_drop_neighbour_limit;
	n = neigh_resolve(p, &hop);
	if (n) {
		p->memo = n;
		p->memo_dst = *dst;
	}
	return n;
}

int
neigh_send(struct packet *p, struct neigh *n, struct rte_mbuf *m, uint16_t type)
{
	if (n->state >= NEIGH_PROBE || n->state == NEIGH_LEARNED) {
		eth_send(p, m, n->mac, type);
		return 0;
	}
	if (n->state == NEIGH_FAILED) {
		mbuf_drop(p, m, C_drop_neighbour_failed);
		return -EHOSTUNREACH;
	}
	if (n->queue_cnt == NEIGH_QUEUE) { /* the oldest goes, as RFC 4861 7.2.2 prefers */
		mbuf_drop(p, n->queue[0], C_drop_neighbour_queue);
		memmove(n->queue, n->queue + 1, sizeof(n->queue[0]) * (NEIGH_QUEUE - 1));
		n->queue[NEIGH_QUEUE - 1] = m;
		return 0;
	}
	if (p->neigh.queued_cnt == NEIGH_QUEUED_MAX) {
		mbuf_drop(p, m, C_drop_neighbour_queue);
		return -ENOBUFS;
	}
	n->queue[n->queue_cnt++] = m;
	p->neigh.queued_cnt++;
	counter_inc(&p->counters.neighbour_queued);
	return 0;
}

int
ip_output(struct packet *p, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
          uint8_t proto, uint8_t tos)
{
	enum packet_counter why = C_drop_no_route;
	struct neigh *n = ip_next_hop(p, dst, &why);
	bool v4 = addr_is_v4(dst);

	if (!n || addr_is_v4(src) != v4) {
		mbuf_drop(p, m, why);
		return why == C_drop_no_route ? -EHOSTUNREACH : -ENOBUFS;
	}
	ip_prepend(p, m, src, dst, proto, tos, DEFAULT_TTL);
	return neigh_send(p, n, m, v4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6);
}

/* Of all segments. rte_raw_cksum_mbuf() of 22.11 loses carries of a segment that begins at an odd byte. */
static uint64_t
chain_sum(const struct rte_mbuf *m)
{
	uint64_t sum = 0;
	bool odd = false;

	for (; m; m = m->next) {
		uint16_t part =
		        csum_fold(csum_add(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, 0));

		sum += odd ? __builtin_bswap16(part) : part;
		odd ^= m->data_len & 1;
	}
	return sum;
}

static void
tcp_csum(const struct packet *p, struct rte_mbuf *m, const struct addr *src, const struct addr *dst)
{
	uint8_t *t = rte_pktmbuf_mtod(m, uint8_t *);
	bool tso = m->tso_segsz != 0;
	uint64_t sum = csum_pseudo(src, dst, PROTO_TCP, tso ? 0 : m->pkt_len);
	uint16_t field = 0;

	memset(t + TCP_CSUM_OFF, 0, 2);
	if (p->caps &
	    PACKET_CAP_TX_TCP_CSUM) { /* the device adds the rest to the pseudo header's sum */
		m->l4_len = (t[12] >> 4) * 4u;
		m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM | (tso ? RTE_MBUF_F_TX_TCP_SEG : 0);
		field = csum_fold(sum);
	} else if (m->nb_segs == 1) {
		field = csum_of(t, m->pkt_len, sum);
	} else {
		field = (uint16_t)~csum_fold(sum + chain_sum(m));
	}
	memcpy(t + TCP_CSUM_OFF, &field, 2);
}

int
packet_send(struct packet *p, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
            uint8_t tos, uint64_t now_us)
{
	size_t head = addr_is_v4(dst) ? IP4_LEN : IP6_LEN;

	BUG_ON(m->data_len < TCP_LEN);
	p->now_us = now_us;
	if (m->pkt_len + head > (m->tso_segsz ? 65535u : p->mtu) ||
	    (m->tso_segsz && !(p->caps & PACKET_CAP_TSO))) {
		mbuf_drop(p, m, C_drop_tx_big);
		return -EHOSTUNREACH;
	}
	tcp_csum(p, m, src, dst);
	return ip_output(p, m, src, dst, PROTO_TCP, tos);
}
