/* SPDX-License-Identifier: BSD-3-Clause
 * charset.c - declared charset to UTF-8
 *
 * Why     Every converter takes whole sequences and leaves what is cut in carry[]; the caller's loop puts
 *         carry and new bytes together, so that no converter knows about cuts.
 */
#include "engine/text/charset.h"
#include "engine/text/text_tables.h"
#include "engine/text/utf8.h"
#include <iconv.h>

/* clang-format off */
static const struct { const char *iconv, *names; } iconv_sets[] = {
	{ "ISO-2022-JP-2", "iso-2022-jp iso-2022-jp-2 iso-2022-jp-1 csiso2022jp iso2022jp" },
	{ "GB18030",       "gb18030 gb2312 gbk gb_2312-80 x-gbk cp936 windows-936 euc-cn chinese gb-2312" },
	{ "BIG5-HKSCS",    "big5 big5-hkscs cn-big5 x-x-big5 csbig5 cp950 windows-950" },
	{ "CP949",         "euc-kr ks_c_5601-1987 ksc5601 korean cp949 windows-949 ks_c_5601 uhc" },
	{ "CP932",         "shift_jis sjis shift-jis x-sjis ms_kanji windows-31j cp932" },
	{ "EUC-JP",        "euc-jp eucjp x-euc-jp" },
	{ "ISO-2022-KR",   "iso-2022-kr" },
	{ "HZ",            "hz-gb-2312 hz" },
};
/* clang-format on */

struct charset_set {
	iconv_t cd[ARRAY_LEN(iconv_sets)];
};

/* 0x80..0x9f of windows-1252 for what is not UTF-8. */
static uint32_t
cp1252(unsigned char c)
{
	return c < 0x80 ? c : text_charsets[0].high[c - 0x80];
}

struct charset_set *
charset_set_new(void)
{
	struct charset_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(iconv_sets); i++)
		s->cd[i] = iconv_open("UTF-8", iconv_sets[i].iconv);
	return s;
}

void
charset_set_free(struct charset_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_LEN(iconv_sets); i++)
		if (s->cd[i] != (iconv_t)-1)
			iconv_close(s->cd[i]);
	free(s);
}

/* Is name one of the words of list? */
static bool
in_list(struct span name, const char *list)
{
	while (*list) {
		size_t n = strcspn(list, " ");

		if (span_ieq(name, span(list, n)))
			return true;
		list += n + (list[n] == ' ');
	}
	return false;
}

static enum charset_kind
find_kind(struct span name, unsigned *id)
{
	/* clang-format off */
	static const struct { const char *names; enum charset_kind kind; } own[] = {
		{ "utf-8 us-ascii ascii utf8 unicode-1-1-utf-8", CHARSET_UTF8 },
		{ "utf-7 utf7 unicode-1-1-utf-7",                CHARSET_UTF7 },
		{ "utf-16 utf16 ucs-2 iso-10646-ucs-2 unicode",  CHARSET_UTF16 },
		{ "utf-16le utf16le ucs-2le",                    CHARSET_UTF16LE },
		{ "utf-16be utf16be ucs-2be",                    CHARSET_UTF16BE },
	};
	/* clang-format on */

	*id = 0;
	if (name.len == 0)
		return CHARSET_UTF8;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (in_list(name, own[i].names))
			return own[i].kind;
	for (*id = 0; *id < text_charsets_cnt; ++*id)
		if (span_ieq_z(name, text_charsets[*id].name) ||
		    in_list(name, text_charsets[*id].alias))
			return CHARSET_TABLE;
	for (*id = 0; *id < ARRAY_LEN(iconv_sets); ++*id)
		if (in_list(name, iconv_sets[*id].names))
			return CHARSET_ICONV;
	*id = UINT32_MAX;
	return CHARSET_UTF8;
}

bool
charset_is_known(struct span name)
{
	unsigned id;

	find_kind(name, &id);
	return name.len > 0 && id != UINT32_MAX;
}

void
charset_begin(struct charset_conv *c, struct charset_set *s, struct span name)
{
	memset(c, 0, sizeof(*c));
	while (name.len > 0 && (name.p[0] == ' ' || name.p[0] == '"' || name.p[0] == '\''))
		name = span_skip(name, 1);
	while (name.len > 0 && strchr(" \"'", name.p[name.len - 1]))
		name.len--;
	c->set = s;
	c->kind = find_kind(name, &c->id);
	if (c->kind != CHARSET_ICONV)
		return;
	if (!s || s->cd[c->id] == (iconv_t)-1)
		c->kind = CHARSET_UTF8;
	else
		iconv(s->cd[c->id], NULL, NULL, NULL, NULL);
}

/*
 * Converters. Each takes from *in what it can, writes to out (room for at least 16), and stops where a
 * sequence is cut (is_last: nothing more will come, so a cut sequence is a bad one). Taking nothing means:
 * more input is needed.
 */
