/* SPDX-License-Identifier: BSD-3-Clause
 * tcp.h - the TCP stack of one worker: ordered bytes up, room and acknowledgements down
 *
 * Why     RFC 9293 without a socket layer. Time, randomness and the link are handed in, so the simulator runs the same
 *         object code. A turn of the loop is: tcp_input() for every segment, tcp_ready() (all callbacks), tcp_flush()
 *         (all output), wheel_turn(). Callbacks run from tcp_ready() alone, so nothing here is re-entered.
 * Owner   A struct tcp_conn belongs to the stack. A pointer to it is valid until on_close() returned or until
 *         tcp_abort() or tcp_detach() was called on it, whichever is first; drop every copy then.
 * Thread  The worker that made the stack. No lock, no log, no system call, no allocation after tcp_stack_new().
 * Limit   struct tcp_conn <= 256 bytes, a half-open one 64, one in TIME_WAIT 48. Every table has a size in tcp_config
 *         and a counted answer when it is full.
 * Errors  What a peer does is never an error of a call here: it ends as on_close(err). A call that returns false or NULL
 *         found a pool full.
 * RFC     9293 and 1122; docs/rfc-map.md has the others, and where in this folder each is.
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"
#include "base/chunk.h"
#include "base/counters.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "base/wheel.h"
#include "dataplane/packet/packet_in.h"

struct tcp_conn;
struct tcp_stack;

/* How segments leave, and what is local. Every pointer but is_banned must be set. */
struct tcp_link {
	void *ctx;

	/* An empty mbuf with headroom for everything below TCP and at least 100 bytes of room; NULL: none left. */
	struct rte_mbuf *(*alloc)(void *ctx);

	/* Takes m, whose data starts at the TCP header; the checksum field is zero and left to the link. `tos`: traffic class. */
	void (*send)(void *ctx, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
	             uint8_t tos, uint64_t now_us);

	/* Bytes of IP packet that the way to dst carries; at least 576. */
	unsigned (*mtu)(void *ctx, const struct addr *dst);

	/* Would a segment from dst:dport to src:sport reach this worker? */
	bool (*is_mine)(void *ctx, const struct addr *src, uint16_t sport, const struct addr *dst,
	                uint16_t dport);

	/* A SYN of a banned source is dropped before any state exists. NULL: nobody is, or packet has asked before (packet_up). */
	bool (*is_banned)(void *ctx, const struct addr *src);
};

/*
 * What a listener or a connection calls back, all from tcp_ready(). on_close may not be NULL, the others may.
 * A callback may call anything below on any connection of this stack.
 */
struct tcp_ops {
	/* ESTABLISHED, of both kinds. Passive: `user` is the listener's ctx; call tcp_set_user() here, or refuse by tcp_abort(). */
	void (*on_open)(struct tcp_conn *c, void *user);

	/*
	 * New in-order bytes wait, or the peer's FIN was reached (tcp_at_eof() once all is consumed). Called once for what
	 * arrived in a turn; bytes that are left unconsumed bring no further call by themselves and close the window.
	 */
	void (*on_bytes)(struct tcp_conn *c, void *user);

	/*
	 * tcp_unacked() fell below half of the send buffer (of one that has grown with cwnd, so far that half a window may be
	 * queued) after it had been at or above it or tcp_room() had been 0, or a pool that refused tcp_send()/tcp_send_chunk() has objects again.
	 */
	void (*on_room)(struct tcp_conn *c, void *user);

	/*
	 * Last call; c is gone when it returns. err 0: both FINs are done and every received byte was consumed (the call waits
	 * for that). ECONNRESET, ECONNREFUSED (a RST to our SYN), ETIMEDOUT (SYN, data, FIN or window probe not answered in
	 * time, or silence after our FIN), EHOSTUNREACH (a SYN never answered, ICMP said why). After an error what was
	 * received but not consumed can still be read inside this call.
	 */
	void (*on_close)(struct tcp_conn *c, void *user, int err);
};

enum tcp_ecn { /* RFC 3168 */
	       TCP_ECN_OFF,
	       TCP_ECN_PASSIVE, /* where the peer asks for it */
	       TCP_ECN_ACTIVE,  /* we ask too; a SYN that is lost or reset goes again without */
};

#define TCP_WHEEL_KINDS 2 /* wheel kinds that a stack takes, from tcp_config.wheel_kind on */

