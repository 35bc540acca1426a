/* SPDX-License-Identifier: BSD-3-Clause
 * test_mime.c - trees, lies and bounds: each mail at every cut, with LF and with CR LF
 */
#include "engine/mime/mime.h"
#include "tests/check.h"
#include <stdarg.h>
#include <time.h>

struct log {
	char text[65536];
	size_t len;
	unsigned part; /* whose data is open, + 1 */
	uint64_t bytes, parts, headers;
	uint32_t flags;
	bool quiet;
};

static void PRINTF(2, 3) say(struct log *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (l->len < sizeof(l->text) - 1)
		l->len += (size_t)vsnprintf(l->text + l->len, sizeof(l->text) - l->len, fmt, ap);
	l->len = MIN(l->len, sizeof(l->text) - 1);
	va_end(ap);
}

static void
on_header(void *ctx, const struct mime_header *h)
{
	struct log *l = ctx;

	l->headers++;
	if (!l->quiet && !span_ieq_z(h->name, "content-type"))
		say(l, "%.*s:%.*s=%.*s|", (int)h->path.len, h->path.p, (int)h->name.len, h->name.p,
		    (int)h->value.len, h->value.p);
}

static void
on_begin(void *ctx, const struct mime_part *p)
{
	struct log *l = ctx;

	l->parts++;
	if (!l->quiet)
		say(l, "<%.*s %.*s%s%.*s|", (int)p->path.len, p->path.p, (int)p->type.len,
		    p->type.p, p->name.len ? " " : "", (int)p->name.len, p->name.p);
}

static void
on_data(void *ctx, const struct mime_part *p, struct span data, uint64_t offset)
{
	struct log *l = ctx;

	CHECK(offset + data.len == p->bytes);
	l->bytes += data.len;
	for (size_t i = 0; i < data.len && !l->quiet; i++)
		if (data.p[i] != '\r')
			say(l, "%c", data.p[i] == '\n' ? '/' : data.p[i]);
}

static void
on_end(void *ctx, const struct mime_part *p)
{
	struct log *l = ctx;

	l->flags |= p->flags;
	if (!l->quiet)
		say(l, "|>%.*s|", (int)p->path.len, p->path.p);
}

static const struct mime_ops ops = {
	.on_header = on_header, .on_part_begin = on_begin, .on_data = on_data, .on_part_end = on_end
};
static struct log l;
static struct mime *m;

static void
run(struct span s, size_t step)
{
	l.len = 0;
	l.bytes = l.parts = l.headers = l.flags = 0;
	l.text[0] = 0;
	mime_reset(m);
	for (size_t i = 0; i < s.len; i += step)
		mime_feed(m, span(s.p + i, MIN(step, s.len - i)));
	mime_end(m);
}

