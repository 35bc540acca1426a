/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_conn.h - the connection and the stack as the files of this folder see them
 *
 * Why     Names are those of RFC 9293 3.3.1 (snd_una, rcv_nxt ...). Other folders see tcp.h alone.
 * Owner   The stack owns everything here. Links between objects are 32-bit indices into their pool, so that a connection
 *         stays within four cache lines.
 * Thread  The stack's worker.
 * Length  Over 500 lines: what the files of this folder call of one another, a section each, behind the structs they share.
 */
#pragma once
#include "base/heads.h"
#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_opt.h"
#include "dataplane/tcp/tcp_seq.h"
#include "dataplane/tcp/tcp_tx.h"
#include <rte_mbuf.h>

#define TCP_NONE HEADS_NONE /* no index */

#define TCP_MSS_DEFAULT4 536 /* RFC 9293 3.7.1, when the peer's SYN names none */
#define TCP_MSS_DEFAULT6 1220
#define TCP_MSS_FLOOR    88  /* a smaller MSS of a peer is raised to this: it only makes us work */
#define TCP_PMTU_FLOOR4  552 /* an ICMP message never gets us below (RFC 5927 7.2) */
#define TCP_PMTU_FLOOR6  1280
#define TCP_QUICK_ACKS   16 /* segments at the beginning that are acknowledged at once */
#define TCP_QUICK_LOSS   8  /* and from one that fills a hole on, itself included */
#define TCP_ACK_SEGS_MAX                                                                           \
	8 /* full segments of one turn after which an ACK does not wait for its end */
#define TCP_RTO_FIRST_MS 1000 /* RFC 6298 2.1 */
#define TCP_CWND_MAX     (1u << 30)
#define TCP_UNACKED_MAX                                                                            \
	(1u << 30) /* bytes of a send queue: well under half of the sequence space */
#define TCP_LISTENERS_MAX 16
#define TCP_PORT_TRIES    1024 /* with 64 workers one in 10 million finds none */
#define TCP_SMALL_CHUNK   1024 /* bytes of a chunk of tcp_send(), its head included */
#define TCP_SEND_MAX      65536
#define TCP_PAWS_IDLE_65S                                                                          \
	31640 /* 24 days in units of 65,536 ms: TS.Recent is void then (RFC 7323 5.5) */
#define TCP_CHALLENGE_16MS 31  /* half a second between two ACKs to what is out of place */
#define TCP_RCV_MSS_FIRST  536 /* at most what is taken for the peer's segment before one came */

enum tcp_conn_flag {
	F_TS = 1 << 0,         /* timestamps on */
	F_SACK = 1 << 1,       /* SACK on */
	F_PASSIVE = 1 << 2,    /* came through a listener */
	F_ORPHAN = 1 << 3,     /* tcp_detach() was called */
	F_FIN_QUEUED = 1 << 4, /* tcp_close() was called */
	F_FIN_RCVD = 1 << 5,   /* rcv_nxt is behind the peer's FIN */
	F_ACK_NOW = 1 << 6,    /* an ACK leaves with the next flush */
	F_DELACK = 1 << 7,     /* an ACK is owed, delack_due says until when */
	F_ON_READY = 1 << 8,   /* in the ready list */
	F_ON_DIRTY = 1 << 9,   /* in the dirty list */
	F_BUSY = 1 << 10, /* inside a callback or in output: not to be given back to the pool now */
	F_DEAD =
	        1
	        << 11, /* given up by its user and by the stack: to the pool as soon as no list holds it */
	F_HASHED = 1 << 12,    /* in the connection table */
	F_WANT_ROOM = 1 << 13, /* on_room() is owed once the queue is short */
	F_STARVED = 1 << 14,   /* on_room() is owed once the pools have objects */
	F_RECOVERY = 1 << 15,  /* fast recovery until snd_una passes `recover` */
	F_PERSIST = 1 << 16,   /* rexmit_due is the persist timer */
	F_LOSS = 1 << 17,      /* after a timeout, until snd_una passes `recover` */
	F_PTO = 1 << 18,       /* rexmit_due is the tail loss probe's */
	F_FORCE = 1 << 19,     /* persist ran out with a small window: send what fits */
	F_SYN_AGAIN = 1 << 20, /* the SYN was sent more than once (RFC 6298 5.7, 5681 3.1) */
	F_SOFT_ERR =
	        1 << 21, /* an ICMP unreachable came: the reason if the SYN is never answered */
	EV_OPEN = 1 << 22,
	EV_BYTES = 1 << 23,
	EV_ROOM = 1 << 24,
	EV_CLOSE = 1 << 25,
	F_REO = 1 << 26, /* rexmit_due is RACK's reordering timer */
	F_REXMT_HEAD =
	        1 << 27,   /* without a struct tcp_tx: the segment at snd_una is to be sent again */
	F_ECN = 1 << 28,   /* both sides agreed on ECN */
	F_ECE = 1 << 29,   /* a mark arrived: every ACK says so until the peer's CWR */
	F_KEEP = 1 << 30,  /* keep-alive is on */
	F_PMTU = 1u << 31, /* a segment longer than snd_mss is out, to see whether it arrives */
};