static size_t
from_utf8(struct charset_conv *c, struct span *in, char *out, size_t cap, bool is_last)
{
	const char *p = in->p, *end = p + in->len;
	char *o = out, *o_max = out + cap - 4;

	while (p < end && o <= o_max) {
		size_t n = utf8_ascii_copy(p, MIN((size_t)(end - p), (size_t)(o_max - o) + 4), o);
		int len;

		p += n;
		o += n;
		if (p == end || o > o_max)
			break;
		len = utf8_length(p, (size_t)(end - p));
		if (len < 0 && !is_last)
			break;
		if (len > 0) {
			memcpy(o, p, (size_t)len);
			o += len;
			p += len;
			continue;
		}
		c->bad_cnt++;
		o += utf8_put(o, cp1252((unsigned char)*p++));
	}
	*in = span(p, (size_t)(end - p));
	return (size_t)(o - out);
}

static size_t
from_table(struct charset_conv *c, struct span *in, char *out, size_t cap)
{
	const uint16_t *high = text_charsets[c->id].high;
	const char *p = in->p, *end = p + in->len;
	char *o = out, *o_max = out + cap - 4;

	while (p < end && o <= o_max) {
		size_t n = utf8_ascii_copy(p, MIN((size_t)(end - p), (size_t)(o_max - o) + 4), o);

		p += n;
		o += n;
		while (p < end && o <= o_max && (*p & 0x80)) {
			uint16_t cp = high[(unsigned char)*p++ - 0x80];

			c->bad_cnt += cp == 0xfffd;
			o += utf8_put(o, cp);
		}
	}
	*in = span(p, (size_t)(end - p));
	return (size_t)(o - out);
}

/* One UTF-16 unit; a lone surrogate is U+FFFD. bits: the high surrogate that waits. */
static size_t
put_unit(struct charset_conv *c, uint32_t u, char *out)
{
	size_t n = 0;

	if (c->bits && (u & 0xfc00) == 0xdc00) {
		n = utf8_put(out, 0x10000 + ((c->bits & 0x3ff) << 10 | (u & 0x3ff)));
		c->bits = 0;
		return n;
	}
	if (c->bits) {
		c->bad_cnt++;
		n = utf8_put(out, 0xfffd);
		c->bits = 0;
	}
	if ((u & 0xfc00) == 0xd800) {
		c->bits = u;
		return n;
	}
	if ((u & 0xfc00) == 0xdc00) {
		c->bad_cnt++;
		u = 0xfffd;
	}
	return n + utf8_put(out + n, u);
}

static size_t
from_utf16(struct charset_conv *c, struct span *in, char *out, size_t cap, bool is_last)
{
	const unsigned char *p = (const unsigned char *)in->p, *end = p + in->len;
	char *o = out, *o_max = out + cap - 8;

	if (c->kind == CHARSET_UTF16 && end - p >= 2) {
		bool is_bom = (p[0] == 0xfe && p[1] == 0xff) || (p[0] == 0xff && p[1] == 0xfe);

		c->kind =
		        p[0] == 0xfe || (!is_bom && p[0] == 0) ? CHARSET_UTF16BE : CHARSET_UTF16LE;
		p += is_bom ? 2 : 0;
	}
	while (end - p >= 2 && o <= o_max) {
		o += put_unit(c,
		              c->kind == CHARSET_UTF16BE ? (uint32_t)(p[0] << 8 | p[1])
		                                         : (uint32_t)(p[1] << 8 | p[0]),
		              o);
		p += 2;
	}
	if (is_last && end - p == 1 && o <= o_max) {
		c->bad_cnt++;
		o += utf8_put(o, 0xfffd);
		p++;
	}
	*in = span(p, (size_t)(end - p));
	return (size_t)(o - out);
}

static int
b64_value(char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+'             ? 62
	       : c == '/'             ? 63
	                              : -1;
}

/* RFC 2152. carry is not used: bits of a group are in acc (carry[0..3]), the surrogate in bits. */
static size_t
from_utf7(struct charset_conv *c, struct span *in, char *out, size_t cap)
{
	uint32_t acc;
	char *o = out, *o_max = out + cap - 12;

	memcpy(&acc, c->carry, sizeof(acc));
	while (in->len > 0 && o <= o_max) {
		char ch = span_shift(in);
		int v = b64_value(ch);

		if (!c->in_b64) {
			if (ch == '+') {
				c->in_b64 = c->b64_first = true;
				c->bit_cnt = acc = 0;
			} else {
				c->bad_cnt += (unsigned char)ch >= 0x80;
				o += utf8_put(o, cp1252((unsigned char)ch));
			}
		} else if (v >= 0) {
			c->b64_first = false;
			acc = acc << 6 | (uint32_t)v;
			c->bit_cnt += 6;
			if (c->bit_cnt >= 16) {
				c->bit_cnt -= 16;
				o += put_unit(c, acc >> c->bit_cnt & 0xffff, o);
			}
		} else {
			if (c->bits) {
				o += utf8_put(o, 0xfffd);
				c->bits = 0;
			}
			if (ch != '-' || c->b64_first)
				o += utf8_put(o, c->b64_first && ch == '-'
				                         ? '+'
				                         : cp1252((unsigned char)ch));
			c->in_b64 = c->b64_first = false;
		}
	}
	memcpy(c->carry, &acc, sizeof(acc));
	return (size_t)(o - out);
}

