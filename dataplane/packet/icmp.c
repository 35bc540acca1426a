/* SPDX-License-Identifier: BSD-3-Clause
 * icmp.c - ICMP and ICMPv6: echo answered, errors about our segments handed up
 *
 * RFC     792, 4443; 1122 3.2.2 (no answer to a broadcast); 5927 (what TCP checks of an error).
 */
#include "dataplane/packet/csum.h"
#include "dataplane/packet/packet_priv.h"

enum {
	ICMP_LEN = 8,
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO = 8,
	ICMP_EXPIRED = 11,
	ICMP_PARAMETER = 12,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_PARAMETER = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_MLD_QUERY = 130,
	ICMP6_MLD_DONE = 132,
	ICMP6_RS = 133,
	ICMP6_REDIRECT = 137,
	ICMP6_MLD2_REPORT = 143,
};

/* The request becomes the reply: addresses change places, the sum follows (RFC 1624), and it goes back to the MAC it came from, so
 * that echo needs no neighbour and leaves no state. */
static void
echo(struct packet *p, struct frame *f, uint8_t reply)
{
	struct ip_view ip = f->ip;
	struct rte_mbuf *m = f->m;
	uint8_t *icmp = f->d + ip.l4_off;
	uint8_t mac[6];
	uint16_t sum;

	if (!bucket_take(&p->echo, p->now_us)) {
		frame_drop(p, f, C_drop_echo_rate);
		return;
	}
	memcpy(mac, f->d + 6, 6);
	icmp[0] = reply;
	memset(icmp + 2, 0, 2);
	sum = csum_of(icmp, ip.l4_len,
	              ip.v6 ? csum_pseudo(&ip.dst, &ip.src, PROTO_ICMP6, ip.l4_len) : 0);
	memcpy(icmp + 2, &sum, 2);
	rte_pktmbuf_adj(m, ip.l4_off);
	rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - ip.l4_len));
	m->ol_flags &=
	        RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT; /* what it is, not what came with it */
	m->tx_offload = 0;
	if (m->pkt_len + (ip.v6 ? IP6_LEN : IP4_LEN) > p->mtu) {
		mbuf_drop(p, m, C_drop_tx_big);
		return;
	}
	packet_count(p, C_echo_replies);
	ip_prepend(p, m, &ip.dst, &ip.src, ip.proto, ip.tos & 0xfc, 64);
	eth_send(p, m, mac, ip.v6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4);
}

/* The quoted packet: ours, TCP, its first 8 bytes there. end: bytes of the frame. */
static enum packet_counter
quote(const struct packet *p, const struct frame *f, struct packet_icmp_error *e)
{
	const uint8_t *d = f->d;
	size_t off = (size_t)f->ip.l4_off + ICMP_LEN, end = (size_t)f->ip.l4_off + f->ip.l4_len;
	struct ip_view q = { .v6 = f->ip.v6 };

	if (end < off + (q.v6 ? IP6_LEN : IP4_LEN) || d[off] >> 4 != (q.v6 ? 6 : 4))
		return C_drop_icmp_quote;
	if (q.v6) {
		memcpy(q.src.b, d + off + 8, 16);
		memcpy(q.dst.b, d + off + 24, 16);
		if (addr_is_v4(&q.src) || ip6_extensions(d, off, end, &q) != PASS)
			return C_drop_icmp_quote;
	} else {
		q.src = addr_v4(load_be32(d + off + 12));
		q.dst = addr_v4(load_be32(d + off + 16));
		q.proto = d[off + 9];
		q.frag_off = load_be16(d + off + 6) & 0x1fff;
		q.l4_off = (uint16_t)(off + (d[off] & 15) * 4u);
	}
	if (q.frag_off || q.proto != PROTO_TCP || (!q.v6 && (d[off] & 15) < 5) ||
	    end < q.l4_off + 8u || !local_find(p, &q.src))
		return C_drop_icmp_quote;
	e->local = q.src;
	e->remote = q.dst;
	e->lport = load_be16(d + q.l4_off);
	e->rport = load_be16(d + q.l4_off + 2);
	e->seq = load_be32(d + q.l4_off + 4);
	return PASS;
}

