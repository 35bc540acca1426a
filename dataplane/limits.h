/* SPDX-License-Identifier: BSD-3-Clause
 * limits.h - what one source address may do: connections, mails and failed recipients
 *
 * Why     A single sender must not take what belongs to all (interfaces: limits per address); the answer is a 421 that it
 *         can come back from, never a silence.
 * Owner   The worker; every core counts what its own flows do, so a limit holds per core.
 * Thread  The worker.
 * Limit   A bounded table (memo.h): IPv4 by address, IPv6 by /64. A source that finds no place in it is not limited
 *         (counted in memo.full_cnt): mail goes before limits.
 */
#pragma once
#include "base/addr.h"
#include "dataplane/upstream/memo.h"

#define LIMITS_WINDOW_US (60ull * 1000000)

enum limits_what { LIMITS_MAILS, LIMITS_FAILED_RCPTS, LIMITS_KINDS };

/* 0: no limit. */
struct limits_config {
	bool enabled; /* limits.per_address */
	uint32_t connections;
	uint32_t per_minute[LIMITS_KINDS];
};

struct limits {
	struct memo sources;
	struct siphash_key key;
	struct limits_config cfg;
};

/* 0 or -ENOMEM. */
int limits_init(struct limits *l, const struct limits_config *cfg, uint32_t entries,
                const struct siphash_key *key);
void limits_fini(struct limits *l);

/* A connection of `a` came: true when it may stay, and then limits_disconnect() is owed. */
bool limits_connect(struct limits *l, const struct addr *a, uint64_t now_us);
void limits_disconnect(struct limits *l, const struct addr *a, uint64_t now_us);

/* One more of `what`: false when that is more than a minute may have. */
bool limits_count(struct limits *l, const struct addr *a, enum limits_what what, uint64_t now_us);

/* Would one more be too many? Counts nothing. */
bool limits_is_over(struct limits *l, const struct addr *a, enum limits_what what, uint64_t now_us);
