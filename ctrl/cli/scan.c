/* SPDX-License-Identifier: BSD-3-Clause
 * scan.c - `weirctl scan`: the relay's engine over files
 *
 * Limit   One mail in memory at a time; the order given is kept.
 */
#include "ctrl/cli/cli.h"
#include "ctrl/cli/rules.h"
#include "ctrl/cli/show.h"
#include "engine/scan.h"

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

	if (c->word_cnt == 0 && !list) {
		fputs("weirctl scan: wants FILE... or --batch LIST\n", stderr);
		return EXIT_USAGE;
	}
	if (!read_envelope(&s))
		return EXIT_USAGE;
	s.scanner = cli_scanner(c, cli_has(c, OPT_TEXT));
	if (!s.scanner)
		return EXIT_ERROR;
	for (size_t i = 0; i < c->word_cnt; i++)
		scan_one(&s, c->words[i]);
	if (list)
		ok = scan_batch(&s, list);
	scan_free(s.scanner);
	return ok ? status_of(&s) : EXIT_ERROR;
}
