/* SPDX-License-Identifier: BSD-3-Clause
 * snapshot_policy.c - control's customer structs to policy's tables
 */
#include "base/siphash.h"
#include "engine/snapshot_impl.h"

static const struct siphash_key print_key = { 0x637573746f6d2072ull, 0x756c657320707269ull };

struct reporter {
	struct snapshot_errors *e;
};

static void
on_report(void *ctx, const char *customer, const char *key, const char *text)
{
	struct reporter *r = ctx;
	char who[NAME_MAX_BYTES + 16];

	snprintf(who, sizeof(who), "customer %s", customer);
	error_add(r->e, (struct error_at){ who, 0, 0 }, "%s: %s", key, text);
}

void
snapshot_profile_default(struct snapshot_profile *p)
{
	*p = (struct snapshot_profile){ .threshold_milli = 5000, .tag_text = span_z("[SPAM]") };
	for (size_t i = 0; i < FILTERS; i++)
		p->actions[i] = ACTION_BLOCK;
}

bool
snapshot_takes_forward_to(struct span address)
{
	char text[SMTP_PATH_MAX + 1];

	return policy_address_canonical(address, text) > 0;
}

static bool
set_countries(uint8_t *bits, struct snapshot_span_list l, const char *key, const char *who,
              struct snapshot_errors *e)
{
	for (size_t i = 0; i < l.cnt; i++)
		if (!policy_country_set(bits, l.item[i]))
			error_add(e, (struct error_at){ who, 0, 0 },
			          "%s[%zu]: two upper-case letters were expected", key, i);
	return l.cnt > 0;
}

static void
translate_profile(const struct snapshot_profile *in, struct policy_profile *out, const char *who,
                  struct snapshot_errors *e)
{
	memset(out, 0, sizeof(*out));
	out->max_message = in->max_message;
	out->threshold_milli = in->threshold_milli;
	for (size_t i = 0; i < FILTERS; i++)
		out->actions[i] = (uint8_t)in->actions[i];
	if (in->filter_postmaster)
		out->flags |= PROFILE_FILTER_POSTMASTER;
	if (in->add_headers)
		out->flags |= PROFILE_ADD_HEADERS;
	if (set_countries(out->country_allow, in->countries_allow, "profile.countries.allow", who,
	                  e))
		out->flags |= PROFILE_COUNTRY_ALLOW;
	if (set_countries(out->country_deny, in->countries_deny, "profile.countries.deny", who, e))
		out->flags |= PROFILE_COUNTRY_DENY;
	if (in->forward_to.len > 0 &&
	    policy_address_canonical(in->forward_to, out->forward_to) == 0)
		error_add(e, (struct error_at){ who, 0, 0 }, "profile.forward_to: not an address");
	if (in->tag_text.len > POLICY_TAG_MAX)
		error_add(e, (struct error_at){ who, 0, 0 }, "profile.tag_text: more than %d bytes",
		          POLICY_TAG_MAX);
	for (size_t i = 0; i < in->tag_text.len && i < POLICY_TAG_MAX; i++) {
		unsigned char c = (unsigned char)in->tag_text.p[i];

		/* Goes into a header field of the customer's mail. */
		if (c < 0x20 || c == 0x7f) {
			error_add(e, (struct error_at){ who, 0, 0 },
			          "profile.tag_text: control characters");
			return;
		}
		out->tag_text[i] = (char)c;
	}
}

/* Entries of allow and deny to one array; *out is malloc'ed. */
static size_t
translate_entries(struct snapshot_span_list allow, struct snapshot_span_list deny,
                  struct policy_entry_in **out)
{
	struct policy_entry_in *e = calloc(allow.cnt + deny.cnt + 1, sizeof(*e));
	size_t n = 0;

	BUG_ON(!e);
	for (size_t i = 0; i < allow.cnt; i++)
		e[n++] = (struct policy_entry_in){ allow.item[i], ENTRY_ALLOW };
	for (size_t i = 0; i < deny.cnt; i++)
		e[n++] = (struct policy_entry_in){ deny.item[i], ENTRY_DENY };
	*out = e;
	return n;
}

