/* SPDX-License-Identifier: BSD-3-Clause
 * msgid.c - Crockford's base32 (no I, L, O, U)
 */
#include "base/msgid.h"

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
msgid_format(uint64_t id, char out[MSGID_CHARS + 1])
{
	for (int i = MSGID_CHARS - 1; i >= 0; i--, id >>= 5)
		out[i] = digits[id & 31];
	out[MSGID_CHARS] = 0;
}

bool
msgid_parse(struct span text, uint64_t *out)
{
	uint64_t id = 0;

	if (text.len != MSGID_CHARS)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		const char *d;

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 32);
		d = c ? strchr(digits, c) : NULL;
		if (!d || (i == 0 && d - digits > 15)) /* the first digit carries four bits */
			return false;
		id = id << 5 | (uint64_t)(d - digits);
	}
	*out = id;
	return true;
}
