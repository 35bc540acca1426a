/* SPDX-License-Identifier: BSD-3-Clause
 * test_ctrl.c - control from start to stop over its socket, with the real engine and two workers that are threads of this test
 *
 * The workers do what real ones do towards control: read the published pointer once a turn, begin and put scan jobs, pass
 * quiescent states. Reloads run meanwhile, good and bad ones. Over 500 lines: the rig of workers, store and socket serves all cases.
 */
#include "base/clock.h"
#include "base/msgid.h"
#include "ctrl/build.h"
#include "ctrl/ctrl.h"
#include "ctrl/files.h"
#include "ctrl/protocol.h"
#include "ctrl/store.h"
#include "engine/engine.h"
#include "tests/check.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#define WORKERS 2

struct fake_counters {
	uint64_t sent, delivered, refused, refused_url, in_flight, drops;
};

static const struct counter_desc fake_desc[] = {
	{ "sent", "weir_mails_total", "result=\"sent\"", "Mails" },
	{ "delivered", "weir_mails_total", "result=\"delivered\"", "Mails" },
	{ "refused", "weir_mails_total", "result=\"refused\"", "Mails" },
	{ "refused_url", "weir_refusals_total", "filter=\"url\"", "Refusals" },
	{ "in_flight", "weir_mails_in_flight", "", "Mails that have no end yet" },
	{ "drops", "weir_tcp_drops_total", "why=\"short\"", "Header cut" },
};

struct fake_worker {
	pthread_t thread;
	struct engine_worker *engine;
	struct event_ring events;
	struct fake_counters counters;
	struct hist hist;
	struct ctrl_hist hist_row;
	uint64_t busy, idle;
	uint64_t jobs, wrong_generation;
	uint64_t sink; /* keeps a stuck job: pins its generation until told otherwise */
};

static struct fake_worker workers[WORKERS];
static struct ctrl_published published;
static char dir[64], config[100], sock[100];
static bool stop;
static uint16_t http_port; /* one that was free */
static struct ctrl *ctrl;
static unsigned flushed, drained, tuned;

/* As on a file system that does not keep kinds in its folders (readdir(3)). */
struct dirent *__real_readdir64(DIR *d);
struct dirent *__wrap_readdir64(DIR *d);

struct dirent *
__wrap_readdir64(DIR *d)
{
	struct dirent *e = __real_readdir64(d);

	if (e)
		e->d_type = DT_UNKNOWN;
	return e;
}

/* ---- the node ---- */

static size_t
fake_memory(void *ctx, struct ctrl_memory_row *out, size_t max)
{
	(void)ctx;
	CHECK(max >= 2);
	out[0] = (struct ctrl_memory_row){ "sessions", 2, 1000, 4000, 0 };
	out[1] = (struct ctrl_memory_row){ "chunks", 1, 16384, 1 << 20, 3 };
	return 2;
}

static void
fake_drain(void *ctx, bool on)
{
	(void)ctx;
	__atomic_store_n(&drained, on, __ATOMIC_RELAXED);
}

static bool
fake_is_drained(void *ctx)
{
	(void)ctx;
	return drained;
}

static size_t
fake_flush(void *ctx, struct span address)
{
	(void)ctx;
	CHECK(span_is(address, "bob@acme.test"));
	flushed++;
	return 3;
}

static void
fake_settings(void *ctx, const struct settings *s)
{
	(void)ctx;
	CHECK(s->smtp_max_recipients == 100 || s->smtp_max_recipients == 7);
	__atomic_store_n(&tuned, (unsigned)s->smtp_max_recipients, __ATOMIC_RELAXED);
}

/* One mail: begun on one snapshot, ended on it, whatever is published meanwhile. */
static void
scan_one(struct fake_worker *w, unsigned round)
{
	static const char mail[] = "Subject: hello\r\n\r\nhow are you\r\n";
	struct engine_client client = { 0 };
	struct engine_mail m = { .snapshot = rcu_dereference(published.snapshot),
		                 .client = &client,
		                 .sender = span_z("a@b.test"),
		                 .size = sizeof(mail) - 1 };
	uint64_t generation = snapshot_generation(m.snapshot);
	struct engine_job *j = engine_job_begin(w->engine, &m);
	struct engine_verdict v;
	size_t at = 0;

	if (!j)
		return;
	while (at < sizeof(mail) - 1) {
		at += engine_job_step(j, span(mail + at, sizeof(mail) - 1 - at), 0);
		urcu_qsbr_quiescent_state(); /* the job's pin, not this turn, holds the snapshot */
		if (round % 50 == 0)
			usleep(1000);
	}
	while (!engine_job_end(j, 0))
		urcu_qsbr_quiescent_state();
	engine_decide(j, span_z("bob"), span_z("acme.test"), &v);
	if (v.generation != generation)
		w->wrong_generation++;
	engine_job_put(j);
	w->jobs++;
	counter_inc(&w->counters.sent);
	counter_inc(&w->counters.delivered);
}

static void *
work(void *arg)
{
	struct fake_worker *w = arg;
	unsigned round = 0;

	urcu_qsbr_register_thread();
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct addr banned;

		scan_one(w, round++);
		addr_parse(span_z("192.0.2.7"), &banned);
		w->sink += ban_set_has(rcu_dereference(published.bans), &banned);
		counter_add(&w->busy, 10);
		counter_add(&w->idle, 30);
		urcu_qsbr_quiescent_state();
		usleep(200);
	}
	urcu_qsbr_unregister_thread();
	return NULL;
}

/* ---- talking to it ---- */

