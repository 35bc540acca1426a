/* SPDX-License-Identifier: BSD-3-Clause
 * xml.c - tags of office files
 */
#include "engine/file/xml.h"

void
xml_begin(struct xml *x, bool has_text)
{
	x->has_text = has_text;
	x->in_tag = x->in_entity = false;
	x->quote = 0;
	x->len = x->entity_len = 0;
}

/* "amp", "#38", "#x26" to UTF-8; bytes written, 0 for one we do not know. */
static size_t
entity(struct span e, char out[4])
{
	static const struct {
		const char *name;
		char c;
	} names[] = {
		{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' }
	};
	bool is_hex = e.len > 1 && (e.p[1] == 'x' || e.p[1] == 'X');
	unsigned v = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_is(e, names[i].name))
			return out[0] = names[i].c, 1;
	if (e.len < 2 || e.p[0] != '#')
		return 0;
	for (size_t i = is_hex ? 2 : 1; i < e.len && v < 0x110000; i++) {
		char c = ascii_lower(e.p[i]);

		if (c >= '0' && c <= '9')
			v = v * (is_hex ? 16 : 10) + (unsigned)(c - '0');
		else if (is_hex && c >= 'a' && c <= 'f')
			v = v * 16 + (unsigned)(c - 'a') + 10;
		else
			return 0;
	}
	if (v < 0x80)
		return out[0] = (char)v, 1;
	if (v < 0x800)
		return out[0] = (char)(0xc0 | v >> 6), out[1] = (char)(0x80 | (v & 63)), 2;
	if (v >= 0x10000)
		return 0;
	out[0] = (char)(0xe0 | v >> 12);
	out[1] = (char)(0x80 | (v >> 6 & 63));
	out[2] = (char)(0x80 | (v & 63));
	return 3;
}

/* The value of an attribute, as it is written; "" without. */
static struct span
attr(struct span tag, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 1; i + n + 2 < tag.len; i++) {
		char quote = tag.p[i + n + 1];
		const char *end;

		if (tag.p[i - 1] > ' ' || memcmp(tag.p + i, name, n) != 0 || tag.p[i + n] != '=' ||
		    (quote != '"' && quote != '\''))
			continue;
		i += n + 2;
		end = memchr(tag.p + i, quote, tag.len - i);
		return span(tag.p + i, end ? (size_t)(end - tag.p) - i : tag.len - i);
	}
	return span("", 0);
}

static void
link_out(struct file_out *o, struct span value)
{
	char out[XML_TAG_MAX + 4];
	size_t n = 0;

	while (value.len > 0 && n + 4 < sizeof(out)) {
		const char *end = value.p[0] == '&' ? memchr(value.p, ';',
		                                             MIN(value.len, (size_t)XML_ENTITY_MAX))
		                                    : NULL;
		size_t len =
		        end ? entity(span(value.p + 1, (size_t)(end - value.p) - 1), out + n) : 0;

		if (len > 0) {
			n += len;
			value = span_skip(value, (size_t)(end - value.p) + 1);
		} else {
			out[n++] = span_shift(&value);
		}
	}
	file_out_link(o, span(out, n));
}

static bool
tag_is(struct span tag, const char *name)
{
	size_t n = strlen(name);

	return tag.len >= n && !memcmp(tag.p, name, n) &&
	       (tag.len == n || tag.p[n] <= ' ' || tag.p[n] == '/');
}

/* What Word fetches without being asked when it opens the file. */
static bool
is_fetched(struct span type)
{
	return file_ends(type, "/attachedtemplate") || file_ends(type, "/oleobject") ||
	       file_ends(type, "/frame") || file_ends(type, "/subdocument");
}

/* What stands between words: nothing for most tags, for their text may go on. */
static char
gap(struct span tag)
{
	static const struct {
		const char *name;
		char c;
	} rows[] = { { "/w:p", '\n' },
		     { "/a:p", '\n' },
		     { "/si", '\n' },
		     { "/text:p", '\n' },
		     { "/text:h", '\n' },
		     { "/w:tc", ' ' },
		     { "w:br", '\n' },
		     { "w:tab", ' ' },
		     { "text:s", ' ' },
		     { "text:tab", ' ' },
		     { "/table:table-cell", ' ' } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].name[1] == tag.p[1] && tag_is(tag, rows[i].name))
			return rows[i].c;
	return 0;
}

static void
end_tag(struct xml *x, struct file_out *o)
{
	struct span tag = span(x->tag, x->len);
	char c;

	if (tag.len < 3)
		return;
	if (tag.p[0] == 'R' && tag_is(tag, "Relationship")) {
		if (!span_is(attr(tag, "TargetMode"), "External"))
			return;
		link_out(o, attr(tag, "Target"));
		if (is_fetched(attr(tag, "Type")))
			o->flags |= FILE_F_EXTERNAL;
	} else if (tag.len > 12 && memmem(tag.p, tag.len, "xlink:href", 10)) {
		link_out(o, attr(tag, "xlink:href"));
	}
	c = x->has_text ? gap(tag) : 0;
	if (c)
		file_out_text(o, span(&c, 1));
}

/* Bytes of a tag; returns how many were taken. */
static size_t
tag_bytes(struct xml *x, struct file_out *o, struct span s)
{
	size_t n = 0, room;

	if (x->quote) {
		const char *end = memchr(s.p, x->quote, s.len);

		n = end ? (size_t)(end - s.p) + 1 : s.len;
		x->quote = end ? 0 : x->quote;
	} else {
		while (n < s.len && s.p[n] != '>' && s.p[n] != '"' && s.p[n] != '\'')
			n++;
		if (n < s.len && s.p[n] != '>')
			x->quote = s.p[n++];
	}
	room = MIN(n, sizeof(x->tag) - x->len);
	memcpy(x->tag + x->len, s.p, room);
	x->len += (unsigned)room;
	if (x->quote || n == s.len || s.p[n] != '>' || (n > 0 && s.p[n - 1] == '"'))
		return n;
	end_tag(x, o);
	x->in_tag = false;
	return n + 1;
}

/* Bytes after '&'; false when c is none of them and has to be looked at again. */
static bool
entity_byte(struct xml *x, struct file_out *o, char c)
{
	char out[4];

	if (c != ';' && c != '<' && c != '&' && x->entity_len < sizeof(x->entity)) {
		x->entity[x->entity_len++] = c;
		return true;
	}
	x->in_entity = false;
	file_out_text(o, span(out, entity(span(x->entity, x->entity_len), out)));
	return c == ';';
}

/* Text up to '<' or '&'; returns bytes taken. */
static size_t
text(struct xml *x, struct file_out *o, struct span s)
{
	size_t n = 0;

	while (n < s.len && s.p[n] != '<' && s.p[n] != '&')
		n++;
	if (x->has_text)
		file_out_text(o, span(s.p, n));
	if (n == s.len)
		return n;
	x->in_tag = s.p[n] == '<';
	x->in_entity = s.p[n] == '&' && x->has_text;
	x->len = x->entity_len = 0;
	x->quote = 0;
	return n + 1;
}

void
xml_feed(struct xml *x, struct file_out *o, struct span s)
{
	while (s.len > 0) {
		size_t n = 1;

		if (x->in_tag)
			n = tag_bytes(x, o, s);
		else if (x->in_entity)
			n = entity_byte(x, o, s.p[0]);
		else
			n = text(x, o, s);
		s = span_skip(s, n);
	}
}
