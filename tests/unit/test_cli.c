/* SPDX-License-Identifier: BSD-3-Clause
 * test_cli.c - weirctl: command lines, times, and what people see of canned JSON
 */
#include "ctrl/cli/cli.h"
#include "ctrl/cli/show.h"
#include "tests/check.h"

#define WORDS_MAX 16

static void
say_nothing(void)
{
	fflush(stderr);
	CHECK(freopen("/dev/null", "w", stderr) != NULL);
}

/* Words of a line, parsed. */
static bool
parse(struct cli *c, const char *line)
{
	static char buf[512];
	char *argv[WORDS_MAX + 1] = { (char[]){ "weirctl" } }, *save;
	int argc = 1;

	snprintf(buf, sizeof(buf), "%s", line);
	for (char *w = strtok_r(buf, " ", &save); w && argc < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return cli_parse(c, argc, argv);
}

static void
test_lines(void)
{
	static const struct {
		const char *line, *command; /* NULL: a usage error */
		size_t words;
	} table[] = {
		{ "status", "status", 0 },
		{ "status --json", "status", 0 },
		{ "--json status", "status", 0 },
		{ "--socket /s status", "status", 0 },
		{ "--socket=/s status", "status", 0 },
		{ "status --socket /s", "status", 0 },
		{ "status --socket", NULL, 0 },
		{ "status --json=1", NULL, 0 },
		{ "status x", NULL, 0 },
		{ "status --for 1h", NULL, 0 },
		{ "statu", NULL, 0 },
		{ "statusx", NULL, 0 },
		{ "ban", NULL, 0 },
		{ "ban add", NULL, 0 },
		{ "ban add 192.0.2.1", "ban add", 1 },
		{ "ban add 192.0.2.1 192.0.2.2", NULL, 0 },
		{ "ban --for 1h add 192.0.2.1 --why rude", "ban add", 1 },
		{ "ban list --for 1h", NULL, 0 },
		{ "ban lists", NULL, 0 },
		{ "capture -w x", "capture", 0 },
		{ "capture tcp port 25 -w x --count 3", "capture", 3 },
		{ "capture -x x", NULL, 0 },
		{ "scan", "scan", 0 },
		{ "scan a b c --rules r --rules s --batch -", "scan", 3 },
		{ "scan -- --json -w", "scan", 2 },
		{ "scan -", "scan", 1 },
		{ "scan --expalin a", NULL, 0 },
		{ "top", NULL, 0 },
		{ "train x", NULL, 0 },
		{ "config explain", NULL, 0 },
		{ "config explain log.path", "config explain", 1 },
		{ "lookup ip 192.0.2.1 --flush", NULL, 0 },
		{ "lookup mailbox a@b.test --flush", "lookup mailbox", 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct cli c;
		bool ok = parse(&c, table[i].line);

		CHECK(ok == (table[i].command != NULL), "%s", table[i].line);
		if (ok && table[i].command) {
			CHECK(c.command && !strcmp(c.command->name, table[i].command), "%s",
			      table[i].line);
			CHECK(c.word_cnt == table[i].words, "%s: %zu", table[i].line, c.word_cnt);
		}
		cli_fini(&c);
	}
}

static void
test_values(void)
{
	struct cli c;

	CHECK(parse(&c, "scan a --from x@y.test --from=z@y.test --helo= b"));
	CHECK(!strcmp(cli_value(&c, OPT_FROM), "z@y.test"), "the last one holds");
	CHECK(!strcmp(cli_value(&c, OPT_HELO), ""));
	CHECK(!cli_value(&c, OPT_IP) && !cli_has(&c, OPT_JSON));
	CHECK(!strcmp(c.words[0], "a") && !strcmp(c.words[1], "b"));
	CHECK(!strcmp(cli_verb(&c), ""));
	cli_fini(&c);
	CHECK(parse(&c, "customer import -- --replace"));
	CHECK(!strcmp(cli_verb(&c), "import") && !cli_has(&c, OPT_REPLACE));
	cli_fini(&c);
	CHECK(parse(&c, "ban --help") && !c.command);
	cli_fini(&c);
	CHECK(parse(&c, "ban add --help") && c.command);
	cli_fini(&c);
	CHECK(parse(&c, "") && !c.command && c.word_cnt == 0);
	cli_fini(&c);
}

static void
test_nearest(void)
{
	static const struct {
		const char *word, *meant;
	} table[] = {
		{ "statsu", "status" },
		{ "relaod", "reload" },
		{ "customr list", "customer list" },
		{ "ban ad", "ban add" },
		{ "drian", "drain" },
		{ "ban", "ban add" },
		{ "xyzzy", NULL },
		{ "", NULL },
		{ "a-word-that-is-longer-than-the-table-of-distances", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const char *got = cli_nearest(table[i].word);

		CHECK(got == table[i].meant ||
		              (got && table[i].meant && !strcmp(got, table[i].meant)),
		      "%s -> %s", table[i].word, got ? got : "(none)");
	}
	CHECK(cli_distance("", "") == 0 && cli_distance("ab", "ba") == 1);
	CHECK(cli_distance("abc", "") == 3 && cli_distance("abc", "axc") == 1);
	CHECK(cli_distance("kitten", "sitting") == 3);
}

static void
test_spans(void)
{
	static const struct {
		const char *text;
		long long seconds; /* -1: refused */
	} table[] = {
		{ "0", 0 },
		{ "90", 90 },
		{ "30s", 30 },
		{ "5m", 300 },
		{ "1h", 3600 },
		{ "7d", 604800 },
		{ "999999999", 999999999 },
		{ "1000000000", -1 },
		{ "", -1 },
		{ "h", -1 },
		{ "-1", -1 },
		{ "1w", -1 },
		{ "1h ", -1 },
		{ "1hh", -1 },
		{ " 1h", -1 },
		{ "1.5h", -1 },
	};
	static const struct {
		uint64_t n;
		const char *text;
	} shown[] = { { 0, "0s" },         { 59, "59s" },      { 60, "1m 0s" },
		      { 3599, "59m 59s" }, { 3600, "1h 0m" },  { 86399, "23h 59m" },
		      { 86400, "1d 0h" },  { 180000, "2d 2h" } };
	static const struct {
		uint64_t n;
		const char *text;
	} bytes[] = {
		{ 0, "0 B" },           { 1023, "1023 B" },        { 1024, "1.0 KiB" },
		{ 1048575, "1.0 MiB" }, { 3ull << 30, "3.0 GiB" }, { UINT64_MAX, "16777216.0 TiB" }
	};
	char out[24];
	uint64_t s;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		bool ok = show_parse_span(table[i].text, &s);

		CHECK(ok == (table[i].seconds >= 0), "%s", table[i].text);
		CHECK(!ok || s == (uint64_t)table[i].seconds, "%s", table[i].text);
	}
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		show_span(out, shown[i].n);
		CHECK(!strcmp(out, shown[i].text), "%s", out);
	}
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		show_bytes(out, bytes[i].n);
		CHECK(!strcmp(out, bytes[i].text), "%s", out);
	}
}

