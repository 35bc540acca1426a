/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_sender.c - corners of loss recovery in which a sender goes wrong without anybody hearing of it
 *
 * Each case is a mistake that was made: what is believed to have arrived, when a round trip was measured, which timer is
 * left when another one ends, what costs cwnd.
 */
#include "dataplane/tcp/tcp_seq.h"
#include "tests/unit/tcp_slow.h"

static const uint8_t mss_alone[4] = { 2, 4, 1460 >> 8, 1460 & 255 };

/* Blocks in bytes behind una. */
static void
ack_bytes(uint32_t acked, uint32_t start, uint32_t end)
{
	uint32_t b[1][2] = { { una + start, una + end } };
	uint8_t opt[40];
	size_t n = tcp_opt_build_sack(opt, (const uint32_t(*)[2])b, 1);

	put_raw(TCP_ACK, PEER_ISN + 1, una + acked, 65535, NULL, 0, opt, (uint8_t)n);
	wire_turn();
}

/* A block that ends inside of the newest segment says nothing of it: the probe still goes. */
static void
test_sack_of_a_part_of_the_last(void)
{
	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(4);
	wire_pass_ms(RTT_MS);
	ack_bytes(2 * MSS, 3 * MSS, 3 * MSS + 700);
	wire_pass_ms(60);
	EXPECT_SILENCE("no block, so nothing that came out of order");
	wire_pass_ms(330 - RTT_MS - 60);
	EXPECT_SEG(TCP_ACK | TCP_PSH, una + 3 * MSS, PEER_ISN + 1, MSS, "the last is not believed");
	end_case();
}

/* An ACK was lost, so the next one speaks of a hole and of what came before it: that is no reordering. */
static void
test_lost_ack_is_no_reordering(void)
{
	static const uint32_t later[][2] = { { 3, 7 } };

	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(2, later, 1); /* the first to speak of 0, 1 and of 3 to 6 */
	EXPECT_SEG(TCP_ACK, una + 2 * MSS, PEER_ISN + 1, MSS,
	           "lost at once: no reordering was seen");
	end_case();
}

/* The same for two blocks that are both news, the higher one first. */
static void
test_two_new_blocks_are_no_reordering(void)
{
	static const uint32_t two[][2] = { { 6, 8 }, { 1, 3 } };

	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(0, two, 2);
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, MSS, "lost at once");
	end_case();
}

/* Three small segments are three: DupThresh counts segments, not bytes. */
static void
test_three_small_segments(void)
{
	wire_defaults();
	open_slow(mss_sack, 8);
	for (unsigned i = 0; i < 6; i++) {
		CHECK(tcp_send(w.c, span(body, 100)));
		wire_turn();
	}
	CHECK(left_out() == 6);
	wire_pass_ms(RTT_MS);
	ack_bytes(0, 100, 300);
	EXPECT_SILENCE("two are none");
	ack_bytes(0, 100, 400);
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, 100, "three are enough");
	end_case();
}

/* Without SACK what waited behind a hole is acknowledged with it: that was no round trip. */
static void
test_no_round_trip_behind_a_hole(void)
{
	uint32_t before;

	wire_defaults();
	open_slow(mss_alone, 4);
	send_segments(6);
	before = info().srtt_us;
	wire_pass_ms(1500);
	CHECK(w.n.retransmit_rto > 0);
	ack(6, NULL, 0);
	CHECK(info().srtt_us == before, "srtt %u, before %u", info().srtt_us, before);
	end_case();
}

/* Two duplicates, then an ACK that header prediction takes, then one more: not three in a row. */
static void
test_duplicates_in_a_row(void)
{
	wire_defaults();
	open_slow(mss_alone, 4);
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(0, NULL, 0);
	ack(0, NULL, 0);
	ack(1, NULL, 0);
	ack(1, NULL, 0);
	EXPECT_SILENCE("one duplicate");
	CHECK(w.n.retransmit_fast == 0);
	ack(1, NULL, 0);
	ack(1, NULL, 0);
	EXPECT_SEG(TCP_ACK, una + MSS, PEER_ISN + 1, MSS, "three duplicates");
	end_case();
}

