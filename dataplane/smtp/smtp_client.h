/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_client.h - the dialogue with a customer's server: commands out, replies in, events
 *
 * Why     What may be written when, and which replies are right where, is one table
 *         (smtp_client.c), for servers that offer everything and for those that offer nothing.
 *         Commands are written from parsed values only.
 * Owner   The caller owns the struct, the mail (until SMTP_CE_ENDED or the connection's end) and
 *         the output buffer. The reply of an event lives in the client until the next call.
 * Thread  The worker that owns the connection. No lock, no allocation, no log.
 * Limit   SMTP_UPSTREAM_LINE_MAX bytes of a line (the rest is cut), SMTP_UPSTREAM_LINES_MAX lines
 *         (then broken). Replies are read one by one: bytes that were not asked for are
 *         SMTP_CE_BROKEN.
 * RFC     5321, 2920, 1870, 6152, 6531, 3030; XCLIENT and XFORWARD: Postfix's XCLIENT_README,
 *         XFORWARD_README.
 *
 * Use     init; then smtp_client_next() until it says SMTP_CE_MORE or SMTP_CE_ROOM, also with empty
 *         input: the call behind an event writes what may follow it. SMTP_CE_GREETED; then for each
 *         mail: smtp_client_begin(), answers come as events; smtp_client_more() after the mail got
 *         more recipients or wants its data; SMTP_CE_DATA_GO: send the body (smtp_stuff.h, then
 *         smtp_client_end(); or smtp_client_chunk() and its bytes); SMTP_CE_FINAL.
 *         smtp_client_rset() gives up a transaction before its data. When smtp_client_is_idle() the
 *         connection may go back to its pool.
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"
#include "base/limits.h"
#include "dataplane/smtp/smtp_reply.h"

/* Bytes that a call may write at most for one recipient, MAIL or XCLIENT command. */
#define SMTP_CLIENT_ROOM 2048

enum smtp_cap {
	SMTP_CAP_PIPELINING = 1u << 0,
	SMTP_CAP_SIZE = 1u << 1,
	SMTP_CAP_8BITMIME = 1u << 2,
	SMTP_CAP_SMTPUTF8 = 1u << 3,
	SMTP_CAP_CHUNKING = 1u << 4,
	SMTP_CAP_ENHANCED = 1u << 5,
	SMTP_CAP_XCLIENT = 1u << 6,
	SMTP_CAP_XFORWARD = 1u << 7,
	SMTP_CAP_STARTTLS = 1u << 8,
	SMTP_CAP_ESMTP = 1u << 9, /* EHLO was taken */
};

/* Attributes of XCLIENT and XFORWARD; what the server lists, bit by bit. */
enum smtp_attr {
	SMTP_ATTR_NAME = 1u << 0,
	SMTP_ATTR_ADDR = 1u << 1,
	SMTP_ATTR_PORT = 1u << 2,
	SMTP_ATTR_PROTO = 1u << 3,
	SMTP_ATTR_HELO = 1u << 4,
	SMTP_ATTR_IDENT = 1u << 5,  /* XFORWARD */
	SMTP_ATTR_SOURCE = 1u << 6, /* XFORWARD */
	SMTP_ATTR_REVERSE_NAME = 1u << 7,
	SMTP_ATTR_DESTADDR = 1u << 8,
	SMTP_ATTR_DESTPORT = 1u << 9,
};

/* Who the sender is, for XCLIENT and XFORWARD. */
struct smtp_origin {
	struct addr addr, dest;
	uint16_t port, dest_port;
	bool esmtp;
	struct span name; /* reverse name; empty: [UNAVAILABLE] */
	struct span helo; /* empty: [UNAVAILABLE] */
	struct span ident;
};

struct smtp_client_mail {
	struct span sender;       /* smtp_path_format(): without brackets, empty for <> */
	const struct span *rcpts; /* the same for each recipient; may grow between calls */
	unsigned rcpt_cnt;        /* may grow: then smtp_client_more() */
	/* DATA is wanted after the recipients; may be set later: then smtp_client_more() */
	bool data;
	bool eightbit, smtputf8;          /* BODY=8BITMIME and SMTPUTF8, when offered */
	uint64_t size;                    /* 0: unknown */
	const struct smtp_origin *origin; /* NULL: neither XCLIENT nor XFORWARD */
};

struct smtp_client_config {
	struct span helo;       /* our name; at most SMTP_DOMAIN_MAX; lives as long as the client */
	bool chunking;          /* BDAT when offered */
	bool xclient, xforward; /* when offered and the mail has an origin */
};

enum smtp_client_event_kind {
	SMTP_CE_MORE, /* nothing to do; call again when more came */
	/*
	 * something is to be written and `out` has less than SMTP_CLIENT_ROOM: send, then call
	 * again
	 */
	SMTP_CE_ROOM,
	SMTP_CE_GREETED, /* EHLO or HELO was taken: caps are known, the client is idle */
	SMTP_CE_MAIL,    /* MAIL was answered: ev->ok, reply */
	SMTP_CE_RCPT,    /* recipient ev->rcpt was answered: ev->ok, reply */
	SMTP_CE_DATA,    /* DATA was refused: reply */
	/* every recipient is answered, one at least was taken, send the body: ev->bdat says how */
	SMTP_CE_DATA_GO,
	SMTP_CE_CHUNK, /* a BDAT chunk but the last was taken */
	SMTP_CE_FINAL, /* the mail was answered: ev->ok, reply. A refused chunk is this too */
	/* the transaction is over and every reply is in: the client is idle, `mail` is let go */
	SMTP_CE_ENDED,
	SMTP_CE_CLOSED, /* QUIT was answered: close */
	SMTP_CE_BROKEN, /* ev->why: abort the connection. Given again on each call */
};

enum smtp_client_why {
	SMTP_WHY_NONE,
	SMTP_WHY_421, /* reply has it, at any stage */
	/* banner, EHLO and HELO, XCLIENT: another code than success; reply has it */
	SMTP_WHY_REFUSED,
	SMTP_WHY_UNEXPECTED,  /* a code that has no meaning where it came; reply has it */
	SMTP_WHY_UNSOLICITED, /* a reply that nobody asked for */
	SMTP_WHY_GARBAGE,     /* no reply at all, or codes of one reply differ */
	SMTP_WHY_TOO_LONG,    /* more lines than SMTP_UPSTREAM_LINES_MAX */
	SMTP_WHYS
};

/* Where in the dialogue a reply belongs, also what is being waited for. */
enum smtp_stage {
	SMTP_STAGE_IDLE,
	SMTP_STAGE_BANNER,
	SMTP_STAGE_EHLO,
	SMTP_STAGE_HELO,
	SMTP_STAGE_XCLIENT,
	SMTP_STAGE_XFORWARD,
	SMTP_STAGE_MAIL,
	SMTP_STAGE_RCPT,
	SMTP_STAGE_DATA,
	SMTP_STAGE_BODY,
	SMTP_STAGE_CHUNK,
	SMTP_STAGE_FINAL,
	SMTP_STAGE_RSET,
	SMTP_STAGE_QUIT,
	SMTP_STAGES
};

struct smtp_client_event {
	enum smtp_stage stage;
	enum smtp_client_why why;
	unsigned rcpt;
	bool ok;   /* 2xx */
	bool bdat; /* DATA_GO */
	const struct smtp_reply *reply;
};

/* What a refusal means for the sender (decisions 7). */
enum smtp_pass {
	SMTP_PASS_OK,
	SMTP_PASS_ON,    /* 4xx but 421, or 550 to 556: the sender gets this reply */
	SMTP_PASS_FAULT, /* a fault between us and the server: 451 4.4.1, count an alarm */
};
enum smtp_pass smtp_client_pass(enum smtp_stage stage, unsigned code);

struct smtp_client; /* below */

void smtp_client_init(struct smtp_client *c, const struct smtp_client_config *cfg);

/* Read replies and write what may follow. `in` is consumed up to the end of one reply. */
enum smtp_client_event_kind smtp_client_next(struct smtp_client *c, struct span *in,
                                             struct smtp_out *out, struct smtp_client_event *ev);

/*
 * All of these write at once what may be written, as far as `out` has room; the rest is written by
 * the next calls of smtp_client_next() (SMTP_CE_ROOM tells). begin: only when idle.
 */
void smtp_client_begin(struct smtp_client *c, const struct smtp_client_mail *mail,
                       struct smtp_out *out);
void smtp_client_more(struct smtp_client *c, struct smtp_out *out);
/*
 * Before the data only (BUG_ON otherwise). Answers still under way are swallowed; SMTP_CE_ENDED
 * follows.
 */
void smtp_client_rset(struct smtp_client *c, struct smtp_out *out);
void smtp_client_quit(struct smtp_client *c, struct smtp_out *out);

/* DATA: the body was queued; smtp_stuff_end() is `tail`. false: no room. */
bool smtp_client_end(struct smtp_client *c, struct span tail, struct smtp_out *out);

/*
 * BDAT: a chunk of `bytes` follows, which the caller queues next and reports with
 * smtp_client_sent(). false: no room, or the answer of the chunk before must come first (no
 * PIPELINING).
 */
bool smtp_client_chunk(struct smtp_client *c, uint64_t bytes, bool last, struct smtp_out *out);
void smtp_client_sent(struct smtp_client *c, uint64_t bytes);

bool
smtp_client_is_idle(const struct smtp_client *c); /* may go back to the pool, or begin a mail */
bool
smtp_client_may_retry(const struct smtp_client
                              *c); /* the end of the mail was not sent: another server may get it */
enum smtp_stage
smtp_client_stage(const struct smtp_client *c); /* of the oldest answer that is awaited */

struct smtp_client {
	const struct smtp_client_config *cfg;
	const struct smtp_client_mail *mail;
	uint64_t size_max;   /* the server's SIZE; 0: none given */
	uint64_t chunk_left; /* bytes announced by BDAT and not reported as queued */
	uint16_t caps;       /* enum smtp_cap */
	uint16_t xclient_attrs, xforward_attrs; /* enum smtp_attr */
	uint16_t refusal_cnt; /* 4xx and 5xx on this connection (route limit max_refusals) */
	uint16_t reset_cnt;   /* RSETs sent (max_idle_resets) */
	/* the transaction, all zero between two */
	struct smtp_client_trans {
		uint16_t rcpt_sent, rcpt_answered, rcpt_taken;
		uint16_t chunks_out; /* BDAT chunks not answered */
		bool want_xclient, want_xforward, xforward_sent;
		bool mail_sent, mail_answered, mail_taken;
		bool data_sent;  /* DATA, not answered */
		bool go;         /* SMTP_CE_DATA_GO was given */
		bool last_chunk; /* BDAT LAST was written */
		bool end_sent;   /* the dot was written, not answered */
		bool final;      /* SMTP_CE_FINAL was given */
		bool want_rset, reset_sent, reset_done;
	} t;
	bool want_quit, quit_sent;
	bool blocked;      /* `out` was too full for the next command */
	bool greeted;      /* SMTP_CE_GREETED was given */
	uint8_t setup;     /* enum setup of smtp_client.c */
	uint8_t why;       /* enum smtp_client_why, once broken */
	uint8_t why_stage; /* enum smtp_stage: what was awaited */
	/* the reply under way */
	uint8_t parse; /* enum parse of smtp_client_reply.c */
	bool last_line;
	uint16_t line_code, line_start, line_len;
	char banner_name[SMTP_DOMAIN_MAX + 1], ehlo_name[SMTP_DOMAIN_MAX + 1];
	struct smtp_reply reply;
};
static_assert(sizeof(struct smtp_client) <= 2048, "one per connection to a customer's server");

/* Names of the server for smtp_private.names; empty when it gave none. */
struct span smtp_client_banner_name(const struct smtp_client *c);
struct span smtp_client_ehlo_name(const struct smtp_client *c);
