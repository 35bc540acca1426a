/* SPDX-License-Identifier: BSD-3-Clause
 * nd.c - IPv6 neighbour discovery: solicitations, advertisements, duplicate address detection
 *
 * RFC     4861 7; 4862 5.4; 4429 (an address is used, without Override, while DAD runs); 6980 (no fragments). Routers and redirects are
 *         not listened to: gateways are configured.
 */
#include "dataplane/packet/csum.h"
#include "dataplane/packet/packet_priv.h"

enum {
	ND_NS = 135,
	ND_NA = 136,
	ND_LEN = 24,
	OPT_SLLA = 1,
	OPT_TLLA = 2,
	NA_SOLICITED = 0x40,
	NA_OVERRIDE = 0x20,
};

struct nd {
	uint8_t type, flags;
	bool has_mac;
	uint8_t mac[6];
	struct addr target;
};

static const struct addr unspecified;
static const struct addr all_nodes = { { 0xff, 0x02, [15] = 1 } };

/* Every option has at least 8 bytes, so the loop ends. */
static enum packet_counter
options(const uint8_t *o, size_t len, struct nd *nd)
{
	uint8_t want = nd->type == ND_NS ? OPT_SLLA : OPT_TLLA;

	while (len >= 8) {
		size_t n = (size_t)o[1] * 8;

		if (n == 0 || n > len)
			return C_drop_nd_bad;
		if (o[0] == want && n == 8 && !(o[2] & 1)) {
			nd->has_mac = true;
			memcpy(nd->mac, o + 2, 6);
		}
		o += n;
		len -= n;
	}
	return len == 0 ? PASS : C_drop_nd_bad;
}

/* RFC 4861 7.1. */
static enum packet_counter
parse(const struct frame *f, struct nd *nd)
{
	const uint8_t *d = f->d + f->ip.l4_off;
	bool to_group = f->ip.dst.b[0] == 0xff, dad = addr_eq(&f->ip.src, &unspecified);
	enum packet_counter why;

	*nd = (struct nd){ .type = d[0] };
	if (nd->type != ND_NS && nd->type != ND_NA)
		return C_drop_nd_ignored;
	if (f->ip.ttl != 255 || d[1] != 0 || f->ip.l4_len < ND_LEN || f->is_reassembled)
		return C_drop_nd_bad;
	nd->flags = d[4];
	memcpy(nd->target.b, d + 8, 16);
	why = options(d + ND_LEN, (size_t)f->ip.l4_len - ND_LEN, nd);
	if (why != PASS)
		return why;
	if (nd->target.b[0] == 0xff || addr_is_v4(&nd->target))
		return C_drop_nd_bad;
	if (nd->type == ND_NS && dad && (!to_group || nd->has_mac))
		return C_drop_nd_bad;
	if (nd->type == ND_NA && (dad || (to_group && (nd->flags & NA_SOLICITED))))
		return C_drop_nd_bad;
	return PASS;
}

/* dst_mac NULL: dst is a group. option 0: no link-layer address in it. */
static void
send_nd(struct packet *p, uint8_t type, uint8_t flags, const struct addr *src,
        const struct addr *dst, const uint8_t *dst_mac, const struct addr *target, uint8_t option)
{
	struct rte_mbuf *m = packet_alloc(p);
	uint8_t mac[6], *d;
	uint16_t len = option ? ND_LEN + 8 : ND_LEN, sum;

	if (!m)
		return;
	d = (uint8_t *)rte_pktmbuf_append(m, len);
	memset(d, 0, len);
	d[0] = type;
	d[4] = flags;
	memcpy(d + 8, target->b, 16);
	if (option) {
		d[24] = option;
		d[25] = 1;
		memcpy(d + 26, p->mac, 6);
	}
	sum = csum_of(d, len, csum_pseudo(src, dst, PROTO_ICMP6, len));
	memcpy(d + 2, &sum, 2);
	if (!dst_mac) {
		group_mac(dst, mac);
		dst_mac = mac;
	}
	packet_count(p, type == ND_NS ? C_ns_out : C_na_out);
	ip_prepend(p, m, src, dst, PROTO_ICMP6, 0, 255);
	eth_send(p, m, dst_mac, ETH_TYPE_IP6);
}

