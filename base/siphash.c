/* SPDX-License-Identifier: BSD-3-Clause
 * siphash.c - SipHash-2-4
 */
#include "base/siphash.h"

static inline void
absorb(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	siphash_round(v);
	siphash_round(v);
	v[0] ^= m;
}

uint64_t
siphash(const struct siphash_key *key, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v[4], m, last = (uint64_t)len << 56;
	size_t left = len;

	siphash_begin(v, key);
	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&m, p, 8);
		absorb(v, m);
	}
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t)p[i] << (8 * i);
	absorb(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
