/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_timewait.c - TIME-WAIT: who may reuse it, what does not end it, how long it lasts, how many there can be
 */
#include "dataplane/tcp/tcp_seq.h"
#include "tests/unit/tcp_wire.h"

static uint32_t una;

static unsigned
timewaits(void)
{
	struct tcp_usage u;

	tcp_get_usage(w.stack, &u);
	return u.timewaits;
}

/* A connection that we close first, to its end. The peer's next number is PEER_ISN + 2. */
static void
open_and_close(bool ts)
{
	static const uint8_t mss[4] = { 2, 4, 1460 >> 8, 1460 & 255 };
	uint8_t opts[16] = { 2, 4, 1460 >> 8, 1460 & 255 };

	w.opened = w.closed = 0;
	if (ts)
		tcp_opt_build_ts(opts + 4, w.tsval, 0);
	una = accept_one(ts ? opts : mss, ts ? 16 : 4);
	tcp_close(w.c);
	wire_turn();
	inject(TCP_ACK | TCP_FIN, PEER_ISN + 1, una + 1, 65535, "", 0);
	CHECK(w.closed == 1 && w.err == 0);
	w.read = w.out_cnt = 0;
}

static void
syn(uint32_t seq, uint32_t tsval)
{
	uint8_t ts[12];

	if (tsval)
		tcp_opt_build_ts(ts, tsval, 0);
	put_raw(TCP_SYN, seq, 0, 1000, "", 0, ts, tsval ? 12 : 0);
	wire_turn();
}

