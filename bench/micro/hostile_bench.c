/* SPDX-License-Identifier: BSD-3-Clause
 * hostile_bench.c - mails made to be slow: is ten times as much input at most twelve times the work?
 *
 * Why     engine.md asks for linear time on every hostile shape. Each shape is made in two sizes, ten times apart, both past the bounds
 *         that cut it short as a rule; processor time of this thread, the least of interleaved rounds, because others on the
 *         machine can only add to it. Cycles a byte say what such a mail costs beside an ordinary one.
 * Usage   hostile-micro [--rules DIR]... [--model FILE] [--cache DIR] [--rounds N] [--only SHAPE]
 *         Exit status 1 when a ratio is over 12.
 */
#include "bench/micro/hostile_shapes.h"
#include "bench/micro/measure.h"
#include "bench/micro/scan_rig.h"
#include "base/clock.h"
#include <getopt.h>
#include <math.h>

#define RATIO_MAX 12.0
#define AGAIN     10 /* times the rounds, where others may have disturbed every one so far */

struct options {
	struct scan_rig_options rig;
	unsigned rounds;
	const char *only;
};

/* Out of every cache: else the smaller mail of two large ones is read from the cache and the larger one from memory. */
static void
flush(struct span mail)
{
#if defined(__x86_64__)
	for (size_t i = 0; i < mail.len; i += 64)
		__builtin_ia32_clflush(mail.p + i);
	__builtin_ia32_mfence();
#else
	(void)mail;
#endif
}

static double
scan_ms(struct scan_rig *r, struct span mail)
{
	struct engine_verdict v;
	double begun;

	flush(mail);
	begun = measure_cpu_ms();
	scan_rig_run(r, mail, &v);
	return measure_cpu_ms() - begun;
}

/* True when it is linear. */
static bool
measure(struct scan_rig *r, const struct hostile_shape *s, unsigned rounds)
{
	struct span one = hostile_make(s, s->bytes), ten = hostile_make(s, s->bytes * 10);
	double a = HUGE_VAL, b = HUGE_VAL, ratio, cycles;
	size_t heap = scan_rig_heap();

	for (unsigned i = 0; i < rounds || (b > a * RATIO_MAX && i < rounds * AGAIN); i++) {
		a = MIN(a, scan_ms(r, one));
		b = MIN(b, scan_ms(r, ten));
	}
	ratio = b / a / ((double)ten.len / (double)one.len / 10);
	cycles = b / 1e3 * (double)clock_cycles_per_second() / (double)ten.len;
	printf("| %s | %zu | %zu | %.2f | %.2f | %.1f | %.1f | %zu |%s\n", s->name, one.len,
	       ten.len, a, b, ratio, cycles, scan_rig_heap() - heap,
	       ratio > RATIO_MAX ? " not linear" : "");
	fflush(stdout);
	free((void *)(uintptr_t)one.p);
	free((void *)(uintptr_t)ten.p);
	return ratio <= RATIO_MAX;
}

static bool
read_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "rules", 1, NULL, 'r' },  { "model", 1, NULL, 'm' }, { "cache", 1, NULL, 'c' },
		{ "rounds", 1, NULL, 'n' }, { "only", 1, NULL, 'o' },  { 0 }
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'r' && o->rig.rules_cnt < SCAN_RIG_DIRS)
			o->rig.rules[o->rig.rules_cnt++] = optarg;
		else if (opt == 'm')
			o->rig.model = optarg;
		else if (opt == 'c')
			o->rig.cache = optarg;
		else if (opt == 'n')
			o->rounds = MAX(1u, (unsigned)atoi(optarg));
		else if (opt == 'o')
			o->only = optarg;
		else
			return false;
	}
	if (o->rig.rules_cnt == 0)
		o->rig.rules[o->rig.rules_cnt++] = "contrib/rules";
	return true;
}

int
main(int argc, char **argv)
{
	struct options o = { .rig = { .phrase_cnt = 10000 }, .rounds = 5 };
	struct scan_rig r = { 0 };
	bool ok = true;

	if (!read_options(argc, argv, &o))
		return 2;
	scan_rig_init(&r, &o.rig);
	printf("| shape | bytes | bytes x 10 | ms | ms of x 10 | ratio | cycles a byte | heap "
	       "grown |\n"
	       "|---|---|---|---|---|---|---|---|\n");
	for (const struct hostile_shape *s = hostile_shapes; s->name; s++)
		if (!o.only || !strcmp(o.only, s->name))
			ok = measure(&r, s, o.rounds) && ok;
	printf("\nA worker has %zu bytes for %u scans at a time and %zu for the generation; heap "
	       "grown by scans stands in the table.\n",
	       r.worker_bytes, ENGINE_SLOTS, r.attach_bytes);
	return ok ? 0 : 1;
}
