/* SPDX-License-Identifier: BSD-3-Clause
 * neigh.h - cache of neighbours' MAC addresses of one port and worker, IPv4 and IPv6
 *
 * Why     ARP and ND differ on the wire only: states, queue, bounds and probing are the same table. 8-way sets under a keyed hash: a
 *         flood of invented addresses costs a fixed number of entries. An entry is confirmed when its neighbour answered us; it
 *         is never displaced by one that did not. A set holds at most NEIGH_CONFIRMED_WAYS confirmed ones, so that a new
 *         neighbour always finds a way in; when one more is confirmed, the longest unused of them may be displaced again.
 *         A gateway is never displaced.
 * RFC     4861 7.3.2 states. STALE is LEARNED, or REACHABLE that is too old; without DELAY: a stale entry that is used is probed at
 *         once. 1122 2.3.2.2 for the queue.
 * Owner   The table owns the packets that wait in it.
 * Thread  Its worker.
 * Limit   Entries fixed at start; NEIGH_QUEUE packets an entry, NEIGH_QUEUED_MAX in all.
 */
#pragma once
#include "base/addr.h"
#include "base/siphash.h"
#include "dataplane/packet/packet_limits.h"

struct packet;
struct rte_mbuf;

enum neigh_state { /* in the order in which unconfirmed entries are displaced */
	           NEIGH_FREE,
	           NEIGH_FAILED,     /* did not answer */
	           NEIGH_LEARNED,    /* from its own request; never used by us */
	           NEIGH_INCOMPLETE, /* asked, no MAC yet */
	           NEIGH_PROBE,      /* MAC in use, asked again by unicast */
	           NEIGH_REACHABLE,  /* MAC in use; stale NEIGH_REACHABLE_US after confirmed_us */
};

struct neigh {
	struct addr addr;
	uint8_t mac[6];
	uint8_t state; /* enum neigh_state */
	uint8_t tries;
	uint8_t queue_cnt;
	bool is_pinned;    /* a gateway */
	bool is_confirmed; /* it answered us, and has not failed since */
	uint64_t confirmed_us, used_us, since_us;
	struct rte_mbuf *queue[NEIGH_QUEUE]; /* from their IP header on */
	struct list asked;                   /* INCOMPLETE and PROBE, by since_us */
};

struct neigh_table {
	struct neigh *sets;
	uint32_t set_mask;
	uint32_t queued_cnt;
	struct siphash_key key;
	struct list asked; /* all wait NEIGH_RETRANS_US, so the head is due first */
};

/* 0 or -ENOMEM; entries is rounded up to a power of two of sets. */
int neigh_init(struct neigh_table *t, uint32_t entries, uint64_t seed);
void neigh_fini(struct packet *p);

struct neigh *neigh_find(struct packet *p, const struct addr *a);

/* Finds it or makes an INCOMPLETE entry and asks. NULL: solicitations are over their rate. Gateways and confirmed neighbours are asked
 * again beyond that rate: they are as many as the table holds, once in NEIGH_REACHABLE_US each. */
struct neigh *neigh_resolve(struct packet *p, const struct addr *a);

/* Keep an entry for a gateway for ever. */
void neigh_pin(struct packet *p, const struct addr *a);

/* A neighbour said its MAC by itself (a request to us): entered as LEARNED when that displaces nothing of worth. */
void neigh_learn(struct packet *p, const struct addr *a, const uint8_t mac[6]);

/* It answered: the MAC is taken and what waited is sent. is_solicited: answer to us, so it is confirmed; else stale. */
void neigh_answer(struct packet *p, struct neigh *n, const uint8_t mac[6], bool is_solicited,
                  bool overrides);

/* May a request of this neighbour (NULL: unknown) be answered now? Confirmed ones have a share of their own beside the common rate, so
 * that a flood of invented askers does not make us deaf to those who talk to us. */
bool neigh_may_reply(struct packet *p, const struct neigh *n);

/* Retransmit and give up what is due. */
void neigh_timers(struct packet *p);
