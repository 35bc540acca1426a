/* SPDX-License-Identifier: BSD-3-Clause
 * sim_tcp_cases.c - named scenarios of the sender over a virtual link, each with its pass mark
 *
 * Why     What a random seed cannot say: how soon a lost tail is repaired, what a delay spike costs, how flows share a
 *         bottleneck. Ends 0 and 2 send to end 1; every figure is of the virtual clock, so a busy machine changes none.
 *         Over 500 lines: the bed, its users and nine cases share one state.
 * Replay  build/tests/sim/sim_tcp_cases [--verbose] [NAME]
 */
#include "dataplane/tcp/tcp.h"
#include "tests/check.h"
#include "tests/sim/sim_eal.h"
#include "tests/sim/sim_tcp_link.h"

#define PORT  25
#define FLOWS 4
#define MTU   1500u
#define BLOCK 16384u

struct flow {
	struct end *end;
	struct tcp_conn *c;
	uint64_t left;        /* bytes still to be queued */
	uint64_t acked_us;    /* when all was */
	bool is_bulk, closed; /* bulk: sends for ever */
};

struct end {
	struct bed *bed;
	struct tcp_stack *stack;
	struct wheel wheel;
	struct rng rng;
	struct tcp_counters n;
};

static struct bed {
	struct sim_link link;
	struct end end[SIM_LINK_ENDS];
	struct flow flow[FLOWS];
	unsigned flows;
	uint64_t now_us, got[FLOWS]; /* bytes that arrived */
	struct chunk *body;
	struct pool chunks;
	/* what a case has the link do */
	unsigned drop_from, drop_cnt,
	        data_cnt; /* data segments towards end 1 that are lost, counted from 0 */
	bool drop_all;
	uint64_t frozen_us;      /* until then nothing arrives, and then all does, in order */
	uint64_t data_at_us[64]; /* when data segments left */
} bed;

static struct rte_mempool *mbufs;
static bool verbose;

static struct addr
address(unsigned end)
{
	return addr_v4(0x0a4d0001 + end);
}

/* --- users --- */

static void
fill(struct flow *f)
{
	while (f->left > 0 && tcp_room(f->c) > 0) {
		uint32_t n = (uint32_t)MIN((uint64_t)BLOCK, f->left);

		if (!tcp_send_chunk(f->c, bed.body, 0, n))
			return;
		if (!f->is_bulk)
			f->left -= n;
	}
}

static void
sender_opened(struct tcp_conn *c, void *user)
{
	(void)c;
	fill(user);
}

static void
sender_room(struct tcp_conn *c, void *user)
{
	(void)c;
	fill(user);
}

static void
sender_closed(struct tcp_conn *c, void *user, int err)
{
	struct flow *f = user;

	(void)c;
	(void)err;
	f->c = NULL;
	f->closed = true;
}

static void
reader_bytes(struct tcp_conn *c, void *user)
{
	struct span in;

	(void)user;
	while (tcp_peek(c, &in)) {
		for (unsigned i = 0; i < bed.flows; i++)
			if (bed.flow[i].c && tcp_local_port(bed.flow[i].c) == tcp_remote_port(c) &&
			    addr_eq(tcp_local_addr(bed.flow[i].c), tcp_remote_addr(c)))
				bed.got[i] += in.len;
		tcp_consume(c, in.len);
	}
}

static void
reader_closed(struct tcp_conn *c, void *user, int err)
{
	(void)c;
	(void)user;
	(void)err;
}

static const struct tcp_ops sender_ops = { sender_opened, NULL, sender_room, sender_closed };
static const struct tcp_ops reader_ops = { NULL, reader_bytes, NULL, reader_closed };

/* --- the bed --- */

static bool
judge(void *ctx, struct sim_flying *f, uint64_t now_us)
{
	const uint8_t *h = rte_pktmbuf_mtod(f->m, const uint8_t *);
	unsigned k;

	(void)ctx;
	if (f->to == 1)
		f->at_us = MAX(f->at_us, bed.frozen_us);
	if (f->to != 1 || f->m->pkt_len <= (unsigned)(h[12] >> 4) * 4)
		return true;
	k = bed.data_cnt++;
	if (k < ARRAY_LEN(bed.data_at_us))
		bed.data_at_us[k] = now_us;
	return !bed.drop_all && (k < bed.drop_from || k - bed.drop_from >= bed.drop_cnt);
}

