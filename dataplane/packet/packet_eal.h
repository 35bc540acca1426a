/* SPDX-License-Identifier: BSD-3-Clause
 * packet_eal.h - DPDK at start: EAL, memory pools, ports as configured, rings for benches, and idling
 *
 * Why     One place that knows what EAL arguments work where (hugepages or not, taps, AF_PACKET, memif, PCI) and says in words
 *         what is missing. Nothing after start needs root: main drops to its user when packet_eal_open() returned.
 * Thread  Start-up and control: the first thread. packet_idle_*: each worker its own.
 * Errors  -errno and one line in err[PACKET_ERROR_TEXT], made for the operator; nothing is printed.
 */
#pragma once
#include "dataplane/packet/packet.h"

enum packet_hugepages {
	PACKET_HUGEPAGES_AUTO, /* when enough of them are free */
	PACKET_HUGEPAGES_NEVER,
	PACKET_HUGEPAGES_ALWAYS, /* else an error */
};

struct packet_eal_config {
	const char *cores; /* of the workers: "1", "0-1", "1,3-5"; NULL or "": the last core */
	uint64_t
	        memory_bytes; /* for EAL: mbufs, rings, whatever else lives in rte memory; 0: 256 MiB */
	const char *file_prefix; /* NULL: "weir-PID" */
	const char *const *
	        devices; /* "net_tap0,iface=weir0", "net_af_packet0,iface=eth1", "0000:00:08.0" ... */
	unsigned device_cnt;
	enum packet_hugepages hugepages;
};

/* Initialises EAL, once a process. Worker i runs on lcore packet_eal_lcore(i); the calling thread becomes EAL's main lcore, which is
 * none of them. Returns the number of workers, or -errno. A device that does not probe or a core that is missing is named. */
int packet_eal_start(const struct packet_eal_config *c, char *err);

/* Run fn(arg) on worker i's core, pinned; the thread ends when fn returns. Wait with packet_eal_join(). 0 or -errno. */
int packet_eal_launch(unsigned worker, int (*fn)(void *), void *arg);
int packet_eal_join(unsigned worker);

/* CPU of worker i, as configured. */
unsigned packet_eal_cpu(unsigned worker);
bool packet_eal_has_hugepages(void);
void packet_eal_stop(void);

/* Parse "1", "0-1", "1,3-5" into cpus[WORKERS_MAX] in order; every one must be usable by this process. Returns how many, or
 * -EINVAL with a text. */
int packet_cores_parse(const char *text, unsigned *cpus, char *err);

/* "0@(0-1,4),1@2,2@3": lcore 0 is the control thread, on the usable CPUs that no worker has (on all when there are none left).
 * Workers' CPUs are usable ones. False: more than room. */
bool packet_lcores_text(const bool *usable, unsigned cpu_cnt, const unsigned *workers,
                        unsigned worker_cnt, char *out, size_t room);

/* A pool of cnt mbufs that hold frames of an MTU. Name is unique in the process. NULL: memory is out. */
struct rte_mempool *packet_pool_new(const char *name, unsigned cnt, unsigned mtu);

/* mbufs a worker should have: what memory_bytes allows for worker_cnt workers, about 4,096 to 16,384. */
unsigned packet_pool_size(uint64_t memory_bytes, unsigned worker_cnt, unsigned mtu);

struct packet_eal_port;

struct packet_eal_port_config {
	const char *
	        device; /* one of packet_eal_config.devices, the same text; or NULL and dpdk_port */
	int dpdk_port;  /* with device NULL: a port id, for example of packet_ring_pair() */
	struct packet_port_config
	        port;            /* mac, caps and worker_cnt are filled in from device and EAL */
	bool software_checksums; /* do not use the device's */
};

/* Configure queues (one pair a worker), offloads and RSS, start the port and make its packet_port. pools[i] feeds worker i's
 * receive queue. NULL and a text: no such device, too few queues, ... */
struct packet_eal_port *packet_eal_open(const struct packet_eal_port_config *c, unsigned worker_cnt,
                                        struct rte_mempool *const *pools, char *err);

struct packet_port *packet_eal_port(struct packet_eal_port *e);

/* What packet_new() wants for that worker. */
const struct packet_dev *packet_eal_dev(struct packet_eal_port *e, unsigned worker);

/* Stops the port and frees the packet_port; after packet_free() of all its packets. */
void packet_eal_close(struct packet_eal_port *e);

/* Two DPDK ports joined by rings, queues each, in memory only: *a and *b are port ids for packet_eal_port_config.dpdk_port.
 * 0 or -errno. */
int packet_ring_pair(const char *name, unsigned queues, unsigned ring_frames, int *a, int *b);

/* ---- idling: busy_poll auto ------------------------------------------------------------------------------------------ */

struct packet_idle {
	uint64_t since_us; /* the last turn that had work */
	bool always;       /* busy_poll: always */
};

/* How long to sleep after this turn, µs; 0: poll again. Spins for 50 µs after the last work, then sleeps shortly, after 5 ms of
 * silence longer, never over min(1 ms, bound_us). The caller goes rcu-offline around packet_sleep(). */
uint32_t packet_idle_us(struct packet_idle *i, bool worked, uint64_t now_us, uint64_t bound_us);
void packet_sleep(uint32_t us);
