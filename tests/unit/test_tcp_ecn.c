/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_ecn.c - RFC 3168: who agrees, what is marked, who answers, one reduction a round trip
 */
#include "tests/unit/tcp_wire.h"

#define RTT_MS 100
#define MSS    1460u
#define ECT_0  2
#define ECT_1  1
#define CE     3
#define SETUP  (TCP_SYN | TCP_ECE | TCP_CWR)

static uint32_t una;

static void
end_case(void)
{
	if (w.c)
		tcp_abort(w.c);
	w.c = NULL;
	wire_end();
}

/* A peer that asks for ECN on a path of RTT_MS; una is our first number. */
static void
open_ecn(void)
{
	wire_defaults();
	wire_start();
	put_raw(SETUP, PEER_ISN, 0, 65535, NULL, 0, mss_sack, 8);
	una = w.out[w.out_cnt - 1].seq + 1;
	wire_pass_ms(RTT_MS);
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, NULL, 0);
	CHECK(w.c && info().ecn);
	left_out();
}

/* --- agreement --- */

static void
test_passive(void)
{
	static const struct {
		const char *what;
		enum tcp_ecn ecn;
		uint8_t flags, tos;
		bool want;
	} cases[] = {
		{ "asked", TCP_ECN_PASSIVE, SETUP, 0, true },
		{ "asked, active is passive too", TCP_ECN_ACTIVE, SETUP, 0, true },
		{ "off", TCP_ECN_OFF, SETUP, 0, false },
		{ "not asked", TCP_ECN_PASSIVE, TCP_SYN, 0, false },
		{ "ECE alone", TCP_ECN_PASSIVE, TCP_SYN | TCP_ECE, 0, false },
		{ "CWR alone", TCP_ECN_PASSIVE, TCP_SYN | TCP_CWR, 0, false },
		{ "a SYN that is ECN-capable", TCP_ECN_PASSIVE, SETUP, ECT_0, false },
		{ "and one with the other codepoint", TCP_ECN_PASSIVE, SETUP, ECT_1, false },
		{ "a marked SYN", TCP_ECN_PASSIVE, SETUP, CE, false },
		{ "DSCP does not matter", TCP_ECN_PASSIVE, SETUP, 0xb8, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t iss;

		wire_defaults();
		w.cfg.ecn = cases[i].ecn;
		wire_start();
		w.tos = cases[i].tos;
		put_raw(cases[i].flags, PEER_ISN, 0, 65535, NULL, 0, mss_sack, 8);
		w.tos = 0;
		iss = w.out[w.out_cnt - 1].seq;
		EXPECT_SEG(TCP_SYN | TCP_ACK | (cases[i].want ? TCP_ECE : 0), iss, PEER_ISN + 1, 0,
		           "%s", cases[i].what);
		CHECK(w.out[0].tos == 0, "%s: a SYN-ACK is not ECN-capable", cases[i].what);
		inject(TCP_ACK, PEER_ISN + 1, iss + 1, 65535, NULL, 0);
		CHECK(w.c && info().ecn == cases[i].want, "%s", cases[i].what);
		end_case();
	}
}

/* The SYN-ACK again keeps its bit; a peer that fell back is answered without. */
static void
test_passive_again(void)
{
	uint32_t iss;

	wire_defaults();
	wire_start();
	put_raw(SETUP, PEER_ISN, 0, 65535, NULL, 0, mss_sack, 8);
	iss = w.out[w.out_cnt - 1].seq;
	EXPECT_SEG(TCP_SYN | TCP_ACK | TCP_ECE, iss, PEER_ISN + 1, 0);
	wire_pass_ms(1100);
	EXPECT_SEG(TCP_SYN | TCP_ACK | TCP_ECE, iss, PEER_ISN + 1, 0, "ours again");
	put_raw(SETUP, PEER_ISN, 0, 65535, NULL, 0, mss_sack, 8);
	EXPECT_SEG(TCP_SYN | TCP_ACK | TCP_ECE, iss, PEER_ISN + 1, 0, "the peer's again");
	wire_pass_ms(510); /* a SYN again is answered twice a second */
	put_raw(TCP_SYN, PEER_ISN, 0, 65535, NULL, 0, mss_sack, 8);
	EXPECT_SEG(TCP_SYN | TCP_ACK, iss, PEER_ISN + 1, 0, "and without");
	inject(TCP_ACK, PEER_ISN + 1, iss + 1, 65535, NULL, 0);
	CHECK(w.c && !info().ecn);
	end_case();
}

/* A SYN of ours leaves; returns its number. */
static uint32_t
connect_one(enum tcp_ecn ecn, bool asks)
{
	const struct wire_seg *syn;

	wire_defaults();
	w.cfg.ecn = ecn;
	wire_start();
	w.c = tcp_connect(w.stack, &w.us, &w.peer, 2525, &wire_ops, NULL, w.now_us);
	wire_turn();
	syn = next_out();
	BUG_ON(!syn);
	CHECK(syn->flags == (asks ? SETUP : TCP_SYN) && syn->tos == 0);
	w.our_port = syn->sport;
	w.peer_port = 2525;
	return syn->seq;
}

static void
syn_ack(uint8_t flags, uint8_t tos, uint32_t iss)
{
	w.tos = tos;
	put_raw(TCP_SYN | TCP_ACK | flags, PEER_ISN, iss + 1, 65535, NULL, 0, mss_sack, 8);
	w.tos = 0;
	wire_turn();
}

static void
test_active(void)
{
	static const struct {
		const char *what;
		enum tcp_ecn ecn;
		uint8_t flags, tos;
		bool asks, want;
	} cases[] = {
		{ "agreed", TCP_ECN_ACTIVE, TCP_ECE, 0, true, true },
		{ "refused", TCP_ECN_ACTIVE, 0, 0, true, false },
		{ "both bits reflected", TCP_ECN_ACTIVE, TCP_ECE | TCP_CWR, 0, true, false },
		{ "CWR alone", TCP_ECN_ACTIVE, TCP_CWR, 0, true, false },
		{ "a marked SYN-ACK", TCP_ECN_ACTIVE, TCP_ECE, CE, true, false },
		{ "not asked, yet agreed", TCP_ECN_PASSIVE, TCP_ECE, 0, false, false },
		{ "off", TCP_ECN_OFF, TCP_ECE, 0, false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t iss = connect_one(cases[i].ecn, cases[i].asks);

		syn_ack(cases[i].flags, cases[i].tos, iss);
		EXPECT_SEG(TCP_ACK, iss + 1, PEER_ISN + 1, 0, "%s", cases[i].what);
		CHECK(w.c && info().ecn == cases[i].want, "%s", cases[i].what);
		end_case();
	}
}

/* 6.1.1.1: after the first timeout, and after a RST, the SYN goes without; a late yes does not count any more. */
static void
test_fallback(void)
{
	uint32_t iss = connect_one(TCP_ECN_ACTIVE, true);

	wire_pass_ms(1001);
	EXPECT_SEG(TCP_SYN, iss, 0, 0, "after a timeout");
	syn_ack(TCP_ECE, 0, iss);
	CHECK(w.c && !info().ecn && w.opened == 1);
	end_case();

	iss = connect_one(TCP_ECN_ACTIVE, true);
	inject(TCP_RST | TCP_ACK, 0, iss + 1, 0, NULL, 0);
	EXPECT_SEG(TCP_SYN, iss, 0, 0, "after a RST, at once");
	CHECK(w.closed == 0);
	inject(TCP_RST | TCP_ACK, 0, iss + 1, 0, NULL, 0);
	CHECK(w.closed == 1 && w.err == ECONNREFUSED);
	EXPECT_SILENCE("refused is refused");
	wire_end();

	iss = connect_one(TCP_ECN_PASSIVE, false);
	inject(TCP_RST | TCP_ACK, 0, iss + 1, 0, NULL, 0);
	CHECK(w.closed == 1 && w.err == ECONNREFUSED);
	EXPECT_SILENCE("nothing was asked, nothing to try without");
	wire_end();
}

/* --- what is ECN-capable --- */

static void
test_ect(void)
{
	open_ecn();
	CHECK(tcp_send(w.c, span(body, 3 * MSS)));
	wire_turn();
	for (unsigned i = 0; i < 3; i++) {
		const struct wire_seg *s = next_out();

		CHECK(s && s->len == MSS && s->tos == ECT_0, "new data, segment %u", i);
	}
	wire_pass_ms(1000);
	CHECK(w.out_cnt > w.read);
	while (w.read < w.out_cnt)
		CHECK(next_out()->tos == 0, "sent again");
	inject(TCP_ACK, PEER_ISN + 1, una + 3 * MSS, 0, NULL, 0);
	CHECK(tcp_send(w.c, span(body, 100)));
	wire_turn();
	wire_pass_ms(3000);
	CHECK(w.n.probes > 0);
	inject(TCP_ACK | TCP_PSH, PEER_ISN + 1, una + 3 * MSS, 0, body, 10);
	wire_pass_ms(50);
	while (w.read < w.out_cnt)
		CHECK(next_out()->tos == 0, "window probes and ACKs");
	inject(TCP_ACK, PEER_ISN + 11, una + 3 * MSS, 65535, NULL, 0);
	tcp_close(w.c);
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_PSH, una + 3 * MSS, PEER_ISN + 11, 100);
	CHECK(w.out[w.read - 1].tos == ECT_0, "what waited for the window is new");
	EXPECT_SEG(TCP_ACK | TCP_FIN, una + 3 * MSS + 100, PEER_ISN + 11, 0);
	CHECK(w.out[w.read - 1].tos == 0, "a FIN carries nothing");
	end_case();
}

static void
test_not_agreed(void)
{
	wire_defaults();
	wire_start();
	una = accept_one(mss_sack, 8);
	w.tos = CE;
	inject(TCP_ACK | TCP_PSH | TCP_ECE | TCP_CWR, PEER_ISN + 1, una, 65535, body, 10);
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 11, 0, "no ECE");
	CHECK(tcp_send(w.c, span(body, 10 * MSS)));
	wire_turn();
	for (unsigned i = 0; i < 10; i++)
		CHECK(next_out()->tos == 0);
	inject(TCP_ACK | TCP_ECE, PEER_ISN + 11, una + MSS, 65535, NULL, 0);
	CHECK(w.n.ecn_congested == 0 && w.n.ecn_marks_in == 0 && info().cwnd_bytes > 10 * MSS);
	end_case();
}

