/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_flight.c - the ring of segments in flight against a plain array
 */
#include "base/rng.h"
#include "dataplane/tcp/tcp_flight.h"
#include "tests/check.h"

#define CAP 256

struct plain {
	uint32_t seq, end, xmit_us;
	bool mark[TCP_MARKS];
};

static struct plain model[CAP];
static uint32_t model_cnt;

static void
compare(const struct tcp_flight *f, uint64_t seed)
{
	uint32_t bytes[TCP_MARKS] = { 0 };
	bool same = f->cnt == model_cnt;

	for (uint32_t i = 0; same && i < model_cnt; i++) {
		same &= tcp_flight_at(f, i)->seq == model[i].seq &&
		        tcp_flight_end(f, i) == model[i].end &&
		        tcp_flight_at(f, i)->xmit_us == model[i].xmit_us;
		for (unsigned m = 0; m < TCP_MARKS; m++) {
			same &= tcp_flight_has(f, i, m) == model[i].mark[m];
			bytes[m] += model[i].mark[m] ? model[i].end - model[i].seq : 0;
		}
	}
	CHECK(same && !memcmp(bytes, f->bytes, sizeof(bytes)), "seed %llu",
	      (unsigned long long)seed);
}

static bool
fits(const struct plain *p, unsigned all, unsigned none)
{
	for (unsigned m = 0; m < TCP_MARKS; m++)
		if ((all & MARK(m) && !p->mark[m]) || (none & MARK(m) && p->mark[m]))
			return false;
	return true;
}

static void
compare_searches(const struct tcp_flight *f, struct rng *r, uint64_t seed)
{
	unsigned all = (unsigned)rng_below(r, 16), none = (unsigned)rng_below(r, 16) & ~all;
	uint32_t from = (uint32_t)rng_below(r, model_cnt + 1ull),
	         to = (uint32_t)rng_below(r, model_cnt + 1ull);
	uint32_t seq =
	        model_cnt ? model[rng_below(r, model_cnt)].seq + (uint32_t)rng_below(r, 3) - 1 : 0;
	uint32_t i = from, k = 0;

	while (i < to && !fits(&model[i], all, none))
		i++;
	CHECK(tcp_flight_next(f, from, to, all, none) == MAX(MIN(i, to), to > from ? 0 : to),
	      "seed %llu", (unsigned long long)seed);
	if (!model_cnt)
		return;
	while (k < model_cnt && seq_lt(model[k].seq, seq))
		k++;
	CHECK(tcp_flight_find(f, seq) == k, "seed %llu", (unsigned long long)seed);
}

static void
push(struct tcp_flight *f, struct rng *r, uint32_t now)
{
	uint32_t seq = f->end, end = seq + 1 + (uint32_t)rng_below(r, 1460);

	tcp_flight_push(f, seq, end, now);
	model[model_cnt++] = (struct plain){ .seq = seq, .end = end, .xmit_us = now };
}

static void
mark(struct tcp_flight *f, struct rng *r)
{
	uint32_t i = (uint32_t)rng_below(r, model_cnt);
	unsigned m = (unsigned)rng_below(r, TCP_MARKS);

	model[i].mark[m] = rng_below(r, 3) != 0;
	(model[i].mark[m] ? tcp_flight_set : tcp_flight_clear)(f, i, m);
}

static void
pop(struct tcp_flight *f)
{
	tcp_flight_pop(f);
	memmove(model, model + 1, sizeof(model[0]) * --model_cnt);
}

static void
cut(struct tcp_flight *f, struct rng *r)
{
	uint32_t ack = model[0].seq + (uint32_t)rng_below(r, model[0].end - model[0].seq);

	tcp_flight_cut(f, ack);
	model[0].seq = ack;
}

/* Sequence numbers wrap on the way; the ring of 32 moves to one of 256 when it is full. */
static void
run(uint64_t seed)
{
	static struct tcp_sent small[32], big[CAP];
	static uint64_t small_words[TCP_FLIGHT_WORDS(32)], big_words[TCP_FLIGHT_WORDS(CAP)];
	struct tcp_flight f;
	struct rng r;

	rng_seed(&r, seed);
	model_cnt = 0;
	tcp_flight_init(&f, small, small_words, 32);
	f.end = 0xfffff000u;
	for (uint32_t step = 0; step < 600; step++) {
		uint64_t what = rng_below(&r, 10);

		if (tcp_flight_is_full(&f) && f.mask == 31)
			tcp_flight_move(&f, big, big_words, CAP);
		if (what < 4 && !tcp_flight_is_full(&f))
			push(&f, &r, step);
		else if (what < 7 && model_cnt)
			mark(&f, &r);
		else if (what < 9 && model_cnt)
			pop(&f);
		else if (model_cnt)
			cut(&f, &r);
		compare(&f, seed);
		compare_searches(&f, &r, seed);
	}
	tcp_flight_reset(&f);
	CHECK(f.cnt == 0 && f.bytes[MARK_LOST] == 0);
}

int
main(void)
{
	for (uint64_t seed = 1; seed <= 200; seed++)
		run(seed);
	return check_failed;
}