/* The window was shut over a flight; when it opens and the flight is not sent again, its timer must run. */
static void
test_timer_after_a_shut_window(void)
{
	const struct wire_seg *g;
	unsigned again = 0;

	wire_defaults();
	w.cfg.tx_cnt = 1;
	open_slow(mss_sack, 8);
	send_segments(2); /* takes the only block: what follows sends a segment at a time */
	w.peer_port++;
	w.opened = 0;
	una = accept_one(mss_sack, 8);
	CHECK(tcp_send(w.c, span(body, 100)));
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_PSH, una, PEER_ISN + 1, 100);
	inject(TCP_ACK, PEER_ISN + 1, una, 0, NULL, 0);
	wire_pass_ms(3000);
	CHECK(w.n.probes > 0);
	left_out();
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, NULL, 0);
	EXPECT_SEG(TCP_ACK | TCP_PSH, una, PEER_ISN + 1, 100, "again, now that it fits");
	w.read = w.out_cnt;
	wire_pass_ms(10000);
	while ((g = next_out()))
		again += g->dport == w.peer_port;
	CHECK(again > 0, "and again, when that is lost");
	wire_end();
}

/* A probe that was needless, and a peer that knows no DSACK: its second ACK tells. */
static void
test_needless_probe_without_dsack(void)
{
	uint32_t before;

	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(1);
	wire_pass_ms(240);
	EXPECT_SEG(TCP_ACK | TCP_PSH, una, PEER_ISN + 1, MSS, "the probe");
	ack(1, NULL, 0);
	before = cwnd();
	ack(1, NULL, 0);
	una += MSS;
	send_segments(1);
	wire_pass_ms(RTT_MS);
	ack(1, NULL, 0);
	CHECK(w.n.tail_losses == 0 && cwnd() >= before);
	end_case();
}

/* A probe that repaired a loss costs NewReno half of cwnd, not all of it although nothing is in flight any more. */
static void
test_probe_that_repaired(void)
{
	wire_defaults();
	w.cfg.newreno = true;
	open_slow(mss_sack, 8);
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(9, NULL, 0);
	wire_pass_ms(250);
	EXPECT_SEG(TCP_ACK | TCP_PSH, una + 9 * MSS, PEER_ISN + 1, MSS, "the probe");
	wire_pass_ms(RTT_MS);
	ack(10, NULL, 0);
	una += 10 * MSS;
	send_segments(1);
	wire_pass_ms(RTT_MS);
	ack(1, NULL, 0);
	CHECK(w.n.tail_losses == 1);
	CHECK(info().ssthresh_bytes >= 5 * MSS, "ssthresh %u", info().ssthresh_bytes);
	end_case();
}

/* A timeout in the middle of a recovery is not a second congestion. */
static void
test_timeout_in_recovery(void)
{
	static const uint32_t later[][2] = { { 1, 5 } };
	uint32_t ssthresh;

	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(0, later, 1);
	ssthresh = info().ssthresh_bytes;
	CHECK(info().in_recovery && ssthresh == 7 * 10 * MSS / 10, "ssthresh %u", ssthresh);
	wire_pass_ms(1500);
	CHECK(w.n.retransmit_rto > 0 && info().ssthresh_bytes == ssthresh);
	end_case();
}

/* A timeout spares what left a moment ago (RFC 8985 6.3). */
static void
test_timeout_spares_the_young(void)
{
	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(3);
	wire_pass_ms(RTT_MS);
	ack(1, NULL, 0);
	while (w.n.tail_probes == 0)
		wire_pass_ms(1);
	wire_pass_ms(295);
	CHECK(w.n.retransmit_rto == 0 && left_out() == 1);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(tcp_send(w.c, span(body, 100)));
		wire_turn();
	}
	CHECK(left_out() == 3);
	wire_pass_ms(20);
	EXPECT_SEG(TCP_ACK, una + MSS, PEER_ISN + 1, MSS, "the timeout");
	CHECK(w.n.retransmit_rto == 1);
	ack(3, NULL, 0);
	EXPECT_SILENCE("an ACK of the three may still come");
	end_case();
}

/* What RACK knew before a silence of an hour is not compared with what is sent after it. */
static void
test_silence_of_an_hour(void)
{
	static const uint32_t one[][2] = { { 1, 2 } };

	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(1);
	wire_pass_ms(RTT_MS);
	ack(1, NULL, 0);
	una += MSS;
	w.now_us +=
	        2400000000ull; /* 40 minutes: more than half of what 32 bits of microseconds hold */
	wheel_turn(&w.wheel, w.now_us, 0);
	wire_turn();
	send_segments(6);
	wire_pass_ms(RTT_MS);
	ack(0, one, 1);
	EXPECT_SILENCE("one block is no loss");
	wire_pass_ms(40);
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, MSS, "now it is");
	ack(2, NULL, 0);
	EXPECT_SILENCE("what was sent later is not");
	end_case();
}