/* --- the receiver: ECE from a mark until CWR --- */

static uint32_t rcv;

static void
arrive(uint8_t flags, uint8_t tos, uint32_t seq, uint16_t len)
{
	w.tos = tos;
	inject(TCP_ACK | flags, seq, una, 65535, body, len);
	w.tos = 0;
}

static void
test_receiver(void)
{
	open_ecn();
	rcv = PEER_ISN + 1;
	for (unsigned i = 0; i < 20;
	     i++, rcv += 10) /* beyond the segments that are acknowledged at once */
		arrive(TCP_PSH, ECT_0, rcv, 10);
	wire_pass_ms(60);
	left_out();
	arrive(TCP_PSH, ECT_0, rcv, 10);
	EXPECT_SILENCE("no mark: the ACK waits");
	rcv += 10;
	arrive(TCP_PSH, CE, rcv, 10);
	rcv += 10;
	EXPECT_SEG(TCP_ACK | TCP_ECE, una, rcv, 0, "a mark is told at once");
	arrive(TCP_PSH, ECT_0, rcv, 10);
	rcv += 10;
	EXPECT_SILENCE();
	wire_pass_ms(41);
	EXPECT_SEG(TCP_ACK | TCP_ECE, una, rcv, 0, "and until CWR");
	CHECK(tcp_send(w.c, span(body, 10)));
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_PSH | TCP_ECE, una, rcv, 10, "on data too");
	CHECK(w.out[w.read - 1].tos == ECT_0);
	una += 10;
	arrive(0, 0, rcv, 0);
	arrive(TCP_PSH | TCP_CWR, ECT_0, rcv, 10);
	rcv += 10;
	EXPECT_SEG(TCP_ACK, una, rcv, 0, "CWR ends it");
	arrive(TCP_PSH, CE, rcv, 10);
	rcv += 10;
	EXPECT_SEG(TCP_ACK | TCP_ECE, una, rcv, 0, "the next mark");
	arrive(TCP_PSH | TCP_CWR, CE, rcv, 10);
	rcv += 10;
	wire_pass_ms(41);
	EXPECT_SEG(TCP_ACK | TCP_ECE, una, rcv, 0, "CWR on a marked segment: ECE goes on");
	arrive(TCP_PSH | TCP_CWR, ECT_0, rcv, 10);
	rcv += 10;
	EXPECT_SEG(TCP_ACK, una, rcv, 0);
	CHECK(w.n.ecn_marks_in == 3);
	end_case();
}

