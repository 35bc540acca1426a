/* SPDX-License-Identifier: BSD-3-Clause
 * rule_parse.c - rule files: one statement a line, one row of the table a statement
 */
#include "engine/ruleset_internal.h"
#include "engine/text/fold.h"

#define PHRASE_MIN_BYTES 8 /* folded: shorter ones are words, and words are no phrases (S6) */
#define PHRASE_MAX_BYTES 512

struct regex {
	struct span text;
	bool is_caseless, is_multiline, is_dotall, is_extended;
};

/* "/…/flags", "m{…}flags", "m!…!flags". Takes it from l->rest. */
static bool
parse_regex(struct line *l, struct regex *out)
{
	struct span r = l->rest;
	char open = '/', close = '/';
	size_t i = 1;

	if (r.len >= 3 && r.p[0] == 'm') {
		r = span_skip(r, 1);
		open = r.p[0];
		close = (char)(open == '{'   ? '}'
		               : open == '(' ? ')'
		               : open == '[' ? ']'
		               : open == '<' ? '>'
		                             : open);
	} else if (r.len < 2 || r.p[0] != '/') {
		error_add(l->e, line_at(l, l->rest.p), "an expression as /…/ was expected");
		return false;
	}
	for (size_t depth = 1; i < r.len; i++) {
		if (r.p[i] == '\\') {
			i++;
			continue;
		}
		if (r.p[i] == close && --depth == 0)
			break;
		if (r.p[i] == open && open != close)
			depth++;
	}
	if (i >= r.len) {
		error_add(l->e, line_at(l, r.p), "the expression has no end");
		return false;
	}
	*out = (struct regex){ .text = span(r.p + 1, i - 1) };
	for (i++; i < r.len && !is_blank(r.p[i]); i++) {
		switch (r.p[i]) {
		case 'i':
			out->is_caseless = true;
			break;
		case 'm':
			out->is_multiline = true;
			break;
		case 's':
			out->is_dotall = true;
			break;
		case 'x':
			out->is_extended = true;
			break;
		case 'a':
		case 'o':
			break;
		default:
			error_add(l->e, line_at(l, r.p + i), "flag '%c' is not known", r.p[i]);
			return false;
		}
	}
	l->rest = trim(span_skip(r, i));
	if (out->text.len == 0)
		error_add(l->e, line_at(l, r.p), "an empty expression matches everything");
	return out->text.len > 0;
}

static void
add_regex(struct line *l, enum lane lane, const struct regex *x, uint32_t rule, uint32_t view)
{
	struct rule_pattern p = { .is_caseless = x->is_caseless,
		                  .is_multiline = x->is_multiline,
		                  .is_dotall = x->is_dotall,
		                  .rule = rule,
		                  .view = view,
		                  .file = l->file,
		                  .line = l->no,
		                  .column = (uint32_t)(x->text.p - l->text.p) + 1 };
	size_t n = x->text.len + (x->is_extended ? 4 : 0);
	char *z = arena_alloc(&l->s->arena, n + 1);

	memcpy(z, "(?x)", 4 * (size_t)x->is_extended);
	memcpy(z + (x->is_extended ? 4 : 0), x->text.p, x->text.len);
	p.text = span(z, n);
	ruleset_add_pattern(l->s, lane, &p);
}

/* The rule's name and a new rule; RULE_NONE after an error. */
static uint32_t
begin_rule(struct line *l, enum rule_kind kind)
{
	struct span name;

	if (!next_word(&l->rest, &name)) {
		error_add(l->e, line_at(l, l->rest.p), "a name was expected");
		return RULE_NONE;
	}
	return ruleset_add_rule(l->s, name, kind, line_at(l, name.p), l->file, l->e);
}

static void
end_line(struct line *l)
{
	if (l->rest.len > 0)
		error_add(l->e, line_at(l, l->rest.p), "nothing was expected here");
}

