/* SPDX-License-Identifier: BSD-3-Clause
 * test_policy.c - who decides: mailbox before customer before node, allow before deny, filters in order
 */
#include "engine/policy/policy.h"
#include "tests/check.h"

static struct report {
	unsigned cnt;
	char last[512];
} reports;

static void
on_report(void *ctx, const char *customer, const char *key, const char *text)
{
	struct report *r = ctx;

	r->cnt++;
	snprintf(r->last, sizeof(r->last), "%s: %s: %s", customer, key, text);
}

static struct policy_profile
profile(void)
{
	struct policy_profile p = { .threshold_milli = 5000 };

	memset(p.actions, ACTION_BLOCK, sizeof(p.actions));
	strcpy(p.tag_text, "[SPAM]");
	return p;
}

static const struct policy_route route = { .server_cnt = 1,
	                                   .servers = { { .port = 25, .weight = 1 } } };

#define ENTRY(t, k)                                                                                \
	{                                                                                          \
		{ t, sizeof(t) - 1 }, k                                                            \
	}

static struct policy *
make(void)
{
	struct policy_builder *b = policy_builder_new(NULL, on_report, &reports);
	struct span acme[] = { span_z("Acme.test"),
		               span_z("b\xc3\xbc"
		                      "cher.example"),
		               span_z("acme.example") };
	struct span other[] = { span_z("other.test") };
	struct policy_entry_in mine[] = {
		ENTRY("friend@x.test", ENTRY_ALLOW), ENTRY("@good.test", ENTRY_ALLOW),
		ENTRY("192.0.2.0/24", ENTRY_ALLOW),  ENTRY("@bad.test", ENTRY_DENY),
		ENTRY("friend@x.test", ENTRY_DENY),  ENTRY("@x.test", ENTRY_DENY)
	};
	struct policy_entry_in bobs[] = { ENTRY("@good.test", ENTRY_DENY),
		                          ENTRY("ann@bad.test", ENTRY_ALLOW) };
	struct policy_mailbox_in boxes[] = {
		{ .local = span_z("bob"), .is_listed = true, .entries = bobs, .entry_cnt = 2 },
		{ .local = span_z("Alice"), .is_listed = true },
		{ .local = span_z("eve"), .domain = span_z("acme.example"), .is_listed = true },
		{ .local = span_z("raw"), .is_listed = true, .filtering_off = true },
	};
	struct policy_custom custom[] = { { 20, 1, FIELD_SUBJECT, ACTION_BLOCK },
		                          { 10, 0, FIELD_BODY, ACTION_TAG },
		                          { 5, 2, FIELD_RCPT, ACTION_CONTINUE } };
	struct policy_customer_in a = { .id = span_z("acme"),
		                        .domains = acme,
		                        .domain_cnt = 3,
		                        .route = &route,
		                        .list_mode = true,
		                        .mailboxes = boxes,
		                        .mailbox_cnt = 4,
		                        .profile = profile(),
		                        .entries = mine,
		                        .entry_cnt = ARRAY_LEN(mine),
		                        .custom = custom,
		                        .custom_cnt = 3,
		                        .custom_fingerprint = 9 };
	struct policy_customer_in o = { .id = span_z("other"),
		                        .domains = other,
		                        .domain_cnt = 1,
		                        .route = &route,
		                        .profile = profile() };

	policy_country_set(a.profile.country_deny, span_z("XX"));
	a.profile.flags |= PROFILE_COUNTRY_DENY;
	o.profile.actions[FILTER_URL] = ACTION_CONTINUE;
	o.profile.actions[FILTER_PHRASE] = ACTION_TAG;
	policy_add(b, &a);
	policy_add(b, &o);
	return policy_build(b);
}

static struct policy_rcpt
rcpt(const struct policy *p, const char *address)
{
	const char *at = strchr(address, '@');
	struct policy_rcpt r;

	policy_find(p, span(address, (size_t)(at - address)), span_z(at + 1), &r);
	return r;
}

