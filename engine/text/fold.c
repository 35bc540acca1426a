/* SPDX-License-Identifier: BSD-3-Clause
 * fold.c - rendered and folded text; ASCII in blocks of 64 bytes, the rest a character at a time
 */
#include "engine/text/fold.h"
#include "base/block64.h"
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

/* One byte more for the character that is cut: its length when it is whole (then *whole has it and the carry is empty), negative
 * when it needs more, 0 when it was none (then *p was not taken). */
static int
carry_take(struct fold_carry *c, const char **p, char whole[4])
{
	int len;

	memcpy(whole, c->byte, c->len);
	whole[c->len] = **p;
	len = utf8_length(whole, c->len + 1u);
	if (len == 0)
		return 0;
	c->byte[c->len++] = (unsigned char)*(*p)++;
	if (len > 0)
		c->len = 0;
	return len;
}

/* The rest of the input is the beginning of a character; returns its end. */
static const char *
carry_keep(struct fold_carry *c, const char *p, const char *end)
{
	c->len = (uint8_t)(end - p);
	memcpy(c->byte, p, c->len);
	return end;
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

	for (; f->carry.len > 0; f->carry.len--)
		n += fold_char(f, "\xef\xbf\xbd", 3, o + n);
	return n;
}

/* Up to 64 bytes of ASCII without control characters but white space; *n is how many were taken. o has PACK_ROOM. */
static size_t
fold_block(struct fold *f, const char *p, size_t *n, char *o)
{
	bool is_part = *n < BLOCK64;
	struct block64 b = is_part ? block64_load_part(p, *n) : block64_load(p);
	uint64_t white = block64_white(b);
	uint64_t odd = (block64_range(b, 0, 31) & ~white) | block64_range(b, 127, 255);
	unsigned len = MIN((unsigned)*n, clear_run(odd));
	uint64_t all = low_bits(MIN(len, BLOCK64)), drop;

	*n = len;
	if (len == 0)
		return 0;
	white &= all;
	drop = white & (white << 1 | (f->in_space || !f->in_text));
	f->in_text |= white != all;
	f->in_space = f->in_text && white >> (len - 1) & 1;
	return block64_pack(o, block64_lower(block64_blank(b, white)), all & ~drop);
}

