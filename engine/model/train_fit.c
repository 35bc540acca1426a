/* SPDX-License-Identifier: BSD-3-Clause
 * train_fit.c - weights by dual coordinate descent, in two rounds: which features matter, then their weights
 *
 * Why     20,000 mails have a million features, the model a quarter of that as slots. Were all of them in, every slot would be
 *         shared, and a word that training never saw would weigh what strangers weigh. So the first round fits with
 *         MODEL_HASH_BITS of each hash, the FEATURES_KEPT that matter most stay, and the second round fits those alone to
 *         slots: most slots are empty, and a strange word weighs nothing.
 */
#include "base/rng.h"
#include "engine/model/train_internal.h"
#include <math.h>

#define COST_DEFAULT   32.0
#define PASSES_DEFAULT 200
#define STOP_AT        0.002 /* largest step of a pass, as a share of its bound */
#define FEATURES_KEPT  32768u
#define HASHES         (1u << MODEL_HASH_BITS)

struct fit {
	const struct example **item; /* which mails */
	size_t cnt;
	/* Their features: group and index of a weight, as MODEL_FEATURE() has group and hash. */
	uint32_t *feature;
	size_t *at;     /* cnt + 1 */
	uint32_t width; /* weights */
	double *alpha;  /* two a mail: the dual variable, and its distance to the bound */
	float *w;
	float *rarity; /* of an index, squared: what a step of its weight is multiplied with */
	float *square; /* of each mail's vector */
	double cost;
};

/* ---- coordinate descent ---- */

static float
product(const struct fit *f, size_t i)
{
	float sum[MODEL_GROUPS] = { 0 }, z = 0;

	for (size_t k = f->at[i]; k < f->at[i + 1]; k++)
		sum[MODEL_GROUP_OF(f->feature[k])] += f->w[MODEL_HASH_OF(f->feature[k])];
	for (unsigned g = 0; g < MODEL_GROUPS; g++)
		z += sum[g] * f->item[i]->scale[g];
	return z;
}

static void
add_to(struct fit *f, size_t i, double by)
{
	float step[MODEL_GROUPS];

	for (unsigned g = 0; g < MODEL_GROUPS; g++)
		step[g] = (float)by * f->item[i]->scale[g];
	for (size_t k = f->at[i]; k < f->at[i + 1]; k++) {
		uint32_t n = MODEL_HASH_OF(f->feature[k]);

		f->w[n] += step[MODEL_GROUP_OF(f->feature[k])] * f->rarity[n];
	}
}

/* One variable to its optimum, the others fixed (algorithm 4 of the paper: Newton steps, kept inside the bound). Returns how far it
 * went, as a share of the bound. */
static double
solve_one(struct fit *f, size_t i)
{
	double y = f->item[i]->is_spam ? 1 : -1, bound = f->cost * (double)f->item[i]->weight;
	double xx = MAX((double)f->square[i], 1e-6), b = y * (double)product(f, i);
	double *a = &f->alpha[2 * i], sign = 1, old, z, slope;
	unsigned lo = 0;

	if (0.5 * xx * (a[1] - a[0]) + b < 0) {
		lo = 1;
		sign = -1;
	}
	old = z = a[lo];
	if (bound - z < 0.5 * bound)
		z *= 0.1;
	slope = xx * (z - old) + sign * b + log(z / (bound - z));
	for (unsigned n = 0; n < 100 && fabs(slope) > 1e-3; n++) {
		double next = z - slope / (xx + bound / (bound - z) / z);

		z = next <= 0 ? z * 0.1 : next;
		slope = xx * (z - old) + sign * b + log(z / (bound - z));
	}
	a[lo] = z;
	a[1 - lo] = bound - z;
	add_to(f, i, sign * (z - old) * y);
	return fabs(z - old) / bound;
}

static void
begin(struct fit *f)
{
	for (size_t i = 0; i < f->cnt; i++) {
		double bound = f->cost * (double)f->item[i]->weight;
		double a = MIN(0.001 * bound, 1e-8);

		f->alpha[2 * i] = a;
		f->alpha[2 * i + 1] = bound - a;
		add_to(f, i, f->item[i]->is_spam ? a : -a);
	}
}

static void
solve(struct fit *f, const struct train_options *o)
{
	size_t *order = malloc((f->cnt + 1) * sizeof(*order));
	unsigned pass_max = o->pass_max ? o->pass_max : PASSES_DEFAULT;
	struct rng r;

	BUG_ON(!order);
	rng_seed(&r, o->seed);
	for (size_t i = 0; i < f->cnt; i++)
		order[i] = i;
	begin(f);
	for (unsigned pass = 0; pass < pass_max; pass++) {
		double most = 0;

		for (size_t i = f->cnt; i > 1; i--) {
			size_t k = (size_t)rng_below(&r, i), swap = order[k];

			order[k] = order[i - 1];
			order[i - 1] = swap;
		}
		for (size_t i = 0; i < f->cnt; i++) {
			double went = solve_one(f, order[i]);

			most = MAX(most, went);
		}
		if (most < STOP_AT)
			break;
	}
	free(order);
}

/* ---- what goes in ---- */

/* In how many of the mails each index is. The caller's to free. */
static uint32_t *
count_mails(const struct fit *f)
{
	uint32_t *seen = calloc(f->width, sizeof(*seen));

	BUG_ON(!seen);
	for (size_t k = 0; k < f->at[f->cnt]; k++)
		seen[MODEL_HASH_OF(f->feature[k])]++;
	return seen;
}

