/* SPDX-License-Identifier: BSD-3-Clause
 * match_set_scan.c - a text of one group: literals, then expressions, then PCRE2 for what is to be confirmed
 */
#include "base/clock.h"
#include "engine/match/match_set_internal.h"

#define SLOW_TIMES                                                                                 \
	50          /* a pattern may be this many times MATCH_SLOW_US over its bound in one mail */
#define SLOW_STEP 3 /* of them one call counts for: a longer one lost the processor meanwhile */

/* Ends of a literal's first and last place in the text of this epoch. */
struct literal_places {
	uint32_t epoch, first, last;
};

struct match_run {
	const struct match_set *set;
	struct confirm_run *confirm;
	uint32_t *stamp; /* of each pattern: seen in the text of this epoch */
	uint32_t epoch;
	struct literal_places *places; /* of each literal */
	uint32_t *literal;             /* those that were seen */
	size_t literal_cnt;
	uint32_t *queue; /* to confirm */
	size_t queued;
	struct confirm_range *range; /* of each pattern in the queue: where its matches begin */
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
	size_t n = s->head->cnt + 1, literals = s->head->literal_cnt + 1;

	if (!r)
		return NULL;
	r->set = s;
	r->confirm = confirm_run_new();
	r->stamp = calloc(n, sizeof(*r->stamp));
	r->places = calloc(literals, sizeof(*r->places));
	r->literal = calloc(literals, sizeof(*r->literal));
	r->queue = calloc(n, sizeof(*r->queue));
	r->range = calloc(n, sizeof(*r->range));
	if (r->confirm && r->stamp && r->places && r->literal && r->queue && r->range)
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
	free(r->places);
	free(r->literal);
	free(r->queue);
	free(r->range);
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
	struct match_run *r = c->r;
	uint32_t i = c->g->lit_first + id;
	struct literal_places *p = &r->places[i];

	(void)from;
	(void)flags;
	if (p->epoch != r->epoch) {
		p->epoch = r->epoch;
		p->first = p->last = (uint32_t)to;
		r->literal[r->literal_cnt++] = i;
	}
	p->first = MIN(p->first, (uint32_t)to); /* Hyperscan promises no order of matches */
	p->last = MAX(p->last, (uint32_t)to);
	return 0;
}

static const struct confirm_range anywhere = { 0, SIZE_MAX };

static void
enqueue(struct match_run *r, uint32_t pattern, struct confirm_range range)
{
	r->range[pattern] = range;
	r->queue[r->queued++] = pattern;
}

/* A match begins at most `lead` bytes before one of its literals. */
static void
add_place(struct match_run *r, uint32_t pattern, size_t first, size_t last)
{
	uint32_t lead = r->set->row[pattern].lead;
	size_t from = first > lead ? first - lead : 0;

	if (first_time(r, pattern)) {
		enqueue(r, pattern, (struct confirm_range){ from, last });
		return;
	}
	r->range[pattern].from = MIN(r->range[pattern].from, from);
	r->range[pattern].until = MAX(r->range[pattern].until, last);
}

static void
enqueue_literals(struct match_run *r)
{
	const struct match_set *s = r->set;

	for (size_t i = 0; i < r->literal_cnt; i++) {
		uint32_t id = r->literal[i];
		const struct literal_places *p = &r->places[id];

		for (uint32_t k = s->link_start[id]; k < s->link_start[id + 1]; k++)
			add_place(r, s->link[k], p->first - s->lit_len[id],
			          p->last - s->lit_len[id]);
	}
	r->literal_cnt = 0;
}

static int
on_expression(unsigned int id, unsigned long long from, unsigned long long to, unsigned int flags,
              void *ctx)
{
	struct call *c = ctx;
	const struct match_set *s = c->r->set;
	uint32_t pattern;

	if (id < c->g->joined_cnt)
		return on_literal(id, from, to, flags, ctx);
	pattern = s->re_id[c->g->re_first + id - c->g->joined_cnt];
	if (!first_time(c->r, pattern))
		return 0;
	if (s->confirm[pattern])
		enqueue(c->r, pattern, anywhere);
	else if (c->a->want(c->a->ctx, s->of[pattern]) > 0)
		c->is_stopped = c->a->hit(c->a->ctx, s->of[pattern], 1, (size_t)to);
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
confirm(struct call *c, uint32_t pattern, struct span text, struct confirm_range in)
{
	struct match_run *r = c->r;
	unsigned want = c->a->want(c->a->ctx, r->set->of[pattern]), cnt;
	uint64_t start;
	size_t end = 0;

	if (want == 0 || is_too_slow(c->b, pattern))
		return false;
	if (unlikely(c->a->confirm_fails)) {
		c->a->failed_cnt++;
		return false;
	}
	start = clock_cycles();
	cnt = confirm_count(r->set->confirm[pattern], r->confirm, text, in, want, &end,
	                    &c->a->timeout_cnt);
	note_time(c->b, pattern, clock_cycles() - start, &c->a->timeout_cnt);
	return cnt > 0 && c->a->hit(c->a->ctx, r->set->of[pattern], cnt, end);
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
		memset(r->places, 0, s->head->literal_cnt * sizeof(*r->places));
		r->epoch = 1;
	}
	r->queued = r->literal_cnt = 0;
	ok = scan_db(s->lit_db[group], text, scratch->hs, on_literal, &c);
	enqueue_literals(r);
	ok = scan_db(s->re_db[group], text, scratch->hs, on_expression, &c) && ok;
	enqueue_literals(r); /* of a joined database */
	for (size_t i = 0; i < r->queued && !c.is_stopped; i++)
		c.is_stopped = confirm(&c, r->queue[i], text, r->range[r->queue[i]]);
	for (uint32_t i = 0; i < c.g->always_cnt && !c.is_stopped; i++)
		c.is_stopped = confirm(&c, s->always[c.g->always_first + i], text, anywhere);
	return ok ? MATCH_OK : MATCH_FAILED;
}
