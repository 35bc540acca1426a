/* SPDX-License-Identifier: BSD-3-Clause
 * url.c - one URL as written to its entry: canonical form, host, registrable domain, targets inside
 *
 * Why     Browsers repair much (tabs, backslashes, missing slashes, numbers for hosts); what they would open is what
 *         lists must see.
 */
#include "engine/url/url.h"
#include "engine/url/url_env.h"
#include "engine/url/url_host.h"
#include "engine/url/url_name.h"

#define CANONICAL_MAX (URL_MAX + URL_HOST_MAX + 32)

struct parts {
	struct span userinfo, host, port, path; /* path with query, no fragment */
	bool is_https, is_ftp;
};

struct text {
	char *p;
	size_t len, cap;
	bool is_cut;
};

void
url_set_init(struct url_set *s, struct url_env *e)
{
	s->env = e;
	s->cnt = 1; /* for reset to clear the slots */
	url_set_reset(s);
}

void
url_set_reset(struct url_set *s)
{
	if (s->cnt > 0)
		memset(s->slot, 0, sizeof(s->slot));
	s->cnt = s->overflow_cnt = s->probe_cnt = 0;
	s->used = 0;
}

static void
put(struct text *t, const char *p, size_t n)
{
	if (n > t->cap - t->len) {
		t->is_cut = true;
		n = t->cap - t->len;
	}
	memcpy(t->p + t->len, p, n);
	t->len += n;
}

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

static struct span
trim(struct span s)
{
	while (s.len > 0 && (unsigned char)s.p[0] <= ' ')
		s = span_skip(s, 1);
	while (s.len > 0 && (unsigned char)s.p[s.len - 1] <= ' ')
		s.len--;
	return s;
}

/* Cut "scheme:" off; false when it is not one of ours. */
static bool
split_scheme(struct span *s, struct parts *u)
{
	u->is_https = begins(*s, "https:");
	u->is_ftp = begins(*s, "ftp:");
	if (u->is_https)
		*s = span_skip(*s, 6);
	else if (begins(*s, "http:"))
		*s = span_skip(*s, 5);
	else if (u->is_ftp)
		*s = span_skip(*s, 4);
	else if (s->len < 2 || !is_slash(s->p[0]) || !is_slash(s->p[1]))
		return false;
	while (s->len > 0 && is_slash(s->p[0])) /* any number of slashes, of both kinds, none too */
		*s = span_skip(*s, 1);
	return s->len > 0;
}

static bool
split(struct span s, struct parts *u)
{
	size_t n = 0, at, colon;
	const char *hash;

	if (!split_scheme(&s, u))
		return false;
	while (n < s.len && !is_slash(s.p[n]) && s.p[n] != '?' && s.p[n] != '#')
		n++;
	u->path = span_skip(s, n);
	hash = memchr(u->path.p, '#', u->path.len);
	if (hash)
		u->path.len = (size_t)(hash - u->path.p);
	for (at = n; at > 0 && s.p[at - 1] != '@'; at--)
		;
	u->userinfo = span(s.p, at ? at - 1 : 0);
	u->host = span(s.p + at, n - at);
	u->port = span(s.p + n, 0);
	for (colon = u->host.len;
	     colon > 0 && u->host.p[colon - 1] >= '0' && u->host.p[colon - 1] <= '9'; colon--)
		;
	if (colon > 0 && u->host.p[colon - 1] == ':') {
		u->port = span_skip(u->host, colon);
		u->host.len = colon - 1;
	}
	return u->host.len > 0;
}

static bool
is_unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

/* "." and ".." as the segment that ends here; t->p[root] is the '/' of the host. */
static void
end_segment(struct text *t, size_t root)
{
	size_t from = t->len;

	while (from > root && t->p[from - 1] != '/')
		from--;
	if (span_is(span(t->p + from, t->len - from), ".")) {
		t->len = from;
	} else if (span_is(span(t->p + from, t->len - from), "..")) {
		if (from > root + 1)
			for (from--; from > root + 1 && t->p[from - 1] != '/'; from--)
				;
		t->len = MAX(from, root + 1);
	}
}

/* 1: goes into a canonical path as it is; 2: into a query only. */
static const uint8_t is_plain[256] = {
	['!' ... '$'] = 1, ['&' ... '.'] = 1, ['/'] = 2,  ['0' ... '>'] = 1,
	['?'] = 2,         ['@' ... '['] = 1, ['\\'] = 2, [']' ... '~'] = 1,
};

