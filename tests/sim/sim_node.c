/* SPDX-License-Identifier: BSD-3-Clause
 * sim_node.c - the whole node on a virtual clock: one worker, packet to upstream, between senders and servers that misbehave
 *
 * Why     Promise 1 and the balance sum are checked where everything can be made to go wrong, and every failure replays:
 *         sim_node --seed N.
 * Checks  2xx to a sender only after 2xx of the customer's server; every mail ends in exactly one of delivered, refused, deferred,
 *         given up; what must be blocked never arrives; bytes arrive as they were sent; at the end no session, mail, chunk, pin,
 *         timer or mbuf is left; the node's own sums agree with what the two ends saw.
 */
#include "base/clock.h"
#include "dataplane/worker.h"
#include "engine/snapshot.h"
#include "tests/sim/far.h"
#include "dataplane/packet/packet_eal.h"
#include "tests/sim/net.h"
#include "tests/sim/sim_eal.h"
#include <getopt.h>
#include <stdarg.h>
#include <rte_mempool.h>

#define SEC        1000000ull
#define START_US   (1000 * SEC)
#define WALL_US    (1790000000ull * SEC)
#define HORIZON_US (3 * 3600 * SEC)
#define SNAPSHOTS  2
#define HOLD_BYTES (64 << 10) /* the least that settings allow */

static struct rte_mempool *node_pool, *far_pool;
static struct engine_worker *engine;
static struct snapshot *snapshots[SNAPSHOTS];
static bool attached[SNAPSHOTS];
static uint64_t faults[SF_KINDS], habits[SH_KINDS], mails_total, turns_total, reloads_total;

struct sim {
	uint64_t seed, now_us;
	struct rng rng;
	struct net *net;
	struct far *far;
	struct packet_port *port;
	struct packet_dev dev;
	struct upstream_health_table *health;
	struct event_ring events;
	struct worker *worker;
	struct snapshot *published;
	unsigned current; /* index of published */
	uint64_t reload_at_us;
	unsigned senders_left;
	uint64_t sender_at_us;
	bool failed;
};

static void fail(struct sim *s, const char *fmt, ...) PRINTF(2, 3);

static void
fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	printf("seed %llu: ", (unsigned long long)s->seed);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("  (replay: sim_node --seed %llu)\n", (unsigned long long)s->seed);
	s->failed = true;
}

/* ---- snapshots: built once, published in turn ---- */

static void
customer(struct snapshot_customer *c, const char *id, const struct span *domain, uint16_t port)
{
	memset(c, 0, sizeof(*c));
	c->id = span_z(id);
	c->domains = domain;
	c->domain_cnt = 1;
	c->route.server_cnt = 1;
	c->route.servers[0] = (struct policy_server){ .port = port, .weight = 1, .priority = 10 };
	BUG_ON(!addr_parse(span_z("10.77.0.1"), &c->route.servers[0].addr));
	snapshot_profile_default(&c->profile);
}

static struct snapshot *
build(uint64_t generation, const char *rules, const struct snapshot *prev)
{
	static struct span domains[3], boxes[2];
	struct snapshot_customer c[3];
	struct snapshot_errors errors = { 0 };
	const char *dirs[] = { rules };
	struct snapshot_input in = { .generation = generation,
		                     .prev = prev,
		                     .rule_dirs = dirs,
		                     .rule_dir_cnt = 1,
		                     .customers = c,
		                     .customer_cnt = 3 };
	struct snapshot *s;

	domains[0] = span_z("any.test");
	domains[1] = span_z("list.test");
	domains[2] = span_z("other.test");
	boxes[0] = span_z("bob");
	boxes[1] = span_z("alice");
	customer(&c[0], "any", &domains[0], 2525);
	customer(&c[1], "list", &domains[1], 2525);
	c[1].mailbox_mode = SNAPSHOT_MAILBOX_LIST;
	c[1].mailbox_list = (struct snapshot_span_list){ boxes, 2 };
	customer(&c[2], "other", &domains[2], 2526);
	s = snapshot_build(&in, &errors);
	for (size_t i = 0; i < errors.cnt; i++) {
		char text[600];

		snapshot_error_format(&errors.item[i], text, sizeof(text));
		if (!errors.item[i].is_warning)
			puts(text);
	}
	snapshot_errors_fini(&errors);
	return s;
}

/* Publish the other generation; the one before goes from the worker once nothing pins it. */
static void
reload(struct sim *s)
{
	unsigned next = 1 - s->current;

	if (attached[next]) {
		if (engine_worker_is_pinned(engine, snapshots[next]))
			return; /* a job still reads it */
		engine_worker_detach(engine, snapshots[next]);
		attached[next] = false;
	}
	BUG_ON(engine_worker_attach(engine, snapshots[next]) < 0);
	attached[next] = true;
	s->published = snapshots[next];
	s->current = next;
	reloads_total++;
}

