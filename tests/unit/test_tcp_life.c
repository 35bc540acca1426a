/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_life.c - opening from our side, every way to end, TIME-WAIT, timestamps, ICMP, what a full pool answers
 */
#include "dataplane/tcp/tcp_seq.h"
#include "tests/unit/tcp_wire.h"

static const uint8_t mss1460[4] = { 2, 4, 1460 >> 8, 1460 & 255 };
static uint32_t at; /* the peer's next number */

static uint32_t
open_plain(void)
{
	at = PEER_ISN + 1;
	wire_start();
	return accept_one(mss1460, 4);
}

static void
expect_clean(const char *what)
{
	struct tcp_usage u;

	tcp_get_usage(w.stack, &u);
	CHECK(!u.conns && !u.orphans && !u.slices && !u.small_chunks && !u.ooos && !u.mbufs_held,
	      "%s", what);
}

/* We close first: FIN-WAIT-1, -2, TIME-WAIT. */
static void
test_active_close(void)
{
	struct tcp_usage u;
	uint32_t una;

	wire_defaults();
	una = open_plain();
	CHECK(tcp_send(w.c, span("bye", 3)));
	tcp_close(w.c);
	CHECK(!tcp_send(w.c, span("x", 1)) && tcp_room(w.c) == 0);
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_PSH | TCP_FIN, una, at, 3);
	inject(TCP_ACK, at, una + 4, 65535, NULL, 0);
	EXPECT_SILENCE("FIN-WAIT-2");
	inject(TCP_ACK, at, una + 4, 65535, "late", 4); /* half closed: the peer may talk */
	CHECK(w.got_len == 4);
	left_out();
	inject(TCP_ACK | TCP_FIN, at + 4, una + 4, 65535, NULL, 0);
	EXPECT_SEG(TCP_ACK, una + 4, at + 5, 0);
	CHECK(w.closed == 1 && w.err == 0 && w.eof);
	expect_clean("closed");
	tcp_get_usage(w.stack, &u);
	CHECK(u.timewaits == 1);
	inject(TCP_ACK | TCP_FIN, at + 4, una + 4, 65535, NULL, 0); /* our ACK was lost */
	EXPECT_SEG(TCP_ACK, una + 4, at + 5, 0);
	inject(TCP_RST, at + 5, 0, 0, NULL, 0); /* RFC 1337 */
	inject(TCP_RST, at + 6, 0, 0, NULL, 0);
	inject(TCP_ACK, at + 5, una + 4, 65535, NULL, 0);
	EXPECT_SILENCE("TIME-WAIT keeps still");
	inject(TCP_SYN, at + 4, 0, 1000, NULL, 0); /* not newer */
	EXPECT_SEG(TCP_ACK, una + 4, at + 5, 0);
	inject(TCP_SYN, at + 6, 0, 1000, NULL, 0); /* newer: RFC 6191 */
	CHECK(w.out_cnt > w.read && w.out[w.read].flags == (TCP_SYN | TCP_ACK) &&
	      seq_gt(w.out[w.read].seq, una + 4) && w.n.timewait_reused == 1);
	wire_end();
}

static void
test_time_wait_ends(void)
{
	struct tcp_usage u;
	uint32_t una;

	wire_defaults();
	una = open_plain();
	tcp_close(w.c);
	wire_turn();
	inject(TCP_ACK | TCP_FIN, at, una + 1, 65535, NULL, 0);
	CHECK(w.closed == 1);
	wire_pass_ms(59000);
	tcp_get_usage(w.stack, &u);
	CHECK(u.timewaits == 1);
	wire_pass_ms(1200);
	tcp_get_usage(w.stack, &u);
	CHECK(u.timewaits == 0);
	left_out();
	inject(TCP_ACK | TCP_FIN, at, una + 1, 65535, NULL, 0);
	EXPECT_SEG(TCP_RST, una + 1, 0, 0);
	wire_end();
}

/* Both close at once: CLOSING. */
static void
test_simultaneous_close(void)
{
	struct tcp_info i;
	uint32_t una;

	wire_defaults();
	una = open_plain();
	tcp_close(w.c);
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_FIN, una, at, 0);
	inject(TCP_ACK | TCP_FIN, at, una, 65535, NULL, 0);
	tcp_get_info(w.c, &i);
	CHECK(i.state == TCP_CLOSING && w.closed == 0);
	EXPECT_SEG(TCP_ACK, una + 1, at + 1, 0);
	inject(TCP_ACK, at + 1, una + 1, 65535, NULL, 0);
	CHECK(w.closed == 1 && w.err == 0);
	expect_clean("CLOSING");
	wire_end();
}

