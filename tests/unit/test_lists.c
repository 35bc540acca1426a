/* SPDX-License-Identifier: BSD-3-Clause
 * test_lists.c - sets against naive models: nested prefixes, exceptions, suffixes, countries
 */
#include "base/rng.h"
#include "engine/lists/domain_set.h"
#include "engine/lists/geo.h"
#include "engine/lists/ip_set.h"
#include "engine/lists/print_set.h"
#include "engine/lists/rank_tree.h"
#include "tests/check.h"
#include <unistd.h>

static void
test_key_set(void)
{
	struct key_set_builder b = { 0 };
	struct key_set *s;
	char key[32], big[KEY_SET_KEY_MAX + 1] = { 0 };
	uint32_t v = 7;

	CHECK(!key_set_find(NULL, span_z("x"), &v) && v == 7);
	for (uint32_t i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		CHECK(key_set_add(&b, span_z(key), i));
	}
	CHECK(key_set_add(&b, span_z("k5"), 99)); /* again: the first stays */
	CHECK(key_set_add(&b, span("", 0), 11));
	CHECK(key_set_add(&b, span(big, KEY_SET_KEY_MAX), 12));
	CHECK(!key_set_add(&b, span(big, KEY_SET_KEY_MAX + 1), 13));
	s = key_set_build(&b);
	CHECK(key_set_cnt(s) == 20002);
	for (uint32_t i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		CHECK(key_set_find(s, span_z(key), &v) && v == i, "%u", i);
	}
	CHECK(key_set_find(s, span("", 0), &v) && v == 11);
	CHECK(key_set_find(s, span(big, KEY_SET_KEY_MAX), &v) && v == 12);
	CHECK(!key_set_find(s, span_z("k20000"), &v) && !key_set_find(s, span_z("K5"), &v));
	for (uint32_t i = 0; i < 20000; i += 999) {
		uint32_t values[KEY_SET_BATCH], found;
		char text[KEY_SET_BATCH][32];
		struct span keys[KEY_SET_BATCH];

		for (uint32_t k = 0; k < KEY_SET_BATCH; k++) /* every third one is not there */
			keys[k] = span(text[k], (size_t)snprintf(text[k], 32, "k%u",
			                                         k % 3 ? i + k : 90000 + k));
		found = key_set_find_batch(s, keys, i % KEY_SET_BATCH, values);
		for (uint32_t k = 0; k < KEY_SET_BATCH; k++) {
			bool want = k % 3 && k < i % KEY_SET_BATCH && i + k < 20000;

			CHECK((found >> k & 1) == want && (!want || values[k] == i + k), "%u %u", i,
			      k);
		}
	}
	CHECK(key_set_find_batch(NULL, NULL, 0, NULL) == 0);
	key_set_free(s);
	s = key_set_build(&b); /* empty */
	CHECK(key_set_cnt(s) == 0 && !key_set_find(s, span_z("k1"), &v));
	key_set_free(s);
}

/* Sets that share a siphash key share their keys' hashes. */
static void
test_key_set_hashes(void)
{
	const struct siphash_key key = { 1, 2 };
	struct key_set_builder a = { .key = key }, b = { .key = key };
	struct key_set *s[2];
	struct key_hash h;
	uint32_t v = 7;

	CHECK(key_set_add(&a, span_z("x"), 1) && key_set_add(&a, span_z("y"), 2) &&
	      key_set_add(&b, span_z("x"), 3));
	s[0] = key_set_build(&a);
	s[1] = key_set_build(&b);
	h = key_set_hash(s[0], span_z("x"));
	key_set_fetch(s[1], &h);
	CHECK(key_set_find_hash(s[0], &h, &v) && v == 1 && key_set_find_hash(s[1], &h, &v) &&
	      v == 3);
	h = key_set_hash(s[1], span_z("y"));
	CHECK(!key_set_find_hash(s[1], &h, &v) && v == 3 && key_set_find_hash(s[0], &h, &v) &&
	      v == 2);
	h.high ^= 1; /* all 96 bits count */
	CHECK(!key_set_find_hash(s[0], &h, &v));
	key_set_free(s[0]);
	key_set_free(s[1]);
}

