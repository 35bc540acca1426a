/* SPDX-License-Identifier: BSD-3-Clause
 * html_sheet.h - rules of <style> that hide elements by their name, class or id
 *
 * Why     Inside engine/text only. Gmail, Apple Mail and Outlook.com keep <style>: ".x{display:none}" hides text as an inline style does.
 *         One selector of a name, a class or an id ("q", "p.x", "#y"), or a list of such, counts; no combinators, no states. What is inside
 *         @media is left out: newsletters hide there what they show elsewhere.
 * Owner   The caller's storage.
 * Limit   SHEET_RULES_MAX rules, SHEET_TEXT_MAX bytes of a selector or a block, SHEET_BYTES of all blocks; what is past them is
 *         skipped. A block is parsed when an element needs it. Linear.
 * Source  CSS 2.1, 4.1 (syntax), 5 (selectors).
 */
#pragma once
#include "engine/text/html_style.h"

#define SHEET_RULES_MAX 64
#define SHEET_TEXT_MAX  512
#define SHEET_BYTES     8192

enum sheet_state {
	SHEET_SELECTOR,
	SHEET_BLOCK,
	SHEET_SKIP, /* an at-rule with its blocks */
};

struct html_sheet {
	enum sheet_state state;
	bool is_long, in_comment;
	char last; /* byte before, for comments' ends */
	unsigned depth, len, selector_len;
	char text[SHEET_TEXT_MAX], selector[SHEET_TEXT_MAX];
	unsigned cnt, used;
	uint64_t filter[4]; /* bits of the rules' ids */
	struct {
		uint32_t id;        /* hash of ".x", "#y" or "<q" */
		uint16_t from, len; /* of its block in bytes; len 0: parsed */
		struct html_style style;
	} rule[SHEET_RULES_MAX];
	char bytes[SHEET_BYTES];
};

void html_sheet_reset(struct html_sheet *s); /* a new page: no rules */
void html_sheet_begin(struct html_sheet *s); /* <style> */
void html_sheet_feed(struct html_sheet *s, struct span css);

/* A name to a number; h: 2166136261 to begin with. */
static inline uint32_t
html_sheet_hash(uint32_t h, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return h ^ h >> 15;
}

/* Ids: of an element's name (lower case), which html.c has anyway; of a class ('.') or an id ('#'). */
static inline uint32_t
html_sheet_name(struct span name)
{
	return html_sheet_hash(2166136261u, name);
}

static inline uint32_t
html_sheet_id(char kind, struct span name)
{
	return html_sheet_hash((2166136261u ^ (unsigned char)kind) * 16777619u, name);
}

/* May there be a rule for id? */
static inline bool
html_sheet_may(const struct html_sheet *s, uint32_t id)
{
	return s->filter[id >> 6 & 3] >> (id & 63) & 1;
}

/* What the rules for id say is added to *to; false when there is none. */
bool html_sheet_find(struct html_sheet *s, uint32_t id, struct html_style *to);
