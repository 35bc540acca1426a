/* SPDX-License-Identifier: BSD-3-Clause
 * job_html.c - what the HTML reader tells: shown and hidden text, links and what they show, what the page was like
 */
#include "engine/job.h"

void
job_on_html_text(void *ctx, enum html_lane lane, struct span utf8)
{
	struct engine_job *j = ctx;

	if (lane == HTML_VISIBLE)
		url_shown_feed(&j->shown, utf8);
	if (j->in_page) {
		if (lane == HTML_VISIBLE)
			job_on_file_text(j, utf8);
		return;
	}
	if (lane == HTML_VISIBLE)
		job_visible(ctx, utf8);
	else
		job_rendered_add(ctx, utf8); /* body rules see hidden text and the title too */
}

void
job_on_html_attr(void *ctx, const struct html_attr *a)
{
	struct engine_job *j = ctx;
	uint32_t extra = URL_F_FROM_ATTR | (a->is_hidden ? (uint32_t)URL_F_HIDDEN : 0u);
	const struct url *u;

	if (job_uri_attr(j, a))
		return;
	u = url_add(&j->urls, a->value, extra, j->part);
	if (!u)
		j->features[F_URL_CODE] += url_add_code(&j->urls, a->value, extra, j->part);
	if (!span_is(a->name, "href"))
		return;
	phone_add_link(&j->phones, a->value, j->part);
	if (span_is(a->tag, "a"))
		url_shown_begin(&j->shown, u);
}

void
job_on_link_end(void *ctx)
{
	struct engine_job *j = ctx;

	url_shown_end(&j->shown);
}

void
job_html_end(struct engine_job *j)
{
	const struct html_stats *st = html_stats(j->html);

	html_end(j->html);
	url_shown_end(&j->shown);
	j->features[F_IMAGES] += st->image_cnt;
	j->features[F_HTML_LINKS] += st->link_cnt;
	j->features[F_FORM] |= !!(st->flags & HTML_F_FORM);
	j->features[F_PASSWORD] |= !!(st->flags & HTML_F_PASSWORD);
	j->features[F_SCRIPT] |= !!(st->flags & HTML_F_SCRIPT);
	j->features[F_META_REFRESH] |= !!(st->flags & HTML_F_META_REFRESH);
	j->features[F_DATA_URI] |= !!(st->flags & HTML_F_DATA_URI);
	j->features[F_ZERO_FONT] |= !!(st->flags & HTML_F_ZERO_FONT);
	j->features[F_LOW_CONTRAST] |= !!(st->flags & HTML_F_LOW_CONTRAST);
	/* The most hidden part counts, not the average: one clean part must not wash another. */
	if (st->hidden_bytes > 0)
		j->features[F_HIDDEN_PERMILLE] =
		        MAX(j->features[F_HIDDEN_PERMILLE],
		            (int64_t)(st->hidden_bytes * 1000 /
		                      (st->hidden_bytes + st->visible_bytes)));
}