size_t
fold_feed(struct fold *f, struct span *in, char *out, size_t cap)
{
	const char *p = in->p, *end = p + in->len;
	char *o = out, *o_max = out + cap - 16;

	BUG_ON(cap < FOLD_CAP_MIN);
	while (f->carry.len > 0 && p < end) { /* a byte at a time: rare and short */
		char whole[4];
		int len = carry_take(&f->carry, &p, whole);

		if (len >= 0)
			o += len ? fold_char(f, whole, len, o) : fold_bad(f, o);
	}
	while (p < end && o <= o_max) {
		int len;

		while (p < end && out + cap - o >= PACK_ROOM) {
			size_t n = MIN((size_t)(end - p), (size_t)BLOCK64);

			o += fold_block(f, p, &n, o);
			p += n;
			if (n < BLOCK64)
				break;
		}
		for (unsigned i = 0; i < 16 && p < end && !(*p & 0x80) && o <= o_max; i++) {
			o += fold_ascii(f, (unsigned char)*p++, o);
			if (out + cap - o >= PACK_ROOM)
				break;
		}
		while (p < end && (*p & 0x80) && o <= o_max) {
			len = utf8_length(p, (size_t)(end - p));
			if (len < 0) {
				p = carry_keep(&f->carry, p, end);
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

/* ---- undisguised ---- */

static bool
is_letter(int c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* What stands for a character: the pool's entry (its length first) when it is not shown or is ASCII that pretends; NULL: itself. */
static const uint8_t *
undisguised(uint32_t cp)
{
	static const uint8_t none = 0;
	const uint8_t *to;
	uint16_t at;

	if (cp >= 0xe0000 && cp < 0xe1000)
		return &none;
	if (cp < 0x80 || cp >= 0x20000)
		return NULL;
	at = text_fold_stage2[text_fold_stage1[cp >> 6] * 64u + (cp & 63)];
	to = text_fold_pool + at;
	if (at == 0 || (to[0] > 0 && (cp < 0x250 || is_wide_space(cp))))
		return NULL; /* accents and blanks are as they are */
	for (unsigned i = 1; i <= to[0]; i++)
		if (to[i] >= 0x80)
			return NULL;
	return to;
}

size_t
fold_undisguise(struct span in, char *out, size_t cap)
{
	bool pretends = false, was_mapped = false, was_letter = false;
	size_t n = 0, i = 0;

	while (i < in.len) {
		int len = utf8_length(in.p + i, in.len - i);
		const uint8_t *to = len > 1 ? undisguised(utf8_get(in.p + i, len)) : NULL;
		size_t step = len > 0 ? (size_t)len : 1, put = to ? to[0] : step;
		bool letter = to ? put > 0 && is_letter(to[1]) : is_letter(in.p[i]);

		if (put > cap - n)
			break;
		memcpy(out + n, to ? (const char *)to + 1 : in.p + i, put);
		n += put;
		i += step;
		if (put == 0) {
			pretends = true;
			continue;
		}
		pretends |= letter && was_letter && was_mapped != (to != NULL);
		was_letter = letter;
		was_mapped = to != NULL;
	}
	return pretends ? n : 0;
}

/* ---- rendered ---- */

/* The run of white space before a visible character becomes at most three bytes. */
static size_t
render_gap(struct render *r, char *o)
{
	size_t n = 0;

	if (r->in_space && r->in_text) {
		if (r->newline_cnt < 2 || r->has_before)
			o[n++] = ' ';
		if (r->newline_cnt >= 2)
			o[n++] = '\n';
		if (r->newline_cnt >= 2 && r->has_after)
			o[n++] = ' ';
	}
	r->in_space = r->has_before = r->has_after = false;
	r->in_text = true;
	r->newline_cnt = 0;
	return n;
}

/* A CR is white space but no blank: lines end in CR LF or LF. */
static void
render_space(struct render *r, uint32_t c)
{
	r->in_space = true;
	if (c == '\r')
		return;
	if (c == '\n') {
		r->newline_cnt = (uint8_t)MIN(2, r->newline_cnt + 1);
		r->has_after = false;
	} else if (r->newline_cnt > 0) {
		r->has_after = true;
	} else {
		r->has_before = true;
	}
}

static size_t
render_char(struct render *r, const char *p, int len, char *o)
{
	uint32_t cp = utf8_get(p, len);
	size_t n;

	if (cp < 0x80 ? is_space((unsigned char)cp) : is_wide_space(cp)) {
		render_space(r, cp);
		return 0;
	}
	n = render_gap(r, o);
	if (r->plain_quotes && (cp == 0x201c || cp == 0x201d)) {
		o[n] = '"';
		return n + 1;
	}
	memcpy(o + n, p, (size_t)len);
	return n + (size_t)len;
}

static size_t
render_bad(struct render *r, char *o)
{
	size_t n = 0;

	for (; r->carry.len > 0; r->carry.len--)
		n += render_char(r, "\xef\xbf\xbd", 3, o + n);
	return n;
}

/* Where the first run of white space begins that has two line ends in it; 64: none has. */
static unsigned
paragraph_end(uint64_t white, uint64_t newline)
{
	for (uint64_t m = newline; m; m &= m - 1) {
		unsigned at = clear_run(m), next = clear_run(m & (m - 1)), from = at;

		if (next == 64 || (~white & low_bits(next) & ~low_bits(at)))
			continue;
		while (from > 0 && white >> (from - 1) & 1)
			from--;
		return from;
	}
	return 64;
}

/* White space before a visible character, within a block or from block to block; not none. blank: but for CR. */
static void
render_white(struct render *r, uint64_t blank, uint64_t newline)
{
	unsigned first = clear_run(newline);

	r->in_space = true;
	if (newline == 0) {
		if (blank)
			render_space(r, ' ');
		return;
	}
	if (r->newline_cnt == 0 && blank & low_bits(first))
		r->has_before = true;
	r->newline_cnt = (uint8_t)MIN(2u, r->newline_cnt + bit_cnt(newline));
	r->has_after = (blank & ~newline) > newline; /* the highest bit is no line end */
}

/* Up to 64 bytes of ASCII; *n is how many were taken: not past white space with an empty line in it. o has PACK_ROOM + 3. */
static size_t
render_block(struct render *r, const char *p, size_t *n, char *o)
{
	bool is_part = *n < BLOCK64;
	struct block64 b = is_part ? block64_load_part(p, *n) : block64_load(p);
	unsigned len = MIN((unsigned)*n, clear_run(block64_high(b))), head, tail;
	uint64_t all = low_bits(len), white = block64_white(b) & all;
	uint64_t newline = block64_is(b, '\n') & all, ends, blank;
	size_t gap = 0;

	blank = white & ~block64_is(b, '\r');
	head = MIN(len, set_run(white));
	if (newline & (newline - 1) & ~low_bits(head)) {
		len = MIN(len, paragraph_end(white & ~low_bits(head), newline & ~low_bits(head)));
		all = low_bits(len);
		white &= all;
		newline &= all;
	}
	*n = len;
	if (len == 0)
		return 0;
	if (head > 0)
		render_white(r, blank & low_bits(head), newline & low_bits(head));
	if (head == len)
		return 0;
	if (r->in_space || !r->in_text)
		gap = render_gap(r, o);
	white &= ~low_bits(head);
	tail = len - (64 - (unsigned)__builtin_clzll(all & ~white & ~low_bits(head)));
	if (tail > 0)
		render_white(r, blank & all & ~low_bits(len - tail),
		             newline & ~low_bits(len - tail));
	/* Of white space in the middle the last byte stays. */
	ends = white & ~(white >> 1) & low_bits(len - tail);
	b = block64_blank(b, ends);
	all &= ~low_bits(head) & low_bits(len - tail) & (~white | ends);
	return gap + block64_pack(o + gap, b, all);
}

size_t
render_feed(struct render *r, struct span *in, char *out, size_t cap)
{
	const char *p = in->p, *end = p + in->len;
	char *o = out, *o_max = out + cap - 16;

	BUG_ON(cap < FOLD_CAP_MIN);
	while (r->carry.len > 0 && p < end) {
		char whole[4];
		int len = carry_take(&r->carry, &p, whole);

		if (len >= 0)
			o += len ? render_char(r, whole, len, o) : render_bad(r, o);
	}
	while (p < end && o <= o_max) {
		int len;

		if (out + cap - o > PACK_ROOM + 2) {
			size_t n = MIN((size_t)(end - p), (size_t)BLOCK64);

			o += render_block(r, p, &n, o);
			p += n;
			if (n > 0)
				continue;
		}
		len = utf8_length(p, (size_t)(end - p));
		if (len < 0) {
			p = carry_keep(&r->carry, p, end);
			break;
		}
		o += len > 0 ? render_char(r, p, len, o) : render_char(r, "\xef\xbf\xbd", 3, o);
		p += len > 0 ? len : 1;
	}
	*in = span(p, (size_t)(end - p));
	return (size_t)(o - out);
}

size_t
render_cut(struct render *r, char *out, size_t cap)
{
	BUG_ON(cap < FOLD_CAP_MIN);
	return render_bad(r, out);
}

size_t
render_end(struct render *r, char *out, size_t cap)
{
	size_t n = render_cut(r, out, cap);

	n += render_gap(r, out + n);
	memset(r, 0, sizeof(*r));
	return n;
}
