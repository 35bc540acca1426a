/* SPDX-License-Identifier: BSD-3-Clause
 * policy_bench.c - 100,000 customers with a million domains and ten million mailboxes: build, bytes, decision, a change
 *
 * Why     engine.md: at most 256 MB in all, built in less than 2 s, a change of 1,000 rows in 50 ms; issue: a decision in 300 ns.
 *         Every fourth customer has ten allow or deny entries, every third one a list of countries; profiles are 50. Recipients
 *         are asked for in random order, half of them known. The names are made before the build is timed.
 * Usage   policy-micro [CUSTOMERS [MAILBOXES_EACH]]
 */
#include "base/rng.h"
#include "bench/micro/measure.h"
#include "engine/policy/policy.h"

#define DOMAINS_EACH 10
#define ENTRIES_EACH 10
#define CHANGED      1000
#define ASKED        (1u << 16)

struct made {
	size_t customer_cnt, mailbox_cnt;
	char *text;
	size_t text_used;
	struct span *domain;
	struct span *local; /* the same names in every customer */
};

struct bench {
	struct made m;
	struct policy *p;
	struct span asked_local[ASKED], asked_domain[ASKED];
	struct policy_facts facts;
};

static const struct policy_route route = { .server_cnt = 1,
	                                   .servers = { { .port = 25, .weight = 1 } } };

static void
on_report(void *ctx, const char *customer, const char *key, const char *text)
{
	(void)ctx;
	fprintf(stderr, "%s: %s: %s\n", customer, key, text);
	exit(1);
}

static struct span
say(struct made *m, const char *fmt, size_t n, const char *more)
{
	char *at = m->text + m->text_used;
	size_t len = (size_t)sprintf(at, fmt, n, more);

	m->text_used += len + 1;
	return span(at, len);
}

static void
make_names(struct made *m)
{
	static const char *const tlds[] = { "com", "net", "de", "co.uk", "example" };
	size_t domains = m->customer_cnt * DOMAINS_EACH;

	m->text = malloc(domains * 40 + m->mailbox_cnt * 24);
	m->domain = calloc(domains, sizeof(*m->domain));
	m->local = calloc(m->mailbox_cnt, sizeof(*m->local));
	BUG_ON(!m->text || !m->domain || !m->local);
	for (size_t i = 0; i < domains; i++)
		m->domain[i] = say(m, "company%zu.%s", i * 7919 % domains, tlds[i % 5]);
	for (size_t i = 0; i < m->mailbox_cnt; i++)
		m->local[i] = say(m, "firstname.%zu%s", i, "");
}

static void
add_customer(struct policy_builder *b, const struct made *m, size_t n,
             struct policy_mailbox_in *box)
{
	struct policy_customer_in in = { .domains = &m->domain[n * DOMAINS_EACH],
		                         .domain_cnt = DOMAINS_EACH,
		                         .route = &route,
		                         .list_mode = true,
		                         .mailboxes = box,
		                         .mailbox_cnt = m->mailbox_cnt,
		                         .profile = { .threshold_milli = 4000 + (int)(n % 50) } };
	struct policy_entry_in entry[ENTRIES_EACH];
	char id[32], text[ENTRIES_EACH][48];

	in.id = span(id, (size_t)sprintf(id, "customer-%zu", n));
	memset(in.profile.actions, ACTION_BLOCK, sizeof(in.profile.actions));
	strcpy(in.profile.tag_text, "[SPAM]");
	if (n % 3 == 0) {
		in.profile.flags |= PROFILE_COUNTRY_DENY;
		policy_country_set(in.profile.country_deny, span_z("XX"));
	}
	for (size_t i = 0; i < ENTRIES_EACH && n % 4 == 0; i++) {
		entry[i].kind = i % 2 ? ENTRY_ALLOW : ENTRY_DENY;
		entry[i].text =
		        span(text[i],
		             (size_t)sprintf(text[i], i < 5 ? "user%zu@sender.test" : "@d%zu.test",
		                             n + i));
		in.entries = entry;
		in.entry_cnt = ENTRIES_EACH;
	}
	policy_add(b, &in);
}

static struct policy *
build(const struct made *m, struct policy *below, size_t from, size_t step, size_t cnt)
{
	struct policy_builder *b = policy_builder_new(below, on_report, NULL);
	struct policy_mailbox_in *box = calloc(m->mailbox_cnt, sizeof(*box));

	BUG_ON(!box);
	for (size_t i = 0; i < m->mailbox_cnt; i++)
		box[i] = (struct policy_mailbox_in){ .local = m->local[i], .is_listed = true };
	for (size_t i = 0; i < cnt; i++)
		add_customer(b, m, (from + i * step) % m->customer_cnt, box);
	free(box);
	return policy_build(b);
}

