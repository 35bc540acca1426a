/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_seq.h - arithmetic modulo 2^32 on sequence numbers, and milliseconds of the same kind
 *
 * RFC     9293 3.4. Two numbers may be compared while they are less than 2^31 apart.
 * Thread  Any; pure functions.
 */
#pragma once
#include "base/base.h"

static inline bool
seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool
seq_leq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool
seq_gt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool
seq_geq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

static inline uint32_t
seq_max(uint32_t a, uint32_t b)
{
	return seq_gt(a, b) ? a : b;
}

static inline uint32_t
seq_min(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? a : b;
}
