/* SPDX-License-Identifier: BSD-3-Clause
 * engine_bench.c - what each stage of a scan costs: cycles a mail, a byte, and as a multiple of memcpy
 *
 * Why     The relay's budget is counted in cycles a mail. The machine may be shared: processor time of this thread is measured,
 *         not the clock on the wall, and every stage is run beside memcpy of the same bytes. Over 500 lines: one program.
 * Usage   engine-micro [--rules DIR] [--phrases N] [--mails FILE.tar.zst] [--ms N] [--rounds N] [--only STAGE]
 *         [--corpus text|html|real]
 *         [--model FILE]
 *         --phrases adds a list of N made-up sentences; --mails takes real mails beside the made ones.
 */
#include "bench/mail_text.h"
#include "bench/micro/mail_files.h"
#include "bench/micro/measure.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "engine/match/match.h"
#include "engine/mime/mime.h"
#include "engine/model/model.h"
#include "engine/model/words.h"
#include "engine/snapshot.h"
#include "engine/text/charset.h"
#include "engine/text/fold.h"
#include "engine/text/html.h"
#include "engine/url/phone.h"
#include "engine/url/url.h"
#include <getopt.h>

#define MADE_MAILS  64 /* of a kind, 256 KB: as cold as in a relay's second-level cache */
#define MADE_BYTES  4096
#define BLOCK_BYTES 1024
#define ROUNDS_MAX  64

/* A text part, in the forms that the stages take. */
struct piece {
	struct span decoded, utf8, shown, folded;
	bool is_html;
};

struct corpus {
	const char *name;
	struct mail_files mails;
	struct piece *piece;
	size_t piece_cnt;
};

struct bench {
	struct mime *mime;
	struct html *html;
	struct charset_set *charsets;
	struct url_env *env;
	struct url_set urls;
	struct url_finder url_finder;
	struct phone_set phones;
	struct phone_finder phone_finder;
	struct snapshot *snapshot;
	struct engine_worker *worker;
	struct model_vector vector;
	struct model_words words;
	struct model model; /* empty: what it costs does not hang on its weights */
	struct match_db *db;
	struct match_scratch *scratch;
	struct match_stream *stream;
	struct corpus *filling; /* NULL while measuring */
	struct piece part;
	char *gather; /* text of the part under way */
	size_t gather_len, gather_cap;
	uint64_t sum; /* what stages return, so that nothing is left out */
	char out[16384], memory[1 << 20];
};

/* ---- forms of the text parts ---- */

static void
gather(struct bench *b, struct span s)
{
	if (b->gather_len + s.len > b->gather_cap) {
		b->gather_cap = (b->gather_len + s.len) * 2;
		b->gather = realloc(b->gather, b->gather_cap);
		BUG_ON(!b->gather);
	}
	memcpy(b->gather + b->gather_len, s.p, s.len);
	b->gather_len += s.len;
}

static struct span
gathered(struct bench *b)
{
	char *p = malloc(b->gather_len + 1);
	struct span s = span(p, b->gather_len);

	BUG_ON(!p);
	memcpy(p, b->gather, b->gather_len);
	b->gather_len = 0;
	return s;
}

static void
on_html_text(void *ctx, enum html_lane lane, struct span utf8)
{
	struct bench *b = ctx;

	b->sum += utf8.len;
	if (b->filling && lane == HTML_VISIBLE)
		gather(b, utf8);
}

static void
on_html_attr(void *ctx, const struct html_attr *a)
{
	struct bench *b = ctx;

	b->sum += a->value.len;
}

static void
on_data(void *ctx, const struct mime_part *p, struct span data, uint64_t offset)
{
	struct bench *b = ctx;

	(void)offset;
	b->sum += data.len;
	if (b->filling && p->type.len > 5 && !memcmp(p->type.p, "text/", 5))
		gather(b, data);
}

