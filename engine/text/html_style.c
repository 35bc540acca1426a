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
	return c;
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

	if (a >= COLOR_UNKNOWN || b >= COLOR_UNKNOWN)
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

/* Does v begin with the number 0 (or less), of any unit? */
static bool
is_zero(struct span v, double most)
{
	double d;

	return number(&v, &d) && d <= most;
}

struct boxes { /* things that hide only together */
	bool is_overflow_hidden, is_flat, is_absolute, is_away;
};

static void
declaration(struct html_style *s, struct boxes *b, struct span name, struct span v)
{
	switch (name.len) { /* few names have the length of one that matters */
	case 3:
		if (span_ieq_z(name, "top"))
			b->is_away |= is_zero(v, -500);
		break;
	case 4:
		if (span_ieq_z(name, "left"))
			b->is_away |= is_zero(v, -500);
		break;
	case 5:
		if (span_ieq_z(name, "color"))
			s->color = begins(v, "transparent") ? COLOR_UNKNOWN : html_color(v);
		break;
	case 6:
		if (span_ieq_z(name, "height"))
			b->is_flat |= is_zero(v, 0);
		break;
	case 7:
		if (span_ieq_z(name, "display"))
			s->is_gone |= begins(v, "none");
		else if (span_ieq_z(name, "opacity"))
			s->is_gone |= is_zero(v, 0.05);
		break;
	case 8:
		if (span_ieq_z(name, "overflow"))
			b->is_overflow_hidden |= begins(v, "hidden");
		else if (span_ieq_z(name, "position"))
			b->is_absolute |= begins(v, "absolute") || begins(v, "fixed");
		break;
	case 9:
		if (span_ieq_z(name, "font-size"))
			s->is_tiny_font = tiny_font(v);
		else if (span_ieq_z(name, "max-width"))
			b->is_flat |= is_zero(v, 0);
		break;
	case 10:
		if (span_ieq_z(name, "visibility"))
			s->is_hidden_visibility = begins(v, "hidden") || begins(v, "collapse");
		else if (span_ieq_z(name, "background") && !begins(v, "none") &&
		         !begins(v, "transparent"))
			s->background = html_color(v);
		else if (span_ieq_z(name, "max-height"))
			b->is_flat |= is_zero(v, 0);
		break;
	case 11:
		if (span_ieq_z(name, "text-indent"))
			s->is_gone |= is_zero(v, -500);
		break;
	case 16:
		if (span_ieq_z(name, "background-color") && !begins(v, "transparent") &&
		    !begins(v, "inherit"))
			s->background = html_color(v);
		else if (span_ieq_z(name, "background-image") && !begins(v, "none"))
			s->background = COLOR_UNKNOWN;
		break;
	default:
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
