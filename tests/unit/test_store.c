/* SPDX-License-Identifier: BSD-3-Clause
 * test_store.c - customers' JSON: every key, every mistake with its path; import, merge, replace, conflict, reopen
 */
#include "ctrl/store.h"
#include "tests/check.h"
#include <unistd.h>

#define ROUTE     "\"route\": {\"servers\": [{\"address\": \"10.0.0.1\"}]}"
#define ONE(more) "{\"customers\": [{\"id\": \"a\", \"domains\": [\"A.test\"], " ROUTE more "}]}"

/* clang-format off */
static const struct { const char *in, *error; } bad[] = {
	{ "{\"customers\": [}", "c.json:1:" },
	{ "[]", "c.json: : wants an object" },
	{ "{\"customer\": []}", ".customer: unknown key" },
	{ "{\"customers\": [{\"id\": \"a\", \"id\": \"b\"}]}", "duplicate" },
	{ "{\"customers\": [{\"id\": \"a\"}]}", ".customers[0]: domains is missing" },
	{ "{\"customers\": [{\"id\": \"a\", \"domains\": [\"x\"]}]}", "route.servers is missing" },
	{ ONE(", \"color\": 1"), ".customers[0].color: unknown key" },
	{ ONE(", \"mailboxes\": {\"mode\": \"some\"}"), ".mailboxes.mode: wants one of: any, list" },
	{ ONE(", \"profile\": {\"threshold\": \"5\"}"), ".threshold: wants a number" },
	{ ONE(", \"profile\": {\"actions\": {\"url\": \"quarantine\"}}"), ".actions.url: the action \"quarantine\" is not there yet" },
	{ ONE(", \"profile\": {\"actions\": {\"url\": \"forward\"}}"), "profile.forward_to is missing" },
	{ ONE(", \"profile\": {\"actions\": {\"sender\": \"tag\"}}"), ".actions.sender: always blocks" },
	{ ONE(", \"profile\": {\"actions\": {\"uri\": \"tag\"}}"), "no such filter" },
	{ ONE(", \"profile\": {\"forward_to\": \"x@y\"}"), ".forward_to: wants an address" },
	{ ONE(", \"profile\": {\"max_message\": \"20MB\"}"), ".max_message: wants a size" },
	{ ONE(", \"rules\": [{\"field\": \"subject\"}]"), ".rules[0]: value is missing" },
	{ ONE(", \"rules\": [{\"value\": \"x\"}]"), ".rules[0]: field is missing" },
	{ ONE(", \"rules\": [{\"field\": \"subject\", \"value\": \"a\\u0001\"}]"), ".value: control characters" },
	{ "{\"customers\": [{\"id\": \"a b\", \"domains\": [\"x\"], " ROUTE "}]}", "id takes letters" },
	{ "{\"customers\": [{\"id\": \"a\", \"domains\": [\"x\"], \"route\": {\"servers\": [{\"address\": \"mx.test\"}]}}]}", ".servers[0].address: wants an IP address" },
	{ "{\"customers\": [{\"id\": \"a\", \"domains\": [\"x\"], \"route\": {\"servers\": [{\"address\": \"10.0.0.1\", \"port\": 65536}]}}]}", ".port: wants a whole number" },
	{ "{\"customers\": [{\"id\": \"a\", \"domains\": [\"x\"], \"route\": {\"on_outage\": \"spool\", \"servers\": [{\"address\": \"10.0.0.1\"}]}}]}", "on_outage: the store-and-forward spool is not there yet" },
};
/* clang-format on */

static bool
has(const struct settings_errors *e, const char *text)
{
	for (size_t i = 0; i < e->cnt; i++)
		if (strstr(e->item[i], text))
			return true;
	return false;
}

static json_t *
json(const char *text)
{
	struct settings_errors e = { 0 };
	json_t *root = customers_parse_text("c.json", span_z(text), &e);

	CHECK(root, "%s", text);
	settings_errors_fini(&e);
	return root;
}

