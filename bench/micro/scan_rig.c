/* SPDX-License-Identifier: BSD-3-Clause
 * scan_rig.c - sets up what a scan needs and runs it
 */
#include "bench/micro/scan_rig.h"
#include "bench/standard_set.h"
#include "base/clock.h"
#include <malloc.h>

#define DOMAIN "bench.test"

size_t
scan_rig_heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void
print_errors(const struct snapshot_errors *errors)
{
	for (size_t i = 0; i < errors->cnt; i++) {
		char text[640];

		if (errors->item[i].is_skipped)
			continue;
		snapshot_error_format(&errors->item[i], text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
}

static struct snapshot *
build(const struct scan_rig_options *o)
{
	struct snapshot_list lists[STANDARD_LISTS_MAX];
	struct span domain = span_z(DOMAIN);
	struct snapshot_customer c = { .id = span_z("bench"), .domains = &domain, .domain_cnt = 1 };
	struct snapshot_input in = { .generation = 1,
		                     .rule_dirs = o->rules,
		                     .rule_dir_cnt = o->rules_cnt,
		                     .lists = lists,
		                     .model_path = o->model,
		                     .cache_dir = o->cache,
		                     .customers = &c,
		                     .no_probes = true, /* of sets that others wrote */
		                     .customer_cnt = 1 };
	struct snapshot_errors errors = { 0 };
	struct snapshot *s;

	c.route.server_cnt = 1;
	snapshot_profile_default(&c.profile);
	in.list_cnt = standard_set_lists(o->phrase_cnt, o->entry_cnt, lists);
	s = snapshot_build(&in, &errors);
	print_errors(&errors);
	snapshot_errors_fini(&errors);
	for (size_t i = 0; i < in.list_cnt; i++)
		free((void *)(uintptr_t)lists[i].text.p);
	return s;
}

void
scan_rig_init(struct scan_rig *r, const struct scan_rig_options *o)
{
	struct engine_config cfg = { 0 };
	size_t before;

	r->snapshot = build(o);
	if (!r->snapshot)
		exit(1);
	before = scan_rig_heap();
	r->worker = engine_worker_new(&cfg);
	BUG_ON(!r->worker);
	r->worker_bytes = scan_rig_heap() - before;
	BUG_ON(engine_worker_attach(r->worker, r->snapshot) != 0);
	r->attach_bytes = scan_rig_heap() - before - r->worker_bytes;
	r->slice_cycles = clock_cycles_per_second() / 1000000 * SCAN_RIG_SLICE;
}

static uint64_t
step_begins(const struct scan_rig *r)
{
	return r->on_step ? clock_cycles() : 0;
}

static void
step_ends(struct scan_rig *r, uint64_t begun)
{
	if (r->on_step)
		r->on_step(r->ctx, clock_cycles() - begun);
}

void
scan_rig_run(struct scan_rig *r, struct span mail, struct engine_verdict *v)
{
	struct engine_client client = { .helo = span_z("mail.sender.example") };
	struct engine_mail m = { r->snapshot, &client, span_z("someone@sender.example"), mail.len,
		                 false };
	struct engine_job *j;
	uint64_t begun;
	bool is_done;

	BUG_ON(!addr_parse(span_z("192.0.2.7"), &client.addr));
	j = engine_job_begin(r->worker, &m);
	BUG_ON(!j);
	while (mail.len > 0) {
		begun = step_begins(r);
		mail = span_skip(
		        mail, engine_job_step(j, mail,
		                              r->on_step ? begun + r->slice_cycles : UINT64_MAX));
		step_ends(r, begun);
	}
	do {
		begun = step_begins(r);
		is_done = engine_job_end(j, r->on_step ? begun + r->slice_cycles : UINT64_MAX);
		step_ends(r, begun);
	} while (!is_done);
	engine_decide(j, span_z("someone"), span_z(DOMAIN), v);
	engine_job_put(j);
}
