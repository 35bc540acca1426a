/* SPDX-License-Identifier: BSD-3-Clause
 * test_failopen.c - each stage of a scan fails in turn: mail passes, is counted by stage, and says so (S15)
 *
 * In a build without -Dfaults=true the switch is not there: then WEIR_FAULT must change nothing.
 */
#include "engine/job.h"
#include "tests/check.h"
#include <unistd.h>

#define GTUBE_LINE                                                                                 \
	"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE"                                      \
	"-TEST-EMAIL*C.34X"
#define EICAR_TEXT                                                                                 \
	"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-"                                             \
	"ANTIVIRUS-TEST-FILE!$H+H*"
#define HEAD "From: Zoe <zoe@z.test>\r\nTo: bob@acme.test\r\n"
#define HTML "Content-Type: text/html\r\n\r\n"

static char dir[] = "/tmp/weir-failopen-XXXXXX";

static const struct {
	const char *name, *text;
} files[] = {
	{ "a.rules",
	  "body GTUBE "
	  "/XJS\\*C4JDBQADN1\\.NSBN3\\*2IDNEN\\*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL\\*C\\.34X/\n"
	  "filter GTUBE pattern\n"
	  "header SUBJ Subject =~ /loans/i\nfilter SUBJ pattern\n"
	  /* What a stage that failed leaves out must not be taken for absent. */
	  "header NOTO To !~ /bob/\nfilter NOTO pattern\n"
	  "body __HELLO /hello/\nmeta SILENT !__HELLO\nfilter SILENT pattern\n"
	  "body BACKREF /(ab+c) and \\1 again/\nfilter BACKREF pattern\n"
	  "body __MONEY /money/\nmeta MONEY __HELLO && __MONEY\nfilter MONEY pattern\n"
	  /* Nor must a sum without what takes away. */
	  "header PLUS X-Plus =~ /yes/\nscore PLUS 6\nbody GOOD /hello friend/\nscore GOOD "
	  "-3\ntflags GOOD nice\n" },
	{ "b.list", "%name BADDOM\n%kind domain\nlisted.example\n" },
	{ "c.list", "%name BADPHONE\n%kind phone\n+1 (800) 555-0100\n" },
};

/* What only this stage finds; NULL: nothing by itself. Each mail has "hello". */
static const struct {
	enum engine_stage stage;
	const char *mail;
} caught[] = {
	{ ENGINE_STAGE_MIME, HEAD
	  "Content-Transfer-Encoding: base64\r\n\r\n"
	  "aGVsbG8NClhKUypDNEpEQlFBRE4xLk5TQk4zKjJJRE5FTipHVFVCRS1TVEFOREFSRC1BTlRJLVVC\r\nRS1URVNU"
	  "LUVNQUlMKkMuMzRY\r\n" },
	{ ENGINE_STAGE_HEADER, HEAD "Subject: Loans\r\n\r\nhello\r\n" },
	{ ENGINE_STAGE_CHARSET, HEAD "\r\nhello\r\n" GTUBE_LINE "\r\n" },
	{ ENGINE_STAGE_HTML, HEAD HTML "hello <p>" GTUBE_LINE "</p>\r\n" },
	{ ENGINE_STAGE_FILE,
	  HEAD "Content-Type: application/octet-stream; name=\"x.bin\"\r\n\r\n" EICAR_TEXT },
	{ ENGINE_STAGE_MATCH, HEAD "\r\nhello\r\n" GTUBE_LINE "\r\n" },
	{ ENGINE_STAGE_PCRE2, HEAD "\r\nhello abbc and abbc again\r\n" },
	{ ENGINE_STAGE_URL, HEAD "\r\nhello http://www.listed.example/\r\n" },
	{ ENGINE_STAGE_PHONE, HEAD "\r\nhello, call 1-800-555-0100 now\r\n" },
	{ ENGINE_STAGE_LISTS, HEAD "\r\nhello http://www.listed.example/\r\n" },
	{ ENGINE_STAGE_META, HEAD "\r\nhello money\r\n" },
	{ ENGINE_STAGE_POLICY, HEAD "\r\nhello\r\n" GTUBE_LINE "\r\n" },
};

