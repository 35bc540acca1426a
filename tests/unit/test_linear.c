/* SPDX-License-Identifier: BSD-3-Clause
 * test_linear.c - ten times as much hostile input is at most twelve times the work, counted and not timed; memory stays as it is
 *
 * Why     A clock on a shared machine cannot decide such a bound. The engine is compiled a second time with a call at each basic
 *         block (-fsanitize-coverage=trace-pc), so that every turn of every loop of ours counts, whoever wrote it; what runs in
 *         libraries counts by the bytes it was given. The same mail gives the same count on every machine.
 *         The same for the longest step between two looks at the clock.
 * Limit   PCRE2 counts by bytes too, not by what it tries again: its own bounds are tested in test_match.c.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "bench/micro/hostile_shapes.h"
#include "bench/micro/scan_rig.h"
#include "tests/check.h"
#include <hs/hs.h>
#include <openssl/sha.h>
#include <pcre2.h>
#include <zlib.h>

#define RATIO_MAX   12.0
#define SHAPE_BYTES 2000000u /* of the smaller mail; more prove nothing, all bounds are below */
/* Work of a step; a unit is half a cycle to two. The dearest are a paragraph of hosts, each asked of the suffix list, and a field of
 * MIME_HEADER_BYTES_MAX: bounded, but long. */
#define STEP_MAX       700000u
#define FIELD_STEP_MAX 1500000u
#define PHRASE_CNT     1000u
#define VECTOR_BYTES   16u /* that memcpy() and its kin handle in a step */

enum kind {
	W_STEPS,   /* basic blocks of the engine */
	W_BYTES,   /* moved, compared and searched by the C library */
	W_MATCH,   /* by Hyperscan */
	W_CONFIRM, /* by PCRE2 */
	W_INFLATE,
	W_SHA,
	W_KINDS,
};

static const char *const names[W_KINDS] = { "steps",     "library bytes", "matched",
	                                    "confirmed", "inflated",      "hashed" };
static uint64_t work[W_KINDS];

void __sanitizer_cov_trace_pc(void);

void
__sanitizer_cov_trace_pc(void)
{
	work[W_STEPS]++;
}

/* clang-format off */
#define WRAP(type, name, params) type __real_##name params; type __wrap_##name params; type __wrap_##name params
/* clang-format on */

/* Up to where it was found. */
static const void *
searched(const void *from, const void *found, size_t len, bool from_end)
{
	size_t at = found ? (size_t)((const char *)found - (const char *)from) : 0;

	work[W_BYTES] += !found ? len : from_end ? len - at : at + 1;
	return found;
}

WRAP(void *, memchr, (const void *s, int c, size_t n))
{
	return (void *)(uintptr_t)searched(s, __real_memchr(s, c, n), n, false);
}

WRAP(void *, memrchr, (const void *s, int c, size_t n))
{
	return (void *)(uintptr_t)searched(s, __real_memrchr(s, c, n), n, true);
}

WRAP(void *, memmem, (const void *s, size_t n, const void *what, size_t len))
{
	return (void *)(uintptr_t)searched(s, __real_memmem(s, n, what, len), n, false);
}

WRAP(int, memcmp, (const void *a, const void *b, size_t n))
{
	work[W_BYTES] += n;
	return __real_memcmp(a, b, n);
}

WRAP(void *, memcpy, (void *to, const void *from, size_t n))
{
	work[W_BYTES] += n;
	return __real_memcpy(to, from, n);
}

WRAP(void *, memmove, (void *to, const void *from, size_t n))
{
	work[W_BYTES] += n;
	return __real_memmove(to, from, n);
}

WRAP(void *, memset, (void *to, int c, size_t n))
{
	work[W_BYTES] += n;
	return __real_memset(to, c, n);
}

WRAP(hs_error_t, hs_scan,
     (const hs_database_t *db, const char *p, unsigned len, unsigned flags, hs_scratch_t *scratch,
      match_event_handler fn, void *ctx))
{
	work[W_MATCH] += len;
	return __real_hs_scan(db, p, len, flags, scratch, fn, ctx);
}

WRAP(hs_error_t, hs_scan_stream,
     (hs_stream_t * st, const char *p, unsigned len, unsigned flags, hs_scratch_t *scratch,
      match_event_handler fn, void *ctx))
{
	work[W_MATCH] += len;
	return __real_hs_scan_stream(st, p, len, flags, scratch, fn, ctx);
}

WRAP(int, pcre2_jit_match_8,
     (const pcre2_code *code, PCRE2_SPTR p, PCRE2_SIZE len, PCRE2_SIZE from, uint32_t options,
      pcre2_match_data *data, pcre2_match_context *context))
{
	work[W_CONFIRM] += len - from;
	return __real_pcre2_jit_match_8(code, p, len, from, options, data, context);
}

