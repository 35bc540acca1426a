/* SPDX-License-Identifier: BSD-3-Clause
 * show_scan.c - a line of scan's JSON for people
 */
#include "ctrl/cli/show.h"

#define REASONS_SHOWN 3
#define HITS_RANKED   1024

static const char *
text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static double
score(const json_t *rule)
{
	return json_number_value(json_object_get(rule, "score"));
}

/* The filter that decided comes first, then filters that would block by themselves, then by what a rule adds. */
static int
rank(const json_t *scan, const json_t *rule)
{
	if (!strcmp(text(rule, "group"), text(scan, "filter")))
		return 2;
	return strcmp(text(rule, "group"), "score") ? 1 : 0;
}

static bool
is_stronger(const json_t *scan, const json_t *a, const json_t *b)
{
	int ra = rank(scan, a), rb = rank(scan, b);

	return ra != rb ? ra > rb : score(a) > score(b);
}

static void
show_rule(FILE *f, size_t nth, const json_t *r)
{
	fprintf(f, "  %zu. ", nth);
	show_text(f, text(r, "name"));
	fprintf(f, " (%s", text(r, "group"));
	if (score(r) != 0)
		fprintf(f, " %+.1f", score(r));
	fputc(')', f);
	if (*text(r, "describe")) {
		fputs(": ", f);
		show_text(f, text(r, "describe"));
	}
	fputs("\n     at   ", f);
	show_text(f, text(r, "where"));
	if (*text(r, "excerpt")) {
		fputs("\n     text \"", f);
		show_text(f, text(r, "excerpt"));
		fputc('"', f);
	}
	fputs("\n     rule ", f);
	show_text(f, text(r, "source"));
	fputc('\n', f);
}

static void
show_reasons(FILE *f, const json_t *scan)
{
	const json_t *rules = json_object_get(scan, "rules"), *r;
	bool used[HITS_RANKED] = { false };
	size_t cnt = MIN(json_array_size(rules), (size_t)HITS_RANKED), shown = 0, i;

	for (; shown < MIN(cnt, (size_t)REASONS_SHOWN); shown++) {
		const json_t *best = NULL;
		size_t at = 0;

		json_array_foreach((json_t *)rules, i, r)
		{
			if (i < cnt && !used[i] && (!best || is_stronger(scan, r, best))) {
				best = r;
				at = i;
			}
		}
		used[at] = true;
		show_rule(f, shown + 1, best);
	}
	if (json_array_size(rules) > shown) {
		fprintf(f, "  and %zu more:", json_array_size(rules) - shown);
		json_array_foreach((json_t *)rules, i, r)
		{
			if (i < cnt && used[i])
				continue;
			fputc(' ', f);
			show_text(f, text(r, "name"));
			if (score(r) != 0)
				fprintf(f, " %+.1f", score(r));
		}
		fputc('\n', f);
	}
	if (shown == 0)
		fputs("  no rule hit\n", f);
}

/* The model's answer and what weighed most in it: + says spam. */
static void
show_model(FILE *f, const json_t *scan)
{
	const json_t *feature;
	size_t i;

	if (!json_is_number(json_object_get(scan, "model")))
		return;
	fprintf(f, "  model %.3f (%+.1f):", json_number_value(json_object_get(scan, "model")),
	        json_number_value(json_object_get(scan, "model_points")));
	json_array_foreach(json_object_get(scan, "model_features"), i, feature)
	{
		fputs(i ? ", " : " ", f);
		show_text(f, text(feature, "feature"));
		fprintf(f, " %+.2f", json_number_value(json_object_get(feature, "weight")));
	}
	fputc('\n', f);
}

static void
show_contents(FILE *f, const json_t *scan)
{
	const json_t *j;
	size_t i;

	json_array_foreach(json_object_get(scan, "parts"), i, j)
	{
		fputs("  part ", f);
		show_text(f, text(j, "path"));
		fputc(' ', f);
		show_text(f, text(j, "type"));
		if (*text(j, "name")) {
			fputs(" \"", f);
			show_text(f, text(j, "name"));
			fputc('"', f);
		}
		fprintf(f, ", %lld bytes\n",
		        (long long)json_integer_value(json_object_get(j, "bytes")));
	}
	json_array_foreach(json_object_get(scan, "urls"), i, j)
	{
		fputs("  url ", f);
		show_text(f, text(j, "canonical"));
		if (*text(j, "redirect_to")) {
			fputs(" -> ", f);
			show_text(f, text(j, "redirect_to"));
		}
		fputc('\n', f);
	}
}

void
show_scan(FILE *f, const json_t *scan, bool is_explained)
{
	show_text(f, text(scan, "file"));
	if (*text(scan, "error")) {
		fputs(": error: ", f);
		show_text(f, text(scan, "error"));
		fputc('\n', f);
		return;
	}
	fprintf(f, ": %s", text(scan, "action"));
	if (strcmp(text(scan, "filter"), "none") != 0)
		fprintf(f, " by %s filter", text(scan, "filter"));
	if (*text(scan, "reason")) {
		fputs(" (", f);
		show_text(f, text(scan, "reason"));
		fputc(')', f);
	}
	fprintf(f, ", score %.1f, %lld us\n", score(scan),
	        (long long)json_integer_value(json_object_get(scan, "us")));
	if (!is_explained)
		return;
	show_reasons(f, scan);
	show_model(f, scan);
	show_contents(f, scan);
	if (*text(scan, "text")) {
		fputs("  text ", f);
		show_text(f, text(scan, "text"));
		fputc('\n', f);
	}
}
