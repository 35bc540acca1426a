/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_line.h - cut a byte stream into SMTP command lines
 *
 * Why     Only CR LF ends a line (RFC 5321 2.3.8). A bare CR or LF is refused, never repaired: the
 *         next hop may repair it otherwise (SMTP smuggling). A line that came whole is handed out
 *         where it lies; only a line that is cut between two calls is copied, into a buffer that is
 *         lent for that time, so a parked session holds none.
 * Owner   The caller owns the struct; a line handed out lives in the caller's input or in the lent
 *         buffer, until the next call.
 * Thread  The worker that owns the connection. No lock, no allocation but lender.get, no log.
 * Limit   SMTP_COMMAND_MAX bytes with CR LF. Linear in the input; a longer line is skipped up to
 *         its end.
 */
#pragma once
#include "base/base.h"
#include "base/limits.h"

enum smtp_line_status {
	SMTP_LINE_MORE,      /* input used up; feed again */
	SMTP_LINE_READY,     /* *line is set, without CR LF */
	SMTP_LINE_TOO_LONG,  /* the line is over, its bytes are gone: 500 */
	SMTP_LINE_NUL,       /* the line is over, it held a NUL: 501 */
	SMTP_LINE_BARE,      /* bare CR or bare LF: 500 and close; nothing more may be fed */
	SMTP_LINE_NO_BUFFER, /* the lender had none: 421 and close */
};

struct smtp_line_lender {
	char *(*get)(void *ctx); /* SMTP_COMMAND_MAX bytes or NULL */
	void (*put)(void *ctx, char *buf);
	void *ctx;
};

/* All zero is ready to use. */
struct smtp_line {
	char *buf;    /* lent while a line is cut */
	uint16_t len; /* bytes held in buf */
	bool cr;      /* the last byte seen was CR */
	bool skip;    /* the line under way is too long */
};

/* Take bytes from *in up to one whole line; *line is set on SMTP_LINE_READY alone. */
enum smtp_line_status smtp_line_next(struct smtp_line *l, const struct smtp_line_lender *lender,
                                     struct span *in, struct span *line);

/* Give the buffer back, if one is lent; the line handed out is gone. */
void smtp_line_release(struct smtp_line *l, const struct smtp_line_lender *lender);