/*
 * Common features are in every mail and say little; left alone they take weight that rare ones, which say much, should have. So a
 * feature's value is multiplied with 0.1 + log²(mails / mails that have it). The weight of the file is for the plain value,
 * which costs a scan nothing: w = u·r, and a step of u changes w by r². The mean square of a mail's vector is then SQUARE.
 */
#define RARITY_LEAST 0.1
#define SQUARE       4.0

static void
weigh_features(struct fit *f)
{
	uint32_t *seen = count_mails(f);
	double mean = 1e-9;

	for (uint32_t i = 0; i < f->width; i++) {
		double rare = log((double)(f->cnt + 1) / (seen[i] + 1.0));

		f->rarity[i] = (float)pow(RARITY_LEAST + rare * rare, 2);
	}
	for (size_t i = 0; i < f->cnt; i++) {
		for (size_t k = f->at[i]; k < f->at[i + 1]; k++) {
			float x = f->item[i]->scale[MODEL_GROUP_OF(f->feature[k])];

			f->square[i] += x * x * f->rarity[MODEL_HASH_OF(f->feature[k])];
		}
		mean += (double)f->square[i] / (double)f->cnt;
	}
	for (size_t i = 0; i < f->cnt; i++)
		f->square[i] *= (float)(SQUARE / mean);
	for (uint32_t i = 0; i < f->width; i++)
		f->rarity[i] *= (float)(SQUARE / mean);
	free(seen);
}

/* The features that are kept, by slot; kept NULL: all, by hash. */
static void
take_features(struct fit *f, const struct train *t, const bool *kept)
{
	size_t n = 0;

	f->width = kept ? MODEL_SLOTS : HASHES;
	f->feature = malloc((t->feature_cnt + 1) * sizeof(*f->feature));
	f->at = calloc(f->cnt + 1, sizeof(*f->at));
	f->alpha = calloc(f->cnt + 1, 2 * sizeof(*f->alpha));
	f->square = calloc(f->cnt + 1, sizeof(*f->square));
	f->w = calloc(f->width, sizeof(*f->w));
	f->rarity = calloc(f->width, sizeof(*f->rarity));
	BUG_ON(!f->feature || !f->at || !f->alpha || !f->square || !f->w || !f->rarity);
	for (size_t i = 0; i < f->cnt; i++) {
		const uint32_t *from = t->feature + f->item[i]->at;

		for (uint32_t k = 0; k < f->item[i]->cnt; k++) {
			if (!kept)
				f->feature[n++] = from[k];
			else if (kept[MODEL_HASH_OF(from[k])])
				f->feature[n++] = MODEL_FEATURE(MODEL_GROUP_OF(from[k]),
				                                MODEL_SLOT_OF(from[k]));
		}
		f->at[i + 1] = n;
	}
}

/* Frees all but the mails. */
static void
drop_features(struct fit *f)
{
	free(f->feature);
	free(f->at);
	free(f->alpha);
	free(f->square);
	free(f->w);
	free(f->rarity);
}

static int
by_value_down(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x > y ? -1 : x < y;
}

/* What a feature did to the mails: its weight by the root of how many have it; of one mail alone nothing. The caller's to free. */
static bool *
choose_features(const struct fit *f)
{
	float *worth = calloc(f->width, sizeof(*worth)), *sorted;
	bool *kept = calloc(f->width, sizeof(*kept));
	uint32_t *seen = count_mails(f);

	sorted = malloc(f->width * sizeof(*sorted));
	BUG_ON(!worth || !kept || !sorted);
	for (uint32_t i = 0; i < f->width; i++)
		worth[i] = seen[i] > 1 ? fabsf(f->w[i]) * sqrtf((float)seen[i]) : 0;
	memcpy(sorted, worth, f->width * sizeof(*sorted));
	qsort(sorted, f->width, sizeof(*sorted), by_value_down);
	for (uint32_t i = 0; i < f->width; i++)
		kept[i] = worth[i] > sorted[FEATURES_KEPT];
	free(worth);
	free(sorted);
	free(seen);
	return kept;
}

float *
train_fit(const struct train *t, const struct train_options *o, bool all)
{
	struct fit f = { .cost = o->cost > 0 ? o->cost : COST_DEFAULT };
	bool *kept;
	float *w;

	f.item = calloc(t->cnt + 1, sizeof(*f.item));
	BUG_ON(!f.item);
	for (size_t i = 0; i < t->cnt; i++)
		if (all || !t->item[i].is_held)
			f.item[f.cnt++] = &t->item[i];
	take_features(&f, t, NULL);
	weigh_features(&f);
	solve(&f, o);
	kept = choose_features(&f);
	drop_features(&f);
	take_features(&f, t, kept);
	weigh_features(&f);
	solve(&f, o);
	w = f.w;
	f.w = NULL;
	drop_features(&f);
	free(f.item);
	free(kept);
	return w;
}

float
train_score(const struct train *t, const struct example *e, const float *w)
{
	const uint32_t *s = t->feature + e->at;
	float sum[MODEL_GROUPS] = { 0 }, z = 0;

	for (uint32_t i = 0; i < e->cnt; i++)
		sum[MODEL_GROUP_OF(s[i])] += w[MODEL_SLOT_OF(s[i])];
	for (unsigned g = 0; g < MODEL_GROUPS; g++)
		z += sum[g] * e->scale[g];
	return z;
}
