/* SPDX-License-Identifier: BSD-3-Clause
 * zip.c - ZIP headers by signature; the entries that say something are inflated
 */
#include "engine/file/zip.h"

enum { LOCAL = 30, DIRECTORY = 46, END = 22, SIGNATURE = 4 };

enum { F_ENCRYPTED = 1u << 0, F_SIZES_LATER = 1u << 3, F_HIDDEN = 1u << 13, F_UNUSED = 0xd780 };

enum { STORED = 0, DEFLATED = 8 };

static void
window_begin(struct zip_window *w)
{
	w->len = 0;
	w->has_end = false;
	w->local_cnt = w->directory_cnt = 0;
	w->local_sum = w->directory_sum = 0;
}

void
zip_begin(struct zip *z, struct file_out *o, struct inflater *f)
{
	z->out = o;
	z->inflater = f;
	z->content = ZIP_NOTHING;
	window_begin(&z->headers);
	window_begin(&z->inner);
}

/* Bytes of the header that begins with the signature in h; 0: none. */
static unsigned
header_size(const char *h)
{
	switch (load_le32(h)) {
	case 0x04034b50:
		return LOCAL;
	case 0x02014b50:
		return DIRECTORY;
	case 0x06054b50:
		return END;
	default:
		return 0;
	}
}

static bool
is_local(const char *h)
{
	return header_size(h) == LOCAL;
}

static unsigned
name_size(const char *h)
{
	return load_le16(h + (is_local(h) ? 26 : 28));
}

static unsigned
flags_of(const char *h)
{
	return load_le16(h + (is_local(h) ? 6 : 8));
}

static unsigned
method(const char *h)
{
	return load_le16(h + (is_local(h) ? 8 : 10));
}

/* A whole header: may it be one? A version, a method and flags that are given out, a name. */
static bool
is_sane(const char *h)
{
	unsigned version = (unsigned char)h[is_local(h) ? 4 : 6], m = method(h);

	if (header_size(h) == END)
		return true;
	return version < 100 && (m < 20 || (m >= 93 && m <= 99)) && !(flags_of(h) & F_UNUSED) &&
	       name_size(h) > 0;
}

static uint64_t
hash(struct span s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
	return h;
}

/* The name after a header, cut to what is there. */
static struct span
name_of(struct span h)
{
	size_t n = MIN((size_t)name_size(h.p), (size_t)FILE_NAME_MAX);

	h = span_skip(h, header_size(h.p));
	return span(h.p, MIN(n, h.len));
}

static bool
begins(struct span name, const char *lower)
{
	size_t n = strlen(lower);

	return name.len >= n && span_ieq_z(span(name.p, n), lower);
}

/* What a name alone says of an office file. */
static void
office_flags(struct file_out *o, struct span name)
{
	if (file_ends(name, "vbaproject.bin") || begins(name, "xl/macrosheets/") ||
	    begins(name, "basic/"))
		o->flags |= FILE_F_MACROS;
	if (begins(name, "word/embeddings/") || begins(name, "xl/embeddings/") ||
	    begins(name, "ppt/embeddings/"))
		o->flags |= FILE_F_EMBEDDED;
}

static bool
has_control(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.p[i] < ' ')
			return true;
	return false;
}

/* Tell of a header, which is the beginning of h. False: it is none, as its name shows. */
static bool
entry(struct zip_window *w, struct file_out *o, struct span h)
{
	struct span name = name_of(h);

	o->work += name.len;
	if (has_control(name))
		return false;
	o->flags |= (flags_of(h.p) & F_ENCRYPTED ? FILE_F_ENCRYPTED : 0u) |
	            (flags_of(h.p) & F_HIDDEN ? FILE_F_NAMES_HIDDEN : 0u);
	if (is_local(h.p)) {
		w->local_cnt++;
		w->local_sum += hash(name);
	} else {
		w->directory_cnt++;
		w->directory_sum += hash(name);
		file_out_sizes(o, load_le32(h.p + 20), load_le32(h.p + 24));
	}
	office_flags(o, name);
	file_out_name(o, name);
	return true;
}

static enum zip_content
content_of(struct span name, bool *has_text)
{
	static const char *const texts[] = { "word/document.xml", "xl/sharedstrings.xml",
		                             "content.xml" };
	static const struct {
		const char *ending;
		enum zip_content c;
	} rows[] = {
		{ ".rels", ZIP_XML },   { ".htm", ZIP_PAGE },   { ".html", ZIP_PAGE },
		{ ".shtml", ZIP_PAGE }, { ".xhtml", ZIP_PAGE }, { ".svg", ZIP_PAGE },
		{ ".zip", ZIP_INNER },  { ".jar", ZIP_INNER },  { ".docx", ZIP_INNER },
		{ ".docm", ZIP_INNER }, { ".xlsx", ZIP_INNER }, { ".xlsm", ZIP_INNER },
		{ ".xlsb", ZIP_INNER }, { ".pptx", ZIP_INNER }, { ".pptm", ZIP_INNER },
	};

	*has_text = begins(name, "ppt/slides/slide");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*has_text |= span_ieq_z(name, texts[i]);
	if (*has_text)
		return ZIP_XML;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (file_ends(name, rows[i].ending))
			return rows[i].c;
	return ZIP_NOTHING;
}