/* What a function prints of a JSON text. */
static char *
shown(void (*fn)(FILE *, const json_t *), const char *json)
{
	json_t *j = json_loads(json, 0, NULL);
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	CHECK(j != NULL, "%s", json);
	fn(f, j);
	fclose(f);
	json_decref(j);
	return out;
}

static void
check_shown(void (*fn)(FILE *, const json_t *), const char *json, const char *want)
{
	char *got = shown(fn, json);

	CHECK(!strcmp(got, want), "\n%s--- wanted\n%s", got, want);
	free(got);
}

static void
test_status(void)
{
	static const char json[] =
	        "{\"ok\":true,\"version\":\"0.1.0\",\"node\":\"relay1\",\"uptime_s\":93784,"
	        "\"generation\":12,\"generation_age_s\":61,\"generations_live\":2,\"draining\":"
	        "true,"
	        "\"sessions\":7,\"mails_per_second\":12.345,"
	        "\"mails\":{\"sent\":20,\"delivered\":10,\"refused\":5,\"deferred\":2,\"given_up\":"
	        "1,"
	        "\"in_flight\":2},\"refused_by\":{\"url\":1,\"pattern\":3,\"mailbox\":1},\"drops\":"
	        "4,"
	        "\"ports\":[{\"device\":\"net_tap0\",\"addresses\":\"10.77.0.2/24\",\"up\":true},"
	        "{\"device\":\"0000:01:00.0\",\"addresses\":\"\",\"up\":false}],"
	        "\"cores\":[{\"cpu\":1,\"busy\":0.5},{\"cpu\":2,\"busy\":0.0}],"
	        "\"memory\":{\"sessions\":1024,\"chunks\":1048576,\"idle\":0,\"total\":1049600},"
	        "\"policy\":{\"customers\":2,\"domains\":3,\"rules\":40,\"phrases\":5,"
	        "\"list_entries\":600},"
	        "\"store\":{\"driver\":\"sqlite\",\"path\":\"/v/c.db\",\"reloads\":3,"
	        "\"reloads_refused\":1,\"running_on_saved\":\"snapshots/11\"},"
	        "\"log\":{\"lines\":9,\"suppressed\":1,\"dropped\":2,\"lost\":3}}";
	char *empty = shown(show_status, "{}");
	size_t lines = 0;

	check_shown(
	        show_status, json,
	        "version     weir 0.1.0 on relay1, up 1d 2h, DRAINING: new work is refused\n"
	        "generation  12, 1m 1s old, 2 live; customers 2, domains 3, rules 40, phrases 5, "
	        "list entries 600\n"
	        "ports       net_tap0 up 10.77.0.2/24; 0000:01:00.0 DOWN \n"
	        "cores busy  cpu 1 50.0 %, cpu 2 0.0 %\n"
	        "sessions    7 open\n"
	        "mails/s     12.3\n"
	        "mails       20 sent = 10 delivered + 5 refused + 2 deferred + 1 given up + 2 in "
	        "flight\n"
	        "refused by  pattern 3, url 1, mailbox 1\n"
	        "drops       4 (weirctl errors says which)\n"
	        "memory      1.0 MiB in use: chunks 1.0 MiB, sessions 1.0 KiB\n"
	        "store       sqlite /v/c.db; reloads 3, refused 1; RUNS ON SAVED INPUTS: "
	        "snapshots/11\n"
	        "log         9 lines; suppressed 1, dropped 2, lost 3\n");
	for (const char *p = empty; *p; p++)
		lines += *p == '\n';
	CHECK(lines == 12, "an old daemon that says nothing: %zu lines", lines);
	free(empty);
}