WRAP(int, inflate, (z_streamp z, int flush))
{
	uLong before = z->total_out;
	int rc = __real_inflate(z, flush);

	work[W_INFLATE] += z->total_out - before;
	return rc;
}

WRAP(int, SHA256_Update, (SHA256_CTX * c, const void *p, size_t n))
{
	work[W_SHA] += n;
	return __real_SHA256_Update(c, p, n);
}

static uint64_t
total(const uint64_t *w)
{
	return w[W_STEPS] + w[W_BYTES] / VECTOR_BYTES + w[W_MATCH] + w[W_CONFIRM] + w[W_INFLATE] +
	       w[W_SHA];
}

/* Work of one scan, and of its longest step between two looks at the clock. */
struct count {
	uint64_t work[W_KINDS], step, step_before;
};

static void
on_step(void *ctx, uint64_t cycles)
{
	struct count *c = ctx;
	uint64_t now = total(work);

	(void)cycles;
	c->step = MAX(c->step, now - c->step_before);
	c->step_before = now;
}

/* The second scan counts: a scan begins by clearing what the one before left. Its deadline is over before a step begins. */
static void
scan(struct scan_rig *r, struct span mail, struct count *c)
{
	struct engine_verdict v;

	*c = (struct count){ 0 };
	r->ctx = c;
	scan_rig_run(r, mail, &v);
	*c = (struct count){ 0 };
	__real_memset(work, 0, sizeof(work));
	scan_rig_run(r, mail, &v);
	__real_memcpy(c->work, work, sizeof(work));
}

/* Its units are all of one header field, which is decoded and looked at in one step. */
static bool
is_in_field(const struct hostile_shape *s)
{
	size_t n = strlen(s->head);

	return n > 0 && s->head[n - 1] != '\n' && !strstr(s->head, "\r\n\r\n");
}

static void
test_shape(struct scan_rig *r, const struct hostile_shape *s)
{
	size_t bytes = MIN(s->bytes, (size_t)SHAPE_BYTES), heap;
	struct span one = hostile_make(s, bytes), ten = hostile_make(s, bytes * 10);
	struct count a, b;
	double ratio;

	heap = scan_rig_heap();
	scan(r, one, &a);
	scan(r, ten, &b);
	ratio = (double)total(b.work) / (double)total(a.work) /
	        ((double)ten.len / (double)one.len / 10);
	printf("%-24s x 10: work x %5.2f, longest step %6llu, a byte %6.2f:", s->name, ratio,
	       (unsigned long long)b.step, (double)total(b.work) / (double)ten.len);
	for (unsigned i = 0; i < W_KINDS; i++)
		printf(" %s %.2f", names[i], (double)b.work[i] / (double)ten.len);
	printf("\n");
	CHECK(ratio <= RATIO_MAX, "%s: %.2f", s->name, ratio);
	CHECK(b.step <= (is_in_field(s) ? FIELD_STEP_MAX : STEP_MAX), "%s: a step of %llu", s->name,
	      (unsigned long long)b.step);
	CHECK(scan_rig_heap() == heap, "%s took heap", s->name);
	free((void *)(uintptr_t)one.p);
	free((void *)(uintptr_t)ten.p);
}

/* Does it count, and the same each time? */
static void
test_counter(struct scan_rig *r)
{
	const char mail[] = "Subject: x\r\n\r\nhello\r\n";
	struct count a, b;

	scan(r, span_z(mail), &a);
	scan(r, span_z(mail), &b);
	CHECK(a.work[W_STEPS] > 100 && a.work[W_MATCH] >= 5 && a.work[W_BYTES] > 0);
	CHECK(!__real_memcmp(&a, &b, sizeof(a)), "counts are repeated exactly");
}

int
main(void)
{
	struct scan_rig_options o = { .rules = { "contrib/rules" },
		                      .rules_cnt = 1,
		                      .phrase_cnt = PHRASE_CNT,
		                      .model = "contrib/model/default.model" };
	struct scan_rig r = { 0 };

	printf("work by kind, for a byte of the larger mail\n");
	scan_rig_init(&r, &o);
	r.on_step = on_step;
	r.slice_cycles = 0;
	test_counter(&r);
	for (const struct hostile_shape *s = hostile_shapes; s->name; s++)
		test_shape(&r, s);
	printf("a worker: %zu bytes for %u scans at a time, %zu for the generation\n",
	       r.worker_bytes, ENGINE_SLOTS, r.attach_bytes);
	return check_failed;
}