#define EV_ANY    (EV_OPEN | EV_BYTES | EV_ROOM | EV_CLOSE)
#define F_ON_LIST (F_ON_READY | F_ON_DIRTY | F_BUSY)

#define TCP_RANGES_MAX 64 /* separate runs of out-of-order bytes of one connection */
#define TCP_RECENT_MAX 4

/* Out-of-order bytes of one connection; from a pool, since most connections never need one. */
struct tcp_range {
	uint32_t start, end;
	struct rte_mbuf *head, *tail; /* chained by mbuf.next, no gap in between */
};

struct tcp_side {
	uint32_t cnt;
	uint32_t fin_seq; /* if has_fin: number of a FIN that came early */
	uint32_t recent
	        [TCP_RECENT_MAX]; /* a number in each of the last runs that grew, newest first (RFC 2018 4) */
	uint8_t recent_cnt;
	bool has_fin;
	struct tcp_range r[TCP_RANGES_MAX]; /* sorted, never touching one another */
};

struct tcp_conn {
	/* what look-up and header prediction read */
	uint32_t next; /* chain of the table */
	struct addr remote, local;
	uint16_t lport, rport;
	uint8_t state;
	uint8_t err; /* enum of on_close(), as errno */
	uint16_t snd_mss;
	uint32_t flags;
	uint32_t rcv_nxt, snd_una, snd_nxt;

	/* windows */
	/* No SND.WL2: an ACK that is taken is never below SND.UNA, and that is never below SND.WL2. */
	uint32_t snd_wnd, snd_wl1;
	uint32_t max_snd_wnd;
	uint32_t cwnd, ssthresh;
	uint32_t rcv_adv; /* right edge that was announced; never goes back */
	uint32_t rcv_buf, rcv_unread;
	uint32_t last_ack_sent;
	uint32_t ts_recent, ts_offset; /* F_TS */
	/* Since when the oldest sent byte waits; idle: when all was acknowledged. */
	uint32_t progress_ms;
	/* When the peer last said something; F_PERSIST: since when its window is shut. */
	uint32_t heard_ms;
	uint16_t ts_age_65s;     /* when ts_recent was set */
	uint16_t challenge_16ms; /* when the last ACK to something out of place was sent */
	uint8_t dupacks, retries, quick_acks;
	uint8_t rcv_mss_32; /* the peer's largest segment so far, in units of 32 bytes */

	/* queues and owners */
	struct rte_mbuf *rcv_head, *rcv_tail;
	struct tcp_side *side;
	struct tcp_tx *tx;
	struct tcp_stack *stack;
	const struct tcp_ops *ops;
	void *user;
	uint32_t snd_bytes;                /* queued, from snd_una on */
	uint32_t sl_head, sl_tail, sl_cur; /* slices; sl_cur: where output last read */

