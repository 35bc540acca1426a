/* SPDX-License-Identifier: BSD-3-Clause
 * measure.c - medians and processor time
 */
#include "bench/micro/measure.h"
#include "base/clock.h"
#include "base/large.h"
#include "base/rng.h"

static volatile uint64_t sink;

double
measure_cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int
by_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
measure_median(double *v, size_t cnt)
{
	qsort(v, cnt, sizeof(*v), by_double);
	return v[cnt / 2];
}

double
measure_ns(uint64_t (*warm)(void *ctx, size_t at), uint64_t (*run)(void *ctx, size_t at), void *ctx,
           size_t cnt)
{
	size_t chunks = cnt / MEASURE_CHUNK;
	uint64_t *took = calloc(chunks, sizeof(*took)), median;

	BUG_ON(!took || chunks == 0);
	for (size_t i = 0; i < chunks; i++) {
		uint64_t begun;

		sink += warm(ctx, i * MEASURE_CHUNK);
		__asm__ volatile("lfence" ::: "memory");
		begun = clock_cycles();
		sink += run(ctx, i * MEASURE_CHUNK);
		__asm__ volatile("lfence" ::: "memory"); /* a chunk does not run into the next */
		took[i] = clock_cycles() - begun;
	}
	qsort(took, chunks, sizeof(*took), by_value);
	median = took[chunks / 2];
	free(took);
	return (double)median / MEASURE_CHUNK / (double)clock_cycles_per_second() * 1e9;
}

#define COLD_WORDS (8u << 20)

static uint64_t
no_warm(void *ctx, size_t at)
{
	(void)ctx;
	return at;
}

static uint64_t
chase(void *ctx, size_t at)
{
	const uint64_t *word = ctx;
	uint64_t x = at * 2654435761u % COLD_WORDS;

	for (size_t i = 0; i < MEASURE_CHUNK; i++)
		x = word[x];
	return x;
}

double
measure_cold_read_ns(void)
{
	uint64_t *word = large_alloc(COLD_WORDS * sizeof(*word));
	struct rng r;
	double ns;

	rng_seed(&r, 3);
	for (size_t i = 0; i < COLD_WORDS; i++)
		word[i] = rng_below(&r, COLD_WORDS);
	ns = measure_ns(no_warm, chase, word, 1u << 17);
	free(word);
	return ns;
}
