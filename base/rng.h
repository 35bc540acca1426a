/* SPDX-License-Identifier: BSD-3-Clause
 * rng.h - random numbers that a test can repeat from one seed
 *
 * Why     Randomness is handed to every module (architecture: Time), so the simulator replays a run from its seed.
 *         Not for secrets: those come from rng_entropy() at start.
 * RFC     xoshiro256** (Blackman, Vigna), seeded by splitmix64.
 * Thread  One owner per struct.
 */
#pragma once
#include "base/base.h"

struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);

static inline uint64_t
rng_next(struct rng *r)
{
	uint64_t *s = r->s, x = s[1] * 5, out = (x << 7 | x >> 57) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = s[3] << 45 | s[3] >> 19;
	return out;
}

/* Uniform in [0, n); n > 0. */
static inline uint64_t
rng_below(struct rng *r, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)rng_next(r) * n) >> 64);
}

/* True in `num` of `den` cases. */
static inline bool
rng_odds(struct rng *r, uint64_t num, uint64_t den)
{
	return rng_below(r, den) < num;
}

/* 64 bits from the kernel, for seeds and keys. */
uint64_t rng_entropy(void);
