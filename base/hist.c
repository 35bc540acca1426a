/* SPDX-License-Identifier: BSD-3-Clause
 * hist.c - quantiles of a log-linear histogram
 */
#include "base/hist.h"

uint64_t
hist_floor(size_t b)
{
	size_t octave = b >> HIST_SUB_BITS, sub = b & ((1u << HIST_SUB_BITS) - 1);

	if (octave == 0)
		return sub;
	if (b >= HIST_BUCKETS)
		return UINT64_MAX;
	return ((1ull << HIST_SUB_BITS) + sub) << (octave - 1);
}

void
hist_merge(struct hist *into, const struct hist *from)
{
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		into->cnt[i] += __atomic_load_n(&from->cnt[i], __ATOMIC_RELAXED);
}

uint64_t
hist_total(const struct hist *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i < HIST_BUCKETS; i++)
		n += __atomic_load_n(&h->cnt[i], __ATOMIC_RELAXED);
	return n;
}

uint64_t
hist_sum_estimate(const struct hist *h)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < HIST_BUCKETS; i++)
		sum += __atomic_load_n(&h->cnt[i], __ATOMIC_RELAXED) * hist_floor(i);
	return sum;
}

uint64_t
hist_quantile(const struct hist *h, double q)
{
	uint64_t total = hist_total(h), seen = 0, want;

	if (total == 0)
		return 0;
	want = (uint64_t)(q * (double)total);
	if (want >= total)
		want = total - 1;
	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		seen += __atomic_load_n(&h->cnt[i], __ATOMIC_RELAXED);
		if (seen > want)
			return hist_floor(i + 1) - 1;
	}
	return UINT64_MAX;
}
