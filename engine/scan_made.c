/* SPDX-License-Identifier: BSD-3-Clause
 * scan_made.c - what a meta rule that hit is made of: the rules and features that made its expression true, the strongest first
 *
 * Why     "meta" tells nobody where to look in the mail. The expression is evaluated once more, and each value carries along what it
 *         came from: both sides of && and +, the sides of || that are true, the left side of >, nothing of what ! turned round.
 * Limit   MADE_PARTS a rule; MADE_OPS operations and MADE_DEPTH metas within one another, past which a meta has no parts.
 */
#include "engine/scan_internal.h"

#define MADE_OPS   20000
#define MADE_DEPTH 8

struct operand {
	double v;
	struct scan_made made;
};

struct eval {
	const struct engine_job *j;
	unsigned op_cnt, depth;
};

/* Of a mail's hits and of those of its sub-rules: the rule's first; NULL: none is kept. */
static const struct evidence_hit *
row_of(const struct engine_job *j, uint32_t rule)
{
	for (unsigned i = 0; i < j->hit_cnt; i++)
		if (j->hit[i].rule == rule)
			return &j->hit[i];
	for (unsigned i = 0; i < j->sub_hit_cnt; i++)
		if (j->sub_hit[i].rule == rule)
			return &j->sub_hit[i];
	return NULL;
}

/* What decides by itself, what scores most, then what stands in text, elsewhere, and what is only a number. */
static int32_t
strength(const struct engine_job *j, const struct scan_part *p)
{
	const struct rule *r;

	if (!p->hit)
		return 0;
	r = &j->s->rules.rules[p->hit->rule];
	if (r->filter != FILTER_SCORE)
		return INT32_MAX;
	return r->score_milli > 0 ? 2 + r->score_milli : p->hit->place ? 1 : 2;
}

static void
add_part(const struct engine_job *j, struct scan_made *m, const struct scan_part *p)
{
	unsigned at = m->cnt;

	for (unsigned i = 0; i < m->cnt; i++)
		if (m->part[i].hit == p->hit && m->part[i].feature == p->feature)
			return;
	while (at > 0 && strength(j, &m->part[at - 1]) < strength(j, p))
		at--;
	if (at == MADE_PARTS)
		return;
	m->cnt = MIN(m->cnt + 1, (unsigned)MADE_PARTS);
	memmove(&m->part[at + 1], &m->part[at], (m->cnt - 1 - at) * sizeof(m->part[0]));
	m->part[at] = *p;
}

static void
merge(const struct engine_job *j, struct scan_made *to, const struct scan_made *from)
{
	for (unsigned i = 0; i < from->cnt; i++)
		add_part(j, to, &from->part[i]);
}

static void made_of(struct eval *e, const struct rule *r, struct scan_made *out);

static void
rule_operand(struct eval *e, uint32_t rule, struct operand *o)
{
	const struct engine_job *j = e->j;
	const struct rule *r = &j->s->rules.rules[rule];
	struct scan_part p = { .hit = row_of(j, rule) };

	*o = (struct operand){ 0 };
	if (!job_rule_hit(j, rule))
		return;
	o->v = (double)j->gen->slot[j->slot].rule_hits[rule];
	if (r->kind == RULE_META)
		made_of(e, r, &o->made);
	else if (p.hit)
		add_part(j, &o->made, &p);
}

static void
feature_operand(const struct engine_job *j, uint32_t feature, struct operand *o)
{
	struct scan_part p = { .feature = feature };

	*o = (struct operand){ .v = (double)j->features[feature] };
	if (o->v != 0)
		add_part(j, &o->made, &p);
}

/* a becomes what the operation makes of both. */
static void
binary(const struct engine_job *j, enum meta_op_kind op, struct operand *a, const struct operand *b)
{
	bool left = op != OP_LT && op != OP_LE,
	     right = op != OP_GT && op != OP_GE && op != OP_SUB && op != OP_DIV;
	double v = rule_expr_binary(op, a->v, b->v);

	if (op == OP_OR)
		left = a->v != 0;
	if (!left)
		a->made.cnt = 0;
	if (right && (op != OP_OR || b->v != 0))
		merge(j, &a->made, &b->made);
	if (v == 0)
		a->made.cnt = 0;
	a->v = v;
}

static void
run(struct eval *e, const struct rule *r, struct operand *stack)
{
	const struct engine_job *j = e->j;
	size_t n = 0;

	for (uint32_t i = 0; i < r->op_cnt; i++) {
		const struct meta_op *op = &j->s->rules.ops[r->op_first + i];

		switch (op->kind) {
		case OP_NUMBER:
			stack[n++] = (struct operand){ .v = op->number };
			break;
		case OP_RULE:
			rule_operand(e, op->index, &stack[n++]);
			break;
		case OP_FEATURE:
			feature_operand(j, op->index, &stack[n++]);
			break;
		case OP_NOT:
		case OP_NEGATE:
			stack[n - 1].v = op->kind == OP_NOT ? stack[n - 1].v == 0 : -stack[n - 1].v;
			stack[n - 1].made.cnt = 0;
			break;
		default:
			n--;
			binary(j, op->kind, &stack[n - 1], &stack[n]);
			break;
		}
	}
}

static void
made_of(struct eval *e, const struct rule *r, struct scan_made *out)
{
	struct operand *stack;

	out->cnt = 0;
	if (r->op_cnt == 0 || e->depth == MADE_DEPTH || e->op_cnt + r->op_cnt > MADE_OPS)
		return;
	stack = calloc(META_OPS_MAX + 1, sizeof(*stack));
	BUG_ON(!stack);
	e->op_cnt += r->op_cnt;
	e->depth++;
	run(e, r, stack);
	e->depth--;
	*out = stack[0].made;
	free(stack);
}

void
scan_made_of(const struct engine_job *j, uint32_t rule, struct scan_made *out)
{
	struct eval e = { .j = j };

	made_of(&e, &j->s->rules.rules[rule], out);
}
