/* SPDX-License-Identifier: BSD-3-Clause
 * vector.h - the features of one mail: a set of slots of the model's weights, each at most once
 *
 * Why     Hashing gives a model of fixed size without a dictionary (Weinberger et al., "Feature Hashing for Large Scale Multitask
 *         Learning", 2009). That a feature counts once a mail keeps a repeated word from outweighing the rest, and bounds the
 *         work: a bit tells whether it was seen.
 * Owner   The caller's storage, about 64 KB, one per scan slot; all zero, then model_vector_reset().
 * Thread  One.
 * Limit   MODEL_FEATURES_MAX features; later ones are not taken (is_full). Words take MODEL_WORDS_MAX of them at most, so that pages of
 *         them cannot push out what is known only at the end of a mail.
 */
#pragma once
#include "base/base.h"

#define MODEL_BITS         18
#define MODEL_SLOTS        (1u << MODEL_BITS)
#define MODEL_HASH_BITS    22 /* of a feature: training tells more apart than a model has weights */
#define MODEL_FEATURES_MAX 8192
#define MODEL_WORDS_MAX    (MODEL_FEATURES_MAX - 1024)

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

#define MODEL_K0 0xa0761d6478bd642full
#define MODEL_K1 0xe7037ed1a0b428dbull

/* One step of model_hash(): 16 bytes, low ones first, and what came before. */
static inline uint64_t
model_hash_step(uint64_t lo, uint64_t hi, uint64_t before)
{
	return model_mix(lo ^ MODEL_K1, hi ^ before);
}

/* Of bytes: steps of 16, the last one filled with zeros; reads inside s only. */
static inline uint64_t
model_hash(struct span s)
{
	uint64_t h = MODEL_K0 ^ s.len, w[2];

	for (; s.len > 16; s = span_skip(s, 16)) {
		memcpy(w, s.p, sizeof(w));
		h = model_hash_step(w[0], w[1], h);
	}
	w[0] = w[1] = 0;
	memcpy(w, s.p, s.len);
	return model_hash_step(w[0], w[1], h);
}

/* Empties v; costs as much as it holds. */
void model_vector_reset(struct model_vector *v);

/* What a feature of each group counts in a mail: its group's weight by the root of how many there are. */
void model_scales(const uint32_t *feature, uint32_t cnt, float scale[MODEL_GROUPS]);

/* For a caller who knows that there is room. Whether a word was seen before is a coin's toss: no branch on it. */
static inline bool
model_vector_put(struct model_vector *v, enum model_group group, uint64_t hash)
{
	uint32_t slot = (uint32_t)(hash >> (64 - MODEL_BITS));
	uint64_t was = v->seen[slot / 64], bit = 1ull << (slot % 64);
	uint32_t is_new = !(was & bit);

	v->seen[slot / 64] = was | bit;
	v->feature[v->cnt] = MODEL_FEATURE(group, (uint32_t)(hash >> (64 - MODEL_HASH_BITS)));
	v->cnt += is_new;
	return is_new;
}

/* True when it is new and there was room. */
static inline bool
model_vector_add(struct model_vector *v, enum model_group group, uint64_t hash)
{
	if (likely(v->cnt < MODEL_FEATURES_MAX))
		return model_vector_put(v, group, hash);
	v->is_full = true;
	return false;
}

/* The same with a name for tools. */
static inline void
model_vector_add_named(struct model_vector *v, enum model_group group, uint64_t hash,
                       const char *kind, struct span first, struct span second)
{
	if (model_vector_add(v, group, hash) && unlikely(v->on_new != NULL))
		v->on_new(v->ctx, MODEL_SLOT_OF(v->feature[v->cnt - 1]), kind, first, second);
}
