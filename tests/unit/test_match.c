/* SPDX-License-Identifier: BSD-3-Clause
 * test_match.c - patterns against memmem, errors by pattern, limits of the child, cache, streams over cuts
 *
 * Over 500 lines: tables of cases, a function each.
 */
#include "engine/match/confirm.h"
#include "engine/match/literal.h"
#include "engine/match/match_set_internal.h"
#include "tests/check.h"
#include "tests/malloc_count.h"
#include <dirent.h>
#include <unistd.h>

static struct match_build b;

struct seen {
	uint64_t cnt[16];
	uint64_t last[16];
};

static bool
on_match(void *ctx, uint32_t id, uint64_t end)
{
	struct seen *s = ctx;

	s->cnt[id]++;
	s->last[id] = end;
	return false;
}

static struct match_db *
build(enum match_mode mode, const struct match_pattern *p, size_t n)
{
	struct match_spec spec = { mode, p, n };
	struct match_db *db = NULL;
	int rc = match_db_build(&spec, &b, &db);

	CHECK(rc == 0, "%d %s", rc, b.error_cnt ? b.error[0].text : "");
	return db;
}

/* Finding 1: the phrases and the 11 bytes that make the literal API of 5.4.0 fail; escaped literals must not. */
static void
test_literals(void)
{
	static const char text[] = "xx act now! -- a.b (c) [d] \\e $f ^g |h *i";
	static const char *const lits[] = { "act now! --", "a.b",     "(c)", "[d]",
		                            "\\e $f",      "^g |h *", "axb" };
	struct match_pattern p[ARRAY_LEN(lits)] = { 0 };
	struct match_scratch *s;
	struct match_db *db;

	for (size_t i = 0; i < ARRAY_LEN(lits); i++)
		p[i] = (struct match_pattern){ span_z(lits[i]), .is_literal = true };
	db = build(MATCH_STREAM, p, ARRAY_LEN(p));
	CHECK(match_scratch_new(&db, 1, &s) == 0);
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		struct match_stream *st;
		struct seen seen = { 0 };

		CHECK(match_stream_new(db, &st) == 0);
		CHECK(match_stream_feed(st, s, span(text, cut), on_match, &seen) == MATCH_OK);
		CHECK(match_stream_feed(st, s, span(text + cut, strlen(text) - cut), on_match,
		                        &seen) == MATCH_OK);
		CHECK(match_stream_end(st, s, on_match, &seen) == MATCH_OK);
		for (size_t i = 0; i < ARRAY_LEN(lits); i++) {
			const char *at = strstr(text, lits[i]);

			CHECK(seen.cnt[i] == (at ? 1 : 0), "cut %zu: %s", cut, lits[i]);
			if (at)
				CHECK(seen.last[i] == (uint64_t)(at - text) + strlen(lits[i]));
		}
		/* As new after its end: nothing of the old text is left. */
		memset(&seen, 0, sizeof(seen));
		CHECK(match_stream_feed(st, s, span_z("ct now! --"), on_match, &seen) == MATCH_OK);
		CHECK(match_stream_end(st, s, NULL, NULL) == MATCH_OK && seen.cnt[0] == 0);
		match_stream_free(st);
	}
	match_scratch_free(s);
	match_db_put(db);
}

static bool
stop(void *ctx, uint32_t id, uint64_t end)
{
	(void)id;
	(void)end;
	return ++*(unsigned *)ctx == 3;
}

