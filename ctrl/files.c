/* SPDX-License-Identifier: BSD-3-Clause
 * files.c - durable files and folders
 */
#include "ctrl/files.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

bool
path_format(char *out, size_t cap, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(out, cap, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < cap)
		return true;
	*out = 0;
	return false;
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int
dir_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int
sync_parent(const char *path)
{
	char dir[PATH_ROOM];
	char *slash;

	path_format(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash)
		return dir_sync(".");
	*slash = 0;
	return dir_sync(*dir ? dir : "/");
}

int
file_replace(const char *path, struct span text)
{
	char aside[PATH_ROOM];
	int fd, ret;

	if (!path_format(aside, sizeof(aside), "%s.new", path))
		return -ENAMETOOLONG;
	fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, text.p, text.len);
	if (ret == 0 && fsync(fd) < 0)
		ret = -errno;
	close(fd);
	if (ret == 0 && rename(aside, path) < 0)
		ret = -errno;
	if (ret < 0) {
		unlink(aside);
		return ret;
	}
	return sync_parent(path);
}

int
dir_make(const char *path)
{
	char dir[PATH_ROOM];

	if (!path_format(dir, sizeof(dir), "%s", path))
		return -ENAMETOOLONG;
	for (char *p = dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(dir, 0750) < 0 && errno != EEXIST ? -errno : 0;
}

int
dir_make_for(const char *path)
{
	char dir[PATH_ROOM];
	char *slash;

	if (!path_format(dir, sizeof(dir), "%s", path))
		return -ENAMETOOLONG;
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = 0;
	return access(dir, F_OK) == 0 ? 0 : dir_make(dir);
}

int
dir_remove(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d)
		return errno == ENOENT ? 0 : errno == ENOTDIR && unlink(path) == 0 ? 0 : -errno;
	while ((e = readdir(d))) {
		char sub[PATH_ROOM];

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (!path_format(sub, sizeof(sub), "%s/%s", path, e->d_name))
			continue;
		if (unlink(sub) < 0)
			dir_remove(sub);
	}
	closedir(d);
	return rmdir(path) < 0 ? -errno : 0;
}

static bool
is_twin(const char *twin, const struct stat *st)
{
	struct stat t;

	return twin && stat(twin, &t) == 0 && t.st_size == st->st_size &&
	       t.st_mtim.tv_sec == st->st_mtim.tv_sec && t.st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

static int
copy_bytes(int in, int out)
{
	char buf[65536];
	ssize_t n;
	int ret = 0;

	while (ret == 0 && (n = read(in, buf, sizeof(buf))) != 0)
		ret = n < 0 ? -errno : write_all(out, buf, (size_t)n);
	return ret;
}

int
file_copy(const char *src, const char *dst, const char *twin)
{
	struct stat st;
	int in = open(src, O_RDONLY | O_CLOEXEC), out, ret;

	if (in < 0)
		return -errno;
	if (fstat(in, &st) == 0 && is_twin(twin, &st) && link(twin, dst) == 0) {
		close(in);
		return 0;
	}
	out = open(dst, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (out < 0) {
		ret = -errno;
		close(in);
		return ret;
	}
	ret = copy_bytes(in, out);
	if (ret == 0) {
		struct timespec times[2] = { st.st_atim, st.st_mtim };

		futimens(out, times);
		ret = fsync(out) < 0 ? -errno : 0;
	}
	close(in);
	close(out);
	return ret;
}

int
file_read(const char *path, size_t max, char **out, size_t *len)
{
	FILE *f = fopen(path, "re");
	size_t n = 0, cap = 65536;
	char *text;
	int ret = 0;

	if (!f)
		return -errno;
	text = malloc(cap + 1);
	BUG_ON(!text);
	for (size_t got; (got = fread(text + n, 1, cap - n, f)) > 0;) {
		n += got;
		if (n < cap)
			continue;
		if (cap >= max) {
			ret = -EFBIG;
			break;
		}
		cap *= 2;
		text = realloc(text, cap + 1);
		BUG_ON(!text);
	}
	if (ferror(f))
		ret = -EIO;
	fclose(f);
	if (ret < 0) {
		free(text);
		return ret;
	}
	text[n] = 0;
	*out = text;
	*len = n;
	return 0;
}
