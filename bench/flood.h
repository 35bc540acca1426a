/* SPDX-License-Identifier: BSD-3-Clause
 * flood.h - `weirload flood`: honest senders beside floods of 1 M frames a second, on one relay core
 *
 * Why     What a flood costs must not depend on who else uses this machine: both ends turn on one thread over net_ring, and the
 *         clock of both is the relay core's own. It advances by what the relay's turns cost in cycles, and by 2 us for a turn
 *         without work; frames of the flood arrive by it, 1 a microsecond. So the relay has one core to itself, the generator's
 *         cost is not counted, and a relay that is too slow falls behind and drops. A turn in which the machine
 *         took the thread off its core counts as the turn before, and is reported.
 * Limit   Not measured: what the NIC and the generator's core would do to caches the relay shares with them.
 * Errors  Texts on stderr; 1 when a goal is missed (issue 4, must-show 4), with "void" or "missed" in the JSON.
 */
#pragma once
#include "bench/ring.h"

/* Prints one JSON object. */
int flood_run(const struct ring_options *o);
