/* SPDX-License-Identifier: BSD-3-Clause
 * test_cli_learn.c - weirctl train, eval, learn and scan --model over mails that are made here
 */
#include "base/rng.h"
#include "engine/snapshot_impl.h"
#include "tests/check.h"
#include "tests/unit/weirctl_line.h"
#include <ftw.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAILS 160 /* of each label */

static char dir[] = "/tmp/weir-test-learnXXXXXX";
static char out_path[64];

static const char *const good[] = { "meeting", "driver", "compile", "report", "kernel", "minutes" };
static const char *const bad[] = { "lottery", "winner", "claim", "urgent", "transfer", "millions" };
static const char *const both[] = { "please", "the", "next", "about", "our", "people" };

/* The odd ones come with a Received line of a later year. Every tenth is of the other kind, as far as words go: errors to count. */
static void
write_mail(const char *label, unsigned i)
{
	bool is_spam = !strcmp(label, "spam");
	const char *const *own = is_spam ? bad : good;
	char path[128];
	struct rng r;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%03u.eml", dir, label, i);
	f = fopen(path, "w");
	BUG_ON(!f);
	rng_seed(&r, i * 2 + is_spam);
	fprintf(f, "Received: from a by b; %u Jan 20%02u 10:00:00 +0100\n", 1 + i % 28, i % 20);
	fprintf(f, "From: x@%s.test\nTo: me@here.test\nSubject: %s\n\n", label,
	        own[rng_below(&r, 6)]);
	for (unsigned k = 0; k < 30; k++)
		fprintf(f, "%s%s", k % 3 ? both[rng_below(&r, 6)] : own[rng_below(&r, 6)],
		        k % 8 == 7 ? "\n" : " ");
	fputc('\n', f);
	fclose(f);
}

static void
write_world(void)
{
	char path[128];
	FILE *t;

	snprintf(path, sizeof(path), "%s/ham", dir);
	BUG_ON(mkdir(path, 0755) < 0);
	snprintf(path, sizeof(path), "%s/spam", dir);
	BUG_ON(mkdir(path, 0755) < 0);
	snprintf(path, sizeof(path), "%s/later.tsv", dir);
	t = fopen(path, "w");
	BUG_ON(!t);
	fputs("path\tlabel\tsource\tdate\n", t);
	for (unsigned i = 0; i < MAILS; i++) {
		write_mail("ham", i);
		write_mail("spam", i);
		fprintf(t, "ham/%03u.eml\tham\t%s\t-\nspam/%03u.eml\tspam\tjunk\t-\n", i,
		        i % 2 ? "list" : "work", i);
	}
	fclose(t);
}

/* What the last command printed, as JSON; NULL when it is none. */
static json_t *
printed(void)
{
	fflush(stdout);
	return json_load_file(out_path, 0, NULL);
}

/* Runs with standard output in a file. %s is the folder of the test, everywhere. */
static int
run(const char *format)
{
	char line[1024];
	int fd = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0644), kept, rc;

	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	BUG_ON(fd < 0 || kept < 0 || dup2(fd, STDOUT_FILENO) < 0);
	close(fd);
	snprintf(line, sizeof(line), format, dir, dir, dir, dir);
	rc = weirctl(line);
	fflush(stdout);
	BUG_ON(dup2(kept, STDOUT_FILENO) < 0);
	close(kept);
	return rc;
}

static json_int_t
number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static void
test_train(void)
{
	json_t *j;

	CHECK(run("train --ham %s/ham --spam %s/spam -o %s/m.model --json") == EXIT_OK);
	j = printed();
	CHECK(number(j, "ham") == MAILS && number(j, "spam") == MAILS);
	CHECK(number(j, "held_ham") == 24 && number(j, "held_spam") == 24);
	CHECK(number(j, "held_false_positives") == 0 && number(j, "held_caught") == 24);
	json_decref(j);
	CHECK(run("train --ham %s/ham --spam %s/spam -o %s/m2.model --seed 1") == EXIT_OK);
	CHECK(run("train --ham %s/ham --spam %s/spam -o %s/m3.model --seed x") == EXIT_USAGE);
	CHECK(run("train --ham %s/ham -o %s/m3.model") == EXIT_USAGE);
	CHECK(run("train --ham %s/none --spam %s/spam -o %s/m3.model") == EXIT_ERROR);
	CHECK(run("train --ham %s/later.tsv --spam %s/spam -o %s/m3.model") == EXIT_ERROR);
	CHECK(run("train --ham %s/ham --spam %s/spam -o %s/none/m3.model") == EXIT_ERROR);
}

