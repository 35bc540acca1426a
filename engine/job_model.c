/* SPDX-License-Identifier: BSD-3-Clause
 * job_model.c - what a scan tells the learned model: words as they flow, shapes at the end; and its answer
 *
 * Why     A model must learn what a mail says and how it is built, not where or when it came from. So no feature is made of
 *         names of hosts and addresses, of fields that lists and servers add (List-*, Received, Reply-To of a list), of
 *         dates, of mail programs, nor of charsets and transfer encodings, which tell the year.
 */
#include "engine/job.h"
#include "base/block64.h"

enum kind {
	K_BIAS = 1,
	K_TYPE,
	K_URL_SUFFIX,
	K_URL_HOST,
	K_URL_PATH,
	K_URL_FLAG,
	K_DENSITY,
	K_OWN,
	K_FEATURE = 64, /* + place in looks_at, so that a new row of features.def changes nothing */
};

bool
job_wants_model(const struct engine_job *j)
{
	return (j->s->model || j->w->cfg.want_features) && !j->is_tail && !j->locate;
}

void
job_model_begin(struct engine_job *j)
{
	model_vector_reset(&j->model_vector);
	model_words_reset(&j->model_words, &j->model_vector);
	j->model_logodds = 0;
	j->has_model = false;
	j->received_at[0] = 0;
}

/* Text of the folded lane; at: its position there. What lies before body_at is of the subject. */
void
job_model_text(struct engine_job *j, struct span text, uint64_t at)
{
	size_t n = at < j->body_at ? (size_t)MIN((uint64_t)text.len, j->body_at - at) : 0;

	if (!job_wants_model(j))
		return;
	if (n > 0)
		model_words_subject(&j->model_words, span(text.p, n));
	if (n < text.len)
		model_words_feed(&j->model_words, span_skip(text, n));
}

/* Words of the addressed person's own name in his address: they stand in greetings of mails sent to lists of addresses. */
void
job_model_header(struct engine_job *j, const struct mime_header *h)
{
	struct span v = h->value;

	if (j->w->cfg.want_features && span_ieq_z(h->name, "received") && !j->received_at[0])
		snprintf(j->received_at, sizeof(j->received_at), "%.*s",
		         (int)MIN(v.len, (size_t)64), v.p + (v.len - MIN(v.len, (size_t)64)));
	if (!span_ieq_z(h->name, "to") && !span_ieq_z(h->name, "delivered-to"))
		return;
	for (unsigned i = 0; i < 4 && v.len > 0; i++) {
		const char *at = memchr(v.p, '@', v.len);
		size_t n = at ? (size_t)(at - v.p) : 0, from = n;

		if (!at)
			return;
		while (from > 0 && n - from < SMTP_LOCAL_MAX &&
		       !strchr(" \t<,\"';:", v.p[from - 1]))
			from--;
		model_words_own(&j->model_words, span(v.p + from, n - from));
		v = span_skip(v, n + 1);
	}
}

/* 0, 1, 2, 3-4, 5-8, 9-16 …: classes of a count. */
static unsigned
bucket(int64_t n)
{
	if (n < 3)
		return (unsigned)MAX(n, 0);
	return 64u - (unsigned)__builtin_clzll((uint64_t)(n - 1)) + 1;
}

static void
add_number(struct engine_job *j, unsigned kind, uint64_t value, const char *name)
{
	char text[24];
	int n;

	if (likely(!j->model_vector.on_new)) {
		model_vector_add(&j->model_vector, MODEL_SHAPE, model_hash_pair(kind, value));
		return;
	}
	n = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	model_vector_add_named(&j->model_vector, MODEL_SHAPE, model_hash_pair(kind, value), name,
	                       span(text, (size_t)n), span("", 0));
}

static void
add_text(struct engine_job *j, unsigned kind, struct span s, const char *name)
{
	model_vector_add_named(&j->model_vector, MODEL_SHAPE, model_hash_pair(kind, model_hash(s)),
	                       name, s, span("", 0));
}

/* How often each of a few signs stands in a host or path. */
struct signs {
	unsigned digits, dashes, dots, slashes, questions, ands;
};

static struct signs
count_signs(struct span s)
{
	struct signs n = { 0 };

	for (size_t i = 0; i < s.len; i += BLOCK64) {
		struct block64 b = s.len - i < BLOCK64 ? block64_load_part(s.p + i, s.len - i)
		                                       : block64_load(s.p + i);

		n.digits += bit_cnt(block64_range(b, '0', '9'));
		n.dashes += bit_cnt(block64_is(b, '-'));
		n.dots += bit_cnt(block64_is(b, '.'));
		n.slashes += bit_cnt(block64_is(b, '/'));
		n.questions += bit_cnt(block64_is(b, '?'));
		n.ands += bit_cnt(block64_is(b, '&'));
	}
	return n;
}

