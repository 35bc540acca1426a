/* SPDX-License-Identifier: BSD-3-Clause
 * build.c - read everything, build and prove a snapshot
 */
#include "ctrl/build.h"
#include "ctrl/files.h"
#include <time.h>

static void
read_settings_paths(struct build *b)
{
	const struct settings *s = b->settings;

	b->rule_dir_cnt = s->rules_directories.cnt;
	b->rule_dirs = s->rules_directories.item;
	b->geo = *s->geo_database ? s->geo_database : NULL;
	b->model = *s->rules_model ? s->rules_model : NULL;
	feeds_read(b);
}

static void
read_customers(struct build *b, const char *where)
{
	if (b->documents)
		customers_from_json(where, b->documents, &b->customers, b->errors);
}

int
build_read(struct build *b, const struct settings *s, const char *state_dir, struct store *store,
           struct settings_errors *errors)
{
	size_t before = errors->cnt;

	*b = (struct build){ .settings = s, .state_dir = state_dir, .errors = errors };
	if (store)
		b->documents = store_export(store, errors);
	read_customers(b, "store");
	read_settings_paths(b);
	return errors->cnt > before ? -EINVAL : 0;
}

int
build_read_changes(struct build *b, const struct settings *s, const char *state_dir,
                   struct store *store, uint64_t since, struct settings_errors *errors)
{
	size_t before = errors->cnt;
	json_t *only;

	*b = (struct build){ .settings = s, .state_dir = state_dir, .errors = errors };
	b->changes = store_changes(store, since, errors);
	if (!b->changes)
		return -EIO;
	only = json_pack("{s:O}", "customers", json_object_get(b->changes, "customers"));
	customers_from_json("store", only, &b->customers, errors);
	json_decref(only);
	return errors->cnt > before ? -EINVAL : 0;
}

/* Of saved inputs: changes.json over customers.json. */
static void
apply_changes(json_t *documents, const json_t *changes)
{
	json_t *by_id = json_object(), *all = json_array(), *item;
	const char *id;
	size_t i;

	json_array_foreach(json_object_get(changes, "removed"), i, item)
	        json_object_set_new(by_id, json_string_value(item), json_null());
	json_array_foreach(json_object_get(changes, "customers"), i, item)
	        json_object_set(by_id, json_string_value(json_object_get(item, "id")), item);
	json_array_foreach(json_object_get(documents, "customers"), i, item)
	{
		id = json_string_value(json_object_get(item, "id"));
		if (!id || !json_object_get(by_id, id))
			json_array_append(all, item);
	}
	json_object_foreach(by_id, id, item)
	{
		if (!json_is_null(item))
			json_array_append(all, item);
	}
	json_object_set_new(documents, "customers", all);
	json_decref(by_id);
}

/* "rules/0", "rules/1" … as far as they exist. */
static void
saved_rule_dirs(struct build *b, const char *dir)
{
	b->rule_dirs = arena_alloc(&b->arena, 1000 * sizeof(*b->rule_dirs));
	for (unsigned i = 0; i < 1000; i++) {
		char path[PATH_ROOM];

		path_format(path, sizeof(path), "%s/rules-%u", dir, i);
		if (access(path, F_OK) < 0)
			return;
		b->rule_dirs[b->rule_dir_cnt++] = arena_strdup(&b->arena, span_z(path));
	}
}

