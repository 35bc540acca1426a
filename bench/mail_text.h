/* SPDX-License-Identifier: BSD-3-Clause
 * mail_text.h - mails made of words: unlike from one to the next, checkable at the other end
 *
 * Why     Zeros, or one mail again and again, would flatter every cache and every filter (bench.md). Each mail carries its
 *         sequence number and the CRC32C of its body.
 * Shape   Header: From, To, Subject, Date, Message-ID, X-Seq: N, X-Crc: HHHHHHHH of all bytes behind the blank line; CR LF.
 * Owner   mail_text owns the bodies: a set larger than L2, cut anew for each mail.
 * Thread  One.
 */
#pragma once
#include "base/base.h"
#include "base/rng.h"

enum mail_hit {
	MAIL_CLEAN,
	MAIL_GTUBE, /* pattern */
	MAIL_EICAR, /* attachment */
	MAIL_HITS
};

struct mail_text {
	char *text; /* words in lines of at most 76, CR LF */
	size_t text_len;
	struct rng rng;
};

/* Space that a mail of `bytes` may need. */
#define MAIL_TEXT_ROOM(bytes) ((bytes) + 1024)

void mail_text_init(struct mail_text *t, uint64_t seed);
void mail_text_fini(struct mail_text *t);

/* Writes mail number `seq` of about `bytes` (never less than its header) to out, whole, without the final dot; returns its
 * length. No line begins with a dot. `reused` is written into no byte: a mail depends on seq, bytes and hit alone. */
size_t mail_text_make(struct mail_text *t, char *out, uint64_t seq, size_t bytes,
                      enum mail_hit hit);

/* The same as one HTML part: a table, styles, links, pictures, entities. Without X-Crc; not for mail_check. */
size_t mail_text_make_html(struct mail_text *t, char *out, uint64_t seq, size_t bytes);

/* Incremental check of a mail as it arrives, CR LF form, whatever headers stand on top. */
struct mail_check {
	uint64_t seq;
	uint32_t want_crc, crc;
	uint64_t body_bytes;
	bool in_body, has_seq, has_crc;
	uint8_t tail; /* progress through CR LF CR LF */
	size_t line_len;
	char line[128];
};

void mail_check_init(struct mail_check *c);
void mail_check_feed(struct mail_check *c, struct span in);

/* True when number and checksum were there and agree; *seq is set. */
bool mail_check_end(const struct mail_check *c, uint64_t *seq);

uint32_t crc32c(uint32_t crc, const void *p, size_t n);
