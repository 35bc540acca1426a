/* SPDX-License-Identifier: BSD-3-Clause
 * file_out.c - names, links and text on their way out: bounds and what a name tries to look like
 */
#include "engine/file/file_out.h"

#define EXT_MAX 8

bool
file_ends(struct span name, const char *lower)
{
	size_t n = strlen(lower);

	return name.len >= n && span_ieq_z(span_skip(name, name.len - n), lower);
}

/* Is ext among the words of list, each between blanks? */
static bool
among(const char *list, struct span ext)
{
	char word[EXT_MAX + 3] = " ";
	size_t n = 1;

	if (ext.len == 0 || ext.len > EXT_MAX)
		return false;
	for (size_t i = 0; i < ext.len; i++)
		word[n++] = ascii_lower(ext.p[i]);
	word[n++] = ' ';
	return memmem(list, strlen(list), word, n) != NULL;
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '.'))
		s.len--;
	while (s.len > 0 && s.p[0] == ' ')
		s = span_skip(s, 1);
	return s;
}

/* The part after the last dot; *rest what is before that. */
static struct span
cut_ext(struct span name, struct span *rest)
{
	const char *dot = name.len ? memrchr(name.p, '.', name.len) : NULL;

	*rest = dot ? span(name.p, (size_t)(dot - name.p)) : span("", 0);
	return dot ? trim(span_skip(name, rest->len + 1)) : span("", 0);
}

bool
file_is_double_ext(struct span name)
{
	static const char runs[] =
	        " exe scr com pif bat cmd js jse vbs vbe wsf wsh hta lnk jar msi ps1 cpl dll "
	        "chm iso img vhd ace htm html shtml svg ";
	static const char shows[] =
	        " pdf doc docx xls xlsx ppt pptx txt rtf jpg jpeg png gif bmp tif tiff mp3 mp4 "
	        "wav avi csv xml zip rar 7z odt ods ";
	struct span rest;

	name = trim(name);
	if (name.len == 0 || !among(runs, cut_ext(name, &rest)))
		return false;
	/* U+202E and its kin turn the letters after it round */
	if (memmem(name.p, name.len, "\xe2\x80\xae", 3) ||
	    memmem(name.p, name.len, "\xe2\x81\xa7", 3))
		return true;
	return among(shows, cut_ext(trim(rest), &rest));
}

static bool
is_archive(struct span name)
{
	static const char archives[] =
	        " zip rar 7z gz tgz bz2 xz tar cab ace arj lzh z jar iso img vhd vhdx zipx ";
	struct span rest;

	return among(archives, cut_ext(name, &rest));
}

void
file_out_name(struct file_out *o, struct span name)
{
	if (name.len == 0 || name.p[name.len - 1] == '/' || name.p[name.len - 1] == '\\')
		return;
	if (o->name_cnt >= FILE_NAMES_MAX) {
		o->flags |= FILE_F_BOUND;
		return;
	}
	o->name_cnt++;
	o->flags |= (file_is_double_ext(name) ? FILE_F_DOUBLE_EXT : 0u) |
	            (is_archive(name) ? FILE_F_NESTED : 0u);
	if (o->ops->on_name)
		o->ops->on_name(o->ctx, name);
}

void
file_out_name16(struct file_out *o, struct span utf16)
{
	char name[FILE_NAME_MAX + 4];
	size_t n = 0;

	for (; utf16.len >= 2 && n < FILE_NAME_MAX; utf16 = span_skip(utf16, 2)) {
		unsigned c = load_le16(utf16.p);

		if (c == 0)
			break;
		if (c < 0x80) {
			name[n++] = (char)c;
		} else if (c < 0x800) {
			name[n++] = (char)(0xc0 | c >> 6);
			name[n++] = (char)(0x80 | (c & 63));
		} else { /* halves of a pair stay apart: no list has such an ending */
			name[n++] = (char)(0xe0 | c >> 12);
			name[n++] = (char)(0x80 | (c >> 6 & 63));
			name[n++] = (char)(0x80 | (c & 63));
		}
	}
	file_out_name(o, span(name, n));
}

void
file_out_link(struct file_out *o, struct span url)
{
	if (url.len == 0)
		return;
	if (o->link_cnt >= FILE_LINKS_MAX) {
		o->flags |= FILE_F_BOUND;
		return;
	}
	o->link_cnt++;
	if (o->ops->on_link)
		o->ops->on_link(o->ctx, url);
}

void
file_out_text(struct file_out *o, struct span utf8)
{
	if (utf8.len > 0 && o->ops->on_text)
		o->ops->on_text(o->ctx, utf8);
}

void
file_out_page(struct file_out *o, struct span html)
{
	if (o->ops->on_page)
		o->ops->on_page(o->ctx, html);
}

void
file_out_sizes(struct file_out *o, uint64_t packed, uint64_t size)
{
	if (size > RATIO_BYTES && size / RATIO_MAX > packed)
		o->flags |= FILE_F_RATIO;
}

bool
gather_feed(struct gather *g, char *buf, size_t cap, struct span *s)
{
	size_t n = MIN(g->want - g->have, s->len);

	if (g->have < cap)
		memcpy(buf + g->have, s->p, MIN(n, cap - g->have));
	g->have += n;
	*s = span_skip(*s, n);
	return g->have == g->want;
}
