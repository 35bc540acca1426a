/* SPDX-License-Identifier: BSD-3-Clause
 * sim_tcp_keys.c - the configuration's tcp section in a whole node, on a virtual clock: keep-alive, ECN, each changed by a reload
 */
#include "tests/sim/world.h"

static void
go_dark(void)
{
	x.net.cfg.loss_ppm = 1000000;
}

static uint64_t
keep_timeouts(void)
{
	return node_counter("weir_tcp_timeouts_total", "what=\"keep_alive\"");
}

/* A sender whose host lost its line: 2 min of silence and 4 questions, 30 s apart, sooner than the 5 min of a command. */
static void
a_sender_gone(void)
{
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	go_dark();
	pass_time(239 * SEC);
	CHECK(node_counter("weir_sessions", "") == 1 && keep_timeouts() == 0);
	CHECK(node_counter("weir_tcp_keep_alive_probes_total", "") == 4);
	pass_time(2 * SEC);
	CHECK(node_counter("weir_sessions", "") == 0 && keep_timeouts() == 1);
	world_end();
}

/* One that is there and says nothing answers each question, and has its 5 min. */
static void
a_sender_silent(void)
{
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	pass_time(299 * SEC);
	CHECK(node_counter("weir_sessions", "") == 1 && !x.sender.closed);
	CHECK(node_counter("weir_tcp_keep_alive_probes_total", "") == 2);
	EXPECT("421 4.4.2", 2 * SEC);
	CHECK(keep_timeouts() == 0);
	world_end();
}

/* A server gone after our dot, and its sender with it: both are found long before the 9 min of the final reply. */
static void
a_server_gone(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.final_after_us = 1000 * SEC;
	world_begin(&t, &a, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	TELL("DATA", "354");
	say(&x.sender, "Subject: x\r\n\r\ntext\r\n.\r\n");
	pass_time(SEC);
	CHECK(said("DATA") == 1);
	go_dark();
	pass_time(242 * SEC);
	CHECK(keep_timeouts() == 2 && node_counter("weir_sessions", "") == 0);
	world_end();
}

/* keep_idle 0: nobody is asked; a reload holds for what is open already. */
static void
keep_alive_off(void)
{
	struct worker_tunables t = world_defaults();

	t.keep_idle_us = 0;
	world_begin(&t, &polite, false);
	pass_time(200 * SEC);
	CHECK(node_counter("weir_tcp_keep_alive_probes_total", "") == 0);
	t.keep_idle_us = 20 * SEC;
	t.keep_interval_us = 5 * SEC;
	t.keep_cnt = 2;
	worker_tune(x.worker, &t);
	TELL("NOOP", "250");
	go_dark();
	pass_time(29 * SEC);
	CHECK(node_counter("weir_sessions", "") == 1 && keep_timeouts() == 0);
	pass_time(2 * SEC);
	CHECK(node_counter("weir_sessions", "") == 0 && keep_timeouts() == 1);
	world_end();
}

/* Does the sender's end, and the customer's server's, have ECN? What the far host itself wants is `far`. */
static void
ecn(enum tcp_ecn key, enum tcp_ecn far, bool sender, bool server)
{
	struct worker_tunables t = world_defaults();
	struct tcp_tunables host = {
		.ecn = far, .keep_idle_ms = 0, .keep_interval_ms = 1000, .keep_cnt = 1
	};
	struct tcp_info info;

	t.ecn = TCP_ECN_PASSIVE;
	world_begin(&t, &polite, false);
	t.ecn = key; /* a reload: what opens from now on */
	worker_tune(x.worker, &t);
	CHECK(tcp_tune(x.host.tcp, &host));
	connect_from(&x.more[0], "10.77.0.3");
	EXPECT_OF(&x.more[0], "220", SEC);
	tcp_get_info(x.more[0].tcp, &info);
	CHECK(info.ecn == sender);
	TELL_OF(&x.more[0], "EHLO x.test", "250");
	TELL_OF(&x.more[0], "MAIL FROM:<a@b.test>", "250");
	TELL_OF(&x.more[0], "RCPT TO:<one@any.test>", "250");
	BUG_ON(!x.server[0].tcp);
	tcp_get_info(x.server[0].tcp, &info);
	CHECK(info.ecn == server);
	world_end();
}

static void
ecn_off(void)
{
	ecn(TCP_ECN_OFF, TCP_ECN_ACTIVE, false, false);
}

static void
ecn_passive(void)
{
	ecn(TCP_ECN_PASSIVE, TCP_ECN_ACTIVE, true, false);
	ecn(TCP_ECN_PASSIVE, TCP_ECN_PASSIVE, false, false);
}

static void
ecn_active(void)
{
	ecn(TCP_ECN_ACTIVE, TCP_ECN_PASSIVE, false, true);
	ecn(TCP_ECN_ACTIVE, TCP_ECN_OFF, false, false);
}

static const struct world_case cases[] = {
	{ "sender-gone", a_sender_gone }, { "sender-silent", a_sender_silent },
	{ "server-gone", a_server_gone }, { "keep-alive-off", keep_alive_off },
	{ "ecn-off", ecn_off },           { "ecn-passive", ecn_passive },
	{ "ecn-active", ecn_active },
};

int
main(int argc, char **argv)
{
	return world_play(cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
}
