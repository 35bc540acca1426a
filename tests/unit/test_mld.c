/* SPDX-License-Identifier: BSD-3-Clause
 * test_mld.c - listener reports: unasked at start, asked by queriers of both versions, and who may not ask
 */
#include "tests/check.h"
#include "tests/packet/frames.h"

#define SEC    1000000u
#define ME_LL  A("fe80::ff:fe11:2233")
#define ROUTER A("fe80::9")
#define ALL    A("ff02::1")
#define ANY    A("::")

static const uint8_t alert[8] = { PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0 };

static const uint8_t my_mac[6] = { 2, 0, 0, 0x11, 0x22, 0x33 };

/* The link-local address has a group of its own. */
static struct packet_port_config
config(void)
{
	struct packet_port_config c = rig_config();

	memcpy(c.mac, my_mac, 6);
	return c;
}

/* What left, as the last report that left says it. */
struct seen {
	unsigned cnt, groups; /* reports; records of the last one */
	uint8_t type, record;
	struct addr src, dst, first;
};

/* Looks at all that left since the last call; every report must be well formed. */
static struct seen
reports(struct rig *r)
{
	struct seen s = { 0 };

	for (unsigned i = 0; i < r->tx_cnt; i++) {
		const uint8_t *d = r->tx[i].d, *m = d + 62;
		uint8_t mac[6];
		uint16_t len = (uint16_t)(r->tx[i].len - 62);

		if (load_be16(d + 12) != ETH_TYPE_IP6 || d[20] != 0)
			continue;
		s.cnt++;
		memcpy(s.src.b, d + 22, 16);
		memcpy(s.dst.b, d + 38, 16);
		group_mac(&s.dst, mac);
		CHECK(d[21] == 1 && !memcmp(d + 54, alert, 8) && !memcmp(d, mac, 6) &&
		      load_be16(d + 18) == len + 8);
		CHECK(csum_is_ok(m, len, csum_pseudo(&s.src, &s.dst, PROTO_ICMP6, len)));
		s.type = m[0];
		if (s.type == 143) {
			s.groups = load_be16(m + 6);
			s.record = m[8];
			CHECK(len == 8 + 20 * s.groups && load_be16(m + 10) == 0 && m[9] == 0);
			memcpy(s.first.b, m + 12, 16);
		} else {
			CHECK(s.type == 131 && len == 24);
			memcpy(s.first.b, m + 8, 16);
			CHECK(addr_eq(&s.first, &s.dst));
		}
	}
	rig_clear(r);
	return s;
}

static void
pass(struct rig *r, uint64_t us)
{
	for (uint64_t end = r->now_us + us; r->now_us < end;) {
		r->now_us += MIN(50000u, end - r->now_us);
		rig_run(r);
	}
}

static bool
is(struct addr a, struct addr b)
{
	return addr_eq(&a, &b);
}

static struct bytes
query_of(struct addr src, struct addr dst, struct addr group, uint16_t max, bool v1)
{
	uint8_t data[20];
	struct bytes b;

	memset(data, 0, sizeof(data));
	memcpy(data, group.b, 16);
	b = icmp_frame(src, dst, 130, 0, (uint32_t)max << 16, data, v1 ? 16 : 20);
	b.d[21] = 1;
	memcpy(b.d, my_mac, 6);
	if (dst.b[0] == 0xff)
		group_mac(&dst, b.d);
	return extended(b, 0, alert, 8);
}

static void
ask(struct rig *r, struct addr group, uint16_t max, bool v1)
{
	struct bytes b = query_of(ROUTER, is(group, ANY) ? ALL : group, group, max, v1);

	rig_put(r, 0, b.d, b.len);
	rig_run(r);
}

/* RFC 3810 6.1, 3590: from :: before DAD's first word, from the link-local address after it, twice within two seconds. */
static void
test_unasked(void)
{
	struct packet_port_config c = config();
	struct rig *r;
	struct seen s;

	c.no_announce = false;
	r = rig_new(&c);
	rig_run(r);
	CHECK(r->tx[0].d[20] == 0, "before anything else");
	s = reports(r);
	CHECK(s.cnt == 1 && is(s.src, ANY) && is(s.dst, A("ff02::16")) && s.groups == 2 &&
	      s.record == 4 && is(s.first, A("ff02::1:ff00:2")));
	pass(r, 950000);
	CHECK(reports(r).cnt == 0);
	pass(r, 50000);
	s = reports(r);
	CHECK(s.cnt == 1 && is(s.src, ME_LL) && s.groups == 2 && s.record == 4);
	pass(r, 1100000);
	s = reports(r);
	CHECK(s.cnt == 1 && is(s.src, ME_LL) && s.groups == 2 && s.record == 4);
	pass(r, 300 * SEC);
	CHECK(reports(r).cnt == 0 && rig_count(r, C_mld_reports_out) == 3);
	CHECK(rig_free(r));
}

