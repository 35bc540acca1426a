/* SPDX-License-Identifier: BSD-3-Clause
 * zip.h - ZIP: names of entries and of the directory, flags, office files inside
 *
 * Why     Inside engine/file only. Every header is looked for by its signature, whatever sizes and offsets say: programs disagree about
 *         which of two headers counts, so all are told, and a size that lies hides nothing. So are the entries of a ZIP that
 *         is stored in this one; of one that is deflated, one level.
 * Owner   The caller's storage.
 * Limit   FILE_NAME_MAX; inflate.h. Each place with a signature is looked at by itself, so that a header that is none hides none
 *         that begins inside it.
 * Source  PKWARE APPNOTE 6.3.9, 4.3.7 (local header), 4.3.12 (directory), 4.3.16 (its end), 4.4.4 (flags), 4.4.5 (methods).
 */
#pragma once
#include "engine/file/inflate.h"
#include "engine/file/xml.h"

#define ZIP_HEADER_MAX 46
#define ZIP_LOOK       (ZIP_HEADER_MAX + FILE_NAME_MAX)

enum zip_content {
	ZIP_NOTHING, /* the entry is not read */
	ZIP_XML,
	ZIP_PAGE, /* HTML or SVG */
	ZIP_INNER,
};

/* Bytes in which headers are looked for: a header is looked at when it is there as a whole, with its name. */
struct zip_window {
	size_t len;
	char buf[ZIP_LOOK + FILE_BLOCK];
	unsigned local_cnt, directory_cnt;
	uint64_t local_sum, directory_sum; /* of the names' hashes: in any order */
	bool has_end;
};

struct zip {
	struct file_out *out;
	struct inflater *inflater;
	struct zip_window headers, inner;
	enum zip_content content;
	uint64_t skip; /* bytes before the content, from the header on */
	uint64_t left; /* of it, packed */
	bool is_stored;
	struct xml xml;
};

void zip_begin(struct zip *z, struct file_out *o, struct inflater *f);
void zip_feed(struct zip *z, struct span s);
void zip_end(struct zip *z);