	/* timers and estimators */
	struct wheel_timer timer;
	uint32_t rexmit_due, delack_due; /* ms, 0: off */
	uint32_t ready_next, dirty_next;
	uint32_t sl_cur_seq; /* sequence number of sl_cur's first byte */
	uint32_t srtt_us, rttvar_us;
	uint16_t mss_top; /* snd_mss without what the path has taken away */
	uint8_t times;    /* index into the stack's times[] */
	uint8_t snd_wscale, rcv_wscale;
	bool rcv_is_set;  /* tcp_set_rcv_buf() was called: no tuning */
	uint16_t drs_ms;  /* receive window tuning: when this round began, */
	uint32_t drs_seq; /* and the number up to which the reader had read */
};

static_assert(sizeof(struct tcp_conn) <= 256, "four cache lines");

struct tcp_listener {
	struct addr local; /* all zero: any */
	uint16_t port;     /* 0: free */
	const struct tcp_ops *ops;
	void *ctx;
};

/* A piece of a send queue. */
struct tcp_slice {
	struct chunk *chunk;
	uint32_t off, len;
	uint32_t next;
};

/* At most `cnt` in each second, counted by the caller's clock. */
struct tcp_limit {
	uint32_t second;
	uint32_t left;
};

/* A set of times that connections share; set 0 has no entry of its own and is the stack's. */
struct tcp_times_set {
	struct tcp_times t;
	uint32_t users; /* 0: free */
};

#define TCP_TIMES_MAX 64 /* different sets in use at one time; index 0 is not used */

/* Bytes of the segment at hand that had been received before. */
struct tcp_dsack {
	uint32_t start, end;
	bool is_set;
};

struct tcp_syn_queue;
struct tcp_cookies;
struct tcp_timewait;
struct tcp_pmtu;

struct tcp_stack {
	uint64_t now_us;
	uint32_t now_ms;
	struct heads table; /* connections */
	struct tcp_counters *cnt;
	struct wheel *wheel;
	struct rng *rng;
	uint32_t ready_head, ready_tail;
	uint32_t dirty_head, dirty_tail;
	uint32_t orphan_cnt, mbufs_held;
	uint64_t snd_bytes; /* of all send queues */
	struct pool conns, slices, smalls, sides, txs, bigs;
	struct list tx_idle; /* the longest idle first */
	struct tcp_syn_queue *syns;
	struct tcp_cookies *cookies;
	struct tcp_timewait *timewaits;
	struct tcp_pmtu *pmtu;
	struct tcp_limit challenges, resets;
	struct tcp_dsack dsack; /* set within one tcp_in() alone */
	struct wheel_timer housekeeping;
	struct tcp_link link;
	struct tcp_config cfg;
	struct tcp_listener listeners[TCP_LISTENERS_MAX];
	struct tcp_times_set times[TCP_TIMES_MAX];
};

/* One arrived segment as a value. m is the payload alone (NULL: none left), owned by whoever works on it. */
struct tcp_seg {
	struct rte_mbuf *m;
	uint32_t seq, ack, len;
	uint32_t wnd; /* not yet scaled */
	uint32_t hash;
	uint8_t flags;
	uint8_t tos;
	bool v6;
	bool is_cut; /* bytes or a FIN behind our window were taken off */
	uint16_t sport, dport;
	const struct addr *src, *dst;
	struct tcp_options opt;
};

/* SEG.LEN (RFC 9293 3.3.1): the numbers that g takes, its SYN and FIN among them; g->len is its text alone. */
static inline uint32_t
seg_len(const struct tcp_seg *g)
{
	return g->len + !!(g->flags & TCP_SYN) + !!(g->flags & TCP_FIN);
}

static inline struct tcp_conn *
conn_at(const struct tcp_stack *s, uint32_t i)
{
	return (struct tcp_conn *)(void *)(s->conns.memory + s->conns.object_bytes * i);
}

static inline uint32_t
conn_index(const struct tcp_conn *c)
{
	const struct pool *p = &c->stack->conns;

	return (uint32_t)((size_t)((const uint8_t *)c - p->memory) / p->object_bytes);
}

static inline bool
has_ooo(const struct tcp_conn *c)
{
	return c->side && (c->side->cnt || c->side->has_fin);
}

