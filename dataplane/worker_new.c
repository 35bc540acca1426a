/* SPDX-License-Identifier: BSD-3-Clause
 * worker_new.c - one core: what it is made of, and what TCP and upstream stand on
 */
#include "dataplane/worker.h"
#include "dataplane/message.h"
#include "dataplane/worker_internal.h"

/* ---- what TCP and upstream stand on ---- */

static struct packet *
port_of(struct worker *w, const struct addr *src)
{
	if (w->env.port_cnt == 1)
		return w->packets[0];
	for (unsigned i = 0; i < w->env.port_cnt; i++)
		if (packet_is_local(w->packets[i], src))
			return w->packets[i];
	counter_inc(&w->n_worker.no_packet);
	return w->packets[0];
}

static struct rte_mbuf *
link_alloc(void *ctx)
{
	return packet_alloc(((struct worker *)ctx)->packets[0]);
}

static void
link_send(void *ctx, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
          uint8_t tos, uint64_t now_us)
{
	packet_send(port_of(ctx, src), m, src, dst, tos, now_us); /* what it drops, it counts */
}

static bool
is_local(void *ctx, const struct addr *a)
{
	struct worker *w = ctx;

	for (unsigned i = 0; i < w->env.port_cnt; i++)
		if (packet_is_local(w->packets[i], a))
			return true;
	return false;
}

static bool
source_for(void *ctx, const struct addr *dst, struct addr *src)
{
	struct worker *w = ctx;

	for (unsigned i = 0; i < w->env.port_cnt; i++)
		if (packet_source_for(w->packets[i], dst, src))
			return true;
	return false;
}

static unsigned
link_mtu(void *ctx, const struct addr *dst)
{
	struct worker *w = ctx;
	struct addr src;

	for (unsigned i = 1; i < w->env.port_cnt; i++)
		if (packet_source_for(w->packets[i], dst, &src))
			return packet_mtu(w->packets[i], dst);
	return packet_mtu(w->packets[0], dst);
}

static bool
link_is_mine(void *ctx, const struct addr *src, uint16_t sport, const struct addr *dst,
             uint16_t dport)
{
	struct worker *w = ctx;

	return packet_owner(w->packets[0], dst, dport, src, sport) == w->cfg.worker;
}

static bool
banned(void *ctx, const struct addr *src)
{
	struct worker *w = ctx;

	return w->env.is_banned(w->env.ban_ctx, src);
}

static void
on_icmp(void *ctx, const struct packet_icmp_error *e, uint64_t now_us)
{
	tcp_icmp(((struct worker *)ctx)->tcp, e, now_us);
}

static char *
line_get(void *ctx)
{
	return pool_get(&((struct worker *)ctx)->lines);
}

static void
line_put(void *ctx, char *buf)
{
	pool_put(&((struct worker *)ctx)->lines, buf);
}

/* ---- making it ---- */

struct worker_sizes
worker_sizes(uint64_t memory_bytes, uint64_t hold_bytes_of_one)
{
	struct worker_sizes s = { 0 };
	uint64_t hold;

	s.sessions = (uint32_t)MIN(memory_bytes / 8 / 1024, 2000000u);
	s.messages = (uint32_t)MIN(memory_bytes / 8 / message_bytes(), 200000u);
	s.chunks = (uint32_t)MIN(memory_bytes / 2 / (CHUNK_BYTES + sizeof(struct chunk)), 4000000u);
	s.small_chunks = (uint32_t)MAX(memory_bytes / 32 / SMALL_CHUNK_BYTES, 1024u);
	s.lines = (uint32_t)MAX(memory_bytes / 64 / SMTP_COMMAND_MAX, 256u);
	s.upstream_conns = (uint32_t)MIN(MAX(memory_bytes / 32 / 4096, 256u), 65536u);
	s.routes = (uint32_t)MIN(MAX(memory_bytes / 64 / 2048, 256u), 65536u);
	s.conns = s.sessions + s.upstream_conns + 1024;
	s.rcpts = (uint32_t)MIN(MAX(memory_bytes / 8192, 4096u), 1u << 20);
	/* A session has two, its address and its prefix, and no two may be of one: half of the table then, so that sets of
	 * eight hardly ever are full. */
	s.sources = MAX(s.sessions * LIMITS_PER_SESSION, 4096u);
	/* An eighth of the chunks is for envelopes and for bodies that TCP still holds after their mail ended. */
	hold = (uint64_t)s.chunks * CHUNK_BYTES / 8 * 7;
	s.hold_bytes = MAX(hold, hold_bytes_of_one);
	return s;
}

