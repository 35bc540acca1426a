/* SPDX-License-Identifier: BSD-3-Clause
 * test_tcp_dsack.c - what arrives twice is reported: RFC 2883's examples, every overlap against a naive model, bounds
 */
#include "dataplane/tcp/tcp_seq.h"
#include "tests/unit/tcp_wire.h"

static const uint8_t mss_sack_ts[20] = { 2, 4, 1460 >> 8, 1460 & 255, 4, 2, 8, 10, 0, 0,
	                                 0, 9, 0,         0,          0, 0, 1, 1,  1, 1 };
static uint32_t una;

static void
end_case(void)
{
	tcp_abort(w.c);
	w.c = NULL;
	wire_end();
}

/* --- the RFC's examples, in its own numbers --- */

#define STEPS 8

struct step {
	unsigned start, end; /* a segment arrives; 0, 0: the end */
	unsigned ack;
	unsigned blocks[4][2];
};

struct example {
	const char *what;
	unsigned first; /* number of the stream's first byte */
	struct step steps[STEPS];
};

/* clang-format off */
static const struct example examples[] = {
	{ "4.1.1: a full duplicate; several ACKs were lost", 3000, {
		{ 3000, 3500, 3500, { { 0, 0 } } },
		{ 3500, 4000, 4000, { { 0, 0 } } },
		{ 3000, 3500, 4000, { { 3000, 3500 } } } } },
	{ "4.1.2: an out-of-order segment and a duplicate", 3000, {
		{ 3000, 3500, 3500, { { 0, 0 } } },
		{ 3500, 4000, 4000, { { 0, 0 } } },
		{ 4500, 5000, 4000, { { 4500, 5000 } } },
		{ 3000, 3500, 4000, { { 3000, 3500 }, { 4500, 5000 } } } } },
	{ "4.1.3: a duplicate of an out-of-order segment", 3500, {
		{ 3500, 4000, 4000, { { 0, 0 } } },
		{ 4500, 5000, 4000, { { 4500, 5000 } } },
		{ 5000, 5500, 4000, { { 4500, 5500 } } },
		{ 5000, 5500, 4000, { { 5000, 5500 }, { 4500, 5500 } } } } },
	{ "4.2.1: one duplicate piece", 500, {
		{ 500, 1000, 1000, { { 0, 0 } } },
		{ 2000, 2500, 1000, { { 2000, 2500 } } },
		{ 1000, 1500, 1500, { { 2000, 2500 } } },
		{ 1000, 2000, 2500, { { 1000, 1500 } } } } },
	{ "4.2.2: two duplicate pieces below the ACK: the first", 500, {
		{ 500, 1000, 1000, { { 0, 0 } } },
		{ 3000, 3500, 1000, { { 3000, 3500 } } },
		{ 1000, 1500, 1500, { { 3000, 3500 } } },
		{ 2000, 2500, 1500, { { 2000, 2500 }, { 3000, 3500 } } },
		{ 1000, 2500, 2500, { { 1000, 1500 }, { 3000, 3500 } } } } },
	{ "4.2.3: two duplicate pieces above the ACK: the first", 500, {
		{ 500, 1000, 1000, { { 0, 0 } } },
		{ 3500, 4000, 1000, { { 3500, 4000 } } },
		{ 1500, 2000, 1000, { { 1500, 2000 }, { 3500, 4000 } } },
		{ 2500, 3000, 1000, { { 2500, 3000 }, { 1500, 2000 }, { 3500, 4000 } } },
		{ 1500, 3000, 1000, { { 1500, 2000 }, { 1500, 3000 }, { 3500, 4000 } } } } },
};
/* clang-format on */