static void
text_rule(struct line *l, enum rule_kind kind, enum lane lane)
{
	uint32_t rule = begin_rule(l, kind);
	struct regex x;

	if (rule == RULE_NONE || !parse_regex(l, &x))
		return;
	/* A paragraph is a line of the rendered text (SpamAssassin matches each by itself). */
	x.is_multiline = x.is_multiline || lane == LANE_RENDERED;
	add_regex(l, lane, &x, rule, 0);
	end_line(l);
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
on_uri(struct line *l)
{
	text_rule(l, RULE_URI, LANE_URI);
}

static uint32_t
find_view(struct line *l, struct span field, enum view_part part)
{
	struct ruleset *s = l->s;
	char lower[64];

	if (field.len == 0 || field.len >= sizeof(lower)) {
		error_add(l->e, line_at(l, field.p), "not the name of a header field");
		return RULE_NONE;
	}
	for (size_t i = 0; i < field.len; i++)
		lower[i] = ascii_lower(field.p[i]);
	field = span(lower, field.len);
	if (span_is(field, "all"))
		part = VIEW_LINE;
	for (uint32_t i = 0; i < s->view_cnt; i++)
		if (s->views[i].part == part && span_eq(s->views[i].field, field))
			return i;
	if (s->view_cnt == VIEWS_MAX) {
		error_add(l->e, line_at(l, l->text.p),
		          "more than %d kinds of header fields in rules", VIEWS_MAX);
		return RULE_NONE;
	}
	s->views[s->view_cnt] = (struct view){ ruleset_copy(s, field), part };
	return (uint32_t)s->view_cnt++;
}

/* "Field", "Field:addr", "Field:name", "Field:raw", "exists:Field" */
static uint32_t
parse_view(struct line *l, bool *is_exists)
{
	struct span word, mod = { 0 };
	const char *colon;

	if (!next_word(&l->rest, &word)) {
		error_add(l->e, line_at(l, l->rest.p), "a header field was expected");
		return RULE_NONE;
	}
	*is_exists = word.len > 7 && !memcmp(word.p, "exists:", 7);
	if (*is_exists)
		return find_view(l, span_skip(word, 7), VIEW_VALUE);
	colon = memchr(word.p, ':', word.len);
	if (!colon)
		return find_view(l, word, VIEW_VALUE);
	mod = span_skip(word, (size_t)(colon - word.p) + 1);
	word.len = (size_t)(colon - word.p);
	if (span_is(mod, "addr"))
		return find_view(l, word, VIEW_ADDR);
	if (span_is(mod, "name"))
		return find_view(l, word, VIEW_NAME);
	if (span_is(mod, "raw"))
		return find_view(l, word, VIEW_RAW);
	error_add(l->e, line_at(l, mod.p), "not one of addr, name, raw");
	return RULE_NONE;
}

static void
on_header(struct line *l)
{
	uint32_t rule = begin_rule(l, RULE_HEADER), view;
	bool is_exists;
	struct regex x;
	struct rule *r;

	if (rule == RULE_NONE || (view = parse_view(l, &is_exists)) == RULE_NONE)
		return;
	r = &l->s->rules[rule];
	r->view = view;
	r->is_exists = is_exists;
	if (is_exists) {
		end_line(l);
		return;
	}
	if (l->rest.len < 2 || l->rest.p[1] != '~' ||
	    (l->rest.p[0] != '=' && l->rest.p[0] != '!')) {
		error_add(l->e, line_at(l, l->rest.p), "=~ or !~ was expected");
		return;
	}
	r->is_negated = l->rest.p[0] == '!';
	l->rest = trim(span_skip(l->rest, 2));
	if (!parse_regex(l, &x))
		return;
	add_regex(l, LANE_HEADER, &x, rule, view);
	if (l->rest.len >= 10 && !memcmp(l->rest.p, "[if-unset:", 10))
		error_add(l->e, line_at(l, l->rest.p),
		          "[if-unset: …] is not available: use exists:");
	else
		end_line(l);
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
	uint32_t rule = begin_rule(l, RULE_PHRASE);
	struct span t = l->rest;

	if (rule == RULE_NONE)
		return;
	if (t.len >= 2 && t.p[0] == '"' && t.p[t.len - 1] == '"')
		t = span(t.p + 1, t.len - 2);
	l->s->rules[rule].filter = FILTER_PHRASE;
	ruleset_add_phrase(l->s, t, rule, l->file, line_at(l, l->rest.p), l->e);
}

static void
on_meta(struct line *l)
{
	uint32_t rule = begin_rule(l, RULE_META);
	struct ruleset *s = l->s;

	if (rule == RULE_NONE)
		return;
	s->pending =
	        ruleset_grow(s->pending, s->pending_cnt + 1, &s->pending_room, sizeof(*s->pending));
	s->pending[s->pending_cnt++] = (struct pending_meta){ rule, line_at(l, l->rest.p).column,
		                                              ruleset_copy(s, l->rest) };
}

static void
add_setting(struct line *l, enum setting_kind what)
{
	struct ruleset *s = l->s;
	struct span name;

	if (!next_word(&l->rest, &name) || l->rest.len == 0) {
		error_add(l->e, line_at(l, l->rest.p), "a rule's name and a value were expected");
		return;
	}
	s->settings = ruleset_grow(s->settings, s->setting_cnt + 1, &s->setting_room,
	                           sizeof(*s->settings));
	s->settings[s->setting_cnt++] = (struct setting){ ruleset_copy(s, name),
		                                          ruleset_copy(s, l->rest),
		                                          l->file,
		                                          l->no,
		                                          line_at(l, l->rest.p).column,
		                                          what };
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
		error_add(l->e, line_at(l, l->rest.p), "test NAME ok|fail \"text\" was expected");
		return;
	}
	rule = ruleset_find(s, name);
	t = l->rest;
	if (t.len >= 2 && t.p[0] == '"' && t.p[t.len - 1] == '"')
		t = span(t.p + 1, t.len - 2);
	if (rule == RULE_NONE) {
		error_add(l->e, line_at(l, name.p), "a test comes after its rule");
		return;
	}
	s->tests = ruleset_grow(s->tests, s->test_cnt + 1, &s->test_room, sizeof(*s->tests));
	s->tests[s->test_cnt++] =
	        (struct rule_test){ rule, l->file, l->no, span_is(word, "ok"), unescape(s, t) };
}

