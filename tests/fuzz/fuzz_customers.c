/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_customers.c - customers' JSON: refused with a text or taken; what was taken is inside its bounds and is taken again when
 * written out and read back
 */
#include "ctrl/customers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_customer(const struct snapshot_customer *c)
{
	BUG_ON(c->id.len == 0 || c->id.len > NAME_MAX_BYTES || c->domain_cnt == 0);
	BUG_ON(c->route.server_cnt == 0 || c->route.server_cnt > ROUTE_SERVERS_MAX ||
	       c->route.egress_cnt > ROUTE_EGRESS_MAX || c->route.on_outage != OUTAGE_DEFER);
	for (size_t i = 0; i < c->route.server_cnt; i++)
		BUG_ON(c->route.servers[i].port == 0 || c->route.servers[i].weight == 0);
	for (size_t i = 0; i < FILTERS; i++)
		BUG_ON(c->profile.actions[i] == ACTION_QUARANTINE ||
		       c->profile.actions[i] == ACTION_FORWARD || c->profile.actions[i] >= ACTIONS);
	for (size_t i = 0; i < c->rule_cnt; i++)
		BUG_ON(c->rules[i].value.len == 0);
	BUG_ON(c->profile.threshold_milli <= 0);
}

/* Returns how many customers, SIZE_MAX when refused. */
static size_t
take(const char *text, size_t len, json_t **out)
{
	struct settings_errors e = { 0 };
	struct customers c = { 0 };
	json_t *root = customers_parse_text("f", span(text, len), &e);
	size_t cnt = SIZE_MAX;
	int ret = root ? customers_from_json("f", root, &c, &e) : -EINVAL;

	BUG_ON((ret < 0) != (e.cnt > 0));
	for (size_t i = 0; i < e.cnt; i++)
		BUG_ON(strncmp(e.item[i], "f", 1) || e.item[i][strlen(e.item[i]) - 1] != '\n');
	if (ret == 0) {
		cnt = c.cnt;
		for (size_t i = 0; i < c.cnt; i++)
			check_customer(&c.item[i]);
		customers_fini(&c);
	}
	settings_errors_fini(&e);
	if (out && ret == 0)
		*out = root;
	else
		json_decref(root);
	return cnt;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	json_t *root = NULL;
	size_t cnt = take((const char *)data, len, &root);
	char *text;

	if (cnt == SIZE_MAX)
		return 0;
	text = json_dumps(root, JSON_COMPACT);
	BUG_ON(!text || take(text, strlen(text), NULL) != cnt);
	free(text);
	json_decref(root);
	return 0;
}
