/* SPDX-License-Identifier: BSD-3-Clause
 * ruleset_internal.h - what the parsers of rules, lists and expressions share
 *
 * Owner   See ruleset.h.
 */
#pragma once
#include "engine/ruleset.h"

struct pending_meta {
	uint32_t rule, column, def;
	struct span text;
	bool is_lenient; /* SpamAssassin's: a rule that is not there is 0 */
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
	bool is_lenient;
	enum setting_kind what;
};

/* Whether the lines between if and endif count. */
#define IF_DEPTH_MAX 32
struct rule_if {
	unsigned depth;
	bool was_skipping[IF_DEPTH_MAX]; /* before this if */
	bool is_skipping;
	uint32_t line[IF_DEPTH_MAX];
};

/* A setting of SpamAssassin's that means nothing here: named once a file, with how many lines it had. */
struct rule_ignored {
	struct span word;
	uint32_t line, cnt;
};
#define IGNORED_MAX 64

/* One line of a file under way. rest points into text; a column is counted from text.p. */
struct line {
	struct ruleset *s;
	struct snapshot_errors *e;
	struct span text, rest;
	uint32_t file, no;
	bool is_lenient; /* SpamAssassin's file */
	unsigned depth;  /* of includes */
	struct rule_if cond;
	size_t ignored_cnt;
	struct rule_ignored ignored[IGNORED_MAX];
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

/* What cannot run: skipped and listed in SpamAssassin's files, an error in ours. */
void rule_refuse(const struct line *l, const char *at, const char *fmt, ...) PRINTF(3, 4);

/* rule_regex.c. "/…/flags", "m{…}flags", "m!…!flags" to the end of l->rest. False after an error or a skip. */
struct regex {
	struct span text;
	bool is_caseless, is_multiline, is_dotall, is_extended;
};
bool rule_regex_parse(struct line *l, struct regex *out);
void rule_regex_add(struct line *l, enum lane lane, const struct regex *x, uint32_t rule,
                    uint32_t view);

/* rule_header.c: statements header and mimeheader. */
void rule_header_parse(struct line *l);
void rule_mimeheader_parse(struct line *l);

/* rule_if.c: true when the line was if, ifplugin, else or endif, or is skipped by one. */
bool rule_if_line(struct line *l, struct span word);
void rule_if_end(struct line *l); /* the file's end */

/* rule_replace.c */
enum rule_tag_kind { TAG_TAG, TAG_PRE, TAG_INTER, TAG_POST, TAG_KINDS };
void rule_tag_add(struct line *l, enum rule_tag_kind kind);
void rule_replace_add(struct line *l); /* replace_rules */
void rule_replace_all(struct ruleset *s, struct snapshot_errors *e);
void rule_tags_free(struct rule_tags *t);

/* A rule of this name that begins here; in SpamAssassin's files it takes the place of an older one. RULE_NONE after an error. */
uint32_t rule_begin(struct line *l, enum rule_kind kind);
void rule_end_line(struct line *l);

/* rule_parse.c: another file in the place of this line. */
void ruleset_include(struct line *l, const char *path);

void *ruleset_grow(void *array, size_t need, size_t *room, size_t item);
struct span ruleset_copy(struct ruleset *s, struct span text);
bool ruleset_is_lenient(const char *file); /* SpamAssassin's: ends in ".cf" */
bool ruleset_is_name(struct span s);
uint32_t ruleset_add_file(struct ruleset *s, const char *file);
/* RULE_NONE after an error (name taken or bad, too many). */
uint32_t ruleset_add_rule(struct ruleset *s, struct span name, enum rule_kind kind,
                          struct error_at at, uint32_t file, struct snapshot_errors *e);
/* It begins anew as another kind of rule: what was said of its text before is void, its score stays. */
void ruleset_redefine(struct ruleset *s, uint32_t rule, enum rule_kind kind, uint32_t file,
                      uint32_t line);
void ruleset_add_pattern(struct ruleset *s, enum lane lane, const struct rule_pattern *p);

/* ruleset_files.c: a whole file in memory, to be freed; false after an error. */
bool ruleset_read_file(const char *path, struct span *out, struct snapshot_errors *e);

/* rule_list.c: text without directives to the lists table. */
void ruleset_finish_list(struct ruleset *s, uint32_t rule, enum snapshot_list_kind kind,
                         struct span text);
enum policy_filter list_filter(enum snapshot_list_kind kind);

/* rule_parse.c: a phrase of a rule or list line to LANE_FOLDED; false (and an error) when it is too short or long. */
bool ruleset_add_phrase(struct ruleset *s, struct span text, uint32_t rule, uint32_t file,
                        struct error_at at, struct snapshot_errors *e);

/* rule_expr.c: text of a meta to ops; false after an error. */
bool rule_expr_compile(struct ruleset *s, const struct pending_meta *m, struct error_at at,
                       struct snapshot_errors *e);
