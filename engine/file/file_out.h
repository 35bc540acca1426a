/* SPDX-License-Identifier: BSD-3-Clause
 * file_out.h - what all parsers of engine/file write to, with the bounds of file.h in one place
 *
 * Why     Inside engine/file only.
 * Owner   struct file's.
 */
#pragma once
#include "engine/file/file.h"

struct file_out {
	const struct file_ops *ops;
	void *ctx;
	uint32_t flags;
	unsigned name_cnt, link_cnt;
	uint64_t work;
	uint64_t inflated; /* by all inflaters */
};

/* A file in an archive. Directories (a '/' at the end) are none. */
void file_out_name(struct file_out *o, struct span name);
/* UTF-16LE, as 7z and OLE have names. */
void file_out_name16(struct file_out *o, struct span utf16);
void file_out_link(struct file_out *o, struct span url);
void file_out_text(struct file_out *o, struct span utf8);
void file_out_page(struct file_out *o, struct span html);
/* Sizes that an archive gives for an entry. */
void file_out_sizes(struct file_out *o, uint64_t packed, uint64_t size);

bool file_ends(struct span name, const char *lower); /* ASCII case does not count */

/* Little-endian numbers. */
static inline uint16_t
load_le16(const void *p)
{
	return __builtin_bswap16(load_be16(p));
}

static inline uint32_t
load_le32(const void *p)
{
	return __builtin_bswap32(load_be32(p));
}

static inline uint64_t
load_le64(const void *p)
{
	return (uint64_t)load_le32((const char *)p + 4) << 32 | load_le32(p);
}

/* Bytes of a header whose length is known, gathered over cuts. */
struct gather {
	size_t want, have; /* have counts bytes past the buffer too */
};

/* Take from *s into buf (cap); true when `want` bytes came. */
bool gather_feed(struct gather *g, char *buf, size_t cap, struct span *s);
