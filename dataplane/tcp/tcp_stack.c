/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_stack.c - all memory at start, the lists of a turn, birth and end of a connection
 */
#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_syn.h"
#include <sys/mman.h>

const struct counter_desc tcp_counter_desc[TCP_COUNTERS] = {
#define COUNTER COUNTER_DESC
#include "dataplane/tcp/tcp_counters.def"
#undef COUNTER
};

size_t
tcp_stack_bytes(const struct tcp_config *c)
{
	return sizeof(struct tcp_stack) + heads_bytes(c->conn_cnt) +
	       pool_bytes(sizeof(struct tcp_conn), c->conn_cnt) +
	       pool_bytes(sizeof(struct tcp_slice), c->slice_cnt) +
	       pool_bytes(TCP_SMALL_CHUNK, c->small_chunk_cnt) +
	       pool_bytes(sizeof(struct tcp_side), c->ooo_cnt) +
	       pool_bytes(sizeof(struct tcp_tx), c->tx_cnt) +
	       pool_bytes(sizeof(struct tcp_big), c->big_cnt) + tcp_syn_bytes(c->syn_cnt) +
	       tcp_cookies_bytes(c->cookie_ring_cnt) + tcp_timewait_bytes(c->timewait_cnt) +
	       tcp_pmtu_bytes(c->pmtu_cnt);
}

static int
make_pools(struct tcp_stack *s)
{
	const struct tcp_config *c = &s->cfg;

	if (pool_init_mapped(&s->conns, "tcp connections", sizeof(struct tcp_conn), c->conn_cnt) ||
	    pool_init_mapped(&s->slices, "tcp slices", sizeof(struct tcp_slice), c->slice_cnt) ||
	    pool_init_mapped(&s->smalls, "tcp chunks", TCP_SMALL_CHUNK, c->small_chunk_cnt) ||
	    pool_init_mapped(&s->sides, "tcp out of order", sizeof(struct tcp_side), c->ooo_cnt) ||
	    pool_init_mapped(&s->txs, "tcp senders", sizeof(struct tcp_tx), c->tx_cnt) ||
	    pool_init_mapped(&s->bigs, "tcp long flights", sizeof(struct tcp_big), c->big_cnt))
		return -ENOMEM;
	return 0;
}

static void
fini_pools(struct tcp_stack *s)
{
	struct pool *all[] = { &s->conns, &s->slices, &s->smalls, &s->sides, &s->txs, &s->bigs };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i]->memory)
			pool_fini_mapped(all[i]);
}

static void
housekeep(void *ctx, struct wheel_timer *t, uint64_t now_us)
{
	struct tcp_stack *s = ctx;
	bool more;

	(void)t;
	tcp_set_now(s, now_us);
	more = tcp_syn_sweep(s);
	more = tcp_cookie_sweep(s) || more;
	if (tcp_timewait_sweep(s))
		wheel_arm(s->wheel, &s->housekeeping, s->now_us + 1000);
	else if (more)
		wheel_arm(s->wheel, &s->housekeeping, s->now_us + 5000);
	tcp_housekeeping(s);
}

void
tcp_housekeeping(struct tcp_stack *s)
{
	if (wheel_is_armed(&s->housekeeping))
		return;
	if (tcp_syn_used(s->syns) || tcp_cookies_used(s->cookies) ||
	    tcp_timewait_used(s->timewaits))
		wheel_arm(s->wheel, &s->housekeeping, s->now_us + 50000);
}

struct tcp_stack *
tcp_stack_new(const struct tcp_config *cfg, const struct tcp_link *link, struct wheel *wheel,
              struct rng *rng, struct tcp_counters *counters)
{
	struct tcp_stack *s;

