/* SPDX-License-Identifier: BSD-3-Clause
 * rar.c - the chain of blocks of RAR: a base, the rest of the header, packed data that is skipped
 */
#include "engine/file/formats.h"

void
rar_begin(struct rar *r, struct file_out *o, const struct rar_format *f)
{
	r->out = o;
	r->format = f;
	r->state = RAR_DATA;
	r->skip = f->marker;
	r->base_len = 0;
	r->size = 0;
}

void
rar_stop(struct rar *r, uint32_t flags)
{
	r->out->flags |= flags;
	r->state = RAR_DONE;
}

void
rar_rest(struct rar *r, size_t size)
{
	r->g = (struct gather){ .want = size };
	r->state = RAR_REST;
}

/* A header is there; data and the next block follow. */
static void
block(struct rar *r)
{
	r->state = RAR_DATA;
	r->skip = 0;
	r->base_len = 0;
	r->size = 0;
	r->format->block(r, span(r->rest, MIN(r->g.want, sizeof(r->rest))));
}

void
rar_feed(struct rar *r, struct span s)
{
	while (s.len > 0 && r->state != RAR_DONE) {
		if (r->state == RAR_DATA) {
			size_t n = (size_t)MIN(r->skip, (uint64_t)s.len);

			r->skip -= n;
			s = span_skip(s, n);
			if (r->skip == 0)
				r->state = RAR_BASE;
		} else if (r->state == RAR_BASE) {
			r->format->base_byte(r, span_shift(&s));
			if (r->state == RAR_REST && r->g.want == 0)
				block(r);
		} else if (gather_feed(&r->g, r->rest, sizeof(r->rest), &s)) {
			block(r);
		}
	}
}

void
rar_end(struct rar *r)
{
	if (r->state == RAR_REST || (r->state == RAR_DATA && r->skip > 0))
		r->out->flags |= FILE_F_CUT;
}