static const char clean[] = HEAD "X-Plus: yes\r\nContent-Type: text/html\r\n\r\n"
                                 "<p>hello friend</p> http://fine.example/ +1 800 555 0199\r\n";

static void
write_files(bool unlink_them)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char path[200];
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		if (unlink_them) {
			unlink(path);
			continue;
		}
		f = fopen(path, "w");
		BUG_ON(!f);
		fputs(files[i].text, f);
		fclose(f);
	}
}

#define GEO_FILE "../shared/data/geo/maxmind-test/test-data/GeoIP2-Country-Test.mmdb"

static struct snapshot *
build(const char *geo)
{
	struct span gb = span_z("GB");
	const char *dirs[] = { dir };
	struct span domain = span_z("acme.test");
	struct snapshot_customer c = { .id = span_z("acme"), .domains = &domain, .domain_cnt = 1 };
	struct snapshot_input in = { .generation = 1,
		                     .rule_dirs = dirs,
		                     .rule_dir_cnt = 1,
		                     .customers = &c,
		                     .customer_cnt = 1,
		                     .geo_path = geo,
		                     .no_probes = true };
	struct snapshot_errors e = { 0 };
	struct snapshot *s;

	c.route.server_cnt = 1;
	snapshot_profile_default(&c.profile);
	c.profile.countries_deny = (struct snapshot_span_list){ &gb, 1 };
	s = snapshot_build(&in, &e);
	CHECK(s, "%s", e.cnt ? e.item[0].text : "");
	BUG_ON(!s);
	snapshot_errors_fini(&e);
	return s;
}

static struct engine_verdict
verdict(struct engine_worker *w, const struct snapshot *s, const char *mail)
{
	struct engine_client client = { .addr = addr_v4(0x027da0d8) }; /* 2.125.160.216: GB */
	struct engine_mail m = { s, &client, span_z("zoe@z.test"), strlen(mail), false };
	struct engine_verdict v;
	struct engine_job *j;

	engine_country(s, &client.addr, client.country);
	j = engine_job_begin(w, &m);
	BUG_ON(!j);
	engine_job_step(j, span_z(mail), UINT64_MAX);
	while (!engine_job_end(j, UINT64_MAX))
		;
	engine_decide(j, span_z("bob"), span_z("acme.test"), &v);
	engine_job_put(j);
	return v;
}

static void
test_nothing_fails(struct engine_worker *w, const struct snapshot *s)
{
	const struct engine_counters *n = engine_worker_counters(w);

	for (size_t i = 0; i < ARRAY_LEN(caught); i++) {
		struct engine_verdict v = verdict(w, s, caught[i].mail);

		CHECK(v.action == ACTION_BLOCK && !v.unscanned, "row %zu: %s %s", i,
		      policy_action_name(v.action), v.rules);
	}
	struct engine_verdict v = verdict(w, s, clean);

	CHECK(v.action == ACTION_DELIVER && !v.unscanned && v.headers_len == 0, "%s", v.rules);
	CHECK(n->unscanned == 0 && n->failed_mime == 0 && n->failed_policy == 0);
}

/* A country that is denied, and a database that does not answer. */
static void
test_geo(struct engine_worker *w, const struct snapshot *s)
{
	struct engine_verdict v = verdict(w, s, clean);

	CHECK(v.action == ACTION_BLOCK && v.filter == FILTER_COUNTRY && !v.unscanned);
#ifdef WEIR_FAULTS
	fault_mask = 1u << ENGINE_STAGE_GEO;
	v = verdict(w, s, clean);
	CHECK(v.action == ACTION_DELIVER && v.unscanned &&
	      !strcmp(v.headers, "X-Weir-Unscanned: geo\r\n"));
	CHECK(engine_worker_counters(w)->failed_geo == 1);
	fault_mask = 0;
#endif
}

