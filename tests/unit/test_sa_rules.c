/* SPDX-License-Identifier: BSD-3-Clause
 * test_sa_rules.c - SpamAssassin's language: what is skipped and why, conditions, tags, counts, views, relays, addresses
 *
 * Over 500 lines: tables of cases, a function each, over one folder of rules.
 */
#include "engine/address.h"
#include "engine/job.h"
#include "engine/relays.h"
#include "engine/ruleset_internal.h"
#include "tests/check.h"
#include <unistd.h>

static char dir[] = "/tmp/weir-test-saXXXXXX";

static void
write_file(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	BUG_ON(!f);
	fputs(text, f);
	fclose(f);
}

static void
remove_file(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

/* One line that cannot run: skipped in *.cf, with this place and reason; the same is an error in *.rules. */
static void
test_skipped(void)
{
	/* clang-format off */
	static const struct { const char *text, *want; } cases[] = {
		{ "body X eval:check_it()", "f.cf:1:8: skipped: X: eval:check_it() is not here" },
		{ "header X eval:check_it('a')", "f.cf:1:10: skipped: X: eval:check_it('a') is not here" },
		{ "frob x\nfrob y", "f.cf:1:1: skipped: 'frob' means nothing here: 2 lines" },
		{ "body", "f.cf:1:5: skipped: a name was expected" },
		{ "body X y", "f.cf:1:8: skipped: an expression as /…/ was expected" },
		{ "body X /y", "f.cf:1:8: skipped: the expression has no end" },
		{ "body X /y/w", "f.cf:1:11: skipped: flag 'w' is not known" },
		{ "body X /a/b/", "f.cf:1:10: skipped: '/' inside needs a '\\'" },
		{ "body X //", "f.cf:1:8: skipped: an empty expression matches everything" },
		{ "body X{ /y/", "f.cf:1:6: skipped: a name is 1 to 63 letters, digits, '_', '-' and '.'" },
		{ "header X A:host =~ /y/", "f.cf:1:12: skipped: not one of addr, name, raw, first, last" },
		{ "header X =~ /y/", "f.cf:1:10: skipped: a header field was expected" },
		{ "mimeheader X A /y/", "f.cf:1:16: skipped: =~ or !~ was expected" },
		{ "ifplugin Mail::SpamAssassin::Plugin::Nope\nbody X /y/\nendif", "f.cf:1:10: skipped: Mail::SpamAssassin::Plugin::Nope is not here" },
		{ "if (foo)\nendif", "f.cf:1:4: skipped: not a condition" },
		{ "else", "f.cf:1:1: skipped: else without if" },
		{ "endif", "f.cf:1:1: skipped: endif without if" },
		{ "include", "f.cf:1:8: skipped: the name of a file was expected" },
		{ "replace_tag A", "f.cf:1:14: skipped: the name of a tag and an expression were expected" },
		{ "replace_rules", "f.cf:1:14: skipped: names of rules were expected" },
		{ "score X", "f.cf:1:8: skipped: a rule's name and a value were expected" },
		{ "body X /y/\nscore X abc", "f.cf:2:9: skipped: not a score between -1000 and 1000" },
		{ "meta X 1 +", "f.cf:1:11: skipped: X: a rule, a feature, a number or '(' was expected" },
		{ "meta X X", "f.cf:1: skipped: X needs itself" },
		{ "test X ok y", "f.cf:1:6: skipped: a test comes after its rule" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (unsigned strict = 0; strict < 2; strict++) {
			struct snapshot_errors e = { 0 };
			struct ruleset s = { 0 };
			char text[640];

			ruleset_parse_rules(&s, strict ? "f.rules" : "f.cf", span_z(cases[i].text),
			                    &e);
			ruleset_finish(&s, &e);
			if (strict) {
				CHECK(e.error_cnt >= 1 || strstr(cases[i].text, "ifplugin"), "%s",
				      cases[i].text);
			} else {
				CHECK(e.error_cnt == 0 && e.skipped_cnt >= 1, "%s: %zu errors",
				      cases[i].text, e.error_cnt);
				if (e.cnt > 0) {
					snapshot_error_format(&e.item[0], text, sizeof(text));
					CHECK(!strcmp(text, cases[i].want), "%s: %s", cases[i].text,
					      text);
				}
			}
			snapshot_errors_fini(&e);
			ruleset_fini(&s);
		}
}

/* Which of the rules A and B there are: 1, 2 or both. */
static void
test_conditions(void)
{
	/* clang-format off */
	static const struct { const char *text; unsigned want; } cases[] = {
		{ "if (version >= 4.000000)\nbody A /a/\nelse\nbody B /b/\nendif", 1 },
		{ "if (version < 3.004)\nbody A /a/\nelse\nbody B /b/\nendif", 2 },
		{ "ifplugin Mail::SpamAssassin::Plugin::ReplaceTags\nbody A /a/\nendif\nbody B /b/", 3 },
		{ "if !plugin(Mail::SpamAssassin::Plugin::ReplaceTags)\nbody A /a/\nelse\nbody B /b/\nendif", 2 },
		{ "if can(Mail::SpamAssassin::Conf::feature_bug6558_free)\nbody A /a/\nendif", 1 },
		{ "if has(Mail::SpamAssassin::Conf::no_such_thing)\nbody A /a/\nendif", 0 },
		{ "if has(Mail::SpamAssassin::Plugin::BodyEval::has_check_body_length)\nbody A /a/\nendif", 1 },
		{ "if (perl_version >= 5.010000) && !(version == 3)\nbody A /a/\nendif", 1 },
		{ "if (version < 3) || (version > 4)\nbody A /a/\nendif", 1 },
		/* what lies in a part that is left out stays out */
		{ "if (version < 3)\nif (version > 3)\nbody A /a/\nelse\nbody B /b/\nendif\nendif", 0 },
		{ "lang de body A /a/\nlang en body B /b/", 2 },
		{ "body A /a/\nbody A /b/\nmeta B 1\nbody B eval:x()", 3 },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct snapshot_errors e = { 0 };
		struct ruleset s = { 0 };
		unsigned have;

		ruleset_parse_rules(&s, "f.cf", span_z(cases[i].text), &e);
		ruleset_finish(&s, &e);
		have = (ruleset_find(&s, span_z("A")) != RULE_NONE ? 1 : 0) |
		       (ruleset_find(&s, span_z("B")) != RULE_NONE ? 2 : 0);
		CHECK(e.error_cnt == 0 && have == cases[i].want, "%s: %u", cases[i].text, have);
		snapshot_errors_fini(&e);
		ruleset_fini(&s);
	}
}

/* As Mail::SpamAssassin::Plugin::ReplaceTags makes them. */
static void
test_tags(void)
{
	/* clang-format off */
	static const struct { const char *pattern, *want; } cases[] = {
		{ "<A>b", "[aA]b" },
		{ "<A><B>", "[aA]bb" },
		{ "<C>", "[aA]c" },                  /* a tag in a tag */
		{ "<X>", "<X>" },                    /* none of this name */
		{ "<inter I><A><B>", "_[aA]_bb" },   /* before the first, which touches the start, and between two */
		{ "x<inter I><A>y<B>", "x[aA]ybb" },
		{ "<post P><A><B>", "[aA]+bb+" },
		{ "<pre Q>x<A>", "x~[aA]" },
		{ "(?<n>a)<A>", "(?<n>a)[aA]" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct snapshot_errors e = { 0 };
		struct ruleset s = { 0 };
		char text[400];

		snprintf(
		        text, sizeof(text),
		        "replace_tag A [aA]\nreplace_tag B bb\nreplace_tag C <A>c\nreplace_inter I "
		        "_\nreplace_post P +\nreplace_pre Q ~\nbody T /%s/\nbody U /<A>/\n"
		        "replace_rules T V\n",
		        cases[i].pattern);
		ruleset_parse_rules(&s, "f.cf", span_z(text), &e);
		ruleset_finish(&s, &e);
		CHECK(e.error_cnt == 0 && s.lane[LANE_RENDERED].cnt == 2);
		CHECK(span_is(s.lane[LANE_RENDERED].item[0].text, cases[i].want), "%s: %.*s",
		      cases[i].pattern, (int)s.lane[LANE_RENDERED].item[0].text.len,
		      s.lane[LANE_RENDERED].item[0].text.p);
		CHECK(span_is(s.lane[LANE_RENDERED].item[1].text, "<A>"), "not in replace_rules");
		snapshot_errors_fini(&e);
		ruleset_fini(&s);
	}
}

/* ---- whole mails ---- */

static const char rules_text[] =
        "body COUNT /ab/\ntflags COUNT multiple\n"
        "body TWO /ab/\ntflags TWO multiple maxhits=2\n"
        "body ONE /ab/\n"
        "meta M3 COUNT == 3\nmeta M2 TWO == 2 && ONE == 1\nmeta VALUE COUNT * 2\nmeta M6 VALUE == "
        "6\n"
        "body BEGINS /^second/\nbody ACROSS /first.second/s\nbody ENDS /third $/\n"
        "body NOSUBJ /subjectword/\ntflags NOSUBJ nosubject\nbody SUBJ /^subjectword$/\n"
        "body LOOK /(?<=pre)(?!no)yes/\nbody BACK /(\\w)x\\1/\n"
        "rawbody RAW /<b>\\n<i>/\n"
        "full FULL /^X-Own: 1\\nX-Two/m\n"
        "header ALLOF ALL =~ /^X-Own: 1\\nX-Two: 2$/m\n"
        "header BOTH X-Own =~ /^1\\n3$/\nheader FIRST X-Own:first =~ /^1$/\nheader LAST X-Own:last "
        "=~ /^3$/\n"
        "header UNSET X-None =~ /^gone$/ [if-unset: gone]\nheader EMPTY X-None =~ /^$/\nheader NEG "
        "X-None !~ /./\n"
        "header ADDRS To:addr =~ /^a\\@b\\.test\\nc\\@d\\.test$/\nheader NAMES To:name =~ /^An "
        "N\\nC$/\n"
        "header RELAYS X-Spam-Relays-External =~ /^\\[ ip=192\\.0\\.2\\.7 rdns=r\\.test "
        "helo=h\\.test by=b\\.test ident= envfrom= /\n"
        "header NOREL X-Spam-Relays-Trusted =~ /./\n"
        "mimeheader MIME Content-Type =~ /x-own/\nmimeheader MIMENEG Content-Type !~ /x-none/\n"
        "uri MAILTO /^mailto:e\\@f\\.com$/\nuri PERCENT m{^http://h\\.com/ab$}\nuri SLASH "
        "m{^http://h\\.com/\\?x}\n"
        "body OFF /ab/\nscore OFF 0\nmeta OFFM OFF\n"
        "header EXTLIST ALL-EXTERNAL =~ /list manager/\nheader EXTHOST ALL-EXTERNAL =~ /host two/\n"
        "header ENVPATH EnvelopeFrom =~ /^a\\@path\\.test$/\n"
        "header ENVHOST EnvelopeFrom =~ /^a\\@host\\.test$/\n";

static struct engine_job *
scan(struct engine_worker *w, const struct snapshot *s, const char *mail, size_t step)
{
	struct engine_client client = { 0 };
	struct engine_mail m = { s, &client, span("", 0), strlen(mail), false };
	struct engine_job *j = engine_job_begin(w, &m);
	size_t len = strlen(mail);

	BUG_ON(!j);
	for (size_t at = 0; at < len;)
		at += engine_job_step(j, span(mail + at, MIN(step, len - at)), UINT64_MAX);
	while (!engine_job_end(j, UINT64_MAX))
		;
	return j;
}

static const char mail_lf[] =
        "Received: from h.test (r.test [192.0.2.7]) by b.test with SMTP id 1; x\n"
        "X-Own: 1\nX-Two: 2\nX-Own: 3\nTo: \"An N\" <a@b.test>, c@d.test (C)\nSubject: "
        "subjectword\n"
        "Content-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nab ab\nfirst\n\nsecond preyes preno axa e@f.com\n\nab "
        "third \n\n"
        "--b\nContent-Type: text/html; x-own=1\n\n<b>\n<i>x</i></b><a "
        "href=\"http://h.com/%61b\">l</a>"
        "<a href=\"http://h.com?x\">l</a>\n--b--\n";

static bool
hits_rule(const struct engine_job *j, const char *name)
{
	uint32_t rule = ruleset_find(&j->s->rules, span_z(name));

	CHECK(rule != RULE_NONE, "no rule %s", name);
	return rule != RULE_NONE && job_rule_hit(j, rule);
}

static void
test_mail(struct engine_worker *w, const struct snapshot *s)
{
	static const char *const hits[] = {
		"COUNT",  "TWO",     "ONE",   "M3",   "M2",      "VALUE", "M6",   "BEGINS",
		"SUBJ",   "LOOK",    "BACK",  "RAW",  "FULL",    "ALLOF", "BOTH", "FIRST",
		"LAST",   "UNSET",   "EMPTY", "NEG",  "ADDRS",   "NAMES", "MIME", "RELAYS",
		"MAILTO", "PERCENT", "SLASH", "ENDS", "MIMENEG",
	};
	static const char *const not [] = { "ACROSS", "NOSUBJ", "OFF", "OFFM", "NOREL" };
	char crlf[2 * sizeof(mail_lf)];
	size_t n = 0;

	for (const char *p = mail_lf; *p; p++) {
		if (*p == '\n')
			crlf[n++] = '\r';
		crlf[n++] = *p;
	}
	crlf[n] = 0;
	for (unsigned k = 0; k < 4; k++) {
		struct engine_job *j = scan(w, s, k & 1 ? crlf : mail_lf, k & 2 ? 7 : 100000);

		for (size_t i = 0; i < ARRAY_LEN(hits); i++)
			CHECK(hits_rule(j, hits[i]), "%u: %s does not hit", k, hits[i]);
		for (size_t i = 0; i < ARRAY_LEN(not ); i++)
			CHECK(!job_rule_hit(j, ruleset_find(&s->rules, span_z(not [i]))),
			      "%u: %s hits", k, not [i]);
		engine_job_put(j);
	}
}

/* Whose word the head of a mail in a file is: which of the four rules hit. */
static void
test_trust(struct engine_worker *w, const struct snapshot *s)
{
	static const char *const names[] = { "EXTLIST", "EXTHOST", "ENVPATH", "ENVHOST" };
	/* clang-format off */
	static const struct { const char *mail; unsigned want; } cases[] = {
		{ "Received: by b.test (list manager); x\nReceived: from h.test ([192.0.2.7]) by b.test; host two\n\nx\n", 2 },
		{ "Received: from h.test ([10.0.0.7]) by b.test (list manager); x\n"
		  "Received: from h.test ([192.0.2.7]) by b.test; host two\n\nx\n", 2 },
		{ "Received: from h.test ([192.0.2.7]) by b.test; host two\nReceived: by b.test (list manager); x\n\nx\n", 3 },
		{ "Received: by b.test (list manager); x\n\nx\n", 0 },
		{ "Return-Path: <a@path.test>\nReceived: from h.test ([192.0.2.7]) by b.test; x\n\nx\n", 4 },
		{ "Received: from h.test ([192.0.2.7]) by b.test; x\nReturn-Path: <a@path.test>\n\nx\n", 0 },
		{ "Return-Path: <b@x.test>\nX-Envelope-From: <a@path.test>\n\nx\n", 4 },
		{ "Return-Path: <a@path.test>\nReceived: by b.test; x\nX-Envelope-From: <a@x.test>\n\nx\n", 0 },
		{ "Return-Path: <a@path.test>\nReceived: from h.test ([192.0.2.7]) by b.test (envelope-from <a@host.test>); x\n\nx\n", 8 },
		{ "Return-Path: <a@path.test>\nReceived: from h.test ([192.0.2.7]) by b.test; x\n"
		  "Received: from i.test ([192.0.2.8]) by h.test (envelope-from <a@host.test>); x\n\nx\n", 4 },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct engine_job *j = scan(w, s, cases[i].mail, 100000);
		unsigned have = 0;

		for (unsigned k = 0; k < ARRAY_LEN(names); k++)
			have |= hits_rule(j, names[k]) ? 1u << k : 0u;
		CHECK(have == cases[i].want, "%zu: %u, not %u", i, have, cases[i].want);
		engine_job_put(j);
	}
}

/* What cannot run takes its rule out of the set and is listed; metas that name it are marked. */
static void
test_builds(struct engine_worker *w)
{
	const char *dirs[] = { dir };
	struct snapshot_input in = {
		.generation = 2, .rule_dirs = dirs, .rule_dir_cnt = 1, .no_probes = true
	};
	struct snapshot_errors e = { 0 };
	struct snapshot *s;

	write_file("b.cf", "body BAD /a(/\nbody DENSE /[a-z]{0,3}/\nmeta PART BAD || GOOD\nbody "
	                   "GOOD /good/\n");
	s = snapshot_build(&in, &e);
	CHECK(s && e.error_cnt == 0 && e.skipped_cnt == 2, "%zu errors %zu skipped", e.error_cnt,
	      e.skipped_cnt);
	if (s) {
		CHECK(s->rules.rules[ruleset_find(&s->rules, span_z("BAD"))].kind == RULE_SKIPPED);
		CHECK(s->rules.rules[ruleset_find(&s->rules, span_z("PART"))].is_partial);
		CHECK(!s->rules.rules[ruleset_find(&s->rules, span_z("M3"))].is_partial);
	}
	snapshot_free(s);
	snapshot_errors_fini(&e);
	remove_file("b.cf");
	write_file("b.rules", "body BAD /a(/\n");
	CHECK(!snapshot_build(&in, &e) && e.error_cnt == 1, "%zu", e.error_cnt);
	snapshot_errors_fini(&e);
	/* A limit of the linter's that nothing can meet: the expression is named with its cost. */
	write_file("b.rules", "body SLOW /[a-z]+[0-9]+[a-z]+/\n");
	in.lint.max_ns_kib = 1;
	CHECK(!snapshot_build(&in, &e) && e.error_cnt >= 1);
	CHECK(e.cnt > 0 && strstr(e.item[0].text, "limit 1"), "%s", e.cnt ? e.item[0].text : "");
	snapshot_errors_fini(&e);
	remove_file("b.rules");
	(void)w;
}

/* Tests of rules: of a field its value, and none of what is turned off, does not run or was defined anew. */
static void
test_probes(void)
{
	/* clang-format off */
	static const struct { const char *text; size_t error_cnt; } cases[] = {
		{ "header DAY Date =~ /^Mon/\ntest DAY ok Monday\ntest DAY fail Tuesday", 0 },
		{ "header DAY Date =~ /^Mon/\ntest DAY ok Tuesday\ntest DAY fail Monday", 2 },
		{ "header DAY Date !~ /^Mon/\ntest DAY ok Tuesday", 0 },
		{ "header ID MESSAGEID =~ /^<1/\ntest ID ok <1@a>\nheader TO ToCc =~ /^a/\ntest TO ok a@b", 0 },
		{ "header LINE ALL =~ /^To: a/\ntest LINE ok To: a", 0 },
		{ "body OFF /zero/\nscore OFF 0\ntest OFF ok zero", 0 },
		{ "body BAD /a(/\ntest BAD ok a", 0 },
		{ "body ANEW /old/\ntest ANEW ok old\nbody ANEW /new/", 0 },
		{ "uri NUMERIC /^http:..7.91.205.21.foo/\ntest NUMERIC ok http://123456789/foo", 0 },
	};
	/* clang-format on */
	char own[] = "/tmp/weir-test-probeXXXXXX", path[512];
	const char *dirs[] = { own };
	struct snapshot_input in = { .generation = 3, .rule_dirs = dirs, .rule_dir_cnt = 1 };

	BUG_ON(!mkdtemp(own));
	snprintf(path, sizeof(path), "%s/a.cf", own);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct snapshot_errors e = { 0 };
		struct snapshot *s;
		FILE *f = fopen(path, "w");

		BUG_ON(!f);
		fputs(cases[i].text, f);
		fclose(f);
		s = snapshot_build(&in, &e);
		CHECK(e.error_cnt == cases[i].error_cnt && (s != NULL) == (e.error_cnt == 0),
		      "%s: %zu errors, %s", cases[i].text, e.error_cnt,
		      e.cnt ? e.item[0].text : "");
		snapshot_free(s);
		snapshot_errors_fini(&e);
	}
	unlink(path);
	rmdir(own);
}

#define STEP_VIEWS 100
#define STEP_METAS 600 /* each names the one before */

/* Views and metas are done in steps: the header's before a byte of the text is taken, and all of them in their order. */
static void
test_steps(struct engine_worker *w)
{
	const char *dirs[] = { dir };
	struct snapshot_input in = {
		.generation = 3, .rule_dirs = dirs, .rule_dir_cnt = 1, .no_probes = true
	};
	struct snapshot_errors e = { 0 };
	struct engine_client client = { 0 };
	struct engine_mail m = { NULL, &client, span("", 0), 0, false };
	static char rules[100000], mail[100000];
	size_t at = 0, len, head, taken = 0, n = 0;
	unsigned views = 0, ends = 0;
	struct engine_job *j;
	char name[16];

	for (unsigned i = 0; i < STEP_VIEWS; i++) {
		n += (size_t)sprintf(rules + n, "header V%u X-V%u =~ /^%u$/\n", i, i, i);
		at += (size_t)sprintf(mail + at, "X-V%u: %u\n", i, i);
	}
	n += (size_t)sprintf(rules + n, "uri LINK /b.test/\nmeta M0 V0\n");
	for (unsigned i = 1; i < STEP_METAS; i++)
		n += (size_t)sprintf(rules + n, "meta M%u M%u + 1\n", i, i - 1);
	at += (size_t)sprintf(mail + at, "Content-Type: text/html\n\n");
	head = at;
	len = at + (size_t)sprintf(mail + at, "<a href=\"http://a.b.test/\">x</a>\n");
	write_file("c.cf", rules);
	n = 0;
	m.snapshot = snapshot_build(&in, &e);
	CHECK(m.snapshot && engine_worker_attach(w, (struct snapshot *)(uintptr_t)m.snapshot) == 0);
	j = engine_job_begin(w, &m);
	for (at = 0; at < len; at += taken) {
		taken = engine_job_step(j, span(mail + at, len - at), 0);
		views += taken == 0;
		CHECK(taken > 0 || at == head, "at %zu of %zu", at, head);
	}
	CHECK(views > 1, "%u steps over views", views);
	while (n < j->hit_cnt && j->hit[n].rule != ruleset_find(&j->s->rules, span_z("V0")))
		n++;
	for (unsigned i = 0; i < STEP_VIEWS; i++) {
		sprintf(name, "V%u", i);
		CHECK(n + i < j->hit_cnt &&
		              j->hit[n + i].rule == ruleset_find(&j->s->rules, span_z(name)),
		      "%s", name);
	}
	while (!engine_job_end(j, 0))
		ends++;
	sprintf(name, "M%u", STEP_METAS - 1);
	CHECK(hits_rule(j, "LINK"));
	CHECK(ends > STEP_METAS / 256 && hits_rule(j, name) &&
	      (unsigned)j->gen->slot[j->slot].rule_hits[ruleset_find(&j->s->rules, span_z(name))] ==
	              STEP_METAS);
	engine_job_put(j);
	engine_worker_detach(w, (struct snapshot *)(uintptr_t)m.snapshot);
	snapshot_free((struct snapshot *)(uintptr_t)m.snapshot);
	snapshot_errors_fini(&e);
	remove_file("c.cf");
}

/* ---- pieces ---- */

static void
test_relays(void)
{
	/* clang-format off */
	static const struct { const char *value, *want; } cases[] = {
		{ "from h.x (r.y [192.0.2.1]) by b.z (Postfix) with ESMTP id AB12; Tue", "ip=192.0.2.1 rdns=r.y helo=h.x by=b.z ident= envfrom= intl=0 id=AB12 auth= " },
		{ "from h.x (unknown [192.0.2.1]) by b.z with SMTP id A123", "ip=192.0.2.1 rdns= helo=h.x by=b.z ident= envfrom= intl=0 id=A123 auth= " },
		{ "from [192.0.2.1] (helo=h.x) by b.z with esmtp (Exim 4) id A-1", "ip=192.0.2.1 rdns= helo=h.x by=b.z ident= envfrom= intl=0 id=A-1 auth= " },
		{ "from r.y (HELO h.x) (192.0.2.1) by b.z with SMTP; Tue", "ip=192.0.2.1 rdns=r.y helo=h.x by=b.z ident= envfrom= intl=0 id= auth= " },
		{ "from h.x (2001:db8::1) by b.z (2001:db8::2) with Microsoft SMTP Server id 15.1.2", "ip=2001:db8::1 rdns=h.x helo=h.x by=b.z ident= envfrom= intl=0 id=15.1.2 auth= " },
		{ "from h.x ([192.0.2.1]) by b.z with ESMTPSA id A1 (envelope-from <m@n>)", "ip=192.0.2.1 rdns= helo=h.x by=b.z ident= envfrom=m@n intl=0 id=A1 auth=ESMTPSA " },
		{ "from h.x (root@r.y [192.0.2.1]) by b.z with ESMTP id A1", "ip=192.0.2.1 rdns=r.y helo=h.x by=b.z ident=root envfrom= intl=0 id=A1 auth= " },
		{ "by b.z with local id 1", NULL },
		{ "from h.x by b.z; Tue", NULL },
		{ "from", NULL },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct relay r;
		char out[600], want[600];
		bool ok = relay_parse(span_z(cases[i].value), &r);

		CHECK(ok == (cases[i].want != NULL), "%s", cases[i].value);
		if (!ok || !cases[i].want)
			continue;
		out[relay_format(&r, out, sizeof(out) - 1)] = 0;
		snprintf(want, sizeof(want), "[ %smsa=0 ]", cases[i].want);
		CHECK(!strcmp(out, want), "%s: %s", cases[i].value, out);
	}
}

static void
test_addresses(void)
{
	/* clang-format off */
	static const struct { const char *value, *want; } cases[] = {
		{ "a@b", "a@b=|" },
		{ "A B <a@b>", "a@b=A B|" },
		{ "\"B, A\" <a@b>, c@d (C (x))", "a@b=B, A|c@d=C|" },
		{ "\"a@b\" <a@b>", "a@b=|" },
		{ "\"Q \\\"x\\\" R\" <a@b>", "a@b=Q \"x\" R|" },
		{ "undisclosed-recipients:;", "" },
		{ "Group: a@b, c@d;", "a@b=|c@d=|" },
		{ "no address at all", "=no address at all|" },
		{ "X <no at>", "=X|" },
		{ "", "" }, { ",,;", "" }, { "<", "=<|" }, { "\"", "=|" }, { "(", "=|" },
		{ "((x@y", "=|" }, { "<<a@b>", "=|" }, { "(x, y@z", "=|y@z=|" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span rest = span_z(cases[i].value);
		struct address a;
		char out[400] = "", name[200];

		while (address_next(&rest, &a)) {
			size_t n = address_name(&a, name, sizeof(name));

			snprintf(out + strlen(out), sizeof(out) - strlen(out), "%.*s=%.*s|",
			         (int)a.address.len, a.address.p, (int)n, name);
		}
		CHECK(!strcmp(out, cases[i].want), "%s: %s", cases[i].value, out);
	}
}

int
main(void)
{
	const char *dirs[] = { dir };
	struct snapshot_input in = {
		.generation = 1, .rule_dirs = dirs, .rule_dir_cnt = 1, .no_probes = true
	};
	struct snapshot_errors e = { 0 };
	struct engine_config cfg = { 0 };
	struct engine_worker *w = engine_worker_new(&cfg);
	struct snapshot *s;

	BUG_ON(!mkdtemp(dir) || !w);
	test_skipped();
	test_conditions();
	test_tags();
	test_relays();
	test_addresses();
	write_file("a.cf", rules_text);
	s = snapshot_build(&in, &e);
	CHECK(s && engine_worker_attach(w, s) == 0 && e.cnt == 0, "%s",
	      e.cnt ? e.item[0].text : "");
	if (s) {
		test_mail(w, s);
		test_trust(w, s);
		engine_worker_detach(w, s);
	}
	snapshot_free(s);
	snapshot_errors_fini(&e);
	test_builds(w);
	test_probes();
	test_steps(w);
	engine_worker_free(w);
	remove_file("a.cf");
	rmdir(dir);
	return check_failed;
}
