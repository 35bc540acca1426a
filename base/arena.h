/* SPDX-License-Identifier: BSD-3-Clause
 * arena.h - bump allocation for things that go together, on the slow path
 *
 * Owner   The arena owns all it handed out; arena_fini() frees it at once.
 * Thread  One at a time. Not for workers.
 * Errors  Out of memory ends the process (slow path, at build time): callers need no check.
 */
#pragma once
#include "base/base.h"

struct arena {
	struct arena_block *blocks;
	size_t used, room; /* in the newest block */
	size_t total_bytes;
};

/* All zero is ready to use. */
void *arena_alloc(struct arena *a, size_t n);       /* zeroed, aligned to 16 */
char *arena_strdup(struct arena *a, struct span s); /* adds a NUL */
void arena_fini(struct arena *a);
