/* SPDX-License-Identifier: BSD-3-Clause
 * bridge_path.c - the model of one direction
 *
 * Order   number, chance (loss, burst), queue, link, delay. What chance loses has used its time on the link, as on a bad line.
 */
#include "tests/lab/bridge.h"
#include <stdlib.h>
#include <string.h>

#define HEAD_BITS                                                                                  \
	(14 * 8) /* of Ethernet's head, which stays whole: else nobody would see the frame */

/* --- configuration --- */

static const struct {
	const char *key;
	size_t first, second; /* second: behind a colon, 0: none */
} keys[] = {
	{ "rate", offsetof(struct lab_config, rate_mbit), 0 },
	{ "delay", offsetof(struct lab_config, delay_ms), 0 },
	{ "loss", offsetof(struct lab_config, loss_pct), 0 },
	{ "burst", offsetof(struct lab_config, burst_in_pct),
	  offsetof(struct lab_config, burst_out_pct) },
	{ "reorder", offsetof(struct lab_config, reorder_pct),
	  offsetof(struct lab_config, reorder_ms) },
	{ "queue", offsetof(struct lab_config, queue_bytes), 0 },
	{ "duplicate", offsetof(struct lab_config, duplicate_pct), 0 },
	{ "corrupt", offsetof(struct lab_config, corrupt_pct), 0 },
};

static bool
take_number(const char **text, double *out)
{
	char *end;

	*out = strtod(*text, &end);
	if (end == *text || !(*out >= 0 && *out <= 1e9))
		return false;
	*text = end;
	return true;
}

/* One key=figures of text; moves it behind them. */
static bool
take_key(const char **text, struct lab_config *out)
{
	size_t len = strcspn(*text, "=");
	const char *key = *text;
	double *first, *second;

	if (key[len] != '=')
		return false;
	*text += len + 1;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strlen(keys[i].key) != len || memcmp(key, keys[i].key, len) != 0)
			continue;
		first = (double *)(void *)((uint8_t *)out + keys[i].first);
		if (!take_number(text, first))
			return false;
		if (keys[i].second == 0)
			return true;
		second = (double *)(void *)((uint8_t *)out + keys[i].second);
		return *(*text)++ == ':' && take_number(text, second);
	}
	return false;
}

bool
lab_config_parse(const char *text, struct lab_config *out)
{
	struct lab_config c = *out;

	while (*text) {
		if (!take_key(&text, &c))
			return false;
		if (*text == ',')
			text++;
		else if (*text)
			return false;
	}
	*out = c;
	return true;
}

/* --- chance --- */

enum chance {
	CHANCE_LOSS,
	CHANCE_BURST,
	CHANCE_REORDER,
	CHANCE_DOUBLE,
	CHANCE_CORRUPT,
	CHANCE_BIT
};

/* splitmix64's finish */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static uint64_t
draw(const struct lab_path *p, enum chance what)
{
	return mix(p->seed ^ mix(p->index * 8 + what));
}

static bool
happens(const struct lab_path *p, enum chance what, double pct)
{
	return (double)(draw(p, what) >> 11) < pct / 100 * (double)(1ull << 53);
}

/* Gilbert-Elliott: the state moves before each frame. */
static bool
in_burst(struct lab_path *p)
{
	double pct = p->is_bad ? p->cfg.burst_out_pct : p->cfg.burst_in_pct;

	if (happens(p, CHANCE_BURST, pct))
		p->is_bad = !p->is_bad;
	return p->is_bad;
}

/* --- the link --- */

void
lab_path_init(struct lab_path *p, const struct lab_config *cfg, uint64_t seed, unsigned dir)
{
	*p = (struct lab_path){ .cfg = *cfg, .seed = mix(seed * 2 + dir) };
}

static uint64_t
link_ns(const struct lab_path *p, uint64_t bytes)
{
	return p->cfg.rate_mbit > 0 ? (uint64_t)((double)bytes * 8000 / p->cfg.rate_mbit) : 0;
}

static uint64_t
queued_bytes(const struct lab_path *p, uint64_t now_ns)
{
	if (p->link_free_ns <= now_ns || !(p->cfg.rate_mbit > 0))
		return 0;
	return (uint64_t)((double)(p->link_free_ns - now_ns) * p->cfg.rate_mbit / 8000);
}

uint64_t
lab_path_pass(struct lab_path *p, uint32_t bytes, uint64_t now_ns)
{
	p->link_free_ns = MAX(p->link_free_ns, now_ns) + link_ns(p, bytes);
	return p->link_free_ns + (uint64_t)(p->cfg.delay_ms * 1e6);
}

struct lab_verdict
lab_path_take(struct lab_path *p, uint32_t bytes, uint64_t now_ns)
{
	const struct lab_config *c = &p->cfg;
	struct lab_verdict v = { .fate = LAB_PASSES };
	uint64_t waiting = queued_bytes(p, now_ns);

	if (in_burst(p))
		v.fate = LAB_LOST_BURST;
	else if (happens(p, CHANCE_LOSS, c->loss_pct))
		v.fate = LAB_LOST;
	v.is_late = happens(p, CHANCE_REORDER, c->reorder_pct);
	v.is_double = happens(p, CHANCE_DOUBLE, c->duplicate_pct);
	if (happens(p, CHANCE_CORRUPT, c->corrupt_pct))
		v.corrupt_bit =
		        HEAD_BITS + 1 + (uint32_t)(draw(p, CHANCE_BIT) % (bytes * 8 - HEAD_BITS));
	p->index++;
	if (c->queue_bytes > 0 && (double)(waiting + bytes) > c->queue_bytes) {
		v.fate = LAB_LOST_QUEUE;
		return v;
	}
	p->queue_max_bytes = MAX(p->queue_max_bytes, waiting + bytes);
	v.due_ns = lab_path_pass(p, bytes, now_ns);
	if (v.is_late)
		v.due_ns += (uint64_t)(c->reorder_ms * 1e6);
	return v;
}
