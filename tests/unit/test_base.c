/* SPDX-License-Identifier: BSD-3-Clause
 * test_base.c - the leaf: published vectors, naive models, bounds
 */
#include "base/addr.h"
#include "base/arena.h"
#include "base/block64.h"
#include "base/chunk.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/hist.h"
#include "base/msgid.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "base/wheel.h"
#include "tests/check.h"

static void
test_siphash(
        void) /* vectors of the paper's appendix A and reference code: key 00..0f, message 00.. */
{
	struct siphash_key k = { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull };
	uint8_t m[64];

	for (size_t i = 0; i < sizeof(m); i++)
		m[i] = (uint8_t)i;
	CHECK(siphash(&k, m, 0) == 0x726fdb47dd0e0e31ull);
	CHECK(siphash(&k, m, 1) == 0x74f839c593dc67fdull);
	CHECK(siphash(&k, m, 8) == 0x93f5f5799a932462ull);
	CHECK(siphash(&k, m, 15) == 0xa129ca6149be45e5ull);
}

static void
test_siphash13(void) /* the same key and messages, of 0 and of 8 bytes */
{
	struct siphash_key k = { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull };
	uint64_t words[2] = { 0 };

	CHECK(siphash13(&k, words, 1) == 0xabac0158050fc4dcull);
	words[0] = 0x0706050403020100ull;
	words[1] = 8ull << 56;
	CHECK(siphash13(&k, words, 2) == 0x369095118d299a8eull);
}

static void
test_siphash128(
        void) /* the same key and messages; from `openssl mac -macopt size:16 -macopt c-rounds:1 -macopt d-rounds:3 … SIPHASH` */
{
	static const struct {
		size_t len;
		const char *hex;
	} rows[] = {
		{ 0, "E77EBCB22788A5BEFD62DB6ADD303001" },
		{ 1, "FC6F370460D3EDA85E0573CC2B2FF063" },
		{ 7, "1084B923F2AAE0C3A62F2EC80848AB77" },
		{ 8, "AA12FEE1D5E3DAB4724F16AB35F9C799" },
		{ 9, "81DDB8042CF33994F4720E0094137C42" },
		{ 15, "C17E5505B2BD526C2921CDEC1E7E0109" },
		{ 16, "D0A8D95715518EEBB513B0F83D9E1793" },
		{ 23, "1D127B84405CEAB99FD8775A9BE6C559" },
		{ 63, "4C5800E34EFE426F079F6B0AA75260AD" },
	};
	struct siphash_key k = { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull };
	uint8_t m[64], bytes[16];
	uint64_t out[2];
	char hex[33];

	for (size_t i = 0; i < sizeof(m); i++)
		m[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		siphash128(&k, m, rows[i].len, out);
		memcpy(bytes, out, sizeof(bytes));
		for (size_t n = 0; n < sizeof(bytes); n++)
			snprintf(hex + 2 * n, 3, "%02X", bytes[n]);
		CHECK(!strcmp(hex, rows[i].hex), "%zu bytes: %s", rows[i].len, hex);
	}
}

static void
test_addr(void)
{
	/* clang-format off */
	static const struct { const char *in; bool host_bits, ok; const char *out; unsigned bits; } cases[] = {
		{ "192.0.2.0/24",  false, true,  "192.0.2.0",   120 },
		{ "192.0.2.1/24",  false, false, NULL,          0 },
		{ "192.0.2.1/24",  true,  true,  "192.0.2.0",   120 },
		{ "192.0.2.1",     false, true,  "192.0.2.1",   128 },
		{ "192.0.2.1/33",  true,  false, NULL,          0 },
		{ "192.0.2.1/",    true,  false, NULL,          0 },
		{ "192.0.2.1/1x",  true,  false, NULL,          0 },
		{ "0.0.0.0/0",     false, true,  "0.0.0.0",     96 },
		{ "2001:db8::/32", false, true,  "2001:db8::",  32 },
		{ "::/0",          false, true,  "::",          0 },
		{ "2001:db8::/129", true, false, NULL,          0 },
		{ "1.2.3",         true,  false, NULL,          0 },
		{ "",              true,  false, NULL,          0 },
	};
	/* clang-format on */
	char text[ADDR_TEXT_MAX];
	struct addr_prefix p;
	struct addr a;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = addr_parse_prefix(span_z(cases[i].in), cases[i].host_bits, &p);

		CHECK(ok == cases[i].ok, "%s", cases[i].in);
		if (!ok || !cases[i].ok)
			continue;
		addr_format(&p.addr, text);
		CHECK(!strcmp(text, cases[i].out) && p.bits == cases[i].bits, "%s: %s/%u",
		      cases[i].in, text, p.bits);
	}
	for (unsigned v = 0; v < 256; v++) { /* every octet, at the ends and in the middle */
		char want[ADDR_TEXT_MAX];

		a = addr_v4(v << 24 | (255 - v) << 8 | v);
		snprintf(want, sizeof(want), "%u.0.%u.%u", v, 255 - v, v);
		CHECK(addr_format(&a, text) == strlen(want) && !strcmp(text, want), "%s", text);
	}
	CHECK(addr_parse_prefix(span_z("10.0.0.0/8"), false, &p));
	CHECK(addr_parse(span_z("10.255.255.255"), &a) && addr_in_prefix(&a, &p));
	CHECK(addr_parse(span_z("11.0.0.0"), &a) && !addr_in_prefix(&a, &p));
	CHECK(addr_parse(span_z("::a00:1"), &a) && !addr_in_prefix(&a, &p));
}

