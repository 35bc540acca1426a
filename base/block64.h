/* SPDX-License-Identifier: BSD-3-Clause
 * block64.h - 64 bytes of text at a time as bit masks: bit i is byte i
 *
 * Why     Text is mostly bytes of which nothing is to be done. A mask answers for 64 of them in a few cycles, and what is left
 *         is arithmetic on one word. AVX-512, AVX2 and SSE2 by what the compiler may use; plain C elsewhere.
 * Thread  Any; pure functions.
 */
#pragma once
#include "base/base.h"
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define BLOCK64   64u
#define PACK_ROOM 80u /* block64_pack() writes past what it keeps */

#if defined(__AVX512BW__)
struct block64 {
	__m512i v;
};
#elif defined(__AVX2__)
struct block64 {
	__m256i v[2];
};
#elif defined(__SSE2__)
struct block64 {
	__m128i v[4];
};
#else
struct block64 {
	unsigned char v[64];
};
#endif

/* Bits 0 .. n-1; n up to 64. */
static inline uint64_t
low_bits(unsigned n)
{
	return n >= 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1;
}

/* How many bits from bit 0 up are clear, or set; 64 when all. */
static inline unsigned
clear_run(uint64_t m)
{
	return m ? (unsigned)__builtin_ctzll(m) : 64;
}

static inline unsigned
set_run(uint64_t m)
{
	return clear_run(~m);
}

static inline unsigned
bit_cnt(uint64_t m)
{
	return (unsigned)__builtin_popcountll(m);
}

static inline struct block64
block64_load(const char *p)
{
	struct block64 b;

	/* Not memcpy: where the compiler copies 16 bytes at a time, wider loads of the copy would wait for it. */
#if defined(__AVX512BW__)
	b.v = _mm512_loadu_si512(p);
#elif defined(__AVX2__)
	for (unsigned i = 0; i < 2; i++)
		b.v[i] = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32 * i));
#elif defined(__SSE2__)
	for (unsigned i = 0; i < 4; i++)
		b.v[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
#else
	memcpy(&b, p, sizeof(b));
#endif
	return b;
}

/* n < 64 bytes at p; the rest is 0. */
static inline struct block64
block64_load_part(const char *p, size_t n)
{
#if defined(__AVX512BW__)
	return (struct block64){ _mm512_maskz_loadu_epi8(low_bits((unsigned)n), p) };
#else
	char tmp[64] = { 0 };

	memcpy(tmp, p, n);
	return block64_load(tmp);
#endif
}

/* Writes 64 bytes. */
static inline void
block64_store(char *o, struct block64 b)
{
#if defined(__AVX512BW__)
	_mm512_storeu_si512(o, b.v);
#elif defined(__AVX2__)
	for (unsigned i = 0; i < 2; i++)
		_mm256_storeu_si256((__m256i *)(void *)(o + 32 * i), b.v[i]);
#elif defined(__SSE2__)
	for (unsigned i = 0; i < 4; i++)
		_mm_storeu_si128((__m128i *)(void *)(o + 16 * i), b.v[i]);
#else
	memcpy(o, &b, sizeof(b));
#endif
}

/* Bytes lo .. hi (unsigned, constants). */
static inline uint64_t
block64_range(struct block64 b, unsigned char lo, unsigned char hi)
{
#if defined(__AVX512BW__)
	return _mm512_cmple_epu8_mask(_mm512_sub_epi8(b.v, _mm512_set1_epi8((char)lo)),
	                              _mm512_set1_epi8((char)(hi - lo)));
#elif defined(__AVX2__)
	uint64_t m = 0;

	for (unsigned i = 0; i < 2; i++) {
		__m256i x = _mm256_sub_epi8(b.v[i], _mm256_set1_epi8((char)lo));
		__m256i in =
		        _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8((char)(hi - lo))), x);

		m |= (uint64_t)(uint32_t)_mm256_movemask_epi8(in) << (32 * i);
	}
	return m;
