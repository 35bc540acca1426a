/* SPDX-License-Identifier: BSD-3-Clause
 * ip6.c - an IPv6 header and its extension headers into a struct ip_view
 *
 * RFC     8200 4; 5095 (routing header 0 is refused); 6946 (an atomic fragment is a whole packet); 7112.
 */
#include "dataplane/packet/packet_priv.h"

enum { EXT_HOP = 0, EXT_ROUTING = 43, EXT_DEST = 60 };

static bool
is_extension(uint8_t next)
{
	return next == EXT_HOP || next == EXT_ROUTING || next == EXT_DEST || next == PROTO_FRAGMENT;
}

static enum packet_counter
upper(struct ip_view *ip, uint8_t next, size_t at, size_t end)
{
	ip->proto = next;
	ip->l4_off = (uint16_t)at;
	ip->l4_len = (uint16_t)(end - at);
	return PASS;
}

static void
fragment(const uint8_t *h, struct ip_view *ip)
{
	uint16_t v = load_be16(h + 2);

	ip->frag_off = v & 0xfff8;
	ip->more_fragments = v & 1;
	ip->is_fragment = ip->frag_off != 0 || ip->more_fragments;
	ip->frag_id = load_be32(h + 4);
}

/* Takes at least 8 bytes a header and at most IP6_EXTENSIONS_MAX of them. Behind a real fragment header the bytes are not looked at. */
enum packet_counter
ip6_extensions(const uint8_t *d, size_t off, size_t end, struct ip_view *ip)
{
	uint8_t next = d[off + 6];
	size_t at = off + IP6_LEN;

	for (unsigned i = 0; is_extension(next) && !ip->is_fragment; i++) {
		size_t len;

		if (end - at < 8)
			return C_drop_ip_short;
		len = next == PROTO_FRAGMENT ? 8 : ((size_t)d[at + 1] + 1) * 8;
		if (len > end - at)
			return C_drop_ip_short;
		if (i == IP6_EXTENSIONS_MAX || at + len - off - IP6_LEN > IP6_EXT_BYTES_MAX ||
		    (next == EXT_HOP && i > 0) || (next == EXT_ROUTING && d[at + 3] != 0))
			return C_drop_ip6_extension;
		if (next == PROTO_FRAGMENT)
			fragment(d + at, ip);
		next = d[at];
		at += len;
	}
	return upper(ip, next, at, end);
}

static bool
is_source(const struct addr *a)
{
	static const struct addr zero, loopback = { { [15] = 1 } };

	return a->b[0] != 0xff && !addr_eq(a, &loopback) && !addr_is_v4(a) && !addr_eq(a, &zero);
}

/* DAD speaks from ::, which is nobody's address (RFC 4862 5.4.2). */
static bool
is_dad(const struct ip_view *ip)
{
	static const struct addr zero;

	return ip->proto == PROTO_ICMP6 && addr_eq(&ip->src, &zero);
}

enum packet_counter
ip6_parse(const struct packet *p, struct frame *f)
{
	const uint8_t *h = f->d + f->l3_off;
	size_t room = (size_t)f->len - f->l3_off, payload;
	enum packet_counter why;

	(void)p;
	if (room < IP6_LEN)
		return C_drop_ip_short;
	payload = load_be16(h + 4);
	if (h[0] >> 4 != 6 || payload == 0) /* no jumbograms */
		return C_drop_ip_header;
	if (payload > room - IP6_LEN)
		return C_drop_ip_short;
	f->ip = (struct ip_view){
		.v6 = true,
		.ttl = h[7],
		.tos = (uint8_t)(load_be16(h) >> 4),
	};
	memcpy(f->ip.src.b, h + 8, 16);
	memcpy(f->ip.dst.b, h + 24, 16);
	if (addr_is_v4(&f->ip.dst)) /* mapped addresses are ours for IPv4 alone */
		return C_drop_ip_not_ours;
	why = ip6_extensions(f->d, f->l3_off, f->l3_off + IP6_LEN + payload, &f->ip);
	if (why != PASS)
		return why;
	return is_source(&f->ip.src) || is_dad(&f->ip) ? PASS : C_drop_ip_source;
}
