/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_tx.h - what a sender remembers of its flight, and what is concluded from an ACK
 *
 * Why     Loss detection needs far more state than a connection that waits for its peer, so it is a block of its own.
 * Owner   The stack's pools; a struct tcp_tx is its connection's until tcp_tx_put(), or until another one takes it while
 *         nothing is in flight.
 * Thread  The stack's worker.
 * RFC     8985 (RACK-TLP), 6937 (PRR), 3168 (ECN), 5682 (F-RTO), 4015, 3708 (undo), 2018 and 2883 (SACK, DSACK).
 */
#pragma once
#include "dataplane/tcp/tcp_flight.h"

struct tcp_conn;
struct tcp_seg;

#define TCP_FLIGHT_SMALL 32   /* segments in flight that every sender has room for, */
#define TCP_FLIGHT_BIG   4096 /* and those with a struct tcp_big */
#define TCP_CC_WORDS     8    /* uint64_t of state that a congestion control may keep */
#define TCP_DUP_THRESH   3 /* duplicate ACKs, or SACKed segments: a loss (RFC 5681 3.2, 8985 6.2) */

/* Room for a long flight; from a pool of its own. */
struct tcp_big {
	uint64_t words[TCP_FLIGHT_WORDS(TCP_FLIGHT_BIG)];
	struct tcp_sent sent[TCP_FLIGHT_BIG];
};

/*
 * What a sender remembers while something is in flight; from a pool. With nothing in flight it stays with its connection,
 * in the list tx_idle, until another one needs it: then the next flight begins with what struct tcp_conn knows (cwnd,
 * ssthresh, srtt). A connection that finds none sends one segment at a time.
 */
struct tcp_tx {
	struct list idle; /* in tx_idle while nothing is in flight */
	struct tcp_conn *conn;
	struct tcp_big *big; /* NULL: small[] is enough */
	struct tcp_flight flight;
	uint32_t recover;     /* snd_nxt when the recovery began */
	uint32_t rexmit_segs; /* sent again in all: for tcp_get_info() */
	uint32_t reno_bytes;  /* without SACK: what the duplicate ACKs say has arrived */

	/* RFC 8985 */
	uint32_t rack_xmit_us, rack_end,
	        rack_rtt_us;            /* of the segment sent last among those delivered */
	uint32_t rack_fack;             /* highest number delivered */
	uint32_t min_rtt_us, min_rtt_s; /* and when it was measured */
	uint32_t dsack_round;
	uint32_t tlp_end; /* snd_nxt when the probe left, if F_TX_TLP */
	uint8_t reo_mult, reo_persist;
	uint16_t tx_flags;

	/* tcp_pace.c: since when, what may leave at once, and when (ms; 0: nothing waits) to go on */
	uint32_t pace_us, pace_seq, pace_due;

	/* RFC 6937 */
	uint32_t prr_delivered, prr_out, prr_flight;

	/* undo: RFC 4015, 5682, 3708 */
	uint32_t undo_una; /* if F_TX_UNDO: snd_una when cwnd was reduced */
	uint32_t prior_cwnd, prior_ssthresh;
	uint32_t rexmit_ts;   /* our timestamp clock at the first retransmission */
	int32_t undo_rexmits; /* retransmissions that no DSACK has named; -1: none was sent */

	uint64_t cc[TCP_CC_WORDS];
	uint64_t small_words[TCP_FLIGHT_WORDS(TCP_FLIGHT_SMALL)];
	struct tcp_sent small[TCP_FLIGHT_SMALL];
};

enum tcp_tx_flag {
	F_TX_RACK = 1 << 0,      /* rack_* are set */
	F_TX_REORDER = 1 << 1,   /* reordering was seen */
	F_TX_DSACK = 1 << 2,     /* dsack_round is set */
	F_TX_TLP = 1 << 3,       /* a probe is out */
	F_TX_TLP_AGAIN = 1 << 4, /* and it was no new data */
	F_TX_SLOW_ACKS = 1 << 5, /* a probe was needless: this peer delays its ACKs */
	F_TX_UNDO = 1 << 6,      /* undo_* and prior_* are set */
	F_TX_FRTO = 1 << 7,      /* is the timeout spurious? */
	F_TX_CWR =
	        1
	        << 8, /* cwnd falls because of a mark, until something behind `recover` is acknowledged */
	F_TX_SAY_CWR = 1 << 9, /* the next new segment carries CWR */
	F_TX_PACED = 1 << 10,  /* pace_us and pace_seq are set */
	F_TX_HELD = 1 << 11,   /* a flight was paced: ACK trains are half a round trip long by it */
};

