/* SPDX-License-Identifier: BSD-3-Clause
 * mail_files.c - a list of mails, and as much of the tar format as reads it (POSIX ustar)
 */
#include "bench/micro/mail_files.h"
#include <unistd.h>

#define TAR_BLOCK 512u
#define SPREAD    7 /* every 7th file: archives are sorted by source */

void
mail_files_add(struct mail_files *f, struct span mail)
{
	char *p = malloc(mail.len + 1);

	f->mail = realloc(f->mail, (f->cnt + 1) * sizeof(f->mail[0]));
	BUG_ON(!p || !f->mail);
	memcpy(p, mail.p, mail.len);
	f->mail[f->cnt++] = span(p, mail.len);
}

void
mail_files_read(struct mail_files *f, const char *path, size_t max, size_t max_bytes)
{
	char command[1024], head[TAR_BLOCK], *body = NULL;
	size_t seen = 0;
	FILE *in;

	if (access(path, R_OK) != 0)
		return;
	snprintf(command, sizeof(command), "zstd -dcq -- '%s'", path);
	in = popen(command, "r");
	BUG_ON(!in);
	while (f->cnt < max && fread(head, 1, TAR_BLOCK, in) == TAR_BLOCK && head[0]) {
		size_t size, room;

		head[136] = 0; /* size: 12 octal digits from 124 */
		size = strtoull(head + 124, NULL, 8);
		room = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
		body = realloc(body, room + 1);
		BUG_ON(!body);
		if (fread(body, 1, room, in) != room)
			break;
		if ((head[156] == '0' || !head[156]) && size > 0 && size <= max_bytes &&
		    seen++ % SPREAD == 0)
			mail_files_add(f, span(body, size));
	}
	free(body);
	pclose(in);
}