static void
test_regexes(void)
{
	struct match_pattern p[] = {
		{ span_z("^ab+c$"), .is_multiline = true },
		{ span_z("A.C"), .is_caseless = true },
		{ span_z("end$") },
	};
	struct match_db *db = build(MATCH_STREAM, p, ARRAY_LEN(p));
	struct match_stream *st;
	struct match_scratch *s;
	struct seen seen = { 0 };
	unsigned cnt = 0;

	CHECK(match_scratch_new(&db, 1, &s) == 0);
	CHECK(match_stream_new(db, &st) == 0);
	match_stream_feed(st, s, span_z("x\nab"), on_match, &seen);
	match_stream_feed(st, s, span_z("bc\nthe end"), on_match, &seen);
	CHECK(seen.cnt[0] == 1 && seen.cnt[2] == 0);
	match_stream_end(st, s, on_match, &seen);
	CHECK(seen.cnt[2] == 1, "a match at the very end");
	CHECK(match_stream_feed(st, s, span_z("abc abc abc abc"), stop, &cnt) == MATCH_OK &&
	      cnt == 3);
	CHECK(match_stream_feed(st, s, span_z("abc abc"), stop, &cnt) == MATCH_OK && cnt == 3,
	      "stopped stays stopped");
	CHECK(match_stream_end(st, s, NULL, NULL) == MATCH_OK);
	cnt = 0;
	CHECK(match_stream_feed(st, s, span_z("abc"), stop, &cnt) == MATCH_OK && cnt == 1);
	match_stream_end(st, s, NULL, NULL);
	match_stream_free(st);
	match_scratch_free(s);
	match_db_put(db);
}

static void
test_errors(void)
{
	struct match_pattern p[] = { { span_z("good") },
		                     { span_z("bad(") },
		                     { span_z("lit("), .is_literal = true },
		                     { span_z("(?<=x)look") },
		                     { span_z("(a)\\1") } };
	struct match_spec spec = { MATCH_BLOCK, p, ARRAY_LEN(p) };
	struct match_db *db = NULL;

	CHECK(match_db_build(&spec, &b, &db) == -EINVAL && !db);
	CHECK(b.error_cnt == 3 && b.error[0].pattern == 1 && b.error[1].pattern == 3 &&
	              b.error[2].pattern == 4,
	      "%zu errors", b.error_cnt);
}

static void
test_child_limits(void)
{
	struct match_pattern p[40];
	struct match_spec spec = { MATCH_STREAM, p, ARRAY_LEN(p) };
	struct match_build small = { .memory = 16u << 20, .timeout_s = 2 };
	struct match_build slow = { .timeout_s = 1 };
	struct match_db *db = NULL;
	static char text[40][64];
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		snprintf(text[i], sizeof(text[i]), "([a-z]{1,%zu}[0-9]){%zu}.{200}x", 20 + i,
		         60 + i);
		p[i] = (struct match_pattern){ span_z(text[i]), .is_dotall = true };
	}
	rc = match_db_build(&spec, &small, &db);
	CHECK(rc < 0 && !db, "no memory: %d", rc);
	rc = match_db_build(&spec, &slow, &db);
	CHECK(rc < 0 && !db, "no time: %d", rc);
}

static void
remove_all(const char *dir)
{
	char path[512];
	DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
			unlink(path);
		}
	if (d)
		closedir(d);
	rmdir(dir);
}

/* Damage one byte of the only file. */
static void
damage(const char *dir)
{
	char path[512];
	DIR *d = opendir(dir);

	for (struct dirent *e; (e = readdir(d));) {
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		f = fopen(path, "r+b");
		fseek(f, 200, SEEK_SET);
		fputc('!', f);
		fclose(f);
	}
	closedir(d);
}

static void
test_cache(void)
{
	struct match_pattern p[] = { { span_z("cached") } };
	struct match_spec spec = { MATCH_BLOCK, p, 1 };
	char dir[] = "/tmp/weir-test-cacheXXXXXX";
	struct match_db *one, *two, *three, *four;

	CHECK(mkdtemp(dir) != NULL);
	b.cache_dir = dir;
	CHECK(match_db_build(&spec, &b, &one) == 0 && !b.from_cache);
	CHECK(match_db_build(&spec, &b, &two) == 0 && b.from_cache && b.compile_us == 0);
	CHECK(!memcmp(match_db_key(one), match_db_key(two), MATCH_KEY_BYTES));
	p[0].is_caseless = true;
	CHECK(match_db_build(&spec, &b, &three) == 0 && !b.from_cache, "flags are part of the key");
	p[0].is_caseless = false;
	damage(dir);
	CHECK(match_db_build(&spec, &b, &four) == 0 && !b.from_cache,
	      "a damaged file is made again");
	match_db_put(one);
	match_db_put(two);
	match_db_put(three);
	match_db_put(four);
	b.cache_dir = NULL;
	remove_all(dir);
}

