/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_syn.c - half-open connections: the queue, its share for a prefix, cookies and the ring that sends them again
 *
 * Over 500 lines: one rig of a full queue serves all cases of cookies.
 */
#include "tests/unit/tcp_wire.h"

static const uint8_t mss1460[4] = { 2, 4, 1460 >> 8, 1460 & 255 };

static void
expect_nothing_left(const char *what)
{
	struct tcp_usage u;

	tcp_get_usage(w.stack, &u);
	CHECK(!u.conns && !u.syns && !u.cookies && w.n.syn_queue == 0 && w.n.cookie_ring == 0,
	      "%s: %u connections, %u half-open, %u in the ring", what, u.conns, u.syns, u.cookies);
}

static const struct wire_seg *
last_out(void)
{
	return &w.out[w.out_cnt - 1];
}

static void
abort_it(void)
{
	tcp_abort(w.c);
	w.c = NULL;
	w.opened = 0;
	left_out();
}

/* A stack whose queue of one entry is taken by another port of the peer. */
static void
start_full(void)
{
	w.cfg.syn_cnt = 1;
	wire_start();
	w.peer_port = 1;
	put(TCP_SYN, 1, 0, 1000, NULL, 0);
	CHECK(w.n.cookies_out == 0 && w.n.syn_queue == 1);
	w.peer_port = 40000;
	left_out();
}

/* Options of a SYN; wscale 15: none. */
static uint8_t
syn_options(uint8_t *o, unsigned mss, unsigned wscale, bool sack, bool ts)
{
	uint8_t n = 0;

	o[n++] = 2;
	o[n++] = 4;
	store_be16(o + n, (uint16_t)mss);
	n = 4;
	if (wscale < 15) {
		memcpy(o + n, (uint8_t[]){ 1, 3, 3, (uint8_t)wscale }, 4);
		n = (uint8_t)(n + 4);
	}
	if (sack) {
		memcpy(o + n, (uint8_t[]){ 1, 1, 4, 2 }, 4);
		n = (uint8_t)(n + 4);
	}
	if (ts)
		n = (uint8_t)(n + tcp_opt_build_ts(o + n, 777, 0));
	return n;
}

static uint8_t syn_flags = TCP_SYN;

/* A SYN that gets a cookie. Returns our ISN; w.tsecr is set. */
static uint32_t
take_cookie(unsigned mss, unsigned wscale, bool sack, bool ts)
{
	uint8_t o[40], n = syn_options(o, mss, wscale, sack, ts);
	uint64_t before = w.n.cookies_out;

	put_raw(syn_flags, PEER_ISN, 0, 65535, NULL, 0, o, n);
	CHECK(w.n.cookies_out == before + 1 &&
	      (last_out()->flags & ~TCP_ECE) == (TCP_SYN | TCP_ACK) &&
	      last_out()->ack == PEER_ISN + 1);
	w.tsval = ts ? 778 : 0;
	w.tsecr = last_out()->opt.tsval;
	w.read = w.out_cnt;
	return last_out()->seq;
}

/* --- the queue --- */

static void
test_queue(void)
{
	struct tcp_usage u;
	uint64_t t0;

	wire_defaults();
	wire_start();
	t0 = w.now_us;
	inject(TCP_SYN, PEER_ISN, 0, 1000, NULL, 0);
	wire_pass_ms(8000);
	CHECK(w.out_cnt == 3, "SYN-ACK sent %u times", w.out_cnt);
	CHECK(w.out[1].at_us - t0 >= 1000000 && w.out[1].at_us - t0 <= 1060000);
	CHECK(w.out[2].at_us - t0 >= 3000000 && w.out[2].at_us - t0 <= 3060000);
	CHECK(w.out[2].seq == w.out[0].seq && w.n.timeout_syn_queue == 1);
	expect_nothing_left("after the third time");

	left_out();
	for (uint16_t i = 0; i < 5;
	     i++) { /* four fit; the fifth gets a cookie, and the others stay */
		w.peer_port = (uint16_t)(50000 + i);
		inject(TCP_SYN, PEER_ISN, 0, 1000, NULL, 0);
	}
	CHECK(w.n.full_syn == 1 && w.n.cookies_out == 1);
	tcp_get_usage(w.stack, &u);
	CHECK(u.syns == 4 && u.cookies == 1);
	w.peer_port = 50001;
	inject(TCP_ACK, PEER_ISN + 1, w.out[4].seq + 2, 1000, NULL, 0); /* not our number: RST */
	CHECK(w.opened == 0 && last_out()->flags == TCP_RST);
	inject(TCP_ACK, PEER_ISN + 1, w.out[4].seq + 1, 1000, NULL, 0);
	CHECK(w.opened == 1 && w.n.cookies_in == 0);
	w.peer_port = 50002;
	inject(TCP_RST, PEER_ISN + 1, 0, 0, NULL, 0);
	tcp_get_usage(w.stack, &u);
	CHECK(u.syns == 2);
	wire_end();
}

