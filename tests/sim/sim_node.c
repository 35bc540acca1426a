/* SPDX-License-Identifier: BSD-3-Clause
 * sim_node.c - the whole node on a virtual clock: one worker, packet to upstream, between senders and servers that misbehave
 *
 * Why     Promise 1 and the balance sum are checked where everything can be made to go wrong, and every failure replays:
 *         sim_node --seed N.
 * Checks  ledger.h: each answer that a sender hears has a reason; peer_body.c: bytes arrive as they were sent; sim_node_check.c:
 *         every mail ends once, the node's sums agree with what the two ends saw, no session, mail, chunk, pin, timer or mbuf
 *         is left. README.md has the list.
 */
#include "dataplane/message.h"
#include "dataplane/packet/packet_eal.h"
#include "tests/malloc_count.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_eal.h"
#include "tests/sim/sim_report.h"
#include <getopt.h>
#include <rte_mempool.h>

#define WALL_US     (1790000000ull * SEC)
#define HORIZON_US  (3 * 3600 * SEC)
#define TURNS_MAX   3000000u /* of one seed */
#define SENDERS_MAX 300

#define EVICTED_TURNS 8

static struct rte_mempool *node_pool, *far_pool;
static struct engine_worker *engine;
static struct snapshot *snapshots[CUST_GENERATIONS];
static bool attached[CUST_GENERATIONS];
static unsigned current; /* index of the published one */
static uint64_t habits[SH_KINDS], mails_total, turns_total, reloads_total, evictions_total;

/* ---- snapshots: built once, published in turn ---- */

static bool
attach(unsigned i)
{
	if (attached[i] && engine_worker_is_pinned(engine, snapshots[i]))
		return false; /* a job still reads it */
	if (attached[i])
		engine_worker_detach(engine, snapshots[i]);
	BUG_ON(engine_worker_attach(engine, snapshots[i]) < 0);
	attached[i] = true;
	return true;
}

/* Publish the other generation; the one before goes from the worker once nothing pins it. */
static void
reload(struct sim *s)
{
	struct ledger *l = &s->far->ledger;
	unsigned next = 1 - current;

	s->reload_at_us = s->now_us + rng_below(&s->rng, 3 * SEC);
	if (!attach(next)) {
		if (rng_odds(&s->rng, 1, 2)) {
			engine_worker_evict(engine, snapshots[next]);
			l->evicted_us[next + 1] = s->now_us;
			s->evicted_turns = 1;
			evictions_total++;
		}
		return;
	}
	s->published = snapshots[next];
	l->gone_us[current + 1] = s->now_us;
	l->gone_us[next + 1] = 0;
	current = next;
	reloads_total++;
}

/* ---- one run ---- */

static void
choose_tunables(struct sim *s, struct worker_config *wc)
{
	struct worker_tunables *t = &wc->tunables;
	bool wild = s->far->cfg.mood == FAR_WILD;

	worker_tunables_default(t);
	t->limits = (struct limits_config){ .enabled = s->seed & 2 }; /* counted, and no limit */
	t->rcpt_cache = s->far->ledger.cache = rng_odds(&s->rng, 1, 2);
	t->banner_delay_us = rng_odds(&s->rng, 1, 3) ? SEC : 0;
	s->far->ledger.banner_waits = t->banner_delay_us > 0;
	t->tarpit_us = rng_odds(&s->rng, 1, 4) ? SEC : 0;
	t->max_connections = rng_odds(&s->rng, 1, 4) ? 2 : 10;
	s->slow_scans = rng_odds(&s->rng, 1, 2);
	wc->scan_budget_cycles = s->slow_scans; /* 1: a slice of each job a turn */
	if (wild && rng_odds(&s->rng, 1, 4))
		wc->sizes.hold_bytes = 5 * SIM_HOLD_BYTES;
	else if (wild && rng_odds(&s->rng, 1, 5))
		s->far->ledger.big = true;
	if (!s->far->ledger.big)
		return;
	wc->hold_bytes = SIM_BIG_BYTES;
	wc->sizes.chunks = 512;
	wc->sizes.hold_bytes = 12 * SIM_BIG_BYTES;
}

