/* SPDX-License-Identifier: BSD-3-Clause
 * net.h - a lossy link between two packet devices on a virtual clock, from one seed
 *
 * Owner   The caller owns the struct; frames under way are the net's until they are received or net_fini() frees them.
 * Thread  One.
 */
#pragma once
#include "base/base.h"
#include "base/rng.h"
#include "dataplane/packet/packet.h"

#define NET_FRAMES_MAX 8192

struct net_config {
	uint64_t delay_us; /* one way */
	unsigned loss_ppm, duplicate_ppm, reorder_ppm, corrupt_ppm;
};

struct net_frame {
	uint64_t at_us;
	uint64_t order; /* equal times keep their order */
	struct rte_mbuf *m;
};

struct net_end {
	struct net *net;
	struct net_frame heap[NET_FRAMES_MAX]; /* frames on their way to this end, earliest first */
	unsigned cnt;
};

struct net {
	struct net_config cfg;
	struct rng rng;
	uint64_t now_us, order;
	struct net_end end[2];
	uint64_t sent, lost, duplicated, corrupted;
	struct rte_mempool *copies; /* for duplicates */
};

void net_init(struct net *n, const struct net_config *cfg, uint64_t seed,
              struct rte_mempool *copies);
void net_fini(struct net *n);

/* The device of one end (0 or 1): what it sends arrives at the other. */
struct packet_dev net_dev(struct net *n, unsigned end);

/* When the next frame arrives anywhere; UINT64_MAX: none is under way. */
uint64_t net_next_us(const struct net *n);
