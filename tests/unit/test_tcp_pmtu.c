/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_pmtu.c - paths smaller than the link: told by ICMP, found by timeouts, remembered, tried again
 */
#include "dataplane/tcp/tcp_seq.h"
#include "tests/unit/tcp_wire.h"

static uint32_t una;
static uint32_t held[64][2]; /* what path() has behind a hole */
static unsigned held_cnt;

static void
open_again(void)
{
	w.opened = held_cnt = 0;
	w.peer_port++;
	una = accept_one(mss_sack, 8);
	CHECK(w.out[w.out_cnt - 1].flags & TCP_SYN &&
	      w.out[w.out_cnt - 1].opt.mss == (addr_is_v4(&w.peer) ? 1460 : 1440));
}

static void
open_one(void)
{
	wire_start();
	open_again();
}

static uint32_t
mss_now(void)
{
	struct tcp_info i;

	tcp_get_info(w.c, &i);
	return i.snd_mss;
}

static uint32_t
cwnd_now(void)
{
	struct tcp_info i;

	tcp_get_info(w.c, &i);
	return i.cwnd_bytes;
}

static void
too_big(uint32_t seq, uint32_t mtu)
{
	bool v6 = !addr_is_v4(&w.peer);
	struct packet_icmp_error e = { .local = w.us,
		                       .remote = w.peer,
		                       .lport = w.our_port,
		                       .rport = w.peer_port,
		                       .seq = seq,
		                       .v6 = v6,
		                       .type = v6 ? 2 : 3,
		                       .code = v6 ? 0 : 4,
		                       .mtu = mtu };

	tcp_icmp(w.stack, &e, w.now_us);
	wire_turn();
}

static void
send_bytes(uint32_t n)
{
	CHECK(tcp_send(w.c, span(body, n)));
	wire_turn();
}

static void
ack_to(uint32_t to)
{
	inject(TCP_ACK, PEER_ISN + 1, una + to, 65535, body, 0);
}

/* Only what is too long goes again, in pieces; nothing was congested. */
static void
test_router(void)
{
	uint32_t cwnd, mss;

	for (int v6 = 0; v6 < 2; v6++) {
		wire_defaults();
		if (v6)
			wire_use_v6();
		mss = v6 ? 1440 : 1460;
		open_one();
		send_bytes(300);
		send_bytes(2 * mss + 100);
		CHECK(left_out() == 4);
		cwnd = cwnd_now();
		too_big(una + 300, 1400);
		CHECK(mss_now() == mss - 100 && cwnd_now() == cwnd);
		EXPECT_SEG(TCP_ACK, una + 300, PEER_ISN + 1, mss - 100);
		EXPECT_SEG(TCP_ACK, una + 300 + mss - 100, PEER_ISN + 1, 100);
		EXPECT_SEG(TCP_ACK, una + 300 + mss, PEER_ISN + 1, mss - 100);
		EXPECT_SEG(TCP_ACK, una + 300 + 2 * mss - 100, PEER_ISN + 1, 100);
		EXPECT_SILENCE("the short ones fit");
		too_big(una + 300 + mss, 1400);
		EXPECT_SILENCE("the second error says nothing new");
		CHECK(w.n.icmp_pmtu == 1);
		ack_to(400 + 2 * mss);
		send_bytes(mss);
		EXPECT_SEG(TCP_ACK, una + 400 + 2 * mss, PEER_ISN + 1, mss - 100);
		tcp_abort(w.c);
		wire_end();
	}
}

/* RFC 5927, 8201 4: numbers not in flight, sizes that were not exceeded, less than IPv6's minimum; floors. */
static void
test_liars(void)
{
	wire_defaults();
	open_one();
	send_bytes(4000); /* 1460, 1460, 1080 */
	left_out();
	too_big(una - 1, 1000);
	too_big(una + 4000, 1000);
	too_big(una, 1500);
	too_big(una, 65535);
	too_big(una + 2920, 1120 + 40); /* that one is 1,120 bytes long, and options */
	CHECK(mss_now() == 1460 && w.n.icmp_bad == 5 && w.n.icmp_pmtu == 0);
	EXPECT_SILENCE("not believed");
	too_big(una, 1499);
	CHECK(mss_now() == 1459);
	too_big(una, 0); /* a router before RFC 1191 */
	CHECK(mss_now() == 1452);
	too_big(una, 68);
	CHECK(mss_now() == 512, "the floor of IPv4");
	too_big(una, 100);
	CHECK(mss_now() == 512);
	tcp_abort(w.c);
	wire_end();

	wire_defaults();
	wire_use_v6();
	open_one();
	send_bytes(4000);
	left_out();
	too_big(una, 1279);
	too_big(una, 0);
	CHECK(mss_now() == 1440 && w.n.icmp_bad == 2);
	too_big(una, 1280);
	CHECK(mss_now() == 1220);
	tcp_abort(w.c);
	wire_end();
}

