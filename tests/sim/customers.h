/* SPDX-License-Identifier: BSD-3-Clause
 * customers.h - the customers of the node simulator, and what must come of a mail for each recipient
 *
 * Why     One table says what the snapshots are built from and what a right answer is, so that the checks do not
 *         believe the node.
 * Owner   Static tables; snapshots are the caller's.
 */
#pragma once
#include "engine/snapshot.h"

#define CUST_GENERATIONS 2
#define CUST_RCPTS       14

enum cust_route {
	ROUTE_ANY, /* three servers: 2525 and 2527 share, 2528 when both are down; any.test and list.test */
	ROUTE_OTHER, /* 2526: XCLIENT, XFORWARD, a fixed egress address */
	ROUTE_PROXY, /* 2529: PROXY v2, so no warm connections */
	ROUTE_NONE,  /* no customer */
	ROUTES
};

/* What the customer's server says to RCPT. */
enum cust_truth {
	TRUTH_YES,
	TRUTH_NO,    /* 550 5.1.1, always */
	TRUTH_MOODY, /* 550 5.7.1, 451 4.2.1 without a code behind it, and 250 in turn */
};

/* What Weir says to RCPT by its policy. */
enum cust_answer {
	ANSWER_ASK,
	ANSWER_KNOWN,   /* 250 by its list */
	ANSWER_UNKNOWN, /* 550 5.1.1 by its list */
	ANSWER_REFUSED, /* by a sender or mailbox filter */
	ANSWER_RELAY,
};

enum {
	CONTENT_GTUBE = 1, /* the test line of tests/sim/rules: filter pattern */
	CONTENT_WORD = 2,  /* a word that customers' own rules know, in the subject */
	CONTENT_LATE =
	        4, /* GTUBE stands at the end: a mail over hold_bytes is sent on before it is seen */
};

#define CUST_WORD "zebra crossing"

struct cust_rcpt {
	const char *address;
	enum cust_route route;
	enum cust_truth truth;
};

extern const struct cust_rcpt cust_rcpts[CUST_RCPTS];

int cust_find(struct span address); /* -1: nobody */
enum cust_answer cust_answer(unsigned rcpt, bool bad_sender, unsigned generation);
enum policy_action cust_action(unsigned rcpt, unsigned content, unsigned generation);

#define CUST_EGRESS "10.77.0.3"

extern const uint16_t cust_ports[];
extern const size_t cust_port_cnt;
bool cust_port_is(uint16_t port, enum cust_route r);

/* The generation 1 or 2; NULL with a text on stdout. */
struct snapshot *cust_build(uint64_t generation, const char *rules, const struct snapshot *prev);