/* An address that somebody else has is not listened for; two with the same last 24 bits have one group. */
static void
test_groups(void)
{
	struct packet_port_config c = config();
	struct addr mine = A("fd00::2");
	struct bytes taken = nd_frame(136, 0x20000000, mine, ALL, mine, 2, rig_peer_mac);
	struct rig *r;

	c.no_announce = false;
	CHECK(packet_addr_parse(span_z("fd00:1::2/64"), &c.addresses[c.address_cnt++]));
	CHECK(packet_addr_parse(span_z("fd00:1::3/64"), &c.addresses[c.address_cnt++]));
	r = rig_new(&c);
	rig_run(r);
	CHECK(reports(r).groups == 3, "::2 twice, ::3, the link-local address");
	rig_put(r, 0, taken.d, taken.len);
	taken = nd_frame(136, 0x20000000, A("fd00:1::3"), ALL, A("fd00:1::3"), 2, rig_peer_mac);
	rig_put(r, 0, taken.d, taken.len);
	rig_run(r);
	pass(r, 1500000);
	CHECK(reports(r).groups == 2, "::2 of the other network, the link-local address");
	CHECK(rig_free(r));
}

static void
test_asked(void)
{
	struct packet_port_config c = config();
	struct rig *r = rig_new(&c);
	struct addr group = A("ff02::1:ff00:2");
	struct bytes b;
	struct seen s;

	ask(r, ANY, 1000, false);
	ask(r, ANY, 1000, false);
	pass(r, 1100000);
	s = reports(r);
	CHECK(s.cnt == 1 && s.groups == 2 && s.record == 2 && is(s.src, ME_LL) &&
	              is(s.dst, A("ff02::16")),
	      "one answer for two questions: %u", s.cnt);
	ask(r, group, 1000, false);
	pass(r, 1100000);
	s = reports(r);
	CHECK(s.cnt == 1 && s.groups == 1 && s.record == 2 && is(s.first, group));
	ask(r, A("ff02::1:ff00:3"), 1000, false);
	ask(r, A("ff02::1"), 1000, false);
	pass(r, 2 * SEC);
	CHECK(reports(r).cnt == 0, "not ours");
	b = query_of(ROUTER, ME_LL, ANY, 0, false); /* to one of our addresses, at once */
	rig_put(r, 0, b.d, b.len);
	rig_run(r);
	CHECK(reports(r).cnt == 1);
	/* A slow one, 3810 5.1.3: 0x8fff is (0x1fff) << 3 = 65,528 ms; the sooner of two answers both. */
	ask(r, group, 0x8fff, false);
	CHECK(packet_next_us(r->p[0]) <= r->now_us + 65528000);
	ask(r, ANY, 100, false);
	ask(r, ANY, 0x8fff, false);
	pass(r, 150000);
	CHECK(reports(r).groups == 2);
	pass(r, 70 * SEC);
	CHECK(reports(r).cnt == 0);
	CHECK(rig_count(r, C_mld_queries_in) == 9, "%llu",
	      (unsigned long long)rig_count(r, C_mld_queries_in));
	CHECK(rig_free(r));
}

/* Answers are spread over all of the time that the querier gives. */
static void
test_spread(void)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (unsigned i = 0; i < 200; i++) {
		struct packet_port_config c = config();
		struct rig *r;
		uint64_t wait;

		c.seed = i;
		r = rig_new(&c);
		ask(r, ANY, 0x8fff, false);
		wait = packet_next_us(r->p[0]) - r->now_us;
		least = MIN(least, wait);
		most = MAX(most, wait);
		CHECK(rig_free(r));
	}
	CHECK(least < 5 * SEC && most > 60 * SEC && most <= 65528000, "%llu to %llu us",
	      (unsigned long long)least, (unsigned long long)most);
}

