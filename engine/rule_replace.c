/* SPDX-License-Identifier: BSD-3-Clause
 * rule_replace.c - replace_tag and its kin: "<A>" in an expression becomes what the tag stands for
 *
 * As Mail::SpamAssassin::Plugin::ReplaceTags does it, pass by pass: "<pre X>", "<inter X>" and "<post X>" say what comes before
 * each tag, between two that touch, and after each; a replacement may hold tags again, REPLACE_PASSES deep.
 */
#include "engine/ruleset_internal.h"

#define REPLACE_PASSES   6
#define REPLACED_MAX     65536 /* bytes of an expression after replacement */
#define REPLACE_TAGS_MAX 4096

struct tag {
	struct span name, text;
};

struct rule_tags {
	struct tag *tag[TAG_KINDS];
	size_t cnt[TAG_KINDS], room[TAG_KINDS];
	struct span *rule; /* names of replace_rules */
	size_t rule_cnt, rule_room;
};

static struct rule_tags *
tags_of(struct ruleset *s)
{
	if (!s->tags)
		s->tags = calloc(1, sizeof(*s->tags));
	BUG_ON(!s->tags);
	return s->tags;
}

static struct tag *
find_tag(const struct rule_tags *t, enum rule_tag_kind kind, struct span name)
{
	for (size_t i = 0; i < t->cnt[kind]; i++)
		if (span_eq(t->tag[kind][i].name, name))
			return &t->tag[kind][i];
	return NULL;
}

void
rule_tag_add(struct line *l, enum rule_tag_kind kind)
{
	struct rule_tags *t = tags_of(l->s);
	struct span name;
	struct tag *old;

	if (!next_word(&l->rest, &name) || l->rest.len == 0) {
		rule_refuse(l, l->rest.p, "the name of a tag and an expression were expected");
		return;
	}
	old = find_tag(t, kind, name);
	if (!old) {
		if (t->cnt[kind] == REPLACE_TAGS_MAX) {
			rule_refuse(l, name.p, "more than %d tags", REPLACE_TAGS_MAX);
			return;
		}
		t->tag[kind] = ruleset_grow(t->tag[kind], t->cnt[kind] + 1, &t->room[kind],
		                            sizeof(*t->tag[kind]));
		old = &t->tag[kind][t->cnt[kind]++];
		old->name = ruleset_copy(l->s, name);
	}
	old->text = ruleset_copy(l->s, l->rest);
}

void
rule_replace_add(struct line *l)
{
	struct rule_tags *t = tags_of(l->s);
	struct span name;

	if (l->rest.len == 0)
		rule_refuse(l, l->rest.p, "names of rules were expected");
	while (next_word(&l->rest, &name)) {
		t->rule = ruleset_grow(t->rule, t->rule_cnt + 1, &t->rule_room, sizeof(*t->rule));
		t->rule[t->rule_cnt++] = ruleset_copy(l->s, name);
	}
}

/* Text being put together; full stops it. */
struct out {
	size_t len;
	bool is_full;
	char buf[REPLACED_MAX];
};

static void
put(struct out *o, struct span s)
{
	if (s.len > sizeof(o->buf) - o->len) {
		o->is_full = true;
		return;
	}
	memcpy(o->buf + o->len, s.p, s.len);
	o->len += s.len;
}

/* The next "<…>" without '<' or '>' inside, from at; len 0: none. */
static struct span
next_tag(struct span text, size_t at)
{
	for (size_t i = at; i < text.len; i++) {
		size_t n = i + 1;

		if (text.p[i] != '<')
			continue;
		while (n < text.len && text.p[n] != '<' && text.p[n] != '>')
			n++;
		if (n < text.len && text.p[n] == '>' && n > i + 1)
			return span(text.p + i, n + 1 - i);
	}
	return span("", 0);
}

