/* SPDX-License-Identifier: BSD-3-Clause
 * model.c - a vector's log-odds, probability and points
 */
#include "engine/model/model.h"
#include <math.h>

float
model_logodds(const struct model *m, const struct model_vector *v)
{
	int64_t sum[MODEL_GROUPS] = { 0 };
	float scale[MODEL_GROUPS], z = 0;

	model_scales(v->feature, v->cnt, scale);
	for (uint32_t i = 0; i < v->cnt; i++)
		sum[MODEL_GROUP_OF(v->feature[i])] += m->weight[MODEL_SLOT_OF(v->feature[i])];
	for (unsigned g = 0; g < MODEL_GROUPS; g++)
		z += (float)sum[g] * scale[g];
	z = m->head.slope * z + m->head.offset;
	return MAX(-MODEL_LOGODDS_MAX, MIN(MODEL_LOGODDS_MAX, z));
}

double
model_probability(float logodds)
{
	return 1 / (1 + exp(-(double)logodds));
}

int32_t
model_points_milli(const struct model *m, float logodds)
{
	float milli = MODEL_POINTS_STRICT * logodds / m->head.strict_logodds;

	return (int32_t)lrintf(MAX((float)MODEL_POINTS_MIN, MIN((float)MODEL_POINTS_MAX, milli)));
}

float
model_share(const struct model *m, const float scale[MODEL_GROUPS], uint32_t feature)
{
	return m->head.slope * (float)m->weight[MODEL_SLOT_OF(feature)] *
	       scale[MODEL_GROUP_OF(feature)];
}
