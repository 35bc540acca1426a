/* SPDX-License-Identifier: BSD-3-Clause
 * test_text.c - charsets, folding, rendering, HTML: each case at every cut
 */
#include "base/rng.h"
#include "engine/text/charset.h"
#include "engine/text/fold.h"
#include "engine/text/html.h"
#include "engine/text/utf8.h"
#include "tests/check.h"
#include <time.h>

static struct charset_set *charsets;

static size_t
convert(const char *name, struct span in, size_t step, char *out, size_t out_cap)
{
	struct charset_conv c;
	size_t n = 0;

	charset_begin(&c, charsets, span_z(name));
	while (in.len > 0) {
		struct span piece = span(in.p, MIN(step, in.len));

		in = span_skip(in, piece.len);
		while (piece.len > 0)
			n += charset_feed(&c, &piece, out + n, MIN(out_cap - n, 64 + step));
	}
	return n + charset_end(&c, out + n, out_cap - n);
}

static void
test_charset(void)
{
	/* clang-format off */
	static const struct { const char *name, *in, *out; } cases[] = {
		{ "", "abc", "abc" },
		{ "utf-8", "\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "utf-8", "caf\xe9 \x93x\x94", "caf\xc3\xa9 \xe2\x80\x9cx\xe2\x80\x9d" },
		{ "us-ascii", "\xc3(\xe2\x82", "\xc3\x83(\xc3\xa2\xe2\x80\x9a" },
		{ "utf-8", "\xed\xa0\x80", "\xc3\xad\xc2\xa0\xe2\x82\xac" },
		{ "x-none", "caf\xe9", "caf\xc3\xa9" },
		{ "ISO-8859-1", "caf\xe9\x80", "caf\xc3\xa9\xe2\x82\xac" },
		{ "latin2", "\xb1", "\xc4\x85" },
		{ "koi8-r", "\xf0\xf2\xe9", "\xd0\x9f\xd0\xa0\xd0\x98" },
		{ "windows-1251", "\xcf\xf0", "\xd0\x9f\xd1\x80" },
		{ "utf-7", "Hi +AGEAYg-c +- +2D3eAA-!", "Hi abc + \xf0\x9f\x98\x80!" },
		{ "utf-16", "\xff\xfe" "a\0b\0", "ab" },
		{ "utf-16le", "a\0\x3d\xd8\x00\xde", "a\xf0\x9f\x98\x80" },
		{ "iso-2022-jp", "\x1b$B$3$s\x1b(B!", "\xe3\x81\x93\xe3\x82\x93!" },
		{ "gb2312", "\xc4\xe3\xba\xc3", "\xe4\xbd\xa0\xe5\xa5\xbd" },
		{ "big5", "\xa7\x41\xa6\x6e", "\xe4\xbd\xa0\xe5\xa5\xbd" },
		{ "euc-kr", "\xb0\xa1", "\xea\xb0\x80" },
		{ "shift_jis", "\x82\xb1", "\xe3\x81\x93" },
		{ "gb2312", "a\xff", "a\xef\xbf\xbd" },
	};
	/* clang-format on */
	static const size_t lens[ARRAY_LEN(cases)] = { [11] = 6, [12] = 6 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 24; step++) {
			char out[512];
			struct span in = span(cases[i].in, lens[i] ? lens[i] : strlen(cases[i].in));
			size_t n = convert(cases[i].name, in, step, out, sizeof(out));

			CHECK(span_is(span(out, n), cases[i].out), "%zu %s step %zu: %.*s", i,
			      cases[i].name, step, (int)n, out);
			n = charset_to_utf8(charsets, span_z(cases[i].name), in, out, sizeof(out));
			CHECK(span_is(span(out, n), cases[i].out), "at once %s", cases[i].name);
		}
	char two[2];
	CHECK(charset_to_utf8(charsets, span_z("utf-8"), span_z("a\xe2\x82\xac"), two, 2) == 1);
	CHECK(charset_is_known(span_z("KOI8-R")) && !charset_is_known(span_z("klingon")));
}

static void
test_fold(void)
{
	/* clang-format off */
	static const struct { const char *in, *folded, *rendered; } cases[] = {
		{ "", "", "" },
		{ "Hello  World", "hello world ", "Hello World\n" },
		{ " \n a", "a ", "a\n" },
		{ "A\nB\n\nC \n \t\nD", "a b c d ", "A B\nC \nD\n" },
		{ "A\r\nB\r\n\r\nC", "a b c ", "A B\nC\n" },
		{ "V\xc2\xadi\xe2\x80\x8b" "agra", "viagra ", "V\xc2\xadi\xe2\x80\x8b" "agra\n" },
		{ "\xef\xbc\xb6\xef\xbc\xa9\xef\xbc\xa1", "via ", "\xef\xbc\xb6\xef\xbc\xa9\xef\xbc\xa1\n" },
		{ "\xf0\x9d\x90\x95\xf0\x9d\x90\xa2", "vi ", "\xf0\x9d\x90\x95\xf0\x9d\x90\xa2\n" },
		{ "\xef\xac\x81ne", "fine ", "\xef\xac\x81ne\n" },
		{ "\xd0\xa0\xd0\xb0\xd1\x83\xd1\x80\xd0\xb0l", "paypal ", "\xd0\xa0\xd0\xb0\xd1\x83\xd1\x80\xd0\xb0l\n" },
		{ "vi\xcc\x81" "agra v\xc3\xad" "agra", "viagra viagra ", "vi\xcc\x81" "agra v\xc3\xad" "agra\n" },
		{ "a\xc2\xa0\xe3\x80\x80" "b", "a b ", "a b\n" },
		{ "\x01" "a\x7f" "b", "ab ", "\x01" "a\x7f" "b\n" },
		{ "x\xe2\x82", "x\xef\xbf\xbd\xef\xbf\xbd ", "x\xef\xbf\xbd\xef\xbf\xbd\n" },
		{ "\xe2\x82" "A", "\xef\xbf\xbd\xef\xbf\xbd" "a ", "\xef\xbf\xbd\xef\xbf\xbd" "A\n" },
		{ "THE QUICK BROWN FOX JUMPS OVER 13 lazy DOGS  and more of it",
		  "the quick brown fox jumps over 13 lazy dogs and more of it ",
		  "THE QUICK BROWN FOX JUMPS OVER 13 lazy DOGS and more of it\n" },
		{ "\xe4\xbd\xa0\xe5\xa5\xbd", "\xe4\xbd\xa0\xe5\xa5\xbd ", "\xe4\xbd\xa0\xe5\xa5\xbd\n" },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 80; step++) {
			struct fold f = { 0 };
			struct render r = { 0 };
			char a[512], b[512];
			size_t an = 0, bn = 0, len = strlen(cases[i].in);

			for (size_t at = 0; at < len; at += step) {
				struct span s = span(cases[i].in + at, MIN(step, len - at)), t = s;

				while (s.len > 0)
					an += fold_feed(&f, &s, a + an, FOLD_CAP_MIN);
				while (t.len > 0)
					bn += render_feed(&r, &t, b + bn, FOLD_CAP_MIN);
			}
			an += fold_end(&f, a + an, FOLD_CAP_MIN);
			/* A part more begins behind an empty line. */
			bn += render_cut(&r, b + bn, FOLD_CAP_MIN);
			struct span more = span("\n\n", 2);
			bn += render_feed(&r, &more, b + bn, FOLD_CAP_MIN);
			bn += render_end(&r, b + bn, FOLD_CAP_MIN);
			CHECK(span_is(span(a, an), cases[i].folded), "%zu step %zu: %.*s", i, step,
			      (int)an, a);
			CHECK(span_is(span(b, bn), cases[i].rendered), "%zu step %zu: %.*s", i,
			      step, (int)bn, b);
		}
	char out[8];
	CHECK(span_is(span(out, fold_span(span_z("Act NOW "), out, sizeof(out))), "act now"));
	CHECK(fold_span(span_z("123456789"), out, sizeof(out)) == 8);
}

static void
test_undisguise(void)
{
	/* clang-format off */
	static const struct { const char *in, *out; } cases[] = {
		{ "plain text", "" },
		{ "B\xc3\xbc" "cher \xd0\xbf\xd0\xb0\xd1\x81 text", "" }, /* accents, a Cyrillic word beside a Latin one */
		{ "V\xc2\xadi\xe2\x80\x8b" "Agra B\xc3\xbc" "cher", "ViAgra B\xc3\xbc" "cher" },
		{ "P\xd0\xb0ypal", "Paypal" },
		{ "r\xd0\xb5plica \xd1\x81\xd0\xb0\xd1\x81\xd0\xb0", "replica caca" }, /* one word tells on all */
		{ "\xef\xbc\xb6ia A\xe2\x80\x83z", "via A\xe2\x80\x83z" },
		{ "x\xe2\x82\xe2\x80\x8by", "x\xe2\x82y" },
	};
	/* clang-format on */
	char out[64];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = fold_undisguise(span_z(cases[i].in), out, sizeof(out));

		CHECK(span_is(span(out, n), cases[i].out), "%zu: %.*s", i, (int)n, out);
	}
	CHECK(fold_undisguise(span_z("a\xe2\x80\x8b"
	                             "bcdef"),
	                      out, 3) == 3 &&
	      !memcmp(out, "abc", 3));
}

