/* SPDX-License-Identifier: BSD-3-Clause
 * test_smtp_client.c - dialogues with servers that offer much, little, and that misbehave; replies
 * cut at every size
 */
#include "dataplane/smtp/smtp_client.h"
#include "dataplane/smtp/smtp_stuff.h"
#include "tests/check.h"

#define ALL                                                                                        \
	"250-host.lan hello\r\n250-PIPELINING\r\n250-SIZE "                                        \
	"1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-"                                             \
	"CHUNKING\r\n250-XCLIENT NAME ADDR PROTO HELO\r\n250 XFORWARD NAME ADDR PORT PROTO HELO "  \
	"IDENT SOURCE\r\n"
#define PIPE  "250-h\r\n250 PIPELINING\r\n"
#define NONE  "250 h\r\n"
#define OK    "250 2.0.0 ok\r\n"
#define NO    "550 5.1.1 no such\r\n user\r\n"
#define BDAT  1
#define XCL   2
#define XFW   4
#define TWO   8   /* recipients */
#define RSET  16  /* instead of the data */
#define LATE  128 /* the chunk's bytes are never sent */
#define WHOLE 64  /* what was not asked for is seen when it comes with what was */
#define ONLY  32  /* the transaction without data, then RSET */

struct step {
	const char *want,
	        *reply; /* a line that the client writes (prefix); what the server says to it */
};

/*
 * Events come out as: G greeted, M+ M-550, 0+ 1-550 for recipients, D-554, go goB, F+ F-552, c
 * chunk, E ended, Q closed, !why/stage.
 */
