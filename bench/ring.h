/* SPDX-License-Identifier: BSD-3-Clause
 * ring.h - `weirload ring`: generator, relay and sink in one process over net_ring
 *
 * Why     No kernel in the way: what is measured is the relay. Its worker is the one of `weir`, from the same settings.
 * Errors  Texts on stderr; 1.
 */
#pragma once
#include "base/base.h"

struct ring_options {
	size_t bytes;
	unsigned reuse, sessions, seconds, cores;
	bool filters, json;
	const char *rules; /* folder of the standard rules */
};

int ring_run(const struct ring_options *o);
