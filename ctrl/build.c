/* SPDX-License-Identifier: BSD-3-Clause
 * build.c - read everything, build and prove a snapshot
 */
#include "ctrl/build.h"
#include "ctrl/files.h"

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

/* Feeds were saved as lists: "list-N.json" holds name, kind, is_allow, "list-N.text" the lines. */
static void
saved_lists(struct build *b, const char *dir)
{
	b->lists = arena_alloc(&b->arena, FEEDS_MAX * sizeof(*b->lists));
	for (unsigned i = 0; i < FEEDS_MAX; i++) {
		char path[PATH_ROOM];
		json_t *j;
		struct snapshot_list *l = &b->lists[b->list_cnt];
		int kind, allow;
		const char *name;

		path_format(path, sizeof(path), "%s/list-%u.json", dir, i);
		j = access(path, F_OK) == 0 ? json_load_file(path, 0, NULL) : NULL;
		if (!j)
			return;
		path_format(path, sizeof(path), "%s/list-%u.text", dir, i);
		if (json_unpack(j, "{s:s,s:i,s:b}", "name", &name, "kind", &kind, "is_allow",
		                &allow) == 0 &&
		    kind >= 0 && kind < SNAPSHOT_LIST_KINDS) {
			l->name = span_z(arena_strdup(&b->arena, span_z(name)));
			l->kind = (enum snapshot_list_kind)kind;
			l->is_allow = allow;
			l->is_feed = true;
			l->text = saved_text(b, path);
			l->text_where = arena_strdup(&b->arena, span_z(path));
			b->list_cnt++;
		}
		json_decref(j);
	}
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
	take_errors(b, &errors);
	snapshot_errors_fini(&errors);
	return b->snapshot ? 0 : -EINVAL;
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
	customers_fini(&b->customers);
	settings_errors_fini(&b->warnings);
	arena_fini(&b->arena);
	memset(b, 0, sizeof(*b));
}
