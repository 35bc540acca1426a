/* SPDX-License-Identifier: BSD-3-Clause
 * sim.h - one run of the node simulator, for the files sim_node*.c
 */
#pragma once
#include "dataplane/worker.h"
#include "tests/sim/far.h"

#define SEC      1000000ull
#define START_US (1000 * SEC)

struct sim {
	uint64_t seed, now_us;
	struct rng rng;
	struct net *net;
	struct far *far;
	struct packet_port *port;
	struct packet_dev dev;
	struct upstream_health_table *health;
	struct limits_table *limits;
	struct event_ring events;
	struct worker *worker;
	struct snapshot *published;
	bool reloads, drains;
	bool slow_scans; /* a job takes many turns, and those take time */
	unsigned
	        evicted_turns; /* since the generation that is not current was wanted back; 0: it is not */
	uint64_t reload_at_us, drain_at_us;
	unsigned mails_wanted, senders;
	uint64_t sender_at_us;
	const struct message
	        *shut; /* a mail half in that waits although there is room, since when */
	uint64_t shut_us;
};

/* sim_node_check.c */
bool sim_is_clean(const struct sim *s);   /* nothing of a mail is left */
bool sim_has_timers(const struct sim *s); /* a timer waits for something */
void sim_check(struct sim *s);
void sim_check_shut(struct sim *s); /* after each turn */

/* sim_node_cover.c: what was reached, over all seeds */
void sim_cover_turn(const struct sim *s);
void sim_cover_print(void);
/* Cells of the table stage x fault that were never injected, printed. */
unsigned sim_cover_missing(void);
