/* SPDX-License-Identifier: BSD-3-Clause
 * test_smtp_wire.c - body, stuffing, replies, cleaning, PROXY v2: the parts that know no dialogue
 */
#include "base/rng.h"
#include "dataplane/smtp/proxy_v2.h"
#include "dataplane/smtp/smtp_body.h"
#include "dataplane/smtp/smtp_reply.h"
#include "dataplane/smtp/smtp_stuff.h"
#include "tests/check.h"

/* ---- body and stuffing ---- */

/*
 * Reads `in` in pieces of at most `step`; returns the bytes in `out`. *used is what was taken,
 * *bare whether one was met.
 */
static size_t
read_body(struct span in, size_t step, enum smtp_bare mode, char *out, size_t *used, bool *bare)
{
	struct smtp_body b;
	size_t n = 0, at = 0;

	smtp_body_begin(&b, true, mode);
	*bare = false;
	while (at < in.len) {
		struct span piece = span(in.p + at, MIN(step, in.len - at)), run;
		size_t len = piece.len;
		enum smtp_body_status st = smtp_body_next(&b, &piece, &run);

		at += len - piece.len;
		*bare |= st == SMTP_BODY_BARE;
		if (st == SMTP_BODY_RUN) {
			BUG_ON(run.len == 0);
			memcpy(out + n, run.p, run.len);
			n += run.len;
		}
		if (st == SMTP_BODY_END)
			break;
	}
	*used = at;
	return n;
}

/*
 * The same by the book, a byte at a time over the whole input: what an end is, and what a line is.
 */
static size_t
model(struct span in, char *out, size_t *used, bool *bare)
{
	size_t n = 0, i = 0;
	bool line = true; /* CR LF or the beginning stands before */

	*bare = false;
	while (i < in.len) {
		bool dot = line && in.p[i] == '.';

		if (dot && i + 2 < in.len && in.p[i + 1] == '\r' && in.p[i + 2] == '\n') {
			i += 3;
			break;
		}
		i += dot;
		if (i >= in.len)
			break;
		line = false;
		if (in.p[i] == '\r' && i + 1 < in.len && in.p[i + 1] == '\n') {
			line = true;
			i++;
		} else if (in.p[i] == '\n' || in.p[i] == '\r') {
			*bare = true;
		} else {
			out[n++] = in.p[i++];
			continue;
		}
		out[n++] = '\r';
		out[n++] = '\n';
		i++;
	}
	*used = i;
	return n;
}

static void
random_bytes(struct rng *r, char *p, size_t n, unsigned spice)
{
	static const char special[] = "\r\n.\r\n.\0x";

	for (size_t i = 0; i < n; i++)
		p[i] = rng_next(r) % 100 < spice ? special[rng_next(r) % 8] : 'a';
	memcpy(p + n - 7, "x\r\n.\r\nz", 7); /* an end, so that both know one */
}

static void
test_body(void) /* against the model, at several cuts; what comes out never has a bare newline */
{
	static char in[600], want[1300], got[1300];
	struct rng r;

	rng_seed(&r, 7);
	for (unsigned round = 0; round < 4000; round++) {
		size_t n = 8 + rng_next(&r) % 500, want_used, want_len;
		bool want_bare;

		random_bytes(&r, in, n, (unsigned[]){ 2, 20, 70, 100 }[round % 4]);
		want_len = model(span(in, n), want, &want_used, &want_bare);
		for (size_t step = 1; step <= n; step = step < 5 ? step + 1 : step * 3) {
			size_t used, len;
			bool bare;

			len = read_body(span(in, n), step, SMTP_BARE_CRLF, got, &used, &bare);
			CHECK(len == want_len && !memcmp(got, want, len) && used == want_used,
			      "round %u step %zu", round, step);
			read_body(span(in, n), step, SMTP_BARE_REJECT, got, &used, &bare);
			CHECK(bare == want_bare && used == want_used, "round %u step %zu", round,
			      step);
			if (check_failed)
				return;
		}
	}
}

