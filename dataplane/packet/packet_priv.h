/* SPDX-License-Identifier: BSD-3-Clause
 * packet_priv.h - what the files of dataplane/packet share: a port, a worker's end of it, a frame on its way up
 *
 * Owner   Whoever is handed a struct frame owns its mbuf: it is passed on, queued, sent or freed with a counter (frame_drop).
 * Thread  struct packet: its worker. struct packet_port: read-only but for local[].state (relaxed atomics) and the steering
 *         rings (many producers, one consumer; pairing inside rte_ring).
 */
#pragma once
#include "base/rng.h"
#include "base/siphash.h"
#include "dataplane/packet/neigh.h"
#include "dataplane/packet/frag.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/packet_limits.h"
#include "dataplane/packet/toeplitz.h"
#include <rte_mbuf.h>
#include <rte_ring.h>

/* Outcome of a look at a frame: PASS, or the counter that says why it goes. */
enum packet_counter {
	PASS = -1,
#define COUNTER(field, metric, labels, help) C_##field,
#include "dataplane/packet/packet_counters.def"
#undef COUNTER
};

enum {
	ETH_LEN = 14,
	VLAN_LEN = 4,
	ETH_TYPE_IP4 = 0x0800,
	ETH_TYPE_ARP = 0x0806,
	ETH_TYPE_VLAN = 0x8100,
	ETH_TYPE_IP6 = 0x86dd,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_FRAGMENT = 44,
	PROTO_ICMP6 = 58,
	IP4_LEN = 20,
	IP6_LEN = 40,
	TCP_LEN = 20,
};

enum local_state {
	LOCAL_PREFERRED,
	LOCAL_TENTATIVE, /* DAD runs; used as optimistic (RFC 4429) */
	LOCAL_DUPLICATE,
};

struct local_addr {
	struct addr addr;
	struct addr_prefix prefix; /* on-link */
	uint8_t state;             /* enum local_state, relaxed atomic */
	bool v4;
};

#define LOCAL_MAX (PACKET_ADDRS_MAX + 1) /* and the link-local one */

struct packet_capture;

struct packet_port {
	struct packet_port_config c;
	char name[64];
	struct local_addr local[LOCAL_MAX];
	unsigned local_cnt;
	bool has_gateway4, has_gateway6;
	struct toeplitz toeplitz;
	uint8_t owner[128];                  /* hash & 127 -> worker */
	struct rte_ring *steer[WORKERS_MAX]; /* into each worker; none with one worker */
	struct packet_capture *capture;
};

/* Tokens in millionths; `rate` a second. */
struct bucket {
	uint64_t tokens, last_us;
	uint32_t rate, burst;
};

struct ip_view {
	struct addr src, dst;
	uint32_t frag_id;
	uint16_t l4_off, l4_len; /* within the frame */
	uint16_t frag_off;       /* bytes */
	uint8_t proto, tos, ttl;
	bool v6;
	bool is_fragment, more_fragments;
};

struct frame {
	struct rte_mbuf *m;
	uint8_t *d; /* its first byte */
	uint16_t len;
	uint16_t l3_off;
	uint16_t type;
	bool is_multicast;   /* by its Ethernet destination */
	bool is_steered;     /* another worker gave it to us */
	bool is_reassembled; /* made here of fragments */
	struct ip_view ip;
};

/* What this worker owes to queriers (mld.c); UINT64_MAX: nothing. */
struct mld {
	struct rng rng;
	uint64_t response_us, asked; /* a bit for each of port->local[] */
	uint64_t unasked_us;
	unsigned unasked_left;
	uint64_t old_querier_until_us; /* version 1 until then */
};

struct packet {
	struct packet_port *port;
	struct packet_dev dev;
	struct rte_mempool *pool;
	struct packet_up up;
	unsigned worker;
	uint32_t caps;
	uint8_t mac[6];
	uint16_t mtu;
	uint16_t ip_id;

	uint16_t tx_cnt;
	struct packet_in *out; /* of the packet_rx() that runs */
	unsigned out_cnt;
	uint64_t now_us;
	uint64_t due_us; /* earliest timer */

	/* The last destination and its neighbour: nearly every packet has the same next hop. */
	struct addr memo_dst;
	struct neigh *memo;

	struct bucket echo, solicit, copy, reply, reply_confirmed;
	struct neigh_table neigh;
	struct frag_table frag;
	struct mld mld;
	uint64_t announce_us;
	unsigned announce_step;
	uint32_t capture_generation;
	bool capture_on;
	struct rte_mbuf *tx[TX_BURST_MAX];
	union {
		struct packet_counters counters;
		uint64_t counts[PACKET_COUNTERS];
	};
};

static inline void
packet_count(struct packet *p, enum packet_counter c)
{
	counter_inc(&p->counts[c]);
}

static inline void
mbuf_drop(struct packet *p, struct rte_mbuf *m, enum packet_counter why)
{
	packet_count(p, why);
	rte_pktmbuf_free(m);
}

