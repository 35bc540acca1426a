/* SPDX-License-Identifier: BSD-3-Clause
 * snapshot_lookup.c - `weirctl lookup`: each thing found with its list, file and line
 */
#include "engine/ruleset_internal.h"
#include "engine/snapshot_impl.h"
#include "engine/url/phone.h"
#include <ctype.h>

struct text {
	FILE *f;
	char *p;
	size_t n;
};

static void
open_text(struct text *t)
{
	t->p = NULL;
	t->f = open_memstream(&t->p, &t->n);
	BUG_ON(!t->f);
}

static char *
close_text(struct text *t)
{
	fclose(t->f);
	return t->p;
}

/* The entry as its file has it, with the text that a zone gives for it. */
static struct span
line_of(const struct snapshot *s, uint32_t rule, uint32_t no)
{
	struct span rest, line = span("", 0);

	for (size_t i = 0; i < s->rules.list_cnt; i++) {
		if (s->rules.lists[i].rule != rule)
			continue;
		rest = s->rules.lists[i].text;
		while (no > 0 && next_line(&rest, &line))
			no--;
	}
	return trim(no == 0 ? line : span("", 0));
}

static void
print_hit(struct text *t, const struct snapshot *s, const struct list_ref *l, uint32_t line)
{
	const struct rule *r = &s->rules.rules[l->rule];
	struct span entry = line_of(s, l->rule, line);

	fprintf(t->f, "%s %s %s:%u", r->is_allow ? "allowed by" : "listed in", r->name.p,
	        s->rules.files[r->file], line);
	if (r->filter == FILTER_SCORE)
		fprintf(t->f, " score %.1f", r->score_milli / 1000.0);
	else
		fprintf(t->f, " filter %s", policy_filter_name(r->filter));
	fprintf(t->f, ": %.*s\n", (int)MIN(entry.len, (size_t)300), entry.p);
}

char *
snapshot_lookup_ip(const struct snapshot *s, const struct addr *a)
{
	char country[2];
	struct text t;
	uint32_t line;

	open_text(&t);
	for (size_t i = 0; i < s->list_cnt[SNAPSHOT_LIST_IP]; i++)
		if (ip_set_find(s->list[SNAPSHOT_LIST_IP][i].set->ips, a, &line))
			print_hit(&t, s, &s->list[SNAPSHOT_LIST_IP][i], line);
	if (s->geo && geo_country(s->geo->geo, a, country))
		fprintf(t.f, "country %.2s\n", country);
	return close_text(&t);
}

static void
print_customer(struct text *t, const struct policy_rcpt *r)
{
	fprintf(t->f, "customer %s route %016llx mailboxes %s fingerprint %016llx\n",
	        r->customer->id, (unsigned long long)r->customer->route->id,
	        r->customer->flags & CUSTOMER_LIST_MODE ? "list" : "any",
	        (unsigned long long)r->fingerprint);
}

static void
print_key(struct text *t, const struct snapshot *s, enum snapshot_list_kind kind, struct span key,
          bool (*find)(const struct key_set *s, struct span key, uint32_t *value))
{
	uint32_t line;

	for (size_t i = 0; i < s->list_cnt[kind]; i++)
		if (find(s->list[kind][i].set->keys, key, &line))
			print_hit(t, s, &s->list[kind][i], line);
}

char *
snapshot_lookup_domain(const struct snapshot *s, struct span domain)
{
	struct policy_rcpt r;
	char d[256];
	struct text t;
	size_t n = policy_domain_canonical(domain, d);

	open_text(&t);
	print_key(&t, s, SNAPSHOT_LIST_DOMAIN, span(d, n), domain_set_find);
	if (policy_find(s->policy, span("", 0), domain, &r))
		print_customer(&t, &r);
	return close_text(&t);
}

char *
snapshot_lookup_url(const struct snapshot *s, struct span url)
{
	const char *scheme = memmem(url.p, url.len, "://", 3), *slash;
	struct text t;
	struct span host;

	if (scheme)
		url = span_skip(url, (size_t)(scheme - url.p) + 3);
	slash = url.len ? memchr(url.p, '/', url.len) : NULL;
	host = span(url.p, slash ? (size_t)(slash - url.p) : url.len);
	open_text(&t);
	print_key(&t, s, SNAPSHOT_LIST_DOMAIN, host, domain_set_find);
	print_key(&t, s, SNAPSHOT_LIST_URL, url, url_prefix_find);
	return close_text(&t);
}