/* The shape of one URL: its suffix, how its host and path are built, never their words. */
void
job_model_url(struct engine_job *j, const struct url *u)
{
	const char *slashes = memmem(u->canonical.p, u->canonical.len, "://", 3);
	struct span path = slashes ? span_skip(u->canonical, (size_t)(slashes - u->canonical.p) + 3)
	                           : span("", 0);
	const char *slash = path.len ? memchr(path.p, '/', path.len) : NULL, *dot;
	uint32_t flags = u->flags & ~(uint32_t)(URL_F_FROM_TEXT | URL_F_FROM_ATTR);
	struct span name = u->registrable;
	struct signs n;

	if (!job_wants_model(j))
		return;
	path = slash ? span_skip(path, (size_t)(slash - path.p)) : span("", 0);
	dot = u->host.len ? memrchr(u->host.p, '.', u->host.len) : NULL;
	if (dot && !(u->flags & URL_F_NUMERIC))
		add_text(j, K_URL_SUFFIX, span_skip(u->host, (size_t)(dot - u->host.p)),
		         "suffix of a URL");
	if (name.len && !(u->flags & URL_F_NUMERIC)) {
		n = count_signs(name);
		add_number(j, K_URL_HOST,
		           MIN(name.len / 4, (size_t)8) * 1000 + MIN(n.digits, 4u) * 100 +
		                   MIN(n.dashes, 3u) * 10 +
		                   MIN(count_signs(u->host).dots - n.dots, 4u),
		           "shape of a host");
	}
	n = count_signs(path);
	add_number(j, K_URL_PATH,
	           bucket((int64_t)path.len) * 100 + MIN(n.slashes, 4u) * 10 +
	                   MIN(n.questions, 1u) * 5 + MIN(n.ands, 4u),
	           "shape of a path");
	for (unsigned i = 0; i < 16; i++)
		if (flags >> i & 1)
			add_text(j, K_URL_FLAG, span_z(url_flag_name(i)), "kind of URL");
}

/* Features of features.def (new ones at the end) that say what a mail is, not who carried it. */
/* clang-format off */
static const enum feature looks_at[] = {
	F_ATTACHMENTS, F_HTML_ATTACHMENTS, F_BASE64_TEXT, F_BAD_MIME, F_HIDDEN_PERMILLE, F_VISIBLE_BYTES, F_IMAGES,
	F_HTML_LINKS, F_FORM, F_PASSWORD, F_SCRIPT, F_META_REFRESH, F_DATA_URI, F_ZERO_FONT, F_LOW_CONTRAST,
	F_URLS, F_URL_HOSTS, F_URL_NUMERIC, F_URL_OBFUSCATED, F_URL_USERINFO, F_URL_SHORTENER, F_URL_REDIRECTOR,
	F_URL_IDN, F_URL_MIXED_SCRIPT, F_URL_PORT, F_PHONES, F_FROM_CNT, F_SUBJECT_CNT, F_HAS_DATE,
	F_FROM_NAME_ADDRESS, F_TO_EMPTY,
};
/* clang-format on */

/* Types of parts, but text and what wraps it: HTML is no sign of spam, only these mailing lists have little of it; and lists wrap a mail
 * to add a footer. */
static void
add_parts(struct engine_job *j)
{
	static const char *const common[] = { "text/plain", "text/html", "multipart/mixed",
		                              "multipart/alternative" };

	for (unsigned i = 0; i < j->part_cnt; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(common) && !span_is(j->parts[i].type, common[k]))
			k++;
		if (k == ARRAY_LEN(common))
			add_text(j, K_TYPE, j->parts[i].type, "part of type");
	}
}

static void
add_densities(struct engine_job *j)
{
	int64_t kb = j->features[F_VISIBLE_BYTES] / 512 + 1;

	add_number(j, K_DENSITY, bucket(4 * j->features[F_URLS] / kb), "URLs in text");
	add_number(j, K_DENSITY, 64 + bucket(4 * j->features[F_IMAGES] / kb), "images in text");
	if (j->features[F_URLS] > 2)
		add_number(j, K_OWN,
		           (uint64_t)(j->features[F_URL_FROM_DOMAIN] * 4 / j->features[F_URLS]),
		           "quarters of URLs in the sender's domain");
}

/* All features are known: the answer. One step of bounded size. */
void
job_model_finish(struct engine_job *j)
{
	const struct model *m = j->s->model;

	if (!job_wants_model(j))
		return;
	model_words_end(&j->model_words);
	add_number(j, K_BIAS, 0, "every mail");
	for (size_t i = 0; i < ARRAY_LEN(looks_at); i++)
		if (j->features[looks_at[i]])
			add_number(j, K_FEATURE + (unsigned)i, bucket(j->features[looks_at[i]]),
			           feature_names[looks_at[i]]);
	add_parts(j);
	add_densities(j);
	if (!m || job_fails(j, ENGINE_STAGE_MODEL) || j->failed_stages)
		return; /* it was trained on whole mails */
	j->has_model = true;
	j->model_logodds = model_logodds(m, &j->model_vector);
	j->score_milli += model_points_milli(m, j->model_logodds);
}
