/* SPDX-License-Identifier: BSD-3-Clause
 * mime.h - push the bytes of a message, get header fields, parts and decoded bytes back
 *
 * Why     A filter must see what a mail program will show. So the parser is tolerant: what is broken
 *         is read as common mail programs read it, and a flag says so. No input is an error.
 * Owner   mime_new() allocates everything; feeding allocates nothing. Spans handed to a callback live
 *         until it returns.
 * Thread  One parser belongs to one scan slot of one worker.
 * Limit   MIME_* of base/limits.h: depth, parts, fields, bytes of a field. Past a bound bytes are still
 *         read (linear time) and flagged, events stop. Cuts of the input never change the sequence of
 *         events nor the bytes of a part, only how on_data is sliced.
 * RFC     5322, 2045, 2046, 2047, 2231, 6532. Lines end in CR LF or LF; a bare CR is no line end.
 *
 * Tree    The mail itself is part "1"; the children of a multipart "1" are "1.1", "1.2"; the mail inside
 *         a message/rfc822 part "1.2" is "1.2.1". Containers have 0 bytes. A base64 or quoted-printable
 *         message/rfc822 (RFC 2046 forbids it) is opened too (MIME_F_ENCODED_MESSAGE), two deep; a third is a leaf
 *         with its decoded bytes. A file that was uuencoded into text/plain part "1.2" is "1.2.1" (MIME_F_UU_IN_TEXT), and
 *         its lines are bytes of the text as well: some mail programs show one, some the other.
 * Order   on_header of a part come before its on_part_begin, then on_data of a leaf, then on_part_end;
 *         a container's on_part_end comes after those of its children. Between on_part_begin and on_part_end of a
 *         MIME_F_UU_IN_TEXT part come on_data of the text around it.
 */
#pragma once
#include "base/base.h"
#include "base/limits.h"

#define MIME_PATH_BYTES                                                                            \
	80 /* of "1.2.3…": MIME_DEPTH_MAX + 1 numbers up to MIME_PARTS_MAX, terminated */
#define MIME_TYPE_MAX 127 /* of "type/subtype" */
#define MIME_NAME_MAX 512 /* of a decoded file name; longer ones are cut */

enum mime_encoding {
	MIME_ENC_NONE, /* 7bit, 8bit, binary or nothing said */
	MIME_ENC_QP,
	MIME_ENC_BASE64,
	MIME_ENC_UU,
	MIME_ENC_UNKNOWN, /* a word we do not know: bytes pass as they are */
};

/* Bits of mime_part.flags and mime_flags(). mime_flag_name() gives the lower-case word of the scan JSON. */
enum mime_flag {
	MIME_F_CONTAINER = 1u << 0,       /* multipart or message/rfc822: has children, no data */
	MIME_F_MESSAGE = 1u << 1,         /* message/rfc822 or message/global container */
	MIME_F_ATTACHMENT = 1u << 2,      /* Content-Disposition: attachment */
	MIME_F_ENCODED_MESSAGE = 1u << 3, /* see Tree */
	MIME_F_BAD_BASE64 =
	        1u << 4, /* bytes outside the alphabet (skipped), or a group cut short */
	MIME_F_BASE64_AFTER_PAD = 1u << 5, /* data went on after '=' (decoded too) */
	MIME_F_BAD_QP = 1u << 6, /* '=' not followed by two hex digits or a line end (kept) */
	MIME_F_BAD_UU = 1u << 7,
	MIME_F_BAD_ENCODING = 1u << 8, /* unknown Content-Transfer-Encoding */
	MIME_F_BAD_TYPE = 1u << 9,     /* Content-Type not understood: read as text/plain */
	MIME_F_NO_BOUNDARY = 1u << 10, /* multipart without boundary parameter: read as a leaf */
	MIME_F_UNCLOSED = 1u << 11,    /* multipart whose closing boundary never came */
	MIME_F_EMPTY_MULTIPART = 1u << 12, /* multipart whose opening boundary never came */
	MIME_F_BOUNDARY_JUNK = 1u << 13,   /* text after the boundary on its line */
	MIME_F_TOO_DEEP = 1u << 14, /* would be a container past MIME_DEPTH_MAX: read as a leaf */
	MIME_F_TOO_MANY_PARTS = 1u << 15, /* parts past MIME_PARTS_MAX were not looked at */
	MIME_F_HEADER_JUNK =
	        1u << 16, /* a line in a header that is no field; the body began there */
	MIME_F_HEADER_LONG = 1u << 17,      /* a field past MIME_HEADER_BYTES_MAX was cut */
	MIME_F_TOO_MANY_HEADERS = 1u << 18, /* fields past MIME_HEADERS_MAX gave no event */
	MIME_F_DUP_HEADER =
	        1u << 19, /* Content-Type or -Transfer-Encoding twice (the first counts) */
	MIME_F_RAW_8BIT_HEADER = 1u << 20, /* bytes >= 0x80 in a field that are not UTF-8 */
	MIME_F_UU_IN_TEXT = 1u << 21,      /* see Tree */
};

