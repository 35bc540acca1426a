/* SPDX-License-Identifier: BSD-3-Clause
 * flood_frames.c - see flood_frames.h
 */
#include "bench/flood_frames.h"
#include "dataplane/packet/csum.h"
#include "dataplane/tcp/tcp_opt.h"
#include <rte_mbuf.h>

#define ETH   14
#define IP    20
#define RELAY 0x0a4d0002u /* 10.77.0.2 */

const char *const flood_names[FLOOD_KINDS] = { "none", "syn",      "banned", "rst",
	                                       "ack",  "fragment", "arp" };

static uint32_t
source(enum flood_kind kind, struct rng *r)
{
	switch (kind) {
	case FLOOD_SYN:
	case FLOOD_FRAGMENT:
		return 0xc6120000u + (uint32_t)rng_below(r, 1 << 17); /* 198.18.0.0/15 */
	case FLOOD_BANNED:
		return 0xcb007100u + (uint32_t)rng_below(r, 256);
	default:
		return 0x0a4d000au + (uint32_t)rng_below(r, 16); /* 10.77.0.10 and on */
	}
}

static void
arp(struct rte_mbuf *m, uint8_t *d, struct rng *r)
{
	static const uint8_t head[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	store_be16(d + 12, 0x0806);
	memcpy(d + ETH, head, sizeof(head));
	memcpy(d + ETH + 8, d + 6, 6);
	store_be32(d + ETH + 14, 0x0a4d0020u + (uint32_t)rng_below(r, 200));
	store_be32(d + ETH + 24, RELAY);
	rte_pktmbuf_append(m, ETH + 28);
}

/* SYNs have an MSS, SACK-permitted, timestamps and a window scale, as most do. */
static size_t
tcp(uint8_t *t, enum flood_kind kind, uint32_t src, struct rng *r)
{
	bool is_syn = kind == FLOOD_SYN || kind == FLOOD_BANNED;
	struct addr from = addr_v4(src), to = addr_v4(RELAY);
	static const uint8_t wscale = 7;
	size_t len = 20;
	uint16_t sum;

	memset(t, 0, 60);
	store_be16(t, (uint16_t)(1024 + rng_below(r, 64000)));
	store_be16(t + 2, 25);
	store_be32(t + 4, (uint32_t)rng_next(r));
	store_be32(t + 8, is_syn ? 0 : (uint32_t)rng_next(r));
	t[13] = is_syn ? TCP_SYN : kind == FLOOD_RST ? TCP_RST : TCP_ACK;
	store_be16(t + 14, 65535);
	if (is_syn)
		len += tcp_opt_build_syn(t + 20, 1460, &wscale, true, true, (uint32_t)rng_next(r),
		                         0);
	t[12] = (uint8_t)(len / 4 << 4);
	sum = csum_of(t, len, csum_pseudo(&from, &to, 6, (uint32_t)len));
	memcpy(t + 16, &sum, 2);
	return len;
}

void
flood_frame(struct rte_mbuf *m, enum flood_kind kind, const uint8_t relay_mac[6], struct rng *r)
{
	uint8_t *d = rte_pktmbuf_mtod(m, uint8_t *), *h = d + ETH;
	uint64_t mac = rng_next(r);
	size_t len;
	uint32_t src;
	uint16_t sum;

	memcpy(d, relay_mac, 6);
	memcpy(d + 6, &mac, 6);
	d[6] = 2;
	if (kind == FLOOD_ARP) {
		arp(m, d, r);
		return;
	}
	src = source(kind, r);
	store_be16(d + 12, 0x0800);
	len = tcp(h + IP, kind, src, r);
	if (kind == FLOOD_FRAGMENT)
		len = 24;
	memset(h, 0, IP);
	h[0] = 0x45;
	store_be16(h + 2, (uint16_t)(IP + len));
	store_be16(h + 4, (uint16_t)rng_next(r));
	store_be16(h + 6, kind == FLOOD_FRAGMENT ? 0x2000 : 0);
	h[8] = 64;
	h[9] = 6;
	store_be32(h + 12, src);
	store_be32(h + 16, RELAY);
	sum = csum_of(h, IP, 0);
	memcpy(h + 10, &sum, 2);
	rte_pktmbuf_append(m, (uint16_t)(ETH + IP + len));
}
