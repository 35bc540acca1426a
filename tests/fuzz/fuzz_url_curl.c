/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_url_curl.c - one URL against libcurl's parser
 *
 * Input     The first byte chooses the scheme; the rest is what follows "://".
 * Property  What is_plain() lets pass and libcurl takes is taken here, with the same host, port, path and query: as values, each
 *           percent code undone once, since the spellings of the canonical form are ours.
 * Meant     Differences where we read as browsers do (WHATWG URL), and that are not compared: backslashes, control characters and blanks,
 *           several '@', more slashes after the scheme, dots as percent codes in a path; hosts that are not ASCII; numeric
 *           hosts that are percent-coded, end in a dot or have a bare "0x" (here numbers, to libcurl names). Nor are
 *           URLs whose canonical form passes our bound (URL_F_CUT).
 */
#include "engine/url/url.h"
#include <arpa/inet.h>
#include <curl/curl.h>

#define URL_BYTES 1024

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Of the text after "://". */
static bool
is_plain(struct span s)
{
	size_t n = 0, ats = 0;

	for (; n < s.len && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#'; n++) {
		if (!is_letter(s.p[n]) && !memchr("-._~%:@[]!$&'()*+,;=", s.p[n], 20))
			return false;
		ats += s.p[n] == '@';
	}
	if (n == 0 || ats > 1)
		return false;
	for (size_t i = n; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127 || s.p[i] == '\\' ||
		    (s.len - i > 2 && !memcmp(s.p + i, "%2", 2) && (s.p[i + 2] | 32) == 'e'))
			return false;
	return true;
}

static int
hex(char c)
{
	return c >= '0' && c <= '9'                 ? c - '0'
	       : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
	                                            : -1;
}

/* The next byte of s, a percent code undone. */
static int
next_byte(struct span *s)
{
	if (s->len >= 3 && s->p[0] == '%' && hex(s->p[1]) >= 0 && hex(s->p[2]) >= 0) {
		int c = hex(s->p[1]) << 4 | hex(s->p[2]);

		*s = span_skip(*s, 3);
		return c;
	}
	return (unsigned char)span_shift(s);
}

static bool
same_decoded(struct span a, struct span b)
{
	while (a.len > 0 && b.len > 0)
		if (next_byte(&a) != next_byte(&b))
			return false;
	return a.len == 0 && b.len == 0;
}

static struct span
get(CURLU *u, CURLUPart part, char **text)
{
	curl_free(*text);
	*text = NULL;
	return curl_url_get(u, part, text, 0) == CURLUE_OK && *text ? span_z(*text) : span("", 0);
}

/* Would DNS take it? */
static bool
is_name(struct span s)
{
	size_t label = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '.' ? label == 0
		                  : (!is_letter(s.p[i]) && s.p[i] != '-' && s.p[i] != '_'))
			return false;
		label = s.p[i] == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0 && s.len < 250 && !memmem(s.p, s.len, "xn--", 4);
}

static bool
same_address(struct span a, struct span b)
{
	char text[2][64];
	struct in6_addr v[2];
	struct span s[2] = { a, b };

	for (int i = 0; i < 2; i++) {
		BUG_ON(s[i].len < 2 || s[i].len > 60 || s[i].p[0] != '[' ||
		       s[i].p[s[i].len - 1] != ']');
		memcpy(text[i], s[i].p + 1, s[i].len - 2);
		text[i][s[i].len - 2] = 0;
		BUG_ON(inet_pton(AF_INET6, text[i], &v[i]) != 1);
	}
	return memcmp(&v[0], &v[1], sizeof(v[0])) == 0;
}

/* Is host a number to us for a reason that libcurl does not have? raw: as written. */
static bool
is_number_here(struct span host, struct span raw)
{
	if (memchr(raw.p, '%', raw.len) || (host.len > 0 && host.p[host.len - 1] == '.'))
		return true;
	for (size_t i = 0; i + 1 < host.len; i++)
		if (host.p[i] == '0' && (host.p[i + 1] | 32) == 'x' &&
		    (i + 2 == host.len || host.p[i + 2] == '.'))
			return true;
	return false;
}

static void
compare_host(const struct url *ours, struct span host, struct span raw)
{
	char lower[URL_BYTES];
	struct span name;

	for (size_t i = 0; i < host.len; i++) {
		if (host.p[i] & 0x80)
			return;
		lower[i] = ascii_lower(host.p[i]);
	}
	name = span(lower, host.len);
	while (name.len > 0 && name.p[name.len - 1] == '.')
		name.len--;
	if (ours->flags & URL_F_BAD_HOST) {
		BUG_ON(is_name(name));
	} else if (host.p[0] == '[') {
		BUG_ON(!same_address(ours->host, host));
	} else if (!span_eq(ours->host, name)) {
		BUG_ON(!(ours->flags & URL_F_NUMERIC) || !is_number_here(host, raw));
	}
}

/* What follows the host in our canonical form. */
static void
compare_rest(const struct url *ours, CURLU *u, unsigned default_port)
{
	size_t head =
	        (size_t)((const char *)memmem(ours->canonical.p, ours->canonical.len, "://", 3) -
	                 ours->canonical.p) +
	        3 + ours->host.len;
	struct span rest = span_skip(ours->canonical, head), path, query = span("", 0);
	unsigned long port = default_port, theirs = default_port;
	char *text = NULL;
	const char *mark;
	struct span s = get(u, CURLUPART_PORT, &text);

	if (s.len > 0)
		theirs = strtoul(s.p, NULL, 10);
	if (rest.len > 0 && rest.p[0] == ':') {
		rest = span_skip(rest, 1);
		for (port = 0; rest.len > 0 && rest.p[0] != '/';)
			port = port * 10 + (unsigned long)(span_shift(&rest) - '0');
	}
	BUG_ON(port != theirs);
	mark = memchr(rest.p, '?', rest.len);
	path = span(rest.p, mark ? (size_t)(mark - rest.p) : rest.len);
	if (mark)
		query = span_skip(rest, path.len + 1);
	BUG_ON(!same_decoded(path, get(u, CURLUPART_PATH, &text)));
	BUG_ON(!same_decoded(query, get(u, CURLUPART_QUERY, &text)));
	curl_free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		const char *name;
		unsigned port;
	} schemes[] = { { "http://", 80 }, { "https://", 443 }, { "ftp://", 21 } };
	static struct url_set set;
	static struct url_env *env;
	char url[URL_BYTES], *text = NULL;
	const struct url *ours;
	struct span after;
	unsigned kind;
	CURLU *u;

	if (!env) {
		env = url_env_new();
		url_set_init(&set, env);
	}
	if (size < 2 || size > URL_BYTES - 16)
		return 0;
	kind = data[0] % ARRAY_LEN(schemes);
	after = span(data + 1, size - 1);
	if (!is_plain(after))
		return 0;
	snprintf(url, sizeof(url), "%s%.*s", schemes[kind].name, (int)after.len, after.p);
	u = curl_url();
	if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
		struct span host = get(u, CURLUPART_HOST, &text);

		url_set_reset(&set);
		ours = url_add(&set, span_z(url), URL_F_FROM_ATTR, 0);
		BUG_ON(!ours);
		if (!(ours->flags & URL_F_CUT)) {
			compare_host(ours, host, after);
			compare_rest(ours, u, schemes[kind].port);
		}
	}
	curl_free(text);
	curl_url_cleanup(u);
	return 0;
}
