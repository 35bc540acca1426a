/* SPDX-License-Identifier: BSD-3-Clause
 * mime_inline.c - uuencoded files inside plain text: lines that begin with 'b' are looked at, the rest passes in blocks
 */
#include "engine/mime/mime_inline.h"
#include "base/block64.h"

void
mime_inline_begin(struct mime_inline *u)
{
	u->state = MIME_INLINE_TEXT;
	u->is_bol = true;
	u->is_whole = u->is_long = false;
	u->len = 0;
	u->name_len = 0;
}

/* Bytes up to the next line that begins with 'b', or with the last byte of s. */
static size_t
until_b(struct span s)
{
	uint64_t after_nl = 0;

	for (size_t i = 0; i < s.len; i += BLOCK64) {
		struct block64 b = s.len - i < BLOCK64 ? block64_load_part(s.p + i, s.len - i)
		                                       : block64_load(s.p + i);
		uint64_t newline = block64_is(b, '\n');
		uint64_t hit = (newline << 1 | after_nl) & block64_is(b, 'b');

		if (hit)
			return i + clear_run(hit);
		after_nl = newline >> 63;
	}
	return s.len;
}

size_t
mime_inline_take(struct mime_inline *u, struct span s)
{
	const char *nl;
	size_t n = 0, room;

	if (u->len == 0 && !u->is_long && u->state == MIME_INLINE_TEXT &&
	    !(u->is_bol && s.p[0] == 'b')) {
		n = until_b(s);
		u->is_bol = s.p[n - 1] == '\n';
		return n;
	}
	nl = memchr(s.p, '\n', s.len);
	n = nl ? (size_t)(nl - s.p) + 1 : s.len;
	room = MIN(n, sizeof(u->line) - u->len);
	memcpy(u->line + u->len, s.p, room);
	u->len += (unsigned)room;
	u->is_long |= room < n;
	u->is_bol = u->is_whole = nl != NULL;
	return n;
}

/* "begin 644 name": three or four octal digits. */
static bool
is_begin(struct mime_inline *u, struct span line)
{
	size_t digits = 0;

	if (line.len < 11 || memcmp(line.p, "begin ", 6) != 0)
		return false;
	line = span_skip(line, 6);
	while (digits < line.len && line.p[digits] >= '0' && line.p[digits] <= '7')
		digits++;
	if (digits < 3 || digits > 4 || digits == line.len || line.p[digits] != ' ')
		return false;
	line = span_skip(line, digits + 1);
	while (line.len > 0 && line.p[0] == ' ')
		line = span_skip(line, 1);
	memcpy(u->name, line.p, line.len);
	u->name_len = line.len;
	return line.len > 0;
}

/* A line whose first character says how many bytes it holds, and that is as long; blanks at its end may be gone. */
static bool
is_data(struct span line)
{
	size_t want, least;

	if (line.len < 2 || line.p[0] <= ' ' || line.p[0] >= '`')
		return false;
	want = 1 + ((size_t)(line.p[0] - ' ') + 2) / 3 * 4;
	least = want - 3;
	for (size_t i = 0; i < line.len; i++)
		if (line.p[i] < ' ' || line.p[i] > '`')
			return false;
	return line.len >= least && line.len <= want + 2;
}

static size_t
decode(struct mime_inline *u, char *out)
{
	struct mime_dec d;
	struct span in;

	if (u->line[u->len - 1] !=
	    '\n') /* the last line of the part; is_data() says there is room */
		u->line[u->len++] = '\n';
	in = span(u->line, u->len);
	mime_dec_begin(&d, MIME_ENC_UU);
	d.in_uu = true;
	return mime_dec_feed(&d, &in, out, MIME_DEC_CAP_MIN);
}

static enum mime_inline_event
file_line(struct mime_inline *u, struct span line, char *out, size_t *n, bool *is_bad)
{
	if (span_is(line, "end")) {
		u->state = MIME_INLINE_TEXT;
		return MIME_INLINE_END;
	}
	if (line.len == 0 || (line.len == 1 && (line.p[0] == '`' || line.p[0] == ' ')))
		return MIME_INLINE_NOTHING;
	if (u->is_long || !is_data(line)) {
		*is_bad = true;
		return MIME_INLINE_NOTHING;
	}
	*n = decode(u, out);
	return MIME_INLINE_DATA;
}

enum mime_inline_event
mime_inline_line(struct mime_inline *u, char *out, size_t *n, bool *is_bad)
{
	struct span line = span(u->line, u->len);
	enum mime_inline_event e = MIME_INLINE_NOTHING;

	*n = 0;
	*is_bad = false;
	while (line.len > 0 && (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
		line.len--;
	if (u->state == MIME_INLINE_FILE) {
		e = file_line(u, line, out, n, is_bad);
	} else if (u->state == MIME_INLINE_BEGUN && !u->is_long && is_data(line)) {
		u->state = MIME_INLINE_FILE;
		*n = decode(u, out);
		e = MIME_INLINE_BEGIN;
	} else {
		u->state = is_begin(u, line) ? MIME_INLINE_BEGUN : MIME_INLINE_TEXT;
	}
	u->len = 0;
	u->is_whole = u->is_long = false;
	return e;
}
