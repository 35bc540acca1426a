/* SPDX-License-Identifier: BSD-3-Clause
 * test_features.c - what the learned model sees of fixed mails: a change of it needs a new MODEL_FEATURE_SET
 *
 * Why     A model is numbers for features. Were a feature to mean something else, the file would load and answer nonsense.
 */
#include "engine/model/model.h"
#include "engine/scan.h"
#include "tests/check.h"
#include <unistd.h>

static char dir[] = "/tmp/weir-test-featuresXXXXXX";
static char path[64];
static struct scanner *scanner;
static struct model_vector first;

#define FROM "From: \"Zoe's Billing TEAM\" <no-reply77@mail.pay-now.test>\n"
#define ID   "Message-ID: <1@pay-now.test>\n"
#define TEXT "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n"

/* Together they have something of every kind of feature. */
static const char *const mails[] = {
	/* words, pairs, a line across the page, a host, an address, digits, letters beyond ASCII */
	FROM ID "To: bob.smith@acme.test\nSubject: Re: [list] your invoice 2024 is DUE!\n" TEXT
	        "Dear Bob, we owe you $1,000.00 - 50% more!!\nSee http://a.test/x?y=1 or "
	        "www.b.test or mail c@d.test.\n"
	        "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 "
	        "\xe3\x81\x82\xe3\x81\x84\xe3\x81\x86 VIAGRA\n"
	        "________________________________\nthe list of lists has a footer here\n",
	/* HTML: links, an image, hidden text, a form with a password field */
	"From: service@bank.test\nReply-To: x@elsewhere.test\nTo: <bob@acme.test>\nSubject: "
	"=?utf-8?q?verify?= your account 83215\n"
	"MIME-Version: 1.0\nContent-Type: text/html\n\n<html><body><p>Your account was "
	"<b>limited</b></p>"
	"<a href=\"http://login.b4nk-secure.example.com/a/b/c.php?x=1&amp;y=2\">verify</a><a "
	"href=\"http://192.0.2.1:8080/\">now</a>"
	"<img src=\"http://img.test/1.png\"><span style=\"display:none\">hidden words</span>"
	"<form action=\"http://collect.test/\"><input type=\"password\"></form></body></html>\n",
	/* a list's mail with an attachment */
	"From: Ann <ann@uni.test>\nTo: dev@lists.test\nList-Id: <dev.lists.test>\nReply-To: "
	"dev@lists.test\nIn-Reply-To: <2@x.test>\n"
	"Message-ID: <3@laptop>\nSubject: Re: [dev] the build breaks\nDate: Mon, 4 Mar 2024 "
	"10:00:00 +0000\nMIME-Version: 1.0\n"
	"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nThe patch "
	"compiles here.\n--b\n"
	"Content-Type: application/pdf; name=\"a.pdf\"\nContent-Disposition: attachment; "
	"filename=\"a.pdf\"\n"
	"Content-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n--b--\n",
	/* hardly anything */
	"Subject:\n\n\n",
};

/* Of each of the mails; the row of this set is the last one. */
static const struct {
	unsigned set;
	uint64_t hash[ARRAY_LEN(mails)];
} golden[] = {
	{ 3,
	  { 0xbcf1244ba5d472e3ull, 0x193a21bad0e2addcull, 0x352b8e407c263981ull,
	    0xaa2b338a4b3615ffull } },
};

static const struct model_vector *
features(const char *mail)
{
	FILE *f = fopen(path, "wb");
	struct scan_facts x = { 0 };

	BUG_ON(!f);
	fputs(mail, f);
	fclose(f);
	CHECK(scan_facts(scanner, path, &x) != SCAN_ERROR);
	return x.vector;
}

static uint64_t
hash_of(const struct model_vector *v)
{
	uint64_t h = v->cnt;

	for (uint32_t i = 0; i < v->cnt; i++)
		h = model_hash_pair(h, v->feature[i]);
	return h;
}

static void
test_golden(void)
{
	size_t last = ARRAY_LEN(golden) - 1;

	CHECK(golden[last].set == MODEL_FEATURE_SET, "a row for set %d is missing",
	      MODEL_FEATURE_SET);
	for (size_t i = 0; i < ARRAY_LEN(mails); i++) {
		uint64_t h = hash_of(features(mails[i]));

		CHECK(h == golden[last].hash[i],
		      "mail %zu has other features, 0x%016llx: MODEL_FEATURE_SET needs a new "
		      "number, golden a new row, "
		      "contrib/model another training",
		      i, (unsigned long long)h);
	}
}

static bool
same(const char *a, const char *b)
{
	const struct model_vector *v = features(a);

	first = *v;
	v = features(b);
	return first.cnt == v->cnt &&
	       !memcmp(first.feature, v->feature, v->cnt * sizeof(v->feature[0]));
}

#define MAIL(head) head "To: bob@acme.test\nSubject: hello\n" TEXT "some words of text\n"
#define BILL       "From: Bill Doe <bill@one.test>\n"

/* Nothing of who sends, and of what servers and lists write. */
static void
test_sender(void)
{
	CHECK(same(MAIL(BILL), MAIL("From: Carl <info77@two.test>\n")));
	CHECK(!same(MAIL(BILL), MAIL("")));
	CHECK(same(MAIL(BILL),
	           MAIL(BILL "List-Id: <x.lists.test>\nReply-To: who@other.test\nX-Mailer: Y\n"
	                     "Received: from a by b; Mon, 4 Mar 2024 10:00:00 +0000\n")));
	CHECK(same(BILL "Subject: offer 1\n" TEXT "words of 2024\n",
	           BILL "Subject: [x] offer 2\n" TEXT "words of 1999\n"));
	CHECK(!same(BILL "Subject: offer\n" TEXT "words\n",
	            BILL "Subject: words\n" TEXT "offer\n"));
}

/* Pages of words leave room for what is known at the end. */
static void
test_flood(void)
{
	static char a[128 * 1024], b[sizeof(a)];
	size_t n = (size_t)snprintf(a, sizeof(a), "%s", BILL "Subject: hello\n" TEXT);

	for (unsigned i = 0; n < sizeof(a) - 64; i++)
		n += (size_t)snprintf(a + n, sizeof(a) - n, "%c%c%c%c ", 'a' + i % 26,
		                      'a' + i / 26 % 26, 'a' + i / 676 % 26, 'a' + i / 17576);
	memcpy(b, a, n);
	memcpy(a + n, "x http://a.test/\n", 18);
	memcpy(b + n, "x http://a.zz/\n", 16);
	CHECK(!same(a, b));
	CHECK(features(a)->is_full);
}

int
main(void)
{
	struct snapshot_input in = { .no_probes = true };
	struct snapshot_errors errors = { 0 };

	BUG_ON(!mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/mail", dir);
	scanner = scan_new(&in, false, &errors);
	BUG_ON(!scanner);
	test_golden();
	test_sender();
	test_flood();
	scan_free(scanner);
	snapshot_errors_fini(&errors);
	unlink(path);
	rmdir(dir);
	return check_failed;
}
