/* SPDX-License-Identifier: BSD-3-Clause
 * url_name.h - what a host's name alone tells: borrowed from a well-known company, made to be thrown away
 *
 * Why     A phish is sent before any list has its domain. The name has to deceive, and has to be free and cheap.
 * Thread  Any; constants and pure functions. Bounded by the length of a host.
 */
#pragma once
#include "engine/url/url.h"

/* host, its U-labels (or host again) and registrable as in struct url, the last not empty. Bits of enum url_flag:
 * URL_F_BRAND  a well-known name as a label, or a word between hyphens, of a host whose own domain has another name
 *              (paypal.x.example, paypal-login.example), or a word that looks like one: digits for letters, rn for m,
 *              one letter more, less, other or swapped (Damerau 1964) for names of 6 letters and more;
 *              in a U-label also accents and the letters of other alphabets, all of one or mixed.
 * URL_F_FRESH  the domain's own label is of the sort that is bought by the hundred: digits between letters, several hyphens,
 *              a run of six consonants, or a long name, under an ending that costs next to nothing. */
uint32_t url_name_flags(struct span host, struct span registrable, struct span utf8);
