/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_scan.h - where CR, LF and dots stand in 64 bytes, as bit masks
 *
 * Why     Line ends are judged 64 bytes at a time: a clean mail costs some instructions a block, not some a byte.
 * Thread  Any; pure functions.
 * Limit   Reads exactly 64 bytes from p.
 */
#pragma once
#include "base/base.h"
#include <immintrin.h>

struct smtp_masks {
	uint64_t cr, lf, dot; /* bit i: byte i is that character */
};

#if defined(__AVX2__)
static inline uint64_t
smtp_mask_of(__m256i lo, __m256i hi, char c)
{
	__m256i v = _mm256_set1_epi8(c);
	uint64_t l = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(lo, v));
	uint64_t h = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(hi, v));

	return l | h << 32;
}

static inline struct smtp_masks
smtp_masks64(const char *p)
{
	__m256i lo = _mm256_loadu_si256((const __m256i *)(const void *)p);
	__m256i hi = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));

	return (struct smtp_masks){ smtp_mask_of(lo, hi, '\r'), smtp_mask_of(lo, hi, '\n'),
		                    smtp_mask_of(lo, hi, '.') };
}
#else
static inline uint64_t
smtp_mask_of(const char *p, char c)
{
	__m128i v = _mm_set1_epi8(c);
	uint64_t m = 0;

	for (unsigned i = 0; i < 4; i++) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));

		m |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, v)) << (16 * i);
	}
	return m;
}

static inline struct smtp_masks
smtp_masks64(const char *p)
{
	return (struct smtp_masks){ smtp_mask_of(p, '\r'), smtp_mask_of(p, '\n'),
		                    smtp_mask_of(p, '.') };
}
#endif
