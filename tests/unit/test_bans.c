/* SPDX-License-Identifier: BSD-3-Clause
 * test_bans.c - the ban set against a plain search, list, expiry, file
 */
#include "base/clock.h"
#include "base/rng.h"
#include "ctrl/bans.h"
#include "ctrl/ctrl.h"
#include "tests/check.h"
#include <unistd.h>

static struct ban
ban(const char *prefix, uint64_t until_us)
{
	struct ban b = { .until_us = until_us, .why = "test" };

	CHECK(addr_parse_prefix(span_z(prefix), false, &b.prefix), "%s", prefix);
	return b;
}

static bool
has(const struct ban_set *s, const char *text)
{
	struct addr a;

	CHECK(addr_parse(span_z(text), &a));
	return ban_set_has(s, &a);
}

static void
test_edges(void)
{
	static const char *const prefixes[] = { "192.0.2.0/24",    "198.51.100.7",
		                                "10.0.0.0/8",      "10.1.0.0/16",
		                                "2001:db8::/32",   "2001:db9::1",
		                                "255.255.255.255", "ffff:ffff:ffff:ffff::/64" };
	struct ban_list l = { 0 };
	struct ban_set *s;

	CHECK(!ban_set_build(&l) && !has(NULL, "192.0.2.1"));
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		struct ban b = ban(prefixes[i], 0);

		CHECK(ban_list_add(&l, &b) == 0);
	}
	s = ban_set_build(&l);
	CHECK(has(s, "192.0.2.0") && has(s, "192.0.2.255"));
	CHECK(!has(s, "192.0.1.255") && !has(s, "192.0.3.0"));
	CHECK(has(s, "198.51.100.7") && !has(s, "198.51.100.6") && !has(s, "198.51.100.8"));
	CHECK(has(s, "10.255.255.255") && !has(s, "11.0.0.0") && !has(s, "9.255.255.255"));
	CHECK(has(s, "2001:db8:ffff::1") && !has(s, "2001:db7:ffff::1"));
	CHECK(has(s, "255.255.255.255") && !has(s, "255.255.255.254")); /* the last of all */
	CHECK(has(s, "ffff:ffff:ffff:ffff::1") && !has(s, "ffff:ffff:ffff:fffe::1"));
	CHECK(has(s, "2001:db9::1") && !has(s, "2001:db9::2") && !has(s, "::1"));
	ban_set_free(s);
	ban_list_fini(&l);
}

static void
test_bounds(void)
{
	static const struct {
		const char *prefix;
		int ret;
	} rows[] = { { "0.0.0.0/0", -EINVAL }, { "128.0.0.0/7", -EINVAL }, { "10.0.0.0/8", 0 },
		     { "::/0", -EINVAL },      { "2000::/15", -EINVAL },   { "2001::/16", 0 } };
	struct ban_list l = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ban b = ban(rows[i].prefix, 0);

		CHECK(ban_list_add(&l, &b) == rows[i].ret, "%s", rows[i].prefix);
	}
	l.cnt = BANS_MAX; /* as if */
	l.item = realloc(l.item, BANS_MAX * sizeof(*l.item));
	memset(l.item, 0, BANS_MAX * sizeof(*l.item));
	{
		struct ban b = ban("192.0.2.0/24", 0);

		CHECK(ban_list_add(&l, &b) == -E2BIG);
		l.cnt--;
		CHECK(ban_list_add(&l, &b) == 0 && l.cnt == BANS_MAX);
		CHECK(ban_list_add(&l, &b) == 0, "again is a new end, not a new entry");
	}
	ban_list_fini(&l);
}

static void
test_random(void)
{
	struct ban_list l = { 0 };
	struct ban_set *s;
	struct rng r;
	size_t hits = 0;

	rng_seed(&r, 7);
	for (int i = 0; i < 3000; i++) {
		struct ban b = { 0 };
		unsigned bits = i % 3 ? 104 + (unsigned)rng_below(&r, 25)
		                      : 16 + (unsigned)rng_below(&r, 113);
		struct addr a;

		for (int k = 0; k < 16; k++)
			a.b[k] = (uint8_t)rng_below(&r, 4);
		if (i % 3)
			a = addr_v4((uint32_t)rng_below(&r, 1u << 30));
		b.prefix = (struct addr_prefix){ addr_mask(&a, bits), (uint8_t)bits };
		ban_list_add(&l, &b);
	}
	s = ban_set_build(&l);
	for (int i = 0; i < 20000; i++) {
		struct addr a = l.item[rng_below(&r, l.cnt)].prefix.addr;
		bool want = false;

		a.b[rng_below(&r, 16)] ^= (uint8_t)(1u << rng_below(&r, 8));
		for (size_t k = 0; k < l.cnt && !want; k++)
			want = addr_in_prefix(&a, &l.item[k].prefix) &&
			       addr_is_v4(&a) == addr_is_v4(&l.item[k].prefix.addr);
		hits += want;
		CHECK(ban_set_has(s, &a) == want);
	}
	CHECK(hits > 1000 && hits < 19000, "%zu", hits);
	ban_set_free(s);
	ban_list_fini(&l);
}

