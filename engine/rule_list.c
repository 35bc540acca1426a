/* SPDX-License-Identifier: BSD-3-Clause
 * rule_list.c - list files: directives, then an entry a line
 *
 * Format  %name NAME, %kind ip|domain|url|sender|phone|phrase|name|type|sha256, %score N or %allow, %describe TEXT before
 *         the first entry; '#' begins a comment at the start of a line or after a blank; '!' before a domain,
 *         URL or sender makes it an exception.
 */
#include "engine/ruleset_internal.h"

static const struct {
	const char *word;
	enum policy_filter filter;
} kinds[SNAPSHOT_LIST_KINDS] = {
	[SNAPSHOT_LIST_IP] = { "ip", FILTER_IP },
	[SNAPSHOT_LIST_DOMAIN] = { "domain", FILTER_URL },
	[SNAPSHOT_LIST_URL] = { "url", FILTER_URL },
	[SNAPSHOT_LIST_SENDER] = { "sender", FILTER_SENDER },
	[SNAPSHOT_LIST_PHONE] = { "phone", FILTER_PHONE },
	[SNAPSHOT_LIST_PHRASE] = { "phrase", FILTER_PHRASE },
	[SNAPSHOT_LIST_NAME] = { "name", FILTER_ATTACHMENT },
	[SNAPSHOT_LIST_TYPE] = { "type", FILTER_ATTACHMENT },
	[SNAPSHOT_LIST_SHA256] = { "sha256", FILTER_ATTACHMENT },
};

enum policy_filter
list_filter(enum snapshot_list_kind kind)
{
	return kinds[kind].filter;
}

struct head {
	struct span name, describe, score;
	const char *name_at, *score_at;
	uint32_t name_line, score_line;
	enum snapshot_list_kind kind;
	bool has_kind, is_allow;
};

/* What a list allows adds no score: whoever wrote both wanted two lists. */
static void
refuse_both(struct line *l, struct span word, bool has_other)
{
	if (has_other)
		error_add(
		        l->e, line_at(l, word.p),
		        "%%allow and %%score exclude each other: a list that allows adds nothing");
}

static void
directive(struct line *l, struct head *h)
{
	struct span word;

	next_word(&l->rest, &word);
	if (span_is(word, "%name")) {
		h->name = l->rest;
		h->name_at = l->rest.p;
		h->name_line = l->no;
	} else if (span_is(word, "%describe")) {
		h->describe = l->rest;
	} else if (span_is(word, "%allow")) {
		refuse_both(l, word, h->score_line > 0);
		h->is_allow = true;
	} else if (span_is(word, "%score")) {
		refuse_both(l, word, h->is_allow);
		h->score = l->rest;
		h->score_at = l->rest.p;
		h->score_line = l->no;
	} else if (span_is(word, "%kind")) {
		for (unsigned i = 0; i < SNAPSHOT_LIST_KINDS; i++)
			if (span_is(l->rest, kinds[i].word)) {
				h->kind = (enum snapshot_list_kind)i;
				h->has_kind = true;
				return;
			}
		error_add(l->e, line_at(l, l->rest.p), "not a kind of list");
	} else {
		error_add(l->e, line_at(l, word.p),
		          "not one of %%name %%kind %%score %%allow %%describe");
	}
}

static void
set_score(struct line *l, const struct head *h, struct rule *r)
{
	struct error_at at = { l->s->files[l->file], h->score_line, 0 };
	char z[32], *end;
	double v;

	if (h->score.len == 0)
		return;
	snprintf(z, sizeof(z), "%.*s", (int)MIN(h->score.len, sizeof(z) - 1), h->score.p);
	v = strtod(z, &end);
	if (*end || end == z || !(v > -1000 && v < 1000)) {
		error_add(l->e, at, "not a score between -1000 and 1000");
		return;
	}
	r->has_score = true;
	r->score_milli = (int32_t)(v * 1000 + (v < 0 ? -0.5 : 0.5));
}

/* The text keeps its directive lines, so that line numbers stay right; entries begin behind them. */
void
ruleset_finish_list(struct ruleset *s, uint32_t rule, enum snapshot_list_kind kind,
                    struct span text)
{
	struct rule *r = &s->rules[rule];

	r->filter = r->has_score ? FILTER_SCORE : list_filter(kind);
	s->lists = ruleset_grow(s->lists, s->list_cnt + 1, &s->list_room, sizeof(*s->lists));
	s->lists[s->list_cnt++] = (struct rule_list){
		.kind = kind, .rule = rule, .file = r->file, .text = ruleset_copy(s, text)
	};
}

void
ruleset_parse_list(struct ruleset *s, const char *file, struct span text, struct snapshot_errors *e)
{
	struct line l = { .s = s, .e = e, .file = ruleset_add_file(s, file) };
	struct span rest = text;
	struct head h = { 0 };
	uint32_t rule;

	while (next_line(&rest, &l.text)) {
		l.no++;
		l.rest = trim(l.text);
		if (l.rest.len == 0 || l.rest.p[0] == '#')
			continue;
		if (l.rest.p[0] != '%')
			break;
		directive(&l, &h);
	}
	if (h.name.len == 0 || !h.has_kind) {
		error_add(e, (struct error_at){ s->files[l.file], 1, 1 },
		          "a list begins with %%name and %%kind");
		return;
	}
	rule = ruleset_add_rule(s, h.name, RULE_LIST,
	                        (struct error_at){ s->files[l.file], h.name_line, 0 }, l.file, e);
	if (rule == RULE_NONE)
		return;
	s->rules[rule].is_allow = h.is_allow;
	s->rules[rule].describe = ruleset_copy(s, h.describe).p;
	set_score(&l, &h, &s->rules[rule]);
	ruleset_finish_list(s, rule, h.kind, text);
}
