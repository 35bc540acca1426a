/* SPDX-License-Identifier: BSD-3-Clause
 * address.c - see address.h
 */
#include "engine/address.h"

#define CLOSED_MAX                                                                                 \
	4096 /* bytes of a quote, a comment or an address; what closes later closes nothing */

static bool
is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && is_white(s.p[0]))
		s = span_skip(s, 1);
	while (s.len > 0 && is_white(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* From the byte that opens a quote, a comment or an address to behind the one that closes it; 1 when nothing does. */
static size_t
closed(struct span s, char close)
{
	size_t depth = 0;

	s.len = MIN(s.len, (size_t)CLOSED_MAX);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\') {
			i++;
			continue;
		}
		if (close == ')' && s.p[i] == '(')
			depth++;
		if (i > 0 && s.p[i] == close && (close != ')' || --depth == 0))
			return i + 1;
	}
	return 1;
}

/* The same where one that is never closed was seen before (a bit of *open): then none is looked for again, so that a text of nothing
 * but opening brackets costs no more than another. */
static size_t
closed_once(struct span s, char close, unsigned *open)
{
	unsigned bit = close == '"' ? 1 : close == ')' ? 2 : 4;
	size_t n = *open & bit ? 1 : closed(s, close);

	if (n == 1)
		*open |= bit;
	return n;
}

static size_t
skip_one(struct span s, unsigned *open)
{
	switch (s.p[0]) {
	case '"':
		return closed_once(s, '"', open);
	case '(':
		return closed_once(s, ')', open);
	case '<':
		return closed_once(s, '>', open);
	case '\\':
		return MIN(s.len, (size_t)2);
	default:
		return 1;
	}
}

/* Up to a comma or semicolon outside of quotes, comments and brackets. */
static struct span
take_item(struct span *rest)
{
	unsigned open = 0;
	size_t n = 0;
	struct span item;

	while (n < rest->len && rest->p[n] != ',' && rest->p[n] != ';')
		n += skip_one(span_skip(*rest, n), &open);
	n = MIN(n, rest->len);
	item = trim(span(rest->p, n));
	*rest = span_skip(*rest, MIN(n + 1, rest->len));
	return item;
}

static bool
looks_right(struct span s)
{
	const char *at = s.len ? memchr(s.p, '@', s.len) : NULL;

	if (!at || at == s.p || at + 1 == s.p + s.len)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (is_white(s.p[i]) || s.p[i] == '<' || s.p[i] == '>')
			return false;
	return true;
}

/* "Name <address> (comment)"; false when there is no "<…>". */
static bool
split_angle(struct span item, struct address *a)
{
	unsigned open = 0;

	for (size_t i = 0; i < item.len; i += skip_one(span_skip(item, i), &open)) {
		size_t n;

		if (item.p[i] != '<')
			continue;
		n = closed(span_skip(item, i), '>');
		if (n == 1)
			return false;
		a->phrase = trim(span(item.p, i));
		a->address = trim(span(item.p + i + 1, n - 2));
		if (!looks_right(a->address))
			a->address.len = 0;
		return true;
	}
	return false;
}

/* "address (comment)", "address" or only words. */
static void
split_plain(struct span item, struct address *a)
{
	const char *open = item.len ? memchr(item.p, '(', item.len) : NULL;
	struct span head = open ? trim(span(item.p, (size_t)(open - item.p))) : item;

	if (head.len > 1 && head.p[0] == '"' && head.p[head.len - 1] == '"' &&
	    looks_right(span(head.p + 1, head.len - 2)))
		head = span(head.p + 1, head.len - 2);
	if (looks_right(head)) {
		a->address = head;
		if (open) {
			struct span c = span_skip(item, (size_t)(open - item.p));
			size_t n = closed(c, ')');

			a->phrase = n > 1 ? trim(span(c.p + 1, n - 2)) : span("", 0);
		}
	} else {
		a->phrase = head;
	}
}

bool
address_next(struct span *rest, struct address *out)
{
	while (rest->len > 0) {
		struct span item = take_item(rest);
		const char *colon = item.len ? memchr(item.p, ':', item.len) : NULL;

		/* "undisclosed-recipients:;" and the head of a group */
		if (colon && item.p[0] != '"' && item.p[0] != '<' &&
		    !memchr(item.p, '@', (size_t)(colon - item.p)) &&
		    !memchr(item.p, '"', (size_t)(colon - item.p)) &&
		    !memchr(item.p, '<', (size_t)(colon - item.p)) &&
		    !memmem(item.p, (size_t)(colon - item.p), "=?", 2))
			item = trim(span_skip(item, (size_t)(colon - item.p) + 1));
		if (item.len == 0)
			continue;
		*out = (struct address){ .address = span("", 0), .phrase = span("", 0) };
		if (!split_angle(item, out))
			split_plain(item, out);
		return true;
	}
	return false;
}

size_t
address_name(const struct address *a, char *out, size_t cap)
{
	struct span s = a->phrase, t;
	bool in_quote = false;
	unsigned open = 0;
	size_t n = 0;

	for (size_t i = 0; i < s.len && n < cap; i++) {
		if (s.p[i] == '"') {
			in_quote = !in_quote;
		} else if (!in_quote && s.p[i] == '(') {
			i += closed_once(span_skip(s, i), ')', &open) - 1;
		} else {
			if (s.p[i] == '\\' && i + 1 < s.len)
				i++;
			out[n++] = s.p[i];
		}
	}
	t = trim(span(out, n));
	if (t.len == 0 || span_eq(t, a->address))
		return 0;
	memmove(out, t.p, t.len);
	return t.len;
}

struct span
address_tidy_name(char *p, size_t len)
{
	struct span t = trim(span(p, len));
	size_t n = 0;

	for (size_t i = 0; i < t.len; i++) {
		if (!is_white(t.p[i]))
			p[n++] = t.p[i];
		else if (n > 0 && p[n - 1] != ' ')
			p[n++] = ' ';
	}
	if (n >= 2 && p[0] == '\'' && p[n - 1] == '\'')
		return span(p + 1, n - 2);
	return span(p, n);
}