void
nd_solicit(struct packet *p, const struct neigh *n, bool unicast)
{
	struct addr src, group = solicited_node(&n->addr);

	if (!packet_source_for(p, &n->addr, &src))
		return;
	send_nd(p, ND_NS, 0, &src, unicast ? &n->addr : &group, unicast ? n->mac : NULL, &n->addr,
	        OPT_SLLA);
}

void
nd_detect(struct packet *p, const struct local_addr *l)
{
	struct addr group = solicited_node(&l->addr);

	send_nd(p, ND_NS, 0, &unspecified, &group, NULL, &l->addr, 0);
}

void
nd_announce(struct packet *p, const struct local_addr *l)
{
	send_nd(p, ND_NA, local_state(l) == LOCAL_TENTATIVE ? 0 : NA_OVERRIDE, &l->addr, &all_nodes,
	        NULL, &l->addr, OPT_TLLA);
}

static enum packet_counter
solicited(struct packet *p, const struct frame *f, const struct nd *nd)
{
	struct local_addr *l = local_find(p, &nd->target);
	bool dad = addr_eq(&f->ip.src, &unspecified);
	uint8_t flags;

	if (!l || l->v4)
		return C_drop_nd_not_ours;
	if (!memcmp(f->d + 6, p->mac, 6))
		return C_drop_nd_not_ours; /* our own came back */
	if (dad && local_state(l) == LOCAL_TENTATIVE) {
		local_set_duplicate(p, l); /* both of us want it: RFC 4862 5.4.3 */
		return PASS;
	}
	if (!neigh_may_reply(p, neigh_find(p, &f->ip.src)))
		return C_drop_neighbour_limit;
	flags = local_state(l) == LOCAL_TENTATIVE ? 0 : NA_OVERRIDE;
	if (dad) {
		send_nd(p, ND_NA, flags, &l->addr, &all_nodes, NULL, &l->addr, OPT_TLLA);
		return PASS;
	}
	if (nd->has_mac && local_on_link(p, &f->ip.src))
		neigh_learn(p, &f->ip.src, nd->mac);
	send_nd(p, ND_NA, flags | NA_SOLICITED, &l->addr, &f->ip.src,
	        nd->has_mac ? nd->mac : f->d + 6, &l->addr, OPT_TLLA);
	return PASS;
}

static enum packet_counter
advertised(struct packet *p, const struct frame *f, const struct nd *nd)
{
	struct local_addr *l = local_find(p, &nd->target);
	struct neigh *n;

	if (l) {
		if ((nd->has_mac && !memcmp(nd->mac, p->mac, 6)) || !memcmp(f->d + 6, p->mac, 6))
			return C_drop_nd_not_ours;
		if (f->is_steered)
			return PASS;
		packet_count(p, C_address_conflicts);
		if (local_state(l) == LOCAL_TENTATIVE)
			local_set_duplicate(p, l);
		else if (bucket_take(&p->reply, p->now_us))
			nd_announce(p, l);
		return PASS;
	}
	n = neigh_find(p, &nd->target);
	if (!n)
		return C_drop_nd_not_ours;
	if (nd->has_mac)
		neigh_answer(p, n, nd->mac, nd->flags & NA_SOLICITED, nd->flags & NA_OVERRIDE);
	else if (n->state >= NEIGH_PROBE)
		neigh_answer(p, n, n->mac, nd->flags & NA_SOLICITED, true);
	return PASS;
}

void
nd_input(struct packet *p, struct frame *f)
{
	struct nd nd;
	enum packet_counter why = parse(f, &nd);

	if (why == PASS) {
		packet_count(p, nd.type == ND_NS ? C_ns_in : C_na_in);
		if (!f->is_steered && nd.type == ND_NA)
			steer_copies(p, f->m);
		if (nd.type == ND_NA)
			why = advertised(p, f, &nd);
		else
			why = f->is_steered ? C_drop_steer_wrong : solicited(p, f, &nd);
	}
	if (why == PASS)
		rte_pktmbuf_free(f->m);
	else
		frame_drop(p, f, why);
}