static void
test_find(const struct policy *p)
{
	/* clang-format off */
	static const struct { const char *address, *customer; bool known; } cases[] = {
		{ "bob@acme.test", "acme", true }, { "BOB@ACME.TEST", "acme", true }, { "bob@acme.test.", "acme", true },
		{ "alice@acme.example", "acme", true }, { "nobody@acme.test", "acme", false },
		{ "eve@acme.example", "acme", true }, { "eve@acme.test", "acme", false },
		{ "bob@xn--bcher-kva.example", "acme", true }, { "bob@b\xc3\xbc" "cher.example", "acme", true },
		{ "bob@B\xc3\x9c" "CHER.example", "acme", true },
		{ "anybody@other.test", "other", true }, { "bob@sub.acme.test", NULL, false },
		{ "bob@test", NULL, false }, { "bob@", NULL, false }, { "bob@.", NULL, false }, { "bob@..acme.test", NULL, false },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_rcpt r = rcpt(p, cases[i].address);

		CHECK(!r.customer == !cases[i].customer, "%s", cases[i].address);
		if (!r.customer || !cases[i].customer)
			continue;
		CHECK(!strcmp(r.customer->id, cases[i].customer), "%s", cases[i].address);
		CHECK(policy_mailbox_known(&r) == cases[i].known, "%s", cases[i].address);
	}
	CHECK(rcpt(p, "bob@acme.test").fingerprint != rcpt(p, "alice@acme.test").fingerprint,
	      "entries of his own");
	/* acme has a rule on the recipient: each of his is judged alone */
	CHECK(rcpt(p, "alice@acme.test").fingerprint != rcpt(p, "eve@acme.example").fingerprint);
	CHECK(rcpt(p, "Alice@ACME.test").fingerprint == rcpt(p, "alice@acme.test").fingerprint);
	CHECK(rcpt(p, "x@other.test").fingerprint == rcpt(p, "y@other.test").fingerprint);
	CHECK(rcpt(p, "alice@acme.test").fingerprint != rcpt(p, "raw@acme.test").fingerprint);
	CHECK(rcpt(p, "x@other.test").fingerprint != rcpt(p, "postmaster@other.test").fingerprint);
	CHECK(rcpt(p, "x@other.test").customer->route == rcpt(p, "bob@acme.test").customer->route,
	      "equal routes are one");
}

enum {
	IP = 1,
	COUNTRY = 2,
	URL = 4,
	PHRASE = 8,
	SCORE = 16,
	ATTACH = 32,
	C_BODY = 64,
	C_SUBJECT = 128,
	C_RCPT = 256,
	LISTED = 512,
	NODE_ALLOWED = 1024,
	HOME = 2048, /* from 192.0.2.7 */
};

