/* SPDX-License-Identifier: BSD-3-Clause
 * pdf.c - PDF as tokens
 */
#include "engine/file/pdf.h"

#define END_STREAM "endstream"

static void
lexer_begin(struct pdf_lexer *l)
{
	l->token = PDF_BETWEEN;
	l->is_escape = l->wants_link = l->in_array = l->has_shown = false;
	l->depth = l->octal = l->nibbles = 0;
	l->len = 0;
}

static void
object_begin(struct pdf *p)
{
	p->has_flate = p->has_other_filter = p->is_objects = p->is_opaque = false;
}

void
pdf_begin(struct pdf *p, struct file_out *o, struct inflater *f)
{
	p->out = o;
	p->inflater = f;
	lexer_begin(&p->file);
	lexer_begin(&p->inner);
	object_begin(p);
	p->stream = PDF_NO_STREAM;
	p->is_read = p->is_page = p->has_eof = false;
	p->end_at = 0;
}

static void
put(struct pdf_lexer *l, char c)
{
	if (l->len < sizeof(l->text))
		l->text[l->len] = c;
	l->len++;
}

static struct span
text_of(const struct pdf_lexer *l)
{
	return span(l->text, MIN(l->len, sizeof(l->text)));
}

enum { WHITE = 1, DELIMITER = 2 };

static const uint8_t classes[256] = {
	[0] = WHITE,       ['\t' ... '\r'] = WHITE, [' '] = WHITE,     ['('] = DELIMITER,
	[')'] = DELIMITER, ['<'] = DELIMITER,       ['>'] = DELIMITER, ['['] = DELIMITER,
	[']'] = DELIMITER, ['{'] = DELIMITER,       ['}'] = DELIMITER, ['/'] = DELIMITER,
	['%'] = DELIMITER,
};

static unsigned
class_of(char c)
{
	return classes[(unsigned char)c];
}

/* ---- names ---- */

static void
end_name(struct pdf *p, struct pdf_lexer *l)
{
	/* clang-format off */
	static const struct { const char *name; uint32_t flag; } flags[] = {
		{ "JavaScript", FILE_F_SCRIPT },     { "JS", FILE_F_SCRIPT },      { "OpenAction", FILE_F_AUTO_ACTION },
		{ "AA", FILE_F_AUTO_ACTION },        { "Launch", FILE_F_LAUNCH },  { "EmbeddedFile", FILE_F_EMBEDDED },
		{ "EmbeddedFiles", FILE_F_EMBEDDED }, { "Encrypt", FILE_F_ENCRYPTED },
	};
	static const char *const opaque[] = { "Image", "Length1", "Type1C", "CIDFontType0C", "OpenType", "XRef", "ICCBased",
		                              "Metadata", "CMap" };
	static const char *const filters[] = { "ASCIIHexDecode", "AHx", "ASCII85Decode", "A85", "LZWDecode", "LZW", "RunLengthDecode",
		                               "RL", "CCITTFaxDecode", "JBIG2Decode", "DCTDecode", "JPXDecode", "Crypt" };
	/* clang-format on */
	struct span name = text_of(l);

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (span_is(name, flags[i].name))
			p->out->flags |= flags[i].flag;
	for (size_t i = 0; i < ARRAY_LEN(opaque); i++)
		p->is_opaque |= span_is(name, opaque[i]);
	for (size_t i = 0; i < ARRAY_LEN(filters); i++)
		p->has_other_filter |= span_is(name, filters[i]);
	p->has_flate |= span_is(name, "FlateDecode") || span_is(name, "Fl");
	p->is_objects |= span_is(name, "ObjStm");
	l->wants_link = span_is(name, "URI");
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A byte of a name: "#4a" is one character. */
static void
name_byte(struct pdf_lexer *l, char c)
{
	int v = hex_value(c);

	if (l->nibbles > 0 && v >= 0) { /* text ends with '#', or with the first digit's value */
		if (l->nibbles++ == 1) {
			l->octal = (unsigned)v;
			return;
		}
		l->nibbles = 0;
		put(l, (char)(l->octal << 4 | (unsigned)v));
		return;
	}
	l->nibbles = c == '#';
	if (c != '#')
		put(l, c);
}

/* ---- strings ---- */

/* UTF-16BE with its mark to ASCII, as links are. */
static struct span
to_ascii(struct pdf_lexer *l)
{
	struct span s = text_of(l);
	size_t n = 0;

	if (s.len < 2 || memcmp(s.p, "\xfe\xff", 2) != 0)
		return s;
	for (size_t i = 2; i + 1 < s.len; i += 2)
		l->text[n++] = s.p[i] ? '?' : s.p[i + 1];
	return span(l->text, n);
}

/* Text that a page shows, if its font has no encoding of its own. */
static void
show(struct pdf *p, struct pdf_lexer *l)
{
	struct span s = text_of(l);
	size_t good = 0;

	for (size_t i = 0; i < s.len; i++) {
		good += s.p[i] >= ' ' && s.p[i] <= '~';
		if (s.p[i] < ' ' || s.p[i] > '~')
			l->text[i] = ' ';
	}
	if (good * 10 < s.len * 9)
		return;
	l->has_shown |= s.len > 0;
	file_out_text(p->out, s);
}

static void
end_string(struct pdf *p, struct pdf_lexer *l)
{
	if (l->wants_link)
		file_out_link(p->out, to_ascii(l));
	else if (l == &p->inner && p->is_page && l->token == PDF_STRING)
		show(p, l);
	l->wants_link = false;
}

static void
escape_byte(struct pdf_lexer *l, char c)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	const char *at = c ? strchr(from, c) : NULL;

	if (c >= '0' && c <= '7') {
		l->octal = 1;
		put(l, (char)(c - '0'));
		l->is_escape = true; /* two more digits may follow */
		return;
	}
	l->is_escape = false;
	if (c == '\r' || c == '\n')
		return;
	put(l, at ? to[at - from] : c);
}

