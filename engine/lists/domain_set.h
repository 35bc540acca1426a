/* SPDX-License-Identifier: BSD-3-Clause
 * domain_set.h - domains with those below them, exceptions, and URL prefixes, on top of key_set
 *
 * Why     "evil.example" lists a.b.evil.example too, "!good.evil.example" takes one out again: the longest entry decides.
 * Thread  Pure look-ups, any thread.
 * Limit   DOMAIN_LABELS_MAX suffixes of a host are probed (the shortest ones and the host itself), URL_PREFIXES_MAX prefixes of a path.
 */
#pragma once
#include "engine/lists/key_set.h"

#define DOMAIN_LABELS_MAX 10
#define URL_PREFIXES_MAX  8
/* Bits of a value, beside the line. */
#define LIST_EXCEPT (1u << 31) /* an exception */
#define LIST_ALONE  (1u << 30) /* of a domain: not those below it */
#define LIST_BELOW  (1u << 29) /* of a domain: only those below it */
#define LIST_LINE   (LIST_BELOW - 1)

/* host: lower case, no trailing dot. The line of the longest suffix that is listed and no exception. */
bool domain_set_find(const struct key_set *s, struct span host, uint32_t *value);

/* rest: "host/path?query", host lower case. The longest listed prefix that ends at a '/', '?', '&' or the end. */
bool url_prefix_find(const struct key_set *s, struct span rest, uint32_t *value);

/* address: "local@domain", lower case. "a@b" first, then "@b" and "@" with b's parents. */
bool sender_set_find(const struct key_set *s, struct span address, uint32_t *value);

/* The first two for up to KEY_SET_BATCH hosts or rests at once (key_set_find_batch). Bit i of the result: item i is listed and
 * values[i] was written. */
uint32_t domain_set_find_batch(const struct key_set *s, const struct span *hosts, size_t cnt,
                               uint32_t *values);
uint32_t url_prefix_find_batch(const struct key_set *s, const struct span *rests, size_t cnt,
                               uint32_t *values);