static json_t *
ask_text(const char *line)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char *answer = NULL;
	size_t cap = 0;
	json_t *j = NULL;
	FILE *f;

	strcpy(a.sun_path, sock);
	CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "%s", strerror(errno));
	CHECK(send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line));
	CHECK(send(fd, "\n", 1, MSG_NOSIGNAL) == 1);
	f = fdopen(fd, "r");
	if (getline(&answer, &cap, f) > 0)
		j = json_loads(answer, 0, NULL);
	CHECK(j, "no answer to %s", line);
	free(answer);
	fclose(f);
	return j;
}

static bool
says(const char *line, bool ok, const char *word)
{
	json_t *j = ask_text(line);
	char *text = json_dumps(j, JSON_COMPACT);
	bool is = json_is_true(json_object_get(j, "ok")) == ok && strstr(text, word);

	if (!is)
		printf("%s -> %s\n", line, text);
	free(text);
	json_decref(j);
	return is;
}

static long long
figure(const char *path, const char *key)
{
	json_t *j = ask_text("{\"command\":\"status\"}");
	json_t *o = *path ? json_object_get(j, path) : j;
	long long n = json_integer_value(json_object_get(o, key));

	json_decref(j);
	return n;
}

static char *
http(const char *path, const char *accept)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(http_port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char *text = calloc(1, 1 << 20), request[200];
	size_t n = 0;
	ssize_t got;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	snprintf(request, sizeof(request),
	         "GET %s HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nConnection: close\r\n\r\n", path,
	         accept);
	CHECK(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
	while ((got = recv(fd, text + n, (1 << 20) - 1 - n, 0)) > 0)
		n += (size_t)got;
	close(fd);
	return text;
}

static void
write_file(const char *name, const char *text)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK(file_replace(path, span_z(text)) == 0);
}

static void
write_config(const char *more)
{
	char text[2000];

	snprintf(text, sizeof(text),
	         "node: {state_dir: %s/state, control_socket: %s}\n"
	         "ports: [{device: none, addresses: [10.77.0.2/24]}]\n"
	         "http: {listen: \"127.0.0.1:%d\"}\nlog: {path: %s/log}\n"
	         "rules: {directories: [%s/rules]}\n%s",
	         dir, sock, http_port, dir, dir, more);
	write_file("weir.yaml", text);
}

static const char customers[] =
        "{\"customers\": [{\"id\": \"acme\", \"domains\": [\"acme.test\"],"
        "\"route\": {\"servers\": [{\"address\": \"10.77.0.1\", \"port\": 2525}]}}]}";

static void
import(const char *text, bool want)
{
	json_t *request, *reply;
	char path[200];

	write_file("customers.json", text);
	snprintf(path, sizeof(path), "%s/customers.json", dir);
	request = json_pack("{s:s,s:s,s:s}", "command", "customer", "verb", "import", "file", path);
	reply = offline_run(config, request);
	CHECK(json_is_true(json_object_get(reply, "ok")) == want, "%s", json_dumps(reply, 0));
	json_decref(request);
	json_decref(reply);
}

/* ---- the tests, in order ---- */

/* A port that nobody has just now; the kernel gives it to no other who asks for any soon after. */
static uint16_t
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	      getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void
set_up(void)
{
	http_port = free_port();
	strcpy(dir, "/tmp/weir-test-ctrl-XXXXXX");
	CHECK(mkdtemp(dir));
	snprintf(config, sizeof(config), "%s/weir.yaml", dir);
	snprintf(sock, sizeof(sock), "%s/c.sock", dir);
	write_config("");
	CHECK(dir_make(dir) == 0);
	{
		char path[200];

		snprintf(path, sizeof(path), "%s/rules", dir);
		CHECK(dir_make(path) == 0);
	}
}

static int
start(struct settings *s)
{
	struct settings_errors e = { 0 };
	static struct ctrl_worker rows[WORKERS];
	struct engine_config ec = { 0 };
	struct ctrl_node node = { .workers = rows,
		                  .worker_cnt = WORKERS,
		                  .published = &published,
		                  .memory = fake_memory,
		                  .drain = fake_drain,
		                  .is_drained = fake_is_drained,
		                  .flush_rcpt = fake_flush,
		                  .settings_changed = fake_settings };
	int ret = settings_load(config, s, &e);

	CHECK(ret == 0, "%s", e.cnt ? e.item[0] : "");
	settings_errors_fini(&e);
	memset(workers, 0, sizeof(workers));
	stop = false;
	for (int i = 0; i < WORKERS; i++) {
		struct fake_worker *w = &workers[i];

		w->engine = engine_worker_new(&ec);
		CHECK(event_ring_init(&w->events, 64) == 0);
		w->hist_row = (struct ctrl_hist){ "weir_message_duration_seconds",
			                          i == 0 ? "core=\"0\"" : "core=\"1\"", "Mail",
			                          1e-6, &w->hist };
		rows[i] = (struct ctrl_worker){
			.cpu = (unsigned)i,
			.events = &w->events,
			.engine = w->engine,
			.sets = { { "fake", fake_desc, ARRAY_LEN(fake_desc), &w->counters.sent } },
			.set_cnt = 1,
			.hists = &w->hist_row,
			.hist_cnt = 1,
			.busy_cycles = &w->busy,
			.idle_cycles = &w->idle,
		};
	}
	ctrl = ctrl_new(s, &node);
	if (!ctrl)
		return -1;
	ret = ctrl_start(ctrl);
	for (int i = 0; i < WORKERS && ret == 0; i++)
		CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
	return ret;
}

static void
end(struct settings *s, bool is_running)
{
	stop = true;
	for (int i = 0; i < WORKERS && is_running; i++)
		pthread_join(workers[i].thread, NULL);
	if (ctrl)
		ctrl_stop(ctrl);
	ctrl_free(ctrl);
	for (int i = 0; i < WORKERS; i++) {
		engine_worker_free(workers[i].engine);
		event_ring_fini(&workers[i].events);
	}
	settings_fini(s);
}

