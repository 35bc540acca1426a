/* SPDX-License-Identifier: BSD-3-Clause
 * customers.c - four customers on three routes, in two generations
 */
#include "tests/sim/customers.h"

const struct cust_rcpt cust_rcpts[CUST_RCPTS] = {
	{ "one@any.test", ROUTE_ANY, TRUTH_YES },     { "two@any.test", ROUTE_ANY, TRUTH_YES },
	{ "vip@any.test", ROUTE_ANY, TRUTH_YES },   /* filtering off */
	{ "picky@any.test", ROUTE_ANY, TRUTH_YES }, /* denies @bad.test for itself */
	{ "ghost@any.test", ROUTE_ANY, TRUTH_NO },    { "moody@any.test", ROUTE_ANY, TRUTH_MOODY },
	{ "bob@list.test", ROUTE_ANY, TRUTH_YES },    { "alice@list.test", ROUTE_ANY, TRUTH_YES },
	{ "carol@list.test", ROUTE_ANY, TRUTH_YES }, /* in the list of generation 2 */
	{ "nobody@list.test", ROUTE_ANY, TRUTH_YES }, { "x@other.test", ROUTE_OTHER, TRUTH_YES },
	{ "w@other.test", ROUTE_OTHER, TRUTH_MOODY }, { "p@prx.test", ROUTE_PROXY, TRUTH_YES },
	{ "y@foreign.test", ROUTE_NONE, TRUTH_YES },
};

enum { ONE, TWO, VIP, PICKY, GHOST, MOODY, BOB, ALICE, CAROL, NOBODY, OTHER_X, OTHER_W, PROXY_P };

const uint16_t cust_ports[] = { 2525, 2526, 2527, 2528, 2529 };
const size_t cust_port_cnt = ARRAY_LEN(cust_ports);

bool
cust_port_is(uint16_t port, enum cust_route r)
{
	switch (r) {
	case ROUTE_ANY:
		return port == 2525 || port == 2527 || port == 2528;
	case ROUTE_OTHER:
		return port == 2526;
	case ROUTE_PROXY:
		return port == 2529;
	default:
		return false;
	}
}

int
cust_find(struct span address)
{
	for (int i = 0; i < CUST_RCPTS; i++)
		if (span_is(address, cust_rcpts[i].address))
			return i;
	return -1;
}

enum cust_answer
cust_answer(unsigned rcpt, bool bad_sender, unsigned generation)
{
	switch (rcpt) {
	case PICKY:
	case OTHER_X:
	case OTHER_W:
		return bad_sender ? ANSWER_REFUSED : ANSWER_ASK;
	case BOB:
	case ALICE:
		return ANSWER_KNOWN;
	case CAROL:
		return generation == 2 ? ANSWER_KNOWN : ANSWER_UNKNOWN;
	case NOBODY:
		return ANSWER_UNKNOWN;
	default:
		return cust_rcpts[rcpt].route == ROUTE_NONE ? ANSWER_RELAY : ANSWER_ASK;
	}
}

enum policy_action
cust_action(unsigned rcpt, unsigned content, unsigned generation)
{
	switch (rcpt) {
	case VIP:
		return ACTION_DELIVER;
	case BOB:
	case ALICE:
	case CAROL:
		if (content & CONTENT_GTUBE)
			return generation == 1 ? ACTION_TAG : ACTION_BLOCK;
		return content & CONTENT_WORD ? ACTION_BLOCK : ACTION_DELIVER;
	case OTHER_X:
	case OTHER_W:
		return content & CONTENT_GTUBE ? ACTION_HEADER : ACTION_DELIVER;
	case PROXY_P:
		return content & CONTENT_GTUBE ? ACTION_BLOCK : ACTION_DELIVER;
	default:
		if (content & CONTENT_GTUBE)
			return ACTION_BLOCK;
		return content & CONTENT_WORD && generation == 1 ? ACTION_TAG : ACTION_DELIVER;
	}
}

/* ---- the same as customers ---- */

static struct policy_server
server(uint16_t port, uint8_t priority, uint16_t weight)
{
	struct policy_server s = { .port = port, .weight = weight, .priority = priority };

	BUG_ON(!addr_parse(span_z("10.77.0.1"), &s.addr));
	return s;
}

