/* SPDX-License-Identifier: BSD-3-Clause
 * siphash.h - keyed hash for tables that outsiders can write keys into
 *
 * Why     An unkeyed hash lets a sender choose addresses that all fall into one bucket.
 * RFC     "SipHash: a fast short-input PRF", Aumasson and Bernstein, 2012; SipHash-2-4. Also the PRF of RFC 6528 ISNs.
 * Thread  Any; pure functions.
 */
#pragma once
#include "base/base.h"

struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);
