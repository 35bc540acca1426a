/* SPDX-License-Identifier: BSD-3-Clause
 * geo.h - country of an address from a MaxMind DB file
 *
 * Why     country_code at the top (iptoasn and others) and country.iso_code (MaxMind's own) are both read.
 * Owner   geo_open() maps the file; geo_close() unmaps. The file is locked in memory when the limit allows, so that a
 *         look-up does not wait for a disk.
 * Thread  Look-ups: any number.
 * Errors  The operator's: -errno and a text.
 */
#pragma once
#include "base/addr.h"

struct geo;

/* 0, or -errno with why set to a constant text. */
int geo_open(const char *path, struct geo **out, const char **why);
void geo_close(struct geo *g);

/* Two upper-case letters; false when not known. g may be NULL. */
bool geo_country(const struct geo *g, const struct addr *a, char out[2]);
