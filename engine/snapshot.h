/* SPDX-License-Identifier: BSD-3-Clause
 * snapshot.h - the one door of control: build, prove, look into and free a generation of everything the workers read
 *
 * Why     A snapshot is immutable: policy, lists, compiled patterns, country database, a generation number. Built aside, it is
 *         proven on probe mails, attached to every worker (engine.h), published under RCU, retired later.
 * Owner   Control. Parts that did not change since `prev` are shared by reference count (content hash of their sources).
 *         Input structs and everything they point to are the caller's and only read until snapshot_build() returns.
 * Thread  snapshot_build() and snapshot_free(): one control thread at a time, may block for seconds (patterns are compiled in
 *         a child process). Look-ups: any thread that holds the snapshot.
 * Limit   GENERATIONS_LIVE_MAX snapshots live. Input texts as in limits.h.
 * Errors  Kind 2, the operator's: each goes to `errors` with file, line and column, all of them, not the first; then the
 *         result is NULL and the old generation stays. Warnings do not fail a build.
 *
 * Swap    s = snapshot_build(); for each worker engine_worker_attach(w, s); rcu_assign_pointer(); old:
 *         synchronize_rcu(); while any engine_worker_is_pinned(w, old) wait; engine_worker_detach(w, old) for
 *         each; snapshot_free(old).
 */
#pragma once
#include "engine/engine_attach.h"
#include "engine/policy/policy_types.h"

struct snapshot;

/* ---- errors and warnings ---- */

struct snapshot_error {
	bool is_warning;
	bool is_skipped; /* a warning: a line of SpamAssassin's that cannot run here, and why */
	uint32_t line, column; /* from 1; 0 when there is none */
	uint32_t feed;         /* of the input's lists, from 1: this feed has no entry; 0: none */
	char file[256];        /* path, or "customer acme" */
	char text[256];
};

#define SNAPSHOT_ERRORS_MAX 4000

/* All zero is ready to use. */
struct snapshot_errors {
	size_t cnt, error_cnt, warning_cnt; /* cnt kept; the other two count all */
	size_t skipped_cnt;                 /* of the warnings */
	size_t cap;
	struct snapshot_error *item;
};

void snapshot_errors_fini(struct snapshot_errors *e);
/* "file:line:column: error: text" with NUL, cut at cap. */
void snapshot_error_format(const struct snapshot_error *e, char *out, size_t cap);

/* ---- customers ---- */

/* An entry of allow or deny: "friend@x.test", "@good.test" (the domain and those below), "192.0.2.0/24". */
struct snapshot_span_list {
	const struct span *item;
	size_t cnt;
};

enum snapshot_mailbox_mode {
	SNAPSHOT_MAILBOX_ANY,  /* the customer's server answers */
	SNAPSHOT_MAILBOX_LIST, /* the list answers */
};

/* A mailbox with settings of its own; works in both modes. */
struct snapshot_mailbox {
	struct span local;
	struct span domain; /* "": in all domains of the customer */
	bool filtering_off;
	struct snapshot_span_list allow, deny;
};

enum snapshot_field {
	SNAPSHOT_FIELD_ENTIRE, /* header or body */
	SNAPSHOT_FIELD_HEADER, /* "name: value" of each field */
	SNAPSHOT_FIELD_BODY,   /* shown text */
	SNAPSHOT_FIELD_FROM,   /* envelope sender */
	SNAPSHOT_FIELD_RCPT,   /* envelope recipient */
	SNAPSHOT_FIELD_SUBJECT,
};

enum snapshot_op {
	SNAPSHOT_OP_CONTAINS,
	SNAPSHOT_OP_EQUALS,
	SNAPSHOT_OP_REGEX,
};

struct snapshot_custom_rule {
	uint32_t priority; /* the lowest is asked first */
	enum snapshot_field field;
	enum snapshot_op op;
	struct span value;
	enum policy_action action; /* CONTINUE ends the list without a verdict: an exception */
};