/* Over 60 lines: they are one table of cases. */
static void
test_decide(const struct policy *p)
{
	/* clang-format off */
	static const struct { const char *rcpt, *sender; unsigned facts; enum policy_action action; enum policy_filter filter; } cases[] = {
		{ "alice@acme.test", "z@z.test", 0, ACTION_DELIVER, FILTER_NONE },
		{ "alice@acme.test", "z@z.test", IP, ACTION_BLOCK, FILTER_IP },
		{ "alice@acme.test", "z@z.test", COUNTRY, ACTION_BLOCK, FILTER_COUNTRY },
		{ "alice@other.test", "z@z.test", COUNTRY, ACTION_DELIVER, FILTER_NONE },
		{ "alice@acme.test", "z@bad.test", 0, ACTION_BLOCK, FILTER_SENDER },
		{ "alice@acme.test", "z@a.b.bad.test", 0, ACTION_BLOCK, FILTER_SENDER },
		{ "alice@acme.test", "z@notbad.test", 0, ACTION_DELIVER, FILTER_NONE },
		{ "alice@acme.test", "", 0, ACTION_DELIVER, FILTER_NONE },
		/* allow beats deny at the same level, whichever is the longer one */
		{ "alice@acme.test", "friend@x.test", 0, ACTION_DELIVER, FILTER_NONE },
		{ "alice@acme.test", "other@x.test", 0, ACTION_BLOCK, FILTER_SENDER },
		{ "alice@acme.test", "z@bad.test", HOME, ACTION_DELIVER, FILTER_NONE },
		/* allow: content but attachment and custom is off, connection too */
		{ "alice@acme.test", "friend@x.test", IP | COUNTRY | URL | PHRASE | SCORE, ACTION_DELIVER, FILTER_NONE },
		{ "alice@acme.test", "friend@x.test", URL | ATTACH, ACTION_BLOCK, FILTER_ATTACHMENT },
		{ "alice@acme.test", "friend@x.test", URL | C_SUBJECT, ACTION_BLOCK, FILTER_CUSTOM },
		/* the mailbox beats the customer */
		{ "bob@acme.test", "a@good.test", 0, ACTION_BLOCK, FILTER_SENDER },
		{ "alice@acme.test", "a@good.test", 0, ACTION_DELIVER, FILTER_NONE },
		{ "bob@acme.test", "ann@bad.test", URL, ACTION_DELIVER, FILTER_NONE },
		{ "bob@acme.test", "z@bad.test", 0, ACTION_BLOCK, FILTER_SENDER },
		/* the node's lists come last */
		{ "alice@acme.test", "friend@x.test", LISTED, ACTION_DELIVER, FILTER_NONE },
		{ "alice@acme.test", "z@z.test", LISTED, ACTION_BLOCK, FILTER_SENDER },
		{ "alice@acme.test", "z@z.test", LISTED | NODE_ALLOWED, ACTION_DELIVER, FILTER_NONE },
		{ "alice@acme.test", "z@bad.test", NODE_ALLOWED, ACTION_BLOCK, FILTER_SENDER },
		/* order of filters */
		{ "alice@acme.test", "z@z.test", PHRASE | SCORE | ATTACH, ACTION_BLOCK, FILTER_PHRASE },
		{ "alice@acme.test", "z@z.test", SCORE | ATTACH | C_SUBJECT, ACTION_BLOCK, FILTER_SCORE },
		/* continue goes on, tag stops */
		{ "x@other.test", "z@z.test", URL, ACTION_DELIVER, FILTER_NONE },
		{ "x@other.test", "z@z.test", URL | ATTACH, ACTION_BLOCK, FILTER_ATTACHMENT },
		{ "x@other.test", "z@z.test", URL | PHRASE | ATTACH, ACTION_TAG, FILTER_PHRASE },
		/* custom: by priority; an exception ends the list */
		{ "alice@acme.test", "z@z.test", C_BODY | C_SUBJECT, ACTION_TAG, FILTER_CUSTOM },
		{ "alice@acme.test", "z@z.test", C_SUBJECT, ACTION_BLOCK, FILTER_CUSTOM },
		{ "alice@acme.test", "z@z.test", C_RCPT | C_BODY | C_SUBJECT, ACTION_DELIVER, FILTER_NONE },
		{ "x@other.test", "z@z.test", C_BODY | C_SUBJECT | C_RCPT, ACTION_DELIVER, FILTER_NONE },
		/* off, postmaster, not ours */
		{ "raw@acme.test", "z@bad.test", URL | ATTACH | IP, ACTION_DELIVER, FILTER_NONE },
		{ "postmaster@acme.test", "z@z.test", URL | ATTACH | C_SUBJECT, ACTION_DELIVER, FILTER_NONE },
		{ "postmaster@acme.test", "z@bad.test", 0, ACTION_BLOCK, FILTER_SENDER },
		{ "x@nowhere.test", "z@z.test", URL | ATTACH, ACTION_DELIVER, FILTER_NONE },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned x = cases[i].facts;
		uint32_t seen[3] = { x & C_BODY ? 7u : 6u, x & C_SUBJECT ? 7u : 0u, 7 };
		uint32_t rcpt_seen[3] = { 3, 3, x & C_RCPT ? 3u : 2u };
		struct policy_facts f = { .client = addr_v4(x & HOME ? 0xc0000207 : 0xc6336401),
			                  .sender = span_z(cases[i].sender),
			                  .ip_listed = x & IP,
			                  .sender_listed = x & LISTED,
			                  .sender_allowed = x & NODE_ALLOWED,
			                  .score_milli = x & SCORE ? 5000 : 4999,
			                  .custom_seen = seen,
			                  .rcpt_seen = rcpt_seen,
			                  .custom_epoch = 7,
			                  .rcpt_epoch = 3 };
		struct policy_rcpt r = rcpt(p, cases[i].rcpt);
		struct policy_result res, again;

		memcpy(f.country, x & COUNTRY ? "XX" : "DE", 2);
		f.content_hit[FILTER_URL] = x & URL;
		f.content_hit[FILTER_PHRASE] = x & PHRASE;
		f.content_hit[FILTER_ATTACHMENT] = x & ATTACH;
		res = policy_decide(&r, &f, POLICY_AT_END);
		again = policy_decide(&r, &f, POLICY_AT_END);
		CHECK(res.action == cases[i].action && res.filter == cases[i].filter,
		      "row %zu: %s by %s", i, policy_action_name(res.action),
		      policy_filter_name(res.filter));
		CHECK(res.action == again.action && res.filter == again.filter);
		res = policy_decide(&r, &f, POLICY_AT_RCPT);
		CHECK(res.filter <= FILTER_SENDER &&
		              (res.action == ACTION_BLOCK) == (cases[i].filter >= FILTER_IP &&
		                                               cases[i].filter <= FILTER_SENDER),
		      "row %zu at RCPT", i);
	}
}

