/* SPDX-License-Identifier: BSD-3-Clause
 * clock.c - the rate of the cycle counter
 */
#include "base/clock.h"

static uint64_t
measure(void)
{
	struct timespec a, b, nap = { 0, 10000000 };
	uint64_t c0, c1, ns;

	clock_gettime(CLOCK_MONOTONIC, &a);
	c0 = clock_cycles();
	nanosleep(&nap, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	c1 = clock_cycles();
	ns = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000u + (uint64_t)b.tv_nsec -
	     (uint64_t)a.tv_nsec;
	return (uint64_t)((unsigned __int128)(c1 - c0) * 1000000000u / ns);
}

uint64_t
clock_cycles_per_second(void)
{
	static uint64_t known;
	uint64_t rate = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (rate == 0) { /* two threads may measure at once: either's is good */
		rate = measure();
		__atomic_store_n(&known, rate, __ATOMIC_RELAXED);
	}
	return rate;
}
