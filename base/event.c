/* SPDX-License-Identifier: BSD-3-Clause
 * event.c - single-producer single-consumer ring of event records
 */
#include "base/event.h"

#define EV_NUM(...)                                                                                \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define EV_TEXT(...)                                                                               \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

const struct event_desc event_descs[EVENT_KINDS] = {
#define EVENT(name, log, nums, texts) [EVENT_##name] = { log, nums, texts },
#include "base/events.def"
#undef EVENT
};

int
event_ring_init(struct event_ring *r, uint32_t cnt)
{
	BUG_ON(cnt == 0 || (cnt & (cnt - 1)) != 0);
	memset(r, 0, sizeof(*r));
	r->slots = calloc(cnt, sizeof(*r->slots));
	if (!r->slots)
		return -ENOMEM;
	r->cnt = cnt;
	return 0;
}

void
event_ring_fini(struct event_ring *r)
{
	free(r->slots);
	memset(r, 0, sizeof(*r));
}

struct event *
event_begin(struct event_ring *r, enum event_kind kind, uint64_t id, uint64_t wall_us)
{
	/* Acquire pairs with the release in event_pop(): the slot is read out before it is written again. */
	uint32_t tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
	struct event *e;

	if (r->head - tail == r->cnt) {
		__atomic_store_n(&r->dropped_cnt, r->dropped_cnt + 1, __ATOMIC_RELAXED);
		return NULL;
	}
	e = &r->slots[r->head & (r->cnt - 1)];
	memset(e, 0, offsetof(struct event, text));
	e->kind = (uint16_t)kind;
	e->id = id;
	e->wall_us = wall_us;
	return e;
}

void
event_commit(struct event_ring *r)
{
	__atomic_store_n(&r->head, r->head + 1,
	                 __ATOMIC_RELEASE); /* pairs with event_pop()'s acquire */
}

void
event_text(struct event *e, unsigned i, struct span s)
{
	size_t at = 0, n;

	BUG_ON(i >= EVENT_TEXTS);
	for (unsigned k = 0; k < EVENT_TEXTS; k++)
		at += e->text_len[k];
	n = MIN(s.len, sizeof(e->text) - at);
	if (n > 0)
		memcpy(e->text + at, s.p, n);
	e->text_len[i] = (uint16_t)n;
}

struct span
event_text_of(const struct event *e, unsigned i)
{
	size_t at = 0;

	for (unsigned k = 0; k < i; k++)
		at += e->text_len[k];
	return span(e->text + at, e->text_len[i]);
}

bool
event_pop(struct event_ring *r, struct event *out)
{
	uint32_t head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
	const struct event *e;

	if (head == r->tail)
		return false;
	e = &r->slots[r->tail & (r->cnt - 1)];
	memcpy(out, e, sizeof(*out));
	__atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_RELEASE);
	return true;
}
