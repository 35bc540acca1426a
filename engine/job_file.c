/* SPDX-License-Identifier: BSD-3-Clause
 * job_file.c - what is inside attached files: names to lists, links to the URLs, text to the folded lane, flags to features
 *
 * Why     One file is looked into at a time: an attachment, or one that is uuencoded into a text. Text of documents is what
 *         phrases, customers' rules and the model see; SpamAssassin's rules do not look into attachments, so it goes to no
 *         other lane.
 */
#include "engine/job.h"

void
job_file_name_lists(struct engine_job *j, struct span name)
{
	struct span shown = name, key;
	char ext[32];
	const char *dot;
	size_t n;

	/* Windows drops dots and blanks at the end of a name. */
	while (name.len > 0 && (name.p[name.len - 1] == '.' || name.p[name.len - 1] == ' '))
		name.len--;
	dot = name.len ? memrchr(name.p, '.', name.len) : NULL;
	n = dot ? name.len - (size_t)(dot - name.p) - 1 : 0;
	if (n == 0 || n > sizeof(ext))
		return;
	for (size_t i = 0; i < n; i++)
		ext[i] = ascii_lower(dot[1 + i]);
	key = span(ext, n);
	job_list_hits(j, SNAPSHOT_LIST_NAME, &key, 1, "attachment", shown);
}

void
job_on_file_name(void *ctx, struct span name)
{
	struct engine_job *j = ctx;

	j->features[F_ARCHIVE_NAMES]++;
	job_file_name_lists(j, name);
}

/* Acrobat opens "www.a.example" as a link too. */
void
job_on_file_link(void *ctx, struct span url)
{
	struct engine_job *j = ctx;
	char with[FILE_LINK_MAX + 8];

	j->features[F_DOCUMENT_LINKS]++;
	if (url.len > 4 && span_ieq_z(span(url.p, 4), "www.")) {
		memcpy(with, "http://", 7);
		memcpy(with + 7, url.p, url.len);
		url = span(with, url.len + 7);
	}
	url_add(&j->urls, url, URL_F_FROM_DOCUMENT, j->file_part);
}

void
job_on_file_text(void *ctx, struct span utf8)
{
	struct engine_job *j = ctx;
	size_t room = JOB_FILE_TEXT - j->file_text;

	if (j->part_is_text) /* a file in a text: that one's state is in use */
		return;
	utf8.len = MIN(utf8.len, room);
	j->file_text += utf8.len;
	if (!j->file_has_text)
		job_document_begin(j);
	j->file_has_text = true;
	job_document_text(j, utf8);
	if (j->locate)
		job_locate_text(j, file_bytes(j->file));
}

/* As a browser would show it that is given the file: UTF-8, else windows-1252. */
void
job_on_file_page(void *ctx, struct span html)
{
	struct engine_job *j = ctx;
	bool is_end = html.len == 0;
	char out[JOB_BLOCK * 3];

	if (j->part_is_text || (is_end && !j->in_page))
		return;
	if (!j->in_page) {
		j->in_page = true;
		j->features[F_HTML_ATTACHMENTS]++;
		charset_begin(&j->conv, j->charsets, span("", 0));
		html_reset(j->html);
	}
	while (html.len > 0) {
		size_t n = charset_feed(&j->conv, &html, out, sizeof(out));

		html_feed(j->html, span(out, n));
	}
	if (!is_end)
		return;
	html_feed(j->html, span(out, charset_end(&j->conv, out, sizeof(out))));
	job_html_end(j);
	j->in_page = false;
	job_on_file_text(j, span("\n", 1));
}

void
job_file_begin(struct engine_job *j, struct job_leaf *l, uint16_t part)
{
	/* The text that holds it has no format of ours, or it would not be taken from its parser. */
	if (l == &j->uu_leaf && j->leaf.has_file && file_kind(j->file) != FILE_UNKNOWN)
		return;
	j->leaf.has_file = false;
	l->has_file = true;
	j->file_part = part;
	j->file_has_text = j->in_page = false;
	file_reset(j->file);
}

static void
file_features(struct engine_job *j, uint32_t flags)
{
	/* clang-format off */
	static const struct { uint32_t flag; enum feature f; } rows[] = {
		{ FILE_F_RATIO,       F_ARCHIVE_RATIO },    { FILE_F_NAMES_HIDDEN, F_ARCHIVE_HIDDEN },
		{ FILE_F_DOUBLE_EXT,  F_DOUBLE_EXTENSION }, { FILE_F_NESTED,       F_ARCHIVE_NESTED },
		{ FILE_F_MACROS,      F_DOCUMENT_MACROS },  { FILE_F_SCRIPT,       F_DOCUMENT_SCRIPT },
		{ FILE_F_LAUNCH,      F_DOCUMENT_SCRIPT },  { FILE_F_AUTO_ACTION,  F_DOCUMENT_AUTO },
		{ FILE_F_EMBEDDED,    F_DOCUMENT_EMBEDDED }, { FILE_F_EXTERNAL,    F_DOCUMENT_EXTERNAL },
		{ FILE_F_BOUND,       F_FILE_BOUND },
	};
	/* clang-format on */
	enum file_kind kind = file_kind(j->file);
	bool is_document = kind == FILE_PDF || kind == FILE_OLE;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (flags & rows[i].flag)
			j->features[rows[i].f] = 1;
	if (flags & FILE_F_ENCRYPTED)
		j->features[is_document ? F_ENCRYPTED_DOCUMENT : F_ENCRYPTED_ARCHIVE] = 1;
	if (flags & FILE_F_NAMES_DIFFER)
		j->features[F_ARCHIVE_LIES] = 1;
	j->features[F_TNEF] |= kind == FILE_TNEF;
}

void
job_file_end(struct engine_job *j, struct job_leaf *l, struct part_info *info)
{
	if (!l->has_file)
		return;
	file_end(j->file);
	l->has_file = false;
	info->file_flags = file_flags(j->file);
	file_features(j, info->file_flags);
	if (!j->file_has_text)
		return;
	job_document_end(j);
	if (j->locate)
		job_locate_text(j, file_bytes(j->file));
}
