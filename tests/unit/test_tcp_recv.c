/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_recv.c - options cut everywhere; segments in every order and overlap against a naive model; SACK blocks
 */
#include "dataplane/tcp/tcp_seq.h"
#include "tests/unit/tcp_wire.h"

static void
test_seq(void)
{
	CHECK(seq_lt(0xffffffff, 0) && seq_gt(0, 0xffffffff) && !seq_lt(5, 5) && seq_leq(5, 5));
	CHECK(seq_lt(0x7fffffff, 0xfffffffe) && seq_max(0xfffffff0, 3) == 3 &&
	      seq_min(0xfffffff0, 3) == 0xfffffff0);
}

static void
test_options(void)
{
	/* clang-format off */
	static const struct { const char *what; uint8_t b[40]; uint8_t n; bool bad; int mss, wscale; bool ts, sack; int blocks; } cases[] = {
		{ "none",              { 0 }, 0,  false, -1, -1, false, false, 0 },
		{ "mss",               { 2, 4, 5, 180 }, 4, false, 1460, -1, false, false, 0 },
		{ "mss cut",           { 2, 4, 5 }, 3, true, -1, -1, false, false, 0 },
		{ "kind alone",        { 2 }, 1, true, -1, -1, false, false, 0 },
		{ "length 0",          { 2, 0, 5, 180, 3, 3, 7 }, 7, true, -1, -1, false, false, 0 },
		{ "length 1",          { 99, 1, 2, 4, 5, 180 }, 6, true, -1, -1, false, false, 0 },
		{ "length one over",   { 1, 99, 4, 0 }, 4, true, -1, -1, false, false, 0 },
		{ "length at the end", { 1, 99, 3, 0 }, 4, false, -1, -1, false, false, 0 },
		{ "end hides",         { 1, 0, 2, 4, 5, 180 }, 6, false, -1, -1, false, false, 0 },
		{ "unknown skipped",   { 254, 4, 0, 0, 2, 4, 5, 180 }, 8, false, 1460, -1, false, false, 0 },
		{ "wscale 14",         { 3, 3, 14 }, 3, false, -1, 14, false, false, 0 },
		{ "wscale 15 is 14",   { 3, 3, 15 }, 3, false, -1, 14, false, false, 0 },
		{ "wscale 255",        { 3, 3, 255 }, 3, false, -1, 14, false, false, 0 },
		{ "mss of length 3",   { 2, 3, 5 }, 3, false, -1, -1, false, false, 0 },
		{ "two mss: the last", { 2, 4, 1, 0, 2, 4, 5, 180 }, 8, false, 1460, -1, false, false, 0 },
		{ "ts",                { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2 }, 12, false, -1, -1, true, false, 0 },
		{ "ts of length 9",    { 1, 1, 8, 9, 0, 0, 0, 1, 0, 0, 0 }, 11, false, -1, -1, false, false, 0 },
		{ "sack ok",           { 4, 2 }, 2, false, -1, -1, false, true, 0 },
		{ "one block",         { 5, 10, 0, 0, 0, 1, 0, 0, 0, 2 }, 10, false, -1, -1, false, false, 1 },
		{ "block of 7",        { 5, 9, 0, 0, 0, 1, 0, 0, 0 }, 9, true, -1, -1, false, false, 0 },
		{ "sack of nothing",   { 5, 2 }, 2, true, -1, -1, false, false, 0 },
	};
	/* clang-format on */
	struct tcp_options o;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		tcp_opt_parse(cases[i].b, cases[i].n, true, &o);
		CHECK(o.is_bad == cases[i].bad && o.has_mss == (cases[i].mss >= 0) &&
		              (!o.has_mss || o.mss == cases[i].mss) &&
		              o.has_wscale == (cases[i].wscale >= 0) &&
		              (!o.has_wscale || o.wscale == cases[i].wscale) &&
		              o.has_ts == cases[i].ts && o.has_sack_ok == cases[i].sack &&
		              o.sack_cnt == cases[i].blocks,
		      "%s", cases[i].what);
		tcp_opt_parse(cases[i].b, cases[i].n, false, &o);
		CHECK(!o.has_mss && !o.has_wscale && !o.has_sack_ok, "%s, no SYN", cases[i].what);
	}
}

/* Any bytes at any length: ends, and reads nothing behind (ASan sees the heap). */
static void
test_options_random(void)
{
	struct rng r;
	struct tcp_options o;

	rng_seed(&r, 1);
	for (int i = 0; i < 200000; i++) {
		size_t n = rng_below(&r, 41);
		uint8_t *p = malloc(n + !n);

		for (size_t k = 0; k < n; k++)
			p[k] = (uint8_t)(rng_odds(&r, 3, 4) ? rng_below(&r, 12) : rng_next(&r));
		tcp_opt_parse(p, n, rng_odds(&r, 1, 2), &o);
		CHECK(o.sack_cnt <= TCP_SACK_MAX && o.wscale <= TCP_WSCALE_MAX);
		free(p);
	}
}