/* Without SACK a partial ACK is not counted twice: PRR never sends more than arrives. */
static void
test_prr_without_sack(void)
{
	unsigned sent = 0;

	wire_defaults();
	open_slow(mss_alone, 4);
	for (unsigned n = 10; n < 20; n += 8) { /* up to a window of 26 */
		send_segments(n);
		wire_pass_ms(RTT_MS);
		ack(n, NULL, 0);
		una += n * MSS;
	}
	send_segments(26);
	CHECK(tcp_send(w.c, span(body, 40 * MSS)));
	wire_pass_ms(RTT_MS);
	for (unsigned i = 0; i < 19; i++) { /* 0 and 20 are lost */
		ack(0, NULL, 0);
		sent += left_out();
	}
	CHECK(sent <= 19 && info().in_recovery, "%u sent for 19 duplicates", sent);
	wire_pass_ms(RTT_MS);
	ack(20, NULL, 0);
	sent = left_out();
	CHECK(sent >= 1 && sent <= 3, "%u sent for a partial ACK", sent);
	end_case();
}

/* The first millisecond of an epoch is one of no time, whether its number is odd or even. */
static void
test_first_ack_of_an_epoch(unsigned ms)
{
	static const uint32_t lost_first[][2] = { { 1, 5 } };
	uint32_t before;

	wire_defaults();
	open_slow(mss_sack, 8);
	wire_pass_ms(ms);
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(0, lost_first, 1);
	wire_pass_ms(RTT_MS);
	ack(10, NULL, 0);
	CHECK(!info().in_recovery && cwnd() == 7 * MSS, "cwnd %u", cwnd());
	left_out();
	before = cwnd();
	CHECK(tcp_send(w.c, span(body, 7 * MSS)));
	wire_turn();
	wire_pass_ms(RTT_MS);
	ack(16, NULL, 0);
	CHECK(cwnd() <= before + MSS, "cwnd %u, before %u", cwnd(), before);
	end_case();
}

/* cwnd's end is pushed once a loss made cwnd small, since the peer's delayed ACK would cost a good part of a round trip. */
static void
test_push_at_the_end_of_cwnd(void)
{
	static const uint32_t lost_first[][2] = { { 13, 17 } };
	unsigned first;

	wire_defaults();
	open_slow(mss_sack, 8);
	CHECK(tcp_send(w.c, span(body, 12 * MSS)));
	wire_turn();
	CHECK(w.out_cnt - w.read == 10 && !(w.out[w.out_cnt - 1].flags & TCP_PSH),
	      "no push in the first window");
	wire_pass_ms(RTT_MS);
	ack(10, NULL, 0);
	wire_pass_ms(RTT_MS);
	ack(12, NULL, 0);
	left_out();
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(12, lost_first, 1);
	wire_pass_ms(RTT_MS);
	ack(22, NULL, 0);
	CHECK(!info().in_recovery);
	left_out();
	CHECK(tcp_send(w.c, span(body, 40 * MSS)));
	first = w.out_cnt;
	wire_turn();
	wire_pass_ms(RTT_MS / 2);
	CHECK(w.out_cnt - first > 2 && w.out_cnt - first < 40, "%u left", w.out_cnt - first);
	for (unsigned i = first; i < w.out_cnt; i++)
		CHECK(!!(w.out[i].flags & TCP_PSH) == (i + 1 == w.out_cnt), "segment %u", i);
	end_case();
}

int
main(void)
{
	wire_init();
	test_sack_of_a_part_of_the_last();
	test_lost_ack_is_no_reordering();
	test_two_new_blocks_are_no_reordering();
	test_three_small_segments();
	test_no_round_trip_behind_a_hole();
	test_duplicates_in_a_row();
	test_timer_after_a_shut_window();
	test_needless_probe_without_dsack();
	test_probe_that_repaired();
	test_timeout_in_recovery();
	test_timeout_spares_the_young();
	test_silence_of_an_hour();
	test_prr_without_sack();
	test_first_ack_of_an_epoch(0);
	test_first_ack_of_an_epoch(1);
	test_push_at_the_end_of_cwnd();
	return check_failed;
}
