/* SPDX-License-Identifier: BSD-3-Clause
 * html_sheet.c - style sheets, as much as hides text
 */
#include "engine/text/html_sheet.h"
#include "base/block64.h"

void
html_sheet_reset(struct html_sheet *s)
{
	s->cnt = s->used = 0;
	memset(s->filter, 0, sizeof(s->filter));
	html_sheet_begin(s);
}

void
html_sheet_begin(struct html_sheet *s)
{
	s->state = SHEET_SELECTOR;
	s->is_long = s->in_comment = false;
	s->last = 0;
	s->depth = s->len = s->selector_len = 0;
}

/* Names of elements have no case, those of classes and ids do. */
static uint32_t
id_of(char kind, struct span name)
{
	char lower[SHEET_TEXT_MAX];

	if (kind != '<')
		return html_sheet_id(kind, name);
	for (size_t i = 0; i < name.len; i++)
		lower[i] = ascii_lower(name.p[i]);
	return html_sheet_name(span(lower, name.len));
}

static bool
is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || (c & 0x80);
}

static size_t
name_len(struct span s)
{
	size_t n = 0;

	while (n < s.len && is_name_byte(s.p[n]))
		n++;
	return n;
}

/* "q", "p.x", ".x", "#x": the name and its kind; len 0 for any other selector. */
static struct span
simple(struct span s, char *kind)
{
	size_t n = name_len(s);

	*kind = '<';
	if (n == s.len)
		return s;
	s = span_skip(s, n);
	*kind = span_shift(&s);
	if ((*kind != '.' && *kind != '#') || name_len(s) != s.len)
		return span("", 0);
	return s;
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && (unsigned char)s.p[0] <= ' ')
		s = span_skip(s, 1);
	while (s.len > 0 && (unsigned char)s.p[s.len - 1] <= ' ')
		s.len--;
	return s;
}

/* The next selector of a list that is one of ours; false when there is none. */
static bool
next_id(struct span *list, uint32_t *id)
{
	while (list->len > 0) {
		const char *comma = memchr(list->p, ',', list->len);
		size_t n = comma ? (size_t)(comma - list->p) : list->len;
		char kind = 0;
		struct span name = simple(trim(span(list->p, n)), &kind);

		*list = span_skip(*list, comma ? n + 1 : n);
		if (name.len > 0) {
			*id = id_of(kind, name);
			return true;
		}
	}
	return false;
}

static void
add_rules(struct html_sheet *s)
{
	struct span list = span(s->selector, s->selector_len);
	uint32_t id;

	if (!next_id(&list, &id) || s->len == 0 || s->len > sizeof(s->bytes) - s->used)
		return;
	memcpy(s->bytes + s->used, s->text, s->len);
	do {
		if (s->cnt == SHEET_RULES_MAX)
			return;
		s->filter[id >> 6 & 3] |= (uint64_t)1 << (id & 63);
		s->rule[s->cnt].id = id;
		s->rule[s->cnt].from = (uint16_t)s->used;
		s->rule[s->cnt++].len = (uint16_t)s->len;
	} while (next_id(&list, &id));
	s->used += s->len;
}

/* The selector is there and its block begins. */
static void
begin_block(struct html_sheet *s)
{
	struct span list = trim(span(s->text, s->len));

	while (list.len > 0 &&
	       strchr("<!->", list.p[0])) /* <!-- and --> mean nothing; html.c keeps the '<' */
		list = span_skip(list, 1);
	list = trim(list);
	s->state = list.len > 0 && list.p[0] == '@' ? SHEET_SKIP : SHEET_BLOCK;
	s->depth = 1;
	s->selector_len = s->is_long ? 0 : (unsigned)list.len;
	memmove(s->selector, list.p, s->selector_len);
	s->len = 0;
	s->is_long = false;
}

