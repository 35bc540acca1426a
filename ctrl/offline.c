/* SPDX-License-Identifier: BSD-3-Clause
 * offline.c - weirctl's commands that need no daemon: check, customers, the configuration's reference
 */
#include "ctrl/customers.h"
#include "ctrl/ctrl.h"
#include "ctrl/files.h"
#include "ctrl/protocol.h"
#include "ctrl/store.h"
#include <sys/stat.h>

struct job {
	const json_t *request;
	struct settings settings;
	bool has_settings;
	struct store *store;
	struct settings_errors errors, warnings;
	json_t *reply; /* what the command adds to it */
};

static const char *
text_of(const struct job *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j->request, key));

	return s ? s : "";
}

/* Both folder and file belong to whom the folder belongs, so that root's import leaves a store that the daemon can use. */
static void
give_to_owner_of_folder(const char *path, const char *dir)
{
	struct stat st;

	if (geteuid() == 0 && stat(dir, &st) == 0 && lchown(path, st.st_uid, st.st_gid) < 0)
		fprintf(stderr, "weirctl: %s: %s\n", path, strerror(errno));
}

static int
open_store(struct job *j)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	char path[PATH_ROOM];
	int ret;

	settings_store_path(&j->settings, path);
	ret = dir_make(j->settings.node_state_dir);
	if (ret < 0) {
		settings_error(&j->errors, "%s: %s\n", j->settings.node_state_dir, strerror(-ret));
		return ret;
	}
	ret = store_open(path, &j->store, &j->errors);
	for (size_t i = 0; i < ARRAY_LEN(tails) && ret == 0; i++) {
		char file[PATH_ROOM + 8];

		path_format(file, sizeof(file), "%s%s", path, tails[i]);
		if (access(file, F_OK) == 0)
			give_to_owner_of_folder(file, j->settings.node_state_dir);
	}
	return ret;
}

/* Patterns of customers' own rules, domains, lists: what only a build can tell. */
static int
prove(struct job *j, const struct customers *c)
{
	struct snapshot_errors errors = { 0 };
	struct snapshot_input in = {
		.generation = 1, .customers = c->item, .customer_cnt = c->cnt, .no_probes = true
	};
	struct snapshot *s = snapshot_build(&in, &errors);
	int ret = s ? 0 : -EINVAL;

	for (size_t i = 0; i < errors.cnt; i++) {
		char text[640];

		snapshot_error_format(&errors.item[i], text, sizeof(text));
		settings_error(errors.item[i].is_warning ? &j->warnings : &j->errors, "%s\n", text);
	}
	snapshot_errors_fini(&errors);
	snapshot_free(s);
	return ret;
}

static int
customer_import(struct job *j)
{
	bool replace = json_is_true(json_object_get(j->request, "replace"));
	json_t *root = customers_load(text_of(j, "file"), &j->errors);
	struct customers c = { 0 };
	uint64_t generation = 0;
	int ret = root ? 0 : -EINVAL;

	if (ret == 0)
		ret = customers_from_json(text_of(j, "file"), root, &c, &j->errors);
	if (ret == 0)
		ret = prove(j, &c);
	if (ret == 0)
		ret = open_store(j);
	if (ret == 0)
		ret = store_import(j->store, root, replace, &j->errors);
	if (ret == 0)
		ret = store_generation(j->store, &generation);
	if (ret == 0)
		json_object_update_new(j->reply,
		                       json_pack("{s:I,s:I}", "customers", (json_int_t)c.cnt,
		                                 "store_generation", (json_int_t)generation));
	customers_fini(&c);
	json_decref(root);
	return ret;
}

static int
customer_export(struct job *j)
{
	int ret = open_store(j);
	json_t *all = ret == 0 ? store_export(j->store, &j->errors) : NULL;

	if (!all)
		return ret < 0 ? ret : -EIO;
	json_object_set_new(j->reply, "customers", json_incref(json_object_get(all, "customers")));
	json_decref(all);
	return 0;
}

static int
customer_list(struct job *j)
{
	json_t *rows = json_array(), *c;
	size_t i;
	int ret = customer_export(j);

	json_array_foreach(json_object_get(j->reply, "customers"), i, c)
	{
		const json_t *mailboxes = json_object_get(c, "mailboxes");
		const char *mode = json_string_value(json_object_get(mailboxes, "mode"));

		json_array_append_new(
		        rows, json_pack("{s:O,s:O,s:i,s:s,s:i}", "id", json_object_get(c, "id"),
		                        "domains", json_object_get(c, "domains"), "servers",
		                        (int)json_array_size(json_object_get(
		                                json_object_get(c, "route"), "servers")),
		                        "mailboxes", mode ? mode : "any", "rules",
		                        (int)json_array_size(json_object_get(c, "rules"))));
	}
	json_object_set_new(j->reply, "customers", rows);
	return ret;
}

