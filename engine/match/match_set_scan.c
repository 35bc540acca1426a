/* SPDX-License-Identifier: BSD-3-Clause
 * match_set_scan.c - a text of one group: literals, then expressions, then PCRE2 for what is to be confirmed
 */
#include "base/clock.h"
#include "engine/match/match_set_internal.h"

#define SLOW_TIMES                                                                                 \
	50          /* a pattern may be this many times MATCH_SLOW_US over its bound in one mail */
#define SLOW_STEP 3 /* of them one call counts for: a longer one lost the processor meanwhile */

struct match_run {
	const struct match_set *set;
	struct confirm_run *confirm;
	uint32_t *stamp; /* of each pattern: seen in the text of this epoch */
	uint32_t epoch;
	uint32_t *queue; /* to confirm */
	size_t queued;
};

struct match_budget {
	uint32_t cnt;        /* of patterns */
	uint32_t *over_mail; /* of each pattern: the mail that over_cycles is of */
	uint64_t *over_cycles;
	uint32_t mail;
	uint64_t slow_cycles;
};

struct match_run *
match_run_new(const struct match_set *s)
{
	struct match_run *r = calloc(1, sizeof(*r));
	size_t n = s->head->cnt + 1;

	if (!r)
		return NULL;
	r->set = s;
	r->confirm = confirm_run_new();
	r->stamp = calloc(n, sizeof(*r->stamp));
	r->queue = calloc(n, sizeof(*r->queue));
	if (r->confirm && r->stamp && r->queue)
		return r;
	match_run_free(r);
	return NULL;
}

void
match_run_free(struct match_run *r)
{
	if (!r)
		return;
	confirm_run_free(r->confirm);
	free(r->stamp);
	free(r->queue);
	free(r);
}

struct match_budget *
match_budget_new(const struct match_set *s)
{
	struct match_budget *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->cnt = s->head->cnt;
	b->over_mail = calloc(b->cnt + 1, sizeof(*b->over_mail));
	b->over_cycles = calloc(b->cnt + 1, sizeof(*b->over_cycles));
	b->slow_cycles = clock_cycles_per_second() / 1000000 * MATCH_SLOW_US;
	if (b->over_mail && b->over_cycles)
		return b;
	match_budget_free(b);
	return NULL;
}

void
match_budget_free(struct match_budget *b)
{
	if (!b)
		return;
	free(b->over_mail);
	free(b->over_cycles);
	free(b);
}

void
match_budget_begin(struct match_budget *b)
{
	if (++b->mail != 0)
		return;
	memset(b->over_mail, 0, b->cnt * sizeof(*b->over_mail));
	b->mail = 1;
}

struct call {
	struct match_run *r;
	struct match_budget *b;
	struct match_asker *a;
	const struct set_group *g;
	bool is_stopped;
};

/* Once a text; false when it was seen in it before. */
static bool
first_time(struct match_run *r, uint32_t pattern)
{
	if (r->stamp[pattern] == r->epoch)
		return false;
	r->stamp[pattern] = r->epoch;
	return true;
}

static int
on_literal(unsigned int id, unsigned long long from, unsigned long long to, unsigned int flags,
           void *ctx)
{
	struct call *c = ctx;
	const struct match_set *s = c->r->set;
	uint32_t i = c->g->lit_first + id;

	(void)from;
	(void)to;
	(void)flags;
	for (uint32_t k = s->link_start[i]; k < s->link_start[i + 1]; k++)
		if (first_time(c->r, s->link[k]))
			c->r->queue[c->r->queued++] = s->link[k];
	return 0;
}

static int
on_expression(unsigned int id, unsigned long long from, unsigned long long to, unsigned int flags,
              void *ctx)
{
	struct call *c = ctx;
	const struct match_set *s = c->r->set;
	uint32_t pattern = s->re_id[c->g->re_first + id];

	(void)from;
	(void)flags;
	if (!first_time(c->r, pattern))
		return 0;
	if (s->confirm[pattern])
		c->r->queue[c->r->queued++] = pattern;
	else if (c->a->want(c->a->ctx, pattern) > 0)
		c->is_stopped = c->a->hit(c->a->ctx, pattern, 1, (size_t)to);
	return c->is_stopped;
}

static bool
is_too_slow(const struct match_budget *b, uint32_t pattern)
{
	return b->over_mail[pattern] == b->mail &&
	       b->over_cycles[pattern] > b->slow_cycles * SLOW_TIMES;
}

static void
note_time(struct match_budget *b, uint32_t pattern, uint64_t took, uint64_t *timeout_cnt)
{
	if (took <= b->slow_cycles)
		return;
	if (b->over_mail[pattern] != b->mail) {
		b->over_mail[pattern] = b->mail;
		b->over_cycles[pattern] = 0;
	}
	b->over_cycles[pattern] += MIN(took - b->slow_cycles, b->slow_cycles * SLOW_STEP);
	*timeout_cnt += is_too_slow(b, pattern);
}

/* True when the asker wants no more. */
static bool
confirm(struct call *c, uint32_t pattern, struct span text)
{
	unsigned want = c->a->want(c->a->ctx, pattern), cnt;
	struct match_run *r = c->r;
	uint64_t start;
	size_t end = 0;

	if (want == 0 || is_too_slow(c->b, pattern))
		return false;
	if (unlikely(c->a->confirm_fails)) {
		c->a->failed_cnt++;
		return false;
	}
	start = clock_cycles();
	cnt = confirm_count(r->set->confirm[pattern], r->confirm, text, want, &end,
	                    &c->a->timeout_cnt);
	note_time(c->b, pattern, clock_cycles() - start, &c->a->timeout_cnt);
	return cnt > 0 && c->a->hit(c->a->ctx, pattern, cnt, end);
}

static bool
scan_db(const hs_database_t *db, struct span text, hs_scratch_t *scratch, match_event_handler fn,
        struct call *c)
{
	hs_error_t rc;

	if (!db || c->is_stopped)
		return true;
	rc = hs_scan(db, text.p, (unsigned)text.len, 0, scratch, fn, c);
	return rc == HS_SUCCESS || rc == HS_SCAN_TERMINATED;
}

enum match_result
match_set_scan(struct match_run *r, struct match_budget *b, struct match_scratch *scratch,
               uint32_t group, struct span text, struct match_asker *a)
{
	const struct match_set *s = r->set;
	struct call c = { .r = r, .b = b, .a = a, .g = &s->group[group] };
	bool ok;

	text.len = MIN(text.len, (size_t)MATCH_SET_TEXT);
	if (++r->epoch == 0) {
		memset(r->stamp, 0, s->head->cnt * sizeof(*r->stamp));
		r->epoch = 1;
	}
	r->queued = 0;
	ok = scan_db(s->lit_db[group], text, scratch->hs, on_literal, &c);
	ok = scan_db(s->re_db[group], text, scratch->hs, on_expression, &c) && ok;
	for (size_t i = 0; i < r->queued && !c.is_stopped; i++)
		c.is_stopped = confirm(&c, r->queue[i], text);
	for (uint32_t i = 0; i < c.g->always_cnt && !c.is_stopped; i++)
		c.is_stopped = confirm(&c, s->always[c.g->always_first + i], text);
	return ok ? MATCH_OK : MATCH_FAILED;
}
