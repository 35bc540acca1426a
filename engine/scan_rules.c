/* SPDX-License-Identifier: BSD-3-Clause
 * scan_rules.c - the rules of a scan's JSON: what hit, where it stands, which line of which file says so
 */
#include "engine/json_out.h"
#include "engine/scan_internal.h"

static const char *const kinds[] = {
	[RULE_HEADER] = "header",   [RULE_BODY] = "body",
	[RULE_RAWBODY] = "rawbody", [RULE_URI] = "uri",
	[RULE_PHRASE] = "phrase",   [RULE_META] = "meta",
	[RULE_FULL] = "full",       [RULE_MIMEHEADER] = "mimeheader",
	[RULE_SKIPPED] = "skipped", [RULE_LIST] = "list",
	[RULE_EICAR] = "built-in",
};

static const char *const feature_whats[FEATURES] = {
#define FEATURE(name, json, what) what,
#include "engine/features.def"
#undef FEATURE
};

/* The field that a header rule looks at; "" for several. */
static struct span
field_of(const struct engine_job *j, const struct evidence_hit *h)
{
	const struct rule *r = &j->s->rules.rules[h->rule];
	bool is_header = r->kind == RULE_HEADER || r->kind == RULE_MIMEHEADER;
	const struct view *v = is_header ? &j->s->rules.views[r->view] : NULL;

	return v && v->source == VIEW_FIELD ? v->field : span("", 0);
}

/* "part 1.2 offset 5120", "header subject offset 12", "header from"; else what kind of thing was hit. */
static void
where_of(const struct engine_job *j, const struct evidence_hit *h, char *out, size_t cap)
{
	const struct part_info *p = &j->parts[h->part == JOB_NO_PART ? 0 : h->part];
	struct span field = field_of(j, h);

	if (field.len > 0)
		snprintf(out, cap, "header %.*s", (int)field.len, field.p);
	else if (h->place || !h->is_located)
		snprintf(out, cap, "%s", h->place ? h->place : "text");
	else if (h->part == JOB_NO_PART)
		snprintf(out, cap, "header subject offset %llu", (unsigned long long)h->offset);
	else
		snprintf(out, cap, "part %.*s offset %llu", (int)p->path.len, p->path.p,
		         (unsigned long long)h->offset);
}

static void
print_place(struct json_out *o, const struct engine_job *j, const struct evidence_hit *h)
{
	char where[160];

	where_of(j, h, where, sizeof(where));
	json_out_string(o, "where", span_z(where));
	json_out_string(o, "excerpt", span(h->excerpt, h->excerpt_len));
}

/* The first URL that a feature counts; "" for features that count none. */
static struct span
url_of_feature(const struct engine_job *j, enum feature f)
{
	for (unsigned i = 0; i < j->urls.cnt; i++)
		if (job_url_counts(&j->urls.url[i], f))
			return job_url_head(j->urls.url[i].canonical);
	return span("", 0);
}

static void
print_part(struct json_out *o, const struct engine_job *j, const struct scan_part *p)
{
	const struct rule *r = p->hit ? &j->s->rules.rules[p->hit->rule] : NULL;

	json_out_open(o, NULL, '{');
	json_out_string(o, "name", r ? r->name : span_z(feature_names[p->feature]));
	if (p->hit) {
		print_place(o, j, p->hit);
	} else {
		json_out_string(o, "where", span_z("feature"));
		json_out_number(o, "value", j->features[p->feature]);
		json_out_string(o, "excerpt", url_of_feature(j, (enum feature)p->feature));
		json_out_string(o, "describe", span_z(feature_whats[p->feature]));
	}
	json_out_close(o, '}');
}

/* A meta's place is that of the strongest rule that it is made of. */
static void
print_meta(struct json_out *o, const struct engine_job *j, const struct evidence_hit *h)
{
	struct scan_made m;

	scan_made_of(j, h->rule, &m);
	print_place(o, j, m.cnt > 0 && m.part[0].hit ? m.part[0].hit : h);
	json_out_open(o, "made_of", '[');
	for (unsigned i = 0; i < m.cnt; i++)
		print_part(o, j, &m.part[i]);
	json_out_close(o, ']');
}

static void
print_rule(struct json_out *o, const struct engine_job *j, const struct evidence_hit *h)
{
	const struct rule *r = &j->s->rules.rules[h->rule];
	char source[512];

	snprintf(source, sizeof(source), "%s:%u", j->s->rules.files[r->file],
	         h->line ? h->line : r->line);
	json_out_open(o, NULL, '{');
	json_out_string(o, "name", r->name);
	json_out_string(o, "kind", span_z(kinds[r->kind]));
	json_out_string(o, "group", span_z(policy_filter_name(r->filter)));
	json_out_decimal(o, "score", r->filter == FILTER_SCORE ? r->score_milli / 1000.0 : 0);
	if (r->kind == RULE_META)
		print_meta(o, j, h);
	else
		print_place(o, j, h);
	json_out_string(o, "source", span_z(source));
	if (r->describe && r->describe[0])
		json_out_string(o, "describe", span_z(r->describe));
	json_out_close(o, '}');
}

/* Lists that decide at RCPT leave no hit in a job. */
static void
print_listed(struct json_out *o, const struct engine_job *j, const struct list_hit *found,
             const char *place, struct span excerpt)
{
	struct evidence_hit h = { .rule = found->rule, .line = found->line, .place = place };

	h.excerpt_len = (uint8_t)MIN(excerpt.len, sizeof(h.excerpt));
	memcpy(h.excerpt, excerpt.p, h.excerpt_len);
	print_rule(o, j, &h);
}

void
scan_print_rules(struct json_out *o, const struct engine_job *j)
{
	struct span sender = span(j->sender, j->sender_len);
	char ip[ADDR_TEXT_MAX];
	struct list_hit found, allowed;

	json_out_open(o, "rules", '[');
	if (snapshot_find_ip(j->s, false, &j->client_addr, &found) &&
	    !snapshot_find_ip(j->s, true, &j->client_addr, &allowed))
		print_listed(o, j, &found, "client", span(ip, addr_format(&j->client_addr, ip)));
	if (snapshot_find_sender(j->s, false, sender, &found) &&
	    !snapshot_find_sender(j->s, true, sender, &allowed))
		print_listed(o, j, &found, "sender", sender);
	for (unsigned i = 0; i < j->hit_cnt; i++)
		print_rule(o, j, &j->hit[i]);
	json_out_close(o, ']');
}
