/* SPDX-License-Identifier: BSD-3-Clause
 * sim_tcp.c - two stacks, a bad link, a virtual clock, everything from one seed
 *
 * Properties, for every seed: what a reader gets is a prefix of what was sent; on_close(0) means that both streams arrived
 * whole; an end that hears of an error is not left alone with it (the other end is told too); afterwards no connection,
 * timer, mbuf, chunk, slice or sender's block is left on either side; no virtual second has more turns or segments than work. Over 500 lines: users, run and judgement of one program share its state. Replay: build/tests/sim/sim_tcp --seed N [--verbose].
 */
#include "base/clock.h"
#include "dataplane/tcp/tcp.h"
#include "tests/sim/sim_eal.h"
#include "tests/sim/sim_tcp_pick.h"

#define PAIRS_MAX   64
#define PAIRS_USUAL 8
#define PORT        25
#define START_US    1000000ull
#define PATIENCE_US 420000000ull   /* a user who saw nothing happen for so long aborts */
#define END_US      14400000000ull /* four hours: something hangs */
#define IDLE_MAX    3000 /* turns of one virtual second in which nothing arrived: something spins */
#define SENT_MAX    200000 /* segments of one virtual second */

enum habit {
	EAGER,    /* reads all at once */
	SIPPING,  /* some bytes at a time */
	STALLING, /* nothing for up to two minutes, then all */
	HABITS
};

enum finish {
	CLOSE,       /* FIN when all is queued */
	CLOSE_AFTER, /* FIN when the peer's was seen */
	ABORT,       /* RST at some point */
	DETACH,      /* orphan when all is queued */
	FINISHES
};

struct side {
	struct pair *pair;
	struct node *node;
	struct tcp_conn *c; /* NULL: not yet, or gone */
	unsigned index;     /* 0: active */
	enum habit habit;
	enum finish finish;
	uint64_t total, queued, read; /* bytes to send, given to TCP, received */
	uint64_t wake_us;             /* next time it does something by itself */
	uint64_t moved_us;            /* when something last happened */
	uint64_t progress;            /* when last looked */
	uint64_t abort_at;            /* bytes read or queued after which it aborts */
	bool opened, closed, saw_eof, is_out, gave_up;
	bool is_over; /* on_close() came, or it aborted or detached */
	int err;
};

struct pair {
	struct sim *sim;
	struct side side[2];
	uint64_t key[2];
	uint16_t port; /* the active side's */
	bool v6;
};

struct node {
	struct sim *sim;
	unsigned index;
	struct tcp_stack *stack;
	struct wheel wheel;
	struct rng rng;
	struct tcp_counters counters;
	struct pool chunks;
	bool timestamps, cookies; /* cookies: its SYN queue is soon full */
};

struct sim {
	uint64_t seed, now_us;
	struct rng rng;
	struct sim_link link;
	struct node node[2];
	struct pair pair[PAIRS_MAX];
	unsigned pairs;
	bool is_bad;
	bool no_trouble_expected;     /* few enough losses that no time-out can be excused */
	uint64_t second, sent_before; /* the present one; segments sent before it */
	unsigned idle;                /* turns of it in which nothing arrived */
	unsigned errors;
};

static bool verbose, quiet;
static struct sim_limits limits = { .pairs = PAIRS_MAX, .bytes = UINT64_MAX };
static uint64_t the_seed;
static struct rte_mempool *pool;
static struct tcp_counters totals;
static uint64_t total_errors, total_bytes, total_segments;

static void
fail(struct sim *s, const char *why)
{
	if (!s->is_bad && !quiet)
		printf("seed %llu: %s (at %.3f s); replay: build/tests/sim/sim_tcp --seed %llu "
		       "--verbose\n",
		       (unsigned long long)s->seed, why, (double)s->now_us / 1e6,
		       (unsigned long long)s->seed);
	s->is_bad = true;
}

