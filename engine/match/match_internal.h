/* SPDX-License-Identifier: BSD-3-Clause
 * match_internal.h - what the files of engine/match share
 *
 * Owner   See match.h.
 */
#pragma once
#include "engine/match/match.h"
#include <hs/hs.h>

struct match_db {
	unsigned ref_cnt; /* control thread only */
	size_t bytes;
	uint8_t key[MATCH_KEY_BYTES];
	hs_database_t *hs;
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

/* match_cache.c */
bool match_cache_load(const char *dir, const uint8_t key[MATCH_KEY_BYTES], hs_database_t **out);
void match_cache_save(const char *dir, const uint8_t key[MATCH_KEY_BYTES], struct span serialised);
