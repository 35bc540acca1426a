/* SPDX-License-Identifier: BSD-3-Clause
 * vector.c - hashing of bytes, the empty vector
 */
#include "engine/model/vector.h"
#include <math.h>

#define K0 0xa0761d6478bd642full
#define K1 0xe7037ed1a0b428dbull

static uint64_t
load8(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t
load4(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Reads inside s only: ends of short texts by loads that overlap. */
uint64_t
model_hash(struct span s)
{
	uint64_t a = 0, b = 0, h = K0 ^ s.len;
	const char *p = s.p;
	size_t n = s.len;

	for (; n > 16; n -= 16, p += 16)
		h = model_mix(load8(p) ^ K1, load8(p + 8) ^ h);
	if (n >= 8) {
		a = load8(p);
		b = load8(p + n - 8);
	} else if (n >= 4) {
		a = load4(p);
		b = load4(p + n - 4);
	} else if (n > 0) {
		a = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 |
		    (unsigned char)p[n - 1];
	}
	return model_mix(a ^ K1, b ^ h);
}

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
