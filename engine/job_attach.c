/* SPDX-License-Identifier: BSD-3-Clause
 * job_attach.c - attachments: endings of names, what the bytes say they are, digests, the EICAR test file
 */
#include "engine/job.h"

#define EICAR_BYTES_MAX 128

static_assert(EICAR_BYTES_MAX <= JOB_HEAD_BYTES, "the whole file is in the head");

/* MAGIC(offset, bytes, word of "type" lists). The first that fits. */
static const struct {
	uint16_t at;
	uint8_t len;
	const char *bytes, *word;
} magics[] = {
	{ 0, 2, "MZ", "exe" },
	{ 0, 4,
	  "\x7f"
	  "ELF",
	  "elf" },
	{ 0, 4, "PK\x03\x04", "zip" },
	{ 0, 4, "Rar!", "rar" },
	{ 0, 6, "7z\xbc\xaf\x27\x1c", "7z" },
	{ 0, 4, "MSCF", "cab" },
	{ 0, 2, "\x1f\x8b", "gzip" },
	{ 0, 3, "BZh", "bzip2" },
	{ 0, 6,
	  "\xfd"
	  "7zXZ\0",
	  "xz" },
	{ 7, 7, "**ACE**", "ace" },
	{ 0, 8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole" },
	{ 0, 8, "L\0\0\0\x01\x14\x02\0", "lnk" },
	{ 0, 4, "ITSF", "chm" },
	{ 0, 8, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "one" },
	{ 0, 4, "\xca\xfe\xba\xbe", "class" },
	{ 0, 4, "\x78\x9f\x3e\x22", "tnef" },
	{ 0, 5, "{\\rtf", "rtf" },
	{ 0, 4, "%PDF", "pdf" },
	{ 0, 3, "\xff\xd8\xff", "jpeg" },
	{ 0, 8, "\x89PNG\r\n\x1a\n", "png" },
	{ 0, 4, "GIF8", "gif" },
	{ 0, 2, "#!", "script" },
};

static const char *
magic_of(struct span head)
{
	for (size_t i = 0; i < ARRAY_LEN(magics); i++)
		if (head.len >= (size_t)magics[i].at + magics[i].len &&
		    !memcmp(head.p + magics[i].at, magics[i].bytes, magics[i].len))
			return magics[i].word;
	return NULL;
}

struct job_leaf *
job_leaf(struct engine_job *j, const struct mime_part *p)
{
	return p->flags & MIME_F_UU_IN_TEXT ? &j->uu_leaf : &j->leaf;
}

static void
attachment_begin(struct engine_job *j, const struct mime_part *p)
{
	static const char *const pages[] = { ".htm", ".html", ".shtml", ".xhtml", ".svg" };

	j->features[F_ATTACHMENTS]++;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		j->features[F_HTML_ATTACHMENTS] += job_name_ends(p->name, pages[i]);
	j->features[F_DOUBLE_EXTENSION] |= file_is_double_ext(p->name);
	j->features[F_UUENCODED] += !!(p->flags & MIME_F_UU_IN_TEXT);
	job_file_name_lists(j, p->name);
}

void
job_leaf_begin(struct engine_job *j, const struct mime_part *p, struct part_info *info)
{
	struct job_leaf *l = job_leaf(j, p);

	l->head_used = 0;
	l->has_sha = info->is_attachment || j->w->cfg.want_all_hashes;
	if (l->has_sha)
		SHA256_Init(&l->sha);
	l->has_file = false;
	if (!info->is_attachment)
		return;
	attachment_begin(j, p);
	job_file_begin(j, l, (uint16_t)p->index);
}

void
job_leaf_data(struct engine_job *j, struct job_leaf *l, struct span data)
{
	size_t n = MIN(sizeof(l->head) - l->head_used, data.len);

	if (l->has_sha)
		SHA256_Update(&l->sha, data.p, data.len);
	memcpy(l->head + l->head_used, data.p, n);
	l->head_used += n;
	if (l->has_file)
		file_feed(j->file, data);
}

/* EICAR's definition of the test file: it begins with the 68 characters and has nothing after them but white space (blank, tab,
 * CR, LF, Ctrl-Z), 128 bytes in all. Whatever the part is called: a mail program saves it as that file. The text is kept apart so
 * that scanners do not find it in our program: each byte is one more. */
static bool
is_eicar(struct span head, uint64_t bytes)
{
	static const char shifted[] = "Y6P\"Q&ABQ\\5]Q[Y65)Q_*8DD*8~%FJDBS.TUBO"
	                              "EBSE.BOUJWJSVT.UFTU.GJMF\"%I,I+";
	size_t n = sizeof(shifted) - 1;

	if (head.len < n || bytes > EICAR_BYTES_MAX)
		return false;
	for (size_t i = 0; i < head.len; i++)
		if (i < n ? head.p[i] != (char)(shifted[i] - 1)
		          : !memchr(" \t\r\n\x1a", head.p[i], 5))
			return false;
	return true;
}

void
job_hex(const struct part_info *info, char digest[64])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(info->sha); i++) {
		digest[2 * i] = hex[info->sha[i] >> 4];
		digest[2 * i + 1] = hex[info->sha[i] & 15];
	}
}

void
job_leaf_end(struct engine_job *j, struct job_leaf *l, struct part_info *info)
{
	struct span head = span(l->head, l->head_used), key;
	char digest[64];

	if (l->has_sha)
		SHA256_Final(info->sha, &l->sha);
	if (job_fails(j, ENGINE_STAGE_FILE))
		return;
	info->has_sha = l->has_sha;
	job_file_end(j, l, info);
	if (is_eicar(head, info->bytes))
		job_hit(j, j->s->eicar_rule, 0, "attachment", info->name);
	if (!info->is_attachment)
		return;
	info->real_type = magic_of(head);
	if (info->real_type) {
		key = span_z(info->real_type);
		job_list_hits(j, SNAPSHOT_LIST_TYPE, &key, 1, "attachment", info->name);
	}
	if (!info->has_sha)
		return;
	job_hex(info, digest);
	key = span(digest, 64);
	job_list_hits(j, SNAPSHOT_LIST_SHA256, &key, 1, "attachment", info->name);
}