static void
wait_until(bool (*fn)(void), const char *what)
{
	for (int i = 0; i < 500; i++) {
		if (fn())
			return;
		usleep(10000);
	}
	CHECK(false, "%s", what);
}

static bool
is_generation_2(void)
{
	return figure("", "generation") >= 2;
}

static void
test_reload(void)
{
	CHECK(figure("", "generation") == 1 && figure("", "generations_live") == 1);
	CHECK(says("{\"command\":\"lookup\",\"verb\":\"domain\",\"key\":\"acme.test\"}", true,
	           "\"lines\":[]"));
	import(customers, true); /* another connection's commit: seen without being told */
	wait_until(is_generation_2, "a commit in the store is published");
	CHECK(says("{\"command\":\"lookup\",\"verb\":\"domain\",\"key\":\"acme.test\"}", true,
	           "acme"));
	CHECK(figure("policy", "customers") == 1);

	write_config("smtp: {max_recipients: 7}\n");
	CHECK(says("{\"command\":\"reload\"}", true, "\"errors\":[]"));
	CHECK(__atomic_load_n(&tuned, __ATOMIC_RELAXED) == 7);
	write_config("smtp: {max_recipients: 0, nonsense: 1}\n");
	CHECK(says("{\"command\":\"reload\"}", false, "max_recipients"));
	CHECK(says("{\"command\":\"reload\"}", false, "nonsense")); /* all errors */
	CHECK(figure("store", "reloads_refused") == 2);
	write_config("node2: {}\n");
	CHECK(says("{\"command\":\"reload\"}", false, "node2"));
	write_config("");
	write_file("rules/bad.rules", "this is no rule {{{\n");
	CHECK(says("{\"command\":\"reload\"}", false, "bad.rules:1"));
	{
		char path[200];

		snprintf(path, sizeof(path), "%s/rules/bad.rules", dir);
		unlink(path);
	}
	CHECK(says("{\"command\":\"reload\"}", true, "\"generation\""));
	write_config("dataplane: {cores: \"0\"}\n");
	CHECK(says("{\"command\":\"reload\"}", true, "dataplane.cores: needs a restart"));
	write_config("listen: [{port: 26}]\nsmtp: {scan_bytes: 64KiB, max_recipients: 7}\n");
	CHECK(says("{\"command\":\"reload\"}", true, "listen: needs a restart"));
	CHECK(says("{\"command\":\"reload\"}", true, "smtp.scan_bytes: needs a restart"));
	CHECK(!says("{\"command\":\"reload\"}", true, "smtp.max_recipients: needs"));
	write_config("");
}

static const char *wanted_domain, *wanted_text;

static bool
domain_is_there(void)
{
	char request[200];

	snprintf(request, sizeof(request),
	         "{\"command\":\"lookup\",\"verb\":\"domain\",\"key\":\"%s\"}", wanted_domain);
	return says(request, true, wanted_text);
}

static void
wait_for_domain(const char *domain, const char *text)
{
	wanted_domain = domain;
	wanted_text = text;
	wait_until(domain_is_there, domain);
}

static void
delete_customer(const char *id)
{
	json_t *request =
	        json_pack("{s:s,s:s,s:s}", "command", "customer", "verb", "del", "id", id);
	json_t *reply = offline_run(config, request);

	CHECK(json_is_true(json_object_get(reply, "ok")), "%s", id);
	json_decref(request);
	json_decref(reply);
}

#define CUSTOMER(id, domain, more)                                                                 \
	"{\"customers\": [{\"id\": \"" id "\", \"domains\": [\"" domain                            \
	"\"], \"route\": {\"servers\": [{\"address\": \"10.77.0.1\"}]}" more "}]}"

/* Rows of the store: a layer of what changed; a text that no database knows, or a reload, builds all. */
static void
test_rows(void)
{
	CHECK(figure("policy", "changed") == 0);
	import(CUSTOMER("beta", "beta.test", ""), true);
	wait_for_domain("beta.test", "customer beta");
	CHECK(figure("policy", "customers") == 2 && figure("policy", "changed") == 1);
	import(CUSTOMER("beta", "gamma.test", ""), true);
	wait_for_domain("gamma.test", "customer beta");
	wait_for_domain("beta.test", "\"lines\":[]");
	wait_for_domain("acme.test", "customer acme");
	CHECK(figure("policy", "customers") == 2 && figure("policy", "changed") == 1);
	delete_customer("acme");
	wait_for_domain("acme.test", "\"lines\":[]");
	CHECK(figure("policy", "customers") == 1 && figure("policy", "changed") == 2);
	import(customers, true);
	wait_for_domain("acme.test", "customer acme");
	/* a rule whose text is new */
	import(CUSTOMER("delta", "delta.test",
	                ", \"rules\": [{\"field\": \"subject\", \"value\": \"cheap loans\"}]"),
	       true);
	wait_for_domain("delta.test", "customer delta");
	CHECK(figure("policy", "changed") == 0 && figure("policy", "customers") == 3);
	/* the same text of another customer */
	import(CUSTOMER("epsilon", "epsilon.test",
	                ", \"rules\": [{\"field\": \"subject\", \"value\": \"Cheap  LOANS\"}]"),
	       true);
	wait_for_domain("epsilon.test", "customer epsilon");
	CHECK(figure("policy", "changed") == 1);
	delete_customer("delta");
	wait_for_domain("delta.test", "\"lines\":[]");
	CHECK(says("{\"command\":\"reload\"}", true, "\"errors\":[]"));
	CHECK(figure("policy", "changed") == 0 && figure("policy", "customers") == 3);
	/* what is saved has them: test_saved() starts from it */
	delete_customer("epsilon");
	wait_for_domain("epsilon.test", "\"lines\":[]");
	CHECK(figure("policy", "changed") == 1);
}

