/* SPDX-License-Identifier: BSD-3-Clause
 * cli_scan.c - `weirctl scan`: mail files through the relay's engine, a JSON line each, or for people
 */
#include "ctrl/cli/cli.h"
#include "engine/scan.h"
#include <limits.h>
#include <unistd.h>

struct scan {
	struct invocation *v;
	struct scanner *scanner;
	struct scan_envelope env;
	bool explain;
	size_t file_cnt;
	bool has_error;
	enum scan_outcome last;
};

static const char *
text(const struct scan *s, const char *key)
{
	const char *t = json_string_value(json_object_get(s->v->request, key));

	return t ? t : "";
}

/* /etc/weir/rules.d, else the source tree's rules/ beside build/; "" when there is neither. */
static void
default_rules(char out[PATH_MAX])
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	strcpy(out, "/etc/weir/rules.d");
	if (access(out, R_OK) == 0)
		return;
	*out = 0;
	if (n <= 0)
		return;
	exe[n] = 0;
	slash = strrchr(exe, '/');
	if (!slash || (size_t)(slash - exe) + 10 > PATH_MAX)
		return;
	strcpy(slash, "/../rules");
	if (access(exe, R_OK) == 0)
		strcpy(out, exe);
}

static int
make_scanner(struct scan *s)
{
	struct snapshot_input in = { .generation = 1 };
	struct snapshot_errors errors = { 0 };
	struct offline_customers *customers = NULL;
	char rules[PATH_MAX];
	const char *dir = text(s, "rules");

	if (!*dir) {
		default_rules(rules);
		dir = rules;
	}
	in.rule_dirs = &dir;
	in.rule_dir_cnt = *dir ? 1 : 0;
	in.model_path = *text(s, "model") ? text(s, "model") : NULL;
	in.geo_path = *text(s, "geo") ? text(s, "geo") : NULL;
	in.no_probes = true;
	if (*text(s, "customers")) {
		customers = offline_customers_load(text(s, "customers"), &in.customers,
		                                   &in.customer_cnt);
		if (!customers)
			return EXIT_ERROR;
	}
	s->scanner = scan_new(&in, json_is_true(json_object_get(s->v->request, "text")), &errors);
	for (size_t i = 0; i < errors.cnt; i++) {
		char line[640];

		snapshot_error_format(&errors.item[i], line, sizeof(line));
		fprintf(stderr, "%s\n", line);
	}
	snapshot_errors_fini(&errors);
	offline_customers_free(customers);
	return s->scanner ? EXIT_OK : EXIT_ERROR;
}

static void
explain_rows(const json_t *j, const char *key, const char *const *members)
{
	const json_t *row, *v;
	size_t i;

	json_array_foreach(json_object_get(j, key), i, row)
	{
		printf("  %-6s", i == 0 ? key : "");
		for (const char *const *m = members; *m; m++) {
			v = json_object_get(row, *m);
			if (json_is_string(v) && *json_string_value(v))
				printf(" %s", json_string_value(v));
			else if (json_is_number(v))
				printf(" %g", json_number_value(v));
		}
		putchar('\n');
	}
}

static void
print_for_people(const struct scan *s, const char *line)
{
	static const char *const rules[] = { "group",   "name",   "score", "where",
		                             "excerpt", "source", NULL };
	static const char *const urls[] = { "canonical", "raw", NULL };
	static const char *const parts[] = { "path", "type", "name", "bytes", NULL };
	json_t *j = json_loads(line, 0, NULL);
	const char *error = json_string_value(json_object_get(j, "error"));
	const char *reason = json_string_value(json_object_get(j, "reason"));

	if (error) {
		fprintf(stderr, "weirctl: %s\n", error);
	} else {
		printf("%s: %s by %s, score %.1f: %s\n",
		       json_string_value(json_object_get(j, "file")),
		       json_string_value(json_object_get(j, "action")),
		       json_string_value(json_object_get(j, "filter")),
		       json_number_value(json_object_get(j, "score")), reason ? reason : "");
		if (s->explain) {
			explain_rows(j, "rules", rules);
			explain_rows(j, "urls", urls);
			explain_rows(j, "parts", parts);
		}
		if (json_object_get(j, "text"))
			printf("%s\n", json_string_value(json_object_get(j, "text")));
	}
	json_decref(j);
}

static void
scan_one(struct scan *s, const char *path)
{
	char *line = NULL;
	size_t len = 0;
	FILE *f = s->v->is_json ? stdout : open_memstream(&line, &len);

	BUG_ON(!f);
	s->last = scan_file(s->scanner, path, &s->env, f);
	s->file_cnt++;
	s->has_error |= s->last == SCAN_ERROR;
	if (s->v->is_json)
		return;
	fclose(f);
	print_for_people(s, line);
	free(line);
}

static bool
scan_batch(struct scan *s, const char *list)
{
	FILE *f = strcmp(list, "-") ? fopen(list, "re") : stdin;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f) {
		fprintf(stderr, "weirctl: %s: %s\n", list, strerror(errno));
		return false;
	}
	while ((n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n')
			line[--n] = 0;
		if (n > 0)
			scan_one(s, line);
	}
	free(line);
	if (f != stdin)
		fclose(f);
	s->file_cnt++; /* a batch is never a single file */
	return true;
}

int
run_scan(struct invocation *v)
{
	struct scan s = { .v = v, .explain = json_is_true(json_object_get(v->request, "explain")) };
	const char *batch = text(&s, "batch");
	int ret;

	if (v->arg_cnt == 0 && !*batch) {
		fprintf(stderr, "weirctl: scan wants FILE... or --batch LIST\n");
		return EXIT_USAGE;
	}
	if (*text(&s, "ip") && !addr_parse(span_z(text(&s, "ip")), &s.env.ip)) {
		fprintf(stderr, "weirctl: --ip: \"%s\" is no IP address\n", text(&s, "ip"));
		return EXIT_USAGE;
	}
	s.env.helo = span_z(text(&s, "helo"));
	s.env.from = span_z(text(&s, "from"));
	s.env.rcpt = span_z(text(&s, "rcpt"));
	ret = make_scanner(&s);
	if (ret != EXIT_OK)
		return ret;
	for (int i = 0; i < v->arg_cnt; i++)
		scan_one(&s, v->args[i]);
	if (*batch && !scan_batch(&s, batch))
		s.has_error = true;
	scan_free(s.scanner);
	if (s.has_error)
		return EXIT_ERROR;
	return s.file_cnt == 1 && s.last == SCAN_OTHER ? EXIT_VERDICT : EXIT_OK;
}
