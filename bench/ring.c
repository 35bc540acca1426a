/* SPDX-License-Identifier: BSD-3-Clause
 * ring.c - set up, warm up, measure, add up
 */
#include "bench/ring.h"
#include "base/clock.h"
#include "bench/floor.h"
#include "bench/load.h"
#include "bench/ring_report.h"
#include "ctrl/store.h"
#include "dataplane/main_boot.h"
#include <sys/stat.h>
#include <unistd.h>

#define WARM_UP_US  1000000ull
#define PHRASES     10000
#define LIST_CNT    1000000
#define RING_FRAMES 4096
#define BAN_CNT     4096

struct ring {
	const struct ring_options *o;
	char dir[64];
	int relay_port, load_port;
	struct boot *boot;
	struct packet_eal_port *port;
	struct rte_mempool *pool;
	struct load *load;
	struct ring_report report;
	int (*fn)(struct ring_ends *e); /* NULL: ring_run() */
};

static bool
write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
		fprintf(stderr, "weirload: %s: %s\n", path, strerror(errno));
		return false;
	}
	return true;
}

/* The standard set beside the starter rules: 10,000 phrases, a million domains and a hundred thousand prefixes, none of which hits. */
static bool
write_lists(struct ring *r)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/feeds", r->dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/feeds/phrases", r->dir);
	f = fopen(path, "w");
	for (unsigned i = 0; f && i < PHRASES; i++)
		fprintf(f, "claim your exclusive reward number %u before midnight\n", i * 7919u);
	if (!f || fclose(f) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/feeds/domains", r->dir);
	f = fopen(path, "w");
	for (unsigned i = 0; f && i < LIST_CNT; i++)
		fprintf(f, "listed%u.bench-%u.test\n", i, i % 97);
	return f && fclose(f) == 0;
}

/* 203.0.113.0/24, which the flood comes from, among others. */
static bool
write_bans(struct ring *r)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/bans.json", r->dir);
	f = fopen(path, "w");
	if (!f)
		return false;
	fprintf(f, "{\"bans\": [{\"prefix\": \"203.0.113.0/24\", \"until_us\": 0}");
	for (unsigned i = 0; i < BAN_CNT; i++)
		fprintf(f, ", {\"prefix\": \"%u.%u.%u.0/24\", \"until_us\": 0}", 20 + i % 100,
		        i / 100 % 256, i * 7 % 256);
	fprintf(f, "]}\n");
	return fclose(f) == 0;
}

static bool
write_config(struct ring *r)
{
	const struct ring_options *o = r->o;
	char text[4096], rules[2048] = "";

	if (o->filters)
		snprintf(rules, sizeof(rules),
		         "rules: {directories: [\"%s\"]}\n"
		         "feeds: [{name: bench-phrases, kind: phrase-list, source: "
		         "\"%s/feeds/phrases\"},\n"
		         "        {name: bench-domains, kind: domain-list, source: "
		         "\"%s/feeds/domains\"}]\n",
		         o->rules, r->dir, r->dir);
	snprintf(text, sizeof(text),
	         "node: {name: bench, state_dir: \"%s\", control_socket: \"%s/control.sock\", "
	         "user: \"\"}\n"
	         "dataplane: {memory: 2GiB, busy_poll: always}\n"
	         "ports: [{device: ring, addresses: [10.77.0.2/24]%s}]\n"
	         "smtp: {hostname: relay.bench.test}\nlimits: {per_address: off}\n"
	         "upstream: {max_connections: 1000, max_idle_resets: 100000}\n"
	         "http: {listen: \"off\"}\nlog: {path: \"/dev/null\"}\n%s",
	         r->dir, r->dir, o->flood ? ", gateway4: 10.77.0.1" : "", rules);
	return (!o->flood || write_bans(r)) && write_file(r->dir, "weir.yaml", text) &&
	       (!o->filters || write_lists(r));
}