#define ASK_RELOAD "{\"command\":\"reload\"}"

static bool
page_has(const char *line)
{
	char *page = http("/metrics", "text/plain");
	bool has = strstr(page, line) != NULL;

	free(page);
	return has;
}

static void
feed_config(void)
{
	char more[1000];

	snprintf(more, sizeof(more),
	         "feeds: [{name: ips, kind: ip-list, source: %s/ips.txt, target: ip-block},\n"
	         "  {name: drop, kind: drop-json, source: %s/drop.json, target: ip-block},\n"
	         "  {name: words, kind: phrase-list, source: %s/words.txt, target: x-block}]\n",
	         dir, dir, dir);
	write_config(more);
}

/* Of the metric's line that begins so; -1: there is none. */
static double
page_value(const char *line)
{
	char *page = http("/metrics", "text/plain");
	const char *at = strstr(page, line);
	double v = at ? strtod(at + strlen(line), NULL) : -1;

	free(page);
	return v;
}

static void
remove_file(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK(unlink(path) == 0);
}

/* A feed that is gone, empty or all broken: its last good copy stays, and nothing else of the reload waits for it. */
static void
test_last_good_feeds(void)
{
	static const char ask[] =
	        "{\"command\":\"lookup\",\"verb\":\"ip\",\"key\":\"192.0.2.200\"}";
	static const char age[] = "\nweir_feed_age_seconds{feed=\"ips\"} ";
	static const struct timespec then[2] = { { .tv_sec = 1700000000 },
		                                 { .tv_sec = 1700000000 } };
	char path[200];

	snprintf(path, sizeof(path), "%s/ips.txt", dir);
	CHECK(utimensat(AT_FDCWD, path, then, 0) == 0);
	CHECK(says(ASK_RELOAD, true, "9 lines are skipped in all"));
	CHECK(fabs(page_value(age) - ((double)clock_wall_us() / 1e6 - 1700000000)) < 60);
	write_file("ips.txt", "");
	CHECK(says(ASK_RELOAD, true, "ips.txt: warning: feed ips: nothing in it; its last good"));
	CHECK(says(ASK_RELOAD, true, "written 2023-11-14 22:13:20 UTC"), "the copy of a copy");
	CHECK(says(ask, true, "ips.txt (last good copy):1"));
	CHECK(fabs(page_value(age) - ((double)clock_wall_us() / 1e6 - 1700000000)) < 60);
	write_file("ips.txt", "<html>\n");
	CHECK(says(ASK_RELOAD, true, "feed ips: no line of this feed can be used; its last good"));
	CHECK(says(ask, true, "ips.txt (last good copy):1"));
	remove_file("ips.txt");
	write_file("words.txt", "sell your dear watches\nx\n"); /* others are as new as ever */
	CHECK(says(ASK_RELOAD, true, "feed ips: No such file or directory; its last good"));
	CHECK(says(ASK_RELOAD, true, "words.txt:2:1: warning") && says(ask, true, "ips.txt"));
	CHECK(page_has("weir_feed_entries{feed=\"ips\"} 1\n"));
	remove_file("drop.json"); /* two at a time, one of a kind that is rewritten */
	CHECK(says(ASK_RELOAD, true, "feed drop: No such file or directory; its last good"));
	CHECK(says("{\"command\":\"lookup\",\"verb\":\"ip\",\"key\":\"192.0.2.1\"}", true,
	           "drop.json (last good copy):1"));
	snprintf(path, sizeof(path),
	         "feeds: [{name: other, kind: ip-list, source: %s/ips.txt, target: ip-block}]\n",
	         dir);
	write_config(path);
	CHECK(says(ASK_RELOAD, false, "feed other: No such file or directory, and there is no"));
	feed_config();
}

