/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_icmp.c - every type and code of an ICMP error, for a SYN and for a connection (RFC 5927, 1122 4.2.3.9, 6633)
 */
#include "tests/unit/tcp_wire.h"

static const uint8_t mss1460[4] = { 2, 4, 1460 >> 8, 1460 & 255 };

/* From the RFCs: 1122 4.2.3.9 (2, 3, 4 hard), 1812 5.2.7.1 (9, 10, 13 prohibited); 4 is a size now. 4443 3.1: 1, 4. */
static bool
is_hard(bool v6, unsigned type, unsigned code)
{
	if (v6)
		return type == 1 && (code == 1 || code == 4);
	return type == 3 && (code == 2 || code == 3 || code == 9 || code == 10 || code == 13);
}

static void
use(bool v6)
{
	wire_defaults();
	if (v6)
		wire_use_v6();
}

static void
error(bool v6, unsigned type, unsigned code, uint32_t seq)
{
	struct packet_icmp_error e = { .local = w.us,
		                       .remote = w.peer,
		                       .lport = w.our_port,
		                       .rport = w.peer_port,
		                       .seq = seq,
		                       .v6 = v6,
		                       .type = (uint8_t)type,
		                       .code = (uint8_t)code };

	tcp_icmp(w.stack, &e, w.now_us);
	wire_turn();
}

/* One SYN for each; a wrong number is not even counted as a hint. */
static void
test_syn(bool v6, unsigned type, unsigned code)
{
	uint32_t iss;

	use(v6);
	wire_start();
	w.c = tcp_connect(w.stack, &w.us, &w.peer, 2525, &wire_ops, NULL, w.now_us);
	BUG_ON(!w.c);
	w.our_port = tcp_local_port(w.c);
	w.peer_port = 2525;
	wire_turn();
	iss = w.out[0].seq;
	error(v6, type, code, iss - 1);
	error(v6, type, code, iss + 1);
	CHECK(w.closed == 0 && w.n.icmp_bad == 2, "%u/%u", type, code);
	error(v6, type, code, iss);
	CHECK(w.closed == is_hard(v6, type, code), "v6 %d: %u/%u", v6, type, code);
	CHECK(!w.closed || (w.err == ECONNREFUSED && w.n.icmp_hard == 1));
	wire_end();
}

/* Established: nothing but a size ever changes anything. */
static void
test_established(bool v6)
{
	struct tcp_info before, after;
	uint32_t una;

	use(v6);
	wire_start();
	una = accept_one(mss1460, 4);
	CHECK(tcp_send(w.c, span("0123456789", 10)));
	wire_turn();
	tcp_get_info(w.c, &before);
	left_out();
	for (unsigned type = 0; type < 256; type++)
		for (unsigned code = 0; code < 20; code++)
			error(v6, type, code, una);
	EXPECT_SILENCE("no answer to any");
	CHECK(w.closed == 0 && w.n.icmp_hard == 0 && w.n.icmp_pmtu == 0);
	tcp_get_info(w.c, &after);
	CHECK(!memcmp(&before, &after, sizeof(after)), "source quench neither");
	inject(TCP_ACK, PEER_ISN + 1, una + 10, 65535, "x", 1);
	CHECK(w.got_len == 1 && tcp_unacked(w.c) == 0, "it lives");
	error(v6, v6 ? 1 : 3, v6 ? 4 : 3, una + 10);
	CHECK(w.closed == 0, "nothing in flight");
	tcp_abort(w.c);
	wire_end();
}

/* Of a connection that is none of ours. */
static void
test_stranger(void)
{
	wire_defaults();
	wire_start();
	error(false, 3, 3, 1);
	CHECK(w.n.icmp_bad == 1);
	wire_end();
}

int
main(void)
{
	wire_init();
	for (int v6 = 0; v6 < 2; v6++) {
		for (unsigned type = 0; type < 14; type++)
			for (unsigned code = 0; code < 16; code++)
				test_syn(v6, type, code);
		test_established(v6);
	}
	test_stranger();
	return check_failed;
}
