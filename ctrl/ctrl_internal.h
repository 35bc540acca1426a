/* SPDX-License-Identifier: BSD-3-Clause
 * ctrl_internal.h - the parts of control among themselves: generations, bans, socket, HTTP, figures
 *
 * Owner   struct ctrl owns all of it.
 * Thread  Control thread: tick, accept. Build thread: builds, publishes, retires. A thread a connection. MHD's thread. Log thread.
 *         Locks, taken in this order, never two of the same: build.lock, node_lock, live_lock, ban_lock.
 */
#pragma once
#include "ctrl/primaries.h"
#include "ctrl/bans.h"
#include "ctrl/build.h"
#include "ctrl/ctrl.h"
#include "ctrl/log.h"
#include <pthread.h>

#define RATE_SECONDS 10

struct MHD_Daemon;

struct generation {
	struct snapshot *snapshot;
	uint64_t number;
};

/* What the last reload said; guarded by build.lock. */
struct reload_outcome {
	bool is_ok;
	uint64_t generation, took_us;
	json_t *errors, *warnings; /* arrays of texts */
};

struct builder {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	bool is_running, stop;
	uint64_t wanted, begun,
	        finished; /* tickets: a reload answers all requests made before it began */
	char why[64];
	bool wants_all; /* not only rows of the store */
	struct reload_outcome outcome;
	uint64_t ok_cnt, refused_cnt;
};

struct rates { /* the control thread's tick, read by status under tick_lock */
	uint64_t mails[RATE_SECONDS + 1], at_us[RATE_SECONDS + 1];
	unsigned head, cnt;
	uint64_t busy[WORKERS_MAX], idle[WORKERS_MAX];
	double busy_ratio[WORKERS_MAX];
};

struct ctrl {
	const struct settings *settings; /* main's: what START keys hold */
	struct settings now, before;     /* as last reloaded; .path NULL: none yet. Build thread. */
	struct ctrl_node node;
	uint64_t start_us, start_wall_us;

	struct builder build;
	struct store *store; /* build thread */
	uint64_t store_base; /* the store's generation when all tables were built; build thread */
	bool has_store_base;
	struct store *store_poll; /* control thread: tells other processes' commits */

	pthread_mutex_t node_lock; /* one call into the node at a time */
	pthread_mutex_t capture_lock;

	pthread_mutex_t live_lock; /* generations: who holds it may use the newest snapshot */
	struct generation live[GENERATIONS_LIVE_MAX];
	size_t live_cnt; /* the newest is the last */
	uint64_t last_generation, published_wall_us;
	char *running_on; /* why it runs on saved inputs; NULL: it does not */

	pthread_mutex_t ban_lock;
	struct ban_list bans;
	char ban_path[4096];

	struct log *log;
	struct MHD_Daemon *http;
	bool is_draining; /* relaxed */

	pthread_t thread;
	bool is_running;
	int listen_fd, wake_fd; /* wake_fd: eventfd; its count means "reload", or stop is set */
	bool stop;
	pthread_mutex_t conn_lock;
	int conn_fds[32]; /* PROTOCOL_CONNS of them; -1: free */
	uint32_t conn_cnt;

	pthread_mutex_t tick_lock;
	struct rates rates;
	struct primaries primaries;
	uint64_t tick_us, feed_checked_us[FEEDS_MAX];
	int64_t feed_mtime[FEEDS_MAX];
};

/* ---- publish.c ---- */

int publish_init(struct ctrl *c);  /* opens the stores */
int publish_first(struct ctrl *c); /* builds or loads, attaches, publishes */
int publish_start(struct ctrl *c);
void publish_stop(struct ctrl *c);
void publish_fini(struct ctrl *c);
/* Asks for a reload and does not wait. is_rows: of what changed in the store, no more. */
void publish_request(struct ctrl *c, const char *why, bool is_rows);
/* Asks and waits; *out's arrays are the caller's. False when control stops. */
bool publish_reload(struct ctrl *c, const char *why, struct reload_outcome *out);
/* The newest snapshot, with live_lock taken; give it back by publish_unlock(). */
const struct snapshot *publish_lock(struct ctrl *c);
void publish_unlock(struct ctrl *c);
/* Settings as last reloaded. Under build.lock, or on the build thread. */
const struct settings *publish_settings(const struct ctrl *c);

/* ---- generations.c: live_lock inside ---- */

/* A number whose slot is free; waits for old generations to go, evicting their jobs, when all slots are taken. */
uint64_t generation_next(struct ctrl *c);
/* Attach, publish, retire what can go. Takes s. 0 or -errno (s was freed). */
int generation_publish(struct ctrl *c, struct snapshot *s);
/* Frees what nobody pins any more. */
void generation_retire(struct ctrl *c);
void generation_fini(struct ctrl *c);

/* ---- ban_control.c ---- */

int bans_init(struct ctrl *c);
int bans_add(struct ctrl *c, const struct ban *b);
int bans_del(struct ctrl *c, const struct addr_prefix *p);
void bans_tick(struct ctrl *c, uint64_t wall_us);
json_t *bans_json(struct ctrl *c);
void bans_fini(struct ctrl *c);

/* ---- socket.c: the control socket ---- */

int socket_open(struct ctrl *c);
void socket_accept(struct ctrl *c);
bool socket_close(struct ctrl *c); /* false: a connection did not end in time and still uses c */

/* ---- commands.c ---- */

/* Answers one request; never NULL. */
json_t *command_run(struct ctrl *c, const json_t *request);

/* ---- figures: metrics.c, status.c ---- */

/* Sum over workers and folders of every counter of this metric whose labels hold `label` ("" any). */
uint64_t figure_sum(const struct ctrl *c, const char *metric, const char *label);
/* Same for all metrics whose name ends so. */
uint64_t figure_sum_ending(const struct ctrl *c, const char *end);
/* The whole page; OpenMetrics, or Prometheus' text format 0.0.4. */
void metrics_print(struct ctrl *c, FILE *out, bool is_open);
json_t *status_json(struct ctrl *c);
json_t *errors_json(struct ctrl *c);
void rates_tick(struct ctrl *c, uint64_t now_us);
double rates_mails(struct ctrl *c);

/* ---- http.c ---- */

int http_start(struct ctrl *c);
void http_stop(struct ctrl *c);

/* ---- check.c ---- */

/* dataplane.cores names CPUs that this machine has. */
int check_cores(const struct settings *s, FILE *out);
