/* SPDX-License-Identifier: BSD-3-Clause
 * inflate.c - zlib with an arena
 */
#include "engine/file/inflate.h"

#define OUT_BYTES 4096

static void *
arena_alloc(void *opaque, unsigned cnt, unsigned size)
{
	struct inflater *f = opaque;
	size_t n = ((size_t)cnt * size + 15) & ~(size_t)15;
	void *p = f->arena + f->arena_used;

	if (n > sizeof(f->arena) - f->arena_used)
		return NULL;
	f->arena_used += n;
	return p;
}

/* Nothing is given back: state and window stay until the inflater goes. */
static void
arena_free(void *opaque, void *p)
{
	(void)opaque;
	(void)p;
}

static void
drop(void *ctx, struct span data)
{
	(void)ctx;
	(void)data;
}

bool
inflater_init(struct inflater *f)
{
	/* "aaaa…" as zlib's compress() has it, cut: output without an end makes zlib take its window now. */
	static const unsigned char some[] = { 0x78, 0x9c, 0x4b, 0x4c, 0x44, 0x05 };
	struct file_out o = { 0 };

	f->arena_used = 0;
	f->z = (z_stream){ .zalloc = arena_alloc, .zfree = arena_free, .opaque = f };
	if (inflateInit2(&f->z, MAX_WBITS) != Z_OK)
		return false;
	inflater_file(f);
	inflater_begin(f, false);
	inflater_feed(f, &o, span(some, sizeof(some)), drop, NULL);
	return f->arena_used > (1u << MAX_WBITS);
}

void
inflater_file(struct inflater *f)
{
	f->credit = INFLATE_CREDIT;
	f->is_open = false;
}

void
inflater_begin(struct inflater *f, bool is_raw)
{
	f->is_open = inflateReset2(&f->z, is_raw ? -MAX_WBITS : MAX_WBITS) == Z_OK;
}

void
inflater_feed(struct inflater *f, struct file_out *o, struct span in,
              void (*take)(void *ctx, struct span data), void *ctx)
{
	unsigned char out[OUT_BYTES];
	int rc = Z_OK;

	f->z.next_in = (unsigned char *)(uintptr_t)in.p;
	f->z.avail_in = (unsigned)in.len;
	f->credit = MIN(f->credit, (uint64_t)INFLATE_CREDIT) + INFLATE_RATIO * in.len;
	f->credit = MIN(f->credit, INFLATE_BYTES - o->inflated);
	while (f->is_open && rc == Z_OK) {
		size_t n, room = (size_t)MIN(f->credit, (uint64_t)sizeof(out));

		f->z.next_out = out;
		f->z.avail_out = (unsigned)room;
		rc = inflate(&f->z, Z_NO_FLUSH);
		n = room - f->z.avail_out;
		o->inflated += n;
		f->credit -= n;
		o->work += n;
		if (n > 0)
			take(ctx, span(out, n));
		if (rc != Z_OK && rc != Z_BUF_ERROR) {
			f->is_open = false; /* its end, or no deflate */
		} else if (f->credit == 0) {
			o->flags |= FILE_F_BOUND;
			f->is_open = false;
		} else if (f->z.avail_out > 0) {
			return; /* all of in was taken */
		}
	}
}
