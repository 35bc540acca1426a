/* SPDX-License-Identifier: BSD-3-Clause
 * job.c - the life of a scan: begin, slices of input, the end in steps, put
 */
#include "engine/job.h"
#include "base/clock.h"

/* Stamps of a new job. Every 2^32 jobs the arrays are cleared, so that old stamps cannot come true. */
static void
next_epoch(struct engine_job *j)
{
	struct worker_gen *g = j->gen;
	const struct snapshot *s = j->s;
	uint32_t *e = &g->slot[j->slot].epoch;

	if (*e == UINT32_MAX) {
		memset(g->slot[j->slot].pattern_seen, 0, s->pattern_cnt * sizeof(uint32_t));
		memset(g->slot[j->slot].rule_seen, 0, s->rules.rule_cnt * sizeof(uint32_t));
		memset(g->slot[j->slot].meta_due, 0, s->rules.meta_cnt * sizeof(uint32_t));
		memset(g->slot[j->slot].custom_seen, 0, s->custom_cnt * sizeof(uint32_t));
		*e = 0;
	}
	++*e;
}

static void
copy_text(struct span from, char *to, size_t cap, size_t *len, bool lower)
{
	size_t n = MIN(from.len, cap);

	for (size_t i = 0; i < n; i++)
		to[i] = lower ? ascii_lower(from.p[i]) : from.p[i];
	*len = n;
}

static void
reset_evidence(struct engine_job *j)
{
	j->failed_stages = 0;
	j->match_flood = false;
	j->hit_cnt = j->hit_overflow = j->match_cnt = j->sub_hit_cnt = 0;
	j->score_milli = 0;
	memset(j->content_hit, 0, sizeof(j->content_hit));
	memset(j->features, 0, sizeof(j->features));
	j->features[F_TO_EMPTY] = 1;
	for (size_t i = 0; i < FILTERS; i++)
		j->first_hit[i] = -1;
	j->part_cnt = 0;
	j->part_text_used = 0;
	j->from_domain[0] = j->from_name_domain[0] = j->replyto_domain[0] = 0;
	j->url_at = 0;
	j->locate = NULL;
	j->in_tail = false;
}

void
job_failed(struct engine_job *j, enum engine_stage s)
{
	if (j->failed_stages >> s & 1)
		return;
	counter_add(&j->w->counters.unscanned, j->failed_stages == 0);
	counter_inc(&j->w->counters.failed_mime + s); /* rows of stages.def in this order */
	j->failed_stages |= 1u << s;
}

static void
reset_parsers(struct engine_job *j)
{
	mime_reset(j->mime);
	url_set_reset(&j->urls);
	url_shown_reset(&j->shown, &j->urls);
	phone_set_reset(&j->phones);
	lane_reset(&j->folded);
	lane_reset(&j->rendered);
	lane_reset(&j->raw);
	job_head_begin(j);
	if (j->uri_cnt > 0)
		memset(j->uri_seen, 0, sizeof(j->uri_seen));
	j->uri_cnt = j->uri_probe_cnt = 0;
	j->render = (struct render){ .in_text = true }; /* leading white space counts */
	j->has_rendered = false;
	j->raw_is_cr = j->has_subject = j->past_subject = false;
	j->full_used = 0;
	j->part_is_text = false;
	j->block_used = 0;
	j->outside_used = 0;
	j->file_text = 0;
	j->text_bytes = j->tail_total = 0;
	j->text_used = 0;
	j->body_at = UINT64_MAX;
	job_model_begin(j);
}

static struct engine_job *
free_slot(struct engine_worker *w, uint64_t size)
{
	for (unsigned i = size > ENGINE_SMALL_MAX ? 1 : 0; i < ENGINE_SLOTS; i++)
		if (w->slot[i].state == JOB_FREE)
			return &w->slot[i];
	return NULL;
}

static void
custom_sender(struct engine_job *j)
{
	char folded[FOLD_CAP(SMTP_PATH_MAX)];
	size_t n;

	if (!job_has_lane(j, LANE_CUSTOM_HEAD_LIT) && !job_has_lane(j, LANE_CUSTOM_HEAD_RE))
		return;
	n = fold_span(span(j->sender, j->sender_len), folded, sizeof(folded));
	job_custom_block(j, CUSTOM_FROM, span(folded, n), j->gen->slot[j->slot].custom_seen,
	                 j->gen->slot[j->slot].epoch);
}

static void
pin(struct worker_gen *g)
{
	/* Release pairs with the acquire in engine_worker_is_pinned(). */
	__atomic_store_n(&g->pin_cnt, g->pin_cnt + 1, __ATOMIC_RELEASE);
}

static void
unpin(struct worker_gen *g)
{
	BUG_ON(g->pin_cnt == 0);
	/* Release: everything that was read of the snapshot comes before control's acquire sees the pin gone. */
	__atomic_store_n(&g->pin_cnt, g->pin_cnt - 1, __ATOMIC_RELEASE);
}

