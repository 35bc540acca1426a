/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_body.c - the end-of-data automaton: blocks where nothing happens, one byte where something
 * does
 */
#include "dataplane/smtp/smtp_body.h"
#include "dataplane/smtp/smtp_scan.h"

/*
 * What the last bytes were. "Line" is a line that began behind a true CR LF: only there a dot is
 * special.
 */
enum at {
	AT_LINE, /* CR LF was read, or the message begins */
	AT_TEXT, /* inside a line */
	/*
	 * at the begin of a line that a repaired newline made: as text, but the line before is
	 * whole
	 */
	AT_FALSE,
	AT_CR,     /* CR, handed out */
	AT_DOT,    /* a dot first in a line, not handed out */
	AT_DOT_CR, /* that dot and CR, neither handed out */
};

/* Constants that are queued when a newline is repaired or a line completed. */
static const char crlf_bytes[2] = { '\r', '\n' };
enum queued { Q_NONE, Q_LF, Q_CRLF, Q_CR };

void
smtp_body_begin(struct smtp_body *b, bool dots, enum smtp_bare mode)
{
	*b = (struct smtp_body){ .at = AT_LINE, .dots = dots, .crlf = mode == SMTP_BARE_CRLF };
}

/* Can `c` be handed out as it is behind what *at says? *at is moved on if so. */
static bool
is_clean(char c, bool dots, uint8_t *at)
{
	if ((*at == AT_CR) != (c == '\n') || (c == '.' && *at == AT_LINE && dots))
		return false;
	*at = c == '\r' ? AT_CR : c == '\n' ? AT_LINE : AT_TEXT;
	return true;
}

/*
 * How far blocks are clean, from `n` >= 1 on: up to a byte that is not, or to less than a block
 * before the end.
 */
static size_t
clean_blocks(struct span s, size_t n, bool dots)
{
	for (; s.len - n >= SMTP_SCAN_BYTES; n += SMTP_SCAN_BYTES) {
		uint32_t stops = smtp_scan_stops(s.p + n, dots);

		if (stops)
			return n + (unsigned)__builtin_ctz(stops);
	}
	return n;
}

/*
 * Bytes from the begin of `s` that can be handed out as they are; *at is what the last of them
 * leaves.
 */
static size_t
clean(struct span s, bool dots, uint8_t *at)
{
	size_t n;

	if (!is_clean(s.p[0], dots, at))
		return 0;
	n = clean_blocks(s, 1, dots);
	if (n > 1) {
		char last = s.p[n - 1];

		*at = last == '\r' ? AT_CR : last == '\n' ? AT_LINE : AT_TEXT;
	}
	while (n < s.len && is_clean(s.p[n], dots, at))
		n++;
	return n;
}

static enum smtp_body_status
give_queued(struct smtp_body *b, struct span *run)
{
	static const struct span bytes[] = {
		[Q_LF] = { crlf_bytes + 1, 1 },
		[Q_CRLF] = { crlf_bytes, 2 },
		[Q_CR] = { crlf_bytes, 1 },
	};

	*run = bytes[b->queued];
	b->queued = Q_NONE;
	return SMTP_BODY_RUN;
}

/*
 * A bare newline was met and what it is made of is queued. A line that it begins is not one where
 * dots are special.
 */
static enum smtp_body_status
repair(struct smtp_body *b, uint8_t at, enum queued q, struct span *run)
{
	b->at = at;
	b->queued = (uint8_t)q;
	if (b->crlf)
		return give_queued(b, run);
	if (b->bare)
		return give_queued(b, run); /* thrown away by the caller */
	b->bare = true;
	return SMTP_BODY_BARE;
}

/* The byte at in->p is one that cannot be handed out as it is. */
static enum smtp_body_status
special(struct smtp_body *b, struct span *in, struct span *run)
{
	char c = *in->p;

	switch ((enum at)b->at) {
	case AT_CR: /* no LF follows it */
		return repair(b, AT_FALSE, Q_LF, run);
	case AT_DOT:
		if (c == '\r') {
			span_shift(in);
			b->at = AT_DOT_CR;
			return SMTP_BODY_MORE;
		}
		b->at = AT_TEXT; /* the dot is gone; what follows is the line, a bare LF too */
		return SMTP_BODY_MORE;
	case AT_DOT_CR:
		if (c == '\n') {
			span_shift(in);
			return SMTP_BODY_END;
		}
		return repair(b, AT_FALSE, Q_CRLF, run);
	case AT_LINE:
	case AT_TEXT:
	case AT_FALSE:
		span_shift(in);
		if (c == '.') {
			b->at = AT_DOT;
			return SMTP_BODY_MORE;
		}
		return repair(b, AT_FALSE, Q_CRLF, run); /* a bare LF */
	}
	BUG_ON(true);
	return SMTP_BODY_MORE;
}

enum smtp_body_status
smtp_body_next(struct smtp_body *b, struct span *in, struct span *run)
{
	if (b->queued)
		return give_queued(b, run);
	while (in->len) {
		enum smtp_body_status st;
		size_t n = 0;

		if (b->at != AT_DOT && b->at != AT_DOT_CR)
			n = clean(*in, b->dots, &b->at);
		if (n) {
			*run = span(in->p, n);
			*in = span_skip(*in, n);
			return SMTP_BODY_RUN;
		}
		st = special(b, in, run);
		if (st != SMTP_BODY_MORE)
			return st;
	}
	return SMTP_BODY_MORE;
}

enum smtp_body_status
smtp_body_finish(struct smtp_body *b, struct span *run)
{
	if (b->queued)
		return give_queued(b, run);
	if (b->at == AT_CR)
		return repair(b, AT_LINE, Q_LF, run);
	if (b->at == AT_TEXT) {
		b->at = AT_LINE;
		b->queued = Q_CRLF;
		return give_queued(b, run);
	}
	return SMTP_BODY_END;
}
