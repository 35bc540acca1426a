/* SPDX-License-Identifier: BSD-3-Clause
 * flood.c - one thread, two ends, one clock; measure each kind, then look whether everything came back
 */
#include "bench/flood.h"
#include "base/clock.h"
#include "bench/flood_frames.h"
#include "bench/load.h"
#include "dataplane/main_boot.h"
#include "dataplane/worker_internal.h"
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <sys/resource.h>
#include <urcu-qsbr.h>

#define RATE        1000000u /* frames a second */
#define IDLE_US     2        /* what a turn without work lasts */
#define REST_US     1000     /* ... once everybody has gone */
#define TURN_MAX_US 3000     /* longer: the machine was elsewhere, even if it does not say so */
#define INJECT_MAX  512      /* frames a turn of the generator; the ring has 4,096 */
#define WARM_UP_US  500000
#define REST_ALL_US 75000000 /* TIME-WAIT is 60 s */
#define SETTLE_US                                                                                  \
	9000000 /* what the SYN flood left in queue and ring is gone; its cookies still hold */
#define MICRO_TURNS  5000
#define GAUGES_MAX   64
#define COUNTERS_MAX 1024
#define BURST        32

struct flood {
	struct ring_ends *e;
	struct worker *w;
	const struct packet_dev *dev;
	struct rng rng;
	double cycles_per_us, now_us, wall_us; /* since the clock's start */
	uint64_t start_us, start_wall_us, idle_us;
	enum flood_kind kind;
	double kind_since_us;
	/* of the phase */
	uint64_t frames, lost, turns, interrupted;
	double busy_us, last_us;
};

struct result {
	uint64_t mails, connects, errors, frames, lost;
	double us, busy_us;
	struct load_result load;
	uint64_t counts[COUNTERS_MAX]; /* what each counter of the worker grew by */
};

static void
inject(struct flood *f, unsigned cnt)
{
	struct rte_mbuf *m[INJECT_MAX];
	unsigned n = 0, sent;

	while (n < cnt && (m[n] = rte_pktmbuf_alloc(f->e->pool)))
		flood_frame(m[n++], f->kind, packet_mac(f->w->packets[0]), &f->rng);
	for (sent = 0; sent < n;) {
		uint16_t k = f->dev->ops->tx(f->dev->dev, m + sent, (uint16_t)(n - sent));

		if (k == 0)
			break;
		sent += k;
	}
	rte_pktmbuf_free_bulk(m + sent, n - sent);
	f->lost += cnt - sent; /* the ring is full: the relay is too slow */
	f->frames += cnt;
}

static long
switches(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nivcsw;
}

/* One turn of the relay; its cost in us. One that was interrupted costs as much as the one before. */
static double
turn_relay(struct flood *f, bool *worked)
{
	long was = switches();
	uint64_t at = (uint64_t)f->now_us, c0 = clock_cycles();
	double us;

	*worked = worker_turn(f->w, f->start_us + at, f->start_wall_us + at);
	us = (double)(clock_cycles() - c0) / f->cycles_per_us;
	rcu_quiescent_state();
	f->turns++;
	if (us > TURN_MAX_US || switches() != was) {
		f->interrupted++;
		us = f->last_us;
	}
	f->last_us = us;
	return us;
}

static void
step(struct flood *f)
{
	bool worked;
	double us;

	if (f->kind != FLOOD_NONE) {
		double due = (f->now_us - f->kind_since_us) * RATE / 1e6 - (double)f->frames;

		if (due >= 1)
			inject(f, (unsigned)MIN(due, (double)INJECT_MAX));
	}
	load_turn(f->e->load, f->start_us + (uint64_t)f->now_us);
	us = turn_relay(f, &worked);
	if (worked)
		f->busy_us += us;
	f->now_us += worked ? us : MAX(us, (double)f->idle_us);
}

static void
run_for(struct flood *f, double us)
{
	double end = f->now_us + us;

	while (f->now_us < end)
		step(f);
}

static void
read_counters(const struct flood *f, uint64_t *out)
{
	struct counter_set sets[32];
	size_t n = worker_counter_sets(f->w, sets, ARRAY_LEN(sets)), at = 0;

	for (size_t s = 0; s < n; s++)
		for (size_t i = 0; i < sets[s].cnt && at < COUNTERS_MAX; i++)
			out[at++] = counter_read(&sets[s].values[i]);
}