/* A '%' that begins no code becomes one: what is decoded behind it must not make it one the next time. */
static void
put_path(struct text *t, struct span path)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t root = t->len;
	bool in_query = false;

	if (path.len == 0 || path.p[0] == '?')
		put(t, "/", 1);
	for (size_t i = 0; i < path.len; i++) {
		size_t run = i;
		int code, c;

		while (run < path.len &&
		       (unsigned)is_plain[(unsigned char)path.p[run]] - 1u <= in_query)
			run++;
		if (run > i) {
			put(t, path.p + i, run - i);
			i = run - 1;
			continue;
		}
		code = url_percent(path, i);
		c = code >= 0 ? code : (unsigned char)path.p[i];

		if (code < 0 && !in_query && (is_slash((char)c) || c == '?')) {
			end_segment(t, root);
			in_query = c == '?';
			if (in_query || t->len == root || t->p[t->len - 1] != '/' ||
			    is_slash(path.p[i - 1]))
				put(t, in_query ? "?" : "/", 1);
		} else if (code >= 0 ? is_unreserved(c) : c > ' ' && c < 127 && c != '%') {
			char ch = (char)c;

			put(t, &ch, 1);
		} else {
			char three[3] = { '%', digits[c >> 4], digits[c & 15] };

			put(t, three, 3);
		}
		i += code >= 0 ? 2 : 0;
	}
	if (!in_query)
		end_segment(t, root);
}

static struct span
keep(struct url_set *s, struct span text)
{
	char *to = s->buf + s->used;

	memcpy(to, text.p, text.len);
	s->used += text.len;
	return span(to, text.len);
}

/* The entry with this canonical form, or the empty slot where it would be. */
static uint16_t *
find_slot(struct url_set *s, struct span canonical)
{
	uint32_t h = url_hash(canonical) % ARRAY_LEN(s->slot);

	for (; s->slot[h]; h = (h + 1) % ARRAY_LEN(s->slot))
		if (span_eq(s->url[s->slot[h] - 1].canonical, canonical))
			break;
	return &s->slot[h];
}

static void
put_authority(struct text *t, const struct parts *u, const struct url_host *h, uint32_t *flags)
{
	static const struct span http = { "http://", 7 }, https = { "https://", 8 },
	                         ftp = { "ftp://", 6 };
	struct span scheme = u->is_https ? https : u->is_ftp ? ftp : http, port = u->port;

	put(t, scheme.p, scheme.len);
	put(t, h->ascii, h->ascii_len);
	while (port.len > 1 && port.p[0] == '0')
		port = span_skip(port, 1);
	if (port.len > 0 && !span_is(port, u->is_https ? "443" : u->is_ftp ? "21" : "80")) {
		put(t, ":", 1);
		put(t, port.p, MIN(port.len, (size_t)6));
		*flags |= URL_F_PORT;
	}
}

/* A new entry, or NULL: no room. */
static struct url *
new_entry(struct url_set *s, uint16_t *slot, struct span raw, struct span canonical,
          const struct url_host *h)
{
	struct url *u = &s->url[s->cnt];

	if (s->cnt == URLS_PER_MAIL_MAX ||
	    sizeof(s->buf) - s->used < raw.len + canonical.len + h->ascii_len + h->utf8_len) {
		s->overflow_cnt++;
		return NULL;
	}
	memset(u, 0, sizeof(*u));
	u->raw = keep(s, raw);
	u->canonical = keep(s, canonical);
	u->host = keep(s, span(h->ascii, h->ascii_len));
	u->host_utf8 = h->utf8_len ? keep(s, span(h->utf8, h->utf8_len)) : u->host;
	u->registrable = span(u->host.p, 0);
	u->redirect_to = span("", 0);
	if (h->flags & URL_F_NUMERIC)
		u->registrable = u->host;
	else if (!(h->flags & URL_F_BAD_HOST))
		u->registrable = url_registrable(s->env, u->host);
	if (!(h->flags & (URL_F_NUMERIC | URL_F_BAD_HOST)) &&
	    !url_has_known_suffix(s->env, u->host))
		u->flags |= URL_F_UNKNOWN_SUFFIX;
	if (u->registrable.len > 0 && !(h->flags & URL_F_NUMERIC))
		u->flags |= url_name_flags(u->host, u->registrable);
	if (url_is_shortener(u->registrable))
		u->flags |= URL_F_SHORTENER;
	*slot = (uint16_t)++s->cnt;
	return u;
}

static struct url *add(struct url_set *s, struct span raw, uint32_t extra, uint32_t part,
                       unsigned depth);

/* Percent codes of value undone once, into tmp. */
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

/* The first "http://" or "https://" in s from from on; len 0 without. */
static struct span
find_scheme(struct span s)
{
	for (size_t i = 0; i + 7 < s.len; i++)
		if ((s.p[i] | 32) == 'h' &&
		    (begins(span_skip(s, i), "http://") || begins(span_skip(s, i), "https://")))
			return span_skip(s, i);
	return span(s.p, 0);
}

