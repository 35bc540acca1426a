/* SPDX-License-Identifier: BSD-3-Clause
 * test_file.c - archives and documents from make_files.py: names, links, text and flags at every cut; bounds; no allocation
 *
 * Usage   test_file FOLDER
 */
#include "engine/file/file.h"
#include "tests/check.h"
#include "tests/malloc_count.h"

static struct {
	char text[65536];
	size_t len;
	size_t page_bytes;
	bool in_text, in_page;
} l;
static struct file *f;
static const char *folder;

static void
put(const char *p, size_t n)
{
	n = MIN(n, sizeof(l.text) - 1 - l.len);
	memcpy(l.text + l.len, p, n);
	l.len += n;
	l.text[l.len] = 0;
}

static void
mark(char kind)
{
	char head[3] = { kind, ':', 0 };

	if (l.in_text && kind != 'T')
		put("|", 1);
	if (!l.in_text || kind != 'T')
		put(head, 2);
	l.in_text = kind == 'T';
}

static void
on_name(void *ctx, struct span s)
{
	(void)ctx;
	mark('N');
	put(s.p, s.len);
	put("|", 1);
}

static void
on_link(void *ctx, struct span s)
{
	(void)ctx;
	mark('L');
	put(s.p, s.len);
	put("|", 1);
}

static void
on_text(void *ctx, struct span s)
{
	(void)ctx;
	mark('T');
	for (size_t i = 0; i < s.len; i++)
		put(s.p[i] == '\n' ? "/" : &s.p[i], 1);
}

static void
on_page(void *ctx, struct span s)
{
	(void)ctx;
	if (!l.in_page)
		mark('P');
	l.in_page = s.len > 0;
	l.page_bytes += s.len;
	for (size_t i = 0; i < s.len; i++)
		put(s.p[i] >= 0 && s.p[i] < ' ' ? "." : &s.p[i], 1);
	if (s.len == 0)
		put("$|", 2);
}

static const struct file_ops ops = {
	.on_name = on_name, .on_link = on_link, .on_text = on_text, .on_page = on_page
};

static void
run(struct span s, size_t step)
{
	l.len = l.page_bytes = 0;
	l.text[0] = 0;
	l.in_text = l.in_page = false;
	file_reset(f);
	for (size_t i = 0; i < s.len; i += step)
		file_feed(f, span(s.p + i, MIN(step, s.len - i)));
	file_end(f);
}

static struct span
load(const char *name)
{
	static char buf[1 << 20];
	char path[1024];
	FILE *in;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	in = fopen(path, "rb");
	BUG_ON(!in);
	n = fread(buf, 1, sizeof(buf), in);
	fclose(in);
	return span(buf, n);
}

