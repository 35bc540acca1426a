/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_loss.c - losses and what looks like one: RACK-TLP, PRR, F-RTO, undo, on a path of 100 ms
 */
#include "tests/unit/tcp_slow.h"

/* The last of ten is lost: a probe repairs it within 3.3 round trips, its ACK included; no timeout. */
static void
test_lost_tail(void)
{
	uint64_t t0;

	wire_defaults();
	open_slow(mss_sack, 8);
	t0 = w.now_us;
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(9, NULL, 0);
	wire_pass_ms(330 - RTT_MS - (unsigned)((w.now_us - t0) / 1000));
	EXPECT_SEG(TCP_ACK | TCP_PSH, una + 9 * MSS, PEER_ISN + 1, MSS, "the probe");
	EXPECT_SILENCE("one probe");
	CHECK(w.n.tail_probes == 1 && w.n.retransmit_rto == 0);
	wire_pass_ms(RTT_MS);
	ack(10, NULL, 0);
	wire_pass_ms(2000);
	EXPECT_SILENCE("done");
	CHECK(w.n.retransmit_rto == 0 && tcp_unacked(w.c) == 0);
	end_case();
}

/* The last four of ten: the probe's SACK tells of the others. */
static void
test_lost_tail_of_four(void)
{
	static const uint32_t last[][2] = { { 9, 10 } };
	uint64_t t0;

	wire_defaults();
	open_slow(mss_sack, 8);
	t0 = w.now_us;
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(6, NULL, 0);
	while (w.out_cnt == w.read && w.now_us - t0 < 1000000)
		wire_pass_ms(1);
	EXPECT_SEG(TCP_ACK | TCP_PSH, una + 9 * MSS, PEER_ISN + 1, MSS, "the probe");
	wire_pass_ms(RTT_MS);
	ack(6, last, 1);
	EXPECT_SEG(TCP_ACK, una + 6 * MSS, PEER_ISN + 1, MSS);
	wire_pass_ms(RTT_MS);
	CHECK(w.now_us - t0 <= 430000, "%llu us", (unsigned long long)(w.now_us - t0));
	CHECK(w.n.retransmit_rto == 0 && w.n.retransmit_fast == 1);
	end_case();
}

/* A probe that was needless is known by its DSACK, and this peer is given 200 ms more from then on. */
static void
test_needless_probe(void)
{
	static const uint32_t twice[][2] = { { 0, 1 } };
	uint32_t before;

	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(1);
	wire_pass_ms(240);
	EXPECT_SEG(TCP_ACK | TCP_PSH, una, PEER_ISN + 1, MSS, "the probe");
	before = cwnd();
	ack(1, NULL, 0);
	ack(1, twice, 1);
	CHECK(cwnd() >= before && w.n.tail_losses == 0);
	una += MSS;
	send_segments(1);
	wire_pass_ms(280);
	EXPECT_SILENCE("not yet");
	end_case();
}

/* All of a flight is late by a second: with timestamps the first ACK tells. */
static void
test_delay_spike(void)
{
	uint32_t before, first_ts;

	wire_defaults();
	w.cfg.timestamps = true;
	w.tsval = 10;
	open_slow(mss_sack_ts, 20);
	CHECK(tcp_send(w.c, span(body, 4 * MSS)));
	wire_turn();
	before = cwnd();
	first_ts = w.out[w.read].opt.tsval;
	left_out();
	wire_pass_ms(1000);
	CHECK(w.n.retransmit_rto > 0 && cwnd() < before);
	left_out();
	w.tsval = 11;
	w.tsecr = first_ts;
	inject(TCP_ACK, PEER_ISN + 1, una + 1448, 65535, body, 0);
	CHECK(w.n.undone == 1 && cwnd() >= before, "cwnd %u, before %u", cwnd(), before);
	EXPECT_SILENCE("nothing was lost");
	end_case();
}

/* The same without timestamps: F-RTO. The second ACK is of what was sent once. */
static void
test_frto(void)
{
	static const uint32_t second[][2] = { { 1, 2 } };
	uint32_t before;

	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(4);
	before = cwnd();
	wire_pass_ms(1000);
	CHECK(w.n.retransmit_rto > 0 && cwnd() == MSS);
	left_out();
	ack(0, second, 1);
	CHECK(w.n.frto_spurious == 1 && cwnd() >= before);
	EXPECT_SILENCE("nothing was lost");
	end_case();
}