/* 6.1.5: nothing is believed that lies outside of the window, or carries nothing. */
static void
test_receiver_ignores(void)
{
	open_ecn();
	rcv = PEER_ISN + 1;
	arrive(TCP_PSH, ECT_0, rcv, 100);
	rcv += 100;
	EXPECT_SEG(TCP_ACK, una, rcv, 0);
	arrive(TCP_PSH, CE, rcv - 100, 100);
	EXPECT_SEG(TCP_ACK, una, rcv, 0, "a duplicate");
	arrive(TCP_PSH, CE, rcv + 5000000, 100);
	EXPECT_SEG(TCP_ACK, una, rcv, 0, "behind the window");
	arrive(0, CE, rcv, 0);
	arrive(TCP_PSH, ECT_1, rcv, 100);
	rcv += 100;
	EXPECT_SEG(TCP_ACK, una, rcv, 0, "a pure ACK, and ECT(1)");
	arrive(TCP_PSH, CE, rcv + 100, 100);
	EXPECT_SEG(TCP_ACK | TCP_ECE, una, rcv, 0, "out of order within the window counts");
	arrive(TCP_PSH | TCP_CWR, ECT_0, rcv - 50, 50);
	EXPECT_SEG(TCP_ACK | TCP_ECE, una, rcv, 0, "CWR outside of it does not");
	end_case();
}

