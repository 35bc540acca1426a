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
	uint32_t
	        lead; /* MATCH_BY_LITERAL: bytes of a match before its literal at most (literal.h) */
	uint8_t way;
	char why[MATCH_WHY_MAX - 1];
};

/* Databases of a group; bytes 0: none. */
struct set_group {
	uint64_t lit_at, lit_bytes, re_at, re_bytes; /* serialised */
	uint32_t lit_first;        /* its first literal in link_start[], lit_len[] */
	uint32_t re_first, re_cnt; /* expression i of its database is pattern re_id[re_first + i] */
	uint32_t joined_cnt; /* so many literals come before the expressions in their database */
	uint32_t always_first, always_cnt; /* in always[] */
};

struct set_head {
	int32_t status; /* 0 or -errno */
	uint32_t cnt, group_cnt, literal_cnt, link_cnt, re_cnt, always_cnt;
	uint64_t row_at, group_at, link_start_at, lit_len_at, link_at, re_at,
	        always_at; /* offsets */
	uint64_t bytes;    /* of all */
};

/* So few expressions cost Hyperscan less together than a pass for their literals first; a set of thousands not (engine.md, finding 6).
 * Over a short text PCRE2 runs a few one by one. They are not split. */
#define MATCH_FEW_GROUP   64
#define MATCH_SHORT_GROUP 3

#define MATCH_SPLIT_MAX 512 /* alternatives of one expression */

/* match_split.c: the patterns of a set with lists of alternatives split; what is compiled. Texts are the spec's. */
struct match_pieces {
	struct match_set_spec spec;
	struct match_set_pattern *pattern;
	uint32_t *of; /* of each piece: its pattern in the set's spec */
	size_t room;
};
void match_pieces_make(const struct match_set_spec *s, struct match_pieces *out);
void match_pieces_fini(struct match_pieces *p);
/* Alternatives of an expression, which may be itself alone; how many. max > 0. */
size_t match_split(struct span text, struct span *out, size_t max);

struct match_set {
	unsigned ref_cnt;
	uint8_t key[MATCH_KEY_BYTES];
	char *blob;
	const struct set_head *head;
	const struct set_row *row;
	const struct set_group *group;
	const uint32_t *link_start, *link, *re_id, *always;
	const uint8_t *lit_len;
	hs_database_t **lit_db, **re_db; /* of each group; NULL: none */
	/* head->cnt, rows, links and re_id[] count pieces (match_split.c) */
	uint32_t *of;                  /* of each piece: its pattern */
	uint32_t *first;               /* of each pattern and the end: its first piece */
	struct confirm **confirm;      /* of each piece; NULL: none needed */
	struct match_pattern *piece;   /* their bytes are in text */
	struct match_pattern *pattern; /* as they were given */
	char *text;
	size_t bytes;
};

/* match_set_plan.c, in the child. */
void match_set_compile_to(int fd, const void *pieces); /* struct match_pieces */

/* match_lint.c, in the child: one expression alone over ordinary mail, measured until it costs no more than `enough` ns a KiB,
   five times at most. 0 or -1 when it does not compile. */
struct lint_result {
	unsigned ns_kib, per_mib;
};
int match_lint(const char *expr, unsigned flags, unsigned enough, struct lint_result *out);
/* The same for PCRE2 on every paragraph; at most max matches in each. */
void match_lint_confirm(const struct confirm *c, struct confirm_run *r, unsigned max,
                        unsigned enough, struct lint_result *out);