static void
customer(struct snapshot_customer *c, const char *id, const struct span *domain)
{
	memset(c, 0, sizeof(*c));
	c->id = span_z(id);
	c->domains = domain;
	c->domain_cnt = 1;
	snapshot_profile_default(&c->profile);
}

static void
route_any(struct policy_route *r)
{
	r->server_cnt = 3;
	r->servers[0] = server(2525, 10, 1);
	r->servers[1] = server(2527, 10, 2);
	r->servers[2] = server(2528, 20, 1);
}

static void
any(struct snapshot_customer *c, uint64_t generation)
{
	static struct span domain, bad;
	static struct snapshot_mailbox boxes[2];
	static struct snapshot_custom_rule rule;

	domain = span_z("any.test");
	bad = span_z("@bad.test");
	customer(c, "any", &domain);
	route_any(&c->route);
	boxes[0] = (struct snapshot_mailbox){ .local = span_z("vip"), .filtering_off = true };
	boxes[1] = (struct snapshot_mailbox){ .local = span_z("picky"), .deny = { &bad, 1 } };
	c->mailboxes = boxes;
	c->mailbox_cnt = ARRAY_LEN(boxes);
	rule = (struct snapshot_custom_rule){ 10, SNAPSHOT_FIELD_SUBJECT, SNAPSHOT_OP_CONTAINS,
		                              span_z(CUST_WORD),
		                              generation == 1 ? ACTION_TAG : ACTION_CONTINUE };
	c->rules = &rule;
	c->rule_cnt = 1;
}

static void
list(struct snapshot_customer *c, uint64_t generation)
{
	static struct span domain, names[3];
	static struct snapshot_custom_rule rule;

	domain = span_z("list.test");
	names[0] = span_z("bob");
	names[1] = span_z("alice");
	names[2] = span_z("carol");
	customer(c, "list", &domain);
	route_any(&c->route);
	c->mailbox_mode = SNAPSHOT_MAILBOX_LIST;
	c->mailbox_list = (struct snapshot_span_list){ names, generation == 1 ? 2u : 3u };
	c->profile.actions[FILTER_PATTERN] = generation == 1 ? ACTION_TAG : ACTION_BLOCK;
	rule = (struct snapshot_custom_rule){ 10, SNAPSHOT_FIELD_SUBJECT, SNAPSHOT_OP_CONTAINS,
		                              span_z(CUST_WORD), ACTION_BLOCK };
	c->rules = &rule;
	c->rule_cnt = 1;
}

static void
other(struct snapshot_customer *c)
{
	static struct span domain, bad;

	domain = span_z("other.test");
	bad = span_z("@bad.test");
	customer(c, "other", &domain);
	c->route.server_cnt = 1;
	c->route.servers[0] = server(2526, 10, 1);
	c->route.xclient = c->route.xforward = true;
	c->route.egress_cnt = 1;
	BUG_ON(!addr_parse(span_z(CUST_EGRESS), &c->route.egress[0]));
	c->profile.deny = (struct snapshot_span_list){ &bad, 1 };
	c->profile.actions[FILTER_PATTERN] = ACTION_HEADER;
}

static void
proxied(struct snapshot_customer *c)
{
	static struct span domain;

	domain = span_z("prx.test");
	customer(c, "prx", &domain);
	c->route.server_cnt = 1;
	c->route.servers[0] = server(2529, 10, 1);
	c->route.proxy_v2 = true;
}

struct snapshot *
cust_build(uint64_t generation, const char *rules, const struct snapshot *prev)
{
	struct snapshot_customer c[4];
	struct snapshot_errors errors = { 0 };
	const char *dirs[] = { rules };
	struct snapshot_input in = { .generation = generation,
		                     .prev = prev,
		                     .rule_dirs = dirs,
		                     .rule_dir_cnt = 1,
		                     .customers = c,
		                     .customer_cnt = ARRAY_LEN(c) };
	struct snapshot *s;

	any(&c[0], generation);
	list(&c[1], generation);
	other(&c[2]);
	proxied(&c[3]);
	s = snapshot_build(&in, &errors);
	for (size_t i = 0; i < errors.cnt; i++) {
		char text[600];

		snapshot_error_format(&errors.item[i], text, sizeof(text));
		if (!errors.item[i].is_warning)
			puts(text);
	}
	snapshot_errors_fini(&errors);
	return s;
}
