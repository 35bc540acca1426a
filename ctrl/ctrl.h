/* SPDX-License-Identifier: BSD-3-Clause
 * ctrl.h - the slow path of a node: what main starts beside the workers
 *
 * Why     Reads settings' store and rules, builds snapshots aside, proves, saves, attaches and publishes them (RCU, QSBR
 *         flavour); answers weirctl on the control socket and scrapers over HTTP; writes the log; keeps the ban table.
 *         The data plane is seen through struct ctrl_node alone, which main fills in.
 * Owner   ctrl_new() copies the struct; what it points to is main's and lives until ctrl_free().
 * Thread  main's thread calls everything here. ctrl_start() makes the control thread, the build thread, the log thread and the
 *         HTTP thread; a weirctl connection has a thread of its own. Node calls come from all of these but the log, one at a time
 *         under a lock of ctrl; capture alone runs beside them, on its connection's thread, one capture at a time.
 * Errors  Kind 2: texts on stderr before the log is open, in the log after; -errno.
 */
#pragma once
#include "base/counters.h"
#include "base/event.h"
#include "base/hist.h"
#include "ctrl/settings.h"
#include "engine/snapshot.h"

struct ctrl;
struct ban_set;
struct engine_worker;

/* What workers read. Both pointers are published with rcu_assign_pointer() and read with rcu_dereference(). */
struct ctrl_published {
	struct snapshot *snapshot; /* never NULL once ctrl_start() returned 0 */
	struct ban_set *bans;      /* may be NULL: nobody is banned */
};

/* Is `a` in the set? NULL set: no. Pure, about 30 ns; any thread between two quiescent states. */
bool ban_set_has(const struct ban_set *b, const struct addr *a);

/* One row of memory for `weirctl status` and /metrics: bytes in use by object type. */
struct ctrl_memory_row {
	const char *name; /* "sessions", "connections", "chunks" ... */
	uint64_t used_cnt, used_bytes, room_bytes, failed_cnt;
};

/* One histogram for /metrics. */
struct ctrl_hist {
	const char *metric; /* "weir_message_duration_seconds" */
	const char *labels, *help;
	double unit; /* seconds in one step of the histogram: 1e-6 for us */
	const struct hist *hist;
};

struct ctrl_port_row {
	char device[64];
	char addresses[256]; /* joined by blanks */
	bool up;
};

#define CTRL_SETS_MAX 12

/* One worker as control sees it. All pointers stay valid until ctrl_free(). */
struct ctrl_worker {
	unsigned cpu;
	struct event_ring *events;
	struct engine_worker *engine;
	struct counter_set sets[CTRL_SETS_MAX];
	size_t set_cnt;
	const struct ctrl_hist *hists;
	size_t hist_cnt;
	const uint64_t *busy_cycles, *idle_cycles; /* since start; relaxed reads */
};

/*
 * Calls into the data plane; each may block for some turns of the workers. NULL: not offered. What `weirctl status` and `top`
 * rows show comes from counters of these metrics, whichever folder has them: weir_mails_total{result="…"},
 * weir_mails_in_flight, weir_refusals_total{filter="…"}, weir_sessions (open now), *_drops_total.
 */
struct ctrl_node {
	void *ctx;
	const struct ctrl_worker *workers;
	size_t worker_cnt;
	struct ctrl_published *published;
	uint32_t *
	        primaries_up; /* written relaxed: bit i: listen[i] is a backup whose primary greets; NULL: not asked */

	/* Rows summed over the workers; returns how many were written. */
	size_t (*memory)(void *ctx, struct ctrl_memory_row *out, size_t max);
	size_t (*ports)(void *ctx, struct ctrl_port_row *out, size_t max);

	/* Refuse new work and finish what was accepted; returns at once. is_drained() says when all is done. */
	void (*drain)(void *ctx, bool on);
	bool (*is_drained)(void *ctx);

	/* Forget cached RCPT answers for this mailbox ("" all); returns how many went. */
	size_t (*flush_rcpt)(void *ctx, struct span address);

	/* Settings that a reload may change were read again: take them over. Copy what is kept: s lives until the next call. */
	void (*settings_changed)(void *ctx, const struct settings *s);

	/* weirctl capture: frames that pass `filter` go to `path` (pcapng) until count or seconds. 0, or -errno and err[256].
	 * Returns when done. */
	int (*capture)(void *ctx, const char *filter, uint64_t count, uint64_t seconds,
	               const char *path, uint64_t *captured, char *err);
};

/* Opens store, log, socket, HTTP; builds the first snapshot (or loads the last saved one). NULL: texts were printed. The caller
 * holds the claim on state_dir and socket (claim.h). */
struct ctrl *ctrl_new(const struct settings *s, const struct ctrl_node *node);

/*
 * Attaches and publishes the first snapshot and starts the threads. Call before the workers run: they find a snapshot.
 * 0 or -errno.
 */
int ctrl_start(struct ctrl *c);

/* Async-signal-safe nudges for signal handlers. */
void ctrl_request_reload(struct ctrl *c); /* SIGHUP: reload, and reopen the log */

/* What /readyz, metrics and status say, and a log line; whoever asked for the drain. Any thread. */
void ctrl_set_draining(struct ctrl *c, bool on);

/* Stops the threads once every event was written. The workers must have ended. */
void ctrl_stop(struct ctrl *c);
void ctrl_free(struct ctrl *c);

/* `weirctl check` and the start of weir: settings, store and rules as ctrl_new() would take them, nothing opened. Prints all
 * errors to `out`; 0 or -EINVAL. */
int ctrl_check(const struct settings *s, FILE *out);
