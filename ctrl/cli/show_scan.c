/* SPDX-License-Identifier: BSD-3-Clause
 * show_scan.c - a line of scan's JSON for people
 */
#include "ctrl/cli/show.h"
#include "base/limits.h"

#define REASONS_SHOWN 3
#define HITS_RANKED   1024
#define PLACES_SHOWN  3  /* more of one rule */
#define URLS_SHOWN    10 /* those with flags first */
#define URL_SHOWN     120
#define EXCERPT_CUT   (EXCERPT_MAX - 3) /* this long an excerpt was cut at a character */

static const char *
text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static double
number(const json_t *j, const char *key)
{
	return json_number_value(json_object_get(j, key));
}

#define CUT_MARK "\xe2\x80\xa6"

/* Of URLs the begin is shown, of text what stands before the end of the match; line ends as blanks. */
static void
show_excerpt(FILE *f, const json_t *place)
{
	const char *s = text(place, "excerpt");
	bool is_cut = strlen(s) >= EXCERPT_CUT, is_url = !strncmp(s, "http", 4);
	char line[EXCERPT_MAX + 1];
	size_t n = 0;

	for (; *s && n < EXCERPT_MAX; s++) {
		bool is_white = *s == ' ' || (*s >= '\t' && *s <= '\r');

		if (!is_white)
			line[n++] = *s;
		else if (n > 0 && line[n - 1] != ' ')
			line[n++] = ' ';
	}
	line[n] = 0;
	fprintf(f, "\"%s", is_cut && !is_url ? CUT_MARK : "");
	show_text(f, line);
	fprintf(f, "%s\"", is_cut && is_url ? CUT_MARK : "");
}

/* A URL may fill a screen; the JSON has all of it. */
static void
show_url(FILE *f, const char *s)
{
	char cut[URL_SHOWN + 1];

	snprintf(cut, sizeof(cut), "%s", s);
	show_text(f, cut);
	if (strlen(s) > URL_SHOWN)
		fputs(CUT_MARK, f);
}

/* ---- the strongest reasons ---- */

/* A rule, all of whose places are one reason, or the learned model. */
struct reason {
	const json_t *rule; /* its first row; NULL: the model */
	int rank;
	double score;
};

/* The filter that decided comes first, then filters that would block by themselves, then by what a reason adds. */
static int
rank_of(const json_t *scan, const json_t *rule)
{
	if (!strcmp(text(rule, "group"), text(scan, "filter")))
		return 2;
	return strcmp(text(rule, "group"), "score") ? 1 : 0;
}

static int
by_strength(const void *x, const void *y)
{
	const struct reason *a = x, *b = y;

	if (a->rank != b->rank)
		return a->rank > b->rank ? -1 : 1;
	if (a->score < b->score || a->score > b->score)
		return a->score > b->score ? -1 : 1;
	return 0;
}

static bool
is_first_row(const json_t *rules, size_t at)
{
	const char *name = text(json_array_get(rules, at), "name");

	for (size_t i = 0; i < at; i++)
		if (!strcmp(text(json_array_get(rules, i), "name"), name))
			return false;
	return true;
}

/* Equal ones stay in the order in which they hit. */
static size_t
rank_reasons(const json_t *scan, struct reason out[HITS_RANKED + 1])
{
	const json_t *rules = json_object_get(scan, "rules"), *r;
	double points = number(scan, "model_points");
	bool is_score = !strcmp(text(scan, "filter"), "score");
	size_t cnt = 0, i;

	if (json_is_number(json_object_get(scan, "model")) && points > 0)
		out[cnt++] = (struct reason){ NULL, is_score ? 2 : 0, points };
	json_array_foreach((json_t *)rules, i, r)
	{
		struct reason new = { r, rank_of(scan, r), number(r, "score") };
		size_t at = cnt;

		if (i == HITS_RANKED)
			break;
		if (!is_first_row(rules, i))
			continue;
		while (at > 0 && by_strength(&new, &out[at - 1]) < 0)
			at--;
		memmove(&out[at + 1], &out[at], (cnt - at) * sizeof(*out));
		out[at] = new;
		cnt++;
	}
	return cnt;
}

/* "FILE:LINE", of a list the entry's. */
static void
show_source(FILE *f, const json_t *r)
{
	fprintf(f, "%s ", strcmp(text(r, "kind"), "list") ? "rule" : "list");
	show_text(f, text(r, "source"));
}

/* What a meta rule is made of: other rules with their places, and features with their values. */
static void
show_part(FILE *f, const json_t *p)
{
	bool is_feature = !strcmp(text(p, "where"), "feature");

	fputs("     of   ", f);
	show_text(f, text(p, "name"));
	if (is_feature)
		fprintf(f, " = %lld, ", (long long)number(p, "value"));
	else
		fputs(" at ", f);
	show_text(f, text(p, is_feature ? "describe" : "where"));
	if (*text(p, "excerpt")) {
		fputs(": ", f);
		show_excerpt(f, p);
	}
	fputc('\n', f);
}

static void
show_place(FILE *f, const json_t *r)
{
	const json_t *parts = json_object_get(r, "made_of"), *p;
	size_t i;

	json_array_foreach((json_t *)parts, i, p) show_part(f, p);
	if (i > 0)
		return;
	fputs("     at   ", f);
	show_text(f, text(r, "where"));
	if (*text(r, "excerpt")) {
		fputs("\n     text ", f);
		show_excerpt(f, r);
	}
	fputc('\n', f);
}

