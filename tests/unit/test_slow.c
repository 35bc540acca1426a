/* SPDX-License-Identifier: BSD-3-Clause
 * test_slow.c - slow expressions: what they may take is each mail's own, and a refused one is asked again in the next mail
 */
#include "engine/job.h"
#include "tests/check.h"
#include <unistd.h>

#define HEAD       "Subject: x\r\nContent-Type: text/plain\r\n\r\n"
#define PARAGRAPHS 20000 /* of them a few dozen are enough where a step takes a nanosecond */

static char dir[] = "/tmp/weir-test-slowXXXXXX";

static const char rules_text[] = "body SLOW /zqxslow(a|aa)+(b)\\2/\n";
static const char hit[] = "look: zqxslowaabb\r\n\r\n";

static struct snapshot *
build(void)
{
	const char *dirs[] = { dir };
	struct snapshot_input in = { .generation = 1, .rule_dirs = dirs, .rule_dir_cnt = 1 };
	struct snapshot_errors e = { 0 };
	struct snapshot *s;
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/a.rules", dir);
	f = fopen(path, "w");
	BUG_ON(!f);
	fputs(rules_text, f);
	fclose(f);
	s = snapshot_build(&in, &e);
	CHECK(s, "%s", e.cnt ? e.item[0].text : "");
	snapshot_errors_fini(&e);
	unlink(path);
	return s;
}

static struct engine_job *
begin(struct engine_worker *w, const struct snapshot *s)
{
	struct engine_client client = { 0 };
	struct engine_mail m = { s, &client, span("", 0), 1000, false };
	struct engine_job *j = engine_job_begin(w, &m);

	BUG_ON(!j);
	engine_job_step(j, span_z(HEAD), UINT64_MAX);
	return j;
}

static void
end(struct engine_job *j)
{
	while (!engine_job_end(j, UINT64_MAX))
		;
}

static bool
is_hit(const struct engine_job *j)
{
	return job_rule_hit(j, ruleset_find(&j->s->rules, span_z("SLOW")));
}

/* A paragraph in which the expression tries hundreds of ways at each word, and finds nothing. */
static struct span
slow_paragraph(void)
{
	static char text[JOB_LINE_MAX];
	size_t n = 0;

	while (n < sizeof(text) - 40)
		n += (size_t)sprintf(text + n, "zqxslowaaaaaaaaaaaab ");
	n += (size_t)sprintf(text + n, "\r\n\r\n");
	return span(text, n);
}

/* Until the mail's time for it is used up; false when this machine is too fast for that. */
static bool
use_up(struct engine_worker *w, struct engine_job *j)
{
	uint64_t before = engine_worker_counters(w)->pcre_timeouts;
	struct span p = slow_paragraph();

	for (unsigned i = 0; i < PARAGRAPHS; i++) {
		engine_job_step(j, p, UINT64_MAX);
		if (engine_worker_counters(w)->pcre_timeouts > before)
			return true;
	}
	return false;
}

/* Two mails under way on one worker, a slow one and one of one line. Whichever began first. */
static void
test_two_mails(struct engine_worker *w, const struct snapshot *s, bool is_slow_first)
{
	struct engine_job *a = begin(w, s), *b = begin(w, s);
	struct engine_job *slow = is_slow_first ? a : b, *other = is_slow_first ? b : a;
	bool is_used_up = use_up(w, slow);

	if (!is_used_up)
		printf("SKIP slow expressions: this machine is too fast for the text\n");
	engine_job_step(other, span_z(hit), UINT64_MAX);
	end(other);
	CHECK(is_hit(other), "slow first %d: the other mail's pattern was not asked",
	      is_slow_first);
	engine_job_step(slow, span_z(hit), UINT64_MAX);
	end(slow);
	CHECK(!is_used_up || !is_hit(slow), "slow first %d: its own is not asked any more",
	      is_slow_first);
	engine_job_put(a);
	engine_job_put(b);
}

/* A mail that begins meanwhile gives the slow one no new time. */
static void
test_begin_meanwhile(struct engine_worker *w, const struct snapshot *s)
{
	struct engine_job *slow = begin(w, s), *other;
	bool is_used_up = use_up(w, slow);

	other = begin(w, s);
	engine_job_step(slow, span_z(hit), UINT64_MAX);
	end(slow);
	CHECK(!is_used_up || !is_hit(slow), "its time came back with another mail");
	engine_job_put(slow);
	engine_job_put(other);
	slow = begin(w, s);
	engine_job_step(slow, span_z(hit), UINT64_MAX);
	end(slow);
	CHECK(is_hit(slow), "the next mail in this slot is asked again");
	engine_job_put(slow);
}

int
main(void)
{
	struct engine_config cfg = { .scan_bytes = (uint64_t)PARAGRAPHS * JOB_LINE_MAX };
	struct engine_worker *w = engine_worker_new(&cfg);
	struct snapshot *s;

	BUG_ON(!w || !mkdtemp(dir));
	s = build();
	if (s && engine_worker_attach(w, s) == 0) {
		test_two_mails(w, s, true);
		test_two_mails(w, s, false);
		test_begin_meanwhile(w, s);
		engine_worker_detach(w, s);
	}
	snapshot_free(s);
	engine_worker_free(w);
	rmdir(dir);
	return check_failed;
}