static bool
print_has(const struct print_set *s, uint32_t owner, const char *text)
{
	uint64_t h = print_set_hash(s, span_z(text));

	print_set_fetch(s, owner, h);
	return print_set_has(s, owner, h);
}

static void
test_print_set(void)
{
	struct print_set_builder b = { 0 };
	struct print_set *s;
	char key[32];

	CHECK(print_set_cnt(NULL) == 0);
	for (uint32_t i = 0; i < 30000;
	     i++) { /* 20 owners of the same 1,000 texts, half of them twice */
		snprintf(key, sizeof(key), "k%u", i % 1000);
		print_set_add(&b, i / 1000 % 20, span_z(key));
	}
	print_set_add(&b, 7, span("", 0));
	s = print_set_build(&b);
	CHECK(print_set_cnt(s) == 20001 && print_set_bytes(s) < 30001 * 11);
	for (uint32_t i = 0; i < 22000; i++) {
		snprintf(key, sizeof(key), "k%u", i % 1000);
		CHECK(print_has(s, i / 1000, key) == (i < 20000), "%u", i);
		snprintf(key, sizeof(key), "n%u", i % 1000);
		CHECK(!print_has(s, i / 1000, key), "%u", i);
	}
	CHECK(print_has(s, 7, "") && !print_has(s, 8, "") && !print_has(s, 7, "K1"));
	print_set_free(s);
	s = print_set_build(&b);
	CHECK(!print_has(s, 7, ""));
	print_set_free(s);
}

/* The longest of all prefixes of its family that hold a, by looking at each; the first of equal ones. */
static uint32_t
naive(const struct ip_set_entry *e, size_t n, const struct addr *a)
{
	uint32_t v = IP_SET_NONE;
	int best = -1;

	for (size_t i = 0; i < n; i++)
		if (addr_in_prefix(a, &e[i].prefix) && e[i].prefix.bits > best &&
		    (e[i].prefix.bits >= 96 || !addr_is_v4(a))) {
			best = e[i].prefix.bits;
			v = e[i].value;
		}
	return v;
}

static struct addr
near_addr(struct rng *r, const struct ip_set_entry *e, size_t n)
{
	struct addr a = e[rng_below(r, n)].prefix.addr;

	if (rng_odds(r, 1, 3))
		a.b[15] = (uint8_t)rng_below(r, 256);
	if (rng_odds(r, 1, 3))
		a.b[14] ^= (uint8_t)rng_below(r, 4);
	if (rng_odds(r, 1, 8)) /* one before */
		for (int i = 15; i >= 0 && a.b[i]-- == 0; i--)
			;
	return a;
}

static void
test_ip_random(uint64_t seed, size_t n, bool v6)
{
	struct ip_set_entry *e = calloc(n, sizeof(*e)), *copy = calloc(n, sizeof(*e));
	struct ip_set *s;
	struct rng r;

	rng_seed(&r, seed);
	for (size_t i = 0; i < n; i++) {
		struct addr a = addr_v4((uint32_t)(rng_below(&r, 4) << 24 | rng_below(&r, 65536)));

		if (v6)
			a = (struct addr){ { 0x20, 1, [13] = (uint8_t)rng_below(&r, 4),
				             [15] = (uint8_t)rng_below(&r, 256) } };
		e[i].prefix.bits = (uint8_t)(v6 ? rng_below(&r, 129) : 96 + rng_below(&r, 33));
		e[i].prefix.addr = addr_mask(&a, e[i].prefix.bits);
		e[i].value = (uint32_t)i;
	}
	memcpy(copy, e, n * sizeof(*e));
	s = ip_set_build(e, n);
	for (size_t i = 0; i < 3000; i++) {
		struct addr a = near_addr(&r, copy, n);
		uint32_t v = IP_SET_NONE, want = naive(copy, n, &a);
		bool hit = ip_set_find(s, &a, &v);

		CHECK(hit == (want != IP_SET_NONE) && v == want, "seed %llu got %u want %u",
		      (unsigned long long)seed, v, want);
	}
	for (size_t i = 0; i < 100; i++) {
		uint32_t values[IP_SET_BATCH], v, found;
		size_t cnt = rng_below(&r, IP_SET_BATCH + 1);
		struct addr a[IP_SET_BATCH];

		for (size_t k = 0; k < cnt; k++) /* the other family too */
			a[k] = rng_odds(&r, 1, 4) ? addr_v4((uint32_t)rng_next(&r))
			                          : near_addr(&r, copy, n);
		found = ip_set_find_batch(s, a, cnt, values);
		for (size_t k = 0; k < IP_SET_BATCH; k++) {
			bool want = k < cnt && (v = naive(copy, n, &a[k])) != IP_SET_NONE;

			CHECK((found >> k & 1) == want && (!want || values[k] == v), "seed %llu",
			      (unsigned long long)seed);
		}
	}
	ip_set_free(s);
	free(e);
	free(copy);
}

