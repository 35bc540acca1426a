/* SPDX-License-Identifier: BSD-3-Clause
 * vector.h - the features of one mail: a set of slots of the model's weights, each at most once
 *
 * Why     Hashing gives a model of fixed size without a dictionary (Weinberger et al., "Feature Hashing for Large Scale Multitask
 *         Learning", 2009). That a feature counts once a mail keeps a repeated word from outweighing the rest, and bounds the
 *         work: a bit tells whether it was seen.
 * Owner   The caller's storage, about 64 KB, one per scan slot; all zero, then model_vector_reset().
 * Thread  One.
 * Limit   MODEL_FEATURES_MAX features; later ones are not taken (is_full).
 */
#pragma once
#include "base/base.h"

#define MODEL_BITS         18
#define MODEL_SLOTS        (1u << MODEL_BITS)
#define MODEL_HASH_BITS    22 /* of a feature: training tells more apart than a model has weights */
#define MODEL_FEATURES_MAX 8192

/* Parts of a mail whose features are weighed apart: each group's vector has a length of its own, so that pages of copied text cannot
 * thin out what the subject, the first words and the build of the mail say. */
enum model_group {
	MODEL_SUBJECT,
	MODEL_HEAD, /* the first words of the body */
	MODEL_BODY,
	MODEL_SHAPE,
	MODEL_GROUPS,
};

/* What a slot was made from, for people; only tools ask. second is "" unless it is a pair. */
typedef void model_name_fn(void *ctx, uint32_t slot, const char *kind, struct span first,
                           struct span second);

#define MODEL_FEATURE(group, hash) ((uint32_t)(group) << MODEL_HASH_BITS | (hash))
#define MODEL_GROUP_OF(feature)    ((feature) >> MODEL_HASH_BITS)
#define MODEL_HASH_OF(feature)     ((feature) & ((1u << MODEL_HASH_BITS) - 1))
#define MODEL_SLOT_OF(feature)     (MODEL_HASH_OF(feature) >> (MODEL_HASH_BITS - MODEL_BITS))

struct model_vector {
	uint32_t cnt;
	bool is_full;
	uint32_t feature[MODEL_FEATURES_MAX]; /* MODEL_FEATURE(); in the order of their coming */
	uint64_t seen[MODEL_SLOTS / 64];
	model_name_fn *on_new; /* called for each new slot; NULL on a worker */
	void *ctx;
};

/* A product whose halves are folded: as in wyhash, each bit of a and b reaches each bit of the result. */
static inline uint64_t
model_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Of a feature that is numbers: which one, and its value. */
static inline uint64_t
model_hash_pair(uint64_t kind, uint64_t value)
{
	return model_mix(kind ^ 0x9e3779b97f4a7c15ull, value ^ 0xd1b54a32d192ed03ull);
}

/* Of bytes. */
uint64_t model_hash(struct span s);

/* Empties v; costs as much as it holds. */
void model_vector_reset(struct model_vector *v);

/* What a feature of each group counts in a mail: its group's weight by the root of how many there are. */
void model_scales(const uint32_t *feature, uint32_t cnt, float scale[MODEL_GROUPS]);

/* True when it is new and there was room. */
static inline bool
model_vector_add(struct model_vector *v, enum model_group group, uint64_t hash)
{
	uint32_t slot = (uint32_t)(hash >> (64 - MODEL_BITS));
	uint64_t bit = 1ull << (slot % 64);

	if (v->seen[slot / 64] & bit)
		return false;
	if (unlikely(v->cnt == MODEL_FEATURES_MAX)) {
		v->is_full = true;
		return false;
	}
	v->seen[slot / 64] |= bit;
	v->feature[v->cnt++] = MODEL_FEATURE(group, (uint32_t)(hash >> (64 - MODEL_HASH_BITS)));
	return true;
}

/* The same with a name for tools. */
static inline void
model_vector_add_named(struct model_vector *v, enum model_group group, uint64_t hash,
                       const char *kind, struct span first, struct span second)
{
	if (model_vector_add(v, group, hash) && unlikely(v->on_new != NULL))
		v->on_new(v->ctx, MODEL_SLOT_OF(v->feature[v->cnt - 1]), kind, first, second);
}