/* The same mails and seed: the same bytes. */
static void
test_same(void)
{
	char a[128], b[128], command[300];

	snprintf(a, sizeof(a), "%s/m.model", dir);
	snprintf(b, sizeof(b), "%s/m2.model", dir);
	snprintf(command, sizeof(command), "cmp -s %s %s", a, b);
	CHECK(system(command) == 0);
}

static const json_t *
row(const json_t *j, const char *source, const char *label)
{
	const json_t *r;
	size_t i;

	json_array_foreach(json_object_get(j, "rows"), i, r)
	{
		if (!strcmp(json_string_value(json_object_get(r, "source")), source) &&
		    !strcmp(json_string_value(json_object_get(r, "label")), label))
			return r;
	}
	return NULL;
}

static void
test_eval(void)
{
	const json_t *r;
	json_t *j;

	CHECK(run("eval --tsv %s/later.tsv --root %s --model %s/m.model --json") == EXIT_OK);
	j = printed();
	CHECK(json_array_size(json_object_get(j, "rows")) == 5); /* list, work, junk, all twice */
	r = row(j, "all", "spam");
	CHECK(number(r, "mails") == MAILS);
	CHECK(number(json_object_get(r, "model_strict"), "hit") == MAILS);
	/* Wilson, n = n: low = n / (n + z^2) */
	CHECK(json_number_value(json_object_get(json_object_get(r, "model_strict"), "low")) >
	              160 / (160 + 3.842) - 1e-4 &&
	      json_number_value(json_object_get(json_object_get(r, "model_strict"), "low")) <
	              160 / (160 + 3.841) + 1e-4);
	r = row(j, "list", "ham");
	CHECK(number(r, "mails") == MAILS / 2);
	CHECK(number(json_object_get(r, "verdict"), "hit") == 0);
	json_decref(j);
	CHECK(run("eval --tsv %s/later.tsv --root %s --model %s/m.model") == EXIT_OK);
	CHECK(run("eval --tsv %s/later.tsv --model %s/m.model") == EXIT_ERROR); /* no such paths */
	CHECK(run("eval --tsv %s/later.tsv --root %s --model %s/later.tsv") == EXIT_ERROR);
	CHECK(run("eval --tsv %s/ham/001.eml --model %s/m.model") == EXIT_ERROR);
	CHECK(run("eval --model %s/m.model") == EXIT_USAGE);
}

static void
test_scan(void)
{
	const json_t *f;
	json_t *j;

	CHECK(run("scan %s/spam/001.eml --model %s/m.model --json") == EXIT_VERDICT);
	j = printed();
	CHECK(json_number_value(json_object_get(j, "model")) > 0.9);
	CHECK(json_number_value(json_object_get(j, "model_points")) >= 5);
	CHECK(json_array_size(json_object_get(j, "model_features")) == 10);
	f = json_array_get(json_object_get(j, "model_features"), 0);
	CHECK(json_string_length(json_object_get(f, "feature")) > 0);
	json_decref(j);
	CHECK(run("scan %s/ham/001.eml --model %s/m.model --json") == EXIT_OK);
	j = printed();
	CHECK(json_number_value(json_object_get(j, "model")) < 0.1);
	CHECK(json_number_value(json_object_get(j, "model_points")) < 0);
	json_decref(j);
	CHECK(run("scan %s/ham/001.eml --json") == EXIT_OK);
	j = printed();
	CHECK(json_is_null(json_object_get(j, "model")));
	json_decref(j);
	CHECK(run("scan %s/ham/001.eml --model %s/later.tsv") == EXIT_ERROR);
}

/* A generation that keeps its model shares it; a bad file refuses the build and says so. */
static void
test_snapshot(void)
{
	char good_path[128], bad_path[128];
	struct snapshot_input in = { .generation = 1, .model_path = good_path, .no_probes = true };
	struct snapshot_errors errors = { 0 };
	struct snapshot *a, *b;

	snprintf(good_path, sizeof(good_path), "%s/m.model", dir);
	snprintf(bad_path, sizeof(bad_path), "%s/later.tsv", dir);
	a = snapshot_build(&in, &errors);
	CHECK(a && a->model && a->model->ref_cnt == 1);
	in.prev = a;
	in.generation = 2;
	b = snapshot_build(&in, &errors);
	CHECK(b && b->model == a->model && a->model->ref_cnt == 2);
	snapshot_free(a);
	CHECK(b->model->ref_cnt == 1);
	in.prev = b;
	in.generation = 3;
	in.model_path = bad_path;
	CHECK(!snapshot_build(&in, &errors) && errors.error_cnt == 1);
	CHECK(!strcmp(errors.item[0].file, bad_path) && strstr(errors.item[0].text, "no model"),
	      "%s: %s", errors.item[0].file, errors.item[0].text);
	snapshot_free(b);
	snapshot_errors_fini(&errors);
}

