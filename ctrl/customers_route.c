/* SPDX-License-Identifier: BSD-3-Clause
 * customers_route.c - where a customer's mail goes: servers, egress addresses, how they are told of the sender
 */
#include "ctrl/customers_json.h"

static void
read_address(struct reader *r, const json_t *v, void *into)
{
	if (!json_is_string(v) || !addr_parse(span_z(json_string_value(v)), into))
		json_fail(r, "wants an IP address");
}

static void
read_port(struct reader *r, const json_t *v, void *into)
{
	int64_t n;

	if (json_read_integer(r, v, 1, 65535, &n))
		*(uint16_t *)into = (uint16_t)n;
}

static void
read_priority(struct reader *r, const json_t *v, void *into)
{
	int64_t n;

	if (json_read_integer(r, v, 0, 255, &n))
		*(uint8_t *)into = (uint8_t)n;
}

static void
read_weight(struct reader *r, const json_t *v, void *into)
{
	int64_t n;

	if (json_read_integer(r, v, 1, 1000, &n))
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
	json_read_object(r, v, keys, ARRAY_LEN(keys), s);
	if (json_is_object(v) && !json_object_get(v, "address"))
		json_fail(r, "address is missing");
}

static void
read_servers(struct reader *r, const json_t *v, void *into)
{
	struct policy_route *route = into;
	void *item = NULL;
	size_t n;

	if (json_array_size(v) > ROUTE_SERVERS_MAX) {
		json_fail(r, "at most %d servers", ROUTE_SERVERS_MAX);
		return;
	}
	n = json_read_array(r, v, sizeof(struct policy_server), read_server, &item);
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
		json_fail(r, "at most %d addresses", ROUTE_EGRESS_MAX);
		return;
	}
	n = json_read_array(r, v, sizeof(struct addr), read_address, &item);
	if (n > 0)
		memcpy(route->egress, item, n * sizeof(struct addr));
	route->egress_cnt = (uint8_t)n;
}

static void
read_outage(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "defer", "spool", NULL };
	int i = json_read_word(r, v, words);

	if (i == OUTAGE_SPOOL)
		json_fail(r, "the store-and-forward spool is not there yet; use \"defer\"");
	else if (i >= 0)
		*(uint8_t *)into = (uint8_t)i;
}

static void
read_eightbit(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "pass", "reject", NULL };
	int i = json_read_word(r, v, words);

	if (i >= 0)
		*(uint8_t *)into = (uint8_t)i;
}

static void
read_proxy(struct reader *r, const json_t *v, void *into)
{
	static const char *const words[] = { "none", "v2", NULL };
	int i = json_read_word(r, v, words);

	if (i >= 0)
		*(bool *)into = i == 1;
}

static void
read_max_connections(struct reader *r, const json_t *v, void *into)
{
	int64_t n;

	if (json_read_integer(r, v, 1, 10000, &n))
		*(uint32_t *)into = (uint32_t)n;
}

void
customers_read_route(struct reader *r, const json_t *v, void *into)
{
	static const struct key keys[] = {
		{ "servers", read_servers, 0 },
		{ "egress", read_egress, 0 },
		{ "on_outage", read_outage, offsetof(struct policy_route, on_outage) },
		{ "eightbit", read_eightbit, offsetof(struct policy_route, eightbit) },
		{ "xclient", json_read_bool, offsetof(struct policy_route, xclient) },
		{ "xforward", json_read_bool, offsetof(struct policy_route, xforward) },
		{ "proxy", read_proxy, offsetof(struct policy_route, proxy_v2) },
		{ "max_connections", read_max_connections,
		  offsetof(struct policy_route, max_connections) },
	};

	json_read_object(r, v, keys, ARRAY_LEN(keys), into);
}
