/* SPDX-License-Identifier: BSD-3-Clause
 * file.c - which format a file has, and its bytes to that parser in blocks
 */
#include "engine/file/formats.h"
#include "engine/file/pdf.h"
#include "engine/file/zip.h"

struct file {
	struct file_out out;
	enum file_kind kind;
	bool is_known;  /* the first block was read */
	uint64_t bytes; /* read: given to the parser */
	size_t used;
	char block[FILE_BLOCK];
	struct inflater inflater[ZIP_INFLATERS];
	union {
		struct zip zip;
		struct gzip gzip;
		struct rar rar;
		struct sevenzip sevenzip;
		struct ole ole;
		struct pdf pdf;
		struct tnef tnef;
	} u;
};

struct file *
file_new(const struct file_ops *ops, void *ctx)
{
	struct file *f = aligned_alloc(64, (sizeof(*f) + 63) & ~(size_t)63);

	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	f->out.ops = ops;
	f->out.ctx = ctx;
	for (size_t i = 0; i < ARRAY_LEN(f->inflater); i++)
		if (!inflater_init(&f->inflater[i])) {
			free(f);
			return NULL;
		}
	file_reset(f);
	return f;
}

void
file_free(struct file *f)
{
	free(f);
}

void
file_reset(struct file *f)
{
	f->out.flags = 0;
	f->out.name_cnt = f->out.link_cnt = 0;
	f->out.work = f->out.inflated = 0;
	f->kind = FILE_UNKNOWN;
	f->is_known = false;
	f->bytes = 0;
	f->used = 0;
}

static bool
begins(struct span s, const char *bytes, size_t n)
{
	return s.len >= n && !memcmp(s.p, bytes, n);
}

/* From the first block. Readers of PDF take junk before its head. */
static enum file_kind
kind_of(struct span s)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum file_kind kind;
	} rows[] = {
		{ "PK\3\4", 4, FILE_ZIP },
		{ "PK\5\6", 4, FILE_ZIP },
		{ "PK00PK\3\4", 8, FILE_ZIP },
		{ "\x1f\x8b\x08", 3, FILE_GZIP },
		{ "Rar!\x1a\7\0", 7, FILE_RAR4 },
		{ "Rar!\x1a\7\1\0", 8, FILE_RAR5 },
		{ "7z\xbc\xaf\x27\x1c", 6, FILE_SEVENZIP },
		{ "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8, FILE_OLE },
		{ "\x78\x9f\x3e\x22", 4, FILE_TNEF },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (begins(s, rows[i].bytes, rows[i].len))
			return rows[i].kind;
	return memmem(s.p, s.len, "%PDF-", 5) ? FILE_PDF : FILE_UNKNOWN;
}

static void
begin(struct file *f)
{
	for (size_t i = 0; i < ARRAY_LEN(f->inflater); i++)
		inflater_file(&f->inflater[i]);
	switch (f->kind) {
	case FILE_UNKNOWN:
		break;
	case FILE_ZIP:
		zip_begin(&f->u.zip, &f->out, f->inflater);
		break;
	case FILE_GZIP:
		gzip_begin(&f->u.gzip, &f->out);
		break;
	case FILE_RAR4:
		rar_begin(&f->u.rar, &f->out, &rar4_format);
		break;
	case FILE_RAR5:
		rar_begin(&f->u.rar, &f->out, &rar5_format);
		break;
	case FILE_SEVENZIP:
		sevenzip_begin(&f->u.sevenzip, &f->out);
		break;
	case FILE_OLE:
		ole_begin(&f->u.ole, &f->out);
		break;
	case FILE_PDF:
		pdf_begin(&f->u.pdf, &f->out, &f->inflater[0]);
		break;
	case FILE_TNEF:
		tnef_begin(&f->u.tnef, &f->out);
		break;
	}
}

static void
feed(struct file *f, struct span s)
{
	switch (f->kind) {
	case FILE_UNKNOWN:
		break;
	case FILE_ZIP:
		zip_feed(&f->u.zip, s);
		break;
	case FILE_GZIP:
		gzip_feed(&f->u.gzip, s);
		break;
	case FILE_RAR4:
	case FILE_RAR5:
		rar_feed(&f->u.rar, s);
		break;
	case FILE_SEVENZIP:
		sevenzip_feed(&f->u.sevenzip, s);
		break;
	case FILE_OLE:
		ole_feed(&f->u.ole, s);
		break;
	case FILE_PDF:
		pdf_feed(&f->u.pdf, s);
		break;
	case FILE_TNEF:
		tnef_feed(&f->u.tnef, s);
		break;
	}
}

/* What is in the block. */
static void
flush(struct file *f)
{
	struct span s = span(f->block, f->used);

	if (!f->is_known) {
		f->is_known = true;
		f->kind = kind_of(s);
		begin(f);
	}
	f->out.work += s.len;
	f->bytes += s.len;
	f->used = 0;
	if (s.len > 0)
		feed(f, s);
}

void
file_feed(struct file *f, struct span data)
{
	while (data.len > 0 && !(f->is_known && f->kind == FILE_UNKNOWN)) {
		size_t n = MIN(FILE_BLOCK - f->used, data.len);

		memcpy(f->block + f->used, data.p, n);
		f->used += n;
		data = span_skip(data, n);
		if (f->used == FILE_BLOCK)
			flush(f);
	}
}

void
file_end(struct file *f)
{
	if (f->used > 0 || !f->is_known)
		flush(f);
	switch (f->kind) {
	case FILE_UNKNOWN:
	case FILE_OLE:
		break;
	case FILE_ZIP:
		zip_end(&f->u.zip);
		break;
	case FILE_GZIP:
		gzip_end(&f->u.gzip);
		break;
	case FILE_RAR4:
	case FILE_RAR5:
		rar_end(&f->u.rar);
		break;
	case FILE_SEVENZIP:
		sevenzip_end(&f->u.sevenzip);
		break;
	case FILE_PDF:
		pdf_end(&f->u.pdf);
		break;
	case FILE_TNEF:
		tnef_end(&f->u.tnef);
		break;
	}
}

enum file_kind
file_kind(const struct file *f)
{
	return f->kind;
}

uint32_t
file_flags(const struct file *f)
{
	return f->out.flags;
}

uint64_t
file_bytes(const struct file *f)
{
	return f->bytes;
}

uint64_t
file_work(const struct file *f)
{
	return f->out.work;
}

const char *
file_flag_name(unsigned bit)
{
	static const char *const names[] = {
		"encrypted", "ratio",      "names_hidden", "names_differ", "double_extension",
		"nested",    "cut_short",  "bound",        "macros",       "pdf_script",
		"pdf_auto",  "pdf_launch", "embedded",     "external",
	};

	return bit < ARRAY_LEN(names) ? names[bit] : NULL;
}