static struct addr
v6(uint16_t third, uint16_t last)
{
	struct addr a = { { 0x20, 1, 0xd, 0xb8 } };

	store_be16(a.b + 4, third);
	store_be16(a.b + 14, last);
	return a;
}

/* Two of a /24 or /48; the third gets a cookie, whatever room there is, and that one is not sent again. */
static void
test_prefix(bool is_v6)
{
	struct addr of_net[4], other = is_v6 ? v6(8, 1) : addr_v4(0x0b000001);
	struct tcp_usage u;

	wire_defaults();
	for (uint16_t i = 0; i < 4; i++)
		of_net[i] = is_v6 ? v6(7, i) : addr_v4(0x0a4d0100u + i);
	w.us = is_v6 ? v6(1, 1) : w.us;
	w.cfg.syn_cnt = 1000;
	w.cfg.syn_per_prefix = 2;
	wire_start();
	for (unsigned i = 0; i < 4; i++) {
		w.peer = of_net[i];
		put(TCP_SYN, PEER_ISN, 0, 1000, NULL, 0);
	}
	w.peer = other;
	put(TCP_SYN, PEER_ISN, 0, 1000, NULL, 0);
	CHECK(w.out_cnt == 5 && w.n.cookies_out == 2 && w.n.syn_prefix_limited == 2 &&
	      w.n.full_syn == 0);
	tcp_get_usage(w.stack, &u);
	CHECK(u.syns == 3 && u.cookies == 0);
	w.peer = of_net[3];
	inject(TCP_ACK, PEER_ISN + 1, w.out[3].seq + 1, 1000, NULL, 0);
	CHECK(w.opened == 1 && w.n.cookies_in == 1);
	abort_it();
	w.peer = of_net[0]; /* one leaves the queue: the next has its place */
	inject(TCP_ACK, PEER_ISN + 1, w.out[0].seq + 1, 1000, NULL, 0);
	CHECK(w.opened == 1);
	abort_it();
	w.peer = of_net[2];
	put(TCP_SYN, PEER_ISN, 0, 1000, NULL, 0);
	CHECK(w.n.syn_prefix_limited == 2);
	wire_pass_ms(8000);
	expect_nothing_left("prefixes");
	for (unsigned i = 0; i < 3; i++) { /* and what timed out was given back too */
		w.peer = of_net[i];
		put(TCP_SYN, PEER_ISN, 0, 1000, NULL, 0);
	}
	CHECK(w.n.syn_prefix_limited == 3);
	wire_end();
}

/* --- the cookie --- */

/* Every MSS comes back as the next lower of eight; without timestamps no other option is offered or kept. */
static void
test_mss(void)
{
	static const uint16_t kept[] = { 88, 216, 536, 1220, 1300, 1400, 1440, 1460 };
	struct tcp_info info;

	wire_defaults();
	start_full();
	syn_flags = TCP_SYN | TCP_ECE | TCP_CWR; /* nor ECN */
	for (unsigned mss = 0; mss < 65536; mss += mss < 1500 ? 1 : 911) {
		uint32_t iss = take_cookie(mss, 7, true, false);
		const struct wire_seg *s = last_out();
		unsigned want = kept[0];

		for (size_t i = 0; i < ARRAY_LEN(kept); i++)
			want = kept[i] <= mss ? kept[i] : want;
		CHECK(s->opt.has_mss && !s->opt.has_wscale && !s->opt.has_sack_ok &&
		      !s->opt.has_ts);
		inject(TCP_ACK, PEER_ISN + 1, iss + 1, 65535, NULL, 0);
		CHECK(w.opened == 1 && w.c, "MSS %u", mss);
		tcp_get_info(w.c, &info);
		CHECK(info.snd_mss == want && !info.sack && !info.timestamps &&
		              info.snd_wscale == 0 && info.rcv_wscale == 0,
		      "MSS %u became %u", mss, info.snd_mss);
		abort_it();
		w.out_cnt = w.read = 0;
	}
	syn_flags = TCP_SYN;
	wire_pass_ms(8000);
	expect_nothing_left("MSS");
	wire_end();
}

