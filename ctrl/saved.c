/* SPDX-License-Identifier: BSD-3-Clause
 * saved.c - the inputs of a generation on disk: state_dir/snapshots/G/{customers.json, rules-N/, list-N.json,
 *           list-N.text, geo.mmdb, model}
 *
 * A folder is written as .new-G, synced file by file, and renamed; so a folder named by a number is whole. Files that did not
 * change since the last generation are links to its copies.
 */
#include "ctrl/build.h"
#include "ctrl/files.h"
#include <dirent.h>
#include <sys/stat.h>

struct saver {
	char dir[PATH_ROOM - 300];  /* .new-G */
	char twin[PATH_ROOM - 300]; /* the folder of the generation before, "" when there is none */
	int ret;                    /* the first error */
};

static void
note(struct saver *v, int ret)
{
	if (v->ret == 0)
		v->ret = ret;
}

static void
save_copy(struct saver *v, const char *src, const char *name)
{
	char dst[PATH_ROOM], twin[PATH_ROOM];

	path_format(dst, sizeof(dst), "%s/%s", v->dir, name);
	path_format(twin, sizeof(twin), "%s/%s", v->twin, name);
	note(v, file_copy(src, dst, *v->twin ? twin : NULL));
}

static bool
is_rule_file(const char *name)
{
	size_t n = strlen(name);

	return *name != '.' && n < 200 &&
	       ((n > 6 && !strcmp(name + n - 6, ".rules")) ||
	        (n > 5 && !strcmp(name + n - 5, ".list")));
}

static void
save_rule_dir(struct saver *v, const char *src, size_t number)
{
	char dst[PATH_ROOM];
	DIR *d = opendir(src);
	struct dirent *e;

	path_format(dst, sizeof(dst), "%s/rules-%zu", v->dir, number);
	if (!d) {
		note(v, -errno);
		return;
	}
	note(v, dir_make(dst));
	while ((e = readdir(d))) {
		char from[PATH_ROOM], name[300];

		if (!is_rule_file(e->d_name))
			continue;
		path_format(name, sizeof(name), "rules-%zu/%.200s", number, e->d_name);
		if (path_format(from, sizeof(from), "%s/%s", src, e->d_name))
			save_copy(v, from, name);
	}
	closedir(d);
	note(v, dir_sync(dst));
}

static void
save_text(struct saver *v, const char *name, struct span text)
{
	char path[PATH_ROOM];

	path_format(path, sizeof(path), "%s/%s", v->dir, name);
	note(v, file_replace(path, text));
}

/* Takes j; NULL is a text that is no UTF-8. */
static void
save_json(struct saver *v, const char *name, json_t *j)
{
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	if (text)
		save_text(v, name, span_z(text));
	else
		note(v, -EILSEQ);
	free(text);
}

static void
save_inputs(struct saver *v, const struct build *b)
{
	save_json(v, "customers.json",
	          b->documents ? json_incref(b->documents) : json_pack("{s:[]}", "customers"));
	for (size_t i = 0; i < b->rule_dir_cnt; i++)
		save_rule_dir(v, b->rule_dirs[i], i);
	for (size_t i = 0; i < b->list_cnt; i++) {
		const struct snapshot_list *l = &b->lists[i];
		char name[40];

		path_format(name, sizeof(name), "list-%zu.text", i); /* whatever bytes it has */
		save_text(v, name, l->text);
		path_format(name, sizeof(name), "list-%zu.json", i);
		save_json(v, name,
		          json_pack("{s:s%,s:i,s:b,s:b,s:I}", "name", l->name.p, l->name.len,
		                    "kind", (int)l->kind, "is_allow", l->is_allow, "may_be_empty",
		                    l->may_be_empty, "written_s", (json_int_t)l->written_s));
	}
	if (b->geo)
		save_copy(v, b->geo, "geo.mmdb");
	if (b->model)
		save_copy(v, b->model, "model");
}

/* Generation of a folder's name; 0 when it is none. */
static uint64_t
number_of(const char *name)
{
	char *end;
	uint64_t n = strtoull(name, &end, 10);

	return *name >= '1' && *name <= '9' && !*end ? n : 0;
}

