/* SPDX-License-Identifier: BSD-3-Clause
 * mails.h - which mails a command reads: files of a folder, lines of a list, rows of a table
 *
 * Owner   mails_fini() frees all texts.
 * Thread  One.
 * Errors  The operator's: a text on stderr, false.
 */
#pragma once
#include "base/base.h"

struct mail_row {
	char *path;
	char *source; /* what mails of one origin share: the folder, a column of the list or table */
	bool is_spam;
};

/* All zero is ready to use. */
struct mails {
	struct mail_row *row;
	size_t cnt, cap;
};

void mails_fini(struct mails *m);

/* Every regular file of a folder and those below, by name; or of a list "path" or "path TAB source" a line, relative paths from root
 * (NULL: where we are). */
bool mails_add(struct mails *m, const char *path, const char *root, bool is_spam);

/* A table with the columns path, label (ham or spam) and source, named in its first line, by tabs. */
bool mails_add_table(struct mails *m, const char *path, const char *root);

/* Numbers the sources from 0, in the order of their first row; returns how many. out: a number for each row. */
size_t mails_sources(const struct mails *m, unsigned *out);
