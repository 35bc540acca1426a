/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_syn.c - LISTEN, and SYN-RECEIVED of passive opens: a queue of 64-byte entries
 *
 * Why     A SYN costs an entry, never a connection. Full, or the source's prefix has its share already: a cookie is the answer
 *         (tcp_cookie.c), and the entries that are there stay.
 * Limit   syn_cnt entries, syn_per_prefix of a /24 or /48. An entry lives 7 s: its SYN-ACK is sent at 0, 1 and 3 s, and to what
 *         comes meanwhile, the SYN again included, there are two answers a second: its source may be forged. Prefixes are
 *         counted in hashed buckets: two that share one share a limit, which costs the later one a cookie.
 * RFC     9293 3.10.7.2 (LISTEN) and 3.10.7.4 for SYN-RECEIVED; 4987 3.4, 3.6.
 */
#include "dataplane/tcp/tcp_syn.h"

#define NONE16      UINT16_MAX
#define SWEEP_BURST 256 /* entries of a stage and housekeeping turn: 51,000 a second */

/* Three lists, by how often the SYN-ACK was sent; each is in order of time, so a sweep looks at the heads alone. */
#define STAGES 3
static const uint32_t stage_ms[STAGES] = { 1000, 3000, 7000 }; /* since the SYN */

struct tcp_syn_queue {
	struct tcp_half *e;
	uint16_t *heads;
	uint16_t *per_prefix; /* entries by hash of their prefix; as many as heads */
	uint32_t cnt, mask, used;
	uint16_t free_head;
	struct {
		uint16_t head, tail;
	} stages[STAGES];
};

size_t
tcp_syn_bytes(uint32_t cnt)
{
	return sizeof(struct tcp_syn_queue) + cnt * sizeof(struct tcp_half) +
	       heads_cnt(cnt) * 2 * sizeof(uint16_t);
}

struct tcp_syn_queue *
tcp_syn_new(uint32_t cnt)
{
	struct tcp_syn_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->cnt = cnt;
	q->mask = heads_cnt(cnt) - 1;
	q->e = calloc(cnt, sizeof(*q->e));
	q->heads = malloc((q->mask + 1) * sizeof(*q->heads));
	q->per_prefix = calloc(q->mask + 1, sizeof(*q->per_prefix));
	if (!q->e || !q->heads || !q->per_prefix) {
		tcp_syn_free(q);
		return NULL;
	}
	memset(q->heads, 0xff, (q->mask + 1) * sizeof(*q->heads));
	for (uint32_t i = 0; i < cnt; i++)
		q->e[i].next = (uint16_t)(i + 1 < cnt ? i + 1 : NONE16);
	for (size_t k = 0; k < STAGES; k++)
		q->stages[k].head = q->stages[k].tail = NONE16;
	return q;
}

void
tcp_syn_free(struct tcp_syn_queue *q)
{
	if (!q)
		return;
	free(q->e);
	free(q->heads);
	free(q->per_prefix);
	free(q);
}

uint32_t
tcp_syn_used(const struct tcp_syn_queue *q)
{
	return q->used;
}

static void
stage_unlink(struct tcp_syn_queue *q, uint16_t i)
{
	struct tcp_half *e = &q->e[i];

	if (e->prev == NONE16)
		q->stages[e->stage].head = e->next;
	else
		q->e[e->prev].next = e->next;
	if (e->next == NONE16)
		q->stages[e->stage].tail = e->prev;
	else
		q->e[e->next].prev = e->prev;
}

static void
stage_append(struct tcp_syn_queue *q, uint16_t i, unsigned stage)
{
	struct tcp_half *e = &q->e[i];

	e->stage = stage & 3;
	e->next = NONE16;
	e->prev = q->stages[stage].tail;
	if (e->prev == NONE16)
		q->stages[stage].head = i;
	else
		q->e[e->prev].next = i;
	q->stages[stage].tail = i;
}

static uint16_t *
head_for(struct tcp_stack *s, const struct tcp_half *e)
{
	uint32_t h = tcp_hash(s, &e->remote, e->rport, &e->local, e->lport);

	return &s->syns->heads[h & s->syns->mask];
}