/* Sizes about whole nodes and levels; equal keys; all ones, which the padding is made of. */
static void
test_rank_tree(void)
{
	static const size_t sizes[] = { 1, 2, 7, 8, 9, 63, 64, 65, 511, 512, 513, 5000 };
	struct rng r;

	rng_seed(&r, 4);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t cnt = sizes[i], want = 0, at[2];
		uint64_t *keys = calloc(cnt, sizeof(*keys)), x[2];
		struct rank_tree t;

		for (size_t k = 1; k < cnt; k++)
			keys[k] = keys[k - 1] + rng_below(&r, 3);
		if (cnt % 2 == 0)
			keys[cnt - 1] = UINT64_MAX;
		rank_tree_build(&t, keys, cnt);
		for (x[0] = 0; x[0] < cnt * 3; x[0]++) {
			while (want + 1 < cnt && keys[want + 1] <= x[0])
				want++;
			x[1] = UINT64_MAX - x[0] % 2;
			rank_tree_find_batch(&t, x, 2, at);
			CHECK(at[0] == want &&
			              rank_tree_in_node(&t, rank_tree_node(&t, x[0]), x[0]) == want,
			      "%zu keys, %llu", cnt, (unsigned long long)x[0]);
			CHECK(at[1] == cnt - 1 - (x[1] != UINT64_MAX && cnt % 2 == 0), "%zu keys",
			      cnt);
		}
		rank_tree_fini(&t);
		free(keys);
	}
}

/* A list of networks that nobody may send from has ::/8, in which the mapped IPv4 addresses lie. */
static void
test_ip_families(void)
{
	struct ip_set_entry e[] = {
		{ { { { 0 } }, 8 }, 1 },
		{ { addr_v4(0x0a000000), 104 }, 2 },
	};
	struct ip_set *s = ip_set_build(e, ARRAY_LEN(e));
	struct addr in = addr_v4(0x0a000001), out = addr_v4(0x0b000001), six = { { [15] = 1 } };
	uint32_t v = 0;

	CHECK(!ip_set_find(s, &out, &v) && ip_set_find(s, &in, &v) && v == 2 &&
	      ip_set_find(s, &six, &v) && v == 1);
	ip_set_free(s);
}

static void
test_ip_edges(void)
{
	struct ip_set_entry e[] = {
		{ { addr_v4(0), 96 }, 1 },
		{ { addr_v4(0xffffffff), 128 }, 2 },
		{ { addr_v4(0xffffff00), 120 }, 3 },
		{ { addr_v4(0), 128 }, 4 },
		{ { addr_v4(0x0a000000), 104 }, 5 },
		{ { addr_v4(0x0a000000), 104 },
		  IP_SET_NONE }, /* an exception wins, wherever it is given */
	};
	struct addr six = { { 0 } }, last;
	struct ip_set *s = ip_set_build(e, ARRAY_LEN(e));
	struct ip_set *none = ip_set_build(NULL, 0);
	struct addr a = addr_v4(0xffffffff), b = addr_v4(0xfffffffe), c = addr_v4(0),
	            d = addr_v4(1);
	uint32_t v;

	memset(&last, 0xff, sizeof(last));
	CHECK(ip_set_find(s, &a, &v) && v == 2);
	CHECK(ip_set_find(s, &b, &v) && v == 3);
	CHECK(ip_set_find(s, &c, &v) && v == 4);
	CHECK(ip_set_find(s, &d, &v) && v == 1);
	struct addr ten = addr_v4(0x0a010203);

	CHECK(!ip_set_find(s, &ten, &v));
	CHECK(!ip_set_find(s, &six, &v) && !ip_set_find(s, &last, &v));
	CHECK(!ip_set_find(none, &a, &v) && !ip_set_find(none, &last, &v) &&
	      !ip_set_find(NULL, &a, &v));
	ip_set_free(s);
	ip_set_free(none);
}

