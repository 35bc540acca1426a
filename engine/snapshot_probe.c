/* SPDX-License-Identifier: BSD-3-Clause
 * snapshot_probe.c - a built snapshot proves itself before anybody sees it
 *
 * Why     A rule set that compiles may still block everything, or nothing. Each build scans: a clean mail (no filter may
 *         hit), the EICAR file, the GTUBE line, and every `test` of the rules.
 */
#include "engine/job.h"

struct probe {
	struct engine_worker *w;
	const struct snapshot *s;
	struct snapshot_errors *e;
};

static struct engine_job *
scan(const struct probe *p, struct span mail)
{
	struct engine_client client = { .addr = addr_v4(0xc0000201), .helo = span_z("probe.test") };
	struct engine_mail m = { .snapshot = p->s,
		                 .client = &client,
		                 .sender = span_z("probe@probe.test"),
		                 .size = mail.len };
	struct engine_job *j = engine_job_begin(p->w, &m);

	BUG_ON(!j);
	for (size_t at = 0; at < mail.len;)
		at += engine_job_step(j, span_skip(mail, at), UINT64_MAX);
	while (!engine_job_end(j, UINT64_MAX))
		;
	return j;
}

static const char *
name_of_hit(const struct engine_job *j, enum policy_filter f)
{
	return j->first_hit[f] < 0 ? "?" : j->s->rules.rules[j->hit[j->first_hit[f]].rule].name.p;
}

static void
clean_mail(const struct probe *p)
{
	struct engine_job *j =
	        scan(p, span_z("From: Ann <ann@probe.test>\r\n"
	                       "To: Bob <bob@probe.test>\r\n"
	                       "Subject: Minutes of Tuesday\r\n"
	                       "Date: Tue, 02 Jan 2024 10:00:00 +0000\r\n"
	                       "Message-ID: <1@probe.test>\r\n"
	                       "\r\n"
	                       "Hello Bob,\r\n\r\nhere are the minutes of the meeting.\r\n"
	                       "The next one is on Thursday at ten.\r\n\r\nAnn\r\n"));

	for (enum policy_filter f = FILTER_URL; f < FILTERS; f++)
		if (j->content_hit[f])
			error_add(p->e, (struct error_at){ "probe", 0, 0 },
			          "the clean mail is hit by the %s filter: %s",
			          policy_filter_name(f), name_of_hit(j, f));
	if (j->score_milli >= 5000)
		error_add(p->e, (struct error_at){ "probe", 0, 0 },
		          "the clean mail scores %.1f: %s", j->score_milli / 1000.0,
		          name_of_hit(j, FILTER_SCORE));
	if (j->failed_stages)
		error_add(p->e, (struct error_at){ "probe", 0, 0 }, "patterns cannot run");
	engine_job_put(j);
}

/* Test strings are put together here, so that no scanner takes our own files for them. */
static void
known_bad(const struct probe *p)
{
	char mail[1024];
	struct engine_job *j;

	snprintf(mail, sizeof(mail), "Subject: probe\r\n\r\n%s%s\r\n",
	         "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE", "-TEST-EMAIL*C.34X");
	j = scan(p, span_z(mail));
	if (!j->content_hit[FILTER_PATTERN])
		warning_add(p->e, (struct error_at){ "probe", 0, 0 },
		            "no rule of the pattern filter blocks the GTUBE line");
	engine_job_put(j);
	snprintf(mail, sizeof(mail),
	         "Subject: probe\r\nContent-Type: application/octet-stream; "
	         "name=a.bin\r\n\r\n%s%s\r\n",
	         "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*");
	j = scan(p, span_z(mail));
	if (!j->content_hit[FILTER_ATTACHMENT])
		error_add(p->e, (struct error_at){ "probe", 0, 0 }, "the EICAR test file passes");
	engine_job_put(j);
}

/* In SpamAssassin's files a test of a header rule is the field's value alone. "": the text is whole fields. */
static struct span
field_of(const struct probe *p, const struct rule *r)
{
	const struct view *v = &p->s->rules.views[r->view];

	if (!r->is_lenient)
		return span("", 0);
	switch (v->source) {
	case VIEW_FIELD:
		return v->field;
	case VIEW_TOCC:
		return span_z("To");
	case VIEW_MESSAGEID:
		return span_z("Message-ID");
	default:
		return span("", 0);
	}
}

/* The text of a test as a mail in which its rule looks at it. */
static size_t
test_mail(const struct probe *p, const struct rule_test *t, char *out, size_t cap)
{
	const struct rule *r = &p->s->rules.rules[t->rule];
	struct span field;
	int n;

	if (r->kind == RULE_HEADER) {
		field = field_of(p, r);
		n = snprintf(out, cap, "%.*s%s%.*s\n\nprobe\n", (int)field.len, field.p,
		             field.len ? ": " : "", (int)t->text.len, t->text.p);
	} else {
		n = snprintf(out, cap, "Subject: probe\nContent-Type: text/plain\n\n%.*s\n",
		             (int)t->text.len, t->text.p);
	}
	return MIN((size_t)n, cap - 1);
}

static void
own_tests(const struct probe *p)
{
	for (size_t i = 0; i < p->s->rules.test_cnt; i++) {
		const struct rule_test *t = &p->s->rules.tests[i];
		struct error_at at = { p->s->rules.files[t->file], t->line, 0 };
		char mail[LINE_MAX_BYTES + 256];
		const struct rule *r = &p->s->rules.rules[t->rule];
		struct engine_job *j;
		bool hit;

		/* Turned off by a score of 0, not able to run (listed), or defined anew: the text is not of what is there. */
		if (r->is_off || r->kind == RULE_SKIPPED || r->def != t->def)
			continue;
		j = scan(p, span(mail, test_mail(p, t, mail, sizeof(mail))));
		hit = job_rule_hit(j, t->rule);
		if (hit != t->must_hit)
			error_add(p->e, at, "test of %s: it %s", r->name.p,
			          hit ? "hits and must not" : "does not hit and must");
		engine_job_put(j);
	}
}

void
snapshot_prove(const struct snapshot *s, struct snapshot_errors *e)
{
	struct engine_config cfg = { .is_probe = true };
	struct probe p = { engine_worker_new(&cfg), s, e };

	if (!p.w || engine_worker_attach(p.w, s) != 0) {
		error_add(e, (struct error_at){ "probe", 0, 0 }, "no memory for the probes");
		engine_worker_free(p.w);
		return;
	}
	clean_mail(&p);
	known_bad(&p);
	own_tests(&p);
	engine_worker_detach(p.w, s);
	engine_worker_free(p.w);
}
