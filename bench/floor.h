/* SPDX-License-Identifier: BSD-3-Clause
 * floor.h - what a mail must cost at least: its packets, two copies of its body, checksums in and out, and nothing else
 *
 * Why     A speed is judged as a multiple of this, measured in the same run on the same cores (decisions 25).
 * Shape   Per mail 22 packets a side for 4 KB, 40 for 20 KB: 19 small ones and the body's segments; over rings between two cores.
 * Thread  floor_relay() on the relay's core, floor_peer() on the other, at the same time; one struct.
 */
#pragma once
#include "base/base.h"

struct rte_ring;
struct rte_mempool;

struct floor {
	size_t bytes; /* of a mail */
	unsigned mails;
	struct rte_ring *in, *out;
	struct rte_mempool *relay_pool, *peer_pool;
	uint64_t cycles; /* of the relay's core, without waiting */
	uint64_t sum;    /* of all checksums: keeps the work from being dropped */
	bool failed;
};

/* 0 or -ENOMEM. */
int floor_init(struct floor *f, size_t bytes, unsigned mails, struct rte_mempool *relay_pool,
               struct rte_mempool *peer_pool);
int floor_relay(void *f);
int floor_peer(void *f);
double floor_cycles_per_mail(const struct floor *f);
void floor_fini(struct floor *f);
