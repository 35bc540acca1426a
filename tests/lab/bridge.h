/* SPDX-License-Identifier: BSD-3-Clause
 * bridge.h - what happens to the frames of one direction: fate, link, delay
 *
 * Why     A frame's fate is a pure function of the seed and of its number in its direction, so two runs with one seed lose the
 *         same frames whatever the senders do, and their goodput can be compared pair by pair.
 * Owner   The caller's storage; nothing is allocated here.
 * Thread  One.
 * Limit   LAB_FRAME_MAX bytes a frame.
 */
#pragma once
#include "base/base.h"

#define LAB_FRAME_MAX 1540

struct lab_config {
	double rate_mbit; /* 0: no bound */
	double delay_ms;
	double loss_pct;
	double burst_in_pct,
	        burst_out_pct; /* Gilbert-Elliott: into and out of the state that loses all */
	double reorder_pct, reorder_ms; /* so many come so much later */
	double duplicate_pct, corrupt_pct;
	double queue_bytes; /* before the link, the frame on it included; 0: no bound */
};

/* "rate=100,delay=10,queue=250000,loss=1,burst=0.1:20,reorder=1:4,duplicate=1,corrupt=0.1" over what is in *out; false: no such key or
 * figure. */
bool lab_config_parse(const char *text, struct lab_config *out);

enum lab_fate { LAB_PASSES, LAB_LOST, LAB_LOST_BURST, LAB_LOST_QUEUE };

struct lab_verdict {
	enum lab_fate fate;
	bool is_late, is_double;
	uint32_t
	        corrupt_bit; /* 1 + number of the bit that flips, behind Ethernet's head; 0: none */
	uint64_t due_ns;     /* at the other side */
};

struct lab_path {
	struct lab_config cfg;
	uint64_t seed;
	uint64_t index; /* of the next frame */
	bool is_bad;    /* Gilbert-Elliott */
	uint64_t link_free_ns;
	uint64_t queue_max_bytes; /* the longest it was */
};

void lab_path_init(struct lab_path *p, const struct lab_config *cfg, uint64_t seed, unsigned dir);

/* A frame of TCP of at least 54 bytes enters at now_ns. */
struct lab_verdict lab_path_take(struct lab_path *p, uint32_t bytes, uint64_t now_ns);

/* A frame that belongs to no connection (ARP, ICMPv6) takes its time and is never lost: it has no number. */
uint64_t lab_path_pass(struct lab_path *p, uint32_t bytes, uint64_t now_ns);