/* The peer closes first: CLOSE-WAIT, LAST-ACK, nothing left at once. */
static void
test_passive_close(void)
{
	struct tcp_usage u;
	uint32_t una;

	wire_defaults();
	una = open_plain();
	inject(TCP_ACK | TCP_FIN, at, una, 65535, "QUIT", 4);
	CHECK(w.eof && w.got_len == 4 && w.closed == 0);
	EXPECT_SEG(TCP_ACK, una, at + 5, 0);
	tcp_close(w.c);
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_FIN, una, at + 5, 0);
	wire_pass_ms(230);
	EXPECT_SEG(TCP_ACK | TCP_FIN, una, at + 5, 0, "the FIN again");
	inject(TCP_ACK, at + 5, una + 1, 65535, NULL, 0);
	CHECK(w.closed == 1 && w.err == 0);
	expect_clean("LAST-ACK");
	tcp_get_usage(w.stack, &u);
	CHECK(u.timewaits == 0);
	wire_end();
}

/* on_close(0) waits for a reader who is behind. */
static void
test_close_waits_for_reader(void)
{
	uint32_t una;

	wire_defaults();
	una = open_plain();
	w.hold = true;
	tcp_close(w.c);
	wire_turn();
	inject(TCP_ACK | TCP_FIN, at, una + 1, 65535, "last", 4);
	CHECK(w.closed == 0 && tcp_unread(w.c) == 4);
	wire_pass_ms(2000);
	tcp_consume(w.c, 3);
	wire_turn();
	CHECK(w.closed == 0);
	tcp_consume(w.c, 1);
	wire_turn();
	CHECK(w.closed == 1 && w.err == 0);
	wire_end();
}

static void
test_abort(void)
{
	uint32_t una;

	wire_defaults();
	una = open_plain();
	CHECK(tcp_send(w.c, span(body, 30000)));
	tcp_abort(w.c);
	EXPECT_SEG(TCP_RST | TCP_ACK, una, at, 0);
	wire_turn();
	EXPECT_SILENCE("gone");
	CHECK(w.closed == 0);
	expect_clean("abort");
	inject(TCP_ACK, at, una, 65535, NULL, 0);
	EXPECT_SEG(TCP_RST, una, 0, 0);
	wire_end();
}

/* Queued bytes still arrive; what comes is acknowledged, thrown away, and the window stays where it was. */
static void
test_detach(void)
{
	struct tcp_usage u;
	uint32_t una;
	uint16_t wnd;

	wire_defaults();
	una = open_plain();
	CHECK(tcp_send(w.c, span("421 busy", 8)));
	tcp_detach(w.c);
	wire_turn();
	EXPECT_SEG(TCP_ACK | TCP_PSH | TCP_FIN, una, at, 8);
	wnd = w.out[w.out_cnt - 1].wnd;
	inject(TCP_ACK, at, una, 65535, body, 1000);
	EXPECT_SEG(TCP_ACK, una + 9, at + 1000, 0);
	CHECK(w.out[w.out_cnt - 1].wnd == wnd - 1000 && w.bytes == 0);
	wire_pass_ms(250);
	EXPECT_SEG(TCP_ACK | TCP_PSH | TCP_FIN, una, at + 1000, 8, "sent again without a user");
	inject(TCP_ACK, at + 1000, una + 9, 65535, NULL, 0);
	tcp_get_usage(w.stack, &u);
	CHECK(u.orphans == 1);
	wire_pass_ms(60100); /* the peer never closes */
	CHECK(w.n.timeout_fin_wait_2 == 1 && w.closed == 0);
	expect_clean("FIN-WAIT-2 ran out");
	wire_end();
}

static void
test_orphan_cap(void)
{
	wire_defaults();
	w.cfg.orphan_cnt = 0;
	open_plain();
	tcp_detach(w.c);
	CHECK(w.out[w.out_cnt - 1].flags == (TCP_RST | TCP_ACK) && w.n.full_orphan == 1);
	expect_clean("orphan cap");
	wire_end();
}

static struct tcp_conn *
connect_out(void)
{
	struct tcp_conn *c = tcp_connect(w.stack, &w.us, &w.peer, 2525, &wire_ops, NULL, w.now_us);

	w.peer_port = 2525;
	if (c)
		w.our_port = tcp_local_port(c);
	wire_turn();
	return c;
}

