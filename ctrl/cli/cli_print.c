/* SPDX-License-Identifier: BSD-3-Clause
 * cli_print.c - answers for people
 */
#include "ctrl/cli/cli.h"
#include <time.h>

const struct command *
command_of(const struct invocation *v)
{
	const char *name = json_string_value(json_object_get(v->request, "command"));
	const char *verb = json_string_value(json_object_get(v->request, "verb"));
	size_t cnt;
	const struct command *all = commands_all(&cnt);

	for (size_t i = 0; i < cnt; i++)
		if (!strcmp(all[i].name, name) && !strcmp(all[i].verb, verb ? verb : ""))
			return &all[i];
	BUG_ON(true);
}

static void
print_list(const json_t *texts, const char *prefix, FILE *out)
{
	const json_t *s;
	size_t i;

	json_array_foreach(texts, i, s) fprintf(out, "%s%s\n", prefix, json_string_value(s));
}

int
answer_print(const struct invocation *v, const struct command *c, json_t *reply)
{
	bool ok = json_is_true(json_object_get(reply, "ok"));
	const char *error = json_string_value(json_object_get(reply, "error"));

	if (v->is_json) {
		json_dumpf(reply, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (ok) {
		if (c->print)
			c->print(reply, stdout);
		print_list(json_object_get(reply, "warnings"), "warning: ", stdout);
	}
	if (!ok) {
		if (error)
			fprintf(stderr, "weirctl: %s\n", error);
		print_list(json_object_get(reply, "errors"), "", stderr);
	}
	json_decref(reply);
	return ok ? EXIT_OK : EXIT_ERROR;
}

static const char *
text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static long long
number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static void
format_seconds(long long s, char out[32])
{
	if (s < 120)
		snprintf(out, 32, "%lld s", s);
	else if (s < 7200)
		snprintf(out, 32, "%lld min", s / 60);
	else if (s < 172800)
		snprintf(out, 32, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(out, 32, "%lld days", s / 86400);
}

static void
format_bytes(long long n, char out[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double d = (double)n;
	size_t u = 0;

	while (d >= 1024 && u + 1 < ARRAY_LEN(units)) {
		d /= 1024;
		u++;
	}
	snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", d, units[u]);
}

static void
print_ports(const json_t *j, FILE *out)
{
	const json_t *p;
	size_t i;

	fprintf(out, "ports       ");
	json_array_foreach(json_object_get(j, "ports"), i, p)
	        fprintf(out, "%s%s %s%s", i ? "; " : "", text(p, "device"), text(p, "addresses"),
	                json_is_true(json_object_get(p, "up")) ? "" : " (down)");
	fprintf(out, "\ncores       ");
	json_array_foreach(json_object_get(j, "cores"), i, p)
	        fprintf(out, "%s%lld: %.0f %% busy", i ? ", " : "", number(p, "cpu"),
	                100 * json_number_value(json_object_get(p, "busy")));
	fputc('\n', out);
}

static void
print_mails(const json_t *j, FILE *out)
{
	const json_t *m = json_object_get(j, "mails"), *by = json_object_get(j, "refused_by"), *n;
	const char *name;
	bool first = true;

	fprintf(out,
	        "mails       sent %lld = delivered %lld + refused %lld + deferred %lld + given up "
	        "%lld + in flight %lld\n",
	        number(m, "sent"), number(m, "delivered"), number(m, "refused"),
	        number(m, "deferred"), number(m, "given_up"), number(m, "in_flight"));
	fprintf(out, "rate        %.1f mails/s over the last 10 s\n",
	        json_number_value(json_object_get(j, "mails_per_second")));
	fprintf(out, "refused by  ");
	json_object_foreach((json_t *)by, name, n)
	{
		fprintf(out, "%s%s %lld", first ? "" : ", ", name,
		        (long long)json_integer_value(n));
		first = false;
	}
	fprintf(out, "%s\n", first ? "-" : "");
}

static void
print_memory(const json_t *j, FILE *out)
{
	const json_t *m = json_object_get(j, "memory"), *n;
	const char *name;
	char t[32];
	bool first = true;

	format_bytes(number(m, "total"), t);
	fprintf(out, "memory      %s in use (", t);
	json_object_foreach((json_t *)m, name, n)
	{
		if (!strcmp(name, "total") || json_integer_value(n) == 0)
			continue;
		format_bytes(json_integer_value(n), t);
		fprintf(out, "%s%s %s", first ? "" : ", ", name, t);
		first = false;
	}
	fprintf(out, ")\n");
}

void
print_status(const json_t *j, FILE *out)
{
	const json_t *p = json_object_get(j, "policy"), *s = json_object_get(j, "store");
	const json_t *l = json_object_get(j, "log");
	char up[32], age[32];

	format_seconds(number(j, "uptime_s"), up);
	format_seconds(number(j, "generation_age_s"), age);
	fprintf(out, "weir        %s on %s, up %s%s\n", text(j, "version"), text(j, "node"), up,
	        json_is_true(json_object_get(j, "draining")) ? ", DRAINING" : "");
	fprintf(out, "generation  %lld, %s old, %lld alive\n", number(j, "generation"), age,
	        number(j, "generations_live"));
	print_ports(j, out);
	fprintf(out, "sessions    %lld\n", number(j, "sessions"));
	print_mails(j, out);
	fprintf(out, "drops       %lld segments and frames (weirctl errors)\n", number(j, "drops"));
	print_memory(j, out);
	fprintf(out,
	        "policy      %lld customers, %lld domains, %lld rules, %lld phrases, %lld list "
	        "entries\n",
	        number(p, "customers"), number(p, "domains"), number(p, "rules"),
	        number(p, "phrases"), number(p, "list_entries"));
	fprintf(out, "store       %s %s, reloads %lld, refused %lld%s%s\n", text(s, "driver"),
	        text(s, "path"), number(s, "reloads"), number(s, "reloads_refused"),
	        *text(s, "running_on_saved") ? "; RUNS ON SAVED INPUTS: " : "",
	        text(s, "running_on_saved"));
	fprintf(out, "log         %lld lines, %lld suppressed, %lld dropped, %lld lost\n",
	        number(l, "lines"), number(l, "suppressed"), number(l, "dropped"),
	        number(l, "lost"));
}

void
print_errors(const json_t *j, FILE *out)
{
	const json_t *row;
	const char *name;

	json_object_foreach(json_object_get(j, "counters"), name, row)
	        fprintf(out, "%12lld  %s\n              %s\n", number(row, "value"), name,
	                text(row, "hint"));
}

void
print_reload(const json_t *j, FILE *out)
{
	fprintf(out, "generation %lld, %lld ms\n", number(j, "generation"), number(j, "ms"));
}

void
print_bans(const json_t *j, FILE *out)
{
	const json_t *b;
	size_t i;

	json_array_foreach(json_object_get(j, "bans"), i, b)
	{
		time_t until = (time_t)number(b, "until");
		char t[40] = "for ever";
		struct tm tm;

		if (until && gmtime_r(&until, &tm))
			strftime(t, sizeof(t), "until %Y-%m-%dT%H:%M:%SZ", &tm);
		fprintf(out, "%-44s %s  %s\n", text(b, "prefix"), t, text(b, "why"));
	}
}

/* A log line as "KEY VALUE" pairs, the event first. */
void
print_why(const json_t *j, FILE *out)
{
	const json_t *line, *v;
	const char *key;
	size_t i;

	json_array_foreach(json_object_get(j, "lines"), i, line)
	{
		fprintf(out, "%s  %s\n", text(line, "time"), text(line, "event"));
		json_object_foreach((json_t *)line, key, v)
		{
			if (!strcmp(key, "time") || !strcmp(key, "event"))
				continue;
			if (json_is_string(v) && *json_string_value(v))
				fprintf(out, "    %-14s %s\n", key, json_string_value(v));
			else if (json_is_integer(v))
				fprintf(out, "    %-14s %lld\n", key,
				        (long long)json_integer_value(v));
		}
	}
}

void
print_capture(const json_t *j, FILE *out)
{
	fprintf(out, "%lld frames in %s\n", number(j, "frames"), text(j, "path"));
}

void
print_lookup(const json_t *j, FILE *out)
{
	const json_t *lines = json_object_get(j, "lines");

	print_list(lines, "", out);
	if (json_array_size(lines) == 0)
		fprintf(out, "nothing in generation %lld\n", number(j, "generation"));
	if (number(j, "flushed") > 0)
		fprintf(out, "%lld cached answers forgotten\n", number(j, "flushed"));
}

void
print_text(const json_t *j, FILE *out)
{
	fputs(text(j, "text"), out);
}

void
print_import(const json_t *j, FILE *out)
{
	fprintf(out, "%lld customers, store generation %lld\n", number(j, "customers"),
	        number(j, "store_generation"));
}

void
print_customers(const json_t *j, FILE *out)
{
	const json_t *c, *d;
	size_t i, k;

	json_array_foreach(json_object_get(j, "customers"), i, c)
	{
		fprintf(out, "%-24s %s, %lld servers, %lld rules:", text(c, "id"),
		        text(c, "mailboxes"), number(c, "servers"), number(c, "rules"));
		json_array_foreach(json_object_get(c, "domains"), k, d)
		        fprintf(out, " %s", json_string_value(d));
		fputc('\n', out);
	}
}

void
print_customer(const json_t *j, FILE *out)
{
	json_dumpf(json_object_get(j, "customer"), out, JSON_INDENT(2));
	fputc('\n', out);
}
