/* SPDX-License-Identifier: BSD-3-Clause
 * worker.h - one core of the relay: everything that a connection needs, and the loop that turns it
 *
 * Why     Shared nothing: a connection lives and dies on the core that received its SYN, upstream half included.
 *         worker_turn() is pure over its devices and clock, so the node simulator runs it unchanged on a virtual clock.
 * Owner   worker_new() takes all memory; what env points to is the caller's and outlives the worker.
 * Thread  worker_turn(), worker_run(): one thread. worker_post(), worker_stop(): the control thread. Counters, histograms,
 *         the event ring, worker_memory(): any thread, relaxed reads.
 * Limit   Pools sized by worker_sizes() from one figure of memory.
 * Errors  worker_new(): NULL and a text, the operator's.
 */
#pragma once
#include "base/addr.h"
#include "base/counters.h"
#include "base/event.h"
#include "base/hist.h"
#include "base/limits.h"
#include "dataplane/limits.h"
#include "dataplane/packet/packet.h"
#include "dataplane/smtp/smtp_body.h"
#include "dataplane/tcp/tcp.h"
#include "dataplane/upstream/upstream_health.h"
#include "engine/engine.h"

struct worker;

#define LIMITS_PER_SESSION 4 /* entries of the table of limits: 164 bytes */

/* Objects of one worker. */
struct worker_sizes {
	uint32_t conns, sessions, messages, chunks, small_chunks, lines, upstream_conns, routes;
	uint32_t sources,
	        rcpts; /* entries of the tables of limits (its share of the node's) and of RCPT answers */
	uint64_t hold_bytes; /* budget of held mails */
};

/* From bytes for one worker, without mbufs. */
struct worker_sizes worker_sizes(uint64_t memory_bytes, uint64_t hold_bytes_of_one);

/* What an operator may change while the worker runs. */
struct worker_tunables {
	uint64_t max_message;
	uint32_t max_recipients, max_errors, max_idle; /* smtp_server_config */
	enum smtp_bare bare_newlines;
	bool rcpt_cache, reject_eightbit;
	uint64_t banner_delay_us, tarpit_us;
	uint64_t command_us, mail_us, rate_window_us, pressure_us;
	uint64_t min_rate; /* bytes a second; 0: any */
	uint64_t rcpt_deadline_us, final_deadline_us;
	uint64_t retry_min_us, retry_max_us, upstream_idle_us, connect_us;
	uint32_t max_connections, max_refusals, max_idle_resets;
	enum tcp_ecn ecn;
	uint64_t keep_idle_us, keep_interval_us; /* keep-alive, senders and servers; idle 0: none */
	uint8_t keep_cnt;
	struct limits_config limits;
	char postmaster_local[SMTP_LOCAL_MAX + 1],
	        postmaster_domain[SMTP_DOMAIN_MAX + 1]; /* "": none */
	struct addr_prefix proxies[64];
	uint32_t proxy_cnt;
};

/* Defaults of ctrl/settings.def. */
void worker_tunables_default(struct worker_tunables *t);

struct worker_config {
	unsigned worker, worker_cnt, node_number;
	const char *hostname;        /* at most SMTP_DOMAIN_MAX; outlives the worker */
	uint64_t hold_bytes;         /* a mail up to this size is held whole */
	uint64_t scan_budget_cycles; /* of scan slices a turn; 0: no bound (simulator) */
	uint64_t seed;               /* of all randomness and keys; 0: from the kernel */
	uint64_t now_us;             /* of the clock that worker_turn() will be given */
	struct worker_sizes sizes;
	struct worker_tunables tunables;
	struct {
		struct addr addr; /* all zero: any */
		uint16_t port;
		bool is_backup; /* of an MX; env.primaries_up has its primary's health */
	} listen[16];
	unsigned listen_cnt;
	bool count_cycles; /* read the TSC at every stage */
};

