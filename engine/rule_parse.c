/* SPDX-License-Identifier: BSD-3-Clause
 * rule_parse.c - rule files: one statement a line, one row of the table a statement
 */
#include "engine/ruleset_internal.h"
#include "engine/text/fold.h"

#define PHRASE_MIN_BYTES 8 /* folded: shorter ones are words, and words are no phrases (S6) */
#define PHRASE_MAX_BYTES 512

void
rule_refuse(const struct line *l, const char *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (l->is_lenient)
		skipped_vadd(l->e, line_at(l, at), fmt, ap);
	else
		error_vadd(l->e, line_at(l, at), fmt, ap);
	va_end(ap);
}

uint32_t
rule_begin(struct line *l, enum rule_kind kind)
{
	uint32_t old = RULE_NONE;
	struct span name;

	if (!next_word(&l->rest, &name)) {
		rule_refuse(l, l->rest.p, "a name was expected");
		return RULE_NONE;
	}
	if (!ruleset_is_name(name)) {
		rule_refuse(l, name.p, "a name is 1 to %d letters, digits, '_', '-' and '.'",
		            NAME_MAX_BYTES);
		return RULE_NONE;
	}
	if (l->is_lenient)
		old = ruleset_find(l->s, name);
	if (old != RULE_NONE) {
		ruleset_redefine(l->s, old, kind, l->file, l->no);
		return old;
	}
	return ruleset_add_rule(l->s, name, kind, line_at(l, name.p), l->file, l->e);
}

void
rule_end_line(struct line *l)
{
	if (l->rest.len > 0)
		rule_refuse(l, l->rest.p, "nothing was expected here");
}

/* "eval:function(…)": the rule has a name, so that metas may use it, and never hits. */
static bool
is_eval(struct line *l, uint32_t rule)
{
	if (!l->is_lenient || l->rest.len < 5 || memcmp(l->rest.p, "eval:", 5))
		return false;
	l->s->rules[rule].kind = RULE_SKIPPED;
	skipped_add(l->e, line_at(l, l->rest.p), "%s: %.*s is not here", l->s->rules[rule].name.p,
	            (int)MIN(l->rest.len, 120u), l->rest.p);
	return true;
}

static void
text_rule(struct line *l, enum rule_kind kind, enum lane lane)
{
	uint32_t rule = rule_begin(l, kind);
	struct regex x;

	if (rule == RULE_NONE || is_eval(l, rule))
		return;
	if (!rule_regex_parse(l, &x)) {
		l->s->rules[rule].kind = RULE_SKIPPED;
		return;
	}
	rule_regex_add(l, lane, &x, rule, 0);
	rule_end_line(l);
}

static void
on_body(struct line *l)
{
	text_rule(l, RULE_BODY, LANE_RENDERED);
}

static void
on_rawbody(struct line *l)
{
	text_rule(l, RULE_RAWBODY, LANE_RAW);
}

static void
on_full(struct line *l)
{
	text_rule(l, RULE_FULL, LANE_FULL);
}

static void
on_uri(struct line *l)
{
	text_rule(l, RULE_URI, LANE_URI);
}

bool
ruleset_add_phrase(struct ruleset *s, struct span text, uint32_t rule, uint32_t file,
                   struct error_at at, struct snapshot_errors *e)
{
	char *z = arena_alloc(&s->arena, FOLD_CAP(text.len));
	size_t n = fold_span(text, z, FOLD_CAP(text.len));

	if (n < PHRASE_MIN_BYTES || n > PHRASE_MAX_BYTES) {
		error_add(e, at, "a phrase has %d to %d bytes after folding", PHRASE_MIN_BYTES,
		          PHRASE_MAX_BYTES);
		return false;
	}
	ruleset_add_pattern(s, LANE_FOLDED,
	                    &(struct rule_pattern){ .text = span(z, n),
	                                            .is_literal = true,
	                                            .rule = rule,
	                                            .file = file,
	                                            .line = at.line,
	                                            .column = at.column });
	return true;
}

static void
on_phrase(struct line *l)
{
	uint32_t rule = rule_begin(l, RULE_PHRASE);
	struct span t = l->rest;

	if (rule == RULE_NONE)
		return;
	if (t.len >= 2 && t.p[0] == '"' && t.p[t.len - 1] == '"')
		t = span(t.p + 1, t.len - 2);
	l->s->rules[rule].filter = FILTER_PHRASE;
	ruleset_add_phrase(l->s, t, rule, l->file, line_at(l, l->rest.p), l->e);
}

static void
on_header(struct line *l)
{
	struct line at_name = *l;
	struct span name;

	/* An eval rule has no field. */
	if (l->is_lenient && next_word(&at_name.rest, &name) && at_name.rest.len > 5 &&
	    !memcmp(at_name.rest.p, "eval:", 5)) {
		uint32_t rule = rule_begin(l, RULE_SKIPPED);

		if (rule != RULE_NONE)
			is_eval(l, rule);
		return;
	}
	rule_header_parse(l);
}

