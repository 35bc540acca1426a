/* SPDX-License-Identifier: BSD-3-Clause
 * rig.h - a port of one or more workers on a device made of arrays: frames in, frames out, every mbuf counted
 *
 * Why     Frames lie in malloc'd buffers of their exact length (with headroom before), so ASan sees a byte read behind the end, which
 *         it cannot in a mempool.
 * Owner   The rig owns everything; rig_free() checks that every mbuf came back.
 */
#pragma once
#include "dataplane/packet/packet_priv.h"

#define RIG_MBUFS   1023
#define RIG_WORKERS 4
#define RIG_TX_MAX  512

struct rig;

struct rig_queue {
	struct rig *rig;
	struct rte_mbuf *in[256];
	unsigned in_cnt;
	unsigned tx_refuse; /* frames that tx does not take */
};

struct rig {
	struct rte_mempool *pool;
	struct packet_port *port;
	unsigned workers;
	struct packet *p[RIG_WORKERS];
	struct rig_queue q[RIG_WORKERS];
	struct packet_dev dev[RIG_WORKERS];
	uint64_t now_us;

	/* what came out, of all workers; cleared by rig_clear() */
	struct {
		unsigned len, worker;
		uint8_t d[2048];
	} tx[RIG_TX_MAX];
	unsigned tx_cnt;
	struct packet_in up; /* of the last segment; m is freed, its bytes are in up_bytes */
	uint8_t up_bytes[4096];
	unsigned up_cnt, up_worker;
	struct packet_icmp_error icmp;
	unsigned icmp_cnt, icmp_worker;
	struct packet_up ups[RIG_WORKERS];
	struct rig_ctx {
		struct rig *r;
		unsigned worker;
	} ctx[RIG_WORKERS];
};

extern const uint8_t rig_mac[6], rig_peer_mac[6];

/* EAL in this process, once. */
void rig_eal(void);

/* The configuration of a rig: 10.0.0.2/24, fd00::2/64, gateways .1 and ::1, one worker, no announcements. */
struct packet_port_config rig_config(void);
struct rig *rig_new(const struct packet_port_config *c);

/* False when mbufs are missing. */
bool rig_free(struct rig *r);

/* A frame into worker w's queue. */
void rig_put(struct rig *r, unsigned w, const void *frame, size_t len);

/* Turns of all workers until nothing moves; what leaves is in tx[], up, icmp. */
void rig_run(struct rig *r);
void rig_clear(struct rig *r);

/* Sum of a counter over the workers. */
uint64_t rig_count(const struct rig *r, enum packet_counter c);
