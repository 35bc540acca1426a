/* SPDX-License-Identifier: BSD-3-Clause
 * ring.h - `weirload ring`: generator, relay and sink in one process over net_ring
 *
 * Why     No kernel in the way: what is measured is the relay. Its worker is the one of `weir`, from the same settings.
 * Errors  Texts on stderr; 1.
 */
#pragma once
#include "base/base.h"

struct boot;
struct load;
struct packet_eal_port;
struct rte_mempool;

struct ring_options {
	size_t bytes;
	unsigned reuse, sessions, seconds, cores;
	bool filters, json;
	const char *rules;       /* folder of the standard rules */
	unsigned connects_per_s; /* 0: as fast as sessions become free */
	bool flood;              /* a gateway, so that answers to anybody leave; banned prefixes */
};

/* A relay of one worker that does not turn, and the generator at the other end of the rings. */
struct ring_ends {
	const struct ring_options *o;
	struct boot *boot;
	struct load *load;
	struct packet_eal_port *port; /* the generator's, and its mbufs */
	struct rte_mempool *pool;
};

/* Sets both up and calls fn on the main thread, which turns them. Returns what it does; 1 when the set-up failed. */
int ring_with(const struct ring_options *o, int (*fn)(struct ring_ends *e));

int ring_run(const struct ring_options *o);