static void
test_stuff(void) /* what is stuffed reads back as it was, in pieces of any size, and ends once */
{
	static char in[600], wire[2000], back[1300], canon[1300];
	struct rng r;

	rng_seed(&r, 8);
	for (unsigned round = 0; round < 2000; round++) {
		size_t raw = 8 + rng_next(&r) % 500, used, n, w = 0, step = 1 + rng_next(&r) % 200;
		struct smtp_stuff s = { 0 };
		struct span end, run;
		bool bare, dot;

		random_bytes(&r, in, raw, 60);
		n = model(span(in, raw), canon, &used, &bare);
		for (size_t at = 0; at < n;) {
			struct span piece = span(canon + at, MIN(step, n - at));

			at += piece.len;
			while (smtp_stuff_next(&s, &piece, &run, &dot)) {
				BUG_ON(run.len == 0);
				if (dot)
					wire[w++] = '.';
				memcpy(wire + w, run.p, run.len);
				w += run.len;
			}
		}
		end = smtp_stuff_end(&s);
		memcpy(wire + w, end.p, end.len);
		w += end.len;
		raw = read_body(span(wire, w), w, SMTP_BARE_REJECT, back, &used, &bare);
		CHECK(!bare && used == w && raw == n && !memcmp(back, canon, n), "round %u", round);
	}
}

static void
test_ends(void)
{
	struct smtp_stuff s = { 0 };

	CHECK(span_is(smtp_stuff_end(&s), ".\r\n"));
	s.mid_line = true;
	CHECK(span_is(smtp_stuff_end(&s), "\r\n.\r\n"));
	s.cr = true;
	CHECK(span_is(smtp_stuff_end(&s), "\n.\r\n"));
}

/* ---- replies ---- */

static void
write_reply(unsigned code, const char *enhanced, struct span text, uint64_t id,
            struct smtp_out *out)
{
	struct smtp_answer a = { (uint16_t)code, span_z(enhanced), text };

	out->len = 0;
	CHECK(smtp_reply_write(out, &a, id));
}

static void
test_write(void)
{
	static char bytes[SMTP_OUT_ROOM], text[SMTP_REPLY_TEXT_MAX];
	struct smtp_out out = { bytes, 0, sizeof(bytes) };
	char buf[64];
	struct smtp_answer a;

	write_reply(550, "5.1.1", span_z("a\nb\x01\r\x7f\xc3\xa9"), 1, &out);
	CHECK(span_is(span(bytes, out.len),
	              "550-5.1.1 id=0000000000001 a\r\n550 5.1.1 b\\x01\\x0d\\x7f\xc3\xa9\r\n"));
	write_reply(354, "", span("", 0), 0, &out);
	CHECK(span_is(span(bytes, out.len), "354 \r\n"));
	a = smtp_answer_arg(SMTP_R_BLOCKED, span_z("url"), buf, sizeof(buf));
	CHECK(span_is(a.text, "blocked by url filter") && a.code == 550);
	for (unsigned kind = 0; kind < 3;
	     kind++) { /* the worst texts fit into SMTP_OUT_ROOM, in lines of 512 */
		memset(text, "x\x01\n"[kind], sizeof(text));
		out.cap = kind == 2 ? 65536 : sizeof(bytes);
		if (kind == 2)
			continue; /* 1,024 lines: bounded by SMTP_UPSTREAM_LINES_MAX before */
		write_reply(550, "5.123.123", span(text, sizeof(text)), UINT64_MAX, &out);
		for (size_t i = 0, from = 0; i < out.len; i++)
			if (bytes[i] == '\n') {
				CHECK(i + 1 - from <= SMTP_REPLY_MAX, "%zu", i + 1 - from);
				from = i + 1;
			}
	}
	memset(text, 'x', sizeof(text)); /* 64 lines of 16 */
	for (size_t i = 15; i < sizeof(text); i += 16)
		text[i] = '\n';
	write_reply(550, "5.123.123", span(text, sizeof(text)), UINT64_MAX, &out);
	out.cap = out.len - 1; /* one byte short: nothing is written */
	out.len = 0;
	a = (struct smtp_answer){ 550, span_z("5.1.1"), span(text, sizeof(text)) };
	CHECK(!smtp_reply_write(&out, &a, 1) && out.len == 0);
}