/* --- the sender: one reduction a round trip --- */

static void
echo(unsigned acked, uint8_t flags)
{
	inject(TCP_ACK | flags, PEER_ISN + 1, una + acked * MSS, 65535, NULL, 0);
}

static void
test_sender(void)
{
	unsigned fresh = 0, cwr = 0;

	open_ecn();
	CHECK(tcp_send(w.c, span(body, 40 * MSS)));
	wire_turn();
	CHECK(left_out() == 10);
	wire_pass_ms(RTT_MS);
	echo(1, TCP_ECE);
	CHECK(w.n.ecn_congested == 1 && info().ssthresh_bytes == 7 * MSS, "ssthresh %u",
	      info().ssthresh_bytes);
	for (unsigned i = 2; i <= 10; i++)
		echo(i, TCP_ECE);
	CHECK(w.n.ecn_congested == 1, "the same round trip");
	CHECK(info().ssthresh_bytes == 7 * MSS && info().cwnd_bytes <= 7 * MSS, "cwnd %u",
	      info().cwnd_bytes);
	while (w.read < w.out_cnt) {
		const struct wire_seg *s = next_out();

		CHECK(s->seq == una + (10 + fresh) * MSS, "new data alone");
		CHECK(!!(s->flags & TCP_CWR) == (fresh == 0), "CWR on the first, segment %u",
		      fresh);
		CHECK(s->tos == ECT_0);
		cwr += !!(s->flags & TCP_CWR);
		fresh++;
	}
	CHECK(cwr == 1 && fresh >= 6 && fresh <= 7, "%u CWR, %u new ones", cwr, fresh);
	CHECK(w.n.retransmit_segs == 0);
	wire_pass_ms(RTT_MS);
	echo(11, 0);
	CHECK(info().cwnd_bytes == 7 * MSS, "cwnd %u", info().cwnd_bytes);
	echo(12, TCP_ECE);
	CHECK(w.n.ecn_congested == 2 && info().ssthresh_bytes < 5 * MSS,
	      "another round trip, another mark");
	end_case();
}

