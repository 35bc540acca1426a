/* SPDX-License-Identifier: BSD-3-Clause
 * job_text.c - decoded parts to text lanes: blocks, charset, HTML, folding, URLs
 */
#include "engine/job.h"

static bool
starts(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len >= n && !memcmp(s.p, z, n);
}

/* Windows drops dots and blanks at the end of a name. */
bool
job_name_ends(struct span name, const char *z)
{
	size_t n = strlen(z);

	while (name.len > 0 && (name.p[name.len - 1] == '.' || name.p[name.len - 1] == ' '))
		name.len--;
	return name.len > n && span_ieq_z(span_skip(name, name.len - n), z);
}

static bool
is_html(const struct mime_part *p)
{
	static const char *const types[] = { "text/html", "application/xhtml+xml",
		                             "image/svg+xml" };
	static const char *const names[] = { ".html", ".htm", ".shtml", ".xhtml", ".svg" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (span_is(p->type, types[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (job_name_ends(p->name, names[i]))
			return true;
	return false;
}

/* What a mail program shows as text, and what a browser would show when opened. */
static bool
is_text(const struct mime_part *p)
{
	return starts(p->type, "text/") || is_html(p);
}

static struct span
keep(struct engine_job *j, struct span s)
{
	char *to = j->part_text + j->part_text_used;

	if (s.len == 0 || s.len > sizeof(j->part_text) - j->part_text_used)
		return span("", 0);
	memcpy(to, s.p, s.len);
	j->part_text_used += s.len;
	return span(to, s.len);
}

void
job_rendered_add(struct engine_job *j, struct span text)
{
	while (text.len > 0 && job_has_rendered(j)) {
		size_t room;
		char *to = job_lane_room(j, &j->rendered, FOLD_CAP_MIN, &room);

		j->rendered.used += render_feed(&j->render, &text, to, room);
	}
}

/* A line end between two parts, as SpamAssassin puts it before each but the first. */
static void
rendered_part(struct engine_job *j)
{
	if (j->has_rendered)
		job_rendered_add(j, span("\n", 1));
	j->has_rendered = true;
}

static void
text_begin(struct engine_job *j, struct span charset, uint16_t part)
{
	j->block_used = 0;
	j->block_offset = 0;
	charset_begin(&j->conv, j->charsets, charset);
	j->fold = (struct fold){ 0 };
	j->render.plain_quotes = j->part_is_html;
	url_finder_begin(&j->url_finder, &j->urls, part, URL_F_FROM_TEXT);
	phone_finder_begin(&j->phone_finder, &j->phones, part);
	if (j->part_is_html)
		html_reset(j->html);
	if (j->body_at == UINT64_MAX)
		j->body_at = j->folded.base + j->folded.used;
}

void
job_on_part_begin(void *ctx, const struct mime_part *p)
{
	struct engine_job *j = ctx;
	struct part_info *info;

	job_head_end(j, p->index == 0);
	if (p->index >= MIME_PARTS_MAX)
		return;
	info = &j->parts[p->index];
	j->part_cnt = MAX(j->part_cnt, p->index + 1);
	*info = (struct part_info){ .path = keep(j, p->path),
		                    .type = keep(j, p->type),
		                    .charset = keep(j, p->charset),
		                    .encoding = keep(j, p->encoding_name),
		                    .name = keep(j, p->name),
		                    .flags = p->flags };
	j->features[F_PARTS]++;
	if (p->flags & MIME_F_CONTAINER)
		return;
	info->is_attachment = !is_text(p) || p->name.len > 0 || p->flags & MIME_F_ATTACHMENT;
	job_leaf_begin(j, p, info);
	if (p->flags & MIME_F_UU_IN_TEXT)
		return; /* the text around it is the part under way */
	j->part = (uint16_t)p->index;
	j->part_is_text = is_text(p);
	rendered_part(j);
	j->part_is_html = is_html(p);
	j->part_is_page = j->part_is_html && info->is_attachment;
	if (j->part_is_text)
		text_begin(j, p->charset, j->part);
	j->features[F_HTML_PARTS] += j->part_is_html;
}

/* ---- shown text ---- */

/* Returns how long it became. */
static size_t
add_folded(struct engine_job *j, struct span text)
{
	size_t sum = 0;

	while (text.len > 0) {
		size_t room;
		char *to = job_lane_room(j, &j->folded, FOLD_CAP_MIN, &room);

		size_t n = fold_feed(&j->fold, &text, to, room);

		j->folded.used += n;
		sum += n;
	}
	return sum;
}

void
job_visible(struct engine_job *j, struct span text)
{
	int64_t n = (int64_t)add_folded(j, text);

	j->features[F_VISIBLE_BYTES] += n;
	j->features[F_PAGE_BYTES] += j->part_is_page ? n : 0;
	job_rendered_add(j, text);
	url_finder_feed(&j->url_finder, text);
	phone_finder_feed(&j->phone_finder, text);
}

static void
utf8_text(struct engine_job *j, struct span text)
{
	if (text.len == 0)
		return;
	if (j->part_is_html && job_fails(j, ENGINE_STAGE_HTML))
		return;
	if (j->part_is_html)
		html_feed(j->html, text);
	else
		job_visible(j, text);
}

static void
block_text(struct engine_job *j, struct span in)
{
	char out[JOB_BLOCK * 3 + 64];

	if (job_has_set(j, LANE_RAW))
		job_raw_add(j, in);
	if (job_fails(j, ENGINE_STAGE_CHARSET))
		return;
	while (in.len > 0) {
		size_t n = charset_feed(&j->conv, &in, out, sizeof(out));

		utf8_text(j, span(out, n));
	}
}

/* To locate hits the same text goes a byte at a time: no stage's output depends on cuts. */
static void
flush_block(struct engine_job *j)
{
	size_t step = j->locate ? 1 : j->block_used;

	for (size_t at = 0; at < j->block_used; at += step) {
		block_text(j, span(j->block + at, step));
		if (j->locate)
			job_locate_text(j, j->block_offset + at + 1);
	}
	j->block_offset += j->block_used;
	j->block_used = 0;
}

static void
text_data(struct engine_job *j, struct span data)
{
	while (data.len > 0) {
		size_t n = MIN(JOB_BLOCK - j->block_used, data.len);

		memcpy(j->block + j->block_used, data.p, n);
		j->block_used += n;
		data = span_skip(data, n);
		if (j->block_used == JOB_BLOCK)
			flush_block(j);
	}
}

/* Past the window the last bytes are kept for the end. offset: of data in its part. */
static void
tail_data(struct engine_job *j, struct part_info *info, struct span data, uint64_t offset)
{
	if (data.len > 0 && !info->has_tail) {
		info->has_tail = true;
		info->tail_at = j->tail_total;
		info->tail_offset = offset;
	}
	if (data.len > sizeof(j->tail)) {
		j->tail_total += data.len - sizeof(j->tail);
		data = span_skip(data, data.len - sizeof(j->tail));
	}
	for (size_t i = 0; i < data.len; i++)
		j->tail[(j->tail_total + i) % sizeof(j->tail)] = data.p[i];
	j->tail_total += data.len;
}

void
job_on_data(void *ctx, const struct mime_part *p, struct span data, uint64_t offset)
{
	struct engine_job *j = ctx;
	size_t n;

	job_views_settle(j);
	if (p->index >= MIME_PARTS_MAX)
		return;
	job_leaf_data(j, job_leaf(j, p), data);
	if (!j->part_is_text || p->flags & MIME_F_UU_IN_TEXT)
		return;
	n = (size_t)MIN((uint64_t)data.len, j->w->cfg.scan_bytes - j->text_bytes);
	j->text_bytes += n;
	text_data(j, span(data.p, n));
	tail_data(j, &j->parts[p->index], span_skip(data, n), offset + n);
}

/* Words end with their part or field: a line end, which folded text has nowhere else. */
static void
folded_end(struct engine_job *j)
{
	size_t room;
	char *to = job_lane_room(j, &j->folded, FOLD_CAP_MIN, &room);

	j->folded.used += fold_end(&j->fold, to, room);
	job_lane_add(j, &j->folded, span("\n", 1));
}

static void
rendered_cut(struct engine_job *j)
{
	size_t room;
	char *to;

	if (!job_has_rendered(j))
		return;
	to = job_lane_room(j, &j->rendered, FOLD_CAP_MIN, &room);
	j->rendered.used += render_cut(&j->render, to, room);
}

void
job_text_finish(struct engine_job *j)
{
	size_t room;
	char *to;

	if (!job_has_rendered(j))
		return;
	to = job_lane_room(j, &j->rendered, FOLD_CAP_MIN, &room);
	j->rendered.used += render_end(&j->render, to, room);
	if (j->locate)
		job_locate_end(j);
}

static void
text_end(struct engine_job *j)
{
	char out[128];

	flush_block(j);
	utf8_text(j, span(out, charset_end(&j->conv, out, sizeof(out))));
	if (j->part_is_html) {
		job_html_end(j);
	}
	url_finder_end(&j->url_finder);
	phone_finder_end(&j->phone_finder);
	folded_end(j);
	rendered_cut(j);
	if (job_has_set(j, LANE_RAW))
		job_raw_end(j);
	if (j->locate)
		job_locate_text(j, j->block_offset);
}

void
job_on_outside(void *ctx, const struct mime_part *p, struct span data)
{
	struct engine_job *j = ctx;
	size_t n = MIN(sizeof(j->outside) - j->outside_used, data.len);

	job_views_settle(j);
	if (p->index != 0)
		return;
	memcpy(j->outside + j->outside_used, data.p, n);
	j->outside_used += n;
}

/* A multipart in which no part ever began: what is there is its text, as some mail programs show it. */
static void
outside_text(struct engine_job *j, const struct mime_part *p)
{
	struct span text = span(j->outside, j->outside_used);

	if (text.len == 0 || text.len > j->w->cfg.scan_bytes - j->text_bytes)
		return;
	j->text_bytes += text.len;
	j->part = (uint16_t)p->index;
	j->part_is_html = memmem(text.p, text.len, "</", 2) != NULL;
	j->part_is_page = false;
	text_begin(j, span("", 0), j->part);
	text_data(j, text);
	text_end(j);
}

void
job_on_part_end(void *ctx, const struct mime_part *p)
{
	struct engine_job *j = ctx;
	struct part_info *info;

	job_views_settle(j);
	if (p->index >= MIME_PARTS_MAX)
		return;
	info = &j->parts[p->index];
	info->bytes = p->flags & MIME_F_CONTAINER ? 0 : p->bytes;
	info->flags = p->flags;
	if (p->flags & MIME_F_EMPTY_MULTIPART && p->index == 0)
		outside_text(j, p);
	if (p->flags & MIME_F_CONTAINER)
		return;
	if (p->flags & MIME_F_UU_IN_TEXT) {
		job_leaf_end(j, &j->uu_leaf, info);
		return;
	}
	if (j->part_is_text) {
		text_end(j);
		j->features[F_PLAIN_PARTS] += !j->part_is_html && j->fold.in_text;
	}
	job_leaf_end(j, &j->leaf, info);
	j->part_is_text = false;
}

/* The last bytes of text past the window, as plain text or HTML cut in the middle. */
void
job_text_tail(struct engine_job *j)
{
	size_t n = (size_t)MIN(j->tail_total, (uint64_t)sizeof(j->tail));
	size_t from = (size_t)((j->tail_total - n) % sizeof(j->tail));
	size_t first = MIN(n, sizeof(j->tail) - from);

	if (n == 0)
		return;
	j->features[F_WINDOW_FULL] = 1;
	counter_inc(&j->w->counters.window_full);
	j->in_tail = true;
	j->tail_first = j->tail_total - n;
	job_rendered_add(j, span("\n\n", 2)); /* nothing reaches over what was left out */
	text_begin(j, span("", 0), j->part);
	text_data(j, span(j->tail + from, first));
	text_data(j, span(j->tail, n - first));
	text_end(j);
}

void
job_document_begin(struct engine_job *j)
{
	j->fold = (struct fold){ 0 };
	j->render.plain_quotes = j->part_is_html;
	url_finder_begin(&j->url_finder, &j->urls, j->file_part, URL_F_FROM_DOCUMENT);
	phone_finder_begin(&j->phone_finder, &j->phones, j->file_part);
	if (j->body_at == UINT64_MAX)
		j->body_at = j->folded.base + j->folded.used;
}

void
job_document_text(struct engine_job *j, struct span utf8)
{
	add_folded(j, utf8);
	url_finder_feed(&j->url_finder, utf8);
	phone_finder_feed(&j->phone_finder, utf8);
}

void
job_document_end(struct engine_job *j)
{
	url_finder_end(&j->url_finder);
	phone_finder_end(&j->phone_finder);
	folded_end(j);
}

void
job_text_plain(struct engine_job *j, struct span text)
{
	if (!j->part_is_text) {
		j->part_is_text = true;
		j->part_is_html = j->part_is_page = false;
		text_begin(j, span("", 0), JOB_NO_PART);
	}
	text_data(j, text);
}

void
job_text_plain_end(struct engine_job *j)
{
	if (j->part_is_text)
		text_end(j);
}

/* The subject is the first paragraph of the text, as in SpamAssassin. */
void
job_subject(struct engine_job *j, struct span value)
{
	size_t step = j->locate ? 1 : value.len;
	bool is_shown = job_has_rendered(j);

	j->fold = (struct fold){ 0 };
	for (size_t at = 0; at < value.len; at += step) {
		add_folded(j, span(value.p + at, step));
		if (is_shown)
			job_lane_add(j, &j->rendered, span(value.p + at, step));
		if (j->locate)
			job_locate_subject(j, at + 1);
	}
	folded_end(j);
	if (is_shown)
		job_lane_add(j, &j->rendered, span("\n", 1));
	j->has_subject = true;
	if (j->locate)
		job_locate_subject(j, value.len);
}
