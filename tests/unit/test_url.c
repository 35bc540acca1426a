/* SPDX-License-Identifier: BSD-3-Clause
 * test_url.c - canonical forms, hosts in disguise, targets inside, what links show, words of text
 *
 * Over 500 lines: tables of cases, a function each; all of one suffix list.
 */
#include "base/rng.h"
#include "engine/url/phone.h"
#include "engine/url/url.h"
#include "engine/url/url_shown.h"
#include "tests/check.h"
#include <time.h>

static struct url_env *env;
static struct url_set set;

static void
test_canonical(void)
{
	/* clang-format off */
	static const struct { const char *raw, *canonical, *registrable; uint32_t flags; } cases[] = {
		{ "HTTP://Example.COM", "http://example.com/", "example.com", 0 },
		{ "http://a.b.example.co.uk/x", "http://a.b.example.co.uk/x", "example.co.uk", 0 },
		{ "https://example.com:443/", "https://example.com/", "example.com", 0 },
		{ "http://example.com:8080/", "http://example.com:8080/", "example.com", URL_F_PORT },
		{ "http://example.com./a", "http://example.com/a", "example.com", 0 },
		{ "http://0x7f.1/x", "http://127.0.0.1/x", "127.0.0.1", URL_F_NUMERIC | URL_F_OBFUSCATED_HOST },
		{ "http://2130706433/", "http://127.0.0.1/", "127.0.0.1", URL_F_NUMERIC | URL_F_OBFUSCATED_HOST },
		{ "http://0177.0.0.01/", "http://127.0.0.1/", "127.0.0.1", URL_F_NUMERIC | URL_F_OBFUSCATED_HOST },
		{ "http://127.0.0.1", "http://127.0.0.1/", "127.0.0.1", URL_F_NUMERIC },
		{ "http://[2001:DB8::1]/", "http://[2001:db8::1]/", "[2001:db8::1]", URL_F_NUMERIC },
		{ "http://4294967296/", "http://4294967296/", "", URL_F_UNKNOWN_SUFFIX },
		{ "http://paypal.com@evil.example.com/", "http://evil.example.com/", "example.com", URL_F_USERINFO },
		{ "http://a@b@example.com/", "http://example.com/", "example.com", URL_F_USERINFO },
		{ "http:\\\\example.com\\x", "http://example.com/x", "example.com", 0 },
		{ "https:example.com", "https://example.com/", "example.com", 0 },
		{ "//example.com/x", "http://example.com/x", "example.com", 0 },
		{ "http://ex%61mple.com/%7Eu/%2f", "http://example.com/~u/%2F", "example.com", URL_F_OBFUSCATED_HOST },
		{ "http://example.com/%5%3225", "http://example.com/%255225", "example.com", 0 },
		{ "http://example.com/a/../b/./c", "http://example.com/b/c", "example.com", 0 },
		{ "http://example.com/../..", "http://example.com/", "example.com", 0 },
		{ "http://example.com//..", "http://example.com/", "example.com", 0 },
		{ "http://1.256.1/", "http://1.256.1/", "256.1", URL_F_UNKNOWN_SUFFIX },
		{ "http://example.com/a/./", "http://example.com/a/", "example.com", 0 },
		{ "http://example.com/a//b", "http://example.com/a//b", "example.com", 0 },
		{ "http://example.com?x=/../y#frag", "http://example.com/?x=/../y", "example.com", 0 },
		{ "http://b\xc3\xbc" "cher.de/", "http://xn--bcher-kva.de/", "xn--bcher-kva.de", URL_F_IDN },
		{ "http://xn--bcher-kva.de/", "http://xn--bcher-kva.de/", "xn--bcher-kva.de", URL_F_IDN },
		{ "http://p\xd0\xb0ypal.com/", "http://xn--pypal-4ve.com/", "xn--pypal-4ve.com", URL_F_IDN | URL_F_MIXED_SCRIPT | URL_F_BRAND },
		{ "http://example\xe3\x80\x82" "com/", "http://example.com/", "example.com", URL_F_OBFUSCATED_HOST },
		{ "http://\xef\xbd\x85xample.com/", "http://example.com/", "example.com", URL_F_OBFUSCATED_HOST },
		{ "http://bit.ly/x", "http://bit.ly/x", "bit.ly", URL_F_SHORTENER },
		{ "http://co.uk/", "http://co.uk/", "", 0 },
		{ "http://a b.com/", "http://a b.com/", "", URL_F_BAD_HOST },
		{ "mailto:a@b.com", NULL, NULL, 0 },
		{ "cid:1@x", NULL, NULL, 0 },
		{ "http:///", NULL, NULL, 0 },
		{ "", NULL, NULL, 0 },
		{ "page.html", NULL, NULL, 0 },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		url_set_reset(&set);
		const struct url *u = url_add(&set, span_z(cases[i].raw), 0, 7);

		CHECK(!u == !cases[i].canonical, "%s", cases[i].raw);
		if (!u || !cases[i].canonical)
			continue;
		CHECK(span_is(u->canonical, cases[i].canonical), "%s -> %.*s", cases[i].raw,
		      (int)u->canonical.len, u->canonical.p);
		CHECK(span_is(u->registrable, cases[i].registrable), "%s -> %.*s", cases[i].raw,
		      (int)u->registrable.len, u->registrable.p);
		CHECK(u->flags == cases[i].flags, "%s -> %x want %x", cases[i].raw, u->flags,
		      cases[i].flags);
		CHECK(u->part == 7 && set.cnt == 1);
	}
}

