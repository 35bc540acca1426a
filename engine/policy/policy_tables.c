/* SPDX-License-Identifier: BSD-3-Clause
 * policy_tables.c - a policy's life and size
 */
#include "engine/policy/policy_internal.h"

struct policy *
policy_get(struct policy *p)
{
	p->ref_cnt++;
	return p;
}

void
policy_put(struct policy *p)
{
	if (!p || --p->ref_cnt > 0)
		return;
	for (size_t i = 0; i < p->ip_set_cnt; i++)
		ip_set_free(p->ip_sets[i]);
	free(p->ip_sets);
	free(p->customers);
	free(p->mailboxes);
	free(p->gone);
	key_set_free(p->ids);
	key_set_free(p->domains);
	key_set_free(p->mailbox_set);
	key_set_free(p->entries);
	print_set_free(p->listed);
	arena_fini(&p->arena);
	policy_put(p->below);
	free(p);
}

static void
add_stats(const struct policy *p, const struct policy *above, struct policy_stats *o)
{
	for (uint32_t i = 0; i < p->customer_cnt; i++) {
		const struct policy_customer *c = &p->customers[i];

		if (above && policy_is_gone(above, i))
			continue;
		o->customer_cnt++;
		o->domain_cnt += c->domain_cnt;
		o->mailbox_cnt += c->mailbox_cnt;
		o->entry_cnt += c->entry_cnt;
	}
	o->profile_cnt += p->profile_cnt;
	o->route_cnt += p->route_cnt;
	o->customer_bytes += p->customer_cnt * sizeof(*p->customers) + key_set_bytes(p->ids);
	o->domain_bytes += key_set_bytes(p->domains);
	o->mailbox_bytes += p->mailbox_cnt * sizeof(*p->mailboxes) + key_set_bytes(p->mailbox_set) +
	                    print_set_bytes(p->listed);
	o->entry_bytes += key_set_bytes(p->entries) + p->ip_set_bytes;
	o->other_bytes += p->arena.total_bytes; /* ids, profiles, routes, custom rules */
}

void
policy_stats(const struct policy *p, struct policy_stats *out)
{
	*out = (struct policy_stats){ 0 };
	add_stats(p, NULL, out);
	if (p->below) {
		add_stats(p->below, p, out);
		out->layer_cnt = p->customer_cnt + p->gone_cnt;
	}
	out->bytes = out->customer_bytes + out->domain_bytes + out->mailbox_bytes +
	             out->entry_bytes + out->other_bytes;
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