/* ---- literals ---- */

static void
test_literal_require(void)
{
	/* clang-format off */
	static const struct { const char *pattern, *want; } cases[] = {
		{ "abc", "abc" },
		{ "ABC", "abc" },
		{ "ab|cd", "ab,cd" },
		{ "a(?:b|c)d", "abd,acd" },
		{ "x.*hello", "hello" },
		{ "hello.*x", "hello" },
		{ "colou?r", "colour,color" },
		{ "(?:foo)+bar", "bar" },
		{ "(?:ab){2}", "abab" },
		{ "a{3}", "aaa" },
		{ "[ab]c", "ac,bc" },
		{ "[^a]bcd", "bcd" },
		{ "\\bword\\b", "word" },
		{ "\\x41b", "ab" },
		{ "\\d+%", "%" },
		{ "(?!no)yes", "yes" },
		{ "(?<=pre)yes", "yes" },
		{ "(?i)Yes", "yes" },
		{ "^Received: .*zyxwvu", "zyxwvu" }, /* the first is longer, and in every mail */
		{ "^Received: .*ab", "received: " },
		{ "(?x) a b # c\n c", "abc" },
		{ "ab(?#c)c(?#d)?e", "abce,abe" },      /* the quantifier is of what stands before the comment */
		{ "ab(?#c){0}", "a" },
		{ "(?!(?x)a)b #c", "b #c" }, /* (?x) ends with its group */
		{ "ab{0}(?#c)?d", "" },                /* repeated twice: not understood */
		{ "[[:a]b:]cd", "[b:]cd,:b:]cd,ab:]cd" },              /* no named class */
		{ "(?<n>ab)\\k<n>", "" },       /* not understood */
		{ "ab|", "" },                    /* may be nothing */
		{ "(?:ab)?", "" },
		{ ".*", "" },
		{ "(ab", "" },
		{ "ab)", "" },
		{ "\\Qa.b\\E", "" },
		{ "[a-z]x", "x" },
		{ "", "" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct literal_set set;
		char out[200] = "";

		literal_require(span_z(cases[i].pattern), &set);
		for (unsigned k = 0; k < set.cnt; k++)
			snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%.*s",
			         k ? "," : "", set.item[k].len, set.item[k].text);
		CHECK(!strcmp(out, cases[i].want), "%s: %s", cases[i].pattern, out);
	}
}

/* How far before a literal a match may begin. */
static void
test_literal_lead(void)
{
	static const struct {
		const char *pattern;
		unsigned lead;
	} cases[] = {
		{ "hello", 0 },
		{ "\\bhello\\d", 0 },
		{ "\\d{2}hello", 2 },
		{ "[[:x]\\d:\\d]hello", 4 }, /* no named class */
		{ "[x-z]?hello", 0 },
		{ "[a-z]?hello", 1 },
		{ "\\d{2,5}hello.*", 5 },
		{ "(?:\\d|\\w\\s)hello", 2 },
		{ "(?:[^x]hello){2}", 1 },
		{ "(?:ab|c)\\dhello", 3 },
		{ "(?:\\dhello|\\d\\dhowdy)", 2 },
		{ "(?<=\\d{9})\\Shello", 1 },
		{ "(?=\\d{9}).hello", 1 },
		{ "\\Rhello", 2 },
		{ "(?:(?:..){3}|.){4}hello", 24 },
		{ "ab.{0,3}hello", 5 },
		{ "\\d*hello", LITERAL_FAR },
		{ "(?:ab)+hello", LITERAL_FAR },
		{ "\\d{2,}hello", LITERAL_FAR },
		{ "\\d{20000}hello", LITERAL_FAR },
		{ "(.)\\1hello", LITERAL_FAR },
		{ "\\Xhello", LITERAL_FAR },
		{ "\\Ghello", LITERAL_FAR },
		{ "(?:\\dhello|\\d*howdy)", LITERAL_FAR },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct literal_set set;

		literal_require(span_z(cases[i].pattern), &set);
		CHECK(set.cnt > 0 && set.lead == cases[i].lead, "%s: %u", cases[i].pattern,
		      set.lead);
	}
}

