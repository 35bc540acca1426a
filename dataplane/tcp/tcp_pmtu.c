/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_pmtu.c - path MTU: what the stack remembers of each peer's path, black holes, and larger segments tried again
 *
 * Why     ICMP tells of a small path where routers may speak; where they may not, only that long segments are never
 *         acknowledged. What one connection learned the next ones begin with; the MSS that we announce stays the link's.
 * Limit   pmtu_cnt peers; full: the one not looked up for longest goes (counted), and is learned again.
 * RFC     1191 6.3 and 8201 5.2 (10 minutes, then a larger size is tried), 4821: 7.7 (timeouts of long segments: smaller
 *         ones), 7.6 (a lost probe is no congestion, and sent again at once in smaller pieces). We differ: the only probe is
 *         one of full size, since paths that change get their size back rather than another one.
 */
#include "dataplane/tcp/tcp_conn.h"

#define AGE_MS         600000 /* a size that is known holds for so long before a larger one is tried */
#define GUESS_AGE_MS   60000 /* after timeouts: it may have been an outage */
#define TIMEOUTS       2 /* in a row before the third makes segments smaller; then every second one */
#define MTU_BLACK_HOLE 1280 /* every IPv6 path; most tunnels below it are of IPv4 */
#define MTU_LAST4      576

struct entry {
	struct addr remote;
	uint32_t due_ms; /* when a larger size may be tried */
	uint32_t next;   /* chain */
	uint32_t newer, older;
	uint16_t mtu; /* 0: free */
};

struct tcp_pmtu {
	struct entry *e;
	struct heads table; /* by peer */
	uint32_t cnt, used;
	uint32_t newest, oldest;
};

size_t
tcp_pmtu_bytes(uint32_t cnt)
{
	return sizeof(struct tcp_pmtu) + cnt * sizeof(struct entry) + heads_bytes(cnt);
}

void
tcp_pmtu_free(struct tcp_pmtu *p)
{
	if (!p)
		return;
	free(p->e);
	heads_fini(&p->table);
	free(p);
}

struct tcp_pmtu *
tcp_pmtu_new(uint32_t cnt)
{
	struct tcp_pmtu *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->cnt = cnt;
	p->newest = p->oldest = TCP_NONE;
	p->e = malloc(cnt * sizeof(*p->e));
	if (!p->e || heads_init(&p->table, cnt)) {
		tcp_pmtu_free(p);
		return NULL;
	}
	return p;
}

uint32_t
tcp_pmtu_used(const struct tcp_pmtu *p)
{
	return p->used;
}

/* --- the table, and its entries in order of their last look-up --- */

static uint32_t *
head_of(const struct tcp_stack *s, const struct addr *remote)
{
	return heads_of(&s->pmtu->table, tcp_hash(s, remote, 0, remote, 0));
}

static void
unlink_age(struct tcp_pmtu *p, struct entry *e)
{
	*(e->newer == TCP_NONE ? &p->newest : &p->e[e->newer].older) = e->older;
	*(e->older == TCP_NONE ? &p->oldest : &p->e[e->older].newer) = e->newer;
}

static void
link_newest(struct tcp_pmtu *p, struct entry *e)
{
	uint32_t i = (uint32_t)(e - p->e);

	e->newer = TCP_NONE;
	e->older = p->newest;
	*(p->newest == TCP_NONE ? &p->oldest : &p->e[p->newest].newer) = i;
	p->newest = i;
}

static struct entry *
find(struct tcp_stack *s, const struct addr *remote)
{
	struct tcp_pmtu *p = s->pmtu;

	if (!p->used)
		return NULL;
	for (uint32_t i = *head_of(s, remote); i != TCP_NONE; i = p->e[i].next) {
		struct entry *e = &p->e[i];

		if (!addr_eq(&e->remote, remote))
			continue;
		unlink_age(p, e);
		link_newest(p, e);
		return e;
	}
	return NULL;
}

/* A place for a new entry: a fresh one, or the oldest's. */
static struct entry *
make(struct tcp_stack *s, const struct addr *remote)
{
	struct tcp_pmtu *p = s->pmtu;
	struct entry *e = &p->e[p->used];
	uint32_t *at;

	if (p->used < p->cnt) {
		p->used++;
	} else {
		e = &p->e[p->oldest];
		for (at = head_of(s, &e->remote); &p->e[*at] != e; at = &p->e[*at].next)
			;
		*at = e->next;
		unlink_age(p, e);
		counter_inc(&s->cnt->full_pmtu);
	}
	at = head_of(s, remote);
	e->remote = *remote;
	e->next = *at;
	*at = (uint32_t)(e - p->e);
	link_newest(p, e);
	return e;
}

static void
remember(struct tcp_conn *c, uint32_t age_ms)
{
	struct tcp_stack *s = c->stack;
	struct entry *e = find(s, &c->remote);

	if (!e)
		e = make(s, &c->remote);
	e->mtu = (uint16_t)(c->snd_mss + header_bytes(conn_is_v6(c)));
	e->due_ms = s->now_ms + age_ms;
}

