/* SPDX-License-Identifier: BSD-3-Clause
 * test_scan.c - what `weirctl scan` says of a mail: where a hit is, to the byte; the EICAR file; hostile mails
 */
#include "engine/scan.h"
#include "tests/check.h"
#include <time.h>
#include <unistd.h>

#define HEAD       "From: Zoe <zoe@z.test>\r\nTo: bob@acme.test\r\nMIME-Version: 1.0\r\n"
#define MAIL_BYTES (16u << 20)

static char dir[] = "/tmp/weir-test-scanXXXXXX";
static char rules_path[64];
static struct scanner *scanner;
static char *mail;
static size_t mail_len;
static char *json;
static size_t json_len;

static const char rules_text[] = "phrase  PHRASE  send the money to my agent\n"
                                 "body    CASE    /Send the Money/\n"
                                 "rawbody RAW     /QQ[0-9]QQ/\n";

static void
add(const void *p, size_t n)
{
	BUG_ON(n > MAIL_BYTES - mail_len);
	memcpy(mail + mail_len, p, n);
	mail_len += n;
}

static void
add_z(const char *z)
{
	add(z, strlen(z));
}

static void
add_times(const char *z, size_t times)
{
	while (times-- > 0)
		add_z(z);
}

static enum scan_outcome
scan(void)
{
	struct scan_envelope env = { .from = span_z("z@z.test") };
	enum scan_outcome rc;
	FILE *f;

	free(json);
	json = NULL;
	f = open_memstream(&json, &json_len);
	BUG_ON(!f);
	rc = scan_bytes(scanner, "mail", span(mail, mail_len), &env, f);
	fclose(f);
	return rc;
}

/* Value of "where" of a rule that hit; "" when it did not. */
static const char *
where(const char *rule)
{
	static char out[160];
	char name[64];
	const char *p;

	out[0] = 0;
	snprintf(name, sizeof(name), "{\"name\": \"%s\"", rule);
	p = strstr(json, name);
	p = p ? strstr(p, "\"where\": \"") : NULL;
	if (p)
		snprintf(out, sizeof(out), "%.*s", (int)strcspn(p + 10, "\""), p + 10);
	return out;
}

/* ---- offsets ---- */

enum encoding {
	PLAIN,
	BASE64,
	QP,
	ENCODINGS,
};

