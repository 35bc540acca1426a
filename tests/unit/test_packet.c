/* SPDX-License-Identifier: BSD-3-Clause
 * test_packet.c - frames by hand through a rig: every layer of dataplane/packet, and every cut of every frame
 *
 * Over 500 lines: a frame a case and a table a layer; the layers are tested through one port, so they share its rig.
 */
#include "tests/check.h"
#include "dataplane/packet/packet_capture.h"
#include "tests/packet/frames.h"

static const uint8_t bcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t mac3[6] = { 2, 0, 0, 0, 0, 3 }, mac4[6] = { 2, 0, 0, 0, 0, 4 };
#define ME4   A("10.0.0.2")
#define ME6   A("fd00::2")
#define PEER4 A("10.0.0.9")
#define PEER6 A("fd00::9")

static struct rig *
rig(void)
{
	struct packet_port_config c = rig_config();

	return rig_new(&c);
}

static void
put(struct rig *r, struct bytes b)
{
	rig_put(r, 0, b.d, b.len);
	rig_run(r);
}

static void
done(struct rig *r)
{
	CHECK(rig_free(r));
}

/* One frame, the counter it must raise by one, how many segments go up and frames go out. */
static void
expect(struct bytes b, enum packet_counter c, unsigned up, unsigned out, const char *what)
{
	struct rig *r = rig();

	put(r, b);
	CHECK(rig_count(r, c) == 1, "%s: counter %s", what, packet_counter_desc[c].field);
	CHECK(r->up_cnt == up && r->tx_cnt == out, "%s: up %u out %u", what, r->up_cnt, r->tx_cnt);
	done(r);
}

static struct bytes
patched(struct bytes b, size_t at, uint8_t v)
{
	b.d[at] = v;
	return b;
}

/* After a patch of the IPv4 header. */
static struct bytes
fixed(struct bytes b)
{
	ip4_fix(&b);
	return b;
}

static struct bytes
tagged(struct bytes b, uint16_t id, uint16_t type)
{
	memmove(b.d + 16, b.d + 12, b.len - 12);
	store_be16(b.d + 12, type);
	store_be16(b.d + 14, id);
	b.len += 4;
	return b;
}

static void
test_tcp_in(void)
{
	struct bytes t4 = tcp_frame(PEER4, ME4, 1000, 25, 100);
	struct bytes t6 = tcp_frame(PEER6, ME6, 1000, 25, 100);
	struct bytes padded = tcp_frame(PEER4, ME4, 1000, 25, 0);
	struct bytes opt = t4;
	struct rig *r = rig();
	struct addr peer = PEER4;

	put(r, t4);
	CHECK(r->up_cnt == 1 && r->up.l4_off == 34 && r->up.l4_len == 120 && !r->up.v6);
	CHECK(addr_eq(&r->up.src, &peer) && !memcmp(r->up_bytes, t4.d + 34, 120));
	t6.d[14] = 0x6b;
	t6.d[15] = 0x80; /* traffic class 0xb8 */
	put(r, t6);
	CHECK(r->up_cnt == 2 && r->up.l4_off == 54 && r->up.l4_len == 120 && r->up.v6);
	CHECK(r->up.tos == 0xb8);
	padded.len = 60; /* the frame's padding is not TCP's */
	put(r, padded);
	CHECK(r->up_cnt == 3 && r->up.l4_len == 20);
	memmove(opt.d + 54, opt.d + 34,
	        opt.len - 34); /* 20 bytes of options: record route and ends */
	memset(opt.d + 34, 0, 20);
	memcpy(opt.d + 34, "\7\7\4\0\0\0\0\1\1", 9);
	opt.d[14] = 0x4a;
	opt.len += 20;
	store_be16(opt.d + 16, (uint16_t)(opt.len - 14));
	put(r, fixed(opt));
	CHECK(r->up_cnt == 4 && r->up.l4_off == 54 && r->up.l4_len == 120);
	CHECK(r->tx_cnt == 0);
	done(r);
	expect(fixed(patched(opt, 35, 0)), C_drop_ip_options, 0, 0, "option of length 0");
	expect(fixed(patched(opt, 35, 1)), C_drop_ip_options, 0, 0, "option of length 1");
	expect(fixed(patched(opt, 35, 21)), C_drop_ip_options, 0, 0, "option over the header");
	expect(fixed(patched(opt, 34, 131)), C_drop_ip_options, 0, 0, "loose source route");
	expect(fixed(patched(opt, 34, 137)), C_drop_ip_options, 0, 0, "strict source route");
}

static void
test_bad_frames(void)
{
	struct bytes t = tcp_frame(PEER4, ME4, 1000, 25, 10), s = tcp_frame(PEER6, ME6, 1, 25, 10);

	expect(patched(t, 5, 9), C_drop_eth_not_ours, 0, 0, "other MAC");
	expect(patched(t, 0, 3), C_drop_eth_not_ours, 0, 0, "segment in a multicast frame");
	expect(patched(t, 12, 9), C_drop_eth_type, 0, 0, "ethertype");
	expect(patched(t, 14, 0x65), C_drop_ip_header, 0, 0, "version");
	expect(patched(t, 14, 0x44), C_drop_ip_header, 0, 0, "header of 16 bytes");
	expect(patched(t, 17, 19), C_drop_ip_header, 0, 0, "total under the header");
	expect(patched(t, 17, 51), C_drop_ip_short, 0, 0, "total over the frame");
	expect(patched(t, 24, 9), C_drop_ip_checksum, 0, 0, "header checksum");
	expect(patched(t, 50, 9), C_drop_tcp_checksum, 0, 0, "tcp checksum");
	expect(patched(s, 70, 9), C_drop_tcp_checksum, 0, 0, "tcp checksum v6");
	expect(fixed(patched(t, 23, 17)), C_drop_ip_protocol, 0, 0, "UDP");
	expect(fixed(patched(t, 33, 3)), C_drop_ip_not_ours, 0, 0, "other address");
	expect(fixed(patched(t, 26, 0)), C_drop_ip_source, 0, 0, "source 0/8");
	expect(fixed(patched(t, 26, 127)), C_drop_ip_source, 0, 0, "source loopback");
	expect(fixed(patched(t, 26, 224)), C_drop_ip_source, 0, 0, "source multicast");
	expect(fixed(patched(t, 29, 2)), C_drop_ip_source, 0, 0, "our own source");
	expect(patched(s, 14, 0x40), C_drop_ip_header, 0, 0, "v6 version");
	expect(patched(patched(s, 18, 0), 19, 0), C_drop_ip_header, 0, 0, "v6 payload 0");
	expect(patched(s, 19, 31), C_drop_ip_short, 0, 0, "v6 payload over the frame");
	expect(patched(s, 22, 0xff), C_drop_ip_source, 0, 0, "v6 source multicast");
	expect(patched(s, 53, 7), C_drop_ip_not_ours, 0, 0, "v6 other address");
}

static void
test_mapped(void)
{
	struct bytes s = tcp_frame(PEER6, ME6, 1, 25, 10);
	struct addr mapped = A("10.0.0.2"), peer = A("10.0.0.9");

	memcpy(s.d + 38, mapped.b, 16);
	expect(s, C_drop_ip_not_ours, 0, 0, "v6 packet to a mapped address of ours");
	s = tcp_frame(PEER6, ME6, 1, 25, 10);
	memcpy(s.d + 22, peer.b, 16);
	expect(s, C_drop_ip_source, 0, 0, "v6 packet from a mapped address");
}