static const char *
saved_file(struct build *b, const char *dir, const char *name)
{
	char path[PATH_ROOM];

	path_format(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0 ? arena_strdup(&b->arena, span_z(path)) : NULL;
}

static struct span
saved_text(struct build *b, const char *path)
{
	struct span out = span("", 0);
	char *text;
	size_t len;

	if (file_read(path, FEED_BYTES_MAX, &text, &len) < 0)
		return out;
	out = span(arena_strdup(&b->arena, span(text, len)), len);
	free(text);
	return out;
}

/*
 * Feeds were saved as lists: "list-N.json" holds what a snapshot_list does, "list-N.text" the lines. False when there is
 * no list of this number; one that cannot be read has kind SNAPSHOT_LIST_KINDS. text_where is its path, the text is not read.
 */
static bool
saved_list(struct build *b, const char *dir, unsigned i, struct snapshot_list *l)
{
	char path[PATH_ROOM];
	int kind, allow, may_be_empty = 0; /* older versions saved neither this nor written_s */
	const char *name;
	json_int_t written_s = 0;
	json_t *j;

	*l = (struct snapshot_list){ .kind = SNAPSHOT_LIST_KINDS, .is_feed = true };
	path_format(path, sizeof(path), "%s/list-%u.json", dir, i);
	j = access(path, F_OK) == 0 ? json_load_file(path, 0, NULL) : NULL;
	if (!j)
		return false;
	path_format(path, sizeof(path), "%s/list-%u.text", dir, i);
	if (json_unpack(j, "{s:s,s:i,s:b,s?b,s?I}", "name", &name, "kind", &kind, "is_allow",
	                &allow, "may_be_empty", &may_be_empty, "written_s", &written_s) == 0 &&
	    kind >= 0 && kind < SNAPSHOT_LIST_KINDS) {
		l->name = span_z(arena_strdup(&b->arena, span_z(name)));
		l->kind = (enum snapshot_list_kind)kind;
		l->is_allow = allow;
		l->may_be_empty = may_be_empty;
		l->text_where = arena_strdup(&b->arena, span_z(path));
		l->written_s = written_s;
	}
	json_decref(j);
	return true;
}

static void
saved_lists(struct build *b, const char *dir)
{
	struct snapshot_list l;

	b->lists = arena_alloc(&b->arena, FEEDS_MAX * sizeof(*b->lists));
	for (unsigned i = 0; i < FEEDS_MAX && saved_list(b, dir, i, &l); i++) {
		if (l.kind == SNAPSHOT_LIST_KINDS)
			continue;
		l.text = saved_text(b, l.text_where);
		b->lists[b->list_cnt++] = l;
	}
}

bool
build_last_good(struct build *b, struct snapshot_list *l, const char *why)
{
	char dir[PATH_ROOM], where[PATH_ROOM], when[40];
	struct snapshot_list old;
	struct tm t;

	path_format(dir, sizeof(dir), "%s/snapshots/%llu", b->state_dir,
	            (unsigned long long)saved_newest(b->state_dir));
	for (unsigned i = 0; i < FEEDS_MAX && saved_list(b, dir, i, &old); i++) {
		if (old.kind != l->kind || old.is_allow != l->is_allow ||
		    !span_eq(old.name, l->name))
			continue;
		old.text = saved_text(b, old.text_where);
		if (old.text.len == 0)
			continue;
		strftime(when, sizeof(when), old.written_s ? "%Y-%m-%d %H:%M:%S UTC" : "(unknown)",
		         gmtime_r(&(time_t){ old.written_s }, &t));
		settings_error(
		        &b->warnings,
		        "%s: warning: feed %.*s: %s; its last good copy stays in use, written %s\n",
		        l->text_where, (int)l->name.len, l->name.p, why, when);
		path_format(where, sizeof(where), "%s (last good copy)", l->text_where);
		old.text_where = arena_strdup(&b->arena, span_z(where));
		*l = old;
		return true;
	}
	return false;
}

int
build_read_saved(struct build *b, const struct settings *s, uint64_t generation,
                 struct settings_errors *errors)
{
	char dir[PATH_ROOM], path[PATH_ROOM + 32];
	size_t before = errors->cnt;

	*b = (struct build){ .settings = s, .state_dir = s->node_state_dir, .errors = errors };
	path_format(dir, sizeof(dir), "%s/snapshots/%llu", s->node_state_dir,
	            (unsigned long long)generation);
	path_format(path, sizeof(path), "%s/customers.json", dir);
	b->documents = customers_load(path, errors);
	path_format(path, sizeof(path), "%s/changes.json", dir);
	if (b->documents && access(path, F_OK) == 0) {
		json_t *changes = customers_load(path, errors);

		apply_changes(b->documents, changes);
		json_decref(changes);
	}
	read_customers(b, path);
	saved_rule_dirs(b, dir);
	saved_lists(b, dir);
	b->geo = saved_file(b, dir, "geo.mmdb");
	b->model = saved_file(b, dir, "model");
	return errors->cnt > before ? -EINVAL : 0;
}

static void
take_errors(struct build *b, const struct snapshot_errors *from)
{
	for (size_t i = 0; i < from->cnt; i++) {
		char text[640];

		snapshot_error_format(&from->item[i], text, sizeof(text));
		settings_error(from->item[i].is_warning ? &b->warnings : b->errors, "%s\n", text);
	}
	if (from->error_cnt + from->warning_cnt > from->cnt)
		settings_error(b->errors, "and %zu more\n",
		               from->error_cnt + from->warning_cnt - from->cnt);
}

/* Of feeds in which no line can be used: true when some have a last good copy, so that another build is worth it. */
static bool
replace_broken_feeds(struct build *b, const struct snapshot_errors *errors)
{
	bool is_other = false;

	for (size_t i = 0; i < errors->cnt; i++) {
		const struct snapshot_error *e = &errors->item[i];

		if (e->feed > 0)
			is_other |= build_last_good(b, &b->lists[e->feed - 1], e->text);
	}
	return is_other;
}

int
build_make(struct build *b, uint64_t generation, const struct snapshot *prev)
{
	char cache[PATH_ROOM];
	struct snapshot_errors errors = { 0 };
	struct snapshot_input in = {
		.generation = generation,
		.prev = prev,
		.rule_dirs = b->rule_dirs,
		.rule_dir_cnt = b->rule_dir_cnt,
		.lists = b->lists,
		.list_cnt = b->list_cnt,
		.geo_path = b->geo,
		.model_path = b->model,
		.cache_dir = cache,
		.customers = b->customers.item,
		.customer_cnt = b->customers.cnt,
	};

	path_format(cache, sizeof(cache), "%s/cache", b->state_dir);
	if (access(cache, W_OK) < 0)
		in.cache_dir = NULL;
	b->snapshot = snapshot_build(&in, &errors);
	if (!b->snapshot && replace_broken_feeds(b, &errors)) {
		snapshot_errors_fini(&errors);
		errors = (struct snapshot_errors){ 0 };
		b->snapshot = snapshot_build(&in, &errors);
	}
	take_errors(b, &errors);
	snapshot_errors_fini(&errors);
	return b->snapshot ? 0 : -EINVAL;
}

int
build_make_change(struct build *b, uint64_t generation, const struct snapshot *prev)
{
	json_t *gone = json_object_get(b->changes, "removed");
	struct span *removed = calloc(json_array_size(gone) + 1, sizeof(*removed));
	struct snapshot_change in = { .generation = generation,
		                      .prev = prev,
		                      .customers = b->customers.item,
		                      .customer_cnt = b->customers.cnt,
		                      .removed = removed,
		                      .removed_cnt = json_array_size(gone) };
	struct snapshot_errors errors = { 0 };
	int ret = 0;

	BUG_ON(!removed);
	for (size_t i = 0; i < in.removed_cnt; i++)
		removed[i] = span_z(json_string_value(json_array_get(gone, i)));
	b->snapshot = snapshot_change(&in, &errors);
	if (!b->snapshot)
		ret = errors.error_cnt > 0 ? -EINVAL : -EAGAIN;
	take_errors(b, &errors);
	snapshot_errors_fini(&errors);
	free(removed);
	return ret;
}

struct snapshot *
build_take(struct build *b)
{
	struct snapshot *s = b->snapshot;

	b->snapshot = NULL;
	return s;
}

void
build_fini(struct build *b)
{
	snapshot_free(b->snapshot);
	json_decref(b->documents);
	json_decref(b->changes);
	customers_fini(&b->customers);
	settings_errors_fini(&b->warnings);
	arena_fini(&b->arena);
	memset(b, 0, sizeof(*b));
}
