/* SPDX-License-Identifier: BSD-3-Clause
 * standard_set.h - the lists that a scan is measured with: 10,000 phrases and a million entries of each kind that mails are asked for
 *
 * Why     Figures are compared only if the lists are the same: everything comes from one seed. One phrase in twenty is two common
 *         words, so that matches are as frequent as with lists that people write; the others are rare or never there.
 * Owner   The texts live as long as the process.
 * Thread  One.
 */
#pragma once
#include "engine/snapshot.h"

#define STANDARD_PHRASES   10000u
#define STANDARD_ENTRIES   1000000u
#define STANDARD_LISTS_MAX 7

/* Fills in `list`; entries: of each list but the phrases. All of them only score, so that nothing ends a scan. Returns how many. */
size_t standard_set_lists(unsigned phrase_cnt, unsigned entry_cnt, struct snapshot_list *list);
