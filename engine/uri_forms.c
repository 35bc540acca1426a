/* SPDX-License-Identifier: BSD-3-Clause
 * uri_forms.c - see uri_forms.h
 */
#include "engine/uri_forms.h"

struct forms {
	uri_form_fn *fn;
	void *ctx;
	unsigned depth;
};

static bool
is_white(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && is_white(s.p[0]))
		s = span_skip(s, 1);
	while (s.len > 0 && is_white(s.p[s.len - 1]))
		s.len--;
	return s;
}

static bool
starts(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len >= n && span_ieq_z(span(s.p, n), z);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%41" at the front: its byte; else -1. */
static int
percent(struct span s)
{
	if (s.len < 3 || s.p[0] != '%' || hex(s.p[1]) < 0 || hex(s.p[2]) < 0)
		return -1;
	return hex(s.p[1]) * 16 + hex(s.p[2]);
}

static bool
has_percent(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (percent(span_skip(s, i)) >= 0)
			return true;
	return false;
}

/* Codes that stand for what needs none are undone, what needs one gets it. */
static struct span
recode(struct span in, char *out)
{
	static const char keep[] = "\"#%&/:;<=>?@";
	size_t n = 0;

	for (size_t i = 0; i < in.len && n + 3 <= URI_FORM_MAX; i++) {
		int c = percent(span_skip(in, i));

		if (c > 0x20 && c < 0x7f && !strchr(keep, c)) {
			out[n++] = (char)c;
			i += 2;
			continue;
		}
		c = (unsigned char)in.p[i];
		if (c <= 0x20 || c >= 0x7f || c == '<' || c == '>' || c == '"')
			n += (size_t)sprintf(out + n, "%%%02x", (unsigned)c);
		else
			out[n++] = (char)c;
	}
	return span(out, n);
}

static bool
has_scheme(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = ascii_lower(s.p[i]);

		if (c == ':')
			return i > 0;
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return false;
}

/* "mailto:a@b?subject=…": without what follows the address. */
static void
mail_forms(struct forms *f, struct span uri)
{
	static const char ends[] = "?&";
	const char *at = memchr(uri.p, '@', uri.len);

	for (size_t i = 0; at && i < sizeof(ends) - 1; i++) {
		const char *end = memchr(at, ends[i], (size_t)(uri.p + uri.len - at));

		if (end && end > at + 1)
			f->fn(f->ctx, span(uri.p, (size_t)(end - uri.p)));
	}
}

static bool
is_mail(struct span s)
{
	const char *at = memchr(s.p, '@', s.len), *colon = memchr(s.p, ':', s.len);

	return starts(s, "mailto:") || (at && (!colon || at < colon));
}

/* Slashes put right, codes undone, a scheme and a '/' behind the host where there is none. */
static struct span
normal_form(struct span uri, char *out, char *tmp)
{
	size_t proto = starts(uri, "https:") ? 6 : starts(uri, "http:") ? 5 : 0, n = 0, host, end;
	struct span s = uri;

	if (proto > 0) {
		memcpy(tmp, uri.p, proto);
		memcpy(tmp + proto, "//", 2);
		n = proto + 2;
		for (unsigned i = 0;
		     i < 2 && proto < s.len && (s.p[proto] == '/' || s.p[proto] == '\\'); i++)
			s = span_skip(s, 1);
		s = span_skip(s, proto);
	}
	for (size_t i = 0; i < s.len && n < URI_FORM_MAX; i++)
		tmp[n++] = s.p[i] == '\\' ? '/' : s.p[i];
	s = span(tmp, n);
	if (has_percent(s))
		s = recode(s, out);
	else
		memcpy(out, s.p, s.len);
	n = s.len;
	if (!has_scheme(span(out, n)) && n + 7 <= URI_FORM_MAX) {
		memmove(out + 7, out, n);
		memcpy(out, "http://", 7);
		n += 7;
	}
	proto = starts(span(out, n), "https://") ? 8 : starts(span(out, n), "http://") ? 7 : 0;
	for (host = end = proto; proto > 0 && end < n && !strchr("/?#", out[end]); end++)
		;
	if (end > host && end < n && out[end] != '/' && n < URI_FORM_MAX) {
		memmove(out + end + 1, out + end, n - end);
		out[end] = '/';
		n++;
	}
	return span(out, n);
}

/* The scheme's own port says nothing. */
static void
without_port(struct forms *f, struct span s)
{
	size_t proto = starts(s, "https://") ? 8 : starts(s, "http://") ? 7 : 0, at = proto;
	const char *port = proto == 8 ? ":443" : ":80";
	size_t n = strlen(port);
	char out[URI_FORM_MAX];

	while (at < s.len && !strchr("/?#:@", s.p[at]))
		at++;
	if (proto == 0 || s.len - at < n || memcmp(s.p + at, port, n) ||
	    (s.len > at + n && s.p[at + n] >= '0' && s.p[at + n] <= '9'))
		return;
	memcpy(out, s.p, at);
	memcpy(out + at, s.p + at + n, s.len - at - n);
	f->fn(f->ctx, span(out, s.len - n));
}

static void all_forms(struct forms *f, struct span uri);

/* A URI inside another one's path or query. */
static void
targets(struct forms *f, struct span s)
{
	for (size_t i = 8; i + 7 < s.len; i++) {
		struct span t = span_skip(s, i);
		size_t n = 0;

		if (!starts(t, "http:") && !starts(t, "https:"))
			continue;
		while (n < t.len && t.p[n] != '&' && t.p[n] != '#')
			n++;
		t.len = n;
		if (memchr(t.p, '.', t.len))
			all_forms(f, t);
		return;
	}
}

static void
all_forms(struct forms *f, struct span uri)
{
	char out[URI_FORM_MAX + 16], tmp[URI_FORM_MAX + 16];
	struct span s;

	uri = trim(uri);
	uri.len = MIN(uri.len, (size_t)URI_FORM_MAX);
	if (uri.len > 0)
		f->fn(f->ctx, uri);
	if (uri.len <= 1 || strchr("#?&", uri.p[0]) || (uri.p[0] == '/' && uri.p[1] != '/'))
		return;
	if (is_mail(uri)) {
		mail_forms(f, uri);
		return;
	}
	s = normal_form(uri, out, tmp);
	if (!span_eq(s, uri))
		f->fn(f->ctx, s);
	if (!starts(s, "http"))
		return;
	without_port(f, s);
	if (++f->depth < URI_FORMS_DEPTH)
		targets(f, s);
	f->depth--;
}

void
uri_forms(struct span uri, uri_form_fn *fn, void *ctx)
{
	struct forms f = { fn, ctx, 0 };

	all_forms(&f, uri);
}

/* ---- addresses in text ---- */

static bool
ends_address(char c)
{
	return (unsigned char)c >= 0x80 || (unsigned char)c <= ' ' || strchr("><\"`}]{[|,('@", c);
}

struct span
uri_mail_at(struct span text, size_t at)
{
	static const char marks[] = "-~!@#^&*()_+=:;'?,.";
	size_t from = at, to = at + 1;
	struct span s;

	while (from > 0 && at - from < 251 && !ends_address(text.p[from - 1]))
		from--;
	while (to < text.len && to - at < 251 && !ends_address(text.p[to]))
		to++;
	while (to > at + 1 && strchr(marks, text.p[to - 1]))
		to--;
	s = span(text.p + from, to - from);
	if (starts(s, "mailto:"))
		s = span_skip(s, 7);
	while (s.len > 0 && s.p[0] == ':')
		s = span_skip(s, 1);
	if (s.len == 0 || s.p[0] == '@' || to <= at + 3 || !memchr(text.p + at, '.', to - at))
		return span("", 0);
	return s;
}
