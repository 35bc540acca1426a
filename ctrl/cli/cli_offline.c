/* SPDX-License-Identifier: BSD-3-Clause
 * cli_offline.c - commands on files, without the daemon
 */
#include "ctrl/cli/cli.h"

int
run_offline(struct invocation *v)
{
	return answer_print(v, command_of(v), offline_run(v->config, v->request));
}

/* A daemon that runs takes the change at once; it would see it by itself a moment later. */
static void
nudge(const struct invocation *v)
{
	json_t *ask = json_pack("{s:s}", "command", "nudge");

	json_decref(daemon_ask(v, ask, true));
	json_decref(ask);
}

int
run_import(struct invocation *v)
{
	int ret = run_offline(v);

	if (ret == EXIT_OK)
		nudge(v);
	return ret;
}

int
run_export(struct invocation *v)
{
	const char *path = json_string_value(json_object_get(v->request, "output"));
	json_t *reply = offline_run(v->config, v->request), *out;
	FILE *f;
	bool ok;

	if (!json_is_true(json_object_get(reply, "ok")))
		return answer_print(v, command_of(v), reply);
	out = json_pack("{s:O}", "customers", json_object_get(reply, "customers"));
	json_decref(reply);
	f = path ? fopen(path, "we") : stdout;
	if (!f) {
		fprintf(stderr, "weirctl: %s: %s\n", path, strerror(errno));
		json_decref(out);
		return EXIT_ERROR;
	}
	ok = json_dumpf(out, f, v->is_json ? JSON_COMPACT : JSON_INDENT(2)) == 0 &&
	     fputc('\n', f) == '\n';
	json_decref(out);
	if (path)
		ok = fclose(f) == 0 && ok;
	return ok ? EXIT_OK : EXIT_ERROR;
}
