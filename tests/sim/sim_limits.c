/* SPDX-License-Identifier: BSD-3-Clause
 * sim_limits.c - every limit that a configuration names, at its bound and one past it, on a virtual clock
 */
#include "tests/sim/world.h"

static struct worker_tunables
with_limits(uint32_t connections, uint32_t mails, uint32_t failed_rcpts)
{
	struct worker_tunables t = world_defaults();

	t.limits = (struct limits_config){
		.enabled = true,
		.connections = connections,
		.per_minute = { [LIMITS_MAILS] = mails, [LIMITS_FAILED_RCPTS] = failed_rcpts }
	};
	return t;
}

/* The third of one address is turned away; another address is not, and an end makes room. */
static void
connections_of_an_address(void)
{
	struct worker_tunables t = with_limits(2, 0, 0);

	world_begin(&t, &polite, false);
	connect_from(&x.more[0], "10.77.0.1");
	EXPECT_OF(&x.more[0], "220", SEC);
	connect_from(&x.more[1], "10.77.0.1");
	EXPECT_OF(&x.more[1], "421 4.7.0", SEC);
	connect_from(&x.more[2], "10.77.0.3");
	EXPECT_OF(&x.more[2], "220", SEC);
	TELL_OF(&x.more[0], "QUIT", "221");
	pass_time(SEC);
	CHECK(x.more[1].closed);
	connect_from(&x.more[3], "10.77.0.1");
	EXPECT_OF(&x.more[3], "220", SEC);
	CHECK(node_counter("weir_smtp_sessions_total", "result=\"limit\"") == 1);
	world_end();
}

/*
 * The fourth of a network is turned away, whatever its address. Ends of every kind make room: QUIT, a RST, a time-out, and
 * being turned away. A reload holds at once.
 */
static void
connections_of_a_network(void)
{
	struct worker_tunables t = with_limits(0, 0, 0);

	t.limits.connections_per_prefix = 3;
	t.command_us = 60 * SEC;
	world_begin(&t, &polite, false); /* x.sender is one of them */
	connect_from(&x.more[0], "10.77.0.3");
	EXPECT_OF(&x.more[0], "220", SEC);
	connect_from(&x.more[1], "10.77.0.1");
	EXPECT_OF(&x.more[1], "220", SEC);
	connect_from(&x.more[2], "10.77.0.3");
	EXPECT_OF(&x.more[2], "421 4.7.0", SEC);
	pass_time(SEC);
	CHECK(x.more[2].closed && limits_held(x.limits) == 6);
	TELL_OF(&x.more[0], "QUIT", "221");
	pass_time(SEC);
	connect_from(&x.more[3], "10.77.0.3");
	EXPECT_OF(&x.more[3], "220", SEC);
	tcp_abort(x.more[1].tcp);
	x.more[1].tcp = NULL;
	pass_time(SEC);
	CHECK(limits_held(x.limits) == 4);
	t.limits.connections_per_prefix = 2; /* a reload: those that are there stay */
	worker_tune(x.worker, &t);
	connect_from(&x.more[4], "10.77.0.1");
	EXPECT_OF(&x.more[4], "421 4.7.0", SEC);
	pass_time(61 * SEC); /* all others are silent for too long */
	CHECK(x.sender.closed && x.more[3].closed && limits_held(x.limits) == 0);
	connect_from(&x.more[5], "10.77.0.1");
	EXPECT_OF(&x.more[5], "220", SEC);
	CHECK(node_counter("weir_smtp_sessions_total", "result=\"prefix_limit\"") == 2 &&
	      node_counter("weir_smtp_sessions_total", "result=\"limit\"") == 0);
	world_end();
}

static void
mails_a_minute(void)
{
	struct worker_tunables t = with_limits(0, 2, 0);

	world_begin(&t, &polite, false);
	for (unsigned i = 0; i < 2; i++) {
		TELL("MAIL FROM:<a@b.test>", "250");
		TELL("RSET", "250");
	}
	TELL("MAIL FROM:<a@b.test>", "421 4.7.0");
	pass_time(61 * SEC);
	CHECK(x.sender.closed);
	connect_from(&x.more[0], "10.77.0.1");
	EXPECT_OF(&x.more[0], "220", SEC);
	TELL_OF(&x.more[0], "EHLO sender.test", "250");
	TELL_OF(&x.more[0], "MAIL FROM:<a@b.test>", "250");
	TELL_OF(&x.more[0], "RSET", "250");
	t.limits.per_minute[LIMITS_MAILS] = 1; /* a reload */
	worker_tune(x.worker, &t);
	TELL_OF(&x.more[0], "MAIL FROM:<a@b.test>", "421 4.7.0");
	world_end();
}