/* ---- one run ---- */

static bool
node_init(struct sim *s)
{
	struct packet_port_config pc = { .name = "node",
		                         .worker_cnt = 1,
		                         .no_announce = true,
		                         .mac = { 2, 0, 0, 0, 0, 2 },
		                         .seed = s->seed };
	struct worker_config wc = { .worker_cnt = 1,
		                    .hostname = "node.sim.test",
		                    .hold_bytes = HOLD_BYTES,
		                    .seed = s->seed + 1,
		                    .now_us = START_US,
		                    .listen_cnt = 1 };
	struct worker_env env = { .port_cnt = 1, .engine = engine, .snapshot = &s->published };
	char err[PACKET_ERROR_TEXT];

	BUG_ON(!packet_addr_parse(span_z("10.77.0.2/24"), &pc.addresses[0]));
	BUG_ON(!packet_addr_parse(span_z("fd77::2/64"), &pc.addresses[1]));
	pc.address_cnt = 2;
	pc.key = packet_key_from(s->seed);
	s->port = packet_port_new(&pc, err);
	s->health = upstream_health_new();
	if (!s->port || !s->health || event_ring_init(&s->events, 256) < 0)
		return false;
	s->dev = net_dev(s->net, 0);
	env.ports[0] = (struct worker_port){ s->port, &s->dev, node_pool };
	env.health = s->health;
	env.events = &s->events;
	wc.listen[0].port = 25;
	wc.sizes = (struct worker_sizes){ .conns = 128,
		                          .sessions = 64,
		                          .messages = 64,
		                          .chunks = 256,
		                          .small_chunks = 1024,
		                          .lines = 64,
		                          .upstream_conns = 32,
		                          .routes = 8,
		                          .sources = 64,
		                          .rcpts = 256,
		                          .hold_bytes = 40 * HOLD_BYTES };
	worker_tunables_default(&wc.tunables);
	wc.tunables.limits.enabled = false;
	wc.tunables.rcpt_cache = rng_odds(&s->rng, 1, 2);
	s->worker = worker_new(&wc, &env, err);
	if (!s->worker)
		printf("%s\n", err);
	return s->worker != NULL;
}

static void
drain_events(struct sim *s, bool verbose)
{
	struct event e;

	while (event_pop(&s->events, &e)) {
		if (!verbose)
			continue;
		printf("%10.6f %s %llx", (double)(s->now_us - START_US) / 1e6,
		       event_descs[e.kind].log_name, (unsigned long long)e.id);
		for (unsigned i = 0; event_descs[e.kind].num_names[i]; i++)
			printf(" %s=%llu", event_descs[e.kind].num_names[i],
			       (unsigned long long)e.num[i]);
		for (unsigned i = 0; event_descs[e.kind].text_names[i]; i++)
			printf(" %s=%.*s", event_descs[e.kind].text_names[i],
			       (int)event_text_of(&e, i).len, event_text_of(&e, i).p);
		putchar('\n');
	}
}

static void
start_senders(struct sim *s)
{
	while (s->senders_left > 0 && s->now_us >= s->sender_at_us) {
		enum sender_habit h = (enum sender_habit)rng_below(&s->rng, SH_KINDS);

		/* Half of all keep to the rules, so that most mails reach the servers' faults. */
		if (rng_odds(&s->rng, 1, 2))
			h = (enum sender_habit)rng_below(&s->rng, 3);
		habits[h]++;
		far_send_mails(s->far, h, 1 + (unsigned)rng_below(&s->rng, 5), s->now_us);
		s->senders_left--;
		s->sender_at_us = s->now_us + rng_below(&s->rng, 2 * SEC);
	}
}

static void
step(struct sim *s, bool verbose)
{
	uint64_t next;

	start_senders(s);
	if (s->now_us >= s->reload_at_us) {
		reload(s);
		s->reload_at_us = s->now_us + rng_below(&s->rng, 3 * SEC);
	}
	s->net->now_us = s->now_us;
	worker_turn(s->worker, s->now_us, WALL_US + s->now_us);
	far_turn(s->far, s->now_us);
	drain_events(s, verbose);
	turns_total++;
	next = worker_next_us(s->worker, s->now_us, SEC);
	next = MIN(next, far_next_us(s->far, s->now_us, SEC));
	next = MIN(next, net_next_us(s->net));
	if (s->senders_left > 0)
		next = MIN(next, s->sender_at_us);
	s->now_us = MAX(next, s->now_us + 20); /* a turn takes some time */
}

/* ---- what must hold ---- */

