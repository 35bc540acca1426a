/* SPDX-License-Identifier: BSD-3-Clause
 * uri_text.c - see uri_text.h: the expression of SpamAssassin's by hand, word by word
 *
 * A word is what stands between two characters that end a URI. In it, from left to right, the first place that may begin one
 * and where one of three kinds is found, in this order: with a scheme or "www.", an address, a host alone.
 */
#include "engine/uri_text.h"
#include "base/addr.h"
#include "base/block64.h"

#define REST_MAX 2048 /* behind a scheme, of a path */
#define MAIL_MAX 251  /* either side of '@' */
#define HOST_MAX 253

enum mark {
	M_END = 1u << 0,        /* ends a URI */
	M_MAIL = 1u << 1,       /* ends an address too */
	M_BEFORE = 1u << 2,     /* a URI may begin behind it */
	M_BEFORE_HOST = 1u << 3 /* a host alone may */
};

#define ALL (M_END | M_MAIL | M_BEFORE | M_BEFORE_HOST)

/* clang-format off */
static const uint8_t marks[256] = {
	['\t'] = ALL, ['\n'] = ALL, ['\v'] = ALL, ['\f'] = ALL, ['\r'] = ALL, [' '] = ALL, [0x1b] = ALL,
	['<'] = ALL, ['>'] = ALL, ['"'] = ALL, ['`'] = ALL, ['{'] = ALL, ['['] = ALL, ['|'] = ALL,
	['}'] = M_END | M_MAIL | M_BEFORE_HOST, [']'] = M_END | M_MAIL | M_BEFORE_HOST,
	[','] = M_MAIL | M_BEFORE | M_BEFORE_HOST, ['('] = M_MAIL | M_BEFORE | M_BEFORE_HOST, ['\''] = M_MAIL | M_BEFORE | M_BEFORE_HOST,
	['!'] = M_BEFORE_HOST, ['#'] = M_BEFORE_HOST, ['$'] = M_BEFORE_HOST, ['&'] = M_BEFORE_HOST, [')'] = M_BEFORE_HOST,
	['*'] = M_BEFORE_HOST, ['+'] = M_BEFORE_HOST, ['/'] = M_BEFORE_HOST, [':'] = M_BEFORE_HOST, [';'] = M_BEFORE_HOST,
	['='] = M_BEFORE_HOST, ['?'] = M_BEFORE_HOST, ['@'] = M_BEFORE_HOST, ['\\'] = M_BEFORE_HOST, ['^'] = M_BEFORE_HOST,
	['~'] = M_BEFORE_HOST,
	[0x80 ... 0xff] = M_MAIL,
};
/* clang-format on */

/* Bytes of UTF-8 are no letters here; the byte a0 of a no-break space is a blank in every character that has one. */
static uint8_t
mark_of(char c)
{
	return (unsigned char)c == 0xa0 ? ALL : marks[(unsigned char)c];
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	char l = ascii_lower(c);

	return (l >= 'a' && l <= 'z') || is_digit(c);
}

static bool
is_word(char c)
{
	return is_letter(c) || c == '_';
}

static bool
starts(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len >= n && span_ieq_z(span(s.p, n), z);
}

/* The word under way, and what is known of its next '@'. */
struct word {
	struct span text; /* the whole paragraph */
	size_t end;
	size_t at;   /* of the next '@'; end: none */
	size_t from; /* where an address with it may begin at the earliest */
	size_t to;   /* where that ends; 0: it is none */
};

static struct span
rest_of(const struct word *w, size_t p)
{
	return span(w->text.p + p, w->end - p);
}

/* May a URI begin at p? */
static bool
may_begin(const struct word *w, size_t p)
{
	const char *t = w->text.p;

	if (p == 0)
		return is_word(t[0]);
	return is_word(t[p - 1]) != is_word(t[p]) || mark_of(t[p - 1]) & M_BEFORE ||
	       (p >= 3 && t[p - 3] == 0x1b && t[p - 2] == '('); /* behind a shift of ISO 2022 */
}