struct worker_port {
	struct packet_port *port;
	const struct packet_dev *dev; /* this worker's queue */
	struct rte_mempool *pool;
};

struct worker_env {
	struct worker_port ports[PORTS_MAX];
	unsigned port_cnt;
	struct engine_worker *engine;
	struct snapshot *const *snapshot; /* published; NULL inside: 421 until there is one */
	bool (*is_banned)(void *ctx, const struct addr *a); /* NULL: nobody is */
	void *ban_ctx;
	struct upstream_health_table *health; /* one a node */
	struct limits_table *limits;          /* one a node */
	struct event_ring *events;            /* this worker's */
	const uint32_t *primaries_up; /* ctrl.h, read relaxed; NULL: no listener is a backup */
};

/* NULL and a text in err[PACKET_ERROR_TEXT]. */
struct worker *worker_new(const struct worker_config *cfg, const struct worker_env *env, char *err);

/* Everything in flight is dropped without a segment. NULL is harmless. */
void worker_free(struct worker *w);

/* One turn of the loop at this time. True when there was anything to do. */
bool worker_turn(struct worker *w, uint64_t now_us, uint64_t wall_us);

/* When something is due (absolute, us), at most max_us from now; the simulator's next event. now_us itself: work is left. */
uint64_t worker_next_us(const struct worker *w, uint64_t now_us, uint64_t max_us);

/* Turn until worker_stop(), with RCU registered; the body of a worker's thread. Always 0. */
int worker_run(struct worker *w, bool busy_poll_always);
void worker_stop(struct worker *w);

/* Run fn(w, arg) on the worker, between two turns. False: 64 wait already. One thread may post. */
bool worker_post(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg);

/* ---- calls for worker_post(), or between turns ---- */

/* New sessions get 421, idle ones are ended, mails under way finish. false: undo. */
void worker_drain(struct worker *w, bool on);
bool worker_is_drained(const struct worker *w);
void worker_tune(struct worker *w, const struct worker_tunables *t);
/* Forget what is known of local@domain, "" all. Returns how many answers went. */
size_t worker_flush_rcpt(struct worker *w, struct span address);

/* ---- figures ---- */

enum worker_stage {
	STAGE_RX,
	STAGE_TCP_IN,
	STAGE_SESSIONS,
	STAGE_SCAN,
	STAGE_TCP_OUT,
	STAGE_TX,
	STAGE_WHEEL,
	STAGE_RINGS,
	WORKER_STAGES
};

extern const char *const worker_stage_names[WORKER_STAGES];

enum worker_hist {
	HIST_RCPT_US, /* RCPT to its answer */
	HIST_MAIL_US, /* last byte to final reply */
	HIST_SCAN_US, /* last byte to verdict */
	HIST_TURN_CYCLES,
	HIST_STAGE0, /* cycles of each stage in turns that had work */
	WORKER_HISTS = HIST_STAGE0 + WORKER_STAGES
};

const struct hist *worker_hist(const struct worker *w, enum worker_hist h);

/* Counter sets of this worker: session, message, upstream, tcp, packet of each port, worker, engine. Returns how many. */
size_t worker_counter_sets(const struct worker *w, struct counter_set *out, size_t max);
const uint64_t *worker_busy_cycles(const struct worker *w);
const uint64_t *worker_idle_cycles(const struct worker *w);

struct worker_memory_row {
	const char *name;
	uint64_t used_cnt, used_bytes, room_bytes, failed_cnt;
};
size_t worker_memory(const struct worker *w, struct worker_memory_row *out, size_t max);

/* What must be zero once every sender went and every server answered; warm connections are not counted. For tests. */
struct worker_leaks {
	uint32_t sessions, messages, chunks, small_chunks, lines, jobs, timers, routes_held,
	        upstream_waiting;
	uint64_t hold_bytes;
};
void worker_get_leaks(const struct worker *w, struct worker_leaks *out);