/* Over 60 lines: they are the sizes of everything. */
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
		                    .hold_bytes = SIM_HOLD_BYTES,
		                    .seed = s->seed + 1,
		                    .now_us = START_US,
		                    .listen_cnt = 1 };
	struct worker_env env = { .port_cnt = 1, .engine = engine, .snapshot = &s->published };
	struct siphash_key limits_key = { s->seed, 0 };
	char err[PACKET_ERROR_TEXT];

	BUG_ON(!packet_addr_parse(span_z("10.77.0.2/24"), &pc.addresses[0]));
	BUG_ON(!packet_addr_parse(span_z("fd77::2/64"), &pc.addresses[1]));
	BUG_ON(!packet_addr_parse(span_z(CUST_EGRESS "/24"), &pc.addresses[2]));
	pc.address_cnt = 3;
	pc.key = packet_key_from(s->seed);
	s->port = packet_port_new(&pc, err);
	s->health = upstream_health_new();
	s->limits = limits_table_new(64, &limits_key);
	if (!s->port || !s->health || !s->limits || event_ring_init(&s->events, 256) < 0)
		return false;
	s->dev = net_dev(s->net, 0);
	env.ports[0] = (struct worker_port){ s->port, &s->dev, node_pool };
	env.health = s->health;
	env.limits = s->limits;
	env.events = &s->events;
	wc.listen[0].port = 25;
	wc.sizes = (struct worker_sizes){ .conns = 192,
		                          .sessions = 96,
		                          .messages = 96,
		                          .chunks = 256,
		                          .small_chunks = 1024,
		                          .lines = 96,
		                          .upstream_conns = 48,
		                          .routes = 8,
		                          .sources = 64,
		                          .rcpts = 256,
		                          .hold_bytes = 40 * SIM_HOLD_BYTES };
	if (s->far->cfg.mood == FAR_WILD && rng_odds(&s->rng, 1, 4)) /* everything is short */
		wc.sizes = (struct worker_sizes){
			.conns = 192,
			.sessions = 4 + (uint32_t)rng_below(&s->rng, 12),
			.messages = 2 + (uint32_t)rng_below(&s->rng, 12),
			.chunks = 6 + (uint32_t)rng_below(&s->rng, 30),
			.small_chunks = 3 + (uint32_t)rng_below(&s->rng, 30),
			.lines = 1 + (uint32_t)rng_below(&s->rng, 4),
			.upstream_conns = 1 + (uint32_t)rng_below(&s->rng, 6),
			.routes = 1 + (uint32_t)rng_below(&s->rng, 3),
			.sources = 8,
			.rcpts = 8,
			.hold_bytes = SIM_HOLD_BYTES + rng_below(&s->rng, 6 * SIM_HOLD_BYTES)
		};
	choose_tunables(s, &wc);
	s->worker = worker_new(&wc, &env, err);
	if (!s->worker)
		printf("%s\n", err);
	return s->worker != NULL;
}

static int
sender_of(struct span path)
{
	char z[64];
	int n = -1;

	snprintf(z, sizeof(z), "%.*s", (int)path.len, path.p);
	return sscanf(z, "s%d@", &n) == 1 ? n : -1;
}

static void
on_verdict(struct sim *s, const struct event *e)
{
	enum policy_action a;

	if (!policy_action_parse(event_text_of(e, 0), &a))
		sim_fail("a verdict without an action\n");
	else
		ledger_verdict(&s->far->ledger, sender_of(event_text_of(e, 4)),
		               cust_find(event_text_of(e, 5)), a, (unsigned)e->num[0]);
}

static void
print_event(const struct sim *s, const struct event *e)
{
	const struct event_desc *d = &event_descs[e->kind];

	printf("%10.6f %s %llx", (double)(s->now_us - START_US) / 1e6, d->log_name,
	       (unsigned long long)e->id);
	for (unsigned i = 0; d->num_names[i]; i++)
		printf(" %s=%llu", d->num_names[i], (unsigned long long)e->num[i]);
	for (unsigned i = 0; d->text_names[i]; i++)
		printf(" %s=%.*s", d->text_names[i], (int)event_text_of(e, i).len,
		       event_text_of(e, i).p);
	putchar('\n');
}

static void
drain_events(struct sim *s, bool verbose)
{
	struct event e;

	while (event_pop(&s->events, &e)) {
		if (e.kind == EVENT_VERDICT)
			on_verdict(s, &e);
		if (verbose)
			print_event(s, &e);
	}
}

static bool
wants_senders(const struct sim *s)
{
	return s->senders < SENDERS_MAX &&
	       s->far->ledger.cnt + far_mails_due(s->far) < s->mails_wanted;
}

