/* SPDX-License-Identifier: BSD-3-Clause
 * generations.c - live snapshots: attach, publish, and free when no worker can reach them
 *
 * A snapshot is reachable by a worker (1) through the published pointer: over after a grace period; (2) through a scan job that
 * pinned it: over when the pin count, read after that grace period, is 0 (engine.h: Pins).
 */
#include "ctrl/ctrl_internal.h"
#include "base/clock.h"
#include <unistd.h>
#include <urcu-qsbr.h>

#define EVICT_AFTER_US                                                                             \
	2000000 /* wait so long for jobs to end by themselves when every slot is taken */

static bool
is_pinned(const struct ctrl *c, const struct snapshot *s)
{
	for (size_t i = 0; i < c->node.worker_cnt; i++)
		if (engine_worker_is_pinned(c->node.workers[i].engine, s))
			return true;
	return false;
}

static void
detach(const struct ctrl *c, const struct snapshot *s, size_t worker_cnt)
{
	for (size_t i = 0; i < worker_cnt; i++)
		engine_worker_detach(c->node.workers[i].engine, s);
}

static int
attach(const struct ctrl *c, const struct snapshot *s)
{
	for (size_t i = 0; i < c->node.worker_cnt; i++) {
		int ret = engine_worker_attach(c->node.workers[i].engine, s);

		if (ret < 0) {
			detach(c, s, i);
			return ret;
		}
	}
	return 0;
}

/* All but the newest were replaced before the last grace period, which every publication waits for. */
void
generation_retire(struct ctrl *c)
{
	struct snapshot *gone[GENERATIONS_LIVE_MAX];
	size_t gone_cnt = 0, kept = 0;

	pthread_mutex_lock(&c->live_lock);
	for (size_t i = 0; i < c->live_cnt; i++) {
		struct generation g = c->live[i];

		if (i + 1 < c->live_cnt && !is_pinned(c, g.snapshot)) {
			detach(c, g.snapshot, c->node.worker_cnt);
			gone[gone_cnt++] = g.snapshot;
		} else {
			c->live[kept++] = g;
		}
	}
	c->live_cnt = kept;
	pthread_mutex_unlock(&c->live_lock);
	for (size_t i = 0; i < gone_cnt; i++)
		snapshot_free(gone[i]);
}

static void
evict_oldest(struct ctrl *c)
{
	for (size_t i = 0; i < c->node.worker_cnt; i++)
		engine_worker_evict(c->node.workers[i].engine, c->live[0].snapshot);
}

static bool
slot_is_free(const struct ctrl *c, uint64_t number)
{
	for (size_t i = 0; i < c->live_cnt; i++)
		if (c->live[i].number % GENERATIONS_LIVE_MAX == number % GENERATIONS_LIVE_MAX)
			return false;
	return true;
}

uint64_t
generation_next(struct ctrl *c)
{
	uint64_t begun_us = clock_mono_us(), n;

	while (c->live_cnt == GENERATIONS_LIVE_MAX) {
		if (clock_mono_us() - begun_us > EVICT_AFTER_US)
			evict_oldest(c);
		usleep(1000);
		generation_retire(c);
	}
	for (n = c->last_generation + 1; !slot_is_free(c, n);)
		n++;
	return n;
}

int
generation_publish(struct ctrl *c, struct snapshot *s)
{
	int ret = attach(c, s);

	if (ret < 0) {
		snapshot_free(s);
		return ret;
	}
	pthread_mutex_lock(&c->live_lock);
	BUG_ON(c->live_cnt == GENERATIONS_LIVE_MAX);
	c->last_generation = snapshot_generation(s);
	c->live[c->live_cnt++] = (struct generation){ s, c->last_generation };
	c->published_wall_us = clock_wall_us();
	/* Release: pairs with the workers' rcu_dereference(), so they find the match data that attach() made. */
	rcu_assign_pointer(c->node.published->snapshot, s);
	pthread_mutex_unlock(&c->live_lock);
	urcu_qsbr_synchronize_rcu();
	generation_retire(c);
	return 0;
}

/* The workers have ended. */
void
generation_fini(struct ctrl *c)
{
	for (size_t i = 0; i < c->live_cnt; i++) {
		detach(c, c->live[i].snapshot, c->node.worker_cnt);
		snapshot_free(c->live[i].snapshot);
	}
	c->live_cnt = 0;
	c->node.published->snapshot = NULL;
}
