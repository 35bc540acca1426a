/* SPDX-License-Identifier: BSD-3-Clause
 * url_name.c - names that are borrowed and names that are thrown away
 */
#include "engine/url/url_name.h"
#include "engine/url/url_env.h"

#define PIECE_MAX  32
#define PIECES_MAX 16
#define FUZZY_MIN  6 /* shorter names have too many neighbours */

/* clang-format off */
/* Names that phish borrow, as a label of their owner's domain would have them. Words of a language are not here. */
static const char *const brands[] = {
	"adobe", "airbnb", "aliexpress", "amazon", "americanexpress", "bankofamerica", "barclays", "binance", "blockchain",
	"bradesco", "citibank", "coinbase", "commerzbank", "correios", "costco", "docusign", "dropbox", "facebook", "fedex", "icloud",
	"instagram", "itau", "kraken", "linkedin", "livelo", "mastercard", "mcafee", "metamask", "microsoft", "microsoftonline",
	"netflix", "norton", "nubank", "office365", "onedrive", "paypal", "postbank", "revolut", "santander", "serasa",
	"sharepoint", "sparkasse", "spotify", "telegram", "trezor", "trustwallet", "usps", "verizon", "volksbank", "walmart",
	"wellsfargo", "whatsapp",
};
/* Endings under which a name costs a euro or less for the first year, or nothing. */
static const char *const cheap[] = {
	"bond", "buzz", "cam", "cfd", "cf", "click", "club", "cyou", "fun", "ga", "gq", "hair", "icu", "info", "life", "live", "loan",
	"lol", "ml", "monster", "mom", "online", "quest", "rest", "sbs", "shop", "site", "skin", "space", "store", "tk", "top", "vip",
	"website", "work", "world", "xyz",
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

static bool
has_borrowed(struct span host, struct span registrable)
{
	struct span own = own_label(registrable), rest;
	unsigned left = PIECES_MAX;

	if (is_brand(own) ||
	    span_is(own,
	            "media-amazon")) /* login.microsoft.com, amazon.paypal.com: a company's own */
		return false;
	rest = span(host.p, host.len - registrable.len + own.len);
	while (rest.len > 0 && left-- > 0) {
		size_t n = 0;

		while (n < rest.len && rest.p[n] != '.' && rest.p[n] != '-' && rest.p[n] != '_')
			n++;
		if (is_borrowed(span(rest.p, n), n == own.len && n == rest.len))
			return true;
		rest = span_skip(rest, MIN(n + 1, rest.len));
	}
	return false;
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
url_name_flags(struct span host, struct span registrable)
{
	return (has_borrowed(host, registrable) ? (uint32_t)URL_F_BRAND : 0u) |
	       (is_fresh(registrable) ? (uint32_t)URL_F_FRESH : 0u);
}
