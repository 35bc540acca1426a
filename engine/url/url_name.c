/* SPDX-License-Identifier: BSD-3-Clause
 * url_name.c - names that are borrowed and names that are thrown away
 */
#include "engine/url/url_name.h"
#include "engine/url/url_env.h"
#include "engine/url/url_host.h"

#define PIECE_MAX  32
#define PIECES_MAX 16
#define FUZZY_MIN  6 /* shorter names have too many neighbours */

static const char *const brands[] = {
#define BRAND(name, source) #name,
#define ENDING(name, source)
#include "engine/url/names.def"
#undef BRAND
#undef ENDING
};

static const char *const cheap[] = {
#define BRAND(name, source)
#define ENDING(name, source) #name,
#include "engine/url/names.def"
#undef BRAND
#undef ENDING
};

/* clang-format off */
/* Plain letters of U+00E0 to U+00FF and U+0100 to U+017F. */
static const char accented[] =
	"aaaaaaaceeeeiiiidnooooo?ouuuuypy"
	"aaaaaaccccccccdd?deeeeeeeeeegggggggghh?hiiiiiiiiii?ijjkkkllllll?l?lnnnnnnn?noooooo?orrrrrrsssssssstttt?tuuuuuuuuuuuuwwyyyzzzzzzs";
/* Letters of other alphabets that look like the Latin ones. */
static const struct { uint16_t cp; char letter; } look_alikes[] = {
	{ 0x1ce, 'a' }, { 0x1d0, 'i' }, { 0x1d2, 'o' }, { 0x1d4, 'u' }, { 0x251, 'a' }, { 0x261, 'g' }, { 0x269, 'i' },
	{ 0x3b1, 'a' }, { 0x3b5, 'e' }, { 0x3b9, 'i' }, { 0x3ba, 'k' }, { 0x3bd, 'v' }, { 0x3bf, 'o' }, { 0x3c1, 'p' }, { 0x3c4, 't' },
	{ 0x3c5, 'u' }, { 0x3c7, 'x' }, { 0x3c9, 'w' },
	{ 0x430, 'a' }, { 0x432, 'b' }, { 0x433, 'r' }, { 0x435, 'e' }, { 0x43a, 'k' }, { 0x43c, 'm' }, { 0x43d, 'h' }, { 0x43e, 'o' },
	{ 0x43f, 'n' }, { 0x440, 'p' }, { 0x441, 'c' }, { 0x442, 't' }, { 0x443, 'y' }, { 0x445, 'x' }, { 0x44c, 'b' }, { 0x450, 'e' },
	{ 0x451, 'e' }, { 0x455, 's' }, { 0x456, 'i' }, { 0x457, 'i' }, { 0x458, 'j' }, { 0x45c, 'k' }, { 0x45e, 'y' }, { 0x475, 'v' },
	{ 0x49b, 'k' }, { 0x4bb, 'h' }, { 0x4cf, 'l' }, { 0x4e7, 'o' }, { 0x501, 'd' }, { 0x51b, 'q' }, { 0x51d, 'w' },
	{ 0x578, 'n' }, { 0x57d, 'u' }, { 0x581, 'g' }, { 0x585, 'o' }, { 0x570, 'h' }, { 0x56b, 'h' },
	{ 0x1ea1, 'a' }, { 0x1eb9, 'e' }, { 0x1ecb, 'i' }, { 0x1ecd, 'o' }, { 0x1ee5, 'u' }, { 0x1ef5, 'y' },
};
/* clang-format on */

static bool
is_vowel(char c)
{
	return c != 0 && strchr("aeiouy", c) != NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits and pairs as the letters they look like; returns the length. */
static size_t
skeleton(struct span s, char out[PIECE_MAX])
{
	static const char letters[] = "olzeasgtbg";
	size_t n = 0;

	for (size_t i = 0; i < s.len && n < PIECE_MAX; i++) {
		bool is_pair = i + 1 < s.len;

		if (is_pair && s.p[i] == 'r' && s.p[i + 1] == 'n') {
			out[n++] = 'm';
			i++;
		} else if (is_pair && s.p[i] == 'v' && s.p[i + 1] == 'v') {
			out[n++] = 'w';
			i++;
		} else {
			out[n++] = is_digit(s.p[i]) ? letters[s.p[i] - '0'] : s.p[i];
		}
	}
	return n;
}

/* One letter more, less, other, or two swapped: at most one of these. */
static bool
is_near(struct span a, struct span b)
{
	size_t head = 0, tail = 0, m;

	if (a.len > b.len) {
		struct span t = a;

		a = b;
		b = t;
	}
	if (b.len - a.len > 1)
		return false;
	while (head < a.len && a.p[head] == b.p[head])
		head++;
	while (tail < a.len - head && a.p[a.len - 1 - tail] == b.p[b.len - 1 - tail])
		tail++;
	m = a.len - head - tail;
	if (a.len != b.len)
		return m == 0;
	return m <= 1 || (m == 2 && a.p[head] == b.p[head + 1] && a.p[head + 1] == b.p[head]);
}

/* own: the domain's own label, whole: there the name itself is its owner's. */
static bool
is_borrowed(struct span piece, bool own)
{
	char plain[PIECE_MAX];
	struct span s;

	if (piece.len < 4 || piece.len > PIECE_MAX)
		return false;
	s = span(plain, skeleton(piece, plain));
	for (size_t i = 0; i < ARRAY_LEN(brands); i++) {
		struct span b;

		if (brands[i][0] != piece.p[0] && brands[i][0] != s.p[0])
			continue;
		b = span_z(brands[i]);
		if (span_eq(piece, b))
			return !own;
		if (span_eq(s, b))
			return true;
		if (b.len >= FUZZY_MIN && s.len + 1 >= b.len && s.len <= b.len + 1 &&
		    s.p[0] == b.p[0] && is_near(s, b))
			return true;
	}
	return false;
}

/* The domain's own label: up to its first dot. */
static struct span
own_label(struct span registrable)
{
	const char *dot = memchr(registrable.p, '.', registrable.len);

	return span(registrable.p, dot ? (size_t)(dot - registrable.p) : registrable.len);
}

static bool
is_brand(struct span own)
{
	for (size_t i = 0; i < ARRAY_LEN(brands); i++)
		if (own.len > 0 && own.p[0] == brands[i][0] && span_is(own, brands[i]))
			return true;
	return false;
}

/* A letter beyond ASCII as the one it looks like; '?' none. */
static char
latin_of(uint32_t cp)
{
	if (cp >= 0xe0 && cp < 0x180)
		return accented[cp < 0x100 ? cp - 0xe0 : cp - 0x100 + 32];
	for (size_t i = 0; i < ARRAY_LEN(look_alikes); i++)
		if (look_alikes[i].cp == cp)
			return look_alikes[i].letter;
	return '?';
}

/* U-labels as a reader takes them; returns the length. */
static size_t
latin_host(struct span utf8, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < utf8.len && n < cap;) {
		unsigned char c = (unsigned char)utf8.p[i++];
		uint32_t cp = c < 0x80 ? c : c < 0xe0 ? c & 0x1fu : c < 0xf0 ? c & 0xfu : c & 7u;

		while (c >= 0xc0 && i < utf8.len && (utf8.p[i] & 0xc0) == 0x80)
			cp = cp << 6 | ((unsigned char)utf8.p[i++] & 0x3f);
		out[n++] = c < 0x80 ? (char)c : latin_of(cp);
	}
	return n;
}

