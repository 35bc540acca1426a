/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_mime.c - how the bytes were cut must not matter; offsets and counts agree; every part that begins ends
 */
#include "engine/mime/mime.h"

struct sum {
	uint64_t h;
	int open;
};

static void
mix(struct sum *s, struct span v)
{
	for (size_t i = 0; i < v.len; i++)
		s->h = (s->h ^ (unsigned char)v.p[i]) * 1099511628211u;
}

static void
on_header(void *ctx, const struct mime_header *h)
{
	mix(ctx, h->path);
	mix(ctx, h->name);
	mix(ctx, h->raw);
	mix(ctx, h->value);
}

static void
on_begin(void *ctx, const struct mime_part *p)
{
	struct sum *s = ctx;

	BUG_ON(++s->open > MIME_DEPTH_MAX + 2);
	mix(s, p->path);
	mix(s, p->type);
	mix(s, p->name);
	mix(s, p->charset);
}

static void
on_data(void *ctx, const struct mime_part *p, struct span data, uint64_t offset)
{
	BUG_ON(p->flags & MIME_F_CONTAINER || data.len == 0 || offset + data.len != p->bytes);
	mix(ctx, data);
}

static void
on_outside(void *ctx, const struct mime_part *p, struct span data)
{
	BUG_ON(!(p->flags & MIME_F_CONTAINER));
	mix(ctx, data);
}

static void
on_end(void *ctx, const struct mime_part *p)
{
	struct sum *s = ctx;

	BUG_ON(--s->open < 0);
	s->h = (s->h ^ p->flags ^ p->bytes << 32) * 1099511628211u;
}

static const struct mime_ops ops = { .on_header = on_header,
	                             .on_part_begin = on_begin,
	                             .on_data = on_data,
	                             .on_outside = on_outside,
	                             .on_part_end = on_end };

static uint64_t
run(struct mime *m, struct sum *s, const char *p, size_t n, size_t step)
{
	s->h = 1;
	s->open = 0;
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
