/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_server.h - the dialogue with a sender: bytes in, events and replies out
 *
 * Why     The order of commands is one table (smtp_server.c). Whatever depends on others (MAIL,
 *         RCPT, DATA, the end of a mail) is an event with an answer PENDING: until
 *         smtp_server_answer() no further input is consumed, so pipelined commands queue in the
 *         receive window. Everything else is answered here.
 * Owner   The caller owns the struct, its input, its output buffer and the event. Spans of an event
 *         live until the next call for this server, SMTP_EV_BODY's as long as the input they lie
 *         in.
 * Thread  The worker that owns the connection. No lock, no log; the only allocation is the lent
 *         line buffer.
 * Limit   sizeof(struct smtp_server) <= 96; no line buffer but while a command line is cut.
 *         Commands SMTP_COMMAND_MAX, recipients, errors and bytes of a mail as configured.
 * Errors  Of the peer only: each has its reply in replies.def.
 * RFC     5321, 2920, 1870, 6152, 6531, 2034, 3030; PRDR: draft-hall-prdr-00.
 *
 * Use     smtp_server_init(); smtp_server_banner(); then on input:
 *             do { ev = smtp_server_next(s, &in, out, &e); … } while (ev != SMTP_EV_MORE && ev !=
 *             SMTP_EV_WAIT && …)
 *         What was taken from `in` is consumed. After SMTP_EV_QUIT and SMTP_EV_CLOSE: send what is
 *         in `out` and close.
 */
#pragma once
#include "base/base.h"
#include "base/limits.h"
#include "dataplane/smtp/smtp_address.h"
#include "dataplane/smtp/smtp_body.h"
#include "dataplane/smtp/smtp_line.h"
#include "dataplane/smtp/smtp_reply.h"

/*
 * One a worker and configuration, shared by all its sessions; read only after
 * smtp_server_config_seal().
 */
struct smtp_server_config {
	struct span hostname;    /* in banner and EHLO; at most SMTP_DOMAIN_MAX */
	uint64_t max_message;    /* bytes; SIZE in EHLO */
	unsigned max_recipients; /* accepted ones of one mail; 1 to SMTP_RCPT_HARD_MAX */
	unsigned max_errors; /* commands refused by smtp_server itself before 421; 0: no limit */
	/* NOOP, RSET, VRFY, EXPN, HELP, EHLO and HELO since the end of the last mail, before 421; 0: no limit */
	unsigned max_idle;
	enum smtp_bare bare_newlines;
	struct smtp_line_lender lender;
	/* made by smtp_server_config_seal() */
	char banner[320], ehlo[640];
	uint16_t banner_len, ehlo_len;
};

/* BUG_ON a hostname that is empty or too long: ctrl has checked it. */
void smtp_server_config_seal(struct smtp_server_config *cfg);

enum smtp_event {
	SMTP_EV_MORE,    /* nothing to do with what is there; call again when more came */
	SMTP_EV_WAIT,    /* an answer is pending; nothing was consumed */
	SMTP_EV_ROOM,    /* `out` has less than SMTP_OUT_ROOM free; send it, then call again */
	SMTP_EV_REPLIED, /* a command was answered here: ev->reply, ev->verb. Nothing else to do */
	SMTP_EV_HELO,    /* answered. ev->helo, ev->esmtp. A transaction under way is gone */
	/* PENDING. ev->path and the parameters; a transaction begins if answered 2xx */
	SMTP_EV_MAIL,
	SMTP_EV_RCPT, /* PENDING. ev->path */
	/*
	 * PENDING. DATA, or the first BDAT (ev->bdat). 354 goes on, anything else ends the
	 * transaction
	 */
	SMTP_EV_DATA,
	SMTP_EV_BODY, /* ev->body: message bytes, canonical form */
	/*
	 * the mail under way is refused by us whatever comes (ev->reply: its answer at the end):
	 * free it. No BODY and no END follows; the transaction is over for the caller
	 */
	SMTP_EV_DROP,
	SMTP_EV_END,   /* PENDING. The mail is whole. Any answer ends the transaction */
	SMTP_EV_RSET,  /* answered. The transaction under way, if any, is gone */
	SMTP_EV_QUIT,  /* 221 is in `out`: send it and close */
	SMTP_EV_CLOSE, /* the last answer (ev->reply) is in `out`: send it and close */
};

enum smtp_verb {
	SMTP_V_NONE, /* unknown command, or a line that is none */
	SMTP_V_EHLO,
	SMTP_V_HELO,
	SMTP_V_MAIL,
	SMTP_V_RCPT,
	SMTP_V_DATA,
	SMTP_V_BDAT,
	SMTP_V_RSET,
	SMTP_V_NOOP,
	SMTP_V_VRFY,
	SMTP_V_EXPN,
	SMTP_V_HELP,
	SMTP_V_QUIT,
	SMTP_VERBS
};

