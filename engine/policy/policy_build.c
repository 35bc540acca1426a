/* SPDX-License-Identifier: BSD-3-Clause
 * policy_build.c - customers to tables
 *
 * Why     Profiles and routes are interned by content: 100,000 customers have a few dozen profiles.
 */
#include "engine/policy/policy_internal.h"
#include "base/siphash.h"

/* Fixed keys: fingerprints must be the same in every generation and on every node; nobody outside chooses their input. */
static const struct siphash_key fingerprint_key = { 0x7765697220706f6cull, 0x69637920636f6d70ull };

struct policy_builder {
	policy_report_fn *report;
	void *ctx;
	struct policy *p;
	struct key_set_builder domains, mailboxes, entries;
	size_t customer_room, mailbox_room, route_room, ip_set_room;
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
policy_builder_new(policy_report_fn *report, void *ctx)
{
	struct policy_builder *b = calloc(1, sizeof(*b));

	BUG_ON(!b);
	b->report = report;
	b->ctx = ctx;
	b->p = calloc(1, sizeof(*b->p));
	BUG_ON(!b->p);
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
       size_t size, size_t hash_at, bool *is_new)
{
	uint64_t hash;
	size_t i;

	memcpy(&hash, (const char *)item + hash_at, sizeof(hash));
	for (i = hash & *mask; (*slots)[i]; i = (i + 1) & *mask)
		if (!memcmp((*slots)[i], item, size)) {
			*is_new = false;
			return (*slots)[i];
		}
	*is_new = true;
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
	bool is_new;

	memset(&p, 0, sizeof(p)); /* padding too: compared and hashed as bytes */
	p.max_message = in->max_message;
	p.threshold_milli = in->threshold_milli;
	p.flags = in->flags;
	memcpy(p.actions, in->actions, sizeof(p.actions));
	memcpy(p.country_allow, in->country_allow, sizeof(p.country_allow));
	memcpy(p.country_deny, in->country_deny, sizeof(p.country_deny));
	snprintf(p.tag_text, sizeof(p.tag_text), "%s", in->tag_text);
	p.fingerprint = siphash(&fingerprint_key, &p, sizeof(p));
	return intern(b, &b->profile_slots, &b->profile_mask, &b->p->profile_cnt, &p, sizeof(p),
	              offsetof(struct policy_profile, fingerprint), &is_new);
}

static const struct policy_route *
intern_route(struct policy_builder *b, const struct policy_route *in)
{
	struct policy_route r, *out;
	size_t before = b->p->route_cnt;
	bool is_new;

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
	out = intern(b, &b->route_slots, &b->route_mask, &b->p->route_cnt, &r, sizeof(r),
	             offsetof(struct policy_route, id), &is_new);
	if (is_new) {
		grow(&b->p->routes, before + 1, &b->route_room, sizeof(*b->p->routes));
		b->p->routes[before] = out;
	}
	return out;
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
	struct ip_set_entry *ip = calloc(cnt + 1, sizeof(*ip));
	uint64_t print = 0;
	size_t ip_cnt = 0;

	BUG_ON(!ip);
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
	b->p->entry_cnt += cnt;
	if (ip_cnt > 0) {
		grow(&b->p->ip_sets, b->p->ip_set_cnt + 1, &b->ip_set_room, sizeof(*b->p->ip_sets));
		*ips = b->p->ip_sets[b->p->ip_set_cnt++] = ip_set_build(ip, ip_cnt);
	}
	free(ip);
	return print;
}

static void
add_mailbox(struct policy_builder *b, uint32_t customer, const struct policy_mailbox_in *in)
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
	m.flags = (in->is_listed ? MAILBOX_LISTED : 0u) |
	          (in->filtering_off ? MAILBOX_FILTERING_OFF : 0u) |
	          (in->entry_cnt ? MAILBOX_HAS_ENTRIES : 0u);
	m.own_fingerprint =
	        add_entries(b, customer, m.id, in->entries, in->entry_cnt, &m.entries_ip);
	n = policy_key_make(customer, 0, span(text, n), key);
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

static void
check_actions(const struct policy_builder *b, uint32_t customer,
              const struct policy_customer_in *in)
{
	char key[64];

	for (enum policy_filter i = FILTER_IP; i < FILTERS; i++) {
		enum policy_action a = in->profile.actions[i];

		if (a == ACTION_BLOCK || a == ACTION_TAG || a == ACTION_HEADER ||
		    a == ACTION_CONTINUE)
			continue;
		snprintf(key, sizeof(key), "profile.actions.%s", policy_filter_name(i));
		report(b, customer, key,
		       a == ACTION_QUARANTINE ? "quarantine is not available in this version"
		       : a == ACTION_FORWARD  ? "forward is not available in this version"
		                              : "not an action of a filter");
	}
	for (size_t i = 0; i < in->custom_cnt; i++) {
		enum policy_action a = in->custom[i].action;

		if (a == ACTION_BLOCK || a == ACTION_TAG || a == ACTION_HEADER ||
		    a == ACTION_CONTINUE)
			continue;
		snprintf(key, sizeof(key), "rules[%zu].action", i);
		report(b, customer, key, "not available in this version");
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
	c->custom_cnt = (uint32_t)in->custom_cnt;
}

void
policy_add(struct policy_builder *b, const struct policy_customer_in *in)
{
	uint32_t at = (uint32_t)b->p->customer_cnt++;
	struct policy_customer c = { .id = arena_strdup(&b->p->arena, in->id) };

	grow(&b->p->customers, at + 1, &b->customer_room, sizeof(*b->p->customers));
	b->p->customers[at] = c;
	if (in->id.len == 0 || in->id.len > NAME_MAX_BYTES)
		report(b, at, "id", "1 to 63 bytes");
	check_actions(b, at, in);
	if (in->route->server_cnt > ROUTE_SERVERS_MAX || in->route->egress_cnt > ROUTE_EGRESS_MAX)
		return;
	add_domains(b, at, in);
	c.profile = intern_profile(b, &in->profile);
	c.route = intern_route(b, in->route);
	c.flags = (in->list_mode ? CUSTOMER_LIST_MODE : 0u) |
	          (in->entry_cnt ? CUSTOMER_HAS_ENTRIES : 0u) |
	          (in->mailbox_cnt ? CUSTOMER_HAS_MAILBOXES : 0u);
	c.own_fingerprint =
	        add_entries(b, at, POLICY_NO_MAILBOX, in->entries, in->entry_cnt, &c.entries_ip);
	c.own_fingerprint ^= in->custom_fingerprint;
	set_custom(b, &c, in);
	b->p->customers[at] = c;
	for (size_t i = 0; i < in->mailbox_cnt; i++)
		add_mailbox(b, at, &in->mailboxes[i]);
}

static void
on_domain_twice(void *ctx, struct span key, uint32_t first, uint32_t again)
{
	struct policy_builder *b = ctx;
	char text[400];

	if (first == again)
		return;
	snprintf(text, sizeof(text), "%.*s is a domain of customer %s already", (int)key.len, key.p,
	         id_of(b, first));
	report(b, again, "domains", text);
}

struct policy *
policy_build(struct policy_builder *b)
{
	struct policy *p = b->p;

	b->domains.on_twice = on_domain_twice;
	b->domains.ctx = b;
	p->domains = key_set_build(&b->domains);
	p->mailbox_set = key_set_build(&b->mailboxes);
	p->entries = key_set_build(&b->entries);
	b->p = NULL;
	policy_builder_free(b);
	return p;
}

void
policy_builder_free(struct policy_builder *b)
{
	if (!b)
		return;
	key_set_builder_fini(&b->domains);
	key_set_builder_fini(&b->mailboxes);
	key_set_builder_fini(&b->entries);
	free(b->profile_slots);
	free(b->route_slots);
	policy_free(b->p);
	free(b);
}

void
policy_free(struct policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->ip_set_cnt; i++)
		ip_set_free(p->ip_sets[i]);
	free(p->ip_sets);
	free(p->customers);
	free(p->mailboxes);
	free(p->routes);
	key_set_free(p->domains);
	key_set_free(p->mailbox_set);
	key_set_free(p->entries);
	arena_fini(&p->arena);
	free(p);
}

void
policy_stats(const struct policy *p, struct policy_stats *out)
{
	*out = (struct policy_stats){
		p->customer_cnt,
		key_set_cnt(p->domains),
		p->mailbox_cnt - 1,
		p->entry_cnt,
		p->profile_cnt,
		p->route_cnt,
		p->customer_cnt * sizeof(*p->customers) + p->mailbox_cnt * sizeof(*p->mailboxes) +
		        key_set_bytes(p->domains) + key_set_bytes(p->mailbox_set) +
		        key_set_bytes(p->entries) + p->arena.total_bytes,
	};
}

const struct policy_route *
policy_route_at(const struct policy *p, size_t i)
{
	return i < p->route_cnt ? p->routes[i] : NULL;
}

bool
policy_country_set(uint8_t *bits, struct span s)
{
	unsigned i;

	if (s.len != 2 || s.p[0] < 'A' || s.p[0] > 'Z' || s.p[1] < 'A' || s.p[1] > 'Z')
		return false;
	i = (unsigned)(s.p[0] - 'A') * 26u + (unsigned)(s.p[1] - 'A');
	bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << (i % 8));
	return true;
}
