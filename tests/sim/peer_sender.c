/* SPDX-License-Identifier: BSD-3-Clause
 * peer_sender.c - a sender of mail with one habit, good or bad
 */
#include "tests/sim/peer.h"
#include <stdarg.h>

#define SEC 1000000ull

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

/* What the simulated customers answer for: any.test takes all, list.test knows bob and alice, other.test is another route. */
static const char *const rcpt_pool[] = {
	"one@any.test",    "two@any.test",     "three@any.test", "bob@list.test",
	"alice@list.test", "nobody@list.test", "x@other.test",   "y@foreign.test",
};

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

static size_t
random_size(struct rng *r, bool chunks)
{
	if (rng_odds(r, 1, chunks ? 3 : 12))
		return 60000 + rng_below(r, 150000); /* beyond the simulated hold_bytes */
	return 50 + rng_below(r, 4000);
}

/* Lines of text, some of which begin with a dot; the final CR LF is there. */
static void
make_body(struct peer_sender *s, struct ledger_mail *m)
{
	size_t want = random_size(s->rng, s->habit == SH_BDAT), n;
	char *b = malloc(want + 1200);

	BUG_ON(!b);
	n = (size_t)sprintf(b, "X-Sim-Id: %d\r\nFrom: a@b.test\r\nSubject: simulated %d\r\n\r\n",
	                    s->mail, s->mail);
	if (m->must_block)
		n += (size_t)sprintf(
		        b + n,
		        "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n");
	while (n < want) {
		size_t line = rng_below(s->rng, 78);

		if (rng_odds(s->rng, 1, 10))
			b[n++] = '.';
		for (size_t i = 0; i < line; i++)
			b[n++] = (char)('a' + rng_below(s->rng, 26));
		b[n++] = '\r';
		b[n++] = '\n';
	}
	s->body = b;
	s->body_len = n;
	s->body_at = 0;
	m->bytes = (uint32_t)n;
	m->crc = peer_crc(0, b, n);
}

static void
next_mail(struct peer_sender *s)
{
	struct ledger_mail *m;

	free(s->body);
	s->body = NULL;
	s->mail = -1;
	if (s->mails_left == 0 || s->ledger->cnt == LEDGER_MAILS_MAX) {
		s->state = ST_QUIT;
		out(s, "QUIT\r\n");
		return;
	}
	s->mails_left--;
	s->mail = (int)s->ledger->cnt++;
	m = mail_of(s);
	m->must_block = rng_odds(s->rng, 1, 6);
	make_body(s, m);
	s->rcpt_cnt = 1 + (unsigned)rng_below(s->rng, ARRAY_LEN(s->rcpts));
	for (unsigned i = 0; i < s->rcpt_cnt; i++)
		s->rcpts[i] = rcpt_pool[rng_below(s->rng, ARRAY_LEN(rcpt_pool))];
	s->rcpts_asked = s->rcpts_answered = 0;
	s->state = ST_MAIL;
	out(s, "MAIL FROM:<s%d@sender.test>%s\r\n", s->mail,
	    rng_odds(s->rng, 1, 3) ? " SIZE=1000" : "");
	if (s->habit == SH_PIPELINE) {
		m->began = true;
		for (; s->rcpts_asked < s->rcpt_cnt; s->rcpts_asked++)
			out(s, "RCPT TO:<%s>\r\n", s->rcpts[s->rcpts_asked]);
	}
}

static void
ask_rcpt(struct peer_sender *s)
{
	mail_of(s)->began = true;
	s->state = ST_RCPT;
	if (s->rcpts_asked < s->rcpt_cnt && s->rcpts_asked == s->rcpts_answered)
		out(s, "RCPT TO:<%s>\r\n", s->rcpts[s->rcpts_asked++]);
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
	s->ops->send(s->ctx, span(buf, k));
	free(buf);
}

static void
send_body(struct peer_sender *s, uint64_t now_us)
{
	s->state = ST_FINAL;
	switch (s->habit) {
	case SH_ABORT_IN_BODY:
		send_stuffed(s, s->body_len / 2);
		leave(s, true);
		return;
	case SH_SILENT_IN_BODY:
		send_stuffed(s, s->body_len / 2);
		s->state = ST_BODY;
		return;
	case SH_SLOW:
		send_stuffed(s, s->body_len / 4 + 1);
		s->state = ST_BODY;
		s->wake_us = now_us + 5 * SEC;
		s->ops->wake(s->ctx, s->wake_us);
		return;
	default:
		send_stuffed(s, s->body_len);
		out(s, ".\r\n");
		if (s->habit == SH_ABORT_AT_DOT)
			leave(s, true);
	}
}

