/* SPDX-License-Identifier: BSD-3-Clause
 * test_model.c - the learned model: features at every cut, what gives none, the file, training, the candidate
 */
#include "base/rng.h"
#include "engine/model/candidate.h"
#include "engine/model/train.h"
#include "engine/model/words.h"
#include "tests/check.h"
#include <math.h>
#include <unistd.h>

static char dir[] = "/tmp/weir-test-modelXXXXXX";
static struct model_vector va, vb;
static struct model_words words;

/* ---- features ---- */

static void
read_mail(struct model_vector *v, const char *to, const char *subject, struct span body, size_t cut)
{
	model_vector_reset(v);
	model_words_reset(&words, v);
	model_words_own(&words, span_z(to));
	model_words_subject(&words, span_z(subject));
	for (size_t at = 0; at < body.len; at += cut)
		model_words_feed(&words, span(body.p + at, MIN(cut, body.len - at)));
	model_words_end(&words);
}

static bool
is_same(const struct model_vector *a, const struct model_vector *b)
{
	return a->cnt == b->cnt &&
	       !memcmp(a->feature, b->feature, a->cnt * sizeof(a->feature[0])) &&
	       !memcmp(a->seen, b->seen, sizeof(a->seen));
}

#define FORTY "________________________________________"

static void
test_cuts(void)
{
	static const char body[] =
	        "dear bob, your account 12345 was closed! see http://x.example/a?b or www.y.test/z "
	        "mail a@b.test " FORTY FORTY FORTY FORTY " some list -- list@lists.test to leave "
	        "write\n\xe3\x81\x82\xe3\x81\x84\xe3\x81\x86\xe3\x81\x88 don't pay $1,000.00 "
	        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\nlast.word "
	        "abcdefghijklmno abcdefghijklmnop, abcdefghijklmnopq. dear) why? a: x@y, end.of\n"
	        "plain words of letters alone that fill more than one step of the fast way, and so "
	        "on";
	struct span whole = span(body, sizeof(body) - 1);

	read_mail(&va, "bob", "re: [some-list] your account\n", whole, whole.len);
	CHECK(va.cnt > 40);
	for (size_t cut = 1; cut < whole.len; cut++) {
		read_mail(&vb, "bob", "re: [some-list] your account\n", whole, cut);
		CHECK(is_same(&va, &vb), "cut %zu", cut);
	}
	/* and at each place once */
	for (size_t at = 1; at < whole.len; at++) {
		model_vector_reset(&vb);
		model_words_reset(&words, &vb);
		model_words_own(&words, span_z("bob"));
		model_words_subject(&words, span_z("re: [some-list] "));
		model_words_subject(&words, span_z("your account\n"));
		model_words_feed(&words, span(body, at));
		model_words_feed(&words, span(body + at, whole.len - at));
		model_words_end(&words);
		CHECK(is_same(&va, &vb), "at %zu", at);
	}
}

/* Two mails that must give the same features, and two that must not. */
static bool
same_text(const char *subject_a, const char *a, const char *subject_b, const char *b)
{
	read_mail(&va, "bob.smith", subject_a, span_z(a), 7);
	read_mail(&vb, "bob.smith", subject_b, span_z(b), 7);
	return is_same(&va, &vb);
}

static void
test_no_features(void)
{
	CHECK(same_text("x", "at 1999 and 2002", "x", "at 2024 and 2025"));
	CHECK(!same_text("x", "at 1999", "x", "at 19999"));
	CHECK(same_text("x", "write to joe@a.test now", "x", "write to ann@b.example now"));
	CHECK(same_text("x", "see http://a.test/x now", "x", "see https://b.example/y?z now"));
	CHECK(same_text("x", "see shop.example.com/x now", "x", "see www.other.test now"));
	CHECK(!same_text("x", "now.then", "x", "now.when")); /* no host: two words */
	CHECK(same_text("[list-a] offer", "x", "re: [b] offer", "x"));
	CHECK(!same_text("offer [a]", "x", "offer [b]", "x"));
	CHECK(same_text("x", "dear bob, pay", "x", "dear smith, pay"));
	CHECK(!same_text("x", "dear bob, pay", "x", "dear joe, pay"));
	CHECK(same_text("x", "a text " FORTY " usrp users", "x", "a text " FORTY " other list"));
	CHECK(!same_text("x", "a text " FORTY " usrp\nnext", "x", "a text " FORTY " usrp\nlast"));
}

