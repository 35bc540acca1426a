/* SPDX-License-Identifier: BSD-3-Clause
 * snapshot_lanes.c - each lane's patterns to a database: taken over from prev, from the cache, or compiled
 */
#include "engine/snapshot_impl.h"

static struct match_pattern *
to_match(const struct patterns *p)
{
	struct match_pattern *m = calloc(p->cnt, sizeof(*m));

	BUG_ON(!m);
	for (size_t i = 0; i < p->cnt; i++)
		m[i] = (struct match_pattern){ p->item[i].text, p->item[i].is_literal,
			                       p->item[i].is_caseless, p->item[i].is_multiline,
			                       p->item[i].is_dotall };
	return m;
}

static void
report(const struct snapshot *s, const struct patterns *p, const struct match_build *b,
       struct snapshot_errors *e)
{
	for (size_t i = 0; i < b->error_cnt; i++) {
		const struct match_error *x = &b->error[i];
		const struct rule_pattern *r = x->pattern < p->cnt ? &p->item[x->pattern] : NULL;

		if (!r)
			error_add(e, (struct error_at){ "patterns", 0, 0 }, "%s", x->text);
		else if (r->file == RULE_NONE)
			error_add(e, (struct error_at){ "customer rules", 0, 0 }, "'%.*s': %s",
			          (int)MIN(r->text.len, 80u), r->text.p, x->text);
		else
			error_add(e,
			          (struct error_at){ s->rules.files[r->file], r->line, r->column },
			          "%s", x->text);
	}
}

static void
fill_refs(struct lane_part *l, const struct patterns *p)
{
	l->cnt = p->cnt;
	l->ref = calloc(p->cnt, sizeof(*l->ref));
	BUG_ON(!l->ref);
	for (size_t i = 0; i < p->cnt; i++)
		l->ref[i] =
		        (struct pattern_ref){ p->item[i].rule, p->item[i].line, p->item[i].view };
}

/* The same texts may be of other rules now: refs are this generation's, the database is shared. */
static struct match_db *
take_over(const struct snapshot *prev, enum lane lane, const struct match_spec *spec)
{
	uint8_t key[MATCH_KEY_BYTES];

	if (!prev || !prev->lane[lane].db)
		return NULL;
	match_key(spec, key);
	if (memcmp(key, match_db_key(prev->lane[lane].db), sizeof(key)) != 0)
		return NULL;
	return match_db_get(prev->lane[lane].db);
}

static void
compile_lane(struct snapshot *s, enum lane lane, const struct snapshot_input *in,
             struct match_build *b, struct snapshot_errors *e)
{
	const struct patterns *p = &s->rules.lane[lane];
	struct match_pattern *m;
	struct match_spec spec;

	m = to_match(p);
	spec = (struct match_spec){ lane < LANE_STREAMS ? MATCH_STREAM : MATCH_BLOCK, m, p->cnt };
	fill_refs(&s->lane[lane], p);
	s->lane[lane].db = take_over(in->prev, lane, &spec);
	if (s->lane[lane].db) {
		s->stats.shared_part_cnt++;
	} else if (match_db_build(&spec, b, &s->lane[lane].db) != 0) {
		report(s, p, b, e);
	} else {
		s->stats.compile_us += b->compile_us;
	}
	if (s->lane[lane].db)
		s->stats.match_bytes += match_db_bytes(s->lane[lane].db);
	free(m);
}

/* ---- lanes of blocks ---- */

static bool
is_set_lane(enum lane lane)
{
	return lane == LANE_RENDERED || lane == LANE_RAW || lane == LANE_FULL ||
	       lane == LANE_HEADER || lane == LANE_MIME || lane == LANE_URI;
}

static int
by_view(const void *x, const void *y)
{
	const struct rule_pattern *a = x, *b = y;

	if (a->view != b->view)
		return a->view < b->view ? -1 : 1;
	return a->rule < b->rule ? -1 : a->rule > b->rule;
}

/* A pattern that cannot run takes its rule with it. */
static void
take_out(struct snapshot *s, const struct rule_pattern *p, const char *why,
         struct snapshot_errors *e)
{
	struct rule *r = &s->rules.rules[p->rule];
	struct error_at at = { s->rules.files[p->file], p->line, p->column };