static void
test_own(void) /* every row of replies.def is a reply: classes agree, none is too long for a line */
{
	for (enum smtp_reply_id id = 0; id < SMTP_REPLIES; id++) {
		struct smtp_answer a = smtp_answer_own(id);

		CHECK(a.code >= 214 && a.code <= 555 && a.text.len && a.text.len < 80, "%d",
		      (int)id);
		CHECK(!a.enhanced.len || a.enhanced.p[0] == (char)('0' + a.code / 100), "%d",
		      (int)id);
		CHECK(a.enhanced.len || a.code / 100 == 3 || id == SMTP_R_ORDER_HELO ||
		              id == SMTP_R_SYNTAX_HELO,
		      "%d", (int)id);
	}
}

static void
test_clean(void)
{
	/* clang-format off */
	static const struct { const char *in, *out; } t[] = {
		{ "no mailbox bob@acme.test here", "no mailbox bob@acme.test here" },
		{ "host 10.1.2.3 said no", "host [hidden] said no" },
		{ "(10.1.2.3:25)", "([hidden]:25)" },
		{ "192.168.0.1, 172.16.0.1, 172.32.0.1.", "[hidden], [hidden], 172.32.0.1." },
		{ "[127.0.0.1] 100.64.0.1 169.254.1.1 8.8.8.8", "[[hidden]] [hidden] [hidden] 8.8.8.8" },
		{ "fd00::1 fe80::1 ::1 2001:db8::1", "[hidden] [hidden] [hidden] 2001:db8::1" },
		{ "[IPv6:fd00::1]", "[[hidden]]" },
		{ "203.0.113.9 is ours", "[hidden] is ours" },
		{ "2001:db8::9 is ours", "[hidden] is ours" },
		{ "mx1.corp-host.test: full", "[hidden]: full" },
		{ "MX1.CORP-HOST.TEST.", "[hidden]." },
		{ "<bob@mx1.corp-host.test>", "<bob@mx1.corp-host.test>" },
		{ "ex01.acme.local and srv.lan", "[hidden] and [hidden]" },
		{ "localhost", "[hidden]" },
		{ "a.locale b.plan locals", "a.locale b.plan locals" },
		{ "http://ex01.internal/x", "http://[hidden]/x" },
		{ "1.2.3 5.7.1 10.1.2", "1.2.3 5.7.1 10.1.2" },
		{ "...:::---", "...:::---" },
		{ "", "" },
	};
	/* clang-format on */
	struct addr ours[2];
	struct smtp_private p = { ours, 2, { span_z("mx1.corp-host.test") } };

	CHECK(addr_parse(span_z("203.0.113.9"), &ours[0]) &&
	      addr_parse(span_z("2001:db8::9"), &ours[1]));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char out[128];
		size_t n = smtp_reply_clean(span_z(t[i].in), &p, out, sizeof(out));

		CHECK(span_is(span(out, n), t[i].out), "%s: %.*s", t[i].in, (int)n, out);
		CHECK(smtp_reply_clean(span_z(t[i].in), &p, out, 3) <= 3);
	}
}

static void
test_answer_pass(void)
{
	struct smtp_reply r = { .code = 452, .text_len = 4, .enhanced = "", .text = "full" };
	struct smtp_private none = { 0 };
	char buf[64];
	struct smtp_answer a = smtp_answer_pass(&r, &none, buf, sizeof(buf));

	CHECK(a.code == 452 && span_is(a.enhanced, "4.0.0") && span_is(a.text, "full"));
	memcpy(r.enhanced, "4.2.2", 6);
	a = smtp_answer_pass(&r, &none, buf, sizeof(buf));
	CHECK(span_is(a.enhanced, "4.2.2"));
}

/* ---- PROXY v2 ---- */

