/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_opt.c - options from and to bytes
 */
#include "dataplane/tcp/tcp_opt.h"

enum {
	OPT_END,
	OPT_NOP,
	OPT_MSS,
	OPT_WSCALE,
	OPT_SACK_OK,
	OPT_SACK,
	OPT_TS = 8,
};

static void
take_sack(const uint8_t *p, size_t len, struct tcp_options *out)
{
	size_t cnt = (len - 2) / 8;

	if ((len - 2) % 8 != 0 || cnt == 0 || cnt > TCP_SACK_MAX) {
		out->is_bad = true;
		return;
	}
	out->sack_cnt = (uint8_t)cnt;
	for (size_t i = 0; i < cnt; i++) {
		out->sack[i].start = load_be32(p + 2 + 8 * i);
		out->sack[i].end = load_be32(p + 6 + 8 * i);
	}
}

/* One option of `len` bytes at p, kind and length included. A known kind of a wrong length is ignored. */
static void
take(const uint8_t *p, size_t len, bool syn, struct tcp_options *out)
{
	switch (p[0]) {
	case OPT_MSS:
		if (len == 4 && syn) {
			out->has_mss = true;
			out->mss = load_be16(p + 2);
		}
		break;
	case OPT_WSCALE:
		if (len == 3 && syn) {
			out->has_wscale = true;
			out->wscale = MIN(p[2], TCP_WSCALE_MAX);
		}
		break;
	case OPT_SACK_OK:
		out->has_sack_ok |= len == 2 && syn;
		break;
	case OPT_SACK:
		take_sack(p, len, out);
		break;
	case OPT_TS:
		if (len == 10) {
			out->has_ts = true;
			out->tsval = load_be32(p + 2);
			out->tsecr = load_be32(p + 6);
		}
		break;
	default:
		break;
	}
}

void
tcp_opt_parse(const uint8_t *p, size_t n, bool syn, struct tcp_options *out)
{
	/* the shape of nearly every data segment */
	static const uint8_t nop_nop_ts[4] = { OPT_NOP, OPT_NOP, OPT_TS, 10 };

	memset(out, 0, offsetof(struct tcp_options, sack));
	if (n == 12 && !memcmp(p, nop_nop_ts, 4)) {
		take(p + 2, 10, syn, out);
		return;
	}
	while (n > 0 && p[0] != OPT_END) {
		size_t len = 1;

		if (p[0] != OPT_NOP) {
			if (n < 2 || p[1] < 2 || p[1] > n) {
				out->is_bad = true;
				return;
			}
			len = p[1];
			take(p, len, syn, out);
		}
		p += len;
		n -= len;
	}
}

size_t
tcp_opt_build_ts(uint8_t *p, uint32_t tsval, uint32_t tsecr)
{
	p[0] = p[1] = OPT_NOP;
	p[2] = OPT_TS;
	p[3] = 10;
	store_be32(p + 4, tsval);
	store_be32(p + 8, tsecr);
	return 12;
}

size_t
tcp_opt_build_syn(uint8_t *p, uint16_t mss, const uint8_t *wscale, bool sack_ok, bool ts,
                  uint32_t tsval, uint32_t tsecr)
{
	uint8_t *at = p;

	*at++ = OPT_MSS;
	*at++ = 4;
	store_be16(at, mss);
	at += 2;
	if (ts) { /* SACK-permitted takes the place of the two NOPs */
		tcp_opt_build_ts(at, tsval, tsecr);
		if (sack_ok) {
			at[0] = OPT_SACK_OK;
			at[1] = 2;
		}
		at += 12;
	} else if (sack_ok) {
		*at++ = OPT_NOP;
		*at++ = OPT_NOP;
		*at++ = OPT_SACK_OK;
		*at++ = 2;
	}
	if (wscale) {
		*at++ = OPT_NOP;
		*at++ = OPT_WSCALE;
		*at++ = 3;
		*at++ = *wscale;
	}
	return (size_t)(at - p);
}

size_t
tcp_opt_build_sack(uint8_t *p, const uint32_t (*blocks)[2], unsigned cnt)
{
	p[0] = p[1] = OPT_NOP;
	p[2] = OPT_SACK;
	p[3] = (uint8_t)(2 + 8 * cnt);
	for (unsigned i = 0; i < cnt; i++) {
		store_be32(p + 4 + 8 * i, blocks[i][0]);
		store_be32(p + 8 + 8 * i, blocks[i][1]);
	}
	return 4 + 8 * cnt;
}
