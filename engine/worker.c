/* SPDX-License-Identifier: BSD-3-Clause
 * worker.c - a worker's slots and what it has of each live generation; the slow half of engine.h
 */
#include "engine/job.h"
#include "base/counters.h"
#include "base/rng.h"

const struct counter_desc engine_counter_desc[] = {
#define COUNTER COUNTER_DESC
#include "engine/engine_counters.def"
#undef COUNTER
};
const size_t engine_counter_desc_cnt = ARRAY_LEN(engine_counter_desc);

static size_t
to_utf8(void *ctx, struct span charset, struct span in, char *out, size_t cap)
{
	struct engine_job *j = ctx;

	if (job_fails(j, ENGINE_STAGE_CHARSET))
		return 0;
	return charset_to_utf8(j->charsets, charset, in, out, cap);
}

static const struct mime_ops mime_ops = { .on_header = job_on_header,
	                                  .on_part_begin = job_on_part_begin,
	                                  .on_data = job_on_data,
	                                  .on_part_end = job_on_part_end,
	                                  .on_outside = job_on_outside,
	                                  .to_utf8 = to_utf8 };
static const struct file_ops file_ops = { .on_name = job_on_file_name,
	                                  .on_link = job_on_file_link,
	                                  .on_text = job_on_file_text,
	                                  .on_page = job_on_file_page };
static const struct html_ops html_ops = { .on_text = job_on_html_text,
	                                  .on_attr = job_on_html_attr,
	                                  .on_link_end = job_on_link_end };

size_t
job_decode_words(struct engine_job *j, struct span raw, char *out, size_t cap)
{
	return mime_decode_words(raw, out, cap, &mime_ops, j);
}

#define TEXT_KEPT_BYTES (2u << 20)

static bool
init_slot(struct engine_worker *w, unsigned i)
{
	struct engine_job *j = &w->slot[i];

	j->w = w;
	j->slot = i;
	j->mime = mime_new(&mime_ops, j);
	j->html = html_new(&html_ops, j);
	j->file = file_new(&file_ops, j);
	j->charsets = charset_set_new();
	if (w->cfg.want_text) {
		j->text = malloc(TEXT_KEPT_BYTES);
		j->text_room = TEXT_KEPT_BYTES;
	}
	if (w->cfg.want_sub_hits)
		j->sub_hit = calloc(SUB_HITS_MAX, sizeof(*j->sub_hit));
	url_set_init(&j->urls, w->urls);
	return j->mime && j->html && j->file && j->charsets && (j->text || !w->cfg.want_text) &&
	       (j->sub_hit || !w->cfg.want_sub_hits);
}

struct engine_worker *
engine_worker_new(const struct engine_config *cfg)
{
	struct engine_worker *w = calloc(1, sizeof(*w));
	bool ok;

	if (!w)
		return NULL;
	fault_read_environment();
	w->cfg = *cfg;
	if (w->cfg.scan_bytes == 0)
		w->cfg.scan_bytes = JOB_SCAN_DEFAULT;
	w->uri_key = (struct siphash_key){ rng_entropy(), rng_entropy() };
	w->urls = url_env_new();
	ok = w->urls != NULL;
	for (unsigned i = 0; i < ENGINE_SLOTS && ok; i++)
		ok = init_slot(w, i);
	if (ok)
		return w;
	engine_worker_free(w);
	return NULL;
}

void
engine_worker_free(struct engine_worker *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < GENERATIONS_LIVE_MAX; i++)
		BUG_ON(w->gen[i].s);
	for (unsigned i = 0; i < ENGINE_SLOTS; i++) {
		struct engine_job *j = &w->slot[i];

		if (j->mime)
			mime_free(j->mime);
		if (j->html)
			html_free(j->html);
		file_free(j->file);
		if (j->charsets)
			charset_set_free(j->charsets);
		free(j->text);
		free(j->sub_hit);
	}
	if (w->urls)
		url_env_free(w->urls);
	free(w);
}

