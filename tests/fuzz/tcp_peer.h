/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_peer.h - peers of a stack that know the numbers, and what a stack may say to them
 *
 * Why     fuzz_tcp_peer.c says what happens; here is what may come of it, checked with every segment that leaves.
 * Owner   As tcp_wire.h: one world a process.
 * Thread  One.
 */
#pragma once
#include "dataplane/tcp/tcp_seq.h"
#include "tests/unit/tcp_wire.h"

#define PEERS        4
#define STREAM_BYTES 60000u
#define TURN_GAP     (1u << 24) /* between the ISNs of a peer: more than any window */

struct peer {
	struct addr us, addr;
	uint16_t lport, port;
	struct tcp_conn *c;                      /* NULL: none that the user still holds */
	bool is_open, holds, is_closed, is_over; /* closed: by the user; over: its FIN left */
	uint32_t irs, nxt, sent_top; /* next in order; behind the highest byte that it sent */
	uint32_t iss, una, top;      /* behind the highest byte that left to it */
	uint32_t rcv, adv;           /* acknowledged by us, and the right edge that we told */
	uint32_t edge;               /* the right edge that it told */
	uint32_t last_ack;
	uint32_t tsval, tsecr; /* tsval 0: no timestamps */
	bool offers, told;     /* a window scale: the peer, we */
	uint8_t wscale, our_wscale;
	uint64_t read, queued;
	bool has_syn;
	uint8_t syn[3]; /* what its SYN says, again and again */
};

static struct peer peers[PEERS];
static struct pool streams;
static struct chunk *stream;
static uint64_t sum;

/* Both directions repeat it. */
static uint8_t
byte_at(uint64_t offset)
{
	return stream->data[offset % STREAM_BYTES];
}

/* ---- the stack's user ---- */

static void
read_some(struct peer *p, size_t most)
{
	struct span in;

	while (most > 0 && tcp_peek(p->c, &in)) {
		size_t n = MIN(in.len, most);

		BUG_ON(in.len == 0 || in.len > tcp_unread(p->c));
		for (size_t i = 0; i < n; i++)
			BUG_ON((uint8_t)in.p[i] != byte_at(p->read + i));
		p->read += n;
		most -= n;
		tcp_consume(p->c, n);
	}
}

static struct peer *
peer_of(uint16_t rport, uint16_t lport)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (peers[i].port == rport && peers[i].lport == lport)
			return &peers[i];
	return NULL;
}

static void
on_open(struct tcp_conn *c, void *user)
{
	struct peer *p = peer_of(tcp_remote_port(c), tcp_local_port(c));

	(void)user;
	BUG_ON(!p || p->is_open || (p->c && p->c != c));
	p->c = c;
	p->is_open = true;
	p->read = p->queued = 0;
	p->iss = p->last_ack - 1; /* of several cookies the one that came back */
	tcp_set_user(c, p);
}

static void
on_bytes(struct tcp_conn *c, void *user)
{
	struct peer *p = user;

	BUG_ON(p->c != c);
	if (!p->holds)
		read_some(p, SIZE_MAX);
}

static void
on_room(struct tcp_conn *c, void *user)
{
	const struct peer *p = user;

	BUG_ON(p->c != c);
}

static void
gone(struct peer *p)
{
	p->c = NULL;
	p->is_open = p->is_closed = p->has_syn = false;
}

static void
on_close(struct tcp_conn *c, void *user, int err)
{
	struct peer *p = user;

	BUG_ON(p->c != c || (!p->is_closed && !p->is_open && !err));
	gone(p);
	sum = sum * 31 + (unsigned)err;
}

static const struct tcp_ops ops = { on_open, on_bytes, on_room, on_close };

/* ---- what left ---- */

static void
check_payload(const struct peer *p, const struct wire_seg *s)
{
	uint32_t at = s->seq - p->iss - 1;

	BUG_ON(s->len > 0 && seq_gt(s->seq + s->len, p->edge));
	for (uint32_t i = 0; i < s->len; i++)
		BUG_ON(at + i >= p->queued || s->data[i] != byte_at(at + i));
}

static void
look_at_syn(struct peer *p, const struct wire_seg *s)
{
	if (p->is_open &&
	    s->flags & TCP_ACK) /* the cookie ring's, for a SYN that another one overtook */
		return;
	BUG_ON(p->is_open);
	p->iss = s->seq;
	p->una = p->top = s->seq + 1;
	p->edge = p->una + 65535; /* the most that a SYN's window may say */
	p->told = s->opt.has_wscale;
	p->is_over = false;
	p->our_wscale = s->opt.wscale;
	if (s->flags & TCP_ACK && s->ack == p->rcv)
		p->adv = p->rcv + s->wnd;
}

static unsigned
shift(const struct peer *p, uint8_t wscale)
{
	return p->offers && p->told ? wscale : 0;
}

