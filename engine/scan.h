/* SPDX-License-Identifier: BSD-3-Clause
 * scan.h - one mail file to one line of JSON, with the relay's own engine: the core of `weirctl scan`
 *
 * Why     Testers and operators see what the relay would do, offline (interfaces.md).
 * Owner   A scanner owns its snapshot and one worker. Inputs are read during scan_new() only.
 * Thread  One.
 * Errors  scan_new(): the operator's, as snapshot_build(). scan_file(): a file that cannot be read is a JSON line with
 *         "error".
 */
#pragma once
#include "engine/engine.h"
#include "engine/snapshot.h"

struct scanner;

#define SCAN_DOMAIN "scan.invalid" /* of the customer "scan" */

/* Builds a snapshot of `in` (generation 1) with one customer more, id "scan", whose default profile judges mails without --rcpt.
 * NULL after errors. */
struct scanner *scan_new(const struct snapshot_input *in, bool want_text,
                         struct snapshot_errors *errors);
void scan_free(struct scanner *s);

struct scan_envelope {
	struct addr ip; /* all zero: not given, then no filter of the connection looks */
	struct span helo, from;
	struct span rcpt; /* "local@domain"; "": the customer "scan" */
};

enum scan_outcome {
	SCAN_DELIVER,
	SCAN_ERROR,
	SCAN_OTHER, /* any action but deliver */
};

/* Writes one line. */
enum scan_outcome scan_file(struct scanner *s, const char *path, const struct scan_envelope *env,
                            FILE *out);

/* The same for bytes in memory. */
enum scan_outcome scan_bytes(struct scanner *s, const char *name, struct span mail,
                             const struct scan_envelope *env, FILE *out);

/* What training and evaluation want of a mail. */
struct scan_facts {
	const struct model_vector *vector; /* until the next scan */
	bool has_model;
	float logodds; /* the model's */
	int32_t score_milli;
	enum policy_filter filter; /* that decided */
	int64_t received_s; /* time of the first Received field, seconds since 1970; 0 not known */
};

/* Judged as to the customer "scan", without an envelope. */
enum scan_outcome scan_facts(struct scanner *s, const char *path, struct scan_facts *out);