/* With timestamps every option comes back, and TSvals never run ahead of the clock. */
static void
test_options(void)
{
	struct tcp_info info;

	wire_defaults();
	w.cfg.timestamps = true;
	start_full();
	for (unsigned k = 0; k < 64; k++) {
		unsigned wscale = k & 15;
		bool sack = k & 16, ecn = k & 32;
		uint32_t iss, first;

		wire_pass_ms(17);
		w.read = w.out_cnt;
		syn_flags = TCP_SYN | (ecn ? TCP_ECE | TCP_CWR : 0);
		iss = take_cookie(1460, wscale, sack, true);
		syn_flags = TCP_SYN;
		first = w.tsecr;
		CHECK(last_out()->opt.has_ts && last_out()->opt.tsecr == 777 &&
		      last_out()->opt.has_sack_ok == sack &&
		      last_out()->opt.has_wscale == (wscale < 15) &&
		      (last_out()->flags & TCP_ECE) == (ecn ? TCP_ECE : 0));
		inject(TCP_ACK, PEER_ISN + 1, iss + 1, 100, NULL, 0);
		CHECK(w.opened == 1 && w.c, "wscale %u sack %d", wscale, sack);
		tcp_get_info(w.c, &info);
		CHECK(info.timestamps && info.sack == sack && info.ecn == ecn &&
		      info.snd_wscale == (wscale < 15 ? wscale : 0) &&
		      info.rcv_wscale == (wscale < 15 ? w.cfg.rcv_wscale : 0) &&
		      info.snd_wnd_bytes == 100u << info.snd_wscale);
		inject(TCP_ACK, PEER_ISN + 1, iss + 1, 100, "x", 1);
		CHECK(w.got_len == k + 1 && last_out()->ack == PEER_ISN + 2);
		CHECK((int32_t)(last_out()->opt.tsval - first) >= 0 &&
		      last_out()->opt.tsval - first <= 64);
		abort_it();
	}
	wire_pass_ms(8000);
	expect_nothing_left("options");
	wire_end();
}

/* Not a cookie: a RST, but silence for who knows a TSval of ours, since a handshake of his may be under way. */
static void
expect_refused(bool in_silence, uint32_t number, const char *what)
{
	if (in_silence)
		EXPECT_SILENCE("%s", what);
	else
		EXPECT_SEG(TCP_RST, number, 0, 0, "%s", what);
}

