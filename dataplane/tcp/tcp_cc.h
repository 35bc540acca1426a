/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_cc.h - congestion control as a table of five functions
 *
 * Why     How cwnd grows and what a loss costs are the only things in which controls differ; when there was a loss, and how
 *         much may be out during a recovery, is decided in tcp_recovery.c for all of them.
 * Owner   State is in tx->cc, TCP_CC_WORDS words that are zero at init(). It may be lost while nothing is in flight; cwnd and
 *         ssthresh are the connection's and stay.
 * Thread  The stack's worker.
 */
#pragma once
#include "dataplane/tcp/tcp_conn.h"

struct tcp_cc_ops {
	const char *name;
	void (*init)(struct tcp_conn *c);

	/*
	 * `acked` bytes to grow by, 0: something was SACKed; the window is what limits us, and this is no fast recovery. rtt_us: 0, or
	 * a sample. Raises cwnd.
	 */
	void (*acked)(struct tcp_conn *c, uint32_t acked, uint32_t rtt_us);

	/* A loss, a timeout or an ECN mark: the ssthresh from here on. */
	uint32_t (*congested)(struct tcp_conn *c);

	/* The last congested() was a mistake; cwnd and ssthresh are restored already. */
	void (*undone)(struct tcp_conn *c);

	/* Nothing was sent for idle_ms, and now something is. */
	void (*restarted)(struct tcp_conn *c, uint32_t idle_ms);
};

extern const struct tcp_cc_ops tcp_newreno, tcp_cubic;

/* Bytes of an ACK by which slow start may grow (RFC 3465 with RFC 9406's L = 8; 1 after a timeout). */
static inline uint32_t
tcp_cc_slow_start_bytes(const struct tcp_conn *c, uint32_t acked)
{
	return MIN(acked, (c->flags & F_LOSS ? 1 : 8) * eff_mss(c));
}
