/* SPDX-License-Identifier: BSD-3-Clause
 * show_status.c - `weirctl status`: twelve lines, each a function of the daemon's JSON
 */
#include "ctrl/cli/show.h"

static long long
number(const json_t *j, const char *key)
{
	return (long long)json_integer_value(json_object_get(j, key));
}

static const char *
text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static void
show_age(FILE *f, const json_t *j, const char *key)
{
	char age[24];
	long long n = number(j, key);

	show_span(age, n > 0 ? (uint64_t)n : 0);
	fputs(age, f);
}

static void
show_version(FILE *f, const json_t *s)
{
	fprintf(f, "weir %s", text(s, "version"));
	if (*text(s, "node")) {
		fputs(" on ", f);
		show_text(f, text(s, "node"));
	}
	fputs(", up ", f);
	show_age(f, s, "uptime_s");
	if (json_is_true(json_object_get(s, "draining")))
		fputs(", DRAINING: new work is refused", f);
}

static void
show_generation(FILE *f, const json_t *s)
{
	const json_t *p = json_object_get(s, "policy");

	fprintf(f, "%lld, ", number(s, "generation"));
	show_age(f, s, "generation_age_s");
	fprintf(f,
	        " old, %lld live; customers %lld, domains %lld, rules %lld, phrases %lld, list "
	        "entries %lld",
	        number(s, "generations_live"), number(p, "customers"), number(p, "domains"),
	        number(p, "rules"), number(p, "phrases"), number(p, "list_entries"));
}

static void
show_ports(FILE *f, const json_t *s)
{
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(s, "ports"), i, p)
	{
		bool up = json_is_true(json_object_get(p, "up"));

		fputs(i ? "; " : "", f);
		show_text(f, text(p, "device"));
		fprintf(f, " %s ", up ? "up" : "DOWN");
		show_text(f, text(p, "addresses"));
	}
}

static void
show_cores(FILE *f, const json_t *s)
{
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(s, "cores"), i, c)
	        fprintf(f, "%scpu %lld %.1f %%", i ? ", " : "", number(c, "cpu"),
	                100 * json_number_value(json_object_get(c, "busy")));
}

static void
show_sessions(FILE *f, const json_t *s)
{
	fprintf(f, "%lld open", number(s, "sessions"));
}

static void
show_rate(FILE *f, const json_t *s)
{
	fprintf(f, "%.1f", json_number_value(json_object_get(s, "mails_per_second")));
}

static void
show_mails(FILE *f, const json_t *s)
{
	const json_t *m = json_object_get(s, "mails");

	fprintf(f, "%lld sent = %lld delivered + %lld refused + %lld deferred + %lld given up",
	        number(m, "sent"), number(m, "delivered"), number(m, "refused"),
	        number(m, "deferred"), number(m, "given_up"));
	if (number(m, "in_flight"))
		fprintf(f, " + %lld in flight", number(m, "in_flight"));
}

/* Members of an object whose values are numbers, largest first. */
static void
show_ranking(FILE *f, const json_t *o, size_t most, void (*put)(FILE *, long long))
{
	long long below = INT64_MAX;
	size_t shown = 0;

	while (shown < most) {
		long long best = 0;
		const char *key;
		json_t *v;

		json_object_foreach((json_t *)o, key, v)
		{
			long long n = (long long)json_integer_value(v);

			if (n < below && n > best)
				best = n;
		}
		if (best == 0)
			break;
		json_object_foreach((json_t *)o, key, v)
		{
			if (!strcmp(key, "total") || json_integer_value(v) != best || shown == most)
				continue;
			fputs(shown++ ? ", " : "", f);
			show_text(f, key);
			fputc(' ', f);
			put(f, best);
		}
		below = best;
	}
}

static void
put_count(FILE *f, long long n)
{
	fprintf(f, "%lld", n);
}

static void
put_bytes(FILE *f, long long n)
{
	char b[24];

	show_bytes(b, n > 0 ? (uint64_t)n : 0);
	fputs(b, f);
}

static void
show_refused(FILE *f, const json_t *s)
{
	const json_t *by = json_object_get(s, "refused_by");

	if (json_object_size(by) == 0)
		fputc('-', f);
	show_ranking(f, by, 12, put_count);
}

static void
show_drops(FILE *f, const json_t *s)
{
	fprintf(f, "%lld%s", number(s, "drops"),
	        number(s, "drops") ? " (weirctl errors says which)" : "");
}

static void
show_memory(FILE *f, const json_t *s)
{
	const json_t *m = json_object_get(s, "memory");

	put_bytes(f, number(m, "total"));
	fputs(" in use: ", f);
	show_ranking(f, m, 5, put_bytes);
}

static void
show_store(FILE *f, const json_t *s)
{
	const json_t *j = json_object_get(s, "store");

	fprintf(f, "%s ", text(j, "driver"));
	show_text(f, text(j, "path"));
	fprintf(f, "; reloads %lld, refused %lld", number(j, "reloads"),
	        number(j, "reloads_refused"));
	if (*text(j, "running_on_saved")) {
		fputs("; RUNS ON SAVED INPUTS: ", f);
		show_text(f, text(j, "running_on_saved"));
	}
}

static void
show_log(FILE *f, const json_t *s)
{
	const json_t *j = json_object_get(s, "log");

	fprintf(f, "%lld lines; suppressed %lld, dropped %lld, lost %lld", number(j, "lines"),
	        number(j, "suppressed"), number(j, "dropped"), number(j, "lost"));
}

void
show_status(FILE *f, const json_t *status)
{
	static const struct {
		const char *name;
		void (*show)(FILE *f, const json_t *s);
	} lines[] = {
		{ "version", show_version },   { "generation", show_generation },
		{ "ports", show_ports },       { "cores busy", show_cores },
		{ "sessions", show_sessions }, { "mails/s", show_rate },
		{ "mails", show_mails },       { "refused by", show_refused },
		{ "drops", show_drops },       { "memory", show_memory },
		{ "store", show_store },       { "log", show_log },
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		fprintf(f, "%-11s ", lines[i].name);
		lines[i].show(f, status);
		fputc('\n', f);
	}
}
