/* SPDX-License-Identifier: BSD-3-Clause
 * html.c - a tokenizer after the WHATWG states, and a short stack of open elements that knows what is hidden
 *
 * Why     The tokenizer is a byte machine: state is all that survives a cut. Runs of text, of values nobody asked
 *         for, of comments and scripts are passed in blocks. Over 500 lines: the states share one struct.
 */
#include "engine/text/html.h"
#include "base/block64.h"
#include "engine/text/html_sheet.h"
#include "engine/text/html_style.h"
#include "engine/text/text_tables.h"
#include "engine/text/utf8.h"

#define OUT_BYTES    4096
#define ENTITY_MAX   40
#define TAG_SLOTS    512
#define ATTR_SLOTS   128
#define ENTITY_SLOTS 8192
#define WORD_MAX     12 /* of a tag that we know, with its NUL */
#define ATTR_MAX     24 /* of an attribute */
#define URLS_A_STYLE 8
#define BARE_MAX     6 /* longest entity that needs no ';' */

enum state {
	TEXT,
	TAG_OPEN, /* after < */
	END_OPEN, /* after </ */
	TAG_NAME,
	BEFORE_ATTR,
	ATTR_NAME,
	AFTER_NAME,
	BEFORE_VALUE,
	VALUE_DQ,
	VALUE_SQ,
	VALUE_BARE,
	DECLARATION, /* after <! */
	BOGUS,       /* until > */
	COMMENT,
	RAW, /* script, style: until its end tag */
};

enum tag_kind { /* bits */
	        BREAK_1 = 1,
	        BREAK_2 = 2,
	        BLANK = 4,
	        IS_VOID = 8,
	        IS_RAW = 16,
	        ENDS_P = 32,
	        ENDS_SAME = 64, /* a second one ends the first */
	        KNOWN = 128,
	        SPACE = 256, /* a blank in any case, as SpamAssassin has it; BLANK: only where there is none */
};

enum attr_kind {
	ATTR_NONE, /* nobody asks for its value */
	ATTR_URL,
	ATTR_SRCSET,
	ATTR_CONTENT, /* the URL of <meta http-equiv=refresh> */
	ATTR_STYLE,
	ATTR_COLOR,
	ATTR_BGCOLOR,
	ATTR_SIZE,
	ATTR_HIDDEN,
	ATTR_TYPE,
	ATTR_CLASS, /* of interest once a style sheet has rules */
	ATTR_ID,
};

/* clang-format off */
static const struct { char name[WORD_MAX]; uint16_t kind; } tags[] = {
	{ "br", BREAK_1 | IS_VOID },        { "div", BREAK_1 | ENDS_P },       { "p", BREAK_2 | ENDS_P },
	{ "hr", BREAK_2 | IS_VOID },        { "blockquote", BREAK_2 | ENDS_P }, { "pre", BREAK_2 | ENDS_P },
	{ "listing", BREAK_2 },             { "h1", SPACE | ENDS_P },        { "h2", SPACE | ENDS_P },
	{ "h3", SPACE | ENDS_P },         { "h4", SPACE | ENDS_P },        { "h5", SPACE | ENDS_P },
	{ "h6", SPACE | ENDS_P },         { "ul", BLANK | ENDS_P },        { "ol", BLANK | ENDS_P },
	{ "dl", BLANK | ENDS_P },         { "table", BLANK },              { "tr", BLANK | ENDS_SAME },
	{ "td", SPACE | ENDS_SAME },        { "th", SPACE | ENDS_SAME },       { "li", SPACE | ENDS_SAME },
	{ "dt", SPACE | ENDS_SAME },      { "dd", SPACE | ENDS_SAME },     { "center", BLANK },
	{ "form", BLANK | ENDS_P },       { "section", BLANK | ENDS_P },   { "article", BLANK | ENDS_P },
	{ "header", BLANK | ENDS_P },     { "footer", BLANK | ENDS_P },    { "address", BLANK | ENDS_P },
	{ "fieldset", BLANK },            { "option", BLANK | ENDS_SAME },   { "body", BLANK },
	{ "title", BREAK_2 }, { "head", 0 }, { "html", 0 }, { "script", IS_RAW }, { "style", IS_RAW }, { "xmp", IS_RAW | BREAK_2 },
	{ "iframe", IS_RAW }, { "noembed", IS_RAW }, { "noframes", IS_RAW }, { "img", IS_VOID }, { "input", IS_VOID },
	{ "meta", IS_VOID }, { "link", IS_VOID }, { "base", IS_VOID }, { "area", IS_VOID }, { "col", IS_VOID },
	{ "embed", SPACE | IS_VOID }, { "source", IS_VOID }, { "track", IS_VOID }, { "wbr", IS_VOID }, { "frame", IS_VOID },
	{ "param", IS_VOID }, { "bgsound", IS_VOID }, { "a", 0 }, { "b", 0 }, { "i", 0 }, { "u", 0 }, { "s", 0 }, { "em", 0 },
	{ "strong", 0 }, { "span", 0 }, { "font", 0 }, { "small", 0 }, { "big", 0 }, { "sub", 0 }, { "sup", 0 }, { "tt", 0 },
	{ "code", 0 }, { "tbody", 0 }, { "thead", 0 }, { "tfoot", 0 }, { "colgroup", 0 }, { "caption", BLANK },
	{ "map", 0 }, { "label", 0 }, { "select", 0 }, { "button", 0 }, { "textarea", 0 }, { "nobr", 0 }, { "strike", 0 },
	{ "del", 0 }, { "ins", 0 }, { "abbr", 0 }, { "acronym", 0 }, { "cite", 0 }, { "q", 0 }, { "dfn", 0 }, { "kbd", 0 },
	{ "samp", 0 }, { "var", 0 }, { "object", 0 }, { "applet", 0 }, { "noscript", 0 }, { "main", 0 }, { "nav", 0 },
	{ "aside", 0 }, { "figure", 0 }, { "svg", 0 }, { "video", 0 }, { "audio", 0 }, { "picture", 0 }, { "o:p", 0 },
};
static const struct { char name[ATTR_MAX]; uint8_t kind; } attrs[] = {
	{ "href", ATTR_URL },       { "src", ATTR_URL },         { "action", ATTR_URL },     { "background", ATTR_URL },
	{ "poster", ATTR_URL },     { "cite", ATTR_URL },        { "data", ATTR_URL },       { "formaction", ATTR_URL },
	{ "srcset", ATTR_SRCSET },  { "longdesc", ATTR_URL },    { "lowsrc", ATTR_URL },     { "dynsrc", ATTR_URL },
	{ "xlink:href", ATTR_URL }, { "codebase", ATTR_URL },    { "usemap", ATTR_URL },     { "content", ATTR_CONTENT },
	{ "style", ATTR_STYLE },    { "color", ATTR_COLOR },     { "text", ATTR_COLOR },     { "bgcolor", ATTR_BGCOLOR },
	{ "size", ATTR_SIZE },      { "hidden", ATTR_HIDDEN },   { "type", ATTR_TYPE },
	{ "class", ATTR_CLASS },    { "id", ATTR_ID },           { "data-saferedirecturl", ATTR_URL },
};
/* clang-format on */

