/* SPDX-License-Identifier: BSD-3-Clause
 * literal.c - a tolerant reader of PCRE syntax that only wants to know what must be there
 *
 * Each piece of an expression has either an exact set (it matches these strings and no others) or only a required set. What is
 * not understood fails the whole: no literal is then required of it. More than 500 lines: a function for each form of the syntax.
 */
#include "engine/match/literal.h"
#include <math.h>

#define DEPTH_MAX   32
#define BITS_COMMON 16.0  /* at most, of what ordinary mail is full of: what is rarer is better */
#define BOUND_MAX   10000 /* of a repetition; more counts as without end */

/* is_exact: set is all that it matches; else set is required (cnt 0: nothing). */
struct piece {
	bool is_exact;
	unsigned max; /* bytes that it matches at most; LITERAL_FAR: not known */
	struct literal_set set;
};

struct reader {
	struct span rest;
	bool is_extended, failed;
	bool is_bound; /* to where a search began, by \G */
	unsigned depth;
};

static unsigned
add_far(unsigned a, unsigned b)
{
	return a >= LITERAL_FAR - b ? LITERAL_FAR : a + b;
}

/* times -1: without end */
static unsigned
times_far(unsigned a, int times)
{
	if (a == 0 || times == 0)
		return 0;
	if (times < 0 || times >= BOUND_MAX || a > LITERAL_FAR / (unsigned)times)
		return LITERAL_FAR;
	return a * (unsigned)times;
}

/* -log2 of how often a byte comes in mail, folded to lower case; measured roughly, only the order counts. */
static double
byte_bits(unsigned char c)
{
	static const unsigned char letters[26] = { 39, 61, 51, 48, 32, 54, 57, 50, 38,
		                                   86, 68, 47, 53, 39, 37, 55, 93, 40,
		                                   39, 35, 51, 65, 59, 79, 57, 92 };

	if (c >= 'a' && c <= 'z')
		return letters[c - 'a'] / 10.0;
	if (c == ' ')
		return 2.6;
	if (c >= '0' && c <= '9')
		return 5.5;
	return strchr(".,-/:=\"\n<>", c) && c ? 5.8 : 8.0;
}

static double
bits_of(const struct literal_set *s)
{
	bool is_common = false;
	double chance = 0;

	for (unsigned i = 0; i < s->cnt; i++) {
		double bits = 0;

		for (unsigned k = 0; k < s->item[i].len; k++)
			bits += byte_bits((unsigned char)s->item[i].text[k]);
		chance += exp2(-bits);
		is_common = is_common || (bits > BITS_COMMON && literal_is_common(&s->item[i]));
	}
	if (s->cnt == 0)
		return 0;
	return is_common ? MIN(BITS_COMMON, -log2(chance)) : -log2(chance);
}

static void
make_empty(struct piece *p)
{
	*p = (struct piece){ .is_exact = true };
	p->set.cnt = 1;
}

static void
make_any(struct piece *p, unsigned max)
{
	*p = (struct piece){ .max = max };
}

static void
make_byte(struct piece *p, unsigned char c)
{
	make_empty(p);
	p->max = 1;
	p->set.item[0].len = 1;
	p->set.item[0].text[0] = ascii_lower((char)c);
}

static bool
add_to_set(struct literal_set *s, const struct literal *l)
{
	for (unsigned i = 0; i < s->cnt; i++)
		if (s->item[i].len == l->len && !memcmp(s->item[i].text, l->text, l->len))
			return true;
	if (s->cnt == LITERALS_MAX)
		return false;
	s->item[s->cnt++] = *l;
	return true;
}

/* No longer exact: what it matched is now required. */
static void
close_exact(struct piece *p)
{
	if (!p->is_exact)
		return;
	p->is_exact = false;
	for (unsigned i = 0; i < p->set.cnt; i++)
		if (p->set.item[i].len == 0)
			p->set.cnt = 0;
	p->set.bits = bits_of(&p->set);
}

/* a := a or b */
static void
alternate(struct piece *a, struct piece *b)
{
	struct piece both = { .is_exact = a->is_exact && b->is_exact, .max = MAX(a->max, b->max) };

	if (!both.is_exact) {
		close_exact(a);
		close_exact(b);
		if (a->set.cnt == 0 || b->set.cnt == 0) {
			make_any(a, both.max);
			return;
		}
	}
	both.set = a->set;
	both.set.lead = MAX(a->set.lead, b->set.lead);
	for (unsigned i = 0; i < b->set.cnt; i++)
		if (!add_to_set(&both.set, &b->set.item[i])) {
			make_any(a, both.max);
			return;
		}
	if (!both.is_exact)
		both.set.bits = bits_of(&both.set);
	*a = both;
}