static void
end_init(unsigned i, const struct tcp_config *base, bool newreno)
{
	struct end *e = &bed.end[i];
	struct tcp_link link = sim_link_tcp(&bed.link, i);
	struct addr any = { 0 };
	struct tcp_config cfg = *base;

	e->bed = &bed;
	wheel_init(&e->wheel, bed.now_us);
	rng_seed(&e->rng, i + 1);
	cfg.newreno = newreno;
	e->stack = tcp_stack_new(&cfg, &link, &e->wheel, &e->rng, &e->n);
	BUG_ON(!e->stack);
	bed.link.end[i].stack = e->stack;
	BUG_ON(tcp_listen(e->stack, &any, PORT, &reader_ops, NULL));
}

static struct tcp_config
config(void)
{
	struct tcp_config c;

	tcp_config_defaults(&c);
	c.conn_cnt = c.syn_cnt = c.timewait_cnt = c.orphan_cnt = 64;
	c.slice_cnt = 4096;
	c.small_chunk_cnt = 64;
	c.ooo_cnt = c.tx_cnt = c.big_cnt = 16;
	c.mbuf_budget = 16384;
	c.rcv_buf_bytes = c.rcv_buf_max_bytes = 4 << 20;
	c.table_key = (struct siphash_key){ 1, 2 };
	c.isn_key = (struct siphash_key){ 3, 4 };
	return c;
}

static void
start(const struct sim_link_config *l, const struct tcp_config *cfg, uint64_t seed)
{
	memset(&bed, 0, sizeof(bed));
	bed.now_us = 1000000;
	sim_link_init(&bed.link, l, seed, mbufs);
	bed.link.judge = judge;
	for (unsigned i = 0; i < SIM_LINK_ENDS; i++)
		end_init(i, cfg, cfg->newreno || i == 2);
	BUG_ON(pool_init_mapped(&bed.chunks, "body", sizeof(struct chunk) + BLOCK, 1));
	bed.body = chunk_new(&bed.chunks);
	memset(bed.body->data, 'x', BLOCK);
	bed.body->len = BLOCK;
}

static void
finish(void)
{
	sim_link_fini(&bed.link);
	for (unsigned i = 0; i < SIM_LINK_ENDS; i++) {
		tcp_stack_free(bed.end[i].stack);
		CHECK(bed.end[i].wheel.armed_cnt == 0);
	}
	chunk_put(bed.body);
	CHECK(bed.chunks.used_cnt == 0);
	pool_fini_mapped(&bed.chunks);
	CHECK(rte_mempool_in_use_count(mbufs) == 0);
}

static struct flow *
flow(unsigned from, uint64_t bytes)
{
	struct flow *f = &bed.flow[bed.flows++];
	struct addr a = address(from), b = address(1);

	*f = (struct flow){ .end = &bed.end[from],
		            .left = bytes ? bytes : UINT64_MAX,
		            .is_bulk = !bytes };
	f->c = tcp_connect(f->end->stack, &a, &b, PORT, &sender_ops, f, bed.now_us);
	CHECK(f->c);
	return f;
}

static void
turn_end(struct end *e)
{
	tcp_ready(e->stack, bed.now_us);
	tcp_flush(e->stack, bed.now_us);
	wheel_turn(&e->wheel, bed.now_us, 0);
	tcp_ready(e->stack, bed.now_us);
	tcp_flush(e->stack, bed.now_us);
}

static void
run_for(uint64_t us)
{
	uint64_t end = bed.now_us + us;

	for (unsigned i = 0; i < SIM_LINK_ENDS; i++)
		turn_end(&bed.end[i]);
	while (bed.now_us < end) {
		uint64_t next = MIN(end, sim_link_next_us(&bed.link));

		for (unsigned i = 0; i < SIM_LINK_ENDS; i++)
			next = MIN(next, bed.now_us + wheel_next_us(&bed.end[i].wheel, bed.now_us,
			                                            1000000));
		bed.now_us = MAX(next, bed.now_us + 1);
		sim_link_deliver(&bed.link, bed.now_us);
		for (unsigned i = 0; i < SIM_LINK_ENDS; i++)
			turn_end(&bed.end[i]);
		for (unsigned i = 0; i < bed.flows; i++)
			if (bed.flow[i].c && !bed.flow[i].acked_us && !bed.flow[i].left &&
			    tcp_unacked(bed.flow[i].c) == 0)
				bed.flow[i].acked_us = bed.now_us;
	}
}

