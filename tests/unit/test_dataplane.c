/* SPDX-License-Identifier: BSD-3-Clause
 * test_dataplane.c - what session, message and upstream stand on: memo, RCPT cache, health of servers, limits, trace lines
 *
 * Over 500 lines: small parts of one folder, a table each.
 */
#include "base/rng.h"
#include "dataplane/limits.h"
#include "dataplane/session.h"
#include "dataplane/worker.h"
#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/trace.h"
#include "dataplane/upstream/memo.h"
#include "dataplane/upstream/rcpt_cache.h"
#include "dataplane/upstream/upstream_health.h"
#include "dataplane/upstream/upstream_internal.h"
#include "tests/check.h"
#include <pthread.h>
#include <time.h>

#define SEC 1000000ull

static const struct siphash_key key = { 1, 2 };

static void
test_memo(void)
{
	struct memo m;
	uint64_t *v;

	CHECK(memo_init(&m, 8, sizeof(uint64_t)) == 0);
	CHECK(!memo_find(&m, 7, 0));
	v = memo_put(&m, 7, 100, 0);
	CHECK(v && *v == 0);
	*v = 42;
	CHECK(memo_find(&m, 7, 99) == v, "one before its time");
	CHECK(!memo_find(&m, 7, 100), "at its time");
	CHECK(*(uint64_t *)memo_put(&m, 7, 200, 99) == 42, "kept while it lives");
	CHECK(*(uint64_t *)memo_put(&m, 7, 300, 200) == 0, "fresh once it expired");
	CHECK(memo_drop(&m, 7) && !memo_drop(&m, 7));
	/* One set of eight: the ninth takes the place of what expires first. */
	for (uint64_t k = 1; k <= 8; k++)
		memo_put(&m, k << 32, 100 + k, 0);
	memo_put(&m, 9ull << 32, 500, 0);
	CHECK(!memo_find(&m, 1ull << 32, 0) && memo_find(&m, 2ull << 32, 0) &&
	      memo_find(&m, 9ull << 32, 0));
	CHECK(m.evicted_cnt == 1);
	memo_clear(&m);
	for (uint64_t k = 1; k <= 8; k++)
		memo_put(&m, k << 32, MEMO_PINNED, 0);
	CHECK(!memo_put(&m, 9ull << 32, 500, 0) && m.full_cnt == 1, "pinned ones never go");
	memo_expire(&m, memo_find(&m, 3ull << 32, 0), 10);
	CHECK(memo_put(&m, 9ull << 32, 500, 0) && !memo_find(&m, 3ull << 32, 0));
	CHECK(memo_clear(&m) == 8);
	memo_fini(&m);
}

static void
test_memo_key(void)
{
	const struct span a[] = { { "ab", 2 }, { "c", 1 } }, b[] = { { "a", 1 }, { "bc", 2 } };
	char big[2000];
	struct span c = { big, sizeof(big) };

	memset(big, 'x', sizeof(big));
	CHECK(memo_key(&key, 0, a, 2) != memo_key(&key, 0, b, 2), "where one ends matters");
	CHECK(memo_key(&key, 0, a, 2) != memo_key(&key, 1, a, 2), "the salt matters");
	CHECK(memo_key(&key, 0, &c, 1) == memo_key(&key, 0, &c, 1),
	      "too long is cut, not read over");
}

