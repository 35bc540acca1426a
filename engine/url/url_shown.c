/* SPDX-License-Identifier: BSD-3-Clause
 * url_shown.c - the host that a link's text names, and the hosts that the link leads to
 */
#include "engine/url/url_shown.h"
#include "engine/url/url_env.h"
#include "engine/url/url_host.h"
#include "engine/url/url_target.h"

void
url_shown_reset(struct url_shown *s, struct url_set *set)
{
	s->set = set;
	s->link = 0;
	s->len = 0;
}

void
url_shown_begin(struct url_shown *s, const struct url *u)
{
	url_shown_end(s);
	s->link = u ? (unsigned)(u - s->set->url) + 1 : 0;
	s->len = 0;
}

void
url_shown_feed(struct url_shown *s, struct span text)
{
	size_t n = MIN(text.len, sizeof(s->text) - s->len);

	if (s->link == 0)
		return;
	memcpy(s->text + s->len, text.p, n);
	s->len += n;
}

static bool
is_white(char c)
{
	return (unsigned char)c <= ' ';
}

static bool
begins(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len >= n && span_ieq(span(s.p, n), span(z, n));
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

/* From behind "//" to what ends a host; without user and port. */
static struct span
host_of(struct span s)
{
	size_t n = 0;
	const char *at;

	while (n < s.len && !is_white(s.p[n]) && !memchr("/\\?#<>\"'()[]{},;|", s.p[n], 17))
		n++;
	s.len = n;
	at = memrchr(s.p, '@', s.len);
	if (at)
		s = span_skip(s, (size_t)(at - s.p) + 1);
	at = memchr(s.p, ':', s.len);
	s.len = at ? (size_t)(at - s.p) : s.len;
	return s;
}

/* The host that the text claims; len 0: it claims none. */
static struct span
claimed_host(struct span text)
{
	struct span none = span("", 0), host;

	text = trim(text);
	for (size_t i = 0; i + 7 < text.len; i++) {
		struct span rest = span_skip(text, i);

		if ((rest.p[0] | 32) != 'h')
			continue;
		if (begins(rest, "http://"))
			return host_of(span_skip(rest, 7));
		if (begins(rest, "https://"))
			return host_of(span_skip(rest, 8));
	}
	for (size_t i = 0; i < text.len; i++)
		if (is_white(text.p[i]) || text.p[i] == '@')
			return none;
	host = host_of(text);
	return begins(host, "www.") || (host.len < text.len && text.p[host.len] == '/') ? host
	                                                                                : none;
}

/* What lists know a host by; len 0: not a host under a suffix we know. */
static struct span
known_name(struct url_set *set, struct span host, struct url_host *h)
{
	struct span name;

	if (host.len < 4 || !url_host_read(host, h))
		return span("", 0);
	name = span(h->ascii, h->ascii_len);
	if (h->flags & URL_F_NUMERIC)
		return name;
	return url_has_known_suffix(set->env, name) ? url_registrable(set->env, name) : span("", 0);
}

void
url_shown_end(struct url_shown *s)
{
	struct url *link = s->link ? &s->set->url[s->link - 1] : NULL, *u = link;
	struct url_host h;
	struct span shown;

	s->link = 0;
	if (!link)
		return;
	shown = claimed_host(span(s->text, s->len));
	if (shown.len == 0 || shown.p + shown.len == s->text + sizeof(s->text)) /* it may be cut */
		return;
	shown = known_name(s->set, shown, &h);
	if (shown.len == 0 || url_is_shortener(shown)) /* youtu.be stands for another */
		return;
	for (unsigned i = 0; u && i <= URL_REDIRECTS_MAX; i++) {
		if (span_eq(u->registrable, shown))
			return;
		u = u->redirect_to.len ? url_of_canonical(s->set, u->redirect_to) : NULL;
	}
	link->flags |= URL_F_MISMATCH;
}