	if (!p->is_lenient) {
		error_add(e, at, "%s", why);
		return;
	}
	skipped_add(e, at, "%s: %s", r->name.p, why);
	r->kind = RULE_SKIPPED;
}

static void
settle_set(struct snapshot *s, enum lane lane, struct snapshot_errors *e)
{
	const struct patterns *p = &s->rules.lane[lane];
	const struct match_set *set = s->lane[lane].set;

	for (size_t i = 0; i < p->cnt; i++) {
		struct rule *r = &s->rules.rules[p->item[i].rule];
		struct span unset = r->has_if_unset ? r->if_unset : span("", 0);

		if (match_set_way(set, i) == MATCH_BY_NONE)
			take_out(s, &p->item[i], match_set_why(set, i), e);
		else if (lane == LANE_HEADER || lane == LANE_MIME)
			r->hits_unset = match_set_matches(set, i, unset);
	}
}

static struct match_set *
take_over_set(const struct snapshot *prev, enum lane lane, const struct match_set_spec *spec)
{
	uint8_t key[MATCH_KEY_BYTES];

	if (!prev || !prev->lane[lane].set)
		return NULL;
	match_set_key(spec, key);
	if (memcmp(key, match_set_key_of(prev->lane[lane].set), sizeof(key)) != 0)
		return NULL;
	return match_set_get(prev->lane[lane].set);
}

static void
compile_set(struct snapshot *s, enum lane lane, const struct snapshot_input *in,
            struct match_build *b, struct snapshot_errors *e)
{
	const struct patterns *p = &s->rules.lane[lane];
	struct match_set_spec spec = { .cnt = p->cnt,
		                       .group_cnt = 1,
		                       .is_short = lane == LANE_HEADER || lane == LANE_MIME,
		                       .is_joined = lane == LANE_URI,
		                       .limits = { in->lint.min_bytes, in->lint.max_ns_kib,
		                                   in->lint.max_per_mib } };
	struct match_set_pattern *m = calloc(p->cnt + 1, sizeof(*m));

	BUG_ON(!m);
	if (spec.is_short) {
		qsort(p->item, p->cnt, sizeof(*p->item), by_view);
		spec.group_cnt = s->rules.view_cnt;
	}
	for (size_t i = 0; i < p->cnt; i++) {
		const struct rule_pattern *x = &p->item[i];

		m[i] = (struct match_set_pattern){ .p = { x->text, x->is_literal, x->is_caseless,
			                                  x->is_multiline, x->is_dotall },
			                           .group = spec.is_short ? x->view : 0,
			                           .is_counted =
			                                   s->rules.rules[x->rule].max_hits > 1 };
	}
	spec.pattern = m;
	fill_refs(&s->lane[lane], p);
	s->lane[lane].set = take_over_set(in->prev, lane, &spec);
	if (s->lane[lane].set)
		s->stats.shared_part_cnt++;
	else if (match_set_build(&spec, b, &s->lane[lane].set) != 0)
		report(s, p, b, e);
	else
		s->stats.compile_us += b->compile_us;
	if (s->lane[lane].set) {
		s->stats.match_bytes += match_set_bytes(s->lane[lane].set);
		settle_set(s, lane, e);
	}
	free(m);
}

bool
snapshot_compile_lanes(struct snapshot *s, const struct snapshot_input *in,
                       struct snapshot_errors *e)
{
	struct match_build *b = calloc(1, sizeof(*b));
	size_t before = e->error_cnt;

	BUG_ON(!b);
	b->cache_dir = in->cache_dir;
	b->timeout_s = in->compile_timeout_s;
	b->memory = in->compile_memory;
	for (enum lane i = 0; i < LANES; i++) {
		s->lane[i].base = s->pattern_cnt;
		if (s->rules.lane[i].cnt == 0)
			continue;
		if (is_set_lane(i))
			compile_set(s, i, in, b, e);
		else
			compile_lane(s, i, in, b, e);
		s->pattern_cnt += s->lane[i].cnt;
	}
	free(b);
	ruleset_mark_partial(&s->rules);
	return e->error_cnt == before;
}
