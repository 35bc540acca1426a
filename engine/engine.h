/* SPDX-License-Identifier: BSD-3-Clause
 * engine.h - the one door of the dataplane and of tools: whose mail is it, what does it say, what is done about it
 *
 * Why     Two questions. At RCPT: engine_rcpt(), a few hash probes. At the end of data: a scan job (mime -> text ->
 *         match -> url -> lists -> evidence), then one verdict per recipient from the same evidence.
 * Owner   A snapshot belongs to control (snapshot.h). A worker borrows it: between two quiescent states for engine_rcpt(),
 *         and as long as a job pins it. An engine_worker belongs to control for attach and detach, to its worker for
 *         everything else. Nothing here allocates on the worker.
 * Thread  engine_worker_new/free/attach/detach/is_pinned/evict: control. All others: the worker that owns w.
 * Limit   scan_bytes of text a mail (plus the last ENGINE_TAIL_BYTES), RULE_HITS_MAX rules, MATCH_EVENTS_MAX matches,
 *         bounds of mime.h, url.h and phone.h. Beyond: a flag in the evidence, never an error.
 * Errors  Fail open (S15): a scan that could not be done sets `unscanned` and counts; the mail is delivered.
 *
 * Pins    engine_job_begin() and engine_job_keep() add one to the worker's pin count of the snapshot's slot, engine_job_put()
 *         and engine_keep_put() take it away; only the worker writes it (release), control reads it (acquire) *after* a grace
 *         period that followed the publication of the next snapshot: by then a job begins on the old one only where a pin
 *         keeps it, so 0 stays 0.
 * Attach  Control attaches a snapshot to every worker before it publishes the pointer; the publication's release pairs with
 *         the worker's rcu_dereference, so a job never finds its match data missing (BUG_ON).
 */
#pragma once
#include "base/counters.h"
#include "engine/engine_attach.h"
#include "engine/policy/policy_types.h"

struct snapshot;
struct engine_worker;
struct engine_job;

#define ENGINE_SLOTS 2 /* jobs at a time on a worker */
#define ENGINE_SMALL_MAX                                                                           \
	(64 * 1024) /* mails up to this may use both slots, larger ones only the second */
#define ENGINE_SLICE       1024 /* bytes between two looks at the clock */
#define ENGINE_TAIL_BYTES  2048
#define ENGINE_HEADERS_MAX 512

struct engine_counters {
#define COUNTER COUNTER_FIELD
#include "engine/engine_counters.def"
#undef COUNTER
};
/* Rows for metrics; engine_counter_desc_cnt of them, in the order of the struct. */
extern const struct counter_desc engine_counter_desc[];
extern const size_t engine_counter_desc_cnt;

/* ---- at start and at a swap: control ---- */

struct engine_config {
	uint64_t scan_bytes;  /* 0: 512 KiB */
	bool want_text;       /* keep the folded text for engine_job_text(): tools */
	bool want_all_hashes; /* sha256 of text parts too: tools */
	bool want_features;   /* of the learned model, without one too: tools */
	bool want_sub_hits;   /* where sub-rules hit too: tools */
	bool is_probe; /* scans a snapshot's own probe mails: stages that fail on purpose (fault.h) do not */
};

/* Slots with their parsers (about 2 MB). NULL without memory. */
struct engine_worker *engine_worker_new(const struct engine_config *cfg);
void engine_worker_free(
        struct engine_worker *w); /* after the last job was put and all snapshots detached */

const struct engine_counters *engine_worker_counters(const struct engine_worker *w);

/* ---- at connect and RCPT ---- */

struct engine_client {
	struct addr addr;
	char country[2]; /* upper case; {0,0} unknown: from engine_country(), once a connection */
	struct span helo;
	bool backup_mx; /* came by a lower MX while the primary is healthy (S14) */
};

/* 250 ns: once a connection. False when unknown or no database. */
bool engine_country(const struct snapshot *s, const struct addr *a, char out[2]);

enum engine_rcpt_answer {
	ENGINE_RCPT_RELAY_DENIED,    /* no customer has this domain: 550 5.7.1 */
	ENGINE_RCPT_UNKNOWN_MAILBOX, /* list mode and not in it: 550 5.1.1 */
	ENGINE_RCPT_KNOWN,           /* list mode and in it: 250 without asking */
	ENGINE_RCPT_ASK,             /* the customer's server knows */
	ENGINE_RCPT_REFUSED,         /* filter says by what: 554 5.7.1 */
	ENGINE_RCPT_TOO_BIG,         /* declared size over the customer's max_message: 552 5.3.4 */
};

enum engine_rcpt_flag {
	ENGINE_RCPT_POSTMASTER = 1u << 0, /* never refused by content alone */
	ENGINE_RCPT_FILTERING_OFF = 1u << 1,
	ENGINE_RCPT_ALLOWED =
	        1u
	        << 2, /* an allow entry matched: content filters but attachment and custom are off */
};