#define MP(b) "Content-Type: multipart/mixed; boundary=" b "\n\n"
/* clang-format off */
static const struct { const char *in, *out; uint32_t flags; } cases[] = {
	{ "", "<1 text/plain||>1|", 0 },
	{ "\nbody\n", "<1 text/plain|body/|>1|", 0 },
	{ "Subject: a\n b\nX: y\n\nbody", "1:Subject=a b|1:X=y|<1 text/plain|body|>1|", 0 },
	{ "Subject: =?utf-8?Q?a=41_b?= =?UTF-8?b?Yw==?= d =?x?q", "1:Subject=aA bc d =?x?q|<1 text/plain||>1|", 0 },
	{ "Subject: =?utf-8?q?=C3?=\n =?utf-8?q?=A9?=(\xe9)\n\n", "1:Subject=\xc3\xa9(\xc3\xa9)|<1 text/plain||>1|",
	  MIME_F_RAW_8BIT_HEADER },
	{ "Subject : x\n:y\n\n", "1:Subject=x|<1 text/plain||>1|", MIME_F_HEADER_JUNK },
	{ "A: b\njunk\nC: d\n", "1:A=b|<1 text/plain|junk/C: d/|>1|", MIME_F_HEADER_JUNK },
	{ "From x\nA: b\n\nc", "1:A=b|<1 text/plain|c|>1|", MIME_F_HEADER_JUNK },
	{ " x\nA: b\n\nc", "1:A=b|<1 text/plain|c|>1|", MIME_F_HEADER_JUNK },
	{ MP("x") "pre\n--x\n\na\n--x\nA: b\n\n\nb\n\n--x--\nepi\n--x\n",
	  "<1 multipart/mixed|<1.1 text/plain|a|>1.1|1.2:A=b|<1.2 text/plain|/b/|>1.2||>1|", 0 },
	{ MP("\"x y\"") "--x y\n\na\n--x y--", "<1 multipart/mixed|<1.1 text/plain|a|>1.1||>1|", 0 },
	{ MP("x") "--x\n\na\n-x\n--\n--y\n--x--", "<1 multipart/mixed|<1.1 text/plain|a/-x/--/--y|>1.1||>1|", 0 },
	{ MP("x") "--x \t\n\na\n--xy--\n--x--", "<1 multipart/mixed|<1.1 text/plain|a|>1.1|<1.2 text/plain||>1.2||>1|",
	  MIME_F_BOUNDARY_JUNK },
	{ MP("x") "--x\nContent-Type: multipart/alternative; boundary=xy\n\n--xy\n\na\n--xy--\nq\n--x\n\nb\n",
	  "<1 multipart/mixed|<1.1 multipart/alternative|<1.1.1 text/plain|a|>1.1.1||>1.1|<1.2 text/plain|b/|>1.2||>1|",
	  MIME_F_UNCLOSED },
	{ MP("x") "--x\nContent-Type: message/rfc822\n\nFrom a\nSubject: in\nContent-Type: text/html\n\nh\n--x--",
	  "<1 multipart/mixed|<1.1 message/rfc822|1.1.1:Subject=in|<1.1.1 text/html|h|>1.1.1||>1.1||>1|",
	  MIME_F_MESSAGE | MIME_F_HEADER_JUNK },
	{ MP("x") "--x\nContent-Type: message/rfc822\n\nSubject: in\nContent-Type: text/html\n\nh\n--x--",
	  "<1 multipart/mixed|<1.1 message/rfc822|1.1.1:Subject=in|<1.1.1 text/html|h|>1.1.1||>1.1||>1|", MIME_F_MESSAGE },
	{ "Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: s\n\nb\n--x--",
	  "<1 multipart/digest|<1.1 message/rfc822|1.1.1:Subject=s|<1.1.1 text/plain|b|>1.1.1||>1.1||>1|", MIME_F_MESSAGE },
	{ MP("x") "nothing", "<1 multipart/mixed||>1|", MIME_F_UNCLOSED | MIME_F_EMPTY_MULTIPART },
	{ "Content-Type: multipart/mixed\n\na", "<1 multipart/mixed|a|>1|", MIME_F_NO_BOUNDARY },
	{ "Content-Type: junk\n\na", "<1 text/plain|a|>1|", MIME_F_BAD_TYPE },
	{ MP("x") "--x\nA: b\n--x\n\nc\n--x--", "<1 multipart/mixed|1.1:A=b|<1.1 text/plain||>1.1|<1.2 text/plain|c|>1.2||>1|", 0 },
	{ "Content-Transfer-Encoding: BASE64\n\nYWJj\nZGVm\nZw==\n",
	  "1:Content-Transfer-Encoding=BASE64|<1 text/plain|abcdefg|>1|", 0 },
	{ "Content-Transfer-Encoding: base64\n\nYW-Jj!ZA=\nYQ==\nYW",
	  "1:Content-Transfer-Encoding=base64|<1 text/plain|abcdaa|>1|", MIME_F_BAD_BASE64 | MIME_F_BASE64_AFTER_PAD },
	{ "Content-Transfer-Encoding: quoted-printable\n\na=3D=\nb= \nc=zz==41=4",
	  "1:Content-Transfer-Encoding=quoted-printable|<1 text/plain|a=bc=zz=A=4|>1|", MIME_F_BAD_QP },
	{ "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 f\n#86)C\n`\nend\n",
	  "1:Content-Transfer-Encoding=x-uuencode|<1 text/plain|abc|>1|", 0 },
	{ "Content-Transfer-Encoding: foo\n\na", "1:Content-Transfer-Encoding=foo|<1 text/plain|a|>1|", MIME_F_BAD_ENCODING },
	{ "Content-Type: text/plain; name=\"=?utf-8?q?a=62?=.txt\"\n\n", "<1 text/plain ab.txt||>1|", 0 },
	{ "Content-Type: a/b; name*1=lo; name*0*=us-ascii'en'%48el\n\n", "<1 a/b Hello||>1|", 0 },
	{ "Content-Type: a/b; name=x\nContent-Disposition: ATTACHMENT; filename=\"a\\\"b;c\"\n\n",
	  "1:Content-Disposition=ATTACHMENT; filename=\"a\\\"b;c\"|<1 a/b a\"b;c||>1|", MIME_F_ATTACHMENT },
	{ "Content-Type: text/html\nContent-Type: text/plain\n\na", "<1 text/html|a|>1|", MIME_F_DUP_HEADER },
	{ "X-\xfc: a\nContent-Type: text/html\n\nh", "1:X-\xfc=a|<1 text/html|h|>1|", 0 },
	/* files in text: the text keeps its lines */
	{ "\nhi\nbegin 644 f.txt\n#86)C\n`\nend\nbye\n",
	  "<1 text/plain|hi/begin 644 f.txt/#86)C/<1.1 application/octet-stream f.txt|abc`/end/|>1.1|bye/|>1|",
	  MIME_F_ATTACHMENT | MIME_F_UU_IN_TEXT },
	{ MP("x") "--x\n\nbegin 0755 a b\n#86)C\nend\nbegin 644 c\n#86)C\n--x--",
	  "<1 multipart/mixed|<1.1 text/plain|begin 0755 a b/#86)C/<1.1.1 application/octet-stream a b|abcend/|>1.1.1|"
	  "begin 644 c/#86)C<1.1.2 application/octet-stream c|abc|>1.1.2||>1.1||>1|",
	  MIME_F_ATTACHMENT | MIME_F_UU_IN_TEXT | MIME_F_BAD_UU },
	{ "\nbegin 644 f\nnot one\nbegin 9 x\nbegin\nbegin 644 f\n#86)", "<1 text/plain|begin 644 f/not one/begin 9 x/begin/"
	  "begin 644 f/#86)<1.1 application/octet-stream f|ab@|>1.1||>1|", MIME_F_ATTACHMENT | MIME_F_UU_IN_TEXT | MIME_F_BAD_UU },
	{ "\nbegin 644 f\n#86)C\nspam spam\n#86)C\nend", "<1 text/plain|begin 644 f/#86)C/<1.1 application/octet-stream f|abc"
	  "spam spam/#86)C/abcend|>1.1||>1|", MIME_F_ATTACHMENT | MIME_F_UU_IN_TEXT | MIME_F_BAD_UU },
	{ "Content-Type: text/html\n\nbegin 644 f\n#86)C\nend\n", "<1 text/html|begin 644 f/#86)C/end/|>1|", 0 },
	/* mails in base64 or quoted-printable are opened, two deep */
	{ MP("x") "--x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYgpDb250ZW50LVR5cGU6IG11bHRpcG"
	  "FydC9taXhlZDsgYm91bmRhcnk9eQoKLS15CgphCi0teS0tCg==\n--x\n\nc\n--x--",
	  "<1 multipart/mixed|1.1:Content-Transfer-Encoding=base64|<1.1 message/rfc822|1.1.1:A=b|<1.1.1 multipart/mixed|"
	  "<1.1.1.1 text/plain|a|>1.1.1.1||>1.1.1||>1.1|<1.2 text/plain|c|>1.2||>1|", MIME_F_MESSAGE | MIME_F_ENCODED_MESSAGE },
	{ "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\nContent-Type=3A message/rfc822\n"
	  "Content-Transfer-Encoding: base64\n\nQ29udGVudC1UeXBlOiBtZXNzYWdlL3JmYzgyMgpDb250ZW50LVRyYW5zZmVyLUVuY29k"
	  "aW5nOiBiYXNlNjQKCllXSmo=3D\n", "1:Content-Transfer-Encoding=quoted-printable|<1 message/rfc822|1.1:Content-Transfer-Encoding=base64|"
	  "<1.1 message/rfc822|1.1.1:Content-Transfer-Encoding=base64|<1.1.1 message/rfc822|abc|>1.1.1||>1.1||>1|",
	  MIME_F_MESSAGE | MIME_F_ENCODED_MESSAGE },
	{ MP("x") "only --x\n--x--\nepi", "<1 multipart/mixed||>1|", MIME_F_EMPTY_MULTIPART },
};
/* clang-format on */

