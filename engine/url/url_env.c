/* SPDX-License-Identifier: BSD-3-Clause
 * url_env.c - what is known about hosts: public suffixes, shorteners, redirectors
 */
#include "engine/url/url_env.h"
#include <libpsl.h>

struct url_env {
	psl_ctx_t *psl;
};

/* clang-format off */
/* Sorted. A starter list; longer ones are an operator's domain lists. */
static const char *const shorteners[] = {
	"adf.ly", "bit.do", "bit.ly", "bitly.com", "bl.ink", "buff.ly", "cli.gs", "cutt.ly", "db.tt", "dlvr.it", "fb.me",
	"forms.gle", "goo.gl", "goo.su", "is.gd", "j.mp", "lc.chat", "lnkd.in", "mcaf.ee", "n9.cl", "ow.ly", "qr.ae", "rb.gy",
	"rebrand.ly", "s.id", "short.io", "shorturl.at", "shrtco.de", "soo.gd", "su.pr", "t.co", "t.ly", "t2m.io", "tiny.cc",
	"tinyurl.com", "tr.im", "u.to", "urlz.fr", "v.gd", "wp.me", "x.co", "y2u.be", "youtu.be",
};
/* Registrable domains whose links commonly carry a target in any parameter, with or without a scheme. */
static const char *const redirectors[] = {
	"adobe.com", "bing.com", "doubleclick.net", "facebook.com", "google.com", "googleadservices.com", "googleusercontent.com",
	"instagram.com", "linkedin.com", "list-manage.com", "outlook.com", "pardot.com", "proofpoint.com", "reddit.com",
	"sendgrid.net", "slack-redir.net", "t.umblr.com", "urldefense.com", "vk.com", "yahoo.com", "yandex.ru", "youtube.com",
};
/* clang-format on */

struct url_env *
url_env_new(void)
{
	struct url_env *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->psl = psl_latest(NULL);
	if (!e->psl) {
		free(e);
		errno = ENOENT;
		return NULL;
	}
	return e;
}

void
url_env_free(struct url_env *e)
{
	if (!e)
		return;
	psl_free(e->psl);
	free(e);
}

/* libpsl wants terminated strings. */
static bool
terminate(struct span host, char *z)
{
	if (host.len == 0 || host.len > 255)
		return false;
	memcpy(z, host.p, host.len);
	z[host.len] = 0;
	return true;
}

struct span
url_registrable(const struct url_env *e, struct span host)
{
	char z[256];
	const char *r;

	if (!terminate(host, z))
		return span(host.p, 0);
	r = psl_registrable_domain(e->psl, z);
	return r ? span_skip(host, (size_t)(r - z)) : span(host.p, 0);
}

bool
url_has_known_suffix(const struct url_env *e, struct span host)
{
	char z[256];
	const char *dot;

	if (!terminate(host, z))
		return false;
	dot = strrchr(z, '.');
	return psl_is_public_suffix2(e->psl, dot ? dot + 1 : z,
	                             PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}

static bool
in_sorted(const char *const *list, size_t cnt, struct span s)
{
	size_t lo = 0, hi = cnt;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2, n = strlen(list[mid]);
		int c = memcmp(s.p, list[mid], MIN(s.len, n));

		if (c == 0 && s.len == n)
			return true;
		if (c < 0 || (c == 0 && s.len < n))
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

bool
url_is_shortener(struct span registrable)
{
	return in_sorted(shorteners, ARRAY_LEN(shorteners), registrable);
}

bool
url_is_redirector(struct span registrable)
{
	return in_sorted(redirectors, ARRAY_LEN(redirectors), registrable);
}
