/* SPDX-License-Identifier: BSD-3-Clause
 * match_lint.c - what one expression costs on ordinary mail, and how often it matches there
 *
 * Why     One expression in a thousand costs as much as all others (engine.md, finding 6). Each is measured alone, in the child
 *         that compiles, so that the result is kept with the database.
 * Noise   The rules that run must not depend on what else the machine does: a core can be slow for milliseconds (stolen time,
 *         the other thread of it), and processor time does not show that. What is dearer than the caller wants is measured again
 *         a little later, BURSTS times at most, and the least counts.
 * Text    Made here of sentences as people and firms write them, with numbers, names, links and HTML: the same for everybody.
 */
#include "engine/match/match_set_internal.h"
#include <time.h>

#define LINT_ROUNDS 5
#define BURSTS      5
#define BURST_GAP   1000000 /* ns before the second one, then twice as long each time */
#define PARAGRAPH   1024
#define PARAGRAPHS  16

static const char *const sentences[] = {
	"Hello Martin, thank you for your message from last week, I was travelling and could not "
	"answer. ",
	"The meeting on Tuesday, 14 March 2023 at 10:30 is in room B12; please bring the printed "
	"report. ",
	"I have attached the minutes and the budget for the next quarter (version 3.2, about 145 "
	"KB). ",
	"On Mon, Feb 6, 2017 at 9:15 AM, Anna Schmidt <anna.schmidt@example.org> wrote:\n> Can you "
	"have a look? ",
	"Your order no. 4711-2209 has been shipped. Track your parcel at "
	"https://www.example.com/track?id=83jd82&lang=en ",
	"We received your payment of $149.00, your account will be credited within two business "
	"days. ",
	"<p class=\"text\" style=\"font-size:14px; color:#333333\">Read more about our offers and "
	"news</p> ",
	"If you no longer wish to receive these emails, click here to unsubscribe or update your "
	"preferences. ",
	"The patch fixes a race in net/core/dev.c: when the queue is stopped, skb->len may be "
	"0x7fff; tested on x86_64. ",
	"Best regards,\nDr. J. O'Neill -- Department of Physics, University of Somewhere, Tel. +44 "
	"20 7946 0958 ",
	"Die Rechnung f\xc3\xbcr Ihre Bestellung finden Sie im Anhang, mit freundlichen "
	"Gr\xc3\xbc\xc3\x9f"
	"en. ",
	"Free shipping on all orders over 50 EUR until Sunday! Save up to 20% on shoes, jackets "
	"and more. ",
	"I don't think that's right: we should wait for the others, and ask the bank for help "
	"first. ",
};

static char text[PARAGRAPHS][PARAGRAPH];

static void
make_text(void)
{
	uint32_t x = 12345;

	if (text[0][0])
		return;
	for (size_t i = 0; i < PARAGRAPHS; i++)
		for (size_t at = 0; at < PARAGRAPH;) {
			const char *s;
			size_t n;

			x = x * 1103515245u + 12345u;
			s = sentences[(x >> 16) % ARRAY_LEN(sentences)];
			n = MIN(strlen(s), PARAGRAPH - at);
			memcpy(text[i] + at, s, n);
			at += n;
		}
}

static int
count(unsigned int id, unsigned long long from, unsigned long long to, unsigned int flags,
      void *ctx)
{
	(void)id;
	(void)from;
	(void)to;
	(void)flags;
	++*(uint64_t *)ctx;
	return 0;
}

/* Processor time: the machine may be busy. */
static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
set_result(struct lint_result *out, uint64_t ns, uint64_t matches)
{
	double kib = PARAGRAPHS * PARAGRAPH / 1024.0;

	out->ns_kib = (unsigned)MIN((double)ns / kib, 1e9);
	out->per_mib = (unsigned)MIN((double)matches * 1024 / kib, 1e9);
}

/* The least time that once() takes, in ns; no more is asked when it is `enough` a KiB. */
static uint64_t
least_ns(void (*once)(void *ctx), void *ctx, unsigned enough)
{
	uint64_t best = UINT64_MAX;

	for (unsigned b = 0; b < BURSTS && best / (PARAGRAPHS * PARAGRAPH / 1024) > enough; b++) {
		if (b > 0)
			nanosleep(&(struct timespec){ 0, (long)BURST_GAP << (b - 1) }, NULL);
		for (unsigned k = 0; k < LINT_ROUNDS; k++) {
			uint64_t start = cpu_ns(), took;

			once(ctx);
			took = cpu_ns() - start;
			best = MIN(best, took);
		}
	}
	return best;
}

struct hs_run {
	hs_database_t *db;
	hs_scratch_t *scratch;
	uint64_t matches;
};

static void
hs_once(void *ctx)
{
	struct hs_run *r = ctx;

	r->matches = 0;
	for (size_t i = 0; i < PARAGRAPHS; i++)
		if (hs_scan(r->db, text[i], PARAGRAPH, 0, r->scratch, count, &r->matches) !=
		    HS_SUCCESS)
			r->matches = UINT32_MAX;
}

int
match_lint(const char *expr, unsigned flags, unsigned enough, struct lint_result *out)
{
	struct hs_run r = { 0 };
	hs_compile_error_t *err = NULL;
	uint64_t ns = 0;

	make_text();
	if (hs_compile(expr, flags, HS_MODE_BLOCK, NULL, &r.db, &err) != HS_SUCCESS) {
		hs_free_compile_error(err);
		return -1;
	}
	if (hs_alloc_scratch(r.db, &r.scratch) == HS_SUCCESS)
		ns = least_ns(hs_once, &r, enough);
	set_result(out, ns, r.matches);
	hs_free_scratch(r.scratch);
	hs_free_database(r.db);
	return 0;
}

struct pcre_run {
	const struct confirm *c;
	struct confirm_run *run;
	unsigned max;
	uint64_t matches, timeouts;
};

static void
pcre_once(void *ctx)
{
	struct pcre_run *r = ctx;
	size_t end;

	r->matches = 0;
	for (size_t i = 0; i < PARAGRAPHS; i++)
		r->matches += confirm_count(r->c, r->run, span(text[i], PARAGRAPH),
		                            (struct confirm_range){ 0, SIZE_MAX }, r->max, &end,
		                            &r->timeouts);
}

void
match_lint_confirm(const struct confirm *c, struct confirm_run *r, unsigned max, unsigned enough,
                   struct lint_result *out)
{
	struct pcre_run run = { c, r, max, 0, 0 };
	uint64_t ns;

	make_text();
	ns = least_ns(pcre_once, &run, enough);
	set_result(out, ns, run.matches);
}