/* What a name alone tells. */
static void
test_names(void)
{
	/* clang-format off */
	static const struct { const char *raw; uint32_t flags; } cases[] = {
		{ "http://www.paypal.com/", 0 }, { "http://login.microsoft.com/", 0 }, { "http://paypal.de/", 0 },
		{ "http://example.com/paypal", 0 }, { "http://m.media-amazon.com/", 0 }, { "http://palpable.com/", 0 },
		{ "http://paypal.example.com/", URL_F_BRAND }, { "http://www.paypal-login.com/", URL_F_BRAND },
		{ "http://paypa1.com/", URL_F_BRAND }, { "http://rnicrosoft.com/", URL_F_BRAND },
		{ "http://netfix.com/", URL_F_BRAND }, { "http://amazno.com/", URL_F_BRAND },
		{ "http://x4k9q2.com/", URL_F_FRESH }, { "http://win-a-big-prize.com/", URL_F_FRESH },
		{ "http://bcdfghjk.com/", URL_F_FRESH }, { "http://free2you.top/", URL_F_FRESH },
		{ "http://wonderfuloffers.icu/", URL_F_FRESH }, { "http://short.icu/", 0 }, { "http://example2.com/", 0 }, { "http://a1b2c3_x.so/", 0 }, { "http://a1b2c3-x.so/", URL_F_FRESH },
		/* U-labels: all letters of one other alphabet, mixed, accents; on another's host, and a word that is no name */
		{ "http://\xd1\x80\xd0\xb0\xd1\x83\xd1\x80\xd0\xb0\xd3\x8f.com/", URL_F_BRAND },
		{ "http://m\xd1\x96""crosoft.com/", URL_F_BRAND }, { "http://p\xc3\xa1yp\xc3\xa1l.com/", URL_F_BRAND },
		{ "http://amaz\xc3\xb3n.example.com/", URL_F_BRAND }, { "http://m\xc3\xbcnchen.de/", 0 },
		{ "http://\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0.com/", 0 }, { "http://paypal.com.xn--bcher-kva.de/", URL_F_BRAND },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		url_set_reset(&set);
		const struct url *u = url_add(&set, span_z(cases[i].raw), 0, 0);

		CHECK(u && (u->flags & (URL_F_BRAND | URL_F_FRESH)) == cases[i].flags, "%s: %x",
		      cases[i].raw, u ? u->flags : 0);
	}
}

