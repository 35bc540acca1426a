/* SPDX-License-Identifier: BSD-3-Clause
 * sim_tcp_link.h - a bad link between two TCP stacks on a virtual clock, without packet's layers
 *
 * Why     Segments are handed over as packet would: behind headers of any length, with link padding, sometimes in several
 *         mbufs, the checksum verified. Everything that happens follows from the seed.
 * Owner   The caller owns the struct; segments under way are the link's until delivered.
 * Thread  One.
 */
#pragma once
#include "base/rng.h"
#include "dataplane/tcp/tcp.h"
#include <rte_mbuf.h>

#define SIM_LINK_MAX 16384 /* segments under way */

struct sim_link_config {
	uint64_t delay_us, jitter_us;
	unsigned loss_pct, duplicate_pct, reorder_pct, corrupt_pct;
	unsigned mark_pct; /* of what is ECN-capable */
	unsigned mtu;
	unsigned path_mtu; /* a router in between carries no more; 0: as much as the link */
	bool no_icmp;      /* and says nothing of it */
};

struct sim_flying {
	uint64_t at_us, order;
	struct rte_mbuf *m;
	struct addr src, dst;
	unsigned to;
	uint8_t tos;
	bool is_icmp; /* m is what the router quotes */
};

struct sim_link;

struct sim_link_end {
	struct sim_link *link;
	struct tcp_stack *stack;
	unsigned index;
};

struct sim_link {
	struct sim_link_config cfg;
	struct rng rng;
	struct rte_mempool *pool;
	struct sim_link_end end[2];
	uint64_t order;
	bool is_cut; /* nothing passes any more */
	unsigned cnt;
	struct sim_flying heap[SIM_LINK_MAX];
	uint64_t sent, lost, duplicated, corrupted, too_big;
};

void sim_link_init(struct sim_link *l, const struct sim_link_config *cfg, uint64_t seed,
                   struct rte_mempool *pool);
struct tcp_link sim_link_tcp(struct sim_link *l, unsigned end);
uint64_t sim_link_next_us(const struct sim_link *l);

/* Everything that is due goes into the stacks, in bursts of random size. */
void sim_link_deliver(struct sim_link *l, uint64_t now_us);
void sim_link_fini(struct sim_link *l);
