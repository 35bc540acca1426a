/* SPDX-License-Identifier: BSD-3-Clause
 * peer_sender.c - a sender of mail with one habit, good or bad
 *
 * Over 500 lines: every habit is a few lines in the same dialogue.
 */
#include "tests/sim/peer.h"
#include "tests/sim/sim_report.h"
#include <stdarg.h>

#define SEC 1000000ull
#define IDLE_US                                                                                    \
	(330 * SEC) /* the longest that a silent sender is suffered: 5 min between commands, */
#define BODY_US   (400 * SEC) /* and two windows of 3 min in a body */
#define RCPT_US   (105 * SEC) /* 90 s, the tarpit, the way there and back */
#define TRIES_MAX 4

enum state {
	ST_BANNER,
	ST_EHLO,
	ST_MAIL,
	ST_RCPT,
	ST_RSET,
	ST_DATA,
	ST_BODY,
	ST_FINAL,
	ST_QUIT,
	ST_GONE
};

const char *const sender_habit_names[SH_KINDS] = {
	"honest",          "pipeline",       "bdat",          "prdr",
	"retry",           "slow",           "abort-in-body", "abort-at-dot",
	"abort-after-dot", "silent-in-body", "silent",        "rset",
	"early",           "bare",           "leave",
};

static const char gtube[] =
        "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n";

static void out(struct peer_sender *s, const char *fmt, ...) PRINTF(2, 3);

static void
out(struct peer_sender *s, const char *fmt, ...)
{
	char z[600];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(z, sizeof(z), fmt, ap);
	va_end(ap);
	s->said_us = s->ledger->now_us;
	s->ops->send(s->ctx, span(z, (size_t)n));
}

static struct ledger_mail *
mail_of(struct peer_sender *s)
{
	return s->mail >= 0 ? &s->ledger->mails[s->mail] : NULL;
}

static void
leave(struct peer_sender *s, bool reset)
{
	if (s->state == ST_GONE)
		return;
	s->state = ST_GONE;
	if (reset)
		s->ops->abort(s->ctx);
	else
		s->ops->close(s->ctx);
	peer_sender_closed(s);
}

static void
wake_in(struct peer_sender *s, uint64_t us)
{
	s->wake_us = s->ledger->now_us + us;
	s->ops->wake(s->ctx, s->wake_us);
}

/* ---- what is sent ---- */

static size_t
random_size(struct rng *r, bool chunks, bool big)
{
	if (big && rng_odds(r, 1, 6))
		return 270000 + rng_below(r, SIM_BIG_BYTES - 270000);
	if (rng_odds(r, 1, chunks ? 3 : 12))
		return 60000 + rng_below(r, 150000); /* beyond the simulated hold_bytes */
	if (rng_odds(r, 1, 8))
		return 10000 + rng_below(r, 50000); /* held in several chunks */
	return 50 + rng_below(r, 4000);
}

static size_t
random_line(struct rng *r, char *b)
{
	size_t n = 0, len = rng_below(r, 78);

	if (rng_odds(r, 1, 10))
		b[n++] = '.';
	for (size_t i = 0; i < len; i++, n++) {
		b[n] = rng_odds(r, 1, 12) ? '.' : (char)('a' + rng_below(r, 26));
		if (n > 0 && b[n - 1] == '.')
			b[n] = ' '; /* no host name, so that no rule knows it */
	}
	b[n++] = '\r';
	b[n++] = '\n';
	return n;
}

/* Lines of text, some of which begin with a dot; the final CR LF is there. */
static void
make_body(struct peer_sender *s, struct ledger_mail *m)
{
	size_t want = random_size(s->rng, s->habit == SH_BDAT, s->ledger->big), n;
	bool late = m->content & CONTENT_LATE;
	char *b;

	if (late && rng_odds(s->rng, 1, 2)) /* seen when most of it was sent on */
		want = SIM_HOLD_BYTES + rng_below(s->rng, 4 * SIM_HOLD_BYTES);
	b = malloc(want + 1200);
	BUG_ON(!b);
	n = (size_t)sprintf(b, "X-Sim-Id: %d\r\nFrom: a@b.test\r\nSubject: simulated %d%s\r\n\r\n",
	                    s->mail, s->mail,
	                    m->content & CONTENT_WORD ? " at the " CUST_WORD : "");
	if (m->content & CONTENT_GTUBE && !late)
		n += (size_t)sprintf(b + n, "%s", gtube);
	while (n < want)
		n += random_line(s->rng, b + n);
	if (m->content & CONTENT_GTUBE && late)
		n += (size_t)sprintf(b + n, "%s", gtube);
	if (m->bare)
		n += (size_t)sprintf(b + n, "a bare\nnewline\r\n");
	s->body = b;
	s->body_len = n;
	s->body_at = 0;
	m->bytes = (uint32_t)n;
	m->crc = peer_crc(PEER_CRC_INIT, b, n);
}

