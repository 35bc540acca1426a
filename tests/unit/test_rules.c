/* SPDX-License-Identifier: BSD-3-Clause
 * test_rules.c - the rule language: what parses, what is refused and where, what expressions mean
 */
#include "engine/ruleset.h"
#include "tests/check.h"

/* One bad line each: the error is at this line and column and says this. */
static void
test_errors(void)
{
	/* clang-format off */
	static const struct { const char *text; uint32_t line, column; const char *says; } cases[] = {
		{ "frobnicate X /y/", 1, 1, "no statement" },
		{ "\n\n  body", 3, 7, "a name was expected" },
		{ "body X", 1, 7, "expression" },
		{ "body X y", 1, 8, "expression" },
		{ "body X /y", 1, 8, "no end" },
		{ "body X /y\\/", 1, 8, "no end" },
		{ "body X //", 1, 8, "empty" },
		{ "body X /y/q", 1, 11, "flag 'q'" },
		{ "body X /y/ z", 1, 12, "nothing was expected" },
		{ "body X{} /y/", 1, 6, "a name is" },
		{ "body X /y/\nbody X /z/", 2, 6, "defined already at f:1" },
		{ "header X", 1, 9, "header field" },
		{ "header X Subject", 1, 17, "=~ or !~" },
		{ "header X Subject ~ /y/", 1, 18, "=~ or !~" },
		{ "header X Subject:foo =~ /y/", 1, 18, "not one of addr" },
		{ "header X exists:Foo bar", 1, 21, "nothing was expected" },
		{ "phrase X short", 1, 10, "a phrase has 8 to" },
		{ "meta X", 1, 7, "was expected" },
		{ "meta X Y", 1, 8, "no such rule" },
		{ "meta X (1", 1, 10, "')' is missing" },
		{ "meta X 1 1", 1, 10, "nothing was expected" },
		{ "meta X 1 +", 1, 11, "was expected" },
		{ "meta X 1.2.3", 1, 8, "not a number" },
		{ "meta X X", 1, 0, "needs itself" },
		{ "meta X Y\nmeta Y X", 1, 0, "needs itself" },
		{ "body X /y/\nscore X", 2, 8, "name and a value" },
		{ "body X /y/\nscore X abc", 2, 9, "not a score" },
		{ "body X /y/\nscore X 1e9", 2, 9, "not a score" },
		{ "body X /y/\nfilter X ip", 2, 10, "not one of url" },
		{ "filter X url", 1, 10, "there is no rule X" },
		{ "test X ok \"y\"", 1, 6, "after its rule" },
		{ "body X /y/\ntest X maybe \"y\"", 2, 14, "ok|fail" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct snapshot_errors e = { 0 };
		struct ruleset s = { 0 };

		ruleset_parse_rules(&s, "f", span_z(cases[i].text), &e);
		ruleset_finish(&s, &e);
		CHECK(e.error_cnt >= 1, "no error: %s", cases[i].text);
		if (e.cnt)
			CHECK(e.item[0].line == cases[i].line &&
			              e.item[0].column == cases[i].column &&
			              strstr(e.item[0].text, cases[i].says),
			      "%s: %u:%u %s", cases[i].text, e.item[0].line, e.item[0].column,
			      e.item[0].text);
		snapshot_errors_fini(&e);
		ruleset_fini(&s);
	}
}

/* All errors of a file, not the first. */
static void
test_all_errors(void)
{
	struct snapshot_errors e = { 0 };
	struct ruleset s = { 0 };
	char text[600];

	ruleset_parse_rules(&s, "f",
	                    span_z("bad\nbody A /a/\nworse\nbody B /b\nbody C /c/ # fine\n"), &e);
	CHECK(e.error_cnt == 3 && s.rule_cnt == 3, "%zu errors %zu rules", e.error_cnt, s.rule_cnt);
	snapshot_error_format(&e.item[2], text, sizeof(text));
	CHECK(!strcmp(text, "f:4:8: error: the expression has no end"), "%s", text);
	snapshot_errors_fini(&e);
	ruleset_fini(&s);
}

/* SpamAssassin's sets score rules that are not there (README.md): the line is named, the set is taken. */
static void
test_unknown_rule(void)
{
	static const char *const words[] = { "score", "describe", "tflags" };
	static const char *const values[] = { "1.5", "text", "nice" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct snapshot_errors e = { 0 };
		struct ruleset s = { 0 };
		char text[600], want[600];

		snprintf(text, sizeof(text), "body A /a/\n%s B %s\n", words[i], values[i]);
		ruleset_parse_rules(&s, "f", span_z(text), &e);
		ruleset_finish(&s, &e);
		CHECK(e.error_cnt == 0 && e.warning_cnt == 1 && s.rule_cnt == 1, "%s", words[i]);
		snprintf(want, sizeof(want),
		         "f:2:%zu: warning: there is no rule B, this line has no effect",
		         strlen(words[i]) + 4);
		if (e.cnt == 1) {
			snapshot_error_format(&e.item[0], text, sizeof(text));
			CHECK(!strcmp(text, want), "%s", text);
		}
		snapshot_errors_fini(&e);
		ruleset_fini(&s);
	}
}

static void
test_good(void)
{
	static const char text[] = "# comment\r\n"
	                           "body  A  /a\\/b{2}/is # comment\n"
	                           "body  B  m{x{2}y}x\n"
	                           "body  C  m!a/b!\n"
	                           "header D To:addr =~ /x/\n"
	                           "header E Subject !~ /x\\#y/\n"
	                           "header __F exists:X-Foo\n"
	                           "score A 1.5 2 3 4\nscore __F 3\n"
	                           "describe A what it is\n"
	                           "tflags D nice\n"
	                           "lang de describe A was\n"
	                           "phrase P \"Hello,  W\xc3\xb6rld  again\"\n"
	                           "filter A pattern\n";
	struct snapshot_errors e = { 0 };
	struct ruleset s = { 0 };
	const struct rule *r;

	ruleset_parse_rules(&s, "f", span_z(text), &e);
	ruleset_finish(&s, &e);
	CHECK(e.error_cnt == 0 && e.warning_cnt == 0, "%s", e.cnt ? e.item[0].text : "");
	CHECK(s.rule_cnt == 7 && s.lane[LANE_RENDERED].cnt == 3 && s.lane[LANE_HEADER].cnt == 2);
	r = &s.rules[ruleset_find(&s, span_z("A"))];
	CHECK(r->score_milli == 1500 && r->filter == FILTER_PATTERN &&
	      !strcmp(r->describe, "what it is"));
	CHECK(span_is(s.lane[LANE_RENDERED].item[0].text, "a\\/b{2}") &&
	      s.lane[LANE_RENDERED].item[0].is_caseless &&
	      s.lane[LANE_RENDERED].item[0].is_dotall &&
	      !s.lane[LANE_RENDERED].item[0].is_multiline);
	CHECK(span_is(s.lane[LANE_RENDERED].item[1].text, "(?x)x{2}y"));
	CHECK(span_is(s.lane[LANE_RENDERED].item[2].text, "a/b"));
	CHECK(s.rules[ruleset_find(&s, span_z("D"))].score_milli == -1000, "nice");
	CHECK(s.rules[ruleset_find(&s, span_z("E"))].is_negated &&
	      s.rules[ruleset_find(&s, span_z("E"))].score_milli == 1000);
	CHECK(s.rules[ruleset_find(&s, span_z("__F"))].score_milli == 0, "sub rules count nothing");
	CHECK(span_is(s.lane[LANE_FOLDED].item[0].text, "hello, world again"), "%.*s",
	      (int)s.lane[LANE_FOLDED].item[0].text.len, s.lane[LANE_FOLDED].item[0].text.p);
	CHECK(ruleset_find(&s, span_z("a")) == RULE_NONE);
	snapshot_errors_fini(&e);
	ruleset_fini(&s);
}

static void
test_expressions(void)
{
	/* A hit once, B three times, C did not (its 7 is of another mail); F_URLS is 3. As in Perl && and || are an operand. */
	static const struct {
		const char *text;
		double want;
	} cases[] = {
		{ "A", 1 },
		{ "B", 3 },
		{ "C", 0 },
		{ "!C", 1 },
		{ "!B", 0 },
		{ "!!B", 1 },
		{ "A && B", 3 },
		{ "B && A", 1 },
		{ "A && C", 0 },
		{ "A && !C", 1 },
		{ "C || B", 3 },
		{ "C && A || B", 3 },
		{ "C && (A || B)", 0 },
		{ "A + B + C == 4", 1 },
		{ "A + B + C > 4", 0 },
		{ "A + B * 3 == 10", 1 },
		{ "(A + B) * 3 == 12", 1 },
		{ "B / 2", 1.5 },
		{ "B / 2 * 2", 3 },
		{ "B / C", 0 },
		{ "12 / 2 / 3", 2 },
		{ "A - B", -2 },
		{ "1 - 1 - 1 == -1", 1 },
		{ "F_URLS >= 3", 1 },
		{ "F_URLS<3", 0 },
		{ "F_URLS != 3", 0 },
		{ "-F_URLS < 0", 1 },
		{ "0.5 + 0.5 == 1", 1 },
		{ "A>=1&&B<=3", 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct snapshot_errors e = { 0 };
		struct ruleset s = { 0 };
		uint32_t seen[4] = { 9, 9, 8, 0 };
		float hits[4] = { 1, 3, 7, 0 };
		int64_t features[FEATURES] = { [F_URLS] = 3 };
		char text[200];

		snprintf(text, sizeof(text), "body A /a/\nbody B /b/\nbody C /c/\nmeta M %s\n",
		         cases[i].text);
		ruleset_parse_rules(&s, "f", span_z(text), &e);
		ruleset_finish(&s, &e);
		CHECK(e.error_cnt == 0, "%s: %s", cases[i].text, e.cnt ? e.item[0].text : "");
		CHECK(rule_expr_eval(&s, &s.rules[3], seen, 9, hits, features) == cases[i].want,
		      "%s", cases[i].text);
		snapshot_errors_fini(&e);
		ruleset_fini(&s);
	}
}

/* At the bounds and one past. */
static void
test_bounds(void)
{
	char *text = calloc(1, 70000);
	size_t n;

	for (unsigned over = 0; over < 2; over++) {
		struct snapshot_errors e = { 0 };
		struct ruleset s = { 0 };

		n = (size_t)sprintf(text, "body A /a/\nmeta M A");
		for (unsigned i = 0; i < META_OPS_MAX / 2 - 1 + over; i++)
			n += (size_t)sprintf(text + n, "+A");
		ruleset_parse_rules(&s, "f", span(text, n), &e);
		ruleset_finish(&s, &e);
		CHECK(e.error_cnt == over, "%zu operations: %zu errors",
		      (size_t)META_OPS_MAX + over, e.error_cnt);
		snapshot_errors_fini(&e);
		ruleset_fini(&s);
	}
	for (unsigned over = 0; over < 2; over++) {
		struct snapshot_errors e = { 0 };
		struct ruleset s = { 0 };

		memset(text, 'a', LINE_MAX_BYTES + over);
		memcpy(text, "body A /", 8);
		text[LINE_MAX_BYTES + over - 1] = '/';
		ruleset_parse_rules(&s, "f", span(text, LINE_MAX_BYTES + over), &e);
		CHECK(e.error_cnt == over, "line of %u bytes", LINE_MAX_BYTES + over);
		snapshot_errors_fini(&e);
		ruleset_fini(&s);
	}
	free(text);
}

static void
test_order_of_metas(void)
{
	struct snapshot_errors e = { 0 };
	struct ruleset s = { 0 };

	ruleset_parse_rules(&s, "f", span_z("meta A B && C\nmeta B C\nmeta C 1\n"), &e);
	ruleset_finish(&s, &e);
	CHECK(e.error_cnt == 0 && s.meta_cnt == 3 && s.meta_order[0] == 2 && s.meta_order[1] == 1 &&
	      s.meta_order[2] == 0);
	snapshot_errors_fini(&e);
	ruleset_fini(&s);
}

static void
test_lists(void)
{
	/* clang-format off */
	static const struct { const char *text; uint32_t line, column; const char *says; } cases[] = {
		{ "evil.example\n", 1, 1, "begins with %name and %kind" },
		{ "%name L\nx\n", 1, 1, "begins with" },
		{ "%name L\n%kind foo\n", 2, 7, "not a kind" },
		{ "%name L\n%kind ip\n%frob\n", 3, 1, "not one of" },
		{ "%name L!\n%kind ip\n", 1, 0, "a name is" },
		{ "%name L\n%kind ip\n%score x\n1.2.3.4\n", 3, 0, "not a score" },
		{ "%name L\n%kind ip\n%score 1\n  %allow\n1.2.3.4\n", 4, 3, "exclude each other" },
		{ "%name L\n%allow\n%kind ip\n%score 1\n1.2.3.4\n", 4, 1, "exclude each other" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct snapshot_errors e = { 0 };
		struct ruleset s = { 0 };

		ruleset_parse_list(&s, "l", span_z(cases[i].text), &e);
		CHECK(e.error_cnt >= 1 && e.item[0].line == cases[i].line &&
		              e.item[0].column == cases[i].column &&
		              strstr(e.item[0].text, cases[i].says),
		      "%zu: %u:%u %s", i, e.cnt ? e.item[0].line : 0, e.cnt ? e.item[0].column : 0,
		      e.cnt ? e.item[0].text : "none");
		snapshot_errors_fini(&e);
		ruleset_fini(&s);
	}
}

int
main(void)
{
	test_errors();
	test_all_errors();
	test_unknown_rule();
	test_good();
	test_expressions();
	test_bounds();
	test_order_of_metas();
	test_lists();
	return check_failed;
}
