/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_line.c - lines by looking for LF; what stands before it decides
 */
#include "dataplane/smtp/smtp_line.h"

void
smtp_line_release(struct smtp_line *l, const struct smtp_line_lender *lender)
{
	if (!l->buf)
		return;
	lender->put(lender->ctx, l->buf);
	l->buf = NULL;
	l->len = 0;
}

/*
 * A CR that no LF follows, in bytes before the LF or the end of what is there. The first byte must
 * be LF if `after_cr`.
 */
static bool
has_bare_cr(struct span s, bool after_cr)
{
	const char *cr;

	if (after_cr && s.len && s.p[0] != '\n')
		return true;
	cr = s.len > 1 ? memchr(s.p, '\r', s.len - 1) : NULL;
	return cr && cr[1] != '\n';
}

/* `part` is kept for later: a line that goes on in the next input. */
static enum smtp_line_status
keep(struct smtp_line *l, const struct smtp_line_lender *lender, struct span part)
{
	if (part.len == 0)
		return SMTP_LINE_MORE;
	l->cr = part.p[part.len - 1] == '\r';
	if (l->skip || l->len + part.len > SMTP_COMMAND_MAX - 1u - !l->cr) {
		smtp_line_release(l, lender);
		l->skip = true;
		return SMTP_LINE_MORE;
	}
	if (!l->buf && !(l->buf = lender->get(lender->ctx)))
		return SMTP_LINE_NO_BUFFER;
	memcpy(l->buf + l->len, part.p, part.len);
	l->len = (uint16_t)(l->len + part.len);
	return SMTP_LINE_MORE;
}

/* `part` ends in LF and is the line's last; its bytes are joined to those held. */
static enum smtp_line_status
finish(struct smtp_line *l, const struct smtp_line_lender *lender, struct span part,
       struct span *line)
{
	struct span whole = part;
	bool skip = l->skip || l->len + part.len > SMTP_COMMAND_MAX;

	l->skip = l->cr = false;
	if (skip) {
		smtp_line_release(l, lender);
		return SMTP_LINE_TOO_LONG;
	}
	if (l->buf) {
		memcpy(l->buf + l->len, part.p, part.len);
		whole = span(l->buf, l->len + part.len);
	}
	l->len = 0;
	whole.len -= 2;
	if (whole.len && memchr(whole.p, '\0', whole.len))
		return SMTP_LINE_NUL;
	*line = whole;
	return SMTP_LINE_READY;
}

enum smtp_line_status
smtp_line_next(struct smtp_line *l, const struct smtp_line_lender *lender, struct span *in,
               struct span *line)
{
	const char *lf = in->len ? memchr(in->p, '\n', in->len) : NULL;
	struct span part = span(in->p, lf ? (size_t)(lf + 1 - in->p) : in->len);

	if (has_bare_cr(part, l->cr) || (lf && !(part.len > 1 ? lf[-1] == '\r' : l->cr)))
		return SMTP_LINE_BARE;
	*in = span_skip(*in, part.len);
	return lf ? finish(l, lender, part, line) : keep(l, lender, part);
}
