/* SPDX-License-Identifier: BSD-3-Clause
 * zip.h - ZIP: names of entries and of the directory, flags, office files inside
 *
 * Why     Inside engine/file only. Every header is looked for by its signature, whatever sizes and offsets say: programs disagree about
 *         which of two headers counts, so all are told, and a size that lies hides nothing. So are the entries of a ZIP that
 *         is stored in this one; of one that is deflated, one level. An entry that begins inside the data of another is told
 *         when that is over: only the directory, which comes last, says which of the two programs will open.
 * Owner   The caller's storage.
 * Limit   FILE_NAME_MAX; ZIP_KEPT_*; inflate.h. Each place with a signature is looked at by itself, so that a header that is none hides none
 *         that begins inside it. A stored entry whose size its header does not say ends at the first header, one in its own data too:
 *         what is behind that is not read.
 * Source  PKWARE APPNOTE 6.3.9, 4.3.7 (local header), 4.3.12 (directory), 4.3.16 (its end), 4.4.4 (flags), 4.4.5 (methods).
 */
#pragma once
#include "engine/file/inflate.h"
#include "engine/file/xml.h"

#define ZIP_HEADER_MAX 46
#define ZIP_LOOK       (ZIP_HEADER_MAX + FILE_NAME_MAX)
#define ZIP_KEPT_MAX   16          /* entries inside another */
#define ZIP_KEPT_BYTES (16u << 10) /* of them: what a slice may inflate */
#define ZIP_INFLATERS  2

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

/* An entry that is being read. A deflated one ends where its stream does. A stored one has all that its header promises and goes
 * on to the next header, as sizes may come later or lie. */
struct zip_entry {
	enum zip_content content;
	bool is_stored;
	uint64_t skip; /* bytes before the content, from the header on */
	uint64_t own;  /* stored: bytes that are content whatever they look like */
	struct inflater *inflater;
};

/* Content of entries that began inside of another, one after another. */
struct zip_piece {
	enum zip_content content;
	bool has_text;
	size_t len;
};

struct zip {
	struct file_out *out;
	struct zip_window headers, inner;
	struct zip_entry entry;  /* told as it comes */
	struct zip_entry inside; /* began inside of entry: kept until that ends */
	enum zip_content told;
	struct xml xml;
	unsigned kept_cnt;
	size_t kept_len;
	struct zip_piece piece[ZIP_KEPT_MAX];
	char kept[ZIP_KEPT_BYTES];
};

void zip_begin(struct zip *z, struct file_out *o, struct inflater f[ZIP_INFLATERS]);
void zip_feed(struct zip *z, struct span s);
void zip_end(struct zip *z);