static void
choose_content(struct peer_sender *s, struct ledger_mail *m, const struct ledger_mail *before)
{
	m->friendly = s->habit < SH_FRIENDLY;
	m->prdr = s->habit == SH_PRDR;
	m->bare = s->habit == SH_BARE;
	m->v6 = s->v6;
	m->port = s->port;
	m->bad_sender = before ? before->bad_sender : rng_odds(s->rng, 1, 8);
	if (before)
		m->content = before->content;
	else if (rng_odds(s->rng, 1, 5))
		m->content = CONTENT_GTUBE;
	else if (rng_odds(s->rng, 1, 5))
		m->content = CONTENT_WORD;
	else if (rng_odds(s->rng, 1, 10))
		m->content = CONTENT_GTUBE | CONTENT_LATE;
}

/* Distinct recipients, near each other in the table more often than not: of one route, of several policies. */
static void
choose_rcpts(struct peer_sender *s)
{
	unsigned first = (unsigned)rng_below(s->rng, CUST_RCPTS), mask = 0;

	s->rcpt_cnt = 0;
	for (unsigned n = 1 + (unsigned)rng_below(s->rng, MAIL_RCPTS_MAX); n > 0; n--) {
		unsigned r = rng_odds(s->rng, 1, 5)
		                     ? (unsigned)rng_below(s->rng, CUST_RCPTS)
		                     : (first + (unsigned)rng_below(s->rng, 5)) % CUST_RCPTS;

		if (!(mask & 1u << r))
			s->rcpts[s->rcpt_cnt++] = (uint8_t)r;
		mask |= 1u << r;
	}
}

static void
put_rcpt(struct peer_sender *s)
{
	out(s, "RCPT TO:<%s>\r\n", cust_rcpts[s->rcpts[s->rcpts_asked++]].address);
}

static void
begin_mail(struct peer_sender *s, int retry_of)
{
	struct ledger_mail *m, *before = retry_of >= 0 ? &s->ledger->mails[retry_of] : NULL;

	s->mail = ledger_begin(s->ledger, retry_of);
	m = mail_of(s);
	choose_content(s, m, before);
	make_body(s, m);
	s->rcpts_asked = s->rcpts_answered = s->prdr_at = s->chunks = 0;
	s->prdr_on = false;
	s->again_cnt = 0;
	s->state = ST_MAIL;
	out(s, "MAIL FROM:<s%d@%s.test>%s%s\r\n", m->sender, m->bad_sender ? "bad" : "sender",
	    rng_odds(s->rng, 1, 3) ? " SIZE=1000" : "", m->prdr ? " PRDR" : "");
	s->asked_us = s->waits_us = s->ledger->now_us;
	if (s->habit == SH_PIPELINE) {
		m->began = true;
		while (s->rcpts_asked < s->rcpt_cnt)
			put_rcpt(s);
	}
}

/* What was put off, once more; else a new mail; else goodbye. */
static void
next_mail(struct peer_sender *s)
{
	struct ledger_mail *m = mail_of(s);

	free(s->body);
	s->body = NULL;
	if (s->habit == SH_RETRY && m && s->again_cnt > 0 && m->attempt < TRIES_MAX &&
	    s->ledger->cnt < LEDGER_MAILS_MAX) {
		memcpy(s->rcpts, s->again, sizeof(s->rcpts));
		s->rcpt_cnt = s->again_cnt;
		begin_mail(s, s->mail);
		return;
	}
	s->mail = -1;
	if (s->mails_left == 0 || s->ledger->cnt == LEDGER_MAILS_MAX) {
		s->state = ST_QUIT;
		out(s, "QUIT\r\n");
		return;
	}
	s->mails_left--;
	choose_rcpts(s);
	begin_mail(s, -1);
}

static void
ask_rcpt(struct peer_sender *s)
{
	mail_of(s)->began = true;
	s->state = ST_RCPT;
	if (s->rcpts_asked == s->rcpt_cnt || s->rcpts_asked != s->rcpts_answered)
		return;
	s->asked_us = s->waits_us = s->ledger->now_us;
	put_rcpt(s);
	if (s->habit == SH_LEAVE)
		wake_in(s, rng_below(s->rng, 2 * SEC));
}