static void
test_file(void)
{
	char path[] = "/tmp/weir-test-bans-XXXXXX", err[200] = "", text[ADDR_TEXT_MAX + 4];
	struct ban_list l = { 0 }, m = { 0 };
	struct ban a = ban("192.0.2.0/24", 5000000), b = ban("2001:db8::/32", 0);
	FILE *f;

	close(mkstemp(path));
	CHECK(ban_list_add(&l, &a) == 0 && ban_list_add(&l, &b) == 0);
	CHECK(ban_list_save(&l, path) == 0);
	CHECK(ban_list_load(&m, path, err, sizeof(err)) == 0 && m.cnt == 2);
	CHECK(m.item[0].until_us == 5000000 && !strcmp(m.item[0].why, "test"));
	ban_format(&m.item[0].prefix, text);
	CHECK(!strcmp(text, "192.0.2.0/24"));
	ban_format(&m.item[1].prefix, text);
	CHECK(!strcmp(text, "2001:db8::/32"));
	CHECK(ban_list_expire(&m, 4999999) == 0 && ban_list_expire(&m, 5000000) == 1);
	CHECK(m.cnt == 1 && m.item[0].until_us == 0, "0 has no end");
	CHECK(ban_list_del(&m, &a.prefix) == -ENOENT && ban_list_del(&m, &b.prefix) == 0);
	f = fopen(path, "w");
	fputs("{\"bans\": [", f);
	fclose(f);
	CHECK(ban_list_load(&m, path, err, sizeof(err)) == -EINVAL && strstr(err, path));
	unlink(path);
	CHECK(ban_list_load(&m, path, err, sizeof(err)) == 0 && m.cnt == 0, "no file, no bans");
	ban_list_fini(&l);
	ban_list_fini(&m);
}

static void
test_why(void)
{
	char path[] = "/tmp/weir-test-bans-XXXXXX", err[200] = "", text[300];
	struct ban_list l = { 0 }, m = { 0 };
	struct ban b = ban("192.0.2.0/24", 0);

	memset(text, 'x', sizeof(text));
	memcpy(text + BAN_WHY_MAX - 2, "\xe2\x82\xac and more",
	       12); /* its third byte is one too many */
	text[sizeof(text) - 1] = 0;
	ban_set_why(&b, text);
	CHECK(strlen(b.why) == BAN_WHY_MAX - 2, "%zu", strlen(b.why));
	close(mkstemp(path));
	CHECK(ban_list_add(&l, &b) == 0 && ban_list_save(&l, path) == 0);
	CHECK(ban_list_load(&m, path, err, sizeof(err)) == 0 && m.cnt == 1, "kept: %s", err);
	memset(text, 'x', BAN_WHY_MAX);
	text[BAN_WHY_MAX] = 0;
	ban_set_why(&b, text);
	CHECK(!strcmp(b.why, text), "as long as may be");
	unlink(path);
	ban_list_fini(&l);
	ban_list_fini(&m);
}

static void
time_it(void)
{
	struct ban_list l = { 0 };
	struct ban_set *s;
	uint64_t begun, sum = 0;

	for (uint32_t i = 0; i < 10000; i++) {
		struct addr a = addr_v4(i * 2654435761u);
		unsigned bits = i % 10 == 0 ? 120 : 128;
		struct ban b = { .prefix = { addr_mask(&a, bits), (uint8_t)bits } };

		if (i < 2000)
			ban_list_add(&l, &b);
	}
	s = ban_set_build(&l);
	begun = clock_cycles();
	for (uint32_t i = 0; i < 1000000; i++) {
		struct addr a = addr_v4(i * 40503u + 1);

		sum += ban_set_has(s, &a);
	}
	printf("a look-up among %zu prefixes of two lengths: %llu cycles (%llu hits)\n", l.cnt,
	       (unsigned long long)((clock_cycles() - begun) / 1000000), (unsigned long long)sum);
	ban_set_free(s);
	ban_list_fini(&l);
}

int
main(void)
{
	test_edges();
	test_bounds();
	test_random();
	test_file();
	test_why();
	time_it();
	return check_failed;
}