/* Bytes that are believed to be in the network. */
static inline uint32_t
tcp_pipe(const struct tcp_conn *c)
{
	uint32_t flight = c->snd_nxt - c->snd_una, gone;
	const struct tcp_flight *f;

	if (!c->tx)
		return flight;
	f = &c->tx->flight;
	gone = f->bytes[MARK_SACKED] + f->bytes[MARK_LOST] + c->tx->reno_bytes;
	flight += f->bytes[MARK_REXMIT];
	return flight > gone ? flight - gone : 0;
}

static inline uint32_t
rcv_wnd(const struct tcp_conn *c)
{
	return c->rcv_adv - c->rcv_nxt;
}

static inline bool
is_synchronised(const struct tcp_conn *c)
{
	return c->state >= TCP_ESTABLISHED;
}

/* Number behind the last queued byte; the FIN's own. Only once our SYN is acknowledged. */
static inline uint32_t
snd_data_end(const struct tcp_conn *c)
{
	return c->snd_una + c->snd_bytes;
}

static inline uint32_t
header_bytes(bool v6)
{
	return v6 ? 60 : 40;
}

/* For xmit_us and its like, which wrap. */
static inline uint32_t
now_us32(const struct tcp_conn *c)
{
	return (uint32_t)c->stack->now_us;
}

static inline uint16_t
now_16ms(const struct tcp_stack *s)
{
	return (uint16_t)(s->now_ms >> 4);
}

/* Half a second passed since *last_16ms, which is now then. */
static inline bool
tcp_stray_take(const struct tcp_stack *s, uint16_t *last_16ms)
{
	uint16_t now = now_16ms(s);

	if ((uint16_t)(now - *last_16ms) < TCP_CHALLENGE_16MS) {
		counter_inc(&s->cnt->stray_limited);
		return false;
	}
	*last_16ms = now;
	return true;
}

/* Of a new entry: the first one is answered. */
static inline uint16_t
tcp_stray_first(const struct tcp_stack *s)
{
	return (uint16_t)(now_16ms(s) - TCP_CHALLENGE_16MS);
}

/*
 * Out of place, g may be somebody's answer to an answer of ours, or is a SYN. Data and FINs are sent again because an ACK
 * was lost, and no ACK carries them (Linux: tcp_oow_rate_limited()).
 */
static inline bool
tcp_may_loop(const struct tcp_seg *g)
{
	return g->flags & TCP_SYN || (g->len == 0 && !(g->flags & TCP_FIN));
}

static inline bool
conn_is_v6(const struct tcp_conn *c)
{
	return !addr_is_v4(&c->remote);
}

/* Payload of a full segment. */
static inline uint32_t
eff_mss(const struct tcp_conn *c)
{
	return c->snd_mss - (c->flags & F_TS ? 12u : 0u);
}

/* The peer lives. While its window is shut heard_ms has another meaning, and progress_ms tells. */
static inline void
heard(struct tcp_conn *c)
{
	if (c->flags & F_PERSIST)
		return;
	c->heard_ms = c->stack->now_ms;
	if (c->snd_una == c->snd_nxt)
		c->retries = 0; /* keep-alive probes are counted there */
}

static inline uint32_t
ts_now(const struct tcp_conn *c)
{
	return c->stack->now_ms + c->ts_offset;
}

/* --- slices of send queues --- */

/*
 * The last eighth of the slices is for tcp_send(): a body of short lines may take all others, and commands of every other
 * connection would be lost.
 */
#define TCP_SLICE_RESERVE 8

static inline bool
tcp_has_slice(const struct tcp_stack *s)
{
	return s->slices.cnt - s->slices.used_cnt > s->slices.cnt / TCP_SLICE_RESERVE;
}

/* --- tcp_config.c --- */
bool tcp_config_is_valid(const struct tcp_config *c);

/* --- tcp_stack.c: life of a connection --- */
static inline void
tcp_conn_hold(struct tcp_conn *c)
{
	c->flags |= F_BUSY;
}

void tcp_conn_let_go(struct tcp_conn *c);
void tcp_set_now(struct tcp_stack *s, uint64_t now_us);
struct tcp_conn *tcp_conn_new(struct tcp_stack *s, const struct addr *local, uint16_t lport,
                              const struct addr *remote, uint16_t rport);
