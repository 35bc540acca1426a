/* SPDX-License-Identifier: BSD-3-Clause
 * train_internal.h - the mails of a training, between collecting (train.c) and fitting (train_fit.c)
 */
#pragma once
#include "engine/model/train.h"

struct example {
	size_t at; /* of its features in train.feature */
	uint32_t cnt;
	uint32_t order; /* as added */
	float scale[MODEL_GROUPS];
	bool is_spam, is_held;
	float weight; /* in the loss */
	unsigned group;
	int64_t time;
	double score; /* of held-out mails */
};

struct train {
	struct example *item;
	size_t cnt, cap;
	uint32_t *feature;
	size_t feature_cnt, feature_cap;
};

/* Weights of MODEL_SLOTS slots from the mails that are not held out, or from all. The caller's to free. */
float *train_fit(const struct train *t, const struct train_options *o, bool all);

/* The sum that a model with these weights gives a mail. */
float train_score(const struct train *t, const struct example *e, const float *w);
