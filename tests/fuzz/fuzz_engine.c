/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_engine.c - a whole scan with the shipped rules and a customer's own: how the message was cut must not change the evidence
 *
 * Input     First two bytes choose the cuts (11 bits) and, bit 11, a scan window of SMALL_WINDOW bytes, so that the tail past the
 *           window is read; bit 12, a tail job instead of a mail. The rest is the message.
 * Property  Hits and their places, parts, URLs, phone numbers, features, shown text and the verdict are the same.
 */
#include "engine/job.h"

#define SMALL_WINDOW 100

enum { OPT_SMALL = 1u << 3, OPT_TAIL = 1u << 4 };

struct input {
	struct engine_worker *w;
	struct span mail;
	bool is_tail;
	size_t step;
};

static struct snapshot *snapshot;
static struct engine_worker *workers[2];

static struct snapshot *
build(void)
{
	static const char *const dirs[] = { "contrib/rules" };
	static const struct span domain = { "c.test", 6 };
	static const struct snapshot_custom_rule rules[] = {
		{ 1, SNAPSHOT_FIELD_SUBJECT, SNAPSHOT_OP_CONTAINS, { "offer", 5 }, ACTION_TAG },
		{ 2,
		  SNAPSHOT_FIELD_BODY,
		  SNAPSHOT_OP_REGEX,
		  { "o[a-z]er [0-9]", 14 },
		  ACTION_HEADER },
		{ 3, SNAPSHOT_FIELD_BODY, SNAPSHOT_OP_CONTAINS, { "pay", 3 }, ACTION_BLOCK },
		{ 4, SNAPSHOT_FIELD_HEADER, SNAPSHOT_OP_CONTAINS, { "x-a: ", 5 }, ACTION_BLOCK },
		{ 5, SNAPSHOT_FIELD_ENTIRE, SNAPSHOT_OP_REGEX, { "a.c", 3 }, ACTION_BLOCK },
	};
	struct snapshot_customer c = { .id = span_z("c"),
		                       .domains = &domain,
		                       .domain_cnt = 1,
		                       .rules = rules,
		                       .rule_cnt = ARRAY_LEN(rules) };
	struct snapshot_input in = { .generation = 1,
		                     .rule_dirs = dirs,
		                     .rule_dir_cnt = 1,
		                     .customers = &c,
		                     .customer_cnt = 1 };
	struct snapshot_errors e = { 0 };

	c.route.server_cnt = 1;
	c.route.servers[0].port = 25;
	snapshot_profile_default(&c.profile);
	return snapshot_build(&in, &e);
}

/* The rules are compiled before the first input: seconds, which are no input's. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	snapshot = build();
	BUG_ON(!snapshot);
	for (unsigned i = 0; i < 2; i++) {
		struct engine_config cfg = { .want_features = true,
			                     .scan_bytes = i ? SMALL_WINDOW : 0,
			                     .want_text = true,
			                     .want_all_hashes = true };

		workers[i] = engine_worker_new(&cfg);
		BUG_ON(!workers[i] || engine_worker_attach(workers[i], snapshot) != 0);
	}
	return 0;
}

static struct engine_job *
begin(const struct input *in)
{
	struct engine_client c = { .addr = addr_v4(1) };
	struct engine_mail m = { snapshot, &c, span_z("a@b.test"), 0, in->is_tail };
	struct engine_job *j = engine_job_begin(in->w, &m);

	BUG_ON(!j);
	return j;
}

static void
feed(struct engine_job *j, struct span mail, size_t step)
{
	for (size_t at = 0; at < mail.len;) {
		size_t n = MIN(step, mail.len - at);
		char *cut = malloc(n); /* a block of its own: reads past the cut are seen */

		memcpy(cut, mail.p + at, n);
		for (size_t done = 0; done < n;)
			done += engine_job_step(j, span(cut + done, n - done), 0);
		free(cut);
		at += n;
	}
	while (!engine_job_end(j, 0))
		;
}

static void
same_hits(const struct engine_job *a, const struct engine_job *b)
{
	BUG_ON(a->hit_cnt != b->hit_cnt || a->hit_overflow != b->hit_overflow ||
	       a->match_cnt != b->match_cnt || a->match_flood != b->match_flood ||
	       a->failed_stages != b->failed_stages || a->score_milli != b->score_milli);
	for (unsigned i = 0; i < a->hit_cnt; i++) {
		const struct evidence_hit *x = &a->hit[i], *y = &b->hit[i];

		BUG_ON(x->rule != y->rule || x->line != y->line || x->place != y->place);
		BUG_ON(!x->place && (x->lane != y->lane || x->end != y->end));
		BUG_ON(!span_eq(span(x->excerpt, x->excerpt_len),
		                span(y->excerpt, y->excerpt_len)));
	}
	BUG_ON(memcmp(a->first_hit, b->first_hit, sizeof(a->first_hit)) != 0);
	for (size_t i = 0; i < a->s->custom_cnt; i++)
		BUG_ON((a->gen->slot[a->slot].custom_seen[i] == a->gen->slot[a->slot].epoch) !=
		       (b->gen->slot[b->slot].custom_seen[i] == b->gen->slot[b->slot].epoch));
}

