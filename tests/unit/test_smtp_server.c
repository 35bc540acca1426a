/* SPDX-License-Identifier: BSD-3-Clause
 * test_smtp_server.c - whole dialogues, at every cut and byte by byte
 */
#include "tests/unit/smtp_drive.h"

#define HELO  "HELO a.test\r\n"
#define EHLO  "EHLO a.test\r\n"
#define MAIL  "MAIL FROM:<a@b.test>\r\n"
#define RCPT  "RCPT TO:<c@d.test>\r\n"
#define START HELO MAIL RCPT
#define GO    START "DATA\r\n"
#define X10   "xxxxxxxxxx"
#define X100  X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X500  X100 X100 X100 X100 X100
#define X2000 X500 X500 X500 X500
#define Z(s)  s, sizeof(s) - 1

/*
 * Replies are given as "code enhanced" in order, blanks between; body as smtp_drive.h writes it.
 * HELO's 250 has none.
 */
/* clang-format off */
static const struct { const char *name, *in; size_t len; const char *replies, *body; enum smtp_event last; } cases[] = {
	{ "one mail", Z(GO "a\r\nb\r\n.\r\nQUIT\r\n"), "250 250/2.1.0 250/2.1.5 354 250/2.0.0 221/2.0.0", "~a\r\nb\r\n|", SMTP_EV_QUIT },
	{ "two in a row", Z(GO "a\r\n.\r\n" MAIL RCPT "DATA\r\nb\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 354 250/2.0.0 250/2.1.0 250/2.1.5 354 250/2.0.0", "~a\r\n|b\r\n|", SMTP_EV_MORE },
	{ "empty mail", Z(GO ".\r\n"), "250 250/2.1.0 250/2.1.5 354 250/2.0.0", "~|", SMTP_EV_MORE },
	{ "dots", Z(GO "..\r\n...\r\n.a\r\n..b.c\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 354 250/2.0.0", "~.\r\n..\r\na\r\n.b.c\r\n|", SMTP_EV_MORE },
	{ "NUL in body", Z(GO "a\0b\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 354 250/2.0.0", "~a\0b", SMTP_EV_MORE },
	{ "LF . LF", Z(GO "a\n.\nb\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 354 550/5.6.0", "~a!", SMTP_EV_MORE },
	{ "LF . CRLF", Z(GO "a\n.\r\nMAIL FROM:<x@y>\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 354 550/5.6.0", "~a!", SMTP_EV_MORE },
	{ "CRLF . LF", Z(GO "a\r\n.\nb\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 354 550/5.6.0", "~a\r\n!", SMTP_EV_MORE },
	{ "CRLF . CR", Z(GO "a\r\n.\rb\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 354 550/5.6.0", "~a\r\n!", SMTP_EV_MORE },
	{ "CR . CRLF", Z(GO "a\r.\r\nb\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 354 550/5.6.0", "~a\r!", SMTP_EV_MORE },
	{ "CRLF . CR CR LF", Z(GO "a\r\n.\r\r\nb\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 354 550/5.6.0", "~a\r\n!", SMTP_EV_MORE },
	{ "CRLF NUL . CRLF", Z(GO "a\r\n\0.\r\nb\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 354 250/2.0.0", "~a\r\n", SMTP_EV_MORE },
	{ "EHLO", Z(EHLO), "250 250 250 250 250 250 250 250", "~", SMTP_EV_MORE },
	{ "verbs", Z("NOOP x\r\nVRFY a\r\nEXPN a\r\nHELP\r\nrset\r\nWHAT\r\nQuit\r\n"), "250/2.0.0 252/2.0.0 502/5.5.1 214/2.0.0 250/2.0.0 500/5.5.2 221/2.0.0", "~", SMTP_EV_QUIT },
	{ "order", Z(MAIL HELO RCPT "DATA\r\n" MAIL MAIL "DATA\r\n"), "503/5.5.1 250 503/5.5.1 503/5.5.1 250/2.1.0 503/5.5.1 503/5.5.1", "~", SMTP_EV_MORE },
	{ "syntax", Z("EHLO\r\nHELO a b\r\n" HELO "MAIL\r\nMAIL FROM\r\nMAIL FROM:\r\nMAIL TO:<a@b>\r\nRSET x\r\n"), "501 501 250 501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4", "~", SMTP_EV_MORE },
	{ "parameters", Z(HELO "MAIL FROM:<a@b.test> BODY=BINARYMIME\r\nMAIL FROM:<a@b.test> RET=HDRS\r\nMAIL FROM:<a@b.test> SIZE=x\r\nMAIL FROM:<a@b.test> SIZE=1 SIZE=1\r\nMAIL FROM:<a@b.test> SIZE\r\nMAIL FROM:<a@b.test> SMTPUTF8=1\r\n" MAIL "RCPT TO:<c@d.test> NOTIFY=NEVER\r\n"), "250 555/5.5.4 555/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 250/2.1.0 555/5.5.4", "~", SMTP_EV_MORE },
	{ "SIZE at bound", Z(HELO "MAIL FROM:<a@b.test> SIZE=1001\r\nMAIL FROM:<a@b.test> SIZE=99999999999999999999\r\nMAIL FROM:<a@b.test> SIZE=1000 BODY=8BITMIME\r\n"), "250 552/5.3.4 552/5.3.4 250/2.1.0", "~", SMTP_EV_MORE },
	{ "null sender", Z(HELO "MAIL FROM:<>\r\n" RCPT), "250 250/2.1.0 250/2.1.5", "~", SMTP_EV_MORE },
	{ "postmaster", Z(HELO "MAIL FROM:<postmaster>\r\n" MAIL "RCPT TO:<PostMaster>\r\nRCPT TO:<>\r\n"), "250 501/5.1.3 250/2.1.0 250/2.1.5 501/5.1.3", "~", SMTP_EV_MORE },
	{ "UTF-8", Z(HELO "MAIL FROM:<\xc3\xa9@b.test>\r\nMAIL FROM:<\xc3\xa9@b.test> SMTPUTF8\r\nRCPT TO:<\xc3\xa9@d.test>\r\nRSET\r\n" MAIL "RCPT TO:<\xc3\xa9@d.test>\r\n"), "250 553/5.6.7 250/2.1.0 250/2.1.5 250/2.0.0 250/2.1.0 553/5.6.7", "~~", SMTP_EV_MORE },
	{ "recipients", Z(HELO MAIL RCPT RCPT RCPT RCPT "DATA\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 250/2.1.5 250/2.1.5 452/4.5.3 354 250/2.0.0", "~|", SMTP_EV_MORE },
	{ "refused recipient", Z(HELO MAIL "RCPT TO:<no@d.test>\r\nDATA\r\n" RCPT "DATA\r\n.\r\n"), "250 250/2.1.0 550/5.1.1 554/5.5.1 250/2.1.5 354 250/2.0.0", "~|", SMTP_EV_MORE },
	{ "too many errors", Z("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nNOOP\r\n"), "500/5.5.2 500/5.5.2 500/5.5.2 500/5.5.2 500/5.5.2 500/5.5.2 500/5.5.2 500/5.5.2 421/4.7.0", "", SMTP_EV_CLOSE },
	{ "bare LF", Z("NOOP\nQUIT\r\n"), "500/5.5.2", "", SMTP_EV_CLOSE },
	{ "bare CR", Z("NOOP\r\nNO\rOP\r\n"), "250/2.0.0 500/5.5.2", "", SMTP_EV_CLOSE },
	{ "CR CR LF", Z("NOOP\r\r\n"), "500/5.5.2", "", SMTP_EV_CLOSE },
	{ "NUL", Z("NO\0OP\r\nNOOP\r\n"), "501/5.5.4 250/2.0.0", "", SMTP_EV_MORE },
	{ "longest", Z("NOOP " X2000 X10 X10 X10 X10 "x\r\nNOOP\r\n"), "250/2.0.0 250/2.0.0", "", SMTP_EV_MORE },
	{ "too long", Z("NOOP " X2000 X10 X10 X10 X10 "xx\r\nNOOP\r\n"), "500/5.5.2 250/2.0.0", "", SMTP_EV_MORE },
	{ "far too long", Z(X2000 X2000 X2000 "\r\nNOOP\r\n"), "500/5.5.2 250/2.0.0", "", SMTP_EV_MORE },
	{ "BDAT", Z(START "BDAT 3\r\na\r\nBDAT 2 LAST\r\n\r\nNOOP\r\n"), "250 250/2.1.0 250/2.1.5 250/2.0.0 250/2.0.0 250/2.0.0", "~a\r\n\r\n|", SMTP_EV_MORE },
	{ "BDAT 0 LAST", Z(START "BDAT 3\r\nabcBDAT 0 LAST\r\nNOOP\r\n"), "250 250/2.1.0 250/2.1.5 250/2.0.0 250/2.0.0 250/2.0.0", "~abc\r\n|", SMTP_EV_MORE },
	{ "BDAT empty", Z(START "BDAT 0 LAST\r\n"), "250 250/2.1.0 250/2.1.5 250/2.0.0", "~|", SMTP_EV_MORE },
	{ "BDAT CRLF across chunks", Z(START "BDAT 2\r\na\rBDAT 2 LAST\r\n\nb"), "250 250/2.1.0 250/2.1.5 250/2.0.0 250/2.0.0", "~a\r\nb\r\n|", SMTP_EV_MORE },
	{ "BDAT dots stay", Z(START "BDAT 12 LAST\r\n.\r\n..\r\nQUIT\r"), "250 250/2.1.0 250/2.1.5 550/5.6.0", "~.\r\n..\r\nQUIT\r!", SMTP_EV_MORE },
	{ "BDAT bare LF", Z(START "BDAT 3\r\na\nbBDAT 1 LAST\r\nxNOOP\r\n"), "250 250/2.1.0 250/2.1.5 550/5.6.0 503/5.5.1 250/2.0.0", "~a!", SMTP_EV_MORE },
	{ "BDAT too big", Z(START "BDAT 999\r\n" X500 X100 X100 X100 X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxxxBDAT 2 LAST\r\nabNOOP\r\n"), "250 250/2.1.0 250/2.1.5 250/2.0.0 552/5.3.4 250/2.0.0", NULL, SMTP_EV_MORE },
	{ "BDAT one too big", Z(START "BDAT 1001 LAST\r\n" X500 X500 "xNOOP\r\n"), "250 250/2.1.0 250/2.1.5 552/5.3.4 250/2.0.0", "~!", SMTP_EV_MORE },
	{ "BDAT order", Z("BDAT 5\r\nQUIT\rNOOP\r\n" HELO MAIL "BDAT 6 LAST\r\nQUIT\r\n" RCPT), "503/5.5.1 250/2.0.0 250 250/2.1.0 503/5.5.1 250/2.1.5", "~", SMTP_EV_MORE },
	{ "DATA after BDAT", Z(START "BDAT 1\r\naDATA\r\n" RCPT MAIL "BDAT 0 LAST\r\n"), "250 250/2.1.0 250/2.1.5 250/2.0.0 503/5.5.1 503/5.5.1 503/5.5.1 250/2.0.0", "~a\r\n|", SMTP_EV_MORE },
	{ "RSET between chunks", Z(START "BDAT 1\r\naRSET\r\nBDAT 1 LAST\r\nb" MAIL RCPT "BDAT 1 LAST\r\nc"), "250 250/2.1.0 250/2.1.5 250/2.0.0 250/2.0.0 503/5.5.1 250/2.1.0 250/2.1.5 250/2.0.0", "~a~c\r\n|", SMTP_EV_MORE },
	{ "BDAT syntax", Z(START "BDAT\r\nBDAT x\r\nBDAT 1 FIRST\r\nBDAT -1\r\nBDAT 99999999999999999999\r\n"), "250 250/2.1.0 250/2.1.5 501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4", "~", SMTP_EV_MORE },
	{ "body too big", Z(GO X500 X500 "\r\n.\r\nNOOP\r\n"), "250 250/2.1.0 250/2.1.5 354 552/5.3.4 250/2.0.0", NULL, SMTP_EV_MORE },
	{ "EHLO ends a mail", Z(START HELO "DATA\r\n"), "250 250/2.1.0 250/2.1.5 250 503/5.5.1", "~~", SMTP_EV_MORE },
	{ "PRDR", Z(HELO "MAIL FROM:<a@b.test> PRDR\r\n" RCPT RCPT "DATA\r\n.\r\n" MAIL RCPT "DATA\r\n.\r\n"), "250 250/2.1.0 250/2.1.5 250/2.1.5 354 353 250/2.0.0 250/2.0.0 250/2.0.0 250/2.1.0 250/2.1.5 354 250/2.0.0", "~||", SMTP_EV_MORE },
	{ "PRDR ends with its mail", Z(HELO "MAIL FROM:<a@b.test> PRDR\r\n" RCPT "RSET\r\n" MAIL "RCPT TO:<no@d.test>\r\n" RCPT "DATA\r\n.\r\n" MAIL "DATA\r\n"), "250 250/2.1.0 250/2.1.5 250/2.0.0 250/2.1.0 550/5.1.1 250/2.1.5 354 250/2.0.0 250/2.1.0 503/5.5.1", "~~|", SMTP_EV_MORE },
	{ "syntax before unknown", Z(HELO "MAIL FROM:<a@b.test> RET=HDRS SIZE=x\r\nMAIL FROM:<a@b.test> RET=HDRS BODY=BINARYMIME\r\n"), "250 501/5.5.4 555/5.5.4", "~", SMTP_EV_MORE },
	{ "body at the bound", Z(GO X500 X100 X100 X100 X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxx\r\n.\r\n" "NOOP\r\n"), "250 250/2.1.0 250/2.1.5 354 250/2.0.0 250/2.0.0", NULL, SMTP_EV_MORE },
	{ "body one past", Z(GO X500 X100 X100 X100 X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxxx\r\n.\r\n" "NOOP\r\n"), "250 250/2.1.0 250/2.1.5 354 552/5.3.4 250/2.0.0", NULL, SMTP_EV_MORE },
	{ "BDAT sum past", Z(START "BDAT 600\r\n" X500 X100 "BDAT 401 LAST\r\n" X100 X100 X100 X100 "xNOOP\r\n"), "250 250/2.1.0 250/2.1.5 250/2.0.0 552/5.3.4 250/2.0.0", NULL, SMTP_EV_MORE },
	{ "idle commands", Z("NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nRSET\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nHELP\r\nNOOP\r\nNOOP\r\n"), "250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 214/2.0.0 421/4.7.0", "~", SMTP_EV_CLOSE },
	{ "RSET and EHLO idle", Z(HELO "RSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\n" HELO "NOOP\r\n"), "250 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 421/4.7.0", NULL, SMTP_EV_CLOSE },
	{ "a mail ends idling", Z("RSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\n" GO ".\r\n" "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n" "NOOP\r\n"), "250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250 250/2.1.0 250/2.1.5 354 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 421/4.7.0", "~~~~~~~~~~~~~~~~~~~~|", SMTP_EV_CLOSE },
	{ "half a mail does not", Z(GO "x\r\n.\r\n" "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n" MAIL RCPT "RSET\r\n" "NOOP\r\n"), "250 250/2.1.0 250/2.1.5 354 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 250/2.1.0 250/2.1.5 250/2.0.0 421/4.7.0", NULL, SMTP_EV_CLOSE },
};
/* clang-format on */

/* "250-2.1.0 id=… text" lines to "250/2.1.0 ". */
static void
shorten(struct span out, char *to)
{
	*to = '\0';
	while (out.len) {
		const char *lf = memchr(out.p, '\n', out.len);
		struct span l = span(out.p, (size_t)(lf + 1 - out.p));
		bool enhanced = l.len > 9 && l.p[5] == '.' && l.p[7] == '.';

		CHECK(l.len <= SMTP_REPLY_MAX && lf[-1] == '\r', "line of %zu", l.len);
		to += sprintf(to, "%s%.3s%s%.*s", to[0] || out.p != l.p ? "" : "", l.p,
		              enhanced ? "/" : "", enhanced ? 5 : 0, l.p + 4);
		out = span_skip(out, l.len);
		if (out.len)
			to += sprintf(to, " ");
	}
}

static void
compare(const struct drive *d, size_t i, const char *how, size_t cut)
{
	static char got[1 << 16];

	shorten(span(d->out_bytes, d->out.len), got);
	CHECK(!strcmp(got, cases[i].replies), "%s %s %zu:\n got  %s\n want %s", cases[i].name, how,
	      cut, got, cases[i].replies);
	CHECK(!cases[i].body ||
	              (d->body_len >= strlen(cases[i].body) &&
	               !memcmp(d->body, cases[i].body, strlen(cases[i].body)) &&
	               (memchr(d->body, 0, d->body_len) || strlen(cases[i].body) == d->body_len)),
	      "%s %s %zu: body %.*s", cases[i].name, how, cut, (int)d->body_len, d->body);
	CHECK(d->last == cases[i].last, "%s %s %zu: last %d", cases[i].name, how, cut, d->last);
}

static struct drive *
fresh(void)
{
	static struct drive d;

	drive_init(&d);
	d.refuse = "no";
	d.prdr = true;
	return &d;
}

static void
test_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t cut = 0; cut <= cases[i].len; cut++) {
			struct drive *d = fresh();

			if (drive(d, span(cases[i].in, cut)))
				drive(d, span(cases[i].in + cut, cases[i].len - cut));
			compare(d, i, "cut", cut);
			smtp_server_fini(&d->s);
			CHECK(d->lent == 0, "%s", cases[i].name);
			if (check_failed)
				return;
		}
		for (size_t step = 1; step <= 3; step++) {
			struct drive *d = fresh();
			size_t at = 0;

			while (at < cases[i].len &&
			       drive(d, span(cases[i].in + at, MIN(step, cases[i].len - at))))
				at += step;
			compare(d, i, "step", step);
		}
	}
}

static void
test_small_things(void)
{
	struct drive *d = fresh();

	d->no_lines = true; /* no buffer for a cut line; a whole one needs none */
	CHECK(drive(d, span_z("NOOP\r\n")) && !drive(d, span_z("NO")) && d->last == SMTP_EV_CLOSE);
	d = fresh();
	smtp_server_banner(&d->s, &d->out);
	CHECK(d->out.len && !memcmp(d->out.p, "220 mx.test ESMTP\r\n", d->out.len));
	d->out.len = 0;
	smtp_server_early_talk(&d->s, &d->out);
	CHECK(!memcmp(d->out.p, "554 5.5.1 ", 10) && !drive(d, span_z("NOOP\r\n")));
	d = fresh();
	smtp_server_set_id(&d->s, 1);
	drive(d, span_z("XX\r\n"));
	CHECK(!memcmp(d->out.p, "500 5.5.2 id=0000000000001 command unknown\r\n", d->out.len));
	d = fresh();
	d->refuse_data = 1;
	drive(d, span_z(START "BDAT 6\r\nQUIT\r\nBDAT 2 LAST\r\nab" MAIL));
	CHECK(d->mails == 2 && d->ends == 0 && d->last == SMTP_EV_MORE);
	d = fresh();
	d->out.cap = SMTP_OUT_ROOM - 1; /* no room: nothing is taken */
	{
		struct span in = span_z("NOOP\r\n");
		static struct smtp_server_event ev;

		CHECK(smtp_server_next(&d->s, &in, &d->out, &ev) == SMTP_EV_ROOM && in.len == 6);
	}
}

static void
test_crlf_mode(void) /* what is normalised, and that it ends nothing */
{
	/* clang-format off */
	static const struct { const char *in, *body; } mails[] = {
		{ "a\nb\r\n.\r\n",           "~a\r\nb\r\n|" },
		{ "a\rb\r\n.\r\n",           "~a\r\nb\r\n|" },
		{ "a\n.\nb\r\n.\r\n",        "~a\r\n.\r\nb\r\n|" },
		{ "a\n.\r\nb\r\n.\r\n",      "~a\r\n.\r\nb\r\n|" },
		{ "a\r\n.\nb\r\n.\r\n",      "~a\r\n\r\nb\r\n|" },
		{ "a\r.\r\nb\r\n.\r\n",      "~a\r\n.\r\nb\r\n|" },
		{ "a\r\n.\rb\r\n.\r\n",      "~a\r\n\r\nb\r\n|" },
		{ "a\r.\rb\r\n.\r\n",        "~a\r\n.\r\nb\r\n|" },
		{ "a\r\r\n.\r\n",            "~a\r\n\r\n|" },
		{ "a\n\r\n.\r\n",            "~a\r\n\r\n|" },
		{ "\n.\r\n\r\n.\r\n",        "~\r\n.\r\n\r\n|" },
		{ "\r\n.\r\r\n.\r\n",        "~\r\n\r\n\r\n|" },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(mails); i++)
		for (size_t n = strlen(mails[i].in), cut = 0; cut <= n; cut++) {
			struct drive *d = fresh();

			d->cfg.bare_newlines = SMTP_BARE_CRLF;
			drive(d, span_z(GO));
			drive(d, span(mails[i].in, cut));
			drive(d, span(mails[i].in + cut, n - cut));
			CHECK(d->body_len == strlen(mails[i].body) &&
			              !memcmp(d->body, mails[i].body, d->body_len),
			      "mail %zu at %zu: %.*s", i, cut, (int)d->body_len, d->body);
		}
}

static void
test_crlf_bdat(void) /* a repaired newline at the end makes the last line whole */
{
	static const char *const in[] = { "BDAT 3 LAST\r\nab\n", "BDAT 3 LAST\r\nab\r",
		                          "BDAT 2 LAST\r\nab" };

	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		struct drive *d = fresh();

		d->cfg.bare_newlines = SMTP_BARE_CRLF;
		drive(d, span_z(START));
		drive(d, span_z(in[i]));
		CHECK(span_is(span(d->body, d->body_len), "~ab\r\n|"), "%zu: %.*s", i,
		      (int)d->body_len, d->body);
	}
}

static void
test_drop(void) /* the caller gives up: the rest is read, the answer comes at the end */
{
	struct drive *d = fresh();

	drive(d, span_z(GO "ab"));
	smtp_server_drop(&d->s, SMTP_R_NO_ROOM);
	d->out.len = 0;
	drive(d, span_z("c\r\n.\r\nNOOP\r\n"));
	CHECK(span_is(span(d->body, d->body_len), "~ab") && d->ends == 0);
	CHECK(d->out.len > 10 && !memcmp(d->out.p, "452 4.3.1 ", 10) && memchr(d->out.p, '2', 3));
	d = fresh();
	drive(d, span_z(START "BDAT 2\r\nab"));
	smtp_server_drop(&d->s, SMTP_R_NO_ROOM); /* between chunks: the next one is answered so */
	d->out.len = 0;
	drive(d, span_z("BDAT 6 LAST\r\nQUIT\r\n" MAIL));
	CHECK(d->ends == 0 && d->mails == 2 && !memcmp(d->out.p, "452 4.3.1 ", 10));
}

static void
test_close(void) /* in every pending state; nothing is read after it */
{
	static const char *const in[] = { HELO, HELO MAIL, START, GO "x", START "BDAT 3\r\na" };

	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		struct drive *d = fresh();

		drive(d, span_z(in[i]));
		d->out.len = 0;
		smtp_server_close(&d->s, SMTP_R_SHUTDOWN, &d->out);
		CHECK(!memcmp(d->out.p, "421 4.3.2 ", 10) && !drive(d, span_z("NOOP\r\n")), "%zu",
		      i);
	}
}

int
main(void)
{
	test_crlf_bdat();
	test_drop();
	test_close();
	test_cases();
	test_small_things();
	test_crlf_mode();
	return check_failed;
}
