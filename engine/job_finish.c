/* SPDX-License-Identifier: BSD-3-Clause
 * job_finish.c - what is judged when all text is known: URLs, numbers, negated and meta rules
 */
#include "engine/job.h"

#define METAS_STEP 256 /* metas of a step */

static bool
is_allow_list(const struct engine_job *j, const struct list_ref *l)
{
	return j->s->rules.rules[l->rule].is_allow;
}

/* The first of the keys that the list has. */
static bool
list_find(const struct list_ref *l, const struct span *keys, size_t key_cnt, uint32_t *line)
{
	for (size_t i = 0; i < key_cnt; i++)
		if (key_set_find(l->set->keys, keys[i], line))
			return true;
	return false;
}

void
job_list_hits(struct engine_job *j, enum snapshot_list_kind kind, const struct span *keys,
              size_t key_cnt, const char *place, struct span excerpt)
{
	const struct list_ref *lists = j->s->list[kind];
	size_t cnt = j->s->list_cnt[kind];
	uint32_t line;

	if (job_fails(j, ENGINE_STAGE_LISTS))
		return;
	for (size_t i = 0; i < cnt; i++)
		if (is_allow_list(j, &lists[i]) && list_find(&lists[i], keys, key_cnt, &line))
			return;
	for (size_t i = 0; i < cnt; i++)
		if (!is_allow_list(j, &lists[i]) && list_find(&lists[i], keys, key_cnt, &line))
			job_hit(j, lists[i].rule, line, place, excerpt);
}

/* Lists of addresses that only score; those that decide are asked by engine_decide(). */
static void
client_ip_lists(struct engine_job *j)
{
	struct list_hit allowed;
	uint32_t line;

	if (snapshot_find_ip(j->s, true, &j->client_addr, &allowed))
		return;
	for (size_t i = 0; i < j->s->list_cnt[SNAPSHOT_LIST_IP]; i++) {
		const struct list_ref *l = &j->s->list[SNAPSHOT_LIST_IP][i];

		if (j->s->rules.rules[l->rule].filter == FILTER_SCORE &&
		    ip_set_find(l->set->ips, &j->client_addr, &line))
			job_hit(j, l->rule, line, "client", span("", 0));
	}
}

/* The same for senders. */
static void
sender_lists(struct engine_job *j)
{
	struct span sender = span(j->sender, j->sender_len);
	struct list_hit allowed;
	uint32_t line;

	if (snapshot_find_sender(j->s, true, sender, &allowed))
		return;
	for (size_t i = 0; i < j->s->list_cnt[SNAPSHOT_LIST_SENDER]; i++) {
		const struct list_ref *l = &j->s->list[SNAPSHOT_LIST_SENDER][i];

		if (j->s->rules.rules[l->rule].filter == FILTER_SCORE &&
		    sender_set_find(l->set->keys, sender, &line))
			job_hit(j, l->rule, line, "sender", sender);
	}
}

void
job_client_lists(struct engine_job *j)
{
	if (job_fails(j, ENGINE_STAGE_LISTS))
		return;
	client_ip_lists(j);
	sender_lists(j);
}

/* Hosts and rests ("host/path") of the next URLs: what the lists are asked for in one batch. */
struct url_batch {
	size_t cnt;
	const struct url *url;
	struct span host[KEY_SET_BATCH], rest[KEY_SET_BATCH];
};

static void
url_batch_fill(const struct engine_job *j, struct url_batch *b)
{
	b->cnt = MIN(j->urls.cnt - j->url_at, (unsigned)KEY_SET_BATCH);
	b->url = &j->urls.url[j->url_at];
	for (size_t i = 0; i < b->cnt; i++) {
		struct span c = b->url[i].canonical;
		const char *scheme_end = memmem(c.p, c.len, "://", 3);

		b->host[i] = b->url[i].host;
		b->rest[i] = scheme_end ? span_skip(c, (size_t)(scheme_end - c.p) + 3) : c;
	}
}

static uint32_t
url_batch_find(const struct url_batch *b, const struct list_ref *l, uint32_t *line)
{
	return l->set->kind == SNAPSHOT_LIST_DOMAIN
	               ? domain_set_find_batch(l->set->keys, b->host, b->cnt, line)
	               : url_prefix_find_batch(l->set->keys, b->rest, b->cnt, line);
}

struct span
job_url_head(struct span canonical)
{
	return span(canonical.p, MIN(canonical.len, (size_t)EXCERPT_MAX));
}