/* Takes the first "<word NAME>" out of text; returns what NAME stands for, NULL without. */
static const struct tag *
take_modifier(const struct rule_tags *t, enum rule_tag_kind kind, const char *word,
              struct out *text)
{
	size_t n = strlen(word), at;
	struct span name;
	char *from, *end;

	from = memmem(text->buf, text->len, word, n);
	if (!from || !(end = memchr(from, '>', text->len - (size_t)(from - text->buf))))
		return NULL;
	name = span(from + n, (size_t)(end - from) - n);
	const struct tag *found = find_tag(t, kind, name);

	at = (size_t)(end + 1 - text->buf);
	memmove(from, end + 1, text->len - at);
	text->len -= (size_t)(end + 1 - from);
	return found;
}

/* One pass; true when a replacement had tags in it. */
static bool
replace_pass(const struct rule_tags *t, struct out *in, struct out *o)
{
	const struct tag *pre = take_modifier(t, TAG_PRE, "<pre ", in);
	const struct tag *post = take_modifier(t, TAG_POST, "<post ", in);
	const struct tag *inter = take_modifier(t, TAG_INTER, "<inter ", in);
	struct span text = span(in->buf, in->len), tag;
	bool again = false;
	size_t at = 0;

	o->len = 0;
	while ((tag = next_tag(text, at)).len > 0) {
		size_t from = (size_t)(tag.p - text.p);
		const struct tag *to = find_tag(t, TAG_TAG, span(tag.p + 1, tag.len - 2));

		if (from == at && inter)
			put(o, inter->text);
		put(o, span(text.p + at, from - at));
		if (pre)
			put(o, pre->text);
		put(o, to ? to->text : tag);
		if (post)
			put(o, post->text);
		again |= to && next_tag(to->text, 0).len > 0;
		at = from + tag.len;
	}
	put(o, span_skip(text, at));
	return again;
}

/* False: it grew too long. */
static bool
replace_one(struct ruleset *s, struct rule_pattern *p, struct out *a, struct out *b)
{
	bool again = true;

	a->len = 0;
	a->is_full = b->is_full = false;
	put(a, p->text);
	for (unsigned i = 0; i < REPLACE_PASSES && again && !a->is_full; i++) {
		struct out *swap = a;

		again = replace_pass(s->tags, a, b);
		a = b;
		b = swap;
	}
	if (a->is_full || b->is_full)
		return false;
	p->text = ruleset_copy(s, span(a->buf, a->len));
	return true;
}

static void
too_long(struct ruleset *s, const struct rule_pattern *p, struct snapshot_errors *e)
{
	struct rule *r = &s->rules[p->rule];
	struct error_at at = { s->files[p->file], p->line, p->column };

	if (p->is_lenient)
		skipped_add(e, at, "%s: more than %d bytes with its tags replaced", r->name.p,
		            REPLACED_MAX);
	else
		error_add(e, at, "more than %d bytes with its tags replaced", REPLACED_MAX);
	r->kind = RULE_SKIPPED;
}

void
rule_replace_all(struct ruleset *s, struct snapshot_errors *e)
{
	struct out *a, *b;
	uint8_t *wanted;

	if (!s->tags)
		return;
	a = calloc(2, sizeof(*a));
	wanted = calloc(s->rule_cnt + 1, 1);
	BUG_ON(!a || !wanted);
	b = a + 1;
	for (size_t i = 0; i < s->tags->rule_cnt; i++) {
		uint32_t n = ruleset_find(s, s->tags->rule[i]);

		if (n != RULE_NONE)
			wanted[n] = 1;
	}
	for (enum lane k = 0; k < LANES; k++)
		for (size_t i = 0; i < s->lane[k].cnt; i++) {
			struct rule_pattern *p = &s->lane[k].item[i];

			if (!p->is_literal && wanted[p->rule] && !replace_one(s, p, a, b))
				too_long(s, p, e);
		}
	free(a);
	free(wanted);
}

void
rule_tags_free(struct rule_tags *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < TAG_KINDS; i++)
		free(t->tag[i]);
	free(t->rule);
	free(t);
}
