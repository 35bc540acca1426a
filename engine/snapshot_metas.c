/* SPDX-License-Identifier: BSD-3-Clause
 * snapshot_metas.c - which metas a hit may change
 *
 * Why     SpamAssassin's set has two thousand metas, and a mail hits a few dozen rules.
 */
#include "engine/snapshot_impl.h"

static bool
is_always(const struct ruleset *rs, const struct rule *r, const uint32_t *none)
{
	static const int64_t features[FEATURES];

	for (uint32_t k = 0; k < r->op_cnt; k++)
		if (rs->ops[r->op_first + k].kind == OP_FEATURE)
			return true;
	return rule_expr_eval(rs, r, none, 1, NULL, features) != 0;
}

/* pass 0 counts, pass 1 writes. */
static void
index_pass(struct snapshot *s, uint32_t *at, bool is_write)
{
	const struct ruleset *rs = &s->rules;

	for (uint32_t m = 0; m < rs->meta_cnt; m++) {
		const struct rule *r = &rs->rules[rs->meta_order[m]];

		for (uint32_t k = 0; k < r->op_cnt; k++) {
			const struct meta_op *op = &rs->ops[r->op_first + k];

			if (op->kind != OP_RULE)
				continue;
			if (is_write)
				s->users[at[op->index]] = m;
			at[op->index]++;
		}
	}
}

void
snapshot_index_metas(struct snapshot *s)
{
	const struct ruleset *rs = &s->rules;
	uint32_t *at = calloc(rs->rule_cnt + 1, sizeof(*at)), sum = 0;

	s->users_of = calloc(rs->rule_cnt + 2, sizeof(*s->users_of));
	s->always_meta = calloc(rs->meta_cnt + 1, sizeof(*s->always_meta));
	BUG_ON(!at || !s->users_of || !s->always_meta);
	for (uint32_t m = 0; m < rs->meta_cnt;
	     m++) /* no rule was seen in epoch 1: all of at is 0 */
		s->always_meta[m] = is_always(rs, &rs->rules[rs->meta_order[m]], at);
	index_pass(s, at, false);
	for (size_t i = 0; i < rs->rule_cnt; i++) {
		s->users_of[i] = sum;
		sum += at[i];
		at[i] = s->users_of[i];
	}
	s->users_of[rs->rule_cnt] = sum;
	s->users = calloc(sum + 1, sizeof(*s->users));
	BUG_ON(!s->users);
	index_pass(s, at, true);
	free(at);
}
