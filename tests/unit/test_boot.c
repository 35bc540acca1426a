/* SPDX-License-Identifier: BSD-3-Clause
 * test_boot.c - every setting that a reload applies reaches the workers, or is one that control applies itself
 */
#include "dataplane/main_wire.h"
#include "tests/unit/settings_rows.h"

/* Read by control at a reload: the build takes them from the settings just read, the log is opened anew. */
static const char *const controls[] = { "rules.directories", "rules.model", "geo.database",
	                                "log.path", "feeds" };

static bool
is_controls(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(controls); i++)
		if (!strcmp(controls[i], key))
			return true;
	return false;
}

static void
test_reload_rows(void)
{
	static struct worker_config before, after;
	struct settings_errors e = { 0 };
	struct settings dflt, s;
	size_t cnt = 0;

	CHECK(settings_parse("c.yaml", span_z(ROW_PORT), &dflt, &e) == 0);
	boot_worker_config(&dflt, 0, 1, &before);
	for (size_t i = 0; i < settings_table_cnt; i++) {
		const struct setting *t = &settings_table[i];
		bool differs;

		if (t->when != RELOAD || !settings_with_row(t, &s))
			continue;
		boot_worker_config(&s, 0, 1, &after);
		differs = memcmp(&before.tunables, &after.tunables, sizeof(before.tunables)) != 0;
		CHECK(differs != is_controls(t->key), "%s", t->key);
		settings_fini(&s);
		cnt++;
	}
	CHECK(cnt >= 25 + ARRAY_LEN(controls), "%zu", cnt);
	settings_fini(&dflt);
}

int
main(void)
{
	test_reload_rows();
	return check_failed;
}