void
worker_tunables_default(struct worker_tunables *t)
{
	memset(t, 0, sizeof(*t));
	t->max_message = 50ull << 20;
	t->max_recipients = 100;
	t->max_errors = 20;
	t->max_idle = 100;
	t->rcpt_cache = true;
	t->command_us = 300000000;
	t->mail_us = 1800000000;
	t->rate_window_us = 180000000;
	t->pressure_us = 30000000;
	t->min_rate = 64;
	t->rcpt_deadline_us = 90000000;
	t->final_deadline_us = 540000000;
	t->retry_min_us = 1000000;
	t->retry_max_us = 60000000;
	t->upstream_idle_us = 30000000;
	t->connect_us = 10000000;
	t->max_connections = 10;
	t->max_refusals = 8;
	t->max_idle_resets = 50;
	t->ecn = TCP_ECN_PASSIVE;
	t->keep_idle_us = 120000000;
	t->keep_interval_us = 30000000;
	t->keep_cnt = 4;
}

static int
make_pools(struct worker *w)
{
	const struct worker_sizes *s = &w->cfg.sizes;
	const struct {
		struct pool *pool;
		const char *name;
		size_t bytes;
		uint32_t cnt;
	} rows[] = {
		{ &w->sessions, "sessions", sizeof(struct session), s->sessions },
		{ &w->messages, "messages", message_bytes(), s->messages },
		{ &w->chunks, "chunks", sizeof(struct chunk) + CHUNK_BYTES, s->chunks },
		{ &w->small_chunks, "small chunks", sizeof(struct chunk) + SMALL_CHUNK_BYTES,
		  s->small_chunks },
		{ &w->lines, "lines", SMTP_COMMAND_MAX, s->lines },
	};
	int ret = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows) && ret == 0; i++)
		ret = pool_init_mapped(rows[i].pool, rows[i].name, rows[i].bytes, rows[i].cnt);
	if (ret == 0)
		w->dot = chunk_new(&w->small_chunks);
	if (!w->dot)
		return -ENOMEM;
	w->dot->data[0] = '.';
	w->dot->len = 1;
	return 0;
}

static struct siphash_key
make_key(struct worker *w)
{
	struct siphash_key k = { rng_next(&w->rng), rng_next(&w->rng) };

	return k;
}

static int
make_tables(struct worker *w)
{
	const struct worker_sizes *s = &w->cfg.sizes;
	const struct worker_tunables *t = &w->cfg.tunables;
	struct siphash_key rcpt_key = make_key(w);

	w->split_key = make_key(w);
	w->limits = (struct limits){ .table = w->env.limits, .cfg = t->limits };
	if (rcpt_cache_init(&w->rcpts, s->rcpts, t->rcpt_cache, &rcpt_key) < 0 ||
	    memo_init(&w->splits, s->rcpts / 4, sizeof(uint32_t)) < 0)
		return -ENOMEM;
	return 0;
}

static int
make_packets(struct worker *w, char *err)
{
	const struct packet_up up = { w, on_icmp, w->env.is_banned ? banned : NULL };

	for (unsigned i = 0; i < w->env.port_cnt; i++) {
		const struct worker_port *p = &w->env.ports[i];

		w->packets[i] = packet_new(p->port, w->cfg.worker, p->dev, p->pool, &up);
		if (!w->packets[i]) {
			snprintf(err, PACKET_ERROR_TEXT, "no memory for port %u", i);
			return -ENOMEM;
		}
	}
	return 0;
}