/* clang-format off */
#define PAGE "<a href=http://evil.example/>"
#define CSS "N:x.css|PK............................x.css"
#define DOCX "N:[Content_Types].xml|N:word/document.xml|T:Your account & more//aA b/|"
static const struct { const char *name; enum file_kind kind; uint32_t flags; const char *out; } cases[] = {
	{ "plain.zip", FILE_ZIP, FILE_F_DOUBLE_EXT, "N:a.txt|N:dir/b.pdf.exe|N:a.txt|N:dir/b.pdf.exe|" },
	{ "stream.zip", FILE_ZIP, 0, "N:a.txt|N:b.js|N:a.txt|N:b.js|" },
	{ "stored.zip", FILE_ZIP, 0, "N:a.txt|N:b.doc|N:a.txt|N:b.doc|" }, /* a.txt looks like headers */
	{ "encrypted.zip", FILE_ZIP, FILE_F_ENCRYPTED, "N:a.exe|N:a.exe|" },
	{ "bomb.zip", FILE_ZIP, FILE_F_RATIO, "N:zero|N:zero|" },
	{ "names.zip", FILE_ZIP, FILE_F_NAMES_DIFFER, "N:a.exe|N:a.txt|" },
	{ "cut.zip", FILE_ZIP, FILE_F_CUT, "N:a.txt|N:b.txt|N:a.txt|" },
	{ "nested.zip", FILE_ZIP, FILE_F_NESTED, "N:in.zip|N:in.exe|N:deep/two.txt|N:in.exe|N:deep/two.txt|N:in.zip|" },
	{ "nested_stored.zip", FILE_ZIP, FILE_F_NESTED, "N:in.zip|N:in.exe|N:deep/two.txt|N:in.exe|N:deep/two.txt|N:in.zip|" },
	{ "empty.zip", FILE_ZIP, 0, "" },
	{ "link.docx", FILE_ZIP, 0, DOCX "N:word/_rels/document.xml.rels|L:http://evil.example/?a=1&b=2|"
	  "N:[Content_Types].xml|N:word/document.xml|N:word/_rels/document.xml.rels|" },
	{ "template.docm", FILE_ZIP, FILE_F_MACROS | FILE_F_EMBEDDED | FILE_F_EXTERNAL, DOCX "N:word/_rels/settings.xml.rels|"
	  "L:http://evil.example/?a=1&b=2|L:http://tmpl.example/t.dotm|N:word/vbaProject.bin|N:word/embeddings/o1.bin|"
	  "N:[Content_Types].xml|N:word/document.xml|N:word/_rels/settings.xml.rels|N:word/vbaProject.bin|N:word/embeddings/o1.bin|" },
	{ "link.odt", FILE_ZIP, 0, "N:content.xml|T:A|L:http://odf.example/|T:b/|N:content.xml|" },
	{ "page.zip", FILE_ZIP, 0, "N:a/Login.HTML|P:<a href=x><a href=x><a href=x>y$|N:b.txt|N:c.svg|P:<svg/>$|"
	  "N:a/Login.HTML|N:b.txt|N:c.svg|" },
	{ "stored_page.zip", FILE_ZIP, 0, "N:a.htm|P:<b><b><b>$|N:a.htm|" },
	{ "zero.zip", FILE_ZIP, 0, "N:p.htm|P:" PAGE "$|N:p.htm|" },
	{ "zero_stored.zip", FILE_ZIP, 0, "N:p.htm|P:" PAGE "$|N:b.txt|N:p.htm|N:b.txt|" },
	{ "dots.zip", FILE_ZIP, 0, "N:p.htm. |P:" PAGE "$|N:p.htm. |" },
	{ "zip64.zip", FILE_ZIP, 0, "N:p.htm|P:" PAGE "$|N:b.txt|N:p.htm|N:b.txt|" },
	{ "short_stored.zip", FILE_ZIP, 0, "N:p.htm|P:" PAGE "$|N:p.htm|" },
	{ "later_stored.zip", FILE_ZIP, 0, "N:p.htm|P:" PAGE "PK..............$|N:p.htm|" },
	{ "header_stored.zip", FILE_ZIP, FILE_F_NAMES_DIFFER, "N:p.htm|P:<p>" CSS PAGE "$|N:p.htm|" },
	{ "header_packed.zip", FILE_ZIP, FILE_F_NAMES_DIFFER, "N:p.htm|P:<p>" CSS PAGE "$|N:p.htm|" },
	{ "wrapped.zip", FILE_ZIP, 0, "N:a.txt|N:w.rels|N:p.htm|N:q.htm|P:" PAGE "$|P:<q>$|N:a.txt|N:w.rels|N:p.htm|N:q.htm|" },
	{ "wrapped_packed.zip", FILE_ZIP, 0, "N:a.txt|N:w.rels|N:q.htm|N:p.htm|P:<q>$|P:" PAGE "$|N:a.txt|N:w.rels|N:q.htm|N:p.htm|" },
	{ "wrapped_part.zip", FILE_ZIP, 0, "N:a.txt|N:w.rels|N:p.htm|P:" PAGE "$|N:a.txt|N:w.rels|N:p.htm|" },
	{ "wrapped_chain.zip", FILE_ZIP, FILE_F_EXTERNAL, "N:w.rels|N:v.rels|N:p.htm|L:http://tmpl.example/t.dotm|P:" PAGE "$|N:w.rels|N:v.rels|N:p.htm|" },
	{ "wrapped_again.zip", FILE_ZIP, 0, "N:w.rels|N:p.htm|P:" PAGE "$|N:v.rels|N:q.htm|P:<q>$|N:w.rels|N:p.htm|N:v.rels|N:q.htm|" },
	{ "wrapped_cut.zip", FILE_ZIP, FILE_F_CUT, "N:w.rels|N:q.htm|P:<q>$|" },
	{ "extra.zip", FILE_ZIP, 0, "N:p.htm|N:x.css|P:" PAGE "$|N:p.htm|N:x.css|" },
	{ "wrapped_twice.zip", FILE_ZIP, FILE_F_BOUND, "N:w.rels|N:v.rels|N:p.htm|N:w.rels|N:v.rels|N:p.htm|" },
	{ "name.gz", FILE_GZIP, 0, "N:a.exe|" },
	{ "plain.gz", FILE_GZIP, 0, "" },
	{ "bomb.gz", FILE_GZIP, FILE_F_RATIO, "" },
	{ "cut.gz", FILE_GZIP, FILE_F_CUT, "" },
	{ "plain.rar4", FILE_RAR4, 0, "N:a.exe|N:u\xe9|" },
	{ "encrypted.rar4", FILE_RAR4, FILE_F_ENCRYPTED, "N:a.txt|" },
	{ "hidden.rar4", FILE_RAR4, FILE_F_ENCRYPTED | FILE_F_NAMES_HIDDEN, "" },
	{ "bomb.rar4", FILE_RAR4, FILE_F_RATIO, "N:a|" },
	{ "cut.rar4", FILE_RAR4, FILE_F_CUT, "N:a.txt|" },
	{ "plain.rar5", FILE_RAR5, 0, "N:a.exe|N:\xc3\xbc.doc|" },
	{ "encrypted.rar5", FILE_RAR5, FILE_F_ENCRYPTED, "N:a.txt|" },
	{ "hidden.rar5", FILE_RAR5, FILE_F_ENCRYPTED | FILE_F_NAMES_HIDDEN, "" },
	{ "plain.7z", FILE_SEVENZIP, 0, "N:a.exe|N:dir/b.txt|" },
	{ "hidden.7z", FILE_SEVENZIP, FILE_F_ENCRYPTED | FILE_F_NAMES_HIDDEN, "" },
	{ "cut.7z", FILE_SEVENZIP, FILE_F_CUT | FILE_F_NAMES_HIDDEN, "" },
	{ "two_lists.7z", FILE_SEVENZIP, 0, "N:a-name-that-needs-64-bytes-or-more.txt|N:b.exe|" },
	{ "list_around.7z", FILE_SEVENZIP, 0, "N:a.txt|N:\xe1\x85\x81\rb.exe|N:b.exe|" },
	{ "long_number.7z", FILE_SEVENZIP, 0, "N:b.exe|" },
	{ "no_name.7z", FILE_SEVENZIP, FILE_F_NAMES_HIDDEN, "" },
	{ "long_header.7z", FILE_SEVENZIP, FILE_F_BOUND, "N:b.exe|" },
	{ "macros.doc", FILE_OLE, FILE_F_MACROS, "" },
	{ "encrypted.xlsx", FILE_OLE, FILE_F_ENCRYPTED, "" },
	{ "embedded.doc", FILE_OLE, FILE_F_EMBEDDED, "" },
	{ "plain.doc", FILE_OLE, 0, "" },
	{ "link.pdf", FILE_PDF, 0, "L:http://evil.example/(a)/bc|L:http://hex.example/|" },
	{ "objects.pdf", FILE_PDF, 0, "L:http://obj.example/|" },
	{ "page.pdf", FILE_PDF, 0, "T:Verify your account/now (ok)/" },
	{ "script.pdf", FILE_PDF, FILE_F_SCRIPT | FILE_F_AUTO_ACTION | FILE_F_LAUNCH | FILE_F_EMBEDDED, "" },
	{ "encrypted.pdf", FILE_PDF, FILE_F_ENCRYPTED, "" },
	{ "cut.pdf", FILE_PDF, FILE_F_CUT, "L:http://evil.example/(a)/bc|" },
	{ "bomb.pdf", FILE_PDF, FILE_F_BOUND, "" },
	{ "winmail.dat", FILE_TNEF, 0, "N:a.exe|N:b.txt|" },
	{ "cut.dat", FILE_TNEF, FILE_F_CUT, "" },
	{ "unknown", FILE_UNKNOWN, 0, "" },
};
/* clang-format on */

