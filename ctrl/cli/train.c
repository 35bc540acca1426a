/* SPDX-License-Identifier: BSD-3-Clause
 * train.c - `weirctl train`: sorted mails to a model
 */
#include "engine/model/train.h"
#include "ctrl/cli/cli.h"
#include "ctrl/cli/mails.h"
#include "engine/scan.h"

static bool
read_places(struct cli *c, struct mails *m)
{
	const char *root = cli_value(c, OPT_ROOT);
	bool ok = true;

	for (size_t i = 0; i < c->given_cnt && ok; i++)
		if (c->given[i].option == OPT_HAM || c->given[i].option == OPT_SPAM)
			ok = mails_add(m, c->given[i].value, root, c->given[i].option == OPT_SPAM);
	return ok;
}

/* False when too many cannot be read: then a path is wrong, not a mail. */
static bool
add_all(const struct mails *m, struct train *t)
{
	struct snapshot_input in = { .no_probes = true };
	unsigned *source = calloc(m->cnt + 1, sizeof(*source));
	struct snapshot_errors errors = { 0 };
	struct scanner *s = scan_new(&in, false, &errors);
	size_t unread = 0;

	BUG_ON(!s || !source); /* no file is read for it */
	mails_sources(m, source);
	for (size_t i = 0; i < m->cnt && unread < 10; i++) {
		struct scan_facts x;

		if (scan_facts(s, m->row[i].path, &x) != SCAN_ERROR) {
			train_add(t, x.vector, m->row[i].is_spam, source[i], x.received_s);
			continue;
		}
		fprintf(stderr, "weirctl train: %s: %s\n", m->row[i].path, strerror(errno));
		unread++;
	}
	if (unread == 10)
		fputs("weirctl train: ten files that cannot be read: given up\n", stderr);
	scan_free(s);
	snapshot_errors_fini(&errors);
	free(source);
	return unread < 10;
}

static void
show(struct cli *c, const char *path, const struct model_head *h)
{
	double caught = 100.0 * h->held_caught_cnt / h->held_spam_cnt;

	if (cli_has(c, OPT_JSON)) {
		printf("{\"model\": \"%s\", \"ham\": %u, \"spam\": %u, \"held_ham\": %u, "
		       "\"held_spam\": %u, \"held_false_positives\": %u, \"held_caught\": %u, "
		       "\"strict_logodds\": %.3f, \"wide_logodds\": %.3f}\n",
		       path, h->ham_cnt, h->spam_cnt, h->held_ham_cnt, h->held_spam_cnt,
		       h->held_fp_cnt, h->held_caught_cnt, (double)h->strict_logodds,
		       (double)h->wide_logodds);
		return;
	}
	printf("%s: %u ham, %u spam\n", path, h->ham_cnt, h->spam_cnt);
	printf("held out, the last by time of each place: %u ham, %u spam\n", h->held_ham_cnt,
	       h->held_spam_cnt);
	printf("strict threshold (p %.4f, 2.5 points): %u false positives, %u caught (%.1f "
	       "%%)\n",
	       model_probability(h->strict_logodds), h->held_fp_cnt, h->held_caught_cnt, caught);
	printf("wide threshold, at most 0.5 %% false positives: p %.4f\n",
	       model_probability(h->wide_logodds));
}

static int
make(struct cli *c, struct train *t, const struct train_options *o)
{
	const char *path = cli_value(c, OPT_OUTPUT);
	struct model *m;
	char why[256];
	int rc;

	m = train_run(t, o, why, sizeof(why));
	if (!m) {
		fprintf(stderr, "weirctl train: %s\n", why);
		return EXIT_ERROR;
	}
	rc = model_save(m, path);
	if (rc < 0)
		fprintf(stderr, "weirctl train: %s: %s\n", path, strerror(-rc));
	else
		show(c, path, &m->head);
	model_put(m);
	return rc < 0 ? EXIT_ERROR : EXIT_OK;
}

int
cli_train(struct cli *c)
{
	const char *seed = cli_value(c, OPT_SEED);
	struct train_options o = { .seed = 1 };
	struct mails mails = { 0 };
	struct train *t;
	char *end = "";
	int rc = EXIT_ERROR;

	if (seed)
		o.seed = strtoull(seed, &end, 10);
	if (*end || (seed && !*seed)) {
		fprintf(stderr, "weirctl train: --seed %s is no number\n", seed);
		return EXIT_USAGE;
	}
	if (!cli_has(c, OPT_HAM) || !cli_has(c, OPT_SPAM) || !cli_has(c, OPT_OUTPUT)) {
		fputs("weirctl train: wants --ham DIR|LIST --spam DIR|LIST -o FILE\n", stderr);
		return EXIT_USAGE;
	}
	t = train_new();
	if (read_places(c, &mails) && add_all(&mails, t))
		rc = make(c, t, &o);
	train_free(t);
	mails_fini(&mails);
	return rc;
}
