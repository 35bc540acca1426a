/* SPDX-License-Identifier: BSD-3-Clause
 * xml.h - as much XML as office files need: external targets of relationships, links, text
 *
 * Why     Inside engine/file only. OOXML keeps links apart from the text, in *.rels: <Relationship Type= Target= TargetMode="External"/>;
 *         ODF has xlink:href in content.xml. Text is what is not in a tag.
 * Owner   The caller's storage.
 * Limit   XML_TAG_MAX bytes of a tag; what is longer is cut. Linear.
 * Source  ECMA-376 part 2 (relationships), part 1 (w:p, a:p, w:br, w:tab, si); OASIS OpenDocument 1.2 (text:a, text:p, text:h).
 */
#pragma once
#include "engine/file/file_out.h"

#define XML_TAG_MAX    2048
#define XML_ENTITY_MAX 10

struct xml {
	bool has_text; /* text is wanted */
	bool in_tag, in_entity;
	char quote; /* inside a value */
	unsigned len, entity_len;
	char tag[XML_TAG_MAX], entity[XML_ENTITY_MAX];
};

void xml_begin(struct xml *x, bool has_text);
void xml_feed(struct xml *x, struct file_out *o, struct span s);
