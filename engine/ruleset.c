/* SPDX-License-Identifier: BSD-3-Clause
 * ruleset.c - the tables of a rule set, its files, and what is settled after the last of them
 */
#include "engine/ruleset.h"
#include "engine/rule_names.h"
#include "engine/ruleset_internal.h"
#include <dirent.h>
#include <fcntl.h>
#include <search.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const feature_names[FEATURES] = {
#define FEATURE(name, json, what) json,
#include "engine/features.def"
#undef FEATURE
};

struct name_node {
	struct span name;
	uint32_t rule;
};

static int
compare_names(const void *x, const void *y)
{
	const struct name_node *a = x, *b = y;
	int c = memcmp(a->name.p, b->name.p, MIN(a->name.len, b->name.len));

	return c ? c : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

void *
ruleset_grow(void *array, size_t need, size_t *room, size_t item)
{
	size_t n = *room ? *room : 16;

	if (need <= *room)
		return array;
	while (n < need)
		n *= 2;
	array = realloc(array, n * item);
	BUG_ON(!array);
	*room = n;
	return array;
}

struct span
ruleset_copy(struct ruleset *s, struct span text)
{
	return span(arena_strdup(&s->arena, text), text.len);
}

uint32_t
ruleset_add_file(struct ruleset *s, const char *file)
{
	s->files = ruleset_grow(s->files, s->file_cnt + 1, &s->file_room, sizeof(*s->files));
	s->files[s->file_cnt] = arena_strdup(&s->arena, span_z(file));
	return (uint32_t)s->file_cnt++;
}

uint32_t
ruleset_find(const struct ruleset *s, struct span name)
{
	struct name_node want = { name, 0 };
	void *const *found = tfind(&want, &s->names, compare_names);

	return found ? (*(const struct name_node *const *)found)->rule : RULE_NONE;
}

static bool
is_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = ascii_lower(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-' &&
		    c != '.')
			return false;
	}
	return s.len > 0 && s.len <= NAME_MAX_BYTES;
}

uint32_t
ruleset_add_rule(struct ruleset *s, struct span name, enum rule_kind kind, struct error_at at,
                 uint32_t file, struct snapshot_errors *e)
{
	uint32_t old = ruleset_find(s, name), n = (uint32_t)s->rule_cnt;
	struct name_node *node;
	struct rule *r;

	if (!is_name(name)) {
		error_add(e, at, "a name is 1 to %d letters, digits, '_', '-' and '.'",
		          NAME_MAX_BYTES);
		return RULE_NONE;
	}
	if (old != RULE_NONE) {
		error_add(e, at, "%.*s is defined already at %s:%u", (int)name.len, name.p,
		          s->files[s->rules[old].file], s->rules[old].line);
		return RULE_NONE;
	}
	if (s->rule_cnt == RULES_MAX) {
		error_add(e, at, "more than %d rules", RULES_MAX);
		return RULE_NONE;
	}
	s->rules = ruleset_grow(s->rules, s->rule_cnt + 1, &s->rule_room, sizeof(*s->rules));
	r = &s->rules[s->rule_cnt++];
	*r = (struct rule){ .kind = kind, .filter = FILTER_SCORE, .file = file, .line = at.line };
	r->name = ruleset_copy(s, name);
	r->name_id = rule_name_intern(name);
	r->describe = "";
	r->is_sub = name.len > 2 && name.p[0] == '_' && name.p[1] == '_';
	node = arena_alloc(&s->arena, sizeof(*node));
	*node = (struct name_node){ r->name, n };
	BUG_ON(!tsearch(node, &s->names, compare_names));
	return n;
}

void
ruleset_add_pattern(struct ruleset *s, enum lane lane, const struct rule_pattern *p)
{
	struct patterns *x = &s->lane[lane];

	x->item = ruleset_grow(x->item, x->cnt + 1, &x->room, sizeof(*x->item));
	x->item[x->cnt++] = *p;
}

/* ---- folders ---- */