static size_t
from_iconv(struct charset_conv *c, struct span *in, char *out, size_t cap, bool is_last)
{
	char *src, *o = out;
	size_t src_len = in->len, room = cap - 4;

	memcpy(&src, &in->p, sizeof(src)); /* iconv does not write to it; its type says it might */
	while (src_len > 0 && room >= 12) {
		if (iconv(c->set->cd[c->id], &src, &src_len, &o, &room) != (size_t)-1 ||
		    errno == E2BIG)
			break;
		if (errno == EINVAL && !is_last)
			break;
		c->bad_cnt++;
		src++;
		src_len--;
		size_t n = utf8_put(o, 0xfffd);
		o += n;
		room -= MIN(n, room);
	}
	*in = span(src, src_len);
	return (size_t)(o - out);
}

static size_t
convert(struct charset_conv *c, struct span *in, char *out, size_t cap, bool is_last)
{
	switch (c->kind) {
	case CHARSET_TABLE:
		return from_table(c, in, out, cap);
	case CHARSET_UTF7:
		return from_utf7(c, in, out, cap);
	case CHARSET_UTF16:
	case CHARSET_UTF16BE:
	case CHARSET_UTF16LE:
		return from_utf16(c, in, out, cap, is_last);
	case CHARSET_ICONV:
		return from_iconv(c, in, out, cap, is_last);
	default:
		return from_utf8(c, in, out, cap, is_last);
	}
}

/* Complete the sequence in carry with the first bytes of *in, a byte at a time. */
static size_t
join_carry(struct charset_conv *c, struct span *in, char *out, size_t cap)
{
	while (in->len > 0 && c->carry_len < sizeof(c->carry)) {
		struct span s;
		size_t n;

		c->carry[c->carry_len++] = (unsigned char)span_shift(in);
		s = span(c->carry, c->carry_len);
		n = convert(c, &s, out, cap, c->carry_len == sizeof(c->carry));
		if (s.len == c->carry_len)
			continue;
		memmove(c->carry, s.p, s.len);
		c->carry_len = (uint32_t)s.len;
		return n;
	}
	return 0;
}

size_t
charset_feed(struct charset_conv *c, struct span *in, char *out, size_t cap)
{
	size_t n = 0;

	BUG_ON(cap < 16);
	if (c->carry_len > 0)
		return join_carry(c, in, out, cap);
	n = convert(c, in, out, cap, false);
	if (c->kind != CHARSET_UTF7 && n == 0 && in->len > 0 && in->len < sizeof(c->carry)) {
		memcpy(c->carry, in->p, in->len);
		c->carry_len = (uint32_t)in->len;
		in->len = 0;
	}
	return n;
}

size_t
charset_end(struct charset_conv *c, char *out, size_t cap)
{
	struct span s = span(c->carry, c->kind == CHARSET_UTF7 ? 0 : c->carry_len);
	size_t n = 0;

	BUG_ON(cap < 64);
	while (s.len > 0) {
		size_t had = s.len;

		n += convert(c, &s, out + n, cap - n, true);
		if (s.len == had || cap - n < 20)
			break;
	}
	if (c->bits && cap - n >= 4) {
		c->bad_cnt++;
		n += utf8_put(out + n, 0xfffd);
	}
	if (c->kind == CHARSET_ICONV) { /* a character that waited for a combining one */
		char *o = out + n;
		size_t room = cap - n;

		iconv(c->set->cd[c->id], NULL, NULL, &o, &room);
		n = (size_t)(o - out);
	}
	c->carry_len = 0;
	c->bits = 0;
	return n;
}

size_t
charset_to_utf8(void *set, struct span name, struct span in, char *out, size_t cap)
{
	struct charset_conv c;
	char tmp[1024];
	size_t n = 0;

	charset_begin(&c, set, name);
	for (bool is_end = false; !is_end;) {
		size_t got;

		is_end = in.len == 0;
		got = is_end ? charset_end(&c, tmp, sizeof(tmp))
		             : charset_feed(&c, &in, tmp, sizeof(tmp));
		if (got > cap - n) {
			got = cap - n;
			while (got > 0 && (tmp[got] & 0xc0) == 0x80)
				got--;
			is_end = true;
		}
		memcpy(out + n, tmp, got);
		n += got;
	}
	return n;
}
