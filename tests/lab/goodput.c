/* SPDX-License-Identifier: BSD-3-Clause
 * goodput.c - our stack at one end of a line: sends or receives on one connection for some seconds
 *
 * goodput --device DEV --address A/L [--core C] [--seconds S] [--newreno] [--sample MS] send ADDRESS PORT | receive PORT
 * Why     The comparison with the kernel wants the stack as the relay builds it and nothing on top; tests/lab/compare runs it.
 * Prints {"ready": true}; at the end what the connection says of itself, the bytes received, and TCP's counters. With --sample, lines
 * of cwnd and round trip on stderr.
 */
#include "base/clock.h"
#include "bench/host.h"
#include "dataplane/packet/packet_eal.h"
#include "tests/until_signal.h"
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>

#define CHUNK   16384
#define ENOUGH  (4u << 20) /* bytes queued and not acknowledged: more than any window */
#define OVER_US 1000000    /* a receiver waits so much longer than --seconds for the sender's end */

static struct {
	struct host host;
	struct pool chunks;
	struct chunk *zeros;
	struct tcp_conn *c;
	struct tcp_info info;
	uint64_t opened_us, received, until_us;
	uint64_t now_us;
	double seconds;
	unsigned sample_ms;
	bool is_sender, is_closed;
	int err;
} g;

static void
on_open(struct tcp_conn *c, void *user)
{
	(void)user;
	g.c = c;
	g.opened_us = g.now_us;
	g.until_us = g.now_us + (uint64_t)(g.seconds * 1e6);
}

/* What comes after the time is over is read and not counted. */
static void
on_bytes(struct tcp_conn *c, void *user)
{
	size_t n = tcp_unread(c);

	(void)user;
	if (g.now_us < g.until_us)
		g.received += n;
	tcp_consume(c, n);
	if (tcp_at_eof(c))
		tcp_close(c);
}

static void
on_close(struct tcp_conn *c, void *user, int err)
{
	(void)user;
	tcp_get_info(c, &g.info);
	g.err = err;
	g.is_closed = true;
	g.c = NULL;
}

static const struct tcp_ops ops = { on_open, on_bytes, NULL, on_close };

static void
top_up(void)
{
	while (g.c && tcp_unacked(g.c) < ENOUGH)
		if (!tcp_send_chunk(g.c, g.zeros, 0, CHUNK))
			return;
}

static void
sample(void)
{
	static uint64_t next_us;
	struct tcp_info i;

	if (!g.sample_ms || !g.c || g.now_us < next_us)
		return;
	next_us = g.now_us + g.sample_ms * 1000u;
	tcp_get_info(g.c, &i);
	fprintf(stderr,
	        "%llu cwnd %u ssthresh %u srtt %u rttvar %u rec %d rcv_buf %u lost-rto %llu again "
	        "%llu\n",
	        (unsigned long long)(g.now_us - g.opened_us) / 1000, i.cwnd_bytes, i.ssthresh_bytes,
	        i.srtt_us, i.rttvar_us, i.in_recovery, i.rcv_buf_bytes,
	        (unsigned long long)g.host.counters.retransmit_rto,
	        (unsigned long long)g.host.counters.retransmit_segs);
}

static int
run(void *arg)
{
	struct packet_idle idle = { .since_us = clock_mono_us() };
	struct sched_param prio = { .sched_priority = 5 };
	uint64_t give_up_us = clock_mono_us() + (uint64_t)(g.seconds * 1e6) + 30000000;

	(void)arg;
	/* A relay's worker has its core for itself and the kernel's TCP runs before any process; so must this on a shared machine. */
	sched_setscheduler(0, SCHED_FIFO, &prio);
	while (!stop && !g.is_closed) {
		uint32_t us;

		g.now_us = clock_mono_us();
		host_turn(&g.host, g.now_us);
		if (g.is_sender && g.opened_us) {
			top_up();
			tcp_flush(g.host.tcp, g.now_us);
			packet_flush(g.host.packet);
		}
		sample();
		if (g.now_us > give_up_us ||
		    (g.opened_us && g.now_us >= g.until_us + (g.is_sender ? 0 : OVER_US)))
			break;
		us = packet_idle_us(&idle, g.host.busy, g.now_us,
		                    host_next_us(&g.host, g.now_us, 1000) - g.now_us);
		if (us)
			packet_sleep(us);
	}
	if (g.c) {
		tcp_get_info(g.c, &g.info);
		tcp_abort(g.c);
		tcp_flush(g.host.tcp, g.now_us);
		packet_flush(g.host.packet);
	}
	return 0;
}

