/* SPDX-License-Identifier: BSD-3-Clause
 * mime_words.c - unfold a field body and decode RFC 2047 words as mail programs do
 *
 * Why     Words without blanks around them, inside quotes, with a charset's character split over two of
 *         them: all of it is shown to readers as text, so all of it is decoded.
 */
#include "engine/mime/mime_decode.h"
#include "engine/mime/mime_field.h"

#define CHARSET_NAME_MAX 40
#define PENDING_MAX      4096 /* decoded bytes of adjacent words that share a charset */

struct words {
	const struct mime_ops *ops;
	void *ctx;
	char *out;
	size_t cap, len;
	char charset[CHARSET_NAME_MAX];
	size_t charset_len;
	size_t pending_len;
	char pending[PENDING_MAX];
};

struct word {
	struct span charset, text;
	bool is_base64;
	size_t len; /* with its marks */
};

/* Bytes from p that are ASCII, eight at a time. */
static size_t
ascii_len(const char *p, const char *end)
{
	const char *from = p;
	uint64_t v;

	for (; end - p >= 8; p += 8) {
		memcpy(&v, p, 8);
		if (v & 0x8080808080808080ull)
			break;
	}
	while (p < end && !(*p & 0x80))
		p++;
	return (size_t)(p - from);
}

bool
mime_is_utf8(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p, *end = p + s.len;

	while (p < end) {
		size_t n;

		if (*p < 0x80) {
			p += ascii_len((const char *)p, (const char *)end);
			continue;
		}
		n = *p >= 0xc2 && *p <= 0xdf   ? 1
		    : *p >= 0xe0 && *p <= 0xef ? 2
		    : *p >= 0xf0 && *p <= 0xf4 ? 3
		                               : 0;
		if (n == 0 || (size_t)(end - p) <= n)
			return false;
		if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
		    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
			return false;
		for (size_t i = 1; i <= n; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += n + 1;
	}
	return true;
}

static void
put(struct words *w, const char *p, size_t n)
{
	n = MIN(n, w->cap - w->len);
	memcpy(w->out + w->len, p, n);
	w->len += n;
}

static bool
has_high(struct span s)
{
	return ascii_len(s.p, s.p + s.len) < s.len;
}

/* Bytes of a charset to UTF-8; without a converter everything that is not UTF-8 is latin-1. */
static void
put_charset(struct words *w, struct span charset, struct span s)
{
	if (w->ops && w->ops->to_utf8 && (charset.len > 0 || has_high(s))) {
		w->len += w->ops->to_utf8(w->ctx, charset, s, w->out + w->len, w->cap - w->len);
		return;
	}
	if (!has_high(s) || mime_is_utf8(s)) {
		put(w, s.p, s.len);
		return;
	}
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char two[2] = { (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)) };

		if (c < 0x80)
			put(w, &s.p[i], 1);
		else if (w->cap - w->len >= 2)
			put(w, two, 2);
	}
}

static void
flush_pending(struct words *w)
{
	struct span charset = span(w->charset, w->charset_len),
	            s = span(w->pending, w->pending_len);

	if (s.len > 0)
		put_charset(w, charset, s);
	w->pending_len = 0;
}

/* "=?charset?q?text?=" at s.p. *no_end_from: no "?=" at or after this address, so that a flood of "=?a?q?" stays linear. */
static bool
word_at(struct span s, struct word *w, const char **no_end_from)
{
	const char *q, *end;
	size_t at;

	if (s.len < 8 || s.p[0] != '=' || s.p[1] != '?')
		return false;
	q = memchr(s.p + 2, '?', MIN(s.len - 2, (size_t)CHARSET_NAME_MAX + 16));
	if (!q || q == s.p + 2)
		return false;
	w->charset = span(s.p + 2, (size_t)(q - s.p) - 2);
	at = (size_t)(q - s.p) + 1;
	if (at + 4 > s.len || s.p[at + 1] != '?')
		return false;
	if (ascii_lower(s.p[at]) != 'q' && ascii_lower(s.p[at]) != 'b')
		return false;
	w->is_base64 = ascii_lower(s.p[at]) == 'b';
	at += 2;
	if (*no_end_from && s.p + at >= *no_end_from)
		return false;
	end = memmem(s.p + at, s.len - at, "?=", 2);
	if (!end) {
		*no_end_from = s.p + at;
		return false;
	}
	w->text = span(s.p + at, (size_t)(end - s.p) - at);
	w->len = (size_t)(end - s.p) + 2;
	return true;
}

