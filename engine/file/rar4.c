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

static void
file_header(struct rar *r, unsigned flags, struct span h)
{
	size_t at = FILE_FIXED, n;
	uint64_t packed = load_le32(h.p), size = load_le32(h.p + 4);
	const char *nul;

	if (flags & F_FILE_LARGE && h.len >= at + 8) {
		packed |= (uint64_t)load_le32(h.p + at) << 32;
		size |= (uint64_t)load_le32(h.p + at + 4) << 32;
		at += 8;
	}
	n = MIN((size_t)load_le16(h.p + 19), h.len - at);
	nul = memchr(h.p + at, 0, n); /* what follows is the same name in Unicode, packed */
	if (nul)
		n = (size_t)(nul - h.p) - at;
	if (flags & F_FILE_ENCRYPTED)
		r->out->flags |= FILE_F_ENCRYPTED;
	file_out_sizes(r->out, packed, size);
	file_out_name(r->out, span(h.p + at, n));
	r->skip = packed;
}

static void
block(struct rar *r, struct span h)
{
	unsigned type = (unsigned char)r->base[2], flags = load_le16(r->base + 3);

	if (type == T_MAIN && flags & F_MAIN_ENCRYPTED)
		rar_stop(r, FILE_F_ENCRYPTED | FILE_F_NAMES_HIDDEN);
	else if (type == T_END)
		rar_stop(r, 0);
	else if (type == T_FILE && h.len >= FILE_FIXED)
		file_header(r, flags, h);
	else if (flags & F_HAS_DATA && h.len >= 4)
		r->skip = load_le32(h.p);
}

static void
base_byte(struct rar *r, char c)
{
	unsigned size;

	r->base[r->base_len++] = c;
	if (r->base_len < BASE)
		return;
	size = load_le16(r->base + 5);
	if (size < BASE)
		rar_stop(r, FILE_F_CUT);
	else
		rar_rest(r, size - BASE);
}

const struct rar_format rar4_format = { MARKER, base_byte, block };