/* RFC 3810 8.2.1: one for each group, to the group, for 260 s after the last of an old querier. */
static void
test_version_1(void)
{
	struct packet_port_config c = config();
	struct rig *r = rig_new(&c);
	struct seen s;

	ask(r, ANY, 1000, true);
	pass(r, 1100000);
	s = reports(r);
	CHECK(s.cnt == 2 && s.type == 131);
	ask(r, A("ff02::1:ff00:2"), 1000, false);
	pass(r, 1100000);
	s = reports(r);
	CHECK(s.cnt == 1 && s.type == 131 && is(s.dst, A("ff02::1:ff00:2")) && is(s.src, ME_LL));
	pass(r, 258 * SEC);
	ask(r, ANY, 1000, false);
	pass(r, 1100000);
	s = reports(r);
	CHECK(s.cnt == 1 && s.type == 143 && s.groups == 2, "%u of %u", s.cnt, s.type);
	CHECK(rig_free(r));
}

static void
refused(struct bytes b, enum packet_counter why, const char *what)
{
	struct packet_port_config c = config();
	struct rig *r = rig_new(&c);

	rig_put(r, 0, b.d, b.len);
	rig_run(r);
	pass(r, 11 * SEC);
	CHECK(reports(r).cnt == 0 && rig_count(r, why) == 1, "%s", what);
	CHECK(rig_free(r));
}

static struct bytes
with(struct bytes b, size_t at, uint8_t v)
{
	b.d[at] = v;
	return b;
}

/* RFC 3810 6.2, 8.1 */
static void
test_who_may_ask(void)
{
	struct bytes q = query_of(ROUTER, ALL, ANY, 1000, false), plain, odd;
	static const uint8_t none[20], pads[8] = { PROTO_ICMP6, 0, 0, 0, 0, 0, 0, 0 };

	refused(with(q, 21, 2), C_drop_mld_bad, "hop limit");
	refused(query_of(A("fd00::9"), ALL, ANY, 1000, false), C_drop_mld_bad, "from afar");
	refused(with(with(q, 56, 1), 57, 2), C_drop_mld_bad, "no router alert");
	refused(with(q, 59, 1), C_drop_mld_bad, "another alert");
	refused(with(q, 57, 7), C_drop_mld_bad, "an option over the header");
	refused(with(q, 57, 1), C_drop_mld_bad, "an alert of one byte");
	plain = icmp_frame(ROUTER, ALL, 130, 0, 1000 << 16, none, 20);
	plain.d[21] = 1;
	memcpy(plain.d, my_mac, 6);
	refused(plain, C_drop_mld_bad, "no hop-by-hop header");
	refused(extended(plain, 0, pads, 8), C_drop_mld_bad, "padding alone");
	for (size_t len = 17; len < 20; len++) {
		odd = icmp_frame(ROUTER, ALL, 130, 0, 1000 << 16, none, len);
		odd.d[21] = 1;
		memcpy(odd.d, my_mac, 6);
		refused(extended(odd, 0, alert, 8), C_drop_mld_bad, "25 to 27 bytes");
	}
	for (unsigned type = 131; type <= 143; type += type == 132 ? 11 : 1) {
		odd = icmp_frame(ROUTER, A("ff02::16"), (uint8_t)type, 0, 0, none, 16);
		odd.d[21] = 1;
		memcpy(odd.d, my_mac, 6);
		refused(extended(odd, 0, alert, 8), C_drop_mld_ignored, "reports of others");
	}
}

/* One that asks all the time gets an answer a turn at most, and no more than the bucket of replies has. */
static void
test_flood(void)
{
	struct packet_port_config c = config();
	struct rig *r = rig_new(&c);

	for (unsigned i = 0; i < 3 * NEIGH_REPLY_PER_S; i++) {
		ask(r, ANY, 0, false);
		reports(r);
	}
	CHECK(rig_count(r, C_mld_reports_out) == NEIGH_REPLY_PER_S / 4 &&
	      rig_count(r, C_drop_neighbour_limit) > 0);
	pass(r, SEC);
	ask(r, ANY, 0, false);
	CHECK(reports(r).cnt == 1);
	CHECK(rig_free(r));
}

int
main(void)
{
	rig_eal();
	test_unasked();
	test_groups();
	test_asked();
	test_spread();
	test_version_1();
	test_who_may_ask();
	test_flood();
	return check_failed;
}
