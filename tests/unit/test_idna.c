/* SPDX-License-Identifier: BSD-3-Clause
 * test_idna.c - the private libidn2 against the shared one, name by name, and not one malloc
 */
#include "base/rng.h"
#include "engine/idna/idna.h"
#include "tests/check.h"
#include "tests/malloc_count.h"
#include <idn2.h>

static unsigned good_cnt, bad_cnt;

/* Both ways as libidn2 says, and no allocation. */
static void
compare(const char *name)
{
	char ascii[SMTP_DOMAIN_MAX + 1], back[1024], *want_back = NULL;
	uint8_t *want = NULL;
	size_t n, back_len;
	uint64_t mallocs;
	bool good = idn2_lookup_u8((const uint8_t *)name, &want,
	                           IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK;
	bool good_back = idn2_to_unicode_8z8z(good ? (char *)want : name, &want_back, 0) == IDN2_OK;

	malloc_count_on();
	n = idna_to_ascii(name, ascii);
	back_len = idna_to_unicode(good ? (char *)want : name, back, sizeof(back));
	mallocs = malloc_count_off();
	CHECK(mallocs == 0, "%s: %llu allocations", name, (unsigned long long)mallocs);
	CHECK(n == (good ? strlen((char *)want) : 0), "%s: %zu bytes, want %s", name, n,
	      good ? (char *)want : "none");
	if (good && n > 0)
		CHECK(!strcmp(ascii, (char *)want), "%s: %s, want %s", name, ascii, (char *)want);
	CHECK(back_len == (good_back ? strlen(want_back) : 0) &&
	              (!good_back || !memcmp(back, want_back, back_len)),
	      "%s back: %.*s", name, (int)back_len, back);
	good_cnt += good;
	bad_cnt += !good;
	idn2_free(want);
	idn2_free(want_back);
}

/* "" : refused. What libidn2 says is checked by compare(); here stands what we want it to say. */
static void
test_listed(void)
{
	static const struct {
		const char *name, *ascii;
	} rows[] = {
		{ "münchen.test", "xn--mnchen-3ya.test" },
		{ "mu\xcc\x88nchen.test", "xn--mnchen-3ya.test" }, /* u and a combining mark */
		{ "MÜNCHEN.Test", "xn--mnchen-3ya.test" },
		{ "straße.test", "xn--strae-oqa.test" },
		{ "βόλος.test", "xn--nxasmm1c.test" },
		{ "ΒΌΛΟΣ.test",
		  "xn--nxasmq6b.test" }, /* lower case of a letter alone: no final sigma */
		{ "пример.рф", "xn--e1afmkfd.xn--p1ai" },
		{ "مثال.test", "xn--mgbh0fb.test" },
		{ "דוגמה.test", "xn--6dbbec0c.test" },
		{ "例え.test", "xn--r8jz45g.test" },
		{ "한글.test", "xn--bj0bj06e.test" },
		{ "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab\xe1\x84\x80\xe1\x85\xb3\xe1\x86\xaf.test",
		  "xn--bj0bj06e.test" }, /* jamo */
		{ "ｗｅｂ．test", "web.test" },
		{ "web。test", "web.test" },
		{ "so\xc2\xad"
		  "ft.test",
		  "soft.test" },
		{ "क्\xe2\x80\x8dष.test", "xn--11b2ezcw70k.test" }, /* ZWJ after a virama */
		{ "a\xe2\x80\x8d"
		  "b.test",
		  "" },
		{ "a\xe2\x80\x8c"
		  "b.test",
		  "" },
		{ "\xcc\x81"
		  "a.test",
		  "" },            /* begins with a mark */
		{ "aא.test", "" }, /* both directions */
		{ "l·l.test", "xn--ll-0ea.test" },
		{ "a·b.test",
		  "xn--ab-0ea.test" }, /* RFC 5891 5.4: a lookup asks only whether a rule exists */
		{ "üb--er.test", "" }, /* hyphens in 3 and 4 */
		{ "xn--mnchen-3ya.test", "xn--mnchen-3ya.test" },
		{ "xn--a.ü.test", "" },
		{ "ü\xff.test", "" },
		{ "ü\xc3", "" },
		{ "\xed\xa0\x80.test", "" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[SMTP_DOMAIN_MAX + 1] = "";
		size_t n = idna_to_ascii(rows[i].name, out);

		CHECK(n == strlen(rows[i].ascii) && !strcmp(out, rows[i].ascii), "%s: %s, want %s",
		      rows[i].name, out, rows[i].ascii);
		compare(rows[i].name);
	}
}

static size_t
put_utf8(char *p, uint32_t c)
{
	if (c < 0x80) {
		p[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		p[0] = (char)(0xc0 | c >> 6);
		p[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		p[0] = (char)(0xe0 | c >> 12);
		p[1] = (char)(0x80 | (c >> 6 & 63));
		p[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	p[0] = (char)(0xf0 | c >> 18);
	p[1] = (char)(0x80 | (c >> 12 & 63));
	p[2] = (char)(0x80 | (c >> 6 & 63));
	p[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* Every code point alone in a label, between letters, and before a mark. */
static void
test_code_points(void)
{
	for (uint32_t c = 1; c < 0x32000; c += c < 0x3000 ? 1 : 7) {
		char z[32];
		size_t n = put_utf8(z, c);

		strcpy(z + n, ".test");
		compare(z);
		z[0] = 'a';
		n = 1 + put_utf8(z + 1, c);
		strcpy(z + n, "b\xcc\x81");
		compare(z);
	}
}

static const struct range {
	uint32_t first, last;
} ranges[] = {
	{ 'a', 'z' },         { 'a', 'z' },         { 'A', 'Z' },         { '0', '9' },
	{ '-', '.' },         { '.', '.' },         { 0xc0, 0x24f },      { 0x300, 0x36f },
	{ 0x370, 0x3ff },     { 0x400, 0x52f },     { 0x531, 0x58f },     { 0x591, 0x5f4 },
	{ 0x600, 0x6ff },     { 0x900, 0x97f },     { 0xe00, 0xe7f },     { 0x1100, 0x11ff },
	{ 0x1e00, 0x1fff },   { 0x200b, 0x200f },   { 0x3040, 0x30ff },   { 0x4e00, 0x9fff },
	{ 0xac00, 0xd7a3 },   { 0xd800, 0xdfff },   { 0xfb00, 0xfdff },   { 0xff00, 0xffef },
	{ 0x1d400, 0x1d7ff }, { 0x1f300, 0x1f6ff }, { 0x20000, 0x2a6df }, { 0x1, 0x2f },
};

/* Names mostly of one script, with strangers, marks, dots and broken bytes among them. */
static void
test_generated(void)
{
	struct rng r;

	rng_seed(&r, 1);
	for (unsigned i = 0; i < 30000; i++) {
		const struct range *home = &ranges[rng_below(&r, ARRAY_LEN(ranges))];
		size_t want = 1 + rng_below(&r, rng_odds(&r, 1, 10) ? SMTP_DOMAIN_MAX - 5 : 24);
		char z[SMTP_DOMAIN_MAX + 1];
		size_t n = 0;

		while (n < want) {
			const struct range *from = home;

			if (rng_odds(&r, 1, 5))
				from = &ranges[rng_below(
				        &r, rng_odds(&r, 1, 2) ? 8 : ARRAY_LEN(ranges))];
			n += put_utf8(z + n,
			              from->first + (uint32_t)rng_below(
			                                    &r, from->last - from->first + 1));
		}
		if (rng_odds(&r, 1, 20))
			z[rng_below(&r, n)] = (char)(128 + rng_below(&r, 128));
		z[n] = 0;
		compare(z);
	}
}

/* The longest in bytes, in code points after mapping (U+FDFA: eighteen), in marks that are put in order, in labels. */
static void
test_bounds(void)
{
	char z[SMTP_DOMAIN_MAX + 2], out[SMTP_DOMAIN_MAX + 1] = "kept";
	static const uint32_t fill[] = { 0xfdfa, 0x301, 0x4e00, 0xfc, 0x1d15e, 0x3002 };

	for (size_t f = 0; f < ARRAY_LEN(fill); f++)
		for (size_t max = 57; max <= SMTP_DOMAIN_MAX; max++) {
			size_t n = 0;

			z[n++] = 'a';
			while (n + 4 <= max)
				n += put_utf8(z + n, fill[f] ^ (fill[f] == 0x301 ? n & 0x3e : 0));
			while (n < max)
				z[n++] = 'b';
			z[n] = 0;
			compare(z);
		}
	memset(z, 'a', sizeof(z) - 1);
	z[sizeof(z) - 1] = 0;
	CHECK(idna_to_ascii(z, out) == 0 && !strcmp(out, "kept"), "one byte too long");
	CHECK(idna_to_unicode(z, out, sizeof(out)) == 0);
	CHECK(idna_to_unicode("xn--mnchen-3ya", out, 3) == 3 && !memcmp(out, "m\xc3\xbc", 3),
	      "cut");
	strcpy(z, "\xc3\xbc");
	CHECK(idna_to_ascii(z, z) == 7 && !strcmp(z, "xn--tda"), "out may be name");
}

/* Does the counter see anything at all? */
static void
test_counter(void)
{
	void *volatile p;

	malloc_count_on();
	p = malloc(1);
	free(p);
	p = calloc(1, 1);
	p = realloc(p, 4000);
	free(p);
	CHECK(malloc_count_off() >= 3);
}

int
main(void)
{
	test_counter();
	test_listed();
	test_code_points();
	test_generated();
	test_bounds();
	printf("%u names with a form, %u without\n", good_cnt, bad_cnt);
	CHECK(good_cnt > 20000 && bad_cnt > 20000, "the names are not broad");
	return check_failed;
}
