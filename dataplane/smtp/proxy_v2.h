/* SPDX-License-Identifier: BSD-3-Clause
 * proxy_v2.h - the header that a proxy puts before the first byte of a connection, version 2
 *
 * Why     A trusted proxy in front of us tells who the sender is; a customer's server may want to
 *         hear it from us.
 * Thread  Any; pure functions.
 * Limit   PROXY_V2_MAX bytes; a longer header is PROXY_V2_BAD. TLVs are checked and skipped; a
 *         CRC32C among them must fit.
 * RFC     None: "The PROXY protocol", haproxy.org, section 2.2.
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"

#define PROXY_V2_MAX       1024
#define PROXY_V2_WRITE_MAX 52 /* of a header that we write: 16 and two IPv6 addresses with ports */

enum proxy_v2_status {
	PROXY_V2_MORE, /* the bytes so far are a proper beginning */
	PROXY_V2_OK,
	PROXY_V2_BAD, /* close without an answer (section 2) */
};

struct proxy_v2 {
	bool local; /* LOCAL or AF_UNSPEC: the proxy speaks for itself, the addresses are not set */
	struct addr src, dst;
	uint16_t src_port, dst_port;
};

/*
 * Reads the first bytes of a connection. On PROXY_V2_OK *out and *len (of the whole header) are
 * set.
 */
enum proxy_v2_status proxy_v2_decode(struct span in, struct proxy_v2 *out, size_t *len);

/* Returns the bytes written. Addresses of different families are written as IPv6 both. */
size_t proxy_v2_encode(const struct proxy_v2 *p, char out[PROXY_V2_WRITE_MAX]);