static void
send_bdat(struct peer_sender *s)
{
	size_t half = s->body_len / 2;

	s->state = ST_FINAL;
	out(s, "BDAT %zu\r\n", half);
	s->ops->send(s->ctx, span(s->body, half));
	out(s, "BDAT %zu LAST\r\n", s->body_len - half);
	s->ops->send(s->ctx, span(s->body + half, s->body_len - half));
}

static void
after_rcpts(struct peer_sender *s)
{
	struct ledger_mail *m = mail_of(s);

	if (m->rcpts_ok == 0) { /* every recipient refused: the mail ends here */
		m->final_code = 500;
		s->state = ST_RSET;
		out(s, "RSET\r\n");
		return;
	}
	if (s->habit == SH_RSET && !s->reset_done) {
		s->reset_done = true;
		m->gave_up = true;
		s->state = ST_RSET;
		out(s, "RSET\r\n");
		return;
	}
	if (s->habit == SH_BDAT) {
		send_bdat(s);
		return;
	}
	s->state = ST_DATA;
	out(s, "DATA\r\n");
}

static void
on_final(struct peer_sender *s, unsigned code)
{
	struct ledger_mail *m = mail_of(s);

	/* With BDAT the first chunk is answered too: its 250 is not the mail's. */
	if (s->habit == SH_BDAT && s->reset_done == false && code == 250) {
		s->reset_done = true;
		return;
	}
	if (s->habit == SH_BDAT &&
	    !s->reset_done) { /* refused at the first chunk: its last one is answered as well */
		m->final_code = (uint16_t)code;
		s->reset_done = true;
		return;
	}
	s->reset_done = s->habit == SH_BDAT ? false : s->reset_done;
	if (m->final_code == 0)
		m->final_code = (uint16_t)code;
	next_mail(s);
}

static void
reply(struct peer_sender *s, unsigned code, uint64_t now_us)
{
	struct ledger_mail *m = mail_of(s);

	if (code == 421) {
		if (m && m->final_code == 0)
			m->final_code = 421;
		leave(s, false);
		return;
	}
	switch (s->state) {
	case ST_BANNER:
		if (code != 220) {
			leave(s, false);
			return;
		}
		s->state = ST_EHLO;
		if (s->habit != SH_SILENT && s->habit != SH_EARLY) /* that one said it before */
			out(s, "EHLO sender.test\r\n");
		break;
	case ST_EHLO:
		next_mail(s);
		break;
	case ST_MAIL:
		if (code != 250) {
			m->final_code = (uint16_t)code;
			m->began = true;
			if (s->habit == SH_PIPELINE && s->rcpts_asked > 0)
				leave(s, false);
			else
				next_mail(s);
			break;
		}
		ask_rcpt(s);
		break;
	case ST_RCPT:
		s->rcpts_answered++;
		if (code == 250)
			m->rcpts_ok++;
		if (s->rcpts_answered == s->rcpt_cnt)
			after_rcpts(s);
		else
			ask_rcpt(s);
		break;
	case ST_RSET:
		next_mail(s);
		break;
	case ST_DATA:
		if (code == 354) {
			send_body(s, now_us);
			break;
		}
		m->final_code = (uint16_t)code;
		next_mail(s);
		break;
	case ST_BODY:
	case ST_FINAL:
		if (s->state == ST_BODY) { /* an answer before the dot ends the mail */
			m->final_code = (uint16_t)code;
			leave(s, false);
			break;
		}
		on_final(s, code);
		break;
	case ST_QUIT:
		leave(s, false);
		break;
	default:
		break;
	}
}

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
	s->mail = -1;
}

void
peer_sender_opened(struct peer_sender *s, uint64_t now_us)
{
	(void)now_us;
	if (s->habit == SH_EARLY)
		out(s, "EHLO sender.test\r\n");
}

void
peer_sender_feed(struct peer_sender *s, struct span in, uint64_t now_us)
{
	while (in.len > 0 && s->state != ST_GONE) {
		char c = span_shift(&in);

		if (s->line_len < sizeof(s->line) - 1)
			s->line[s->line_len++] = c;
		if (c != '\n')
			continue;
		s->line[s->line_len] = 0;
		if (s->line_len >= 4 && s->line[3] == ' ')
			reply(s, (unsigned)atoi(s->line), now_us);
		s->line_len = 0;
	}
}

void
peer_sender_tick(struct peer_sender *s, uint64_t now_us)
{
	if (s->wake_us == 0 || now_us < s->wake_us || s->state != ST_BODY)
		return;
	send_stuffed(s, s->body_len / 4 + 1);
	if (s->body_at >= s->body_len) {
		s->wake_us = 0;
		s->state = ST_FINAL;
		out(s, ".\r\n");
		return;
	}
	s->wake_us = now_us + 5 * SEC;
	s->ops->wake(s->ctx, s->wake_us);
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
