/* SPDX-License-Identifier: BSD-3-Clause
 * policy_build.c - customers to tables
 *
 * Why     Profiles and routes are interned by content: 100,000 customers have a few dozen profiles.
 */
#include "engine/policy/policy_internal.h"
#include "base/large.h"
#include "base/siphash.h"
#include <sys/random.h>

/* Fixed keys: fingerprints must be the same in every generation and on every node; nobody outside chooses their input. */
static const struct siphash_key fingerprint_key = { 0x7765697220706f6cull, 0x69637920636f6d70ull };

struct policy_builder {
	policy_report_fn *report;
	void *ctx;
	struct policy *p;
	struct key_set_builder ids, domains, mailboxes, entries;
	struct print_set_builder listed;
	size_t customer_room, mailbox_room, ip_set_room;
	/* Interning: open addressing, pointer or NULL. */
	void **profile_slots, **route_slots;
	size_t profile_mask, route_mask;
};

static void
grow(void *array, size_t need, size_t *room, size_t item)
{
	size_t n = *room ? *room : 16;
	void *p;

	if (need <= *room)
		return;
	while (n < need)
		n *= 2;
	memcpy(&p, array, sizeof(p));
	p = realloc(p, n * item);
	BUG_ON(!p);
	memcpy(array, &p, sizeof(p));
	*room = n;
}

struct policy_builder *
policy_builder_new(struct policy *below, policy_report_fn *report, void *ctx)
{
	struct policy_builder *b = calloc(1, sizeof(*b));

	BUG_ON(!b);
	b->report = report;
	b->ctx = ctx;
	b->p = calloc(1, sizeof(*b->p));
	BUG_ON(!b->p);
	b->p->ref_cnt = 1;
	if (below) {
		b->p->below = policy_get(below->below ? below->below : below);
		b->p->key = b->p->below->key;
		b->p->gone = calloc(b->p->below->customer_cnt / 64 + 1, sizeof(*b->p->gone));
		BUG_ON(!b->p->gone);
	} else {
		BUG_ON(getrandom(&b->p->key, sizeof(b->p->key), 0) != sizeof(b->p->key));
	}
	b->ids.key = b->domains.key = b->mailboxes.key = b->entries.key = b->listed.key = b->p->key;
	grow(&b->p->mailboxes, 1, &b->mailbox_room, sizeof(*b->p->mailboxes));
	b->p->mailboxes[0] = (struct policy_mailbox){ 0 };
	b->p->mailbox_cnt = 1;
	b->profile_mask = b->route_mask = 63;
	b->profile_slots = calloc(64, sizeof(void *));
	b->route_slots = calloc(64, sizeof(void *));
	BUG_ON(!b->profile_slots || !b->route_slots);
	return b;
}

/* The equal one that is there, or a copy of item. hash_at: offset of the 64-bit content hash inside it. */
static void *
intern(struct policy_builder *b, void ***slots, size_t *mask, size_t *cnt, const void *item,
       size_t size, size_t hash_at)
{
	uint64_t hash;
	size_t i;

	memcpy(&hash, (const char *)item + hash_at, sizeof(hash));
	for (i = hash & *mask; (*slots)[i]; i = (i + 1) & *mask)
		if (!memcmp((*slots)[i], item, size))
			return (*slots)[i];
	(*slots)[i] = arena_alloc(&b->p->arena, size);
	memcpy((*slots)[i], item, size);
	void *out = (*slots)[i];

	if (++*cnt * 2 > *mask) {
		size_t wider = *mask * 2 + 1;
		void **to = calloc(wider + 1, sizeof(void *));

		BUG_ON(!to);
		for (size_t k = 0; k <= *mask; k++) {
			if (!(*slots)[k])
				continue;
			memcpy(&hash, (char *)(*slots)[k] + hash_at, sizeof(hash));
			for (i = hash & wider; to[i]; i = (i + 1) & wider)
				;
			to[i] = (*slots)[k];
		}
		free(*slots);
		*slots = to;
		*mask = wider;
	}
	return out;
}

static const struct policy_profile *
intern_profile(struct policy_builder *b, const struct policy_profile *in)
{
	struct policy_profile p;

	memset(&p, 0, sizeof(p)); /* padding too: compared and hashed as bytes */
	p.max_message = in->max_message;
	p.threshold_milli = in->threshold_milli;
	p.flags = in->flags;
	memcpy(p.actions, in->actions, sizeof(p.actions));
	memcpy(p.country_allow, in->country_allow, sizeof(p.country_allow));
	memcpy(p.country_deny, in->country_deny, sizeof(p.country_deny));
	snprintf(p.tag_text, sizeof(p.tag_text), "%s", in->tag_text);
	snprintf(p.forward_to, sizeof(p.forward_to), "%s", in->forward_to);
	p.fingerprint = siphash(&fingerprint_key, &p, sizeof(p));
	return intern(b, &b->profile_slots, &b->profile_mask, &b->p->profile_cnt, &p, sizeof(p),
	              offsetof(struct policy_profile, fingerprint));
}

