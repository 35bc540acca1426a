/* SPDX-License-Identifier: BSD-3-Clause
 * test_boot.c - every setting that a reload applies reaches the workers, or is one that control applies itself
 */
#include "dataplane/main_wire.h"
#include "tests/unit/settings_rows.h"
#include <sys/stat.h>
#include <unistd.h>

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

static void
make(const char *name, mode_t type)
{
	if (S_ISDIR(type))
		BUG_ON(mkdir(name, 0755) < 0);
	else if (S_ISLNK(type))
		BUG_ON(symlink("../outside", name) < 0);
	else
		BUG_ON(mknod(name, S_IFREG | 0644, 0) < 0);
}

/* In a folder of the test's, as root: what is weir's goes to the user, and nothing else does. */
static void
test_hand_over(void)
{
	static const struct {
		const char *name;
		mode_t type;
		bool goes;
	} rows[] = { { "state", S_IFDIR, true },
		     { "state/customers.db", S_IFREG, true },
		     { "state/customers.db-wal", S_IFREG, true },
		     { "state/lock", S_IFREG, true },
		     { "state/notes.txt", S_IFREG, false },
		     { "state/snapshots", S_IFDIR, true },
		     { "state/snapshots/7", S_IFDIR, true },
		     { "state/snapshots/7/customers.json", S_IFREG, true },
		     { "outside", S_IFDIR, false },
		     { "outside/file", S_IFREG, false },
		     { "state/cache", S_IFLNK, false },
		     { "state/bans.json", S_IFLNK, false },
		     { "log", S_IFREG, true } };
	const struct owner to = { 65533, 65533 };
	char dir[] = "/tmp/weir-boot-XXXXXX", command[64];
	struct settings s = { .node_state_dir = (char *)"state",
		              .store_path = (char *)"customers.db",
		              .node_control_socket = (char *)"socket",
		              .log_path = (char *)"log" };
	struct stat st;

	BUG_ON(!mkdtemp(dir) || chdir(dir) < 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		make(rows[i].name, rows[i].type);
	CHECK(boot_hand_over(&s, &to) == 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(lstat(rows[i].name, &st) == 0 && (st.st_uid == to.uid) == rows[i].goes, "%s",
		      rows[i].name);
	CHECK(boot_hand_over(&s, &(struct owner){ 65532, 65532 }) == -EPERM, "another's folder");
	s.node_state_dir = (char *)"/var/../var/";
	CHECK(boot_hand_over(&s, &to) == -EPERM);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	BUG_ON(chdir("/") < 0 || system(command) != 0);
}

int
main(void)
{
	test_reload_rows();
	if (geteuid() == 0)
		test_hand_over();
	return check_failed;
}
