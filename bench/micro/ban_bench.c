/* SPDX-License-Identifier: BSD-3-Clause
 * ban_bench.c - what a look-up in the ban set costs: cycles in a batch of 32, and alone
 *
 * Why     A banned source is turned away at its SYN; decisions 29 gives that 150 cycles a packet in batches of 32, 400 alone.
 *         In a batch the addresses are known before, so that the processor overlaps the look-ups; alone, each address depends on the
 *         answer before. Half of the addresses asked for are banned. The median of ROUNDS is printed, since the machine may be shared.
 * Usage   ban-micro
 */
#include "base/clock.h"
#include "base/rng.h"
#include "ctrl/bans.h"
#include "ctrl/ctrl.h"

#define ASKED  4096
#define BATCH  32
#define ROUNDS 101

struct table {
	const char *name;
	size_t prefixes;
	unsigned bits_min, bits_max; /* as an IPv6 prefix */
	bool is_v4;
};

static const struct table tables[] = {
	{ "IPv4, 2,000 of /24 to /32", 2000, 120, 128, true },
	{ "IPv4, 65,536 of /16 to /32", BANS_MAX, 112, 128, true },
	{ "IPv6, 2,000 of /32 to /64", 2000, 32, 64, false },
	{ "IPv6, 65,536 of /32 to /128", BANS_MAX, 32, 128, false },
};

static struct addr asked[ASKED];
static volatile uint64_t sink;

static struct addr
random_addr(struct rng *r, bool is_v4)
{
	struct addr a = addr_v4((uint32_t)rng_below(r, 1ull << 32));

	for (int i = 0; i < 16 && !is_v4; i++)
		a.b[i] = (uint8_t)rng_below(r, 256);
	if (!is_v4)
		a.b[0] = 0x20;
	return a;
}

/* ban_list_add() looks for the same prefix first: quadratic, and random ones are different enough. */
static struct ban_set *
make(const struct table *t, struct rng *r)
{
	struct ban_list l = { .item = calloc(t->prefixes, sizeof(*l.item)), .cnt = t->prefixes };
	struct ban_set *s;

	BUG_ON(!l.item);
	for (size_t i = 0; i < l.cnt; i++) {
		/* Most are long, as in real lists: a few short ones would ban half the world. */
		unsigned room = t->bits_max - t->bits_min, less = (unsigned)rng_below(r, room + 1);
		struct addr a = random_addr(r, t->is_v4);

		for (int k = 0; k < 3; k++)
			less = MIN(less, (unsigned)rng_below(r, room + 1));
		l.item[i].prefix = (struct addr_prefix){ addr_mask(&a, t->bits_max - less),
			                                 (uint8_t)(t->bits_max - less) };
	}
	s = ban_set_build(&l);
	for (size_t i = 0; i < ASKED; i++)
		asked[i] = rng_below(r, 2) ? l.item[rng_below(r, l.cnt)].prefix.addr
		                           : random_addr(r, t->is_v4);
	free(l.item);
	return s;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t
median(uint64_t *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

static uint64_t
batches(const struct ban_set *s)
{
	uint64_t begun = clock_cycles(), sum = 0;

	for (size_t i = 0; i < ASKED; i += BATCH) {
		for (size_t k = 0; k < BATCH; k++)
			sum += ban_set_has(s, &asked[i + k]);
		__asm__ volatile("lfence" ::: "memory"); /* a batch does not run into the next */
	}
	sink += sum;
	return (clock_cycles() - begun) / ASKED;
}

static uint64_t
alone(const struct ban_set *s)
{
	uint64_t begun = clock_cycles();
	size_t at = 0;

	for (size_t i = 0; i < ASKED; i++)
		at = (at + 2039 + ban_set_has(s, &asked[at])) % ASKED;
	sink += at;
	return (clock_cycles() - begun) / ASKED;
}

int
main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		static uint64_t batch[ROUNDS], single[ROUNDS];
		struct rng r;
		struct ban_set *s;

		rng_seed(&r, 5);
		s = make(&tables[i], &r);
		for (size_t k = 0; k < ROUNDS; k++) {
			batch[k] = batches(s);
			single[k] = alone(s);
		}
		printf("%-28s %4llu cycles in batches of %d, %4llu alone\n", tables[i].name,
		       (unsigned long long)median(batch), BATCH,
		       (unsigned long long)median(single));
		ban_set_free(s);
	}
	return 0;
}
