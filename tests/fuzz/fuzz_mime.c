/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_mime.c - how the bytes were cut must not matter; offsets and counts agree; every part that begins ends
 */
#include "engine/mime/mime.h"

enum event { HEADER, BEGIN, DATA, OUTSIDE, END };

struct sum {
	uint64_t h;
	int open;
	uint64_t last; /* event and part */
};

static void
mix(struct sum *s, struct span v)
{
	for (size_t i = 0; i < v.len; i++)
		s->h = (s->h ^ (unsigned char)v.p[i]) * 1099511628211u;
}

static void
mix_number(struct sum *s, uint64_t v)
{
	mix(s, span(&v, sizeof(v)));
}

/* With its length, so that no byte can go from one text to the next. */
static void
mix_text(struct sum *s, struct span v)
{
	mix(s, v);
	mix_number(s, v.len);
}

/* Bytes of one part after another are one event. */
static void
event(struct sum *s, enum event e, unsigned part)
{
	uint64_t now = (uint64_t)e << 32 | part;

	if (now != s->last || (e != DATA && e != OUTSIDE))
		mix_number(s, now);
	s->last = now;
}

static void
on_header(void *ctx, const struct mime_header *h)
{
	event(ctx, HEADER, h->part);
	mix_text(ctx, h->path);
	mix_text(ctx, h->name);
	mix_text(ctx, h->raw);
	mix_text(ctx, h->value);
	mix_number(ctx, h->is_top);
}

static void
on_begin(void *ctx, const struct mime_part *p)
{
	struct sum *s = ctx;

	BUG_ON(++s->open > MIME_DEPTH_MAX + 3); /* containers, a text, a file in it */
	event(s, BEGIN, p->index);
	mix_text(s, p->path);
	mix_text(s, p->type);
	mix_text(s, p->name);
	mix_text(s, p->charset);
	mix_text(s, p->encoding_name);
	mix_number(s, p->encoding);
	mix_number(s, p->depth);
	mix_number(s, p->flags);
}

static void
on_data(void *ctx, const struct mime_part *p, struct span data, uint64_t offset)
{
	BUG_ON(p->flags & MIME_F_CONTAINER || data.len == 0 || offset + data.len != p->bytes);
	event(ctx, DATA, p->index);
	mix(ctx, data);
}

static void
on_outside(void *ctx, const struct mime_part *p, struct span data)
{
	BUG_ON(!(p->flags & MIME_F_CONTAINER));
	event(ctx, OUTSIDE, p->index);
	mix(ctx, data);
}

static void
on_end(void *ctx, const struct mime_part *p)
{
	struct sum *s = ctx;

	BUG_ON(--s->open < 0);
	event(s, END, p->index);
	mix_number(s, p->flags);
	mix_number(s, p->bytes);
}

static const struct mime_ops ops = { .on_header = on_header,
	                             .on_part_begin = on_begin,
	                             .on_data = on_data,
	                             .on_outside = on_outside,
	                             .on_part_end = on_end };

static uint64_t
run(struct mime *m, struct sum *s, const char *p, size_t n, size_t step)
{
	*s = (struct sum){ .h = 1 };
	mime_reset(m);
	for (size_t i = 0; i < n; i += step) {
		char *cut = malloc(
		        MIN(step, n - i)); /* a block of its own: reads past the cut are seen */

		memcpy(cut, p + i, MIN(step, n - i));
		mime_feed(m, span(cut, MIN(step, n - i)));
		free(cut);
	}
	mime_end(m);
	BUG_ON(s->open != 0);
	mix_number(s, mime_flags(m));
	return s->h;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sum s;
	static struct mime *m;

	if (!m)
		m = mime_new(&ops, &s);
	if (size > 1)
		BUG_ON(run(m, &s, (const char *)data + 1, size - 1, size) !=
		       run(m, &s, (const char *)data + 1, size - 1, 1u + data[0] % 32));
	return 0;
}