/* clang-format off */
static const struct { const char *name; unsigned how; const char *banner; struct step steps[14]; const char *events; } cases[] = {
	{ "pipelined", 0, "220 h\r\n", { { "EHLO us.test", PIPE }, { "MAIL FROM:<a@b>", OK }, { "RCPT TO:<c@d>", OK }, { "DATA", "354 go\r\n" }, { ".", "250 2.0.0 queued\r\n" }, { "QUIT", "221 bye\r\n" } }, "G M+ 0+ go F+ E Q " },
	{ "step by step", 0, "220 h\r\n", { { "EHLO us.test", NONE }, { "MAIL FROM:<a@b>", OK }, { "RCPT TO:<c@d>", OK }, { "DATA", "354 go\r\n" }, { ".", "250 2.0.0 queued\r\n" }, { "QUIT", "221 bye\r\n" } }, "G M+ 0+ go F+ E Q " },
	{ "HELO", 0, "220-h\r\n220 x\r\n", { { "EHLO", "502 5.5.1 what\r\n" }, { "HELO us.test", "250 h\r\n" }, { "MAIL FROM:<a@b>\r\n", OK }, { "RCPT", OK }, { "DATA", "354 go\r\n" }, { ".", OK }, { "QUIT", "221 bye\r\n" } }, "G M+ 0+ go F+ E Q " },
	{ "parameters", BDAT, "220 h\r\n", { { "EHLO", ALL }, { "MAIL FROM:<a@b> SIZE=900 BODY=8BITMIME SMTPUTF8\r\n", OK }, { "RCPT", OK }, { "BDAT 5 LAST", OK }, { "QUIT", "221 b\r\n" } }, "G M+ 0+ goB F+ E Q " },
	{ "xforward", XFW, "220 h\r\n", { { "EHLO", ALL }, { "XFORWARD NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=4000 PROTO=ESMTP HELO=a+2B+3Db IDENT=[UNAVAILABLE] SOURCE=REMOTE\r\n", "250 ok\r\n" }, { "MAIL", OK }, { "RCPT", OK }, { "DATA", "354 go\r\n" }, { ".", OK }, { "QUIT", "221 b\r\n" } }, "G M+ 0+ go F+ E Q " },
	{ "xclient", XCL, "220 h\r\n", { { "EHLO", ALL }, { "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 PROTO=ESMTP HELO=a+2B+3Db\r\n", "220 again\r\n" }, { "EHLO", PIPE }, { "MAIL", OK }, { "RCPT", OK }, { "DATA", "354 go\r\n" }, { ".", OK }, { "QUIT", "221 b\r\n" } }, "G M+ 0+ go F+ E Q " },
	{ "xclient refused", XCL, "220 h\r\n", { { "EHLO", ALL }, { "XCLIENT", "550 no\r\n" } }, "G !2/4 " },
	{ "MAIL refused, pipelined", TWO, "220 h\r\n", { { "EHLO", PIPE }, { "MAIL", "451 4.7.1 later\r\n" }, { "RCPT", "503 no\r\n" }, { "RCPT", "503 no\r\n" }, { "DATA", "503 no\r\n" }, { "QUIT", "221 b\r\n" } }, "G M-451 E Q " },
	{ "MAIL refused", TWO, "220 h\r\n", { { "EHLO", NONE }, { "MAIL", "552 5.3.4 big\r\n" }, { "QUIT", "221 b\r\n" } }, "G M-552 E Q " },
	{ "one refused", TWO, "220 h\r\n", { { "EHLO", PIPE }, { "MAIL", OK }, { "RCPT", "550-5.1.1 no\r\n550 5.1.1 such\r\n" }, { "RCPT TO:<e@f>", OK }, { "DATA", "354 go\r\n" }, { ".", "452 4.3.1 full\r\n" }, { "QUIT", "221 b\r\n" } }, "G M+ 0-550 1+ go F-452 E Q " },
	{ "all refused, pipelined", 0, "220 h\r\n", { { "EHLO", PIPE }, { "MAIL", OK }, { "RCPT", "550 no\r\n" }, { "DATA", "554 nobody\r\n" }, { "RSET", OK }, { "QUIT", "221 b\r\n" } }, "G M+ 0-550 E Q " },
	{ "354 for nobody", 0, "220 h\r\n", { { "EHLO", PIPE }, { "MAIL", OK }, { "RCPT", "550 no\r\n" }, { "DATA", "354 go\r\n" } }, "G M+ 0-550 !3/8 " },
	{ "DATA refused", 0, "220 h\r\n", { { "EHLO", PIPE }, { "MAIL", OK }, { "RCPT", OK }, { "DATA", "554 5.7.1 no\r\n" }, { "RSET", OK }, { "QUIT", "221 b\r\n" } }, "G M+ 0+ D-554 E Q " },
	{ "DATA 250", 0, "220 h\r\n", { { "EHLO", PIPE }, { "MAIL", OK }, { "RCPT", OK }, { "DATA", "250 ok\r\n" } }, "G M+ 0+ !3/8 " },
	{ "all refused, step by step", 0, "220 h\r\n", { { "EHLO", NONE }, { "MAIL", OK }, { "RCPT", "550 no\r\n" } }, "G M+ 0-550 " },
	{ "250 before the chunk was sent", BDAT | LATE, "220 h\r\n", { { "EHLO", ALL }, { "MAIL", OK }, { "RCPT", OK }, { "BDAT 5 LAST", OK } }, "G M+ 0+ goB !3/11 " },
	{ "552 before the chunk was sent", BDAT | LATE, "220 h\r\n", { { "EHLO", ALL }, { "MAIL", OK }, { "RCPT", OK }, { "BDAT 5 LAST", "552 big\r\n" } }, "G M+ 0+ goB F-552 " },
	{ "ask and reset", ONLY, "220 h\r\n", { { "EHLO", PIPE }, { "MAIL", OK }, { "RCPT", OK }, { "RSET", OK }, { "QUIT", "221 b\r\n" } }, "G M+ 0+ E Q " },
	{ "chunk refused", BDAT | TWO, "220 h\r\n", { { "EHLO", ALL }, { "MAIL", OK }, { "RCPT", OK }, { "RCPT", OK }, { "BDAT 5 LAST", "552 5.2.2 full\r\n" }, { "QUIT", "221 b\r\n" } }, "G M+ 0+ 1+ goB F-552 E Q " },
	{ "banner 554", 0, "554 go away\r\n", { { NULL, NULL } }, "!2/1 " },
	{ "banner 421", 0, "421 busy\r\n", { { NULL, NULL } }, "!1/1 " },
	{ "banner garbage", 0, "SSH-2.0-x\r\n", { { NULL, NULL } }, "!5/1 " },
	{ "banner 250", 0, "350 ok\r\n", { { NULL, NULL } }, "!3/1 " },
	{ "codes differ", 0, "220-a\r\n250 b\r\n", { { NULL, NULL } }, "!5/1 " },
	{ "EHLO 4xx", 0, "220 h\r\n", { { "EHLO", "450 no\r\n" } }, "!2/2 " },
	{ "EHLO and HELO 5xx", 0, "220 h\r\n", { { "EHLO", "502 5.5.1 what\r\n" }, { "HELO", "550 no\r\n" } }, "!2/3 " },
	{ "421 at RCPT", 0, "220 h\r\n", { { "EHLO", NONE }, { "MAIL", OK }, { "RCPT", "421 4.3.2 bye\r\n" } }, "G M+ !1/7 " },
	{ "two answers to MAIL", WHOLE, "220 h\r\n", { { "EHLO", NONE }, { "MAIL", OK OK "250 more\r\n" } }, "G M+ !4/0 " },
	{ "answer before the dot", 0, "220 h\r\n", { { "EHLO", NONE }, { "MAIL", OK }, { "RCPT", OK }, { "DATA", "354 go\r\n250 done\r\n" } }, "G M+ 0+ go !4/9 " },
	{ "bytes when idle", WHOLE, "220 h\r\n250 x\r\n", { { NULL, NULL } }, "!4/0 " },
	{ "no text, LF alone", 0, "220\n", { { "EHLO", "250\n" }, { "MAIL", "250\r\n" }, { "RCPT", "250\n" }, { "DATA", "354\r\n" }, { ".", "250\n" }, { "QUIT", "221\n" } }, "G M+ 0+ go F+ E Q " },
};
/* clang-format on */

