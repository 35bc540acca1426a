/* SPDX-License-Identifier: BSD-3-Clause
 * train.c - collects mails, holds some out; calibration and thresholds on those
 */
#include "engine/model/train_internal.h"
#include <math.h>

#define HELD_DEFAULT 0.15
#define WEIGHT_TOP   32767.0

struct train *
train_new(void)
{
	struct train *t = calloc(1, sizeof(*t));

	BUG_ON(!t);
	return t;
}

void
train_free(struct train *t)
{
	if (!t)
		return;
	free(t->item);
	free(t->feature);
	free(t);
}

void
train_add(struct train *t, const struct model_vector *v, bool is_spam, unsigned group, int64_t time)
{
	if (t->cnt == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 1024;
		t->item = realloc(t->item, t->cap * sizeof(*t->item));
		BUG_ON(!t->item);
	}
	while (t->feature_cnt + v->cnt > t->feature_cap) {
		t->feature_cap = t->feature_cap ? t->feature_cap * 2 : 1u << 20;
		t->feature = realloc(t->feature, t->feature_cap * sizeof(*t->feature));
		BUG_ON(!t->feature);
	}
	memcpy(t->feature + t->feature_cnt, v->feature, v->cnt * sizeof(*t->feature));
	t->item[t->cnt] = (struct example){ .at = t->feature_cnt,
		                            .cnt = v->cnt,
		                            .order = (uint32_t)t->cnt,
		                            .is_spam = is_spam,
		                            .group = group,
		                            .time = time };
	model_scales(v->feature, v->cnt, t->item[t->cnt].scale);
	t->feature_cnt += v->cnt;
	t->cnt++;
}

/* ---- held-out mails ---- */