/* Keys a profile does not have keep the default of snapshot_profile_default(). */
struct snapshot_profile {
	int32_t threshold_milli; /* 5000: 5.0 */
	enum policy_action actions
	        [FILTERS]; /* ip country url phone phrase pattern score attachment custom; sender and
	                                        mailbox always block */
	struct span tag_text; /* "[SPAM]" */
	struct snapshot_span_list countries_deny,
	        countries_allow; /* two letters; allow: only these */
	struct snapshot_span_list allow, deny;
	uint64_t max_message;   /* 0: the node's */
	struct span forward_to; /* "local@domain" of ACTION_FORWARD; "" without */
	bool filter_postmaster; /* postmaster@ is filtered like others */
	bool add_headers;       /* X-Weir-* on every delivered mail */
};

struct snapshot_customer {
	struct span id;
	const struct span *domains; /* any case, U- or A-labels */
	size_t domain_cnt;
	struct policy_route route; /* id is filled in by the build */
	enum snapshot_mailbox_mode mailbox_mode;
	struct snapshot_span_list
	        mailbox_list; /* "bob" in all domains of the customer, or "bob@acme.test" */
	const struct snapshot_mailbox *mailboxes;
	size_t mailbox_cnt;
	struct snapshot_profile profile;
	const struct snapshot_custom_rule *rules;
	size_t rule_cnt;
};

/* Is it a plain "local@domain" that mail can be forwarded to? */
bool snapshot_takes_forward_to(struct span address);

/* Threshold 5.0, every action block, tag text "[SPAM]". */
void snapshot_profile_default(struct snapshot_profile *p);

/* ---- build ---- */

enum snapshot_list_kind {
	SNAPSHOT_LIST_IP,     /* addresses and prefixes */
	SNAPSHOT_LIST_DOMAIN, /* of URLs; with those below, "!" excepts */
	SNAPSHOT_LIST_URL,    /* scheme-less prefixes "host/path" */
	SNAPSHOT_LIST_SENDER, /* "a@b", "@b" */
	SNAPSHOT_LIST_PHONE,  /* digits */
	SNAPSHOT_LIST_PHRASE, /* a sentence a line */
	SNAPSHOT_LIST_NAME,   /* endings of attachment names: "exe" */
	SNAPSHOT_LIST_TYPE,   /* real types of attachments: "exe", "zip" … (magic) */
	SNAPSHOT_LIST_SHA256, /* of decoded attachment bytes */
	SNAPSHOT_LIST_KINDS,
};

/*
 * A list that control has in memory or in a file of its own (a feed's last good copy), beside those in rule_dirs. What others
 * write has broken lines now and then: in a feed such a line is skipped and counted, the first few are warnings; a feed with no
 * line that can be used is an error, unless it may be empty. In a list of the operator's every broken line is an error.
 */
struct snapshot_list {
	struct span name; /* shown as the rule's name */
	enum snapshot_list_kind kind;
	bool is_feed;
	bool may_be_empty;   /* of a feed: what was chosen of a source that has other entries */
	bool is_allow;       /* hits except instead of blocking */
	int32_t score_milli; /* 0: a hit blocks by the kind's own filter; else it adds to the score */
	const char *path;    /* a file, an entry a line; or NULL and */
	struct span text;    /* the same text in memory */
	const char *text_where; /* what errors call it when path is NULL */
	int64_t written_s; /* of a feed: when its source was written, seconds since 1970; 0: not known */
};

/* What the linter lets pass of each expression alone, on ordinary mail; 0: its default (match/match_set.h). */
struct snapshot_lint {
	unsigned min_bytes;   /* of the shortest match */
	unsigned max_ns_kib;  /* nanoseconds a KiB */
	unsigned max_per_mib; /* matches a MiB */
};

