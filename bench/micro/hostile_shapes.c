/* SPDX-License-Identifier: BSD-3-Clause
 * hostile_shapes.c - a row for each shape
 */
#include "bench/micro/hostile_shapes.h"
#include <zlib.h>

#define MULTIPART "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
#define HTML      "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
#define PLAIN     "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
#define ENCODED(e)                                                                                 \
	"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "                            \
	"charset=utf-8\r\nContent-Transfer-"                                                       \
	"Encoding: " e "\r\n\r\n"

static size_t
text(char *out, const char *z)
{
	size_t n = strlen(z);

	memcpy(out, z, n);
	return n;
}

#define UNIT(name, z)                                                                              \
	static size_t name(char *out, size_t i)                                                    \
	{                                                                                          \
		(void)i;                                                                           \
		return text(out, z);                                                               \
	}

UNIT(boundary, "--b\r\n")
UNIT(near_boundary, "--b-not-quite-a-boundary\r\n--")
UNIT(long_word, "a-header-that-never-ends=")
UNIT(open_brackets, "\"<((")
UNIT(open_items, "(,<,")
UNIT(fold, "word\r\n ")
UNIT(encoded_word, "=?utf-8?q?=41=42?= =?utf-8?b?")
UNIT(base64_lies, "QU=JD!\r\n=\r\n@@QUJ=D")
UNIT(soft_breaks, "a=\r\nb=3\r\n=4=\r\n")
UNIT(entities, "&#x41;&amp&lt&#99999999;&notit;&&#")
UNIT(deep_tags, "<div><b><a>x")
UNIT(open_tags, "<a <b <c <!-- <![CDATA[ <")
UNIT(css, "<style>a{display:none;color:#fff}</style><p "
          "style=\"font-size:0;display:block;color:rgb(1,2,3)\">x")
UNIT(style_attr, "<p style=\";;color:;display:;:::;\">")
UNIT(phrases, "winner of the international lottery claim your prize now dear friend ")
UNIT(zero_width, "v\xe2\x80\x8b\xc2\xad\xd1\x96\xef\xbd\x81gra ")
UNIT(bad_utf8, "\xf0\x9f\xc3\xe2\x80\xff\xc0\x80")
UNIT(uuencode, "begin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n")
UNIT(dots, "a.b.c:d.e@f.g:")
UNIT(schemes, "http://http://https://www.")
UNIT(redirects, "http://a.test/?u=http%3A%2F%2Fb.test%2F%3Fu%3Dhttp%253A%252F%252Fc.test%252F ")
UNIT(brackets, "((((()))))[[[]]](")

static size_t
header(char *out, size_t i)
{
	return (size_t)sprintf(out, "X-H%zu: v\r\n", i);
}

static size_t
nested(char *out, size_t i)
{
	return (size_t)sprintf(
	        out, "--b%zu\r\nContent-Type: multipart/mixed; boundary=b%zu\r\n\r\n", i, i + 1);
}

static size_t
nested_message(char *out, size_t i)
{
	(void)i;
	return text(out, "Content-Type: message/rfc822\r\n\r\n");
}

static size_t
urls(char *out, size_t i)
{
	return (size_t)sprintf(out, "http://h%zu.x%zu.com/p?q=%zu ", i, i % 977, i);
}

static size_t
links(char *out, size_t i)
{
	return (size_t)sprintf(out, "<a href=\"http://0x%zx.com/%%41\">y</a>", i);
}

static size_t
attributes(char *out, size_t i)
{
	return (size_t)sprintf(out, " a%zu=\"href\" href=http://a%zu.com", i, i);
}

static size_t
phones(char *out, size_t i)
{
	return (size_t)sprintf(out, "+1 (800) %03zu-%04zu ", i % 1000, i * 7 % 10000);
}

static size_t
digits(char *out, size_t i)
{
	return (size_t)sprintf(out, "%zu-%zu.", i % 10, i % 7);
}

static size_t
parts(char *out, size_t i)
{
	return (size_t)sprintf(
	        out, "--b\r\nContent-Type: text/html; name=%zu.html\r\n\r\n<b>x</b>\r\n", i);
}

static size_t
pdf(char *out, size_t i)
{
	return (size_t)sprintf(
	        out, "%zu 0 obj <</URI (http://p%zu.com/) /Length 9>> stream\n(a)Tj [(\nendstream ",
	        i, i);
}

