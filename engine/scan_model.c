/* SPDX-License-Identifier: BSD-3-Clause
 * scan_model.c - the features that weighed most in the model's answer, with their names
 *
 * Why     A model has hashes, no words; the mail has the words. So the mail goes through once more and each feature that
 *         is wanted says what it was made of: no list of words lies beside the model, which would tell what it was trained
 *         on, and a name is always what stands in this mail, even when two words share a weight.
 */
#include "engine/json_out.h"
#include "engine/scan_internal.h"
#include <math.h>

static void
add_reason(struct scan_reasons *r, uint32_t feature, float share)
{
	unsigned at = r->cnt;

	while (at > 0 && fabsf(r->item[at - 1].share) < fabsf(share))
		at--;
	if (at == SCAN_REASONS)
		return;
	r->cnt = MIN(r->cnt + 1, (unsigned)SCAN_REASONS);
	memmove(&r->item[at + 1], &r->item[at], (r->cnt - 1 - at) * sizeof(r->item[0]));
	r->item[at] = (struct scan_reason){ .slot = MODEL_SLOT_OF(feature), .share = share };
}

/* The same length as the mail's, at most. */
static void
put_name(struct scan_reason *r, const char *kind, struct span first, struct span second)
{
	snprintf(r->name, sizeof(r->name), "%s%s%.*s%s%.*s", kind, first.len ? ": " : "",
	         (int)first.len, first.p, second.len ? " " : "", (int)second.len, second.p);
}

static void
on_new(void *ctx, uint32_t slot, const char *kind, struct span first, struct span second)
{
	struct scan_reasons *r = ctx;

	for (unsigned i = 0; i < r->cnt; i++)
		if (r->item[i].slot == slot && !r->item[i].name[0])
			put_name(&r->item[i], kind, first, second);
}

void
scan_reasons(struct scanner *x, const struct engine_job *j, struct engine_mail m, struct span mail,
             struct scan_reasons *r)
{
	const struct model_vector *v = &j->model_vector;
	float scale[MODEL_GROUPS];
	struct engine_job *again;

	r->cnt = 0;
	if (!j->has_model)
		return;
	model_scales(v->feature, v->cnt, scale);
	for (uint32_t i = 0; i < v->cnt; i++)
		add_reason(r, v->feature[i], model_share(j->s->model, scale, v->feature[i]));
	m.size = 0; /* either slot will do */
	again = engine_job_begin(x->w, &m);
	BUG_ON(!again);
	again->model_vector.on_new = on_new;
	again->model_vector.ctx = r;
	scan_run(again, mail);
	again->model_vector.on_new = NULL;
	engine_job_put(again);
}

void
scan_print_model(struct json_out *o, const struct engine_job *j, const struct scan_reasons *r)
{
	if (!j->has_model) {
		json_out_null(o, "model");
		return;
	}
	json_out_decimal(o, "model", model_probability(j->model_logodds));
	json_out_decimal(o, "model_points",
	                 model_points_milli(j->s->model, j->model_logodds) / 1000.0);
	json_out_open(o, "model_features", '[');
	for (unsigned i = 0; i < r->cnt; i++) {
		json_out_open(o, NULL, '{');
		json_out_string(o, "feature", span_z(r->item[i].name));
		json_out_decimal(o, "weight", (double)r->item[i].share);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
}