static void
expect_report(struct policy_customer_in *in, const char *text)
{
	struct policy_builder *b = policy_builder_new(NULL, on_report, &reports);

	reports.cnt = 0;
	reports.last[0] = 0;
	policy_add(b, in);
	policy_put(policy_build(b));
	CHECK(reports.cnt == 1 && strstr(reports.last, text), "%u reports, last: %s, wanted: %s",
	      reports.cnt, reports.last, text);
}

static void
test_errors(void)
{
	struct span d[] = { span_z("a.test"), span_z("no domain"), span_z("nodots") };
	struct policy_entry_in bad[] = { ENTRY("nonsense", ENTRY_ALLOW),
		                         ENTRY("10.0.0.1/8", ENTRY_DENY) };
	struct policy_mailbox_in box = { .local = span_z("") };
	struct policy_route none = { 0 };
	struct policy_customer_in in = { .id = span_z("c"),
		                         .domains = d,
		                         .domain_cnt = 1,
		                         .route = &route,
		                         .profile = profile() };

	in.profile.actions[FILTER_URL] = ACTION_QUARANTINE;
	expect_report(&in, "c: profile.actions.url: quarantine");
	in.profile.actions[FILTER_URL] = ACTION_FORWARD;
	expect_report(&in, "c: profile.actions.url: forward wants profile.forward_to");
	in.profile.actions[FILTER_URL] = ACTION_BLOCK;
	in.domains = d + 2;
	expect_report(&in, "c: domains: not a domain name");
	in.domains = d;
	in.domain_cnt = 0;
	expect_report(&in, "at least one");
	in.domain_cnt = 1;
	in.entries = bad;
	in.entry_cnt = 1;
	expect_report(&in, "c: profile.allow");
	in.entries = bad + 1;
	expect_report(&in, "c: profile.deny");
	in.entry_cnt = 0;
	in.mailboxes = &box;
	in.mailbox_cnt = 1;
	expect_report(&in, "c: mailboxes.list");
	in.mailbox_cnt = 0;
	in.route = &none;
	expect_report(&in, "c: route.servers");
}

static void
test_domain_twice(void)
{
	struct policy_builder *b = policy_builder_new(NULL, on_report, &reports);
	struct span d[] = { span_z("a.test"), span_z("A.TEST") };
	struct policy_customer_in one = { .id = span_z("one"),
		                          .domains = d,
		                          .domain_cnt = 2,
		                          .route = &route,
		                          .profile = profile() };
	struct policy_customer_in two = one;

	two.id = span_z("two");
	reports.cnt = 0;
	policy_add(b, &one);
	two.domain_cnt = 1;
	policy_add(b, &two);
	policy_put(policy_build(b));
	CHECK(reports.cnt == 1 &&
	              strstr(reports.last, "two: domains: a.test is a domain of customer one"),
	      "%u %s", reports.cnt, reports.last);
}

