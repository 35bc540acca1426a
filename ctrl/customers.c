/* SPDX-License-Identifier: BSD-3-Clause
 * customers.c - one reader function per object of the format; each names its keys in a table
 */
#include "ctrl/customers.h"
#include "ctrl/settings_yaml.h"
#include <stdarg.h>

struct reader {
	struct customers *out;
	struct settings_errors *errors;
	char path[512]; /* "FILE: customers[0].route" */
};

/* Reads the value of one key into `into`. */
typedef void (*read_fn)(struct reader *r, const json_t *v, void *into);

struct key {
	const char *name;
	read_fn read;
	size_t at;
};

static void fail(struct reader *r, const char *fmt, ...) PRINTF(2, 3);

static void
fail(struct reader *r, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	settings_error(r->errors, "%s: %s\n", r->path, text);
}

/* Append to the path; returns its old length for leave(). */
static size_t enter(struct reader *r, const char *fmt, ...) PRINTF(2, 3);

static size_t
enter(struct reader *r, const char *fmt, ...)
{
	size_t n = strlen(r->path);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->path + n, sizeof(r->path) - n, fmt, ap);
	va_end(ap);
	return n;
}

static void
leave(struct reader *r, size_t n)
{
	r->path[n] = 0;
}

static void
read_object(struct reader *r, const json_t *v, const struct key *keys, size_t key_cnt, void *into)
{
	const char *name;
	json_t *value;

	if (!json_is_object(v)) {
		fail(r, "wants an object");
		return;
	}
	json_object_foreach((json_t *)v, name, value)
	{
		size_t i = 0, n = enter(r, ".%.60s", name);

		while (i < key_cnt && strcmp(keys[i].name, name))
			i++;
		if (i == key_cnt)
			fail(r, "unknown key");
		else
			keys[i].read(r, value, (char *)into + keys[i].at);
		leave(r, n);
	}
}

/* Every element of an array into consecutive structs; returns how many, *out is in the arena. */
static size_t
read_array(struct reader *r, const json_t *v, size_t bytes, read_fn read, void **out)
{
	size_t cnt = json_array_size(v);
	char *item;

	if (!json_is_array(v)) {
		fail(r, "wants a list");
		return 0;
	}
	item = arena_alloc(&r->out->arena, (cnt + 1) * bytes);
	for (size_t i = 0; i < cnt; i++) {
		size_t n = enter(r, "[%zu]", i);

		read(r, json_array_get(v, i), item + i * bytes);
		leave(r, n);
	}
	*out = item;
	return cnt;
}

static void
read_text(struct reader *r, const json_t *v, void *into)
{
	struct span s;

	if (!json_is_string(v)) {
		fail(r, "wants a text");
		return;
	}
	s = span(json_string_value(v), json_string_length(v));
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) {
			fail(r, "control characters are not allowed");
			return;
		}
	*(struct span *)into = span(arena_strdup(&r->out->arena, s), s.len);
}

static void
read_texts(struct reader *r, const json_t *v, void *into)
{
	struct snapshot_span_list *l = into;
	void *item = NULL;

	l->cnt = read_array(r, v, sizeof(struct span), read_text, &item);
	l->item = item;
}

static bool
integer(struct reader *r, const json_t *v, int64_t lo, int64_t hi, int64_t *out)
{
	int64_t i = json_integer_value(v);

	if (!json_is_integer(v) || i < lo || i > hi) {
		fail(r, "wants a whole number from %lld to %lld", (long long)lo, (long long)hi);
		return false;
	}
	*out = i;
	return true;
}

static void
read_bool(struct reader *r, const json_t *v, void *into)
{
	if (json_is_boolean(v))
		*(bool *)into = json_is_true(v);
	else
		fail(r, "wants true or false");
}

/* Index of the word in a list ended by NULL, or -1 with an error. */
static int
word(struct reader *r, const json_t *v, const char *const *words)
{
	char all[200] = "";

	for (int i = 0; words[i]; i++) {
		if (json_is_string(v) && !strcmp(json_string_value(v), words[i]))
			return i;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
		         words[i]);
	}
	fail(r, "wants one of: %s", all);
	return -1;
}

/* ---- route ---- */

static void
read_address(struct reader *r, const json_t *v, void *into)
{
	if (!json_is_string(v) || !addr_parse(span_z(json_string_value(v)), into))
		fail(r, "wants an IP address");
}

static void
read_port(struct reader *r, const json_t *v, void *into)
{
	int64_t n;

	if (integer(r, v, 1, 65535, &n))
		*(uint16_t *)into = (uint16_t)n;
}

