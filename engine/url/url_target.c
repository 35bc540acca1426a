/* SPDX-License-Identifier: BSD-3-Clause
 * url_target.c - targets inside a URL, and URLs inside code that stands where a link should
 */
#include "engine/url/url_target.h"
#include "engine/url/url_env.h"
#include "engine/url/url_host.h"

#define CODE_MAX      4096 /* bytes of a javascript: or data: link that are looked at */
#define CODE_URLS_MAX 16

/* clang-format off */
/* Sorted. Parameters that are named after what they hold: the page a click goes to, or goes back to. */
static const char *const names[] = {
	"continue", "continueto", "dest", "destination", "forward", "go", "goto", "link", "next", "nexturl", "out", "redir", "redirect",
	"redirect_to", "redirect_uri", "redirect_url", "redirecturi", "redirecturl", "return", "return_to", "return_url", "returnto",
	"returnurl", "rurl", "target", "to", "u", "uri", "url",
};
/* Sorted. Suffixes that are also endings of files: "next=setup.py" names no host. */
static const char *const endings[] = { "do", "md", "mov", "pl", "ps", "py", "rs", "sh", "so", "zip" };
/* clang-format on */

static bool
begins(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len >= n && span_ieq(span(s.p, n), span(z, n));
}

static bool
is_slash(char c)
{
	return c == '/' || c == '\\';
}

static bool
in_list(const char *const *list, size_t cnt, struct span s)
{
	for (size_t i = 0; i < cnt; i++)
		if (span_ieq_z(s, list[i]))
			return true;
	return false;
}

/* Percent codes of v undone once, into tmp. */
static struct span
percent_decode(struct span v, char *tmp, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < v.len && n < cap; i++) {
		int c = url_percent(v, i);

		tmp[n++] = (char)(c >= 0 ? c : v.p[i]);
		i += c >= 0 ? 2 : 0;
	}
	return span(tmp, n);
}

