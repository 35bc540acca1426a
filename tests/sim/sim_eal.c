/* SPDX-License-Identifier: BSD-3-Clause
 * sim_eal.c - DPDK for programs without ports
 */
#include "tests/sim/sim_eal.h"
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <unistd.h>

static unsigned
first_core(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (unsigned i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			return i;
	return 0;
}

void
sim_eal_init(void)
{
	cpu_set_t before;
	char lcores[32];
	char *argv[] = { "sim",      "--lcores",       lcores, "--no-huge", "--no-shconf",
		         "--no-pci", "--no-telemetry", "-m",   "256",       "--log-level=3",
		         NULL };

	sched_getaffinity(0, sizeof(before), &before);
	snprintf(lcores, sizeof(lcores), "0@%u", first_core());
	if (rte_eal_init((int)ARRAY_LEN(argv) - 1, argv) < 0) {
		fprintf(stderr, "sim_eal: rte_eal_init: %s\n", rte_strerror(rte_errno));
		exit(2);
	}
	sched_setaffinity(0, sizeof(before),
	                  &before); /* EAL pins the caller; tests share the machine */
}

struct rte_mempool *
sim_eal_pool(const char *name, unsigned cnt)
{
	struct rte_mempool *p =
	        rte_pktmbuf_pool_create(name, cnt, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	if (!p) {
		fprintf(stderr, "sim_eal: pool %s: %s\n", name, rte_strerror(rte_errno));
		exit(2);
	}
	return p;
}
