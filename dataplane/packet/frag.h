/* SPDX-License-Identifier: BSD-3-Clause
 * frag.h - bounded reassembly of IPv4 and IPv6 datagrams into one mbuf
 *
 * Why     TCP with path MTU discovery is not fragmented, but an old router on the way may still do it. A fragment is copied into
 *         place at once, so what waits is one mbuf a datagram and never a list.
 * RFC     791, 815, 8200 4.5; 5722: an overlap ends the datagram, for IPv4 too (a repetition of the same bytes is ignored);
 *         1858, 3128: no tiny first fragment; 6946: an atomic fragment is none.
 * Limit   FRAG_DATAGRAMS slots; a new datagram displaces the oldest. FRAG_DATA_MAX bytes each, FRAG_TIMEOUT_US.
 * Thread  Its worker.
 */
#pragma once
#include "base/addr.h"
#include "dataplane/packet/packet_limits.h"

struct packet;
struct frame;
struct rte_mbuf;

struct frag_slot {
	struct addr src, dst;
	uint32_t id;
	uint8_t proto;
	bool is_used,
	        is_poisoned; /* poisoned: overlap seen, the rest of it is dropped until the time is up */
	uint16_t have;       /* bytes */
	uint16_t total;      /* bytes, 0 until the last fragment came */
	uint16_t highest; /* end of the highest fragment */
	uint64_t expires_us;
	struct rte_mbuf *m;
	uint64_t bits[FRAG_DATA_MAX / 8 / 64]; /* which 8-byte units are there */
};

struct frag_table {
	unsigned used_cnt;
	struct frag_slot slots[FRAG_DATAGRAMS];
};

/* Takes the fragment; true when f became the whole datagram, ready for ip_input(). */
bool frag_input(struct packet *p, struct frame *f);
void frag_timers(struct packet *p);
void frag_fini(struct packet *p);
