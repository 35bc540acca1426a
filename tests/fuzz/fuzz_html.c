/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_html.c - charset, HTML, fold and render in a row: how the bytes were cut must not matter, output is bounded
 *
 * Why     HTML hands on whole characters; so fold and render get the bytes as they came as well.
 */
#include "engine/text/charset.h"
#include "engine/text/fold.h"
#include "engine/text/html.h"

struct sum {
	uint64_t h[8]; /* lanes, attributes, folded, rendered, both of the raw bytes */
	size_t in, out;
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
		mix(&s->h[6], span(buf, fold_feed(&s->raw_fold, &t, buf, sizeof(buf))));
	for (struct span t = text; t.len > 0;)
		mix(&s->h[7], span(buf, render_feed(&s->raw_render, &t, buf, sizeof(buf))));
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
		size_t n = fold_feed(&s->fold, &t, buf, sizeof(buf));

		s->out += n;
		mix(&s->h[4], span(buf, n));
	}
	for (struct span t = text; t.len > 0;)
		mix(&s->h[5], span(buf, render_feed(&s->render, &t, buf, sizeof(buf))));
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
	s->h[3] ^= (uint64_t)a->is_hidden << 1 | a->is_cut;
	s->h[3] = s->h[3] * 31 + s->in; /* text and links come in order */
}

static const struct html_ops ops = { on_text, on_attr };
static const char *const names[] = { "utf-8",  "iso-8859-1",  "utf-7",   "utf-16",
	                             "koi8-r", "iso-2022-jp", "gb18030", "big5",
	                             "euc-kr", "shift_jis",   "",        "x-none" };

static void
run(struct html *h, struct charset_set *set, unsigned id, struct sum *s, const char *p, size_t n,
    size_t step)
{
	struct charset_conv c;
	char buf[256];

	memset(s, 0, sizeof(*s));
	html_reset(h);
	charset_begin(&c, set, span_z(names[id % ARRAY_LEN(names)]));
	for (size_t i = 0; i < n; i += step) {
		char *cut = malloc(MIN(step, n - i));
		struct span in = span(cut, MIN(step, n - i));

		memcpy(cut, p + i, in.len);
		raw_text(s, in);
		while (in.len > 0)
			html_feed(h, span(buf, charset_feed(&c, &in, buf, sizeof(buf))));
		free(cut);
	}
	html_feed(h, span(buf, charset_end(&c, buf, sizeof(buf))));
	html_end(h);
	mix(&s->h[4], span(buf, fold_end(&s->fold, buf, sizeof(buf))));
	mix(&s->h[5], span(buf, render_end(&s->render, buf, sizeof(buf))));
	mix(&s->h[6], span(buf, fold_end(&s->raw_fold, buf, sizeof(buf))));
	mix(&s->h[7], span(buf, render_end(&s->raw_render, buf, sizeof(buf))));
	mix(&s->h[3], span(html_stats(h), sizeof(struct html_stats)));
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
	run(ha, set, data[1], &a, (const char *)data + 2, size - 2, size);
	run(hb, set, data[1], &b, (const char *)data + 2, size - 2, 1u + data[0] % 32);
	BUG_ON(memcmp(a.h, b.h, sizeof(a.h)) != 0);
	return 0;
}