/* A line of underscores hides MODEL_MUTED_WORDS words, MODEL_MUTES_MAX times. */
static void
test_mute_is_bounded(void)
{
	char text[8192] = "";
	uint32_t hidden;

	for (int i = 0; i < MODEL_MUTES_MAX; i++)
		strcat(text, FORTY " a b c ");
	read_mail(&va, "", "", span_z(text), 100);
	hidden = va.cnt;
	strcat(text, FORTY);
	for (int i = 0; i < MODEL_MUTED_WORDS; i++)
		strcat(text, " pills");
	read_mail(&va, "", "", span_z(text), 100);
	CHECK(hidden == 0 && va.cnt > 0);
	text[0] = 0;
	strcat(text, FORTY);
	for (int i = 0; i < MODEL_MUTED_WORDS; i++)
		strcat(text, " hide");
	read_mail(&va, "", "", span_z(text), 100);
	CHECK(va.cnt == 0);
	strcat(text, " seen");
	read_mail(&va, "", "", span_z(text), 100);
	CHECK(va.cnt > 0);
}

static void
test_vector_is_bounded(void)
{
	char word[16];

	model_vector_reset(&va);
	model_words_reset(&words, &va);
	for (unsigned i = 0; i < 3 * MODEL_FEATURES_MAX; i++) {
		int n = snprintf(word, sizeof(word), "%c%c%c%c%c ", 'a' + i % 26, 'a' + i / 26 % 26,
		                 'a' + i / 676 % 26, 'a' + i / 17576 % 26, 'a' + i % 17);

		model_words_feed(&words, span(word, (size_t)n));
	}
	model_words_end(&words);
	CHECK(va.cnt <= MODEL_WORDS_MAX && va.cnt + 4 > MODEL_WORDS_MAX && va.is_full);
	for (unsigned i = 0; i < MODEL_FEATURES_MAX; i++) /* what is not a word still has room */
		model_vector_add(&va, MODEL_SHAPE, model_hash_pair(77, i));
	CHECK(va.cnt == MODEL_FEATURES_MAX);
	model_vector_reset(&va);
	for (size_t i = 0; i < ARRAY_LEN(va.seen); i++)
		CHECK(va.seen[i] == 0);
}

/* ---- a small world: ham and spam with words of their own and shared ones ---- */

static const char *const shared[] = { "the", "and", "you", "for", "this", "with", "from", "have" };
static const char *const good[] = { "meeting", "patch", "driver", "report", "thanks", "compile" };
static const char *const bad[] = { "winner", "pills", "viagra", "account", "lottery", "urgent" };

static void
make_mail(struct model_vector *v, struct rng *r, bool is_spam)
{
	const char *const *own = is_spam ? bad : good;
	char body[512] = "";

	for (int i = 0; i < 20; i++) {
		strcat(body, i % 3 ? shared[rng_below(r, ARRAY_LEN(shared))]
		                   : own[rng_below(r, ARRAY_LEN(good))]);
		strcat(body, " ");
	}
	read_mail(v, "", own[rng_below(r, 6)], span_z(body), 64);
}

/* Mails 0 .. n-1, each with its own seed: the same mails in any order. */
static struct model *
train_world(unsigned n, bool backwards, uint64_t seed, char *why, size_t cap)
{
	struct train_options o = { .seed = seed };
	struct train *t = train_new();
	struct model *m;

	for (unsigned k = 0; k < n; k++) {
		unsigned i = backwards ? n - 1 - k : k;
		struct rng r;

		rng_seed(&r, i);
		make_mail(&va, &r, i & 1);
		train_add(t, &va, i & 1, 0, 1000 + i);
	}
	m = train_run(t, &o, why, cap);
	train_free(t);
	return m;
}

static void
test_learns(void)
{
	char why[256] = "";
	struct model *m = train_world(400, false, 1, why, sizeof(why));
	unsigned wrong = 0;

	CHECK(m, "%s", why);
	if (!m)
		return;
	CHECK(m->head.held_ham_cnt == 30 && m->head.held_spam_cnt == 30);
	CHECK(m->head.held_fp_cnt == 0 && m->head.held_caught_cnt == 30);
	for (unsigned i = 0; i < 200; i++) { /* mails it has not seen */
		struct rng r;
		float z;

		rng_seed(&r, 1000 + i);
		make_mail(&va, &r, i & 1);
		z = model_logodds(m, &va);
		wrong += (i & 1) != (z >= m->head.strict_logodds);
		CHECK((i & 1) == (model_points_milli(m, z) >= 5000) ||
		      (i & 1) != (z >= m->head.strict_logodds));
	}
	CHECK(wrong == 0, "%u wrong", wrong);
	model_put(m);
}