/* The protocol is over: out of the table, timers and queues off; on_close(err) follows if there is a user. */
void tcp_conn_end(struct tcp_conn *c, int err);
/* RST to the peer, then tcp_conn_end(). */
void tcp_conn_kill(struct tcp_conn *c, int err);
/* Both FINs are done and ours was the first: to the TIME-WAIT table. */
void tcp_conn_time_wait(struct tcp_conn *c);
void tcp_mark_ready(struct tcp_conn *c, uint32_t events);
void tcp_mark_dirty(struct tcp_conn *c);
const struct tcp_listener *tcp_listener_find(const struct tcp_stack *s, const struct addr *local,
                                             uint16_t port);
bool tcp_limit_take(struct tcp_stack *s, struct tcp_limit *l, uint32_t cnt);
/* Nothing is left of this second. */
bool tcp_limit_is_spent(const struct tcp_stack *s, const struct tcp_limit *l);

/* --- tcp_table.c --- */
uint32_t tcp_hash(const struct tcp_stack *s, const struct addr *remote, uint16_t rport,
                  const struct addr *local, uint16_t lport);
struct tcp_conn *tcp_table_find(const struct tcp_stack *s, uint32_t hash, const struct addr *remote,
                                uint16_t rport, const struct addr *local, uint16_t lport);
void tcp_table_add(struct tcp_conn *c);
void tcp_table_remove(struct tcp_conn *c);
uint32_t tcp_isn(const struct tcp_stack *s, const struct addr *local, uint16_t lport,
                 const struct addr *remote, uint16_t rport);
uint32_t tcp_ts_offset(const struct tcp_stack *s, const struct addr *local,
                       const struct addr *remote);

/* --- tcp_in.c, tcp_in_syn.c --- */
void tcp_in(struct tcp_conn *c, struct tcp_seg *g);
void tcp_in_after_syn(struct tcp_conn *c, struct tcp_seg *g);
void tcp_in_syn_sent(struct tcp_conn *c, struct tcp_seg *g);
/* What both sides agreed on in the SYNs. */
void tcp_conn_negotiate(struct tcp_conn *c, const struct tcp_options *o);
uint16_t tcp_peer_mss(const struct tcp_options *o, bool v6);
/* An answer to a segment that no connection takes: RST, within the limit. */
void tcp_reset_stray(struct tcp_stack *s, const struct tcp_seg *g);
void tcp_conn_established(struct tcp_conn *c, const struct tcp_seg *g);

/* --- tcp_ack.c --- */
void tcp_ack(struct tcp_conn *c, const struct tcp_seg *g);
void tcp_ack_new(struct tcp_conn *c, const struct tcp_seg *g);

/* --- tcp_recv.c: receive queue, reassembly --- */
/* Take g's payload, which lies within the window: in order, or kept aside. Sets the ACK that is due. */
void tcp_recv_text(struct tcp_conn *c, struct tcp_seg *g);
void tcp_recv_purge(struct tcp_conn *c);
/* The right edge that may be announced now. */
uint32_t tcp_recv_edge(const struct tcp_conn *c);
/* The edge up to which the receive buffer has room. */
uint32_t tcp_recv_limit(const struct tcp_conn *c);
void tcp_seg_free(struct tcp_seg *g);
/* n is at most what the chain holds. Returns the mbufs freed. */
uint32_t tcp_chain_trim_front(struct rte_mbuf **head, uint32_t n);
/* Cut n bytes off the front, or all behind the first n. */
void tcp_seg_trim_front(struct tcp_seg *g, uint32_t n);
void tcp_seg_trim_back(struct tcp_seg *g, uint32_t n);

/* Runs that are held out of order, as SACK blocks; at most `max`. */
unsigned tcp_recv_sack(const struct tcp_conn *c, uint32_t (*out)[2], unsigned max);
uint32_t tcp_recv_ooo_bytes(const struct tcp_conn *c);

struct tcp_side *tcp_side_get(struct tcp_conn *c);
void tcp_side_put_if_empty(struct tcp_conn *c);

/* --- tcp_send.c: send queue --- */
/* len bytes from sequence number seq on, which are queued. */
void tcp_sendq_copy(struct tcp_conn *c, uint32_t seq, uint8_t *out, uint32_t len);
void tcp_sendq_ack(struct tcp_conn *c, uint32_t n);
void tcp_sendq_purge(struct tcp_conn *c);