/* ---- sets ---- */

#define SET_OTHERS   64 /* in the first group: a small one is Hyperscan's alone */
#define SET_LAST     (5 + SET_OTHERS)
#define SET_PATTERNS (SET_LAST + 1)

struct asked {
	unsigned cnt[SET_PATTERNS], want[SET_PATTERNS];
	size_t end[SET_PATTERNS];
	bool once; /* nothing is wanted of what hit */
};

static unsigned
want(void *ctx, uint32_t pattern)
{
	struct asked *a = ctx;

	return a->once && a->cnt[pattern] > 0 ? 0 : a->want[pattern];
}

static bool
on_hit(void *ctx, uint32_t pattern, unsigned cnt, size_t end)
{
	struct asked *a = ctx;

	a->cnt[pattern] += cnt;
	a->end[pattern] = end;
	return false;
}

/* Every way finds the same as PCRE2 by itself, in its group only, once a text, as often as wanted. */
static void
test_set(void)
{
	static const char *const patterns[SET_PATTERNS] = { "unlikelyword\\d", "[0-9]{2}",
		                                            "(?<!x)zq",        "ab",
		                                            "(b)\\1",          [SET_LAST] = "o" };
	static const char text[] = "UNLIKELYWORD7 unlikelyword 12 34 xzq ab ab ab bb";
	struct match_set_pattern p[SET_PATTERNS] = { 0 };
	struct match_set_spec spec = {
		.pattern = p, .cnt = SET_PATTERNS, .group_cnt = 3, .limits = { 0, 1000000, 1000000 }
	};
	struct asked a = { .want = { 1, 1, 1, 2, 1, [SET_LAST] = 9 } };
	struct match_asker asker = { want, on_hit, &a, 0 };
	struct match_scratch *scratch;
	struct match_set *set = NULL;
	struct match_budget *budget = NULL;
	struct match_run *r = NULL;

	for (size_t i = 0; i < SET_PATTERNS; i++)
		p[i] = (struct match_set_pattern){ .p = { span_z(patterns[i] ? patterns[i]
			                                                     : "neverseen"),
			                                  false, i == 0, false, false },
			                           .group = i == SET_LAST ? 1 : 0,
			                           .is_counted = i == 3 || i == SET_LAST };
	CHECK(match_set_build(&spec, &b, &set) == 0, "%s", b.error[0].text);
	if (!set)
		return;
	CHECK(match_set_way(set, 0) == MATCH_BY_LITERAL &&
	      match_set_way(set, 1) == MATCH_BY_HYPERSCAN);
	for (size_t i = 0; i < SET_PATTERNS; i++)
		CHECK(match_set_way(set, i) != MATCH_BY_NONE, "%zu: %s", i, match_set_why(set, i));
	CHECK(match_scratch_new_sets(NULL, 0, &set, 1, &scratch) == 0 && (r = match_run_new(set)) &&
	      (budget = match_budget_new(set)));
	match_budget_begin(budget);
	CHECK(match_set_has_group(set, 0) && match_set_has_group(set, 1) &&
	      !match_set_has_group(set, 2));
	CHECK(match_set_scan(r, budget, scratch, 0, span_z(text), &asker) == MATCH_OK);
	CHECK(a.cnt[0] == 1 && a.end[0] == 13 && a.cnt[1] == 1 && a.cnt[2] == 0 && a.cnt[3] == 2 &&
	              a.cnt[4] == 1 && a.cnt[SET_LAST] == 0,
	      "%u %u %u %u %u %u", a.cnt[0], a.cnt[1], a.cnt[2], a.cnt[3], a.cnt[4],
	      a.cnt[SET_LAST]);
	CHECK(match_set_scan(r, budget, scratch, 1, span_z("foo oxo"), &asker) == MATCH_OK &&
	      a.cnt[SET_LAST] == 4);
	CHECK(match_set_matches(set, 2, span_z("zq")) && !match_set_matches(set, 2, span_z("xzq")));
	match_budget_free(budget);
	match_run_free(r);
	match_scratch_free(scratch);
	match_set_put(set);
}