#ifdef WEIR_FAULTS
static void
test_one_fails(struct engine_worker *w, const struct snapshot *s, enum engine_stage stage)
{
	const struct engine_counters *n = engine_worker_counters(w);
	const uint64_t *failed = &n->failed_mime + stage;
	uint64_t before = *failed, all = n->unscanned;
	struct engine_verdict v;
	char line[64];
	unsigned mails = 0;

	fault_mask = 1u << stage;
	snprintf(line, sizeof(line), "X-Weir-Unscanned: %s\r\n", engine_stage_name(stage));
	for (size_t i = 0; i < ARRAY_LEN(caught); i++) {
		if (caught[i].stage != stage)
			continue;
		v = verdict(w, s, caught[i].mail);
		CHECK(v.action == ACTION_DELIVER && v.unscanned, "%s: %s %s", line,
		      policy_action_name(v.action), v.rules);
		CHECK(v.headers_len == strlen(line) && !memcmp(v.headers, line, strlen(line)),
		      "%s came as %.*s", line, v.headers_len, v.headers);
		mails++;
	}
	v = verdict(w, s, clean);
	CHECK(v.action == ACTION_DELIVER, "%s a clean mail: %s %s", line,
	      policy_filter_name(v.filter), v.rules);
	mails += v.unscanned;
	CHECK(*failed == before + mails && n->unscanned == all + mails, "%s %u mails, counted %llu",
	      line, mails, (unsigned long long)(*failed - before));
	fault_mask = 0;
}

static void
test_each_fails(struct engine_worker *w, const struct snapshot *s)
{
	struct engine_verdict v;

	for (unsigned i = 0; i < ENGINE_STAGES; i++)
		test_one_fails(w, s, (enum engine_stage)i);
	/* What the others find still counts. */
	fault_mask = 1u << ENGINE_STAGE_HTML;
	v = verdict(w, s, HEAD "Subject: loans\r\n" HTML "x\r\n");
	CHECK(v.action == ACTION_BLOCK && v.filter == FILTER_PATTERN && v.unscanned);
	fault_mask = (1u << ENGINE_STAGES) - 1;
	v = verdict(w, s, HEAD "Subject: loans\r\n\r\n" GTUBE_LINE "\r\n");
	CHECK(v.action == ACTION_DELIVER && v.unscanned);
	CHECK(v.headers_len < sizeof(v.headers) && v.headers[v.headers_len - 1] == '\n');
	fault_mask = 0;
	CHECK(verdict(w, s, caught[0].mail).action == ACTION_BLOCK &&
	      !verdict(w, s, clean).unscanned);
}
#endif

int
main(void)
{
	struct engine_config cfg = { 0 };
	struct engine_worker *w;
	struct snapshot *s;

#ifdef WEIR_FAULTS
	unsetenv("WEIR_FAULT");
#else
	setenv("WEIR_FAULT", "all", 1);
	printf("SKIP failing stages: the switch is compiled out\n");
#endif
	BUG_ON(!mkdtemp(dir));
	write_files(false);
	for (unsigned with_geo = 0; with_geo < 2; with_geo++) {
		if (with_geo && access(GEO_FILE, R_OK) != 0) {
			printf("SKIP geo: no test database\n");
			break;
		}
		s = build(with_geo ? GEO_FILE : NULL);
		w = engine_worker_new(&cfg);
		CHECK(w && engine_worker_attach(w, s) == 0);
		if (with_geo)
			test_geo(w, s);
		else
			test_nothing_fails(w, s);
#ifdef WEIR_FAULTS
		if (!with_geo)
			test_each_fails(w, s);
#endif
		engine_worker_detach(w, s);
		engine_worker_free(w);
		snapshot_free(s);
	}
	write_files(true);
	rmdir(dir);
	return check_failed;
}