/* --- tcp_out.c --- */
void tcp_out(struct tcp_conn *c);
/* A pure ACK at once; what is owed is settled. */
void tcp_out_ack(struct tcp_conn *c);
void tcp_out_challenge(struct tcp_conn *c);
void tcp_out_rst(struct tcp_conn *c);
/* For a shut window and for keep-alive; `counter`: what it is counted as. */
void tcp_out_probe(struct tcp_conn *c, uint64_t *counter);
/* Segment i of the flight again; false: no mbuf, or the peer's window ends before it. */
bool tcp_out_again(struct tcp_conn *c, uint32_t i);
/* One segment of new data, whatever cwnd says; false: there is none, or the window is shut. */
bool tcp_out_new(struct tcp_conn *c);
/* A segment of no connection: header fields as given, options in `opts`. */
void tcp_out_bare(struct tcp_stack *s, const struct addr *src, uint16_t sport,
                  const struct addr *dst, uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags,
                  uint16_t wnd, const uint8_t *opts, size_t opts_len);
/* MSS that we announce to dst. */
uint16_t tcp_out_mss(const struct tcp_stack *s, const struct addr *dst);

/* --- tcp_keep.c --- */
/* Milliseconds after which a keep-alive probe is due, or the end; UINT64_MAX: none. */
uint64_t tcp_keep_ms(const struct tcp_conn *c);
/* It is due. */
void tcp_keep_fire(struct tcp_conn *c);
/* How long something sent may wait for its ACK, or the SYN; *_explicit: 0 unless the user asked for a time of its own. */
uint32_t tcp_user_timeout(const struct tcp_conn *c);
uint32_t tcp_user_timeout_explicit(const struct tcp_conn *c);
void tcp_times_put(struct tcp_conn *c);

/* --- tcp_timer.c --- */
/* The wheel's timer fires no later than the first due time. */
void tcp_timer_arm(struct tcp_conn *c);
/* The user timeout became another one. */
void tcp_timer_limit(struct tcp_conn *c);
/* RST to the peer and on_close(err), counted. */
void tcp_give_up(struct tcp_conn *c, uint64_t *counter, int err);
void tcp_timer_set_rexmit(struct tcp_conn *c);
void tcp_timer_set_reo(struct tcp_conn *c, uint32_t in_ms);
/* The RTO as if it had been armed when the oldest segment left. */
void tcp_timer_set_rto_of_head(struct tcp_conn *c);
void tcp_timer_set_fin_wait(struct tcp_conn *c);
void tcp_timer_set(struct tcp_conn *c, uint32_t *due, uint32_t in_ms);
void tcp_timer_fire(void *stack, struct wheel_timer *t, uint64_t now_us);
uint32_t tcp_rto_ms(const struct tcp_conn *c);
void tcp_rtt_sample(struct tcp_conn *c, uint32_t us);

/* --- tcp_pmtu.c --- */
struct tcp_pmtu *tcp_pmtu_new(uint32_t cnt);
void tcp_pmtu_free(struct tcp_pmtu *p);
size_t tcp_pmtu_bytes(uint32_t cnt);
uint32_t tcp_pmtu_used(const struct tcp_pmtu *p);
/* snd_mss is what both sides agreed on; less, if the path is known. */
void tcp_pmtu_start(struct tcp_conn *c);
/* The path carries `mtu` bytes, says a router that is believed. False: nothing new. What is in flight is the caller's. */
bool tcp_pmtu_lower(struct tcp_conn *c, uint32_t mtu);
/* The RTO ran out. */
void tcp_pmtu_timeout(struct tcp_conn *c);
/* Bytes of a segment that is to try the path now, 0: none; and it was sent. */
uint32_t tcp_pmtu_probe_bytes(struct tcp_conn *c);
void tcp_pmtu_probe_sent(struct tcp_conn *c);
/* With F_PMTU: segment i was delivered. */
void tcp_pmtu_delivered(struct tcp_conn *c, uint32_t i);
/* Something is marked lost: true, it is the probe and nothing else. */
bool tcp_pmtu_probe_lost(const struct tcp_conn *c);