static double
distance(const struct model *a, const struct model *b)
{
	double most = 0;

	for (unsigned i = 0; i < 100; i++) {
		struct rng r;

		rng_seed(&r, 5000 + i);
		make_mail(&va, &r, i & 1);
		most = MAX(most,
		           fabs((double)model_logodds(a, &va) - (double)model_logodds(b, &va)));
	}
	return most;
}

static void
test_order(void)
{
	char why[256];
	struct model *a = train_world(400, false, 1, why, sizeof(why));
	struct model *b = train_world(400, true, 1, why, sizeof(why));
	struct model *c = train_world(400, false, 2, why, sizeof(why));
	struct model *d = train_world(400, false, 1, why, sizeof(why));
	struct model *e = train_world(300, false, 1, why, sizeof(why));

	CHECK(a && b && c && d && e);
	CHECK(!memcmp(a, d, sizeof(*a))); /* same seed and order: the same bytes */
	CHECK(!memcmp(a, b, sizeof(*a))); /* time sorts them first */
	CHECK(distance(a, c) < 0.15, "%g", distance(a, c)); /* one optimum */
	CHECK(distance(a, e) > 0.15, "%g", distance(a, e)); /* other mails, another one */
	model_put(a);
	model_put(b);
	model_put(c);
	model_put(d);
	model_put(e);
}

static void
test_too_few(void)
{
	char why[256] = "";

	CHECK(!train_world(200, false, 1, why, sizeof(why)) && strstr(why, "too few"), "%s", why);
}

/* ---- the file ---- */

static char path[128];

static void
test_file(void)
{
	size_t size = sizeof(struct model_head) + MODEL_SLOTS * sizeof(int16_t);
	char why[256], *bytes = malloc(size + 1);
	struct model *m = train_world(400, false, 1, why, sizeof(why)), *n;
	FILE *f;

	CHECK(m && bytes);
	CHECK(model_save(m, path) == 0);
	n = model_load(path, why, sizeof(why));
	CHECK(n && !memcmp(m, n, sizeof(*m)));
	model_put(n);
	f = fopen(path, "rb");
	CHECK(f && fread(bytes, 1, size + 1, f) == size);
	fclose(f);
	for (size_t at = 0; at < size; at += at < sizeof(struct model_head) ? 1 : 10007) {
		bytes[at] ^= 4;
		why[0] = 0;
		n = model_parse(span(bytes, size), why, sizeof(why));
		CHECK(!n && why[0], "byte %zu", at);
		model_put(n);
		bytes[at] ^= 4;
	}
	for (size_t cut = 0; cut < size; cut += cut < 200 ? 1 : 50021)
		CHECK(!model_parse(span(bytes, cut), why, sizeof(why)), "%zu bytes", cut);
	CHECK(!model_parse(span(bytes, size + 1), why, sizeof(why)));
	CHECK(!model_load("/nonexistent/model", why, sizeof(why)) && strstr(why, "No such file"));
	CHECK(!model_load(dir, why, sizeof(why)) && strstr(why, "cannot be read"), "%s", why);
	m->head.slope = NAN; /* with a good checksum */
	CHECK(model_save(m, path) == 0 && !model_load(path, why, sizeof(why)));
	m->head.slope = 1;
	m->head.strict_logodds = 0;
	CHECK(model_save(m, path) == 0 && !model_load(path, why, sizeof(why)));
	CHECK(model_save(m, "/nonexistent/x") == -ENOENT);
	model_put(m);
	free(bytes);
}

/* What is shipped goes with this feature set. */
static void
test_shipped(void)
{
	char why[256] = "";
	struct model *m = model_load("contrib/model/default.model", why, sizeof(why));

	CHECK(m && m->head.ham_cnt > 10000 && m->head.spam_cnt > 1000, "%s", why);
	model_put(m);
}

/* ---- the candidate ---- */

