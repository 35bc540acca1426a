/* SPDX-License-Identifier: BSD-3-Clause
 * html_style.c - inline CSS, as much as hides text
 */
#include "engine/text/html_style.h"

void
html_style_init(struct html_style *s)
{
	*s = (struct html_style){ COLOR_NONE, COLOR_NONE, -1, -1, false };
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

static bool
begins(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len >= n && span_ieq(span(s.p, n), span(z, n));
}

static bool
has_function(struct span s, const char *z)
{
	const char *at;

	while ((at = memchr(s.p, '(', s.len))) { /* z is a word and its bracket */
		size_t n = (size_t)(at - s.p) + 1;

		if (n >= strlen(z) && begins(span_skip(s, n - strlen(z)), z))
			return true;
		s = span_skip(s, n);
	}
	return false;
}

/* A number at the start of s; the rest is its unit. False without one. */
static bool
number(struct span *s, double *v)
{
	bool is_negative = false, has_digit = false;
	double scale = 1;

	*v = 0;
	if (s->len > 0 && (s->p[0] == '-' || s->p[0] == '+'))
		is_negative = span_shift(s) == '-';
	for (bool is_fraction = false; s->len > 0; *s = span_skip(*s, 1)) {
		if (s->p[0] == '.' && !is_fraction) {
			is_fraction = true;
			continue;
		}
		if (s->p[0] < '0' || s->p[0] > '9')
			break;
		has_digit = true;
		scale *= is_fraction ? 0.1 : 1;
		*v = is_fraction ? *v + scale * (s->p[0] - '0')
		                 : MIN(*v * 10 + (s->p[0] - '0'), 1e9);
	}
	if (is_negative)
		*v = -*v;
	return has_digit;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint32_t
hex_color(struct span v)
{
	uint32_t c = 0;

	if (v.len != 3 && v.len != 4 && v.len != 6 && v.len != 8)
		return COLOR_UNKNOWN;
	for (size_t i = 0; i < (v.len < 6 ? 3 : 6); i++) {
		int d = hex(v.p[i]);

		if (d < 0)
			return COLOR_UNKNOWN;
		c = v.len < 6 ? c << 8 | (uint32_t)(d * 17) : c << 4 | (uint32_t)d;
	}
	return c;
}

static uint32_t
rgb_color(struct span v)
{
	uint32_t c = 0;
	double alpha;

	while (v.len > 0 && v.p[0] != '(')
		v = span_skip(v, 1);
	for (int i = 0; i < 3; i++) {
		double d;

		while (v.len > 0 && !(v.p[0] >= '0' && v.p[0] <= '9') && v.p[0] != '.')
			v = span_skip(v, 1);
		if (!number(&v, &d))
			return COLOR_UNKNOWN;
		if (v.len > 0 && v.p[0] == '%')
			d = d * 2.55;
		c = c << 8 | (uint32_t)MAX(0, MIN(d, 255));
	}
	while (v.len > 0 && !(v.p[0] >= '0' && v.p[0] <= '9') && v.p[0] != '.')
		v = span_skip(v, 1);
	return number(&v, &alpha) && alpha == 0 ? COLOR_CLEAR : c;
}

uint32_t
html_color(struct span v)
{
	/* clang-format off */
	static const struct { const char *name; uint32_t rgb; } names[] = {
		{ "white", 0xffffff },   { "black", 0 },           { "snow", 0xfffafa },      { "ivory", 0xfffff0 },
		{ "whitesmoke", 0xf5f5f5 }, { "ghostwhite", 0xf8f8ff }, { "red", 0xff0000 },  { "blue", 0x0000ff },
		{ "green", 0x008000 },   { "yellow", 0xffff00 },   { "gray", 0x808080 },      { "grey", 0x808080 },
		{ "silver", 0xc0c0c0 },  { "lightgrey", 0xd3d3d3 }, { "lightgray", 0xd3d3d3 }, { "navy", 0x000080 },
		{ "maroon", 0x800000 },  { "orange", 0xffa500 },   { "purple", 0x800080 },    { "teal", 0x008080 },
		{ "lime", 0x00ff00 },    { "aqua", 0x00ffff },     { "cyan", 0x00ffff },      { "fuchsia", 0xff00ff },
		{ "magenta", 0xff00ff }, { "floralwhite", 0xfffaf0 }, { "azure", 0xf0ffff },  { "beige", 0xf5f5dc },
	};
	/* clang-format on */

	v = trim(v);
	if (begins(v, "transparent"))
		return COLOR_CLEAR;
	if (v.len > 0 && v.p[0] == '#')
		return hex_color(span_skip(v, 1));
	if (begins(v, "rgb"))
		return rgb_color(v);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_ieq_z(v, names[i].name))
			return names[i].rgb;
	return hex_color(v);
}

bool
html_colors_alike(uint32_t a, uint32_t b)
{
	uint32_t distance = 0;

	if (a == COLOR_CLEAR)
		return true;
	if (a >= COLOR_CLEAR || b >= COLOR_CLEAR)
		return false;
	for (unsigned i = 0; i < 24; i += 8) {
		int d = (int)(a >> i & 255) - (int)(b >> i & 255);

		distance += (uint32_t)(d * d);
	}
	return distance <= 12 * 12 * 3;
}

static int8_t
tiny_font(struct span v)
{
	double size;

	if (!number(&v, &size))
		return begins(v, "inherit") || begins(v, "smaller") || begins(v, "larger") ? -1 : 0;
	v = trim(v);
	if (begins(v, "%"))
		return size <= 5 ? 1 : -1;
	if (begins(v, "em"))
		return size <= 0.1 ? 1 : -1;
	if (begins(v, "rem"))
		return size <= 0.1;
	return size <= 1;
}

/* Does v begin with the number `most` or less, of any unit? */
static bool
is_at_most(struct span v, double most)
{
	double d;

	return number(&v, &d) && d <= most;
}

/* So far to the left or above that it is off the page. */
static bool
is_far(struct span v)
{
	double d;

	if (!number(&v, &d))
		return false;
	v = trim(v);
	if (begins(v, "em") || begins(v, "rem"))
		return d <= -30;
	return d <= (begins(v, "%") || begins(v, "v") ? -100 : -500);
}

/* clip: rect(0 0 0 0), rect(1px, 1px, 1px, 1px): the four numbers leave nothing. */
static bool
is_clipped(struct span v)
{
	double d;
	int cnt = 0;

	if (!begins(v, "rect("))
		return false;
	for (v = span_skip(v, 5); v.len > 0 && v.p[0] != ')'; v = span_skip(v, 1))
		if (v.p[0] >= '0' && v.p[0] <= '9') {
			if (!number(&v, &d) || d > 1)
				return false;
			cnt++;
			if (v.len == 0)
				break;
		}
	return cnt == 4;
}

/* clip-path: inset(50%) and more, circle(0); transform: scale(0). */
static bool
is_shrunk(struct span v)
{
	double d;
	bool is_inset = begins(v, "inset(");

	if (!is_inset && !begins(v, "circle(") && !begins(v, "scale("))
		return false;
	while (v.len > 0 && v.p[0] != '(')
		v = span_skip(v, 1);
	v = span_skip(v, 1);
	return number(&v, &d) && (is_inset ? d >= 50 && begins(v, "%") : d == 0);
}

/* font: [weight or style] size[/height] family: the first number that has a unit or a '/', or is 0. */
static int8_t
font_size(struct span v)
{
	while (v.len > 0) {
		struct span rest = v;
		double d;

		if (number(&rest, &d) &&
		    (d == 0 || (rest.len > 0 && (unsigned char)rest.p[0] > ' ')))
			return tiny_font(v);
		while (v.len > 0 && (unsigned char)v.p[0] > ' ')
			v = span_skip(v, 1);
		v = trim(v);
	}
	return -1;
}

struct boxes { /* things that hide only together */
	bool is_overflow_hidden, is_flat, is_absolute, is_away;
};

enum property {
	P_AWAY,
	P_BACKGROUND,
	P_BACKGROUND_COLOR,
	P_BACKGROUND_IMAGE,
	P_CLIP,
	P_COLOR,
	P_DISPLAY,
	P_FAR,
	P_FLAT,
	P_FONT,
	P_FONT_SIZE,
	P_OPACITY,
	P_OVERFLOW,
	P_POSITION,
	P_SHRUNK,
	P_VISIBILITY,
	P_NONE,
};

static enum property
property(struct span name)
{
	/* clang-format off */
	static const struct { char name[18]; uint8_t len, p; } rows[] = { /* by length */
		{ "top", 3, P_AWAY },                    { "left", 4, P_AWAY },            { "clip", 4, P_CLIP },
		{ "font", 4, P_FONT },                   { "color", 5, P_COLOR },          { "width", 5, P_FLAT },
		{ "right", 5, P_AWAY },                  { "height", 6, P_FLAT },          { "bottom", 6, P_AWAY },
		{ "display", 7, P_DISPLAY },             { "opacity", 7, P_OPACITY },      { "overflow", 8, P_OVERFLOW },
		{ "position", 8, P_POSITION },           { "font-size", 9, P_FONT_SIZE },  { "max-width", 9, P_FLAT },
		{ "clip-path", 9, P_SHRUNK },            { "transform", 9, P_SHRUNK },     { "visibility", 10, P_VISIBILITY },
		{ "background", 10, P_BACKGROUND },      { "max-height", 10, P_FLAT },     { "margin-top", 10, P_FAR },
		{ "text-indent", 11, P_FAR },            { "margin-left", 11, P_FAR },
		{ "background-color", 16, P_BACKGROUND_COLOR }, { "background-image", 16, P_BACKGROUND_IMAGE },
	};
	static const uint8_t first[18] = { 0, 0, 0, 0, 1, 4, 7, 9, 11, 13, 17, 21, 23, 23, 23, 23, 23, 25 };
	/* clang-format on */

	if (name.len > 16)
		return P_NONE;
	for (size_t i = first[name.len]; i < first[name.len + 1]; i++)
		if (span_ieq(name, span(rows[i].name, rows[i].len)))
			return rows[i].p;
	return P_NONE;
}

static void
background(struct html_style *s, struct span v)
{
	if (!begins(v, "none") && !begins(v, "transparent") && !begins(v, "inherit"))
		s->background = html_color(v);
	if (s->background == COLOR_CLEAR)
		s->background = COLOR_NONE;
}

static void
declaration(struct html_style *s, struct boxes *b, struct span name, struct span v)
{
	switch (property(name)) {
	case P_AWAY:
		b->is_away |= is_far(v);
		break;
	case P_BACKGROUND:
	case P_BACKGROUND_COLOR:
		background(s, v);
		break;
	case P_BACKGROUND_IMAGE:
		if (!begins(v, "none"))
			s->background = COLOR_UNKNOWN;
		break;
	case P_CLIP:
		b->is_away |= is_clipped(v);
		break;
	case P_COLOR:
		s->color = html_color(v);
		break;
	case P_DISPLAY:
		s->is_gone |= begins(v, "none");
		break;
	case P_FAR:
		s->is_gone |= is_far(v);
		break;
	case P_FLAT:
		b->is_flat |= is_at_most(v, 0);
		break;
	case P_FONT:
		s->is_tiny_font = font_size(v);
		break;
	case P_FONT_SIZE:
		s->is_tiny_font = tiny_font(v);
		break;
	case P_OPACITY:
		s->is_gone |= is_at_most(v, 0.05);
		break;
	case P_OVERFLOW:
		b->is_overflow_hidden |= begins(v, "hidden");
		break;
	case P_POSITION:
		b->is_absolute |= begins(v, "absolute") || begins(v, "fixed");
		break;
	case P_SHRUNK:
		s->is_gone |= is_shrunk(v);
		break;
	case P_VISIBILITY:
		s->is_hidden_visibility = begins(v, "hidden") || begins(v, "collapse");
		break;
	case P_NONE:
		break;
	}
}

/* Bytes before the ';' that ends the declaration; not one in brackets: url(data:...;...). */
static size_t
declaration_len(struct span css, bool has_bracket)
{
	const char *semicolon;
	size_t n = 0;

	if (!has_bracket) {
		semicolon = memchr(css.p, ';', css.len);
		return semicolon ? (size_t)(semicolon - css.p) : css.len;
	}
	for (int depth = 0; n < css.len && (css.p[n] != ';' || depth > 0); n++)
		depth += css.p[n] == '(' ? 1 : css.p[n] == ')' && depth > 0 ? -1 : 0;
	return n;
}

void
html_style_parse(struct html_style *s, struct span css)
{
	struct boxes b = { false, false, false, false };
	bool has_bracket = css.len > 0 && memchr(css.p, '(', css.len);

	while (css.len > 0) {
		size_t n = declaration_len(css, has_bracket);
		const char *colon = memchr(css.p, ':', n);

		if (colon) {
			size_t at = (size_t)(colon - css.p);
			struct span v = trim(span(colon + 1, n - at - 1));

			declaration(s, &b, trim(span(css.p, at)), v);
			if (has_bracket && has_function(v, "url("))
				s->background = COLOR_UNKNOWN;
		}
		css = span_skip(css, n < css.len ? n + 1 : n);
	}
	s->is_gone |= (b.is_overflow_hidden && b.is_flat) || (b.is_absolute && b.is_away);
}
