/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_scan.h - where something happens among the line ends of a block: as bits, many bytes at a
 * time
 *
 * Why     Each byte is judged with the one before it, by two loads that overlap: no carry from
 *         block to block, and a clean mail costs some instructions a block, not some a byte.
 * Thread  Any; pure functions.
 * Limit   Read the SMTP_SCAN_BYTES from p and the byte before p.
 */
#pragma once
#include "base/base.h"
#include <immintrin.h>

#if defined(__AVX2__)
#define SMTP_SCAN_BYTES 32
typedef __m256i smtp_block;
#define smtp_block_load(p)  _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define smtp_block_is(b, c) _mm256_cmpeq_epi8(b, _mm256_set1_epi8(c))
#define smtp_block_xor      _mm256_xor_si256
#define smtp_block_and      _mm256_and_si256
#define smtp_block_or       _mm256_or_si256
#define smtp_block_bits(b)  ((uint32_t)_mm256_movemask_epi8(b))
#else
#define SMTP_SCAN_BYTES     16
typedef __m128i smtp_block;
#define smtp_block_load(p)  _mm_loadu_si128((const __m128i *)(const void *)(p))
#define smtp_block_is(b, c) _mm_cmpeq_epi8(b, _mm_set1_epi8(c))
#define smtp_block_xor      _mm_xor_si128
#define smtp_block_and      _mm_and_si128
#define smtp_block_or       _mm_or_si128
#define smtp_block_bits(b)  ((uint32_t)_mm_movemask_epi8(b))
#endif

/* Bytes that are a dot behind LF. */
static inline uint32_t
smtp_scan_dots(const char *p)
{
	return smtp_block_bits(smtp_block_and(smtp_block_is(smtp_block_load(p - 1), '\n'),
	                                      smtp_block_is(smtp_block_load(p), '.')));
}

/* Bytes that are LF without CR before, anything but LF behind CR, and if `dots` a dot behind LF. */
static inline uint32_t
smtp_scan_stops(const char *p, bool dots)
{
	smtp_block before = smtp_block_load(p - 1), here = smtp_block_load(p);
	smtp_block stop = smtp_block_xor(smtp_block_is(before, '\r'), smtp_block_is(here, '\n'));

	if (dots)
		stop = smtp_block_or(stop, smtp_block_and(smtp_block_is(before, '\n'),
		                                          smtp_block_is(here, '.')));
	return smtp_block_bits(stop);
}