/* Profiles are shared by content, whatever the customers' order. */
static void
test_interning(void)
{
	struct policy_builder *b = policy_builder_new(NULL, on_report, &reports);
	struct policy_stats st;
	struct policy *p;
	char name[32];

	reports.cnt = 0;
	for (unsigned i = 0; i < 5000; i++) {
		struct span d = span(name, (size_t)snprintf(name, sizeof(name), "d%u.test", i));
		struct policy_customer_in in = { .id = d,
			                         .domains = &d,
			                         .domain_cnt = 1,
			                         .route = &route,
			                         .profile = profile() };

		in.profile.threshold_milli = (int32_t)(i % 300);
		policy_add(b, &in);
	}
	p = policy_build(b);
	policy_stats(p, &st);
	CHECK(st.profile_cnt == 300 && st.route_cnt == 1 && st.customer_cnt == 5000 &&
	              st.domain_cnt == 5000 && reports.cnt == 0,
	      "%zu profiles", st.profile_cnt);
	CHECK(rcpt(p, "x@d7.test").fingerprint == rcpt(p, "y@d307.test").fingerprint);
	CHECK(rcpt(p, "x@d7.test").fingerprint != rcpt(p, "y@d8.test").fingerprint);
	policy_put(p);
}

static struct policy_customer_in
one_domain(const char *id, const struct span *domain)
{
	return (struct policy_customer_in){ .id = span_z(id),
		                            .domains = domain,
		                            .domain_cnt = 1,
		                            .route = &route,
		                            .profile = profile() };
}

static struct policy_builder *
layer_on(struct policy *below)
{
	reports.cnt = 0;
	reports.last[0] = 0;
	return policy_builder_new(below, on_report, &reports);
}

/* What a layer replaces and removes is gone, all else is as below; a layer on a layer begins at the bottom again. */
static void
test_layer(void)
{
	struct policy *below = make(), *a, *c;
	struct policy_builder *b = layer_on(below);
	struct span next = span_z("next.test"), acme = span_z("acme.test");
	struct policy_mailbox_in box = { .local = span_z("zoe"), .is_listed = true };
	struct policy_customer_in other = one_domain("other", &next),
	                          fresh = one_domain("fresh", &acme);
	struct policy_stats st;

	other.list_mode = true;
	other.mailboxes = &box;
	other.mailbox_cnt = 1;
	policy_add(b, &other);
	policy_remove(b, span_z("nobody"));
	a = policy_build(b);
	CHECK(reports.cnt == 0, "%s", reports.last);
	policy_put(below); /* the layer holds it */
	CHECK(!rcpt(a, "x@other.test").customer, "its domain of before");
	struct policy_rcpt zoe = rcpt(a, "zoe@next.test"), bob = rcpt(a, "bob@acme.test");
	struct policy_rcpt eve = rcpt(a, "eve@next.test");

	CHECK(zoe.customer && policy_mailbox_known(&zoe) && !policy_mailbox_known(&eve));
	CHECK(bob.customer && bob.layer != zoe.layer && policy_mailbox_known(&bob));
	/* entries are asked for in the layer that has the customer */
	struct policy_facts f = { .client = addr_v4(1), .sender = span_z("a@good.test") };

	CHECK(policy_decide(&bob, &f, POLICY_AT_END).filter == FILTER_SENDER);
	CHECK(policy_decide(&zoe, &f, POLICY_AT_END).filter == FILTER_NONE);
	policy_stats(a, &st);
	CHECK(st.customer_cnt == 2 && st.domain_cnt == 4 && st.mailbox_cnt == 5 &&
	              st.layer_cnt == 2 && st.entry_cnt == 8,
	      "%zu customers %zu domains %zu mailboxes %zu entries", st.customer_cnt, st.domain_cnt,
	      st.mailbox_cnt, st.entry_cnt);

	b = layer_on(a);
	policy_remove(b, span_z("acme"));
	policy_remove(b, span_z("acme"));
	policy_add(b, &fresh); /* takes acme's domain in the same change */
	c = policy_build(b);
	CHECK(reports.cnt == 0, "%s", reports.last);
	CHECK(!strcmp(rcpt(c, "x@acme.test").customer->id, "fresh"));
	CHECK(rcpt(c, "x@other.test").customer && !rcpt(c, "x@next.test").customer,
	      "not above the first layer");
	CHECK(!rcpt(c, "x@acme.example").customer);
	policy_put(c);
	policy_put(a);
}

