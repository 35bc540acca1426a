/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_server.c - the dialogue with the sender, as a table
 *
 * More than 500 lines: each row of the table has its function beside it, and they share the state.
 */
#include "dataplane/smtp/smtp_server.h"
#include "dataplane/smtp/smtp_args.h"

enum smtp_state {
	ST_GREETED, /* no EHLO yet */
	ST_READY,
	ST_MAIL,
	ST_RCPT,  /* a recipient is accepted */
	ST_BDAT,  /* between chunks of a mail */
	ST_DATA,  /* reading up to the dot */
	ST_CHUNK, /* reading chunk_left bytes */
	ST_CLOSING,
	ST_STATES
};

enum smtp_pending { P_NONE, P_MAIL, P_RCPT, P_DATA, P_BDAT, P_END, P_KINDS };

enum smtp_discard {
	D_NONE,
	D_REPLY,  /* thrown away, `drop` is the answer at the end */
	D_SILENT, /* thrown away, answered already */
};

/* What a command works on. */
struct turn {
	struct smtp_server *s;
	struct smtp_out *out;
	struct smtp_server_event *ev;
	struct span arg;
};

static enum smtp_event do_ehlo(struct turn *t);
static enum smtp_event do_helo(struct turn *t);
static enum smtp_event do_mail(struct turn *t);
static enum smtp_event do_rcpt(struct turn *t);
static enum smtp_event do_data(struct turn *t);
static enum smtp_event do_bdat(struct turn *t);
static enum smtp_event do_rset(struct turn *t);
static enum smtp_event do_noop(struct turn *t);
static enum smtp_event do_vrfy(struct turn *t);
static enum smtp_event do_expn(struct turn *t);
static enum smtp_event do_help(struct turn *t);
static enum smtp_event do_quit(struct turn *t);

#define IN(s) (1u << ST_##s)
#define ANY   (IN(GREETED) | IN(READY) | IN(MAIL) | IN(RCPT) | IN(BDAT))
#define KEY(z)                                                                                     \
	((uint32_t)(z)[0] | (uint32_t)(z)[1] << 8 | (uint32_t)(z)[2] << 16 | (uint32_t)(z)[3] << 24)
#define NO_ARG  true
#define MAY_ARG false

/*
 * The order of commands (RFC 5321 4.1.4) is this table and nothing else. Every verb has four
 * letters.
 */
/* clang-format off */
static const struct verb {
	char name[5]; /* lower case */
	bool no_arg;  /* an argument is a syntax error */
	unsigned allowed; /* states that accept it; any other answers 503 */
	enum smtp_event (*act)(struct turn *t);
} verbs[SMTP_VERBS] = {
	[SMTP_V_EHLO] = { "ehlo", MAY_ARG, ANY,                  do_ehlo },
	[SMTP_V_HELO] = { "helo", MAY_ARG, ANY,                  do_helo },
	[SMTP_V_MAIL] = { "mail", MAY_ARG, IN(READY),            do_mail },
	[SMTP_V_RCPT] = { "rcpt", MAY_ARG, IN(MAIL) | IN(RCPT),  do_rcpt },
	[SMTP_V_DATA] = { "data", NO_ARG,  IN(MAIL) | IN(RCPT),  do_data },
	[SMTP_V_BDAT] = { "bdat", MAY_ARG, ANY,                  do_bdat }, /* its chunk is read in any state */
	[SMTP_V_RSET] = { "rset", NO_ARG,  ANY,                  do_rset },
	[SMTP_V_NOOP] = { "noop", MAY_ARG, ANY,                  do_noop },
	[SMTP_V_VRFY] = { "vrfy", MAY_ARG, ANY,                  do_vrfy },
	[SMTP_V_EXPN] = { "expn", MAY_ARG, ANY,                  do_expn },
	[SMTP_V_HELP] = { "help", MAY_ARG, ANY,                  do_help },
	[SMTP_V_QUIT] = { "quit", NO_ARG,  ANY,                  do_quit },
};