static void
test_cacheable(void)
{
	static const struct {
		unsigned code;
		const char *enhanced;
		bool kept;
	} rows[] = {
		{ 250, "2.1.5", false }, { 450, "4.1.1", false }, { 550, "5.1.0", true },
		{ 550, "5.1.1", true },  { 550, "5.1.2", true },  { 553, "5.1.3", true },
		{ 550, "5.1.4", false }, { 551, "5.1.6", true },  { 556, "5.1.10", true },
		{ 550, "5.2.1", true },  { 550, "5.2.2", false }, { 550, "5.7.1", false },
		{ 550, "", true },       { 551, "", true },       { 553, "", true },
		{ 552, "", false },      { 554, "", false },      { 549, "5.1.1", false },
		{ 557, "5.1.1", false }, { 500, "", false },      { 550, "5.1.11", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct upstream_reply r;

		upstream_reply_set(&r, rows[i].code, rows[i].enhanced, "text");
		CHECK(rcpt_cache_names_mailbox(&r) == rows[i].kept, "%u %s", rows[i].code,
		      rows[i].enhanced);
	}
}

static void
test_rcpt_cache(void)
{
	struct span bob = span_z("bob@x.test"), amy = span_z("amy@x.test"),
	            from = span_z("a@b.test");
	struct upstream_reply good, bad, soft, policy, out;
	struct rcpt_cache c;

	upstream_reply_set(&good, 250, "2.1.5", "ok");
	upstream_reply_set(&bad, 550, "5.1.1", "no such user");
	upstream_reply_set(&soft, 450, "4.2.0", "later");
	upstream_reply_set(&policy, 550, "5.7.1", "not you");
	CHECK(rcpt_cache_init(&c, 64, true, &key) == 0);
	CHECK(rcpt_cache_get(&c, 1, bob, 0, &out) == RCPT_NOT_KNOWN);
	rcpt_cache_put(&c, 1, bob, &good, 1);
	CHECK(rcpt_cache_get(&c, 1, bob, RCPT_CACHE_GOOD_US, &out) == RCPT_GOOD);
	CHECK(rcpt_cache_get(&c, 1, bob, RCPT_CACHE_GOOD_US + 1, &out) == RCPT_NOT_KNOWN);
	CHECK(rcpt_cache_get(&c, 2, bob, 1, &out) == RCPT_NOT_KNOWN, "another route");
	rcpt_cache_put(&c, 1, amy, &bad, 1);
	CHECK(rcpt_cache_get(&c, 1, amy, RCPT_CACHE_BAD_US, &out) == RCPT_BAD && out.code == 550);
	CHECK(span_is(upstream_reply_text(&out), "no such user"));
	CHECK(span_is(upstream_reply_enhanced(&out), "5.1.1"));
	CHECK(rcpt_cache_get(&c, 1, amy, RCPT_CACHE_BAD_US + 1, &out) == RCPT_NOT_KNOWN);
	rcpt_cache_put(&c, 1, amy, &good, 2);
	CHECK(rcpt_cache_get(&c, 1, amy, 3, &out) == RCPT_GOOD, "the newer answer holds");
	rcpt_cache_put(&c, 1, bob, &good, 1);
	rcpt_cache_put(&c, 1, bob, &soft, 2);
	CHECK(rcpt_cache_get(&c, 1, bob, 3, &out) == RCPT_GOOD, "4xx changes nothing");
	rcpt_cache_put(&c, 1, bob, &policy, 2);
	CHECK(rcpt_cache_get(&c, 1, bob, 3, &out) == RCPT_NOT_KNOWN,
	      "5.7.1 is not kept, and 250 is not true any more");
	rcpt_cache_put(&c, 1, bob, &good, 1);
	CHECK(rcpt_cache_forget(&c, 1, bob) && !rcpt_cache_forget(&c, 1, bob));
	rcpt_cache_ask_live(&c, 1, from, bob, 0);
	CHECK(rcpt_cache_is_live(&c, 1, from, bob, RCPT_CACHE_LIVE_US - 1));
	CHECK(!rcpt_cache_is_live(&c, 1, from, bob, RCPT_CACHE_LIVE_US));
	CHECK(!rcpt_cache_is_live(&c, 1, from, amy, 1) && !rcpt_cache_is_live(&c, 1, bob, bob, 1));
	c.enabled = false;
	rcpt_cache_put(&c, 1, bob, &good, 1);
	CHECK(rcpt_cache_get(&c, 1, bob, 2, &out) == RCPT_NOT_KNOWN);
	CHECK(rcpt_cache_is_live(&c, 1, from, bob, 1), "live asks work without the cache");
	rcpt_cache_fini(&c);
}

static void
test_health(void)
{
	struct upstream_health_table *t = upstream_health_new();
	struct addr a = addr_v4(0x0a4d0001), b = addr_v4(0x0a4d0002);
	struct upstream_health *h = upstream_health_get(t, &a, 25);
	uint64_t wait;

	CHECK(upstream_health_get(t, &a, 25) == h && upstream_health_get(t, &a, 26) != h);
	CHECK(upstream_health_get(t, &b, 25) != h && h->refs == 2);
	CHECK(upstream_health_may_try(h, 5) && upstream_health_is_up(h));
	upstream_health_bad(h, true, SEC, 60 * SEC, 0, 1000);
	wait = upstream_health_wait_us(h, 1000);
	CHECK(wait == 100000 && !upstream_health_may_try(h, 1000 + wait - 1));
	CHECK(upstream_health_may_try(h, 1000 + wait) && !upstream_health_may_try(h, 1000 + wait),
	      "one probes, the others wait");
	for (unsigned i = 0; i < 20; i++)
		upstream_health_bad(h, true, SEC, 60 * SEC, 0, 0);
	CHECK(upstream_health_wait_us(h, 0) == 800000,
	      "a host that says no is asked within a second");
	upstream_health_good(h);
	CHECK(upstream_health_is_up(h));
	for (unsigned i = 0; i < 20; i++)
		upstream_health_bad(h, false, SEC, 60 * SEC, 0, 0);
	CHECK(upstream_health_wait_us(h, 0) == 60 * SEC, "silence: up to retry_max");
	upstream_health_bad(h, false, SEC, 60 * SEC, 0xffff, 0);
	CHECK(upstream_health_wait_us(h, 0) >= 45 * SEC, "jitter takes a quarter at most");
	upstream_health_good(h);
	upstream_health_bad(h, false, 7 * SEC, 60 * SEC, 0, 0);
	CHECK(upstream_health_wait_us(h, 0) == 7 * SEC, "from retry_min");
	upstream_health_bad(h, false, 7 * SEC, 60 * SEC, 0, 0);
	CHECK(upstream_health_wait_us(h, 0) == 14 * SEC, "doubling");
	upstream_health_bad(&t->overflow, false, SEC, 60 * SEC, 0, 0);
	CHECK(upstream_health_is_up(&t->overflow), "it stands for many");
	upstream_health_free(t);
}

#define TRIES 200000

static struct upstream_health *crowded;
static bool above;

static void *
take_and_give(void *unused)
{
	for (unsigned i = 0; i < TRIES; i++)
		if (upstream_health_try_conn(crowded, 1)) {
			static uint32_t inside;

			if (__atomic_fetch_add(&inside, 1, __ATOMIC_RELAXED) > 0)
				above = true;
			__atomic_fetch_sub(&inside, 1, __ATOMIC_RELAXED);
			upstream_health_conn_add(crowded, -1);
		}
	return unused;
}

/* A route's limit is the node's and exact, and a wish is seen once by each who looks. */
static void
test_shared_limit(void)
{
	struct upstream_health_table *t = upstream_health_new();
	struct addr a = addr_v4(0x0a4d0001);
	uint32_t seen = 0, conn_cnt = 0;
	uint64_t route = 0;
	pthread_t threads[2];

	crowded = upstream_health_get(t, &a, 0);
	CHECK(upstream_health_try_conn(crowded, 2) && upstream_health_try_conn(crowded, 2));
	CHECK(!upstream_health_try_conn(crowded, 2) && upstream_health_conns(crowded) == 2);
	CHECK(upstream_health_try_conn(crowded, 3), "a refused try counts nothing");
	upstream_health_conn_add(crowded, -3);
	for (unsigned i = 0; i < 2; i++)
		BUG_ON(pthread_create(&threads[i], NULL, take_and_give, NULL));
	for (unsigned i = 0; i < 2; i++)
		BUG_ON(pthread_join(threads[i], NULL));
	CHECK(!above && upstream_health_conns(crowded) == 0);
	CHECK(upstream_health_try_conn(&t->overflow, 0), "it stands for many: no limit");
	CHECK(!upstream_health_is_wanted(t, &seen, &route, &conn_cnt));
	upstream_health_want(t, 77, 3);
	CHECK(upstream_health_is_wanted(t, &seen, &route, &conn_cnt) && route == 77 &&
	      conn_cnt == 3);
	CHECK(!upstream_health_is_wanted(t, &seen, &route, &conn_cnt));
	upstream_health_free(t);
}

/* Ten picks of each weight's share, never one server twice in a row while another is behind (smooth round robin). */
static void
test_weights(void)
{
	static const uint16_t weights[] = { 5, 3, 2 };
	struct upstream_health_table *t = upstream_health_new();
	struct upstream_route r = { .cfg = { .server_cnt = ARRAY_LEN(weights) } };
	unsigned picked[ARRAY_LEN(weights)] = { 0 }, in_a_row = 0, last = 99;
	uint64_t wait_us;

	for (unsigned i = 0; i < ARRAY_LEN(weights); i++) {
		r.cfg.servers[i].addr = addr_v4(0x0a000001 + i);
		r.cfg.servers[i].port = 25;
		r.cfg.servers[i].weight = weights[i];
		r.cfg.servers[i].priority = 10;
		r.health[i] = upstream_health_get(t, &r.cfg.servers[i].addr, 25);
	}
	for (unsigned i = 0; i < 100;
	     i++) { /* a question before each mail has no part in the mails' shares */
		int asked = route_pick_server(&r, true, 0, &wait_us, SEC);
		int server = route_pick_server(&r, false, 0, &wait_us, SEC);

		CHECK(server >= 0 && asked == server);
		if (server < 0)
			break;
		picked[server]++;
		in_a_row = (unsigned)server == last ? in_a_row + 1 : 1;
		last = (unsigned)server;
		CHECK(in_a_row <= 2);
	}
	CHECK(picked[0] == 50 && picked[1] == 30 && picked[2] == 20, "%u %u %u", picked[0],
	      picked[1], picked[2]);
	upstream_health_bad(r.health[0], false, 60 * SEC, 60 * SEC, 0, SEC);
	for (unsigned i = 0; i < 10; i++)
		CHECK(route_pick_server(&r, false, 0, &wait_us, SEC) > 0, "a dead one gets none");
	CHECK(route_pick_server(&r, false, 6, &wait_us, SEC) == -1 && wait_us <= 60 * SEC,
	      "the others were tried: wait for its probe");
	for (unsigned i = 0; i < ARRAY_LEN(weights); i++)
		upstream_health_put(t, r.health[i]);
	upstream_health_free(t);
}
static const struct limits_config limits_cfg = {
	true, 2, { [LIMITS_MAILS] = 3, [LIMITS_FAILED_RCPTS] = 0 }
};

static void
test_limits(void)
{
	struct addr a = addr_v4(1), six, same, other;
	struct limits_source *h[4], *none = NULL;
	struct limits l = { limits_table_new(64, &key), limits_cfg, 0 };
	struct limits core2 = l;

	CHECK(addr_parse(span_z("2001:db8::1"), &six) && addr_parse(span_z("2001:db8::2"), &same) &&
	      addr_parse(span_z("2001:db8:0:1::1"), &other));
	BUG_ON(!l.table);
	CHECK(limits_connect(&l, &a, 0, &h[0]) && limits_connect(&core2, &a, 0, &h[1]) &&
	      h[0] == h[1]);
	CHECK(!limits_connect(&l, &a, 0, &h[2]) && !h[2] && !limits_connect(&core2, &a, 0, &h[2]));
	limits_disconnect(h[0], 0);
	CHECK(limits_connect(&core2, &a, 500 * SEC, &h[0]),
	      "a place came free; the other is still open");
	CHECK(!limits_connect(&l, &a, 500 * SEC, &h[2]));
	CHECK(limits_connect(&l, &six, 0, &h[2]) && limits_connect(&core2, &same, 0, &h[3]) &&
	              h[2] == h[3],
	      "two of one /64");
	CHECK(!limits_connect(&l, &six, 0, &none) && limits_connect(&l, &other, 0, &none));
	for (unsigned i = 0; i < 3; i++)
		CHECK(limits_count(i % 2 ? &l : &core2, &a, &h[i % 2], LIMITS_MAILS, 59 * SEC));
	CHECK(!limits_count(&l, &a, &h[0], LIMITS_MAILS, 59 * SEC) &&
	      !limits_count(&core2, &a, &h[1], LIMITS_MAILS, 59 * SEC));
	CHECK(limits_count(&l, &a, &h[0], LIMITS_MAILS, 60 * SEC), "the next minute");
	CHECK(limits_count(&core2, &a, &h[1], LIMITS_MAILS, 59 * SEC) &&
	              limits_count(&core2, &a, &h[1], LIMITS_MAILS, 59 * SEC) &&
	              !limits_count(&l, &a, &h[0], LIMITS_MAILS, 60 * SEC),
	      "a core that is a turn behind");
	for (unsigned i = 0; i < 1000; i++)
		CHECK(limits_count(&l, &a, &h[0], LIMITS_FAILED_RCPTS, 0), "0 is no limit");
	l.cfg.enabled = false;
	CHECK(limits_connect(&l, &six, 0, &none) && !none &&
	      limits_count(&l, &six, &none, LIMITS_MAILS, 59 * SEC) && !none);
	l.cfg.enabled = true; /* a session that came before has its entry now */
	limits_disconnect(h[2], 0);
	CHECK(limits_count(&l, &six, &none, LIMITS_MAILS, 59 * SEC) && none == h[3]);
	CHECK(!limits_connect(&l, &six, 0, &h[2]));
	limits_disconnect(none, 0); /* and gives back exactly that one */
	CHECK(limits_connect(&l, &six, 0, &h[2]) && h[2] == h[3] &&
	      !limits_connect(&l, &six, 0, &none));
	limits_disconnect(h[2], 0);
	l.cfg.enabled =
	        false; /* one that came and went while they were off takes nothing from it */
	CHECK(limits_connect(&l, &six, 0, &none) && !none);
	limits_disconnect(none, 0);
	l.cfg.enabled = true;
	CHECK(limits_connect(&l, &six, 0, &h[2]) && !limits_connect(&l, &six, 0, &none));
	limits_table_free(l.table);
}

/* A prefix's connections: of whatever address, beside its addresses' own counts, given back one by one. */
static void
test_limits_prefix(const char *in_text[4], const char *out_text)
{
	struct limits l = { limits_table_new(64, &key), limits_cfg, 0 };
	struct limits core2;
	struct limits_source *h[4], *own[4], *other, *more;
	struct addr in[4], out;

	BUG_ON(!l.table);
	l.cfg.connections_per_prefix = 3;
	core2 = l;
	for (unsigned i = 0; i < 4; i++)
		CHECK(addr_parse(span_z(in_text[i]), &in[i]));
	CHECK(addr_parse(span_z(out_text), &out));
	for (unsigned i = 0; i < 3; i++)
		CHECK(limits_connect(&l, &in[i], 0, &own[i]) &&
		      limits_connect_prefix(i % 2 ? &l : &core2, &in[i], 0, &h[i]) &&
		      h[i] == h[0] && own[i] != h[i]);
	CHECK(limits_held(l.table) == 6);
	CHECK(limits_connect(&l, &in[3], 0, &own[3]) &&
	      !limits_connect_prefix(&l, &in[3], 0, &h[3]) && !h[3]);
	CHECK(limits_connect_prefix(&l, &out, 0, &other) && other != h[0], "the next network");
	limits_disconnect(h[1], 0);
	CHECK(limits_connect_prefix(&core2, &in[3], 0, &h[1]) &&
	      !limits_connect_prefix(&l, &in[3], 0, &more));
	l.cfg.connections_per_prefix = 4; /* a reload */
	CHECK(limits_connect_prefix(&l, &in[3], 0, &h[3]) &&
	      !limits_connect_prefix(&l, &in[3], 0, &more));
	l.cfg.connections_per_prefix = 0;
	CHECK(limits_connect_prefix(&l, &in[3], 0, &more) && more == h[0],
	      "any number, and counted");
	limits_disconnect(more, 0);
	l.cfg.enabled = false;
	CHECK(limits_connect_prefix(&l, &in[3], 0, &more) && !more);
	limits_disconnect(more, 0);
	for (unsigned i = 0; i < 4; i++) {
		limits_disconnect(h[i], 0);
		limits_disconnect(own[i], 0);
	}
	limits_disconnect(other, 0);
	CHECK(limits_held(l.table) == 0);
	limits_table_free(l.table);
}

static void
test_limits_prefixes(void)
{
	/* The first address of a network is not the network. */
	const char *four[4] = { "192.0.2.0", "192.0.2.1", "192.0.2.127", "192.0.2.255" };
	const char *six[4] = { "2001:db8:7::", "2001:db8:7:1::1", "2001:db8:7:8000::1",
		               "2001:db8:7:ffff::1" };

	test_limits_prefix(four, "192.0.3.0");
	test_limits_prefix(six, "2001:db8:8::");
}

/* Sets of 8: with connections they stay, without the one unseen for longest gives way; counts outlive a connection. */
static void
test_limits_full(void)
{
	struct limits l = { limits_table_new(1, &key), limits_cfg, 0 };
	struct limits_source *h[LIMITS_WAYS], *beside[2 * LIMITS_WAYS], *more;
	struct addr a;

	BUG_ON(!l.table);
	for (unsigned i = 0; i < LIMITS_WAYS; i++) {
		a = addr_v4(i);
		CHECK(limits_connect(&l, &a, 0, &h[i]) && h[i]);
		while (limits_count(&l, &a, &h[i], LIMITS_MAILS, 0))
			;
	}
	a = addr_v4(100);
	for (unsigned i = 0; i < ARRAY_LEN(beside); i++) {
		a = addr_v4(100 + i);
		CHECK(limits_connect(&l, &a, 0, &beside[i]) && limits_is_shared(&l, beside[i]) &&
		              l.full_cnt == i + 1,
		      "no place: what eight sources may have is shared");
	}
	CHECK(!limits_connect(&l, &a, 0, &more) && !more);
	for (unsigned i = 0; i < 3 * LIMITS_WAYS; i++)
		CHECK(limits_count(&l, &a, &beside[i % 2], LIMITS_MAILS, 0));
	CHECK(!limits_count(&l, &a, &beside[0], LIMITS_MAILS, 0));
	limits_disconnect(beside[0], 0);
	CHECK(limits_connect(&l, &a, 0, &beside[0]) && !limits_connect(&l, &a, 0, &more));
	a = addr_v4(100);
	limits_disconnect(h[3], 120 * SEC);
	limits_disconnect(h[5], 60 * SEC);
	CHECK(limits_connect(&l, &a, 180 * SEC, &more) && more == h[5]);
	for (unsigned i = 0; i < 3; i++)
		CHECK(limits_count(&l, &a, &more, LIMITS_MAILS, 0),
		      "nothing of who was there before");
	a = addr_v4(3);
	CHECK(limits_connect(&l, &a, 0, &more) && more == h[3] &&
	              !limits_count(&l, &a, &more, LIMITS_MAILS, 0),
	      "its mails still count");
	limits_table_free(l.table);
}

/* In a set that is full, addresses and prefixes without a place each have what eight of them may have, whatever the other has. */
static void
test_limits_full_of_both(void)
{
	struct limits l = { limits_table_new(1, &key), limits_cfg, 0 };
	struct limits_source *h[LIMITS_WAYS], *of_address[2 * LIMITS_WAYS];
	struct limits_source *of_prefix[3 * LIMITS_WAYS], *more;
	struct addr a;

	BUG_ON(!l.table);
	l.cfg.connections_per_prefix = 3;
	for (unsigned i = 0; i < LIMITS_WAYS; i++) {
		a = addr_v4(i);
		CHECK(limits_connect(&l, &a, 0, &h[i]));
	}
	for (unsigned i = 0; i < ARRAY_LEN(of_address); i++) {
		a = addr_v4(0x0a000000 + i * 256);
		CHECK(limits_connect(&l, &a, 0, &of_address[i]) &&
		      limits_is_shared(&l, of_address[i]));
	}
	for (unsigned i = 0; i < ARRAY_LEN(of_prefix); i++) {
		a = addr_v4(0x0b000000 + i * 256);
		CHECK(limits_connect_prefix(&l, &a, 0, &of_prefix[i]) &&
		              limits_is_shared(&l, of_prefix[i]) && of_prefix[i] != of_address[0],
		      "%u", i);
	}
	CHECK(!limits_connect(&l, &a, 0, &more) && !limits_connect_prefix(&l, &a, 0, &more));
	limits_disconnect(of_prefix[0], 0);
	CHECK(!limits_connect(&l, &a, 0, &more) && limits_connect_prefix(&l, &a, 0, &of_prefix[0]));
	limits_disconnect(of_address[0], 0);
	CHECK(!limits_connect_prefix(&l, &a, 0, &more) &&
	      limits_connect(&l, &a, 0, &of_address[0]));
	CHECK(limits_held(l.table) == LIMITS_WAYS * 6);
	limits_table_free(l.table);
}

/* As many sessions as a worker has, each of an address and a network of its own: nearly all have entries of their own. */
static void
test_limits_size(void)
{
	struct worker_sizes sizes = worker_sizes(64u << 20, 1u << 20);
	struct limits l = { limits_table_new(sizes.sources, &key), limits_cfg, 0 };
	struct limits_source *held;

	BUG_ON(!l.table);
	for (uint32_t i = 0; i < sizes.sessions; i++) {
		struct addr a = addr_v4(0x0a000000 + i * 256);

		CHECK(limits_connect(&l, &a, 0, &held) && limits_connect_prefix(&l, &a, 0, &held));
	}
	CHECK(sizes.sessions > 1000 && l.full_cnt < sizes.sessions / 50, "%llu of %u",
	      (unsigned long long)l.full_cnt, sizes.sessions);
	limits_table_free(l.table);
}

#define RACE_TURNS 50000u

static struct {
	struct limits_table *table;
	uint32_t open[16], mails[16]; /* of each address; atomics */
	uint32_t over, without;
	uint32_t shared, shared_over; /* open ones that found no place */
	uint32_t ready;
	uint64_t full_cnt;
} race;

/* Connections of a few addresses in one crowded set, come and gone: never three of one, never more than three mails. */
static void *
race_core(void *arg)
{
	struct limits l = { race.table, limits_cfg, 0 };
	struct rng r;

	rng_seed(&r, *(const uint64_t *)arg);
	__atomic_add_fetch(&race.ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&race.ready, __ATOMIC_SEQ_CST) < 2)
		;
	for (unsigned i = 0; i < RACE_TURNS; i++) {
		unsigned n = (unsigned)rng_below(&r, LIMITS_WAYS);
		struct addr a = addr_v4(n);
		struct limits_source *h;

		if (!limits_connect(&l, &a, 0, &h))
			continue;
		if (limits_is_shared(
		            &l, h)) { /* the other thread lost its core while it held the claim */
			__atomic_add_fetch(&race.without, 1, __ATOMIC_SEQ_CST);
			if (__atomic_add_fetch(&race.shared, 1, __ATOMIC_SEQ_CST) > 2 * LIMITS_WAYS)
				__atomic_add_fetch(&race.shared_over, 1, __ATOMIC_SEQ_CST);
			__atomic_sub_fetch(&race.shared, 1, __ATOMIC_SEQ_CST);
			limits_disconnect(h, 0);
			continue;
		}
		if (__atomic_add_fetch(&race.open[n], 1, __ATOMIC_SEQ_CST) > 2)
			__atomic_add_fetch(&race.over, 1, __ATOMIC_SEQ_CST);
		if (limits_count(&l, &a, &h, LIMITS_MAILS, 0))
			__atomic_add_fetch(&race.mails[n], 1, __ATOMIC_SEQ_CST);
		__atomic_sub_fetch(&race.open[n], 1, __ATOMIC_SEQ_CST);
		limits_disconnect(h, 0);
	}
	__atomic_add_fetch(&race.full_cnt, l.full_cnt, __ATOMIC_SEQ_CST);
	return NULL;
}

