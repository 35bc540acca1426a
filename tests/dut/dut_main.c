/* SPDX-License-Identifier: BSD-3-Clause
 * dut_main.c - tcp-dut: the stack alone on an interface, driven by socket calls from outside; see README.md
 */
#include "tests/dut/dut.h"
#include "base/clock.h"
#include "tests/until_signal.h"
#include <getopt.h>
#include <sched.h>
#include <unistd.h>

static int
fail(const char *why)
{
	fprintf(stderr, "tcp-dut: %s\n", why);
	return 2;
}

static bool
take_gateway(struct packet_port_config *p, const char *text)
{
	struct addr a;

	if (!addr_parse(span_z(text), &a))
		return false;
	*(addr_is_v4(&a) ? &p->gateway4 : &p->gateway6) = a;
	return true;
}

static bool
take_address(struct packet_port_config *p, const char *text)
{
	return p->address_cnt < PACKET_ADDRS_MAX &&
	       packet_addr_parse(span_z(text), &p->addresses[p->address_cnt++]);
}

static bool
take_seed(struct dut_options *o, const char *text)
{
	char *end;

	o->seed = strtoull(text, &end, 0);
	o->has_seed = true;
	return *text && !*end;
}

static bool
take_kind(struct dut_options *o, const char *text)
{
	o->is_tap = !strcmp(text, "tap");
	return o->is_tap || !strcmp(text, "veth");
}

static bool
options(int argc, char **argv, struct dut_options *o)
{
	static const struct option table[] = {
		{ "if", 1, 0, 'i' },
		{ "kind", 1, 0, 'k' },
		{ "address", 1, 0, 'a' },
		{ "gateway", 1, 0, 'g' },
		{ "socket", 1, 0, 's' },
		{ "seed", 1, 0, 'n' },
		{ 0 },
	};
	bool ok = true;
	int opt;

	while (ok && (opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (opt == 'i')
			o->interface = optarg;
		else if (opt == 's')
			o->socket_path = optarg;
		else if (opt == 'k')
			ok = take_kind(o, optarg);
		else if (opt == 'a')
			ok = take_address(&o->port, optarg);
		else if (opt == 'g')
			ok = take_gateway(&o->port, optarg);
		else if (opt == 'n')
			ok = take_seed(o, optarg);
		else
			ok = false;
	}
	return ok && optind == argc && o->interface && o->socket_path && o->port.address_cnt > 0;
}

static void
loop(struct dut *d)
{
	struct packet_idle idle = { .since_us = clock_mono_us() };

	while (!stop) {
		bool worked = dut_node_in(d);
		uint32_t us;

		worked = dut_server_turn(d, 0) || worked;
		worked = dut_node_out(d) || worked;
		us = packet_idle_us(&idle, worked, d->now_us, dut_node_next_us(d, 1000));
		if (us)
			dut_server_turn(d, us);
	}
}

static void
say_ready(const struct dut *d)
{
	const uint8_t *m = packet_mac(d->packet);

	printf("{\"ready\": true, \"mac\": \"%02x:%02x:%02x:%02x:%02x:%02x\", \"pid\": %d}\n", m[0],
	       m[1], m[2], m[3], m[4], m[5], (int)getpid());
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static struct dut d;
	char err[PACKET_ERROR_TEXT] = "";
	cpu_set_t cpus;
	int rc = 0;

	if (!options(argc, argv, &d.opt))
		return fail("--if NAME [--kind veth|tap] --address A/L [--address A6/L] "
		            "[--gateway G] [--gateway G6] --socket PATH [--seed N]");
	stop_on_signals();
	if (!d.opt.is_tap && dut_iface_take(d.opt.interface, err))
		return fail(err);
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	if (dut_node_open(&d, err) || dut_server_open(&d, err)) {
		rc = fail(err);
	} else {
		sched_setaffinity(0, sizeof(cpus), &cpus); /* EAL had pinned this thread */
		say_ready(&d);
		loop(&d);
		dut_server_close(&d);
	}
	dut_node_close(&d);
	dut_iface_give_back();
	return rc;
}