/* --- orders --- */

#define PIECE 700u

/* What may be reported after these pieces came: one bit each; a run is maximal, the newest piece's comes first. */
static void
expect_sack(const struct wire_seg *s, unsigned have, unsigned newest, const char *what)
{
	unsigned next = 0, cnt = 0;

	while (have & 1u << next)
		next++;
	CHECK(s->ack == PEER_ISN + 1 + next * PIECE, "%s: ack %u, want piece %u", what, s->ack,
	      next);
	for (unsigned i = next; i < 5;) {
		unsigned e = i;
		bool found = false;

		while (e < 5 && have & 1u << e)
			e++;
		if (e > i) {
			for (unsigned k = 0; k < s->opt.sack_cnt; k++)
				found |= s->opt.sack[k].start == PEER_ISN + 1 + i * PIECE &&
				         s->opt.sack[k].end == PEER_ISN + 1 + e * PIECE;
			CHECK(found, "%s: run %u-%u is not reported", what, i, e);
			cnt++;
		}
		i = e + 1;
	}
	CHECK(s->opt.sack_cnt == cnt, "%s: %u blocks, want %u", what, s->opt.sack_cnt, cnt);
	if (cnt && newest > next)
		CHECK(s->opt.sack[0].start <= PEER_ISN + 1 + newest * PIECE &&
		              s->opt.sack[0].end > PEER_ISN + 1 + newest * PIECE,
		      "%s: the newest is not first", what);
}

static void
one_order(const unsigned order[5], bool fin)
{
	char what[16];
	uint32_t una;
	unsigned have = 0;

	snprintf(what, sizeof(what), "%u%u%u%u%u%s", order[0], order[1], order[2], order[3],
	         order[4], fin ? "F" : "");
	wire_defaults();
	wire_start();
	una = accept_one(mss_sack, 8);
	for (unsigned i = 0; i < 5; i++) {
		const struct wire_seg *s;
		unsigned p = order[i];
		bool last = fin && p == 4;

		inject((uint8_t)(TCP_ACK | (last ? TCP_FIN : 0)), PEER_ISN + 1 + p * PIECE, una,
		       65535, body + p * PIECE, PIECE);
		have |= 1u << p;
		s = next_out();
		CHECK(s, "%s: every one is acknowledged at once", what);
		if (s && !(fin && have == 31))
			expect_sack(s, have, p, what);
		EXPECT_SILENCE("%s", what);
	}
	CHECK(w.got_len == 5 * PIECE && !memcmp(w.got, body, w.got_len), "%s", what);
	CHECK(w.eof == fin, "%s", what);
	if (fin)
		CHECK(w.out[w.out_cnt - 1].ack == PEER_ISN + 2 + 5 * PIECE, "%s", what);
	wire_end();
}

static void
test_orders(void)
{
	unsigned cnt = 0;

	for (unsigned n = 0; n < 3125; n++) {
		unsigned o[5], seen = 0;

		for (unsigned i = 0, k = n; i < 5; i++, k /= 5) {
			o[i] = k % 5;
			seen |= 1u << o[i];
		}
		if (seen != 31)
			continue;
		one_order(o, false);
		one_order(o, true);
		cnt++;
	}
	CHECK(cnt == 120);
}

/* --- overlaps of all kinds against a naive model: a byte is readable when all before it came --- */

static void
one_overlap_run(uint64_t seed)
{
	enum { SPAN = 4000 };
	static bool has[SPAN];
	struct rng r;
	uint32_t una, next = 0;
	struct tcp_usage u;

	memset(has, 0, sizeof(has));
	rng_seed(&r, seed);
	wire_defaults();
	w.cfg.ooo_cnt = 1;
	wire_start();
	una = accept_one(mss_sack, 8);
	while (next < SPAN) {
		uint32_t a = (uint32_t)rng_below(&r, SPAN), most = rng_odds(&r, 1, 3) ? 1400 : 40;
		uint32_t n = 1 + (uint32_t)rng_below(&r, most);

		if (rng_odds(&r, 1, 8)) /* move on, else it takes for ever */
			a = next;
		n = MIN(n, SPAN - a);
		inject(TCP_ACK, PEER_ISN + 1 + a, una, 65535, body + a, (uint16_t)n);
		for (uint32_t i = a; i < a + n; i++)
			has[i] = true;
		while (next < SPAN && has[next])
			next++;
		CHECK(w.got_len == next, "seed %lu: %zu readable, want %u", seed, w.got_len, next);
		CHECK(w.n.drop_ooo_full == 0 || seed, "full");
		if (w.got_len != next)
			break;
		w.read = w.out_cnt = 0;
	}
	CHECK(!memcmp(w.got, body, w.got_len), "seed %lu", seed);
	tcp_get_usage(w.stack, &u);
	CHECK(u.ooos == 0 && u.mbufs_held == 0, "seed %lu: %u, %u", seed, u.ooos, u.mbufs_held);
	wire_end();
}