static const struct policy_route *
intern_route(struct policy_builder *b, const struct policy_route *in)
{
	struct policy_route r;

	memset(&r, 0, sizeof(r));
	r.max_connections = in->max_connections;
	r.server_cnt = in->server_cnt;
	r.egress_cnt = in->egress_cnt;
	r.on_outage = in->on_outage;
	r.eightbit = in->eightbit;
	r.xclient = in->xclient;
	r.xforward = in->xforward;
	r.proxy_v2 = in->proxy_v2;
	for (size_t i = 0; i < r.server_cnt; i++) {
		r.servers[i].addr = in->servers[i].addr;
		r.servers[i].port = in->servers[i].port;
		r.servers[i].weight = in->servers[i].weight;
		r.servers[i].priority = in->servers[i].priority;
	}
	memcpy(r.egress, in->egress, r.egress_cnt * sizeof(r.egress[0]));
	r.id = siphash(&fingerprint_key, &r, sizeof(r));
	return intern(b, &b->route_slots, &b->route_mask, &b->p->route_cnt, &r, sizeof(r),
	              offsetof(struct policy_route, id));
}

static const char *
id_of(const struct policy_builder *b, uint32_t customer)
{
	return b->p->customers[customer].id;
}

static void
report(const struct policy_builder *b, uint32_t customer, const char *key, const char *text)
{
	b->report(b->ctx, id_of(b, customer), key, text);
}

static void
add_domains(struct policy_builder *b, uint32_t customer, const struct policy_customer_in *in)
{
	if (in->domain_cnt == 0)
		report(b, customer, "domains", "a customer needs at least one");
	for (size_t i = 0; i < in->domain_cnt; i++) {
		char d[256];
		size_t n = policy_domain_canonical(in->domains[i], d);

		if (n == 0 || !memchr(d, '.', n))
			report(b, customer, "domains", "not a domain name");
		else
			key_set_add(&b->domains, span(d, n), customer);
	}
}

/* Sender entries to the shared hash, prefixes to a set of their own. Returns the fingerprint of all. */
static uint64_t
add_entries(struct policy_builder *b, uint32_t customer, uint32_t mailbox,
            const struct policy_entry_in *e, size_t cnt, const struct ip_set **ips)
{
	struct ip_set_entry *ip = cnt ? calloc(cnt, sizeof(*ip)) : NULL;
	uint64_t print = 0;
	size_t ip_cnt = 0;

	BUG_ON(cnt && !ip);
	/* Allow first: of two equal keys the first stays. */
	for (unsigned pass = ENTRY_ALLOW; pass <= ENTRY_DENY; pass++)
		for (size_t i = 0; i < cnt; i++) {
			char key[POLICY_KEY_MAX];
			size_t n = policy_key_make(customer, mailbox, e[i].text, key);
			struct addr_prefix p;

			if (e[i].kind != pass)
				continue;
			if (memchr(e[i].text.p, '@', e[i].text.len) && n && e[i].text.len > 2)
				key_set_add(&b->entries, span(key, n), pass);
			else if (addr_parse_prefix(e[i].text, false, &p) && p.bits > 0)
				ip[ip_cnt++] = (struct ip_set_entry){ p, pass };
			else
				report(b, customer,
				       pass == ENTRY_ALLOW ? "profile.allow" : "profile.deny",
				       "neither an address, @domain nor a prefix without host "
				       "bits");
			print = print * 1099511628211ull +
			        siphash(&fingerprint_key, e[i].text.p, e[i].text.len) + pass;
		}
	if (ip_cnt > 0) {
		grow(&b->p->ip_sets, b->p->ip_set_cnt + 1, &b->ip_set_room, sizeof(*b->p->ip_sets));
		*ips = b->p->ip_sets[b->p->ip_set_cnt++] = ip_set_build(ip, ip_cnt);
		b->p->ip_set_bytes += ip_set_bytes(*ips);
	}
	free(ip);
	return print;
}

