/* SPDX-License-Identifier: BSD-3-Clause
 * fold.c - rendered and folded text; 16 bytes of ASCII at a time where nothing special is among them
 */
#include "engine/text/fold.h"
#include "engine/text/text_tables.h"
#include "engine/text/utf8.h"

static inline bool
is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* White space beyond ASCII, as Perl's \s. */
static bool
is_wide_space(uint32_t cp)
{
	return cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
	       cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

static size_t
put_blank(struct fold *f, char *o)
{
	if (f->in_space || !f->in_text)
		return 0;
	f->in_space = true;
	*o = ' ';
	return 1;
}

static size_t
fold_ascii(struct fold *f, unsigned char c, char *o)
{
	if (is_space(c))
		return put_blank(f, o);
	if (c < ' ' || c == 127)
		return 0;
	*o = ascii_lower((char)c);
	f->in_text = true;
	f->in_space = false;
	return 1;
}

/* One character; writes at most 16 bytes. */
static size_t
fold_char(struct fold *f, const char *p, int len, char *o)
{
	uint32_t cp = utf8_get(p, len);
	const uint8_t *to;
	size_t n = 0;
	uint16_t at;

	if (cp < 0x80)
		return fold_ascii(f, (unsigned char)cp, o);
	if (cp >= 0x20000) {
		if (cp >= 0xe0000 && cp < 0xe1000)
			return 0; /* tags and variation selectors: not shown */
		at = 0;
	} else {
		at = text_fold_stage2[text_fold_stage1[cp >> 6] * 64u + (cp & 63)];
	}
	if (at == 0) {
		memcpy(o, p, (size_t)len);
		f->in_text = true;
		f->in_space = false;
		return (size_t)len;
	}
	to = text_fold_pool + at;
	for (unsigned i = 1; i <= to[0]; i++) {
		if (to[i] < 0x80) {
			n += fold_ascii(f, to[i], o + n);
			continue;
		}
		o[n++] = (char)to[i];
		f->in_text = true;
		f->in_space = false;
	}
	return n;
}

/* Each byte of a sequence that never became a character, as if it had not been cut. */
static size_t
fold_bad(struct fold *f, char *o)
{
	size_t n = 0;

	for (; f->carry_len > 0; f->carry_len--)
		n += fold_char(f, "\xef\xbf\xbd", 3, o + n);
	return n;
}

#ifdef __SSE2__
/* Bytes of p[0 .. n) that are plain: ASCII, no control, no two white spaces in a row. Blocks of 16, lowered into o. */
static size_t
fold_blocks(struct fold *f, const char *p, size_t n, char *o)
{
	size_t i = 0;

	for (; i + 16 <= n; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i blank = _mm_cmpeq_epi8(v, _mm_set1_epi8(' '));
		__m128i odd = _mm_or_si128(
		        _mm_cmplt_epi8(v, _mm_set1_epi8(' ')), /* control, and >= 0x80 */
		        _mm_cmpeq_epi8(v, _mm_set1_epi8(127)));
		__m128i upper = _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8('A' - 1)),
		                              _mm_cmplt_epi8(v, _mm_set1_epi8('Z' + 1)));
		unsigned space = (unsigned)_mm_movemask_epi8(blank);
		unsigned before = space << 1 | (f->in_space || !f->in_text);

		if (_mm_movemask_epi8(odd) | (int)(space & before))
			break;
		_mm_storeu_si128((__m128i *)(void *)(o + i),
		                 _mm_add_epi8(v, _mm_and_si128(upper, _mm_set1_epi8(32))));
		f->in_text = true;
		f->in_space = space >> 15 & 1;
	}
	return i;
}
#endif

size_t
fold_feed(struct fold *f, struct span *in, char *out, size_t cap)
{
	const char *p = in->p, *end = p + in->len;
	char *o = out, *o_max = out + cap - 16;

	BUG_ON(cap < FOLD_CAP_MIN);
	while (f->carry_len > 0 && p < end) { /* a byte at a time: rare and short */
		char tmp[4];
		int len;

		memcpy(tmp, f->carry, f->carry_len);
		tmp[f->carry_len] = *p;
		len = utf8_length(tmp, f->carry_len + 1u);
		if (len == 0) { /* what we had was no character; *p begins anew */
			o += fold_bad(f, o);
			break;
		}
		f->carry[f->carry_len++] = (unsigned char)*p++;
		if (len > 0) {
			o += fold_char(f, tmp, len, o);
			f->carry_len = 0;
		}
	}
	while (p < end && o <= o_max) {
		int len;

#ifdef __SSE2__
		if ((size_t)(end - p) >= 16) {
			size_t n = fold_blocks(f, p,
			                       MIN((size_t)(end - p), (size_t)(o_max - o) + 16), o);

			p += n;
			o += n;
			if (p == end || o > o_max)
				break;
		}
#endif
		for (unsigned i = 0; i < 16 && p < end && !(*p & 0x80) && o <= o_max; i++)
			o += fold_ascii(f, (unsigned char)*p++, o);
		while (p < end && (*p & 0x80) && o <= o_max) {
			len = utf8_length(p, (size_t)(end - p));
			if (len < 0) {
				f->carry_len = (uint8_t)(end - p);
				memcpy(f->carry, p, f->carry_len);
				p = end;
				break;
			}
			o += len > 0 ? fold_char(f, p, len, o) : fold_char(f, "\xef\xbf\xbd", 3, o);
			p += len > 0 ? len : 1;
		}
	}
	*in = span(p, (size_t)(end - p));
	return (size_t)(o - out);
}

