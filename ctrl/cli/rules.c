/* SPDX-License-Identifier: BSD-3-Clause
 * rules.c - the engine that a command wants, from its options
 */
#include "ctrl/cli/rules.h"
#include "engine/scan.h"
#include <limits.h>
#include <unistd.h>

#define RULES_INSTALLED "/etc/weir/rules.d"

/* Rules of the installation, else of the source tree that this program was built in. */
static bool
find_rules(char out[PATH_MAX])
{
	static const char *const beside[] = { "/../rules", "/../contrib/rules" };
	char exe[PATH_MAX - 32];
	ssize_t n;

	snprintf(out, PATH_MAX, "%s", RULES_INSTALLED);
	if (access(out, R_OK) == 0)
		return true;
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s%s", exe, beside[i]);
		if (realpath(path, out))
			return true;
	}
	return false;
}

static void
print_errors(const struct snapshot_errors *e)
{
	for (size_t i = 0; i < e->cnt; i++) {
		char text[640];

		snapshot_error_format(&e->item[i], text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
	if (e->cnt < e->error_cnt + e->warning_cnt)
		fprintf(stderr, "and %zu more\n", e->error_cnt + e->warning_cnt - e->cnt);
}

struct scanner *
cli_scanner(struct cli *c, bool want_text)
{
	const char **dirs = calloc(c->given_cnt + 1, sizeof(dirs[0]));
	struct snapshot_input in = { .rule_dirs = dirs, .no_probes = true };
	const char *file = cli_value(c, OPT_CUSTOMERS), *name = c->command->name;
	struct offline_customers *customers = NULL;
	struct snapshot_errors errors = { 0 };
	struct scanner *s = NULL;
	char shipped[PATH_MAX];

	BUG_ON(!dirs);
	in.geo_path = cli_value(c, OPT_GEO);
	in.cache_dir = cli_value(c, OPT_CACHE);
	in.model_path = cli_value(c, OPT_MODEL);
	for (size_t i = 0; i < c->given_cnt; i++)
		if (c->given[i].option == OPT_RULES)
			dirs[in.rule_dir_cnt++] = c->given[i].value;
	if (in.rule_dir_cnt == 0 && find_rules(shipped))
		dirs[in.rule_dir_cnt++] = shipped;
	if (in.rule_dir_cnt == 0)
		fprintf(stderr, "weirctl %s: no rules found; --rules DIR names them\n", name);
	if (file)
		customers = offline_customers_load(file, &in.customers, &in.customer_cnt);
	if (!file || customers) {
		s = scan_new(&in, want_text, &errors);
		print_errors(&errors);
		if (!s && errors.error_cnt == 0)
			fprintf(stderr, "weirctl %s: the rules could not be loaded\n", name);
	}
	snapshot_errors_fini(&errors);
	offline_customers_free(customers);
	free(dirs);
	return s;
}
