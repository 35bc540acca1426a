/* SPDX-License-Identifier: BSD-3-Clause
 * addr.c - text forms of addresses; libc's inet_pton and inet_ntop do the work
 */
#include "base/addr.h"
#include <arpa/inet.h>

struct addr
addr_mask(const struct addr *a, unsigned bits)
{
	struct addr out = *a;

	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * i : 0;

		out.b[i] = (uint8_t)(out.b[i] & (0xff00u >> keep));
	}
	return out;
}

bool
addr_in_prefix(const struct addr *a, const struct addr_prefix *p)
{
	struct addr m = addr_mask(a, p->bits);

	return addr_eq(&m, &p->addr);
}

bool
addr_parse(struct span text, struct addr *out)
{
	char z[ADDR_TEXT_MAX];
	struct in_addr v4;
	struct in6_addr v6;

	if (text.len == 0 || text.len >= sizeof(z) || memchr(text.p, 0, text.len))
		return false;
	memcpy(z, text.p, text.len);
	z[text.len] = 0;
	if (inet_pton(AF_INET, z, &v4) == 1) {
		*out = addr_v4(ntohl(v4.s_addr));
		return true;
	}
	if (inet_pton(AF_INET6, z, &v6) == 1) {
		memcpy(out->b, v6.s6_addr, 16);
		return true;
	}
	return false;
}

bool
addr_parse_prefix(struct span text, bool allow_host_bits, struct addr_prefix *out)
{
	const char *slash = memchr(text.p, '/', text.len);
	struct span head = slash ? span(text.p, (size_t)(slash - text.p)) : text;
	struct addr_prefix p;
	unsigned bits = 0, limit;

	if (!addr_parse(head, &p.addr))
		return false;
	/* A v4-mapped literal written with colons counts its bits in IPv6. */
	limit = memchr(head.p, ':', head.len) ? 128 : 32;
	if (!slash) {
		bits = limit;
	} else {
		struct span digits = span_skip(text, head.len + 1);

		if (digits.len == 0 || digits.len > 3)
			return false;
		for (; digits.len > 0;) {
			char c = span_shift(&digits);

			if (c < '0' || c > '9')
				return false;
			bits = bits * 10 + (unsigned)(c - '0');
		}
		if (bits > limit)
			return false;
	}
	p.bits = (uint8_t)(limit == 32 ? bits + 96 : bits);
	if (!allow_host_bits && !addr_in_prefix(&p.addr, &p))
		return false;
	p.addr = addr_mask(&p.addr, p.bits);
	*out = p;
	return true;
}

/* inet_ntop() goes through printf; workers format IPv4 addresses into log records. */
static size_t
format_v4(const uint8_t b[4], char *out)
{
	char *p = out;

	for (int i = 0; i < 4; i++) {
		unsigned v = b[i];

		if (v >= 100)
			*p++ = (char)('0' + v / 100);
		if (v >= 10)
			*p++ = (char)('0' + v / 10 % 10);
		*p++ = (char)('0' + v % 10);
		*p++ = i < 3 ? '.' : 0;
	}
	return (size_t)(p - out) - 1;
}

size_t
addr_format(const struct addr *a, char out[ADDR_TEXT_MAX])
{
	if (addr_is_v4(a))
		return format_v4(a->b + 12, out);
	inet_ntop(AF_INET6, a->b, out, ADDR_TEXT_MAX);
	return strlen(out);
}
