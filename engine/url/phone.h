/* SPDX-License-Identifier: BSD-3-Clause
 * phone.h - phone numbers in text and tel: links, as digits
 *
 * Why     Call-back scams have no link, only a number. "+1 (800) 555-0100" and "1.800.555.0100" are one entry of
 *         a list: digits with the country code when written, "18005550100".
 * Owner   The caller's storage, one per scan slot.
 * Thread  One.
 * Limit   PHONES_PER_MAIL_MAX numbers of 7 to 15 digits (E.164), each once; past it overflow_cnt counts.
 * Taken   A number with '+' (or 00 and a country), or one written in groups (blanks, dots, hyphens, brackets) of 10 or more digits, or
 *         groups 3-4 after a bracketed area code, or 10-11 bare digits of North American shape. Not dates, IPv4
 *         addresses, times, amounts, or digits stuck to letters.
 *         Digits are also full-width, mathematical, Arabic and key-cap ones; signs also their typographic forms; what is not shown
 *         between them is dropped. Letters O, l and I for digits ("8OO-555-OlOO") and words ("eight hundred" not, "eight zero
 *         zero" yes) only where the whole has the shape of a number of a country; not a number that begins with such a letter,
 *         nor one in words that begins otherwise than with eight or zero.
 */
#pragma once
#include "base/base.h"

#define PHONES_PER_MAIL_MAX 64
#define PHONE_DIGITS_MAX    15
#define PHONE_RUN_MAX       40 /* bytes of one written number */

struct phone {
	char digits[PHONE_DIGITS_MAX + 1]; /* terminated */
	uint8_t len;
	bool has_plus;  /* country code given */
	bool from_link; /* tel: or callto: */
	uint32_t part;
};

struct phone_set {
	unsigned cnt, overflow_cnt;
	struct phone phone[PHONES_PER_MAIL_MAX];
};

void phone_set_reset(struct phone_set *s); /* also the first time */

/* value of href; takes "tel:…", "callto:…", "sms:…", "whatsapp…phone=", "https://wa.me/…", "https://api.whatsapp.com/…phone="; others
 * are ignored. */
void phone_add_link(struct phone_set *s, struct span href, uint32_t part);

struct phone_finder {
	struct phone_set *set;
	uint32_t part;
	uint8_t run_len, token_at, utf8_left, before;
	bool is_cut, in_token, is_named; /* is_named: it stands behind "word:" */
	uint32_t cp;
	char run[PHONE_RUN_MAX];
};

void phone_finder_begin(struct phone_finder *f, struct phone_set *s, uint32_t part);
void phone_finder_feed(struct phone_finder *f, struct span utf8); /* visible text; any cut */
void phone_finder_end(struct phone_finder *f);
