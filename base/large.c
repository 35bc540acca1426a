/* SPDX-License-Identifier: BSD-3-Clause
 * large.c - aligned to large pages from the size on where that is worth a page
 */
#include "base/large.h"
#include <sys/mman.h>

#define LARGE_PAGE ((size_t)2 << 20)

void *
large_alloc(size_t n)
{
	size_t align = n >= 2 * LARGE_PAGE ? LARGE_PAGE : 64;
	size_t room = (MAX(n, (size_t)1) + align - 1) / align * align;
	void *p = aligned_alloc(align, room);

	BUG_ON(!p);
	if (align == LARGE_PAGE)
		(void)madvise(p, room, MADV_HUGEPAGE); /* a wish */
	memset(p, 0, room);
	return p;
}
