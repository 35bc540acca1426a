/* SPDX-License-Identifier: BSD-3-Clause
 * test_log.c - lines are valid JSON whatever texts hold, floods are cut, nothing is lost without being counted; recent lines
 */
#include "base/clock.h"
#include "base/msgid.h"
#include "ctrl/files.h"
#include "ctrl/log.h"
#include "ctrl/log_recent.h"
#include "tests/check.h"
#include <unistd.h>

static const struct {
	const char *in, *out;
} texts[] = {
	{ "plain", "plain" },
	{ "a\"b\\c", "a\"b\\c" },
	{ "line\r\nbreak\t", "line\r\nbreak\t" },
	{ "\x1b[31mred\x7f", "\x1b[31mred\x7f" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "\xf0\x9f\x93\xa7", "\xf0\x9f\x93\xa7" },
	{ "lone \xff byte", "lone \xc3\xbf byte" },
	{ "cut \xe2\x82", "cut \xc3\xa2\xc2\x82" },
	{ "overlong \xc0\xaf", "overlong \xc3\x80\xc2\xaf" },
	{ "surrogate \xed\xa0\x80", "surrogate \xc3\xad\xc2\xa0\xc2\x80" },
	{ "too far \xf4\x90\x80\x80", "too far \xc3\xb4\xc2\x90\xc2\x80\xc2\x80" },
	{ "C1 \xc2\x9b", "C1 \xc2\x9b" },
	{ "", "" },
};

static void
test_format(void)
{
	char line[LOG_LINE_MAX];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct event e = { .kind = EVENT_REJECT, .id = 7, .wall_us = 1700000000123456ull };
		size_t n;
		json_t *j;

		addr_parse(span_z("192.0.2.1"), &e.client);
		e.num[0] = 550;
		event_text(&e, 4, span_z(texts[i].in));
		n = log_format(&e, line, sizeof(line));
		CHECK(line[n - 1] == '\n' && memchr(line, '\n', n) == line + n - 1, "%zu", i);
		for (size_t k = 0; k + 1 < n; k++)
			CHECK((unsigned char)line[k] >= 0x20 && line[k] != 0x7f, "%zu", i);
		CHECK(!strstr(line, "\xc2\x9b"), "C1 controls are escaped");
		j = json_loadb(line, n, 0, NULL);
		CHECK(j, "%zu: %s", i, line);
		CHECK(!strcmp(json_string_value(json_object_get(j, "reply")), texts[i].out), "%zu",
		      i);
		CHECK(!strcmp(json_string_value(json_object_get(j, "time")),
		              "2023-11-14T22:13:20.123456Z"));
		CHECK(!strcmp(json_string_value(json_object_get(j, "client")), "192.0.2.1"));
		CHECK(json_integer_value(json_object_get(j, "code")) == 550);
		json_decref(j);
	}
}

static void
test_longest(void) /* every byte escaped to six */
{
	struct event e = { .kind = EVENT_VERDICT, .id = UINT64_MAX, .wall_us = UINT64_MAX / 2 };
	char worst[EVENT_TEXT_BYTES + 100], line[LOG_LINE_MAX];
	json_t *j;
	size_t n;

	memset(worst, 1, sizeof(worst));
	for (int i = 0; i < EVENT_NUMS; i++)
		e.num[i] = INT64_MAX; /* more is valid JSON that few readers take */
	event_text(&e, 3, span(worst, sizeof(worst)));
	n = log_format(&e, line, sizeof(line));
	j = json_loadb(line, n, 0, NULL);
	CHECK(j && json_string_length(json_object_get(j, "excerpt")) == EVENT_TEXT_BYTES);
	json_decref(j);
}

static size_t
count_lines(const char *path, const char *word)
{
	FILE *f = fopen(path, "r");
	char line[LOG_LINE_MAX];
	size_t n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, word) != NULL;
	if (f)
		fclose(f);
	return n;
}

static bool
push(struct event_ring *r, enum event_kind kind, uint64_t id)
{
	struct event *e = event_begin(r, kind, id, clock_wall_us());

	if (e)
		event_commit(r);
	return e != NULL;
}

static void
test_flood(void)
{
	char path[] = "/tmp/weir-test-log-XXXXXX";
	struct event_ring ring, *rings[] = { &ring, NULL };
	struct log_figures f;
	struct log *l;
	size_t pushed = 0, tried = LOG_BURST * 3, mails = 500;

	close(mkstemp(path));
	CHECK(event_ring_init(&ring, 65536) == 0);
	CHECK(log_new(path, rings, 2, &l) == 0 && log_start(l) == 0);
	for (size_t i = 0; i < tried; i++)
		pushed += push(&ring, EVENT_CONNECT, 0);
	for (size_t i = 0; i < mails; i++) /* mails are never cut */
		while (!push(&ring, EVENT_MAIL, i + 1))
			usleep(100);
	log_control(l, "reload", json_pack("{s:s}", "why", "a\nb"));
	log_stop(l);
	log_figures(l, &f);
	CHECK(pushed == tried && f.ring_dropped == 0);
	CHECK(count_lines(path, "\"mail\"") == mails);
	CHECK(count_lines(path, "\"connect\"") + f.suppressed[EVENT_CONNECT] == pushed);
	CHECK(f.suppressed[EVENT_CONNECT] > LOG_BURST);
	CHECK(count_lines(path, "\"connect\"") >= LOG_BURST);
	CHECK(count_lines(path, "\"reload\"") == 1 && f.lost_lines == 0 && f.write_errors == 0);
	CHECK(f.lines == count_lines(path, "\"event\""));
	log_free(l);
	event_ring_fini(&ring);
	unlink(path);
}