static void
step(const struct example *e, unsigned k)
{
	const struct step *x = &e->steps[k];
	uint32_t base = PEER_ISN + 1 - e->first;
	const struct wire_seg *s;
	unsigned cnt = 0;

	inject(TCP_ACK, base + x->start, una, 65535, body + x->start,
	       (uint16_t)(x->end - x->start));
	s = next_out();
	CHECK(s && s->ack == base + x->ack && s->len == 0, "%s, step %u: ack %u", e->what, k,
	      s ? s->ack - base : 0);
	while (cnt < 4 && x->blocks[cnt][1])
		cnt++;
	CHECK(s && s->opt.sack_cnt == cnt, "%s, step %u: %u blocks", e->what, k,
	      s ? s->opt.sack_cnt : 0);
	for (unsigned i = 0; s && i < cnt; i++)
		CHECK(s->opt.sack[i].start == base + x->blocks[i][0] &&
		              s->opt.sack[i].end == base + x->blocks[i][1],
		      "%s, step %u, block %u: %u-%u", e->what, k, i, s->opt.sack[i].start - base,
		      s->opt.sack[i].end - base);
	EXPECT_SILENCE("%s, step %u: one ACK", e->what, k);
}

static void
test_examples(bool ts)
{
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		wire_defaults();
		w.cfg.timestamps = ts;
		if (ts)
			w.tsval = 10;
		wire_start();
		una = accept_one(ts ? mss_sack_ts : mss_sack, ts ? 20 : 8);
		for (unsigned k = 0; k < STEPS && examples[i].steps[k].end; k++)
			step(&examples[i], k);
		CHECK(w.n.dsacks_out == 1, "%s", examples[i].what);
		/* once: what is sent from here on does not repeat it */
		CHECK(tcp_send(w.c, span(body, 10)));
		wire_turn();
		CHECK(w.n.dsacks_out == 1, "%s: reported once", examples[i].what);
		end_case();
	}
}

/* --- every overlap --- */

#define PIECES 8
#define PIECE  100u

/* The first of the pieces from..to that `have` has, and how far it reaches. */
static bool
first_duplicate(unsigned have, unsigned from, unsigned to, unsigned *start, unsigned *end)
{
	while (from < to && !(have & 1u << from))
		from++;
	*start = from;
	while (from < to && have & 1u << from)
		from++;
	*end = from;
	return *end > *start;
}

static unsigned
next_missing(unsigned have)
{
	unsigned n = 0;

	while (have & 1u << n)
		n++;
	return n;
}

/* Held pieces, then a segment over any of them: what is reported first is the first piece that came twice. */
static void
test_overlaps(void)
{
	for (unsigned held = 0; held < 1u << PIECES; held += 1 + held % 3)
		for (unsigned from = 0; from < PIECES; from++) {
			unsigned to = from + 1 + held % (PIECES - from), start, end, have = 0;
			unsigned was;
			const struct wire_seg *s;
			bool dup;

			wire_defaults();
			wire_start();
			una = accept_one(mss_sack, 8);
			for (unsigned p = PIECES; p-- > 0;) {
				if (!(held & 1u << p))
					continue;
				inject(TCP_ACK, PEER_ISN + 1 + p * PIECE, una, 65535,
				       body + p * PIECE, PIECE);
				have |= 1u << p;
			}
			CHECK(w.n.dsacks_out == 0, "nothing came twice");
			left_out();
			was = next_missing(have);
			dup = first_duplicate(have, from, to, &start, &end);
			/* what is below the ACK is one piece of its own */
			if (dup && start < was)
				end = MIN(end, was);
			inject(TCP_ACK, PEER_ISN + 1 + from * PIECE, una, 65535,
			       body + from * PIECE, (uint16_t)((to - from) * PIECE));
			s = next_out();
			CHECK(w.n.dsacks_out == dup, "held %02x, %u-%u", held, from, to);
			CHECK(!dup || (s && s->opt.sack_cnt > 0 &&
			               s->opt.sack[0].start == PEER_ISN + 1 + start * PIECE &&
			               s->opt.sack[0].end == PEER_ISN + 1 + end * PIECE),
			      "held %02x, %u-%u", held, from, to);
			CHECK(w.got_len ==
			      next_missing(have | ((1u << to) - (1u << from))) * PIECE);
			end_case();
		}
}

/* --- when, and when not --- */

