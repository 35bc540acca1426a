/* SPDX-License-Identifier: BSD-3-Clause
 * conns.c - many connections: how fast short ones come and go, and what a million idle ones take
 *
 * Why     Two hosts on our own stack over net_ring, both turned by one thread; the clock of both is the server core's own: it advances
 *         by what the server's turns cost. So the server has one core to itself; what the client's turns cost stands beside it.
 *         A turn in which the thread lost its core counts as the turn before (counted).
 *         short: SYN, a request of 16 bytes, a reply of 32, the server closes first and keeps TIME-WAIT (60 s, --timewaits entries).
 *         idle:  --count connections stay open; then each 1,000th is used; then the bytes in use by type of object.
 * Usage   conns short [--seconds S] [--timewaits N] | conns idle [--count N]; prints one JSON object.
 * Errors  1: a connection failed, or TIME-WAIT grew beyond its table.
 */
#include "base/clock.h"
#include "bench/host.h"
#include "dataplane/packet/packet_eal.h"
#include "dataplane/tcp/tcp_conn.h"
#include <getopt.h>
#include <sys/resource.h>

#define CLIENTS     16 /* addresses of the client */
#define PORTS       16 /* that the server listens on */
#define AT_A_TIME   256
#define STARTS      16 /* new ones a turn: the server takes up to 64 frames in one */
#define IDLE_US     2
#define REQUEST     "sixteen byte ask"
#define REPLY       "thirty-two bytes, and that is it"
#define TURN_MAX_US 3000

struct conns {
	struct host server, client;
	struct addr to, from[CLIENTS];
	double cycles_per_us, now_us, server_us, client_us, last_us[2];
	uint64_t start_us, begun, opened, replied, ended, failed, interrupted;
	uint32_t open_now;
	bool is_short;
};

static struct conns c;

/* --- both ends' users --- */

static size_t
take_all(struct tcp_conn *t)
{
	struct span in;
	size_t n = 0;

	while (tcp_peek(t, &in)) {
		n += in.len;
		tcp_consume(t, in.len);
	}
	return n;
}

static void
server_bytes(struct tcp_conn *t, void *user)
{
	(void)user;
	if (take_all(t) > 0) {
		BUG_ON(!tcp_send(t, span_z(REPLY)));
		if (c.is_short)
			tcp_close(t);
	}
	if (tcp_at_eof(t))
		tcp_close(t);
}

static void
server_close(struct tcp_conn *t, void *user, int err)
{
	(void)t;
	(void)user;
	c.failed += err != 0;
}

static const struct tcp_ops server_ops = { NULL, server_bytes, NULL, server_close };

static void
client_open(struct tcp_conn *t, void *user)
{
	(void)user;
	c.opened++;
	if (c.is_short)
		BUG_ON(!tcp_send(t, span_z(REQUEST)));
}

static void
client_bytes(struct tcp_conn *t, void *user)
{
	(void)user;
	c.replied += take_all(t) == sizeof(REPLY) - 1;
	if (tcp_at_eof(t))
		tcp_close(t);
}

static void
client_close(struct tcp_conn *t, void *user, int err)
{
	(void)t;
	(void)user;
	c.failed += err != 0;
	c.ended++;
	c.open_now--;
}

static const struct tcp_ops client_ops = { client_open, client_bytes, NULL, client_close };

/* --- the loop --- */

static double
timed_turn(struct host *h, double *last)
{
	struct rusage before, after;
	uint64_t c0;
	double us;

	getrusage(RUSAGE_THREAD, &before);
	c0 = clock_cycles();
	host_turn(h, c.start_us + (uint64_t)c.now_us);
	us = (double)(clock_cycles() - c0) / c.cycles_per_us;
	getrusage(RUSAGE_THREAD, &after);
	if (after.ru_nivcsw != before.ru_nivcsw || us > TURN_MAX_US) {
		c.interrupted++;
		us = *last;
	}
	*last = us;
	return us;
}

