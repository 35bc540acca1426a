/* SPDX-License-Identifier: BSD-3-Clause
 * fault.h - stages of a scan that fail on purpose: the switch of builds with -Dfaults=true, nothing in others
 *
 * Why     "A filter that fails lets mail pass" (S15) is a promise about what hardly ever happens. The environment variable WEIR_FAULT
 *         ("mime", "html,match", "all") makes stages of stages.def fail, so that a test sees mail pass and be counted.
 * Owner   A mask for the process, read with the first engine_worker.
 * Thread  Written at start (or by a test between scans), read by all.
 */
#pragma once
#include "base/base.h"

enum engine_stage {
#define STAGE(id, name, word) ENGINE_STAGE_##id,
#include "engine/stages.def"
#undef STAGE
	ENGINE_STAGES
};

const char *engine_stage_name(enum engine_stage s);

#ifdef WEIR_FAULTS
extern uint32_t fault_mask; /* bit s: stage s fails */

static inline bool
fault_is_set(enum engine_stage s)
{
	return unlikely(fault_mask >> s & 1);
}

/* Of WEIR_FAULT; ends the process on a word that is no stage. */
void fault_read_environment(void);
#else
static inline bool
fault_is_set(enum engine_stage s)
{
	(void)s;
	return false;
}

static inline void
fault_read_environment(void)
{
}
#endif
