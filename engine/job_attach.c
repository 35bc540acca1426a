/* SPDX-License-Identifier: BSD-3-Clause
 * job_attach.c - attachments: endings of names, what the bytes say they are, digests, the EICAR test file
 */
#include "engine/job.h"

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

static void
look_up(struct engine_job *j, enum snapshot_list_kind kind, struct span key, struct span excerpt)
{
	for (size_t i = 0; i < j->s->list_cnt[kind]; i++) {
		const struct list_ref *l = &j->s->list[kind][i];
		uint32_t line;

		if (key_set_find(l->set->keys, key, &line))
			job_hit(j, l->rule, line, "attachment", excerpt);
	}
}

void
job_attachment_begin(struct engine_job *j, const struct mime_part *p, struct part_info *info)
{
	struct span name = p->name;
	char ext[32];
	const char *dot;
	size_t n;

	if (!info->is_attachment)
		return;
	j->features[F_ATTACHMENTS]++;
	/* Windows drops dots and blanks at the end of a name. */
	while (name.len > 0 && (name.p[name.len - 1] == '.' || name.p[name.len - 1] == ' '))
		name.len--;
	dot = name.len ? memrchr(name.p, '.', name.len) : NULL;
	n = dot ? name.len - (size_t)(dot - name.p) - 1 : 0;
	if (n == 0 || n > sizeof(ext))
		return;
	for (size_t i = 0; i < n; i++)
		ext[i] = ascii_lower(dot[1 + i]);
	j->features[F_HTML_ATTACHMENTS] +=
	        span_is(span(ext, n), "htm") || span_is(span(ext, n), "html") ||
	        span_is(span(ext, n), "shtml") || span_is(span(ext, n), "svg");
	look_up(j, SNAPSHOT_LIST_NAME, span(ext, n), name);
}

/* The test file's text, kept apart so that scanners do not find it in our program: each byte is one more. */
static bool
is_eicar(struct span head)
{
	static const char shifted[] = "Y6P\"Q&ABQ\\5]Q[Y65)Q_*8DD*8~%FJDBS.TUBO"
	                              "EBSE.BOUJWJSVT.UFTU.GJMF\"%I,I+";

	if (head.len < sizeof(shifted) - 1)
		return false;
	for (size_t i = 0; i < sizeof(shifted) - 1; i++)
		if (head.p[i] != (char)(shifted[i] - 1))
			return false;
	return true;
}

void
job_attachment_end(struct engine_job *j, struct part_info *info)
{
	static const char hex[] = "0123456789abcdef";
	struct span head = span(j->head, j->head_used);
	char digest[64];

	if (is_eicar(head))
		job_hit(j, j->s->eicar_rule, 0, "attachment", info->name);
	if (!info->is_attachment)
		return;
	info->real_type = magic_of(head);
	if (info->real_type)
		look_up(j, SNAPSHOT_LIST_TYPE, span_z(info->real_type), info->name);
	if (!info->has_sha)
		return;
	for (size_t i = 0; i < 32; i++) {
		digest[2 * i] = hex[info->sha[i] >> 4];
		digest[2 * i + 1] = hex[info->sha[i] & 15];
	}
	look_up(j, SNAPSHOT_LIST_SHA256, span(digest, 64), info->name);
}
