/* SPDX-License-Identifier: BSD-3-Clause
 * job_view.c - rules over header fields: the fields of a part are kept, then each view that rules ask for is put together
 *
 * Why     A rule sees all fields of its name as one text, a line each (Mail::SpamAssassin::PerMsgStatus::get() 4.0.1); a field
 *         that is not there is an empty text.
 * Limit   JOB_FIELDS_MAX fields and JOB_HEAD_TEXT bytes of a part, JOB_VIEW_BYTES of a view; what is past them no rule sees, and
 *         a counter says so.
 */
#include "engine/address.h"
#include "engine/job.h"
#include "engine/relays.h"

#define VIEW_COST 64 /* of one that is short or not there, in bytes */

struct text {
	char *p;
	size_t len, cap;
};

static void
put(struct text *t, struct span s)
{
	size_t n = MIN(s.len, t->cap - t->len);

	if (n > 0)
		memcpy(t->p + t->len, s.p, n);
	t->len += n;
}

static void
put_line(struct text *t, struct span s)
{
	put(t, s);
	put(t, span("\n", 1));
}

/* Addresses and names: line ends only between them. */
static void
put_item(struct text *t, struct span s)
{
	if (t->len > 0)
		put(t, span("\n", 1));
	put(t, s);
}

/* As written, without blanks in front, LF for CR LF. */
static void
put_raw(struct text *t, struct span s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\r' || s.p[0] == '\n'))
		s = span_skip(s, 1);
	while (s.len > 0) {
		const char *cr = memchr(s.p, '\r', s.len);
		size_t n = cr ? (size_t)(cr - s.p) : s.len;

		put(t, span(s.p, n));
		s = span_skip(s, n);
		if (cr && !(s.len > 1 && s.p[1] == '\n'))
			put(t, span("\r", 1));
		if (cr)
			s = span_skip(s, 1);
	}
	put(t, span("\n", 1));
}

static struct span
keep(struct engine_job *j, struct span s)
{
	char *to = j->head_text + j->head_text_used;

	if (s.len == 0)
		return span("", 0);
	memcpy(to, s.p, s.len);
	j->head_text_used += s.len;
	return span(to, s.len);
}

void
job_head_begin(struct engine_job *j)
{
	for (size_t i = 0; i < JOB_FIELD_BUCKETS; i++)
		j->field_first[i] = JOB_FIELDS_MAX;
	j->field_cnt = 0;
	j->head_text_used = 0;
	j->view_at = j->view_end = 0;
}

/* A set has hundreds of views: each looks at the few fields that may have its name. */
static unsigned
bucket_of(struct span name)
{
	unsigned h = (unsigned)name.len;

	if (name.len > 0)
		h += (unsigned char)ascii_lower(name.p[0]) * 5u +
		     (unsigned char)ascii_lower(name.p[name.len - 1]) * 11u +
		     (unsigned char)ascii_lower(name.p[name.len / 2]) * 23u;
	return h % JOB_FIELD_BUCKETS;
}

static void
add_to_bucket(struct engine_job *j, uint16_t at)
{
	unsigned b = bucket_of(j->field[at].name);

	if (j->field_first[b] == JOB_FIELDS_MAX)
		j->field_first[b] = at;
	else
		j->field[j->field_last[b]].next = at;
	j->field_last[b] = at;
}

void
job_head_add(struct engine_job *j, const struct mime_header *h)
{
	job_views_settle(j);
	if (j->s->rules.view_cnt == 0 || j->locate || (!h->is_top && !job_has_set(j, LANE_MIME)))
		return;
	if (j->field_cnt == JOB_FIELDS_MAX ||
	    h->name.len + h->raw.len + h->value.len > sizeof(j->head_text) - j->head_text_used) {
		counter_inc(&j->w->counters.field_overflow);
		return;
	}
	j->field[j->field_cnt] = (struct head_field){ keep(j, h->name), keep(j, h->raw),
		                                      keep(j, h->value), JOB_FIELDS_MAX };
	add_to_bucket(j, (uint16_t)j->field_cnt++);
}

/* ---- a view's text ---- */

