/* SPDX-License-Identifier: BSD-3-Clause
 * addr.h - an IP address of either family in 16 bytes, and a prefix of one
 *
 * Why     One shape everywhere: IPv4 is held as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so tables have one key.
 * Thread  Any; pure functions.
 */
#pragma once
#include "base/base.h"

#define ADDR_TEXT_MAX 46 /* bytes of the longest text form with its NUL */

struct addr {
	uint8_t b[16]; /* network order */
};

struct addr_prefix {
	struct addr addr;
	uint8_t bits; /* of the 128: an IPv4 /24 is 120 here */
};

static inline struct addr
addr_v4(uint32_t host_order)
{
	struct addr a = { { [10] = 0xff, [11] = 0xff } };

	store_be32(a.b + 12, host_order);
	return a;
}

static inline bool
addr_is_v4(const struct addr *a)
{
	static const uint8_t head[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(a->b, head, sizeof(head));
}

/* Host order; only meaningful when addr_is_v4(). */
static inline uint32_t
addr_v4_of(const struct addr *a)
{
	return load_be32(a->b + 12);
}

static inline bool
addr_eq(const struct addr *a, const struct addr *b)
{
	return !memcmp(a->b, b->b, 16);
}

/* True when a lies in p. p->bits is at most 128. */
bool addr_in_prefix(const struct addr *a, const struct addr_prefix *p);

/* Clear the bits behind the first `bits` of 128. */
struct addr addr_mask(const struct addr *a, unsigned bits);

/* "192.0.2.1" or "2001:db8::1"; false and *out untouched on anything else. */
bool addr_parse(struct span text, struct addr *out);

/* "192.0.2.0/24", "2001:db8::/32", or an address alone (a host prefix). Host bits must be zero unless `allow_host_bits`. */
bool addr_parse_prefix(struct span text, bool allow_host_bits, struct addr_prefix *out);

/* Writes the canonical text (RFC 5952; IPv4 dotted) with NUL; returns its length. */
size_t addr_format(const struct addr *a, char out[ADDR_TEXT_MAX]);