/* Those with settings, then those of the list: one may be both. */
static size_t
translate_mailboxes(const struct snapshot_customer *c, struct policy_mailbox_in **out)
{
	struct policy_mailbox_in *m = calloc(c->mailbox_cnt + c->mailbox_list.cnt + 1, sizeof(*m));
	size_t n = 0;

	BUG_ON(!m);
	for (size_t i = 0; i < c->mailbox_cnt; i++) {
		struct policy_entry_in *e;
		const struct snapshot_mailbox *in = &c->mailboxes[i];

		m[n] = (struct policy_mailbox_in){ .local = in->local,
			                           .domain = in->domain,
			                           .filtering_off = in->filtering_off };
		m[n].entry_cnt = translate_entries(in->allow, in->deny, &e);
		m[n++].entries = e;
	}
	for (size_t i = 0; i < c->mailbox_list.cnt; i++) {
		struct span s = c->mailbox_list.item[i];
		const char *at = s.len ? memrchr(s.p, '@', s.len) : NULL;
		struct span local = at ? span(s.p, (size_t)(at - s.p)) : s;

		m[n++] = (struct policy_mailbox_in){
			.local = local,
			.domain = at ? span_skip(s, local.len + 1) : span("", 0),
			.is_listed = true,
		};
	}
	*out = m;
	return n;
}

static size_t
translate_rules(struct custom_build *cb, const struct snapshot_customer *c, const char *who,
                struct policy_custom **out, uint64_t *print, struct snapshot_errors *e)
{
	struct policy_custom *r = calloc(c->rule_cnt + 1, sizeof(*r));

	BUG_ON(!r);
	*print = 0;
	for (size_t i = 0; i < c->rule_cnt && i <= POLICY_CUSTOM_MAX; i++) {
		const struct snapshot_custom_rule *in = &c->rules[i];
		uint32_t head[4] = { in->priority, in->field, in->op, in->action };

		/* enum policy_field and enum snapshot_field have the same order. */
		r[i] = (struct policy_custom){ in->priority, custom_build_add(cb, in, who, i, e),
			                       (uint8_t)in->field, (uint8_t)in->action };
		*print = *print * 1099511628211ull +
		         (siphash(&print_key, head, sizeof(head)) ^
		          siphash(&print_key, in->value.p, in->value.len));
	}
	*out = r;
	return c->rule_cnt;
}

static_assert((int)FIELD_ENTIRE == (int)SNAPSHOT_FIELD_ENTIRE &&
                      (int)FIELD_RCPT == (int)SNAPSHOT_FIELD_RCPT &&
                      (int)FIELD_SUBJECT == (int)SNAPSHOT_FIELD_SUBJECT,
              "translate_rules() copies the number");

static void
add_customer(struct policy_builder *b, struct custom_build *cb, const struct snapshot_customer *c,
             struct snapshot_errors *e)
{
	struct policy_customer_in in = { .id = c->id,
		                         .domains = c->domains,
		                         .domain_cnt = c->domain_cnt,
		                         .route = &c->route,
		                         .list_mode = c->mailbox_mode == SNAPSHOT_MAILBOX_LIST };
	char who[NAME_MAX_BYTES + 16];
	struct policy_entry_in *entries;
	struct policy_mailbox_in *mailboxes;
	struct policy_custom *custom;

	snprintf(who, sizeof(who), "customer %.*s", (int)MIN(c->id.len, (size_t)NAME_MAX_BYTES),
	         c->id.p);
	translate_profile(&c->profile, &in.profile, who, e);
	in.entry_cnt = translate_entries(c->profile.allow, c->profile.deny, &entries);
	in.entries = entries;
	in.mailbox_cnt = translate_mailboxes(c, &mailboxes);
	in.mailboxes = mailboxes;
	in.custom_cnt = translate_rules(cb, c, who, &custom, &in.custom_fingerprint, e);
	in.custom = custom;
	policy_add(b, &in);
	for (size_t i = 0; i < c->mailbox_cnt; i++)
		free((void *)(uintptr_t)mailboxes[i].entries);
	free(entries);
	free(mailboxes);
	free(custom);
}

struct policy *
snapshot_policy_build(struct snapshot *s, const struct snapshot_input *in,
                      struct snapshot_errors *e)
{
	struct reporter r = { e };
	struct policy_builder *b = policy_builder_new(NULL, on_report, &r);

	s->custom = custom_build_new(s);
	for (size_t i = 0; i < in->customer_cnt; i++)
		add_customer(b, s->custom, &in->customers[i], e);
	custom_build_close(s->custom);
	return policy_build(b);
}

struct policy *
snapshot_policy_change(const struct snapshot_change *in, struct snapshot_errors *e)
{
	struct reporter r = { e };
	struct policy_builder *b = policy_builder_new(in->prev->policy, on_report, &r);

	for (size_t i = 0; i < in->removed_cnt; i++)
		policy_remove(b, in->removed[i]);
	for (size_t i = 0; i < in->customer_cnt; i++)
		add_customer(b, in->prev->custom, &in->customers[i], e);
	if (custom_build_close(in->prev->custom))
		return policy_build(b);
	policy_builder_free(b);
	return NULL;
}