static void
put_addresses(struct engine_job *j, const struct view *v, struct span raw, struct text *t)
{
	struct address a;

	for (unsigned i = 0; i < ADDRESSES_MAX && address_next(&raw, &a); i++) {
		char name[ADDRESS_NAME_MAX], words[ADDRESS_NAME_MAX];
		size_t n;

		if (v->part & VIEW_ADDR) {
			if (a.address.len > 0)
				put_item(t, a.address);
			continue;
		}
		n = address_name(&a, name, sizeof(name));
		if (n == 0)
			continue;
		if (v->part & VIEW_RAW) {
			put_item(t, span(name, n));
			continue;
		}
		n = job_decode_words(j, span(name, n), words, sizeof(words));
		put_item(t, address_tidy_name(words, n));
	}
}

static void
put_field(struct engine_job *j, const struct view *v, const struct head_field *f, struct text *t)
{
	if (v->part & (VIEW_ADDR | VIEW_NAME))
		put_addresses(j, v, f->raw, t);
	else if (v->part & VIEW_RAW)
		put_raw(t, f->raw);
	else
		put_line(t, f->value);
}

/* All fields of this name; false when there is none. */
static bool
put_fields(struct engine_job *j, const struct view *v, struct span name, struct text *t)
{
	const struct head_field *last = NULL;
	bool only_last = v->part & (VIEW_LAST | VIEW_MIME);

	for (unsigned i = j->field_first[bucket_of(name)]; i < JOB_FIELDS_MAX;
	     i = j->field[i].next) {
		const struct head_field *f = &j->field[i];

		if (!span_ieq(f->name, name))
			continue;
		if (!only_last)
			put_field(j, v, f, t);
		last = f;
		if (v->part & VIEW_FIRST)
			break;
	}
	if (last && only_last)
		put_field(j, v, last, t);
	return last != NULL;
}

static bool
put_all(struct engine_job *j, const struct view *v, unsigned from, struct text *t)
{
	for (unsigned i = from; i < j->field_cnt; i++) {
		const struct head_field *f = &j->field[i];

		put(t, f->name);
		put(t, span(": ", 2));
		if (v->part & VIEW_RAW)
			put_raw(t, f->raw);
		else
			put_line(t, f->value);
	}
	return j->field_cnt > 0;
}

static bool
put_names(struct engine_job *j, const struct view *v, const char *const *names, size_t cnt,
          struct text *t)
{
	bool any = false;

	for (size_t i = 0; i < cnt; i++)
		any = put_fields(j, v, span_z(names[i]), t) || any;
	return any;
}

/* The mail was not handed over by a client that we know: a file. */
static bool
has_no_client(const struct engine_job *j)
{
	static const struct addr none, none4 = { { [10] = 0xff, [11] = 0xff } };

	return addr_eq(&j->client_addr, &none) || addr_eq(&j->client_addr, &none4);
}

/* The sender that the host which handed it over gave to us, or the oldest one that we trust. */
static bool
put_relay_sender(struct engine_job *j, struct text *t)
{
	struct span sender = span("", 0);
	bool is_trusted = true;
	struct relay r;

	for (unsigned i = 0; i < j->field_cnt && is_trusted; i++) {
		if (!span_ieq_z(j->field[i].name, "received") ||
		    !relay_parse(j->field[i].value, &r))
			continue;
		is_trusted = relay_is_private(&r) || r.auth.len > 0;
		sender = r.envfrom;
	}
	if (sender.len < 2 || !memchr(sender.p + 1, '@', sender.len - 1))
		return false;
	put(t, sender);
	return true;
}

/* Does a field of this name stand under a Received field? Then it is of an earlier delivery. */
static bool
is_under_received(const struct engine_job *j, struct span name)
{
	bool has_received = false;

	for (unsigned i = 0; i < j->field_cnt; i++) {
		has_received |= span_ieq_z(j->field[i].name, "received");
		if (has_received && span_ieq(j->field[i].name, name))
			return true;
	}
	return false;
}

/* The envelope's; a mail in a file has it in a field, if at all: get_envelope_from() of PerMsgStatus 4.0.1. */
static bool
put_sender(struct engine_job *j, struct text *t)
{
	static const char *const names[] = { "x-envelope-from", "envelope-sender", "return-path" };
	struct view v = { .part = VIEW_ADDR | VIEW_FIRST };

	if (j->sender_len > 0) {
		put(t, span(j->sender, j->sender_len));
		return true;
	}
	if (has_no_client(j) && put_relay_sender(j, t))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		bool is_old = is_under_received(j, span_z(names[i]));

		if (is_old && i == 0) /* a list wrote it, and the others may be its too */
			return false;
		if (!is_old && put_fields(j, &v, span_z(names[i]), t))
			return true;
	}
	return false;
}

