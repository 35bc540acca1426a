/* SPDX-License-Identifier: BSD-3-Clause
 * sim_report.c - failures and the end of the process
 */
#include "tests/sim/sim_report.h"
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#define SEED_SECONDS 60 /* of real time: a busy machine, a sanitizer */
#define PRINTED_MAX  8

static uint64_t seed_now;
static unsigned failures;

static void
last_words(int sig)
{
	char text[128], digits[24];
	size_t n = 0, d = 0;
	const char *why = sig == SIGALRM ? ": does not end\n" : ": the node died\n";
	ssize_t ignored;

	for (uint64_t v = seed_now; v > 0 || d == 0; v /= 10)
		digits[d++] = (char)('0' + v % 10);
	memcpy(text, "seed ", 5);
	n = 5;
	while (d > 0)
		text[n++] = digits[--d];
	while (*why)
		text[n++] = *why++;
	ignored = write(STDOUT_FILENO, text, n);
	(void)ignored;
	if (sig == SIGALRM)
		_exit(1);
	signal(sig, SIG_DFL);
	raise(sig);
}

void
sim_report_init(void)
{
	static const int sigs[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGALRM };

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < ARRAY_LEN(sigs); i++)
		signal(sigs[i], last_words);
}

void
sim_report_seed(uint64_t seed)
{
	seed_now = seed;
	failures = 0;
	alarm(SEED_SECONDS);
}

void
sim_fail(const char *fmt, ...)
{
	va_list ap;

	if (++failures > PRINTED_MAX)
		return;
	printf("seed %llu: ", (unsigned long long)seed_now);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("  (replay: sim_node --seed %llu)\n", (unsigned long long)seed_now);
}

bool
sim_has_failed(void)
{
	return failures > 0;
}
