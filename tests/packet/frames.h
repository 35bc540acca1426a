/* SPDX-License-Identifier: BSD-3-Clause
 * frames.h - frames for tests, written by hand: Ethernet, ARP, IP, ICMP, ND and TCP with right checksums
 */
#pragma once
#include "dataplane/packet/csum.h"
#include "tests/packet/rig.h"

struct bytes {
	uint8_t d[2048];
	size_t len;
};

static inline struct addr
A(const char *text) {
	struct addr a;

	BUG_ON(!addr_parse(span_z(text), &a));
	return a;
}

static inline void
eth_head(struct bytes *b, const uint8_t dst[6], const uint8_t src[6], uint16_t type)
{
	memcpy(b->d, dst, 6);
	memcpy(b->d + 6, src, 6);
	store_be16(b->d + 12, type);
	b->len = 14;
}

static inline struct bytes
arp_frame(uint16_t op, const uint8_t dst[6], const uint8_t sha[6], struct addr spa, struct addr tpa)
{
	struct bytes b = { 0 };

	eth_head(&b, dst, sha, ETH_TYPE_ARP);
	memcpy(b.d + 14, "\0\1\10\0\6\4", 6);
	store_be16(b.d + 20, op);
	memcpy(b.d + 22, sha, 6);
	memcpy(b.d + 28, spa.b + 12, 4);
	memcpy(b.d + 38, tpa.b + 12, 4);
	b.len = 42;
	return b;
}

static inline void
ip4_fix(struct bytes *b)
{
	uint8_t *h = b->d + 14;
	uint16_t sum;

	memset(h + 10, 0, 2);
	sum = csum_of(h, (size_t)(h[0] & 15) * 4, 0);
	memcpy(h + 10, &sum, 2);
}

/* flags_off: the 16 bits of flags and fragment offset (IPv4); hop: TTL or hop limit. */
static inline struct bytes
ip_frame(struct addr src, struct addr dst, uint8_t proto, uint8_t hop, uint16_t id,
         uint16_t flags_off, const void *payload, size_t len)
{
	struct bytes b = { 0 };
	uint8_t *h = b.d + 14;

	eth_head(&b, rig_mac, rig_peer_mac, addr_is_v4(&dst) ? ETH_TYPE_IP4 : ETH_TYPE_IP6);
	if (addr_is_v4(&dst)) {
		h[0] = 0x45;
		store_be16(h + 2, (uint16_t)(20 + len));
		store_be16(h + 4, id);
		store_be16(h + 6, flags_off);
		h[8] = hop;
		h[9] = proto;
		memcpy(h + 12, src.b + 12, 4);
		memcpy(h + 16, dst.b + 12, 4);
		b.len = 34;
		ip4_fix(&b);
	} else {
		h[0] = 0x60;
		store_be16(h + 4, (uint16_t)len);
		h[6] = proto;
		h[7] = hop;
		memcpy(h + 8, src.b, 16);
		memcpy(h + 24, dst.b, 16);
		b.len = 54;
	}
	memcpy(b.d + b.len, payload, len);
	b.len += len;
	return b;
}

/* Extension headers put between an IPv6 header and its payload; the first names `next`. */
static inline struct bytes
extended(struct bytes b, uint8_t first, const void *ext, size_t len)
{
	memmove(b.d + 54 + len, b.d + 54, b.len - 54);
	memcpy(b.d + 54, ext, len);
	b.d[14 + 6] = first;
	b.len += len;
	store_be16(b.d + 14 + 4, (uint16_t)(b.len - 54));
	return b;
}

static inline struct bytes
tcp_bytes(struct addr src, struct addr dst, uint16_t sport, uint16_t dport, size_t data)
{
	struct bytes t = { .len = 20 + data };
	uint16_t sum;

	store_be16(t.d, sport);
	store_be16(t.d + 2, dport);
	store_be32(t.d + 4, 0x01020304);
	t.d[12] = 5 << 4;
	t.d[13] = 0x10;
	for (size_t i = 0; i < data; i++)
		t.d[20 + i] = (uint8_t)(i * 7 + i / 256);
	sum = csum_of(t.d, t.len, csum_pseudo(&src, &dst, PROTO_TCP, (uint32_t)t.len));
	memcpy(t.d + 16, &sum, 2);
	return t;
}

static inline struct bytes
tcp_frame(struct addr src, struct addr dst, uint16_t sport, uint16_t dport, size_t data)
{
	struct bytes t = tcp_bytes(src, dst, sport, dport, data);

	return ip_frame(src, dst, PROTO_TCP, 64, 1, 0, t.d, t.len);
}

/* type, code, 4 bytes and data behind them. */
static inline struct bytes
icmp_frame(struct addr src, struct addr dst, uint8_t type, uint8_t code, uint32_t word,
           const void *data, size_t len)
{
	struct bytes t = { .len = 8 + len };
	bool v4 = addr_is_v4(&dst);
	uint16_t sum;

	t.d[0] = type;
	t.d[1] = code;
	store_be32(t.d + 4, word);
	memcpy(t.d + 8, data, len);
	sum = csum_of(t.d, t.len, v4 ? 0 : csum_pseudo(&src, &dst, PROTO_ICMP6, (uint32_t)t.len));
	memcpy(t.d + 2, &sum, 2);
	return ip_frame(src, dst, v4 ? PROTO_ICMP : PROTO_ICMP6, v4 ? 64 : 255, 1, 0, t.d, t.len);
}

/* NS (135) or NA (136); option 0: none. */
static inline struct bytes
nd_frame(uint8_t type, uint32_t flags, struct addr src, struct addr dst, struct addr target,
         uint8_t option, const uint8_t mac[6])
{
	uint8_t d[24] = { 0 };
	size_t len = 16;
	struct bytes b;

	memcpy(d, target.b, 16);
	if (option) {
		d[16] = option;
		d[17] = 1;
		memcpy(d + 18, mac, 6);
		len = 24;
	}
	b = icmp_frame(src, dst, type, 0, flags, d, len);
	memcpy(b.d + 6, mac, 6);
	if (dst.b[0] == 0xff) {
		b.d[0] = b.d[1] = 0x33;
		memcpy(b.d + 2, dst.b + 12, 4);
	}
	return b;
}
