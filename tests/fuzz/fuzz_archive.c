/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_archive.c - archives and documents: how the bytes were cut must not matter; every bound holds
 *
 * Input     The first byte chooses the cuts; the rest is the file.
 * Property  Names, links, text and flags are the same; at most FILE_NAMES_MAX names and FILE_LINKS_MAX links, each within its
 *           size; work is at most what INFLATE_BYTES and a factor for signatures that are none allow; a file that was read before
 *           leaves nothing behind.
 */
#include "engine/file/file.h"

/* A signature every 30 bytes, each with a name to look at. */
#define WORK_FACTOR 20

struct sum {
	uint64_t h;
	unsigned names, links;
	bool in_text, in_page;
};

static void
mix(struct sum *s, char kind, struct span v)
{
	bool goes_on = kind == 'T' && s->in_text; /* text in pieces is one text */

	s->in_text = kind == 'T';
	if (!goes_on)
		s->h = (s->h ^ (unsigned char)kind) * 1099511628211u;
	for (size_t i = 0; i < v.len; i++)
		s->h = (s->h ^ (unsigned char)v.p[i]) * 1099511628211u;
}

static void
on_name(void *ctx, struct span v)
{
	struct sum *s = ctx;

	BUG_ON(v.len == 0 || v.len > FILE_NAME_MAX + 4 || ++s->names > FILE_NAMES_MAX);
	mix(s, 'N', v);
}

static void
on_link(void *ctx, struct span v)
{
	struct sum *s = ctx;

	BUG_ON(v.len == 0 || v.len > FILE_LINK_MAX || ++s->links > FILE_LINKS_MAX);
	mix(s, 'L', v);
}

static void
on_text(void *ctx, struct span v)
{
	mix(ctx, 'T', v);
}

static void
on_page(void *ctx, struct span v)
{
	struct sum *s = ctx;
	bool goes_on = s->in_page && v.len > 0;

	s->in_page = v.len > 0;
	s->in_text |= goes_on; /* text in pieces is one text */
	mix(s, goes_on ? 'T' : 'P', v);
	s->in_text = false;
}

static const struct file_ops ops = {
	.on_name = on_name, .on_link = on_link, .on_text = on_text, .on_page = on_page
};

static uint64_t
run(struct file *f, struct sum *s, const char *p, size_t n, size_t step)
{
	*s = (struct sum){ .h = 1 };
	file_reset(f);
	for (size_t i = 0; i < n; i += step) {
		size_t len = MIN(step, n - i);
		char *cut = malloc(len); /* a block of its own: reads past the cut are seen */

		memcpy(cut, p + i, len);
		file_feed(f, span(cut, len));
		free(cut);
	}
	file_end(f);
	BUG_ON(s->in_page);
	BUG_ON(file_work(f) > WORK_FACTOR * (n + 2 * INFLATE_BYTES));
	return s->h ^ (uint64_t)file_flags(f) << 32 ^ file_work(f) ^ (uint64_t)file_kind(f) << 60;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sum s;
	static struct file *f;

	if (!f)
		f = file_new(&ops, &s);
	if (size > 1)
		BUG_ON(run(f, &s, (const char *)data + 1, size - 1, size) !=
		       run(f, &s, (const char *)data + 1, size - 1, 1u + data[0] % 64));
	return 0;
}
