/* SPDX-License-Identifier: BSD-3-Clause
 * policy_find.c - from a recipient to its customer and mailbox: a probe for the domain, two at once for the mailbox
 */
#include "engine/policy/policy_internal.h"
#include "base/siphash.h"
#include "engine/idna/idna.h"

size_t
policy_key_make(uint32_t customer, uint32_t mailbox, struct span text, char out[POLICY_KEY_MAX])
{
	struct policy_key k = { customer, mailbox };

	if (text.len > POLICY_KEY_MAX - sizeof(k))
		return 0;
	memcpy(out, &k, sizeof(k));
	for (size_t i = 0; i < text.len; i++)
		out[sizeof(k) + i] = ascii_lower(text.p[i]);
	return sizeof(k) + text.len;
}

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

size_t
policy_domain_canonical(struct span d, char out[256])
{
	char in[256];

	if (d.len > 0 && d.p[d.len - 1] == '.')
		d.len--;
	if (d.len == 0 || d.len > SMTP_DOMAIN_MAX)
		return 0;
	for (size_t i = 0; i < d.len; i++)
		in[i] = ascii_lower(d.p[i]);
	in[d.len] = 0;
	if (memchr(in, 0, d.len))
		return 0;
	if (is_ascii(d)) {
		memcpy(out, in, d.len + 1);
		return d.len;
	}
	return idna_to_ascii(in, out);
}

static bool
is_dot_string(struct span s)
{
	if (s.len == 0 || s.len > SMTP_LOCAL_MAX || s.p[0] == '.' || s.p[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || strchr("\"(),:;<>@[\\]", c) ||
		    (c == '.' && s.p[i + 1] == '.'))
			return false;
	}
	return true;
}

size_t
policy_address_canonical(struct span address, char out[SMTP_PATH_MAX + 1])
{
	const char *at = address.len ? memrchr(address.p, '@', address.len) : NULL;
	size_t local = at ? (size_t)(at - address.p) : 0, n;
	char domain[256];

	if (!at || !is_dot_string(span(address.p, local)))
		return 0;
	n = policy_domain_canonical(span_skip(address, local + 1), domain);
	if (n == 0 || !memchr(domain, '.', n) || local + 1 + n > SMTP_PATH_MAX - 2)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-._", domain[i]))
			return 0;
	memcpy(out, address.p, local + 1);
	memcpy(out + local + 1, domain, n);
	out[local + 1 + n] = 0;
	return local + 1 + n;
}

/* The keys of "local@domain" and of "local" (in all domains of the customer); false when it is too long to be one. */
static bool
mailbox_keys(uint32_t customer, struct span local, struct span domain, char with[POLICY_KEY_MAX],
             char alone[POLICY_KEY_MAX], struct span key[2])
{
	char text[SMTP_PATH_MAX + 1];
	size_t n;

	if (local.len + 1 + domain.len > sizeof(text))
		return false;
	memcpy(text, local.p, local.len);
	text[local.len] = '@';
	memcpy(text + local.len + 1, domain.p, domain.len);
	n = policy_key_make(customer, POLICY_NO_MAILBOX, span(text, local.len + 1 + domain.len),
	                    with);
	key[0] = span(with, n);
	key[1] = span(alone, policy_key_make(customer, POLICY_NO_MAILBOX, local, alone));
	return true;
}

/* "local@domain" beats "local"; listed it is by either. */
static void
find_mailbox(const struct policy *p, uint32_t customer, struct span local, struct span domain,
             struct policy_mailbox *out)
{
	unsigned flags = p->customers[customer].flags;
	char with[POLICY_KEY_MAX], alone[POLICY_KEY_MAX];
	struct span key[2];
	uint32_t at;

	if (!(flags & (CUSTOMER_HAS_LISTED | CUSTOMER_HAS_SETTINGS)) ||
	    !mailbox_keys(customer, local, domain, with, alone, key))
		return;
	if (flags & CUSTOMER_HAS_SETTINGS && (key_set_find(p->mailbox_set, key[0], &at) ||
	                                      key_set_find(p->mailbox_set, key[1], &at)))
		*out = p->mailboxes[at];
	if (flags & CUSTOMER_HAS_LISTED && print_set_has_either(p->listed, key[0], key[1]))
		out->flags |= MAILBOX_LISTED;
}

/* The layer that has the domain, and its customer's number there; NULL: nobody's. */
static const struct policy *
find_domain(const struct policy *p, struct span domain, uint32_t *customer)
{
	if (!p || key_set_find(p->domains, domain, customer))
		return p;
	if (p->below && key_set_find(p->below->domains, domain, customer) &&
	    !policy_is_gone(p, *customer))
		return p->below;
	return NULL;
}

static uint64_t
rcpt_print(struct span local, struct span domain)
{
	static const struct siphash_key fixed = { 0x7263707420707269ull, 0x6e74000000000000ull };
	char text[SMTP_LOCAL_MAX];
	size_t n = MIN(local.len, sizeof(text));

	for (size_t i = 0; i < n; i++)
		text[i] = ascii_lower(local.p[i]);
	return siphash(&fixed, text, n) ^ siphash(&fixed, domain.p, domain.len) * 7;
}

bool
policy_find(const struct policy *p, struct span local, struct span domain, struct policy_rcpt *out)
{
	const struct policy_customer *c;
	char d[256];
	size_t n = policy_domain_canonical(domain, d);
	uint32_t at;

	*out = (struct policy_rcpt){ 0 };
	p = n ? find_domain(p, span(d, n), &at) : NULL;
	if (!p)
		return false;
	c = &p->customers[at];
	out->layer = p;
	out->customer = c;
	out->is_postmaster = span_ieq_z(local, "postmaster");
	find_mailbox(p, at, local, span(d, n), &out->mailbox);
	/* Everything that can change a verdict is mixed in; whose mail it is cannot, but by a rule on the recipient. */
	out->fingerprint =
	        c->profile->fingerprint ^ c->own_fingerprint * 3 ^
	        out->mailbox.own_fingerprint * 5 ^
	        (out->is_postmaster ? 0x9e3779b97f4a7c15ull : 0) ^
	        (out->mailbox.flags & MAILBOX_FILTERING_OFF ? 0xc2b2ae3d27d4eb4full : 0) ^
	        (c->flags & CUSTOMER_HAS_RCPT_RULES ? rcpt_print(local, span(d, n)) : 0);
	return true;
}

bool
policy_mailbox_known(const struct policy_rcpt *r)
{
	return !(r->customer->flags & CUSTOMER_LIST_MODE) || (r->mailbox.flags & MAILBOX_LISTED);
}
