/* SPDX-License-Identifier: BSD-3-Clause
 * measure.h - what the micro benchmarks of tables share: medians of short chunks, processor time of a build
 *
 * Why     The machine may be shared. A look-up is timed in chunks of MEASURE_CHUNK, a few microseconds each, and the median
 *         chunk counts, so that chunks in which somebody else ran do not; a build is counted in processor time.
 * Thread  One.
 */
#pragma once
#include "base/base.h"

#define MEASURE_CHUNK 32

/* Milliseconds of processor time of this thread since it began. */
double measure_cpu_ms(void);

/* Sorts v and returns the middle one. cnt > 0. */
double measure_median(double *v, size_t cnt);

/* warm() touches what the look-ups are asked for, as a caller that just read it; run() does look-ups at, at + 1, … at + MEASURE_CHUNK - 1 and returns something that depends on all answers. Median
 * nanoseconds of one look-up over `cnt` of them. */
double measure_ns(uint64_t (*warm)(void *ctx, size_t at), uint64_t (*run)(void *ctx, size_t at),
                  void *ctx, size_t cnt);

/* Nanoseconds of one read at a random place of 64 MB in large pages, whose address depends on the read before: what a miss costs
 * on this machine at this hour. */
double measure_cold_read_ns(void);
