/* SPDX-License-Identifier: BSD-3-Clause
 * policy.h - customers, profiles, lists of senders, custom rules: facts and a recipient in, an action out
 *
 * Why     Pure functions over immutable tables, so that the same mail and recipient always give the same verdict and a test
 *         is a table. 100,000 customers share profiles by content; all allow and deny entries are one hash.
 *         A change of some customers does not build the tables of all again: it is a layer above them, small tables of its own
 *         and a bit for each customer below that is replaced or gone. Layers do not pile up: a layer holds all changes since
 *         the tables below it were built.
 * Owner   A policy is counted: by its snapshots, and by the layer above (policy_get, policy_put; control's thread only). Inputs
 *         of the builder are the caller's.
 * Thread  Building: one. Look-ups and decisions: any number, nothing allocates but libidn2 for a domain that is not ASCII.
 * Limit   A customer row is one cache line; a mailbox without settings of its own is 8 bytes in a set of fingerprints. POLICY_CUSTOM_MAX custom rules and SMTP's bounds for addresses.
 * Errors  The operator's: one report() each, with the customer and the key.
 */
#pragma once
#include "engine/lists/ip_set.h"
#include "engine/lists/key_set.h"
#include "engine/policy/policy_types.h"

#define POLICY_CUSTOM_MAX   256  /* custom rules of one customer */
#define POLICY_VALUE_MAX    1024 /* bytes of a custom rule's value */
#define POLICY_TAG_MAX      63
#define POLICY_COUNTRY_BITS (26 * 26)
#define POLICY_NO_MAILBOX   0u

enum policy_profile_flag {
	PROFILE_FILTER_POSTMASTER = 1u << 0,
	PROFILE_ADD_HEADERS = 1u << 1,
	PROFILE_COUNTRY_ALLOW = 1u << 2, /* only those of allow */
	PROFILE_COUNTRY_DENY = 1u << 3,
};

/* Interned by content: no pointers, no padding that is not zero. */
struct policy_profile {
	uint64_t fingerprint;
	uint64_t max_message;
	int32_t threshold_milli;
	uint32_t flags;
	uint8_t actions[FILTERS];
	uint8_t country_allow[(POLICY_COUNTRY_BITS + 7) / 8];
	uint8_t country_deny[(POLICY_COUNTRY_BITS + 7) / 8];
	char tag_text[POLICY_TAG_MAX + 1];
	char forward_to[SMTP_PATH_MAX + 1]; /* of ACTION_FORWARD: "local@domain", "" without */
};

enum policy_customer_flag {
	CUSTOMER_LIST_MODE = 1u << 0,
	CUSTOMER_HAS_ENTRIES = 1u << 1,  /* sender entries of its own */
	CUSTOMER_HAS_LISTED = 1u << 2,   /* mailboxes in its list */
	CUSTOMER_HAS_SETTINGS = 1u << 3, /* mailboxes with settings */
	CUSTOMER_HAS_RCPT_RULES = 1u << 4,
};

struct policy_customer {
	uint64_t own_fingerprint; /* of lists and rules of its own; 0 without */
	const char *id;
	const struct policy_route *route;
	const struct policy_profile *profile;
	const struct policy_custom *custom; /* by priority */
	const struct ip_set *entries_ip;    /* values ENTRY_* */
	uint32_t domain_cnt, mailbox_cnt, entry_cnt;
	uint16_t custom_cnt;
	uint16_t flags;
};
static_assert(sizeof(struct policy_customer) == 64, "one line");

enum policy_field {
	FIELD_ENTIRE,
	FIELD_HEADER,
	FIELD_BODY,
	FIELD_FROM,
	FIELD_RCPT,
	FIELD_SUBJECT,
	FIELDS
};

struct policy_custom {
	uint32_t priority;
	uint32_t pattern; /* what the engine calls it: facts.custom_seen[pattern] */
	uint8_t field;    /* enum policy_field */
	uint8_t action;   /* enum policy_action */
};

enum policy_mailbox_flag {
	MAILBOX_LISTED = 1u << 0,
	MAILBOX_FILTERING_OFF = 1u << 1,
	MAILBOX_HAS_ENTRIES = 1u << 2,
};

struct policy_mailbox {
	uint64_t own_fingerprint;
	uint32_t id; /* from 1 */
	uint32_t flags;
	const struct ip_set *entries_ip;
};

enum policy_entry {
	ENTRY_ALLOW = 1,
	ENTRY_DENY = 2,
};

struct policy;