/* A list of alternatives comes apart, what reaches over them does not. */
static void
test_split(void)
{
	/* clang-format off */
	static const struct { const char *pattern, *want; } cases[] = {
		{ "a|b", "a;b" },
		{ "one|(?:two|three)|[|]|\\|four", "one;(?:two|three);[|];\\|four" },
		{ "^a|b$", "^a;b$" },
		{ "[]|]|[^]|]|[[:alpha:]|]", "[]|];[^]|];[[:alpha:]|]" },
		{ "\\bx|(?=y)z|(?<!q)w", "\\bx;(?=y)z;(?<!q)w" },
		{ "(?:a|b)", "(?:a|b)" },
		{ "(?i)a|b", "(?i)a|b" },
		{ "(a)|\\1b", "(a)|\\1b" },
		{ "(?<n>a)|b", "(?<n>a)|b" },
		{ "(*ANYCRLF)a|b", "(*ANYCRLF)a|b" },
		{ "\\Qa|b\\E", "\\Qa|b\\E" },
		{ "a|", "a|" },
		{ "|a", "|a" },
		{ "a|(b", "a|(b" },
		{ "a)|b", "a)|b" },
		{ "a|b\\", "a|b\\" },
		{ "1|2|3|4|5|6|7|8|9", "1|2|3|4|5|6|7|8|9" }, /* more than there is room for */
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span part[8];
		size_t n = match_split(span_z(cases[i].pattern), part, ARRAY_LEN(part));
		char out[200] = "";

		for (size_t k = 0; k < n; k++)
			snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%.*s",
			         k ? ";" : "", (int)part[k].len, part[k].p);
		CHECK(!strcmp(out, cases[i].want), "%s: %s", cases[i].pattern, out);
	}
}

/* A pattern hits once, whichever of its alternatives do, and runs only if all of them can. */
static void
test_set_lists(void)
{
	static const char *const patterns[] = { "zyxwv|vwxyz|[0-9]{3}", "qqqqq|[a-z]*",
		                                "plainword" };
	struct match_set_pattern p[SET_PATTERNS] = { 0 };
	struct match_set_spec spec = {
		.pattern = p, .cnt = SET_PATTERNS, .group_cnt = 1, .limits = { 0, 1000000, 1000000 }
	};
	static const struct {
		const char *text;
		unsigned cnt[3];
	} cases[] = { { "vwxyz", { 1 } }, { "zyxwv vwxyz 123 vwxyz", { 1 } }, { "a 123", { 1 } },
		      { "qqqqq", { 0 } }, { "plainword zyxwv", { 1, 0, 1 } }, { "none", { 0 } } };
	struct match_scratch *scratch = NULL;
	struct match_set *set = NULL;
	struct match_budget *budget = NULL;
	struct match_run *r = NULL;

	for (size_t i = 0; i < SET_PATTERNS; i++)
		p[i].p.text = span_z(i < ARRAY_LEN(patterns) ? patterns[i] : "neverseen");
	CHECK(match_set_build(&spec, &b, &set) == 0 &&
	      match_scratch_new_sets(NULL, 0, &set, 1, &scratch) == 0 && (r = match_run_new(set)) &&
	      (budget = match_budget_new(set)));
	CHECK(match_set_way(set, 0) == MATCH_BY_LITERAL && match_set_way(set, 1) == MATCH_BY_NONE &&
	              strstr(match_set_why(set, 1), "matches 0 bytes") &&
	              match_set_way(set, 2) == MATCH_BY_LITERAL && !match_set_why(set, 0)[0],
	      "%d %d %d %s", match_set_way(set, 0), match_set_way(set, 1), match_set_way(set, 2),
	      match_set_why(set, 1));
	match_budget_begin(budget);
	for (size_t t = 0; t < ARRAY_LEN(cases); t++) {
		struct asked a = { .want = { 1, 1, 1 }, .once = true };
		struct match_asker asker = { want, on_hit, &a, 0 };

		CHECK(match_set_scan(r, budget, scratch, 0, span_z(cases[t].text), &asker) ==
		      MATCH_OK);
		for (size_t i = 0; i < 3; i++)
			CHECK(a.cnt[i] == cases[t].cnt[i], "%s: %zu %u times", cases[t].text, i,
			      a.cnt[i]);
	}
	match_budget_free(budget);
	match_run_free(r);
	match_scratch_free(scratch);
	match_set_put(set);
}