/* Every string of a before every string of b, when that stays small. */
static bool
cross(const struct piece *a, const struct piece *b, struct piece *out)
{
	*out = (struct piece){ .is_exact = true, .max = add_far(a->max, b->max) };
	for (unsigned i = 0; i < a->set.cnt; i++)
		for (unsigned k = 0; k < b->set.cnt; k++) {
			struct literal l = a->set.item[i];

			if (l.len + b->set.item[k].len > LITERAL_MAX_BYTES)
				return false;
			memcpy(l.text + l.len, b->set.item[k].text, b->set.item[k].len);
			l.len = (uint8_t)(l.len + b->set.item[k].len);
			if (!add_to_set(&out->set, &l))
				return false;
		}
	return true;
}

/* at: what stands before p at most. */
static void
keep_best(struct literal_set *best, const struct piece *p, unsigned at)
{
	struct piece closed = *p;

	close_exact(&closed);
	if (closed.set.cnt == 0 || closed.set.bits <= best->bits)
		return;
	*best = closed.set;
	best->lead = add_far(best->lead, at);
}

/* ---- the reader ---- */

static bool
at(const struct reader *r, const char *z)
{
	size_t n = strlen(z);

	return r->rest.len >= n && !memcmp(r->rest.p, z, n);
}

static void
skip(struct reader *r, size_t n)
{
	r->rest = span_skip(r->rest, MIN(n, r->rest.len));
}

static void read_alternatives(struct reader *r, struct piece *out);

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind "\x": a byte, or -1 when it is none. */
static int
read_hex(struct reader *r)
{
	int v = 0, n = 0;

	if (at(r, "{")) {
		const char *end = memchr(r->rest.p, '}', r->rest.len);

		for (skip(r, 1); end && r->rest.p < end; skip(r, 1), n++)
			v = n < 4 ? v * 16 + hex_digit(r->rest.p[0]) : -1;
		skip(r, 1);
		return end && n > 0 && v >= 0 && v < 256 ? v : -1;
	}
	for (; n < 2 && r->rest.len > 0 && hex_digit(r->rest.p[0]) >= 0; n++, skip(r, 1))
		v = v * 16 + hex_digit(r->rest.p[0]);
	return v;
}

/* An escape; -1: a class, a place, a reference: no byte. -2: it also matches nothing (\b and its like). */
static int
read_escape(struct reader *r, bool in_class)
{
	static const char places[] = "bBAzZGK", controls[] = "tnrfea", are[] = "\t\n\r\f\x1b\a";
	char c;
	const char *p;

	skip(r, 1);
	if (r->rest.len == 0) {
		r->failed = true;
		return -1;
	}
	c = r->rest.p[0];
	skip(r, 1);
	if (c == 'x')
		return read_hex(r);
	if (!in_class && strchr(places, c))
		return -2;
	if ((p = strchr(controls, c)))
		return are[p - controls];
	if (c == 'Q' || c == 'E' || c == 'c' || c == 'N' || c == 'o' || c == 'p' || c == 'P' ||
	    (!in_class && (c == 'g' || c == 'k'))) {
		r->failed = true;
		return -1;
	}
	if ((c >= '0' && c <= '9')) {
		while (r->rest.len > 0 && r->rest.p[0] >= '0' && r->rest.p[0] <= '9')
			skip(r, 1);
		return -1;
	}
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z' ? -1 : (unsigned char)c;
}

struct class
{
	bool is_negated, is_wide;
	unsigned cnt;
	unsigned char byte[8];
};

static void
class_add(struct class *c, int from, int to)
{
	if (from < 0 || to < from || to - from > 7) {
		c->is_wide = true;
		return;
	}
	for (int b = from; b <= to; b++) {
		if (c->cnt == sizeof(c->byte))
			c->is_wide = true;
		else
			c->byte[c->cnt++] = (unsigned char)b;
	}
}

size_t
literal_named_class(struct span s)
{
	size_t n = 2;

	if (s.len < 2 || s.p[0] != '[' || s.p[1] != ':')
		return 0;
	n += n < s.len && s.p[n] == '^';
	while (n < s.len && ascii_lower(s.p[n]) >= 'a' && ascii_lower(s.p[n]) <= 'z')
		n++;
	return n + 1 < s.len && s.p[n] == ':' && s.p[n + 1] == ']' ? n + 2 : 0;
}

static int
class_byte(struct reader *r, struct class *c)
{
	size_t n = literal_named_class(r->rest);
	int b;

	if (n > 0) {
		skip(r, n);
		c->is_wide = true;
		return -1;
	}
	if (at(r, "\\"))
		return read_escape(r, true);
	b = (unsigned char)r->rest.p[0];
	skip(r, 1);
	return b;
}

