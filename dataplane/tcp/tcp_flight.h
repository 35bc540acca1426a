/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_flight.h - segments in flight: when each was sent last, and what became of it
 *
 * Why     RACK needs a time for each segment, SACK and loss detection a mark. A ring in order of sequence numbers, and
 *         four bitmaps beside it, so that a SACK block over thousands of segments is two binary searches and some words.
 * Owner   The memory of ring and bitmaps is the caller's.
 * Thread  The worker.
 * Limit   mask + 1 segments; tcp_flight_push() says when there is no room. A block that covers a part of a segment says
 *         nothing of it, so a peer's blocks never make more records.
 */
#pragma once
#include "base/base.h"
#include "dataplane/tcp/tcp_seq.h"

/* One bitmap each. A segment has any of them. */
enum tcp_mark {
	MARK_SACKED, /* the peer holds it (RFC 2018) */
	MARK_LOST,   /* believed lost */
	MARK_REXMIT, /* sent again since it was marked lost */
	MARK_AGAIN,  /* sent more than once: its round trip is ambiguous (Karn) */
	TCP_MARKS
};

#define MARK(m) (1u << (m))

struct tcp_sent {
	uint32_t seq;     /* first byte; the next record's seq ends it */
	uint32_t xmit_us; /* when it was sent last; wraps after 71 minutes */
};

/* Segments are named by their place, 0 the oldest. */
struct tcp_flight {
	struct tcp_sent *sent;
	uint64_t *marks[TCP_MARKS]; /* bit k is sent[k]'s, k a place in the ring */
	uint32_t first, cnt, mask;
	uint32_t end;              /* number behind the newest */
	uint32_t bytes[TCP_MARKS]; /* bytes under each mark */
};

static_assert(TCP_MARKS == 4, "tcp_flight_init() cuts its words in four");

#define TCP_FLIGHT_WORDS(cap) (TCP_MARKS * (((cap) + 63) / 64)) /* words that `cap` segments take */

/* cap: a power of two; sent has room for cap records, words for TCP_FLIGHT_WORDS(cap). */
void tcp_flight_init(struct tcp_flight *f, struct tcp_sent *sent, uint64_t *words, uint32_t cap);

/* Move everything to a larger ring. */
void tcp_flight_move(struct tcp_flight *f, struct tcp_sent *sent, uint64_t *words, uint32_t cap);

static inline struct tcp_sent *
tcp_flight_at(const struct tcp_flight *f, uint32_t i)
{
	return &f->sent[(f->first + i) & f->mask];
}

static inline uint32_t
tcp_flight_end(const struct tcp_flight *f, uint32_t i)
{
	return i + 1 < f->cnt ? tcp_flight_at(f, i + 1)->seq : f->end;
}

static inline uint32_t
tcp_flight_bytes(const struct tcp_flight *f, uint32_t i)
{
	return tcp_flight_end(f, i) - tcp_flight_at(f, i)->seq;
}

static inline bool
tcp_flight_is_full(const struct tcp_flight *f)
{
	return f->cnt > f->mask;
}

static inline bool
tcp_flight_has(const struct tcp_flight *f, uint32_t i, enum tcp_mark m)
{
	uint32_t k = (f->first + i) & f->mask;

	return f->marks[m][k / 64] >> (k % 64) & 1;
}

/* A new segment seq..end was sent; seq is the last one's end. There must be room. */
void tcp_flight_push(struct tcp_flight *f, uint32_t seq, uint32_t end, uint32_t now_us);

/* The oldest is gone. */
void tcp_flight_pop(struct tcp_flight *f);

/* The bytes of the oldest below `ack`, which lies inside of it, are acknowledged. */
void tcp_flight_cut(struct tcp_flight *f, uint32_t ack);

void tcp_flight_set(struct tcp_flight *f, uint32_t i, enum tcp_mark m);
void tcp_flight_clear(struct tcp_flight *f, uint32_t i, enum tcp_mark m);

/* Segment i is believed lost, and waits to be sent again, whether it was before or not. */
void tcp_flight_set_lost(struct tcp_flight *f, uint32_t i);

/* It was not lost, or arrived after all. */
void tcp_flight_clear_lost(struct tcp_flight *f, uint32_t i);

/* First segment that begins at or behind seq; cnt: none. */
uint32_t tcp_flight_find(const struct tcp_flight *f, uint32_t seq);

/* First segment from i on, below `to`, that has all marks of `all` and none of `none` (MARK() bits); `to`: none. */
uint32_t tcp_flight_next(const struct tcp_flight *f, uint32_t i, uint32_t to, unsigned all,
                         unsigned none);

/* All are forgotten. */
void tcp_flight_reset(struct tcp_flight *f);
