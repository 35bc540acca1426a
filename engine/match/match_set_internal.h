/* SPDX-License-Identifier: BSD-3-Clause
 * match_set_internal.h - how a compiled set lies in memory and in the cache
 *
 * Owner   See match_set.h. The child writes one block of bytes: head, then the tables that it names by offset, then databases.
 */
#pragma once
#include "engine/match/confirm.h"
#include "engine/match/match_internal.h"
#include "engine/match/match_set.h"

struct set_row {
	uint8_t way;
	char why[MATCH_WHY_MAX - 1];
};

/* Databases of a group; bytes 0: none. */
struct set_group {
	uint64_t lit_at, lit_bytes, re_at, re_bytes; /* serialised */
	uint32_t lit_first;                          /* its first literal in link_start[] */
	uint32_t re_first, re_cnt; /* expression i of its database is pattern re_id[re_first + i] */
	uint32_t always_first, always_cnt; /* in always[] */
};

struct set_head {
	int32_t status; /* 0 or -errno */
	uint32_t cnt, group_cnt, literal_cnt, link_cnt, re_cnt, always_cnt;
	uint64_t row_at, group_at, link_start_at, link_at, re_at, always_at; /* offsets */
	uint64_t bytes;                                                      /* of all */
};

struct match_set {
	unsigned ref_cnt;
	uint8_t key[MATCH_KEY_BYTES];
	char *blob;
	const struct set_head *head;
	const struct set_row *row;
	const struct set_group *group;
	const uint32_t *link_start, *link, *re_id, *always;
	hs_database_t **lit_db, **re_db; /* of each group; NULL: none */
	struct confirm **confirm;        /* of each pattern; NULL: none needed */
	struct match_pattern *pattern;   /* their bytes are in text */
	char *text;
	size_t bytes;
};

/* match_set_plan.c, in the child. */
void match_set_compile_to(int fd, const void *spec);

/* match_lint.c, in the child: one expression alone over ordinary mail, measured until it costs no more than `enough` ns a KiB,
   five times at most. 0 or -1 when it does not compile. */
struct lint_result {
	unsigned ns_kib, per_mib;
};
int match_lint(const char *expr, unsigned flags, unsigned enough, struct lint_result *out);
/* The same for PCRE2 on every paragraph; at most max matches in each. */
void match_lint_confirm(const struct confirm *c, struct confirm_run *r, unsigned max,
                        unsigned enough, struct lint_result *out);
