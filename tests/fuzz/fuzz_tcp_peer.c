/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_tcp_peer.c - four peers that know the numbers: options, SACK, cookies, path MTU, keep-alive, users' calls, in any order
 *
 * Input   2 bytes of settings, then records of 4: what is done and by which peer, and three bytes for it (steps[]).
 * Asserts Each peer reads the bytes that were sent to it, once more or not, never others; no byte goes past the window it told.
 *         What it sent is read in order and nothing else; nothing is acknowledged that it did not send. The window we tell goes back
 *         by less than a unit. Once a peer acknowledges all that left, all of it leaves; once all is closed and time has
 *         passed, no connection, timer, slice, chunk or mbuf is left.
 *         The same input gives the same segments twice.
 */
#include "tests/fuzz/tcp_peer.h"

#define SENT_MAX    120000u
#define PASS_MAX_MS 800000 /* of one input: the wheel turns a millisecond at a time, which costs */

static uint64_t left_ms; /* that may still pass */

/* A SYN: of a connection to come, or, a[0] bit 5, the last one again. To one that is open it is a stray. */
static void
step_syn(struct peer *p, const uint8_t *a)
{
	struct seg g = segment(p, TCP_SYN);

	if (p->is_closed) /* perhaps it is over and waits for its reader alone: then another may begin */
		return;
	if (p->is_open) {
		g.flags = TCP_SYN;
		g.seq = p->rcv + a[1] * 256u - 128;
		say(p, &g);
		return;
	}
	if (!p->c) {
		p->lport = a[0] & 64 ? 26 : 25;
		p->has_syn = p->has_syn && !(a[0] & 32);
		p->irs += p->has_syn ? 0 : TURN_GAP;
	}
	say_syn(p, TCP_SYN, a);
}

static void
step_connect(struct peer *p, const uint8_t *a)
{
	if (p->c)
		return;
	p->c = tcp_connect(w.stack, &p->us, &p->addr, p->port, &ops, p, w.now_us);
	if (!p->c)
		return;
	p->lport = tcp_local_port(p->c);
	p->irs += TURN_GAP;
	p->has_syn = false;
	if (a[0] & 1)
		tcp_set_mss(p->c, (uint16_t)(a[1] * 8 + 88));
	if (a[0] & 2)
		tcp_set_rcv_buf(p->c, a[2] * 1024u);
	turn();
}

static void
step_syn_ack(struct peer *p, const uint8_t *a)
{
	if (!p->is_open && p->c)
		say_syn(p, TCP_SYN | TCP_ACK, a);
}

/* Acknowledges a part of what left; a[0] bit 0: ECE, 1: two SACK blocks beyond it, 2: the first is a duplicate's. a[2]: window. */
static void
step_ack(struct peer *p, const uint8_t *a)
{
	uint32_t out = p->top - p->una, blocks[3][2];
	struct seg g;

	p->una += (uint32_t)((uint64_t)out * (a[1] & 15) / 15);
	out = p->top - p->una;
	g = segment(p, a[0] & 1 ? TCP_ECE : 0);
	g.wnd = (uint16_t)(a[2] * 257);
	for (unsigned i = 0; i < 3; i++) {
		uint32_t at = (uint32_t)((uint64_t)out * ((a[1] >> 4) + 5 * i) / 32);

		blocks[i][0] = p->una + at;
		blocks[i][1] = blocks[i][0] + 1 + out / 16 * (a[0] >> 5);
	}
	if (a[0] & 4) {
		blocks[0][0] = p->una - 100;
		blocks[0][1] = p->una - (a[0] & 8 ? 0 : 50);
	}
	if (a[0] & 2)
		g.opt_len += (uint8_t)tcp_opt_build_sack(g.opts + g.opt_len, blocks,
		                                         a[0] & 16 ? 1 : 2 + !g.opt_len);
	say(p, &g);
}

