/* SPDX-License-Identifier: BSD-3-Clause
 * confirm.h - one expression run exactly, by PCRE2's just-in-time compiler (its interpreter where the expression wants that), within
 *             a bound
 *
 * Why     Look-around and back references are not Hyperscan's; slow expressions stand behind a literal. What a cheap test let
 *         through is decided here, as Perl would.
 * Owner   struct confirm: its creator. struct confirm_run: one per worker and generation.
 * Thread  A confirm is read-only once made. A run belongs to a worker.
 * Limit   CONFIRM_LIMIT steps and two a byte of the text, from one place of it (PCRE2 counts anew from each). Past it there is no hit, and it is counted
 *         (fail open). match_set.h bounds what all places of a text together may take.
 * Errors  confirm_new(): the operator's, in words.
 */
#pragma once
#include "engine/match/match.h"

#define CONFIRM_LIMIT 2000

struct confirm;
struct confirm_run;

/* NULL: *why says why, cut at cap. */
struct confirm *confirm_new(const struct match_pattern *p, char *why, size_t cap);
void confirm_free(struct confirm *c);

struct confirm_run *confirm_run_new(void);
void confirm_run_free(struct confirm_run *r);

/* Where in a text a match may begin: what PCRE2 tries. */
struct confirm_range {
	size_t from, until; /* until SIZE_MAX: up to the end */
};

/* Matches that do not overlap, as Perl's //g finds them, at most max; in: where they begin. What stands around is seen all the same.
 * *end: of the first one. *timeout_cnt grows when the bound was reached. */
unsigned confirm_count(const struct confirm *c, struct confirm_run *r, struct span text,
                       struct confirm_range in, unsigned max, size_t *end, uint64_t *timeout_cnt);

/* Does it match somewhere? Compiled for this one question, without machine code; for texts known when rules are built. */
bool confirm_once(const struct match_pattern *p, struct span text);
