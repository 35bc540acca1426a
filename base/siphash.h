/* SPDX-License-Identifier: BSD-3-Clause
 * siphash.h - keyed hash for tables that outsiders can write keys into
 *
 * Why     An unkeyed hash lets a sender choose addresses that all fall into one bucket.
 * RFC     "SipHash: a fast short-input PRF", Aumasson and Bernstein, 2012; SipHash-2-4. Also the PRF of RFC 6528 ISNs. SipHash-1-3 is for
 *         tables alone, where no outsider sees what comes out.
 * Thread  Any; pure functions.
 */
#pragma once
#include "base/base.h"

struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

/* SipHash-1-3 with the 128 bits of output of its authors' program: out[0] is what comes first. */
void siphash128(const struct siphash_key *key, const void *data, size_t len, uint64_t out[2]);

/* --- the parts --- */

static inline void
siphash_begin(uint64_t v[4], const struct siphash_key *key)
{
	v[0] = key->k0 ^ 0x736f6d6570736575ull;
	v[1] = key->k1 ^ 0x646f72616e646f6dull;
	v[2] = key->k0 ^ 0x6c7967656e657261ull;
	v[3] = key->k1 ^ 0x7465646279746573ull;
}

static inline void
siphash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = (v[1] << 13 | v[1] >> 51) ^ v[0];
	v[3] = (v[3] << 16 | v[3] >> 48) ^ v[2];
	v[0] = v[0] << 32 | v[0] >> 32;
	v[2] += v[1];
	v[0] += v[3];
	v[1] = (v[1] << 17 | v[1] >> 47) ^ v[2];
	v[3] = (v[3] << 21 | v[3] >> 43) ^ v[0];
	v[2] = v[2] << 32 | v[2] >> 32;
}

/* SipHash-1-3 of cnt words; the last one has the length in bytes in its upper eight bits. */
static inline uint64_t
siphash13(const struct siphash_key *key, const uint64_t *words, size_t cnt)
{
	uint64_t v[4];

	siphash_begin(v, key);
	for (size_t i = 0; i < cnt; i++) {
		v[3] ^= words[i];
		siphash_round(v);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
	for (size_t i = 0; i < 3; i++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
