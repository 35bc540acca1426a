/* SPDX-License-Identifier: BSD-3-Clause
 * main_wire.c - settings into configurations, and what control may ask of the workers
 */
#include "dataplane/main_wire.h"
#include "base/rng.h"
#include <unistd.h>

uint64_t
boot_eal_bytes(const struct settings *s)
{
	return MIN(s->dataplane_memory / 4, 8ull << 30);
}

bool
boot_port_config(const struct settings_port *p, const struct packet_key *key,
                 struct packet_port_config *out)
{
	*out = (struct packet_port_config){ .name = p->device,
		                            .gateway4 = p->gateway4,
		                            .gateway6 = p->gateway6,
		                            .key = *key,
		                            .mtu = (uint16_t)p->mtu,
		                            .vlan = (uint16_t)p->vlan,
		                            .seed = rng_entropy() };
	if (p->addresses.cnt > PACKET_ADDRS_MAX) {
		fprintf(stderr, "weir: ports.addresses: at most %d on %s\n", PACKET_ADDRS_MAX,
		        p->device);
		return false;
	}
	for (size_t i = 0; i < p->addresses.cnt; i++)
		if (!packet_addr_parse(span_z(p->addresses.item[i]),
		                       &out->addresses[out->address_cnt++])) {
			fprintf(stderr,
			        "weir: ports.addresses: \"%s\" cannot be an address of %s\n",
			        p->addresses.item[i], p->device);
			return false;
		}
	return true;
}

static void
split_address(const char *text, char *local, size_t local_cap, char *domain, size_t domain_cap)
{
	const char *at = strrchr(text, '@');

	*local = *domain = 0;
	if (!at)
		return;
	snprintf(local, local_cap, "%.*s", (int)(at - text), text);
	snprintf(domain, domain_cap, "%s", at + 1);
}

static void
tunables(const struct settings *s, struct worker_tunables *t)
{
	worker_tunables_default(t);
	t->max_message = s->smtp_max_message;
	t->max_recipients = (uint32_t)s->smtp_max_recipients;
	t->max_errors = (uint32_t)s->smtp_max_errors;
	t->max_idle = (uint32_t)s->smtp_max_idle_commands;
	t->bare_newlines =
	        s->smtp_bare_newlines == BARE_NEWLINES_CRLF ? SMTP_BARE_CRLF : SMTP_BARE_REJECT;
	t->rcpt_cache = s->smtp_rcpt_cache;
	t->banner_delay_us = s->smtp_banner_delay;
	t->tarpit_us = s->smtp_tarpit;
	t->command_us = s->smtp_command_timeout;
	t->mail_us = s->smtp_mail_timeout;
	t->rate_window_us = s->smtp_rate_window;
	t->pressure_us = s->smtp_pressure_timeout;
	t->min_rate = s->smtp_min_rate;
	t->rcpt_deadline_us = s->upstream_rcpt_deadline;
	t->final_deadline_us = s->upstream_final_deadline;
	t->retry_min_us = s->upstream_retry_min;
	t->retry_max_us = s->upstream_retry_max;
	t->upstream_idle_us = s->upstream_idle_timeout;
	t->connect_us = s->upstream_connect_timeout;
	t->max_connections = (uint32_t)s->upstream_max_connections;
	t->max_refusals = (uint32_t)s->upstream_max_refusals;
	t->max_idle_resets = (uint32_t)s->upstream_max_idle_resets;
	t->ecn = s->tcp_ecn == ECN_OFF      ? TCP_ECN_OFF
	         : s->tcp_ecn == ECN_ACTIVE ? TCP_ECN_ACTIVE
	                                    : TCP_ECN_PASSIVE;
	t->keep_idle_us = s->tcp_keep_idle;
	t->keep_interval_us = s->tcp_keep_interval;
	t->keep_cnt = (uint8_t)s->tcp_keep_probes;
	t->limits = (struct limits_config){
		.enabled = s->limits_per_address == PER_ADDRESS_ON,
		.connections = (uint32_t)s->limits_connections,
		.connections_per_prefix = (uint32_t)s->limits_connections_per_prefix,
		.half_open_per_prefix = (uint32_t)s->limits_half_open,
		.per_minute = { [LIMITS_MAILS] = (uint32_t)s->limits_mails,
		                [LIMITS_FAILED_RCPTS] = (uint32_t)s->limits_failed_rcpts },
	};
	split_address(s->smtp_postmaster, t->postmaster_local, sizeof(t->postmaster_local),
	              t->postmaster_domain, sizeof(t->postmaster_domain));
	t->proxy_cnt = (uint32_t)MIN(s->smtp_trusted_proxies.cnt, ARRAY_LEN(t->proxies));
	for (uint32_t i = 0; i < t->proxy_cnt; i++)
		t->proxies[i] = s->smtp_trusted_proxies.item[i];
}

