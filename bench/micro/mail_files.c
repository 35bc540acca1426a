/* SPDX-License-Identifier: BSD-3-Clause
 * mail_files.c - a list of mails, and as much of the tar format as reads it (POSIX ustar)
 */
#include "bench/micro/mail_files.h"
#include <unistd.h>

#define TAR_BLOCK 512u

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
mail_files_read(struct mail_files *f, const char *path, const struct mail_choice *c)
{
	char command[1024], head[TAR_BLOCK], *body = NULL;
	size_t seen = 0;
	FILE *in;

	if (access(path, R_OK) != 0)
		return;
	snprintf(command, sizeof(command), "zstd -dcq -- '%s'", path);
	in = popen(command, "r");
	BUG_ON(!in);
	while (f->cnt < c->max && fread(head, 1, TAR_BLOCK, in) == TAR_BLOCK && head[0]) {
		size_t size, room;

		head[136] = 0; /* size: 12 octal digits from 124 */
		size = strtoull(head + 124, NULL, 8);
		room = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
		body = realloc(body, room + 1);
		BUG_ON(!body);
		if (fread(body, 1, room, in) != room)
			break;
		if ((head[156] == '0' || !head[156]) && size > 0 && size <= c->max_bytes &&
		    seen++ % c->every == 0)
			mail_files_add(f, span(body, size));
	}
	free(body);
	pclose(in);
}

static void
read_file(struct mail_files *f, const char *path)
{
	FILE *in = fopen(path, "rb");
	char *p = NULL;
	long n = -1;

	if (in && fseek(in, 0, SEEK_END) == 0)
		n = ftell(in);
	if (n >= 0 && (p = malloc((size_t)n + 1)))
		rewind(in);
	if (!p || fread(p, 1, (size_t)n, in) != (size_t)n) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(1);
	}
	fclose(in);
	mail_files_add(f, span(p, (size_t)n));
	free(p);
}

void
mail_files_read_list(struct mail_files *f, const char *path)
{
	FILE *in = fopen(path, "r");
	char line[4096];

	if (!in) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(1);
	}
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0])
			read_file(f, line);
	}
	fclose(in);
}