/* To TCP, or to the worker whose flow the quoted segment is of. */
static void
error(struct packet *p, struct frame *f)
{
	const uint8_t *icmp = f->d + f->ip.l4_off;
	struct packet_icmp_error e = { .v6 = f->ip.v6, .type = icmp[0], .code = icmp[1] };
	enum packet_counter why = quote(p, f, &e);
	unsigned owner;

	if (why != PASS) {
		frame_drop(p, f, why);
		return;
	}
	owner = packet_owner(p, &e.remote, e.rport, &e.local, e.lport);
	if (owner != p->worker) {
		if (f->is_steered)
			frame_drop(p, f, C_drop_steer_wrong);
		else
			steer(p, f->m, owner);
		return;
	}
	if (!e.v6 && e.type == ICMP_UNREACHABLE && e.code == 4)
		e.mtu = load_be16(icmp + 6);
	else if (e.v6 && e.type == ICMP6_TOO_BIG)
		e.mtu = load_be32(icmp + 4);
	packet_count(p, C_icmp_errors);
	if (p->up.on_icmp)
		p->up.on_icmp(p->up.ctx, &e, p->now_us);
	rte_pktmbuf_free(f->m);
}

void
icmp_local_unreachable(struct packet *p, const struct rte_mbuf *m)
{
	const uint8_t *d = rte_pktmbuf_mtod(m, const uint8_t *);
	bool v6 = d[0] >> 4 == 6;
	const uint8_t *t = d + (v6 ? IP6_LEN : IP4_LEN);
	struct packet_icmp_error e = {
		.v6 = v6,
		.type = v6 ? ICMP6_UNREACHABLE : ICMP_UNREACHABLE,
		.code = v6 ? 3 : 1, /* address, host unreachable */
	};

	if (!p->up.on_icmp || d[v6 ? 6 : 9] != PROTO_TCP)
		return;
	if (v6) {
		memcpy(e.local.b, d + 8, 16);
		memcpy(e.remote.b, d + 24, 16);
	} else {
		e.local = addr_v4(load_be32(d + 12));
		e.remote = addr_v4(load_be32(d + 16));
	}
	e.lport = load_be16(t);
	e.rport = load_be16(t + 2);
	e.seq = load_be32(t + 4);
	p->up.on_icmp(p->up.ctx, &e, p->now_us);
}

static enum packet_counter
check(const struct frame *f)
{
	const struct ip_view *ip = &f->ip;

	if (ip->l4_len < ICMP_LEN)
		return C_drop_icmp_short;
	if (!csum_is_ok(f->d + ip->l4_off, ip->l4_len,
	                ip->v6 ? csum_pseudo(&ip->src, &ip->dst, PROTO_ICMP6, ip->l4_len) : 0))
		return C_drop_icmp_checksum;
	return PASS;
}

void
icmp_input(struct packet *p, struct frame *f)
{
	enum packet_counter why = check(f);
	uint8_t type = why == PASS ? f->d[f->ip.l4_off] : 0;

	if (why == PASS && f->is_multicast)
		why = C_drop_icmp_broadcast;
	if (why != PASS)
		frame_drop(p, f, why);
	else if (type == ICMP_ECHO)
		echo(p, f, ICMP_ECHO_REPLY);
	else if (type == ICMP_UNREACHABLE || type == ICMP_EXPIRED || type == ICMP_PARAMETER)
		error(p, f);
	else
		frame_drop(p, f, C_drop_icmp_type);
}

void
icmp6_input(struct packet *p, struct frame *f)
{
	enum packet_counter why = check(f);
	uint8_t type = why == PASS ? f->d[f->ip.l4_off] : 0;

	if (why != PASS)
		frame_drop(p, f, why);
	else if (type >= ICMP6_RS && type <= ICMP6_REDIRECT)
		nd_input(p, f);
	else if ((type >= ICMP6_MLD_QUERY && type <= ICMP6_MLD_DONE) || type == ICMP6_MLD2_REPORT)
		mld_input(p, f);
	else if (f->is_multicast || f->ip.dst.b[0] == 0xff)
		frame_drop(p, f, C_drop_icmp_broadcast);
	else if (type == ICMP6_ECHO)
		echo(p, f, ICMP6_ECHO_REPLY);
	else if (type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER)
		error(p, f);
	else
		frame_drop(p, f, C_drop_icmp_type);
}
