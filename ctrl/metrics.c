/* SPDX-License-Identifier: BSD-3-Clause
 * metrics.c - /metrics: every counter summed over the workers, a family at a time
 *
 * Two formats from the same rows: OpenMetrics names a counter's family without _total and ends in # EOF; Prometheus' text format
 * 0.0.4 names it with.
 */
#include "ctrl/ctrl_internal.h"
#include "ctrl/protocol.h"
#include "base/clock.h"
#include <stdarg.h>

struct row {
	const char *metric, *labels, *help;
	double value;
	size_t order; /* first come, first printed, within a metric */
};

struct page {
	struct row *row;
	size_t cnt, cap;
	struct arena arena;
	bool is_open;
	FILE *out;
};

static void
put(struct page *p, const char *metric, const char *labels, const char *help, double value)
{
	for (size_t i = 0; i < p->cnt; i++)
		if (!strcmp(p->row[i].metric, metric) && !strcmp(p->row[i].labels, labels)) {
			p->row[i].value += value;
			return;
		}
	if (p->cnt == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 512;
		p->row = realloc(p->row, p->cap * sizeof(*p->row));
		BUG_ON(!p->row);
	}
	p->row[p->cnt] = (struct row){ metric, labels, help, value, p->cnt };
	p->cnt++;
}

static const char *label(struct page *p, const char *fmt, ...) PRINTF(2, 3);

static const char *
label(struct page *p, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return arena_strdup(&p->arena, span_z(text));
}

static void
put_counters(struct page *p, const struct ctrl *c)
{
	for (size_t w = 0; w < c->node.worker_cnt; w++)
		for (size_t k = 0; k < c->node.workers[w].set_cnt; k++) {
			const struct counter_set *s = &c->node.workers[w].sets[k];

			for (size_t i = 0; i < s->cnt; i++)
				put(p, s->desc[i].metric, s->desc[i].labels, s->desc[i].help,
				    (double)counter_read(&s->values[i]));
		}
}

static void
put_cores(struct page *p, struct ctrl *c)
{
	for (size_t i = 0; i < c->node.worker_cnt; i++) {
		const struct ctrl_worker *w = &c->node.workers[i];

		if (!w->busy_cycles || !w->idle_cycles)
			continue;
		put(p, "weir_core_cycles_total", label(p, "core=\"%u\",state=\"busy\"", w->cpu),
		    "Cycles of a worker's loop", (double)counter_read(w->busy_cycles));
		put(p, "weir_core_cycles_total", label(p, "core=\"%u\",state=\"idle\"", w->cpu),
		    "Cycles of a worker's loop", (double)counter_read(w->idle_cycles));
		pthread_mutex_lock(&c->tick_lock);
		put(p, "weir_core_busy_ratio", label(p, "core=\"%u\"", w->cpu),
		    "Share of the last second in which a worker had work", c->rates.busy_ratio[i]);
		pthread_mutex_unlock(&c->tick_lock);
	}
}

static void
put_memory(struct page *p, struct ctrl *c)
{
	struct ctrl_memory_row rows[32];
	size_t cnt = 0;

	if (c->node.memory) {
		pthread_mutex_lock(&c->node_lock);
		cnt = c->node.memory(c->node.ctx, rows, ARRAY_LEN(rows));
		pthread_mutex_unlock(&c->node_lock);
	}
	for (size_t i = 0; i < cnt; i++) {
		const char *l = label(p, "object=\"%s\"", rows[i].name);

		put(p, "weir_memory_used_bytes", l, "Bytes in use by object",
		    (double)rows[i].used_bytes);
		put(p, "weir_memory_room_bytes", l, "Bytes set aside by object",
		    (double)rows[i].room_bytes);
		put(p, "weir_memory_full_total", l, "Allocations refused because the pool was full",
		    (double)rows[i].failed_cnt);
	}
}

static void
put_log(struct page *p, struct ctrl *c)
{
	struct log_figures f;

	log_figures(c->log, &f);
	put(p, "weir_log_lines_total", "", "Lines written", (double)f.lines);
	put(p, "weir_log_write_errors_total", "", "Writes of the log that failed",
	    (double)f.write_errors);
	put(p, "weir_log_lost_lines_total", "", "Lines lost: disk, or queue full",
	    (double)f.lost_lines);
	put(p, "weir_log_dropped_events_total", "",
	    "Events dropped because a worker's ring was full", (double)f.ring_dropped);
	for (int i = 0; i < EVENT_KINDS; i++)
		put(p, "weir_log_suppressed_lines_total",
		    label(p, "event=\"%s\"", event_descs[i].log_name),
		    "Lines not written because of the rate limit of their kind",
		    (double)f.suppressed[i]);
}

static void
put_control(struct page *p, struct ctrl *c)
{
	uint64_t ok, refused;

	pthread_mutex_lock(&c->live_lock);
	put(p, "weir_config_generation", "", "Generation that new mails are judged by",
	    (double)c->last_generation);
	put(p, "weir_generations_live", "", "Snapshots alive", (double)c->live_cnt);
	put(p, "weir_config_published_timestamp_seconds", "", "When that generation was published",
	    (double)c->published_wall_us / 1e6);
	pthread_mutex_unlock(&c->live_lock);
	pthread_mutex_lock(&c->build.lock);
	ok = c->build.ok_cnt;
	refused = c->build.refused_cnt;
	pthread_mutex_unlock(&c->build.lock);
	put(p, "weir_reloads_total", "result=\"published\"", "Reloads", (double)ok);
	put(p, "weir_reloads_total", "result=\"refused\"", "Reloads", (double)refused);
	pthread_mutex_lock(&c->ban_lock);
	put(p, "weir_bans", "", "Banned prefixes", (double)c->bans.cnt);
	pthread_mutex_unlock(&c->ban_lock);
	put(p, "weir_build_info", label(p, "version=\"%s\"", PROTOCOL_VERSION),
	    "Always 1; the version is in the label", 1);
	put(p, "weir_start_timestamp_seconds", "", "When the process started",
	    (double)c->start_wall_us / 1e6);
	put(p, "weir_draining", "", "1 while new work is refused",
	    __atomic_load_n(&c->is_draining, __ATOMIC_RELAXED));
}