static void
test_redirects(void)
{
	/* clang-format off */
	static const struct { const char *raw; unsigned cnt; const char *last; } cases[] = {
		{ "https://r.example.com/?u=http%3A%2F%2Fevil.example.net%2Fx%26y", 2, "http://evil.example.net/x&y" },
		{ "https://r.example.com/?u=http://evil.example.net/x&y=1", 2, "http://evil.example.net/x" },
		{ "https://r.example.com/http://evil.example.net/x?y", 2, "http://evil.example.net/x?y" },
		{ "https://r.example.com/?u=http%253A%252F%252Fevil.example.net", 2, "http://evil.example.net/" },
		{ "https://www.google.com/url?q=evil.example.net/x", 2, "http://evil.example.net/x" },
		{ "https://r.example.com/?q=evil.example.net/x", 1, "https://r.example.com/?q=evil.example.net/x" },
		{ "http://a.com/?u=http://b.com/?u=http://c.com/?u=http://d.com/?u=http://e.com/", 4,
		  "http://d.com/?u=http://e.com/" },
		/* parameters named for it: without scheme, with slashes or a scheme alone; files and words are none */
		{ "https://r.example.com/?url=evil.example.net/x", 2, "http://evil.example.net/x" },
		{ "https://r.example.com/?url=EVIL.Example.NET/x", 2, "http://evil.example.net/x" },
		{ "https://r.example.com/?a=1&Redirect_To=evil.example.net", 2, "http://evil.example.net/" },
		{ "https://r.example.com/?goto=%2F%2Fevil.example.net%2Fx", 2, "http://evil.example.net/x" },
		{ "https://r.example.com/?next=https:evil.example.net", 2, "https://evil.example.net/" },
		{ "https://r.example.com/?next=setup.py", 1, "https://r.example.com/?next=setup.py" },
		{ "https://r.example.com/?to=a@example.net", 1, "https://r.example.com/?to=a@example.net" },
		{ "https://r.example.com/?page=evil.example.net", 1, "https://r.example.com/?page=evil.example.net" },
		{ "https://www.google.co.uk/url?sa=t&q=evil.example.net", 2, "http://evil.example.net/" },
		/* base64, of both alphabets; in a path; behind two characters; nothing that only looks like it */
		{ "https://r.example.com/?x=aHR0cHM6Ly9ldmlsLmV4YW1wbGUubmV0L3g_eT0x", 2, "https://evil.example.net/x?y=1" },
		{ "https://r.example.com/c/aHR0cDovL2V2aWwuZXhhbXBsZS5uZXQv", 2, "http://evil.example.net/" },
		{ "https://www.bing.com/ck/a?u=a1aHR0cHM6Ly9ldmlsLmV4YW1wbGUubmV0Lw", 2, "https://evil.example.net/" },
		{ "https://r.example.com/?x=aHR0cHM6Lzzzzzzz", 1, "https://r.example.com/?x=aHR0cHM6Lzzzzzzz" },
		{ "https://urldefense.proofpoint.com/v2/url?u=https-3A__evil.example.net_x-2Fy&d=z", 2, "https://evil.example.net/x/y" },
		{ "https://urldefense.com/v3/__https://evil.example.net/x__;!!a!b$", 2, "https://evil.example.net/x" },
		{ "https://urldefense.com/v3/__http:/evil.example.net/x?y=1__;!!a!b$", 2, "http://evil.example.net/x?y=1" },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		url_set_reset(&set);
		const struct url *u = url_add(&set, span_z(cases[i].raw), 0, 0);

		CHECK(set.cnt == cases[i].cnt, "%s: %u", cases[i].raw, set.cnt);
		CHECK(span_is(set.url[set.cnt - 1].canonical, cases[i].last), "%s: %.*s",
		      cases[i].raw, (int)set.url[set.cnt - 1].canonical.len,
		      set.url[set.cnt - 1].canonical.p);
		if (set.cnt > 1)
			CHECK(u && span_eq(u->redirect_to, set.url[1].canonical) &&
			      (u->flags & URL_F_REDIRECTOR) &&
			      (set.url[1].flags & URL_F_FROM_REDIRECT));
	}
}