static const unsigned follows[ST_STATES] = {
	[ST_GREETED] = IN(GREETED) | IN(READY) | IN(CHUNK) | IN(CLOSING),
	[ST_READY]   = IN(READY) | IN(MAIL) | IN(CHUNK) | IN(CLOSING),
	[ST_MAIL]    = IN(READY) | IN(MAIL) | IN(RCPT) | IN(CHUNK) | IN(CLOSING),
	[ST_RCPT]    = IN(READY) | IN(RCPT) | IN(DATA) | IN(CHUNK) | IN(CLOSING),
	[ST_BDAT]    = IN(READY) | IN(CHUNK) | IN(CLOSING),
	[ST_DATA]    = IN(READY) | IN(CLOSING),
	[ST_CHUNK]   = IN(GREETED) | IN(READY) | IN(MAIL) | IN(BDAT) | IN(CLOSING),
	[ST_CLOSING] = IN(CLOSING),
};

/* What an answer to a pending event leads to. */
static const struct outcome {
	unsigned yes; /* class of the code that accepts */
	uint8_t accepted, refused; /* states; ST_STATES: stays */
} outcomes[P_KINDS] = {
	[P_MAIL] = { 2, ST_MAIL,  ST_READY },
	[P_RCPT] = { 2, ST_RCPT,  ST_STATES },
	[P_DATA] = { 3, ST_DATA,  ST_READY },
	[P_BDAT] = { 3, ST_CHUNK, ST_CHUNK }, /* refused: read and thrown away */
	[P_END]  = { 2, ST_READY, ST_READY },
};
/* clang-format on */

static void
enter(struct smtp_server *s, unsigned to) /* the one place where the state changes */
{
	BUG_ON(!(follows[s->state] & (1u << to)));
	s->state = (uint8_t)to;
}

static bool
write_answer(struct smtp_server *s, const struct smtp_answer *a, struct smtp_out *out, bool with_id)
{
	return smtp_reply_write(out, a, with_id || a->code >= 400 ? s->id : 0);
}

/* Answer a command here; room was made sure of by smtp_server_next(). */
static enum smtp_event
reply(struct turn *t, enum smtp_reply_id id)
{
	struct smtp_answer a = smtp_answer_own(id);

	t->ev->reply = id;
	BUG_ON(!write_answer(t->s, &a, t->out, false));
	return SMTP_EV_REPLIED;
}

static enum smtp_event
reply_and_close(struct turn *t, enum smtp_reply_id id)
{
	reply(t, id);
	enter(t->s, ST_CLOSING);
	return SMTP_EV_CLOSE;
}

/* A command that is refused by its form or order: counted. */
static enum smtp_event
refuse(struct turn *t, enum smtp_reply_id id)
{
	if (t->s->error_cnt < UINT16_MAX)
		t->s->error_cnt++;
	if (t->s->cfg->max_errors && t->s->error_cnt > t->s->cfg->max_errors)
		return reply_and_close(t, SMTP_R_ERRORS);
	return reply(t, id);
}

/* A command that brings no mail further: counted from the end of the last mail on. */
static bool
is_idling(struct smtp_server *s)
{
	if (s->idle_cnt < UINT16_MAX)
		s->idle_cnt++;
	return s->cfg->max_idle && s->idle_cnt > s->cfg->max_idle;
}

static enum smtp_event
idle_reply(struct turn *t, enum smtp_reply_id id)
{
	return is_idling(t->s) ? reply_and_close(t, SMTP_R_IDLING) : reply(t, id);
}

static enum smtp_event
pend(struct turn *t, enum smtp_pending p, enum smtp_event ev)
{
	t->s->pending = (uint8_t)p;
	return ev;
}

static void
end_transaction(struct smtp_server *s)
{
	s->rcpt_cnt = 0;
	s->body_bytes = 0;
	s->tried_rcpt = s->prdr = s->prdr_began = s->smtputf8 = false;
	s->discard = D_NONE;
}

static enum smtp_event
greet(struct turn *t, bool esmtp)
{
	const struct smtp_server_config *cfg = t->s->cfg;
	enum smtp_reply_id bad = smtp_args_helo(t->arg, t->ev);

	if (bad != SMTP_R_OK)
		return refuse(t, bad);
	if (is_idling(t->s))
		return reply_and_close(t, SMTP_R_IDLING);
	if (esmtp) {
		BUG_ON(!smtp_out_put(t->out, span(cfg->ehlo, cfg->ehlo_len)));
	} else {
		struct smtp_answer a = { 250, span("", 0), cfg->hostname };

		BUG_ON(!smtp_reply_write(t->out, &a, 0));
	}
	end_transaction(t->s);
	enter(t->s, ST_READY);
	t->ev->esmtp = t->s->esmtp = esmtp;
	return SMTP_EV_HELO;
}

