/* SPDX-License-Identifier: BSD-3-Clause
 * test_smtp_address.c - forms of an address, as an open relay is looked for: what each is by RFC
 * 5321, and its way back to text
 */
#include "dataplane/smtp/smtp_address.h"
#include "dataplane/smtp/smtp_args.h"
#include "tests/check.h"

#define L10  "llllllllll"
#define L60  L10 L10 L10 L10 L10 L10
#define L64  L60 "llll"
#define D63  L60 "lll"
#define N    SMTP_PATH_SYNTAX
#define LONG SMTP_PATH_TOO_LONG
#define Z(s) s, sizeof(s) - 1
#define F(path, local, domain, text)                                                               \
	{                                                                                          \
		Z(path), SMTP_PATH_OK, local, domain, text, ""                                     \
	}
#define FLAG(path, local, domain, text, flags)                                                     \
	{                                                                                          \
		Z(path), SMTP_PATH_OK, local, domain, text, flags                                  \
	}
#define BAD(path, status)                                                                          \
	{                                                                                          \
		Z(path), status, NULL, NULL, NULL, ""                                              \
	}

/* flags: n null, p postmaster, l literal, r route dropped, % routing, u needs SMTPUTF8 */
/* clang-format off */
static const struct { const char *path; size_t len; enum smtp_path_status st; const char *local, *domain, *text, *flags; } forms[] = {
	F("<bob@acme.test>", "bob", "acme.test", "bob@acme.test"),
	F("<Bob@ACME.Test>", "Bob", "acme.test", "Bob@acme.test"),
	F("<\"bob\"@acme.test>", "bob", "acme.test", "bob@acme.test"),
	F("<\"b\\ob\"@acme.test>", "bob", "acme.test", "bob@acme.test"),
	F("<\"b o b\"@acme.test>", "b o b", "acme.test", "\"b o b\"@acme.test"),
	F("<\"b\\\"ob\"@acme.test>", "b\"ob", "acme.test", "\"b\\\"ob\"@acme.test"),
	F("<\"b\\\\\"@acme.test>", "b\\", "acme.test", "\"b\\\\\"@acme.test"),
	F("<\"bob>\"@acme.test>", "bob>", "acme.test", "\"bob>\"@acme.test"),
	F("<\".bob\"@acme.test>", ".bob", "acme.test", "\".bob\"@acme.test"),
	F("<\"bob.\"@acme.test>", "bob.", "acme.test", "\"bob.\"@acme.test"),
	F("<\"b..b\"@acme.test>", "b..b", "acme.test", "\"b..b\"@acme.test"),
	F("<\"bob(x)\"@acme.test>", "bob(x)", "acme.test", "\"bob(x)\"@acme.test"),
	F("<b.o.b@acme.test>", "b.o.b", "acme.test", "b.o.b@acme.test"),
	F("<bob+tag@acme.test>", "bob+tag", "acme.test", "bob+tag@acme.test"),
	F("<a#$&'*-/=?^_`{|}~b@acme.test>", "a#$&'*-/=?^_`{|}~b", "acme.test", "a#$&'*-/=?^_`{|}~b@acme.test"),
	F("<bob@test>", "bob", "test", "bob@test"),
	F("<bob@1.2.3.4>", "bob", "1.2.3.4", "bob@1.2.3.4"),
	F("<bob@a-b.test>", "bob", "a-b.test", "bob@a-b.test"),
	F("<bob@a_b.test>", "bob", "a_b.test", "bob@a_b.test"),
	F("<bob@xn--nxasmq6b.test>", "bob", "xn--nxasmq6b.test", "bob@xn--nxasmq6b.test"),
	F("<" L64 "@acme.test>", L64, "acme.test", L64 "@acme.test"),
	F("<bob@" D63 ".test>", "bob", D63 ".test", "bob@" D63 ".test"),
	F("<b@" D63 "." D63 "." D63 "." D63 ">", "b", D63 "." D63 "." D63 "." D63, "b@" D63 "." D63 "." D63 "." D63),
	FLAG("<bob%evil.test@acme.test>", "bob%evil.test", "acme.test", "bob%evil.test@acme.test", "%"),
	FLAG("<evil.test!bob@acme.test>", "evil.test!bob", "acme.test", "evil.test!bob@acme.test", "%"),
	FLAG("<\"bob@evil.test\"@acme.test>", "bob@evil.test", "acme.test", "\"bob@evil.test\"@acme.test", "%"),
	FLAG("<\"bob\\@evil.test\"@acme.test>", "bob@evil.test", "acme.test", "\"bob@evil.test\"@acme.test", "%"),
	FLAG("<@evil.test:bob@acme.test>", "bob", "acme.test", "bob@acme.test", "r"),
	FLAG("<@evil.test,@x.test:bob@acme.test>", "bob", "acme.test", "bob@acme.test", "r"),
	FLAG("<@acme.test:bob@evil.test>", "bob", "evil.test", "bob@evil.test", "r"),
	FLAG("<@acme.test:bob%evil.test@acme.test>", "bob%evil.test", "acme.test", "bob%evil.test@acme.test", "r%"),
	FLAG("<bob@[192.0.2.1]>", "bob", "[192.0.2.1]", "bob@[192.0.2.1]", "l"),
	FLAG("<bob@[IPv6:2001:DB8::1]>", "bob", "[ipv6:2001:db8::1]", "bob@[ipv6:2001:db8::1]", "l"),
	FLAG("<bob@[tag:stuff]>", "bob", "[tag:stuff]", "bob@[tag:stuff]", "l"),
	FLAG("<>", "", "", "", "n"),
	FLAG("<postmaster>", "postmaster", "", "postmaster", "p"),
	FLAG("<PostMaster>", "PostMaster", "", "PostMaster", "p"),
	F("<postmaster@acme.test>", "postmaster", "acme.test", "postmaster@acme.test"),
	FLAG("<\xc3\xa9@acme.test>", "\xc3\xa9", "acme.test", "\xc3\xa9@acme.test", "u"),
	FLAG("<bob@\xc3\xa9.test>", "bob", "\xc3\xa9.test", "bob@\xc3\xa9.test", "u"),
	FLAG("<\"\xc3\xa9 x\"@acme.test>", "\xc3\xa9 x", "acme.test", "\"\xc3\xa9 x\"@acme.test", "u"),
	BAD("<" L64 "l@acme.test>", LONG),
	BAD("<\"" L64 "l\"@acme.test>", LONG),
	BAD("<bob@l" D63 ".test>", LONG),
	BAD("<b@" D63 "." D63 "." D63 "." D63 ".l>", LONG),
	BAD("<bob>", N), BAD("<bob@>", N), BAD("<@acme.test>", N), BAD("<@>", N), BAD("<@acme.test:>", N),
	BAD("<bob@a@b>", N), BAD("<bob@acme.test@evil.test>", N), BAD("<bob@@acme.test>", N),
	BAD("bob@acme.test", N), BAD("<bob@acme.test", N), BAD("bob@acme.test>", N), BAD("<<bob@acme.test>>", N),
	BAD("<bob@acme.test.>", N), BAD("<bob@.acme.test>", N), BAD("<bob@acme..test>", N), BAD("<bob@.>", N),
	BAD("<bob@-acme.test>", N), BAD("<bob@acme-.test>", N), BAD("<bob@acme.test->", N),
	BAD("<.bob@acme.test>", N), BAD("<bob.@acme.test>", N), BAD("<b..b@acme.test>", N),
	BAD("< bob@acme.test>", N), BAD("<bob @acme.test>", N), BAD("<bob@ acme.test>", N), BAD("<bob@acme.test >", N),
	BAD("<b ob@acme.test>", N), BAD("<bob@acme.test bob@x.test>", N),
	BAD("<bob(comment)@acme.test>", N), BAD("<(c)bob@acme.test>", N), BAD("<bob@acme.test(c)>", N),
	BAD("<\"bob@acme.test>", N), BAD("<bob\"@acme.test>", N), BAD("<\"bob\"x@acme.test>", N), BAD("<\"bob\".x@acme.test>", N),
	BAD("<\"\"@acme.test>", N), BAD("<\"bob\\\"@acme.test>", N), BAD("<\"b\tob\"@acme.test>", N), BAD("<\"b\0b\"@acme.test>", N),
	BAD("<bo\0b@acme.test>", N), BAD("<bob@acme\0.test>", N), BAD("<bob@acme.test\0>", N), BAD("<bob\\@evil.test@acme.test>", N),
	BAD("<bob,alice@acme.test>", N), BAD("<bob;x@acme.test>", N), BAD("<bob:x@acme.test>", N), BAD("<bob@acme.test:25>", N),
	BAD("<bob@acme.test,evil.test>", N), BAD("<bob@acme test>", N), BAD("<bob@acme/test>", N), BAD("<bob@acme%2etest>", N),
	BAD("<bob@[192.0.2.1>", N), BAD("<bob@192.0.2.1]>", N), BAD("<bob@[192.0.2.256]>", N), BAD("<bob@[]>", N), BAD("<bob@[acme.test]>", N),
	BAD("<bob@[2001:db8::1]>", N), BAD("<bob@[IPv6:192.0.2.1]>", N), BAD("<bob@[IPv6:]>", N), BAD("<bob@[tag:a[b]>", N), BAD("<bob@[192.0.2.1].test>", N),
	BAD("<@evil.test:>", N), BAD("<@evil.test bob@acme.test>", N), BAD("<@evil.test,bob@acme.test>", N), BAD("<@evil.test,:bob@acme.test>", N), BAD("<@:bob@acme.test>", N), BAD("<evil.test:bob@acme.test>", N), BAD("<@evil.test:@x.test:bob@acme.test>", N), BAD("<@evil.test:postmaster>", N),
	BAD("<\xc3@acme.test>", N), BAD("<\xed\xa0\x80@acme.test>", N), BAD("<\xc0\x80@acme.test>", N), BAD("<\"\\\xc3\xa9\"@acme.test>", N), BAD("<bob@\xff.test>", N),
	BAD("", N), BAD("<", N), BAD("<\"", N), BAD("<\"\\", N), BAD("<bob@[", N), BAD("<@", N), BAD("<@x:", N), BAD("<@x", N), BAD("<@x,", N), BAD("<bob", N), BAD("<bob@", N),
};
/* clang-format on */