static void
put_feeds(struct page *p, struct ctrl *c)
{
	struct snapshot_feed_row rows[FEEDS_MAX];
	size_t cnt = snapshot_feeds(publish_lock(c), rows, ARRAY_LEN(rows));
	double now_s = (double)clock_wall_us() / 1e6;

	for (size_t i = 0; i < cnt; i++) {
		const char *l = label(p, "feed=\"%.*s\"", (int)rows[i].name.len, rows[i].name.p);

		put(p, "weir_feed_entries", l, "Entries of a feed in use",
		    (double)rows[i].entry_cnt);
		put(p, "weir_feed_skipped_lines", l,
		    "Broken lines of a feed that were skipped; the log names the first few",
		    (double)rows[i].skipped_cnt);
		if (rows[i].written_s)
			put(p, "weir_feed_age_seconds", l,
			    "Since the file was written that the entries in use are from",
			    now_s - (double)rows[i].written_s);
	}
	publish_unlock(c);
}

static int
by_metric(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int d = strcmp(x->metric, y->metric);

	return d ? d : (x->order > y->order) - (x->order < y->order);
}

static bool
is_counter(const char *metric)
{
	size_t n = strlen(metric);

	return n > 6 && !strcmp(metric + n - 6, "_total");
}

static void
head(struct page *p, const char *metric, const char *type, const char *help)
{
	int n = (int)strlen(metric) - (p->is_open && is_counter(metric) ? 6 : 0);

	fprintf(p->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", n, metric, help, n, metric, type);
}

static void
print_rows(struct page *p)
{
	qsort(p->row, p->cnt, sizeof(*p->row), by_metric);
	for (size_t i = 0; i < p->cnt; i++) {
		const struct row *r = &p->row[i];

		if (i == 0 || strcmp(r[-1].metric, r->metric))
			head(p, r->metric, is_counter(r->metric) ? "counter" : "gauge", r->help);
		fprintf(p->out, "%s%s%s%s %.17g\n", r->metric, *r->labels ? "{" : "", r->labels,
		        *r->labels ? "}" : "", r->value);
	}
}

/* Upper edges in steps of the unit: 1-2-5 from 1e-4 to 500 (seconds), or to 5e8 (cycles). */
static void
print_hist(struct page *p, const struct ctrl_hist *h)
{
	const char *comma = *h->labels ? "," : "";
	double first = h->unit < 1 ? 1e-4 : 100, last = h->unit < 1 ? 600 : 6e8;
	uint64_t total = hist_total(h->hist), below = 0;
	size_t b = 0;

	for (double decade = first; decade <= last; decade *= 10)
		for (int k = 0; k < 3; k++) {
			double edge = decade * (k == 0 ? 1 : k == 1 ? 2 : 5);

			while (b < HIST_BUCKETS &&
			       (double)(hist_floor(b + 1) - 1) * h->unit <= edge)
				below += counter_read(&h->hist->cnt[b++]);
			fprintf(p->out, "%s_bucket{%s%sle=\"%g\"} %llu\n", h->metric, h->labels,
			        comma, edge, (unsigned long long)MIN(below, total));
		}
	fprintf(p->out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", h->metric, h->labels, comma,
	        (unsigned long long)total);
	fprintf(p->out, "%s_sum%s%s%s %.17g\n", h->metric, *h->labels ? "{" : "", h->labels,
	        *h->labels ? "}" : "", (double)hist_sum_estimate(h->hist) * h->unit);
	fprintf(p->out, "%s_count%s%s%s %llu\n", h->metric, *h->labels ? "{" : "", h->labels,
	        *h->labels ? "}" : "", (unsigned long long)total);
}

static int
by_hist_metric(const void *a, const void *b)
{
	const struct ctrl_hist *const *x = a, *const *y = b;
	int d = strcmp((*x)->metric, (*y)->metric);

	return d ? d : strcmp((*x)->labels, (*y)->labels);
}

static void
print_hists(struct page *p, const struct ctrl *c)
{
	const struct ctrl_hist **all;
	size_t cnt = 0, n = 0;

	for (size_t w = 0; w < c->node.worker_cnt; w++)
		cnt += c->node.workers[w].hist_cnt;
	all = arena_alloc(&p->arena, (cnt + 1) * sizeof(struct ctrl_hist *));
	for (size_t w = 0; w < c->node.worker_cnt; w++)
		for (size_t i = 0; i < c->node.workers[w].hist_cnt; i++)
			all[n++] = &c->node.workers[w].hists[i];
	qsort(all, n, sizeof(struct ctrl_hist *), by_hist_metric);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(all[i - 1]->metric, all[i]->metric))
			head(p, all[i]->metric, "histogram", all[i]->help);
		print_hist(p, all[i]);
	}
}

void
metrics_print(struct ctrl *c, FILE *out, bool is_open)
{
	struct page p = { .is_open = is_open, .out = out };

	put_counters(&p, c);
	put_cores(&p, c);
	put_memory(&p, c);
	put_log(&p, c);
	put_control(&p, c);
	put_feeds(&p, c);
	print_rows(&p);
	print_hists(&p, c);
	if (is_open)
		fputs("# EOF\n", out);
	free(p.row);
	arena_fini(&p.arena);
}
