/* SPDX-License-Identifier: BSD-3-Clause
 * address.h - addresses and names of From, To and their kin, as tolerant as senders are careless
 *
 * Why     Rules ask for the address or the name (From:addr, From:name); both may be written in a dozen ways.
 * Owner   Spans point into the field.
 * Thread  Any.
 * Limit   Linear: a quote, comment or address of more than 4 KiB is none, and of those that never close the first alone is looked
 *         at, once an address.
 * RFC     5322 3.4, and what Mail::SpamAssassin::Util::parse_header_addresses() makes of what is not.
 */
#pragma once
#include "base/base.h"

#define ADDRESS_NAME_MAX 2048
#define ADDRESSES_MAX    1024 /* of a field are looked at */

struct address {
	struct span address; /* "a@b"; "" when there is none that looks like one */
	struct span
	        phrase; /* what stands before it, quotes and escapes as written; else the comment */
};

/* The next one of a list; false at its end. */
bool address_next(struct span *rest, struct address *out);

/* The phrase without quotes, escapes, comments and outer blanks, "" when it is but the address; at most cap bytes. */
size_t address_name(const struct address *a, char *out, size_t cap);

/* Runs of white space to one blank, none outside, single quotes around it taken off; in place. */
struct span address_tidy_name(char *p, size_t len);
