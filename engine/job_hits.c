/* SPDX-License-Identifier: BSD-3-Clause
 * job_hits.c - text lanes to Hyperscan, matches to evidence
 *
 * Why     A pattern may match thousands of times: the seen array, stamped with the job's epoch, makes every hit but the
 *         first one comparison (engine.md, finding 5). MATCH_EVENTS_MAX bounds even those.
 */
#include "engine/job.h"

static uint32_t
epoch_of(const struct engine_job *j)
{
	return j->gen->slot[j->slot].epoch;
}

bool
job_rule_hit(const struct engine_job *j, uint32_t rule)
{
	return j->gen->slot[j->slot].rule_seen[rule] == epoch_of(j);
}

void
job_count_hits(struct engine_job *j, uint32_t rule, double cnt)
{
	float *hits = &j->gen->slot[j->slot].rule_hits[rule];

	*hits = (float)(job_rule_hit(j, rule) ? (double)*hits + cnt : cnt);
}

bool
job_has_lane(const struct engine_job *j, enum lane lane)
{
	return j->s->lane[lane].db != NULL;
}

/* At most EXCERPT_MAX bytes, beginning at a character. */
static void
set_excerpt(struct evidence_hit *h, struct span text)
{
	if (text.len > EXCERPT_MAX)
		text = span_skip(text, text.len - EXCERPT_MAX);
	while (text.len > 0 && ((unsigned char)text.p[0] & 0xc0) == 0x80)
		text = span_skip(text, 1);
	h->excerpt_len = (uint8_t)text.len;
	if (text.len)
		memcpy(h->excerpt, text.p, text.len);
}

/* Metas that name the rule are to be looked at. */
static void
call_users(struct engine_job *j, uint32_t rule)
{
	const struct snapshot *s = j->s;
	uint32_t *due = j->gen->slot[j->slot].meta_due;

	for (uint32_t i = s->users_of[rule]; i < s->users_of[rule + 1]; i++)
		due[s->users[i]] = epoch_of(j);
}

static struct evidence_hit *
begin_row(struct evidence_hit *h, uint32_t rule, uint32_t line)
{
	h->rule = rule;
	h->line = line;
	h->place = "";
	h->is_located = false;
	h->excerpt_len = 0;
	return h;
}

/* Tools alone say where a sub-rule hit. */
static struct evidence_hit *
new_sub_hit(struct engine_job *j, uint32_t rule)
{
	if (!j->sub_hit || j->sub_hit_cnt == SUB_HITS_MAX)
		return NULL;
	return begin_row(&j->sub_hit[j->sub_hit_cnt++], rule, 0);
}

/* An entry of a list, found again: a number that is there twice, two URLs of one domain. */
static bool
has_row(const struct engine_job *j, uint32_t rule, uint32_t line)
{
	for (unsigned i = j->hit_cnt; i-- > 0;)
		if (j->hit[i].rule == rule && j->hit[i].line == line)
			return true;
	return false;
}

/* Marks the rule; a new evidence row when it is to be shown, else NULL. */
static struct evidence_hit *
new_hit(struct engine_job *j, uint32_t rule, uint32_t line, bool is_absent)
{
	const struct rule *r = &j->s->rules.rules[rule];
	bool again = job_rule_hit(j, rule);

	if (!again) {
		job_count_hits(j, rule, 1);
		call_users(j, rule);
	}
	j->gen->slot[j->slot].rule_seen[rule] = epoch_of(j);
	if (r->is_negated != is_absent || (again && (line == 0 || has_row(j, rule, line))))
		return NULL;
	if (r->is_sub)
		return new_sub_hit(j, rule);
	if (!again && r->filter == FILTER_SCORE)
		j->score_milli += r->score_milli;
	if (!r->is_allow && r->filter != FILTER_SCORE)
		j->content_hit[r->filter] = true;
	if (j->hit_cnt == RULE_HITS_MAX) {
		j->hit_overflow++;
		return NULL;
	}
	if (!r->is_allow && j->first_hit[r->filter] < 0)
		j->first_hit[r->filter] = (int)j->hit_cnt;
	return begin_row(&j->hit[j->hit_cnt++], rule, line);
}

