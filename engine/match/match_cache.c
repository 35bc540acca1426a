/* SPDX-License-Identifier: BSD-3-Clause
 * match_cache.c - compiled databases on disk, named by what they were made from
 *
 * Why     10,000 phrases take seconds to compile and milliseconds to read.
 * Errors  None: what cannot be read is compiled again, what cannot be written is not kept. A file holds the digest of
 *         its payload first, since hs_deserialize_database() trusts its input.
 */
#include "engine/match/match_internal.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void
path_of(const char *dir, const uint8_t key[MATCH_KEY_BYTES], const char *suffix, char *out,
        size_t cap)
{
	int n = snprintf(out, cap, "%s/", dir);

	for (size_t i = 0; i < MATCH_KEY_BYTES && n > 0 && (size_t)n < cap; i++)
		n += snprintf(out + n, cap - (size_t)n, "%02x", key[i]);
	if (n > 0 && (size_t)n < cap)
		snprintf(out + n, cap - (size_t)n, "%s", suffix);
}

static char *
read_all(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *p = NULL;
	ssize_t n = -1;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > SHA256_DIGEST_LENGTH &&
	    (p = malloc((size_t)st.st_size)))
		n = read(fd, p, (size_t)st.st_size);
	close(fd);
	if (!p || n != st.st_size) {
		free(p);
		return NULL;
	}
	*len = (size_t)n;
	return p;
}

char *
match_cache_load(const char *dir, const uint8_t key[MATCH_KEY_BYTES], size_t *len)
{
	unsigned char md[SHA256_DIGEST_LENGTH];
	char path[4096];
	size_t n;
	char *p;

	path_of(dir, key, ".hsdb", path, sizeof(path));
	p = read_all(path, &n);
	if (!p)
		return NULL;
	*len = n - sizeof(md);
	SHA256((unsigned char *)p + sizeof(md), *len, md);
	if (memcmp(md, p, sizeof(md)) != 0) {
		free(p);
		return NULL;
	}
	memmove(p, p + sizeof(md), *len);
	return p;
}

void
match_cache_save(const char *dir, const uint8_t key[MATCH_KEY_BYTES], struct span s)
{
	unsigned char md[SHA256_DIGEST_LENGTH];
	char path[4096], tmp[4096], suffix[40];
	bool ok;
	int fd;

	snprintf(suffix, sizeof(suffix), ".%d.tmp", (int)getpid());
	path_of(dir, key, ".hsdb", path, sizeof(path));
	path_of(dir, key, suffix, tmp, sizeof(tmp));
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	SHA256((const unsigned char *)s.p, s.len, md);
	ok = write(fd, md, sizeof(md)) == (ssize_t)sizeof(md) &&
	     write(fd, s.p, s.len) == (ssize_t)s.len;
	ok &= close(fd) == 0;
	if (!ok || rename(tmp, path) != 0)
		unlink(tmp);
}
