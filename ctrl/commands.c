/* SPDX-License-Identifier: BSD-3-Clause
 * commands.c - the daemon's commands, a row of commands.def each
 */
#include "ctrl/ctrl_internal.h"
#include "base/clock.h"
#include <stdarg.h>

typedef json_t *(*command_fn)(struct ctrl *c, const json_t *request);

static json_t *fail(const char *fmt, ...) PRINTF(1, 2);

static json_t *
fail(const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return json_pack("{s:b,s:s}", "ok", 0, "error", text);
}

static json_t *
done(void)
{
	return json_pack("{s:b}", "ok", 1);
}

static const char *
text_of(const json_t *request, const char *key)
{
	const char *s = json_string_value(json_object_get(request, key));

	return s ? s : "";
}

static json_t *
do_status(struct ctrl *c, const json_t *request)
{
	json_t *j = status_json(c);

	(void)request;
	json_object_set_new(j, "ok", json_true());
	return j;
}

static json_t *
do_errors(struct ctrl *c, const json_t *request)
{
	(void)request;
	return json_pack("{s:b,s:o}", "ok", 1, "counters", errors_json(c));
}

static json_t *
do_reload(struct ctrl *c, const json_t *request)
{
	struct reload_outcome o;

	(void)request;
	if (!publish_reload(c, "weirctl", &o))
		return fail("the daemon stops");
	return json_pack("{s:b,s:I,s:I,s:o,s:o}", "ok", o.is_ok, "generation",
	                 (json_int_t)o.generation, "ms", (json_int_t)(o.took_us / 1000), "errors",
	                 o.errors, "warnings", o.warnings);
}

static json_t *
do_nudge(struct ctrl *c, const json_t *request)
{
	(void)request;
	publish_request(c, "nudge", true);
	return done();
}

static json_t *
do_drain(struct ctrl *c, const json_t *request)
{
	bool on = !json_is_false(json_object_get(request, "on"));

	if (!c->node.drain)
		return fail("this node cannot drain");
	pthread_mutex_lock(&c->node_lock);
	c->node.drain(c->node.ctx, on);
	pthread_mutex_unlock(&c->node_lock);
	ctrl_set_draining(c, on);
	return done();
}

static json_t *
do_drained(struct ctrl *c, const json_t *request)
{
	bool is;

	(void)request;
	if (!c->node.is_drained)
		return fail("this node cannot drain");
	pthread_mutex_lock(&c->node_lock);
	is = c->node.is_drained(c->node.ctx);
	pthread_mutex_unlock(&c->node_lock);
	return json_pack("{s:b,s:b,s:I}", "ok", 1, "drained", is, "sessions",
	                 (json_int_t)figure_sum(c, "weir_sessions", ""));
}

static json_t *
do_ban_add(struct ctrl *c, const json_t *request)
{
	const json_t *seconds = json_object_get(request, "seconds");
	json_int_t n = json_integer_value(seconds);
	char prefix[ADDR_TEXT_MAX + 4];
	struct ban b = { 0 };
	int ret;

	if (!addr_parse_prefix(span_z(text_of(request, "prefix")), false, &b.prefix))
		return fail("prefix: \"%.100s\" is no prefix (host bits must be zero)",
		            text_of(request, "prefix"));
	if ((seconds && !json_is_integer(seconds)) || n < 0 || n > 10ll * 366 * 86400)
		return fail("seconds: wants a number from 0 to ten years");
	if (n > 0)
		b.until_us = clock_wall_us() + (uint64_t)n * 1000000;
	ban_set_why(&b, text_of(request, "why"));
	ret = bans_add(c, &b);
	if (ret == -EINVAL)
		return fail("prefix: shorter than IPv4 /8 or IPv6 /16 would ban half the world");
	if (ret == -E2BIG)
		return fail("%d prefixes are banned already: not added", BANS_MAX);
	if (ret < 0)
		return fail("the ban holds, but was not kept for a restart: %s", strerror(-ret));
	ban_format(&b.prefix, prefix);
	log_control(c->log, "ban",
	            json_pack("{s:s,s:I,s:s}", "prefix", prefix, "seconds", n, "why", b.why));
	return done();
}

static json_t *
do_ban_del(struct ctrl *c, const json_t *request)
{
	struct addr_prefix p;
	int ret;

	if (!addr_parse_prefix(span_z(text_of(request, "prefix")), false, &p))
		return fail("prefix: \"%.100s\" is no prefix", text_of(request, "prefix"));
	ret = bans_del(c, &p);
	if (ret == -ENOENT)
		return fail("%.100s is not banned", text_of(request, "prefix"));
	if (ret < 0)
		return fail("the ban is gone, but a restart brings it back: %s", strerror(-ret));
	log_control(c->log, "unban", json_pack("{s:s}", "prefix", text_of(request, "prefix")));
	return done();
}

