/* SPDX-License-Identifier: BSD-3-Clause
 * scan_rig.h - a snapshot, a worker and one customer: what scans a mail in memory as the relay does, job calls and all
 *
 * Why     Benchmarks of whole scans measure the relay's own door (engine.h), not a copy of it.
 * Owner   The caller's struct; what it holds lives as long as the process.
 * Thread  One.
 * Errors  A snapshot that cannot be built ends the process with its errors on stderr.
 */
#pragma once
#include "engine/engine.h"
#include "engine/snapshot.h"

#define SCAN_RIG_DIRS  8
#define SCAN_RIG_SLICE 50 /* microseconds of a step, as the relay's (decisions.md 14) */

struct scan_rig_options {
	const char *rules[SCAN_RIG_DIRS]; /* folders */
	size_t rules_cnt;
	unsigned phrase_cnt, entry_cnt; /* of the standard lists */
	const char *model;              /* NULL: none */
	const char *cache;              /* compiled patterns; NULL: none kept */
};

struct scan_rig {
	struct snapshot *snapshot;
	struct engine_worker *worker;
	size_t worker_bytes,
	        attach_bytes; /* heap of the worker by itself, and what the snapshot's streams and scratch add */
	uint64_t slice_cycles;
	/* Called with the processor's cycles of each step of a job; NULL: not measured. */
	void (*on_step)(void *ctx, uint64_t cycles);
	void *ctx;
};

void scan_rig_init(struct scan_rig *r, const struct scan_rig_options *o);

/* From the first byte to the verdict of one recipient. */
void scan_rig_run(struct scan_rig *r, struct span mail, struct engine_verdict *v);

/* Heap in use, in bytes. */
size_t scan_rig_heap(void);
