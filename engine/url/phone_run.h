/* SPDX-License-Identifier: BSD-3-Clause
 * phone_run.h - a written number after its characters are plain: is it one, and which
 *
 * Why     Inside engine/url only. phone_find.c cuts runs out of text, phone.c judges them.
 */
#pragma once
#include "engine/url/phone.h"

/* What a run is made of: digits, the signs + ( ) - . / and blank, and digits that were not written as digits: */
#define PHONE_ZERO 'o' /* the letter O */
#define PHONE_ONE  'l' /* the letters l and I */
#define PHONE_WORD 'A' /* 'A' + d: the word for d */

/* Adds the number that a run is. One that only makes sense with letters or words as digits has to have the shape of a national or
 * international number; else what stands between those is judged by itself. */
void phone_judge(struct phone_set *s, struct span run, uint32_t part);