struct dialogue {
	struct smtp_client c;
	struct smtp_client_config cfg;
	struct smtp_client_mail mail;
	struct smtp_origin origin;
	char out_bytes[16384], events[256], in[8192];
	struct smtp_out out;
	size_t read, in_at, in_len, events_len; /* read: of out, by the server */
	const struct step *step;
	unsigned how;
	bool in_body, asked;
};

static void
note(struct dialogue *d, const char *fmt, int a, int b)
{
	d->events_len += (size_t)snprintf(d->events + d->events_len,
	                                  sizeof(d->events) - d->events_len, fmt, a, b);
}

static void
on_answer(struct dialogue *d, const char *what, const struct smtp_client_event *ev)
{
	if (ev->ok)
		note(d, strcmp(what, "r") ? (*what == 'M' ? "M+ " : "F+ ") : "%d+ ", (int)ev->rcpt,
		     0);
	else if (!strcmp(what, "r"))
		note(d, "%d-%d ", (int)ev->rcpt, ev->reply->code);
	else
		note(d,
		     *what == 'M'   ? "M-%d "
		     : *what == 'D' ? "D-%d "
		                    : "F-%d ",
		     ev->reply->code, 0);
}

static void
on_event(struct dialogue *d, enum smtp_client_event_kind e, const struct smtp_client_event *ev)
{
	switch (e) {
	case SMTP_CE_GREETED:
		note(d, "G ", 0, 0);
		smtp_client_begin(&d->c, &d->mail, &d->out);
		break;
	case SMTP_CE_MAIL:
		on_answer(d, "M", ev);
		break;
	case SMTP_CE_RCPT:
		on_answer(d, "r", ev);
		if (d->how & ONLY)
			smtp_client_rset(&d->c, &d->out);
		break;
	case SMTP_CE_DATA:
		on_answer(d, "D", ev);
		break;
	case SMTP_CE_DATA_GO:
		note(d, ev->bdat ? "goB " : "go ", 0, 0);
		if (ev->bdat) {
			BUG_ON(!smtp_client_chunk(&d->c, 5, true, &d->out));
			if (!(d->how & LATE))
				smtp_client_sent(&d->c, 5);
		} else {
			d->in_body = true;
		}
		break;
	case SMTP_CE_FINAL:
		on_answer(d, "F", ev);
		break;
	case SMTP_CE_ENDED:
		note(d, "E ", 0, 0);
		CHECK(smtp_client_is_idle(&d->c));
		smtp_client_quit(&d->c, &d->out);
		break;
	case SMTP_CE_CLOSED:
		note(d, "Q ", 0, 0);
		break;
	case SMTP_CE_BROKEN:
		note(d, "!%d/%d ", (int)ev->why, (int)ev->stage);
		break;
	default:
		break;
	}
}

/*
 * The server reads one line of what was written and puts its reply into d->in. false: nothing to
 * read.
 */
