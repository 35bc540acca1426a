/* SPDX-License-Identifier: BSD-3-Clause
 * candidate.h - a copy of the live model that learns mail by mail, and what shows whether it is better
 *
 * Why     Feedback must never change what decides today: a wrong click, or a sender who reports ham as spam, would. So mails are
 *         learned into a copy. Each is judged by both models *before* the copy learns it ("test, then train"), so the
 *         figures are never in-sample; only when they are good may the copy take the live model's place.
 * Owner   The caller. A candidate is one file beside the model: FILE.candidate.
 * Thread  One; tools only.
 * Limit   CANDIDATE_MAILS_MAX mails, each once; one mail moves its own log-odds by its error of probability, CANDIDATE_STEP_MAX at
 *         most: what is judged right already changes nothing.
 * Errors  The operator's, as text.
 */
#pragma once
#include "engine/model/model.h"

#define CANDIDATE_MAILS_MAX 4096
#define CANDIDATE_STEP_MAX  1.0f
#define CANDIDATE_LEAST     20 /* ham, and spam, before it may be promoted */

struct candidate_head {
	char magic[8];
	uint32_t version;
	uint32_t base_crc; /* of the live model it began as */
	uint32_t crc;      /* of this head with 0 here, and all after it */
	uint32_t ham_cnt, spam_cnt;
	/* At the live model's block threshold, before the mail was learned. */
	uint32_t live_fp_cnt, live_caught_cnt, fp_cnt, caught_cnt;
	uint32_t reserved[5];
};

struct candidate {
	struct candidate_head head;
	uint64_t mail
	        [CANDIDATE_MAILS_MAX]; /* hashes of their features: ham_cnt + spam_cnt of them */
	struct model model;
};

/* A copy of the live model that has learned nothing. */
struct candidate *candidate_new(const struct model *live);
/* NULL with why; *is_missing when there is no such file. */
struct candidate *candidate_load(const char *path, const struct model *live, bool *is_missing,
                                 char *why, size_t cap);
int candidate_save(struct candidate *c, const char *path); /* 0 or -errno */
void candidate_free(struct candidate *c);

enum candidate_outcome {
	CANDIDATE_LEARNED,
	CANDIDATE_KNOWN, /* this mail, or one with the same features, was learned before */
	CANDIDATE_FULL,
};
enum candidate_outcome candidate_learn(struct candidate *c, const struct model *live,
                                       const struct model_vector *v, bool is_spam);

/* Has it shown that it is no worse: enough mails, no more false positives, no fewer caught? Else why not. */
bool candidate_is_better(const struct candidate *c, char *why, size_t cap);

/* It takes the live model's place on disk; the model before stays as "PATH.before". 0 or -errno. */
int candidate_promote(struct candidate *c, const char *live_path);