static void
test_good(void)
{
	json_t *root = json("{\"customers\": [{\"id\": \"acme\", \"domains\": [\"acme.test\", "
	                    "\"b.test\"], \"route\": {\"servers\": "
	                    "[{\"address\": \"10.0.0.1\", \"port\": 2525, \"priority\": 20, "
	                    "\"weight\": 3}], \"egress\": "
	                    "[\"10.0.0.9\"], \"proxy\": \"v2\", \"xclient\": true}, \"mailboxes\": "
	                    "{\"mode\": \"list\", \"list\": "
	                    "[\"bob\"], \"settings\": [{\"local\": \"bob\", \"filtering\": "
	                    "false}]}, \"profile\": {\"threshold\": "
	                    "7.5, \"actions\": {\"url\": \"tag\"}, \"max_message\": \"20MiB\", "
	                    "\"countries\": {\"deny\": "
	                    "[\"XX\"]}}, \"rules\": [{\"priority\": 5, \"field\": \"subject\", "
	                    "\"op\": \"contains\", \"value\": "
	                    "\"x\", \"action\": \"continue\"}]}]}");
	struct settings_errors e = { 0 };
	struct customers c;
	int ret = customers_from_json("c.json", root, &c, &e);

	CHECK(ret == 0, "%s", e.cnt ? e.item[0] : "");
	if (ret == 0) {
		const struct snapshot_customer *a = &c.item[0];

		CHECK(c.cnt == 1 && span_is(a->id, "acme") && a->domain_cnt == 2);
		CHECK(a->route.servers[0].port == 2525 && a->route.servers[0].weight == 3);
		CHECK(a->route.egress_cnt == 1 && a->route.proxy_v2 && a->route.xclient);
		CHECK(a->mailbox_mode == SNAPSHOT_MAILBOX_LIST && a->mailboxes[0].filtering_off);
		CHECK(a->profile.threshold_milli == 7500 && a->profile.max_message == 20u << 20);
		CHECK(a->profile.actions[FILTER_URL] == ACTION_TAG);
		CHECK(a->profile.actions[FILTER_PHONE] == ACTION_TAG, "phone uses url's");
		CHECK(a->profile.actions[FILTER_IP] == ACTION_BLOCK && a->rules[0].priority == 5);
		customers_fini(&c);
	}
	json_decref(root);
}

static void
test_bad(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct settings_errors e = { 0 };
		struct customers c;
		json_t *root = customers_parse_text("c.json", span_z(bad[i].in), &e);

		if (root)
			CHECK(customers_from_json("c.json", root, &c, &e) == -EINVAL, "%s",
			      bad[i].in);
		CHECK(has(&e, bad[i].error), "want %s got %s", bad[i].error,
		      e.cnt ? e.item[0] : "-");
		json_decref(root);
		settings_errors_fini(&e);
	}
}

static size_t
count(struct store *s)
{
	struct settings_errors e = { 0 };
	json_t *all = store_export(s, &e);
	size_t n = json_array_size(json_object_get(all, "customers"));

	json_decref(all);
	settings_errors_fini(&e);
	return n;
}

static void
test_store(void)
{
	char path[] = "/tmp/weir-test-store-XXXXXX";
	struct settings_errors e = { 0 };
	struct store *s, *other;
	json_t *a = json(ONE("")),
	       *b = json("{\"customers\": [{\"id\": \"b\", \"domains\": [\"b.test\"], " ROUTE
	                 "}]}");
	json_t *clash = json("{\"customers\": [{\"id\": \"c\", \"domains\": [\"c.test\"], " ROUTE
	                     "}, {\"id\": \"d\", "
	                     "\"domains\": [\"a.TEST\"], " ROUTE "}]}");
	uint64_t g0, g1;

	close(mkstemp(path));
	CHECK(store_open(path, &s, &e) == 0, "%s", e.cnt ? e.item[0] : "");
	CHECK(store_open(path, &other, &e) == 0 && !store_has_changed(other));
	CHECK(store_generation(s, &g0) == 0 && store_import(s, a, false, &e) == 0);
	CHECK(store_generation(s, &g1) == 0 && g1 == g0 + 1);
	CHECK(store_has_changed(other) && !store_has_changed(other));
	CHECK(store_import(s, b, false, &e) == 0 && store_import(s, b, false, &e) == 0 &&
	      count(s) == 2);
	CHECK(e.cnt == 0 && store_import(s, clash, false, &e) < 0 && has(&e, "a.test"));
	CHECK(count(s) == 2, "a failed import leaves nothing");
	CHECK(store_import(s, b, true, &e) == 0 && count(s) == 1);
	CHECK(store_delete(s, "zzz", &e) == -ENOENT && store_delete(s, "b", &e) == 0 &&
	      count(s) == 0);
	store_close(s);
	CHECK(count(other) == 0 && store_generation(other, &g1) == 0 && g1 == g0 + 5);
	store_close(other);
	settings_errors_fini(&e);
	json_decref(a);
	json_decref(b);
	json_decref(clash);
	for (size_t i = 0; i < 3; i++) {
		static const char *const tails[] = { "", "-wal", "-shm" };
		char file[64];

		snprintf(file, sizeof(file), "%s%s", path, tails[i]);
		unlink(file);
	}
}

int
main(void)
{
	test_good();
	test_bad();
	test_store();
	return check_failed;
}
