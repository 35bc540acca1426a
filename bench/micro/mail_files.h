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

/* Which files of an archive. */
struct mail_choice {
	size_t max, max_bytes; /* how many, and of what size at most */
	size_t every; /* of those: the first and each `every`th after it; archives are sorted by source */
};

/* None when the archive is not there. Runs zstd. */
void mail_files_read(struct mail_files *f, const char *path, const struct mail_choice *c);

/* The files that a file names, a path a line. One that cannot be read ends the process. */
void mail_files_read_list(struct mail_files *f, const char *path);