/* What cannot be read is named with the reason, and without a line that it does not have. */
static void
test_import_of_nothing(void)
{
	const struct {
		const char *file, *want;
	} rows[] = {
		{ "/nonexistent/c.json",
		  "/nonexistent/c.json: error: cannot be read: No such file or directory" },
		{ "/dev", "/dev: error: cannot be read: Is a directory" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *request = json_pack("{s:s,s:s,s:s}", "command", "customer", "verb",
		                            "import", "file", rows[i].file);
		json_t *reply = offline_run(config, request);
		const json_t *errors = json_object_get(reply, "errors");
		const char *text = json_string_value(json_array_get(errors, 0));

		CHECK(json_is_false(json_object_get(reply, "ok")) && json_array_size(errors) == 1);
		CHECK(text && !strcmp(text, rows[i].want), "%s", text);
		json_decref(request);
		json_decref(reply);
	}
}

static bool
looks_up(const char *verb, const char *key, const char *want)
{
	char request[200];

	snprintf(request, sizeof(request),
	         "{\"command\":\"lookup\",\"verb\":\"%s\",\"key\":\"%s\"}", verb, key);
	return says(request, true, want);
}

/* A zone of rbldnsd: ranges, exceptions, codes that count, and its text in the answer. */
static void
test_zone_feeds(void)
{
	char feeds[900];

	write_file("zone4", ":4:see https://bl.test/\n192.0.2.16-40\n!192.0.2.32/30 why\n"
	                    "198.51.100 :127.255.255.254:refused\n192.0.2.35\n192.0.2.999\n");
	write_file("zoned", "alone.test :8:phish\n*.below.test :64:\n.both.test :72:\n"
	                    "!ok.both.test\n.other.test :16:\n*.alone.test :64:\n");
	snprintf(feeds, sizeof(feeds),
	         "feeds: [{name: z4, kind: rbldnsd-ip4set, source: %s/zone4, target: ip-block},\n"
	         "  {name: zd, kind: rbldnsd-dnset, source: %s/zoned, bits: \"8, 64\"}]\n",
	         dir, dir);
	write_config(feeds);
	CHECK(says(ASK_RELOAD, true, "zone4:6:1: warning: not an address or a prefix"));
	CHECK(looks_up("ip", "192.0.2.16", "listed in z4") &&
	      looks_up("ip", "192.0.2.40",
	               "zone4:2 filter ip: 192.0.2.16-192.0.2.40 # "
	               "127.0.0.4 see https://bl.test/"));
	CHECK(!looks_up("ip", "192.0.2.15", "listed") && !looks_up("ip", "192.0.2.41", "listed"));
	CHECK(!looks_up("ip", "192.0.2.33", "listed") && !looks_up("ip", "198.51.100.1", "listed"));
	CHECK(looks_up("ip", "192.0.2.35", "zone4:5"), "the longest prefix");
	CHECK(looks_up("domain", "alone.test",
	               "zoned:1 filter url: =alone.test # 127.0.0.8 phish"));
	CHECK(looks_up("domain", "x.alone.test", "listed"), "both halves were given");
	CHECK(looks_up("domain", "a.below.test", "zoned:2") &&
	      !looks_up("domain", "below.test", "listed"));
	CHECK(looks_up("domain", "both.test", "zoned:3") &&
	      looks_up("domain", "x.both.test", "zoned:3"));
	CHECK(looks_up("domain", "x.ok.both.test", "zoned:3"),
	      "the exception is of that name alone");
	CHECK(!looks_up("domain", "ok.both.test", "listed") &&
	      !looks_up("domain", "other.test", "listed"));
}

/* Feeds of one source: each is broken, replaced and empty by itself. */
static void
test_feeds_of_one_source(void)
{
	char feeds[900];

	write_file("shared", "192.0.2.7\ngood words for a phrase\n");
	write_file("zone4", "192.0.2.1 :2:\n192.0.2.2 :3:\n");
	snprintf(feeds, sizeof(feeds),
	         "feeds: [{name: ips, kind: ip-list, source: %s/shared},\n"
	         "  {name: words, kind: phrase-list, source: %s/shared},\n"
	         "  {name: two, kind: rbldnsd-ip4set, source: %s/zone4, codes: \"2\"},\n"
	         "  {name: nine, kind: rbldnsd-ip4set, source: %s/zone4, codes: \"9\"}]\n",
	         dir, dir, dir, dir);
	write_config(feeds);
	CHECK(says(ASK_RELOAD, true, "\"ok\":true"));
	CHECK(page_has("weir_feed_entries{feed=\"nine\"} 0\n") &&
	              page_has("weir_feed_entries{feed=\"two\"} 1\n"),
	      "nothing of this code is an answer");
	CHECK(looks_up("ip", "192.0.2.7", "shared:1"));
	write_file("shared", "good words for a phrase\n");
	CHECK(says(ASK_RELOAD, true, "feed ips: no line of this feed can be used; its last good"));
	CHECK(!says(ASK_RELOAD, true, "feed words"), "the other one is as new as ever");
	CHECK(looks_up("ip", "192.0.2.7", "shared (last good copy):1"));
	/* Not one entry of any code: the zone is broken, for both. */
	write_file("zone4", "<html>\n");
	CHECK(says(ASK_RELOAD, true, "feed two: no line of this feed can be used; its last good"));
	CHECK(says(ASK_RELOAD, true, "feed nine: no line of this feed can be used; its last good"));
	CHECK(looks_up("ip", "192.0.2.1", "zone4 (last good copy):1"));
	write_file("zone4", "192.0.2.1 :9:\n");
	CHECK(says(ASK_RELOAD, true, "\"ok\":true"));
	CHECK(!looks_up("ip", "192.0.2.1", "listed in two") &&
	      looks_up("ip", "192.0.2.1", "listed in nine"));
}

/* Others' lists: a broken line is skipped and counted; a file without a good line never replaces a good one. */
static void
test_feeds(void)
{
	static const char broken9[] = "192.0.2.0/24\n?\n?\n?\n?\n?\n?\n?\n?\n  1.2.3.4/8 # x\n";

	write_file("ips.txt",
	           "# ours\n198.51.100.0/24\n10.1.2.3/8\n  nonsense # why\n203.0.113.7\n");
	write_file("drop.json",
	           "{\"cidr\":\"192.0.2.0/25\",\"sblid\":\"SBL1\"}\n{\"cidr\":\"192.0.2.300\"}\n\n"
	           "{\"cidr\" \"x\"}\n{\"type\":\"metadata\",\"records\":1}\n{\"other\":1}\n");
	write_file("words.txt", "buy our cheap watches\nx\n");
	feed_config();
	CHECK(says(ASK_RELOAD, true, "ips.txt:3:1: warning: not an address or a prefix without"));
	CHECK(says(ASK_RELOAD, true, "ips.txt:4:3: warning"), "again, from the shared set");
	CHECK(says(ASK_RELOAD, true, "drop.json:2:10: warning"));
	CHECK(says(ASK_RELOAD, true, "drop.json:4:11: warning"));
	CHECK(says(ASK_RELOAD, true, "drop.json:6:1: warning"));
	CHECK(!says(ASK_RELOAD, true, "drop.json:5") && !says(ASK_RELOAD, true, "in all"));
	CHECK(says(ASK_RELOAD, true, "words.txt:2:1: warning: a phrase has"));
	CHECK(page_has("weir_feed_entries{feed=\"ips\"} 2\n") &&
	      page_has("weir_feed_skipped_lines{feed=\"ips\"} 2\n"));
	CHECK(page_has("weir_feed_entries{feed=\"drop\"} 1\n") &&
	      page_has("weir_feed_skipped_lines{feed=\"drop\"} 3\n"));
	CHECK(page_has("weir_feed_entries{feed=\"words\"} 1\n") &&
	      page_has("weir_feed_skipped_lines{feed=\"words\"} 1\n"));
	CHECK(says("{\"command\":\"lookup\",\"verb\":\"ip\",\"key\":\"203.0.113.7\"}", true,
	           "ips.txt:5"));
	write_file("ips.txt", broken9);
	CHECK(says(ASK_RELOAD, true, "ips.txt:6:1") && !says(ASK_RELOAD, true, "ips.txt:7:1"));
	CHECK(says(ASK_RELOAD, true, "9 lines are skipped in all"));
	test_last_good_feeds();
	/* The same text in a list of the operator's is a mistake, whatever a feed made of it. */
	write_file("ips.txt", "198.51.100.0/24\n");
	write_file("rules/own.list", "%name OWN\n%kind ip\n198.51.100.0/24\n10.1.2.3/8\n");
	CHECK(says(ASK_RELOAD, false, "own.list:4:1: error: not an address"));
	CHECK(page_has("weir_feed_skipped_lines{feed=\"ips\"} 9\n"), "nothing was published");
	write_file("rules/own.list", "%name OWN\n%kind ip\n198.51.100.0/24\n");
	CHECK(says(ASK_RELOAD, true, "words.txt:2:1") && page_has("{feed=\"ips\"} 0\n"));
	{
		char path[200];

		snprintf(path, sizeof(path), "%s/rules/own.list", dir);
		unlink(path);
	}
	write_config("");
}

static void
test_many_reloads(void)
{
	long long begun = figure("", "generation"), top = 0;

	for (int i = 0; i < 60; i++) {
		long long live;

		CHECK(says("{\"command\":\"reload\"}", true, "\"errors\":[]"));
		live = figure("", "generations_live");
		top = MAX(top, live);
	}
	CHECK(top <= GENERATIONS_LIVE_MAX, "%lld", top);
	CHECK(figure("", "generation") >= begun + 60);
	ctrl_request_reload(ctrl);
	usleep(300000);
	CHECK(figure("", "generation") >= begun + 61, "SIGHUP's way");
}

/* Folders of state/snapshots: whole ones by their number, nothing half written. */
static void
test_kept(void)
{
	char path[200];
	struct dirent *e;
	struct stat st;
	unsigned whole = 0, other = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/state/snapshots", dir);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		whole += *e->d_name >= '1' && *e->d_name <= '9';
		other += !strncmp(e->d_name, ".new", 4);
	}
	CHECK(d && whole == 5 && other == 0, "%u kept, %u half written", whole, other);
	if (d)
		closedir(d);
	CHECK(stat(sock, &st) == 0 && (st.st_mode & 0777) == 0660, "who may ask: %o",
	      st.st_mode & 0777);
}

