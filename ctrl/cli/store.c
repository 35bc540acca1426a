/* SPDX-License-Identifier: BSD-3-Clause
 * store.c - customers, check, the configuration's reference: files alone, no daemon
 */
#include "ctrl/cli/link.h"
#include "ctrl/cli/show.h"

static void
print_pretty(const json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
}

static void
print_customers(const struct cli *c, const json_t *reply, bool is_heard)
{
	const char *verb = cli_verb(c);
	const json_t *all = json_object_get(reply, "customers");

	if (!strcmp(verb, "list"))
		show_customers(stdout, all);
	else if (!strcmp(verb, "show"))
		print_pretty(json_object_get(reply, "customer"));
	else if (!strcmp(verb, "import"))
		printf("%lld customers; %s\n", (long long)json_integer_value(all),
		       is_heard ? "the daemon was told" : "no daemon runs here");
	else
		printf("deleted; %s\n", is_heard ? "the daemon was told" : "no daemon runs here");
}

static int
write_document(const struct cli *c, const json_t *document)
{
	const char *path = cli_value(c, OPT_OUTPUT);
	FILE *f = path ? fopen(path, "we") : stdout;
	bool ok;

	if (!f) {
		fprintf(stderr, "weirctl: %s: %s\n", path, strerror(errno));
		return EXIT_ERROR;
	}
	ok = json_dumpf(document, f, cli_has(c, OPT_JSON) ? JSON_COMPACT : JSON_INDENT(2)) == 0;
	ok &= fputc('\n', f) == '\n';
	if (path && fclose(f) != 0)
		ok = false;
	if (!ok)
		fprintf(stderr, "weirctl: %s: %s\n", path ? path : "standard output",
		        strerror(errno));
	return ok ? EXIT_OK : EXIT_ERROR;
}

/* The document alone, so that import takes it, with --json too. */
static int export(struct cli *c)
{
	json_t *request = json_pack("{s:s,s:s}", "command", "customer", "verb", "export");
	json_t *reply, *document;
	int rc = link_offline_quiet(c, request, &reply);

	if (rc != EXIT_OK)
		return rc;
	document = json_pack("{s:O}", "customers", json_object_get(reply, "customers"));
	rc = write_document(c, document);
	json_decref(document);
	json_decref(reply);
	return rc;
}

int
cli_customer(struct cli *c)
{
	const char *verb = cli_verb(c), *key = !strcmp(verb, "import") ? "file" : "id";
	bool is_change = !strcmp(verb, "import") || !strcmp(verb, "del"), is_heard = false;
	json_t *request, *reply, *word;
	int rc;

	if (!strcmp(verb, "export"))
		return export(c);
	request = json_pack("{s:s,s:s,s:b}", "command", "customer", "verb", verb, "replace",
	                    (int)cli_has(c, OPT_REPLACE));
	word = c->word_cnt > 0 ? json_string(c->words[0]) : NULL;
	if (word)
		json_object_set_new(request, key, word);
	rc = link_offline(c, request, &reply);
	if (rc != EXIT_OK)
		return rc;
	if (is_change)
		is_heard = link_nudge(c);
	if (!cli_has(c, OPT_JSON)) {
		show_lines(stderr, json_object_get(reply, "warnings"));
		print_customers(c, reply, is_heard);
	}
	json_decref(reply);
	return rc;
}

int
cli_check(struct cli *c)
{
	json_t *reply;
	int rc = link_offline(c, json_pack("{s:s,s:s}", "command", "check", "verb", ""), &reply);

	if (rc != EXIT_OK)
		return rc;
	if (!cli_has(c, OPT_JSON)) {
		show_lines(stdout, json_object_get(reply, "warnings"));
		puts("good");
	}
	json_decref(reply);
	return rc;
}

int
cli_config(struct cli *c)
{
	json_t *request = json_pack("{s:s,s:s}", "command", "config", "verb", cli_verb(c)), *reply;
	json_t *key = c->word_cnt > 0 ? json_string(c->words[0]) : NULL;
	const char *text;
	int rc;

	if (key)
		json_object_set_new(request, "key", key);
	rc = link_offline(c, request, &reply);
	if (rc != EXIT_OK)
		return rc;
	text = json_string_value(json_object_get(reply, "text"));
	if (!cli_has(c, OPT_JSON))
		fputs(text ? text : "", stdout);
	json_decref(reply);
	return rc;
}
