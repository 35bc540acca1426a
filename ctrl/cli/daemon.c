/* SPDX-License-Identifier: BSD-3-Clause
 * daemon.c - the commands that the daemon answers
 */
#include "ctrl/cli/link.h"
#include "ctrl/cli/show.h"
#include "base/addr.h"
#include <unistd.h>

#define ASK_S       30
#define RELOAD_S    600 /* patterns may take minutes to compile */
#define WAIT_S      600
#define CAPTURE_S   10
#define CAPTURE_MAX 3600

static json_t *
request_of(const char *command, const char *verb)
{
	return json_pack("{s:s,s:s}", "command", command, "verb", verb);
}

static void
set_text(json_t *request, const char *key, const char *value)
{
	json_t *s = json_string(value);

	/* no UTF-8: an empty text is refused there with the key's name */
	json_object_set_new(request, key, s ? s : json_string(""));
}

int
cli_status(struct cli *c)
{
	json_t *reply;
	int rc = link_ask_ok(c, request_of("status", ""), ASK_S, &reply);

	if (rc != EXIT_OK)
		return rc;
	if (!cli_has(c, OPT_JSON))
		show_status(stdout, reply);
	json_decref(reply);
	return rc;
}

int
cli_errors(struct cli *c)
{
	json_t *reply;
	int rc = link_ask_ok(c, request_of("errors", ""), ASK_S, &reply);

	if (rc != EXIT_OK)
		return rc;
	if (!cli_has(c, OPT_JSON))
		show_errors(stdout, json_object_get(reply, "counters"));
	json_decref(reply);
	return rc;
}

int
cli_reload(struct cli *c)
{
	json_t *reply;
	int rc = link_ask_ok(c, request_of("reload", ""), RELOAD_S, &reply);

	if (rc != EXIT_OK)
		return rc;
	if (!cli_has(c, OPT_JSON)) {
		show_lines(stderr, json_object_get(reply, "warnings"));
		printf("generation %lld, %lld ms\n",
		       (long long)json_integer_value(json_object_get(reply, "generation")),
		       (long long)json_integer_value(json_object_get(reply, "ms")));
	}
	json_decref(reply);
	return rc;
}

/* A number or a time within the bounds; false, said, on anything else. Absent: value stays. */
static bool
read_number(const struct cli *c, enum cli_option o, uint64_t low, uint64_t high, uint64_t *value)
{
	const char *text = cli_value(c, o);
	uint64_t n = 0;
	bool ok;

	if (!text)
		return true;
	if (o == OPT_COUNT)
		ok = text[strspn(text, "0123456789")] == 0 && show_parse_span(text, &n);
	else
		ok = show_parse_span(text, &n);
	if (ok && n >= low && n <= high) {
		*value = n;
		return true;
	}
	fprintf(stderr, "weirctl: %s %s: wants %s from %llu to %llu\n", cli_options[o].name, text,
	        cli_options[o].value, (unsigned long long)low, (unsigned long long)high);
	return false;
}

static int
set_drain(struct cli *c, bool on)
{
	json_t *request = json_pack("{s:s,s:b}", "command", "drain", "on", on), *reply;
	int rc = link_ask_ok(c, request, ASK_S, &reply);

	if (rc == EXIT_OK)
		json_decref(reply);
	return rc;
}

/* Is all work done? -1: this daemon does not say. One that is gone has done it all. */
static int
ask_drained(struct cli *c, long long *sessions)
{
	json_t *reply = link_ask_quiet(c, request_of("drained", ""), ASK_S);
	int is_done = 1;

	if (reply)
		is_done = json_is_true(json_object_get(reply, "ok"))
		                  ? json_is_true(json_object_get(reply, "drained"))
		                  : -1;
	*sessions = (long long)json_integer_value(json_object_get(reply, "sessions"));
	json_decref(reply);
	return is_done;
}

int
cli_drain(struct cli *c)
{
	uint64_t limit_s = WAIT_S;
	long long sessions = 0;
	int rc, is_done = 0;

	if (!read_number(c, OPT_SECONDS, 1, 86400, &limit_s))
		return EXIT_USAGE;
	rc = set_drain(c, true);
	if (rc != EXIT_OK || !cli_has(c, OPT_WAIT))
		return rc;
	for (uint64_t i = 0; i <= limit_s * 5; i++) {
		is_done = ask_drained(c, &sessions);
		if (is_done > 0)
			return EXIT_OK;
		if (is_done < 0)
			break;
		usleep(200000);
	}
	if (is_done < 0)
		fputs("weirctl: this daemon does not say what is left\n", stderr);
	else
		fprintf(stderr, "weirctl: after %llu s there are %lld sessions left\n",
		        (unsigned long long)limit_s, sessions);
	return EXIT_ERROR;
}

int
cli_undrain(struct cli *c)
{
	return set_drain(c, false);
}

int
cli_why(struct cli *c)
{
	json_t *request = request_of("why", ""), *reply, *line;
	const char *id = c->words[0];
	size_t i;
	int rc;

	if (!strncmp(id, "id=", 3)) /* as it stands in the reply */
		id += 3;
	set_text(request, "id", id);
	rc = link_ask_ok(c, request, ASK_S, &reply);
	if (rc != EXIT_OK)
		return rc;
	json_array_foreach(json_object_get(reply, "lines"), i, line)
	{
		if (!cli_has(c, OPT_JSON))
			show_event(stdout, line);
	}
	json_decref(reply);
	return rc;
}