static void
test_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char crlf[2048];
		size_t n = 0;

		for (const char *p = cases[i].in; *p; p++) {
			if (*p == '\n')
				crlf[n++] = '\r';
			crlf[n++] = *p;
		}
		for (size_t step = 1; step < n + 2; step++) {
			run(span_z(cases[i].in), step);
			CHECK(!strcmp(l.text, cases[i].out), "%zu step %zu:\n %s\n %s", i, step,
			      l.text, cases[i].out);
			CHECK((l.flags & ~(uint32_t)MIME_F_CONTAINER) == cases[i].flags,
			      "%zu: flags %x", i, l.flags);
			run(span(crlf, n), step);
			CHECK(!strcmp(l.text, cases[i].out), "%zu CR LF step %zu:\n %s\n %s", i,
			      step, l.text, cases[i].out);
		}
	}
}

static void
test_bounds(void)
{
	static char mail[MIME_HEADER_BYTES_MAX * 3];
	size_t n;

	for (int past = 0; past < 2; past++) { /* a field exactly at the bound and one past */
		memset(mail, 'x', sizeof(mail));
		memcpy(mail, "A: ", 3);
		n = (size_t)MIME_HEADER_BYTES_MAX - 1 + (size_t)past;
		memcpy(mail + n, "\n\nbody", 6);
		l.quiet = true;
		run(span(mail, n + 6), SIZE_MAX / 2);
		CHECK(l.headers == 1 && l.bytes == 4 && !!(l.flags & MIME_F_HEADER_LONG) == past,
		      "%d %x", past, l.flags);
	}
	for (unsigned depth = MIME_DEPTH_MAX; depth <= MIME_DEPTH_MAX + 1; depth++) {
		n = 0;
		for (unsigned i = 0; i < depth; i++)
			n += (size_t)sprintf(
			        mail + n,
			        "Content-Type: multipart/mixed; boundary=b%u.\n\n--b%u.\n", i, i);
		n += (size_t)sprintf(mail + n, "\nx");
		run(span(mail, n), 3);
		CHECK(!!(l.flags & MIME_F_TOO_DEEP) == (depth > MIME_DEPTH_MAX), "%u %x", depth,
		      l.flags);
	}
	for (unsigned cnt = MIME_PARTS_MAX - 1; cnt <= MIME_PARTS_MAX; cnt++) {
		n = (size_t)sprintf(mail, MP("x"));
		for (unsigned i = 0; i < cnt; i++)
			n += (size_t)sprintf(mail + n, "--x\n\ny\n");
		run(span(mail, n), 1000);
		CHECK(l.parts == MIME_PARTS_MAX &&
		      !!(l.flags & MIME_F_TOO_MANY_PARTS) == (cnt == MIME_PARTS_MAX));
	}
	for (unsigned cnt = MIME_HEADERS_MAX; cnt <= MIME_HEADERS_MAX + 1; cnt++) {
		n = 0;
		for (unsigned i = 0; i < cnt; i++)
			n += (size_t)sprintf(mail + n, "a: b\n");
		run(span(mail, n), 1000);
		CHECK(l.headers == MIME_HEADERS_MAX &&
		      !!(l.flags & MIME_F_TOO_MANY_HEADERS) == (cnt > MIME_HEADERS_MAX));
	}
	l.quiet = false;
}

