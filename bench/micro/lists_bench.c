/* SPDX-License-Identifier: BSD-3-Clause
 * lists_bench.c - lists of a million entries: time to build, bytes, and what a look-up costs alone and in a batch
 *
 * Why     engine.md: built in less than a second, a look-up in 200 ns, a batch of 32 with prefetch twice as fast as one by one.
 *         Keys are asked for in random order over a table larger than the second-level cache, half of them listed. "alone": the
 *         next key depends on the answer before, as in a relay that asks once a connection; "loop": 32 calls in a row.
 * Usage   lists-micro [ENTRIES]
 */
#include "base/rng.h"
#include "bench/micro/measure.h"
#include "engine/lists/domain_set.h"
#include "engine/lists/ip_set.h"

#define ASKED    (1u << 18)
#define KEY_ROOM 80

struct table {
	const char *name;
	size_t (*make)(struct rng *r, char out[KEY_ROOM]); /* an entry */
	size_t (*ask)(const char *entry, size_t len, char out[KEY_ROOM]);
	bool (*find)(const struct key_set *s, struct span key, uint32_t *value);
	uint32_t (*find_batch)(const struct key_set *s, const struct span *keys, size_t cnt,
	                       uint32_t *values);
};

static size_t
word(struct rng *r, char *out, size_t min, size_t max, const char *letters, size_t letter_cnt)
{
	size_t n = min + rng_below(r, max - min + 1);

	for (size_t i = 0; i < n; i++)
		out[i] = letters[rng_below(r, letter_cnt)];
	return n;
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

static size_t
make_domain(struct rng *r, char out[KEY_ROOM])
{
	static const char *const tlds[] = { ".com", ".net", ".top", ".xyz", ".online", ".co.uk" };
	const char *tld = tlds[rng_below(r, ARRAY_LEN(tlds))];
	size_t n = word(r, out, 6, 16, letters, 36);

	memcpy(out + n, tld, strlen(tld));
	return n + strlen(tld);
}

static size_t
make_sender(struct rng *r, char out[KEY_ROOM])
{
	size_t n = word(r, out, 3, 12, letters, 26);

	out[n++] = '@';
	return n + make_domain(r, out + n);
}

static size_t
make_phone(struct rng *r, char out[KEY_ROOM])
{
	return word(r, out, 10, 13, letters + 26, 10);
}

static size_t
make_sha256(struct rng *r, char out[KEY_ROOM])
{
	return word(r, out, 64, 64, "0123456789abcdef", 16);
}

static size_t
ask_same(const char *entry, size_t len, char out[KEY_ROOM])
{
	memcpy(out, entry, len);
	return len;
}

static size_t
ask_below(const char *entry, size_t len, char out[KEY_ROOM])
{
	memcpy(out, "www.", 4);
	memcpy(out + 4, entry, len);
	return len + 4;
}

/* clang-format off */
static const struct table tables[] = {
	{ "domains (as www.x)", make_domain, ask_below, domain_set_find, domain_set_find_batch },
	{ "senders", make_sender, ask_same, sender_set_find, NULL },
	{ "phone numbers", make_phone, ask_same, key_set_find, key_set_find_batch },
	{ "sha256", make_sha256, ask_same, key_set_find, key_set_find_batch },
};
/* clang-format on */

struct keys {
	const struct table *t;
	struct key_set *set;
	char text[ASKED][KEY_ROOM];
	struct span asked[ASKED];
};

struct ips {
	struct ip_set *set;
	struct addr asked[ASKED];
};

static uint64_t
keys_warm(void *ctx, size_t at)
{
	struct keys *k = ctx;
	uint64_t sum = 0;

	for (size_t i = 0; i < MEASURE_CHUNK; i++)
		for (size_t n = 0; n < k->asked[at + i].len; n++)
			sum += (unsigned char)k->asked[at + i].p[n];
	return sum;
}

static uint64_t
keys_alone(void *ctx, size_t at)
{
	struct keys *k = ctx;
	uint32_t v = 0;
	size_t go = 0;

	for (size_t i = 0; i < MEASURE_CHUNK; i++)
		go = k->t->find(k->set, k->asked[at + i - go], &v) & v >> 31; /* 0, but who knows */
	return go;
}

static uint64_t
keys_loop(void *ctx, size_t at)
{
	struct keys *k = ctx;
	uint32_t v = 0, sum = 0;

	for (size_t i = 0; i < MEASURE_CHUNK; i++)
		sum += k->t->find(k->set, k->asked[at + i], &v);
	return sum;
}

static uint64_t
keys_batch(void *ctx, size_t at)
{
	struct keys *k = ctx;
	uint32_t v[MEASURE_CHUNK];

	return k->t->find_batch(k->set, &k->asked[at], MEASURE_CHUNK, v);
}

static uint64_t
ips_warm(void *ctx, size_t at)
{
	struct ips *k = ctx;
	uint64_t sum = 0;

	for (size_t i = 0; i < MEASURE_CHUNK; i++)
		sum += k->asked[at + i].b[15];
	return sum;
}

static uint64_t
ips_alone(void *ctx, size_t at)
{
	struct ips *k = ctx;
	uint32_t v = 0;
	size_t go = 0;

	for (size_t i = 0; i < MEASURE_CHUNK; i++)
		go = ip_set_find(k->set, &k->asked[at + i - go], &v) & v >> 31;
	return go;
}

static uint64_t
ips_loop(void *ctx, size_t at)
{
	struct ips *k = ctx;
	uint32_t v = 0, sum = 0;

	for (size_t i = 0; i < MEASURE_CHUNK; i++)
		sum += ip_set_find(k->set, &k->asked[at + i], &v);
	return sum;
}

static uint64_t
ips_batch(void *ctx, size_t at)
{
	struct ips *k = ctx;
	uint32_t v[MEASURE_CHUNK];

	return ip_set_find_batch(k->set, &k->asked[at], MEASURE_CHUNK, v);
}

static void
print(const char *name, size_t cnt, double build_ms, size_t bytes, double alone, double loop,
      double batch)
{
	printf("%-20s %8zu entries, built in %4.0f ms, %5.1f MB, look-up %4.0f ns alone, %4.0f in "
	       "a loop",
	       name, cnt, build_ms, (double)bytes / 1e6, alone, loop);
	if (batch > 0)
		printf(", %4.0f in a batch (%.1f times)", batch, loop / batch);
	printf("\n");
	fflush(stdout);
}

static void
bench_keys(const struct table *t, size_t cnt)
{
	struct keys *k = calloc(1, sizeof(*k));
	struct key_set_builder b = { 0 };
	struct rng r;
	double ms;

	BUG_ON(!k);
	k->t = t;
	rng_seed(&r, 7);
	for (size_t i = 0; i < cnt; i++) {
		char e[KEY_ROOM];
		size_t n = t->make(&r, e);

		key_set_add(&b, span(e, n), (uint32_t)i);
		if (rng_below(&r, cnt) < ASKED / 2) /* in random order below */
			k->asked[i % (ASKED / 2)] = span(k->text[i % (ASKED / 2)],
			                                 t->ask(e, n, k->text[i % (ASKED / 2)]));
	}
	for (size_t i = 0; i < ASKED; i++)
		if (!k->asked[i].p) {
			char e[KEY_ROOM];
			size_t n = t->make(&r, e);

			k->asked[i] = span(k->text[i], t->ask(e, n, k->text[i]));
		}
	for (size_t i = ASKED - 1; i > 0; i--) {
		size_t o = rng_below(&r, i + 1);
		struct span x = k->asked[i];

		k->asked[i] = k->asked[o];
		k->asked[o] = x;
	}
	ms = measure_cpu_ms();
	k->set = key_set_build(&b);
	ms = measure_cpu_ms() - ms;
	print(t->name, key_set_cnt(k->set), ms, key_set_bytes(k->set),
	      measure_ns(keys_warm, keys_alone, k, ASKED),
	      measure_ns(keys_warm, keys_loop, k, ASKED),
	      t->find_batch ? measure_ns(keys_warm, keys_batch, k, ASKED) : 0);
	key_set_free(k->set);
	free(k);
}

static struct addr
random_addr(struct rng *r, bool is_v4)
{
	struct addr a = addr_v4((uint32_t)(rng_below(r, 224) << 24 | rng_below(r, 1u << 24)));

	if (is_v4)
		return a;
	for (int i = 0; i < 16; i++)
		a.b[i] = (uint8_t)rng_below(r, 256);
	a.b[0] = 0x20 | (a.b[0] & 0x0f); /* 2000::/4 */
	return a;
}

/* As in real lists most are long; every length from the shortest on is there. */
static uint8_t
random_bits(struct rng *r, unsigned min, unsigned max)
{
	unsigned less = (unsigned)rng_below(r, max - min + 1);

	for (int k = 0; k < 3; k++)
		less = MIN(less, (unsigned)rng_below(r, max - min + 1));
	return (uint8_t)(max - less);
}

static void
bench_ips(const char *name, bool is_v4, unsigned bits_min, unsigned bits_max, size_t cnt)
{
	struct ip_set_entry *e = calloc(cnt, sizeof(*e));
	struct ips *k = calloc(1, sizeof(*k));
	struct rng r;
	double ms;

	BUG_ON(!k || !e);
	rng_seed(&r, 9);
	for (size_t i = 0; i < cnt; i++) {
		struct addr a = random_addr(&r, is_v4);

		e[i].prefix.bits = random_bits(&r, bits_min, bits_max);
		e[i].prefix.addr = addr_mask(&a, e[i].prefix.bits);
		e[i].value = (uint32_t)i;
	}
	for (size_t i = 0; i < ASKED; i++)
		k->asked[i] = rng_below(&r, 2) ? e[rng_below(&r, cnt)].prefix.addr
		                               : random_addr(&r, is_v4);
	ms = measure_cpu_ms();
	k->set = ip_set_build(e, cnt);
	ms = measure_cpu_ms() - ms;
	print(name, cnt, ms, ip_set_bytes(k->set), measure_ns(ips_warm, ips_alone, k, ASKED),
	      measure_ns(ips_warm, ips_loop, k, ASKED), measure_ns(ips_warm, ips_batch, k, ASKED));
	ip_set_free(k->set);
	free(k);
	free(e);
}

int
main(int argc, char **argv)
{
	size_t cnt = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		bench_keys(&tables[i], cnt);
	printf("one cold read of this machine: %.0f ns\n", measure_cold_read_ns());
	bench_ips("IPv4 /8 to /32", true, 104, 128, cnt);
	bench_ips("IPv6 /20 to /64", false, 20, 64, cnt);
	bench_ips("IPv6 /20 to /128", false, 20, 128, cnt);
	return 0;
}
