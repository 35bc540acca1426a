/* SPDX-License-Identifier: BSD-3-Clause
 * rule_dump.c - which rules hit each mail, sub-rules too, how often; and which rules run at all
 *
 * Usage   rule_dump [-c CACHEDIR] [-q] RULEDIR... < LIST       a line a mail: file, then NAME=COUNT …
 *         rule_dump [-c CACHEDIR] -p RULEDIR...                a line a rule: NAME TYPE WAY FLAGS FIELD SOURCE PART PATTERN
 *         rule_dump [-c CACHEDIR] -m RULEDIR...                as the first, mails on standard input: a line NAME BYTES, then these
 *         rule_dump [-c CACHEDIR] -s RULEDIR... < LIST         seconds and MB/s of processor time over the mails, no output
 * Errors  Skipped lines go to standard error (not with -q).
 */
#include "engine/job.h"
#include "base/clock.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 3

static const char *const kinds[] = {
	[RULE_HEADER] = "header",   [RULE_BODY] = "body",
	[RULE_RAWBODY] = "rawbody", [RULE_URI] = "uri",
	[RULE_PHRASE] = "phrase",   [RULE_META] = "meta",
	[RULE_FULL] = "full",       [RULE_LIST] = "list",
	[RULE_EICAR] = "eicar",     [RULE_MIMEHEADER] = "mimeheader",
	[RULE_SKIPPED] = "skipped",
};
static const char *const lanes[LANES] = {
	[LANE_FOLDED] = "phrase", [LANE_RENDERED] = "body", [LANE_RAW] = "rawbody",
	[LANE_FULL] = "full",     [LANE_HEADER] = "header", [LANE_MIME] = "mimeheader",
	[LANE_URI] = "uri",
};
static const char *const ways[MATCH_WAYS] = { "none", "hyperscan", "literal", "prefilter", "pcre" };

struct mail {
	char *path;
	struct span text;
};