/* The body with dots doubled, n raw bytes from body_at. */
static void
send_stuffed(struct peer_sender *s, size_t n)
{
	char *buf = malloc(2 * n + 1);
	size_t k = 0;

	BUG_ON(!buf);
	for (; n > 0 && s->body_at < s->body_len; n--, s->body_at++) {
		char c = s->body[s->body_at];

		if (c == '.' && (s->body_at == 0 || s->body[s->body_at - 1] == '\n'))
			buf[k++] = '.';
		buf[k++] = c;
	}
	s->said_us = s->ledger->now_us;
	s->ops->send(s->ctx, span(buf, k));
	free(buf);
}

static void
send_end(struct peer_sender *s)
{
	s->state = ST_FINAL;
	out(s, ".\r\n");
	mail_of(s)->end_us = s->ledger->now_us;
}

static void
send_body(struct peer_sender *s)
{
	s->state = ST_BODY;
	switch (s->habit) {
	case SH_ABORT_IN_BODY:
		send_stuffed(s, s->body_len / 2);
		leave(s, true);
		return;
	case SH_SILENT_IN_BODY:
		send_stuffed(s, s->body_len / 2);
		return;
	case SH_SLOW:
		send_stuffed(s, s->body_len / 4 + 1);
		wake_in(s, 5 * SEC);
		return;
	default:
		send_stuffed(s, s->body_len);
		send_end(s);
		if (s->habit == SH_ABORT_AT_DOT)
			leave(s, true);
		if (s->habit == SH_ABORT_LATER)
			wake_in(s, rng_below(s->rng, SEC / 4));
	}
}

static void
send_bdat(struct peer_sender *s)
{
	size_t half = s->body_len / 2;

	s->state = ST_FINAL;
	s->chunks = 1;
	out(s, "BDAT %zu\r\n", half);
	s->ops->send(s->ctx, span(s->body, half));
	out(s, "BDAT %zu LAST\r\n", s->body_len - half);
	s->ops->send(s->ctx, span(s->body + half, s->body_len - half));
	mail_of(s)->end_us = s->ledger->now_us;
}

/* ---- what is heard ---- */

static void
after_rcpts(struct peer_sender *s)
{
	struct ledger_mail *m = mail_of(s);
	bool change = s->habit == SH_RSET && !s->was_reset;

	if (m->rcpts_ok == 0 || change) { /* every recipient refused: the mail ends here */
		if (m->rcpts_ok == 0) {
			m->final_code = 500;
			m->final = FINAL_NOBODY;
		} else {
			m->gave_up = true;
		}
		s->was_reset = true;
		s->state = ST_RSET;
		out(s, "RSET\r\n");
		return;
	}
	m->data_us = s->ledger->now_us;
	if (s->habit == SH_BDAT) {
		send_bdat(s);
		return;
	}
	s->state = ST_DATA;
	out(s, "DATA\r\n");
}

static void
try_again(struct peer_sender *s, unsigned rcpt)
{
	if (s->again_cnt < MAIL_RCPTS_MAX)
		s->again[s->again_cnt++] = (uint8_t)rcpt;
}

static void
on_rcpt(struct peer_sender *s, unsigned code)
{
	unsigned r = s->rcpts[s->rcpts_answered++];

	if (s->ledger->lossless && s->ledger->now_us > s->waits_us + RCPT_US)
		sim_fail("mail %d: RCPT was answered after %llu s\n", s->mail,
		         (unsigned long long)((s->ledger->now_us - s->waits_us) / SEC));
	s->waits_us = s->ledger->now_us; /* pipelined ones are asked one after the other */
	ledger_rcpt_answer(s->ledger, mail_of(s), r, code, s->line, s->asked_us);
	if (code / 100 == 4)
		try_again(s, r);
	if (s->rcpts_answered == s->rcpt_cnt)
		after_rcpts(s);
	else
		ask_rcpt(s);
}

static void
on_final(struct peer_sender *s, unsigned code)
{
	struct ledger_mail *m = mail_of(s);

	if (s->chunks > 0) { /* the first chunk is answered too: its 250 is not the mail's */
		s->chunks--;
		if (code != 250)
			ledger_final_answer(s->ledger, m, code, s->line);
		return;
	}
	if (s->habit == SH_PRDR && code == 353) {
		s->prdr_on = true;
		return;
	}
	if (s->prdr_on && s->prdr_at < m->rcpts_ok) {
		ledger_prdr_answer(s->ledger, m, s->prdr_at++, code, s->line);
		return;
	}
	ledger_final_answer(s->ledger, m, code, s->line);
	for (unsigned i = 0; code / 100 == 4 && i < m->rcpts_ok; i++)
		try_again(s, m->order[i]);
	next_mail(s);
}

