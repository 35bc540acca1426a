/* SPDX-License-Identifier: BSD-3-Clause
 * neigh.c - see neigh.h
 */
#include "dataplane/packet/packet_priv.h"

int
neigh_init(struct neigh_table *t, uint32_t entries, uint64_t seed)
{
	uint32_t sets = 1;

	while (sets * NEIGH_WAYS < entries)
		sets *= 2;
	t->sets = calloc((size_t)sets * NEIGH_WAYS, sizeof(*t->sets));
	if (!t->sets)
		return -ENOMEM;
	for (uint32_t i = 0; i < sets * NEIGH_WAYS; i++)
		list_init(&t->sets[i].asked);
	t->set_mask = sets - 1;
	t->queued_cnt = 0;
	t->key = (struct siphash_key){ seed, ~seed * 0x9e3779b97f4a7c15u };
	list_init(&t->asked);
	return 0;
}

static void
drop_queue(struct packet *p, struct neigh *n, enum packet_counter why)
{
	for (unsigned i = 0; i < n->queue_cnt; i++)
		mbuf_drop(p, n->queue[i], why);
	p->neigh.queued_cnt -= n->queue_cnt;
	counter_sub(&p->counters.neighbour_queued, n->queue_cnt);
	n->queue_cnt = 0;
}

void
neigh_fini(struct packet *p)
{
	for (uint32_t i = 0; p->neigh.sets && i < (p->neigh.set_mask + 1) * NEIGH_WAYS; i++)
		drop_queue(p, &p->neigh.sets[i], C_drop_neighbour_queue);
	free(p->neigh.sets);
}

static struct neigh *
set_of(struct neigh_table *t, const struct addr *a)
{
	return &t->sets[(siphash(&t->key, a->b, 16) & t->set_mask) * NEIGH_WAYS];
}

struct neigh *
neigh_find(struct packet *p, const struct addr *a)
{
	struct neigh *set = set_of(&p->neigh, a);

	for (unsigned i = 0; i < NEIGH_WAYS; i++)
		if (set[i].state != NEIGH_FREE && addr_eq(&set[i].addr, a))
			return &set[i];
	return NULL;
}

/* Cheapest to lose first, the longest unused of equals; never a gateway, a confirmed one or one of state `below` or better. NULL: none. */
static struct neigh *
victim(struct packet *p, const struct addr *a, enum neigh_state below)
{
	struct neigh *set = set_of(&p->neigh, a), *best = NULL;

	for (unsigned i = 0; i < NEIGH_WAYS; i++) {
		struct neigh *n = &set[i];

		if (n->is_pinned || n->is_confirmed || n->state >= below)
			continue;
		if (!best || n->state < best->state ||
		    (n->state == best->state && n->used_us < best->used_us))
			best = n;
	}
	return best;
}

static void
forget_memo(struct packet *p, const struct neigh *n)
{
	if (p->memo == n)
		p->memo = NULL;
}

static void
take_over(struct packet *p, struct neigh *n, const struct addr *a)
{
	if (n->state == NEIGH_FREE)
		counter_inc(&p->counters.neighbours);
	else
		packet_count(p, C_neighbour_evicted);
	drop_queue(p, n, C_drop_neighbour_queue);
	forget_memo(p, n);
	list_del(&n->asked);
	n->addr = *a;
	n->is_pinned = false;
	n->is_confirmed = false;
	n->tries = 0;
	n->confirmed_us = 0;
	n->used_us = p->now_us;
	n->since_us = p->now_us;
}

static void
ask(struct packet *p, struct neigh *n, enum neigh_state state)
{
	n->state = (uint8_t)state;
	n->since_us = p->now_us;
	n->tries++;
	list_del(&n->asked);
	list_add_tail(&p->neigh.asked, &n->asked);
	timer_due(p, p->now_us + NEIGH_RETRANS_US);
	if (addr_is_v4(&n->addr))
		arp_solicit(p, n, state == NEIGH_PROBE);
	else
		nd_solicit(p, n, state == NEIGH_PROBE);
}

static bool
may_ask(struct packet *p, const struct neigh *n)
{
	return n->is_pinned || n->is_confirmed || bucket_take(&p->solicit, p->now_us);
}

bool
neigh_may_reply(struct packet *p, const struct neigh *n)
{
	return (n && n->is_confirmed && bucket_take(&p->reply_confirmed, p->now_us)) ||
	       bucket_take(&p->reply, p->now_us);
}

/* A known entry that is about to be used: ask again where that is due. */
static struct neigh *
refresh(struct packet *p, struct neigh *n)
{
	n->used_us = p->now_us;
	if (n->state == NEIGH_LEARNED ||
	    (n->state == NEIGH_REACHABLE && p->now_us - n->confirmed_us > NEIGH_REACHABLE_US)) {
		if (!may_ask(p, n))
			return n; /* the MAC is still good enough to send to */
		n->tries = 0;
		ask(p, n, NEIGH_PROBE);
	} else if (n->state == NEIGH_FAILED && p->now_us - n->since_us >= NEIGH_FAILED_US) {
		if (!may_ask(p, n))
			return NULL;
		n->tries = 0;
		ask(p, n, NEIGH_INCOMPLETE);
	}
	return n;
}