/* The canonical prefix into the request; false, said, when it is none. */
static bool
set_prefix(json_t *request, const char *text)
{
	struct addr_prefix p;
	char canonical[ADDR_TEXT_MAX];
	char full[ADDR_TEXT_MAX + 8];

	if (addr_parse_prefix(span_z(text), false, &p)) {
		set_text(request, "prefix", text);
		return true;
	}
	if (addr_parse_prefix(span_z(text), true, &p)) {
		addr_format(&p.addr, canonical);
		p.addr = addr_mask(&p.addr, p.bits);
		addr_format(&p.addr, canonical);
		snprintf(full, sizeof(full), "%s/%d", canonical,
		         addr_is_v4(&p.addr) ? p.bits - 96 : p.bits);
		fprintf(stderr, "weirctl: %s has host bits; did you mean %s?\n", text, full);
		return false;
	}
	fprintf(stderr, "weirctl: %s is no address or prefix\n", text);
	return false;
}

int
cli_ban_add(struct cli *c)
{
	json_t *request = request_of("ban", "add"), *reply;
	const char *span_text = cli_value(c, OPT_FOR), *why = cli_value(c, OPT_WHY);
	uint64_t seconds = 0;
	int rc;

	if (span_text && (!show_parse_span(span_text, &seconds) || seconds == 0)) {
		fprintf(stderr, "weirctl: --for %s: wants a time like 30s, 5m, 1h, 7d\n",
		        span_text);
		json_decref(request);
		return EXIT_USAGE;
	}
	if (!set_prefix(request, c->words[0])) {
		json_decref(request);
		return EXIT_USAGE;
	}
	json_object_set_new(request, "seconds", json_integer((json_int_t)seconds));
	set_text(request, "why", why ? why : "");
	rc = link_ask_ok(c, request, ASK_S, &reply);
	if (rc == EXIT_OK)
		json_decref(reply);
	return rc;
}

int
cli_ban_del(struct cli *c)
{
	json_t *request = request_of("ban", "del"), *reply;
	int rc;

	if (!set_prefix(request, c->words[0])) {
		json_decref(request);
		return EXIT_USAGE;
	}
	rc = link_ask_ok(c, request, ASK_S, &reply);
	if (rc == EXIT_OK)
		json_decref(reply);
	return rc;
}

int
cli_ban_list(struct cli *c)
{
	json_t *reply;
	int rc = link_ask_ok(c, request_of("ban", "list"), ASK_S, &reply);

	if (rc != EXIT_OK)
		return rc;
	if (!cli_has(c, OPT_JSON))
		show_bans(stdout, json_object_get(reply, "bans"), time(NULL));
	json_decref(reply);
	return rc;
}

/* Absolute: the daemon stands elsewhere. */
static void
set_path(json_t *request, const char *path)
{
	char dir[4096], full[8192];

	if (*path != '/' && getcwd(dir, sizeof(dir))) {
		snprintf(full, sizeof(full), "%s/%s", dir, path);
		path = full;
	}
	set_text(request, "path", path);
}

int
cli_capture(struct cli *c)
{
	json_t *request, *reply;
	uint64_t count = 0, seconds = CAPTURE_S;
	char filter[1024] = "";
	size_t n = 0;
	int rc;

	if (!cli_value(c, OPT_WRITE)) {
		fputs("weirctl capture: wants -w FILE\n", stderr);
		return EXIT_USAGE;
	}
	if (!read_number(c, OPT_COUNT, 1, 1000000000, &count) ||
	    !read_number(c, OPT_SECONDS, 1, CAPTURE_MAX, &seconds))
		return EXIT_USAGE;
	for (size_t i = 0; i < c->word_cnt && n < sizeof(filter); i++)
		n += (size_t)snprintf(filter + n, sizeof(filter) - n, "%s%s", i ? " " : "",
		                      c->words[i]);
	request = json_pack("{s:s,s:I,s:I}", "command", "capture", "count", (json_int_t)count,
	                    "seconds", (json_int_t)seconds);
	set_text(request, "verb", "");
	set_text(request, "filter", filter);
	set_path(request, cli_value(c, OPT_WRITE));
	rc = link_ask_ok(c, request, (unsigned)seconds + ASK_S, &reply);
	if (rc != EXIT_OK)
		return rc;
	if (!cli_has(c, OPT_JSON))
		printf("%lld frames\n",
		       (long long)json_integer_value(json_object_get(reply, "frames")));
	json_decref(reply);
	return rc;
}

int
cli_lookup(struct cli *c)
{
	json_t *request = request_of("lookup", cli_verb(c)), *reply;
	const json_t *lines;
	int rc;

	set_text(request, "key", c->words[0]);
	json_object_set_new(request, "flush", json_boolean(cli_has(c, OPT_FLUSH)));
	rc = link_ask_ok(c, request, ASK_S, &reply);
	if (rc != EXIT_OK)
		return rc;
	lines = json_object_get(reply, "lines");
	if (!cli_has(c, OPT_JSON)) {
		show_lines(stdout, lines);
		if (json_array_size(lines) == 0)
			puts("nothing known");
		if (cli_has(c, OPT_FLUSH))
			printf("%lld cached answers forgotten\n",
			       (long long)json_integer_value(json_object_get(reply, "flushed")));
	}
	json_decref(reply);
	return rc;
}