static void
test_extensions(void)
{
	struct bytes s = tcp_frame(PEER6, ME6, 1, 25, 10);
	uint8_t e[80] = { 6, 0, 1, 4 }, chain[72] = { 0 }, big[320] = { 6, 39 };

	expect(extended(s, 0, e, 8), C_rx_segments, 1, 0, "hop by hop");
	expect(extended(s, 60, e, 8), C_rx_segments, 1, 0, "destination options");
	expect(extended(s, 44, "\6\0\0\0\0\0\0\1", 8), C_rx_segments, 1, 0, "atomic fragment");
	e[3] = 0;
	expect(extended(s, 43, e, 8), C_rx_segments, 1, 0, "routing, none left");
	e[3] = 1;
	expect(extended(s, 43, e, 8), C_drop_ip6_extension, 0, 0, "routing");
	e[1] = 20;
	expect(extended(s, 60, e, 8), C_drop_ip_short, 0, 0, "extension over the packet");
	for (unsigned i = 0; i < 9; i++)
		chain[i * 8] = i < 7 ? 60 : 6;
	expect(extended(s, 60, chain, 64), C_rx_segments, 1, 0, "8 extensions");
	chain[56] = 60;
	expect(extended(s, 60, chain, 72), C_drop_ip6_extension, 0, 0, "9 extensions");
	expect(extended(s, 60, big, 320), C_drop_ip6_extension, 0, 0, "320 bytes of them");
	expect(extended(s, 0, "\0\0\1\4\0\0\0\0\6\0\1\4\0\0\0\0", 16), C_drop_ip6_extension, 0, 0,
	       "hop by hop twice");
	expect(extended(s, 59, e, 0), C_drop_ip_protocol, 0, 0, "no next header");
}

static void
test_cuts(void)
{
	struct bytes frames[] = {
		tcp_frame(PEER4, ME4, 1, 25, 30),
		tcp_frame(PEER6, ME6, 1, 25, 30),
		arp_frame(1, bcast, mac3, PEER4, ME4),
		icmp_frame(PEER4, ME4, 8, 0, 1, "abcdefgh", 8),
		icmp_frame(PEER6, ME6, 128, 0, 1, "abcdefgh", 8),
		nd_frame(135, 0, PEER6, ME6, ME6, 1, mac3),
		tagged(tcp_frame(PEER4, ME4, 1, 25, 30), 0, ETH_TYPE_VLAN),
		extended(tcp_frame(PEER6, ME6, 1, 25, 30), 60, "\6\0\1\4\0\0\0\0", 8),
	};
	struct rig *r = rig();

	for (unsigned i = 0; i < ARRAY_LEN(frames); i++)
		for (size_t n = 0; n < frames[i].len; n++) {
			rig_put(r, 0, frames[i].d, n);
			rig_run(r);
			CHECK(r->up_cnt == 0 && r->tx_cnt == 0, "frame %u cut at %zu", i, n);
			rig_clear(r);
		}
	done(r);
}

/* Cut in the IP length too, so that only TCP's own length is wrong. */
static void
test_short_tcp(void)
{
	for (size_t n = 0; n < 20; n++) {
		struct bytes t = tcp_bytes(PEER4, ME4, 1, 25, 0);

		expect(ip_frame(PEER4, ME4, PROTO_TCP, 64, 1, 0, t.d, n), C_drop_tcp_short, 0, 0,
		       "short tcp");
	}
}

static void
test_vlan(void)
{
	struct packet_port_config c = rig_config();
	struct bytes t = tcp_frame(PEER4, ME4, 1, 25, 0),
	             e = icmp_frame(PEER4, ME4, 8, 0, 1, "x", 1);
	struct rig *r;

	expect(tagged(t, 0xe000, ETH_TYPE_VLAN), C_rx_segments, 1, 0, "priority tag");
	expect(tagged(t, 5, ETH_TYPE_VLAN), C_drop_vlan, 0, 0, "a VLAN that is not ours");
	expect(tagged(t, 0, 0x88a8), C_drop_eth_type, 0, 0, "service tag");
	expect(tagged(tagged(t, 0, ETH_TYPE_VLAN), 0, ETH_TYPE_VLAN), C_drop_eth_type, 0, 0,
	       "two tags");
	c.vlan = 7;
	r = rig_new(&c);
	put(r, tagged(e, 7, ETH_TYPE_VLAN));
	CHECK(r->tx_cnt == 1 && load_be16(r->tx[0].d + 12) == 0x8100 &&
	      load_be16(r->tx[0].d + 14) == 7 && load_be16(r->tx[0].d + 16) == ETH_TYPE_IP4);
	put(r, t);
	CHECK(rig_count(r, C_drop_vlan) == 1 && r->up_cnt == 0);
	put(r, tagged(t, 8, ETH_TYPE_VLAN));
	CHECK(rig_count(r, C_drop_vlan) == 2 && r->up_cnt == 0);
	done(r);
}

static void
test_echo(void)
{
	struct bytes e = icmp_frame(PEER4, ME4, 8, 0, 0x10002, "hello, world", 12);
	struct bytes s = icmp_frame(PEER6, ME6, 128, 0, 0x10002, "hello", 5);
	struct bytes want = icmp_frame(ME4, PEER4, 0, 0, 0x10002, "hello, world", 12);
	struct bytes want6 = icmp_frame(ME6, PEER6, 129, 0, 0x10002, "hello", 5);
	struct rig *r = rig();

	e.d[15] = 0xbb; /* DSCP stays, ECN goes */
	put(r, fixed(e));
	CHECK(r->tx[0].d[15] == 0xb8);
	CHECK(r->tx_cnt == 1 && r->tx[0].len == e.len && !memcmp(r->tx[0].d, rig_peer_mac, 6) &&
	      !memcmp(r->tx[0].d + 6, rig_mac, 6));
	CHECK(!memcmp(r->tx[0].d + 34, want.d + 34, 20) && r->tx[0].d[23] == PROTO_ICMP);
	CHECK(!memcmp(r->tx[0].d + 26, want.d + 26, 8) && csum_is_ok(r->tx[0].d + 14, 20, 0));
	put(r, s);
	CHECK(r->tx_cnt == 2 && !memcmp(r->tx[1].d + 54, want6.d + 54, 13) &&
	      !memcmp(r->tx[1].d + 22, want6.d + 22, 32));
	done(r);
	e = icmp_frame(PEER4, ME4, 8, 0, 0x10002, "hello, world", 12);
	expect(patched(e, 40, 1), C_drop_icmp_checksum, 0, 0, "icmp checksum");
	expect(patched(s, 60, 1), C_drop_icmp_checksum, 0, 0, "icmp6 checksum");
	expect(patched(e, 0, 3), C_drop_icmp_broadcast, 0, 0, "echo in a broadcast frame");
	expect(icmp_frame(PEER4, ME4, 13, 0, 0, "", 0), C_drop_icmp_type, 0, 0, "timestamp");
	expect(icmp_frame(PEER4, ME4, 0, 0, 0, "", 0), C_drop_icmp_type, 0, 0, "echo reply");
	expect(icmp_frame(PEER6, ME6, 134, 0, 0, "", 0), C_drop_nd_ignored, 0, 0, "RA");
	r = rig();
	for (unsigned i = 0; i < 400; i++)
		put(r, e);
	CHECK(r->tx_cnt == 250 && rig_count(r, C_drop_echo_rate) == 150, "%u", r->tx_cnt);
	r->now_us += 10000;
	rig_clear(r);
	for (unsigned i = 0; i < 20; i++)
		put(r, e);
	CHECK(r->tx_cnt == 10, "%u", r->tx_cnt);
	done(r);
}