	if (!tcp_config_is_valid(cfg)) {
		errno = EINVAL;
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->cfg = *cfg;
	s->link = *link;
	s->wheel = wheel;
	s->rng = rng;
	s->cnt = counters;
	list_init(&s->tx_idle);
	s->ready_head = s->ready_tail = s->dirty_head = s->dirty_tail = TCP_NONE;
	wheel_timer_init(&s->housekeeping, cfg->wheel_kind + 1);
	s->syns = tcp_syn_new(cfg->syn_cnt);
	s->cookies = tcp_cookies_new(cfg->cookie_ring_cnt);
	s->timewaits = tcp_timewait_new(cfg->timewait_cnt);
	s->pmtu = tcp_pmtu_new(cfg->pmtu_cnt);
	if (heads_init(&s->table, cfg->conn_cnt) || !s->syns || !s->cookies || !s->timewaits ||
	    !s->pmtu || make_pools(s) < 0) {
		tcp_stack_free(s);
		errno = ENOMEM;
		return NULL;
	}
	wheel_set_kind(wheel, cfg->wheel_kind, tcp_timer_fire, s);
	wheel_set_kind(wheel, cfg->wheel_kind + 1, housekeep, s);
	tcp_set_now(s, (uint64_t)wheel->now_ms * 1000);
	return s;
}

static void release(struct tcp_conn *c);

static void
drop_all(struct tcp_stack *s)
{
	for (uint32_t i = 0; i <= s->table.mask; i++)
		for (uint32_t at = s->table.at[i]; at != TCP_NONE;) {
			struct tcp_conn *c = conn_at(s, at);

			at = c->next;
			c->flags &= ~(uint32_t)F_ON_LIST;
			if (!(c->flags & F_ORPHAN))
				s->orphan_cnt++;
			c->flags |= F_ORPHAN;
			if (c->state == TCP_CLOSED)
				release(c);
			else
				tcp_conn_end(c, 0);
		}
}

void
tcp_stack_free(struct tcp_stack *s)
{
	if (!s)
		return;
	if (s->table.at && s->conns.memory)
		drop_all(s);
	wheel_cancel(s->wheel, &s->housekeeping);
	tcp_syn_free(s->syns);
	tcp_cookies_free(s->cookies);
	tcp_timewait_free(s->timewaits);
	tcp_pmtu_free(s->pmtu);
	fini_pools(s);
	heads_fini(&s->table);
	free(s);
}

void
tcp_set_now(struct tcp_stack *s, uint64_t now_us)
{
	s->now_us = now_us;
	s->now_ms = (uint32_t)(now_us / 1000);
}

/* Counted by whole seconds; half of the limit again is added or not at random, so that nobody can count on it. */
bool
tcp_limit_take(struct tcp_stack *s, struct tcp_limit *l, uint32_t cnt)
{
	uint32_t second = (uint32_t)(s->now_us / 1000000) + 1;

	if (l->second != second) {
		l->second = second;
		l->left = cnt / 2 + (uint32_t)rng_below(s->rng, (uint64_t)cnt + 1);
	}
	if (l->left == 0)
		return false;
	l->left--;
	return true;
}

bool
tcp_limit_is_spent(const struct tcp_stack *s, const struct tcp_limit *l)
{
	return l->left == 0 && l->second == (uint32_t)(s->now_us / 1000000) + 1;
}

/* --- birth and end --- */

struct tcp_conn *
tcp_conn_new(struct tcp_stack *s, const struct addr *local, uint16_t lport,
             const struct addr *remote, uint16_t rport)
{
	struct tcp_conn *c = pool_get(&s->conns);

	if (!c) {
		counter_inc(&s->cnt->full_conn);
		return NULL;
	}
	memset(c, 0, sizeof(*c));
	c->stack = s;
	c->local = *local;
	c->lport = lport;
	c->remote = *remote;
	c->rport = rport;
	c->next = c->ready_next = c->dirty_next = TCP_NONE;
	c->sl_head = c->sl_tail = c->sl_cur = TCP_NONE;
	c->rcv_buf = s->cfg.rcv_buf_bytes;
	c->progress_ms = s->now_ms;
	c->challenge_16ms = tcp_stray_first(s);
	wheel_timer_init(&c->timer, s->cfg.wheel_kind);
	tcp_table_add(c);
	counter_inc(&s->cnt->conns);
	return c;
}

/* To the pool, unless a list or a caller further up still holds it: then whoever lets go of it last does it. */
static void
release(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	c->flags |= F_DEAD;
	if (c->flags & F_ON_LIST)
		return;
	tcp_recv_purge(c);
	tcp_times_put(c);
	tcp_table_remove(c);
	counter_sub(&s->cnt->conns, 1);
	if (c->flags & F_ORPHAN) {
		s->orphan_cnt--;
		counter_sub(&s->cnt->orphans, 1);
	}
	pool_put(&s->conns, c);
}

void
tcp_conn_let_go(struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)F_BUSY;
	if (c->flags & F_DEAD)
		release(c);
}

void
tcp_conn_end(struct tcp_conn *c, int err)
{
	struct tcp_stack *s = c->stack;

	if (c->state == TCP_CLOSED)
		return;
	c->state = TCP_CLOSED;
	c->err = (uint8_t)err;
	wheel_cancel(s->wheel, &c->timer);
	tcp_sendq_purge(c);
	tcp_tx_put(c);
	c->flags &= ~(uint32_t)(F_WANT_ROOM | F_STARVED | F_ACK_NOW | F_DELACK | EV_ROOM | EV_OPEN);
	if (c->flags & F_ORPHAN)
		release(c);
	else if (err || c->rcv_unread == 0) /* else tcp_consume() does it */
		tcp_mark_ready(c, EV_CLOSE);
}

void
tcp_conn_kill(struct tcp_conn *c, int err)
{
	if (c->state != TCP_CLOSED && c->state != TCP_SYN_SENT)
		tcp_out_rst(c);
	tcp_conn_end(c, err);
}

void
tcp_conn_time_wait(struct tcp_conn *c)
{
	if (c->flags & F_ACK_NOW) /* of the FIN; an ACK alone is not answered */
		tcp_out_ack(c);
	tcp_timewait_add(c);
	tcp_conn_end(c, 0);
}

