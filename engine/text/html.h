/* SPDX-License-Identifier: BSD-3-Clause
 * html.h - HTML to the text a reader sees, the text he does not see, and links; streaming
 *
 * Why     "V<b>ia</b>gra", "<span style=display:none>ham words</span>" and "&#86;iagra" are what filters
 *         are up against. Inline tags join words, block tags break lines, entities are decoded, hidden
 *         text goes to a lane of its own.
 * Owner   html_new() allocates; feeding does not. Spans live until the callback returns.
 * Thread  One per scan slot.
 * Limit   HTML_DEPTH_MAX open elements are tracked for hiding (deeper ones inherit), HTML_VALUE_MAX bytes of an
 *         attribute value (the rest is skipped). Linear in the input, whatever it is.
 * Input   UTF-8 (charset.h). Cuts do not change the concatenated output of a lane, nor the attributes, nor what text came before
 *         which attribute.
 * Output  UTF-8. White space of the source is one blank each run; "\n" only from block tags and <br>
 *         ("\n\n" around paragraphs), and as written inside <pre>. Feed the lanes to
 *         render_feed() for SpamAssassin's paragraphs and to fold_feed() for phrases.
 */
#pragma once
#include "base/base.h"

#define HTML_DEPTH_MAX 128
#define HTML_VALUE_MAX 4096
#define HTML_NAME_MAX  31 /* of tags and attributes; longer ones are cut */

enum html_lane {
	HTML_VISIBLE,
	HTML_HIDDEN, /* by style: display, visibility, font size 0 or 1, colour on its own colour, opacity, clip, off the page … */
	HTML_TITLE,  /* <title>: not part of the shown text */
};

enum html_flag {
	HTML_F_FORM = 1u << 0,
	HTML_F_SCRIPT = 1u << 1,
	HTML_F_IFRAME = 1u << 2,
	HTML_F_META_REFRESH = 1u << 3,
	HTML_F_ZERO_FONT = 1u << 4,     /* text in font size 0 or 1 */
	HTML_F_NO_DISPLAY = 1u << 5,    /* text under display:none or visibility:hidden */
	HTML_F_LOW_CONTRAST = 1u << 6,  /* text in the colour of its background */
	HTML_F_EVENT_HANDLER = 1u << 7, /* onload= and the like */
	HTML_F_DATA_URI = 1u << 8,
	HTML_F_UNCLOSED = 1u << 9,  /* input ended inside a tag, comment or script */
	HTML_F_PASSWORD = 1u << 10, /* <input type=password> */
	HTML_F_BASE = 1u << 11,
};

struct html_stats {
	uint64_t visible_bytes, hidden_bytes; /* of text without white space, after decoding */
	uint64_t comment_bytes, script_bytes; /* <script> and <style> */
	uint32_t tag_cnt, link_cnt, image_cnt, entity_cnt, unknown_tag_cnt;
	uint32_t flags;
};

/* A URL-bearing attribute: href src action background poster cite data formaction srcset … , the URL of
 * <meta http-equiv=refresh content="0;url=…">, and url(…) in style attributes. */
struct html_attr {
	struct span tag, name; /* lower case */
	struct span value; /* entities decoded, tabs and newlines removed, outer blanks trimmed */
	bool is_hidden;    /* the element is not shown */
	bool is_cut;       /* value went past HTML_VALUE_MAX */
};

struct html_ops { /* any may be NULL */
	void (*on_text)(void *ctx, enum html_lane lane, struct span utf8);
	void (*on_attr)(void *ctx, const struct html_attr *a);
	void (*on_link_end)(void *ctx); /* </a>: what was shown since is the link's text */
};

struct html;

struct html *html_new(const struct html_ops *ops, void *ctx);
void html_free(struct html *h);
void html_reset(struct html *h); /* before each part, the first one too */
void html_feed(struct html *h, struct span utf8);
void html_end(struct html *h);
const struct html_stats *html_stats(const struct html *h);
