/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_sack.c - SACK blocks that the peer reports
 *
 * Limit   A block costs two binary searches and a pass over the bitmap's words between them, whatever it says; a segment is
 *         looked at once, when it is first SACKed.
 * RFC     2018 5, 2883 (a first block at or left of the ACK, or within the second, is a DSACK), 6675 2. What lies outside
 *         of snd_una..snd_nxt says nothing.
 */
#include "dataplane/tcp/tcp_conn.h"

static void
take_block(struct tcp_conn *c, uint32_t start, uint32_t end, struct tcp_delivery *d)
{
	struct tcp_flight *f = &c->tx->flight;
	uint32_t to = end == f->end ? f->cnt : tcp_flight_find(f, end);
	uint32_t i = tcp_flight_find(f, start);

	if ((to < f->cnt ? tcp_flight_at(f, to)->seq : f->end) != end && to > 0)
		to--; /* it covers a part of the last one */
	while ((i = tcp_flight_next(f, i, to, 0, MARK(MARK_SACKED))) < to) {
		uint32_t len = tcp_flight_bytes(f, i);

		tcp_rack_delivered(c, i, d);
		if (c->flags & F_PMTU)
			tcp_pmtu_delivered(c, i);
		tcp_flight_clear_lost(f, i);
		tcp_flight_set(f, i, MARK_SACKED);
		d->sacked += len;
		d->delivered += len;
	}
}

/* RFC 2883 4: what came twice is reported first. */
static bool
is_dsack(const struct tcp_seg *g)
{
	uint32_t start = g->opt.sack[0].start, end = g->opt.sack[0].end;

	if (!seq_lt(start, end))
		return false;
	if (seq_leq(end, g->ack))
		return true;
	return g->opt.sack_cnt > 1 && seq_geq(start, g->opt.sack[1].start) &&
	       seq_leq(end, g->opt.sack[1].end);
}

void
tcp_sack_take(struct tcp_conn *c, const struct tcp_seg *g, struct tcp_delivery *d)
{
	unsigned i = 0;

	if (is_dsack(g)) {
		d->has_dsack = true;
		d->dsack_end = g->opt.sack[0].end;
		counter_inc(&c->stack->cnt->dsacks_in);
		if (!tcp_tlp_is_probe(c, d->dsack_end)) /* a probe says nothing of reordering */
			tcp_rack_dsack(c);
		tcp_undo_dsack(c, g->opt.sack[0].start, d->dsack_end);
		i = 1;
	}
	for (; i < g->opt.sack_cnt; i++) {
		uint32_t start = g->opt.sack[i].start, end = g->opt.sack[i].end;

		if (seq_lt(start, end) && seq_gt(start, seq_max(c->snd_una, g->ack)) &&
		    seq_leq(end, c->snd_nxt))
			take_block(c, start, end, d);
	}
}