struct snapshot_input {
	uint64_t generation;          /* greater than any live one */
	const struct snapshot *prev;  /* parts may be shared with it; NULL: none */
	const char *const *rule_dirs; /* *.rules *.list, sorted by name, not recursive */
	size_t rule_dir_cnt;
	const struct snapshot_list *lists;
	size_t list_cnt;
	const char *geo_path;       /* MaxMind DB; NULL: no countries */
	const char *model_path;     /* NULL: no learned model */
	const char *cache_dir;      /* compiled pattern databases; NULL: none kept */
	unsigned compile_timeout_s; /* 0: 120 */
	struct snapshot_lint lint;
	uint64_t compile_memory; /* bytes of the child's address space; 0: 4 GiB */
	const struct snapshot_customer *customers;
	size_t customer_cnt;
	bool no_probes; /* tools that try broken rule sets */
};

/* NULL when errors->error_cnt > 0. */
struct snapshot *snapshot_build(const struct snapshot_input *in, struct snapshot_errors *errors);

/* Customers that changed, nothing else: all that did since prev was built, or since what prev itself changes was. */
struct snapshot_change {
	uint64_t generation;
	const struct snapshot *prev;
	const struct snapshot_customer *customers; /* new, or instead of those of the same id */
	size_t customer_cnt;
	const struct span *removed; /* ids */
	size_t removed_cnt;
};

/*
 * A generation that shares rules, lists and databases with prev and has a layer of policy of its own (policy.h): the cost is that
 * of the changed customers. It is not proven anew: no pattern is. NULL with errors: refused, as snapshot_build(). NULL without: this
 * needs a build, since a customer's rule has a text that no database knows yet, or too many changed.
 */
struct snapshot *snapshot_change(const struct snapshot_change *in, struct snapshot_errors *errors);

/* After retirement (see Swap). NULL is fine. */
void snapshot_free(struct snapshot *s);

uint64_t snapshot_generation(const struct snapshot *s);

struct snapshot_stats {
	size_t rule_cnt, phrase_cnt, list_cnt, list_entry_cnt, customer_cnt, domain_cnt,
	        mailbox_cnt, custom_rule_cnt;
	size_t shared_part_cnt; /* taken over from prev */
	size_t changed_cnt;     /* customers that changed since all tables were built; 0: none */
	size_t policy_bytes, list_bytes, match_bytes;
	uint64_t build_us, compile_us; /* compile: in the child, 0 when the cache had it all */
};
void snapshot_stats(const struct snapshot *s, struct snapshot_stats *out);

struct snapshot_feed_row {
	struct span name; /* lives as long as s */
	size_t entry_cnt, skipped_cnt;
	int64_t written_s; /* as in struct snapshot_list */
};
/* The feeds in the order of the input; returns how many rows were written, at most cap. */
size_t snapshot_feeds(const struct snapshot *s, struct snapshot_feed_row *out, size_t cap);

/* ---- weirctl lookup: one line of text for each thing found, returned as a malloc'ed text ("" when nothing) ---- */

char *snapshot_lookup_ip(const struct snapshot *s, const struct addr *a);
char *snapshot_lookup_domain(const struct snapshot *s,
                             struct span domain); /* URL lists and whose it is */
char *snapshot_lookup_url(const struct snapshot *s, struct span url);
char *snapshot_lookup_mailbox(const struct snapshot *s, struct span address);
char *snapshot_lookup_route(const struct snapshot *s, struct span domain); /* where its mail goes */
/* As a mail's sender, a number in its text and an attachment are asked for. NULL: not an address, a number, a digest. */
char *snapshot_lookup_sender(const struct snapshot *s, struct span address);
char *snapshot_lookup_phone(const struct snapshot *s, struct span number); /* "+49 30 123456" */
char *snapshot_lookup_sha256(const struct snapshot *s, struct span hex);
/* The route of a domain; NULL: no customer has it. Lives as long as s. */
const struct policy_route *snapshot_route(const struct snapshot *s, struct span domain);
