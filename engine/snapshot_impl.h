/* SPDX-License-Identifier: BSD-3-Clause
 * snapshot_impl.h - what a snapshot is made of: for the files of engine/ alone
 *
 * Owner   A snapshot owns a count of each part; parts are shared between generations by their key (sha256 of what they
 *         were made from). Counts are changed by the control thread only.
 * Thread  Immutable once built.
 */
#pragma once
#include "engine/lists/domain_set.h"
#include "engine/lists/geo.h"
#include "engine/lists/ip_set.h"
#include "engine/match/match.h"
#include "engine/match/match_set.h"
#include "engine/model/model.h"
#include "engine/policy/policy.h"
#include "engine/ruleset.h"
#include "engine/snapshot.h"

#define PART_KEY_BYTES 32

/* A list as it is looked up. Values are line numbers, with LIST_EXCEPT. */
struct list_set {
	unsigned ref_cnt;
	uint8_t key[PART_KEY_BYTES];
	enum snapshot_list_kind kind;
	struct key_set *keys;
	struct ip_set *ips;
	size_t entry_cnt, bytes;
	struct snapshot_errors skipped; /* a feed's broken lines: the first few, and the count */
};

struct geo_part {
	unsigned ref_cnt;
	uint8_t key[PART_KEY_BYTES]; /* of path, size, time and inode */
	struct geo *geo;
};

/* What a pattern's hit means. */
struct pattern_ref {
	uint32_t rule; /* or, in the custom lanes, number of the custom pattern */
	uint32_t line;
	uint32_t view; /* LANE_HEADER: of the rule set; custom head lanes: enum custom_view */
};

/* Where a custom rule wants its text; a bit each in pattern_ref.view of the custom lanes. */
enum custom_view {
	CUSTOM_BODY = 1u << 0,
	CUSTOM_HEADER = 1u << 1,
	CUSTOM_SUBJECT = 1u << 2,
	CUSTOM_FROM = 1u << 3,
	CUSTOM_RCPT = 1u << 4,
};

struct lane_part {
	struct match_db *db;   /* of streams and custom lanes; NULL: no pattern */
	struct match_set *set; /* of the lanes of rules over blocks; NULL: no pattern */
	struct pattern_ref *ref;
	size_t cnt;
	size_t base; /* of its patterns in the job's seen array */
};

/* Rules of a view that need no pattern: exists:, and those that hit when the field is not there. */
struct view_rules {
	uint32_t *exists, *unset;
	size_t exists_cnt, unset_cnt;
};

/* Lists of one kind in the order of their rules. */
struct list_ref {
	struct list_set *set;
	uint32_t rule;
};

struct snapshot {
	uint64_t generation;
	unsigned slot; /* of GENERATIONS_LIVE_MAX, no other live one has it */
	struct ruleset rules;
	struct lane_part lane[LANES];
	size_t pattern_cnt; /* of all lanes */
	size_t custom_cnt;  /* custom patterns: a text and field that customers share is one */
	struct list_ref *list[SNAPSHOT_LIST_KINDS];
	size_t list_cnt[SNAPSHOT_LIST_KINDS];
	struct geo_part *geo;
	struct model *model; /* NULL: none */
	struct policy *policy;
	/* All but generation, slot, policy and stats is shared with the generations that only changed customers (snapshot_change()):
	 * counted here, freed with the last of them. */
	unsigned *share_cnt;
	struct custom_build *custom; /* what texts the custom lanes have */
	uint32_t eicar_rule;         /* built in */
	uint32_t *negated;           /* rules that hit when their pattern did not */
	size_t negated_cnt;
	/* Metas that name rule i are users[users_of[i]] up to users[users_of[i + 1]], as places in meta_order. Only those that a hit
	 * may have changed are evaluated, and always_meta: features, or true without any hit. */
	uint32_t *users_of, *users;
	bool *always_meta;
	struct view_rules *view; /* of each view of the rule set */
	struct snapshot_stats stats;
};

/* list_build.c. A new set or one of prev's with the same key. Errors are the entries'. */
struct list_set *list_set_make(const struct ruleset *s, struct rule_list *l,
                               const struct snapshot *prev, struct snapshot_errors *e,
                               bool *shared);
void list_set_put(struct list_set *l);
/* Phrases of a list to LANE_FOLDED. */
void list_add_phrases(struct ruleset *s, struct rule_list *l, struct snapshot_errors *e);
/* After the last of them: those of lists that allow are no patterns, and the same text in another list is none either. */
void list_allow_phrases(struct ruleset *s);

/* snapshot_custom.c: customers to policy and custom lanes. */
struct custom_build;
struct custom_build *custom_build_new(struct snapshot *s);
void custom_build_free(struct custom_build *c);
/* From here on texts are only looked for. False: since the last call one was missing. */
bool custom_build_close(struct custom_build *c);
/* Number of the pattern; UINT32_MAX after an error, or when it is missing. */
uint32_t custom_build_add(struct custom_build *c, const struct snapshot_custom_rule *r,
                          const char *customer, size_t index, struct snapshot_errors *e);
struct policy *snapshot_policy_build(struct snapshot *s, const struct snapshot_input *in,
                                     struct snapshot_errors *e);
/* A layer above prev's; NULL when a rule's text is missing in the custom lanes. */
struct policy *snapshot_policy_change(const struct snapshot_change *in, struct snapshot_errors *e);

/* snapshot_lanes.c: patterns to databases. */
bool snapshot_compile_lanes(struct snapshot *s, const struct snapshot_input *in,
                            struct snapshot_errors *e);

/* snapshot_metas.c: who uses whom. */
void snapshot_index_metas(struct snapshot *s);

/* snapshot_probe.c: the built one scans its own probe mails. */
void snapshot_prove(const struct snapshot *s, struct snapshot_errors *e);

/* First hit of the lists of a kind that block (allow false) or except. NULL: none. */
struct list_hit {
	uint32_t rule, line;
};
bool snapshot_find_ip(const struct snapshot *s, bool allow, const struct addr *a,
                      struct list_hit *h);
bool snapshot_find_sender(const struct snapshot *s, bool allow, struct span sender,
                          struct list_hit *h);
