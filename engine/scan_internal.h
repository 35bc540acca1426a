/* SPDX-License-Identifier: BSD-3-Clause
 * scan_internal.h - what the files of scan share
 */
#pragma once
#include "engine/job.h"
#include "engine/scan.h"

struct json_out;

struct scanner {
	struct snapshot *s;
	struct engine_worker *w;
};

/* All of the file, at most 256 MB; the caller's to free. NULL with errno. */
char *scan_read_file(const char *path, size_t *len);
/* The whole mail through the job. */
void scan_run(struct engine_job *j, struct span mail);

#define SCAN_REASONS 10

struct scan_reason {
	uint32_t slot;
	float share; /* log-odds: positive says spam */
	char name[96];
};

struct scan_reasons {
	unsigned cnt;                              /* the strongest first */
	struct scan_reason item[SCAN_REASONS + 1]; /* one more: room to shift */
};

/* One thing that a meta rule is made of: a rule that hit, or a feature that is not 0. */
struct scan_part {
	const struct evidence_hit *hit; /* NULL: a feature */
	uint32_t feature;
};

#define MADE_PARTS 3

struct scan_made {
	unsigned cnt;                          /* the strongest first */
	struct scan_part part[MADE_PARTS + 1]; /* one more: room to shift */
};

/* scan_made.c. Of a finished job, whose meta rule hit. */
void scan_made_of(const struct engine_job *j, uint32_t rule, struct scan_made *out);

/* scan_rules.c: "rules". */
void scan_print_rules(struct json_out *o, const struct engine_job *j);

/* scan_model.c. Of a finished job; feeds the mail once more. */
void scan_reasons(struct scanner *x, const struct engine_job *j, struct engine_mail m,
                  struct span mail, struct scan_reasons *r);
/* "model", and with one "model_points" and "model_features". */
void scan_print_model(struct json_out *o, const struct engine_job *j, const struct scan_reasons *r);