struct element {
	uint32_t name; /* hash */
	uint32_t color, background;
	bool is_gone, is_invisible, is_tiny, is_title, is_pre;
	bool is_faint; /* color on background cannot be read */
};

struct html {
	const struct html_ops *ops;
	void *ctx;
	struct html_stats stats;
	enum state state;
	unsigned depth, overflow; /* open elements; those past HTML_DEPTH_MAX */
	uint8_t tag_slot[TAG_SLOTS], attr_slot[ATTR_SLOTS]; /* index + 1 */
	uint16_t entity_slot[ENTITY_SLOTS];
	struct element open[HTML_DEPTH_MAX];
	enum html_lane lane;
	unsigned newline_cnt; /* at the end of the visible lane, blanks between them not counted */
	bool has_blank;       /* behind the last of them */
	bool ends_blank[3];   /* per lane; true at the start */
	bool owes_blank
	        [3]; /* per lane: it ends with a blank that is written when a word follows, but not before a line end */
	unsigned out_len;
	/* the tag being read */
	bool is_end_tag, is_cut;
	uint16_t kind;
	uint8_t name_len, attr_len;
	enum attr_kind attr_kind;
	uint32_t name_hash, p_hash; /* of name, of "p" */
	unsigned value_len, entity_len, dash_cnt, raw_at;
	struct html_style style, sheet_style; /* of the tag: its own, and what classes and id say */
	struct html_sheet sheet;
	char name[HTML_NAME_MAX], attr[HTML_NAME_MAX], raw_name[HTML_NAME_MAX];
	uint8_t raw_len;
	bool is_sheet; /* RAW is of <style> */
	bool has_sheet_style;
	char entity[ENTITY_MAX];
	char value[HTML_VALUE_MAX], out[OUT_BYTES];
};

/* s and a word of a table, which has max bytes. */
static bool
is_word(struct span s, const char *word, size_t max)
{
	return s.len < max && !memcmp(s.p, word, s.len) && !word[s.len];
}

static uint32_t
attr_hash(struct span s)
{
	return ((unsigned char)s.p[0] * 5u + (unsigned char)s.p[s.len - 1] * 19u +
	        (uint32_t)s.len * 7u) %
	       ATTR_SLOTS;
}

/* Open addressing, half empty at least. */
static void
make_slots(struct html *h)
{
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		uint32_t at = html_sheet_name(span_z(tags[i].name)) % TAG_SLOTS;

		while (h->tag_slot[at])
			at = (at + 1) % TAG_SLOTS;
		h->tag_slot[at] = (uint8_t)(i + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++) {
		uint32_t at = attr_hash(span_z(attrs[i].name));

		while (h->attr_slot[at])
			at = (at + 1) % ATTR_SLOTS;
		h->attr_slot[at] = (uint8_t)(i + 1);
	}
	for (size_t i = 0; i < text_entities_cnt; i++) {
		uint32_t at = html_sheet_name(span_z(text_entities[i].name)) % ENTITY_SLOTS;

		while (h->entity_slot[at])
			at = (at + 1) % ENTITY_SLOTS;
		h->entity_slot[at] = (uint16_t)(i + 1);
	}
	h->p_hash = html_sheet_name(span("p", 1));
}

struct html *
html_new(const struct html_ops *ops, void *ctx)
{
	struct html *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->ops = ops;
	h->ctx = ctx;
	make_slots(h);
	html_reset(h);
	return h;
}

