/* SPDX-License-Identifier: BSD-3-Clause
 * rule_expr.c - meta rules: an expression over rules and features to stack operations
 *
 * Grammar or := and ("||" and)*; and := cmp ("&&" cmp)*; cmp := sum (("<"|"<="|">"|">="|"=="|"!=") sum)?;
 *         sum := term (("+"|"-") term)*; term := unary (("*"|"/") unary)*; unary := ("!"|"-")* atom;
 *         atom := number | NAME | F_FEATURE | "(" or ")". A rule is how often it hit, a meta its value. As in Perl && and ||
 *         give one of their operands; a division by 0 is 0.
 * Limit   META_OPS_MAX operations, EXPR_DEPTH_MAX brackets.
 */
#include "engine/ruleset_internal.h"

#define EXPR_DEPTH_MAX 32

struct parser {
	struct ruleset *s;
	struct span rest;
	const char *start;
	struct error_at at;
	struct snapshot_errors *e;
	bool is_lenient;
	unsigned depth;
	uint32_t rule;
	bool failed;
};

static void
fail(struct parser *p, const char *what)
{
	struct error_at at = p->at;

	if (p->failed)
		return;
	p->failed = true;
	at.column += (uint32_t)(p->rest.p - p->start);
	if (p->is_lenient)
		skipped_add(p->e, at, "%s: %s", p->s->rules[p->rule].name.p, what);
	else
		error_add(p->e, at, "%s", what);
}

static void
emit(struct parser *p, struct meta_op op)
{
	struct ruleset *s = p->s;
	struct rule *r = &s->rules[p->rule];

	if (r->op_cnt == META_OPS_MAX) {
		fail(p, "expression too long");
		return;
	}
	s->ops = ruleset_grow(s->ops, s->op_cnt + 1, &s->op_room, sizeof(*s->ops));
	s->ops[s->op_cnt++] = op;
	r->op_cnt++;
}

static void
emit_kind(struct parser *p, enum meta_op_kind kind)
{
	emit(p, (struct meta_op){ .kind = kind });
}

static bool
take(struct parser *p, const char *token)
{
	size_t n = strlen(token);

	p->rest = trim(p->rest);
	if (p->failed || p->rest.len < n || memcmp(p->rest.p, token, n))
		return false;
	p->rest = span_skip(p->rest, n);
	return true;
}

static bool
is_word(char c)
{
	return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.';
}

static bool
feature_find(struct span word, uint32_t *out)
{
	static const char *const words[] = {
#define FEATURE(name, json, what) "F_" #name,
#include "engine/features.def"
#undef FEATURE
	};

	for (uint32_t i = 0; i < FEATURES; i++)
		if (span_is(word, words[i])) {
			*out = i;
			return true;
		}
	return false;
}

static void
parse_word(struct parser *p)
{
	size_t n = 0;
	struct span word;
	char z[32], *end;
	uint32_t at;
	double v;

	while (n < p->rest.len && is_word(p->rest.p[n]))
		n++;
	word = span(p->rest.p, n);
	if (n == 0) {
		fail(p, "a rule, a feature, a number or '(' was expected");
		return;
	}
	if (word.p[0] >= '0' && word.p[0] <= '9') {
		snprintf(z, sizeof(z), "%.*s", (int)MIN(n, sizeof(z) - 1), word.p);
		v = strtod(z, &end);
		if (*end || n >= sizeof(z))
			fail(p, "not a number");
		emit(p, (struct meta_op){ .kind = OP_NUMBER, .number = v });
	} else if (feature_find(word, &at)) {
		emit(p, (struct meta_op){ .kind = OP_FEATURE, .index = at });
	} else if ((at = ruleset_find(p->s, word)) != RULE_NONE) {
		emit(p, (struct meta_op){ .kind = OP_RULE, .index = at });
	} else if (p->is_lenient) {
		/* Often a rule of a plugin that is not loaded: 0, as in SpamAssassin. */
		p->s->rules[p->rule].is_partial = true;
		emit(p, (struct meta_op){ .kind = OP_NUMBER, .number = 0 });
	} else {
		fail(p, "there is no such rule or feature");
	}
	p->rest = span_skip(p->rest, n);
}

static void parse_or(struct parser *p);

