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

	if (p->cnt == 0)
		return;
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
		compile_lane(s, i, in, b, e);
		s->pattern_cnt += s->lane[i].cnt;
	}
	free(b);
	return e->error_cnt == before;
}
