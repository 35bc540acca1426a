/* SPDX-License-Identifier: BSD-3-Clause
 * packet.h - L2 and L3: frames of one port in, TCP segments up, segments down, frames out
 *
 * Why     One `struct packet` is one queue of one port on one worker; what the workers of a port share is in `struct
 *         packet_port`, read-only after start but for the state of its addresses. ARP, ND, ICMP echo, fragments, checksums and
 *         steering end here: TCP sees whole, verified segments for its own addresses and of its own flows only.
 *         The device below is an ops struct, so a simulator hands frames in without a DPDK port.
 * Owner   An mbuf handed to packet_send() is the packet layer's, whatever it returns; one handed up in packet_in is the caller's.
 * Thread  packet_*(struct packet *): its worker alone. packet_port_*, packet_eal_*, packet_capture_*: the control thread.
 *         Workers meet in rte_rings (steering), in the address states (relaxed atomics) and in the capture (packet_capture.h).
 * Limit   Everything an outsider can grow is bounded in packet_limits.h: neighbours, queued packets, fragments, echo replies.
 * Errors  What arrives is never an error: a counter of packet_counters.def and a drop. Start-up returns -errno and a text.
 * RFC     826, 791, 792, 894, 1122, 4443, 4861, 4862, 4429, 5227, 5722, 6980, 8200; IEEE 802.1Q.
 */
#pragma once
#include "base/addr.h"
#include "base/base.h"
#include "base/counters.h"
#include "base/limits.h"
#include "dataplane/packet/packet_in.h"

struct rte_mempool;
struct packet;
struct packet_port;

#define PACKET_ADDRS_MAX  32 /* configured addresses of one port, both families */
#define PACKET_KEY_BYTES  40 /* of the Toeplitz key: 36 bytes of input and a word */
#define PACKET_BURST      32 /* frames a receive burst; packet_rx() gives at most PACKET_IN_MAX */
#define PACKET_IN_MAX     64
#define PACKET_ERROR_TEXT 256

/* ---- what goes up ---------------------------------------------------------------------------------------------------- */

/* struct packet_in and struct packet_icmp_error: packet_in.h. Promised beyond it: a segment is for one of our addresses and of a flow
 * of this worker, its checksum was verified, it has at least 20 bytes of TCP, and its frame is one mbuf segment. `seq` and `mtu` of an
 * ICMP error are as the network quoted them: nothing of it is proven (RFC 5927 4.1). */

/* Calls upward; run inside packet_rx(), on the worker that owns the flow. May be all NULL. */
struct packet_up {
	void *ctx;
	void (*on_icmp)(void *ctx, const struct packet_icmp_error *e, uint64_t now_us);
	/* The SYN of such a source goes no further, and nothing behind its TCP header is looked at. On whatever worker got it. */
	bool (*is_banned)(void *ctx, const struct addr *src);
};

/* ---- the device below ------------------------------------------------------------------------------------------------ */

struct packet_dev_ops {
	/* Up to n frames; returns how many. Each is the packet layer's from then on. */
	uint16_t (*rx)(void *dev, struct rte_mbuf **m, uint16_t n);
	/* Takes the first k of n and returns k; the rest stays the caller's. */
	uint16_t (*tx)(void *dev, struct rte_mbuf **m, uint16_t n);
};

enum packet_cap {
	PACKET_CAP_RX_CSUM = 1 << 0,     /* marks IP and TCP checksums good or bad in ol_flags */
	PACKET_CAP_TX_IP_CSUM = 1 << 1,  /* fills the IPv4 header checksum */
	PACKET_CAP_TX_TCP_CSUM = 1 << 2, /* fills the TCP checksum */
	PACKET_CAP_TSO = 1 << 3,         /* cuts a large TCP segment by m->tso_segsz */
	PACKET_CAP_MULTI_SEG =
	        1 << 4, /* sends chained mbufs; without it they are linearised here */
	PACKET_CAP_VLAN_INSERT = 1 << 5, /* writes the 802.1Q tag */
	PACKET_CAP_RSS = 1 << 6,         /* ol_flags' RSS hash is by our key */
};

/* One device queue, as one worker sees it. */
struct packet_dev {
	const struct packet_dev_ops *ops;
	void *dev;
};

/* ---- a port ---------------------------------------------------------------------------------------------------------- */

struct packet_addr {
	struct addr addr;
	uint8_t bits; /* length of its on-link prefix, of 128 (an IPv4 /24 is 120) */
};

/* "10.77.0.2/24" or "fd77::2/64"; without a length /32 or /128. False on anything else, on multicast, loopback and zero. */
bool packet_addr_parse(struct span text, struct packet_addr *out);

/* Key of the owner hash: one for all ports of the process. */
struct packet_key {
	uint8_t b[PACKET_KEY_BYTES];
};

/* From 64 bits of entropy (or a test's seed). */
struct packet_key packet_key_from(uint64_t seed);

