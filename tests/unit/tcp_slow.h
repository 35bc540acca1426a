/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_slow.h - a sender on a path of 100 ms, whose peer acknowledges by hand
 *
 * Why     Every test of loss recovery begins with the same handshake and speaks of segments, not of bytes.
 * Owner   See tcp_wire.h.
 * Thread  One.
 */
#pragma once
#include "tests/unit/tcp_wire.h"

#define RTT_MS 100
#define MSS    1460u

__attribute__((unused)) static const uint8_t mss_sack_ts[20] = {
	2, 4, 1460 >> 8, 1460 & 255, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 1, 1, 1
};
static uint32_t una;

/* A connection whose handshake took RTT_MS. */
__attribute__((unused)) static void
open_slow(const uint8_t *opts, uint8_t opts_len)
{
	wire_start();
	put_raw(TCP_SYN, PEER_ISN, 0, 65535, NULL, 0, opts, opts_len);
	una = w.out[w.out_cnt - 1].seq + 1;
	w.tsecr = w.out[w.out_cnt - 1].opt.tsval;
	wire_pass_ms(RTT_MS);
	inject(TCP_ACK, PEER_ISN + 1, una, 65535, NULL, 0);
	left_out();
}

__attribute__((unused)) static void
send_segments(unsigned cnt)
{
	CHECK(tcp_send(w.c, span(body, cnt * MSS)));
	wire_turn();
	if (cnt > 10) /* behind an initial window the flight is paced */
		wire_pass_ms(RTT_MS / 2);
	CHECK(left_out() == cnt);
}

/* An ACK of `acked` segments, with SACK blocks in segments behind una. */
__attribute__((unused)) static void
ack(uint32_t acked, const uint32_t (*blocks)[2], unsigned cnt)
{
	uint8_t opt[40];
	uint32_t b[4][2];
	size_t n = 0;

	for (unsigned i = 0; i < cnt; i++) {
		b[i][0] = una + blocks[i][0] * MSS;
		b[i][1] = una + blocks[i][1] * MSS;
	}
	if (w.tsval)
		n += tcp_opt_build_ts(opt, w.tsval, w.tsecr);
	if (cnt)
		n += tcp_opt_build_sack(opt + n, (const uint32_t(*)[2])b, cnt);
	put_raw(TCP_ACK, PEER_ISN + 1, una + acked * MSS, 65535, NULL, 0, opt, (uint8_t)n);
	wire_turn();
}

__attribute__((unused)) static uint32_t
cwnd(void)
{
	struct tcp_info info;

	tcp_get_info(w.c, &info);
	return info.cwnd_bytes;
}

__attribute__((unused)) static void
end_case(void)
{
	tcp_abort(w.c);
	w.c = NULL;
	wire_end();
}
