/* SPDX-License-Identifier: BSD-3-Clause
 * test_uri.c - what uri rules look at: forms of a URI, URIs in text, and what SpamAssassin's rules do not see
 */
#include "engine/job.h"
#include "engine/uri_text.h"
#include "tests/check.h"
#include <unistd.h>

static char dir[] = "/tmp/weir-test-uriXXXXXX";

static void
on_form(void *ctx, struct span form)
{
	char *out = ctx;

	snprintf(out + strlen(out), 1000 - strlen(out), "%.*s|", (int)form.len, form.p);
}

/* As Mail::SpamAssassin::Util::uri_list_canonicalize() gives them. */
static void
test_forms(void)
{
	/* clang-format off */
	static const struct { const char *uri, *want; } cases[] = {
		{ "http://a.b/c", "http://a.b/c|" },
		{ " http:a.b ", "http:a.b|http://a.b|" },
		{ "http:\\\\a.b\\c", "http:\\\\a.b\\c|http://a.b/c|" },
		{ "http://a.b?q", "http://a.b?q|http://a.b/?q|" },
		{ "http://a.b/%41%2f%20%zz", "http://a.b/%41%2f%20%zz|http://a.b/A/%20%25zz|" },
		{ "http://a.b/?u=https%3A%2F%2Fc.d%2F%e9", "http://a.b/?u=https%3A%2F%2Fc.d%2F%e9|http://a.b/?u=https://c.d/%e9|https://c.d/%e9|" },
		{ "http://a .b/c", "http://a .b/c|http://a.b/c|" },
		{ "http://a.b:80/c", "http://a.b:80/c|http://a.b/c|" },
		{ "https://a.b:443", "https://a.b:443|https://a.b|" },
		{ "http://a.b:8080/c", "http://a.b:8080/c|" }, { "http://a.b:80x", "http://a.b:80x|" },
		{ "www.a.b", "www.a.b|http://www.a.b|" }, { "ftp.a.b/x", "ftp.a.b/x|ftp://ftp.a.b/x|" },
		{ "http://a.b/?u=http://c.d/e&f", "http://a.b/?u=http://c.d/e&f|http://c.d/e|" },
		{ "http://a.b/?u=http:cd&f", "http://a.b/?u=http:cd&f|" },
		{ "mailto:a@b.c?subject=x", "mailto:a@b.c?subject=x|mailto:a@b.c|" },
		{ "mailto:\"A\"%20<a@b.c>", "mailto:\"A\"%20<a@b.c>|mailto:a@b.c|" },
		{ "#top", "#top|" }, { "/x.gif", "/x.gif|" }, { "?", "?|" }, { "//a.b/c", "//a.b/c|http:////a.b/c|" },
		{ "cid:1@2", "cid:1@2|" },
		{ "http://u@a.b/c", "http://u@a.b/c|" }, { "http://u@1.2.3.4/c", "http://u@1.2.3.4/c|http://1.2.3.4/c|" },
		{ "http://a.b./c", "http://a.b./c|http://a.b/c|" }, { "http://a.b!!!", "http://a.b!!!|http://a.b|" },
		{ "http://0177.2.0x3.004/", "http://0177.2.0x3.004/|http://127.2.3.4/|" },
		{ "http://2130706433/", "http://2130706433/|http://127.0.0.1/|" },
		{ "http://0x1117f000001/", "http://0x1117f000001/|http://127.0.0.1/|" },
		{ "http://1.2.3/", "http://1.2.3/|" }, { "http://1.2.3.4.5/", "http://1.2.3.4.5/|" },
		{ "http://name/x", "http://name/x|http://www.name.com/x|" },
		{ "http://www.name", "http://www.name|http://www.name.com|" },
		{ "https://name/x", "https://name/x|" }, { "http://u@name/x", "http://u@name/x|" },
		{ "http://name:81/x", "http://name:81/x|" }, { "http://localhost", "http://localhost|" },
		{ "http://\xc3\xa9" "A.b/C", "http://\xc3\xa9" "A.b/C|http://\xc3\xa9" "a.b/C|" }, { "http://A.b/C", "http://A.b/C|" },
		{ "http://", "http://|" }, { "http://@", "http://@|" }, { "", "" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[1000] = "";

		uri_forms(span_z(cases[i].uri), on_form, out);
		CHECK(!strcmp(out, cases[i].want), "%s: %s", cases[i].uri, out);
	}
}

/* As Mail::SpamAssassin::HTML::target_uri() without a base. */
static void
test_targets(void)
{
	/* clang-format off */
	static const struct { const char *uri, *want; } cases[] = {
		{ "http://a.b/c", "http://a.b/c" }, { "http://a.b", "http://a.b" }, { "", "" }, { "#x", "#x" }, { "?x", "?x" },
		{ "http://a.b/c/../d?e/../f", "http://a.b/d?e/../f" }, { "http://a.b/./c/.", "http://a.b/c/" },
		{ "http://a.b/../../c/..", "http://a.b/" }, { "http://a.b/c#/../d", "http://a.b/c#/../d" },
		{ "//www.a.b/c", "http://www.a.b/c" }, { "//www2.a.b", "http://www2.a.b" }, { "//ftp.a.b/", "ftp://ftp.a.b/" },
		{ "//a.b/c", "//a.b/c" }, { "//wwwx.a.b", "//wwwx.a.b" },
		{ "./c", "/c" }, { "../c/./d", "/c/d" }, { "c/d", "c/d" }, { "/", "/" }, { "/.", "/" }, { "..", ".." },
		{ "mailto:a/../b", "mailto:a/../b" }, { "x:a/../b", "x:/b" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[URI_FORM_MAX];
		struct span t = uri_target(span_z(cases[i].uri), out);

		CHECK(span_is(t, cases[i].want), "%s: %.*s", cases[i].uri, (int)t.len, t.p);
	}
}

/* As PerMsgStatus::_process_text_uri_list() finds them. */
static void
test_text(struct url_env *env)
{
	/* clang-format off */
	static const struct { const char *text, *want; } cases[] = {
		{ "see http://a.com/x, or <HTTPS://b.org>.", "http://a.com/x|HTTPS://b.org|" },
		{ "www.a.com and ftp.a.com", "http://www.a.com|ftp://ftp.a.com|" },
		{ "x a.com/y z.b.co.uk:80/", "http://a.com/y|" },
		{ "a.com. b.com: 'c.com'", "http://a.com|" },
		{ "a.com,b.com", "http://b.com|" }, { "(a.com) [b.com] c.com", "http://b.com|http://c.com|" },
		{ "a.com:8080/x a.com:80 a.com:123456", "http://a.com:8080/x|http://a.com:80|" },
		{ "write to me@a.com, now.", "mailto:me@a.com|" }, { "<a.b@c.d.com>,b@c.com", "mailto:a.b@c.d.com|mailto:b@c.com|" },
		{ "mailto:x@a.com?subject=1 y", "mailto:x@a.com?subject=1|" },
		{ "email:x@a.com :y@a.com e-mail::z@a.com", "mailto:x@a.com|mailto:y@a.com|mailto:z@a.com|" },
		{ "u@localhost u@x.nosuchsuffix Vi@gra u@.com", "" },
		{ "a/b@c.com", "http://a/b@c.com|" }, /* "http://www.a.com/b@c.com" has a host */
		{ "a+/@c.com", "mailto:a+/@c.com|" }, { "a.com/b@c.com", "http://a.com/b@c.com|" },
		{ "cid:img@a.com mid:img@a.com", "" },
		{ "3.14 e.g. file.txt a..com x_y.com -a.com a-.com", "" },
		{ "_x.a.com", "" }, { "x_1.a.com", "http://x_1.a.com|" },
		{ "http://10.0.0.1/x http://name/ http://", "http://10.0.0.1/x|http://name/|" },
		{ "(http://a.com/b)c http://a.com/(b)c", "http://a.com/b|http://a.com/(b)c|" },
		{ "x=http://a.com/?b=\"c\"", "http://a.com/?b|" },
		{ "caf\xc3\xa9@a.com b@a.com\xc3\xa9", "http://a.com|mailto:b@a.com|" },
		{ "", "" }, { ".", "" }, { "@", "" }, { "http", "" }, { "www.", "" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[1000] = "";
		struct uri_text t = { env, 0, on_form, out };

		uri_text_find(&t, span_z(cases[i].text));
		CHECK(!strcmp(out, cases[i].want), "%s: %s", cases[i].text, out);
	}
}

static void
on_count(void *ctx, struct span form)
{
	*(size_t *)ctx += memchr(form.p, 'a', form.len) != NULL; /* not "http://b.com" */
}

/* Lengths at their bounds, and past the bound of hosts that are looked up. */
static void
test_bounds(struct url_env *env)
{
	static char text[8 * URI_TEXT_PROBES];
	size_t found = 0, n = 0;
	struct uri_text t = { env, 0, on_count, &found };

	for (size_t rest = 2048; rest <= 2049; rest++) {
		n = (size_t)sprintf(text, "http://");
		memset(text + n, 'a', rest);
		memcpy(text + n, "1.1.1.1/", 8);
		found = 0;
		uri_text_find(&t, span(text, n + rest));
		CHECK(found == (rest == 2048), "%zu behind the scheme: %zu", rest, found);
	}
	for (size_t local = 251; local <= 252; local++) {
		memset(text, 'a', local);
		n = local + (size_t)sprintf(text + local, "@b.com");
		found = 0;
		uri_text_find(&t, span(text, n));
		CHECK(found == (local == 251), "%zu before the at: %zu", local, found);
	}
	for (n = 0; n + 8 <= sizeof(text); n += 8)
		memcpy(text + n, "ab.cdef ", 8); /* no suffix: looked up all the same */
	t.probe_cnt = 0;
	uri_text_find(&t, span(text, n));
	CHECK(t.probe_cnt == URI_TEXT_PROBES, "%u", t.probe_cnt);
	found = 0;
	uri_text_find(&t, span_z("b.com"));
	CHECK(found == 0, "no host is looked up past the bound");
}

static const char cf[] = "uri COUNT /^./\ntflags COUNT multiple\nuri __THEIRS /onlyours/\n";
static const char rules[] = "uri OURS /onlyours/\nuri NUMERIC /^http:\\/\\/127\\.0\\.0\\.1\\//\n";

/* How often COUNT hits: each form that SpamAssassin has, once. */
static const struct {
	const char *html;
	unsigned cnt;
	bool has_ours;
} pages[] = {
	{ "<a href='http://a.com/x'>http://a.com/x</a>", 1, false },
	{ "<a href='http://a.com/x'>www.b.com</a> c@d.com", 3, false },
	{ "<a href='x' data-saferedirecturl='http://a.com/onlyours'>x</a>", 2, true },
	{ "<img src='./onlyours.gif'>", 1, true },
	{ "<img src='http://a.com/onlyours.gif'>", 1, true },
	{ "<input src='http://a.com/onlyours.gif'>", 0, true },
	{ "<td background='http://a.com/b.gif'><th background='http://a.com/onlyours'>", 1, true },
	{ "<meta http-equiv=refresh content='0;url=http://a.com/'>", 1, false },
	{ "<a href='http://a.com'>x<p style='display:none'>http://hidden.com/x</p>", 2, false },
};

static void
write_file(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!text) {
		unlink(path);
		return;
	}
	f = fopen(path, "w");
	BUG_ON(!f);
	fputs(text, f);
	fclose(f);
}

static double
hits(const struct engine_job *j, const char *name)
{
	uint32_t rule = ruleset_find(&j->s->rules, span_z(name));

	BUG_ON(rule == RULE_NONE);
	return job_rule_hit(j, rule) ? (double)j->gen->slot[j->slot].rule_hits[rule] : 0;
}

static void
test_pages(struct engine_worker *w, const struct snapshot *s)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		char mail[1000];
		size_t n = (size_t)snprintf(mail, sizeof(mail), "Content-Type: text/html\n\n%s\n",
		                            pages[i].html);
		struct engine_client client = { 0 };
		struct engine_mail m = { s, &client, span("", 0), n, false };
		struct engine_job *j = engine_job_begin(w, &m);

		BUG_ON(!j);
		engine_job_step(j, span(mail, n), UINT64_MAX);
		while (!engine_job_end(j, UINT64_MAX))
			;
		CHECK(hits(j, "COUNT") == pages[i].cnt, "%s: %g", pages[i].html, hits(j, "COUNT"));
		CHECK((hits(j, "OURS") > 0) == pages[i].has_ours, "%s", pages[i].html);
		CHECK(hits(j, "__THEIRS") == 0 || pages[i].cnt > 0, "%s", pages[i].html);
		engine_job_put(j);
	}
}

int
main(void)
{
	const char *dirs[] = { dir };
	struct snapshot_input in = {
		.generation = 1, .rule_dirs = dirs, .rule_dir_cnt = 1, .no_probes = true
	};
	struct snapshot_errors e = { 0 };
	struct engine_config cfg = { 0 };
	struct engine_worker *w = engine_worker_new(&cfg);
	struct snapshot *s;

	BUG_ON(!w || !mkdtemp(dir));
	test_forms();
	test_targets();
	test_text(w->urls);
	test_bounds(w->urls);
	write_file("a.cf", cf);
	write_file("b.rules", rules);
	s = snapshot_build(&in, &e);
	CHECK(s && engine_worker_attach(w, s) == 0, "%s", e.cnt ? e.item[0].text : "");
	if (s) {
		test_pages(w, s);
		engine_worker_detach(w, s);
	}
	snapshot_free(s);
	snapshot_errors_fini(&e);
	engine_worker_free(w);
	write_file("a.cf", NULL);
	write_file("b.rules", NULL);
	rmdir(dir);
	return check_failed;
}
