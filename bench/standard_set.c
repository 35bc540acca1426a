/* SPDX-License-Identifier: BSD-3-Clause
 * standard_set.c - made-up lists from a seed
 */
#include "bench/standard_set.h"
#include "base/rng.h"

#define ENTRY_ROOM 112

static const char *const common[] = {
	"account",  "address", "after",       "again",    "all",      "any",    "bank",
	"because",  "before",  "below",       "best",     "business", "buy",    "call",
	"card",     "change",  "check",       "click",    "contact",  "could",  "date",
	"day",      "email",   "file",        "find",     "first",    "for",    "free",
	"from",     "get",     "good",        "great",    "have",     "help",   "here",
	"home",     "if",      "information", "internet", "just",     "know",   "last",
	"like",     "link",    "list",        "login",    "look",     "mail",   "make",
	"message",  "million", "money",       "more",     "name",     "need",   "new",
	"now",      "number",  "offer",       "only",     "order",    "other",  "page",
	"password", "pay",     "payment",     "people",   "please",   "price",  "problem",
	"receive",  "reply",   "security",    "see",      "send",     "server", "service",
	"should",   "site",    "some",        "system",   "thank",    "that",   "the",
	"there",    "this",    "time",        "today",    "update",   "use",    "user",
	"verify",   "want",    "web",         "what",     "when",     "will",   "with",
	"work",     "would",   "year",        "you",      "your",     "yours",
};

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

static char *
put(char *at, const char *z)
{
	size_t n = strlen(z);

	memcpy(at, z, n);
	return at + n;
}

static char *
put_letters(struct rng *r, char *at, size_t min, size_t max, const char *from, size_t from_cnt)
{
	size_t n = min + rng_below(r, max - min + 1);

	for (size_t i = 0; i < n; i++)
		*at++ = from[rng_below(r, from_cnt)];
	return at;
}

static char *
put_common(struct rng *r, char *at)
{
	return put(at, common[rng_below(r, ARRAY_LEN(common))]);
}

static char *
make_phrase(struct rng *r, char *at, unsigned i)
{
	unsigned words = i % 20 == 0 ? 2 : 3 + (unsigned)rng_below(r, 4);
	char *begin = at;

	for (unsigned k = 0; k < words; k++) {
		if (k > 0)
			*at++ = ' ';
		at = words > 2 && rng_odds(r, 1, 3) ? put_letters(r, at, 5, 11, letters, 26)
		                                    : put_common(r, at);
	}
	while (at - begin < 8) /* the least that the language takes */
		at = put_common(r, put(at, " "));
	return at;
}

static char *
make_domain(struct rng *r, char *at, unsigned i)
{
	static const char *const tlds[] = { ".com", ".net", ".top", ".xyz", ".online", ".co.uk" };

	(void)i;
	at = put_letters(r, at, 1, 1, letters, 26);
	return put(put_letters(r, at, 6, 14, letters, 36), tlds[rng_below(r, ARRAY_LEN(tlds))]);
}

static char *
make_url(struct rng *r, char *at, unsigned i)
{
	return put_letters(r, put(make_domain(r, at, i), "/"), 3, 12, letters, 36);
}

static char *
make_sender(struct rng *r, char *at, unsigned i)
{
	return make_domain(r, put(put_letters(r, at, 4, 12, letters, 26), "@"), i);
}

static char *
make_phone(struct rng *r, char *at, unsigned i)
{
	(void)i;
	return put_letters(r, put(at, "1"), 10, 10, letters + 26, 10);
}

static char *
make_sha256(struct rng *r, char *at, unsigned i)
{
	(void)i;
	return put_letters(r, at, 64, 64, "0123456789abcdef", 16);
}

static char *
make_prefix(struct rng *r, char *at, unsigned i)
{
	(void)r;
	return at + sprintf(at, "%u.%u.%u.0/24", 1 + i % 126, i / 126 % 256, i / 32256 % 256);
}

static const struct {
	const char *name;
	enum snapshot_list_kind kind;
	char *(*make)(struct rng *r, char *at, unsigned i);
} rows[STANDARD_LISTS_MAX] = {
	{ "STD_PHRASES", SNAPSHOT_LIST_PHRASE, make_phrase },
	{ "STD_DOMAINS", SNAPSHOT_LIST_DOMAIN, make_domain },
	{ "STD_URLS", SNAPSHOT_LIST_URL, make_url },
	{ "STD_SENDERS", SNAPSHOT_LIST_SENDER, make_sender },
	{ "STD_PHONES", SNAPSHOT_LIST_PHONE, make_phone },
	{ "STD_SHA256", SNAPSHOT_LIST_SHA256, make_sha256 },
	{ "STD_IPS", SNAPSHOT_LIST_IP, make_prefix },
};

static struct span
make_text(size_t row, unsigned cnt)
{
	char *text = malloc((size_t)cnt * ENTRY_ROOM + 1), *at = text;
	struct rng r;

	BUG_ON(!text);
	rng_seed(&r, 1000 + row);
	for (unsigned i = 0; i < cnt; i++) {
		at = rows[row].make(&r, at, i);
		*at++ = '\n';
	}
	return span(text, (size_t)(at - text));
}

size_t
standard_set_lists(unsigned phrase_cnt, unsigned entry_cnt, struct snapshot_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned cnt = rows[i].kind == SNAPSHOT_LIST_PHRASE ? phrase_cnt : entry_cnt;

		if (cnt == 0)
			continue;
		list[n++] = (struct snapshot_list){ .name = span_z(rows[i].name),
			                            .kind = rows[i].kind,
			                            .is_feed = true, /* phrases may come twice */
			                            .score_milli = 10,
			                            .text = make_text(i, cnt),
			                            .text_where = rows[i].name };
	}
	return n;
}