static uint32_t
cwnd(const struct flow *f)
{
	struct tcp_info i;

	tcp_get_info(f->c, &i);
	return i.cwnd_bytes;
}

/* A link of `mbit` with a round trip of rtt_ms and a queue of `bdp` of its products. */
static struct sim_link_config
pipe_of(uint64_t mbit, uint64_t rtt_ms, double bdp)
{
	uint64_t rate = mbit * 125000;

	return (struct sim_link_config){
		.delay_us = rtt_ms * 500,
		.mtu = MTU,
		.way[1] = { .bytes_per_s = rate,
		            .queue_bytes = (uint32_t)((double)rate * (double)rtt_ms / 1000 * bdp) },
	};
}

/* Payload's share of the link, over the last `us`; `before` is what had arrived until then. */
static double
share(unsigned i, uint64_t before, uint64_t mbit, uint64_t us)
{
	return (double)(bed.got[i] - before) * 8 / (double)us / (double)mbit * 1500 / 1448;
}

/* --- lost tails --- */

/* All but the first of a second flight's last `lost` segments arrive; when is all acknowledged, in round trips? */
static double
tail(uint64_t rtt_ms, unsigned lost)
{
	struct sim_link_config l = { .delay_us = rtt_ms * 500, .mtu = MTU };
	struct tcp_config cfg = config();
	struct flow *f;
	uint64_t t0;
	double rtts;

	start(&l, &cfg, 1);
	f = flow(0, 1448);
	run_for(rtt_ms * 1000 * 4);
	t0 = bed.now_us;
	bed.drop_from = bed.data_cnt + 10 - lost;
	bed.drop_cnt = lost;
	f->left = 10 * 1448;
	f->acked_us = 0;
	fill(f);
	run_for(rtt_ms * 1000 * 8);
	CHECK(f->acked_us && bed.end[0].n.retransmit_rto == 0,
	      "rtt %llu ms, %u lost: %llu timeouts", (unsigned long long)rtt_ms, lost,
	      (unsigned long long)bed.end[0].n.retransmit_rto);
	rtts = (double)(f->acked_us - t0) / (double)(rtt_ms * 1000);
	if (verbose)
		printf("  rtt %llu ms, %u of 10 lost: %.2f RTT\n", (unsigned long long)rtt_ms, lost,
		       rtts);
	finish();
	return rtts;
}

static void
test_lost_tail(void)
{
	static const uint64_t rtts[] = { 20, 50, 100, 200, 300 };

	for (size_t i = 0; i < ARRAY_LEN(rtts); i++) {
		double one = tail(rtts[i], 1);

		CHECK(one <= 3.3, "rtt %llu ms: %.2f", (unsigned long long)rtts[i], one);
		for (unsigned lost = 2; lost <= 8; lost += 2) {
			double many = tail(rtts[i], lost);

			CHECK(many <= 4.3, "rtt %llu ms, %u lost: %.2f",
			      (unsigned long long)rtts[i], lost, many);
		}
	}
}

/* --- timeouts --- */

/* All that leaves within a second comes at its end: the timeout was spurious, and cwnd is what it was. */
static void
spike(bool timestamps)
{
	struct sim_link_config l = { .delay_us = 25000, .mtu = MTU };
	struct tcp_config cfg = config();
	uint32_t before;
	struct flow *f;

	cfg.timestamps = timestamps;
	start(&l, &cfg, 1);
	f = flow(0, 400000);
	run_for(125000);
	before = cwnd(f);
	bed.frozen_us = bed.now_us + 1000000;
	run_for(990000);
	CHECK(bed.end[0].n.retransmit_rto > 0);
	run_for(200000);
	CHECK(bed.end[0].n.undone > 0 || bed.end[0].n.frto_spurious > 0);
	CHECK(cwnd(f) >= before / 10 * 9, "cwnd %u, before %u", cwnd(f), before);
	if (verbose)
		printf("  %s: cwnd %u before, %u after\n", timestamps ? "timestamps" : "F-RTO",
		       before, cwnd(f));
	finish();
}

static void
test_delay_spike(void)
{
	spike(true);
	spike(false);
}

