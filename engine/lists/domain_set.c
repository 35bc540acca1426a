/* SPDX-License-Identifier: BSD-3-Clause
 * domain_set.c - walks over suffixes and prefixes: all of them are one batch, so that their misses overlap
 */
#include "engine/lists/domain_set.h"

#define SENDER_DOMAIN_MAX 255
static_assert(DOMAIN_LABELS_MAX + 1 <= KEY_SET_BATCH, "sender_set_find() is one batch");

/* Where to begin so that at most DOMAIN_LABELS_MAX suffixes are left. */
static size_t
first_suffix(struct span host)
{
	size_t labels = 1;

	for (size_t i = host.len; i > 0; i--)
		if (host.p[i - 1] == '.' && ++labels > DOMAIN_LABELS_MAX)
			return i;
	return 0;
}

/* Keys of several items on their way to the set, each item's longest first: the first that is there decides. */
struct walk {
	const struct key_set *s;
	size_t cnt;
	struct span key[KEY_SET_BATCH];
	uint8_t item[KEY_SET_BATCH];
	uint32_t whole; /* bit i: key i is all of its item */
	uint32_t decided, hits;
	uint32_t *values;
};

static void
walk_init(struct walk *w, const struct key_set *s, uint32_t *values)
{
	w->s = s;
	w->values = values;
	w->cnt = 0;
	w->whole = w->decided = w->hits = 0;
}

static void
walk_flush(struct walk *w)
{
	uint32_t v[KEY_SET_BATCH];
	uint32_t found = key_set_find_batch(w->s, w->key, w->cnt, v);

	for (; found; found &= found - 1) {
		unsigned i = (unsigned)__builtin_ctz(found);
		uint32_t bit = 1u << w->item[i];

		if (w->decided & bit || v[i] & (w->whole >> i & 1 ? LIST_BELOW : LIST_ALONE))
			continue;
		w->decided |= bit;
		if (v[i] & LIST_EXCEPT)
			continue;
		w->hits |= bit;
		w->values[w->item[i]] = v[i] & LIST_LINE;
	}
	w->cnt = 0;
	w->whole = 0;
}

static void
walk_add(struct walk *w, size_t item, struct span key, bool is_whole)
{
	w->whole |= (uint32_t)is_whole << w->cnt;
	w->key[w->cnt] = key;
	w->item[w->cnt++] = (uint8_t)item;
	if (w->cnt == KEY_SET_BATCH)
		walk_flush(w);
}

uint32_t
domain_set_find_batch(const struct key_set *s, const struct span *hosts, size_t cnt,
                      uint32_t *values)
{
	struct walk w;

	BUG_ON(cnt > KEY_SET_BATCH);
	if (key_set_cnt(s) == 0)
		return 0;
	walk_init(&w, s, values);
	for (size_t i = 0; i < cnt; i++) {
		size_t at = first_suffix(hosts[i]);

		if (at > 0)
			walk_add(&w, i, hosts[i], true);
		while (at < hosts[i].len) {
			const char *dot = memchr(hosts[i].p + at, '.', hosts[i].len - at);

			walk_add(&w, i, span_skip(hosts[i], at), at == 0);
			at = dot ? (size_t)(dot - hosts[i].p) + 1 : hosts[i].len;
		}
	}
	walk_flush(&w);
	return w.hits;
}

bool
domain_set_find(const struct key_set *s, struct span host, uint32_t *value)
{
	return domain_set_find_batch(s, &host, 1, value);
}

/* Where the prefixes of rest end, the shortest first; returns how many. */
static size_t
prefix_ends(struct span rest, size_t end[URL_PREFIXES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < rest.len && n < URL_PREFIXES_MAX; i++)
		if (rest.p[i] == '/' || rest.p[i] == '?' || rest.p[i] == '&')
			end[n++] = i;
	return n;
}

uint32_t
url_prefix_find_batch(const struct key_set *s, const struct span *rests, size_t cnt,
                      uint32_t *values)
{
	struct walk w;

	BUG_ON(cnt > KEY_SET_BATCH);
	if (key_set_cnt(s) == 0)
		return 0;
	walk_init(&w, s, values);
	for (size_t i = 0; i < cnt; i++) {
		size_t end[URL_PREFIXES_MAX], n = prefix_ends(rests[i], end);

		if (rests[i].len <= KEY_SET_KEY_MAX)
			walk_add(&w, i, rests[i], true);
		while (n > 0)
			walk_add(&w, i, span(rests[i].p, end[--n]), false);
	}
	walk_flush(&w);
	return w.hits;
}

bool
url_prefix_find(const struct key_set *s, struct span rest, uint32_t *value)
{
	return url_prefix_find_batch(s, &rest, 1, value);
}

bool
sender_set_find(const struct key_set *s, struct span address, uint32_t *value)
{
	const char *at = address.len ? memrchr(address.p, '@', address.len) : NULL;
	char key[DOMAIN_LABELS_MAX][1 + SENDER_DOMAIN_MAX];
	struct walk w = { .s = s, .values = value };
	struct span domain;
	size_t n = 0;

	if (key_set_cnt(s) == 0 || !at)
		return false;
	walk_init(&w, s, value);
	walk_add(&w, 0, address, true);
	domain = span_skip(address, (size_t)(at - address.p) + 1);
	for (size_t i = first_suffix(domain); domain.len <= SENDER_DOMAIN_MAX; n++) {
		const char *dot = memchr(domain.p + i, '.', domain.len - i);

		key[n][0] = '@';
		memcpy(key[n] + 1, domain.p + i, domain.len - i);
		walk_add(&w, 0, span(key[n], 1 + domain.len - i), false);
		if (!dot)
			break;
		i = (size_t)(dot - domain.p) + 1;
	}
	walk_flush(&w);
	return w.hits;
}
