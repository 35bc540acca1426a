/* SPDX-License-Identifier: BSD-3-Clause
 * sim_cases.c - dialogues of which every line is chosen, on a virtual clock
 *
 * Why     sim_node finds what nobody thought of; what was decided about time (decisions 2, 4, 11) and about odd answers is
 *         checked here one by one, exactly at its bound: an hour takes a second.
 * Form    A case is a function: the sender says lines and expects answers; the server answers by a table of verbs. The file is
 *         over 500 lines by the number of cases.
 */
#include "tests/sim/world.h"

/* Decisions 2: who waits in a tarpit does not keep a customer's connection. */
static void
tarpit_frees_the_server(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.rcpt = "550 5.1.1 no such one";
	t.tarpit_us = 20 * SEC;
	world_begin(&t, &a, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	say(&x.sender, "RCPT TO:<nobody@any.test>\r\n");
	pass_time(3 * SEC);
	CHECK(said("RCPT") == 1 && said("RSET") == 1);
	CHECK(x.sender.read_cnt == x.sender.line_cnt); /* and the answer still waits */
	EXPECT("550 5.1.1", 100 * SEC);
	CHECK(now_s() >= 19 && now_s() <= 22);
	world_end();
}

/* Decisions 4: RCPT is answered within 90 s, tarpit included. */
static void
tarpit_keeps_the_deadline(void)
{
	struct worker_tunables t = world_defaults();

	t.tarpit_us = 300 * SEC;
	world_begin(&t, &polite, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<nobody@list.test>", "550 5.1.1");
	CHECK(now_s() <= 91);
	world_end();
}

/* RCPT: banner, then answer, each at the last second. */
static void
rcpt_deadline(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.banner_after_us = 19 * SEC;
	a.rcpt_after_us = 69 * SEC;
	world_begin(&t, &a, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	CHECK(now_s() == 88);
	x.answers.rcpt_after_us = 91 * SEC;
	TELL("RCPT TO:<two@any.test>", "451 4.4.1");
	CHECK(now_s() >= 88 + 89 && now_s() <= 88 + 91);
	for (unsigned i = 0; i < 10; i++)
		TELL("RCPT TO:<more@any.test>", "451 4.4.1"); /* not 90 s each */
	CHECK(now_s() <= 88 + 92);
	world_end();
}

/* The final reply: 9 minutes from the last byte, and what the server says later is not waited for. */
static void
final_deadline(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;
	uint64_t began;

	a.final_after_us = 539 * SEC;
	world_begin(&t, &a, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	TELL("DATA", "354");
	TELL("Subject: x\r\n\r\ntext\r\n.", "250 2.0.0");
	x.answers.final_after_us = 560 * SEC;
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	TELL("DATA", "354");
	began = now_s();
	TELL("Subject: x\r\n\r\ntext\r\n.", "451 4.4.2");
	CHECK(now_s() - began >= 539 && now_s() - began <= 541);
	world_end();
}

/* Half a command buys no time: five minutes for a whole one. */
static void
slow_command(void)
{
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	for (unsigned i = 0; i < 10 && !x.sender.closed; i++) {
		say(&x.sender, "N");
		pass_time(100 * SEC);
	}
	EXPECT("421 4.4.2", SEC);
	CHECK(x.sender.closed && x.sender.lines[x.sender.line_cnt - 1].at_us <= 302 * SEC);
	world_end();
}

/* Between two chunks the mail's rules hold as well: a minimum rate, and 60 s once it is streamed. */
static void
slow_chunks(void)
{
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	for (unsigned i = 0; i < 10 && !x.sender.closed; i++) {
		say(&x.sender, "BDAT 1\r\nx");
		pass_time(100 * SEC);
	}
	CHECK(x.sender.closed && x.sender.lines[x.sender.line_cnt - 1].at_us <= 302 * SEC);
	world_end();
}

static void
streamed_chunks_stall(void)
{
	struct worker_tunables t = world_defaults();
	char line[101];
	uint64_t began;

	world_begin(&t, &polite, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	say(&x.sender, "BDAT 100012\r\nSubject: x\r\n");
	memset(line, 'x', sizeof(line));
	line[98] = '\r';
	line[99] = '\n';
	line[100] = 0;
	for (unsigned i = 0; i < 1000; i++) {
		say(&x.sender, line);
		pass_time(1000);
	}
	EXPECT("250 2.0.0", 10 * SEC);
	began = now_s();
	EXPECT("451 4.4.2", 100 * SEC);
	CHECK(now_s() - began >= 59 && now_s() - began <= 62);
	CHECK(x.sender.closed || (pass_time(SEC), x.sender.closed));
	world_end();
}

/* A refusal of DATA is the answer, whatever becomes of our RSET. */
static void
data_refused_and_silence(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.data = "554 5.7.1 not this one";
	world_begin(&t, &a, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	pass_time(5 * SEC);
	x.answers.rset = "";
	TELL("DATA", "354");
	TELL("Subject: x\r\n\r\ntext\r\n.", "554 5.7.1");
	CHECK(now_s() < 10);
	world_end();
}

/* Refused recipients take no room, however many there are in one transaction. */
static void
many_refused(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;
	struct worker_leaks l;

	a.rcpt = "450 4.2.0 later";
	world_begin(&t, &a, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	for (unsigned i = 0; i < 2000; i++) {
		char text[400];

		snprintf(text, sizeof(text), "RCPT TO:<%060u@any.test>\r\n", i);
		say(&x.sender, text);
		EXPECT("450", 10 * SEC);
	}
	worker_get_leaks(x.worker, &l);
	CHECK(l.chunks <= 1);
	world_end();
}

/* Replies wait for the sender's acknowledgements, 64 KiB and what one command makes, and go on with them. */
static void
many_pipelined(void)
{
	struct worker_tunables t = world_defaults();
	unsigned got = 0;

	t.max_errors = 100000;
	t.max_idle = 0;
	world_begin(&t, &polite, false);
	x.sender.is_deaf = true;
	for (unsigned i = 0; i < 100; i++) {
		char text[1000];
		size_t n = 0;

		for (unsigned k = 0; k < 120; k++)
			n += (size_t)sprintf(text + n, "HELP\r\n");
		say(&x.sender, text);
	}
	pass_time(10 * SEC);
	/* Of 72,000 bytes: the rest is not even looked at. */
	CHECK(node_counter("weir_smtp_received_bytes_total", "") < 20000);
	hear(&x.sender);
	while (got < 12000 && !strncmp(reply_of(&x.sender, 20 * SEC), "214", 3))
		got++;
	CHECK(got == 12000);
	world_end();
}

/* 100 commands that bring no mail further; who sends RSET before each mail is none of those. */
static void
idle_commands(void)
{
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	for (unsigned i = 0; i < 120; i++) {
		TELL("RSET", "250");
		TELL("MAIL FROM:<a@b.test>", "250");
		TELL("RCPT TO:<bob@list.test>", "250");
		TELL("DATA", "354");
		TELL("Subject: x\r\n\r\ntext\r\n.", "250 2.0.0");
	}
	for (unsigned i = 0; i < 100; i++)
		TELL("NOOP", "250");
	TELL("NOOP", "421 4.7.0");
	pass_time(SEC);
	CHECK(x.sender.closed);
	world_end();
}

/* MAIL to DATA's go-ahead for one recipient. */
static void
until_data(const char *rcpt)
{
	char text[200];

	TELL("MAIL FROM:<a@b.test>", "250");
	snprintf(text, sizeof(text), "RCPT TO:<%s>\r\n", rcpt);
	say(&x.sender, text);
	EXPECT("250", 100 * SEC);
	TELL("DATA", "354");
}

static void
one_mail(const char *rcpt, const char *want)
{
	until_data(rcpt);
	say(&x.sender, "Subject: x\r\n\r\ntext\r\n.\r\n");
	EXPECT(want, 600 * SEC);
}

/* A body of n lines of 100 bytes. */
static void
say_lines(unsigned n)
{
	char line[101];

	memset(line, 'x', sizeof(line));
	line[98] = '\r';
	line[99] = '\n';
	line[100] = 0;
	for (unsigned i = 0; i < n; i++) {
		say(&x.sender, line);
		if (i % 16 == 0)
			pass_time(2000);
	}
}

/* Decisions 7: what is the sender's business, and what is a fault between us and the server. */
static void
answer_classes(void)
{
	/* clang-format off */
	static const struct { const char *reply, *want; } rows[] = {
		{ "450 4.2.0 grey", "450 4.2.0" }, { "451 later", "451 4.0.0" }, { "452 4.2.2 full", "452 4.2.2" },
		{ "421 4.3.2 down", "451 4.4.1" }, { "500 5.5.2 what", "451 4.4.1" }, { "503 5.5.1 order", "451 4.4.1" },
		{ "504 5.5.4 no", "451 4.4.1" }, { "530 5.7.0 AUTH", "451 4.4.1" }, { "538 5.7.0 TLS", "451 4.4.1" },
		{ "521 5.3.2 no mail", "451 4.4.1" }, { "541 5.7.1 no", "451 4.4.1" }, { "549 5.0.0 no", "451 4.4.1" },
		{ "550 5.7.1 no", "550 5.7.1" }, { "552 5.2.2 full", "552 5.2.2" }, { "554 no", "554 5.0.0" },
		{ "556 5.1.10 no", "556 5.1.10" }, { "557 5.0.0 no", "451 4.4.1" }, { "571 5.7.1 no", "451 4.4.1" },
		{ "350 odd", "451 4.4.1" }, { "!", "451 4.4.1" },
	};
	/* clang-format on */
	struct worker_tunables t = world_defaults();

	t.retry_max_us = t.retry_min_us = 10000;
	t.rcpt_cache = false;
	for (unsigned i = 0; i < 4 * ARRAY_LEN(rows); i++) {
		const char *reply = rows[i / 4].reply, *want = rows[i / 4].want;
		bool lost = *reply == '!' || !strncmp(reply, "421", 3) || !strncmp(reply, "350", 3);
		struct answers a = polite;
		bool failed = x.failed;

		world_begin(&t, &a, false);
		x.failed = failed && i > 0;
		switch (i % 4) {
		case 0:
			x.answers.mail = reply;
			TELL("MAIL FROM:<a@b.test>", "250");
			TELL("RCPT TO:<one@any.test>", want);
			break;
		case 1:
			x.answers.rcpt = reply;
			TELL("MAIL FROM:<a@b.test>", "250");
			TELL("RCPT TO:<one@any.test>", want);
			break;
		case 2:
			x.answers.data = reply;
			if (strncmp(reply, "350", 3)) /* stands for go ahead by its class */
				one_mail("one@any.test", want);
			break;
		default:
			x.answers.final = reply;
			one_mail("one@any.test", lost ? "451 4.4.2" : want);
		}
		TELL("RSET", "250"); /* the session goes on */
		if (i + 1 < 4 * ARRAY_LEN(rows))
			world_end();
	}
	world_end();
}

/* Decisions 3: a recipient that was good and is refused at replay: 451 for all, asked live for an hour, list or not. */
static void
replay(void)
{
	struct worker_tunables t = world_defaults();
	unsigned asked;

	world_begin(&t, &polite, false);
	until_data("bob@list.test");
	CHECK(said("RCPT") == 0);
	x.answers.rcpt = "550 5.1.1 gone";
	say(&x.sender, "Subject: x\r\n\r\ntext\r\n.\r\n");
	EXPECT("451 4.2.0", 600 * SEC);
	asked = said("RCPT");
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<bob@list.test>", "550 5.1.1");
	CHECK(said("RCPT") == asked + 1);
	x.answers.rcpt = "250 2.1.5 ok";
	pass_time(200 * SEC);
	TELL("RCPT TO:<bob@list.test>", "250");
	CHECK(said("RCPT") == asked + 2);
	TELL("RSET", "250");
	for (unsigned i = 0; i < 14; i++) {
		pass_time(250 * SEC);
		TELL("NOOP", "250");
	}
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<bob@list.test>", "250");
	CHECK(said("RCPT") == asked + 2); /* an hour later the list decides again */
	world_end();
}

/* Drain: the idle get 421, a mail under way is finished, nobody new comes in. */
static void
drain(void)
{
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	connect_from(&x.more[0], "10.77.0.3");
	EXPECT_OF(&x.more[0], "220", SEC);
	until_data("one@any.test");
	worker_drain(x.worker, true);
	EXPECT_OF(&x.more[0], "421 4.3.2", SEC);
	connect_from(&x.more[1], "10.77.0.3");
	EXPECT_OF(&x.more[1], "421 4.3.2", SEC);
	CHECK(!worker_is_drained(x.worker));
	pass_time(5 * SEC);
	say(&x.sender, "Subject: x\r\n\r\ntext\r\n.\r\n");
	EXPECT("250 2.0.0", 10 * SEC);
	EXPECT("421 4.3.2", SEC);
	pass_time(40 * SEC);
	CHECK(worker_is_drained(x.worker));
	world_end();
}

static unsigned
sessions(const char *result)
{
	char labels[64];

	snprintf(labels, sizeof(labels), "result=\"%s\"", result);
	return (unsigned)node_counter("weir_smtp_sessions_total", labels);
}

/* Every connection has one result and no more. */
static unsigned
sessions_of_all_results(void)
{
	return sessions("accepted") + sessions("busy") + sessions("limit") + sessions("drain") +
	       sessions("banned") + sessions("early_talk") + sessions("bad_proxy") +
	       sessions("left");
}

/* Who waits for the banner when the node goes down is told so, in its place. */
static void
drain_before_the_banner(void)
{
	struct worker_tunables t = world_defaults();

	t.banner_delay_us = 5 * SEC;
	world_begin(&t, &polite, true);
	pass_time(SEC);
	CHECK(x.sender.line_cnt == 0);
	worker_drain(x.worker, true);
	EXPECT("421 4.3.2", SEC);
	pass_time(SEC);
	CHECK(x.sender.closed && !x.sender.was_reset && worker_is_drained(x.worker));
	connect_from(&x.more[0], "10.77.0.3");
	EXPECT_OF(&x.more[0], "421 4.3.2", SEC);
	CHECK(sessions("left") == 1 && sessions("drain") == 1 && sessions_of_all_results() == 2);
	world_end();
}

/* The next server takes a mail until our dot was sent, and never after it. */
static void
failover(void)
{
	struct worker_tunables t = world_defaults();

	t.rcpt_cache = false;
	world_begin(&t, &polite, false);
	until_data("one@two.test");
	pass_time(3 * SEC);
	CHECK(said_at(2525, "RCPT") == 1 && said_at(2526, "") == 0);
	x.answers.data = "!"; /* both: the second one too */
	say(&x.sender, "Subject: x\r\n\r\ntext\r\n.\r\n");
	EXPECT("451 4.4.1", 100 * SEC);
	CHECK(said_at(2525, "DATA") == 1 && said_at(2526, "DATA") == 1);
	x.answers = polite;
	pass_time(5 * SEC);
	until_data("one@two.test");
	x.answers.final = "!";
	say(&x.sender, "Subject: x\r\n\r\ntext\r\n.\r\n");
	EXPECT("451 4.4.2", 100 * SEC);
	CHECK(said("DATA") == 3);
	world_end();
}

/* A warm connection that is dead at its first command: once more on a fresh one, and the sender sees nothing. */
static void
warm_connection(void)
{
	struct worker_tunables t = world_defaults();

	t.rcpt_cache = false;
	world_begin(&t, &polite, false);
	one_mail("one@any.test", "250 2.0.0");
	CHECK(x.server_cnt == 1);
	tcp_abort(x.server[0].tcp); /* its RST is on its way when we write */
	x.server[0].tcp = NULL;
	one_mail("one@any.test", "250 2.0.0");
	CHECK(x.server_cnt == 2);
	x.answers.mail = "421 4.3.2 too long idle";
	say(&x.sender, "MAIL FROM:<a@b.test>\r\nRCPT TO:<one@any.test>\r\n");
	EXPECT("250", SEC);
	EXPECT("451 4.4.1", 10 * SEC); /* the fresh one says it as well */
	CHECK(x.server_cnt == 3);
	world_end();
}

/* Loops: our own name twice, or more than 50 Received fields; neither reaches the server. */
static void
loops(void)
{
	static const char ours[] = "Received: from a (unknown [192.0.2.1])\r\n\tby NODE.sim.test "
	                           "with ESMTP id x; date\r\n";
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	for (unsigned n = 0; n < 4; n++) {
		until_data("one@any.test");
		for (unsigned i = 0; i < (n < 2 ? 1 + n : 0); i++)
			say(&x.sender, ours);
		for (unsigned i = 0; i < (n < 2 ? 0 : 48 + n); i++)
			say(&x.sender, "Received: from a by b; date\r\n");
		say(&x.sender, "Subject: x\r\n\r\ntext\r\n.\r\n");
		EXPECT(n % 2 ? "554 5.4.6" : "250 2.0.0", 10 * SEC);
	}
	CHECK(x.server[0].body_cnt == 2);
	world_end();
}

static struct span
proxy_header(char *out, bool bad)
{
	static const char head[] =
	        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x09\x0a\x4d\0\x02\x12\x34\0\x19";

	memcpy(out, head, sizeof(head) - 1);
	if (bad)
		out[12] = 0x31;
	return span(out, sizeof(head) - 1);
}

/* PROXY v2 is believed from trusted proxies alone. */
static void
proxy_in(void)
{
	struct worker_tunables t = world_defaults();
	char h[64];

	BUG_ON(!addr_parse(span_z("10.77.0.1"), &t.proxies[0].addr));
	t.proxies[0].bits = 128;
	t.proxy_cnt = 1;
	world_begin(&t, &polite, true);
	pass_time(SEC);
	CHECK(x.sender.line_cnt == 0); /* the header comes first */
	say_bytes(&x.sender, span(proxy_header(h, false).p, 20));
	pass_time(SEC);
	say_bytes(&x.sender, span_skip(proxy_header(h, false), 20));
	EXPECT("220", SEC);
	TELL("EHLO sender.test", "250");
	one_mail("one@any.test", "250 2.0.0");
	CHECK(strstr(x.server[0].body, "[198.51.100.9]") != NULL);
	connect_from(&x.more[0], "10.77.0.1");
	pass_time(SEC);
	say_bytes(&x.more[0], proxy_header(h, true));
	pass_time(SEC);
	CHECK(x.more[0].line_cnt == 0 && x.more[0].closed);
	connect_from(&x.more[1], "10.77.0.1");
	pass_time(11 * SEC);
	CHECK(x.more[1].line_cnt == 0 && x.more[1].closed); /* no header within 10 s */
	connect_from(&x.more[2], "10.77.0.3");              /* not trusted: bytes of a sender */
	EXPECT_OF(&x.more[2], "220", SEC);
	say_bytes(&x.more[2], proxy_header(h, false));
	pass_time(SEC);
	CHECK(x.more[2].closed);
	BUG_ON(!addr_parse(span_z("198.51.100.9"),
	                   &x.banned)); /* of the header, not of the proxy */
	connect_from(&x.more[3], "10.77.0.1");
	pass_time(SEC);
	say_bytes(&x.more[3], proxy_header(h, false));
	pass_time(SEC);
	CHECK(x.more[3].line_cnt == 0 && x.more[3].closed);
	CHECK(sessions("banned") == 1 && sessions_of_all_results() == 5);
	world_end();
}

/* A banned address gets no answer to its SYN, others do. */
static void
banned(void)
{
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	BUG_ON(!addr_parse(span_z("10.77.0.3"), &x.banned));
	connect_from(&x.more[0], "10.77.0.3");
	connect_from(&x.more[1], "10.77.0.1");
	EXPECT_OF(&x.more[1], "220", SEC);
	pass_time(5 * SEC);
	CHECK(x.more[0].line_cnt == 0);
	CHECK(node_counter("weir_packet_drops_total", "reason=\"banned\"") >=
	      3); /* and its retries */
	CHECK(node_counter("weir_smtp_sessions_total", "result=\"accepted\"") == 2);
	world_end();
}

/* Data at 64 B/s over 3 min: a sender just over it stays, one just under goes. */
static void
data_rate(void)
{
	struct worker_tunables t = world_defaults();

	for (unsigned rate = 66; rate >= 62; rate -= 4) {
		bool failed = rate == 62 && x.failed;

		world_begin(&t, &polite, false);
		x.failed = failed;
		until_data("one@any.test");
		for (unsigned i = 0; i < 400 && !x.sender.closed; i++) {
			char text[80];

			memset(text, 'a', rate);
			memcpy(text + rate - 2, "\r\n", 3);
			say(&x.sender, text);
			pass_time(SEC);
		}
		if (rate == 66) {
			say(&x.sender, ".\r\n");
			EXPECT("250 2.0.0", 10 * SEC);
			world_end();
		} else {
			EXPECT("421 4.4.2", SEC);
			CHECK(now_s() <= 183);
		}
	}
	world_end();
}

#define GTUBE "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"

/* Decisions 11: the end of a streamed mail is judged before its dot; the server never gets that. */
static void
late_block(void)
{
	struct worker_tunables t = world_defaults();

	for (unsigned prdr = 0; prdr < 2; prdr++) {
		bool failed = prdr && x.failed;

		world_begin(&t, &polite, false);
		x.failed = failed;
		say(&x.sender, prdr ? "MAIL FROM:<a@b.test> PRDR\r\n" : "MAIL FROM:<a@b.test>\r\n");
		EXPECT("250", SEC);
		TELL("RCPT TO:<one@any.test>", "250");
		TELL("RCPT TO:<two@any.test>", "250");
		TELL("DATA", "354");
		say(&x.sender, "Subject: x\r\n\r\n");
		say_lines(1500);
		say(&x.sender, GTUBE ".\r\n");
		if (prdr) {
			EXPECT("353", 10 * SEC);
			EXPECT("550 5.7.1", SEC);
			EXPECT("550 5.7.1", SEC);
		}
		EXPECT("550 5.7.1", 10 * SEC);
		pass_time(SEC);
		CHECK(said("DATA") == 1 &&
		      node_counter("weir_mails_total", "result=\"refused\"") == 1);
		for (unsigned i = 0; i < x.server_cnt; i++)
			CHECK(x.server[i].body_cnt == 0);
		TELL("NOOP", "250");
		if (!prdr)
			world_end();
	}
	world_end();
}

/* Decisions 6, 9: with PRDR each has his own answer; the final one is 250, else 4xx if one may come again, else 550. */
static void
prdr_answers(void)
{
	static const struct {
		const char *server, *theirs, *final;
	} rows[] = { { "250 2.0.0 ok", "250 2.0.0", "250 2.0.0" },
		     { "451 4.3.0 not now", "451 4.3.0", "451 4.3.0" },
		     { "554 5.7.1 no", "554 5.7.1", "550 5.7.1" } };
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		x.answers.final = rows[i].server;
		TELL("MAIL FROM:<a@b.test> PRDR", "250");
		TELL("RCPT TO:<one@any.test>", "250");
		TELL("RCPT TO:<soft@any.test>", "250");
		TELL("DATA", "354");
		say(&x.sender, "Subject: x\r\n\r\n" GTUBE ".\r\n");
		EXPECT("353", 10 * SEC);
		EXPECT("550 5.7.1", SEC); /* by his policy */
		EXPECT(rows[i].theirs, SEC);
		EXPECT(rows[i].final, SEC);
	}
	CHECK(strstr(x.sender.lines[x.sender.line_cnt - 1].text, "for every recipient"));
	CHECK(node_counter("weir_mails_total", "result=\"delivered\"") == 1 &&
	      node_counter("weir_mails_total", "result=\"deferred\"") == 1 &&
	      node_counter("weir_mails_total", "result=\"refused\"") == 1);
	world_end();
}

/* A tag never makes a second subject: where one may still come behind the window, it stands beside. */
static void
tag_and_late_subject(void)
{
	struct worker_tunables t = world_defaults();

	for (unsigned late = 0; late < 2; late++) {
		bool failed = late && x.failed;

		world_begin(&t, &polite, false);
		x.failed = failed;
		until_data("one@tag.test");
		say(&x.sender, "X-A: tagmewell\r\n");
		for (unsigned i = 0; late && i < 900; i++) {
			char line[120];

			snprintf(line, sizeof(line), "X-%u: %090u\r\n", i, i);
			say(&x.sender, line);
			pass_time(200);
		}
		say(&x.sender, "Subject : x\r\n\r\ntext\r\n.\r\n");
		EXPECT("250 2.0.0", 10 * SEC);
		CHECK(x.server[0].subject_cnt == 1);
		CHECK(node_counter("weir_streamed_tag_beside_total", "") == late);
		CHECK((strstr(x.server[0].body, "X-Weir-Tag: ") != NULL) == late);
		world_end();
	}
}

/* A mail to any.test that is streamed: its window was judged, its end is to come. */
static void
until_streamed(void)
{
	until_data("one@any.test");
	say(&x.sender, "Subject: x\r\n\r\n");
	say_lines(1500);
	pass_time(SEC);
	CHECK(node_counter("weir_streamed_total", "") == 1);
}

/* Decisions 1: the generation that judged the window judges the end; unless it had to go. Generation 1 blocks, 2 does not. */
static void
tail_and_reload(void)
{
	static const struct {
		unsigned first, then;
		bool evict;
		const char *want;
	} rows[] = { { 1, 2, false, "550 5.7.1" },
		     { 2, 1, false, "250 2.0.0" },
		     { 1, 2, true, "250 2.0.0" },
		     { 2, 1, true, "550 5.7.1" } };
	struct worker_tunables t = world_defaults();

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		bool failed = i > 0 && x.failed;

		world_begin(&t, &polite, false);
		x.failed = failed;
		world_publish(rows[i].first);
		until_streamed();
		world_publish(rows[i].then);
		pass_time(5 * SEC);
		CHECK(world_is_pinned(rows[i].first));
		if (rows[i].evict)
			world_evict(rows[i].first);
		pass_time(SEC);
		CHECK(world_is_pinned(rows[i].first) == !rows[i].evict);
		CHECK(node_counter("weir_streamed_moved_total", "") == rows[i].evict);
		say(&x.sender, GTUBE ".\r\n");
		EXPECT(rows[i].want, 10 * SEC);
		CHECK(!world_is_pinned(rows[i].first) && !world_is_pinned(rows[i].then));
		world_end();
	}
}

/* However a streamed mail ends before its end came, its generation is let go at once. */
static void
kept_generation_goes(void)
{
	struct worker_tunables t = world_defaults();

	for (unsigned way = 0; way < 6; way++) {
		bool failed = way > 0 && x.failed;

		world_begin(&t, &polite, false);
		x.failed = failed;
		until_streamed();
		CHECK(world_is_pinned(1));
		switch (way) {
		case 0: /* the sender resets */
			tcp_abort(x.sender.tcp);
			x.sender.tcp = NULL;
			break;
		case 1: /* it closes */
			tcp_close(x.sender.tcp);
			break;
		case 2: /* it stalls */
			EXPECT("451 4.4.2", 100 * SEC);
			break;
		case 3: /* the server goes; the rest of the mail is thrown away */
			tcp_abort(x.server[0].tcp);
			x.server[0].tcp = NULL;
			break;
		case 4: /* drain, and nothing comes any more */
			worker_drain(x.worker, true);
			EXPECT("451 4.4.2", 100 * SEC);
			break;
		default: /* it ends well */
			say(&x.sender, ".\r\n");
			EXPECT("250 2.0.0", 10 * SEC);
			break;
		}
		pass_time(SEC);
		CHECK(!world_is_pinned(1));
		world_end();
	}
}

/* Decisions 5: a budget full of mails that are stuck near their end empties itself, and then takes mail again. */
static void
full_of_stuck(void)
{
	struct worker_tunables t = world_defaults();
	unsigned stuck = 0, refused = 0, ended = 0;

	world_begin(&t, &polite, false);
	for (unsigned i = 0; i < WORLD_SENDERS; i++) {
		struct end *e = &x.more[i];
		char line[1001];

		memset(line, 'x', sizeof(line));
		memcpy(line + 998, "\r\n", 3);
		connect_from(e, "10.77.0.3");
		EXPECT_OF(e, "220", SEC);
		TELL_OF(e, "EHLO x.test", "250");
		TELL_OF(e, "MAIL FROM:<a@b.test> SIZE=60000", "250");
		TELL_OF(e, "RCPT TO:<one@any.test>", "250");
		say(e, "DATA\r\n");
		if (strncmp(reply_of(e, SEC), "354", 3)) {
			refused++;
			continue;
		}
		stuck++;
		for (unsigned k = 0; k < 59; k++) {
			say(e, line);
			pass_time(500);
		}
	}
	CHECK(stuck >= 8 && refused > 0 && stuck + refused == WORLD_SENDERS);
	CHECK(now_s() < 20);
	for (unsigned k = 0; k < 8; k++) { /* a byte now and then is no mail */
		for (unsigned i = 0; i < WORLD_SENDERS; i += 2)
			say(&x.more[i], "y");
		pass_time(4 * SEC);
	}
	for (unsigned i = 0; i < WORLD_SENDERS; i++)
		ended += x.more[i].closed;
	CHECK(ended >= 1);
	one_mail("one@any.test", "250 2.0.0");
	world_end();
}

static void
long_line(char out[1001])
{
	memset(out, 'x', 998);
	memcpy(out + 998, "\r\n", 3);
}

/* A session in the middle of a mail of `size` bytes (0: it does not say), `sent` lines of 1,000 bytes are there. */
static bool
in_the_middle(struct end *e, unsigned size, unsigned sent)
{
	char line[1001], text[80];

	long_line(line);
	connect_from(e, "10.77.0.3");
	EXPECT_OF(e, "220", SEC);
	TELL_OF(e, "EHLO x.test", "250");
	snprintf(text, sizeof(text),
	         size ? "MAIL FROM:<a@b.test> SIZE=%u\r\n" : "MAIL FROM:<a@b.test>\r\n", size);
	say(e, text);
	EXPECT_OF(e, "250", SEC);
	TELL_OF(e, "RCPT TO:<bob@list.test>", "250");
	say(e, "DATA\r\n");
	if (strncmp(reply_of(e, SEC), "354", 3) != 0)
		return false;
	for (unsigned k = 0; k < sent; k++) {
		say(e, line);
		pass_time(500);
	}
	return true;
}

/* Decisions 5: the last quarter is for mails that are half in. It is there when the rest is full of mails that are stuck at 99 %. */
static void
last_quarter(void)
{
	struct worker_tunables t = world_defaults();
	unsigned n = 3;
	uint64_t full = 12 * WORLD_HOLD_BYTES; /* three quarters */
	char line[1001];

	long_line(line);
	world_begin(&t, &polite, false);
	CHECK(in_the_middle(&x.more[0], 0, 8));  /* an eighth of what it may hold */
	CHECK(in_the_middle(&x.more[1], 0, 40)); /* more than half of it */
	CHECK(in_the_middle(&x.more[2], 9000,
	                    1)); /* lies: it will send more, and is then at its begin */
	while (n < WORLD_SENDERS && in_the_middle(&x.more[n], 65000, 64))
		n++;
	CHECK(n >= 10 && n < WORLD_SENDERS); /* the last one got 452 */
	for (unsigned i = n + 1; i < WORLD_SENDERS && in_the_middle(&x.more[i], 16000, 1); i++)
		;
	CHECK(node_counter("weir_hold_bytes", "") == full && now_s() < 2);
	for (unsigned k = 0; k < 18; k++) { /* no room for these, however they ask */
		say(&x.more[0], line);
		say(&x.more[2], line);
		pass_time(500);
	}
	pass_time(10000);
	CHECK(node_counter("weir_hold_starved_total", "") >= 2);
	CHECK(node_counter("weir_hold_bytes", "") == full);
	for (unsigned k = 0; k < 20; k++) {
		say(&x.more[1], line);
		pass_time(500);
	}
	CHECK(node_counter("weir_hold_bytes", "") > full);
	say(&x.more[3], line + 50); /* the last percent wants a chunk more than was reserved */
	say(&x.more[3], "\r\n.\r\n");
	say(&x.more[1], ".\r\n");
	EXPECT_OF(&x.more[3], "250 2.0.0", SEC);
	EXPECT_OF(&x.more[1], "250 2.0.0", SEC);
	CHECK(now_s() < 3);
	world_end();
}

/* Who closes before the banner is let go at once. */
static void
gone_before_the_banner(void)
{
	struct worker_tunables t = world_defaults();
	struct worker_leaks l;

	t.banner_delay_us = 5 * SEC;
	world_begin(&t, &polite, true);
	pass_time(SEC);
	tcp_close(x.sender.tcp);
	connect_from(&x.more[0], "10.77.0.3");
	pass_time(SEC);
	say(&x.more[0], "EHLO x.test\r\n");
	EXPECT_OF(&x.more[0], "554 5.5.1", SEC);
	pass_time(SEC);
	worker_get_leaks(x.worker, &l);
	CHECK(l.sessions == 0 && x.more[0].closed);
	connect_from(&x.more[1], "10.77.0.3");
	EXPECT_OF(&x.more[1], "220", 6 * SEC);
	connect_from(&x.more[2], "10.77.0.3");
	pass_time(SEC);
	tcp_abort(x.more[2].tcp);
	x.more[2].tcp = NULL;
	pass_time(SEC);
	/* who sent its FIN still hears the banner */
	CHECK(sessions("left") == 1 && sessions("early_talk") == 1 && sessions("accepted") == 2 &&
	      sessions_of_all_results() == 4);
	world_end();
}

/* A server that cannot be reached from here is no reason to wait, and egress addresses of other nodes are none of ours. */
static void
source_addresses(void)
{
	struct worker_tunables t = world_defaults();

	world_begin(&t, &polite, false);
	one_mail("one@six.test", "250 2.0.0");
	CHECK(now_s() < 2 && said_at(2526, "DATA") == 1);
	for (unsigned i = 0; i < 3; i++)
		one_mail("one@egress.test", "250 2.0.0");
	CHECK(now_s() < 4);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@nowhere.test>", "451 4.4.1");
	CHECK(now_s() < 5);
	world_end();
}

/* A streamed mail whose server never says go: its sender does not wait half an hour. */
static void
streamed_to_silence(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.data = "";
	world_begin(&t, &a, false);
	until_data("bob@list.test");
	say(&x.sender, "Subject: x\r\n\r\n");
	say_lines(1500);
	say(&x.sender, ".\r\n");
	EXPECT("451 4.4.1", 3600 * SEC);
	CHECK(now_s() <= 152);
	TELL("NOOP", "250");
	world_end();
}

/* The server hears who the sender is. */
static void
origin(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.ehlo = "250-sink\r\n250-PIPELINING\r\n250 XCLIENT NAME ADDR PORT PROTO HELO";
	world_begin(&t, &a, false);
	one_mail("one@xclient.test", "250 2.0.0");
	CHECK(said("XCLIENT") >= 1 && said("EHLO") == said("XCLIENT") + 1);
	CHECK(strstr(x.server[0].lines[1].text, " ADDR=10.77.0.1 ") &&
	      strstr(x.server[0].lines[1].text, " HELO=sender.test"));
	x.answers = polite;
	x.answers.proxy_bytes = 28;
	one_mail("one@proxy.test", "250 2.0.0");
	CHECK(x.server_cnt == 3); /* a connection for RCPT, one for the mail: they are somebody's */
	for (unsigned i = 1; i < 3; i++)
		CHECK(!memcmp(x.server[i].first,
		              "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x4d\0\x01\x0a\x4d\0\x02",
		              24) &&
		      !memcmp(x.server[i].first + 26, "\0\x19", 2));
	world_end();
}

/* A server that says 354 and 250 in one breath has answered for a mail it never saw. */
static void
early_final(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.data = "354 go\r\n250 2.0.0 taken before it came";
	world_begin(&t, &a, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	TELL("DATA", "354");
	TELL("Subject: x\r\n\r\ntext\r\n.", "451 4.4");
	world_end();
}

/* BDAT has no 354 to wait for: the server takes the mail at the announcement of its last bytes, which are still on their way. */
static void
early_chunk_final(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.ehlo = "250-sink\r\n250-PIPELINING\r\n250 CHUNKING";
	a.chunk = "250 2.0.0 taken before it came";
	world_begin(&t, &a, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	say(&x.sender, "BDAT 40014 LAST\r\nSubject: x\r\n\r\n");
	say_lines(400);
	EXPECT("451 4.4", 10 * SEC);
	CHECK(said("BDAT") == 1);
	world_end();
}

/* RCPT in a transaction of its own. */
static void
ask(const char *rcpt, uint64_t within_us)
{
	char text[200];

	TELL("MAIL FROM:<a@b.test>", "250");
	snprintf(text, sizeof(text), "RCPT TO:<%s>\r\n", rcpt);
	say(&x.sender, text);
	EXPECT("250 2.1.5", within_us);
	TELL("RSET", "250");
}

/* A refusal that early is the mail's answer, but the rest of the mail might still reach that server: it is cut off. */
static void
early_chunk_refusal(void)
{
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.chunk = "550 5.7.1 not this one";
	world_begin(&t, &a, false);
	TELL("MAIL FROM:<a@b.test>", "250");
	TELL("RCPT TO:<one@any.test>", "250");
	say(&x.sender, "BDAT 40014 LAST\r\nSubject: x\r\n\r\n");
	say_lines(400);
	EXPECT("550 5.7.1", 10 * SEC);
	pass_time(SEC);
	CHECK(x.server_cnt == 1 && x.server[0].was_reset);
	x.answers = polite;
	one_mail("one@any.test", "250 2.0.0");
	CHECK(x.server_cnt == 2);
	world_end();
}

/* --flush finds the address however its domain is written, and none whose local part differs (RFC 5321 2.4). */
static void
flush_one(void)
{
	static const struct {
		const char *text;
		unsigned cnt;
	} rows[] = { { "bob@any.test", 0 },    { "Bob@", 0 },         { "Bob", 0 },
		     { "Bob@any.test>", 0 },   { "Bob@ANY.test", 1 }, { "Bob@any.test", 1 },
		     { "\"Bob\"@Any.TEST", 1 } };
	struct worker_tunables t = world_defaults();
	char huge[1000];

	memset(huge, 'x', sizeof(huge));
	world_begin(&t, &polite, false);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		ask("Bob@Any.test", SEC);
		if (worker_flush_rcpt(x.worker, span_z(rows[i].text)) != rows[i].cnt)
			wrong(rows[i].text, __LINE__, "flushed");
		CHECK(worker_flush_rcpt(x.worker, span_z("Bob@ANY.test")) == 1 - rows[i].cnt);
	}
	CHECK(worker_flush_rcpt(x.worker, span(huge, sizeof(huge))) == 0);
	world_end();
}

/* A table full of warm connections of other routes: the longest idle one goes, one only, and also when its server says nothing. */
static void
full_of_idle(void)
{
	struct worker_tunables t = world_defaults();
	unsigned room;

	for (unsigned stays = 0; stays < 2; stays++) {
		struct answers a = polite;

		a.stays = stays;
		world_upstream_conns = 3;
		world_begin(&t, &a, false);
		ask("one@any.test", SEC);
		ask("one@xclient.test", SEC);
		ask("one@six.test", SEC);
		CHECK(x.server_cnt == 3 && said("QUIT") == 0);
		ask("one@two.test", stays ? 1200000 : SEC / 10);
		room = (unsigned)node_counter("weir_upstream_quit_total", "why=\"room\"");
		CHECK(x.server_cnt == 4 && said("QUIT") == 1 && room == 1);
		CHECK(!strcmp(x.server[0].lines[x.server[0].line_cnt - 1].text, "QUIT"));
		world_end();
	}
	world_upstream_conns = 32;
}

/* The one count in the shared table that is a route's: the route's first connection makes it 1, and its server has a count too. */
static struct upstream_health *
count_of_route(void)
{
	struct upstream_health *found = NULL, *server;
	struct addr address;

	BUG_ON(!addr_parse(span_z("10.77.0.1"), &address));
	server = upstream_health_get(x.health, &address, 2525);
	for (unsigned i = 0; i < UPSTREAM_SERVERS_MAX; i++)
		if (x.health->entries[i].refs > 0 && &x.health->entries[i] != server)
			found = &x.health->entries[i];
	upstream_health_put(x.health, server);
	BUG_ON(!found);
	return found;
}

/* Decisions 2: limits of a route are the node's. The test plays another worker, in what workers share. */
static void
two_workers(void)
{
	struct worker_tunables t = world_defaults();
	struct upstream_health *route;

	t.max_connections = 1;
	t.rcpt_cache = false;
	world_begin(&t, &polite, false);
	ask("one@any.test", SEC);
	route = count_of_route();
	CHECK(route->conn_cnt == 1 && x.health->wanted_seq == 0);
	pass_time(40 * SEC);
	CHECK(route->conn_cnt == 0 && said("QUIT") == 1);
	upstream_health_conn_add(route, 1); /* the other worker's */
	TELL("MAIL FROM:<a@b.test>", "250");
	say(&x.sender, "RCPT TO:<two@any.test>\r\n");
	pass_time(SEC);
	CHECK(x.server_cnt == 1 && x.sender.read_cnt == x.sender.line_cnt);
	CHECK(x.health->wanted_seq > 0 && x.health->wanted_conn_cnt == 0);
	upstream_health_conn_add(route, -1);
	EXPECT("250", SEC / 10);
	pass_time(3 * SEC); /* idle here, and now the other one wants it */
	CHECK(x.server_cnt == 2 && route->conn_cnt == 1);
	upstream_health_want(x.health, x.health->wanted_route, 0);
	pass_time(SEC / 100);
	CHECK(said("QUIT") == 2 && route->conn_cnt == 0);
	x.answers.rcpt_after_us = SEC;
	say(&x.sender, "RCPT TO:<three@any.test>\r\n");
	pass_time(SEC / 2); /* at work: it ends instead of becoming idle */
	CHECK(x.server_cnt == 3 && route->conn_cnt == 1);
	upstream_health_want(x.health, x.health->wanted_route, 0);
	EXPECT("250", SEC);
	pass_time(3 * SEC);
	CHECK(said("QUIT") == 3 && route->conn_cnt == 0);
	world_end();
}

/* Names and texts that libraries would take memory for: turn() counts allocations. */
static void
no_heap(void)
{
	static const char text[] =
	        "From: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?= <a@b\xc3\xbc.test>\r\n"
	        "Subject: =?utf-8?Q?m=C3=BCnchen?=\r\nMIME-Version: 1.0\r\n"
	        "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
	        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
	        "http://m\xc3\xbcnchen.de/ https://\xd0\xbf\xd1\x80\xd0\xb8.\xd1\x80\xd1\x84 "
	        "http://xn--mnchen-3ya.de http://p\xd0\xb0ypal.com "
	        "http://\xef\xbd\x97\xef\xbd\x97.de/ "
	        "http://\xd7\x90\x61.de +1 (800) 555-0100 www.\xe4\xbe\x8b.jp\r\n--x\r\n"
	        "Content-Type: text/html; charset=gb18030\r\nContent-Transfer-Encoding: "
	        "base64\r\n\r\n"
	        "PGEgaHJlZj0iaHR0cDovL23DvG5jaGVuLmRlLyI+1tDOxDwvYT4=\r\n--x\r\n"
	        "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n"
	        "\x1b$BF|K\\\x1b(B\r\n--x\r\n"
	        "Content-Type: text/plain; charset=windows-1251\r\nContent-Disposition: "
	        "attachment; "
	        "filename*=utf-8''%C3%BC.exe\r\n\r\n\xcf\xf0\xe8\r\n--x--\r\n.";
	struct worker_tunables t = world_defaults();
	struct answers a = polite;

	a.ehlo = "250-sink\r\n250 SMTPUTF8";
	world_begin(&t, &a, false);
	for (unsigned i = 0; i < 2; i++) {
		TELL("MAIL FROM:<a@b\xc3\xbc.test> SMTPUTF8", "250");
		TELL("RCPT TO:<one@\xef\xbd\x81ny.test>", "250"); /* full-width a */
		TELL("RCPT TO:<one@\xc3\xbc.test>", "550 5.7.1");
		TELL("RCPT TO:<one@a\xd7\x90.test>", "550 5.7.1"); /* both directions */
		TELL("DATA", "354");
		say(&x.sender, i ? "Subject: x\r\n\r\ntext\r\n." : text);
		TELL("", i ? "250 2.0.0" : "550 5.7.1"); /* the mixed scripts were seen */
	}
	world_end();
}

/* clang-format off */
static const struct world_case cases[] = {
	{ "banned",                    banned },
	{ "tarpit frees the server",   tarpit_frees_the_server },
	{ "tarpit keeps the deadline", tarpit_keeps_the_deadline },
	{ "RCPT deadline",             rcpt_deadline },
	{ "final deadline",            final_deadline },
	{ "slow command",              slow_command },
	{ "slow chunks",               slow_chunks },
	{ "streamed chunks stall",     streamed_chunks_stall },
	{ "DATA refused, then silence", data_refused_and_silence },
	{ "many refused recipients",   many_refused },
	{ "many pipelined commands",   many_pipelined },
	{ "idle commands",             idle_commands },
	{ "classes of answers",        answer_classes },
	{ "replay",                    replay },
	{ "drain",                     drain },
	{ "drain before the banner",   drain_before_the_banner },
	{ "failover",                  failover },
	{ "a dead warm connection",    warm_connection },
	{ "loops",                     loops },
	{ "PROXY v2 from outside",     proxy_in },
	{ "rate of data",              data_rate },
	{ "late block",                late_block },
	{ "tag and a late subject",    tag_and_late_subject },
	{ "PRDR, each his own answer", prdr_answers },
	{ "a reload before the end",   tail_and_reload },
	{ "a kept generation goes",    kept_generation_goes },
	{ "a budget of stuck mails",   full_of_stuck },
	{ "the last quarter",          last_quarter },
	{ "gone before the banner",    gone_before_the_banner },
	{ "source addresses",          source_addresses },
	{ "XCLIENT, PROXY v2",         origin },
	{ "streamed to a silent server", streamed_to_silence },
	{ "250 along with the 354",    early_final },
	{ "250 before the last chunk", early_chunk_final },
	{ "550 before the last chunk", early_chunk_refusal },
	{ "--flush of one mailbox",    flush_one },
	{ "a table of idle connections", full_of_idle },
	{ "limits hold for the node",  two_workers },
	{ "no allocation in a turn",   no_heap },
};
/* clang-format on */

int
main(int argc, char **argv)
{
	return world_play(cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
}
