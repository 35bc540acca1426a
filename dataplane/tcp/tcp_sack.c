/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_sack.c - the sender's scoreboard: which bytes in flight the peer holds, what is out there, which hole is next
 *
 * Why     NewReno repairs one hole a round trip; with the peer's SACK blocks all of them are repaired in one.
 * Limit   TCP_BOARD_MAX runs, sorted and merged; a block is taken in O(runs). What finds no place is forgotten: it costs a
 *         retransmission, never correctness. A block outside of snd_una..snd_max is ignored (RFC 2018 8, DSACK too).
 * RFC     2018 5, 6675 with Mathis' forward acknowledgement: what is not SACKed below the highest SACKed byte counts as
 *         lost once recovery has begun. The board is thrown away when the timer runs out (RFC 2018 8).
 */
#include "dataplane/tcp/tcp_conn.h"

static bool
add(struct tcp_side *d, uint32_t start, uint32_t end)
{
	uint32_t i = 0, k;

	while (i < d->board_cnt && seq_lt(d->board[i].end, start))
		i++;
	if (i == d->board_cnt || seq_lt(end, d->board[i].start)) {
		if (d->board_cnt == TCP_BOARD_MAX)
			return false;
		memmove(&d->board[i + 1], &d->board[i], sizeof(d->board[0]) * (d->board_cnt - i));
		d->board[i].start = start;
		d->board[i].end = end;
		d->board_cnt++;
		return true;
	}
	if (seq_geq(start, d->board[i].start) && seq_leq(end, d->board[i].end))
		return false; /* known */
	d->board[i].start = seq_min(d->board[i].start, start);
	d->board[i].end = seq_max(d->board[i].end, end);
	for (k = i + 1; k < d->board_cnt && seq_leq(d->board[k].start, d->board[i].end); k++)
		d->board[i].end = seq_max(d->board[i].end, d->board[k].end);
	memmove(&d->board[i + 1], &d->board[k], sizeof(d->board[0]) * (d->board_cnt - k));
	d->board_cnt -= k - i - 1;
	return true;
}

/* True: a block said something new. */
bool
tcp_sack_take(struct tcp_conn *c, const struct tcp_seg *g)
{
	bool news = false;

	for (unsigned i = 0; i < g->opt.sack_cnt; i++) {
		uint32_t start = g->opt.sack[i].start, end = g->opt.sack[i].end;

		if (!seq_lt(start, end) || !seq_gt(start, seq_max(c->snd_una, g->ack)) ||
		    seq_gt(end, c->snd_max))
			continue;
		if (!c->side && !tcp_side_get(c))
			break;
		news |= add(c->side, start, end);
	}
	return news;
}

/* snd_una moved: forget what lies left of it. */
void
tcp_sack_acked(struct tcp_conn *c)
{
	struct tcp_side *d = c->side;
	uint32_t gone = 0;

	if (!d || !d->board_cnt)
		return;
	while (gone < d->board_cnt && seq_leq(d->board[gone].end, c->snd_una))
		gone++;
	memmove(d->board, &d->board[gone], sizeof(d->board[0]) * (d->board_cnt - gone));
	d->board_cnt -= gone;
	if (d->board_cnt && seq_lt(d->board[0].start, c->snd_una))
		d->board[0].start = c->snd_una;
	tcp_side_put_if_empty(c);
}

void
tcp_sack_reset(struct tcp_conn *c)
{
	if (!c->side)
		return;
	c->side->board_cnt = 0;
	tcp_side_put_if_empty(c);
}

/* Bytes of [snd_una, to) that the peer holds. */
static uint32_t
held_before(const struct tcp_conn *c, uint32_t to)
{
	const struct tcp_side *d = c->side;
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->board_cnt && seq_lt(d->board[i].start, to); i++)
		n += seq_min(d->board[i].end, to) - d->board[i].start;
	return n;
}

uint32_t
tcp_sack_bytes(const struct tcp_conn *c)
{
	return has_board(c) ? held_before(c, c->snd_max) : 0;
}

void
tcp_sack_begin(struct tcp_conn *c)
{
	if (c->side)
		c->side->high_rxt = c->snd_una;
}

static uint32_t
fack(const struct tcp_conn *c)
{
	return c->side->board[c->side->board_cnt - 1].end;
}

/* Bytes that are believed to be in the network: what was sent above the highest SACKed byte, and what was sent again. */
uint32_t
tcp_sack_pipe(const struct tcp_conn *c)
{
	uint32_t rxt = seq_max(c->side->high_rxt, c->snd_una), top = seq_max(fack(c), rxt);

	return c->snd_max - top + (rxt - c->snd_una - held_before(c, rxt));
}

/* The next hole that was not yet sent again, at most a segment of it; false: none. */
bool
tcp_sack_hole(const struct tcp_conn *c, uint32_t *seq, uint32_t *len)
{
	const struct tcp_side *d = c->side;
	uint32_t at = seq_max(d->high_rxt, c->snd_una);

	for (uint32_t i = 0; i < d->board_cnt; i++) {
		if (seq_lt(at, d->board[i].start)) {
			*seq = at;
			*len = MIN(d->board[i].start - at, eff_mss(c));
			return true;
		}
		at = seq_max(at, d->board[i].end);
	}
	return false;
}
