/* SPDX-License-Identifier: BSD-3-Clause
 * mld.c - multicast listener discovery: which groups we listen to, told to switches and routers
 *
 * Why     A switch that snoops sends a group's frames only where somebody has asked for it, and the solicited-node groups of our
 *         addresses are how neighbours find us.
 * Thread  Each worker answers the queries that its queue brings; worker 0 alone speaks unasked.
 * Limit   One report for all groups, one timer, a bit for each address: what a querier asks never makes us keep more. Reports
 *         take from the bucket of ND replies.
 * RFC     3810 5 (messages), 6.1 (unasked, robustness 2), 6.2 (queries), 8.2.1 (a version 1 querier: 2710); 3590 (from :: until DAD
 *         is over, again from the link-local address then). Where we differ: a query about sources is answered as one about
 *         its group, which says no less (we exclude no source); no version 1 report is held back because another listener
 *         sent one; no farewell for an address that is given up: the querier forgets it.
 */
#include "dataplane/packet/csum.h"
#include "dataplane/packet/packet_priv.h"

enum {
	MLD_QUERY = 130,
	MLD_REPORT1 = 131,
	MLD_REPORT2 = 143,
	MLD1_LEN = 24,
	MLD2_QUERY_MIN = 28,
	REPORT2_LEN = 8,
	RECORD_LEN = 20,
	IS_EXCLUDE = 2, /* the state, asked for: 3810 5.2.12 */
	TO_EXCLUDE = 4, /* a change of it */
	EXT_HOP = 0,
	HOP_LEN = 8,
	OPT_PAD1 = 0,
	OPT_PADN = 1,
	OPT_ALERT = 5,
};

#define OLD_QUERIER_US  260000000u /* 3810 9.12: robustness 2 x 125 s + 10 s */
#define UNSOLICITED_US  1000000u   /* 3810 9.11 */
#define REPORTS_UNASKED 2 /* 3810 9.1: the robustness variable, from the link-local address */

static const struct addr unspecified;
static const struct addr all_listeners = { { 0xff, 0x02, [15] = 0x16 } };

/* Routers look at it although it is not for them (RFC 2711), so they see reports for groups they do not listen to. */
static const uint8_t router_alert[HOP_LEN] = { PROTO_ICMP6, 0, OPT_ALERT, 2, 0, 0, OPT_PADN, 0 };

/* The group of local[i]; false: it has none, or an address before it has the same. */
static bool
group_at(const struct packet *p, unsigned i, struct addr *out)
{
	const struct local_addr *l = p->port->local;

	if (l[i].v4 || local_state(&l[i]) == LOCAL_DUPLICATE)
		return false;
	*out = solicited_node(&l[i].addr);
	for (unsigned k = 0; k < i; k++)
		if (!l[k].v4 && local_state(&l[k]) != LOCAL_DUPLICATE &&
		    !memcmp(l[k].addr.b + 13, l[i].addr.b + 13, 3))
			return false;
	return true;
}

/* The link-local address once DAD is over, until then :: (RFC 3590 4). */
static struct addr
source(const struct packet *p)
{
	const struct packet_port *port = p->port;

	for (unsigned i = 0; i < port->local_cnt; i++)
		if (addr_is_link_local(&port->local[i].addr) &&
		    local_state(&port->local[i]) == LOCAL_PREFERRED)
			return port->local[i].addr;
	return unspecified;
}

/* m holds the ICMP message. */
static void
send_report(struct packet *p, struct rte_mbuf *m, const struct addr *dst)
{
	struct addr src = source(p);
	uint8_t mac[6], *d = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t len = m->data_len, sum;

	sum = csum_of(d, len, csum_pseudo(&src, dst, PROTO_ICMP6, len));
	memcpy(d + 2, &sum, 2);
	memcpy(rte_pktmbuf_prepend(m, HOP_LEN), router_alert, HOP_LEN);
	group_mac(dst, mac);
	packet_count(p, C_mld_reports_out);
	ip_prepend(p, m, &src, dst, EXT_HOP, 0, 1);
	eth_send(p, m, mac, ETH_TYPE_IP6);
}

/* Version 2: all `groups` (a bit for each of local[]) in one. 33 records fit any MTU of IPv6. */
static void
report2(struct packet *p, uint64_t groups, uint8_t type)
{
	struct rte_mbuf *m = packet_alloc(p);
	struct addr g;
	uint16_t cnt = 0;
	uint8_t *head;

	if (!m)
		return;
	head = (uint8_t *)rte_pktmbuf_append(m, REPORT2_LEN);
	BUG_ON(!head);
	memset(head, 0, REPORT2_LEN);
	head[0] = MLD_REPORT2;
	for (unsigned i = 0; i < p->port->local_cnt; i++) {
		uint8_t *r;

		if (!(groups >> i & 1) || !group_at(p, i, &g))
			continue;
		r = (uint8_t *)rte_pktmbuf_append(m, RECORD_LEN);
		BUG_ON(!r);
		memset(r, 0, RECORD_LEN);
		r[0] = type;
		memcpy(r + 4, g.b, 16);
		cnt++;
	}
	store_be16(head + 6, cnt);
	if (cnt)
		send_report(p, m, &all_listeners);
	else
		rte_pktmbuf_free(m);
}