static enum smtp_event
do_ehlo(struct turn *t)
{
	return greet(t, true);
}

static enum smtp_event
do_helo(struct turn *t)
{
	return greet(t, false);
}

static enum smtp_event
do_mail(struct turn *t)
{
	enum smtp_reply_id bad = smtp_args_mail(t->arg, t->ev);

	if (bad != SMTP_R_OK)
		return refuse(t, bad);
	if (t->ev->size > t->s->cfg->max_message)
		return reply(t, SMTP_R_TOO_BIG);
	end_transaction(t->s);
	t->s->prdr = t->ev->prdr;
	t->s->smtputf8 = t->ev->smtputf8;
	return pend(t, P_MAIL, SMTP_EV_MAIL);
}

static enum smtp_event
do_rcpt(struct turn *t)
{
	enum smtp_reply_id bad = smtp_args_rcpt(t->arg, t->ev);

	t->s->tried_rcpt = true;
	if (bad != SMTP_R_OK)
		return refuse(t, bad);
	if (t->ev->path.needs_smtputf8 && !t->s->smtputf8)
		return refuse(t, SMTP_R_ADDRESS_UTF8);
	if (t->s->rcpt_cnt >= t->s->cfg->max_recipients)
		return reply(t, SMTP_R_RECIPIENTS);
	return pend(t, P_RCPT, SMTP_EV_RCPT);
}

static enum smtp_event
do_data(struct turn *t)
{
	if (t->s->state == ST_MAIL)
		return t->s->tried_rcpt ? reply(t, SMTP_R_NO_RECIPIENT) : refuse(t, SMTP_R_ORDER);
	t->ev->bdat = false;
	t->ev->size = 0;
	return pend(t, P_DATA, SMTP_EV_DATA);
}

/* The chunk of a BDAT that was refused: its bytes are not commands. */
static void
skip_chunk(struct smtp_server *s, unsigned resume)
{
	s->discard = D_SILENT;
	s->resume = (uint8_t)resume;
	if (s->state != ST_CLOSING)
		enter(s, ST_CHUNK);
}

static enum smtp_event
drop_chunk(struct turn *t, enum smtp_reply_id id)
{
	reply(t, id);
	end_transaction(t->s);
	skip_chunk(t->s, ST_READY);
	return SMTP_EV_DROP;
}

static enum smtp_event
do_bdat(struct turn *t)
{
	struct smtp_server *s = t->s;
	enum smtp_event ev;
	uint64_t size;
	bool last, first = s->state == ST_RCPT;

	if (!smtp_args_bdat(t->arg, &size, &last))
		return refuse(t, SMTP_R_SYNTAX);
	s->chunk_left = size;
	s->last = last;
	if (!first && s->state != ST_BDAT) {
		bool refused = s->state == ST_MAIL && s->tried_rcpt;
		unsigned resume = s->state;

		ev = refused ? reply(t, SMTP_R_NO_RECIPIENT) : refuse(t, SMTP_R_ORDER);
		skip_chunk(s, resume);
		return ev;
	}
	if (s->discard) { /* the caller gave the mail up between two chunks, and knows */
		drop_chunk(t, (enum smtp_reply_id)s->drop);
		return SMTP_EV_REPLIED;
	}
	if (size > s->cfg->max_message || s->body_bytes > s->cfg->max_message - size)
		return drop_chunk(t, SMTP_R_TOO_BIG);
	if (!first) {
		enter(s, ST_CHUNK);
		return SMTP_EV_MORE; /* no event of its own */
	}
	t->ev->bdat = true;
	t->ev->size = size;
	return pend(t, P_BDAT, SMTP_EV_DATA);
}

static enum smtp_event
do_rset(struct turn *t)
{
	enum smtp_event ev = idle_reply(t, SMTP_R_OK);

	if (ev == SMTP_EV_CLOSE)
		return ev;
	end_transaction(t->s);
	if (t->s->state != ST_GREETED)
		enter(t->s, ST_READY);
	return SMTP_EV_RSET;
}

