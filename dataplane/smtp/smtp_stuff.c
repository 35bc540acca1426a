/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_stuff.c - dots that are first in a line, found a block at a time
 */
#include "dataplane/smtp/smtp_stuff.h"
#include "dataplane/smtp/smtp_scan.h"

/* The place of the first dot behind an LF, at or after `n` (n >= 1); s.len when there is none. */
static size_t
next_dot(struct span s, size_t n)
{
	for (; s.len - n >= SMTP_SCAN_BYTES; n += SMTP_SCAN_BYTES) {
		uint32_t dots = smtp_scan_dots(s.p + n);

		if (dots)
			return n + (unsigned)__builtin_ctz(dots);
	}
	while (n < s.len && !(s.p[n] == '.' && s.p[n - 1] == '\n'))
		n++;
	return n;
}

bool
smtp_stuff_next(struct smtp_stuff *s, struct span *in, struct span *run, bool *dot)
{
	if (!in->len)
		return false;
	*dot = !s->mid_line && *in->p == '.';
	*run = span(in->p, next_dot(*in, 1));
	*in = span_skip(*in, run->len);
	s->mid_line = run->p[run->len - 1] != '\n';
	s->cr = run->p[run->len - 1] == '\r';
	return true;
}

struct span
smtp_stuff_end(const struct smtp_stuff *s)
{
	if (s->cr)
		return span("\n.\r\n", 4);
	return s->mid_line ? span("\r\n.\r\n", 5) : span(".\r\n", 3);
}
