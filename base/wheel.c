/* SPDX-License-Identifier: BSD-3-Clause
 * wheel.c - timers sit in the slot of the highest digit in which their due time differs from now
 */
#include "base/wheel.h"

void
wheel_init(struct wheel *w, uint64_t now_us)
{
	memset(w, 0, sizeof(*w));
	w->now_ms = (uint32_t)(now_us / 1000);
	for (size_t l = 0; l < WHEEL_LEVELS; l++)
		for (size_t s = 0; s < WHEEL_SLOTS; s++)
			list_init(&w->slots[l][s]);
}

void
wheel_set_kind(struct wheel *w, uint32_t kind, wheel_fn fn, void *ctx)
{
	BUG_ON(kind >= WHEEL_KINDS_MAX);
	w->kinds[kind].fn = fn;
	w->kinds[kind].ctx = ctx;
}

static void
place(struct wheel *w, struct wheel_timer *t)
{
	uint32_t diff = t->due_ms ^ w->now_ms;
	unsigned level = diff == 0 ? 0 : (31u - (unsigned)__builtin_clz(diff)) / 8;

	list_add_tail(&w->slots[level][(t->due_ms >> (8 * level)) % WHEEL_SLOTS], &t->link);
}

void
wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t due_us)
{
	uint32_t due = (uint32_t)((due_us + 999) / 1000);

	if (wheel_is_armed(t))
		list_del(&t->link);
	else
		w->armed_cnt++;
	if ((int32_t)(due - w->now_ms) <= 0)
		due = w->now_ms + 1;
	t->due_ms = due;
	place(w, t);
}

void
wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	if (!wheel_is_armed(t))
		return;
	list_del(&t->link);
	w->armed_cnt--;
}

/* The digit of `level` rolled over: what waits in its current slot belongs one level down now. */
static void
cascade(struct wheel *w, unsigned level)
{
	struct list *slot = &w->slots[level][(w->now_ms >> (8 * level)) % WHEEL_SLOTS];
	struct list batch;

	list_init(&batch);
	while (!list_is_empty(slot)) {
		struct list *n = slot->next;

		list_del(n);
		list_add_tail(&batch, n);
	}
	while (!list_is_empty(&batch)) {
		struct list *n = batch.next;

		list_del(n);
		place(w, list_entry(n, struct wheel_timer, link));
	}
}

unsigned
wheel_turn(struct wheel *w, uint64_t now_us, unsigned budget)
{
	uint32_t to = (uint32_t)(now_us / 1000);
	unsigned fired = 0;

	for (;;) {
		struct list *slot = &w->slots[0][w->now_ms % WHEEL_SLOTS];

		while (!list_is_empty(slot)) {
			struct wheel_timer *t = list_entry(slot->next, struct wheel_timer, link);

			if (budget && fired == budget)
				return fired;
			list_del(&t->link);
			w->armed_cnt--;
			fired++;
			w->kinds[t->kind].fn(w->kinds[t->kind].ctx, t, now_us);
		}
		if ((int32_t)(to - w->now_ms) <= 0)
			return fired;
		if (w->armed_cnt == 0) { /* nothing waits: jump */
			w->now_ms = to;
			continue;
		}
		w->now_ms++;
		for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--)
			if ((w->now_ms & ((1u << (8 * level)) - 1)) == 0)
				cascade(w, level);
	}
}

uint64_t
wheel_next_us(const struct wheel *w, uint64_t now_us, uint64_t max_us)
{
	uint32_t ahead = (uint32_t)(max_us / 1000) + 1;

	if (w->armed_cnt == 0)
		return max_us;
	for (uint32_t i = 0; i <= ahead; i++) {
		uint32_t at = w->now_ms + i;

		/* A roll-over to come may cascade timers down: it counts as work. */
		if (!list_is_empty(&w->slots[0][at % WHEEL_SLOTS]) ||
		    (i > 0 && at % WHEEL_SLOTS == 0)) {
			uint64_t due = now_us / 1000 * 1000 +
			               (uint64_t)(uint32_t)(at - (uint32_t)(now_us / 1000)) * 1000;

			if ((int32_t)(at - (uint32_t)(now_us / 1000)) <= 0 || due <= now_us)
				return 0;
			return MIN(due - now_us, max_us);
		}
	}
	return max_us;
}
