/* SPDX-License-Identifier: BSD-3-Clause
 * pipeline_bench.c - whole scans of real mails, one core: MB/s, microseconds a mail, how long a slice holds the core, memory
 *
 * Why     engine.md's figures are of the whole pipeline with the standard set: starter rules, 10,000 phrases, a learned model and
 *         lists of a million entries. Processor time of this thread is measured, because the machine may be shared; medians of
 *         rounds over all mails, each beside memcpy of the same bytes. A slice is measured by the time-stamp counter in ROUNDS_SLICE
 *         passes that cut alike, each slice by its least time, so that what others did on the core is not counted.
 * Usage   pipeline-micro [--rules DIR]... [--phrases N] [--entries N] [--model FILE] [--cache DIR] [--mails FILE.tar.zst | --list FILE]
 *                        [--rounds N] [--json]
 *         --list: a file of paths, a line each; --json: one object for bench/compare/scan
 */
#include "bench/micro/mail_files.h"
#include "bench/micro/measure.h"
#include "bench/micro/scan_rig.h"
#include "bench/standard_set.h"
#include "base/clock.h"
#include <getopt.h>
#include <math.h>
#include <sys/resource.h>

#define ROUNDS_MAX   99
#define ROUNDS_SLICE 5
#define COPY_BYTES   (1u << 20)

struct options {
	struct scan_rig_options rig;
	const char *mails, *list;
	unsigned rounds;
	bool is_json;
};

/* Slices of one pass; unit: how long ENGINE_SLICE bytes, or a step of the end, took at least over the passes. */
struct slices {
	uint32_t *least;
	size_t cnt, room;
	bool is_first;
};

struct figures {
	double pass_ms, copy_ms, p50_us, p99_us, max_us, longest_us;
	size_t histogram[9]; /* up to 1, 2, 5, 10, 20, 50, 100, 200 us, more */
	size_t slice_cnt, grown_bytes, blocked;
};

static const double edges[] = { 1, 2, 5, 10, 20, 50, 100, 200 };

static void
one_pass(struct scan_rig *r, const struct mail_files *m, double *us)
{
	struct engine_verdict v;

	for (size_t i = 0; i < m->cnt; i++) {
		double begun = us ? measure_cpu_ms() : 0;

		scan_rig_run(r, m->mail[i], &v);
		if (us)
			us[i] = MIN(us[i], (measure_cpu_ms() - begun) * 1e3);
	}
}

static double
copy_pass(const struct mail_files *m, char *to)
{
	double begun = measure_cpu_ms();

	for (size_t i = 0; i < m->cnt; i++)
		for (size_t at = 0; at < m->mail[i].len; at += COPY_BYTES) {
			memcpy(to, m->mail[i].p + at, MIN(m->mail[i].len - at, (size_t)COPY_BYTES));
			__asm__ volatile("" : : "r"(to) : "memory");
		}
	return measure_cpu_ms() - begun;
}

static void
measure_passes(struct scan_rig *r, const struct mail_files *m, unsigned rounds, struct figures *f)
{
	double t[ROUNDS_MAX], copy[ROUNDS_MAX], *us = malloc((m->cnt + 1) * sizeof(*us));
	char *to = malloc(COPY_BYTES);
	size_t heap;

	BUG_ON(!us || !to);
	one_pass(r, m, NULL);
	heap = scan_rig_heap();
	for (size_t i = 0; i < m->cnt; i++)
		us[i] = HUGE_VAL;
	for (unsigned i = 0; i < rounds; i++) {
		double begun = measure_cpu_ms();

		one_pass(r, m, NULL);
		t[i] = measure_cpu_ms() - begun;
		copy[i] = copy_pass(m, to);
		one_pass(r, m, us);
	}
	f->grown_bytes = scan_rig_heap() - heap;
	f->pass_ms = measure_median(t, rounds);
	f->copy_ms = measure_median(copy, rounds);
	f->p50_us = measure_median(us, m->cnt);
	f->p99_us = us[m->cnt * 99 / 100];
	f->max_us = us[m->cnt - 1];
	free(us);
	free(to);
}

static void
on_step(void *ctx, uint64_t cycles)
{
	struct slices *s = ctx;

	if (s->is_first && s->cnt == s->room) {
		s->room = s->room ? s->room * 2 : 1 << 16;
		s->least = realloc(s->least, s->room * sizeof(*s->least));
		BUG_ON(!s->least);
	}
	if (s->is_first)
		s->least[s->cnt] = UINT32_MAX;
	s->least[s->cnt] = (uint32_t)MIN((uint64_t)s->least[s->cnt], cycles);
	s->cnt++;
}

/* The deadline is over before a step begins, so that each is one unit of work: a slice takes units until the time is up, so the
 * longest slice is the time and the longest unit. */