static void
unknown_mailboxes_a_minute(void)
{
	struct worker_tunables t = with_limits(0, 0, 2);

	world_begin(&t, &polite, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<nobody@list.test>", "550 5.1.1");
	TELL("RCPT TO:<no-one@list.test>", "550 5.1.1");
	TELL("RCPT TO:<none@list.test>", "421 4.7.0");
	pass_time(SEC);
	CHECK(x.sender.closed);
	world_end();
}

/* The answer to each unknown mailbox takes a step longer than the one before. */
static void
tarpit_grows(void)
{
	struct worker_tunables t = world_defaults();
	uint64_t began;

	t.tarpit_us = 3 * SEC;
	world_begin(&t, &polite, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	for (unsigned i = 1; i <= 12; i++) {
		uint64_t want = 3 * (i < 10 ? i : 10);

		began = now_s();
		TELL("RCPT TO:<nobody@list.test>", "550 5.1.1");
		CHECK(now_s() - began >= want - 1 && now_s() - began <= want + 1);
	}
	world_end();
}

/* A server without 8BITMIME and a route that wants none: refused, before the server sees the mail. */
static void
eightbit_rejected(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.ehlo = "250 server.test";
	t.reject_eightbit = true;
	world_begin(&t, &a, false);
	for (unsigned i = 0; i < 2; i++) {
		TELL("MAIL FROM:<a@b.test>", "250");
		TELL("RCPT TO:<one@any.test>", "250");
		TELL("DATA", "354");
		if (i == 0)
			TELL("Subject: x\r\n\r\nna\xc3\xafve\r\n.", "554 5.6.3");
		else
			TELL("Subject: x\r\n\r\nplain\r\n.", "250 2.0.0");
	}
	CHECK(said("DATA") == 1);
	world_end();
}

/* A list answered the RCPT, so what the server cannot take is seen at its greeting: refused, before it sees the mail. */
static void
smtputf8_behind_a_list(void)
{
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	TELL("MAIL FROM:<m\xc3\xbcller@b.test> SMTPUTF8", "250");
	TELL("RCPT TO:<bob@list.test>", "250");
	TELL("DATA", "354");
	TELL("Subject: x\r\n\r\ntext\r\n.", "550 5.6.7");
	CHECK(said("EHLO") == 1 && said("MAIL") == 0);
	world_end();
}

/* Servers cut clients that are refused too often: QUIT, and a fresh connection. */
static void
refusals_of_a_connection(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.rcpt = "550 5.7.1 not you";
	t.max_refusals = 2;
	world_begin(&t, &a, false);
	for (unsigned i = 0; i < 5; i++) {
		TELL("MAIL FROM:<a@b.test>", "250");
		TELL("RCPT TO:<one@any.test>", "550 5.7.1");
		TELL("RSET", "250");
		pass_time(SEC);
	}
	CHECK(said("QUIT") == 2 && x.server_cnt == 3);
	world_end();
}

/* Decisions 5: a new mail leaves the last quarter of the budget to those that are half in. */
static void
last_quarter(void)
{
	struct worker_tunables t = world_defaults();
	unsigned taken = 0;

	world_begin(&t, &polite, false);
	for (unsigned i = 0; i < WORLD_SENDERS; i++) {
		struct end *e = &x.more[i];

		connect_from(e, "10.77.0.3");
		EXPECT_OF(e, "220", SEC);
		TELL_OF(e, "EHLO x.test", "250");
		TELL_OF(e, "MAIL FROM:<a@b.test> SIZE=65536", "250");
		TELL_OF(e, "RCPT TO:<one@any.test>", "250");
		say(e, "DATA\r\n");
		taken += !strncmp(reply_of(e, SEC), "354", 3);
	}
	CHECK(taken == WORLD_BUDGET_MAILS / 4 * 3);
	world_end();
}

/* A reload makes the largest mail smaller while one comes in that is over it already. */
static void
smaller_while_it_comes(void)
{
	struct worker_tunables t = world_defaults();
	char line[1001];

	memset(line, 'x', sizeof(line));
	memcpy(line + 998, "\r\n", 3);
	world_begin(&t, &polite, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	TELL("DATA", "354");
	for (unsigned i = 0; i < 3; i++)
		say(&x.sender, line);
	pass_time(SEC);
	t.max_message = 2000;
	worker_tune(x.worker, &t);
	say(&x.sender, line);
	TELL(".", "552 5.3.4");
	CHECK(said("DATA") == 0);
	world_end();
}

static const struct world_case cases[] = {
	{ "connections", connections_of_an_address },
	{ "network", connections_of_a_network },
	{ "mails", mails_a_minute },
	{ "unknown-mailboxes", unknown_mailboxes_a_minute },
	{ "tarpit-grows", tarpit_grows },
	{ "eightbit-rejected", eightbit_rejected },
	{ "smtputf8-behind-a-list", smtputf8_behind_a_list },
	{ "refusals", refusals_of_a_connection },
	{ "last-quarter", last_quarter },
	{ "smaller-while-it-comes", smaller_while_it_comes },
};

int
main(int argc, char **argv)
{
	return world_play(cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
}