/* What one ACK says about what was in flight. */
struct tcp_delivery {
	uint32_t prior_una, prior_pipe, prior_lost;
	uint32_t acked;      /* bytes by which snd_una moves */
	uint32_t sacked;     /* bytes newly SACKed */
	uint32_t delivered;  /* bytes of which this ACK is the first to say that they arrived */
	uint32_t rtt_us;     /* of the oldest newly delivered segment that was sent once; 0: none */
	uint32_t prior_fack; /* highest number that was delivered before */
	uint32_t tsecr;
	uint32_t dsack_end;
	bool is_dup, has_tsecr, has_dsack, has_ece;
	bool has_original; /* a segment was delivered that was sent once */
	bool has_again;    /* snd_una passed one that was sent more than once */
};

/* --- tcp_tx.c: the sender's block, and records of what leaves --- */
/* Before a segment leaves: room for a record, or nothing in flight. False: wait for an ACK. */
bool tcp_tx_ready(struct tcp_conn *c);
/* New bytes seq..snd_nxt have left. */
void tcp_tx_sent(struct tcp_conn *c, uint32_t seq);
/* Segment i has left again. */
void tcp_tx_sent_again(struct tcp_conn *c, uint32_t i);
/* Everything below ack is acknowledged. Fills d. */
void tcp_tx_acked(struct tcp_conn *c, uint32_t ack, struct tcp_delivery *d);
/* Nothing in flight any more. */
void tcp_tx_idle(struct tcp_conn *c);
void tcp_tx_put(struct tcp_conn *c);

/* --- tcp_sack.c --- */
/* Blocks that the peer reports; fills d. */
void tcp_sack_take(struct tcp_conn *c, const struct tcp_seg *g, struct tcp_delivery *d);

/* --- tcp_rack.c --- */
/* Segment i was delivered: now_us has its ACK. */
void tcp_rack_delivered(struct tcp_conn *c, uint32_t i, struct tcp_delivery *d);
void tcp_rack_dsack(struct tcp_conn *c);
/* Marks what is lost; milliseconds after which to look again, 0: no need. */
uint32_t tcp_rack_detect(struct tcp_conn *c);
/* Segment i was sent so long ago that an ACK of it would be here. */
bool tcp_rack_is_overdue(const struct tcp_conn *c, uint32_t i);
void tcp_rack_recovered(struct tcp_conn *c);

/* --- tcp_pace.c --- */
/* The first segment of a flight is about to leave. */
void tcp_pace_start(struct tcp_conn *c);
/* With F_TX_PACED: len bytes at snd_nxt have to wait, until pace_due, which is set. */
bool tcp_pace_holds(struct tcp_conn *c, uint32_t len);

/* --- tcp_tlp.c --- */
/* Milliseconds after which a probe is due, 0: none may be sent. */
uint32_t tcp_tlp_ms(const struct tcp_conn *c);
void tcp_tlp_fire(struct tcp_conn *c);
void tcp_tlp_ack(struct tcp_conn *c, const struct tcp_delivery *d);
/* Is what ends at `end` a probe that is out, and no new data? */
bool tcp_tlp_is_probe(const struct tcp_conn *c, uint32_t end);

/* --- tcp_recovery.c --- */
/* One ACK's worth of loss detection, recovery and congestion control. */
/* Returns milliseconds after which to look for losses again, 0: no need. */
uint32_t tcp_recovery_ack(struct tcp_conn *c, struct tcp_delivery *d);
void tcp_recovery_timeout(struct tcp_conn *c);
uint32_t tcp_recovery_reo_timeout(struct tcp_conn *c);
/* What is longer than a segment may be goes again in pieces, but nothing was congested (path MTU). */
void tcp_recovery_resend(struct tcp_conn *c);

/* --- tcp_undo.c --- */
void tcp_undo_begin(struct tcp_conn *c);
/* start..end arrived twice. */
void tcp_undo_dsack(struct tcp_conn *c, uint32_t start, uint32_t end);
/* Was the reduction a mistake? Then everything is as before it. */
bool tcp_undo_try(struct tcp_conn *c, const struct tcp_delivery *d);
void tcp_undo(struct tcp_conn *c);