/* Thread time of one shape, repeated to n bytes, best of three. */
static double
seconds(const char *head, const char *unit, size_t n)
{
	size_t h = strlen(head), u = strlen(unit);
	char *p = malloc(n + h + u);
	double best = 1e9;

	memcpy(p, head, h);
	for (size_t i = 0; i < n; i += u)
		memcpy(p + h + i, unit, MIN(u, n + u - i));
	for (int k = 0; k < 3; k++) {
		struct timespec a, b;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		run(span(p, h + n), 16384);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		best = MIN(best,
		           (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9);
	}
	free(p);
	return best;
}

/* Ten times the input may cost twelve times the time (twenty here: short runs on a busy machine). */
static void
test_linear(void)
{
	/* clang-format off */
	static const struct { const char *name, *head, *unit; } shapes[] = {
		{ "boundaries", MP("x"), "--x\n" },
		{ "near boundaries", MP("xxxxxxxxxxxxxxxx"), "--xxxxxxxxxxxxxxx\n" },
		{ "headers", "", "a: b\n" },
		{ "one header", "a: ", "bbbbbbbb" },
		{ "folds", "a: ", "b\n " },
		{ "encoded words", "a: ", "=?utf-8?q?" },
		{ "parameters", "Content-Type: a/b", "; name*1*=x" },
		{ "nested", "", "Content-Type: message/rfc822\n\n" },
		{ "base64 lies", "Content-Transfer-Encoding: base64\n\n", "!=Y=!" },
		{ "qp lies", "Content-Transfer-Encoding: quoted-printable\n\n", "== =4" },
		{ "base64", "Content-Transfer-Encoding: base64\n\n",
		  "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n" },
		{ "qp", "Content-Transfer-Encoding: quoted-printable\n\n", "some words of text, then caf=C3=A9 and a soft =\r\n" },
		{ "text in a part", MP("x") "--x\n\n", "some words of text on one line of usual length, seventy or so long\r\n" },
	};
	/* clang-format on */

	l.quiet = true;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		double small = seconds(shapes[i].head, shapes[i].unit, 1u << 20);
		double big = seconds(shapes[i].head, shapes[i].unit, 10u << 20);

		printf("%-16s %7.0f MB/s\n", shapes[i].name, 10.0 * 1.048576 / big);
		CHECK(big < small * 20 + 0.002, "%s: %g %g", shapes[i].name, small, big);
	}
	l.quiet = false;
}

/* Boundaries are looked for in blocks of 64 bytes: one at each place of a block, and lines that only look like one. */
static void
test_boundary_places(void)
{
	char mail[512];

	for (size_t pad = 0; pad < 150; pad++) {
		size_t n = (size_t)sprintf(mail, MP("x") "--x\n\n");

		memset(mail + n, '.', pad);
		n += pad;
		n += (size_t)sprintf(mail + n, "\n-y\n--x\n\nz\n--x--\n");
		for (size_t step = 1; step < n + 64; step += 1 + step / 2) {
			run(span(mail, n), step);
			CHECK(l.parts == 3 && l.bytes == pad + 4, "%zu step %zu: %s", pad, step,
			      l.text);
		}
		run(span(mail, n), n);
		CHECK(l.parts == 3 && l.bytes == pad + 4, "%zu: %s", pad, l.text);
	}
}

int
main(void)
{
	m = mime_new(&ops, &l);
	test_cases();
	test_bounds();
	test_boundary_places();
	test_linear();
	mime_free(m);
	return check_failed;
}