/* At the bound of runs and one past it: what finds no place is dropped and counted, and may come again. */
static void
test_run_bound(void)
{
	uint32_t una;
	struct tcp_usage u;

	wire_defaults();
	wire_start();
	una = accept_one(mss_sack, 8);
	for (uint32_t i = 1; i <= 65; i++)
		inject(TCP_ACK, PEER_ISN + 1 + 2 * i, una, 65535, body + 2 * i, 1);
	CHECK(w.n.ooo_in == 64 && w.n.drop_ooo_full == 1);
	CHECK(w.out[w.out_cnt - 1].opt.sack_cnt == 4);
	for (uint32_t i = 0; i <= 65; i++)
		inject(TCP_ACK, PEER_ISN + 1 + 2 * i, una, 65535, body + 2 * i, 2);
	CHECK(w.got_len == 132 && !memcmp(w.got, body, 132), "%zu", w.got_len);
	tcp_get_usage(w.stack, &u);
	CHECK(u.ooos == 0 && u.mbufs_held == 0);
	wire_end();
}

/* A peer of single bytes does not pin an mbuf with each; a full budget is a counted drop. */
static void
test_small_pieces(void)
{
	uint32_t una;
	struct tcp_usage u;

	wire_defaults();
	w.cfg.mbuf_budget = 8;
	wire_start();
	una = accept_one(mss_sack, 8);
	w.hold = true;
	for (uint32_t i = 0; i < 3000; i++) {
		inject(TCP_ACK, PEER_ISN + 1 + i, una, 65535, body + i, 1);
		w.read = w.out_cnt = 0;
	}
	tcp_get_usage(w.stack, &u);
	CHECK(tcp_unread(w.c) == 3000 && u.mbufs_held <= 2, "%u mbufs", u.mbufs_held);
	for (uint32_t i = 0; i < 10; i++)
		inject(TCP_ACK, PEER_ISN + 3001 + i * 1460, una, 65535, body + 3000 + i * 1460,
		       1460);
	CHECK(w.n.drop_budget > 0);
	wire_read_all(w.c);
	CHECK(!memcmp(w.got, body, w.got_len));
	wire_end();
}

static void
inject_sack(uint32_t una, uint32_t ack, const uint32_t (*blocks)[2], unsigned cnt)
{
	uint8_t o[40];
	uint32_t abs[4][2];

	for (unsigned i = 0; i < cnt; i++) {
		abs[i][0] = una + blocks[i][0] * 1460;
		abs[i][1] = una + blocks[i][1] * 1460;
	}
	put_raw(TCP_ACK, PEER_ISN + 1, una + ack * 1460, 65535, NULL, 0, o,
	        (uint8_t)tcp_opt_build_sack(o, (const uint32_t(*)[2])abs, cnt));
	wire_turn();
}

/* Segments 0 and 3 of ten are lost: both leave again within one round trip, nothing else does, no timer. */
static void
test_sack_recovery(void)
{
	static const uint32_t b1[][2] = { { 1, 2 } }, b2[][2] = { { 1, 3 } },
	                      b3[][2] = { { 4, 5 }, { 1, 3 } }, b4[][2] = { { 4, 10 }, { 1, 3 } },
	                      b5[][2] = { { 4, 10 } };
	uint32_t una;

	wire_defaults();
	wire_start();
	una = accept_one(mss_sack, 8);
	CHECK(tcp_send(w.c, span(body, 14600)));
	wire_turn();
	CHECK(left_out() == 10);
	wire_pass_ms(5);
	inject_sack(una, 0, b1, 1);
	inject_sack(una, 0, b2, 1);
	EXPECT_SILENCE("two new blocks");
	inject_sack(una, 0, b3, 2);
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, 1460);
	EXPECT_SILENCE("the pipe is full");
	inject_sack(una, 0, b4, 2);
	EXPECT_SEG(TCP_ACK, una + 3 * 1460, PEER_ISN + 1, 1460);
	EXPECT_SILENCE("no hole is left");
	inject_sack(una, 3, b5, 1);
	EXPECT_SILENCE("partial: the hole was sent again already");
	inject_sack(una, 10, b5, 0);
	wire_pass_ms(1000);
	EXPECT_SILENCE("done");
	CHECK(w.n.retransmit_rto == 0 && tcp_unacked(w.c) == 0);
	wire_end();
}

int
main(void)
{
	wire_init();
	test_seq();
	test_options();
	test_options_random();
	test_orders();
	for (uint64_t seed = 1; seed <= 100; seed++)
		one_overlap_run(seed);
	test_run_bound();
	test_small_pieces();
	test_sack_recovery();
	return check_failed;
}