void
html_free(struct html *h)
{
	free(h);
}

void
html_reset(struct html *h)
{
	memset(&h->stats, 0, sizeof(h->stats));
	html_sheet_reset(&h->sheet);
	html_style_init(&h->sheet_style);
	h->has_sheet_style = false;
	h->state = TEXT;
	h->depth = h->overflow = 0;
	h->out_len = h->entity_len = 0;
	h->newline_cnt = 0;
	h->has_blank = false;
	h->lane = HTML_VISIBLE;
	for (int i = 0; i < 3; i++) {
		h->owes_blank[i] = false;
		h->ends_blank[i] = true;
	}
}

const struct html_stats *
html_stats(const struct html *h)
{
	return &h->stats;
}

/* name has the hash h->name_hash. */
static uint16_t
tag_kind(const struct html *h, struct span name)
{
	uint32_t at = h->name_hash % TAG_SLOTS;

	for (; h->tag_slot[at]; at = (at + 1) % TAG_SLOTS)
		if (is_word(name, tags[h->tag_slot[at] - 1].name, WORD_MAX))
			return tags[h->tag_slot[at] - 1].kind | KNOWN;
	return 0;
}

/* ---- text out ---- */

static void
flush(struct html *h)
{
	if (h->out_len > 0 && h->ops->on_text)
		h->ops->on_text(h->ctx, h->lane, span(h->out, h->out_len));
	h->out_len = 0;
}

static void
put_byte(struct html *h, char c)
{
	if (h->out_len == OUT_BYTES)
		flush(h);
	h->out[h->out_len++] = c;
}

static void
pay_blank(struct html *h)
{
	if (h->owes_blank[h->lane])
		put_byte(h, ' ');
	h->owes_blank[h->lane] = false;
}

static const struct element *
top(const struct html *h)
{
	static const struct element page = { .color = 0, .background = 0xffffff };

	return h->depth ? &h->open[h->depth - 1] : &page;
}

static void
set_lane(struct html *h)
{
	const struct element *e = top(h);
	enum html_lane lane = e->is_title ? HTML_TITLE
	                      : e->is_gone || e->is_invisible || e->is_tiny || e->is_faint
	                              ? HTML_HIDDEN
	                              : HTML_VISIBLE;

	if (lane == h->lane)
		return;
	pay_blank(h);
	flush(h);
	h->lane = lane;
}

/* Text that is not white space. */
static void
count_text(struct html *h, size_t n)
{
	const struct element *e = top(h);

	h->newline_cnt = 0;
	if (h->lane == HTML_VISIBLE) {
		h->stats.visible_bytes += n;
		return;
	}
	if (h->lane != HTML_HIDDEN)
		return;
	h->stats.hidden_bytes += n;
	h->stats.flags |= e->is_gone || e->is_invisible ? HTML_F_NO_DISPLAY
	                  : e->is_tiny                  ? HTML_F_ZERO_FONT
	                                                : HTML_F_LOW_CONTRAST;
}

static void
put_space(struct html *h, char c)
{
	if (top(h)->is_pre) {
		pay_blank(h);
		put_byte(h, c);
		h->newline_cnt += c == '\n' && h->lane == HTML_VISIBLE;
	} else if (!h->ends_blank[h->lane]) {
		h->owes_blank[h->lane] = true;
	}
	h->ends_blank[h->lane] = true;
}

static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Text without white space. */
static void
put_word(struct html *h, const char *p, size_t n)
{
	count_text(h, n);
	pay_blank(h);
	h->ends_blank[h->lane] = false;
	while (n > 0) {
		size_t take = MIN(n, (size_t)OUT_BYTES - h->out_len);

		memcpy(h->out + h->out_len, p, take);
		h->out_len += (unsigned)take;
		p += take;
		n -= take;
		if (h->out_len == OUT_BYTES)
			flush(h);
	}
}

/* Line ends are always seen, whatever hides their element: n more, but more than two mean no more, only that a blank behind them is none
 * of the text that follows. */
static void
put_break(struct html *h, unsigned n)
{
	enum html_lane lane = h->lane;

	if (lane != HTML_VISIBLE) {
		put_space(h, ' ');
		pay_blank(h);
		flush(h);
		h->lane = HTML_VISIBLE;
	}
	h->owes_blank[HTML_VISIBLE] = false;
	if (h->newline_cnt >= 2 && h->has_blank)
		put_byte(h, '\n');
	h->has_blank = false;
	for (; n > 0 && h->newline_cnt < 2; n--) {
		put_byte(h, '\n');
		h->newline_cnt++;
	}
	h->ends_blank[HTML_VISIBLE] = true;
	if (lane != HTML_VISIBLE) {
		flush(h);
		h->lane = lane;
	}
}

/* ---- entities ---- */

static void
value_put(struct html *h, const char *p, size_t n)
{
	size_t room = sizeof(h->value) - h->value_len;

	if (h->attr_kind == ATTR_NONE)
		return;
	h->is_cut |= n > room;
	n = MIN(n, room);
	memcpy(h->value + h->value_len, p, n);
	h->value_len += (unsigned)n;
}