/* RFC 6191 2: the timestamp decides where there is one on both sides, else the number. */
static void
test_reuse(void)
{
	static const struct {
		int32_t seq;  /* from the peer's next number on */
		int32_t ts;   /* from its last timestamp on */
		bool ts_then; /* did the old connection have timestamps, */
		bool ts_now;  /* and the SYN? */
		bool is_taken;
	} t[] = {
		{ 1, 0, false, false, true },      { 0, 0, false, false, false },
		{ -1, 0, false, false, false },    { 0x7fffffff, 0, false, false, true },
		{ -5000, 1, true, true, true },    { 1, 1, true, true, true },
		{ 1, 0, true, true, true },        { 0, 0, true, true, false },
		{ -1, 0, true, true, false },      { 1, -1, true, true, false },
		{ 5000, -100, true, true, false }, { 1, 0, true, false, true },
		{ 0, 0, true, false, false },      { 1, 7, false, true, true },
		{ -1, 7, false, true, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		wire_defaults();
		w.cfg.timestamps = true;
		w.tsval = t[i].ts_then ? 5000 : 0;
		wire_start();
		open_and_close(t[i].ts_then);
		syn(PEER_ISN + 2 + (uint32_t)t[i].seq, t[i].ts_now ? 5000 + (uint32_t)t[i].ts : 0);
		CHECK(w.out_cnt == 1, "row %zu", i);
		if (t[i].is_taken) {
			CHECK(w.out[0].flags == (TCP_SYN | TCP_ACK) &&
			              seq_gt(w.out[0].seq, una + 1) && w.n.timewait_reused == 1,
			      "row %zu", i);
		} else {
			EXPECT_SEG(TCP_ACK, una + 1, PEER_ISN + 2, 0, "row %zu", i);
			CHECK(w.n.timewait_reused == 0, "row %zu", i);
		}
		wire_end();
	}
}

/* RFC 1337: no RST ends it, whatever its number. Old duplicates are answered by the last ACK, the last ACK itself is not. */
static void
test_assassination(void)
{
	static const int32_t seqs[] = { -1000, -1, 0, 1, 1000, 70000 };

	wire_defaults();
	wire_start();
	open_and_close(false);
	for (size_t i = 0; i < ARRAY_LEN(seqs); i++) {
		uint32_t seq = PEER_ISN + 2 + (uint32_t)seqs[i];

		inject(TCP_RST, seq, 0, 0, "", 0);
		inject(TCP_RST | TCP_ACK, seq, una + 1, 0, "", 0);
		EXPECT_SILENCE("RST");
		inject(TCP_ACK, seq, una + 1, 65535, "abc", 3);
		EXPECT_SEG(TCP_ACK, una + 1, PEER_ISN + 2, 0);
		inject(TCP_SYN | TCP_ACK, seq, una + 1, 65535, "", 0);
		EXPECT_SEG(TCP_ACK, una + 1, PEER_ISN + 2, 0);
		wire_pass_ms(510); /* without data it is answered twice a second */
	}
	inject(TCP_ACK, PEER_ISN + 2, una + 1, 65535, "", 0);
	EXPECT_SILENCE("an ACK in place");
	CHECK(timewaits() == 1);
	wire_end();
}

/* 60 s from the last FIN; a peer that repeats it every millisecond does not fill the ring with its dead entries. */
static void
test_fin_again(void)
{
	wire_defaults();
	wire_start();
	open_and_close(false);
	wire_pass_ms(59000);
	for (int i = 0; i < 900; i++) {
		wire_pass_ms(1);
		inject(TCP_ACK | TCP_FIN, PEER_ISN + 1, una + 1, 65535, "", 0);
		EXPECT_SEG(TCP_ACK, una + 1, PEER_ISN + 2, 0);
		CHECK(timewaits() <= 2, "it and a dead one");
	}
	CHECK(w.n.full_timewait == 0);
	wire_pass_ms(59000);
	CHECK(timewaits() == 1, "begun anew");
	wire_pass_ms(2000);
	CHECK(timewaits() == 0);
	wire_end();
}

/* Beyond its size the oldest goes, and is then answered as CLOSED answers. */
static void
test_full(void)
{
	uint32_t first;

	wire_defaults();
	wire_start();
	open_and_close(false);
	first = una;
	for (int i = 0; i < 4; i++) {
		w.peer_port++;
		open_and_close(false);
	}
	CHECK(timewaits() == 4 && w.n.full_timewait == 1);
	inject(TCP_ACK | TCP_FIN, PEER_ISN + 1, una + 1, 65535, "", 0);
	EXPECT_SEG(TCP_ACK, una + 1, PEER_ISN + 2, 0, "the youngest is there");
	w.peer_port -= 4;
	inject(TCP_ACK | TCP_FIN, PEER_ISN + 1, first + 1, 65535, "", 0);
	EXPECT_SEG(TCP_RST, first + 1, 0, 0, "the oldest is not");
	wire_end();
}

/* A hundredth of 250,000 closes a second for two minutes: as many entries as 60 s need, and not one more. */
static void
test_rate(void)
{
	struct tcp_config big;
	size_t bytes;

	wire_defaults();
	w.cfg.timewait_cnt = 151000; /* 50 ms between two sweeps, and the clock's grain */
	w.cfg.syn_cnt = 64;
	wire_start();
	for (int ms = 0; ms < 120000; ms += 2) {
		for (int i = 0; i < 5; i++) {
			if (++w.peer_port == 0)
				w.peer.b[14]++;
			open_and_close(false);
		}
		wire_pass_ms(2);
		w.read = w.out_cnt = 0;
	}
	CHECK(w.n.full_timewait == 0 && timewaits() >= 149000 && timewaits() <= 151000, "%u",
	      timewaits());
	wire_pass_ms(60200);
	CHECK(timewaits() == 0, "back to nothing");
	wire_end();

	tcp_config_defaults(&big);
	big.timewait_cnt = 1;
	bytes = tcp_stack_bytes(&big);
	big.timewait_cnt = 15000000; /* 250,000 a second for 60 s */
	bytes = tcp_stack_bytes(&big) - bytes;
	printf("250,000 closes a second for 60 s: %zu MB, index included\n", bytes / 1000000);
	CHECK(bytes <= 48ull * 15000000 + 4ull * (1 << 24));
}

/* All due at once: some at each tick, so that nothing else waits for long. */
static void
test_sweep_in_pieces(void)
{
	unsigned before, ticks = 0;

	wire_defaults();
	w.cfg.timewait_cnt = 20000;
	w.cfg.syn_cnt = 64;
	wire_start();
	for (int i = 0; i < 20000; i++) {
		w.peer_port++;
		open_and_close(false);
	}
	wire_pass_ms(59990);
	CHECK(timewaits() == 20000);
	for (int i = 0; i < 100; i++) {
		before = timewaits();
		wire_pass_ms(1);
		CHECK(before - timewaits() <= 4096);
		ticks += before != timewaits();
	}
	CHECK(timewaits() == 0 && ticks == 5, "%u ticks", ticks);
	wire_end();
}

int
main(void)
{
	wire_init();
	test_reuse();
	test_assassination();
	test_fin_again();
	test_full();
	test_rate();
	test_sweep_in_pieces();
	return check_failed;
}