/* Links that are code. */
static void
test_code(void)
{
	/* clang-format off */
	static const struct { const char *raw; bool is_code; const char *urls; } cases[] = {
		{ "javascript:location='https://evil.example.net/x'", true, "https://evil.example.net/x " },
		{ "JavaScript:void(0)", true, "" },
		{ "data:text/html,%3Ca%20href%3D%22http%3A%2F%2Fa.example.net%2F%22%3E%20http://b.example.net", true,
		  "http://a.example.net/ http://b.example.net/ " },
		{ "data:text/html;charset=utf-8;base64,PGEgaHJlZj0iaHR0cHM6Ly9ldmlsLmV4YW1wbGUubmV0LyI+", true, "https://evil.example.net/ " },
		{ "data:image/png;base64,iVBORw0KGgo=", false, "" }, { "data:image/svg+xml,<svg/>", true, "" },
		{ "mailto:a@example.net", false, "" }, { "x.html", false, "" },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char got[256] = "";

		url_set_reset(&set);
		CHECK(url_add_code(&set, span_z(cases[i].raw), 0, 0) == cases[i].is_code, "%s",
		      cases[i].raw);
		for (unsigned k = 0; k < set.cnt; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s ",
			         (int)set.url[k].canonical.len, set.url[k].canonical.p);
		CHECK(!strcmp(got, cases[i].urls), "%s: %s", cases[i].raw, got);
	}
}

/* clang-format off */
static const struct { const char *href, *text; bool is_other; } shown_cases[] = {
	{ "http://evil.example.net/", "https://www.bank.com/login", true },
	{ "http://evil.example.net/", " Log in: https://www.bank.com/ ", true },
	{ "http://evil.example.net/", "www.bank.com", true },
	{ "http://evil.example.net/", "bank.com/login", true },
	{ "http://198.51.100.7/", "http://www.bank.com", true },
	{ "http://evil.example.net/", "http://198.51.100.7/x", true },
	{ "http://evil.example.net/", "https://user@www.bank.com:443/", true },
	{ "http://evil.example.net/", "https://www.b\xc3\xa4nk.com/", true },
	/* the same domain, a target inside, nothing that a reader takes for a host */
	{ "http://click.bank.com/x", "https://www.bank.com/login", false },
	{ "http://198.51.100.7/", "http://0xc6336407/", false },
	{ "https://r.example.net/?url=https://www.bank.com/", "https://bank.com/", false },
	{ "http://evil.example.net/", "https://youtu.be/x", false },
	{ "http://evil.example.net/", "Bank.com", false },
	{ "http://evil.example.net/", "Click here", false },
	{ "http://evil.example.net/", "see www.bank.com or so", false },
	{ "http://evil.example.net/", "me@bank.com/x", false },
	{ "http://evil.example.net/", "x@www.bank.com", false },
	{ "http://evil.example.net/", "and/or", false },
	{ "http://evil.example.net/", "https://localhost/", false },
	{ "http://evil.example.net/", "", false },
};
/* clang-format on */

