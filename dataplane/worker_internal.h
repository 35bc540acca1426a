/* SPDX-License-Identifier: BSD-3-Clause
 * worker_internal.h - struct worker, for worker, session and message alone
 */
#pragma once
#include "base/chunk.h"
#include "base/msgid.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "dataplane/limits.h"
#include "dataplane/smtp/smtp_server.h"
#include "dataplane/tcp/tcp.h"
#include "dataplane/upstream/rcpt_cache.h"
#include "dataplane/upstream/upstream.h"
#include "dataplane/worker.h"

#define SMALL_CHUNK_BYTES 2048 /* a Received field, added headers, replies that wait */
#define WORKER_OUT        16384
#define WORKER_POSTS      64
#define PRESSURE_TICK_US  1000000

enum wheel_kinds {
	WHEEL_TCP,
	WHEEL_UPSTREAM = WHEEL_TCP + TCP_WHEEL_KINDS,
	WHEEL_SESSION = WHEEL_UPSTREAM + UPSTREAM_WHEEL_KINDS,
	WHEEL_MESSAGE,
};

struct session_counters {
#define COUNTER COUNTER_FIELD
#include "dataplane/session_counters.def"
#undef COUNTER
};

extern const struct counter_desc session_counter_desc[];

struct message_counters {
#define COUNTER COUNTER_FIELD
#include "dataplane/message_counters.def"
#undef COUNTER
};

struct worker_counters {
#define COUNTER COUNTER_FIELD
#include "dataplane/worker_counters.def"
#undef COUNTER
};

struct worker {
	struct worker_config cfg;
	struct worker_env env;
	uint64_t now_us, wall_us;
	const struct snapshot *snapshot; /* of this turn */

	struct packet *packets[PORTS_MAX];
	struct tcp_stack *tcp;
	struct upstream *upstream;
	struct rcpt_cache rcpts;
	struct memo
	        splits; /* (client /24, sender, recipient) -> group of its last verdict (decisions 6) */
	struct siphash_key split_key;
	struct limits limits;
	struct smtp_server_config smtp;
	struct rng rng;
	struct wheel wheel;

	struct pool sessions, messages, chunks, small_chunks, lines;
	struct list session_list, message_list;
	struct chunk *dot; /* one '.', shared by every stuffed body */
	uint32_t id_seq;
	bool draining;

	/* scan (message_scan.c) */
	struct list scan_small, scan_large; /* mails that wait for a job, first come first served */
	struct list scan_running;           /* at most ENGINE_SLOTS */
	struct list
	        scan_kept; /* streamed mails that keep their window's generation for their end */

	/* hold budget (message_body.c) */
	uint64_t hold_used, hold_budget;
	struct list in_body;  /* mails whose body comes in */
	uint32_t starved_cnt; /* of them, those whose sender's window is shut for lack of room */
	uint64_t pressure_due_us;

	struct smtp_out out; /* replies of the session at hand; empty between calls */
	char out_bytes[WORKER_OUT];

	struct session_counters n_session;
	struct message_counters n_message;
	struct worker_counters n_worker;
	struct upstream_counters n_upstream;
	struct tcp_counters n_tcp;
	struct hist hists[WORKER_HISTS];

	/* commands of control: one producer (tail release), this worker takes (head) */
	struct {
		void (*fn)(struct worker *w, void *arg);
		void *arg;
	} posts[WORKER_POSTS];
	uint32_t post_head;
	uint32_t post_tail;
	bool stop; /* relaxed: the loop looks at it every turn */
};

static inline uint64_t
worker_next_id(struct worker *w)
{
	return msgid_make(w->wall_us, w->cfg.node_number, w->cfg.worker, w->id_seq++);
}

/* A mail of the largest held size might find no room any more. */
static inline bool
worker_has_pressure(const struct worker *w)
{
	return w->hold_used + MIN(w->cfg.hold_bytes, w->hold_budget / 16) > w->hold_budget / 4 * 3;
}

/* smtp's configuration from the tunables. */
void worker_seal_smtp(struct worker *w);

/* What TCP takes of them, now and at a reload. */
void worker_tune_tcp(struct worker *w);