static void
report(void)
{
	printf("{\"opened\": %s, \"err\": %d, \"received\": %llu, \"cwnd\": %u, \"ssthresh\": %u, "
	       "\"srtt_us\": %u, \"rcv_buf\": %u",
	       g.opened_us ? "true" : "false", g.err, (unsigned long long)g.received,
	       g.info.cwnd_bytes, g.info.ssthresh_bytes, g.info.srtt_us, g.info.rcv_buf_bytes);
	for (size_t i = 0; i < TCP_COUNTERS; i++) {
		uint64_t v = counter_read((const uint64_t *)&g.host.counters + i);

		if (v)
			printf(", \"%s\": %llu", tcp_counter_desc[i].field, (unsigned long long)v);
	}
	printf("}\n");
}

static int
usage(const char *why)
{
	fprintf(stderr, "goodput: %s\n", why);
	return 2;
}

struct arguments {
	const char *device, *address, *core;
	bool newreno;
};

static int
options(int argc, char **argv, struct arguments *a)
{
	static const struct option table[] = { { "device", 1, 0, 'd' },
		                               { "address", 1, 0, 'a' },
		                               { "core", 1, 0, 'c' },
		                               { "seconds", 1, 0, 's' },
		                               { "newreno", 0, 0, 'n' },
		                               { "sample", 1, 0, 'm' },
		                               { 0 } };
	int o;

	while ((o = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (o == 'd')
			a->device = optarg;
		else if (o == 'a')
			a->address = optarg;
		else if (o == 'c')
			a->core = optarg;
		else if (o == 's')
			g.seconds = atof(optarg);
		else if (o == 'n')
			a->newreno = true;
		else if (o == 'm')
			g.sample_ms = (unsigned)atoi(optarg);
		else
			return -1;
	}
	if (!a->device || !a->address || argc - optind < 2)
		return -1;
	g.is_sender = !strcmp(argv[optind], "send");
	return argc - optind == (g.is_sender ? 3 : 2) ? optind : -1;
}

static int
begin(const struct arguments *a, char **what)
{
	struct addr none = { 0 }, dst;
	struct packet_addr src;

	if (!g.is_sender)
		return tcp_listen(g.host.tcp, &none, (uint16_t)atoi(what[1]), &ops, NULL);
	if (!packet_addr_parse(span_z(a->address), &src) || !addr_parse(span_z(what[1]), &dst))
		return -EINVAL;
	return tcp_connect(g.host.tcp, &src.addr, &dst, (uint16_t)atoi(what[2]), &ops, NULL,
	                   g.now_us)
	               ? 0
	               : -ENOBUFS;
}

int
main(int argc, char **argv)
{
	struct arguments a = { .core = "1" };
	int at = options(argc, argv, &a), rc;
	struct packet_eal_config ec = { .hugepages = PACKET_HUGEPAGES_NEVER,
		                        .devices = &a.device,
		                        .device_cnt = 1,
		                        .cores = a.core,
		                        .memory_bytes = 128u << 20 };
	struct packet_eal_port_config pc = { .device = a.device };
	struct host_config hc = { .name = "goodput", .conn_cnt = 16, .timewait_cnt = 16 };
	char err[PACKET_ERROR_TEXT] = "";
	struct packet_eal_port *e;

	if (at < 0 || !packet_addr_parse(span_z(a.address), &pc.port.addresses[0]))
		return usage("see the head of tests/lab/goodput.c");
	pc.port.address_cnt = 1;
	pc.port.seed = hc.seed = rng_entropy();
	pc.port.key = packet_key_from(hc.seed);
	if (packet_eal_start(&ec, err) < 0)
		return usage(err);
	hc.pool = packet_pool_new("goodput", 16384, 1500);
	e = hc.pool ? packet_eal_open(&pc, 1, &hc.pool, err) : NULL;
	if (!e)
		return usage(err);
	hc.port = packet_eal_port(e);
	hc.dev = *packet_eal_dev(e, 0);
	hc.newreno = a.newreno;
	hc.now_us = g.now_us = clock_mono_us();
	if (host_init(&g.host, &hc) ||
	    pool_init_mapped(&g.chunks, "zeros", sizeof(struct chunk) + CHUNK, 2))
		return 1;
	g.zeros = chunk_new(&g.chunks);
	memset(g.zeros->data, 0, CHUNK);
	g.zeros->len = CHUNK;
	rc = begin(&a, argv + at);
	if (rc)
		return usage(strerror(-rc));
	stop_on_signals();
	printf("{\"ready\": true}\n");
	fflush(stdout);
	rc = packet_eal_launch(0, run, NULL);
	if (rc == 0)
		rc = packet_eal_join(0);
	report();
	host_fini(&g.host);
	packet_eal_close(e);
	packet_eal_stop();
	return rc ? 1 : 0;
}
