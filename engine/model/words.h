/* SPDX-License-Identifier: BSD-3-Clause
 * words.h - folded text to features: words and pairs of neighbours, while the text flows
 *
 * Why     Training and the relay must see the same features, so both use this one. What would tell the model where a mail came
 *         from instead of what it says gives none: addresses, hosts and URLs in text (their shape is a feature of its own),
 *         words of the recipient's own address, the tag of a list in the subject ("[name]"), and what follows a line of
 *         underscores or hyphens, where lists put their footer. Digits are one digit, so that no year is a feature.
 * Owner   State is the caller's. The vector is borrowed.
 * Thread  One.
 * Limit   A run of non-blanks over MODEL_CHUNK_MAX bytes is one feature. MODEL_MUTES_MAX footers of MODEL_MUTED_WORDS words a
 *         mail, so that a line of hyphens cannot hide the whole text.
 * Input   fold.h's folded text: a blank between words, a line end after each part or field. Any cut gives the same features.
 */
#pragma once
#include "engine/model/vector.h"

#define MODEL_CHUNK_MAX   128
#define MODEL_WORD_MAX    24 /* bytes; longer ones are one feature */
#define MODEL_SUBJECT_MAX 512
#define MODEL_OWN_MAX     8
#define MODEL_MUTED_WORDS 24
#define MODEL_HEAD_WORDS  80
#define MODEL_MUTES_MAX   6

struct model_words {
	struct model_vector *v;
	uint64_t before;         /* hash of the word before, 0: none */
	struct span before_text; /* for names; in before_buf */
	bool in_subject, is_long, has_pair;
	uint8_t own_cnt, mutes_left, muted_left, head_left;
	uint16_t subject_len;
	uint32_t carry_len;
	uint64_t own_mask; /* a bit of each own hash, so that one look says no */
	uint64_t own[MODEL_OWN_MAX];
	char carry[MODEL_CHUNK_MAX];
	char subject[MODEL_SUBJECT_MAX];
	char before_buf[MODEL_WORD_MAX];
};

void model_words_reset(struct model_words *w, struct model_vector *v);

/* Words of this local part (of To, any case) are no features from now on. Before the first text. */
void model_words_own(struct model_words *w, struct span local);

/* Text of the subject comes first: it is kept until the recipients are known, and read before the first text of the body. */
void model_words_subject(struct model_words *w, struct span folded);
void model_words_feed(struct model_words *w, struct span folded);

/* The end of the mail; reads a subject without a body too. */
void model_words_end(struct model_words *w);
