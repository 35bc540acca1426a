/* SPDX-License-Identifier: BSD-3-Clause
 * store.c - the SQLite driver
 */
#include "ctrl/store.h"
#include "ctrl/schema.h"
#include <sqlite3.h>

struct store {
	sqlite3 *db;
	char *path;
	int64_t data_version;
};

static int
failed(struct store *s, const char *what, struct settings_errors *errors)
{
	int code = sqlite3_extended_errcode(s->db);

	settings_error(errors, "%s: error: %s: %s\n", s->path, what, sqlite3_errmsg(s->db));
	return (code & 0xff) == SQLITE_CONSTRAINT ? -EEXIST
	       : (code & 0xff) == SQLITE_BUSY     ? -EBUSY
	                                          : -EIO;
}

static int
run(struct store *s, const char *sql, struct settings_errors *errors)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return failed(s, sql, errors);
	return 0;
}

static int
number(struct store *s, const char *sql, int64_t *out)
{
	sqlite3_stmt *st;
	int ret = -EIO;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return -EIO;
	if (sqlite3_step(st) == SQLITE_ROW) {
		*out = sqlite3_column_int64(st, 0);
		ret = 0;
	}
	sqlite3_finalize(st);
	return ret;
}

static int
migrate(struct store *s, struct settings_errors *errors)
{
	int64_t at;
	int ret = number(s, "PRAGMA user_version", &at);

	if (ret < 0)
		return failed(s, "cannot be read", errors);
	if (at > (int64_t)schema_cnt) {
		settings_error(errors, "%s: error: made by a newer weir (schema %lld, known %zu)\n",
		               s->path, (long long)at, schema_cnt);
		return -EINVAL;
	}
	for (; at < (int64_t)schema_cnt && ret == 0; at++) {
		char *sql;

		BUG_ON(asprintf(&sql, "BEGIN IMMEDIATE; %s; PRAGMA user_version = %lld; COMMIT",
		                schema_sql[at], (long long)at + 1) < 0);
		ret = run(s, sql, errors);
		free(sql);
	}
	return ret;
}