static bool
has(const char *flags, char f)
{
	return strchr(flags, f) != NULL;
}

static void
check_form(size_t i, const struct smtp_path *p, struct span rest)
{
	const char *f = forms[i].flags;
	char text[SMTP_PATH_TEXT_MAX];
	size_t n = smtp_path_format(p, text);

	CHECK(rest.len == 0, "%s: %zu left", forms[i].path, rest.len);
	CHECK(span_is(p->local, forms[i].local), "%s: %.*s", forms[i].path, (int)p->local.len,
	      p->local.p);
	CHECK(span_is(p->domain, forms[i].domain), "%s: %.*s", forms[i].path, (int)p->domain.len,
	      p->domain.p);
	CHECK(span_is(span(text, n), forms[i].text), "%s: %.*s", forms[i].path, (int)n, text);
	CHECK(p->is_null == has(f, 'n') && p->is_postmaster == has(f, 'p') &&
	              p->is_literal == has(f, 'l') && p->had_route == has(f, 'r') &&
	              p->has_routing == has(f, '%') && p->needs_smtputf8 == has(f, 'u'),
	      "%s: flags", forms[i].path);
}

static void
test_forms(void)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		char *exact = malloc(forms[i].len +
		                     !forms[i].len); /* a sanitizer sees a read past the end */
		struct span in = span(exact, forms[i].len);
		struct smtp_path p;
		enum smtp_path_status st;

		memcpy(exact, forms[i].path, forms[i].len);
		st = smtp_path_parse(&in, &p);
		free(exact);

		CHECK(st == forms[i].st, "%s: %d", forms[i].path, (int)st);
		if (st == SMTP_PATH_OK && forms[i].st == SMTP_PATH_OK)
			check_form(i, &p, in);
		else
			CHECK(in.len == forms[i].len, "%s was consumed", forms[i].path);
	}
}