static struct key_set *
set_of(const char *const *keys, size_t n)
{
	struct key_set_builder b = { 0 };

	for (size_t i = 0; i < n; i++) {
		bool except = keys[i][0] == '!';

		key_set_add(&b, span_z(keys[i] + except), (uint32_t)i | (except ? LIST_EXCEPT : 0));
	}
	return key_set_build(&b);
}

static void
test_domains(void)
{
	static const char *const keys[] = { "evil.example", "!good.evil.example",
		                            "bad.good.evil.example", "co.uk" };
	/* clang-format off */
	static const struct { const char *host; int want; } cases[] = {
		{ "evil.example", 0 }, { "a.evil.example", 0 }, { "a.b.evil.example", 0 },
		{ "good.evil.example", -1 }, { "x.good.evil.example", -1 },
		{ "bad.good.evil.example", 2 }, { "x.bad.good.evil.example", 2 },
		{ "notevil.example", -1 }, { "example", -1 }, { "", -1 }, { ".", -1 }, { "evil.example.", -1 },
		{ "a.co.uk", 3 }, { ".evil.example", 0 },
		{ "1.2.3.4.5.6.7.8.9.evil.example", 0 }, { "1.2.3.4.5.6.7.8.9.10.11.evil.example", 0 },
	};
	/* clang-format on */
	struct key_set *s = set_of(keys, ARRAY_LEN(keys));

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t v = 0;
		bool hit = domain_set_find(s, span_z(cases[i].host), &v);

		CHECK(hit == (cases[i].want >= 0) && (!hit || (int)v == cases[i].want), "%s",
		      cases[i].host);
	}
	/* All in one batch say the same; 16 hosts of up to 11 suffixes are several batches of keys. */
	struct span hosts[ARRAY_LEN(cases)];
	uint32_t values[ARRAY_LEN(cases)], found;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		hosts[i] = span_z(cases[i].host);
	found = domain_set_find_batch(s, hosts, ARRAY_LEN(cases), values);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool hit = found & 1u << i;

		CHECK(hit == (cases[i].want >= 0) && (!hit || (int)values[i] == cases[i].want),
		      "%s in a batch", cases[i].host);
	}
	key_set_free(s);
}

/* The name alone, or only those below it; what does not apply leaves the decision to a shorter suffix. */
static void
test_domain_halves(void)
{
	/* clang-format off */
	static const struct { const char *key; uint32_t value; } keys[] = {
		{ "alone.test", 1 | LIST_ALONE }, { "below.test", 2 | LIST_BELOW }, { "x.below.test", 3 | LIST_ALONE | LIST_EXCEPT },
		{ "a.test", 4 }, { "b.a.test", 5 | LIST_BELOW | LIST_EXCEPT },
	};
	static const struct { const char *host; uint32_t want; } cases[] = {
		{ "alone.test", 1 }, { "y.alone.test", 0 }, { "below.test", 0 }, { "y.below.test", 2 }, { "x.below.test", 0 },
		{ "y.x.below.test", 2 }, { "b.a.test", 4 }, { "c.b.a.test", 0 },
	};
	/* clang-format on */
	struct key_set_builder b = { 0 };
	struct key_set *s;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		key_set_add(&b, span_z(keys[i].key), keys[i].value);
	s = key_set_build(&b);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t v = 0;

		domain_set_find(s, span_z(cases[i].host), &v);
		CHECK(v == cases[i].want, "%s: %u", cases[i].host, v);
	}
	key_set_free(s);
}

