/* SPDX-License-Identifier: BSD-3-Clause
 * decide.c - engine_rcpt() and engine_decide(): facts from lists and evidence to policy, its answer in words
 */
#include "engine/job.h"

bool
engine_country(const struct snapshot *s, const struct addr *a, char out[2])
{
	return s->geo && !fault_is_set(ENGINE_STAGE_GEO) && geo_country(s->geo->geo, a, out);
}

static void
client_facts(const struct snapshot *s, const struct addr *client, const char country[2],
             struct span sender, struct policy_facts *f, struct list_hit hit[2])
{
	struct list_hit h;

	*f = (struct policy_facts){ .client = *client, .sender = sender };
	memcpy(f->country, country, 2);
	if (fault_is_set(ENGINE_STAGE_LISTS))
		return;
	if (s->list_cnt[SNAPSHOT_LIST_IP] > 0) {
		f->ip_listed = snapshot_find_ip(s, false, client, &hit[0]);
		f->ip_allowed = f->ip_listed && snapshot_find_ip(s, true, client, &h);
	}
	if (s->list_cnt[SNAPSHOT_LIST_SENDER] > 0 && sender.len > 0) {
		f->sender_listed = snapshot_find_sender(s, false, sender, &hit[1]);
		f->sender_allowed = snapshot_find_sender(s, true, sender, &h);
	}
}

/* "name line 12 of file" of a node's list. */
static void
list_words(const struct snapshot *s, const struct list_hit *h, char *out, size_t cap)
{
	const struct rule *r = &s->rules.rules[h->rule];

	snprintf(out, cap, "%s:%u", r->name.p, h->line);
}

static void
connection_words(const struct snapshot *s, enum policy_filter filter, const struct policy_facts *f,
                 const struct list_hit hit[2], char *out, size_t cap)
{
	out[0] = 0;
	if (filter == FILTER_IP)
		list_words(s, &hit[0], out, cap);
	else if (filter == FILTER_COUNTRY)
		snprintf(out, cap, "country %.2s", f->country);
	else if (filter == FILTER_SENDER && f->sender_listed)
		list_words(s, &hit[1], out, cap);
	else if (filter == FILTER_SENDER)
		snprintf(out, cap, "deny entry");
}

static void
answer_rcpt(const struct snapshot *s, const struct engine_rcpt_query *q,
            const struct policy_rcpt *r, struct engine_rcpt *out)
{
	char lower[SMTP_PATH_MAX];
	size_t n = MIN(q->sender.len, sizeof(lower));
	struct policy_result res = { .action = ACTION_DELIVER };
	struct policy_facts f;
	struct list_hit hit[2];

	for (size_t i = 0; i < n; i++)
		lower[i] = ascii_lower(q->sender.p[i]);
	client_facts(s, &q->client->addr, q->client->country, span(lower, n), &f, hit);
	if (!fault_is_set(ENGINE_STAGE_POLICY))
		res = policy_decide(r, &f, POLICY_AT_RCPT);
	if (res.is_allowed)
		out->flags |= ENGINE_RCPT_ALLOWED;
	if (!policy_mailbox_known(r) && !r->is_postmaster) {
		out->answer = ENGINE_RCPT_UNKNOWN_MAILBOX;
		out->filter = FILTER_MAILBOX;
	} else if (res.action == ACTION_BLOCK) {
		out->answer = ENGINE_RCPT_REFUSED;
		out->filter = res.filter;
		connection_words(s, res.filter, &f, hit, out->why, sizeof(out->why));
	} else if (out->max_message > 0 && q->size > out->max_message) {
		out->answer = ENGINE_RCPT_TOO_BIG;
	} else if (r->customer->flags & CUSTOMER_LIST_MODE && policy_mailbox_known(r)) {
		out->answer = ENGINE_RCPT_KNOWN;
	} else {
		out->answer =
		        ENGINE_RCPT_ASK; /* postmaster that is not listed too: the server knows */
	}
}

