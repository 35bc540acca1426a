/* SPDX-License-Identifier: BSD-3-Clause
 * engine_attach.h - tie a snapshot to a worker before it is published, and untie it when nobody pins it
 *
 * Why     Both doors need it: engine.h (whoever makes workers) and snapshot.h (control, which swaps generations).
 * Owner   The worker's match data of a snapshot lives from attach to detach.
 * Thread  Control. Pins: see engine.h.
 */
#pragma once
#include "base/base.h"

struct snapshot;
struct engine_worker;

/* Make streams and scratch for s; before publishing. 0, -ENOMEM, -EBUSY (slot still attached to another one). */
int engine_worker_attach(struct engine_worker *w, const struct snapshot *s);
void engine_worker_detach(struct engine_worker *w,
                          const struct snapshot *s); /* only when not pinned */
bool engine_worker_is_pinned(const struct engine_worker *w, const struct snapshot *s);

/* Too many generations live: jobs of s are to begin again on the current one (engine_job_is_evicted). */
void engine_worker_evict(struct engine_worker *w, const struct snapshot *s);
