/* SPDX-License-Identifier: BSD-3-Clause
 * malloc_count.h - how often the heap was asked for memory while nobody may ask
 *
 * Why     "No allocation on a worker" (decisions 20) is a promise that a test can keep: every malloc of the process, libraries
 *         included, goes through here while the counter is armed.
 * Owner   The test program; linking malloc_count.c is all it takes.
 * Thread  Counts the calling thread alone.
 * Limit   Sees what goes through malloc's names, not mmap(). Under a sanitizer its hooks are used.
 */
#pragma once
#include <stdint.h>

/* From now on this thread's allocations count; malloc_count_off() gives how many there were since. */
void malloc_count_on(void);
uint64_t malloc_count_off(void);

/* Print a trace of where each counted allocation comes from to stderr (slow, for one seed). */
void malloc_count_trace(void);