static int
customer_show(struct job *j)
{
	json_t *c, *found = NULL;
	size_t i;
	int ret = customer_export(j);

	json_array_foreach(json_object_get(j->reply, "customers"), i, c)
	{
		const char *id = json_string_value(json_object_get(c, "id"));

		if (id && !strcmp(id, text_of(j, "id")))
			found = json_incref(c);
	}
	json_object_del(j->reply, "customers");
	if (ret < 0)
		return ret;
	if (!found) {
		settings_error(&j->errors, "there is no customer %.100s\n", text_of(j, "id"));
		return -ENOENT;
	}
	json_object_set_new(j->reply, "customer", found);
	return 0;
}

static int
customer_del(struct job *j)
{
	int ret = open_store(j);

	return ret < 0 ? ret : store_delete(j->store, text_of(j, "id"), &j->errors);
}

static int
check(struct job *j)
{
	char *text = NULL, *save = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int ret;

	BUG_ON(!f);
	ret = ctrl_check(&j->settings, f);
	fclose(f);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		settings_error(ret < 0 ? &j->errors : &j->warnings, "%s\n", l);
	free(text);
	return ret;
}

static int
into_text(struct job *j, bool (*fn)(FILE *, const char *), const char *arg)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	bool ok;

	BUG_ON(!f);
	ok = fn(f, arg);
	fclose(f);
	if (ok)
		json_object_set_new(j->reply, "text", json_string(text));
	else
		settings_error(&j->errors, "%s", text);
	free(text);
	return ok ? 0 : -ENOENT;
}

static bool
reference(FILE *f, const char *unused)
{
	(void)unused;
	settings_reference(f);
	return true;
}

static int
config_reference(struct job *j)
{
	return into_text(j, reference, NULL);
}

static int
config_explain(struct job *j)
{
	return into_text(j, settings_explain, text_of(j, "key"));
}

/* clang-format off */
static const struct {
	const char *command, *verb;
	bool needs_settings;
	int (*run)(struct job *j);
} jobs[] = {
	{ "check",    "",          true,  check },
	{ "customer", "import",    true,  customer_import },
	{ "customer", "export",    true,  customer_export },
	{ "customer", "list",      true,  customer_list },
	{ "customer", "show",      true,  customer_show },
	{ "customer", "del",       true,  customer_del },
	{ "config",   "reference", false, config_reference },
	{ "config",   "explain",   false, config_explain },
};
/* clang-format on */

static json_t *
array_of(const struct settings_errors *e)
{
	json_t *a = json_array();

	for (size_t i = 0; i < e->cnt; i++) {
		size_t n = strlen(e->item[i]);
		json_t *s;

		while (n > 0 && e->item[i][n - 1] == '\n')
			n--;
		s = json_stringn(e->item[i], n);
		json_array_append_new(a, s ? s : json_string("(text is no UTF-8)"));
	}
	return a;
}

static int
run(struct job *j, const char *config_path)
{
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		if (strcmp(jobs[i].command, text_of(j, "command")) ||
		    strcmp(jobs[i].verb, text_of(j, "verb")))
			continue;
		if (jobs[i].needs_settings) {
			int ret = settings_load(config_path, &j->settings, &j->errors);

			if (ret < 0)
				return ret;
			j->has_settings = true;
		}
		return jobs[i].run(j);
	}
	settings_error(&j->errors, "no such command\n");
	return -ENOENT;
}

json_t *
offline_run(const char *config_path, const json_t *request)
{
	struct job j = { .request = request, .reply = json_object() };
	int ret = run(&j, config_path);

	json_object_set_new(j.reply, "ok", json_boolean(ret == 0));
	json_object_set_new(j.reply, "errors", array_of(&j.errors));
	json_object_set_new(j.reply, "warnings", array_of(&j.warnings));
	store_close(j.store);
	if (j.has_settings)
		settings_fini(&j.settings);
	settings_errors_fini(&j.errors);
	settings_errors_fini(&j.warnings);
	return j.reply;
}

bool
offline_socket_path(const char *config_path, char out[108])
{
	struct settings_errors e = { 0 };
	struct settings s;
	int ret = settings_load(config_path, &s, &e);

	settings_errors_fini(&e);
	if (ret < 0)
		return false;
	snprintf(out, 108, "%s", s.node_control_socket);
	settings_fini(&s);
	return true;
}

struct offline_customers {
	struct customers c;
};

struct offline_customers *
offline_customers_load(const char *path, const struct snapshot_customer **item, size_t *cnt)
{
	struct offline_customers *o = calloc(1, sizeof(*o));
	struct settings_errors e = { 0 };
	json_t *root = customers_load(path, &e);
	int ret = root ? customers_from_json(path, root, &o->c, &e) : -EINVAL;

	json_decref(root);
	for (size_t i = 0; i < e.cnt; i++)
		fputs(e.item[i], stderr);
	settings_errors_fini(&e);
	if (ret < 0) {
		free(o);
		return NULL;
	}
	*item = o->c.item;
	*cnt = o->c.cnt;
	return o;
}

void
offline_customers_free(struct offline_customers *o)
{
	if (!o)
		return;
	customers_fini(&o->c);
	free(o);
}
