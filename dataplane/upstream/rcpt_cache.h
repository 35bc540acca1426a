/* SPDX-License-Identifier: BSD-3-Clause
 * rcpt_cache.h - what customers' servers said of recipients, for minutes
 *
 * Why     A sender with many mails to one mailbox is not a reason to ask the customer's server each time; and a recipient
 *         that turned out refused at replay must be asked live, or its sender would get the same 451 for ever
 *         (decisions 3).
 * Owner   The worker; every core has its own, so an answer may be asked for once a core.
 * Thread  The worker.
 * Limit   Bounded tables (memo.h). Kept: 250 for 10 min; refusals that name the mailbox for 2 min; live asks for 1 h.
 *         Never 4xx, never 5.7.x, never answers to MAIL or DATA.
 */
#pragma once
#include "dataplane/upstream/memo.h"
#include "dataplane/upstream/upstream_reply.h"

#define RCPT_CACHE_GOOD_US (600ull * 1000000)
#define RCPT_CACHE_BAD_US  (120ull * 1000000)
#define RCPT_CACHE_LIVE_US (3600ull * 1000000)

enum rcpt_known {
	RCPT_NOT_KNOWN, /* ask */
	RCPT_GOOD,
	RCPT_BAD, /* with the server's own words */
};

struct rcpt_cache {
	struct memo good, bad, live;
	struct siphash_key key;
	bool enabled; /* smtp.rcpt_cache; live asks work without */
};

/* 0 or -ENOMEM. */
int rcpt_cache_init(struct rcpt_cache *c, uint32_t entries, bool enabled,
                    const struct siphash_key *key);
void rcpt_cache_fini(struct rcpt_cache *c);

/* `rcpt` is local@domain as it goes to the server, domain in lower case. *out is set on RCPT_BAD alone. */
enum rcpt_known rcpt_cache_get(struct rcpt_cache *c, uint64_t route, struct span rcpt,
                               uint64_t now_us, struct upstream_reply *out);

/* An answer to RCPT after MAIL was accepted; anything that may not be kept is ignored. */
void rcpt_cache_put(struct rcpt_cache *c, uint64_t route, struct span rcpt,
                    const struct upstream_reply *r, uint64_t now_us);

/* False when nothing was there. */
bool rcpt_cache_forget(struct rcpt_cache *c, uint64_t route, struct span rcpt);

/* Forget all answers (not the live asks); how many. Takes a millisecond for a large table: a command of the operator. */
size_t rcpt_cache_clear(struct rcpt_cache *c);

/* Refused at replay though answered 250: ask live for an hour, list or no list. */
void rcpt_cache_ask_live(struct rcpt_cache *c, uint64_t route, struct span sender, struct span rcpt,
                         uint64_t now_us);
bool rcpt_cache_is_live(struct rcpt_cache *c, uint64_t route, struct span sender, struct span rcpt,
                        uint64_t now_us);

/* May this refusal be kept? For tests, and for the reader. */
bool rcpt_cache_names_mailbox(const struct upstream_reply *r);
