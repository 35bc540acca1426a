/* SPDX-License-Identifier: BSD-3-Clause
 * bans.h - the node's ban list: prefixes with an end, kept over restarts, published to workers as an immutable set
 *
 * Why     A banned source is turned away at its SYN (decisions 12a), so the look-up must be cheap: a static tree of ranges
 *         (ban_set.c). Its figures: build/bench/ban-micro.
 * Owner   struct ban_list owns its entries; a set is a copy.
 * Thread  List: one at a time, under ctrl's lock. Set: any reader.
 * Limit   BANS_MAX entries; nothing shorter than IPv4 /8 or IPv6 /16.
 * Errors  -errno and a text.
 */
#pragma once
#include "base/addr.h"

#define BANS_MAX    65536
#define BAN_WHY_MAX 100

struct ban {
	struct addr_prefix prefix;
	uint64_t until_us; /* wall clock; 0: until it is removed */
	char why[BAN_WHY_MAX + 1];
};

struct ban_list {
	struct ban *item;
	size_t cnt, cap;
};

struct ban_set;

/* NULL for an empty list. */
struct ban_set *ban_set_build(const struct ban_list *l);
void ban_set_free(struct ban_set *b);
size_t ban_set_bytes(const struct ban_set *b);

/* A prefix that is there already gets the new end. 0, -EINVAL (too short: a slip would ban everybody), -E2BIG (BANS_MAX). */
int ban_list_add(struct ban_list *l, const struct ban *b);
/* 0 or -ENOENT */
int ban_list_del(struct ban_list *l, const struct addr_prefix *p);
/* How many went. */
size_t ban_list_expire(struct ban_list *l, uint64_t wall_us);
void ban_list_fini(struct ban_list *l);

/* Cut to BAN_WHY_MAX bytes, never inside a character. */
void ban_set_why(struct ban *b, const char *text);

/* "192.0.2.0/24": the length as people write it; out holds ADDR_TEXT_MAX + 4. */
void ban_format(const struct addr_prefix *p, char *out);

/* state_dir/bans.json. A file that is not there is an empty list. */
int ban_list_load(struct ban_list *l, const char *path, char *err, size_t err_cap);
int ban_list_save(const struct ban_list *l, const char *path);