struct engine_rcpt_query {
	const struct engine_client *client;
	struct span sender; /* reverse path without brackets, "" for null; any case */
	uint64_t size;      /* SIZE= of MAIL, 0 unknown */
	struct span local;  /* unquoted, case as given */
	struct span domain; /* any case, A- or U-labels */
};

/* What RCPT decided, by value; only route dies with the turn (copy it). */
struct engine_rcpt {
	enum engine_rcpt_answer answer;
	enum policy_filter filter; /* of REFUSED */
	uint32_t flags;
	uint64_t generation;
	const struct policy_route *route; /* NULL for RELAY_DENIED */
	uint64_t route_id;
	uint64_t fingerprint; /* of the effective policy: equal ones decide alike on every mail */
	uint64_t max_message; /* bytes; 0: no limit of the customer's own */
	char customer[NAME_MAX_BYTES + 1];
	char why[128]; /* list entry or setting that refused, for the log; "" otherwise */
};

void engine_rcpt(const struct snapshot *s, const struct engine_rcpt_query *q,
                 struct engine_rcpt *out);

/* ---- the scan job ---- */

struct engine_mail {
	const struct snapshot *snapshot;    /* the current one, or a kept one (engine_job_keep()) */
	const struct engine_client *client; /* copied, helo too (cut at 255) */
	struct span sender;                 /* copied, cut at SMTP_PATH_MAX */
	uint64_t size;                      /* bytes that will be fed, as far as known */
	bool is_tail; /* only the last ENGINE_TAIL_BYTES of a mail whose window was judged already: text, no header */
};

/* Pins the snapshot. NULL: no slot free, try next turn. */
struct engine_job *engine_job_begin(struct engine_worker *w, const struct engine_mail *mail);

/* The next bytes of the message, as they will be delivered (dots unstuffed, without our Received). Takes slices of
 * ENGINE_SLICE, and rules over the header in steps, until clock_cycles() passes deadline_cycles, at least one; returns bytes
 * taken, none when there was a step of the other kind. Any cut of the
 * message gives the same evidence. */
size_t engine_job_step(struct engine_job *j, struct span raw, uint64_t deadline_cycles);

/* The message is over (or its window is: what was not fed is not judged). True when the evidence is complete; call
 * again while false. No step after the first call. */
bool engine_job_end(struct engine_job *j, uint64_t deadline_cycles);

/* Control wants the snapshot back: put this job and begin again on the current snapshot. */
bool engine_job_is_evicted(const struct engine_job *j);

/* Received fields of the mail itself seen so far: more than RECEIVED_MAX is a loop (554 5.4.6). */
unsigned engine_job_received_cnt(const struct engine_job *j);

struct engine_verdict {
	uint64_t generation;
	enum policy_action action;
	enum policy_filter filter; /* FILTER_NONE when nothing hit */
	int32_t score_milli;
	bool unscanned; /* some filter could not run: delivered and said so */
	uint16_t headers_len;
	char reason[128]; /* one line for the log: rule and where */
	char rules[256];  /* names of the rules that hit, by comma; cut at a name */
	char excerpt[EXCERPT_MAX + 1];
	char tag_text[64];                  /* ACTION_TAG: goes before the subject */
	char forward_to[SMTP_PATH_MAX + 1]; /* ACTION_FORWARD: who gets it instead */
	char headers
	        [ENGINE_HEADERS_MAX]; /* whole lines with CR LF to put on top: ACTION_HEADER, ACTION_FORWARD, "add_headers"; X-Weir-Unscanned */
};

/* After engine_job_end() said true. The recipient is looked up in the job's snapshot; one that is no customer's any more is
 * delivered. Pure: same job and recipient, same verdict. About 1,000 cycles. */
void engine_decide(struct engine_job *j, struct span local, struct span domain,
                   struct engine_verdict *out);

/* Unpins. Also for a job that is given up half way. */
void engine_job_put(struct engine_job *j);

/* ---- a generation kept between two jobs of one mail ---- */

/* One pin more on the job's snapshot, which outlives the job: the next job of this mail begins on what is returned, whatever is
 * current then. Owed: engine_keep_put(), after that job has begun or when there will be none. */
const struct snapshot *engine_job_keep(const struct engine_job *j);
void engine_keep_put(struct engine_worker *w, const struct snapshot *s);

/* Control wants the snapshot back: put it; the next job begins on the current one. Two loads, for every turn. */
bool engine_keep_is_evicted(const struct engine_worker *w, const struct snapshot *s);

/* ---- names of rules, stable for the life of the process ---- */

/* Name of a rule id as used in evidence; append-only, so ids outlive their generation. "" when unknown. Any thread. */
const char *engine_rule_name(uint32_t id);