static void
begin_some(uint32_t most_open, uint64_t most)
{
	for (unsigned i = 0; i < STARTS && c.open_now < most_open && c.begun < most; i++) {
		uint64_t n = c.begun++;

		if (!tcp_connect(c.client.tcp, &c.from[n % CLIENTS], &c.to,
		                 (uint16_t)(1000 + n / CLIENTS % PORTS), &client_ops, NULL,
		                 c.start_us + (uint64_t)c.now_us)) {
			c.failed++;
			continue;
		}
		c.open_now++;
	}
}

static void
turn(uint32_t most_open, uint64_t most)
{
	uint64_t c0 = clock_cycles();
	double us;

	begin_some(most_open, most);
	c.client_us += (double)(clock_cycles() - c0) / c.cycles_per_us;
	us = timed_turn(&c.client, &c.last_us[1]);
	c.client_us += c.client.busy ? us : 0;
	us = timed_turn(&c.server, &c.last_us[0]);
	c.server_us += c.server.busy ? us : 0;
	c.now_us += MAX(us, (double)IDLE_US);
}

/* --- set-up --- */

static void
open_host(struct host *h, const char *name, int dpdk_port, unsigned first, unsigned cnt,
          uint32_t conn_cnt, uint32_t timewaits)
{
	struct packet_eal_port_config pc = {
		.dpdk_port = dpdk_port,
		.port = { .name = name, .no_announce = true, .address_cnt = cnt }
	};
	struct rte_mempool *pool = packet_pool_new(name, 32767, 1500);
	char err[PACKET_ERROR_TEXT], text[32];
	struct packet_eal_port *port;
	struct host_config hc;

	for (unsigned i = 0; i < cnt; i++) {
		snprintf(text, sizeof(text), "10.77.0.%u/24", first + i);
		BUG_ON(!packet_addr_parse(span_z(text), &pc.port.addresses[i]));
	}
	pc.port.key = packet_key_from(1);
	port = pool ? packet_eal_open(&pc, 1, &pool, err) : NULL;
	if (!port) {
		fprintf(stderr, "conns: %s\n", pool ? err : "no memory for mbufs");
		exit(1);
	}
	hc = (struct host_config){ .name = name,
		                   .dev = *packet_eal_dev(port, 0),
		                   .port = packet_eal_port(port),
		                   .pool = pool,
		                   .conn_cnt = conn_cnt,
		                   .timewait_cnt = timewaits,
		                   .seed = first,
		                   .now_us = c.start_us };
	if (host_init(h, &hc) < 0)
		exit(1);
}

static void
set_up(uint32_t conn_cnt, uint32_t timewaits)
{
	struct packet_eal_config ec = { .hugepages = PACKET_HUGEPAGES_NEVER,
		                        .memory_bytes = 512u << 20 };
	static const struct addr any;
	char err[PACKET_ERROR_TEXT];
	int x, y;

	if (packet_eal_start(&ec, err) < 0 || packet_ring_pair("conns", 1, 4096, &x, &y)) {
		fprintf(stderr, "conns: %s\n", err);
		exit(1);
	}
	c.cycles_per_us = (double)clock_cycles_per_second() / 1e6;
	c.start_us = clock_mono_us();
	open_host(&c.server, "server", x, 2, 1, conn_cnt, timewaits);
	open_host(&c.client, "client", y, 10, CLIENTS, conn_cnt, 16);
	c.to = addr_v4(0x0a4d0002);
	for (unsigned i = 0; i < CLIENTS; i++)
		c.from[i] = addr_v4(0x0a4d000au + i);
	for (uint16_t p = 0; p < PORTS; p++)
		BUG_ON(tcp_listen(c.server.tcp, &any, (uint16_t)(1000 + p), &server_ops, NULL));
}

/* --- the two measurements --- */