static enum smtp_event
do_noop(struct turn *t)
{
	return idle_reply(t, SMTP_R_OK);
}

static enum smtp_event
do_vrfy(struct turn *t)
{
	return t->arg.len ? idle_reply(t, SMTP_R_VRFY) : refuse(t, SMTP_R_SYNTAX);
}

static enum smtp_event
do_expn(struct turn *t)
{
	return idle_reply(t, SMTP_R_EXPN);
}

static enum smtp_event
do_help(struct turn *t)
{
	return idle_reply(t, SMTP_R_HELP);
}

static enum smtp_event
do_quit(struct turn *t)
{
	reply(t, SMTP_R_BYE);
	enter(t->s, ST_CLOSING);
	return SMTP_EV_QUIT;
}

/* "VERB", "VERB argument"; white space at the end is tolerated (RFC 5321 4.1.1). */
static enum smtp_verb
split(struct span line, struct span *arg)
{
	uint32_t key;

	while (line.len && (line.p[line.len - 1] == ' ' || line.p[line.len - 1] == '\t'))
		line.len--;
	if (line.len < 4 || (line.len > 4 && line.p[4] != ' '))
		return SMTP_V_NONE;
	for (int i = 0; i < 4; i++)
		if (ascii_lower(line.p[i]) < 'a' || ascii_lower(line.p[i]) > 'z')
			return SMTP_V_NONE;
	key = KEY(line.p) | 0x20202020;
	*arg = span_skip(line, 4);
	while (arg->len && *arg->p == ' ')
		span_shift(arg);
	for (enum smtp_verb v = SMTP_V_NONE + 1; v < SMTP_VERBS; v++)
		if (KEY(verbs[v].name) == key)
			return v;
	return SMTP_V_NONE;
}

static enum smtp_event
command(struct turn *t, struct span line)
{
	enum smtp_verb v = split(line, &t->arg);
	const struct verb *row = &verbs[v];

	t->ev->verb = v;
	if (v == SMTP_V_NONE)
		return refuse(t, SMTP_R_UNKNOWN);
	if (!(row->allowed & (1u << t->s->state)))
		return refuse(t, SMTP_R_ORDER);
	if (row->no_arg && t->arg.len)
		return refuse(t, SMTP_R_SYNTAX);
	return row->act(t);
}

static enum smtp_event
next_command(struct turn *t, struct span *in)
{
	struct smtp_server *s = t->s;
	const struct smtp_line_lender *lender = &s->cfg->lender;
	enum smtp_event ev = SMTP_EV_MORE;
	struct span line;

	t->ev->verb = SMTP_V_NONE;
	switch (smtp_line_next(&s->line, lender, in, &line)) {
	case SMTP_LINE_MORE:
		return SMTP_EV_MORE;
	case SMTP_LINE_READY:
		ev = command(t, line);
		break;
	case SMTP_LINE_TOO_LONG:
		ev = refuse(t, SMTP_R_TOO_LONG);
		break;
	case SMTP_LINE_NUL:
		ev = refuse(t, SMTP_R_NUL_COMMAND);
		break;
	case SMTP_LINE_BARE:
		ev = reply_and_close(t, SMTP_R_BARE_COMMAND);
		break;
	case SMTP_LINE_NO_BUFFER:
		ev = reply_and_close(t, SMTP_R_NO_BUFFER);
		break;
	}
	smtp_line_release(&s->line, lender);
	return ev;
}

/* The mail under way will be refused with `id`: its bytes are of no use from here on. */
static enum smtp_event
start_drop(struct turn *t, enum smtp_reply_id id)
{
	smtp_server_drop(t->s, id);
	t->ev->reply = id;
	return SMTP_EV_DROP;
}

/* A run of message bytes is an event, but for a mail that is thrown away. */
static enum smtp_event
on_run(struct turn *t, struct span run)
{
	struct smtp_server *s = t->s;

	if (s->discard)
		return SMTP_EV_MORE;
	if (s->body_bytes > s->cfg->max_message || /* a reload may have made it smaller */
	    run.len > s->cfg->max_message - s->body_bytes)
		return start_drop(t, SMTP_R_TOO_BIG);
	s->body_bytes += run.len;
	t->ev->body = run;
	return SMTP_EV_BODY;
}