/* Reordering taken for a loss: the DSACK of the retransmission undoes it. */
static void
test_dsack_undo(void)
{
	static const uint32_t later[][2] = { { 1, 5 } }, twice[][2] = { { 0, 1 } };
	uint32_t before;

	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(10);
	before = cwnd();
	wire_pass_ms(RTT_MS);
	ack(0, later, 1);
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, MSS, "taken for lost");
	ack(5, NULL, 0);
	left_out();
	ack(5, twice, 1);
	CHECK(w.n.undone == 1 && cwnd() >= before, "cwnd %u, before %u", cwnd(), before);
	end_case();
}

/* After reordering was seen a segment that is late by less than a quarter of the RTT is not sent again. */
static void
test_reordering_window(void)
{
	static const uint32_t later[][2] = { { 11, 15 } }, one[][2] = { { 1, 2 } };

	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(0, one, 1);
	EXPECT_SILENCE("one block is no loss");
	ack(10, NULL, 0); /* the first came after the second: reordering */
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(10, later, 1);
	EXPECT_SILENCE("four later ones have arrived, but they reorder here");
	wire_pass_ms(RTT_MS / 4 - 5);
	EXPECT_SILENCE("still within the window");
	wire_pass_ms(10);
	EXPECT_SEG(TCP_ACK, una + 10 * MSS, PEER_ISN + 1, MSS, "now it is lost");
	end_case();
}

/* A retransmission that is lost too is found by what was sent after it, without a timeout. */
static void
test_lost_retransmission(void)
{
	static const uint32_t rest[][2] = { { 1, 10 } }, more[][2] = { { 1, 12 } };

	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(10);
	wire_pass_ms(RTT_MS);
	ack(0, rest, 1);
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, MSS);
	CHECK(tcp_send(w.c, span(body, 2 * MSS)));
	wire_turn();
	CHECK(left_out() == 2);
	wire_pass_ms(RTT_MS + 1);
	ack(0, more, 1);
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, MSS, "again");
	CHECK(w.n.retransmit_rto == 0);
	end_case();
}

/* Half of a flight of 40 is lost: PRR sends one for two that arrive, and cwnd ends at ssthresh. */
static void
test_prr(void)
{
	uint32_t blocks[1][2] = { { 1, 1 } };
	unsigned sent = 0;
	struct tcp_info info;

	wire_defaults();
	open_slow(mss_sack, 8);
	CHECK(tcp_send(w.c, span(body, 20 * MSS)));
	wire_turn();
	CHECK(left_out() == 10);
	wire_pass_ms(RTT_MS);
	for (uint32_t i = 2; i <= 10; i++) {
		blocks[0][1] = i;
		ack(0, (const uint32_t(*)[2])blocks, 1);
		sent += left_out();
	}
	tcp_get_info(w.c, &info);
	CHECK(info.in_recovery && sent >= 5 && sent <= 8, "%u sent", sent);
	ack(20, NULL, 0);
	tcp_get_info(w.c, &info);
	CHECK(info.ssthresh_bytes >= 5 * MSS && info.cwnd_bytes <= 2 * info.ssthresh_bytes);
	end_case();
}

/* No block left: a segment at a time, and nothing is lost. */
static void
test_without_block(void)
{
	wire_defaults();
	w.cfg.tx_cnt = 1;
	open_slow(mss_sack, 8);
	send_segments(2); /* takes the only block */
	w.peer_port++;
	w.opened = 0;
	una = accept_one(mss_sack, 8);
	CHECK(tcp_send(w.c, span(body, 3 * MSS)));
	wire_turn();
	EXPECT_SEG(TCP_ACK, una, PEER_ISN + 1, MSS, "one at a time");
	EXPECT_SILENCE("the second waits");
	wire_pass_ms(1100);
	CHECK(w.n.full_tx > 0 && w.n.retransmit_rto > 0);
	left_out();
	ack(1, NULL, 0);
	EXPECT_SEG(TCP_ACK, una + MSS, PEER_ISN + 1, MSS, "and then the next");
	wire_end();
}

/* A RST does not make acknowledged what was not: on_close() may ask. */
static void
test_reset_in_flight(void)
{
	wire_defaults();
	open_slow(mss_sack, 8);
	send_segments(2);
	inject(TCP_RST, PEER_ISN + 1, 0, 0, body, 0);
	CHECK(w.closed == 1 && w.err == ECONNRESET && w.unacked == 2 * MSS, "%zu", w.unacked);
	wire_end();
}

int
main(void)
{
	wire_init();
	test_lost_tail();
	test_lost_tail_of_four();
	test_needless_probe();
	test_delay_spike();
	test_frto();
	test_dsack_undo();
	test_reordering_window();
	test_lost_retransmission();
	test_prr();
	test_without_block();
	test_reset_in_flight();
	return check_failed;
}
