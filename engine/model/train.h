/* SPDX-License-Identifier: BSD-3-Clause
 * train.h - mails that people sorted to a model
 *
 * Why     L2-regularised logistic loss, solved in the dual by coordinate descent (Yu, Huang, Lin, "Dual coordinate descent
 *         methods for logistic regression and maximum entropy models", 2011): one optimum, whatever the order. Mail changes with
 *         time, so what is measured in-sample or on a random part flatters: the last part by time of each group is held
 *         out, slope, offset and thresholds come from there, and only then the weights are fitted to all.
 * Owner   train_add() copies. The model belongs to the caller.
 * Thread  One; tools only.
 * Limit   2^31 features of all mails together.
 */
#pragma once
#include "engine/model/model.h"

struct train;

struct train_options {
	uint64_t seed;     /* order of the passes */
	double cost;       /* of a mail on the wrong side, against small weights; 0: the default */
	double held_share; /* of each group, the last by time; 0: 0.15 */
	unsigned pass_max; /* 0: the default */
};

struct train *train_new(void);
void train_free(struct train *t);

/* group: any number that mails of one origin share; time: seconds since 1970, 0 not known (counts as the oldest). */
void train_add(struct train *t, const struct model_vector *v, bool is_spam, unsigned group,
               int64_t time);

/* NULL with why, when a class has fewer than TRAIN_LEAST mails in either part. */
#define TRAIN_LEAST 20
struct model *train_run(struct train *t, const struct train_options *o, char *why, size_t cap);
