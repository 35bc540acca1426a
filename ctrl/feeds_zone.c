/* SPDX-License-Identifier: BSD-3-Clause
 * feeds_zone.c - a line of a zone to a line of ours
 */
#include "ctrl/feeds_zone.h"
#include "base/addr.h"
#include <ctype.h>

#define ENTRY_ROOM 80  /* bytes more that a line may have: octets and groups filled in, code */
#define TEXT_MAX   255 /* of a text: a string of TXT has no more (RFC 1035 3.3) */
#define GROUPS     8   /* of an IPv6 address */

struct zone {
	enum zone_kind kind;
	const struct zone_codes *codes;
	uint32_t code; /* of entries that have none: the last ":code:text" line */
	struct span text;
	bool has_others; /* entries of codes that were not asked for */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
is_comment(char c)
{
	return c == '#' || c == ';';
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && is_blank(s.p[0]))
		s = span_skip(s, 1);
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

static bool
number(struct span s, unsigned max, unsigned *out)
{
	unsigned n = 0;

	if (s.len == 0 || s.len > 3)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = n * 10 + (unsigned)(s.p[i] - '0');
	}
	*out = n;
	return n <= max;
}

/* What stands before c, trimmed; *rest is behind it, empty without one. */
static struct span
before(struct span s, char c, struct span *rest)
{
	const char *at = s.len ? memchr(s.p, c, s.len) : NULL;
	size_t n = at ? (size_t)(at - s.p) : s.len;

	*rest = span_skip(s, at ? n + 1 : n);
	return trim(span(s.p, n));
}

/* ---- return codes ---- */

static bool
add_octets(struct span item, struct zone_codes *c)
{
	struct span to, from = before(item, '-', &to);
	unsigned a, b;

	if (!number(from, 255, &a) || !number(to.len ? trim(to) : from, 255, &b) || a > b)
		return false;
	for (; a <= b; a++)
		c->octet[a / 64] |= 1ull << (a % 64);
	return true;
}

bool
zone_codes_parse(struct span codes, struct span bits, struct zone_codes *out)
{
	struct zone_codes c = { .is_any = codes.len == 0 && bits.len == 0 };
	unsigned bit;

	if (codes.len > 0 && bits.len > 0)
		return false;
	while (codes.len > 0)
		if (!add_octets(before(codes, ',', &codes), &c))
			return false;
	while (bits.len > 0) {
		if (!number(before(bits, ',', &bits), 128, &bit) || bit < 2 || bit & (bit - 1))
			return false;
		c.bits |= (uint8_t)bit;
	}
	*out = c;
	return true;
}

bool
zone_code_is_listed(const struct zone_codes *c, uint32_t code)
{
	unsigned octet = code & 0xff;

	if (code >> 24 != 127 || code >> 8 == 0x7fffff || code == 0x7f0000ff || code == 0x7f000001)
		return false;
	if (c->is_any)
		return true;
	if (code >> 8 != 0x7f0000 || (c->bits && octet & 1))
		return false;
	return c->bits ? octet & c->bits : c->octet[octet / 64] >> (octet % 64) & 1;
}

/* ---- entries ---- */

/* ":code:text", ":code", a text alone, or a comment. False when the code is none. */
static bool
read_value(struct span v, uint32_t *code, struct span *text)
{
	struct span word, rest;
	struct addr a;
	unsigned octet;

	if (v.len == 0 || is_comment(v.p[0]))
		return true;
	if (v.p[0] != ':') {
		*text = v;
		return true;
	}
	word = before(span_skip(v, 1), ':', &rest);
	if (number(word, 255, &octet))
		*code = 0x7f000000 | octet;
	else if (addr_parse(word, &a) && addr_is_v4(&a))
		*code = addr_v4_of(&a);
	else if (word.len > 0 || rest.len == 0)
		return false;
	if (rest.len > 0)
		*text = trim(rest);
	return true;
}

/* Octets of "10", "10.1." or "10.1.2.3": how many there are, 0 when it is no such thing; what is left out is 0 in *out. */
static unsigned
read_octets(struct span s, uint32_t *out)
{
	unsigned n = 0, octet;

	*out = 0;
	if (s.len > 1 && s.p[s.len - 1] == '.')
		s.len--;
	while (s.len > 0 && n < 4) {
		if (!number(before(s, '.', &s), 255, &octet))
			return 0;
		*out |= octet << (24 - 8 * n++);
	}
	return s.len == 0 ? n : 0;
}