static void
start_senders(struct sim *s)
{
	while (s->now_us >= s->sender_at_us && wants_senders(s)) {
		enum sender_habit h = (enum sender_habit)rng_below(&s->rng, SH_KINDS);

		/* Half of all keep to the rules, so that most mails reach the servers' faults. */
		if (rng_odds(&s->rng, 1, 2))
			h = (enum sender_habit)rng_below(&s->rng, SH_FRIENDLY);
		habits[h]++;
		far_send_mails(s->far, h, 1 + (unsigned)rng_below(&s->rng, 5), s->now_us);
		s->senders++;
		/* Where idle ones hold every session of a small pool, the others come more and more slowly, until those are gone. */
		s->sender_at_us = s->now_us + rng_below(&s->rng, 2 * SEC) * (1 + s->senders / 32);
	}
}

static void
maybe_drain(struct sim *s)
{
	struct ledger *l = &s->far->ledger;

	if (!s->drains || l->drain_us || l->cnt < 20)
		return;
	if (s->drain_at_us == 0)
		s->drain_at_us = s->now_us + rng_below(&s->rng, 5 * SEC);
	if (s->now_us < s->drain_at_us)
		return;
	worker_drain(s->worker, true);
	l->drain_us = s->now_us;
	s->mails_wanted = 0;
	far_send_mails(s->far, SH_HONEST, 1, s->now_us); /* too late */
}

/* Control waits for an evicted generation: every job of a worker looks up within a few turns. */
static void
check_evicted(struct sim *s)
{
	if (s->evicted_turns == 0)
		return;
	if (!engine_worker_is_pinned(engine, snapshots[1 - current]))
		s->evicted_turns = 0;
	else if (++s->evicted_turns == EVICTED_TURNS)
		sim_fail("generation %u is pinned %u turns after it was wanted back\n", 2 - current,
		         EVICTED_TURNS);
}

static void
step(struct sim *s, bool verbose)
{
	uint64_t next, turn, mallocs;

	start_senders(s);
	maybe_drain(s);
	if (s->reloads && (s->now_us >= s->reload_at_us ||
	                   (message_scan_is_waiting(s->worker) && rng_odds(&s->rng, 1, 100))))
		reload(s);
	s->net->now_us = s->now_us;
	malloc_count_on();
	worker_turn(s->worker, s->now_us, WALL_US + s->now_us);
	mallocs = malloc_count_off();
	if (mallocs)
		sim_fail("%llu allocations in a turn\n", (unsigned long long)mallocs);
	check_evicted(s);
	sim_check_shut(s);
	sim_cover_turn(s);
	drain_events(s, verbose);
	far_turn(s->far, s->now_us);
	turns_total++;
	next = worker_next_us(s->worker, s->now_us, SEC);
	next = MIN(next, far_next_us(s->far, s->now_us, SEC));
	next = MIN(next, net_next_us(s->net));
	if (wants_senders(s))
		next = MIN(next, s->sender_at_us);
	turn = 20; /* a turn takes some time */
	if (s->slow_scans && message_scan_is_waiting(s->worker))
		turn += rng_below(&s->rng, rng_odds(&s->rng, 1, 8)
		                                   ? 40000
		                                   : 4000); /* others want the core too */
	s->now_us = MAX(next, s->now_us + turn);
}

static void
check_mbufs_and_pins(void)
{
	if (rte_mempool_in_use_count(node_pool) + rte_mempool_in_use_count(far_pool) != 0)
		sim_fail("left over: %u mbufs of the node, %u of the far side\n",
		         rte_mempool_in_use_count(node_pool), rte_mempool_in_use_count(far_pool));
	for (unsigned i = 0; i < CUST_GENERATIONS; i++)
		if (attached[i] && engine_worker_is_pinned(engine, snapshots[i]))
			sim_fail("left over: a pin of generation %u\n", i + 1);
}

static void
play(struct sim *s, bool verbose)
{
	uint64_t settle, began = turns_total;

	while ((wants_senders(s) || !far_is_quiet(s->far)) && s->now_us < START_US + HORIZON_US &&
	       turns_total < began + TURNS_MAX)
		step(s, verbose);
	if (turns_total >= began + TURNS_MAX)
		sim_fail("%u turns and no end\n", TURNS_MAX);
	if (!far_is_quiet(s->far)) {
		sim_fail("senders are still there after %llu s\n", HORIZON_US / SEC);
		far_print_senders(s->far);
	}
	worker_drain(s->worker, true);
	s->mails_wanted = 0;
	settle = s->now_us + 1200 * SEC; /* the longest deadline of a mail whose sender went */
	while (s->now_us < settle &&
	       !(sim_is_clean(s) && worker_is_drained(s->worker) && !sim_has_timers(s)) &&
	       turns_total < began + 2 * TURNS_MAX)
		step(s, verbose);
	if (!worker_is_drained(s->worker))
		sim_fail("not drained\n");
}

