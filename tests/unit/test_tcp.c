/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp.c - the state machine from outside: segments in, segments out, milliseconds exact
 */
#include "tests/unit/tcp_wire.h"

static const uint8_t mss1460[4] = { 2, 4, 1460 >> 8, 1460 & 255 };

static uint32_t
open_plain(void)
{
	wire_start();
	return accept_one(mss1460, 4);
}

/* What the first data segment's size shows: RFC 9293 3.7.1, and the floor of 88. */
static void
test_mss(void)
{
	/* clang-format off */
	static const struct { int mss; uint32_t len; } cases[] = {
		{ -1, 536 }, { 0, 88 }, { 1, 88 }, { 87, 88 }, { 88, 88 }, { 89, 89 }, { 536, 536 },
		{ 1459, 1459 }, { 1460, 1460 }, { 1461, 1460 }, { 65535, 1460 },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t opt[4] = { 2, 4, (uint8_t)(cases[i].mss >> 8), (uint8_t)cases[i].mss };
		uint32_t una;

		wire_defaults();
		wire_start();
		una = accept_one(opt, cases[i].mss < 0 ? 0 : 4);
		CHECK(tcp_send(w.c, span(body, 5000)));
		wire_turn();
		EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, cases[i].len, "mss %d", cases[i].mss);
		wire_end();
	}
}

static void
test_syn_ack_options(void)
{
	static const uint8_t all[20] = { 2, 4, 5, 180, 4, 2, 8, 10, 0, 0,
		                         0, 9, 0, 0,   0, 0, 1, 3,  3, 7 };
	const struct wire_seg *s;

	wire_defaults();
	w.cfg.timestamps = true;
	wire_start();
	put_raw(TCP_SYN, PEER_ISN, 0, 1000, NULL, 0, all, 20);
	s = next_out();
	CHECK(s && s->flags == (TCP_SYN | TCP_ACK) && s->ack == PEER_ISN + 1 && s->wnd == 65535);
	CHECK(s->opt.mss == 1460 && s->opt.has_ts && s->opt.tsecr == 9 && s->opt.has_sack_ok &&
	      s->opt.has_wscale && s->opt.wscale == 8);
	w.peer_port++;
	put_raw(TCP_SYN, PEER_ISN, 0, 1000, NULL, 0, mss1460,
	        4); /* offered nothing: gets nothing */
	s = next_out();
	CHECK(s && !s->opt.has_ts && !s->opt.has_sack_ok && !s->opt.has_wscale);
	wire_end();
}

/* RFC 9293 3.10.7.4 and 5961: what each stray segment brings about in ESTABLISHED. */
static void
test_stray_segments(void)
{
	enum answer { NONE, ACK, GONE };
	uint32_t wnd = 65535; /* no window scale offered */
	/* clang-format off */
	const struct { const char *what; uint8_t flags; int64_t seq; int64_t ack; uint16_t len; enum answer answer; } cases[] = {
		{ "RST exact",               TCP_RST,           0,       0, 0, GONE },
		{ "RST with ACK exact",      TCP_RST | TCP_ACK, 0,       0, 0, GONE },
		{ "RST one right",           TCP_RST,           1,       0, 0, ACK },
		{ "RST at last of window",   TCP_RST,           wnd - 1, 0, 0, ACK },
		{ "RST at right edge",       TCP_RST,           wnd,     0, 0, NONE },
		{ "RST one left",            TCP_RST,           -1,      0, 0, NONE },
		{ "SYN in window",           TCP_SYN,           1,       0, 0, ACK },
		{ "SYN exact",               TCP_SYN,           0,       0, 0, ACK },
		{ "SYN old",                 TCP_SYN,           -1,      0, 0, ACK },
		{ "SYN far",                 TCP_SYN,           1 << 30, 0, 0, ACK },
		{ "SYN ACK in window",       TCP_SYN | TCP_ACK, 1,       0, 0, ACK },
		{ "no flags",                0,                 0,       0, 0, NONE },
		{ "data without ACK",        TCP_PSH,           0,       0, 5, NONE },
		{ "ACK of unsent",           TCP_ACK,           0,       1, 0, ACK },
		{ "ACK too old",             TCP_ACK,           0,       -65536 - 1, 0, ACK },
		{ "ACK old but fair",        TCP_ACK,           0,       -65535, 0, NONE },
		{ "pure ACK left of window", TCP_ACK,           -1,      0, 0, ACK },
		{ "data wholly old",         TCP_ACK,           -5,      0, 5, ACK },
		{ "data at right edge",      TCP_ACK,           wnd,     0, 5, ACK },
		{ "FIN old",                 TCP_ACK | TCP_FIN, -1,      0, 0, ACK },
		{ "nothing new",             TCP_ACK,           0,       0, 0, NONE },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t una;

		wire_defaults();
		una = open_plain();
		inject(cases[i].flags, PEER_ISN + 1 + (uint32_t)cases[i].seq,
		       una + (uint32_t)cases[i].ack, 65535, body, cases[i].len);
		if (cases[i].answer == ACK)
			EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, 0, "%s", cases[i].what);
		EXPECT_SILENCE("%s", cases[i].what);
		CHECK(w.closed == (cases[i].answer == GONE) &&
		              w.err == (cases[i].answer == GONE ? ECONNRESET : 0),
		      "%s", cases[i].what);
		CHECK(w.got_len == 0 && !w.eof, "%s", cases[i].what);
		wire_end();
	}
}

