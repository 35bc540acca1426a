/* SPDX-License-Identifier: BSD-3-Clause
 * status.c - sums over workers, rates, and what `weirctl status` and `weirctl errors` show; counters are the only source
 */
#include "ctrl/ctrl_internal.h"
#include "ctrl/protocol.h"
#include "base/clock.h"

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), e = strlen(end);

	return n >= e && !strcmp(s + n - e, end);
}

typedef void (*visit_fn)(void *arg, const struct counter_desc *d, uint64_t value);

static void
visit(const struct ctrl *c, visit_fn fn, void *arg)
{
	for (size_t w = 0; w < c->node.worker_cnt; w++)
		for (size_t k = 0; k < c->node.workers[w].set_cnt; k++) {
			const struct counter_set *set = &c->node.workers[w].sets[k];

			for (size_t i = 0; i < set->cnt; i++)
				fn(arg, &set->desc[i], counter_read(&set->values[i]));
		}
}

struct sum {
	const char *metric, *label;
	bool is_ending;
	uint64_t value;
};

static void
add(void *arg, const struct counter_desc *d, uint64_t value)
{
	struct sum *s = arg;

	if (s->is_ending ? ends_with(d->metric, s->metric)
	                 : !strcmp(d->metric, s->metric) && strstr(d->labels, s->label))
		s->value += value;
}

uint64_t
figure_sum(const struct ctrl *c, const char *metric, const char *label)
{
	struct sum s = { metric, label, false, 0 };

	visit(c, add, &s);
	return s.value;
}

uint64_t
figure_sum_ending(const struct ctrl *c, const char *end)
{
	struct sum s = { end, "", true, 0 };

	visit(c, add, &s);
	return s.value;
}

/* ---- rates: the control thread, once a second ---- */

static uint64_t
mails_ended(const struct ctrl *c)
{
	return figure_sum(c, "weir_mails_total", "") -
	       figure_sum(c, "weir_mails_total", "result=\"sent\"");
}

void
rates_tick(struct ctrl *c, uint64_t now_us)
{
	struct rates *r = &c->rates;

	pthread_mutex_lock(&c->tick_lock);
	r->head = (r->head + 1) % (RATE_SECONDS + 1);
	r->cnt = MIN(r->cnt + 1, (unsigned)RATE_SECONDS);
	r->mails[r->head] = mails_ended(c);
	r->at_us[r->head] = now_us;
	for (size_t i = 0; i < c->node.worker_cnt; i++) {
		const struct ctrl_worker *w = &c->node.workers[i];
		uint64_t busy = w->busy_cycles ? counter_read(w->busy_cycles) : 0;
		uint64_t idle = w->idle_cycles ? counter_read(w->idle_cycles) : 0;
		uint64_t all = busy - r->busy[i] + idle - r->idle[i];

		r->busy_ratio[i] = all ? (double)(busy - r->busy[i]) / (double)all : 0;
		r->busy[i] = busy;
		r->idle[i] = idle;
	}
	pthread_mutex_unlock(&c->tick_lock);
}

double
rates_mails(struct ctrl *c)
{
	struct rates *r = &c->rates;
	double rate = 0;
	unsigned old;

	pthread_mutex_lock(&c->tick_lock);
	old = (r->head + RATE_SECONDS + 1 - (r->cnt ? r->cnt - 1 : 0)) % (RATE_SECONDS + 1);
	if (r->at_us[r->head] > r->at_us[old])
		rate = (double)(r->mails[r->head] - r->mails[old]) * 1e6 /
		       (double)(r->at_us[r->head] - r->at_us[old]);
	pthread_mutex_unlock(&c->tick_lock);
	return rate;
}

/* ---- status ---- */