static int
by_group_and_time(const void *a, const void *b)
{
	const struct example *x = a, *y = b;

	if (x->is_spam != y->is_spam)
		return x->is_spam ? 1 : -1;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* First of the next group of t's sorted mails. */
static size_t
group_end(const struct train *t, size_t begin)
{
	size_t end = begin;

	while (end < t->cnt && t->item[end].group == t->item[begin].group &&
	       t->item[end].is_spam == t->item[begin].is_spam)
		end++;
	return end;
}

static void
hold_out(struct train *t, double share)
{
	qsort(t->item, t->cnt, sizeof(*t->item), by_group_and_time);
	for (size_t i = 0, end; i < t->cnt; i = end) {
		end = group_end(t, i);
		for (size_t k = i; k < end; k++)
			t->item[k].is_held = (double)(end - k) <= (double)(end - i) * share + 0.5;
	}
}

/* A small source counts more, up to GROUP_WEIGHT_MAX, so that a large one does not decide alone what ham is; of a handful of mails
 * not. */
#define GROUP_WEIGHT_MAX 8.0
#define GROUP_LEAST      50

static void
weigh_groups(struct train *t)
{
	size_t mails[2] = { 0 }, groups[2] = { 0 };

	for (size_t i = 0, end; i < t->cnt; i = end) {
		end = group_end(t, i);
		if (end - i < GROUP_LEAST)
			continue;
		mails[t->item[i].is_spam] += end - i;
		groups[t->item[i].is_spam]++;
	}
	for (size_t i = 0, end; i < t->cnt; i = end) {
		double mean = (double)mails[t->item[i].is_spam] /
		              (double)MAX(groups[t->item[i].is_spam], (size_t)1);
		double weight;

		end = group_end(t, i);
		weight = MAX(1.0, MIN(GROUP_WEIGHT_MAX, mean / (double)(end - i)));
		for (size_t k = i; k < end; k++)
			t->item[k].weight = (float)(end - i < GROUP_LEAST ? 1 : weight);
	}
}

static size_t
count(const struct train *t, bool is_spam, bool is_held)
{
	size_t n = 0;

	for (size_t i = 0; i < t->cnt; i++)
		n += t->item[i].is_spam == is_spam && t->item[i].is_held == is_held;
	return n;
}

/* Targets that are never certain (Platt, "Probabilistic outputs for support vector machines", 1999). */
struct targets {
	double spam, ham;
};

/* Loss of slope a and offset b on the held-out mails; its gradient and Hessian into g. */
static double
held_loss(const struct train *t, const struct targets *y, double a, double b, double g[5])
{
	double loss = 0;

	memset(g, 0, 5 * sizeof(*g));
	for (size_t i = 0; i < t->cnt; i++) {
		const struct example *e = &t->item[i];
		double z = a * e->score + b, p = 1 / (1 + exp(-z)), d, h = p * (1 - p);
		double want = e->is_spam ? y->spam : y->ham;

		if (!e->is_held)
			continue;
		d = p - want;
		loss += log1p(exp(-fabs(z))) + (z > 0 ? (1 - want) * z : -want * z);
		g[0] += d * e->score;
		g[1] += d;
		g[2] += h * e->score * e->score;
		g[3] += h * e->score;
		g[4] += h;
	}
	return loss;
}

/* Newton's method with steps that are halved until they help (Lin, Lin, Weng, "A note on Platt's probabilistic outputs", 2007). */
static void
calibrate(const struct train *t, float *slope, float *offset)
{
	struct targets y = { .spam = (double)count(t, true, true),
		             .ham = (double)count(t, false, true) };
	double a = 0, b = 0, g[5], next[5], loss;

	y.spam = (y.spam + 1) / (y.spam + 2);
	y.ham = 1 / (y.ham + 2);
	loss = held_loss(t, &y, a, b, g);
	for (unsigned n = 0; n < 100; n++) {
		double haa = g[2] + 1e-12, hbb = g[4] + 1e-12, det = haa * hbb - g[3] * g[3];
		double da = (hbb * g[0] - g[3] * g[1]) / det, by = 1;
		double db = (haa * g[1] - g[3] * g[0]) / det;
		double after = held_loss(t, &y, a - da, b - db, next);

		while (after > loss && by > 1e-6) {
			by /= 2;
			after = held_loss(t, &y, a - by * da, b - by * db, next);
		}
		if (!(loss - after > 1e-9))
			break;
		a -= by * da;
		b -= by * db;
		loss = after;
		memcpy(g, next, sizeof(g));
	}
	*slope = (float)MAX(a, 1e-3);
	*offset = (float)b;
}

static int
by_score_down(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x > y ? -1 : x < y;
}

/* Least score that at most `share` of the held-out ham reaches. */
static float
threshold(const struct train *t, double share)
{
	double *ham = malloc((t->cnt + 1) * sizeof(*ham));
	size_t n = 0, may;
	float at;

	BUG_ON(!ham);
	for (size_t i = 0; i < t->cnt; i++)
		if (t->item[i].is_held && !t->item[i].is_spam)
			ham[n++] = t->item[i].score;
	qsort(ham, n, sizeof(*ham), by_score_down);
	may = (size_t)((double)n * share);
	at = nextafterf((float)ham[may], INFINITY); /* over it as a float, too */
	free(ham);
	return at;
}

static void
measure(struct train *t, const struct train_options *o, struct model_head *h)
{
	float *w = train_fit(t, o, false);

	for (size_t i = 0; i < t->cnt; i++)
		if (t->item[i].is_held)
			t->item[i].score = (double)train_score(t, &t->item[i], w);
	free(w);
	calibrate(t, &h->slope, &h->offset);
	for (size_t i = 0; i < t->cnt; i++)
		t->item[i].score = (double)h->slope * t->item[i].score + (double)h->offset;
	h->strict_logodds = threshold(t, 0.001);
	h->strict_logodds = MAX(MODEL_STRICT_MIN, MIN(MODEL_LOGODDS_MAX, h->strict_logodds));
	h->wide_logodds = MIN(h->strict_logodds, threshold(t, 0.005));
	for (size_t i = 0; i < t->cnt; i++) {
		const struct example *e = &t->item[i];

		if (!e->is_held || e->score < (double)h->strict_logodds)
			continue;
		h->held_caught_cnt += e->is_spam;
		h->held_fp_cnt += !e->is_spam;
	}
}

/* To int16 so that the largest fits. */
static void
quantise(const float *w, struct model *m)
{
	double top = 1e-9, scale;

	for (size_t i = 0; i < MODEL_SLOTS; i++)
		top = MAX(top, fabs((double)w[i]));
	scale = WEIGHT_TOP / top;
	for (size_t i = 0; i < MODEL_SLOTS; i++)
		m->weight[i] = (int16_t)lrint((double)w[i] * scale);
	m->head.slope = (float)((double)m->head.slope / scale);
}

struct model *
train_run(struct train *t, const struct train_options *o, char *why, size_t cap)
{
	struct model *m;
	float *w;

	hold_out(t, o->held_share > 0 ? o->held_share : HELD_DEFAULT);
	weigh_groups(t);
	for (unsigned i = 0; i < 4; i++)
		if (count(t, i & 1, i & 2) < TRAIN_LEAST) {
			snprintf(why, cap,
			         "too few mails: %zu %s to learn from and %zu to measure on; %d "
			         "of each "
			         "are the least",
			         count(t, i & 1, false), i & 1 ? "spam" : "ham",
			         count(t, i & 1, true), TRAIN_LEAST);
			return NULL;
		}
	m = calloc(1, sizeof(*m));
	BUG_ON(!m);
	m->ref_cnt = 1;
	measure(t, o, &m->head);
	m->head.ham_cnt = (uint32_t)(count(t, false, false) + count(t, false, true));
	m->head.spam_cnt = (uint32_t)(count(t, true, false) + count(t, true, true));
	m->head.held_ham_cnt = (uint32_t)count(t, false, true);
	m->head.held_spam_cnt = (uint32_t)count(t, true, true);
	w = train_fit(t, o, true);
	quantise(w, m);
	free(w);
	return m;
}
