/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_times.c - keep-alive, user timeouts of one connection, what ends a connection that nobody answers; how seldom
 *                    timers are armed (this program is linked with --wrap=wheel_arm)
 */
#include "tests/unit/tcp_wire.h"

static const uint8_t mss1460[4] = { 2, 4, 1460 >> 8, 1460 & 255 };
static uint32_t una; /* our first number */
static unsigned arms;

void __real_wheel_arm(struct wheel *wheel, struct wheel_timer *t, uint64_t due_us);
void __wrap_wheel_arm(struct wheel *wheel, struct wheel_timer *t, uint64_t due_us);

void
__wrap_wheel_arm(struct wheel *wheel, struct wheel_timer *t, uint64_t due_us)
{
	arms++;
	__real_wheel_arm(wheel, t, due_us);
}

static void
open_one(void)
{
	wire_start();
	una = accept_one(mss1460, 4);
}

static void
keep(uint32_t idle_s, uint32_t interval_s, uint8_t cnt, uint32_t user_timeout_s)
{
	struct tcp_times t = { .user_timeout_ms = user_timeout_s * 1000,
		               .keep_idle_ms = idle_s * 1000,
		               .keep_interval_ms = interval_s * 1000,
		               .keep_cnt = cnt };

	CHECK(tcp_set_times(w.c, &t));
	tcp_set_keepalive(w.c, true);
}

static enum tcp_state
state(void)
{
	struct tcp_info i;

	tcp_get_info(w.c, &i);
	return i.state;
}

/* RFC 9293 3.8.4: off, and two hours when it is on. */
static void
test_keep_default(void)
{
	wire_defaults();
	open_one();
	wire_pass_ms(100);
	CHECK(w.wheel.armed_cnt == 0, "an idle connection has no timer");
	wire_pass_ms(7200000);
	EXPECT_SILENCE("off");
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, NULL, 0);
	tcp_set_keepalive(w.c, true);
	wire_pass_ms(7199990);
	EXPECT_SILENCE("not yet");
	wire_pass_ms(20);
	EXPECT_SEG(TCP_ACK, una - 1, PEER_ISN + 1, 0);
	tcp_abort(w.c);
	wire_end();
}

static void
test_keep_unanswered(void)
{
	wire_defaults();
	open_one();
	keep(10, 3, 4, 0);
	wire_pass_ms(9990);
	EXPECT_SILENCE("not yet");
	for (int i = 0; i < 4; i++) {
		wire_pass_ms(i ? 2980 : 0);
		EXPECT_SILENCE("probe %d early", i);
		wire_pass_ms(20);
		EXPECT_SEG(TCP_ACK, una - 1, PEER_ISN + 1, 0, "probe %d", i);
	}
	CHECK(w.closed == 0 && w.n.keep_probes == 4 && w.n.probes == 0);
	wire_pass_ms(3000);
	EXPECT_SEG(TCP_RST | TCP_ACK, una, PEER_ISN + 1, 0);
	CHECK(w.closed == 1 && w.err == ETIMEDOUT && w.n.timeout_keep == 1);
	wire_end();
}

/* Each answer is as good as the first; and what comes anyway moves the question away. */
static void
test_keep_answered(void)
{
	wire_defaults();
	open_one();
	keep(10, 3, 2, 0);
	for (int i = 0; i < 5; i++) {
		wire_pass_ms(10010);
		EXPECT_SEG(TCP_ACK, una - 1, PEER_ISN + 1, 0);
		wire_pass_ms(3010);
		EXPECT_SEG(TCP_ACK, una - 1, PEER_ISN + 1, 0);
		inject(TCP_ACK, PEER_ISN + 1, una, 65535, NULL, 0);
		EXPECT_SILENCE("nothing to say");
	}
	for (int i = 0; i < 4; i++) {
		wire_pass_ms(9000);
		inject(TCP_ACK, PEER_ISN + 1 + (uint32_t)i, una, 65535, "x", 1);
		EXPECT_SEG(TCP_ACK, una, PEER_ISN + 2 + (uint32_t)i, 0);
	}
	CHECK(w.closed == 0);
	tcp_set_keepalive(w.c, false);
	wire_pass_ms(60000);
	EXPECT_SILENCE("off again");
	CHECK(w.wheel.armed_cnt == 0);
	tcp_abort(w.c);
	wire_end();
}