static json_t *
mails_json(const struct ctrl *c)
{
	static const char *const results[] = { "sent", "delivered", "refused", "deferred",
		                               "given_up" };
	json_t *j = json_object();

	for (size_t i = 0; i < ARRAY_LEN(results); i++) {
		char label[40];

		snprintf(label, sizeof(label), "result=\"%s\"", results[i]);
		json_object_set_new(
		        j, results[i],
		        json_integer((json_int_t)figure_sum(c, "weir_mails_total", label)));
	}
	json_object_set_new(j, "in_flight",
	                    json_integer((json_int_t)figure_sum(c, "weir_mails_in_flight", "")));
	return j;
}

static void
add_refusal(void *arg, const struct counter_desc *d, uint64_t value)
{
	const char *at = strstr(d->labels, "filter=\""), *end;
	json_t *j = arg;
	char name[64];

	if (strcmp(d->metric, "weir_refusals_total") || !at)
		return;
	at += strlen("filter=\"");
	end = strchr(at, '"');
	snprintf(name, sizeof(name), "%.*s", (int)(end ? end - at : 0), at);
	value += (uint64_t)json_integer_value(json_object_get(j, name));
	if (value > 0)
		json_object_set_new(j, name, json_integer((json_int_t)value));
}

static json_t *
memory_json(struct ctrl *c)
{
	struct ctrl_memory_row rows[32];
	json_t *j = json_object();
	uint64_t total = 0;
	size_t cnt = 0;

	if (c->node.memory) {
		pthread_mutex_lock(&c->node_lock);
		cnt = c->node.memory(c->node.ctx, rows, ARRAY_LEN(rows));
		pthread_mutex_unlock(&c->node_lock);
	}
	for (size_t i = 0; i < cnt; i++) {
		json_object_set_new(j, rows[i].name, json_integer((json_int_t)rows[i].used_bytes));
		total += rows[i].used_bytes;
	}
	json_object_set_new(j, "total", json_integer((json_int_t)total));
	return j;
}

static json_t *
ports_json(struct ctrl *c)
{
	struct ctrl_port_row rows[PORTS_MAX];
	json_t *j = json_array();
	size_t cnt = 0;

	if (c->node.ports) {
		pthread_mutex_lock(&c->node_lock);
		cnt = c->node.ports(c->node.ctx, rows, ARRAY_LEN(rows));
		pthread_mutex_unlock(&c->node_lock);
	}
	for (size_t i = 0; i < cnt; i++)
		json_array_append_new(j,
		                      json_pack("{s:s,s:s,s:b}", "device", rows[i].device,
		                                "addresses", rows[i].addresses, "up", rows[i].up));
	return j;
}

static json_t *
cores_json(struct ctrl *c)
{
	json_t *j = json_array();

	pthread_mutex_lock(&c->tick_lock);
	for (size_t i = 0; i < c->node.worker_cnt; i++)
		json_array_append_new(j, json_pack("{s:i,s:f}", "cpu", (int)c->node.workers[i].cpu,
		                                   "busy", c->rates.busy_ratio[i]));
	pthread_mutex_unlock(&c->tick_lock);
	return j;
}

static json_t *
log_json(struct ctrl *c)
{
	struct log_figures f;
	uint64_t suppressed = 0;

	log_figures(c->log, &f);
	for (int i = 0; i < EVENT_KINDS; i++)
		suppressed += f.suppressed[i];
	return json_pack("{s:I,s:I,s:I,s:I}", "lines", (json_int_t)f.lines, "suppressed",
	                 (json_int_t)suppressed, "dropped", (json_int_t)f.ring_dropped, "lost",
	                 (json_int_t)f.lost_lines);
}

static json_t *
store_json(struct ctrl *c)
{
	char path[4096];
	json_t *j;

	settings_store_path(c->settings, path);
	pthread_mutex_lock(&c->build.lock);
	j = json_pack("{s:s,s:s,s:I,s:I,s:s?}", "driver", "sqlite", "path", path, "reloads",
	              (json_int_t)c->build.ok_cnt, "reloads_refused",
	              (json_int_t)c->build.refused_cnt, "running_on_saved", c->running_on);
	pthread_mutex_unlock(&c->build.lock);
	return j;
}