/* --- tcp_cc.c --- */
/* Of a new connection, and after an idle RTO. */
uint32_t tcp_cc_initial_window(const struct tcp_conn *c);
void tcp_cc_init(struct tcp_conn *c);
/* cwnd may grow by `acked` bytes, 0: by none, outside of fast recovery; flight_before: bytes in flight until then. */
void tcp_cc_acked(struct tcp_conn *c, uint32_t acked, uint32_t flight_before, uint32_t rtt_us);
/* A loss, or a timeout: ssthresh is lowered, and what the control remembers of it. cwnd is the caller's. */
void tcp_cc_congested(struct tcp_conn *c);
void tcp_cc_undone(struct tcp_conn *c);
void tcp_cc_idle(struct tcp_conn *c);

/* --- tcp_dsack.c --- */
/* g begins left of rcv_nxt. */
void tcp_dsack_below(struct tcp_conn *c, const struct tcp_seg *g);
/* g may overlap what c->side holds. */
void tcp_dsack_held(struct tcp_conn *c, const struct tcp_seg *g);
/* The block to be reported first; false: none. */
bool tcp_dsack_take(struct tcp_conn *c, uint32_t out[2]);
/* The segment is done with: what no ACK has reported yet leaves now. */
void tcp_dsack_settle(struct tcp_conn *c);

/* --- tcp_ecn.c --- */
/* A SYN that asks for ECN, and we have it. */
bool tcp_ecn_wants(const struct tcp_stack *s, const struct tcp_seg *syn);
/* The SYN-ACK to our SYN. */
void tcp_ecn_syn_ack(struct tcp_conn *c, const struct tcp_seg *g);
/* A RST answered our SYN: true if it asked for ECN; the next one does not. */
bool tcp_ecn_try_without(struct tcp_conn *c);
/* g was marked on its way. */
bool tcp_ecn_is_ce(const struct tcp_conn *c, const struct tcp_seg *g);
/* g lies within the window and carries data. */
void tcp_ecn_in(struct tcp_conn *c, const struct tcp_seg *g);
/* Adds to the flags of a segment that leaves; is_new: it carries bytes that were never sent. Returns its traffic class. */
uint8_t tcp_ecn_out(struct tcp_conn *c, bool is_new, uint8_t *flags);

/* --- tcp_syn.c: the SYN queue --- */
struct tcp_syn_queue *tcp_syn_new(uint32_t cnt);
void tcp_syn_free(struct tcp_syn_queue *q);
size_t tcp_syn_bytes(uint32_t cnt);
uint32_t tcp_syn_used(const struct tcp_syn_queue *q);
/* A segment of a half-open connection; false: there is none. */
bool tcp_syn_in(struct tcp_stack *s, struct tcp_seg *g);
/* LISTEN (RFC 9293 3.10.7.2). old_snd_nxt: of a TIME-WAIT entry that this SYN replaces, or NULL. */
void tcp_listen_in(struct tcp_stack *s, struct tcp_seg *g, const uint32_t *old_snd_nxt);
/* True: more is due than one turn does; likewise tcp_cookie_sweep(). */
bool tcp_syn_sweep(struct tcp_stack *s);

/* --- tcp_timewait.c --- */
struct tcp_timewait *tcp_timewait_new(uint32_t cnt);
void tcp_timewait_free(struct tcp_timewait *w);
size_t tcp_timewait_bytes(uint32_t cnt);
uint32_t tcp_timewait_used(const struct tcp_timewait *w);
void tcp_timewait_add(struct tcp_conn *c);
bool tcp_timewait_in(struct tcp_stack *s, struct tcp_seg *g);
bool tcp_timewait_has(const struct tcp_stack *s, const struct addr *remote, uint16_t rport,
                      const struct addr *local, uint16_t lport);
/* Drops some of what is due; true: more is. */
bool tcp_timewait_sweep(struct tcp_stack *s);

/* Arms the housekeeping timer for SYN queue and TIME-WAIT if it is not. */
void tcp_housekeeping(struct tcp_stack *s);
