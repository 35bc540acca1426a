/* SPDX-License-Identifier: BSD-3-Clause
 * policy_decide.c - facts and a recipient to an action: the filters in order, the first that hits wins
 */
#include "engine/lists/domain_set.h"
#include "engine/policy/policy_internal.h"

bool
policy_country_has(const uint8_t *bits, const char two[2])
{
	unsigned i;

	if (two[0] < 'A' || two[0] > 'Z' || two[1] < 'A' || two[1] > 'Z')
		return false;
	i = (unsigned)(two[0] - 'A') * 26u + (unsigned)(two[1] - 'A');
	return bits[i / 8] >> (i % 8) & 1;
}

/* Keys of the sender's entries: the address, then "@" with its domain and those above. They are one batch. */
struct entry_keys {
	size_t cnt;
	struct span key[1 + DOMAIN_LABELS_MAX];
	size_t used;
	char text[(1 + DOMAIN_LABELS_MAX) * POLICY_KEY_MAX];
};
static_assert(1 + DOMAIN_LABELS_MAX <= KEY_SET_BATCH, "one batch");

static void
entry_key_add(struct entry_keys *k, uint32_t customer, uint32_t mailbox, struct span text)
{
	size_t n = policy_key_make(customer, mailbox, text, k->text + k->used);

	if (n == 0)
		return;
	k->key[k->cnt++] = span(k->text + k->used, n);
	k->used += n;
}

static void
entry_keys_make(struct entry_keys *k, uint32_t customer, uint32_t mailbox, struct span s)
{
	const char *at = s.len ? memrchr(s.p, '@', s.len) : NULL;

	k->cnt = k->used = 0;
	if (!at)
		return;
	entry_key_add(k, customer, mailbox, s);
	for (size_t i = (size_t)(at - s.p), labels = 0; labels < DOMAIN_LABELS_MAX; labels++) {
		char text[1 + SMTP_DOMAIN_MAX];
		const char *dot;

		if (s.len - i - 1 > SMTP_DOMAIN_MAX)
			return;
		text[0] = '@';
		memcpy(text + 1, s.p + i + 1, s.len - i - 1);
		entry_key_add(k, customer, mailbox, span(text, s.len - i));
		dot = memchr(s.p + i + 1, '.', s.len - i - 1);
		if (!dot)
			return;
		i = (size_t)(dot - s.p);
	}
}

/* Entry of one level for this sender: the address, its domain and those above, the client's prefix. Allow wins at the same
 * level, whichever of them matched. */
static unsigned
entry_of(const struct policy *p, uint32_t customer, uint32_t mailbox, const struct ip_set *ips,
         const struct policy_facts *f)
{
	uint32_t v, values[KEY_SET_BATCH], hits;
	struct entry_keys k;
	unsigned found = 0;

	if (ip_set_find(ips, &f->client, &v))
		found |= v;
	entry_keys_make(&k, customer, mailbox, f->sender);
	hits = key_set_find_batch(p->entries, k.key, k.cnt, values);
	for (; hits; hits &= hits - 1)
		found |= values[__builtin_ctz(hits)];
	return found;
}

/* The mailbox's entries beat the customer's, those the node's; allow beats deny at the same level. 0: none. */
static unsigned
sender_entry(const struct policy_rcpt *r, const struct policy_facts *f)
{
	const struct policy *p = r->layer;
	uint32_t customer = (uint32_t)(r->customer - p->customers);
	unsigned found = 0;

	if (r->mailbox.flags & MAILBOX_HAS_ENTRIES)
		found = entry_of(p, customer, r->mailbox.id, r->mailbox.entries_ip, f);
	if (!found && (r->customer->flags & CUSTOMER_HAS_ENTRIES))
		found = entry_of(p, customer, POLICY_NO_MAILBOX, r->customer->entries_ip, f);
	if (!found)
		found = (f->sender_allowed ? ENTRY_ALLOW : 0u) |
		        (f->sender_listed ? ENTRY_DENY : 0u);
	return found & ENTRY_ALLOW ? ENTRY_ALLOW : found;
}

