/* SPDX-License-Identifier: BSD-3-Clause
 * pool.h - fixed-size objects, all memory taken at start; the only allocator on a worker
 *
 * Why     Full is a defined answer, decided at allocation (conventions 4); no malloc on a worker.
 * Owner   The pool borrows its memory from the caller, who frees it after pool_fini().
 * Thread  The worker that owns it. Nothing else may get or put.
 * Limit   What was given at pool_init(). pool_get() returns NULL when all are out.
 * Note    In ASan builds free objects are poisoned by hand, so that a use after put is found (decisions 20).
 */
#pragma once
#include "base/base.h"

struct pool {
	const char *name;
	void *free; /* singly linked through the objects' first word */
	uint8_t *memory;
	size_t object_bytes; /* rounded up to 8, with a red zone in ASan builds */
	uint32_t cnt;        /* objects in all */
	uint32_t
	        fresh; /* objects from here on were never handed out: untouched pages stay untouched */
	uint32_t used_cnt, peak_cnt;
	uint64_t failed_cnt; /* pool_get() that found none */
};

/* Bytes that `cnt` objects of `object_bytes` need. */
size_t pool_bytes(size_t object_bytes, uint32_t cnt);

/* `memory` has pool_bytes() bytes, aligned to 64. `name` stays the caller's. */
void pool_init(struct pool *p, const char *name, void *memory, size_t object_bytes, uint32_t cnt);

/* All objects must be back: BUG otherwise, with the pool's name. */
void pool_fini(struct pool *p);

/* Uninitialised bytes of one object, or NULL when full. */
void *pool_get(struct pool *p);
void pool_put(struct pool *p, void *object);

/* For tests and start-up on the heap: memory is mmap'd, freed by pool_fini_mapped(). 0 or -ENOMEM. */
int pool_init_mapped(struct pool *p, const char *name, size_t object_bytes, uint32_t cnt);
void pool_fini_mapped(struct pool *p);