/* Where entries of src's prefix are counted. */
static uint16_t *
prefix_cnt(const struct tcp_stack *s, const struct addr *src)
{
	static const struct addr none;
	struct addr net = addr_mask(src, addr_is_v4(src) ? 96 + 24 : 48);

	return &s->syns->per_prefix[tcp_hash(s, &net, 0, &none, 0) & s->syns->mask];
}

static void
entry_drop(struct tcp_stack *s, uint16_t i)
{
	struct tcp_syn_queue *q = s->syns;
	uint16_t *at = head_for(s, &q->e[i]);

	while (*at != i)
		at = &q->e[*at].hash_next;
	*at = q->e[i].hash_next;
	stage_unlink(q, i);
	--*prefix_cnt(s, &q->e[i].remote);
	q->e[i].next = q->free_head;
	q->free_head = i;
	q->used--;
	counter_set_value(&s->cnt->syn_queue, q->used);
}

/* There is a free one. */
static void
entry_add(struct tcp_stack *s, const struct tcp_half *h)
{
	struct tcp_syn_queue *q = s->syns;
	uint16_t i = q->free_head, *head = head_for(s, h);

	q->free_head = q->e[i].next;
	q->e[i] = *h;
	q->e[i].hash_next = *head;
	*head = i;
	stage_append(q, i, 0);
	++*prefix_cnt(s, &h->remote);
	q->used++;
	counter_set_value(&s->cnt->syn_queue, q->used);
	tcp_housekeeping(s);
}

static uint16_t
find(struct tcp_stack *s, const struct tcp_seg *g)
{
	const struct tcp_syn_queue *q = s->syns;
	uint16_t i = q->heads[g->hash & q->mask];

	while (i != NONE16) {
		const struct tcp_half *e = &q->e[i];

		if (e->rport == g->sport && e->lport == g->dport && addr_eq(&e->remote, g->src) &&
		    addr_eq(&e->local, g->dst))
			break;
		i = e->hash_next;
	}
	return i;
}

static uint16_t
syn_window(const struct tcp_stack *s)
{
	return (uint16_t)MIN(s->cfg.rcv_buf_bytes, 65535u);
}

void
tcp_half_syn_ack(struct tcp_stack *s, const struct tcp_half *e)
{
	uint8_t opts[TCP_OPTIONS_MAX];
	bool ts = e->flags & HALF_TS;
	uint32_t tsval = ts ? s->now_ms + tcp_ts_offset(s, &e->local, &e->remote) : 0;
	size_t n;

	if (e->flags & HALF_COOKIE)
		tsval = tcp_cookie_tsval(e, tsval);
	n = tcp_opt_build_syn(opts, tcp_out_mss(s, &e->remote),
	                      e->flags & HALF_WSCALE ? &s->cfg.rcv_wscale : NULL,
	                      e->flags & HALF_SACK, ts, tsval, e->ts_recent);

	tcp_out_bare(s, &e->local, e->lport, &e->remote, e->rport, e->iss, e->irs + 1,
	             TCP_SYN | TCP_ACK | (e->flags & HALF_ECN ? TCP_ECE : 0), syn_window(s), opts,
	             n);
}

static void
send_ack(struct tcp_stack *s, const struct tcp_half *e)
{
	uint8_t opts[TCP_OPTIONS_MAX];
	size_t n = 0;

	if (e->flags & HALF_TS)
		n = tcp_opt_build_ts(opts, s->now_ms + tcp_ts_offset(s, &e->local, &e->remote),
		                     e->ts_recent);
	tcp_out_bare(s, &e->local, e->lport, &e->remote, e->rport, e->iss + 1, e->irs + 1, TCP_ACK,
	             (uint16_t)(syn_window(s) >> (e->flags & HALF_WSCALE ? s->cfg.rcv_wscale : 0)),
	             opts, n);
}

static void
challenge(struct tcp_stack *s, struct tcp_half *e)
{
	if (!tcp_stray_take(s, &e->ack_16ms))
		return;
	if (!tcp_limit_take(s, &s->challenges, s->cfg.challenge_per_s)) {
		counter_inc(&s->cnt->challenge_limited);
		return;
	}
	counter_inc(&s->cnt->challenge_acks);
	send_ack(s, e);
}

