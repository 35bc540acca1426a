/* SPDX-License-Identifier: BSD-3-Clause
 * stack.h - the stack that a case drives: one struct tcp_stack, its clock, its link, one user of its connections
 *
 * Why     What leaves is kept as values until the script has looked at it; what the user of the connection saw is counted.
 * Owner   One a process; stack_begin() and stack_end() around each case.
 * Thread  One.
 */
#pragma once
#include "dataplane/tcp/tcp.h"
#include "tests/packet/script.h"
#include "tests/sim/seg_link.h"

#define STACK_OUT_MAX 4096

struct stack_out {
	struct seg_value v;
	bool is_payload_wrong;
	uint64_t at_ms;
};

struct stack_app {
	unsigned opened, room, closed;
	uint64_t read, written; /* bytes; both streams are made of stack_byte() */
	int err;
	bool eof, hold, is_payload_wrong;
};

struct stack {
	struct tcp_config cfg; /* until stack_start() a case may change it */
	struct seg_link link;
	uint64_t now_ms;
	struct tcp_counters n;
	struct tcp_stack *tcp;
	struct tcp_conn *c;    /* the connection that opened last, NULL: none */
	struct tcp_conn *last; /* the same after its user let go of it */
	struct stack_app app;
	struct addr us, peer;
	uint16_t our_port, peer_port;
	uint32_t peer_isn, iss; /* number zero of both directions */
	bool knows_iss;
	uint32_t our_ts0; /* our first TSval, zero of ours */
	bool knows_ts;
	struct stack_out out[STACK_OUT_MAX];
	unsigned out_cnt, read;
};

extern struct stack st;

void stack_init(void); /* once a process */
void stack_begin(void);
void stack_start(void); /* makes the stack, unless it is made */
/* Text of what was left behind, NULL: nothing. */
const char *stack_end(void);

/* One millisecond. */
void stack_tick(void);
/* Callbacks and output. */
void stack_turn(void);

/* Byte i of a stream; the same for both directions. */
static inline uint8_t
stack_byte(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 31 + 1);
}

/* A segment of the peer, whose names and data follow from the rest. */
void stack_input(const struct seg_value *v);
void stack_listen(void);
void stack_connect(uint16_t port);
bool stack_send(uint32_t n);
/* Of what waits unread; UINT32_MAX: all. */
void stack_read(uint32_t n);