struct smtp_server_event {
	enum smtp_verb verb;      /* of the command that this comes from */
	enum smtp_reply_id reply; /* REPLIED, DROP, CLOSE */
	bool esmtp;               /* HELO: it was EHLO */
	bool bdat;                /* DATA: by BDAT */
	bool eightbit;            /* MAIL: BODY=8BITMIME */
	bool smtputf8, prdr;      /* MAIL */
	uint64_t size;    /* MAIL: SIZE, 0 when not given; DATA by BDAT: bytes of the first chunk */
	struct span helo; /* HELO: 1 to SMTP_HELO_MAX printable characters without space */
	struct span body; /* BODY */
	struct smtp_path path; /* MAIL, RCPT */
	char text[SMTP_HELO_MAX + 1];
};

struct smtp_server {
	const struct smtp_server_config *cfg;
	uint64_t id;         /* named in 4xx and 5xx: the session's, then the mail's (msgid.h) */
	uint64_t chunk_left; /* bytes of a BDAT chunk still to come */
	uint64_t body_bytes; /* of the mail under way, canonical form */
	struct smtp_line line;
	struct smtp_body body;
	uint8_t state;   /* enum smtp_state of smtp_server.c */
	uint8_t pending; /* enum smtp_pending of smtp_server.c */
	uint8_t drop;    /* enum smtp_reply_id: what a mail being thrown away is answered with */
	uint8_t discard; /* enum smtp_discard of smtp_server.c: whether it is thrown away */
	uint8_t resume;  /* state behind a chunk that is thrown away */
	bool esmtp, prdr, smtputf8, last, tried_rcpt, prdr_began;
	uint16_t rcpt_cnt; /* accepted ones */
	uint16_t error_cnt, idle_cnt;
};
static_assert(sizeof(struct smtp_server) <= 96, "a parked session is small");
static_assert(SMTP_REPLIES < 256, "drop is a byte");

/* id names the session. */
void smtp_server_init(struct smtp_server *s, const struct smtp_server_config *cfg, uint64_t id);

/* Gives the line buffer back; nothing else to free. */
void smtp_server_fini(struct smtp_server *s);

/* 220. */
void smtp_server_banner(struct smtp_server *s, struct smtp_out *out);

/* Bytes came before the banner went out: 554 5.5.1. The next event is SMTP_EV_CLOSE. */
void smtp_server_early_talk(struct smtp_server *s, struct smtp_out *out);

/*
 * From now on replies name this mail; called while MAIL is pending. smtp_server goes back to
 * `session` by itself never: the last mail's id stays until the next MAIL.
 */
void smtp_server_set_id(struct smtp_server *s, uint64_t id);

enum smtp_event smtp_server_next(struct smtp_server *s, struct span *in, struct smtp_out *out,
                                 struct smtp_server_event *ev);

/*
 * Answer what is pending: 2xx accepts (DATA: 354), 4xx and 5xx refuse, 421 ends the session. Of an
 * accepted first BDAT nothing is written; a refused one is answered at once, its chunk is then read
 * and thrown away. Call smtp_server_next() after it even if no input waits. false and nothing done
 * when `out` lacks room.
 */
bool smtp_server_answer(struct smtp_server *s, const struct smtp_answer *a, struct smtp_out *out);
bool smtp_server_answer_own(struct smtp_server *s, enum smtp_reply_id id, struct smtp_out *out);

/*
 * PRDR, at SMTP_EV_END of a mail whose MAIL said so: once for each accepted recipient, in order;
 * the first call writes the 353 too. Then smtp_server_answer() gives the final one. Without any
 * call, the final answer holds for all.
 */
bool smtp_server_answer_rcpt(struct smtp_server *s, const struct smtp_answer *a,
                             struct smtp_out *out);

/*
 * Throw the rest of the mail under way away and answer `id` at its end; between the answer to
 * SMTP_EV_DATA and SMTP_EV_END. No SMTP_EV_DROP follows: the caller knows. When the answer is
 * written SMTP_EV_REPLIED comes, as after SMTP_EV_DROP.
 */
void smtp_server_drop(struct smtp_server *s, enum smtp_reply_id id);

/*
 * End the session in any state (timeout, shutdown): the reply is written if there is room; the next
 * event is SMTP_EV_CLOSE.
 */
void smtp_server_close(struct smtp_server *s, enum smtp_reply_id id, struct smtp_out *out);

bool smtp_server_is_pending(const struct smtp_server *s);
bool smtp_server_in_body(const struct smtp_server *s); /* DATA or a BDAT chunk is being read */