static void
on_part_end(void *ctx, const struct mime_part *p)
{
	struct bench *b = ctx;
	struct corpus *c = b->filling;
	struct piece one = { .is_html = span_is(p->type, "text/html") };
	struct charset_conv conv;
	struct fold fold = { 0 };
	struct span in;

	if (!c || b->gather_len == 0)
		return;
	one.decoded = in = gathered(b);
	charset_begin(&conv, b->charsets, p->charset);
	while (in.len > 0)
		gather(b, span(b->out, charset_feed(&conv, &in, b->out, sizeof(b->out))));
	one.shown = one.utf8 = gathered(b);
	if (one.is_html) {
		html_reset(b->html);
		html_feed(b->html, one.utf8);
		html_end(b->html);
		one.shown = gathered(b);
	}
	for (in = one.shown; in.len > 0;)
		gather(b, span(b->out, fold_feed(&fold, &in, b->out, sizeof(b->out))));
	one.folded = gathered(b);
	c->piece = realloc(c->piece, (c->piece_cnt + 1) * sizeof(one));
	BUG_ON(!c->piece);
	c->piece[c->piece_cnt++] = one;
}

static void
mime_all(struct bench *b, struct span mail)
{
	mime_reset(b->mime);
	while (mail.len > 0) {
		size_t n = MIN(mail.len, (size_t)ENGINE_SLICE);

		mime_feed(b->mime, span(mail.p, n));
		mail = span_skip(mail, n);
	}
	mime_end(b->mime);
}

static void
fill_pieces(struct bench *b, struct corpus *c)
{
	b->filling = c;
	for (size_t i = 0; i < c->mails.cnt; i++)
		mime_all(b, c->mails.mail[i]);
	b->filling = NULL;
}

/* ---- stages: each one mail or one piece ---- */

static void
run_mime(struct bench *b, struct span mail)
{
	mime_all(b, mail);
}

static void
run_job(struct bench *b, struct span mail)
{
	struct engine_client client = { .helo = span("mail.sender.example", 19) };
	struct engine_mail m = { b->snapshot, &client, span("someone@sender.example", 22), mail.len,
		                 false };
	struct engine_job *j;

	BUG_ON(!addr_parse(span("192.0.2.7", 9), &client.addr));
	j = engine_job_begin(b->worker, &m);
	BUG_ON(!j);
	while (mail.len > 0)
		mail = span_skip(mail, engine_job_step(j, mail, UINT64_MAX));
	while (!engine_job_end(j, UINT64_MAX))
		;
	b->sum += engine_job_received_cnt(j);
	engine_job_put(j);
}

static void
run_copy(struct bench *b, struct span s)
{
	while (s.len > 0) {
		size_t n = MIN(s.len, sizeof(b->memory));

		memcpy(b->memory, s.p, n);
		__asm__ volatile("" : : "r"(b->memory) : "memory");
		s = span_skip(s, n);
	}
}

static void
run_charset(struct bench *b, struct span s)
{
	struct charset_conv conv;

	charset_begin(&conv, b->charsets, span("utf-8", 5));
	while (s.len > 0)
		b->sum += charset_feed(&conv, &s, b->out, BLOCK_BYTES * 3 + 64);
}

static void
run_html(struct bench *b, struct span s)
{
	html_reset(b->html);
	while (s.len > 0) {
		size_t n = MIN(s.len, (size_t)BLOCK_BYTES);

		html_feed(b->html, span(s.p, n));
		s = span_skip(s, n);
	}
	html_end(b->html);
}

static void
run_render(struct bench *b, struct span s)
{
	struct render r = { 0 };

	while (s.len > 0)
		b->sum += render_feed(&r, &s, b->out, 4096);
}

static void
run_fold(struct bench *b, struct span s)
{
	struct fold f = { 0 };

	while (s.len > 0)
		b->sum += fold_feed(&f, &s, b->out, 4096);
}