static void
add_encoded(struct span s, enum encoding e)
{
	static const char b64[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char out[8];

	if (e == PLAIN)
		add(s.p, s.len);
	for (size_t i = 0; e == QP && i < s.len; i++) {
		snprintf(out, sizeof(out), "=%02X", (unsigned char)s.p[i]);
		add_z(out);
		if (i % 20 == 19)
			add_z("=\r\n");
	}
	for (size_t i = 0; e == BASE64 && i < s.len; i += 3) {
		unsigned char c[3] = { 0 };
		size_t n = MIN(s.len - i, (size_t)3);

		memcpy(c, s.p + i, n);
		out[0] = b64[c[0] >> 2];
		out[1] = b64[(c[0] & 3) << 4 | c[1] >> 4];
		out[2] = n > 1 ? b64[(c[1] & 15) << 2 | c[2] >> 6] : '=';
		out[3] = n > 2 ? b64[c[2] & 63] : '=';
		add(out, 4);
		if (i / 3 % 19 == 18)
			add_z("\r\n");
	}
}

/* The offset is the bytes of unit, times over, and of needle: the rule hits where needle ends. */
#define ROW(what, type, rule, unit, needle)                                                        \
	{                                                                                          \
		what, type, rule, { unit, sizeof(unit) - 1 },                                      \
		{                                                                                  \
			needle, sizeof(needle) - 1                                                 \
		}                                                                                  \
	}
/* clang-format off */
static const struct { const char *what, *type, *rule; struct span unit, needle; } places[] = {
	ROW("plain", "text/plain", "PHRASE", "x", " Send the money to my agent"),
	ROW("case", "text/plain", "CASE", "x\n\n", " Send the Money"),
	ROW("raw", "text/plain", "RAW", "x", "QQ7QQ"),
	ROW("raw html", "text/html", "RAW", "<b>", "QQ7QQ"),
	ROW("blanks", "text/plain", "PHRASE", " \r\n", "send \t\r\n the money   to my agent"),
	ROW("zero width", "text/plain; charset=utf-8", "PHRASE", "\xe2\x80\x8b", "s\xc2\xad" "end the mo\xe2\x80\x8bney to my agent"),
	ROW("look-alikes", "text/plain; charset=utf-8", "PHRASE", "\xd0\xb0", " send the m\xd0\xbeney to my agent"),
	ROW("tags", "text/html", "PHRASE", "<i a='b'></i>", "send the mo<b></b>ney to my agent"),
	ROW("tags case", "text/html", "CASE", "<p>", "Send <!-- x -->the Mon&#101;<i></i>y"),
	ROW("entities", "text/html", "PHRASE", "&amp;", " send the m&#111;ney to&nbsp;my agent"),
	ROW("cp1251", "text/plain; charset=windows-1251", "PHRASE", "\xe6", " send the m\xeeney to my agent"),
	ROW("latin-1", "text/plain", "PHRASE", "\xe9 ", "send the money to my agent"),
	ROW("utf-16", "text/plain; charset=utf-16le", "CASE", "x\0\n\0\n\0", " \0S\0e\0n\0d\0 \0t\0h\0e\0 \0M\0o\0n\0e\0y\0"),
	ROW("utf-7", "text/plain; charset=utf-7", "CASE", "+ZeU-", " Send the +AE0-oney"),
	ROW("gb18030", "text/plain; charset=gb2312", "PHRASE", "\xc4\xe3", " send the money to my agent"),
	ROW("iso-2022-jp", "text/plain; charset=iso-2022-jp", "PHRASE", "\x1b$B$\"\x1b(B", " send the money to my agent"),
};
/* clang-format on */

static void
check_place(size_t row, size_t bytes, enum encoding e)
{
	static const char *const names[] = { "8bit", "base64", "quoted-printable" };
	static char text[20000];
	char want[64];
	size_t n = 0, unit = places[row].unit.len;

	while (n < bytes) {
		memcpy(text + n, places[row].unit.p, unit);
		n += unit;
	}
	memcpy(text + n, places[row].needle.p, places[row].needle.len);
	n += places[row].needle.len;
	mail_len = 0;
	add_z(HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	           "--b\r\n\r\nhello\r\n--b\r\nContent-Type: ");
	add_z(places[row].type);
	add_z("\r\nContent-Transfer-Encoding: ");
	add_z(names[e]);
	add_z("\r\n\r\n");
	add_encoded(span(text, n), e);
	if (e != BASE64)
		add_encoded(span(" \0.\0.\0", strstr(places[row].type, "utf-16") ? 6 : 1), e);
	add_z("\r\n--b--\r\n");
	scan();
	snprintf(want, sizeof(want), "part 1.2 offset %zu", n);
	CHECK(!strcmp(where(places[row].rule), want), "%s by %s after %zu: '%s', not '%s'",
	      places[row].what, names[e], bytes, where(places[row].rule), want);
}

/* At the edges of slices, blocks and lanes, and inside. */
static void
test_places(void)
{
	static const size_t sizes[] = { 0,    1,    2,    990,  997,  998,  999,  1000,
		                        1001, 1020, 1023, 1024, 1025, 2020, 4060, 4070,
		                        4080, 4095, 4096, 4097, 8180, 8192, 9001 };

	for (size_t row = 0; row < ARRAY_LEN(places); row++)
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			for (enum encoding e = 0; e < ENCODINGS; e++)
				if (e != PLAIN || !strstr(places[row].type, "utf-16"))
					check_place(row, sizes[i], e);
}

static void
test_subject(void)
{
	/* clang-format off */
	static const struct { const char *mail, *rule, *where; } rows[] = {
		{ HEAD "Subject: send the money to my agent\r\n\r\nx\r\n", "PHRASE", "header subject offset 26" },
		{ HEAD "Subject: Re: Send the\r\n Money now\r\n\r\nx\r\n", "CASE", "header subject offset 18" },
		{ HEAD "Subject: =?utf-8?B?U2VuZCB0aGUgTW9uZXk=?=\r\n\r\nx\r\n", "CASE", "header subject offset 14" },
		{ HEAD "Subject: a\r\nSubject: b Send the Money\r\n\r\nx\r\n", "CASE", "header subject offset 16" },
		/* the first place is told, and a subject does not move what follows */
		{ HEAD "Subject: Send the Money\r\n\r\nSend the Money\r\n", "CASE", "header subject offset 14" },
		{ HEAD "Subject: hello\r\n\r\nSend the Money\r\n", "CASE", "part 1 offset 14" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		mail_len = 0;
		add_z(rows[i].mail);
		scan();
		CHECK(!strcmp(where(rows[i].rule), rows[i].where), "row %zu: '%s'", i,
		      where(rows[i].rule));
	}
}

/* Many small parts share a lane; the tail past the window belongs to the parts its bytes are of. */
static void
test_places_of_parts(void)
{
	char want[64];

	for (unsigned at = 2; at <= 120; at += 59) {
		mail_len = 0;
		add_z(HEAD "Content-Type: multipart/mixed; boundary=b\r\n");
		for (unsigned i = 1; i <= 120; i++) {
			add_z("\r\n--b\r\n\r\n");
			add_z(i == at ? "go: Send the Money" : "words");
		}
		scan();
		snprintf(want, sizeof(want), "part 1.%u offset 18", at);
		CHECK(!strcmp(where("CASE"), want), "'%s', not '%s'", where("CASE"), want);
	}
	for (unsigned last = 0; last < 2; last++) {
		mail_len = 0;
		add_z(HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n");
		add_times("xxxxxxxxx ", 60000);
		add_z(last ? "words" : "Send the Money");
		add_z("\r\n--b\r\n\r\n");
		add_z(last ? "go: Send the Money" : "words");
		scan();
		CHECK(!strcmp(where("CASE"),
		              last ? "part 1.2 offset 18" : "part 1.1 offset 600014"),
		      "tail %u: '%s'", last, where("CASE"));
	}
}

/* ---- the EICAR file ---- */

#define EICAR                                                                                      \
	"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-"                                             \
	"ANTIVIRUS-TEST-FILE!$H+H*"
#define MIXED HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
#define INNER                                                                                      \
	"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n"                                      \
	"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n"

static void
test_eicar(void)
{
	/* clang-format off */
	static const struct { const char *head; enum encoding encoding; const char *before, *after; size_t blanks; bool hit; } rows[] = {
		{ HEAD "\r\n", PLAIN, "", "", 0, true },
		{ HEAD "\r\n", PLAIN, "", "\r\n", 0, true },
		{ HEAD "\r\n", PLAIN, "", " \t\r\n\n\x1a", 0, true },
		{ HEAD "\r\n", PLAIN, "", "", 60, true },
		{ HEAD "\r\n", PLAIN, "", "", 61, false }, /* 129 bytes */
		{ HEAD "\r\n", PLAIN, "", "\r\nis the test string\r\n", 0, false },
		{ HEAD "\r\n", PLAIN, "", "\v", 0, false },
		{ HEAD "\r\n", PLAIN, "See ", "", 0, false },
		{ HEAD "\r\n", PLAIN, "\r\n", "", 0, false },
		{ HEAD "Content-Transfer-Encoding: base64\r\n\r\n", BASE64, "", "\r\n", 0, true },
		{ MIXED "Content-Type: application/octet-stream; name=eicar.com\r\nContent-Transfer-Encoding: base64\r\n\r\n", BASE64, "", "", 0, true },
		{ MIXED "Content-Type: image/png\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", QP, "", "", 3, true },
		{ MIXED "\r\nhello\r\n--b\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\n", PLAIN, "", "\r\n--b--\r\n", 0, true },
		{ MIXED INNER "Content-Transfer-Encoding: base64\r\n\r\n", BASE64, "", "", 0, true },
		{ MIXED INNER INNER "\r\n", PLAIN, "", "\r\n--c--\r\n\r\n--b--\r\n", 0, true },
		{ HEAD INNER "Content-Transfer-Encoding: base64\r\n\r\n", BASE64, "x", "", 0, false },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char file[512];
		int n = snprintf(file, sizeof(file), "%s%s%s%*s", rows[i].before, EICAR,
		                 rows[i].after, (int)rows[i].blanks, "");

		mail_len = 0;
		add_z(rows[i].head);
		add_encoded(span(file, (size_t)n), rows[i].encoding);
		scan();
		CHECK(!strcmp(where("EICAR_TEST_FILE"), rows[i].hit ? "attachment" : ""), "row %zu",
		      i);
		CHECK((strstr(json, "\"filter\": \"attachment\"") != NULL) == rows[i].hit,
		      "row %zu", i);
	}
}

/* ---- hostile mails: bounded, told by the right flag, and a megabyte of it costs at most a second of processor ---- */

static void
test_hostile(void)
{
	/* clang-format off */
	static const struct { const char *head, *unit; size_t times; const char *says; } rows[] = {
		{ "X-A: ", "yyyyyyyy", 1 << 17, "\"header_long\"" },
		{ HEAD, "X-A: y\r\n", 100000, "\"too_many_headers\"" },
		{ HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\nhi\r\n", 10000, "\"too_many_parts\"" },
		{ HEAD, "Content-Type: message/rfc822\r\n\r\n", 100, "\"too_deep\"" },
		{ HEAD "Content-Transfer-Encoding: base64\r\n\r\n", "!A=?", 1 << 18, "\"bad_base64\"" },
		{ HEAD "Content-Transfer-Encoding: base64\r\n\r\n", "QUFB", 1 << 18, "\"window_full\"" },
		{ HEAD "Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=\r\n", 1 << 18, "\"bytes\": 0" },
		{ HEAD "Content-Type: text/html\r\n\r\n", "<", 1 << 20, "\"window_full\"" },
		{ HEAD "Content-Type: text/html\r\n\r\n", "&#x110000;&amp&no", 1 << 16, "\"window_full\"" },
		{ "", "\r", 1 << 20, "\"window_full\"" },
		{ HEAD "\r\n", "http://a.test/ http://b.test ", 1 << 15, "\"window_full\"" },
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		clock_t start;

		mail_len = 0;
		add_z(rows[i].head);
		add_times(rows[i].unit, rows[i].times);
		start = clock();
		CHECK(scan() == SCAN_DELIVER, "row %zu", i);
		CHECK((clock() - start) / CLOCKS_PER_SEC <= (clock_t)(1 + mail_len / 1000000),
		      "row %zu", i);
		CHECK(strstr(json, rows[i].says), "row %zu: no %s", i, rows[i].says);
	}
}

int
main(void)
{
	const char *dirs[] = { dir };
	struct snapshot_input in = { .rule_dirs = dirs, .rule_dir_cnt = 1 };
	struct snapshot_errors errors = { 0 };
	FILE *f;

	BUG_ON(!mkdtemp(dir));
	snprintf(rules_path, sizeof(rules_path), "%s/a.rules", dir);
	f = fopen(rules_path, "w");
	BUG_ON(!f);
	fputs(rules_text, f);
	fclose(f);
	mail = malloc(MAIL_BYTES);
	scanner = scan_new(&in, false, &errors);
	BUG_ON(!mail || !scanner);
	test_places();
	test_subject();
	test_places_of_parts();
	test_eicar();
	test_hostile();
	scan_free(scanner);
	snapshot_errors_fini(&errors);
	free(json);
	free(mail);
	unlink(rules_path);
	rmdir(dir);
	return check_failed;
}
