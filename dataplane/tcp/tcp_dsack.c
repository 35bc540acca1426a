/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_dsack.c - bytes that arrived twice are reported, so that the peer can undo what it did for a loss that was none
 *
 * Why     The report leaves before the next segment is looked at, so there is one at a time in the stack and none in a
 *         connection.
 * RFC     2883 4: in the first block, once, of several duplicate pieces of a segment the first; the block behind it is the run
 *         that it lies in. What PAWS drops is reported too, as Linux does: a late original often looks so.
 */
#include "dataplane/tcp/tcp_conn.h"

/* The first piece of a segment holds. */
static void
note(struct tcp_conn *c, uint32_t start, uint32_t end)
{
	struct tcp_dsack *d = &c->stack->dsack;

	if (!(c->flags & F_SACK) || d->is_set || !seq_lt(start, end))
		return;
	*d = (struct tcp_dsack){ .start = start, .end = end, .is_set = true };
}

void
tcp_dsack_below(struct tcp_conn *c, const struct tcp_seg *g)
{
	note(c, g->seq, seq_min(g->seq + g->len, c->rcv_nxt));
}

void
tcp_dsack_held(struct tcp_conn *c, const struct tcp_seg *g)
{
	const struct tcp_side *d = c->side;
	uint32_t i = 0;

	while (i < d->cnt && seq_leq(d->r[i].end, g->seq))
		i++;
	if (i < d->cnt)
		note(c, seq_max(g->seq, d->r[i].start), seq_min(g->seq + g->len, d->r[i].end));
}

bool
tcp_dsack_take(struct tcp_conn *c, uint32_t out[2])
{
	struct tcp_dsack *d = &c->stack->dsack;

	if (!d->is_set)
		return false;
	d->is_set = false;
	out[0] = d->start;
	out[1] = d->end;
	counter_inc(&c->stack->cnt->dsacks_out);
	return true;
}

void
tcp_dsack_settle(struct tcp_conn *c)
{
	struct tcp_stack *s = c->stack;

	if (s->dsack.is_set && c->state != TCP_CLOSED)
		tcp_out_ack(c);
	s->dsack.is_set = false;
}
