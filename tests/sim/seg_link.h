/* SPDX-License-Identifier: BSD-3-Clause
 * seg_link.h - the link of one TCP stack whose segments a test looks at and makes up one by one
 *
 * Why     Unit tests, packet scripts and fuzzing see what leaves as values and hand in values. Two stacks on a bad link are
 *         sim_tcp_link.h's.
 * Owner   The caller's struct; mbufs are the pool's.
 * Thread  One.
 */
#pragma once
#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_opt.h"

struct rte_mempool;

/* A segment, everything in host form. */
struct seg_value {
	struct addr src, dst;
	uint16_t sport, dport;
	uint32_t seq, ack, len; /* len: of data */
	uint16_t wnd, urg;
	uint8_t flags, tos, opts_len;
	uint8_t opts[TCP_OPTIONS_MAX];
	const uint8_t *data; /* of one that leaves: valid within out(). Of the peer's NULL: zeros */
	/* What may be wrong with one of the peer's */
	uint8_t off;  /* data offset in words; 0: what it must be */
	uint16_t cut; /* bytes of TCP that are there; 0: all */
	bool is_sum_bad;
};

struct seg_link {
	struct rte_mempool *pool;
	unsigned mtu;
	void (*out)(const struct seg_value *v, uint64_t now_us); /* takes what leaves */
};

/* Every port is ours, hosts whose last byte is 66 are banned. *l outlives the stack. BUG: a segment that leaves is malformed. */
struct tcp_link seg_link_tcp(struct seg_link *l);

/* Defaults for a stack of few objects, with the same secrets each time. */
void seg_link_config(struct tcp_config *cfg);

/* *v as packet hands it up; and bytes that are a segment, or not. The mbuf is the caller's until tcp_input(). */
struct packet_in seg_link_in(struct seg_link *l, const struct seg_value *v);
struct packet_in seg_link_in_raw(struct seg_link *l, const struct addr *src, const struct addr *dst,
                                 const uint8_t *p, size_t n);
