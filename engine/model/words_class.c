/* SPDX-License-Identifier: BSD-3-Clause
 * words_class.c - classes of bytes; hosts
 */
#include "engine/model/words_class.h"

/* clang-format off */
const uint16_t words_class_of[256] = {
	[0 ... 0x20] = C_OTHER, ['"' ... '#'] = C_OTHER, ['&' ... ')'] = C_OTHER, ['+' ... ','] = C_OTHER,
	['/'] = C_OTHER, [';' ... '<'] = C_OTHER, ['>' ... '?'] = C_OTHER, ['[' ... '^'] = C_OTHER, ['`'] = C_OTHER,
	['{' ... 0x7f] = C_OTHER,
	['a' ... 'z'] = C_LETTER, ['A' ... 'Z'] = C_LETTER, ['0' ... '9'] = C_DIGIT, [0x80 ... 0xff] = C_HIGH,
	['!'] = C_SIGN, ['$'] = C_SIGN, ['%'] = C_SIGN,
	['.'] = C_DOT, ['@'] = C_AT, [':'] = C_COLON, ['_'] = C_LINE, ['-'] = C_LINE, ['='] = C_LINE, ['*'] = C_LINE,
};
/* clang-format on */

/* Two letters, or one of the suffixes that people write without a scheme. */
static bool
is_suffix(struct span s)
{
	static const char *const words[] = { "com", "net",  "org", "info", "biz", "edu",
		                             "gov", "mil",  "int", "name", "pro", "xyz",
		                             "top", "site", "dev", "app",  "shop" };

	if (s.len == 2)
		return words_class_of[(unsigned char)s.p[0]] &
		       words_class_of[(unsigned char)s.p[1]] & C_LETTER;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (span_is(s, words[i]))
			return true;
	return false;
}

bool
words_is_host(struct span s, unsigned classes)
{
	struct span label = span(s.p, 0);
	bool has_dot = false, has_letter = false;

	if (classes & C_COLON && memmem(s.p, s.len, "://", 3))
		return true;
	while (s.len > 0 && !(words_class_of[(unsigned char)s.p[0]] & C_WORD))
		s = span_skip(s, 1);
	if (s.len > 4 && !memcmp(s.p, "www.", 4))
		return true;
	label.p = s.p;
	for (size_t i = 0; i < s.len; i++) {
		unsigned c = words_class_of[(unsigned char)s.p[i]];

		if (c & C_DOT && i + 1 < s.len &&
		    words_class_of[(unsigned char)s.p[i + 1]] & C_WORD) {
			has_dot = true;
			label = span(s.p + i + 1, 0);
		} else if (c & C_WORD || s.p[i] == '-') {
			has_letter |= !(c & C_DIGIT);
			label.len++;
		} else {
			break;
		}
	}
	return has_dot && has_letter && is_suffix(label);
}
