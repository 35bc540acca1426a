/* SPDX-License-Identifier: BSD-3-Clause
 * errors.h - adding to the list of a build's errors (snapshot.h has the list itself)
 *
 * Owner   The list is the caller's.
 * Thread  The one that builds.
 */
#pragma once
#include "engine/snapshot.h"
#include <stdarg.h>

struct error_at {
	const char *file;
	uint32_t line, column; /* 0: none */
};

void error_add(struct snapshot_errors *e, struct error_at at, const char *fmt, ...) PRINTF(3, 4);
void warning_add(struct snapshot_errors *e, struct error_at at, const char *fmt, ...) PRINTF(3, 4);
void skipped_add(struct snapshot_errors *e, struct error_at at, const char *fmt, ...) PRINTF(3, 4);
void skipped_vadd(struct snapshot_errors *e, struct error_at at, const char *fmt, va_list ap)
        PRINTF(3, 0);
void error_vadd(struct snapshot_errors *e, struct error_at at, const char *fmt, va_list ap)
        PRINTF(3, 0);