static void
read_priority(struct reader *r, const json_t *v, void *into)
{
	int64_t n;

	if (integer(r, v, 0, 255, &n))
		*(uint8_t *)into = (uint8_t)n;
}

static void
read_weight(struct reader *r, const json_t *v, void *into)
{
	int64_t n;

	if (integer(r, v, 1, 1000, &n))
		*(uint16_t *)into = (uint16_t)n;
}

static void
read_server(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "address", read_address, offsetof(struct policy_server, addr) },
		{ "port", read_port, offsetof(struct policy_server, port) },
		{ "priority", read_priority, offsetof(struct policy_server, priority) },
		{ "weight", read_weight, offsetof(struct policy_server, weight) },
	};
	struct policy_server *s = into;

	*s = (struct policy_server){ .port = 25, .priority = 10, .weight = 1 };
	read_object(r, v, keys, ARRAY_LEN(keys), s);
	if (json_is_object(v) && !json_object_get(v, "address"))
		fail(r, "address is missing");
}

static void
read_servers(struct reader *r, const json_t *v, void *into)
{
	struct policy_route *route = into;
	void *item = NULL;
	size_t n;

	if (json_array_size(v) > ROUTE_SERVERS_MAX) {
		fail(r, "at most %d servers", ROUTE_SERVERS_MAX);
		return;
	}
	n = read_array(r, v, sizeof(struct policy_server), read_server, &item);
	if (n > 0)
		memcpy(route->servers, item, n * sizeof(struct policy_server));
	route->server_cnt = (uint8_t)n;
}

static void
read_egress(struct reader *r, const json_t *v, void *into)
{
	struct policy_route *route = into;
	void *item = NULL;
	size_t n;

	if (json_array_size(v) > ROUTE_EGRESS_MAX) {
		fail(r, "at most %d addresses", ROUTE_EGRESS_MAX);
		return;
	}
	n = read_array(r, v, sizeof(struct addr), read_address, &item);
	if (n > 0)
		memcpy(route->egress, item, n * sizeof(struct addr));
	route->egress_cnt = (uint8_t)n;
}

static void
read_outage(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "defer", "spool", NULL };
	int i = word(r, v, words);

	if (i == OUTAGE_SPOOL)
		fail(r, "the store-and-forward spool is not there yet; use \"defer\"");
	else if (i >= 0)
		*(uint8_t *)into = (uint8_t)i;
}

static void
read_eightbit(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "pass", "reject", NULL };
	int i = word(r, v, words);

	if (i >= 0)
		*(uint8_t *)into = (uint8_t)i;
}

static void
read_proxy(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "none", "v2", NULL };
	int i = word(r, v, words);

	if (i >= 0)
		*(bool *)into = i == 1;
}

static void
read_max_connections(struct reader *r, const json_t *v, void *into)
{
	int64_t n;

	if (integer(r, v, 1, 10000, &n))
		*(uint32_t *)into = (uint32_t)n;
}

static void
read_route(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "servers", read_servers, 0 },
		{ "egress", read_egress, 0 },
		{ "on_outage", read_outage, offsetof(struct policy_route, on_outage) },
		{ "eightbit", read_eightbit, offsetof(struct policy_route, eightbit) },
		{ "xclient", read_bool, offsetof(struct policy_route, xclient) },
		{ "xforward", read_bool, offsetof(struct policy_route, xforward) },
		{ "proxy", read_proxy, offsetof(struct policy_route, proxy_v2) },
		{ "max_connections", read_max_connections,
		  offsetof(struct policy_route, max_connections) },
	};

	read_object(r, v, keys, ARRAY_LEN(keys), into);
}

/* ---- mailboxes ---- */

static void
read_mode(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "any", "list", NULL };
	int i = word(r, v, words);

	if (i >= 0)
		*(enum snapshot_mailbox_mode *)into = (enum snapshot_mailbox_mode)i;
}

static void
read_filtering(struct reader *r, const json_t *v, void *into)
{
	bool on = true;

	read_bool(r, v, &on);
	*(bool *)into = !on;
}

static void
read_mailbox(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "local", read_text, offsetof(struct snapshot_mailbox, local) },
		{ "domain", read_text, offsetof(struct snapshot_mailbox, domain) },
		{ "filtering", read_filtering, offsetof(struct snapshot_mailbox, filtering_off) },
		{ "allow", read_texts, offsetof(struct snapshot_mailbox, allow) },
		{ "deny", read_texts, offsetof(struct snapshot_mailbox, deny) },
	};
	struct snapshot_mailbox *m = into;

	m->local = m->domain = span("", 0);
	read_object(r, v, keys, ARRAY_LEN(keys), m);
	if (m->local.len == 0)
		fail(r, "local is missing");
}

