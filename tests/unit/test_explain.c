/* SPDX-License-Identifier: BSD-3-Clause
 * test_explain.c - `weirctl scan --explain` from mail to text: verdict, the strongest reasons, their places, the lines that say so
 */
#include "ctrl/cli/show.h"
#include "engine/scan.h"
#include "tests/check.h"
#include <unistd.h>

static char dir[] = "/tmp/weir-test-explainXXXXXX";

static const struct {
	const char *name, *text;
} files[] = {
	{ "a.rules", "body     VERIFY   /verify your account/i\n"
	             "describe VERIFY   asks to confirm an account\n"
	             "score    VERIFY   1.5\n"
	             "body     __SHUT   /will be (closed|suspended)/i\n"
	             "header   __URGENT Subject =~ /urgent/i\n"
	             "meta     THREAT   __SHUT && __URGENT && !F_HAS_LIST\n"
	             "describe THREAT   an urgent threat\n"
	             "score    THREAT   2.5\n"
	             "meta     __LINKS  F_HTML_LINKS > 0\n"
	             "meta     NUMERIC  F_URL_NUMERIC && __LINKS\n"
	             "describe NUMERIC  a link to an address\n"
	             "score    NUMERIC  0.5\n"
	             "meta     STORY    VERIFY + !__URGENT + __SHUT + NUMERIC >= 3\n"
	             "score    STORY    3\n"
	             "header   MAILER   X-Mailer =~ /\\S/\n"
	             "score    MAILER   0.1\n" },
	{ "b.list", "%name BADDOM\n%kind domain\n%describe known for phishing\n"
	            "# a comment\nevil.example\n\nworse.example # another\n" },
	{ "c.list", "%name BADPHONE\n%kind phone\n%score 0.3\n+1 800 555 0100\n" },
	{ "d.list", "%name BADIP\n%kind ip\n192.0.2.0/24\n" },
	{ "e.list", "%name BADSENDER\n%kind sender\n@senders.test\n" },
};

static const char mail[] =
        "From: \"Bank\" <a@b.test>\r\nTo: bob@acme.test\r\nSubject: Urgent: your account\r\n"
        "X-Mailer: x\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/alternative; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\n"
        "Your account will be suspended. Call 1-800-555-0100 or 1-800-555-0100.\r\n"
        "--b\r\nContent-Type: text/html\r\n\r\n"
        "<p>Please <b>verify</b> your account at <a href=\"http://0xc6336407/login\">your "
        "bank</a></p>\r\n"
        "--b--\r\n";

/* The same with two links to one listed domain and one to another. */
static const char listed[] =
        "Subject: x\r\nContent-Type: text/html\r\n\r\n"
        "<a href='http://a.evil.example/1'>x</a><a href='http://b.evil.example/"
        "a-long-path-that-says-nothing-but-fills-the-line-up-to-its-end-and-beyond'>y</a>\r\n"
        "http://worse.example/\r\n";