size_t
fold_end(struct fold *f, char *out, size_t cap)
{
	size_t n;

	BUG_ON(cap < FOLD_CAP_MIN);
	n = fold_bad(f, out);
	return n + put_blank(f, out + n);
}

size_t
fold_span(struct span in, char *out, size_t cap)
{
	struct fold f = { 0 };
	char tmp[256];
	size_t n = 0;

	for (bool is_end = false; !is_end;) {
		size_t got;

		is_end = in.len == 0;
		got = is_end ? fold_end(&f, tmp, sizeof(tmp))
		             : fold_feed(&f, &in, tmp, sizeof(tmp));
		if (got > cap - n) {
			got = cap - n;
			is_end = true;
		}
		memcpy(out + n, tmp, got);
		n += got;
	}
	if (n > 0 && out[n - 1] == ' ')
		n--;
	return n;
}

/* ---- rendered ---- */

/* The run of white space before a visible character becomes one byte. */
static size_t
render_gap(struct render *r, char *o)
{
	bool is_due = r->in_space && r->in_text;

	if (is_due)
		*o = r->newline_cnt >= 2 ? '\n' : ' ';
	r->in_space = false;
	r->in_text = true;
	r->newline_cnt = 0;
	return is_due;
}

static size_t
render_char(struct render *r, const char *p, int len, char *o)
{
	uint32_t cp = utf8_get(p, len);
	size_t n;

	if (cp < 0x80 ? is_space((unsigned char)cp) : is_wide_space(cp)) {
		r->in_space = true;
		if (cp == '\n' && r->newline_cnt < 2)
			r->newline_cnt++;
		return 0;
	}
	n = render_gap(r, o);
	memcpy(o + n, p, (size_t)len);
	return n + (size_t)len;
}

static size_t
render_bad(struct render *r, char *o)
{
	size_t n = 0;

	for (; r->carry_len > 0; r->carry_len--)
		n += render_char(r, "\xef\xbf\xbd", 3, o + n);
	return n;
}

/* Copy what needs no look: no white space. */
static size_t
plain_run(const char *p, size_t n, char *o)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; i + 16 <= n; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		int stop = _mm_movemask_epi8(_mm_cmplt_epi8(v, _mm_set1_epi8('!')));

		_mm_storeu_si128((__m128i *)(void *)(o + i), v);
		if (stop)
			return i + (size_t)__builtin_ctz((unsigned)stop);
	}
#endif
	for (; i < n && p[i] > ' '; i++)
		o[i] = p[i];
	return i;
}

size_t
render_feed(struct render *r, struct span *in, char *out, size_t cap)
{
	const char *p = in->p, *end = p + in->len;
	char *o = out, *o_max = out + cap - 16;

	BUG_ON(cap < FOLD_CAP_MIN);
	while (r->carry_len > 0 && p < end) {
		char tmp[4];
		int len;

		memcpy(tmp, r->carry, r->carry_len);
		tmp[r->carry_len] = *p;
		len = utf8_length(tmp, r->carry_len + 1u);
		if (len == 0) {
			o += render_bad(r, o);
			break;
		}
		r->carry[r->carry_len++] = (unsigned char)*p++;
		if (len > 0) {
			o += render_char(r, tmp, len, o);
			r->carry_len = 0;
		}
	}
	while (p < end && o <= o_max) {
		int len = utf8_length(p, (size_t)(end - p));

		if (len < 0) {
			r->carry_len = (uint8_t)(end - p);
			memcpy(r->carry, p, r->carry_len);
			p = end;
			break;
		}
		o += len > 0 ? render_char(r, p, len, o) : render_char(r, "\xef\xbf\xbd", 3, o);
		p += len > 0 ? len : 1;
		if (!r->in_space && o <= o_max) {
			size_t n =
			        plain_run(p, MIN((size_t)(end - p), (size_t)(o_max - o) + 16), o);

			p += n;
			o += n;
		}
	}
	*in = span(p, (size_t)(end - p));
	return (size_t)(o - out);
}

size_t
render_end(struct render *r, char *out, size_t cap)
{
	size_t n;

	BUG_ON(cap < FOLD_CAP_MIN);
	n = render_bad(r, out);
	if (r->in_text)
		out[n++] = '\n';
	memset(r, 0, sizeof(*r));
	return n;
}