static void
put_decoded(struct html *h, const char *p, size_t n)
{
	if (h->state != TEXT) {
		value_put(h, p, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (is_space(p[i]))
			put_space(h, p[i]);
		else
			put_word(h, p + i, 1);
}

static int
find_entity(const struct html *h, struct span name)
{
	uint32_t at = html_sheet_name(name) % ENTITY_SLOTS;

	if (name.len >= sizeof(text_entities[0].name))
		return -1;
	for (; h->entity_slot[at]; at = (at + 1) % ENTITY_SLOTS) {
		const struct text_entity *e = &text_entities[h->entity_slot[at] - 1];

		if (!memcmp(e->name, name.p, name.len) && !e->name[name.len])
			return h->entity_slot[at] - 1;
	}
	return -1;
}

/* "&#86" or "&#x56": the character; false when there is no digit. */
static bool
put_number(struct html *h)
{
	bool is_hex = h->entity_len > 2 && (h->entity[2] | 32) == 'x';
	unsigned i = is_hex ? 3 : 2;
	uint32_t cp = 0;
	char utf8[4];

	if (i >= h->entity_len)
		return false;
	for (; i < h->entity_len; i++) {
		char c = ascii_lower(h->entity[i]);

		cp = is_hex ? cp * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10)
		            : cp * 10 + (uint32_t)(c - '0');
		cp = MIN(cp, 0x110000u);
	}
	if (cp >= 0x80 && cp < 0xa0)
		cp = text_charsets[0].high[cp - 0x80];
	if (cp == 0)
		cp = 0xfffd;
	put_decoded(h, utf8, utf8_put(utf8, cp));
	return true;
}

/* entity holds "&name"; c ended it. True when c (a ';') belonged to it. */
static bool
end_entity(struct html *h, char c)
{
	struct span name = span(h->entity + 1, h->entity_len - 1);
	unsigned len = h->entity_len;
	bool is_value = h->state != TEXT;

	h->stats.entity_cnt++;
	if (name.len > 0 && name.p[0] == '#') {
		bool ok = put_number(h);

		h->entity_len = 0;
		if (!ok)
			put_decoded(h, h->entity, len);
		return ok && c == ';';
	}
	h->entity_len = 0;
	for (size_t n = name.len; n >= 2;
	     n--) { /* the longest that is known; without ';' only old ones */
		bool is_whole = n == name.len && c == ';';
		int at = is_whole || n <= BARE_MAX ? find_entity(h, span(name.p, n)) : -1;

		if (at >= 0 && (is_whole || (text_entities[at].is_bare &&
		                             !(is_value && (n < name.len || c == '='))))) {
			put_decoded(h, text_entities[at].utf8, strlen(text_entities[at].utf8));
			put_decoded(h, name.p + n, name.len - n);
			return is_whole;
		}
	}
	h->stats.entity_cnt--;
	put_decoded(h, h->entity, len);
	return false;
}

/* A byte while an entity is open. True when it was taken. */
static bool
entity_byte(struct html *h, char c)
{
	bool is_number = h->entity_len > 1 && h->entity[1] == '#';
	bool is_hex = is_number && h->entity_len > 2 && (h->entity[2] | 32) == 'x';
	char l = ascii_lower(c);
	bool is_digit = c >= '0' && c <= '9', is_letter = l >= 'a' && l <= 'z';
	bool joins = is_hex      ? is_digit || (l >= 'a' && l <= 'f')
	             : is_number ? is_digit || (l == 'x' && h->entity_len == 2)
	                         : is_digit || is_letter || (c == '#' && h->entity_len == 1);

	if (joins && is_number && h->entity_len > 12 && h->entity[h->entity_len - 1] != '0')
		return true; /* beyond any character: more digits change nothing */
	if (joins && h->entity_len < ENTITY_MAX) {
		h->entity[h->entity_len++] = c;
		return true;
	}
	return end_entity(h, c);
}

/* ---- tags ---- */

static struct span
trim(struct span s)
{
	while (s.len > 0 && (unsigned char)s.p[0] <= ' ')
		s = span_skip(s, 1);
	while (s.len > 0 && (unsigned char)s.p[s.len - 1] <= ' ')
		s.len--;
	return s;
}

static void
tell_url(struct html *h, const char *attr, struct span v)
{
	struct html_attr a = {
		.tag = span(h->name, h->name_len),
		.name = span_z(attr),
		.value = trim(v),
		.is_hidden = top(h)->is_gone || top(h)->is_invisible || h->style.is_gone,
		.is_cut = h->is_cut,
	};

	if (a.value.len > 5 && span_ieq(span(a.value.p, 5), span("data:", 5)))
		h->stats.flags |= HTML_F_DATA_URI;
	if (a.value.len == 0 || !h->ops->on_attr)
		return;
	flush(h); /* text and links in the order of the page, however it was cut */
	h->ops->on_attr(h->ctx, &a);
}

/* Position after z in s, case ignored; s.len + 1 when it is not there. */
static size_t
find_after(struct span s, const char *z)
{
	size_t n = strlen(z);

	for (size_t i = 0; i + n <= s.len; i++)
		if (span_ieq(span(s.p + i, n), span(z, n)))
			return i + n;
	return s.len + 1;
}

/* Position after "url(" in s; s.len + 1 when it is not there. */
static size_t
after_url(struct span s)
{
	const char *at = s.p, *end = s.p + s.len;

	while ((at = memchr(at, '(', (size_t)(end - at)))) {
		if (at - s.p >= 3 && span_ieq(span(at - 3, 3), span("url", 3)))
			return (size_t)(at - s.p) + 1;
		at++;
	}
	return s.len + 1;
}

static void
style_urls(struct html *h, struct span css)
{
	for (int i = 0; i < URLS_A_STYLE; i++) {
		size_t at = after_url(css), n = 0;

		if (at > css.len)
			return;
		css = span_skip(css, at);
		while (n < css.len && css.p[n] != ')')
			n++;
		struct span v = trim(span(css.p, n));
		if (v.len > 1 && (v.p[0] == '"' || v.p[0] == '\''))
			v = span(v.p + 1, v.len - 1 - (v.p[v.len - 1] == v.p[0]));
		tell_url(h, "style", v);
		css = span_skip(css, n);
	}
}

static void
url_value(struct html *h, struct span attr, struct span v)
{
	char name[HTML_NAME_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < v.len; i++) /* browsers ignore these inside a URL */
		if (v.p[i] != '\t' && v.p[i] != '\n' && v.p[i] != '\r')
			h->value[n++] = v.p[i];
	v = trim(span(h->value, n));
	memcpy(name, attr.p, attr.len);
	name[attr.len] = 0;
	if (h->attr_kind == ATTR_CONTENT) {
		size_t at = find_after(v, "url=");

		if (!span_is(span(h->name, h->name_len), "meta") || at > v.len)
			return;
		h->stats.flags |= HTML_F_META_REFRESH;
		v = trim(span_skip(v, at));
		if (v.len > 1 && (v.p[0] == '"' || v.p[0] == '\''))
			v = span(v.p + 1, v.len - 1 - (v.p[v.len - 1] == v.p[0]));
	} else if (h->attr_kind == ATTR_SRCSET) {
		const char *blank = memchr(v.p, ' ', v.len);

		v.len = blank ? (size_t)(blank - v.p) : v.len;
	}
	tell_url(h, name, v);
}

/* class="a b c" */
static void
class_value(struct html *h, struct span v)
{
	while (v.len > 0) {
		size_t n = 0;

		while (n < v.len && !is_space(v.p[n]))
			n++;
		if (n > 0)
			h->has_sheet_style |= html_sheet_find(
			        &h->sheet, html_sheet_id('.', span(v.p, n)), &h->sheet_style);
		v = span_skip(v, MIN(n + 1, v.len));
	}
}

static void
end_attr(struct html *h)
{
	struct span attr = span(h->attr, h->attr_len), v = span(h->value, h->value_len);

	if (h->attr_len == 0 || h->is_end_tag)
		return;
	h->attr_len = 0;
	if (attr.len > 2 && attr.p[0] == 'o' && attr.p[1] == 'n')
		h->stats.flags |= HTML_F_EVENT_HANDLER;
	switch (h->attr_kind) {
	case ATTR_NONE:
		break;
	case ATTR_URL:
	case ATTR_SRCSET:
	case ATTR_CONTENT:
		url_value(h, attr, v);
		break;
	case ATTR_STYLE:
		html_style_parse(&h->style, v);
		style_urls(h, v);
		break;
	case ATTR_COLOR:
		h->style.color = h->style.color == COLOR_NONE ? html_color(v) : h->style.color;
		break;
	case ATTR_BGCOLOR:
		if (h->style.background == COLOR_NONE && html_color(v) != COLOR_CLEAR)
			h->style.background = html_color(v);
		break;
	case ATTR_HIDDEN:
		h->style.is_gone = true;
		break;
	case ATTR_SIZE:
		if (span_is(span(h->name, h->name_len), "font"))
			h->style.is_tiny_font = trim(v).len == 1 && trim(v).p[0] == '0';
		break;
	case ATTR_TYPE:
		if (span_ieq_z(trim(v), "password"))
			h->stats.flags |= HTML_F_PASSWORD;
		break;
	case ATTR_CLASS:
		class_value(h, v);
		break;
	case ATTR_ID:
		h->has_sheet_style |=
		        html_sheet_find(&h->sheet, html_sheet_id('#', trim(v)), &h->sheet_style);
		break;
	}
}

static void
begin_attr(struct html *h)
{
	end_attr(h);
	h->attr_len = 0;
	h->value_len = 0;
	h->attr_kind = ATTR_NONE;
	h->is_cut = false;
}

/* The attribute's name is complete: is its value of interest? */
static void
end_attr_name(struct html *h)
{
	struct span attr = span(h->attr, h->attr_len);
	uint32_t at = attr_hash(attr);

	for (; h->attr_slot[at]; at = (at + 1) % ATTR_SLOTS)
		if (is_word(attr, attrs[h->attr_slot[at] - 1].name, ATTR_MAX)) {
			h->attr_kind = attrs[h->attr_slot[at] - 1].kind;
			break;
		}
	if (h->attr_kind >= ATTR_CLASS && h->sheet.cnt == 0)
		h->attr_kind = ATTR_NONE;
}

/* What the tag's own style does not say, its classes and id do, then its name. */
static void
merge(struct html_style *st, const struct html_style *more)
{
	st->is_gone |= more->is_gone;
	if (st->is_hidden_visibility < 0)
		st->is_hidden_visibility = more->is_hidden_visibility;
	if (st->is_tiny_font < 0)
		st->is_tiny_font = more->is_tiny_font;
	if (st->color == COLOR_NONE)
		st->color = more->color;
	if (st->background == COLOR_NONE)
		st->background = more->background;
}

static void
merge_sheet(struct html *h)
{
	struct html_style by_name;

	if (h->has_sheet_style)
		merge(&h->style, &h->sheet_style);
	if (!html_sheet_may(&h->sheet, h->name_hash))
		return;
	html_style_init(&by_name);
	if (html_sheet_find(&h->sheet, h->name_hash, &by_name))
		merge(&h->style, &by_name);
}

static void
open_element(struct html *h, struct span name)
{
	struct element e = *top(h);

	if (h->depth == HTML_DEPTH_MAX) {
		h->overflow++;
		return;
	}
	if (h->sheet.cnt > 0)
		merge_sheet(h);
	e.name = h->name_hash;
	e.is_gone |= h->style.is_gone;
	if (h->style.is_hidden_visibility >= 0)
		e.is_invisible = h->style.is_hidden_visibility;
	if (h->style.is_tiny_font >= 0)
		e.is_tiny = h->style.is_tiny_font;
	if (h->style.color != COLOR_NONE)
		e.color = h->style.color;
	if (h->style.background != COLOR_NONE)
		e.background = h->style.background;
	if (span_is(name, "a") && h->style.color == COLOR_NONE)
		e.color = COLOR_UNKNOWN; /* links have a colour of their own */
	if (e.color != top(h)->color || e.background != top(h)->background)
		e.is_faint = html_colors_alike(e.color, e.background);
	e.is_title |= span_is(name, "title");
	e.is_pre |= span_is(name, "pre") || span_is(name, "listing") || span_is(name, "textarea");
	h->open[h->depth++] = e;
}

static void
close_element(struct html *h)
{
	uint32_t id = h->name_hash;

	if (h->overflow > 0) {
		h->overflow--;
		return;
	}
	for (unsigned i = h->depth; i-- > 0;)
		if (h->open[i].name == id) {
			h->depth = i;
			return;
		}
}

/* A blank like a line end: it takes the place of one that was owed. */
static void
put_break_blank(struct html *h)
{
	h->owes_blank[h->lane] = true;
	pay_blank(h);
	h->ends_blank[h->lane] = true;
	h->has_blank = true;
}

static void
break_for(struct html *h, uint16_t kind)
{
	if (kind & BREAK_2)
		put_break(h, 2);
	else if (kind & BREAK_1)
		put_break(h, 1);
	else if (kind & SPACE)
		put_break_blank(h);
	else if (kind & BLANK)
		put_space(h, ' ');
}

static void
count_tag(struct html *h, struct span name)
{
	h->stats.link_cnt += span_is(name, "a");
	h->stats.image_cnt += span_is(name, "img");
	if (span_is(name, "form"))
		h->stats.flags |= HTML_F_FORM;
	else if (span_is(name, "script"))
		h->stats.flags |= HTML_F_SCRIPT;
	else if (span_is(name, "iframe"))
		h->stats.flags |= HTML_F_IFRAME;
	else if (span_is(name, "base"))
		h->stats.flags |= HTML_F_BASE;
}

static void
end_start_tag(struct html *h, struct span name)
{
	count_tag(h, name);
	if (h->overflow == 0 && h->depth > 0) {
		if ((h->kind & ENDS_P) && h->open[h->depth - 1].name == h->p_hash)
			h->depth--;
		else if ((h->kind & ENDS_SAME) && h->open[h->depth - 1].name == h->name_hash)
			h->depth--;
		set_lane(h);
	}
	break_for(h, h->kind);
	if (h->kind & IS_RAW) {
		h->state = RAW;
		h->raw_at = 0;
		memcpy(h->raw_name, h->name, h->name_len);
		h->raw_len = h->name_len;
		h->is_sheet = span_is(name, "style");
		if (h->is_sheet)
			html_sheet_begin(&h->sheet);
		return;
	}
	if (!(h->kind & IS_VOID))
		open_element(h, name);
}

static void
end_tag(struct html *h)
{
	struct span name = span(h->name, h->name_len);

	begin_attr(h);
	h->state = TEXT;
	h->stats.tag_cnt++;
	h->stats.unknown_tag_cnt += !(h->kind & KNOWN);
	if (h->is_end_tag) {
		if (span_is(name, "a") && h->ops->on_link_end) {
			flush(h);
			h->ops->on_link_end(h->ctx);
		}
		if (!(h->kind & IS_VOID))
			close_element(h);
		set_lane(h);
		break_for(h, h->kind);
		return;
	}
	end_start_tag(h, name);
	set_lane(h);
}

/* ---- the machine ---- */

/* Up to 64 bytes of text before the next '<' or '&'; returns how many. Not inside <pre>. */
static size_t
text_block(struct html *h, const char *p, size_t n)
{
	struct block64 b = n < BLOCK64 ? block64_load_part(p, n) : block64_load(p);
	unsigned len = MIN((unsigned)MIN(n, (size_t)BLOCK64),
	                   clear_run(block64_is(b, '<') | block64_is(b, '&')));
	uint64_t all = low_bits(len), white = block64_white(b) & all;
	uint64_t drop = white & (white << 1 | h->ends_blank[h->lane]);

	unsigned words; /* up to the last byte of a word */

	if (len == 0)
		return 0;
	if (white == all) {
		h->owes_blank[h->lane] |= drop != all;
		h->ends_blank[h->lane] = true;
		return len;
	}
	if (OUT_BYTES - h->out_len < PACK_ROOM + 1)
		flush(h);
	pay_blank(h);
	count_text(h, bit_cnt(all & ~white));
	words = 64 - (unsigned)__builtin_clzll(all & ~white);
	h->ends_blank[h->lane] = h->owes_blank[h->lane] = words < len;
	h->out_len += (unsigned)block64_pack(h->out + h->out_len, block64_blank(b, white),
	                                     all & ~drop & low_bits(words));
	return len;
}

/* As it is written, white space too. */
static size_t
pre_run(struct html *h, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t from = i;

		while (i < n && p[i] != '<' && p[i] != '&' && !is_space(p[i]))
			i++;
		if (i > from)
			put_word(h, p + from, i - from);
		if (i == n || p[i] == '<' || p[i] == '&')
			return i;
		put_space(h, p[i++]);
	}
	return i;
}