static void
test_challenge_limit(void)
{
	uint32_t una;

	wire_defaults();
	una = open_plain();
	for (int i = 0; i < 1000; i++)
		inject(TCP_RST, PEER_ISN + 2, 0, 0, NULL, 0);
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, 0);
	EXPECT_SILENCE("one in half a second");
	wire_pass_ms(600);
	inject(TCP_RST, PEER_ISN + 2, 0, 0, NULL, 0);
	CHECK(left_out() == 1 && w.n.challenge_acks == 2 && w.n.challenge_limited == 999);
	wire_end();
}

/* No connection: RFC 9293 3.10.7.1. */
static void
test_closed(void)
{
	wire_defaults();
	wire_start();
	w.our_port = 26;
	inject(TCP_SYN, 100, 0, 1000, NULL, 0);
	EXPECT_SEG(TCP_RST | TCP_ACK, 0, 101, 0);
	inject(TCP_SYN | TCP_FIN, 100, 0, 1000, "ab", 2);
	EXPECT_SEG(TCP_RST | TCP_ACK, 0, 104, 0);
	inject(TCP_ACK, 100, 777, 1000, "ab", 2);
	EXPECT_SEG(TCP_RST, 777, 0, 0);
	inject(TCP_RST, 100, 0, 1000, NULL, 0);
	EXPECT_SILENCE("never a RST for a RST");
	w.our_port = 25;
	inject(TCP_ACK, 100, 777, 1000, NULL, 0); /* LISTEN, second */
	EXPECT_SEG(TCP_RST, 777, 0, 0);
	w.peer.b[15] = 66;
	inject(TCP_SYN, 100, 0, 1000, NULL, 0);
	EXPECT_SILENCE("banned");
	CHECK(w.n.drop_banned == 1 && w.n.syn_queue == 0);
	w.peer = addr_v4(0xe0000001);
	inject(TCP_SYN, 100, 0, 1000, NULL, 0);
	w.peer = w.us;
	inject(TCP_SYN, 100, 0, 1000, NULL, 0);
	EXPECT_SILENCE("multicast, ourselves");
	CHECK(w.n.drop_address == 2);
	wire_end();
}

/* A black hole: 0.2 s (and the round trip's part), then twice as long each time; the user timeout ends it. */
static void
test_rto(void)
{
	uint64_t last, gap = 0;
	uint32_t una;

	wire_defaults();
	w.cfg.user_timeout_ms = 20000;
	una = open_plain();
	CHECK(tcp_send(w.c, span(body, 10)));
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_PSH, una, PEER_ISN + 1, 10);
	last = w.now_us;
	for (int i = 0; i < 6; i++) {
		const struct wire_seg *s;
		uint64_t want = gap ? gap * 2 : 200000;

		wire_pass_ms(want / 1000 + 3);
		s = next_out();
		CHECK(s && s->seq == una && s->len == 10, "%d", i);
		if (!s)
			break;
		gap = s->at_us - last;
		last = s->at_us;
		CHECK(gap >= want - 3000 && gap <= want + 3000, "%d: %lu us, want %lu", i, gap,
		      want);
	}
	wire_pass_ms(20000);
	CHECK(w.closed == 1 && w.err == ETIMEDOUT && w.n.timeout_user == 1);
	CHECK(w.out[w.out_cnt - 1].flags == (TCP_RST | TCP_ACK));
	wire_end();
}

