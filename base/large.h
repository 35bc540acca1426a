/* SPDX-License-Identifier: BSD-3-Clause
 * large.h - memory of large tables that are read at random, in large pages where the kernel has some
 *
 * Why     A million keys lie in a few dozen pages of 2 MB instead of ten thousand small ones: half the cost of a cold look-up
 *         is the walk of the page tables.
 * Owner   The caller; free() gives it back.
 * Errors  Out of memory ends the process (slow path, as arena.h).
 */
#pragma once
#include "base/base.h"

/* n bytes, zero, aligned to 64. */
void *large_alloc(size_t n);
