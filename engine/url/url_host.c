/* SPDX-License-Identifier: BSD-3-Clause
 * url_host.c - percent codes, numeric hosts as browsers read them, IDNA both ways, mixed scripts
 *
 * RFC     3986 3.2.2; WHATWG URL 3.5 (numeric hosts); 5891 and UTS 46 by libidn2.
 */
#include "engine/url/url_host.h"
#include "engine/idna/idna.h"
#include <arpa/inet.h>

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
url_percent(struct span s, size_t i)
{
	int a, b;

	if (s.len - i < 3 || s.p[i] != '%')
		return -1;
	a = hex(s.p[i + 1]);
	b = hex(s.p[i + 2]);
	return a < 0 || b < 0 ? -1 : a << 4 | b;
}

/* Decimal, octal (0…) or hex (0x…); false when it is no number. */
static bool
number(struct span s, uint64_t *v)
{
	unsigned base = 10;

	*v = 0;
	if (s.len == 0)
		return false;
	if (s.len > 1 && s.p[0] == '0') {
		base = (s.p[1] | 32) == 'x' ? 16 : 8;
		s = span_skip(s, base == 16 ? 2 : 1);
	}
	for (size_t i = 0; i < s.len; i++) {
		int d = hex(s.p[i]);

		if (d < 0 || (unsigned)d >= base)
			return false;
		*v = MIN(*v * base + (unsigned)d, (uint64_t)1 << 40);
	}
	return true;
}

/* "0x7f.1", "2130706433", "0177.0.0.1" -> dotted quad; WHATWG: the last number fills what is left. */
static bool
numeric_host(struct url_host *h)
{
	struct span s = span(h->ascii, h->ascii_len);
	uint64_t v, ip = 0;
	char plain[16];
	unsigned cnt = 0;

	for (;;) {
		const char *dot = memchr(s.p, '.', s.len);
		struct span one = span(s.p, dot ? (size_t)(dot - s.p) : s.len);

		if (!number(one, &v) || ++cnt > 4)
			return false;
		if (!dot)
			break;
		if (v > 255)
			return false;
		ip = ip << 8 | v;
		s = span_skip(s, one.len + 1);
	}
	if (v >= (uint64_t)1 << (8 * (5 - cnt)))
		return false;
	ip = ip << (8 * (5 - cnt)) | v;
	snprintf(plain, sizeof(plain), "%u.%u.%u.%u", (unsigned)(ip >> 24 & 255),
	         (unsigned)(ip >> 16 & 255), (unsigned)(ip >> 8 & 255), (unsigned)(ip & 255));
	h->flags |= URL_F_NUMERIC;
	if (!span_is(span(h->ascii, h->ascii_len), plain))
		h->flags |= URL_F_OBFUSCATED_HOST;
	h->ascii_len = strlen(plain);
	memcpy(h->ascii, plain, h->ascii_len);
	return true;
}

static bool
v6_host(struct url_host *h)
{
	struct in6_addr a;
	char text[64];
	size_t n = h->ascii_len;

	if (n < 4 || n > 48 || h->ascii[0] != '[' || h->ascii[n - 1] != ']')
		return false;
	memcpy(text, h->ascii + 1, n - 2);
	text[n - 2] = 0;
	if (inet_pton(AF_INET6, text, &a) != 1)
		return false;
	inet_ntop(AF_INET6, &a, text, sizeof(text));
	h->ascii_len = (size_t)snprintf(h->ascii, sizeof(h->ascii), "[%s]", text);
	h->flags |= URL_F_NUMERIC;
	return true;
}

/* 1 Latin, 2 Cyrillic, 4 Greek, 8 Armenian, 16 Cherokee, by the bytes of UTF-8. */
static unsigned
script_of(uint32_t cp)
{
	if ((cp >= 'a' && cp <= 'z') || (cp >= 0xc0 && cp < 0x250))
		return 1;
	if (cp >= 0x400 && cp < 0x530)
		return 2;
	if ((cp >= 0x370 && cp < 0x400) || (cp >= 0x1f00 && cp < 0x2000))
		return 4;
	if (cp >= 0x530 && cp < 0x590)
		return 8;
	return (cp >= 0x13a0 && cp < 0x1400) || (cp >= 0xab70 && cp < 0xabc0) ? 16 : 0;
}

