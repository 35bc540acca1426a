/* SPDX-License-Identifier: BSD-3-Clause
 * rule_header.c - statements header and mimeheader: which field, which part of it, what it must look like
 */
#include "engine/ruleset_internal.h"

static const struct {
	const char *word;
	unsigned part;
} modifiers[] = {
	{ "raw", VIEW_RAW },     { "addr", VIEW_ADDR }, { "name", VIEW_NAME },
	{ "first", VIEW_FIRST }, { "last", VIEW_LAST },
};

/* Names that are no field's; with_case: SpamAssassin wants them in capitals. */
static const struct {
	const char *word;
	enum view_source source;
	bool with_case;
} sources[] = {
	{ "ALL", VIEW_ALL, true },
	{ "MESSAGEID", VIEW_MESSAGEID, true },
	{ "ToCc", VIEW_TOCC, false },
	{ "EnvelopeFrom", VIEW_ENVELOPE_FROM, false },
	{ "X-Spam-Relays-External", VIEW_RELAYS, false },
	{ "X-Spam-Relays-Untrusted", VIEW_RELAYS, false },
	{ "X-Spam-Relays-Internal", VIEW_NO_RELAYS, false },
	{ "X-Spam-Relays-Trusted", VIEW_NO_RELAYS, false },
	{ "ALL-EXTERNAL", VIEW_ALL_EXTERNAL, true },
	{ "ALL-UNTRUSTED", VIEW_ALL_EXTERNAL, true },
	{ "ALL-INTERNAL", VIEW_NO_RELAYS, true },
	{ "ALL-TRUSTED", VIEW_NO_RELAYS, true },
};

static enum view_source
source_of(struct span field)
{
	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		if (sources[i].with_case ? span_is(field, sources[i].word)
		                         : span_ieq_z(field, sources[i].word))
			return sources[i].source;
	return VIEW_FIELD;
}

static uint32_t
find_view(struct line *l, struct span field, unsigned part)
{
	struct ruleset *s = l->s;
	struct view v = { .part = part,
		          .source = part & VIEW_MIME ? VIEW_FIELD : source_of(field) };
	char lower[64];

	if (field.len == 0 || field.len >= sizeof(lower)) {
		rule_refuse(l, field.p, "not the name of a header field");
		return RULE_NONE;
	}
	if (part & VIEW_MIME && span_is(field, "ALL"))
		v.source = VIEW_ALL;
	for (size_t i = 0; i < field.len; i++)
		lower[i] = ascii_lower(field.p[i]);
	v.field = span(lower, field.len);
	for (uint32_t i = 0; i < s->view_cnt; i++)
		if (s->views[i].part == v.part && s->views[i].source == v.source &&
		    (v.source != VIEW_FIELD || span_eq(s->views[i].field, v.field)))
			return i;
	if (s->view_cnt == VIEWS_MAX) {
		rule_refuse(l, l->text.p, "more than %d kinds of header fields in rules",
		            VIEWS_MAX);
		return RULE_NONE;
	}
	s->views = ruleset_grow(s->views, s->view_cnt + 1, &s->view_room, sizeof(*s->views));
	v.field = ruleset_copy(s, v.field);
	s->views[s->view_cnt] = v;
	return (uint32_t)s->view_cnt++;
}

static bool
parse_modifiers(struct line *l, struct span mods, unsigned *part)
{
	while (mods.len > 0) {
		const char *colon = memchr(mods.p, ':', mods.len);
		struct span m = span(mods.p, colon ? (size_t)(colon - mods.p) : mods.len);
		size_t i = 0;

		while (i < ARRAY_LEN(modifiers) && !span_is(m, modifiers[i].word))
			i++;
		if (i == ARRAY_LEN(modifiers)) {
			rule_refuse(l, m.p, "not one of addr, name, raw, first, last");
			return false;
		}
		*part |= modifiers[i].part;
		mods = span_skip(mods, m.len + (colon ? 1 : 0));
	}
	return true;
}