static void
test_arp(void)
{
	struct bytes q = arp_frame(1, bcast, mac3, PEER4, ME4);
	struct rig *r = rig();

	put(r, q);
	CHECK(r->tx_cnt == 1 && !memcmp(r->tx[0].d, mac3, 6) && load_be16(r->tx[0].d + 20) == 2);
	CHECK(!memcmp(r->tx[0].d + 22, rig_mac, 6) && !memcmp(r->tx[0].d + 28, ME4.b + 12, 4) &&
	      !memcmp(r->tx[0].d + 32, mac3, 6) && !memcmp(r->tx[0].d + 38, PEER4.b + 12, 4));
	put(r, arp_frame(1, bcast, mac3, A("0.0.0.0"), ME4)); /* a probe */
	CHECK(r->tx_cnt == 2);
	put(r, arp_frame(1, bcast, mac3, ME4, ME4)); /* somebody claims our address: defended */
	CHECK(r->tx_cnt == 3 && rig_count(r, C_address_conflicts) == 1 &&
	      !memcmp(r->tx[2].d, bcast, 6));
	put(r, arp_frame(1, bcast, rig_mac, ME4, ME4)); /* our own came back */
	CHECK(r->tx_cnt == 3 && rig_count(r, C_address_conflicts) == 1);
	done(r);
	expect(arp_frame(1, bcast, mac3, PEER4, A("10.0.0.3")), C_drop_arp_not_ours, 0, 0,
	       "who is .3");
	expect(arp_frame(1, bcast, mac3, A("10.9.0.3"), ME4), C_drop_arp_not_ours, 0, 0,
	       "off link");
	expect(arp_frame(3, bcast, mac3, PEER4, ME4), C_drop_arp_bad, 0, 0, "RARP");
	expect(arp_frame(1, bcast, bcast, PEER4, ME4), C_drop_arp_bad, 0, 0, "sender is a group");
	expect(patched(q, 18, 8), C_drop_arp_bad, 0, 0, "hardware length");
}

static int
send_to(struct rig *r, const char *dst, size_t data)
{
	struct addr d = A(dst), s;
	struct rte_mbuf *m = packet_alloc(r->p[0]);
	struct bytes t;
	int rc;

	CHECK(packet_source_for(r->p[0], &d, &s));
	t = tcp_bytes(s, d, 25, 1000, data);
	memset(t.d + 16, 0xee, 2); /* not the caller's to fill */
	memcpy(rte_pktmbuf_append(m, (uint16_t)t.len), t.d, t.len);
	rc = packet_send(r->p[0], m, &s, &d, 0, r->now_us);
	packet_flush(r->p[0]);
	return rc;
}

static void
test_resolve4(void)
{
	struct rig *r = rig();
	struct bytes want = tcp_frame(ME4, PEER4, 25, 1000, 3);

	for (unsigned i = 0; i < 5; i++)
		CHECK(send_to(r, "10.0.0.9", i) == 0);
	CHECK(r->tx_cnt == 1 && load_be16(r->tx[0].d + 20) == 1 && !memcmp(r->tx[0].d, bcast, 6));
	CHECK(rig_count(r, C_drop_neighbour_queue) == 2 && r->p[0]->neigh.queued_cnt == 3);
	rig_clear(r);
	put(r, arp_frame(2, rig_mac, mac3, PEER4, ME4));
	CHECK(r->tx_cnt == 3 && !memcmp(r->tx[0].d, mac3, 6)); /* the last three, in order */
	CHECK(r->tx[0].len == 56 && r->tx[1].len == 57 && r->tx[2].len == 58);
	CHECK(!memcmp(r->tx[1].d + 34, want.d + 34, 23) && csum_is_ok(r->tx[1].d + 14, 20, 0));
	CHECK(r->tx[1].d[20] == 0x40 && r->tx[1].d[22] == 64);
	rig_clear(r);
	CHECK(send_to(r, "10.0.0.9", 0) == 0 && r->tx_cnt == 1);
	CHECK(send_to(r, "192.0.2.1", 0) == 0 && r->tx_cnt == 2); /* by the gateway: asks for it */
	CHECK(load_be16(r->tx[1].d + 12) == ETH_TYPE_ARP &&
	      !memcmp(r->tx[1].d + 38, A("10.0.0.1").b + 12, 4));
	put(r, arp_frame(2, rig_mac, mac4, A("10.0.0.1"), ME4));
	CHECK(r->tx_cnt == 3 && !memcmp(r->tx[2].d, mac4, 6) &&
	      !memcmp(r->tx[2].d + 30, A("192.0.2.1").b + 12, 4));
	CHECK(send_to(r, "198.51.100.1", 0) == 0 && r->tx_cnt == 4);
	done(r);
}

static void
test_resolve6(void)
{
	struct rig *r = rig();
	struct bytes want = tcp_frame(ME6, PEER6, 25, 1000, 3);
	struct addr group = A("ff02::1:ff00:9");

	CHECK(send_to(r, "fd00::9", 3) == 0 && r->tx_cnt == 1);
	CHECK(r->tx[0].d[54] == 135 && r->tx[0].d[21] == 255 && r->tx[0].d[0] == 0x33 &&
	      !memcmp(r->tx[0].d + 38, group.b, 16) && !memcmp(r->tx[0].d + 80, rig_mac, 6));
	put(r, nd_frame(136, 0x60000000, PEER6, ME6, PEER6, 2, mac3));
	CHECK(r->tx_cnt == 2 && !memcmp(r->tx[1].d, mac3, 6) &&
	      !memcmp(r->tx[1].d + 54, want.d + 54, 23));
	CHECK(r->tx[1].len == 77 && r->tx[1].d[20] == PROTO_TCP);
	/* another MAC without Override, and within the lock's second: not taken */
	put(r, nd_frame(136, 0x40000000, PEER6, ME6, PEER6, 2, mac4));
	put(r, nd_frame(136, 0x20000000, PEER6, ME6, PEER6, 2, mac4));
	CHECK(send_to(r, "fd00::9", 0) == 0 && !memcmp(r->tx[2].d, mac3, 6));
	r->now_us += 2000000;
	put(r, nd_frame(136, 0x20000000, PEER6, ME6, PEER6, 2, mac4));
	CHECK(send_to(r, "fd00::9", 0) == 0 && r->tx_cnt == 5, "%u",
	      r->tx_cnt); /* a probe and the segment */
	CHECK(!memcmp(r->tx[3].d, mac4, 6) && r->tx[3].d[54] == 135 &&
	      !memcmp(r->tx[4].d, mac4, 6));
	done(r);
}

static void
test_unreachable(void)
{
	struct rig *r = rig();
	unsigned asked = 0;

	CHECK(send_to(r, "10.0.0.9", 0) == 0 && send_to(r, "fd00::9", 0) == 0);
	for (unsigned i = 0; i < 40; i++) {
		CHECK(packet_next_us(r->p[0]) <= r->now_us + 1000000 || r->icmp_cnt == 2);
		r->now_us += 100000;
		rig_run(r);
	}
	for (unsigned i = 0; i < r->tx_cnt; i++)
		asked += load_be16(r->tx[i].d + 12) == ETH_TYPE_ARP;
	CHECK(asked == 3 && r->tx_cnt == 6, "%u %u", asked, r->tx_cnt);
	CHECK(r->icmp_cnt == 2 && r->icmp.rport == 1000 && r->icmp.lport == 25 &&
	      r->icmp.seq == 0x01020304);
	CHECK(rig_count(r, C_drop_neighbour_failed) == 2 && packet_next_us(r->p[0]) == UINT64_MAX);
	done(r);
}