struct packet_port_config {
	const char *name; /* for messages and captures: "net_tap0" */
	struct packet_addr addresses[PACKET_ADDRS_MAX];
	unsigned address_cnt;
	struct addr gateway4, gateway6; /* all zero: none */
	struct packet_key key;
	unsigned worker_cnt;
	uint8_t mac[6];
	uint16_t mtu;            /* of IP; 0: 1500 */
	uint16_t vlan;           /* 802.1Q id of all our frames, 0: untagged */
	uint32_t caps;           /* enum packet_cap: what the device does for us */
	uint32_t neighbours_max; /* per worker and port; 0: 1024 */
	uint32_t echo_per_s;     /* ICMP echo replies a second and worker; 0: 1000 */
	bool no_announce; /* no gratuitous ARP, DAD or unsolicited NA at start (simulators) */
	uint64_t seed;    /* of the neighbour table's hash and other randomness */
};

/* NULL and a text in err[PACKET_ERROR_TEXT] when the configuration is wrong or memory is out. */
struct packet_port *packet_port_new(const struct packet_port_config *c, char *err);

/* After all its packets were freed. */
void packet_port_free(struct packet_port *port);

struct packet_address_state {
	struct addr addr;
	bool is_duplicate; /* DAD found another owner (RFC 4862 5.4): not used any more */
};

/* Copies the state of up to max addresses, link-local included; returns how many. Any thread. */
unsigned packet_port_addresses(const struct packet_port *port, struct packet_address_state *out,
                               unsigned max);

/* ---- one worker's end of a port -------------------------------------------------------------------------------------- */

/* `worker` < worker_cnt. pool: for frames of our own. NULL when memory is out. */
struct packet *packet_new(struct packet_port *port, unsigned worker, const struct packet_dev *dev,
                          struct rte_mempool *pool, const struct packet_up *up);

/* Gives back every mbuf it holds. */
void packet_free(struct packet *p);

/* Take in one burst of the device and what other workers steered here; do ARP, ND and ICMP; run timers that are due. Returns
 * how many TCP segments are in out[0..max), max ≥ 1; all of them belong to this worker. *busy (may be NULL) is set when there was
 * any frame at all. Frames over max wait for the next call. */
unsigned packet_rx(struct packet *p, uint64_t now_us, struct packet_in *out, unsigned max,
                   bool *busy);

/* An mbuf with room in front for Ethernet, VLAN and IPv6; NULL when the pool is empty (counted). */
struct rte_mbuf *packet_alloc(struct packet *p);

/* Send m, whose data starts at the TCP header, from src (one of ours) to dst. Fills checksum, IP and Ethernet. With
 * m->tso_segsz set (only where packet_has(PACKET_CAP_TSO)) the device cuts it. Takes m always. 0: sent, in the burst or waiting for the
 * neighbour; -EHOSTUNREACH: no route or the neighbour does not answer; -ENOBUFS: dropped, all is full. All counted. */
int packet_send(struct packet *p, struct rte_mbuf *m, const struct addr *src,
                const struct addr *dst, uint8_t tos, uint64_t now_us);

/* Hand the burst to the device. What it does not take stays for the next flush. */
void packet_flush(struct packet *p);

/* A timer of the packet layer is due at this time (absolute µs); UINT64_MAX: none. For sleeping and virtual clocks. */
uint64_t packet_next_us(const struct packet *p);

/* One of ours and usable, link-local included. */
bool packet_is_local(const struct packet *p, const struct addr *a);

/* IP bytes of a packet to dst on this port. A path MTU is TCP's to keep. */
unsigned packet_mtu(const struct packet *p, const struct addr *dst);

/* Our address to talk to dst from: longest common prefix among usable ones of its family. False: no route to dst here. */
bool packet_source_for(const struct packet *p, const struct addr *dst, struct addr *src);

/* Worker that gets the segments of an inbound flow (src and sport are the peer's). packet_in.hash is packet_hash() of it. */
uint32_t packet_hash(const struct packet *p, const struct addr *src, uint16_t sport,
                     const struct addr *dst, uint16_t dport);
unsigned packet_owner(const struct packet *p, const struct addr *src, uint16_t sport,
                      const struct addr *dst, uint16_t dport);
unsigned packet_worker(const struct packet *p);

bool packet_has(const struct packet *p, enum packet_cap cap);
const uint8_t *packet_mac(const struct packet *p);

/* ---- counters -------------------------------------------------------------------------------------------------------- */

struct packet_counters {
#define COUNTER COUNTER_FIELD
#include "dataplane/packet/packet_counters.def"
#undef COUNTER
};

#define PACKET_COUNTERS (sizeof(struct packet_counters) / sizeof(uint64_t))
extern const struct counter_desc packet_counter_desc[PACKET_COUNTERS];

/* Any thread may read it with counter_read(). */
const struct packet_counters *packet_counters(const struct packet *p);