static void
read_settings(struct reader *r, const json_t *v, void *into)
{
	struct snapshot_customer *c = into;
	void *item = NULL;

	c->mailbox_cnt = read_array(r, v, sizeof(struct snapshot_mailbox), read_mailbox, &item);
	c->mailboxes = item;
}

static void
read_mailboxes(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "mode", read_mode, offsetof(struct snapshot_customer, mailbox_mode) },
		{ "list", read_texts, offsetof(struct snapshot_customer, mailbox_list) },
		{ "settings", read_settings, 0 },
	};

	read_object(r, v, keys, ARRAY_LEN(keys), into);
}

/* ---- profile ---- */

/* block, tag, header, continue; quarantine and forward are known and refused. */
static void
read_action(struct reader *r, const json_t *v, void *into)
{
	enum policy_action a;
	const char *w = json_string_value(v);

	if (!w || !policy_action_parse(span_z(w), &a) || a == ACTION_DELIVER || a == ACTION_DEFER)
		fail(r, "wants one of: block, tag, header, continue");
	else if (a == ACTION_QUARANTINE || a == ACTION_FORWARD)
		fail(r, "the action \"%s\" is not there yet", w);
	else
		*(enum policy_action *)into = a;
}

static void
read_actions(struct reader *r, const json_t *v, void *into)
{
	enum policy_action *actions = into;
	const char *name;
	json_t *value;

	if (!json_is_object(v)) {
		fail(r, "wants an object");
		return;
	}
	json_object_foreach((json_t *)v, name, value)
	{
		size_t n = enter(r, ".%.60s", name);
		enum policy_filter f;

		if (!policy_filter_parse(span_z(name), &f) || f == FILTER_NONE)
			fail(r, "there is no such filter");
		else if (f == FILTER_SENDER || f == FILTER_MAILBOX)
			fail(r, "always blocks");
		else
			read_action(r, value, &actions[f]);
		leave(r, n);
	}
	if (json_object_get(v, "url") && !json_object_get(v, "phone"))
		actions[FILTER_PHONE] = actions[FILTER_URL]; /* decisions 16 */
}

static void
read_threshold(struct reader *r, const json_t *v, void *into)
{
	double d = json_number_value(v);

	if (!json_is_number(v) || !(d > 0 && d <= 1000))
		fail(r, "wants a number over 0, at most 1000");
	else
		*(int32_t *)into = (int32_t)(d * 1000 + 0.5);
}

static void
read_size(struct reader *r, const json_t *v, void *into)
{
	uint64_t n = (uint64_t)json_integer_value(v);

	if (json_is_string(v) ? !settings_size_parse(span_z(json_string_value(v)), &n)
	                      : !json_is_integer(v) || json_integer_value(v) < 0)
		fail(r, "wants a size like \"20MiB\"");
	else
		*(uint64_t *)into = n;
}

static void
read_countries(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "deny", read_texts, offsetof(struct snapshot_profile, countries_deny) },
		{ "allow", read_texts, offsetof(struct snapshot_profile, countries_allow) },
	};

	read_object(r, v, keys, ARRAY_LEN(keys), into);
}

static void
read_forward_to(struct reader *r, const json_t *v, void *into)
{
	(void)v;
	(void)into;
	fail(r, "forwarding is not there yet");
}

static void
read_profile(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "threshold", read_threshold, offsetof(struct snapshot_profile, threshold_milli) },
		{ "actions", read_actions, offsetof(struct snapshot_profile, actions) },
		{ "tag_text", read_text, offsetof(struct snapshot_profile, tag_text) },
		{ "countries", read_countries, 0 },
		{ "allow", read_texts, offsetof(struct snapshot_profile, allow) },
		{ "deny", read_texts, offsetof(struct snapshot_profile, deny) },
		{ "max_message", read_size, offsetof(struct snapshot_profile, max_message) },
		{ "filter_postmaster", read_bool,
		  offsetof(struct snapshot_profile, filter_postmaster) },
		{ "add_headers", read_bool, offsetof(struct snapshot_profile, add_headers) },
		{ "forward_to", read_forward_to, 0 },
	};

	read_object(r, v, keys, ARRAY_LEN(keys), into);
}

/* ---- rules ---- */

static void
read_rule_priority(struct reader *r, const json_t *v, void *into)
{
	int64_t n;

	if (integer(r, v, 0, 1000000, &n))
		*(uint32_t *)into = (uint32_t)n;
}