static void
test_limits_of_two_cores(void)
{
	uint64_t seeds[2] = { 1, 2 };
	pthread_t other;

	for (unsigned round = 0; round < 20; round++) {
		memset(&race, 0, sizeof(race));
		race.table = limits_table_new(1, &key);
		BUG_ON(!race.table || pthread_create(&other, NULL, race_core, &seeds[0]) != 0);
		race_core(&seeds[1]);
		pthread_join(other, NULL);
		CHECK(race.over == 0, "%u times over the limit", race.over);
		CHECK(race.full_cnt == race.without && race.shared_over == 0,
		      "%u without an entry of their own", race.without);
		for (unsigned n = 0; n < LIMITS_WAYS; n++)
			CHECK(race.mails[n] == 3, "%u mails of address %u", race.mails[n], n);
		limits_table_free(race.table);
		seeds[0] += 2, seeds[1] += 2;
	}
}

static const struct {
	const char *name, *text;
	unsigned received, own;
	uint64_t subject_at;
	bool ends, tight;
} scans[] = {
	{ "empty header", "\r\nReceived: by me.test\r\n", 0, 0, 0, true },
	{ "one", "Received: from a by me.test with ESMTP\r\n\r\n", 1, 1, 0, true },
	{ "folded", "Received: from a\r\n\tby\r\n\tme.test; x\r\n\r\n", 1, 1, 0, true },
	{ "case", "RECEIVED: BY Me.Test\r\n\r\n", 1, 1, 0, true },
	{ "another name", "Received: by xme.test\r\nReceived: by me.test2\r\n\r\n", 2, 0, 0, true },
	{ "not by", "Received: from me.test by b\r\n\r\n", 1, 0, 0, true },
	{ "in another field", "X-Received: by me.test\r\nReceivedX: by me.test\r\n\r\n", 0, 0, 0,
	  true },
	{ "twice in one", "Received: by me.test by me.test\r\n\r\n", 1, 2, 0, true },
	{ "in the body", "A: b\r\n\r\nReceived: by me.test\r\nSubject: x\r\n", 0, 0, 0, true },
	{ "subject", "A: b\r\nsubject: x\r\nSubject: y\r\n\r\n", 0, 0, 14, true },
	{ "blank before the colon: obsolete, but a subject (RFC 5322 4.5)", "Subject : x\r\n\r\n",
	  0, 0, 9, true },
	{ "no end", "Subject: x\r\n", 0, 0, 8, false },
	{ "no blank", "Subject:x\r\nSubject: y\r\n\r\n", 0, 0, 8, true, true },
	{ "folded subject", "Subject:\r\n x\r\n\r\n", 0, 0, 8, true },
	{ "no subject", "Subject:\r\nA: b\r\n\r\n", 0, 0, 8, true },
};