/* a[0]: where, in 100 bytes behind what we acknowledged; a[1]: how much; a[2] bits 0-4: flags, 5: marked on the way. */
static void
step_data(struct peer *p, const uint8_t *a)
{
	struct seg g = segment(p, a[2] & (TCP_FIN | TCP_PSH | TCP_URG | TCP_CWR));

	g.seq = p->rcv + (uint32_t)((int8_t)a[0] * 100);
	g.len = MIN(a[1] * 6u, 1460u - g.opt_len);
	p->nxt = seq_max(p->nxt, g.seq + g.len + (g.flags & TCP_FIN));
	p->is_over |= g.flags & TCP_FIN;
	w.tos = a[2] & 16 ? 3 : 2;
	say(p, &g);
	w.tos = 0;
}

/* Numbers that are a little wrong: a[0] of the sequence, a[1] of the acknowledgement, a[2] flags. */
static void
step_odd(struct peer *p, const uint8_t *a)
{
	struct seg g = segment(p, 0);

	g.flags = a[2] & (TCP_RST | TCP_ACK | TCP_FIN | TCP_ECE);
	g.seq = p->rcv + (uint32_t)((int8_t)a[0]);
	g.ack = p->una + (uint32_t)((int8_t)a[1]) * (a[2] & 1 ? 1u : 1u << 20);
	if (a[2] & 128 && p->tsval) /* an old timestamp */
		g.opt_len = (uint8_t)tcp_opt_build_ts(g.opts, p->tsval, p->tsecr + a[1]);
	say(p, &g);
}

static void
step_time(struct peer *p, const uint8_t *a)
{
	uint64_t ms = a[0] & 1 ? a[1] * 4000u : a[1] + a[2] * 20u;

	(void)p;
	ms = MIN(ms, left_ms);
	left_ms -= ms;
	pass_ms(ms);
}

static void
step_send(struct peer *p, const uint8_t *a)
{
	uint32_t at = (uint32_t)(p->queued % STREAM_BYTES);
	uint32_t len = MIN(a[0] & 1 ? a[1] * 256u : a[1], STREAM_BYTES - at);
	bool sent;

	if (!p->is_open || tcp_unacked(p->c) > SENT_MAX)
		return;
	if (a[0] & 2)
		tcp_want_room(p->c);
	if (a[0] & 1)
		sent = tcp_send_chunk(p->c, stream, at, len);
	else
		sent = tcp_send(p->c, span(stream->data + at, len));
	p->queued += sent ? len : 0;
	turn();
}

static void
step_read(struct peer *p, const uint8_t *a)
{
	struct span in;

	p->holds = a[0] & 1;
	if (!p->is_open)
		return;
	if (tcp_peek_at(p->c, a[1], &in))
		BUG_ON(in.len == 0 || (uint8_t)in.p[0] != byte_at(p->read + a[1]));
	else
		BUG_ON(tcp_unread(p->c) > a[1]);
	read_some(p, a[2] * 64u);
	BUG_ON(tcp_at_eof(p->c) && tcp_unread(p->c) > 0);
	turn();
}

static void
step_end(struct peer *p, const uint8_t *a)
{
	if (!p->c)
		return;
	if (a[0] % 4 < 2) {
		tcp_close(p->c);
		p->is_closed = true;
	} else {
		(a[0] % 4 == 2 ? tcp_abort : tcp_detach)(p->c);
		gone(p);
	}
	turn();
}

static void
step_times(struct peer *p, const uint8_t *a)
{
	struct tcp_times t = { a[1] * 1000u, a[2] * 500u, a[2] * 100u, a[0] >> 4 }, is;

	if (!p->c)
		return;
	if (a[0] & 2 && tcp_set_times(p->c, &t)) {
		tcp_get_times(p->c, &is);
		BUG_ON(t.user_timeout_ms != is.user_timeout_ms ||
		       t.keep_idle_ms != is.keep_idle_ms ||
		       t.keep_interval_ms != is.keep_interval_ms || t.keep_cnt != is.keep_cnt);
	}
	tcp_set_keepalive(p->c, a[0] & 1);
	turn();
}