/* Does a redirector's parameter look like a host without scheme? */
static bool
is_bare_target(struct url_env *e, struct span v)
{
	size_t n = 0;

	while (n < v.len && !is_slash(v.p[n]) && v.p[n] != '?' && v.p[n] != '#' && v.p[n] != ':')
		n++;
	v.len = n;
	return v.len > 3 && memchr(v.p, '.', v.len) && !memchr(v.p, '@', v.len) &&
	       url_has_known_suffix(e, v) && url_registrable(e, v).len > 0;
}

/* Targets in one piece (a parameter's value, or the path). Returns the first one's entry. */
static struct url *
target_in(struct url_set *s, struct span piece, bool may_be_bare, uint32_t extra, uint32_t part,
          unsigned depth)
{
	char tmp[2][URL_MAX + 2];
	struct span v = piece, found;

	for (unsigned i = 0; i < URL_REDIRECTS_MAX; i++) { /* coded once, twice … */
		found = find_scheme(v);
		if (found.len > 0)
			return add(s, found, extra, part, depth);
		if (!memchr(v.p, '%', v.len))
			break;
		v = percent_decode(v, tmp[i & 1] + 2, URL_MAX);
	}
	if (!may_be_bare || v.len > URL_MAX || !is_bare_target(s->env, v))
		return NULL;
	char bare[URL_MAX + 2] = "//";

	memcpy(bare + 2, v.p, v.len);
	return add(s, span(bare, v.len + 2), extra, part, depth);
}

static struct span
find_targets(struct url_set *s, const struct url *u, struct span path, uint32_t extra,
             uint32_t part, unsigned depth)
{
	const char *q = memchr(path.p, '?', path.len);
	struct span query = q ? span_skip(path, (size_t)(q - path.p) + 1) : span(path.p, 0);
	bool is_known = query.len > 0 && url_is_redirector(u->registrable);
	struct span first = span("", 0);
	struct url *t;

	path.len -= query.len;
	t = find_scheme(path).len > 0
	            ? add(s, find_scheme(span(path.p, path.len + query.len)), extra, part, depth)
	            : target_in(s, path, false, extra, part, depth);
	if (t)
		first = t->canonical;
	while (query.len > 0) {
		const char *amp = memchr(query.p, '&', query.len);
		struct span one = span(query.p, amp ? (size_t)(amp - query.p) : query.len);
		const char *eq = memchr(one.p, '=', one.len);

		query = span_skip(query, amp ? one.len + 1 : one.len);
		t = target_in(s, eq ? span_skip(one, (size_t)(eq - one.p) + 1) : one, is_known,
		              extra, part, depth);
		if (t && first.len == 0)
			first = t->canonical;
	}
	return first;
}

static struct url *
add(struct url_set *s, struct span raw, uint32_t extra, uint32_t part, unsigned depth)
{
	char canonical[CANONICAL_MAX];
	struct text t = { canonical, 0, sizeof(canonical), false };
	struct parts p;
	struct url_host h;
	uint16_t *slot;
	struct url *u;
	uint32_t flags = extra;

	raw = trim(raw);
	flags |= raw.len > URL_MAX ? URL_F_CUT : 0;
	raw.len = MIN(raw.len, (size_t)URL_MAX);
	if (!split(raw, &p))
		return NULL;
	url_host_read(p.host, &h);
	flags |= h.flags | (p.userinfo.len > 0 ? URL_F_USERINFO : 0);
	put_authority(&t, &p, &h, &flags);
	put_path(&t, p.path);
	flags |= t.is_cut ? URL_F_CUT : 0;
	slot = find_slot(s, span(canonical, t.len));
	if (*slot) {
		u = &s->url[*slot - 1];
		u->flags |= flags;
		return u;
	}
	u = new_entry(s, slot, raw, span(canonical, t.len), &h);
	if (!u)
		return NULL;
	u->flags |= flags;
	u->part = part;
	if (depth < URL_REDIRECTS_MAX && p.path.len > 7) {
		uint32_t inner = (extra & URL_F_HIDDEN) | URL_F_FROM_REDIRECT;

		u->redirect_to = find_targets(s, u, p.path, inner, part, depth + 1);
		u->flags |= u->redirect_to.len > 0 ? URL_F_REDIRECTOR : 0;
	}
	return u;
}

const struct url *
url_add(struct url_set *s, struct span raw, uint32_t extra, uint32_t part)
{
	return add(s, raw, extra, part, 0);
}

const char *
url_flag_name(unsigned bit)
{
	static const char *const names[] = {
		"numeric",        "obfuscated_host", "userinfo",      "idn",    "mixed_script",
		"shortener",      "redirector",      "schemeless",    "hidden", "port",
		"from_text",      "from_attr",       "from_redirect", "cut",    "bad_host",
		"unknown_suffix", "from_document",   "brand",         "fresh",
	};

	return bit < ARRAY_LEN(names) ? names[bit] : NULL;
}
