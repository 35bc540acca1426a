/* SPDX-License-Identifier: BSD-3-Clause
 * show.c - texts, sizes, times; counters of trouble, bans, log lines, customers
 */
#include "ctrl/cli/show.h"

void
show_text(FILE *f, const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* C1 controls in UTF-8 */
			fprintf(f, "\\x%02x", *++p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(f, "\\x%02x", *p);
		else
			fputc(*p, f);
	}
}

void
show_lines(FILE *f, const json_t *lines)
{
	const json_t *l;
	size_t i;

	json_array_foreach((json_t *)lines, i, l)
	{
		const char *s = json_string_value(l);

		/* a caret under a column has its own line inside the text */
		for (const char *nl; s && (nl = strchr(s, '\n')); s = nl + 1) {
			char *line = strndup(s, (size_t)(nl - s));

			BUG_ON(!line);
			show_text(f, line);
			fputc('\n', f);
			free(line);
		}
		if (s)
			show_text(f, s);
		fputc('\n', f);
	}
}

void
show_bytes(char out[24], uint64_t n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double d = (double)n;
	size_t u = 0;

	while (d >= 1023.95 && u + 1 < ARRAY_LEN(units)) {
		d /= 1024;
		u++;
	}
	snprintf(out, 24, u ? "%.1f %s" : "%.0f %s", d, units[u]);
}

void
show_span(char out[24], uint64_t s)
{
	unsigned long long d = s / 86400, h = s / 3600 % 24, m = s / 60 % 60;

	if (d)
		snprintf(out, 24, "%llud %lluh", d, h);
	else if (h)
		snprintf(out, 24, "%lluh %llum", h, m);
	else if (m)
		snprintf(out, 24, "%llum %llus", m, (unsigned long long)s % 60);
	else
		snprintf(out, 24, "%llus", (unsigned long long)s);
}

bool
show_parse_span(const char *text, uint64_t *seconds)
{
	static const struct {
		const char *unit;
		uint64_t seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	uint64_t n = 0;
	size_t i = 0;

	for (; text[i] >= '0' && text[i] <= '9' && i < 9; i++)
		n = n * 10 + (uint64_t)(text[i] - '0');
	for (size_t u = 0; i > 0 && u < ARRAY_LEN(units); u++)
		if (!strcmp(text + i, units[u].unit)) {
			*seconds = n * units[u].seconds;
			return true;
		}
	return false;
}

void
show_errors(FILE *f, const json_t *counters)
{
	const char *key;
	json_t *row;

	if (json_object_size(counters) == 0)
		fputs("none\n", f);
	json_object_foreach((json_t *)counters, key, row)
	{
		const char *hint = json_string_value(json_object_get(row, "hint"));

		fprintf(f, "%12lld  ",
		        (long long)json_integer_value(json_object_get(row, "value")));
		show_text(f, key);
		fprintf(f, "\n%14s", "");
		show_text(f, hint ? hint : "");
		fputc('\n', f);
	}
}

void
show_bans(FILE *f, const json_t *bans, time_t now)
{
	const json_t *b;
	size_t i;

	if (json_array_size(bans) == 0)
		fputs("none\n", f);
	json_array_foreach((json_t *)bans, i, b)
	{
		const char *prefix = json_string_value(json_object_get(b, "prefix"));
		const char *why = json_string_value(json_object_get(b, "why"));
		json_int_t until = json_integer_value(json_object_get(b, "until"));
		char left[24] = "for ever";

		if (until > 0)
			show_span(left, until > now ? (uint64_t)(until - now) : 0);
		fprintf(f, "%-44s %-10s ", prefix ? prefix : "", left);
		show_text(f, why ? why : "");
		fputc('\n', f);
	}
}

static void
show_value(FILE *f, const json_t *v)
{
	if (json_is_string(v))
		show_text(f, json_string_value(v));
	else if (json_is_integer(v))
		fprintf(f, "%lld", (long long)json_integer_value(v));
	else
		json_dumpf(v, f, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
}

void
show_event(FILE *f, const json_t *event)
{
	const char *time = json_string_value(json_object_get(event, "time"));
	const char *name = json_string_value(json_object_get(event, "event"));
	const char *key;
	json_t *v;

	show_text(f, time ? time : "");
	fprintf(f, "  %-10s", name ? name : "");
	json_object_foreach((json_t *)event, key, v)
	{
		if (!strcmp(key, "time") || !strcmp(key, "event"))
			continue;
		if (json_is_string(v) && !*json_string_value(v))
			continue;
		fputc(' ', f);
		show_text(f, key);
		fputc('=', f);
		show_value(f, v);
	}
	fputc('\n', f);
}

void
show_customers(FILE *f, const json_t *customers)
{
	const json_t *c, *d;
	size_t i, k;

	if (json_array_size(customers) == 0)
		fputs("none\n", f);
	json_array_foreach((json_t *)customers, i, c)
	{
		const char *id = json_string_value(json_object_get(c, "id"));
		const char *mode = json_string_value(json_object_get(c, "mailboxes"));

		fprintf(f, "%-20s ", id ? id : "");
		fprintf(f, "%lld servers, mailboxes %s, %lld rules:",
		        (long long)json_integer_value(json_object_get(c, "servers")),
		        mode ? mode : "",
		        (long long)json_integer_value(json_object_get(c, "rules")));
		json_array_foreach(json_object_get(c, "domains"), k, d)
		{
			fputc(' ', f);
			show_text(f, json_string_value(d) ? json_string_value(d) : "");
		}
		fputc('\n', f);
	}
}
