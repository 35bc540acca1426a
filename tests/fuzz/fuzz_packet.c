/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_packet.c - random frames through Ethernet, ARP, ND, IP, ICMP and reassembly
 *
 * Input   records: one byte of flags (1: repair checksums, 2: a second passes first, 4: through a stack that sends to a neighbour first),
 *         two bytes of length, the frame.
 * Asserts every mbuf comes back; one worker and four see the same segments and the same ICMP errors, wherever the frames came in;
 *         caches stay in their bounds.
 */
#include "tests/packet/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { F_REPAIR = 1, F_WAIT = 2, F_SEND = 4 };

static void
repair_l4(struct bytes *b, struct ip_view *ip)
{
	bool icmp4 = !ip->v6 && ip->proto == PROTO_ICMP;
	size_t at = ip->l4_off, field = at + (ip->proto == PROTO_TCP ? 16 : 2);
	uint16_t sum;

	if (at >= b->len || ip->l4_len > b->len - at || field + 2 > at + ip->l4_len)
		return;
	memset(b->d + field, 0, 2);
	sum = csum_of(b->d + at, ip->l4_len,
	              icmp4 ? 0 : csum_pseudo(&ip->src, &ip->dst, ip->proto, ip->l4_len));
	memcpy(b->d + field, &sum, 2);
}

/* So that the fuzzer gets behind the checksums: of headers that are whole, nothing else is changed. */
static void
repair(struct bytes *b)
{
	struct ip_view ip = { 0 };
	size_t ihl;

	if (b->len < 34)
		return;
	if (load_be16(b->d + 12) == ETH_TYPE_IP4) {
		ihl = (size_t)(b->d[14] & 15) * 4;
		if (ihl < 20 || 14 + ihl > b->len || load_be16(b->d + 16) < ihl)
			return;
		ip4_fix(b);
		ip = (struct ip_view){ .src = addr_v4(load_be32(b->d + 26)),
			               .dst = addr_v4(load_be32(b->d + 30)),
			               .proto = b->d[23],
			               .l4_off = (uint16_t)(14 + ihl),
			               .l4_len = (uint16_t)(load_be16(b->d + 16) - ihl) };
	} else if (load_be16(b->d + 12) == ETH_TYPE_IP6 && b->len >= 54) {
		size_t end = 54u + load_be16(b->d + 18);

		memcpy(ip.src.b, b->d + 22, 16);
		memcpy(ip.dst.b, b->d + 38, 16);
		ip.v6 = true;
		if (end > b->len || ip6_extensions(b->d, 14, end, &ip) != PASS)
			return;
	}
	repair_l4(b, &ip);
}

static void
send_one(struct rig *r, unsigned w)
{
	struct addr src = A("10.0.0.2"), dst = A("10.0.0.9");
	struct rte_mbuf *m = packet_alloc(r->p[w]);

	BUG_ON(!m);
	memset(rte_pktmbuf_append(m, 20), 0x50, 20);
	packet_send(r->p[w], m, &src, &dst, 0, r->now_us);
}

struct result {
	unsigned up, icmp;
	uint64_t hashes;
};

static struct result
run(unsigned workers, const uint8_t *data, size_t size)
{
	struct packet_port_config c = rig_config();
	struct result out = { 0 };
	struct rig *r;

	c.worker_cnt = workers;
	c.neighbours_max = 32;
	r = rig_new(&c);
	for (unsigned i = 0; size >= 3 && i < 60; i++) {
		uint8_t flags = data[0];
		struct bytes b = { .len = MIN((size_t)load_be16(data + 1) & 2047, size - 3) };

		memcpy(b.d, data + 3, b.len);
		data += 3 + b.len;
		size -= 3 + b.len;
		if (flags & F_REPAIR)
			repair(&b);
		if (flags & F_WAIT)
			r->now_us += 1000000;
		if (flags & F_SEND)
			send_one(r, i % workers);
		rig_put(r, i % workers, b.d, b.len);
		rig_run(r);
		out.up += r->up_cnt;
		out.icmp += flags & F_SEND ? 0 : r->icmp_cnt;
		out.hashes += r->up_cnt ? r->up.hash : 0;
		rig_clear(r);
		BUG_ON(rig_count(r, C_neighbours) > 32u * workers);
		BUG_ON(rig_count(r, C_reassembling) > (uint64_t)FRAG_DATAGRAMS * workers);
	}
	BUG_ON(rig_count(r, C_drop_steer_wrong) > rig_count(r, C_ns_in));
	BUG_ON(!rig_free(r));
	return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result one, four;
	bool sends = false;

	rig_eal();
	for (size_t at = 0; at + 3 <= size; at += 3 + (load_be16(data + at + 1) & 2047u))
		sends |= (data[at] & (F_SEND | F_WAIT)) != 0;
	one = run(1, data, size);
	four = run(4, data, size);
	BUG_ON(one.up != four.up || one.hashes != four.hashes);
	BUG_ON(!sends && one.icmp != four.icmp);
	return 0;
}