static void
read_class(struct reader *r, struct piece *out)
{
	struct class c = { 0 };
	bool is_first = true;

	skip(r, 1);
	c.is_negated = at(r, "^");
	skip(r, c.is_negated);
	for (; r->rest.len > 0 && (is_first || !at(r, "]")); is_first = false) {
		int from = class_byte(r, &c), to = from;

		if (at(r, "-") && r->rest.len > 1 && r->rest.p[1] != ']') {
			skip(r, 1);
			to = class_byte(r, &c);
			if (to < 0)
				c.is_wide = true;
		}
		class_add(&c, from, to);
	}
	r->failed |= r->rest.len == 0;
	skip(r, 1);
	make_any(out, 1);
	if (c.is_negated || c.is_wide || c.cnt == 0)
		return;
	make_byte(out, c.byte[0]);
	for (unsigned i = 1; i < c.cnt; i++) {
		struct piece one;

		make_byte(&one, c.byte[i]);
		alternate(out, &one);
	}
}

/* Behind "(?": flags up to ':' or ')'. Case does not matter here; x does. */
static bool
read_flags(struct reader *r, bool *is_group)
{
	bool is_on = true;

	for (; r->rest.len > 0; skip(r, 1)) {
		char c = r->rest.p[0];

		if (c == ')' || c == ':') {
			*is_group = c == ':';
			skip(r, 1);
			return true;
		}
		if (c == '-')
			is_on = false;
		else if (c == 'x')
			r->is_extended = is_on;
		else if (!strchr("imsnaJU^", c))
			return false;
	}
	return false;
}

static void
skip_group(struct reader *r, struct piece *inner)
{
	read_alternatives(r, inner);
	r->failed |= !at(r, ")");
	skip(r, 1);
}

static void
read_group(struct reader *r, struct piece *out)
{
	static const char *const looks[] = { "?=", "?!", "?<=", "?<!" };
	bool was_extended = r->is_extended, is_group = true;
	struct piece inner;

	skip(r, 1);
	for (size_t i = 0; i < ARRAY_LEN(looks); i++)
		if (at(r, looks[i])) {
			skip(r, strlen(looks[i]));
			skip_group(r, &inner);
			r->is_extended = was_extended;
			make_empty(out); /* stands beside the text, takes none of it */
			return;
		}
	if (at(r, "?P<") || at(r, "?<") || at(r, "?'")) {
		char close = at(r, "?'") ? '\'' : '>';

		skip(r, 2 + at(r, "?P<"));
		while (r->rest.len > 0 && r->rest.p[0] != close)
			skip(r, 1);
		skip(r, 1);
	} else if (at(r, "?:") || at(r, "?>") || at(r, "?|")) {
		skip(r, 2);
	} else if (at(r, "?")) {
		skip(r, 1);
		r->failed |= !read_flags(r, &is_group);
		if (!is_group) {
			make_empty(out);
			return;
		}
	} else {
		r->failed |= at(r, "*");
	}
	skip_group(r, out);
	r->is_extended = was_extended;
}

/* Bytes that the escape here matches at most, when it is no byte. */
static unsigned
escape_max(struct reader *r)
{
	char c = r->rest.len > 1 ? r->rest.p[1] : 0;

	r->is_bound |= c == 'G';
	if (c == 'R')
		return 2;
	return c == 'X' || (c >= '0' && c <= '9') ? LITERAL_FAR : 1;
}

static void
read_atom(struct reader *r, struct piece *out)
{
	char c = r->rest.p[0];
	unsigned max;
	int b;

	switch (c) {
	case '(':
		if (++r->depth > DEPTH_MAX)
			r->failed = true;
		else
			read_group(r, out);
		r->depth--;
		return;
	case '[':
		read_class(r, out);
		return;
	case '.':
		skip(r, 1);
		make_any(out, 1);
		return;
	case '^':
	case '$':
		skip(r, 1);
		make_empty(out);
		return;
	case '\\':
		max = escape_max(r);
		b = read_escape(r, false);
		if (b >= 0)
			make_byte(out, (unsigned char)b);
		else if (b == -2)
			make_empty(out);
		else
			make_any(out, max);
		return;
	default:
		skip(r, 1);
		make_byte(out, (unsigned char)c);
	}
}