/* Whole, and cut in two at every byte. */
static void
test_trace_scan(void)
{
	for (size_t i = 0; i < ARRAY_LEN(scans); i++) {
		struct span all = span_z(scans[i].text);

		for (size_t cut = 0; cut <= all.len; cut++) {
			struct trace_scan t;

			trace_scan_init(&t, "me.test");
			trace_scan_feed(&t, span(all.p, cut));
			trace_scan_feed(&t, span_skip(all, cut));
			CHECK(t.received_cnt == scans[i].received && t.own_cnt == scans[i].own &&
			              t.subject_at == scans[i].subject_at,
			      "%s cut at %zu: %u %u %llu", scans[i].name, cut, t.received_cnt,
			      t.own_cnt, (unsigned long long)t.subject_at);
			CHECK(t.done == scans[i].ends && t.subject_tight == scans[i].tight, "%s",
			      scans[i].name);
		}
	}
}

/* White space before the colon belongs to no name, two words are none. */
static void
test_subject_names(void)
{
	static const struct {
		const char *text;
		uint64_t at;
	} rows[] = { { "Subject : x\r\n\r\n", 9 },          { "sUBJECT\t \t:x\r\n\r\n", 11 },
		     { "Subject x: y\r\n\r\n", 0 },         { "Sub ject: y\r\n\r\n", 0 },
		     { "A b: c\r\nSubject:x\r\n\r\n", 16 }, { "Subject2: y\r\n\r\n", 0 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct trace_scan t;

		trace_scan_init(&t, "me.test");
		trace_scan_feed(&t, span_z(rows[i].text));
		CHECK(t.subject_at == rows[i].at && t.done, "row %zu: %llu", i,
		      (unsigned long long)t.subject_at);
	}
}

static void
test_loop(void)
{
	struct trace_scan t;

	for (unsigned n = 49; n <= 51; n++) {
		trace_scan_init(&t, "me.test");
		for (unsigned i = 0; i < n; i++)
			trace_scan_feed(&t, span_z("Received: by x\r\n"));
		CHECK(trace_is_loop(&t) == (n > 50), "%u", n);
	}
	trace_scan_init(&t, "me.test");
	trace_scan_feed(&t, span_z("Received: by me.test\r\n"));
	CHECK(!trace_is_loop(&t));
	trace_scan_feed(&t, span_z("Received: by me.test\r\n"));
	CHECK(trace_is_loop(&t));
}

static void
test_received(void)
{
	struct trace_line l = { .helo = span_z("h.test"),
		                .client = addr_v4(0x0a4d0001),
		                .by = span_z("me.test"),
		                .esmtp = true,
		                .rcpt = span_z("bob@x.test"),
		                .wall_us = 1764000000ull * SEC };
	char out[TRACE_LINE_MAX], big[400];
	size_t n = trace_received(&l, out);

	CHECK(span_is(span(out, n), "Received: from h.test (unknown [10.77.0.1])\r\n"
	                            "\tby me.test with ESMTP id 0000000000000\r\n"
	                            "\tfor <bob@x.test>; Mon, 24 Nov 2025 16:00:00 +0000\r\n"),
	      "%.*s", (int)n, out);
	l.esmtp = false;
	l.rcpt = span("", 0);
	l.helo = span_z("a\r\nb(c)");
	CHECK(addr_parse(span_z("2001:db8::1"), &l.client));
	n = trace_received(&l, out);
	CHECK(span_is(span(out, n), "Received: from a??b?c? (unknown [IPv6:2001:db8::1])\r\n"
	                            "\tby me.test with SMTP id 0000000000000; Mon, 24 Nov 2025 "
	                            "16:00:00 +0000\r\n"),
	      "%.*s", (int)n, out);
	memset(big, 'x', sizeof(big));
	l.helo = l.by = l.rcpt = span(big, sizeof(big));
	n = trace_received(&l, out);
	CHECK(n < TRACE_LINE_MAX && out[n - 1] == '\n', "the longest of everything is whole");
}

static void
test_date(void)
{
	uint64_t at = 1;

	for (unsigned i = 0; i < 20000;
	     i++, at = (at * 6364136223846793005u + 1442695040888963407u) % 7258118400u) {
		time_t t = (time_t)at;
		char want[40], got[40];
		struct tm tm;
		size_t n = trace_date(at * 1000000 + 999999, got);

		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%a, %e %b %Y %T +0000", &tm);
		if (want[5] == ' ')
			memmove(want + 5, want + 6, strlen(want + 5));
		CHECK(n == strlen(want) && !memcmp(got, want, n), "%.*s is %s", (int)n, got, want);
	}
}

static void
test_tag(void)
{
	char out[128], big[300];
	size_t n = trace_tag(span_z("[SPAM]"), out);

	CHECK(span_is(span(out, n), " [SPAM]"));
	n = trace_tag(span_z("a\r\nBcc: x"), out);
	CHECK(span_is(span(out, n), " a  Bcc: x"), "%.*s", (int)n, out);
	n = trace_tag(span_z("\xc3\xa4"), out);
	CHECK(span_is(span(out, n), " =?UTF-8?B?w6Q=?="), "%.*s", (int)n, out);
	memset(big, 'x', sizeof(big));
	CHECK(trace_tag(span(big, sizeof(big)), out) <= sizeof(out));
	big[299] = (char)0xc3;
	n = trace_tag(span(big, sizeof(big)), out);
	CHECK(n <= 76 && out[n - 1] == '=', "an encoded word is 75 bytes at most");
}

/* product.md B6: a parked session, with all that it needs, is 1 KB at most. Its timers are inside; it has no line buffer, no mail. */
static void
test_parked(void)
{
	size_t all = sizeof(struct session) + sizeof(struct tcp_conn);

	printf("a parked session: %zu bytes, of these session %zu (smtp_server %zu), tcp_conn "
	       "%zu\n",
	       all, sizeof(struct session), sizeof(struct smtp_server), sizeof(struct tcp_conn));
	CHECK(all <= 1024);
}

int
main(void)
{
	test_memo();
	test_memo_key();
	test_cacheable();
	test_rcpt_cache();
	test_health();
	test_shared_limit();
	test_weights();
	test_limits();
	test_limits_prefixes();
	test_limits_full();
	test_limits_full_of_both();
	test_limits_size();
	test_limits_of_two_cores();
	test_trace_scan();
	test_subject_names();
	test_loop();
	test_received();
	test_date();
	test_tag();
	test_parked();
	return check_failed;
}
