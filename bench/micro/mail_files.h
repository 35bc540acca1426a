/* SPDX-License-Identifier: BSD-3-Clause
 * mail_files.h - mails in memory: made ones, or the files of a .tar.zst
 *
 * Owner   The caller's struct, all zero to begin with; the mails are never freed.
 * Thread  One.
 */
#pragma once
#include "base/base.h"

struct mail_files {
	struct span *mail;
	size_t cnt;
};

/* Copies the mail. */
void mail_files_add(struct mail_files *f, struct span mail);

/* Up to `max` files of at most `max_bytes`, spread over the archive; none when it is not there. Runs zstd. */
void mail_files_read(struct mail_files *f, const char *path, size_t max, size_t max_bytes);