/* The lists of one kind: those that allow return what they take out of the lists that block, the others make hits of the rest. */
static uint32_t
url_batch_lists(struct engine_job *j, const struct url_batch *b, enum snapshot_list_kind kind,
                bool allow, uint32_t allowed)
{
	uint32_t line[KEY_SET_BATCH], out = 0;

	for (size_t i = 0; i < j->s->list_cnt[kind]; i++) {
		const struct list_ref *l = &j->s->list[kind][i];
		uint32_t found;

		if (is_allow_list(j, l) != allow)
			continue;
		found = url_batch_find(b, l, line) & ~allowed;
		out |= found;
		for (; found && !allow; found &= found - 1) {
			unsigned k = (unsigned)__builtin_ctz(found);

			job_hit(j, l->rule, line[k], "url", job_url_head(b->url[k].canonical));
		}
	}
	return out;
}

static void
url_lists(struct engine_job *j)
{
	struct url_batch b;
	uint32_t allowed;

	if (job_fails(j, ENGINE_STAGE_LISTS))
		return;
	url_batch_fill(j, &b);
	allowed = url_batch_lists(j, &b, SNAPSHOT_LIST_DOMAIN, true, 0) |
	          url_batch_lists(j, &b, SNAPSHOT_LIST_URL, true, 0);
	url_batch_lists(j, &b, SNAPSHOT_LIST_DOMAIN, false, allowed);
	url_batch_lists(j, &b, SNAPSHOT_LIST_URL, false, allowed);
}

/* An address that leads nowhere from outside: what people write of their own networks. */
static bool
is_local_address(struct span host)
{
	static const char *const blocks[] = { "0.", "10.", "127.", "169.254.", "192.168." };
	unsigned b;
	char text[16];

	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		if (host.len > strlen(blocks[i]) && !memcmp(host.p, blocks[i], strlen(blocks[i])))
			return true;
	if (host.len < 7 || host.len > 15 || memcmp(host.p, "172.", 4) != 0)
		return false;
	memcpy(text, host.p, host.len);
	text[host.len] = 0;
	b = (unsigned)strtoul(text + 4, NULL, 10);
	return b >= 16 && b < 32;
}

/* Flags that count. A name of a file in text ("linux-x86_64.so") is no domain anybody bought. */
static uint32_t
signs_of(const struct url *u)
{
	uint32_t f = u->flags;

	if (f & URL_F_NUMERIC && is_local_address(u->host))
		f &= ~(uint32_t)URL_F_NUMERIC;
	if (f & URL_F_SCHEMELESS && !(f & URL_F_FROM_ATTR) &&
	    !(u->host.len > 4 && !memcmp(u->host.p, "www.", 4)))
		f &= ~(uint32_t)URL_F_FRESH;
	return f;
}

/* clang-format off */
static const struct { uint32_t flag; enum feature f; } flag_features[] = {
	{ URL_F_NUMERIC,         F_URL_NUMERIC },
	{ URL_F_OBFUSCATED_HOST, F_URL_OBFUSCATED },
	{ URL_F_USERINFO,        F_URL_USERINFO },
	{ URL_F_SHORTENER,       F_URL_SHORTENER },
	{ URL_F_REDIRECTOR,      F_URL_REDIRECTOR },
	{ URL_F_IDN,             F_URL_IDN },
	{ URL_F_MIXED_SCRIPT,    F_URL_MIXED_SCRIPT },
	{ URL_F_PORT,            F_URL_PORT },
	{ URL_F_BRAND,           F_URL_BRAND },
	{ URL_F_FRESH,           F_URL_FRESH },
	{ URL_F_MISMATCH,        F_URL_MISMATCH },
};
/* clang-format on */

bool
job_url_counts(const struct url *u, enum feature f)
{
	for (size_t i = 0; i < ARRAY_LEN(flag_features); i++)
		if (flag_features[i].f == f)
			return signs_of(u) & flag_features[i].flag;
	return f == F_HTML_LINKS && u->flags & URL_F_FROM_ATTR;
}

static void
url_features(struct engine_job *j, const struct url *u)
{
	struct span host = u->registrable.len ? u->registrable : u->host;
	int64_t n = j->features[F_URL_HOSTS];
	uint32_t signs = signs_of(u);

	for (size_t i = 0; i < ARRAY_LEN(flag_features); i++)
		j->features[flag_features[i].f] += !!(signs & flag_features[i].flag);
	j->features[F_URLS]++;
	j->features[F_URL_FROM_DOMAIN] += j->from_domain[0] && span_is(host, j->from_domain);
	if (u->redirect_to.len > 0)
		return; /* the target is an entry of its own */
	for (int64_t i = 0; i < n; i++)
		if (span_eq(j->hosts[i], host))
			return;
	if (n < (int64_t)ARRAY_LEN(j->hosts)) {
		j->hosts[n] = host;
		j->features[F_URL_HOSTS]++;
	}
}

/* Those that SpamAssassin finds came by job_on_html_attr() and from paragraphs. Our rules see what we find beside them, and our own form
 * where a sender hides something. */