static int
sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Base64 of both alphabets up to the first other character. */
static struct span
base64_decode(struct span v, char *tmp, size_t cap)
{
	uint32_t bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < v.len && n < cap && sextet(v.p[i]) >= 0; i++) {
		bits = bits << 6 | (uint32_t)sextet(v.p[i]);
		if (i % 4 > 0)
			tmp[n++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	return span(tmp, n);
}

/* The first "http://" or "https://" in s; len 0 without. */
static struct span
find_scheme(struct span s)
{
	for (size_t i = 0; i + 7 < s.len; i++)
		if ((s.p[i] | 32) == 'h' &&
		    (begins(span_skip(s, i), "http://") || begins(span_skip(s, i), "https://")))
			return span_skip(s, i);
	return span(s.p, 0);
}

/* "aHR0cDovL…", "aHR0cHM6Ly…": base64 of http:// and https://; len 0 without. */
static struct span
find_coded_scheme(struct span s)
{
	const char *at = s.p, *end = s.p + s.len;

	while ((at = memmem(at, (size_t)(end - at), "aHR0c", 5))) {
		struct span found = span(at, (size_t)(end - at));

		if (found.len > 12 && (!memcmp(at + 5, "DovL", 4) || !memcmp(at + 5, "HM6Ly", 5)))
			return found;
		at++;
	}
	return span(s.p, 0);
}

/* Does a parameter's value look like a host without scheme? */
static bool
is_bare_target(struct url_env *e, struct span v)
{
	char lower[URL_HOST_MAX];
	const char *dot;
	size_t n = 0;

	while (n < v.len && !is_slash(v.p[n]) && v.p[n] != '?' && v.p[n] != '#' && v.p[n] != ':')
		n++;
	if (n <= 3 || n > sizeof(lower) || memchr(v.p, '@', n))
		return false;
	for (size_t i = 0; i < n; i++)
		lower[i] = ascii_lower(v.p[i]);
	v = span(lower, n);
	dot = memrchr(v.p, '.', v.len);
	return dot &&
	       !in_list(endings, ARRAY_LEN(endings), span_skip(v, (size_t)(dot - v.p) + 1)) &&
	       url_has_known_suffix(e, v) && url_registrable(e, v).len > 0;
}

struct inside { /* what all targets of one URL share */
	struct url_set *set;
	uint32_t extra, part;
	unsigned depth;
};

static struct url *
add_target(const struct inside *in, struct span raw)
{
	return url_add_at(in->set, raw, in->extra, in->part, in->depth);
}

static struct url *
coded_target(const struct inside *in, struct span v)
{
	char tmp[URL_MAX];
	struct span found = find_coded_scheme(v);

	return found.len > 0 ? add_target(in, base64_decode(found, tmp, sizeof(tmp))) : NULL;
}

static struct url *
bare_target(const struct inside *in, struct span v)
{
	char bare[URL_MAX + 2] = "//";

	while (v.len > 0 && is_slash(v.p[0]))
		v = span_skip(v, 1);
	if (v.len > URL_MAX || !is_bare_target(in->set->env, v))
		return NULL;
	memcpy(bare + 2, v.p, v.len);
	return add_target(in, span(bare, v.len + 2));
}

/* A target in one piece: a parameter's value, or the path. Returns its entry. */
static struct url *
target_in(const struct inside *in, struct span piece, bool may_be_bare)
{
	char tmp[2][URL_MAX];
	struct span v = piece, found;
	struct url *u;

	for (unsigned i = 0; i < URL_REDIRECTS_MAX; i++) { /* coded once, twice … */
		found = find_scheme(v);
		if (found.len > 0)
			return add_target(in, found);
		if (!memchr(v.p, '%', v.len))
			break;
		v = percent_decode(v, tmp[i & 1], sizeof(tmp[0]));
	}
	u = coded_target(in, v);
	if (!u && may_be_bare)
		u = begins(v, "http:") || begins(v, "https:") ? add_target(in, v)
		                                              : bare_target(in, v);
	return u;
}

/* "https-3A__evil.example_x": '-' for '%', '_' for '/'. */
static struct url *
proofpoint_target(const struct inside *in, struct span v)
{
	char tmp[URL_MAX];
	size_t n = MIN(v.len, sizeof(tmp));

	if (!begins(v, "http-3A__") && !begins(v, "https-3A__"))
		return NULL;
	for (size_t i = 0; i < n; i++)
		tmp[i] = v.p[i] == '-' ? '%' : v.p[i] == '_' ? '/' : v.p[i];
	return target_in(in, span(tmp, n), false);
}

/* Version 3: "/v3/__https:/evil.example/x__;…": the slashes of the scheme may have become one. */
static struct url *
urldefense_target(const struct inside *in, struct span path)
{
	const char *at = memmem(path.p, path.len, "/__http", 7), *end;

	if (!at)
		return NULL;
	path = span_skip(path, (size_t)(at - path.p) + 3);
	end = memmem(path.p, path.len, "__;", 3);
	path.len = end ? (size_t)(end - path.p) : path.len;
	return add_target(in, path);
}

static struct url *
parameter_target(const struct inside *in, struct span one, bool is_redirector)
{
	const char *eq = memchr(one.p, '=', one.len);
	struct span name = span(one.p, eq ? (size_t)(eq - one.p) : 0);
	struct span value = eq ? span_skip(one, name.len + 1) : one;
	struct url *u = is_redirector ? proofpoint_target(in, value) : NULL;
	bool may_be_bare = is_redirector;

	if (u)
		return u;
	if (memchr(value.p, '.', value.len) || memchr(value.p, '%', value.len))
		may_be_bare |= in_list(names, ARRAY_LEN(names), name);
	return target_in(in, value, may_be_bare);
}

struct span
url_targets(struct url_set *s, const struct url *u, struct span path, uint32_t extra, uint32_t part,
            unsigned depth)
{
	const struct inside in = { s, extra, part, depth };
	const char *q = memchr(path.p, '?', path.len);
	struct span query = q ? span_skip(path, (size_t)(q - path.p) + 1) : span(path.p, 0);
	bool is_redirector = query.len > 0 && url_is_redirector(u->registrable);
	struct span first = span("", 0);
	struct url *t;

	if (span_is(u->registrable, "urldefense.com")) {
		t = urldefense_target(&in, path);
		if (t)
			return t->canonical;
	}
	path.len -= query.len;
	t = find_scheme(path).len > 0
	            ? add_target(&in, find_scheme(span(path.p, path.len + query.len)))
	            : target_in(&in, path, false);
	if (t)
		first = t->canonical;
	while (query.len > 0) {
		const char *amp = memchr(query.p, '&', query.len);
		struct span one = span(query.p, amp ? (size_t)(amp - query.p) : query.len);

		query = span_skip(query, amp ? one.len + 1 : one.len);
		t = parameter_target(&in, one, is_redirector);
		if (t && first.len == 0)
			first = t->canonical;
	}
	return first;
}

/* ---- code ---- */

/* What is run or shown when the link is followed; pictures are not. */
static bool
is_code(struct span raw)
{
	static const char *const types[] = { "text/html", "text/xml", "application/xhtml+xml",
		                             "image/svg+xml" };

	if (begins(raw, "javascript:") || begins(raw, "vbscript:"))
		return true;
	if (!begins(raw, "data:"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (begins(span_skip(raw, 5), types[i]))
			return true;
	return false;
}

static struct span
decoded_code(struct span raw, char *tmp)
{
	const char *comma = memchr(raw.p, ',', MIN(raw.len, (size_t)128));
	size_t n = comma ? (size_t)(comma - raw.p) : 0;

	if (begins(raw, "data:") && n > 7 && span_ieq_z(span(comma - 7, 7), ";base64"))
		return base64_decode(span_skip(raw, n + 1), tmp, CODE_MAX);
	return percent_decode(raw, tmp, CODE_MAX);
}

bool
url_add_code(struct url_set *s, struct span raw, uint32_t extra, uint32_t part)
{
	char tmp[CODE_MAX];
	struct span code;

	if (!is_code(raw))
		return false;
	raw.len = MIN(raw.len, (size_t)CODE_MAX);
	code = find_scheme(decoded_code(raw, tmp));
	for (unsigned i = 0; i < CODE_URLS_MAX && code.len > 0; i++) {
		size_t n = 0;

		while (n < code.len && (unsigned char)code.p[n] > ' ' &&
		       !memchr("\"'<>)`\\", code.p[n], 7))
			n++;
		url_add(s, span(code.p, n), extra | URL_F_FROM_REDIRECT, part);
		code = find_scheme(span_skip(code, n));
	}
	return true;
}
