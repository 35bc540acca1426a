/* SPDX-License-Identifier: BSD-3-Clause
 * peer_server.c - a customer's server that keeps or breaks the dialogue at one chosen stage
 */
#include "tests/sim/peer.h"
#include <ctype.h>

#define SEC 1000000ull

const char *const server_fault_names[SF_KINDS] = {
	"none",         "banner-late",     "banner-4xx",      "banner-5xx",   "banner-silent",
	"banner-reset", "banner-garbage",  "ehlo-5xx",        "ehlo-421",     "ehlo-silent",
	"ehlo-reset",   "ehlo-poor",       "mail-4xx",        "mail-5xx",     "mail-421",
	"mail-silent",  "mail-reset",      "rcpt-4xx",        "rcpt-5xx",     "rcpt-policy-5xx",
	"rcpt-421",     "rcpt-silent",     "rcpt-reset",      "rcpt-late",    "data-4xx",
	"data-5xx",     "data-silent",     "data-reset",      "body-reset",   "body-close",
	"chunk-5xx",    "final-4xx",       "final-5xx",       "final-silent", "final-reset",
	"final-late",   "final-250-reset", "final-multiline", "rset-silent",  "rset-reset",
	"unasked",      "bytewise",
};

uint32_t
peer_crc(uint32_t crc, const void *p, size_t n) /* FNV-1a: any hash does, both ends are ours */
{
	const uint8_t *b = p;

	if (crc == 0)
		crc = 2166136261u;
	for (size_t i = 0; i < n; i++)
		crc = (crc ^ b[i]) * 16777619u;
	return crc;
}

static void
say(struct peer_server *s, const char *z)
{
	struct span all = span_z(z);

	if (s->dead)
		return;
	if (s->fault != SF_BYTEWISE) {
		s->ops->send(s->ctx, all);
		return;
	}
	for (size_t i = 0; i < all.len; i++)
		s->ops->send(s->ctx, span(all.p + i, 1));
}

static void
say_late(struct peer_server *s, const char *z, uint64_t at_us)
{
	snprintf(s->late, sizeof(s->late), "%s", z);
	s->late_at_us = at_us;
	s->ops->wake(s->ctx, at_us);
}

/* The fault of this connection strikes once; true when `f` is it and it strikes now. */
static bool
strikes(struct peer_server *s, enum server_fault f)
{
	if (s->fault != f || s->fired)
		return false;
	s->fired = true;
	s->ledger->faults[f]++;
	return true;
}

static void
die(struct peer_server *s)
{
	s->dead = true;
	s->ops->abort(s->ctx);
}

/* Faults of one stage in a row: 4xx, 5xx, 421, silent, reset; SF_NONE where a stage has no such one. */
static bool
stage_fault(struct peer_server *s, enum server_fault f4, enum server_fault f5,
            enum server_fault f421, enum server_fault silent, enum server_fault reset)
{
	if (f4 != SF_NONE && strikes(s, f4))
		say(s, "451 4.3.0 not now\r\n");
	else if (f5 != SF_NONE && strikes(s, f5))
		say(s, "550 5.1.1 no such one\r\n");
	else if (f421 != SF_NONE && strikes(s, f421)) {
		say(s, "421 4.3.2 going down\r\n");
		s->ops->close(s->ctx);
		s->dead = true;
	} else if (silent != SF_NONE && strikes(s, silent))
		s->dead = true;
	else if (reset != SF_NONE && strikes(s, reset))
		die(s);
	else
		return false;
	return true;
}

void
peer_server_start(struct peer_server *s, const struct peer_ops *ops, void *ctx, struct ledger *l,
                  struct rng *rng, enum server_fault fault, uint64_t now_us)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->ctx = ctx;
	s->ledger = l;
	s->rng = rng;
	s->fault = fault;
	s->mail = -1;
	if (fault == SF_BYTEWISE)
		l->faults[fault]++;
	if (strikes(s, SF_BANNER_LATE))
		say_late(s, "220 sink ESMTP\r\n", now_us + 10 * SEC);
	else if (strikes(s, SF_BANNER_4XX))
		say(s, "421 4.3.2 busy\r\n");
	else if (strikes(s, SF_BANNER_5XX))
		say(s, "554 5.3.2 go away\r\n");
	else if (strikes(s, SF_BANNER_SILENT))
		s->dead = true;
	else if (strikes(s, SF_BANNER_RESET))
		die(s);
	else if (strikes(s, SF_BANNER_GARBAGE))
		say(s, "HTTP/1.1 400 Bad Request\r\n\r\n");
	else
		say(s, "220 sink ESMTP\r\n");
}