/* tcp_config_defaults() fills all of it but the secrets and wheel_kind. */
struct tcp_config {
	uint32_t conn_cnt;        /* connections, without half-open and TIME_WAIT ones */
	uint32_t syn_cnt;         /* half-open passive ones, at most 65,535; full: cookies */
	uint32_t syn_per_prefix;  /* of them from one /24 or /48; more get cookies; 0: no limit */
	uint32_t cookie_ring_cnt; /* cookies whose SYN-ACK is sent again; full: once only */
	uint32_t timewait_cnt;    /* full: the oldest goes */
	uint32_t
	        pmtu_cnt; /* peers whose path MTU is remembered; full: the one longest not used goes */
	uint32_t orphan_cnt;        /* detached and not yet closed; full: RST at tcp_detach() */
	uint32_t slice_cnt;         /* pieces of all send queues */
	uint32_t small_chunk_cnt;   /* 1 KiB each, for tcp_send() */
	uint32_t ooo_cnt;           /* connections that may have out-of-order bytes at one time */
	uint32_t tx_cnt;            /* that may have more than one segment in flight */
	uint32_t big_cnt;           /* and more than 32 */
	uint32_t mbuf_budget;       /* receive mbufs that all connections together may hold */
	uint32_t rcv_buf_bytes;     /* receive window at first */
	uint32_t rcv_buf_max_bytes; /* to which it grows with what is read in a round trip */
	uint32_t snd_buf_bytes;     /* send buffer at first, and of whoever is idle; at least 64 */
	uint32_t snd_buf_max_bytes; /* to which it grows with cwnd */
	uint64_t
	        snd_budget_bytes; /* queued by all connections together: all of it, and buffers are a quarter of the first */
	uint16_t mss_max;   /* payload of a segment that an mbuf of link.alloc() has room for */
	uint8_t rcv_wscale; /* that we offer, at most 14 */
	enum tcp_ecn ecn;
	bool newreno;                   /* congestion control: RFC 5681 instead of CUBIC */
	bool timestamps;                /* RFC 7323, offered and accepted */
	bool sack;                      /* RFC 2018, offered and accepted */
	uint16_t port_first, port_last; /* source ports of tcp_connect() */
	uint32_t rto_min_ms, rto_max_ms;
	uint32_t delack_ms;
	uint32_t connect_timeout_ms; /* SYN sent and nothing came */
	uint32_t
	        user_timeout_ms; /* something sent and not acknowledged for so long (RFC 9293 3.8.3) */
	uint32_t
	        persist_max_ms; /* window of the peer shut for so long, even when it answers probes */
	uint32_t
	        keep_idle_ms; /* keep-alive, where it is on: first probe after so much silence (0: none), */
	uint32_t keep_interval_ms; /* the next ones, */
	uint8_t keep_cnt;          /* and how many unanswered ones are the end */
	uint32_t fin_wait_2_ms;    /* of an orphan; with a user it is user_timeout_ms */
	uint32_t time_wait_ms;
	uint32_t
	        challenge_per_s; /* challenge ACKs a second, all connections (RFC 5961 7), with jitter */
	uint32_t rst_per_s;      /* RSTs a second to segments of no connection */
	uint32_t
	        cookie_fails_per_s; /* wrong cookies a second after which only those with a timestamp count */
	uint32_t wheel_kind; /* first of TCP_WHEEL_KINDS kinds of the wheel that are this stack's */
	struct siphash_key table_key; /* secrets, from rng_entropy(): connection table, */
	struct siphash_key isn_key;   /* ISNs (RFC 6528) and timestamp offsets */
	bool isn_still; /* ISNs without the clock: a test program that is to be repeated exactly */
};

struct tcp_counters {
#define COUNTER COUNTER_FIELD
#include "dataplane/tcp/tcp_counters.def"
#undef COUNTER
};

#define TCP_COUNTERS (sizeof(struct tcp_counters) / sizeof(uint64_t))
extern const struct counter_desc tcp_counter_desc[TCP_COUNTERS];

void tcp_config_defaults(struct tcp_config *cfg);

/*
 * Takes all memory. The link, wheel, rng and counters stay the caller's and outlive the stack; *cfg and *link are copied.
 * NULL with errno: ENOMEM, EINVAL (a figure out of its bounds).
 */
struct tcp_stack *tcp_stack_new(const struct tcp_config *cfg, const struct tcp_link *link,
                                struct wheel *wheel, struct rng *rng,
                                struct tcp_counters *counters);

/* Every connection is dropped without a segment and without a callback. NULL is harmless. */
void tcp_stack_free(struct tcp_stack *s);

/* Bytes of memory that a stack of this configuration reserves (untouched pages cost nothing). */
size_t tcp_stack_bytes(const struct tcp_config *cfg);

/* --- the turn of the loop --- */