/* What happened to the frames: counters of tcp and packet that grew by a hundredth of them at least. */
static void
print_counters(const struct flood *f, const struct result *r)
{
	struct counter_set sets[32];
	size_t n = worker_counter_sets(f->w, sets, ARRAY_LEN(sets)), at = 0;
	const char *comma = "";

	for (size_t s = 0; s < n; s++) {
		bool wanted =
		        !strcmp(sets[s].folder, "tcp") || !strncmp(sets[s].folder, "packet", 6);

		for (size_t i = 0; i < sets[s].cnt && at < COUNTERS_MAX; i++, at++) {
			if (!wanted || r->counts[at] < r->frames / 100 ||
			    r->counts[at] > 1ull << 60)
				continue;
			printf("%s\"%s\": %llu", comma, sets[s].desc[i].field,
			       (unsigned long long)r->counts[at]);
			comma = ", ";
		}
	}
}

static struct result
measure(struct flood *f, enum flood_kind kind)
{
	static uint64_t counts[COUNTERS_MAX];
	struct result r = { 0 };
	double began = f->now_us;

	load_mark(f->e->load);
	read_counters(f, counts);
	f->kind = kind;
	f->kind_since_us = f->now_us;
	f->frames = f->lost = 0;
	f->busy_us = 0;
	run_for(f, f->e->o->seconds * 1e6);
	read_counters(f, r.counts);
	for (size_t i = 0; i < COUNTERS_MAX; i++)
		r.counts[i] -= counts[i];
	r.us = f->now_us - began;
	r.busy_us = f->busy_us;
	r.frames = f->frames;
	r.lost = f->lost;
	f->kind = FLOOD_NONE;
	load_result(f->e->load, &r.load);
	r.mails = r.load.delivered;
	r.connects = r.load.connects;
	r.errors = r.load.connect_errors + r.load.given_up;
	run_for(f, kind == FLOOD_SYN ? SETTLE_US : WARM_UP_US);
	return r;
}

/* --- what a banned packet costs, from the device to its end --- */

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median cycles of a turn that finds cnt banned SYNs. */
static double
banned_turn(struct flood *f, unsigned cnt)
{
	static double v[MICRO_TURNS];

	f->kind = FLOOD_BANNED;
	for (unsigned i = 0; i < MICRO_TURNS; i++) {
		bool worked;

		if (cnt > 0)
			inject(f, cnt);
		v[i] = turn_relay(f, &worked) * f->cycles_per_us;
		f->now_us += 100;
	}
	f->kind = FLOOD_NONE;
	qsort(v, MICRO_TURNS, sizeof(v[0]), compare);
	return v[MICRO_TURNS / 2];
}

/* --- does everything come back --- */

struct gauges {
	uint64_t v[GAUGES_MAX];
	const char *names[GAUGES_MAX];
	size_t cnt;
};

static void
gauge(struct gauges *g, const char *name, uint64_t v)
{
	BUG_ON(g->cnt == GAUGES_MAX);
	g->names[g->cnt] = name;
	g->v[g->cnt++] = v;
}

static void
read_gauges(const struct flood *f, struct gauges *g)
{
	static const char *const fields[] = { "conns",       "orphans",  "syn_queue",
		                              "cookie_ring", "timewait", "reassembling",
		                              "open" };
	struct worker_memory_row rows[GAUGES_MAX];
	struct counter_set sets[32];
	size_t n = worker_counter_sets(f->w, sets, ARRAY_LEN(sets));

	g->cnt = 0;
	for (size_t s = 0; s < n; s++)
		for (size_t i = 0; i < sets[s].cnt; i++)
			for (size_t k = 0; k < ARRAY_LEN(fields); k++)
				if (!strcmp(sets[s].desc[i].field, fields[k]))
					gauge(g, fields[k], counter_read(&sets[s].values[i]));
	n = worker_memory(f->w, rows, ARRAY_LEN(rows));
	for (size_t i = 0; i < n; i++)
		gauge(g, rows[i].name, rows[i].used_cnt);
	gauge(g, "mbufs", rte_mempool_in_use_count(rte_mempool_lookup("mbufs0")));
}

