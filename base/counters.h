/* SPDX-License-Identifier: BSD-3-Clause
 * counters.h - counters from one .def a folder: struct, metric, help and table from the same rows
 *
 * Why     One list, everything from it. A folder's NAME_counters.def holds rows
 *             COUNTER(field, "weir_metric_name", "label=\"value\"", "help text")
 *         (labels may be ""), and its header turns them into a struct and its .c into a table:
 *             struct tcp_counters { #define COUNTER COUNTER_FIELD / #include "….def" / #undef COUNTER };
 *             const struct counter_desc tcp_counter_desc[] = { #define COUNTER COUNTER_DESC / #include … };
 *         A metric whose name ends in _total only grows; any other is a gauge.
 * Thread  One writer (its worker), any reader: relaxed atomics, pairing with nothing; a reader may see figures of
 *         different turns, sums agree once the writer is quiet.
 */
#pragma once
#include "base/base.h"

#define COUNTER_FIELD(field, metric, labels, help) uint64_t field;
#define COUNTER_DESC(field, metric, labels, help)  { #field, metric, labels, help },

struct counter_desc {
	const char *field;
	const char *metric;
	const char *labels; /* without braces, "" for none */
	const char *help;
};

/* A folder's counters on one worker: values[i] belongs to desc[i]. */
struct counter_set {
	const char *folder;
	const struct counter_desc *desc;
	size_t cnt;
	const uint64_t *values;
};

static inline void
counter_add(uint64_t *c, uint64_t n)
{
	__atomic_store_n(c, __atomic_load_n(c, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline void
counter_inc(uint64_t *c)
{
	counter_add(c, 1);
}

/* For gauges. */
static inline void
counter_sub(uint64_t *c, uint64_t n)
{
	counter_add(c, 0 - n);
}

static inline void
counter_set_value(uint64_t *c, uint64_t v)
{
	__atomic_store_n(c, v, __ATOMIC_RELAXED);
}

static inline uint64_t
counter_read(const uint64_t *c)
{
	return __atomic_load_n(c, __ATOMIC_RELAXED);
}
