/* SPDX-License-Identifier: BSD-3-Clause
 * frag.c - see frag.h
 */
#include "dataplane/packet/csum.h"
#include "dataplane/packet/packet_priv.h"

/* Where the payload lies in the datagram's mbuf: behind an untagged Ethernet header and an IP header without options. */
static size_t
head_bytes(const struct ip_view *ip)
{
	return ETH_LEN + (ip->v6 ? IP6_LEN : IP4_LEN);
}

static enum packet_counter
check(const struct ip_view *ip)
{
	size_t end = (size_t)ip->frag_off + ip->l4_len;

	if (ip->l4_len == 0 || (ip->more_fragments && ip->l4_len % 8) || end > 65535)
		return C_drop_frag_bad;
	if (ip->proto == PROTO_TCP && ((ip->frag_off == 0 && ip->l4_len < FRAG_FIRST_MIN) ||
	                               (ip->frag_off > 0 && ip->frag_off < FRAG_FIRST_MIN)))
		return C_drop_frag_tiny;
	if (end > FRAG_DATA_MAX)
		return C_drop_frag_big;
	return PASS;
}

static void
release(struct packet *p, struct frag_slot *s)
{
	rte_pktmbuf_free(s->m);
	s->m = NULL;
	if (s->is_used) {
		p->frag.used_cnt--;
		counter_sub(&p->counters.reassembling, 1);
	}
	s->is_used = false;
}

static struct frag_slot *
find(struct packet *p, const struct ip_view *ip)
{
	for (unsigned i = 0; i < FRAG_DATAGRAMS; i++) {
		struct frag_slot *s = &p->frag.slots[i];

		if (s->is_used && s->id == ip->frag_id && s->proto == ip->proto &&
		    addr_eq(&s->src, &ip->src) && addr_eq(&s->dst, &ip->dst))
			return s;
	}
	return NULL;
}

/* A free slot, or the oldest one: a flood then has to be faster than the second half of an honest datagram. */
static struct frag_slot *
take_slot(struct packet *p)
{
	struct frag_slot *oldest = NULL;

	for (unsigned i = 0; i < FRAG_DATAGRAMS; i++) {
		struct frag_slot *s = &p->frag.slots[i];

		if (!s->is_used)
			return s;
		if (!oldest || s->expires_us < oldest->expires_us)
			oldest = s;
	}
	packet_count(p, C_drop_frag_full);
	release(p, oldest);
	return oldest;
}

static struct frag_slot *
start(struct packet *p, const struct ip_view *ip)
{
	struct rte_mbuf *m = packet_alloc(p);
	struct frag_slot *s;

	if (!m)
		return NULL;
	s = take_slot(p);
	*s = (struct frag_slot){
		.src = ip->src,
		.dst = ip->dst,
		.id = ip->frag_id,
		.proto = ip->proto,
		.is_used = true,
		.expires_us = p->now_us + FRAG_TIMEOUT_US,
		.m = m,
	};
	p->frag.used_cnt++;
	counter_inc(&p->counters.reassembling);
	timer_due(p, s->expires_us);
	return s;
}

/* Overlap: nobody honest does that (RFC 5722). The slot stays, so that the rest of the datagram finds it and goes too. */
static void
poison(struct frag_slot *s)
{
	rte_pktmbuf_free(s->m);
	s->m = NULL;
	s->is_poisoned = true;
}

static unsigned
units_there(const struct frag_slot *s, unsigned from, unsigned to)
{
	unsigned n = 0;

	for (unsigned u = from; u < to; u++)
		n += (unsigned)(s->bits[u / 64] >> (u % 64)) & 1u;
	return n;
}

/* PASS: it fits beside what is there. drop_frag_bad without poison: the same bytes again. */
static enum packet_counter
fits(const struct frag_slot *s, const struct ip_view *ip, const uint8_t *bytes, const uint8_t *room)
{
	unsigned end = ip->frag_off + ip->l4_len;
	unsigned from = ip->frag_off / 8u, to = (end + 7) / 8u;
	unsigned there = units_there(s, from, to);

	if ((s->total && end > s->total) ||
	    (!ip->more_fragments && ((s->total && end != s->total) || s->highest > end)))
		return C_drop_frag_overlap;
	if (there == 0)
		return PASS;
	if (there == to - from && !memcmp(bytes, room + ip->frag_off, ip->l4_len))
		return C_drop_frag_bad;
	return C_drop_frag_overlap;
}