static void
string_byte(struct pdf *p, struct pdf_lexer *l, char c)
{
	if (l->octal > 0) {
		if (c >= '0' && c <= '7' && l->octal < 3) {
			if (l->len <= sizeof(l->text))
				l->text[l->len - 1] = (char)(l->text[l->len - 1] << 3 | (c - '0'));
			l->octal++;
			return;
		}
		l->octal = 0;
		l->is_escape = false;
	}
	if (l->is_escape) {
		escape_byte(l, c);
	} else if (c == '\\') {
		l->is_escape = true;
	} else if (c == ')' && l->depth == 0) {
		end_string(p, l);
		l->token = PDF_BETWEEN;
	} else {
		l->depth += c == '(' ? 1u : 0u;
		l->depth -= c == ')' ? 1u : 0u;
		put(l, c);
	}
}

static void
hex_byte(struct pdf *p, struct pdf_lexer *l, char c)
{
	int v = hex_value(c);

	if (c == '<' && l->len == 0 && l->nibbles == 0) { /* "<<": a dictionary */
		l->token = PDF_BETWEEN;
		l->wants_link = false;
	} else if (c == '>') {
		end_string(p, l);
		l->token = PDF_BETWEEN;
	} else if (v >= 0) {
		if (l->nibbles++ % 2 == 0)
			put(l, (char)(v << 4));
		else if (l->len <= sizeof(l->text))
			l->text[l->len - 1] = (char)(l->text[l->len - 1] | v);
	}
}

/* ---- words ---- */

/* Operators that move to another place, and wide gaps inside [ ] TJ. */
static void
page_word(struct pdf *p, struct pdf_lexer *l, struct span w)
{
	static const char *const lines[] = { "Td", "TD", "T*", "Tm", "'", "\"", "ET" };

	if (l->in_array) {
		bool is_gap = w.len > 3 && w.p[0] == '-' && w.p[1] != '.' && w.p[1] != '0' &&
		              (w.p[1] > '1' || w.len > 4) && w.p[2] != '.' && w.p[3] != '.';

		if (is_gap && l->has_shown)
			file_out_text(p->out, span(" ", 1));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(lines) && l->has_shown; i++)
		if (span_is(w, lines[i])) {
			file_out_text(p->out, span("\n", 1));
			l->has_shown = false;
		}
}

static void
stream_begin(struct pdf *p)
{
	p->stream = PDF_STREAM_EOL;
	p->end_at = 0;
	p->is_read = p->has_flate && !p->has_other_filter && !p->is_opaque;
	p->is_page = p->is_read && !p->is_objects;
	lexer_begin(&p->inner);
	if (p->is_read)
		inflater_begin(p->inflater, false);
}

static void
end_word(struct pdf *p, struct pdf_lexer *l)
{
	struct span w = text_of(l);

	l->wants_link = false;
	if (l == &p->inner) {
		if (p->is_page)
			page_word(p, l, w);
	} else if (span_is(w, "stream")) {
		stream_begin(p);
	} else if (span_is(w, "obj") || span_is(w, "endobj")) {
		object_begin(p);
	}
}

static enum pdf_token
token_of(struct pdf_lexer *l, char c)
{
	l->len = 0;
	l->depth = l->octal = l->nibbles = 0;
	l->is_escape = false;
	switch (c) {
	case '%':
		return PDF_COMMENT;
	case '/':
		return PDF_NAME;
	case '(':
		return PDF_STRING;
	case '<':
		return PDF_HEX;
	case '[':
	case ']':
		l->in_array = c == '[';
		return PDF_BETWEEN;
	default:
		break;
	}
	if (class_of(c))
		return PDF_BETWEEN;
	put(l, c);
	return PDF_WORD;
}