static void
test_hist(void)
{
	static struct hist h;
	uint64_t values[] = { 0, 1, 31, 32, 33, 63, 64, 1000, 123456789, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		size_t b = hist_bucket(values[i]);

		CHECK(b < HIST_BUCKETS && hist_floor(b) <= values[i]);
		CHECK(b + 1 == HIST_BUCKETS || hist_floor(b + 1) > values[i], "%zu", i);
	}
	for (uint64_t v = 1; v <= 1000; v++)
		hist_add(&h, v);
	CHECK(hist_total(&h) == 1000);
	CHECK(hist_quantile(&h, 0.5) >= 500 && hist_quantile(&h, 0.5) <= 520);
	CHECK(hist_quantile(&h, 1.0) >= 1000 && hist_quantile(&h, 1.0) < 1033);
}

static void
test_pool(void)
{
	struct pool p;
	void *a, *b;

	CHECK(pool_init_mapped(&p, "t", 24, 2) == 0);
	a = pool_get(&p);
	b = pool_get(&p);
	CHECK(a && b && a != b && !pool_get(&p) && p.failed_cnt == 1);
	pool_put(&p, a);
	CHECK(pool_get(&p) == a && p.used_cnt == 2 && p.peak_cnt == 2);
	pool_put(&p, a);
	pool_put(&p, b);
	pool_fini_mapped(&p);

	CHECK(pool_init_mapped(&p, "chunks", sizeof(struct chunk) + 100, 1) == 0);
	struct chunk *c = chunk_new(&p);

	CHECK(c && c->cap >= 96 && c->cap <= 104);
	memset(c->data, 1, c->cap);
	chunk_get(c);
	chunk_put(c);
	CHECK(p.used_cnt == 1);
	chunk_put(c);
	CHECK(p.used_cnt == 0);
	pool_fini_mapped(&p);
}

static void
test_msgid(void)
{
	char z[MSGID_CHARS + 1], y[MSGID_CHARS + 1];
	uint64_t id = msgid_make(1700000000ull * 1000000, 3, 5, 77), back;

	msgid_format(id, z);
	CHECK(strlen(z) == MSGID_CHARS && msgid_parse(span_z(z), &back) && back == id);
	msgid_format(msgid_make(1700000001ull * 1000000, 0, 0, 0), y);
	CHECK(strcmp(z, y) < 0, "not sortable");
	CHECK(!msgid_parse(span_z("ZZZZZZZZZZZZZ"), &back)); /* over 64 bits */
	CHECK(!msgid_parse(span_z("0000000000000U"), &back) &&
	      !msgid_parse(span_z("000000000000U"), &back));
}

static void
test_event(void)
{
	struct event_ring r;
	struct event *e, out;
	char big[EVENT_TEXT_BYTES + 10];

	memset(big, 'b', sizeof(big));
	CHECK(event_ring_init(&r, 2) == 0);
	for (int i = 0; i < 3; i++) {
		e = event_begin(&r, EVENT_MAIL, (uint64_t)i, 0);
		CHECK(!e == (i == 2));
		if (!e)
			continue;
		event_text(e, 0, span_z("delivered"));
		event_text(e, 1, span(big, sizeof(big)));
		event_text(e, 2, span_z("cut to nothing"));
		event_commit(&r);
	}
	CHECK(r.dropped_cnt == 1);
	CHECK(event_pop(&r, &out) && out.id == 0 && span_is(event_text_of(&out, 0), "delivered"));
	CHECK(event_text_of(&out, 1).len == EVENT_TEXT_BYTES - 9 &&
	      event_text_of(&out, 2).len == 0);
	CHECK(event_pop(&r, &out) && out.id == 1 && !event_pop(&r, &out));
	event_ring_fini(&r);
}

