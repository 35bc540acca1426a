/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_client.c - what may be written when, and what each reply means: two tables
 *
 * More than 500 lines: each row of the tables has its function beside it, and they share the state.
 */
#include "dataplane/smtp/smtp_client.h"
#include "dataplane/smtp/smtp_address.h"
#include "dataplane/smtp/smtp_client_reply.h"

/* From the connection to the first mail; XCLIENT makes the server begin again (XCLIENT_README). */
enum setup {
	S_BANNER,    /* greeting awaited */
	S_WANT_EHLO, /* EHLO to be written */
	S_EHLO,      /* awaited */
	S_WANT_HELO,
	S_HELO,
	S_XCLIENT, /* awaited */
	S_READY,
};

static bool
has(const struct smtp_client *c, enum smtp_cap cap)
{
	return (c->caps & cap) != 0;
}

static bool
by_bdat(const struct smtp_client *c)
{
	return c->cfg->chunking && has(c, SMTP_CAP_CHUNKING);
}

/* The oldest answer that is awaited: replies come in the order of commands. */
enum smtp_stage
smtp_client_stage(const struct smtp_client *c)
{
	static const uint8_t of_setup[] = {
		[S_BANNER] = SMTP_STAGE_BANNER, [S_WANT_EHLO] = SMTP_STAGE_IDLE,
		[S_EHLO] = SMTP_STAGE_EHLO,     [S_WANT_HELO] = SMTP_STAGE_IDLE,
		[S_HELO] = SMTP_STAGE_HELO,     [S_XCLIENT] = SMTP_STAGE_XCLIENT,
	};
	const struct smtp_client_trans *t = &c->t;

	if (c->setup != S_READY)
		return (enum smtp_stage)of_setup[c->setup];
	if (t->xforward_sent)
		return SMTP_STAGE_XFORWARD;
	if (t->mail_sent && !t->mail_answered)
		return SMTP_STAGE_MAIL;
	if (t->rcpt_answered < t->rcpt_sent)
		return SMTP_STAGE_RCPT;
	if (t->data_sent)
		return SMTP_STAGE_DATA;
	if (t->chunks_out)
		return t->last_chunk && t->chunks_out == 1 ? SMTP_STAGE_FINAL : SMTP_STAGE_CHUNK;
	if (t->end_sent)
		return SMTP_STAGE_FINAL;
	if (t->reset_sent)
		return SMTP_STAGE_RSET;
	if (c->quit_sent)
		return SMTP_STAGE_QUIT;
	return t->go && !t->final ? SMTP_STAGE_BODY : SMTP_STAGE_IDLE;
}

/* True when the server awaits nothing from a reply of ours and owes none. */
static bool
owes_nothing(const struct smtp_client *c)
{
	enum smtp_stage st = smtp_client_stage(c);

	return st == SMTP_STAGE_IDLE || st == SMTP_STAGE_BODY;
}

static bool
is_doomed(const struct smtp_client *c) /* nothing more of this mail is to be written */
{
	return c->t.want_rset || c->t.final || (c->t.mail_answered && !c->t.mail_taken);
}

/* ---- writing ---- */

static bool wants_ehlo(const struct smtp_client *c);
static bool wants_helo(const struct smtp_client *c);
static bool wants_xclient(const struct smtp_client *c);
static bool wants_xforward(const struct smtp_client *c);
static bool wants_mail(const struct smtp_client *c);
static bool wants_rcpt(const struct smtp_client *c);
static bool wants_data(const struct smtp_client *c);
static bool wants_rset(const struct smtp_client *c);
static bool wants_quit(const struct smtp_client *c);
static bool put_ehlo(struct smtp_client *c, struct smtp_out *out);
static bool put_helo(struct smtp_client *c, struct smtp_out *out);
static bool put_xclient(struct smtp_client *c, struct smtp_out *out);
static bool put_xforward(struct smtp_client *c, struct smtp_out *out);
static bool put_mail(struct smtp_client *c, struct smtp_out *out);
static bool put_rcpt(struct smtp_client *c, struct smtp_out *out);
static bool put_data(struct smtp_client *c, struct smtp_out *out);
static bool put_rset(struct smtp_client *c, struct smtp_out *out);
static bool put_quit(struct smtp_client *c, struct smtp_out *out);

