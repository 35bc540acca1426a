/* SPDX-License-Identifier: BSD-3-Clause
 * arena.c - blocks of 64 KiB and more
 */
#include "base/arena.h"

struct arena_block {
	struct arena_block *next;
	uint64_t pad;
	_Alignas(16) uint8_t data[];
};

#define BLOCK_BYTES 65536u

void *
arena_alloc(struct arena *a, size_t n)
{
	void *out;

	n = (n + 15) / 16 * 16;
	if (!a->blocks || a->room - a->used < n) {
		size_t room = MAX(n, (size_t)BLOCK_BYTES);
		struct arena_block *b = calloc(1, sizeof(*b) + room);

		BUG_ON(!b);
		b->next = a->blocks;
		a->blocks = b;
		a->used = 0;
		a->room = room;
		a->total_bytes += sizeof(*b) + room;
	}
	out = a->blocks->data + a->used;
	a->used += n;
	return out;
}

char *
arena_strdup(struct arena *a, struct span s)
{
	char *z = arena_alloc(a, s.len + 1);

	if (s.len > 0)
		memcpy(z, s.p, s.len);
	return z;
}

void
arena_fini(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
	memset(a, 0, sizeof(*a));
}
