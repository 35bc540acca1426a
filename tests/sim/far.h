/* SPDX-License-Identifier: BSD-3-Clause
 * far.h - the far side of the relay in the node simulator: senders and customers' servers on one host of our own stack
 *
 * Owner   far_init() and far_fini(); connections are on the heap and go with their TCP connection or at far_fini().
 * Thread  One.
 */
#pragma once
#include "bench/host.h"
#include "tests/sim/net.h"
#include "tests/sim/peer.h"

struct far_config {
	struct packet_dev dev;
	struct rte_mempool *pool;
	uint64_t seed, now_us;
	unsigned fault_permille; /* of server connections that break something */
	unsigned
	        gone_permille; /* odds per second of virtual time that the servers stop listening for some time */
};

#define FAR_CONNS_MAX 128

struct far_conn;

struct far {
	struct host host;
	struct far_config cfg;
	struct ledger ledger;
	struct rng rng;
	struct far_conn *conns[FAR_CONNS_MAX];
	unsigned conn_cnt, sender_cnt; /* open ones */
	bool listening;
	uint64_t listen_at_us;
	uint64_t now_us;
};

int far_init(struct far *f, const struct far_config *c);

/* One more sender connects to the relay at 10.77.0.2:25. False when there is no room. */
bool far_send_mails(struct far *f, enum sender_habit habit, unsigned mails, uint64_t now_us);
void far_turn(struct far *f, uint64_t now_us);
uint64_t far_next_us(const struct far *f, uint64_t now_us, uint64_t max_us);

/* Every sender is done. */
bool far_is_quiet(const struct far *f);

/* One line a sender that is still there, for failures. */
void far_print_senders(const struct far *f);

/* Frees all; connections that are still open are aborted without a word. */
void far_fini(struct far *f);