static void
test_proxy(void)
{
	struct proxy_v2 p = { .src = addr_v4(0xc0000201),
		              .dst = addr_v4(0xc0000202),
		              .src_port = 4000,
		              .dst_port = 25 },
	                q;
	char wire[PROXY_V2_MAX] = { 0 };
	size_t n, len;

	for (unsigned kind = 0; kind < 3; kind++) {
		if (kind == 1)
			CHECK(addr_parse(span_z("2001:db8::1"), &p.src));
		p.local = kind == 2;
		n = proxy_v2_encode(&p, wire);
		CHECK(n == (kind == 0 ? 28u : kind == 1 ? 52u : 16u));
		for (size_t i = 0; i < n; i++)
			CHECK(proxy_v2_decode(span(wire, i), &q, &len) == PROXY_V2_MORE, "%zu", i);
		CHECK(proxy_v2_decode(span(wire, sizeof(wire)), &q, &len) == PROXY_V2_OK &&
		      len == n);
		CHECK(q.local == p.local);
		CHECK(p.local || (addr_eq(&q.src, &p.src) && addr_eq(&q.dst, &p.dst) &&
		                  q.src_port == 4000 && q.dst_port == 25));
	}
	for (size_t i = 0; i < 14; i++) { /* every fixed byte counts */
		wire[i] ^= 0x40;
		CHECK(proxy_v2_decode(span(wire, 16), &q, &len) == PROXY_V2_BAD, "%zu", i);
		wire[i] ^= 0x40;
	}
}

static void
test_proxy_bounds(void)
{
	struct proxy_v2 p = { .src = addr_v4(1), .dst = addr_v4(2) }, q;
	char wire[PROXY_V2_MAX + 1] = { 0 };
	size_t len;

	proxy_v2_encode(&p, wire);
	wire[15] = 11; /* shorter than its addresses */
	CHECK(proxy_v2_decode(span(wire, 28), &q, &len) == PROXY_V2_BAD);
	wire[15] = 14; /* half a TLV head */
	CHECK(proxy_v2_decode(span(wire, 30), &q, &len) == PROXY_V2_BAD);
	wire[15] = 15; /* an empty TLV */
	CHECK(proxy_v2_decode(span(wire, 31), &q, &len) == PROXY_V2_OK && len == 31);
	wire[30] = 1; /* longer than what is there */
	CHECK(proxy_v2_decode(span(wire, 31), &q, &len) == PROXY_V2_BAD);
	store_be16(wire + 14, PROXY_V2_MAX - 16);
	store_be16(wire + 29, PROXY_V2_MAX - 31);
	CHECK(proxy_v2_decode(span(wire, PROXY_V2_MAX), &q, &len) == PROXY_V2_OK);
	store_be16(wire + 14, PROXY_V2_MAX - 15);
	CHECK(proxy_v2_decode(span(wire, sizeof(wire)), &q, &len) == PROXY_V2_BAD);
}

static void
test_proxy_crc(
        void) /* CRC32C of the header with zeroes in its place: computed here a second way, by table */
{
	struct proxy_v2 p = { .src = addr_v4(1), .dst = addr_v4(2) }, q;
	char wire[64] = { 0 };
	uint32_t table[256], crc = UINT32_MAX;
	size_t len;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] & 1 ? table[i] >> 1 ^ 0x82f63b78u : table[i] >> 1;
	}
	proxy_v2_encode(&p, wire);
	wire[15] = 12 + 7;
	wire[28] = 3;
	wire[30] = 4;
	for (size_t i = 0; i < 35; i++)
		crc = table[(crc ^ (uint8_t)wire[i]) & 255] ^ crc >> 8;
	crc = ~crc;
	store_be16(wire + 31, (uint16_t)(crc >> 16));
	store_be16(wire + 33, (uint16_t)crc);
	CHECK(proxy_v2_decode(span(wire, 35), &q, &len) == PROXY_V2_OK);
	wire[20] ^= 1;
	CHECK(proxy_v2_decode(span(wire, 35), &q, &len) == PROXY_V2_BAD);
}

int
main(void)
{
	test_body();
	test_stuff();
	test_ends();
	test_write();
	test_own();
	test_clean();
	test_answer_pass();
	test_proxy();
	test_proxy_bounds();
	test_proxy_crc();
	return check_failed;
}
