/* SPDX-License-Identifier: BSD-3-Clause
 * clock.h - monotonic and wall time in microseconds, and the cycle counter
 *
 * Why     A worker reads the clock once a turn and hands it down; nothing below the worker calls this header except for
 *         clock_cycles() around measured stages. The simulator hands its own time in instead.
 * Thread  Any.
 */
#pragma once
#include "base/base.h"
#include <time.h>

static inline uint64_t
clock_mono_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Microseconds since 1970. */
static inline uint64_t
clock_wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Cycle counter (constant rate TSC on x86). */
static inline uint64_t
clock_cycles(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
#error "no cycle counter for this processor"
#endif
}

/* Cycles in a second, measured over 10 ms against the monotonic clock the first time that any thread asks; that call blocks, later ones
 * give what was found. */
uint64_t clock_cycles_per_second(void);
