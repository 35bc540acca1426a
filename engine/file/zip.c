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
zip_begin(struct zip *z, struct file_out *o, struct inflater f[ZIP_INFLATERS])
{
	z->out = o;
	z->entry = (struct zip_entry){ .inflater = &f[0] };
	z->inside = (struct zip_entry){ .inflater = &f[1] };
	z->kept_cnt = 0;
	z->kept_len = 0;
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

	/* Windows drops dots and blanks at the end of a name. */
	while (name.len > 0 && (name.p[name.len - 1] == '.' || name.p[name.len - 1] == ' '))
		name.len--;
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

static void window_feed(struct zip *z, struct zip_window *w, struct span s);
static void scan(struct zip *z, struct zip_window *w, bool is_end);

static void
tell_begin(struct zip *z, enum zip_content c, bool has_text)
{
	z->told = c;
	if (c == ZIP_XML)
		xml_begin(&z->xml, has_text);
	else if (c == ZIP_INNER)
		window_begin(&z->inner);
}

/* take() of the entry that is told as it comes. */
static void
tell(void *ctx, struct span s)
{
	struct zip *z = ctx;

	if (z->told == ZIP_XML)
		xml_feed(&z->xml, z->out, s);
	else if (z->told == ZIP_PAGE)
		file_out_page(z->out, s);
	else
		window_feed(z, &z->inner, s);
}

static void
tell_end(struct zip *z)
{
	if (z->told == ZIP_INNER)
		scan(z, &z->inner, true);
	else if (z->told == ZIP_PAGE)
		file_out_page(z->out, span("", 0));
}

/* take() of the one that began inside of it. */
static void
keep(void *ctx, struct span s)
{
	struct zip *z = ctx;
	size_t n = MIN(s.len, sizeof(z->kept) - z->kept_len);

	memcpy(z->kept + z->kept_len, s.p, n);
	z->kept_len += n;
	z->piece[z->kept_cnt - 1].len += n;
	if (n < s.len)
		z->out->flags |= FILE_F_BOUND;
}

/* After a local header: is the entry read? */
static void
content_begin(struct zip *z, struct span h)
{
	struct zip_entry *e = &z->entry;
	bool is_stored = method(h.p) == STORED, has_text;
	enum zip_content c = content_of(name_of(h), &has_text);

	if (c == ZIP_NOTHING || flags_of(h.p) & F_ENCRYPTED ||
	    (method(h.p) != DEFLATED && (!is_stored || c == ZIP_INNER)))
		return; /* a stored ZIP's headers are seen as they pass */
	if (e->content == ZIP_NOTHING) {
		tell_begin(z, c, has_text);
	} else if (z->inside.content == ZIP_NOTHING && z->kept_cnt < ZIP_KEPT_MAX) {
		e = &z->inside;
		z->piece[z->kept_cnt++] = (struct zip_piece){ c, has_text, 0 };
	} else {
		z->out->flags |= FILE_F_BOUND;
		return;
	}
	e->content = c;
	e->is_stored = is_stored;
	e->skip = (uint64_t)LOCAL + name_size(h.p) + load_le16(h.p + 28);
	e->own = load_le32(h.p + 18);
	if (e->own == UINT32_MAX) /* ZIP64 has it elsewhere */
		e->own = 0;
	if (!is_stored)
		inflater_begin(e->inflater, true);
}

/* The entry is over: what was kept is told, and the one that is still kept goes on as the one that is told. */
static void
entry_end(struct zip *z)
{
	struct inflater *idle = z->entry.inflater;
	const char *p = z->kept;

	tell_end(z);
	for (unsigned i = 0; i < z->kept_cnt; i++) {
		tell_begin(z, z->piece[i].content, z->piece[i].has_text);
		if (z->piece[i].len > 0)
			tell(z, span(p, z->piece[i].len));
		p += z->piece[i].len;
		if (i + 1 < z->kept_cnt || z->inside.content == ZIP_NOTHING)
			tell_end(z);
	}
	z->kept_cnt = 0;
	z->kept_len = 0;
	z->entry = z->inside;
	z->inside = (struct zip_entry){ .inflater = idle };
}

/* Bytes of the file, in order, from the entry's header on. False: its end was among them. */
static bool
entry_feed(struct zip *z, struct zip_entry *e, struct span s, void (*take)(void *, struct span))
{
	size_t n = (size_t)MIN(e->skip, (uint64_t)s.len);

	e->skip -= n;
	s = span_skip(s, n);
	if (s.len == 0)
		return true;
	if (!e->is_stored) {
		inflater_feed(e->inflater, z->out, s, take, z);
		return e->inflater->is_open;
	}
	e->own -= MIN(e->own, (uint64_t)s.len);
	take(z, s);
	return true;
}

/* Bytes of the file, in order. */
static void
content(struct zip *z, struct span s)
{
	if (z->inside.content != ZIP_NOTHING && !entry_feed(z, &z->inside, s, keep))
		z->inside.content = ZIP_NOTHING;
	if (z->entry.content != ZIP_NOTHING && !entry_feed(z, &z->entry, s, tell))
		entry_end(z);
}

static bool
is_over(const struct zip_entry *e)
{
	return e->content != ZIP_NOTHING && e->is_stored && e->skip == 0 && e->own == 0;
}

/* A header is here: the end of a stored entry that had all that its own header promises. */
static void
stored_end(struct zip *z)
{
	if (is_over(&z->inside))
		z->inside.content = ZIP_NOTHING;
	if (is_over(&z->entry))
		entry_end(z);
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
header(struct zip *z, struct zip_window *w, struct span h)
{
	struct file_out *o = z->out;
	struct span name = name_of(h);

	o->work += name.len;
	if (has_control(name))
		return false;
	if (w == &z->headers)
		stored_end(z);
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
	else if (header(z, w, h) && w == &z->headers && is_local(h.p))
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
	while (z->entry.content != ZIP_NOTHING)
		entry_end(z);
	if (!w->has_end)
		z->out->flags |= FILE_F_CUT;
	else if (z->out->flags & FILE_F_BOUND)
		return; /* not all were counted */
	else if (w->local_cnt != w->directory_cnt || w->local_sum != w->directory_sum)
		z->out->flags |= FILE_F_NAMES_DIFFER;
}