/* Takes in->m. State changes and replies are prepared here, callbacks and most output come later. */
void tcp_input(struct tcp_stack *s, struct packet_in *in, uint64_t now_us);

/* The same for a burst; faster, since look-ups are prefetched. */
void tcp_input_burst(struct tcp_stack *s, struct packet_in *in, unsigned cnt, uint64_t now_us);

/* An ICMP error of a segment of ours; soft unless it answers a SYN (RFC 5927). */
void tcp_icmp(struct tcp_stack *s, const struct packet_icmp_error *e, uint64_t now_us);

/* Callbacks of all connections that became ready. Returns how many connections were served. */
unsigned tcp_ready(struct tcp_stack *s, uint64_t now_us);

/* Output of all connections that have something to say. Call after tcp_ready() and after anything that queued or consumed. */
void tcp_flush(struct tcp_stack *s, uint64_t now_us);

/* --- opening --- */

/*
 * Listen on local:port; all zero is any address. `ops` outlives the stack. 0, -EADDRINUSE or -ENOSPC (16 listeners).
 */
int tcp_listen(struct tcp_stack *s, const struct addr *local, uint16_t port,
               const struct tcp_ops *ops, void *ctx);

/* No SYN is accepted any more (RST); what is open stays open. -ENOENT. */
int tcp_unlisten(struct tcp_stack *s, const struct addr *local, uint16_t port);

/* A SYN leaves with the next tcp_flush(). NULL: pool full, or no free port of this worker found within 1,024 tries. */
struct tcp_conn *tcp_connect(struct tcp_stack *s, const struct addr *src, const struct addr *dst,
                             uint16_t dport, const struct tcp_ops *ops, void *user,
                             uint64_t now_us);

/* The same from port sport; 0: chosen. NULL also when that port is taken towards dst:dport, or its answers reach another worker. */
struct tcp_conn *tcp_connect_from(struct tcp_stack *s, const struct addr *src, uint16_t sport,
                                  const struct addr *dst, uint16_t dport, const struct tcp_ops *ops,
                                  void *user, uint64_t now_us);

/* Between tcp_connect() and the next tcp_flush(): our SYN says this MSS (88 at least) if it is less than the link's, and no segment of
 * ours is larger. */
void tcp_set_mss(struct tcp_conn *c, uint16_t mss);

/* --- receiving --- */

/* The first contiguous unread bytes, valid until tcp_consume(); false: none. */
bool tcp_peek(struct tcp_conn *c, struct span *out);

/* Unread bytes from `skip` on, contiguous, without consuming: for readers that look over mbuf borders. */
bool tcp_peek_at(struct tcp_conn *c, size_t skip, struct span *out);

/* All unread bytes. */
size_t tcp_unread(const struct tcp_conn *c);

/* n <= tcp_unread(). Opens the window. */
void tcp_consume(struct tcp_conn *c, size_t n);

/* The peer's FIN was reached and everything before it is consumed. */
bool tcp_at_eof(const struct tcp_conn *c);

#define TCP_RCV_BUF_MIN 1024

/*
 * The receive buffer of one connection: that much, TCP_RCV_BUF_MIN at least, is the window from here on, and it is not tuned any
 * more. Before the SYN leaves it is in the SYN; what was announced already is never taken back.
 */
void tcp_set_rcv_buf(struct tcp_conn *c, uint32_t bytes);

/* --- sending --- */

/*
 * Bytes that may be queued before the send buffer is full; it follows cwnd and what others have queued. Advice: a larger piece
 * is taken all the same. 0 is followed by on_room(), unless the connection ends or tcp_close() was called.
 */
size_t tcp_room(struct tcp_conn *c);

/*
 * Queue bytes off..off+len of ch; takes its own reference, gives it back once they are acknowledged. Bytes must not
 * change any more. Nothing is copied until output. false: no slice left, or tcp_close() was called before.
 */
bool tcp_send_chunk(struct tcp_conn *c, struct chunk *ch, uint32_t off, uint32_t len);

/* Copies. All or nothing; false: no room in pools, longer than 64 KiB, or tcp_close() was called before. */
bool tcp_send(struct tcp_conn *c, struct span bytes);

/* Queued and not acknowledged by the peer, without the FIN. */
size_t tcp_unacked(const struct tcp_conn *c);

/* on_room() with the next acknowledgement that finds less than half of the send buffer in use, whatever was queued before. */
void tcp_want_room(struct tcp_conn *c);

/* --- ending --- */

/*
 * FIN after everything queued. Receiving goes on until the peer's FIN; on_close() comes when both are done. Twice is
 * harmless. A peer that says nothing for user_timeout_ms after acknowledging our FIN is given up with ETIMEDOUT.
 */
