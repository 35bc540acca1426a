/* SPDX-License-Identifier: BSD-3-Clause
 * sim_report.h - how the node simulator says that a seed failed
 *
 * Why     Every failure names its seed, also when the code under test dies or never returns.
 * Thread  One; the signal handler only writes.
 */
#pragma once
#include "base/base.h"

/* SIGABRT, SIGSEGV, SIGBUS, SIGFPE and SIGALRM write `seed N: …` before the process ends. */
void sim_report_init(void);

/* A seed begins: it has SEED_SECONDS of real time. */
void sim_report_seed(uint64_t seed);

/* The seed failed; the first few reasons are printed. */
void sim_fail(const char *fmt, ...) PRINTF(1, 2);
bool sim_has_failed(void); /* this seed */