/*
 * Commands in the order in which they are written. A server with PIPELINING gets the next one
 * before it answered, but for those that must stand alone (RFC 2920 3.1; the state before XCLIENT
 * is thrown away by the server).
 */
/* clang-format off */
static const struct command {
	bool (*wants)(const struct smtp_client *c);
	bool (*put)(struct smtp_client *c, struct smtp_out *out);
	bool alone;
} commands[] = {
	{ wants_ehlo,     put_ehlo,     true },
	{ wants_helo,     put_helo,     true },
	{ wants_xclient,  put_xclient,  true },
	{ wants_xforward, put_xforward, false },
	{ wants_mail,     put_mail,     false },
	{ wants_rcpt,     put_rcpt,     false },
	{ wants_data,     put_data,     false },
	{ wants_rset,     put_rset,     false },
	{ wants_quit,     put_quit,     true },
};
/* clang-format on */

static bool
wants_ehlo(const struct smtp_client *c)
{
	return c->setup == S_WANT_EHLO;
}

static bool
wants_helo(const struct smtp_client *c)
{
	return c->setup == S_WANT_HELO;
}

static bool
wants_xclient(const struct smtp_client *c)
{
	return c->setup == S_READY && c->t.want_xclient && !is_doomed(c);
}

static bool
wants_xforward(const struct smtp_client *c)
{
	return c->setup == S_READY && c->t.want_xforward && !is_doomed(c);
}

static bool
wants_mail(const struct smtp_client *c)
{
	return c->setup == S_READY && c->mail && !c->t.mail_sent && !is_doomed(c);
}

static bool
wants_rcpt(const struct smtp_client *c)
{
	return c->t.mail_sent && c->t.rcpt_sent < c->mail->rcpt_cnt && !c->t.data_sent &&
	       !c->t.go && !is_doomed(c);
}

static bool
wants_data(const struct smtp_client *c)
{
	const struct smtp_client_trans *t = &c->t;

	if (!c->mail || !c->mail->data || t->data_sent || t->go || by_bdat(c) || is_doomed(c))
		return false;
	if (t->rcpt_sent == 0 || t->rcpt_sent < c->mail->rcpt_cnt)
		return false;
	return t->rcpt_answered < t->rcpt_sent || t->rcpt_taken > 0;
}

static bool
wants_rset(const struct smtp_client *c)
{
	const struct smtp_client_trans *t = &c->t;

	/* never inside a chunk */
	return t->want_rset && t->mail_sent && !t->reset_sent && !t->reset_done && !c->chunk_left &&
	       !(t->mail_answered && !t->mail_taken);
}

static bool
wants_quit(const struct smtp_client *c)
{
	return c->want_quit && !c->quit_sent && !c->mail && c->setup == S_READY;
}

static bool
put_words(struct smtp_out *out, const char *verb, struct span a, const char *end)
{
	return smtp_out_put(out, span_z(verb)) && smtp_out_put(out, a) &&
	       smtp_out_put(out, span_z(end));
}

static bool
put_ehlo(struct smtp_client *c, struct smtp_out *out)
{
	c->setup = S_EHLO;
	c->caps = c->xclient_attrs = c->xforward_attrs = 0;
	c->size_max = 0;
	return put_words(out, "EHLO ", c->cfg->helo, "\r\n");
}

static bool
put_helo(struct smtp_client *c, struct smtp_out *out)
{
	c->setup = S_HELO;
	return put_words(out, "HELO ", c->cfg->helo, "\r\n");
}

static bool
put_xclient(struct smtp_client *c, struct smtp_out *out)
{
	c->t.want_xclient = false;
	c->setup = S_XCLIENT;
	return put_words(out, "XCLIENT", span("", 0), "") &&
	       smtp_client_put_attrs(out, c->mail->origin, c->xclient_attrs, false) &&
	       smtp_out_put(out, span("\r\n", 2));
}

static bool
put_xforward(struct smtp_client *c, struct smtp_out *out)
{
	c->t.want_xforward = false;
	c->t.xforward_sent = true;
	return put_words(out, "XFORWARD", span("", 0), "") &&
	       smtp_client_put_attrs(out, c->mail->origin, c->xforward_attrs, true) &&
	       smtp_out_put(out, span("\r\n", 2));
}