static void
test_urls_and_senders(void)
{
	static const char *const urls[] = { "a.example/x", "!a.example/x/good",
		                            "b.example/p?id=1" };
	static const char *const senders[] = { "ann@x.test", "@spam.test", "!bob@spam.test" };
	struct key_set *u = set_of(urls, ARRAY_LEN(urls)), *s = set_of(senders, ARRAY_LEN(senders));
	uint32_t v;

	CHECK(url_prefix_find(u, span_z("a.example/x"), &v) && v == 0);
	CHECK(url_prefix_find(u, span_z("a.example/x/y"), &v) && v == 0);
	CHECK(url_prefix_find(u, span_z("a.example/x?q"), &v) && v == 0);
	CHECK(!url_prefix_find(u, span_z("a.example/xy"), &v));
	CHECK(!url_prefix_find(u, span_z("a.example/x/good/1"), &v));
	CHECK(!url_prefix_find(u, span_z("a.example/"), &v));
	CHECK(url_prefix_find(u, span_z("b.example/p?id=1&u=2"), &v) && v == 2);
	CHECK(!url_prefix_find(u, span_z("b.example/p?id=12"), &v));
	struct span rests[] = { span_z("a.example/x/good/1"), span_z("b.example/p?id=1"),
		                span_z("a.example/x/y") };
	uint32_t values[3];

	CHECK(url_prefix_find_batch(u, rests, 3, values) == 6 && values[1] == 2 && values[2] == 0);
	CHECK(sender_set_find(s, span_z("ann@x.test"), &v) && v == 0);
	CHECK(!sender_set_find(s, span_z("bnn@x.test"), &v) &&
	      !sender_set_find(s, span_z("x.test"), &v));
	CHECK(sender_set_find(s, span_z("any@spam.test"), &v) && v == 1);
	CHECK(sender_set_find(s, span_z("any@a.b.spam.test"), &v) && v == 1);
	CHECK(!sender_set_find(s, span_z("bob@spam.test"), &v));
	CHECK(!sender_set_find(s, span("", 0), &v) && !sender_set_find(s, span_z("x@"), &v));
	key_set_free(u);
	key_set_free(s);
}

#define GEO_DIR "../shared/data/geo/maxmind-test/"

static void
test_geo(void)
{
	struct addr a;
	struct geo *g;
	const char *why = NULL;
	char two[2];

	CHECK(geo_open("/nonexistent", &g, &why) == -ENOENT && why);
	CHECK(geo_open("/proc/self/exe", &g, &why) == -EINVAL && why);
	CHECK(!geo_country(NULL, &(struct addr){ { 0 } }, two));
	if (access(GEO_DIR "test-data/GeoIP2-Country-Test.mmdb", R_OK) != 0) {
		printf("SKIP geo: no test databases\n");
		return;
	}
	CHECK(geo_open(GEO_DIR "test-data/GeoIP2-Country-Test.mmdb", &g, &why) == 0);
	CHECK(addr_parse(span_z("2.125.160.216"), &a) && geo_country(g, &a, two) &&
	      !memcmp(two, "GB", 2));
	CHECK(addr_parse(span_z("2001:218::1"), &a) && geo_country(g, &a, two) &&
	      !memcmp(two, "JP", 2));
	CHECK(addr_parse(span_z("127.0.0.1"), &a) && !geo_country(g, &a, two));
	geo_close(g);
}

int
main(void)
{
	test_key_set();
	test_key_set_hashes();
	test_print_set();
	for (uint64_t seed = 1; seed <= 20; seed++) {
		test_ip_random(seed, 1 + (size_t)seed * 7, seed & 1);
		test_ip_random(seed, 1500, seed & 1);
	}
	test_ip_edges();
	test_ip_families();
	test_rank_tree();
	test_domains();
	test_domain_halves();
	test_urls_and_senders();
	test_geo();
	return check_failed;
}
