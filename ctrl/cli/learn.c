/* SPDX-License-Identifier: BSD-3-Clause
 * learn.c - `weirctl learn`: mails into a candidate beside the live model, what it would do, and its promotion
 *
 * A candidate is read, changed and written as a whole, so one at a time may do that: who learns or promotes holds a lock on
 * FILE.candidate.lock from before the reading until after the writing (flock(2): it goes with the process). `status` shares it
 * with others of its kind, so that it never sees half a promotion. The lock file stays: were it removed, two could hold two of it.
 */
#include "engine/model/candidate.h"
#include "base/clock.h"
#include "ctrl/cli/cli.h"
#include "ctrl/cli/show.h"
#include "engine/scan.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_WAIT_S  30
#define LOCK_LOOK_MS 20

struct learn {
	struct cli *c;
	const char *path; /* of the live model */
	char beside[PATH_MAX];
	int lock_fd; /* -1: not held */
	uint64_t wait_s;
	struct model *live;
	struct candidate *candidate;
	bool is_new;
};

static bool
complain(const struct learn *l, const char *what, const char *why)
{
	fprintf(stderr, "weirctl %s: %s: %s\n", l->c->command->name, what, why);
	return false;
}

/* False, said, when another holds it for longer than that. */
static bool
wait_for_lock(const struct learn *l, const char *path, int kind)
{
	uint64_t end_us = clock_mono_us() + l->wait_s * 1000000;
	char why[100];

	while (flock(l->lock_fd, kind | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return complain(l, path, strerror(errno));
		if (clock_mono_us() >= end_us) {
			snprintf(why, sizeof(why),
			         "another weirctl learn is at work; nothing was done after %llu s",
			         (unsigned long long)l->wait_s);
			return complain(l, path, why);
		}
		usleep(LOCK_LOOK_MS * 1000);
	}
	return true;
}

/* For one that only reads, no lock file is no reason to make one: nobody learned yet. */
static bool
take_lock(struct learn *l, bool is_reader)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s.lock", l->beside) >= sizeof(path))
		return complain(l, l->beside, strerror(ENAMETOOLONG));
	l->lock_fd = is_reader ? open(path, O_RDONLY | O_CLOEXEC)
	                       : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (l->lock_fd < 0)
		return (is_reader && errno == ENOENT) || complain(l, path, strerror(errno));
	return wait_for_lock(l, path, is_reader ? LOCK_SH : LOCK_EX);
}

static bool
open_files(struct learn *l, bool is_reader)
{
	char why[256];
	bool is_missing;

	l->path = cli_value(l->c, OPT_MODEL);
	if ((size_t)snprintf(l->beside, sizeof(l->beside), "%s.candidate", l->path) >=
	    sizeof(l->beside))
		return complain(l, l->path, strerror(ENAMETOOLONG));
	if (!take_lock(l, is_reader))
		return false;
	l->live = model_load(l->path, why, sizeof(why));
	if (!l->live)
		return complain(l, l->path, why);
	l->candidate = candidate_load(l->beside, l->live, &is_missing, why, sizeof(why));
	if (!l->candidate && !is_missing)
		return complain(l, l->beside, why);
	l->is_new = !l->candidate;
	if (l->is_new)
		l->candidate = candidate_new(l->live);
	return true;
}

static void
close_files(struct learn *l)
{
	model_put(l->live);
	candidate_free(l->candidate);
	if (l->lock_fd >= 0)
		close(l->lock_fd);
}

static int
show(const struct learn *l)
{
	const struct candidate_head *h = &l->candidate->head;
	char why[160];
	bool is_better = candidate_is_better(l->candidate, why, sizeof(why));

	if (cli_has(l->c, OPT_JSON)) {
		printf("{\"ham\": %u, \"spam\": %u, \"live_false_positives\": %u, "
		       "\"live_caught\": %u, \"false_positives\": %u, \"caught\": %u, "
		       "\"ready\": %s}\n",
		       h->ham_cnt, h->spam_cnt, h->live_fp_cnt, h->live_caught_cnt, h->fp_cnt,
		       h->caught_cnt, is_better ? "true" : "false");
		return EXIT_OK;
	}
	printf("learned: %u ham, %u spam; each was judged before it was learned\n", h->ham_cnt,
	       h->spam_cnt);
	printf("live model:  %u false positives, %u caught\n", h->live_fp_cnt, h->live_caught_cnt);
	printf("candidate:   %u false positives, %u caught\n", h->fp_cnt, h->caught_cnt);
	if (is_better)
		puts("may be promoted: weirctl learn promote");
	else
		printf("not to be promoted: %s\n", why);
	return EXIT_OK;
}

static bool
learn_file(struct learn *l, struct scanner *s, const char *path, bool is_spam)
{
	struct scan_facts x;

	if (scan_facts(s, path, &x) == SCAN_ERROR)
		return complain(l, path, strerror(errno));
	switch (candidate_learn(l->candidate, l->live, x.vector, is_spam)) {
	case CANDIDATE_KNOWN:
		return complain(l, path, "was learned before");
	case CANDIDATE_FULL:
		return complain(l, path, "the candidate is full: promote it, or remove its file");
	case CANDIDATE_LEARNED:
		break;
	}
	return true;
}

static int
learn_all(struct learn *l, bool is_spam)
{
	struct snapshot_input in = { .no_probes = true };
	struct snapshot_errors errors = { 0 };
	struct scanner *s = scan_new(&in, false, &errors);
	bool ok = true;
	int rc;

	BUG_ON(!s); /* no file is read for it */
	for (size_t i = 0; i < l->c->word_cnt; i++)
		ok &= learn_file(l, s, l->c->words[i], is_spam);
	scan_free(s);
	snapshot_errors_fini(&errors);
	rc = candidate_save(l->candidate, l->beside);
	if (rc < 0)
		ok = complain(l, l->beside, strerror(-rc));
	else
		show(l);
	return ok ? EXIT_OK : EXIT_ERROR;
}

static int
promote(struct learn *l)
{
	char why[160];
	int rc;

	if (l->is_new)
		return complain(l, l->beside, "there is no candidate"), EXIT_ERROR;
	if (!candidate_is_better(l->candidate, why, sizeof(why)))
		return complain(l, "not promoted", why), EXIT_ERROR;
	rc = candidate_promote(l->candidate, l->path);
	if (rc < 0)
		return complain(l, l->path, strerror(-rc)), EXIT_ERROR;
	unlink(l->beside);
	printf("%s: promoted; the model before is %s.before; weirctl reload makes it live\n",
	       l->path, l->path);
	return EXIT_OK;
}

int
cli_learn(struct cli *c)
{
	const char *verb = cli_verb(c);
	const char *seconds = cli_value(c, OPT_SECONDS);
	struct learn l = { .c = c, .lock_fd = -1, .wait_s = LOCK_WAIT_S };
	int rc = EXIT_ERROR;

	if (!cli_has(c, OPT_MODEL)) {
		fprintf(stderr, "weirctl %s: wants --model FILE, the live one\n", c->command->name);
		return EXIT_USAGE;
	}
	if (seconds && !show_parse_span(seconds, &l.wait_s)) {
		complain(&l, seconds, "--seconds wants a time like 10, 30s, 5m");
		return EXIT_USAGE;
	}
	if (open_files(&l, !strcmp(verb, "status"))) {
		if (!strcmp(verb, "status"))
			rc = show(&l);
		else if (!strcmp(verb, "promote"))
			rc = promote(&l);
		else
			rc = learn_all(&l, !strcmp(verb, "spam"));
	}
	close_files(&l);
	return rc;
}
