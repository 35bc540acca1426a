/* SPDX-License-Identifier: BSD-3-Clause
 * match_set.h - the expressions of one lane, each by the cheapest way that is exact, over texts of bounded length
 *
 * Why     Hyperscan refuses look-around, and some expressions cost it more than all others together (engine.md, finding 6). So:
 *         an expression that must contain a rare literal stands behind it, others go to Hyperscan as they are, those it only
 *         approximates are a first sieve; what a sieve lets through PCRE2 decides (confirm.h). Literals and expressions are
 *         databases of their own (finding 8). A group is matched by itself: a view of the header is one.
 * Owner   A set is counted (get, put). A run belongs to one worker and points into its set, which must outlive it. A budget belongs to
 *         one scan slot of that worker: two mails under way do not use up each other's.
 * Thread  Building, get and put: one control thread. Scanning: the run's worker.
 * Limit   MATCH_SET_TEXT bytes of a text are looked at. A pattern that took over MATCH_SLOW_US on one text is not asked again in
 *         that mail and counted (decisions.md 14; fail open).
 * Errors  Building: as match_db_build(), by pattern. A pattern that cannot run, or that the linter takes out, is no error: its way
 *         is MATCH_BY_NONE and match_set_why() says why.
 */
#pragma once
#include "engine/match/match.h"

#define MATCH_SET_TEXT (128 * 1024)
#define MATCH_SLOW_US  20
#define MATCH_WHY_MAX  120

enum match_way {
	MATCH_BY_NONE,
	MATCH_BY_HYPERSCAN,
	MATCH_BY_LITERAL,   /* PCRE2 when one of its literals is seen */
	MATCH_BY_PREFILTER, /* PCRE2 when Hyperscan's approximation matches */
	MATCH_BY_PCRE,      /* on every text: short ones only */
	MATCH_WAYS,
};

struct match_set_pattern {
	struct match_pattern p;
	uint32_t group;
	bool is_counted; /* how often matters: PCRE2 has the last word */
};

/* What the linter lets pass; 0: the default. Cost and density are measured on ordinary mail, each pattern alone. */
struct match_limits {
	unsigned min_bytes;   /* of the shortest match; 1 */
	unsigned max_ns_kib;  /* cost in nanoseconds a KiB; 600. In short texts ten times as much */
	unsigned max_per_mib; /* matches a MiB; 20,000 */
};

struct match_set_spec {
	const struct match_set_pattern *pattern; /* those of a group together, groups ascending */
	size_t cnt;
	size_t group_cnt;
	bool is_short; /* texts of header fields: a group of few patterns needs no Hyperscan */
	bool is_joined; /* texts of a line: literals and expressions in one pass; so are those that are short */
	struct match_limits limits;
};

struct match_set;
struct match_run;
struct match_budget; /* time that the slow patterns of one mail may still take */

int match_set_build(const struct match_set_spec *spec, struct match_build *b,
                    struct match_set **out);
/* The key that it would have, to take one over from before. */
void match_set_key(const struct match_set_spec *spec, uint8_t key[MATCH_KEY_BYTES]);
const uint8_t *match_set_key_of(const struct match_set *s);
struct match_set *match_set_get(struct match_set *s);
void match_set_put(struct match_set *s);
size_t match_set_bytes(const struct match_set *s);
/* The dearest one of its alternatives, when they go apart (match_split.c). */
enum match_way match_set_way(const struct match_set *s, size_t pattern);
/* "" unless its way is MATCH_BY_NONE. */
const char *match_set_why(const struct match_set *s, size_t pattern);
/* Does a pattern match this text, known when the set is built? Whatever its way; false when it cannot run. */
bool match_set_matches(const struct match_set *s, size_t pattern, struct span text);

/* match_scratch_new() over databases and sets. */
int match_scratch_new_sets(struct match_db *const *db, size_t db_cnt, struct match_set *const *set,
                           size_t set_cnt, struct match_scratch **out);
struct match_run *match_run_new(const struct match_set *s);
void match_run_free(struct match_run *r);

/* How often the pattern's hits still count; 0: not asked any more. */
typedef unsigned match_want_fn(void *ctx, uint32_t pattern);
/* cnt times; end: of the first match; of an expression that is a list of alternatives, of one that is found. Once a pattern and text as
 * long as `want` says so. Return true to stop. */
typedef bool match_hit_fn(void *ctx, uint32_t pattern, unsigned cnt, size_t end);

struct match_asker {
	match_want_fn *want;
	match_hit_fn *hit;
	void *ctx;
	uint64_t timeout_cnt; /* out: grows */
	bool confirm_fails;   /* tests: PCRE2 is not to run */
	uint64_t failed_cnt;  /* out: what it did not run for grows */
};

/* NULL without memory. */
struct match_budget *match_budget_new(const struct match_set *s);
void match_budget_free(struct match_budget *b);
/* A new mail: patterns that were slow are asked again. */
void match_budget_begin(struct match_budget *b);
bool match_set_has_group(const struct match_set *s, uint32_t group);
/* b: the mail's, of the same set. */
enum match_result match_set_scan(struct match_run *r, struct match_budget *b,
                                 struct match_scratch *scratch, uint32_t group, struct span text,
                                 struct match_asker *a);