static bool
is_mixed(struct span s)
{
	unsigned seen = 0;

	for (size_t i = 0; i < s.len;) {
		unsigned char c = (unsigned char)s.p[i++];
		uint32_t cp = c < 0x80 ? c : c < 0xe0 ? c & 0x1fu : c < 0xf0 ? c & 0xfu : c & 7u;

		while (c >= 0xc0 && i < s.len && (s.p[i] & 0xc0) == 0x80)
			cp = cp << 6 | ((unsigned char)s.p[i++] & 0x3f);
		if (c == '.')
			seen = 0;
		seen |= script_of(cp);
		if (seen & (seen - 1))
			return true;
	}
	return false;
}

/* Percent codes undone, lower case, exotic dots to '.', trailing dots removed. False when it does not fit. */
static bool
decode(struct span raw, struct url_host *h)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.len; i++) {
		int c = url_percent(raw, i);
		unsigned char b = c >= 0 ? (unsigned char)c : (unsigned char)raw.p[i];

		if (n == URL_HOST_MAX)
			return false;
		i += c >= 0 ? 2 : 0;
		h->flags |= c >= 0 ? URL_F_OBFUSCATED_HOST : 0;
		h->ascii[n++] = ascii_lower((char)b);
		if (b < 0x80) /* all that follows ends in such a byte */
			continue;
		if (n >= 3 && (!memcmp(h->ascii + n - 3, "\xe3\x80\x82", 3) ||
		               !memcmp(h->ascii + n - 3, "\xef\xbc\x8e", 3) ||
		               !memcmp(h->ascii + n - 3, "\xef\xbd\xa1", 3))) {
			n -= 3;
			h->ascii[n++] = '.';
			h->flags |= URL_F_OBFUSCATED_HOST;
		} else if (n >= 2 && !memcmp(h->ascii + n - 2, "\xc2\xad", 2)) {
			n -= 2;
			h->flags |= URL_F_OBFUSCATED_HOST;
		}
	}
	while (n > 0 && h->ascii[n - 1] == '.')
		n--;
	h->ascii_len = n;
	h->ascii[n] = 0;
	return n > 0;
}

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] & 0x80)
			return false;
	return true;
}

/* Some thousand cycles: called for names that are not ASCII or have "xn--" only. */
static bool
idna(struct url_host *h)
{
	bool was_ascii = is_ascii(span(h->ascii, h->ascii_len));
	size_t n;

	if (!was_ascii) {
		n = idna_to_ascii(h->ascii, h->ascii);
		if (n == 0)
			return false;
		h->ascii_len = n;
	}
	if (!memmem(h->ascii, h->ascii_len, "xn--", 4)) {
		h->flags |=
		        was_ascii ? 0 : URL_F_OBFUSCATED_HOST; /* full-width letters and the like */
		return true;
	}
	h->flags |= URL_F_IDN;
	h->utf8_len = idna_to_unicode(h->ascii, h->utf8, sizeof(h->utf8) - 1);
	if (is_mixed(span(h->utf8, h->utf8_len)))
		h->flags |= URL_F_MIXED_SCRIPT;
	return true;
}

static bool
is_host_name(struct span s)
{
	size_t label = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') ||
		    ++label > 63)
			return false;
	}
	return label > 0;
}

bool
url_host_read(struct span raw, struct url_host *h)
{
	h->flags = 0;
	h->utf8_len = 0;
	if (!decode(raw, h)) {
		h->ascii_len = MIN(raw.len, (size_t)URL_HOST_MAX);
		memcpy(h->ascii, raw.p, h->ascii_len);
		h->flags |= URL_F_BAD_HOST;
		return false;
	}
	if (h->ascii[0] == '[' ? v6_host(h) : numeric_host(h))
		return true;
	if ((!is_ascii(span(h->ascii, h->ascii_len)) ||
	     memmem(h->ascii, h->ascii_len, "xn--", 4)) &&
	    !idna(h))
		h->flags |= URL_F_BAD_HOST;
	if (numeric_host(h)) /* full-width digits */
		return true;
	if (!is_host_name(span(h->ascii, h->ascii_len)))
		h->flags |= URL_F_BAD_HOST;
	return !(h->flags & URL_F_BAD_HOST);
}