int
store_open(const char *path, struct store **out, struct settings_errors *errors)
{
	struct store *s = calloc(1, sizeof(*s));
	int ret;

	BUG_ON(!s);
	s->path = strdup(path);
	BUG_ON(!s->path);
	if (sqlite3_open(path, &s->db) != SQLITE_OK) {
		ret = failed(s, "cannot be opened", errors);
		goto err;
	}
	sqlite3_busy_timeout(s->db, 5000);
	ret = run(s,
	          "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL",
	          errors);
	if (ret == 0)
		ret = migrate(s, errors);
	if (ret < 0)
		goto err;
	store_has_changed(s);
	*out = s;
	return 0;
err:
	store_close(s);
	return ret;
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

int
store_generation(struct store *s, uint64_t *out)
{
	int64_t n = 0;
	int ret = number(s, "SELECT number FROM generation", &n);

	*out = (uint64_t)n;
	return ret;
}

bool
store_has_changed(struct store *s)
{
	int64_t v = 0;

	if (number(s, "PRAGMA data_version", &v) < 0 || v == s->data_version)
		return false;
	s->data_version = v;
	return true;
}

/* One statement with up to three text parameters. */
static int
change(struct store *s, const char *sql, const char *a, const char *b, const char *c,
       struct settings_errors *errors)
{
	const char *args[] = { a, b, c };
	sqlite3_stmt *st;
	int ret = 0;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return failed(s, sql, errors);
	for (int i = 0; i < 3 && args[i]; i++)
		sqlite3_bind_text(st, i + 1, args[i], -1, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		ret = failed(s, a ? a : sql, errors);
	sqlite3_finalize(st);
	return ret;
}

static void
lower(const char *in, char *out, size_t cap)
{
	size_t n = 0;

	for (; *in && n + 1 < cap; in++)
		out[n++] = ascii_lower(*in);
	out[n] = 0;
}

static int
put_domains(struct store *s, const char *id, const json_t *domains, struct settings_errors *errors)
{
	for (size_t i = 0; i < json_array_size(domains); i++) {
		char name[SMTP_DOMAIN_MAX + 1];
		int ret;

		lower(json_string_value(json_array_get(domains, i)), name, sizeof(name));
		ret = change(s, "INSERT INTO domain (name, customer) VALUES (?, ?)", name, id, NULL,
		             errors);
		if (ret == -EEXIST)
			settings_error(
			        errors,
			        "customer %s: domain %s is another customer's, or given twice\n",
			        id, name);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
put_customer(struct store *s, const json_t *c, struct settings_errors *errors)
{
	const char *id = json_string_value(json_object_get(c, "id"));
	char *document = json_dumps(c, JSON_COMPACT | JSON_SORT_KEYS);
	int ret;

	BUG_ON(!document || !id);
	ret = change(s, "DELETE FROM customer WHERE id = ?", id, NULL, NULL, errors);
	if (ret == 0)
		ret = change(s,
		             "INSERT INTO customer (id, document, generation) SELECT ?, ?, number "
		             "FROM generation",
		             id, document, NULL, errors);
	if (ret == 0)
		ret = put_domains(s, id, json_object_get(c, "domains"), errors);
	free(document);
	return ret;
}

/* Ends a transaction: COMMIT when ret is 0, else ROLLBACK. */
static int
finish(struct store *s, int ret, struct settings_errors *errors)
{
	if (ret == 0)
		ret = run(s, "COMMIT", errors);
	if (ret < 0)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return ret;
}

static int
begin(struct store *s, const char *what, struct settings_errors *errors)
{
	int ret = run(s, "BEGIN IMMEDIATE", errors);

	if (ret < 0)
		return ret;
	ret = run(s, "UPDATE generation SET number = number + 1", errors);
	if (ret == 0)
		ret = change(
		        s, "INSERT INTO audit (generation, what) SELECT number, ? FROM generation",
		        what, NULL, NULL, errors);
	return ret;
}

int
store_import(struct store *s, const json_t *root, bool replace, struct settings_errors *errors)
{
	const json_t *all = json_object_get(root, "customers");
	int ret = begin(s, replace ? "customer import --replace" : "customer import", errors);

	if (ret == 0 && replace)
		ret = run(s, "DELETE FROM customer", errors);
	for (size_t i = 0; i < json_array_size(all) && ret == 0; i++)
		ret = put_customer(s, json_array_get(all, i), errors);
	return finish(s, ret, errors);
}

static json_t *
document_of(const char *text)
{
	return json_loads(text, 0, NULL);
}

static json_t *
id_of(const char *text)
{
	return json_string(text);
}

/* The first column of each row, which make() turns into JSON; the query's one parameter is since. NULL on failure. */
static json_t *
column(struct store *s, const char *sql, uint64_t since, json_t *(*make)(const char *text),
       struct settings_errors *errors)
{
	json_t *all = json_array();
	sqlite3_stmt *st;
	int step;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK) {
		failed(s, "cannot be read", errors);
		json_decref(all);
		return NULL;
	}
	sqlite3_bind_int64(st, 1, (sqlite3_int64)since);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		json_t *c = make((const char *)sqlite3_column_text(st, 0));

		if (c)
			json_array_append_new(all, c);
		else
			settings_error(errors, "%s: error: a customer's document is damaged\n",
			               s->path);
	}
	sqlite3_finalize(st);
	if (step == SQLITE_DONE)
		return all;
	failed(s, "cannot be read", errors);
	json_decref(all);
	return NULL;
}

json_t *
store_export(struct store *s, struct settings_errors *errors)
{
	json_t *all = column(s, "SELECT document FROM customer WHERE generation >= ? ORDER BY id",
	                     0, document_of, errors);

	return all ? json_pack("{s:o}", "customers", all) : NULL;
}

json_t *
store_changes(struct store *s, uint64_t since, struct settings_errors *errors)
{
	json_t *changed, *removed = NULL;
	int ret = run(s, "BEGIN", errors); /* both of the same moment */

	if (ret < 0)
		return NULL;
	changed = column(s, "SELECT document FROM customer WHERE generation > ? ORDER BY id", since,
	                 document_of, errors);
	if (changed)
		removed = column(s, "SELECT id FROM removed WHERE generation > ? ORDER BY id",
		                 since, id_of, errors);
	finish(s, removed ? 0 : -EIO, errors);
	if (removed)
		return json_pack("{s:o,s:o}", "customers", changed, "removed", removed);
	json_decref(changed);
	return NULL;
}

int
store_delete(struct store *s, const char *id, struct settings_errors *errors)
{
	int ret = begin(s, "customer del", errors);

	if (ret == 0)
		ret = change(s, "DELETE FROM customer WHERE id = ?", id, NULL, NULL, errors);
	if (ret == 0 && sqlite3_changes(s->db) == 0) {
		settings_error(errors, "there is no customer %s\n", id);
		ret = -ENOENT;
	}
	return finish(s, ret, errors);
}