static void
on_meta(struct line *l)
{
	uint32_t rule = rule_begin(l, RULE_META);
	struct ruleset *s = l->s;

	if (rule == RULE_NONE)
		return;
	s->pending =
	        ruleset_grow(s->pending, s->pending_cnt + 1, &s->pending_room, sizeof(*s->pending));
	s->pending[s->pending_cnt++] =
	        (struct pending_meta){ .rule = rule,
		                       .column = line_at(l, l->rest.p).column,
		                       .def = s->rules[rule].def,
		                       .text = ruleset_copy(s, l->rest),
		                       .is_lenient = l->is_lenient };
}

static void
add_setting(struct line *l, enum setting_kind what)
{
	struct ruleset *s = l->s;
	struct span name;

	if (!next_word(&l->rest, &name) || l->rest.len == 0) {
		rule_refuse(l, l->rest.p, "a rule's name and a value were expected");
		return;
	}
	s->settings = ruleset_grow(s->settings, s->setting_cnt + 1, &s->setting_room,
	                           sizeof(*s->settings));
	s->settings[s->setting_cnt++] = (struct setting){ .name = ruleset_copy(s, name),
		                                          .value = ruleset_copy(s, l->rest),
		                                          .file = l->file,
		                                          .line = l->no,
		                                          .column = line_at(l, l->rest.p).column,
		                                          .is_lenient = l->is_lenient,
		                                          .what = what };
}

static void
on_score(struct line *l)
{
	add_setting(l, SETTING_SCORE);
}

static void
on_describe(struct line *l)
{
	add_setting(l, SETTING_DESCRIBE);
}

static void
on_filter(struct line *l)
{
	add_setting(l, SETTING_FILTER);
}

static void
on_tflags(struct line *l)
{
	add_setting(l, SETTING_TFLAGS);
}

static void
on_replace_tag(struct line *l)
{
	rule_tag_add(l, TAG_TAG);
}

static void
on_replace_pre(struct line *l)
{
	rule_tag_add(l, TAG_PRE);
}

static void
on_replace_inter(struct line *l)
{
	rule_tag_add(l, TAG_INTER);
}

static void
on_replace_post(struct line *l)
{
	rule_tag_add(l, TAG_POST);
}

/* "\n" in a test is a line end. */
static struct span
unescape(struct ruleset *s, struct span t)
{
	char *z = arena_alloc(&s->arena, t.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < t.len; i++) {
		if (t.p[i] == '\\' && i + 1 < t.len && (t.p[i + 1] == 'n' || t.p[i + 1] == '\\'))
			z[n++] = (char)(t.p[++i] == 'n' ? '\n' : '\\');
		else
			z[n++] = t.p[i];
	}
	return span(z, n);
}

static void
on_test(struct line *l)
{
	struct ruleset *s = l->s;
	struct span name, word, t;
	uint32_t rule;

	if (!next_word(&l->rest, &name) || !next_word(&l->rest, &word) ||
	    (!span_is(word, "ok") && !span_is(word, "fail"))) {
		rule_refuse(l, l->rest.p, "test NAME ok|fail \"text\" was expected");
		return;
	}
	rule = ruleset_find(s, name);
	t = l->rest;
	if (t.len >= 2 && t.p[0] == '"' && t.p[t.len - 1] == '"')
		t = span(t.p + 1, t.len - 2);
	if (rule == RULE_NONE) {
		rule_refuse(l, name.p, "a test comes after its rule");
		return;
	}
	s->tests = ruleset_grow(s->tests, s->test_cnt + 1, &s->test_room, sizeof(*s->tests));
	s->tests[s->test_cnt++] = (struct rule_test){ rule,  s->rules[rule].def,  l->file,
		                                      l->no, span_is(word, "ok"), unescape(s, t) };
}

static void
on_priority(struct line *l)
{
	(void)l; /* all rules run, in an order of our own */
}

static void parse_statement(struct line *l);

/* "lang XX …": only English is used, as SpamAssassin does in the locale C. */
static void
on_lang(struct line *l)
{
	static const char ours[] = "en_us";
	struct span code;
	bool is_ours = next_word(&l->rest, &code) && code.len < sizeof(ours);

	for (size_t i = 0; is_ours && i < code.len; i++)
		is_ours = ascii_lower(code.p[i]) == ours[i];
	if (is_ours)
		parse_statement(l);
}

static void
on_include(struct line *l)
{
	const char *file = l->s->files[l->file], *slash = strrchr(file, '/');
	char path[4096];

	if (l->rest.len == 0) {
		rule_refuse(l, l->rest.p, "the name of a file was expected");
	} else if (l->depth == INCLUDES_MAX) {
		rule_refuse(l, l->rest.p, "more than %d includes in one another", INCLUDES_MAX);
	} else {
		bool is_relative = l->rest.p[0] != '/' && slash;

		snprintf(path, sizeof(path), "%.*s%.*s", is_relative ? (int)(slash + 1 - file) : 0,
		         file, (int)MIN(l->rest.len, 2000u), l->rest.p);
		ruleset_include(l, path);
	}
}

