/* SPDX-License-Identifier: BSD-3-Clause
 * test_allow.c - lists that allow: of each kind, what they have is taken out of the lists that decide and of those that score
 */
#include "engine/job.h"
#include "tests/check.h"
#include <unistd.h>

#define HEAD "Subject: x\r\n"
#define NAMED(name)                                                                                \
	HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"                            \
	     "Content-Type: application/octet-stream; name=\"" name "\"\r\n\r\n"
/* sha256 of "one" and "two" */
#define SHA_ONE "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define SHA_TWO "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"

static char dir[] = "/tmp/weir-test-allowXXXXXX";

/* For each kind two entries in a list that denies and in one that scores, and one of them in a list that allows. */
static const struct {
	const char *kind, *entries, *allowed;
} lists[] = {
	{ "ip", "192.0.2.0/24\n198.51.100.7\n", "198.51.100.0/24\n" },
	{ "domain", "bad.example\ngood.example\n", "good.example\n" },
	{ "url", "pages.example/bad\npages.example/good\n", "pages.example/good\n" },
	{ "sender", "@bad-sender.example\n@good-sender.example\n", "ann@good-sender.example\n" },
	{ "phone", "+1 800 555 0100\n1-800-555-0199\n", "(800) 555-0199\n" },
	{ "phrase", "send the money to my agent\nSend it to your bank today\n",
	  "SEND it to  your b\xd0\xb0nk today\n" },
	{ "name", "exe\nscr\n", ".SCR\n" },
	{ "type", "exe\nelf\n", "ELF\n" },
	{ "sha256", SHA_ONE "\n" SHA_TWO "\n",
	  "3FC4CCFE745870E2C0D99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3\n" },
};

/* A mail with the value that is denied, one with the value that is allowed, one with both. */
static const struct {
	const char *kind, *deny, *allow, *both;
} mails[] = {
	{ "domain", HEAD "\r\nhttp://a.bad.example/ now\r\n",
	  HEAD "\r\nhttp://a.good.example/ now\r\n",
	  HEAD "\r\nhttp://a.good.example/ http://a.bad.example/ now\r\n" },
	{ "url", HEAD "\r\nhttp://pages.example/bad/x now\r\n",
	  HEAD "\r\nhttp://pages.example/good/x now\r\n",
	  HEAD "\r\nhttp://pages.example/good/x http://pages.example/bad now\r\n" },
	{ "phone", HEAD "\r\ncall 1-800-555-0100 now\r\n", HEAD "\r\ncall (800) 555-0199 now\r\n",
	  HEAD "\r\ncall 800.555.0199, not 1-800-555-0100 now\r\n" },
	{ "phrase", HEAD "\r\nSend the money to my agent.\r\n",
	  HEAD "\r\nsend IT to your bank today\r\n",
	  HEAD "\r\nsend it to your bank today, send the money to my agent\r\n" },
	{ "name", NAMED("a.exe") "x\r\n--b--\r\n", NAMED("a.scr") "x\r\n--b--\r\n",
	  NAMED("a.scr") "x\r\n--b\r\nContent-Type: a/b; name=\"b.exe\"\r\n\r\nx\r\n--b--\r\n" },
	{ "type", NAMED("a") "MZ\x90\r\n--b--\r\n",
	  NAMED("a") "\x7f"
	             "ELF\r\n--b--\r\n",
	  NAMED("a") "\x7f"
	             "ELF\r\n--b\r\nContent-Type: a/b; name=\"b\"\r\n\r\nMZ\x90\r\n--b--\r\n" },
	{ "sha256", NAMED("a") "one\r\n--b--\r\n", NAMED("a") "two\r\n--b--\r\n",
	  NAMED("a") "two\r\n--b\r\nContent-Type: a/b; name=\"b\"\r\n\r\none\r\n--b--\r\n" },
};

static void
path_of(const char *kind, const char *what, char out[512])
{
	snprintf(out, 512, "%s/%s-%s.list", dir, kind, what);
}

static void
write_list(const char *kind, const char *what, const char *directive, const char *entries)
{
	char path[512];
	FILE *f;

	path_of(kind, what, path);
	f = fopen(path, "w");
	BUG_ON(!f);
	fprintf(f, "%%name %s-%s\n%%kind %s\n%s\n%s", kind, what, kind, directive, entries);
	fclose(f);
}

static void
remove_list(const char *kind, const char *what)
{
	char path[512];

	path_of(kind, what, path);
	unlink(path);
}

