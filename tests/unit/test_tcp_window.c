/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_window.c - the receiver: when it acknowledges, how its window grows and shrinks, what hostile senders can pin
 */
#include "dataplane/tcp/tcp_seq.h"
#include "tests/unit/tcp_wire.h"

#define RTT_MS 50
#define MSS    1460u
#define SHIFT  8
#define KIB    1024u

static const uint8_t mss_sack_ws[12] = { 2, 4, 1460 >> 8, 1460 & 255, 1, 1, 4, 2, 1, 3, 3, 7 };
static uint32_t una, at;
static uint32_t edge; /* the furthest right edge that was announced */

/* No segment that left takes back a unit of what was promised (a part of one may go, RFC 7323 2.4); the outbox is emptied. */
static void
watch_edge(void)
{
	for (unsigned i = 0; i < w.out_cnt; i++) {
		const struct wire_seg *s = &w.out[i];
		uint32_t e = s->ack + ((uint32_t)s->wnd << (s->flags & TCP_SYN ? 0 : SHIFT));

		if (s->dport != w.peer_port)
			continue;
		CHECK(!edge || seq_gt(e + (1u << SHIFT), edge), "right edge went back by %u",
		      edge - e);
		edge = edge ? seq_max(edge, e) : e;
	}
	w.read = w.out_cnt = 0;
}

/* A connection whose handshake took RTT_MS and that has behind it the segments which are acknowledged at once. */
static void
open_one(uint16_t peer_mss)
{
	uint8_t opts[12];

	memcpy(opts, mss_sack_ws, sizeof(opts));
	store_be16(opts + 2, peer_mss);
	edge = 0;
	wire_start();
	put_raw(TCP_SYN, PEER_ISN, 0, 65535, NULL, 0, opts, 12);
	una = w.out[w.out_cnt - 1].seq + 1;
	wire_pass_ms(RTT_MS);
	at = PEER_ISN + 1;
	inject(TCP_ACK, at, una, 65535, NULL, 0);
	for (unsigned i = 0; i < 16; i++, at++)
		inject(TCP_ACK | TCP_PSH, at, una, 65535, body, 1);
	watch_edge();
}

static void
end_case(void)
{
	tcp_abort(w.c);
	w.c = NULL;
	wire_end();
}

static void
arrive(uint16_t len)
{
	put(TCP_ACK, at, una, 65535, body, len);
	at += len;
}

/* --- when an ACK leaves --- */

/* Every second full segment, whatever the peer takes for one. */
static void
test_every_second(void)
{
	static const uint16_t sizes[] = { 88, 256, 536, 1000, 1220, 1448, 1460 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint16_t n = sizes[i];

		wire_defaults();
		open_one(n);
		arrive(n); /* tells its size */
		wire_pass_ms(50);
		left_out();
		for (unsigned k = 0; k < 20; k++) {
			arrive(n);
			wire_turn();
			CHECK(left_out() == k % 2, "segments of %u: number %u", n, k);
		}
		end_case();
	}
}

/* Small ones of a peer that has shown large ones wait for the timer, or until they are two large ones. */
static void
test_small_wait(void)
{
	uint32_t since;

	wire_defaults();
	open_one(MSS);
	for (unsigned i = 0; i < 5; i++)
		arrive(100);
	wire_turn();
	EXPECT_SILENCE("no size is known yet: 536");
	arrive(MSS);
	wire_pass_ms(50);
	left_out();
	since = at;
	while (at - since < 2800) {
		arrive(100);
		wire_turn();
		EXPECT_SILENCE("%u bytes", at - since);
	}
	arrive(100);
	wire_turn();
	EXPECT_SEG(TCP_ACK, una, at, 0, "two large ones");
	arrive(100);
	wire_turn();
	EXPECT_SILENCE();
	wire_pass_ms(41);
	EXPECT_SEG(TCP_ACK, una, at, 0, "40 ms");
	end_case();
}

/* A mail that arrives within one turn of the loop, and its reply: pure ACKs that it costs. */
static void
test_acks_per_mail(void)
{
	static const struct {
		uint32_t bytes;
		unsigned acks;
	} mails[] = { { 4096, 0 }, { 20480, 1 }, { 65536, 5 } };

	for (size_t i = 0; i < ARRAY_LEN(mails); i++) {
		uint64_t before;
		uint32_t end;

		wire_defaults();
		open_one(MSS);
		arrive(MSS);
		wire_pass_ms(50);
		before = w.n.acks_pure_out;
		end = at + mails[i].bytes;
		while (at != end)
			arrive((uint16_t)MIN(MSS, end - at));
		tcp_ready(w.stack, w.now_us);
		CHECK(tcp_send(w.c, span("250 2.0.0 ok\r\n", 14)));
		tcp_flush(w.stack, w.now_us);
		CHECK(w.n.acks_pure_out - before == mails[i].acks, "%u bytes: %llu ACKs",
		      mails[i].bytes, (unsigned long long)(w.n.acks_pure_out - before));
		end_case();
	}
}

