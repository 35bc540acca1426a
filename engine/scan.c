/* SPDX-License-Identifier: BSD-3-Clause
 * scan.c - one mail file to one line of JSON (interfaces.md has the keys)
 */
#include "base/clock.h"
#include "engine/json_out.h"
#include "engine/scan_internal.h"

#define SCAN_FILE_BYTES (256u << 20)

struct scanner *
scan_new(const struct snapshot_input *in, bool want_text, struct snapshot_errors *errors)
{
	struct engine_config cfg = { .want_text = want_text,
		                     .want_all_hashes = true,
		                     .want_features = true,
		                     .want_sub_hits = true };
	struct snapshot_customer *c = calloc(in->customer_cnt + 1, sizeof(*c));
	struct scanner *x = calloc(1, sizeof(*x));
	struct snapshot_input with = *in;
	struct span domain = span_z(SCAN_DOMAIN);

	BUG_ON(!c || !x);
	for (size_t i = 0; i < in->customer_cnt; i++)
		c[i] = in->customers[i];
	c[in->customer_cnt] = (struct snapshot_customer){ .id = span_z("scan"),
		                                          .domains = &domain,
		                                          .domain_cnt = 1 };
	c[in->customer_cnt].route.server_cnt = 1;
	snapshot_profile_default(&c[in->customer_cnt].profile);
	with.customers = c;
	with.customer_cnt++;
	if (with.generation == 0)
		with.generation = 1;
	x->s = snapshot_build(&with, errors);
	free(c);
	x->w = x->s ? engine_worker_new(&cfg) : NULL;
	if (x->w && engine_worker_attach(x->w, x->s) == 0)
		return x;
	scan_free(x);
	return NULL;
}

void
scan_free(struct scanner *x)
{
	if (!x)
		return;
	if (x->w)
		engine_worker_detach(x->w, x->s);
	engine_worker_free(x->w);
	snapshot_free(x->s);
	free(x);
}

static void
print_flag_names(struct json_out *o, uint32_t flags, const char *(*name)(unsigned bit))
{
	for (unsigned i = 0; i < 32; i++)
		if (flags >> i & 1 && name(i))
			json_out_string(o, NULL, span_z(name(i)));
}