static void
test_timestamps_three(void)
{
	const struct wire_seg *s;

	wire_defaults();
	w.cfg.timestamps = true;
	w.tsval = 10;
	wire_start();
	una = accept_one(mss_sack_ts, 20);
	for (unsigned i = 1; i <= 4; i++)
		inject(TCP_ACK, PEER_ISN + 1 + i * 1000, una, 65535, body, 500);
	left_out();
	inject(TCP_ACK, PEER_ISN + 1 + 2000, una, 65535, body, 500);
	s = next_out();
	CHECK(s && s->opt.has_ts && s->opt.sack_cnt == 3, "three blocks fit beside a timestamp");
	CHECK(s && s->opt.sack[0].start == PEER_ISN + 2001 &&
	      s->opt.sack[0].end == PEER_ISN + 2501 && s->opt.sack[1].start == PEER_ISN + 2001 &&
	      s->opt.sack[1].end == PEER_ISN + 2501);
	end_case();
}

/* A late original that PAWS drops is reported: it is what tells the peer that its retransmission was needless. */
static void
test_paws(void)
{
	const struct wire_seg *s;

	wire_defaults();
	w.cfg.timestamps = true;
	w.tsval = 100;
	wire_start();
	una = accept_one(mss_sack_ts, 20);
	w.tsval = 200;
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, body, 500);
	left_out();
	w.tsval = 150;
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, body, 500);
	s = next_out();
	CHECK(w.n.drop_paws == 1 && s && s->opt.sack_cnt == 1 &&
	      s->opt.sack[0].start == PEER_ISN + 1 && s->opt.sack[0].end == PEER_ISN + 501);
	end_case();
}

static void
test_never(void)
{
	static const uint8_t mss[4] = { 2, 4, 1460 >> 8, 1460 & 255 };

	wire_defaults();
	wire_start();
	una = accept_one(mss, 4);
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, body, 500);
	left_out();
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, body, 500);
	CHECK(left_out() == 1, "the ACK alone");
	CHECK(w.n.dsacks_out == 0 && w.out[w.out_cnt - 1].opt.sack_cnt == 0, "no SACK, no DSACK");
	end_case();

	wire_defaults();
	wire_start();
	una = accept_one(mss_sack, 8);
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, body, 500);
	inject(TCP_ACK, PEER_ISN, una, 65535, NULL, 0);
	CHECK(w.n.dsacks_out == 0, "a keep-alive repeats nothing");
	inject(TCP_ACK | TCP_FIN, PEER_ISN + 501, una, 65535, NULL, 0);
	inject(TCP_ACK | TCP_FIN, PEER_ISN + 501, una, 65535, NULL, 0);
	CHECK(w.n.dsacks_out == 0, "a FIN is no bytes");
	inject(TCP_ACK | TCP_FIN, PEER_ISN + 1, una, 65535, body, 500);
	CHECK(w.n.dsacks_out == 1, "all of it again");
	inject(TCP_RST, PEER_ISN + 1, una, 65535, body, 500);
	CHECK(w.n.dsacks_out == 1, "a RST is not answered");
	end_case();
}

/* Of two connections each gets its own. */
static void
test_two_connections(void)
{
	uint16_t ports[] = { 40000, 40001 };
	uint32_t unas[2];

	wire_defaults();
	wire_start();
	for (unsigned i = 0; i < 2; i++) {
		w.peer_port = ports[i];
		w.opened = 0;
		unas[i] = accept_one(mss_sack, 8);
		inject(TCP_ACK, PEER_ISN + 1, unas[i], 65535, body, 100);
	}
	left_out();
	for (unsigned i = 0; i < 2; i++) {
		w.peer_port = ports[i];
		put(TCP_ACK, PEER_ISN + 1 + 50 * i, unas[i], 65535, body, 50);
	}
	wire_turn();
	for (unsigned i = 0; i < 2; i++) {
		const struct wire_seg *s = next_out();

		CHECK(s && s->dport == ports[i] && s->opt.sack_cnt == 1 &&
		              s->opt.sack[0].start == PEER_ISN + 1 + 50 * i,
		      "connection %u", i);
	}
	end_case();
}

int
main(void)
{
	wire_init();
	test_examples(false);
	test_examples(true);
	test_overlaps();
	test_timestamps_three();
	test_paws();
	test_never();
	test_two_connections();
	return check_failed;
}