char *
snapshot_lookup_mailbox(const struct snapshot *s, struct span address)
{
	const char *at = address.len ? memrchr(address.p, '@', address.len) : NULL;
	struct policy_rcpt r;
	struct text t;

	open_text(&t);
	if (at && policy_find(s->policy, span(address.p, (size_t)(at - address.p)),
	                      span_skip(address, (size_t)(at - address.p) + 1), &r)) {
		print_customer(&t, &r);
		fprintf(t.f, "mailbox %s%s\n",
		        !(r.customer->flags & CUSTOMER_LIST_MODE) ? "asked upstream"
		        : policy_mailbox_known(&r)                ? "known"
		                                                  : "unknown",
		        r.mailbox.flags & MAILBOX_FILTERING_OFF ? ", filtering off" : "");
	}
	return close_text(&t);
}

char *
snapshot_lookup_route(const struct snapshot *s, struct span domain)
{
	const struct policy_route *r = snapshot_route(s, domain);
	char address[ADDR_TEXT_MAX];
	struct text t;

	open_text(&t);
	if (r)
		fprintf(t.f, "route %016llx on_outage %s\n", (unsigned long long)r->id,
		        r->on_outage == OUTAGE_SPOOL ? "spool" : "defer");
	for (size_t i = 0; r && i < r->server_cnt; i++) {
		addr_format(&r->servers[i].addr, address);
		fprintf(t.f, "server %s port %u priority %u weight %u\n", address,
		        r->servers[i].port, r->servers[i].priority, r->servers[i].weight);
	}
	for (size_t i = 0; r && i < r->egress_cnt; i++) {
		addr_format(&r->egress[i], address);
		fprintf(t.f, "egress %s\n", address);
	}
	return close_text(&t);
}

char *
snapshot_lookup_sender(const struct snapshot *s, struct span address)
{
	char z[SMTP_PATH_MAX];
	struct text t;

	if (address.len > sizeof(z) || !address.len || !memchr(address.p, '@', address.len))
		return NULL;
	for (size_t i = 0; i < address.len; i++)
		z[i] = ascii_lower(address.p[i]);
	open_text(&t);
	print_key(&t, s, SNAPSHOT_LIST_SENDER, span(z, address.len), sender_set_find);
	return close_text(&t);
}

/* Ten digits without "+" are asked for with the 1 before them too, as phone_lists() does. */
char *
snapshot_lookup_phone(const struct snapshot *s, struct span number)
{
	char z[1 + PHONE_DIGITS_MAX] = "1";
	bool has_plus = number.len > 0 && number.p[0] == '+';
	struct text t;
	size_t n = 0;

	for (size_t i = has_plus; i < number.len; i++) {
		char c = number.p[i];

		if (c >= '0' && c <= '9' && n < PHONE_DIGITS_MAX)
			z[1 + n++] = c;
		else if (!strchr(" -.()/", c) || !c)
			return NULL;
	}
	if (n == 0)
		return NULL;
	open_text(&t);
	print_key(&t, s, SNAPSHOT_LIST_PHONE, span(z + 1, n), key_set_find);
	if (n == 10 && !has_plus)
		print_key(&t, s, SNAPSHOT_LIST_PHONE, span(z, 11), key_set_find);
	return close_text(&t);
}

char *
snapshot_lookup_sha256(const struct snapshot *s, struct span hex)
{
	char z[64];
	struct text t;

	if (hex.len != sizeof(z))
		return NULL;
	for (size_t i = 0; i < sizeof(z); i++) {
		z[i] = ascii_lower(hex.p[i]);
		if (!isxdigit((unsigned char)z[i]))
			return NULL;
	}
	open_text(&t);
	print_key(&t, s, SNAPSHOT_LIST_SHA256, span(z, sizeof(z)), key_set_find);
	return close_text(&t);
}