/* One header field. value is raw unfolded, words of RFC 2047 decoded, UTF-8, outer blanks removed. */
struct mime_header {
	struct span name; /* as written */
	struct span raw; /* after the colon: folds and leading blanks kept, last line end removed */
	struct span value; /* at most MIME_HEADER_BYTES_MAX bytes */
	struct span path;  /* of the part whose field this is */
	unsigned part;     /* its index, as in mime_part */
	bool is_top;       /* a field of the message itself: what "header" rules look at */
};

/* One part. Everything but bytes and flags is fixed from on_part_begin to on_part_end. */
struct mime_part {
	struct span path;    /* "1.2" */
	struct span type;    /* "text/html", lower case; what is missing or bad is "text/plain" */
	struct span charset; /* lower case, "" when not given */
	struct span
	        name; /* file name in UTF-8, from Content-Disposition, else Content-Type; "" without */
	struct span encoding_name; /* as given, lower case: "base64", "8bit", "x-foo", "" */
	enum mime_encoding encoding;
	unsigned index; /* 0 is the mail itself; in order of begin */
	unsigned depth; /* 0 is the mail itself */
	uint64_t bytes; /* decoded so far */
	uint32_t flags;
};

/* Any callback may be NULL. */
struct mime_ops {
	void (*on_header)(void *ctx, const struct mime_header *h);
	void (*on_part_begin)(void *ctx, const struct mime_part *p);
	/* Decoded bytes of a leaf, before charset conversion; offset is that of data.p[0] in the part. */
	void (*on_data)(void *ctx, const struct mime_part *p, struct span data, uint64_t offset);
	void (*on_part_end)(void *ctx, const struct mime_part *p);
	/* Bytes before the first and after the last boundary of a multipart, which no mail program shows
	 * (but all there is when MIME_F_EMPTY_MULTIPART). p is the container. */
	void (*on_outside)(void *ctx, const struct mime_part *p, struct span data);
	/* Convert in from charset (lower case, "" unknown) to UTF-8; return bytes written, at most cap.
	 * text/charset.h has it; NULL: valid UTF-8 passes, anything else is read as latin-1. */
	size_t (*to_utf8)(void *ctx, struct span charset, struct span in, char *out, size_t cap);
};

struct mime;

/* About 600 KB, for start-up. NULL without memory. ops must outlive it. */
struct mime *mime_new(const struct mime_ops *ops, void *ctx);
void mime_free(struct mime *m);

/* Forget the last message; cheap. Must precede each message, the first one too. */
void mime_reset(struct mime *m);

/* The next bytes of the message as it was sent (dots unstuffed). Any cut, empty spans too. Returns bytes taken: all, unless
 * mime_pause() was called. */
size_t mime_feed(struct mime *m, struct span raw);

/* From on_part_begin of the mail itself: mime_feed() takes no byte behind the header. */
void mime_pause(struct mime *m);

/* The message is over: the events that are still due. Then mime_reset(). */
void mime_end(struct mime *m);

/* Flags of all parts so far, or-ed. */
uint32_t mime_flags(const struct mime *m);

/* "bad_base64" of one bit; NULL past the last. */
const char *mime_flag_name(unsigned bit);

/* "none", "quoted-printable", "base64", "uuencode", "unknown" */
const char *mime_encoding_name(enum mime_encoding e);

/* Decode RFC 2047 words of a raw field body and unfold it, as mime_header.value is made. Returns bytes
 * written, at most cap. to_utf8 may be NULL. */
size_t mime_decode_words(struct span raw, char *out, size_t cap, const struct mime_ops *ops,
                         void *ctx);
