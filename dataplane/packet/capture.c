/* SPDX-License-Identifier: BSD-3-Clause
 * capture.c - see packet_capture.h
 */
#include "base/clock.h"
#include "dataplane/packet/capture.h"
#include "dataplane/packet/packet_priv.h"

/* ---- the worker */

void
capture_turn(struct packet *p)
{
	struct packet_capture *c = p->port->capture;
	uint32_t now = __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE);

	if (likely(now == p->capture_generation))
		return;
	p->capture_generation = now;
	p->capture_on = now & 1;
	__atomic_store_n(&c->rings[p->worker].ack, now, __ATOMIC_RELEASE);
}

void
capture_see(struct packet *p, const struct rte_mbuf *m, bool outbound)
{
	struct packet_capture *c = p->port->capture;
	struct capture_ring *r = &c->rings[p->worker];
	struct capture_slot *s = &r->slots[r->head % CAPTURE_SLOTS];
	const void *d;

	if (!packet_filter_match(&c->filter, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len))
		return;
	if (r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) == CAPTURE_SLOTS) {
		packet_count(p, C_capture_lost);
		return;
	}
	s->wall_us = p->now_us + c->wall_minus_mono_us;
	s->len = m->pkt_len;
	s->cap_len = MIN(m->pkt_len, (uint32_t)CAPTURE_BYTES);
	s->outbound = outbound;
	d = rte_pktmbuf_read(m, 0, s->cap_len, s->data);
	if (d != s->data)
		memcpy(s->data, d, s->cap_len);
	packet_count(p, C_captured);
	__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
}

/* ---- the control thread */

static int
make_slots(struct packet_port *port)
{
	for (unsigned i = 0; i < port->c.worker_cnt; i++) {
		struct capture_ring *r = &port->capture->rings[i];

		if (!r->slots)
			r->slots = malloc(sizeof(*r->slots) * CAPTURE_SLOTS);
		if (!r->slots)
			return -ENOMEM;
	}
	return 0;
}

int
packet_capture_start(struct packet_port *port, const struct packet_filter *filter)
{
	struct packet_capture *c = port->capture;

	if (c->generation & 1)
		return -EBUSY;
	for (unsigned i = 0; i < port->c.worker_cnt; i++)
		if (__atomic_load_n(&c->rings[i].ack, __ATOMIC_ACQUIRE) != c->generation)
			return -EAGAIN;
	if (make_slots(port))
		return -ENOMEM;
	for (unsigned i = 0; i < port->c.worker_cnt; i++) /* no worker is at them now */
		c->rings[i].head = c->rings[i].tail = 0;
	c->holds_slot = false;
	c->filter = *filter;
	c->wall_minus_mono_us = clock_wall_us() - clock_mono_us();
	__atomic_store_n(&c->generation, c->generation + 1, __ATOMIC_RELEASE);
	return 0;
}

void
packet_capture_stop(struct packet_port *port)
{
	struct packet_capture *c = port->capture;

	if (c->generation & 1)
		__atomic_store_n(&c->generation, c->generation + 1, __ATOMIC_RELEASE);
}

bool
packet_capture_next(struct packet_port *port, struct pcapng_frame *out)
{
	struct packet_capture *c = port->capture;
	unsigned cnt = port->c.worker_cnt;

	if (c->holds_slot) {
		struct capture_ring *r = &c->rings[c->at];

		__atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_RELEASE);
		c->holds_slot = false;
	}
	for (unsigned i = 0; i < cnt; i++) {
		unsigned at = (c->at + 1 + i) % cnt;
		struct capture_ring *r = &c->rings[at];
		const struct capture_slot *s;

		if (__atomic_load_n(&r->head, __ATOMIC_ACQUIRE) == r->tail)
			continue;
		s = &r->slots[r->tail % CAPTURE_SLOTS];
		*out = (struct pcapng_frame){ .wall_us = s->wall_us,
			                      .len = s->len,
			                      .cap_len = s->cap_len,
			                      .outbound = s->outbound,
			                      .data = s->data };
		c->at = at;
		c->holds_slot = true;
		return true;
	}
	return false;
}

void
capture_fini(struct packet_capture *c)
{
	for (unsigned i = 0; c && i < WORKERS_MAX; i++)
		free(c->rings[i].slots);
	free(c);
}
