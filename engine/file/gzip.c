/* SPDX-License-Identifier: BSD-3-Clause
 * gzip.c - the name in a gzip file, and the size that it says it has
 *
 * RFC     1952, 2.3: ID1 ID2 CM FLG MTIME(4) XFL OS, FEXTRA, FNAME, …, CRC32, ISIZE.
 */
#include "engine/file/formats.h"

enum { HEAD = 10, F_EXTRA = 4, F_NAME = 8, LEAST = 18 };

void
gzip_begin(struct gzip *g, struct file_out *o)
{
	g->out = o;
	g->bytes = 0;
	g->head_len = g->extra_len = 0;
	g->in_name = g->in_data = false;
	g->name_len = 0;
}

static void
head_byte(struct gzip *g, char c)
{
	g->head[g->head_len++] = (unsigned char)c;
	if (g->head_len == HEAD && !(g->head[3] & F_EXTRA))
		g->head_len = sizeof(g->head);
	else if (g->head_len == sizeof(g->head))
		g->extra_len = load_le16(g->head + HEAD);
	if (g->head_len < sizeof(g->head))
		return;
	g->in_name = g->head[3] & F_NAME;
	g->in_data = !g->in_name;
}

static void
name_byte(struct gzip *g, char c)
{
	if (g->extra_len > 0) {
		g->extra_len--;
	} else if (c) {
		if (g->name_len < sizeof(g->name))
			g->name[g->name_len++] = c;
	} else {
		file_out_name(g->out, span(g->name, g->name_len));
		g->in_name = false;
		g->in_data = true;
	}
}

void
gzip_feed(struct gzip *g, struct span s)
{
	size_t keep = MIN(s.len, sizeof(g->tail));

	g->bytes += s.len;
	memmove(g->tail, g->tail + keep, sizeof(g->tail) - keep);
	memcpy(g->tail + sizeof(g->tail) - keep, s.p + s.len - keep, keep);
	for (size_t i = 0; i < s.len && !g->in_data; i++) {
		if (g->in_name)
			name_byte(g, s.p[i]);
		else
			head_byte(g, s.p[i]);
	}
}

void
gzip_end(struct gzip *g)
{
	if (g->bytes < LEAST || !g->in_data)
		g->out->flags |= FILE_F_CUT;
	else
		file_out_sizes(g->out, g->bytes, load_le32(g->tail));
}
