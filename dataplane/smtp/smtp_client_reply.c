/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_client_reply.c - reply lines (RFC 5321 4.2.1), byte by byte up to the text, text in runs
 */
#include "dataplane/smtp/smtp_client_reply.h"

/* Before the first byte of a reply everything is P_FIRST, between its lines P_CODE. */
enum parse { P_FIRST, P_CODE, P_CODE2, P_CODE3, P_SEP, P_TEXT, P_LF };

static enum smtp_client_reply_status
bad(struct smtp_client *c, enum smtp_client_why why)
{
	c->why = (uint8_t)why;
	return SMTP_CR_BAD;
}

static void
begin_line(struct smtp_client *c)
{
	c->line_code = 0;
	c->line_len = 0;
	c->line_start = c->reply.text_len;
}

static void
begin_reply(struct smtp_client *c)
{
	c->reply.code = c->reply.text_len = c->reply.line_cnt = 0;
	c->reply.enhanced[0] = '\0';
	begin_line(c);
}

static void
add_text(struct smtp_client *c, struct span s)
{
	size_t n = MIN(s.len, (size_t)(SMTP_UPSTREAM_LINE_MAX - c->line_len));

	n = MIN(n, (size_t)(SMTP_REPLY_TEXT_MAX - c->reply.text_len));
	memcpy(c->reply.text + c->reply.text_len, s.p, n);
	c->reply.text_len = (uint16_t)(c->reply.text_len + n);
	c->line_len = (uint16_t)(c->line_len + n);
}

/*
 * Length of "5.1.1" and the space behind it, of class `code`; 0: the line has none. RFC 2034 4,
 * 3463 2.
 */
static size_t
enhanced_len(struct span l, unsigned code)
{
	size_t n = 2, digits;

	if (l.len < 5 || l.p[0] != (char)('0' + code / 100) || l.p[1] != '.')
		return 0;
	for (unsigned part = 0; part < 2; part++) {
		for (digits = 0; n < l.len && l.p[n] >= '0' && l.p[n] <= '9'; n++)
			digits++;
		if (digits < 1 || digits > 3)
			return 0;
		if (part == 0 && (n >= l.len || l.p[n++] != '.'))
			return 0;
	}
	return n == l.len || l.p[n] == ' ' ? n : 0;
}

/* Take the enhanced code off the line's text; the first line's is the reply's. */
static void
take_enhanced(struct smtp_client *c)
{
	struct smtp_reply *r = &c->reply;
	char *text = r->text + c->line_start;
	struct span l = span(text, (size_t)(r->text_len - c->line_start));
	size_t n = enhanced_len(l, r->code);

	if (n == 0)
		return;
	if (!r->enhanced[0]) {
		memcpy(r->enhanced, text, n);
		r->enhanced[n] = '\0';
	}
	n += n < l.len; /* the space */
	memmove(text, text + n, l.len - n);
	r->text_len = (uint16_t)(r->text_len - n);
}

static enum smtp_client_reply_status
end_line(struct smtp_client *c, bool ehlo)
{
	struct smtp_reply *r = &c->reply;

	if (r->line_cnt == 0)
		r->code = c->line_code;
	if (r->code != c->line_code)
		return bad(c, SMTP_WHY_GARBAGE);
	if (ehlo && r->code == 250) {
		smtp_client_capability(c, r->line_cnt,
		                       span(r->text + c->line_start, r->text_len - c->line_start));
		r->text_len = c->line_start;
	} else {
		take_enhanced(c);
	}
	r->line_cnt++;
	if (c->last_line) {
		c->parse = P_FIRST;
		return SMTP_CR_DONE;
	}
	if (r->line_cnt >= SMTP_UPSTREAM_LINES_MAX)
		return bad(c, SMTP_WHY_TOO_LONG);
	if (!(ehlo && r->code == 250) && r->text_len < SMTP_REPLY_TEXT_MAX)
		r->text[r->text_len++] = '\n';
	begin_line(c);
	c->parse = P_CODE;
	return SMTP_CR_MORE;
}

static enum smtp_client_reply_status
on_digit(struct smtp_client *c, char b)
{
	bool first = c->parse == P_CODE;

	if (b < (first ? '2' : '0') || b > (first ? '5' : '9'))
		return bad(c, SMTP_WHY_GARBAGE);
	c->line_code = (uint16_t)(c->line_code * 10 + (b - '0'));
	c->parse++;
	return SMTP_CR_MORE;
}

static enum smtp_client_reply_status
on_separator(struct smtp_client *c, char b, bool ehlo)
{
	c->last_line = b != '-';
	if (b == '\n')
		return end_line(c, ehlo);
	if (b != ' ' && b != '-' && b != '\r')
		return bad(c, SMTP_WHY_GARBAGE);
	c->parse = b == '\r' ? P_LF : P_TEXT;
	return SMTP_CR_MORE;
}

/* Text up to CR or LF, as a run. A CR that no LF follows is text. */
static enum smtp_client_reply_status
on_text(struct smtp_client *c, struct span *in, bool ehlo)
{
	size_t n = 0;

	if (c->parse == P_LF && *in->p != '\n')
		add_text(c, span("\r", 1));
	while (n < in->len && in->p[n] != '\n' && in->p[n] != '\r')
		n++;
	if (n)
		add_text(c, span(in->p, n));
	c->parse = P_TEXT;
	*in = span_skip(*in, n);
	if (!in->len)
		return SMTP_CR_MORE;
	if (span_shift(in) == '\n')
		return end_line(c, ehlo);
	c->parse = P_LF;
	return SMTP_CR_MORE;
}

enum smtp_client_reply_status
smtp_client_reply_feed(struct smtp_client *c, struct span *in, bool ehlo)
{
	enum smtp_client_reply_status st = SMTP_CR_MORE;

	while (in->len && st == SMTP_CR_MORE) {
		switch ((enum parse)c->parse) {
		case P_FIRST:
			begin_reply(c);
			c->parse = P_CODE;
			break;
		case P_CODE:
		case P_CODE2:
		case P_CODE3:
			st = on_digit(c, span_shift(in));
			break;
		case P_SEP:
			st = on_separator(c, span_shift(in), ehlo);
			break;
		case P_TEXT:
		case P_LF:
			st = on_text(c, in, ehlo);
			break;
		}
	}
	return st;
}
