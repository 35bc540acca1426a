/* SPDX-License-Identifier: BSD-3-Clause
 * test_zones.c - rbldnsd's zones as lines of lists: what an entry becomes, and which return codes are one
 */
#include "base/addr.h"
#include "base/rng.h"
#include "ctrl/feeds_zone.h"
#include "tests/check.h"

static struct zone_codes
codes_of(const char *codes, const char *bits)
{
	struct zone_codes c = { 0 };

	CHECK(zone_codes_parse(span_z(codes), span_z(bits), &c), "%s %s", codes, bits);
	return c;
}

static void
test_codes(void)
{
	/* clang-format off */
	static const struct { const char *codes, *bits; uint32_t code; bool is_listed; } cases[] = {
		{ "", "", 0x7f000002, true }, { "", "", 0x7f0a0203, true },
		/* no answers */
		{ "", "", 0x7f000001, false }, { "", "", 0x7f0000ff, false }, { "", "", 0x7fffff00, false },
		{ "", "", 0x7ffffffe, false }, { "", "", 0x7fffffff, false }, { "", "", 0x0a000002, false }, { "", "", 0, false },
		{ "1-255", "", 0x7f000001, false }, { "1-255", "", 0x7f0000ff, false }, { "1-255", "", 0x7fffff02, false },
		{ "", "2,4,8,16,32,64,128", 0x7f000001, false }, { "", "8", 0x7f000009, false }, { "", "8", 0x7fffff08, false },
		/* by code */
		{ "2, 4-7", "", 0x7f000002, true }, { "2, 4-7", "", 0x7f000003, false }, { "2, 4-7", "", 0x7f000004, true },
		{ "2, 4-7", "", 0x7f000007, true }, { "2, 4-7", "", 0x7f000008, false }, { "2", "", 0x7f000102, false },
		{ "10 - 11", "", 0x7f00000b, true }, { "254", "", 0x7f0000fe, true },
		/* by bit */
		{ "", "8", 0x7f000008, true }, { "", "8", 0x7f000018, true }, { "", "8", 0x7f000010, false },
		{ "", "8, 64", 0x7f000040, true }, { "", "64", 0x7f000108, false }, { "", "128", 0x7f0000fe, true },
	};
	static const struct { const char *codes, *bits; } bad[] = {
		{ "2", "8" }, { "256", "" }, { "x", "" }, { "5-4", "" }, { "2,,4", "" }, { "127.0.0.2", "" }, { "", "3" }, { "", "1" }, { "", "0" }, { "", "256" },
	};
	/* clang-format on */
	struct zone_codes c;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		c = codes_of(cases[i].codes, cases[i].bits);
		CHECK(zone_code_is_listed(&c, cases[i].code) == cases[i].is_listed,
		      "codes \"%s\" bits \"%s\": %08x", cases[i].codes, cases[i].bits,
		      cases[i].code);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!zone_codes_parse(span_z(bad[i].codes), span_z(bad[i].bits), &c), "row %zu",
		      i);
}

static void
expect(enum zone_kind kind, const char *codes, const char *bits, const char *in, const char *want)
{
	struct zone_codes c = codes_of(codes, bits);
	size_t room = zone_room(span_z(in)), n;
	char *out = malloc(room);
	bool has_others;

	n = zone_read(kind, &c, span_z(in), out, &has_others);
	CHECK(n <= room && n == strlen(want) && !memcmp(out, want, n), "of:\n%s\ncame:\n%.*s", in,
	      (int)n, out);
	free(out);
}

