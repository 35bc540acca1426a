/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_user.c - what a socket layer asks of tcp.h beyond what the relay needs: a port of its own, figures, repeatable ISNs
 */
#include "tests/unit/tcp_wire.h"

static struct tcp_conn *
connect_from(uint16_t sport, uint16_t dport)
{
	return tcp_connect_from(w.stack, &w.us, sport, &w.peer, dport, &wire_ops, NULL, w.now_us);
}

static void
test_own_port(void)
{
	wire_defaults();
	wire_start();
	CHECK(connect_from(777, 2525) && tcp_local_port(connect_from(777, 2526)) == 777);
	wire_turn();
	CHECK(w.out_cnt == 2 && w.out[0].sport == 777 && w.out[0].dport == 2525);
	EXPECT_SEG(TCP_SYN, w.out[0].seq, 0, 0);
	EXPECT_SEG(TCP_SYN, w.out[1].seq, 0, 0);
	CHECK(!connect_from(777, 2525), "these four names are in use");
	CHECK(!connect_from(25, 2525), "somebody listens there");
	w.is_mine_odd = true;
	CHECK(!connect_from(778, 2525), "its answers reach another worker");
	CHECK(connect_from(779, 2525) && tcp_local_port(connect_from(0, 2525)) >= 32768);
	wire_end();
}

