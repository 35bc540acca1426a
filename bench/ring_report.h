/* SPDX-License-Identifier: BSD-3-Clause
 * ring_report.h - figures of a `weirload ring` run, taken from the relay's own counters and from both ends
 *
 * Thread  begin and end: the generator's core, relaxed reads of the relay's counters; print: after all ended.
 */
#pragma once
#include "bench/load.h"
#include "bench/ring.h"
#include "dataplane/main_boot.h"

struct ring_report {
	uint64_t busy0, busy, idle0, idle; /* cycles of the relay's core */
	uint64_t cpu_ns0, cpu_ns; /* the relay thread's time on a CPU, as the kernel counts it */
	uint64_t stage0[WORKER_STAGES], stage[WORKER_STAGES];
	uint64_t us;
	double floor_cycles;
	struct load_result window; /* between begin and end */
	struct load_result all;    /* at the very end */
};

void ring_report_begin(struct ring_report *r, struct boot *b);
void ring_report_end(struct ring_report *r, struct boot *b, const struct load *l, uint64_t us);

/* 0; 1 when the run is void, which is said. */
int ring_report_print(const struct ring_report *r, const struct ring_options *o);
