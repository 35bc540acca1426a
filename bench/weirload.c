/* SPDX-License-Identifier: BSD-3-Clause
 * weirload.c - load generator and sink: arguments
 */
#include "bench/flood.h"
#include "bench/ring.h"
#include "ctrl/settings_yaml.h"
#include <getopt.h>

static const char usage[] =
        "usage: weirload ring --size BYTES --reuse N --filters off|on [--pipeline] [--sessions N] "
        "[--cores N]\n"
        "                     --seconds S [--rules DIR] --json\n"
        "       weirload flood [--size BYTES] [--sessions N] [--rate N] [--seconds S]\n"
        "generator, relay and sink in one process over net_ring: cycles per mail, by stage, beside "
        "the floor.\n"
        "flood: honest senders beside floods of 1 M frames a second, on a virtual clock; see "
        "bench/flood.h.\n"
        "Prints one JSON object; exit status 1 when the run is void (it says why).\n"
        "source and sink (over a network) come with the load generator's own work.\n";

static bool
number(const char *text, uint64_t lo, uint64_t hi, uint64_t *out)
{
	return settings_number_parse(SETTINGS_SIZE, span_z(text), out) && *out >= lo && *out <= hi;
}

static bool
option(int o, const char *value, struct ring_options *out)
{
	uint64_t n = 0;
	bool ok = true;

	switch (o) {
	case 's':
		ok = number(value, 600, 10 << 20, &n);
		out->bytes = n;
		break;
	case 'r':
		ok = number(value, 1, 1000000, &n);
		out->reuse = (unsigned)n;
		break;
	case 'n':
		ok = number(value, 1, 100000, &n);
		out->sessions = (unsigned)n;
		break;
	case 't':
		ok = number(value, 1, 3600, &n);
		out->seconds = (unsigned)n;
		break;
	case 'R':
		ok = number(value, 1, 1000000, &n);
		out->connects_per_s = (unsigned)n;
		break;
	case 'c':
		ok = number(value, 1, 1, &n);
		break;
	case 'f':
		ok = !strcmp(value, "on") || !strcmp(value, "off");
		out->filters = !strcmp(value, "on");
		break;
	case 'd':
		out->rules = value;
		break;
	case 'p': /* a mail's commands are always pipelined when the server offers it */
	case 'j':
		break;
	default:
		ok = false;
	}
	return ok;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "size", required_argument, NULL, 's' },
		{ "reuse", required_argument, NULL, 'r' },
		{ "sessions", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 't' },
		{ "rate", required_argument, NULL, 'R' },
		{ "cores", required_argument, NULL, 'c' },
		{ "filters", required_argument, NULL, 'f' },
		{ "rules", required_argument, NULL, 'd' },
		{ "pipeline", no_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct ring_options o = { 4096, 1, 128, 5, 1, false, true, "contrib/rules" };
	bool is_flood = argc > 1 && !strcmp(argv[1], "flood");
	int c;

	if (argc < 2 || (strcmp(argv[1], "ring") && !is_flood)) {
		fputs(usage, argc > 1 && !strcmp(argv[1], "--help") ? stdout : stderr);
		return argc > 1 && !strcmp(argv[1], "--help") ? 0 : 2;
	}
	optind = 2;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!option(c, optarg, &o)) {
			fputs(usage, stderr);
			return 2;
		}
	return is_flood ? flood_run(&o) : ring_run(&o);
}