static bool
serve(struct dialogue *d, const char *name)
{
	const char *from = d->out.p + d->read;
	const char *lf = memchr(from, '\n', d->out.len - d->read);
	size_t n = lf ? (size_t)(lf + 1 - from) : 0;

	if (!lf)
		return false;
	d->read += n;
	if (!d->step->want) {
		CHECK(false, "%s: unexpected %.*s", name, (int)n, from);
		return false;
	}
	CHECK(n >= strlen(d->step->want) && !memcmp(from, d->step->want, strlen(d->step->want)),
	      "%s: %.*s instead of %s", name, (int)n, from, d->step->want);
	if (d->step->reply) {
		size_t r = strlen(d->step->reply);

		memcpy(d->in + d->in_len, d->step->reply, r);
		d->in_len += r;
	}
	d->step++;
	return true;
}

static void
init(struct dialogue *d, size_t i)
{
	static const struct span rcpts[] = { { "c@d", 3 }, { "e@f", 3 } };

	memset(d, 0, sizeof(*d));
	d->how = cases[i].how;
	d->cfg = (struct smtp_client_config){ span_z("us.test"), d->how & BDAT, d->how & XCL,
		                              d->how & XFW };
	d->origin = (struct smtp_origin){
		.addr = addr_v4(0xc0000207), .port = 4000, .esmtp = true, .helo = span_z("a+=b")
	};
	d->mail = (struct smtp_client_mail){ .sender = span_z("a@b"),
		                             .rcpts = rcpts,
		                             .rcpt_cnt = d->how & TWO ? 2 : 1,
		                             .data = !(d->how & ONLY),
		                             .eightbit = true,
		                             .smtputf8 = true,
		                             .size = 900,
		                             .origin = &d->origin };
	d->out = (struct smtp_out){ d->out_bytes, 0, sizeof(d->out_bytes) };
	d->step = cases[i].steps;
	smtp_client_init(&d->c, &d->cfg);
	d->in_len = strlen(cases[i].banner);
	memcpy(d->in, cases[i].banner, d->in_len);
}

/* The body is written when nothing else is to do, so that a reply before the dot is one. */
static bool
write_body(struct dialogue *d)
{
	if (!d->in_body || d->c.why)
		return false;
	d->in_body = false;
	BUG_ON(!smtp_client_end(&d->c, span(".\r\n", 3), &d->out));
	return true;
}

static void
run(struct dialogue *d, size_t i, size_t step)
{
	struct smtp_client_event ev;

	init(d, i);
	for (;;) {
		size_t n = MIN(step, d->in_len - d->in_at);
		struct span in = span(d->in + d->in_at, n);
		enum smtp_client_event_kind e = smtp_client_next(&d->c, &in, &d->out, &ev);

		d->in_at += n - in.len;
		on_event(d, e, &ev);
		if (e == SMTP_CE_BROKEN || e == SMTP_CE_CLOSED)
			return;
		if (e == SMTP_CE_MORE && d->in_at == d->in_len && !serve(d, cases[i].name) &&
		    !write_body(d))
			return;
	}
}

static void
test_dialogues(void)
{
	static struct dialogue d;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = cases[i].how & WHOLE ? 200 : 1; step < 250; step++) {
			run(&d, i, step);
			CHECK(!strcmp(d.events, cases[i].events), "%s by %zu: %s instead of %s",
			      cases[i].name, step, d.events, cases[i].events);
			if (check_failed)
				return;
		}
}

