/* SPDX-License-Identifier: BSD-3-Clause
 * sim_tcp_link.h - a bad link between two or three TCP stacks on a virtual clock, without packet's layers
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
#define SIM_LINK_ENDS                                                                              \
	3 /* 0 and 2 share the way to 1, and the one back; the last byte of an address is its end's number + 1 */

/* One direction. All flows share it. */
struct sim_link_way {
	uint64_t bytes_per_s;  /* of the bottleneck; 0: there is none */
	uint32_t queue_bytes;  /* before it; what does not fit is dropped (tail drop) */
	unsigned bad_ppm;      /* Gilbert-Elliott: chance of a segment to bring the bad state, */
	unsigned good_ppm;     /* to end it, */
	unsigned bad_loss_pct; /* and what is lost while it lasts */
	unsigned loss_ppm;     /* beside loss_pct */
};

struct sim_link_config {
	struct sim_link_way way[2];     /* from end 1, towards end 1 */
	uint64_t dark_us, dark_each_us; /* nothing passes for so long, so often; 0: never */
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
	struct sim_link_end end[SIM_LINK_ENDS];
	uint64_t order;
	bool is_cut;         /* nothing passes any more */
	uint64_t busy_us[2]; /* until then the bottleneck has work */
	bool is_bad[2];
	/* A case's own say over what leaves the bottleneck: false, it is lost. It may move at_us. NULL: none. */
	bool (*judge)(void *ctx, struct sim_flying *f, uint64_t now_us);
	void *judge_ctx;
	unsigned cnt;
	struct sim_flying heap[SIM_LINK_MAX];
	uint64_t sent, lost, duplicated, corrupted, too_big, overflown;
};

void sim_link_init(struct sim_link *l, const struct sim_link_config *cfg, uint64_t seed,
                   struct rte_mempool *pool);
struct tcp_link sim_link_tcp(struct sim_link *l, unsigned end);
uint64_t sim_link_next_us(const struct sim_link *l);

/* Everything that is due goes into the stacks, in bursts of random size. */
void sim_link_deliver(struct sim_link *l, uint64_t now_us);
void sim_link_fini(struct sim_link *l);
