/* SPDX-License-Identifier: BSD-3-Clause
 * ruleset.h - rules and list files, parsed: what is compiled into a snapshot
 *
 * Why     Parse before you act: files become tables of rules, patterns per lane, lists and expressions; nothing is compiled
 *         until every file was read and every error named.
 * Owner   The rule set; everything in it lives in its arena.
 * Thread  The one that builds. Read-only afterwards.
 * Limit   RULES_MAX, META_OPS_MAX, LINE_MAX_BYTES; a file of at most FILE_MAX_BYTES; INCLUDES_MAX deep.
 * Errors  Each is file:line:column; parsing goes on with the next line. In a file of SpamAssassin's (*.cf) what cannot run here is
 *         skipped and listed with its reason; in our own (*.rules) it is an error.
 *
 * The language: README.md beside this file.
 */
#pragma once
#include "base/arena.h"
#include "engine/errors.h"
#include "engine/lists/key_set.h"

#define RULES_MAX      65535
#define META_OPS_MAX   512 /* a meta of SpamAssassin's set names 150 rules */
#define VIEWS_MAX      1024
#define RULE_COUNT_MAX 10000 /* hits of one rule in one mail that are counted */
#define LINE_MAX_BYTES 16384
#define INCLUDES_MAX   8
#define FILE_MAX_BYTES (64u << 20)
#define RULE_NONE      UINT32_MAX

enum feature {
#define FEATURE(name, json, what) F_##name,
#include "engine/features.def"
#undef FEATURE
	FEATURES
};

extern const char *const feature_names[FEATURES]; /* of the JSON */

enum rule_kind {
	RULE_HEADER,
	RULE_BODY,    /* rendered text, case kept */
	RULE_RAWBODY, /* decoded parts as they are */
	RULE_URI,
	RULE_PHRASE, /* folded text, literal */
	RULE_META,
	RULE_FULL,       /* the message as it came */
	RULE_MIMEHEADER, /* header fields of each part by itself */
	RULE_SKIPPED,    /* has a name, never hits: eval rules and what cannot run here */
	RULE_LIST,       /* a list file */
	RULE_EICAR,      /* built in: bytes of the test file */
};

/* Texts that patterns run over. The first ones are streams over the whole message. */
enum lane {
	LANE_FOLDED,     /* literals */
	LANE_CUSTOM_LIT, /* customers' rules over folded text */
	LANE_CUSTOM_RE,
	LANE_STREAMS,                 /* how many are streams */
	LANE_RENDERED = LANE_STREAMS, /* blocks: a paragraph */
	LANE_RAW,                     /* a chunk of a text part */
	LANE_FULL,                    /* the first JOB_FULL_BYTES of the message */
	LANE_HEADER,                  /* a view of the header fields */
	LANE_MIME,                    /* a view of one part's fields */
	LANE_URI,
	LANE_CUSTOM_HEAD_LIT, /* "name: value", subject, sender, recipient: folded */
	LANE_CUSTOM_HEAD_RE,
	LANES
};

/* What part of which field a header rule looks at. */
enum view_part {
	VIEW_RAW = 1u << 0,   /* folds and RFC 2047 words as written */
	VIEW_ADDR = 1u << 1,  /* every address, one a line */
	VIEW_NAME = 1u << 2,  /* every name of an address, one a line */
	VIEW_FIRST = 1u << 3, /* of several fields of this name the topmost */
	VIEW_LAST = 1u << 4,
	VIEW_MIME = 1u << 5, /* of a part's fields */
};

/* Fields that SpamAssassin makes up. */
enum view_source {
	VIEW_FIELD,        /* all fields of this name, a line each */
	VIEW_ALL,          /* all fields, "Name: value" a line */
	VIEW_ALL_EXTERNAL, /* those from the first Received on that is of another's host */
	VIEW_TOCC,
	VIEW_MESSAGEID,
	VIEW_ENVELOPE_FROM,
	VIEW_RELAYS,    /* hosts that passed it on, outermost first (job_relays.c) */
	VIEW_NO_RELAYS, /* trusted and internal ones: none is known */
};

struct view {
	struct span field; /* lower case */
	enum view_source source;
	unsigned part; /* enum view_part */
};

