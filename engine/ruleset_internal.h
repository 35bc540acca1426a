/* SPDX-License-Identifier: BSD-3-Clause
 * ruleset_internal.h - what the parsers of rules, lists and expressions share
 *
 * Owner   See ruleset.h.
 */
#pragma once
#include "engine/ruleset.h"

struct pending_meta {
	uint32_t rule, column;
	struct span text;
};

enum setting_kind {
	SETTING_SCORE,
	SETTING_DESCRIBE,
	SETTING_FILTER,
	SETTING_TFLAGS,
};

struct setting {
	struct span name, value;
	uint32_t file, line, column;
	enum setting_kind what;
};

/* One line of a file under way. rest points into text; a column is counted from text.p. */
struct line {
	struct ruleset *s;
	struct snapshot_errors *e;
	struct span text, rest;
	uint32_t file, no;
};

static inline struct error_at
line_at(const struct line *l, const char *p)
{
	return (struct error_at){ l->s->files[l->file], l->no, (uint32_t)(p - l->text.p) + 1 };
}

static inline bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline struct span
trim(struct span s)
{
	while (s.len > 0 && (is_blank(s.p[0]) || s.p[0] == '\r'))
		s = span_skip(s, 1);
	while (s.len > 0 && (is_blank(s.p[s.len - 1]) || s.p[s.len - 1] == '\r'))
		s.len--;
	return s;
}

/* Takes the next word from rest; false at the end. */
static inline bool
next_word(struct span *rest, struct span *word)
{
	size_t n = 0;

	*rest = trim(*rest);
	while (n < rest->len && !is_blank(rest->p[n]))
		n++;
	*word = span(rest->p, n);
	*rest = trim(span_skip(*rest, n));
	return n > 0;
}

/* Takes a line from text, without its end; false at the end. */
static inline bool
next_line(struct span *text, struct span *line)
{
	const char *nl;

	if (text->len == 0)
		return false;
	nl = memchr(text->p, '\n', text->len);
	*line = span(text->p, nl ? (size_t)(nl - text->p) : text->len);
	*text = span_skip(*text, line->len + (nl ? 1 : 0));
	return true;
}

void *ruleset_grow(void *array, size_t need, size_t *room, size_t item);
struct span ruleset_copy(struct ruleset *s, struct span text);
uint32_t ruleset_add_file(struct ruleset *s, const char *file);
/* RULE_NONE after an error (name taken or bad, too many). */
uint32_t ruleset_add_rule(struct ruleset *s, struct span name, enum rule_kind kind,
                          struct error_at at, uint32_t file, struct snapshot_errors *e);
void ruleset_add_pattern(struct ruleset *s, enum lane lane, const struct rule_pattern *p);

/* rule_list.c: text without directives to the lists table. */
void ruleset_finish_list(struct ruleset *s, uint32_t rule, enum snapshot_list_kind kind,
                         struct span text);
enum policy_filter list_filter(enum snapshot_list_kind kind);

/* rule_parse.c: a phrase of a rule or list line to LANE_FOLDED; false (and an error) when it is too short or long. */
bool ruleset_add_phrase(struct ruleset *s, struct span text, uint32_t rule, uint32_t file,
                        struct error_at at, struct snapshot_errors *e);

/* rule_expr.c: text of a meta to ops; false after an error. */
bool rule_expr_compile(struct ruleset *s, uint32_t rule, struct span text, struct error_at at,
                       struct snapshot_errors *e);