static void
on_lang(struct line *l)
{
	(void)l; /* lang XX describe …: texts in other languages are not used */
}

static const struct statement {
	const char *word;
	void (*parse)(struct line *l);
} statements[] = {
	{ "body", on_body },     { "describe", on_describe }, { "filter", on_filter },
	{ "header", on_header }, { "lang", on_lang },         { "meta", on_meta },
	{ "phrase", on_phrase }, { "rawbody", on_rawbody },   { "score", on_score },
	{ "test", on_test },     { "tflags", on_tflags },     { "uri", on_uri },
};

static void
parse_line(struct line *l)
{
	struct span word;

	if (l->text.len > LINE_MAX_BYTES) {
		error_add(l->e, line_at(l, l->text.p), "line of more than %d bytes",
		          LINE_MAX_BYTES);
		return;
	}
	if (memchr(l->text.p, 0, l->text.len)) {
		error_add(l->e, line_at(l, l->text.p), "a byte 0 in the line");
		return;
	}
	/* As in SpamAssassin: '#' begins a comment wherever it stands, unless '\' is before it. */
	for (size_t i = 0; i < l->text.len; i++)
		if (l->text.p[i] == '#' && (i == 0 || l->text.p[i - 1] != '\\')) {
			l->rest.len = i;
			break;
		}
	if (!next_word(&l->rest, &word))
		return;
	for (size_t i = 0; i < ARRAY_LEN(statements); i++)
		if (span_is(word, statements[i].word)) {
			statements[i].parse(l);
			return;
		}
	error_add(l->e, line_at(l, word.p), "'%.*s' is no statement of this language",
	          (int)MIN(word.len, 40u), word.p);
}

void
ruleset_parse_rules(struct ruleset *s, const char *file, struct span text,
                    struct snapshot_errors *e)
{
	struct line l = { .s = s, .e = e, .file = ruleset_add_file(s, file) };

	while (next_line(&text, &l.text)) {
		l.no++;
		l.rest = l.text;
		parse_line(&l);
	}
}
