/* SPDX-License-Identifier: BSD-3-Clause
 * fold.h - two forms of shown text: rendered (SpamAssassin's paragraphs) and folded (for phrases)
 *
 * Why     Normalise first, then match plain literals (engine.md, finding 4). The same function folds
 *         phrases when they are compiled and text when it is scanned, so that the two always agree.
 * Owner   State is the caller's; all zero is ready to use, and a reset is setting it to zero.
 * Thread  Any; no shared state but constant tables.
 * Input   UTF-8; bytes that are not are U+FFFD. Cuts do not change the output.
 * Limit   Each call takes at least one byte or writes at least one when cap >= FOLD_CAP_MIN. Folded text
 *         is at most FOLD_GROWTH times as long as its input (U+337F is four kanji: 3 bytes become 12; the tables
 *         have nothing longer), rendered text 3 times (a bad byte is U+FFFD).
 *
 * Folded    lower case; compatibility forms to plain ones (fullwidth, ligatures, mathematical letters, circled and
 *           small capitals); zero-width characters, soft hyphens, variation selectors, tags and control
 *           characters dropped; accents dropped (í is i, both ways an accent can be written);
 *           Cyrillic, Greek and other letters that look Latin to the Latin ones; each run of white space to
 *           one blank, none at the start.
 * Rendered  as Mail::SpamAssassin::Message does: case and everything else kept; a run of white space with an
 *           empty line in it is "\n", with a blank on a side where it had some; any other run is one blank; at the start it is dropped unless in_text was set before.
 */
#pragma once
#include "base/base.h"

#define FOLD_CAP_MIN  64
#define FOLD_GROWTH   4
#define FOLD_CAP(len) ((len)*FOLD_GROWTH + FOLD_CAP_MIN) /* always enough for len bytes */

/* The bytes of a character that is cut; len < 4. */
struct fold_carry {
	unsigned char byte[4];
	uint8_t len;
};

struct fold {
	struct fold_carry carry;
	bool in_text;  /* something was written */
	bool in_space; /* the last thing written was a blank */
};

/* Take from *in, write to out; returns bytes written. Call until in->len is 0. cap >= FOLD_CAP_MIN. */
size_t fold_feed(struct fold *f, struct span *in, char *out, size_t cap);

/* A character that was cut off at the very end. Also breaks words: the next feed begins a new text. */
size_t fold_end(struct fold *f, char *out, size_t cap);

/* All at once, for phrases and header fields: bytes written, at most cap; a blank at the end is removed. */
size_t fold_span(struct span in, char *out, size_t cap);

/* Words as a reader sees them, case and everything else kept: characters that are not shown are dropped, letters beyond Latin that
 * look Latin are Latin ones. 0: nothing in the text pretends (no such character, no word of Latin letters and look-alikes of another
 * script); out is then of no use. Whole characters; what does not fit cap is left out. */
size_t fold_undisguise(struct span in, char *out, size_t cap);

struct render {
	struct fold_carry carry;
	uint8_t newline_cnt; /* in the run of white space before us; 2 is enough */
	bool in_text, in_space;
	bool plain_quotes; /* U+201C and U+201D are '"', as SpamAssassin reads HTML; the caller's to set */
	bool has_before,
	        has_after; /* blanks in that run before its first and behind its last line end */
};

size_t render_feed(struct render *r, struct span *in, char *out, size_t cap);

/* A character that was cut off at the end of a part. What follows joins it unless it begins with white space. */
size_t render_cut(struct render *r, char *out, size_t cap);

/* The end of the text: its last white space, as in the middle. Then r is as new. */
size_t render_end(struct render *r, char *out, size_t cap);
