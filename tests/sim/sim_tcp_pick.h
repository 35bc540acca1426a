/* SPDX-License-Identifier: BSD-3-Clause
 * sim_tcp_pick.h - which bad link a seed gets, and what of it a shrunk seed leaves out
 *
 * Why     What is left out is drawn all the same, so that the rest of the seed stays what it was.
 * Thread  One.
 */
#pragma once
#include "tests/sim/sim_tcp_link.h"

/* Rows: name on the command line, what has to be zero in struct sim_link_config for it to be gone. */
enum sim_trouble {
	TROUBLE_LOSS,
	TROUBLE_BURSTS,
	TROUBLE_REORDER,
	TROUBLE_DUPLICATE,
	TROUBLE_CORRUPT,
	TROUBLE_MARK,
	TROUBLE_DARK,
	TROUBLE_BOTTLENECK,
	TROUBLE_MTU,
	TROUBLES
};

struct sim_limits {
	unsigned pairs;   /* at most */
	uint64_t bytes;   /* of each direction of a pair, at most */
	unsigned without; /* bits of enum sim_trouble */
};

extern const char *const sim_trouble_name[TROUBLES];

void sim_pick_link(struct rng *r, struct sim_link_config *c);
void sim_leave_out(struct sim_link_config *c, unsigned without);

/* Does the link lose so little that no connection may end by a time-out? */
bool sim_link_is_fair(const struct sim_link_config *c);
void sim_print_link(const struct sim_link_config *c);

/* "loss,dark"; false: an unknown name. */
bool sim_parse_without(const char *s, unsigned *out);
void sim_print_limits(uint64_t seed, const struct sim_limits *l);

/* The smallest that `fails`, which must hold for *l. */
void sim_shrink(struct sim_limits *l, bool (*fails)(const struct sim_limits *l));