static void content_end(struct zip *z);
static void content(struct zip *z, struct span s);

/* After a local header: is the entry read? */
static void
content_begin(struct zip *z, struct span h)
{
	bool has_text;
	enum zip_content c = content_of(name_of(h), &has_text);

	content_end(z);
	if (c == ZIP_NOTHING || flags_of(h.p) & F_ENCRYPTED ||
	    (method(h.p) != DEFLATED && (method(h.p) != STORED || c == ZIP_INNER)))
		return; /* a stored ZIP's headers are seen as they pass */
	z->content = c;
	z->is_stored = method(h.p) == STORED;
	z->skip = (uint64_t)LOCAL + name_size(h.p) + load_le16(h.p + 28);
	z->left = load_le32(h.p + 18);
	if (flags_of(h.p) & F_SIZES_LATER && !z->is_stored)
		z->left = UINT64_MAX; /* deflate knows its own end */
	xml_begin(&z->xml, has_text);
	window_begin(&z->inner);
	if (!z->is_stored)
		inflater_begin(z->inflater, true);
}

/* "PK" is at the beginning of h. */
static void
look(struct zip *z, struct zip_window *w, struct span h)
{
	size_t size = h.len < SIGNATURE ? 0 : header_size(h.p);

	if (size == 0 || h.len < size || !is_sane(h.p))
		return;
	if (size == END)
		w->has_end = true;
	else if (z->out->name_cnt >= FILE_NAMES_MAX)
		z->out->flags |= FILE_F_BOUND;
	else if (entry(w, z->out, h) && w == &z->headers && is_local(h.p))
		content_begin(z, h);
}

/* Look at each place that has enough bytes after it, or at all. */
static void
scan(struct zip *z, struct zip_window *w, bool is_end)
{
	size_t stop = is_end ? w->len : w->len > ZIP_LOOK ? w->len - ZIP_LOOK : 0, from = 0;

	for (size_t at = 0; at < stop; at++) {
		const char *p = memchr(w->buf + at, 'P', stop - at);

		at = p ? (size_t)(p - w->buf) : stop;
		if (!p || at + 1 >= w->len || p[1] != 'K')
			continue;
		if (w == &z->headers)
			content(z, span(w->buf + from, at - from));
		from = at;
		look(z, w, span(p, w->len - at));
	}
	if (w == &z->headers)
		content(z, span(w->buf + from, stop - from));
	w->len -= stop;
	memmove(w->buf, w->buf + stop, w->len);
}

static void
window_feed(struct zip *z, struct zip_window *w, struct span s)
{
	while (s.len > 0) {
		size_t n = MIN(s.len, sizeof(w->buf) - w->len);

		memcpy(w->buf + w->len, s.p, n);
		w->len += n;
		s = span_skip(s, n);
		scan(z, w, false);
	}
}

static void
take_content(void *ctx, struct span s)
{
	struct zip *z = ctx;

	if (z->content == ZIP_XML)
		xml_feed(&z->xml, z->out, s);
	else if (z->content == ZIP_PAGE)
		file_out_page(z->out, s);
	else
		window_feed(z, &z->inner, s);
}

static void
content_end(struct zip *z)
{
	if (z->content == ZIP_INNER)
		scan(z, &z->inner, true);
	else if (z->content == ZIP_PAGE)
		file_out_page(z->out, span("", 0));
	z->content = ZIP_NOTHING;
}

/* Bytes of the file, in order, from the header on that began the content. */
static void
content(struct zip *z, struct span s)
{
	size_t n = (size_t)MIN(z->skip, (uint64_t)s.len);

	if (z->content == ZIP_NOTHING)
		return;
	z->skip -= n;
	s = span_skip(s, n);
	s.len = (size_t)MIN(z->left, (uint64_t)s.len);
	z->left -= s.len;
	if (z->is_stored && s.len > 0)
		take_content(z, s);
	else if (!z->is_stored && s.len > 0)
		inflater_feed(z->inflater, z->out, s, take_content, z);
	if (z->left == 0 || (!z->is_stored && z->skip == 0 && !z->inflater->is_open))
		content_end(z);
}

void
zip_feed(struct zip *z, struct span s)
{
	window_feed(z, &z->headers, s);
}

void
zip_end(struct zip *z)
{
	const struct zip_window *w = &z->headers;

	scan(z, &z->headers, true);
	content_end(z);
	if (!w->has_end)
		z->out->flags |= FILE_F_CUT;
	else if (z->out->flags & FILE_F_BOUND)
		return; /* not all were counted */
	else if (w->local_cnt != w->directory_cnt || w->local_sum != w->directory_sum)
		z->out->flags |= FILE_F_NAMES_DIFFER;
}