static void
print_errors(const struct snapshot_errors *e)
{
	char text[640];

	for (size_t i = 0; i < e->cnt; i++) {
		snapshot_error_format(&e->item[i], text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
}

static struct span
read_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *p = NULL;

	if (fd < 0 || fstat(fd, &st) != 0 || !(p = malloc((size_t)st.st_size + 1)) ||
	    read(fd, p, (size_t)st.st_size) != st.st_size) {
		perror(path);
		exit(1);
	}
	close(fd);
	return span(p, (size_t)st.st_size);
}

/* The next of "NAME BYTES" and its bytes. */
static bool
read_framed(struct mail *m)
{
	char line[4096], name[4096];
	size_t n;

	if (!fgets(line, sizeof(line), stdin) || sscanf(line, "%4095s %zu", name, &n) != 2)
		return false;
	m->path = strdup(name);
	m->text = span(malloc(n + 1), n);
	return m->path && m->text.p && fread((void *)(uintptr_t)m->text.p, 1, n, stdin) == n;
}

static bool
read_named(struct mail *m)
{
	char name[4096];

	if (!fgets(name, sizeof(name), stdin))
		return false;
	name[strcspn(name, "\n")] = 0;
	*m = (struct mail){ strdup(name), read_file(name) };
	return true;
}

static struct engine_job *
scan(struct engine_worker *w, const struct snapshot *s, struct span mail)
{
	struct engine_client client = { 0 };
	struct engine_mail m = { s, &client, span("", 0), mail.len, false };
	struct engine_job *j = engine_job_begin(w, &m);

	BUG_ON(!j);
	for (size_t at = 0; at < mail.len;)
		at += engine_job_step(j, span_skip(mail, at), UINT64_MAX);
	while (!engine_job_end(j, UINT64_MAX))
		;
	return j;
}

static void
print_hits(const char *path, const struct engine_job *j)
{
	printf("%s", path);
	for (uint32_t i = 0; i < j->s->rules.rule_cnt; i++) {
		const struct rule *r = &j->s->rules.rules[i];

		if (job_rule_hit(j, i))
			printf(" %s=%g", r->name.p, (double)j->gen->slot[j->slot].rule_hits[i]);
	}
	printf("\n");
}

static void
print_pattern(const struct snapshot *s, enum lane lane, size_t i)
{
	const struct rule_pattern *p = &s->rules.lane[lane].item[i];
	const struct rule *r = &s->rules.rules[p->rule];
	const struct view *v =
	        lane == LANE_HEADER || lane == LANE_MIME ? &s->rules.views[p->view] : NULL;

	printf("%s\t%s\t%s\t%s%s%s%s%s\t%.*s\t%u\t%u\t%.*s\n", r->name.p, lanes[lane],
	       s->lane[lane].set ? ways[match_set_way(s->lane[lane].set, i)] : "literal",
	       p->is_caseless ? "i" : "", p->is_multiline ? "m" : "", p->is_dotall ? "s" : "",
	       r->is_negated ? "!" : "", r->is_nosubject ? "N" : "", v ? (int)v->field.len : 0,
	       v ? v->field.p : "", v ? v->source : 0, v ? v->part : 0, (int)p->text.len,
	       p->text.p);
}

static void
print_rules(const struct snapshot *s)
{
	for (enum lane k = 0; k < LANES; k++)
		for (size_t i = 0; i < s->rules.lane[k].cnt; i++)
			print_pattern(s, k, i);
	for (uint32_t i = 0; i < s->rules.rule_cnt; i++) {
		const struct rule *r = &s->rules.rules[i];

		if (r->kind == RULE_META || r->kind == RULE_SKIPPED || r->is_exists || r->is_off)
			printf("%s\t%s\t%s\t\t\t0\t0\t\n", r->name.p, kinds[r->kind],
			       r->is_off       ? "off"
			       : r->is_exists  ? "exists"
			       : r->is_partial ? "partial"
			                       : "whole");
	}
}

static uint64_t
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
print_speed(struct engine_worker *w, const struct snapshot *s, struct mail *mails, size_t cnt)
{
	uint64_t best = UINT64_MAX, bytes = 0;

	for (size_t i = 0; i < cnt; i++)
		bytes += mails[i].text.len;
	for (unsigned k = 0; k < ROUNDS; k++) {
		uint64_t start = cpu_us(), took;

		for (size_t i = 0; i < cnt; i++)
			engine_job_put(scan(w, s, mails[i].text));
		took = cpu_us() - start;
		best = MIN(best, took);
	}
	printf("%zu mails, %.1f MB, best of %d: %.3f s, %.1f MB/s, %.1f us a mail; %llu timeouts, "
	       "%llu Hyperscan errors\n",
	       cnt, (double)bytes / 1e6, ROUNDS, (double)best / 1e6, (double)bytes / (double)best,
	       (double)best / (double)MAX(cnt, (size_t)1),
	       (unsigned long long)engine_worker_counters(w)->pcre_timeouts,
	       (unsigned long long)engine_worker_counters(w)->hs_errors);
}

int
main(int argc, char **argv)
{
	struct snapshot_input in = { .generation = 1, .no_probes = true };
	struct snapshot_errors e = { 0 };
	struct engine_config cfg = { 0 };
	bool quiet = false, rules = false, speed = false, framed = false;
	struct engine_worker *w;
	struct mail *mails = NULL;
	struct snapshot *s;
	size_t cnt = 0;

	for (int c; (c = getopt(argc, argv, "c:qpsm")) != -1;) {
		quiet |= c == 'q';
		rules |= c == 'p';
		speed |= c == 's';
		framed |= c == 'm';
		if (c == 'c')
			in.cache_dir = optarg;
	}
	in.rule_dirs = (const char *const *)(argv + optind);
	in.rule_dir_cnt = (size_t)(argc - optind);
	s = snapshot_build(&in, &e);
	if (!quiet || !s)
		print_errors(&e);
	if (!s)
		return 1;
	if (rules) {
		print_rules(s);
		return 0;
	}
	w = engine_worker_new(&cfg);
	BUG_ON(!w || engine_worker_attach(w, s) != 0);
	for (struct mail m; framed ? read_framed(&m) : read_named(&m);) {
		mails = realloc(mails, (cnt + 1) * sizeof(*mails));
		BUG_ON(!mails);
		mails[cnt++] = m;
	}
	if (speed)
		print_speed(w, s, mails, cnt);
	for (size_t i = 0; i < cnt && !speed; i++) {
		struct engine_job *j = scan(w, s, mails[i].text);

		print_hits(mails[i].path, j);
		engine_job_put(j);
	}
	return 0;
}
