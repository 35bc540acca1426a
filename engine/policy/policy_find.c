/* SPDX-License-Identifier: BSD-3-Clause
 * policy_find.c - from a recipient to its customer and mailbox: two reads of memory, one behind the other
 *
 * The first is the domain's slot, which names the customer; then his row and the two slots of the mailbox come together. All hashes
 * are made while the first is on its way.
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

size_t
policy_domain_canonical(struct span d, char out[256])
{
	char in[256];
	unsigned any = 0; /* all bytes, one over the other */
	bool has_nul = false;

	if (d.len > 0 && d.p[d.len - 1] == '.')
		d.len--;
	if (d.len == 0 || d.len > SMTP_DOMAIN_MAX)
		return 0;
	for (size_t i = 0; i < d.len; i++) {
		in[i] = ascii_lower(d.p[i]);
		any |= (unsigned char)d.p[i];
		has_nul |= !d.p[i];
	}
	in[d.len] = 0;
	if (has_nul)
		return 0;
	if (any & 0x80)
		return idna_to_ascii(in, out);
	memcpy(out, in, d.len + 1);
	return d.len;
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

/* A mailbox as it is listed: "local@domain", and "local" (in all domains of the customer), which it begins with. */
struct box {
	char text[SMTP_PATH_MAX + 1];
	size_t len, local_len; /* len 0: too long to be one */
	uint64_t hash, local_hash;
};

/* domain: canonical. */
static void
box_make(struct box *b, const struct policy *p, struct span local, struct span domain)
{
	b->len = 0;
	if (local.len + 1 + domain.len > sizeof(b->text))
		return;
	for (size_t i = 0; i < local.len; i++)
		b->text[i] = ascii_lower(local.p[i]);
	b->text[local.len] = '@';
	memcpy(b->text + local.len + 1, domain.p, domain.len);
	b->local_len = local.len;
	b->len = local.len + 1 + domain.len;
	b->hash = print_set_hash(p->listed, span(b->text, b->len));
	b->local_hash = print_set_hash(p->listed, span(b->text, b->local_len));
}

static bool
has_settings(const struct policy *p, uint32_t customer, struct span text, uint32_t *mailbox)
{
	char key[POLICY_KEY_MAX];
	size_t n = policy_key_make(customer, POLICY_NO_MAILBOX, text, key);

	return key_set_find(p->mailbox_set, span(key, n), mailbox);
}

/* "local@domain" beats "local"; listed it is by either. */
static void
find_mailbox(const struct policy *p, uint32_t customer, const struct box *b,
             struct policy_mailbox *out)
{
	unsigned flags = p->customers[customer].flags;
	uint32_t at;

	if (b->len == 0)
		return;
	if (flags & CUSTOMER_HAS_SETTINGS &&
	    (has_settings(p, customer, span(b->text, b->len), &at) ||
	     has_settings(p, customer, span(b->text, b->local_len), &at)))
		*out = p->mailboxes[at];
	if (flags & CUSTOMER_HAS_LISTED && (print_set_has(p->listed, customer, b->hash) ||
	                                    print_set_has(p->listed, customer, b->local_hash)))
		out->flags |= MAILBOX_LISTED;
}

/* What find_mailbox() reads, as far as it can be known. */
static void
fetch_customer(const struct policy *p, uint32_t customer, const struct box *b)
{
	__builtin_prefetch(&p->customers[customer]);
	if (b->len == 0 || print_set_cnt(p->listed) == 0)
		return;
	print_set_fetch(p->listed, customer, b->hash);
	print_set_fetch(p->listed, customer, b->local_hash);
}

static void
fetch_domain(const struct policy *p, const struct key_hash *domain)
{
	key_set_fetch(p->domains, domain);
	if (p->below)
		key_set_fetch(p->below->domains, domain);
}

/* The layer that has the domain, and its customer's number there; NULL: nobody's. */
static const struct policy *
find_domain(const struct policy *p, const struct key_hash *domain, uint32_t *customer)
{
	if (key_set_find_hash(p->domains, domain, customer))
		return p;
	if (p->below && key_set_find_hash(p->below->domains, domain, customer) &&
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
	struct key_hash hash;
	struct box box;
	uint32_t at;

	*out = (struct policy_rcpt){ 0 };
	if (n == 0)
		return false;
	hash = key_set_hash(p->domains, span(d, n));
	fetch_domain(p, &hash);
	box_make(&box, p, local, span(d, n));
	p = find_domain(p, &hash, &at);
	if (!p)
		return false;
	fetch_customer(p, at, &box);
	c = &p->customers[at];
	out->layer = p;
	out->customer = c;
	out->is_postmaster = span_ieq_z(local, "postmaster");
	find_mailbox(p, at, &box, &out->mailbox);
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
