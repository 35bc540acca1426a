/* SPDX-License-Identifier: BSD-3-Clause
 * job_block.c - lanes that are matched a text at a time: paragraphs, chunks of raw text, the message's head, views, URLs
 *
 * Why     A rule of SpamAssassin's sees one paragraph (body), one chunk (rawbody) or one value at a time: '^' and '$' are its
 *         ends, and nothing matches over them. PCRE2, which confirms, wants its text in one piece as well.
 * Source  split_into_array_of_short_lines() and _paragraphs() of Mail::SpamAssassin::Message 4.0.1: same cuts.
 */
#include "engine/job.h"
#include "base/block64.h"
#include "engine/uri_text.h"

struct asked {
	struct engine_job *j;
	enum lane lane;
	struct span text;
	const char *place;
	uint64_t at;
	bool is_subject;
	bool is_plain; /* without its disguise */
	bool is_ours;  /* SpamAssassin's rules do not see it */
};

bool
job_has_set(const struct engine_job *j, enum lane lane)
{
	return j->s->lane[lane].set != NULL;
}

bool
job_has_rendered(const struct engine_job *j)
{
	return job_has_set(j, LANE_RENDERED) || job_has_set(j, LANE_URI);
}

static unsigned
want(void *ctx, uint32_t pattern)
{
	const struct asked *a = ctx;
	const struct engine_job *j = a->j;
	uint32_t rule = j->s->lane[a->lane].ref[pattern].rule;
	const struct rule *r = &j->s->rules.rules[rule];
	float hits = j->gen->slot[j->slot].rule_hits[rule];

	if ((a->is_subject && r->is_nosubject) || (a->is_ours && r->is_lenient))
		return 0;
	if (!job_rule_hit(j, rule))
		return r->max_hits;
	return (float)r->max_hits > hits ? r->max_hits - (uint32_t)hits : 0;
}

static bool
hit(void *ctx, uint32_t pattern, unsigned cnt, size_t end)
{
	const struct asked *a = ctx;
	struct engine_job *j = a->j;
	uint32_t rule = j->s->lane[a->lane].ref[pattern].rule;
	bool again = job_rule_hit(j, rule);

	if (job_count_match(j))
		return true;
	if (again) {
		job_count_hits(j, rule, cnt);
		return false;
	}
	if (a->is_plain)
		job_hit_plain(j, a->lane, rule, a->at, span(a->text.p, MIN(end, a->text.len)));
	else if (a->place)
		job_hit(j, rule, 0, a->place, span(a->text.p, MIN(end, a->text.len)));
	else
		job_hit_text(j, a->lane, rule, 0, a->at + end);
	if (cnt > 1)
		job_count_hits(j, rule, cnt - 1);
	return false;
}

static void
ask(struct asked *a, uint32_t group)
{
	struct match_asker asker = { .want = want, .hit = hit, .ctx = a };
	struct engine_job *j = a->j;
	enum lane lane = a->lane;

	if (!job_has_set(j, lane) || j->match_flood || job_fails(j, ENGINE_STAGE_MATCH))
		return;
	asker.confirm_fails = fault_is_set(ENGINE_STAGE_PCRE2) && !j->w->cfg.is_probe;
	if (match_set_scan(j->gen->run[lane], j->gen->slot[j->slot].budget[lane], j->gen->scratch,
	                   group, a->text, &asker) != MATCH_OK)
		job_match_failed(j);
	counter_add(&j->w->counters.pcre_timeouts, asker.timeout_cnt);
	if (asker.failed_cnt > 0)
		job_failed(j, ENGINE_STAGE_PCRE2);
}

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i += BLOCK64) {
		size_t n = MIN(s.len - i, (size_t)BLOCK64);

		if (block64_range(n < BLOCK64 ? block64_load_part(s.p + i, n)
		                              : block64_load(s.p + i),
		                  128, 255))
			return false;
	}
	return true;
}

