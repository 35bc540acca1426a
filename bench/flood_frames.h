/* SPDX-License-Identifier: BSD-3-Clause
 * flood_frames.h - frames of somebody who means no good
 *
 * Thread  One.
 */
#pragma once
#include "base/addr.h"
#include "base/rng.h"

struct rte_mbuf;

enum flood_kind {
	FLOOD_NONE,
	FLOOD_SYN,    /* from anywhere, never completed */
	FLOOD_BANNED, /* SYNs from 203.0.113.0/24 */
	FLOOD_RST,    /* from the honest senders' addresses and any port, any number */
	FLOOD_ACK,
	FLOOD_FRAGMENT, /* first fragments of datagrams that never end */
	FLOOD_ARP,      /* requests by neighbours that do not exist */
	FLOOD_KINDS
};

extern const char *const flood_names[FLOOD_KINDS];

/* Writes a frame for relay (10.77.0.2) into the empty m. */
void flood_frame(struct rte_mbuf *m, enum flood_kind kind, const uint8_t relay_mac[6],
                 struct rng *r);
