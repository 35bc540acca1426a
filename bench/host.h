/* SPDX-License-Identifier: BSD-3-Clause
 * host.h - a host on our own packet and TCP layers: the other end of the relay in benches and simulators
 *
 * Why     Both need somebody to talk to the relay whose cost and behaviour we know; the kernel would hide both.
 * Owner   The caller owns the struct, the device, the mbuf pool; host_fini() gives back all that host_init() took.
 * Thread  One.
 */
#pragma once
#include "base/wheel.h"
#include "dataplane/packet/packet.h"
#include "dataplane/tcp/tcp.h"

struct host_config {
	const char *name;
	const char *const *addresses; /* "10.77.0.1/24" */
	unsigned address_cnt;
	const char *gateway4; /* NULL: none */
	uint8_t mac[6];
	struct packet_dev dev;
	struct packet_port
	        *port; /* NULL: made here from the fields above; else they are not looked at */
	struct rte_mempool *pool;
	uint32_t conn_cnt, timewait_cnt;
	uint32_t time_wait_ms; /* 0: the stack's default */
	bool newreno;          /* instead of CUBIC */
	uint64_t seed;
	uint64_t now_us;
};

struct host {
	struct packet_port *port; /* ours, or NULL */
	struct packet *packet;
	struct tcp_stack *tcp;
	struct tcp_counters counters;
	struct wheel wheel;
	struct rng rng;
	bool busy; /* the last turn had frames or callbacks */
};

/* 0 or -errno, with a text on stderr. */
int host_init(struct host *h, const struct host_config *c);

/* What a worker does in a turn, without mail: receive, callbacks, send, timers. */
void host_turn(struct host *h, uint64_t now_us);

/* When host_turn() has work by itself at the latest, absolute; at most max_us ahead. */
uint64_t host_next_us(const struct host *h, uint64_t now_us, uint64_t max_us);
void host_fini(struct host *h);