/* One of the bytes that mean something; true when it does not belong to the text. */
static bool
special(struct html_sheet *s, char c)
{
	if (c == '*' && s->last == '/') {
		s->in_comment = true;
		s->len -= s->len > 0;
		return true;
	}
	if (c == '{' && s->state == SHEET_SELECTOR) {
		begin_block(s);
		return true;
	}
	if (c == '{') {
		s->depth++;
		s->state = SHEET_SKIP; /* a block inside one: not ours */
		return true;
	}
	if (c == '}' && s->state != SHEET_SELECTOR) {
		if (--s->depth > 0)
			return true;
		if (s->state == SHEET_BLOCK && !s->is_long && s->selector_len > 0)
			add_rules(s);
	}
	if (c == '}' || (c == ';' && s->state == SHEET_SELECTOR)) { /* "@import …;" */
		s->state = SHEET_SELECTOR;
		s->len = 0;
		s->is_long = false;
		return true;
	}
	return false;
}

static void
keep(struct html_sheet *s, struct span css)
{
	size_t n = MIN(css.len, sizeof(s->text) - s->len);

	if (s->state == SHEET_SKIP)
		return;
	memcpy(s->text + s->len, css.p, n);
	s->len += (unsigned)n;
	s->is_long |= n < css.len;
}

/* Up to the '/' that ends a comment; returns bytes taken. */
static size_t
comment(struct html_sheet *s, struct span css)
{
	const char *from = css.p, *end = css.p + css.len, *slash;

	while ((slash = memchr(from, '/', (size_t)(end - from)))) {
		if ((slash == css.p ? s->last : slash[-1]) == '*') {
			s->in_comment = false;
			s->last = 0;
			return (size_t)(slash - css.p) + 1;
		}
		from = slash + 1;
	}
	s->last = css.p[css.len - 1];
	return css.len;
}

/* Bytes before the next that means something: ';' only outside of blocks. */
static size_t
until_special(struct span css, bool is_selector)
{
	for (size_t i = 0; i < css.len; i += BLOCK64) {
		struct block64 b = css.len - i < BLOCK64 ? block64_load_part(css.p + i, css.len - i)
		                                         : block64_load(css.p + i);
		uint64_t hit = block64_is(b, '{') | block64_is(b, '}') | block64_is(b, '*');

		if (is_selector)
			hit |= block64_is(b, ';');

		if (hit)
			return i + clear_run(hit);
	}
	return css.len;
}

void
html_sheet_feed(struct html_sheet *s, struct span css)
{
	while (css.len > 0) {
		size_t n = 0;

		if (s->in_comment) {
			css = span_skip(css, comment(s, css));
			continue;
		}
		n = until_special(css, s->state == SHEET_SELECTOR);
		keep(s, span(css.p, n));
		if (n > 0)
			s->last = css.p[n - 1];
		css = span_skip(css, n);
		if (css.len == 0)
			return;
		if (!special(s, css.p[0]))
			keep(s, span(css.p, 1));
		s->last = s->in_comment ? 0 : css.p[0];
		css = span_skip(css, 1);
	}
}

static const struct html_style *
style_of(struct html_sheet *s, unsigned i)
{
	struct html_style *st = &s->rule[i].style;

	if (s->rule[i].len == 0)
		return st;
	html_style_init(st);
	html_style_parse(st, span(s->bytes + s->rule[i].from, s->rule[i].len));
	s->rule[i].len = 0;
	return st;
}

bool
html_sheet_find(struct html_sheet *s, uint32_t id, struct html_style *to)
{
	bool has_rule = false;

	for (unsigned i = 0; i < s->cnt && html_sheet_may(s, id); i++) {
		const struct html_style *st;

		if (s->rule[i].id != id)
			continue;
		st = style_of(s, i);
		has_rule = true;
		to->is_gone |= st->is_gone;
		if (st->is_hidden_visibility >= 0)
			to->is_hidden_visibility = st->is_hidden_visibility;
		if (st->is_tiny_font >= 0)
			to->is_tiny_font = st->is_tiny_font;
		if (st->color != COLOR_NONE)
			to->color = st->color;
		if (st->background != COLOR_NONE)
			to->background = st->background;
	}
	return has_rule;
}
