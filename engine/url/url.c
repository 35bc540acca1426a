/* SPDX-License-Identifier: BSD-3-Clause
 * url.c - one URL as written to its entry: canonical form, host, registrable domain
 *
 * Why     Browsers repair much (tabs, backslashes, missing slashes, numbers for hosts); what they would open is what
 *         lists must see.
 */
#include "engine/url/url.h"
#include "engine/url/url_env.h"
#include "engine/url/url_host.h"
#include "engine/url/url_name.h"
#include "engine/url/url_target.h"

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
		u->flags |= url_name_flags(u->host, u->registrable, u->host_utf8);
	if (url_is_shortener(u->registrable))
		u->flags |= URL_F_SHORTENER;
	*slot = (uint16_t)++s->cnt;
	return u;
}

struct url *
url_add_at(struct url_set *s, struct span raw, uint32_t extra, uint32_t part, unsigned depth)
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

		u->redirect_to = url_targets(s, u, p.path, inner, part, depth + 1);
		u->flags |= u->redirect_to.len > 0 ? URL_F_REDIRECTOR : 0;
	}
	return u;
}

struct url *
url_of_canonical(struct url_set *s, struct span canonical)
{
	uint16_t *slot = find_slot(s, canonical);

	return *slot ? &s->url[*slot - 1] : NULL;
}

const struct url *
url_add(struct url_set *s, struct span raw, uint32_t extra, uint32_t part)
{
	return url_add_at(s, raw, extra, part, 0);
}

const char *
url_flag_name(unsigned bit)
{
	static const char *const names[] = {
		"numeric",        "obfuscated_host", "userinfo",      "idn",    "mixed_script",
		"shortener",      "redirector",      "schemeless",    "hidden", "port",
		"from_text",      "from_attr",       "from_redirect", "cut",    "bad_host",
		"unknown_suffix", "from_document",   "brand",         "fresh",  "text_mismatch",
	};

	return bit < ARRAY_LEN(names) ? names[bit] : NULL;
}