static int
is_rule_file(const struct dirent *d)
{
	struct span s = span_z(d->d_name);

	if (s.len < 6 || s.p[0] == '.')
		return 0;
	return !strcmp(s.p + s.len - 6, ".rules") || !strcmp(s.p + s.len - 5, ".list");
}

static bool
read_file(const char *path, struct span *out, struct snapshot_errors *e)
{
	struct error_at at = { path, 0, 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *p = NULL;

	if (fd < 0 || fstat(fd, &st) != 0) {
		error_add(e, at, "%s", strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES) {
		error_add(e, at, "not a file of at most %u MB", FILE_MAX_BYTES >> 20);
	} else if ((p = malloc((size_t)st.st_size + 1))) {
		ssize_t n = read(fd, p, (size_t)st.st_size);

		*out = span(p, n < 0 ? 0 : (size_t)n);
		if (n != st.st_size) {
			error_add(e, at, "read: %s", n < 0 ? strerror(errno) : "changed meanwhile");
			free(p);
			p = NULL;
		}
	}
	if (fd >= 0)
		close(fd);
	return p != NULL;
}

static void
parse_file(struct ruleset *s, const char *path, struct snapshot_errors *e)
{
	struct span text;

	if (!read_file(path, &text, e))
		return;
	if (strlen(path) > 5 && !strcmp(path + strlen(path) - 5, ".list"))
		ruleset_parse_list(s, path, text, e);
	else
		ruleset_parse_rules(s, path, text, e);
	free((void *)(uintptr_t)text.p);
}

void
ruleset_read_dir(struct ruleset *s, const char *dir, struct snapshot_errors *e)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_rule_file, alphasort);

	if (n < 0) {
		error_add(e, (struct error_at){ dir, 0, 0 }, "%s", strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		parse_file(s, path, e);
		free(names[i]);
	}
	free(names);
}

void
ruleset_add_list(struct ruleset *s, const struct snapshot_list *l, struct snapshot_errors *e)
{
	struct error_at at = { l->path ? l->path : l->text_where, 0, 0 };
	struct span text = l->text;
	uint32_t file = ruleset_add_file(s, at.file ? at.file : "list"), rule;

	rule = ruleset_add_rule(s, l->name, RULE_LIST, at, file, e);
	if (rule == RULE_NONE || (l->path && !read_file(l->path, &text, e)))
		return;
	s->rules[rule].is_allow = l->is_allow;
	s->rules[rule].score_milli = l->score_milli;
	s->rules[rule].has_score = l->score_milli != 0;
	ruleset_finish_list(s, rule, l->kind, text);
	s->lists[s->list_cnt - 1].is_feed = l->is_feed;
	s->lists[s->list_cnt - 1].written_s = l->written_s;
	if (l->path)
		free((void *)(uintptr_t)text.p);
}

/* ---- after the last file ---- */

static void
set_score(struct rule *r, const struct setting *x, struct snapshot_errors *e, struct error_at at)
{
	char z[64];
	char *end;
	double v;

	snprintf(z, sizeof(z), "%.*s", (int)MIN(x->value.len, sizeof(z) - 1), x->value.p);
	v = strtod(z, &end);
	if (end == z || (*end && *end != ' ' && *end != '\t') || !(v > -1000 && v < 1000)) {
		error_add(e, at, "not a score between -1000 and 1000");
		return;
	}
	r->has_score = true;
	r->score_milli = (int32_t)(v * 1000 + (v < 0 ? -0.5 : 0.5));
}

static void
set_filter(struct rule *r, const struct setting *x, struct snapshot_errors *e, struct error_at at)
{
	enum policy_filter f;

	if (policy_filter_parse(x->value, &f) && f >= FILTER_URL && f <= FILTER_ATTACHMENT)
		r->filter = f;
	else
		error_add(e, at, "not one of url, phone, phrase, pattern, score, attachment");
}

static void
set_tflags(struct rule *r, const struct setting *x, struct snapshot_errors *e, struct error_at at)
{
	struct span rest = x->value, word;

	while (next_word(&rest, &word)) {
		if (span_is(word, "nice"))
			r->is_nice = true;
		else if (!span_is(word, "userconf") && !span_is(word, "publish") &&
		         !span_is(word, "nopublish"))
			warning_add(e, at, "tflags %.*s has no effect here", (int)word.len, word.p);
	}
}

static void
apply_settings(struct ruleset *s, struct snapshot_errors *e)
{
	for (size_t i = 0; i < s->setting_cnt; i++) {
		const struct setting *x = &s->settings[i];
		struct error_at at = { s->files[x->file], x->line, x->column };
		uint32_t n = ruleset_find(s, x->name);

		if (n == RULE_NONE && x->what == SETTING_FILTER)
			error_add(e, at, "there is no rule %.*s", (int)x->name.len, x->name.p);
		else if (n == RULE_NONE) /* SpamAssassin's sets do that: README.md */
			warning_add(e, at, "there is no rule %.*s, this line has no effect",
			            (int)x->name.len, x->name.p);
		else if (x->what == SETTING_SCORE)
			set_score(&s->rules[n], x, e, at);
		else if (x->what == SETTING_DESCRIBE)
			s->rules[n].describe = x->value.p;
		else if (x->what == SETTING_FILTER)
			set_filter(&s->rules[n], x, e, at);
		else
			set_tflags(&s->rules[n], x, e, at);
	}
}

/* Metas that others use come first; a circle is an error. state: 0 new, 1 on the way, 2 done. */
static bool
order_meta(struct ruleset *s, uint32_t rule, uint8_t *state)
{
	const struct rule *r = &s->rules[rule];

	if (r->kind != RULE_META || state[rule] == 2)
		return true;
	if (state[rule] == 1)
		return false;
	state[rule] = 1;
	for (uint32_t i = 0; i < r->op_cnt; i++) {
		const struct meta_op *op = &s->ops[r->op_first + i];

		if (op->kind == OP_RULE && !order_meta(s, op->index, state))
			return false;
	}
	state[rule] = 2;
	s->meta_order =
	        ruleset_grow(s->meta_order, s->meta_cnt + 1, &s->meta_room, sizeof(*s->meta_order));
	s->meta_order[s->meta_cnt++] = rule;
	return true;
}

static void
order_metas(struct ruleset *s, struct snapshot_errors *e)
{
	uint8_t *state = calloc(s->rule_cnt + 1, 1);

	BUG_ON(!state);
	for (uint32_t i = 0; i < s->rule_cnt; i++)
		if (!order_meta(s, i, state))
			error_add(e,
			          (struct error_at){ s->files[s->rules[i].file], s->rules[i].line,
			                             0 },
			          "%s needs itself", s->rules[i].name.p);
	free(state);
}

static void
default_scores(struct ruleset *s)
{
	for (size_t i = 0; i < s->rule_cnt; i++) {
		struct rule *r = &s->rules[i];

		if (r->is_sub)
			r->score_milli = 0;
		else if (!r->has_score && r->filter == FILTER_SCORE)
			r->score_milli = r->is_nice ? -1000 : 1000;
	}
}

void
ruleset_finish(struct ruleset *s, struct snapshot_errors *e)
{
	apply_settings(s, e);
	for (size_t i = 0; i < s->pending_cnt; i++) {
		const struct pending_meta *m = &s->pending[i];
		const struct rule *r = &s->rules[m->rule];

		rule_expr_compile(s, m->rule, m->text,
		                  (struct error_at){ s->files[r->file], r->line, m->column }, e);
	}
	order_metas(s, e);
	default_scores(s);
}

static void
no_free(void *node)
{
	(void)node; /* nodes are the arena's */
}

void
ruleset_fini(struct ruleset *s)
{
	for (size_t i = 0; i < LANES; i++)
		free(s->lane[i].item);
	tdestroy(s->names, no_free);
	free(s->files);
	free(s->rules);
	free(s->ops);
	free(s->meta_order);
	free(s->lists);
	free(s->tests);
	free(s->pending);
	free(s->settings);
	arena_fini(&s->arena);
	*s = (struct ruleset){ 0 };
}
