/* SPDX-License-Identifier: BSD-3-Clause
 * scan_dump.c - scan each file named on stdin, one JSON line each: for measurements and comparisons
 *
 * Usage   scan_dump [-t] [-c CACHEDIR] RULEDIR... < LIST
 */
#include "engine/scan.h"
#include <unistd.h>

static void
print_errors(const struct snapshot_errors *e)
{
	char text[600];

	for (size_t i = 0; i < e->cnt; i++) {
		snapshot_error_format(&e->item[i], text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
}

int
main(int argc, char **argv)
{
	struct scan_envelope env = { .from = span_z("someone@sender.test") };
	struct snapshot_input in = { 0 };
	struct snapshot_errors e = { 0 };
	struct scanner *s;
	char name[4096];
	bool text = false;

	for (int c; (c = getopt(argc, argv, "tc:")) != -1;) {
		text |= c == 't';
		if (c == 'c')
			in.cache_dir = optarg;
	}
	in.rule_dirs = (const char *const *)(argv + optind);
	in.rule_dir_cnt = (size_t)(argc - optind);
	s = scan_new(&in, text, &e);
	print_errors(&e);
	snapshot_errors_fini(&e);
	if (!s)
		return 1;
	while (fgets(name, sizeof(name), stdin)) {
		name[strcspn(name, "\n")] = 0;
		scan_file(s, name, &env, stdout);
	}
	scan_free(s);
	return 0;
}