static void
step_icmp(struct peer *p, const uint8_t *a)
{
	static const uint8_t types[2][4] = { { 3, 3, 11, 4 }, { 2, 1, 3, 4 } };
	struct packet_icmp_error e = { .local = p->us,
		                       .remote = p->addr,
		                       .lport = p->lport,
		                       .rport = p->port,
		                       .seq = p->una + (a[0] & 16 ? (p->top - p->una) / 2 : 0) -
		                              (a[0] & 32 ? 1 : 0),
		                       .v6 = !addr_is_v4(&p->us),
		                       .code = a[1] & 15,
		                       .mtu = a[2] * 8u };

	e.type = types[e.v6][a[0] & 3];
	tcp_icmp(w.stack, &e, w.now_us);
	turn();
}

static void
step_settings(struct peer *p, const uint8_t *a)
{
	struct tcp_tunables t = { .syn_per_prefix = a[1] & 3,
		                  .ecn = a[1] >> 2 & 1 ? TCP_ECN_PASSIVE : TCP_ECN_OFF,
		                  .keep_idle_ms = a[2] * 500u,
		                  .keep_interval_ms = 1 + a[2] * 100u,
		                  .keep_cnt = 1 + (a[1] >> 4) };

	if (a[0] & 2)
		BUG_ON(!tcp_tune(w.stack, &t));
	if (a[0] & 4 && p->c)
		tcp_set_rcv_buf(p->c, a[2] * 1024u);
	if (a[0] & 8)
		tcp_unlisten(w.stack, &(struct addr){ 0 }, 26);
	if (a[0] & 16)
		tcp_listen(w.stack, &(struct addr){ 0 }, 26, &ops, NULL);
}

static void
step_info(struct peer *p, const uint8_t *a)
{
	struct tcp_info i;

	if (!p->c)
		return;
	tcp_get_info(p->c, &i);
	tcp_set_ops(p->c, &ops);
	BUG_ON(!addr_eq(tcp_local_addr(p->c), &p->us) || !addr_eq(tcp_remote_addr(p->c), &p->addr));
	BUG_ON(tcp_room(p->c) > w.cfg.snd_buf_bytes);
	BUG_ON(!*tcp_state_name(i.state) || i.state >= TCP_STATES);
	if (i.state == TCP_CLOSED) { /* told of by the next tcp_ready(), or once all is read */
		turn();
		BUG_ON(p->c && tcp_unread(p->c) == 0);
		return;
	}
	BUG_ON(i.unacked_bytes != tcp_unacked(p->c) || i.unread_bytes != tcp_unread(p->c));
	/* Without SACK a duplicate ACK counts for a segment, three at most, whatever is in flight. */
	BUG_ON(i.lost_bytes > i.in_flight_bytes || i.in_flight_bytes > i.unacked_bytes + 1);
	BUG_ON(p->is_open &&
	       i.sacked_bytes + i.lost_bytes > i.in_flight_bytes + (i.sack ? 0 : 3 * i.snd_mss));
	BUG_ON(p->is_open && (i.unacked_bytes > p->queued || i.cwnd_bytes == 0 || i.rto_ms == 0));
	BUG_ON(p->is_open && i.timestamps && !p->tsval);
	(void)a;
}

static void (*const steps[])(struct peer *p, const uint8_t *a) = {
	step_syn,      step_connect, step_syn_ack, step_ack,  step_data,  step_odd,
	step_time,     step_send,    step_read,    step_end,  step_times, step_icmp,
	step_settings, step_info,    step_ack,     step_time,
};

