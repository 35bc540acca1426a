/* SPDX-License-Identifier: BSD-3-Clause
 * rig.c - see rig.h
 */
#include "tests/packet/rig.h"
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

const uint8_t rig_mac[6] = { 2, 0, 0, 0, 0, 2 }, rig_peer_mac[6] = { 2, 0, 0, 0, 0, 1 };

void
rig_eal(void)
{
	static char *args[] = { "rig",      "-l0",  "--no-huge",      "--no-shconf",
		                "--no-pci", "-m64", "--no-telemetry", "--log-level=error",
		                NULL };
	static bool done;

	if (!done && rte_eal_init(ARRAY_LEN(args) - 1, args) < 0) {
		fprintf(stderr, "EAL: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	done = true;
}

struct packet_port_config
rig_config(void)
{
	struct packet_port_config c = { .name = "rig",
		                        .worker_cnt = 1,
		                        .no_announce = true,
		                        .address_cnt = 2,
		                        .seed = 1,
		                        .key = packet_key_from(7),
		                        .caps = PACKET_CAP_MULTI_SEG };

	packet_addr_parse(span_z("10.0.0.2/24"), &c.addresses[0]);
	packet_addr_parse(span_z("fd00::2/64"), &c.addresses[1]);
	addr_parse(span_z("10.0.0.1"), &c.gateway4);
	addr_parse(span_z("fd00::1"), &c.gateway6);
	memcpy(c.mac, rig_mac, 6);
	return c;
}

static uint16_t
rx(void *dev, struct rte_mbuf **m, uint16_t n)
{
	struct rig_queue *q = dev;
	uint16_t k = (uint16_t)MIN((unsigned)n, q->in_cnt);

	memcpy(m, q->in, k * sizeof(*m));
	q->in_cnt -= k;
	memmove(q->in, q->in + k, q->in_cnt * sizeof(*m));
	return k;
}

static uint16_t
tx(void *dev, struct rte_mbuf **m, uint16_t n)
{
	struct rig_queue *q = dev;
	struct rig *r = q->rig;
	uint16_t k = (uint16_t)(n - MIN((unsigned)n, q->tx_refuse));

	for (unsigned i = 0; i < k; i++) {
		if (r->tx_cnt < RIG_TX_MAX) {
			const void *d = rte_pktmbuf_read(m[i], 0, MIN(m[i]->pkt_len, 2048u),
			                                 r->tx[r->tx_cnt].d);

			if (d != r->tx[r->tx_cnt].d)
				memcpy(r->tx[r->tx_cnt].d, d, MIN(m[i]->pkt_len, 2048u));
			r->tx[r->tx_cnt].len = m[i]->pkt_len;
			r->tx[r->tx_cnt++].worker = (unsigned)(q - r->q);
		}
		rte_pktmbuf_free(m[i]);
	}
	return k;
}

static const struct packet_dev_ops ops = { rx, tx };

static void
on_icmp(void *ctx, const struct packet_icmp_error *e, uint64_t now_us)
{
	struct rig_ctx *c = ctx;

	(void)now_us;
	c->r->icmp = *e;
	c->r->icmp_cnt++;
	c->r->icmp_worker = c->worker;
}

struct rig *
rig_new(const struct packet_port_config *c)
{
	static struct rte_mempool *pool;
	struct rig *r = calloc(1, sizeof(*r));
	char err[PACKET_ERROR_TEXT];

	rig_eal();
	if (!pool)
		pool = rte_pktmbuf_pool_create("rig", RIG_MBUFS, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM,
		                               0);
	BUG_ON(!pool || !r);
	r->pool = pool;
	r->workers = c->worker_cnt;
	r->now_us = 1000000;
	r->port = packet_port_new(c, err);
	if (!r->port) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
	for (unsigned i = 0; i < r->workers; i++) {
		r->ctx[i] = (struct rig_ctx){ r, i };
		r->ups[i] = (struct packet_up){ &r->ctx[i], on_icmp };
		r->q[i].rig = r;
		r->dev[i] = (struct packet_dev){ &ops, &r->q[i] };
		r->p[i] = packet_new(r->port, i, &r->dev[i], pool, &r->ups[i]);
		BUG_ON(!r->p[i]);
	}
	return r;
}

bool
rig_free(struct rig *r)
{
	bool whole;

	for (unsigned i = 0; i < r->workers; i++) {
		rte_pktmbuf_free_bulk(r->q[i].in, r->q[i].in_cnt);
		packet_free(r->p[i]);
	}
	packet_port_free(r->port);
	whole = rte_mempool_avail_count(r->pool) == RIG_MBUFS;
	if (!whole)
		printf("%u mbufs are missing\n", RIG_MBUFS - rte_mempool_avail_count(r->pool));
	free(r);
	return whole;
}

static void
free_buffer(void *addr, void *opaque)
{
	(void)addr;
	free(opaque);
}

void
rig_put(struct rig *r, unsigned w, const void *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
	struct {
		struct rte_mbuf_ext_shared_info info;
		uint8_t d[];
	} *b = malloc(sizeof(*b) + RTE_PKTMBUF_HEADROOM + len);

	BUG_ON(!m || !b || len > 65000 || r->q[w].in_cnt == ARRAY_LEN(r->q[w].in));
	b->info.free_cb = free_buffer;
	b->info.fcb_opaque = b;
	rte_mbuf_ext_refcnt_set(&b->info, 1);
	rte_pktmbuf_attach_extbuf(m, b->d, 0, (uint16_t)(RTE_PKTMBUF_HEADROOM + len), &b->info);
	m->data_off = RTE_PKTMBUF_HEADROOM;
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	r->q[w].in[r->q[w].in_cnt++] = m;
}

static void
take(struct rig *r, unsigned w, struct packet_in *in)
{
	const uint8_t *d = rte_pktmbuf_mtod(in->m, const uint8_t *);

	BUG_ON(in->m->nb_segs != 1 || in->l4_len < TCP_LEN ||
	       (size_t)in->l4_off + in->l4_len > in->m->data_len);
	BUG_ON(packet_owner(r->p[w], &in->src, load_be16(d + in->l4_off), &in->dst,
	                    load_be16(d + in->l4_off + 2)) != w);
	memcpy(r->up_bytes, d + in->l4_off, MIN(in->l4_len, sizeof(r->up_bytes)));
	rte_pktmbuf_free(in->m);
	r->up = *in;
	r->up_cnt++;
	r->up_worker = w;
}

void
rig_run(struct rig *r)
{
	bool busy = true;

	while (busy) {
		busy = false;
		for (unsigned w = 0; w < r->workers; w++) {
			struct packet_in in[8];
			unsigned n = packet_rx(r->p[w], r->now_us, in, ARRAY_LEN(in), &busy);

			for (unsigned i = 0; i < n; i++)
				take(r, w, &in[i]);
			packet_flush(r->p[w]);
		}
	}
}

void
rig_clear(struct rig *r)
{
	r->tx_cnt = r->up_cnt = r->icmp_cnt = 0;
}

uint64_t
rig_count(const struct rig *r, enum packet_counter c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < r->workers; i++)
		n += r->p[i]->counts[c];
	return n;
}