static bool
put_mail(struct smtp_client *c, struct smtp_out *out)
{
	const struct smtp_client_mail *m = c->mail;
	char size[32];
	bool ok;

	BUG_ON(m->sender.len > SMTP_PATH_TEXT_MAX);
	c->t.mail_sent = true;
	ok = put_words(out, "MAIL FROM:<", m->sender, ">");
	if (m->size && has(c, SMTP_CAP_SIZE)) {
		int n = snprintf(size, sizeof(size), " SIZE=%llu", (unsigned long long)m->size);

		ok = ok && smtp_out_put(out, span(size, (size_t)n));
	}
	if (m->eightbit && has(c, SMTP_CAP_8BITMIME))
		ok = ok && smtp_out_put(out, span_z(" BODY=8BITMIME"));
	if (m->smtputf8 && has(c, SMTP_CAP_SMTPUTF8))
		ok = ok && smtp_out_put(out, span_z(" SMTPUTF8"));
	return ok && smtp_out_put(out, span("\r\n", 2));
}

static bool
put_rcpt(struct smtp_client *c, struct smtp_out *out)
{
	struct span to = c->mail->rcpts[c->t.rcpt_sent];

	BUG_ON(to.len > SMTP_PATH_TEXT_MAX);
	c->t.rcpt_sent++;
	return put_words(out, "RCPT TO:<", to, ">\r\n");
}

static bool
put_data(struct smtp_client *c, struct smtp_out *out)
{
	c->t.data_sent = true;
	return smtp_out_put(out, span("DATA\r\n", 6));
}

static bool
put_rset(struct smtp_client *c, struct smtp_out *out)
{
	c->t.reset_sent = true;
	c->reset_cnt++;
	return smtp_out_put(out, span("RSET\r\n", 6));
}

static bool
put_quit(struct smtp_client *c, struct smtp_out *out)
{
	c->quit_sent = true;
	return smtp_out_put(out, span("QUIT\r\n", 6));
}

static const struct command *
next_command(const struct smtp_client *c)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (commands[i].wants(c))
			return &commands[i];
	return NULL;
}

static void
pump(struct smtp_client *c, struct smtp_out *out)
{
	const struct command *cmd;

	c->blocked = false;
	if (c->parse && owes_nothing(c))
		return; /* half a reply that nobody asked for: its end decides */
	while (!c->why && (cmd = next_command(c))) {
		if ((cmd->alone || !has(c, SMTP_CAP_PIPELINING)) && !owes_nothing(c))
			return;
		if (smtp_out_room(out) < SMTP_CLIENT_ROOM) {
			c->blocked = true;
			return;
		}
		BUG_ON(!cmd->put(c, out));
	}
}

/* ---- reading ---- */