static void
test_candidate(void)
{
	char why[256], beside[160], before[160];
	struct model *m = train_world(400, false, 1, why, sizeof(why)), *n;
	struct candidate *c = candidate_new(m), *again;
	bool is_missing;
	float z;

	snprintf(beside, sizeof(beside), "%s.candidate", path);
	snprintf(before, sizeof(before), "%s.before", path);
	CHECK(model_save(m, path) == 0);
	candidate_free(c);
	c = candidate_new(m);
	read_mail(&vb, "", "quarterly winner", span_z("the report of the winner and the account"),
	          9);
	z = model_logodds(m, &vb);
	CHECK(candidate_learn(c, m, &vb, false) == CANDIDATE_LEARNED);
	CHECK(model_logodds(m, &vb) == z); /* the live one does not change */
	CHECK(model_logodds(&c->model, &vb) < z);
	CHECK(model_logodds(&c->model, &vb) >= z - CANDIDATE_STEP_MAX - 0.01f);
	CHECK(candidate_learn(c, m, &vb, true) == CANDIDATE_KNOWN);
	CHECK(!candidate_is_better(c, why, sizeof(why)) && strstr(why, "least"));
	for (unsigned i = 0; i < 60; i++) {
		struct rng r;

		rng_seed(&r, 7000 + i);
		make_mail(&va, &r, i & 1);
		CHECK(candidate_learn(c, m, &va, i & 1) == CANDIDATE_LEARNED);
	}
	CHECK(c->head.ham_cnt == 31 && c->head.spam_cnt == 30);
	CHECK(candidate_is_better(c, why, sizeof(why)), "%s", why);
	c->head.fp_cnt = c->head.live_fp_cnt + 1;
	CHECK(!candidate_is_better(c, why, sizeof(why)));
	c->head.fp_cnt = c->head.live_fp_cnt;
	c->head.live_caught_cnt = c->head.caught_cnt + 1;
	CHECK(!candidate_is_better(c, why, sizeof(why)));
	c->head.live_caught_cnt = c->head.caught_cnt;
	CHECK(candidate_save(c, beside) == 0);
	again = candidate_load(beside, m, &is_missing, why, sizeof(why));
	CHECK(again && !memcmp(again, c, sizeof(*c)));
	candidate_free(again);
	m->head.crc++;
	CHECK(!candidate_load(beside, m, &is_missing, why, sizeof(why)) && !is_missing);
	CHECK(strstr(why, "another model"));
	m->head.crc--;
	CHECK(candidate_promote(c, path) == 0);
	n = model_load(path, why, sizeof(why));
	CHECK(n && n->head.learned_cnt == 61 &&
	      !memcmp(n->weight, c->model.weight, sizeof(n->weight)));
	model_put(n);
	n = model_load(before, why, sizeof(why));
	CHECK(n && !memcmp(n, m, sizeof(*m)));
	model_put(n);
	CHECK(truncate(beside, 1000) == 0);
	CHECK(!candidate_load(beside, m, &is_missing, why, sizeof(why)) && strstr(why, "damaged"));
	unlink(beside);
	CHECK(!candidate_load(beside, m, &is_missing, why, sizeof(why)) && is_missing);
	unlink(before);
	candidate_free(c);
	model_put(m);
}

/* A sender who has one spam reported as ham again and again moves nothing but once; other words of ham stay. */
static void
test_candidate_is_bounded(void)
{
	char why[256];
	struct model *m = train_world(400, false, 1, why, sizeof(why));
	struct candidate *c = candidate_new(m);
	struct rng r;

	for (unsigned i = 0; i < CANDIDATE_MAILS_MAX; i++) {
		c->mail[i] = i + 1;
		c->head.ham_cnt++;
	}
	rng_seed(&r, 1);
	make_mail(&va, &r, true);
	CHECK(candidate_learn(c, m, &va, false) == CANDIDATE_FULL);
	CHECK(!memcmp(c->model.weight, m->weight, sizeof(m->weight)));
	candidate_free(c);
	model_put(m);
}

int
main(void)
{
	BUG_ON(!mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/m.model", dir);
	test_cuts();
	test_no_features();
	test_mute_is_bounded();
	test_vector_is_bounded();
	test_learns();
	test_order();
	test_too_few();
	test_file();
	test_shipped();
	test_candidate();
	test_candidate_is_bounded();
	unlink(path);
	rmdir(dir);
	return check_failed;
}