/* An unanswered probe does not back the first RTO of new data off, and nothing is asked while data is in flight. */
static void
test_keep_then_data(void)
{
	uint64_t sent_us;

	wire_defaults();
	open_one();
	keep(1, 1, 9, 0);
	wire_pass_ms(3500);
	CHECK(left_out() == 3);
	CHECK(tcp_send(w.c, span(body, 100)));
	wire_turn();
	sent_us = w.now_us;
	EXPECT_SEG(TCP_ACK | TCP_PSH, una, PEER_ISN + 1, 100);
	wire_pass_ms(2500);
	EXPECT_SEG(TCP_ACK | TCP_PSH, una, PEER_ISN + 1, 100, "RTO");
	CHECK(w.out[w.read - 1].at_us - sent_us <= 210000, "not backed off");
	while (w.read < w.out_cnt)
		CHECK(next_out()->len == 100, "no probes beside it");
	inject(TCP_ACK, PEER_ISN + 1, una + 100, 65535, NULL, 0);
	left_out();
	wire_pass_ms(1010);
	EXPECT_SEG(TCP_ACK, una + 99, PEER_ISN + 1, 0, "and goes on behind it");
	inject(TCP_ACK, PEER_ISN + 1, una + 100, 0, NULL, 0); /* shut */
	CHECK(tcp_send(w.c, span(body, 100)));
	wire_turn();
	left_out();
	w.n.keep_probes = 0;
	for (int i = 0; i < 8; i++) {
		wire_pass_ms(1000);
		inject(TCP_ACK, PEER_ISN + 1, una + 100, 0, NULL, 0);
	}
	CHECK(w.n.keep_probes == 0 && w.n.probes >= 4, "a shut window has probes of its own");
	tcp_abort(w.c);
	wire_end();
}

/* In FIN-WAIT-2 the wait for the FIN is the limit; in CLOSE-WAIT it is asked. */
static void
test_keep_half_closed(void)
{
	wire_defaults();
	open_one();
	keep(5, 5, 9, 0);
	tcp_close(w.c);
	wire_turn();
	inject(TCP_ACK, PEER_ISN + 1, una + 1, 65535, NULL, 0);
	CHECK(state() == TCP_FIN_WAIT_2);
	left_out();
	wire_pass_ms(30000);
	EXPECT_SILENCE("FIN-WAIT-2");
	tcp_abort(w.c);
	wire_end();

	wire_defaults();
	open_one();
	keep(5, 5, 9, 0);
	inject(TCP_ACK | TCP_FIN, PEER_ISN + 1, una, 65535, NULL, 0);
	CHECK(state() == TCP_CLOSE_WAIT);
	left_out();
	wire_pass_ms(5010);
	EXPECT_SEG(TCP_ACK, una - 1, PEER_ISN + 2, 0);
	tcp_abort(w.c);
	wire_end();
}

/* With a user timeout that, and not the number of probes, is the end. */
static void
test_keep_user_timeout(void)
{
	wire_defaults();
	open_one();
	keep(2, 2, 2, 9);
	wire_pass_ms(9990);
	CHECK(w.closed == 0 && w.n.keep_probes == 4);
	wire_pass_ms(20);
	CHECK(w.closed == 1 && w.err == ETIMEDOUT);
	wire_end();

	wire_defaults(); /* shorter than the first silence: one question all the same */
	open_one();
	keep(5, 2, 9, 1);
	wire_pass_ms(5010);
	CHECK(w.n.keep_probes == 1 && w.closed == 0);
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, NULL, 0);
	wire_pass_ms(4000);
	CHECK(w.closed == 0);
	tcp_abort(w.c);
	wire_end();
}

static void
test_user_timeout(void)
{
	struct tcp_times t = { .user_timeout_ms = 7000 }, got;

	wire_defaults(); /* data; shortened while it is in flight */
	open_one();
	CHECK(tcp_send(w.c, span(body, 100)));
	wire_turn();
	wire_pass_ms(6500); /* the next RTO is at 12.6 s */
	CHECK(tcp_set_times(w.c, &t));
	tcp_get_times(w.c, &got);
	CHECK(got.user_timeout_ms == 7000 && got.keep_cnt == 0);
	wire_pass_ms(480);
	CHECK(w.closed == 0);
	wire_pass_ms(30);
	CHECK(w.closed == 1 && w.err == ETIMEDOUT && w.n.timeout_user == 1);
	CHECK(w.out[w.out_cnt - 1].flags == (TCP_RST | TCP_ACK));
	wire_end();

	wire_defaults(); /* the stack's: 5 min */
	open_one();
	CHECK(tcp_send(w.c, span(body, 100)));
	wire_turn();
	wire_pass_ms(299900);
	CHECK(w.closed == 0);
	wire_pass_ms(200);
	CHECK(w.closed == 1 && w.err == ETIMEDOUT);
	wire_end();

	wire_defaults(); /* the SYN */
	wire_start();
	w.c = tcp_connect(w.stack, &w.us, &w.peer, 2525, &wire_ops, NULL, w.now_us);
	CHECK(w.c && tcp_set_times(w.c, &t));
	wire_turn();
	wire_pass_ms(6990);
	CHECK(w.closed == 0 && w.out_cnt == 3);
	wire_pass_ms(20);
	CHECK(w.closed == 1 && w.err == ETIMEDOUT && w.n.timeout_connect == 1);
	wire_end();
}

