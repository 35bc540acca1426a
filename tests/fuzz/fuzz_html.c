/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_html.c - charset, HTML, fold and render in a row: how the bytes were cut and how much room was there
 *               must not matter, output is bounded
 *
 * Why     HTML hands on whole characters; so fold and render get the bytes as they came as well.
 */
#include "engine/text/charset.h"
#include "engine/text/fold.h"
#include "engine/text/html.h"

struct sum {
	uint64_t h[9]; /* lanes, attributes, folded, rendered, both of the raw bytes, converted */
	size_t cap;    /* of the buffers of fold and render; the charset's is 48 bytes smaller */
	size_t converted, in, out;
	struct fold fold, raw_fold;
	struct render render, raw_render;
};

static void
mix(uint64_t *h, struct span v)
{
	for (size_t i = 0; i < v.len; i++)
		*h = (*h ^ (unsigned char)v.p[i]) * 1099511628211u;
}

static void
raw_text(struct sum *s, struct span text)
{
	char buf[256];

	for (struct span t = text; t.len > 0;)
		mix(&s->h[6], span(buf, fold_feed(&s->raw_fold, &t, buf, s->cap)));
	for (struct span t = text; t.len > 0;)
		mix(&s->h[7], span(buf, render_feed(&s->raw_render, &t, buf, s->cap)));
}

static void
on_text(void *ctx, enum html_lane lane, struct span text)
{
	struct sum *s = ctx;
	char buf[256];

	mix(&s->h[lane], text);
	if (lane != HTML_VISIBLE)
		return;
	for (struct span t = text; t.len > 0;) {
		size_t n = fold_feed(&s->fold, &t, buf, s->cap);

		s->out += n;
		mix(&s->h[4], span(buf, n));
	}
	for (struct span t = text; t.len > 0;)
		mix(&s->h[5], span(buf, render_feed(&s->render, &t, buf, s->cap)));
	s->in += text.len;
	BUG_ON(s->out > FOLD_CAP(s->in));
}

static void
on_attr(void *ctx, const struct html_attr *a)
{
	struct sum *s = ctx;

	BUG_ON(a->value.len > HTML_VALUE_MAX);
	mix(&s->h[3], a->tag);
	mix(&s->h[3], a->name);
	mix(&s->h[3], a->value);
	s->h[3] ^= a->tag.len << 24 | a->name.len << 8 | (a->is_hidden ? 2u : 0) | a->is_cut;
	for (unsigned lane = 0; lane < 3; lane++) /* text and links come in order */
		s->h[3] = s->h[3] * 31 + s->h[lane];
}

static void
on_link_end(void *ctx)
{
	struct sum *s = ctx;

	s->h[3] = s->h[3] * 37 + s->h[HTML_VISIBLE];
}

static const struct html_ops ops = { on_text, on_attr, on_link_end };
static const char *const names[] = { "utf-8",        "iso-8859-1",  "utf-7",    "utf-16",
	                             "koi8-r",       "iso-2022-jp", "gb18030",  "big5",
	                             "euc-kr",       "shift_jis",   "",         "x-none",
	                             "windows-1251", "utf-16be",    "utf-16le", "euc-jp" };

static void
shown(struct html *h, struct sum *s, struct span utf8)
{
	mix(&s->h[8], utf8);
	s->converted += utf8.len;
	html_feed(h, utf8);
}

static void
run(struct html *h, struct charset_set *set, unsigned id, struct sum *s, const char *p, size_t n,
    size_t step, size_t cap)
{
	struct charset_conv c;
	char buf[256];

	memset(s, 0, sizeof(*s));
	s->cap = cap;
	html_reset(h);
	charset_begin(&c, set, span_z(names[id % ARRAY_LEN(names)]));
	for (size_t i = 0; i < n; i += step) {
		char *cut = malloc(MIN(step, n - i));
		struct span in = span(cut, MIN(step, n - i));

		memcpy(cut, p + i, in.len);
		raw_text(s, in);
		while (in.len > 0)
			shown(h, s, span(buf, charset_feed(&c, &in, buf, s->cap - 48)));
		free(cut);
	}
	shown(h, s, span(buf, charset_end(&c, buf, sizeof(buf))));
	BUG_ON(s->converted > 3 * n + 8);
	html_end(h);
	mix(&s->h[4], span(buf, fold_end(&s->fold, buf, sizeof(buf))));
	mix(&s->h[5], span(buf, render_end(&s->render, buf, sizeof(buf))));
	mix(&s->h[6], span(buf, fold_end(&s->raw_fold, buf, sizeof(buf))));
	mix(&s->h[7], span(buf, render_end(&s->raw_render, buf, sizeof(buf))));
	mix(&s->h[3], span(html_stats(h), sizeof(struct html_stats)));
	s->h[8] += c.bad_cnt;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sum a, b;
	static struct html *ha, *hb;
	static struct charset_set *set;

	if (!ha) {
		ha = html_new(&ops, &a);
		hb = html_new(&ops, &b);
		set = charset_set_new();
	}
	if (size < 3)
		return 0;
	run(ha, set, data[1], &a, (const char *)data + 2, size - 2, size, 256);
	run(hb, set, data[1], &b, (const char *)data + 2, size - 2, 1u + data[0] % 32,
	    FOLD_CAP_MIN + data[0] / 32);
	BUG_ON(memcmp(a.h, b.h, sizeof(a.h)) != 0);
	return 0;
}