/* A paragraph that pretends is asked once more as the reader sees it; a hit stands at its end. */
static void
ask_undisguised(struct asked *a)
{
	char plain[JOB_LINE_MAX * 2];
	size_t n = 0;

	if (is_ascii(a->text))
		return;
	n = fold_undisguise(a->text, plain, sizeof(plain));
	if (n == 0)
		return;
	a->at += a->text.len;
	a->text = span(plain, n);
	a->is_plain = a->is_ours = true;
	ask(a, 0);
}

void
job_scan_block(struct engine_job *j, enum lane lane, uint32_t group, struct span text,
               const char *place, uint64_t at)
{
	struct asked a = { .j = j, .lane = lane, .text = text, .place = place, .at = at };

	if (lane == LANE_RENDERED) {
		a.is_subject = j->has_subject && !j->past_subject;
		j->past_subject = true;
	}
	ask(&a, group);
	if (lane == LANE_RENDERED)
		ask_undisguised(&a);
}

/* ---- URIs ---- */

/* Each form once a mail. */
static void
add_form(struct engine_job *j, struct span form, bool is_ours)
{
	struct asked a = {
		.j = j, .lane = LANE_URI, .text = form, .place = "url", .is_ours = is_ours
	};
	/* A clash would hide a URI from uri rules: keyed, so that no sender can make one. */
	uint64_t h = siphash(&j->w->uri_key, form.p, form.len) | 1;
	size_t at;

	for (at = h % JOB_URI_SLOTS; j->uri_seen[at]; at = (at + 1) % JOB_URI_SLOTS)
		if (j->uri_seen[at] == h)
			return;
	if (j->uri_cnt == JOB_URI_SLOTS / 2) {
		counter_inc(&j->w->counters.uri_overflow);
		return;
	}
	j->uri_cnt++;
	j->uri_seen[at] = h;
	ask(&a, 0);
}

static void
on_form(void *ctx, struct span form)
{
	add_form(ctx, form, false);
}

static void
on_our_form(void *ctx, struct span form)
{
	add_form(ctx, form, true);
}

static void
on_uri(void *ctx, struct span uri)
{
	uri_forms(uri, on_form, ctx);
}

void
job_uri_add(struct engine_job *j, struct span uri, bool is_ours)
{
	if (job_has_set(j, LANE_URI) && !j->locate)
		uri_forms(uri, is_ours ? on_our_form : on_form, j);
}

/* Attributes in which SpamAssassin looks for URIs: html_uri() of Mail::SpamAssassin::HTML 4.0.1. */
static bool
is_uri_attr(const struct html_attr *a)
{
	static const struct {
		const char *name, *tags; /* a blank on both sides of each */
	} rows[] = {
		{ "href", " a area link base " },
		{ "data-saferedirecturl", " a area link " },
		{ "src", " img frame iframe embed script bgsound " },
		{ "action", " form " },
		{ "background", " body table tr td " },
		{ "content", " meta " },
	};
	char tag[HTML_NAME_MAX + 3];

	snprintf(tag, sizeof(tag), " %.*s ", (int)a->tag.len, a->tag.p);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (span_is(a->name, rows[i].name))
			return strstr(rows[i].tags, tag) != NULL;
	return false;
}

bool
job_uri_attr(struct engine_job *j, const struct html_attr *a)
{
	bool is_googles = span_is(a->name, "data-saferedirecturl"); /* beside a link it changed */
	char target[URI_FORM_MAX];

	if (j->in_page || !is_uri_attr(a))
		return is_googles;
	if (span_is(a->tag, "a") && span_is(a->name, "href")) /* as written, too */
		job_uri_add(j, a->value, false);
	job_uri_add(j, uri_target(a->value, target), false);
	return is_googles;
}

static void
find_uris(struct engine_job *j, struct span paragraph)
{
	struct uri_text t = { j->w->urls, j->uri_probe_cnt, on_uri, j };

	if (!job_has_set(j, LANE_URI) || j->locate)
		return;
	uri_text_find(&t, paragraph);
	j->uri_probe_cnt = t.probe_cnt;
}

