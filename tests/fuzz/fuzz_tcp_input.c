/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_tcp_input.c - any segments in any order at a connection of each kind
 *
 * Input   Records of 1 byte kind, 1 byte length, then that many bytes of TCP header and payload. Kinds also let time pass,
 *         read, write, close. Ports and, where the kind says so, numbers are put right, so that segments get far.
 *         Bit 1 of the first byte: records of 4 bytes instead, each a piece of one stream (offset, length, what else happens),
 *         in any order and overlap; then all of it once more in order.
 * Asserts How a stream was cut into segments changes none of its bytes, and all of them arrive.
 *         The same input gives the same segments and bytes twice (nothing depends on memory that nobody wrote); one by one
 *         or in bursts nothing is left behind: no mbuf, timer, slice; no segment leaves that is malformed.
 */
#include "dataplane/tcp/tcp_seq.h"
#include "tests/sim/seg_link.h"
#include "tests/sim/sim_eal.h"
#include <rte_mbuf.h>

#define BURST        16
#define TIME_MAX_US  150000000ull
#define STREAM_BYTES 9000u /* twice the receive buffer and a bit */
#define STREAM_PIECE 1400u

struct world {
	struct tcp_stack *stack;
	struct tcp_counters counters;
	struct wheel wheel;
	struct rng rng;
	uint64_t now_us, sum; /* sum: over all that left and all that was read */
	struct tcp_conn *c;
	uint32_t our_seq, our_ack; /* of the last segment that left */
	uint32_t top;              /* run_flight(): behind the highest byte that left */
	uint16_t our_port;
	uint64_t read, closed;
	bool is_stream;
	struct packet_in in[BURST];
	unsigned in_cnt, burst;
};

static struct world world;

static void
mix(struct world *w, uint64_t v)
{
	w->sum = (w->sum ^ v) * 0x9e3779b97f4a7c15ull;
	w->sum ^= w->sum >> 29;
}

static void
link_out(const struct seg_value *v, uint64_t now_us)
{
	struct world *w = &world;
	struct tcp_options o;

	(void)now_us;
	tcp_opt_parse(v->opts, v->opts_len, v->flags & TCP_SYN, &o);
	BUG_ON(o.is_bad);
	BUG_ON((v->flags & TCP_SYN) && (v->flags & (TCP_FIN | TCP_RST)));
	w->our_seq = v->seq;
	w->our_ack = v->ack;
	if (seq_gt(v->seq + v->len, w->top))
		w->top = v->seq + v->len;
	if (w->burst == 1) /* bursts gather ACKs: only the bytes must agree then */
		mix(w, v->opts_len + v->len);
}

static struct seg_link wire = { .mtu = 1500, .out = link_out };

static void
on_open(struct tcp_conn *c, void *user)
{
	(void)user;
	if (!world.c)
		world.c = c;
}

static void
on_close(struct tcp_conn *c, void *user, int err)
{
	(void)user;
	(void)err;
	world.closed++;
	if (world.c == c)
		world.c = NULL;
}

static const struct tcp_ops ops = { on_open, NULL, NULL, on_close };

static void
feed(struct world *w)
{
	for (unsigned at = 0; at < w->in_cnt; at += w->burst)
		tcp_input_burst(w->stack, w->in + at, MIN(w->burst, w->in_cnt - at), w->now_us);
	w->in_cnt = 0;
}

static void
turn(struct world *w)
{
	feed(w);
	tcp_ready(w->stack, w->now_us);
	tcp_flush(w->stack, w->now_us);
}

static void
pass(struct world *w, uint64_t us)
{
	w->now_us += us;
	wheel_turn(&w->wheel, w->now_us, 0);
	turn(w);
}

static uint8_t
stream_byte(uint32_t at)
{
	return (uint8_t)(at * 2654435761u >> 24);
}

static void
read_all(struct world *w)
{
	struct span in;

	while (w->c && tcp_peek(w->c, &in)) {
		BUG_ON(in.len == 0 || in.len > tcp_unread(w->c));
		for (size_t i = 0; i < in.len; i++) {
			mix(w, (uint8_t)in.p[i]);
			BUG_ON(w->is_stream &&
			       (uint8_t)in.p[i] != stream_byte((uint32_t)(w->read + i)));
		}
		w->read += in.len;
		tcp_consume(w->c, in.len);
	}
}

/* kind bits: 0-1 numbers put right, 2 a turn after it */
static void
segment(struct world *w, uint8_t kind, const uint8_t *p, size_t n)
{
	struct addr us = addr_v4(0x0a000002), peer = addr_v4(0x0a000001);
	struct packet_in in = seg_link_in_raw(&wire, &peer, &us, p, n);
	uint8_t *h = rte_pktmbuf_mtod(in.m, uint8_t *);

	if (n >= 20) {
		store_be16(h, 40000);
		store_be16(h + 2, w->our_port);
		if (kind & 1)
			store_be32(h + 4, w->our_ack + (uint32_t)(int8_t)h[7]);
		if (kind & 2)
			store_be32(h + 8, w->our_seq + h[11]);
	}
	w->in[w->in_cnt++] = in;
	if (w->in_cnt == BURST || kind & 4)
		turn(w);
}