/* Each kind of list that a mail's sender, text and attachments are asked for, as a mail would be; and a route. */
static void
test_lookups(void)
{
#define DIGEST "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
	static const struct {
		const char *verb, *key, *want;
		bool ok;
	} rows[] = {
		{ "sender", "Bad@Sender.test", "own.list:3 filter sender: bad@sender.test", true },
		{ "sender", "x@a.wrong.test", "own.list:4 filter sender: @wrong.test", true },
		{ "sender", "good@sender.test", "\"lines\":[]", true },
		{ "sender", "sender.test", "is no address", false },
		{ "phone", "+1 (800) 555-0100", "calls.list:3 filter phone: 1-800-555-0100", true },
		{ "phone", "800.555.0100", "calls.list:3", true },
		{ "phone", "+8005550100", "\"lines\":[]", true },
		{ "phone", "call me", "is no phone number", false },
		{ "phone", "", "is no phone number", false },
		{ "phone", "1234567890123456", "is no phone number", false },
		{ "sha256", DIGEST, "files.list:3 filter attachment: " DIGEST, true },
		{ "sha256",
		  "275A"
		  "021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
		  "files.list:3", true },
		{ "sha256",
		  "275b"
		  "021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
		  "\"lines\":[]", true },
		{ "sha256", "275a", "is no SHA-256", false },
		{ "route", "ACME.test", "server 10.77.0.1 port 2525 priority", true },
		{ "route", "other.test", "\"lines\":[]", true },
	};
	char request[300];

	write_file("rules/own.list", "%name OWN\n%kind sender\nbad@sender.test\n@wrong.test\n");
	write_file("rules/calls.list", "%name CALLS\n%kind phone\n1-800-555-0100\n");
	write_file("rules/files.list", "%name FILES\n%kind sha256\n" DIGEST "\n");
	CHECK(says(ASK_RELOAD, true, "\"errors\":[]"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(request, sizeof(request),
		         "{\"command\":\"lookup\",\"verb\":\"%s\",\"key\":\"%s\"}", rows[i].verb,
		         rows[i].key);
		CHECK(says(request, rows[i].ok, rows[i].want), "row %zu", i);
	}
	remove_file("rules/own.list");
	remove_file("rules/calls.list");
	remove_file("rules/files.list");
	write_config("");
}

static void
test_commands(void)
{
	char *page;

	CHECK(says("{\"command\":\"frob\"}", false, "no such command"));
	CHECK(says("[1]", false, "a JSON object"));
	CHECK(says("{\"command\":", false, "a JSON object"));
	CHECK(says("{\"command\":\"ban\",\"verb\":\"add\",\"prefix\":\"192.0.2.0/24\","
	           "\"seconds\":3600,\"why\":\"test\"}",
	           true, "ok"));
	CHECK(says("{\"command\":\"ban\",\"verb\":\"add\",\"prefix\":\"192.0.2.1/24\"}", false,
	           "host bits"));
	CHECK(says("{\"command\":\"ban\",\"verb\":\"add\",\"prefix\":\"0.0.0.0/0\"}", false,
	           "half the world"));
	CHECK(says("{\"command\":\"ban\",\"verb\":\"add\",\"prefix\":\"198.51.100.9\","
	           "\"seconds\":1}",
	           true, "ok"));
	CHECK(says("{\"command\":\"ban\",\"verb\":\"list\"}", true, "192.0.2.0/24"));
	CHECK(says("{\"command\":\"ban\",\"verb\":\"del\",\"prefix\":\"203.0.113.0/24\"}", false,
	           "is not banned"));
	usleep(2500000); /* the second one ends by itself */
	CHECK(!says("{\"command\":\"ban\",\"verb\":\"list\"}", true, "198.51.100.9"));
	CHECK(says("{\"command\":\"drain\",\"on\":true}", true, "ok") &&
	      __atomic_load_n(&drained, __ATOMIC_RELAXED));
	CHECK(says("{\"command\":\"drained\"}", true, "\"drained\":true"));
	page = http("/readyz", "*/*");
	CHECK(strstr(page, "503"));
	free(page);
	CHECK(says("{\"command\":\"drain\",\"on\":false}", true, "ok") &&
	      !__atomic_load_n(&drained, __ATOMIC_RELAXED));
	CHECK(says("{\"command\":\"lookup\",\"verb\":\"mailbox\",\"key\":\"bob@acme.test\","
	           "\"flush\":true}",
	           true, "\"flushed\":3"));
	CHECK(flushed == 1);
	CHECK(says("{\"command\":\"lookup\",\"verb\":\"ip\",\"key\":\"nonsense\"}", false,
	           "no IP address"));
	CHECK(says("{\"command\":\"capture\",\"path\":\"/x\",\"seconds\":1}", false, "cannot"));
}

static void
test_figures(void)
{
	char *page;

	stop = true; /* quiet workers: every source must say the same */
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	counter_add(&workers[0].counters.refused, 5);
	counter_add(&workers[1].counters.refused, 2);
	counter_add(&workers[1].counters.refused_url, 2);
	counter_add(&workers[0].counters.drops, 4);
	counter_add(&workers[0].counters.sent, 5);
	counter_add(&workers[1].counters.sent, 3);
	counter_add(&workers[1].counters.in_flight, 1);
	hist_add(&workers[0].hist, 1500);
	hist_add(&workers[0].hist, 1500000);
	CHECK(figure("mails", "refused") == 7 && figure("refused_by", "url") == 2);
	CHECK(figure("mails", "sent") == figure("mails", "delivered") + 8);
	CHECK(figure("", "drops") == 4);
	CHECK(figure("memory", "total") == 17384);
	page = http("/metrics", "application/openmetrics-text");
	CHECK(strstr(page, "weir_mails_total{result=\"refused\"} 7\n"));
	CHECK(strstr(page, "# TYPE weir_mails counter\n") && strstr(page, "\n# EOF\n"));
	CHECK(strstr(page, "weir_message_duration_seconds_bucket{core=\"0\",le=\"0.002\"} 1\n"));
	CHECK(strstr(page, "weir_message_duration_seconds_count{core=\"0\"} 2\n"));
	CHECK(strstr(page, "weir_memory_used_bytes{object=\"chunks\"} 16384\n"));
	free(page);
	page = http("/metrics", "text/plain");
	CHECK(strstr(page, "# TYPE weir_mails_total counter\n") && !strstr(page, "# EOF"));
	free(page);
	page = http("/healthz", "*/*");
	CHECK(strstr(page, "200 OK"));
	free(page);
	page = http("/api/v1/status", "*/*");
	CHECK(strstr(page, "404") && strstr(page, "not there yet"));
	free(page);
	CHECK(says("{\"command\":\"errors\"}", true, "weir_tcp_drops_total"));
}

static void
push_event(uint64_t id)
{
	struct event *e = event_begin(&workers[0].events, EVENT_MAIL, id, clock_wall_us());

	CHECK(e);
	event_text(e, 0, span_z("delivered"));
	event_text(e, 1, span_z("ann@sender.test"));
	event_commit(&workers[0].events);
}

static void
test_log(void)
{
	uint64_t id = msgid_make(1800000000ull * 1000000, 1, 2, 77);
	char text[MSGID_CHARS + 1], line[100], path[200];

	push_event(id);
	usleep(100000);
	msgid_format(id, text);
	snprintf(line, sizeof(line), "{\"command\":\"why\",\"id\":\"%s\"}", text);
	CHECK(says(line, true, "ann@sender.test"));
	CHECK(says("{\"command\":\"why\",\"id\":\"0000000000000\"}", false, "no line"));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(line, sizeof(line), "%s/log.1", dir);
	CHECK(rename(path, line) == 0); /* rotated: SIGHUP opens the new one */
	ctrl_request_reload(ctrl);
	for (int i = 0; i < 300 && access(path, F_OK) < 0; i++)
		usleep(10000);
	CHECK(access(path, F_OK) == 0);
	CHECK(figure("log", "lost") == 0 && figure("log", "lines") > 3);
}

#define PINNED (WORKERS * ENGINE_SLOTS)

/* As many generations as there can be jobs: none goes before its job, each goes after it. The workers are quiet. */
static void
test_pinned(void)
{
	struct engine_job *jobs[PINNED];
	uint64_t numbers[PINNED];
	struct engine_client client = { 0 };

	for (unsigned i = 0; i < PINNED; i++) {
		struct engine_mail m = { .snapshot = published.snapshot,
			                 .client = &client,
			                 .sender = span_z("a@b.test") };

		numbers[i] = snapshot_generation(m.snapshot);
		jobs[i] = engine_job_begin(workers[i % WORKERS].engine, &m);
		CHECK(jobs[i]);
		if (!jobs[i])
			return;
		CHECK(says(ASK_RELOAD, true, "\"errors\":[]"));
	}
	usleep(200000); /* the build thread looks again and again */
	CHECK(figure("", "generations_live") == PINNED + 1);
	for (unsigned i = 0; i < PINNED; i++) {
		unsigned k = i ^ 1; /* not the oldest first */
		struct engine_verdict v;

		while (!engine_job_end(jobs[k], 0))
			;
		engine_decide(jobs[k], span_z("bob"), span_z("acme.test"), &v);
		CHECK(v.generation == numbers[k]);
		engine_job_put(jobs[k]);
		for (int n = 0; n < 300 && figure("", "generations_live") != PINNED - i; n++)
			usleep(10000);
		CHECK(figure("", "generations_live") == PINNED - i);
	}
}

/* A save that failed leaves no folder with a number: what the next start reads is the one before. */
static void
test_failed_save(void)
{
	const char *rules[] = { "/nonexistent/rules" };
	char state[200];
	struct build b = { .state_dir = state, .rule_dirs = rules, .rule_dir_cnt = 1 };
	uint64_t newest;

	snprintf(state, sizeof(state), "%s/state", dir);
	newest = saved_newest(state);
	CHECK(newest > 0 && build_save(&b, newest + 1) == -ENOENT);
	CHECK(saved_newest(state) == newest);
	b.rule_dir_cnt = 0;
	CHECK(build_save(&b, newest + 1) == 0 && saved_newest(state) == newest + 1);
}

/* A start without database, and one with broken rules, on what was saved; bans are still there. */
static void
test_saved(void)
{
	char path[200], aside[200];
	struct settings s;

	snprintf(path, sizeof(path), "%s/state/customers.db", dir);
	snprintf(aside, sizeof(aside), "%s/aside.db", dir);
	CHECK(rename(path, aside) == 0);
	CHECK(start(&s) == 0);
	CHECK(says("{\"command\":\"lookup\",\"verb\":\"domain\",\"key\":\"acme.test\"}", true,
	           "acme"));
	wait_for_domain("gamma.test", "customer beta"); /* of changes.json over customers.json */
	wait_for_domain("epsilon.test", "\"lines\":[]");
	CHECK(figure("policy", "customers") == 2);
	CHECK(says("{\"command\":\"status\"}", true, "customers.db"));
	CHECK(says("{\"command\":\"ban\",\"verb\":\"list\"}", true, "192.0.2.0/24"));
	CHECK(figure("", "generation") > 60);
	end(&s, true);
	CHECK(rename(aside, path) == 0);
	write_file("rules/bad.rules", "this is no rule {{{\n");
	CHECK(start(&s) == 0);
	CHECK(says("{\"command\":\"status\"}", true, "bad.rules"));
	end(&s, true);
	snprintf(path, sizeof(path), "%s/rules/bad.rules", dir);
	CHECK(unlink(path) == 0);
}

/* A feed is a stranger's file: a byte that is no UTF-8 must neither end the process nor be missing when the list comes back. */
static void
test_saved_feed(void)
{
	static const char ask[] =
	        "{\"command\":\"lookup\",\"verb\":\"ip\",\"key\":\"203.0.113.9\"}";
	char feeds[500];
	struct settings s;

	snprintf(feeds, sizeof(feeds),
	         "feeds: [{name: spammers, kind: ip-list, source: %s/feed, target: ip-block},\n"
	         "  {name: none, kind: rbldnsd-ip4set, source: %s/zone4, codes: \"77\"}]\n",
	         dir, dir); /* the second one is a choice that is empty: it stays so */
	write_config(feeds);
	write_file("feed", "# M\xfcller\n203.0.113.0/24\n");
	CHECK(start(&s) == 0);
	CHECK(says(ask, true, "spammers"));
	CHECK(!says("{\"command\":\"status\"}", true, "bad.rules"));
	end(&s, true);
	write_file("rules/bad.rules", "m\xfcll {{{\n");
	CHECK(start(&s) == 0);
	CHECK(says("{\"command\":\"status\"}", true, "\"running_on_saved\":\""));
	CHECK(says(ask, true, "spammers"));
	end(&s, true);
}

int
main(void)
{
	struct settings s;
	bool ok;

	set_up();
	ok = start(&s) == 0;
	CHECK(ok);
	if (!ok)
		return 1;
	test_reload();
	test_import_of_nothing();
	test_feeds();
	test_zone_feeds();
	test_feeds_of_one_source();
	test_many_reloads();
	test_kept();
	test_lookups();
	test_commands();
	test_figures();
	test_log();
	test_pinned();
	test_rows();
	for (int i = 0; i < WORKERS; i++)
		CHECK(workers[i].jobs > 100 && workers[i].wrong_generation == 0 &&
		      workers[i].sink > 0);
	end(&s, false);
	test_saved();
	test_saved_feed();
	test_failed_save();
	dir_remove(dir);
	return check_failed;
}