/* What a link shows and where it leads. */
static void
test_shown(void)
{
	struct url_shown shown;

	for (size_t i = 0; i < ARRAY_LEN(shown_cases); i++)
		for (size_t step = 1; step < 20; step += 6) {
			size_t n = strlen(shown_cases[i].text);
			const struct url *u;

			url_set_reset(&set);
			url_shown_reset(&shown, &set);
			u = url_add(&set, span_z(shown_cases[i].href), URL_F_FROM_ATTR, 0);
			url_shown_begin(&shown, u);
			for (size_t k = 0; k < n; k += step)
				url_shown_feed(&shown,
				               span(shown_cases[i].text + k, MIN(step, n - k)));
			url_shown_end(&shown);
			CHECK(u && !!(u->flags & URL_F_MISMATCH) == shown_cases[i].is_other,
			      "%s: %s", shown_cases[i].href, shown_cases[i].text);
		}
	/* Text outside a link, or in one whose href is none, is not looked at; a second link ends the first. */
	url_set_reset(&set);
	const struct url *a = url_add(&set, span_z("http://a.example.net/"), 0, 0);
	const struct url *b = url_add(&set, span_z("http://b.example.org/"), 0, 0);
	const struct url *c = url_add(&set, span_z("http://c.example.net/"), 0, 0);

	url_shown_reset(&shown, &set);
	url_shown_begin(&shown, NULL);
	url_shown_feed(&shown, span_z("http://bank.com/"));
	url_shown_begin(&shown, a);
	url_shown_begin(&shown, b);
	url_shown_feed(&shown, span_z("http://bank.com/"));
	url_shown_end(&shown);
	url_shown_feed(&shown, span_z("http://bank.com/"));
	url_shown_end(&shown);
	CHECK(!(a->flags & URL_F_MISMATCH) && (b->flags & URL_F_MISMATCH));
	/* at the bound: the text's first bytes count */
	char text[URL_SHOWN_MAX + 40];

	memset(text, '.', sizeof(text));
	memcpy(text, "http://bank.com/", 16);
	url_shown_begin(&shown, a);
	url_shown_feed(&shown, span(text, sizeof(text)));
	CHECK(shown.len == URL_SHOWN_MAX);
	url_shown_end(&shown);
	CHECK(a->flags & URL_F_MISMATCH);
	/* and a host that is cut there is none */
	memset(text, ' ', sizeof(text));
	memcpy(text + URL_SHOWN_MAX - 18, "http://www.bank.com.example.net/", 32);
	url_shown_begin(&shown, c);
	url_shown_feed(&shown, span(text, sizeof(text)));
	url_shown_end(&shown);
	CHECK(!(c->flags & URL_F_MISMATCH));
}

static void
find(const char *text, size_t step)
{
	static struct url_finder f;
	size_t n = strlen(text);

	url_set_reset(&set);
	url_finder_begin(&f, &set, 0, 0);
	for (size_t i = 0; i < n; i += step)
		url_finder_feed(&f, span(text + i, MIN(step, n - i)));
	url_finder_end(&f);
}

static void
test_text(void)
{
	/* clang-format off */
	static const struct { const char *text, *urls; } cases[] = {
		{ "see http://a.example.com/x. Then", "http://a.example.com/x " },
		{ "(http://a.example.com/x_(y))", "http://a.example.com/x_(y)) " },
		{ "<http://a.example.com> \"https://b.example.com\"", "http://a.example.com/ https://b.example.com/ " },
		{ "go to www.example.com/path, now", "http://www.example.com/path " },
		{ "example.com", "http://example.com/ " },
		{ "end.Begin e.g. 1.5 v1.2.3 file.tmpx a@example.com x..y", "" },
		{ "texthttp://a.example.com", "http://a.example.com/ " },
		{ "http://a.example.com http://a.example.com", "http://a.example.com/ " },
		{ "link:http://a.example.com\xe2\x80\x9d", "http://a.example.com/ " },
		{ "http: // nothing", "" },
		{ "hxxp://evil.example.com/", "" },
		{ "co.uk alone", "" },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 40; step++) {
			char got[256] = "";

			find(cases[i].text, step);
			for (unsigned k = 0; k < set.cnt; k++)
				snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s ",
				         (int)set.url[k].canonical.len, set.url[k].canonical.p);
			CHECK(!strcmp(got, cases[i].urls), "%s (%zu) -> %s", cases[i].text, step,
			      got);
		}
}