/* clang-format off */
static const struct {
	const char *mail, *want;
	uint32_t ip;
	const char *from;
} golden[] = {
	{ mail,
	  "x.eml: block by score filter (score 7.9), score 7.9, us\n"
	  "  1. STORY (score +3.0)\n"
	  "     of   VERIFY at part 1.2 offset 36: \"\xe2\x80\xa6" "be suspended. Call 1-800-555-0100 or 1-800-555-0100. Please verify your account\"\n"
	  "     of   __SHUT at part 1.1 offset 30: \"Urgent: your account Your account will be suspended\"\n"
	  "     of   url_numeric = 1, URLs whose host is an address; not of private networks: \"http://198.51.100.7/login\"\n"
	  "     rule a.rules:13\n"
	  "  2. THREAT (score +2.5): an urgent threat\n"
	  "     of   __SHUT at part 1.1 offset 30: \"Urgent: your account Your account will be suspended\"\n"
	  "     of   __URGENT at header subject: \"Urgent\"\n"
	  "     rule a.rules:6\n"
	  "  3. VERIFY (score +1.5): asks to confirm an account\n"
	  "     at   part 1.2 offset 36\n"
	  "     text \"\xe2\x80\xa6" "be suspended. Call 1-800-555-0100 or 1-800-555-0100. Please verify your account\"\n"
	  "     rule a.rules:1\n"
	  "  and 3 more: NUMERIC +0.5, BADPHONE +0.3, MAILER +0.1\n"
	  "  part 1 multipart/alternative\n"
	  "  part 1.1 text/plain, 70 bytes\n"
	  "  part 1.2 text/html, 91 bytes\n"
	  "  url http://198.51.100.7/login [numeric, obfuscated_host]\n" },
	{ listed,
	  "x.eml: block by url filter (BADDOM:5), score 0.0, us\n"
	  "  1. BADDOM (url): known for phishing\n"
	  "     at   url\n"
	  "     text \"http://a.evil.example/1\"\n"
	  "     list b.list:5\n"
	  "     also url: \"http://worse.example/\", list b.list:7\n"
	  "  part 1 text/html, 175 bytes\n"
	  "  url http://a.evil.example/1 [unknown_suffix]\n"
	  "  url http://b.evil.example/a-long-path-that-says-nothing-but-fills-the-line-up-to-its-end-and-beyond [unknown_suffix]\n"
	  "  url http://worse.example/ [unknown_suffix]\n" },
	{ "Subject: hello\r\n\r\nhello\r\n",
	  "x.eml: deliver, score 0.0, us\n"
	  "  no rule hit\n"
	  "  part 1 text/plain, 7 bytes\n" },
	{ "Subject: hello\r\n\r\nhello\r\n",
	  "x.eml: block by ip filter (BADIP:3), score 0.0, us\n"
	  "  1. BADIP (ip)\n"
	  "     at   client\n"
	  "     text \"192.0.2.1\"\n"
	  "     list d.list:3\n"
	  "  part 1 text/plain, 7 bytes\n", 0xc0000201, NULL },
	{ "Subject: hello\r\n\r\nhello\r\n",
	  "x.eml: block by sender filter (BADSENDER:3), score 0.0, us\n"
	  "  1. BADSENDER (sender)\n"
	  "     at   sender\n"
	  "     text \"a@senders.test\"\n"
	  "     list e.list:3\n"
	  "  part 1 text/plain, 7 bytes\n", 0, "A@senders.test" },
};
/* clang-format on */

static void
write_files(void)
{
	char path[512];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		f = fopen(path, "w");
		BUG_ON(!f);
		fputs(files[i].text, f);
		fclose(f);
	}
}

static void
remove_files(void)
{
	char path[512];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		unlink(path);
	}
	rmdir(dir);
}

/* Without the folder's name and the time that it took. */
static void
normalize(char *text)
{
	for (char *p; (p = strstr(text, dir));)
		memmove(p, p + strlen(dir) + 1, strlen(p + strlen(dir) + 1) + 1);
	for (char *p = strstr(text, " us\n"); p;) {
		char *from = p;

		while (from > text && from[-1] != ' ')
			from--;
		memmove(from, p + 1, strlen(p + 1) + 1);
		break;
	}
}

static void
check_golden(struct scanner *s, size_t row)
{
	struct scan_envelope env = { 0 };
	char *json = NULL, *text = NULL;
	size_t n, m;
	FILE *f = open_memstream(&json, &n), *g = open_memstream(&text, &m);
	json_t *j;

	BUG_ON(!f || !g);
	if (golden[row].ip)
		env.ip = addr_v4(golden[row].ip);
	env.from = span_z(golden[row].from ? golden[row].from : "");
	scan_bytes(s, "x.eml", span_z(golden[row].mail), &env, f);
	fclose(f);
	j = json_loadb(json, n, JSON_ALLOW_NUL, NULL);
	CHECK(j, "%s", json);
	show_scan(g, j, true);
	fclose(g);
	normalize(text);
	CHECK(!strcmp(text, golden[row].want), "row %zu:\n%s", row, text);
	json_decref(j);
	free(json);
	free(text);
}

int
main(void)
{
	const char *dirs[] = { dir };
	struct snapshot_input in = { .rule_dirs = dirs, .rule_dir_cnt = 1 };
	struct snapshot_errors e = { 0 };
	struct scanner *s;

	BUG_ON(!mkdtemp(dir));
	write_files();
	s = scan_new(&in, false, &e);
	CHECK(s, "%s", e.cnt ? e.item[0].text : "");
	for (size_t i = 0; s && i < ARRAY_LEN(golden); i++)
		check_golden(s, i);
	scan_free(s);
	snapshot_errors_fini(&e);
	remove_files();
	return check_failed;
}
