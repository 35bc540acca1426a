/* SPDX-License-Identifier: BSD-3-Clause
 * ole.c - OLE compound files (doc, xls, ppt, msi, msg): what names of their directory say
 *
 * Why     Entries of the directory are 128 bytes at multiples of 128, wherever its sectors are: every such place is looked at, so
 *         that a chain of sectors that lies hides nothing.
 * Source  [MS-CFB] 2.6 (directory entry: name 64 bytes in UTF-16LE, its length in bytes with the 0, type, colour); [MS-OVBA] 2.2.1
 *         (VBA, _VBA_PROJECT); [MS-OFFCRYPTO] 2.3 (EncryptedPackage, EncryptionInfo); [MS-OLEDS] 2.3.6 (Ole10Native).
 */
#include "engine/file/formats.h"

enum { NAME_LEN = 64, TYPE = 66, COLOUR = 67, NAME_MOST = 64 };

void
ole_begin(struct ole *d, struct file_out *o)
{
	d->out = o;
	d->len = 0;
}

static bool
name_of(const unsigned char *e, char out[NAME_MOST / 2 + 1])
{
	unsigned len = load_le16(e + NAME_LEN), n = len / 2 - 1;
	unsigned type = e[TYPE];

	if (len < 4 || len > NAME_MOST || len % 2 || (type != 1 && type != 2 && type != 5) ||
	    e[COLOUR] > 1 || load_le16(e + len - 2) != 0)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (e[2 * i + 1] != 0)
			return false;
		out[i] = (char)e[2 * i];
	}
	out[n] = 0;
	return true;
}

static void
entry(struct ole *d)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} rows[] = {
		{ "VBA", FILE_F_MACROS },
		{ "_VBA_PROJECT", FILE_F_MACROS },
		{ "_VBA_PROJECT_CUR", FILE_F_MACROS },
		{ "Macros", FILE_F_MACROS },
		{ "EncryptedPackage", FILE_F_ENCRYPTED },
		{ "EncryptionInfo", FILE_F_ENCRYPTED },
		{ "\1Ole10Native", FILE_F_EMBEDDED },
		{ "ObjectPool", FILE_F_EMBEDDED },
		{ "Package", FILE_F_EMBEDDED },
	};
	char name[NAME_MOST / 2 + 1];

	if (!name_of(d->entry, name))
		return;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (!strcmp(name, rows[i].name))
			d->out->flags |= rows[i].flag;
}

void
ole_feed(struct ole *d, struct span s)
{
	while (s.len > 0) {
		size_t n = MIN(OLE_ENTRY - d->len, s.len);

		memcpy(d->entry + d->len, s.p, n);
		d->len += (unsigned)n;
		s = span_skip(s, n);
		if (d->len < OLE_ENTRY)
			return;
		entry(d);
		d->len = 0;
	}
}
