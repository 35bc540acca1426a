/* SPDX-License-Identifier: BSD-3-Clause
 * pcapng.h - writes captured Ethernet frames as a pcapng file (Wireshark, tcpdump -r)
 *
 * Why     There is no tcpdump on a port that the kernel does not have.
 * RFC     draft-ietf-opsawg-pcapng: section header, one interface description a port, enhanced packets in microseconds.
 * Thread  Whoever owns the FILE.
 * Errors  -EIO when the FILE says so; the file is cut then, what is there can be read.
 */
#pragma once
#include "base/base.h"

struct pcapng_frame {
	uint64_t wall_us; /* since 1970 */
	uint32_t iface;   /* index into the names given at the head */
	uint32_t len;     /* of the frame as it was on the wire */
	uint32_t cap_len; /* bytes at data */
	bool outbound;    /* we sent it */
	const uint8_t *data;
};

int pcapng_write_head(FILE *f, const char *const *iface_names, unsigned iface_cnt);
int pcapng_write(FILE *f, const struct pcapng_frame *frame);
