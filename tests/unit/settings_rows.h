/* SPDX-License-Identifier: BSD-3-Clause
 * settings_rows.h - for tests that walk every row of settings.def: a configuration in which just this row is not its default
 *
 * Owner   *out is the caller's, to be ended by settings_fini().
 */
#pragma once
#include "ctrl/settings_table.h"
#include "tests/check.h"

#define ROW_PORT "ports: [{device: tap, addresses: [10.77.0.2/24]}]\n"

/* Values to try for a row, none of them the default; the first that parses counts. "" after the last. */
static inline void
row_values(const struct setting *t, char values[3][128])
{
	const char *bar = strchr(t->dflt, '|');

	memset(values, 0, 3 * 128);
	switch (t->type) {
	case SET_TEXT:
		strcpy(values[0], strstr(t->key, "postmaster") ? "a@b.test" : "other");
		break;
	case SET_BOOL:
		strcpy(values[0], strcmp(t->dflt, "on") ? "on" : "off");
		break;
	case SET_COUNT:
	case SET_SIZE:
	case SET_DURATION:
		for (int i = 0; i < 2; i++)
			sprintf(values[i], "%llu%s", (unsigned long long)(i ? t->lo : t->hi),
			        t->type == SET_DURATION ? "us" : "");
		break;
	case SET_ENUM:
		snprintf(values[0], 128, "%.*s", bar ? (int)strcspn(bar + 1, "|") : 0,
		         bar ? bar + 1 : "");
		break;
	case SET_TEXTS:
		strcpy(values[0], "[other]");
		break;
	case SET_PREFIXES:
		strcpy(values[0], "[192.0.2.0/24]");
		break;
	case SET_LIST:
		strcpy(values[0], !strcmp(t->key, "ports")
		                          ? "[{device: tap, addresses: [10.77.0.2/24], mtu: 9000}]"
		                  : !strcmp(t->key, "listen")
		                          ? "[{port: 26}]"
		                          : "[{name: a, kind: ip-list, source: /x}]");
		break;
	case SET_REFUSED:
		strcpy(values[0], "other");
		break;
	}
}

/* False when no value but the default is taken: a row for what is not there yet, or a choice of one. */
static inline bool
settings_with_row(const struct setting *t, struct settings *out)
{
	const char *dot = strchr(t->key, '.');
	char values[3][128], text[512];

	row_values(t, values);
	for (int i = 0; i < 2 && *values[i]; i++) {
		struct settings_errors e = { 0 };
		int ret;

		if (dot)
			snprintf(text, sizeof(text), "%s%.*s: {%s: %s}\n", ROW_PORT,
			         (int)(dot - t->key), t->key, dot + 1, values[i]);
		else
			snprintf(text, sizeof(text), "%s%s: %s\n",
			         strcmp(t->key, "ports") ? ROW_PORT : "", t->key, values[i]);
		ret = settings_parse("c.yaml", span_z(text), out, &e);
		settings_errors_fini(&e);
		if (ret == 0)
			return true;
	}
	return false;
}
