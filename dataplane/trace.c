/* SPDX-License-Identifier: BSD-3-Clause
 * trace.c - one pass over a header, and the line we put on top
 */
#include "dataplane/trace.h"
#include "base/limits.h"
#include "base/msgid.h"
#include <stdarg.h>

void
trace_scan_init(struct trace_scan *t, const char *own_name)
{
	size_t n = strlen(own_name);

	memset(t, 0, sizeof(*t));
	t->own = own_name;
	t->own_len = (uint16_t)MIN(n, TRACE_WORD_MAX);
	t->in_name = true;
	t->line_empty = true;
	t->word_is_by = t->word_is_own = true;
}

static void
word_begin(struct trace_scan *t)
{
	t->word_len = 0;
	t->word_is_by = t->word_is_own = true;
}

static void
word_end(struct trace_scan *t)
{
	if (t->word_len == 0)
		return;
	if (t->prev_was_by && t->word_is_own && t->word_len == t->own_len)
		t->own_cnt = (uint16_t)MIN(t->own_cnt + 1, UINT16_MAX);
	t->prev_was_by = t->word_is_by && t->word_len == 2;
	word_begin(t);
}

static void
word_byte(struct trace_scan *t, char c)
{
	char l = ascii_lower(c);

	t->word_is_by = t->word_is_by && t->word_len < 2 && l == "by"[t->word_len];
	t->word_is_own =
	        t->word_is_own && t->word_len < t->own_len && l == ascii_lower(t->own[t->word_len]);
	t->word_len = (uint16_t)MIN(t->word_len + 1, TRACE_WORD_MAX + 1);
}

static void
name_end(struct trace_scan *t)
{
	struct span name = span(t->name, t->name_len);

	t->in_name = false;
	if (span_is(name, "subject") && t->subject_at == 0)
		t->subject_at = t->offset + 1;
	t->in_received = span_is(name, "received");
	if (!t->in_received)
		return;
	t->received_cnt = (uint16_t)MIN(t->received_cnt + 1, UINT16_MAX);
	t->prev_was_by = false;
	word_begin(t);
}

static void
line_end(struct trace_scan *t)
{
	if (t->line_empty) {
		t->done = true;
		return;
	}
	word_end(t);
	t->line_empty = true;
	t->in_name = true;
	t->name_over = false;
	t->name_len = 0;
}

static void
line_byte(struct trace_scan *t, char c)
{
	if (t->line_empty && (c == ' ' || c == '\t'))
		t->in_name = false; /* the field goes on (RFC 5322 2.2.3) */
	t->line_empty = false;
	if (t->subject_at != 0 && t->offset == t->subject_at)
		t->subject_tight = c != ' ' && c != '\t';
	if (t->in_name) {
		if (c == ':')
			name_end(t);
		else if (c == ' ' || c == '\t')
			t->name_over = true; /* "Subject :" is one as well (RFC 5322 4.5) */
		else if (t->name_over)
			t->name_len = sizeof(t->name); /* two words are no name that we look for */
		else if (t->name_len < sizeof(t->name))
			t->name[t->name_len++] = ascii_lower(c);
		return;
	}
	if (!t->in_received)
		return;
	if (c == ' ' || c == '\t' || c == ';' || c == '(' || c == ')')
		word_end(t);
	else
		word_byte(t, c);
}

void
trace_scan_feed(struct trace_scan *t, struct span in)
{
	for (size_t i = 0; i < in.len && !t->done; i++) {
		char c = in.p[i];

		if (t->cr && c == '\n')
			line_end(t);
		else if (c != '\r')
			line_byte(t, c);
		t->cr = c == '\r';
		t->offset++;
	}
}

bool
trace_is_loop(const struct trace_scan *t)
{
	return t->received_cnt > RECEIVED_MAX || t->own_cnt >= 2;
}

