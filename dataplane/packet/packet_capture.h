/* SPDX-License-Identifier: BSD-3-Clause
 * packet_capture.h - copies of frames that match a filter, from the workers to the control thread
 *
 * Why     `weirctl capture`: what went over a port that no kernel tool can see. A worker pays one flag test a frame while none runs.
 * Thread  packet_capture_*: the control thread. A worker takes the filter up at its next packet_rx() and says so (generation and
 *         acknowledgement, acquire and release); each worker has its own ring (head and tail, acquire and release).
 * Limit   CAPTURE_SLOTS frames of CAPTURE_BYTES a worker, made at the first start; a full ring loses the frame and counts it.
 */
#pragma once
#include "base/pcapng.h"
#include "dataplane/packet/packet.h"

#define FILTER_TERMS_MAX 16

enum filter_kind {
	FILTER_HOST, /* or net */
	FILTER_PORT,
	FILTER_PROTO,
	FILTER_ETHERTYPE,
};

enum filter_side { FILTER_EITHER, FILTER_SRC, FILTER_DST };

struct filter_term {
	uint8_t kind, side;
	bool is_not;
	bool begins_or; /* first of an `or` branch */
	uint16_t value, value2;
	struct addr_prefix prefix;
};

/* Terms joined by `and` and `or` (`and` binds tighter): [not] [src|dst] host ADDRESS | [src|dst] net PREFIX | [src|dst] port N |
 * tcp | udp | icmp | arp | ip | ip6. `and` may be left out behind one of these six ("tcp port 25"). No terms: all frames. */
struct packet_filter {
	unsigned cnt;
	struct filter_term terms[FILTER_TERMS_MAX];
};

/* 0, or -EINVAL and a text in err[PACKET_ERROR_TEXT]. */
int packet_filter_parse(const char *text, struct packet_filter *out, char *err);
bool packet_filter_match(const struct packet_filter *f, const uint8_t *frame, size_t len);

/* 0; -EBUSY: one runs on this port; -EAGAIN: a worker has not yet seen the end of the last one (try again in a ms); -ENOMEM. */
int packet_capture_start(struct packet_port *port, const struct packet_filter *filter);
void packet_capture_stop(struct packet_port *port);

/* The next frame, of any worker; data is valid until the next call. false: none now. Works after stop, too. */
bool packet_capture_next(struct packet_port *port, struct pcapng_frame *out);

const char *packet_port_name(const struct packet_port *port);