static void
test_initial_window(void)
{
	uint32_t una;

	wire_defaults();
	una = open_plain();
	CHECK(tcp_send(w.c, span(body, 20000)));
	wire_turn();
	CHECK(left_out() == 10); /* RFC 6928 */
	inject(TCP_ACK, PEER_ISN + 1, una + 2920, 65535, NULL, 0);
	CHECK(left_out() == 4); /* two left the network, two more by slow start: bytes, not ACKs */
	wire_end();
}

/* RFC 5681 3.2, 6582 and 6937: third duplicate, partial ACK, full ACK. */
static void
test_newreno(void)
{
	struct tcp_info info;
	uint32_t una;

	wire_defaults();
	w.cfg.sack = false;
	w.cfg.newreno = true;
	una = open_plain();
	CHECK(tcp_send(w.c, span(body, 14600)));
	wire_turn();
	CHECK(left_out() == 10);
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, NULL, 0);
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, NULL, 0);
	EXPECT_SILENCE("two are not three");
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, NULL, 0);
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, 1460);
	EXPECT_SILENCE("one segment");
	tcp_get_info(w.c, &info);
	CHECK(info.in_recovery && info.ssthresh_bytes == 7300);
	inject(TCP_ACK, PEER_ISN + 1, una + 4 * 1460, 65535, NULL,
	       0); /* partial: the fifth is missing too */
	EXPECT_SEG(TCP_ACK, una + 4 * 1460, PEER_ISN + 1, 1460);
	inject(TCP_ACK, PEER_ISN + 1, una + 14600, 65535, NULL, 0);
	tcp_get_info(w.c, &info);
	CHECK(!info.in_recovery && info.cwnd_bytes <= 7300 && w.n.retransmit_rto == 0);
	wire_pass_ms(2000);
	EXPECT_SILENCE("nothing is outstanding");
	wire_end();
}

static void
test_delayed_ack(void)
{
	uint32_t una, at = PEER_ISN + 1;
	uint64_t t0;

	wire_defaults();
	una = open_plain();
	for (int i = 0; i < 16; i++, at += 100) {
		inject(TCP_ACK | TCP_PSH, at, una, 65535, body, 100);
		EXPECT_SEG(TCP_ACK, una, at + 100, 0, "segment %d", i);
	}
	inject(TCP_ACK, at, una, 65535, body, 100);
	EXPECT_SILENCE("the 17th is delayed");
	t0 = w.now_us;
	wire_pass_ms(45);
	CHECK(w.out_cnt > w.read && w.out[w.read].at_us - t0 >= 39000 &&
	      w.out[w.read].at_us - t0 <= 42000);
	left_out();
	at += 100;
	inject(TCP_ACK, at, una, 65535, body, 1460);
	EXPECT_SILENCE("one full segment");
	inject(TCP_ACK, at + 1460, una, 65535, body, 1460);
	EXPECT_SEG(TCP_ACK, una, at + 2920, 0, "two full segments");
	at += 2920;
	inject(TCP_ACK, at, una, 65535, body, 10);
	CHECK(tcp_send(w.c, span("220", 3)));
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_PSH, una, at + 10, 3, "rides on the reply");
	wire_pass_ms(60);
	EXPECT_SILENCE("and is not sent again");
	wire_end();
}

