/* SPDX-License-Identifier: BSD-3-Clause
 * rule_regex.c - an expression between delimiters, as Mail::SpamAssassin::Util::compile_regexp() reads it
 *
 * The last delimiter that only flags follow ends it; a plain delimiter inside must be escaped, brackets need not be.
 */
#include "engine/ruleset_internal.h"

static char
closing(char open)
{
	switch (open) {
	case '{':
		return '}';
	case '(':
		return ')';
	case '[':
		return ']';
	case '<':
		return '>';
	default:
		return open;
	}
}

/* Is the byte at i escaped by an odd number of backslashes? */
static bool
is_escaped(struct span s, size_t i)
{
	size_t n = 0;

	while (n < i && s.p[i - n - 1] == '\\')
		n++;
	return n % 2 == 1;
}

/* Where the opening delimiter is; false after an error. */
static bool
find_open(struct line *l, char *open)
{
	struct span r = l->rest;

	if (r.len >= 1 && r.p[0] == 'm')
		r = span_skip(r, 1);
	else if (r.len >= 2 && r.p[0] == 'q' && r.p[1] == 'r')
		r = span_skip(r, 2);
	else if (r.len < 2 || r.p[0] != '/')
		r.len = 0;
	if (r.len < 2 || r.p[0] == '\\' || r.p[0] == '_' || is_blank(r.p[0]) ||
	    (ascii_lower(r.p[0]) >= 'a' && ascii_lower(r.p[0]) <= 'z')) {
		rule_refuse(l, l->rest.p, "an expression as /…/ was expected");
		return false;
	}
	*open = r.p[0];
	l->rest = span_skip(r, 1);
	return true;
}

/* The closing delimiter: the first one, or between brackets and in SpamAssassin's files the last one. */
static size_t
find_close(const struct line *l, char open, char close)
{
	struct span r = l->rest;

	if (open == close && !l->is_lenient) {
		for (size_t i = 0; i < r.len; i++)
			if (r.p[i] == close && !is_escaped(r, i))
				return i;
		return r.len;
	}
	for (size_t i = r.len; i-- > 0;)
		if (r.p[i] == close && !is_escaped(r, i))
			return i;
	return r.len;
}

static bool
parse_flags(struct line *l, struct regex *out)
{
	size_t i = 0;

	for (; i < l->rest.len && !is_blank(l->rest.p[i]); i++)
		switch (l->rest.p[i]) {
		case 'i':
			out->is_caseless = true;
			break;
		case 'm':
			out->is_multiline = true;
			break;
		case 's':
			out->is_dotall = true;
			break;
		case 'x':
			out->is_extended = true;
			break;
		case 'a': /* bytes are what is matched, and once is enough */
		case 'o':
		case 'g':
		case 'p':
		case 'u':
			break;
		default:
			rule_refuse(l, l->rest.p + i, "flag '%c' is not known", l->rest.p[i]);
			return false;
		}
	l->rest = trim(span_skip(l->rest, i));
	return true;
}

bool
rule_regex_parse(struct line *l, struct regex *out)
{
	const char *start = l->rest.p;
	char open, close;
	size_t end;

	if (!find_open(l, &open))
		return false;
	start = l->rest.p - 1;
	close = closing(open);
	end = find_close(l, open, close);
	if (end == l->rest.len) {
		rule_refuse(l, start, "the expression has no end");
		return false;
	}
	*out = (struct regex){ .text = span(l->rest.p, end) };
	for (size_t i = 0; open == close && i < end; i++)
		if (out->text.p[i] == close && !is_escaped(out->text, i)) {
			rule_refuse(l, out->text.p + i, "'%c' inside needs a '\\'", close);
			return false;
		}
	l->rest = span_skip(l->rest, end + 1);
	if (!parse_flags(l, out))
		return false;
	if (out->text.len == 0)
		rule_refuse(l, start, "an empty expression matches everything");
	return out->text.len > 0;
}

void
rule_regex_add(struct line *l, enum lane lane, const struct regex *x, uint32_t rule, uint32_t view)
{
	struct rule_pattern p = { .is_caseless = x->is_caseless,
		                  .is_multiline = x->is_multiline,
		                  .is_dotall = x->is_dotall,
		                  .is_lenient = l->is_lenient,
		                  .rule = rule,
		                  .def = l->s->rules[rule].def,
		                  .view = view,
		                  .file = l->file,
		                  .line = l->no,
		                  .column = (uint32_t)(x->text.p - l->text.p) + 1 };
	size_t n = x->text.len + (x->is_extended ? 4 : 0);
	char *z = arena_alloc(&l->s->arena, n + 1);

	memcpy(z, "(?x)", 4 * (size_t)x->is_extended);
	memcpy(z + (x->is_extended ? 4 : 0), x->text.p, x->text.len);
	p.text = span(z, n);
	ruleset_add_pattern(l->s, lane, &p);
}