/* The next connection to that peer begins with it, announces the link's; others are not concerned. It ages. */
static void
test_cache(void)
{
	struct tcp_usage u;

	wire_defaults();
	w.cfg.pmtu_cnt = 2;
	open_one();
	send_bytes(4000);
	too_big(una, 1400);
	tcp_abort(w.c);
	open_again();
	CHECK(mss_now() == 1360);
	tcp_abort(w.c);
	w.peer.b[15] += 10;
	open_again();
	CHECK(mss_now() == 1460, "another peer");
	send_bytes(4000);
	too_big(una, 1300);
	tcp_abort(w.c);
	w.peer.b[15] -= 10;
	open_again(); /* is looked up: the other one is the older now */
	tcp_abort(w.c);
	w.peer.b[15] += 20;
	open_again();
	send_bytes(4000);
	too_big(una, 1350);
	tcp_abort(w.c);
	tcp_get_usage(w.stack, &u);
	CHECK(u.pmtus == 2 && w.n.full_pmtu == 1);
	w.peer.b[15] -= 10;
	open_again();
	CHECK(mss_now() == 1460, "forgotten");
	tcp_abort(w.c);
	w.peer.b[15] -= 10;
	open_again();
	CHECK(mss_now() == 1360, "kept");
	tcp_abort(w.c);
	wire_pass_ms(1199000);
	open_again();
	CHECK(mss_now() == 1360, "ten minutes, and ten more for somebody to try");
	tcp_abort(w.c);
	wire_pass_ms(2000);
	open_again();
	CHECK(mss_now() == 1460, "too old");
	tcp_abort(w.c);
	wire_end();
}

/* Answers what fits through `mtu`, by SACK where something before it is missing; a millisecond a call. */
static void
path(uint32_t mtu, uint32_t *rcv_nxt)
{
	uint32_t head = addr_is_v4(&w.peer) ? 40 : 60;

	wire_pass_ms(1);
	while (w.read < w.out_cnt) {
		const struct wire_seg *s = next_out();
		uint32_t end = s->seq + s->len, blocks[1][2] = { { s->seq, end } };
		uint8_t opt[40];
		bool again = true;

		if (s->len == 0 || s->len + head > mtu)
			continue;
		if (s->seq == *rcv_nxt || (seq_lt(s->seq, *rcv_nxt) && seq_gt(end, *rcv_nxt)))
			*rcv_nxt = end;
		else if (seq_gt(s->seq, *rcv_nxt) && held_cnt < 64)
			memcpy(held[held_cnt++], blocks, 8);
		while (again) {
			again = false;
			for (unsigned i = 0; i < held_cnt; i++) {
				if (seq_gt(held[i][0], *rcv_nxt))
					continue;
				*rcv_nxt = seq_max(*rcv_nxt, held[i][1]);
				memcpy(held[i], held[--held_cnt], 8);
				again = true;
			}
		}
		put_raw(TCP_ACK, PEER_ISN + 1, *rcv_nxt, 65535, body, 0, opt,
		        seq_gt(s->seq, *rcv_nxt)
		                ? (uint8_t)tcp_opt_build_sack(opt, (const uint32_t(*)[2])blocks, 1)
		                : 0);
		wire_turn();
	}
	w.read = w.out_cnt = 0;
}

/* No router says anything: full segments are never acknowledged. */
static void
black_hole(bool v6, uint32_t mtu, uint32_t mss_then, uint32_t within_ms)
{
	uint32_t rcv_nxt, ms = 0;

	wire_defaults();
	if (v6)
		wire_use_v6();
	open_one();
	rcv_nxt = una;
	send_bytes(30000);
	while (rcv_nxt != una + 30000 && ms++ < 60000)
		path(mtu, &rcv_nxt);
	CHECK(ms < within_ms, "%u ms", ms);
	CHECK(mss_now() == mss_then && w.n.pmtu_black_holes >= 1, "%u", mss_now());
	tcp_abort(w.c);
	left_out();
	open_again();
	CHECK(mss_now() == mss_then, "remembered");
	tcp_abort(w.c);
	wire_end();
}

/* One segment that is not full, and still too long. */
static void
mid_sized(void)
{
	uint32_t rcv_nxt;

	wire_defaults();
	open_one();
	rcv_nxt = una;
	send_bytes(1250);
	for (int i = 0; i < 3000; i++)
		path(1285, &rcv_nxt);
	CHECK(tcp_unacked(w.c) == 0 && mss_now() == 1240);
	send_bytes(1000);
	for (int i = 0; i < 2000; i++)
		path(600, &rcv_nxt);
	CHECK(mss_now() == 1240, "that might be an outage yet");
	for (int i = 0; i < 8000; i++)
		path(600, &rcv_nxt);
	CHECK(tcp_unacked(w.c) == 0 && mss_now() == 536);
	tcp_abort(w.c);
	wire_end();
}