static void
uri_rules(struct engine_job *j, const struct url *u)
{
	const uint32_t hides =
	        URL_F_OBFUSCATED_HOST | URL_F_USERINFO | URL_F_IDN | URL_F_FROM_REDIRECT;
	char form[URL_MAX + 8];
	size_t n = MIN(u->raw.len, (size_t)URL_MAX);

	if (u->flags & URL_F_SCHEMELESS) {
		memcpy(form, "http://", 7);
		memcpy(form + 7, u->raw.p, n);
		job_uri_add(j, span(form, n + 7), true);
	} else if (u->flags & (URL_F_FROM_TEXT | URL_F_FROM_ATTR | URL_F_FROM_DOCUMENT)) {
		job_uri_add(j, u->raw, true);
	}
	if (u->flags & hides)
		job_uri_add(j, u->canonical, true);
}

bool
job_urls_step(struct engine_job *j)
{
	const struct url *u;

	if (j->url_at >= j->urls.cnt || job_fails(j, ENGINE_STAGE_URL))
		return false;
	if (j->url_at % KEY_SET_BATCH == 0)
		url_lists(j);
	u = &j->urls.url[j->url_at++];
	url_features(j, u);
	job_model_url(j, u);
	uri_rules(j, u);
	return true;
}

/* "18005550100" and "8005550100" are one number when no country code was given. */
static void
phone_lists(struct engine_job *j, const struct phone *p)
{
	struct span forms[2] = { span(p->digits, p->len) };
	char with_one[PHONE_DIGITS_MAX + 1] = "1";
	size_t cnt = 1;

	if (p->len == 10 && !p->has_plus) {
		memcpy(with_one + 1, p->digits, p->len);
		forms[cnt++] = span(with_one, 11);
	}
	job_list_hits(j, SNAPSHOT_LIST_PHONE, forms, cnt, "phone", forms[0]);
}

void
job_phones(struct engine_job *j)
{
	if (job_fails(j, ENGINE_STAGE_PHONE))
		return;
	for (unsigned i = 0; i < j->phones.cnt; i++)
		phone_lists(j, &j->phones.phone[i]);
	j->features[F_PHONES] = j->phones.cnt;
}

static void
last_features(struct engine_job *j)
{
	const uint32_t broken = MIME_F_BAD_BASE64 | MIME_F_BASE64_AFTER_PAD | MIME_F_BAD_QP |
	                        MIME_F_BAD_TYPE | MIME_F_UNCLOSED | MIME_F_EMPTY_MULTIPART |
	                        MIME_F_HEADER_JUNK | MIME_F_DUP_HEADER | MIME_F_TOO_DEEP;

	job_header_features(j);
	j->features[F_BAD_MIME] = __builtin_popcount(mime_flags(j->mime) & broken);
	j->features[F_BACKUP_MX] = j->backup_mx;
	j->features[F_MATCH_FLOOD] = j->match_flood;
	j->features[F_URL_OVERFLOW] = j->urls.overflow_cnt > 0;
	if (j->match_flood)
		counter_inc(&j->w->counters.match_flood);
	if (j->urls.overflow_cnt > 0)
		counter_inc(&j->w->counters.url_overflow);
}

static void
negated_rules(struct engine_job *j)
{
	uint32_t *seen = j->gen->slot[j->slot].rule_seen;
	uint32_t epoch = j->gen->slot[j->slot].epoch;

	for (size_t i = 0; i < j->s->negated_cnt; i++) {
		uint32_t n = j->s->negated[i];

		if (seen[n] == epoch)
			seen[n] = epoch - 1; /* its pattern hit: the rule did not */
		else if (!j->failed_stages)  /* what a stage did not see may be there */
			job_hit_absent(j, n);
	}
}

bool
job_metas_step(struct engine_job *j)
{
	const struct ruleset *rs = &j->s->rules;
	uint32_t *seen = j->gen->slot[j->slot].rule_seen;
	uint32_t epoch = j->gen->slot[j->slot].epoch;
	float *hits = j->gen->slot[j->slot].rule_hits;
	const uint32_t *due = j->gen->slot[j->slot].meta_due;

	if (job_fails(j, ENGINE_STAGE_META) ||
	    j->failed_stages) /* they may ask for what is not there */
		return false;
	for (unsigned cnt = 0; j->meta_at < rs->meta_cnt && cnt < METAS_STEP;) {
		size_t i = j->meta_at++;
		uint32_t n = rs->meta_order[i];
		double v;

		if (due[i] != epoch && !j->s->always_meta[i])
			continue;
		cnt++;
		if (rs->rules[n].kind != RULE_META || rs->rules[n].is_off)
			continue;
		v = rule_expr_eval(rs, &rs->rules[n], seen, epoch, hits, j->features);
		if (v == 0)
			continue;
		job_hit(j, n, 0, "meta", span("", 0));
		hits[n] = v > 0 ? (float)v : 1;
	}
	return j->meta_at < rs->meta_cnt;
}

void
job_rules_finish(struct engine_job *j)
{
	job_phones(j);
	last_features(j);
	negated_rules(j);
	j->meta_at = 0;
}