static void
show_bans_at_100(FILE *f, const json_t *bans)
{
	show_bans(f, bans, 100);
}

static void
test_answers(void)
{
	check_shown(show_errors, "{}", "none\n");
	check_shown(show_errors,
	            "{\"weir_tcp_drops_total{reason=\\\"bad\\\"}\":{\"value\":3,\"hint\":\"h\"}}",
	            "           3  weir_tcp_drops_total{reason=\"bad\"}\n              h\n");
	check_shown(show_bans_at_100, "[]", "none\n");
	check_shown(show_bans_at_100,
	            "[{\"prefix\":\"192.0.2.0/24\",\"until\":0,\"why\":\"\"},"
	            "{\"prefix\":\"::/16\",\"until\":160,\"why\":\"a\\u001bb\"},"
	            "{\"prefix\":\"::/17\",\"until\":99,\"why\":\"late\"}]",
	            "192.0.2.0/24                                 for ever   \n"
	            "::/16                                        1m 0s      a\\x1bb\n"
	            "::/17                                        0s         late\n");
	check_shown(show_event,
	            "{\"time\":\"T\",\"event\":\"mail\",\"id\":\"X\",\"code\":550,\"from\":\"a@b."
	            "test\","
	            "\"reply\":\"no\\r\\n\\u009b31m\",\"server\":\"\"}",
	            "T  mail       id=X code=550 from=a@b.test reply=no\\x0d\\x0a\\x9b31m\n");
	check_shown(show_lines, "[\"a\\n  ^\",\"b\\u0007\\u007f\"]", "a\n  ^\nb\\x07\\x7f\n");
	check_shown(show_customers, "[]", "none\n");
	check_shown(show_customers,
	            "[{\"id\":\"acme\",\"domains\":[\"a.test\",\"b.test\"],\"servers\":2,"
	            "\"mailboxes\":\"list\",\"rules\":1}]",
	            "acme                 2 servers, mailboxes list, 1 rules: a.test b.test\n");
}

