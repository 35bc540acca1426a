/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_engine.c - a whole scan with the shipped rules: how the message was cut must not change the evidence
 *
 * Input     First two bytes choose the cuts, the rest is the message.
 */
#include "engine/job.h"

static struct snapshot *snapshot;
static struct engine_worker *worker;

/* The rules are compiled before the first input: seconds, which are no input's. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const dirs[] = { "contrib/rules" };
	struct engine_config cfg = { 0 };
	struct snapshot_errors e = { 0 };
	struct snapshot_input in = { .generation = 1, .rule_dirs = dirs, .rule_dir_cnt = 1 };

	(void)argc;
	(void)argv;
	snapshot = snapshot_build(&in, &e);
	worker = engine_worker_new(&cfg);
	BUG_ON(!snapshot || !worker || engine_worker_attach(worker, snapshot) != 0);
	return 0;
}

static struct engine_job *
scan(struct span mail, size_t step)
{
	struct engine_client c = { .addr = addr_v4(1) };
	struct engine_mail m = { snapshot, &c, span_z("a@b.test"), mail.len, false };
	struct engine_job *j = engine_job_begin(worker, &m);

	for (size_t at = 0; at < mail.len;)
		at += engine_job_step(j, span(mail.p + at, MIN(step, mail.len - at)), 0);
	while (!engine_job_end(j, 0))
		;
	return j;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine_job *a, *b;
	struct span mail;

	if (size < 2)
		return 0;
	mail = span(data + 2, size - 2);
	a = scan(mail, SIZE_MAX / 2);
	b = scan(mail, 1 + (size_t)(data[0] | (data[1] & 7) << 8));
	BUG_ON(a == b || a->hit_cnt != b->hit_cnt || a->score_milli != b->score_milli);
	BUG_ON(memcmp(a->features, b->features, sizeof(a->features)) != 0);
	BUG_ON(a->part_cnt != b->part_cnt || a->urls.cnt != b->urls.cnt);
	for (unsigned i = 0; i < a->hit_cnt; i++) {
		const struct evidence_hit *x = &a->hit[i], *y = &b->hit[i];

		BUG_ON(x->rule != y->rule || x->lane != y->lane || x->end != y->end ||
		       x->excerpt_len != y->excerpt_len ||
		       memcmp(x->excerpt, y->excerpt, x->excerpt_len) != 0);
	}
	engine_job_put(a);
	engine_job_put(b);
	return 0;
}
