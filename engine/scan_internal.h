/* SPDX-License-Identifier: BSD-3-Clause
 * scan_internal.h - what the files of scan share
 */
#pragma once
#include "engine/job.h"
#include "engine/scan.h"

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

struct json_out;

/* scan_model.c. Of a finished job; feeds the mail once more. */
void scan_reasons(struct scanner *x, const struct engine_job *j, struct engine_mail m,
                  struct span mail, struct scan_reasons *r);
/* "model", and with one "model_points" and "model_features". */
void scan_print_model(struct json_out *o, const struct engine_job *j, const struct scan_reasons *r);
