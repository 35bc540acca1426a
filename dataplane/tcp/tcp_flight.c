/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_flight.c - segments in flight: ring and bitmaps
 */
#include "dataplane/tcp/tcp_flight.h"
#include <string.h>

static void
lay_out(struct tcp_flight *f, struct tcp_sent *sent, uint64_t *words, uint32_t cap)
{
	uint32_t n = (cap + 63) / 64;

	BUG_ON(cap & (cap - 1));
	memset(words, 0, sizeof(*words) * TCP_FLIGHT_WORDS(cap));
	f->sent = sent;
	for (unsigned m = 0; m < TCP_MARKS; m++)
		f->marks[m] = words + m * n;
	f->mask = cap - 1;
	f->first = 0;
}

void
tcp_flight_init(struct tcp_flight *f, struct tcp_sent *sent, uint64_t *words, uint32_t cap)
{
	memset(f, 0, sizeof(*f));
	lay_out(f, sent, words, cap);
}

void
tcp_flight_move(struct tcp_flight *f, struct tcp_sent *sent, uint64_t *words, uint32_t cap)
{
	struct tcp_flight old = *f;

	BUG_ON(cap < old.cnt);
	lay_out(f, sent, words, cap);
	for (uint32_t i = 0; i < old.cnt; i++) {
		f->sent[i] = *tcp_flight_at(&old, i);
		for (unsigned m = 0; m < TCP_MARKS; m++)
			if (tcp_flight_has(&old, i, m))
				f->marks[m][i / 64] |= 1ull << (i % 64);
	}
}

void
tcp_flight_push(struct tcp_flight *f, uint32_t seq, uint32_t end, uint32_t now_us)
{
	uint32_t k = (f->first + f->cnt) & f->mask;

	BUG_ON(tcp_flight_is_full(f) || (f->cnt && seq != f->end));
	f->sent[k] = (struct tcp_sent){ .seq = seq, .xmit_us = now_us };
	for (unsigned m = 0; m < TCP_MARKS; m++)
		f->marks[m][k / 64] &= ~(1ull << (k % 64));
	f->cnt++;
	f->end = end;
}

void
tcp_flight_set(struct tcp_flight *f, uint32_t i, enum tcp_mark m)
{
	uint32_t k = (f->first + i) & f->mask;

	if (tcp_flight_has(f, i, m))
		return;
	f->marks[m][k / 64] |= 1ull << (k % 64);
	f->bytes[m] += tcp_flight_bytes(f, i);
}

void
tcp_flight_clear(struct tcp_flight *f, uint32_t i, enum tcp_mark m)
{
	uint32_t k = (f->first + i) & f->mask;

	if (!tcp_flight_has(f, i, m))
		return;
	f->marks[m][k / 64] &= ~(1ull << (k % 64));
	f->bytes[m] -= tcp_flight_bytes(f, i);
}

void
tcp_flight_set_lost(struct tcp_flight *f, uint32_t i)
{
	tcp_flight_set(f, i, MARK_LOST);
	tcp_flight_clear(f, i, MARK_REXMIT);
}

void
tcp_flight_clear_lost(struct tcp_flight *f, uint32_t i)
{
	tcp_flight_clear(f, i, MARK_LOST);
	tcp_flight_clear(f, i, MARK_REXMIT);
}

void
tcp_flight_pop(struct tcp_flight *f)
{
	uint32_t word = f->first / 64;
	uint64_t any = 0;

	for (unsigned m = 0; m < TCP_MARKS; m++)
		any |= f->marks[m][word];
	if (any >> (f->first % 64) & 1) /* seldom: nothing happened to it */
		for (unsigned m = 0; m < TCP_MARKS; m++)
			tcp_flight_clear(f, 0, m);
	f->first = (f->first + 1) & f->mask;
	f->cnt--;
}

void
tcp_flight_cut(struct tcp_flight *f, uint32_t ack)
{
	struct tcp_sent *s = tcp_flight_at(f, 0);

	for (unsigned m = 0; m < TCP_MARKS; m++)
		if (tcp_flight_has(f, 0, m))
			f->bytes[m] -= ack - s->seq;
	s->seq = ack;
}

uint32_t
tcp_flight_find(const struct tcp_flight *f, uint32_t seq)
{
	uint32_t lo = 0, hi = f->cnt;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (seq_lt(tcp_flight_at(f, mid)->seq, seq))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t
tcp_flight_next(const struct tcp_flight *f, uint32_t i, uint32_t to, unsigned all, unsigned none)
{
	while (i < to) {
		uint32_t k = (f->first + i) & f->mask, word = k / 64, bit = k % 64;
		uint32_t span = MIN(64, f->mask + 1) - bit; /* places of this word from k on */
		uint64_t hits = UINT64_MAX;

		for (unsigned m = 0; m < TCP_MARKS; m++) {
			if (all & MARK(m))
				hits &= f->marks[m][word];
			if (none & MARK(m))
				hits &= ~f->marks[m][word];
		}
		hits >>= bit;
		if (span < 64)
			hits &= (1ull << span) - 1;
		if (hits)
			return MIN(i + (uint32_t)__builtin_ctzll(hits), to);
		i += span;
	}
	return to;
}

void
tcp_flight_reset(struct tcp_flight *f)
{
	f->cnt = 0;
	memset(f->bytes, 0, sizeof(f->bytes));
}