static void
test_cases(void)
{
	static const size_t steps[] = { 1, 7, 511, 512, 513, SIZE_MAX };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span s = load(cases[i].name);

		for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
			run(s, steps[k]);
			CHECK(!strcmp(l.text, cases[i].out), "%s step %zu:\n %s\n %s",
			      cases[i].name, steps[k], l.text, cases[i].out);
			CHECK(file_flags(f) == cases[i].flags, "%s: flags %x", cases[i].name,
			      file_flags(f));
			CHECK(file_kind(f) == cases[i].kind, "%s", cases[i].name);
		}
	}
}

/* The file with n bytes put in before the byte at `at`: its parsers' blocks fall elsewhere, what is told must be the same. */
static void
shifted(const char *name, const char *before, const char *filler)
{
	static char buf[1 << 20], want[sizeof(l.text)];
	struct span s = load(name);
	const char *p = memmem(s.p + 4, s.len - 4, before, strlen(before));
	size_t at = (size_t)(p - s.p);
	uint32_t flags;

	run(s, SIZE_MAX);
	strcpy(want, l.text);
	flags = file_flags(f);
	BUG_ON(!p);
	for (size_t n = 0; n < 2 * FILE_BLOCK; n++) {
		memcpy(buf, s.p, at);
		for (size_t i = 0; i < n; i++)
			buf[at + i] = filler[i % strlen(filler)];
		memcpy(buf + at + n, s.p + at, s.len - at);
		run(span(buf, s.len + n), SIZE_MAX);
		CHECK(!strcmp(l.text, want) && file_flags(f) == flags, "%s + %zu:\n %s\n %s", name,
		      n, l.text, want);
	}
}

