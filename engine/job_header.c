/* SPDX-License-Identifier: BSD-3-Clause
 * job_header.c - header fields of the mail itself: customers' rules, features
 */
#include "engine/job.h"

/* The address in "Name <local@domain>", "local@domain (comment)", the first of a list. */
static struct span
address_of(struct span v)
{
	const char *lt = memrchr(v.p, '<', v.len), *at, *blank;
	struct span a = v;

	if (v.len == 0)
		return v;
	if (lt) {
		const char *gt;

		a = span_skip(v, (size_t)(lt - v.p) + 1);
		gt = memchr(a.p, '>', a.len);
		return gt ? span(a.p, (size_t)(gt - a.p)) : a;
	}
	at = memchr(v.p, '@', v.len);
	if (!at)
		return span("", 0);
	blank = memrchr(a.p, ' ', (size_t)(at - a.p));
	if (blank && blank + 1 == at)
		return span("", 0);
	if (blank)
		a = span_skip(a, (size_t)(blank + 1 - a.p));
	for (size_t i = 0; i < a.len; i++)
		if (strchr(" \t,;()", a.p[i])) {
			a.len = i;
			break;
		}
	return a;
}

/* What stands before the address, quotes removed. */
static struct span
name_of(struct span v)
{
	const char *lt = v.len ? memrchr(v.p, '<', v.len) : NULL;
	struct span n = lt ? span(v.p, (size_t)(lt - v.p)) : span("", 0);

	while (n.len > 0 && strchr(" \t\"'", n.p[n.len - 1]))
		n.len--;
	while (n.len > 0 && strchr(" \t\"'", n.p[0]))
		n = span_skip(n, 1);
	return n;
}

/* Registrable domain of an address, lower case; "" without. */
static void
domain_of(const struct engine_job *j, struct span address, char out[256])
{
	const char *at = address.len ? memrchr(address.p, '@', address.len) : NULL;
	struct span d, r;
	char lower[256];

	out[0] = 0;
	if (!at)
		return;
	d = span_skip(address, (size_t)(at - address.p) + 1);
	if (d.len == 0 || d.len >= sizeof(lower))
		return;
	for (size_t i = 0; i < d.len; i++)
		lower[i] = ascii_lower(d.p[i]);
	d.p = lower;
	r = url_registrable(j->w->urls, d);
	if (r.len == 0)
		r = d;
	memcpy(out, r.p, r.len);
	out[r.len] = 0;
}

static void
from_features(struct engine_job *j, struct span v)
{
	j->features[F_FROM_CNT]++;
	if (j->features[F_FROM_CNT] > 1)
		return;
	domain_of(j, address_of(v), j->from_domain);
	/* "service@bank.example" <x@elsewhere.example> */
	domain_of(j, name_of(v), j->from_name_domain);
}

static void
field_features(struct engine_job *j, const struct mime_header *h)
{
	if (span_ieq_z(h->name, "from"))
		from_features(j, h->value);
	else if (span_ieq_z(h->name, "reply-to"))
		domain_of(j, address_of(h->value), j->replyto_domain);
	else if (span_ieq_z(h->name, "received"))
		j->features[F_RECEIVED_CNT]++;
	else if (span_ieq_z(h->name, "message-id"))
		j->features[F_HAS_MESSAGE_ID] = 1;
	else if (span_ieq_z(h->name, "date"))
		j->features[F_HAS_DATE] = 1;
	else if (span_ieq_z(h->name, "list-id") || span_ieq_z(h->name, "list-unsubscribe"))
		j->features[F_HAS_LIST] = 1;
	else if (span_ieq_z(h->name, "to") && h->value.len > 0)
		j->features[F_TO_EMPTY] = 0;
}

/* ---- customers' rules ---- */

static size_t
make_line(const struct mime_header *h, char *out, size_t cap)
{
	size_t n = MIN(h->name.len, (size_t)128), m;

	memcpy(out, h->name.p, n);
	out[n++] = ':';
	out[n++] = ' ';
	m = MIN(h->value.len, cap - n);
	memcpy(out + n, h->value.p, m);
	return n + m;
}

/* Folded "name: value" for `header`, the value alone for `subject`. */
static void
custom_rules(struct engine_job *j, const struct mime_header *h)
{
	uint32_t *seen = j->gen->slot[j->slot].custom_seen;
	uint32_t epoch = j->gen->slot[j->slot].epoch;
	char line[JOB_FIELD_MAX], folded[FOLD_CAP(JOB_FIELD_MAX)];
	size_t n;

	if (!job_has_lane(j, LANE_CUSTOM_HEAD_LIT) && !job_has_lane(j, LANE_CUSTOM_HEAD_RE))
		return;
	n = fold_span(span(line, make_line(h, line, sizeof(line))), folded, sizeof(folded));
	job_custom_block(j, CUSTOM_HEADER, span(folded, n), seen, epoch);
	if (!span_ieq_z(h->name, "subject"))
		return;
	n = fold_span(span(h->value.p, MIN(h->value.len, (size_t)JOB_FIELD_MAX)), folded,
	              sizeof(folded));
	job_custom_block(j, CUSTOM_SUBJECT, span(folded, n), seen, epoch);
}

void
job_on_header(void *ctx, const struct mime_header *h)
{
	struct engine_job *j = ctx;

	if (job_fails(j, ENGINE_STAGE_HEADER))
		return;
	job_head_add(j, h);
	if (!h->is_top)
		return;
	field_features(j, h);
	if (job_wants_model(j))
		job_model_header(j, h);
	custom_rules(j, h);
	if (span_ieq_z(h->name, "subject")) {
		j->features[F_SUBJECT_CNT]++;
		job_subject(j, h->value);
	}
}

void
job_header_features(struct engine_job *j)
{
	char sender[256];

	domain_of(j, span(j->sender, j->sender_len), sender);
	j->features[F_FROM_NAME_ADDRESS] = j->from_name_domain[0] && j->from_domain[0] &&
	                                   strcmp(j->from_name_domain, j->from_domain) != 0;
	j->features[F_REPLYTO_OTHER] = j->replyto_domain[0] && j->from_domain[0] &&
	                               strcmp(j->replyto_domain, j->from_domain) != 0;
	j->features[F_SENDER_OTHER] =
	        sender[0] && j->from_domain[0] && strcmp(sender, j->from_domain) != 0;
}