static void
test_pass(void)
{
	/* clang-format off */
	static const struct { enum smtp_stage st; unsigned code; enum smtp_pass want; } t[] = {
		{ SMTP_STAGE_RCPT, 250, SMTP_PASS_OK },     { SMTP_STAGE_DATA, 354, SMTP_PASS_OK },
		{ SMTP_STAGE_RCPT, 450, SMTP_PASS_ON },     { SMTP_STAGE_RCPT, 421, SMTP_PASS_FAULT },
		{ SMTP_STAGE_RCPT, 549, SMTP_PASS_FAULT },  { SMTP_STAGE_RCPT, 550, SMTP_PASS_ON },
		{ SMTP_STAGE_RCPT, 556, SMTP_PASS_ON },     { SMTP_STAGE_RCPT, 557, SMTP_PASS_FAULT },
		{ SMTP_STAGE_RCPT, 503, SMTP_PASS_FAULT },  { SMTP_STAGE_MAIL, 530, SMTP_PASS_FAULT },
		{ SMTP_STAGE_EHLO, 550, SMTP_PASS_FAULT },  { SMTP_STAGE_BANNER, 554, SMTP_PASS_FAULT },
		{ SMTP_STAGE_BANNER, 450, SMTP_PASS_FAULT },{ SMTP_STAGE_FINAL, 554, SMTP_PASS_ON },
		{ SMTP_STAGE_FINAL, 354, SMTP_PASS_FAULT }, { SMTP_STAGE_CHUNK, 552, SMTP_PASS_ON },
		{ SMTP_STAGE_RSET, 550, SMTP_PASS_FAULT },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		CHECK(smtp_client_pass(t[i].st, t[i].code) == t[i].want, "%d %u", (int)t[i].st,
		      t[i].code);
}

/* Feed one banner and look at the reply. */
static const struct smtp_reply *
parse(const char *text, size_t len, enum smtp_client_event_kind want)
{
	static struct smtp_client c;
	static const struct smtp_client_config cfg = { { "us", 2 }, false, false, false };
	static char bytes[4096];
	struct smtp_out out = { bytes, 0, sizeof(bytes) };
	struct smtp_client_event ev;
	struct span in = span(text, len);

	smtp_client_init(&c, &cfg);
	CHECK(smtp_client_next(&c, &in, &out, &ev) == want, "%.*s", (int)MIN(len, 60u), text);
	return &c.reply;
}

static void
test_replies(void) /* text, enhanced codes, and bounds: exactly there and one past */
{
	static char big[SMTP_UPSTREAM_LINES_MAX * 8 + 4096];
	const struct smtp_reply *r;
	size_t n = 0;

	r = parse("554-5.7.1 a\r\n554 5.7.1 b\r\n", 26, SMTP_CE_BROKEN);
	CHECK(r->text_len == 3 && !memcmp(r->text, "a\nb", 3) && !strcmp(r->enhanced, "5.7.1"));
	r = parse("554 4.7.1 a\r\n", 13, SMTP_CE_BROKEN); /* of another class: text */
	CHECK(r->text_len == 7 && !r->enhanced[0]);
	r = parse("554 5.1234.1 a\r\n", 16, SMTP_CE_BROKEN);
	CHECK(r->text_len == 10 && !r->enhanced[0]);
	r = parse("554 5.123.123\r\n", 15, SMTP_CE_BROKEN);
	CHECK(r->text_len == 0 && !strcmp(r->enhanced, "5.123.123"));
	r = parse("554 a\rb\r\r\n", 10, SMTP_CE_BROKEN);
	CHECK(r->text_len == 4 && !memcmp(r->text, "a\rb\r", 4), "%.*s", r->text_len, r->text);
	memset(big, 'x', sizeof(big));
	memcpy(big, "554 ", 4);
	memcpy(big + 4 + 3000, "\r\n", 2);
	r = parse(big, 4 + 3000 + 2, SMTP_CE_BROKEN);
	CHECK(r->text_len == SMTP_REPLY_TEXT_MAX && r->code == 554);
	for (unsigned i = 0; i + 1 < SMTP_UPSTREAM_LINES_MAX; i++)
		n += (size_t)sprintf(big + n, "220-x\r\n");
	n += (size_t)sprintf(big + n, "220 x\r\n");
	r = parse(big, n, SMTP_CE_MORE);
	CHECK(r->line_cnt == SMTP_UPSTREAM_LINES_MAX);
	memcpy(big + n - 4, "-", 1);
	parse(big, n, SMTP_CE_BROKEN);
}

static void
test_attrs(void) /* nothing that was said reaches the command line unescaped */
{
	static struct dialogue d;
	static const char helo[] = "x\r\nMAIL FROM:<evil@x> \xc3\xa9";

	init(&d, 4);
	d.origin.helo = span(helo, sizeof(helo) - 1);
	d.cfg.xforward = true;
	d.c.caps = SMTP_CAP_XFORWARD;
	d.c.xforward_attrs = SMTP_ATTR_HELO | SMTP_ATTR_ADDR;
	d.c.setup = 6; /* ready */
	d.origin.addr.b[0] = 0x20;
	d.origin.addr.b[10] = d.origin.addr.b[11] = 0;
	smtp_client_begin(&d.c, &d.mail, &d.out);
	CHECK(!strncmp(d.out.p,
	               "XFORWARD ADDR=IPV6:2000::c000:207 "
	               "HELO=x+0D+0AMAIL+20FROM:<evil@x>+20+C3+A9\r\n",
	               d.out.len),
	      "%.*s", (int)d.out.len, d.out.p);
}

int
main(void)
{
	test_dialogues();
	test_pass();
	test_replies();
	test_attrs();
	return check_failed;
}
