/* SPDX-License-Identifier: BSD-3-Clause
 * match_internal.h - what the files of engine/match share
 *
 * Owner   See match.h.
 */
#pragma once
#include "engine/match/match.h"
#include <hs/hs.h>
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init() without a context to allocate */
#include <openssl/sha.h>

struct match_db {
	unsigned ref_cnt; /* control thread only */
	size_t bytes;
	uint8_t key[MATCH_KEY_BYTES];
	hs_database_t *hs;
};

struct match_scratch {
	hs_scratch_t *hs;
};

/* What the child leaves in the shared memory file: this head, then the serialised database. */
struct match_result_head {
	int32_t status; /* 0 or -errno; -EINPROGRESS until the child is done */
	uint32_t error_cnt;
	uint64_t db_bytes;
	struct match_error error[MATCH_ERRORS_MAX];
};

/* match_compile.c, in the child: compile and write to fd. */
void match_compile_to(int fd, const struct match_spec *spec);

bool match_write_all(int fd, const void *p, size_t n);

/* match_build.c: the start of every key (library, processor), and a pattern's share of it. */
void match_key_begin(SHA256_CTX *c);
void match_key_pattern(SHA256_CTX *c, const struct match_pattern *p);
/* One error for the set as a whole. */
void match_whole_error(struct match_build *b, int rc);

/* match_child.c: work writes to fd and returns. 0, -ETIMEDOUT, -ENOMEM, -EIO. *fd is the caller's to close (-1: none). */
typedef void match_work_fn(int fd, const void *arg);
int match_child_run(match_work_fn *work, const void *arg, const struct match_build *b, int *fd);

/* match_cache.c: the payload, to be freed; NULL when there is none that is whole. */
char *match_cache_load(const char *dir, const uint8_t key[MATCH_KEY_BYTES], size_t *len);
void match_cache_save(const char *dir, const uint8_t key[MATCH_KEY_BYTES], struct span payload);