static void
test_shifted(void)
{
	shifted("template.docm", "PK\3\4", "-PK\3\4-");
	shifted("page.zip", "PK\3\4", "PPK\1");
	shifted("wrapped.zip", "PK\3\4", "PPK\1");
	shifted("wrapped_part.zip", "PK\3\4", "PPK\1");
	shifted("nested.zip", "PK\1\2", "PPK\1");
	shifted("objects.pdf", "1 0 obj", "% endstream\n");
	shifted("page.pdf", "1 0 obj", " ");
	shifted("script.pdf", "1 0 obj", "% x\n");
}

static unsigned
count(const char *what)
{
	unsigned cnt = 0;

	for (const char *at = l.text; (at = strstr(at, what)); at++)
		cnt++;
	return cnt;
}

/* Entries inside another: what is kept of them. Lists of names in others. */
static void
test_kept(void)
{
	const char *at;

	run(load("wrapped_long.zip"), SIZE_MAX);
	at = strstr(l.text, "P:x");
	CHECK(at && strspn(at + 2, "x") == 16384, "%.40s", at ? at : l.text);
	CHECK(file_flags(f) == FILE_F_BOUND, "%x", file_flags(f));
	run(load("wrapped_many.zip"), SIZE_MAX);
	CHECK(count("P:") == 16 && file_flags(f) == FILE_F_BOUND, "%u %x", count("P:"),
	      file_flags(f));
	for (int i = 0; i < 2; i++) { /* what a file may inflate, the next one may too */
		run(load("long_page.zip"), SIZE_MAX);
		CHECK(l.page_bytes == INFLATE_BYTES && file_flags(f) == FILE_F_BOUND, "%zu %x",
		      l.page_bytes, file_flags(f));
	}
	run(load("many_lists.7z"), SIZE_MAX);
	CHECK(count("N:") == 6 && file_flags(f) == FILE_F_BOUND, "%u %x", count("N:"),
	      file_flags(f));
}