/* "{m,n}": true when it is one; *min, *max (-1: none). */
static bool
read_bounds(struct reader *r, int *min, int *max)
{
	size_t i = 1;
	int v[2] = { 0, -1 };

	for (int k = 0; k < 2; k++) {
		for (; i < r->rest.len && r->rest.p[i] >= '0' && r->rest.p[i] <= '9'; i++)
			v[k] = MIN(MAX(v[k], 0) * 10 + (r->rest.p[i] - '0'), BOUND_MAX);
		if (k == 0 && i == 1)
			return false;
		if (k == 0 && i < r->rest.len && r->rest.p[i] == '}') {
			v[1] = v[0];
			break;
		}
		if (k == 0 && (i >= r->rest.len || r->rest.p[i++] != ','))
			return false;
	}
	if (i >= r->rest.len || r->rest.p[i] != '}')
		return false;
	skip(r, i + 1);
	*min = v[0];
	*max = v[1];
	return true;
}

static void
repeat(struct piece *p, int min, int max)
{
	unsigned most = times_far(p->max, max);
	struct piece one = *p, joined, empty;

	if (min == 0 && max == 1 && p->is_exact) {
		make_empty(&empty);
		alternate(p, &empty);
		return;
	}
	if (min == 0) {
		make_any(p, most);
		return;
	}
	for (int i = 1; i < min && p->is_exact; i++) {
		if (!cross(p, &one, &joined)) {
			close_exact(p);
			break;
		}
		*p = joined;
	}
	p->max = most;
	if (max != min)
		close_exact(p);
}

/* False: there is none here. */
static bool
read_quantifier(struct reader *r, int *min, int *max)
{
	*min = at(r, "+") ? 1 : 0;
	*max = at(r, "?") ? 1 : -1;
	if (at(r, "?") || at(r, "*") || at(r, "+"))
		skip(r, 1);
	else if (!at(r, "{") || !read_bounds(r, min, max))
		return false;
	if (at(r, "?") || at(r, "+"))
		skip(r, 1);
	return true;
}

/* Comments, and blanks under (?x): an item's quantifier may stand behind them. */
static bool
skip_ignored(struct reader *r)
{
	size_t before = r->rest.len;

	while (r->rest.len > 0) {
		bool is_comment = at(r, "(?#");
		const char *end;

		if (is_comment || (r->is_extended && r->rest.p[0] == '#')) {
			end = memchr(r->rest.p, is_comment ? ')' : '\n', r->rest.len);
			r->failed |= is_comment && !end;
			skip(r, end ? (size_t)(end + 1 - r->rest.p) : r->rest.len);
		} else if (r->is_extended && r->rest.p[0] && strchr(" \t\n\r\f\v", r->rest.p[0])) {
			skip(r, 1);
		} else {
			break;
		}
	}
	return r->rest.len != before;
}

/* An atom with its quantifier; one that is repeated twice, as PCRE2 allows behind a comment, is not understood. */
static void
read_item(struct reader *r, struct piece *out)
{
	int min, max;

	make_any(out, LITERAL_FAR);
	read_atom(r, out);
	skip_ignored(r);
	if (!read_quantifier(r, &min, &max))
		return;
	repeat(out, min, max);
	skip_ignored(r);
	r->failed |= read_quantifier(r, &min, &max);
}

static void
read_sequence(struct reader *r, struct piece *out)
{
	struct literal_set best = { 0 };
	struct piece run, one, joined;
	unsigned run_at = 0, sum = 0; /* most bytes before the run, and so far */
	bool is_exact = true;

	make_empty(&run);
	while (!r->failed && r->rest.len > 0 && !at(r, "|") && !at(r, ")")) {
		if (skip_ignored(r))
			continue;
		read_item(r, &one);
		if (one.is_exact && cross(&run, &one, &joined)) {
			run = joined;
			sum = add_far(sum, one.max);
			continue;
		}
		is_exact = false;
		keep_best(&best, &run, run_at);
		keep_best(&best, &one, sum);
		run_at = sum;
		sum = add_far(sum, one.max);
		if (one.is_exact) {
			run = one; /* what follows may join it */
		} else {
			make_empty(&run);
			run_at = sum;
		}
	}
	if (is_exact) {
		*out = run;
		return;
	}
	keep_best(&best, &run, run_at);
	*out = (struct piece){ .max = sum, .set = best };
}

static void
read_alternatives(struct reader *r, struct piece *out)
{
	struct piece one;

	read_sequence(r, out);
	while (!r->failed && at(r, "|")) {
		skip(r, 1);
		read_sequence(r, &one);
		alternate(out, &one);
	}
}

void
literal_require(struct span text, struct literal_set *out)
{
	struct reader r = { .rest = text };
	struct piece p;

	read_alternatives(&r, &p);
	close_exact(&p);
	*out = p.set;
	if (r.is_bound)
		out->lead = LITERAL_FAR;
	if (r.failed || r.rest.len > 0)
		*out = (struct literal_set){ 0 };
}