static void
test_stale(void)
{
	struct addr peer = PEER4;
	struct rig *r = rig();

	send_to(r, "10.0.0.9", 0);
	put(r, arp_frame(2, rig_mac, mac3, PEER4, ME4));
	rig_clear(r);
	r->now_us += 31000000;
	send_to(r, "10.0.0.9", 0); /* stale: asked by unicast, and used meanwhile */
	CHECK(r->tx_cnt == 2 && load_be16(r->tx[0].d + 12) == ETH_TYPE_ARP &&
	      !memcmp(r->tx[0].d, mac3, 6) && !memcmp(r->tx[1].d, mac3, 6));
	for (unsigned i = 0; i < 3; i++) {
		r->now_us += 1000000;
		rig_run(r);
	}
	CHECK(r->tx_cnt == 5 && !memcmp(r->tx[3].d, mac3, 6) &&
	      !memcmp(r->tx[4].d, bcast, 6)); /* then everybody */
	send_to(r, "10.0.0.9", 0);
	CHECK(r->tx_cnt == 5 && r->p[0]->neigh.queued_cnt == 1 &&
	      neigh_find(r->p[0], &peer)->is_confirmed);
	put(r, arp_frame(1, bcast, mac4, PEER4,
	                 A("10.0.0.3"))); /* it speaks, to others, from a new card */
	CHECK(r->tx_cnt == 6 && !memcmp(r->tx[5].d, mac4, 6));
	send_to(r, "10.0.0.9",
	        0); /* which is asked by unicast, then by broadcast, and never answers */
	for (unsigned i = 0; i < 7; i++) {
		r->now_us += 1000000;
		rig_run(r);
	}
	CHECK(neigh_find(r->p[0], &peer)->state == NEIGH_FAILED &&
	      !neigh_find(r->p[0], &peer)->is_confirmed);
	done(r);
}

/* An advertisement without Override and with another MAC: the old one is kept and asked (RFC 4861 7.2.5). */
static void
test_no_override(void)
{
	struct rig *r = rig();

	send_to(r, "fd00::9", 0);
	put(r, nd_frame(136, 0x60000000, PEER6, ME6, PEER6, 2, mac3));
	r->now_us += 2000000;
	put(r, nd_frame(136, 0, PEER6, ME6, PEER6, 2, mac4));
	rig_clear(r);
	send_to(r, "fd00::9", 0);
	CHECK(r->tx_cnt == 2 && r->tx[0].d[54] == 135 && !memcmp(r->tx[0].d, mac3, 6) &&
	      !memcmp(r->tx[1].d, mac3, 6));
	done(r);
}

static void
test_no_route(void)
{
	struct packet_port_config c = rig_config();
	struct addr d = A("192.0.2.1"), mine = ME4, s;
	struct rte_mbuf *m;
	struct rig *r;

	memset(&c.gateway4, 0, 16);
	r = rig_new(&c);
	CHECK(!packet_source_for(r->p[0], &d, &s));
	m = packet_alloc(r->p[0]);
	memset(rte_pktmbuf_append(m, 20), 0x50, 20);
	CHECK(packet_send(r->p[0], m, &mine, &d, 0, r->now_us) == -EHOSTUNREACH);
	m = packet_alloc(r->p[0]);
	memset(rte_pktmbuf_append(m, 1481), 0x50, 1481);
	d = PEER4;
	CHECK(packet_send(r->p[0], m, &mine, &d, 0, r->now_us) == -EHOSTUNREACH);
	CHECK(rig_count(r, C_drop_no_route) == 1 && rig_count(r, C_drop_tx_big) == 1);
	done(r);
}

/* The offloaded path leaves the pseudo header's sum and the flags; on receive good is believed, bad and unknown are looked at. */
static void
test_offload(void)
{
	struct packet_port_config c = rig_config();
	struct addr d = PEER4, s = ME4;
	struct bytes t = tcp_bytes(s, d, 25, 1000, 50);
	static const uint64_t want =
	        RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4;
	static const uint64_t flags[] = { RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD,
		                          RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_IP_CKSUM_BAD,
		                          0 };
	uint16_t pseudo = csum_fold(csum_pseudo(&s, &d, PROTO_TCP, 70));
	struct rte_mbuf *m;
	struct rig *r;

	c.caps = PACKET_CAP_TX_IP_CSUM | PACKET_CAP_TX_TCP_CSUM | PACKET_CAP_RX_CSUM;
	r = rig_new(&c);
	put(r, arp_frame(1, bcast, mac3, d, s));
	m = packet_alloc(r->p[0]);
	memcpy(rte_pktmbuf_append(m, (uint16_t)t.len), t.d, t.len);
	rte_mbuf_refcnt_update(m, 1);
	packet_send(r->p[0], m, &s, &d, 0, r->now_us);
	packet_flush(r->p[0]);
	CHECK((m->ol_flags & want) == want && m->l2_len == 14 && m->l3_len == 20 &&
	      m->l4_len == 20);
	CHECK(!memcmp(rte_pktmbuf_mtod_offset(m, uint8_t *, 34 + 16), &pseudo, 2));
	CHECK(!memcmp(rte_pktmbuf_mtod_offset(m, uint8_t *, 24), "\0\0", 2));
	rte_pktmbuf_free(m);
	for (unsigned i = 0; i < 3; i++) {
		struct bytes bad = tcp_frame(d, s, 1, 25, 10);

		for (unsigned k = 0; k < 2; k++) {
			rig_put(r, 0, bad.d, bad.len);
			r->q[0].in[0]->ol_flags |= flags[i];
			rig_run(r);
			bad.d[55] ^= 1;
		}
		CHECK(r->up_cnt == 2 + i, "%u: %u", i, r->up_cnt);
	}
	done(r);
}

/* A device that cannot send chains gets every frame in one piece, its bytes and checksum as they were. */
static void
test_chain_made_one(void)
{
	struct packet_port_config c = rig_config();
	struct addr d = PEER4, s = ME4;
	struct bytes t = tcp_bytes(s, d, 25, 1000, 50);

	for (unsigned can = 0; can < 2; can++) {
		struct rte_mbuf *m, *tail;
		struct rig *r;

		c.caps = can ? PACKET_CAP_MULTI_SEG : 0;
		r = rig_new(&c);
		put(r, arp_frame(1, bcast, mac3, d, s));
		m = packet_alloc(r->p[0]);
		tail = packet_alloc(r->p[0]);
		memcpy(rte_pktmbuf_append(m, 33), t.d, 33);
		memcpy(rte_pktmbuf_append(tail, 37), t.d + 33, 37);
		CHECK(rte_pktmbuf_chain(m, tail) == 0);
		rte_mbuf_refcnt_update(m, 1);
		packet_send(r->p[0], m, &s, &d, 0, r->now_us);
		CHECK(m->nb_segs == (can ? 2 : 1));
		rig_clear(r);
		packet_flush(r->p[0]);
		CHECK(r->tx[r->tx_cnt - 1].len == 34 + 70 &&
		      !memcmp(r->tx[r->tx_cnt - 1].d + 34, t.d, 70));
		rte_pktmbuf_free(m);
		done(r);
	}
}

static void
test_nd(void)
{
	struct addr all = A("ff02::1"), group = A("ff02::1:ff00:2"), zero = { 0 }, mine = ME6,
	            peer = PEER6;
	struct rig *r = rig();

	put(r, nd_frame(135, 0, peer, group, mine, 1, mac3));
	CHECK(r->tx_cnt == 1 && r->tx[0].d[54] == 136 && r->tx[0].d[58] == 0x60 &&
	      !memcmp(r->tx[0].d, mac3, 6));
	CHECK(!memcmp(r->tx[0].d + 80, rig_mac, 6) && r->tx[0].d[78] == 2 && r->tx[0].d[21] == 255);
	CHECK(csum_is_ok(r->tx[0].d + 54, 32, csum_pseudo(&mine, &peer, PROTO_ICMP6, 32)));
	put(r, nd_frame(135, 0, zero, group, mine, 0,
	                mac3)); /* somebody's DAD: told off, at all nodes */
	CHECK(r->tx_cnt == 2 && r->tx[1].d[58] == 0x20 && !memcmp(r->tx[1].d + 38, all.b, 16));
	put(r, nd_frame(136, 0x20000000, mine, all, mine, 2,
	                mac3)); /* and one who just took it: defended */
	CHECK(r->tx_cnt == 3 && rig_count(r, C_address_conflicts) == 1);
	done(r);
	expect(patched(nd_frame(135, 0, peer, mine, mine, 1, mac3), 21, 254), C_drop_nd_bad, 0, 0,
	       "hop limit");
	expect(nd_frame(135, 0, peer, mine, A("fd00::3"), 1, mac3), C_drop_nd_not_ours, 0, 0,
	       "who is ::3");
	expect(nd_frame(135, 0, peer, mine, group, 1, mac3), C_drop_nd_bad, 0, 0,
	       "target is a group");
	expect(nd_frame(135, 0, zero, group, mine, 1, mac3), C_drop_nd_bad, 0, 0, "DAD with a MAC");
	expect(nd_frame(135, 0, zero, mine, mine, 0, mac3), C_drop_nd_bad, 0, 0, "DAD to one");
	expect(nd_frame(136, 0x40000000, peer, all, peer, 2, mac3), C_drop_nd_bad, 0, 0,
	       "S to a group");
	expect(nd_frame(136, 0x60000000, peer, mine, peer, 2, mac3), C_drop_nd_not_ours, 0, 0,
	       "not asked for");
	expect(icmp_frame(peer, mine, 135, 0, 0,
	                  "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\1\0\0\0\0\0\0\0", 24),
	       C_drop_nd_bad, 0, 0, "option of length 0");
	expect(icmp_frame(peer, mine, 135, 0, 0,
	                  "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\1\2\0\0\0\0\0\0", 24),
	       C_drop_nd_bad, 0, 0, "option too long");
}