/* Prints those that differ; how many. */
static unsigned
print_left(const struct gauges *before, const struct gauges *after)
{
	unsigned n = 0;

	printf("\"left\": {");
	for (size_t i = 0; i < after->cnt; i++)
		if (after->v[i] != before->v[i])
			printf("%s\"%s\": [%llu, %llu]", n++ ? ", " : "", after->names[i],
			       (unsigned long long)before->v[i], (unsigned long long)after->v[i]);
	printf("}");
	return n;
}

static double
print_result(const struct flood *f, enum flood_kind kind, const struct result *r,
             const struct result *quiet)
{
	double per_s = (double)r->mails * 1e6 / r->us,
	       quiet_s = (double)quiet->mails * 1e6 / quiet->us;
	double cost =
	        r->frames ? (r->busy_us - quiet->busy_us * per_s / quiet_s) / (double)r->frames : 0;
	double ok = r->connects ? 1 - (double)MIN(r->errors, r->connects) / (double)r->connects : 0;

	printf("%s\"%s\": {\"mails_per_s\": %.0f, \"of_quiet\": %.3f, \"connects\": %llu, "
	       "\"completed\": %.4f, "
	       "\"p99_us\": %llu, \"busy\": %.3f, \"frames\": %llu, \"ring_full\": %llu, "
	       "\"cycles_per_frame\": %.0f, \"counters\": {",
	       kind ? ", " : "", flood_names[kind], per_s, per_s / quiet_s,
	       (unsigned long long)r->connects, ok,
	       (unsigned long long)hist_quantile(&r->load.latency_us, 0.99), r->busy_us / r->us,
	       (unsigned long long)r->frames, (unsigned long long)r->lost, cost * f->cycles_per_us);
	if (kind)
		print_counters(f, r);
	printf("}}");
	return kind == FLOOD_SYN ? MIN(per_s / quiet_s / 0.9, ok / 0.99) : per_s / quiet_s / 0.9;
}

static int
run(struct ring_ends *e)
{
	struct flood f = { .e = e,
		           .w = boot_worker(e->boot, 0),
		           .dev = packet_eal_dev(e->port, 0),
		           .cycles_per_us = (double)clock_cycles_per_second() / 1e6,
		           .start_us = clock_mono_us(),
		           .start_wall_us = clock_wall_us(),
		           .idle_us = IDLE_US };
	static struct result r[FLOOD_KINDS];
	struct gauges before, after;
	double empty, batch, alone;
	unsigned missed = 0, left;

	rng_seed(&f.rng, 1);
	rcu_register_thread();
	read_gauges(&f, &before);
	run_for(&f, WARM_UP_US);
	for (unsigned k = 0; k < FLOOD_KINDS; k++)
		r[k] = measure(&f, k);
	load_stop(e->load);
	run_for(&f, 5e6);
	f.idle_us = REST_US;
	run_for(&f, REST_ALL_US);
	read_gauges(&f, &after);
	empty = banned_turn(&f, 0);
	batch = (banned_turn(&f, BURST) - empty) / BURST;
	alone = banned_turn(&f, 1) - empty;
	rcu_unregister_thread();

	printf("{\"schema\": 1, \"clock\": \"the relay core's cycles\", \"seconds_each\": %u, "
	       "\"kinds\": {",
	       e->o->seconds);
	for (unsigned k = 0; k < FLOOD_KINDS; k++)
		missed += print_result(&f, k, &r[k], &r[FLOOD_NONE]) < 1 && k != FLOOD_NONE;
	printf("}, \"banned_cycles\": {\"in_batches_of_32\": %.0f, \"alone\": %.0f, "
	       "\"empty_turn\": %.0f}, ",
	       batch, alone, empty);
	left = print_left(&before, &after);
	printf(", \"turns\": %llu, \"interrupted\": %llu, \"missed\": %u}\n",
	       (unsigned long long)f.turns, (unsigned long long)f.interrupted,
	       missed + (batch > 150) + (alone > 400) + left);
	return missed + left ? 1 : 0;
}

int
flood_run(const struct ring_options *o)
{
	struct ring_options mine = *o;

	mine.flood = true;
	mine.filters = false;
	if (!mine.connects_per_s)
		mine.connects_per_s = 5000;
	return ring_with(&mine, run);
}