/* A black hole: each wait is twice the one before it, from RTO on. */
static void
back_off(bool sack)
{
	struct sim_link_config l = { .delay_us = 100, .mtu = MTU };
	struct tcp_config cfg = config();
	unsigned first = sack ? 2 : 1; /* 0 is the segment; with SACK 1 is its probe */
	struct flow *f;

	cfg.sack = sack;
	start(&l, &cfg, 1);
	f = flow(0, 400);
	run_for(100000);
	bed.drop_all = true;
	bed.data_cnt = 0;
	f->left = 400; /* too short to be taken for a black hole of the path MTU */
	fill(f);
	run_for(13000000);
	CHECK(bed.data_cnt >= first + 6, "%u segments", bed.data_cnt);
	for (unsigned i = 0; i < 6; i++) {
		uint64_t wait = bed.data_at_us[first + i] - bed.data_at_us[first + i - 1],
		         want = 200000ull << i;

		CHECK(wait >= want && wait <= want + want / 10, "wait %u: %llu us", i,
		      (unsigned long long)wait);
	}
	finish();
}

static void
test_back_off(void)
{
	back_off(true);
	back_off(false);
}

/* --- sharing a bottleneck --- */

static void
test_two_cubic_flows(void)
{
	struct sim_link_config l = pipe_of(20, 40, 1);
	struct tcp_config cfg = config();
	double x, y, jain;

	start(&l, &cfg, 1);
	flow(0, 0);
	run_for(5000000); /* the second one comes late */
	flow(0, 0);
	run_for(15000000);
	x = (double)bed.got[0];
	y = (double)bed.got[1];
	run_for(60000000);
	x = (double)bed.got[0] - x;
	y = (double)bed.got[1] - y;
	jain = (x + y) * (x + y) / (2 * (x * x + y * y));
	CHECK(jain >= 0.9, "Jain's index %.3f", jain);
	if (verbose)
		printf("  Jain's index %.3f, together %.1f %% of the link\n", jain,
		       (x + y) * 8 / 60e6 / 20 * 100);
	finish();
}

static void
test_cubic_and_newreno(void)
{
	struct sim_link_config l = pipe_of(20, 40, 1);
	struct tcp_config cfg = config();
	double x, y;

	start(&l, &cfg, 1);
	flow(0, 0);
	flow(2, 0);
	run_for(10000000);
	x = (double)bed.got[0];
	y = (double)bed.got[1];
	run_for(60000000);
	x = (double)bed.got[0] - x;
	y = (double)bed.got[1] - y;
	CHECK(x / (x + y) >= 0.15 && y / (x + y) >= 0.15, "CUBIC %.1f %%, NewReno %.1f %%",
	      x / (x + y) * 100, y / (x + y) * 100);
	if (verbose)
		printf("  CUBIC %.1f %%, NewReno %.1f %%\n", x / (x + y) * 100, y / (x + y) * 100);
	finish();
}

/* --- goodput of one flow at 100 Mbit/s and 50 ms, of the last 20 of 30 seconds --- */

static double
goodput(double bdp, unsigned loss_ppm, unsigned reorder_pct, bool sack)
{
	struct sim_link_config l = pipe_of(100, 50, bdp);
	struct tcp_config cfg = config();
	uint64_t before;
	double part;

	cfg.sack = sack;
	l.way[1].loss_ppm = loss_ppm;
	l.reorder_pct = reorder_pct;
	l.jitter_us = 10000;
	start(&l, &cfg, 7);
	flow(0, 0);
	run_for(10000000);
	before = bed.got[0];
	run_for(20000000);
	part = share(0, before, 100, 20000000);
	if (verbose)
		printf("  queue %.2f BDP, loss %.1f %%, reordering %u %%, %s: %.1f %% of the link, "
		       "%llu timeouts\n",
		       bdp, loss_ppm / 1e4, reorder_pct, sack ? "SACK" : "no SACK", part * 100,
		       (unsigned long long)bed.end[0].n.retransmit_rto);
	finish();
	return part;
}

static void
test_full_link(void)
{
	double one = goodput(1, 0, 0, true), quarter = goodput(0.25, 0, 0, true);

	CHECK(one >= 0.9, "queue of 1 BDP: %.3f", one);
	CHECK(quarter >= 0.9, "queue of a quarter: %.3f", quarter);
}

static uint64_t
queued_at(unsigned end)
{
	struct tcp_usage u;

	tcp_get_usage(bed.end[end].stack, &u);
	return u.snd_bytes;
}