static json_t *
policy_json(struct ctrl *c)
{
	struct snapshot_stats s;

	snapshot_stats(publish_lock(c), &s);
	publish_unlock(c);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "customers", (json_int_t)s.customer_cnt,
	                 "changed", (json_int_t)s.changed_cnt, "domains", (json_int_t)s.domain_cnt,
	                 "rules", (json_int_t)s.rule_cnt, "phrases", (json_int_t)s.phrase_cnt,
	                 "list_entries", (json_int_t)s.list_entry_cnt);
}

json_t *
status_json(struct ctrl *c)
{
	json_t *j = json_object(), *refused = json_object();
	uint64_t generation, live, published_us, now_us = clock_wall_us();

	pthread_mutex_lock(&c->live_lock);
	generation = c->last_generation;
	live = c->live_cnt;
	published_us = c->published_wall_us;
	pthread_mutex_unlock(&c->live_lock);
	visit(c, add_refusal, refused);
	json_object_update_new(
	        j, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:b}", "version", PROTOCOL_VERSION, "node",
	                     c->settings->node_name, "uptime_s",
	                     (json_int_t)((now_us - c->start_wall_us) / 1000000), "generation",
	                     (json_int_t)generation, "generation_age_s",
	                     (json_int_t)((now_us - published_us) / 1000000), "generations_live",
	                     (json_int_t)live, "draining",
	                     (int)__atomic_load_n(&c->is_draining, __ATOMIC_RELAXED)));
	json_object_set_new(j, "sessions",
	                    json_integer((json_int_t)figure_sum(c, "weir_sessions", "")));
	json_object_set_new(j, "mails_per_second", json_real(rates_mails(c)));
	json_object_set_new(j, "mails", mails_json(c));
	json_object_set_new(j, "refused_by", refused);
	json_object_set_new(j, "drops",
	                    json_integer((json_int_t)figure_sum_ending(c, "_drops_total")));
	json_object_set_new(j, "ports", ports_json(c));
	json_object_set_new(j, "cores", cores_json(c));
	json_object_set_new(j, "memory", memory_json(c));
	json_object_set_new(j, "policy", policy_json(c));
	json_object_set_new(j, "store", store_json(c));
	json_object_set_new(j, "log", log_json(c));
	return j;
}

/* ---- errors: counters of trouble ---- */

static bool
is_trouble(const char *metric)
{
	static const char *const words[] = { "drop",   "full",     "error",    "fail",  "timeout",
		                             "limit",  "unscan",   "overflow", "evict", "flood",
		                             "lost",   "suppress", "conflict", "alarm", "overload",
		                             "broken", "no_slot" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(metric, words[i]))
			return true;
	return false;
}

static void
add_error(void *arg, const struct counter_desc *d, uint64_t value)
{
	json_t *all = arg, *row;
	char key[300];

	if (value == 0 || !is_trouble(d->metric))
		return;
	snprintf(key, sizeof(key), "%s%s%s%s", d->metric, *d->labels ? "{" : "", d->labels,
	         *d->labels ? "}" : "");
	row = json_object_get(all, key);
	if (row)
		value += (uint64_t)json_integer_value(json_object_get(row, "value"));
	json_object_set_new(all, key,
	                    json_pack("{s:I,s:s}", "value", (json_int_t)value, "hint", d->help));
}

json_t *
errors_json(struct ctrl *c)
{
	json_t *all = json_object();
	struct log_figures f;

	visit(c, add_error, all);
	log_figures(c->log, &f);
	if (f.ring_dropped + f.lost_lines > 0)
		json_object_set_new(all, "weir_log_lost_lines_total",
		                    json_pack("{s:I,s:s}", "value",
		                              (json_int_t)(f.ring_dropped + f.lost_lines), "hint",
		                              "lines that the log does not have: rings full, or "
		                              "the disk"));
	return all;
}