static void
on_ehlo(struct peer_server *s)
{
	if (stage_fault(s, SF_NONE, SF_EHLO_5XX, SF_EHLO_421, SF_EHLO_SILENT, SF_EHLO_RESET))
		return;
	s->poor = s->poor || strikes(s, SF_EHLO_POOR);
	if (s->poor)
		say(s, "250 sink\r\n");
	else
		say(s, "250-sink\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250-8BITMIME\r\n"
		       "250-ENHANCEDSTATUSCODES\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n");
}

static void
on_mail(struct peer_server *s)
{
	if (stage_fault(s, SF_MAIL_4XX, SF_MAIL_5XX, SF_MAIL_421, SF_MAIL_SILENT, SF_MAIL_RESET))
		return;
	s->envelope = true;
	s->rcpts = 0;
	say(s, "250 2.1.0 ok\r\n");
}

static void
on_rcpt(struct peer_server *s, uint64_t now_us)
{
	if (!s->envelope) {
		say(s, "503 5.5.1 MAIL first\r\n");
		return;
	}
	if (stage_fault(s, SF_RCPT_4XX, SF_RCPT_5XX, SF_RCPT_421, SF_RCPT_SILENT, SF_RCPT_RESET))
		return;
	if (strikes(s, SF_RCPT_POLICY_5XX)) {
		say(s, "550 5.7.1 not from you\r\n");
		return;
	}
	s->rcpts++;
	if (strikes(s, SF_RCPT_LATE))
		say_late(s, "250 2.1.5 ok, late\r\n", now_us + 20 * SEC);
	else
		say(s, "250 2.1.5 ok\r\n");
}

static void
begin_body(struct peer_server *s)
{
	s->body_open = true;
	s->eod = 2;
	s->crc = 0;
	s->bytes = 0;
	s->mail = -1;
	s->in_ours = false;
	s->head_len = 0;
}

static void
on_data(struct peer_server *s)
{
	if (s->rcpts == 0) {
		say(s, "503 5.5.1 RCPT first\r\n");
		return;
	}
	if (stage_fault(s, SF_DATA_4XX, SF_DATA_5XX, SF_NONE, SF_DATA_SILENT, SF_DATA_RESET))
		return;
	begin_body(s);
	s->mode = PS_DATA;
	say(s, "354 go\r\n");
}

/* All of a mail is here: check it against the ledger and answer. */
static void
finish(struct peer_server *s, uint64_t now_us)
{
	struct ledger_mail *m =
	        s->mail >= 0 && s->mail < (int)s->ledger->cnt ? &s->ledger->mails[s->mail] : NULL;
	bool ok = false;

	s->body_open = false;
	s->mode = PS_COMMANDS;
	s->envelope = false;
	s->rcpts = 0;
	if (m && (m->crc != s->crc || m->bytes != s->bytes))
		m->corrupted = true;
	if (stage_fault(s, SF_FINAL_4XX, SF_FINAL_5XX, SF_NONE, SF_FINAL_SILENT, SF_FINAL_RESET)) {
		ok = false;
	} else if (strikes(s, SF_FINAL_LATE)) {
		say_late(s, "250 2.0.0 taken, late\r\n", now_us + 60 * SEC);
		ok = true;
	} else if (strikes(s, SF_FINAL_250_RESET)) {
		say(s, "250 2.0.0 taken\r\n");
		die(s);
		ok = true;
	} else if (strikes(s, SF_FINAL_MULTILINE)) {
		say(s, "250-2.0.0 taken\r\n250 2.0.0 twice said\r\n");
		ok = true;
	} else {
		say(s, "250 2.0.0 taken\r\n");
		ok = true;
	}
	if (m && ok)
		m->server_2xx++;
	else if (m)
		m->server_other++;
}

/* One byte of the mail in CR LF form, unstuffed. What stands above "X-Sim-Id:" is the relay's own and not counted. */
static void
body_byte(struct peer_server *s, char c)
{
	if (s->in_ours) {
		s->crc = peer_crc(s->crc, &c, 1);
		s->bytes++;
		return;
	}
	if (s->head_len < sizeof(s->head) - 1)
		s->head[s->head_len++] = c;
	if (c != '\n')
		return;
	s->head[s->head_len] = 0;
	if (!strncmp(s->head, "X-Sim-Id: ", 10)) {
		s->mail = atoi(s->head + 10);
		s->in_ours = true;
		s->crc = peer_crc(0, s->head, s->head_len);
		s->bytes = (uint32_t)s->head_len;
	}
	s->head_len = 0;
}