static void
test_learn(void)
{
	char line[256];
	json_t *j;

	CHECK(run("learn status") == EXIT_USAGE);
	CHECK(run("learn status --model %s/later.tsv") == EXIT_ERROR);
	CHECK(run("learn promote --model %s/m.model") == EXIT_ERROR); /* none */
	CHECK(run("learn ham %s/ham/000.eml --model %s/m.model") == EXIT_OK);
	CHECK(run("learn ham %s/ham/000.eml --model %s/m.model") == EXIT_ERROR); /* again */
	CHECK(run("learn spam %s/none --model %s/m.model") == EXIT_ERROR);
	CHECK(run("learn promote --model %s/m.model") == EXIT_ERROR); /* too few */
	test_same(); /* the live one is as it was */
	for (unsigned i = 1; i <= 25; i++) {
		snprintf(line, sizeof(line), "learn ham %%s/ham/%03u.eml --model %%s/m.model", i);
		CHECK(run(line) == EXIT_OK);
		snprintf(line, sizeof(line), "learn spam %%s/spam/%03u.eml --model %%s/m.model", i);
		CHECK(run(line) == EXIT_OK);
	}
	CHECK(run("learn status --model %s/m.model --json") == EXIT_OK);
	j = printed();
	CHECK(number(j, "ham") == 26 && number(j, "spam") == 25);
	CHECK(number(j, "live_caught") == 25 && number(j, "caught") == 25);
	CHECK(json_is_true(json_object_get(j, "ready")));
	json_decref(j);
	CHECK(run("learn promote --model %s/m.model") == EXIT_OK);
	CHECK(run("learn promote --model %s/m.model") == EXIT_ERROR); /* it is gone */
	CHECK(run("scan %s/spam/001.eml --model %s/m.model --json") == EXIT_VERDICT);
	CHECK(run("scan %s/spam/001.eml --model %s/m.model.before --json") == EXIT_VERDICT);
}

#define AT_ONCE 20

/* Each in a process of its own, all begun before one is waited for. */
static void
learn_at_once(void)
{
	char line[256];
	pid_t pids[AT_ONCE];
	int status;

	fflush(stdout);
	for (unsigned i = 0; i < AT_ONCE; i++) {
		pids[i] = fork();
		BUG_ON(pids[i] < 0);
		if (pids[i] > 0)
			continue;
		snprintf(line, sizeof(line),
		         "learn %s %s/%s/%03u.eml --model %s/m.model --seconds 5m",
		         i % 2 ? "spam" : "ham", dir, i % 2 ? "spam" : "ham", 40 + i, dir);
		BUG_ON(!freopen("/dev/null", "w", stdout));
		_exit(weirctl(line));
	}
	for (unsigned i = 0; i < AT_ONCE; i++)
		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0, "%u: %x", i, status);
}

/* Nobody's mail is lost, and one that cannot have its turn says so and changes nothing. */
static void
test_learn_at_once(void)
{
	char path[128];
	json_t *j;
	int fd;

	learn_at_once();
	CHECK(run("learn status --model %s/m.model --json") == EXIT_OK);
	j = printed();
	CHECK(number(j, "ham") == AT_ONCE / 2 && number(j, "spam") == AT_ONCE / 2, "%lld %lld",
	      (long long)number(j, "ham"), (long long)number(j, "spam"));
	json_decref(j);
	snprintf(path, sizeof(path), "%s/m.model.candidate.lock", dir);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
	CHECK(run("learn ham %s/ham/090.eml --model %s/m.model --seconds 0") == EXIT_ERROR);
	CHECK(run("learn status --model %s/m.model --seconds 0") == EXIT_ERROR);
	CHECK(flock(fd, LOCK_SH) == 0);
	CHECK(run("learn status --model %s/m.model --seconds 0") == EXIT_OK);
	CHECK(run("learn promote --model %s/m.model --seconds 0") == EXIT_ERROR);
	close(fd);
	CHECK(run("learn ham %s/ham/090.eml --model %s/m.model --seconds 0") == EXIT_OK);
	CHECK(run("learn ham %s/ham/091.eml --model %s/m.model --seconds x") == EXIT_USAGE);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int
main(void)
{
	BUG_ON(!mkdtemp(dir));
	snprintf(out_path, sizeof(out_path), "%s/out", dir);
	write_world();
	CHECK(freopen("/dev/null", "w", stderr) != NULL);
	test_train();
	test_same();
	test_eval();
	test_scan();
	test_snapshot();
	test_learn();
	test_learn_at_once();
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return check_failed;
}
