/* SPDX-License-Identifier: BSD-3-Clause
 * mime_decode.c - base64 in blocks of 16, quoted-printable by runs, uuencode by lines
 */
#include "engine/mime/mime_decode.h"
#ifdef __SSSE3__
#include <immintrin.h>
#endif

enum { B64_BAD = 64, B64_PAD = 65, B64_SPACE = 66 };

/* clang-format off */
#define B B64_BAD
#define S B64_SPACE
static const uint8_t b64_table[256] = {
	B, B, B, B, B, B, B, B, B, S, S, B, B, S, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
	S, B, B, B, B, B, B, B, B, B, B, 62, B, B, B, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, B, B, B, B64_PAD, B, B,
	B, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, B, B, B, B, B,
	B, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, B, B, B, B, B,
	B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
	B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
	B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
	B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
};
#undef B
#undef S
/* clang-format on */

int
mime_b64_value(unsigned char c)
{
	return b64_table[c] < B64_BAD ? b64_table[c] : -1;
}

int
mime_hex_value(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void
mime_dec_begin(struct mime_dec *d, enum mime_encoding e)
{
	d->encoding = e;
	d->flags = 0;
	d->acc = 0;
	d->quad = 0;
	d->held_len = 0;
	d->has_pad = false;
	d->in_uu = false;
}

#ifdef __SSSE3__
/* 16 characters to 12 bytes; false when one is outside the alphabet. Method of Muła and Lemire (2018). Writes 16. */
static inline bool
b64_block(const char *p, char *out)
{
	const __m128i lut_lo = _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
	                                     0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a);
	const __m128i lut_hi = _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10,
	                                     0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
	const __m128i roll =
	        _mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
	__m128i in = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i hi = _mm_and_si128(_mm_srli_epi32(in, 4), _mm_set1_epi8(0x2f));
	__m128i lo = _mm_and_si128(in, _mm_set1_epi8(0x2f));
	__m128i slash = _mm_cmpeq_epi8(in, _mm_set1_epi8(0x2f));
	__m128i bad = _mm_and_si128(_mm_shuffle_epi8(lut_lo, lo), _mm_shuffle_epi8(lut_hi, hi));

	if (_mm_movemask_epi8(_mm_cmpgt_epi8(bad, _mm_setzero_si128())))
		return false;
	in = _mm_add_epi8(in, _mm_shuffle_epi8(roll, _mm_add_epi8(slash, hi)));
	in = _mm_maddubs_epi16(in, _mm_set1_epi32(0x01400140));
	in = _mm_madd_epi16(in, _mm_set1_epi32(0x00011000));
	in = _mm_shuffle_epi8(
	        in, _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
	_mm_storeu_si128((__m128i *)(void *)out, in);
	return true;
}
#endif

/* What is not a character of the alphabet: padding ends a group, white space is nothing, the rest is a lie. */
static size_t
b64_odd(struct mime_dec *d, uint8_t v, char *out)
{
	size_t n = 0;

	if (v == B64_BAD)
		d->flags |= MIME_F_BAD_BASE64;
	if (v != B64_PAD || d->quad == 0)
		return 0;
	d->has_pad = true;
	if (d->quad == 1) {
		d->flags |= MIME_F_BAD_BASE64;
	} else {
		out[n++] = (char)(d->acc >> (d->quad == 2 ? 4 : 10));
		if (d->quad == 3)
			out[n++] = (char)(d->acc >> 2);
	}
	d->quad = 0;
	d->acc = 0;
	return n;
}

static size_t
b64_feed(struct mime_dec *d, struct span *in, char *out, size_t cap)
{
	const unsigned char *p = (const unsigned char *)in->p, *end = p + in->len;
	char *o = out, *o_max = out + cap - 16;

	while (p < end && o <= o_max) {
		uint8_t v;

#ifdef __SSSE3__
		if (d->quad == 0 && !d->has_pad)
			while (end - p >= 16 && o <= o_max && b64_block((const char *)p, o)) {
				p += 16;
				o += 12;
			}
		if (p == end || o > o_max)
			break;
#endif
		v = b64_table[*p++];
		if (v >= B64_BAD) {
			o += b64_odd(d, v, o);
			continue;
		}
		if (d->has_pad) {
			d->flags |= MIME_F_BASE64_AFTER_PAD;
			d->has_pad = false;
		}
		d->acc = d->acc << 6 | v;
		if (++d->quad == 4) {
			*o++ = (char)(d->acc >> 16);
			*o++ = (char)(d->acc >> 8);
			*o++ = (char)d->acc;
			d->acc = 0;
			d->quad = 0;
		}
	}
	*in = span(p, (size_t)(end - p));
	return (size_t)(o - out);
}

static inline bool
is_hex(char c)
{
	return mime_hex_value((unsigned char)c) >= 0;
}

static inline bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * held is "=", "=X" or "=" and blanks; c follows. Either c joins it (true), perhaps completing it, or held is no escape:
 * it is written as it is and c has to be looked at again (false).
 */
static bool
qp_escape(struct mime_dec *d, char c, char **o)
{
	unsigned n = d->held_len;
	bool is_open = n == 1;

	if ((is_open && is_hex(c)) || ((is_open || (is_blank(d->held[1]) && n < MIME_QP_BLANKS &&
	                                            is_blank(d->held[n - 1]))) &&
	                               (is_blank(c) || c == '\r'))) {
		d->held[d->held_len++] = c;
		return true;
	}
	d->held_len = 0;
	if (c == '\n' && (is_open || !is_hex(d->held[1])))
		return true; /* soft line break, blanks after '=' tolerated */
	if (n == 2 && is_hex(d->held[1]) && is_hex(c)) {
		*(*o)++ = (char)(mime_hex_value((unsigned char)d->held[1]) << 4 |
		                 mime_hex_value((unsigned char)c));
		return true;
	}
	d->flags |= MIME_F_BAD_QP;
	memcpy(*o, d->held, n);
	*o += n;
	return false;
}

static size_t
qp_feed(struct mime_dec *d, struct span *in, char *out, size_t cap)
{
	const char *p = in->p, *end = p + in->len;
	char *o = out, *o_max = out + cap - MIME_QP_BLANKS;

	while (p < end && o < o_max) {
		if (d->held_len > 0) {
			if (qp_escape(d, *p, &o))
				p++;
			continue;
		}
		if (*p == '=') {
			if (end - p > 2 && is_hex(p[1]) && is_hex(p[2])) {
				*o++ = (char)(mime_hex_value((unsigned char)p[1]) << 4 |
				              mime_hex_value((unsigned char)p[2]));
				p += 3;
				continue;
			}
			d->held[d->held_len++] = *p++;
			continue;
		}
		size_t room = MIN((size_t)(end - p), (size_t)(o_max - o));
		const char *eq = memchr(p, '=', room);
		size_t n = eq ? (size_t)(eq - p) : room;

		memcpy(o, p, n);
		o += n;
		p += n;
	}
	*in = span(p, (size_t)(end - p));
	return (size_t)(o - out);
}

static size_t
uu_data(struct mime_dec *d, char *out)
{
	size_t want = (size_t)(d->held[0] - 32) & 63, n = 0, len = d->held_len;

	while (len > 1 && (d->held[len - 1] == '\n' || d->held[len - 1] == '\r'))
		len--;
	if ((want + 2) / 3 * 4 >
	    len - 1 + 3) /* blanks at the end may have been stripped, more not */
		d->flags |= MIME_F_BAD_UU;
	for (size_t i = 1; n < want; i += 4) {
		uint32_t v = 0;

		if (i >= len)
			break;
		for (size_t k = 0; k < 4; k++)
			v = v << 6 | (i + k < len ? (uint32_t)(d->held[i + k] - 32) & 63 : 0);
		for (int k = 16; k >= 0 && n < want; k -= 8)
			out[n++] = (char)(v >> k);
	}
	return n;
}

/* One line (or a piece of one that is too long). Outside of begin and end text passes, blank lines do not. */
static size_t
uu_line(struct mime_dec *d, char *out)
{
	size_t n = d->held_len;

	if (!d->in_uu) {
		if (n >= 9 && !memcmp(d->held, "begin ", 6) && d->held[6] >= '0' &&
		    d->held[6] <= '7') {
			d->in_uu = true;
			return 0;
		}
		if (d->held[0] == '\n' || d->held[0] == '\r')
			return 0;
		d->flags |= MIME_F_BAD_UU;
		memcpy(out, d->held, n);
		return n;
	}
	if (n >= 3 && !memcmp(d->held, "end", 3) &&
	    (n == 3 || d->held[3] == '\n' || d->held[3] == '\r')) {
		d->in_uu = false;
		return 0;
	}
	return d->held[0] >= ' ' && d->held[0] <= '`' ? uu_data(d, out) : 0;
}

static size_t
uu_feed(struct mime_dec *d, struct span *in, char *out, size_t cap)
{
	size_t n = 0;

	while (in->len > 0 && n + MIME_UU_LINE_MAX <= cap) {
		const char *nl =
		        memchr(in->p, '\n', MIN(in->len, (size_t)MIME_UU_LINE_MAX - d->held_len));
		size_t take = nl ? (size_t)(nl - in->p) + 1
		                 : MIN(in->len, (size_t)MIME_UU_LINE_MAX - d->held_len);

		memcpy(d->held + d->held_len, in->p, take);
		d->held_len = (uint8_t)(d->held_len + take);
		*in = span_skip(*in, take);
		if (nl || d->held_len == MIME_UU_LINE_MAX) {
			n += uu_line(d, out + n);
			d->held_len = 0;
		}
	}
	return n;
}

size_t
mime_dec_feed(struct mime_dec *d, struct span *in, char *out, size_t cap)
{
	BUG_ON(cap < MIME_DEC_CAP_MIN);
	switch (d->encoding) {
	case MIME_ENC_BASE64:
		return b64_feed(d, in, out, cap);
	case MIME_ENC_QP:
		return qp_feed(d, in, out, cap);
	case MIME_ENC_UU:
		return uu_feed(d, in, out, cap);
	default:
		break;
	}
	cap = MIN(cap, in->len);
	memcpy(out, in->p, cap);
	*in = span_skip(*in, cap);
	return cap;
}

size_t
mime_dec_end(struct mime_dec *d, char *out, size_t cap)
{
	size_t n = 0;

	BUG_ON(cap < MIME_DEC_CAP_MIN);
	if (d->encoding == MIME_ENC_BASE64 && d->quad > 0) {
		d->flags |= MIME_F_BAD_BASE64;
		n = b64_odd(d, B64_PAD, out);
	} else if (d->encoding == MIME_ENC_QP && d->held_len > 0) {
		/* "=" and blanks at the very end: a soft break that lost its line end */
		if (d->held_len > 1 && mime_hex_value((unsigned char)d->held[1]) >= 0) {
			d->flags |= MIME_F_BAD_QP;
			n = d->held_len;
			memcpy(out, d->held, n);
		}
	} else if (d->encoding == MIME_ENC_UU && d->held_len > 0) {
		n = uu_line(d, out);
	}
	d->held_len = 0;
	d->quad = 0;
	return n;
}