static int
put_v4(char *out, uint32_t a)
{
	return sprintf(out, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

/* "a-b", where b may be the last octet alone; octets that are left out are all of them. 0: none. */
static int
put_range(struct span from, struct span to, char *out)
{
	uint32_t first, last;
	unsigned from_cnt = read_octets(from, &first), to_cnt = read_octets(to, &last);
	int n;

	if (from_cnt == 0 || to_cnt == 0)
		return 0;
	if (to_cnt == 1 && from_cnt > 1) {
		unsigned shift = 32 - 8 * from_cnt;

		last = (first & ~(255u << shift)) | last >> 24 << shift;
		to_cnt = from_cnt;
	}
	last |= to_cnt < 4 ? UINT32_MAX >> (8 * to_cnt) : 0;
	n = put_v4(out, first);
	out[n++] = '-';
	return n + put_v4(out + n, last);
}

/* 0: no address, prefix or range. */
static int
put_ip4(struct span w, char *out)
{
	struct span rest, head = before(w, '-', &rest);
	unsigned cnt, bits;
	uint32_t a;
	int n;

	if (rest.len > 0)
		return put_range(head, rest, out);
	head = before(w, '/', &rest);
	cnt = read_octets(head, &a);
	if (cnt == 0 || (rest.len > 0 && !number(rest, 32, &bits)))
		return 0;
	if (rest.len == 0)
		bits = 8 * cnt;
	n = put_v4(out, a);
	return n + sprintf(out + n, "/%u", bits);
}

static bool
is_group(struct span s)
{
	return s.len > 0 && isxdigit((unsigned char)s.p[0]);
}

/* Hexadecimal digits whose value has 16 bits, from *s. */
static bool
read_group(struct span *s, uint16_t *out)
{
	unsigned n = 0;

	while (is_group(*s) && n <= UINT16_MAX) {
		char c = ascii_lower(span_shift(s));

		n = n * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*out = (uint16_t)n;
	return n <= UINT16_MAX;
}

/* What "::" stands for, between groups `at` and `cnt`. */
static void
spread(uint16_t group[GROUPS], unsigned at, unsigned cnt)
{
	for (unsigned i = 0; i < cnt - at; i++) {
		uint16_t g = group[cnt - 1 - i];

		group[cnt - 1 - i] = 0;
		group[GROUPS - 1 - i] = g;
	}
}

/*
 * "2001:db8", whose other groups are left out and zero: its bits are those that are there; with "::" it is a whole address. Takes it
 * from *s, up to a mask or a value; the ninth group and a second "::" are a value. 0: none.
 */
static unsigned
read_groups(struct span *s, uint16_t group[GROUPS])
{
	const unsigned none = GROUPS + 1;
	unsigned cnt = 0, gap = none;

	memset(group, 0, GROUPS * sizeof(*group));
	if (s->len > 1 && s->p[0] == ':' && s->p[1] == ':') {
		gap = 0;
		*s = span_skip(*s, 2);
	}
	while (is_group(*s)) {
		bool is_gap;

		if (!read_group(s, &group[cnt++]))
			return 0;
		is_gap = s->len > 1 && s->p[0] == ':' && s->p[1] == ':';
		if (cnt == GROUPS || s->len == 0 || s->p[0] != ':' || (is_gap && gap != none))
			break;
		*s = span_skip(*s, is_gap ? 2 : 1);
		if (is_gap)
			gap = cnt;
		else if (!is_group(*s))
			return 0;
	}
	if (gap == none)
		return cnt > 1 || (cnt == 1 && s->len > 0 && s->p[0] == '/') ? 16 * cnt : 0;
	if (cnt == GROUPS)
		return 0;
	spread(group, gap, cnt);
	return 128;
}

/* "/bits", if it is there, from *s. */
static bool
read_mask(struct span *s, unsigned *bits)
{
	size_t n = 1;

	if (s->len == 0 || s->p[0] != '/')
		return true;
	while (n < s->len && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	if (!number(span(s->p + 1, n - 1), 128, bits))
		return false;
	*s = span_skip(*s, n);
	return true;
}

/* *value: what is behind the address. 0: none, or one with host bits. */
static int
put_ip6(struct span rest, char *out, struct span *value)
{
	uint16_t g[GROUPS];
	struct addr a, net;
	unsigned bits = read_groups(&rest, g);
	int n;

	if (bits == 0 || !read_mask(&rest, &bits) ||
	    (rest.len > 0 && rest.p[0] != ':' && !is_blank(rest.p[0]) && !is_comment(rest.p[0])))
		return 0;
	for (size_t i = 0; i < GROUPS; i++)
		store_be16(a.b + 2 * i, g[i]);
	net = addr_mask(&a, bits);
	if (!addr_eq(&net, &a))
		return 0;
	*value = rest;
	/* The text of a mapped address would have dots, and its bits were those of IPv4. */
	n = addr_is_v4(&a) ? sprintf(out, "::ffff:%x:%x", g[6], g[7]) : (int)addr_format(&a, out);
	return n + sprintf(out + n, "/%u", bits);
}

static bool
is_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (!isalnum(c) && c != '-' && c != '_' && c != '.' && c < 0x80)
			return false;
	}
	return s.len > 0;
}

/* "name" is that one alone, "*.name" those below it, ".name" both. 0: no name. */
static int
put_name(struct span w, char *out)
{
	const char *kind = "=";

	if (w.len > 2 && w.p[0] == '*' && w.p[1] == '.') {
		kind = ">";
		w = span_skip(w, 2);
	} else if (w.len > 1 && w.p[0] == '.') {
		kind = "";
		w = span_skip(w, 1);
	}
	return is_name(w) ? sprintf(out, "%s%.*s", kind, (int)w.len, w.p) : 0;
}

static struct span
first_word(struct span s)
{
	size_t n = 0;

	while (n < s.len && !is_blank(s.p[n]))
		n++;
	return span(s.p, n);
}

/* What is listed or excepted; *value is what is behind it. A value may stand right behind an address. 0: none. */
static int
put_key(enum zone_kind kind, struct span rest, char *out, struct span *value)
{
	struct span word = first_word(rest);
	size_t len = 0;
	int n;

	*value = span_skip(rest, word.len);
	if (kind == ZONE_DNS)
		return put_name(word, out);
	if (kind == ZONE_IP6)
		return put_ip6(rest, out, value);
	while (len < word.len && word.p[len] != ':' && !is_comment(word.p[len]))
		len++;
	n = put_ip4(span(word.p, len), out);
	if (n > 0)
		*value = span_skip(rest, len);
	return n;
}

static int
put_broken(struct span rest, char *out)
{
	struct span word = first_word(rest);

	return sprintf(out, "? %.*s", (int)word.len, word.p);
}

/* The entry, at the column it has; returns bytes written. */
static size_t
put_entry(struct zone *z, struct span line, char *out)
{
	static const struct zone_codes any = { .is_any = true };
	bool is_except = line.p[0] == '!';
	struct span rest = trim(span_skip(line, is_except)), text = z->text, value;
	uint32_t code = z->code;
	char *o = out + is_except;
	int n = put_key(z->kind, rest, o, &value);

	if (!read_value(trim(value), &code, &text))
		return (size_t)put_broken(rest, out);
	if (!is_except && !zone_code_is_listed(z->codes, code)) {
		z->has_others |= n > 0 && zone_code_is_listed(&any, code);
		return 0;
	}
	if (is_except)
		*out = '!';
	o += n > 0 ? n : put_broken(rest, o);
	o += sprintf(o, " # ");
	o += put_v4(o, code);
	o += sprintf(o, " %.*s", (int)MIN(text.len, (size_t)TEXT_MAX), text.p);
	return (size_t)(o - out);
}

/* Runs put() over the lines; each gives one, so that numbers stay. */
static size_t
each_line(struct span in, char *out, size_t (*put)(void *ctx, struct span line, char *out),
          void *ctx)
{
	size_t n = 0;

	while (in.len > 0) {
		struct span line = before(in, '\n', &in);

		if (line.len > 0 && line.p[0] != '#')
			n += put(ctx, line, out + n);
		out[n++] = '\n';
	}
	return n;
}

static size_t
put_zone_line(void *ctx, struct span line, char *out)
{
	struct zone *z = ctx;
	bool is_double = line.len > 1 && line.p[1] == ':';

	if (line.p[0] == ';' || line.p[0] == '$') /* a comment; SOA, TTL and variables of texts */
		return 0;
	if (line.p[0] != ':' || (z->kind == ZONE_IP6 && is_double)) /* "::1" */
		return put_entry(z, line, out);
	z->text = span("", 0);
	return read_value(line, &z->code, &z->text)
	               ? 0
	               : (size_t)sprintf(out, "%.*s", (int)line.len, line.p);
}

size_t
zone_room(struct span in)
{
	size_t lines = 1, longest = 0, text = 0;

	/* A default's text comes with every entry that has none of its own. */
	for (struct span rest = in; rest.len > 0; lines++) {
		struct span line = before(rest, '\n', &rest);

		if (line.len > 0 && line.p[0] == ':')
			longest = MIN(MAX(longest, line.len), (size_t)TEXT_MAX);
		text += line.len + longest + ENTRY_ROOM;
	}
	return text + lines + 1;
}

size_t
zone_read(enum zone_kind kind, const struct zone_codes *codes, struct span in, char *out,
          bool *has_others)
{
	struct zone z = { .kind = kind, .codes = codes, .code = 0x7f000002, .text = span("", 0) };
	size_t n = each_line(in, out, put_zone_line, &z);

	*has_others = z.has_others;
	return n;
}

static size_t
put_map_line(void *ctx, struct span line, char *out)
{
	struct span word = first_word(line);

	(void)ctx;
	memcpy(out, word.p, word.len);
	return word.len;
}

size_t
map_read(struct span in, char *out)
{
	return each_line(in, out, put_map_line, NULL);
}
