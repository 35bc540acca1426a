/* SPDX-License-Identifier: BSD-3-Clause
 * worker_calls.c - what control asks of a core between two turns
 */
#include "dataplane/worker.h"
#include "dataplane/message.h"
#include "dataplane/smtp/smtp_address.h"
#include "dataplane/worker_internal.h"

void
worker_drain(struct worker *w, bool on)
{
	w->draining = on;
	upstream_drain(w->upstream, on);
	if (!on)
		return;
	list_for_each_safe(it, tmp, &w->session_list)
	        session_drain(list_entry(it, struct session, link));
}

bool
worker_is_drained(const struct worker *w)
{
	struct tcp_usage u;

	tcp_get_usage(w->tcp, &u); /* last replies may still be on their way */
	return w->sessions.used_cnt == 0 && w->messages.used_cnt == 0 && u.slices == 0;
}

void
worker_tune_tcp(struct worker *w)
{
	const struct worker_tunables *t = &w->cfg.tunables;
	const struct tcp_tunables tcp = {
		.syn_per_prefix = t->limits.enabled ? t->limits.half_open_per_prefix : 0,
		.ecn = t->ecn,
		.keep_idle_ms = (uint32_t)(t->keep_idle_us / 1000),
		.keep_interval_ms = (uint32_t)(t->keep_interval_us / 1000),
		.keep_cnt = t->keep_cnt,
	};

	BUG_ON(!tcp_tune(w->tcp, &tcp)); /* settings.def has TCP's bounds */
}

void
worker_tune(struct worker *w, const struct worker_tunables *t)
{
	w->cfg.tunables = *t;
	w->rcpts.enabled = t->rcpt_cache;
	w->limits.cfg = t->limits;
	worker_tune_tcp(w);
	upstream_tune(w->upstream, t->max_connections, t->max_refusals, t->max_idle_resets,
	              t->retry_min_us, t->retry_max_us, t->upstream_idle_us);
	worker_seal_smtp(w);
}

size_t
worker_flush_rcpt(struct worker *w, struct span address)
{
	char text[SMTP_PATH_TEXT_MAX + 2];
	struct span in = span(text, address.len + 2);
	struct smtp_path path;
	struct engine_client nobody = { 0 };
	struct engine_rcpt_query q = { .client = &nobody };
	struct engine_rcpt e;

	if (address.len == 0)
		return rcpt_cache_clear(&w->rcpts);
	if (address.len > SMTP_PATH_TEXT_MAX || !w->snapshot)
		return 0;
	text[0] = '<';
	memcpy(text + 1, address.p, address.len);
	text[address.len + 1] = '>';
	if (smtp_path_parse(&in, &path) != SMTP_PATH_OK || in.len > 0)
		return 0;
	q.local = path.local;
	q.domain = path.domain;
	engine_rcpt(w->snapshot, &q, &e);
	/* The cache has it as RCPT sends it to the server (message_rcpt()). */
	address = span(text, smtp_path_format(&path, text));
	return e.route && rcpt_cache_forget(&w->rcpts, e.route_id, address) ? 1 : 0;
}
