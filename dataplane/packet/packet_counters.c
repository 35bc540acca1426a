/* SPDX-License-Identifier: BSD-3-Clause
 * packet_counters.c - names of the packet layer's counters
 */
#include "dataplane/packet/packet.h"

const struct counter_desc packet_counter_desc[PACKET_COUNTERS] = {
#define COUNTER COUNTER_DESC
#include "dataplane/packet/packet_counters.def"
#undef COUNTER
};