/* Version 1: one for each group, to the group. */
static void
report1(struct packet *p, uint64_t groups)
{
	struct addr g;

	for (unsigned i = 0; i < p->port->local_cnt; i++) {
		struct rte_mbuf *m;
		uint8_t *d;

		if (!(groups >> i & 1) || !group_at(p, i, &g))
			continue;
		m = packet_alloc(p);
		if (!m)
			return;
		d = (uint8_t *)rte_pktmbuf_append(m, MLD1_LEN);
		BUG_ON(!d);
		memset(d, 0, MLD1_LEN);
		d[0] = MLD_REPORT1;
		memcpy(d + 8, g.b, 16);
		send_report(p, m, &g);
	}
}

static void
report(struct packet *p, uint64_t groups, uint8_t type)
{
	if (p->now_us < p->mld.old_querier_until_us)
		report1(p, groups);
	else
		report2(p, groups, type);
}

/* Bits of all addresses that have a group. */
static uint64_t
all_groups(const struct packet *p)
{
	struct addr g;
	uint64_t all = 0;

	for (unsigned i = 0; i < p->port->local_cnt; i++)
		all |= (uint64_t)group_at(p, i, &g) << i;
	return all;
}

void
mld_init(struct packet *p)
{
	static_assert(LOCAL_MAX <= 64, "a bit for each address");
	p->mld = (struct mld){ .response_us = UINT64_MAX, .unasked_us = UINT64_MAX };
	rng_seed(&p->mld.rng, p->port->c.seed ^ (p->worker + 1));
}

void
mld_join(struct packet *p, bool is_first)
{
	report(p, all_groups(p), TO_EXCLUDE);
	if (is_first)
		return;
	p->mld.unasked_left = REPORTS_UNASKED - 1;
	p->mld.unasked_us = p->now_us + 1 + rng_below(&p->mld.rng, UNSOLICITED_US);
}

void
mld_timers(struct packet *p)
{
	struct mld *d = &p->mld;

	if (p->now_us >= d->unasked_us) {
		report(p, all_groups(p), TO_EXCLUDE);
		d->unasked_us = --d->unasked_left
		                        ? p->now_us + 1 + rng_below(&d->rng, UNSOLICITED_US)
		                        : UINT64_MAX;
	}
	if (p->now_us >= d->response_us) {
		if (bucket_take(&p->reply, p->now_us))
			report(p, d->asked, IS_EXCLUDE);
		else
			packet_count(p, C_drop_neighbour_limit);
		d->asked = 0;
		d->response_us = UINT64_MAX;
	}
	timer_due(p, MIN(d->unasked_us, d->response_us));
}

/* 3810 6.2: whoever is not on the link could have us speak otherwise. Each option takes a byte at least, so the loop ends. */
static bool
has_router_alert(const struct frame *f)
{
	const uint8_t *h = f->d + f->l3_off + IP6_LEN, *end;

	if (f->d[f->l3_off + 6] != EXT_HOP)
		return false;
	end = h + ((size_t)h[1] + 1) * 8; /* within the packet: ip6_extensions() looked */
	for (h += 2; h < end;) {
		if (*h == OPT_PAD1) {
			h++;
			continue;
		}
		if (end - h < 2 || end - h < 2 + h[1])
			return false;
		if (*h == OPT_ALERT)
			return h[1] == 2 && load_be16(h + 2) == 0;
		h += 2 + h[1];
	}
	return false;
}

static uint64_t
max_response_us(const uint8_t *d, bool is_v1)
{
	uint64_t code = load_be16(d + 4);

	if (!is_v1 && code >= 0x8000) /* 3810 5.1.3 */
		code = ((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
	return code * 1000;
}

static void
query(struct packet *p, const uint8_t *d, bool is_v1)
{
	struct addr group, mine;
	uint64_t at = p->now_us + rng_below(&p->mld.rng, max_response_us(d, is_v1) + 1), asked = 0;

	memcpy(group.b, d + 8, 16);
	if (is_v1)
		p->mld.old_querier_until_us = p->now_us + OLD_QUERIER_US;
	for (unsigned i = 0; i < p->port->local_cnt; i++)
		if (group_at(p, i, &mine) &&
		    (addr_eq(&group, &unspecified) || addr_eq(&group, &mine)))
			asked |= 1ull << i;
	if (!asked)
		return;
	p->mld.asked |= asked; /* one answer for all that is asked until then */
	p->mld.response_us = MIN(p->mld.response_us, at);
	timer_due(p, p->mld.response_us);
}

void
mld_input(struct packet *p, struct frame *f)
{
	const uint8_t *d = f->d + f->ip.l4_off;
	uint16_t len = f->ip.l4_len;

	if (d[0] != MLD_QUERY) { /* other listeners' reports are the routers' */
		frame_drop(p, f, C_drop_mld_ignored);
	} else if (f->ip.ttl != 1 || !addr_is_link_local(&f->ip.src) || f->is_reassembled ||
	           !(len == MLD1_LEN || len >= MLD2_QUERY_MIN) || !has_router_alert(f)) {
		frame_drop(p, f, C_drop_mld_bad);
	} else {
		packet_count(p, C_mld_queries_in);
		query(p, d, len == MLD1_LEN);
		rte_pktmbuf_free(f->m);
	}
}
