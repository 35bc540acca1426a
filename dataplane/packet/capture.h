/* SPDX-License-Identifier: BSD-3-Clause
 * capture.h - the worker's side of a capture
 */
#pragma once
#include "dataplane/packet/packet_capture.h"

#define CAPTURE_SLOTS 256
#define CAPTURE_BYTES 2048

struct capture_slot {
	uint64_t wall_us;
	uint32_t len, cap_len;
	bool outbound;
	uint8_t data[CAPTURE_BYTES];
};

struct capture_ring {
	struct capture_slot *slots;
	_Alignas(64)
	        uint32_t head; /* the worker's; release, pairs with the control thread's acquire */
	uint32_t ack;          /* generation the worker has taken up */
	_Alignas(64)
	        uint32_t tail; /* the control thread's; release, pairs with the worker's acquire */
};

struct packet_capture {
	uint32_t generation; /* odd: one runs */
	uint64_t wall_minus_mono_us;
	bool holds_slot; /* capture_next()'s last frame is still at its ring's tail */
	unsigned at;     /* ring of that frame */
	struct packet_filter filter;
	struct capture_ring rings[WORKERS_MAX];
};

void capture_fini(struct packet_capture *c);