void
engine_rcpt(const struct snapshot *s, const struct engine_rcpt_query *q, struct engine_rcpt *out)
{
	struct policy_rcpt r;

	*out = (struct engine_rcpt){ .answer = ENGINE_RCPT_RELAY_DENIED,
		                     .generation = s->generation };
	if (!policy_find(s->policy, q->local, q->domain, &r))
		return;
	out->route = r.customer->route;
	out->route_id = r.customer->route->id;
	out->fingerprint = r.fingerprint;
	out->max_message = r.customer->profile->max_message;
	memcpy(out->customer, r.customer->id,
	       strlen(r.customer->id) + 1); /* policy: ≤ NAME_MAX_BYTES */
	if (r.is_postmaster)
		out->flags |= ENGINE_RCPT_POSTMASTER;
	if (r.mailbox.flags & MAILBOX_FILTERING_OFF)
		out->flags |= ENGINE_RCPT_FILTERING_OFF;
	answer_rcpt(s, q, &r, out);
}

/* ---- at the end of data ---- */

/* Customers' rules on the recipient run here, since only now he is known. */
static void
rcpt_rules(struct engine_job *j, const struct policy_rcpt *r, struct span local, struct span domain,
           struct policy_facts *f)
{
	char text[SMTP_PATH_MAX + 1], folded[FOLD_CAP(SMTP_PATH_MAX)];
	uint32_t *epoch = &j->gen->slot[j->slot].rcpt_epoch;
	size_t n;

	if (!(r->customer->flags & CUSTOMER_HAS_RCPT_RULES) ||
	    local.len + 1 + domain.len > sizeof(text))
		return;
	memcpy(text, local.p, local.len);
	text[local.len] = '@';
	memcpy(text + local.len + 1, domain.p, domain.len);
	n = fold_span(span(text, local.len + 1 + domain.len), folded, sizeof(folded));
	if (++*epoch == 0) {
		memset(j->gen->slot[j->slot].rcpt_seen, 0, j->s->custom_cnt * sizeof(uint32_t));
		*epoch = 1;
	}
	job_custom_block(j, CUSTOM_RCPT, span(folded, n), j->gen->slot[j->slot].rcpt_seen, *epoch);
	f->rcpt_seen = j->gen->slot[j->slot].rcpt_seen;
	f->rcpt_epoch = *epoch;
}

static size_t
append(char *to, size_t at, size_t cap, struct span s)
{
	size_t n = at + 1 < cap ? MIN(s.len, cap - 1 - at) : 0;

	if (n)
		memcpy(to + at, s.p, n);
	to[at + n] = 0;
	return at + n;
}

/* Names by comma, the deciding one first, cut at a name. */
static void
rule_names(const struct engine_job *j, int first, char *out, size_t cap)
{
	size_t at = 0;

	out[0] = 0;
	for (int i = -1; i < (int)j->hit_cnt; i++) {
		const struct evidence_hit *h;
		struct span name;

		if (i < 0 ? first < 0 : i == first)
			continue;
		h = &j->hit[i < 0 ? first : i];
		name = j->s->rules.rules[h->rule].name;
		if (at + name.len + 2 > cap)
			return;
		if (at > 0)
			at = append(out, at, cap, span(",", 1));
		at = append(out, at, cap, name);
	}
}

static void
score_words(const struct engine_job *j, struct engine_verdict *v)
{
	int n = snprintf(v->reason, sizeof(v->reason), "score %.1f", v->score_milli / 1000.0);

	if (j->has_model)
		snprintf(v->reason + n, sizeof(v->reason) - (size_t)n, ", model %.3f",
		         model_probability(j->model_logodds));
}

static void
content_words(const struct engine_job *j, const struct policy_result *res, int first,
              struct engine_verdict *v)
{
	const struct evidence_hit *h = first >= 0 ? &j->hit[first] : NULL;
	const struct rule *r = h ? &j->s->rules.rules[h->rule] : NULL;

	if (res->filter == FILTER_CUSTOM)
		snprintf(v->reason, sizeof(v->reason), "customer rule of priority %u",
		         res->custom->priority);
	else if (res->filter == FILTER_SCORE)
		score_words(j, v);
	else if (r && h->line)
		snprintf(v->reason, sizeof(v->reason), "%s:%u", r->name.p, h->line);
	else if (r)
		snprintf(v->reason, sizeof(v->reason), "%s", r->name.p);
	if (h) {
		memcpy(v->excerpt, h->excerpt, h->excerpt_len);
		v->excerpt[h->excerpt_len] = 0;
	}
}