/* As an argument of RCPT: what follows the path matters too. */
static void
test_arguments(void)
{
	/* clang-format off */
	static const struct { const char *arg; enum smtp_reply_id want; } args[] = {
		{ "TO:<bob@acme.test>", SMTP_R_OK },
		{ "to: <bob@acme.test>", SMTP_R_OK },
		{ "TO:<postmaster>", SMTP_R_OK },
		{ "TO:<bob@acme.test>x", SMTP_R_SYNTAX },
		{ "TO:<bob@acme.test>>", SMTP_R_SYNTAX },
		{ "TO:<bob@acme.test> <eve@evil.test>", SMTP_R_SYNTAX },
		{ "TO:<bob@acme.test>,<eve@evil.test>", SMTP_R_SYNTAX },
		{ "TO:<bob@acme.test> ORCPT=rfc822;x", SMTP_R_PARAMETER },
		{ "TO:<bob@acme.test> NOTIFY=NEVER", SMTP_R_PARAMETER },
		{ "TO:<bob@acme.test> -X", SMTP_R_SYNTAX },
		{ "TO:<bob@acme.test> X=", SMTP_R_SYNTAX },
		{ "TO:bob@acme.test", SMTP_R_ADDRESS_SYNTAX },
		{ "TO:Bob <bob@acme.test>", SMTP_R_ADDRESS_SYNTAX },
		{ "TO <bob@acme.test>", SMTP_R_SYNTAX },
		{ "TO :<bob@acme.test>", SMTP_R_SYNTAX },
		{ "<bob@acme.test>", SMTP_R_SYNTAX },
		{ "FROM:<bob@acme.test>", SMTP_R_SYNTAX },
		{ "TO:<>", SMTP_R_ADDRESS_SYNTAX },
		{ "TO:<bob%evil.test@acme.test>", SMTP_R_ADDRESS },
		{ "TO:<evil.test!bob@acme.test>", SMTP_R_ADDRESS },
		{ "TO:<\"bob@evil.test\"@acme.test>", SMTP_R_ADDRESS },
		{ "TO:<" L64 "l@acme.test>", SMTP_R_ADDRESS },
		{ "TO:", SMTP_R_SYNTAX },
		{ "TO", SMTP_R_SYNTAX },
		{ "", SMTP_R_SYNTAX },
	};
	/* clang-format on */
	static struct smtp_server_event ev;

	for (size_t i = 0; i < ARRAY_LEN(args); i++) {
		enum smtp_reply_id got = smtp_args_rcpt(span_z(args[i].arg), &ev);

		CHECK(got == args[i].want, "RCPT %s: %u", args[i].arg,
		      (unsigned)smtp_answer_own(got).code);
	}
}

static void
test_copy(void) /* spans of a copy point into the copy */
{
	struct span in = span_z("<bob@acme.test>");
	static struct smtp_path a, b;

	CHECK(smtp_path_parse(&in, &a) == SMTP_PATH_OK);
	smtp_path_copy(&b, &a);
	memset(&a, 'x', sizeof(a));
	CHECK(span_is(b.local, "bob") && span_is(b.domain, "acme.test"));
}

int
main(void)
{
	test_forms();
	test_arguments();
	test_copy();
	return check_failed;
}