void
boot_worker_config(const struct settings *s, unsigned worker, unsigned worker_cnt,
                   struct worker_config *out)
{
	struct timespec now;

	memset(out, 0, sizeof(*out));
	clock_gettime(CLOCK_MONOTONIC, &now);
	out->worker = worker;
	out->worker_cnt = worker_cnt;
	out->node_number = (unsigned)s->node_number;
	out->hostname = settings_hostname(s);
	out->hold_bytes = s->smtp_hold_bytes;
	out->now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	out->sizes = worker_sizes((s->dataplane_memory - boot_eal_bytes(s)) / worker_cnt,
	                          s->smtp_hold_bytes);
	tunables(s, &out->tunables);
	for (size_t i = 0; i < s->listen_cnt; i++) {
		out->listen[i].addr = s->listen[i].address;
		out->listen[i].port = s->listen[i].port;
		out->listen[i].is_backup =
		        !addr_eq(&s->listen[i].backup_of, &(struct addr){ { 0 } });
	}
	out->listen_cnt = (unsigned)s->listen_cnt;
	out->count_cycles = true;
}

/* ---- calls from control and main into the workers ---- */

struct call {
	void (*fn)(struct worker *w, void *arg);
	void *arg;
	bool done; /* release by the worker pairs with acquire by the caller */
};

static void
run_call(struct worker *w, void *arg)
{
	struct call *c = arg;

	c->fn(w, c->arg);
	__atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
}

/* Run fn on every worker, one after the other; when the workers do not turn yet, here. */
static void
on_workers(struct boot *b, void (*fn)(struct worker *w, void *arg), void *arg)
{
	pthread_mutex_lock(&b->post_lock);
	for (unsigned i = 0; i < b->worker_cnt; i++) {
		struct call c = { fn, arg, false };

		if (i >= b->running_cnt) {
			fn(b->workers[i], arg);
			continue;
		}
		while (!worker_post(b->workers[i], run_call, &c))
			usleep(200);
		while (!__atomic_load_n(&c.done, __ATOMIC_ACQUIRE))
			usleep(100);
	}
	pthread_mutex_unlock(&b->post_lock);
}

static void
call_drain(struct worker *w, void *arg)
{
	worker_drain(w, *(const bool *)arg);
}

static void
call_is_drained(struct worker *w, void *arg)
{
	*(bool *)arg = *(bool *)arg && worker_is_drained(w);
}

static void
call_tune(struct worker *w, void *arg)
{
	worker_tune(w, arg);
}

struct flush {
	struct span address;
	size_t cnt;
};

static void
call_flush(struct worker *w, void *arg)
{
	struct flush *f = arg;

	f->cnt += worker_flush_rcpt(w, f->address);
}

void
boot_drain(struct boot *b, bool on)
{
	ctrl_set_draining(b->ctrl, on); /* before a sender sees it */
	on_workers(b, call_drain, &on);
}

bool
boot_is_drained(struct boot *b)
{
	bool all = true;

	on_workers(b, call_is_drained, &all);
	return all;
}

static void
node_drain(void *ctx, bool on)
{
	boot_drain(ctx, on);
}

static bool
node_is_drained(void *ctx)
{
	return boot_is_drained(ctx);
}

static size_t
node_flush_rcpt(void *ctx, struct span address)
{
	struct flush f = { address, 0 };

	on_workers(ctx, call_flush, &f);
	return f.cnt;
}

static void
node_settings_changed(void *ctx, const struct settings *s)
{
	struct worker_tunables *t = malloc(sizeof(*t));

	BUG_ON(!t);
	tunables(s, t);
	on_workers(ctx, call_tune, t);
	free(t);
}

/* ---- figures for control ---- */

static size_t
node_memory(void *ctx, struct ctrl_memory_row *out, size_t max)
{
	struct boot *b = ctx;
	size_t cnt = 0;

	for (unsigned i = 0; i < b->worker_cnt; i++) {
		struct worker_memory_row rows[32];
		size_t n = worker_memory(b->workers[i], rows, ARRAY_LEN(rows));

		for (size_t k = 0; k < n && k < max; k++) {
			if (i == 0) /* every worker has the same rows in the same order */
				out[k] = (struct ctrl_memory_row){ .name = rows[k].name };
			out[k].used_cnt += rows[k].used_cnt;
			out[k].used_bytes += rows[k].used_bytes;
			out[k].room_bytes += rows[k].room_bytes;
			out[k].failed_cnt += rows[k].failed_cnt;
		}
		cnt = MIN(n, max);
	}
	return cnt;
}

