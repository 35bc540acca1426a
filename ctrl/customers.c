/* SPDX-License-Identifier: BSD-3-Clause
 * customers.c - one reader function per object of the format; each names its keys in a table
 */
#include "ctrl/customers_json.h"
#include "ctrl/settings_yaml.h"

/* ---- mailboxes ---- */

static void
read_mode(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "any", "list", NULL };
	int i = json_read_word(r, v, words);

	if (i >= 0)
		*(enum snapshot_mailbox_mode *)into = (enum snapshot_mailbox_mode)i;
}

static void
read_filtering(struct reader *r, const json_t *v, void *into)
{
	bool on = true;

	json_read_bool(r, v, &on);
	*(bool *)into = !on;
}

static void
read_mailbox(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "local", json_read_text, offsetof(struct snapshot_mailbox, local) },
		{ "domain", json_read_text, offsetof(struct snapshot_mailbox, domain) },
		{ "filtering", read_filtering, offsetof(struct snapshot_mailbox, filtering_off) },
		{ "allow", json_read_texts, offsetof(struct snapshot_mailbox, allow) },
		{ "deny", json_read_texts, offsetof(struct snapshot_mailbox, deny) },
	};
	struct snapshot_mailbox *m = into;

	m->local = m->domain = span("", 0);
	json_read_object(r, v, keys, ARRAY_LEN(keys), m);
	if (m->local.len == 0)
		json_fail(r, "local is missing");
}

static void
read_settings(struct reader *r, const json_t *v, void *into)
{
	struct snapshot_customer *c = into;
	void *item = NULL;

	c->mailbox_cnt =
	        json_read_array(r, v, sizeof(struct snapshot_mailbox), read_mailbox, &item);
	c->mailboxes = item;
}

static void
read_mailboxes(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "mode", read_mode, offsetof(struct snapshot_customer, mailbox_mode) },
		{ "list", json_read_texts, offsetof(struct snapshot_customer, mailbox_list) },
		{ "settings", read_settings, 0 },
	};

	json_read_object(r, v, keys, ARRAY_LEN(keys), into);
}

/* ---- profile ---- */

/* quarantine is known and refused until there is a place to keep mail. */
static void
read_action(struct reader *r, const json_t *v, void *into)
{
	enum policy_action a;
	const char *w = json_string_value(v);

	if (!w || !policy_action_parse(span_z(w), &a) || a == ACTION_DELIVER || a == ACTION_DEFER)
		json_fail(r, "wants one of: block, tag, header, forward, continue");
	else if (a == ACTION_QUARANTINE)
		json_fail(r, "the action \"%s\" is not there yet", w);
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
		json_fail(r, "wants an object");
		return;
	}
	json_object_foreach((json_t *)v, name, value)
	{
		size_t n = json_enter(r, ".%.60s", name);
		enum policy_filter f;

		if (!policy_filter_parse(span_z(name), &f) || f == FILTER_NONE)
			json_fail(r, "there is no such filter");
		else if (f == FILTER_SENDER || f == FILTER_MAILBOX)
			json_fail(r, "always blocks");
		else
			read_action(r, value, &actions[f]);
		json_leave(r, n);
	}
	if (json_object_get(v, "url") && !json_object_get(v, "phone"))
		actions[FILTER_PHONE] = actions[FILTER_URL]; /* decisions 16 */
}

static void
read_threshold(struct reader *r, const json_t *v, void *into)
{
	double d = json_number_value(v);

	if (!json_is_number(v) || !(d > 0 && d <= 1000))
		json_fail(r, "wants a number over 0, at most 1000");
	else
		*(int32_t *)into = (int32_t)(d * 1000 + 0.5);
}

static void
read_size(struct reader *r, const json_t *v, void *into)
{
	uint64_t n = (uint64_t)json_integer_value(v);

	if (json_is_string(v)
	            ? !settings_number_parse(SETTINGS_SIZE, span_z(json_string_value(v)), &n)
	            : !json_is_integer(v) || json_integer_value(v) < 0)
		json_fail(r, "wants a size like \"20MiB\"");
	else
		*(uint64_t *)into = n;
}

static void
read_countries(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "deny", json_read_texts, offsetof(struct snapshot_profile, countries_deny) },
		{ "allow", json_read_texts, offsetof(struct snapshot_profile, countries_allow) },
	};

	json_read_object(r, v, keys, ARRAY_LEN(keys), into);
}

static void
read_forward_to(struct reader *r, const json_t *v, void *into)
{
	struct span *out = into;

	json_read_text(r, v, out);
	if (json_is_string(v) && !snapshot_takes_forward_to(*out))
		json_fail(r, "wants an address like \"spam@example.test\"");
}

