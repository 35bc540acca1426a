/* SPDX-License-Identifier: BSD-3-Clause
 * pdf.h - PDF: links, text of simple pages, and names of what may harm
 *
 * Why     Inside engine/file only. No object is looked up and no cross-reference table believed: the file is read once from its
 *         beginning, as tokens. Links, actions and scripts are dictionaries, which show as names and strings; those that are
 *         in streams (object streams, page contents) are inflated and read the same way. A stream ends at "endstream", whatever
 *         /Length says.
 * Owner   The caller's storage.
 * Limit   PDF_TOKEN_MAX bytes of a token, the rest is skipped; inflate.h. Streams with another filter than FlateDecode alone, fonts
 *         and images are not read. In an encrypted file strings say nothing (FILE_F_ENCRYPTED). Text of fonts with an encoding of
 *         their own is not text: strings that are not nearly all printable ASCII are left out. Linear.
 * Source  ISO 32000-1 (2008): 7.2 tokens, 7.3.4 strings, 7.3.8 streams, 7.5.7 object streams, 9.4 text, 12.6 actions.
 */
#pragma once
#include "engine/file/inflate.h"

#define PDF_TOKEN_MAX FILE_LINK_MAX

enum pdf_token {
	PDF_BETWEEN,
	PDF_COMMENT,
	PDF_NAME,
	PDF_WORD, /* operators, keywords, numbers */
	PDF_STRING,
	PDF_HEX,
};

/* Tokens in the file itself, or in an inflated stream. */
struct pdf_lexer {
	enum pdf_token token;
	bool is_escape, wants_link, in_array, has_shown;
	unsigned depth;   /* brackets inside a string */
	unsigned octal;   /* digits of an escape so far */
	unsigned nibbles; /* of a hex string, or of #xx in a name */
	size_t len;
	char text[PDF_TOKEN_MAX];
};

enum pdf_stream {
	PDF_NO_STREAM,
	PDF_STREAM_EOL, /* after "stream" */
	PDF_STREAM_DATA,
};

struct pdf {
	struct file_out *out;
	struct inflater *inflater;
	struct pdf_lexer file, inner;
	/* of the object under way */
	bool has_flate, has_other_filter, is_objects, is_opaque;
	enum pdf_stream stream;
	bool is_read, is_page; /* the stream is inflated; it may show text */
	unsigned end_at;       /* bytes of "endstream" that were seen */
	bool has_eof;
};

void pdf_begin(struct pdf *p, struct file_out *o, struct inflater *f);
void pdf_feed(struct pdf *p, struct span s);
void pdf_end(struct pdf *p);