static void
read_field(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "entire", "header",  "body", "from",
		                             "rcpt",   "subject", NULL };
	int i = word(r, v, words);

	if (i >= 0)
		*(enum snapshot_field *)into = (enum snapshot_field)i;
}

static void
read_op(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "contains", "equals", "regex", NULL };
	int i = word(r, v, words);

	if (i >= 0)
		*(enum snapshot_op *)into = (enum snapshot_op)i;
}

static void
read_rule(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "priority", read_rule_priority, offsetof(struct snapshot_custom_rule, priority) },
		{ "field", read_field, offsetof(struct snapshot_custom_rule, field) },
		{ "op", read_op, offsetof(struct snapshot_custom_rule, op) },
		{ "value", read_text, offsetof(struct snapshot_custom_rule, value) },
		{ "action", read_action, offsetof(struct snapshot_custom_rule, action) },
	};
	struct snapshot_custom_rule *rule = into;

	*rule = (struct snapshot_custom_rule){ .priority = 100, .action = ACTION_BLOCK };
	read_object(r, v, keys, ARRAY_LEN(keys), rule);
	if (rule->value.len == 0)
		fail(r, "value is missing");
	if (json_is_object(v) && !json_object_get(v, "field"))
		fail(r, "field is missing");
}

static void
read_rules(struct reader *r, const json_t *v, void *into)
{
	struct snapshot_customer *c = into;
	void *item = NULL;

	c->rule_cnt = read_array(r, v, sizeof(struct snapshot_custom_rule), read_rule, &item);
	c->rules = item;
}

/* ---- customer ---- */

static void
read_domains(struct reader *r, const json_t *v, void *into)
{
	struct snapshot_customer *c = into;
	void *item = NULL;

	c->domain_cnt = read_array(r, v, sizeof(struct span), read_text, &item);
	c->domains = item;
}

static void
check_id(struct reader *r, struct span id)
{
	if (id.len == 0 || id.len > NAME_MAX_BYTES) {
		fail(r, "id wants 1 to %d characters", NAME_MAX_BYTES);
		return;
	}
	for (size_t i = 0; i < id.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-_", ascii_lower(id.p[i]))) {
			fail(r, "id takes letters, digits, dot, dash and underscore");
			return;
		}
}

static void
read_customer(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "id", read_text, offsetof(struct snapshot_customer, id) },
		{ "domains", read_domains, 0 },
		{ "route", read_route, offsetof(struct snapshot_customer, route) },
		{ "mailboxes", read_mailboxes, 0 },
		{ "profile", read_profile, offsetof(struct snapshot_customer, profile) },
		{ "rules", read_rules, 0 },
	};
	struct snapshot_customer *c = into;

	snapshot_profile_default(&c->profile);
	read_object(r, v, keys, ARRAY_LEN(keys), c);
	if (!json_is_object(v))
		return;
	check_id(r, c->id);
	if (c->domain_cnt == 0)
		fail(r, "domains is missing");
	if (c->route.server_cnt == 0)
		fail(r, "route.servers is missing");
}

static void
read_customers(struct reader *r, const json_t *v, void *into)
{
	struct customers *c = into;
	void *item = NULL;

	c->cnt = read_array(r, v, sizeof(struct snapshot_customer), read_customer, &item);
	c->item = item;
}

int
customers_from_json(const char *where, const json_t *root, struct customers *out,
                    struct settings_errors *errors)
{
	static const struct key keys[] = { { "customers", read_customers, 0 } };
	struct customers c = { 0 };
	struct reader r = { &c, errors, "" };
	size_t before = errors->cnt;

	snprintf(r.path, sizeof(r.path), "%.300s: ", where);
	read_object(&r, root, keys, ARRAY_LEN(keys), &c);
	if (errors->cnt > before) {
		customers_fini(&c);
		return -EINVAL;
	}
	*out = c;
	return 0;
}

json_t *
customers_parse_text(const char *where, struct span text, struct settings_errors *errors)
{
	json_error_t e;
	json_t *root = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, &e);

	if (!root)
		settings_error(errors, "%s:%d:%d: error: %s\n", where, e.line, e.column, e.text);
	return root;
}

json_t *
customers_load(const char *path, struct settings_errors *errors)
{
	json_error_t e;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);

	if (!root)
		settings_error(errors, "%s:%d:%d: error: %s\n", path, e.line, e.column, e.text);
	return root;
}

void
customers_fini(struct customers *c)
{
	arena_fini(&c->arena);
	memset(c, 0, sizeof(*c));
}