/* White space at both ends, as SpamAssassin keeps it. */
static void
test_render_ends(void)
{
	static const struct {
		const char *in;
		bool in_text;
		const char *out;
	} cases[] = {
		{ "a", false, "a" },
		{ "a ", false, "a " },
		{ " a", false, "a" },
		{ " a", true, " a" },
		{ "\n\na\n", true, "\na " },
		{ "a\n\n", false, "a\n" },
		{ "a\n \n ", false, "a\n " },
		{ "\n", false, "" },
		{ "", true, "" },
		{ "\n\n", true, "\n" },
		{ "a \n\n\tb", false, "a \n b" },
		{ "a\r\n \r\nb", false, "a\nb" },
		{ "a\t\r\nb", false, "a b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct render r = { .in_text = cases[i].in_text };
		struct span s = span_z(cases[i].in);
		char out[256];
		size_t n = 0;

		while (s.len > 0)
			n += render_feed(&r, &s, out + n, FOLD_CAP_MIN);
		n += render_end(&r, out + n, FOLD_CAP_MIN);
		CHECK(span_is(span(out, n), cases[i].out), "%zu: '%.*s'", i, (int)n, out);
	}
}

/* No character grows more than fold.h says, and one grows that much. */
static void
test_fold_growth(void)
{
	size_t grown = 0;

	for (uint32_t cp = 1; cp < 0x110000; cp++) {
		char in[4], out[FOLD_CAP(4)];
		size_t len = utf8_put(in, cp), n = fold_span(span(in, len), out, sizeof(out));

		CHECK(n <= FOLD_GROWTH * len, "U+%04X: %zu bytes become %zu", cp, len, n);
		grown += n == FOLD_GROWTH * len;
	}
	CHECK(grown > 0);
}

struct lanes {
	char text[3][1024], urls[1024];
	size_t len[3];
};

static void
on_text(void *ctx, enum html_lane lane, struct span s)
{
	struct lanes *l = ctx;

	memcpy(l->text[lane] + l->len[lane], s.p, s.len);
	l->len[lane] += s.len;
	l->text[lane][l->len[lane]] = 0;
}

static void
on_attr(void *ctx, const struct html_attr *a)
{
	struct lanes *l = ctx;

	snprintf(l->urls + strlen(l->urls), sizeof(l->urls) - strlen(l->urls), "%.*s.%.*s=%.*s%s ",
	         (int)a->tag.len, a->tag.p, (int)a->name.len, a->name.p, (int)a->value.len,
	         a->value.p, a->is_hidden ? "(hidden)" : "");
}

/* Where in the shown text a link ends. */
static void
on_link_end(void *ctx)
{
	struct lanes *l = ctx;

	snprintf(l->urls + strlen(l->urls), sizeof(l->urls) - strlen(l->urls), "</a>%zu ",
	         l->len[HTML_VISIBLE]);
}

/* clang-format off */
static const struct { const char *in, *visible, *hidden, *urls; } html_cases[] = {
	{ "V<b>i</b>a<!-- x -->gr<i>a", "Viagra", "", "" },
	{ "a &lt; b &amp;amp; &#86;&#x49;&nbsp;x&eacute;&copy", "a < b &amp; VI\xc2\xa0x\xc3\xa9\xc2\xa9", "", "" },
	{ "a&emsp;b&sup;c", "a\xe2\x80\x83" "b\xe2\x8a\x83" "c", "", "" }, /* "emsp13", "sup1" sort before them */
	{ "&notit; &unknown; & &#; &#x; AT&T &#128;&#0;&#x110000;",
	  "\xc2\xacit; &unknown; & &#; &#x; AT&T \xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd", "", "" },
	{ "<p>one<p>two<br>three<br><br>four</p>", "\n\none\n\ntwo\nthree\n\nfour\n\n", "", "" },
	{ "  a\n\n b <td>c<td>d<script>if (a</b) x</script>e", "a b c de", "", "" },
	{ "a<span style='display:none'>hid<b>den</b></span>b", "ab", "hidden", "" },
	{ "a<span style=\"font-size:0px\">x<span style='font-size:12px'>y</span></span>b", "ayb", "x", "" },
	{ "a<span style='visibility: hidden'>x<i style='visibility:visible'>y</i></span>b", "ayb", "x", "" },
	{ "a<font color=white>x</font>b<font color='#FEFEFE'>y</font>", "ab", "xy", "" },
	{ "<body bgcolor=#000000><font color=white>x</font><span style='color:#000'>y", "x", "y", "" },
	{ "<div style='background:url(http://e/x)'><font color=white>x", "\nx", "", "div.style=http://e/x " },
	/* ways to hide, one a line */
	{ "<i style='color:transparent'>x</i><i style='color: RGBA(0, 0,0, 0)'>y</i><i style='color:rgba(0,0,0,.9)'>z", "z", "xy", "" },
	{ "<i style='background:transparent'>x</i><i bgcolor=transparent>y", "xy", "", "" },
	{ "<i style='font:0/0 a'>x</i><i style='font:bold 0px a'>y</i><i style='font: 12px/0 a'>z</i><i style='font:bold 1em a'>w", "zw", "xy", "" },
	{ "<i style='position:absolute;left:-9999px'>x</i><i style='position:absolute;top:-50em'>y</i><i style='left:-9999px'>z", "z", "xy", "" },
	{ "<i style='position:absolute;right:-100vw'>x</i><i style='position:absolute;bottom:-20px'>y", "y", "x", "" },
	{ "<i style='margin-left:-999px'>x</i><i style='margin-left:-20px'>y</i><i style='text-indent:-99em'>z", "y", "xz", "" },
	{ "<i style='position:absolute;clip:rect(1px, 1px 1px,1px)'>x</i><i style='position:absolute;clip:rect(0,9px,9px,0)'>y", "y", "x", "" },
	{ "<i style='clip-path:inset(50%)'>x</i><i style='clip-path:inset(5%)'>y</i><i style='clip-path:circle(0)'>z", "y", "xz", "" },
	{ "<i style='transform:scale(0)'>x</i><i style='transform:scale(.9)'>y</i><i style='opacity:.01'>z", "y", "xz", "" },
	{ "<i style='width:0;overflow:hidden'>x</i><i style='width:0'>y", "y", "x", "" },
	{ "<table bgcolor=#fff><td><font color=white>x</font><font size=0>y</font><font size=1>z", " z", "xy", "" },
	/* style sheets: one class or id; not in @media, no combinators, no states */
	{ "<style>.a{display:none}</style>x<i class=a>y</i><i class='b a c'>z</i><i class=b>w", "xw", "yz", "" },
	{ "<style><!-- /* .b{} */ p.a , #i { color : #fff/**/ ; } --></style><u class=a>x</u><b id=i>y</b><b id=a>z", "z", "xy", "" },
	{ "<style>@import 'x';@media print{.a{display:none}.b{}}.c{font-size:0}</style><i class=a>x</i><i class=c>y", "x", "y", "" },
	{ "<style>.a .b{display:none}.c:hover{display:none}div>.d{display:none}.e{}</style><i class=b>x</i><i class=c>y</i><i class=d>z", "xyz", "", "" },
	{ "<style>.a{font-size:0}</style><i class=a style='font-size:12px'>x</i><style>.b{visibility:hidden}</style><i class='a b'>y", "x", "y", "" },
	{ "<style>Q{display:none} i{color:#fff} body{background:#222}</style><body>x<q>y</q><i>z</i><i style='color:#222'>w", "xz", "yw", "" },
	{ "<style>.a{display:none</style><i class=a>x</i><style>}.b{display:none}</style><i class=b>y", "x", "y", "" },
	{ "a<div hidden>x</div>b", "a\n\nb", "x", "" },
	{ "<style>b{}</style><title>T &amp; t</title>x", "\n\n\n\nx", "", "" },
	{ "<a href=http://x/?a&amp;b=1>l</a><IMG SRC = \" http://y/\n1\" >", "l", "", "a.href=http://x/?a&b=1 </a>1 img.src=http://y/1 " },
	{ "<a title='>' href='&#104;ttp://x/'>", "", "", "a.href=http://x/ " },
	{ "<span style=display:none><a href=u>", "", "", "a.href=u(hidden) " },
	{ "<meta http-equiv=refresh content=\"0; URL='http://m/'\">", "", "", "meta.content=http://m/ " },
	{ "a < b <3 </> <?x?> c <!doctype html>d<!-->e<!--->f<!-- -- > --!>g", "a < b <3 c defg", "", "" },
	{ "<a href=\"http://cut", "", "", "a.href=http://cut " },
	{ "<pre>a  b\nc</pre>d", "\n\na  b\nc\n\nd", "", "" },
	{ "<p>a</p></td>\n<td><p>b</p></td><td>c", "\n\na\n\n  \nb\n\n  c", "", "" }, /* a break, a blank, a break: b begins its paragraph */
	{ "<a href=x/>y</a/><br/>z", "y\nz", "", "a.href=x/ </a>1 " },
	{ "ab <a href=x>c d <b>e</a>f</b></abbr></A >g", "ab c d efg", "", "a.href=x </a>8 </a>9 " },
	{ "<p style='display:none'>x<div>y</div>", "\n\n\ny\n", "x", "" },
	{ "x<", "x<", "", "" },
};
/* clang-format on */

static void
test_html(void)
{
	static const struct html_ops ops = { on_text, on_attr, on_link_end };
	static struct lanes l;
	struct html *h = html_new(&ops, &l);

	for (size_t i = 0; i < ARRAY_LEN(html_cases); i++)
		for (size_t step = 1; step < 60; step++) {
			size_t n = strlen(html_cases[i].in);

			memset(&l, 0, sizeof(l));
			html_reset(h);
			for (size_t k = 0; k < n; k += step)
				html_feed(h, span(html_cases[i].in + k, MIN(step, n - k)));
			html_end(h);
			CHECK(!strcmp(l.text[HTML_VISIBLE], html_cases[i].visible),
			      "%s step %zu: '%s'", html_cases[i].in, step, l.text[HTML_VISIBLE]);
			CHECK(!strcmp(l.text[HTML_HIDDEN], html_cases[i].hidden), "%s: '%s'",
			      html_cases[i].in, l.text[HTML_HIDDEN]);
			CHECK(!strcmp(l.urls, html_cases[i].urls), "%s: '%s'", html_cases[i].in,
			      l.urls);
		}
	html_free(h);
}

static void
ignore_text(void *ctx, enum html_lane lane, struct span s)
{
	(void)lane;
	*(uint64_t *)ctx += s.len;
}

static double
seconds(struct html *h, const char *unit, size_t n)
{
	size_t u = strlen(unit);
	char *p = malloc(n + u);
	double best = 1e9;

	for (size_t i = 0; i < n; i += u)
		memcpy(p + i, unit, u);
	for (int k = 0; k < 3; k++) {
		struct timespec a, b;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		html_reset(h);
		for (size_t i = 0; i < n; i += 16384)
			html_feed(h, span(p + i, MIN((size_t)16384, n - i)));
		html_end(h);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		best = MIN(best,
		           (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9);
	}
	free(p);
	return best;
}

static void
test_linear(void)
{
	static const struct html_ops ops = { ignore_text, NULL, NULL };
	/* clang-format off */
	static const char *const units[] = {
		"some words of plain text, as they come in a mail ", "&amp;", "&", "&NotAnEntityButVeryLongIndeedYes;", "&#", "<b>", "<div>",
		"</p>", "<", "<!--", "<a href=\"", "<script>", "<p style='color:red;background:url(((('>", "<a b='",
		"<i style=';;;;;;;url(url(url('>", "<br>", "<td>", "\xc3\xa9",
	};
	/* clang-format on */
	uint64_t sum = 0;
	struct html *h = html_new(&ops, &sum);

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		double small = seconds(h, units[i], 1u << 18),
		       big = seconds(h, units[i], 10u << 18);

		printf("%-50s %6.0f MB/s\n", units[i], 10 * 0.262144 / big);
		CHECK(big < small * 20 + 0.002, "%s: %g %g", units[i], small, big);
	}
	html_free(h);
}

/* With room for FOLD_CAP_MIN bytes text goes a character at a time, with more in blocks: both must say the same. */
/* Over 60 lines: one table of places in a block. */
static void
test_fold_blocks(void)
{
	static const char *const pieces[] = {
		" ",
		"  ",
		"\r\n",
		"\n",
		"\n\n",
		"\t",
		"\v\f",
		"word",
		"Word",
		"AZ[@`{",
		"\x01",
		"\x7f",
		"\xc3\xa9",
		"\xc2\xa0",
		"\xe2\x80\xa8",
		"\x80",
		"\xf0\x9d\x90\x95",
		"a quite long run of PLAIN text, all ASCII, ",
		".",
	};
	struct rng rng;

	rng_seed(&rng, 99);
	for (unsigned k = 0; k < 20000; k++) {
		char text[512], out[4][2048];
		size_t len = 0, n[4] = { 0 }, want = rng_below(&rng, 400);
		unsigned kinds = 1 + (unsigned)rng_below(&rng, ARRAY_LEN(pieces));
		struct fold f[2] = { 0 };
		struct render r[2] = { 0 };

		while (len < want) {
			const char *piece = pieces[rng_below(&rng, kinds) * 7 % ARRAY_LEN(pieces)];

			memcpy(text + len, piece, strlen(piece));
			len += strlen(piece);
		}
		for (size_t at = 0; at < len;) {
			size_t step = 1 + rng_below(&rng, 300); /* MIN would draw twice */

			step = MIN(step, len - at);

			for (unsigned i = 0; i < 2; i++) {
				size_t cap = i ? 1024 : FOLD_CAP_MIN;
				struct span s = span(text + at, step), t = s;

				while (s.len > 0)
					n[i] += fold_feed(&f[i], &s, out[i] + n[i], cap);
				while (t.len > 0)
					n[2 + i] +=
					        render_feed(&r[i], &t, out[2 + i] + n[2 + i], cap);
			}
			at += step;
		}
		for (unsigned i = 0; i < 2; i++) {
			n[i] += fold_end(&f[i], out[i] + n[i], FOLD_CAP_MIN);
			n[2 + i] += render_end(&r[i], out[2 + i] + n[2 + i], FOLD_CAP_MIN);
		}
		CHECK(span_eq(span(out[0], n[0]), span(out[1], n[1])), "folded %u", k);
		CHECK(span_eq(span(out[2], n[2]), span(out[3], n[3])), "rendered %u", k);
	}
}

int
main(void)
{
	test_render_ends();
	charsets = charset_set_new();
	test_charset();
	test_fold();
	test_undisguise();
	test_fold_blocks();
	test_fold_growth();
	test_html();
	test_linear();
	charset_set_free(charsets);
	return check_failed;
}