static void
test_bounds(void)
{
	char raw[URL_MAX + 64];

	url_set_reset(&set);
	for (unsigned i = 0; i < URLS_PER_MAIL_MAX + 5; i++) {
		snprintf(raw, sizeof(raw), "http://h%u.example.com/", i);
		CHECK(!url_add(&set, span_z(raw), 0, 0) == (i >= URLS_PER_MAIL_MAX));
	}
	CHECK(set.cnt == URLS_PER_MAIL_MAX && set.overflow_cnt == 5);
	url_set_reset(&set);
	memset(raw, 'x', sizeof(raw));
	memcpy(raw, "http://e.com/", 13);
	const struct url *u = url_add(&set, span(raw, URL_MAX), 0, 0);
	CHECK(u && u->raw.len == URL_MAX && !(u->flags & URL_F_CUT));
	u = url_add(&set, span(raw, URL_MAX + 1), 0, 0);
	CHECK(u && u->raw.len == URL_MAX && (u->flags & URL_F_CUT) && set.cnt == 1);
	for (unsigned i = 0; i < 300; i++) { /* room for text ends first */
		memcpy(raw + 13, &i, sizeof(i));
		url_add(&set, span(raw, URL_MAX), 0, 0);
	}
	CHECK(set.cnt < 300 && set.overflow_cnt > 0 && set.used <= URL_SET_BYTES);
}

/* A word exactly at the bound and one past it, whole and in pieces. */
static void
test_long_word(void)
{
	char text[URL_MAX + 8];

	memset(text, 'x', sizeof(text));
	memcpy(text, "http://e.com/", 13);
	for (size_t len = URL_MAX; len <= URL_MAX + 1; len++)
		for (size_t step = 100; step < 3000; step += 700) {
			memset(text + 13, 'x', len - 13);
			text[len] = 0;
			find(text, step);
			CHECK(set.cnt == 1 && set.url[0].raw.len == URL_MAX &&
			      !!(set.url[0].flags & URL_F_CUT) == (len > URL_MAX));
		}
}

/* What the finders say of a text that comes in pieces of `step` bytes (0: all at once), as one line. */
static void
findings(struct span text, size_t step, char *out, size_t cap)
{
	static struct url_finder f;
	static struct phone_set p;
	static struct phone_finder g;
	size_t n = 0;

	url_set_reset(&set);
	phone_set_reset(&p);
	url_finder_begin(&f, &set, 0, 0);
	phone_finder_begin(&g, &p, 0);
	while (text.len > 0) {
		struct span s = span(text.p, step ? MIN(step, text.len) : text.len);

		url_finder_feed(&f, s);
		phone_finder_feed(&g, s);
		text = span_skip(text, s.len);
	}
	url_finder_end(&f);
	phone_finder_end(&g);
	for (unsigned i = 0; i < set.cnt && n < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%.*s %x\n", (int)set.url[i].raw.len,
		                      set.url[i].raw.p, set.url[i].flags);
	for (unsigned i = 0; i < p.cnt && n < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s %d\n", p.phone[i].digits,
		                      p.phone[i].has_plus);
	snprintf(out + MIN(n, cap - 1), cap - MIN(n, cap - 1), "%u %u", set.probe_cnt,
	         set.overflow_cnt);
}

/* clang-format off */
static const char *const pieces[] = {
	" ", "word", "\r\n", ". ", ":", "(", "+1 ", "http://a.test/", "x", "@", "800-555-0100", "555 ", "example.com", "1.2.3.4",
	"\xc2\xa0", "<", "\"", "'", "https://", ",", "www.", "/path?q=1", "eight ", "zero", "ei", "e", "z", "O", "l0", "one ",
	"\xef\xbc\x98", "\xe2\x80\x8b", "\xf0\x9d\x9f\x8e", "\xc3\xa9", "Tel:", "oh ", "five-",
};
/* clang-format on */