static void
measure_slices(struct scan_rig *r, const struct mail_files *m, struct figures *f)
{
	double per_us = (double)clock_cycles_per_second() / 1e6;
	uint64_t deadline = r->slice_cycles;
	struct slices s = { 0 };

	r->on_step = on_step;
	r->ctx = &s;
	r->slice_cycles = 0;
	for (unsigned i = 0; i < ROUNDS_SLICE; i++) {
		s.is_first = i == 0;
		s.cnt = 0;
		one_pass(r, m, NULL);
	}
	for (size_t i = 0; i < s.cnt; i++) {
		double us = s.least[i] / per_us;
		size_t k = 0;

		while (k < ARRAY_LEN(edges) && us > edges[k])
			k++;
		f->histogram[k]++;
		f->longest_us = MAX(f->longest_us, us);
	}
	f->slice_cnt = s.cnt;
	free(s.least);
	r->on_step = NULL;
	r->slice_cycles = deadline;
}

static void
print_json(const struct mail_files *m, size_t bytes, const struct figures *f)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("{\"mails\": %zu, \"bytes\": %zu, \"mails_per_second\": %.1f, \"mb_per_second\": "
	       "%.2f, "
	       "\"cpu_us_per_mail\": %.2f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	       "\"longest_unit_us\": %.1f, "
	       "\"rss_bytes\": %ld}\n",
	       m->cnt, bytes, (double)m->cnt / f->pass_ms * 1e3, (double)bytes / f->pass_ms / 1e3,
	       f->pass_ms * 1e3 / (double)m->cnt, f->p50_us, f->p99_us, f->longest_us,
	       u.ru_maxrss * 1024L);
}

static void
print_text(const struct scan_rig *r, const struct mail_files *m, size_t bytes,
           const struct figures *f)
{
	double cycles = f->pass_ms / 1e3 * (double)clock_cycles_per_second();

	printf("%zu mails, %zu bytes: %.1f MB/s, %.0f mails/s, %.1f cycles a byte, %.0f x memcpy\n",
	       m->cnt, bytes, (double)bytes / f->pass_ms / 1e3, (double)m->cnt / f->pass_ms * 1e3,
	       cycles / (double)bytes, f->pass_ms / f->copy_ms);
	printf("a mail: p50 %.1f us, p99 %.1f us, longest %.1f us\n", f->p50_us, f->p99_us,
	       f->max_us);
	printf("units of work between two looks at the clock: %zu, longest %.1f us\n", f->slice_cnt,
	       f->longest_us);
	for (size_t i = 0; i < ARRAY_LEN(f->histogram); i++)
		printf("  %s %3.0f us %10zu\n", i < ARRAY_LEN(edges) ? "up to" : " over",
		       edges[MIN(i, ARRAY_LEN(edges) - 1)], f->histogram[i]);
	printf("memory: worker %zu bytes (%u scans at a time), of a generation %zu, scans took %zu "
	       "more\n",
	       r->worker_bytes, ENGINE_SLOTS, r->attach_bytes, f->grown_bytes);
}

static bool
read_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "rules", 1, NULL, 'r' },   { "phrases", 1, NULL, 'p' },
		{ "entries", 1, NULL, 'e' }, { "model", 1, NULL, 'm' },
		{ "cache", 1, NULL, 'c' },   { "mails", 1, NULL, 't' },
		{ "list", 1, NULL, 'l' },    { "rounds", 1, NULL, 'n' },
		{ "json", 0, NULL, 'j' },    { 0 }
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'r' && o->rig.rules_cnt < SCAN_RIG_DIRS)
			o->rig.rules[o->rig.rules_cnt++] = optarg;
		else if (opt == 'p')
			o->rig.phrase_cnt = (unsigned)atoi(optarg);
		else if (opt == 'e')
			o->rig.entry_cnt = (unsigned)atoi(optarg);
		else if (opt == 'm')
			o->rig.model = optarg;
		else if (opt == 'c')
			o->rig.cache = optarg;
		else if (opt == 't')
			o->mails = optarg;
		else if (opt == 'l')
			o->list = optarg;
		else if (opt == 'n')
			o->rounds = MAX(1u, MIN((unsigned)atoi(optarg), (unsigned)ROUNDS_MAX));
		else if (opt == 'j')
			o->is_json = true;
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
	struct options o = { .rig = { .phrase_cnt = STANDARD_PHRASES,
		                      .entry_cnt = STANDARD_ENTRIES },
		             .mails = "../shared/data/mail/dev.tar.zst",
		             .rounds = 5 };
	struct mail_files m = { 0 };
	struct figures f = { 0 };
	struct scan_rig r = { 0 };
	size_t bytes = 0;

	if (!read_options(argc, argv, &o))
		return 2;
	if (o.list)
		mail_files_read_list(&m, o.list);
	else
		mail_files_read(&m, o.mails,
		                &(struct mail_choice){
		                        .max = SIZE_MAX, .max_bytes = SIZE_MAX, .every = 1 });
	for (size_t i = 0; i < m.cnt; i++)
		bytes += m.mail[i].len;
	if (bytes == 0) {
		fprintf(stderr, "pipeline-micro: no mails\n");
		return 1;
	}
	scan_rig_init(&r, &o.rig);
	measure_passes(&r, &m, o.rounds, &f);
	measure_slices(&r, &m, &f);
	if (o.is_json)
		print_json(&m, bytes, &f);
	else
		print_text(&r, &m, bytes, &f);
	return 0;
}
