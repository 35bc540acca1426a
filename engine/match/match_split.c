/* SPDX-License-Identifier: BSD-3-Clause
 * match_split.c - an expression that is a list of alternatives to expressions of their own
 *
 * Why     Lists of a hundred phrases are common in sets of rules. As one expression a list is as common as its commonest phrase, and
 *         PCRE2 tries all of them wherever a literal of one is seen. Apart, most phrases stand behind a rare literal of their own.
 *         A text matches "a|b" when it matches "a" or "b", so that what hits stays the same; how often and where first does not.
 */
#include "engine/match/literal.h"
#include "engine/match/match_set_internal.h"

/* Flags that are set inside, names, references and verbs reach over alternatives: such an expression stays whole. */
static bool
reaches_over(struct span s, size_t at)
{
	static const char *const plain[] = { "?:", "?=", "?!", "?<=", "?<!", "?>" };
	struct span in = span_skip(s, at + 1);

	if (in.len > 0 && in.p[0] == '*')
		return true;
	if (in.len == 0 || in.p[0] != '?')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (in.len >= strlen(plain[i]) && !memcmp(in.p, plain[i], strlen(plain[i])))
			return false;
	return true;
}

/* Behind the class that begins at `at`. */
static size_t
class_end(struct span s, size_t at)
{
	at++;
	at += at < s.len && s.p[at] == '^';
	at += at < s.len && s.p[at] == ']';
	while (at < s.len && s.p[at] != ']') {
		size_t n = literal_named_class(span_skip(s, at));

		at += n > 0 ? n : s.p[at] == '\\' ? 2 : 1;
	}
	return at + 1;
}

static bool
is_known_escape(char c)
{
	return !strchr("123456789gkQEGKcNopP", c);
}

/* The alternatives of s; 0 when it is to stay whole. */
static size_t
alternatives(struct span s, struct span *out, size_t max)
{
	size_t n = 0, begun = 0, depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '\\') {
			if (i + 1 >= s.len || !s.p[i + 1] || !is_known_escape(s.p[i + 1]))
				return 0;
			i++;
		} else if (c == '[') {
			i = class_end(s, i) - 1;
		} else if (c == '(') {
			if (reaches_over(s, i))
				return 0;
			depth++;
		} else if (c == ')') {
			if (depth-- == 0)
				return 0;
		} else if (c == '|' && depth == 0) {
			if (n + 1 >= max)
				return 0;
			out[n++] = span(s.p + begun, i - begun);
			begun = i + 1;
		}
	}
	if (depth != 0)
		return 0;
	out[n++] = span(s.p + begun, s.len - begun);
	return n;
}

size_t
match_split(struct span text, struct span *out, size_t max)
{
	size_t n = alternatives(text, out, max);

	for (size_t i = 0; i < n; i++)
		if (out[i].len == 0)
			n = 0; /* it may be nothing: told of the whole */
	if (n < 2)
		out[0] = text;
	return MAX(n, (size_t)1);
}

/* Few patterns are Hyperscan's, or PCRE2's one by one, as they are. */
static bool
is_large(const struct match_set_spec *s, size_t in_group)
{
	return in_group > (s->is_short ? MATCH_SHORT_GROUP : MATCH_FEW_GROUP);
}

static void
add_piece(struct match_pieces *p, const struct match_set_pattern *of, uint32_t pattern,
          struct span text)
{
	if (p->spec.cnt == p->room) {
		p->room = p->room ? p->room * 2 : 256;
		p->pattern = realloc(p->pattern, p->room * sizeof(*p->pattern));
		p->of = realloc(p->of, p->room * sizeof(*p->of));
		BUG_ON(!p->pattern || !p->of);
	}
	p->of[p->spec.cnt] = pattern;
	p->pattern[p->spec.cnt] = *of;
	p->pattern[p->spec.cnt++].p.text = text;
}

void
match_pieces_make(const struct match_set_spec *s, struct match_pieces *p)
{
	struct span part[MATCH_SPLIT_MAX];

	*p = (struct match_pieces){ .spec = *s };
	p->spec.cnt = 0;
	for (size_t from = 0, to; from < s->cnt; from = to) {
		for (to = from; to < s->cnt && s->pattern[to].group == s->pattern[from].group; to++)
			;
		for (size_t i = from; i < to; i++) {
			const struct match_set_pattern *x = &s->pattern[i];
			bool is_list = is_large(s, to - from) && !x->is_counted && !x->p.is_literal;
			size_t n = is_list ? match_split(x->p.text, part, MATCH_SPLIT_MAX) : 1;

			for (size_t k = 0; k < n; k++)
				add_piece(p, x, (uint32_t)i, is_list ? part[k] : x->p.text);
		}
	}
	p->spec.pattern = p->pattern;
}

void
match_pieces_fini(struct match_pieces *p)
{
	free(p->pattern);
	free(p->of);
}