/* A byte at a time no block is ever looked at, and every word goes through the carry. */
static void
test_blocks(void)
{
	struct rng rng;

	rng_seed(&rng, 4);
	for (unsigned k = 0; k < 4000; k++) {
		char text[700], a[8192], b[8192];
		size_t len = 0, want = rng_below(&rng, 600);
		unsigned first = (unsigned)rng_below(&rng, ARRAY_LEN(pieces));
		unsigned kinds = 1 + (unsigned)rng_below(&rng, ARRAY_LEN(pieces));

		while (len < want) {
			const char *piece =
			        pieces[(first + rng_below(&rng, kinds)) % ARRAY_LEN(pieces)];

			memcpy(text + len, piece, strlen(piece));
			len += strlen(piece);
		}
		findings(span(text, len), 1, a, sizeof(a));
		findings(span(text, len), 0, b, sizeof(b));
		CHECK(!strcmp(a, b), "%.*s: %s / %s", (int)len, text, a, b);
		findings(span(text, len), 1 + rng_below(&rng, 200), b, sizeof(b));
		CHECK(!strcmp(a, b), "%.*s: %s / %s", (int)len, text, a, b);
	}
}

static double
seconds(const char *unit, size_t n)
{
	static struct url_finder f;
	static struct phone_set p;
	static struct phone_finder g;
	size_t u = strlen(unit);
	char *text = malloc(n + u);
	double best = 1e9;

	for (size_t i = 0; i < n; i += u)
		memcpy(text + i, unit, u);
	for (int k = 0; k < 3; k++) {
		struct timespec a, b;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		url_set_reset(&set);
		phone_set_reset(&p);
		url_finder_begin(&f, &set, 0, 0);
		phone_finder_begin(&g, &p, 0);
		for (size_t i = 0; i < n; i += 4096) {
			url_finder_feed(&f, span(text + i, MIN((size_t)4096, n - i)));
			phone_finder_feed(&g, span(text + i, MIN((size_t)4096, n - i)));
		}
		url_finder_end(&f);
		phone_finder_end(&g);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		best = MIN(best,
		           (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9);
	}
	free(text);
	return best;
}

static void
test_linear(void)
{
	/* clang-format off */
	static const char *const units[] = {
		"some words of plain text. As they come in a mail ", "http://", "http://a.com/?u=", "http://a.com/?u=http%3A%2F%2F", "a.com ",
		"a.b.", "http://x.com/a ", "www.", ":", ".", "%25", "+1 800 555 0100 ", "http://a.com/?x=http://b.com/%20&", "x.com/http://",
		"eight ", "zero five ", "8O", "8 o ", "zei ", "\xef\xbc\x98 ", "e(", "+1 eight ill ", "http://a.com/?u=aHR0cDovL2EuY29tLz91PQ&",
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		double small = seconds(units[i], 1u << 17), big = seconds(units[i], 10u << 17);

		printf("%-50s %6.0f MB/s\n", units[i], 10 * 0.131072 / big);
		CHECK(big < small * 20 + 0.004, "%s: %g %g", units[i], small, big);
	}
	url_set_reset(&set);
	const struct url *u = NULL; /* the most that one URL may cost */
	char raw[URL_MAX];
	struct timespec a, b;

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = "http://a.com/?a=http%3A%2F%2Fa.com%2F%3F&"[i % 41];
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	u = url_add(&set, span(raw, sizeof(raw)), 0, 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	double us = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) * 1e-3;
	printf("one hostile URL %.0f us, %u entries\n", us, set.cnt);
	CHECK(u && us < 20000);
}

int
main(void)
{
	env = url_env_new();
	CHECK(env);
	if (!env)
		return 1;
	url_set_init(&set, env);
	test_canonical();
	test_names();
	test_redirects();
	test_code();
	test_shown();
	test_text();
	test_bounds();
	test_long_word();
	test_blocks();
	test_linear();
	url_env_free(env);
	return check_failed;
}