void
job_hit(struct engine_job *j, uint32_t rule, uint32_t line, const char *place, struct span excerpt)
{
	struct evidence_hit *h = new_hit(j, rule, line, false);

	if (!h)
		return;
	h->place = place;
	set_excerpt(h, excerpt);
}

void
job_hit_absent(struct engine_job *j, uint32_t rule)
{
	struct evidence_hit *h = new_hit(j, rule, 0, true);

	if (h)
		h->place = "header";
}

/* True when the scan is to stop. */
bool
job_count_match(struct engine_job *j)
{
	if (++j->match_cnt <= MATCH_EVENTS_MAX)
		return false;
	j->match_flood = true;
	return true;
}

/* ---- streams ---- */

void
lane_reset(struct text_lane *l)
{
	l->base = 0;
	l->used = 0;
}

static struct span
excerpt_of(const struct text_lane *l, uint64_t end)
{
	uint64_t back = MIN(end, (uint64_t)EXCERPT_MAX);
	uint64_t from = end - back;

	/* A match ends inside the buffer or at its start; what is kept before it reaches back far enough. */
	if (end < l->base || from + EXCERPT_MAX < l->base)
		return span("", 0);
	return span(l->buf + (from + EXCERPT_MAX - l->base), (size_t)back);
}

struct text_lane *
job_lane(struct engine_job *j, enum lane lane)
{
	return lane == LANE_RAW ? &j->raw : lane == LANE_RENDERED ? &j->rendered : &j->folded;
}

void
job_hit_text(struct engine_job *j, enum lane lane, uint32_t rule, uint32_t line, uint64_t end)
{
	struct evidence_hit *h = new_hit(j, rule, line, false);

	if (!h)
		return;
	h->place = NULL;
	h->lane = lane;
	h->end = end;
	set_excerpt(h, excerpt_of(job_lane(j, lane), end));
}

void
job_hit_plain(struct engine_job *j, enum lane lane, uint32_t rule, uint64_t end,
              struct span excerpt)
{
	size_t before = j->hit_cnt;

	job_hit_text(j, lane, rule, 0, end);
	if (j->hit_cnt > before)
		set_excerpt(&j->hit[before], excerpt);
}

static bool
on_stream_match(void *ctx, uint32_t id, uint64_t end)
{
	struct engine_job *j = ctx;
	const struct lane_part *p = &j->s->lane[j->lane];
	const struct pattern_ref *ref = &p->ref[id];
	uint32_t *seen = &j->gen->slot[j->slot].pattern_seen[p->base + id];

	if (job_count_match(j))
		return true;
	if (*seen == epoch_of(j))
		return false;
	if (j->lane == LANE_CUSTOM_LIT || j->lane == LANE_CUSTOM_RE) {
		if (end <= j->body_at) /* in the subject, which has a lane of its own for these */
			return false;
		j->gen->slot[j->slot].custom_seen[ref->rule] = epoch_of(j);
		*seen = epoch_of(j);
		return false;
	}
	*seen = epoch_of(j);
	job_hit_text(j, j->lane, ref->rule,
	             j->s->rules.rules[ref->rule].kind == RULE_LIST ? ref->line : 0, end);
	return false;
}

void
job_match_failed(struct engine_job *j)
{
	counter_inc(&j->w->counters.hs_errors);
	job_failed(j, ENGINE_STAGE_MATCH);
}

static void
feed_stream(struct engine_job *j, enum lane lane, struct span text)
{
	struct match_stream *st = j->gen->slot[j->slot].stream[lane];

	if (!st || text.len == 0 || job_fails(j, ENGINE_STAGE_MATCH))
		return;
	j->lane = lane;
	if (match_stream_feed(st, j->gen->scratch, text, on_stream_match, j) != MATCH_OK)
		job_match_failed(j);
}

