/* SPDX-License-Identifier: BSD-3-Clause
 * test_cores.c - which CPUs the workers get, and what EAL is told about the others
 */
#include "dataplane/packet/packet_eal.h"
#include "tests/check.h"

static void
test_parse(void)
{
	static const char *const bad[] = { "x",   "-1",    "0-",  "1,",    ",1",        "2-1",
		                           "0,0", "99999", "0 1", "0-0,0", "4294967296" };
	unsigned cpus[WORKERS_MAX];
	char err[PACKET_ERROR_TEXT];

	CHECK(packet_cores_parse("", cpus, err) == 1, "the last one");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		*err = 0;
		CHECK(packet_cores_parse(bad[i], cpus, err) == -EINVAL && strstr(err, "cores"),
		      "%s: %s", bad[i], err);
	}
}

static void
test_lcores(void)
{
	static const unsigned one[] = { 1 }, two[] = { 3, 0 }, all[] = { 0, 1, 2, 3 };
	bool usable[512];
	unsigned many[32];
	char out[400];

	memset(usable, 1, sizeof(usable));
	CHECK(packet_lcores_text(usable, 2, one, 1, out, sizeof(out)) && !strcmp(out, "0@(0),1@1"),
	      "%s", out);
	CHECK(packet_lcores_text(usable, 6, two, 2, out, sizeof(out)) &&
	              !strcmp(out, "0@(1-2,4-5),1@3,2@0"),
	      "%s", out);
	CHECK(packet_lcores_text(usable, 4, all, 4, out, sizeof(out)) &&
	              !strcmp(out, "0@(0-3),1@0,2@1,3@2,4@3"),
	      "none left: all of them: %s", out);
	usable[1] = false;
	CHECK(packet_lcores_text(usable, 4, two, 2, out, sizeof(out)) &&
	              !strcmp(out, "0@(2),1@3,2@0"),
	      "%s", out);
	usable[1] = true;
	for (unsigned i = 0; i < ARRAY_LEN(many); i++)
		many[i] = 480 + i;
	CHECK(packet_lcores_text(usable, 512, many, ARRAY_LEN(many), out, sizeof(out)) &&
	              !strncmp(out, "0@(0-479),1@480,2@481,", 22) && strstr(out, ",32@511"),
	      "a large machine fits: %s", out);
	CHECK(!packet_lcores_text(usable, 512, many, ARRAY_LEN(many), out, 100) &&
	              strlen(out) < 100,
	      "what does not fit is said");
}

int
main(void)
{
	test_parse();
	test_lcores();
	return check_failed;
}