static void
run_url(struct bench *b, struct span s)
{
	url_set_reset(&b->urls);
	url_finder_begin(&b->url_finder, &b->urls, 0, 0);
	url_finder_feed(&b->url_finder, s);
	url_finder_end(&b->url_finder);
	b->sum += b->urls.cnt;
}

static void
run_phone(struct bench *b, struct span s)
{
	phone_set_reset(&b->phones);
	phone_finder_begin(&b->phone_finder, &b->phones, 0);
	phone_finder_feed(&b->phone_finder, s);
	phone_finder_end(&b->phone_finder);
	b->sum += b->phones.cnt;
}

static bool
on_match(void *ctx, uint32_t id, uint64_t end)
{
	struct bench *b = ctx;

	b->sum += id + end;
	return false;
}

static void
run_match(struct bench *b, struct span s)
{
	BUG_ON(match_stream_feed(b->stream, b->scratch, s, on_match, b) != MATCH_OK);
	BUG_ON(match_stream_end(b->stream, b->scratch, on_match, b) != MATCH_OK);
}

/* Features of the learned model; in lanes of 4 KiB, as a job has them. */
static void
run_words(struct bench *b, struct span s)
{
	model_vector_reset(&b->vector);
	model_words_reset(&b->words, &b->vector);
	while (s.len > 0) {
		size_t n = MIN(s.len, (size_t)4096);

		model_words_feed(&b->words, span(s.p, n));
		s = span_skip(s, n);
	}
	model_words_end(&b->words);
	b->sum += b->vector.cnt;
}

/* The features and the sum. */
static void
run_model(struct bench *b, struct span s)
{
	run_words(b, s);
	b->sum += model_logodds(&b->model, &b->vector) > 0;
}

/* What a stage takes. */
enum form { MAIL, DECODED, HTML, SHOWN, FOLDED };

static const struct {
	const char *name;
	enum form form;
	void (*run)(struct bench *b, struct span s);
} stages[] = {
	{ "mime", MAIL, run_mime },     { "charset", DECODED, run_charset },
	{ "html", HTML, run_html },     { "render", SHOWN, run_render },
	{ "fold", SHOWN, run_fold },    { "url", SHOWN, run_url },
	{ "phone", SHOWN, run_phone },  { "match", FOLDED, run_match },
	{ "words", FOLDED, run_words }, { "model", FOLDED, run_model },
	{ "whole job", MAIL, run_job },
};

static struct span
form_of(const struct piece *p, enum form f)
{
	switch (f) {
	case DECODED:
		return p->decoded;
	case HTML:
		return p->is_html ? p->utf8 : span("", 0);
	case FOLDED:
		return p->folded;
	default:
		return p->shown;
	}
}

/* ---- measuring ---- */

static size_t
run_all(struct bench *b, const struct corpus *c, enum form f,
        void (*run)(struct bench *b, struct span s))
{
	size_t cnt = f == MAIL ? c->mails.cnt : c->piece_cnt, bytes = 0;

	for (size_t i = 0; i < cnt; i++) {
		struct span s = f == MAIL ? c->mails.mail[i] : form_of(&c->piece[i], f);

		if (s.len > 0)
			run(b, s);
		bytes += s.len;
	}
	return bytes;
}

/* Nanoseconds of processor time for one pass over the corpus. */
static double
one_round(struct bench *b, const struct corpus *c, enum form f,
          void (*run)(struct bench *b, struct span s), double want_ns)
{
	double start = measure_cpu_ms() * 1e6, now = start;
	unsigned passes = 0;

	while (now - start < want_ns || passes == 0) {
		run_all(b, c, f, run);
		passes++;
		now = measure_cpu_ms() * 1e6;
	}
	return (now - start) / passes;
}