static uint64_t
warm(void *ctx, size_t at)
{
	struct bench *b = ctx;
	uint64_t sum = 0;

	for (size_t i = 0; i < MEASURE_CHUNK; i++)
		sum += (unsigned char)b->asked_domain[at + i].p[0] +
		       (unsigned char)b->asked_local[at + i].p[0];
	return sum;
}

static uint64_t
decide(void *ctx, size_t at)
{
	struct bench *b = ctx;
	struct policy_rcpt r;
	uint64_t go = 0;

	for (size_t i = 0; i < MEASURE_CHUNK; i++) {
		size_t n = at + i - (go >> 63); /* 0, but who knows */

		policy_find(b->p, b->asked_local[n], b->asked_domain[n], &r);
		go = policy_decide(&r, &b->facts, POLICY_AT_END).action + policy_mailbox_known(&r);
	}
	return go;
}

static uint64_t
find(void *ctx, size_t at)
{
	struct bench *b = ctx;
	struct policy_rcpt r;
	uint64_t go = 0;

	for (size_t i = 0; i < MEASURE_CHUNK; i++) {
		policy_find(b->p, b->asked_local[at + i - (go >> 63)], b->asked_domain[at + i], &r);
		go = r.fingerprint >> 1;
	}
	return go;
}

static void
print_bytes(const struct policy *p)
{
	struct policy_stats s;

	policy_stats(p, &s);
	printf("%zu customers, %zu domains, %zu mailboxes, %zu entries, %zu profiles\n",
	       s.customer_cnt, s.domain_cnt, s.mailbox_cnt, s.entry_cnt, s.profile_cnt);
	printf("MB: %.1f in all; customers %.1f, domains %.1f, mailboxes %.1f (%.1f bytes each), "
	       "entries %.1f, other %.1f\n",
	       (double)s.bytes / 1e6, (double)s.customer_bytes / 1e6, (double)s.domain_bytes / 1e6,
	       (double)s.mailbox_bytes / 1e6,
	       s.mailbox_cnt ? (double)s.mailbox_bytes / (double)s.mailbox_cnt : 0,
	       (double)s.entry_bytes / 1e6, (double)s.other_bytes / 1e6);
}

static void
ask(struct bench *b)
{
	const struct made *m = &b->m;
	struct rng r;

	rng_seed(&r, 11);
	for (size_t i = 0; i < ASKED; i++) {
		b->asked_domain[i] = m->domain[rng_below(&r, m->customer_cnt * DOMAINS_EACH)];
		b->asked_local[i] = rng_below(&r, 2) && m->mailbox_cnt
		                            ? m->local[rng_below(&r, m->mailbox_cnt)]
		                            : span_z("nobody.here");
	}
	b->facts = (struct policy_facts){ .client = addr_v4(0xc0000201),
		                          .country = { 'D', 'E' },
		                          .sender = span_z("somebody@mail.sender.test"),
		                          .score_milli = 1200 };
}

int
main(int argc, char **argv)
{
	static struct bench b;
	struct policy *layer;
	double ms;

	b.m.customer_cnt = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
	b.m.mailbox_cnt = argc > 2 ? strtoull(argv[2], NULL, 10) : 100;
	make_names(&b.m);
	ms = measure_cpu_ms();
	b.p = build(&b.m, NULL, 0, 1, b.m.customer_cnt);
	printf("built in %.0f ms of processor time\n", measure_cpu_ms() - ms);
	print_bytes(b.p);
	ask(&b);
	printf("one cold read of this machine: %.0f ns\n", measure_cold_read_ns());
	printf("policy_find %.0f ns, with policy_decide %.0f ns\n",
	       measure_ns(warm, find, &b, ASKED), measure_ns(warm, decide, &b, ASKED));
	ms = measure_cpu_ms();
	layer = build(&b.m, b.p, 17, 97, MIN((size_t)CHANGED, b.m.customer_cnt));
	ms = measure_cpu_ms() - ms;
	policy_put(b.p);
	b.p = layer;
	printf("a change of %d customers: %.1f ms; above it: find %.0f ns, with decide %.0f ns\n",
	       CHANGED, ms, measure_ns(warm, find, &b, ASKED), measure_ns(warm, decide, &b, ASKED));
	print_bytes(b.p);
	policy_put(b.p);
	return 0;
}