/* Other entries of the same list. */
static void
show_other_places(FILE *f, const json_t *rules, const json_t *first)
{
	size_t shown = 0, more = 0, i;
	const json_t *r;

	json_array_foreach((json_t *)rules, i, r)
	{
		if (r == first || strcmp(text(r, "name"), text(first, "name")) != 0)
			continue;
		if (shown == PLACES_SHOWN) {
			more++;
			continue;
		}
		shown++;
		fputs("     also ", f);
		show_text(f, text(r, "where"));
		if (*text(r, "excerpt")) {
			fputs(": ", f);
			show_excerpt(f, r);
		}
		fputs(", ", f);
		show_source(f, r);
		fputc('\n', f);
	}
	if (more > 0)
		fprintf(f, "     and %zu entries more\n", more);
}

static void
show_rule(FILE *f, const json_t *scan, const json_t *r)
{
	show_text(f, text(r, "name"));
	fprintf(f, " (%s", text(r, "group"));
	if (number(r, "score") != 0)
		fprintf(f, " %+.1f", number(r, "score"));
	fputc(')', f);
	if (*text(r, "describe")) {
		fputs(": ", f);
		show_text(f, text(r, "describe"));
	}
	fputc('\n', f);
	show_place(f, r);
	fputs("     ", f);
	show_source(f, r);
	fputc('\n', f);
	show_other_places(f, json_object_get(scan, "rules"), r);
}

/* The model's answer and what weighed most in it: + says spam. */
static void
show_model(FILE *f, const json_t *scan)
{
	const json_t *feature;
	size_t i;

	fprintf(f, "learned model (score %+.1f): %.1f %% spam\n", number(scan, "model_points"),
	        100 * number(scan, "model"));
	json_array_foreach(json_object_get(scan, "model_features"), i, feature)
	{
		fputs(i ? ", " : "     of   ", f);
		show_text(f, text(feature, "feature"));
		fprintf(f, " %+.2f", number(feature, "weight"));
	}
	if (i > 0)
		fputc('\n', f);
}

static void
show_more(FILE *f, const struct reason *r, size_t cnt)
{
	if (cnt == 0)
		return;
	fprintf(f, "  and %zu more:", cnt);
	for (size_t i = 0; i < cnt; i++) {
		fputs(i ? ", " : " ", f);
		show_text(f, r[i].rule ? text(r[i].rule, "name") : "learned model");
		if (r[i].score != 0)
			fprintf(f, " %+.1f", r[i].score);
	}
	fputc('\n', f);
}

static void
show_reasons(FILE *f, const json_t *scan)
{
	struct reason r[HITS_RANKED + 1];
	size_t cnt = rank_reasons(scan, r), shown = MIN(cnt, (size_t)REASONS_SHOWN);
	bool has_model = false;

	for (size_t i = 0; i < shown; i++) {
		fprintf(f, "  %zu. ", i + 1);
		if (r[i].rule)
			show_rule(f, scan, r[i].rule);
		else
			show_model(f, scan);
		has_model |= !r[i].rule;
	}
	show_more(f, r + shown, cnt - shown);
	if (cnt == 0)
		fputs("  no rule hit\n", f);
	if (!has_model && json_is_number(json_object_get(scan, "model"))) {
		fputs("  ", f);
		show_model(f, scan);
	}
}

/* ---- what the mail is made of ---- */

/* Without those that only say how a thing was found; how many the others are. f NULL: only that. */
static size_t
show_flags(FILE *f, const json_t *of)
{
	static const char *const plain[] = { "from_text", "from_attr", "schemeless", "container",
		                             "attachment" };
	const json_t *flag;
	size_t i, cnt = 0;

	json_array_foreach(json_object_get(of, "flags"), i, flag)
	{
		const char *s = json_string_value(flag);
		size_t k = 0;

		while (k < ARRAY_LEN(plain) && strcmp(s, plain[k]) != 0)
			k++;
		if (k < ARRAY_LEN(plain))
			continue;
		if (f)
			fprintf(f, "%s%s", cnt ? ", " : " [", s);
		cnt++;
	}
	if (cnt > 0 && f)
		fputc(']', f);
	return cnt;
}

static void
show_parts(FILE *f, const json_t *scan)
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
		if (strncmp(text(j, "type"), "multipart/", 10) != 0)
			fprintf(f, ", %lld bytes", (long long)number(j, "bytes"));
		show_flags(f, j);
		fputc('\n', f);
	}
}

static void
show_urls(FILE *f, const json_t *scan)
{
	const json_t *urls = json_object_get(scan, "urls"), *u;
	size_t shown = 0, i;

	for (int pass = 0; pass < 2; pass++)
		json_array_foreach((json_t *)urls, i, u)
		{
			if ((show_flags(NULL, u) > 0) != (pass == 0) || shown == URLS_SHOWN)
				continue;
			shown++;
			fputs("  url ", f);
			show_url(f, text(u, "canonical"));
			if (*text(u, "redirect_to")) {
				fputs(" -> ", f);
				show_url(f, text(u, "redirect_to"));
			}
			show_flags(f, u);
			fputc('\n', f);
		}
	if (json_array_size(urls) > shown)
		fprintf(f, "  and %zu urls more\n", json_array_size(urls) - shown);
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
	fprintf(f, ", score %.1f, %lld us\n", number(scan, "score"),
	        (long long)json_integer_value(json_object_get(scan, "us")));
	if (!is_explained)
		return;
	show_reasons(f, scan);
	show_parts(f, scan);
	show_urls(f, scan);
	if (*text(scan, "text")) {
		fputs("  text ", f);
		show_text(f, text(scan, "text"));
		fputc('\n', f);
	}
}