/* The newest below `limit`. */
static uint64_t
newest_below(const char *dir, uint64_t limit)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	uint64_t best = 0;

	while (d && (e = readdir(d))) {
		uint64_t n = number_of(e->d_name);

		if (n > best && n < limit)
			best = n;
	}
	if (d)
		closedir(d);
	return best;
}

uint64_t
saved_newest(const char *state_dir)
{
	char dir[PATH_ROOM];

	path_format(dir, sizeof(dir), "%s/snapshots", state_dir);
	return newest_below(dir, UINT64_MAX);
}

/* All but the last SAVED_KEPT, and what a crash left half written. */
static void
prune(const char *dir)
{
	uint64_t floor = UINT64_MAX;
	DIR *d;
	struct dirent *e;

	for (int i = 0; i < SAVED_KEPT; i++)
		floor = newest_below(dir, floor);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		char path[PATH_ROOM];
		uint64_t n = number_of(e->d_name);

		if (!(n > 0 && n < floor) && strncmp(e->d_name, ".new-", 5))
			continue;
		if (path_format(path, sizeof(path), "%s/%s", dir, e->d_name))
			dir_remove(path);
	}
	if (d)
		closedir(d);
}

/* A folder ".new-G" is begun; the one before is in v->twin. */
static void
begin_saving(struct saver *v, const struct build *b, uint64_t generation, char dir[PATH_ROOM - 400])
{
	uint64_t before;

	path_format(dir, PATH_ROOM - 400, "%s/snapshots", b->state_dir);
	note(v, dir_make(dir));
	path_format(v->dir, sizeof(v->dir), "%s/.new-%llu", dir, (unsigned long long)generation);
	before = newest_below(dir, generation);
	if (before)
		path_format(v->twin, sizeof(v->twin), "%s/%llu", dir, (unsigned long long)before);
	dir_remove(v->dir);
	note(v, dir_make(v->dir));
}

/* It is whole: synced, and then called by its number. */
static void
end_saving(struct saver *v, const char *dir, uint64_t generation)
{
	char final[PATH_ROOM];

	path_format(final, sizeof(final), "%s/%llu", dir, (unsigned long long)generation);
	if (v->ret == 0)
		note(v, dir_sync(v->dir));
	if (v->ret == 0 && rename(v->dir, final) < 0)
		note(v, -errno);
	if (v->ret == 0)
		note(v, dir_sync(dir));
	prune(dir);
}

int
build_save(const struct build *b, uint64_t generation)
{
	char dir[PATH_ROOM - 400];
	struct saver v = { .ret = 0 };

	begin_saving(&v, b, generation, dir);
	if (v.ret == 0)
		save_inputs(&v, b);
	end_saving(&v, dir, generation);
	return v.ret;
}

/* Asked of the file itself: not every file system names the kind with the entry (DT_UNKNOWN). */
static bool
is_dir(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Links to all files of a saved folder and of those in it. */
static void
link_all(struct saver *v, const char *from, const char *to)
{
	DIR *d = opendir(from);
	struct dirent *e;

	if (!d)
		note(v, -errno);
	while (d && (e = readdir(d))) {
		char src[PATH_ROOM], dst[PATH_ROOM];

		if (*e->d_name == '.' || !strcmp(e->d_name, "changes.json") ||
		    !path_format(src, sizeof(src), "%s/%s", from, e->d_name) ||
		    !path_format(dst, sizeof(dst), "%s/%s", to, e->d_name))
			continue;
		if (is_dir(src)) {
			note(v, dir_make(dst));
			link_all(v, src, dst);
			note(v, dir_sync(dst));
		} else if (link(src, dst) < 0) {
			note(v, -errno);
		}
	}
	if (d)
		closedir(d);
}

int
build_save_change(const struct build *b, uint64_t generation)
{
	char dir[PATH_ROOM - 400];
	struct saver v = { .ret = 0 };

	begin_saving(&v, b, generation, dir);
	if (v.ret == 0 && !*v.twin)
		note(&v, -ENOENT);
	if (v.ret == 0)
		link_all(&v, v.twin, v.dir);
	if (v.ret == 0)
		save_json(&v, "changes.json", json_incref(b->changes));
	end_saving(&v, dir, generation);
	return v.ret;
}
