/* SPDX-License-Identifier: BSD-3-Clause
 * utf8.h - reading and writing one UTF-8 character, copying runs of ASCII
 *
 * RFC     3629: no surrogates, nothing over U+10FFFF, shortest form only.
 * Thread  Any.
 */
#pragma once
#include "base/base.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Length of the character at p (n >= 1 bytes there): 1..4; 0 not UTF-8; -1 cut off after n bytes. */
static inline int
utf8_length(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned char lo = 0x80, hi = 0xbf;
	int len;

	if (u[0] < 0x80)
		return 1;
	len = u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;
	if (len == 0)
		return 0;
	if (u[0] == 0xe0)
		lo = 0xa0;
	else if (u[0] == 0xed)
		hi = 0x9f;
	else if (u[0] == 0xf0)
		lo = 0x90;
	else if (u[0] == 0xf4)
		hi = 0x8f;
	for (int i = 1; i < len; i++, lo = 0x80, hi = 0xbf) {
		if ((size_t)i == n)
			return -1;
		if (u[i] < lo || u[i] > hi)
			return 0;
	}
	return len;
}

/* Code point of a character that utf8_length() found good. */
static inline uint32_t
utf8_get(const char *p, int len)
{
	const unsigned char *u = (const unsigned char *)p;

	switch (len) {
	case 1:
		return u[0];
	case 2:
		return (uint32_t)(u[0] & 0x1f) << 6 | (u[1] & 0x3f);
	case 3:
		return (uint32_t)(u[0] & 0x0f) << 12 | (uint32_t)(u[1] & 0x3f) << 6 | (u[2] & 0x3f);
	default:
		return (uint32_t)(u[0] & 0x07) << 18 | (uint32_t)(u[1] & 0x3f) << 12 |
		       (uint32_t)(u[2] & 0x3f) << 6 | (u[3] & 0x3f);
	}
}

/* Write code point cp; returns 1..4. What is no scalar value is U+FFFD. */
static inline size_t
utf8_put(char *o, uint32_t cp)
{
	if (cp < 0x80) {
		o[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		o[0] = (char)(0xc0 | cp >> 6);
		o[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp > 0x10ffff || (cp & 0xfffff800) == 0xd800)
		cp = 0xfffd;
	if (cp < 0x10000) {
		o[0] = (char)(0xe0 | cp >> 12);
		o[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		o[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	o[0] = (char)(0xf0 | cp >> 18);
	o[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	o[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	o[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

/* Copy the leading ASCII bytes of p[0 .. n) to o (which has room for n); returns how many. */
static inline size_t
utf8_ascii_copy(const char *p, size_t n, char *o)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; i + 16 <= n; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		int high = _mm_movemask_epi8(v);

		_mm_storeu_si128((__m128i *)(void *)(o + i), v);
		if (high)
			return i + (size_t)__builtin_ctz((unsigned)high);
	}
#endif
	for (; i < n && !(p[i] & 0x80); i++)
		o[i] = p[i];
	return i;
}