static int
run_short(unsigned seconds, uint32_t timewaits)
{
	struct tcp_usage u, most = { 0 };

	c.is_short = true;
	set_up(4096, timewaits);
	while (c.now_us < seconds * 1e6) {
		for (unsigned i = 0; i < 1000; i++)
			turn(AT_A_TIME, UINT64_MAX);
		tcp_get_usage(c.server.tcp, &u);
		most.timewaits = MAX(most.timewaits, u.timewaits);
	}
	printf("{\"connections\": %llu, \"failed\": %llu, \"per_second_and_core\": %.0f, "
	       "\"server_cycles_each\": %.0f, "
	       "\"client_cycles_each\": %.0f, \"seconds\": %.1f, \"timewaits_most\": %u, "
	       "\"timewaits_room\": %u, "
	       "\"timewaits_reused\": %llu, \"oldest_dropped\": %llu, \"interrupted\": %llu}\n",
	       (unsigned long long)c.ended, (unsigned long long)c.failed,
	       (double)c.ended * 1e6 / c.server_us, c.server_us * c.cycles_per_us / (double)c.ended,
	       c.client_us * c.cycles_per_us / (double)c.ended, c.now_us / 1e6, most.timewaits,
	       timewaits, (unsigned long long)c.server.counters.timewait_reused,
	       (unsigned long long)c.server.counters.full_timewait,
	       (unsigned long long)c.interrupted);
	return c.failed || most.timewaits > timewaits || c.replied < c.ended;
}

/* Each `step`th connection says something and is answered. None has ended, so the pool's first used_cnt objects are they. */
static uint64_t
use_some(uint32_t step)
{
	struct pool *p = &c.client.tcp->conns;
	uint64_t asked = 0;

	c.replied = 0;
	for (uint32_t i = 0; i < p->used_cnt; i += step) {
		struct tcp_conn *t = conn_at(c.client.tcp, i);

		if (t->state == TCP_ESTABLISHED && t->flags & F_HASHED) {
			BUG_ON(!tcp_send(t, span_z(REQUEST)));
			asked++;
		}
		turn(0, 0);
	}
	for (unsigned i = 0; i < 20000; i++)
		turn(0, 0);
	return asked;
}

static int
run_idle(uint32_t count)
{
	struct tcp_usage u;
	uint64_t asked;

	set_up(count + 1024, 16);
	while (c.opened < count && c.failed == 0)
		turn(count, count);
	for (unsigned i = 0; i < 20000; i++)
		turn(0, 0);
	asked = use_some(1000);
	tcp_get_usage(c.server.tcp, &u);
	printf("{\"open\": %u, \"failed\": %llu, \"bytes\": {\"struct tcp_conn\": %zu, \"index\": "
	       "%.1f, \"slices\": %u, \"chunks\": %u, "
	       "\"out of order\": %u, \"senders\": %u, \"received mbufs\": %u}, \"bytes_each\": "
	       "%.1f, \"used\": %llu, \"answered\": %llu}\n",
	       u.conns, (unsigned long long)c.failed, sizeof(struct tcp_conn),
	       (double)heads_bytes(c.server.tcp->cfg.conn_cnt) / u.conns, u.slices, u.small_chunks,
	       u.ooos, u.txs, u.mbufs_held,
	       sizeof(struct tcp_conn) + ((double)heads_bytes(c.server.tcp->cfg.conn_cnt) +
	                                  u.txs * (double)sizeof(struct tcp_tx)) /
	                                         u.conns,
	       (unsigned long long)asked, (unsigned long long)c.replied);
	return c.failed || u.conns != count || c.replied != asked || asked == 0;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "seconds", required_argument, NULL, 's' },
		                                 { "timewaits", required_argument, NULL, 't' },
		                                 { "count", required_argument, NULL, 'n' },
		                                 { NULL, 0, NULL, 0 } };
	unsigned long seconds = 5, timewaits = 1 << 20, count = 1000000, n;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		n = optarg ? strtoul(optarg, NULL, 10) : 0;
		if (o == '?' || n < 1 || n > 16000000)
			goto usage;
		*(o == 's' ? &seconds : o == 't' ? &timewaits : &count) = n;
	}
	if (optind + 1 == argc && !strcmp(argv[optind], "short"))
		return run_short((unsigned)seconds, (uint32_t)timewaits);
	if (optind + 1 == argc && !strcmp(argv[optind], "idle"))
		return run_idle((uint32_t)count);
usage:
	fprintf(stderr,
	        "usage: conns short [--seconds S] [--timewaits N] | conns idle [--count N]\n");
	return 2;
}