/* A shut window is asked for, with back-off, as long as the peer answers; the cap ends it, and a user timeout before that. */
static void
shut_window(uint32_t own_ms, uint32_t until_ms)
{
	struct tcp_times t = { .user_timeout_ms = own_ms };
	uint64_t last_us, begun_us;
	uint32_t wait_ms = 0;

	wire_defaults();
	open_one();
	CHECK(!own_ms || tcp_set_times(w.c, &t));
	inject(TCP_ACK, PEER_ISN + 1, una, 0, NULL, 0);
	CHECK(tcp_send(w.c, span(body, 100)));
	wire_turn();
	left_out();
	last_us = begun_us = w.now_us;
	while (!w.closed && w.now_us - begun_us < 700000000ull) {
		wire_pass_ms(1);
		if (w.closed || w.read == w.out_cnt)
			continue;
		EXPECT_SEG(TCP_ACK, una - 1, PEER_ISN + 1, 0);
		CHECK(w.now_us - last_us >= wait_ms * 1000ull, "never sooner than before");
		wait_ms = (uint32_t)((w.now_us - last_us) / 1000);
		CHECK(wait_ms <= 60001);
		last_us = w.now_us;
		inject(TCP_ACK, PEER_ISN + 1, una, 0, NULL, 0);
		EXPECT_SILENCE("nothing more");
	}
	CHECK(w.closed == 1 && w.err == ETIMEDOUT && w.n.timeout_persist == 1);
	CHECK(w.now_us - begun_us >= until_ms * 1000ull &&
	              w.now_us - begun_us < (until_ms + 60100) * 1000ull,
	      "%llu ms", (unsigned long long)(w.now_us - begun_us) / 1000);
	wire_end();
}

/* LAST-ACK and CLOSING with a peer that is gone: the user timeout, whether there is a user or not. */
static void
test_fin_never_acked(void)
{
	wire_defaults();
	open_one();
	inject(TCP_ACK | TCP_FIN, PEER_ISN + 1, una, 65535, NULL, 0);
	tcp_close(w.c);
	wire_turn();
	CHECK(state() == TCP_LAST_ACK);
	wire_pass_ms(299900);
	CHECK(w.closed == 0);
	wire_pass_ms(200);
	CHECK(w.closed == 1 && w.err == ETIMEDOUT && w.n.timeout_user == 1);
	wire_end();

	wire_defaults();
	open_one();
	tcp_detach(w.c);
	wire_turn();
	inject(TCP_ACK | TCP_FIN, PEER_ISN + 1, una, 65535, NULL, 0); /* CLOSING */
	wire_pass_ms(299900);
	CHECK(w.n.orphans == 1);
	wire_pass_ms(200);
	CHECK(w.n.orphans == 0 && w.n.timeout_user == 1);
	wire_end();
}

/* The sets are shared, counted, bounded, and come back. */
static void
test_sets(void)
{
	struct tcp_conn *c[66];
	struct tcp_times t = { .keep_cnt = 128 };

	wire_defaults();
	w.cfg.conn_cnt = 80;
	wire_start();
	for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
		c[i] = tcp_connect(w.stack, &w.us, &w.peer, 2525, &wire_ops, NULL, w.now_us);
		BUG_ON(!c[i]);
	}
	wire_turn();
	CHECK(!tcp_set_times(c[0], &t), "out of bounds");
	t = (struct tcp_times){ .user_timeout_ms = TCP_TIME_MAX_MS + 1 };
	CHECK(!tcp_set_times(c[0], &t), "out of bounds");
	for (unsigned i = 0; i < 63; i++) {
		t.user_timeout_ms = 1000 + i;
		CHECK(tcp_set_times(c[i], &t));
	}
	CHECK(tcp_set_times(c[63], &t), "shared with the last one");
	t.user_timeout_ms = 5000;
	CHECK(!tcp_set_times(c[64], &t) && w.n.full_times == 1);
	tcp_abort(c[62]);
	CHECK(!tcp_set_times(c[64], &t), "still used by one");
	tcp_abort(c[63]);
	CHECK(tcp_set_times(c[64], &t));
	t.user_timeout_ms = 0;
	CHECK(tcp_set_times(c[64], &t), "back to the stack's");
	t.user_timeout_ms = 6000;
	CHECK(tcp_set_times(c[65], &t), "and that set is free again");
	wire_end();
}

/* Due times move with every segment; the wheel's timer is set twice in 40 ms (delayed ACK, then the rest), not 4,000 times. */
static void
test_lazy(void)
{
	uint32_t in = PEER_ISN + 1, sent = 0;

	wire_defaults();
	open_one();
	tcp_set_keepalive(w.c, true);
	arms = 0;
	for (int i = 0; i < 1000; i++) { /* a question and its answer every 2 ms */
		inject(TCP_ACK, in, una + sent, 65535, "x", 1);
		in++;
		CHECK(tcp_send(w.c, span(body, 500)));
		sent += 500;
		wire_turn();
		wire_pass_ms(2);
		w.read = w.out_cnt = 0;
	}
	CHECK(arms <= 2 * (2000 / w.cfg.delack_ms) + 2, "%u times for 1,000 segments each way",
	      arms);
	tcp_abort(w.c);
	wire_end();
}

int
main(void)
{
	wire_init();
	test_keep_default();
	test_keep_unanswered();
	test_keep_answered();
	test_keep_then_data();
	test_keep_half_closed();
	test_keep_user_timeout();
	test_user_timeout();
	shut_window(0, 600000);
	shut_window(100000, 100000);
	test_fin_never_acked();
	test_sets();
	test_lazy();
	return check_failed;
}