/* Whose, and which mailbox. */
struct policy_rcpt {
	const struct policy *layer;             /* that has the customer */
	const struct policy_customer *customer; /* NULL: not ours */
	struct policy_mailbox mailbox;          /* id 0: none of its own */
	bool is_postmaster;
	uint64_t fingerprint; /* of the effective policy */
};

/* local and domain as given. False: no customer has the domain. */
bool policy_find(const struct policy *p, struct span local, struct span domain,
                 struct policy_rcpt *out);

/* Connection and content, the same for all recipients. The two seen arrays are indexed by pattern; a pattern hit when
 * its cell equals the epoch. NULL: nothing hit. */
struct policy_facts {
	struct addr client;
	char country[2];                    /* {0,0}: not known */
	struct span sender;                 /* lower case */
	bool ip_listed, ip_allowed;         /* by the node's lists */
	bool sender_listed, sender_allowed; /* by the node's lists */
	bool content_hit
	        [FILTERS]; /* URL PHONE PHRASE PATTERN ATTACHMENT: a rule of this filter hit */
	int32_t score_milli;
	const uint32_t *custom_seen, *rcpt_seen;
	uint32_t custom_epoch, rcpt_epoch;
};

struct policy_result {
	enum policy_action action;
	enum policy_filter filter;
	const struct policy_custom *custom; /* of FILTER_CUSTOM */
	enum policy_filter
	        continued; /* the first filter that hit with action continue; FILTER_NONE */
	bool is_allowed;   /* an allow entry matched */
};

enum policy_stage {
	POLICY_AT_RCPT, /* ip, country, sender: only a block shows */
	POLICY_AT_END,  /* all of them */
};

struct policy_result policy_decide(const struct policy_rcpt *r, const struct policy_facts *f,
                                   enum policy_stage stage);

/* What list mode says about the mailbox; true in the other modes too. */
bool policy_mailbox_known(const struct policy_rcpt *r);

/* ---- building ---- */

typedef void policy_report_fn(void *ctx, const char *customer, const char *key, const char *text);

struct policy_builder;

/*
 * below NULL: a policy of its own. Else a layer above it (above the one below that, if it is a layer itself: what is added must
 * be all that changed since then). A customer that is added replaces the one of its id.
 */
struct policy_builder *policy_builder_new(struct policy *below, policy_report_fn *report,
                                          void *ctx);
void policy_builder_free(struct policy_builder *b); /* without a result */

/* What one customer gives; spans are read during the call only. */
struct policy_entry_in {
	struct span text; /* "a@b", "@b", a prefix */
	enum policy_entry kind;
};

struct policy_mailbox_in {
	struct span local, domain; /* domain "": all */
	bool filtering_off, is_listed;
	const struct policy_entry_in *entries;
	size_t entry_cnt;
};

struct policy_customer_in {
	struct span id;
	const struct span *domains;
	size_t domain_cnt;
	const struct policy_route *route;
	bool list_mode;
	const struct policy_mailbox_in *mailboxes;
	size_t mailbox_cnt;
	struct policy_profile profile; /* fingerprint is filled in */
	const struct policy_entry_in *entries;
	size_t entry_cnt;
	const struct policy_custom *custom; /* any order */
	size_t custom_cnt;
	uint64_t
	        custom_fingerprint; /* of the rules' content: pattern numbers change between generations */
};

void policy_add(struct policy_builder *b, const struct policy_customer_in *in);
/* The customer is not there any more; only in a layer. One that never was is no error. */
void policy_remove(struct policy_builder *b, struct span id);
struct policy *policy_build(struct policy_builder *b); /* frees b */

struct policy *policy_get(struct policy *p);
void policy_put(struct policy *p); /* NULL is fine */

struct policy_stats {
	size_t customer_cnt, domain_cnt, mailbox_cnt, entry_cnt, profile_cnt, route_cnt;
	size_t layer_cnt; /* customers and removals of the layer; 0 without one */
	/* Bytes in use, of both layers. */
	size_t customer_bytes, domain_bytes, mailbox_bytes, entry_bytes, other_bytes, bytes;
};
void policy_stats(const struct policy *p, struct policy_stats *out);

/* Country bits. */
bool policy_country_set(uint8_t *bits, struct span two_letters);
bool policy_country_has(const uint8_t *bits, const char two[2]);

/* "local@domain" as it can stand between < and > of RCPT: a dot-string of ASCII (RFC 5321 4.1.2) at a domain, which comes out in A-labels.
 * 0 when it is none. */
size_t policy_address_canonical(struct span address, char out[SMTP_PATH_MAX + 1]);

/* Lower case A-label form without trailing dot, at most 255 bytes; 0 when it is no domain. */
size_t policy_domain_canonical(struct span domain, char out[256]);