/* Timeouts of short segments, and of a peer that is slow but answers, are no black hole. */
static void
test_not_black_hole(void)
{
	wire_defaults();
	open_one();
	send_bytes(536);
	wire_pass_ms(30000);
	CHECK(mss_now() == 1460 && w.n.retransmit_rto > 4 && w.n.pmtu_black_holes == 0);
	tcp_abort(w.c);
	wire_end();

	wire_defaults(); /* each segment is acknowledged at its first retransmission: Karn keeps the back-off */
	open_one();
	send_bytes(14600);
	for (uint32_t i = 1; i < 8; i++) {
		unsigned rto = (unsigned)w.n.retransmit_rto;

		while (w.n.retransmit_rto == rto)
			wire_pass_ms(1);
		ack_to(i * 1460);
	}
	CHECK(mss_now() == 1460 && w.n.pmtu_black_holes == 0, "%u", mss_now());
	tcp_abort(w.c);
	wire_end();
}

/* A minute after a guess, ten after a router's word: one full segment. It arrives, or costs a round trip and no cwnd. */
static void
try_again(bool by_router, uint32_t wait_ms, bool is_wide)
{
	uint32_t rcv_nxt, mtu = 1400, small, cwnd, longest = 0;

	wire_defaults();
	w.cfg.pmtu_cnt = 1;
	open_one();
	rcv_nxt = una;
	send_bytes(30000);
	if (by_router)
		too_big(una, mtu);
	for (int i = 0; i < 5000; i++)
		path(mtu, &rcv_nxt);
	CHECK(rcv_nxt == una + 30000);
	small = mss_now();
	CHECK(small == (by_router ? 1360 : 1240), "%u", small);
	for (uint32_t ms = 0; ms < wait_ms - 8000; ms += 1000) { /* it is talked to meanwhile */
		wire_pass_ms(999);
		send_bytes(100);
		path(mtu, &rcv_nxt);
	}
	send_bytes(12000);
	for (uint32_t i = w.read; i < w.out_cnt; i++)
		longest = MAX(longest, w.out[i].len);
	CHECK(longest == small, "not yet");
	for (int i = 0; i < 9000; i++)
		path(mtu, &rcv_nxt);
	send_bytes(12000);
	cwnd = cwnd_now(); /* the silence before has lowered it */
	for (uint32_t i = w.read, wide = 0; i < w.out_cnt; i++) {
		longest = MAX(longest, w.out[i].len);
		wide += w.out[i].len == 1460;
		CHECK(i + 1 < w.out_cnt || wide == 1, "one probe");
	}
	CHECK(longest == 1460 && w.n.pmtu_probes == 1, "%u", longest);
	for (int i = 0; i < 10; i++)
		path(is_wide ? 1500 : mtu, &rcv_nxt);
	CHECK(tcp_unacked(w.c) == 0, "all there in 10 ms");
	CHECK(cwnd_now() >= cwnd && w.n.retransmit_fast == 0, "cwnd %u was %u", cwnd_now(), cwnd);
	CHECK(mss_now() == (is_wide ? 1460 : small) && w.n.pmtu_raised == is_wide);
	tcp_abort(w.c);
	left_out();
	open_again();
	CHECK(mss_now() == (is_wide ? 1460 : small), "what the next ones begin with");
	tcp_abort(w.c);
	wire_end();
}

/* An outage swallows the probe too: what arrives of it later, in pieces, says nothing of the path. */
static void
test_probe_and_outage(void)
{
	uint32_t rcv_nxt;

	wire_defaults();
	open_one();
	rcv_nxt = una;
	send_bytes(30000);
	too_big(una, 1400);
	for (int i = 0; i < 1000; i++)
		path(1400, &rcv_nxt);
	wire_pass_ms(600000);
	w.read = w.out_cnt = 0;
	send_bytes(8000);
	CHECK(w.n.pmtu_probes == 1);
	wire_pass_ms(250);
	CHECK(w.n.retransmit_rto == 1);
	w.read = w.out_cnt = 0;
	for (int i = 0; i < 1000; i++)
		path(1400, &rcv_nxt);
	CHECK(tcp_unacked(w.c) == 0 && mss_now() == 1360 && w.n.pmtu_raised == 0);
	wire_pass_ms(600000);
	w.read = w.out_cnt = 0;
	send_bytes(8000);
	for (int i = 0; i < 10; i++)
		path(1500, &rcv_nxt);
	CHECK(w.n.pmtu_probes == 2 && w.n.pmtu_raised == 1 && mss_now() == 1460, "the next one");
	tcp_abort(w.c);
	wire_end();
}

int
main(void)
{
	wire_init();
	test_router();
	test_liars();
	test_cache();
	black_hole(false, 1300, 1240, 3000);
	black_hole(false, 600, 536, 10000);
	black_hole(true, 1300, 1220, 3000);
	mid_sized();
	test_not_black_hole();
	test_probe_and_outage();
	try_again(true, 600000, true);
	try_again(true, 600000, false);
	try_again(false, 60000, true);
	try_again(false, 60000, false);
	return check_failed;
}
