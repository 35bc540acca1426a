/* SPDX-License-Identifier: BSD-3-Clause
 * wheel.h - hierarchical timing wheel, one a worker: 1 ms ticks, four levels of 256 slots (49 days)
 *
 * Why     Re-arming is the common operation and must cost nothing: set a later due time in your own struct and let the
 *         timer fire early, then re-arm for the rest (lazy). wheel_arm() itself is O(1).
 * RFC     Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", scheme 7.
 * Owner   The timer lives in its owner's struct; the owner cancels it before that memory goes.
 * Thread  The worker.
 */
#pragma once
#include "base/base.h"

#define WHEEL_LEVELS 4
#define WHEEL_SLOTS  256

struct wheel_timer {
	struct list link; /* must be list_init()ed by wheel_timer_init() */
	uint32_t due_ms;  /* absolute, in wheel time */
	uint32_t kind;    /* index into the wheel's table of callbacks */
};

typedef void (*wheel_fn)(void *ctx, struct wheel_timer *t, uint64_t now_us);

#define WHEEL_KINDS_MAX 16

struct wheel {
	uint32_t now_ms;
	uint32_t armed_cnt;
	struct {
		wheel_fn fn;
		void *ctx;
	} kinds[WHEEL_KINDS_MAX];
	struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, uint64_t now_us);

/* What timers of this kind call; ctx is handed back. Set once, before the first timer of that kind is armed. */
void wheel_set_kind(struct wheel *w, uint32_t kind, wheel_fn fn, void *ctx);

static inline void
wheel_timer_init(struct wheel_timer *t, uint32_t kind)
{
	list_init(&t->link);
	t->kind = kind;
	t->due_ms = 0;
}

static inline bool
wheel_is_armed(const struct wheel_timer *t)
{
	return !list_is_empty(&t->link);
}

/* Due at absolute time due_us, rounded up to the next ms and never before the next tick. Armed already: moved. */
void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t due_us);
void wheel_cancel(struct wheel *w, struct wheel_timer *t);

/* Fire all that is due; a callback may arm and cancel anything. At most `budget` timers a call (0: no bound). Returns how many fired. */
unsigned wheel_turn(struct wheel *w, uint64_t now_us, unsigned budget);

/* Microseconds from now_us to the next tick that may have work, at most max_us. For sleeping. */
uint64_t wheel_next_us(const struct wheel *w, uint64_t now_us, uint64_t max_us);
