/* SPDX-License-Identifier: BSD-3-Clause
 * match_build.c - from patterns to a database: the cache, else a child process with limits
 */
#include "engine/match/match_internal.h"
#include "base/clock.h"
#include <sys/mman.h>
#include <unistd.h>

static void
hash_number(SHA256_CTX *c, uint64_t n)
{
	SHA256_Update(c, &n, sizeof(n));
}

void
match_key_begin(SHA256_CTX *c)
{
	const char *version = hs_version();
	hs_platform_info_t cpu = { 0 };

	BUG_ON(hs_populate_platform(&cpu) != HS_SUCCESS);
	SHA256_Init(c);
	SHA256_Update(c, version, strlen(version));
	hash_number(c, cpu.tune);
	hash_number(c, cpu.cpu_features);
}

void
match_key_pattern(SHA256_CTX *c, const struct match_pattern *p)
{
	hash_number(c, (uint64_t)p->is_literal | (uint64_t)p->is_caseless << 1 |
	                       (uint64_t)p->is_multiline << 2 | (uint64_t)p->is_dotall << 3);
	hash_number(c, p->text.len);
	SHA256_Update(c, p->text.p, p->text.len);
}

void
match_key(const struct match_spec *spec, uint8_t key[MATCH_KEY_BYTES])
{
	SHA256_CTX c;

	match_key_begin(&c);
	hash_number(&c, spec->mode);
	hash_number(&c, spec->cnt);
	for (size_t i = 0; i < spec->cnt; i++)
		match_key_pattern(&c, &spec->pattern[i]);
	SHA256_Final(key, &c);
}

static int
take_result(int fd, const char *cache_dir, struct match_build *b, struct match_db *db)
{
	struct match_result_head *h;
	off_t size = lseek(fd, 0, SEEK_END);
	int rc;

	if (size < (off_t)sizeof(*h))
		return -EIO;
	h = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (h == MAP_FAILED)
		return -ENOMEM;
	rc = h->status;
	b->error_cnt = MIN(h->error_cnt, MATCH_ERRORS_MAX);
	memcpy(b->error, h->error, sizeof(h->error));
	if (rc == 0 && h->db_bytes != (uint64_t)size - sizeof(*h))
		rc = -EIO;
	if (rc == 0 && hs_deserialize_database((const char *)(h + 1), (size_t)h->db_bytes,
	                                       &db->hs) != HS_SUCCESS)
		rc = -EIO;
	if (rc == 0 && cache_dir)
		match_cache_save(cache_dir, db->key, span(h + 1, (size_t)h->db_bytes));
	munmap(h, (size_t)size);
	return rc;
}

static void
compile_work(int fd, const void *spec)
{
	match_compile_to(fd, spec);
}

static int
compile_in_child(const struct match_spec *spec, struct match_build *b, struct match_db *db)
{
	int fd, rc = match_child_run(compile_work, spec, b, &fd);

	if (rc == 0)
		rc = take_result(fd, b->cache_dir, b, db);
	if (fd >= 0)
		close(fd);
	return rc;
}

static bool
load(const char *cache_dir, struct match_db *db)
{
	size_t n;
	char *p = match_cache_load(cache_dir, db->key, &n);
	bool ok = p && hs_deserialize_database(p, n, &db->hs) == HS_SUCCESS;

	free(p);
	return ok;
}

void
match_whole_error(struct match_build *b, int rc)
{
	b->error_cnt = 1;
	b->error[0].pattern = UINT32_MAX;
	snprintf(b->error[0].text, sizeof(b->error[0].text), "pattern compiler: %s",
	         rc == -ETIMEDOUT ? "out of time"
	         : rc == -ENOMEM  ? "out of memory"
	                          : strerror(-rc));
}

int
match_db_build(const struct match_spec *spec, struct match_build *b, struct match_db **out)
{
	struct match_db *db = calloc(1, sizeof(*db));
	uint64_t start = clock_mono_us();
	int rc = 0;

	BUG_ON(!db);
	db->ref_cnt = 1;
	b->error_cnt = 0;
	match_key(spec, db->key);
	b->from_cache = b->cache_dir && load(b->cache_dir, db);
	if (!b->from_cache)
		rc = compile_in_child(spec, b, db);
	b->compile_us = b->from_cache ? 0 : clock_mono_us() - start;
	if (rc == 0 && hs_database_size(db->hs, &db->bytes) != HS_SUCCESS)
		rc = -EIO;
	if (rc != 0) {
		if (b->error_cnt == 0)
			match_whole_error(b, rc);
		match_db_put(db);
		return rc;
	}
	*out = db;
	return 0;
}

struct match_db *
match_db_get(struct match_db *db)
{
	db->ref_cnt++;
	return db;
}

void
match_db_put(struct match_db *db)
{
	if (!db || --db->ref_cnt > 0)
		return;
	if (db->hs)
		BUG_ON(hs_free_database(db->hs) != HS_SUCCESS);
	free(db);
}

const uint8_t *
match_db_key(const struct match_db *db)
{
	return db->key;
}

size_t
match_db_bytes(const struct match_db *db)
{
	return db->bytes;
}
