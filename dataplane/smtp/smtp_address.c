/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_address.c - the grammar of RFC 5321 4.1.2, one function a rule
 */
#include "dataplane/smtp/smtp_address.h"
#include "base/addr.h"

#define LABEL_MAX 63

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool
is_high(char c)
{
	return (c & 0x80) != 0;
}

/* atext of RFC 5322 3.2.3, and UTF8-non-ascii of RFC 6531 3.3 */
static bool
is_atext(char c)
{
	return is_alnum(c) || is_high(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

bool
smtp_is_utf8(struct span s)
{
	while (s.len) {
		uint8_t b = (uint8_t)span_shift(&s);
		unsigned more = b < 0x80   ? 0
		                : b < 0xc2 ? 9
		                : b < 0xe0 ? 1
		                : b < 0xf0 ? 2
		                : b < 0xf5 ? 3
		                           : 9;
		uint8_t lo = 0x80, hi = 0xbf;

		if (more > s.len)
			return false;
		if (b == 0xe0)
			lo = 0xa0;
		if (b == 0xed)
			hi = 0x9f;
		if (b == 0xf0)
			lo = 0x90;
		if (b == 0xf4)
			hi = 0x8f;
		for (; more; more--, lo = 0x80, hi = 0xbf) {
			uint8_t c = (uint8_t)span_shift(&s);

			if (c < lo || c > hi)
				return false;
		}
	}
	return true;
}

/* Where a part is unpacked to: bytes past `cap` are counted, not stored. */
struct sink {
	char *p;
	size_t len, cap;
};

static void
put(struct sink *o, char c)
{
	if (o->len < o->cap)
		o->p[o->len] = c;
	o->len++;
}

/* Dot-string = Atom *("." Atom) */
static bool
take_dot_string(struct span *in, struct sink *o)
{
	bool atom = false;

	for (; in->len && (is_atext(*in->p) || *in->p == '.');
	     atom = *in->p != '.', span_shift(in)) {
		if (*in->p == '.' && !atom)
			return false;
		put(o, *in->p);
	}
	return atom;
}

/*
 * Quoted-string of 4.1.2: qtextSMTP is printable, a backslash takes one printable. Empty ones are
 * refused: no server has such a mailbox.
 */
static bool
take_quoted(struct span *in, struct sink *o)
{
	span_shift(in);
	while (in->len && *in->p != '"') {
		char c = span_shift(in);

		if (c == '\\') {
			if (!in->len)
				return false;
			c = span_shift(in);
			if (is_high(c))
				return false;
		}
		if ((uint8_t)c < 32 || c == 127)
			return false;
		put(o, c);
	}
	if (!in->len || o->len == 0)
		return false;
	span_shift(in);
	return true;
}

/*
 * sub-domain: letters, digits, hyphens inside; underscores as senders' hosts have them; UTF-8 of
 * RFC 6531.
 */
static enum smtp_path_status
take_domain(struct span *in, struct sink *o)
{
	size_t label = 0;
	bool too_long = false;
	char last = '.';

	for (; in->len; span_shift(in)) {
		char c = ascii_lower(*in->p);

		if (!is_alnum(c) && !is_high(c) && c != '-' && c != '_' && c != '.')
			break;
		if ((last == '.' && (c == '-' || c == '.')) || (last == '-' && c == '.'))
			return SMTP_PATH_SYNTAX;
		label = c == '.' ? 0 : label + 1;
		too_long |= label > LABEL_MAX;
		last = c;
		put(o, c);
	}
	if (last == '.' || last == '-')
		return SMTP_PATH_SYNTAX;
	return too_long || o->len > o->cap ? SMTP_PATH_TOO_LONG : SMTP_PATH_OK;
}

/*
 * What stands in an address literal (4.1.3): IPv4, "IPv6:" address, or a tag of the general form.
 */
static bool
is_literal(struct span s)
{
	struct addr a;
	size_t tag = 0;

	if (s.len > 5 && span_ieq_z(span(s.p, 5), "ipv6:"))
		return addr_parse(span_skip(s, 5), &a) && memchr(s.p + 5, ':', s.len - 5);
	if (addr_parse(s, &a))
		return addr_is_v4(&a) && !memchr(s.p, ':', s.len);
	while (tag < s.len && (is_alnum(s.p[tag]) || s.p[tag] == '-'))
		tag++;
	if (tag == 0 || s.p[tag - 1] == '-' || tag + 1 >= s.len || s.p[tag] != ':')
		return false;
	for (size_t i = tag + 1; i < s.len; i++) /* dcontent */
		if (s.p[i] < 33 || s.p[i] > 126 || s.p[i] == '[' || s.p[i] == '\\')
			return false;
	return true;
}

static enum smtp_path_status
take_literal(struct span *in, struct sink *o)
{
	const char *end = memchr(in->p, ']', in->len);
	size_t n = end ? (size_t)(end - in->p) + 1 : 0;

	if (!end || !is_literal(span(in->p + 1, n - 2)))
		return SMTP_PATH_SYNTAX;
	for (size_t i = 0; i < n; i++)
		put(o, ascii_lower(in->p[i]));
	*in = span_skip(*in, n);
	return o->len > o->cap ? SMTP_PATH_TOO_LONG : SMTP_PATH_OK;
}

/* A-d-l ":" of a source route: read and dropped (RFC 5321 F.2: SHOULD be ignored). */
static bool
skip_route(struct span *in)
{
	char drop[1];

	for (;;) {
		struct sink o = { drop, 0, 0 };

		if (!in->len || span_shift(in) != '@')
			return false;
		if (take_domain(in, &o) == SMTP_PATH_SYNTAX || o.len > SMTP_DOMAIN_MAX || !in->len)
			return false;
		if (*in->p == ':') {
			span_shift(in);
			return true;
		}
		if (span_shift(in) != ',')
			return false;
	}
}

static void
set_flags(struct smtp_path *p)
{
	for (size_t i = 0; i < p->local.len + p->domain.len; i++)
		p->needs_smtputf8 |= is_high(p->buf[i]);
	for (size_t i = 0; i < p->local.len; i++)
		p->has_routing |=
		        p->local.p[i] == '%' || p->local.p[i] == '!' || p->local.p[i] == '@';
	p->is_literal = p->domain.len && p->domain.p[0] == '[';
}

/* Local-part "@" ( Domain / address-literal ), or postmaster alone; *in is left at the '>'. */
static enum smtp_path_status
take_mailbox(struct span *in, struct smtp_path *p)
{
	struct sink local = { p->buf, 0, SMTP_LOCAL_MAX }, domain;
	enum smtp_path_status st;

	if (!in->len || !(*in->p == '"' ? take_quoted(in, &local) : take_dot_string(in, &local)))
		return SMTP_PATH_SYNTAX;
	p->local = span(p->buf, MIN(local.len, local.cap));
	p->domain = span(p->buf + p->local.len, 0);
	if (in->len && *in->p == '>' && !p->had_route && span_ieq_z(p->local, "postmaster")) {
		p->is_postmaster = true;
		return SMTP_PATH_OK;
	}
	if (!in->len || span_shift(in) != '@' || !in->len)
		return SMTP_PATH_SYNTAX;
	domain = (struct sink){ p->buf + p->local.len, 0, SMTP_DOMAIN_MAX };
	st = *in->p == '[' ? take_literal(in, &domain) : take_domain(in, &domain);
	p->domain.len = MIN(domain.len, domain.cap);
	if (st != SMTP_PATH_SYNTAX && local.len > local.cap)
		return SMTP_PATH_TOO_LONG;
	return st;
}

enum smtp_path_status
smtp_path_parse(struct span *in, struct smtp_path *out)
{
	struct span s = *in;
	enum smtp_path_status st = SMTP_PATH_OK;
	struct smtp_path p;

	memset(&p, 0, offsetof(struct smtp_path, buf));
	if (!s.len || span_shift(&s) != '<' || !s.len)
		return SMTP_PATH_SYNTAX;
	if (*s.p == '@') {
		p.had_route = true;
		if (!skip_route(&s) || !s.len)
			return SMTP_PATH_SYNTAX;
	}
	if (*s.p == '>' && !p.had_route)
		p.is_null = true;
	else
		st = take_mailbox(&s, &p);
	if (st == SMTP_PATH_SYNTAX || !s.len || span_shift(&s) != '>')
		return SMTP_PATH_SYNTAX;
	if (st == SMTP_PATH_OK) {
		set_flags(&p);
		if (p.needs_smtputf8 && (!smtp_is_utf8(p.local) || !smtp_is_utf8(p.domain)))
			return SMTP_PATH_SYNTAX;
		smtp_path_copy(out, &p);
		*in = s;
	}
	return st;
}

void
smtp_path_copy(struct smtp_path *to, const struct smtp_path *from)
{
	size_t n = from->local.len + from->domain.len;

	memcpy(to, from, offsetof(struct smtp_path, buf));
	memcpy(to->buf, from->buf, n);
	to->local.p = to->buf;
	to->domain.p = to->buf + from->local.len;
}

static bool
needs_quotes(struct span local)
{
	struct sink none = { NULL, 0, 0 };

	return !take_dot_string(&local, &none) || local.len;
}

size_t
smtp_path_format(const struct smtp_path *p, char out[SMTP_PATH_TEXT_MAX])
{
	struct sink o = { out, 0, SMTP_PATH_TEXT_MAX };
	bool quoted = p->local.len && needs_quotes(p->local);

	if (quoted)
		put(&o, '"');
	for (size_t i = 0; i < p->local.len; i++) {
		if (quoted && (p->local.p[i] == '"' || p->local.p[i] == '\\'))
			put(&o, '\\');
		put(&o, p->local.p[i]);
	}
	if (quoted)
		put(&o, '"');
	if (p->domain.len)
		put(&o, '@');
	for (size_t i = 0; i < p->domain.len; i++)
		put(&o, p->domain.p[i]);
	return o.len;
}