static void
put_relay(const struct relay *r, struct text *t)
{
	if (t->len > 0)
		put(t, span(" ", 1));
	t->len += relay_format(r, t->p + t->len, t->cap - t->len);
}

/* The host that handed it to us, then what the fields tell. Without a client those in private networks are left out. */
static bool
put_relays(struct engine_job *j, struct text *t)
{
	bool is_trusted = has_no_client(j);
	char ip[ADDR_TEXT_MAX];
	struct relay r = { 0 };

	if (!is_trusted) {
		r.ip = span(ip, addr_format(&j->client_addr, ip));
		r.helo = span(j->helo, j->helo_len);
		r.by = span_z("weir");
		put_relay(&r, t);
	}
	for (unsigned i = 0; i < j->field_cnt; i++) {
		if (!span_ieq_z(j->field[i].name, "received") ||
		    !relay_parse(j->field[i].value, &r))
			continue;
		is_trusted = is_trusted && (relay_is_private(&r) || r.auth.len > 0);
		if (!is_trusted)
			put_relay(&r, t);
	}
	return true;
}

/* The first field of what others wrote. As there a field that names no host is still of those that are trusted. */
static unsigned
first_external(const struct engine_job *j)
{
	struct relay r;

	for (unsigned i = 0; i < j->field_cnt; i++)
		if (span_ieq_z(j->field[i].name, "received") &&
		    (!has_no_client(j) || (relay_parse(j->field[i].value, &r) &&
		                           !relay_is_private(&r) && r.auth.len == 0)))
			return i;
	return j->field_cnt;
}

/* False: there is no such field. */
static bool
make_view(struct engine_job *j, const struct view *v, struct text *t)
{
	static const char *const to_cc[] = { "to", "cc" };
	static const char *const ids[] = { "x-message-id", "resent-message-id",
		                           "x-original-message-id", "message-id" };

	switch (v->source) {
	case VIEW_ALL:
		return put_all(j, v, 0, t);
	case VIEW_ALL_EXTERNAL:
		return put_all(j, v, first_external(j), t);
	case VIEW_TOCC:
		return put_names(j, v, to_cc, ARRAY_LEN(to_cc), t);
	case VIEW_MESSAGEID:
		return put_names(j, v, ids, ARRAY_LEN(ids), t);
	case VIEW_ENVELOPE_FROM:
		return put_sender(j, t);
	case VIEW_RELAYS:
		return put_relays(j, t);
	case VIEW_NO_RELAYS:
		return true;
	default:
		return put_fields(j, v, v->field, t);
	}
}

/* Returns how long it is. */
static size_t
run_view(struct engine_job *j, uint32_t at, enum lane lane)
{
	const struct view_rules *more = &j->s->view[at];
	struct text t = { .p = j->w->view_text, .cap = sizeof(j->w->view_text) };
	const struct match_set *set = j->s->lane[lane].set;

	if (!make_view(j, &j->s->rules.views[at], &t)) {
		for (size_t i = 0; i < more->unset_cnt; i++)
			job_hit(j, more->unset[i], 0, "header", span("", 0));
		return 0;
	}
	for (size_t i = 0; i < more->exists_cnt; i++)
		job_hit(j, more->exists[i], 0, "header", j->s->rules.views[at].field);
	if (match_set_has_group(set, at))
		job_scan_block(j, lane, at, span(t.p, t.len), "header", 0);
	return t.len;
}

bool
job_views_step(struct engine_job *j)
{
	size_t bytes = 0;

	if (j->view_at == j->view_end)
		return false;
	while (j->view_at < j->view_end && bytes < JOB_FLUSH_BYTES) {
		uint32_t at = j->view_at++;

		bytes += VIEW_COST +
		         run_view(j, at,
		                  j->s->rules.views[at].part & VIEW_MIME ? LANE_MIME : LANE_HEADER);
	}
	if (j->view_at == j->view_end)
		job_head_begin(j);
	return true;
}

void
job_head_end(struct engine_job *j, bool is_top)
{
	const struct ruleset *rs = &j->s->rules;

	job_views_settle(j);
	if (is_top && rs->view_cnt > 0 && !j->locate) {
		j->view_end = (uint32_t)rs->view_cnt;
		if (j->in_feed)
			mime_pause(j->mime);
		else
			job_views_settle(j);
		return;
	}
	for (uint32_t i = 0; i < rs->view_cnt && !j->locate; i++)
		if (rs->views[i].part & VIEW_MIME)
			run_view(j, i, LANE_MIME);
	job_head_begin(j);
}