static void
test_connect(void)
{
	const struct wire_seg *s;
	uint32_t iss;

	wire_defaults();
	w.cfg.timestamps = true;
	w.is_mine_odd = true;
	wire_start();
	w.c = connect_out();
	CHECK(w.c && w.our_port % 2 == 1 && w.our_port >= 32768);
	s = next_out();
	CHECK(s && s->flags == TCP_SYN && s->opt.mss == 1460 && s->opt.has_ts &&
	      s->opt.has_sack_ok && s->opt.wscale == 8);
	iss = s->seq;
	inject(TCP_SYN | TCP_ACK, 900, iss + 2, 1000, NULL,
	       0); /* acknowledges what we never sent */
	EXPECT_SEG(TCP_RST, iss + 2, 0, 0);
	inject(TCP_RST, 900, iss + 1, 0, NULL, 0); /* without ACK it says nothing */
	inject(TCP_ACK, 900, iss + 1, 1000, NULL, 0);
	CHECK(w.closed == 0);
	EXPECT_SILENCE("no SYN, no answer");
	inject(TCP_SYN | TCP_ACK, 900, iss + 1, 1000, "220 hi", 6); /* a SYN-ACK may carry text */
	EXPECT_SEG(TCP_ACK, iss + 1, 907, 0);
	CHECK(w.opened == 1 && w.got_len == 6 && !s->opt.is_bad);
	tcp_abort(w.c);
	wire_end();
}

static void
test_connect_fails(void)
{
	struct packet_icmp_error e = { .type = 3, .code = 1 };
	uint32_t iss;

	wire_defaults();
	wire_start();
	CHECK(connect_out());
	iss = w.out[0].seq;
	inject(TCP_RST | TCP_ACK, 0, iss + 1, 0, NULL, 0);
	CHECK(w.closed == 1 && w.err == ECONNREFUSED);
	wire_end();

	wire_defaults(); /* SYN at 0, 1, 3, 7, 15 s, then the end; ICMP is soft and gives the reason */
	wire_start();
	CHECK(connect_out());
	e.local = w.us;
	e.remote = w.peer;
	e.lport = w.our_port;
	e.rport = w.peer_port;
	e.seq = w.out[0].seq;
	tcp_icmp(w.stack, &e, w.now_us);
	wire_pass_ms(29900);
	CHECK(w.closed == 0 && w.out_cnt == 5, "%u", w.out_cnt);
	wire_pass_ms(200);
	CHECK(w.closed == 1 && w.err == EHOSTUNREACH);
	wire_end();

	wire_defaults(); /* port unreachable ends a SYN, but only with its own number */
	wire_start();
	CHECK(connect_out());
	e.code = 3;
	e.lport = w.our_port;
	e.seq = w.out[0].seq + 1;
	tcp_icmp(w.stack, &e, w.now_us);
	wire_turn();
	CHECK(w.closed == 0 && w.n.icmp_bad == 1);
	e.seq = w.out[0].seq;
	tcp_icmp(w.stack, &e, w.now_us);
	wire_turn();
	CHECK(w.closed == 1 && w.err == ECONNREFUSED);
	wire_end();
}

/* Both SYNs cross. */
static void
test_simultaneous_open(void)
{
	uint32_t iss;

	wire_defaults();
	wire_start();
	w.c = connect_out();
	iss = w.out[0].seq;
	left_out();
	inject(TCP_SYN, 900, 0, 1000, NULL, 0);
	EXPECT_SEG(TCP_SYN | TCP_ACK, iss, 901, 0);
	CHECK(w.opened == 0);
	inject(TCP_ACK, 901, iss + 1, 1000, NULL, 0);
	CHECK(w.opened == 1);
	tcp_abort(w.c);
	wire_end();
}

static void
test_pmtu(void)
{
	struct packet_icmp_error e = { .type = 3, .code = 4, .mtu = 1400 };
	uint32_t una;

	wire_defaults();
	una = open_plain();
	CHECK(tcp_send(w.c, span(body, 4000)));
	wire_turn();
	left_out();
	e.local = w.us;
	e.remote = w.peer;
	e.lport = w.our_port;
	e.rport = w.peer_port;
	e.seq = una - 1; /* not in flight */
	tcp_icmp(w.stack, &e, w.now_us);
	wire_turn();
	EXPECT_SILENCE("RFC 5927");
	e.seq = una;
	tcp_icmp(w.stack, &e, w.now_us);
	wire_turn();
	EXPECT_SEG(TCP_ACK, una, at, 1360);
	left_out();
	e.mtu = 68; /* a liar: the floor holds */
	tcp_icmp(w.stack, &e, w.now_us);
	wire_turn();
	EXPECT_SEG(TCP_ACK, una, at, 512);
	wire_end();
}

static void
test_paws(void)
{
	uint8_t opts[16] = { 2, 4, 5, 180 };
	uint32_t una;

	wire_defaults();
	w.cfg.timestamps = true;
	at = PEER_ISN + 1;
	wire_start();
	tcp_opt_build_ts(opts + 4, 1000, 0);
	w.tsval = 1000;
	una = accept_one(opts, 16);
	w.tsval = 1001;
	inject(TCP_ACK, at, una, 65535, "ab", 2);
	CHECK(w.got_len == 2 && w.out[w.out_cnt - 1].opt.tsecr == 1001);
	left_out();
	w.tsval = 1000;
	inject(TCP_ACK, at + 2, una, 65535, "cd", 2);
	EXPECT_SEG(TCP_ACK, una, at + 2, 0, "old: dropped and acknowledged");
	CHECK(w.got_len == 2 && w.n.drop_paws == 1);
	w.tsval = 0;
	inject(TCP_ACK, at + 2, una, 65535, "cd", 2);
	EXPECT_SILENCE("without: dropped in silence (7323 3.2)");
	inject(TCP_RST, at + 2, 0, 0, NULL, 0); /* a RST needs none */
	CHECK(w.closed == 1);
	wire_end();
}