static void
test_entries(void)
{
	/* clang-format off */
	static const struct { enum zone_kind kind; const char *in, *out; } lines[] = {
		{ ZONE_IP4, "192.0.2.1", "192.0.2.1/32 # 127.0.0.2 " },
		{ ZONE_IP4, "  192.0.2.0/24 \r", "192.0.2.0/24 # 127.0.0.2 " },
		{ ZONE_IP4, "10", "10.0.0.0/8 # 127.0.0.2 " },
		{ ZONE_IP4, "10.1", "10.1.0.0/16 # 127.0.0.2 " },
		{ ZONE_IP4, "10.1.2.", "10.1.2.0/24 # 127.0.0.2 " },
		{ ZONE_IP4, "10.1/12", "10.1.0.0/12 # 127.0.0.2 " },
		{ ZONE_IP4, "192.0.2.1-9", "192.0.2.1-192.0.2.9 # 127.0.0.2 " },
		{ ZONE_IP4, "192.0.2.1-192.0.2.9", "192.0.2.1-192.0.2.9 # 127.0.0.2 " },
		{ ZONE_IP4, "10.0.0-10.0.3", "10.0.0.0-10.0.3.255 # 127.0.0.2 " },
		{ ZONE_IP4, "10.0.1-3", "10.0.1.0-10.0.3.255 # 127.0.0.2 " },
		{ ZONE_IP4, "10-12", "10.0.0.0-12.255.255.255 # 127.0.0.2 " },
		{ ZONE_IP4, "192.0.2.1 :4:dirty", "192.0.2.1/32 # 127.0.0.4 dirty" },
		{ ZONE_IP4, "192.0.2.1 :127.0.1.4:dirty one", "192.0.2.1/32 # 127.0.1.4 dirty one" },
		{ ZONE_IP4, "192.0.2.1 only text", "192.0.2.1/32 # 127.0.0.2 only text" },
		{ ZONE_IP4, "192.0.2.1 ::text", "192.0.2.1/32 # 127.0.0.2 text" },
		{ ZONE_IP4, "!192.0.2.1", "!192.0.2.1/32 # 127.0.0.2 " },
		{ ZONE_IP4, "! 192.0.2.1 :127.255.255.254:", "!192.0.2.1/32 # 127.255.255.254 " },
		{ ZONE_IP4, "192.0.2.1 :127.255.255.254:query refused", "" },
		{ ZONE_IP4, "192.0.2.256", "? 192.0.2.256 # 127.0.0.2 " }, { ZONE_IP4, "192.0.2.1/33", "? 192.0.2.1/33 # 127.0.0.2 " },
		{ ZONE_IP4, "evil.example", "? evil.example # 127.0.0.2 " }, { ZONE_IP4, "1.2.3.4 :x:y", "? 1.2.3.4" },
		{ ZONE_IP4, "# 10.0.0.1", "" }, { ZONE_IP4, "; 10.0.0.1", "" }, { ZONE_IP4, "$SOA 1h ns.example a.example 0 1h 1h 1h 1h", "" },
		{ ZONE_IP4, "", "" }, { ZONE_IP4, ":nonsense:x", ":nonsense:x" }, { ZONE_IP4, ":", ":" }, { ZONE_IP4, "10.0.0.1 :", "? 10.0.0.1" },
		{ ZONE_IP4, "10.0.0.1:4:x", "10.0.0.1/32 # 127.0.0.4 x" }, { ZONE_IP4, "10.0.0.1;c", "10.0.0.1/32 # 127.0.0.2 " },
		{ ZONE_IP4, "10.0.0.1 # c", "10.0.0.1/32 # 127.0.0.2 " },
		{ ZONE_IP6, "2001:db8::/32 :3:x", "2001:db8::/32 # 127.0.0.3 x" },
		{ ZONE_DNS, "evil.example", "=evil.example # 127.0.0.2 " }, { ZONE_DNS, "<html>", "? <html> # 127.0.0.2 " },
		{ ZONE_DNS, "x_y.b\xc3\xbc.example # c", "=x_y.b\xc3\xbc.example # 127.0.0.2 " },
		{ ZONE_DNS, "*.evil.example :5:x", ">evil.example # 127.0.0.5 x" },
		{ ZONE_DNS, ".evil.example", "evil.example # 127.0.0.2 " },
		{ ZONE_DNS, "!.good.evil.example", "!good.evil.example # 127.0.0.2 " },
	};
	/* clang-format on */
	char in[200], out[200];

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		snprintf(in, sizeof(in), "%s\n", lines[i].in);
		snprintf(out, sizeof(out), "%s\n", lines[i].out);
		expect(lines[i].kind, "", "", in, out);
	}
	/* A default holds until the next one; a text of its own beats it; lines keep their numbers. */
	expect(ZONE_IP4, "", "",
	       ":3:listed at example.test\n10.0.0.1\n10.0.0.2 mine\n:4\n10.0.0.3\n10.0.0.4 :5:\n",
	       "\n10.0.0.1/32 # 127.0.0.3 listed at example.test\n10.0.0.2/32 # 127.0.0.3 mine\n\n"
	       "10.0.0.3/32 # 127.0.0.4 \n10.0.0.4/32 # 127.0.0.5 \n");
	/* One file, three lists of it. */
	expect(ZONE_DNS, "", "8", ".a.example :24:\n.b.example :16:\n!.c.example :64:\n",
	       "a.example # 127.0.0.24 \n\n!c.example # 127.0.0.64 \n");
	expect(ZONE_DNS, "24", "",
	       ".a.example :24:\n.b.example :16:", "a.example # 127.0.0.24 \n\n");
}

