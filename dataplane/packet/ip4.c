/* SPDX-License-Identifier: BSD-3-Clause
 * ip4.c - an IPv4 header into a struct ip_view
 *
 * RFC     791; 1122 3.2.1 (source addresses, options); 6274 for source routes.
 */
#include "dataplane/packet/csum.h"
#include "dataplane/packet/packet_priv.h"

/* Source routes are refused, everything else is skipped. An option's length is at least 2, so the loop ends. */
static enum packet_counter
options(const uint8_t *o, size_t len)
{
	size_t i = 0;

	while (i < len && o[i] != 0) {
		if (o[i] == 1) {
			i++;
			continue;
		}
		if (i + 1 >= len || o[i + 1] < 2 || o[i + 1] > len - i)
			return C_drop_ip_options;
		if (o[i] == 131 || o[i] == 137)
			return C_drop_ip_options;
		i += o[i + 1];
	}
	return PASS;
}

static bool
is_source(uint32_t a)
{
	uint32_t net = a >> 24;

	return net != 0 && net != 127 && net < 224;
}

static bool
header_csum_ok(const struct frame *f, const uint8_t *h, size_t ihl)
{
	if ((f->m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		return true;
	return csum_is_ok(h, ihl, 0);
}

static void
fill(struct frame *f, const uint8_t *h, size_t ihl, size_t total)
{
	uint16_t frag = load_be16(h + 6);

	f->ip = (struct ip_view){
		.src = addr_v4(load_be32(h + 12)),
		.dst = addr_v4(load_be32(h + 16)),
		.l4_off = (uint16_t)(f->l3_off + ihl),
		.l4_len = (uint16_t)(total - ihl),
		.frag_id = load_be16(h + 4),
		.frag_off = (uint16_t)((frag & 0x1fff) * 8),
		.more_fragments = frag & 0x2000,
		.is_fragment = (frag & 0x3fff) != 0,
		.proto = h[9],
		.tos = h[1],
		.ttl = h[8],
	};
}

enum packet_counter
ip4_parse(const struct packet *p, struct frame *f)
{
	const uint8_t *h = f->d + f->l3_off;
	size_t room = (size_t)f->len - f->l3_off, ihl, total;
	enum packet_counter why;

	if (room < IP4_LEN)
		return C_drop_ip_short;
	ihl = (size_t)(h[0] & 15) * 4;
	total = load_be16(h + 2);
	if (h[0] >> 4 != 4 || ihl < IP4_LEN || total < ihl)
		return C_drop_ip_header;
	if (total > room)
		return C_drop_ip_short;
	if ((p->caps & PACKET_CAP_RX_CSUM) ? !header_csum_ok(f, h, ihl) : !csum_is_ok(h, ihl, 0))
		return C_drop_ip_checksum;
	why = options(h + IP4_LEN, ihl - IP4_LEN);
	if (why != PASS)
		return why;
	fill(f, h, ihl, total);
	if (!is_source(addr_v4_of(&f->ip.src)))
		return C_drop_ip_source;
	return PASS;
}