/* --- the window --- */

/* One round trip in which `bytes` arrive and are read as they come. */
static void
round_trip(uint32_t bytes)
{
	for (uint32_t n = 0; n < bytes; n += MSS) {
		arrive((uint16_t)MIN(MSS, bytes - n));
		if (n / MSS % 16 == 15) {
			tcp_ready(w.stack, w.now_us);
			w.got_len = 0;
			tcp_flush(w.stack, w.now_us);
			watch_edge();
		}
	}
	wire_turn();
	w.got_len = 0;
	wire_pass_ms(RTT_MS);
	watch_edge();
}

/* A sender in slow start from ten segments never waits for the window, up to 4 MiB. */
static void
test_grows(void)
{
	uint32_t cwnd = 10 * MSS;

	wire_defaults();
	open_one(MSS);
	CHECK(info().rcv_buf_bytes == 64 * KIB && info().rcv_wnd_bytes >= 65535 - 16);
	for (unsigned i = 0; i < 9; i++) {
		uint32_t n = MIN(cwnd, 2000 * KIB);

		/* what arrives first opens it by as much again */
		CHECK(info().rcv_wnd_bytes + 16 * MSS + (1u << SHIFT) > n,
		      "round %u: %u announced, %u wanted", i, info().rcv_wnd_bytes, n);
		round_trip(n);
		cwnd *= 2;
	}
	CHECK(info().rcv_buf_bytes == 4096 * KIB, "%u", info().rcv_buf_bytes);
	end_case();
}

/* What nobody uses goes back to 16 KiB. */
static void
test_shrinks_idle(void)
{
	wire_defaults();
	open_one(MSS);
	for (unsigned i = 0; i < 8; i++)
		round_trip(500 * KIB);
	CHECK(info().rcv_buf_bytes > 1024 * KIB, "%u", info().rcv_buf_bytes);
	wire_pass_ms(10000);
	round_trip(10);
	CHECK(info().rcv_buf_bytes == 16 * KIB, "%u", info().rcv_buf_bytes);
	for (unsigned i = 0; i < 200; i++)
		round_trip(10 * MSS); /* uses up what was promised */
	CHECK(info().rcv_wnd_bytes <= 100 * KIB, "%u", info().rcv_wnd_bytes);
	end_case();
}

/* --- what hostile senders can pin --- */

static void
open_from(uint32_t i)
{
	uint32_t iss;

	w.peer = addr_v4(0x0b000001 + i / 50000);
	w.peer_port = (uint16_t)(1024 + i % 50000);
	put_raw(TCP_SYN, PEER_ISN, 0, 65535, NULL, 0, mss_sack_ws, 12);
	iss = w.out[w.out_cnt - 1].seq;
	put(TCP_ACK, PEER_ISN + 1, iss + 1, 65535, NULL, 0);
	for (uint32_t k = 0; k < 3; k++) {
		put(TCP_ACK | TCP_PSH, PEER_ISN + 1 + k, iss + 1, 65535, body, 1);
		wire_turn();
	}
	w.got_len = 0;
	w.read = w.out_cnt = 0;
}

/* Other connections hold much of the budget; what this one announces follows, and never by a step back. */
static void
test_pressure(void)
{
	static const struct {
		unsigned held;
		uint32_t least, most;
	} cases[] = { { 400, 1024 * KIB, UINT32_MAX },
		      { 600, 60 * KIB, 64 * KIB },
		      { 800, 14 * KIB, 16 * KIB } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tcp_conn *first;

		wire_defaults();
		w.cfg.mbuf_budget = 1000;
		w.cfg.conn_cnt = 1000;
		open_one(MSS);
		for (unsigned k = 0; k < 6; k++)
			round_trip(500 * KIB);
		first = w.c;
		w.hold = true;
		for (uint32_t k = 0; k < cases[i].held; k++)
			open_from(k);
		w.hold = false;
		w.peer = addr_v4(0x0a4d0001);
		w.peer_port = 40000;
		w.c = first;
		for (unsigned k = 0; k < 200; k++)
			round_trip(10 * MSS);
		CHECK(info().rcv_wnd_bytes <= cases[i].most &&
		              info().rcv_wnd_bytes >= cases[i].least,
		      "%u held: %u announced", cases[i].held, info().rcv_wnd_bytes);
		end_case();
	}
}

