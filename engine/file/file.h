/* SPDX-License-Identifier: BSD-3-Clause
 * file.h - what is inside attached files: names in archives, links and text of documents, flags; streaming
 *
 * Why     "invoice.zip" says nothing; "invoice.pdf.exe" inside it does. A PDF whose only content is a link is the mail's real text.
 *         Nothing is executed, unpacked to a disk or followed.
 * Owner   file_new() allocates everything, zlib's memory too; feeding allocates nothing. Spans handed to a callback live until it
 *         returns.
 * Thread  One per scan slot.
 * Limit   Each count and size below. Past one, bytes still pass (linear time) and FILE_F_BOUND is set. Bytes are read in blocks at
 *         fixed offsets of the file, so cuts of the input change nothing.
 * Formats by their first bytes, whatever the name says: ZIP and what is made of it (OOXML, ODF, JAR), GZIP, RAR 1.5-4, RAR 5, 7z, OLE
 *         compound files, PDF, TNEF. Sources: the head of each format's own file.
 */
#pragma once
#include "base/base.h"

#define FILE_NAME_MAX  512  /* of a name in an archive; longer ones are cut */
#define FILE_NAMES_MAX 2048 /* in one file */
#define FILE_LINKS_MAX 512  /* of one file */
#define FILE_LINK_MAX  2048 /* bytes; longer ones are cut */
#define FILE_BLOCK     512

/* Inflated in one file, all streams together. A packed byte may give INFLATE_RATIO bytes, and what others did not take up to
 * INFLATE_CREDIT: so a slice of a scan is short (a byte of two entries of a ZIP counts for each). A stream that wants more is
 * left. */
#define INFLATE_BYTES  (2u << 20)
#define INFLATE_RATIO  16
#define INFLATE_CREDIT (4u << 10)

/* FILE_F_RATIO: an entry of more than RATIO_BYTES that is packed to less than one byte in RATIO_MAX. */
#define RATIO_BYTES (1u << 20)
#define RATIO_MAX   200

enum file_kind {
	FILE_UNKNOWN,
	FILE_ZIP,
	FILE_GZIP,
	FILE_RAR4,
	FILE_RAR5,
	FILE_SEVENZIP,
	FILE_OLE,
	FILE_PDF,
	FILE_TNEF,
};

/* Bits; file_flag_name() gives the lower-case word of the scan JSON. */
enum file_flag {
	FILE_F_ENCRYPTED = 1u << 0,    /* an entry, or all of it, needs a password */
	FILE_F_RATIO = 1u << 1,        /* see RATIO_MAX, as the archive's own figures say */
	FILE_F_NAMES_HIDDEN = 1u << 2, /* the list of names is packed or encrypted */
	FILE_F_NAMES_DIFFER =
	        1u << 3, /* ZIP: the directory and the entries are not of the same names */
	FILE_F_DOUBLE_EXT = 1u << 4, /* "invoice.pdf.exe", or a name that is written to look so */
	FILE_F_NESTED = 1u << 5,     /* an archive inside */
	FILE_F_CUT = 1u << 6,        /* ends before its format says so */
	FILE_F_BOUND = 1u << 7,  /* a bound of file.h was reached: something was not looked at */
	FILE_F_MACROS = 1u << 8, /* VBA or Excel 4 macros, Basic in ODF */
	FILE_F_SCRIPT = 1u << 9, /* PDF: JavaScript */
	FILE_F_AUTO_ACTION = 1u << 10, /* PDF: OpenAction or AA (harmless ones go to a page) */
	FILE_F_LAUNCH = 1u << 11,      /* PDF: Launch */
	FILE_F_EMBEDDED = 1u << 12,    /* files inside a document */
	FILE_F_EXTERNAL =
	        1u
	        << 13, /* OOXML: a template, frame or object that is loaded from elsewhere when opened */
};

struct file_ops { /* any may be NULL */
	void (*on_name)(void *ctx,
	                struct span name); /* of a file in an archive; UTF-8 or as written */
	void (*on_link)(void *ctx, struct span url);  /* as written, decoded */
	void (*on_text)(void *ctx, struct span utf8); /* shown text, in order */
	/* A page in a ZIP that a browser would open (HTML, SVG), its bytes in order; an empty span ends it, if there were any. */
	void (*on_page)(void *ctx, struct span html);
};

struct file;

/* About 120 KB, for start-up. NULL without memory. ops must outlive it. */
struct file *file_new(const struct file_ops *ops, void *ctx);
void file_free(struct file *f);

void file_reset(struct file *f); /* before each file, the first one too */
void file_feed(struct file *f, struct span data);
void file_end(struct file *f);

enum file_kind file_kind(const struct file *f); /* FILE_UNKNOWN before a block was read */
uint32_t file_flags(const struct file *f);
/* Bytes of the file that were read: whole blocks, at the end all. Inside a callback: what it tells is of these. */
uint64_t file_bytes(const struct file *f);
/* Bytes looked at, those of inflated streams too: what the time is made of. */
uint64_t file_work(const struct file *f);

const char *file_flag_name(unsigned bit); /* NULL past the last */

/* "a.pdf.exe", "a.pdf      .scr", "a\u202efdp.exe": a name that shows another type than it has. */
bool file_is_double_ext(struct span name);