static bool
country_hits(const struct policy_profile *p, const char country[2])
{
	if (!country[0]) /* not known: never a reason */
		return false;
	if (p->flags & PROFILE_COUNTRY_ALLOW && !policy_country_has(p->country_allow, country))
		return true;
	return p->flags & PROFILE_COUNTRY_DENY && policy_country_has(p->country_deny, country);
}

static const struct policy_custom *
custom_hit(const struct policy_customer *c, const struct policy_facts *f)
{
	for (uint32_t i = 0; i < c->custom_cnt; i++) {
		const struct policy_custom *r = &c->custom[i];
		bool of_rcpt = r->field == FIELD_RCPT;
		const uint32_t *seen = of_rcpt ? f->rcpt_seen : f->custom_seen;

		if (seen && seen[r->pattern] == (of_rcpt ? f->rcpt_epoch : f->custom_epoch))
			return r;
	}
	return NULL;
}

static bool
filter_hits(enum policy_filter filter, const struct policy_profile *p, const struct policy_facts *f)
{
	switch (filter) {
	case FILTER_IP:
		return f->ip_listed && !f->ip_allowed;
	case FILTER_COUNTRY:
		return country_hits(p, f->country);
	case FILTER_SCORE:
		return f->score_milli >= p->threshold_milli;
	default:
		return f->content_hit[filter];
	}
}

/* Does it end here? A filter whose action is `continue` only leaves its name. */
static bool
settle(struct policy_result *res, enum policy_filter filter, enum policy_action action)
{
	if (action == ACTION_CONTINUE) {
		if (res->continued == FILTER_NONE)
			res->continued = filter;
		return false;
	}
	res->action = action;
	res->filter = filter;
	return true;
}

/* ip, country, sender. True: settled. */
static bool
connection_filters(struct policy_result *res, const struct policy_profile *p,
                   const struct policy_facts *f, unsigned entry)
{
	if (entry == ENTRY_ALLOW)
		return false;
	for (enum policy_filter i = FILTER_IP; i <= FILTER_COUNTRY; i++)
		if (filter_hits(i, p, f) && settle(res, i, p->actions[i]))
			return true;
	return entry == ENTRY_DENY && settle(res, FILTER_SENDER, ACTION_BLOCK);
}

static void
content_filters(struct policy_result *res, const struct policy_rcpt *r,
                const struct policy_facts *f)
{
	const struct policy_profile *p = r->customer->profile;
	const struct policy_custom *c;

	for (enum policy_filter i = FILTER_URL; i <= FILTER_ATTACHMENT; i++) {
		if (res->is_allowed && i != FILTER_ATTACHMENT)
			continue;
		if (filter_hits(i, p, f) && settle(res, i, p->actions[i]))
			return;
	}
	c = custom_hit(r->customer, f);
	if (!c || !settle(res, FILTER_CUSTOM, c->action))
		return; /* a custom rule's `continue` is an exception to those behind it */
	res->custom = c;
}

struct policy_result
policy_decide(const struct policy_rcpt *r, const struct policy_facts *f, enum policy_stage stage)
{
	struct policy_result res = { ACTION_DELIVER, FILTER_NONE, NULL, FILTER_NONE, false };
	unsigned entry;

	if (!r->customer || r->mailbox.flags & MAILBOX_FILTERING_OFF)
		return res;
	entry = sender_entry(r, f);
	res.is_allowed = entry == ENTRY_ALLOW;
	if (!connection_filters(&res, r->customer->profile, f, entry) && stage == POLICY_AT_END)
		content_filters(&res, r, f);
	if (stage == POLICY_AT_RCPT && res.action != ACTION_BLOCK)
		res.action = ACTION_DELIVER, res.filter = FILTER_NONE;
	/* RFC 5321 4.5.1: the one who is told about trouble must be reachable. */
	if (r->is_postmaster && res.action == ACTION_BLOCK && res.filter >= FILTER_URL &&
	    !(r->customer->profile->flags & PROFILE_FILTER_POSTMASTER)) {
		res.continued = res.filter;
		res.action = ACTION_DELIVER;
		res.filter = FILTER_NONE;
	}
	return res;
}