static int
make_tcp(struct worker *w, char *err)
{
	const struct worker_sizes *s = &w->cfg.sizes;
	const struct tcp_link link = { w, link_alloc, link_send, link_mtu, link_is_mine, NULL };
	struct tcp_config t;

	tcp_config_defaults(&t);
	t.conn_cnt = s->conns;
	t.syn_cnt = MIN(s->conns, 65535u);
	t.timewait_cnt = s->conns;
	t.orphan_cnt = MAX(s->conns / 4, 256u);
	t.slice_cnt = MAX(s->conns * 2, s->chunks * 4);
	t.small_chunk_cnt = MAX(s->conns / 4, 1024u);
	t.snd_budget_bytes = (uint64_t)s->chunks * CHUNK_BYTES / 8; /* worker_sizes() left it */
	t.connect_timeout_ms = (uint32_t)(w->cfg.tunables.connect_us / 1000);
	t.wheel_kind = WHEEL_TCP;
	t.table_key = make_key(w);
	t.isn_key = make_key(w);
	w->tcp = tcp_stack_new(&t, &link, &w->wheel, &w->rng, &w->n_tcp);
	if (!w->tcp) {
		snprintf(err, PACKET_ERROR_TEXT, "no memory for %u connections (%s)", s->conns,
		         strerror(errno));
		return -ENOMEM;
	}
	worker_tune_tcp(w);
	for (unsigned i = 0; i < w->cfg.listen_cnt; i++) {
		int ret = tcp_listen(w->tcp, &w->cfg.listen[i].addr, w->cfg.listen[i].port,
		                     &session_ops, w);

		if (ret < 0) {
			snprintf(err, PACKET_ERROR_TEXT, "cannot listen on port %u: %s",
			         w->cfg.listen[i].port, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

static int
make_upstream(struct worker *w, char *err)
{
	const struct worker_tunables *t = &w->cfg.tunables;
	const struct upstream_config c = { .hostname = span_z(w->cfg.hostname),
		                           .conn_cnt = w->cfg.sizes.upstream_conns,
		                           .route_cnt = w->cfg.sizes.routes,
		                           .max_connections = t->max_connections,
		                           .max_refusals = t->max_refusals,
		                           .max_idle_resets = t->max_idle_resets,
		                           .greet_us = 2 * t->connect_us,
		                           .reset_us = 30000000,
		                           .idle_us = t->upstream_idle_us,
		                           .retry_min_us = t->retry_min_us,
		                           .retry_max_us = t->retry_max_us,
		                           .wheel_kind = WHEEL_UPSTREAM,
		                           .worker = (uint16_t)w->cfg.worker };
	const struct upstream_env e = { w->tcp,        &w->wheel,      &w->rng, w->env.health,
		                        w->env.events, &w->n_upstream, w,       source_for,
		                        is_local };

	w->upstream = upstream_new(&c, &e);
	if (w->upstream)
		return 0;
	snprintf(err, PACKET_ERROR_TEXT, "no memory for %u connections to customers' servers",
	         c.conn_cnt);
	return -ENOMEM;
}

void
worker_seal_smtp(struct worker *w)
{
	const struct worker_tunables *t = &w->cfg.tunables;

	w->smtp.hostname = span_z(w->cfg.hostname);
	w->smtp.max_message = t->max_message;
	w->smtp.max_recipients = t->max_recipients;
	w->smtp.max_errors = t->max_errors;
	w->smtp.max_idle = t->max_idle;
	w->smtp.bare_newlines = t->bare_newlines;
	w->smtp.lender = (struct smtp_line_lender){ line_get, line_put, w };
	smtp_server_config_seal(&w->smtp);
}

static void
init(struct worker *w)
{
	list_init(&w->session_list);
	list_init(&w->message_list);
	list_init(&w->scan_small);
	list_init(&w->scan_large);
	list_init(&w->scan_running);
	list_init(&w->scan_kept);
	list_init(&w->in_body);
	w->out = (struct smtp_out){ w->out_bytes, 0, sizeof(w->out_bytes) };
	w->now_us = w->cfg.now_us;
	w->hold_budget = w->cfg.sizes.hold_bytes;
	rng_seed(&w->rng, w->cfg.seed ? w->cfg.seed : rng_entropy());
	wheel_init(&w->wheel, w->now_us);
	wheel_set_kind(&w->wheel, WHEEL_SESSION, session_on_timer, w);
	wheel_set_kind(&w->wheel, WHEEL_MESSAGE, message_on_timer, w);
	worker_seal_smtp(w);
}

struct worker *
worker_new(const struct worker_config *cfg, const struct worker_env *env, char *err)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w) {
		snprintf(err, PACKET_ERROR_TEXT, "no memory");
		return NULL;
	}
	w->cfg = *cfg;
	w->env = *env;
	init(w);
	if (make_pools(w) < 0 || make_tables(w) < 0) {
		snprintf(err, PACKET_ERROR_TEXT, "no memory for %u sessions, %u mails, %u chunks",
		         cfg->sizes.sessions, cfg->sizes.messages, cfg->sizes.chunks);
		goto failed;
	}
	if (make_packets(w, err) < 0 || make_tcp(w, err) < 0 || make_upstream(w, err) < 0)
		goto failed;
	return w;

failed:
	worker_free(w);
	return NULL;
}

static void
free_pool(struct pool *p)
{
	if (p->memory)
		pool_fini_mapped(p);
}

void
worker_free(struct worker *w)
{
	if (!w)
		return;
	list_for_each_safe(it, tmp, &w->session_list)
	        session_drop(list_entry(it, struct session, link));
	message_drop_all(w);
	upstream_free(w->upstream);
	tcp_stack_free(w->tcp);
	for (unsigned i = 0; i < w->env.port_cnt; i++)
		if (w->packets[i])
			packet_free(w->packets[i]);
	rcpt_cache_fini(&w->rcpts);
	memo_fini(&w->splits);
	if (w->dot)
		chunk_put(w->dot);
	free_pool(&w->sessions);
	free_pool(&w->messages);
	free_pool(&w->chunks);
	free_pool(&w->small_chunks);
	free_pool(&w->lines);
	free(w);
}