static void
add_mailbox(struct policy_builder *b, uint32_t customer, struct policy_customer *c,
            const struct policy_mailbox_in *in)
{
	struct policy_mailbox m = { .id = (uint32_t)b->p->mailbox_cnt };
	char text[SMTP_PATH_MAX + 1], d[256], key[POLICY_KEY_MAX];
	size_t n = in->local.len, dn;

	if (n == 0 || n > SMTP_LOCAL_MAX) {
		report(b, customer, "mailboxes.list", "not a local part");
		return;
	}
	memcpy(text, in->local.p, n);
	if (in->domain.len > 0) {
		dn = policy_domain_canonical(in->domain, d);
		if (dn == 0 || n + 1 + dn > sizeof(text)) {
			report(b, customer, "mailboxes.list", "not a domain name");
			return;
		}
		text[n++] = '@';
		memcpy(text + n, d, dn);
		n += dn;
	}
	for (size_t i = 0; i < in->local.len; i++)
		text[i] = ascii_lower(text[i]);
	c->mailbox_cnt++;
	if (in->is_listed) {
		c->flags |= CUSTOMER_HAS_LISTED;
		print_set_add(&b->listed, customer, span(text, n));
	}
	if (!in->filtering_off && in->entry_cnt == 0)
		return;
	n = policy_key_make(customer, POLICY_NO_MAILBOX, span(text, n), key);
	c->flags |= CUSTOMER_HAS_SETTINGS;
	m.flags = (in->filtering_off ? MAILBOX_FILTERING_OFF : 0u) |
	          (in->entry_cnt ? MAILBOX_HAS_ENTRIES : 0u);
	m.own_fingerprint =
	        add_entries(b, customer, m.id, in->entries, in->entry_cnt, &m.entries_ip);
	c->entry_cnt += (uint32_t)in->entry_cnt;
	key_set_add(&b->mailboxes, span(key, n), m.id);
	grow(&b->p->mailboxes, b->p->mailbox_cnt + 1, &b->mailbox_room, sizeof(*b->p->mailboxes));
	b->p->mailboxes[b->p->mailbox_cnt++] = m;
}

static int
by_priority(const void *x, const void *y)
{
	const struct policy_custom *a = x, *b = y;

	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return a->pattern < b->pattern ? -1 : a->pattern > b->pattern;
}

/* What is wrong with an action; NULL: nothing. */
static const char *
action_fault(unsigned a, const struct policy_profile *p)
{
	switch (a) {
	case ACTION_BLOCK:
	case ACTION_TAG:
	case ACTION_HEADER:
	case ACTION_CONTINUE:
		return NULL;
	case ACTION_FORWARD:
		return p->forward_to[0] ? NULL : "forward wants profile.forward_to";
	case ACTION_QUARANTINE:
		return "quarantine is not available in this version";
	default:
		return "not an action of a filter";
	}
}

static void
check_actions(const struct policy_builder *b, uint32_t customer,
              const struct policy_customer_in *in)
{
	const char *why;
	char key[64];

	for (enum policy_filter i = FILTER_IP; i < FILTERS; i++) {
		snprintf(key, sizeof(key), "profile.actions.%s", policy_filter_name(i));
		why = action_fault(in->profile.actions[i], &in->profile);
		if (why)
			report(b, customer, key, why);
	}
	for (size_t i = 0; i < in->custom_cnt; i++) {
		snprintf(key, sizeof(key), "rules[%zu].action", i);
		why = action_fault(in->custom[i].action, &in->profile);
		if (why)
			report(b, customer, key, why);
	}
	if (in->custom_cnt > POLICY_CUSTOM_MAX)
		report(b, customer, "rules", "more than 256");
	if (in->route->server_cnt == 0 || in->route->server_cnt > ROUTE_SERVERS_MAX)
		report(b, customer, "route.servers", "1 to 16 of them");
	if (in->route->egress_cnt > ROUTE_EGRESS_MAX)
		report(b, customer, "route.egress", "more than 16");
}

static void
set_custom(struct policy_builder *b, struct policy_customer *c, const struct policy_customer_in *in)
{
	struct policy_custom *rules;

	if (in->custom_cnt == 0)
		return;
	rules = arena_alloc(&b->p->arena, in->custom_cnt * sizeof(*rules));
	memcpy(rules, in->custom, in->custom_cnt * sizeof(*rules));
	qsort(rules, in->custom_cnt, sizeof(*rules), by_priority);
	for (size_t i = 0; i < in->custom_cnt; i++)
		if (rules[i].field == FIELD_RCPT)
			c->flags |= CUSTOMER_HAS_RCPT_RULES;
	c->custom = rules;
	c->custom_cnt = (uint16_t)in->custom_cnt;
}

/* The customer of this id below, if there is one, is not looked at any more. */
static void
hide_below(struct policy_builder *b, struct span id)
{
	uint32_t n;

	if (!b->p->below || !key_set_find(b->p->below->ids, id, &n) || policy_is_gone(b->p, n))
		return;
	b->p->gone[n / 64] |= 1ull << (n % 64);
	b->p->gone_cnt++;
}

