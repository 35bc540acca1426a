/* SPDX-License-Identifier: BSD-3-Clause
 * files.h - files that survive a crash: written aside, synced, renamed; folders with their owner
 *
 * Thread  Slow path.
 * Errors  -errno.
 */
#pragma once
#include "base/base.h"
#include <unistd.h>

#define PATH_ROOM 4096

/* A path that does not fit becomes "", which no call takes; false then. */
bool path_format(char *out, size_t cap, const char *fmt, ...) PRINTF(3, 4);

/* Writes PATH.new, fsyncs it, renames it over path, fsyncs the folder. */
int file_replace(const char *path, struct span text);

/* mkdir -p, mode 0750. */
int dir_make(const char *path);
/* The folder that the file `path` is to lie in, when there is none yet. */
int dir_make_for(const char *path);
int dir_sync(const char *path);
/* rm -r of what is there; 0 when nothing was. */
int dir_remove(const char *path);

/*
 * Copies src to dst with its mtime and fsyncs; when `twin` (may be NULL) has the same size and mtime it is linked instead, which
 * is right for twins that nobody writes to.
 */
int file_copy(const char *src, const char *dst, const char *twin);

/* Whole file as text with a NUL, at most max bytes (else -EFBIG); free() it. */
int file_read(const char *path, size_t max, char **out, size_t *len);
