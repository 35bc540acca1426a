/* SPDX-License-Identifier: BSD-3-Clause
 * eval.c - `weirctl eval`: what is caught and what is wrongly stopped, by source, with intervals
 *
 * Why     A rate without its source and interval says little: two false positives of 2,000 may be any rate from 0.03 to 0.4 %.
 */
#include "ctrl/cli/cli.h"
#include "ctrl/cli/mails.h"
#include "ctrl/cli/rules.h"
#include "engine/model/model.h"
#include "engine/scan.h"
#include <jansson.h>
#include <math.h>

enum judge {
	J_STRICT, /* the model at its strict threshold */
	J_WIDE,   /* the model at its wide threshold */
	J_ALL,    /* rules, lists and model: any action but deliver */
	JUDGES,
};

struct tally {
	const char *source;
	bool is_spam;
	size_t cnt, hit[JUDGES];
};

struct eval {
	struct cli *c;
	struct mails mails;
	struct tally *tally; /* two a source: ham, spam; then two sums */
	size_t source_cnt;
	size_t unread;
	float strict, wide;
	bool has_model;
};

/* Wilson's score interval, 95 % (Wilson 1927). */
static void
wilson(size_t hit, size_t cnt, double *lo, double *hi)
{
	const double z = 1.959964;
	double n = (double)cnt, p, mid, half;

	*lo = 0;
	*hi = 1;
	if (cnt == 0)
		return;
	p = (double)hit / n;
	mid = (p + z * z / (2 * n)) / (1 + z * z / n);
	half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
	*lo = hit == 0 ? 0 : mid - half;
	*hi = hit == cnt ? 1 : mid + half;
}

static bool
judge_all(struct eval *e, struct scanner *s)
{
	unsigned *source = calloc(e->mails.cnt + 1, sizeof(*source));

	BUG_ON(!source);
	e->source_cnt = mails_sources(&e->mails, source);
	e->tally = calloc(2 * (e->source_cnt + 1), sizeof(*e->tally));
	BUG_ON(!e->tally);
	for (size_t i = 0; i < e->mails.cnt; i++) {
		const struct mail_row *r = &e->mails.row[i];
		struct tally *row[2] = { &e->tally[2 * source[i] + r->is_spam],
			                 &e->tally[2 * e->source_cnt + r->is_spam] };
		struct scan_facts x;
		enum scan_outcome o = scan_facts(s, r->path, &x);

		if (o == SCAN_ERROR) {
			fprintf(stderr, "weirctl eval: %s: %s\n", r->path, strerror(errno));
			e->unread++;
			continue;
		}
		row[0]->source = r->source;
		row[1]->source = "all";
		for (unsigned k = 0; k < 2; k++) {
			row[k]->is_spam = r->is_spam;
			row[k]->cnt++;
			row[k]->hit[J_STRICT] += x.has_model && x.logodds >= e->strict;
			row[k]->hit[J_WIDE] += x.has_model && x.logodds >= e->wide;
			row[k]->hit[J_ALL] += o == SCAN_OTHER;
		}
	}
	free(source);
	return e->unread == 0;
}

static const char *const judge_names[JUDGES] = { "model_strict", "model_wide", "verdict" };

static void
print_json(const struct eval *e)
{
	json_t *rows = json_array(), *all;

	for (size_t i = 0; i < 2 * (e->source_cnt + 1); i++) {
		const struct tally *t = &e->tally[i];
		json_t *row;

		if (t->cnt == 0)
			continue;
		row = json_pack("{s:s,s:s,s:I}", "source", t->source, "label",
		                t->is_spam ? "spam" : "ham", "mails", (json_int_t)t->cnt);
		for (unsigned k = 0; k < JUDGES; k++) {
			double lo, hi;

			if (k != J_ALL && !e->has_model)
				continue;
			wilson(t->hit[k], t->cnt, &lo, &hi);
			json_object_set_new(row, judge_names[k],
			                    json_pack("{s:I,s:f,s:f,s:f}", "hit",
			                              (json_int_t)t->hit[k], "rate",
			                              (double)t->hit[k] / (double)t->cnt, "low", lo,
			                              "high", hi));
		}
		json_array_append_new(rows, row);
	}
	all = json_pack("{s:o,s:I}", "rows", rows, "unread", (json_int_t)e->unread);
	if (e->has_model)
		json_object_set_new(all, "thresholds",
		                    json_pack("{s:f,s:f}", "strict_probability",
		                              model_probability(e->strict), "wide_probability",
		                              model_probability(e->wide)));
	json_dumpf(all, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(all);
}

static void
print_class(const struct eval *e, unsigned k, bool is_spam)
{
	printf("  %-18s %7s %7s %8s   95 %% interval\n", is_spam ? "spam" : "ham", "mails",
	       is_spam ? "caught" : "stopped", "%");
	for (size_t i = is_spam; i < 2 * (e->source_cnt + 1); i += 2) {
		const struct tally *t = &e->tally[i];
		double lo, hi;

		if (t->cnt == 0)
			continue;
		wilson(t->hit[k], t->cnt, &lo, &hi);
		printf("  %-18s %7zu %7zu %8.2f   %.2f to %.2f\n", t->source, t->cnt, t->hit[k],
		       100.0 * (double)t->hit[k] / (double)t->cnt, 100 * lo, 100 * hi);
	}
}

static void
print_text(const struct eval *e)
{
	for (unsigned k = e->has_model ? J_STRICT : J_ALL; k < JUDGES; k++) {
		if (k == J_ALL)
			printf("whole verdict: rules, lists%s; any action but deliver\n",
			       e->has_model ? " and model" : "");
		else
			printf("model alone, %s threshold: p >= %.4f\n",
			       k == J_STRICT ? "strict" : "wide",
			       model_probability(k == J_STRICT ? e->strict : e->wide));
		print_class(e, k, true);
		print_class(e, k, false);
	}
}

static bool
read_model(struct eval *e, const char *path)
{
	struct model *m;
	char why[256];

	if (!path)
		return true;
	m = model_load(path, why, sizeof(why));
	if (!m) {
		fprintf(stderr, "weirctl eval: %s: %s\n", path, why);
		return false;
	}
	e->has_model = true;
	e->strict = m->head.strict_logodds;
	e->wide = m->head.wide_logodds;
	model_put(m);
	return true;
}

int
cli_eval(struct cli *c)
{
	const char *table = cli_value(c, OPT_TSV), *model = cli_value(c, OPT_MODEL);
	struct eval e = { .c = c };
	struct scanner *s;
	int rc = EXIT_ERROR;

	if (!table || (!model && !cli_has(c, OPT_RULES))) {
		fputs("weirctl eval: wants --tsv FILE and --model FILE, --rules DIR or both\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (!mails_add_table(&e.mails, table, cli_value(c, OPT_ROOT)) || !read_model(&e, model)) {
		mails_fini(&e.mails);
		return EXIT_ERROR;
	}
	s = cli_scanner(c, false);
	if (s) {
		rc = judge_all(&e, s) ? EXIT_OK : EXIT_ERROR;
		if (cli_has(c, OPT_JSON))
			print_json(&e);
		else
			print_text(&e);
	}
	scan_free(s);
	mails_fini(&e.mails);
	free(e.tally);
	return rc;
}