static void
measure(struct bench *b, const struct corpus *c, size_t stage, unsigned rounds, double want_ns,
        double cycles_per_ns)
{
	enum form f = stages[stage].form;
	size_t bytes = run_all(b, c, f, run_copy);
	double t[ROUNDS_MAX], copy[ROUNDS_MAX], mails = (double)c->mails.cnt, best, middle;

	if (bytes == 0)
		return;
	run_all(b, c, f, stages[stage].run);
	for (unsigned i = 0; i < rounds; i++) {
		t[i] = one_round(b, c, f, stages[stage].run, want_ns) * cycles_per_ns;
		copy[i] = one_round(b, c, f, run_copy, want_ns / 10) * cycles_per_ns;
	}
	middle = measure_median(t, rounds);
	best = t[0];
	printf("%-5s %-10s %8.0f %10.0f %10.0f %8.2f %9.1f\n", c->name, stages[stage].name,
	       (double)bytes / mails, best / mails, middle / mails, best / (double)bytes,
	       middle / measure_median(copy, rounds));
	fflush(stdout);
}

/* ---- setting up ---- */

static const char word_list[][12] = { "account", "verify",   "wallet", "transfer",
	                              "urgent",  "prize",    "winner", "password",
	                              "invoice", "payment",  "click",  "offer",
	                              "limited", "security", "update", "confirm" };

/* A list of sentences, none of which the made mails have. */
static char *
made_phrases(unsigned cnt)
{
	char *text = malloc((size_t)cnt * 80 + 1), *at = text;

	BUG_ON(!text);
	*at = 0;
	for (unsigned i = 0; i < cnt; i++)
		at += sprintf(at, "%s your %s %s code %u now\n", word_list[i % 16],
		              word_list[i / 16 % 16], word_list[i / 256 % 16], i);
	return text;
}