static void
check_alone(const struct match_pattern *p, struct confirm_run *run, const char *text, unsigned cnt,
            size_t end)
{
	struct confirm *c = confirm_new(p, (char[99]){ 0 }, 99);
	uint64_t timeouts = 0;
	size_t want_end = 0;
	unsigned want_cnt =
	        confirm_count(c, run, span_z(text), (struct confirm_range){ 0, SIZE_MAX }, 9,
	                      &want_end, &timeouts);

	CHECK(cnt == want_cnt && end == want_end, "%.*s in '%s': %u %zu, not %u %zu",
	      (int)p->text.len, p->text.p, text, cnt, end, want_cnt, want_end);
	confirm_free(c);
}

static const char *const place_patterns[] = {
	"\\d{2}unlikelyword",
	"(?<=a)\\d?unlikelyword",
	"q[a-z ]*unlikelyword\\b",
	"^x.{0,9}unlikelyword",
	"(?:unlikelyword|.oddsandends)!",
	"\\d*unlikelyword(?= a)",
	"(?:kelyword\\d|unlikelyword-)@",
	"[0-9]{3}",
};
static const char *const place_texts[] = {
	"unlikelyword",
	"12unlikelyword",
	"1unlikelyword 23UNLIKELYWORD 45unlikelyword",
	"aunlikelyword a9unlikelyword 9unlikelyword",
	"q is unlikelyword q unlikelyword!",
	"x a unlikelyword",
	"y\nx a unlikelyword",
	"x 0123456789 unlikelyword unlikelyword a",
	"unlikelyword oddsandends! .oddsandends! unlikelyword!",
	"unlikelyword .oddsandends!",
	"oddsandends unlikelyword!",
	"kelyword7@ unlikelyword-@",
	"unlikelyword-@",
	"nothing of it",
	"",
};
/* Where a literal stands must not matter: each text gives what PCRE2 finds by itself, how often and where. */
static void
test_set_places(bool is_joined)
{
	struct match_set_pattern p[ARRAY_LEN(place_patterns) + SET_OTHERS - 2] = { 0 };
	struct match_set_spec spec = {
		.pattern = p, .cnt = ARRAY_LEN(p), .group_cnt = 1, .is_joined = is_joined
	};
	struct confirm_run *run = confirm_run_new();
	struct match_scratch *scratch = NULL;
	struct match_set *set = NULL;
	struct match_budget *budget = NULL;
	struct match_run *r = NULL;

	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		p[i] = (struct match_set_pattern){ .p = { span_z(i < ARRAY_LEN(place_patterns)
			                                                 ? place_patterns[i]
			                                                 : "neverseen"),
			                                  false, true },
			                           .is_counted = true };
	CHECK(match_set_build(&spec, &b, &set) == 0 &&
	      match_scratch_new_sets(NULL, 0, &set, 1, &scratch) == 0 && (r = match_run_new(set)) &&
	      (budget = match_budget_new(set)));
	match_budget_begin(budget);
	for (size_t t = 0; t < ARRAY_LEN(place_texts); t++) {
		struct asked a = { .want = { 9, 9, 9, 9, 9, 9, 9, 9 } };
		struct match_asker asker = { want, on_hit, &a, 0 };

		CHECK(match_set_scan(r, budget, scratch, 0, span_z(place_texts[t]), &asker) ==
		      MATCH_OK);
		for (size_t i = 0; i < ARRAY_LEN(place_patterns); i++) {
			CHECK(match_set_way(set, i) ==
			      (i < 7 ? MATCH_BY_LITERAL : MATCH_BY_PREFILTER));
			check_alone(&p[i].p, run, place_texts[t], a.cnt[i], a.end[i]);
		}
	}
	confirm_run_free(run);
	match_budget_free(budget);
	match_run_free(r);
	match_scratch_free(scratch);
	match_set_put(set);
}