/* As rbldnsd 1.0 (`rbldnsd -d zone:ip6trie:file`) takes each line: the prefix, or none. */
static void
test_ip6(void)
{
	/* clang-format off */
	static const struct { const char *in, *out; } lines[] = {
		{ "2001:21ab:c000/36", "2001:21ab:c000::/36" }, { "2001:db8", "2001:db8::/32" }, { "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:0/112" },
		{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8/128" }, { "a00/8", "a00::/8" }, { "2001:00DB8:012", "2001:db8:12::/48" },
		{ "2605:6001:42::/52", "2605:6001:42::/52" }, { "2001:db8::/032", "2001:db8::/32" }, { "2001::", "2001::/128" },
		{ "::1", "::1/128" }, { "::", "::/128" }, { "::/64", "::/64" }, { "::2:3", "::0.2.0.3/128" }, { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0/128" },
		{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8/128" }, { "1:2:3::4:5:6:7", "1:2:3:0:4:5:6:7/128" }, { "2001:db8::1:2:3", "2001:db8::1:2:3/128" },
		{ "::ffff:a00:0/104", "::ffff:a00:0/104" }, { "2001:db8:6::# c", "2001:db8:6::/128" }, { "1:2;c", "1:2::/32" },
		{ "2001", NULL }, { "2001:", NULL }, { "2001:db8:1:", NULL }, { "2001:db8:14:0:/64", NULL }, { "12345::", NULL },
		{ "1::12345", NULL }, { "::1:2:3:4:5:6:7:8", NULL }, { "1:2:3:4::5:6:7:8", NULL }, { "::1.2.3.4", NULL }, { "fe80::%eth0", NULL },
		{ "2001:db8::1/48", NULL }, { "2001:db8:5:1::/48", NULL }, { "fe:dc/16", NULL }, { "a/8", NULL }, { "2001:db8::/129", NULL },
		{ "2001:db8::/", NULL }, { "2001:db8::/-1", NULL }, { "2001:db8::/32x", NULL }, { "2001:db8::1-2001:db8::9", NULL },
		{ "2001:db8:10:127.0.0.9", NULL }, { "2001:db8::zz", NULL }, { "evil.example", NULL },
	};
	static const struct { const char *in, *out; } values[] = {
		{ "2001:db8/32:4:txt", "2001:db8::/32 # 127.0.0.4 txt" }, { "::1 :127.0.1.3: one", "::1/128 # 127.0.1.3 one" },
		{ ":::3:x", "::/128 # 127.0.0.3 x" }, { "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8/128 # 127.0.0.9 " },
		{ "2001:db8:e::1::2", "2001:db8:e::1/128 # 127.0.0.2 2" }, { "!::1", "!::1/128 # 127.0.0.2 " }, { ":4:x\n::1", "\n::1/128 # 127.0.0.4 x" },
		{ ":2001", ":2001" },
	};
	/* clang-format on */
	char in[200], out[200];

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		snprintf(in, sizeof(in), "%s\n", lines[i].in);
		if (lines[i].out)
			snprintf(out, sizeof(out), "%s # 127.0.0.2 \n", lines[i].out);
		else
			snprintf(out, sizeof(out), "? %.*s # 127.0.0.2 \n",
			         (int)strcspn(lines[i].in, " "), lines[i].in);
		expect(ZONE_IP6, "", "", in, out);
	}
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		snprintf(in, sizeof(in), "%s\n", values[i].in);
		snprintf(out, sizeof(out), "%s\n", values[i].out);
		expect(ZONE_IP6, "", "", in, out);
	}
}

/* Entries of codes that were not asked for: not errors, and not lines that are no entry. */
static void
test_others(void)
{
	/* clang-format off */
	static const struct { enum zone_kind kind; const char *codes, *in; bool has; } cases[] = {
		{ ZONE_IP4, "4", "10.0.0.1\n", true }, { ZONE_IP4, "2", "10.0.0.1\n", false }, { ZONE_IP4, "", "10.0.0.1\n", false },
		{ ZONE_IP4, "4", "<html>\n", false }, { ZONE_IP4, "4", "", false }, { ZONE_IP4, "4", "10.0.0.1 :127.255.255.254:\n", false },
		{ ZONE_IP4, "4", "10.0.0.1 :4:\n10.0.0.2 :5:\n", true }, { ZONE_IP4, "4", "!10.0.0.1\n", false },
		{ ZONE_IP6, "4", "2001:db8\n", true }, { ZONE_IP6, "4", "2001\n", false },
		{ ZONE_DNS, "4", "evil.example\n", true }, { ZONE_DNS, "4", "<html>\n", false },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct zone_codes c = codes_of(cases[i].codes, "");
		bool has = !cases[i].has;
		char out[500];

		zone_read(cases[i].kind, &c, span_z(cases[i].in), out, &has);
		CHECK(has == cases[i].has, "row %zu", i);
	}
}

/* A default's text comes with every entry: its length times their number must stay in bounds. */
static void
test_long_text(void)
{
	char in[2000] = ":4:", want[400], *out;
	struct zone_codes c = codes_of("", "");
	bool has_others;
	size_t n;

	memset(in + 3, 'x', 1000);
	strcpy(in + 1003, "\n10.0.0.1\n");
	n = (size_t)sprintf(want, "\n10.0.0.1/32 # 127.0.0.4 %.255s\n", in + 3);
	CHECK(zone_room(span_z(in)) < 1000 + 2 * 400);
	out = malloc(zone_room(span_z(in)));
	CHECK(zone_read(ZONE_IP4, &c, span_z(in), out, &has_others) == n && !memcmp(out, want, n));
	free(out);
}

/* An IPv6 line of the list is a prefix, or one that the engine skips. */
static void
check_ip6_line(struct span line)
{
	const char *blank = memchr(line.p, ' ', line.len);
	struct addr_prefix p;

	if (line.len == 0 || line.p[0] == '?' || line.p[0] == ':')
		return;
	if (line.p[0] == '!')
		line = span_skip(line, 1);
	if (line.p[0] == '?')
		return;
	CHECK(blank && addr_parse_prefix(span(line.p, (size_t)(blank - line.p)), false, &p), "%.*s",
	      (int)line.len, line.p);
}

/* Whatever a line has in it: it fits, and lines keep their number. */
static void
test_random(void)
{
	static const char letters[] = "::::0011223456789abcdf//.#!; gx*\t-";
	struct rng r;

	rng_seed(&r, 3);
	for (unsigned i = 0; i < 20000; i++) {
		struct zone_codes c = codes_of(i % 2 ? "" : "2-4", "");
		enum zone_kind kind = (enum zone_kind)(i % 3);
		size_t len = 200, lines = 0, n;
		char in[200], *out;
		bool has_others;

		for (size_t k = 0; k < len; k++) {
			in[k] = letters[rng_below(&r, sizeof(letters) - 1)];
			if (rng_odds(&r, 1, 12))
				in[k] = '\n';
			lines += in[k] == '\n' || k + 1 == len;
		}
		out = malloc(zone_room(span(in, len)));
		n = zone_read(kind, &c, span(in, len), out, &has_others);
		CHECK(n <= zone_room(span(in, len)));
		for (size_t at = 0; at < n; lines--) {
			const char *end = memchr(out + at, '\n', n - at);

			if (!end)
				break;
			if (kind == ZONE_IP6)
				check_ip6_line(span(out + at, (size_t)(end - (out + at))));
			at = (size_t)(end - out) + 1;
		}
		CHECK(lines == 0, "%zu lines are missing", lines);
		free(out);
	}
}

static void
test_map(void)
{
	static const char in[] = "# comment\nbad.example\nworse.example 0.5\r\n/re\\.x/i\n\n";
	char out[200];
	size_t n = map_read(span_z(in), out);

	CHECK(span_is(span(out, n), "\nbad.example\nworse.example\n/re\\.x/i\n\n"), "%.*s", (int)n,
	      out);
}

int
main(void)
{
	test_codes();
	test_entries();
	test_ip6();
	test_others();
	test_long_text();
	test_random();
	test_map();
	return check_failed;
}
