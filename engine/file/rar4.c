/* SPDX-License-Identifier: BSD-3-Clause
 * rar4.c - RAR 1.5 to 4: a chain of blocks, each with a header that is not packed
 *
 * Source  unrar's technote.txt: HEAD_CRC(2) HEAD_TYPE(1) HEAD_FLAGS(2) HEAD_SIZE(2) [ADD_SIZE(4)]; of a file: PACK_SIZE(4) UNP_SIZE(4)
 *         HOST_OS(1) FILE_CRC(4) FTIME(4) UNP_VER(1) METHOD(1) NAME_SIZE(2) ATTR(4) [HIGH_PACK(4) HIGH_UNP(4)] NAME.
 */
#include "engine/file/formats.h"

enum { MARKER = 7, BASE = 7, FILE_FIXED = 25 };
enum { T_MAIN = 0x73, T_FILE = 0x74, T_END = 0x7b };
enum {
	F_MAIN_ENCRYPTED = 0x0080,
	F_FILE_ENCRYPTED = 0x0004,
	F_FILE_LARGE = 0x0100,
	F_HAS_DATA = 0x8000
};

void
rar4_begin(struct rar4 *r, struct file_out *o)
{
	r->out = o;
	r->state = RAR_DATA;
	r->skip = MARKER;
	r->g = (struct gather){ .want = BASE };
}

static void
stop(struct rar4 *r, uint32_t flags)
{
	r->out->flags |= flags;
	r->state = RAR_DONE;
}

static void
file_header(struct rar4 *r, unsigned flags, size_t len)
{
	size_t at = FILE_FIXED, n;
	uint64_t packed = load_le32(r->rest), size = load_le32(r->rest + 4);
	const char *nul;

	if (flags & F_FILE_LARGE && len >= at + 8) {
		packed |= (uint64_t)load_le32(r->rest + at) << 32;
		size |= (uint64_t)load_le32(r->rest + at + 4) << 32;
		at += 8;
	}
	n = MIN((size_t)load_le16(r->rest + 19), len - at);
	nul = memchr(r->rest + at, 0, n); /* what follows is the same name in Unicode, packed */
	if (nul)
		n = (size_t)(nul - r->rest) - at;
	if (flags & F_FILE_ENCRYPTED)
		r->out->flags |= FILE_F_ENCRYPTED;
	file_out_sizes(r->out, packed, size);
	file_out_name(r->out, span(r->rest + at, n));
	r->skip = packed;
}

/* base and rest are there. */
static void
block(struct rar4 *r)
{
	unsigned type = (unsigned char)r->base[2], flags = load_le16(r->base + 3);
	size_t len = MIN(r->g.want, sizeof(r->rest));

	r->state = RAR_DATA;
	r->skip = 0;
	r->g = (struct gather){ .want = BASE };
	if (type == T_MAIN && flags & F_MAIN_ENCRYPTED)
		stop(r, FILE_F_ENCRYPTED | FILE_F_NAMES_HIDDEN);
	else if (type == T_END)
		stop(r, 0);
	else if (type == T_FILE && len >= FILE_FIXED)
		file_header(r, flags, len);
	else if (flags & F_HAS_DATA && len >= 4)
		r->skip = load_le32(r->rest);
}

void
rar4_feed(struct rar4 *r, struct span s)
{
	while (s.len > 0 && r->state != RAR_DONE) {
		if (r->state == RAR_DATA) {
			size_t n = (size_t)MIN(r->skip, (uint64_t)s.len);

			r->skip -= n;
			s = span_skip(s, n);
			if (r->skip == 0)
				r->state = RAR_BASE;
		} else if (r->state == RAR_BASE) {
			if (!gather_feed(&r->g, r->base, sizeof(r->base), &s))
				return;
			if (load_le16(r->base + 5) < BASE) {
				stop(r, FILE_F_CUT);
				return;
			}
			r->g = (struct gather){ .want = load_le16(r->base + 5) - (size_t)BASE };
			r->state = RAR_REST;
			if (r->g.want == 0)
				block(r);
		} else if (gather_feed(&r->g, r->rest, sizeof(r->rest), &s)) {
			block(r);
		}
	}
}

void
rar4_end(struct rar4 *r)
{
	if (r->state == RAR_REST || (r->state == RAR_DATA && r->skip > 0))
		r->out->flags |= FILE_F_CUT;
}
