/* SPDX-License-Identifier: BSD-3-Clause
 * mime_param.c - "type; name=value" with everything that is wrong with it in real mail
 */
#include "engine/mime/mime_decode.h"
#include "engine/mime/mime_field.h"

struct param {
	struct span name, value;
	bool is_quoted;
};

struct segments {
	struct span value[MIME_SEGMENTS_MAX];
	bool is_coded[MIME_SEGMENTS_MAX], is_quoted[MIME_SEGMENTS_MAX];
	unsigned cnt; /* highest number + 1 */
	struct param plain;
	bool has_plain;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && is_space(s.p[0]))
		s = span_skip(s, 1);
	while (s.len > 0 && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

size_t
mime_token(struct span value, char *out, size_t cap)
{
	size_t n = 0;

	value = trim(value);
	while (n < value.len && n < cap && !is_space(value.p[n]) && value.p[n] != ';' &&
	       value.p[n] != '(' && value.p[n] != ',') {
		out[n] = ascii_lower(value.p[n]);
		n++;
	}
	return n;
}

/* An unquoted value ends at ';'; a comment after a blank is not part of it. */
static struct span
bare_value(struct span s)
{
	for (size_t i = 1; i < s.len; i++)
		if (s.p[i] == '(' && is_space(s.p[i - 1])) {
			s.len = i;
			break;
		}
	return trim(s);
}

static bool
next_param(struct span *s, struct param *p)
{
	size_t n = 0;

	while (s->len > 0 && (is_space(s->p[0]) || s->p[0] == ';'))
		*s = span_skip(*s, 1);
	if (s->len == 0)
		return false;
	while (n < s->len && s->p[n] != '=' && s->p[n] != ';')
		n++;
	p->name = trim(span(s->p, n));
	p->value = span(s->p, 0);
	p->is_quoted = false;
	*s = span_skip(*s, n);
	if (s->len == 0 || s->p[0] == ';')
		return true;
	*s = span_skip(*s, 1);
	while (s->len > 0 && is_space(s->p[0]))
		*s = span_skip(*s, 1);
	n = 0;
	if (s->len > 0 && s->p[0] == '"') {
		*s = span_skip(*s, 1);
		while (n < s->len && s->p[n] != '"')
			n += s->p[n] == '\\' && n + 1 < s->len ? 2 : 1;
		p->value = span(s->p, n);
		p->is_quoted = true;
		*s = span_skip(*s, n < s->len ? n + 1 : n);
		return true;
	}
	while (n < s->len && s->p[n] != ';')
		n++;
	p->value = bare_value(span(s->p, n));
	*s = span_skip(*s, n);
	return true;
}

/* "want", "want*", "want*3", "want*3*": the number, or -1 for plain, -2 for another name. */
static int
segment_of(struct span name, const char *want, bool *is_coded)
{
	size_t n = strlen(want);
	int at = 0;

	*is_coded = false;
	if (name.len < n || !span_ieq(span(name.p, n), span(want, n)))
		return -2;
	name = span_skip(name, n);
	if (name.len == 0)
		return -1;
	if (span_shift(&name) != '*')
		return -2;
	if (name.len == 0)
		return *is_coded = true, 0;
	while (name.len > 0 && name.p[0] >= '0' && name.p[0] <= '9' && at < MIME_SEGMENTS_MAX)
		at = at * 10 + span_shift(&name) - '0';
	*is_coded = name.len == 1 && name.p[0] == '*';
	return (name.len == 0 || *is_coded) && at < MIME_SEGMENTS_MAX ? at : -2;
}

static void
collect(struct segments *g, struct span value, const char *want)
{
	struct param p;
	size_t n = 0;

	memset(g, 0, sizeof(*g));
	while (n < value.len && !is_space(value.p[n]) && value.p[n] != ';') /* the type itself */
		n++;
	value = span_skip(value, n);
	while (next_param(&value, &p)) {
		bool is_coded;
		int at = segment_of(p.name, want, &is_coded);

		if (at == -1 && !g->has_plain) {
			g->plain = p;
			g->has_plain = true;
		} else if (at >= 0 && !g->value[at].p) {
			g->value[at] = p.value;
			g->is_coded[at] = is_coded;
			g->is_quoted[at] = p.is_quoted;
			g->cnt = MAX(g->cnt, (unsigned)at + 1);
		}
	}
}

/* Bytes of a value: quotes' backslashes or percent codes undone, line ends removed. */
static size_t
unescape(struct span s, bool is_quoted, bool is_coded, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len && n < cap; i++) {
		char c = s.p[i];

		if (c == '\r' || c == '\n')
			continue;
		if (is_quoted && c == '\\' && i + 1 < s.len &&
		    (s.p[i + 1] == '"' || s.p[i + 1] == '\\')) {
			c = s.p[++i];
		} else if (is_coded && c == '%' && s.len - i > 2 &&
		           mime_hex_value((unsigned char)s.p[i + 1]) >= 0 &&
		           mime_hex_value((unsigned char)s.p[i + 2]) >= 0) {
			c = (char)(mime_hex_value((unsigned char)s.p[i + 1]) << 4 |
			           mime_hex_value((unsigned char)s.p[i + 2]));
			i += 2;
		}
		out[n++] = c;
	}
	return n;
}

/* charset'language'text: cut the head off; the charset in lower case. */
static struct span
cut_charset(struct span s, char *charset, size_t cap, size_t *len)
{
	const char *a = memchr(s.p, '\'', s.len);
	const char *b = a ? memchr(a + 1, '\'', s.len - (size_t)(a - s.p) - 1) : NULL;

	*len = 0;
	if (!b)
		return s;
	while (s.p + *len < a && *len < cap) {
		charset[*len] = ascii_lower(s.p[*len]);
		++*len;
	}
	return span_skip(s, (size_t)(b - s.p) + 1);
}

static size_t
join(struct segments *g, enum mime_param_mode mode, char *out, size_t cap,
     const struct mime_ops *ops, void *ctx)
{
	char tmp[2048], charset[40];
	size_t n = 0, charset_len = 0;

	for (unsigned i = 0; i < g->cnt && g->value[i].p; i++) {
		if (i == 0 && g->is_coded[0])
			g->value[0] =
			        cut_charset(g->value[0], charset, sizeof(charset), &charset_len);
		n += unescape(g->value[i], g->is_quoted[i], g->is_coded[i], tmp + n,
		              sizeof(tmp) - n);
	}
	if (mode == MIME_PARAM_WORDS && g->is_coded[0] && ops && ops->to_utf8)
		return ops->to_utf8(ctx, span(charset, charset_len), span(tmp, n), out, cap);
	if (mode == MIME_PARAM_WORDS)
		return mime_decode_words(span(tmp, n), out, cap, ops, ctx);
	n = MIN(n, cap);
	memcpy(out, tmp, n);
	return n;
}

size_t
mime_param(struct span value, const char *want, enum mime_param_mode mode, char *out, size_t cap,
           const struct mime_ops *ops, void *ctx)
{
	struct segments g;
	char tmp[2048];
	size_t n;

	collect(&g, trim(value), want);
	if (g.cnt > 0 && g.value[0].p)
		return join(&g, mode, out, cap, ops, ctx);
	if (!g.has_plain)
		return 0;
	if (mode == MIME_PARAM_RAW)
		return unescape(g.plain.value, g.plain.is_quoted, false, out, cap);
	n = unescape(g.plain.value, g.plain.is_quoted, false, tmp, sizeof(tmp));
	return mime_decode_words(span(tmp, n), out, cap, ops, ctx);
}