static size_t
node_ports(void *ctx, struct ctrl_port_row *out, size_t max)
{
	struct boot *b = ctx;
	size_t n = MIN((size_t)b->port_cnt, max);

	for (size_t i = 0; i < n; i++) {
		struct packet_address_state st[PACKET_ADDRS_MAX];
		unsigned cnt =
		        packet_port_addresses(packet_eal_port(b->ports[i]), st, ARRAY_LEN(st));
		size_t at = 0;

		snprintf(out[i].device, sizeof(out[i].device), "%s", b->settings->ports[i].device);
		out[i].addresses[0] = 0;
		out[i].up = true;
		for (unsigned k = 0; k < cnt && at + ADDR_TEXT_MAX + 16 < sizeof(out[i].addresses);
		     k++) {
			char text[ADDR_TEXT_MAX];

			addr_format(&st[k].addr, text);
			at += (size_t)snprintf(out[i].addresses + at, sizeof(out[i].addresses) - at,
			                       "%s%s%s", at ? " " : "", text,
			                       st[k].is_duplicate ? "(duplicate)" : "");
		}
	}
	return n;
}

/* clang-format off */
static const struct { enum worker_hist hist; const char *metric, *help; double unit; } hist_rows[] = {
	{ HIST_RCPT_US,     "weir_rcpt_duration_seconds",    "RCPT to its answer", 1e-6 },
	{ HIST_MAIL_US,     "weir_message_duration_seconds", "Last byte of a mail to the final reply", 1e-6 },
	{ HIST_SCAN_US,     "weir_scan_duration_seconds",    "Last byte of a mail to its verdict", 1e-6 },
	{ HIST_TURN_CYCLES, "weir_turn_cycles",              "Cycles of a turn of the loop that had work", 1 },
};
/* clang-format on */

static void
wire_hists(struct boot *b, unsigned i)
{
	struct ctrl_worker *row = &b->rows[i];

	for (size_t h = 0; h < ARRAY_LEN(hist_rows) + WORKER_STAGES; h++) {
		struct ctrl_hist *out = &b->hists[i][row->hist_cnt];
		char *labels = b->hist_labels[i][row->hist_cnt];

		if (h < ARRAY_LEN(hist_rows)) {
			snprintf(labels, 64, "core=\"%u\"", row->cpu);
			*out = (struct ctrl_hist){ hist_rows[h].metric, labels, hist_rows[h].help,
				                   hist_rows[h].unit,
				                   worker_hist(b->workers[i], hist_rows[h].hist) };
		} else {
			unsigned stage = (unsigned)(h - ARRAY_LEN(hist_rows));

			snprintf(labels, 64, "core=\"%u\",stage=\"%s\"", row->cpu,
			         worker_stage_names[stage]);
			*out = (struct ctrl_hist){
				"weir_stage_cycles", labels, "Cycles of a stage of the loop", 1,
				worker_hist(b->workers[i], (enum worker_hist)(HIST_STAGE0 + stage))
			};
		}
		row->hist_cnt++;
	}
	row->hists = b->hists[i];
}

void
boot_wire_ctrl(struct boot *b)
{
	for (unsigned i = 0; i < b->worker_cnt; i++) {
		struct ctrl_worker *row = &b->rows[i];

		row->cpu = packet_eal_cpu(i);
		row->events = &b->events[i];
		row->engine = b->engines[i];
		row->set_cnt = worker_counter_sets(b->workers[i], row->sets, CTRL_SETS_MAX);
		row->busy_cycles = worker_busy_cycles(b->workers[i]);
		row->idle_cycles = worker_idle_cycles(b->workers[i]);
		wire_hists(b, i);
	}
	b->node = (struct ctrl_node){
		.ctx = b,
		.workers = b->rows,
		.worker_cnt = b->worker_cnt,
		.published = &b->published,
		.primaries_up = &b->primaries_up,
		.memory = node_memory,
		.ports = node_ports,
		.drain = node_drain,
		.is_drained = node_is_drained,
		.flush_rcpt = node_flush_rcpt,
		.settings_changed = node_settings_changed,
		.capture = boot_capture,
	};
}
