/* SPDX-License-Identifier: BSD-3-Clause
 * sim_tcp_pick.c - a seed's link, and the smallest configuration that still fails
 */
#include "tests/sim/sim_tcp_pick.h"
#include <stdio.h>

const char *const sim_trouble_name[TROUBLES] = {
	[TROUBLE_LOSS] = "loss",       [TROUBLE_BURSTS] = "bursts",
	[TROUBLE_REORDER] = "reorder", [TROUBLE_DUPLICATE] = "duplicate",
	[TROUBLE_CORRUPT] = "corrupt", [TROUBLE_MARK] = "mark",
	[TROUBLE_DARK] = "dark",       [TROUBLE_BOTTLENECK] = "bottleneck",
	[TROUBLE_MTU] = "mtu",
};

static void
pick_way(struct rng *r, struct sim_link_way *w, bool narrow, bool bursts)
{
	if (narrow) {
		w->bytes_per_s = 50000ull << rng_below(r, 7);
		w->queue_bytes = 3000u << rng_below(r, 6);
	}
	if (bursts) {
		w->bad_ppm = 1000 + (unsigned)rng_below(r, 20000);
		w->good_ppm = 50000 + (unsigned)rng_below(r, 250000);
		w->bad_loss_pct = 30 + (unsigned)rng_below(r, 71);
	}
}

void
sim_pick_link(struct rng *r, struct sim_link_config *c)
{
	static const unsigned mtus[] = { 576, 1280, 1400, 1500 };
	unsigned most = rng_odds(r, 1, 4) ? 0 : rng_odds(r, 1, 2) ? 5 : 20;

	*c = (struct sim_link_config){ .delay_us = 50 + rng_below(r, 60000),
		                       .jitter_us = 1 + rng_below(r, 100000),
		                       .mtu = mtus[rng_below(r, ARRAY_LEN(mtus))] };
	c->loss_pct = (unsigned)rng_below(r, most + 1);
	c->duplicate_pct = (unsigned)rng_below(r, most + 1);
	c->reorder_pct = (unsigned)rng_below(r, most + 1);
	c->corrupt_pct = (unsigned)rng_below(r, most + 1);
	if (rng_odds(r, 1, 4)) {
		c->path_mtu = 576 + (unsigned)rng_below(r, c->mtu - 576 + 1);
		c->no_icmp = rng_odds(r, 1, 2);
	}
	c->mark_pct = (unsigned)rng_below(r, most + 1);
	if (rng_odds(r, 1, 8)) {
		c->dark_each_us = 5000000 + rng_below(r, 60000000);
		c->dark_us = 1 + rng_below(r, 4000000);
	}
	for (unsigned i = 0; i < 2; i++) /* each way has its own: asymmetric */
		pick_way(r, &c->way[i], rng_odds(r, 1, 4), rng_odds(r, 1, 8));
}

void
sim_leave_out(struct sim_link_config *c, unsigned without)
{
	unsigned *const one[TROUBLES] = {
		[TROUBLE_LOSS] = &c->loss_pct,           [TROUBLE_REORDER] = &c->reorder_pct,
		[TROUBLE_DUPLICATE] = &c->duplicate_pct, [TROUBLE_CORRUPT] = &c->corrupt_pct,
		[TROUBLE_MARK] = &c->mark_pct,           [TROUBLE_MTU] = &c->path_mtu,
	};

	for (unsigned t = 0; t < TROUBLES; t++)
		if (one[t] && without & 1u << t)
			*one[t] = 0;
	if (without & 1u << TROUBLE_DARK)
		c->dark_us = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct sim_link_way *w = &c->way[i];

		if (without & 1u << TROUBLE_BURSTS)
			w->bad_ppm = w->good_ppm = w->bad_loss_pct = 0;
		if (without & 1u << TROUBLE_BOTTLENECK)
			w->bytes_per_s = 0;
	}
}

bool
sim_link_is_fair(const struct sim_link_config *c)
{
	for (unsigned i = 0; i < 2; i++)
		if (c->way[i].bad_ppm || c->way[i].bytes_per_s)
			return false;
	/* A path that swallows the segment with the first data swallows the handshake's last ACK for some seconds. */
	return c->loss_pct + c->corrupt_pct <= 4 && !c->dark_us && !(c->path_mtu && c->no_icmp);
}

void
sim_print_link(const struct sim_link_config *c)
{
	printf("delay %llu us, jitter %llu us, mtu %u, path mtu %u%s, loss %u %%, dup %u %%, "
	       "reorder %u %%, "
	       "corrupt %u %%, marked %u %%, dark %llu of %llu us\n",
	       (unsigned long long)c->delay_us, (unsigned long long)c->jitter_us, c->mtu,
	       c->path_mtu, c->no_icmp ? " in silence" : "", c->loss_pct, c->duplicate_pct,
	       c->reorder_pct, c->corrupt_pct, c->mark_pct, (unsigned long long)c->dark_us,
	       (unsigned long long)c->dark_each_us);
	for (unsigned i = 0; i < 2; i++) {
		const struct sim_link_way *w = &c->way[i];

		printf("%s end 1: %llu bytes/s, queue %u bytes, bad state %u in and %u out of a "
		       "million, %u %% lost in "
		       "it\n",
		       i ? "to" : "from", (unsigned long long)w->bytes_per_s, w->queue_bytes,
		       w->bad_ppm, w->good_ppm, w->bad_loss_pct);
	}
}

bool
sim_parse_without(const char *s, unsigned *out)
{
	*out = 0;
	while (*s) {
		size_t n = strcspn(s, ",");
		unsigned t = 0;

		while (t < TROUBLES &&
		       (strlen(sim_trouble_name[t]) != n || memcmp(sim_trouble_name[t], s, n)))
			t++;
		if (t == TROUBLES)
			return false;
		*out |= 1u << t;
		s += n + (s[n] == ',');
	}
	return true;
}

void
sim_print_limits(uint64_t seed, const struct sim_limits *l)
{
	const char *sep = " --without ";

	printf("replay: build/tests/sim/sim_tcp --seed %llu --pairs %u --bytes %llu",
	       (unsigned long long)seed, l->pairs, (unsigned long long)l->bytes);
	for (unsigned t = 0; t < TROUBLES; t++)
		if (l->without & 1u << t) {
			printf("%s%s", sep, sim_trouble_name[t]);
			sep = ",";
		}
	printf(" --verbose\n");
}

/* One smaller configuration that still fails; false: there is none. */
static bool
shrink_once(struct sim_limits *l, bool (*fails)(const struct sim_limits *l))
{
	struct sim_limits try = *l;

	for (unsigned t = 0; t < TROUBLES; t++) {
		try.without = l->without | 1u << t;
		if (try.without != l->without && fails(&try))
			goto smaller;
	}
	try = *l;
	for (try.pairs = 1; try.pairs < l->pairs; try.pairs *= 2)
		if (fails(&try))
			goto smaller;
	try.pairs = l->pairs - 1;
	if (try.pairs > 0 && fails(&try))
		goto smaller;
	try = *l;
	try.bytes = l->bytes / 2;
	if (try.bytes < l->bytes && fails(&try))
		goto smaller;
	return false;
smaller:
	*l = try;
	return true;
}

void
sim_shrink(struct sim_limits *l, bool (*fails)(const struct sim_limits *l))
{
	while (shrink_once(l, fails))
		;
}