/* The part of a host that its owner chose: without the suffix below which domains are sold. */
static struct span
chosen_part(struct span host, struct span suffix)
{
	unsigned dots = 1;

	for (size_t i = 0; i < suffix.len; i++)
		dots += suffix.p[i] == '.';
	while (host.len > 0 && dots > 0)
		dots -= host.p[--host.len] == '.';
	return host;
}

/* own: the last piece of rest may be the name's owner himself. */
static bool
has_borrowed_piece(struct span rest, struct span own, bool is_own)
{
	unsigned left = PIECES_MAX;

	while (rest.len > 0 && left-- > 0) {
		size_t n = 0;

		while (n < rest.len && rest.p[n] != '.' && rest.p[n] != '-' && rest.p[n] != '_')
			n++;
		if (is_borrowed(span(rest.p, n), is_own && n == own.len && n == rest.len))
			return true;
		rest = span_skip(rest, MIN(n + 1, rest.len));
	}
	return false;
}

static bool
has_borrowed(struct span host, struct span registrable, struct span utf8)
{
	struct span own = own_label(registrable);
	char plain[URL_HOST_MAX];

	if (is_brand(own) ||
	    span_is(own,
	            "media-amazon")) /* login.microsoft.com, amazon.paypal.com: a company's own */
		return false;
	if (!span_eq(utf8, host)) { /* with U-labels: an alphabet of its own is no owner's */
		struct span shown = span(plain, latin_host(utf8, plain, sizeof(plain)));

		return has_borrowed_piece(
		        chosen_part(shown,
		                    span_skip(registrable, MIN(own.len + 1, registrable.len))),
		        own, false);
	}
	return has_borrowed_piece(span(host.p, host.len - registrable.len + own.len), own, true);
}

static bool
is_cheap(struct span registrable)
{
	const char *dot = memrchr(registrable.p, '.', registrable.len);
	struct span tld =
	        dot ? span_skip(registrable, (size_t)(dot - registrable.p) + 1) : registrable;

	for (size_t i = 0; i < ARRAY_LEN(cheap); i++)
		if (span_is(tld, cheap[i]))
			return true;
	return false;
}

static bool
is_fresh(struct span registrable)
{
	struct span own = own_label(registrable);
	unsigned digits = 0, hyphens = 0, switches = 0, run = 0, longest = 0;

	if (own.len < 4 || (own.len > 4 && !memcmp(own.p, "xn--", 4)))
		return false;
	for (size_t i = 0; i < own.len; i++) {
		bool is_letter = own.p[i] >= 'a' && own.p[i] <= 'z';

		if (own.p[i] == '_')
			return false; /* no registry has such a name: a file's in a text */
		digits += is_digit(own.p[i]);
		hyphens += own.p[i] == '-';
		switches += i > 0 && is_digit(own.p[i]) != is_digit(own.p[i - 1]);
		run = is_letter && !is_vowel(own.p[i]) ? run + 1 : 0;
		longest = MAX(longest, run);
	}
	if (switches >= 3 || (digits >= 5 && digits < own.len) || hyphens >= 3 || longest >= 7)
		return true;
	return is_cheap(registrable) &&
	       (digits > 0 || hyphens > 0 || longest >= 5 || own.len >= 12);
}

uint32_t
url_name_flags(struct span host, struct span registrable, struct span utf8)
{
	return (has_borrowed(host, registrable, utf8) ? (uint32_t)URL_F_BRAND : 0u) |
	       (is_fresh(registrable) ? (uint32_t)URL_F_FRESH : 0u);
}
