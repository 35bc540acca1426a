/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_reply.h - replies: ours as a list, a customer's server's parsed and cleaned, and how one is
 * written
 *
 * Why     Every reply has one shape on its way out: code, enhanced code, our id, text; and one
 *         place bounds its lines.
 * Owner   struct smtp_out and its bytes are the caller's; spans in an answer live until the call
 *         returns.
 * Thread  The worker that owns the connection. No lock, no allocation, no log.
 * Limit   SMTP_REPLY_MAX bytes a line with CR LF; SMTP_REPLY_TEXT_MAX bytes of text are kept of a
 *         server's reply.
 * RFC     5321 4.2, 2034, 3463.
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"
#include "base/limits.h"

#define SMTP_REPLY_TEXT_MAX 1024 /* bytes of text kept of a server's reply, all lines */
/*
 * Bytes that one reply may take at most: 1,024 of text, each as four (\xNN), in lines with their
 * heads.
 */
#define SMTP_OUT_ROOM 5120

/* Where replies and commands are written: bytes [len, cap) are free. */
struct smtp_out {
	char *p;
	size_t len, cap;
};

static inline size_t
smtp_out_room(const struct smtp_out *o)
{
	return o->cap - o->len;
}

/* All or nothing. */
bool smtp_out_put(struct smtp_out *o, struct span s);

enum smtp_reply_id {
#define SMTP_REPLY(name, code, enhanced, text) SMTP_R_##name,
#include "dataplane/smtp/replies.def"
#undef SMTP_REPLY
	SMTP_REPLIES
};

/* A reply about to be written. */
struct smtp_answer {
	uint16_t code;        /* 200 to 599 */
	struct span enhanced; /* "5.1.1"; empty: none is written */
	struct span text;     /* one line, or several with '\n' between them */
};

/* A row of replies.def; `arg` replaces the % of its text, which needs `buf` then. */
struct smtp_answer smtp_answer_own(enum smtp_reply_id id);
struct smtp_answer smtp_answer_arg(enum smtp_reply_id id, struct span arg, char *buf, size_t cap);

/*
 * Append "550-5.1.1 id=XXXXXXXXXXXXX text" lines. id 0: none. Control characters of the text come
 * out as \xNN, lines are cut into pieces so that none is longer than SMTP_REPLY_MAX. false and
 * nothing written when `out` has less room than it takes; SMTP_OUT_ROOM is always enough for a text
 * of up to SMTP_REPLY_TEXT_MAX bytes.
 */
bool smtp_reply_write(struct smtp_out *out, const struct smtp_answer *a, uint64_t id);

/* A reply that a server gave us: text as it came but for '\n' between lines; not cleaned yet. */
struct smtp_reply {
	uint16_t code;
	uint16_t text_len;
	uint16_t line_cnt;
	char enhanced[12]; /* "5.1.1", or "" when the reply had none of its own class */
	char text[SMTP_REPLY_TEXT_MAX];
};

/* What must not reach the Internet. */
struct smtp_private {
	const struct addr *addrs; /* the route's servers */
	unsigned addr_cnt;
	struct span names
	        [4]; /* host names, e.g. of the server's banner and EHLO; empty ones are skipped */
};

/*
 * Replace private addresses (RFC 1918, 6598, loopback, link-local, ULA, and p->addrs), host names
 * of p->names and names below private top domains (local, lan, internal …) by "[hidden]". Writes at
 * most `cap` bytes, linear in text.len; returns the length.
 */
size_t smtp_reply_clean(struct span text, const struct smtp_private *p, char *out, size_t cap);

/*
 * The server's reply as ours: its code, its own enhanced code or class.0.0, text cleaned into `buf`
 * (SMTP_REPLY_TEXT_MAX bytes are enough for what is kept; longer is cut).
 */
struct smtp_answer smtp_answer_pass(const struct smtp_reply *r, const struct smtp_private *p,
                                    char *buf, size_t cap);