void tcp_close(struct tcp_conn *c);

/* RST now; what was queued is lost. No further callback, c is gone. */
void tcp_abort(struct tcp_conn *c);

/*
 * tcp_close() without further callbacks, c is gone for the caller: queued bytes are still delivered, what arrives is
 * acknowledged and thrown away, and the window is not opened again. The peer's FIN is waited for fin_wait_2_ms.
 */
void tcp_detach(struct tcp_conn *c);

/* --- times of one connection --- */

#define TCP_KEEP_CNT_MAX 127
#define TCP_TIME_MAX_MS  (32767u * 1000)

/* 0 in any of them: as tcp_config says. The times are at most TCP_TIME_MAX_MS. */
struct tcp_times {
	uint32_t
	        user_timeout_ms; /* as TCP_USER_TIMEOUT: for data, a shut window, keep-alive, and a shorter one for the SYN */
	uint32_t keep_idle_ms, keep_interval_ms;
	uint8_t keep_cnt; /* at most TCP_KEEP_CNT_MAX */
};

/* Holds at once. false: a figure out of its bounds, or more than 63 different sets in use on this stack; nothing is changed. */
bool tcp_set_times(struct tcp_conn *c, const struct tcp_times *t);
void tcp_get_times(const struct tcp_conn *c, struct tcp_times *out);

/*
 * Off by default (RFC 9293 3.8.4). A peer of which nothing was heard for keep_idle_ms is asked; after keep_cnt questions
 * without an answer (with a user timeout of its own: at the first question after that time, or after 255) the peer is sent a
 * RST, and on_close(ETIMEDOUT) follows. Only with nothing in flight and an open window in ESTABLISHED and CLOSE-WAIT: elsewhere
 * another timer asks already.
 */
void tcp_set_keepalive(struct tcp_conn *c, bool on);

/* What may change while the stack runs; the names are tcp_config's. */
struct tcp_tunables {
	uint32_t syn_per_prefix;
	enum tcp_ecn ecn; /* of connections that open from now on */
	uint32_t keep_idle_ms,
	        keep_interval_ms; /* a connection's timer looks at them when it is next armed */
	uint8_t keep_cnt;
};

/* false: a figure out of its bounds; nothing is changed. */
bool tcp_tune(struct tcp_stack *s, const struct tcp_tunables *t);

/* --- about one connection --- */

void tcp_set_user(struct tcp_conn *c, void *user);
void tcp_set_ops(struct tcp_conn *c, const struct tcp_ops *ops);
const struct addr *tcp_local_addr(const struct tcp_conn *c);
const struct addr *tcp_remote_addr(const struct tcp_conn *c);
uint16_t tcp_local_port(const struct tcp_conn *c);
uint16_t tcp_remote_port(const struct tcp_conn *c);

/* RFC 9293 3.3.2; LISTEN, passive SYN-RECEIVED and TIME-WAIT have no struct tcp_conn. */
enum tcp_state {
	TCP_CLOSED,
	TCP_SYN_SENT,
	TCP_SYN_RECEIVED,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
	TCP_STATES
};

struct tcp_info {
	enum tcp_state state;
	uint32_t srtt_us, rttvar_us, rto_ms;
	uint32_t cwnd_bytes, ssthresh_bytes;
	uint32_t snd_wnd_bytes, rcv_wnd_bytes; /* as the peer announced it; as we did */
	uint32_t snd_mss, rcv_buf_bytes;
	uint32_t unacked_bytes, unread_bytes, ooo_bytes;
	uint32_t in_flight_bytes, sacked_bytes, lost_bytes, resent_bytes; /* RFC 6675's words */
	uint32_t min_rtt_us;                                              /* 0: not known */
	uint32_t retransmits; /* in a row, of what is oldest now */
	uint32_t rexmit_segs; /* sent again in all, since it has a sender's block (tcp_tx.h) */
	bool timestamps, sack, ecn, in_recovery, keepalive;
	uint8_t snd_wscale, rcv_wscale;
};

void tcp_get_info(const struct tcp_conn *c, struct tcp_info *out);
const char *tcp_state_name(enum tcp_state st);

/* What is in use now, for gauges and for tests that look for leaks. */
struct tcp_usage {
	uint32_t conns, orphans, syns, cookies, timewaits, pmtus, slices, small_chunks, ooos, txs,
	        bigs, mbufs_held;
	uint64_t snd_bytes; /* in all send queues */
};

void tcp_get_usage(const struct tcp_stack *s, struct tcp_usage *out);
