/* SPDX-License-Identifier: BSD-3-Clause
 * rank_tree.c - build bottom up, search top down, a node a step
 */
#include "engine/lists/rank_tree.h"
#include "base/large.h"

static size_t
whole_nodes(size_t cnt)
{
	return (cnt + RANK_TREE_NODE - 1) / RANK_TREE_NODE * RANK_TREE_NODE;
}

void
rank_tree_build(struct rank_tree *t, const uint64_t *keys, size_t cnt)
{
	size_t total = 0;
	uint64_t *p;

	BUG_ON(cnt == 0 || keys[0] != 0);
	*t = (struct rank_tree){ 0 };
	for (size_t n = cnt;; n = (n + RANK_TREE_NODE - 1) / RANK_TREE_NODE) {
		BUG_ON(t->levels == RANK_TREE_LEVELS);
		t->cnt[t->levels++] = n;
		total += whole_nodes(n);
		if (n <= RANK_TREE_NODE)
			break;
	}
	t->bytes = total * sizeof(uint64_t);
	p = t->block = large_alloc(t->bytes);
	for (unsigned l = 0; l < t->levels; l++) {
		t->level[l] = p;
		for (size_t i = 0; i < t->cnt[l]; i++)
			p[i] = l == 0 ? keys[i] : t->level[l - 1][i * RANK_TREE_NODE];
		for (size_t i = t->cnt[l]; i < whole_nodes(t->cnt[l]); i++)
			p[i] = UINT64_MAX;
		p += whole_nodes(t->cnt[l]);
	}
}

void
rank_tree_fini(struct rank_tree *t)
{
	free(t->block);
	*t = (struct rank_tree){ 0 };
}

/* From a node of level l, whose first key is at or below x, to the last key in it that is. */
static size_t
step(const struct rank_tree *t, unsigned l, size_t node, uint64_t x)
{
	const uint64_t *k = t->level[l] + node * RANK_TREE_NODE;
	size_t n = 0;

	for (unsigned i = 0; i < RANK_TREE_NODE; i++)
		n += k[i] <= x;
	return MIN(node * RANK_TREE_NODE + n, t->cnt[l]) - 1; /* x all ones: padding counts too */
}

size_t
rank_tree_node(const struct rank_tree *t, uint64_t x)
{
	size_t node = 0;

	for (unsigned l = t->levels; l > 1; l--)
		node = step(t, l - 1, node, x);
	return node;
}

size_t
rank_tree_in_node(const struct rank_tree *t, size_t node, uint64_t x)
{
	return step(t, 0, node, x);
}

void
rank_tree_find_batch(const struct rank_tree *t, const uint64_t *x, size_t cnt, size_t *at)
{
	memset(at, 0, cnt * sizeof(*at));
	for (unsigned l = t->levels; l > 0; l--)
		for (size_t i = 0; i < cnt; i++) {
			at[i] = step(t, l - 1, at[i], x[i]);
			if (l > 1)
				__builtin_prefetch(t->level[l - 2] + at[i] * RANK_TREE_NODE);
		}
}