static inline void
frame_drop(struct packet *p, struct frame *f, enum packet_counter why)
{
	mbuf_drop(p, f->m, why);
}

static inline void
bucket_init(struct bucket *b, uint32_t rate, uint32_t burst)
{
	*b = (struct bucket){ .rate = rate, .burst = burst, .tokens = (uint64_t)burst * 1000000u };
}

static inline bool
bucket_take(struct bucket *b, uint64_t now_us)
{
	uint64_t dt = now_us - b->last_us;

	if (dt > 0) {
		b->last_us = now_us;
		b->tokens = MIN(b->tokens + MIN(dt, 10000000u) * b->rate,
		                (uint64_t)b->burst * 1000000u);
	}
	if (b->tokens < 1000000u)
		return false;
	b->tokens -= 1000000u;
	return true;
}

static inline bool
addr_is_link_local(const struct addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* RFC 4291 2.7.1 */
static inline struct addr
solicited_node(const struct addr *a)
{
	struct addr g = { { 0xff, 0x02, [11] = 1, [12] = 0xff } };

	memcpy(g.b + 13, a->b + 13, 3);
	return g;
}

/* RFC 2464 7 */
static inline void
group_mac(const struct addr *group, uint8_t mac[6])
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group->b + 12, 4);
}

static inline void
timer_due(struct packet *p, uint64_t at_us)
{
	if (at_us < p->due_us)
		p->due_us = at_us;
}

/* eth.c */
enum packet_counter eth_parse(const struct packet *p, struct frame *f);
uint16_t eth_room(const struct packet *p);
/* Puts Ethernet (and VLAN) in front of m and m into the transmit burst. */
void eth_send(struct packet *p, struct rte_mbuf *m, const uint8_t dst[6], uint16_t type);

/* packet.c */
struct local_addr *local_find(const struct packet *p, const struct addr *a);
struct local_addr *local_on_link(const struct packet *p, const struct addr *a);
enum local_state local_state(const struct local_addr *l);
void local_set_duplicate(struct packet *p, struct local_addr *l);
/* Give an mbuf to another worker's end of the port. */
void steer(struct packet *p, struct rte_mbuf *m, unsigned worker);
/* Copies of an ARP or ND answer for the other workers; rate limited. */
void steer_copies(struct packet *p, const struct rte_mbuf *m);
void tx_put(struct packet *p, struct rte_mbuf *m);

/* arp.c, nd.c */
void arp_input(struct packet *p, struct frame *f);
void arp_solicit(struct packet *p, const struct neigh *n, bool unicast);
void arp_announce(struct packet *p, const struct local_addr *l);
void nd_input(struct packet *p, struct frame *f);
void nd_solicit(struct packet *p, const struct neigh *n, bool unicast);
void nd_announce(struct packet *p, const struct local_addr *l);
void nd_detect(struct packet *p, const struct local_addr *l);

/* mld.c: packet_new(); at the first announcement and at the second; timers(); ICMPv6 130 to 132 and 143, takes the frame. */
void mld_init(struct packet *p);
void mld_join(struct packet *p, bool is_first);
void mld_timers(struct packet *p);
void mld_input(struct packet *p, struct frame *f);

/* ip_in.c, ip4.c, ip6.c */
void ip_input(struct packet *p, struct frame *f);
enum packet_counter ip4_parse(const struct packet *p, struct frame *f);
enum packet_counter ip6_parse(const struct packet *p, struct frame *f);
/* Walk the extension headers of an IPv6 packet whose header is at d[off]; end: bytes of the packet. PASS: ip->proto, l4_off, l4_len and
 * the fragment fields are set. */
enum packet_counter ip6_extensions(const uint8_t *d, size_t off, size_t end, struct ip_view *ip);

/* ip_out.c: m starts at the upper layer's header, its checksum is done (TCP's by packet_send). */
int ip_output(struct packet *p, struct rte_mbuf *m, const struct addr *src, const struct addr *dst,
              uint8_t proto, uint8_t tos);
void ip_prepend(struct packet *p, struct rte_mbuf *m, const struct addr *src,
                const struct addr *dst, uint8_t proto, uint8_t tos, uint8_t ttl);
/* Next hop of a packet, a neighbour of ours; NULL: no route or no entry to be had, counted by the caller with *why. */
struct neigh *ip_next_hop(struct packet *p, const struct addr *dst, enum packet_counter *why);
/* m starts at the IP header: to the neighbour, or into its queue. */
int neigh_send(struct packet *p, struct neigh *n, struct rte_mbuf *m, uint16_t type);

/* icmp.c */
void icmp_input(struct packet *p, struct frame *f);
void icmp6_input(struct packet *p, struct frame *f);
/* Tell TCP that the segment in m (which starts at the IP header) found no way. */
void icmp_local_unreachable(struct packet *p, const struct rte_mbuf *m);
/* Hand an ICMP error up, or to the worker that owns the quoted flow. Takes the frame. */

/* capture.c */
void capture_see(struct packet *p, const struct rte_mbuf *m, bool outbound);
void capture_turn(struct packet *p);