struct neigh *
neigh_resolve(struct packet *p, const struct addr *a)
{
	struct neigh *n = neigh_find(p, a);

	if (n)
		return refresh(p, n);
	if (!bucket_take(&p->solicit, p->now_us))
		return NULL;
	n = victim(p, a, NEIGH_REACHABLE + 1);
	if (!n) /* gateways share a set with confirmed ones */
		return NULL;
	take_over(p, n, a);
	ask(p, n, NEIGH_INCOMPLETE);
	return n;
}

void
neigh_pin(struct packet *p, const struct addr *a)
{
	struct neigh *n = victim(p, a, NEIGH_REACHABLE + 1);

	if (!n)
		return;
	take_over(p, n, a);
	n->state = NEIGH_FAILED; /* asked when first used */
	n->since_us = p->now_us - NEIGH_FAILED_US;
	n->is_pinned = true;
}

void
neigh_learn(struct packet *p, const struct addr *a, const uint8_t mac[6])
{
	struct neigh *n = neigh_find(p, a);

	if (n) {
		neigh_answer(p, n, mac, false, true);
		return;
	}
	n = victim(p, a, NEIGH_INCOMPLETE);
	if (!n)
		return;
	take_over(p, n, a);
	memcpy(n->mac, mac, 6);
	n->state = NEIGH_LEARNED;
}

static void
send_queue(struct packet *p, struct neigh *n)
{
	uint16_t type = addr_is_v4(&n->addr) ? ETH_TYPE_IP4 : ETH_TYPE_IP6;

	for (unsigned i = 0; i < n->queue_cnt; i++)
		eth_send(p, n->queue[i], n->mac, type);
	p->neigh.queued_cnt -= n->queue_cnt;
	counter_sub(&p->counters.neighbour_queued, n->queue_cnt);
	n->queue_cnt = 0;
}

/* One more is confirmed in the set of n: beyond their share the longest unused of the others loses its protection. */
static void
keep_way_in(struct packet *p, struct neigh *n)
{
	struct neigh *set = set_of(&p->neigh, &n->addr), *oldest = NULL;
	unsigned held = 0;

	for (unsigned i = 0; i < NEIGH_WAYS; i++) {
		struct neigh *o = &set[i];

		held += o->is_confirmed || o->is_pinned;
		if (o != n && o->is_confirmed && !o->is_pinned &&
		    (!oldest || o->used_us < oldest->used_us))
			oldest = o;
	}
	if (held > NEIGH_CONFIRMED_WAYS && oldest)
		oldest->is_confirmed = false;
}

/* The MAC is usable from now on; whether it is the neighbour's is not known. */
static void
usable(struct neigh *n, uint64_t confirmed_us)
{
	list_del(&n->asked);
	n->state = NEIGH_REACHABLE;
	n->tries = 0;
	n->confirmed_us = confirmed_us;
}

static void
confirm(struct packet *p, struct neigh *n)
{
	usable(n, p->now_us);
	if (n->is_confirmed)
		return;
	n->is_confirmed = true;
	keep_way_in(p, n);
}

/* RFC 4861 7.2.5, with Linux's lock: what was confirmed within a second is not changed by the next who speaks. */
void
neigh_answer(struct packet *p, struct neigh *n, const uint8_t mac[6], bool is_solicited,
             bool overrides)
{
	bool has_mac = n->state >= NEIGH_PROBE || n->state == NEIGH_LEARNED;
	bool same = has_mac && !memcmp(n->mac, mac, 6);
	bool locked = n->state == NEIGH_REACHABLE && p->now_us - n->confirmed_us < NEIGH_LOCK_US;

	if (has_mac && !same && (!overrides || locked)) {
		if (n->state == NEIGH_REACHABLE &&
		    !locked) /* one of them is wrong: ask when next used */
			n->confirmed_us = p->now_us - NEIGH_REACHABLE_US - 1;
		return;
	}
	if (n->state == NEIGH_LEARNED && !is_solicited) {
		memcpy(n->mac, mac, 6);
		return;
	}
	memcpy(n->mac, mac, 6);
	if (is_solicited) {
		confirm(p, n);
	} else if (!same) { /* usable, and asked again when next used */
		usable(n, p->now_us - NEIGH_REACHABLE_US - 1);
	}
	send_queue(p, n);
}

static void
fail(struct packet *p, struct neigh *n)
{
	packet_count(p, C_neighbour_failed);
	list_del(&n->asked);
	n->state = NEIGH_FAILED;
	n->is_confirmed = false;
	n->since_us = p->now_us;
	for (unsigned i = 0; i < n->queue_cnt; i++)
		icmp_local_unreachable(p, n->queue[i]);
	drop_queue(p, n, C_drop_neighbour_failed);
}

void
neigh_timers(struct packet *p)
{
	struct list *l = &p->neigh.asked;

	while (!list_is_empty(l)) {
		struct neigh *n = list_entry(l->next, struct neigh, asked);

		if (p->now_us - n->since_us < NEIGH_RETRANS_US) {
			timer_due(p, n->since_us + NEIGH_RETRANS_US);
			return;
		}
		if (n->tries < NEIGH_SOLICITS) {
			ask(p, n, n->state);
		} else if (n->state == NEIGH_PROBE) { /* it moved, perhaps: ask everybody */
			n->tries = 0;
			ask(p, n, NEIGH_INCOMPLETE);
		} else {
			fail(p, n);
		}
	}
}
