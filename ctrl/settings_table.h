/* SPDX-License-Identifier: BSD-3-Clause
 * settings_table.h - the rows of settings.def as data: for the reader and for the reference
 *
 * Owner   Constants.
 * Thread  Any.
 */
#pragma once
#include "ctrl/settings.h"

enum setting_type {
	SET_TEXT,
	SET_BOOL,
	SET_COUNT,
	SET_SIZE,
	SET_DURATION,
	SET_ENUM,
	SET_TEXTS,
	SET_PREFIXES,
	SET_LIST,
	SET_REFUSED
};
enum setting_when { START, RELOAD };

struct setting {
	enum setting_type type;
	const char *key, *dflt;
	uint64_t lo, hi;
	enum setting_when when;
	const char *text;
	size_t at; /* offset in struct settings */
};

extern const struct setting settings_table[];
extern const size_t settings_table_cnt;

/* NULL when there is no such key. */
const struct setting *settings_find(struct span key);

/* The key nearest to a wrong one, or NULL. */
const char *settings_suggestion(struct span key);