/* Whatever the profile says: whoever gets it should know that it was not looked at whole. */
static void
unscanned_line(const struct engine_job *j, struct engine_verdict *v)
{
	size_t n = 0, names = 0;

	v->unscanned = j->failed_stages != 0;
	if (!v->unscanned)
		return;
	n = (size_t)snprintf(v->headers, sizeof(v->headers), "X-Weir-Unscanned:");
	for (unsigned s = 0; s < ENGINE_STAGES; s++)
		if (j->failed_stages >> s & 1)
			n += (size_t)snprintf(v->headers + n, sizeof(v->headers) - n, "%s %s",
			                      names++ ? "," : "", engine_stage_name(s));
	n += (size_t)snprintf(v->headers + n, sizeof(v->headers) - n, "\r\n");
	v->headers_len = (uint16_t)n;
}

static void
header_lines(const struct engine_job *j, const struct policy_profile *p, struct engine_verdict *v)
{
	int n;

	unscanned_line(j, v);
	if (v->action != ACTION_HEADER && v->action != ACTION_FORWARD &&
	    !(p->flags & PROFILE_ADD_HEADERS))
		return;
	n = snprintf(v->headers + v->headers_len, sizeof(v->headers) - v->headers_len,
	             "X-Weir-Verdict: %s\r\nX-Weir-Score: %.1f\r\nX-Weir-Rules: %.300s\r\n",
	             v->unscanned && v->filter == FILTER_NONE ? "unscanned"
	             : v->filter == FILTER_NONE               ? "clean"
	                                                      : policy_filter_name(v->filter),
	             v->score_milli / 1000.0, v->rules);
	v->headers_len = (uint16_t)MIN(v->headers_len + (size_t)n, sizeof(v->headers) - 1);
}

void
engine_decide(struct engine_job *j, struct span local, struct span domain, struct engine_verdict *v)
{
	struct policy_result res;
	struct list_hit hit[2];
	struct policy_facts f;
	struct policy_rcpt r;
	int first;

	BUG_ON(j->state != JOB_DONE);
	v->generation = j->s->generation;
	v->action = ACTION_DELIVER;
	v->filter = FILTER_NONE;
	v->score_milli = j->score_milli;
	v->unscanned = j->failed_stages != 0;
	v->headers_len = 0;
	v->reason[0] = v->rules[0] = v->excerpt[0] = v->tag_text[0] = v->headers[0] =
	        v->forward_to[0] = 0;
	counter_inc(&j->w->counters.decisions);
	if (job_fails(j, ENGINE_STAGE_POLICY) || !policy_find(j->s->policy, local, domain, &r)) {
		unscanned_line(j, v);
		return;
	}
	client_facts(j->s, &j->client_addr, j->country, span(j->sender, j->sender_len), &f, hit);
	memcpy(f.content_hit, j->content_hit, sizeof(f.content_hit));
	/* A sum of which some are missing, those that take away too, is no reason. */
	f.score_milli = j->failed_stages ? INT32_MIN : j->score_milli;
	f.custom_seen = j->gen->slot[j->slot].custom_seen;
	f.custom_epoch = j->gen->slot[j->slot].epoch;
	rcpt_rules(j, &r, local, domain, &f);
	res = policy_decide(&r, &f, POLICY_AT_END);
	v->action = res.action;
	v->filter = res.filter;
	first = j->first_hit[res.filter == FILTER_NONE ? FILTER_SCORE : res.filter];
	if (j->hit_cnt > 0)
		rule_names(j, first, v->rules, sizeof(v->rules));
	if (res.filter >= FILTER_URL)
		content_words(j, &res, first, v);
	else if (res.filter != FILTER_NONE)
		connection_words(j->s, res.filter, &f, hit, v->reason, sizeof(v->reason));
	if (v->action == ACTION_TAG)
		memcpy(v->tag_text, r.customer->profile->tag_text, sizeof(v->tag_text));
	if (v->action == ACTION_FORWARD)
		memcpy(v->forward_to, r.customer->profile->forward_to, sizeof(v->forward_to));
	if (v->action == ACTION_BLOCK)
		counter_inc(&j->w->counters.blocked);
	header_lines(j, r.customer->profile, v);
}
