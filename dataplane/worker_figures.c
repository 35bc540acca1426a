/* SPDX-License-Identifier: BSD-3-Clause
 * worker_figures.c - what a worker counts and holds, for control, bench and tests
 */
#include "dataplane/message.h"
#include "dataplane/worker_internal.h"

const struct counter_desc session_counter_desc[] = {
#define COUNTER COUNTER_DESC
#include "dataplane/session_counters.def"
#undef COUNTER
};

static const struct counter_desc message_desc[] = {
#define COUNTER COUNTER_DESC
#include "dataplane/message_counters.def"
#undef COUNTER
};

static const struct counter_desc worker_desc[] = {
#define COUNTER COUNTER_DESC
#include "dataplane/worker_counters.def"
#undef COUNTER
};

const char *const worker_stage_names[WORKER_STAGES] = {
	[STAGE_RX] = "rx",       [STAGE_TCP_IN] = "tcp_in",   [STAGE_SESSIONS] = "sessions",
	[STAGE_SCAN] = "scan",   [STAGE_TCP_OUT] = "tcp_out", [STAGE_TX] = "tx",
	[STAGE_WHEEL] = "wheel", [STAGE_RINGS] = "rings",
};

const struct hist *
worker_hist(const struct worker *w, enum worker_hist h)
{
	return &w->hists[h];
}

const uint64_t *
worker_busy_cycles(const struct worker *w)
{
	return &w->n_worker.busy_cycles;
}

const uint64_t *
worker_idle_cycles(const struct worker *w)
{
	return &w->n_worker.idle_cycles;
}

size_t
worker_counter_sets(const struct worker *w, struct counter_set *out, size_t max)
{
	const struct counter_set own[] = {
		{ "session", session_counter_desc, ARRAY_LEN(session_counter_desc),
		  (const uint64_t *)&w->n_session },
		{ "message", message_desc, ARRAY_LEN(message_desc),
		  (const uint64_t *)&w->n_message },
		{ "upstream", upstream_counter_desc, UPSTREAM_COUNTERS,
		  (const uint64_t *)&w->n_upstream },
		{ "tcp", tcp_counter_desc, TCP_COUNTERS, (const uint64_t *)&w->n_tcp },
		{ "worker", worker_desc, ARRAY_LEN(worker_desc), (const uint64_t *)&w->n_worker },
		{ "engine", engine_counter_desc, engine_counter_desc_cnt,
		  (const uint64_t *)engine_worker_counters(w->env.engine) },
	};
	size_t n = 0;

	for (; n < MIN(ARRAY_LEN(own), max); n++)
		out[n] = own[n];
	for (unsigned i = 0; i < w->env.port_cnt && n < max; i++)
		out[n++] = (struct counter_set){ "packet", packet_counter_desc, PACKET_COUNTERS,
			                         (const uint64_t *)packet_counters(w->packets[i]) };
	return n;
}

static void
pool_row(const struct pool *p, struct worker_memory_row *out)
{
	out->name = p->name;
	out->used_cnt = p->used_cnt;
	out->used_bytes = p->used_cnt * p->object_bytes;
	out->room_bytes = p->cnt * p->object_bytes;
	out->failed_cnt = p->failed_cnt;
}

/* Reads figures that the worker writes: each is one aligned word, so it is old at worst. */
size_t
worker_memory(const struct worker *w, struct worker_memory_row *out, size_t max)
{
	const struct pool *const pools[] = { &w->sessions, &w->messages, &w->chunks,
		                             &w->small_chunks, &w->lines };
	struct tcp_usage u;
	size_t n = 0;

	for (; n < MIN(ARRAY_LEN(pools), max); n++)
		pool_row(pools[n], &out[n]);
	if (n == max)
		return n;
	tcp_get_usage(w->tcp, &u);
	out[n++] = (struct worker_memory_row){ "connections", u.conns, (uint64_t)u.conns * 256,
		                               (uint64_t)w->cfg.sizes.conns * 256, 0 };
	return n;
}

void
worker_get_leaks(const struct worker *w, struct worker_leaks *out)
{
	struct upstream_usage u;

	upstream_get_usage(w->upstream, &u);
	*out = (struct worker_leaks){ .sessions = w->sessions.used_cnt,
		                      .messages = w->messages.used_cnt,
		                      .chunks = w->chunks.used_cnt,
		                      .small_chunks = w->small_chunks.used_cnt - 1, /* the dot */
		                      .lines = w->lines.used_cnt,
		                      .timers = w->wheel.armed_cnt,
		                      .routes_held = u.routes_held,
		                      .upstream_waiting = u.waiting,
		                      .hold_bytes = w->hold_used };
	for (const struct list *it = w->scan_running.next; it != &w->scan_running; it = it->next)
		out->jobs++;
}