size_t
trace_date(uint64_t wall_us, char out[40])
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	/* Not gmtime_r(): it takes a lock and reads a file at first. Years begin in March, so that the leap day ends one. */
	uint64_t at = wall_us / 1000000u, day = at / 86400, days0 = day + 719468;
	unsigned era_day = (unsigned)(days0 % 146097);
	unsigned era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
	unsigned year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
	unsigned month = (5 * year_day + 2) / 153; /* 0 is March */
	uint64_t year = era_year + days0 / 146097 * 400 + (month >= 10);
	int n = snprintf(out, 40, "%s, %u %s %u %02u:%02u:%02u +0000", days[(day + 4) % 7],
	                 year_day - (153 * month + 2) / 5 + 1, months[(month + 2) % 12],
	                 (unsigned)year, (unsigned)(at / 3600 % 24), (unsigned)(at / 60 % 60),
	                 (unsigned)(at % 60));

	return n < 0 ? 0 : MIN((size_t)n, 39u);
}

/* Appends within TRACE_LINE_MAX. */
static void PRINTF(3, 4) put(char *out, size_t *n, const char *format, ...)
{
	va_list ap;
	int k;

	va_start(ap, format);
	k = vsnprintf(out + *n, TRACE_LINE_MAX - *n, format, ap);
	va_end(ap);
	if (k > 0)
		*n = MIN(*n + (size_t)k, (size_t)TRACE_LINE_MAX - 1);
}

/* What a sender chose goes into a header: printable ASCII alone, nothing that ends a line or nests a comment. */
static size_t
clean(struct span in, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len && n < cap; i++) {
		char c = in.p[i];

		out[n++] = (unsigned char)c <= ' ' || c == 127 || c == '(' || c == ')' ? '?' : c;
	}
	return n;
}

size_t
trace_received(const struct trace_line *l, char out[TRACE_LINE_MAX])
{
	char helo[SMTP_HELO_MAX], rcpt[SMTP_PATH_MAX + 2], address[ADDR_TEXT_MAX],
	        id[MSGID_CHARS + 1], date[40];
	size_t helo_len = clean(l->helo, helo, sizeof(helo)), n = 0;
	size_t rcpt_len = clean(l->rcpt, rcpt, sizeof(rcpt));

	addr_format(&l->client, address);
	msgid_format(l->id, id);
	trace_date(l->wall_us, date);
	put(out, &n, "Received: from %.*s (unknown [%s%s])\r\n", helo_len ? (int)helo_len : 7,
	    helo_len ? helo : "unknown", addr_is_v4(&l->client) ? "" : "IPv6:", address);
	put(out, &n, "\tby %.*s with %s id %s", (int)MIN(l->by.len, 255u), l->by.p,
	    l->utf8    ? "UTF8SMTP"
	    : l->esmtp ? "ESMTP"
	               : "SMTP",
	    id);
	if (rcpt_len > 0)
		put(out, &n, "\r\n\tfor <%.*s>", (int)rcpt_len, rcpt);
	put(out, &n, "; %s\r\n", date);
	return n;
}

static size_t
base64(const uint8_t *in, size_t len, char *out)
{
	static const char digits[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0u) |
		             (i + 2 < len ? (uint32_t)in[i + 2] : 0u);

		out[n++] = digits[v >> 18];
		out[n++] = digits[v >> 12 & 63];
		out[n++] = i + 1 < len ? digits[v >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? digits[v & 63] : '=';
	}
	return n;
}

size_t
trace_tag(struct span text, char out[128])
{
	bool ascii = true;
	size_t len = text.len, n;

	for (size_t i = 0; i < text.len; i++)
		ascii = ascii && (unsigned char)text.p[i] < 0x80;
	out[0] = ' ';
	if (ascii) {
		len = MIN(len, 100u);
		for (size_t i = 0; i < len; i++)
			out[1 + i] = (unsigned char)text.p[i] < ' ' || text.p[i] == 127 ? ' '
			                                                                : text.p[i];
		return 1 + len;
	}
	len = MIN(len, 45u); /* an encoded word is at most 75 bytes (RFC 2047 2) */
	while (len > 0 && len < text.len && ((unsigned char)text.p[len] & 0xc0) == 0x80)
		len--; /* never half a character */
	memcpy(out + 1, "=?UTF-8?B?", 10);
	n = 11 + base64((const uint8_t *)text.p, len, out + 11);
	memcpy(out + n, "?=", 2);
	return n + 2;
}
