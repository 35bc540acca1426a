/* SPDX-License-Identifier: BSD-3-Clause
 * ruleset.c - the tables of a rule set
 */
#include "engine/ruleset.h"
#include "engine/rule_names.h"
#include "engine/ruleset_internal.h"
#include <search.h>

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

bool
ruleset_is_lenient(const char *file)
{
	size_t n = strlen(file);

	return n > 3 && !strcmp(file + n - 3, ".cf");
}

bool
ruleset_is_name(struct span s)
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

	if (!ruleset_is_name(name)) {
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
	r->max_hits = 1;
	r->is_lenient = ruleset_is_lenient(s->files[file]);
	r->is_sub = name.len > 2 && name.p[0] == '_' && name.p[1] == '_';
	node = arena_alloc(&s->arena, sizeof(*node));
	*node = (struct name_node){ r->name, n };
	BUG_ON(!tsearch(node, &s->names, compare_names));
	return n;
}

void
ruleset_redefine(struct ruleset *s, uint32_t rule, enum rule_kind kind, uint32_t file,
                 uint32_t line)
{
	struct rule *r = &s->rules[rule];

	r->kind = kind;
	r->def++;
	r->file = file;
	r->line = line;
	r->filter = FILTER_SCORE;
	r->is_negated = r->is_exists = r->has_if_unset = false;
}

void
ruleset_add_pattern(struct ruleset *s, enum lane lane, const struct rule_pattern *p)
{
	struct patterns *x = &s->lane[lane];

	x->item = ruleset_grow(x->item, x->cnt + 1, &x->room, sizeof(*x->item));
	x->item[x->cnt++] = *p;
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
	free(s->views);
	rule_tags_free(s->tags);
	arena_fini(&s->arena);
	*s = (struct ruleset){ 0 };
}