struct timed {
	struct wheel_timer t;
	uint64_t due_us, fired_us;
};

static struct timed timers[400];

static void
on_timer(void *ctx, struct wheel_timer *t, uint64_t now_us)
{
	struct timed *x = container_of(t, struct timed, t);

	(*(unsigned *)ctx)++;
	x->fired_us = now_us;
}

static void
test_wheel(
        uint64_t
                start_us) /* against the naive model: fires in the first turn at or after due, never before */
{
	static struct wheel w;
	unsigned fired = 0, due = 0;
	struct rng r;
	uint64_t now = start_us;

	rng_seed(&r, start_us + 1);
	wheel_init(&w, now);
	wheel_set_kind(&w, 1, on_timer, &fired);
	for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
		wheel_timer_init(&timers[i].t, 1);
		timers[i].fired_us = 0;
		timers[i].due_us = now + 1000 + rng_below(&r, 1ull << (10 + rng_below(&r, 21)));
		wheel_arm(&w, &timers[i].t, timers[i].due_us);
		if (rng_odds(&r, 1, 4)) { /* moved */
			timers[i].due_us = now + 1000 + rng_below(&r, 100000000);
			wheel_arm(&w, &timers[i].t, timers[i].due_us);
		}
		if (rng_odds(&r, 1, 10))
			wheel_cancel(&w, &timers[i].t);
		else
			due++;
	}
	while (w.armed_cnt > 0) {
		uint64_t step = wheel_next_us(&w, now, 50000), prev = now;

		now += MAX(step, (uint64_t)1);
		wheel_turn(&w, now, 0);
		for (size_t i = 0; i < ARRAY_LEN(timers); i++)
			if (timers[i].fired_us == now)
				CHECK(timers[i].due_us <= now && timers[i].due_us + 2000 > prev,
				      "timer %zu due %llu fired %llu", i,
				      (unsigned long long)timers[i].due_us,
				      (unsigned long long)now);
	}
	CHECK(fired == due, "%u of %u", fired, due);
}

static void
test_block64(void)
{
	struct rng r;

	rng_seed(&r, 5);
	CHECK(low_bits(0) == 0 && low_bits(1) == 1 && low_bits(64) == UINT64_MAX);
	CHECK(clear_run(0) == 64 && set_run(UINT64_MAX) == 64 && set_run(0) == 0);
	for (unsigned k = 0; k < 3000; k++) {
		size_t len = k % 65, n = 0;
		char text[64], want[64], out[PACK_ROOM];
		uint64_t keep = rng_next(&r) | (k & 1 ? rng_next(&r) : 0), white = 0, high = 0,
		         caps = 0;
		struct block64 b;

		for (unsigned i = 0; i < 64; i++)
			text[i] = (char)rng_below(&r, k & 2 ? 256 : 40);
		b = len < 64 ? block64_load_part(text, len) : block64_load(text);
		memset(text + len, 0, 64 - len);
		for (unsigned i = 0; i < 64; i++) {
			unsigned char c = (unsigned char)text[i];

			white |= (uint64_t)(c == ' ' || (c >= 9 && c <= 13)) << i;
			high |= (uint64_t)(c >= 0x80) << i;
			caps |= (uint64_t)(c >= 'A' && c <= 'Z') << i;
			if (keep >> i & 1)
				want[n++] = (char)(c >= 9 && c <= 13 ? ' ' : ascii_lower((char)c));
		}
		CHECK(block64_white(b) == white && block64_high(b) == high &&
		              block64_range(b, 'A', 'Z') == caps &&
		              block64_is(b, 0) == block64_range(b, 0, 0),
		      "masks %u", k);
		CHECK(block64_pack(out, block64_lower(block64_blank(b, white)), keep) == n &&
		              !memcmp(out, want, n),
		      "pack %u", k);
	}
}

/* Measured once: eight measurements would never agree to the cycle. */
static void
test_clock(void)
{
	uint64_t rate = clock_cycles_per_second();

	CHECK(rate > 1000000);
	for (unsigned i = 0; i < 8; i++)
		CHECK(clock_cycles_per_second() == rate);
}

int
main(void)
{
	test_clock();
	test_block64();
	test_siphash();
	test_siphash13();
	test_siphash128();
	test_addr();
	test_hist();
	test_pool();
	test_msgid();
	test_event();
	test_wheel(12345);
	test_wheel(0xffffff00ull * 1000); /* the tick counter wraps */
	struct arena a = { 0 };

	CHECK(!strcmp(arena_strdup(&a, span_z("x")), "x") && arena_alloc(&a, 1 << 20));
	arena_fini(&a);
	return check_failed;
}