static struct snapshot *
build(bool has_allow)
{
	const char *dirs[] = { dir };
	struct snapshot_input in = { .generation = 1, .rule_dirs = dirs, .rule_dir_cnt = 1 };
	struct snapshot_errors e = { 0 };
	struct snapshot *s;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		write_list(lists[i].kind, "deny", "", lists[i].entries);
		write_list(lists[i].kind, "score", "%score 1", lists[i].entries);
		if (has_allow)
			write_list(lists[i].kind, "allow", "%allow", lists[i].allowed);
	}
	s = snapshot_build(&in, &e);
	CHECK(s, "%s", e.cnt ? e.item[0].text : "");
	snapshot_errors_fini(&e);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		remove_list(lists[i].kind, "deny");
		remove_list(lists[i].kind, "score");
		remove_list(lists[i].kind, "allow");
	}
	return s;
}

static struct engine_job *
scan(struct engine_worker *w, const struct snapshot *s, const char *mail, uint32_t ip,
     const char *sender)
{
	struct engine_client c = { .addr = addr_v4(ip) };
	struct engine_mail m = { s, &c, span_z(sender), strlen(mail), false };
	struct engine_job *j = engine_job_begin(w, &m);

	BUG_ON(!j);
	engine_job_step(j, span_z(mail), UINT64_MAX);
	while (!engine_job_end(j, UINT64_MAX))
		;
	return j;
}

/* Hits of the lists of this kind; a list that allows has none. */
static unsigned
hit_cnt(const struct engine_job *j, const char *kind)
{
	static const char *const what[] = { "deny", "score", "allow" };
	unsigned cnt = 0;

	for (size_t i = 0; i < ARRAY_LEN(what); i++) {
		char name[64];
		uint32_t rule;

		snprintf(name, sizeof(name), "%s-%s", kind, what[i]);
		rule = ruleset_find(&j->s->rules, span_z(name));
		cnt += rule != RULE_NONE && job_rule_hit(j, rule);
		CHECK(i < 2 || rule == RULE_NONE || !job_rule_hit(j, rule), "%s hits", name);
	}
	return cnt;
}

static void
check_mail(struct engine_worker *w, const struct snapshot *s, const char *kind, const char *mail,
           unsigned want)
{
	struct engine_job *j = scan(w, s, mail, 1, "");

	CHECK(hit_cnt(j, kind) == want, "%s: %u hits, not %u: %s", kind, hit_cnt(j, kind), want,
	      mail);
	CHECK(j->score_milli == (want ? 1000 : 0), "%s: score %d", kind, j->score_milli);
	engine_job_put(j);
}

static void
test_contents(struct engine_worker *w, const struct snapshot *s, bool has_allow)
{
	for (size_t i = 0; i < ARRAY_LEN(mails); i++) {
		check_mail(w, s, mails[i].kind, mails[i].deny, 2);
		check_mail(w, s, mails[i].kind, mails[i].allow, has_allow ? 0 : 2);
		check_mail(w, s, mails[i].kind, mails[i].both, 2);
	}
}

/* Addresses and senders: lists that score are asked at the begin, those that decide at RCPT (test_engine.c). */
static void
test_clients(struct engine_worker *w, const struct snapshot *s, bool has_allow)
{
	static const struct {
		uint32_t ip;
		const char *sender, *kind;
		bool is_allowed;
	} rows[] = {
		{ 0xc0000207, "", "ip", false },
		{ 0xc6336407, "", "ip", true },
		{ 1, "ann@bad-sender.example", "sender", false },
		{ 1, "ann@good-sender.example", "sender", true },
		{ 1, "bob@good-sender.example", "sender", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct engine_job *j = scan(w, s, HEAD "\r\nx\r\n", rows[i].ip, rows[i].sender);
		unsigned want = rows[i].is_allowed && has_allow ? 0 : 1;

		CHECK(hit_cnt(j, rows[i].kind) == want, "row %zu: %u hits, not %u", i,
		      hit_cnt(j, rows[i].kind), want);
		engine_job_put(j);
	}
}

int
main(void)
{
	struct engine_config cfg = { 0 };
	struct engine_worker *w = engine_worker_new(&cfg);

	BUG_ON(!w || !mkdtemp(dir));
	for (unsigned has_allow = 0; has_allow < 2; has_allow++) {
		struct snapshot *s = build(has_allow);

		if (!s || engine_worker_attach(w, s) != 0)
			continue;
		test_contents(w, s, has_allow);
		test_clients(w, s, has_allow);
		engine_worker_detach(w, s);
		snapshot_free(s);
	}
	engine_worker_free(w);
	rmdir(dir);
	return check_failed;
}