static void
read_profile(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "threshold", read_threshold, offsetof(struct snapshot_profile, threshold_milli) },
		{ "actions", read_actions, offsetof(struct snapshot_profile, actions) },
		{ "tag_text", json_read_text, offsetof(struct snapshot_profile, tag_text) },
		{ "countries", read_countries, 0 },
		{ "allow", json_read_texts, offsetof(struct snapshot_profile, allow) },
		{ "deny", json_read_texts, offsetof(struct snapshot_profile, deny) },
		{ "max_message", read_size, offsetof(struct snapshot_profile, max_message) },
		{ "filter_postmaster", json_read_bool,
		  offsetof(struct snapshot_profile, filter_postmaster) },
		{ "add_headers", json_read_bool, offsetof(struct snapshot_profile, add_headers) },
		{ "forward_to", read_forward_to, offsetof(struct snapshot_profile, forward_to) },
	};

	json_read_object(r, v, keys, ARRAY_LEN(keys), into);
}

/* ---- rules ---- */

static void
read_rule_priority(struct reader *r, const json_t *v, void *into)
{
	int64_t n;

	if (json_read_integer(r, v, 0, 1000000, &n))
		*(uint32_t *)into = (uint32_t)n;
}

static void
read_field(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "entire", "header",  "body", "from",
		                             "rcpt",   "subject", NULL };
	int i = json_read_word(r, v, words);

	if (i >= 0)
		*(enum snapshot_field *)into = (enum snapshot_field)i;
}

static void
read_op(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "contains", "equals", "regex", NULL };
	int i = json_read_word(r, v, words);

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
		{ "value", json_read_text, offsetof(struct snapshot_custom_rule, value) },
		{ "action", read_action, offsetof(struct snapshot_custom_rule, action) },
	};
	struct snapshot_custom_rule *rule = into;

	*rule = (struct snapshot_custom_rule){ .priority = 100, .action = ACTION_BLOCK };
	json_read_object(r, v, keys, ARRAY_LEN(keys), rule);
	if (rule->value.len == 0)
		json_fail(r, "value is missing");
	if (json_is_object(v) && !json_object_get(v, "field"))
		json_fail(r, "field is missing");
}

static void
read_rules(struct reader *r, const json_t *v, void *into)
{
	struct snapshot_customer *c = into;
	void *item = NULL;

	c->rule_cnt = json_read_array(r, v, sizeof(struct snapshot_custom_rule), read_rule, &item);
	c->rules = item;
}

/* ---- customer ---- */

static void
read_domains(struct reader *r, const json_t *v, void *into)
{
	struct snapshot_customer *c = into;
	void *item = NULL;

	c->domain_cnt = json_read_array(r, v, sizeof(struct span), json_read_text, &item);
	c->domains = item;
}

static void
check_id(struct reader *r, struct span id)
{
	if (id.len == 0 || id.len > NAME_MAX_BYTES) {
		json_fail(r, "id wants 1 to %d characters", NAME_MAX_BYTES);
		return;
	}
	for (size_t i = 0; i < id.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-_", ascii_lower(id.p[i]))) {
			json_fail(r, "id takes letters, digits, dot, dash and underscore");
			return;
		}
}

static bool
has_forward(const struct snapshot_customer *c)
{
	for (size_t i = 0; i < FILTERS; i++)
		if (c->profile.actions[i] == ACTION_FORWARD)
			return true;
	for (size_t i = 0; i < c->rule_cnt; i++)
		if (c->rules[i].action == ACTION_FORWARD)
			return true;
	return false;
}

static void
read_customer(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "id", json_read_text, offsetof(struct snapshot_customer, id) },
		{ "domains", read_domains, 0 },
		{ "route", customers_read_route, offsetof(struct snapshot_customer, route) },
		{ "mailboxes", read_mailboxes, 0 },
		{ "profile", read_profile, offsetof(struct snapshot_customer, profile) },
		{ "rules", read_rules, 0 },
	};
	struct snapshot_customer *c = into;

	snapshot_profile_default(&c->profile);
	json_read_object(r, v, keys, ARRAY_LEN(keys), c);
	if (!json_is_object(v))
		return;
	check_id(r, c->id);
	if (c->domain_cnt == 0)
		json_fail(r, "domains is missing");
	if (c->route.server_cnt == 0)
		json_fail(r, "route.servers is missing");
	if (has_forward(c) && c->profile.forward_to.len == 0)
		json_fail(r, "profile.forward_to is missing: it is where the action \"forward\" "
		             "sends to");
}

static void
read_customers(struct reader *r, const json_t *v, void *into)
{
	struct customers *c = into;
	void *item = NULL;

	c->cnt = json_read_array(r, v, sizeof(struct snapshot_customer), read_customer, &item);
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
	json_read_object(&r, root, keys, ARRAY_LEN(keys), &c);
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
	FILE *f = fopen(path, "re");
	json_t *root = f ? json_loadf(f, JSON_REJECT_DUPLICATES, &e) : NULL;

	if (!f || (!root && ferror(f))) /* missing, not allowed, a folder */
		settings_error(errors, "%s: error: cannot be read: %s\n", path, strerror(errno));
	else if (!root)
		settings_error(errors, "%s:%d:%d: error: %s\n", path, e.line, e.column, e.text);
	if (f)
		fclose(f);
	return root;
}

void
customers_fini(struct customers *c)
{
	arena_fini(&c->arena);
	memset(c, 0, sizeof(*c));
}