/* --- one connection --- */

/* Payload and options that an entry allows. */
static uint16_t
mss_of(const struct tcp_conn *c, const struct entry *e)
{
	return (uint16_t)MIN(e->mtu - header_bytes(conn_is_v6(c)), (uint32_t)c->mss_top);
}

/* Nobody has tried for another AGE_MS after it was due: nobody talked there, and what was known is too old. */
static bool
is_expired(const struct tcp_conn *c, const struct entry *e)
{
	return (int32_t)(c->stack->now_ms - e->due_ms) >= AGE_MS;
}

void
tcp_pmtu_start(struct tcp_conn *c)
{
	const struct entry *e = find(c->stack, &c->remote);

	c->mss_top = c->snd_mss;
	if (e && !is_expired(c, e))
		c->snd_mss = mss_of(c, e);
}

bool
tcp_pmtu_lower(struct tcp_conn *c, uint32_t mtu)
{
	uint32_t mss = mtu - header_bytes(conn_is_v6(c));

	if (mss >= c->snd_mss)
		return false;
	c->snd_mss = (uint16_t)mss;
	c->flags &= ~(uint32_t)F_PMTU;
	remember(c, AGE_MS);
	return true;
}

/* Bytes of the packet with the oldest segment in flight. */
static uint32_t
head_packet(const struct tcp_conn *c)
{
	uint32_t len = c->snd_nxt - c->snd_una;

	if (c->tx && c->tx->flight.cnt)
		len = tcp_flight_bytes(&c->tx->flight, 0);
	return header_bytes(conn_is_v6(c)) + MIN(len, eff_mss(c)) + c->snd_mss - eff_mss(c);
}

/*
 * The size below that of the oldest segment, after so many timeouts in a row with no progress between them; 0: not yet, or
 * none. retries alone may be of several segments (Karn), so the time without progress must fit too.
 */
static uint32_t
black_hole_step(const struct tcp_conn *c)
{
	uint32_t waited = c->stack->now_ms - c->progress_ms, packet = head_packet(c);

	if (c->snd_wnd == 0 || waited < tcp_rto_ms(c) / 2 * 3)
		return 0;
	if (packet > MTU_BLACK_HOLE)
		return c->retries >= TIMEOUTS ? MTU_BLACK_HOLE : 0;
	if (packet > MTU_LAST4 && !conn_is_v6(c))
		return c->retries >= 2 * TIMEOUTS ? MTU_LAST4 : 0;
	return 0;
}

void
tcp_pmtu_timeout(struct tcp_conn *c)
{
	const struct entry *e = find(c->stack, &c->remote);
	uint32_t step;

	if (e && !is_expired(c, e) && mss_of(c, e) < c->snd_mss) { /* others know already */
		c->snd_mss = mss_of(c, e);
		c->flags &= ~(uint32_t)F_PMTU;
		return;
	}
	step = black_hole_step(c);
	if (!step)
		return;
	counter_inc(&c->stack->cnt->pmtu_black_holes);
	c->snd_mss = (uint16_t)(step - header_bytes(conn_is_v6(c)));
	c->flags &= ~(uint32_t)F_PMTU;
	remember(c, GUESS_AGE_MS);
}

uint32_t
tcp_pmtu_probe_bytes(struct tcp_conn *c)
{
	const struct entry *e;

	if (c->snd_mss >= c->mss_top || c->flags & (F_PMTU | F_RECOVERY | F_LOSS))
		return 0;
	e = find(c->stack, &c->remote);
	if (!e) { /* it had to make room */
		remember(c, AGE_MS);
		return 0;
	}
	c->snd_mss = MAX(c->snd_mss, mss_of(c, e));
	if (c->snd_mss == c->mss_top || (int32_t)(c->stack->now_ms - e->due_ms) < 0)
		return 0;
	return c->mss_top - (c->flags & F_TS ? 12u : 0u);
}

void
tcp_pmtu_probe_sent(struct tcp_conn *c)
{
	counter_inc(&c->stack->cnt->pmtu_probes);
	c->flags |= F_PMTU;
	remember(c, AGE_MS);
}

void
tcp_pmtu_delivered(struct tcp_conn *c, uint32_t i)
{
	const struct tcp_flight *f = &c->tx->flight;

	if (tcp_flight_bytes(f, i) <= eff_mss(c))
		return;
	c->flags &= ~(uint32_t)F_PMTU;
	counter_inc(&c->stack->cnt->pmtu_raised);
	c->snd_mss = c->mss_top;
	remember(c, AGE_MS);
}

bool
tcp_pmtu_probe_lost(const struct tcp_conn *c)
{
	const struct tcp_flight *f = &c->tx->flight;
	uint32_t i, len;

	if (!(c->flags & F_PMTU))
		return false;
	i = tcp_flight_next(f, 0, f->cnt, MARK(MARK_LOST), 0);
	len = tcp_flight_bytes(f, i);
	return len > eff_mss(c) && len == f->bytes[MARK_LOST];
}
