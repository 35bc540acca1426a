/* SPDX-License-Identifier: BSD-3-Clause
 * job_locate.c - where in the mail the hits in text lanes are: decoded bytes of their part
 *
 * Why     Hyperscan tells a position in a lane, and a lane has been through charset, HTML and folding. The relay shows no
 *         offsets, so it keeps no map of its lanes. A tool that shows them feeds the mail again, to a job whose text goes
 *         through the same stages a byte at a time and through no Hyperscan: the byte after which a lane reaches the end of a
 *         hit is the hit's place. Exact by construction, whatever the stages do; only mails with such hits pay.
 */
#include "engine/job.h"

static const enum lane lanes[] = { LANE_FOLDED, LANE_RENDERED, LANE_RAW };

/* Hits, then those of sub-rules; NULL past the last. */
static struct evidence_hit *
hit_at(struct engine_job *of, unsigned i)
{
	if (i < of->hit_cnt)
		return &of->hit[i];
	i -= of->hit_cnt;
	return i < of->sub_hit_cnt ? &of->sub_hit[i] : NULL;
}

bool
job_wants_locate(const struct engine_job *j)
{
	for (unsigned i = 0; i < j->hit_cnt; i++)
		if (!j->hit[i].place)
			return true;
	for (unsigned i = 0; i < j->sub_hit_cnt; i++)
		if (!j->sub_hit[i].place)
			return true;
	return false;
}

static void
set_next(struct engine_job *j, enum lane lane)
{
	struct evidence_hit *h;

	j->locate_next[lane] = UINT64_MAX;
	for (unsigned i = 0; (h = hit_at(j->locate, i)); i++)
		if (!h->place && h->lane == lane && !h->is_located)
			j->locate_next[lane] = MIN(j->locate_next[lane], h->end);
}

void
job_locate_begin(struct engine_job *j, struct engine_job *of)
{
	j->locate = of;
	j->locate_part = JOB_NO_PART;
	j->locate_offset = 0;
	for (size_t i = 0; i < ARRAY_LEN(lanes); i++)
		set_next(j, lanes[i]);
}

/* The part that byte n of the text under way came from, and how many bytes of that part end with it. */
static uint16_t
part_of(const struct engine_job *j, uint64_t n, uint64_t *offset)
{
	uint64_t at = j->tail_first + (n ? n - 1 : 0);

	*offset = n;
	if (!j->in_tail)
		return j->part;
	for (unsigned i = j->part_cnt; i-- > 0;) {
		const struct part_info *p = &j->parts[i];

		if (!p->has_tail || p->tail_at > at)
			continue;
		*offset = p->tail_offset + (at - p->tail_at) + 1;
		return (uint16_t)i;
	}
	return j->part;
}

static void
reached(struct engine_job *j, enum lane lane, uint16_t part, uint64_t offset)
{
	const struct text_lane *l = job_lane(j, lane);
	struct evidence_hit *h;

	if (l->base + l->used < j->locate_next[lane])
		return;
	for (unsigned i = 0; (h = hit_at(j->locate, i)); i++) {
		if (h->place || h->lane != lane || h->is_located || h->end > l->base + l->used)
			continue;
		h->is_located = true;
		h->part = part;
		h->offset = offset;
	}
	set_next(j, lane);
}

static void
locate_all(struct engine_job *j, uint16_t part, uint64_t offset)
{
	j->locate_part = part;
	j->locate_offset = offset;
	for (size_t i = 0; i < ARRAY_LEN(lanes); i++)
		reached(j, lanes[i], part, offset);
}

void
job_locate_text(struct engine_job *j, uint64_t read)
{
	uint64_t offset;
	uint16_t part = part_of(j, read, &offset);

	locate_all(j, part, offset);
}

void
job_locate_subject(struct engine_job *j, uint64_t read)
{
	locate_all(j, JOB_NO_PART, read);
}

void
job_locate_end(struct engine_job *j)
{
	locate_all(j, j->locate_part, j->locate_offset);
}