static void
test_dad(void)
{
	struct packet_port_config c = rig_config();
	struct addr zero = { 0 }, group = A("ff02::1:ff00:2"), all = A("ff02::1"), mine = ME6;
	struct packet_address_state s[4];
	struct rig *r;
	unsigned na = 0;

	c.no_announce = false;
	r = rig_new(&c);
	rig_run(r);
	/* A listener report (test_mld.c), gratuitous ARP, DAD of ours and of the link-local address. */
	CHECK(r->tx_cnt == 4 && r->tx[0].d[20] == 0);
	CHECK(packet_is_local(r->p[0], &mine)); /* optimistic */
	put(r, nd_frame(135, 0, PEER6, group, mine, 1, mac3));
	CHECK(r->tx_cnt == 5 && r->tx[4].d[58] == 0x40); /* solicited, does not override */
	for (unsigned i = 0; i < 40; i++) {
		r->now_us += 100000;
		rig_run(r);
	}
	for (unsigned i = 5; i < r->tx_cnt; i++)
		na += load_be16(r->tx[i].d + 12) == ETH_TYPE_IP6 && r->tx[i].d[54] == 136 &&
		      r->tx[i].d[58] == 0x20;
	CHECK(r->tx_cnt == 10 + 3 && na == 4, "%u %u", r->tx_cnt, na);
	CHECK(packet_next_us(r->p[0]) == UINT64_MAX);
	done(r);
	for (unsigned how = 0; how < 2; how++) { /* another one wants it, another one has it */
		r = rig_new(&c);
		rig_run(r);
		put(r, how ? nd_frame(136, 0x20000000, mine, all, mine, 2, mac3)
		           : nd_frame(135, 0, zero, group, mine, 0, mac3));
		CHECK(!packet_is_local(r->p[0], &mine), "%u", how);
		CHECK(packet_port_addresses(r->port, s, 4) == 3 && s[1].is_duplicate &&
		      !s[0].is_duplicate);
		r->now_us += 1500000;
		rig_run(r);
		CHECK(!packet_is_local(r->p[0], &mine));
		done(r);
	}
}

static struct bytes
frag4(const struct bytes *t, unsigned off, unsigned len, bool more, uint16_t id)
{
	return ip_frame(PEER4, ME4, PROTO_TCP, 64, id, (uint16_t)(off / 8 | (more ? 0x2000 : 0)),
	                t->d + off, len);
}

static struct bytes
frag6(const struct bytes *t, unsigned off, unsigned len, bool more, uint32_t id)
{
	struct bytes b = ip_frame(PEER6, ME6, PROTO_TCP, 64, 0, 0, t->d + off, len);
	uint8_t h[8] = { PROTO_TCP };

	store_be16(h + 2, (uint16_t)(off | more));
	store_be32(h + 4, id);
	return extended(b, PROTO_FRAGMENT, h, 8);
}