static json_t *
do_ban_list(struct ctrl *c, const json_t *request)
{
	(void)request;
	return json_pack("{s:b,s:o}", "ok", 1, "bans", bans_json(c));
}

static json_t *
do_why(struct ctrl *c, const json_t *request)
{
	json_t *lines = log_find(c->log, text_of(request, "id"));

	if (json_array_size(lines) > 0)
		return json_pack("{s:b,s:o}", "ok", 1, "lines", lines);
	json_decref(lines);
	return fail("no line has the id \"%.40s\"", text_of(request, "id"));
}

static json_t *
do_capture(struct ctrl *c, const json_t *request)
{
	uint64_t count = (uint64_t)json_integer_value(json_object_get(request, "count"));
	uint64_t seconds = (uint64_t)json_integer_value(json_object_get(request, "seconds"));
	const char *path = text_of(request, "path");
	uint64_t captured = 0;
	char err[256] = "";
	int ret;

	if (!c->node.capture)
		return fail("this node cannot capture");
	if (*path != '/')
		return fail("path: must be absolute");
	if (seconds < 1 || seconds > 3600)
		return fail("seconds: 1 to 3600");
	if (pthread_mutex_trylock(&c->capture_lock) != 0)
		return fail("a capture is running");
	ret = c->node.capture(c->node.ctx, text_of(request, "filter"), count ? count : UINT64_MAX,
	                      seconds, path, &captured, err);
	pthread_mutex_unlock(&c->capture_lock);
	if (ret < 0)
		return fail("%s", *err ? err : strerror(-ret));
	return json_pack("{s:b,s:I,s:s}", "ok", 1, "frames", (json_int_t)captured, "path", path);
}

/* Lines of the snapshot's answer as an array. Takes text. */
static json_t *
lines_of(char *text)
{
	json_t *out = json_array();
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		json_t *s = json_string(l);

		if (s)
			json_array_append_new(out, s);
	}
	free(text);
	return out;
}

static char *
lookup_ip(const struct snapshot *s, struct span key)
{
	struct addr a;

	return addr_parse(key, &a) ? snapshot_lookup_ip(s, &a) : NULL;
}

static const struct lookup {
	const char *verb, *wants;                                /* "… is no IP address" */
	char *(*run)(const struct snapshot *s, struct span key); /* NULL: it is none */
} lookups[] = {
	{ "ip", "IP address", lookup_ip },
	{ "domain", "domain", snapshot_lookup_domain },
	{ "url", "URL", snapshot_lookup_url },
	{ "mailbox", "address", snapshot_lookup_mailbox },
	{ "route", "domain", snapshot_lookup_route },
	{ "sender", "address", snapshot_lookup_sender },
	{ "phone", "phone number", snapshot_lookup_phone },
	{ "sha256", "SHA-256 of 64 hexadecimal digits", snapshot_lookup_sha256 },
};

static json_t *
do_lookup(struct ctrl *c, const json_t *request)
{
	const char *verb = text_of(request, "verb"), *key = text_of(request, "key");
	const struct lookup *l = lookups;
	const struct snapshot *s;
	size_t flushed = 0;
	uint64_t generation;
	char *text;

	while (strcmp(l->verb, verb)) /* commands.def has these verbs alone */
		l++;
	s = publish_lock(c);
	generation = snapshot_generation(s);
	text = l->run(s, span_z(key));
	publish_unlock(c);
	if (!text)
		return fail("\"%.100s\" is no %s", key, l->wants);
	if (json_is_true(json_object_get(request, "flush")) && c->node.flush_rcpt) {
		pthread_mutex_lock(&c->node_lock);
		flushed = c->node.flush_rcpt(c->node.ctx, span_z(key));
		pthread_mutex_unlock(&c->node_lock);
	}
	return json_pack("{s:b,s:I,s:o,s:I}", "ok", 1, "generation", (json_int_t)generation,
	                 "lines", lines_of(text), "flushed", (json_int_t)flushed);
}

static const struct command {
	const char *name, *verb;
	command_fn run;
} commands[] = {
#define COMMAND(fn, name, verb, members, text) { name, verb, fn },
#include "ctrl/commands.def"
#undef COMMAND
};

json_t *
command_run(struct ctrl *c, const json_t *request)
{
	const char *name = text_of(request, "command"), *verb = text_of(request, "verb");
	json_t *reply;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name) || strcmp(commands[i].verb, verb))
			continue;
		reply = commands[i].run(c, request);
		return reply ? reply : fail("the answer holds text that is no UTF-8");
	}
	return fail("no such command: %.60s %.60s", name, verb);
}