/* One byte; false when it ended a token and has to be looked at again. */
static bool
lexer_byte(struct pdf *p, struct pdf_lexer *l, char c)
{
	switch (l->token) {
	case PDF_STRING:
		string_byte(p, l, c);
		return true;
	case PDF_HEX:
		hex_byte(p, l, c);
		return true;
	case PDF_COMMENT:
		if (c != '\n' && c != '\r') {
			put(l, c);
			return true;
		}
		p->has_eof |= l == &p->file && l->len >= 4 && !memcmp(l->text, "%EOF", 4);
		l->token = PDF_BETWEEN;
		return true;
	case PDF_BETWEEN:
		l->token = token_of(l, c);
		return true;
	case PDF_NAME:
	case PDF_WORD:
		break;
	}
	if (class_of(c)) {
		if (l->token == PDF_NAME)
			end_name(p, l);
		else
			end_word(p, l);
		l->token = PDF_BETWEEN;
		return p->stream != PDF_NO_STREAM && l == &p->file ? false : class_of(c) == WHITE;
	}
	if (l->token == PDF_NAME)
		name_byte(l, c);
	else
		put(l, c);
	return true;
}

/* Bytes that need no look: inside strings, words and comments, and blanks between tokens. Returns how many were taken. */
static size_t
run(struct pdf_lexer *l, struct span s)
{
	size_t n = 0, room;

	if (l->token == PDF_STRING && !l->is_escape) {
		while (n < s.len && s.p[n] != '\\' && s.p[n] != '(' && s.p[n] != ')')
			n++;
	} else if (l->token == PDF_WORD) {
		while (n < s.len && !class_of(s.p[n]))
			n++;
	} else if (l->token == PDF_COMMENT) {
		while (n < s.len && s.p[n] != '\n' && s.p[n] != '\r')
			n++;
	} else if (l->token == PDF_BETWEEN) {
		while (n < s.len && class_of(s.p[n]) == WHITE)
			n++;
		return n;
	}
	room = l->len < sizeof(l->text) ? MIN(n, sizeof(l->text) - l->len) : 0;
	memcpy(l->text + MIN(l->len, sizeof(l->text)), s.p, room);
	l->len += n;
	return n;
}

/* At least one byte, or a token that ended. */
static size_t
lexer_bytes(struct pdf *p, struct pdf_lexer *l, struct span s)
{
	size_t n = run(l, s);

	return n > 0 ? n : lexer_byte(p, l, s.p[0]);
}

/* ---- streams ---- */

static void
take_inner(void *ctx, struct span s)
{
	struct pdf *p = ctx;

	while (s.len > 0)
		s = span_skip(s, lexer_bytes(p, &p->inner, s));
}

/* Bytes up to the end of "endstream" or all of s. "e" is twice in it: what was seen of it may begin one again. */
static size_t
until_end(struct pdf *p, struct span s)
{
	static const char word[] = END_STREAM;

	for (size_t i = 0; i < s.len; i++) {
		if (p->end_at == 0) {
			const char *e = memchr(s.p + i, 'e', s.len - i);

			if (!e)
				return s.len;
			i = (size_t)(e - s.p);
			p->end_at = 1;
			continue;
		}
		if (s.p[i] == word[p->end_at])
			p->end_at++;
		else
			p->end_at = s.p[i] == 'e' ? 1 : p->end_at == 7 && s.p[i] == 'n' ? 2 : 0;
		if (p->end_at == sizeof(word) - 1)
			return i + 1;
	}
	return s.len;
}

static size_t
stream_bytes(struct pdf *p, struct span s)
{
	size_t n;

	if (p->stream == PDF_STREAM_EOL) {
		if (s.p[0] == '\n' || s.p[0] != '\r')
			p->stream = PDF_STREAM_DATA;
		return s.p[0] == '\n' || s.p[0] == '\r';
	}
	n = until_end(p, s);
	if (p->is_read && p->inflater->is_open)
		inflater_feed(p->inflater, p->out, span(s.p, n), take_inner, p);
	if (p->end_at == sizeof(END_STREAM) - 1) {
		p->stream = PDF_NO_STREAM;
		object_begin(p);
		if (p->is_read)
			take_inner(p, span("\n", 1)); /* ends its last token */
	}
	return n;
}

void
pdf_feed(struct pdf *p, struct span s)
{
	while (s.len > 0) {
		size_t n = p->stream == PDF_NO_STREAM ? lexer_bytes(p, &p->file, s)
		                                      : stream_bytes(p, s);

		s = span_skip(s, n);
	}
}

void
pdf_end(struct pdf *p)
{
	if (p->file.token == PDF_COMMENT && p->file.len >= 4 && !memcmp(p->file.text, "%EOF", 4))
		p->has_eof = true;
	if (!p->has_eof)
		p->out->flags |= FILE_F_CUT;
}
