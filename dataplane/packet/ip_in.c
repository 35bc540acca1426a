/* SPDX-License-Identifier: BSD-3-Clause
 * ip_in.c - a datagram: parsed, for us, whole, on the right worker, and then to TCP or ICMP
 */
#include "dataplane/packet/csum.h"
#include "dataplane/packet/packet_priv.h"

enum { FLAG_SYN = 0x02, FLAG_ACK = 0x10 };

static bool
l4_csum_ok(const struct packet *p, const struct frame *f)
{
	const struct ip_view *ip = &f->ip;

	if ((p->caps & PACKET_CAP_RX_CSUM) && !f->is_reassembled &&
	    (f->m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		return true;
	return csum_is_ok(f->d + ip->l4_off, ip->l4_len,
	                  csum_pseudo(&ip->src, &ip->dst, ip->proto, ip->l4_len));
}

/* True when the frame went to another worker. */
static bool
steer_to_owner(struct packet *p, struct frame *f, uint32_t hash)
{
	unsigned owner = p->port->owner[hash & 127];

	if (owner == p->worker)
		return false;
	if (f->is_steered && !f->is_reassembled)
		frame_drop(p, f, C_drop_steer_wrong);
	else
		steer(p, f->m, owner);
	return true;
}

static void
tcp_segment(struct packet *p, struct frame *f)
{
	const struct ip_view *ip = &f->ip;
	const uint8_t *t = f->d + ip->l4_off;
	uint32_t hash;

	if (ip->l4_len < TCP_LEN) {
		frame_drop(p, f, C_drop_tcp_short);
		return;
	}
	if ((t[13] & (FLAG_SYN | FLAG_ACK)) == FLAG_SYN && p->up.is_banned &&
	    p->up.is_banned(p->up.ctx, &ip->src)) { /* before anything that costs */
		frame_drop(p, f, C_drop_banned);
		return;
	}
	hash = toeplitz_flow(&p->port->toeplitz, &ip->src, load_be16(t), &ip->dst,
	                     load_be16(t + 2));
	if (steer_to_owner(p, f, hash))
		return;
	if (f->is_multicast) { /* a unicast datagram in a broadcast frame: RFC 1122 3.2.2, 4.2.3.10 */
		frame_drop(p, f, C_drop_eth_not_ours);
	} else if (!l4_csum_ok(p, f)) {
		frame_drop(p, f, C_drop_tcp_checksum);
	} else {
		packet_count(p, C_rx_segments);
		p->out[p->out_cnt++] = (struct packet_in){
			.m = f->m,
			.src = ip->src,
			.dst = ip->dst,
			.hash = hash,
			.l4_off = ip->l4_off,
			.l4_len = ip->l4_len,
			.tos = ip->tos,
			.v6 = ip->v6,
			.csum_ok = true,
		};
	}
}

/* All fragments of a datagram meet on the worker that owns the pair of addresses; then the flow's owner gets it. */
static void
fragment(struct packet *p, struct frame *f)
{
	uint32_t hash = toeplitz_flow(&p->port->toeplitz, &f->ip.src, 0, &f->ip.dst, 0);

	if (steer_to_owner(p, f, hash))
		return;
	packet_count(p, C_fragments_in);
	if (frag_input(p, f))
		ip_input(p, f);
}

static void
upper_layer(struct packet *p, struct frame *f)
{
	if (f->ip.is_fragment)
		fragment(p, f);
	else if (f->ip.proto == PROTO_TCP)
		tcp_segment(p, f);
	else if (f->ip.proto == (f->ip.v6 ? PROTO_ICMP6 : PROTO_ICMP))
		f->ip.v6 ? icmp6_input(p, f) : icmp_input(p, f);
	else
		frame_drop(p, f, C_drop_ip_protocol);
}

/* Neighbour discovery alone is spoken to groups: all nodes, and the solicited-node groups of our addresses. */
static bool
is_nd_group(const struct ip_view *ip)
{
	return ip->v6 && ip->dst.b[0] == 0xff && (ip->dst.b[1] & 15) == 2 &&
	       ip->proto == PROTO_ICMP6 && !ip->is_fragment;
}

/* Nobody else may speak as us, but for an advertisement that takes our address: ND wants to see that. */
static bool
is_our_source(struct packet *p, const struct frame *f)
{
	const struct ip_view *ip = &f->ip;
	bool is_nd = ip->v6 && ip->proto == PROTO_ICMP6 && !ip->is_fragment && ip->l4_len > 0 &&
	             f->d[ip->l4_off] >= 135 && f->d[ip->l4_off] <= 136;

	return !is_nd && local_find(p, &ip->src);
}

void
ip_input(struct packet *p, struct frame *f)
{
	enum packet_counter why = f->type == ETH_TYPE_IP4 ? ip4_parse(p, f) : ip6_parse(p, f);

	if (why == PASS && !is_nd_group(&f->ip) && !local_find(p, &f->ip.dst))
		why = C_drop_ip_not_ours;
	if (why == PASS && is_our_source(p, f))
		why = C_drop_ip_source;
	if (why != PASS)
		frame_drop(p, f, why);
	else
		upper_layer(p, f);
}