static void
free_gen(struct worker_gen *g)
{
	for (unsigned i = 0; i < ENGINE_SLOTS; i++) {
		for (enum lane k = 0; k < LANE_STREAMS; k++)
			match_stream_free(g->slot[i].stream[k]);
		for (enum lane k = 0; k < LANES; k++)
			match_budget_free(g->slot[i].budget[k]);
		free(g->slot[i].pattern_seen);
		free(g->slot[i].rule_seen);
		free(g->slot[i].rule_hits);
		free(g->slot[i].meta_due);
		free(g->slot[i].custom_seen);
		free(g->slot[i].rcpt_seen);
	}
	for (enum lane k = 0; k < LANES; k++)
		match_run_free(g->run[k]);
	match_scratch_free(g->scratch);
	*g = (struct worker_gen){ 0 };
}

static int
make_slot(struct worker_gen *g, unsigned i, const struct snapshot *s)
{
	for (enum lane k = 0; k < LANE_STREAMS; k++)
		if (s->lane[k].db && match_stream_new(s->lane[k].db, &g->slot[i].stream[k]) != 0)
			return -ENOMEM;
	for (enum lane k = 0; k < LANES; k++)
		if (s->lane[k].set && !(g->slot[i].budget[k] = match_budget_new(s->lane[k].set)))
			return -ENOMEM;
	g->slot[i].pattern_seen = calloc(s->pattern_cnt + 1, sizeof(uint32_t));
	g->slot[i].rule_seen = calloc(s->rules.rule_cnt + 1, sizeof(uint32_t));
	g->slot[i].meta_due = calloc(s->rules.meta_cnt + 1, sizeof(uint32_t));
	g->slot[i].rule_hits = calloc(s->rules.rule_cnt + 1, sizeof(float));
	g->slot[i].custom_seen = calloc(s->custom_cnt + 1, sizeof(uint32_t));
	g->slot[i].rcpt_seen = calloc(s->custom_cnt + 1, sizeof(uint32_t));
	if (!g->slot[i].pattern_seen || !g->slot[i].rule_seen || !g->slot[i].rule_hits ||
	    !g->slot[i].meta_due || !g->slot[i].custom_seen || !g->slot[i].rcpt_seen)
		return -ENOMEM;
	return 0;
}

int
engine_worker_attach(struct engine_worker *w, const struct snapshot *s)
{
	struct worker_gen *g = &w->gen[s->slot], made = { 0 };
	struct match_db *dbs[LANES];
	struct match_set *sets[LANES];
	int rc;

	if (g->s)
		return g->s == s ? 0 : -EBUSY;
	for (enum lane k = 0; k < LANES; k++) {
		dbs[k] = s->lane[k].db;
		sets[k] = s->lane[k].set;
	}
	rc = match_scratch_new_sets(dbs, LANES, sets, LANES, &made.scratch);
	for (enum lane k = 0; k < LANES && rc == 0; k++)
		if (sets[k] && !(made.run[k] = match_run_new(sets[k])))
			rc = -ENOMEM;
	for (unsigned i = 0; i < ENGINE_SLOTS && rc == 0; i++)
		rc = make_slot(&made, i, s);
	if (rc != 0) {
		free_gen(&made);
		return rc;
	}
	made.s = s;
	/* The worker looks at this row only after it saw the published pointer, whose release orders this copy. */
	*g = made;
	return 0;
}

void
engine_worker_detach(struct engine_worker *w, const struct snapshot *s)
{
	struct worker_gen *g = &w->gen[s->slot];

	if (g->s != s)
		return;
	BUG_ON(engine_worker_is_pinned(w, s));
	free_gen(g);
}

bool
engine_worker_is_pinned(const struct engine_worker *w, const struct snapshot *s)
{
	const struct worker_gen *g = &w->gen[s->slot];

	/* Acquire pairs with the release in engine_job_put(). */
	return g->s == s && __atomic_load_n(&g->pin_cnt, __ATOMIC_ACQUIRE) != 0;
}

void
engine_worker_evict(struct engine_worker *w, const struct snapshot *s)
{
	struct worker_gen *g = &w->gen[s->slot];

	if (g->s == s)
		__atomic_store_n(&g->is_evicted, true, __ATOMIC_RELAXED);
}

const struct engine_counters *
engine_worker_counters(const struct engine_worker *w)
{
	return &w->counters;
}
