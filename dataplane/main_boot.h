/* SPDX-License-Identifier: BSD-3-Clause
 * main_boot.h - from settings to running parts: EAL, ports, pools, workers, control; and the way back
 *
 * Why     main.c and `weirload ring` start the same worker objects from the same configuration; only the device differs.
 * Owner   boot_start() makes one struct boot, boot_stop() takes it away; *settings stays the caller's and outlives it.
 * Thread  The main thread.
 * Errors  Texts on stderr, each once; -errno.
 */
#pragma once
#include "ctrl/ctrl.h"
#include "dataplane/packet/packet_eal.h"
#include "dataplane/worker.h"

struct boot;

struct boot_options {
	/* For benches: these DPDK ports instead of settings' devices, in order; made between EAL and ports. */
	int (*make_ports)(void *ctx, unsigned worker_cnt, int *dpdk_ports, unsigned port_cnt);
	void *ctx;
	const char *cores; /* NULL: settings' */
	unsigned
	        relay_workers; /* 0: all of the cores; else the first so many, the others are the bench's */
};

/* Everything up to and including the first published snapshot; workers do not turn yet. NULL: texts were printed. */
struct boot *boot_start(const struct settings *s, const struct boot_options *o);

/* Launch the workers' loops; 0 or -errno. */
int boot_run(struct boot *b);

/* After boot_run(): become node.user. 0 or -errno. */
int boot_drop_privileges(struct boot *b);

/* Refuse new work; true from boot_is_drained() once nothing is left. Any thread but a worker's. */
void boot_drain(struct boot *b, bool on);
bool boot_is_drained(struct boot *b);
void boot_request_reload(struct boot *b);

unsigned boot_worker_cnt(const struct boot *b);
struct worker *boot_worker(struct boot *b, unsigned i);

/* Workers end, then control writes what is left in the rings, then everything is freed. */
void boot_stop(struct boot *b);