/* A sender that just repaired a loss has few segments out: none of them waits 40 ms. */
static void
test_quick_acks_after_a_loss(void)
{
	uint32_t una, at = PEER_ISN + 1;

	wire_defaults();
	una = open_plain();
	for (int i = 0; i < 16; i++, at += 100)
		inject(TCP_ACK, at, una, 65535, body, 100);
	left_out();
	inject(TCP_ACK, at + 100, una, 65535, body, 100);
	EXPECT_SEG(TCP_ACK, una, at, 0, "out of order");
	inject(TCP_ACK, at, una, 65535, body, 100);
	at += 200;
	EXPECT_SEG(TCP_ACK, una, at, 0, "the hole is filled");
	for (int i = 1; i < 8; i++) {
		inject(TCP_ACK, at, una, 65535, body, 100);
		at += 100;
		EXPECT_SEG(TCP_ACK, una, at, 0, "segment %d behind it", i);
	}
	inject(TCP_ACK, at, una, 65535, body, 100);
	EXPECT_SILENCE("the 8th is delayed");
	wire_end();
}

static void
test_zero_window(void)
{
	uint32_t una;
	unsigned probes;

	wire_defaults();
	w.cfg.user_timeout_ms = 60000;
	w.cfg.persist_max_ms = 300000;
	una = open_plain();
	inject(TCP_ACK, PEER_ISN + 1, una, 0, body, 1); /* window update to zero */
	left_out();
	CHECK(tcp_send(w.c, span(body, 3000)));
	wire_turn();
	EXPECT_SILENCE("shut");
	wire_pass_ms(210);
	EXPECT_SEG(TCP_ACK, una - 1, PEER_ISN + 2, 0, "probe");
	for (int i = 0; i < 120; i++) { /* answered: it goes on */
		inject(TCP_ACK, PEER_ISN + 2, una, 0, NULL, 0);
		wire_pass_ms(1000);
	}
	CHECK(w.closed == 0);
	probes = left_out();
	CHECK(probes >= 5 && probes <= 12, "%u probes in two minutes", probes);
	inject(TCP_ACK, PEER_ISN + 2, una, 500, NULL, 0); /* less than a segment, less than half */
	EXPECT_SILENCE("silly window");
	inject(TCP_ACK, PEER_ISN + 2, una, 65535, NULL, 0);
	CHECK(left_out() == 3);
	inject(TCP_ACK, PEER_ISN + 2, una + 3000, 0, NULL, 0);
	CHECK(tcp_send(w.c, span(body, 10)));
	wire_turn();
	for (int i = 0; i < 370 && !w.closed; i++) {
		inject(TCP_ACK, PEER_ISN + 2, una + 3000, 0, NULL, 0);
		wire_pass_ms(1000);
	}
	CHECK(w.closed && w.err == ETIMEDOUT && w.n.timeout_persist == 1, "the cap");
	wire_end();
}

/* RFC 9293 3.8.6.2.2: a reader of single bytes does not open the window by single bytes. */
static void
test_reader_sws(void)
{
	uint32_t una, at = PEER_ISN + 1;
	uint16_t last = 0xffff;

	wire_defaults();
	w.cfg.rcv_buf_bytes = w.cfg.rcv_buf_max_bytes = 8192;
	una = open_plain();
	w.hold = true;
	while (at - PEER_ISN - 1 < 8192) {
		uint16_t n = (uint16_t)MIN(1460u, 8192 - (at - PEER_ISN - 1));

		inject(TCP_ACK, at, una, 65535, body, n);
		at += n;
	}
	last = w.out[w.out_cnt - 1].wnd;
	CHECK(last == 0, "%u", last);
	inject(TCP_ACK, at, una, 65535, body, 1);
	CHECK(w.out[w.out_cnt - 1].ack == at && tcp_unread(w.c) == 8192, "one past the window");
	left_out();
	for (int i = 0; i < 1459; i++) {
		tcp_consume(w.c, 1);
		wire_turn();
	}
	EXPECT_SILENCE("1,459 bytes are not a segment");
	tcp_consume(w.c, 1);
	wire_turn();
	CHECK(w.read < w.out_cnt && w.out[w.read].wnd == 1460);
	wire_end();
}

int
main(void)
{
	wire_init();
	test_mss();
	test_syn_ack_options();
	test_stray_segments();
	test_challenge_limit();
	test_closed();
	test_rto();
	test_initial_window();
	test_newreno();
	test_delayed_ack();
	test_quick_acks_after_a_loss();
	test_zero_window();
	test_reader_sws();
	return check_failed;
}