static uint64_t
node_counter(struct sim *s, const char *metric, const char *labels)
{
	struct counter_set sets[24];
	size_t n = worker_counter_sets(s->worker, sets, ARRAY_LEN(sets));

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sets[i].cnt; k++)
			if (!strcmp(sets[i].desc[k].metric, metric) &&
			    !strcmp(sets[i].desc[k].labels, labels))
				return counter_read(&sets[i].values[k]);
	fail(s, "there is no counter %s{%s}\n", metric, labels);
	return 0;
}

static void
check_mail(struct sim *s, unsigned i)
{
	const struct ledger_mail *m = &s->far->ledger.mails[i];

	if (m->final_code / 100 == 2 && m->server_2xx == 0)
		fail(s, "mail %u: the sender got %u and no server took it\n", i, m->final_code);
	if (m->must_block && (m->server_2xx > 0 || m->server_other > 0))
		fail(s, "mail %u: must be blocked and reached a server\n", i);
	if (m->must_block && m->final_code / 100 == 2)
		fail(s, "mail %u: must be blocked and was accepted\n", i);
	if (m->corrupted)
		fail(s, "mail %u: a server got other bytes\n", i);
	if (m->began && m->final_code == 0 && !m->gave_up)
		fail(s, "mail %u: has no end\n", i);
	/* A second delivery needs a first whose sender did not hear of it. */
	if (m->server_2xx > 1)
		fail(s, "mail %u: delivered %u times in one transaction\n", i, m->server_2xx);
}

static void
check_sums(struct sim *s)
{
	uint64_t sent = node_counter(s, "weir_mails_total", "result=\"sent\"");
	uint64_t delivered = node_counter(s, "weir_mails_total", "result=\"delivered\"");
	uint64_t refused = node_counter(s, "weir_mails_total", "result=\"refused\"");
	uint64_t deferred = node_counter(s, "weir_mails_total", "result=\"deferred\"");
	uint64_t given_up = node_counter(s, "weir_mails_total", "result=\"given_up\"");
	uint64_t ends_delivered = 0;

	if (sent != delivered + refused + deferred + given_up)
		fail(s,
		     "sent %llu is not delivered %llu + refused %llu + deferred %llu + given_up "
		     "%llu\n",
		     (unsigned long long)sent, (unsigned long long)delivered,
		     (unsigned long long)refused, (unsigned long long)deferred,
		     (unsigned long long)given_up);
	for (unsigned i = 0; i < s->far->ledger.cnt; i++)
		ends_delivered += s->far->ledger.mails[i].final_code / 100 == 2;
	if (delivered < ends_delivered)
		fail(s, "senders heard of %llu deliveries, the node counts %llu\n",
		     (unsigned long long)ends_delivered, (unsigned long long)delivered);
}

