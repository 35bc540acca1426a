/* SPDX-License-Identifier: BSD-3-Clause
 * mails.c - folders, lists and tables of mails
 */
#include "ctrl/cli/mails.h"
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#define DEPTH_MAX   16
#define COLUMNS_MAX 32

void
mails_fini(struct mails *m)
{
	for (size_t i = 0; i < m->cnt; i++) {
		free(m->row[i].path);
		free(m->row[i].source);
	}
	free(m->row);
	*m = (struct mails){ 0 };
}

static bool
complain(const char *path, const char *why)
{
	fprintf(stderr, "weirctl: %s: %s\n", path, why);
	return false;
}

static void
add(struct mails *m, const char *root, const char *path, const char *source, bool is_spam)
{
	char full[PATH_MAX];

	if (m->cnt == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 1024;
		m->row = realloc(m->row, m->cap * sizeof(*m->row));
		BUG_ON(!m->row);
	}
	snprintf(full, sizeof(full), "%s%s%s", root && *path != '/' ? root : "",
	         root && *path != '/' ? "/" : "", path);
	m->row[m->cnt].path = strdup(full);
	m->row[m->cnt].source = strdup(source);
	m->row[m->cnt].is_spam = is_spam;
	BUG_ON(!m->row[m->cnt].path || !m->row[m->cnt].source);
	m->cnt++;
}

static bool
add_folder(struct mails *m, const char *dir, const char *source, bool is_spam, unsigned depth)
{
	struct dirent **entry;
	int n = depth < DEPTH_MAX ? scandir(dir, &entry, NULL, alphasort) : 0;
	bool ok = n >= 0;

	if (!ok)
		complain(dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
		if (ok && entry[i]->d_name[0] != '.' && stat(path, &st) == 0) {
			if (S_ISREG(st.st_mode))
				add(m, NULL, path, source, is_spam);
			else if (S_ISDIR(st.st_mode))
				ok = add_folder(m, path, source, is_spam, depth + 1);
		}
		free(entry[i]);
	}
	if (n > 0)
		free(entry);
	return ok;
}

/* Calls each for every line of the file, without its end, until it says false. */
static bool
for_lines(const char *path, bool (*each)(void *ctx, char *line, size_t nth), void *ctx)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0, nth = 0;
	bool ok = true;
	ssize_t n;

	if (!f)
		return complain(path, strerror(errno));
	while (ok && (n = getline(&line, &cap, f)) > 0) {
		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			line[--n] = 0;
		if (strlen(line) != (size_t)n)
			ok = complain(path, "is no list of paths: it has NUL bytes");
		else
			ok = each(ctx, line, ++nth);
	}
	if (ferror(f))
		ok = complain(path, strerror(errno));
	free(line);
	fclose(f);
	return ok;
}

struct reading {
	struct mails *m;
	const char *file, *root;
	bool is_spam;
	size_t path, label, source; /* columns of a table */
};

static bool
list_line(void *ctx, char *line, size_t nth)
{
	struct reading *r = ctx;
	char *tab = strchr(line, '\t');

	(void)nth;
	if (tab)
		*tab++ = 0;
	if (*line && *line != '#')
		add(r->m, r->root, line, tab ? tab : r->file, r->is_spam);
	return true;
}

bool
mails_add(struct mails *m, const char *path, const char *root, bool is_spam)
{
	struct reading r = { .m = m, .file = path, .root = root, .is_spam = is_spam };
	size_t before = m->cnt;
	struct stat st;

	if (stat(path, &st) < 0)
		return complain(path, strerror(errno));
	if (S_ISDIR(st.st_mode) ? !add_folder(m, path, path, is_spam, 0)
	                        : !for_lines(path, list_line, &r))
		return false;
	return m->cnt > before || complain(path, "has no mail");
}

static size_t
columns(char *line, char *out[COLUMNS_MAX])
{
	size_t n = 0;

	for (char *at = line; at && n < COLUMNS_MAX; n++) {
		out[n] = at;
		at = strchr(at, '\t');
		if (at)
			*at++ = 0;
	}
	return n;
}

static bool
table_head(struct reading *r, char *column[COLUMNS_MAX], size_t cnt)
{
	r->path = r->label = r->source = COLUMNS_MAX;
	for (size_t i = 0; i < cnt; i++) {
		r->path = strcmp(column[i], "path") ? r->path : i;
		r->label = strcmp(column[i], "label") ? r->label : i;
		r->source = strcmp(column[i], "source") ? r->source : i;
	}
	if (r->path < cnt && r->label < cnt && r->source < cnt)
		return true;
	return complain(r->file, "its first line does not name the columns path, label and source");
}

static bool
table_line(void *ctx, char *line, size_t nth)
{
	struct reading *r = ctx;
	char *column[COLUMNS_MAX], why[96];
	size_t cnt = columns(line, column);
	bool is_spam;

	if (nth == 1)
		return table_head(r, column, cnt);
	if (cnt == 1 && !*line)
		return true;
	snprintf(why, sizeof(why), "line %zu: wants path, label (ham or spam) and source by tabs",
	         nth);
	if (r->path >= cnt || r->label >= cnt || r->source >= cnt)
		return complain(r->file, why);
	is_spam = !strcmp(column[r->label], "spam");
	if (!is_spam && strcmp(column[r->label], "ham") != 0)
		return complain(r->file, why);
	add(r->m, r->root, column[r->path], column[r->source], is_spam);
	return true;
}

bool
mails_add_table(struct mails *m, const char *path, const char *root)
{
	struct reading r = { .m = m, .file = path, .root = root };
	size_t before = m->cnt;

	if (!for_lines(path, table_line, &r))
		return false;
	return m->cnt > before || complain(path, "has no mail");
}

size_t
mails_sources(const struct mails *m, unsigned *out)
{
	size_t n = 0;

	for (size_t i = 0; i < m->cnt; i++) {
		size_t k = 0;

		/* Few sources, long runs: the row before first. */
		if (i > 0 && !strcmp(m->row[i].source, m->row[i - 1].source)) {
			out[i] = out[i - 1];
			continue;
		}
		while (k < i && strcmp(m->row[k].source, m->row[i].source) != 0)
			k++;
		out[i] = k < i ? out[k] : (unsigned)n++;
	}
	return n;
}
