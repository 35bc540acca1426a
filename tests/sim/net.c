/* SPDX-License-Identifier: BSD-3-Clause
 * net.c - a heap of frames by time for each direction
 */
#include "tests/sim/net.h"
#include <rte_mbuf.h>

static bool
earlier(const struct net_frame *a, const struct net_frame *b)
{
	return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void
swap(struct net_frame *a, struct net_frame *b)
{
	struct net_frame t = *a;

	*a = *b;
	*b = t;
}

static void
push(struct net_end *e, struct net_frame f)
{
	unsigned i = e->cnt++;

	e->heap[i] = f;
	for (; i > 0 && earlier(&e->heap[i], &e->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&e->heap[i], &e->heap[(i - 1) / 2]);
}

static struct net_frame
pop(struct net_end *e)
{
	struct net_frame top = e->heap[0];

	e->heap[0] = e->heap[--e->cnt];
	for (unsigned i = 0;;) {
		unsigned l = 2 * i + 1, least = i;

		if (l < e->cnt && earlier(&e->heap[l], &e->heap[least]))
			least = l;
		if (l + 1 < e->cnt && earlier(&e->heap[l + 1], &e->heap[least]))
			least = l + 1;
		if (least == i)
			return top;
		swap(&e->heap[i], &e->heap[least]);
		i = least;
	}
}

static bool
odds(struct net *n, unsigned ppm)
{
	return ppm > 0 && rng_odds(&n->rng, ppm, 1000000);
}

static void
send_one(struct net *n, struct net_end *to, struct rte_mbuf *m)
{
	struct net_frame f = { n->now_us + n->cfg.delay_us, n->order++, m };

	if (odds(n, n->cfg.reorder_ppm))
		f.at_us += rng_below(&n->rng, 3 * n->cfg.delay_us + 1);
	if (to->cnt == NET_FRAMES_MAX) {
		n->lost++;
		rte_pktmbuf_free(m);
		return;
	}
	push(to, f);
}

/* Flip a bit behind the Ethernet header of an IP frame: ARP and ND have nothing that would find it. */
static void
corrupt(struct net *n, struct rte_mbuf *m)
{
	uint8_t *b = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t len = rte_pktmbuf_data_len(m);

	if (len < 54 || load_be16(b + 12) == 0x0806 || (load_be16(b + 12) == 0x86dd && b[20] != 6))
		return;
	b[14 + rng_below(&n->rng, len - 14u)] ^= (uint8_t)(1u << rng_below(&n->rng, 8));
	m->ol_flags = 0; /* no device has verified this */
	n->corrupted++;
}

static uint16_t
dev_tx(void *dev, struct rte_mbuf **m, uint16_t cnt)
{
	struct net_end *from = dev;
	struct net *n = from->net;
	struct net_end *to = from == &n->end[0] ? &n->end[1] : &n->end[0];

	for (uint16_t i = 0; i < cnt; i++) {
		n->sent++;
		if (odds(n, n->cfg.loss_ppm)) {
			n->lost++;
			rte_pktmbuf_free(m[i]);
			continue;
		}
		if (odds(n, n->cfg.duplicate_ppm)) {
			struct rte_mbuf *copy = rte_pktmbuf_copy(m[i], n->copies, 0, UINT32_MAX);

			if (copy) {
				n->duplicated++;
				send_one(n, to, copy);
			}
		}
		if (odds(n, n->cfg.corrupt_ppm))
			corrupt(n, m[i]);
		send_one(n, to, m[i]);
	}
	return cnt;
}

static uint16_t
dev_rx(void *dev, struct rte_mbuf **m, uint16_t cnt)
{
	struct net_end *e = dev;
	uint16_t n = 0;

	while (n < cnt && e->cnt > 0 && e->heap[0].at_us <= e->net->now_us)
		m[n++] = pop(e).m;
	return n;
}

static const struct packet_dev_ops ops = { dev_rx, dev_tx };

void
net_init(struct net *n, const struct net_config *cfg, uint64_t seed, struct rte_mempool *copies)
{
	memset(n, 0, sizeof(*n));
	n->cfg = *cfg;
	n->copies = copies;
	rng_seed(&n->rng, seed);
	n->end[0].net = n->end[1].net = n;
}

void
net_fini(struct net *n)
{
	for (unsigned i = 0; i < 2; i++)
		while (n->end[i].cnt > 0)
			rte_pktmbuf_free(pop(&n->end[i]).m);
}

struct packet_dev
net_dev(struct net *n, unsigned end)
{
	return (struct packet_dev){ &ops, &n->end[end] };
}

uint64_t
net_next_us(const struct net *n)
{
	uint64_t t = UINT64_MAX;

	for (unsigned i = 0; i < 2; i++)
		if (n->end[i].cnt > 0)
			t = MIN(t, n->end[i].heap[0].at_us);
	return t;
}
