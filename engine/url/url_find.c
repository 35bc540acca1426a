/* SPDX-License-Identifier: BSD-3-Clause
 * url_find.c - words of shown text that are URLs
 *
 * Why     A word is what stands between white space and < > " and the like. Only a word with "." or ":" inside can be one;
 *         most words are passed after a glance.
 */
#include "engine/url/url.h"
#include "base/block64.h"

/* 1: ends a word. Bytes >= 0x80 do not (internationalised names), but for a few typographic marks see trim_word(). */
static const bool is_delimiter[256] = {
	[0 ... ' '] = true, ['<'] = true, ['>'] = true, ['"'] = true, ['`'] = true,
	['{'] = true,       ['}'] = true, ['|'] = true, ['^'] = true, [127] = true,
};

void
url_finder_begin(struct url_finder *f, struct url_set *s, uint32_t part, uint32_t extra)
{
	f->set = s;
	f->part = part;
	f->extra = extra | URL_F_FROM_TEXT;
	f->carry_len = 0;
	f->is_cut = false;
}

static bool
begins(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len >= n && span_ieq(span(s.p, n), span(z, n));
}

/* Marks that end a sentence or a bracket are not part of a URL; nor are typographic quotes. */
static struct span
trim_end(struct span w)
{
	for (;;) {
		if (w.len > 0 && strchr(".,;:!?)]'*_", w.p[w.len - 1])) {
			if (w.p[w.len - 1] == ')' && memchr(w.p, '(', w.len))
				return w;
			w.len--;
		} else if (w.len > 2 && (!memcmp(w.p + w.len - 3, "\xe2\x80\x9d", 3) ||
		                         !memcmp(w.p + w.len - 3, "\xe2\x80\x99", 3) ||
		                         !memcmp(w.p + w.len - 3, "\xe2\x80\xa6", 3) ||
		                         !memcmp(w.p + w.len - 3, "\xe3\x80\x82", 3))) {
			w.len -= 3;
		} else if (w.len > 1 && !memcmp(w.p + w.len - 2, "\xc2\xbb", 2)) {
			w.len -= 2;
		} else {
			return w;
		}
	}
}

/* Where a scheme begins inside the word; w.len when there is none. One that is glued to text before it counts. */
static size_t
find_scheme(struct span w)
{
	const char *colon = w.p, *end = w.p + w.len;

	while ((colon = memchr(colon, ':', (size_t)(end - colon)))) {
		size_t at = (size_t)(colon - w.p);

		if (end - colon > 3 && (colon[1] == '/' || colon[1] == '\\') &&
		    (colon[2] == '/' || colon[2] == '\\')) {
			if (at >= 5 && begins(span_skip(w, at - 5), "https"))
				return at - 5;
			if (at >= 4 && begins(span_skip(w, at - 4), "http"))
				return at - 4;
			if (at >= 3 && begins(span_skip(w, at - 3), "ftp"))
				return at - 3;
		}
		colon++;
	}
	return w.len;
}

static bool
is_host_byte(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' ||
	       c == '.' || c >= 0x80;
}