static void
begin(const uint8_t *data)
{
	static const uint16_t mtus[4] = { 1500, 1500, 1280, 576 };
	struct addr any = { 0 }, us6 = { .b = { 0xfd, [15] = 2 } };
	unsigned opts = data[0];

	wire_defaults();
	wire_link.mtu = mtus[data[1] >> 5 & 3];
	w.cfg.conn_cnt = 3;
	w.cfg.syn_cnt = opts & 1 ? 1 : 3;
	w.cfg.cookie_ring_cnt = w.cfg.timewait_cnt = w.cfg.pmtu_cnt = 2;
	w.cfg.slice_cnt = opts & 2 ? 8 : 64;
	w.cfg.small_chunk_cnt = w.cfg.tx_cnt = w.cfg.big_cnt = 2;
	w.cfg.ooo_cnt = w.cfg.orphan_cnt = 2;
	w.cfg.mbuf_budget = opts & 4 ? 16 : 256;
	w.cfg.ecn = opts >> 3 & 1 ? TCP_ECN_ACTIVE : TCP_ECN_PASSIVE;
	w.cfg.newreno = opts & 16;
	w.cfg.timestamps = !(opts & 32);
	w.cfg.sack = !(opts & 64);
	w.cfg.rcv_wscale = data[1] & 15 ? data[1] & 7 : 8;
	w.cfg.rcv_buf_bytes = opts & 128 ? 4096 : 65536;
	w.cfg.snd_buf_bytes = SENT_MAX;
	wire_start();
	tcp_unlisten(w.stack, &any, 25);
	BUG_ON(tcp_listen(w.stack, &any, 25, &ops, NULL) ||
	       tcp_listen(w.stack, &any, 26, &ops, NULL));
	memset(peers, 0, sizeof(peers));
	for (unsigned i = 0; i < PEERS; i++) {
		peers[i].us = i == 2 ? us6 : w.us;
		peers[i].addr = i == 2 ? us6 : w.peer;
		peers[i].addr.b[15] = i == 1 ? 7 : 1;
		peers[i].port = (uint16_t)(40000 + i);
		peers[i].irs = data[1] & 16 ? 0u - TURN_GAP - 500 : 5000;
	}
	sum = 0;
	left_ms = PASS_MAX_MS;
}

/* A peer that has it all says so, with an open window: then all leaves. */
static void
drain(struct peer *p)
{
	for (unsigned i = 0; i < 3000 && p->is_open && tcp_unacked(p->c) > 0; i++) {
		struct seg g;

		p->una = p->top;
		p->nxt = seq_gt(p->nxt, p->adv) ? p->rcv : seq_max(p->nxt, p->rcv);
		g = segment(p, 0);
		g.wnd = 65535;
		say(p, &g);
		pass_ms(50);
	}
	BUG_ON(p->is_open && tcp_unacked(p->c) > 0);
}

static void
finish(void)
{
	struct tcp_usage u;

	for (unsigned i = 0; i < PEERS; i++) {
		struct peer *p = &peers[i];

		drain(p);
		if (p->is_open)
			read_some(p, SIZE_MAX);
		if (p->c)
			tcp_abort(p->c);
		gone(p);
	}
	turn();
	for (unsigned i = 0; i < 60; i++) {
		tcp_get_usage(w.stack, &u);
		u.pmtus = 0; /* that is what they are for */
		if (memcmp(&u, &(struct tcp_usage){ 0 }, sizeof(u)) == 0)
			break;
		pass_ms(20000);
	}
	BUG_ON(memcmp(&u, &(struct tcp_usage){ 0 }, sizeof(u)) != 0);
	BUG_ON(stream->refs != 1);
	wire_end();
	BUG_ON(check_failed);
}

static uint64_t
run(const uint8_t *data, size_t size)
{
	begin(data);
	for (size_t at = 2; at + 4 <= size; at += 4)
		steps[(data[at] & 63) % ARRAY_LEN(steps)](&peers[data[at] >> 6], data + at + 1);
	finish();
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!stream) {
		wire_init();
		BUG_ON(pool_init_mapped(&streams, "stream",
		                        sizeof(struct chunk) + STREAM_BYTES + 64, 1));
		stream = chunk_new(&streams);
		stream->len = STREAM_BYTES;
		for (uint32_t i = 0; i < STREAM_BYTES; i++)
			stream->data[i] = (uint8_t)(i * 2654435761u >> 24);
	}
	if (size < 6 || size > 2048)
		return 0;
	BUG_ON(run(data, size) != run(data, size));
	return 0;
}