/* The next "=?" in s: '?' is rarer than '='. NULL without. */
static const char *
find_mark(struct span s)
{
	const char *q = s.p, *end = s.p + s.len;

	while ((q = memchr(q, '?', (size_t)(end - q)))) {
		if (q > s.p && q[-1] == '=')
			return q - 1;
		q++;
	}
	return NULL;
}

static void
pend(struct words *w, char c)
{
	if (w->pending_len == PENDING_MAX)
		flush_pending(w);
	w->pending[w->pending_len++] = c;
}

static void
decode_b(struct words *w, struct span text)
{
	struct mime_dec d;
	char buf[MIME_DEC_CAP_MIN];

	mime_dec_begin(&d, MIME_ENC_BASE64);
	while (text.len > 0) {
		size_t n = mime_dec_feed(&d, &text, buf, sizeof(buf));

		for (size_t i = 0; i < n; i++)
			pend(w, buf[i]);
	}
	for (size_t i = 0, n = mime_dec_end(&d, buf, sizeof(buf)); i < n; i++)
		pend(w, buf[i]);
}

static void
decode_q(struct words *w, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (c == '=' && text.len - i > 2 &&
		    mime_hex_value((unsigned char)text.p[i + 1]) >= 0 &&
		    mime_hex_value((unsigned char)text.p[i + 2]) >= 0) {
			pend(w, (char)(mime_hex_value((unsigned char)text.p[i + 1]) << 4 |
			               mime_hex_value((unsigned char)text.p[i + 2])));
			i += 2;
		} else if (c == '_') {
			pend(w, ' ');
		} else if (c != '\r' && c != '\n') {
			pend(w, c);
		}
	}
}

static void
put_word(struct words *w, const struct word *word)
{
	const char *star =
	        memchr(word->charset.p, '*', word->charset.len); /* RFC 2231 5: language */
	size_t n = star ? (size_t)(star - word->charset.p) : word->charset.len;
	char name[CHARSET_NAME_MAX];

	n = MIN(n, sizeof(name));
	for (size_t i = 0; i < n; i++)
		name[i] = ascii_lower(word->charset.p[i]);
	if (n != w->charset_len || memcmp(name, w->charset, n)) {
		flush_pending(w);
		memcpy(w->charset, name, n);
		w->charset_len = n;
	}
	if (word->is_base64)
		decode_b(w, word->text);
	else
		decode_q(w, word->text);
}

/* Text between words: line ends go, the blanks of a fold become one. */
static void
put_literal(struct words *w, struct span s)
{
	while (s.len > 0) {
		const char *nl = memchr(s.p, '\n', s.len);
		size_t n = nl ? (size_t)(nl - s.p) : s.len, keep = n;

		while (nl && keep > 0 && s.p[keep - 1] == '\r')
			keep--;
		if (keep > 0)
			put_charset(w, span("", 0), span(s.p, keep));
		s = span_skip(s, n);
		if (s.len == 0)
			return;
		while (s.len > 0 &&
		       (s.p[0] == '\n' || s.p[0] == '\r' || s.p[0] == ' ' || s.p[0] == '\t'))
			s = span_skip(s, 1);
		put(w, " ", 1);
	}
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && (unsigned char)s.p[0] <= ' ')
		s = span_skip(s, 1);
	while (s.len > 0 && (unsigned char)s.p[s.len - 1] <= ' ')
		s.len--;
	return s;
}

size_t
mime_decode_words(struct span raw, char *out, size_t cap, const struct mime_ops *ops, void *ctx)
{
	struct words w;
	struct word word;
	const char *no_end_from = NULL;

	w.ops = ops;
	w.ctx = ctx;
	w.out = out;
	w.cap = cap;
	w.len = w.charset_len = w.pending_len = 0;
	raw = trim(raw);
	while (raw.len > 0) {
		const char *mark = find_mark(raw);
		size_t n = mark ? (size_t)(mark - raw.p) : raw.len;
		struct span after = span_skip(raw, n);

		while (after.len > 0 && !word_at(after, &word, &no_end_from)) {
			mark = find_mark(span_skip(after, 1));
			n = mark ? (size_t)(mark - raw.p) : raw.len;
			after = span_skip(raw, n);
		}
		put_literal(&w, span(raw.p, n));
		for (raw = after; raw.len > 0;) {
			struct span next;

			put_word(&w, &word);
			raw = next = span_skip(raw, word.len);
			while (next.len > 0 && (unsigned char)next.p[0] <= ' ')
				next = span_skip(next, 1);
			if (!word_at(next, &word, &no_end_from))
				break;
			raw = next; /* white space between two words is not shown (RFC 2047 6.2) */
		}
		flush_pending(&w);
	}
	return w.len;
}
