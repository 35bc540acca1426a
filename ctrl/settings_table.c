/* SPDX-License-Identifier: BSD-3-Clause
 * settings_table.c - the table, a look into it, and what it says to people
 */
#include "ctrl/settings_table.h"
#include "ctrl/settings_yaml.h"

#define AT_TEXT(f)     offsetof(struct settings, f)
#define AT_BOOL(f)     offsetof(struct settings, f)
#define AT_COUNT(f)    offsetof(struct settings, f)
#define AT_SIZE(f)     offsetof(struct settings, f)
#define AT_DURATION(f) offsetof(struct settings, f)
#define AT_ENUM(f)     offsetof(struct settings, f)
#define AT_TEXTS(f)    offsetof(struct settings, f)
#define AT_PREFIXES(f) offsetof(struct settings, f)
#define AT_LIST(f)     0
#define AT_REFUSED(f)  0

const struct setting settings_table[] = {
#define SETTING(type, field, key, dflt, lo, hi, when, text)                                        \
	{ SET_##type, key, dflt, lo, hi, when, text, AT_##type(field) },
#include "ctrl/settings.def"
#undef SETTING
};
const size_t settings_table_cnt = ARRAY_LEN(settings_table);

const struct setting *
settings_find(struct span key)
{
	for (size_t i = 0; i < settings_table_cnt; i++)
		if (span_is(key, settings_table[i].key))
			return &settings_table[i];
	return NULL;
}

const char *
settings_suggestion(struct span key)
{
	const char *keys[ARRAY_LEN(settings_table) + 1];
	size_t n = 0;

	for (size_t i = 0; i < settings_table_cnt; i++)
		keys[n++] = settings_table[i].key;
	keys[n] = NULL;
	return settings_nearest(key, keys);
}

static const char *const type_names[] = { "text",          "on or off",        "number",
	                                  "bytes",         "duration",         "word",
	                                  "list of texts", "list of prefixes", "list of maps",
	                                  "not there yet" };

void
settings_reference(FILE *out)
{
	fprintf(out, "# Configuration\n\nMade by `weirctl config reference` from "
	             "`ctrl/settings.def`; do not edit. "
	             "YAML (or JSON); every key is\noptional but `ports`. Sizes take KiB, MiB, "
	             "GiB; durations ms, s, "
	             "m, h, d. Applied at \"reload\": by `weirctl reload` and "
	             "`SIGHUP`; by a \"restart\":\na reload that finds the key changed says so "
	             "by its name, and the running value stays.\n\n| key | type | default "
	             "| applied at | what it "
	             "is |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < settings_table_cnt; i++) {
		char dflt[128];
		size_t n = 0;

		for (const char *p = settings_table[i].dflt; *p && n + 2 < sizeof(dflt); p++) {
			if (*p == '|') /* a bar would end the cell */
				dflt[n++] = '\\';
			dflt[n++] = *p;
		}
		dflt[n] = 0;
		fprintf(out, "| `%s` | %s | %s | %s | %s |\n", settings_table[i].key,
		        type_names[settings_table[i].type], *dflt ? dflt : "-",
		        settings_table[i].when == RELOAD ? "reload" : "restart",
		        settings_table[i].text);
	}
}

bool
settings_explain(FILE *out, const char *key)
{
	const struct setting *s = settings_find(span_z(key));
	const char *near = s ? NULL : settings_suggestion(span_z(key));

	if (!s) {
		fprintf(out, "no such key: %s%s%s%s\n", key, near ? "; did you mean " : "",
		        near ? near : "", near ? "?" : "");
		return false;
	}
	fprintf(out, "%s (%s, %s)\n  default: %s\n  %s\n", s->key, type_names[s->type],
	        s->when == RELOAD ? "applied by reload" : "applied by a restart",
	        *s->dflt ? s->dflt : "-", s->text);
	if (s->hi > 0)
		fprintf(out, "  from %llu to %llu%s\n", (unsigned long long)s->lo,
		        (unsigned long long)s->hi,
		        s->type == SET_DURATION ? " us"
		        : s->type == SET_SIZE   ? " bytes"
		                                : "");
	return true;
}
