/* SPDX-License-Identifier: BSD-3-Clause
 * packet_limits.h - bounds of the packet layer on what outsiders can make it hold or do
 */
#pragma once

#define NEIGH_DEFAULT 1024 /* entries of a cache when the configuration says 0 */
#define NEIGH_MAX     65536
#define NEIGH_WAYS    8 /* entries of one set: where an address can be */
#define NEIGH_CONFIRMED_WAYS                                                                       \
	7 /* of them for confirmed neighbours and gateways: one stays for who is new */
#define NEIGH_QUEUE                 3   /* packets that wait for one neighbour (tcp.md) */
#define NEIGH_QUEUED_MAX            256 /* ... for all neighbours of a cache */
#define NEIGH_SOLICITS              3 /* MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT of RFC 4861 10 */
#define NEIGH_RETRANS_US            1000000
#define NEIGH_REACHABLE_US          30000000
#define NEIGH_LOCK_US               1000000 /* a confirmed address keeps its MAC that long, as Linux's locktime */
#define NEIGH_FAILED_US             1000000 /* one that did not answer is not asked again before that */
#define NEIGH_SOLICIT_PER_S         1000 /* solicitations a second of one worker */
#define NEIGH_COPY_PER_S            2000 /* ARP and ND answers copied to the other workers */
#define NEIGH_REPLY_PER_S           5000 /* ARP replies and NAs that we send a second */
#define NEIGH_CONFIRMED_REPLY_PER_S 1000 /* ... and those to confirmed neighbours beyond it */

#define FRAG_DATAGRAMS  64 /* in reassembly at a time, per worker */
#define FRAG_TIMEOUT_US 2000000
#define FRAG_DATA_MAX                                                                              \
	2048 /* IP payload of one datagram; larger ones are dropped (they cannot be TCP of ours) */
#define FRAG_FIRST_MIN                                                                             \
	20 /* bytes of TCP in a first fragment: whoever sends less hides ports (RFC 1858) */

#define IP6_EXTENSIONS_MAX 8   /* headers before the upper layer */
#define IP6_EXT_BYTES_MAX  256 /* bytes of all of them */
#define ECHO_DEFAULT_PER_S 1000
#define STEER_RING_FRAMES  1024
#define TX_BURST_MAX       256 /* frames that wait for the device */
#define TICK_US            100000
