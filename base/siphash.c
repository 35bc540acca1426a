/* SPDX-License-Identifier: BSD-3-Clause
 * siphash.c - SipHash-2-4, and SipHash-1-3 with 128 bits
 */
#include "base/siphash.h"

/* The last len % 8 bytes, and the length above them. */
static inline uint64_t
last_word(const uint8_t *p, size_t len)
{
	size_t left = len % 8;
	uint64_t m = 0;

	if (left > 0 && len >= 8) { /* in one read, with some of those before them */
		memcpy(&m, p + len - 8, 8);
		m >>= 8 * (8 - left);
	} else {
		for (size_t i = 0; i < left; i++)
			m |= (uint64_t)p[i] << (8 * i);
	}
	return m | (uint64_t)len << 56;
}

static inline void
rounds(uint64_t v[4], int cnt)
{
	for (int i = 0; i < cnt; i++)
		siphash_round(v);
}

static inline void
absorb(uint64_t v[4], const uint8_t *p, size_t len, int cnt)
{
	uint64_t m;

	for (size_t at = 0; at + 8 <= len; at += 8) {
		memcpy(&m, p + at, 8);
		v[3] ^= m;
		rounds(v, cnt);
		v[0] ^= m;
	}
	m = last_word(p, len);
	v[3] ^= m;
	rounds(v, cnt);
	v[0] ^= m;
}

uint64_t
siphash(const struct siphash_key *key, const void *data, size_t len)
{
	uint64_t v[4];

	siphash_begin(v, key);
	absorb(v, data, len, 2);
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void
siphash128(const struct siphash_key *key, const void *data, size_t len, uint64_t out[2])
{
	uint64_t v[4];

	siphash_begin(v, key);
	v[1] ^= 0xee;
	absorb(v, data, len, 1);
	v[2] ^= 0xee;
	rounds(v, 3);
	out[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	rounds(v, 3);
	out[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}