static void
print_urls(struct json_out *o, const struct engine_job *j)
{
	json_out_open(o, "urls", '[');
	for (unsigned i = 0; i < j->urls.cnt; i++) {
		const struct url *u = &j->urls.url[i];

		json_out_open(o, NULL, '{');
		json_out_string(o, "raw", u->raw);
		json_out_string(o, "canonical", u->canonical);
		json_out_string(o, "host", u->host);
		json_out_string(o, "registrable", u->registrable);
		if (u->redirect_to.len)
			json_out_string(o, "redirect_to", u->redirect_to);
		else
			json_out_null(o, "redirect_to");
		json_out_open(o, "flags", '[');
		print_flag_names(o, u->flags, url_flag_name);
		json_out_close(o, ']');
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
}

/* Digits as lists have them. */
static void
print_phones(struct json_out *o, const struct engine_job *j)
{
	json_out_open(o, "phones", '[');
	for (unsigned i = 0; i < j->phones.cnt; i++)
		json_out_string(o, NULL, span(j->phones.phone[i].digits, j->phones.phone[i].len));
	json_out_close(o, ']');
}

static void
print_part(struct json_out *o, const struct part_info *p)
{
	char digest[64];

	job_hex(p, digest);
	json_out_open(o, NULL, '{');
	json_out_string(o, "path", p->path);
	json_out_string(o, "type", p->type);
	json_out_string(o, "charset", p->charset);
	json_out_string(o, "encoding", p->encoding);
	if (p->name.len)
		json_out_string(o, "name", p->name);
	else
		json_out_null(o, "name");
	json_out_number(o, "bytes", (int64_t)p->bytes);
	if (p->has_sha)
		json_out_string(o, "sha256", span(digest, 64));
	else
		json_out_null(o, "sha256");
	json_out_open(o, "flags", '[');
	print_flag_names(o, p->flags, mime_flag_name);
	print_flag_names(o, p->file_flags, file_flag_name);
	json_out_close(o, ']');
	json_out_close(o, '}');
}

static void
print_features(struct json_out *o, const struct engine_job *j)
{
	json_out_open(o, "features", '{');
	for (size_t i = 0; i < FEATURES; i++)
		if (j->features[i])
			json_out_number(o, feature_names[i], j->features[i]);
	if (j->features[F_HIDDEN_PERMILLE])
		json_out_decimal(o, "hidden_share", (double)j->features[F_HIDDEN_PERMILLE] / 1000);
	if (j->failed_stages)
		json_out_number(o, "unscanned", 1);
	json_out_close(o, '}');
}

struct answer {
	enum policy_action action;
	enum policy_filter filter;
	const char *reason;
	const struct scan_reasons *reasons; /* of the model */
};

static void
print_all(FILE *f, const char *name, const struct engine_job *j, const struct answer *a,
          uint64_t us)
{
	struct json_out o = { f, false };

	json_out_open(&o, NULL, '{');
	json_out_string(&o, "file", span_z(name));
	json_out_string(&o, "action", span_z(policy_action_name(a->action)));
	json_out_string(&o, "filter", span_z(policy_filter_name(a->filter)));
	json_out_string(&o, "reason", span_z(a->reason));
	json_out_decimal(&o, "score", j->score_milli / 1000.0);
	scan_print_model(&o, j, a->reasons);
	json_out_number(&o, "generation", (int64_t)j->s->generation);
	scan_print_rules(&o, j);
	print_urls(&o, j);
	print_phones(&o, j);
	json_out_open(&o, "parts", '[');
	for (unsigned i = 0; i < j->part_cnt; i++)
		print_part(&o, &j->parts[i]);
	json_out_close(&o, ']');
	print_features(&o, j);
	json_out_number(&o, "us", (int64_t)us);
	if (j->text)
		json_out_string(&o, "text", span(j->text, j->text_used));
	json_out_close(&o, '}');
	fputc('\n', f);
}

/* What RCPT would have said, when it would have refused. */
static bool
refused_at_rcpt(const struct scanner *x, const struct engine_client *client,
                const struct scan_envelope *env, struct span local, struct span domain,
                struct engine_rcpt *r, struct answer *a)
{
	struct engine_rcpt_query q = { client, env->from, 0, local, domain };

	engine_rcpt(x->s, &q, r);
	a->action = ACTION_BLOCK;
	a->filter = r->filter;
	switch (r->answer) {
	case ENGINE_RCPT_RELAY_DENIED:
		a->reason = "relaying denied: no customer has this domain";
		return true;
	case ENGINE_RCPT_UNKNOWN_MAILBOX:
		a->reason = "unknown mailbox";
		return true;
	case ENGINE_RCPT_REFUSED:
		a->reason = r->why;
		return true;
	default:
		return false;
	}
}

void
scan_run(struct engine_job *j, struct span mail)
{
	for (size_t at = 0; at < mail.len;)
		at += engine_job_step(j, span_skip(mail, at), UINT64_MAX);
	while (!engine_job_end(j, UINT64_MAX))
		;
}

/* Of the hits of sub-rules those stay that are said of a meta that hit: only these are looked for in the mail. */
static void
keep_made(struct engine_job *j)
{
	bool is_wanted[SUB_HITS_MAX] = { false };
	unsigned n = 0;

	for (unsigned i = 0; i < j->hit_cnt; i++) {
		struct scan_made m = { 0 };

		if (j->s->rules.rules[j->hit[i].rule].kind == RULE_META)
			scan_made_of(j, j->hit[i].rule, &m);
		for (unsigned k = 0; k < m.cnt; k++)
			if (m.part[k].hit >= j->sub_hit &&
			    m.part[k].hit < j->sub_hit + j->sub_hit_cnt)
				is_wanted[m.part[k].hit - j->sub_hit] = true;
	}
	for (unsigned i = 0; i < j->sub_hit_cnt; i++)
		if (is_wanted[i])
			j->sub_hit[n++] = j->sub_hit[i];
	j->sub_hit_cnt = n;
}

/* Only for what is printed: the scan itself was timed before. */
static void
locate(struct scanner *x, struct engine_job *j, struct engine_mail m, struct span mail)
{
	struct engine_job *again;

	if (!job_wants_locate(j))
		return;
	m.size = 0; /* either slot will do */
	again = engine_job_begin(x->w, &m);
	BUG_ON(!again);
	job_locate_begin(again, j);
	scan_run(again, mail);
	engine_job_put(again);
}

enum scan_outcome
scan_bytes(struct scanner *x, const char *name, struct span mail, const struct scan_envelope *env,
           FILE *out)
{
	struct engine_client client = { .addr = env->ip, .helo = env->helo };
	struct engine_mail m = { x->s, &client, env->from, mail.len, false };
	const char *at = env->rcpt.len ? memrchr(env->rcpt.p, '@', env->rcpt.len) : NULL;
	struct span local = at ? span(env->rcpt.p, (size_t)(at - env->rcpt.p)) : span_z("scan");
	struct span domain = at ? span_skip(env->rcpt, local.len + 1) : span_z(SCAN_DOMAIN);
	uint64_t start = clock_mono_us();
	struct scan_reasons reasons;
	struct engine_verdict v;
	struct engine_rcpt r;
	struct engine_job *j;
	struct answer a;

	engine_country(x->s, &client.addr, client.country);
	j = engine_job_begin(x->w, &m);
	BUG_ON(!j);
	scan_run(j, mail);
	engine_decide(j, local, domain, &v);
	if (!refused_at_rcpt(x, &client, env, local, domain, &r, &a))
		a = (struct answer){ v.action, v.filter, v.reason, NULL };
	start = clock_mono_us() - start;
	keep_made(j);
	locate(x, j, m, mail);
	scan_reasons(x, j, m, mail, &reasons);
	a.reasons = &reasons;
	print_all(out, name, j, &a, start);
	engine_job_put(j);
	return a.action == ACTION_DELIVER ? SCAN_DELIVER : SCAN_OTHER;
}

static enum scan_outcome
print_error(const char *path, const char *why, FILE *out)
{
	struct json_out o = { out, false };

	json_out_open(&o, NULL, '{');
	json_out_string(&o, "file", span_z(path));
	json_out_string(&o, "error", span_z(why));
	json_out_close(&o, '}');
	fputc('\n', out);
	return SCAN_ERROR;
}

char *
scan_read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rbe");
	size_t cap = 65536, n = 0, got;
	char *p = NULL;
	int rc = 0;

	if (!f)
		return NULL;
	do {
		cap = p ? cap * 2 : cap;
		p = realloc(p, cap);
		BUG_ON(!p);
		n += got = fread(p + n, 1, cap - n, f);
	} while (got > 0 && cap < SCAN_FILE_BYTES);
	if (ferror(f))
		rc = errno;
	fclose(f);
	*len = n;
	if (rc == 0)
		return p;
	free(p);
	errno = rc;
	return NULL;
}

enum scan_outcome
scan_file(struct scanner *x, const char *path, const struct scan_envelope *env, FILE *out)
{
	size_t n;
	char *p = scan_read_file(path, &n);
	enum scan_outcome rc;

	if (!p)
		return print_error(path, strerror(errno), out);
	rc = scan_bytes(x, path, span(p, n), env, out);
	free(p);
	return rc;
}
