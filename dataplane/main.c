/* SPDX-License-Identifier: BSD-3-Clause
 * main.c - weir: arguments, start, signals, drain, end
 *
 * Exit    0 after a drain or --check; 1 when it could not start; 2 for wrong arguments.
 */
#include "base/clock.h"
#include "dataplane/main_boot.h"
#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#define DRAIN_MAX_US (600ull * 1000000) /* the longest deadline of a mail under way, and some */

static const char usage[] = "usage: weir --config FILE [--check]\n"
                            "       weir --version\n"
                            "An inbound anti-spam SMTP relay. The configuration is described in "
                            "docs/configuration.md.\n"
                            "SIGTERM, SIGINT: refuse new work, finish what was accepted, end with "
                            "0 (twice: end at once).\n"
                            "SIGHUP: reload rules and customers, open the log anew.\n";

struct arguments {
	const char *config;
	bool check;
};

/* Returns an exit status to end with, or -1 to go on. */
static int
parse_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
		switch (o) {
		case 'c':
			a->config = optarg;
			break;
		case 'k':
			a->check = true;
			break;
		case 'v':
			puts("weir " WEIR_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	if (!a->config || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	return -1;
}

static int
load(const char *path, struct settings *s)
{
	struct settings_errors errors = { 0 };
	int ret = settings_load(path, s, &errors);

	for (size_t i = 0; i < errors.cnt; i++)
		fputs(errors.item[i], stderr);
	settings_errors_fini(&errors);
	return ret;
}

/* Signals come here alone: every other thread inherits them blocked. */
static void
block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* The next signal within `ms`, or 0. */
static int
next_signal(const sigset_t *set, long ms)
{
	struct timespec wait = { ms / 1000, ms % 1000 * 1000000 };
	int sig = sigtimedwait(set, NULL, &wait);

	return sig < 0 ? 0 : sig;
}

static void
serve(struct boot *b, const sigset_t *set)
{
	uint64_t until;

	for (;;) {
		int sig = next_signal(set, 1000);

		if (sig == SIGHUP)
			boot_request_reload(b);
		if (sig == SIGTERM || sig == SIGINT)
			break;
	}
	boot_drain(b, true);
	until = clock_mono_us() + DRAIN_MAX_US;
	while (!boot_is_drained(b) && clock_mono_us() < until) {
		int sig = next_signal(set, 50);

		if (sig ==
		    SIGHUP) /* a drain may last ten minutes: the log's rotation does not wait */
			boot_request_reload(b);
		if (sig == SIGTERM || sig == SIGINT)
			break;
	}
}

static int
run(const struct settings *s)
{
	sigset_t set;
	struct boot *b;
	int ret;

	block_signals(&set);
	b = boot_start(s, NULL);
	if (!b)
		return 1;
	ret = boot_run(b);
	if (ret == 0)
		ret = boot_drop_privileges(b);
	if (ret == 0)
		serve(b, &set);
	boot_stop(b);
	return ret == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct arguments a = { 0 };
	struct settings s;
	int ret = parse_arguments(argc, argv, &a);

	if (ret >= 0)
		return ret;
	setvbuf(stderr, NULL, _IOLBF, 0);
	if (load(a.config, &s) < 0)
		return 1;
	if (a.check)
		ret = ctrl_check(&s, stderr) < 0 ? 1 : 0;
	else
		ret = run(&s);
	settings_fini(&s);
	return ret;
}