static void
look_at(struct peer *p, const struct wire_seg *s)
{
	uint32_t end = s->seq + s->len + !!(s->flags & TCP_FIN),
	         unit = 1u << shift(p, p->our_wscale);
	uint32_t adv = s->ack + s->wnd * unit;

	p->tsecr = s->opt.has_ts ? s->opt.tsval : p->tsecr;
	if (s->flags & TCP_SYN)
		look_at_syn(p, s);
	if (s->flags & (TCP_SYN | TCP_RST))
		return;
	p->top = seq_max(p->top, end);
	if (!p->is_open)
		return;
	check_payload(p, s);
	BUG_ON(!(s->flags & TCP_ACK) || seq_gt(s->ack, p->sent_top));
	BUG_ON(!p->is_over &&
	       seq_geq(p->adv, adv + unit)); /* TIME-WAIT names 1,024: no data comes */
	p->adv = seq_max(p->adv, adv);
	p->rcv = seq_max(p->rcv, s->ack);
}

static void
turn(void)
{
	tcp_ready(w.stack, w.now_us);
	tcp_flush(w.stack, w.now_us);
	for (unsigned i = 0; i < w.out_cnt; i++) {
		const struct wire_seg *s = &w.out[i];
		struct peer *p = peer_of(s->dport, s->sport);

		sum = (sum ^ s->seq ^ s->ack) * 31 + s->len + s->flags;
		BUG_ON(s->opt.is_bad || (s->flags & TCP_SYN && s->flags & (TCP_FIN | TCP_RST)));
		if (p)
			look_at(p, s);
	}
	w.out_cnt = w.read = 0;
}

static void
pass_ms(uint64_t ms)
{
	w.now_us += ms * 1000;
	wheel_turn(&w.wheel, w.now_us, 0);
	turn();
}

/* ---- segments of a peer ---- */

struct seg {
	uint8_t flags;
	uint32_t seq, ack, len;
	uint16_t wnd;
	uint8_t opts[TCP_OPTIONS_MAX], opt_len;
};

static void
say(struct peer *p, struct seg *g)
{
	static uint8_t data[1500];
	uint32_t end = g->seq + g->len + !!(g->flags & TCP_SYN) + !!(g->flags & TCP_FIN);
	uint32_t unit = g->flags & TCP_SYN ? 1 : 1u << shift(p, p->wscale);

	for (uint32_t i = 0; i < g->len; i++)
		data[i] = byte_at(g->seq + i - p->irs - 1);
	w.us = p->us;
	w.peer = p->addr;
	w.our_port = p->lport;
	w.peer_port = p->port;
	if (!(g->flags & TCP_RST))
		p->sent_top = seq_max(p->sent_top, end);
	if (g->flags & TCP_ACK) {
		p->edge = seq_max(p->edge, g->ack + g->wnd * unit);
		p->last_ack = g->ack;
	}
	put_raw(g->flags, g->seq, g->ack, g->wnd, data, (uint16_t)g->len, g->opts, g->opt_len);
	turn();
}

/* An ordinary one, in order. */
static struct seg
segment(struct peer *p, uint8_t flags)
{
	struct seg g = { .flags = flags | TCP_ACK, .seq = p->nxt, .ack = p->una, .wnd = 60000 };

	if (p->tsval)
		g.opt_len = (uint8_t)tcp_opt_build_ts(
		        g.opts, p->tsval + (uint32_t)(w.now_us / 1000), p->tsecr);
	return g;
}

/* a[0]: what is offered; a[1]: MSS; a[2]: window scale. */
static void
say_syn(struct peer *p, uint8_t flags, const uint8_t *a)
{
	static const uint16_t mss[] = { 1460, 536, 88, 1220, 9000, 40, 0, 1400 };
	struct seg g = { .flags = flags, .seq = p->irs, .wnd = (uint16_t)(a[1] * 257) };
	uint8_t scale;

	if (!p->has_syn) {
		memcpy(p->syn, a, sizeof(p->syn));
		p->nxt = p->sent_top = p->rcv = p->adv = p->irs + 1;
	}
	a = p->syn;
	scale = a[2] & 15;
	g.ack = flags & TCP_ACK ? p->una : 0;
	g.flags |= a[0] & 8 ? TCP_ECE | (flags & TCP_ACK ? 0u : TCP_CWR) : 0u;
	p->offers = a[0] & 1;
	p->wscale = MIN(scale, TCP_WSCALE_MAX);
	p->tsval = a[0] & 2 ? 1000 : 0;
	g.opt_len = (uint8_t)tcp_opt_build_syn(g.opts, mss[a[1] % 8], p->offers ? &scale : NULL,
	                                       a[0] & 4, p->tsval != 0,
	                                       p->tsval + (uint32_t)(w.now_us / 1000), p->tsecr);
	p->has_syn = true;
	say(p, &g);
}