/* What g's SYN offers and we take. */
static struct tcp_half
half_of(const struct tcp_stack *s, const struct tcp_seg *g)
{
	struct tcp_half h = { .remote = *g->src,
		              .local = *g->dst,
		              .lport = g->dport,
		              .rport = g->sport,
		              .irs = g->seq,
		              .born_ms = s->now_ms,
		              .ack_16ms = tcp_stray_first(s),
		              .mss = tcp_peer_mss(&g->opt, g->v6) };

	if (g->opt.has_ts && s->cfg.timestamps) {
		h.flags |= HALF_TS;
		h.ts_recent = g->opt.tsval;
	}
	h.flags |= g->opt.has_sack_ok && s->cfg.sack ? HALF_SACK : 0;
	h.flags |= tcp_ecn_wants(s, g) ? HALF_ECN : 0;
	if (g->opt.has_wscale) {
		h.flags |= HALF_WSCALE;
		h.wscale = g->opt.wscale & 15u;
	}
	return h;
}

/* An entry, or a cookie when there is none to be had. What a crowded prefix gets is not sent again: the ring is for others. */
static void
answer_syn(struct tcp_stack *s, const struct tcp_seg *g, const uint32_t *old_snd_nxt)
{
	struct tcp_half h = half_of(s, g);
	bool is_crowded = s->cfg.syn_per_prefix && *prefix_cnt(s, g->src) >= s->cfg.syn_per_prefix;

	if (is_crowded || s->syns->free_head == NONE16) {
		counter_inc(is_crowded ? &s->cnt->syn_prefix_limited : &s->cnt->full_syn);
		tcp_cookie_send(s, &h, !is_crowded);
		return;
	}
	h.iss = tcp_isn(s, g->dst, g->dport, g->src, g->sport);
	if (old_snd_nxt && seq_leq(h.iss, *old_snd_nxt))
		h.iss = *old_snd_nxt + 65536; /* beyond the old connection's (RFC 6191 2) */
	entry_add(s, &h);
	tcp_half_syn_ack(s, &h);
}

/* A listener exists for g. */
void
tcp_listen_in(struct tcp_stack *s, struct tcp_seg *g, const uint32_t *old_snd_nxt)
{
	if (g->flags & TCP_RST) /* first */
		return;
	if (g->flags & TCP_ACK) { /* second */
		if (tcp_cookie_in(s, g))
			return;
		counter_inc(&s->cnt->drop_no_conn);
		tcp_reset_stray(s, g);
		return;
	}
	if (!(g->flags & TCP_SYN)) /* fourth: cannot happen in a sane peer */
		return;
	if (s->link.is_banned && s->link.is_banned(s->link.ctx, g->src)) {
		counter_inc(&s->cnt->drop_banned);
		return;
	}
	answer_syn(s, g, old_snd_nxt);
}

static struct tcp_conn *
promote(struct tcp_stack *s, const struct tcp_half *e, const struct tcp_listener *l)
{
	struct tcp_options o = { .has_mss = true,
		                 .mss = e->mss,
		                 .has_ts = e->flags & HALF_TS,
		                 .tsval = e->ts_recent,
		                 .has_wscale = e->flags & HALF_WSCALE,
		                 .wscale = e->wscale,
		                 .has_sack_ok = e->flags & HALF_SACK };
	struct tcp_conn *c = tcp_conn_new(s, &e->local, e->lport, &e->remote, e->rport);

	if (!c)
		return NULL;
	c->state = TCP_SYN_RECEIVED;
	/* Of a cookie nobody knows how often it was sent, and when. */
	c->flags |= F_PASSIVE | (e->stage > 0 || e->flags & HALF_COOKIE ? F_SYN_AGAIN : 0) |
	            (e->flags & HALF_ECN ? F_ECN : 0);
	c->ops = l->ops;
	c->user = l->ctx;
	c->snd_una = e->iss;
	c->snd_nxt = e->iss + 1;
	c->rcv_nxt = c->last_ack_sent = e->irs + 1;
	c->progress_ms = e->born_ms;
	tcp_conn_negotiate(c, &o);
	if (c->flags & F_TS)
		c->ts_offset = tcp_ts_offset(s, &e->local, &e->remote);
	c->rcv_adv = c->rcv_nxt + syn_window(s);
	counter_inc(&s->cnt->open_passive);
	return c;
}