/* 100,000 connections of single bytes: the connection itself is all that they hold. */
static void
test_single_bytes(void)
{
	const uint32_t cnt = 100000;
	struct tcp_usage u;

	wire_defaults();
	w.cfg.conn_cnt = cnt;
	wire_start();
	for (uint32_t i = 0; i < cnt; i++)
		open_from(i);
	tcp_get_usage(w.stack, &u);
	printf("%u connections of single bytes hold: connections %zu KiB, out of order %u, senders "
	       "%u, slices %u, chunks %u, mbufs %u\n",
	       u.conns, (size_t)u.conns * 256 / KIB, u.ooos, u.txs, u.slices, u.small_chunks,
	       u.mbufs_held);
	CHECK(u.conns == cnt && !u.ooos && !u.txs && !u.bigs && !u.slices && !u.small_chunks &&
	      !u.mbufs_held && !u.syns);
	CHECK(rte_mempool_in_use_count(w.pool) == 0);
	wire_end();
}

/* Pieces smaller than the window's unit: what they gain by rounding ends where the buffer does. */
static void
test_small_pieces(void)
{
	uint32_t first;

	wire_defaults();
	open_one(MSS);
	w.hold = true;
	first = at;
	for (unsigned i = 0; i < 4000; i++) {
		inject(TCP_ACK | TCP_PSH, at, una, 65535, body, 100);
		if (left_out() == 0)
			wire_pass_ms(50);
		at += 100;
	}
	CHECK(info().unread_bytes <= info().rcv_buf_bytes + (1u << SHIFT), "%u unread, buffer %u",
	      info().unread_bytes, info().rcv_buf_bytes);
	CHECK(w.n.drop_out_of_window > 0 && seq_gt(at, first + 2 * info().rcv_buf_bytes));
	end_case();
}

/* And if nobody reads them: one mbuf each, and the budget is the end of it. */
static void
test_single_bytes_unread(void)
{
	struct tcp_usage u;

	wire_defaults();
	w.cfg.conn_cnt = 1000;
	w.cfg.mbuf_budget = 600;
	wire_start();
	w.hold = true;
	for (uint32_t i = 0; i < 1000; i++)
		open_from(i);
	tcp_get_usage(w.stack, &u);
	CHECK(u.mbufs_held == 600 && rte_mempool_in_use_count(w.pool) == 600, "%u", u.mbufs_held);
	CHECK(w.n.drop_budget + w.n.drop_ooo_full == 3 * 400 + 2 && w.n.drop_budget >= 400);
	w.c = NULL;
	wire_end();
}

/* Holes of one byte: 64 runs are kept, the others dropped and counted, whatever their order. */
static void
test_holes(bool backwards)
{
	const uint32_t cnt = 5000;
	struct tcp_usage u;

	wire_defaults();
	open_one(MSS);
	for (uint32_t k = 0; k < cnt; k++) {
		uint32_t i = backwards ? cnt - 1 - k : k;

		inject(TCP_ACK, at + 1 + 2 * i, una, 65535, body + 1 + 2 * i, 1);
		watch_edge();
	}
	tcp_get_usage(w.stack, &u);
	CHECK(u.mbufs_held == 64 && u.ooos == 1 && info().ooo_bytes == 64);
	CHECK(w.n.ooo_in == 64 && w.n.drop_ooo_full == cnt - 64, "%llu",
	      (unsigned long long)w.n.drop_ooo_full);
	w.got_len = 0;
	inject(TCP_ACK, at, una, 65535, body, 2 * cnt > MSS ? MSS : 2 * cnt);
	CHECK(w.got_len >= MSS && !memcmp(w.got, body, MSS), "in order goes on");
	end_case();
}

/* Out-of-order bytes take no more than three quarters of the budget: what is in order still finds room. */
static void
test_holes_budget(void)
{
	struct tcp_usage u;

	wire_defaults();
	w.cfg.mbuf_budget = 40;
	open_one(MSS);
	for (uint32_t i = 0; i < 40; i++)
		inject(TCP_ACK, at + 1 + MSS * i, una, 65535, body, MSS);
	tcp_get_usage(w.stack, &u);
	CHECK(u.mbufs_held == 30 && w.n.drop_ooo_full == 10, "%u", u.mbufs_held);
	w.got_len = 0;
	inject(TCP_ACK, at, una, 65535, body, 1);
	CHECK(w.got_len == 1 + 30 * MSS);
	end_case();
}

int
main(void)
{
	wire_init();
	test_every_second();
	test_small_wait();
	test_acks_per_mail();
	test_grows();
	test_shrinks_idle();
	test_pressure();
	test_single_bytes();
	test_small_pieces();
	test_single_bytes_unread();
	test_holes(false);
	test_holes(true);
	test_holes_budget();
	return check_failed;
}