/* Text up to what needs a look; returns bytes taken. */
static size_t
text_run(struct html *h, const char *p, size_t n)
{
	size_t i = 0, len = BLOCK64;

	if (top(h)->is_pre)
		return pre_run(h, p, n);
	for (; i < n && len == BLOCK64; i += len)
		len = text_block(h, p + i, n - i);
	return i;
}

static void
begin_tag(struct html *h, bool is_end)
{
	h->is_end_tag = is_end;
	h->name_len = 0;
	h->attr_len = 0;
	html_style_init(&h->style);
	if (h->has_sheet_style)
		html_style_init(&h->sheet_style);
	h->has_sheet_style = false;
	h->state = TAG_NAME;
}

static void
end_tag_name(struct html *h)
{
	h->name_hash = html_sheet_name(span(h->name, h->name_len));
	h->kind = tag_kind(h, span(h->name, h->name_len));
	h->state = BEFORE_ATTR;
}

enum { ENDS_TAG = 1, ENDS_ATTR = 2 };

static const uint8_t ends_name[256] = {
	['\t' ... '\r'] = ENDS_TAG | ENDS_ATTR,
	[' '] = ENDS_TAG | ENDS_ATTR,
	['/'] = ENDS_TAG | ENDS_ATTR,
	['>'] = ENDS_TAG | ENDS_ATTR,
	['='] = ENDS_ATTR,
};

