/* SPDX-License-Identifier: BSD-3-Clause
 * heads.h - the heads of a hash table whose entries are chained by index
 *
 * Why     Where the entries lie is each table's own affair: in a ring, in order of age, in a pool. What they share is this, and
 *         an index is half of a pointer.
 * Owner   The table; memory is taken from the heap at start.
 * Thread  The table's.
 */
#pragma once
#include "base/base.h"

#define HEADS_NONE UINT32_MAX /* ends a chain */

struct heads {
	uint32_t *at; /* HEADS_NONE, or the first entry of a chain */
	uint32_t mask;
};

/* Chains for so many entries: a power of two, so that there is one for each. */
static inline uint32_t
heads_cnt(uint32_t entries)
{
	uint32_t n = 16;

	while (n < entries)
		n *= 2;
	return n;
}

static inline size_t
heads_bytes(uint32_t entries)
{
	return heads_cnt(entries) * sizeof(uint32_t);
}

/* 0 or -ENOMEM. */
static inline int
heads_init(struct heads *h, uint32_t entries)
{
	h->mask = heads_cnt(entries) - 1;
	h->at = malloc(heads_bytes(entries));
	if (!h->at)
		return -ENOMEM;
	memset(h->at, 0xff, heads_bytes(entries));
	return 0;
}

/* Zero bytes are harmless. */
static inline void
heads_fini(struct heads *h)
{
	free(h->at);
}

static inline uint32_t *
heads_of(const struct heads *h, uint32_t hash)
{
	return &h->at[hash & h->mask];
}
