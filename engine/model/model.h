/* SPDX-License-Identifier: BSD-3-Clause
 * model.h - the learned model: weights of hashed features, read from a file; its answer for one mail
 *
 * Why     Logistic regression over hashed features: one sum a mail, whose parts count by the root of their size (vector.h), so
 *         that a long mail is no more certain than a short one. What the sum means was measured on mails that the
 *         weights had not seen (train.h): slope and offset make it log-odds, and the thresholds are where the false
 *         positives of those mails were few.
 * Owner   A loaded model is immutable and counted; control alone changes the count.
 * Thread  model_load/get/put: control. model_logodds(): any.
 * Errors  model_load(): the operator's file; NULL and why.
 * File    struct model_head, then MODEL_SLOTS int16 weights, little-endian as the machines that run this. 512 KiB and 128 bytes.
 */
#pragma once
#include "engine/model/vector.h"

#define MODEL_MAGIC   "WEIRMDL"
#define MODEL_VERSION 1

struct model_head {
	char magic[8]; /* MODEL_MAGIC with its NUL */
	uint32_t version, bits;
	uint32_t crc; /* CRC-32C of the whole file with this field 0 */
	uint32_t
	        feature_set; /* MODEL_FEATURE_SET of who trained it: other features, other meaning */
	float slope, offset;  /* sum of weights / sqrt(n) to log-odds */
	float strict_logodds; /* at most 0.1 % false positives on held-out mails: 2.5 points */
	float wide_logodds;   /* at most 0.5 % */
	uint32_t ham_cnt, spam_cnt;            /* trained on */
	uint32_t held_ham_cnt, held_spam_cnt;  /* slope, offset and thresholds come from these */
	uint32_t held_fp_cnt, held_caught_cnt; /* of these, at strict_logodds */
	uint32_t learned_cnt;                  /* mails learned one by one since (weirctl learn) */
	uint32_t reserved[15];
};
static_assert(sizeof(struct model_head) == 128, "a file format");

/* Changes with what a feature is. */
#define MODEL_FEATURE_SET 3

struct model {
	unsigned ref_cnt;
	struct model_head head;
	int16_t weight[MODEL_SLOTS];
};

/* NULL with why set ("cannot be read: …", "is no model", "is damaged") in the caller's buffer. */
struct model *model_load(const char *path, char *why, size_t cap);
/* Bytes of a file already in memory. */
struct model *model_parse(struct span file, char *why, size_t cap);
/* Fills in magic, version and CRC; the file is replaced whole or not at all. 0 or -errno. */
int model_save(struct model *m, const char *path);

struct model *model_get(struct model *m);
void model_put(struct model *m); /* NULL is fine */

/* Log-odds that a mail with these features is spam, bounded by MODEL_LOGODDS_MAX either way. About 10 cycles a feature. */
#define MODEL_LOGODDS_MAX 30.0f
float model_logodds(const struct model *m, const struct model_vector *v);

/* 0 to 1. */
double model_probability(float logodds);

/*
 * What the model adds to a mail's score, in thousandths of a point: linear in log-odds, 0 at even odds, MODEL_POINTS_STRICT at
 * strict_logodds, so that there a rule or two must agree before the default threshold of 5 points. Never over
 * MODEL_POINTS_MAX; never under MODEL_POINTS_MIN, so that words of good mails cannot buy off rules.
 */
#define MODEL_STRICT_MIN    1.0f /* log-odds: no strict threshold is under 73 % */
#define MODEL_POINTS_STRICT 2500
#define MODEL_POINTS_MAX    8000
#define MODEL_POINTS_MIN    (-2000)
int32_t model_points_milli(const struct model *m, float logodds);

/* What one feature adds to the log-odds of a mail; scale: of its vector. */
float model_share(const struct model *m, const float scale[MODEL_GROUPS], uint32_t feature);
