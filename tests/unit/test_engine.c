/* SPDX-License-Identifier: BSD-3-Clause
 * test_engine.c - whole snapshots and jobs: hits by lane, verdicts, cuts, pins, sharing, errors of a build
 *
 * Over 500 lines: one snapshot of the whole engine serves every case, and its builder would stand in each smaller file again.
 */
#include "base/rng.h"
#include "engine/job.h"
#include "tests/check.h"
#include <endian.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/weir-test-engineXXXXXX";

static void
write_file(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	BUG_ON(!f);
	fputs(text, f);
	fclose(f);
}

static void
remove_file(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

#define GTUBE_LINE                                                                                 \
	"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE"                                      \
	"-TEST-EMAIL*C.34X"
#define EICAR_TEXT                                                                                 \
	"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-"                                             \
	"ANTIVIRUS-TEST-FILE!$H+H*"

static const char rules_text[] =
        "body    GTUBE    "
        "/XJS\\*C4JDBQADN1\\.NSBN3\\*2IDNEN\\*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL\\*C\\.34X/\n"
        "filter  GTUBE    pattern\n"
        "body    CASE     /Mixed Case here/\nscore CASE 1.25\n"
        "rawbody RAW      /<b>raw<\\/b>/\nscore RAW 0.5\n"
        "header  SUBJ     Subject =~ /loans/i\nscore SUBJ 2\n"
        "header  __NOTO   To !~ /./\n"
        "header  ADDR     From:addr =~ /^ann@x\\.test$/\nscore ADDR 0.1\n"
        "header  XFOO     exists:X-Foo\nscore XFOO 0.2\n"
        "header  LINE     ALL =~ /^X-Foo: bar$/m\nscore LINE 0.3\n"
        "uri     URIRULE  /evil\\.example\\/path/\nscore URIRULE 0.7\n"
        "meta    BOTH     CASE && SUBJ\nscore BOTH 4\n"
        "meta    PDFSCRIPT F_DOCUMENT_SCRIPT && F_DOCUMENT_AUTO\nscore PDFSCRIPT 0.4\n"
        "phrase  PHRASE   Send the money to my Agent\n";

static void
write_rules(void)
{
	write_file("a.rules", rules_text);
	write_file("b.list", "%name BADDOM\n%kind domain\nlisted.example\n!ok.listed.example\n");
	write_file("c.list", "%name BADPHRASE\n%kind phrase\nthis is the first phrase\nthis is the "
	                     "second phrase\n");
	write_file("d.list", "%name BADIP\n%kind ip\n198.51.100.0/24\n");
	write_file("e.list", "%name BADPHONE\n%kind phone\n+1 (800) 555-0100\n");
	write_file("f.list", "%name BADNAME\n%kind name\nexe\nscr\n");
	write_file("g.list", "%name BADTYPE\n%kind type\nexe\n");
	write_file("h.list", "%name BADSENDER\n%kind sender\n@senders.example\n");
	write_file("l.list", "%name GOODSENDER\n%kind sender\n%allow\ngood@a.senders.example\n");
	write_file("i.list", "%name BADURL\n%kind url\nhttp://Pages.example/bad/\n");
	write_file("j.list", "%name SCOREDOM\n%kind domain\n%score 1.5\nscored.example\n");
	write_file("k.list", "%name GOODDOM\n%kind domain\n%allow\ngood.listed.example\n");
}

static struct snapshot_customer customers[2];
static struct span domains[] = { { "acme.test", 9 }, { "tag.test", 8 } };
static struct span mailbox_list[] = { { "bob", 3 }, { "postmaster2", 11 } };
static struct snapshot_custom_rule custom[] = {
	{ 30, SNAPSHOT_FIELD_SUBJECT, SNAPSHOT_OP_CONTAINS, { "Cheap Offer", 11 }, ACTION_BLOCK },
	{ 20, SNAPSHOT_FIELD_BODY, SNAPSHOT_OP_REGEX, { "order [0-9]{4}", 14 }, ACTION_TAG },
	{ 40, SNAPSHOT_FIELD_FROM, SNAPSHOT_OP_EQUALS, { "boss@x.test", 11 }, ACTION_BLOCK },
	{ 50, SNAPSHOT_FIELD_RCPT, SNAPSHOT_OP_CONTAINS, { "bob@", 4 }, ACTION_HEADER },
	{ 45, SNAPSHOT_FIELD_HEADER, SNAPSHOT_OP_CONTAINS, { "X-Odd: yes", 10 }, ACTION_BLOCK },
	{ 46, SNAPSHOT_FIELD_ENTIRE, SNAPSHOT_OP_CONTAINS, { "anywhere word", 13 }, ACTION_BLOCK },
	{ 47, SNAPSHOT_FIELD_SUBJECT, SNAPSHOT_OP_EQUALS, { "Exactly This", 12 }, ACTION_BLOCK },
};

static void
set_customers(void)
{
	for (size_t i = 0; i < 2; i++) {
		customers[i] = (struct snapshot_customer){ .id = i ? span_z("tag") : span_z("acme"),
			                                   .domains = &domains[i],
			                                   .domain_cnt = 1 };
		customers[i].route.server_cnt = 1;
		customers[i].route.servers[0].port = 25;
		snapshot_profile_default(&customers[i].profile);
	}
	customers[0].mailbox_mode = SNAPSHOT_MAILBOX_LIST;
	customers[0].mailbox_list = (struct snapshot_span_list){ mailbox_list, 2 };
	customers[0].profile.max_message = 1000000;
	customers[0].rules = custom;
	customers[0].rule_cnt = ARRAY_LEN(custom);
	for (size_t i = 0; i < FILTERS; i++)
		customers[1].profile.actions[i] = ACTION_TAG;
	customers[1].profile.actions[FILTER_PHONE] = ACTION_CONTINUE;
	customers[1].profile.add_headers = true;
}

static struct snapshot_errors errors;

static struct snapshot *
build(uint64_t generation, const struct snapshot *prev)
{
	const char *dirs[] = { dir };
	struct snapshot_input in = { .generation = generation,
		                     .prev = prev,
		                     .rule_dirs = dirs,
		                     .rule_dir_cnt = 1,
		                     .customers = customers,
		                     .customer_cnt = 2 };

	snapshot_errors_fini(&errors);
	return snapshot_build(&in, &errors);
}

static void
print_errors(void)
{
	char text[600];

	for (size_t i = 0; i < errors.cnt; i++) {
		snapshot_error_format(&errors.item[i], text, sizeof(text));
		printf("%s\n", text);
	}
}

static struct engine_job *
scan(struct engine_worker *w, const struct snapshot *s, struct span mail, const char *sender,
     uint32_t ip, struct rng *cuts)
{
	struct engine_client c = { .addr = addr_v4(ip) };
	struct engine_mail m = { s, &c, span_z(sender), mail.len, false };
	struct engine_job *j = engine_job_begin(w, &m);

	for (size_t at = 0; at < mail.len;) {
		size_t n = cuts ? 1 + rng_below(cuts, 700) : mail.len;

		n = MIN(n, mail.len - at);
		at += engine_job_step(j, span(mail.p + at, n), cuts ? 0 : UINT64_MAX);
	}
	while (!engine_job_end(j, cuts ? 0 : UINT64_MAX))
		;
	return j;
}

#define HEAD "From: Zoe <zoe@z.test>\r\nTo: bob@acme.test\r\n"

/* clang-format off */
static const struct {
	const char *mail, *sender, *rcpt;
	uint32_t ip;
	enum policy_action action;
	enum policy_filter filter;
	int32_t score;
	const char *rules; /* a name that must be among them; NULL: none at all */
} verdicts[] = {
	{ HEAD "Subject: hi\r\n\r\nnothing\r\n", "z@z.test", "bob@acme.test", 1, ACTION_HEADER, FILTER_CUSTOM, 0, NULL },
	{ HEAD "Subject: hi\r\n\r\nnothing\r\n", "z@z.test", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "\r\n" GTUBE_LINE "\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_PATTERN, 0, "GTUBE" },
	{ HEAD "Subject: " GTUBE_LINE "\r\n\r\nx\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_PATTERN, 0, "GTUBE" },
	{ HEAD "Content-Transfer-Encoding: base64\r\n\r\nWEpTKkM0SkRCUUFETjEuTlNCTjMqMklETkVOKkdUVUJFLVNUQU5EQVJELUFOVEktVUJFLVRFU1Qt\r\nRU1BSUwqQy4zNFg=\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_PATTERN, 0, "GTUBE" },
	{ HEAD "Content-Type: application/octet-stream; name=\"x.bin\"\r\n\r\n" EICAR_TEXT, "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_ATTACHMENT, 0, "EICAR_TEST_FILE" },
	{ HEAD "\r\nSome Mixed Case here\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 1250, "CASE" },
	{ HEAD "\r\nsome mixed case here\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "\r\nSome Mixed\r\n   Case here\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 1250, "CASE" },
	{ HEAD "Subject: Loans\r\n\r\nMixed Case here\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_SCORE, 7250, "BOTH" },
	{ HEAD "Subject: =?utf-8?b?TG9hbnM=?=\r\n\r\nMixed Case here\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_SCORE, 7250, "BOTH" },
	{ HEAD "Content-Type: text/html\r\n\r\n<b>raw</b>\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 500, "RAW" },
	{ "From: \"Q\" <ann@x.test>\r\nX-Foo: bar\r\n\r\nx\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 600, "XFOO" },
	{ HEAD "\r\nhttp://evil.example/path\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 700, "URIRULE" },
	{ HEAD "\r\nplease SEND  the mo\xcc\x81ney to my agent now\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_PHRASE, 0, "PHRASE" },
	{ HEAD "Content-Type: text/html\r\n\r\nsend the mo<b></b>ney to&nbsp;my <i>agent</i>\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_PHRASE, 0, "PHRASE" },
	{ HEAD "\r\nThis is the SECOND phrase.\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_PHRASE, 0, "BADPHRASE" },
	{ HEAD "\r\nhttp://a.listed.example/\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_URL, 0, "BADDOM" },
	{ HEAD "\r\nhttp://a.ok.listed.example/\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "\r\nhttp://good.listed.example/\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "\r\nHTTP://LISTED%2Eexample:8080/x\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_URL, 0, "BADDOM" },
	{ HEAD "\r\nhttps://pages.example/bad/x.html\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_URL, 0, "BADURL" },
	{ HEAD "\r\nhttps://pages.example/badly\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "\r\nhttp://www.scored.example/\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 1500, "SCOREDOM" },
	{ HEAD "\r\ncall 1-800-555-0100 now\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_PHONE, 0, "BADPHONE" },
	{ HEAD "\r\ncall (800) 555-0100 now\r\n", "", "x@tag.test", 1, ACTION_DELIVER, FILTER_NONE, 0, "BADPHONE" },
	{ HEAD "Content-Type: application/zip; name=\"a.pdf.EXE\"\r\n\r\nxx", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_ATTACHMENT, 0, "BADNAME" },
	{ HEAD "Content-Type: image/png; name=\"a.png\"\r\n\r\nMZ\x90xxxxx", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_ATTACHMENT, 0, "BADTYPE" },
	/* a file that is uuencoded into the text, and the text around it; a mail in base64; a multipart that never has a part */
	{ HEAD "\r\nx\r\nbegin 644 a.exe\r\n#86)C\r\nend\r\nhttp://www.scored.example/\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_ATTACHMENT, 1500, "BADNAME" },
	{ HEAD "\r\nbegin 644 a.png\r\n%35J0``$\r\nend\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_ATTACHMENT, 0, "BADTYPE" },
	{ HEAD "\r\nbegin 644 a.exe\r\nof it\r\nend\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogYQoKVGhpcyBpcyB0aGUgU0VDT05EIHBocmFzZS4K\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_PHRASE, 0, "BADPHRASE" },
	{ HEAD "Content-Type: multipart/mixed; boundary=x\r\n\r\n--y\r\n\r\nThis is the SECOND phrase.\r\n--y--\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_PHRASE, 0, "BADPHRASE" },
	{ HEAD "Content-Type: multipart/mixed; boundary=x\r\n\r\nThis is the SECOND phrase.\r\n--x\r\n\r\na\r\n--x--\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	/* inside files: a name, text, links, flags */
	{ HEAD "Content-Type: application/octet-stream; name=\"x.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBBQAAAAIAAyieF2g0m/aAwAAAAEAAAAJAAAAYi5wZGYuZXhl8wUAUEsBAhQDFAAAAAgADKJ4\r\nXaDSb9oDAAAAAQAAAAkAAAAAAAAAAAAAAIABAAAAAGIucGRmLmV4ZVBLBQYAAAAAAQABADcAAAAq\r\nAAAAAAA=\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_ATTACHMENT, 0, "BADNAME" },
	{ HEAD "Content-Type: application/octet-stream; name=\"x.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBBQAAAAIAAyieF3wdqCfLwAAADsAAAARAAAAd29yZC9kb2N1bWVudC54bWyzKbcqsLMptyqx\r\nC8nILFYAopKMVIVgV2cbfZAgWMbfz0WhIKMosThVDyqqD9IFAFBLAQIUAxQAAAAIAAyieF3wdqCf\r\nLwAAADsAAAARAAAAAAAAAAAAAACAAQAAAAB3b3JkL2RvY3VtZW50LnhtbFBLBQYAAAAAAQABAD8A\r\nAABeAAAAAAA=\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_PHRASE, 0, "BADPHRASE" },
	{ HEAD "Content-Type: application/octet-stream; name=\"x.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBBQAAAAIAAyieF2KoO1tRAAAAEcAAAAcAAAAd29yZC9fcmVscy9kb2N1bWVudC54bWwucmVs\r\nc7MJSs1JLMnMzyvOyCxQCEksSk8tsVXKKCkpsNLXT9TLySwuSU3RS61IzC3ISdVXgqrwzU9JtVVy\r\nrShJLcpLzFHStwMAUEsBAhQDFAAAAAgADKJ4XYqg7W1EAAAARwAAABwAAAAAAAAAAAAAAIABAAAA\r\nAHdvcmQvX3JlbHMvZG9jdW1lbnQueG1sLnJlbHNQSwUGAAAAAAEAAQBKAAAAfgAAAAAA\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_URL, 0, "BADDOM" },
	{ HEAD "Content-Type: application/octet-stream; name=\"x.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjUKMSAwIG9iago8PCAvQSA8PCAvUyAvVVJJIC9VUkkgKHd3dy5zY29yZWQuZXhhbXBs\r\nZS94KSA+PiA+PgplbmRvYmoKdHJhaWxlciA8PCAvUm9vdCAxIDAgUiA+PgpzdGFydHhyZWYKMAol\r\nJUVPRgo=\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 1500, "SCOREDOM" },
	{ HEAD "Content-Type: application/octet-stream; name=\"x.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjUKMSAwIG9iago8PCAvT3BlbkFjdGlvbiA8PCAvUyAvSmF2YVNjcmlwdCAvSlMgKHgp\r\nID4+ID4+CmVuZG9iagp0cmFpbGVyIDw8IC9Sb290IDEgMCBSID4+CnN0YXJ0eHJlZgowCiUlRU9G\r\nCg==\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 400, "PDFSCRIPT" },
	{ HEAD "Content-Type: image/svg+xml; name=\"x\"\r\nContent-Transfer-Encoding: base64\r\n\r\nPHN2Zz48YSB4bGluazpocmVmPSJodHRwOi8vYS5saXN0ZWQuZXhhbXBsZS8iLz48L3N2Zz4=\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_URL, 0, "BADDOM" },
	{ HEAD "Content-Type: application/octet-stream; name=\"x.html. \"\r\nContent-Transfer-Encoding: base64\r\n\r\nPGEgaHJlZj0iaHR0cDovL2EubGlzdGVkLmV4YW1wbGUvIj4=\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_URL, 0, "BADDOM" },
	{ HEAD "Content-Type: application/zip; name=\"x.zip\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBBQAAAAIAOGmeF3m/xAeZQAAAG4AAAAKAAAAbG9naW4uaHRtbCXIQQrCQAwAwK+EPmBzLzEX\r\n9aoH/UBKIwms26XJoaX4dwVhTkORe1X2Y/boVfaxLU0/hP9+mgf8kHNbktAZ0hQe1zNNfL9dCCeG\r\nbquEFhKwVV+nwTL7iCileqTORTd596o48PYFUEsBAhQDFAAAAAgA4aZ4Xeb/EB5lAAAAbgAAAAoA\r\nAAAAAAAAAAAAAIABAAAAAGxvZ2luLmh0bWxQSwUGAAAAAAEAAQA4AAAAjQAAAAAA\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_URL, 0, "BADDOM" },
	{ HEAD "Content-Type: application/zip; name=\"x.zip\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBBQAAAAIAOGmeF3m/xAeZQAAAG4AAAAKAAAAbG9naW4uaHRtbCXIQQrCQAwAwK+EPmBzLzEX\r\n9aoH/UBKIwms26XJoaX4dwVhTkORe1X2Y/boVfaxLU0/hP9+mgf8kHNbktAZ0hQe1zNNfL9dCCeG\r\nbquEFhKwVV+nwTL7iCileqTORTd596o48PYFUEsBAhQDFAAAAAgA4aZ4Xeb/EB5lAAAAbgAAAAoA\r\nAAAAAAAAAAAAAIABAAAAAGxvZ2luLmh0bWxQSwUGAAAAAAEAAQA4AAAAjQAAAAAA\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_URL, 0, "BADPHRASE" },
	{ HEAD "\r\nx\r\n", "a@b.senders.example", "ann@acme.test", 1, ACTION_BLOCK, FILTER_SENDER, 0, NULL },
	{ HEAD "\r\nx\r\n", "", "ann@acme.test", 0xc6336407, ACTION_BLOCK, FILTER_IP, 0, NULL },
	{ HEAD "\r\nx\r\n", "", "ann@tag.test", 0xc6336407, ACTION_TAG, FILTER_IP, 0, NULL },
	{ HEAD "\r\n" GTUBE_LINE "\r\n", "", "ann@tag.test", 1, ACTION_TAG, FILTER_PATTERN, 0, "GTUBE" },
	/* customers' rules */
	{ HEAD "Subject: A CHEAP offer\r\n\r\nx\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_CUSTOM, 0, NULL },
	{ HEAD "Subject: x\r\n\r\na cheap offer\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "Subject: A CHEAP offer\r\n\r\nx\r\n", "", "ann@tag.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "Subject: A CHEAP offer\r\n\r\nYour ORDER 1234\r\n", "", "ann@acme.test", 1, ACTION_TAG, FILTER_CUSTOM, 0, NULL },
	{ HEAD "Subject: order 1234\r\n\r\nx\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "\r\nx\r\n", "Boss@X.test", "ann@acme.test", 1, ACTION_BLOCK, FILTER_CUSTOM, 0, NULL },
	{ HEAD "\r\nx\r\n", "xboss@x.test", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "x-odd: YES\r\n\r\nx\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_CUSTOM, 0, NULL },
	{ HEAD "\r\nx-odd: yes\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	{ HEAD "\r\nAnywhere  word\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_CUSTOM, 0, NULL },
	{ HEAD "X-A: anywhere word\r\n\r\nx\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_CUSTOM, 0, NULL },
	{ HEAD "Subject: EXACTLY this\r\n\r\nx\r\n", "", "ann@acme.test", 1, ACTION_BLOCK, FILTER_CUSTOM, 0, NULL },
	{ HEAD "Subject: not exactly this\r\n\r\nx\r\n", "", "ann@acme.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
	/* not ours any more */
	{ HEAD "\r\n" GTUBE_LINE "\r\n", "", "ann@gone.test", 1, ACTION_DELIVER, FILTER_NONE, 0, NULL },
};
/* clang-format on */

static void
decide(struct engine_job *j, const char *rcpt, struct engine_verdict *v)
{
	const char *at = strchr(rcpt, '@');

	engine_decide(j, span(rcpt, (size_t)(at - rcpt)), span_z(at + 1), v);
}

static void
test_verdicts(struct engine_worker *w, const struct snapshot *s)
{
	struct rng r;

	rng_seed(&r, 1);
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		for (unsigned cut = 0; cut < 4; cut++) {
			struct engine_job *j =
			        scan(w, s, span_z(verdicts[i].mail), verdicts[i].sender,
			             verdicts[i].ip, cut ? &r : NULL);
			struct engine_verdict v;

			decide(j, verdicts[i].rcpt, &v);
			CHECK(v.action == verdicts[i].action && v.filter == verdicts[i].filter,
			      "row %zu cut %u: %s by %s (%s)", i, cut, policy_action_name(v.action),
			      policy_filter_name(v.filter), v.rules);
			CHECK(v.score_milli == verdicts[i].score ||
			              !strcmp(verdicts[i].rcpt, "ann@gone.test"),
			      "row %zu: score %d", i, v.score_milli);
			CHECK(verdicts[i].rules ? strstr(v.rules, verdicts[i].rules) != NULL
			                        : v.rules[0] == 0,
			      "row %zu: rules '%s'", i, v.rules);
			CHECK(!v.unscanned && v.generation == s->generation);
			CHECK(v.action != ACTION_TAG || !strcmp(v.tag_text, "[SPAM]"));
			CHECK(v.action != ACTION_TAG ||
			      (v.headers[0] != 0) ==
			              !!strstr(verdicts[i].rcpt, "@tag.test")); /* add_headers */
			CHECK(v.action != ACTION_HEADER || strstr(v.headers, "X-Weir-Verdict: "));
			engine_job_put(j);
		}
}

/* ---- features of links and pages ---- */

/* clang-format off */
static const struct { const char *mail; enum feature f; int64_t value; } features[] = {
	{ "<a href='http://a.example/'>https://bank.com/login</a>", F_URL_MISMATCH, 1 },
	{ "<a href='http://a.example/'>text</a> https://bank.com/login", F_URL_MISMATCH, 0 },
	{ "<a href='http://a.example/'>https://bank.com/login", F_URL_MISMATCH, 1 }, /* never closed */
	{ "<a href=x><a href='http://a.example/'>https://b<b>ank</b>.com/</a>", F_URL_MISMATCH, 1 },
	{ "<a href='http://a.example/'><i style='display:none'>https://bank.com/</i>x</a>", F_URL_MISMATCH, 0 },
	{ "<a href='javascript:x()'>a</a><img src='data:image/png;base64,AA'>", F_URL_CODE, 1 },
	{ "<a href='java&#10;script:location=&quot;http://a.example/&quot;'>a</a>", F_URLS, 1 },
	{ "<a href='http://192.168.1.1/'>a</a><a href='http://172.16.0.1/'>a</a><a href='http://10.0.0.1/'>a</a>", F_URL_NUMERIC, 0 },
	{ "<a href='http://172.32.0.1/'>a</a><a href='http://0300.0250.1.1/'>a</a>", F_URL_NUMERIC, 1 },
	{ "wonderfuloffers.icu lib-x86-64-linux.cf", F_URL_FRESH, 0 },
	{ "www.wonderfuloffers.icu and http://lib-x86-64-linux.cf/", F_URL_FRESH, 2 },
};
/* clang-format on */

static void
test_features(struct engine_worker *w, const struct snapshot *s)
{
	struct engine_job *j;
	struct rng r;

	rng_seed(&r, 2);
	for (size_t k = 0; k < ARRAY_LEN(features) * 4; k++) { /* whole, and cut three times */
		size_t i = k / 4;
		char mail[1024];

		snprintf(mail, sizeof(mail), HEAD "Content-Type: text/html\r\n\r\n%s\r\n",
		         features[i].mail);
		j = scan(w, s, span_z(mail), "", 0, k % 4 ? &r : NULL);
		CHECK(j->features[features[i].f] == features[i].value, "row %zu: %lld", i,
		      (long long)j->features[features[i].f]);
		engine_job_put(j);
	}
	j = scan(w, s,
	         span_z(HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee "
	                     "it.\r\n--b\r\nContent-Type: text/html; name=a.html\r\n\r\n<b>Some "
	                     "text</b>\r\n--b\r\n\r\nEnd.\r\n--b--\r\n"),
	         "", 0, NULL);
	CHECK(j->features[F_PAGE_BYTES] == 9 && j->features[F_VISIBLE_BYTES] > 9 + 8,
	      "%lld of %lld", (long long)j->features[F_PAGE_BYTES],
	      (long long)j->features[F_VISIBLE_BYTES]);
	engine_job_put(j);
}

/* ---- cuts ---- */

struct print {
	unsigned hit_cnt, url_cnt, part_cnt;
	int32_t score;
	uint64_t hash;
};

static uint64_t
mix(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const unsigned char *)p)[i]) * 1099511628211ull;
	return h;
}

/* Everything that evidence shows. */
static struct print
print_of(const struct engine_job *j)
{
	struct print p = { j->hit_cnt, j->urls.cnt, j->part_cnt, j->score_milli,
		           14695981039346656037ull };

	for (unsigned i = 0; i < j->hit_cnt; i++) {
		const struct evidence_hit *h = &j->hit[i];

		p.hash = mix(p.hash, &h->rule, sizeof(h->rule));
		p.hash = mix(p.hash, &h->line, sizeof(h->line));
		p.hash = mix(p.hash, &h->lane, sizeof(h->lane));
		p.hash = mix(p.hash, &h->end, sizeof(h->end));
		p.hash = mix(p.hash, h->excerpt, h->excerpt_len);
	}
	p.hash = mix(p.hash, j->features, sizeof(j->features));
	for (unsigned i = 0; i < j->part_cnt; i++)
		p.hash = mix(p.hash, j->parts[i].sha, 32);
	return p;
}

static size_t
long_mail(char *out, struct rng *r)
{
	static const char *const words[] = { "send the money",
		                             " to my agent ",
		                             "this is the first phrase",
		                             " http://a.listed.example/x ",
		                             "Mixed Case here",
		                             "\r\n",
		                             "=E2=82=AC",
		                             "caf\xc3\xa9 ",
		                             "<b>raw</b>",
		                             " 1-800-555-0100 ",
		                             "order 1234 ",
		                             "lorem ipsum dolor " };
	size_t n = (size_t)sprintf(
	        out, HEAD "Subject: Loans\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");

	for (unsigned part = 0; part < 4; part++) {
		n += (size_t)sprintf(
		        out + n, "--b\r\nContent-Type: text/%s; charset=utf-8\r\n%s\r\n",
		        part & 1 ? "html" : "plain",
		        part & 2 ? "Content-Transfer-Encoding: quoted-printable\r\n" : "");
		for (unsigned i = 0; i < 400; i++)
			n += (size_t)sprintf(out + n, "%s", words[rng_below(r, ARRAY_LEN(words))]);
		n += (size_t)sprintf(out + n, "\r\n");
	}
	return n + (size_t)sprintf(out + n, "--b--\r\n");
}

static void
test_cuts(struct engine_worker *w, const struct snapshot *s)
{
	char *mail = malloc(200000);
	struct rng r;

	rng_seed(&r, 42);
	for (unsigned round = 0; round < 30; round++) {
		size_t n = long_mail(mail, &r);
		struct engine_job *j = scan(w, s, span(mail, n), "z@z.test", 1, NULL);
		struct print whole = print_of(j), cut;

		CHECK(whole.hit_cnt > 4 && whole.part_cnt == 5);
		engine_job_put(j);
		for (unsigned i = 0; i < 3; i++) {
			j = scan(w, s, span(mail, n), "z@z.test", 1, &r);
			cut = print_of(j);
			CHECK(cut.hash == whole.hash && cut.hit_cnt == whole.hit_cnt &&
			              cut.url_cnt == whole.url_cnt && cut.score == whole.score,
			      "round %u: %u and %u hits", round, whole.hit_cnt, cut.hit_cnt);
			engine_job_put(j);
		}
	}
	free(mail);
}

/* Past the window only the tail is looked at. */
/* Text of an attached document has a bound of its own: it does not use up the window of the text that is shown. */
static void
test_document_window(struct engine_worker *w, const struct snapshot *s)
{
	static const char phrase[] = " send the money to my agent ", name[] = "word/document.xml";
	static const struct {
		size_t at; /* of the phrase in the document; 0: in the text after it */
		bool hit;
	} cases[] = { { 0, true },
		      { 1000, true },
		      { JOB_FILE_TEXT - 100, true },
		      { JOB_FILE_TEXT + 100, false } };
	size_t size = 700000, cap = size + 2 * ENGINE_TAIL_BYTES + 2000;
	char *mail = malloc(cap);

	BUG_ON(!mail);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t le = htole32((uint32_t)size);
		size_t n = (size_t)sprintf(
		        mail, HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		                   "Content-Type: application/zip\r\n\r\n");
		struct engine_job *j;

		memset(mail + n, 0, 30); /* a local header of a stored entry */
		memcpy(mail + n, "PK\3\4", 4);
		memcpy(mail + n + 18, &le, 4);
		mail[n + 26] = sizeof(name) - 1;
		memcpy(mail + n + 30, name, sizeof(name) - 1);
		n += 30 + sizeof(name) - 1;
		memset(mail + n, 'x', size);
		if (cases[i].at)
			memcpy(mail + n + cases[i].at, phrase, strlen(phrase));
		n += size;
		n += (size_t)sprintf(mail + n, "\r\n--b\r\n\r\n%s\r\n%*s\r\n--b--\r\n",
		                     cases[i].at ? "x" : phrase, 2 * ENGINE_TAIL_BYTES, "z");
		j = scan(w, s, span(mail, n), "", 1, NULL);
		CHECK(j->content_hit[FILTER_PHRASE] == cases[i].hit, "case %zu", i);
		engine_job_put(j);
	}
	free(mail);
}

static void
test_window(struct engine_worker *w, const struct snapshot *s)
{
	size_t n = 1200000;
	char *mail = malloc(n + 1000);
	static const char phrase[] = " send the money to my agent ";
	/* clang-format off */
	static const struct { size_t at; bool from_end; bool hit; } cases[] = {
		{ 1000, false, true }, { 512 * 1024 - 200, false, true }, { 512 * 1024 + 100, false, false },
		{ 600000, false, false }, { 500, true, true }, { 2000, true, true }, { 2200, true, false },
	};
	/* clang-format on */
	BUG_ON(!mail);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t head = (size_t)sprintf(mail, HEAD "\r\n");
		struct engine_job *j;

		memset(mail + head, 'x', n - head);
		for (size_t k = head + 70; k < n; k += 72)
			memcpy(mail + k, "\r\n", 2);
		memcpy(mail + (cases[i].from_end ? n - cases[i].at : head + cases[i].at), phrase,
		       strlen(phrase));
		j = scan(w, s, span(mail, n), "", 1, NULL);
		CHECK(j->content_hit[FILTER_PHRASE] == cases[i].hit, "case %zu", i);
		CHECK(j->features[F_WINDOW_FULL] == 1);
		engine_job_put(j);
	}
	free(mail);
}

static void
test_tail_job(struct engine_worker *w, const struct snapshot *s)
{
	struct engine_client c = { .addr = addr_v4(1) };
	struct engine_mail m = { s, &c, span_z(""), 100, true };
	struct engine_job *j = engine_job_begin(w, &m);
	struct engine_verdict v;

	engine_job_step(j, span_z("tail: send the mon"), UINT64_MAX);
	engine_job_step(j, span_z("ey to my agent"), UINT64_MAX);
	while (!engine_job_end(j, 0))
		;
	decide(j, "x@acme.test", &v);
	CHECK(v.action == ACTION_BLOCK && v.filter == FILTER_PHRASE);
	engine_job_put(j);
}

/* A job given up half way leaves nothing for the next one: wherever the stream stood in the phrase, its rest alone is
 * no match. */
static void
test_given_up(struct engine_worker *w, const struct snapshot *s)
{
	static const char phrase[] = "send the money to my agent";
	struct engine_client c = { .addr = addr_v4(1) };
	struct engine_mail m = { s, &c, span_z(""), 100, false };
	char mail[JOB_LANE_BYTES * 2], rest[64];

	for (size_t pad = JOB_LANE_BYTES - 100; pad < JOB_LANE_BYTES; pad++)
		for (size_t k = 1; k < strlen(phrase); k++) {
			struct engine_job *j = engine_job_begin(w, &m);

			memset(mail, 'x', sizeof(mail));
			memcpy(mail, "\r\n", 2);
			memcpy(mail + pad, phrase, strlen(phrase));
			engine_job_step(j, span(mail, JOB_LANE_BYTES + 2 * JOB_BLOCK), UINT64_MAX);
			engine_job_put(j);
			snprintf(rest, sizeof(rest), "\r\n%s\r\n", phrase + k);
			j = scan(w, s, span_z(rest), "", 1, NULL);
			CHECK(j->hit_cnt == 0, "pad %zu rest '%s'", pad, phrase + k);
			engine_job_put(j);
		}
}

/* The excerpt ends with what matched, also where it lies over the seam of two buffers. */
static void
test_excerpts(struct engine_worker *w, const struct snapshot *s)
{
	static const char phrase[] = "send the money to my agent";
	char mail[JOB_LANE_BYTES * 2];

	for (size_t at = JOB_LANE_BYTES - 200; at < JOB_LANE_BYTES + 200; at++) {
		struct engine_job *j;
		struct span x;

		memset(mail, 'y', sizeof(mail));
		memcpy(mail, "\r\n", 2);
		memcpy(mail + at, phrase, strlen(phrase));
		j = scan(w, s, span(mail, JOB_LANE_BYTES * 3 / 2), "", 1, NULL);
		CHECK(j->hit_cnt == 1);
		x = span(j->hit[0].excerpt, j->hit[0].excerpt_len);
		CHECK(x.len == EXCERPT_MAX && x.p[0] == 'y' &&
		              !memcmp(x.p + x.len - strlen(phrase), phrase, strlen(phrase)),
		      "at %zu: '%.*s'", at, (int)x.len, x.p);
		engine_job_put(j);
	}
}

static void
test_flood(struct engine_worker *w, const struct snapshot *s)
{
	size_t n = 300000;
	char *mail = malloc(n);
	struct engine_job *j;

	n = (size_t)sprintf(mail, HEAD "\r\n");
	while (n < 290000)
		n += (size_t)sprintf(mail + n, "this is the first phrase\r\n");
	j = scan(w, s, span(mail, n), "", 1, NULL);
	CHECK(j->match_flood && j->features[F_MATCH_FLOOD] == 1 &&
	      j->match_cnt >= MATCH_EVENTS_MAX);
	CHECK(j->content_hit[FILTER_PHRASE] && !j->failed_stages);
	engine_job_put(j);
	j = scan(w, s, span_z("\r\nthis is the first phrase\r\n"), "", 1, NULL);
	CHECK(!j->match_flood && j->content_hit[FILTER_PHRASE], "the next mail is whole again");
	engine_job_put(j);
	free(mail);
}

/* ---- RCPT ---- */

static void
test_rcpt(const struct snapshot *s)
{
	/* clang-format off */
	static const struct { const char *rcpt, *sender; uint32_t ip; uint64_t size; enum engine_rcpt_answer answer; enum policy_filter filter; } cases[] = {
		{ "bob@acme.test", "z@z.test", 1, 0, ENGINE_RCPT_KNOWN, FILTER_NONE },
		{ "BOB@Acme.TEST", "z@z.test", 1, 0, ENGINE_RCPT_KNOWN, FILTER_NONE },
		{ "eve@acme.test", "z@z.test", 1, 0, ENGINE_RCPT_UNKNOWN_MAILBOX, FILTER_MAILBOX },
		{ "Postmaster@acme.test", "z@z.test", 1, 0, ENGINE_RCPT_ASK, FILTER_NONE },
		{ "any@tag.test", "", 1, 0, ENGINE_RCPT_ASK, FILTER_NONE },
		{ "bob@nowhere.test", "", 1, 0, ENGINE_RCPT_RELAY_DENIED, FILTER_NONE },
		{ "bob@acme.test", "", 0xc6336401, 0, ENGINE_RCPT_REFUSED, FILTER_IP },
		{ "any@tag.test", "", 0xc6336401, 0, ENGINE_RCPT_ASK, FILTER_NONE },
		{ "bob@acme.test", "X@A.senders.EXAMPLE", 1, 0, ENGINE_RCPT_REFUSED, FILTER_SENDER },
		{ "bob@acme.test", "good@a.senders.example", 1, 0, ENGINE_RCPT_KNOWN, FILTER_NONE },
		{ "bob@acme.test", "", 1, 1000000, ENGINE_RCPT_KNOWN, FILTER_NONE },
		{ "bob@acme.test", "", 1, 1000001, ENGINE_RCPT_TOO_BIG, FILTER_NONE },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *at = strchr(cases[i].rcpt, '@');
		struct engine_client c = { .addr = addr_v4(cases[i].ip) };
		struct engine_rcpt_query q = { &c, span_z(cases[i].sender), cases[i].size,
			                       span(cases[i].rcpt, (size_t)(at - cases[i].rcpt)),
			                       span_z(at + 1) };
		struct engine_rcpt r;

		engine_rcpt(s, &q, &r);
		CHECK(r.answer == cases[i].answer && r.filter == cases[i].filter, "row %zu: %d %s",
		      i, r.answer, policy_filter_name(r.filter));
		CHECK((r.route == NULL) == (r.answer == ENGINE_RCPT_RELAY_DENIED));
		if (r.filter == FILTER_IP)
			CHECK(!strcmp(r.why, "BADIP:3"), "%s", r.why);
	}
}

/* ---- generations ---- */

/* Puts j and gives a job of the same mail's end, on the generation that j kept for it. */
static struct engine_job *
next_job_of(struct engine_worker *w, struct engine_job *j)
{
	struct engine_client c = { .addr = addr_v4(1) };
	const struct snapshot *s = j->s, *kept = engine_job_keep(j);
	struct engine_mail m = { kept, &c, span_z(""), 100, true };
	struct engine_verdict v;

	engine_job_put(j);
	CHECK(kept == s && engine_worker_is_pinned(w, s), "kept without a job");
	j = engine_job_begin(w, &m);
	CHECK(j && !engine_keep_is_evicted(w, kept));
	engine_keep_put(w, kept);
	CHECK(engine_worker_is_pinned(w, s), "the job has a pin of its own");
	engine_job_step(j, span_z("this is the first phrase\r\n"), UINT64_MAX);
	while (!engine_job_end(j, 0))
		;
	decide(j, "x@acme.test", &v);
	CHECK(v.filter == FILTER_PHRASE && v.generation == s->generation, "its end as well");
	return j;
}

static void
test_generations(struct engine_worker *w, struct snapshot *s)
{
	struct engine_client c = { .addr = addr_v4(1) };
	struct engine_mail m = { s, &c, span_z(""), 100, false };
	struct engine_job *j, *k;
	struct engine_verdict v;
	struct snapshot_stats st;
	struct snapshot *next;

	write_file("c.list", "%name BADPHRASE\n%kind phrase\nanother phrase altogether\n");
	j = engine_job_begin(w, &m);
	engine_job_step(j, span_z(HEAD "\r\nthis is the first "), UINT64_MAX);
	next = build(s->generation + 1, s);
	CHECK(next != NULL);
	if (!next) {
		print_errors();
		return;
	}
	snapshot_stats(next, &st);
	CHECK(st.shared_part_cnt >= 12, "%zu parts shared", st.shared_part_cnt);
	CHECK(next->lane[LANE_FOLDED].db != s->lane[LANE_FOLDED].db &&
	      next->lane[LANE_RENDERED].db == s->lane[LANE_RENDERED].db);
	CHECK(engine_worker_attach(w, next) == 0 && engine_worker_attach(w, next) == 0);
	m.snapshot = next;
	k = engine_job_begin(w, &m);
	CHECK(k && k != j && engine_job_begin(w, &m) == NULL, "two slots");
	CHECK(engine_worker_is_pinned(w, s) && engine_worker_is_pinned(w, next));
	engine_job_step(k, span_z(HEAD "\r\nthis is the first phrase\r\n"), UINT64_MAX);
	engine_job_step(j, span_z("phrase\r\n"), UINT64_MAX);
	while (!engine_job_end(k, 0))
		;
	while (!engine_job_end(j, 0))
		;
	decide(j, "x@acme.test", &v);
	CHECK(v.filter == FILTER_PHRASE && v.generation == s->generation,
	      "the old one judges what it began");
	decide(k, "x@acme.test", &v);
	CHECK(v.filter == FILTER_NONE && v.generation == next->generation);
	CHECK(!engine_job_is_evicted(j));
	j = next_job_of(w, j);
	engine_worker_evict(w, s);
	CHECK(engine_job_is_evicted(j) && !engine_job_is_evicted(k));
	CHECK(engine_keep_is_evicted(w, s) && !engine_keep_is_evicted(w, next));
	engine_job_put(j);
	CHECK(!engine_worker_is_pinned(w, s) && engine_worker_is_pinned(w, next));
	engine_worker_detach(w, s);
	snapshot_free(s);
	decide(k, "x@acme.test", &v); /* shared parts live on */
	engine_job_put(k);
	k = scan(w, next, span_z(HEAD "\r\nSome Mixed Case here, another phrase altogether\r\n"),
	         "", 1, NULL);
	decide(k, "x@acme.test", &v);
	CHECK(v.filter == FILTER_PHRASE && v.score_milli == 1250);
	engine_job_put(k);
	engine_worker_detach(w, next);
	snapshot_free(next);
}

static void
test_live_generations(void)
{
	struct snapshot *s[GENERATIONS_LIVE_MAX + 1] = { 0 };

	for (size_t i = 0; i < GENERATIONS_LIVE_MAX; i++)
		CHECK((s[i] = build(i + 1, i ? s[i - 1] : NULL)) != NULL);
	CHECK(build(100, s[0]) == NULL && errors.error_cnt == 1, "one past the bound");
	snapshot_free(s[3]);
	CHECK((s[3] = build(101, s[0])) != NULL && s[3]->slot == 3);
	for (size_t i = 0; i < GENERATIONS_LIVE_MAX; i++)
		snapshot_free(s[i]);
}

/* A bad file keeps the old table: no snapshot, each error with its place. */
static void
test_bad_builds(void)
{
	write_file("x.rules",
	           "body X1 /(/\nbody X2 /ok/\nbody X3 /(?<=a)b/\nnonsense\ntest X2 ok \"no\"\n");
	CHECK(build(1, NULL) == NULL && errors.error_cnt == 2, "%zu", errors.error_cnt);
	write_file("x.rules",
	           "body X2 /ok/\ntest X2 ok \"no\"\ntest X2 fail \"ok\"\ntest X2 ok \"ok\"\n");
	CHECK(build(1, NULL) == NULL && errors.error_cnt == 2 && errors.item[0].line == 2, "%zu",
	      errors.error_cnt);
	write_file("x.rules", "phrase ALL the minutes of the meeting\n");
	CHECK(build(1, NULL) == NULL && strstr(errors.item[0].text, "the clean mail is hit"),
	      "probe");
	remove_file("x.rules");
	write_file("x.list", "%name X\n%kind ip\n1.2.3.4\n0.0.0.0/0\n1.2.3.4/8\nfoo\n");
	CHECK(build(1, NULL) == NULL && errors.error_cnt == 3 && errors.item[2].line == 6);
	remove_file("x.list");
	customers[0].profile.actions[FILTER_URL] = ACTION_QUARANTINE;
	CHECK(build(1, NULL) == NULL && strstr(errors.item[0].text, "profile.actions.url") &&
	      !strcmp(errors.item[0].file, "customer acme"));
	customers[0].profile.actions[FILTER_URL] = ACTION_BLOCK;
	custom[1].value = span_z("order [0-9");
	CHECK(build(1, NULL) == NULL && errors.error_cnt == 1 &&
	      !strcmp(errors.item[0].file, "customer rules"));
	custom[1].value = span_z("order [0-9]{4}");
}

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The cheapest of some scans of `size` bytes that repeat the shape. */
static uint64_t
cost_of(struct engine_worker *w, const struct snapshot *s, const char *head, const char *shape,
        size_t size)
{
	char *mail = malloc(size + 200);
	size_t n = (size_t)sprintf(mail, "Content-Type: text/html\r\n%s", head);
	uint64_t best = UINT64_MAX;

	while (n < size)
		n += (size_t)sprintf(mail + n, "%s", shape);
	for (unsigned again = 0; again < 5; again++) {
		uint64_t start = cpu_ns();

		engine_job_put(scan(w, s, span(mail, n), "", 1, NULL));
		best = MIN(best, cpu_ns() - start);
	}
	free(mail);
	return best;
}

/* 10 times the input costs at most 12 times the time, also on shapes that are made to cost. Neighbours on the machine
 * disturb the measurement: it may be repeated. */
static void
test_linear(struct engine_worker *w, const struct snapshot *s)
{
	static const char *const shapes[] = {
		"<b>",        "http://a.b/ ",   "&amp;",    "send the money to ", "\r\n",
		"x-a: b\r\n", "=?utf-8?q?a?= ", "\xcc\x81", "1-800-555-"
	};

	for (size_t k = 0; k < ARRAY_LEN(shapes) * 2; k++) {
		const char *head = k & 1 ? "Subject: " : "\r\n";
		bool ok = false;

		for (unsigned attempt = 0; attempt < 5 && !ok; attempt++)
			ok = cost_of(w, s, head, shapes[k / 2], 400000) <
			     cost_of(w, s, head, shapes[k / 2], 40000) * 12 + 50000;
		CHECK(ok, "shape %zu", k);
	}
}

int
main(void)
{
	struct engine_config cfg = { 0 };
	struct engine_worker *w = engine_worker_new(&cfg);
	struct snapshot *s;

	BUG_ON(!mkdtemp(dir) || !w);
	write_rules();
	set_customers();
	s = build(1, NULL);
	print_errors();
	CHECK(s && engine_worker_attach(w, s) == 0);
	if (s) {
		test_rcpt(s);
		test_verdicts(w, s);
		test_features(w, s);
		test_cuts(w, s);
		test_window(w, s);
		test_document_window(w, s);
		test_tail_job(w, s);
		test_given_up(w, s);
		test_excerpts(w, s);
		test_flood(w, s);
		test_linear(w, s);
		test_generations(w, s);
		test_live_generations();
		test_bad_builds();
	}
	engine_worker_free(w);
	for (char c = 'a'; c <= 'k'; c++) {
		char name[16];

		snprintf(name, sizeof(name), c == 'a' ? "%c.rules" : "%c.list", c);
		remove_file(name);
	}
	rmdir(dir);
	snapshot_errors_fini(&errors);
	return check_failed;
}
