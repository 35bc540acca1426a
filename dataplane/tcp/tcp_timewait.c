/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_timewait.c - TIME-WAIT: a ring of 48-byte entries in order of expiry, found by hash
 *
 * Why     250,000 closes a second for 60 s are 15 million entries: no timer and no list node each.
 * Limit   timewait_cnt entries. Full: the oldest goes (counted); what still arrives for it is answered as CLOSED does.
 *         A sweep drops at most SWEEP_MAX entries and goes on with the next tick: 4 million a second, no long pause.
 *         What carries no data is answered twice a second an entry: two sides in TIME-WAIT would answer each other for ever.
 * RFC     9293 3.10.7.4 for TIME-WAIT, 6191 (reuse by a newer timestamp or number), 1337 (a RST does not end it). A segment
 *         without ACK is answered as any other, as Linux does; the RFC's fifth step would drop it.
 * Note    The local address is not stored: the 32 bits of the keyed hash over all four stand for it, beside the remote
 *         address and both ports.
 */
#include "dataplane/tcp/tcp_conn.h"

#define SWEEP_MAX 4096

struct entry {
	struct addr remote;
	uint16_t lport, rport;
	uint32_t hash;
	uint32_t rcv_nxt, snd_nxt;
	uint32_t ts_recent;
	uint32_t due_ms;
	uint32_t next; /* chain */
	uint16_t ack_16ms;
	bool has_ts : 1, is_dead : 1;
};
static_assert(sizeof(struct entry) <= 48, "tcp.md: TIME-WAIT, 48 B an entry");

struct tcp_timewait {
	struct entry *e;
	struct heads table; /* by hash of the four names */
	uint32_t cnt;
	uint32_t oldest, held; /* ring places in use, dead ones included */
	uint32_t live;
};

size_t
tcp_timewait_bytes(uint32_t cnt)
{
	return sizeof(struct tcp_timewait) + cnt * sizeof(struct entry) + heads_bytes(cnt);
}

struct tcp_timewait *
tcp_timewait_new(uint32_t cnt)
{
	struct tcp_timewait *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->cnt = cnt;
	w->e = malloc(cnt * sizeof(*w->e));
	if (!w->e || heads_init(&w->table, cnt)) {
		tcp_timewait_free(w);
		return NULL;
	}
	return w;
}

void
tcp_timewait_free(struct tcp_timewait *w)
{
	if (!w)
		return;
	free(w->e);
	heads_fini(&w->table);
	free(w);
}

uint32_t
tcp_timewait_used(const struct tcp_timewait *w)
{
	return w->held;
}

static void
kill(struct tcp_stack *s, struct entry *e)
{
	struct tcp_timewait *w = s->timewaits;
	uint32_t *at = heads_of(&w->table, e->hash);

	if (e->is_dead)
		return;
	while (&w->e[*at] != e)
		at = &w->e[*at].next;
	*at = e->next;
	e->is_dead = true;
	w->live--;
	counter_set_value(&s->cnt->timewait, w->live);
}

static void
drop_oldest(struct tcp_stack *s)
{
	struct tcp_timewait *w = s->timewaits;

	kill(s, &w->e[w->oldest]);
	w->oldest = w->oldest + 1 == w->cnt ? 0 : w->oldest + 1;
	w->held--;
}

static void
push(struct tcp_stack *s, const struct entry *what)
{
	struct tcp_timewait *w = s->timewaits;
	uint32_t i, *head = heads_of(&w->table, what->hash);

	if (w->held == w->cnt) {
		if (!w->e[w->oldest].is_dead)
			counter_inc(&s->cnt->full_timewait);
		drop_oldest(s);
	}
	i = (uint32_t)(((uint64_t)w->oldest + w->held) % w->cnt);
	w->held++;
	w->e[i] = *what;
	w->e[i].is_dead = false;
	w->e[i].due_ms = s->now_ms + s->cfg.time_wait_ms;
	w->e[i].next = *head;
	*head = i;
	w->live++;
	counter_set_value(&s->cnt->timewait, w->live);
	tcp_housekeeping(s);
}

