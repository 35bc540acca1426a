/* SPDX-License-Identifier: BSD-3-Clause
 * errors.c - the list of what is wrong with a build's inputs, bounded
 */
#include "engine/errors.h"

static void PRINTF(4, 0) add(struct snapshot_errors *e, struct error_at at, bool is_warning,
                             const char *fmt, va_list ap)
{
	struct snapshot_error *x;

	if (is_warning)
		e->warning_cnt++;
	else
		e->error_cnt++;
	if (e->cnt == SNAPSHOT_ERRORS_MAX)
		return;
	if (e->cnt == e->cap) {
		e->cap = e->cap ? e->cap * 2 : 16;
		e->item = realloc(e->item, e->cap * sizeof(*e->item));
		BUG_ON(!e->item);
	}
	x = &e->item[e->cnt++];
	*x = (struct snapshot_error){ .is_warning = is_warning,
		                      .line = at.line,
		                      .column = at.column };
	snprintf(x->file, sizeof(x->file), "%s", at.file);
	vsnprintf(x->text, sizeof(x->text), fmt, ap);
}

void
error_vadd(struct snapshot_errors *e, struct error_at at, const char *fmt, va_list ap)
{
	add(e, at, false, fmt, ap);
}

void
skipped_vadd(struct snapshot_errors *e, struct error_at at, const char *fmt, va_list ap)
{
	size_t before = e->cnt;

	add(e, at, true, fmt, ap);
	e->skipped_cnt++;
	if (e->cnt > before)
		e->item[before].is_skipped = true;
}

void
skipped_add(struct snapshot_errors *e, struct error_at at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	skipped_vadd(e, at, fmt, ap);
	va_end(ap);
}

void
error_add(struct snapshot_errors *e, struct error_at at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(e, at, false, fmt, ap);
	va_end(ap);
}

void
warning_add(struct snapshot_errors *e, struct error_at at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(e, at, true, fmt, ap);
	va_end(ap);
}

void
snapshot_errors_fini(struct snapshot_errors *e)
{
	free(e->item);
	*e = (struct snapshot_errors){ 0 };
}

void
snapshot_error_format(const struct snapshot_error *e, char *out, size_t cap)
{
	const char *kind = e->is_skipped ? "skipped" : e->is_warning ? "warning" : "error";

	if (e->line && e->column)
		snprintf(out, cap, "%s:%u:%u: %s: %s", e->file, e->line, e->column, kind, e->text);
	else if (e->line)
		snprintf(out, cap, "%s:%u: %s: %s", e->file, e->line, kind, e->text);
	else
		snprintf(out, cap, "%s: %s: %s", e->file, kind, e->text);
}
