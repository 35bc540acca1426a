/* SPDX-License-Identifier: BSD-3-Clause
 * mail_text.c - the generator and the check
 */
#include "bench/mail_text.h"
#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

#define TEXT_BYTES (8u << 20) /* larger than L2 and a share of L3 */

static const char *const words[] = {
	"the",      "meeting",  "report",  "about",    "please",  "schedule", "project",  "and",
	"of",       "to",       "budget",  "customer", "review",  "morning",  "we",       "you",
	"with",     "for",      "server",  "question", "answer",  "quarter",  "team",     "thanks",
	"regards",  "notes",    "draft",   "version",  "changes", "in",       "on",       "next",
	"week",     "travel",   "invoice", "agenda",   "minutes", "attached", "see",      "below",
	"contract", "delivery", "number",  "office",   "holiday", "train",    "database", "kernel",
	"driver",   "packet",   "window",  "garden",   "winter",  "summer",   "lunch",    "before",
	"after",    "until",    "because", "although", "first",   "second",   "third",
};

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *b = p;

	crc = ~crc;
#if defined(__SSE4_2__)
	for (; n >= 8; n -= 8, b += 8) {
		uint64_t v;

		memcpy(&v, b, 8);
		crc = (uint32_t)_mm_crc32_u64(crc, v);
	}
	for (; n > 0; n--)
		crc = _mm_crc32_u8(crc, *b++);
#else
	for (; n > 0; n--) {
		crc ^= *b++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
	}
#endif
	return ~crc;
}

void
mail_text_init(struct mail_text *t, uint64_t seed)
{
	size_t n = 0, column = 0;

	rng_seed(&t->rng, seed);
	t->text = malloc(TEXT_BYTES + 128);
	BUG_ON(!t->text);
	while (n < TEXT_BYTES) {
		const char *w = words[rng_below(&t->rng, ARRAY_LEN(words))];
		size_t len = strlen(w);

		if (column + len > 70) {
			memcpy(t->text + n, "\r\n", 2);
			n += 2;
			column = 0;
		}
		memcpy(t->text + n, w, len);
		n += len;
		t->text[n++] = ' ';
		column += len + 1;
	}
	t->text_len = n;
}

void
mail_text_fini(struct mail_text *t)
{
	free(t->text);
	memset(t, 0, sizeof(*t));
}

static const char *const hit_text[MAIL_HITS] = {
	"",
	"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n",
	"",
};

/* The test file, base64, as a part of its own. */
static const char eicar_part[] =
        "\r\n--wl\r\nContent-Type: application/octet-stream; name=\"t.com\"\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment; filename=\"t.com\"\r\n\r\n"
        "WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FSLVNUQU5EQVJELUFOVElWSVJVUy1URVNU\r\n"
        "LUZJTEUhJEgrSCo=\r\n--wl--\r\n";

size_t
mail_text_make(struct mail_text *t, char *out, uint64_t seq, size_t bytes, enum mail_hit hit)
{
	static const char eicar_head[] = "--wl\r\nContent-Type: text/plain\r\n\r\n";
	size_t head, n, from, want, crc_at;
	struct rng r;

	rng_seed(&r, seq);
	head = (size_t)sprintf(
	        out,
	        "From: Load Source <source@load.test>\r\nTo: <sink@load.test>\r\n"
	        "Subject: load test mail number %llu\r\n"
	        "Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%llu@load.test>\r\n"
	        "MIME-Version: 1.0\r\nContent-Type: %s\r\nX-Seq: %llu\r\nX-Crc: 00000000\r\n\r\n",
	        (unsigned long long)seq, (unsigned long long)seq,
	        hit == MAIL_EICAR ? "multipart/mixed; boundary=wl" : "text/plain",
	        (unsigned long long)seq);
	crc_at = head - 12;
	n = head;
	if (hit == MAIL_EICAR)
		n += (size_t)sprintf(out + n, "%s", eicar_head);
	want = bytes > n + 2 ? bytes - n - 2 : 0;
	from = rng_below(&r, t->text_len - MIN(want, t->text_len - 1));
	want = MIN(want, t->text_len - from);
	/* Begin at a word, so that no line begins with half a CR LF. */
	while (want > 0 && t->text[from] != ' ')
		from++, want--;
	memcpy(out + n, t->text + from, want);
	n += want;
	while (n > head && (out[n - 1] == '\r' || out[n - 1] == '\n'))
		n--;
	n += (size_t)sprintf(out + n, "\r\n%s", hit_text[hit]);
	if (hit == MAIL_EICAR)
		n += (size_t)sprintf(out + n, "%s", eicar_part);
	char hex[9];

	snprintf(hex, sizeof(hex), "%08x", crc32c(0, out + head, n - head));
	memcpy(out + crc_at, hex, 8);
	return n;
}

