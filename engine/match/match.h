/* SPDX-License-Identifier: BSD-3-Clause
 * match.h - many literals and regular expressions in one pass, behind a small opaque type
 *
 * Why     Hyperscan 5.4.0 as Debian ships it has traps (engine.md, findings 1 to 9): literals are compiled as escaped
 *         expressions, never by hs_compile_lit_multi; every return code is looked at; compiling happens in a child process.
 * Owner   A database is counted (get, put). Scratch and streams belong to one worker and point into their databases, which
 *         must outlive them.
 * Thread  Building, get and put: one control thread. Scanning: the worker that owns scratch and stream.
 * Limit   The child has `memory` bytes of address space on top of ours and `timeout_s` seconds.
 * Errors  Building: the operator's, pattern by pattern. Scanning: MATCH_FAILED, the caller fails open and counts.
 */
#pragma once
#include "base/base.h"

#define MATCH_ERRORS_MAX 256
#define MATCH_KEY_BYTES  32

enum match_mode {
	MATCH_STREAM, /* a text in pieces; matches run over the cuts */
	MATCH_BLOCK,
};

struct match_pattern {
	struct span text; /* literal bytes, or an expression in PCRE syntax */
	bool is_literal, is_caseless, is_multiline, is_dotall;
};

/* Pattern i reports as id i. */
struct match_spec {
	enum match_mode mode;
	const struct match_pattern *pattern;
	size_t cnt;
};

struct match_error {
	uint32_t pattern; /* its index; UINT32_MAX: all of them */
	char text[160];
};

struct match_build {
	const char *cache_dir; /* NULL: nothing kept */
	unsigned timeout_s;    /* 0: 120 */
	uint64_t memory;       /* 0: 4 GiB */
	/* out */
	bool from_cache;
	uint64_t compile_us;
	size_t error_cnt;
	struct match_error error[MATCH_ERRORS_MAX];
};

struct match_db;

/* Names the result: equal keys are equal databases on this machine. */
void match_key(const struct match_spec *spec, uint8_t key[MATCH_KEY_BYTES]);

/* 0; -EINVAL: patterns refused, each named in error[]; -ETIMEDOUT, -ENOMEM, -EIO: the set as a whole. */
int match_db_build(const struct match_spec *spec, struct match_build *b, struct match_db **out);
struct match_db *match_db_get(struct match_db *db);
void match_db_put(struct match_db *db);
const uint8_t *match_db_key(const struct match_db *db);
size_t match_db_bytes(const struct match_db *db);

/* ---- per worker and generation, made by control ---- */

struct match_scratch; /* one for all databases of a generation */
struct match_stream;

/* 0 or -ENOMEM. NULL entries of db are skipped. */
int match_scratch_new(struct match_db *const *db, size_t cnt, struct match_scratch **out);
void match_scratch_free(struct match_scratch *s);
int match_stream_new(struct match_db *db, struct match_stream **out);
void match_stream_free(struct match_stream *s);

/* ---- on the worker: nothing allocates ---- */

/* Called for each match, more than once for one id. end: bytes of the text before the end of the match, from the start of
 * the stream or block. Return true to stop. */
typedef bool match_fn(void *ctx, uint32_t id, uint64_t end);

enum match_result {
	MATCH_OK, /* also when match_fn stopped it */
	MATCH_FAILED,
};

enum match_result match_stream_feed(struct match_stream *st, struct match_scratch *s,
                                    struct span text, match_fn *fn, void *ctx);
/* End of the text: what matches only there. Then the stream is as new. fn NULL: give up silently. */
enum match_result match_stream_end(struct match_stream *st, struct match_scratch *s, match_fn *fn,
                                   void *ctx);
enum match_result match_block(struct match_db *db, struct match_scratch *s, struct span text,
                              match_fn *fn, void *ctx);