/* Nothing that the hash covers may be changed. */
static void
test_forged(bool ts)
{
	uint32_t iss, tsecr;
	uint64_t bad = 0;

	wire_defaults();
	w.cfg.timestamps = ts;
	w.cfg.rst_per_s = w.cfg.cookie_fails_per_s = 1000;
	start_full();
	iss = take_cookie(1460, 7, true, ts);
	tsecr = w.tsecr;
	w.now_us += 100000; /* so that other low bits are no later time */
	for (unsigned bit = 0; bit < 32; bit++) {
		inject(TCP_ACK, PEER_ISN + 1, (iss ^ 1u << bit) + 1, 1000, NULL, 0);
		expect_refused(ts, (iss ^ 1u << bit) + 1, "bit of the cookie");
		inject(TCP_ACK, (PEER_ISN ^ 1u << bit) + 1, iss + 1, 1000, NULL, 0);
		expect_refused(ts, iss + 1, "bit of the peer's ISN");
		bad += 2;
		w.tsecr = tsecr ^ 1u << bit;
		if (ts && (bit < 6 || bit > 16)) { /* between them are other times, which may be */
			inject(TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
			expect_refused(bit < 6, iss + 1, "bit of TSecr");
			bad++;
		}
		w.tsecr = tsecr;
	}
	w.peer_port ^= 1;
	inject(TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
	expect_refused(ts, iss + 1, "another port");
	w.peer_port ^= 1;
	w.peer.b[14] ^= 1;
	inject(TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
	EXPECT_SEG(TCP_RST, iss + 1, 0, 0, "another address");
	w.peer.b[14] ^= 1;
	bad += 2;
	w.tsval = ts ? 0 : 5; /* with timestamps when the SYN had none: they are off on this side */
	if (ts) {
		inject(TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
		EXPECT_SEG(TCP_RST, iss + 1, 0, 0, "without the timestamp");
		bad++;
	}
	w.tsval = ts ? 778 : 0;
	inject(TCP_SYN | TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
	EXPECT_SEG(TCP_RST, iss + 1, 0, 0, "SYN-ACK");
	inject(TCP_RST | TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
	EXPECT_SILENCE("RST");
	CHECK(w.n.cookies_bad == bad && w.n.cookies_in == 0 && w.opened == 0, "%llu bad",
	      (unsigned long long)w.n.cookies_bad);
	inject(TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
	CHECK(w.opened == 1);
	wire_end();
}

/* A cookie holds for a minute at least and for less than two. */
static void
test_age(bool ts)
{
	static const unsigned after_s[] = { 0,  1,   30,  59,  60,  61,  62, 90,
		                            91, 119, 120, 121, 180, 240, 300 };

	for (size_t i = 0; i < ARRAY_LEN(after_s); i++) {
		unsigned s = after_s[i];

		for (unsigned begin = 0; begin < 60; begin += 29) {
			uint32_t iss;

			wire_defaults();
			w.now_us = 600000000 + begin * 1000000ull;
			w.cfg.timestamps = ts;
			start_full();
			iss = take_cookie(1460, 7, true, ts);
			w.now_us += s * 1000000ull;
			inject(TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
			CHECK(w.opened == (begin + s < 120), "%u s after %u", s, begin);
			wire_end();
		}
	}
}

/* Without a cookie out nobody looks for one. */
static void
test_not_asked(void)
{
	uint32_t iss;

	wire_defaults();
	wire_start();
	inject(TCP_ACK, PEER_ISN + 1, 4711, 1000, NULL, 0);
	EXPECT_SEG(TCP_RST, 4711, 0, 0);
	CHECK(w.n.cookies_bad == 0);
	wire_end();
	wire_defaults();
	start_full();
	iss = take_cookie(1460, 15, false, false);
	w.now_us += 121000000;
	inject(TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
	CHECK(w.n.cookies_bad == 0 && w.opened == 0);
	wire_end();
}

/* What is more than cookie_fails_per_s wrong ones leaves those with a timestamp alone. */
static void
test_fails(void)
{
	uint32_t plain, with_ts, tsecr;

	wire_defaults();
	w.cfg.timestamps = true;
	w.cfg.cookie_fails_per_s = 10;
	w.cfg.rst_per_s = 1;
	start_full();
	plain = take_cookie(1460, 15, false, false);
	w.peer_port++;
	with_ts = take_cookie(1460, 7, true, true);
	tsecr = w.tsecr;
	w.tsval = 0;
	for (uint32_t i = 0; i < 20; i++)
		inject(TCP_ACK, PEER_ISN + 1, i, 1000, NULL, 0);
	CHECK(w.n.cookies_bad == 20 && left_out() <= 2 && w.n.rst_limited >= 18);
	w.peer_port--;
	inject(TCP_ACK, PEER_ISN + 1, plain + 1, 1000, NULL, 0);
	CHECK(w.opened == 0 && w.n.cookies_bad == 21);
	w.peer_port++;
	w.tsval = 778;
	w.tsecr = tsecr;
	inject(TCP_ACK, PEER_ISN + 1, with_ts + 1, 1000, NULL, 0);
	CHECK(w.opened == 1);
	abort_it();
	w.now_us += 1000000; /* the next second has its own */
	w.peer_port--;
	w.tsval = 0;
	inject(TCP_ACK, PEER_ISN + 1, plain + 1, 1000, NULL, 0);
	CHECK(w.opened == 1);
	wire_end();
}

/* --- lost and late --- */

/* The third ACK is lost: SYN-ACK again at 1 and 3 s, and what the peer answers, or sends, or ends by, opens the connection. */
static void
test_again(bool is_v6, bool ts)
{
	uint64_t t0;
	uint32_t iss;
	unsigned first;

	wire_defaults();
	if (is_v6) {
		w.us = v6(1, 1);
		w.peer = v6(2, 2);
	}
	w.cfg.timestamps = ts;
	start_full();
	iss = take_cookie(1460, 7, true, ts);
	w.peer_port = 1;
	put(TCP_RST, 2, 0, 0, NULL, 0); /* so that the queue's own does not speak */
	w.peer_port = 40000;
	w.tsval = 0;
	t0 = w.now_us;
	first = w.out_cnt;
	wire_pass_ms(5000);
	CHECK(w.out_cnt == first + 2, "sent again %u times", w.out_cnt - first);
	for (unsigned i = 0; i < 2; i++) {
		const struct wire_seg *s = &w.out[first + i];
		uint64_t after = s->at_us - t0, want = i ? 3000000 : 1000000;

		CHECK(s->flags == (TCP_SYN | TCP_ACK) && s->seq == iss && s->ack == PEER_ISN + 1 &&
		      s->dport == 40000 && s->sport == 25);
		CHECK(after >= want && after <= want + 110000);
		CHECK(s->opt.has_ts == ts && s->opt.has_wscale == ts && s->opt.has_sack_ok == ts);
		CHECK(!ts || s->opt.tsecr == 777);
	}
	CHECK(w.n.cookies_again == 2);
	expect_nothing_left("sent again");
	w.read = w.out_cnt;
	w.tsval = ts ? 900 : 0;
	w.tsecr = last_out()->opt.tsval;
	inject(TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
	CHECK(w.opened == 1);
	wire_end();
}

static void
test_first_words(void)
{
	uint32_t iss;

	wire_defaults();
	start_full();
	iss = take_cookie(1460, 15, false, false);
	inject(TCP_ACK | TCP_PSH, PEER_ISN + 1, iss + 1, 1000, "EHLO x\r\n", 8);
	CHECK(w.opened == 1 && w.got_len == 8);
	EXPECT_SEG(TCP_ACK, iss + 1, PEER_ISN + 9, 0);
	wire_pass_ms(5000); /* it is open: nothing is sent again */
	CHECK(w.n.cookies_again == 0);
	abort_it();
	iss = take_cookie(1460, 15, false, false);
	inject(TCP_ACK | TCP_FIN, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
	CHECK(w.opened == 1 && w.eof);
	wire_end();
}

/* Data that overtook the third ACK: silence where a timestamp shows that a handshake is under way, a RST where none does. */
static void
test_overtaken(bool ts)
{
	uint32_t iss;

	wire_defaults();
	w.cfg.timestamps = ts;
	start_full();
	iss = take_cookie(1460, 7, true, ts);
	inject(TCP_ACK, PEER_ISN + 1001, iss + 1, 1000, "late", 4);
	CHECK(w.n.cookies_bad == 1 && w.opened == 0);
	if (ts)
		EXPECT_SILENCE("overtaken");
	else
		EXPECT_SEG(TCP_RST, iss + 1, 0, 0);
	inject(TCP_ACK, PEER_ISN + 1, iss + 1, 1000, NULL, 0);
	CHECK(w.opened == 1);
	wire_end();
}

/* A cookie, then an entry for the SYN that was sent again: the peer may have taken either of the two SYN-ACKs. */
static void
test_two_answers(bool by_cookie)
{
	uint32_t iss, entry_iss;
	struct tcp_usage u;

	wire_defaults();
	start_full();
	iss = take_cookie(1460, 15, false, false);
	w.peer_port = 1;
	put(TCP_RST, 2, 0, 0, NULL, 0);
	w.peer_port = 40000;
	put_raw(TCP_SYN, PEER_ISN, 0, 65535, NULL, 0, mss1460, 4);
	entry_iss = last_out()->seq;
	CHECK(w.n.syn_queue == 1 && entry_iss != iss);
	left_out();
	inject(TCP_ACK, PEER_ISN + 1, (by_cookie ? iss : entry_iss) + 1, 1000, NULL, 0);
	CHECK(w.opened == 1 && w.n.cookies_in == by_cookie && w.n.syn_queue == 0);
	EXPECT_SILENCE("no RST");
	tcp_get_usage(w.stack, &u);
	CHECK(u.syns == 0 && u.conns == 1);
	wire_pass_ms(5000);
	CHECK(w.n.cookies_again == 0);
	wire_end();
}

/* Ring and names are bounded; after the last pass everything is as before. */
static void
test_ring_full(void)
{
	struct tcp_usage u;

	wire_defaults();
	w.cfg.cookie_ring_cnt = 3;
	start_full();
	for (unsigned round = 0; round < 3; round++) {
		uint64_t full = w.n.full_cookies, again = w.n.cookies_again;

		for (unsigned i = 0; i < 5; i++) {
			w.peer_port = (uint16_t)(50000 + i);
			take_cookie(1460, 15, false, false);
		}
		tcp_get_usage(w.stack, &u);
		CHECK(u.cookies == 3 && w.n.cookie_ring == 3 && w.n.full_cookies == full + 2);
		wire_pass_ms(3200);
		CHECK(w.n.cookies_again == again + 6);
		CHECK(w.n.cookie_ring == 0);
		w.peer_port = 1; /* the queue stays full */
		put(TCP_SYN, 1, 0, 1000, NULL, 0);
	}
	wire_pass_ms(8000);
	expect_nothing_left("ring");
	wire_end();

	wire_defaults();
	w.cfg.cookie_ring_cnt = 100;
	start_full();
	for (unsigned i = 0; i < 40;
	     i++) { /* one of our addresses each: 32 are known to the ring */
		w.us = addr_v4(0x0a4d1000 + i);
		take_cookie(1460, 15, false, false);
	}
	tcp_get_usage(w.stack, &u);
	CHECK(u.cookies == 32 && w.n.full_cookies == 8);
	wire_end();
}

/* More than a housekeeping turn may send: the rest comes in the next ones, each twice in all. */
static void
test_burst(void)
{
	unsigned cnt = 2500, most = 0, again = 0;
	static uint8_t seen[2500];

	wire_defaults();
	start_full();
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < cnt; i++) {
		w.peer_port = (uint16_t)(2000 + i);
		take_cookie(1460, 15, false, false);
		w.out_cnt = w.read = 0;
	}
	for (unsigned t = 0; t < 4000; t++) {
		w.out_cnt = w.read = 0;
		wire_pass_ms(1);
		most = MAX(most, w.out_cnt);
		for (unsigned i = 0; i < w.out_cnt; i++)
			if (w.out[i].dport >= 2000) {
				seen[w.out[i].dport - 2000]++;
				again++;
			}
	}
	CHECK(again == 2 * cnt && most <= 2 * 128 + 2, "%u, at most %u", again, most);
	for (unsigned i = 0; i < cnt; i++)
		CHECK(seen[i] == 2, "port %u: %u times", 2000 + i, seen[i]);
	wire_pass_ms(5000);
	expect_nothing_left("burst");
	wire_end();
}

/* A full queue, retransmitted by pieces: no turn sends all of it. */
static void
test_sweep(void)
{
	unsigned cnt = 3000, most = 0, sent = 0;

	wire_defaults();
	w.cfg.syn_cnt = cnt;
	wire_start();
	for (unsigned i = 0; i < cnt; i++) {
		w.peer_port = (uint16_t)(2000 + i);
		put(TCP_SYN, PEER_ISN, 0, 1000, NULL, 0);
		w.out_cnt = w.read = 0;
	}
	for (unsigned t = 0; t < 8000; t++) {
		w.out_cnt = w.read = 0;
		wire_pass_ms(1);
		most = MAX(most, w.out_cnt);
		sent += w.out_cnt;
	}
	CHECK(sent == 2 * cnt && most <= 2 * 256, "%u, at most %u", sent, most);
	expect_nothing_left("sweep");
	wire_end();
}

/* Spoofed SYNs all the time; each hundredth is honest, answers, says something and is answered. All of them get through. */
static void
test_flood(void)
{
	struct tcp_usage u;
	unsigned honest = 0;

	wire_defaults();
	w.cfg.timestamps = true;
	w.cfg.syn_cnt = 64;
	w.cfg.cookie_ring_cnt = 128;
	wire_start();
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t o[40], n = syn_options(o, 1460, 7, true, true);

		w.tsval = 0;
		w.peer = addr_v4(0xc6120000u + i * 7);
		put_raw(TCP_SYN, PEER_ISN + i, 0, 1000, NULL, 0, o, n);
		if (i % 100 == 0) {
			w.tsval = 778;
			w.tsecr = last_out()->opt.tsval;
			inject(TCP_ACK, PEER_ISN + i + 1, last_out()->seq + 1, 1000, "QUIT", 4);
			CHECK(w.opened == 1 && w.got_len == 4, "SYN %u", i);
			honest += w.opened;
			w.got_len = 0;
			abort_it();
		}
		if (i % 20 == 0)
			wire_pass_ms(1);
		w.out_cnt = w.read = 0;
		tcp_get_usage(w.stack, &u);
		CHECK(u.syns <= 64 && u.cookies <= 128 && u.conns == 0);
	}
	CHECK(honest == 200 && w.n.cookies_in > 150 && w.n.cookies_bad == 0);
	for (unsigned i = 0; i < 12; i++) {
		wire_pass_ms(1000);
		w.out_cnt = w.read = 0;
	}
	expect_nothing_left("flood");
	wire_end();
}

/* What takes the last place leaves the first one alone. */
static void
test_ring_last(bool ts)
{
	uint32_t first;

	wire_defaults();
	w.cfg.cookie_ring_cnt = ts ? 3 : 2;
	w.cfg.timestamps = ts;
	start_full();
	first = take_cookie(1460, 15, false, false);
	w.us = v6(1, 1);
	w.peer = v6(2, 2);
	take_cookie(1460, 15, false, ts);
	CHECK(w.n.cookie_ring == w.cfg.cookie_ring_cnt && w.n.full_cookies == 0);
	wire_pass_ms(1200);
	CHECK(w.n.cookies_again == 2);
	while (w.read < w.out_cnt && w.out[w.read].dport == 1)
		w.read++; /* the queue's own */
	CHECK(w.out[w.read].dport == 40000 && w.out[w.read].seq == first);
	wire_end();
}

static void
cookie_to(unsigned port)
{
	w.peer_port = (uint16_t)port;
	take_cookie(1460, 15, false, false);
	w.out_cnt = w.read = 0;
}

/* A segment to `port` left within so many milliseconds. */
static bool
is_sent_within(unsigned port, unsigned ms)
{
	bool found = false;

	for (unsigned t = 0; t < ms && !found; t++) {
		wire_pass_ms(1);
		for (unsigned i = 0; i < w.out_cnt; i++)
			found |= w.out[i].dport == port;
		w.out_cnt = w.read = 0;
	}
	return found;
}

/* The ring remembers 64 moments. With all of them behind their first second, what comes now has its own first second all the same. */
static void
test_moments_full(void)
{
	enum { MANY = 8300, MOMENTS = 70 };

	wire_defaults();
	start_full();
	for (unsigned i = 0; i < MANY; i++)
		cookie_to(1000 + i);
	CHECK(is_sent_within(1000, 1100)); /* so many that the ring is looked at every 5 ms */
	for (unsigned i = 0; i < MOMENTS; i++) {
		cookie_to(1000 + MANY + i);
		is_sent_within(0, 5);
	}
	CHECK(is_sent_within(1000 + MANY + MOMENTS - 1, 1200));
	cookie_to(60000);
	CHECK(is_sent_within(60000, 2200));
	is_sent_within(0, 4000);
	CHECK(w.n.cookies_again == 2 * (MANY + MOMENTS + 1) && w.n.cookie_ring == 0);
	wire_end();
}

int
main(void)
{
	wire_init();
	test_queue();
	test_prefix(false);
	test_prefix(true);
	test_mss();
	test_options();
	test_forged(false);
	test_forged(true);
	test_age(false);
	test_age(true);
	test_not_asked();
	test_fails();
	for (unsigned i = 0; i < 4; i++)
		test_again(i & 1, i & 2);
	test_first_words();
	test_overtaken(false);
	test_overtaken(true);
	test_two_answers(false);
	test_two_answers(true);
	test_ring_full();
	test_ring_last(false);
	test_ring_last(true);
	test_moments_full();
	test_burst();
	test_sweep();
	test_flood();
	return check_failed;
}