/* The buffer follows cwnd: two of it while the link is full, what it was at first once nothing is sent. */
static void
test_send_buffer(void)
{
	struct sim_link_config l = pipe_of(100, 50, 1);
	struct tcp_config cfg = config();
	struct flow *f;
	size_t room;

	start(&l, &cfg, 7);
	f = flow(0, 0);
	CHECK(tcp_room(f->c) == cfg.snd_buf_bytes);
	run_for(10000000);
	CHECK(queued_at(0) >= 625000 && queued_at(0) <= 2 * cwnd(f) + BLOCK,
	      "%llu bytes queued, cwnd %u", (unsigned long long)queued_at(0), cwnd(f));
	f->is_bulk = false;
	f->left = 0;
	while (tcp_unacked(f->c) > 0)
		run_for(10000);
	room = tcp_room(f->c);
	CHECK(room >= 1000000 && queued_at(0) == 0, "%zu", room);
	run_for(2000000);
	CHECK(tcp_room(f->c) == cfg.snd_buf_bytes, "idle: %zu", tcp_room(f->c));
	finish();
}

/* Budget / (n + 4) for each of n (tcp_send.c), and never more than all of it; a block more may hang over. */
static void
test_send_budget(void)
{
	struct sim_link_config l = pipe_of(100, 50, 1);
	struct tcp_config cfg = config();
	uint64_t all, one, before;

	cfg.snd_budget_bytes = 1 << 20;
	start(&l, &cfg, 7);
	flow(0, 0);
	run_for(5000000);
	one = tcp_unacked(bed.flow[0].c);
	CHECK(one <= cfg.snd_budget_bytes / 5 + BLOCK && one >= cfg.snd_budget_bytes / 12,
	      "alone: %llu", (unsigned long long)one);
	for (unsigned i = 1; i < FLOWS; i++)
		flow(0, 0);
	run_for(10000000);
	all = queued_at(0);
	CHECK(all <= cfg.snd_budget_bytes + FLOWS * BLOCK && tcp_unacked(bed.flow[0].c) < one,
	      "%u flows: %llu, the first %zu", FLOWS, (unsigned long long)all,
	      tcp_unacked(bed.flow[0].c));
	before = bed.got[0];
	run_for(5000000);
	CHECK(bed.got[0] > before + 1000000, "it goes on");
	finish();
	/* Used up: a quarter of the first buffer, so that whoever comes still gets something done. */
	cfg.snd_budget_bytes = 4096;
	start(&l, &cfg, 7);
	flow(0, 0);
	run_for(5000000);
	CHECK(queued_at(0) <= cfg.snd_buf_bytes + BLOCK && bed.got[0] > 1000000, "%llu, %llu",
	      (unsigned long long)queued_at(0), (unsigned long long)bed.got[0]);
	finish();
}

/*
 * RFC 9438's TCP-friendly region: at 1 % and more the average window is AIMD's, sqrt(1.5 / p) segments (Mathis) of
 * alpha 0.53 and beta 0.7, which is made to have the same. Half to twice of it passes.
 */
static void
test_losses(void)
{
	static const unsigned loss_ppm[] = { 10000, 30000 };
	static const double window[] = { 12.2, 7.07 };

	for (size_t i = 0; i < ARRAY_LEN(loss_ppm); i++) {
		double want = window[i] * 1500 * 8 / 0.05 / 100e6,
		       is = goodput(1, loss_ppm[i], 0, true);

		CHECK(is >= want * 0.5 && is <= want * 2,
		      "loss %u ppm: %.4f of the link, Mathis %.4f", loss_ppm[i], is, want);
		if (verbose)
			printf("  loss %.0f %%: %.2f of Mathis' figure\n", loss_ppm[i] / 1e4,
			       is / want);
	}
}

static void
test_reordering(void)
{
	double straight = goodput(1, 0, 0, true), late = goodput(1, 0, 1, true);

	CHECK(late >= straight * 0.9, "%.3f, without reordering %.3f", late, straight);
}

/*
 * Ha and Rhee, Taming the elephants, 4.1: slow start is over once a train of ACKs is as long as the way to the peer takes, half a
 * round trip. Then cwnd is between one bandwidth-delay product and one and a half, and a queue of one product loses
 * nothing. Nine round trips double ten segments to more than any link here holds. With reordering the first hole goes again:
 * nobody has seen any yet (RFC 8985 6.2.4).
 */
