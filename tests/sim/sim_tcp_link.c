/* SPDX-License-Identifier: BSD-3-Clause
 * sim_tcp_link.c - a heap of segments by time
 */
#include "tests/sim/sim_tcp_link.h"

static bool
is_earlier(const struct sim_flying *a, const struct sim_flying *b)
{
	return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void
push(struct sim_link *l, const struct sim_flying *f)
{
	unsigned i = l->cnt++;

	BUG_ON(i == SIM_LINK_MAX);
	while (i > 0) {
		unsigned up = (i - 1) / 2;

		if (!is_earlier(f, &l->heap[up]))
			break;
		l->heap[i] = l->heap[up];
		i = up;
	}
	l->heap[i] = *f;
}

static struct sim_flying
pop(struct sim_link *l)
{
	struct sim_flying top = l->heap[0], last = l->heap[--l->cnt];
	unsigned i = 0;

	for (;;) {
		unsigned k = 2 * i + 1;

		if (k + 1 < l->cnt && is_earlier(&l->heap[k + 1], &l->heap[k]))
			k++;
		if (k >= l->cnt || !is_earlier(&l->heap[k], &last))
			break;
		l->heap[i] = l->heap[k];
		i = k;
	}
	if (l->cnt)
		l->heap[i] = last;
	return top;
}

static bool
odds(struct sim_link *l, unsigned pct)
{
	return pct && rng_odds(&l->rng, pct, 100);
}

/* RFC 1071 over pseudo header (both families alike here) and segment. */
static uint16_t
checksum(const struct rte_mbuf *m, const struct addr *src, const struct addr *dst)
{
	uint64_t sum = 6 + m->pkt_len;
	unsigned odd = 0;

	for (size_t i = 0; i < 16; i += 2)
		sum += (uint64_t)load_be16(src->b + i) + load_be16(dst->b + i);
	for (; m; m = m->next) {
		const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

		for (uint16_t i = 0; i < m->data_len; i++, odd ^= 1)
			sum += (uint64_t)p[i] << (odd ? 0 : 8);
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static struct rte_mbuf *
link_alloc(void *ctx)
{
	struct sim_link_end *e = ctx;

	return rte_pktmbuf_alloc(e->link->pool);
}

static unsigned
end_of(const struct addr *a)
{
	unsigned i = a->b[15] - 1u;

	BUG_ON(i >= SIM_LINK_ENDS);
	return i;
}

static unsigned
way_to(unsigned end)
{
	return end == 1;
}

static unsigned
ip_bytes(const struct sim_flying *f)
{
	return f->m->pkt_len + (addr_is_v4(&f->dst) ? 20 : 40);
}

/* Through the bottleneck: at_us is when it leaves it. False: the queue before it is full. */
static bool
squeeze(struct sim_link *l, struct sim_flying *f)
{
	const struct sim_link_way *w = &l->cfg.way[way_to(f->to)];
	uint64_t *busy = &l->busy_us[way_to(f->to)], waiting;

	if (!w->bytes_per_s)
		return true;
	waiting = *busy > f->at_us ? (*busy - f->at_us) * w->bytes_per_s / 1000000 : 0;
	if (waiting + ip_bytes(f) > w->queue_bytes)
		return false;
	*busy = MAX(*busy, f->at_us) + (uint64_t)ip_bytes(f) * 1000000 / w->bytes_per_s;
	f->at_us = *busy;
	return true;
}

static bool
ppm(struct sim_link *l, unsigned n)
{
	return n && rng_odds(&l->rng, n, 1000000);
}

static bool
is_lost(struct sim_link *l, unsigned way, uint64_t now_us)
{
	const struct sim_link_config *c = &l->cfg;
	const struct sim_link_way *w = &c->way[way];

	if (l->is_cut || (c->dark_us && now_us % c->dark_each_us < c->dark_us))
		return true;
	if (ppm(l, l->is_bad[way] ? w->good_ppm : w->bad_ppm))
		l->is_bad[way] = !l->is_bad[way];
	return odds(l, c->loss_pct) || ppm(l, w->loss_ppm) ||
	       (l->is_bad[way] && odds(l, w->bad_loss_pct));
}

static void
launch(struct sim_link *l, struct sim_flying f, uint64_t now_us)
{
	const struct sim_link_config *c = &l->cfg;

	f.order = l->order++;
	f.at_us = now_us;
	if (!squeeze(l, &f)) {
		l->overflown++;
		rte_pktmbuf_free(f.m);
		return;
	}
	f.at_us += c->delay_us;
	if (l->judge && !l->judge(l->judge_ctx, &f, now_us)) {
		l->lost++;
		rte_pktmbuf_free(f.m);
		return;
	}
	if (c->jitter_us && odds(l, c->reorder_pct))
		f.at_us += rng_below(&l->rng, c->jitter_us);
	if (odds(l, c->corrupt_pct)) {
		uint8_t *p = rte_pktmbuf_mtod(f.m, uint8_t *);

		/* less than 16 bits: the checksum finds every one of them */
		p[rng_below(&l->rng, f.m->data_len)] ^= (uint8_t)(1 + rng_below(&l->rng, 255));
		l->corrupted++;
	}
	if (f.tos & 3 && odds(l, c->mark_pct))
		f.tos |= 3;
	push(l, &f);
}

/* Every IPv6 path carries 1,280 bytes. */
static uint32_t
path_mtu(const struct sim_link *l, bool v6)
{
	return v6 ? MAX(l->cfg.path_mtu, 1280u) : l->cfg.path_mtu;
}

/* At the router; true: it goes no further. */
static bool
is_too_big(struct sim_link *l, struct sim_flying f, uint64_t now_us)
{
	bool v6 = !addr_is_v4(&f.dst);

	if (!l->cfg.path_mtu || f.m->pkt_len + (v6 ? 40 : 20) <= path_mtu(l, v6))
		return false;
	l->too_big++;
	if (l->cfg.no_icmp) {
		rte_pktmbuf_free(f.m);
		return true;
	}
	f.is_icmp = true;
	f.to = end_of(&f.src);
	f.order = l->order++;
	f.at_us = now_us + l->cfg.delay_us;
	push(l, &f);
	return true;
}

static void
link_send(void *ctx, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
          uint8_t tos, uint64_t now_us)
{
	struct sim_link_end *e = ctx;
	struct sim_link *l = e->link;
	struct sim_flying f = { .m = m, .src = *src, .dst = *dst, .to = end_of(dst), .tos = tos };

	BUG_ON(m->pkt_len > l->cfg.mtu - (addr_is_v4(dst) ? 20 : 40));
	l->sent++;
	store_be16(rte_pktmbuf_mtod(m, uint8_t *) + 16, checksum(m, src, dst));
	if (is_lost(l, way_to(f.to), now_us)) {
		l->lost++;
		rte_pktmbuf_free(m);
		return;
	}
	if (is_too_big(l, f, now_us))
		return;
	if (odds(l, l->cfg.duplicate_pct)) {
		struct sim_flying copy = f;

		copy.m = rte_pktmbuf_copy(m, l->pool, 0, UINT32_MAX);
		if (copy.m) {
			l->duplicated++;
			launch(l, copy, now_us);
		}
	}
	launch(l, f, now_us);
}

static unsigned
link_mtu(void *ctx, const struct addr *dst)
{
	struct sim_link_end *e = ctx;

	(void)dst;
	return e->link->cfg.mtu;
}

/* As with eight workers of which this is one. */
static bool
link_is_mine(void *ctx, const struct addr *src, uint16_t sport, const struct addr *dst,
             uint16_t dport)
{
	(void)ctx;
	(void)src;
	(void)dst;
	return (sport ^ dport) % 8 == 3;
}

struct tcp_link
sim_link_tcp(struct sim_link *l, unsigned end)
{
	return (struct tcp_link){ .ctx = &l->end[end],
		                  .alloc = link_alloc,
		                  .send = link_send,
		                  .mtu = link_mtu,
		                  .is_mine = link_is_mine };
}

void
sim_link_init(struct sim_link *l, const struct sim_link_config *cfg, uint64_t seed,
              struct rte_mempool *pool)
{
	memset(l, 0, offsetof(struct sim_link, heap));
	l->sent = l->lost = l->duplicated = l->corrupted = l->overflown = 0;
	l->cfg = *cfg;
	l->pool = pool;
	rng_seed(&l->rng, seed);
	for (unsigned i = 0; i < SIM_LINK_ENDS; i++)
		l->end[i] = (struct sim_link_end){ .link = l, .index = i };
}

uint64_t
sim_link_next_us(const struct sim_link *l)
{
	return l->cnt ? l->heap[0].at_us : UINT64_MAX;
}

/* Cut m in two behind its first n bytes. */
static void
split(struct sim_link *l, struct rte_mbuf *m, uint16_t n)
{
	struct rte_mbuf *b = rte_pktmbuf_alloc(l->pool);
	uint16_t rest = (uint16_t)(m->data_len - n);

	if (!b)
		return;
	memcpy(rte_pktmbuf_append(b, rest), rte_pktmbuf_mtod_offset(m, uint8_t *, n), rest);
	m->data_len = n;
	m->next = b;
	m->nb_segs = 2;
}

/* As packet hands it up: something in front, something behind. */
static void
wrap(struct sim_link *l, struct sim_flying *f, struct packet_in *in)
{
	uint16_t front = (uint16_t)rng_below(&l->rng, 60);

	*in = (struct packet_in){ .m = f->m,
		                  .src = f->src,
		                  .dst = f->dst,
		                  .l4_off = front,
		                  .l4_len = (uint16_t)f->m->pkt_len,
		                  .tos = f->tos,
		                  .v6 = !addr_is_v4(&f->src),
		                  .csum_ok = checksum(f->m, &f->src, &f->dst) == 0 };
	rte_pktmbuf_prepend(f->m, front);
	if (odds(l, 20)) {
		char *pad = rte_pktmbuf_append(f->m, 6);

		if (pad)
			memset(pad, 0xee, 6);
	}
	if (odds(l, 10) && f->m->data_len > front + 60u)
		split(l, f->m,
		      (uint16_t)(front + 60 + rng_below(&l->rng, f->m->data_len - front - 60u)));
}

static void
deliver_icmp(struct sim_link *l, const struct sim_flying *f, uint64_t now_us)
{
	const uint8_t *h = rte_pktmbuf_mtod(f->m, const uint8_t *);
	bool v6 = !addr_is_v4(&f->src);
	struct packet_icmp_error e = { .local = f->src,
		                       .remote = f->dst,
		                       .lport = load_be16(h),
		                       .rport = load_be16(h + 2),
		                       .seq = load_be32(h + 4),
		                       .v6 = v6,
		                       .type = v6 ? 2 : 3,
		                       .code = v6 ? 0 : 4,
		                       .mtu = path_mtu(l, v6) };

	tcp_icmp(l->end[f->to].stack, &e, now_us);
	rte_pktmbuf_free(f->m);
}

void
sim_link_deliver(struct sim_link *l, uint64_t now_us)
{
	while (l->cnt && l->heap[0].at_us <= now_us) {
		unsigned max = 1 + (unsigned)rng_below(&l->rng, 40), cnt = 0;
		unsigned to = l->heap[0].to;
		struct packet_in in[40];

		if (l->heap[0].is_icmp) {
			struct sim_flying f = pop(l);

			deliver_icmp(l, &f, now_us);
			continue;
		}
		while (cnt < max && l->cnt && l->heap[0].at_us <= now_us && l->heap[0].to == to &&
		       !l->heap[0].is_icmp) {
			struct sim_flying f = pop(l);

			wrap(l, &f, &in[cnt++]);
		}
		if (cnt == 1)
			tcp_input(l->end[to].stack, in, now_us);
		else
			tcp_input_burst(l->end[to].stack, in, cnt, now_us);
	}
}

void
sim_link_fini(struct sim_link *l)
{
	while (l->cnt)
		rte_pktmbuf_free(pop(l).m);
}