static bool
import_customer(struct ring *r, const struct settings *s)
{
	char text[1024], path[4096];
	struct settings_errors errors = { 0 };
	struct store *store;
	json_t *root;
	bool ok = false;

	/* With filters off the recipient's filtering is off: nothing is scanned, as an operator would set it. */
	snprintf(text, sizeof(text),
	         "{\"customers\": [{\"id\": \"load\", \"domains\": [\"load.test\"], \"route\": "
	         "{\"servers\": "
	         "[{\"address\": \"10.77.0.1\", \"port\": 2525}], \"max_connections\": 1000}, "
	         "\"mailboxes\": "
	         "{\"mode\": \"any\", \"settings\": [{\"local\": \"sink\", \"filtering\": %s}]}}]}",
	         r->o->filters ? "true" : "false");
	settings_store_path(s, path);
	root = customers_parse_text("bench", span_z(text), &errors);
	if (root && store_open(path, &store, &errors) == 0) {
		ok = store_import(store, root, true, &errors) == 0;
		store_close(store);
	}
	for (size_t i = 0; i < errors.cnt; i++)
		fputs(errors.item[i], stderr);
	settings_errors_fini(&errors);
	json_decref(root);
	return ok;
}

static int
make_ports(void *ctx, unsigned worker_cnt, int *dpdk_ports, unsigned port_cnt)
{
	struct ring *r = ctx;

	BUG_ON(port_cnt != 1);
	if (packet_ring_pair("bench", worker_cnt, RING_FRAMES, &r->relay_port, &r->load_port) < 0)
		return -ENODEV;
	dpdk_ports[0] = r->relay_port;
	return 0;
}

static bool
start_load(struct ring *r)
{
	struct packet_eal_port_config pc = { .dpdk_port = r->load_port };
	struct load_config lc = { .relay_port = 25,
		                  .sink_port = 2525,
		                  .sessions = r->o->sessions,
		                  .reuse = r->o->reuse,
		                  .connects_per_s = r->o->connects_per_s,
		                  .bytes = r->o->bytes,
		                  .hit_permille = r->o->filters ? 50 : 0,
		                  .rcpt = "sink@load.test" };
	char err[PACKET_ERROR_TEXT], text[32];

	r->pool = packet_pool_new("load", 32767, 1500);
	pc.port =
	        (struct packet_port_config){ .name = "load", .key = packet_key_from(1), .seed = 1 };
	for (unsigned i = 0; i < 17; i++) { /* .1 is the sink, .10 to .25 are senders */
		snprintf(text, sizeof(text), "10.77.0.%u/24", i == 0 ? 1 : 9 + i);
		BUG_ON(!packet_addr_parse(span_z(text), &pc.port.addresses[i]));
		if (i > 0)
			lc.sources[i - 1] = pc.port.addresses[i].addr;
	}
	pc.port.address_cnt = 17;
	lc.source_cnt = 16;
	BUG_ON(!addr_parse(span_z("10.77.0.2"), &lc.relay));
	if (!r->pool)
		return false;
	r->port = packet_eal_open(&pc, 1, &r->pool, err);
	if (!r->port) {
		fprintf(stderr, "weirload: %s\n", err);
		return false;
	}
	lc.host = (struct host_config){ .name = "load",
		                        .dev = *packet_eal_dev(r->port, 0),
		                        .port = packet_eal_port(r->port),
		                        .pool = r->pool,
		                        .conn_cnt = r->o->sessions * 4 + 1024,
		                        .timewait_cnt = 1u << 20,
		                        .time_wait_ms = 1000,
		                        .seed = 1,
		                        .now_us = clock_mono_us() };
	r->load = load_new(&lc, lc.host.now_us);
	return r->load != NULL;
}

