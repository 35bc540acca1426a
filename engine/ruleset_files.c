/* SPDX-License-Identifier: BSD-3-Clause
 * ruleset_files.c - folders and files of rules and lists
 */
#include "engine/ruleset_internal.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
ends(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len > n && !memcmp(s.p + s.len - n, z, n);
}

static int
is_rule_file(const struct dirent *d)
{
	struct span s = span_z(d->d_name);

	return s.p[0] != '.' && (ends(s, ".rules") || ends(s, ".list") || ends(s, ".cf"));
}

bool
ruleset_read_file(const char *path, struct span *out, struct snapshot_errors *e)
{
	struct error_at at = { path, 0, 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *p = NULL;

	if (fd < 0 || fstat(fd, &st) != 0) {
		error_add(e, at, "%s", strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES) {
		error_add(e, at, "not a file of at most %u MB", FILE_MAX_BYTES >> 20);
	} else if ((p = malloc((size_t)st.st_size + 1))) {
		ssize_t n = read(fd, p, (size_t)st.st_size);

		*out = span(p, n < 0 ? 0 : (size_t)n);
		if (n != st.st_size) {
			error_add(e, at, "read: %s", n < 0 ? strerror(errno) : "changed meanwhile");
			free(p);
			p = NULL;
		}
	}
	if (fd >= 0)
		close(fd);
	return p != NULL;
}

static void
parse_file(struct ruleset *s, const char *path, struct snapshot_errors *e)
{
	struct span text;

	if (!ruleset_read_file(path, &text, e))
		return;
	if (strlen(path) > 5 && !strcmp(path + strlen(path) - 5, ".list"))
		ruleset_parse_list(s, path, text, e);
	else
		ruleset_parse_rules(s, path, text, e);
	free((void *)(uintptr_t)text.p);
}

void
ruleset_read_dir(struct ruleset *s, const char *dir, struct snapshot_errors *e)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_rule_file, alphasort);

	if (n < 0) {
		error_add(e, (struct error_at){ dir, 0, 0 }, "%s", strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		parse_file(s, path, e);
		free(names[i]);
	}
	free(names);
}

void
ruleset_add_list(struct ruleset *s, const struct snapshot_list *l, uint32_t number,
                 struct snapshot_errors *e)
{
	struct error_at at = { l->path ? l->path : l->text_where, 0, 0 };
	struct span text = l->text;
	uint32_t file = ruleset_add_file(s, at.file ? at.file : "list"), rule;
	struct rule_list *added;

	rule = ruleset_add_rule(s, l->name, RULE_LIST, at, file, e);
	if (rule == RULE_NONE || (l->path && !ruleset_read_file(l->path, &text, e)))
		return;
	s->rules[rule].is_allow = l->is_allow;
	s->rules[rule].score_milli = l->score_milli;
	s->rules[rule].has_score = l->score_milli != 0;
	ruleset_finish_list(s, rule, l->kind, text);
	added = &s->lists[s->list_cnt - 1];
	added->is_feed = l->is_feed;
	added->may_be_empty = l->may_be_empty;
	added->feed = number;
	added->written_s = l->written_s;
	if (l->path)
		free((void *)(uintptr_t)text.p);
}