static void
call(struct world *w, uint8_t kind, uint8_t arg)
{
	turn(w);
	switch (kind % 6) {
	case 0:
		pass(w, 1000u + arg * 1000u);
		break;
	case 1:
		if (w->now_us <
		    TIME_MAX_US) /* the wheel turns a millisecond at a time, which costs */
			pass(w, arg < 240 ? arg * 20000ull : (arg - 239) * 8000000ull);
		break;
	case 2:
		read_all(w);
		break;
	case 3:
		if (w->c)
			tcp_send(w->c, span("0123456789abcdef0123456789abcdef", MIN(arg, 32)));
		break;
	case 4:
		if (w->c)
			tcp_close(w->c);
		break;
	default:
		if (w->c && arg % 2)
			tcp_abort(w->c);
		else if (w->c)
			tcp_detach(w->c);
		w->c = NULL;
		break;
	}
	turn(w);
}

static void
begin(struct world *w, bool active, unsigned burst)
{
	struct tcp_link link = seg_link_tcp(&wire);
	struct addr us = addr_v4(0x0a000002), peer = addr_v4(0x0a000001);
	struct tcp_config cfg;

	memset(w, 0, sizeof(*w));
	w->now_us = 1000000;
	w->burst = burst;
	w->our_port = 25;
	tcp_config_defaults(&cfg);
	cfg.conn_cnt = 4;
	cfg.syn_cnt = 1;
	cfg.cookie_ring_cnt = 2;
	cfg.timewait_cnt = 2;
	cfg.slice_cnt = cfg.small_chunk_cnt = 8;
	cfg.ooo_cnt = 2;
	cfg.mbuf_budget = 64;
	cfg.rcv_buf_bytes = cfg.rcv_buf_max_bytes = 4096;
	wheel_init(&w->wheel, w->now_us);
	rng_seed(&w->rng, 1);
	w->stack = tcp_stack_new(&cfg, &link, &w->wheel, &w->rng, &w->counters);
	BUG_ON(!w->stack || tcp_listen(w->stack, &us, 25, &ops, NULL));
	if (active) {
		w->c = tcp_connect(w->stack, &us, &peer, 40000, &ops, NULL, w->now_us);
		BUG_ON(!w->c);
		w->our_port = tcp_local_port(w->c);
	}
	turn(w);
}

static void
end(struct world *w)
{
	tcp_stack_free(w->stack);
	BUG_ON(w->wheel.armed_cnt != 0);
	BUG_ON(rte_mempool_in_use_count(wire.pool) != 0);
}

static uint64_t
run(const uint8_t *data, size_t size, unsigned burst)
{
	struct world *w = &world;

	begin(w, data[0] & 1, burst);
	for (size_t at = 1; at + 2 <= size;) {
		uint8_t kind = data[at], len = data[at + 1];
		size_t n = MIN((size_t)len, size - at - 2);

		if (kind < 0xc0)
			segment(w, kind, data + at + 2, n);
		else
			call(w, kind, len);
		at += 2 + (kind < 0xc0 ? n : 0);
	}
	turn(w);
	read_all(w);
	end(w);
	return w->sum;
}

static void
stream_put(struct world *w, uint32_t seq, uint32_t ack, uint32_t off, uint32_t len, uint8_t flags)
{
	uint8_t h[20 + STREAM_PIECE] = { [12] = 5 << 4, [13] = flags, [14] = 16 };

	store_be32(h + 4, seq + off);
	store_be32(h + 8, ack);
	for (uint32_t i = 0; i < len; i++)
		h[20 + i] = stream_byte(off + i);
	segment(w, 0, h, 20 + len);
}

/* Everything once more, in order and within the window, up to the FIN. */
static void
stream_rest(struct world *w, uint32_t seq, uint32_t ack)
{
	for (uint32_t off = 0; off < STREAM_BYTES; off += STREAM_PIECE / 2) {
		uint32_t len = MIN(STREAM_PIECE / 2, STREAM_BYTES - off);
		bool last = off + len == STREAM_BYTES;

		stream_put(w, seq, ack, off, len, TCP_ACK | (last ? TCP_FIN : 0));
		turn(w);
		read_all(w);
		turn(w);
		BUG_ON(w->read < off + len);
	}
	BUG_ON(w->read != STREAM_BYTES || !w->c || !tcp_at_eof(w->c));
}