void
tcp_timewait_add(struct tcp_conn *c)
{
	struct entry e = { .remote = c->remote,
		           .lport = c->lport,
		           .rport = c->rport,
		           .hash = tcp_hash(c->stack, &c->remote, c->rport, &c->local, c->lport),
		           .rcv_nxt = c->rcv_nxt,
		           .snd_nxt = c->snd_nxt,
		           .ack_16ms = tcp_stray_first(c->stack),
		           .has_ts = c->flags & F_TS };

	if (e.has_ts)
		e.ts_recent = c->ts_recent;
	push(c->stack, &e);
}

static struct entry *
find(const struct tcp_stack *s, uint32_t hash, const struct addr *remote, uint16_t rport,
     uint16_t lport)
{
	const struct tcp_timewait *w = s->timewaits;

	for (uint32_t i = *heads_of(&w->table, hash); i != TCP_NONE; i = w->e[i].next) {
		struct entry *e = &w->e[i];

		if (e->hash == hash && e->rport == rport && e->lport == lport &&
		    addr_eq(&e->remote, remote))
			return e;
	}
	return NULL;
}

bool
tcp_timewait_has(const struct tcp_stack *s, const struct addr *remote, uint16_t rport,
                 const struct addr *local, uint16_t lport)
{
	return find(s, tcp_hash(s, remote, rport, local, lport), remote, rport, lport) != NULL;
}

static void
send_ack(struct tcp_stack *s, const struct tcp_seg *g, const struct entry *e)
{
	uint8_t opts[TCP_OPTIONS_MAX];
	size_t n = 0;

	if (e->has_ts)
		n = tcp_opt_build_ts(opts, s->now_ms + tcp_ts_offset(s, g->dst, g->src),
		                     e->ts_recent);
	tcp_out_bare(s, g->dst, g->dport, g->src, g->sport, e->snd_nxt, e->rcv_nxt, TCP_ACK, 1024,
	             opts, n);
}

/* RFC 6191 2: a newer timestamp, or without one on either side a number behind the old connection's. */
static bool
is_newer_syn(const struct entry *e, const struct tcp_seg *g)
{
	if ((g->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
		return false;
	if (e->has_ts && g->opt.has_ts)
		return seq_gt(g->opt.tsval, e->ts_recent) ||
		       (g->opt.tsval == e->ts_recent && seq_gt(g->seq, e->rcv_nxt));
	return seq_gt(g->seq, e->rcv_nxt);
}

/* The peer's FIN again: our ACK was lost; the time begins anew, at most once a second. */
static void
again(struct tcp_stack *s, struct entry *e)
{
	struct entry copy = *e;

	if (e->due_ms - s->now_ms > s->cfg.time_wait_ms - MIN(s->cfg.time_wait_ms, 1000u))
		return;
	kill(s, e);
	push(s, &copy);
}

/* A segment of a connection in TIME-WAIT; false: there is none, or a new SYN just ended it and may be a listener's. */
bool
tcp_timewait_in(struct tcp_stack *s, struct tcp_seg *g)
{
	struct entry *e = find(s, g->hash, g->src, g->sport, g->dport);

	if (!e)
		return false;
	if (g->flags & TCP_RST)
		return true;
	if (is_newer_syn(e, g) && tcp_listener_find(s, g->dst, g->dport)) {
		uint32_t old = e->snd_nxt;

		counter_inc(&s->cnt->timewait_reused);
		kill(s, e);
		tcp_listen_in(s, g, &old);
		return true;
	}
	if (g->len == 0 && !(g->flags & (TCP_SYN | TCP_FIN)) && g->seq == e->rcv_nxt)
		return true; /* an ACK in place says nothing new */
	if (tcp_may_loop(g) && !tcp_stray_take(s, &e->ack_16ms))
		return true;
	send_ack(s, g, e);
	if (g->flags & TCP_FIN)
		again(s, e);
	return true;
}

static bool
is_oldest_due(const struct tcp_stack *s)
{
	const struct tcp_timewait *w = s->timewaits;

	return w->held > 0 &&
	       (w->e[w->oldest].is_dead || (int32_t)(s->now_ms - w->e[w->oldest].due_ms) >= 0);
}

bool
tcp_timewait_sweep(struct tcp_stack *s)
{
	for (unsigned i = 0; i < SWEEP_MAX && is_oldest_due(s); i++)
		drop_oldest(s);
	return is_oldest_due(s);
}