static void
test_fragments(void)
{
	struct bytes t = tcp_bytes(PEER4, ME4, 1000, 25, 1180),
	             s = tcp_bytes(PEER6, ME6, 1000, 25, 1180);
	static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		                              { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	static const unsigned off[] = { 0, 400, 800 };
	struct rig *r = rig();

	for (unsigned o = 0; o < 6; o++)
		for (unsigned i = 0; i < 3; i++) {
			unsigned f = orders[o][i];

			put(r, frag4(&t, off[f], 400, f < 2, (uint16_t)o));
			if (i == 1)
				put(r, frag4(&t, off[f], 400, f < 2, (uint16_t)o)); /* once more */
			put(r, frag6(&s, off[f], 400, f < 2, o));
			CHECK(r->up_cnt == o * 2 + (i == 2 ? 2 : 0));
		}
	CHECK(r->up.l4_len == 1200 && !memcmp(r->up_bytes, s.d, 1200));
	CHECK(rig_count(r, C_reassembled) == 12 && rig_count(r, C_reassembling) == 0);
	done(r);
}

static void
test_bad_fragments(void)
{
	struct bytes t = tcp_bytes(PEER4, ME4, 1000, 25, 1180), u = t;
	struct rig *r = rig();

	u.d[401] ^= 1;
	put(r, frag4(&t, 0, 408, true, 1));
	put(r, frag4(&t, 400, 400, true, 1)); /* teardrop: 8 bytes twice */
	put(r, frag4(&t, 408, 392, true, 1));
	put(r, frag4(&t, 800, 400, false, 1));
	CHECK(r->up_cnt == 0 && rig_count(r, C_drop_frag_overlap) == 3 &&
	      rig_count(r, C_reassembling) == 1);
	put(r, frag4(&t, 0, 400, true, 2));
	put(r, frag4(&t, 400, 400, true, 2));
	put(r, frag4(&u, 400, 400, true, 2)); /* same place, other bytes */
	put(r, frag4(&t, 800, 400, false, 2));
	CHECK(r->up_cnt == 0 && rig_count(r, C_drop_frag_overlap) == 5);
	put(r, frag4(&t, 800, 400, false, 3));
	put(r, frag4(&t, 1000, 208, true, 3)); /* behind the end */
	put(r, frag4(&t, 0, 800, true, 3));
	CHECK(r->up_cnt == 0 && rig_count(r, C_drop_frag_overlap) == 7);
	put(r, frag4(&t, 0, 800, true, 4));
	put(r, frag4(&t, 400, 100, false, 4)); /* an end before what is there */
	CHECK(rig_count(r, C_drop_frag_overlap) == 8);
	put(r, frag4(&t, 0, 16, true, 5));
	put(r, frag4(&t, 8, 400, true, 5));
	put(r, frag4(&t, 16, 400, true, 5));
	CHECK(rig_count(r, C_drop_frag_tiny) == 3);
	put(r, frag4(&t, 24, 15, true, 6)); /* not a multiple of 8 */
	put(r, frag4(&t, 24, 0, false, 6));
	CHECK(rig_count(r, C_drop_frag_bad) == 2);
	put(r, ip_frame(PEER4, ME4, PROTO_TCP, 64, 7, 0x1fff, t.d, 400)); /* ping of death */
	CHECK(rig_count(r, C_drop_frag_bad) == 3);
	put(r, ip_frame(PEER4, ME4, PROTO_TCP, 64, 7, 0x0100, t.d, 8)); /* over 2,048 */
	CHECK(rig_count(r, C_drop_frag_big) == 1);
	CHECK(rig_count(r, C_reassembling) == 4, "%u", (unsigned)rig_count(r, C_reassembling));
	r->now_us += FRAG_TIMEOUT_US;
	rig_run(r);
	CHECK(rig_count(r, C_reassembling) == 0 && rig_count(r, C_drop_frag_timeout) == 4);
	CHECK(packet_next_us(r->p[0]) == UINT64_MAX);
	done(r);
}

static void
test_fragment_flood(void)
{
	struct bytes t = tcp_bytes(PEER4, ME4, 1000, 25, 1180);
	struct rig *r = rig();

	for (unsigned i = 0; i < 5000; i++)
		put(r, frag4(&t, 400, 400, true, (uint16_t)i));
	CHECK(rig_count(r, C_reassembling) == FRAG_DATAGRAMS);
	put(r, frag4(&t, 0, 600, true, 9999)); /* an honest one gets through all the same */
	put(r, frag4(&t, 600, 600, false, 9999));
	CHECK(r->up_cnt == 1);
	CHECK(rte_mempool_in_use_count(r->pool) < FRAG_DATAGRAMS + 1);
	done(r);
}

static struct bytes
quoted(struct addr from, struct addr dst, uint8_t type, uint8_t code, uint32_t word,
       struct bytes inner, size_t len)
{
	return icmp_frame(from, dst, type, code, word, inner.d + 14, MIN(len, inner.len - 14));
}

static void
test_icmp_errors(void)
{
	struct bytes t4 = tcp_frame(ME4, A("192.0.2.7"), 25, 4000, 10);
	struct bytes t6 = tcp_frame(ME6, A("2001:db8::7"), 25, 4000, 10);
	struct bytes other = tcp_frame(A("10.0.0.3"), A("192.0.2.7"), 25, 4000, 10);
	struct rig *r = rig();

	put(r, quoted(PEER4, ME4, 3, 4, 1400, t4, 28));
	CHECK(r->icmp_cnt == 1 && r->icmp.mtu == 1400 && r->icmp.lport == 25 &&
	      r->icmp.rport == 4000 && r->icmp.seq == 0x01020304 && !r->icmp.v6);
	put(r, quoted(PEER6, ME6, 2, 0, 1300, t6, 48));
	CHECK(r->icmp_cnt == 2 && r->icmp.mtu == 1300 && r->icmp.v6 && r->icmp.type == 2);
	put(r, quoted(PEER4, ME4, 3, 1, 1400, t4, 100));
	CHECK(r->icmp_cnt == 3 && r->icmp.mtu == 0 && r->icmp.code == 1);
	put(r, quoted(PEER6, ME6, 1, 4, 0, extended(t6, 60, "\6\0\1\4\0\0\0\0", 8), 100));
	CHECK(r->icmp_cnt == 4 && r->icmp.lport == 25);
	for (size_t n = 0; n < 28; n++)
		put(r, quoted(PEER4, ME4, 3, 4, 1400, t4, n));
	for (size_t n = 0; n < 48; n++)
		put(r, quoted(PEER6, ME6, 2, 0, 1400, t6, n));
	CHECK(r->icmp_cnt == 4 && rig_count(r, C_drop_icmp_quote) == 76);
	put(r, quoted(PEER4, ME4, 3, 4, 1400, other, 28));
	put(r, quoted(PEER4, ME4, 3, 4, 1400, patched(t4, 23, 17), 28));
	put(r, quoted(PEER4, ME4, 3, 4, 1400, patched(t4, 21, 9), 28)); /* a later fragment */
	put(r, quoted(PEER4, ME4, 3, 4, 1400, patched(t4, 14, 0x44), 28));
	put(r, quoted(PEER4, ME4, 3, 4, 1400, patched(t4, 14, 0x4f), 28));
	CHECK(r->icmp_cnt == 4 && rig_count(r, C_drop_icmp_quote) == 81);
	done(r);
}

/* The rate of replies is used up by q; PEER4 and PEER6, which are confirmed, are still answered, others are not. */
static void
check_reply_shares(struct rig *r, struct bytes q)
{
	for (unsigned i = 0; i < NEIGH_REPLY_PER_S; i++)
		put(r, q);
	rig_clear(r);
	put(r, q);
	CHECK(r->tx_cnt == 0);
	put(r, arp_frame(1, bcast, mac3, PEER4, ME4)); /* who is confirmed is still answered */
	put(r, nd_frame(135, 0, PEER6, ME6, ME6, 1, mac3));
	CHECK(r->tx_cnt == 2 && !memcmp(r->tx[0].d, mac3, 6) && !memcmp(r->tx[1].d, mac3, 6));
	put(r, nd_frame(135, 0, A("fd00::a"), ME6, ME6, 1, mac4));
	CHECK(r->tx_cnt == 2);
}

static void
test_neighbour_flood(void)
{
	struct packet_port_config c = rig_config();
	struct rig *r;
	struct bytes q;

	c.addresses[0].bits = 96 + 8; /* 10/8: 16 M neighbours */
	r = rig_new(&c);
	send_to(r, "10.0.0.9", 0);
	put(r, arp_frame(2, rig_mac, mac3, PEER4, ME4)); /* confirmed */
	send_to(r, "fd00::9", 0);
	put(r, nd_frame(136, 0x60000000, PEER6, ME6, PEER6, 2, mac3));
	q = arp_frame(1, bcast, mac4, PEER4, ME4);
	for (uint32_t i = 0; i < 1000000; i++) {
		store_be32(q.d + 28, 0x0a100000 + i);
		rig_put(r, 0, q.d, q.len);
		if (i % 200 == 199) {
			r->now_us += 200; /* a million a second */
			rig_run(r);
			rig_clear(r);
		}
	}
	CHECK(rig_count(r, C_neighbours) <= NEIGH_DEFAULT);
	CHECK(rig_count(r, C_arp_replies_out) < 7000, "%u",
	      (unsigned)rig_count(r, C_arp_replies_out));
	check_reply_shares(r, q);
	rig_clear(r);
	CHECK(send_to(r, "10.0.0.9", 0) == 0 && r->tx_cnt == 1 && !memcmp(r->tx[0].d, mac3, 6));
	for (uint32_t i = 0; i < 20000; i++) { /* and sending to invented ones */
		char text[32];

		snprintf(text, sizeof(text), "10.%u.%u.%u", 32 + i / 65536, i / 256 % 256, i % 256);
		send_to(r, text, 0);
		r->now_us += 1;
	}
	CHECK(rig_count(r, C_neighbours) <= NEIGH_DEFAULT &&
	      r->p[0]->neigh.queued_cnt <= NEIGH_QUEUED_MAX);
	CHECK(rig_count(r, C_arp_requests_out) < 400);
	for (uint32_t i = 0; i < 20000;
	     i++) { /* all confirmed: the oldest go, the gateway's entry never */
		struct addr a = addr_v4(0x0a200000 + i);

		r->now_us += 2000;
		packet_rx(r->p[0], r->now_us, &(struct packet_in){ 0 }, 1, NULL);
		neigh_resolve(r->p[0], &a);
		CHECK(neigh_find(r->p[0], &a), "no way in for %u", i);
		if (neigh_find(r->p[0], &a))
			neigh_answer(r->p[0], neigh_find(r->p[0], &a), mac4, true, true);
		packet_flush(r->p[0]);
		rig_clear(r);
	}
	CHECK(neigh_find(r->p[0], &c.gateway4) && neigh_find(r->p[0], &c.gateway6));
	CHECK(rig_count(r, C_neighbours) == NEIGH_DEFAULT);
	send_to(r, "10.0.0.9", 0);
	put(r, arp_frame(2, rig_mac, mac3, PEER4, ME4));
	rig_clear(r);
	CHECK(send_to(r, "10.0.0.9", 0) == 0 && r->tx_cnt == 1 && !memcmp(r->tx[0].d, mac3, 6));
	done(r);
}

/* Straight into the cache, past the limits of rate: ten million invented neighbours of every kind, and those who answered us once, idle
 * ever since, are all still there. */
static void
test_confirmed_survive(void)
{
	struct packet_port_config c = rig_config();
	char text[32];
	struct rig *r;

	c.addresses[0].bits = 96 + 8;
	c.gateway4 = A("10.0.0.99");
	r = rig_new(&c);
	for (unsigned i = 10; i < 60; i++) {
		struct addr a4 = addr_v4(0x0a000000 + i), a6 = PEER6;

		a6.b[15] = (uint8_t)i;
		neigh_resolve(r->p[0], &a4);
		neigh_answer(r->p[0], neigh_find(r->p[0], &a4), mac3, true, true);
		neigh_resolve(r->p[0], &a6);
		neigh_answer(r->p[0], neigh_find(r->p[0], &a6), mac3, true, true);
		packet_flush(r->p[0]);
	}
	for (uint32_t i = 0; i < 10000000; i++) {
		struct addr heard = addr_v4(0x0a100000 + i), asked = PEER6;

		neigh_learn(r->p[0], &heard, mac4);
		if (i % 16)
			continue;
		store_be32(asked.b + 10,
		           i); /* forged SYNs: asked; and forged requests that give them a MAC */
		r->now_us += 1000;
		rig_run(r);
		neigh_resolve(r->p[0], i % 32 ? &heard : &asked);
		neigh_learn(r->p[0], i % 32 ? &heard : &asked, mac4);
		packet_flush(r->p[0]);
		rig_clear(r);
	}
	CHECK(rig_count(r, C_neighbours) <= NEIGH_DEFAULT);
	/* Sent to at once and probed, since they are stale, though the flood has used up the rate. */
	for (unsigned i = 10; i < 60; i++) {
		r->p[0]->solicit.tokens = 0;
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		CHECK(send_to(r, text, 0) == 0 && r->tx_cnt == 2 && r->tx[1].len == 54 &&
		              !memcmp(r->tx[0].d, mac3, 6) && !memcmp(r->tx[1].d, mac3, 6),
		      "%s", text);
		rig_clear(r);
		snprintf(text, sizeof(text), "fd00::%x", i);
		CHECK(send_to(r, text, 0) == 0 && r->tx_cnt == 2 && r->tx[1].len == 74 &&
		              !memcmp(r->tx[0].d, mac3, 6) && !memcmp(r->tx[1].d, mac3, 6),
		      "%s", text);
		rig_clear(r);
	}
	done(r);
}

static void
test_steering(void)
{
	struct packet_port_config c = rig_config();
	struct bytes t, big;
	unsigned seen[4] = { 0 };
	struct addr peer = PEER4, mine = ME4, far = A("192.0.2.7");
	struct rig *r;

	c.worker_cnt = 4;
	r = rig_new(&c);
	for (uint16_t port = 1000; port < 1400; port++) {
		t = tcp_frame(peer, mine, port, 25, 0);
		rig_put(r, port % 4u, t.d, t.len);
		rig_run(r);
		CHECK(r->up_cnt == 1 &&
		      r->up_worker == packet_owner(r->p[0], &peer, port, &mine, 25));
		CHECK(r->up.hash == packet_hash(r->p[3], &peer, port, &mine, 25));
		seen[r->up_worker]++;
		rig_clear(r);
		/* an ICMP error goes where the flow is */
		t = quoted(peer, mine, 3, 4, 1400, tcp_frame(mine, far, 25, port, 0), 28);
		rig_put(r, port % 4u, t.d, t.len);
		rig_run(r);
		CHECK(r->icmp_cnt == 1 &&
		      r->icmp_worker == packet_owner(r->p[0], &far, port, &mine, 25));
		rig_clear(r);
		/* fragments meet, wherever they came in, and the datagram goes to its owner */
		big = tcp_bytes(peer, mine, port, 25, 1180);
		t = frag4(&big, 0, 600, true, port);
		rig_put(r, port % 4u, t.d, t.len);
		t = frag4(&big, 600, 600, false, port);
		rig_put(r, (port + 1) % 4u, t.d, t.len);
		rig_run(r);
		CHECK(r->up_cnt == 1 && !memcmp(r->up_bytes, big.d, 1200));
		rig_clear(r);
	}
	for (unsigned i = 0; i < 4; i++)
		CHECK(seen[i] > 60, "worker %u: %u of 400", i, seen[i]);
	CHECK(rig_count(r, C_steered_in) == rig_count(r, C_steered_out) &&
	      rig_count(r, C_drop_steer_wrong) == 0);
	done(r);
}

/* Every worker asks, one answer serves them all. */
static void
test_answers_to_all(void)
{
	struct packet_port_config c = rig_config();
	struct addr peer = PEER4, mine = ME4;
	unsigned workers = 0;
	struct bytes t;
	struct rig *r;

	c.worker_cnt = 4;
	r = rig_new(&c);
	for (unsigned i = 0; i < 4; i++) {
		struct rte_mbuf *m = packet_alloc(r->p[i]);

		memset(rte_pktmbuf_append(m, 20), 0x50, 20);
		packet_send(r->p[i], m, &mine, &peer, 0, r->now_us);
	}
	rig_run(r);
	rig_clear(r);
	t = arp_frame(2, rig_mac, mac3, peer, mine);
	rig_put(r, 2, t.d, t.len);
	rig_run(r);
	for (unsigned i = 0; i < r->tx_cnt; i++)
		workers |= 1u << r->tx[i].worker;
	CHECK(r->tx_cnt == 4 && workers == 15);
	rig_clear(r);
	for (unsigned i = 0; i < 2000; i++) { /* a flood of answers is not multiplied */
		rig_put(r, 2, t.d, t.len);
		rig_run(r);
	}
	CHECK(rig_count(r, C_steered_out) == NEIGH_COPY_PER_S / 4 &&
	      rig_count(r, C_drop_neighbour_limit) > 1000);
	done(r);
}

/* Known answers of Microsoft's RSS specification. */
static void
test_toeplitz(void)
{
	static const uint8_t key[40] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
		0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
		0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa
	};
	static const struct {
		const char *src, *dst;
		uint16_t sport, dport;
		uint32_t hash;
	} t[] = {
		{ "66.9.149.187", "161.142.100.80", 2794, 1766, 0x51ccc178 },
		{ "199.92.111.2", "65.69.140.83", 14230, 4739, 0xc626b0ea },
		{ "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x40207d3d },
		{ "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0xdde51bbf },
	};
	struct toeplitz h;

	toeplitz_init(&h, key);
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		struct addr s = A(t[i].src), d = A(t[i].dst);

		CHECK(toeplitz_flow(&h, &s, t[i].sport, &d, t[i].dport) == t[i].hash, "row %u", i);
	}
}

static void
refused(struct packet_port_config c, const char *why)
{
	char err[PACKET_ERROR_TEXT] = "";

	CHECK(!packet_port_new(&c, err) && strstr(err, why), "%s: %s", why, err);
}

static void
test_config(void)
{
	static const struct {
		const char *text;
		bool ok;
		uint8_t bits;
	} t[] = {
		{ "10.77.0.2/24", true, 120 },
		{ "10.77.0.2", true, 128 },
		{ "fd77::2/64", true, 64 },
		{ "fd77::2", true, 128 },
		{ "0.0.0.1/8", false, 0 },
		{ "127.0.0.1/8", false, 0 },
		{ "224.0.0.1", false, 0 },
		{ "ff02::1", false, 0 },
		{ "::1", false, 0 },
		{ "::ffff:10.0.0.1", false, 0 },
		{ "::", false, 0 },
		{ "10.0.0.2/33", false, 0 },
		{ "10.0.0.2/", false, 0 },
		{ "fd00::/129", false, 0 },
		{ "", false, 0 },
	};
	struct packet_port_config c = rig_config();
	struct packet_addr a;

	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		bool ok = packet_addr_parse(span_z(t[i].text), &a);

		CHECK(ok == t[i].ok && (!ok || a.bits == t[i].bits), "%s", t[i].text);
	}
	c.gateway4 = A("10.0.1.1");
	refused(c, "gateway4");
	c = rig_config();
	c.gateway6 = A("10.0.0.1");
	refused(c, "gateway6");
	c = rig_config();
	c.vlan = 4095;
	refused(c, "vlan");
	c = rig_config();
	c.mtu = 1279;
	refused(c, "mtu");
	c = rig_config();
	c.address_cnt = 0;
	refused(c, "addresses");
}