void
policy_remove(struct policy_builder *b, struct span id)
{
	BUG_ON(!b->p->below);
	hide_below(b, id);
}

void
policy_add(struct policy_builder *b, const struct policy_customer_in *in)
{
	uint32_t at = (uint32_t)b->p->customer_cnt++;
	struct policy_customer c = { .id = arena_strdup(&b->p->arena, in->id) };

	grow(&b->p->customers, at + 1, &b->customer_room, sizeof(*b->p->customers));
	b->p->customers[at] = c;
	key_set_add(&b->ids, in->id, at);
	hide_below(b, in->id);
	if (in->id.len == 0 || in->id.len > NAME_MAX_BYTES)
		report(b, at, "id", "1 to 63 bytes");
	check_actions(b, at, in);
	if (in->route->server_cnt > ROUTE_SERVERS_MAX || in->route->egress_cnt > ROUTE_EGRESS_MAX)
		return;
	add_domains(b, at, in);
	c.profile = intern_profile(b, &in->profile);
	c.route = intern_route(b, in->route);
	c.domain_cnt = (uint32_t)in->domain_cnt;
	c.entry_cnt = (uint32_t)in->entry_cnt;
	c.flags = (uint16_t)((in->list_mode ? CUSTOMER_LIST_MODE : 0u) |
	                     (in->entry_cnt ? CUSTOMER_HAS_ENTRIES : 0u));
	c.own_fingerprint =
	        add_entries(b, at, POLICY_NO_MAILBOX, in->entries, in->entry_cnt, &c.entries_ip);
	c.own_fingerprint ^= in->custom_fingerprint;
	set_custom(b, &c, in);
	for (size_t i = 0; i < in->mailbox_cnt; i++)
		add_mailbox(b, at, &c, &in->mailboxes[i]);
	b->p->customers[at] = c;
}

static void
report_domain(struct policy_builder *b, struct span domain, const char *owner, uint32_t again)
{
	char text[400];

	snprintf(text, sizeof(text), "%.*s is a domain of customer %s already", (int)domain.len,
	         domain.p, owner);
	report(b, again, "domains", text);
}

static uint32_t
on_domain_twice(void *ctx, struct span key, uint32_t first, uint32_t again)
{
	struct policy_builder *b = ctx;

	if (first != again)
		report_domain(b, key, id_of(b, first), again);
	return first;
}

static uint32_t
on_id_twice(void *ctx, struct span key, uint32_t first, uint32_t again)
{
	(void)key;
	report(ctx, again, "id", "given twice");
	return first;
}

/* A layer's domain may be one of a customer below only if he is gone. */
static void
check_domains_below(struct policy_builder *b)
{
	const struct policy *below = b->p->below;
	uint32_t customer, owner;
	struct span domain;
	size_t at = 0;

	while (below && key_set_builder_next(&b->domains, &at, &domain, &customer))
		if (key_set_find(below->domains, domain, &owner) && !policy_is_gone(b->p, owner))
			report_domain(b, domain, below->customers[owner].id, customer);
}

static void
set_twice(struct policy_builder *b, struct key_set_builder *keys,
          uint32_t (*fn)(void *ctx, struct span key, uint32_t first, uint32_t again))
{
	keys->on_twice = fn;
	keys->ctx = b;
}

struct policy *
policy_build(struct policy_builder *b)
{
	struct policy *p = b->p;
	struct policy_customer *rows = large_alloc(p->customer_cnt * sizeof(*rows));

	if (p->customer_cnt)
		memcpy(rows, p->customers, p->customer_cnt * sizeof(*rows));
	free(p->customers);
	p->customers = rows; /* a line each */
	check_domains_below(b);
	set_twice(b, &b->ids, on_id_twice);
	set_twice(b, &b->domains, on_domain_twice);
	p->ids = key_set_build(&b->ids);
	p->domains = key_set_build(&b->domains);
	p->mailbox_set = key_set_build(&b->mailboxes);
	p->entries = key_set_build(&b->entries);
	p->listed = print_set_build(&b->listed);
	b->p = NULL;
	policy_builder_free(b);
	return p;
}

void
policy_builder_free(struct policy_builder *b)
{
	if (!b)
		return;
	key_set_builder_fini(&b->ids);
	key_set_builder_fini(&b->domains);
	key_set_builder_fini(&b->mailboxes);
	key_set_builder_fini(&b->entries);
	print_set_builder_fini(&b->listed);
	free(b->profile_slots);
	free(b->route_slots);
	policy_put(b->p);
	free(b);
}
