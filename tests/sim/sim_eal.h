/* SPDX-License-Identifier: BSD-3-Clause
 * sim_eal.h - DPDK for programs without ports: mempools and mbufs on plain memory
 *
 * Thread  The one that called sim_eal_init().
 */
#pragma once
#include "base/base.h"

struct rte_mempool;

/* Once a process; ends it with a message when EAL does not start. No hugepages, no PCI, no files: many run side by side. */
void sim_eal_init(void);

/* A pool of `cnt` mbufs of 2 KiB behind the usual headroom. */
struct rte_mempool *sim_eal_pool(const char *name, unsigned cnt);