/* What every name looks like to the one who opens it. */
static void
test_double_ext(void)
{
	static const struct {
		const char *name;
		bool is;
	} rows[] = {
		{ "a.pdf.exe", true },
		{ "a.PDF .Exe. ", true },
		{ "a.doc          .scr", true },
		{ "a\xe2\x80\xae"
		  "fdp.exe",
		  true },
		{ "a.exe", false },
		{ "a.tar.gz", false },
		{ "a.1.exe", false },
		{ "a.exe.pdf", false },
		{ "pdf.exe", false },
		{ "a.html", false },
		{ "invoice.pdf.html", true },
		{ ".exe", false },
		{ "", false },
		{ "a.pdf.", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(file_is_double_ext(span_z(rows[i].name)) == rows[i].is, "%s", rows[i].name);
}

/* Ten times a hostile shape costs at most twelve times the bytes looked at. */
static void
test_linear(void)
{
#define SHAPE(s) s, sizeof(s) - 1
#define ENTRY(method, name)                                                                        \
	"PK\3\4\x14\0\0\0" method "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x06\0\0\0" name
	static const struct {
		const char *head, *shape;
		size_t len;
	} shapes[] = {
		{ "PK\3\4", SHAPE("PK\3\4") },
		{ "PK\3\4", SHAPE("PKPKP") },
		{ "PK\3\4",
		  SHAPE("PK\1\2\x14\0\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\0"
		        "\0\0\0\0\0PK\3\4") },
		{ "PK\3\4", SHAPE(ENTRY("\0", "ab.htm")) },
		{ "PK\3\4", SHAPE(ENTRY("\x08", "ab.htm") "\x4b\x4c\x44\x05") },
		{ "PK\3\4", SHAPE(ENTRY("\x08", "ab.htm") "\1\0\0\xff\xff") },
		{ "%PDF-", SHAPE("((((((") },
		{ "%PDF-", SHAPE("/URI(h)") },
		{ "%PDF-", SHAPE("/FlateDecode stream\nendstream ") },
		{ "%PDF-", SHAPE("obj/Fl stream\nx\x9c") },
		{ "Rar!\x1a\7", SHAPE("\0\0\0") },
		{ "Rar!\x1a\7\1", SHAPE("\0\0\0\0\0\1\2") },
		{ "7z\xbc\xaf\x27\x1c", SHAPE("\x11\1\0") },
		{ "\x1f\x8b\x08\x08", SHAPE("aaaa") },
	};
	static char buf[4 << 20];

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		uint64_t work[2];

		for (int big = 0; big < 2; big++) {
			size_t n = big ? sizeof(buf) : sizeof(buf) / 10,
			       at = strlen(shapes[i].head);

			memcpy(buf, shapes[i].head, at);
			for (size_t k = 0; at < n;)
				buf[at++] = shapes[i].shape[k++ % shapes[i].len];
			run(span(buf, n), SIZE_MAX);
			work[big] = file_work(f);
		}
		CHECK(work[1] <= 12 * work[0] && work[1] <= 64 * sizeof(buf), "%zu: %llu %llu", i,
		      (unsigned long long)work[0], (unsigned long long)work[1]);
	}
}

static void
test_no_malloc(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span s = load(cases[i].name);

		malloc_count_on();
		run(s, 100);
		CHECK(malloc_count_off() == 0, "%s", cases[i].name);
	}
}

int
main(int argc, char **argv)
{
	BUG_ON(argc != 2);
	folder = argv[1];
	f = file_new(&ops, NULL);
	BUG_ON(!f);
	test_cases();
	test_shifted();
	test_kept();
	test_double_ext();
	test_linear();
	test_no_malloc();
	file_free(f);
	return check_failed;
}