/* "Field", "Field:addr", "Field:name:raw", "Field:"; word has no blank in it. */
static uint32_t
parse_view(struct line *l, struct span word, unsigned part)
{
	const char *colon = word.len ? memchr(word.p, ':', word.len) : NULL;
	struct span mods = span("", 0);

	if (colon) {
		mods = span_skip(word, (size_t)(colon - word.p) + 1);
		word.len = (size_t)(colon - word.p);
	}
	if (!parse_modifiers(l, mods, &part))
		return RULE_NONE;
	return find_view(l, word, part);
}

static bool
is_field_char(char c)
{
	return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || c == ':';
}

/* "=~" and "!~" may stand right behind the field. */
static bool
next_field(struct line *l, struct span *word)
{
	size_t n = 0;

	while (n < l->rest.len && is_field_char(l->rest.p[n]))
		n++;
	*word = span(l->rest.p, n);
	l->rest = trim(span_skip(l->rest, n));
	return n > 0;
}

/* "[if-unset: text]" at the end of the line is taken off. */
static void
take_if_unset(struct line *l, struct rule *r)
{
	static const char mark[] = "[if-unset:";
	const char *at = memmem(l->rest.p, l->rest.len, mark, sizeof(mark) - 1);
	struct span text;

	if (!at || at == l->rest.p || !is_blank(at[-1]) || l->rest.p[l->rest.len - 1] != ']')
		return;
	text = trim(span(at + sizeof(mark) - 1,
	                 (size_t)(l->rest.p + l->rest.len - 1 - at) - (sizeof(mark) - 1)));
	r->if_unset = ruleset_copy(l->s, text);
	r->has_if_unset = true;
	l->rest = trim(span(l->rest.p, (size_t)(at - l->rest.p)));
}

static void
parse_match(struct line *l, uint32_t rule, enum lane lane)
{
	struct rule *r = &l->s->rules[rule];
	struct regex x;

	if (l->rest.len < 2 || l->rest.p[1] != '~' ||
	    (l->rest.p[0] != '=' && l->rest.p[0] != '!')) {
		rule_refuse(l, l->rest.p, "=~ or !~ was expected");
		r->kind = RULE_SKIPPED;
		return;
	}
	r->is_negated = l->rest.p[0] == '!';
	l->rest = trim(span_skip(l->rest, 2));
	take_if_unset(l, r);
	if (rule_regex_parse(l, &x)) {
		rule_regex_add(l, lane, &x, rule, r->view);
		rule_end_line(l);
	} else {
		r->kind = RULE_SKIPPED;
	}
}

void
rule_header_parse(struct line *l)
{
	uint32_t rule = rule_begin(l, RULE_HEADER);
	struct span word;
	struct rule *r;

	if (rule == RULE_NONE)
		return;
	r = &l->s->rules[rule];
	r->is_exists = l->rest.len > 7 && !memcmp(l->rest.p, "exists:", 7);
	if (r->is_exists)
		l->rest = span_skip(l->rest, 7);
	if (!next_field(l, &word)) {
		rule_refuse(l, l->rest.p, "a header field was expected");
		r->kind = RULE_SKIPPED;
		return;
	}
	r->view = parse_view(l, word, 0);
	if (r->view == RULE_NONE)
		r->kind = RULE_SKIPPED;
	else if (r->is_exists)
		rule_end_line(l);
	else
		parse_match(l, rule, LANE_HEADER);
}

void
rule_mimeheader_parse(struct line *l)
{
	uint32_t rule = rule_begin(l, RULE_MIMEHEADER);
	struct span word;
	struct rule *r;

	if (rule == RULE_NONE)
		return;
	r = &l->s->rules[rule];
	if (!next_field(l, &word)) {
		rule_refuse(l, l->rest.p, "a header field was expected");
		r->kind = RULE_SKIPPED;
		return;
	}
	r->view = parse_view(l, word, VIEW_MIME);
	if (r->view == RULE_NONE)
		r->kind = RULE_SKIPPED;
	else
		parse_match(l, rule, LANE_MIME);
}