/* The bytes of a name up to what ends it; returns how many. */
static size_t
name_bytes(char name[HTML_NAME_MAX], uint8_t *len, uint8_t ends, const char *p, size_t n)
{
	size_t i = 0;

	for (; i < n && !(ends_name[(unsigned char)p[i]] & ends); i++)
		if (*len < HTML_NAME_MAX)
			name[(*len)++] = ascii_lower(p[i]);
	return i;
}

/* Bytes between < and >, but for values. True when c was taken. */
static bool
tag_byte(struct html *h, char c)
{
	switch (h->state) {
	case TAG_OPEN:
		if (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') {
			begin_tag(h, false);
			return false;
		}
		h->dash_cnt = 0;
		h->state = c == '/' ? END_OPEN : c == '!' ? DECLARATION : c == '?' ? BOGUS : TEXT;
		if (h->state == TEXT)
			put_word(h, "<", 1);
		return h->state != TEXT;
	case END_OPEN:
		if (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z')
			begin_tag(h, true);
		else
			h->state = BOGUS;
		return false;
	case TAG_NAME: /* what ends it: see tag_bytes() */
		end_tag_name(h);
		return false;
	default:
		break;
	}
	if (c == '>' && h->state != BEFORE_VALUE) {
		if (h->state == ATTR_NAME)
			end_attr_name(h);
		end_tag(h);
		return true;
	}
	switch (h->state) {
	case BEFORE_ATTR:
		if (is_space(c) || c == '/')
			return true;
		begin_attr(h);
		h->state = ATTR_NAME;
		if (h->attr_len < HTML_NAME_MAX)
			h->attr[h->attr_len++] = ascii_lower(c);
		return true;
	case ATTR_NAME:
		end_attr_name(h);
		h->state = AFTER_NAME;
		return false;
	case AFTER_NAME:
		if (is_space(c))
			return true;
		h->state = c == '=' ? BEFORE_VALUE : BEFORE_ATTR;
		return c == '=' || c == '/';
	default: /* BEFORE_VALUE */
		if (is_space(c))
			return true;
		if (c == '>') {
			end_tag(h);
			return true;
		}
		h->state = c == '"' ? VALUE_DQ : c == '\'' ? VALUE_SQ : VALUE_BARE;
		return h->state != VALUE_BARE;
	}
}

/* Bytes before the quote or '&'. */
static size_t
until_quote(const char *p, size_t n, char quote)
{
	size_t i = 0;

	while (i < n) {
		bool is_part = n - i < BLOCK64;
		struct block64 b = is_part ? block64_load_part(p + i, n - i) : block64_load(p + i);
		uint64_t ends = block64_is(b, (unsigned char)quote) | block64_is(b, '&');

		if (ends)
			return i + clear_run(ends);
		i += is_part ? n - i : BLOCK64;
	}
	return n;
}

/* Inside a value: a run without quote and entity, or what ends it. Returns bytes taken. */
static size_t
value_bytes(struct html *h, const char *p, size_t n)
{
	char quote = h->state == VALUE_DQ ? '"' : '\'';
	size_t i = 0;

	if (h->state == VALUE_BARE) {
		if (is_space(p[0]) || p[0] == '>') {
			h->state = BEFORE_ATTR;
			return 0;
		}
		while (i < n && !is_space(p[i]) && p[i] != '>' && p[i] != '&')
			i++;
	} else if (p[0] == quote) {
		h->state = BEFORE_ATTR;
		return 1;
	} else if (h->attr_kind == ATTR_NONE) {
		const char *end = memchr(p, quote, n);

		return end ? (size_t)(end - p) : n;
	} else {
		i = until_quote(p, n, quote);
	}
	value_put(h, p, i);
	if (i == 0) { /* & */
		h->entity[0] = '&';
		h->entity_len = 1;
		return 1;
	}
	return i;
}

static size_t
comment_bytes(struct html *h, const char *p, size_t n)
{
	const char *dash;

	if (h->dash_cnt == 0) {
		dash = memchr(p, '-', n);
		n = dash ? (size_t)(dash - p) : n;
		h->stats.comment_bytes += n;
		if (!dash)
			return n;
		h->dash_cnt = 1;
		return n + 1;
	}
	if (*p == '-') {
		h->dash_cnt = h->dash_cnt >= 2 ? 2 : h->dash_cnt + 1;
	} else if (*p == '>' && h->dash_cnt >= 2) {
		h->state = TEXT;
	} else if (*p == '!' && h->dash_cnt == 2) {
		h->dash_cnt = 3; /* "--!>" ends it too */
	} else {
		h->dash_cnt = 0;
	}
	return 1;
}

static size_t
raw_bytes(struct html *h, const char *p, size_t n)
{
	const char *lt;

	if (h->raw_at == 0) {
		lt = memchr(p, '<', n);
		n = lt ? (size_t)(lt - p) : n;
		h->stats.script_bytes += n;
		if (h->is_sheet)
			html_sheet_feed(&h->sheet, span(p, n));
		h->raw_at = lt ? 1 : 0;
		return lt ? n + 1 : n;
	}
	if (h->raw_at == 1
	            ? *p == '/'
	            : h->raw_at - 2 < h->raw_len && ascii_lower(*p) == h->raw_name[h->raw_at - 2]) {
		h->raw_at++;
		return 1;
	}
	if (h->raw_at == h->raw_len + 2u && (is_space(*p) || *p == '/' || *p == '>')) {
		begin_tag(h, true);
		memcpy(h->name, h->raw_name, h->raw_len);
		h->name_len = h->raw_len;
		end_tag_name(h);
		return 0;
	}
	h->stats.script_bytes += h->raw_at;
	h->raw_at = 0;
	return 0;
}

static bool
in_tag(const struct html *h)
{
	return h->state >= TAG_OPEN && h->state <= BEFORE_VALUE;
}

/* A tag up to a value or its end. */
static size_t
tag_bytes(struct html *h, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && in_tag(h)) {
		size_t taken = 0;

		if (h->state == TAG_NAME)
			taken = name_bytes(h->name, &h->name_len, ENDS_TAG, p + i, n - i);
		else if (h->state == ATTR_NAME)
			taken = name_bytes(h->attr, &h->attr_len, ENDS_ATTR, p + i, n - i);
		i += taken ? taken : tag_byte(h, p[i]);
	}
	return i;
}