/* The generator's core: warm up, mark, measure, stop, let everything end. */
static int
load_main(void *arg)
{
	struct ring *r = arg;
	uint64_t now = clock_mono_us(), start = now + WARM_UP_US,
	         end = start + r->o->seconds * 1000000ull;

	for (; now < start; now = clock_mono_us())
		load_turn(r->load, now);
	load_mark(r->load);
	ring_report_begin(&r->report, r->boot);
	for (; now < end; now = clock_mono_us())
		load_turn(r->load, now);
	ring_report_end(&r->report, r->boot, r->load, now - start);
	load_stop(r->load);
	for (end = now + 20000000; now < end && !load_is_idle(r->load); now = clock_mono_us())
		load_turn(r->load, now);
	load_result(r->load, &r->report.all);
	return 0;
}

/* A function on a worker's core, and a wait for it that takes no core: EAL's own wait spins. */
struct task {
	int (*fn)(void *arg);
	void *arg;
	bool done; /* release by the core, acquire by the waiter */
};

static int
run_task(void *arg)
{
	struct task *t = arg;
	int ret = t->fn(t->arg);

	__atomic_store_n(&t->done, true, __ATOMIC_RELEASE);
	return ret;
}

static bool
launch(struct task *t, unsigned worker, int (*fn)(void *arg), void *arg)
{
	*t = (struct task){ fn, arg, false };
	return packet_eal_launch(worker, run_task, t) == 0;
}

static void
wait_for(struct task *t, unsigned worker)
{
	while (!__atomic_load_n(&t->done, __ATOMIC_ACQUIRE))
		usleep(10000);
	packet_eal_join(worker);
}

static void
measure_floor(struct ring *r)
{
	struct rte_mempool *mine = packet_pool_new("floor", 8191, 1500);
	struct task relay, peer;
	struct floor f;

	if (!mine || floor_init(&f, r->o->bytes, 100000, mine, r->pool) < 0)
		return;
	if (launch(&relay, 0, floor_relay, &f) && launch(&peer, 1, floor_peer, &f)) {
		wait_for(&relay, 0);
		wait_for(&peer, 1);
	}
	r->report.floor_cycles = floor_cycles_per_mail(&f);
	floor_fini(&f);
}

static int
measure(struct ring *r, const struct settings *s)
{
	struct task generator;
	struct boot_options bo = {
		.make_ports = make_ports, .ctx = r, .cores = "1,0", .relay_workers = 1
	};
	int ret = 1;

	r->boot = boot_start(s, &bo);
	if (!r->boot)
		return 1;
	if (!start_load(r)) {
		ret = 1;
	} else if (r->fn) {
		struct ring_ends e = { .o = r->o,
			               .boot = r->boot,
			               .load = r->load,
			               .port = r->port,
			               .pool = r->pool };

		ret = r->fn(&e);
	} else {
		measure_floor(r);
		if (boot_run(r->boot) == 0 && launch(&generator, 1, load_main, r)) {
			wait_for(&generator, 1);
			ret = ring_report_print(&r->report, r->o);
		}
	}
	boot_stop(r->boot);
	return ret;
}

static void
remove_folder(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf -- '%s'", dir);
	if (system(command) != 0)
		fprintf(stderr, "weirload: %s stays\n", dir);
}

int
ring_run(const struct ring_options *o)
{
	return ring_with(o, NULL);
}

int
ring_with(const struct ring_options *o, int (*fn)(struct ring_ends *e))
{
	struct ring r = { .o = o, .fn = fn, .dir = "/tmp/weirload-XXXXXX" };
	struct settings_errors errors = { 0 };
	struct settings s;
	char path[128];
	int ret = 1;

	if (!mkdtemp(r.dir)) {
		perror("weirload: /tmp");
		return 1;
	}
	snprintf(path, sizeof(path), "%s/weir.yaml", r.dir);
	if (write_config(&r) && settings_load(path, &s, &errors) == 0) {
		if (import_customer(&r, &s))
			ret = measure(&r, &s);
		settings_fini(&s);
	}
	for (size_t i = 0; i < errors.cnt; i++)
		fputs(errors.item[i], stderr);
	settings_errors_fini(&errors);
	remove_folder(r.dir);
	return ret;
}