static void
test_layer_errors(void)
{
	struct policy *below = make();
	struct policy_builder *b = layer_on(below);
	struct span acme = span_z("ACME.test");
	struct policy_customer_in fresh = one_domain("fresh", &acme);

	policy_add(b, &fresh);
	policy_put(policy_build(b));
	CHECK(reports.cnt == 1 && strstr(reports.last, "acme.test is a domain of customer acme"),
	      "%s", reports.last);
	b = layer_on(NULL);
	policy_add(b, &fresh);
	policy_add(b, &fresh);
	policy_put(policy_build(b));
	CHECK(strstr(reports.last, "fresh: id: given twice") ||
	              strstr(reports.last, "is a domain of customer"),
	      "%s", reports.last);
	CHECK(reports.cnt == 2);
	policy_put(below);
}

static void
test_addresses(void)
{
	/* clang-format off */
	static const struct { const char *in, *out; } cases[] = {
		{ "Spam@Collect.Test", "Spam@collect.test" }, { "a.b+c@x.test", "a.b+c@x.test" }, { "a@b\xc3\xbc" "cher.example", "a@xn--bcher-kva.example" },
		{ "a@x.test.", "a@x.test" }, { "", "" }, { "a", "" }, { "@x.test", "" }, { "a@", "" }, { "a@nodot", "" }, { "a@b@x.test", "" },
		{ ".a@x.test", "" }, { "a.@x.test", "" }, { "a..b@x.test", "" }, { "a b@x.test", "" }, { "a@x.test>", "" }, { "a\"@x.test", "" },
		{ "\xc3\xbc@x.test", "" }, { "a@x test.test", "" }, { "a\r\nb@x.test", "" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[SMTP_PATH_MAX + 1] = "";

		CHECK(policy_address_canonical(span_z(cases[i].in), out) == strlen(cases[i].out) &&
		              !strcmp(out, cases[i].out),
		      "%s: %s", cases[i].in, out);
	}
}

/* In the list and with settings: both count, whichever of "bob" and "bob@acme.test" they were given for. */
static void
test_listed_with_settings(void)
{
	struct policy_builder *b = layer_on(NULL);
	struct span d = span_z("acme.test");
	struct policy_mailbox_in boxes[] = {
		{ .local = span_z("bob"), .filtering_off = true },
		{ .local = span_z("bob"), .domain = d, .is_listed = true },
		{ .local = span_z("joe"), .filtering_off = true },
	};
	struct policy_customer_in in = one_domain("acme", &d);
	struct policy_rcpt r;
	struct policy *p;

	in.list_mode = true;
	in.mailboxes = boxes;
	in.mailbox_cnt = 3;
	policy_add(b, &in);
	p = policy_build(b);
	r = rcpt(p, "Bob@acme.test");
	CHECK(policy_mailbox_known(&r) && r.mailbox.flags & MAILBOX_FILTERING_OFF);
	r = rcpt(p, "joe@acme.test");
	CHECK(!policy_mailbox_known(&r) && r.mailbox.flags & MAILBOX_FILTERING_OFF);
	policy_put(p);
}

int
main(void)
{
	struct policy *p = make();

	CHECK(reports.cnt == 0, "%s", reports.last);
	test_find(p);
	test_decide(p);
	policy_put(p);
	test_errors();
	test_domain_twice();
	test_interning();
	test_addresses();
	test_layer();
	test_layer_errors();
	test_listed_with_settings();
	return check_failed;
}
