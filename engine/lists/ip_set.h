/* SPDX-License-Identifier: BSD-3-Clause
 * ip_set.h - an immutable set of IP prefixes of both families with a value each, longest match
 *
 * Why     Prefixes may nest ("10/8 listed, 10.1/16 not"). At build they become disjoint ranges in order, so that a
 *         look-up is one search whatever the nesting: IPv4 by halves from an index of the upper 16 bits, IPv6 by a tree
 *         over the upper 64 bits (rank_tree.h).
 *         IPv4 addresses lie in ::ffff:0:0/96 (addr.h), but only prefixes of IPv4 hold them: a list that has ::/8 means IPv6.
 * Owner   As key_set.h.
 * Thread  Building: one. Looking up: any number.
 * Limit   2^31 prefixes; 8 bytes a range for IPv4, 22 for IPv6, at most two ranges a prefix, and 256 KB of index from
 *         IP_SET_INDEX_MIN ranges on.
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"

#define IP_SET_INDEX_MIN 1024
#define IP_SET_BATCH     32

struct ip_set;

struct ip_set_entry {
	struct addr_prefix prefix;
	uint32_t value; /* IP_SET_NONE: an exception, a hole in the shorter prefixes */
};

#define IP_SET_NONE UINT32_MAX

/* The same prefix twice: an exception wins, else the first value stays. */
struct ip_set *ip_set_build(struct ip_set_entry *e, size_t cnt);
void ip_set_free(struct ip_set *s);
size_t ip_set_bytes(const struct ip_set *s);

/* Value of the longest prefix that holds a; false when none does. s may be NULL. */
bool ip_set_find(const struct ip_set *s, const struct addr *a, uint32_t *value);

/* As ip_set_find() for up to IP_SET_BATCH addresses, their memory accesses overlapped. Bit i of the result: a[i] is in it
 * and values[i] was written. */
uint32_t ip_set_find_batch(const struct ip_set *s, const struct addr *a, size_t cnt,
                           uint32_t *values);
