/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_body.h - the bytes of DATA and BDAT to the message's own bytes: dots removed, every line end
 * CR LF
 *
 * Why     Only CR LF . CR LF ends a message, and what is handed on never holds a bare CR or LF: so
 *         no server behind us can see an end where we saw none (SMTP smuggling). Runs are handed
 *         out where they lie: a clean mail is one span a call.
 * Owner   The caller; spans point into its input or to constants.
 * Thread  Any one; no lock, no allocation.
 * Limit   None on lines or bytes: the caller counts. One call takes time linear in what it
 *         consumes.
 * RFC     5321 4.5.2 (transparency), 4.1.1.4; 3030 (BDAT has no dots).
 *
 * Bare    In mode SMTP_BARE_REJECT the first bare CR or LF gives SMTP_BODY_BARE once; then the
 *         automaton goes on as before, and the caller throws the runs away up to the end. In mode
 *         SMTP_BARE_CRLF it becomes CR LF. In neither mode does it end anything, nor does a dot
 *         behind it count as first in a line.
 */
#pragma once
#include "base/base.h"

enum smtp_bare {
	SMTP_BARE_REJECT,
	SMTP_BARE_CRLF,
};

enum smtp_body_status {
	SMTP_BODY_MORE, /* input used up */
	SMTP_BODY_RUN,  /* *run has message bytes, at least one */
	SMTP_BODY_END,  /* CR LF . CR LF was read; *in starts behind it. Not with BDAT */
	SMTP_BODY_BARE, /* a bare CR or LF was met, in mode reject; once */
};

struct smtp_body {
	uint8_t at;     /* enum in smtp_body.c: what the last bytes were */
	uint8_t queued; /* bytes of a constant still to hand out */
	bool dots;      /* DATA: dots are stuffed and one alone ends; false: BDAT */
	bool bare;      /* SMTP_BODY_BARE was given */
	bool crlf;      /* mode SMTP_BARE_CRLF */
};

void smtp_body_begin(struct smtp_body *b, bool dots, enum smtp_bare mode);
enum smtp_body_status smtp_body_next(struct smtp_body *b, struct span *in, struct span *run);

/*
 * BDAT LAST was read: what is missing at the end. Gives SMTP_BODY_RUN with the bytes that make the
 * last line whole (nothing for an empty body), SMTP_BODY_BARE when a bare CR was last in mode
 * reject, at last SMTP_BODY_END.
 */
enum smtp_body_status smtp_body_finish(struct smtp_body *b, struct span *run);
