/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_connect.c - active opens, and whose a connection is
 *
 * RFC     6056 3.3.1 (random source ports), 6528; a port is only taken if the answers reach this worker.
 */
#include "dataplane/tcp/tcp_conn.h"

static bool
is_port_free(const struct tcp_stack *s, const struct addr *src, uint16_t sport,
             const struct addr *dst, uint16_t dport)
{
	uint32_t hash = tcp_hash(s, dst, dport, src, sport);

	return s->link.is_mine(s->link.ctx, src, sport, dst, dport) &&
	       !tcp_table_find(s, hash, dst, dport, src, sport) &&
	       !tcp_timewait_has(s, dst, dport, src, sport) && !tcp_listener_find(s, src, sport);
}

/* 0: none found. */
static uint16_t
choose_port(struct tcp_stack *s, const struct addr *src, const struct addr *dst, uint16_t dport)
{
	uint64_t cnt = (uint64_t)s->cfg.port_last - s->cfg.port_first + 1;

	for (unsigned i = 0; i < TCP_PORT_TRIES; i++) {
		uint16_t p = (uint16_t)(s->cfg.port_first + rng_below(s->rng, cnt));

		if (is_port_free(s, src, p, dst, dport))
			return p;
	}
	counter_inc(&s->cnt->full_port);
	return 0;
}

struct tcp_conn *
tcp_connect(struct tcp_stack *s, const struct addr *src, const struct addr *dst, uint16_t dport,
            const struct tcp_ops *ops, void *user, uint64_t now_us)
{
	return tcp_connect_from(s, src, 0, dst, dport, ops, user, now_us);
}

struct tcp_conn *
tcp_connect_from(struct tcp_stack *s, const struct addr *src, uint16_t sport,
                 const struct addr *dst, uint16_t dport, const struct tcp_ops *ops, void *user,
                 uint64_t now_us)
{
	struct tcp_conn *c;

	BUG_ON(!ops->on_close);
	tcp_set_now(s, now_us);
	if (sport == 0)
		sport = choose_port(s, src, dst, dport);
	else if (!is_port_free(s, src, sport, dst, dport))
		sport = 0;
	c = sport ? tcp_conn_new(s, src, sport, dst, dport) : NULL;
	if (!c)
		return NULL;
	c->ops = ops;
	c->user = user;
	c->state = TCP_SYN_SENT;
	c->snd_una = c->snd_nxt = tcp_isn(s, src, sport, dst, dport);
	c->snd_mss = c->mss_top = tcp_out_mss(s, dst);
	if (s->cfg.timestamps)
		c->ts_offset = tcp_ts_offset(s, src, dst);
	counter_inc(&s->cnt->open_active);
	tcp_mark_dirty(c);
	return c;
}

void
tcp_set_mss(struct tcp_conn *c, uint16_t mss)
{
	BUG_ON(c->state != TCP_SYN_SENT || mss < TCP_MSS_FLOOR);
	c->snd_mss = c->mss_top = MIN(mss, tcp_out_mss(c->stack, &c->remote));
}

void
tcp_set_user(struct tcp_conn *c, void *user)
{
	c->user = user;
}

void
tcp_set_ops(struct tcp_conn *c, const struct tcp_ops *ops)
{
	c->ops = ops;
}
