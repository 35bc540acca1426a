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

enum far_mood {
	FAR_WILD, /* anything goes wrong anywhere */
	FAR_CALM, /* nothing does */
	FAR_WARM, /* warm connections of ROUTE_ANY break at their first command */
	FAR_DEAD, /* one or two servers of ROUTE_ANY are not there */
};

struct far_config {
	struct packet_dev dev;
	struct rte_mempool *pool;
	uint64_t seed, now_us;
	enum far_mood mood;
	unsigned fault_permille; /* FAR_WILD: of server connections that break something */
	unsigned
	        gone_permille; /* FAR_WILD: odds a second that the servers stop listening for some time */
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
	unsigned dead_ports; /* FAR_DEAD: bit by bit of cust_ports */
	uint64_t listen_at_us;
	uint64_t now_us;
};

int far_init(struct far *f, const struct far_config *c);

/* One more sender connects to the relay at 10.77.0.2:25. False when there is no room. */
bool far_send_mails(struct far *f, enum sender_habit habit, unsigned mails, uint64_t now_us);
void far_turn(struct far *f, uint64_t now_us);
uint64_t far_next_us(const struct far *f, uint64_t now_us, uint64_t max_us);

/* Mails that senders who are still there have not begun. */
unsigned far_mails_due(const struct far *f);

/* Every sender is done. */
bool far_is_quiet(const struct far *f);

/* One line a sender that is still there, for failures. */
void far_print_senders(const struct far *f);

/* Frees all; connections that are still open are aborted without a word. */
void far_fini(struct far *f);
