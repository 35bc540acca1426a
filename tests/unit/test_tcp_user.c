/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_user.c - what a socket layer asks of tcp.h beyond what the relay needs: a port of its own, figures, repeatable ISNs
 */
#include "tests/unit/tcp_wire.h"

static uint8_t body[8000];

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

int
main(void)
{
	sim_eal_init();
	test_own_port();
	test_still_isn();
	test_info();
	return check_failed;
}