/* ---- paragraphs and chunks ---- */

/* The line that begins at text: with its end, or cut behind the last blank within bounds. 0: not all of it is here. */
static size_t
next_paragraph(struct span text, bool is_end)
{
	const char *nl = memchr(text.p, '\n', text.len), *blank;
	size_t n = nl ? (size_t)(nl + 1 - text.p) : text.len;

	if (n > JOB_LINE_MAX) {
		blank = memrchr(text.p, ' ', MIN(text.len, (size_t)JOB_LINE_MAX + 1));
		return blank ? (size_t)(blank + 1 - text.p) : JOB_LINE_MAX;
	}
	return nl || is_end ? n : 0;
}

/* As long as more than two lines' worth is left: to the first end of line, '>' or blank past one. */
static size_t
next_chunk(struct span text, bool is_end)
{
	static const char ends[] = "\n> ";

	if (text.len <= 2 * JOB_LINE_MAX)
		return is_end ? text.len : 0;
	for (size_t i = 0; i < sizeof(ends) - 1; i++) {
		const char *p = memchr(text.p + JOB_LINE_MAX, ends[i], JOB_LINE_MAX);

		if (p)
			return (size_t)(p + 1 - text.p);
	}
	return JOB_LINE_MAX + 1;
}

size_t
job_scan_lane(struct engine_job *j, struct text_lane *l, bool is_end)
{
	bool is_raw = l == &j->raw;
	enum lane lane = is_raw ? LANE_RAW : LANE_RENDERED;
	struct span rest = span(l->buf + EXCERPT_MAX, l->used);
	size_t n;

	while (rest.len > 0 && l->used - rest.len < JOB_FLUSH_BYTES &&
	       (n = is_raw ? next_chunk(rest, is_end) : next_paragraph(rest, is_end)) > 0) {
		if (!j->locate)
			job_scan_block(j, lane, 0, span(rest.p, n), NULL,
			               l->base + (l->used - rest.len));
		if (!is_raw)
			find_uris(j, span(rest.p, n));
		rest = span_skip(rest, n);
	}
	return l->used - rest.len;
}

/* Decoded bytes with LF for CR LF. */
void
job_raw_add(struct engine_job *j, struct span in)
{
	while (in.len > 0) {
		const char *cr = memchr(in.p, '\r', in.len);
		size_t n = cr ? (size_t)(cr - in.p) : in.len;

		if (j->raw_is_cr && in.p[0] != '\n')
			job_lane_add(j, &j->raw, span("\r", 1));
		job_lane_add(j, &j->raw, span(in.p, n));
		j->raw_is_cr = cr != NULL;
		in = span_skip(in, n + (cr ? 1 : 0));
	}
}

/* SpamAssassin cuts each part into chunks by itself. */
void
job_raw_end(struct engine_job *j)
{
	if (j->raw_is_cr)
		job_lane_add(j, &j->raw, span("\r", 1));
	j->raw_is_cr = false;
	while (j->raw.used > 0)
		job_lane_flush(j, &j->raw, true);
}

/* ---- the message as it came, with LF for CR LF ---- */

void
job_full_add(struct engine_job *j, struct span raw)
{
	while (raw.len > 0 && j->full_used < sizeof(j->full)) {
		size_t n = MIN(raw.len, sizeof(j->full) - j->full_used);
		const char *nl = memchr(raw.p, '\n', n);
		char *end;

		n = nl ? (size_t)(nl + 1 - raw.p) : n;
		memcpy(j->full + j->full_used, raw.p, n);
		raw = span_skip(raw, n);
		j->full_used += n;
		end = j->full + j->full_used;
		if (nl && j->full_used > 1 && end[-2] == '\r') {
			end[-2] = '\n';
			j->full_used--;
		}
	}
}

void
job_full_end(struct engine_job *j)
{
	if (j->full_used > 0)
		job_scan_block(j, LANE_FULL, 0, span(j->full, j->full_used), "message", 0);
}
