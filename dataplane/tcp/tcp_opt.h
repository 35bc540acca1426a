/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_opt.h - the TCP header and its options as values
 *
 * Why     Parse before you act: what the state machine sees is this struct, never the bytes.
 * Limit   40 bytes of options. Length 0 or 1, or one that runs over the header's end, ends the list; what stood before holds.
 * RFC     9293 3.2 (MSS), 7323 2 and 3 (window scale, timestamps), 2018 (SACK).
 * Thread  Any; pure functions.
 */
#pragma once
#include "base/base.h"

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

#define TCP_HEADER_BYTES 20
#define TCP_OPTIONS_MAX  40
#define TCP_WSCALE_MAX   14 /* RFC 7323 2.3 */
#define TCP_SACK_MAX     4  /* blocks that fit into 40 bytes */

struct tcp_options {
	uint32_t tsval, tsecr;
	uint16_t mss;
	uint8_t wscale;
	uint8_t sack_cnt;
	bool has_mss, has_ts, has_wscale, has_sack_ok;
	bool is_bad; /* malformed somewhere */
	struct {
		uint32_t start, end;
	} sack[TCP_SACK_MAX];
};

/* `syn`: MSS, window scale and SACK-permitted count on SYNs alone. *out is always filled. */
void tcp_opt_parse(const uint8_t *p, size_t n, bool syn, struct tcp_options *out);

/* Writes the options of a SYN or SYN-ACK in Linux's order; returns bytes, a multiple of 4. A NULL `wscale` leaves it out. */
size_t tcp_opt_build_syn(uint8_t *p, uint16_t mss, const uint8_t *wscale, bool sack_ok, bool ts,
                         uint32_t tsval, uint32_t tsecr);

/* NOP NOP TS: 12 bytes. */
size_t tcp_opt_build_ts(uint8_t *p, uint32_t tsval, uint32_t tsecr);

/* NOP NOP SACK with cnt blocks: 4 + 8 * cnt bytes. */
size_t tcp_opt_build_sack(uint8_t *p, const uint32_t (*blocks)[2], unsigned cnt);
