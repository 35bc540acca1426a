/* SPDX-License-Identifier: BSD-3-Clause
 * html_style.h - what an inline style or an old attribute says about being seen
 *
 * Why     Inside engine/text only. A pure function from "display:none; color:#fff" to facts; no cascade. Style sheets:
 *         html_sheet.h.
 */
#pragma once
#include "base/base.h"

#define COLOR_NONE    UINT32_MAX       /* not said */
#define COLOR_UNKNOWN (UINT32_MAX - 1) /* said, but an image, a gradient, a word we do not know */
#define COLOR_CLEAR   (UINT32_MAX - 2) /* transparent: as text, not to be seen on anything */

struct html_style {
	uint32_t color, background;  /* 0xrrggbb or the above */
	int8_t is_hidden_visibility; /* -1 not said, 0 visible, 1 hidden */
	int8_t is_tiny_font;         /* -1 not said (or relative), 0 no, 1 size 0 or 1 */
	bool is_gone; /* display:none, opacity 0, no height, clipped, off the page: children cannot undo it */
};

void html_style_init(struct html_style *s);

/* A style attribute, entities decoded. Adds to *s. */
void html_style_parse(struct html_style *s, struct span css);

/* "#fff", "white", "rgb(255, 255, 255)", "ffffff" */
uint32_t html_color(struct span v);

/* Are two colours too close to be told apart? */
bool html_colors_alike(uint32_t a, uint32_t b);