/* At least one byte is taken, or the state changes. */
static size_t
step(struct html *h, const char *p, size_t n)
{
	const char *gt;

	if (h->entity_len > 0)
		return entity_byte(h, *p);
	switch (h->state) {
	case TEXT:
		if (*p == '<') {
			h->state = TAG_OPEN;
			return 1;
		}
		if (*p == '&') {
			h->entity[0] = '&';
			h->entity_len = 1;
			return 1;
		}
		return text_run(h, p, n);
	case VALUE_DQ:
	case VALUE_SQ:
	case VALUE_BARE:
		return value_bytes(h, p, n);
	case DECLARATION:
		if (*p == '-' && ++h->dash_cnt == 2)
			h->state = COMMENT;
		else if (*p != '-')
			h->state = BOGUS;
		return *p == '-';
	case BOGUS:
		gt = memchr(p, '>', n);
		if (gt)
			h->state = TEXT;
		return gt ? (size_t)(gt - p) + 1 : n;
	case COMMENT:
		return comment_bytes(h, p, n);
	case RAW:
		return raw_bytes(h, p, n);
	default:
		return tag_bytes(h, p, n);
	}
}

void
html_feed(struct html *h, struct span utf8)
{
	while (utf8.len > 0)
		utf8 = span_skip(utf8, step(h, utf8.p, utf8.len));
	flush(h);
}

void
html_end(struct html *h)
{
	if (h->entity_len > 0)
		end_entity(h, 0);
	if (h->state == TAG_OPEN)
		put_word(h, "<", 1);
	if (h->state >= TAG_NAME && h->state != BOGUS)
		h->stats.flags |= HTML_F_UNCLOSED;
	if (h->state >= BEFORE_ATTR && h->state <= VALUE_BARE)
		begin_attr(h); /* a link in a tag that is cut off is told all the same */
	pay_blank(h);
	flush(h);
	h->state = TEXT;
}