static void
keep_text(struct engine_job *j, struct span text)
{
	size_t n = MIN(text.len, j->text_room - j->text_used);

	memcpy(j->text + j->text_used, text.p, n);
	j->text_used += n;
}

void
job_lane_flush(struct engine_job *j, struct text_lane *l, bool is_end)
{
	size_t done = MIN(l->used, (size_t)JOB_FLUSH_BYTES);
	struct span text = span(l->buf + EXCERPT_MAX, done);

	if (l != &j->folded)
		done = job_scan_lane(j, l, is_end);
	else if (!j->locate && done > 0) { /* else the matches are known */
		feed_stream(j, LANE_FOLDED, text);
		feed_stream(j, LANE_CUSTOM_LIT, text);
		feed_stream(j, LANE_CUSTOM_RE, text);
		job_model_text(j, text, l->base);
		if (j->text)
			keep_text(j, text);
	}
	/* The last bytes go in front, so that the next match has an excerpt over the seam. */
	memmove(l->buf, l->buf + done, EXCERPT_MAX + l->used - done);
	l->base += done;
	l->used -= done;
}

char *
job_lane_room(struct engine_job *j, struct text_lane *l, size_t need, size_t *room)
{
	while (JOB_LANE_BYTES - l->used < need)
		job_lane_flush(j, l, false);
	*room = JOB_LANE_BYTES - l->used;
	return l->buf + EXCERPT_MAX + l->used;
}

void
job_lane_add(struct engine_job *j, struct text_lane *l, struct span text)
{
	while (text.len > 0) {
		size_t room;
		char *to = job_lane_room(j, l, 1, &room);
		size_t n = MIN(room, text.len);

		memcpy(to, text.p, n);
		l->used += n;
		text = span_skip(text, n);
	}
}

bool
job_streams_step(struct engine_job *j)
{
	struct text_lane *lanes[] = { &j->folded, &j->rendered, &j->raw };

	for (size_t i = 0; i < ARRAY_LEN(lanes); i++)
		if (lanes[i]->used > 0) {
			job_lane_flush(j, lanes[i], true);
			return true;
		}
	for (enum lane i = 0; i < LANE_STREAMS; i++) {
		struct match_stream *st = j->gen->slot[j->slot].stream[i];

		j->lane = i;
		if (st && match_stream_end(st, j->gen->scratch, on_stream_match, j) != MATCH_OK)
			job_match_failed(j);
	}
	return false;
}

/* ---- blocks of customers' rules ---- */

static bool
on_block_match(void *ctx, uint32_t id, uint64_t end)
{
	struct engine_job *j = ctx;
	const struct lane_part *p = &j->s->lane[j->lane];
	const struct pattern_ref *ref = &p->ref[id];

	(void)end;
	if (job_count_match(j))
		return true;
	if (ref->view & j->view)
		j->block_seen[ref->rule] = j->block_epoch;
	return false;
}

static void
scan_block(struct engine_job *j, enum lane lane, struct span text)
{
	struct match_db *db = j->s->lane[lane].db;

	if (!db || text.len == 0 || job_fails(j, ENGINE_STAGE_MATCH))
		return;
	j->lane = lane;
	if (match_block(db, j->gen->scratch, text, on_block_match, j) != MATCH_OK)
		job_match_failed(j);
}

void
job_custom_block(struct engine_job *j, enum custom_view view, struct span text, uint32_t *seen,
                 uint32_t epoch)
{
	j->view = view;
	j->block_seen = seen;
	j->block_epoch = epoch;
	scan_block(j, LANE_CUSTOM_HEAD_LIT, text);
	scan_block(j, LANE_CUSTOM_HEAD_RE, text);
}
