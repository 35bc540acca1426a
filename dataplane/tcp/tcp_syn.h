/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_syn.h - a half-open passive connection, as the SYN queue keeps it and as a cookie brings it back
 *
 * Why     tcp_syn.c keeps what a SYN agreed on; when it may not, tcp_cookie.c has the peer keep it. Both build the same SYN-ACK
 *         from a struct tcp_half and the same connection from it.
 * Owner   Entries: the queue. A cookie's half is the caller's, on its stack.
 * Thread  The stack's worker.
 */
#pragma once
#include "dataplane/tcp/tcp_conn.h"

/* HALF_COOKIE: nothing is kept. iss is a cookie, options ride in the low bits of TSval. */
enum half_flag {
	HALF_TS = 1,
	HALF_SACK = 2,
	HALF_WSCALE = 4,
	HALF_ECN = 8,
	HALF_COOKIE = 16,
};

struct tcp_half {
	struct addr remote, local;
	uint16_t lport, rport;
	uint32_t iss, irs;
	uint32_t ts_recent; /* the peer's TSval, HALF_TS */
	uint32_t born_ms;
	uint16_t mss;
	uint8_t flags;
	uint8_t wscale : 4, stage : 2;
	uint16_t ack_16ms;              /* when an answer to something out of place was last sent */
	uint16_t hash_next, next, prev; /* the queue's */
};
static_assert(sizeof(struct tcp_half) <= 64, "tcp.md: SYN cache, 64 B an entry");

/* --- tcp_syn.c --- */
void tcp_half_syn_ack(struct tcp_stack *s, const struct tcp_half *h);
/* The connection of h, and g, which completed the handshake, at it; a RST when there is no room or no listener any more. */
void tcp_half_complete(struct tcp_stack *s, const struct tcp_half *h, struct tcp_seg *g);

/* --- tcp_cookie.c --- */
struct tcp_cookies *tcp_cookies_new(uint32_t ring_cnt);
void tcp_cookies_free(struct tcp_cookies *k); /* NULL is harmless */
size_t tcp_cookies_bytes(uint32_t ring_cnt);
uint32_t tcp_cookies_used(const struct tcp_cookies *k);

/* Answers h's SYN by a cookie: sets flags, mss, wscale and iss to what the cookie says, sends it. `again`: puts it into the ring. */
void tcp_cookie_send(struct tcp_stack *s, struct tcp_half *h, bool again);

/* A segment with an ACK to a listener: true when it brought a cookie back, and is taken. */
bool tcp_cookie_in(struct tcp_stack *s, struct tcp_seg *g);

/* The options of h in the low bits of a TSval that is not later than `tsval` (Linux's way). */
uint32_t tcp_cookie_tsval(const struct tcp_half *h, uint32_t tsval);

/* SYN-ACKs that are due again. */
bool tcp_cookie_sweep(struct tcp_stack *s);
