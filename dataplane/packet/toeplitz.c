/* SPDX-License-Identifier: BSD-3-Clause
 * toeplitz.c - see toeplitz.h
 */
#include "dataplane/packet/toeplitz.h"

/* 32 bits of the key from bit `bit` on. */
static uint32_t
window(const uint8_t *key, unsigned bit)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 5; i++)
		v = v << 8 | (bit / 8 + i < TOEPLITZ_KEY_BYTES ? key[bit / 8 + i] : 0);
	return (uint32_t)(v >> (8 - bit % 8));
}

void
toeplitz_init(struct toeplitz *t, const uint8_t key[TOEPLITZ_KEY_BYTES])
{
	for (unsigned n = 0; n < TOEPLITZ_NIBBLES; n++)
		for (unsigned v = 0; v < 16; v++) {
			t->t[n][v] = 0;
			for (unsigned b = 0; b < 4; b++)
				if (v & 8u >> b)
					t->t[n][v] ^= window(key, n * 4 + b);
		}
}

static inline uint32_t
bytes(const uint32_t (**row)[16], const uint8_t *p, unsigned cnt)
{
	uint32_t h = 0;

	for (unsigned i = 0; i < cnt; i++) {
		h ^= (**row)[p[i] >> 4];
		++*row;
		h ^= (**row)[p[i] & 15];
		++*row;
	}
	return h;
}

uint32_t
toeplitz_flow(const struct toeplitz *t, const struct addr *src, uint16_t sport,
              const struct addr *dst, uint16_t dport)
{
	const uint32_t(*row)[16] = t->t;
	unsigned skip = addr_is_v4(dst) ? 12 : 0;
	uint8_t ports[4] = { (uint8_t)(sport >> 8), (uint8_t)sport, (uint8_t)(dport >> 8),
		             (uint8_t)dport };
	uint32_t h;

	if (skip) { /* constant counts, so that the compiler unrolls */
		h = bytes(&row, src->b + 12, 4);
		h ^= bytes(&row, dst->b + 12, 4);
	} else {
		h = bytes(&row, src->b, 16);
		h ^= bytes(&row, dst->b, 16);
	}
	return h ^ bytes(&row, ports, 4);
}