static void
slow_start_ends(uint64_t rtt_ms, unsigned reorder_pct)
{
	struct sim_link_config l = pipe_of(100, rtt_ms, 1);
	struct tcp_config cfg = config();
	double product = (double)(100 * 125 * rtt_ms), left;
	struct tcp_info i;

	l.reorder_pct = reorder_pct;
	l.jitter_us = rtt_ms * 200;
	start(&l, &cfg, 3);
	flow(0, 0);
	run_for(20 * rtt_ms * 1000);
	tcp_get_info(bed.flow[0].c, &i);
	left = i.ssthresh_bytes / product;
	CHECK(bed.link.overflown == 0 && (reorder_pct || bed.end[0].n.retransmit_segs == 0),
	      "%llu ms, reordering %u %%: %llu segments lost, %llu sent again",
	      (unsigned long long)rtt_ms, reorder_pct, (unsigned long long)bed.link.overflown,
	      (unsigned long long)bed.end[0].n.retransmit_segs);
	CHECK(left >= 0.95 && left <= 1.6, "%llu ms, reordering %u %%: ssthresh %.2f products",
	      (unsigned long long)rtt_ms, reorder_pct, left);
	if (verbose)
		printf("  %llu ms, reordering %u %%: left at %.2f products, twenty round trips "
		       "%.1f %% of the link\n",
		       (unsigned long long)rtt_ms, reorder_pct, left,
		       share(0, 0, 100, 20 * rtt_ms * 1000) * 100);
	finish();
}

static void
test_slow_start_ends(void)
{
	static const uint64_t rtts[] = { 10, 20, 50, 100 };

	for (size_t i = 0; i < ARRAY_LEN(rtts); i++) {
		slow_start_ends(rtts[i], 0);
		slow_start_ends(rtts[i], 1);
	}
}

/* After a silence of two round trips a user sends what cwnd holds, more than the queue: at the line's rate it would overflow. */
static void
test_after_silence(void)
{
	struct sim_link_config l = pipe_of(100, 50, 1);
	struct tcp_config cfg = config();
	uint64_t before;
	struct flow *f;

	start(&l, &cfg, 3);
	f = flow(0, 4000000);
	for (unsigned ms = 0; ms < 2000 && !f->acked_us; ms++)
		run_for(1000);
	run_for(100000);
	CHECK(cwnd(f) > 700000 && bed.link.overflown == 0, "cwnd %u", cwnd(f));
	before = bed.got[0];
	f->left = cwnd(f);
	f->acked_us = 0;
	fill(f);
	run_for(200000);
	CHECK(f->acked_us && bed.got[0] - before > 700000);
	CHECK(bed.link.overflown == 0, "%llu of %u bytes' segments lost",
	      (unsigned long long)bed.link.overflown, cwnd(f));
	finish();
}

/* Without SACK nothing hangs, whatever is lost. */
static void
test_without_sack(void)
{
	static const unsigned loss_ppm[] = { 0, 10000, 100000 };

	for (size_t i = 0; i < ARRAY_LEN(loss_ppm); i++)
		CHECK(goodput(1, loss_ppm[i], 1, false) > 0.0005, "loss %u ppm", loss_ppm[i]);
}

static const struct {
	const char *name;
	void (*fn)(void);
} cases[] = {
	{ "lost tail: 3.3 round trips, 4.3 if it is longer, no timeout", test_lost_tail },
	{ "delay spike: undone", test_delay_spike },
	{ "black hole: 0.2, 0.4, 0.8 s", test_back_off },
	{ "two CUBIC flows: Jain's index >= 0.9", test_two_cubic_flows },
	{ "CUBIC and NewReno: 15 % each at least", test_cubic_and_newreno },
	{ "100 Mbit/s, 50 ms: 90 % of the link", test_full_link },
	{ "the send buffer follows cwnd", test_send_buffer },
	{ "a budget for all send buffers", test_send_budget },
	{ "slow start ends in time: nothing lost in a queue of one product", test_slow_start_ends },
	{ "after a silence: a whole cwnd, and nothing lost", test_after_silence },
	{ "losses: Mathis", test_losses },
	{ "reordering: 10 % at most", test_reordering },
	{ "without SACK: no hang", test_without_sack },
};

int
main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	const char *only = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--verbose"))
			verbose = true;
		else
			only = argv[i];
	}
	sim_eal_init();
	mbufs = sim_eal_pool("cases", 32767);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (only && !strstr(cases[i].name, only))
			continue;
		if (verbose)
			printf("%s\n", cases[i].name);
		check_failed = 0;
		cases[i].fn();
		*(check_failed ? &failed : &passed) += 1;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}