static void
same_parts(const struct engine_job *a, const struct engine_job *b)
{
	BUG_ON(a->part_cnt != b->part_cnt);
	for (unsigned i = 0; i < a->part_cnt; i++) {
		const struct part_info *x = &a->parts[i], *y = &b->parts[i];

		BUG_ON(!span_eq(x->path, y->path) || !span_eq(x->type, y->type) ||
		       !span_eq(x->charset, y->charset) || !span_eq(x->encoding, y->encoding) ||
		       !span_eq(x->name, y->name));
		BUG_ON(x->bytes != y->bytes || x->flags != y->flags || x->has_sha != y->has_sha ||
		       x->is_attachment != y->is_attachment || x->real_type != y->real_type ||
		       x->file_flags != y->file_flags);
		BUG_ON(x->has_sha && memcmp(x->sha, y->sha, sizeof(x->sha)) != 0);
		BUG_ON(x->has_tail != y->has_tail ||
		       (x->has_tail &&
		        (x->tail_at != y->tail_at || x->tail_offset != y->tail_offset)));
	}
}

static void
same_links(const struct engine_job *a, const struct engine_job *b)
{
	BUG_ON(a->urls.cnt != b->urls.cnt || a->urls.overflow_cnt != b->urls.overflow_cnt);
	for (unsigned i = 0; i < a->urls.cnt; i++)
		BUG_ON(!span_eq(a->urls.url[i].raw, b->urls.url[i].raw) ||
		       a->urls.url[i].flags != b->urls.url[i].flags ||
		       a->urls.url[i].part != b->urls.url[i].part);
	BUG_ON(a->phones.cnt != b->phones.cnt || a->phones.overflow_cnt != b->phones.overflow_cnt);
	for (unsigned i = 0; i < a->phones.cnt; i++)
		BUG_ON(strcmp(a->phones.phone[i].digits, b->phones.phone[i].digits) != 0 ||
		       a->phones.phone[i].part != b->phones.phone[i].part);
}

static void
same_verdict(struct engine_job *a, struct engine_job *b)
{
	static struct engine_verdict x, y;

	engine_decide(a, span_z("u"), span_z("c.test"), &x);
	engine_decide(b, span_z("u"), span_z("c.test"), &y);
	BUG_ON(x.action != y.action || x.filter != y.filter || x.score_milli != y.score_milli);
	BUG_ON(strcmp(x.reason, y.reason) != 0 || strcmp(x.rules, y.rules) != 0 ||
	       strcmp(x.excerpt, y.excerpt) != 0 || strcmp(x.tag_text, y.tag_text) != 0);
	BUG_ON(!span_eq(span(x.headers, x.headers_len), span(y.headers, y.headers_len)));
}

/* Hits of j in text lanes get their place in the mail, as `weirctl scan` shows it. */
static void
locate(struct engine_job *j, const struct input *in, size_t step)
{
	struct engine_job *again = begin(in);

	for (unsigned i = 0; i < j->hit_cnt; i++)
		j->hit[i].is_located = false;
	job_locate_begin(again, j);
	feed(again, in->mail, step);
	engine_job_put(again);
}

/* Every hit in a text lane has one place, whatever the cuts. */
static void
same_places(struct engine_job *j, const struct input *in)
{
	static struct evidence_hit was[RULE_HITS_MAX];

	locate(j, in, SIZE_MAX);
	memcpy(was, j->hit, j->hit_cnt * sizeof(was[0]));
	locate(j, in, in->step);
	for (unsigned i = 0; i < j->hit_cnt; i++) {
		const struct evidence_hit *h = &j->hit[i];

		BUG_ON(h->place ? h->is_located : !h->is_located || !was[i].is_located);
		BUG_ON(!h->place && (h->part != was[i].part || h->offset != was[i].offset));
		/* Text of a multipart without parts is outside of its bytes, which are 0. */
		BUG_ON(!h->place && h->part != JOB_NO_PART && !in->is_tail &&
		       (h->part >= j->part_cnt ||
		        (h->offset > j->parts[h->part].bytes &&
		         !(j->parts[h->part].flags & MIME_F_EMPTY_MULTIPART))));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine_job *a, *b;
	struct input in;

	if (size < 2)
		return 0;
	in = (struct input){ .w = workers[(data[1] & OPT_SMALL) != 0],
		             .mail = span(data + 2, size - 2),
		             .is_tail = data[1] & OPT_TAIL,
		             .step = 1 + (size_t)(data[0] | (data[1] & 7) << 8) };
	a = begin(&in);
	b = begin(&in);
	feed(a, in.mail, SIZE_MAX);
	feed(b, in.mail, in.step);
	BUG_ON(a->model_vector.cnt != b->model_vector.cnt ||
	       memcmp(a->model_vector.feature, b->model_vector.feature,
	              a->model_vector.cnt * sizeof(a->model_vector.feature[0])) != 0);
	BUG_ON(memcmp(a->features, b->features, sizeof(a->features)) != 0);
	BUG_ON(!span_eq(span(a->text, a->text_used), span(b->text, b->text_used)));
	same_hits(a, b);
	same_parts(a, b);
	same_links(a, b);
	same_verdict(a, b);
	engine_job_put(b);
	same_places(a, &in);
	engine_job_put(a);
	return 0;
}
