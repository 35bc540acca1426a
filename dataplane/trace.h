/* SPDX-License-Identifier: BSD-3-Clause
 * trace.h - the Received line that we add, and the ones that came: loops, where the subject is
 *
 * Why     The Received line, a tagged subject and X-Weir-* fields are the only changes that Weir makes to a mail.
 * Owner   The caller owns every struct; spans given are read during the call alone.
 * Thread  The worker.
 * Limit   One pass over the header, constant memory, any cut of the input gives the same result.
 * RFC     5321 4.4 (trace), 6.3 (loops); 5322 2.2.3 (folding), 3.3 (date); 2047 (a subject text outside ASCII).
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"

#define TRACE_LINE_MAX 1400 /* a folded Received field with the longest HELO, name and recipient */
#define TRACE_WORD_MAX 255

/* Reads a header as it arrives. trace_scan_init() first. */
struct trace_scan {
	const char *own;     /* our host name: the caller's, outlives the scan */
	uint64_t offset;     /* bytes taken in the header */
	uint64_t subject_at; /* offset just behind "Subject:" of the first one; 0: none came */
	uint16_t received_cnt, own_cnt;
	uint16_t word_len, own_len;
	uint8_t name_len;   /* bytes of the field name seen; 255: past it */
	char name[9];       /* its first bytes in lower case: as much as "received:" */
	bool subject_tight; /* no blank behind "Subject:" */
	bool in_name, name_over, in_received, cr, line_empty;
	bool word_is_by, word_is_own, prev_was_by, done;
};

void trace_scan_init(struct trace_scan *t, const char *own_name);
void trace_scan_feed(struct trace_scan *t, struct span in);

/* True when the mail goes round: more than RECEIVED_MAX Received fields, or two of them by us. */
bool trace_is_loop(const struct trace_scan *t);

struct trace_line {
	struct span helo; /* as given; empty: none */
	struct addr client;
	struct span by;
	bool esmtp;
	bool utf8; /* the envelope uses SMTPUTF8: "with UTF8SMTP" (RFC 6531 4.3) */
	uint64_t id;
	struct span rcpt; /* the only recipient; empty: several */
	uint64_t wall_us;
};

/* The field with its CR LF; returns its length, at most TRACE_LINE_MAX. */
size_t trace_received(const struct trace_line *l, char out[TRACE_LINE_MAX]);

/* "Tue, 24 Nov 2026 13:00:00 +0000"; returns its length. */
size_t trace_date(uint64_t wall_us, char out[40]);

/* Text to put behind "Subject:", with a leading space and no trailing one: as it is in ASCII, an encoded word else.
 * Control characters become spaces; cut to what fits one line. Returns its length, at most 101. */
size_t trace_tag(struct span text, char out[128]);