static void
set_up_engine(struct bench *b, const char *rules, unsigned phrase_cnt, const char *model)
{
	char *phrases = made_phrases(phrase_cnt);
	struct snapshot_list list = { .name = span("MADE_PHRASES", 12),
		                      .kind = SNAPSHOT_LIST_PHRASE,
		                      .score_milli = 1000,
		                      .text = span_z(phrases),
		                      .text_where = "made phrases" };
	struct snapshot_input in = { .generation = 1,
		                     .rule_dirs = &rules,
		                     .rule_dir_cnt = 1,
		                     .lists = &list,
		                     .list_cnt = phrase_cnt > 0,
		                     .model_path = model };
	struct engine_config cfg = { 0 };
	struct snapshot_errors errors = { 0 };

	b->snapshot = snapshot_build(&in, &errors);
	for (size_t i = 0; i < errors.cnt; i++) {
		char text[640];

		snapshot_error_format(&errors.item[i], text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
	if (!b->snapshot)
		exit(1);
	b->worker = engine_worker_new(&cfg);
	BUG_ON(!b->worker || engine_worker_attach(b->worker, b->snapshot) != 0);
	free(phrases);
}

/* A database of literals alone, so that the stage does not change with the rules. */
static void
set_up_match(struct bench *b, unsigned cnt)
{
	char *phrases = made_phrases(cnt), *at = phrases;
	struct match_pattern *p = calloc(cnt, sizeof(*p));
	struct match_spec spec = { MATCH_STREAM, p, cnt };
	struct match_build *build = calloc(1, sizeof(*build));

	BUG_ON(!p || !build);
	for (unsigned i = 0; i < cnt; i++) {
		char *nl = strchr(at, '\n');

		p[i] = (struct match_pattern){ .text = span(at, (size_t)(nl - at)),
			                       .is_literal = true };
		at = nl + 1;
	}
	BUG_ON(match_db_build(&spec, build, &b->db) != 0);
	BUG_ON(match_scratch_new(&b->db, 1, &b->scratch) != 0);
	BUG_ON(match_stream_new(b->db, &b->stream) != 0);
	free(build);
	free(p);
	free(phrases);
}

static void
set_up(struct bench *b, const char *rules, unsigned phrase_cnt, const char *model)
{
	static const struct mime_ops mime_ops = { .on_data = on_data, .on_part_end = on_part_end };
	static const struct html_ops html_ops = { .on_text = on_html_text,
		                                  .on_attr = on_html_attr };

	b->mime = mime_new(&mime_ops, b);
	b->html = html_new(&html_ops, b);
	b->charsets = charset_set_new();
	b->env = url_env_new();
	BUG_ON(!b->mime || !b->html || !b->charsets || !b->env);
	url_set_init(&b->urls, b->env);
	set_up_engine(b, rules, phrase_cnt, model);
	set_up_match(b, phrase_cnt ? phrase_cnt : 200);
}

static void
make_mails(struct corpus *c, bool is_html)
{
	struct mail_text t;
	char *p = malloc(MAIL_TEXT_ROOM(MADE_BYTES));

	BUG_ON(!p);
	mail_text_init(&t, 7);
	for (unsigned i = 0; i < MADE_MAILS; i++) {
		size_t n = is_html ? mail_text_make_html(&t, p, i, MADE_BYTES)
		                   : mail_text_make(&t, p, i, MADE_BYTES, MAIL_CLEAN);

		mail_files_add(&c->mails, span(p, n));
	}
	mail_text_fini(&t);
	free(p);
}

/* Over 60 lines: options, one a case. */
int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rules", 1, NULL, 'r' },  { "phrases", 1, NULL, 'p' }, { "mails", 1, NULL, 'm' },
		{ "ms", 1, NULL, 't' },     { "rounds", 1, NULL, 'n' },  { "only", 1, NULL, 'o' },
		{ "corpus", 1, NULL, 'c' }, { "model", 1, NULL, 'M' },   { 0 }
	};
	const char *rules = "contrib/rules", *mails = "../shared/data/mail/dev.tar.zst",
	           *only = NULL, *one = NULL, *model = NULL;
	static struct corpus corpora[] = { { .name = "text" },
		                           { .name = "html" },
		                           { .name = "real" } };
	unsigned phrase_cnt = 0, ms = 20, rounds = 9;
	struct bench *b = calloc(1, sizeof(*b));
	double cycles_per_ns = (double)clock_cycles_per_second() / 1e9;
	int opt;

	BUG_ON(!b);
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'r':
			rules = optarg;
			break;
		case 'p':
			phrase_cnt = (unsigned)atoi(optarg);
			break;
		case 'm':
			mails = optarg;
			break;
		case 't':
			ms = (unsigned)atoi(optarg);
			break;
		case 'n':
			rounds = MAX(1u, MIN((unsigned)atoi(optarg), (unsigned)ROUNDS_MAX));
			break;
		case 'o':
			only = optarg;
			break;
		case 'c':
			one = optarg;
			break;
		case 'M':
			model = optarg;
			break;
		default:
			return 2;
		}
	}
	set_up(b, rules, phrase_cnt, model);
	make_mails(&corpora[0], false);
	make_mails(&corpora[1], true);
	mail_files_read(
	        &corpora[2].mails, mails,
	        &(struct mail_choice){ .max = 400, .max_bytes = ENGINE_SMALL_MAX, .every = 7 });
	printf("%-5s %-10s %8s %10s %10s %8s %9s\n", "mails", "stage", "bytes", "least", "median",
	       "/byte", "x memcpy");
	for (size_t c = 0; c < ARRAY_LEN(corpora); c++) {
		if (one && strcmp(one, corpora[c].name))
			continue;
		fill_pieces(b, &corpora[c]);
		for (size_t i = 0; i < ARRAY_LEN(stages); i++)
			if (!only || !strcmp(only, stages[i].name))
				measure(b, &corpora[c], i, rounds, ms * 1e6, cycles_per_ns);
	}
	return b->sum == 0; /* everything is freed by the end of the process */
}