#define EXPECT(s, c)                                                                               \
	do {                                                                                       \
		if (!(c))                                                                          \
			fail(s, #c);                                                               \
	} while (0)

static uint8_t
byte_at(uint64_t key, uint64_t off)
{
	return (uint8_t)((off * 0x9e3779b97f4a7c15ull ^ key) >> 29 ^ off >> 8);
}

/* --- one side's user --- */

static void
over(struct side *d)
{
	d->is_over = true;
	d->c = NULL;
}

static bool
send_some(struct side *d)
{
	struct rng *r = &d->pair->sim->rng;
	uint64_t key = d->pair->key[d->index];
	size_t most = 1 + rng_below(r, 30000),
	       n = MIN(MIN(d->total - d->queued, tcp_room(d->c)), most);
	bool copied = rng_odds(r, 1, 2);
	uint8_t small[3000];

	if (n == 0)
		return false;
	if (copied) {
		n = MIN(n, sizeof(small));
		for (size_t i = 0; i < n; i++)
			small[i] = byte_at(key, d->queued + i);
		if (!tcp_send(d->c, span(small, n)))
			return false;
	} else {
		struct chunk *ch = chunk_new(&d->node->chunks);
		uint32_t off = (uint32_t)rng_below(r, 7);
		bool ok;

		if (!ch)
			return false;
		n = MIN(n, ch->cap - off);
		for (size_t i = 0; i < n; i++)
			ch->data[off + i] = byte_at(key, d->queued + i);
		ch->len = off + (uint32_t)n;
		ok = tcp_send_chunk(d->c, ch, off, (uint32_t)n);
		chunk_put(ch);
		if (!ok)
			return false;
	}
	d->queued += n;
	return true;
}

static void
finish_if_due(struct side *d)
{
	if (d->finish == ABORT && d->read + d->queued >= d->abort_at) {
		tcp_abort(d->c);
		over(d);
	} else if (d->queued < d->total || d->is_out) {
		return;
	} else if (d->finish == DETACH) {
		tcp_detach(d->c);
		over(d);
	} else if (d->finish == CLOSE || d->saw_eof) {
		d->is_out = true;
		tcp_close(d->c);
	}
}

static void
drive_out(struct side *d)
{
	while (send_some(d))
		;
	if (d->queued < d->total && tcp_room(d->c) > 0) /* the chunk pool is empty: look again */
		d->wake_us = MIN(d->wake_us, d->pair->sim->now_us + 20000);
	finish_if_due(d);
}

static void
read_some(struct side *d, size_t max)
{
	struct sim *s = d->pair->sim;
	uint64_t key = d->pair->key[1 - d->index];
	struct span in;

	while (max > 0 && tcp_peek(d->c, &in)) {
		size_t n = MIN(in.len, max);

		EXPECT(s, in.len > 0);
		for (size_t i = 0; i < n; i++)
			if ((uint8_t)in.p[i] != byte_at(key, d->read + i)) {
				fail(s, "received byte is wrong");
				break;
			}
		tcp_consume(d->c, n);
		d->read += n;
		max -= n;
		if (s->is_bad)
			return;
	}
	EXPECT(s, d->read <= d->pair->side[1 - d->index].total);
	if (tcp_at_eof(d->c) && !d->saw_eof) {
		d->saw_eof = true;
		EXPECT(s, d->read == d->pair->side[1 - d->index].queued);
	}
}

static void
on_open(struct tcp_conn *c, void *user)
{
	struct side *d = user;

	d->opened = true;
	EXPECT(d->pair->sim, d->c == c);
	d->moved_us = d->pair->sim->now_us;
	drive_out(d);
}

static void
on_bytes(struct tcp_conn *c, void *user)
{
	struct side *d = user;
	struct sim *s = d->pair->sim;

	(void)c;
	d->moved_us = s->now_us;
	if (d->habit == EAGER) {
		read_some(d, SIZE_MAX);
	} else if (d->wake_us == UINT64_MAX) {
		uint64_t most = d->habit == SIPPING       ? 30000
		                : rng_odds(&s->rng, 1, 4) ? 120000000
		                                          : 100000;

		d->wake_us = s->now_us + 1 + rng_below(&s->rng, most);
	}
	if (d->c)
		finish_if_due(d);
}

static void
on_room(struct tcp_conn *c, void *user)
{
	struct side *d = user;

	(void)c;
	d->moved_us = d->pair->sim->now_us;
	drive_out(d);
}

static void
on_close(struct tcp_conn *c, void *user, int err)
{
	struct side *d = user;
	struct sim *s = d->pair->sim;

	EXPECT(s, !d->is_over && !d->closed && d->c == c);
	if (err) /* what came before the error can still be read */
		read_some(d, SIZE_MAX);
	d->closed = true;
	d->err = err;
	if (err == 0) {
		d->saw_eof |= tcp_at_eof(c);
		EXPECT(s, d->saw_eof && d->is_out && tcp_unacked(c) == 0);
		EXPECT(s, d->read == d->pair->side[1 - d->index].queued);
	}
	if (verbose)
		printf("%.3f pair %ld side %u closed: %s; read %llu of %llu\n",
		       (double)s->now_us / 1e6, (long)(d->pair - s->pair), d->index,
		       err ? strerror(err) : "well", (unsigned long long)d->read,
		       (unsigned long long)d->pair->side[1 - d->index].total);
	over(d);
}

static const struct tcp_ops side_ops = { on_open, on_bytes, on_room, on_close };

static void
on_accept(struct tcp_conn *c, void *ctx)
{
	struct node *n = ctx;
	struct sim *s = n->sim;

	for (unsigned i = 0; i < s->pairs; i++) {
		struct pair *p = &s->pair[i];

		if (p->port != tcp_remote_port(c) || p->v6 == addr_is_v4(tcp_remote_addr(c)))
			continue;
		if (p->side[1].opened) {
			/* The network's second copy of what brought a cookie back, after the connection had ended. */
			EXPECT(s, n->counters.cookies_in > 1);
			tcp_abort(c);
			return;
		}
		p->side[1].c = c;
		tcp_set_ops(c, &side_ops);
		tcp_set_user(c, &p->side[1]);
		on_open(c, &p->side[1]);
		return;
	}
	fail(s, "a connection that nobody opened");
	tcp_abort(c);
}

static void
on_accept_close(struct tcp_conn *c, void *ctx, int err)
{
	(void)c;
	(void)ctx;
	(void)err;
}

static const struct tcp_ops accept_ops = { .on_open = on_accept, .on_close = on_accept_close };

/* --- the run --- */

/* Changes while bytes of this side are acknowledged, or read over there. */
static uint64_t
progress(const struct side *d)
{
	return d->queued - tcp_unacked(d->c) + d->pair->side[1 - d->index].read;
}

static void
print_stuck(const struct side *d)
{
	struct tcp_info i;

	tcp_get_info(d->c, &i);
	printf("%.3f pair %ld side %u is stuck in %s: queued %llu of %llu, read %llu; unacked %u, "
	       "unread %u, cwnd %u, "
	       "windows %u and %u, mss %u\n",
	       (double)d->pair->sim->now_us / 1e6, (long)(d->pair - d->pair->sim->pair), d->index,
	       tcp_state_name(i.state), (unsigned long long)d->queued, (unsigned long long)d->total,
	       (unsigned long long)d->read, i.unacked_bytes, i.unread_bytes, i.cwnd_bytes,
	       i.snd_wnd_bytes, i.rcv_wnd_bytes, i.snd_mss);
}

static void
wake(struct side *d)
{
	struct sim *s = d->pair->sim;

	d->wake_us = UINT64_MAX;
	if (!d->c)
		return;
	if (s->now_us - d->moved_us > PATIENCE_US && progress(d) != d->progress) {
		d->progress = progress(d); /* slow, but it goes on */
		d->moved_us = s->now_us;
	}
	if (s->now_us - d->moved_us > PATIENCE_US) {
		d->gave_up = true;
		for (unsigned i = 0; verbose && i < 2; i++)
			if (d->pair->side[i].c)
				print_stuck(&d->pair->side[i]);
		tcp_abort(d->c);
		over(d);
		return;
	}
	if (d->opened) {
		read_some(d, d->habit == SIPPING ? 1 + rng_below(&s->rng, 5000) : SIZE_MAX);
		drive_out(d);
		if (d->c && tcp_unread(d->c)) {
			uint64_t at = s->now_us + 1 + rng_below(&s->rng, 30000);

			d->wake_us = MIN(d->wake_us, at);
		}
	}
}

static struct addr
address(unsigned node, bool v6)
{
	struct addr a = addr_v4(0x0a4d0001 + node);

	if (v6) {
		memset(&a, 0, sizeof(a));
		a.b[0] = 0xfd;
		a.b[15] = (uint8_t)(1 + node);
	}
	return a;
}

static uint64_t
pick_size(struct rng *r)
{
	switch (rng_below(r, 5)) {
	case 0:
		return 0;
	case 1:
		return 1 + rng_below(r, 10);
	case 2:
		return rng_below(r, 4000);
	case 3:
		return rng_below(r, 60000);
	default:
		return rng_below(r, 200000);
	}
}

static void
side_init(struct sim *s, struct pair *p, unsigned i)
{
	struct rng *r = &s->rng;

	p->side[i] = (struct side){ .pair = p,
		                    .node = &s->node[i],
		                    .index = i,
		                    .habit = rng_odds(r, 1, 2) ? EAGER : rng_below(r, HABITS),
		                    .finish = rng_odds(r, 3, 4) ? rng_below(r, 2)
		                                                : rng_below(r, FINISHES),
		                    .total = pick_size(r) / (s->pairs > PAIRS_USUAL ? 8 : 1),
		                    .wake_us = UINT64_MAX,
		                    .moved_us = s->now_us };
	p->side[i].abort_at = rng_below(r, p->side[i].total + 1000);
	p->side[i].total = MIN(p->side[i].total, limits.bytes);
}

static void
connect_pair(struct sim *s, struct pair *p)
{
	struct addr a, b;

	p->sim = s;
	p->v6 = rng_odds(&s->rng, 1, 3);
	p->key[0] = rng_next(&s->rng);
	p->key[1] = rng_next(&s->rng);
	side_init(s, p, 0);
	side_init(s, p, 1);
	if (p->side[0].finish == CLOSE_AFTER && p->side[1].finish == CLOSE_AFTER)
		p->side[0].finish = CLOSE;
	a = address(0, p->v6);
	b = address(1, p->v6);
	p->side[0].c =
	        tcp_connect(s->node[0].stack, &a, &b, PORT, &side_ops, &p->side[0], s->now_us);
	EXPECT(s, p->side[0].c);
	if (p->side[0].c)
		p->port = tcp_local_port(p->side[0].c);
}

static void
node_init(struct sim *s, unsigned i)
{
	struct node *n = &s->node[i];
	struct tcp_link link = sim_link_tcp(&s->link, i);
	struct rng *r = &s->rng;
	struct tcp_config cfg;
	struct addr any = { 0 };

	memset(n, 0, sizeof(*n));
	n->sim = s;
	n->index = i;
	wheel_init(&n->wheel, s->now_us);
	rng_seed(&n->rng, rng_next(r));
	BUG_ON(pool_init_mapped(&n->chunks, "bodies", sizeof(struct chunk) + 8192, 64));
	tcp_config_defaults(&cfg);
	cfg.conn_cnt = 128;
	cfg.tx_cnt = rng_odds(r, 1, 5) ? 1 + (unsigned)rng_below(r, 4) : 128;
	cfg.big_cnt = rng_odds(r, 1, 5) ? 1 : 16;
	cfg.syn_cnt = rng_odds(r, 1, 5) ? 1 : 16;
	cfg.syn_per_prefix = rng_odds(r, 1, 5) ? 1 : 0;
	cfg.cookie_ring_cnt = rng_odds(r, 1, 5) ? 1 : 64;
	/* A cookie that is not sent again stands or falls with one ACK, and side 1 may be the one to speak. */
	if (cfg.syn_per_prefix == 1 || (cfg.syn_cnt == 1 && cfg.cookie_ring_cnt == 1))
		s->no_trouble_expected = false;
	cfg.timewait_cnt = 64;
	cfg.orphan_cnt = rng_odds(r, 1, 5) ? 1 : 64;
	cfg.slice_cnt = rng_odds(r, 1, 5) ? 16 : 512;
	if (cfg.slice_cnt ==
	    16) /* pairs whose readers sleep may hold all of them for longer than others are patient */
		s->no_trouble_expected = false;
	cfg.small_chunk_cnt = rng_odds(r, 1, 5) ? 16 : 512;
	cfg.ooo_cnt = rng_odds(r, 1, 5) ? 1 : 16;
	cfg.mbuf_budget = 4096;
	cfg.rcv_buf_bytes = 2048u << rng_below(r, 8);
	cfg.rcv_buf_max_bytes = cfg.rcv_buf_bytes << rng_below(r, 4);
	cfg.snd_buf_bytes = 4096u << rng_below(r, 7);
	cfg.snd_buf_max_bytes = cfg.snd_buf_bytes << rng_below(r, 5);
	cfg.snd_budget_bytes = 4096u << rng_below(r, 10);
	cfg.rcv_wscale = (uint8_t)rng_below(r, 10);
	cfg.timestamps = rng_odds(r, 2, 3);
	cfg.sack = rng_odds(r, 2, 3);
	cfg.ecn = (enum tcp_ecn)rng_below(r, TCP_ECN_ACTIVE + 1);
	n->timestamps = cfg.timestamps;
	n->cookies = cfg.syn_cnt == 1 || cfg.syn_per_prefix;
	cfg.table_key = (struct siphash_key){ rng_next(r), rng_next(r) };
	cfg.isn_key = (struct siphash_key){ rng_next(r), rng_next(r) };
	n->stack = tcp_stack_new(&cfg, &link, &n->wheel, &n->rng, &n->counters);
	BUG_ON(!n->stack);
	s->link.end[i].stack = n->stack;
	BUG_ON(tcp_listen(n->stack, &any, PORT, &accept_ops, n));
}

static void
pick_link(struct sim *s)
{
	struct sim_link_config c;

	sim_pick_link(&s->rng, &c);
	sim_leave_out(&c, limits.without);
	s->no_trouble_expected = sim_link_is_fair(&c);
	sim_link_init(&s->link, &c, rng_next(&s->rng), pool);
	if (verbose)
		sim_print_link(&c);
}

static bool
is_all_over(const struct sim *s)
{
	for (unsigned i = 0; i < s->pairs; i++)
		for (unsigned k = 0; k < 2; k++)
			if (s->pair[i].side[k].c)
				return false;
	return true;
}

static bool
is_clean(const struct node *n)
{
	struct tcp_usage u;

	tcp_get_usage(n->stack, &u);
	return !u.conns && !u.orphans && !u.syns && !u.cookies && !u.timewaits && !u.slices &&
	       !u.small_chunks && !u.txs && !u.bigs && !u.ooos && !u.mbufs_held && !u.snd_bytes &&
	       !n->chunks.used_cnt && !n->wheel.armed_cnt;
}

static void
turn_node(struct sim *s, struct node *n)
{
	tcp_ready(n->stack, s->now_us);
	tcp_flush(n->stack, s->now_us);
	wheel_turn(&n->wheel, s->now_us, 0);
	tcp_ready(n->stack, s->now_us);
	tcp_flush(n->stack, s->now_us);
}

static uint64_t
next_us(struct sim *s)
{
	uint64_t next = sim_link_next_us(&s->link);

	for (unsigned i = 0; i < 2; i++)
		next = MIN(next, s->now_us + wheel_next_us(&s->node[i].wheel, s->now_us, 1000000));
	for (unsigned i = 0; i < s->pairs; i++)
		for (unsigned k = 0; k < 2; k++) {
			struct side *d = &s->pair[i].side[k];

			if (!d->c)
				continue;
			next = MIN(next, MIN(d->wake_us, d->moved_us + PATIENCE_US + 1));
		}
	return MAX(next, s->now_us + 1);
}

static void
look_for_spin(struct sim *s, bool arrives)
{
	if (s->second != s->now_us / 1000000) {
		s->second = s->now_us / 1000000;
		s->idle = 0;
		s->sent_before = s->link.sent;
	}
	s->idle += !arrives;
	EXPECT(s, s->idle <= IDLE_MAX);
	EXPECT(s, s->link.sent - s->sent_before <= SENT_MAX);
}

static void
turn(struct sim *s)
{
	bool arrives = sim_link_next_us(&s->link) <= (s->now_us = next_us(s));

	look_for_spin(s, arrives);
	sim_link_deliver(&s->link, s->now_us);
	for (unsigned i = 0; i < s->pairs; i++)
		for (unsigned k = 0; k < 2; k++) {
			struct side *d = &s->pair[i].side[k];

			if (d->c &&
			    (d->wake_us <= s->now_us || s->now_us > d->moved_us + PATIENCE_US))
				wake(d);
		}
	for (unsigned i = 0; i < 2; i++)
		turn_node(s, &s->node[i]);
}

static bool
is_planned(const struct side *d)
{
	return d->finish == ABORT || d->finish == DETACH;
}

static void
judge(struct sim *s, const struct pair *p)
{
	const struct side *a = &p->side[0], *b = &p->side[1];
	bool trouble = a->err || b->err || a->gave_up || b->gave_up;

	total_bytes += a->read + b->read;
	if (trouble)
		s->errors++;
	if (is_planned(a) || is_planned(b))
		return;
	if (s->no_trouble_expected)
		EXPECT(s, !trouble);
	/* Whole on both sides, or nobody is left thinking that all is well while data is missing. */
	if (a->closed && a->err == 0)
		EXPECT(s, a->read == b->total && b->read == a->total);
	if (b->closed && b->err == 0)
		EXPECT(s, a->read == b->total && b->read == a->total);
}

static void
add_totals(const struct tcp_counters *c)
{
	const uint64_t *from = (const uint64_t *)(const void *)c;
	uint64_t *to = (uint64_t *)(void *)&totals;

	for (size_t i = 0; i < TCP_COUNTERS; i++)
		to[i] += from[i];
}

static void
fini(struct sim *s)
{
	sim_link_fini(&s->link);
	for (unsigned i = 0; i < 2; i++) {
		struct node *n = &s->node[i];

		add_totals(&n->counters);
		tcp_stack_free(n->stack);
		EXPECT(s, n->wheel.armed_cnt == 0);
		EXPECT(s, n->chunks.used_cnt == 0);
		n->chunks.used_cnt = 0;
		pool_fini_mapped(&n->chunks);
	}
	EXPECT(s, rte_mempool_in_use_count(pool) == 0);
}

static bool
run(uint64_t seed)
{
	static struct sim s;

	s.seed = seed;
	s.now_us = START_US + seed % 1000000 * 977; /* END_US counts from here on, nearly */
	s.is_bad = false;
	s.errors = 0;
	rng_seed(&s.rng, seed);
	pick_link(&s);
	for (unsigned i = 0; i < 2; i++)
		node_init(&s, i);
	/* Data that overtakes the ACK of a cookie is answered by a RST then. */
	if (s.node[1].cookies && !(s.node[0].timestamps && s.node[1].timestamps))
		s.no_trouble_expected = false;
	s.pairs =
	        1 + (unsigned)rng_below(&s.rng, rng_odds(&s.rng, 1, 32) ? PAIRS_MAX : PAIRS_USUAL);
	if (s.pairs >
	    PAIRS_USUAL) /* SYNs push one another out, and cookies lose what comes early */
		s.no_trouble_expected = false;
	s.second = s.idle = 0;
	s.sent_before = 0;
	s.pairs = MIN(s.pairs, limits.pairs);
	for (unsigned i = 0; i < s.pairs; i++)
		connect_pair(&s, &s.pair[i]);
	for (unsigned i = 0; i < 2; i++)
		turn_node(&s, &s.node[i]);
	while (!s.is_bad && s.now_us < END_US && !is_all_over(&s))
		turn(&s);
	EXPECT(&s, is_all_over(&s));
	while (!s.is_bad && s.now_us < END_US && !(is_clean(&s.node[0]) && is_clean(&s.node[1])))
		turn(&s);
	EXPECT(&s, is_clean(&s.node[0]));
	EXPECT(&s, is_clean(&s.node[1]));
	for (unsigned i = 0; i < s.pairs && !s.is_bad; i++)
		judge(&s, &s.pair[i]);
	total_errors += s.errors;
	total_segments += s.link.sent;
	fini(&s);
	return !s.is_bad;
}

static void
print_totals(void)
{
	const uint64_t *v = (const uint64_t *)(const void *)&totals;

	for (size_t i = 0; i < TCP_COUNTERS; i++)
		printf("%-20s %llu\n", tcp_counter_desc[i].field, (unsigned long long)v[i]);
}

static bool
fails(const struct sim_limits *l)
{
	limits = *l;
	return !run(the_seed);
}

/* The smallest configuration of a seed in which it still fails. */
static int
shrink(uint64_t seed)
{
	struct sim_limits l = { .pairs = PAIRS_MAX, .bytes = 1 << 18 };

	the_seed = seed;
	quiet = true;
	if (!fails(&l)) {
		printf("seed %llu does not fail\n", (unsigned long long)seed);
		return 2;
	}
	sim_shrink(&l, fails);
	quiet = false;
	fails(&l);
	sim_print_limits(seed, &l);
	return 1;
}

static int
usage(void)
{
	fprintf(stderr, "usage: sim_tcp [--seed N | --seeds N --first N | --shrink N] [--pairs N] "
	                "[--bytes N] "
	                "[--without loss,dark...] [--verbose]\n");
	return 2;
}

int
main(int argc, char **argv)
{
	uint64_t first = 1, cnt = 2000, passed = 0;
	bool small = false;

	for (int i = 1; i < argc; i++) {
		const char *name = argv[i];
		uint64_t n;

		if (!strcmp(name, "--verbose")) {
			verbose = true;
			continue;
		}
		if (++i == argc)
			return usage();
		n = strtoull(argv[i], NULL, 0);
		if (!strcmp(name, "--without")) {
			if (!sim_parse_without(argv[i], &limits.without))
				return usage();
			continue;
		}
		if (!strcmp(name, "--pairs"))
			limits.pairs = (unsigned)MAX(n, 1ull);
		else if (!strcmp(name, "--bytes"))
			limits.bytes = n;
		else if (!strcmp(name, "--seeds"))
			cnt = n;
		else if (!strcmp(name, "--seed") || !strcmp(name, "--first") ||
		         !strcmp(name, "--shrink"))
			first = n;
		else
			return usage();
		small |= !strcmp(name, "--shrink");
		cnt = strcmp(name, "--seed") ? cnt : 1;
	}
	sim_eal_init();
	pool = sim_eal_pool("sim", 32767);
	if (small)
		return shrink(first);
	for (uint64_t i = 0; i < cnt; i++)
		passed += run(first + i);
	if (verbose)
		print_totals();
	printf("%llu segments, %llu bytes delivered, %llu connections ended by an error or a "
	       "patience\n",
	       (unsigned long long)total_segments, (unsigned long long)total_bytes,
	       (unsigned long long)total_errors);
	printf("%llu passed, %llu failed\n", (unsigned long long)passed,
	       (unsigned long long)(cnt - passed));
	return passed == cnt ? 0 : 1;
}
