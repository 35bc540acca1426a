/* SPDX-License-Identifier: BSD-3-Clause
 * candidate.c - learning one mail at a time, judged before it is learned
 */
#include "engine/model/candidate.h"
#include "engine/model/model_file.h"
#include <math.h>
#include <unistd.h>

#define MAGIC   "WEIRCND"
#define VERSION 1

struct candidate *
candidate_new(const struct model *live)
{
	struct candidate *c = calloc(1, sizeof(*c));

	BUG_ON(!c);
	memcpy(c->head.magic, MAGIC, sizeof(c->head.magic));
	c->head.version = VERSION;
	c->head.base_crc = live->head.crc;
	c->model.ref_cnt = 1;
	c->model.head = live->head;
	memcpy(c->model.weight, live->weight, sizeof(c->model.weight));
	return c;
}

void
candidate_free(struct candidate *c)
{
	free(c);
}

static uint32_t
crc_of(const struct candidate *c)
{
	struct candidate_head head = c->head;
	uint32_t crc;

	head.crc = 0;
	crc = model_crc32c(UINT32_MAX, &head, sizeof(head));
	crc = model_crc32c(crc, c->mail, sizeof(c->mail));
	crc = model_crc32c(crc, &c->model.head, sizeof(c->model.head));
	return ~model_crc32c(crc, c->model.weight, sizeof(c->model.weight));
}

static bool
read_parts(FILE *f, struct candidate *c)
{
	return fread(&c->head, sizeof(c->head), 1, f) == 1 &&
	       fread(c->mail, sizeof(c->mail), 1, f) == 1 &&
	       fread(&c->model.head, sizeof(c->model.head), 1, f) == 1 &&
	       fread(c->model.weight, sizeof(c->model.weight), 1, f) == 1 && fgetc(f) == EOF;
}

static bool
is_whole(const struct candidate *c)
{
	return !memcmp(c->head.magic, MAGIC, sizeof(c->head.magic)) && c->head.version == VERSION &&
	       crc_of(c) == c->head.crc &&
	       (uint64_t)c->head.ham_cnt + c->head.spam_cnt <= CANDIDATE_MAILS_MAX;
}

struct candidate *
candidate_load(const char *path, const struct model *live, bool *is_missing, char *why, size_t cap)
{
	FILE *f = fopen(path, "rbe");
	struct candidate *c;
	bool ok;

	*is_missing = !f && errno == ENOENT;
	if (!f) {
		snprintf(why, cap, "%s", strerror(errno));
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	BUG_ON(!c);
	ok = read_parts(f, c) && is_whole(c);
	fclose(f);
	c->model.ref_cnt = 1;
	if (ok && c->head.base_crc == live->head.crc)
		return c;
	snprintf(why, cap, "%s",
	         ok ? "began as another model than the live one: remove it to begin again"
	            : "is damaged: remove it to begin again");
	candidate_free(c);
	return NULL;
}

int
candidate_save(struct candidate *c, const char *path)
{
	struct span parts[] = { span(&c->head, sizeof(c->head)), span(c->mail, sizeof(c->mail)),
		                span(&c->model.head, sizeof(c->model.head)),
		                span(c->model.weight, sizeof(c->model.weight)) };

	c->head.crc = crc_of(c);
	return model_write_parts(path, parts, ARRAY_LEN(parts));
}

/* Of the set of features, whatever their order. */
static uint64_t
hash_of(const struct model_vector *v)
{
	uint64_t sum = v->cnt;

	for (uint32_t i = 0; i < v->cnt; i++)
		sum += model_hash_pair(1, v->feature[i]);
	return sum;
}

/* Along the gradient of logistic loss, so far that this mail's log-odds move by `by`. */
static void
step(struct model *m, const struct model_vector *v, float by)
{
	float scale[MODEL_GROUPS], square = 0;

	model_scales(v->feature, v->cnt, scale);
	for (uint32_t i = 0; i < v->cnt; i++)
		square +=
		        scale[MODEL_GROUP_OF(v->feature[i])] * scale[MODEL_GROUP_OF(v->feature[i])];
	if (square <= 0)
		return;
	for (uint32_t i = 0; i < v->cnt; i++) {
		int16_t *w = &m->weight[MODEL_SLOT_OF(v->feature[i])];
		float to = (float)*w +
		           by / m->head.slope * scale[MODEL_GROUP_OF(v->feature[i])] / square;

		*w = (int16_t)lrintf(MAX(-32767.0f, MIN(32767.0f, to)));
	}
}

enum candidate_outcome
candidate_learn(struct candidate *c, const struct model *live, const struct model_vector *v,
                bool is_spam)
{
	uint32_t cnt = c->head.ham_cnt + c->head.spam_cnt;
	float before = model_logodds(&c->model, v), at = live->head.strict_logodds;
	uint64_t hash = hash_of(v);
	double p = model_probability(before);

	for (uint32_t i = 0; i < cnt; i++)
		if (c->mail[i] == hash)
			return CANDIDATE_KNOWN;
	if (cnt == CANDIDATE_MAILS_MAX)
		return CANDIDATE_FULL;
	c->mail[cnt] = hash;
	if (is_spam) {
		c->head.spam_cnt++;
		c->head.live_caught_cnt += model_logodds(live, v) >= at;
		c->head.caught_cnt += before >= at;
	} else {
		c->head.ham_cnt++;
		c->head.live_fp_cnt += model_logodds(live, v) >= at;
		c->head.fp_cnt += before >= at;
	}
	step(&c->model, v, CANDIDATE_STEP_MAX * (float)((is_spam ? 1 : 0) - p));
	c->model.head.learned_cnt++;
	return CANDIDATE_LEARNED;
}

bool
candidate_is_better(const struct candidate *c, char *why, size_t cap)
{
	const struct candidate_head *h = &c->head;

	if (h->ham_cnt < CANDIDATE_LEAST || h->spam_cnt < CANDIDATE_LEAST)
		snprintf(why, cap, "%u ham and %u spam learned; %d of each are the least",
		         h->ham_cnt, h->spam_cnt, CANDIDATE_LEAST);
	else if (h->fp_cnt > h->live_fp_cnt)
		snprintf(why, cap, "%u false positives, the live model has %u", h->fp_cnt,
		         h->live_fp_cnt);
	else if (h->caught_cnt < h->live_caught_cnt)
		snprintf(why, cap, "%u caught, the live model catches %u", h->caught_cnt,
		         h->live_caught_cnt);
	else
		return true;
	return false;
}

int
candidate_promote(struct candidate *c, const char *live_path)
{
	char before[4096];

	if ((size_t)snprintf(before, sizeof(before), "%s.before", live_path) >= sizeof(before))
		return -ENAMETOOLONG;
	if (unlink(before) < 0 && errno != ENOENT)
		return -errno;
	if (link(live_path, before) < 0)
		return -errno;
	return model_save(&c->model, live_path);
}