static enum smtp_event
on_bare(struct turn *t)
{
	return t->s->discard ? SMTP_EV_MORE : start_drop(t, SMTP_R_BARE_NEWLINE);
}

/* A mail that was thrown away has been read to its end. */
static enum smtp_event
end_drop(struct turn *t, unsigned to)
{
	struct smtp_server *s = t->s;
	bool silent = s->discard == D_SILENT;

	if (to == ST_READY)
		end_transaction(s);
	s->discard = D_NONE;
	enter(s, to);
	return silent ? SMTP_EV_MORE : reply(t, (enum smtp_reply_id)s->drop);
}

/* SMTP_EV_MORE here means: nothing to tell, go on while there is input. */
static enum smtp_event
next_data(struct turn *t, struct span *in)
{
	struct span run;

	t->ev->verb = SMTP_V_DATA;
	switch (smtp_body_next(&t->s->body, in, &run)) {
	case SMTP_BODY_MORE:
		return SMTP_EV_MORE;
	case SMTP_BODY_RUN:
		return on_run(t, run);
	case SMTP_BODY_BARE:
		return on_bare(t);
	case SMTP_BODY_END:
		if (t->s->discard)
			return end_drop(t, ST_READY);
		return pend(t, P_END, SMTP_EV_END);
	}
	return SMTP_EV_MORE;
}

static enum smtp_event
end_chunk(struct turn *t)
{
	struct smtp_server *s = t->s;
	struct span run;

	if (s->discard)
		return end_drop(t, s->resume);
	if (!s->last) {
		enter(s, ST_BDAT);
		return reply(t, SMTP_R_CHUNK_OK);
	}
	switch (smtp_body_finish(&s->body, &run)) {
	case SMTP_BODY_RUN:
		return on_run(t, run);
	case SMTP_BODY_BARE:
		return on_bare(t);
	default:
		return pend(t, P_END, SMTP_EV_END);
	}
}

static enum smtp_event
next_chunk(struct turn *t, struct span *in)
{
	struct smtp_server *s = t->s;
	size_t n = (size_t)MIN((uint64_t)in->len, s->chunk_left);
	struct span part = span(in->p, n), run = { 0 };
	enum smtp_body_status st = SMTP_BODY_MORE;

	t->ev->verb = SMTP_V_BDAT;
	if (s->discard)
		part = span_skip(part, n);
	else
		st = smtp_body_next(&s->body, &part, &run);
	n -= part.len;
	s->chunk_left -= n;
	*in = span_skip(*in, n);
	if (st == SMTP_BODY_RUN)
		return on_run(t, run);
	if (st == SMTP_BODY_BARE)
		return on_bare(t);
	return s->chunk_left ? SMTP_EV_MORE : end_chunk(t);
}

enum smtp_event
smtp_server_next(struct smtp_server *s, struct span *in, struct smtp_out *out,
                 struct smtp_server_event *ev)
{
	struct turn t = { .s = s, .out = out, .ev = ev };

	if (s->state == ST_CLOSING)
		return SMTP_EV_CLOSE;
	if (s->pending)
		return SMTP_EV_WAIT;
	if (smtp_out_room(out) < SMTP_OUT_ROOM)
		return SMTP_EV_ROOM;
	for (;;) { /* every turn takes a byte, or leaves a state that needs none */
		unsigned was = s->state;
		enum smtp_event e = was == ST_DATA    ? next_data(&t, in)
		                    : was == ST_CHUNK ? next_chunk(&t, in)
		                                      : next_command(&t, in);

		if (e != SMTP_EV_MORE || (in->len == 0 && s->state == was))
			return e;
	}
}

/* Accepted: what is counted and set up besides the state. */
static void
on_accepted(struct smtp_server *s, enum smtp_pending p)
{
	switch (p) {
	case P_RCPT:
		s->rcpt_cnt++;
		break;
	case P_DATA:
	case P_BDAT:
		smtp_body_begin(&s->body, p == P_DATA, s->cfg->bare_newlines);
		break;
	default:
		break;
	}
}