static void
insert(struct frag_slot *s, const struct ip_view *ip, const uint8_t *bytes, uint8_t *room)
{
	unsigned end = ip->frag_off + ip->l4_len;

	memcpy(room + ip->frag_off, bytes, ip->l4_len);
	for (unsigned u = ip->frag_off / 8u; u < (end + 7) / 8u; u++)
		s->bits[u / 64] |= 1ull << (u % 64);
	s->have = (uint16_t)(s->have + ip->l4_len);
	s->highest = (uint16_t)MAX(s->highest, end);
	if (!ip->more_fragments)
		s->total = (uint16_t)end;
}

static void
write_head(struct frag_slot *s, const struct frame *f, uint8_t *d)
{
	uint8_t *h = d + ETH_LEN;
	uint16_t sum;

	memcpy(d, f->d, 12);
	store_be16(d + 12, f->type);
	if (f->ip.v6) {
		store_be32(h, 0x60000000u | (uint32_t)f->ip.tos << 20);
		store_be16(h + 4, s->total);
		h[6] = s->proto;
		h[7] = f->ip.ttl;
		memcpy(h + 8, s->src.b, 16);
		memcpy(h + 24, s->dst.b, 16);
		return;
	}
	memset(h, 0, IP4_LEN);
	h[0] = 0x45;
	h[1] = f->ip.tos;
	store_be16(h + 2, (uint16_t)(IP4_LEN + s->total));
	h[8] = f->ip.ttl;
	h[9] = s->proto;
	memcpy(h + 12, s->src.b + 12, 4);
	memcpy(h + 16, s->dst.b + 12, 4);
	sum = csum_of(h, IP4_LEN, 0);
	memcpy(h + 10, &sum, 2);
}

/* The datagram takes the place of its last fragment in f. */
static void
finish(struct packet *p, struct frag_slot *s, struct frame *f)
{
	struct rte_mbuf *m = s->m;
	size_t head = head_bytes(&f->ip);

	write_head(s, f, rte_pktmbuf_mtod(m, uint8_t *));
	m->data_len = (uint16_t)(head + s->total);
	m->pkt_len = m->data_len;
	m->ol_flags = f->m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED;
	if (p->port->c.vlan) { /* as the device would have stripped it, for whoever is steered to */
		m->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
		m->vlan_tci = p->port->c.vlan;
	}
	s->m = NULL;
	release(p, s);
	rte_pktmbuf_free(f->m);
	f->m = m;
	f->d = rte_pktmbuf_mtod(m, uint8_t *);
	f->len = m->data_len;
	f->l3_off = ETH_LEN;
	f->is_reassembled = true;
	packet_count(p, C_reassembled);
}

bool
frag_input(struct packet *p, struct frame *f)
{
	const struct ip_view *ip = &f->ip;
	const uint8_t *bytes = f->d + ip->l4_off;
	enum packet_counter why = check(ip);
	struct frag_slot *s = find(p, ip);
	uint8_t *room;

	if (why == PASS && !s)
		s = start(p, ip);
	if (why == PASS && !s)
		why = C_drop_no_mbuf;
	if (why == PASS && s->is_poisoned)
		why = C_drop_frag_overlap;
	if (why != PASS) {
		frame_drop(p, f, why);
		return false;
	}
	room = rte_pktmbuf_mtod(s->m, uint8_t *) + head_bytes(ip);
	why = head_bytes(ip) + ip->frag_off + ip->l4_len > rte_pktmbuf_tailroom(s->m)
	              ? C_drop_frag_big
	              : fits(s, ip, bytes, room);
	if (why != PASS) {
		if (why == C_drop_frag_overlap)
			poison(s);
		frame_drop(p, f, why);
		return false;
	}
	insert(s, ip, bytes, room);
	if (s->total && s->have == s->total) {
		finish(p, s, f);
		return true;
	}
	rte_pktmbuf_free(f->m);
	return false;
}

void
frag_timers(struct packet *p)
{
	if (p->frag.used_cnt == 0)
		return;
	for (unsigned i = 0; i < FRAG_DATAGRAMS; i++) {
		struct frag_slot *s = &p->frag.slots[i];

		if (!s->is_used)
			continue;
		if (p->now_us >= s->expires_us) {
			packet_count(p, C_drop_frag_timeout);
			release(p, s);
		} else {
			timer_due(p, s->expires_us);
		}
	}
}

void
frag_fini(struct packet *p)
{
	for (unsigned i = 0; i < FRAG_DATAGRAMS; i++)
		release(p, &p->frag.slots[i]);
}
