/* SPDX-License-Identifier: BSD-3-Clause
 * limits.c - counts per source in windows of a minute
 */
#include "dataplane/limits.h"

struct source {
	uint32_t conn_cnt;
	uint32_t window; /* number of the minute that the counts are of */
	uint32_t cnt[LIMITS_KINDS];
};

int
limits_init(struct limits *l, const struct limits_config *cfg, uint32_t entries,
            const struct siphash_key *key)
{
	l->cfg = *cfg;
	l->key = *key;
	return memo_init(&l->sources, entries, sizeof(struct source));
}

void
limits_fini(struct limits *l)
{
	memo_fini(&l->sources);
}

static uint64_t
key_of(const struct limits *l, const struct addr *a)
{
	struct addr net = addr_is_v4(a) ? *a : addr_mask(a, 64);

	return siphash(&l->key, net.b, sizeof(net.b));
}

static uint32_t
window_of(uint64_t now_us)
{
	return (uint32_t)(now_us / LIMITS_WINDOW_US) + 1;
}

/* With open connections an entry stays; without, for two windows. */
static struct source *
touch(struct limits *l, const struct addr *a, uint64_t now_us)
{
	uint64_t key = key_of(l, a);
	struct source *s = memo_find(&l->sources, key, now_us);

	if (!s)
		s = memo_put(&l->sources, key, now_us + 2 * LIMITS_WINDOW_US, now_us);
	if (!s)
		return NULL;
	if (s->window != window_of(now_us)) {
		s->window = window_of(now_us);
		memset(s->cnt, 0, sizeof(s->cnt));
	}
	memo_expire(&l->sources, s, s->conn_cnt ? MEMO_PINNED : now_us + 2 * LIMITS_WINDOW_US);
	return s;
}

bool
limits_connect(struct limits *l, const struct addr *a, uint64_t now_us)
{
	struct source *s = l->cfg.enabled ? touch(l, a, now_us) : NULL;

	if (!s)
		return true;
	if (l->cfg.connections && s->conn_cnt >= l->cfg.connections)
		return false;
	s->conn_cnt++;
	memo_expire(&l->sources, s, MEMO_PINNED);
	return true;
}

void
limits_disconnect(struct limits *l, const struct addr *a, uint64_t now_us)
{
	struct source *s =
	        memo_find(&l->sources, key_of(l, a), now_us); /* even if switched off since */

	if (!s || s->conn_cnt == 0) /* came while the table was full */
		return;
	if (--s->conn_cnt == 0)
		memo_expire(&l->sources, s, now_us + 2 * LIMITS_WINDOW_US);
}

bool
limits_is_over(struct limits *l, const struct addr *a, enum limits_what what, uint64_t now_us)
{
	struct source *s = l->cfg.enabled ? touch(l, a, now_us) : NULL;

	return s && l->cfg.per_minute[what] && s->cnt[what] >= l->cfg.per_minute[what];
}

bool
limits_count(struct limits *l, const struct addr *a, enum limits_what what, uint64_t now_us)
{
	struct source *s = l->cfg.enabled ? touch(l, a, now_us) : NULL;

	if (!s || l->cfg.per_minute[what] == 0)
		return true;
	if (s->cnt[what] >= l->cfg.per_minute[what])
		return false;
	s->cnt[what]++;
	return true;
}