static size_t
zip_names(char *out, size_t i)
{
	static const char entry[] = "PK\3\4\24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\0\0";
	size_t n = sizeof(entry);

	memcpy(out, entry, n);
	return n + (size_t)sprintf(out + n, "%05zu", i % 100000);
}

/* An entry that is inflated, of unknown length, whose every unit is 64 KB of blanks. */
static size_t
zip_bomb(char *out, size_t i)
{
	static const char head[] =
	        "PK\3\4\24\0\10\0\10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\21\0\0\0word/document.xml";
	static char blanks[65536], packed[HOSTILE_UNIT];
	static size_t len;

	if (i == 0) {
		memcpy(out, head, sizeof(head) - 1);
		return sizeof(head) - 1;
	}
	if (len == 0) {
		z_stream z = { .next_in = (Bytef *)blanks,
			       .avail_in = sizeof(blanks),
			       .next_out = (Bytef *)packed,
			       .avail_out = sizeof(packed) };

		memset(blanks, ' ', sizeof(blanks));
		BUG_ON(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK);
		BUG_ON(deflate(&z, Z_FULL_FLUSH) != Z_OK);
		len = sizeof(packed) - z.avail_out;
		deflateEnd(&z);
	}
	memcpy(out, packed, len);
	return len;
}

#define BINARY(type)                                                                               \
	"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: " type                                   \
	"\r\nContent-Transfer-Encoding: binary\r\n\r\n"

const struct hostile_shape hostile_shapes[] = {
	{ "nested multiparts", 200000, "Content-Type: multipart/mixed; boundary=b0\r\n\r\n",
	  nested },
	{ "nested messages", 200000, "", nested_message },
	{ "a million boundaries", 500000, MULTIPART, boundary },
	{ "near boundaries", 500000, MULTIPART "--b\r\n\r\n", near_boundary },
	{ "parts", 500000, MULTIPART, parts },
	{ "a million header fields", 1200000, "", header },
	{ "one header field", 50000000, "X-Long: ", long_word },
	{ "folded header field", 500000, "Subject: ", fold },
	{ "brackets that stay open", 100000, "From: ", open_brackets },
	{ "addresses that stay open", 100000, "To: ", open_items },
	{ "encoded words", 500000, "Subject: ", encoded_word },
	{ "base64 lies", 500000, ENCODED("base64"), base64_lies },
	{ "soft line breaks", 500000, ENCODED("quoted-printable"), soft_breaks },
	{ "uuencoded files", 500000, PLAIN, uuencode },
	{ "entities", 40000, HTML, entities },
	{ "deep tags", 40000, HTML, deep_tags },
	{ "open tags", 40000, HTML, open_tags },
	{ "CSS", 40000, HTML, css },
	{ "style attributes", 40000, HTML, style_attr },
	{ "attributes of one tag", 40000, HTML "<a", attributes },
	{ "links", 40000, HTML, links },
	{ "URLs", 40000, PLAIN, urls },
	{ "dots and colons", 40000, PLAIN, dots },
	{ "schemes", 40000, PLAIN, schemes },
	{ "redirects", 40000, PLAIN, redirects },
	{ "phone numbers", 40000, PLAIN, phones },
	{ "digits", 40000, PLAIN, digits },
	{ "matches", 40000, PLAIN, phrases },
	{ "zero width", 40000, PLAIN, zero_width },
	{ "broken UTF-8", 40000, PLAIN, bad_utf8 },
	{ "brackets", 40000, PLAIN, brackets },
	{ "PDF objects", 500000, BINARY("application/pdf") "%PDF-1.4\n", pdf },
	{ "ZIP entries", 500000, BINARY("application/zip"), zip_names },
	{ "ZIP bomb", 20000, BINARY("application/zip"), zip_bomb },
	{ 0 }
};

struct span
hostile_make(const struct hostile_shape *s, size_t bytes)
{
	size_t n = strlen(s->head);
	char *p = malloc(bytes + n + HOSTILE_UNIT);

	BUG_ON(!p);
	memcpy(p, s->head, n);
	for (size_t i = 0; n < bytes; i++)
		n += s->unit(p + n, i);
	return span(p, n);
}
