/* SPDX-License-Identifier: BSD-3-Clause
 * main_wire.h - what a booted node consists of, and how settings become the parts' configurations
 *
 * Owner   main_boot.c, of struct boot.
 * Thread  The main thread; calls of struct ctrl_node come on control's.
 */
#pragma once
#include "dataplane/main_boot.h"
#include <pthread.h>

struct boot_lcore {
	struct worker *worker;
	bool busy_poll_always;
};

struct boot {
	const struct settings *settings;
	struct boot_options options;
	struct claim *claim;
	bool is_eal_up;
	unsigned worker_cnt, running_cnt, port_cnt;
	uint64_t cycles_per_second;
	struct rte_mempool *pools[WORKERS_MAX];
	struct packet_eal_port *ports[PORTS_MAX];
	struct engine_worker *engines[WORKERS_MAX];
	struct event_ring events[WORKERS_MAX];
	struct worker *workers[WORKERS_MAX];
	struct boot_lcore lcores[WORKERS_MAX];
	struct upstream_health_table *health;
	struct limits_table *limits;
	struct ctrl_published published;
	uint32_t primaries_up; /* control writes, workers read: ctrl.h */
	struct ctrl_node node;
	struct ctrl_worker rows[WORKERS_MAX];
	struct ctrl_hist hists[WORKERS_MAX][WORKER_HISTS];
	char hist_labels[WORKERS_MAX][WORKER_HISTS][64];
	struct ctrl *ctrl;
	pthread_mutex_t
	        post_lock; /* worker_post() takes one poster at a time; also guards running_cnt */
	bool stopping;     /* relaxed: a capture looks at it and ends early */
};

/* Bytes that EAL gets of dataplane.memory, for packet buffers. */
uint64_t boot_eal_bytes(const struct settings *s);

/* False with a text on stderr. */
bool boot_port_config(const struct settings_port *p, const struct packet_key *key,
                      struct packet_port_config *out);
void boot_worker_config(const struct settings *s, unsigned worker, unsigned worker_cnt,
                        struct worker_config *out);

/* Fills b->node, b->rows. */
void boot_wire_ctrl(struct boot *b);

/* weirctl capture (ctrl.h: capture), on the thread of its connection. */
int boot_capture(void *ctx, const char *filter, uint64_t count, uint64_t seconds, const char *path,
                 uint64_t *captured, char *err);

struct owner {
	uid_t uid;
	gid_t gid;
};

/*
 * What weir made as root becomes `to`'s: in node.state_dir what has a name of weir's, the control socket, its lock and the log. No
 * symbolic link is followed, nothing that is not root's changes. -EPERM with a text on stderr: the folder is not weir's own.
 */
int boot_hand_over(const struct settings *s, const struct owner *to);
