/* SPDX-License-Identifier: BSD-3-Clause
 * policy_types.h - the words that policy, dataplane, control and tools share: filters, actions, routes
 *
 * Why     engine.h and snapshot.h both speak of them and may not include each other's clients.
 * Owner   Plain values.
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"
#include "base/limits.h"

/* FILTER(NAME, "word"): in the order in which they decide (S4); the first that hits wins. */
#define POLICY_FILTERS(FILTER)                                                                     \
	FILTER(NONE, "none")                                                                       \
	FILTER(IP, "ip")                                                                           \
	FILTER(COUNTRY, "country")                                                                 \
	FILTER(SENDER, "sender")                                                                   \
	FILTER(MAILBOX, "mailbox")                                                                 \
	FILTER(URL, "url")                                                                         \
	FILTER(PHONE, "phone")                                                                     \
	FILTER(PHRASE, "phrase")                                                                   \
	FILTER(PATTERN, "pattern")                                                                 \
	FILTER(SCORE, "score")                                                                     \
	FILTER(ATTACHMENT, "attachment")                                                           \
	FILTER(CUSTOM, "custom")

/* ACTION(NAME, "word"). DELIVER is what is left when no filter hit; CONTINUE only counts the hit. */
#define POLICY_ACTIONS(ACTION)                                                                     \
	ACTION(DELIVER, "deliver")                                                                 \
	ACTION(CONTINUE, "continue")                                                               \
	ACTION(HEADER, "header")                                                                   \
	ACTION(TAG, "tag")                                                                         \
	ACTION(BLOCK, "block")                                                                     \
	ACTION(QUARANTINE, "quarantine")                                                           \
	ACTION(FORWARD, "forward")                                                                 \
	ACTION(DEFER, "defer")

enum policy_filter {
#define FILTER(name, word) FILTER_##name,
	POLICY_FILTERS(FILTER)
#undef FILTER
	        FILTERS
};

enum policy_action {
#define ACTION(name, word) ACTION_##name,
	POLICY_ACTIONS(ACTION)
#undef ACTION
	        ACTIONS
};

const char *policy_filter_name(enum policy_filter f);
const char *policy_action_name(enum policy_action a);
/* False when the word is none. */
bool policy_filter_parse(struct span word, enum policy_filter *out);
bool policy_action_parse(struct span word, enum policy_action *out);

enum policy_on_outage {
	OUTAGE_DEFER, /* 451, the sender keeps it */
	OUTAGE_SPOOL,
};

enum policy_eightbit {
	EIGHTBIT_PASS,   /* to a server without 8BITMIME the bytes go as they are */
	EIGHTBIT_REJECT, /* 554 5.6.3 */
};

struct policy_server {
	struct addr addr;
	uint16_t port;
	uint16_t weight;  /* 1.. ; share among servers of the same priority */
	uint8_t priority; /* the lowest is tried first */
};

/* Where a customer's mail goes. Copied by value; id is a hash of all the rest, so the same id is the same route. */
struct policy_route {
	uint64_t id;
	uint32_t max_connections; /* per node; 0: the default */
	uint8_t server_cnt, egress_cnt;
	uint8_t on_outage;                /* enum policy_on_outage */
	uint8_t eightbit;                 /* enum policy_eightbit */
	bool xclient, xforward, proxy_v2; /* how the server is told the sender's address */
	struct policy_server servers[ROUTE_SERVERS_MAX];
	struct addr egress
	        [ROUTE_EGRESS_MAX]; /* the customer's mail leaves from these only; none: any */
};
