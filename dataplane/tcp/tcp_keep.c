/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_keep.c - keep-alive, and times that one connection has of its own
 *
 * Why     A probe is due keep_idle_ms after the peer was last heard, and keep_interval_ms after each one that was not answered:
 *         that follows from heard_ms and retries, so a segment that arrives costs one store, and no due time moves.
 *         Times are few sets for many connections, so a connection keeps one byte.
 * Limit   TCP_TIMES_MAX - 1 different sets in use at one time.
 * RFC     9293 3.8.4 and 1122 4.2.3.6 (off by default, no data, left of the window, one unanswered probe is no proof), 5482
 *         (a user timeout of one connection; the option itself is not sent).
 */
#include "dataplane/tcp/tcp_conn.h"

static const struct tcp_times *
own(const struct tcp_conn *c)
{
	return &c->stack->times[c->times].t;
}

uint32_t
tcp_user_timeout_explicit(const struct tcp_conn *c)
{
	return own(c)->user_timeout_ms;
}

uint32_t
tcp_user_timeout(const struct tcp_conn *c)
{
	const struct tcp_config *cfg = &c->stack->cfg;
	uint32_t t = own(c)->user_timeout_ms;

	if (!is_synchronised(c))
		return t ? MIN(t, cfg->connect_timeout_ms) : cfg->connect_timeout_ms;
	return t ? t : cfg->user_timeout_ms;
}

static struct tcp_times
keep_times(const struct tcp_conn *c)
{
	const struct tcp_config *cfg = &c->stack->cfg;
	struct tcp_times t = *own(c);

	if (!t.keep_idle_ms)
		t.keep_idle_ms = cfg->keep_idle_ms;
	if (!t.keep_interval_ms)
		t.keep_interval_ms = cfg->keep_interval_ms;
	if (!t.keep_cnt)
		t.keep_cnt = cfg->keep_cnt;
	return t;
}

/* Nothing else would find out that the peer is gone. */
static bool
is_quiet(const struct tcp_conn *c)
{
	return (c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT) &&
	       c->snd_una == c->snd_nxt && !(c->flags & F_PERSIST);
}

uint64_t
tcp_keep_ms(const struct tcp_conn *c)
{
	uint32_t silent = c->stack->now_ms - c->heard_ms;
	struct tcp_times t = keep_times(c);
	uint64_t due = t.keep_idle_ms + (uint64_t)c->retries * t.keep_interval_ms;

	if (!is_quiet(c) || !t.keep_idle_ms)
		return UINT64_MAX;
	return due > silent ? due - silent : 0;
}

void
tcp_keep_fire(struct tcp_conn *c)
{
	struct tcp_counters *n = c->stack->cnt;
	uint32_t silent = c->stack->now_ms - c->heard_ms;
	struct tcp_times t = keep_times(c);

	if (c->retries == UINT8_MAX ||
	    (c->retries &&
	     (t.user_timeout_ms ? silent >= t.user_timeout_ms : c->retries >= t.keep_cnt))) {
		tcp_give_up(c, &n->timeout_keep, ETIMEDOUT);
		return;
	}
	c->retries++;
	tcp_out_probe(c, &n->keep_probes);
}

void
tcp_set_keepalive(struct tcp_conn *c, bool on)
{
	c->flags = on ? c->flags | F_KEEP : c->flags & ~(uint32_t)F_KEEP;
	tcp_timer_arm(c);
}

static bool
is_same(const struct tcp_times *a, const struct tcp_times *b)
{
	return a->user_timeout_ms == b->user_timeout_ms && a->keep_idle_ms == b->keep_idle_ms &&
	       a->keep_interval_ms == b->keep_interval_ms && a->keep_cnt == b->keep_cnt;
}

/* The set that equals *t, or one for it; TCP_TIMES_MAX: none left. */
static uint8_t
find(struct tcp_stack *s, const struct tcp_times *t)
{
	static const struct tcp_times stacks;
	uint8_t to = TCP_TIMES_MAX;

	if (is_same(t, &stacks))
		return 0;
	for (uint8_t i = TCP_TIMES_MAX - 1; i > 0; i--) {
		if (s->times[i].users && is_same(t, &s->times[i].t))
			return i;
		if (!s->times[i].users)
			to = i;
	}
	if (to < TCP_TIMES_MAX)
		s->times[to].t = *t;
	return to;
}

void
tcp_times_put(struct tcp_conn *c)
{
	if (c->times)
		c->stack->times[c->times].users--;
	c->times = 0;
}

bool
tcp_set_times(struct tcp_conn *c, const struct tcp_times *t)
{
	struct tcp_stack *s = c->stack;
	uint8_t i;

	if (MAX(MAX(t->user_timeout_ms, t->keep_idle_ms), t->keep_interval_ms) > TCP_TIME_MAX_MS ||
	    t->keep_cnt > TCP_KEEP_CNT_MAX)
		return false;
	i = find(s, t);
	if (i == TCP_TIMES_MAX) {
		counter_inc(&s->cnt->full_times);
		return false;
	}
	if (i)
		s->times[i].users++;
	tcp_times_put(c);
	c->times = i;
	tcp_timer_limit(c);
	tcp_timer_arm(c);
	return true;
}

void
tcp_get_times(const struct tcp_conn *c, struct tcp_times *out)
{
	*out = *own(c);
}