static const struct statement {
	const char *word;
	void (*parse)(struct line *l);
} statements[] = {
	{ "body", on_body },
	{ "describe", on_describe },
	{ "filter", on_filter },
	{ "full", on_full },
	{ "header", on_header },
	{ "include", on_include },
	{ "lang", on_lang },
	{ "meta", on_meta },
	{ "mimeheader", rule_mimeheader_parse },
	{ "phrase", on_phrase },
	{ "priority", on_priority },
	{ "rawbody", on_rawbody },
	{ "replace_inter", on_replace_inter },
	{ "replace_post", on_replace_post },
	{ "replace_pre", on_replace_pre },
	{ "replace_rules", rule_replace_add },
	{ "replace_tag", on_replace_tag },
	{ "score", on_score },
	{ "test", on_test },
	{ "tflags", on_tflags },
	{ "uri", on_uri },
};

/* SpamAssassin has a hundred settings more: for its mail handling, its plugins, its network tests. */
static void
ignore(struct line *l, struct span word)
{
	for (size_t i = 0; i < l->ignored_cnt; i++)
		if (span_eq(l->ignored[i].word, word)) {
			l->ignored[i].cnt++;
			return;
		}
	if (l->ignored_cnt < IGNORED_MAX)
		l->ignored[l->ignored_cnt++] =
		        (struct rule_ignored){ ruleset_copy(l->s, word), l->no, 1 };
	else
		rule_refuse(l, word.p, "'%.*s' means nothing here", (int)MIN(word.len, 40u),
		            word.p);
}

static void
list_ignored(struct line *l)
{
	for (size_t i = 0; i < l->ignored_cnt; i++) {
		const struct rule_ignored *x = &l->ignored[i];

		skipped_add(l->e, (struct error_at){ l->s->files[l->file], x->line, 1 },
		            "'%.*s' means nothing here: %u line%s", (int)MIN(x->word.len, 40u),
		            x->word.p, x->cnt, x->cnt == 1 ? "" : "s");
	}
	l->ignored_cnt = 0;
}

static void
parse_statement(struct line *l)
{
	struct span word;
	char lower[40];

	if (!next_word(&l->rest, &word) || rule_if_line(l, word))
		return;
	if (l->is_lenient && word.len < sizeof(lower)) {
		for (size_t i = 0; i < word.len; i++)
			lower[i] = word.p[i] == '-' ? '_' : ascii_lower(word.p[i]);
	} else {
		memcpy(lower, word.p, MIN(word.len, sizeof(lower)));
	}
	for (size_t i = 0; i < ARRAY_LEN(statements); i++)
		if (span_is(span(lower, MIN(word.len, sizeof(lower))), statements[i].word)) {
			statements[i].parse(l);
			return;
		}
	if (l->is_lenient)
		ignore(l, word);
	else
		error_add(l->e, line_at(l, word.p), "'%.*s' is no statement of this language",
		          (int)MIN(word.len, 40u), word.p);
}

static void
parse_line(struct line *l)
{
	if (l->text.len > LINE_MAX_BYTES) {
		rule_refuse(l, l->text.p, "line of more than %d bytes", LINE_MAX_BYTES);
		return;
	}
	if (memchr(l->text.p, 0, l->text.len)) {
		rule_refuse(l, l->text.p, "a byte 0 in the line");
		return;
	}
	/* As in SpamAssassin: '#' begins a comment wherever it stands, unless '\\' is before it. */
	for (size_t i = 0; i < l->text.len; i++)
		if (l->text.p[i] == '#' && (i == 0 || l->text.p[i - 1] != '\\')) {
			l->rest.len = i;
			break;
		}
	parse_statement(l);
}

static void
parse_rules(struct ruleset *s, const char *file, struct span text, unsigned depth,
            struct snapshot_errors *e)
{
	struct line l = { .s = s, .e = e, .file = ruleset_add_file(s, file), .depth = depth };

	l.is_lenient = ruleset_is_lenient(file);
	while (next_line(&text, &l.text)) {
		l.no++;
		l.rest = l.text;
		parse_line(&l);
	}
	rule_if_end(&l);
	list_ignored(&l);
}

void
ruleset_include(struct line *l, const char *path)
{
	struct snapshot_errors why = { 0 };
	struct span text;

	if (!ruleset_read_file(path, &text, &why)) {
		rule_refuse(l, l->rest.p, "%s: %s", path, why.item[0].text);
		snapshot_errors_fini(&why);
		return;
	}
	parse_rules(l->s, path, text, l->depth + 1, l->e);
	free((void *)(uintptr_t)text.p);
}

void
ruleset_parse_rules(struct ruleset *s, const char *file, struct span text,
                    struct snapshot_errors *e)
{
	parse_rules(s, file, text, 0, e);
}
