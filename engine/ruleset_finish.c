/* SPDX-License-Identifier: BSD-3-Clause
 * ruleset_finish.c - what is settled after the last file: settings find their rules, metas their order
 */
#include "engine/ruleset_internal.h"

static void
set_score(struct rule *r, const struct setting *x, struct snapshot_errors *e, struct error_at at)
{
	char z[64];
	char *end;
	double v;

	snprintf(z, sizeof(z), "%.*s", (int)MIN(x->value.len, sizeof(z) - 1), x->value.p);
	v = strtod(z, &end);
	if (end == z || (*end && *end != ' ' && *end != '\t') || !(v > -1000 && v < 1000)) {
		if (x->is_lenient)
			skipped_add(e, at, "not a score between -1000 and 1000");
		else
			error_add(e, at, "not a score between -1000 and 1000");
		return;
	}
	/* In SpamAssassin a rule with a score of 0 does not run, and counts 0 in metas. */
	if (x->is_lenient)
		r->is_off = v == 0;
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

/* "maxhits=N" */
static bool
parse_max_hits(struct span word, uint32_t *out)
{
	static const char key[] = "maxhits=";
	uint32_t n = 0;

	if (word.len <= sizeof(key) - 1 || memcmp(word.p, key, sizeof(key) - 1))
		return false;
	for (size_t i = sizeof(key) - 1; i < word.len; i++) {
		if (word.p[i] < '0' || word.p[i] > '9' || n > RULE_COUNT_MAX)
			return false;
		n = n * 10 + (uint32_t)(word.p[i] - '0');
	}
	*out = n;
	return n > 0;
}

static void
set_tflags(struct rule *r, const struct setting *x, struct snapshot_errors *e, struct error_at at)
{
	struct span rest = x->value, word;
	uint32_t max_hits = RULE_COUNT_MAX;
	bool is_multiple = false;

	while (next_word(&rest, &word)) {
		if (span_is(word, "nice"))
			r->is_nice = true;
		else if (span_is(word, "multiple"))
			is_multiple = true;
		else if (span_is(word, "nosubject"))
			r->is_nosubject = true;
		else if (!parse_max_hits(word, &max_hits) && !x->is_lenient &&
		         !span_is(word, "userconf") && !span_is(word, "publish") &&
		         !span_is(word, "nopublish"))
			warning_add(e, at, "tflags %.*s has no effect here", (int)word.len, word.p);
	}
	r->max_hits = is_multiple ? MIN(max_hits, (uint32_t)RULE_COUNT_MAX) : 1;
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
		else if (n == RULE_NONE && x->is_lenient)
			continue; /* its plugin or its file is not there: README.md */
		else if (n == RULE_NONE)
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

		if (op->kind != OP_RULE)
			continue;
		if (!order_meta(s, op->index, state))
			return false;
	}
	state[rule] = 2;
	s->meta_order =
	        ruleset_grow(s->meta_order, s->meta_cnt + 1, &s->meta_room, sizeof(*s->meta_order));
	s->meta_order[s->meta_cnt++] = rule;
	return true;
}

static void
needs_itself(struct ruleset *s, uint32_t rule, struct snapshot_errors *e)
{
	struct rule *r = &s->rules[rule];
	struct error_at at = { s->files[r->file], r->line, 0 };

	if (ruleset_is_lenient(at.file)) {
		skipped_add(e, at, "%s needs itself", r->name.p);
		r->kind = RULE_SKIPPED;
	} else {
		error_add(e, at, "%s needs itself", r->name.p);
	}
}

static void
order_metas(struct ruleset *s, struct snapshot_errors *e)
{
	uint8_t *state = calloc(s->rule_cnt + 1, 1);

	BUG_ON(!state);
	for (uint32_t i = 0; i < s->rule_cnt; i++)
		if (!order_meta(s, i, state))
			needs_itself(s, i, e);
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
ruleset_mark_partial(struct ruleset *s)
{
	for (size_t i = 0; i < s->meta_cnt; i++) {
		struct rule *r = &s->rules[s->meta_order[i]];

		for (uint32_t k = 0; k < r->op_cnt; k++) {
			const struct meta_op *op = &s->ops[r->op_first + k];

			if (op->kind == OP_RULE)
				r->is_partial |= s->rules[op->index].kind == RULE_SKIPPED ||
				                 s->rules[op->index].is_partial;
		}
	}
}

/* Patterns of a rule that was defined anew later, or that turned out not to run. */
static void
drop_stale(struct ruleset *s)
{
	for (enum lane k = 0; k < LANES; k++) {
		struct patterns *x = &s->lane[k];
		size_t n = 0;

		for (size_t i = 0; i < x->cnt; i++) {
			const struct rule_pattern *p = &x->item[i];
			const struct rule *r = &s->rules[p->rule];

			if (p->def == r->def && r->kind != RULE_SKIPPED && !r->is_off)
				x->item[n++] = *p;
		}
		x->cnt = n;
	}
}

static void
compile_metas(struct ruleset *s, struct snapshot_errors *e)
{
	for (size_t i = 0; i < s->pending_cnt; i++) {
		const struct pending_meta *m = &s->pending[i];
		const struct rule *r = &s->rules[m->rule];

		if (r->kind == RULE_META && m->def == r->def)
			rule_expr_compile(
			        s, m, (struct error_at){ s->files[r->file], r->line, m->column },
			        e);
	}
}

void
ruleset_finish(struct ruleset *s, struct snapshot_errors *e)
{
	apply_settings(s, e);
	drop_stale(s);
	rule_replace_all(s, e);
	drop_stale(s);
	compile_metas(s, e);
	order_metas(s, e);
	default_scores(s);
}