void
tcp_half_complete(struct tcp_stack *s, const struct tcp_half *h, struct tcp_seg *g)
{
	const struct tcp_listener *l = tcp_listener_find(s, &h->local, h->lport);
	struct tcp_conn *c = l ? promote(s, h, l) : NULL;

	if (c)
		tcp_in(c, g);
	else
		tcp_reset_stray(s, g); /* full, or nobody listens any more */
}

/* The third segment of the handshake. */
static void
complete(struct tcp_stack *s, uint16_t i, struct tcp_seg *g)
{
	struct tcp_half h = s->syns->e[i];

	entry_drop(s, i);
	tcp_half_complete(s, &h, g);
}

static bool
is_acceptable(const struct tcp_stack *s, const struct tcp_half *e, const struct tcp_seg *g)
{
	uint32_t len = seg_len(g), first = g->seq - (e->irs + 1), wnd = syn_window(s);

	return first < wnd || (len > 0 && first + len - 1 < wnd);
}

static bool
is_paws_fault(const struct tcp_half *e, const struct tcp_seg *g)
{
	return e->flags & HALF_TS && !(g->flags & TCP_RST) &&
	       (!g->opt.has_ts || seq_lt(g->opt.tsval, e->ts_recent));
}

/* A cookie made g's connection: the entry of the same names is of no more use. */
static void
drop_if_done(struct tcp_stack *s, const struct tcp_seg *g, uint16_t i)
{
	if (tcp_table_find(s, g->hash, g->src, g->sport, g->dst, g->dport))
		entry_drop(s, i);
}

bool
tcp_syn_in(struct tcp_stack *s, struct tcp_seg *g)
{
	uint16_t i = find(s, g);
	struct tcp_half *e;

	if (i == NONE16)
		return false;
	e = &s->syns->e[i];
	if ((g->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && g->seq == e->irs) {
		if (!tcp_ecn_wants(s, g)) /* it fell back (RFC 3168 6.1.1.1) */
			e->flags &= (uint8_t)~HALF_ECN;
		if (tcp_stray_take(s, &e->ack_16ms))
			tcp_half_syn_ack(s, e); /* our answer was lost */
	} else if (is_paws_fault(e, g)) {
		counter_inc(&s->cnt->drop_paws);
		if (g->opt.has_ts)
			challenge(s, e);
	} else if (!is_acceptable(s, e, g)) {
		counter_inc(&s->cnt->drop_out_of_window);
		if (!(g->flags & TCP_RST))
			challenge(s, e);
	} else if (g->flags & TCP_RST) {
		if (g->seq == e->irs + 1)
			entry_drop(s, i);
		else
			challenge(s, e);
	} else if (g->flags & TCP_SYN) {
		challenge(s, e);
	} else if (!(g->flags & TCP_ACK)) {
		counter_inc(&s->cnt->drop_no_ack);
	} else if (g->ack == e->iss + 1) {
		complete(s, i, g);
	} else if (tcp_cookie_in(s,
	                         g)) { /* its first SYN was answered by one, and that came first */
		drop_if_done(s, g, i);
	} else {
		counter_inc(&s->cnt->drop_bad_ack);
		tcp_reset_stray(s, g);
	}
	return true;
}

/* What is due in stage k, so much in a turn: a full queue would fill the device's ring at once. True: more is. */
static bool
sweep_stage(struct tcp_stack *s, unsigned k)
{
	struct tcp_syn_queue *q = s->syns;

	for (unsigned n = 0; n < SWEEP_BURST; n++) {
		uint16_t i = q->stages[k].head;

		if (i == NONE16 || s->now_ms - q->e[i].born_ms < stage_ms[k])
			return false;
		if (k == STAGES - 1) {
			counter_inc(&s->cnt->timeout_syn_queue);
			entry_drop(s, i);
			continue;
		}
		stage_unlink(q, i);
		stage_append(q, i, k + 1);
		counter_inc(&s->cnt->retransmit_syn);
		tcp_half_syn_ack(s, &q->e[i]);
	}
	return true;
}

bool
tcp_syn_sweep(struct tcp_stack *s)
{
	bool more = false;

	for (unsigned k = 0; k < STAGES; k++)
		more = sweep_stage(s, k) || more;
	return more;
}