static void
on_answered(struct smtp_server *s, enum smtp_pending p, bool yes)
{
	const struct outcome *o = &outcomes[p];

	if (yes)
		on_accepted(s, p);
	/* A whole mail came, whatever its answer: who sends RSET before each is no idler. */
	if (p == P_END)
		s->idle_cnt = 0;
	if (p == P_END || (!yes && p != P_RCPT))
		end_transaction(s);
	if (!yes && p == P_BDAT)
		skip_chunk(s, ST_READY);
	else if (yes || o->refused != ST_STATES)
		enter(s, yes ? o->accepted : o->refused);
}

bool
smtp_server_answer(struct smtp_server *s, const struct smtp_answer *a, struct smtp_out *out)
{
	enum smtp_pending p = (enum smtp_pending)s->pending;
	bool yes = a->code / 100 == outcomes[p].yes;

	BUG_ON(p == P_NONE || a->code < 200 || (!yes && a->code < 400));
	if (!(p == P_BDAT && yes) && !write_answer(s, a, out, p == P_END))
		return false;
	s->pending = P_NONE;
	if (a->code == 421)
		enter(s, ST_CLOSING);
	else
		on_answered(s, p, yes);
	return true;
}

bool
smtp_server_answer_own(struct smtp_server *s, enum smtp_reply_id id, struct smtp_out *out)
{
	struct smtp_answer a = smtp_answer_own(id);

	return smtp_server_answer(s, &a, out);
}

bool
smtp_server_answer_rcpt(struct smtp_server *s, const struct smtp_answer *a, struct smtp_out *out)
{
	size_t was = out->len;

	BUG_ON(s->pending != P_END || !s->prdr);
	if (!s->prdr_began) {
		struct smtp_answer begin = smtp_answer_own(SMTP_R_PRDR);

		if (!write_answer(s, &begin, out, false))
			return false;
	}
	if (!write_answer(s, a, out, true)) {
		out->len = was;
		return false;
	}
	s->prdr_began = true;
	return true;
}

void
smtp_server_drop(struct smtp_server *s, enum smtp_reply_id id)
{
	BUG_ON(s->pending || (s->state != ST_DATA && s->state != ST_CHUNK && s->state != ST_BDAT));
	s->discard = D_REPLY;
	s->drop = (uint8_t)id;
	s->resume = ST_READY;
}

void
smtp_server_close(struct smtp_server *s, enum smtp_reply_id id, struct smtp_out *out)
{
	struct smtp_answer a = smtp_answer_own(id);

	if (s->state == ST_CLOSING)
		return;
	s->pending = P_NONE;
	write_answer(s, &a, out, false);
	enter(s, ST_CLOSING);
}

void
smtp_server_early_talk(struct smtp_server *s, struct smtp_out *out)
{
	smtp_server_close(s, SMTP_R_EARLY_TALK, out);
}

void
smtp_server_banner(struct smtp_server *s, struct smtp_out *out)
{
	BUG_ON(!smtp_out_put(out, span(s->cfg->banner, s->cfg->banner_len)));
}

void
smtp_server_init(struct smtp_server *s, const struct smtp_server_config *cfg, uint64_t id)
{
	*s = (struct smtp_server){ .cfg = cfg, .id = id };
}

void
smtp_server_fini(struct smtp_server *s)
{
	smtp_line_release(&s->line, &s->cfg->lender);
}

void
smtp_server_set_id(struct smtp_server *s, uint64_t id)
{
	s->id = id;
}

bool
smtp_server_is_pending(const struct smtp_server *s)
{
	return s->pending != P_NONE;
}

bool
smtp_server_in_body(const struct smtp_server *s)
{
	return s->state == ST_DATA || s->state == ST_CHUNK;
}

void
smtp_server_config_seal(struct smtp_server_config *cfg)
{
	int host = (int)cfg->hostname.len;

	BUG_ON(host == 0 || host > SMTP_DOMAIN_MAX || cfg->max_recipients == 0 ||
	       cfg->max_recipients > SMTP_RCPT_HARD_MAX);
	cfg->banner_len = (uint16_t)snprintf(cfg->banner, sizeof(cfg->banner), "220 %.*s ESMTP\r\n",
	                                     host, cfg->hostname.p);
	cfg->ehlo_len = (uint16_t)snprintf(
	        cfg->ehlo, sizeof(cfg->ehlo),
	        "250-%.*s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	        "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 PRDR\r\n",
	        host, cfg->hostname.p, (unsigned long long)cfg->max_message);
}