void
tcp_abort(struct tcp_conn *c)
{
	BUG_ON(c->flags & (F_ORPHAN | F_DEAD));
	c->flags |= F_ORPHAN;
	c->stack->orphan_cnt++;
	counter_inc(&c->stack->cnt->orphans);
	if (c->state == TCP_CLOSED)
		release(c);
	else
		tcp_conn_kill(c, 0);
}

void
tcp_detach(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	BUG_ON(c->flags & (F_ORPHAN | F_DEAD));
	if (c->state == TCP_CLOSED || c->state == TCP_SYN_SENT ||
	    s->orphan_cnt >= s->cfg.orphan_cnt) {
		if (c->state != TCP_CLOSED && c->state != TCP_SYN_SENT)
			counter_inc(&s->cnt->full_orphan);
		tcp_abort(c);
		return;
	}
	tcp_close(c);
	c->flags |= F_ORPHAN;
	c->flags &= ~(uint32_t)(EV_ANY | F_WANT_ROOM | F_STARVED);
	s->orphan_cnt++;
	counter_inc(&s->cnt->orphans);
	tcp_recv_purge(c);
	if (c->state == TCP_FIN_WAIT_2)
		tcp_timer_set_fin_wait(c);
}

/* --- the lists of a turn --- */

void
tcp_mark_ready(struct tcp_conn *c, uint32_t events)
{
	struct tcp_stack *s = c->stack;

	if (c->flags & F_ORPHAN)
		return;
	c->flags |= events;
	if (c->flags & F_ON_READY)
		return;
	c->flags |= F_ON_READY;
	c->ready_next = TCP_NONE;
	if (s->ready_tail == TCP_NONE)
		s->ready_head = conn_index(c);
	else
		conn_at(s, s->ready_tail)->ready_next = conn_index(c);
	s->ready_tail = conn_index(c);
}

void
tcp_mark_dirty(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	if (c->flags & F_ON_DIRTY || c->state == TCP_CLOSED)
		return;
	c->flags |= F_ON_DIRTY;
	c->dirty_next = TCP_NONE;
	if (s->dirty_tail == TCP_NONE)
		s->dirty_head = conn_index(c);
	else
		conn_at(s, s->dirty_tail)->dirty_next = conn_index(c);
	s->dirty_tail = conn_index(c);
}

/* Hand one event at a time to the user, who may abort or detach c in any of them. */
static void
dispatch(struct tcp_conn *c)
{
	static const uint32_t order[] = { EV_OPEN, EV_BYTES, EV_ROOM };
	const struct tcp_ops *ops;

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		void (*fn)(struct tcp_conn *, void *);

		if (c->flags & F_ORPHAN || !(c->flags & order[i]))
			continue;
		c->flags &= ~order[i];
		ops = c->ops;
		fn = order[i] == EV_OPEN    ? ops->on_open
		     : order[i] == EV_BYTES ? ops->on_bytes
		                            : ops->on_room;
		if (fn)
			fn(c, c->user);
	}
	if (c->flags & F_ORPHAN || !(c->flags & EV_CLOSE))
		return;
	c->flags &= ~(uint32_t)EV_CLOSE;
	c->ops->on_close(c, c->user, c->err);
	c->flags |= F_DEAD;
}

static void
serve_ready(struct tcp_stack *s, struct tcp_conn *c)
{
	bool has_objects = tcp_has_slice(s) && s->smalls.used_cnt < s->smalls.cnt;

	if (c->flags & F_STARVED && !(c->flags & F_DEAD)) {
		if (has_objects) {
			c->flags &= ~(uint32_t)F_STARVED;
			c->flags |= EV_ROOM;
		} else {
			tcp_mark_ready(c, 0);
		}
	}
	tcp_conn_hold(c);
	if (!(c->flags & F_DEAD))
		dispatch(c);
	tcp_conn_let_go(c);
}

unsigned
tcp_ready(struct tcp_stack *s, uint64_t now_us)
{
	uint32_t last = s->ready_tail;
	unsigned served = 0;

	tcp_set_now(s, now_us);
	while (s->ready_head != TCP_NONE) {
		uint32_t i = s->ready_head;
		struct tcp_conn *c = conn_at(s, i);

		s->ready_head = c->ready_next;
		if (s->ready_head == TCP_NONE)
			s->ready_tail = TCP_NONE;
		c->flags &= ~(uint32_t)F_ON_READY;
		serve_ready(s, c);
		served++;
		if (i == last) /* what became ready meanwhile waits for the next turn */
			break;
	}
	return served;
}

void
tcp_flush(struct tcp_stack *s, uint64_t now_us)
{
	uint32_t last = s->dirty_tail;

	tcp_set_now(s, now_us);
	while (s->dirty_head != TCP_NONE) {
		uint32_t i = s->dirty_head;
		struct tcp_conn *c = conn_at(s, i);

		s->dirty_head = c->dirty_next;
		if (s->dirty_head == TCP_NONE)
			s->dirty_tail = TCP_NONE;
		c->flags &= ~(uint32_t)F_ON_DIRTY;
		if (c->flags & F_DEAD)
			release(c);
		else
			tcp_out(c);
		if (i == last)
			break;
	}
}