static enum smtp_client_event_kind on_banner(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_ehlo(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_helo(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_xclient(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_xforward(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_mail(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_rcpt(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_data(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_chunk(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_final(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_rset(struct smtp_client *c, struct smtp_client_event *ev);
static enum smtp_client_event_kind on_quit(struct smtp_client *c, struct smtp_client_event *ev);

/*
 * Which class of reply means success at a stage, whether a refusal there is the sender's business,
 * and who acts. Stages without a function expect nothing.
 */
/* clang-format off */
static const struct stage {
	unsigned ok;
	bool passes; /* 4xx, 550 to 556 go on to the sender (decisions 7) */
	enum smtp_client_event_kind (*act)(struct smtp_client *c, struct smtp_client_event *ev);
} stages[SMTP_STAGES] = {
	[SMTP_STAGE_IDLE]     = { 0, false, NULL },
	[SMTP_STAGE_BANNER]   = { 2, false, on_banner },
	[SMTP_STAGE_EHLO]     = { 2, false, on_ehlo },
	[SMTP_STAGE_HELO]     = { 2, false, on_helo },
	[SMTP_STAGE_XCLIENT]  = { 2, false, on_xclient },
	[SMTP_STAGE_XFORWARD] = { 2, false, on_xforward },
	[SMTP_STAGE_MAIL]     = { 2, true,  on_mail },
	[SMTP_STAGE_RCPT]     = { 2, true,  on_rcpt },
	[SMTP_STAGE_DATA]     = { 3, true,  on_data },
	[SMTP_STAGE_BODY]     = { 0, false, NULL },
	[SMTP_STAGE_CHUNK]    = { 2, true,  on_chunk },
	[SMTP_STAGE_FINAL]    = { 2, true,  on_final },
	[SMTP_STAGE_RSET]     = { 2, false, on_rset },
	[SMTP_STAGE_QUIT]     = { 0, false, on_quit },
};
/* clang-format on */

enum smtp_pass
smtp_client_pass(enum smtp_stage stage, unsigned code)
{
	if (code / 100 == stages[stage].ok)
		return SMTP_PASS_OK;
	if (!stages[stage].passes || code == 421)
		return SMTP_PASS_FAULT;
	return code / 100 == 4 || (code >= 550 && code <= 556) ? SMTP_PASS_ON : SMTP_PASS_FAULT;
}

static enum smtp_client_event_kind
broken(struct smtp_client *c, enum smtp_client_why why)
{
	c->why = (uint8_t)why;
	return SMTP_CE_BROKEN;
}

static enum smtp_client_event_kind
on_banner(struct smtp_client *c, struct smtp_client_event *ev)
{
	if (!ev->ok)
		return broken(c, SMTP_WHY_REFUSED);
	smtp_client_take_name(c->banner_name, span(c->reply.text, c->reply.text_len));
	c->setup = S_WANT_EHLO;
	return SMTP_CE_MORE;
}

static enum smtp_client_event_kind
greeted(struct smtp_client *c)
{
	bool again = c->greeted;

	c->setup = S_READY;
	c->greeted = true;
	if (again) /* behind XCLIENT: the mail goes on, unless the server offers that no more */
		c->t.want_xforward = c->t.want_xforward && has(c, SMTP_CAP_XFORWARD);
	return again ? SMTP_CE_MORE : SMTP_CE_GREETED;
}

static enum smtp_client_event_kind
on_ehlo(struct smtp_client *c, struct smtp_client_event *ev)
{
	if (ev->ok && c->reply.code != 250)
		return broken(c, SMTP_WHY_UNEXPECTED);
	if (ev->ok) {
		c->caps |= SMTP_CAP_ESMTP;
		return greeted(c);
	}
	/* HELO for a server that does not know EHLO (RFC 5321 3.2); anything else it means. */
	if (c->reply.code < 500 || c->reply.code > 504)
		return broken(c, SMTP_WHY_REFUSED);
	c->setup = S_WANT_HELO;
	return SMTP_CE_MORE;
}

static enum smtp_client_event_kind
on_helo(struct smtp_client *c, struct smtp_client_event *ev)
{
	return ev->ok ? greeted(c) : broken(c, SMTP_WHY_REFUSED);
}

static enum smtp_client_event_kind
on_xclient(struct smtp_client *c, struct smtp_client_event *ev)
{
	if (!ev->ok)
		return broken(c, SMTP_WHY_REFUSED);
	c->setup = S_WANT_EHLO;
	return SMTP_CE_MORE;
}

static enum smtp_client_event_kind
on_xforward(struct smtp_client *c, struct smtp_client_event *ev)
{
	(void)ev; /* only for the server's log: a refusal changes nothing */
	c->t.xforward_sent = false;
	return SMTP_CE_MORE;
}

static enum smtp_client_event_kind
on_mail(struct smtp_client *c, struct smtp_client_event *ev)
{
	c->t.mail_answered = true;
	c->t.mail_taken = ev->ok;
	return c->t.want_rset ? SMTP_CE_MORE : SMTP_CE_MAIL;
}

static enum smtp_client_event_kind
on_rcpt(struct smtp_client *c, struct smtp_client_event *ev)
{
	ev->rcpt = c->t.rcpt_answered++;
	if (!c->t.mail_taken)
		return ev->ok ? broken(c, SMTP_WHY_UNEXPECTED) : SMTP_CE_MORE;
	c->t.rcpt_taken = (uint16_t)(c->t.rcpt_taken + ev->ok);
	return c->t.want_rset ? SMTP_CE_MORE : SMTP_CE_RCPT;
}

static enum smtp_client_event_kind
on_data(struct smtp_client *c, struct smtp_client_event *ev)
{
	bool empty = !c->t.mail_taken || c->t.rcpt_taken == 0;

	c->t.data_sent = false;
	if (!ev->ok) {
		c->t.want_rset =
		        true; /* whether the server still holds the envelope is its secret */
		return empty ? SMTP_CE_MORE : SMTP_CE_DATA;
	}
	if (empty || c->reply.code != 354) /* it awaits a mail that is for nobody */
		return broken(c, SMTP_WHY_UNEXPECTED);
	c->t.go = true;
	return SMTP_CE_DATA_GO;
}

/*
 * A refused chunk is the answer to the mail; what else is under way is swallowed (RFC 3030 2: then
 * RSET).
 */
static enum smtp_client_event_kind
on_chunk(struct smtp_client *c, struct smtp_client_event *ev)
{
	c->t.chunks_out--;
	if (c->t.final)
		return SMTP_CE_MORE;
	if (ev->ok)
		return SMTP_CE_CHUNK;
	c->t.final = true;
	c->t.want_rset = true;
	return SMTP_CE_FINAL;
}

static enum smtp_client_event_kind
on_final(struct smtp_client *c, struct smtp_client_event *ev)
{
	bool first = !c->t.final;

	if (ev->ok && c->chunk_left && first) /* it cannot have what was not sent */
		return broken(c, SMTP_WHY_UNEXPECTED);
	if (c->t.chunks_out)
		c->t.chunks_out--;
	c->t.end_sent = false;
	c->t.final = true;
	return first ? SMTP_CE_FINAL : SMTP_CE_MORE;
}

static enum smtp_client_event_kind
on_rset(struct smtp_client *c, struct smtp_client_event *ev)
{
	if (!ev->ok)
		return broken(c, SMTP_WHY_REFUSED);
	c->t.reset_sent = false;
	c->t.reset_done = true;
	return SMTP_CE_MORE;
}

static enum smtp_client_event_kind
on_quit(struct smtp_client *c, struct smtp_client_event *ev)
{
	(void)c;
	(void)ev;
	return SMTP_CE_CLOSED;
}

static enum smtp_client_event_kind
on_reply(struct smtp_client *c, struct smtp_client_event *ev)
{
	enum smtp_stage st = smtp_client_stage(c);
	unsigned class = c->reply.code / 100;

	ev->stage = st;
	ev->reply = &c->reply;
	ev->ok = class == stages[st].ok;
	ev->bdat = false;
	if (c->reply.code == 421 && st != SMTP_STAGE_QUIT)
		return broken(c, SMTP_WHY_421);
	if (!stages[st].act)
		return broken(c, SMTP_WHY_UNSOLICITED);
	if (!ev->ok && class < 4 && st != SMTP_STAGE_QUIT)
		return broken(c, SMTP_WHY_UNEXPECTED);
	if (class >= 4)
		c->refusal_cnt++;
	return stages[st].act(c, ev);
}

/* Is the mail over, with every reply in? */
static bool
is_over(const struct smtp_client *c)
{
	const struct smtp_client_trans *t = &c->t;

	if (!c->mail || c->setup != S_READY || !owes_nothing(c) || c->chunk_left)
		return false;
	if (t->want_rset)
		return t->reset_done || !t->mail_sent || (t->mail_answered && !t->mail_taken);
	return t->final || (t->mail_answered && !t->mail_taken);
}

/* BDAT needs no go from the server but the recipients' answers. */
static bool
may_go(const struct smtp_client *c)
{
	const struct smtp_client_trans *t = &c->t;

	return c->mail && c->mail->data && by_bdat(c) && !t->go && !is_doomed(c) &&
	       owes_nothing(c) && t->rcpt_taken > 0 && t->rcpt_sent == c->mail->rcpt_cnt;
}

static enum smtp_client_event_kind
without_reply(struct smtp_client *c, struct smtp_client_event *ev)
{
	ev->reply = NULL;
	ev->stage = smtp_client_stage(c);
	if (is_over(c)) {
		c->mail = NULL;
		c->t = (struct smtp_client_trans){ 0 };
		return SMTP_CE_ENDED;
	}
	if (may_go(c)) {
		c->t.go = true;
		ev->bdat = true;
		return SMTP_CE_DATA_GO;
	}
	return SMTP_CE_MORE;
}

enum smtp_client_event_kind
smtp_client_next(struct smtp_client *c, struct span *in, struct smtp_out *out,
                 struct smtp_client_event *ev)
{
	enum smtp_client_event_kind e = SMTP_CE_MORE;

	while (!c->why) {
		enum smtp_client_reply_status st;
		bool ehlo;

		if (!(in->len && owes_nothing(c))) /* or what waits was not asked for */
			pump(c, out);
		e = without_reply(c, ev);
		if (e != SMTP_CE_MORE)
			return e;
		c->why_stage = (uint8_t)smtp_client_stage(c);
		ehlo = c->setup == S_EHLO || c->setup == S_HELO;
		st = smtp_client_reply_feed(c, in, ehlo);
		if (st == SMTP_CR_MORE)
			return c->blocked ? SMTP_CE_ROOM : SMTP_CE_MORE;
		if (st == SMTP_CR_DONE)
			e = on_reply(c, ev);
		if (e != SMTP_CE_MORE && !c->why)
			return e; /* what may be written now is, by the next call */
	}
	ev->why = (enum smtp_client_why)c->why;
	ev->stage = (enum smtp_stage)c->why_stage;
	ev->reply = &c->reply;
	return SMTP_CE_BROKEN;
}

/* ---- the caller's side ---- */

void
smtp_client_init(struct smtp_client *c, const struct smtp_client_config *cfg)
{
	memset(c, 0, offsetof(struct smtp_client, banner_name));
	c->cfg = cfg;
	c->setup = S_BANNER;
	c->banner_name[0] = c->ehlo_name[0] = '\0';
	c->reply.code = c->reply.text_len = c->reply.line_cnt = 0;
	c->reply.enhanced[0] = '\0';
}

void
smtp_client_begin(struct smtp_client *c, const struct smtp_client_mail *mail, struct smtp_out *out)
{
	BUG_ON(!smtp_client_is_idle(c));
	c->mail = mail;
	c->t.want_xclient = c->cfg->xclient && mail->origin && has(c, SMTP_CAP_XCLIENT);
	c->t.want_xforward = c->cfg->xforward && mail->origin && has(c, SMTP_CAP_XFORWARD);
	pump(c, out);
}

void
smtp_client_more(struct smtp_client *c, struct smtp_out *out)
{
	pump(c, out);
}

void
smtp_client_rset(struct smtp_client *c, struct smtp_out *out)
{
	if (!c->mail || c->t.final)
		return;
	BUG_ON(c->t.data_sent || (c->t.go && (c->t.chunks_out || !by_bdat(c))));
	c->t.want_rset = true;
	pump(c, out);
}

void
smtp_client_quit(struct smtp_client *c, struct smtp_out *out)
{
	c->want_quit = true;
	pump(c, out);
}

bool
smtp_client_end(struct smtp_client *c, struct span tail, struct smtp_out *out)
{
	BUG_ON(!c->t.go || by_bdat(c) || c->t.end_sent || c->t.final);
	c->t.end_sent = smtp_out_put(out, tail);
	return c->t.end_sent;
}

bool
smtp_client_chunk(struct smtp_client *c, uint64_t bytes, bool last, struct smtp_out *out)
{
	char text[48];
	int n;

	BUG_ON(!c->t.go || !by_bdat(c) || c->t.last_chunk || c->chunk_left || c->t.final);
	if (c->t.chunks_out && !has(c, SMTP_CAP_PIPELINING))
		return false;
	n = snprintf(text, sizeof(text), "BDAT %llu%s\r\n", (unsigned long long)bytes,
	             last ? " LAST" : "");
	if (!smtp_out_put(out, span(text, (size_t)n)))
		return false;
	c->chunk_left = bytes;
	c->t.last_chunk = last;
	c->t.chunks_out++;
	return true;
}

void
smtp_client_sent(struct smtp_client *c, uint64_t bytes)
{
	BUG_ON(bytes > c->chunk_left);
	c->chunk_left -= bytes;
}

bool
smtp_client_is_idle(const struct smtp_client *c)
{
	return c->setup == S_READY && !c->why && !c->mail && !c->want_quit && c->parse == 0;
}

bool
smtp_client_may_retry(const struct smtp_client *c)
{
	return !c->t.final && !c->t.end_sent && !(c->t.last_chunk && c->chunk_left == 0);
}

struct span
smtp_client_banner_name(const struct smtp_client *c)
{
	return span_z(c->banner_name);
}

struct span
smtp_client_ehlo_name(const struct smtp_client *c)
{
	return span_z(c->ehlo_name);
}
