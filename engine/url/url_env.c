/* SPDX-License-Identifier: BSD-3-Clause
 * url_env.c - what is known about hosts: public suffixes, shorteners, redirectors
 */
#include "engine/url/url_env.h"
#include <libpsl.h>

#define KNOWN_HOSTS 256
#define KNOWN_BYTES 61
#define NOT_ASKED   UINT8_MAX

/* What the suffix list said of a host: the same few stand in most mails, and the list takes a thousand cycles. */
struct known_host {
	uint8_t len;
	uint8_t registrable_len;  /* of its end; 0 none, NOT_ASKED */
	uint8_t has_known_suffix; /* or NOT_ASKED */
	char host[KNOWN_BYTES];
};
static_assert(sizeof(struct known_host) == 64, "a line");

struct url_env {
	psl_ctx_t *psl;
	struct known_host known[KNOWN_HOSTS];
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
	"adobe.com", "baidu.com", "bing.com", "doubleclick.net", "duckduckgo.com", "facebook.com", "google.com", "googleadservices.com",
	"googleusercontent.com", "instagram.com", "linkedin.com", "list-manage.com", "outlook.com", "pardot.com", "proofpoint.com",
	"reddit.com", "sendgrid.net", "slack-redir.net", "steamcommunity.com", "umblr.com", "urldefense.com", "vk.com", "yahoo.com",
	"yandex.ru", "youtube.com",
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

uint32_t
url_hash(struct span s)
{
	uint64_t h = s.len * 0x9e3779b97f4a7c15u, v = 0;

	for (; s.len >= sizeof(v); s = span_skip(s, sizeof(v))) {
		memcpy(&v, s.p, sizeof(v));
		h = (h ^ v) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	v = 0;
	if (s.len > 0)
		memcpy(&v, s.p, s.len);
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return (uint32_t)(h >> 32);
}

/* Its row, made anew when it was another host's; NULL for names too long to keep. */
static struct known_host *
row_of(struct url_env *e, struct span host)
{
	struct known_host *k = &e->known[url_hash(host) % KNOWN_HOSTS];

	if (host.len == 0 || host.len > KNOWN_BYTES)
		return NULL;
	if (k->len == host.len && !memcmp(k->host, host.p, host.len))
		return k;
	k->len = (uint8_t)host.len;
	memcpy(k->host, host.p, host.len);
	k->registrable_len = k->has_known_suffix = NOT_ASKED;
	return k;
}

struct span
url_registrable(struct url_env *e, struct span host)
{
	struct known_host *k = row_of(e, host);
	char z[256];
	const char *r;
	size_t n;

	if (k && k->registrable_len != NOT_ASKED)
		return k->registrable_len ? span_skip(host, host.len - k->registrable_len)
		                          : span(host.p, 0);
	if (!terminate(host, z))
		return span(host.p, 0);
	r = psl_registrable_domain(e->psl, z);
	n = r ? host.len - (size_t)(r - z) : 0;
	if (k)
		k->registrable_len = (uint8_t)n;
	return n ? span_skip(host, host.len - n) : span(host.p, 0);
}

bool
url_has_known_suffix(struct url_env *e, struct span host)
{
	struct known_host *k = row_of(e, host);
	char z[256];
	const char *dot;
	bool is_known;

	if (k && k->has_known_suffix != NOT_ASKED)
		return k->has_known_suffix;
	if (!terminate(host, z))
		return false;
	dot = strrchr(z, '.');
	is_known = psl_is_public_suffix2(e->psl, dot ? dot + 1 : z,
	                                 PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
	if (k)
		k->has_known_suffix = is_known;
	return is_known;
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
	if (registrable.len > 7 && !memcmp(registrable.p, "google.", 7)) /* of each country */
		return true;
	return in_sorted(redirectors, ARRAY_LEN(redirectors), registrable);
}