/* "www.x.example/y", "x.example": a host under a suffix we know, not an address or a file in a sentence. */
static void
try_schemeless(struct url_finder *f, struct span w)
{
	char buf[URL_MAX + 2] = "//";
	size_t n = 0, dots = 0;
	struct span host;

	while (w.len > 0 && !is_host_byte((unsigned char)w.p[0]))
		w = span_skip(w, 1);
	w = trim_end(w);
	for (; n < w.len && is_host_byte((unsigned char)w.p[n]); n++)
		dots += w.p[n] == '.';
	if (dots == 0 || n < 4 || w.p[0] == '.' || w.p[0] == '-' ||
	    (n < w.len && !strchr("/?#:", w.p[n])))
		return;
	host = span(w.p, n);
	while (host.len > 0 && host.p[host.len - 1] == '.')
		host.len--;
	if (host.len < 4 || host.len > 255)
		return;
	if (++f->set->probe_cnt > URL_PROBES_MAX) {
		f->set->overflow_cnt++;
		return;
	}
	for (size_t i = 0; i < host.len; i++)
		buf[2 + i] = ascii_lower(host.p[i]);
	if (!url_has_known_suffix(f->set->env, span(buf + 2, host.len)) ||
	    url_registrable(f->set->env, span(buf + 2, host.len)).len == 0)
		return;
	w.len = MIN(w.len, (size_t)URL_MAX);
	memcpy(buf + 2, w.p, w.len);
	const struct url *u =
	        url_add(f->set, span(buf, w.len + 2), f->extra | URL_F_SCHEMELESS, f->part);

	if (u && (u->flags & URL_F_SCHEMELESS) && u->raw.len == w.len + 2 &&
	    !memcmp(u->raw.p, "//", 2)) {
		struct url *e = &f->set->url[u - f->set->url];

		e->raw = span_skip(e->raw, 2); /* as it was written */
	}
}

static void
word(struct url_finder *f, struct span w, bool is_cut)
{
	size_t at;

	if (w.len < 4 || (!memchr(w.p, '.', w.len) && !memchr(w.p, ':', w.len)))
		return;
	at = find_scheme(w);
	if (at == w.len) {
		if (!memchr(w.p, '@', w.len))
			try_schemeless(f, w);
		return;
	}
	url_add(f->set, trim_end(span_skip(w, at)), f->extra | (is_cut ? URL_F_CUT : 0), f->part);
}

static void
carry_on(struct url_finder *f, struct span s)
{
	size_t room = MIN(s.len, sizeof(f->carry) - f->carry_len);

	memcpy(f->carry + f->carry_len, s.p, room);
	f->carry_len += (uint32_t)room;
	f->is_cut |= room < s.len;
}

static void
end_carry(struct url_finder *f)
{
	if (f->carry_len > 0)
		word(f, span(f->carry, f->carry_len), f->is_cut);
	f->carry_len = 0;
	f->is_cut = false;
}

/* Where the next "." or ":" is; s.len without. */
static size_t
next_mark(struct span s, size_t from)
{
	while (from < s.len) {
		bool is_part = s.len - from < BLOCK64;
		struct block64 b = is_part ? block64_load_part(s.p + from, s.len - from)
		                           : block64_load(s.p + from);
		uint64_t mark = block64_is(b, '.') | block64_is(b, ':');

		if (mark)
			return from + clear_run(mark);
		from += is_part ? s.len - from : BLOCK64;
	}
	return s.len;
}

static size_t
word_end(struct span s, size_t at)
{
	while (at < s.len && !is_delimiter[(unsigned char)s.p[at]])
		at++;
	return at;
}

/* The word that reaches to `at` begins there; nothing before `from` is looked at. */
static size_t
word_begin(struct span s, size_t from, size_t at)
{
	while (at > from && !is_delimiter[(unsigned char)s.p[at - 1]])
		at--;
	return at;
}

void
url_finder_feed(struct url_finder *f, struct span s)
{
	size_t at = 0, mark, end;

	if (f->carry_len > 0) {
		at = word_end(s, 0);
		carry_on(f, span(s.p, at));
		if (at == s.len)
			return;
		end_carry(f);
		at++;
	}
	for (; (mark = next_mark(s, at)) < s.len; at = end + 1) { /* at: the begin of a word */
		end = word_end(s, mark + 1);
		if (end == s.len)
			break;
		if (end == mark + 1) /* "word." or "word:" is no URL */
			continue;
		size_t begin = word_begin(s, at, mark), len = end - begin;

		word(f, span(s.p + begin, MIN(len, sizeof(f->carry))), len > sizeof(f->carry));
	}
	carry_on(f, span_skip(s, word_begin(s, at, s.len)));
}

void
url_finder_end(struct url_finder *f)
{
	end_carry(f);
}