static void
parse_unary(struct parser *p)
{
	enum meta_op_kind pre[EXPR_DEPTH_MAX];
	size_t n = 0;

	for (;;) {
		p->rest = trim(p->rest);
		if (n == EXPR_DEPTH_MAX) {
			fail(p, "too many signs");
			return;
		}
		if (p->rest.len > 1 && p->rest.p[0] == '!' && p->rest.p[1] == '=')
			break;
		if (take(p, "!"))
			pre[n++] = OP_NOT;
		else if (take(p, "-"))
			pre[n++] = OP_NEGATE;
		else
			break;
	}
	if (!take(p, "(")) {
		parse_word(p);
	} else if (++p->depth > EXPR_DEPTH_MAX) {
		fail(p, "too many brackets");
	} else if (p->is_lenient && take(p, ")")) {
		emit(p, (struct meta_op){ .kind = OP_NUMBER, .number = 0 });
		p->depth--;
	} else {
		parse_or(p);
		if (!take(p, ")"))
			fail(p, "')' is missing");
		p->depth--;
	}
	while (n > 0 && !p->failed)
		emit_kind(p, pre[--n]);
}

static void
parse_term(struct parser *p)
{
	parse_unary(p);
	while (!p->failed) {
		enum meta_op_kind op;

		if (take(p, "*"))
			op = OP_MUL;
		else if (take(p, "/"))
			op = OP_DIV;
		else
			return;
		parse_unary(p);
		emit_kind(p, op);
	}
}

static void
parse_sum(struct parser *p)
{
	parse_term(p);
	while (!p->failed) {
		enum meta_op_kind op;

		if (take(p, "+"))
			op = OP_ADD;
		else if (take(p, "-"))
			op = OP_SUB;
		else
			return;
		parse_term(p);
		emit_kind(p, op);
	}
}

static void
parse_compare(struct parser *p)
{
	/* Longer tokens first. */
	static const struct {
		const char *token;
		enum meta_op_kind op;
	} ops[] = { { "<=", OP_LE }, { ">=", OP_GE }, { "==", OP_EQ },
		    { "!=", OP_NE }, { "<", OP_LT },  { ">", OP_GT } };

	parse_sum(p);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (take(p, ops[i].token)) {
			parse_sum(p);
			emit_kind(p, ops[i].op);
			return;
		}
}

static void
parse_and(struct parser *p)
{
	parse_compare(p);
	while (take(p, "&&")) {
		parse_compare(p);
		emit_kind(p, OP_AND);
	}
}

static void
parse_or(struct parser *p)
{
	parse_and(p);
	while (take(p, "||")) {
		parse_and(p);
		emit_kind(p, OP_OR);
	}
}

bool
rule_expr_compile(struct ruleset *s, const struct pending_meta *m, struct error_at at,
                  struct snapshot_errors *e)
{
	struct parser p = { .s = s,
		            .rest = m->text,
		            .start = m->text.p,
		            .at = at,
		            .e = e,
		            .is_lenient = m->is_lenient,
		            .rule = m->rule };
	struct rule *r = &s->rules[m->rule];

	r->op_first = (uint32_t)s->op_cnt;
	r->op_cnt = 0;
	parse_or(&p);
	p.rest = trim(p.rest);
	if (!p.failed && p.rest.len > 0)
		fail(&p, "nothing was expected here");
	if (p.failed && m->is_lenient)
		r->kind = RULE_SKIPPED;
	return !p.failed;
}

double
rule_expr_binary(enum meta_op_kind op, double a, double b)
{
	switch (op) {
	case OP_AND:
		return a != 0 ? b : a;
	case OP_OR:
		return a != 0 ? a : b;
	case OP_ADD:
		return a + b;
	case OP_SUB:
		return a - b;
	case OP_MUL:
		return a * b;
	case OP_DIV:
		return b != 0 ? a / b : 0;
	case OP_LT:
		return a < b;
	case OP_LE:
		return a <= b;
	case OP_GT:
		return a > b;
	case OP_GE:
		return a >= b;
	case OP_EQ:
		return a == b;
	default:
		return a != b;
	}
}

double
rule_expr_eval(const struct ruleset *s, const struct rule *r, const uint32_t *seen, uint32_t epoch,
               const float *hits, const int64_t features[FEATURES])
{
	double stack[META_OPS_MAX + 1];
	size_t n = 0;

	for (uint32_t i = 0; i < r->op_cnt; i++) {
		const struct meta_op *op = &s->ops[r->op_first + i];

		switch (op->kind) {
		case OP_NUMBER:
			stack[n++] = op->number;
			break;
		case OP_RULE:
			stack[n++] = seen[op->index] == epoch ? (double)hits[op->index] : 0;
			break;
		case OP_FEATURE:
			stack[n++] = (double)features[op->index];
			break;
		case OP_NOT:
			stack[n - 1] = stack[n - 1] == 0;
			break;
		case OP_NEGATE:
			stack[n - 1] = -stack[n - 1];
			break;
		default:
			n--;
			stack[n - 1] = rule_expr_binary(op->kind, stack[n - 1], stack[n]);
			break;
		}
	}
	return n > 0 ? stack[0] : 0;
}