/* A mark in a recovery, and a loss after a mark: cwnd is lowered once. */
static void
test_not_twice(void)
{
	uint8_t opt[12];
	uint32_t b[1][2];
	size_t n;

	open_ecn();
	CHECK(tcp_send(w.c, span(body, 40 * MSS)));
	wire_turn();
	wire_pass_ms(RTT_MS);
	left_out();
	b[0][0] = una + 5 * MSS;
	b[0][1] = una + 10 * MSS;
	n = tcp_opt_build_sack(opt, (const uint32_t(*)[2])b, 1);
	echo(1, TCP_ECE);
	CHECK(w.n.ecn_congested == 1 && info().ssthresh_bytes == 7 * MSS);
	put_raw(TCP_ACK, PEER_ISN + 1, una + MSS, 65535, NULL, 0, opt, (uint8_t)n);
	wire_turn();
	wire_pass_ms(RTT_MS / 2);
	CHECK(w.n.retransmit_fast == 1 && info().ssthresh_bytes == 7 * MSS,
	      "a loss after a mark: %u", info().ssthresh_bytes);
	echo(10, TCP_ECE);
	CHECK(w.n.ecn_congested == 1 && info().ssthresh_bytes == 7 * MSS, "a mark in a recovery");
	end_case();
}

/* ECE on an ACK that says nothing else counts; after a timeout it only keeps cwnd from growing. */
static void
test_echo_alone(void)
{
	uint32_t before;

	open_ecn();
	CHECK(tcp_send(w.c, span(body, 4 * MSS)));
	wire_turn();
	inject(TCP_ACK | TCP_ECE, PEER_ISN + 1, una, 65000, NULL, 0);
	CHECK(w.n.ecn_congested == 1);
	end_case();

	open_ecn();
	CHECK(tcp_send(w.c, span(body, 10 * MSS)));
	wire_turn();
	wire_pass_ms(600);
	CHECK(w.n.retransmit_rto == 1);
	before = info().cwnd_bytes;
	echo(1, TCP_ECE);
	CHECK(w.n.ecn_congested == 0 && info().cwnd_bytes == before, "cwnd %u", info().cwnd_bytes);
	echo(2, 0);
	CHECK(info().cwnd_bytes > before);
	end_case();
}

/* Everything that lowers cwnd is told: after a timeout the next new segment carries CWR. */
static void
test_cwr_after_timeout(void)
{
	open_ecn();
	CHECK(tcp_send(w.c, span(body, 2 * MSS)));
	wire_turn();
	left_out();
	wire_pass_ms(1000);
	CHECK(w.n.retransmit_rto > 0);
	echo(2, 0);
	left_out();
	CHECK(tcp_send(w.c, span(body, 2 * MSS)));
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_CWR, una + 2 * MSS, PEER_ISN + 1, MSS);
	EXPECT_SEG(TCP_ACK | TCP_PSH, una + 3 * MSS, PEER_ISN + 1, MSS);
	end_case();
}

/* Nothing is sent after the mark for a while: the state ends with the first ACK of what carried CWR. */
static void
test_mark_then_idle(void)
{
	open_ecn();
	CHECK(tcp_send(w.c, span(body, 10 * MSS)));
	wire_turn();
	wire_pass_ms(RTT_MS);
	left_out();
	echo(10, TCP_ECE);
	CHECK(w.n.ecn_congested == 1);
	echo(10, TCP_ECE);
	CHECK(w.n.ecn_congested == 1, "nothing in flight: nothing to lower");
	CHECK(tcp_send(w.c, span(body, 2 * MSS)));
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_CWR, una + 10 * MSS, PEER_ISN + 1, MSS);
	EXPECT_SEG(TCP_ACK | TCP_PSH, una + 11 * MSS, PEER_ISN + 1, MSS);
	wire_pass_ms(RTT_MS);
	echo(12, 0);
	CHECK(info().cwnd_bytes == info().ssthresh_bytes && info().ssthresh_bytes == 7 * MSS,
	      "cwnd %u", info().cwnd_bytes);
	end_case();
}

int
main(void)
{
	wire_init();
	test_passive();
	test_passive_again();
	test_active();
	test_fallback();
	test_ect();
	test_not_agreed();
	test_receiver();
	test_receiver_ignores();
	test_sender();
	test_not_twice();
	test_echo_alone();
	test_cwr_after_timeout();
	test_mark_then_idle();
	return check_failed;
}