static void
explain(FILE *f, const json_t *scan)
{
	show_scan(f, scan, true);
}

static void
brief(FILE *f, const json_t *scan)
{
	show_scan(f, scan, false);
}

static void
test_scan(void)
{
	static const char json[] =
	        "{\"file\":\"x.eml\",\"action\":\"block\",\"filter\":\"url\",\"reason\":\"BAD\","
	        "\"score\":3.25,\"us\":61,\"rules\":["
	        "{\"name\":\"S1\",\"group\":\"score\",\"score\":0.5,\"where\":\"header\","
	        "\"excerpt\":\"\","
	        "\"source\":\"a:1\"},"
	        "{\"name\":\"S2\",\"group\":\"score\",\"score\":2.5,\"where\":\"header\","
	        "\"excerpt\":\"\","
	        "\"source\":\"a:2\"},"
	        "{\"name\":\"PH\",\"group\":\"phrase\",\"score\":0,\"where\":\"part 1 offset 3\","
	        "\"excerpt\":\"e\\nf\",\"source\":\"b:1\"},"
	        "{\"name\":\"BAD\",\"group\":\"url\",\"score\":0,\"where\":\"part 1 offset 9\","
	        "\"excerpt\":\"u\",\"source\":\"c:7\",\"describe\":\"why\"}],"
	        "\"urls\":[{\"canonical\":\"http://h/\",\"redirect_to\":\"http://i/\"},"
	        "{\"canonical\":\"http://j/\",\"redirect_to\":null}],"
	        "\"parts\":[{\"path\":\"1\",\"type\":\"text/"
	        "plain\",\"name\":\"n\\u001b\",\"bytes\":5}]}";

	check_shown(brief, json, "x.eml: block by url filter (BAD), score 3.2, 61 us\n");
	check_shown(
	        explain, json,
	        "x.eml: block by url filter (BAD), score 3.2, 61 us\n"
	        "  1. BAD (url): why\n     at   part 1 offset 9\n     text \"u\"\n     rule c:7\n"
	        "  2. PH (phrase)\n     at   part 1 offset 3\n     text \"e f\"\n     rule "
	        "b:1\n"
	        "  3. S2 (score +2.5)\n     at   header\n     rule a:2\n"
	        "  and 1 more: S1 +0.5\n"
	        "  part 1 text/plain \"n\\x1b\", 5 bytes\n"
	        "  url http://h/ -> http://i/\n"
	        "  url http://j/\n");
	check_shown(explain,
	            "{\"file\":\"a\",\"action\":\"deliver\",\"filter\":\"none\",\"reason\":\"\","
	            "\"score\":0,\"us\":1,\"rules\":[],\"urls\":[],\"parts\":[]}",
	            "a: deliver, score 0.0, 1 us\n  no rule hit\n");
	check_shown(explain, "{\"file\":\"a\\u001b\",\"error\":\"gone\"}", "a\\x1b: error: gone\n");
}

/* The tables are whole, and the completion knows every word of them. */
static void
test_tables(void)
{
	static char text[16384];
	FILE *f = fopen("contrib/completion/weirctl.bash", "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	CHECK(n > 0, "run from the project's root");
	if (f)
		fclose(f);
	for (int i = 0; i < OPTIONS; i++)
		CHECK(strstr(text, cli_options[i].name), "completion: %s", cli_options[i].name);
	for (size_t i = 0; i < cli_command_cnt; i++) {
		const struct cli_command *k = &cli_commands[i];
		const char *verb = strchr(k->name, ' ');
		char first[32], line[256];
		struct cli c;

		snprintf(first, sizeof(first), "%.*s", (int)strcspn(k->name, " "), k->name);
		CHECK(strstr(text, first), "completion: %s", first);
		CHECK(!verb || strstr(text, verb + 1), "completion: %s", k->name);
		snprintf(line, sizeof(line), "%s", k->example);
		CHECK(parse(&c, line) && c.command == k, "the example of %s", k->name);
		cli_fini(&c);
	}
}

int
main(void)
{
	say_nothing();
	test_lines();
	test_values();
	test_nearest();
	test_spans();
	test_status();
	test_answers();
	test_scan();
	test_tables();
	return check_failed;
}