/* A few expressions are Hyperscan's, however rare their literals: one pass less over the text. */
static void
test_set_small(void)
{
	struct match_set_pattern p = { .p = { span_z("unlikelyword\\d"), false, false, false,
		                              false } };
	struct match_set_spec spec = {
		.pattern = &p, .cnt = 1, .group_cnt = 1, .limits = { 0, 1000000, 1000000 }
	};
	struct match_set *set = NULL;

	CHECK(match_set_build(&spec, &b, &set) == 0 && match_set_way(set, 0) == MATCH_BY_HYPERSCAN);
	match_set_put(set);
}

/* What cannot run is no error of the set: it says why. */
static void
test_set_refusals(void)
{
	static const char *const patterns[] = { "a(", "", "[a-z]*", "(?R)x" };
	static const char *const why[] = { "", "matches 0 bytes", "matches 0 bytes", "" };
	struct match_set_pattern p[ARRAY_LEN(patterns)] = { 0 };
	struct match_set_spec spec = { .pattern = p, .cnt = ARRAY_LEN(p), .group_cnt = 1 };
	struct match_set *set = NULL;

	for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
		p[i].p.text = span_z(patterns[i]);
	CHECK(match_set_build(&spec, &b, &set) == 0);
	for (size_t i = 0; set && i < ARRAY_LEN(patterns); i++)
		CHECK(match_set_way(set, i) == MATCH_BY_NONE && match_set_why(set, i)[0] &&
		              strstr(match_set_why(set, i), why[i]),
		      "%s: way %d '%s'", patterns[i], match_set_way(set, i), match_set_why(set, i));
	match_set_put(set);
}

/* Steps from one place are bounded: no hit, and it is counted. */
static void
test_confirm_bound(void)
{
	struct match_pattern p = { .text = span_z("(?:a|aa)+[bc]") };
	char why[MATCH_WHY_MAX], text[200];
	struct confirm_run *r = confirm_run_new();
	struct confirm *c = confirm_new(&p, why, sizeof(why));
	const struct confirm_range all = { 0, SIZE_MAX };
	uint64_t timeouts = 0;
	size_t end;

	memset(text, 'a', sizeof(text));
	CHECK(c && r && confirm_count(c, r, span_z("xaab"), all, 9, &end, &timeouts) == 1 &&
	      end == 4);
	CHECK(timeouts == 0);
	CHECK(confirm_count(c, r, span(text, sizeof(text)), all, 9, &end, &timeouts) == 0);
	CHECK(timeouts == 1, "%llu", (unsigned long long)timeouts);
	confirm_free(c);
	p.text = span_z("a(");
	CHECK(!confirm_new(&p, why, sizeof(why)) && strstr(why, "parenthesis"), "%s", why);
	confirm_run_free(r);
}