/* DATA: CR LF . CR LF ends, a leading dot is dropped. Returns true at the end. */
static bool
data_byte(struct peer_server *s, char c)
{
	/* eod: 0 in a line, 1 after CR, 2 at a line's start, 3 after its dot, 4 after dot CR */
	switch (s->eod) {
	case 2:
		if (c == '.') {
			s->eod = 3;
			return false;
		}
		break;
	case 3:
		if (c == '\r') {
			s->eod = 4;
			return false;
		}
		break;
	case 4:
		if (c == '\n')
			return true;
		body_byte(s, '\r');
		break;
	default:
		break;
	}
	s->eod = c == '\r' ? 1 : (s->eod == 1 && c == '\n') ? 2 : 0;
	body_byte(s, c);
	return false;
}

static bool
body_struck(struct peer_server *s)
{
	if (s->bytes < 200)
		return false;
	if (strikes(s, SF_BODY_RESET)) {
		die(s);
		return true;
	}
	if (strikes(s, SF_BODY_CLOSE)) {
		s->ops->close(s->ctx);
		s->dead = true;
		return true;
	}
	return false;
}

static void
bdat_done(struct peer_server *s, uint64_t now_us)
{
	s->mode = PS_COMMANDS;
	if (body_struck(s))
		return;
	if (s->no_chunks) {
		say(s, "503 5.5.1 RSET first\r\n");
	} else if (!s->bdat_last && strikes(s, SF_CHUNK_5XX)) {
		s->no_chunks = true;
		say(s, "552 5.3.4 chunk refused\r\n");
	} else if (s->bdat_last)
		finish(s, now_us);
	else
		say(s, "250 2.0.0 chunk\r\n");
}

static void
on_bdat(struct peer_server *s, const char *arg, uint64_t now_us)
{
	char *end;

	s->bdat_left = strtoull(arg, &end, 10);
	while (*end == ' ')
		end++;
	s->bdat_last = !strncasecmp(end, "LAST", 4);
	if (!s->body_open)
		begin_body(s);
	s->mode = PS_BDAT;
	if (s->bdat_left == 0)
		bdat_done(s, now_us);
}

static void
on_rset(struct peer_server *s)
{
	s->envelope = false;
	s->rcpts = 0;
	s->body_open = s->no_chunks = false;
	if (!stage_fault(s, SF_NONE, SF_NONE, SF_NONE, SF_RSET_SILENT, SF_RSET_RESET))
		say(s, "250 2.0.0 reset\r\n");
	if (strikes(s, SF_UNASKED))
		say(s, "250 2.0.0 nobody asked\r\n");
}

static void
command(struct peer_server *s, uint64_t now_us)
{
	const char *l = s->line;

	if (!strncasecmp(l, "EHLO", 4) || !strncasecmp(l, "HELO", 4))
		on_ehlo(s);
	else if (!strncasecmp(l, "MAIL", 4))
		on_mail(s);
	else if (!strncasecmp(l, "RCPT", 4))
		on_rcpt(s, now_us);
	else if (!strncasecmp(l, "DATA", 4))
		on_data(s);
	else if (!strncasecmp(l, "BDAT ", 5))
		on_bdat(s, l + 5, now_us);
	else if (!strncasecmp(l, "RSET", 4))
		on_rset(s);
	else if (!strncasecmp(l, "NOOP", 4))
		say(s, "250 2.0.0 ok\r\n");
	else if (!strncasecmp(l, "QUIT", 4)) {
		say(s, "221 2.0.0 bye\r\n");
		s->ops->close(s->ctx);
		s->dead = true;
	} else
		say(s, "500 5.5.2 what\r\n");
}

static void
command_byte(struct peer_server *s, char c, uint64_t now_us)
{
	if (s->line_len < sizeof(s->line) - 1)
		s->line[s->line_len++] = c;
	if (c != '\n')
		return;
	while (s->line_len > 0 && isspace((unsigned char)s->line[s->line_len - 1]))
		s->line_len--;
	s->line[s->line_len] = 0;
	s->line_len = 0;
	command(s, now_us);
}

void
peer_server_feed(struct peer_server *s, struct span in, uint64_t now_us)
{
	while (in.len > 0 && !s->dead) {
		char c = span_shift(&in);

		if (s->mode == PS_COMMANDS) {
			command_byte(s, c, now_us);
		} else if (s->mode == PS_DATA) {
			if (data_byte(s, c))
				finish(s, now_us);
			else
				body_struck(s);
		} else {
			body_byte(s, c);
			if (--s->bdat_left == 0)
				bdat_done(s, now_us);
		}
	}
}

void
peer_server_tick(struct peer_server *s, uint64_t now_us)
{
	if (s->late_at_us == 0 || now_us < s->late_at_us)
		return;
	s->late_at_us = 0;
	say(s, s->late);
}