static void
test_full_disk(void)
{
	struct event_ring ring, *rings[] = { &ring };
	struct log_figures f;
	struct log *l;

	CHECK(event_ring_init(&ring, 64) == 0);
	CHECK(log_new("/dev/full", rings, 1, &l) == 0);
	push(&ring, EVENT_MAIL, 1);
	log_stop(l);
	log_figures(l, &f);
	CHECK(f.lost_lines == 1 && f.write_errors == 1 && f.lines == 0);
	log_free(l);
	event_ring_fini(&ring);
	CHECK(log_new("/nonexistent/log", rings, 0, &l) == -ENOENT);
}

static void
test_found_in_file(void) /* what memory forgot, or another run wrote */
{
	char path[] = "/tmp/weir-test-log-XXXXXX", id[MSGID_CHARS + 1];
	struct log *l;
	json_t *lines;
	FILE *f;

	close(mkstemp(path));
	msgid_format(0x123456789abcdefull, id);
	f = fopen(path, "w");
	fprintf(f, "{\"event\":\"verdict\",\"id\":\"%s\"}\nbroken %s\n{\"id\":\"0\"}\n", id, id);
	fclose(f);
	CHECK(log_new(path, NULL, 0, &l) == 0);
	lines = log_find(l, id);
	CHECK(json_array_size(lines) == 1);
	json_decref(lines);
	for (char *c = id; *c; c++)
		*c = ascii_lower(*c);
	lines = log_find(l, id);
	CHECK(json_array_size(lines) == 1, "lower case is the same id");
	json_decref(lines);
	lines = log_find(l, "..");
	CHECK(json_array_size(lines) == 0);
	json_decref(lines);
	log_free(l);
	unlink(path);
}

static size_t
found(const struct recent *r, uint64_t id)
{
	json_t *a = json_array();
	size_t n, i;
	json_t *j;

	recent_find(r, id, a);
	n = json_array_size(a);
	json_array_foreach(a, i, j)
	        CHECK((uint64_t)json_integer_value(json_object_get(j, "n")) == id);
	json_decref(a);
	return n;
}

static void
test_recent(void) /* against a plain list, over many wraps of bytes and of entries */
{
	for (uint32_t lines = 4; lines <= 64; lines *= 4) {
		struct recent *r = recent_new(300, lines);
		size_t used = 0;

		for (uint64_t id = 1; id <= 2000; id++) {
			char line[64];
			int n = snprintf(line, sizeof(line), "{\"n\":%llu,\"x\":\"%.*s\"}",
			                 (unsigned long long)id, (int)(id % 23),
			                 "abcdefghijklmnopqrstuvw");

			recent_add(r, id, span(line, (size_t)n));
			used += (size_t)n;
			CHECK(found(r, id) == 1, "the newest is there");
			if (id > lines)
				CHECK(found(r, id - lines) == 0, "its entry went");
			if (id > 300 / 9)
				CHECK(found(r, id - 300 / 9) == 0, "its bytes went");
		}
		recent_add(r, 5000, span("x", 301)); /* longer than all: not taken */
		CHECK(found(r, 2000) == 1);
		recent_free(r);
	}
}

static bool
documents(const char *doc, const char *word)
{
	char code[80];

	snprintf(code, sizeof(code), "`%s`", word);
	return strstr(doc, code);
}

static void
test_documented(
        void) /* docs/operations.md has every event with its keys, and every command of the socket */
{
	static const char *const commands[][2] = {
#define COMMAND(fn, name, verb, members, text) { name, verb },
#include "ctrl/commands.def"
#undef COMMAND
	};
	char *doc = NULL;
	size_t len;

	CHECK(file_read("docs/operations.md", 1 << 20, &doc, &len) == 0,
	      "run from the project's root");
	for (int k = 0; k < EVENT_KINDS && doc; k++) {
		const struct event_desc *d = &event_descs[k];

		CHECK(documents(doc, d->log_name), "%s", d->log_name);
		for (int i = 0; d->num_names[i] && *d->num_names[i]; i++)
			CHECK(documents(doc, d->num_names[i]), "%s", d->num_names[i]);
		for (int i = 0; d->text_names[i] && *d->text_names[i]; i++)
			CHECK(documents(doc, d->text_names[i]), "%s", d->text_names[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(commands) && doc; i++) {
		CHECK(documents(doc, commands[i][0]), "%s", commands[i][0]);
		CHECK(!*commands[i][1] || documents(doc, commands[i][1]), "%s", commands[i][1]);
	}
	free(doc);
}

int
main(void)
{
	test_documented();
	test_format();
	test_longest();
	test_flood();
	test_full_disk();
	test_found_in_file();
	test_recent();
	return check_failed;
}