/* "www.", "www12.", "ftp." and schemes: how long; 0 none. */
static size_t
known_begin(struct span s)
{
	static const char *const words[] = { "http://", "https://", "ftp://", "ftp." };
	size_t n = 3;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (starts(s, words[i]))
			return strlen(words[i]);
	if (!starts(s, "www"))
		return 0;
	while (n < 5 && n < s.len && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n < s.len && s.p[n] == '.' ? n + 1 : 0;
}

static size_t
with_scheme(const struct word *w, size_t p)
{
	size_t n = known_begin(rest_of(w, p)), rest = w->end - p - n;

	return n > 0 && rest > 0 && rest <= REST_MAX ? w->end : 0;
}

/* Where the run of bytes that may be in an address ends; one past max of them: too long. */
static size_t
mail_run(const struct word *w, size_t p, size_t max)
{
	size_t end = MIN(w->end, p + max + 1);

	while (p < end && !(mark_of(w->text.p[p]) & M_MAIL))
		p++;
	return p;
}

/* The next '@' from p on. */
static void
look_for_at(struct word *w, size_t p)
{
	const char *at = memchr(w->text.p + p, '@', w->end - p);

	w->at = at ? (size_t)(at - w->text.p) : w->end;
	if (!at)
		return;
	for (w->from = w->at; w->from > p && w->at - w->from < MAIL_MAX &&
	                      !(mark_of(w->text.p[w->from - 1]) & M_MAIL);)
		w->from--;
	w->to = mail_run(w, w->at + 1, MAIL_MAX);
	if (w->to == w->at + 1 || w->to - w->at - 1 > MAIL_MAX)
		w->to = 0;
}

static size_t
as_mail(struct word *w, size_t p)
{
	if (starts(rest_of(w, p), "mailto:")) {
		size_t end = mail_run(w, p + 7, REST_MAX), n = end - p - 7;

		if (n > 0 && n <= REST_MAX)
			return end;
	}
	if (w->at < p)
		look_for_at(w, p);
	return w->at < w->end && p >= w->from && p < w->at ? w->to : 0;
}

/* Does it end in a label that the suffix list may know? */
static bool
ends_in_suffix(struct uri_text *t, struct span host)
{
	const char *dot = memrchr(host.p, '.', host.len);
	char lower[HOST_MAX + 1];

	if (!dot || dot == host.p || host.len > HOST_MAX || host.p + host.len - dot < 3 ||
	    !is_letter(dot[1]) || is_digit(dot[1]))
		return false;
	if (++t->probe_cnt > URI_TEXT_PROBES)
		return false;
	for (size_t i = 0; i < host.len; i++)
		lower[i] = ascii_lower(host.p[i]);
	return url_has_known_suffix(t->env, span(lower, host.len));
}

/* Labels of 1 to 63 letters, digits, '-' and '_', neither '-' at their ends nor '_' in the last two. */
static bool
is_host(struct span host)
{
	unsigned label_cnt = 0;
	struct span rest = host;

	while (host.len > 0 && host.p[host.len - 1] == '.')
		host.len--;
	if (host.len > HOST_MAX)
		return false;
	for (rest = host; rest.len > 0; label_cnt++) { /* from the last label on */
		const char *dot = memrchr(rest.p, '.', rest.len);
		struct span label = dot ? span_skip(rest, (size_t)(dot - rest.p) + 1) : rest;

		if (label.len == 0 || label.len > 63 || label.p[0] == '-' ||
		    label.p[label.len - 1] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!is_word(label.p[i]) && label.p[i] != '-')
				return false;
		if (label_cnt < 2 && memchr(label.p, '_', label.len))
			return false;
		if (dot == rest.p)
			return false;
		rest.len = dot ? (size_t)(dot - rest.p) : 0;
	}
	return label_cnt > 1;
}

/* A host that stands alone, its port and path. What is inside a host has none of the marks before it: each is read once. */
static size_t
without_scheme(struct uri_text *t, const struct word *w, size_t p)
{
	const char *s = w->text.p;
	size_t end = p, digits = 0;
	struct span host;

	if ((p > 0 && !(mark_of(s[p - 1]) & M_BEFORE_HOST)) || !is_letter(s[p]))
		return 0;
	while (end < w->end &&
	       (is_letter(s[end]) || s[end] == '.' || s[end] == '_' || s[end] == '-'))
		end++;
	host = span(s + p, end - p);
	if (host.len > 1 && s[end - 1] == '.')
		host.len--;
	if (end < w->end && s[end] == ':') {
		while (digits < 5 && end + 1 + digits < w->end && is_digit(s[end + 1 + digits]))
			digits++;
		end += digits ? digits + 1 : 0;
	}
	if (end < w->end && (s[end] != '/' || w->end - end - 1 == 0 || w->end - end - 1 > REST_MAX))
		return 0;
	return ends_in_suffix(t, host) && is_host(host) ? w->end : 0;
}

/* ---- what was found ---- */

static bool
is_address(struct span s)
{
	struct addr a;

	return addr_parse(s, &a);
}

/* What stands behind the "@" of "mailto:a@b?…"; "" when there are more of them. */
static struct span
mail_host(struct span s)
{
	const char *query = memchr(s.p, '?', s.len), *at;

	s.len = query ? (size_t)(query - s.p) : s.len;
	at = memrchr(s.p, '@', s.len);
	if (!at || memchr(s.p, '@', (size_t)(at - s.p)))
		return span("", 0);
	return span_skip(s, (size_t)(at - s.p) + 1);
}

/* Without scheme, path, user and port. */
static struct span
url_host(struct span s)
{
	const char *at;
	size_t n = 0;

	while (n < s.len && is_letter(s.p[n]) && !is_digit(s.p[n]))
		n++;
	if (n > 0 && n < s.len && s.p[n] == ':')
		s = span_skip(s, n + 1);
	for (unsigned i = 0; i < 2 && s.len > 0 && s.p[0] == '/'; i++)
		s = span_skip(s, 1);
	for (n = 0; n < s.len && !strchr("/?#", s.p[n]); n++)
		;
	s.len = n;
	at = memrchr(s.p, '@', s.len);
	s = at ? span_skip(s, (size_t)(at - s.p) + 1) : s;
	for (n = s.len; n > 0 && is_digit(s.p[n - 1]); n--)
		;
	s.len = n > 0 && s.p[n - 1] == ':' ? n - 1 : s.len;
	return s;
}

struct judged {
	struct uri_text *t;
	bool has_host;
};

/* Has a form a host that can be looked up? As uri_to_domain() takes it. */
static void
judge(void *ctx, struct span s)
{
	struct judged *j = ctx;

	if (j->has_host || starts(s, "javascript:") || starts(s, "cid:") || starts(s, "file:"))
		return;
	s = starts(s, "mailto:") ? mail_host(s) : url_host(s);
	j->has_host = is_address(s) || (is_host(s) && ends_in_suffix(j->t, s));
}

static void
add(struct uri_text *t, const char *scheme, struct span uri)
{
	char with[URI_FORM_MAX + 8];
	struct judged j = { .t = t };
	size_t n = strlen(scheme);

	uri.len = MIN(uri.len, (size_t)URI_FORM_MAX);
	memcpy(with, scheme, n);
	memcpy(with + n, uri.p, uri.len);
	uri = span(with, n + uri.len);
	uri_forms(uri, judge, &j);
	if (j.has_host)
		t->fn(t->ctx, uri);
}

/* An address that a mail program makes a link of. */
static void
add_mail(struct uri_text *t, struct span uri)
{
	static const char *const misparses[] = { "skype", "e-mail", "email", "-mail", "mail" };
	const char *at = memchr(uri.p, '@', uri.len);
	size_t n = 0;

	/* A dot that is not the first character behind the '@'. */
	if (!at || uri.p + uri.len - at < 3 ||
	    !memchr(at + 2, '.', (size_t)(uri.p + uri.len - at - 2)) ||
	    memmem(uri.p, uri.len, "&nbsp;", 6))
		return;
	for (size_t i = 0; i < ARRAY_LEN(misparses) && n == 0; i++)
		if (starts(uri, misparses[i]) && uri.len > strlen(misparses[i]) &&
		    uri.p[strlen(misparses[i])] == ':')
			n = strlen(misparses[i]);
	if (n > 0 || uri.p[0] == ':') {
		uri = span_skip(uri, n);
		while (uri.len > 0 && uri.p[0] == ':')
			uri = span_skip(uri, 1);
	}
	add(t, "mailto:", uri);
}

/* "/" somewhere before an "@", with something between. */
static bool
has_path_before_at(struct span s)
{
	const char *slash = memchr(s.p, '/', s.len), *at = memrchr(s.p, '@', s.len);

	return slash && at && at > slash + 1;
}

static bool
is_empty(struct span s)
{
	size_t n = 0, slashes = 0;

	while (n < s.len && is_word(s.p[n]))
		n++;
	if (n == 0 || n == s.len || s.p[n] != ':')
		return false;
	while (n + 1 + slashes < s.len && s.p[n + 1 + slashes] == '/')
		slashes++;
	return slashes <= 2 && n + 1 + slashes == s.len;
}

static void
found(struct uri_text *t, struct span s, bool is_mail)
{
	static const char ignored[] = "-~!@#^&*()_+=:;'?,.";
	const char *open = memchr(s.p, '(', s.len);
	const char *close = memrchr(s.p, ')', open ? (size_t)(open - s.p) : s.len);

	if (close)
		s.len = (size_t)(close - s.p);
	while (s.len > 0 && strchr(ignored, s.p[s.len - 1]))
		s.len--;
	if (s.len == 0 || (is_mail && !memchr(s.p, '@', s.len)) || starts(s, "cid:") ||
	    starts(s, "mid:") || is_empty(s))
		return;
	if (starts(s, "http:") || starts(s, "https:") || starts(s, "ftp:") || starts(s, "mailto:"))
		add(t, "", s);
	else if (starts(s, "ftp."))
		add(t, "ftp://", s);
	else if (known_begin(s) > 0 || has_path_before_at(s))
		add(t, "http://", s);
	else if (memchr(s.p, '@', s.len))
		add_mail(t, s);
	else if (memchr(s.p, '.', s.len))
		add(t, "http://", s);
}

static void
in_word(struct uri_text *t, struct word *w, size_t p)
{
	look_for_at(w, p);
	while (p < w->end) {
		size_t end = 0;
		bool is_mail = false;

		if (may_begin(w, p)) {
			end = with_scheme(w, p);
			is_mail = end == 0 && (end = as_mail(w, p)) > 0;
			if (end == 0)
				end = without_scheme(t, w, p);
		}
		if (end > 0)
			found(t, span(w->text.p + p, end - p), is_mail);
		p = end > 0 ? end : p + 1;
	}
}

/* Where the next '.', ':' or '@' is from p on; s.len: there is none. */
static size_t
next_sign(struct span s, size_t p)
{
	for (; p < s.len; p += BLOCK64) {
		size_t n = MIN(s.len - p, (size_t)BLOCK64);
		struct block64 b =
		        n < BLOCK64 ? block64_load_part(s.p + p, n) : block64_load(s.p + p);
		uint64_t m = block64_is(b, '.') | block64_is(b, ':') | block64_is(b, '@');

		if (m)
			return p + clear_run(m);
	}
	return s.len;
}

/* A word without a sign is no URI, nor is one whose only sign ends it. */
void
uri_text_find(struct uri_text *t, struct span s)
{
	for (size_t p = 0, end; p < s.len; p = end) {
		size_t sign = next_sign(s, p), from = sign;

		for (end = sign; end < s.len && !(mark_of(s.p[end]) & M_END); end++)
			;
		if (end <= sign + 1)
			continue;
		while (from > p && !(mark_of(s.p[from - 1]) & M_END))
			from--;
		in_word(t, &(struct word){ .text = s, .end = end }, from);
	}
}