static void
link_init(struct sim *s)
{
	struct net_config nc = { .delay_us = 50 + rng_below(&s->rng, 40000) };
	struct far_config fc = { .pool = far_pool, .seed = s->seed + 3, .now_us = START_US };
	bool lossless = true;

	fc.mood = rng_odds(&s->rng, 2, 3) ? FAR_WILD : (enum far_mood)(1 + rng_below(&s->rng, 3));
	fc.fault_permille = (unsigned)rng_below(&s->rng, 800);
	fc.gone_permille = fc.mood == FAR_WILD && rng_odds(&s->rng, 1, 4) ? 100 : 0;
	if (fc.mood == FAR_WILD && rng_odds(&s->rng, 1, 2)) {
		lossless = false;
		nc.loss_ppm = (unsigned)rng_below(&s->rng, 50000);
		nc.reorder_ppm = (unsigned)rng_below(&s->rng, 50000);
		nc.duplicate_ppm = (unsigned)rng_below(&s->rng, 20000);
		nc.corrupt_ppm = (unsigned)rng_below(&s->rng, 20000);
	}
	net_init(s->net, &nc, s->seed + 2, far_pool);
	fc.dev = net_dev(s->net, 1);
	BUG_ON(far_init(s->far, &fc) < 0);
	s->far->ledger.lossless = lossless;
	s->far->ledger.calm = fc.mood != FAR_WILD;
}

static void
sim_init(struct sim *s, uint64_t seed)
{
	*s = (struct sim){ .seed = seed, .now_us = START_US, .sender_at_us = START_US };
	rng_seed(&s->rng, seed);
	s->net = malloc(sizeof(*s->net));
	s->far = malloc(sizeof(*s->far));
	BUG_ON(!s->net || !s->far);
	link_init(s);
	s->reloads = s->far->ledger.reloads = rng_odds(&s->rng, 2, 3);
	s->drains = !s->far->ledger.calm && rng_odds(&s->rng, 1, 6);
	s->mails_wanted = 22 + (unsigned)rng_below(&s->rng, 14);
	current = (unsigned)(seed & 1); /* not what the seed before left */
	BUG_ON(!attach(current));
	s->published = snapshots[current];
	s->far->ledger.gone_us[2 - current] = START_US;
	BUG_ON(!node_init(s));
}

static bool
run(uint64_t seed, bool verbose)
{
	struct sim s;

	sim_report_seed(seed);
	sim_init(&s, seed);
	play(&s, verbose);
	if (verbose)
		ledger_print(&s.far->ledger);
	sim_check(&s);
	mails_total += s.far->ledger.cnt;
	far_fini(s.far);
	worker_free(s.worker);
	packet_port_free(s.port);
	upstream_health_free(s.health);
	limits_table_free(s.limits);
	event_ring_fini(&s.events);
	net_fini(s.net);
	check_mbufs_and_pins();
	free(s.net);
	free(s.far);
	return !sim_has_failed();
}

static void
print_coverage(void)
{
	printf("%llu mails, %llu turns, %llu reloads, %llu evictions\nsenders by habit:",
	       (unsigned long long)mails_total, (unsigned long long)turns_total,
	       (unsigned long long)reloads_total, (unsigned long long)evictions_total);
	for (unsigned i = 0; i < SH_KINDS; i++)
		printf(" %s=%llu", sender_habit_names[i], (unsigned long long)habits[i]);
	putchar('\n');
	sim_cover_print();
}

static bool
set_up(const char *rules)
{
	struct engine_config ec = { .scan_bytes = SIM_HOLD_BYTES };

	sim_eal_init();
	node_pool = sim_eal_pool("node", 8191);
	far_pool = sim_eal_pool("far", 8191);
	engine = engine_worker_new(&ec);
	if (!node_pool || !far_pool || !engine)
		return false;
	for (unsigned i = 0; i < CUST_GENERATIONS; i++) {
		snapshots[i] = cust_build(i + 1, rules, i ? snapshots[i - 1] : NULL);
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
	uint64_t seeds = 2000, first = 1, passed = 0, failed = 0;
	const char *rules = "tests/sim/rules";
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
	sim_report_init();
	for (uint64_t i = 0; i < seeds && !(stop && failed); i++) {
		if (run(first + i, verbose))
			passed++;
		else
			failed++;
	}
	print_coverage();
	if (seeds >= 1000 && !stop)
		failed += sim_cover_missing();
	printf("%llu passed, %llu failed\n", (unsigned long long)passed,
	       (unsigned long long)failed);
	return failed != 0;
}