static void
test_isn(void)
{
	uint32_t last = 0, forward = 0;

	wire_defaults();
	w.cfg.rst_per_s = 0;
	wire_start();
	for (int i = 0; i < 10000;
	     i++) { /* the same four names: only the clock moves it, 4 us a step */
		w.now_us += 400;
		inject(TCP_SYN, (uint32_t)i * 100000, 0, 1000, NULL, 0);
		forward += i > 0 && w.out[0].seq - last == 100;
		last = w.out[0].seq;
		inject(TCP_RST, (uint32_t)i * 100000 + 1, 0, 0, NULL, 0);
		w.read = w.out_cnt = 0;
	}
	CHECK(forward == 9999, "%u", forward);
	inject(TCP_SYN, 1, 0, 1000, NULL, 0);
	last = w.out[0].seq;
	w.peer_port++;
	inject(TCP_SYN, 1, 0, 1000, NULL, 0);
	CHECK(w.out[1].seq - last > 100000 && last - w.out[1].seq > 100000,
	      "another name, another place");
	wire_end();
}

static void
test_full(void)
{
	uint32_t una;
	struct pool p;
	struct chunk *ch;

	wire_defaults();
	w.cfg.conn_cnt = 1;
	w.cfg.slice_cnt = 2;
	w.cfg.small_chunk_cnt = 1;
	una = open_plain();
	CHECK(!tcp_connect(w.stack, &w.us, &w.peer, 99, &wire_ops, NULL, w.now_us) &&
	      w.n.full_conn == 1);
	CHECK(!tcp_send(w.c, span(body, 993)) && w.n.full_small_chunk == 1); /* one holds 992 */
	wire_turn();
	CHECK(w.room == 1, "objects are there: try again");
	CHECK(tcp_send(w.c, span(body, 992)));
	CHECK(!tcp_send(w.c, span(body, 1)));
	CHECK(pool_init_mapped(&p, "t", sizeof(struct chunk) + 1000, 2) == 0);
	ch = chunk_new(&p);
	BUG_ON(!ch);
	memcpy(ch->data, body + 992, 900);
	ch->len = 900;
	CHECK(tcp_send_chunk(w.c, ch, 0, 300) &&
	      tcp_send_chunk(w.c, ch, 300, 600)); /* one slice: it goes on */
	CHECK(!tcp_send_chunk(w.c, ch, 5, 10) && w.n.full_slice == 1);
	chunk_put(ch);
	wire_turn();
	EXPECT_SEG(TCP_ACK, una, at, 1460);
	CHECK(!memcmp(w.out[w.out_cnt - 2].data, body, 1460));
	EXPECT_SEG(TCP_ACK | TCP_PSH, una + 1460, at, 432);
	w.room = 0;
	inject(TCP_ACK, at, una + 1892, 65535, NULL, 0);
	CHECK(w.room == 1 && p.used_cnt == 0);
	pool_fini_mapped(&p);
	wire_end();
}

static void
test_listen(void)
{
	struct addr any = { 0 };

	wire_defaults();
	wire_start();
	CHECK(tcp_listen(w.stack, &any, 25, &wire_ops, NULL) == -EADDRINUSE);
	for (uint16_t p = 26; p < 41; p++)
		CHECK(tcp_listen(w.stack, &any, p, &wire_ops, NULL) == 0);
	CHECK(tcp_listen(w.stack, &any, 41, &wire_ops, NULL) == -ENOSPC);
	CHECK(tcp_unlisten(w.stack, &any, 41) == -ENOENT && tcp_unlisten(w.stack, &any, 25) == 0);
	inject(TCP_SYN, 100, 0, 1000, NULL, 0);
	EXPECT_SEG(TCP_RST | TCP_ACK, 0, 101, 0);
	wire_end();
}

int
main(void)
{
	wire_init();
	test_active_close();
	test_time_wait_ends();
	test_simultaneous_close();
	test_passive_close();
	test_close_waits_for_reader();
	test_abort();
	test_detach();
	test_orphan_cap();
	test_connect();
	test_connect_fails();
	test_simultaneous_open();
	test_pmtu();
	test_paws();
	test_isn();
	test_full();
	test_listen();
	return check_failed;
}