static void
run_stream(const uint8_t *data, size_t size, unsigned burst)
{
	struct world *w = &world;
	uint32_t seq = (uint32_t)0 - data[1] * 64u, ack; /* the wrap is near */
	uint8_t syn[24] = { [12] = 6 << 4, [13] = TCP_SYN, [14] = 16, [20] = 4, [21] = 2, 1, 1 };

	begin(w, false, burst);
	w->is_stream = true;
	store_be32(syn + 4, seq - 1);
	segment(w, 4, syn, sizeof(syn));
	ack = w->our_seq + 1;
	stream_put(w, seq, ack, 0, 0, TCP_ACK);
	turn(w);
	BUG_ON(!w->c);
	for (size_t at = 2; at + 4 <= size; at += 4) {
		uint32_t off = load_be16(data + at) % STREAM_BYTES;
		uint32_t len = MIN(data[at + 2] * 6u, STREAM_PIECE);

		len = MIN(len, STREAM_BYTES - off);
		stream_put(w, seq, ack, off, len, TCP_ACK | (data[at + 3] & 8 ? TCP_PSH : 0));
		if (data[at + 3] & 1)
			turn(w);
		if (data[at + 3] & 2)
			read_all(w);
		if (data[at + 3] & 4)
			pass(w, 1000u * (data[at + 3] >> 4));
	}
	turn(w);
	read_all(w);
	turn(w);
	stream_rest(w, seq, ack);
	end(w);
}

/* An ACK of a sender's flight with two SACK blocks, in units of 300 bytes behind `una`. */
static void
flight_ack(struct world *w, uint32_t una, const uint8_t *p)
{
	uint8_t h[40] = {
		[12] = 10 << 4, [13] = TCP_ACK, [14] = 0xff, [20] = 1, [21] = 1, [22] = 5, [23] = 18
	};

	h[12] = p[0] & 16 ? 5 << 4 : 10 << 4;
	h[13] |= p[0] & 2 ? TCP_ECE : 0;
	h[14] = p[0] & 4 ? 1 : 0xff;
	store_be32(h + 4, w->our_ack);
	store_be32(h + 8, una);
	for (unsigned i = 0; i < 2; i++) {
		store_be32(h + 24 + 8 * i, una + p[3 + 2 * i] * 300u - (p[0] & 8 ? 3000u : 0));
		store_be32(h + 28 + 8 * i,
		           una + (p[3 + 2 * i] + p[4 + 2 * i]) * 300u - (p[0] & 8 ? 3000u : 0));
	}
	segment(w, 4, h, p[0] & 16 ? 20 : 40);
}

/* Whatever blocks a peer reports, and in which order: once it acknowledges all that was sent, all of it is sent. */
static void
run_flight(const uint8_t *data, size_t size)
{
	static struct pool bodies;
	struct world *w = &world;
	struct chunk *ch;
	uint8_t syn[32] = {
		[12] = 8 << 4, [13] = TCP_SYN, [14] = 255, [20] = 2, 4, 2, 0, 4, 2, 3, 3, 2, 1, 1, 1
	};
	uint32_t una;

	if (!bodies.memory)
		BUG_ON(pool_init_mapped(&bodies, "flight", sizeof(struct chunk) + 60000, 1));
	begin(w, false, 1);
	syn[13] |= data[1] & 1 ? TCP_ECE | TCP_CWR : 0;
	segment(w, 4, syn, sizeof(syn));
	una = w->top = w->our_seq + 1;
	stream_put(w, 1, una, 0, 0, TCP_ACK);
	turn(w);
	BUG_ON(!w->c);
	ch = chunk_new(&bodies);
	ch->len = 60000;
	for (unsigned i = 0; i < 4; i++)
		tcp_send_chunk(w->c, ch, 0, ch->len);
	chunk_put(ch);
	for (size_t at = 2; at + 8 <= size && w->c; at += 8) {
		una += load_be16(data + at + 1) * 16u % (w->top - una + 1);
		if (data[at] & 1)
			pass(w, 1000u * data[at + 7]);
		flight_ack(w, una, data + at);
	}
	for (unsigned i = 0; i < 2000 && w->c && tcp_unacked(w->c) > 0; i++) {
		static const uint8_t plain[8] = { 16 };

		flight_ack(w, w->top, plain);
		pass(w, 50000);
	}
	BUG_ON(w->c && tcp_unacked(w->c) > 0);
	end(w);
	BUG_ON(bodies.used_cnt != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!wire.pool) {
		sim_eal_init();
		wire.pool = sim_eal_pool("fuzz", 1023);
	}
	if (size < 3 || size > 8192)
		return 0;
	if (data[0] & 2) {
		run_stream(data, size, 1);
		run_stream(data, size, BURST);
		return 0;
	}
	if (data[0] & 4) {
		run_flight(data, size);
		return 0;
	}
	BUG_ON(run(data, size, 1) != run(data, size, 1));
	run(data, size, BURST);
	return 0;
}
