/* SPDX-License-Identifier: BSD-3-Clause
 * inflate.h - zlib's inflate with memory of its own, bounded
 *
 * Why     Inside engine/file only. zlib asks for its state once and for its window at the first output: both come from an arena
 *         that is there from the start, and stay. Streams after that only reset.
 * Owner   The caller's storage.
 * Limit   INFLATE_* of file.h. A stream may stop early: FILE_F_BOUND.
 * RFC     1950, 1951.
 */
#pragma once
#include "engine/file/file_out.h"
#include <zlib.h>

#define INFLATE_ARENA (48u << 10)

struct inflater {
	z_stream z;
	uint64_t credit; /* bytes that may come now */
	bool is_open;    /* a stream is under way */
	size_t arena_used;
	_Alignas(16) unsigned char arena[INFLATE_ARENA];
};

bool inflater_init(struct inflater *f); /* false: zlib wants more than INFLATE_ARENA */
void inflater_file(struct inflater *f); /* another file begins */
void inflater_begin(struct inflater *f,
                    bool is_raw); /* raw: ZIP's; else with zlib's head and tail */
/* Inflate in; output goes to take() in pieces. The stream is over when is_open falls. */
void inflater_feed(struct inflater *f, struct file_out *o, struct span in,
                   void (*take)(void *ctx, struct span data), void *ctx);
