/* SPDX-License-Identifier: BSD-3-Clause
 * rank_tree.h - which of many sorted 64-bit keys is the last one at or below x: a static tree of 8 keys a node
 *
 * Why     A binary search over two million keys misses the cache at nearly each of its 21 steps; nodes of one cache line make
 *         that 7 steps, of which the last two or three miss. The tree is implicit: level n + 1 holds the first key of each node
 *         of level n ("Array layouts for comparison-based searching", Khuong and Morin, 2017).
 * Owner   rank_tree_build() copies the keys; rank_tree_fini() frees them.
 * Thread  Looking up: any number.
 */
#pragma once
#include "base/base.h"

#define RANK_TREE_NODE   8
#define RANK_TREE_LEVELS 12 /* 8^12 keys */

struct rank_tree {
	unsigned levels;
	size_t cnt[RANK_TREE_LEVELS];      /* keys of a level */
	uint64_t *level[RANK_TREE_LEVELS]; /* [0]: all keys; padded with ones to whole nodes */
	void *block;
	size_t bytes;
};

/* Ascending keys, at least one, the first is 0. */
void rank_tree_build(struct rank_tree *t, const uint64_t *keys, size_t cnt);
void rank_tree_fini(struct rank_tree *t);

/* Index of the last key at or below x, in two steps: the node it is in, whose indexes begin at RANK_TREE_NODE * node, so that
 * what else is kept by index can be fetched along; then the key. */
size_t rank_tree_node(const struct rank_tree *t, uint64_t x);
size_t rank_tree_in_node(const struct rank_tree *t, size_t node, uint64_t x);

/* The same for several at once; at[i] is of x[i]. */
void rank_tree_find_batch(const struct rank_tree *t, const uint64_t *x, size_t cnt, size_t *at);
