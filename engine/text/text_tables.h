/* SPDX-License-Identifier: BSD-3-Clause
 * text_tables.h - constant tables behind charset.h, html.h and fold.h
 *
 * Why     Inside engine/text only. Made by gen_tables.py from Python's codecs and unicodedata.
 * Thread  Any: constants.
 */
#pragma once
#include "base/base.h"

struct text_charset {
	const char *name, *alias; /* aliases with a blank between */
	uint16_t high[128];       /* code points of 0x80..0xff; 0xfffd: none */
};
extern const struct text_charset text_charsets[];
extern const unsigned text_charsets_cnt;

/* By name with its ";": "emsp13" comes before "emsp". */
struct text_entity {
	char name[33], utf8[7]; /* without & and ; */
	bool is_bare;           /* understood without ';' too */
};
extern const struct text_entity text_entities[];
extern const unsigned text_entities_cnt;

/* Code point below 0x20000 -> offset in the pool (length byte, then UTF-8), 0: unchanged. Blocks of 64. */
extern const uint8_t text_fold_pool[];
extern const uint16_t text_fold_stage1[];
extern const uint16_t text_fold_stage2[];