static void
test_tx_backlog(void)
{
	struct rig *r = rig();

	put(r, arp_frame(1, bcast, mac3, PEER4, ME4));
	r->q[0].tx_refuse = 1000;
	rig_clear(r);
	for (unsigned i = 0; i < 300; i++)
		send_to(r, "10.0.0.9", 0);
	CHECK(r->tx_cnt == 0 && rig_count(r, C_drop_tx_full) == 300 + 1 - TX_BURST_MAX);
	r->q[0].tx_refuse =
	        TX_BURST_MAX - 10; /* takes the first ten, then the rest: none twice, none lost */
	rig_run(r);
	CHECK(r->tx_cnt == 10);
	r->q[0].tx_refuse = 0;
	rig_run(r);
	CHECK(r->tx_cnt == TX_BURST_MAX);
	for (unsigned i = 1; i < r->tx_cnt; i++)
		CHECK(r->tx[i].len == 54 &&
		      load_be16(r->tx[i].d + 18) == (uint16_t)(load_be16(r->tx[1].d + 18) + i - 1));
	done(r);
}

static void
test_filter(void)
{
	struct bytes t4 = tcp_frame(PEER4, ME4, 1000, 25, 5),
	             t6 = tcp_frame(PEER6, ME6, 1000, 25, 5);
	struct bytes e = icmp_frame(PEER4, ME4, 8, 0, 1, "x", 1),
	             q = arp_frame(1, bcast, mac3, PEER4, ME4);
	static const struct {
		const char *text;
		int t4, t6, icmp, arp; /* -1: refused */
	} t[] = {
		{ "", 1, 1, 1, 1 },
		{ "tcp", 1, 1, 0, 0 },
		{ "tcp and port 25", 1, 1, 0, 0 },
		{ "src port 25", 0, 0, 0, 0 },
		{ "dst port 25 and ip6", 0, 1, 0, 0 },
		{ "host 10.0.0.9", 1, 0, 1, 1 },
		{ "not host 10.0.0.9", 0, 1, 0, 0 },
		{ "net 10.0.0.0/8 and not icmp", 1, 0, 0, 1 },
		{ "dst net fd00::/16", 0, 1, 0, 0 },
		{ "icmp or arp", 0, 0, 1, 1 },
		{ "arp or tcp and ip6", 0, 1, 0, 1 },
		{ "tcp and ip6 or arp", 0, 1, 0, 1 },
		{ "udp", 0, 0, 0, 0 },
		{ "port", -1, 0, 0, 0 },
		{ "port 65536", -1, 0, 0, 0 },
		{ "tcp and", -1, 0, 0, 0 },
		{ "tcp port 25", 1, 1, 0, 0 },
		{ "ip6 dst port 25 or arp", 0, 1, 0, 1 },
		{ "tcp udp", -1, 0, 0, 0 },
		{ "port 25 tcp", -1, 0, 0, 0 },
		{ "host 10.0.0.256", -1, 0, 0, 0 },
		{ "not", -1, 0, 0, 0 },
		{ "src", -1, 0, 0, 0 },
		{ "smtp", -1, 0, 0, 0 },
	};
	struct packet_filter f;
	char err[PACKET_ERROR_TEXT];

	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		int rc = packet_filter_parse(t[i].text, &f, err);

		CHECK((rc == 0) == (t[i].t4 >= 0), "%s", t[i].text);
		if (rc)
			continue;
		CHECK(packet_filter_match(&f, t4.d, t4.len) == t[i].t4, "%s", t[i].text);
		CHECK(packet_filter_match(&f, t6.d, t6.len) == t[i].t6, "%s", t[i].text);
		CHECK(packet_filter_match(&f, e.d, e.len) == t[i].icmp, "%s", t[i].text);
		CHECK(packet_filter_match(&f, q.d, q.len) == t[i].arp, "%s", t[i].text);
	}
}

