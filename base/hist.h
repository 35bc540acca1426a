/* SPDX-License-Identifier: BSD-3-Clause
 * hist.h - log-linear histogram: 2^5 steps an octave, error at most 3.2 %, any 64-bit value
 *
 * RFC     The bucket layout of HdrHistogram (Tene), with 5 significant bits.
 * Owner   The caller owns the struct (15,360 bytes); all zero is ready to use.
 * Thread  One writer; readers see relaxed values, as with counters.
 */
#pragma once
#include "base/base.h"

#define HIST_SUB_BITS 5
#define HIST_BUCKETS  ((64 - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct hist {
	uint64_t cnt[HIST_BUCKETS];
};

static inline size_t
hist_bucket(uint64_t v)
{
	unsigned top;

	if (v < 1u << HIST_SUB_BITS)
		return (size_t)v;
	top = 63u - (unsigned)__builtin_clzll(v);
	return ((size_t)(top - HIST_SUB_BITS + 1) << HIST_SUB_BITS) +
	       (size_t)((v >> (top - HIST_SUB_BITS)) & ((1u << HIST_SUB_BITS) - 1));
}

/* Smallest value of bucket b; the bucket's largest is hist_floor(b + 1) - 1. */
uint64_t hist_floor(size_t b);

static inline void
hist_add(struct hist *h, uint64_t v)
{
	uint64_t *c = &h->cnt[hist_bucket(v)];

	__atomic_store_n(c, __atomic_load_n(c, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

void hist_merge(struct hist *into, const struct hist *from);
uint64_t hist_total(const struct hist *h);
uint64_t hist_sum_estimate(const struct hist *h);

/* Value at quantile q of 0..1 (upper edge of its bucket); 0 when empty. */
uint64_t hist_quantile(const struct hist *h, double q);
