/* SPDX-License-Identifier: BSD-3-Clause
 * ring_report.c - reading and printing
 */
#include "bench/ring_report.h"
#include <dirent.h>
#include <inttypes.h>
#include <unistd.h>

static void
read_relay(struct boot *b, uint64_t *busy, uint64_t *idle, uint64_t *stage)
{
	*busy = *idle = 0;
	memset(stage, 0, WORKER_STAGES * sizeof(*stage));
	for (unsigned i = 0; i < boot_worker_cnt(b); i++) {
		const struct worker *w = boot_worker(b, i);

		*busy += counter_read(worker_busy_cycles(w));
		*idle += counter_read(worker_idle_cycles(w));
		for (unsigned s = 0; s < WORKER_STAGES; s++)
			stage[s] += hist_sum_estimate(
			        worker_hist(w, (enum worker_hist)(HIST_STAGE0 + s)));
	}
}

/* CPU time of the relay's thread: on a shared machine the TSC also runs while somebody else has the core. EAL names its threads. */
static uint64_t
relay_cpu_ns(void)
{
	struct dirent *e;
	DIR *d = opendir("/proc/self/task");
	uint64_t ns = 0;

	while (d && (e = readdir(d))) {
		char path[300], comm[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%31s", comm) != 1)
			comm[0] = 0;
		fclose(f);
		if (strcmp(comm, "rte-worker-1"))
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", e->d_name);
		f = fopen(path, "r");
		if (f && fscanf(f, "%" SCNu64, &ns) != 1)
			ns = 0;
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return ns;
}

void
ring_report_begin(struct ring_report *r, struct boot *b)
{
	read_relay(b, &r->busy0, &r->idle0, r->stage0);
	r->cpu_ns0 = relay_cpu_ns();
}

void
ring_report_end(struct ring_report *r, struct boot *b, const struct load *l, uint64_t us)
{
	read_relay(b, &r->busy, &r->idle, r->stage);
	r->cpu_ns = relay_cpu_ns();
	r->us = us;
	load_result(l, &r->window);
}

static uint64_t
ended(const struct load_result *x)
{
	return x->delivered + x->refused + x->deferred + x->given_up;
}

static const char *
is_void(const struct ring_report *r)
{
	const struct load_result *a = &r->all;

	if (a->sent != ended(a) + a->in_flight || a->in_flight != 0)
		return "the sum does not come out";
	if (a->lost || a->altered || a->duplicated)
		return "mails were lost, altered or duplicated";
	if (a->wrong_verdict)
		return "a verdict was wrong";
	if (ended(&r->window) == 0)
		return "no mail ended";
	return NULL;
}

static void
commit(char out[64])
{
	FILE *f = popen("git rev-parse --short HEAD 2>/dev/null", "r");

	if (!f || !fgets(out, 64, f))
		snprintf(out, 64, "unknown");
	out[strcspn(out, "\n")] = 0;
	if (f)
		pclose(f);
}

int
ring_report_print(const struct ring_report *r, const struct ring_options *o)
{
	const char *why = is_void(r);
	uint64_t mails = ended(&r->window), cycles = mails ? (r->busy - r->busy0) / mails : 0;
	char host[64] = "", rev[64];

	gethostname(host, sizeof(host) - 1);
	commit(rev);
	printf("{\"schema\": 1, \"size\": %zu, \"reuse\": %u, \"filters\": %s, \"sessions\": %u, "
	       "\"mails_per_second\": %.0f, \"relay_cycles_per_mail\": %" PRIu64
	       ", \"floor_cycles_per_mail\": %.0f, \"times_floor\": %.2f, \"relay_busy_share\": "
	       "%.3f, ",
	       o->bytes, o->reuse, o->filters ? "true" : "false", o->sessions,
	       (double)mails * 1e6 / (double)MAX(r->us, (uint64_t)1), cycles, r->floor_cycles,
	       r->floor_cycles > 0 ? (double)cycles / r->floor_cycles : 0,
	       (double)(r->busy - r->busy0) /
	               (double)MAX(r->busy - r->busy0 + r->idle - r->idle0, (uint64_t)1));
	/* The thread polls all the time, so its share of the wall time is what nobody took from it. */
	double share = (double)(r->cpu_ns - r->cpu_ns0) / 1000.0 / (double)MAX(r->us, (uint64_t)1);

	printf("\"relay_cpu_share\": %.3f, \"relay_cpu_cycles_per_mail\": %.0f, ", share,
	       (double)cycles * share);
	printf("\"cycles_by_stage\": {");
	for (unsigned s = 0; s < WORKER_STAGES; s++)
		printf("%s\"%s\": %" PRIu64, s ? ", " : "", worker_stage_names[s],
		       mails ? (r->stage[s] - r->stage0[s]) / mails : 0);
	printf("}, \"latency_us\": {\"p50\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"p999\": %" PRIu64
	       ", \"max\": %" PRIu64 "}, ",
	       hist_quantile(&r->window.latency_us, 0.5),
	       hist_quantile(&r->window.latency_us, 0.99),
	       hist_quantile(&r->window.latency_us, 0.999),
	       hist_quantile(&r->window.latency_us, 1.0));
	printf("\"sent\": %" PRIu64 ", \"delivered\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"deferred\": %" PRIu64 ", \"given_up\": %" PRIu64 ", \"lost\": %" PRIu64
	       ", \"altered\": %" PRIu64 ", \"duplicated\": %" PRIu64
	       ", \"wrong_verdict\": %" PRIu64 ", \"connect_errors\": %" PRIu64 ", ",
	       r->all.sent, r->all.delivered, r->all.refused, r->all.deferred, r->all.given_up,
	       r->all.lost, r->all.altered, r->all.duplicated, r->all.wrong_verdict,
	       r->all.connect_errors);
	printf("\"void\": %s%s%s, \"host\": \"%s\", \"commit\": \"%s\"}\n", why ? "\"" : "",
	       why ? why : "null", why ? "\"" : "", host, rev);
	return why != NULL;
}
