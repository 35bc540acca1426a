/* SPDX-License-Identifier: BSD-3-Clause
 * packet_in.h - what packet hands up to tcp: one TCP segment, or an ICMP error about one of ours
 *
 * Why     A header of its own, so that tcp and its simulator need nothing else of packet.
 * Owner   packet_in.m goes to whoever takes the struct; the struct itself is the caller's, valid for the call.
 * Limit   l4_off + l4_len lies within the frame (packet has checked it against the IP length); l4_len may still be
 *         shorter than a TCP header. The frame may be several mbuf segments.
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"

struct rte_mbuf;

struct packet_in {
	struct rte_mbuf *m; /* data starts at the frame */
	struct addr src, dst;
	uint16_t l4_off; /* bytes from the frame's start to the TCP header */
	uint16_t l4_len; /* bytes of TCP header and payload, without link padding */
	uint8_t tos;     /* traffic class; the low two bits are ECN */
	bool v6;
	bool csum_ok;  /* TCP checksum verified, by the port or in software */
	uint32_t hash; /* keyed Toeplitz of the flow as it arrived: steering only */
};

/* An ICMP or ICMPv6 error whose embedded packet is a TCP segment that this node seems to have sent. */
struct packet_icmp_error {
	struct addr local, remote; /* source and destination of the embedded segment */
	uint16_t lport, rport;
	uint32_t seq; /* of the embedded segment */
	bool v6;
	uint8_t type, code; /* of the family that v6 names */
	uint32_t mtu;       /* of "fragmentation needed" and "packet too big", else 0 */
};
