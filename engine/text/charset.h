/* SPDX-License-Identifier: BSD-3-Clause
 * charset.h - bytes in a declared charset to valid UTF-8, streaming
 *
 * Why     Rules, lists and the model are written in UTF-8; senders write anything, and lie.
 *         us-ascii, utf-8, none and unknown: valid UTF-8 passes; a sequence that is not is read as
 *         windows-1252, byte by byte. iso-8859-1 is read as windows-1252 (as browsers do).
 *         UTF-7 and UTF-16 here (UTF-16 without BOM: guessed from the first unit), single-byte sets by
 *         tables, ISO-2022-JP, GB18030 (for gb2312, gbk), Big5, EUC-JP, EUC-KR, Shift_JIS by iconv(3).
 * Owner   A set holds the iconv descriptors, opened in charset_set_new(); a converter is the caller's.
 * Thread  One set per scan slot: one conversion by iconv at a time.
 * Errors  None at run time: what cannot be converted is U+FFFD and counted in bad_cnt. An encoding whose
 *         iconv module is missing on this machine is read as "unknown".
 * Limit   At most 3 bytes of output for each byte of input, plus 8.
 */
#pragma once
#include "base/base.h"

struct charset_set;

/* Opens iconv descriptors: start-up only. NULL without memory. */
struct charset_set *charset_set_new(void);
void charset_set_free(struct charset_set *s);

enum charset_kind {
	CHARSET_UTF8, /* and ascii, none, unknown */
	CHARSET_TABLE,
	CHARSET_UTF7,
	CHARSET_UTF16, /* byte order from BOM or guess */
	CHARSET_UTF16BE,
	CHARSET_UTF16LE,
	CHARSET_ICONV,
};

/* Fields are private but bad_cnt and kind. */
struct charset_conv {
	struct charset_set *set;
	enum charset_kind kind;
	unsigned id;        /* of table or iconv descriptor */
	uint32_t carry_len; /* input bytes of a sequence that is cut */
	unsigned char carry[16];
	uint32_t bits, bit_cnt; /* UTF-7: base64 state; UTF-16: high surrogate */
	bool in_b64, b64_first;
	uint64_t bad_cnt; /* bytes or units that had no meaning in the declared charset */
};

/* name as declared, any case, "" for none. */
void charset_begin(struct charset_conv *c, struct charset_set *s, struct span name);

/* Is this a name we convert by more than the fall-back? */
bool charset_is_known(struct span name);

/* Take from *in and write UTF-8 to out; returns bytes written. Call until in->len is 0.
 * cap must be at least 16. Cuts of the input do not change the output. */
size_t charset_feed(struct charset_conv *c, struct span *in, char *out, size_t cap);

/* What a cut-off sequence at the end means. cap at least 64. */
size_t charset_end(struct charset_conv *c, char *out, size_t cap);

/* All at once, for header words: bytes written, at most cap, cut at a character. Has the shape of
 * mime_ops.to_utf8 with ctx a charset_set. */
size_t charset_to_utf8(void *set, struct span name, struct span in, char *out, size_t cap);
