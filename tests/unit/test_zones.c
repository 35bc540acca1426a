/* SPDX-License-Identifier: BSD-3-Clause
 * test_zones.c - rbldnsd's zones as lines of lists: what an entry becomes, and which return codes are one
 */
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

	n = zone_read(kind, &c, span_z(in), out);
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
		{ ZONE_IP4, "", "" }, { ZONE_IP4, ":nonsense:x", ":nonsense:x" },
		{ ZONE_IP6, "2001:db8::/32 :3:x", "2001:db8::/32 # 127.0.0.3 x" },
		{ ZONE_DNS, "evil.example", "=evil.example # 127.0.0.2 " },
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
	test_map();
	return check_failed;
}
