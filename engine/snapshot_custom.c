/* SPDX-License-Identifier: BSD-3-Clause
 * snapshot_custom.c - customers' own rules: each distinct (text, operation, field) is one pattern for all customers
 *
 * Why     A thousand customers that block the same sentence cost one literal. Whose rule hit is settled at the verdict:
 *         policy reads the seen array through its customer's rules only.
 */
#include "engine/snapshot_impl.h"
#include "engine/text/fold.h"
#include <search.h>

struct node {
	struct span value; /* folded, or the expression */
	enum snapshot_op op;
	enum snapshot_field field;
	uint32_t pattern;
};

struct custom_build {
	struct snapshot *s; /* being built; NULL: it is, and no text can be added */
	struct arena temp;  /* folded texts that are only looked for */
	bool is_missing;
	void *tree;
};

static int
compare(const void *x, const void *y)
{
	const struct node *a = x, *b = y;
	int c;

	if (a->op != b->op)
		return a->op < b->op ? -1 : 1;
	if (a->field != b->field)
		return a->field < b->field ? -1 : 1;
	c = memcmp(a->value.p, b->value.p, MIN(a->value.len, b->value.len));
	return c ? c : (a->value.len > b->value.len) - (a->value.len < b->value.len);
}

struct custom_build *
custom_build_new(struct snapshot *s)
{
	struct custom_build *c = calloc(1, sizeof(*c));

	BUG_ON(!c);
	c->s = s;
	return c;
}

static void
no_free(void *node)
{
	(void)node; /* the rule set's arena has it */
}

bool
custom_build_close(struct custom_build *c)
{
	bool is_missing = c->is_missing;

	c->s = NULL;
	c->is_missing = false;
	arena_fini(&c->temp);
	return !is_missing;
}

void
custom_build_free(struct custom_build *c)
{
	if (!c)
		return;
	arena_fini(&c->temp);
	tdestroy(c->tree, no_free);
	free(c);
}

/* "equals" is the literal between line ends; the value is escaped as match_compile.c does it. */
static struct span
anchored(struct snapshot *s, struct span v)
{
	char *z = arena_alloc(&s->rules.arena, v.len * 4 + 3), *o = z;

	*o++ = '^';
	for (size_t i = 0; i < v.len; i++)
		o += sprintf(o, "\\x%02x", (unsigned char)v.p[i]);
	*o++ = '$';
	return span(z, (size_t)(o - z));
}

static void
add_lane(struct snapshot *s, enum lane lane, struct span text, bool is_literal, uint32_t pattern,
         uint32_t views)
{
	struct patterns *x = &s->rules.lane[lane];

	x->item = realloc(x->item, (x->cnt + 1) * sizeof(*x->item));
	BUG_ON(!x->item);
	x->room = x->cnt + 1;
	x->item[x->cnt++] = (struct rule_pattern){ .text = text,
		                                   .is_literal = is_literal,
		                                   .is_caseless = !is_literal,
		                                   .is_multiline = !is_literal,
		                                   .rule = pattern,
		                                   .view = views,
		                                   .file = RULE_NONE };
}

static uint32_t
views_of(enum snapshot_field f)
{
	static const uint32_t views[] = {
		[SNAPSHOT_FIELD_ENTIRE] = CUSTOM_HEADER | CUSTOM_BODY,
		[SNAPSHOT_FIELD_HEADER] = CUSTOM_HEADER,
		[SNAPSHOT_FIELD_BODY] = CUSTOM_BODY,
		[SNAPSHOT_FIELD_FROM] = CUSTOM_FROM,
		[SNAPSHOT_FIELD_RCPT] = CUSTOM_RCPT,
		[SNAPSHOT_FIELD_SUBJECT] = CUSTOM_SUBJECT,
	};

	return views[f];
}

uint32_t
custom_build_add(struct custom_build *c, const struct snapshot_custom_rule *r, const char *customer,
                 size_t index, struct snapshot_errors *e)
{
	struct arena *arena = c->s ? &c->s->rules.arena : &c->temp;
	struct node want = { r->value, r->op, r->field, 0 }, *n;
	uint32_t views = views_of(r->field);
	void **found;

	if (r->op != SNAPSHOT_OP_REGEX) {
		size_t cap = FOLD_CAP(r->value.len);
		char *z = arena_alloc(arena, cap);

		want.value = span(z, fold_span(r->value, z, cap));
	}
	if (want.value.len == 0 || r->value.len > POLICY_VALUE_MAX ||
	    memchr(r->value.p, 0, r->value.len)) {
		error_add(e, (struct error_at){ customer, 0, 0 },
		          "rules[%zu].value: 1 to %d bytes after folding", index, POLICY_VALUE_MAX);
		return UINT32_MAX;
	}
	if (!c->s) {
		found = tfind(&want, &c->tree, compare);
		c->is_missing |= !found;
		return found ? (*(struct node **)found)->pattern : UINT32_MAX;
	}
	found = tsearch(&want, &c->tree, compare);
	BUG_ON(!found);
	if (*found != &want)
		return (*(struct node **)found)->pattern;
	n = arena_alloc(arena, sizeof(*n));
	want.value = span(arena_strdup(arena, want.value), want.value.len);
	*n = want;
	n->pattern = (uint32_t)c->s->custom_cnt++;
	*found = n;
	struct span text = r->op == SNAPSHOT_OP_EQUALS ? anchored(c->s, want.value) : want.value;
	bool is_literal = r->op == SNAPSHOT_OP_CONTAINS;

	if (views & CUSTOM_BODY)
		add_lane(c->s, is_literal ? LANE_CUSTOM_LIT : LANE_CUSTOM_RE, text, is_literal,
		         n->pattern, views);
	if (views & ~(uint32_t)CUSTOM_BODY)
		add_lane(c->s, is_literal ? LANE_CUSTOM_HEAD_LIT : LANE_CUSTOM_HEAD_RE, text,
		         is_literal, n->pattern, views);
	return n->pattern;
}