struct rule {
	struct span name;
	uint32_t name_id; /* rule_names.h */
	enum rule_kind kind;
	enum policy_filter
	        filter;    /* FILTER_SCORE: adds its score; else a hit decides by this filter */
	bool is_allow;     /* a list of exceptions */
	bool is_sub;       /* "__NAME": counts nothing by itself */
	bool is_negated;   /* hits when its pattern did not */
	bool is_exists;    /* header: the field is there */
	bool is_off;       /* by a score of 0 or by the linter: never hits */
	bool is_partial;   /* meta: a rule it names is skipped or is partial, and counts as 0 */
	bool is_nosubject; /* body: not in the subject */
	bool is_lenient;   /* of SpamAssassin's files */
	bool has_score, is_nice;
	int32_t score_milli;
	uint32_t max_hits;    /* counted up to here for metas; 1 without tflags multiple */
	uint32_t def;         /* how often it was defined anew: the last one counts */
	uint32_t view;        /* header, mimeheader */
	struct span if_unset; /* header: what it looks at when the field is not there */
	bool has_if_unset;
	bool hits_unset; /* header: what it looks at instead matches (set when patterns are built) */
	uint32_t file;   /* index in files[] */
	uint32_t line;
	const char *describe;
	uint32_t op_first, op_cnt; /* meta: ops[] */
};

struct rule_pattern {
	struct span text;
	bool is_literal, is_caseless, is_multiline, is_dotall;
	bool is_lenient; /* of SpamAssassin's files: refused means skipped */
	uint32_t rule, def;
	uint32_t view; /* LANE_HEADER, LANE_MIME */
	uint32_t line, column, file;
};

enum meta_op_kind {
	OP_NUMBER,
	OP_RULE,
	OP_FEATURE,
	OP_NOT,
	OP_NEGATE,
	OP_AND,
	OP_OR,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_EQ,
	OP_NE,
};

struct meta_op {
	enum meta_op_kind kind;
	union {
		double number;
		uint32_t index; /* rule or feature */
	};
};

/* A list file's entries, still text. */
struct rule_list {
	enum snapshot_list_kind kind;
	uint32_t rule; /* its rule carries name, filter, score, is_allow */
	uint32_t file;
	struct span text;
	bool is_feed;                  /* snapshot.h: a broken line is skipped */
	bool may_be_empty;             /* of a feed; snapshot.h */
	uint32_t feed;                 /* of a feed: snapshot_error.feed */
	size_t entry_cnt, skipped_cnt; /* of a feed */
	int64_t written_s;             /* of a feed; snapshot.h */
};

struct rule_test {
	uint32_t rule, def, file, line;
	bool must_hit;
	struct span text;
};

struct patterns {
	struct rule_pattern *item;
	size_t cnt, room;
};

struct ruleset {
	struct arena arena;
	const char **files;
	size_t file_cnt, file_room;
	struct rule *rules;
	size_t rule_cnt, rule_room;
	struct patterns lane[LANES];
	struct view *views;
	size_t view_cnt, view_room;
	struct meta_op *ops;
	size_t op_cnt, op_room;
	uint32_t *meta_order; /* rules of RULE_META, those that others need first */
	size_t meta_cnt, meta_room;
	struct rule_list *lists;
	size_t list_cnt, list_room;
	struct rule_test *tests;
	size_t test_cnt, test_room;
	struct pending_meta *pending; /* still text: names may come later */
	size_t pending_cnt, pending_room;
	struct setting *settings; /* may come before their rule */
	size_t setting_cnt, setting_room;
	struct rule_tags *tags; /* rule_replace.c: of replace_tag and its kin */
	void *names;            /* search tree: name -> rule */
};

/* All zero is ready. Reads *.cf, *.rules and *.list of a folder, sorted by name. */
void ruleset_read_dir(struct ruleset *s, const char *dir, struct snapshot_errors *e);

/* One file's text. file is copied; a name that ends in ".cf" is SpamAssassin's (see Errors). */
void ruleset_parse_rules(struct ruleset *s, const char *file, struct span text,
                         struct snapshot_errors *e);
void ruleset_parse_list(struct ruleset *s, const char *file, struct span text,
                        struct snapshot_errors *e);
/* A list that control hands over, the number'th from 1. */
void ruleset_add_list(struct ruleset *s, const struct snapshot_list *l, uint32_t number,
                      struct snapshot_errors *e);

/* After the last file: settings find their rules, metas are compiled and ordered. */
void ruleset_finish(struct ruleset *s, struct snapshot_errors *e);
/* When more rules turned out not to run: metas that name one are partial. */
void ruleset_mark_partial(struct ruleset *s);
void ruleset_fini(struct ruleset *s);

/* RULE_NONE when there is none of this name. */
uint32_t ruleset_find(const struct ruleset *s, struct span name);

/* What an operation of two operands makes of them; a division by 0 is 0. */
double rule_expr_binary(enum meta_op_kind op, double a, double b);
/* Value of a meta: rule i hit hits[i] times when seen[i] equals the epoch, else not. As in Perl && and || give an operand. Bounded
 * by META_OPS_MAX. */
double rule_expr_eval(const struct ruleset *s, const struct rule *r, const uint32_t *seen,
                      uint32_t epoch, const float *hits, const int64_t features[FEATURES]);
