/* SPDX-License-Identifier: BSD-3-Clause
 * proxy_v2.c - the binary header of the PROXY protocol
 */
#include "dataplane/smtp/proxy_v2.h"

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
	                               0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

enum {
	HEAD = 16,
	CMD_LOCAL = 0x20,
	CMD_PROXY = 0x21,
	FAM_UNSPEC = 0x00,
	FAM_TCP4 = 0x11,
	FAM_TCP6 = 0x21,
	TLV_CRC32C = 0x03
};

/* Bitwise: at most PROXY_V2_MAX bytes, once a connection, from trusted proxies. */
static uint32_t
crc32c_byte(uint32_t crc, uint8_t b)
{
	crc ^= b;
	for (int i = 0; i < 8; i++)
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	return crc;
}

/* Over the header with the checksum's own four bytes, at `at`, as zero (2.2.3). */
static bool
crc_fits(const uint8_t *p, size_t len, size_t at)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++)
		crc = crc32c_byte(crc, i >= at && i < at + 4 ? 0 : p[i]);
	return ~crc == load_be32(p + at);
}

static bool
tlvs_are_good(const uint8_t *p, size_t at, size_t len)
{
	while (at < len) {
		size_t n;

		if (len - at < 3)
			return false;
		n = load_be16(p + at + 1);
		if (n > len - at - 3)
			return false;
		if (p[at] == TLV_CRC32C && (n != 4 || !crc_fits(p, len, at + 3)))
			return false;
		at += 3 + n;
	}
	return true;
}

static size_t
addr_bytes(unsigned family)
{
	return family == FAM_TCP4 ? 12 : family == FAM_TCP6 ? 36 : 0;
}

static void
take_addrs(const uint8_t *p, unsigned family, struct proxy_v2 *out)
{
	if (family == FAM_TCP4) {
		out->src = addr_v4(load_be32(p));
		out->dst = addr_v4(load_be32(p + 4));
		p += 8;
	} else {
		memcpy(out->src.b, p, 16);
		memcpy(out->dst.b, p + 16, 16);
		p += 32;
	}
	out->src_port = load_be16(p);
	out->dst_port = load_be16(p + 2);
}

enum proxy_v2_status
proxy_v2_decode(struct span in, struct proxy_v2 *out, size_t *len)
{
	const uint8_t *p = (const uint8_t *)in.p;
	struct proxy_v2 v = { 0 };
	size_t all;

	if (in.len == 0)
		return PROXY_V2_MORE;
	if (memcmp(p, signature, MIN(in.len, sizeof(signature))))
		return PROXY_V2_BAD;
	if (in.len > 12 && p[12] != CMD_LOCAL && p[12] != CMD_PROXY)
		return PROXY_V2_BAD;
	if (in.len > 13 && p[13] != FAM_UNSPEC && p[13] != FAM_TCP4 && p[13] != FAM_TCP6)
		return PROXY_V2_BAD;
	if (in.len < HEAD)
		return PROXY_V2_MORE;
	all = HEAD + (size_t)load_be16(p + 14);
	if (all > PROXY_V2_MAX || (p[12] == CMD_PROXY && all < HEAD + addr_bytes(p[13])))
		return PROXY_V2_BAD;
	if (in.len < all)
		return PROXY_V2_MORE;
	v.local = p[12] == CMD_LOCAL || p[13] == FAM_UNSPEC;
	if (!v.local) {
		if (!tlvs_are_good(p, HEAD + addr_bytes(p[13]), all))
			return PROXY_V2_BAD;
		take_addrs(p + HEAD, p[13], &v);
	}
	*out = v;
	*len = all;
	return PROXY_V2_OK;
}

size_t
proxy_v2_encode(const struct proxy_v2 *p, char out[PROXY_V2_WRITE_MAX])
{
	bool v4 = addr_is_v4(&p->src) && addr_is_v4(&p->dst);
	size_t n = p->local ? 0 : v4 ? 4 : 16; /* of an address */

	memcpy(out, signature, sizeof(signature));
	out[12] = p->local ? CMD_LOCAL : CMD_PROXY;
	out[13] = p->local ? FAM_UNSPEC : v4 ? FAM_TCP4 : FAM_TCP6;
	store_be16(out + 14, (uint16_t)(n ? 2 * n + 4 : 0));
	if (n == 0)
		return HEAD;
	memcpy(out + HEAD, p->src.b + 16 - n, n);
	memcpy(out + HEAD + n, p->dst.b + 16 - n, n);
	store_be16(out + HEAD + 2 * n, p->src_port);
	store_be16(out + HEAD + 2 * n + 2, p->dst_port);
	return HEAD + 2 * n + 4;
}