static void
on_mail(struct peer_sender *s, unsigned code)
{
	struct ledger_mail *m = mail_of(s);

	if (code == 250) {
		ledger_mail_accepted(s->ledger, m);
		ask_rcpt(s);
		return;
	}
	m->final_code = (uint16_t)code;
	m->final = FINAL_ROOM;
	m->began = true;
	if (s->rcpts_asked > 0)
		leave(s, false);
	else
		next_mail(s);
}

static void
on_banner(struct peer_sender *s, unsigned code)
{
	if (code != 220) {
		leave(s, false);
		return;
	}
	if (s->is_late)
		sim_fail("a node that drains greeted a sender\n");
	if (s->habit == SH_EARLY && s->ledger->lossless && s->ledger->banner_waits)
		sim_fail("a sender who talked before the banner was greeted\n");
	s->state = ST_EHLO;
	if (s->habit != SH_SILENT && s->habit != SH_EARLY) /* that one said it before */
		out(s, "EHLO sender.test\r\n");
	if (s->habit == SH_SILENT)
		s->said_us = s->ledger->now_us;
}

static void
on_closing(struct peer_sender *s)
{
	struct ledger_mail *m = mail_of(s);

	if (m && m->final_code == 0)
		ledger_final_answer(s->ledger, m, 421, s->line);
	if (s->said_us != 0 && (s->habit == SH_SILENT || s->habit == SH_SILENT_IN_BODY) &&
	    s->ledger->lossless &&
	    s->ledger->now_us > s->said_us + (s->state == ST_BODY ? BODY_US : IDLE_US))
		sim_fail("a silent sender was suffered for %llu s\n",
		         (unsigned long long)((s->ledger->now_us - s->said_us) / SEC));
	leave(s, false);
}

static void
reply(struct peer_sender *s, unsigned code)
{
	if (code == 421) {
		on_closing(s);
		return;
	}
	switch ((enum state)s->state) {
	case ST_BANNER:
		on_banner(s, code);
		break;
	case ST_EHLO:
	case ST_RSET:
		next_mail(s);
		break;
	case ST_MAIL:
		on_mail(s, code);
		break;
	case ST_RCPT:
		on_rcpt(s, code);
		break;
	case ST_DATA:
		if (code == 354)
			send_body(s);
		else
			on_final(s, code);
		break;
	case ST_BODY: /* an answer before the dot ends the mail */
		ledger_final_answer(s->ledger, mail_of(s), code, s->line);
		leave(s, false);
		break;
	case ST_FINAL:
		on_final(s, code);
		break;
	case ST_QUIT:
		leave(s, false);
		break;
	case ST_GONE:
		break;
	}
}

/* ---- the simulator's side ---- */

void
peer_sender_start(struct peer_sender *s, const struct peer_ops *ops, void *ctx, struct ledger *l,
                  struct rng *rng, enum sender_habit habit, unsigned mails)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->ctx = ctx;
	s->ledger = l;
	s->rng = rng;
	s->habit = habit;
	s->mails_left = mails;
	s->is_late = l->drain_us > 0;
	s->mail = -1;
}

void
peer_sender_opened(struct peer_sender *s, uint16_t port, bool v6)
{
	s->port = port;
	s->v6 = v6;
	s->said_us = s->ledger->now_us;
	if (s->habit == SH_EARLY)
		out(s, "EHLO sender.test\r\n");
}

void
peer_sender_feed(struct peer_sender *s, struct span in)
{
	while (in.len > 0 && s->state != ST_GONE) {
		char c = span_shift(&in);

		if (s->line_len < sizeof(s->line) - 1)
			s->line[s->line_len++] = c;
		if (c != '\n')
			continue;
		s->line[s->line_len] = 0;
		if (s->line_len >= 4 && s->line[3] == ' ')
			reply(s, (unsigned)atoi(s->line));
		s->line_len = 0;
	}
}

void
peer_sender_tick(struct peer_sender *s)
{
	if (s->wake_us == 0 || s->ledger->now_us < s->wake_us)
		return;
	s->wake_us = 0;
	if (s->habit == SH_LEAVE || s->habit == SH_ABORT_LATER) {
		leave(s, s->habit == SH_ABORT_LATER);
		return;
	}
	if (s->state != ST_BODY)
		return;
	send_stuffed(s, s->body_len / 4 + 1);
	if (s->body_at >= s->body_len)
		send_end(s);
	else
		wake_in(s, 5 * SEC);
}

void
peer_sender_closed(struct peer_sender *s)
{
	struct ledger_mail *m = mail_of(s);

	s->state = ST_GONE;
	if (!s->done && m && m->began && m->final_code == 0)
		m->gave_up = true;
	s->done = true;
	free(s->body);
	s->body = NULL;
}
