/* SPDX-License-Identifier: BSD-3-Clause
 * toeplitz.h - keyed Toeplitz hash of a flow by nibble tables: who owns it
 *
 * Why     The hash that NICs compute for RSS, so that with our key in the NIC no packet has to be steered; in software a
 *         table look-up a nibble. It spreads flows; tables that outsiders can fill use SipHash instead.
 * RFC     Microsoft RSS: input is source address, destination address, source port, destination port in network order.
 * Thread  Read-only after toeplitz_init().
 */
#pragma once
#include "base/addr.h"

#define TOEPLITZ_KEY_BYTES 40
#define TOEPLITZ_NIBBLES   72 /* 36 bytes: the IPv6 tuple */

struct toeplitz {
	uint32_t t[TOEPLITZ_NIBBLES][16];
};

void toeplitz_init(struct toeplitz *t, const uint8_t key[TOEPLITZ_KEY_BYTES]);

/* Addresses of one family: IPv4 ones hash their 4 bytes, as a NIC does. */
uint32_t toeplitz_flow(const struct toeplitz *t, const struct addr *src, uint16_t sport,
                       const struct addr *dst, uint16_t dport);