static void
test_mss(void)
{
	static const struct {
		uint16_t set, peers, announced, used;
	} rows[] = {
		{ 0, 1460, 1460, 1460 },  { 600, 1460, 600, 600 },    { 88, 1460, 88, 88 },
		{ 1000, 900, 1000, 900 }, { 9000, 1460, 1460, 1460 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t opts[] = { 2, 4, (uint8_t)(rows[i].peers >> 8), (uint8_t)rows[i].peers };

		wire_defaults();
		wire_start();
		w.c = connect_from(777, 2525);
		if (rows[i].set)
			tcp_set_mss(w.c, rows[i].set);
		wire_turn();
		CHECK(w.out[0].opt.mss == rows[i].announced, "%zu: %u", i, w.out[0].opt.mss);
		w.our_port = 777;
		w.peer_port = 2525;
		put_raw(TCP_SYN | TCP_ACK, PEER_ISN, w.out[0].seq + 1, 65535, NULL, 0, opts, 4);
		wire_turn();
		CHECK(w.opened == 1 && tcp_send(w.c, span(body, 5000)));
		left_out();
		wire_turn();
		CHECK(w.out[w.read].len == rows[i].used, "%zu: %u", i, w.out[w.read].len);
		wire_end();
	}
}

static uint32_t
isn_after(uint64_t us, bool still)
{
	wire_defaults();
	w.now_us += us;
	w.cfg.isn_still = still;
	wire_start();
	connect_from(777, 2525);
	wire_turn();
	wire_end();
	return w.out[0].seq;
}

static void
test_still_isn(void)
{
	CHECK(isn_after(0, true) == isn_after(123456, true));
	CHECK(isn_after(123456, false) - isn_after(0, false) == 123456 / 4);
}

/* Six segments in flight, one of them SACKed, then the first one lost and sent again. */
static void
test_info(void)
{
	static const uint8_t opts[] = { 2, 4, 5, 180, 4, 2, 1, 1 }; /* MSS 1460, SACK permitted */
	uint8_t sack[TCP_OPTIONS_MAX];
	struct tcp_info i;
	uint32_t una, block[1][2];

	wire_defaults();
	wire_start();
	una = accept_one(opts, sizeof(opts));
	CHECK(tcp_send(w.c, span(body, 6 * 1000)));
	wire_turn();
	tcp_get_info(w.c, &i);
	CHECK(i.unacked_bytes == 6000 && i.in_flight_bytes == 6000 && i.sacked_bytes == 0);
	CHECK(i.lost_bytes == 0 && i.resent_bytes == 0 && i.rexmit_segs == 0);
	w.now_us += 10000;
	block[0][0] = una + 1460;
	block[0][1] = una + 2 * 1460;
	put_raw(TCP_ACK, PEER_ISN + 1, una, 65535, NULL, 0, sack,
	        (uint8_t)tcp_opt_build_sack(sack, (const uint32_t(*)[2])block, 1));
	wire_turn();
	tcp_get_info(w.c, &i);
	CHECK(i.sacked_bytes == 1460 && i.in_flight_bytes == 6000 && i.min_rtt_us == 10000, "%u %u",
	      i.sacked_bytes, i.min_rtt_us);
	wire_pass_ms(20);
	tcp_get_info(w.c, &i);
	CHECK(i.lost_bytes == 1460 && i.resent_bytes == 1460 && i.rexmit_segs == 1, "%u %u %u",
	      i.lost_bytes, i.resent_bytes, i.rexmit_segs);
	inject(TCP_ACK, PEER_ISN + 1, una + 6000, 65535, NULL, 0);
	tcp_get_info(w.c, &i);
	CHECK(i.in_flight_bytes == 0 && i.sacked_bytes + i.lost_bytes + i.resent_bytes == 0);
	CHECK(i.rexmit_segs == 1, "counted on while nothing is in flight");
	left_out();
	w.hold = true;
	inject(TCP_ACK, PEER_ISN + 1, una + 6000, 65535, body, 700);
	tcp_get_info(w.c, &i);
	CHECK(i.unread_bytes == 700);
	wire_end();
}

static const uint8_t mss[] = { 2, 4, 5, 180 };
static const uint8_t wscale[] = { 2, 4, 5, 180, 3, 3, 7, 0 }; /* MSS 1460, window scale 7 */

/* The peer sends what the window takes. The reader does not read. */
static void
fill_window(uint32_t una)
{
	uint32_t seq = PEER_ISN + 1 + (uint32_t)tcp_unread(w.c);
	struct tcp_info i;

	for (;;) {
		tcp_get_info(w.c, &i);
		if (i.rcv_wnd_bytes == 0)
			return;
		inject(TCP_ACK, seq, una, 65535, body, (uint16_t)MIN(i.rcv_wnd_bytes, 1460u));
		seq = PEER_ISN + 1 + (uint32_t)tcp_unread(w.c);
	}
}

static void
test_rcv_buf(void)
{
	struct tcp_info i;
	uint32_t una, promised;

	wire_defaults(); /* in the SYN */
	wire_start();
	w.c = connect_from(777, 2525);
	tcp_set_rcv_buf(w.c, 5000);
	wire_turn();
	CHECK(w.out[0].wnd == 5000, "%u", w.out[0].wnd);
	wire_end();

	wire_defaults(); /* smaller, later: once what was promised is used up, no more than that */
	wire_start();
	una = accept_one(mss, sizeof(mss));
	w.hold = true;
	tcp_get_info(w.c, &i);
	promised = i.rcv_wnd_bytes;
	CHECK(promised > TCP_RCV_BUF_MIN);
	tcp_set_rcv_buf(w.c, 10);
	fill_window(una);
	CHECK(tcp_unread(w.c) == promised, "%zu of %u", tcp_unread(w.c), promised);
	tcp_consume(w.c, tcp_unread(w.c));
	wire_turn();
	tcp_get_info(w.c, &i);
	CHECK(i.rcv_wnd_bytes == TCP_RCV_BUF_MIN && i.rcv_buf_bytes == TCP_RCV_BUF_MIN, "%u",
	      i.rcv_wnd_bytes);
	left_out();
	tcp_set_rcv_buf(w.c, 30000); /* larger: told at once */
	wire_turn();
	CHECK(w.read < w.out_cnt && w.out[w.out_cnt - 1].wnd == 30000);
	wire_end();
}

/* A reader that keeps up gets a larger window, but not one that was set. */
static void
test_no_tuning(bool is_set)
{
	struct tcp_info i;
	uint32_t una, seq = PEER_ISN + 1;

	wire_defaults();
	w.cfg.rcv_buf_bytes = 20000;
	wire_start();
	una = accept_one(wscale, sizeof(wscale));
	if (is_set)
		tcp_set_rcv_buf(w.c, 20000);
	CHECK(tcp_send(w.c, span(body, 100))); /* a round trip that can be measured */
	wire_turn();
	wire_pass_ms(20);
	una += 100;
	for (unsigned k = 0; k < 20; k++) {
		for (unsigned j = 0; j < 8; j++, seq += 1460)
			put(TCP_ACK, seq, una, 65535, body, 1460);
		wire_pass_ms(1);
		w.got_len = 0;
		w.out_cnt = w.read = 0;
	}
	tcp_get_info(w.c, &i);
	CHECK(is_set ? i.rcv_buf_bytes == 20000 : i.rcv_buf_bytes > 20000, "%u", i.rcv_buf_bytes);
	wire_end();
}

/* What others queue makes a buffer smaller than what is in it already: who is told "no room" is called when there is some. */
static void
test_room_that_shrank(void)
{
	static char much[20000];
	struct tcp_usage u;
	struct tcp_conn *a, *b;
	uint32_t una;
	unsigned before;

	wire_defaults();
	w.cfg.snd_buf_bytes = 64000;
	w.cfg.snd_budget_bytes = 100000;
	wire_start();
	una = accept_one(mss, sizeof(mss));
	a = w.c;
	CHECK(tcp_room(a) == 64000 && tcp_send(a, span(much, 20000)) && tcp_room(a) == 44000);
	w.peer_port++;
	w.opened = 0;
	accept_one(mss, sizeof(mss));
	b = w.c;
	for (int i = 0; i < 4; i++)
		CHECK(tcp_send(b, span(much, 20000)));
	tcp_get_usage(w.stack, &u);
	CHECK(u.snd_bytes == 100000 && tcp_room(a) == 0 && tcp_room(b) == 0);
	wire_turn();
	left_out();
	w.peer_port--;
	before = w.room;
	inject(TCP_ACK, PEER_ISN + 1, una + 1460, 65535, NULL, 0);
	CHECK(w.room == before + 1 && tcp_room(a) > 0);
	tcp_abort(a);
	tcp_abort(b);
	tcp_get_usage(w.stack, &u);
	CHECK(u.snd_bytes == 0);
	wire_end();
}

int
main(void)
{
	wire_init();
	test_room_that_shrank();
	test_own_port();
	test_mss();
	test_still_isn();
	test_info();
	test_rcv_buf();
	test_no_tuning(false);
	test_no_tuning(true);
	return check_failed;
}
