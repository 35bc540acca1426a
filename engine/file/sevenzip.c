/* SPDX-License-Identifier: BSD-3-Clause
 * sevenzip.c - 7z: the names, where the header at the end is not packed (archives of one file have it so)
 *
 * Source  7zFormat.txt of the LZMA SDK: SignatureHeader (signature 6, version 2, CRC 4, NextHeaderOffset 8, NextHeaderSize 8, CRC 4);
 *         the header there begins with 01 (Header) or 17 (EncodedHeader, packed). Property 11 (names): size, 0, names in
 *         UTF-16LE, each ended by 0. It is looked for, for what comes before it (packs, folders) is nothing to us.
 *         Methods.txt: 06 F1 07 01 is 7zAES.
 */
#include "engine/file/formats.h"

enum { START = 32, ID_HEADER = 0x01, ID_ENCODED = 0x17, ID_NAMES = 0x11 };

void
sevenzip_begin(struct sevenzip *z, struct file_out *o)
{
	z->out = o;
	z->start = (struct gather){ .want = START };
	z->header = (struct gather){ 0 };
	z->skip = 0;
}

void
sevenzip_feed(struct sevenzip *z, struct span s)
{
	size_t n;

	if (z->start.have < START) {
		if (!gather_feed(&z->start, z->start_bytes, sizeof(z->start_bytes), &s))
			return;
		z->skip = load_le64(z->start_bytes + 12);
		z->header.want = (size_t)load_le64(z->start_bytes + 20);
	}
	n = (size_t)MIN(z->skip, (uint64_t)s.len);
	z->skip -= n;
	s = span_skip(s, n);
	if (s.len > 0 && z->header.have < z->header.want)
		gather_feed(&z->header, z->bytes, sizeof(z->bytes), &s);
}

/* A number of one to nine bytes: leading ones of the first say how many follow, the rest of it is above them. */
static bool
number(struct span *s, uint64_t *v)
{
	unsigned first, cnt = 0;

	if (s->len == 0)
		return false;
	first = (unsigned char)span_shift(s);
	*v = 0;
	for (unsigned bit = 0x80; bit & first; bit >>= 1) {
		if (s->len == 0)
			return false;
		*v |= (uint64_t)(unsigned char)span_shift(s) << (8 * cnt++);
	}
	if (cnt < 7)
		*v |= (uint64_t)(first & (0x7f >> cnt)) << (8 * cnt);
	return true;
}

/* s follows an 11 byte: is it the names' property? Looks at its ends alone. */
static bool
is_names(struct span s, struct span *names)
{
	uint64_t size;

	if (!number(&s, &size) || size < 5 || size % 2 == 0 || size > s.len || s.p[0] != 0)
		return false;
	*names = span(s.p + 1, (size_t)size - 1);
	return load_le16(names->p + names->len - 2) == 0;
}

/* False: no name that can be shown is among them. */
static bool
names_out(struct sevenzip *z, struct span names)
{
	size_t from = 0;
	bool any = false;

	for (size_t i = 0; i + 1 < names.len; i += 2) {
		if (load_le16(names.p + i) != 0)
			continue;
		if (load_le16(names.p + from) >= ' ') {
			file_out_name16(z->out, span(names.p + from, i - from));
			any = true;
		}
		from = i + 2;
	}
	z->out->work += names.len;
	return any;
}

/*
 * Programs take one list of names, and find it by what comes before; here all that may be one are told, as another may lie anywhere
 * before it or around it. False: none.
 */
static bool
all_names(struct sevenzip *z, struct span h)
{
	size_t room = SEVENZIP_NAMES_BYTES;
	struct span names;
	bool any = false;

	for (size_t i = 1; i < h.len; i++) {
		if (h.p[i] != ID_NAMES || !is_names(span_skip(h, i + 1), &names))
			continue;
		if (names.len > room) {
			z->out->flags |= FILE_F_BOUND;
			return any;
		}
		room -= names.len;
		any |= names_out(z, names);
	}
	return any;
}

void
sevenzip_end(struct sevenzip *z)
{
	static const char aes[] = "\x06\xf1\x07\x01";
	struct span h = span(z->bytes, MIN(z->header.have, sizeof(z->bytes)));

	if (z->start.have < START || z->header.have < z->header.want || z->header.want == 0)
		z->out->flags |= FILE_F_CUT;
	if (h.len == 0)
		return;
	if (memmem(h.p, h.len, aes, 4))
		z->out->flags |= FILE_F_ENCRYPTED;
	if (z->header.want > sizeof(z->bytes))
		z->out->flags |= FILE_F_BOUND;
	if (h.p[0] != ID_HEADER || !all_names(z, h))
		z->out->flags |= FILE_F_NAMES_HIDDEN;
}
