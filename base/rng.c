/* SPDX-License-Identifier: BSD-3-Clause
 * rng.c - seeding
 */
#include "base/rng.h"
#include <sys/random.h>

void
rng_seed(struct rng *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = (seed += 0x9e3779b97f4a7c15ull);

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ z >> 27) * 0x94d049bb133111ebull;
		r->s[i] = z ^ z >> 31;
	}
}

uint64_t
rng_entropy(void)
{
	uint64_t v = 0;

	BUG_ON(getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v));
	return v;
}