/* An expression that wants no machine code is interpreted: same hits, same bound, no memory of the heap. */
static void
test_confirm_interpreted(void)
{
	/* clang-format off */
	static const struct { const char *expr, *text; unsigned cnt; size_t end; } cases[] = {
		{ "(*NO_JIT)ab+c", "xabbc abc", 2, 5 },
		{ "(*NO_JIT)^(?:a|aa)+b\\b", "aaab", 1, 4 },
		{ "(*NO_JIT)(?<!x)y", "xy", 0, 0 },
		{ "(*NO_JIT)a(b)\\1", "abb", 1, 3 },
	};
	/* clang-format on */
	struct match_pattern p = { 0 };
	char why[MATCH_WHY_MAX], text[5000];
	struct confirm_run *r = confirm_run_new();
	const struct confirm_range all = { 0, SIZE_MAX };
	uint64_t timeouts = 0, mallocs;
	struct confirm *c;
	unsigned cnt;
	size_t end;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		p.text = span_z(cases[i].expr);
		c = confirm_new(&p, why, sizeof(why));
		end = 0;
		cnt = confirm_count(c, r, span_z(cases[i].text), all, 9, &end, &timeouts);
		CHECK(cnt == cases[i].cnt && end == cases[i].end && timeouts == 0,
		      "%s: %u, end %zu", cases[i].expr, cnt, end);
		confirm_free(c);
	}
	memset(text, 'a', sizeof(text));
	p.text = span_z("(*NO_JIT)(?:a|aa)+[bc]");
	c = confirm_new(&p, why, sizeof(why));
	malloc_count_on();
	cnt = confirm_count(c, r, span(text, 200), all, 9, &end, &timeouts); /* too many steps */
	CHECK(cnt == 0 && timeouts == 1);
	cnt = confirm_count(c, r, span(text, sizeof(text)), all, 9, &end, &timeouts); /* too deep */
	mallocs = malloc_count_off();
	CHECK(cnt == 0 && timeouts == 2 && mallocs == 0, "%llu mallocs",
	      (unsigned long long)mallocs);
	CHECK(confirm_count(c, r, span_z("xaab"), all, 9, &end, &timeouts) == 1 && end == 4,
	      "and the next text is whole again");
	confirm_free(c);
	confirm_run_free(r);
}

/* A text of a mail's size that an expression can only take step by step, and back again: the stack grows. */
static void
test_confirm_deep(void)
{
	struct match_pattern p = { .text = span_z("\\A(?:(a)|(\\n)|b)*\\z"), .is_multiline = true };
	char why[MATCH_WHY_MAX];
	struct confirm_run *r = confirm_run_new();
	struct confirm *c = confirm_new(&p, why, sizeof(why));
	size_t len = 16 * 1024, end = 0;
	uint64_t timeouts = 0;
	char *text = malloc(len);

	BUG_ON(!text || !c || !r);
	memset(text, 'a', len);
	for (size_t i = 63; i < len; i += 64)
		text[i] = '\n';
	CHECK(confirm_count(c, r, span(text, len), (struct confirm_range){ 0, SIZE_MAX }, 1, &end,
	                    &timeouts) == 1 &&
	              end == len && timeouts == 0,
	      "end %zu, %llu given up", end, (unsigned long long)timeouts);
	free(text);
	confirm_free(c);
	confirm_run_free(r);
}

/* Only starts in the range count; what stands before it is seen. */
static void
test_confirm_range(void)
{
	struct match_pattern p = { .text = span_z("(?<=[ x])ab") };
	static const struct {
		struct confirm_range in;
		unsigned cnt;
		size_t end;
	} cases[] = {
		{ { 0, SIZE_MAX }, 3, 3 }, { { 1, 1 }, 1, 3 },  { { 2, 3 }, 0, 0 },
		{ { 2, 4 }, 1, 6 },        { { 1, 4 }, 2, 3 },  { { 4, 99 }, 2, 6 },
		{ { 8, 9 }, 0, 0 },        { { 9, 12 }, 0, 0 },
	};
	char why[MATCH_WHY_MAX];
	struct confirm_run *r = confirm_run_new();
	struct confirm *c = confirm_new(&p, why, sizeof(why));

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t timeouts = 0;
		size_t end = 0;
		unsigned cnt =
		        confirm_count(c, r, span_z("xab ab ab"), cases[i].in, 9, &end, &timeouts);

		CHECK(cnt == cases[i].cnt && end == cases[i].end && timeouts == 0, "%zu: %u %zu", i,
		      cnt, end);
	}
	confirm_free(c);
	confirm_run_free(r);
}

int
main(void)
{
	test_literals();
	test_regexes();
	test_errors();
	test_child_limits();
	test_cache();
	test_literal_require();
	test_set();
	test_literal_lead();
	test_split();
	test_set_lists();
	test_set_places(false);
	test_set_places(true);
	test_set_small();
	test_set_refusals();
	test_confirm_bound();
	test_confirm_interpreted();
	test_confirm_deep();
	test_confirm_range();
	return check_failed;
}
