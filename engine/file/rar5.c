/* SPDX-License-Identifier: BSD-3-Clause
 * rar5.c - RAR 5: a chain of blocks, each with a header that is not packed
 *
 * Source  "RAR 5.0 archive format", rarlab.com/technote.htm: CRC32(4) size(vint), then type, flags, [extra size], [data size] (vints)
 *         and the type's own fields; of a file: file flags, unpacked size, attributes, [mtime(4)], [CRC(4)], compression, host OS,
 *         name length (vints), name. A vint has seven bits a byte, low ones first.
 */
#include "engine/file/formats.h"

enum { MARKER = 8, CRC = 4, VINT_MAX = 10, HEADER_MAX = 2 << 20 };
enum { T_FILE = 2, T_ENCRYPTION = 4, T_END = 5 };
enum { F_EXTRA = 1, F_DATA = 2 };
enum { FF_DIRECTORY = 1, FF_MTIME = 2, FF_CRC = 4, FF_SIZE_UNKNOWN = 8 };
enum { EXTRA_ENCRYPTION = 1 };

static uint64_t
vint(struct span *s)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < VINT_MAX && s->len > 0; i++) {
		unsigned char c = (unsigned char)span_shift(s);

		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80))
			break;
	}
	return v;
}

/* Records at the end of a file's header: is one of them that of encryption? */
static bool
is_encrypted(struct span extra)
{
	while (extra.len > 0) {
		uint64_t size = vint(&extra);
		struct span record = span(extra.p, (size_t)MIN(size, (uint64_t)extra.len));

		if (record.len == 0)
			break;
		extra = span_skip(extra, record.len);
		if (vint(&record) == EXTRA_ENCRYPTION)
			return true;
	}
	return false;
}

static void
file_header(struct rar *r, struct span s, struct span extra)
{
	uint64_t flags = vint(&s), size = vint(&s), name_len;

	vint(&s); /* attributes */
	s = span_skip(s,
	              MIN((size_t)((flags & FF_MTIME ? 4 : 0) + (flags & FF_CRC ? 4 : 0)), s.len));
	vint(&s); /* compression */
	vint(&s); /* host OS */
	name_len = vint(&s);
	if (is_encrypted(extra))
		r->out->flags |= FILE_F_ENCRYPTED;
	if (!(flags & FF_SIZE_UNKNOWN))
		file_out_sizes(r->out, r->skip, size);
	if (!(flags & FF_DIRECTORY))
		file_out_name(r->out, span(s.p, (size_t)MIN(name_len, (uint64_t)s.len)));
}

static void
block(struct rar *r, struct span h)
{
	bool is_whole = h.len == r->g.want;
	uint64_t type = vint(&h), flags = vint(&h);
	uint64_t extra_len = flags & F_EXTRA ? vint(&h) : 0;
	struct span extra = span("", 0);

	r->skip = flags & F_DATA ? vint(&h) : 0;
	if (extra_len <= h.len && is_whole) {
		extra = span_skip(h, h.len - (size_t)extra_len);
		h.len -= (size_t)extra_len;
	}
	if (type == T_ENCRYPTION)
		rar_stop(r, FILE_F_ENCRYPTED | FILE_F_NAMES_HIDDEN);
	else if (type == T_END)
		rar_stop(r, 0);
	else if (type == T_FILE)
		file_header(r, h, extra);
}

/* CRC and the header's size. */
static void
base_byte(struct rar *r, char c)
{
	unsigned at = r->base_len++;

	if (at < CRC)
		return;
	r->size |= (uint64_t)(c & 0x7f) << (7 * (at - CRC));
	if (c & 0x80 && at < CRC + 3)
		return;
	if (r->size == 0 || r->size > HEADER_MAX)
		rar_stop(r, FILE_F_CUT);
	else
		rar_rest(r, (size_t)r->size);
}

const struct rar_format rar5_format = { MARKER, base_byte, block };
