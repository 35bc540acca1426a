/* SPDX-License-Identifier: BSD-3-Clause
 * worker.c - the loop of one core
 */
#include "dataplane/worker.h"
#include "base/clock.h"
#include "dataplane/message.h"
#include "dataplane/packet/packet_eal.h"
#include "dataplane/worker_internal.h"
#include <urcu-qsbr.h>

#define TIMERS_A_TURN 4096

/* ---- the loop ---- */

struct stopwatch {
	struct worker *w;
	uint64_t at, spent[WORKER_STAGES];
};

static void
lap(struct stopwatch *s, enum worker_stage stage)
{
	uint64_t now;

	if (!s->w->cfg.count_cycles)
		return;
	now = clock_cycles();
	s->spent[stage] += now - s->at;
	s->at = now;
}

static void
book(struct stopwatch *s, bool worked, uint64_t began)
{
	struct worker *w = s->w;
	uint64_t *stages =
	        &w->n_worker.stage_rx; /* rows of worker_counters.def in the order of the enum */

	counter_inc(worked ? &w->n_worker.turns : &w->n_worker.idle_turns);
	if (!w->cfg.count_cycles)
		return;
	counter_add(worked ? &w->n_worker.busy_cycles : &w->n_worker.idle_cycles, s->at - began);
	if (!worked)
		return;
	hist_add(&w->hists[HIST_TURN_CYCLES], s->at - began);
	for (unsigned i = 0; i < WORKER_STAGES; i++) {
		counter_add(&stages[i], s->spent[i]);
		hist_add(&w->hists[HIST_STAGE0 + i], s->spent[i]);
	}
}

static bool
run_posts(struct worker *w)
{
	bool any = false;

	while (w->post_head != __atomic_load_n(&w->post_tail, __ATOMIC_ACQUIRE)) {
		unsigned i = w->post_head % WORKER_POSTS;

		w->posts[i].fn(w, w->posts[i].arg);
		__atomic_store_n(&w->post_head, w->post_head + 1, __ATOMIC_RELEASE);
		any = true;
	}
	return any;
}

static bool
turn_timers(struct worker *w)
{
	bool any = wheel_turn(&w->wheel, w->now_us, TIMERS_A_TURN) > 0;

	if (w->now_us >= w->pressure_due_us) {
		w->pressure_due_us = w->now_us + PRESSURE_TICK_US;
		if (w->starved_cnt > 0 || worker_has_pressure(w)) {
			message_pressure_turn(w);
			any = true;
		}
	}
	return any;
}

static void
send_all(struct worker *w)
{
	tcp_flush(w->tcp, w->now_us);
	for (unsigned i = 0; i < w->env.port_cnt; i++)
		packet_flush(w->packets[i]);
}

bool
worker_turn(struct worker *w, uint64_t now_us, uint64_t wall_us)
{
	struct packet_in in[PACKET_IN_MAX];
	uint64_t began = w->cfg.count_cycles ? clock_cycles() : 0;
	struct stopwatch watch = { .w = w, .at = began };
	bool worked = false, late = false;

	w->now_us = now_us;
	w->wall_us = wall_us;
	w->snapshot = rcu_dereference(*w->env.snapshot);
	upstream_set_time(w->upstream, now_us, wall_us);
	for (unsigned i = 0; i < w->env.port_cnt; i++) {
		bool busy = false;
		unsigned n = packet_rx(w->packets[i], now_us, in, PACKET_IN_MAX, &busy);

		lap(&watch, STAGE_RX);
		tcp_input_burst(w->tcp, in, n, now_us);
		lap(&watch, STAGE_TCP_IN);
		worked = worked || busy || n > 0;
	}
	worked = tcp_ready(w->tcp, now_us) > 0 || worked;
	lap(&watch, STAGE_SESSIONS);
	worked = message_scan_turn(w) || worked;
	lap(&watch, STAGE_SCAN);
	tcp_flush(w->tcp, now_us);
	lap(&watch, STAGE_TCP_OUT);
	for (unsigned i = 0; i < w->env.port_cnt; i++)
		packet_flush(w->packets[i]);
	lap(&watch, STAGE_TX);
	late = turn_timers(w);
	lap(&watch, STAGE_WHEEL);
	late = run_posts(w) || late;
	if (late)
		send_all(w);
	lap(&watch, STAGE_RINGS);
	worked = worked || late;
	book(&watch, worked, began);
	return worked;
}

uint64_t
worker_next_us(const struct worker *w, uint64_t now_us, uint64_t max_us)
{
	uint64_t next = now_us + wheel_next_us(&w->wheel, now_us, max_us);

	if (message_scan_is_waiting(w))
		return now_us;
	for (unsigned i = 0; i < w->env.port_cnt; i++)
		next = MIN(next, packet_next_us(w->packets[i]));
	if (w->starved_cnt > 0 || worker_has_pressure(w))
		next = MIN(next, w->pressure_due_us);
	return MAX(next, now_us);
}

int
worker_run(struct worker *w, bool busy_poll_always)
{
	struct packet_idle idle = { .since_us = clock_mono_us(), .always = busy_poll_always };

	rcu_register_thread();
	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		uint64_t now = clock_mono_us();
		bool worked = worker_turn(w, now, clock_wall_us());
		uint32_t us;

		w->snapshot = NULL; /* nothing of it outlives the turn but what a job pins */
		rcu_quiescent_state();
		us = packet_idle_us(&idle, worked, now, worker_next_us(w, now, 1000) - now);
		if (us == 0)
			continue;
		counter_inc(&w->n_worker.sleeps);
		rcu_thread_offline();
		packet_sleep(us);
		rcu_thread_online();
	}
	rcu_unregister_thread();
	return 0;
}

void
worker_stop(struct worker *w)
{
	__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
}

bool
worker_post(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg)
{
	uint32_t tail = w->post_tail;

	if (tail - __atomic_load_n(&w->post_head, __ATOMIC_ACQUIRE) == WORKER_POSTS)
		return false;
	w->posts[tail % WORKER_POSTS].fn = fn;
	w->posts[tail % WORKER_POSTS].arg = arg;
	__atomic_store_n(&w->post_tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}