#define NO_LEAK(s, l, what)                                                                        \
	do {                                                                                       \
		if ((l).what != 0)                                                                 \
			fail(s, "left over: %llu " #what "\n", (unsigned long long)(l).what);      \
	} while (0)

static bool
is_clean(struct sim *s)
{
	struct worker_leaks l;

	worker_get_leaks(s->worker, &l);
	return l.sessions + l.messages + l.chunks + l.lines + l.jobs + l.upstream_waiting == 0 &&
	       l.hold_bytes == 0;
}

static void
check_leaks(struct sim *s)
{
	struct worker_leaks l;

	worker_get_leaks(s->worker, &l);
	NO_LEAK(s, l, sessions);
	NO_LEAK(s, l, messages);
	NO_LEAK(s, l, chunks);
	NO_LEAK(s, l, lines);
	NO_LEAK(s, l, jobs);
	NO_LEAK(s, l, upstream_waiting);
	NO_LEAK(s, l, hold_bytes);
	for (unsigned i = 0; i < SNAPSHOTS; i++)
		if (attached[i] && engine_worker_is_pinned(engine, snapshots[i]))
			fail(s, "left over: a pin of generation %u\n", i + 1);
}

static void
check_mbufs(struct sim *s)
{
	if (rte_mempool_in_use_count(node_pool) + rte_mempool_in_use_count(far_pool) != 0)
		fail(s, "left over: %u mbufs of the node, %u of the far side\n",
		     rte_mempool_in_use_count(node_pool), rte_mempool_in_use_count(far_pool));
}

static void
play(struct sim *s, bool verbose)
{
	uint64_t settle;

	while ((s->senders_left > 0 || !far_is_quiet(s->far)) && s->now_us < START_US + HORIZON_US)
		step(s, verbose);
	if (!far_is_quiet(s->far)) {
		fail(s, "senders are still there after %llu s\n", HORIZON_US / SEC);
		far_print_senders(s->far);
	}
	worker_drain(s->worker, true);
	settle = s->now_us + 1200 * SEC; /* the longest deadline of a mail whose sender went */
	while (s->now_us < settle && !(is_clean(s) && worker_is_drained(s->worker)))
		step(s, verbose);
	if (!worker_is_drained(s->worker))
		fail(s, "not drained\n");
}

static bool
run(uint64_t seed, bool verbose)
{
	struct sim s = { .seed = seed, .now_us = START_US };
	struct net_config nc = { .delay_us = 100 };
	struct far_config fc;

	rng_seed(&s.rng, seed);
	s.net = malloc(sizeof(*s.net));
	s.far = malloc(sizeof(*s.far));
	BUG_ON(!s.net || !s.far);
	nc.delay_us = 50 + rng_below(&s.rng, 40000);
	if (rng_odds(&s.rng, 1, 2)) {
		nc.loss_ppm = (unsigned)rng_below(&s.rng, 50000);
		nc.reorder_ppm = (unsigned)rng_below(&s.rng, 50000);
		nc.duplicate_ppm = (unsigned)rng_below(&s.rng, 20000);
		nc.corrupt_ppm = (unsigned)rng_below(&s.rng, 20000);
	}
	net_init(s.net, &nc, seed + 2, far_pool);
	fc = (struct far_config){ .dev = net_dev(s.net, 1),
		                  .pool = far_pool,
		                  .seed = seed + 3,
		                  .now_us = START_US,
		                  .fault_permille = (unsigned)rng_below(&s.rng, 800),
		                  .gone_permille = rng_odds(&s.rng, 1, 4) ? 100 : 0 };
	s.published = snapshots[s.current];
	s.senders_left = 10 + (unsigned)rng_below(&s.rng, 8);
	s.sender_at_us = START_US;
	BUG_ON(far_init(s.far, &fc) < 0 || !node_init(&s));
	if (!attached[s.current]) {
		BUG_ON(engine_worker_attach(engine, snapshots[s.current]) < 0);
		attached[s.current] = true;
	}
	play(&s, verbose);
	for (unsigned i = 0; i < s.far->ledger.cnt; i++)
		check_mail(&s, i);
	check_sums(&s);
	check_leaks(&s);
	mails_total += s.far->ledger.cnt;
	for (unsigned i = 0; i < SF_KINDS; i++)
		faults[i] += s.far->ledger.faults[i];
	far_fini(s.far);
	worker_free(s.worker);
	packet_port_free(s.port);
	upstream_health_free(s.health);
	event_ring_fini(&s.events);
	net_fini(s.net);
	check_mbufs(&s);
	free(s.net);
	free(s.far);
	return !s.failed;
}

static void
print_coverage(void)
{
	printf("%llu mails, %llu turns, %llu reloads\nfaults injected:",
	       (unsigned long long)mails_total, (unsigned long long)turns_total,
	       (unsigned long long)reloads_total);
	for (unsigned i = 1; i < SF_KINDS; i++)
		printf(" %s=%llu", server_fault_names[i], (unsigned long long)faults[i]);
	printf("\nsenders by habit:");
	for (unsigned i = 0; i < SH_KINDS; i++)
		printf(" %llu", (unsigned long long)habits[i]);
	putchar('\n');
}

static bool
set_up(const char *rules)
{
	struct engine_config ec = { .scan_bytes = HOLD_BYTES };

	sim_eal_init();
	node_pool = sim_eal_pool("node", 8191);
	far_pool = sim_eal_pool("far", 8191);
	engine = engine_worker_new(&ec);
	if (!node_pool || !far_pool || !engine)
		return false;
	for (unsigned i = 0; i < SNAPSHOTS; i++) {
		snapshots[i] = build(i + 1, rules, i ? snapshots[i - 1] : NULL);
		if (!snapshots[i])
			return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seeds", required_argument, NULL, 'n' },
		{ "first", required_argument, NULL, 'f' },
		{ "seed", required_argument, NULL, 's' },
		{ "rules", required_argument, NULL, 'r' },
		{ "stop", no_argument, NULL, 'x' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t seeds = 200, first = 1, passed = 0, failed = 0;
	const char *rules = "contrib/rules";
	bool verbose = false, stop = false;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'n')
			seeds = strtoull(optarg, NULL, 0);
		else if (o == 'f')
			first = strtoull(optarg, NULL, 0);
		else if (o == 's')
			first = strtoull(optarg, NULL, 0), seeds = 1, verbose = true;
		else if (o == 'r')
			rules = optarg;
		else if (o == 'x')
			stop = true;
		else
			return 2;
	}
	if (!set_up(rules)) {
		printf("the simulator cannot be set up\n0 passed, 1 failed\n");
		return 1;
	}
	for (uint64_t i = 0; i < seeds && !(stop && failed); i++) {
		if (run(first + i, verbose))
			passed++;
		else
			failed++;
	}
	print_coverage();
	printf("%llu passed, %llu failed\n", (unsigned long long)passed,
	       (unsigned long long)failed);
	return failed != 0;
}