struct engine_job *
engine_job_begin(struct engine_worker *w, const struct engine_mail *mail)
{
	struct worker_gen *g = &w->gen[mail->snapshot->slot];
	struct engine_job *j = free_slot(w, mail->size);

	BUG_ON(g->s != mail->snapshot); /* control attaches before it publishes */
	if (!j) {
		counter_inc(&w->counters.no_slot);
		return NULL;
	}
	pin(g);
	counter_inc(&w->counters.jobs);
	j->gen = g;
	j->s = g->s;
	j->state = JOB_FEED;
	j->client_addr = mail->client->addr;
	memcpy(j->country, mail->client->country, 2);
	j->backup_mx = mail->client->backup_mx;
	j->is_tail = mail->is_tail;
	copy_text(mail->client->helo, j->helo, sizeof(j->helo) - 1, &j->helo_len, false);
	copy_text(mail->sender, j->sender, sizeof(j->sender) - 1, &j->sender_len, true);
	reset_evidence(j);
	reset_parsers(j);
	next_epoch(j);
	for (enum lane i = 0; i < LANES; i++)
		if (g->slot[j->slot].budget[i])
			match_budget_begin(g->slot[j->slot].budget[i]);
	if (j->s->geo && job_fails(j, ENGINE_STAGE_GEO))
		j->country[0] = j->country[1] = 0;
	custom_sender(j);
	job_client_lists(j);
	return j;
}

/* Behind the header it stops, so that views of it are steps of their own. */
static size_t
feed(struct engine_job *j, struct span slice)
{
	size_t n;

	j->in_feed = true;
	n = mime_feed(j->mime, slice);
	j->in_feed = false;
	return n;
}

size_t
engine_job_step(struct engine_job *j, struct span raw, uint64_t deadline_cycles)
{
	uint64_t start = clock_cycles(), now = start;
	size_t done = 0;

	BUG_ON(j->state != JOB_FEED);
	while (done < raw.len) {
		struct span slice = span(raw.p + done, MIN(raw.len - done, (size_t)ENGINE_SLICE));

		if (job_views_step(j)) {
			now = clock_cycles();
			if (now >= deadline_cycles)
				break;
			continue;
		}
		if (j->is_tail)
			job_text_plain(j, slice);
		else if (!job_fails(j, ENGINE_STAGE_MIME))
			slice.len = feed(j, slice);
		if (job_has_set(j, LANE_FULL))
			job_full_add(j, slice);
		done += slice.len;
		now = clock_cycles();
		if (now >= deadline_cycles)
			break;
	}
	counter_add(&j->w->counters.bytes, done);
	counter_add(&j->w->counters.cycles, now - start);
	return done;
}

static void
end_text(struct engine_job *j)
{
	if (j->is_tail)
		job_text_plain_end(j);
	else
		mime_end(j->mime);
	job_text_tail(j);
	job_text_finish(j);
	j->state = JOB_STREAMS;
}

/* One step of bounded size. */
static void
end_step(struct engine_job *j)
{
	switch (j->state) {
	case JOB_FEED:
		if (!job_views_step(j))
			end_text(j);
		break;
	case JOB_STREAMS:
		if (!job_streams_step(j))
			j->state = JOB_FULL;
		break;
	case JOB_FULL:
		if (!j->locate)
			job_full_end(j);
		j->state = JOB_URLS;
		break;
	case JOB_URLS:
		if (!job_urls_step(j))
			j->state = JOB_RULES;
		break;
	case JOB_RULES:
		job_rules_finish(j);
		j->state = JOB_METAS;
		break;
	case JOB_METAS:
		if (job_metas_step(j))
			break;
		if (j->hit_overflow)
			counter_inc(&j->w->counters.hit_overflow);
		j->state = JOB_MODEL;
		break;
	case JOB_MODEL:
		job_model_finish(j);
		counter_inc(&j->w->counters.jobs_done);
		j->state = JOB_DONE;
		break;
	case JOB_DONE:
	case JOB_FREE:
		break;
	}
}

bool
engine_job_end(struct engine_job *j, uint64_t deadline_cycles)
{
	uint64_t start = clock_cycles(), now;

	do {
		end_step(j);
		now = clock_cycles();
	} while (j->state != JOB_DONE && now < deadline_cycles);
	counter_add(&j->w->counters.cycles, now - start);
	return j->state == JOB_DONE;
}

bool
engine_job_is_evicted(const struct engine_job *j)
{
	return __atomic_load_n(&j->gen->is_evicted, __ATOMIC_RELAXED);
}

unsigned
engine_job_received_cnt(const struct engine_job *j)
{
	return (unsigned)j->features[F_RECEIVED_CNT];
}

void
engine_job_put(struct engine_job *j)
{
	struct worker_gen *g = j->gen;

	/* Given up half way: the streams still hold state of this mail. */
	if (j->state < JOB_URLS)
		for (enum lane i = 0; i < LANE_STREAMS; i++)
			if (g->slot[j->slot].stream[i] &&
			    match_stream_end(g->slot[j->slot].stream[i], g->scratch, NULL, NULL) !=
			            MATCH_OK)
				counter_inc(&j->w->counters.hs_errors);
	if (engine_job_is_evicted(j))
		counter_inc(&j->w->counters.evicted);
	j->state = JOB_FREE;
	j->s = NULL;
	unpin(g);
}

const struct snapshot *
engine_job_keep(const struct engine_job *j)
{
	pin(j->gen);
	return j->s;
}

void
engine_keep_put(struct engine_worker *w, const struct snapshot *s)
{
	BUG_ON(w->gen[s->slot].s != s);
	unpin(&w->gen[s->slot]);
}

bool
engine_keep_is_evicted(const struct engine_worker *w, const struct snapshot *s)
{
	return __atomic_load_n(&w->gen[s->slot].is_evicted, __ATOMIC_RELAXED);
}
