/* SPDX-License-Identifier: BSD-3-Clause
 * scan.c - `weirctl scan`: the relay's engine over files
 *
 * Limit   One mail in memory at a time; the order given is kept.
 */
#include "ctrl/cli/cli.h"
#include "ctrl/cli/show.h"
#include "engine/scan.h"
#include <limits.h>
#include <unistd.h>

#define RULES_INSTALLED "/etc/weir/rules.d"

struct scan {
	struct cli *c;
	struct scanner *scanner;
	struct scan_envelope env;
	size_t file_cnt, error_cnt, other_cnt;
};

static bool
read_envelope(struct scan *s)
{
	struct {
		enum cli_option option;
		struct span *to;
	} texts[] = { { OPT_HELO, &s->env.helo },
		      { OPT_FROM, &s->env.from },
		      { OPT_RCPT, &s->env.rcpt } };
	const char *ip = cli_value(s->c, OPT_IP);

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *v = cli_value(s->c, texts[i].option);

		*texts[i].to = span_z(v ? v : "");
	}
	if (s->env.rcpt.len && !memchr(s->env.rcpt.p, '@', s->env.rcpt.len)) {
		fputs("weirctl scan: --rcpt wants an address with a domain\n", stderr);
		return false;
	}
	if (!ip || addr_parse(span_z(ip), &s->env.ip))
		return true;
	fprintf(stderr, "weirctl scan: --ip %s is no IP address\n", ip);
	return false;
}

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

static bool
build(struct scan *s)
{
	const struct cli *c = s->c;
	const char **dirs = calloc(c->given_cnt + 1, sizeof(dirs[0]));
	struct snapshot_input in = { .rule_dirs = dirs, .no_probes = true };
	const char *file = cli_value(c, OPT_CUSTOMERS);
	struct offline_customers *customers = NULL;
	struct snapshot_errors errors = { 0 };
	char shipped[PATH_MAX];

	BUG_ON(!dirs);
	in.geo_path = cli_value(c, OPT_GEO);
	for (size_t i = 0; i < c->given_cnt; i++)
		if (c->given[i].option == OPT_RULES)
			dirs[in.rule_dir_cnt++] = c->given[i].value;
	if (in.rule_dir_cnt == 0 && find_rules(shipped))
		dirs[in.rule_dir_cnt++] = shipped;
	if (in.rule_dir_cnt == 0)
		fputs("weirctl scan: no rules found; --rules DIR names them\n", stderr);
	if (file)
		customers = offline_customers_load(file, &in.customers, &in.customer_cnt);
	if (!file || customers) {
		s->scanner = scan_new(&in, cli_has(c, OPT_TEXT), &errors);
		print_errors(&errors);
		if (!s->scanner && errors.error_cnt == 0)
			fputs("weirctl scan: the rules could not be loaded\n", stderr);
	}
	snapshot_errors_fini(&errors);
	offline_customers_free(customers);
	free(dirs);
	return s->scanner != NULL;
}

static enum scan_outcome
scan_shown(struct scan *s, const char *path)
{
	char *line = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&line, &n);
	enum scan_outcome o;
	json_t *j;

	BUG_ON(!f);
	o = scan_file(s->scanner, path, &s->env, f);
	fclose(f);
	j = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
	BUG_ON(!j); /* scan writes JSON */
	show_scan(stdout, j, cli_has(s->c, OPT_EXPLAIN));
	json_decref(j);
	free(line);
	return o;
}

static void
scan_one(struct scan *s, const char *path)
{
	bool is_json = cli_has(s->c, OPT_JSON);
	enum scan_outcome o =
	        is_json ? scan_file(s->scanner, path, &s->env, stdout) : scan_shown(s, path);

	s->file_cnt++;
	s->error_cnt += o == SCAN_ERROR;
	s->other_cnt += o == SCAN_OTHER;
}

static bool
scan_batch(struct scan *s, const char *list)
{
	FILE *f = strcmp(list, "-") ? fopen(list, "re") : stdin;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	bool ok;

	if (!f) {
		fprintf(stderr, "weirctl scan: %s: %s\n", list, strerror(errno));
		return false;
	}
	while ((n = getline(&line, &cap, f)) > 0) {
		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			line[--n] = 0;
		if (n > 0)
			scan_one(s, line);
	}
	ok = !ferror(f);
	if (!ok)
		fprintf(stderr, "weirctl scan: %s: %s\n", list, strerror(errno));
	free(line);
	if (f != stdin)
		fclose(f);
	return ok;
}

static int
status_of(const struct scan *s)
{
	if (s->error_cnt > 0)
		return EXIT_ERROR;
	return s->file_cnt == 1 && s->other_cnt == 1 ? EXIT_VERDICT : EXIT_OK;
}

int
cli_scan(struct cli *c)
{
	struct scan s = { .c = c };
	const char *list = cli_value(c, OPT_BATCH);
	bool ok = true;

	if (cli_has(c, OPT_MODEL)) {
		fputs("weirctl scan: --model: there is no learned model yet\n", stderr);
		return EXIT_ERROR;
	}
	if (c->word_cnt == 0 && !list) {
		fputs("weirctl scan: wants FILE... or --batch LIST\n", stderr);
		return EXIT_USAGE;
	}
	if (!read_envelope(&s))
		return EXIT_USAGE;
	if (!build(&s))
		return EXIT_ERROR;
	for (size_t i = 0; i < c->word_cnt; i++)
		scan_one(&s, c->words[i]);
	if (list)
		ok = scan_batch(&s, list);
	scan_free(s.scanner);
	return ok ? status_of(&s) : EXIT_ERROR;
}
