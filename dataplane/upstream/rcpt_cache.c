/* SPDX-License-Identifier: BSD-3-Clause
 * rcpt_cache.c - what is kept, for how long (decisions 3)
 */
#include "dataplane/upstream/rcpt_cache.h"

#define KEPT_TEXT 150

struct refusal {
	uint16_t code;
	uint8_t enhanced_len, text_len;
	char enhanced[11];
	char text[KEPT_TEXT];
};

int
rcpt_cache_init(struct rcpt_cache *c, uint32_t entries, bool enabled, const struct siphash_key *key)
{
	memset(c, 0, sizeof(*c));
	c->enabled = enabled;
	c->key = *key;
	if (memo_init(&c->good, entries, 0) == 0 &&
	    memo_init(&c->bad, entries / 4, sizeof(struct refusal)) == 0 &&
	    memo_init(&c->live, entries / 4, 0) == 0)
		return 0;
	rcpt_cache_fini(c);
	return -ENOMEM;
}

void
rcpt_cache_fini(struct rcpt_cache *c)
{
	memo_fini(&c->good);
	memo_fini(&c->bad);
	memo_fini(&c->live);
}

static uint64_t
key_of(const struct rcpt_cache *c, uint64_t route, struct span rcpt)
{
	return memo_key(&c->key, route, &rcpt, 1);
}

bool
rcpt_cache_names_mailbox(const struct upstream_reply *r)
{
	static const char *const kept[] = { "5.1.0", "5.1.1", "5.1.2", "5.1.3",
		                            "5.1.6", "5.2.1", "5.1.10" };

	if (r->code < 550 || r->code > 556)
		return false;
	if (r->enhanced_len == 0)
		return r->code == 550 || r->code == 551 || r->code == 553;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (span_is(upstream_reply_enhanced(r), kept[i]))
			return true;
	return false;
}

enum rcpt_known
rcpt_cache_get(struct rcpt_cache *c, uint64_t route, struct span rcpt, uint64_t now_us,
               struct upstream_reply *out)
{
	uint64_t key = key_of(c, route, rcpt);
	const struct refusal *bad;

	if (!c->enabled)
		return RCPT_NOT_KNOWN;
	bad = memo_find(&c->bad, key, now_us);
	if (bad) {
		out->code = bad->code;
		out->enhanced_len = bad->enhanced_len;
		out->text_len = bad->text_len;
		memcpy(out->enhanced, bad->enhanced, bad->enhanced_len);
		memcpy(out->text, bad->text, bad->text_len);
		return RCPT_BAD;
	}
	return memo_find(&c->good, key, now_us) ? RCPT_GOOD : RCPT_NOT_KNOWN;
}

void
rcpt_cache_put(struct rcpt_cache *c, uint64_t route, struct span rcpt,
               const struct upstream_reply *r, uint64_t now_us)
{
	uint64_t key = key_of(c, route, rcpt);
	struct refusal *bad;

	if (!c->enabled)
		return;
	if (r->code >= 200 && r->code < 300) {
		memo_drop(&c->bad, key);
		memo_put(&c->good, key, now_us + RCPT_CACHE_GOOD_US, now_us);
		return;
	}
	if (r->code >= 500)
		memo_drop(&c->good, key);
	if (!rcpt_cache_names_mailbox(r))
		return;
	bad = memo_put(&c->bad, key, now_us + RCPT_CACHE_BAD_US, now_us);
	if (!bad)
		return;
	bad->code = r->code;
	bad->enhanced_len = r->enhanced_len;
	bad->text_len = (uint8_t)MIN(r->text_len, KEPT_TEXT);
	memcpy(bad->enhanced, r->enhanced, r->enhanced_len);
	memcpy(bad->text, r->text, bad->text_len);
}

bool
rcpt_cache_forget(struct rcpt_cache *c, uint64_t route, struct span rcpt)
{
	uint64_t key = key_of(c, route, rcpt);
	bool good = memo_drop(&c->good, key), bad = memo_drop(&c->bad, key);

	return good || bad;
}

size_t
rcpt_cache_clear(struct rcpt_cache *c)
{
	return memo_clear(&c->good) + memo_clear(&c->bad);
}

static uint64_t
live_key(const struct rcpt_cache *c, uint64_t route, struct span sender, struct span rcpt)
{
	const struct span parts[] = { sender, rcpt };

	return memo_key(&c->key, route, parts, 2);
}

void
rcpt_cache_ask_live(struct rcpt_cache *c, uint64_t route, struct span sender, struct span rcpt,
                    uint64_t now_us)
{
	memo_put(&c->live, live_key(c, route, sender, rcpt), now_us + RCPT_CACHE_LIVE_US, now_us);
}

bool
rcpt_cache_is_live(struct rcpt_cache *c, uint64_t route, struct span sender, struct span rcpt,
                   uint64_t now_us)
{
	return memo_find(&c->live, live_key(c, route, sender, rcpt), now_us) != NULL;
}