#elif defined(__SSE2__)
	uint64_t m = 0;

	for (unsigned i = 0; i < 4; i++) {
		__m128i x = _mm_sub_epi8(b.v[i], _mm_set1_epi8((char)lo));
		__m128i in = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8((char)(hi - lo))), x);

		m |= (uint64_t)(uint32_t)_mm_movemask_epi8(in) << (16 * i);
	}
	return m;
#else
	uint64_t m = 0;

	for (unsigned i = 0; i < 64; i++)
		m |= (uint64_t)((unsigned char)(b.v[i] - lo) <= (unsigned char)(hi - lo)) << i;
	return m;
#endif
}

static inline uint64_t
block64_is(struct block64 b, unsigned char c)
{
	return block64_range(b, c, c);
}

/* Bytes that are not ASCII. */
static inline uint64_t
block64_high(struct block64 b)
{
	return block64_range(b, 0x80, 0xff);
}

/* Blank, tab, LF, VT, FF, CR. */
static inline uint64_t
block64_white(struct block64 b)
{
	return block64_is(b, ' ') | block64_range(b, '\t', '\r');
}

/* A to Z to lower case. */
static inline struct block64
block64_lower(struct block64 b)
{
#if defined(__AVX512BW__)
	b.v = _mm512_mask_add_epi8(b.v, block64_range(b, 'A', 'Z'), b.v, _mm512_set1_epi8(32));
#elif defined(__AVX2__)
	for (unsigned i = 0; i < 2; i++) {
		__m256i is_upper =
		        _mm256_and_si256(_mm256_cmpgt_epi8(b.v[i], _mm256_set1_epi8('A' - 1)),
		                         _mm256_cmpgt_epi8(_mm256_set1_epi8('Z' + 1), b.v[i]));

		b.v[i] = _mm256_add_epi8(b.v[i], _mm256_and_si256(is_upper, _mm256_set1_epi8(32)));
	}
#elif defined(__SSE2__)
	for (unsigned i = 0; i < 4; i++) {
		__m128i is_upper = _mm_and_si128(_mm_cmpgt_epi8(b.v[i], _mm_set1_epi8('A' - 1)),
		                                 _mm_cmplt_epi8(b.v[i], _mm_set1_epi8('Z' + 1)));

		b.v[i] = _mm_add_epi8(b.v[i], _mm_and_si128(is_upper, _mm_set1_epi8(32)));
	}
#else
	for (unsigned i = 0; i < 64; i++)
		b.v[i] = (unsigned char)ascii_lower((char)b.v[i]);
#endif
	return b;
}

/* The bytes of m become blanks: they must be white space (9 to 13, or ' '). */
static inline struct block64
block64_blank(struct block64 b, uint64_t m)
{
#if defined(__AVX512BW__)
	b.v = _mm512_mask_mov_epi8(b.v, m, _mm512_set1_epi8(' '));
#elif defined(__SSE2__)
	/* Most blocks have at most a line end or two. */
	char tmp[64];

	m &= ~block64_is(b, ' ');
	if (!m)
		return b;
	block64_store(tmp, b);
	for (; m; m &= m - 1)
		tmp[__builtin_ctzll(m)] = ' ';
	b = block64_load(tmp);
#else
	for (; m; m &= m - 1)
		b.v[__builtin_ctzll(m)] = ' ';
#endif
	return b;
}

/* The bytes of `keep` to o, close together; o has room for PACK_ROOM whatever keep is. Returns how many. */
static inline size_t
block64_pack(char *o, struct block64 b, uint64_t keep)
{
#if defined(__AVX512VBMI2__) && defined(__AVX512BW__)
	_mm512_storeu_si512(o, _mm512_maskz_compress_epi8(keep, b.v));
	return bit_cnt(keep);
#else
	char tmp[PACK_ROOM];
	size_t n = 0;

	if ((keep & (keep + 1)) == 0) { /* nothing is left out in front of what is kept */
		block64_store(o, b);
		return bit_cnt(keep);
	}
	block64_store(tmp, b);
	while (keep) {
		unsigned from = clear_run(keep), len = set_run(keep >> from);

		for (unsigned i = 0; i < len; i += 16)
			memcpy(o + n + i, tmp + from + i, 16);
		n += len;
		keep &= ~(low_bits(len) << from);
	}
	return n;
#endif
}