/* Words from the set, at least n bytes of them. */
static size_t
put_words(struct mail_text *t, struct rng *r, char *out, size_t n)
{
	const char *p = t->text + rng_below(r, t->text_len - 4096), *from;

	while (*p != ' ')
		p++;
	for (from = p; (size_t)(p - from) < n || *p != ' ';)
		p++;
	memcpy(out, from, (size_t)(p - from));
	return (size_t)(p - from);
}

/* A row of a newsletter's table. */
static size_t
put_row(struct mail_text *t, struct rng *r, char *out, uint64_t seq, unsigned row)
{
	static const char *const entities[] = { "&nbsp;",  "&amp;",    "&rsquo;",
		                                "&#8211;", "&eacute;", "&copy;" };
	size_t n =
	        (size_t)sprintf(out, "<tr><td style=\"padding:8px 0;font-family:Arial,sans-serif;"
	                             "font-size:14px;color:#333333\" align=\"left\">\r\n<p>");

	n += put_words(t, r, out + n, 150);
	n += (size_t)sprintf(out + n, "%s <b>", entities[rng_below(r, ARRAY_LEN(entities))]);
	n += put_words(t, r, out + n, 12);
	n += (size_t)sprintf(
	        out + n,
	        "</b> <a href=\"https://news.shop%u.example.com/a/%u?id=%llu&amp;r=%u\" "
	        "style=\"color:#0055aa;text-decoration:none\">",
	        (unsigned)rng_below(r, 3), (unsigned)rng_below(r, 1000), (unsigned long long)seq,
	        row);
	n += put_words(t, r, out + n, 16);
	n += (size_t)sprintf(out + n, "</a>%s", entities[rng_below(r, ARRAY_LEN(entities))]);
	n += put_words(t, r, out + n, 60);
	n += (size_t)sprintf(out + n, "</p><br>\r\n");
	if (row % 3 == 0)
		n += (size_t)sprintf(out + n,
		                     "<img src=\"https://img.example.net/%u.png\" width=\"120\" "
		                     "height=\"40\" border=\"0\" alt=\"picture\">\r\n",
		                     row);
	return n + (size_t)sprintf(out + n, "</td></tr>\r\n");
}

size_t
mail_text_make_html(struct mail_text *t, char *out, uint64_t seq, size_t bytes)
{
	static const char end[] = "</table></body></html>\r\n";
	struct rng r;
	size_t n;

	rng_seed(&r, seq);
	n = (size_t)sprintf(
	        out,
	        "From: Load Source <source@load.test>\r\nTo: <sink@load.test>\r\n"
	        "Subject: load test mail number %llu\r\n"
	        "Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%llu@load.test>\r\n"
	        "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nX-Seq: %llu\r\n\r\n"
	        "<!DOCTYPE html>\r\n<html><head><title>News</title>\r\n<style type=\"text/css\">"
	        "body{margin:0;padding:0} a{color:#05a} @media (max-width:600px){td{width:100%%}}"
	        "</style></head>\r\n<body bgcolor=\"#ffffff\" text=\"#333333\">\r\n"
	        "<table width=\"600\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\r\n",
	        (unsigned long long)seq, (unsigned long long)seq, (unsigned long long)seq);
	for (unsigned row = 0; n + 800 < bytes || row == 0; row++)
		n += put_row(t, &r, out + n, seq, row);
	memcpy(out + n, end, sizeof(end) - 1);
	return n + sizeof(end) - 1;
}

void
mail_check_init(struct mail_check *c)
{
	memset(c, 0, offsetof(struct mail_check, line));
}

static void
header_line(struct mail_check *c)
{
	c->line[MIN(c->line_len, sizeof(c->line) - 1)] = 0;
	if (!strncmp(c->line, "X-Seq: ", 7)) {
		c->seq = strtoull(c->line + 7, NULL, 10);
		c->has_seq = true;
	} else if (!strncmp(c->line, "X-Crc: ", 7)) {
		c->want_crc = (uint32_t)strtoul(c->line + 7, NULL, 16);
		c->has_crc = true;
	}
	c->in_body = c->line_len == 2; /* the blank line */
	c->line_len = 0;
}

void
mail_check_feed(struct mail_check *c, struct span in)
{
	while (in.len > 0 && !c->in_body) {
		char ch = span_shift(&in);

		if (c->line_len < sizeof(c->line) - 1)
			c->line[c->line_len] = ch;
		c->line_len++;
		if (ch == '\n')
			header_line(c);
	}
	if (in.len > 0) {
		c->crc = crc32c(c->crc, in.p, in.len);
		c->body_bytes += in.len;
	}
}

bool
mail_check_end(const struct mail_check *c, uint64_t *seq)
{
	*seq = c->seq;
	return c->has_seq && c->has_crc && c->crc == c->want_crc;
}
