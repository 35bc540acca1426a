/* SPDX-License-Identifier: BSD-3-Clause
 * vector.c - the empty vector; what a feature counts
 */
#include "engine/model/vector.h"
#include <math.h>

void
model_vector_reset(struct model_vector *v)
{
	for (uint32_t i = 0; i < v->cnt; i++)
		v->seen[MODEL_SLOT_OF(v->feature[i]) / 64] = 0;
	v->cnt = 0;
	v->is_full = false;
}

/*
 * A vector of root n entries of 1 has length 1; this many entries more make the vector of a few words shorter, because a few words
 * prove less. Chosen on the last parts of the training mails by time.
 */
static const float few[MODEL_GROUPS] = {
	[MODEL_SUBJECT] = 4, [MODEL_HEAD] = 20, [MODEL_BODY] = 20, [MODEL_SHAPE] = 0
};

void
model_scales(const uint32_t *feature, uint32_t cnt, float scale[MODEL_GROUPS])
{
	uint32_t n[MODEL_GROUPS] = { 0 };

	for (uint32_t i = 0; i < cnt; i++)
		n[MODEL_GROUP_OF(feature[i])]++;
	for (unsigned g = 0; g < MODEL_GROUPS; g++)
		scale[g] = n[g] ? 1 / sqrtf((float)n[g] + few[g]) : 0;
}