static void
test_capture(void)
{
	struct bytes t = tcp_frame(PEER4, ME4, 1000, 25, 5),
	             e = icmp_frame(PEER4, ME4, 8, 0, 1, "x", 1);
	struct packet_filter f;
	struct pcapng_frame c;
	char err[PACKET_ERROR_TEXT];
	struct rig *r = rig();
	unsigned n = 0;

	packet_filter_parse("icmp", &f, err);
	CHECK(!packet_capture_next(r->port, &c));
	CHECK(packet_capture_start(r->port, &f) == 0 &&
	      packet_capture_start(r->port, &f) == -EBUSY);
	put(r, t);
	put(r, e);
	CHECK(packet_capture_next(r->port, &c) && !c.outbound && c.len == e.len &&
	      !memcmp(c.data, e.d, e.len));
	CHECK(packet_capture_next(r->port, &c) && c.outbound && c.len == e.len);
	CHECK(!packet_capture_next(r->port, &c));
	for (unsigned i = 0; i < 200; i++)
		put(r, e);
	CHECK(rig_count(r, C_capture_lost) == 400 - 256 && rig_count(r, C_captured) == 258);
	packet_capture_stop(r->port);
	CHECK(packet_capture_start(r->port, &f) ==
	      -EAGAIN); /* the worker has not seen the end yet */
	put(r, e);
	while (packet_capture_next(r->port, &c))
		n++;
	CHECK(n == 256 && packet_capture_start(r->port, &f) == 0);
	put(r, e);
	CHECK(packet_capture_next(r->port, &c));
	done(r);
}

static void
test_pcapng(void)
{
	static const char *const names[] = { "a", "net_tap0" };
	struct pcapng_frame f = {
		.wall_us = 1, .len = 5, .cap_len = 5, .data = (const uint8_t *)"12345"
	};
	uint32_t b[64] = { 0 };
	FILE *m = fmemopen(b, sizeof(b), "w");
	size_t n;

	CHECK(pcapng_write_head(m, names, 2) == 0 && pcapng_write(m, &f) == 0);
	n = (size_t)ftell(m) / 4;
	fclose(m);
	for (size_t at = 0, i = 0; at < n; i++) { /* every block says its length twice */
		CHECK(i < 4 && b[at + 1] % 4 == 0 && b[at + b[at + 1] / 4 - 1] == b[at + 1],
		      "block %zu", i);
		if (b[at + 1] < 12)
			break;
		at += b[at + 1] / 4;
		CHECK(at <= n && (at < n || i == 3));
	}
}

int
main(void)
{
	rig_eal();
	test_toeplitz();
	test_config();
	test_tcp_in();
	test_bad_frames();
	test_mapped();
	test_extensions();
	test_cuts();
	test_short_tcp();
	test_vlan();
	test_echo();
	test_arp();
	test_resolve4();
	test_resolve6();
	test_unreachable();
	test_stale();
	test_no_override();
	test_no_route();
	test_offload();
	test_chain_made_one();
	test_nd();
	test_dad();
	test_fragments();
	test_bad_fragments();
	test_fragment_flood();
	test_icmp_errors();
	test_neighbour_flood();
	test_confirmed_survive();
	test_steering();
	test_answers_to_all();
	test_tx_backlog();
	test_filter();
	test_capture();
	test_pcapng();
	return check_failed;
}
