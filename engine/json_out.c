/* SPDX-License-Identifier: BSD-3-Clause
 * json_out.c - JSON to a FILE
 */
#include "engine/json_out.h"
#include "engine/text/utf8.h"

static void
put_string(FILE *f, struct span s)
{
	fputc('"', f);
	while (s.len > 0) {
		unsigned char c = (unsigned char)s.p[0];
		int n = utf8_length(s.p, s.len);

		if (n <= 0) {
			fputs("\xef\xbf\xbd", f);
			n = 1;
		} else if (c == '"' || c == '\\') {
			fprintf(f, "\\%c", c);
		} else if (c == '\n') {
			fputs("\\n", f);
		} else if (c < 0x20 || c == 0x7f) {
			fprintf(f, "\\u%04x", c);
		} else {
			fwrite(s.p, 1, (size_t)n, f);
		}
		s = span_skip(s, (size_t)n);
	}
	fputc('"', f);
}

static void
begin(struct json_out *j, const char *key)
{
	if (j->need_comma)
		fputs(", ", j->f);
	if (key)
		fprintf(j->f, "\"%s\": ", key);
	j->need_comma = true;
}

void
json_out_open(struct json_out *j, const char *key, char bracket)
{
	begin(j, key);
	fputc(bracket, j->f);
	j->need_comma = false;
}

void
json_out_close(struct json_out *j, char bracket)
{
	fputc(bracket, j->f);
	j->need_comma = true;
}

void
json_out_string(struct json_out *j, const char *key, struct span s)
{
	begin(j, key);
	put_string(j->f, s);
}

void
json_out_null(struct json_out *j, const char *key)
{
	begin(j, key);
	fputs("null", j->f);
}

void
json_out_number(struct json_out *j, const char *key, int64_t n)
{
	begin(j, key);
	fprintf(j->f, "%lld", (long long)n);
}

void
json_out_decimal(struct json_out *j, const char *key, double d)
{
	begin(j, key);
	fprintf(j->f, "%.6g", d);
}
